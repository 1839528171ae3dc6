"""N. Events: what is monitored, and what breaks, is told with NotifyEvent (N07, N08).

After every input `look` compares each monitored variable with what the CSMS was told of it. What it may not
be told now, as it is offline or wants no such severity, is looked at when it may: it then learns what is, and
not what was in between.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le, Len

from ocppd.blocks import j_measurands, n_event_streams
from ocppd.blocks.n_monitoring import ENABLED, LEVEL
from ocppd.core import comm, monitors, on
from ocppd.core.errors import CommandError
from ocppd.core.faults import DEFECTS
from ocppd.core.station import LATER, Done, Later
from ocppd.core.status import is_in_transaction
from ocppd.core.variables import Reader, Variable, boolean, integer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ocppd.core.schemas import Payload
    from ocppd.core.state import Monitor
    from ocppd.core.station import Event, Station
    from ocppd.core.variables import Slot

OFFLINE_SEVERITY = integer(
    "MonitoringCtrlr", "OfflineQueuingSeverity", 4, mutability="ReadWrite", minimum=0, maximum=9
)

_LOOK_S = 5  # how often what changes by itself is looked at, while it does
_PAGE = 20  # events in a message
_LONGEST_VALUE = 2500


# Faults in the device model


def _reader(component: str, variable: str) -> Reader:
    return lambda st, evse, connector: str(_is_broken(st, evse, connector, component, variable)).lower()


def _is_broken(st: Station, evse: int, connector: int, component: str, variable: str) -> bool:
    faults = st.connector(evse, connector).faults
    return any((it.component, it.variable) == (component, variable) for it in faults)


# A variable for each part that can break, at each connector: true while the fault lasts.
DEFECT_VARIABLES: tuple[Variable[bool], ...] = tuple(
    boolean(component, variable, place="connector", read=_reader(component, variable))
    for component, variable in sorted({(it.component, it.variable) for it in DEFECTS.values()})
)


# After every input


@dataclass(slots=True)
class _Round:
    """What is found after one input: EventDataTypes with their severities.

    `transactions` are the ids by EVSE, of those that have just ended, too; `causes` the events of faults.
    """

    transactions: dict[int, str]
    found: list[tuple[int, Payload]] = field(default_factory=list)
    causes: dict[int, int] = field(default_factory=dict)


@on.settled
def look(st: Station, events: Sequence[Event]) -> None:
    """Tell what has broken and which monitors are triggered, in one message if there is room (N07, N08)."""
    faults = [it for it in events if it.name in ("fault", "fault_cleared")]
    if not (faults or st.state.monitors) or not st.state.power or st.state.rebooting:
        return
    now = _Round(_transactions(st, events))
    for event in faults:
        _tell_of_the_fault(st, now, event)
    if st.get(ENABLED):
        for monitor in st.state.monitors:
            if monitor.active:
                _look_at(st, now, monitor)
        _look_again(st)
    if now.found:
        _notify(st, now.found)


def _transactions(st: Station, events: Iterable[Event]) -> dict[int, str]:
    ended = {it.evse: it.data["transaction_id"] for it in events if it.name == "tx_ended"}
    return ended | {number: it.transaction.id for number, it in st.evses() if it.transaction is not None}


def _is_wanted(st: Station, severity: int) -> bool:
    """Whether an event may be told now, or wait until it can (N05.FR.03, N07.FR.04, N07.FR.15, N08.FR.03)."""
    return severity <= st.get(LEVEL) and (st.is_online or _may_wait(st, severity))


def _may_wait(st: Station, severity: int) -> bool:
    return severity <= st.get(OFFLINE_SEVERITY) or st.get(comm.QUEUE_ALL_MESSAGES)


def _tell_of_the_fault(st: Station, now: _Round, event: Event) -> None:
    """Faults are hard-wired notifications: told when they happen, or not at all."""
    part = event.data["component"], event.data["variable"]
    cleared = event.name == "fault_cleared"
    if not _is_wanted(st, event.data["severity"]):
        return
    if cleared and _is_broken(st, event.evse, event.connector, *part):
        return  # of two faults of one part the other one lasts
    data = _event_data(st, "Alerting", str(not cleared).lower(), "HardWiredNotification")
    data |= {
        "cleared": cleared,
        "techCode": event.data["code"][:50],
        "component": {"name": part[0], "evse": {"id": event.evse, "connectorId": event.connector}},
        "variable": {"name": part[1]},
    }
    if event.data["info"]:
        data["techInfo"] = event.data["info"][:500]
    if event.evse in now.transactions:
        data["transactionId"] = now.transactions[event.evse]
    if not cleared:
        now.causes[event.evse] = data["eventId"]
    now.found.append((event.data["severity"], data))


def _look_at(st: Station, now: _Round, monitor: Monitor) -> None:
    slot = st.model.slots[monitor.variable]
    # Without a transaction a monitor for these triggers nothing, but what it had alerted may be cleared.
    awake = not monitor.transaction or _is_in_use(st, slot, now)
    value = st.value(slot)
    match monitor.type:
        case "UpperThreshold" | "LowerThreshold":
            trigger = _threshold(st, monitor, value, awake)
        case "Delta":
            trigger = _delta(st, slot, monitor, value, awake)
        case "TargetDelta" | "TargetDeltaRelative":
            trigger = _target(st, slot, monitor, value, awake)
        case _:
            is_due = monitors.is_due(monitor, _clock(st, monitor))
            trigger = "Periodic" if is_due and awake and _is_wanted(st, monitor.severity) else None
    if trigger == "Periodic" and n_event_streams.takes(st, monitor, _shown(slot, value)):
        return
    if trigger is not None:
        data = _triggered(st, now, monitor, slot, trigger, value)
        now.found.append((monitor.severity, data))


def _triggered(
    st: Station, now: _Round, monitor: Monitor, slot: Slot, trigger: str, value: str | None
) -> Payload:
    """The EventDataType, with the fault that is to blame where one has just happened there (N07.FR.05)."""
    data = _event_data(st, trigger, _shown(slot, value), monitor.kind)
    data |= {"component": slot.component(), "variable": slot.name(), "variableMonitoringId": monitor.id}
    if trigger == "Alerting":
        data["cleared"] = not monitor.exceeded
    if slot.evse in now.transactions:
        data["transactionId"] = now.transactions[slot.evse]
    if slot.evse in now.causes and trigger != "Periodic" and not data.get("cleared"):
        data["cause"] = now.causes[slot.evse]
    return data


def _shown(slot: Slot, value: str | None) -> str:
    """What may be told of the value (N07.FR.10)."""
    return "" if slot.variable.mutability == "WriteOnly" else (value or "")[:_LONGEST_VALUE]


def _is_in_use(st: Station, slot: Slot, now: _Round) -> bool:
    """Whether a transaction runs where the variable stands."""
    if slot.connector:
        return is_in_transaction(st, slot.evse, slot.connector)
    return slot.evse in now.transactions if slot.evse else bool(now.transactions)


def _threshold(st: Station, monitor: Monitor, value: str | None, awake: bool) -> str | None:
    """Once when it is passed, once when the value is back (N07.FR.02, N07.FR.14, N07.FR.16, N07.FR.17)."""
    passes = monitors.passes_threshold(monitor, value)
    if passes is None or passes == monitor.exceeded or not (awake or monitor.exceeded):
        return None
    if not _is_wanted(st, monitor.severity):
        return None
    monitor.exceeded = passes
    return "Alerting"


def _delta(st: Station, slot: Slot, monitor: Monitor, value: str | None, awake: bool) -> str | None:
    """It counts from when it was set, told, or the station was booted (N07.FR.18, N07.FR.19; Part 1, 4.4)."""
    is_new = monitor.base is None or not awake
    before, seen = monitor.base or "", monitors.seen(slot, value)
    if is_new or (not before and slot.variable.data_type in monitors.NUMBERS):
        monitor.base = seen
        return None
    if not monitors.has_changed(slot, monitor, before, seen) or not _is_wanted(st, monitor.severity):
        return None
    monitor.base = seen
    return "Delta"


def _target(st: Station, slot: Slot, monitor: Monitor, value: str | None, awake: bool) -> str | None:
    """Once when the value leaves what the target allows, and again only after it was back (OCPP 2.1)."""
    misses = awake and monitors.misses_target(monitor, value, st.value(slot, "Target"))
    if misses == monitor.exceeded or (misses and not _is_wanted(st, monitor.severity)):
        return None
    monitor.exceeded = misses
    return "Delta" if misses else None


@on.event("power_up")
def count_anew(st: Station, _event: Event) -> None:
    """After a reboot a Delta counts from the value that it then finds (Part 1, 4.4)."""
    for monitor in st.state.monitors:
        monitor.base = None


def _clock(st: Station, monitor: Monitor) -> float:
    """The clock that `monitor.due` is on."""
    return st.now + (st.state.clock_offset if monitor.type == "PeriodicClockAligned" else 0)


def _look_again(st: Station) -> None:
    """Have the station woken when a periodic monitor is due, or something may have changed by itself."""
    active = [it for it in st.state.monitors if it.active]
    times = [st.now + it.due - _clock(st, it) for it in active if it.due is not None]
    if any(_drifts(st, it) for it in active):
        times.append(st.now + _LOOK_S)
    if times:
        st.at(min(times), "monitors")
    else:
        st.cancel("monitors")


def _drifts(st: Station, monitor: Monitor) -> bool:
    """Whether its variable changes with time alone: a clock does, and what is metered while energy flows."""
    slot = st.model.slots[monitor.variable]
    if slot.variable.read is None or monitor.type in monitors.PERIODICS:
        return False
    if slot.variable.data_type == "dateTime":
        return True
    places = [slot.evse] if slot.evse else [number for number, _ in st.evses()]
    is_metered = slot.variable.data_type in monitors.NUMBERS
    return is_metered and any(j_measurands.flow(st, it).power_w != 0 for it in places)


@on.timer("monitors")
def look_now(_st: Station) -> None:
    """Monitors are looked at after every input."""


# NotifyEvent


def _event_data(st: Station, trigger: str, value: str, kind: str) -> Payload:
    """An EventDataType as far as all have the same; its id is no other's (N07.FR.06)."""
    st.state.next_event_id += 1
    return {
        "eventId": st.state.next_event_id - 1,
        "timestamp": st.timestamp(),
        "trigger": trigger,
        "actualValue": value,
        "eventNotificationType": kind,
    }


def _notify(st: Station, found: list[tuple[int, Payload]]) -> None:
    """Send what was found, page by page (N07.FR.07, N08.FR.04); one that is to wait lets all of it wait."""
    keep = any(_may_wait(st, severity) for severity, _ in found)
    data = [it for _, it in found]
    for start in range(0, len(data), _PAGE):
        payload = {
            "generatedAt": st.timestamp(),
            "seqNo": start // _PAGE,
            "tbc": start + _PAGE < len(data),
            "eventData": data[start : start + _PAGE],
        }
        st.send("NotifyEvent", payload, keep=keep)


_Name = Annotated[str, Len(1, 50)]
_Number = Annotated[int, Ge(0), Le(2**31 - 1)]


@on.command("notify-event")
def notify_event(  # noqa: PLR0913 - the fields of an EventDataType
    st: Station,
    *,
    component: _Name,
    variable: _Name,
    component_instance: _Name | None = None,
    variable_instance: _Name | None = None,
    actual_value: Annotated[str, Len(0, _LONGEST_VALUE)] = "",
    trigger: Literal["Alerting", "Delta", "Periodic"] = "Alerting",
    severity: Annotated[int, Ge(0), Le(9)] = 5,
    cleared: bool | None = None,
    cause: _Number | None = None,
    tech_code: Annotated[str, Len(1, 50)] | None = None,
    tech_info: Annotated[str, Len(1, 500)] | None = None,
    transaction_id: Annotated[str, Len(1, 36)] | None = None,
    variable_monitoring_id: _Number | None = None,
    event_notification_type: Literal[
        "HardWiredNotification", "HardWiredMonitor", "PreconfiguredMonitor", "CustomMonitor"
    ] = "HardWiredNotification",
) -> Done | Later:
    """Send a NotifyEvent in your own words and answer with the CSMS's response.

    The `severity` decides, as with any event, if the CSMS wants it and if it waits for a connection.
    """
    st.require_power()
    if severity > st.get(LEVEL):
        text = f"severity: the CSMS wants to be told of {st.get(LEVEL)} at most (ActiveMonitoringLevel)"
        raise CommandError("invalid_state", text)
    if not _is_wanted(st, severity) or st.request is None:
        raise CommandError("not_connected", "the CSMS cannot be reached or has not accepted the station")
    data = _event_data(st, trigger, actual_value, event_notification_type)
    data["component"] = _named(component, component_instance)
    data["variable"] = _named(variable, variable_instance)
    if st.request.evse is not None:
        connector = {} if st.request.connector is None else {"connectorId": st.request.connector}
        data["component"]["evse"] = {"id": st.request.evse, **connector}
    more = {
        "cleared": cleared,
        "cause": cause,
        "techCode": tech_code,
        "techInfo": tech_info,
        "transactionId": transaction_id,
        "variableMonitoringId": variable_monitoring_id,
    }
    data |= {name: value for name, value in more.items() if value is not None}
    return _send_worded(st, data, severity)


def _named(name: str, instance: str | None) -> Payload:
    return {"name": name} | ({} if instance is None else {"instance": instance})


def _send_worded(st: Station, data: Payload, severity: int) -> Done | Later:
    keep = _may_wait(st, severity)
    payload = {"generatedAt": st.timestamp(), "seqNo": 0, "tbc": False, "eventData": [data]}
    if st.request is None or not st.is_online:
        st.send("NotifyEvent", payload, keep=keep)
        return Done(result={"event_id": data["eventId"], "queued": True})
    st.send("NotifyEvent", payload, keep=keep, context={"request": st.request.key})
    return LATER
