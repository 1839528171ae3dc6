"""systemd's notification protocol: a datagram to the socket it names (sd_notify(3)). Silent without it."""

from __future__ import annotations

import asyncio
import os
import socket
import time

import structlog

log = structlog.get_logger()


def notify(state: str) -> None:
    """Tell the service manager, for instance `READY=1`; one that cannot be told is no reason to stop."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(state.encode(), address)
    except OSError as error:
        log.warning("systemd.not_told", state=state, reason=str(error))


def notify_reloading() -> None:
    """A reload has begun; `READY=1` ends it."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


async def watchdog() -> None:
    """Show that the event loop turns, twice in the time that the unit's WatchdogSec allows."""
    allowed = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    while allowed:
        notify("WATCHDOG=1")
        await asyncio.sleep(allowed / 2)
