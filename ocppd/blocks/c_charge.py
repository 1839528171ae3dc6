"""C. Authorization: a switch for whoever knows no more than ON and OFF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ocppd.blocks import c_authorization, e_stops
from ocppd.core import on as triggers
from ocppd.core.station import UNCHANGED, Done, Later

if TYPE_CHECKING:
    from ocppd.core.station import Station


@triggers.command("charge")
def charge(st: Station, evse: int, on: bool | Literal["toggle"] = True) -> Done | Later:
    """Present the station's default token, or OFF, press stop; nothing where that would not change anything.

    Unlike `authorize`, which ends what the same token has begun, it can be said twice.
    """
    st.require_power()
    is_authorized = st.evse(evse).authorization is not None
    wanted = not is_authorized if on == "toggle" else on
    if wanted == is_authorized:
        return UNCHANGED
    return c_authorization.authorize(st, evse) if wanted else e_stops.stop(st, evse)
