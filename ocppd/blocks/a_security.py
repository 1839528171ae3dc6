"""A. Security: events that the CSMS must learn of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import on

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station


@on.event("boot")
def tell_of_the_boot(st: Station, event: Event) -> None:
    """Once accepted, say why the station has started, after the connectors' statuses (A04)."""
    reason = event.data["reason"]
    if event.data["registration"] == "Accepted" and reason not in ("Triggered", "Unknown"):  # no start
        started = reason in ("PowerUp", "Watchdog")
        notify(st, "StartupOfTheDevice" if started else "ResetOrReboot")


def notify(st: Station, kind: str) -> None:
    """Send a SecurityEventNotification, delivered when the CSMS can be reached (A04.FR.01, A04.FR.02)."""
    st.send("SecurityEventNotification", {"type": kind, "timestamp": st.timestamp()}, keep=True)
    st.emit("security", type=kind)
