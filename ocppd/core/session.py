"""The car at an EVSE and its energy as functions of time: exact, and computed only when somebody asks.

offer     what the EVSE lets the car have: the least of its rating, the cable and its limit
course    what the car takes of that at each state of charge, see `core.battery`
giving    the other way round: where its limit says so, the car feeds back an even power down to its
          `min_soc`; power and currents are below 0 then, and there is no reactive power

Between two inputs nothing of this changes but the state of charge, and a ramp. So `settle` brings the meter
and the battery up to the moment of an input before anything can change, in closed form.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from ocppd.core import battery

if TYPE_CHECKING:
    from ocppd.core.battery import Course
    from ocppd.core.description import Evse as EvseDescription
    from ocppd.core.state import Car, Connector, Evse, State

# The least that a control pilot can offer a car (IEC 61851-1).
LEAST_A = 6.0
_NEARLY = 1e-3  # A: rounding is no reason to suspend
_NOTHING_W = 1e-3  # with less, no battery is full within any time that can be told
_LINES = (0, 1, 2)

Lines = tuple[float, float, float]


class Flow(NamedTuple):
    """What flows at one moment: `power_w` in all, and by line (L1, L2, L3; DC: the first) A and V.

    `power_factor` is that of the car, `phases` is how many are used, 0 for DC.
    """

    power_w: float
    current_a: Lines
    voltage_v: Lines
    phases: int
    power_factor: float = 1.0

    @property
    def power_by_line(self) -> Lines:
        """Active power of each line, in W."""
        (a1, a2, a3), (v1, v2, v3), factor = self.current_a, self.voltage_v, self.power_factor
        return a1 * v1 * factor, a2 * v2 * factor, a3 * v3 * factor

    @property
    def reactive_by_line(self) -> Lines:
        """Reactive power of each line, in var."""
        first, second, third = (abs(watts) * tangent(self.power_factor) for watts in self.power_by_line)
        return first, second, third


def tangent(power_factor: float) -> float:
    """Reactive power for each W."""
    return math.sqrt(1 - power_factor**2) / power_factor


# What is offered


def phases_now(evse: EvseDescription, state: Evse) -> int:
    """How many phases are used here or, without a car, could be used; 0 for DC."""
    phases, car, limit = evse.phases, state.car, state.limit
    if car is not None and car.ev.phases < phases:
        phases = car.ev.phases
    if limit is not None and limit.phases is not None and limit.phases < phases:
        phases = limit.phases
    return phases


def lines_now(evse: EvseDescription, state: Evse) -> tuple[int, ...]:
    """Those phases, from 0: the first ones, or the one that the limit names; for DC the first column."""
    phases, limit = phases_now(evse, state), state.limit
    if phases == 1 and limit is not None and limit.phase is not None and limit.phase <= evse.phases:
        return (limit.phase - 1,)
    return _LINES[: phases or 1]


def volts_now(evse: EvseDescription, state: Evse) -> Lines:
    """The voltage of each line that the EVSE has, used or not."""
    volts = state.meter.voltage_v or evse.voltage_v
    first, second, third = volts if isinstance(volts, tuple) else (volts, volts, volts)
    return first, second if evse.phases > 1 else 0.0, third if evse.phases > 2 else 0.0


def watts_for_an_ampere(evse: EvseDescription, state: Evse) -> float:
    """The power of 1 A on each of the lines that are used."""
    factor = state.car.ev.power_factor if state.car is not None and evse.phases else 1.0
    volts = state.meter.voltage_v or evse.voltage_v
    if isinstance(volts, tuple):
        return factor * sum(volts[line] for line in lines_now(evse, state))
    return factor * volts * (phases_now(evse, state) or 1)


def offered_a(evse: EvseDescription, state: Evse) -> float:
    """The current that the EVSE may give on each line, whatever the car takes of it."""
    amps, limit, car = evse.max_w / evse.voltage_v / (evse.phases or 1), state.limit, state.car
    if car is not None and car.ev.cable_a is not None:
        amps = min(amps, car.ev.cable_a)
    if limit is not None and limit.current_a is not None:
        amps = min(amps, limit.current_a)
    if limit is not None and limit.power_w is not None:
        amps = min(amps, limit.power_w / watts_for_an_ampere(evse, state))
    return amps


def is_offering(evse: EvseDescription, station: State, state: Evse) -> bool:
    """Whether the contactor is closed: somebody is authorized, a cable is in, and nothing forbids it."""
    token = state.authorization
    if token is None or token.suspended or state.suspended:
        return False
    if not station.power or station.rebooting:
        return False
    if state.limit is not None and not (state.limit.discharge_w or _can_be_offered(evse, state)):
        return False
    for connector in state.connectors:  # noqa: SIM110 - asked several times for each sample
        if connector.plugged and _is_usable(station, state, connector):
            return True
    return False


def _can_be_offered(evse: EvseDescription, state: Evse) -> bool:
    """Whether what the limit leaves is enough to be told to a car."""
    amps = offered_a(evse, state)
    return amps >= LEAST_A - _NEARLY if evse.phases else amps > _NEARLY


def _is_usable(state: State, evse: Evse, connector: Connector) -> bool:
    """Faults stop what is charging, Inoperative only what has not started yet (G03.FR.05)."""
    operative = state.operative and evse.operative and connector.operative
    return not connector.faults and (operative or evse.transaction is not None)


# What the car takes


def is_ready(car: Car, now: float) -> bool:
    """Whether the car would take energy that is offered now."""
    return not car.suspended and car.ready_at is not None and now >= car.ready_at and car.soc < battery.FULL


def most_back_w(evse: EvseDescription, state: Evse, watts: float) -> float:
    """How much of `watts` the car can feed back there, were its battery full; 0 where it never does."""
    car = state.car
    if car is None or car.ev.max_discharge_w is None:
        return 0.0
    amps = [car.ev.cable_a, car.ev.max_a if evse.phases else None]
    by_current = [it * evse.voltage_v * (phases_now(evse, state) or 1) for it in amps if it is not None]
    found = min(watts, car.ev.max_discharge_w, evse.max_w, *by_current)
    return found if found > _NOTHING_W else 0.0


def most_w(evse: EvseDescription, state: Evse) -> float:
    """The most that the car takes of what is offered, were its battery empty; 0 where that is too little."""
    if state.car is None:
        return 0.0
    ev = state.car.ev
    amps = offered_a(evse, state)
    if evse.phases:
        if amps < ev.min_a - _NEARLY:
            return 0.0
        if ev.max_a is not None:
            amps = min(amps, ev.max_a)
    return min(amps * watts_for_an_ampere(evse, state), ev.max_w)


def _course(evse: EvseDescription, state: Evse, car: Car) -> Course | None:
    """The power that the car is to have at each state of charge; None for none."""
    watts = state.meter.power_w
    if watts is not None:
        return battery.constant(watts) if watts > _NOTHING_W else None
    watts = most_w(evse, state)
    return battery.course(car.ev.curve, car.ev.max_w, watts) if watts > _NOTHING_W else None


def _ramp(state: Evse, car: Car) -> float | None:
    """How fast the power may change, in W/s; what a command has set is there at once."""
    return car.ev.ramp_w_s if state.meter.power_w is None else None


def _gain(car: Car) -> float:
    """Percent of charge for each Wh at the meter."""
    return battery.FULL * car.ev.efficiency / car.ev.capacity_wh


def takes_energy(evse: EvseDescription, state: Evse, now: float) -> bool:
    """Whether the car draws from what is offered, or its power rises from 0 at this very moment."""
    car, limit = state.car, state.limit
    if limit is not None and limit.discharge_w:
        return car is not None and _is_ready_to_give(car, now)
    return car is not None and is_ready(car, now) and _course(evse, state, car) is not None


def power_w(evse: EvseDescription, state: Evse, now: float) -> float:
    """The power drawn now by a car that is offered energy; 0 where it takes none, below 0 where it gives."""
    car, limit = state.car, state.limit
    if limit is not None and limit.discharge_w:
        return _given_w(limit.discharge_w, car, now)
    if car is None or not is_ready(car, now):
        return 0.0
    course = _course(evse, state, car)
    if course is None:
        return 0.0
    return battery.watts_at(course, car.soc) if _ramp(state, car) is None else car.drawn_w


def seconds_to_full(evse: EvseDescription, state: Evse) -> float:
    """How long the car that charges now will go on until its battery is full."""
    car = state.car
    course = None if car is None else _course(evse, state, car)
    if car is None or course is None:
        return math.inf
    return battery.seconds_to_full(course, _gain(car), car.soc, car.drawn_w, _ramp(state, car))


def seconds_to_least(state: Evse) -> float:
    """How long the car that gives now will go on until its battery is down to its least."""
    car, limit = state.car, state.limit
    if car is None or limit is None or not limit.discharge_w or _emptiness(car) >= battery.FULL:
        return math.inf
    course = battery.constant(limit.discharge_w)
    return battery.seconds_to_full(course, _loss(car), _emptiness(car), -car.drawn_w, car.ev.ramp_w_s)


def seconds_for(evse: EvseDescription, state: Evse, energy_wh: float) -> float:
    """How long the car that charges now needs for that energy; infinity where it is full before."""
    car = state.car
    course = None if car is None else _course(evse, state, car)
    if car is None or course is None:
        return math.inf
    return battery.seconds_for(course, _gain(car), car.soc, car.drawn_w, energy_wh, _ramp(state, car))


def seconds_to_power(evse: EvseDescription, state: Evse, levels: list[float]) -> float:
    """How long until the power of a car that charges or gives now passes one of these, in W, or infinity."""
    car, limit = state.car, state.limit
    if car is None:
        return math.inf
    if limit is not None and limit.discharge_w:
        mirrored = [-it for it in levels]
        course, emptiness = battery.constant(limit.discharge_w), _emptiness(car)
        return battery.seconds_to_power(
            course, _loss(car), emptiness, -car.drawn_w, mirrored, car.ev.ramp_w_s
        )
    taken = _course(evse, state, car)
    if taken is None:
        return math.inf
    return battery.seconds_to_power(taken, _gain(car), car.soc, car.drawn_w, levels, _ramp(state, car))


def seconds_to_give(state: Evse, energy_wh: float) -> float:
    """How long the car that gives now needs for that energy; infinity where it is at its least before."""
    car, limit = state.car, state.limit
    if car is None or limit is None or not limit.discharge_w:
        return math.inf
    course = battery.constant(limit.discharge_w)
    return battery.seconds_for(course, _loss(car), _emptiness(car), -car.drawn_w, energy_wh, car.ev.ramp_w_s)


# What the car gives: a battery that empties is one that fills in the mirror


def _is_ready_to_give(car: Car, now: float) -> bool:
    is_willing = not car.suspended and car.ready_at is not None and now >= car.ready_at
    return is_willing and _emptiness(car) < battery.FULL


def _given_w(watts: float, car: Car | None, now: float) -> float:
    if car is None or not _is_ready_to_give(car, now):
        return 0.0
    return -watts if car.ev.ramp_w_s is None else car.drawn_w


def _emptiness(car: Car) -> float:
    """How far the battery is down from full, so that it is 100 where it has reached its least."""
    return battery.FULL - (car.soc - car.ev.min_soc)


def _loss(car: Car) -> float:
    """Percent of charge that are gone for each Wh at the meter."""
    return battery.FULL / car.ev.efficiency / car.ev.capacity_wh


# The meter


def settle(evse: EvseDescription, station: State, state: Evse, now: float) -> None:
    """Bring the EVSE's meter and the car's battery up to `now`.

    To be called before anything that governs the flow of energy is changed.
    """
    car = state.car
    if car is not None:
        if car.ready_at is not None and not car.suspended and is_offering(evse, station, state):
            seconds = now - max(state.meter.at, car.ready_at)
            if state.limit is not None and state.limit.discharge_w:
                _discharge(state, car, state.limit.discharge_w, seconds)
            else:
                _charge(evse, state, car, seconds)
        else:
            car.drawn_w = 0.0
    state.meter.at = now


def cut_off(state: Evse, now: float) -> None:
    """No energy has flowed until `now`, nor does it at this moment."""
    state.meter.at = now
    if state.car is not None:
        state.car.drawn_w = 0.0


def _charge(evse: EvseDescription, state: Evse, car: Car, seconds: float) -> None:
    """Let energy flow for `seconds` in which only battery and ramp change, or until the battery is full."""
    course = _course(evse, state, car) if seconds >= 0 else None
    if course is None or car.soc >= battery.FULL:  # in no time at all a battery may be full
        car.drawn_w = 0.0
        return
    ramp = _ramp(state, car)
    car.soc, watts, energy, flowed = battery.fill(course, _gain(car), car.soc, car.drawn_w, seconds, ramp)
    car.drawn_w = watts if car.ev.ramp_w_s is not None else 0.0
    if energy > 0 and state.transaction is not None:
        state.transaction.charging_s += flowed
    state.meter.energy_wh += energy
    if evse.phases and car.ev.power_factor < 1:
        state.meter.reactive_varh += energy * tangent(car.ev.power_factor)
        energy /= car.ev.power_factor
    state.meter.apparent_vah += energy


def _discharge(state: Evse, car: Car, watts: float, seconds: float) -> None:
    """Let energy flow back for `seconds`, or until the battery is at its least."""
    if seconds < 0 or _emptiness(car) >= battery.FULL:
        car.drawn_w = 0.0
        return
    left, drawn, energy, flowed = battery.fill(
        battery.constant(watts), _loss(car), _emptiness(car), -car.drawn_w, seconds, car.ev.ramp_w_s
    )
    car.soc = car.ev.min_soc + (battery.FULL - left)
    car.drawn_w = -drawn if car.ev.ramp_w_s is not None else 0.0
    if energy > 0 and state.transaction is not None:
        state.transaction.discharging_s += flowed
    state.meter.export_wh += energy


def flow_now(evse: EvseDescription, station: State, state: Evse, now: float) -> Flow:
    """What the EVSE's meter shows now."""
    return flow(evse, state, power_w(evse, state, now) if is_offering(evse, station, state) else 0.0)


def flow(evse: EvseDescription, state: Evse, power: float) -> Flow:
    """How `power` shows at the meter, line by line: the same current on all that are used."""
    amps = power / watts_for_an_ampere(evse, state)
    used = lines_now(evse, state)
    first, second, third = (amps if line in used else 0.0 for line in _LINES)
    factor = state.car.ev.power_factor if state.car is not None and evse.phases else 1.0
    if power < 0:
        first, second, third, factor = first * factor, second * factor, third * factor, 1.0
    return Flow(power, (first, second, third), volts_now(evse, state), phases_now(evse, state), factor)
