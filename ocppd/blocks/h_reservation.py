"""H. Reservation: an EVSE, or any, is kept for somebody for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.g_availability import report_statuses
from ocppd.core import on, reservations
from ocppd.core.state import Reservation
from ocppd.core.status import connector_status, is_closed
from ocppd.core.times import parse_time
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

ENABLED = boolean("ReservationCtrlr", "Enabled", True, mutability="ReadWrite")
AVAILABLE = boolean("ReservationCtrlr", "Available", True)
NON_EVSE_SPECIFIC = boolean("ReservationCtrlr", "NonEvseSpecific", True)

_TIMER = "reservation"


# ReserveNow, CancelReservation (H01, H02)


@on.call("ReserveNow")
def reserve_now(st: Station, request: Payload) -> Payload:
    """Keep that EVSE, one with that connector type, or any, for the token and its group (H01)."""
    refusal = _refusal(st, request)
    if refusal is not None:
        return refusal
    others = [it for it in st.state.reservations if it.id != request["id"]]  # H01.FR.02
    before, st.state.reservations = st.state.reservations, others
    status = _availability(st, _targets(st, request), request.get("connectorType"))
    if status != "Available":
        st.state.reservations = before
        return {"status": status}
    st.state.reservations = [*others, _reservation(request)]
    _arm(st)
    report_statuses(st)  # H01.FR.20, H01.FR.23, H01.FR.24
    _tell(st, st.state.reservations[-1], "Reserved")
    return {"status": "Accepted"}


def _refusal(st: Station, request: Payload) -> Payload | None:
    evse = request.get("evseId")
    expires = parse_time(request["expiryDateTime"])
    if not st.get(ENABLED):  # H01.FR.01
        return {"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}}
    if evse is None and not st.get(NON_EVSE_SPECIFIC):  # H01.FR.19
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}}
    if evse is not None and not 1 <= evse <= len(st.state.evses):
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    if expires is None or expires <= st.clock:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidValue"}}
    if not _targets(st, request):
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownConnectorType"}}
    return None


def _targets(st: Station, request: Payload) -> list[int]:
    """The EVSEs that could serve the wish, were they free."""
    evse, kind = request.get("evseId"), request.get("connectorType")
    return [
        number
        for number, description in enumerate(st.description.hardware.evses, start=1)
        if evse in (None, number) and kind in (None, *(it.type for it in description.connectors))
    ]


def _availability(st: Station, targets: list[int], kind: str | None) -> str:
    """Available, or the ReserveNowStatus that tells why none of the targets is (H01.FR.11 to H01.FR.14)."""
    statuses = {_status(st, evse, kind) for evse in targets}
    if "Available" in statuses:
        return "Available"
    return statuses.pop() if statuses in ({"Faulted"}, {"Unavailable"}) else "Occupied"


def _status(st: Station, evse: int, kind: str | None) -> str:
    """The status of the EVSE for a connector of that kind; one in use occupies all others."""
    found = _statuses(st, evse, kind)
    if found <= {"Faulted", "Unavailable"}:
        return min(found)
    in_use = st.evse(evse).authorization is not None or any(it.plugged for it in st.evse(evse).connectors)
    return "Available" if "Available" in found and not in_use else "Occupied"


def _statuses(st: Station, evse: int, kind: str | None) -> set[str]:
    """Those of the connectors of that kind."""
    kinds = st.description.hardware.evses[evse - 1].connectors
    return {connector_status(st, evse, n) for n, it in enumerate(kinds, start=1) if kind in (None, it.type)}


def _reservation(request: Payload) -> Reservation:
    return Reservation(
        id=request["id"],
        expires=parse_time(request["expiryDateTime"]) or 0.0,
        token=request["idToken"],
        group=request.get("groupIdToken", {}).get("idToken"),
        evse=request.get("evseId"),
        connector_type=request.get("connectorType"),
    )


@on.call("CancelReservation")
def cancel_reservation(st: Station, request: Payload) -> Payload:
    """Give it up, as the CSMS knows best: that is told by nothing but the statuses (H02)."""
    found = [it for it in st.state.reservations if it.id == request["reservationId"]]
    if not found:
        return {"status": "Rejected"}  # H02.FR.01
    _remove(st, found, "Cancelled")
    return {"status": "Accepted"}  # H02.FR.02


# What becomes of a reservation (H01.FR.16, H01.FR.17, H03, H04)


@on.event("authorized")
def used(st: Station, event: Event) -> None:
    """The token, or one of its group, has come: the reservation is consumed (H03.FR.09, H03.FR.10)."""
    reservation = reservations.fitting(st, event.evse, event.data["token"], event.data.get("group"))
    if reservation is not None:
        st.evse(event.evse).reservation_id = reservation.id
        _remove(st, [reservation], "Used", event.evse)


def is_kept_from(
    st: Station, evse: int, token: Payload, group: str | None, *, group_known: bool = True
) -> bool:
    """Whether the EVSE is kept for somebody else (H01.FR.07, F01.FR.21, F01.FR.22).

    Where the group of the token is not known yet, it may be the one that a reservation is for (H03.FR.08).
    """
    if not reservations.is_kept(st, evse) or reservations.fitting(st, evse, token, group) is not None:
        return False
    by_group = any(it.group is not None and it.evse in (None, evse) for it in st.state.reservations)
    return group_known or not by_group


@on.event("fault", "availability_changed", "started")
def lost(st: Station, _event: Event) -> None:
    """Where the EVSE, or each that would do, is Faulted, Unavailable or gone, nothing is kept any more."""
    gone = [it for it in st.state.reservations if not _is_possible(st, it)]
    _remove(st, gone, "Removed")


def give_up(st: Station, reservation: Reservation) -> None:
    """Keep nothing any more for somebody who is to be forgotten (N10); the CSMS learns it is Removed."""
    _remove(st, [reservation], "Removed")


def _is_possible(st: Station, reservation: Reservation) -> bool:
    wish = {"evseId": reservation.evse, "connectorType": reservation.connector_type}
    return any(
        is_closed(st, evse)  # B11.FR.05
        or _statuses(st, evse, reservation.connector_type) - {"Faulted", "Unavailable"}
        for evse in _targets(st, wish)
    )


@on.event("power_up", "started")
def look_again(st: Station, _event: Event) -> None:
    """Reservations survive a restart, but not past their time (B01.FR.13)."""
    _arm(st)


@on.timer(_TIMER)
def expired(st: Station) -> None:
    """The expiryDateTime of one is reached (H04)."""
    if st.is_running:
        _remove(st, [it for it in st.state.reservations if it.expires <= st.clock], "Expired")
        _arm(st)


def _arm(st: Station) -> None:
    st.cancel(_TIMER)
    if st.state.reservations:
        st.after(max(0.0, min(it.expires for it in st.state.reservations) - st.clock), _TIMER)


def _remove(st: Station, gone: list[Reservation], why: str, evse: int = 0) -> None:
    if not gone:
        return
    st.state.reservations = [it for it in st.state.reservations if it not in gone]
    _arm(st)
    for reservation in gone:
        if why in ("Expired", "Removed"):
            update = {"reservationId": reservation.id, "reservationUpdateStatus": why}
            st.send("ReservationStatusUpdate", update, keep=True)
        _tell(st, reservation, why, evse)
    report_statuses(st)


def _tell(st: Station, reservation: Reservation, status: str, evse: int = 0) -> None:
    st.emit("reserved", reservation.evse or evse, reservation_id=reservation.id, status=status)
