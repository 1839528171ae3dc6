"""I. Tariff and cost: what the CSMS says of them for the driver. `core.display` tells how they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import display, on
from ocppd.core.state import Bill, Text
from ocppd.core.tokens import is_same

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Transaction
    from ocppd.core.station import Event, Station

# For how long a driver may read what the transaction has cost, unless the next one comes before.
BILL_SHOWN_FOR = 60
_GREATEST_COST = 1e12


# Tariff (I01, I06)


@on.event("id_token_info")
def token_known(st: Station, event: Event) -> None:
    """The CSMS, or the local list, has told the driver's own tariff (I01)."""
    _learn(st, event.evse, event.data["token"], event.data["info"])


def _learn(st: Station, evse: int, token: Payload | None, info: Payload) -> None:
    """Keep the tariff and the languages (O01.FR.08) where the token is that which charges; None: it is."""
    held, tx = st.evse(evse).authorization, st.evse(evse).transaction
    if held is None or info["status"] != "Accepted" or not (token is None or is_same(held.token, token)):
        return
    held.languages = tuple(info[key] for key in ("language1", "language2") if info.get(key)) or held.languages
    tariff = _text(st, evse, info.get("personalMessage"))
    if tariff is not None:
        held.tariff = tariff
        if tx is not None:
            tx.tariff = None  # which is older
        _tell_tariff(st, evse)


def _text(st: Station, evse: int, message: Payload | None) -> Text | None:
    """The MessageContentType, no longer than PersonalMessageSize; None where it cannot be shown."""
    size = st.get(display.PERSONAL_SIZE)
    if message is None or not message["content"][:size]:
        return None
    if message["format"] not in st.get(display.FORMATS):
        st.emit("warning", evse, message=f"the display cannot show a personal message in {message['format']}")
        return None
    return Text(message["content"][:size], message["format"], message.get("language"))


def _tell_tariff(st: Station, evse: int) -> None:
    # A personal message may name its reader: the display tells it, and no log.
    st.emit("display", evse, about="tariff")


# Cost (I02, I03, I05)


@on.call("CostUpdated")
def cost_updated(st: Station, request: Payload) -> Payload:
    """Show what the transaction has cost so far (I02.FR.02, I02.FR.03); of one that does not run, nothing."""
    evse = st.evse_of(request["transactionId"])
    if evse is None:
        st.emit("warning", message="the CSMS has told the cost of a transaction that does not run here")
    else:
        _set_cost(st, evse, request["totalCost"])
    return {}


def _set_cost(st: Station, evse: int, cost: float) -> None:
    tx = st.evse(evse).transaction
    if tx is not None and _is_sane(st, evse, cost):
        tx.cost = float(cost)
        _tell_cost(st, evse, "cost", tx.cost)


def _is_sane(st: Station, evse: int, cost: float) -> bool:
    if abs(cost) <= _GREATEST_COST:
        return True
    st.emit("warning", evse, message=f"the CSMS has told a cost of {cost:.3g}")
    return False


def _tell_cost(st: Station, evse: int, about: str, cost: float) -> None:
    st.emit("display", evse, about=about, amount=cost, currency=st.get(display.CURRENCY))


@on.event("transaction_event_answered")
def transaction_event_answered(st: Station, event: Event) -> None:
    """The CSMS has told what a transaction costs (I02.FR.04), or another tariff (I06.FR.03)."""
    request, response = event.data["request"], event.data["response"]
    if request["eventType"] == "Ended":
        own = request.get("costDetails", {}).get("totalCost", {}).get("total", {}).get("inclTax")
        _settle(st, event.evse, request, response.get("totalCost", own))
    tx = st.evse(event.evse).transaction
    if tx is not None and tx.id == request["transactionInfo"]["transactionId"]:
        _take_up(st, event.evse, tx, request, response)


def _take_up(st: Station, evse: int, tx: Transaction, request: Payload, response: Payload) -> None:
    if "idTokenInfo" in response:
        _learn(st, evse, request.get("idToken"), response["idTokenInfo"])
    tariff = _text(st, evse, response.get("updatedPersonalMessage"))
    if tariff is not None:
        tx.tariff = tariff
        _tell_tariff(st, evse)
    if "totalCost" in response:
        _set_cost(st, evse, response["totalCost"])


def _settle(st: Station, evse: int, request: Payload, cost: float | None) -> None:
    """Show the total to a driver who is still there (I03.FR.03, I03.FR.05)."""
    if not request.get("offline") and request["triggerReason"] != "EVDeparted":
        _show_bill(st, evse, cost if cost is None or _is_sane(st, evse, cost) else None)


@on.event("tx_ended")
def transaction_ended(st: Station, event: Event) -> None:
    """Nobody can say now what an offline transaction has cost (I05.FR.02)."""
    if not st.state.csms.connected and event.data["trigger"] != "EVDeparted":
        _show_bill(st, event.evse, None)


def _show_bill(st: Station, evse: int, cost: float | None) -> None:
    place = st.evse(evse)
    if place.authorization is not None or place.transaction is not None:
        return  # the next driver is here
    place.bill = Bill(None if cost is None else float(cost))
    st.after(BILL_SHOWN_FOR, f"bill:{evse}")
    if place.bill.cost is not None:
        _tell_cost(st, evse, "total_cost", place.bill.cost)


@on.timer("bill")
def bill_was_read(st: Station, evse: int) -> None:
    """The driver has had the time to read it."""
    _take_bill(st, evse)


@on.event("authorized", "tx_started")
def next_driver(st: Station, event: Event) -> None:
    """What the one before has paid is nobody's business."""
    _take_bill(st, event.evse)


@on.event("power_up")
def display_restarts(st: Station, _event: Event) -> None:
    """What was shown before is forgotten."""
    for evse, _ in st.evses():
        _take_bill(st, evse)


def _take_bill(st: Station, evse: int) -> None:
    st.evse(evse).bill = None
    st.cancel(f"bill:{evse}")
