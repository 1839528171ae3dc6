"""A. Security events: all are kept in the security log, the critical ones are told to the CSMS (A04)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Len

from ocppd.core import comm, on, outbox
from ocppd.core.state import SecurityEvent
from ocppd.core.station import LATER, Done, Later
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Event, Station

MOST_ENTRIES = 100  # in the security log, which then forgets the oldest
_LONGEST_TYPE = 50
_LONGEST_INFO = 255
# Seconds until an event that the CSMS did not confirm is told again, times the attempts; and the most.
_WAIT, _LONGEST_WAIT = 60, 3600
# What is wrong with a frame that is no valid OCPP message; the other errors tell of the station's state.
_INVALID = frozenset(
    [
        "FormatViolation",
        "MessageTypeNotSupported",
        "OccurrenceConstraintViolation",
        "PropertyConstraintViolation",
        "ProtocolError",
        "RpcFrameworkError",
        "TypeConstraintViolation",
    ]
)


def notify(st: Station, kind: str, info: str = "", context: dict[str, Any] | None = None) -> None:
    """Log a critical event, and tell the CSMS as soon as it can be reached (A04.FR.01, A04.FR.02)."""
    log(st, kind, info)
    payload = {"type": kind[:_LONGEST_TYPE], "timestamp": st.timestamp()}
    if info:
        payload["techInfo"] = info[:_LONGEST_INFO]
    st.send("SecurityEventNotification", payload, keep=True, context=context)


def log(st: Station, kind: str, info: str = "") -> None:
    """Log an event that is not critical (A04.FR.04); nothing in `info` may be a secret."""
    kind, info = kind[:_LONGEST_TYPE], info[:_LONGEST_INFO]
    entries = st.state.security_log
    entries.append(SecurityEvent(kind, st.clock, info))
    del entries[:-MOST_ENTRIES]
    told: dict[str, Any] = {"type": kind} | ({"tech_info": info} if info else {})
    st.emit("security", **told)


@on.failed("SecurityEventNotification")
def not_delivered(st: Station, call: QueuedCall, failure: CallError) -> None:
    """Without an answer tell it again, later each time (A04.FR.02). A CALLERROR is an answer, too."""
    if failure.code == "Timeout" and outbox.has_room(st.state.outbox, call):
        wait = min(_WAIT * call.attempts, _LONGEST_WAIT)
        call.not_before, call.context = st.now + wait, {}
        outbox.put(st.state.outbox, call)
        st.after(wait, "security")


@on.timer("security")
def tell_again(_st: Station) -> None:
    """A notification that waited may leave; the outbox looks after every input."""


# What happens


@on.event("boot")
def tell_of_the_boot(st: Station, event: Event) -> None:
    """Once accepted, say why the station has started, after the connectors' statuses (A04)."""
    reason = event.data["reason"]
    if event.data["registration"] == "Accepted" and reason not in ("Triggered", "Unknown"):  # no start
        started = reason in ("PowerUp", "Watchdog")
        notify(st, "StartupOfTheDevice" if started else "ResetOrReboot")


@on.event("security_parameter_changed")
def parameter_changed(st: Station, event: Event) -> None:
    """A key, a certificate, the password or the security profile is another one."""
    log(st, "ReconfigurationOfSecurityParameters", event.data["info"])


@on.event("variable_changed")
def variable_changed(st: Station, event: Event) -> None:
    """One of the SecurityCtrlr; that of the password is told where it is followed."""
    key = event.data["key"]
    if key.startswith("SecurityCtrlr.") and key != comm.BASIC_AUTH_PASSWORD.station_key:
        log(st, "ReconfigurationOfSecurityParameters", key)


@on.event("frame_refused")
def frame_refused(st: Station, event: Event) -> None:
    """The CSMS has sent what is no valid OCPP message."""
    error: CallError = event.data["error"]
    if error.code in _INVALID:
        log(st, "InvalidMessages", error.code)


@on.event("outbox_full")
def outbox_full(st: Station, event: Event) -> None:
    """There is no room for more; told once until the CSMS has learned of it."""
    box = st.state.outbox
    waiting = [
        it.payload["type"] for it in (*box.queue, box.in_flight) if it and outbox.is_security_event(it)
    ]
    if "MemoryExhaustion" not in waiting:
        notify(st, "MemoryExhaustion", event.data["info"])


@on.command("security-event")
def security_event(
    st: Station,
    *,
    type: Annotated[str, Len(1, _LONGEST_TYPE)],  # noqa: A002 - the key of the OCPP message
    tech_info: Annotated[str, Len(1, _LONGEST_INFO)] | None = None,
) -> Done | Later:
    """Have a security event happen, such as TamperDetectionActivated: it is logged and told to the CSMS.

    SecurityLogWasCleared empties the security log. The answer is the CSMS's response, or `queued` without it.
    """
    st.require_power()
    if type == "SecurityLogWasCleared":
        st.state.security_log.clear()
    if st.request is None or not st.is_online:
        notify(st, type, tech_info or "")
        return Done(result={"queued": True})
    notify(st, type, tech_info or "", {"request": st.request.key})
    return LATER


# The log


def security_log(st: Station, oldest: float | None, latest: float | None) -> list[Payload]:
    """The entries of the log from `oldest` to `latest`, on the station's own clock, in their order."""
    return [
        _entry(it)
        for it in st.state.security_log
        if (oldest is None or it.at >= oldest) and (latest is None or it.at <= latest)
    ]


def _entry(event: SecurityEvent) -> Payload:
    told = {"timestamp": format_time(event.at), "type": event.type}
    return told | ({"techInfo": event.info} if event.info else {})
