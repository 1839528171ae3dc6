"""What OCPP 2.1 adds to charging profiles: which of it this station follows, and Dynamic ones (K21, K28).

Of what is new it follows the purpose PriorityCharging, the kind Dynamic, what becomes of a profile offline,
and the operation modes that `core.operation_modes` knows. All else is refused, as it would change what the
profile means: limits and setpoints of single phases, reactive power, states of charge, random delays, sleep
and preconditioning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.core import operation_modes
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
        "invalidAfterOfflineDuration",
        "maxOfflineDuration",
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
_PERIOD = operation_modes.FIELDS | {
    "customData",
    "limit",
    "numberPhases",
    "operationMode",
    "phaseToUse",
    "startPeriod",
}
# Of these purposes a profile may want more than to charge; the others limit several, or come from elsewhere.
_DIRECTING = ("TxProfile", "TxDefaultProfile", PRIORITY)
# What an update of a Dynamic one may tell.
UPDATED = frozenset(["dischargeLimit", "limit", "setpoint"])
_SHORTEST, _LONGEST = 1, 31_536_000  # seconds between two updates


def beyond(profile: Payload) -> str | None:
    """The reason code why this station does not follow what 2.1 has added to it, None where it does."""
    schedules = profile["chargingSchedule"]
    periods = [it for schedule in schedules for it in schedule["chargingSchedulePeriod"]]
    known = [(_PROFILE, [profile]), (_SCHEDULE, schedules), (_PERIOD, periods)]
    if profile["chargingProfilePurpose"] == "LocalGeneration" or not all(
        part.keys() <= fields for fields, parts in known for part in parts
    ):
        return "UnsupportedParam"
    if any(it.get("numberPhases") == 0 for it in periods):
        return "InvalidSchedule"
    if reason := next(filter(None, map(operation_modes.defect, periods)), None):
        return reason
    if profile["chargingProfilePurpose"] not in _DIRECTING and any(map(_directs, periods)):
        return "InvalidProfile"
    if profile["chargingProfilePurpose"] == PRIORITY and "transactionId" in profile:
        return "InvalidProfile"
    if profile.get("maxOfflineDuration", 0) < 0:
        return "InvalidProfile"
    return _wrong_dynamic(profile, len(periods))


def _directs(period: Payload) -> bool:
    return bool(period.get("operationMode", operation_modes.CHARGING_ONLY) != operation_modes.CHARGING_ONLY)


def _wrong_dynamic(profile: Payload, periods: int) -> str | None:
    """A Dynamic one has one period, and the others nothing to update (K28)."""
    if profile["chargingProfileKind"] != DYNAMIC:
        return "InvalidProfile" if any(name in profile for name in _UPDATES) else None
    if periods != 1 or profile["chargingProfilePurpose"] == "ChargingStationExternalConstraints":
        return "InvalidSchedule"
    interval = profile.get("dynUpdateInterval", _SHORTEST)
    return None if _SHORTEST <= interval <= _LONGEST else "InvalidProfile"


def valid_until(st: Station, item: ChargingProfile) -> float:
    """When it ends to be valid for want of a connection, in epoch seconds; infinity where it does not."""
    longest, since = item.profile.get("maxOfflineDuration"), st.state.csms.offline_since
    return math.inf if longest is None or since is None else since + float(longest)


def is_dynamic(item: ChargingProfile) -> bool:
    """Whether its limit is updated while it counts."""
    return bool(item.profile["chargingProfileKind"] == DYNAMIC)


def stamped(st: Station, item: ChargingProfile) -> ChargingProfile:
    """A Dynamic one counts from this moment, and its duration with it."""
    if not is_dynamic(item):
        return item
    item.profile = {**item.profile, "dynUpdateTime": format_time(st.clock)}
    return item


def updated(item: ChargingProfile, update: Payload) -> ChargingProfile:
    """A Dynamic one with another limit, setpoint or dischargeLimit."""
    (schedule,) = item.profile["chargingSchedule"]
    (period,) = schedule["chargingSchedulePeriod"]
    changed = {**schedule, "chargingSchedulePeriod": [{**period, **update}]}
    profile = {**item.profile, "chargingSchedule": [changed]}
    return ChargingProfile(item.evse, profile, item.source, item.remote_start_id, item.told)
