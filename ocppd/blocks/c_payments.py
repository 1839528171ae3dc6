"""C. Payments of drivers without an account, as far as a simulator can tell of them (C23 to C25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le, Len

from ocppd.core import on, versions
from ocppd.core.errors import CallError
from ocppd.core.station import LATER, Later

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

_VatNumber = Annotated[str, Len(1, 20)]


@on.call("NotifyWebPaymentStarted")
def web_payment_started(st: Station, request: Payload) -> Payload:
    """Show that somebody is paying for that EVSE on a web page, which may take so many seconds (C25)."""
    if not 1 <= request["evseId"] <= len(st.state.evses):
        raise CallError("PropertyConstraintViolation", "evseId: there is no such EVSE")
    st.emit("display", request["evseId"], about="web_payment", timeout_s=request["timeout"])
    return {}


@on.command("notify-settlement")
def notify_settlement(
    st: Station,
    *,
    psp_ref: Annotated[str, Len(1, 255)],
    amount: Annotated[float, Ge(-1e9), Le(1e9)],
    status: Literal["Settled", "Canceled", "Rejected", "Failed"] = "Settled",
    transaction_id: Annotated[str, Len(1, 36)] | None = None,
    receipt_id: Annotated[str, Len(1, 50)] | None = None,
    receipt_url: Annotated[str, Len(1, 2000)] | None = None,
    vat_number: _VatNumber | None = None,
) -> Later:
    """Tell what a payment terminal has settled, and answer with the CSMS's response (OCPP 2.1)."""
    more = {
        "transactionId": transaction_id,
        "receiptId": receipt_id,
        "receiptUrl": receipt_url,
        "vatNumber": vat_number,
    }
    payload = {"pspRef": psp_ref, "status": status, "settlementAmount": amount}
    payload |= {"settlementTime": st.timestamp()}
    return _say(st, "NotifySettlement", payload | {key: it for key, it in more.items() if it is not None})


@on.command("validate-vat-number")
def validate_vat_number(st: Station, vat_number: _VatNumber) -> Later:
    """Have the CSMS check a driver's VAT number, and answer with its response (OCPP 2.1)."""
    evse = st.request.evse if st.request else None
    place = {} if evse is None else {"evseId": evse}
    return _say(st, "VatNumberValidation", {"vatNumber": vat_number} | place)


def _say(st: Station, action: str, payload: dict[str, Any]) -> Later:
    versions.require_21(st)
    st.send(action, payload, context={"request": st.request.key if st.request else None})
    return LATER
