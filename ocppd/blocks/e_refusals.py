"""E. A token that the CSMS refuses when it is told of the transaction (E05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.e_energy import follow
from ocppd.blocks.e_transaction_events import is_there
from ocppd.blocks.e_transactions import deauthorize, progress
from ocppd.core import on
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Station

STOP_ON_INVALID = boolean("TxCtrlr", "StopTxOnInvalidId", True, mutability="ReadWrite")


@on.reply("TransactionEvent")
def event_answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """A token that the CSMS does not accept after all is handled as E05 says."""
    if not is_there(st, call):
        return
    if response or call.payload["eventType"] == "Ended":
        evse, name = call.context["evse"], "transaction_event_answered"
        st.emit(name, evse, request=call.payload, response=response)
    info = response.get("idTokenInfo")
    place = st.evse(call.context["evse"])
    if info is None or place.authorization is None:
        return
    if place.transaction is None or place.transaction.id != call.payload["transactionInfo"]["transactionId"]:
        return
    if info["status"] == "Accepted":
        place.authorization.group = info.get("groupIdToken", {}).get("idToken", place.authorization.group)
        return
    if st.get(STOP_ON_INVALID):  # E05.FR.09 to E05.FR.11
        deauthorize(st, call.context["evse"], keep=True)
        progress(st, call.context["evse"], "Deauthorized", reason="DeAuthorized")
    else:
        place.authorization.refused = True
    follow(st, call.context["evse"])
