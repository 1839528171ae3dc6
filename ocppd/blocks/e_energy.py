"""E. Whether energy flows: it is offered or withdrawn, and every change of the charging state is told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from ocppd.blocks import j_meter_values as meter
from ocppd.blocks.e_points import START_POINT, charging_state, conditions
from ocppd.blocks.e_transactions import progress
from ocppd.core import limits, on, session, tx_limits
from ocppd.core.errors import CommandError
from ocppd.core.station import UNCHANGED, Done
from ocppd.core.variables import integer

if TYPE_CHECKING:
    from ocppd.core.state import Evse
    from ocppd.core.station import Event, Station

MOST_ENERGY = integer("TxCtrlr", "MaxEnergyOnInvalidId", mutability="ReadWrite", unit="Wh", minimum=0)
# Less than what the rounding of a moment in epoch seconds can make of it.
_NOTHING_WH = 1e-3
_SOON = 1.0


def follow(st: Station, evse: int) -> None:
    """Offer energy or withdraw it, tell where the charging state has changed, and look again when it will."""
    limits.renew(st)
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    reached = _ration(st, place)
    car, offering = place.car, session.is_offering(description, st.state, place)
    if offering:
        _take_signed_reading(st, evse)
    if car is not None and car.ready_at is None and offering:
        car.ready_at = st.now + car.ev.ready_delay_s
    state = charging_state(st, evse)
    told = place.transaction.charging_state if place.transaction is not None else None
    flowing = "EnergyTransfer" in place.points
    if reached is not None:
        progress(st, evse, reached)
    elif state != told or flowing != (state == "Charging"):
        _progress_energy(st, evse, told, state)
    _arm_charge(st, evse)
    _arm_limit(st, evse)


def _ration(st: Station, place: Evse) -> str | None:
    """A token that the CSMS has refused gets MaxEnergyOnInvalidId and no more (E05.FR.02, E05.FR.03).

    Nor does a transaction beyond its limits (E16): returns the trigger of one that is reached only now.
    """
    held, tx = place.authorization, place.transaction
    limit = tx.limit if tx is not None else None
    if held is None or not (held.refused or limit):
        return None
    reached = tx_limits.reached(place, st.now)
    held.suspended = reached is not None or (held.refused and _left_wh(st, place) <= 0)
    if limit is None or limit.reached == reached:
        return None
    limit.reached = reached
    return reached


def _left_wh(st: Station, place: Evse) -> float:
    """What a refused token may still have, of all that it may have in its transaction."""
    most = st.value(st.model.slots[MOST_ENERGY.station_key])
    if most is None or place.transaction is None:
        return 0.0
    left = int(most) - (place.meter.energy_wh - place.transaction.energy_start_wh)
    return left if left > _NOTHING_WH else 0.0


def _take_signed_reading(st: Station, evse: int) -> None:
    """A meter that signs does so before energy flows, which may start the transaction (E01.FR.04)."""
    held = st.evse(evse).authorization
    if held is None or held.signed or not st.get(meter.SIGN_READINGS):
        return
    held.signed = True
    if "DataSigned" in st.get(START_POINT):
        progress(st, evse, "SignedDataReceived")


def _progress_energy(st: Station, evse: int, told: str | None, state: str) -> None:
    """A changed charging state is told, unless nothing but the bookkeeping of points has changed."""
    place = st.evse(evse)
    if place.transaction is not None and state == told:
        place.points = conditions(st, evse)
        return
    progress(st, evse, "ChargingStateChanged")


def _arm_charge(st: Station, evse: int) -> None:
    """Look again when the car is ready, its battery full or empty, or a refused token's energy used up."""
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    st.cancel(f"charge:{evse}")
    car = place.car
    if car is None or car.ready_at is None or car.suspended:
        return
    if not session.is_offering(description, st.state, place):
        return
    if st.now < car.ready_at:
        st.at(car.ready_at, f"charge:{evse}")
        return
    seconds = session.seconds_to_full(description, place) if car.soc < 100 else math.inf
    seconds = min(seconds, session.seconds_to_least(place))
    seconds = min(seconds, _seconds_left(st, evse))
    if seconds < math.inf:
        st.after(seconds, f"charge:{evse}")


def _arm_limit(st: Station, evse: int) -> None:
    """Look again when a limit of the transaction is reached."""
    place = st.evse(evse)
    if place.transaction is None or place.transaction.limit is None:
        return
    seconds = tx_limits.seconds_left(st.description.hardware.evses[evse - 1], place, st.now)
    st.cancel(f"tx_limit:{evse}")
    if seconds < math.inf:
        st.after(max(seconds, _SOON / 10), f"tx_limit:{evse}")


def _seconds_left(st: Station, evse: int) -> float:
    """For how long the energy of a refused token lasts."""
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    if place.authorization is None or not place.authorization.refused:
        return math.inf
    return max(session.seconds_for(description, place, _left_wh(st, place)), _SOON)


@on.event("variable_changed")
def allowance_changed(st: Station, event: Event) -> None:
    """A new MaxEnergyOnInvalidId counts at once."""
    if event.data["key"] == MOST_ENERGY.station_key:
        for evse, _ in st.evses():
            follow(st, evse)


@on.event("ev_changed")
def ev_changed(st: Station, event: Event) -> None:
    """Car or meter are not what they were."""
    follow(st, event.evse)


@on.timer("charge")
def charge_changes(st: Station, evse: int) -> None:
    """The car has become ready, or its battery full or at its least."""
    follow(st, evse)


@on.command("suspend")
def suspend(st: Station, evse: int, by: Literal["ev", "evse"] = "ev") -> Done:
    """Pause the flow of energy: by the `ev` until it leaves, or by the `evse` until the transaction ends."""
    return _set_suspended(st, evse, by, True)


@on.command("resume")
def resume(st: Station, evse: int) -> Done:
    """End the pause, whoever has made it."""
    changed = [_set_suspended(st, evse, by, False).changed for by in ("ev", "evse")]
    return Done() if any(changed) else UNCHANGED


def _set_suspended(st: Station, evse: int, by: str, wanted: bool) -> Done:
    place = st.evse(evse)
    holder = place.car if by == "ev" else place
    if holder is None:
        if wanted:
            raise CommandError("invalid_state", "no car is plugged in")
        return UNCHANGED
    if holder.suspended == wanted:
        return UNCHANGED
    holder.suspended = wanted
    follow(st, evse)
    return Done()
