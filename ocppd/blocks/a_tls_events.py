"""A00. Security events of attempts to connect: whom the station does not trust, or is not trusted by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import a_security
from ocppd.core import on

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

# The others are for the security log alone (part 2, appendix 1).
_CRITICAL = frozenset(["InvalidCsmsCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite"])


@on.event("connect_failed")
def tell_once(st: Station, event: Event) -> None:
    """Tell each kind once in a row of failed attempts (A00.FR.310, .316, .323, .413, .419, .426).

    The CSMS learns of it when there is a connection again; until then no other one is queued.
    """
    kind = event.data["kind"]
    if not kind or kind in st.state.csms.alarms:
        return
    st.state.csms.alarms.append(kind)
    say = a_security.notify if kind in _CRITICAL else a_security.log
    say(st, kind, event.data["reason"])
