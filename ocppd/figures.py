"""What there is to count of a daemon and its stations, for Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ocppd.core import session
from ocppd.core.status import STATUSES
from ocppd.edge.metrics import Figures

if TYPE_CHECKING:
    from ocppd.core.station import Station
    from ocppd.daemon import Daemon


def figures(daemon: Daemon) -> Figures:
    """As they are now; to be asked on the loop's thread."""
    now, stations = daemon.clock.time(), daemon.fleet.stations.values()
    states = [it.state for it in stations]
    statuses = Counter(plug.status for it in states for evse in it.evses for plug in evse.connectors)
    return Figures(
        health=daemon.health(),
        transactions=sum(evse.transaction is not None for it in states for evse in it.evses),
        power_w=sum(_power_w(it, now) for it in stations),
        connectors={status: statuses[status] for status in STATUSES},
        frames=daemon.fleet.frames,
        messages=daemon.mqtt.messages if daemon.mqtt is not None else {"sent": 0, "received": 0},
    )


def _power_w(station: Station, now: float) -> float:
    """What flows to the cars of a station; where nobody is authorized, there is nothing to ask."""
    places = zip(station.description.hardware.evses, station.state.evses, strict=True)
    used = ((evse, place) for evse, place in places if place.authorization is not None)
    return sum(session.flow_now(evse, station.state, place, now).power_w for evse, place in used)
