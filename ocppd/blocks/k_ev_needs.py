"""K. ISO 15118 cars: they tell what they need, and which schedule they follow (K15 to K17).

What car and station say to each other is not simulated, but what comes of it is: the car waits for a profile,
takes the schedule that it selects, and takes another when the composite schedule changes.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le, Len

from ocppd.blocks import e_energy
from ocppd.blocks.e_points import is_connected
from ocppd.blocks.k_profile_checks import MOST_PERIODS, PERIODS
from ocppd.core import limits, on, session, v2x
from ocppd.core.errors import CommandError, as_command_error
from ocppd.core.profiles import amperes, combined, periods_of, scheduled
from ocppd.core.state import EvTalk
from ocppd.core.station import LATER, Done, Later
from ocppd.core.times import format_time
from ocppd.core.variables import integer

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.profiles import Cap, Line
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Car, QueuedCall, Transaction
    from ocppd.core.station import Event, Station

MOST_ENTRIES = integer("ISO15118Ctrlr", "MaxScheduleEntries", MOST_PERIODS, minimum=1, maximum=MOST_PERIODS)

# How long a car waits for its schedule (ISO 15118-2, ChargeParameterDiscovery).
_PATIENCE = 60.0
# How far ahead the schedule of a car is told.
_AHEAD = 86_400
_FULL = 100
_GREATEST = 1e9  # A or W
_ROUNDED = 0.1 + 1e-6  # what is told of a limit has one decimal
_MODES = {0: "DC", 1: "AC_single_phase", 2: "AC_two_phase", 3: "AC_three_phase"}


# Needs (K15.FR.01, K17.FR.01)


@on.event("plugged_in", "authorized")
def waits(st: Station, event: Event) -> None:
    """An ISO 15118 car does not take energy before it has a schedule, or has waited for it long enough.

    Without a connection it need not wait (K15.FR.15).
    """
    place = st.evse(event.evse)
    car, tx = place.car, place.transaction
    if car is None or not car.ev.iso15118 or (tx is not None and tx.talk is not None):
        return
    comes = event.name == "authorized" or place.authorization is not None
    if comes and is_connected(place) and st.is_online and limits.is_enabled(st):
        car.ready_at = st.now + _PATIENCE


@on.event("unplugged")
def leaves(st: Station, event: Event) -> None:
    """Whoever plugs in next, in the same transaction or another, begins anew."""
    tx = st.evse(event.evse).transaction
    if tx is not None:
        tx.talk = None


@on.event("tx_started", "tx_updated")
def tells_needs(st: Station, event: Event) -> None:
    """The car tells what it needs once energy could flow, after the CSMS knows for whom (K15.FR.16)."""
    place = st.evse(event.evse)
    tx, car = place.transaction, place.car
    if tx is None or tx.talk is not None or car is None or not car.ev.iso15118:
        return
    if "PowerPathClosed" in place.points and limits.is_enabled(st):
        _tell_needs(st, event.evse, tx, car)


@on.command("notify-ev-charging-needs")
def notify_ev_charging_needs(st: Station, evse: int) -> Later:
    """Have the car tell its needs, first or anew (K17); `ev` sets what they come from."""
    tx, car = _talking(st, evse)
    _tell_needs(st, evse, tx, car, request=st.request.key if st.request else None)
    return LATER


def _talking(st: Station, evse: int) -> tuple[Transaction, Car]:
    st.require_power()
    place = st.evse(evse)
    if place.transaction is None or place.car is None:
        raise CommandError("invalid_state", "no car is in a transaction at this EVSE")
    if not limits.is_enabled(st):
        raise CommandError("invalid_state", "smart charging is off")
    return place.transaction, place.car


def _tell_needs(st: Station, evse: int, tx: Transaction, car: Car, **context: Any) -> None:
    tx.talk = EvTalk(selected=tx.talk.selected if tx.talk else 0)
    payload = {
        "evseId": evse,
        "maxScheduleTuples": min(st.get(PERIODS), st.get(MOST_ENTRIES)),
        "chargingNeeds": _needs(st, evse, car),
    }
    st.send("NotifyEVChargingNeeds", payload, context={"evse": evse, "tx": tx.id, **context})


def _needs(st: Station, evse: int, car: Car) -> Payload:
    """The ChargingNeedsType: AC or DC, never both (K15.FR.06, K17.FR.06)."""
    place, hardware = st.evse(evse), st.description.hardware.evses[evse - 1]
    phases = session.phases_now(hardware, place)
    by_power = car.ev.max_w / hardware.voltage_v / (phases or 1)
    most = by_power if car.ev.max_a is None else min(by_power, car.ev.max_a)
    needs: Payload = {"requestedEnergyTransfer": _MODES[phases]}
    if car.ev.max_discharge_w is not None:
        needs |= _v2x_needs(st, evse, car, _MODES[phases])
    if car.departure is not None:
        needs["departureTime"] = format_time(car.departure + st.state.clock_offset)
    wanted = round((_FULL - car.soc) / _FULL * car.ev.capacity_wh / car.ev.efficiency)
    common = {"energyAmount": wanted, "evMaxCurrent": round(most), "evMaxVoltage": round(hardware.voltage_v)}
    if phases:
        needs["acChargingParameters"] = common | {"evMinCurrent": round(car.ev.min_a)}
        return needs
    needs["dcChargingParameters"] = common | {
        "evMaxPower": round(car.ev.max_w),
        "stateOfCharge": round(car.soc),
        "evEnergyCapacity": round(car.ev.capacity_wh),
        "fullSoC": _FULL,
    }
    return needs


def _v2x_needs(st: Station, evse: int, car: Car, charging: str) -> Payload:
    """What a car that can feed back tells besides: it asks for that where it is allowed (Q01, Q02)."""
    place, hardware = st.evse(evse), st.description.hardware.evses[evse - 1]
    both = v2x.bidirectional(st, evse)
    needs: Payload = {"availableEnergyTransfer": [charging, both]}
    if not v2x.may_discharge(st, evse):
        return needs
    # Wh in the battery: to the full one, and to the least of charge down to which it gives.
    to_full, to_least = (
        round((soc - car.soc) / _FULL * car.ev.capacity_wh) for soc in (_FULL, car.ev.min_soc)
    )
    parameters: Payload = {
        "minChargePower": round(car.ev.min_a * session.watts_for_an_ampere(hardware, place))
        if hardware.phases
        else 0,
        "maxChargePower": round(min(car.ev.max_w, hardware.max_w)),
        "minDischargePower": 0,
        "maxDischargePower": round(session.most_back_w(hardware, place, hardware.max_w)),
        "evTargetEnergyRequest": to_full,
        "evMinEnergyRequest": 0,
        "evMaxEnergyRequest": to_full,
        "evMinV2XEnergyRequest": to_least,
        "evMaxV2XEnergyRequest": to_full,
    }
    return needs | {"requestedEnergyTransfer": both, "v2xChargingParameters": parameters}


def tell_again(st: Station, evse: int) -> None:
    """An ISO 15118 car that has told its needs tells them anew: other energy transfer is allowed (Q02)."""
    place = st.evse(evse)
    if place.transaction is not None and place.transaction.talk is not None and place.car is not None:
        _tell_needs(st, evse, place.transaction, place.car)


@on.reply("NotifyEVChargingNeeds")
def needs_answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """Accepted: a profile will come. Else the car goes on with what the station can give (K15.FR.15)."""
    st.finish(call.context.get("request"), Done(result={"status": response["status"]}))
    tx = _tx_of(st, call)
    if tx is None or tx.talk is None:
        return
    tx.talk.status = response["status"]
    if response["status"] != "Accepted":
        _go_on(st, call.context["evse"])
    elif _waits(st, call.context["evse"]) and _own_profiles(st, tx):
        _negotiate(st, call.context["evse"], tx)  # the profile was faster than the answer


@on.failed("NotifyEVChargingNeeds")
def needs_lost(st: Station, call: QueuedCall, failure: CallError) -> None:
    """Nobody has heard of the needs."""
    st.finish(call.context.get("request"), as_command_error(failure))
    tx = _tx_of(st, call)
    if tx is not None and tx.talk is not None:
        tx.talk.status = "Unanswered"
        _go_on(st, call.context["evse"])


def _tx_of(st: Station, call: QueuedCall) -> Transaction | None:
    """The transaction of which the call tells, where it runs still."""
    number = call.context["evse"]
    tx = st.evse(number).transaction if number <= len(st.state.evses) else None
    return tx if tx is not None and tx.id == call.context["tx"] else None


def _waits(st: Station, evse: int) -> bool:
    """Whether the car has no schedule yet."""
    car = st.evse(evse).car
    return car is not None and car.ready_at is not None and car.ready_at > st.now + car.ev.ready_delay_s


def _go_on(st: Station, evse: int) -> None:
    """The car need not wait for a schedule any more."""
    car = st.evse(evse).car
    if car is not None and _waits(st, evse):
        car.ready_at = st.now + car.ev.ready_delay_s
        e_energy.follow(st, evse)


# Schedules (K15.FR.09 to K15.FR.14, K15.FR.19, K16)


@on.event("profiles_changed")
def renegotiates(st: Station, event: Event) -> None:
    """The composite schedule is another: each car concerned takes what it offers (K16.FR.02, K16.FR.13)."""
    for number, place in st.evses():
        tx = place.transaction
        if (
            event.evse in (0, number)
            and tx is not None
            and tx.talk is not None
            and tx.talk.status is not None
        ):
            tx.talk.schedule = None
            _negotiate(st, number, tx)


def _negotiate(st: Station, evse: int, tx: Transaction) -> None:
    _go_on(st, evse)
    _tell_schedule(st, evse, tx, _own_choice(st, evse, tx))


def _own_profiles(st: Station, tx: Transaction) -> list[Payload]:
    """The TxProfiles of the transaction."""
    return [it.profile for it in st.state.charging_profiles if it.profile.get("transactionId") == tx.id]


def _own_choice(st: Station, evse: int, tx: Transaction) -> Payload:
    """All that the composite schedule allows, under the id of the schedule that the car has selected."""
    start = math.floor(st.clock)
    feed = limits.feed_of(st, evse)
    unit = "A" if feed.phases else "W"
    found = periods_of(limits.schedule(st, evse, start, start + _AHEAD), unit, feed)
    return {
        "id": _selected_id(st, tx),
        "duration": _AHEAD,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": found[:MOST_PERIODS],
    }


def _selected_id(st: Station, tx: Transaction) -> int:
    """K15.FR.19: that of the profile which leads; 0 where the CSMS has given none."""
    leading = max(_own_profiles(st, tx), key=lambda it: it["stackLevel"], default=None)
    if leading is None or tx.talk is None:
        return 0
    schedules = leading["chargingSchedule"]
    return int(schedules[min(tx.talk.selected, len(schedules) - 1)]["id"])


def _tell_schedule(st: Station, evse: int, tx: Transaction, schedule: Payload, **context: Any) -> None:
    since = math.floor(st.clock)
    payload = {"timeBase": format_time(since), "evseId": evse, "chargingSchedule": schedule}
    if _own_profiles(st, tx):  # K15.FR.21, K16.FR.14: where OCPP has the field
        payload["selectedChargingScheduleId"] = schedule["id"]
    context |= {"evse": evse, "tx": tx.id, "since": since}
    st.send("NotifyEVChargingSchedule", payload, context=context)


_Period = dict[str, float]


@on.command("notify-ev-charging-schedule")
def notify_ev_charging_schedule(
    st: Station,
    evse: int,
    *,
    select: Annotated[int, Ge(1), Le(3)] | None = None,
    periods: Annotated[list[_Period], Len(1, MOST_PERIODS)] | None = None,
) -> Later:
    """Have the car select one of the schedules of its profile, by position, and say what it will follow.

    That is what the selected one allows, or `periods` of its own: {startPeriod, limit} in A (DC: in W).
    """
    tx, _ = _talking(st, evse)
    own = None if periods is None else _own_periods(periods)
    talk = tx.talk = tx.talk or EvTalk(status="Unanswered")
    if select is not None:
        talk.selected = select - 1
    talk.schedule = None
    limits.renew(st)
    chosen = _own_choice(st, evse, tx)
    if own is not None:
        chosen["chargingSchedulePeriod"] = own
    within, request = _is_within(st, evse, chosen), st.request.key if st.request else None
    _tell_schedule(st, evse, tx, chosen, request=request, within=within)
    return LATER


def _own_periods(given: list[_Period]) -> list[Payload]:
    starts = [it.get("startPeriod", -1) for it in given]
    rise = starts[0] == 0 and all(one < other for one, other in pairwise(starts)) and starts[-1] <= _AHEAD
    complete = all(set(it) == {"startPeriod", "limit"} and 0 <= it["limit"] <= _GREATEST for it in given)
    if not (rise and complete):
        raise CommandError("invalid_argument", "periods: each is {startPeriod, limit}, from 0 on, in order")
    return [{"startPeriod": int(it["startPeriod"]), "limit": it["limit"]} for it in given]


def _is_within(st: Station, evse: int, schedule: Payload) -> bool:
    """Whether a car's schedule never goes beyond what the station allows (K15.FR.09, K16.FR.04)."""
    start, feed = math.floor(st.clock), limits.feed_of(st, evse)
    offered: Line[Cap | None] = [*limits.schedule(st, evse, start, start + _AHEAD)]
    taken = list(scheduled(schedule, feed, start).steps(start, start + _AHEAD))

    def is_within(caps: list[Cap | None]) -> bool:
        most, wanted = (math.inf if it is None else amperes(it, feed) for it in caps)
        return caps[1] is None or wanted <= most + _ROUNDED

    return all(fits for _, fits in combined([offered, taken], is_within))


@on.reply("NotifyEVChargingSchedule")
def schedule_answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """What the CSMS has accepted is in the composite schedule from now on (K15.FR.14, K16.FR.10)."""
    status = response["status"]
    result = {"status": status, "within_limits": call.context.get("within")}
    st.finish(call.context.get("request"), Done(result=result))
    tx = _tx_of(st, call)
    if tx is not None and tx.talk is not None and status == "Accepted":
        tx.talk.schedule, tx.talk.since = call.payload["chargingSchedule"], call.context["since"]


@on.failed("NotifyEVChargingSchedule")
def schedule_lost(st: Station, call: QueuedCall, failure: CallError) -> None:
    """The car follows it all the same."""
    st.finish(call.context.get("request"), as_command_error(failure))
