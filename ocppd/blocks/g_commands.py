"""G. A StatusNotification by command, with the true status or another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge

from ocppd.core import on
from ocppd.core.errors import CommandError, ErrorCode
from ocppd.core.station import LATER, Later
from ocppd.core.status import connector_status as status_now
from ocppd.core.times import parse_time

if TYPE_CHECKING:
    from ocppd.core.station import Station

_Status = Literal["Available", "Occupied", "Reserved", "Unavailable", "Faulted"]
_Number = Annotated[int, Ge(1)]


@on.command("status-notification")
def status_notification(
    st: Station,
    *,
    evse_id: _Number | None = None,
    connector_id: _Number | None = None,
    connector_status: _Status | None = None,
    timestamp: str | None = None,
) -> Later:
    """Send a StatusNotification of a connector, and answer when the CSMS has taken it.

    It tells `connector_status`, true or not, or else what the connector shows; of a lie the station itself
    believes nothing. EVSE and connector may be left out where there is but one, `timestamp` for now.
    """
    st.require_power()
    if not st.is_online or st.request is None:
        raise CommandError("not_connected", "the CSMS cannot be reached or has not accepted the station")
    if timestamp is not None and parse_time(timestamp) is None:
        raise CommandError("invalid_argument", "timestamp: an RFC 3339 date and time with its time zone")
    evse = _chosen(evse_id or st.request.evse, len(st.state.evses), "evse")
    connectors = len(st.evse(evse).connectors)
    connector = _chosen(connector_id or st.request.connector, connectors, "connector")
    payload = {
        "timestamp": timestamp or st.timestamp(),
        "connectorStatus": connector_status or status_now(st, evse, connector),
        "evseId": evse,
        "connectorId": connector,
    }
    st.send("StatusNotification", payload, context={"request": st.request.key})
    return LATER


def _chosen(number: int | None, count: int, what: Literal["evse", "connector"]) -> int:
    """The number that was given, or that of the only one."""
    if number is not None and number > count:
        code: ErrorCode = "unknown_evse" if what == "evse" else "unknown_connector"
        raise CommandError(code, f"{what}_id: there are {count}, not {number}")
    if number is None and count != 1:
        raise CommandError("ambiguous_target", f"there are {count}: name one with {what}_id")
    return number or 1
