"""Who else lives on the broker: what our stations have left there, other daemons, and a double of ours.

Plain data: it is told of retained messages and asked what follows from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import orjson

from ocppd.edge.mqtt.topics import LEAVES, Kind, Scope, parse_state, state_topic

if TYPE_CHECKING:
    from ocppd.core.station import Station

# Whose retained messages tell it: every place of every station, and every daemon.
_PATTERNS = (
    "station/+/state",
    "station/+/evse/+/state",
    "station/+/evse/+/connector/+/state",
    "daemon/+/state",
)


class Census:
    """What stands on the broker as we come."""

    def __init__(self, base: str, daemon: str) -> None:
        self._base = base
        self._daemon = daemon
        self._online: set[str] = set()
        self._owners: dict[str, str] = {}
        self._places: set[Scope] = set()

    def filters(self) -> list[str]:
        """What to subscribe to for it."""
        return [f"{self._base}/v1/{pattern}" for pattern in _PATTERNS]

    def note(self, topic: str, payload: bytes) -> None:
        """A retained message."""
        found = parse_state(self._base, topic)
        if found is None or not payload:
            return
        scope, _ = found
        if scope.kind == "daemon":
            if payload == b"online":
                self._online.add(scope.name)
            return
        self._places.add(scope)
        if scope.kind == "station" and (owner := _daemon_of(payload)) is not None:
            self._owners[scope.name] = owner

    def conflicts(self) -> dict[str, str]:
        """Stations that another daemon, which is online, has: their names and its."""
        return {
            station: owner
            for station, owner in self._owners.items()
            if owner != self._daemon and owner in self._online
        }

    def orphans(self, stations: Mapping[str, Station]) -> list[str]:
        """The topics that we have left behind: of stations, EVSEs and connectors that are no more."""
        topics: list[str] = []
        taken = self.conflicts()
        for scope in sorted(self._places, key=lambda it: it.topic(self._base)):
            ours = scope.name in stations or self._owners.get(scope.name) == self._daemon
            if ours and scope.name not in taken and not _exists(scope, stations.get(scope.name)):
                topics += state_topics(self._base, scope)
        return topics


def state_topics(base: str, scope: Scope) -> Iterator[str]:
    """The retained topics of a place, without those of the places within."""
    retained: Mapping[Kind, tuple[str, ...]] = {**LEAVES, "station": ("availability", "state")}
    return (state_topic(base, scope, leaf) for leaf in retained[scope.kind])


def all_topics(base: str, station: Station) -> Iterator[str]:
    """The retained topics of a station and of everything in it."""
    yield from state_topics(base, Scope("station", station.id))
    for number, evse in station.evses():
        yield from state_topics(base, Scope("evse", station.id, number))
        for connector in range(1, len(evse.connectors) + 1):
            yield from state_topics(base, Scope("connector", station.id, number, connector))


def _exists(scope: Scope, station: Station | None) -> bool:
    if station is None:
        return False
    if scope.evse is None:
        return True
    if scope.evse > len(station.state.evses):
        return False
    return scope.connector is None or scope.connector <= len(station.evse(scope.evse).connectors)


def _daemon_of(payload: bytes) -> str | None:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    daemon = found.get("daemon") if isinstance(found, dict) else None
    return daemon if isinstance(daemon, str) else None
