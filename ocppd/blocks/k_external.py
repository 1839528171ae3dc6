"""K. External limits: what an energy manager or the grid operator demands, and the CSMS is told (K11 to K13).

Such a limit is a charging profile of its own purpose: one for each source at an EVSE or, as EVSE 0, at the
station. It counts in the composite schedule and acts like all others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le

from ocppd.blocks.k_limits import is_significant
from ocppd.core import limits, on
from ocppd.core.errors import CommandError, ErrorCode
from ocppd.core.state import ChargingProfile
from ocppd.core.station import UNCHANGED, Done
from ocppd.core.times import format_time, parse_time
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Event, Station

SIGNALS_ENABLED = boolean("SmartChargingCtrlr", "ExternalControlSignalsEnabled", True, mutability="ReadWrite")
WITH_SCHEDULES = boolean(
    "SmartChargingCtrlr", "NotifyChargingLimitWithSchedules", True, mutability="ReadWrite"
)

Source = Literal["EMS", "SO", "Other"]
_SOURCES = ("EMS", "SO", "Other")
_TIMER = "external"
_INSTANT = 1e-3
_NEVER = math.inf
_Watts = Annotated[float, Ge(0), Le(1e8)]
_Amperes = Annotated[float, Ge(0), Le(1e5)]
_Seconds = Annotated[float, Gt(0), Le(31_536_000)]


@on.command("limit")
def limit(
    st: Station,
    evse: int | None = None,
    watts: _Watts | Literal["OFF", "Off", "off"] | None = None,
    *,
    amps: _Amperes | None = None,
    source: Source | None = None,
    for_s: _Seconds | None = None,
) -> Done:
    """Limit the EVSE, or all of the station together, to `watts` or, on each phase, `amps`; OFF lifts it.

    `source` says who demands it: EMS, an energy manager (the default), SO, the grid operator, or Other. Each
    has a limit of its own, and the lowest counts; OFF without one lifts all. It ends after `for_s` seconds,
    rounded up to whole ones.
    """
    st.require_power()
    if isinstance(watts, str):
        return _lift(st, evse or 0, (source,) if source else _SOURCES)
    if (watts is None) == (amps is None):
        code: ErrorCode = "missing_argument" if watts is None else "invalid_argument"
        raise CommandError(code, "one of watts and amps is needed")
    if not (limits.is_enabled(st) and st.get(SIGNALS_ENABLED)):
        raise CommandError("invalid_state", "SmartChargingCtrlr says that external limits are off")
    unit, amount = ("A", amps) if amps is not None else ("W", watts)
    wanted = _profile(st, evse or 0, source or "EMS", unit, float(amount or 0), for_s)
    old = _find(st, wanted.evse, wanted.source)
    if old is not None and _said(old) == _said(wanted) and _length(old) is None and for_s is None:
        return UNCHANGED
    wanted.told = old.told if old is not None and _said(old)[0] == unit else None
    _replace(st, [old] if old else [], [wanted])
    _notify(st, wanted)
    return Done()


def _profile(
    st: Station, evse: int, source: str, unit: str, amount: float, seconds: float | None
) -> ChargingProfile:
    """An external limit as a profile, with a negative id, which no CSMS would use (K11.FR.06, K12.FR.05)."""
    number = len(_SOURCES) * evse + _SOURCES.index(source) + 1
    schedule: Payload = {
        "id": number,
        "startSchedule": format_time(st.clock),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amount}],
    }
    if seconds is not None:
        schedule["duration"] = math.ceil(seconds)
    profile = {
        "id": -number,
        "stackLevel": 0,
        "chargingProfilePurpose": limits.EXTERNAL,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return ChargingProfile(evse, profile, source)


def _schedule(item: ChargingProfile) -> dict[str, Any]:
    found: dict[str, Any] = item.profile["chargingSchedule"][0]
    return found


def _said(item: ChargingProfile) -> tuple[str, float]:
    """The unit and the limit."""
    schedule = _schedule(item)
    return schedule["chargingRateUnit"], schedule["chargingSchedulePeriod"][0]["limit"]


def _length(item: ChargingProfile) -> int | None:
    return _schedule(item).get("duration")


def _externals(st: Station) -> list[ChargingProfile]:
    return [it for it in st.state.charging_profiles if limits.purpose(it) == limits.EXTERNAL]


def _find(st: Station, evse: int, source: str) -> ChargingProfile | None:
    return next((it for it in _externals(st) if (it.evse, it.source) == (evse, source)), None)


def _replace(st: Station, old: list[ChargingProfile], new: list[ChargingProfile]) -> None:
    kept = (it for it in st.state.charging_profiles if it not in old)
    limits.change(st, (*kept, *new), (*old, *new)[0].evse)
    _arm(st)


# Lifted, by whoever has set it or by time (K13)


def _lift(st: Station, evse: int, sources: tuple[str, ...]) -> Done:
    gone = [it for it in _externals(st) if it.evse == evse and it.source in sources]
    _give_up(st, gone)
    return Done() if gone else UNCHANGED


def _give_up(st: Station, gone: list[ChargingProfile]) -> None:
    """K13.FR.01, K13.FR.02; what the CSMS was never told need not be taken back."""
    if not gone:
        return
    _replace(st, gone, [])
    for it in gone:
        if it.told is not None:
            told: Payload = {"chargingLimitSource": it.source} | _place(it)
            st.send("ClearedChargingLimit", told, keep=True)


@on.timer(_TIMER)
def is_over(st: Station) -> None:
    """The time of a limit is over; without power that is found out at the power-up."""
    if not st.is_running:
        return
    _give_up(st, [it for it in _externals(st) if _end(it) <= st.clock + _INSTANT])
    _arm(st)


def _end(item: ChargingProfile) -> float:
    start = parse_time(_schedule(item)["startSchedule"]) or 0.0
    length = _length(item)
    return _NEVER if length is None else start + length


def _arm(st: Station) -> None:
    st.cancel(_TIMER)
    end = min((_end(it) for it in _externals(st)), default=_NEVER)
    if end < _NEVER:
        st.at(end - st.state.clock_offset, _TIMER)


@on.event("started", "power_up", "clock_set")
def look_again(st: Station, _event: Event) -> None:
    """A limit may have ended in the dark, or ends at another time on a clock that was put right."""
    if st.state.charging_profiles:
        _arm(st)


@on.event("variable_changed")
def switched(st: Station, event: Event) -> None:
    """Who does not listen to external signals obeys none."""
    if event.data["key"] == SIGNALS_ENABLED.station_key and not st.get(SIGNALS_ENABLED):
        _give_up(st, _externals(st))


# NotifyChargingLimit (K11.FR.02, K12.FR.02)


def _notify(st: Station, item: ChargingProfile) -> None:
    """Tell of a limit that is new, or has changed significantly since it was told."""
    _, amount = _said(item)
    if item.told is not None and not is_significant(st, item.told, amount):
        return
    item.told = amount
    payload: Payload = {"chargingLimit": {"chargingLimitSource": item.source}} | _place(item)
    if st.get(WITH_SCHEDULES):  # K11.FR.03, K12.FR.03
        payload["chargingSchedule"] = item.profile["chargingSchedule"]
    context = {"evse": item.evse, "source": item.source}
    st.send("NotifyChargingLimit", payload, context=context)


def _place(item: ChargingProfile) -> Payload:
    return {"evseId": item.evse} if item.evse else {}


@on.failed("NotifyChargingLimit")
def never_told(st: Station, call: QueuedCall, failure: CallError) -> None:
    """What a lost connection has kept from the CSMS is told when there is another."""
    item = _find(st, call.context["evse"], call.context["source"])
    if item is not None and failure.code in ("NotSent", "Timeout"):
        item.told = None


@on.event("csms_connected")
def tell_again(st: Station, _event: Event) -> None:
    """Tell what the CSMS does not know."""
    for it in _externals(st) if st.state.charging_profiles else ():
        if it.told is None:
            _notify(st, it)
