"""B. Reset: the station, or one EVSE, starts afresh, at once or when nobody uses it (B11, B12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ocppd.blocks.b_provisioning import BootReason
from ocppd.core import on, outbox
from ocppd.core.errors import CommandError
from ocppd.core.state import Reset, ResetType
from ocppd.core.station import Done
from ocppd.core.variables import boolean, integer

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

# How long a reboot takes, of the station or of an EVSE, and how long the last messages may take to get out.
_REBOOT_SECONDS = 5
_PATIENCE = 10
# The type that comes with OCPP 2.1, of the station alone: transactions survive it.
_RESUMES = "ImmediateAndResume"

# Obeyed with ease: a reset of this station does not fail.
RESET_RETRIES = integer("OCPPCommCtrlr", "ResetRetries", 1, mutability="ReadWrite", minimum=0)
ALLOW_RESET = boolean("EVSE", "AllowReset", True, place="evse")  # B11.FR.10


# What asks for a reset


@on.call("Reset")
def reset(st: Station, request: Payload) -> Payload:
    """Reset station or EVSE now, or when it is idle (B11, B12)."""
    evse, kind = request.get("evseId"), request["type"]
    if evse is None:
        return _refusal(st, kind) or {"status": schedule_reset(st, kind, "RemoteReset")}
    if not 1 <= evse <= len(st.state.evses):
        return _rejected("UnknownEvse")
    if not st.get(ALLOW_RESET, evse) or kind == _RESUMES:  # B11.FR.09, B12.FR.09
        return _rejected("UnsupportedRequest")
    return _refusal(st, kind) or {"status": _schedule_evse(st, evse, kind)}


def _refusal(st: Station, kind: str) -> Payload | None:
    """Firmware that is being written must not be interrupted (B11.FR.06, B12.FR.10)."""
    update = st.state.firmware_update
    if kind != "OnIdle" and update is not None and update.stage == "installing":
        return _rejected("FwUpdateInProgress")
    return None


def _rejected(reason: str) -> Payload:
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}


@on.command("reset")
def reset_command(
    st: Station,
    type: ResetType = "Immediate",  # noqa: A002 - the key of the MQTT API
    reason: BootReason = "LocalReset",
) -> Done:
    """Reset the station as its own reset button does: `Immediate`, `ImmediateAndResume`, or `OnIdle`.

    `reason` is what the station will say when it boots.
    """
    st.require_power()
    if _refusal(st, type) is not None:
        raise CommandError("invalid_state", "firmware is being installed: nothing may interrupt that")
    return Done(result={"status": schedule_reset(st, type, reason)})


# The station


def schedule_reset(st: Station, kind: ResetType, reason: str) -> str:
    """Begin a reset of the station, or note it for later; returns the ResetStatus.

    `reason` is the BootReason of one that begins at once.
    """
    before = st.state.reset
    if before is not None and before.deadline is not None:
        return "Accepted"  # it is on its way
    if kind == "OnIdle" and _is_busy(st):
        st.state.reset = Reset(kind, "ScheduledReset")
        st.emit("reset_scheduled")
        return "Scheduled"  # B11.FR.07, B12.FR.01
    _begin(st, Reset(kind, reason))
    return "Accepted"


def _is_busy(st: Station) -> bool:
    """Whether anything is going on that a reset would disturb; the rest survives one (B11, errata 2.14)."""
    update = st.state.firmware_update
    if update is not None and update.stage in ("downloading", "installing", "rebooting"):
        return True
    if st.state.reservations or st.state.log_upload is not None:
        return True
    return any(_is_in_use(st, number) for number, _ in st.evses())


def _is_in_use(st: Station, evse: int) -> bool:
    place = st.evse(evse)
    locked = any(connector.locked for connector in place.connectors)
    return locked or place.transaction is not None or place.authorization is not None


@on.settled
def reset_when_idle(st: Station, _events: Sequence[Event]) -> None:
    """What kept a reset waiting may be over (B12.FR.03, B12.FR.07)."""
    waiting = st.state.reset
    if waiting is not None and waiting.deadline is None and st.is_running and not _is_busy(st):
        _begin(st, waiting)
    for number, place in enumerate(st.state.evses, start=1):
        if place.reset is not None and place.reset.deadline is None and st.is_running:
            _begin_evse_when_idle(st, number, place.reset)


def _begin(st: Station, reset: Reset) -> None:
    """Transactions end now (B12.FR.04), or go on afterwards; the station goes down a little later."""
    reset.deadline = st.now + _PATIENCE
    st.state.reset = reset
    st.emit("reset", reason=reset.reason, resumes=reset.type == _RESUMES)
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
    """The station is up again and will say why it was down (B11.FR.04)."""
    reason = st.state.reset.reason if st.state.reset else "Unknown"
    st.emit("power_up", reason=reason)


@on.event("power_up")
def power_up(st: Station, _event: Event) -> None:
    """Whatever was to be reset has started afresh."""
    st.state.rebooting = False
    st.state.reset = None
    for timer in ("reboot", "rebooted"):
        st.cancel(timer)
    for number, place in st.evses():
        place.reset = None
        st.cancel(f"evse_reset:{number}")


# One EVSE


def _schedule_evse(st: Station, evse: int, kind: ResetType) -> str:
    place = st.evse(evse)
    if not st.is_running or (place.reset is not None and place.reset.deadline is not None):
        return "Accepted"  # it is on its way, with the station or alone
    place.reset = Reset(kind, "RemoteReset")
    if kind == "OnIdle" and _evse_is_busy(st, evse):
        st.emit("reset_scheduled", evse)
        return "Scheduled"  # B12.FR.01
    _begin_evse(st, evse, place.reset)
    return "Accepted"


def _evse_is_busy(st: Station, evse: int) -> bool:
    return _is_in_use(st, evse) or any(it.evse == evse for it in st.state.reservations)


def _begin_evse_when_idle(st: Station, evse: int, reset: Reset) -> None:
    if not _evse_is_busy(st, evse):
        _begin_evse(st, evse, reset)


def _begin_evse(st: Station, evse: int, reset: Reset) -> None:
    """Its transaction ends now, and it is Unavailable until it is up again (B11.FR.08, B12.FR.08)."""
    reset.deadline = st.now + _REBOOT_SECONDS
    st.emit("evse_reset", evse, reason=reset.reason)
    st.at(reset.deadline, f"evse_reset:{evse}")


@on.timer("evse_reset")
def evse_is_up(st: Station, evse: int) -> None:
    """The EVSE is what it was set to before: Unavailable, Reserved or Available (B11.FR.05, B12.FR.06)."""
    st.evse(evse).reset = None
    st.emit("evse_up", evse)
