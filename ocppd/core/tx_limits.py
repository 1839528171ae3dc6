"""The limits of a transaction (E16, OCPP 2.1): which one is reached, and when the next will be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.core import session

if TYPE_CHECKING:
    from ocppd.core.description import Evse as EvseDescription
    from ocppd.core.state import Evse

# Less than what the rounding of a moment in epoch seconds can make of it.
_NOTHING_WH = 1e-3
_INSTANT = 1e-3


def reached(place: Evse, now: float) -> str | None:
    """The TriggerReasonEnumType of a limit that the transaction there has reached; None for none."""
    tx = place.transaction
    if tx is None or tx.limit is None:
        return None
    if tx.limit.cost is not None and tx.cost is not None and tx.cost >= tx.limit.cost:
        return "CostLimitReached"
    if tx.limit.seconds is not None and now - tx.started >= tx.limit.seconds - _INSTANT:
        return "TimeLimitReached"
    if _energy_left(place) <= _NOTHING_WH:
        return "EnergyLimitReached"
    return "SoCLimitReached" if _charge_left(place) <= _NOTHING_WH else None


def seconds_left(evse: EvseDescription, place: Evse, now: float) -> float:
    """How long until the next of them is reached, while all goes on as it does; cost is not foreseen."""
    tx = place.transaction
    if tx is None or tx.limit is None or reached(place, now) is not None:
        return math.inf
    left = math.inf if tx.limit.seconds is None else tx.started + tx.limit.seconds - now
    energy = min(_energy_left(place), _charge_left(place))
    is_charging = energy < math.inf and session.power_w(evse, place, now) >= 0
    return min(left, session.seconds_for(evse, place, energy)) if is_charging else left


def _energy_left(place: Evse) -> float:
    """In Wh at the meter, infinity without such a limit."""
    tx = place.transaction
    if tx is None or tx.limit is None or tx.limit.energy_wh is None:
        return math.inf
    return tx.limit.energy_wh - (place.meter.energy_wh - tx.energy_start_wh)


def _charge_left(place: Evse) -> float:
    """The same of the state of charge that the car may reach."""
    tx, car = place.transaction, place.car
    if tx is None or tx.limit is None or tx.limit.soc is None or car is None:
        return math.inf
    return (tx.limit.soc - car.soc) / 100 * car.ev.capacity_wh / car.ev.efficiency
