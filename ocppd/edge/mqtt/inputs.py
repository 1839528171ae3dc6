"""`mqtt.inputs`: foreign topics, of lab buttons and card readers, whose messages are commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from paho.mqtt.client import topic_matches_sub

from ocppd.edge.mqtt.topics import Scope, command_name


@dataclass(frozen=True, slots=True)
class Input:
    """One of them. `map` turns the value into a command; without, `command` gets it as its argument."""

    topic: str
    scope: Scope
    path: tuple[str, ...] = ()
    command: str | None = None
    map: Mapping[str, str] | None = None

    def commands(self, topic: str, payload: bytes) -> Iterator[tuple[str, bytes]]:
        """The command that the message means, with its payload; nothing where it means none."""
        if not topic_matches_sub(self.topic, topic):
            return
        value = _value(self.path, payload)
        if value is None:
            return
        if self.map is None:
            yield command_name(self.command or ""), value.encode()
        elif value in self.map:
            command, _, argument = self.map[value].partition(" ")
            yield command_name(command), argument.encode()


def _value(path: tuple[str, ...], payload: bytes) -> str | None:
    """What stands at `path` in the JSON, as text; without a path the payload itself."""
    try:
        if not path:
            return payload.decode()
        found: Any = orjson.loads(payload)
    except ValueError:
        return None
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    if found is None or isinstance(found, dict | list):
        return None
    return found if isinstance(found, str) else orjson.dumps(found).decode()
