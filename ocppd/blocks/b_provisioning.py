"""B. Provisioning: boot and the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ocppd.core import comm, on
from ocppd.core.errors import CommandError
from ocppd.core.state import Boot, QueuedCall
from ocppd.core.station import LATER, Later
from ocppd.core.times import parse_time
from ocppd.core.variables import Variable, members

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

# Between two BootNotifications where the CSMS names no interval or does not answer (B02.FR.07).
_BOOT_WAIT = 30
_LONGEST_INTERVAL = 31_536_000  # a year, as for every variable that counts seconds
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
    for timer in ("heartbeat", "boot"):
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
        "firmwareVersion": st.firmware,
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
    seconds = told - st.clock
    if abs(seconds) > 1:
        st.state.clock_offset = told - st.now
        st.emit("clock_set", seconds=seconds)
    else:
        st.state.clock_jump = 0.0
