"""Which EVSEs are kept for whom. A reservation without an EVSE keeps one free, whichever that is (H01)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core.tokens import is_same, is_same_group

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ocppd.core.state import Reservation
    from ocppd.core.station import Station


def is_kept(st: Station, evse: int) -> bool:
    """Whether it is reserved itself, or needed for those who reserved any (H01.FR.20, H01.FR.24)."""
    if not st.state.reservations:
        return False
    if any(it.evse == evse for it in st.state.reservations):
        return True
    wishes, free = _wishes(st), _free(st)
    if evse not in free:
        return False
    others = [number for number in free if number != evse]
    return _served(st, wishes, others) < _served(st, wishes, free)


def fitting(st: Station, evse: int, token: Mapping[str, str], group: str | None) -> Reservation | None:
    """The reservation that the token, or its group, can use there; rather one for this EVSE (H03)."""
    own = [it for it in st.state.reservations if _is_for(it, token, group) and _fits(st, it, evse)]
    here = [it for it in own if it.evse == evse]
    return next(iter(here or (it for it in own if it.evse is None and _is_fair(st, it, evse))), None)


def _is_fair(st: Station, wish: Reservation, evse: int) -> bool:
    """Whether nobody else loses what is reserved if the wish is fulfilled there (H01.FR.07, H01.FR.09)."""
    if any(it.evse == evse for it in st.state.reservations):
        return False
    wishes, free = _wishes(st), _free(st)
    others = [it for it in wishes if it is not wish]
    left = [number for number in free if number != evse]
    return _served(st, others, left) + 1 >= _served(st, wishes, free)


def _wishes(st: Station) -> list[Reservation]:
    """The reservations of any EVSE."""
    return [it for it in st.state.reservations if it.evse is None]


def _free(st: Station) -> list[int]:
    return [number for number, _ in st.evses() if _is_free(st, number)]


def _is_for(reservation: Reservation, token: Mapping[str, str], group: str | None) -> bool:
    return is_same(reservation.token, token) or is_same_group(reservation.group, group)


def _is_free(st: Station, evse: int) -> bool:
    """Whether somebody with a reservation could still use it.

    A cable that came while it was told to be Reserved is no hindrance: it may be theirs (G03.FR.09).
    """
    place = st.evse(evse)
    if place.authorization is not None or any(it.evse == evse for it in st.state.reservations):
        return False
    if not _usable_types(st, evse):
        return False
    plugged = any(connector.plugged for connector in place.connectors)
    return not plugged or any(connector.status == "Reserved" for connector in place.connectors)


def _fits(st: Station, reservation: Reservation, evse: int) -> bool:
    return reservation.connector_type in (None, *_usable_types(st, evse))


def _usable_types(st: Station, evse: int) -> list[str]:
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    if not (st.state.operative and place.operative):
        return []
    return [
        kind.type
        for kind, connector in zip(description.connectors, place.connectors, strict=True)
        if connector.operative and not connector.faults
    ]


def _served(st: Station, wishes: Sequence[Reservation], free: Sequence[int]) -> int:
    """How many of the wishes these EVSEs can fulfil at once: a greatest matching, by augmenting paths."""
    taken: dict[int, int] = {}

    def find(wish: int, tried: set[int]) -> bool:
        for evse in _unseen(free, tried):
            if not _fits(st, wishes[wish], evse):
                continue
            tried.add(evse)
            if evse not in taken or find(taken[evse], tried):
                taken[evse] = wish
                return True
        return False

    return sum(find(wish, set()) for wish in range(len(wishes)))


def _unseen(free: Sequence[int], tried: Collection[int]) -> list[int]:
    return [evse for evse in free if evse not in tried]
