"""E. The limits that the CSMS sets a transaction: no more energy is given beyond them (E16, OCPP 2.1).

What it costs is looked at whenever that is told: by the CSMS or, where the station counts itself, with a
sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocppd.blocks import e_energy, e_transaction_events
from ocppd.core import on
from ocppd.core.state import TxLimit

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

_FIELDS = {"maxCost": "cost", "maxEnergy": "energy_wh", "maxTime": "seconds", "maxSoC": "soc"}
_GREATEST = 1e12


@on.event("transaction_event_answered")
def limit_set(st: Station, event: Event) -> None:
    """The CSMS has set limits, or others, to the transaction: it is told that they count."""
    request, response = event.data["request"], event.data["response"]
    tx = st.evse(event.evse).transaction
    if "transactionLimit" not in response or tx is None:
        return
    wanted = response["transactionLimit"]
    if tx.id != request["transactionInfo"]["transactionId"]:
        return
    if not all(0 <= wanted.get(key, 0) <= _GREATEST for key in _FIELDS):
        st.emit("warning", event.evse, message="the CSMS has set a limit that no transaction can have")
        return
    limit = TxLimit(**_named(wanted), reached=None if tx.limit is None else tx.limit.reached)
    if limit == tx.limit:
        return
    tx.limit = limit
    told = {key: wanted[key] for key in _FIELDS if key in wanted}
    e_transaction_events.tell(st, event.evse, tx, "Updated", "LimitSet", limit=told)
    e_energy.follow(st, event.evse)


def _named(wanted: Payload) -> dict[str, Any]:
    return {name: wanted[key] for key, name in _FIELDS.items() if key in wanted}


@on.event("tx_updated", "display")
def cost_told(st: Station, event: Event) -> None:
    """It costs more than before, perhaps more than it may."""
    tx = st.evse(event.evse).transaction if event.evse else None
    if tx is not None and tx.limit is not None and tx.limit.cost is not None and tx.limit.reached is None:
        e_energy.follow(st, event.evse)


@on.timer("tx_limit")
def may_be_reached(st: Station, evse: int) -> None:
    """Time or energy are used up."""
    e_energy.follow(st, evse)
