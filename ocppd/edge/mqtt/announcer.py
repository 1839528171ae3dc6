"""What Home Assistant was told of our stations, and what it must be told now; see `homeassistant`.

Plain data: it is told of retained messages and asked what follows from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from ocppd.edge.mqtt.homeassistant import NAME, config_topic, device_names, devices
from ocppd.edge.mqtt.outgoing import Message, message
from ocppd.edge.mqtt.topics import Scope, state_topic

if TYPE_CHECKING:
    from ocppd.core.station import Station
    from ocppd.edge.mqtt.wire import Discovery

_DEVICE = re.compile(rf"/device/{NAME}_[^/]+/config$")

Platforms = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Told:
    """A message that stands on the broker: its digest, and the platform of each of its entities."""

    digest: bytes
    platforms: Platforms


class Announcer:
    """The devices of our stations on one broker. Without `discovery` there are none, and nothing to do."""

    def __init__(self, discovery: Discovery | None, base: str, daemon: str) -> None:
        self._discovery = discovery
        self._base = base
        self._daemon = daemon
        self._own = state_topic(base, Scope("daemon", daemon))
        self._there: dict[str, _Told] = {}
        # Of the station that went last: where it comes back changed, what it has no more is told.
        self._gone: dict[str, _Told] = {}
        self._known: dict[Platforms, Platforms] = {}

    @property
    def birth(self) -> str | None:
        """Where Home Assistant says `online` when it has started; None where we do not care."""
        return f"{self._discovery.prefix}/status" if self._discovery and self._discovery.enabled else None

    def filters(self) -> list[str]:
        """What to subscribe to for what stands there."""
        return [f"{self._discovery.prefix}/device/+/config"] if self._discovery else []

    def look(self, found: Iterable[tuple[str, bytes]]) -> None:
        """These messages are retained; those of somebody else are none of our business."""
        self._there.clear()
        for topic, payload in found if self._discovery else ():
            content = _read(payload) if _DEVICE.search(topic) else None
            if content is not None and _daemon_topic(content) == self._own:
                self._there[topic] = _Told(_digest(payload), self._shared(_platforms(content)))

    def orphans(self, stations: Mapping[str, Station]) -> Iterator[Message]:
        """Clears the devices of stations and EVSEs that are no more, or all where nobody wants them now."""
        wanted = {topic for it in stations.values() for topic in self._topics(it)} if self.birth else set()
        for topic in sorted(self._there.keys() - wanted):
            del self._there[topic]
            yield Message(topic, b"", 1, retain=True)

    def messages(self, st: Station, *, anew: bool = False) -> Iterator[Message]:
        """The devices of a station as far as they are not there already, or, `anew`, all of them."""
        if self._discovery is None or not self._discovery.enabled:
            return
        for name, content in devices(st, self._base, self._daemon).items():
            topic = config_topic(self._discovery.prefix, name)
            it, told = message(topic, content, 1, retain=True), self._there.get(topic)
            digest = _digest(it.payload)
            if anew or told is None or told.digest != digest:
                now, before = _platforms(content), told or self._gone.pop(topic, None)
                self._there[topic] = _Told(digest, self._shared(now))
                gone = before.platforms - now if before else frozenset()
                yield _taking_away(topic, content, gone) if gone else it

    def removed(self, st: Station) -> Iterator[Message]:
        """Clears the devices of a station."""
        self._gone = {}
        for topic in self._topics(st) if self.birth else ():
            if (told := self._there.pop(topic, None)) is not None:
                self._gone[topic] = told
            yield Message(topic, b"", 1, retain=True)

    def _topics(self, st: Station) -> list[str]:
        prefix = self._discovery.prefix if self._discovery else ""
        return [config_topic(prefix, name) for name in device_names(st)]

    def _shared(self, platforms: Platforms) -> Platforms:
        """Stations of one kind keep one set."""
        return self._known.setdefault(platforms, platforms)


def _taking_away(topic: str, content: dict[str, Any], gone: Platforms) -> Message:
    """An entity goes by being named with its platform alone; the next message leaves it out."""
    removed = {key: {"platform": platform} for key, platform in gone}
    return message(topic, content | {"cmps": removed | content["cmps"]}, 1, retain=True)


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=8).digest()


def _platforms(content: dict[str, Any]) -> Platforms:
    """The entities of a message and their platforms, without those that it takes away."""
    entities = content.get("cmps")
    found = entities.items() if isinstance(entities, dict) else ()
    return frozenset(
        (key, it["platform"])
        for key, it in found
        if isinstance(it, dict) and len(it) > 1 and isinstance(it.get("platform"), str)
    )


def _daemon_topic(content: dict[str, Any]) -> object:
    """Whose device it is: its availability begins with that of its daemon."""
    match content.get("availability"):
        case [{"topic": topic}, *_]:
            return topic
    return None


def _read(payload: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
