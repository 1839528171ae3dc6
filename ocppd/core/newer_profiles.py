"""What OCPP 2.1 adds to charging profiles: which of it this station follows, and Dynamic ones (K21, K28).

Of what is new it follows the purpose PriorityCharging and the kind Dynamic. All else is refused, as it would
change what the profile means: limits of single phases, setpoints, discharge, states of charge, random delays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core.state import ChargingProfile
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

PRIORITY = "PriorityCharging"
DYNAMIC = "Dynamic"
_UPDATES = ("dynUpdateInterval", "dynUpdateTime")
_PROFILE = frozenset(
    [
        "chargingProfileKind",
        "chargingProfilePurpose",
        "chargingSchedule",
        "customData",
        "id",
        "recurrencyKind",
        "stackLevel",
        "transactionId",
        "validFrom",
        "validTo",
        *_UPDATES,
    ]
)
_SCHEDULE = frozenset(
    [
        "chargingRateUnit",
        "chargingSchedulePeriod",
        "customData",
        "duration",
        "id",
        "minChargingRate",
        "salesTariff",
        "startSchedule",
    ]
)
_PERIOD = frozenset(["customData", "limit", "numberPhases", "operationMode", "phaseToUse", "startPeriod"])
_SHORTEST, _LONGEST = 1, 31_536_000  # seconds between two updates


def beyond(profile: Payload) -> str | None:
    """The reason code why this station does not follow what 2.1 has added to it, None where it does."""
    if profile["chargingProfilePurpose"] == "LocalGeneration" or not profile.keys() <= _PROFILE:
        return "UnsupportedParam"
    periods = [it for schedule in profile["chargingSchedule"] for it in schedule["chargingSchedulePeriod"]]
    if not all(schedule.keys() <= _SCHEDULE for schedule in profile["chargingSchedule"]):
        return "UnsupportedParam"
    if not all(
        it.keys() <= _PERIOD and it.get("operationMode", "ChargingOnly") == "ChargingOnly" for it in periods
    ):
        return "UnsupportedParam"
    if not all("limit" in it and it.get("numberPhases") != 0 for it in periods):
        return "InvalidSchedule"
    if profile["chargingProfilePurpose"] == PRIORITY and "transactionId" in profile:
        return "InvalidProfile"
    return _wrong_dynamic(profile, len(periods))


def _wrong_dynamic(profile: Payload, periods: int) -> str | None:
    """A Dynamic one has one period, and the others nothing to update (K28)."""
    if profile["chargingProfileKind"] != DYNAMIC:
        return "InvalidProfile" if any(name in profile for name in _UPDATES) else None
    if periods != 1 or profile["chargingProfilePurpose"] == "ChargingStationExternalConstraints":
        return "InvalidSchedule"
    interval = profile.get("dynUpdateInterval", _SHORTEST)
    return None if _SHORTEST <= interval <= _LONGEST else "InvalidProfile"


def is_dynamic(item: ChargingProfile) -> bool:
    """Whether its limit is updated while it counts."""
    return bool(item.profile["chargingProfileKind"] == DYNAMIC)


def stamped(st: Station, item: ChargingProfile) -> ChargingProfile:
    """A Dynamic one counts from this moment, and its duration with it."""
    if not is_dynamic(item):
        return item
    item.profile = {**item.profile, "dynUpdateTime": format_time(st.clock)}
    return item


def updated(item: ChargingProfile, limit: float) -> ChargingProfile:
    """A Dynamic one with another limit."""
    (schedule,) = item.profile["chargingSchedule"]
    (period,) = schedule["chargingSchedulePeriod"]
    changed = {**schedule, "chargingSchedulePeriod": [{**period, "limit": limit}]}
    profile = {**item.profile, "chargingSchedule": [changed]}
    return ChargingProfile(item.evse, profile, item.source, item.remote_start_id, item.told)
