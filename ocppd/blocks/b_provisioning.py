"""B. Provisioning: boot, the clock and resets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ocppd.core import comm, on, outbox
from ocppd.core.errors import CommandError
from ocppd.core.state import Boot, QueuedCall, Reset
from ocppd.core.station import LATER, Done, Later
from ocppd.core.times import parse_time
from ocppd.core.variables import Variable, boolean, integer, members

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

# Between two BootNotifications where the CSMS names no interval or does not answer (B02.FR.07).
_BOOT_WAIT = 30
_LONGEST_INTERVAL = 31_536_000  # a year, as for every variable that counts seconds
# How long a reboot takes, and how long a reset waits for the last messages to get out.
_REBOOT_SECONDS = 5
_RESET_PATIENCE = 10
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

# Obeyed with ease: a reset of this station does not fail.
RESET_RETRIES = integer("OCPPCommCtrlr", "ResetRetries", 1, mutability="ReadWrite", minimum=0)
EVSE_ALLOW_RESET = boolean("EVSE", "AllowReset", False, place="evse")
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
    seconds = told - (st.now + st.state.clock_offset)
    if abs(seconds) > 1:
        st.state.clock_offset = told - st.now
        st.emit("clock_set", seconds=seconds)


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
