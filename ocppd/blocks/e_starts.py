"""E. What may begin a transaction: a car, a cable, a token (E01, E02, E03)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.e_cables import is_loose, lock
from ocppd.blocks.e_energy import follow
from ocppd.blocks.e_points import STOP_POINT, bay_decides, has_bay_sensor, is_connected
from ocppd.blocks.e_transactions import deauthorize, end, progress
from ocppd.core import on
from ocppd.core.state import Authorization
from ocppd.core.variables import integer

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

CONNECTION_TIMEOUT = integer(
    "TxCtrlr", "EVConnectionTimeOut", 120, mutability="ReadWrite", unit="s", minimum=0
)


@on.event("parked")
def ev_detected(st: Station, event: Event) -> None:
    """A car is in the bay (E01.FR.01)."""
    if bay_decides(st, event.evse):
        progress(st, event.evse, "EVDetected")


@on.event("plugged_in")
def plugged_in(st: Station, event: Event) -> None:
    """The cable is in (E01.FR.02, E02, E03)."""
    evse = event.evse
    st.cancel(f"ev_timeout:{evse}")
    if has_bay_sensor(st, evse) and not st.evse(evse).parked:
        _arrive(st, evse, event.connector)
    lock(st, evse)
    progress(st, evse, "CablePluggedIn")
    follow(st, evse)


def _arrive(st: Station, evse: int, connector: int) -> None:
    """Tell of the car as the bay sensor sees it, before its cable is in."""
    plug = st.connector(evse, connector)
    plug.plugged = False
    progress(st, evse, "EVDetected", in_bay=True)
    plug.plugged = True


@on.event("authorized")
def authorized(st: Station, event: Event) -> None:
    """Somebody may charge (E01.FR.03), and has EVConnectionTimeOut to plug in (E03.FR.05, C01.FR.26)."""
    evse = event.evse
    place, data = st.evse(evse), event.data
    place.authorization = Authorization(
        data["token"], data.get("group"), data.get("remote_start_id"), priority=data.get("priority")
    )
    lock(st, evse)
    progress(st, evse, "Authorized")
    wait_for_car(st, evse)
    follow(st, evse)


def wait_for_car(st: Station, evse: int) -> None:
    """Give who is authorized EVConnectionTimeOut to plug in, unless a socket waits for the token (E10)."""
    place = st.evse(evse)
    if st.is_running and place.authorization is not None and not is_connected(place) and not is_loose(place):
        st.after(st.get(CONNECTION_TIMEOUT), f"ev_timeout:{evse}")


@on.timer("ev_timeout")
def ev_connection_timeout(st: Station, evse: int) -> None:
    """Nobody has plugged in, or in again: the authorization lapses (E03.FR.05, E03.FR.15, E10.FR.02)."""
    place = st.evse(evse)
    if place.authorization is None or is_connected(place):
        return
    deauthorize(st, evse)
    if "ParkingBayOccupancy" in st.get(STOP_POINT):
        progress(st, evse, "EVConnectTimeout")
    else:
        end(st, evse, "EVConnectTimeout")


@on.event("boot")
def accepted(st: Station, event: Event) -> None:
    """What was plugged in before the CSMS accepted the station counts from now."""
    if event.data["registration"] == "Accepted":
        for evse, place in st.evses():
            if place.transaction is None:
                progress(st, evse, "CablePluggedIn")
                follow(st, evse)


@on.event("availability_changed", "fault_cleared", "evse_up")
def usable_again(st: Station, _event: Event) -> None:
    """A cable in a connector that was Unavailable or Faulted counts from when it is usable."""
    for evse, place in st.evses():
        if place.transaction is None:
            progress(st, evse, "CablePluggedIn")
            follow(st, evse)
