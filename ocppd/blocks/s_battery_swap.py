"""S. Battery swapping: each EVSE is a slot for a battery (S01 to S04, OCPP 2.1).

A station swaps batteries where BatterySwapCtrlr.Available says so. Who moves them is somebody at the station:
the event `battery_swap` tells that the CSMS has asked for a swap, the command `battery-swap` what was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le, Len

from ocppd.core import on, versions
from ocppd.core.errors import CallError, CommandError
from ocppd.core.state import BatterySwap
from ocppd.core.station import LATER, Later
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

AVAILABLE = boolean("BatterySwapCtrlr", "Available", False)
_EVENTS = {"in": "BatteryIn", "out": "BatteryOut", "out-timeout": "BatteryOutTimeout"}
_Percent = Annotated[float, Ge(0), Le(100)]


@on.call("RequestBatterySwap")
def request_battery_swap(st: Station, request: Payload) -> Payload:
    """Let somebody swap batteries here, one swap at a time (S02)."""
    if not st.get(AVAILABLE):
        raise CallError("NotSupported", "this station swaps no batteries")
    if st.state.battery_swap is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxInProgress"}}
    st.state.battery_swap = BatterySwap(request["requestId"], request["idToken"])
    st.emit("battery_swap", swap_id=request["requestId"], token=request["idToken"])
    return {"status": "Accepted"}


@on.command("battery-swap")
def battery_swap(
    st: Station,
    evse: int,
    event: Literal["in", "out", "out-timeout"] = "in",
    *,
    serial_number: Annotated[str, Len(1, 50)] = "BATTERY-1",
    soc: _Percent = 20.0,
    soh: _Percent = 100.0,
) -> Later:
    """Tell that a battery was put into the slot, taken `out`, or not taken in time (OCPP 2.1).

    The first `in` begins a swap with the default token, unless the CSMS has asked for one; `out` ends it.
    """
    if not st.get(AVAILABLE):
        raise CommandError("unsupported", "this station swaps no batteries (BatterySwapCtrlr.Available)")
    versions.require_21(st)
    swap = st.state.battery_swap
    if swap is None and event != "in":
        raise CommandError("invalid_state", "there is no swap: a battery comes in first")
    swap = swap or _own_swap(st)
    payload = {
        "eventType": _EVENTS[event],
        "requestId": swap.request_id,
        "idToken": swap.token,
        "batteryData": [{"evseId": evse, "serialNumber": serial_number, "soC": soc, "soH": soh}],
    }
    st.state.battery_swap = swap if event == "in" else None
    context = {"request": st.request.key if st.request else None}
    st.send("BatterySwap", payload, context=context, keep=True)
    return LATER


def _own_swap(st: Station) -> BatterySwap:
    """A swap that somebody begins at the station, with the token of its driver (S01)."""
    token = st.description.hardware.default_token
    st.state.next_event_id += 1
    return BatterySwap(st.state.next_event_id - 1, {"idToken": token.id_token, "type": token.type})
