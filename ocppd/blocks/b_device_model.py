"""B. The device model as the CSMS and an operator see it: variables (B05, B06) and reports (B07, B08)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from annotated_types import Len

from ocppd.core import on
from ocppd.core.errors import CallError, CommandError
from ocppd.core.state import Report
from ocppd.core.station import Done
from ocppd.core.variables import AT_REBOOT, Slot, Variable, integer, parted, with_instance

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Event, Station

_CONTROLLER = "DeviceDataCtrlr"
_ITEMS, _BYTES = 50, 65_536
# A page of a report; its message has a little more than its items.
_PAGE_ITEMS, _PAGE_BYTES = 50, _BYTES - 256


def _most(name: str, instance: str, default: int) -> Variable[int]:
    return integer(_CONTROLLER, name, default, instance=instance, minimum=1)


GET_VARIABLES_ITEMS = _most("ItemsPerMessage", "GetVariables", _ITEMS)
GET_VARIABLES_BYTES = _most("BytesPerMessage", "GetVariables", _BYTES)
SET_VARIABLES_ITEMS = _most("ItemsPerMessage", "SetVariables", _ITEMS)
SET_VARIABLES_BYTES = _most("BytesPerMessage", "SetVariables", _BYTES)
GET_REPORT_ITEMS = _most("ItemsPerMessage", "GetReport", _ITEMS)
GET_REPORT_BYTES = _most("BytesPerMessage", "GetReport", _BYTES)
# Characters of a value that is set, and of one that is told.
CONFIGURATION_SIZE = integer(_CONTROLLER, "ConfigurationValueSize", 1000, minimum=1, maximum=1000)
REPORTING_SIZE = integer(_CONTROLLER, "ReportingValueSize", 2500, minimum=1, maximum=2500)
# The older limit of both, for whoever defines it in the configuration.
_VALUE_SIZE = f"{_CONTROLLER}.ValueSize"

Attribute = Literal["Actual", "Target", "MinSet", "MaxSet"]


def _refuse_too_much(
    st: Station, request: Payload, items: Sequence[Any], most: Variable[int], size: Variable[int]
) -> None:
    if len(items) > st.get(most):  # B05.FR.11, B06.FR.16, B08.FR.17
        raise CallError("OccurrenceConstraintViolation", f"at most {st.get(most)} elements in a message")
    if len(orjson.dumps(request)) > st.get(size):  # B06.FR.17, B08.FR.18
        raise CallError("FormatViolation", f"at most {st.get(size)} bytes in a message")


def _longest(st: Station, variable: Variable[int]) -> int:
    """The greatest length of a value: `variable` tells it, or ValueSize where there is one that is less."""
    both = st.model.slots.get(_VALUE_SIZE)
    if both is None or both.variable.data_type != "integer":
        return st.get(variable)
    return min(st.get(variable), max(1, int(st.value(both) or st.get(variable))))


# GetVariables (B06)


@on.call("GetVariables")
def get_variables(st: Station, request: Payload) -> Payload:
    """One result for each element (B06.FR.01)."""
    items = request["getVariableData"]
    _refuse_too_much(st, request, items, GET_VARIABLES_ITEMS, GET_VARIABLES_BYTES)
    return {"getVariableResult": [_get_one(st, item) for item in items]}


def _get_one(st: Station, item: Payload) -> Payload:
    attribute = item.get("attributeType", "Actual")
    result = {"attributeType": attribute, "component": item["component"], "variable": item["variable"]}
    slot = _attribute_slot(st, item, attribute)
    if isinstance(slot, str):
        return {"attributeStatus": slot, **result}
    if slot.mutability(attribute) == "WriteOnly":  # B06.FR.09
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": "WriteOnly"}, **result}
    return {"attributeStatus": "Accepted", "attributeValue": _told(st, slot, attribute), **result}


def _attribute_slot(st: Station, item: Payload, attribute: str) -> Slot | str:
    """The slot that has this attribute, or the status that says what is unknown of it."""
    slot = st.model.find(item["component"], item["variable"])
    if isinstance(slot, Slot) and attribute not in slot.attributes:
        return "NotSupportedAttributeType"
    return slot


def _told(st: Station, slot: Slot, attribute: str) -> str:
    """The value as the CSMS may read it; one that there is not yet is empty (B06.FR.13)."""
    return (st.value(slot, attribute) or "")[: _longest(st, REPORTING_SIZE)]


# SetVariables (B05)


@on.call("SetVariables")
def set_variables(st: Station, request: Payload) -> Payload:
    """One result for each element, each on its own (B05.FR.01)."""
    items = request["setVariableData"]
    _refuse_too_much(st, request, items, SET_VARIABLES_ITEMS, SET_VARIABLES_BYTES)
    return {"setVariableResult": [_set_one(st, item) for item in items]}


def _set_one(st: Station, item: Payload) -> Payload:
    attribute, value = item.get("attributeType", "Actual"), item["attributeValue"]
    result = {"attributeType": attribute, "component": item["component"], "variable": item["variable"]}
    slot = _attribute_slot(st, item, attribute)
    if isinstance(slot, str):
        return {"attributeStatus": slot, **result}
    if refusal := _refusal(st, slot, attribute, value):
        return {"attributeStatus": "Rejected", "attributeStatusInfo": {"reasonCode": refusal}, **result}
    return {"attributeStatus": _store(st, slot, attribute, value), **result}


def _refusal(st: Station, slot: Slot, attribute: str, value: str) -> str | None:
    """The reason code why the attribute may not be set to `value` (B05.FR.07 to B05.FR.09)."""
    if slot.mutability(attribute) == "ReadOnly":
        return "ReadOnly"
    if len(value) > _longest(st, CONFIGURATION_SIZE):
        return "TooLargeElement"
    check = slot.variable.check
    return (
        slot.refusal(value)
        or slot.beyond(attribute, value, lambda it: st.value(slot, it) if it in slot.attributes else None)
        or (check(st, value) if check else None)
    )


def _store(st: Station, slot: Slot, attribute: str, value: str) -> str:
    """Keep the new value, at once or for the next boot; returns the SetVariableStatusEnumType."""
    if attribute == "Actual":
        pending = slot.key_of(AT_REBOOT)
        if slot.variable.at_reboot and value != st.value(slot):
            st.state.variables[pending] = value
            _tell_of_change(st, slot, AT_REBOOT, value)
            return "RebootRequired"
        st.state.variables.pop(pending, None)
    st.state.variables[slot.key_of(attribute)] = value
    _tell_of_change(st, slot, attribute, value)
    return "Accepted"


def put(st: Station, variable: Variable[Any], value: str) -> None:
    """Give a variable of the station another value, which is one that it may have."""
    slot = st.model.slots[variable.station_key]
    if value != st.value(slot):
        st.state.variables[slot.key] = value
        _tell_of_change(st, slot, "Actual", value)


def put_until_the_boot(st: Station, variable: Variable[Any], value: str) -> None:
    """The same where the CSMS may set it, too; unless it does, the next boot brings back what it has now."""
    slot = st.model.slots[variable.station_key]
    if slot.is_writable and (before := st.value(slot)) is not None:
        st.state.variables[slot.key_of(AT_REBOOT)] = before
        put(st, variable, value)


def _tell_of_change(st: Station, slot: Slot, attribute: str, value: str) -> None:
    """Say what was set, under the key by which the state has it; a secret's value is left out."""
    own = slot.variable
    told = {
        "key": slot.key_of(attribute),
        "component": with_instance(own.component, own.component_instance),
        "variable": with_instance(own.name, own.instance),
        "attribute": attribute,
    }
    hidden = slot.mutability("Actual" if attribute == AT_REBOOT else attribute) == "WriteOnly"
    st.emit("variable_changed", slot.evse, slot.connector, **told, **({} if hidden else {"value": value}))


@on.event("power_up")
def take_effect(st: Station, _event: Event) -> None:
    """What was set and needed a reboot is now the Actual value."""
    for key in [key for key in st.state.variables if parted(key)[1] == AT_REBOOT]:
        value = st.state.variables.pop(key)
        slot = st.model.slots.get(parted(key)[0])
        if slot is not None and slot.is_writable:
            st.state.variables[slot.key] = value
            _tell_of_change(st, slot, "Actual", value)


# The same by command


_Name = Annotated[str, Len(1, 50)]


@on.command("get-variable")
def get_variable(
    st: Station,
    *,
    component: _Name,
    variable: _Name,
    component_instance: _Name | None = None,
    variable_instance: _Name | None = None,
    attribute_type: Attribute = "Actual",
) -> Done:
    """Tell an attribute of a variable, at `evse` and `connector` where it stands there (B06)."""
    item = _item(st, component, variable, component_instance, variable_instance)
    return Done(changed=False, result=_snake(_get_one(st, item | {"attributeType": attribute_type})))


@on.command("set-variable")
def set_variable(
    st: Station,
    *,
    component: _Name,
    variable: _Name,
    value: Any,
    component_instance: _Name | None = None,
    variable_instance: _Name | None = None,
    attribute_type: Attribute = "Actual",
) -> Done:
    """Set an attribute of a variable, as far as the CSMS could, and tell what came of it (B05).

    The `value` is a text as OCPP spells it, a number, true or false.
    """
    st.require_power()
    item = _item(st, component, variable, component_instance, variable_instance)
    result = _set_one(st, item | {"attributeType": attribute_type, "attributeValue": _spelled(value)})
    return Done(result["attributeStatus"] in ("Accepted", "RebootRequired"), _snake(result))


def _item(
    st: Station, component: str, variable: str, component_instance: str | None, variable_instance: str | None
) -> Payload:
    """The ComponentType and VariableType that a command names."""
    named: Payload = {"name": component, "instance": component_instance}
    evse, connector = (st.request.evse, st.request.connector) if st.request else (None, None)
    if evse is not None:
        named["evse"] = {"id": evse} | ({} if connector is None else {"connectorId": connector})
    return {"component": named, "variable": {"name": variable, "instance": variable_instance}}


def _spelled(value: object) -> str:
    if not isinstance(value, str | int | float):
        raise CommandError("invalid_argument", "value: a text, a number, true or false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _snake(result: Payload) -> Payload:
    """What became of the attribute, as commands spell it."""
    told = {"attribute_status": result["attributeStatus"], "attribute_type": result["attributeType"]}
    if "attributeValue" in result:
        told["attribute_value"] = result["attributeValue"]
    if "attributeStatusInfo" in result:
        told["reason_code"] = result["attributeStatusInfo"]["reasonCode"]
    return told


# GetBaseReport (B07), GetReport (B08)


@on.call("GetBaseReport")
def get_base_report(st: Station, request: Payload) -> Payload:
    """Accepted: the pages follow this answer (B07.FR.01). One report at a time (B07.FR.13)."""
    base = request["reportBase"]
    return _begin_report(st, request, [slot for slot in st.model.slots.values() if _belongs(st, base, slot)])


def _belongs(st: Station, base: str, slot: Slot) -> bool:
    match base:
        case "FullInventory":
            return True
        case "ConfigurationInventory":
            return slot.is_writable
    if slot.variable.name == "AvailabilityState":  # SummaryInventory, B07.FR.09
        return True
    return slot.variable.name in ("Problem", "Tripped", "Overload", "Fallback") and st.value(slot) == "true"


@on.call("GetReport")
def get_report(st: Station, request: Payload) -> Payload:
    """Report the components that meet a criterion, of these the variables that are named (B08.FR.05)."""
    wanted = request.get("componentVariable", [])
    _refuse_too_much(st, request, wanted, GET_REPORT_ITEMS, GET_REPORT_BYTES)
    slots = _meeting(st, request.get("componentCriteria", []))
    found = [it for it in slots if not wanted or any(_means(named, it) for named in wanted)]
    return _begin_report(st, request, found)


def _means(item: Payload, slot: Slot) -> bool:
    return slot.is_meant(item["component"], item.get("variable"))


def _meeting(st: Station, criteria: Iterable[str]) -> Iterable[Slot]:
    """The slots of the components that meet one of the `criteria`, or of all where there is none."""
    if not criteria:
        return st.model.slots.values()
    components = (it for it in st.model.components if any(_meets(st, it, name) for name in criteria))
    keys = {slot.key for component in components for slot in component}
    return [slot for key, slot in st.model.slots.items() if key in keys]


def _meets(st: Station, component: Iterable[Slot], criterion: str) -> bool:
    """Whether a variable of that name is true; none at all will do, but for Problem (B08.FR.07 to FR.10)."""
    values = [st.value(it) for it in component if it.variable.name.lower() == criterion.lower()]
    return "true" in values or (not values and criterion != "Problem")


def _begin_report(st: Station, request: Payload, slots: Sequence[Slot]) -> Payload:
    if st.state.report is not None:  # B07.FR.13, B08.FR.16
        return {"status": "Rejected", "statusInfo": {"reasonCode": "Unspecified"}}
    if not slots:
        return {"status": "EmptyResultSet"}  # B08.FR.15
    st.state.report = Report(request["requestId"], [slot.key for slot in slots])
    _send_page(st, st.state.report)
    return {"status": "Accepted"}


@on.reply("NotifyReport")
def page_arrived(st: Station, call: QueuedCall, _response: Payload) -> None:
    """Send the next page, if there is one."""
    report = st.state.report
    if report is None or not _is_last_of(call, report):
        return
    if report.keys:
        _send_page(st, report)
    else:
        st.state.report = None


@on.failed("NotifyReport")
def page_lost(st: Station, call: QueuedCall, _failure: CallError) -> None:
    """Whoever asked must ask again: a report with a page missing would tell of a smaller station."""
    if st.state.report is not None and _is_last_of(call, st.state.report):
        st.state.report = None


@on.event("power_up")
def report_is_off(st: Station, _event: Event) -> None:
    """A reboot ends a report; a page that still waits for the CSMS is then nobody's."""
    st.state.report = None


def _is_last_of(call: QueuedCall, report: Report) -> bool:
    return (call.payload["requestId"], call.payload["seqNo"]) == (report.request_id, report.seq_no - 1)


def _send_page(st: Station, report: Report) -> None:
    page = _page(st, report)
    payload: Payload = {
        "requestId": report.request_id,
        "generatedAt": st.timestamp(),
        "seqNo": report.seq_no,
        "tbc": bool(report.keys),
    }
    if page:
        payload["reportData"] = page
    report.seq_no += 1
    st.send("NotifyReport", payload, while_pending=True)


def _page(st: Station, report: Report) -> list[Payload]:
    """Take the next page's items from the report: as many as there is room for, and one at least."""
    page: list[Payload] = []
    size = taken = 0
    for key in report.keys:
        slot = st.model.slots.get(key)
        if slot is not None:  # else the hardware has become another meanwhile
            item = _report_item(st, slot)
            size += len(orjson.dumps(item)) + 1
            if page and (len(page) == _PAGE_ITEMS or size > _PAGE_BYTES):
                break
            page.append(item)
        taken += 1
    report.keys = report.keys[taken:]
    return page


def _report_item(st: Station, slot: Slot) -> Payload:
    """A ReportDataType: every attribute, even without a value (B07.FR.11), never a secret (B07.FR.03)."""
    return {
        "component": slot.component(),
        "variable": slot.name(),
        "variableAttribute": [_reported(st, slot, attribute) for attribute in slot.attributes],
        "variableCharacteristics": slot.characteristics(),
    }


def _reported(st: Station, slot: Slot, attribute: str) -> Payload:
    """A VariableAttributeType; only a secret is without a value, another's may be empty."""
    mutability = slot.mutability(attribute)
    kept = attribute != "Actual" or slot.variable.is_persistent
    shown: Payload = {"type": attribute, "mutability": mutability, "persistent": kept}
    if mutability != "WriteOnly":
        shown["value"] = _told(st, slot, attribute)
    return shown
