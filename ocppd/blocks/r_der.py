"""R. DER control: what the grid asks of a station that feeds energy back (R04, R05, OCPP 2.1).

The one control that it can keep is LimitMaxDischarge, see `core.v2x`; all others, which want reactive power
or a reaction to the grid, it does not support. Of several controls of one kind, default or scheduled, one of
a lower priority value supersedes the others, which never start.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Len

from ocppd.core import limits, on, schemas, versions
from ocppd.core.errors import CallError
from ocppd.core.state import DerControl
from ocppd.core.station import LATER, Later
from ocppd.core.times import format_time, parse_time
from ocppd.core.variables import boolean, members

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

_KIND = "LimitMaxDischarge"
_FIELD = "limitMaxDischarge"
_FIELDS = ("priority", "pctMaxDischargePower", "startTime", "duration")
_MOST = 24  # in one message, and here at all
_LONGEST = 31_536_000
_TIMER = "der"

AVAILABLE = boolean("ACDERCtrlr", "Available", True)
MODES = members("ACDERCtrlr", "ModesSupported", _KIND, (_KIND,))

Alarm = Literal[
    "CurrentImbalance",
    "LocalEmergency",
    "LowInputPower",
    "OverCurrent",
    "OverFrequency",
    "OverVoltage",
    "PhaseRotation",
    "RemoteEmergency",
    "UnderFrequency",
    "UnderVoltage",
    "VoltageImbalance",
]


# SetDERControl (R04)


@on.call("SetDERControl")
def set_der_control(st: Station, request: Payload) -> Payload:
    """Keep a control, in the place of one with its id; tells which others it supersedes, or itself."""
    if request["controlType"] != _KIND or "powerMonitoringMustTrip" in request.get(_FIELD, {}):
        return {"status": "NotSupported"}
    reason = _refusal(st, request)
    if reason is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}
    new = _made(request)
    others = [it for it in st.state.der_controls if it.id != new.id]
    superseded = _supersede(new, [it for it in others if _meets(new, it)])
    st.state.der_controls = (*others, new)
    _look(st)
    return {"status": "Accepted", **({"supersededIds": superseded} if superseded else {})}


def _refusal(st: Station, request: Payload) -> str | None:
    data, is_default = request.get(_FIELD), request["isDefault"]
    if data is None or "pctMaxDischargePower" not in data:
        return "MissingParam"
    if is_default == ("startTime" in data or "duration" in data) or ("startTime" in data) != (
        "duration" in data
    ):
        return "InvalidValue"
    if not 0 <= data["pctMaxDischargePower"] <= 100 or not 0 < data.get("duration", 1) <= _LONGEST:
        return "ValueOutOfRange"
    others = [it for it in st.state.der_controls if it.id != request["controlId"]]
    return "OutOfStorage" if len(others) >= _MOST else None


def _made(request: Payload) -> DerControl:
    data = request[_FIELD]
    start = parse_time(data["startTime"]) if "startTime" in data else None
    return DerControl(request["controlId"], {key: data[key] for key in _FIELDS if key in data}, start)


def _end(control: DerControl) -> float:
    return math.inf if control.start is None else control.start + float(control.data["duration"])


def _meets(one: DerControl, other: DerControl) -> bool:
    """Whether both are defaults, or are scheduled for a time that they share."""
    if one.start is None or other.start is None:
        return one.start is other.start
    return one.start < _end(other) and other.start < _end(one)


def _supersede(new: DerControl, others: list[DerControl]) -> list[str]:
    """Mark what is superseded, the new one or some of the others; returns their ids."""
    active = [it for it in others if not it.superseded]
    if any(it.data["priority"] < new.data["priority"] for it in active):
        new.superseded = True
        return [new.id]
    lower = [it for it in active if it.data["priority"] > new.data["priority"]]
    for it in lower:
        it.superseded = True
    return [it.id for it in lower]


# Scheduled ones start and end


@on.timer(_TIMER)
def time_has_come(st: Station) -> None:
    """A scheduled control starts or ends."""
    _look(st)


@on.event("clock_set", "started")
def look_again(st: Station, _event: Event) -> None:
    """Their moments are elsewhere on a clock that was put right; and a state file may hold anything."""
    if st.state.der_controls:
        st.state.der_controls = tuple(it for it in st.state.der_controls if _is_usable(it))
        _look(st)


def _is_usable(control: DerControl) -> bool:
    request = {"isDefault": control.start is None, "controlId": control.id, "controlType": _KIND}
    request[_FIELD] = control.data
    try:
        schemas.check_request("SetDERControl", request, schemas.OCPP_21)
    except CallError:
        return False
    return (control.start is None) == ("duration" not in control.data)


def _look(st: Station) -> None:
    """Tell what has started, or has ended and is forgotten; and look again when that is next."""
    now = st.clock
    for it in st.state.der_controls:
        if it.start is not None and not it.superseded and not it.started and it.start <= now < _end(it):
            it.started = True
            _tell(st, it)
        elif it.started and (it.superseded or _end(it) <= now):
            it.started = False
            _tell(st, it)
    st.state.der_controls = tuple(it for it in st.state.der_controls if _end(it) > now)
    moments = [
        it.start if it.start > now else _end(it) for it in st.state.der_controls if it.start is not None
    ]
    st.cancel(_TIMER)
    if moments:
        st.at(min(moments) - st.state.clock_offset, _TIMER)
    limits.renew(st)


def _tell(st: Station, control: DerControl) -> None:
    payload = {"controlId": control.id, "started": control.started, "timestamp": format_time(st.clock)}
    st.send("NotifyDERStartStop", payload, keep=True)


# GetDERControl, ClearDERControl


@on.call("GetDERControl")
def get_der_control(st: Station, request: Payload) -> Payload:
    """Report those that match, after this answer."""
    if request.get("controlType", _KIND) != _KIND:
        return {"status": "NotSupported"}
    found = [it for it in st.state.der_controls if _is_meant(it, request)]
    if not found:
        return {"status": "NotFound"}
    told = [_told(it) for it in found]
    st.send(
        "ReportDERControl",
        {"requestId": request["requestId"], "tbc": False, _FIELD: told},
        while_pending=True,
    )
    return {"status": "Accepted"}


def _told(control: DerControl) -> Payload:
    """The LimitMaxDischargeGetType."""
    return {
        "id": control.id,
        "isDefault": control.start is None,
        "isSuperseded": control.superseded,
        _FIELD: control.data,
    }


def _is_meant(control: DerControl, request: Payload) -> bool:
    if request.get("isDefault") not in (None, control.start is None):
        return False
    return request.get("controlId") in (None, control.id)


@on.call("ClearDERControl")
def clear_der_control(st: Station, request: Payload) -> Payload:
    """Forget those that match; what they superseded stays superseded."""
    if request.get("controlType", _KIND) != _KIND:
        return {"status": "NotSupported"}
    gone = [it for it in st.state.der_controls if _is_meant(it, request)]
    if not gone:
        return {"status": "NotFound"}
    st.state.der_controls = tuple(it for it in st.state.der_controls if it not in gone)
    for it in gone:
        if it.started:
            it.started = False
            _tell(st, it)
    _look(st)
    return {"status": "Accepted"}


# NotifyDERAlarm (R05)


@on.command("der-alarm")
def der_alarm(
    st: Station,
    fault: Alarm,
    *,
    ended: bool = False,
    info: Annotated[str, Len(1, 200)] | None = None,
) -> Later:
    """Tell the CSMS of a fault of the grid, or of its end, and answer with its response (OCPP 2.1)."""
    versions.require_21(st)
    payload: Payload = {"controlType": _KIND, "gridEventFault": fault, "timestamp": st.timestamp()}
    payload |= ({"alarmEnded": True} if ended else {}) | ({} if info is None else {"extraInfo": info})
    st.send("NotifyDERAlarm", payload, context={"request": st.request.key if st.request else None})
    return LATER
