"""The car and its energy as functions of time: exact, and computed only when somebody asks.

Power is constant until the battery is `TAPER_FROM` full, then falls in proportion to what is missing, down
to `TAPER_END` of the car's power at 100 %. Between two changes of the circumstances it is therefore a
constant followed by an exponential, both of which integrate in closed form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ocppd.core.description import Evse as EvseDescription
    from ocppd.core.state import Car, Connector, Evse, State

TAPER_FROM = 80.0
TAPER_END = 0.05
_FULL = 100.0
# Epoch seconds are exact to about 0.2 µs: closer than this, the moment of the full battery has come.
_INSTANT = 1e-3


@dataclass(frozen=True, slots=True)
class Flow:
    """What flows at one moment: `power_w` in all, per phase the current in A and the voltage in V."""

    power_w: float
    current_a: tuple[float, float, float]
    voltage_v: tuple[float, float, float]
    phases: int


def phases_used(evse: EvseDescription, car: Car) -> int:
    """How many phases the two have in common; 0 for DC."""
    return min(evse.phases, car.phases) if evse.phases else 0


def phases_now(evse: EvseDescription, state: Evse) -> int:
    """How many phases a car here uses or, where there is none, could use; 0 for DC."""
    return evse.phases if state.car is None else phases_used(evse, state.car)


def offered_w(evse: EvseDescription, car: Car) -> float:
    """The greatest power that EVSE and car can have between them, before any taper."""
    phases = phases_used(evse, car)
    if phases == 0:
        return min(evse.max_w, car.max_w)
    share = evse.max_w * phases / evse.phases
    by_current = math.inf if car.max_a is None else car.max_a * evse.voltage_v * phases
    return min(share, car.max_w, by_current)


def taper_w(car: Car, soc: float) -> float:
    """What the battery takes at `soc`, were there no other limit."""
    full_share = max(0.0, soc - TAPER_FROM) / (_FULL - TAPER_FROM)
    return car.max_w * (1 - (1 - TAPER_END) * full_share)


def is_offering(state: State, evse: Evse) -> bool:
    """Whether the contactor is closed: somebody is authorized, a cable is in, and nothing forbids it."""
    token = evse.authorization
    if token is None or token.suspended or evse.suspended:
        return False
    if not state.power or state.rebooting:
        return False
    return any(connector.plugged and _is_usable(state, evse, connector) for connector in evse.connectors)


def _is_usable(state: State, evse: Evse, connector: Connector) -> bool:
    """Faults stop what is charging, Inoperative only what has not started yet (G03.FR.05)."""
    operative = state.operative and evse.operative and connector.operative
    return not connector.faults and (operative or evse.transaction is not None)


def is_ready(car: Car, now: float) -> bool:
    """Whether the car would take energy that is offered now."""
    return not car.suspended and car.ready_at is not None and now >= car.ready_at and car.soc < _FULL


def power_w(evse: EvseDescription, state: Evse, now: float) -> float:
    """The power drawn now by a car that is offered energy; 0 where it does not take any."""
    car = state.car
    if car is None or not is_ready(car, now):
        return 0.0
    if state.meter.power_w is not None:
        return state.meter.power_w
    return min(offered_w(evse, car), taper_w(car, car.soc))


def settle(evse: EvseDescription, station: State, state: Evse, now: float) -> None:
    """Bring the EVSE's meter and the car's battery up to `now`.

    To be called before anything that governs the flow of energy is changed.
    """
    car = state.car
    if car is not None and car.ready_at is not None and not car.suspended and is_offering(station, state):
        _charge(evse, state, car, now - max(state.meter.at, car.ready_at))
    state.meter.at = now


def _charge(evse: EvseDescription, state: Evse, car: Car, seconds: float) -> None:
    """Let energy flow for `seconds` in which nothing changes but the battery, until that is full."""
    if seconds < 0 or car.soc >= _FULL:  # in no time at all a battery may be full, to within an instant
        return
    limit = offered_w(evse, car) if state.meter.power_w is None else state.meter.power_w
    # Most of the time not even the full power could have filled it: then no logarithm is needed to know.
    may_be_full = limit * (seconds + _INSTANT) / 3600 >= _missing_wh(car)
    until_full = seconds_to_full(evse, state) if may_be_full else math.inf
    is_full = seconds > until_full - _INSTANT
    if is_full:
        seconds, energy = until_full, _missing_wh(car)
    elif state.meter.power_w is not None:
        energy = limit * seconds / 3600
    else:
        energy = _drawn_wh(car, limit, seconds)
    if energy > 0 and state.transaction is not None:
        state.transaction.charging_s += seconds
    state.meter.energy_wh += energy
    car.soc = _FULL if is_full else min(_FULL, car.soc + _FULL * energy / car.capacity_wh)


def seconds_to_full(evse: EvseDescription, state: Evse) -> float:
    """How long the car that charges now will go on until its battery is full."""
    car = state.car
    if car is None:
        return math.inf
    if state.meter.power_w is not None:
        return _missing_wh(car) / state.meter.power_w * 3600 if state.meter.power_w > 0 else math.inf
    limit = offered_w(evse, car)
    if limit <= 0:
        return math.inf
    knee = _knee(car, limit)
    constant = max(0.0, knee - car.soc) / _FULL * car.capacity_wh / limit * 3600
    start = max(car.soc, knee)
    if start >= _FULL:
        return constant
    return constant + _tau(car) * math.log(taper_w(car, start) / (car.max_w * TAPER_END))


def _drawn_wh(car: Car, limit: float, seconds: float) -> float:
    """Energy in `seconds`: at `limit` up to the knee, along the taper after it."""
    if limit <= 0 or car.max_w <= 0:
        return 0.0
    knee = _knee(car, limit)
    to_knee = max(0.0, knee - car.soc) / _FULL * car.capacity_wh
    constant_s = min(seconds, to_knee / limit * 3600)
    energy = limit * constant_s / 3600
    rest = seconds - constant_s
    start = max(car.soc, knee)
    if rest <= 0 or start >= _FULL:
        return energy
    # dP/dt = -P/tau on the taper, so the energy is tau times what P has lost.
    tau = _tau(car)
    tapered = tau / 3600 * taper_w(car, start) * -math.expm1(-rest / tau)
    return min(energy + tapered, _missing_wh(car))


def _missing_wh(car: Car) -> float:
    """What fills the battery."""
    return (_FULL - car.soc) / _FULL * car.capacity_wh


def _knee(car: Car, limit: float) -> float:
    """The state of charge from which the battery takes less than `limit`."""
    if limit >= car.max_w:
        return TAPER_FROM
    share = (1 - limit / car.max_w) / (1 - TAPER_END)
    return min(_FULL, TAPER_FROM + (_FULL - TAPER_FROM) * share)


def _tau(car: Car) -> float:
    """The time constant of the taper, in seconds."""
    slope = car.max_w * (1 - TAPER_END) / (_FULL - TAPER_FROM)  # W lost for each percent gained
    return 3600 * car.capacity_wh / _FULL / slope


def flow_now(evse: EvseDescription, station: State, state: Evse, now: float) -> Flow:
    """What the EVSE's meter shows now."""
    return flow(evse, state, power_w(evse, state, now) if is_offering(station, state) else 0.0)


def flow(evse: EvseDescription, state: Evse, power: float) -> Flow:
    """How `power` shows at the meter, phase by phase; DC shows on the first column alone."""
    volts = state.meter.voltage_v or evse.voltage_v
    phases = phases_now(evse, state)
    if phases == 0:
        current = power / volts if volts else 0.0
        return Flow(power, (current, 0.0, 0.0), (volts, 0.0, 0.0), 0)
    current = power / phases / volts if volts else 0.0
    amps = tuple(current if phase < phases else 0.0 for phase in range(3))
    live = tuple(volts if phase < evse.phases else 0.0 for phase in range(3))
    return Flow(power, (amps[0], amps[1], amps[2]), (live[0], live[1], live[2]), phases)
