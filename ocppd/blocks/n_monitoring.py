"""N. Monitoring: what the CSMS wants to be told of (N03 to N06). What it then is told is in `n_diagnostics`.

`State.monitors` holds every monitor: those that the hardware brings, with the ids from 1, and those that the
CSMS has set. A preconfigured one that the CSMS has switched off stays there, not active; one that it has
changed is a custom one, until SetMonitoringBase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ocppd.blocks import b_device_model, n_event_streams
from ocppd.core import monitors, on
from ocppd.core.errors import CallError
from ocppd.core.state import Monitor
from ocppd.core.variables import Slot, Variable, boolean, integer, option

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

MOST_MONITORS = 200  # of the CSMS's own, on one station: each is looked at after every input

BASES = ("All", "FactoryDefault", "HardWiredOnly")

ENABLED = boolean("MonitoringCtrlr", "Enabled", True, mutability="ReadWrite")
AVAILABLE = boolean("MonitoringCtrlr", "Available", True)
SET_ITEMS = integer("MonitoringCtrlr", "ItemsPerMessage", 50, instance="SetVariableMonitoring")
SET_BYTES = integer("MonitoringCtrlr", "BytesPerMessage", 65_536, instance="SetVariableMonitoring")
CLEAR_ITEMS = integer("MonitoringCtrlr", "ItemsPerMessage", 50, instance="ClearVariableMonitoring")
CLEAR_BYTES = integer("MonitoringCtrlr", "BytesPerMessage", 65_536, instance="ClearVariableMonitoring")
BASE = option("MonitoringCtrlr", "ActiveMonitoringBase", "All", BASES)
LEVEL = integer("MonitoringCtrlr", "ActiveMonitoringLevel", 9, minimum=0, maximum=9)

_Refused = tuple[str, str]  # a status and a reason code


def is_enabled(st: Station) -> bool:
    """Whether variables are monitored.

    Raises:
        CallError: NotSupported where the station cannot do it at all.
    """
    if not st.get(AVAILABLE):
        raise CallError("NotSupported", "this station has no monitoring")
    return st.get(ENABLED)


def rejected(reason: str) -> Payload:
    """A response, or a result, that says so."""
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}


def _refuse_too_much(
    request: Payload, items: list[Any], most: Variable[int], size: Variable[int], st: Station
) -> None:
    if len(items) > st.get(most):  # N04.FR.09, N06.FR.06
        raise CallError("OccurrenceConstraintViolation", f"at most {st.get(most)} elements in a message")
    if len(orjson.dumps(request)) > st.get(size):  # N06.FR.07
        raise CallError("FormatViolation", f"at most {st.get(size)} bytes in a message")


# What the hardware brings


@on.event("started")
def install(st: Station, _event: Event) -> None:
    """Bring in what the hardware has now, and drop what it has no longer (N04, remark; N07.FR.13)."""
    st.state.monitors = [it for it in st.state.monitors if _is_possible(st, it)]
    factory = _factory(st)
    st.state.monitors = [
        it
        for it in st.state.monitors
        if it.kind == "CustomMonitor" or (it.id in factory and _is_alike(it, factory[it.id]))
    ]
    _bring_back(st, factory)


def _is_possible(st: Station, monitor: Monitor) -> bool:
    slot = st.model.slots.get(monitor.variable)
    return slot is not None and monitors.is_supported(slot, monitor.type)


def _is_alike(one: Monitor, other: Monitor) -> bool:
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("variable", "type", "value", "severity", "transaction", "kind")
    )


def _factory(st: Station) -> dict[int, Monitor]:
    """New ones of those that the hardware brings, by their ids."""
    hardware = st.description.hardware
    if not hardware.monitors:
        return {}
    found = monitors.factory(hardware, st.model)
    for it in found:
        it.active = it.kind == "HardWiredMonitor" or st.get(BASE) != "HardWiredOnly"
    return {it.id: it for it in found}


def _bring_back(st: Station, factory: dict[int, Monitor]) -> None:
    """Add those whose id is not there; one that the CSMS has set in the meantime takes their place."""
    there = {it.id for it in st.state.monitors}
    for monitor in factory.values():
        if monitor.id not in there:
            monitor.active = monitor.active and monitors.double(st.state.monitors, monitor) is None
            st.state.monitors.append(monitor)
    st.state.monitors.sort(key=lambda it: it.id)


# SetMonitoringBase, SetMonitoringLevel (N03, N05)


@on.call("SetMonitoringBase")
def set_monitoring_base(st: Station, request: Payload) -> Payload:
    """Preconfigured monitors become active or not, custom ones stay or not (N03.FR.03 to N03.FR.05)."""
    if not is_enabled(st):
        return rejected("NotEnabled")
    base = request["monitoringBase"]
    b_device_model.put(st, BASE, base)
    kept = [it for it in st.state.monitors if it.kind == "HardWiredMonitor" or _stays(it, base)]
    st.state.monitors = kept
    _bring_back(st, _factory(st))
    st.emit("monitors_changed")
    return {"status": "Accepted"}


def _stays(monitor: Monitor, base: str) -> bool:
    """Whether it is left as it is: a custom one by All, an active one by all but HardWiredOnly."""
    if monitor.kind == "CustomMonitor":
        return base == "All"
    return base != "HardWiredOnly" and monitor.active


@on.call("SetMonitoringLevel")
def set_monitoring_level(st: Station, request: Payload) -> Payload:
    """Tell no event of a greater severity number from now on (N05.FR.01 to N05.FR.03)."""
    if not is_enabled(st):
        return rejected("NotEnabled")
    severity = request["severity"]
    if not 0 <= severity <= 9:
        return rejected("ValueOutOfRange")
    b_device_model.put(st, LEVEL, str(severity))
    return {"status": "Accepted"}


# SetVariableMonitoring (N04)


@on.call("SetVariableMonitoring")
def set_variable_monitoring(st: Station, request: Payload) -> Payload:
    """One result for each element, each on its own (N04.FR.01)."""
    items = request["setMonitoringData"]
    is_on = is_enabled(st)
    _refuse_too_much(request, items, SET_ITEMS, SET_BYTES, st)
    return {"setMonitoringResult": [_result(st, item, is_on) for item in items]}


def _result(st: Station, item: Payload, is_on: bool) -> Payload:
    outcome = _set_one(st, item) if is_on else ("Rejected", "NotEnabled")
    if isinstance(outcome, Monitor):
        st.emit("monitor_set", id=outcome.id, stream=item.get("periodicEventStream"))
    result: Payload = {name: item[name] for name in ("type", "severity", "component", "variable")}
    if isinstance(outcome, Monitor):
        return {"status": "Accepted", "id": outcome.id, **result}
    status, reason = outcome
    return {"status": status, **({"statusInfo": {"reasonCode": reason}} if reason else {}), **result}


def _set_one(st: Station, item: Payload) -> Monitor | _Refused:
    """The monitor, set; or why there can be none."""
    slot = st.model.find(item["component"], item["variable"])
    number = item.get("id")
    old = None if number is None else _find(st, number)
    if old is not None and (refused := _irreplaceable(old, slot)):
        return refused
    if isinstance(slot, str):
        return slot, ""  # N04.FR.03, N04.FR.04
    if refused := _impossible(slot, item):
        return refused
    if number is not None and old is None:
        return "Rejected", "NotFound"  # N04.FR.13
    new = Monitor(
        id=st.state.next_monitor_id if old is None else old.id,
        variable=slot.key,
        type=item["type"],
        value=float(item["value"]),
        severity=item["severity"],
        transaction=item.get("transaction", False),
    )
    if monitors.double(st.state.monitors, new) is not None:
        return "Duplicate", ""
    return _add(st, new) if old is None else _replace(st, slot, old, new)


def _irreplaceable(old: Monitor, slot: Slot | str) -> _Refused | None:
    """Why the monitor cannot be replaced by one on that variable (N04.FR.16, N04.FR.18)."""
    if old.kind == "HardWiredMonitor":
        return "Rejected", "ReadOnly"
    if isinstance(slot, str) or old.variable != slot.key:
        return "Rejected", "InvalidValue"
    return None


def _impossible(slot: Slot, item: Payload) -> _Refused | None:
    if not monitors.is_supported(slot, item["type"]):
        return "UnsupportedMonitorType", ""
    stream = item.get("periodicEventStream")
    if stream is not None and not (
        item["type"] in monitors.PERIODICS and n_event_streams.is_possible(stream)
    ):
        return "Rejected", "InvalidValue"
    reason = monitors.refusal(slot, item["type"], item["value"], item["severity"])
    return None if reason is None else ("Rejected", reason)


def _find(st: Station, number: int) -> Monitor | None:
    return next((it for it in st.state.monitors if it.id == number and it.active), None)


def _add(st: Station, new: Monitor) -> Monitor | _Refused:
    if sum(it.kind == "CustomMonitor" for it in st.state.monitors) >= MOST_MONITORS:
        return "Rejected", "OutOfStorage"
    st.state.next_monitor_id += 1
    st.state.monitors.append(new)
    return new


def _replace(st: Station, slot: Slot, old: Monitor, new: Monitor) -> Monitor:
    """Put one in the place of another; it is a custom one from now on (N04.FR.12, N04.FR.15).

    What is exceeded still goes on, and what no longer is will be cleared; on the other side of the range it
    is a new alert (N07.FR.11).
    """
    if old.exceeded and {old.type, new.type} <= set(monitors.THRESHOLDS):
        new.exceeded = new.type == old.type or not monitors.passes_threshold(new, st.value(slot))
    st.state.monitors[st.state.monitors.index(old)] = new
    return new


# ClearVariableMonitoring (N06)


@on.call("ClearVariableMonitoring")
def clear_variable_monitoring(st: Station, request: Payload) -> Payload:
    """One result for each id (N06.FR.05)."""
    is_on = is_enabled(st)
    _refuse_too_much(request, request["id"], CLEAR_ITEMS, CLEAR_BYTES, st)
    return {"clearMonitoringResult": [{"id": it, **_clear_one(st, it, is_on)} for it in request["id"]]}


def _clear_one(st: Station, number: int, is_on: bool) -> Payload:
    """Nothing is told of a threshold that was exceeded (N07.FR.12)."""
    if not is_on:
        return rejected("NotEnabled")
    monitor = _find(st, number)
    if monitor is None:
        return {"status": "NotFound"}  # N06.FR.02
    if monitor.kind == "HardWiredMonitor":
        return rejected("ReadOnly")  # N06.FR.03
    place = st.state.monitors.index(monitor)
    original = _factory(st).get(number)
    if original is None:
        del st.state.monitors[place]
    else:  # it comes back with SetMonitoringBase
        original.active = False
        st.state.monitors[place] = original
    st.emit("monitors_changed")
    return {"status": "Accepted"}
