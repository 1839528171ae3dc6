"""P. DataTransfer: what OCPP has no message for, answered as the configuration or a command says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from annotated_types import Len

from ocppd.core import on
from ocppd.core.description import DataTransferAnswer, DataTransferStatus
from ocppd.core.errors import CallError, CommandError, as_command_error
from ocppd.core.station import LATER, UNCHANGED, Done, Later

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Station

VendorId = Annotated[str, Len(1, 255)]
MessageId = Annotated[str, Len(1, 50)]
MOST_ANSWERS = 50
LONGEST_DATA = 8192  # bytes of JSON, in an answer and in an event


# To the station (P01)


@on.call("DataTransfer")
def data_transfer(st: Station, request: Payload) -> Payload:
    """Answer as was agreed for that vendor and message (P01.FR.05, P01.FR.06, P01.FR.07)."""
    vendor_id, message_id = request["vendorId"], request.get("messageId")
    answer = _agreed(st, vendor_id, message_id)
    told = {"vendor_id": vendor_id, "message_id": message_id, "status": answer.status}
    data, is_told = request.get("data"), len(orjson.dumps(request.get("data"))) <= LONGEST_DATA
    st.emit("data_transfer", **told, data=data if is_told else None, too_long=not is_told)
    response: Payload = {"status": answer.status}
    return response if answer.data is None else response | {"data": orjson.loads(answer.data)}


def _agreed(st: Station, vendor_id: str, message_id: str | None) -> DataTransferAnswer:
    """A command has said more lately than the configuration, and whoever names the message says more."""
    answers = (*st.state.data_transfers, *st.description.hardware.data_transfers)
    of_vendor = [it for it in answers if it.vendor_id == vendor_id]
    if not of_vendor:
        return DataTransferAnswer(vendor_id, status="UnknownVendorId")
    fitting = (it for wanted in (message_id, None) for it in of_vendor if it.message_id == wanted)
    return next(fitting, DataTransferAnswer(vendor_id, status="UnknownMessageId"))


@on.command("answer-data-transfer")
def answer_data_transfer(
    st: Station,
    *,
    vendor_id: VendorId,
    message_id: MessageId | None = None,
    status: DataTransferStatus | None = "Accepted",
    data: Any = None,
) -> Done:
    """Say what a DataTransfer of that vendor is answered from now on; `status` null forgets it.

    Without a `message_id` that goes for all messages of the vendor which have no answer of their own.
    """
    answers = st.state.data_transfers
    others = tuple(it for it in answers if (it.vendor_id, it.message_id) != (vendor_id, message_id))
    if status is None:
        st.state.data_transfers = others
        return Done() if others != answers else UNCHANGED
    if len(others) >= MOST_ANSWERS:
        raise CommandError("invalid_state", f"there are {MOST_ANSWERS} answers already")
    text = None if data is None else orjson.dumps(data).decode()
    if text is not None and len(text.encode()) > LONGEST_DATA:
        raise CommandError("invalid_argument", f"data: more than {LONGEST_DATA} bytes of JSON")
    answer = DataTransferAnswer(vendor_id, message_id, status, text)
    st.state.data_transfers = (*others, answer)
    return UNCHANGED if answer in answers else Done()


# To the CSMS (P02)


@on.command("data-transfer")
def send_data_transfer(
    st: Station, *, vendor_id: VendorId, message_id: MessageId | None = None, data: Any = None
) -> Later:
    """Send a DataTransfer; the answer is what the CSMS responds, whatever status that has."""
    st.require_power()
    given = {"vendorId": vendor_id, "messageId": message_id, "data": data}
    payload = {key: value for key, value in given.items() if value is not None}
    st.send("DataTransfer", payload, context={"command": st.request.key if st.request else None})
    return LATER


@on.reply("DataTransfer")
def answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """Accepted or not is between the CSMS and the vendor (P02.FR.08)."""
    result = {"status": response["status"], "data": response.get("data")}
    st.finish(call.context["command"], Done(changed=False, result=result))


@on.failed("DataTransfer")
def not_answered(st: Station, call: QueuedCall, failure: CallError) -> None:
    """Without an answer nothing was agreed."""
    st.finish(call.context["command"], as_command_error(failure))
