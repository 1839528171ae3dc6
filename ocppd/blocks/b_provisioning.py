"""B. Provisioning: boot, the device model, reports and resets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from ocppd.core import comm, on, outbox
from ocppd.core.errors import CallError, CommandError
from ocppd.core.state import Boot, QueuedCall, Report, Reset
from ocppd.core.station import LATER, Done, Later
from ocppd.core.status import STATUSES, connector_status, evse_status, station_status
from ocppd.core.times import parse_time
from ocppd.core.variables import Slot, Variable, boolean, integer, members, option, string

if TYPE_CHECKING:
    from ocppd.core.description import Hardware
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

# Between two BootNotifications where the CSMS names no interval or does not answer (B02.FR.07).
_BOOT_WAIT = 30
_LONGEST_INTERVAL = 31_536_000  # a year, as for every variable that counts seconds
# How long a reboot takes, and how long a reset waits for the last messages to get out.
_REBOOT_SECONDS = 5
_RESET_PATIENCE = 10
_REPORT_PAGE = 50
# How long the clock may go without a look at the CSMS's (G02.FR.07), and the year 3000: no clock shows more.
_DAY = 86_400
_LATEST = 32_503_680_000

BootReason = Literal[
    "ApplicationReset",
    "FirmwareUpdate",
    "LocalReset",
    "PowerUp",
    "RemoteReset",
    "ScheduledReset",
    "Triggered",
    "Unknown",
    "Watchdog",
]

VENDOR = string("ChargingStation", "VendorName", lambda hardware, _e, _c: hardware.vendor)
MODEL = string("ChargingStation", "Model", lambda hardware, _e, _c: hardware.model)
FIRMWARE = string("ChargingStation", "FirmwareVersion", lambda hardware, _e, _c: hardware.firmware)
SERIAL = string("ChargingStation", "SerialNumber", read=lambda st, _e, _c: st.description.serial)
STATION_AVAILABLE = boolean("ChargingStation", "Available", True)
STATION_STATE = option(
    "ChargingStation", "AvailabilityState", None, STATUSES, read=lambda st, _e, _c: station_status(st)
)


def _supply_phases(hardware: Hardware, evse: int, _connector: int) -> str:
    found = [place.phases for place in hardware.evses]
    return str(found[evse - 1] if evse else max(found))


STATION_PHASES = integer("ChargingStation", "SupplyPhases", _supply_phases, minimum=0, maximum=3)
EVSE_AVAILABLE = boolean("EVSE", "Available", True, place="evse")
EVSE_STATE = option(
    "EVSE", "AvailabilityState", None, STATUSES, place="evse", read=lambda st, e, _c: evse_status(st, e)
)
EVSE_PHASES = integer("EVSE", "SupplyPhases", _supply_phases, place="evse", minimum=0, maximum=3)
EVSE_ALLOW_RESET = boolean("EVSE", "AllowReset", False, place="evse")
CONNECTOR_AVAILABLE = boolean("Connector", "Available", True, place="connector")
CONNECTOR_STATE = option(
    "Connector",
    "AvailabilityState",
    None,
    STATUSES,
    place="connector",
    read=connector_status,
)
CONNECTOR_TYPE = string(
    "Connector",
    "ConnectorType",
    lambda hardware, e, c: hardware.evses[e - 1].connectors[c - 1].type,
    place="connector",
)
CONNECTOR_PHASES = integer(
    "Connector", "SupplyPhases", _supply_phases, place="connector", minimum=0, maximum=3
)

CLOCK = Variable(
    component="ClockCtrlr",
    name="DateTime",
    parse=str,
    data_type="dateTime",
    read=lambda st, _e, _c: st.timestamp(),
)
TIME_SOURCE = members(
    "ClockCtrlr",
    "TimeSource",
    "Heartbeat",
    ("Heartbeat", "RealTimeClock"),
    data_type="SequenceList",
    mutability="ReadWrite",
)
GET_VARIABLES_ITEMS = integer("DeviceDataCtrlr", "ItemsPerMessage", 50, instance="GetVariables")
SET_VARIABLES_ITEMS = integer("DeviceDataCtrlr", "ItemsPerMessage", 50, instance="SetVariables")


# BootNotification (B01 to B03)


@on.event("power_up")
def power_up(st: Station, event: Event) -> None:
    """The station starts afresh: it must be accepted anew, and nobody is authorized any more."""
    st.state.boot = Boot(due=event.data["reason"])
    st.state.rebooting = False
    st.state.reset = None
    for timer in ("heartbeat", "boot", "reboot", "rebooted"):
        st.cancel(timer)


@on.event("csms_connected")
def announce(st: Station, event: Event) -> None:
    """Boot where that is due; else only the connection was lost (B01.FR.01, B04).

    After Pending or Rejected a new connection does not shorten the interval (B02.FR.08, B03.FR.06).
    """
    boot = st.state.boot
    if boot.due is None:
        st.emit("back_online")
    elif boot.registration is None or "boot" not in st.state.timers:
        notify_boot(st, boot.due)


@on.timer("boot")
def boot_again(st: Station) -> None:
    """The CSMS's interval is over (B02.FR.08, B03.FR.06)."""
    if st.state.boot.due is not None and st.state.csms.connected:
        notify_boot(st, st.state.boot.due)


def notify_boot(st: Station, reason: str, context: dict[str, Any] | None = None) -> None:
    """Send a BootNotification, unless one is waiting already."""
    if _is_announced(st):
        return
    st.cancel("boot")
    hardware = st.description.hardware
    station = {
        "vendorName": hardware.vendor,
        "model": hardware.model,
        "serialNumber": st.description.serial,
        "firmwareVersion": hardware.firmware,
    }
    payload = {"reason": reason, "chargingStation": {key: text for key, text in station.items() if text}}
    st.send("BootNotification", payload, context=context, first=True)


def _is_announced(st: Station) -> bool:
    box = st.state.outbox
    return any(
        call.action == "BootNotification" and call.checked for call in (*box.queue, box.in_flight) if call
    )


@on.reply("BootNotification")
def booted(st: Station, call: QueuedCall, response: Payload) -> None:
    """Accepted: go to work (B01.FR.04, B01.FR.06). Otherwise ask again when the interval is over."""
    boot, interval = st.state.boot, min(int(response["interval"]), _LONGEST_INTERVAL)
    boot.registration, boot.interval = response["status"], interval
    reason = boot.due or call.payload["reason"]  # a triggered one asks on behalf of the one that is due
    if response["status"] == "Accepted":
        boot.due = None
        if interval > 0:
            st.state.variables[comm.HEARTBEAT_INTERVAL.station_key] = str(interval)
        set_clock(st, response["currentTime"])
        st.after(st.get(comm.HEARTBEAT_INTERVAL), "heartbeat")
    else:
        boot.due = reason
        _boot_later(st)
    st.emit("boot", registration=response["status"], interval=interval, reason=reason)


@on.failed("BootNotification")
def not_booted(st: Station, _call: QueuedCall, failure: CallError) -> None:
    """No answer is no acceptance: ask again after a while (B02.FR.07)."""
    if failure.code != "NotSent":
        _boot_later(st)


def _boot_later(st: Station) -> None:
    interval = st.state.boot.interval
    st.after(interval if interval > 0 else _BOOT_WAIT, "boot")


@on.command("boot")
def boot(st: Station, reason: BootReason = "Triggered") -> Later:
    """Send a BootNotification now and answer with the CSMS's response."""
    st.require_power()
    if not st.state.csms.connected or st.request is None:
        raise CommandError("not_connected", "there is no connection to the CSMS")
    if _is_announced(st):
        raise CommandError("invalid_state", "a BootNotification is on its way already")
    notify_boot(st, reason, {"request": st.request.key})
    return LATER


def set_clock(st: Station, current_time: str) -> None:
    """Follow the CSMS's clock where TimeSource says so (B01.FR.06, G02.FR.06).

    Less than a second is left alone: many a CSMS tells whole seconds only.
    """
    told = parse_time(current_time)
    if told is None or not 0 <= told <= _LATEST or "Heartbeat" not in st.get(TIME_SOURCE):
        return
    st.after(_DAY, "clock")
    if abs(told - (st.now + st.state.clock_offset)) > 1:
        st.state.clock_offset = told - st.now


# Variables (B05, B06)


@on.call("GetVariables")
def get_variables(st: Station, request: Payload) -> Payload:
    """One result for each element (B06.FR.01)."""
    items = request["getVariableData"]
    _refuse_too_many(items, st.get(GET_VARIABLES_ITEMS))
    return {"getVariableResult": [_get_one(st, item) for item in items]}


def _get_one(st: Station, item: Payload) -> Payload:
    attribute = item.get("attributeType", "Actual")
    result = {"attributeType": attribute, "component": item["component"], "variable": item["variable"]}
    slot = _attribute_slot(st, item, attribute)
    if isinstance(slot, str):
        return {"attributeStatus": slot, **result}
    if slot.variable.mutability == "WriteOnly":  # B06.FR.09
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "WriteOnly"}, **result}
    value = st.value(slot, attribute)
    return {"attributeStatus": "Accepted", "attributeValue": value or "", **result}


def _attribute_slot(st: Station, item: Payload, attribute: str) -> Slot | str:
    """The slot that has this attribute, or the status that says what is unknown of it."""
    slot = st.model.find(item["component"], item["variable"])
    if isinstance(slot, Slot) and attribute not in slot.attributes:
        return "NotSupportedAttributeType"
    return slot


@on.call("SetVariables")
def set_variables(st: Station, request: Payload) -> Payload:
    """One result for each element, each on its own (B05.FR.01)."""
    items = request["setVariableData"]
    _refuse_too_many(items, st.get(SET_VARIABLES_ITEMS))
    return {"setVariableResult": [_set_one(st, item) for item in items]}


def _set_one(st: Station, item: Payload) -> Payload:
    attribute, value = item.get("attributeType", "Actual"), item["attributeValue"]
    result = {"attributeType": attribute, "component": item["component"], "variable": item["variable"]}
    slot = _attribute_slot(st, item, attribute)
    if isinstance(slot, str):
        return {"attributeStatus": slot, **result}
    refusal = _refusal(st, slot, value)
    if refusal:
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": refusal}, **result}
    _store(st, slot, attribute, value)
    return {"attributeStatus": "Accepted", **result}


def _refusal(st: Station, slot: Slot, value: str) -> str | None:
    """The reason code why it may not be set to `value` (B05.FR.07 to B05.FR.09)."""
    refusal = slot.refusal(value) if slot.is_writable else "ReadOnly"
    return refusal or (slot.variable.check(st, value) if slot.variable.check else None)


def _store(st: Station, slot: Slot, attribute: str, value: str) -> None:
    key = slot.key_of(attribute)
    st.state.variables[key] = value
    shown = {} if slot.variable.mutability == "WriteOnly" else {"value": value}
    st.emit("variable_changed", slot.evse, slot.connector, key=key, **shown)


def _refuse_too_many(items: list[Any], most: int) -> None:
    if len(items) > most:  # B05.FR.11, B06.FR.16
        raise CallError("OccurrenceConstraintViolation", f"at most {most} elements in a message")


# Reports (B07)


@on.call("GetBaseReport")
def get_base_report(st: Station, request: Payload) -> Payload:
    """Accepted: the pages follow this answer (B07.FR.01). One report at a time (B07.FR.13)."""
    if st.state.report is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "Unspecified"}}
    report = Report(request["requestId"], request["reportBase"])
    _send_page(st, report)
    st.state.report = report
    return {"status": "Accepted"}


@on.reply("NotifyReport")
def page_arrived(st: Station, _call: QueuedCall, _response: Payload) -> None:
    """Send the next page, if there is one."""
    report = st.state.report
    if report is not None and report.next >= 0:
        _send_page(st, report)
    else:
        st.state.report = None


@on.failed("NotifyReport")
def page_lost(st: Station, _call: QueuedCall, _failure: CallError) -> None:
    """Whoever asked must ask again."""
    st.state.report = None


def _send_page(st: Station, report: Report) -> None:
    wanted = _reported(st, report)
    page: list[Payload] = []
    for position, slot in wanted:
        if len(page) == _REPORT_PAGE:
            report.next = position
            break
        page.append(_report_item(st, slot))
    else:
        report.next = -1
    payload = {
        "requestId": report.request_id,
        "generatedAt": st.timestamp(),
        "seqNo": report.seq_no,
        "tbc": report.next >= 0,
        "reportData": page,
    }
    report.seq_no += 1
    st.send("NotifyReport", payload, while_pending=True)


def _reported(st: Station, report: Report) -> Iterator[tuple[int, Slot]]:
    """The slots of this report from `report.next` on, with their positions in the model."""
    for position, slot in enumerate(st.model.slots.values()):
        if position >= report.next and _belongs(st, report.base, slot):
            yield position, slot


def _belongs(st: Station, base: str, slot: Slot) -> bool:
    match base:
        case "FullInventory":
            return True
        case "ConfigurationInventory":
            return slot.is_writable
    if slot.variable.name == "AvailabilityState":  # SummaryInventory, B07.FR.09
        return True
    return slot.variable.name in ("Problem", "Tripped") and st.value(slot) == "true"


def _report_item(st: Station, slot: Slot) -> Payload:
    """A ReportDataType: every attribute, even without a value (B07.FR.11), never a secret (B07.FR.03)."""
    mutability = slot.variable.mutability
    attributes = []
    for attribute in slot.attributes:
        shown: Payload = {"type": attribute, "mutability": mutability, "persistent": slot.is_writable}
        value = st.value(slot, attribute)
        if value is not None and mutability != "WriteOnly":
            shown["value"] = value
        attributes.append(shown)
    return {
        "component": slot.component(),
        "variable": slot.name(),
        "variableAttribute": attributes,
        "variableCharacteristics": slot.characteristics(),
    }


# Reset (B11, B12)


@on.call("Reset")
def reset(st: Station, request: Payload) -> Payload:
    """Reboot now, or when the last transaction has ended (B11, B12). A single EVSE cannot be reset."""
    if "evseId" in request:  # B11.FR.09: EVSE.AllowReset is false
        return {"status": "Rejected", "statusInfo": {"reasonCode": "UnsupportedRequest"}}
    return {"status": schedule_reset(st, request["type"], "RemoteReset")}


@on.command("reset")
def reset_command(st: Station, type: Literal["Immediate", "OnIdle"] = "Immediate") -> Done:  # noqa: A002
    """Reset the station as its own reset button does: `Immediate`, or `OnIdle`."""
    st.require_power()
    return Done(result={"status": schedule_reset(st, type, "LocalReset")})


def schedule_reset(st: Station, kind: str, reason: str) -> str:
    """Begin a reset, or note it for later; returns the ResetStatus."""
    if kind == "OnIdle" and _busy(st):
        st.state.reset = Reset(kind, "ScheduledReset")
        return "Scheduled"
    _begin_reset(st, Reset(kind, reason))
    return "Accepted"


@on.event("tx_ended")
def reset_when_idle(st: Station, _event: Event) -> None:
    """The last transaction has ended: the scheduled reset may come (B12.FR.03)."""
    waiting = st.state.reset
    if waiting is not None and waiting.deadline is None and not _busy(st):
        _begin_reset(st, waiting)


def _busy(st: Station) -> bool:
    return any(evse.transaction for evse in st.state.evses)


def _begin_reset(st: Station, reset: Reset) -> None:
    reset.deadline = st.now + _RESET_PATIENCE
    st.state.reset = reset
    st.emit("reset", reason=reset.reason)
    st.after(1, "reboot")


@on.timer("reboot")
def reboot(st: Station) -> None:
    """Go down, but let the last transaction events leave first, for a while (B12.FR.04, B12.FR.05)."""
    waiting = st.state.reset
    if waiting is None:
        return
    if st.is_online and _undelivered(st) and st.now < (waiting.deadline or 0):
        st.after(1, "reboot")
        return
    st.state.rebooting = True
    st.order("close", reason="reset")
    st.after(_REBOOT_SECONDS, "rebooted")


def _undelivered(st: Station) -> bool:
    box = st.state.outbox
    return any(outbox.is_transaction_event(call) for call in (*box.queue, box.in_flight) if call)


@on.timer("rebooted")
def rebooted(st: Station) -> None:
    """The station is up again and will say why it was down."""
    reason = st.state.reset.reason if st.state.reset else "Unknown"
    st.emit("power_up", reason=reason)
