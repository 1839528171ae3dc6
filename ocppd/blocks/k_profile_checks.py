"""K. Which charging profiles the station refuses, and why (K01, K02, K04, K05)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import orjson

from ocppd.core import limits, newer_profiles, v2x
from ocppd.core.operation_modes import CHARGING_ONLY
from ocppd.core.profiles import defect
from ocppd.core.times import parse_time
from ocppd.core.variables import boolean, integer, members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocppd.core.schemas import Payload
    from ocppd.core.state import ChargingProfile
    from ocppd.core.station import Station

MOST_PROFILES = 100
MOST_PERIODS = 1024
# What a profile may take up beside its periods: names and a tariff, in bytes of JSON.
_ROOM = 8_192
_ROOM_FOR_A_PERIOD = 512

STACK_LEVEL = integer("SmartChargingCtrlr", "ProfileStackLevel", 10, minimum=0)
RATE_UNIT = members("SmartChargingCtrlr", "RateUnit", "A,W", ("A", "W"))
PERIODS = integer("SmartChargingCtrlr", "PeriodsPerSchedule", 24, minimum=1, maximum=MOST_PERIODS)
PHASES_3_TO_1 = boolean("SmartChargingCtrlr", "Phases3to1", True)
PHASE_SWITCHING = boolean("SmartChargingCtrlr", "ACPhaseSwitchingSupported", True)


def refusal(st: Station, evse: int, profile: Payload, *, starts: bool = False) -> str | None:
    """The reason code why the profile cannot be set for that EVSE, 0 for the station; None where it can.

    With `starts` it comes with a RequestStartTransaction, whose transaction has no id yet (K05).
    """
    if not 0 <= evse <= len(st.state.evses):
        return "UnknownEvse"  # K01.FR.28
    return (
        newer_profiles.beyond(profile)
        or defect(profile)
        or _wrong_place(st, evse, profile, starts)
        or _too_much(st, profile)
        or _unable(st, evse, profile)
        or _duplicate(st, evse, profile)
    )


def _wrong_place(st: Station, evse: int, profile: Payload, starts: bool) -> str | None:
    purpose = profile["chargingProfilePurpose"]
    if starts:  # K05.FR.02, F01.FR.11
        return None if purpose == "TxProfile" and "transactionId" not in profile else "InvalidProfile"
    if purpose == limits.EXTERNAL or (purpose == limits.MAXIMUM and evse):
        return "InvalidProfile"  # K01.FR.22, K04.FR.03
    return _wrong_transaction(st, evse, profile) if purpose == "TxProfile" else None


def _wrong_transaction(st: Station, evse: int, profile: Payload) -> str | None:
    """K01.FR.03, K01.FR.09, K01.FR.16, K01.FR.33."""
    if evse == 0 or "transactionId" not in profile:
        return "InvalidProfile"
    place = st.evse(evse)
    tx, car = place.transaction, place.car
    if tx is None or tx.id != profile["transactionId"]:
        return "TxNotFound"
    talks = car is not None and car.ev.iso15118
    return "InvalidMessageSeq" if talks and tx.talk is None else None  # K15.FR.17


def _too_much(st: Station, profile: Payload) -> str | None:
    schedules, most = profile["chargingSchedule"], st.get(PERIODS)
    if len(schedules) > 1 and not _may_choose(st, profile):
        return "TooManyElements"
    if profile["stackLevel"] > st.get(STACK_LEVEL):
        return "InvalidStackLevel"
    if any(len(it["chargingSchedulePeriod"]) > most for it in schedules):
        return "TooManyElements"
    if len(orjson.dumps(profile)) > _ROOM + _ROOM_FOR_A_PERIOD * most:
        return "TooLargeElement"
    if not {it.get("operationMode", CHARGING_ONLY) for it in _periods(profile)} <= {*_modes(st)}:
        return "UnsupportedParam"
    if any(it["chargingRateUnit"] not in st.get(RATE_UNIT) for it in schedules):
        return "UnsupportedRateUnit"  # K01.FR.26
    return None


def _modes(st: Station) -> tuple[str, ...]:
    return (CHARGING_ONLY, *st.get(v2x.OPERATION_MODES))


def _may_choose(st: Station, profile: Payload) -> bool:
    """Whether it is for an ISO 15118 car that has told its needs, and may choose (K01.FR.34, K15.FR.07)."""
    running = [place.transaction for _, place in st.evses() if place.transaction is not None]
    return any(tx.talk is not None and tx.id == profile.get("transactionId") for tx in running)


def _unable(st: Station, evse: int, profile: Payload) -> str | None:
    """K01.FR.43 to K01.FR.48, and that no two profiles name different phases (erratum to 3.7)."""
    evses = [evse] if evse else [number for number, _ in st.evses()]
    for period in _periods(profile):
        if not all(_can_do(st, number, period) for number in evses):
            return "InvalidSchedule"
    named = {it["phaseToUse"] for it in _periods(profile) if "phaseToUse" in it}
    for other in st.state.charging_profiles if named else ():
        there = {it["phaseToUse"] for it in _periods(other.profile) if "phaseToUse" in it}
        meets = evse in (0, other.evse) or other.evse == 0
        if meets and there and there != named and other.profile["id"] != profile["id"]:
            return "InvalidSchedule"
    return None


def _can_do(st: Station, evse: int, period: Payload) -> bool:
    hardware = st.description.hardware.evses[evse - 1]
    phases, phase = period.get("numberPhases"), period.get("phaseToUse")
    if hardware.phases == 0:
        return True  # K01.FR.44
    if phases is not None and phases < hardware.phases and not _can_use_fewer(st, evse, phases):
        return False
    return phase is None or st.get(PHASE_SWITCHING) or (hardware.phases == 1 and phase == 1)


def _can_use_fewer(st: Station, evse: int, phases: int) -> bool:
    """Whether no more than so many phases are used for certain: by the station's doing, or by the car's."""
    car, hardware = st.evse(evse).car, st.description.hardware.evses[evse - 1]
    return st.get(PHASES_3_TO_1) or (car is not None and min(hardware.phases, car.ev.phases) <= phases)


def _periods(profile: Payload) -> Iterator[Payload]:
    for schedule in profile["chargingSchedule"]:
        yield from schedule["chargingSchedulePeriod"]


def _duplicate(st: Station, evse: int, profile: Payload) -> str | None:
    """Another profile that stands where this one would (K01.FR.05, .06, .39, .52, .53), or no room."""
    others = [it for it in st.state.charging_profiles if it.profile["id"] != profile["id"]]
    same = [it for it in st.state.charging_profiles if it.profile["id"] == profile["id"]]
    if any(limits.purpose(it) == limits.EXTERNAL for it in same):
        return "InvalidProfile"  # which only who has set it replaces
    if any(_clashes(evse, profile, it) for it in others):
        return "DuplicateProfile"
    return None if len(others) < MOST_PROFILES else "TooManyElements"


def _clashes(evse: int, profile: Payload, other: ChargingProfile) -> bool:
    name, level = profile["chargingProfilePurpose"], profile["stackLevel"]
    if name != limits.purpose(other) or level != other.profile["stackLevel"]:
        return False
    if name == "TxProfile":
        return evse == other.evse and profile.get("transactionId") == other.profile.get("transactionId")
    if name == "TxDefaultProfile" and evse != other.evse:
        return 0 in (evse, other.evse)
    return evse == other.evse and _overlap(profile, other.profile)


def _overlap(one: Payload, other: Payload) -> bool:
    return _begin(one) < _end(other) and _begin(other) < _end(one)


def _begin(profile: Payload) -> float:
    return parse_time(profile.get("validFrom", "")) or -math.inf


def _end(profile: Payload) -> float:
    found = parse_time(profile.get("validTo", ""))
    return math.inf if found is None else found
