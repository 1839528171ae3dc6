"""N. Periodic event streams (N11 to N15, OCPP 2.1): what periodic monitors find, many values in one SEND.

The CSMS asks for a stream with the monitor; its id is that of the monitor. While it is not open, as there is
no connection, or one of 2.0.1, or the CSMS did not want it after all, the monitor tells with NotifyEvent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import on
from ocppd.core.schemas import OCPP_21
from ocppd.core.state import EventStream
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Monitor, QueuedCall
    from ocppd.core.station import Event, Station

MOST_VALUES = 100  # in one message, however many the CSMS wants
_LONGEST_INTERVAL = 31_536_000  # a year, as for every variable that counts seconds
_TIMER = "streams"
_REJECTED = {"status": "Rejected", "statusInfo": {"reasonCode": "ValueOutOfRange"}}


def is_possible(params: Payload) -> bool:
    """Whether a stream can be sent as these PeriodicEventStreamParams want it."""
    values, interval = int(params.get("values", 0)), int(params.get("interval", 0))
    return values <= MOST_VALUES and interval <= _LONGEST_INTERVAL


# Opened and closed (N11, N13)


@on.event("monitor_set")
def open_one(st: Station, event: Event) -> None:
    """The CSMS has set a monitor, with a stream or without; one that it had is over (N11)."""
    number, params = event.data["id"], event.data["stream"]
    _close(st, {number})
    if params is not None:
        stream = EventStream(number, params.get("interval") or 0, params.get("values") or 0)
        st.state.event_streams = (*st.state.event_streams, stream)
        _open(st, stream)


@on.event("monitors_changed", "started")
def close_orphans(st: Station, _event: Event) -> None:
    """A stream ends with its monitor (N13)."""
    if st.state.event_streams:
        active = {it.id for it in st.state.monitors if it.active}
        _close(st, {it.id for it in st.state.event_streams} - active)


@on.event("boot", "back_online")
def open_again(st: Station, _event: Event) -> None:
    """Each connection has streams of its own."""
    if st.is_online:
        for stream in st.state.event_streams:
            _open(st, stream)


@on.event("csms_disconnected", "started", "power_up")
def all_closed(st: Station, _event: Event) -> None:
    """What was not sent is lost, as a stream is of this moment."""
    for stream in st.state.event_streams:
        stream.is_open, stream.due = False, None
        stream.found.clear()
    st.cancel(_TIMER)


def _open(st: Station, stream: EventStream) -> None:
    if st.version == OCPP_21:
        data = {"constantStreamData": _constant(stream)}
        st.send("OpenPeriodicEventStream", data, context={"stream": stream.id})


def _constant(stream: EventStream) -> Payload:
    """The ConstantStreamDataType."""
    params = {"interval": stream.interval, "values": stream.values}
    return {
        "id": stream.id,
        "variableMonitoringId": stream.id,
        "params": {name: number for name, number in params.items() if number},
    }


@on.reply("OpenPeriodicEventStream")
def opened(st: Station, call: QueuedCall, response: Payload) -> None:
    """From now on the monitor's values go there; who refuses the stream gets them with NotifyEvent."""
    stream = _find(st, call.context["stream"])
    if stream is None:
        return
    stream.is_open = response["status"] == "Accepted"
    if not stream.is_open:
        _forget(st, {stream.id})


@on.failed("OpenPeriodicEventStream")
def not_opened(st: Station, call: QueuedCall, failure: CallError) -> None:
    """Where there is no connection, the next one is asked."""
    if failure.code != "NotSent":
        _forget(st, {call.context["stream"]})


def _close(st: Station, numbers: set[int]) -> None:
    for stream in st.state.event_streams:
        if stream.id in numbers and stream.is_open:
            st.send("ClosePeriodicEventStream", {"id": stream.id})
    _forget(st, numbers)


def _forget(st: Station, numbers: set[int]) -> None:
    st.state.event_streams = tuple(it for it in st.state.event_streams if it.id not in numbers)
    _arm(st)


def _find(st: Station, number: int) -> EventStream | None:
    return next((it for it in st.state.event_streams if it.id == number), None)


# What flows in them (N15)


def takes(st: Station, monitor: Monitor, value: str) -> bool:
    """Whether the value of a periodic monitor is for its stream: then it is kept there, and told in time."""
    stream = _find(st, monitor.id) if st.state.event_streams else None
    if stream is None or not stream.is_open or not st.is_online:
        return False
    stream.found.append((st.clock, value))
    if stream.interval and stream.due is None:
        stream.due = st.now + stream.interval
        _arm(st)
    if len(stream.found) >= _enough(stream):
        _send(st, stream)
    return True


def _enough(stream: EventStream) -> int:
    """With how many values it is sent at once: without an interval no value waits for its time."""
    return stream.values or (MOST_VALUES if stream.interval else 1)


def _send(st: Station, stream: EventStream) -> None:
    base, found = stream.found[0][0], stream.found
    data = [{"t": round(at - base, 3), "v": value} for at, value in found]
    st.post(
        "NotifyPeriodicEventStream",
        {"id": stream.id, "pending": 0, "basetime": format_time(base), "data": data},
    )
    stream.found, stream.due = [], None
    _arm(st)


@on.timer(_TIMER)
def interval_over(st: Station) -> None:
    """Send what there is of each stream whose interval has passed."""
    for stream in st.state.event_streams:
        if stream.due is not None and stream.due <= st.now and stream.found:
            _send(st, stream)
    _arm(st)


def _arm(st: Station) -> None:
    times = [it.due for it in st.state.event_streams if it.due is not None]
    if times:
        st.at(min(times), _TIMER)
    else:
        st.cancel(_TIMER)


# What the CSMS asks (N12, N14)


@on.call("GetPeriodicEventStream")
def get_periodic_event_stream(st: Station, _request: Payload) -> Payload:
    """The streams that are open (N12)."""
    found = [_constant(it) for it in st.state.event_streams if it.is_open]
    return {"constantStreamData": found} if found else {}


@on.call("AdjustPeriodicEventStream")
def adjust_periodic_event_stream(st: Station, request: Payload) -> Payload:
    """Send an open stream in other portions from now on (N14)."""
    stream, params = _find(st, request["id"]), request["params"]
    if stream is None or not stream.is_open:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "NotFound"}}
    if not is_possible(params):
        return _REJECTED
    stream.interval, stream.values = params.get("interval") or 0, params.get("values") or 0
    stream.due = st.now + stream.interval if stream.interval and stream.found else None
    if not stream.interval and len(stream.found) >= _enough(stream):
        stream.due = st.now  # after this answer
    _arm(st)
    return {"status": "Accepted"}
