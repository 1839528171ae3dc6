"""N. Customer information: what the station knows of somebody, told and forgotten (N09, N10).

`_known` is all there is of it: whoever has a station remember more of its customers says so there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import json

from ocppd.blocks import c_cache, d_local_list, h_reservation
from ocppd.core import on, outbox
from ocppd.core.times import format_time
from ocppd.core.tokens import is_same

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Evse, Reservation
    from ocppd.core.station import Station

_REFERENCES = ("idToken", "customerCertificate", "customerIdentifier")
_HASHES = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
_PAGE = 512  # characters of a NotifyCustomerInformation
_CLEARED = "The data of this customer was cleared."
_NO_DATA = ""  # as the test cases TC_N_62 and TC_N_63 have it


@dataclass(frozen=True, slots=True)
class Knowledge:
    """One thing that is known of a customer; `forget` is None while it is needed."""

    what: dict[str, Any]
    forget: Callable[[], None] | None = None


@on.call("CustomerInformation")
def customer_information(st: Station, request: Payload) -> Payload:
    """Tell what is known of a customer, clear it, or both.

    Rejected where the station could not do all of it: who charges here, or whose transaction the CSMS has not
    been told yet, cannot be forgotten (N09.FR.03, N10.FR.05).
    """
    if sum(key in request for key in _REFERENCES) != 1:
        return _refused("Invalid", "InvalidValue", f"one of {', '.join(_REFERENCES)}")  # N09.FR.09
    report, clear = request["report"], request["clear"]
    if not (report or clear):  # N09.FR.07, N10.FR.07
        return _refused("Rejected", "InvalidValue", "neither report nor clear")
    known = list(_known(st, request))
    if clear and any(it.forget is None for it in known):
        return _refused("Rejected", "TxInProgress", "the customer charges here, or is still to be told of")
    pages = _pages(_told(known) if report else _CLEARED)
    if len(pages) > outbox.room(st.state.outbox):
        return _refused("Rejected", "OutOfMemory", "too many calls wait for the CSMS")
    for it in known if clear else ():
        if it.forget is not None:
            it.forget()
    _notify(st, request["requestId"], pages)
    return {"status": "Accepted"}


def _refused(status: str, code: str, text: str) -> Payload:
    return {"status": status, "statusInfo": {"reasonCode": code, "additionalInfo": text}}


def _told(known: list[Knowledge]) -> str:
    """A JSON object a line: readable for people, too."""
    return "\n".join(json.encode(it.what).decode() for it in known) or _NO_DATA


def _pages(text: str) -> list[str]:
    """As much as fits in each, and one page at least (N09.FR.06, N10.FR.04)."""
    return [text[start : start + _PAGE] for start in range(0, len(text), _PAGE)] or [text]


def _notify(st: Station, request_id: int, pages: list[str]) -> None:
    """N09.FR.05, N10.FR.03, N10.FR.06."""
    for number, page in enumerate(pages):
        payload = {
            "requestId": request_id,
            "seqNo": number,
            "tbc": number < len(pages) - 1,
            "generatedAt": st.timestamp(),
            "data": page,
        }
        st.send("NotifyCustomerInformation", payload, keep=True)


# What is known


def _known(st: Station, customer: Payload) -> Iterator[Knowledge]:
    """Everything, wherever it is kept. The security log names no customer."""
    for number, evse in st.evses():
        yield from (it for token, it in _at(st, number, evse) if _is_about(customer, token))
    for reservation in st.state.reservations:
        if _is_about(customer, reservation.token):
            yield Knowledge(_reservation(reservation), partial(h_reservation.give_up, st, reservation))
    swap = st.state.battery_swap
    if swap is not None and _is_about(customer, swap.token):
        yield Knowledge({"batterySwap": swap.request_id, "idToken": swap.token})
    if "idToken" in customer:
        yield from _remembered(st, customer["idToken"])
    yield from _calls(st, customer)


def _at(st: Station, number: int, evse: Evse) -> Iterator[tuple[Payload, Knowledge]]:
    """What is known of the tokens at an EVSE, each with its token; all of it is needed there."""
    held, owner, tx, tariff = evse.authorization, evse.owner, evse.transaction, evse.driver_tariff
    if held is not None:
        more = {"tariff": held.tariff, "languages": held.languages}
        known = {key: value for key, value in more.items() if value}
        authorization = {"authorization": held.token, "evse": number, "group": held.group, **known}
        yield held.token, Knowledge(authorization)
    if owner is not None:
        yield owner.token, Knowledge({"cable": owner.token, "evse": number, "group": owner.group})
    if tx is not None and tx.token is not None:
        started = format_time(tx.started + st.state.clock_offset)
        transaction = {"transaction": tx.id, "evse": number, "idToken": tx.token, "started": started}
        yield tx.token, Knowledge(transaction)
    if tariff is not None:
        yield tariff.token, Knowledge({"driverTariff": tariff.tariff, "evse": number})


def _remembered(st: Station, token: Payload) -> Iterator[Knowledge]:
    """What the CSMS has said of the token. The local list is the CSMS's, and stays as it is (D01.FR.09)."""
    if (info := c_cache.known_about(st, token)) is not None:
        yield Knowledge({"cache": info}, partial(c_cache.forget, st, token))
    if (info := d_local_list.known_about(st, token)) is not None:
        yield Knowledge({"localList": info}, lambda: None)


def _calls(st: Station, customer: Payload) -> Iterator[Knowledge]:
    """What the CSMS is still to be told of a transaction, and what it is being asked."""
    box = st.state.outbox
    calls = [it for it in (*box.queue, box.in_flight) if it is not None and it.checked]
    own = Counter(it.action for it in calls if _tells_of(customer, it.payload))
    if own:
        yield Knowledge({"calls": dict(own)})


def _tells_of(customer: Payload, payload: Payload) -> bool:
    """Whether a request names the customer, by a token or by the certificate of a contract."""
    wanted = customer.get("customerCertificate")
    if wanted is not None:
        return any(_is_same(wanted, it) for it in payload.get("iso15118CertificateHashData", ()))
    return "idToken" in payload and _is_about(customer, payload["idToken"])


def _is_same(one: Payload, other: Payload) -> bool:
    """Whether two CertificateHashDataTypes are of the same certificate."""
    return all(one[key].casefold() == other[key].casefold() for key in _HASHES)


def _reservation(reservation: Reservation) -> dict[str, Any]:
    return {
        "reservation": reservation.id,
        "idToken": reservation.token,
        "group": reservation.group,
        "evse": reservation.evse,
        "expires": format_time(reservation.expires),
    }


def _is_about(customer: Payload, token: Payload) -> bool:
    """Whether the token is that of the customer.

    A customerIdentifier may stand in its additionalInfo. No certificate is in a token, and that of a contract
    is not kept once the CSMS was asked (TC_N_63).
    """
    if "idToken" in customer:
        return is_same(customer["idToken"], token)
    wanted = customer.get("customerIdentifier")
    return any(it["additionalIdToken"] == wanted for it in token.get("additionalInfo", ()))
