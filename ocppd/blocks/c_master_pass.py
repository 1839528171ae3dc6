"""C. The master pass: a token that ends what others have begun, and begins nothing (C16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import e_cables
from ocppd.core import tokens
from ocppd.core.errors import CommandError
from ocppd.core.variables import string

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

GROUP = string("AuthCtrlr", "MasterPassGroupId", "", mutability="ReadWrite", maximum=tokens.LONGEST)


def is_known(st: Station) -> bool:
    """Whether there are such tokens at all."""
    return bool(st.get(GROUP))


def is_one(st: Station, group: str | None) -> bool:
    """Whether a token of that group is a master pass."""
    return tokens.is_same_group(group, st.get(GROUP))


def stop(st: Station, token: Payload, evse: int | None = None) -> list[str]:
    """End all transactions (C16.FR.02), or, as chosen at the display, the one at the EVSE (C16.FR.01).

    Cables that are held for somebody are let go. Returns the ids of the transactions. Raises CommandError
    where there is nothing to do, as it starts none (C16.FR.03).
    """
    places = {number: place for number, place in st.evses() if evse in (None, number)}
    kept = [number for number, place in places.items() if e_cables.is_kept(place)]
    running = {
        number: place.transaction.id
        for number, place in places.items()
        if place.transaction is not None and (place.authorization is not None or number in kept)
    }
    if not running and not kept:
        raise CommandError("invalid_state", "a master pass starts nothing, and there is nothing to stop")
    for number in kept:
        st.emit("owner_back", number)
    for number in running:
        st.emit("stop_authorized", number, token=token, reason="MasterPass")
    return list(running.values())
