"""G. Availability: cables, faults, the status of connectors, Heartbeat and ChangeAvailability."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len

from ocppd.blocks import e_cables
from ocppd.blocks.b_provisioning import TIME_SOURCE, set_clock
from ocppd.blocks.ev import Ev, arrive
from ocppd.core import comm, on
from ocppd.core.errors import CommandError
from ocppd.core.faults import DEFECTS, known_code
from ocppd.core.state import Fault
from ocppd.core.station import LATER, UNCHANGED, Done, Later
from ocppd.core.status import connector_status, is_in_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Connector, QueuedCall
    from ocppd.core.station import Event, Station

Switch = bool | Literal["toggle"]

MOST_FAULTS = 20  # of one connector: codes of one's own would have no end
_OFF = frozenset({"off", "0", "false", "no"})


# Cables


@on.command("plug-in")
def plug_in(
    st: Station,
    evse: int,
    connector: int,
    on: Switch = True,
    ev: Ev | None = None,
) -> Done:
    """Plug a car in; OFF takes it out again, TOGGLE does the other of the two."""
    state = st.connector(evse, connector)
    has_car = state.plugged and not state.loose
    wanted = (not has_car) if on == "toggle" else on
    if not wanted:
        return unplug(st, evse, connector)
    if has_car:
        return UNCHANGED
    if state.faults:
        raise CommandError("invalid_state", "the connector is faulted")
    if any(other.plugged for other in st.evse(evse).connectors if other is not state):
        raise CommandError("invalid_state", "another connector of this EVSE is in use")
    state.plugged, state.loose = True, False
    arrive(st, evse, ev or Ev())
    report_statuses(st)
    st.emit("plugged_in", evse, connector)
    return Done()


@on.command("unplug")
def unplug(st: Station, evse: int, connector: int) -> Done:
    """Take the cable out of the car, and out of the socket where that lets it go (E09, E10)."""
    state = st.connector(evse, connector)
    if not state.plugged:
        return UNCHANGED
    if state.loose:
        return _pull_out(st, state)
    state.loose = state.locked and not e_cables.lets_go(st, evse)
    if not state.loose:
        state.plugged = state.locked = False
    st.evse(evse).car = None
    report_statuses(st)
    st.emit("unplugged", evse, connector)
    return Done()


def _pull_out(st: Station, state: Connector) -> Done:
    """Take a cable out of its socket that has been taken out of the car before."""
    if state.locked:
        raise CommandError("invalid_state", "the socket holds the cable until its driver presents the token")
    state.plugged = state.loose = False
    report_statuses(st)
    return Done()


@on.command("park")
def park(st: Station, evse: int, on: Switch = True) -> Done:
    """Drive a car in front of the bay sensor (TxStartPoint ParkingBayOccupancy), or OFF, away."""
    place = st.evse(evse)
    wanted = (not place.parked) if on == "toggle" else on
    if wanted == place.parked:
        return UNCHANGED
    place.parked = wanted
    st.emit("parked" if wanted else "departed", evse)
    return Done()


# Faults


@on.command("fault")
def fault(
    st: Station,
    evse: int,
    connector: int,
    code: str,
    component: Annotated[str, Len(1, 50)] | None = None,
    severity: Annotated[int, Ge(0), Le(9)] = 3,
    info: str = "",
    for_s: Annotated[float, Gt(0)] | None = None,
) -> Done:
    """Break the connector: `code` says how (GroundFault, OverCurrentFailure ...); OFF clears all faults.

    A code of one's own needs the `component` that has the fault. After `for_s` seconds it heals.
    """
    if code.casefold() in _OFF:
        return clear_fault(st, evse, connector)
    found = _fault(code, component)
    found.severity, found.info = severity, info
    found.until = None if for_s is None else st.now + for_s
    state = st.connector(evse, connector)
    if any(other.code == found.code for other in state.faults):
        return UNCHANGED
    if len(state.faults) >= MOST_FAULTS:
        raise CommandError("invalid_state", f"the connector has {MOST_FAULTS} faults already")
    state.faults.append(found)
    _arm_healing(st, evse, connector, state)
    report_statuses(st)
    st.emit("fault", evse, connector, **_told(found))
    return Done()


def _fault(code: str, component: str | None) -> Fault:
    known = known_code(code)
    if known is not None:
        defect = DEFECTS[known]
        return Fault(known, component or defect.component, defect.variable)
    if component is None:
        near = get_close_matches(code, DEFECTS, n=1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise CommandError("invalid_argument", f"code: no known fault; name its component{hint}")
    return Fault(code, component)


def _told(fault: Fault) -> dict[str, Any]:
    return {
        "code": fault.code,
        "component": fault.component,
        "variable": fault.variable,
        "severity": fault.severity,
        "info": fault.info,
    }


@on.command("clear-fault")
def clear_fault(st: Station, evse: int, connector: int, code: str | None = None) -> Done:
    """Repair the connector: the fault of that `code`, or all of them."""
    wanted = None if code is None else (known_code(code) or code)
    state = st.connector(evse, connector)
    gone = [fault for fault in state.faults if wanted in (None, fault.code)]
    return _clear(st, evse, connector, gone)


@on.timer("fault")
def heal(st: Station, evse: int, connector: int) -> None:
    """Faults that were to last `for_s` seconds are over."""
    faults = st.connector(evse, connector).faults
    _clear(st, evse, connector, [fault for fault in faults if fault.until and fault.until <= st.now])


def _clear(st: Station, evse: int, connector: int, gone: list[Fault]) -> Done:
    if not gone:
        return UNCHANGED
    state = st.connector(evse, connector)
    state.faults = [fault for fault in state.faults if fault not in gone]
    _arm_healing(st, evse, connector, state)
    report_statuses(st)
    for fault in gone:
        st.emit("fault_cleared", evse, connector, **_told(fault))
    return Done()


def _arm_healing(st: Station, evse: int, connector: int, state: Connector) -> None:
    timer = f"fault:{evse}:{connector}"
    st.cancel(timer)
    if ends := [fault.until for fault in state.faults if fault.until is not None]:
        st.at(min(ends), timer)


# StatusNotification (G01, B01.FR.05, B04)


@on.event("tx_started", "tx_ended", "deauthorized", "availability_changed")
@on.event("reset_scheduled", "reset", "evse_reset", "evse_up", "power_up")
def statuses_may_have_changed(st: Station, _event: Event) -> None:
    """A transaction, a setting or a reset decides what an Inoperative connector shows."""
    report_statuses(st)


@on.settled
def reservations_may_have_moved(st: Station, _events: Sequence[Event]) -> None:
    """What is kept for a reservation of any EVSE depends on all that happens at the others."""
    if st.state.reservations:
        report_statuses(st)


@on.event("boot")
def report_all(st: Station, event: Event) -> None:
    """Accepted: the CSMS learns the status of every connector (B01.FR.05)."""
    if event.data["registration"] == "Accepted":
        report_statuses(st, anew=True, first=True)


@on.event("back_online")
def report_missed(st: Station, _event: Event) -> None:
    """After OfflineThreshold all connectors, before it those that have changed (B04.FR.01, B04.FR.02)."""
    offline_since = st.state.csms.offline_since
    gone_s = 0.0 if offline_since is None else st.now - offline_since
    report_statuses(st, anew=gone_s > st.get(comm.OFFLINE_THRESHOLD), first=True)


def report_statuses(st: Station, *, anew: bool = False, first: bool = False) -> None:
    """Tell of every connector whose status differs from what was told, or `anew` of all of them.

    `first` tells it before what else waits for the CSMS.
    """
    for number, evse in st.evses():
        for connector, state in enumerate(evse.connectors, start=1):
            status = connector_status(st, number, connector)
            if status != state.status:
                change = {"before": {"status": state.status}, "after": {"status": status}}
                state.status = status
                st.emit("connector_status", number, connector, **change)
            if st.is_online and (anew or state.reported != status):
                state.reported = status
                _notify(st, number, connector, status, first=first)


def _notify(st: Station, evse: int, connector: int, status: str, **how: Any) -> None:
    payload = {
        "timestamp": st.timestamp(),
        "connectorStatus": status,
        "evseId": evse,
        "connectorId": connector,
    }
    st.send("StatusNotification", payload, **how)


@on.failed("StatusNotification")
def not_told(st: Station, call: QueuedCall, failure: CallError) -> None:
    """A status that was never sent is still to be told."""
    evse, connector = call.payload["evseId"], call.payload["connectorId"]
    # The hardware may have changed while it waited.
    if failure.code == "NotSent" and _exists(st, evse, connector):
        st.connector(evse, connector).reported = None


def notify_status(st: Station, evse: int, connector: int) -> None:
    """Send the current status because somebody asked for it (F06)."""
    _notify(st, evse, connector, connector_status(st, evse, connector), while_pending=True)


# Heartbeat (G02)


@on.timer("heartbeat")
def heartbeat_due(st: Station) -> None:
    """HeartbeatInterval has passed without any message (G02.FR.02)."""
    st.after(st.get(comm.HEARTBEAT_INTERVAL), "heartbeat")
    if st.is_online:
        st.send("Heartbeat", {})


@on.timer("clock")
def clock_due(st: Station) -> None:
    """A day of other messages has kept every Heartbeat away: the clock needs one (G02.FR.07)."""
    if "Heartbeat" not in st.get(TIME_SOURCE):
        return
    st.after(st.get(comm.HEARTBEAT_INTERVAL), "clock")  # in case this one is not answered
    if st.is_online:
        st.send("Heartbeat", {})


@on.reply("Heartbeat")
def heartbeat_answered(st: Station, _call: QueuedCall, response: Payload) -> None:
    """The CSMS's clock (G02.FR.06)."""
    set_clock(st, response["currentTime"])


@on.event("variable_changed")
def heartbeat_interval_changed(st: Station, event: Event) -> None:
    """A new interval counts from now."""
    if event.data["key"] == comm.HEARTBEAT_INTERVAL.station_key and "heartbeat" in st.state.timers:
        st.after(st.get(comm.HEARTBEAT_INTERVAL), "heartbeat")


@on.command("heartbeat")
def heartbeat(st: Station) -> Later:
    """Send a Heartbeat now and answer with the CSMS's response."""
    st.require_power()
    if not st.is_online or st.request is None:
        raise CommandError("not_connected", "the CSMS cannot be reached or has not accepted the station")
    st.send("Heartbeat", {}, context={"request": st.request.key})
    return LATER


# ChangeAvailability (G03, G04)


@on.call("ChangeAvailability")
def change_availability(st: Station, request: Payload) -> Payload:
    """Set station, EVSE or connector; what is in a transaction follows when that ends (G03.FR.05)."""
    place = request.get("evse", {})
    evse, connector = place.get("id") or None, place.get("connectorId")
    if evse is not None and not _exists(st, evse, connector):
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    return {"status": set_operative(st, evse, connector, request["operationalStatus"] == "Operative")}


def _exists(st: Station, evse: int, connector: int | None) -> bool:
    if not 1 <= evse <= len(st.state.evses):
        return False
    return connector is None or 1 <= connector <= len(st.evse(evse).connectors)


@on.command("operative")
def operative(st: Station, on: Switch = True, evse: int | None = None, connector: int | None = None) -> Done:
    """Make the station, the EVSE or the connector Operative, or OFF, Inoperative."""
    now = _level(st, evse, connector).operative
    wanted = (not now) if on == "toggle" else on
    status = set_operative(st, evse, connector, wanted)
    return Done(changed=wanted != now, result={"status": status})


def set_operative(st: Station, evse: int | None, connector: int | None, wanted: bool) -> str:
    """Change the setting at one level, persistently (G01.FR.02); returns the ChangeAvailabilityStatus."""
    _level(st, evse, connector).operative = wanted
    st.emit("availability_changed", evse or 0, connector or 0)
    return "Scheduled" if not wanted and _in_use(st, evse, connector) else "Accepted"


def _level(st: Station, evse: int | None, connector: int | None) -> Any:
    if evse is None:
        return st.state
    return st.evse(evse) if connector is None else st.connector(evse, connector)


def _in_use(st: Station, evse: int | None, connector: int | None) -> bool:
    """Whether a transaction keeps a connector below that level from becoming Unavailable."""
    return any(
        is_in_transaction(st, number, plug)
        for number, state in st.evses()
        for plug in range(1, len(state.connectors) + 1)
        if evse in (None, number) and connector in (None, plug)
    )
