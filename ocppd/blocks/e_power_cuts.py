"""E. What becomes of transactions when the mains were gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import e_samples
from ocppd.blocks.e_energy import follow
from ocppd.blocks.e_points import conditions
from ocppd.blocks.e_starts import wait_for_car
from ocppd.blocks.e_stops import break_off
from ocppd.blocks.e_transaction_events import tell
from ocppd.blocks.e_transactions import deauthorize, end, progress
from ocppd.core import on
from ocppd.core.faults import stopped_reason
from ocppd.core.schemas import OCPP_21
from ocppd.core.variables import integer

if TYPE_CHECKING:
    from ocppd.core.state import Transaction
    from ocppd.core.station import Event, Station


# The name that OCPP 2.1 has for it; 2.0.1 leaves to the station what it does.
RESUMPTION_TIMEOUT = integer(
    "TxCtrlr", "ResumptionTimeout", 31_536_000, mutability="ReadWrite", unit="s", minimum=0
)


@on.event("power")
def power_lost(st: Station, event: Event) -> None:
    """Note since when there is no power."""
    if not event.data["on"]:
        st.state.dark_since = st.now


@on.event("power_up")
def power_up(st: Station, _event: Event) -> None:
    """Transactions go on, or end where the cut was too long; authorizations without one have lapsed."""
    since, st.state.dark_since = st.state.dark_since, None
    is_too_long = since is not None and st.now - since > st.get(RESUMPTION_TIMEOUT)
    for evse, place in st.evses():
        if place.transaction is None:
            deauthorize(st, evse)
        elif is_too_long:
            _give_up(st, evse, place.transaction)
        else:
            _go_on(st, evse, place.transaction)
        follow(st, evse)


def _go_on(st: Station, evse: int, tx: Transaction) -> None:
    """Take a transaction up again, and notice what has become of car, cable and connector meanwhile."""
    place = st.evse(evse)
    e_samples.arm(st, evse, tx)
    broken = [fault for connector in place.connectors if connector.plugged for fault in connector.faults]
    if broken:
        break_off(st, evse, stopped_reason(broken[0].code))
    elif missed := _missed(set(place.points), set(conditions(st, evse))):
        progress(st, evse, missed)
    elif st.version == OCPP_21:
        tell(st, evse, tx, "Updated", "TxResumed")
    wait_for_car(st, evse)


def _give_up(st: Station, evse: int, tx: Transaction) -> None:
    """End the transaction; a cable that is still in counts as one that has just come."""
    tx.stopped_reason = tx.stopped_reason or "PowerLoss"
    end(st, evse, "AbnormalCondition")
    st.evse(evse).points = []


def _missed(before: set[str], now: set[str]) -> str | None:
    """The trigger for what has changed in the dark: without power only the cable takes a token away."""
    lost = before - now - {"EnergyTransfer"}
    if lost:
        return "EVDeparted" if lost == {"ParkingBayOccupancy"} else "EVCommunicationLost"
    if "EVConnected" in now - before:
        return "CablePluggedIn"
    return "EVDetected" if "ParkingBayOccupancy" in now - before else None
