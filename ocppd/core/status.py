"""The status of connectors, EVSEs and the station, derived whenever it is asked for (block G)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ocppd.core.reservations import is_kept

if TYPE_CHECKING:
    from collections.abc import Sized

    from ocppd.core.station import Station

Status = Literal["Available", "Occupied", "Reserved", "Unavailable", "Faulted"]
_WORST_FIRST: tuple[Status, ...] = ("Faulted", "Unavailable", "Reserved", "Occupied", "Available")
STATUSES = tuple(reversed(_WORST_FIRST))


def connector_status(st: Station, evse: int, connector: int) -> Status:
    """The ConnectorStatusEnumType: fault over unavailable over reserved over occupied (G01)."""
    state = st.connector(evse, connector)
    if state.faults:
        return "Faulted"
    if is_closed(st, evse):  # B11.FR.03, B11.FR.08
        return "Unavailable"
    # G03.FR.05: what is made Inoperative in a transaction becomes so when that ends.
    if not is_operative(st, evse, connector) and not is_in_transaction(st, evse, connector):
        return "Unavailable"
    if is_kept(st, evse):  # also with a cable in, until the right token comes (G03.FR.09)
        return "Reserved"
    return "Occupied" if state.plugged else "Available"


def evse_status(st: Station, evse: int) -> Status:
    """Available while one of its connectors is, and none is in use; else what most keeps it from that."""
    statuses = [connector_status(st, evse, number) for number in _numbers(st.evse(evse).connectors)]
    if "Occupied" in statuses:
        return "Occupied"
    return "Available" if "Available" in statuses else _worst(statuses)


def station_status(st: Station) -> Status:
    """Available while one of its EVSEs is; else what most keeps it from that."""
    statuses = [evse_status(st, number) for number, _ in st.evses()]
    return "Available" if "Available" in statuses else _worst(statuses)


def is_operative(st: Station, evse: int, connector: int) -> bool:
    """Whether station, EVSE and connector are all set Operative (G03.FR.07, G04.FR.08).

    A firmware update may keep the station to itself (L01.FR.07).
    """
    if st.state.firmware_update is not None and st.state.firmware_update.closes:
        return False
    return st.state.operative and st.evse(evse).operative and st.connector(evse, connector).operative


def is_closed(st: Station, evse: int) -> bool:
    """Whether a reset has begun of the station or the EVSE, or waits for an EVSE that nobody uses (B12).

    Whoever has a reservation may still come before it begins.
    """
    place = st.evse(evse)
    resets = [reset for reset in (st.state.reset, place.reset) if reset is not None]
    if not resets or any(reset.deadline is not None for reset in resets):
        return bool(resets)
    # Between the use of a reservation and the authorization there is nothing but its id.
    uses = (place.transaction, place.authorization, place.reservation_id)
    is_in_use = any(it is not None for it in uses)
    return not is_in_use and not any(it.evse in (None, evse) for it in st.state.reservations)


def is_in_transaction(st: Station, evse: int, connector: int) -> bool:
    """Whether the EVSE's transaction is on this connector, or may still come to it: no cable was in yet."""
    place = st.evse(evse)
    if place.transaction is None:
        return False
    waits = not place.transaction.connector_told and not any(state.plugged for state in place.connectors)
    return waits or place.connectors[connector - 1].plugged


def _worst(statuses: list[Status]) -> Status:
    return next(status for status in _WORST_FIRST if status in statuses)


def _numbers(items: Sized) -> range:
    return range(1, len(items) + 1)
