"""What has been seen of the stations since a run began: events, and OCPP frames with their answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from ocppd.scenario import patterns

HIDDEN = "***"
MOST_KEPT = 2000
"""How many are kept of one station, kind and name; older ones are forgotten."""
_MOST_RECENT = 40
_MOST_OPEN = 1000
_LONGEST = 300

Kind = Literal["event", "call", "answer"]
Key = tuple[str, Kind, str]
"""Station, kind, and the name of the event or the action."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, OCPP request, or answer to one; `type` tells results from errors, `id` is the message's."""

    at: float
    station: str
    kind: Kind
    name: str
    content: dict[str, Any]
    way: str = ""
    type: str = ""
    id: str = ""

    @property
    def key(self) -> Key:
        """Where it is looked for."""
        return self.station, self.kind, self.name

    def told(self, began: float) -> str:
        """In a line, with the second of the run in which it was."""
        what = self.name if self.kind == "event" else f"{self.way} {self.type} {self.name}"
        return f"{self.at - began:10.3f} s  {self.station}  {what} {brief(self.content)}"


def brief(content: object) -> str:
    """JSON, cut; nothing of what may hold a password."""
    text = orjson.dumps(content, default=str).decode()
    if "password" in text.lower():
        return HIDDEN
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


@dataclass(frozen=True, slots=True)
class Needle:
    """What is looked for: `like` is a pattern; empty `way`, `type` or `id` are any."""

    key: Key
    like: Any = None
    way: str = ""
    type: str = ""
    id: str = ""

    def differences(self, entry: Entry) -> list[str]:
        """Why it is not that; empty where it is."""
        wrong = [
            f"{name}: expected {wanted}, was {had}"
            for name, wanted, had in (
                ("way", self.way, entry.way),
                ("type", self.type, entry.type),
                ("id", self.id, entry.id),
            )
            if wanted and wanted != had
        ]
        return wrong + ([] if self.like is None else list(patterns.differences(entry.content, self.like)))


@dataclass(slots=True)
class _Log:
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    count: int = 0


class History:
    """Entries by what they are, in the order in which they came. A mark is how many there had been."""

    def __init__(self) -> None:
        self._logs: dict[Key, _Log] = {}
        self._recent: dict[str, deque[Entry]] = {}
        self._asked: dict[tuple[str, str, str], str] = {}

    def add(self, entry: Entry) -> int:
        """Keep it; the mark behind it."""
        log = self._logs.setdefault(entry.key, _Log())
        log.entries.append(entry)
        log.count += 1
        # Every command has an event, and most calls an empty answer: what they led to is of interest.
        if entry.name != "command" and (entry.content or entry.kind != "answer"):
            self._recent.setdefault(entry.station, deque(maxlen=_MOST_RECENT)).append(entry)
        return log.count

    def mark(self, key: Key) -> int:
        """The mark behind all that have come."""
        log = self._logs.get(key)
        return log.count if log else 0

    def since(self, key: Key, mark: int) -> Iterator[tuple[int, Entry]]:
        """Those behind the mark, each with the mark behind it."""
        log = self._logs.get(key)
        if log is not None:
            first = log.count - len(log.entries) + 1
            yield from ((place, it) for place, it in enumerate(log.entries, first) if place > mark)

    def recent(self, station: str) -> list[Entry]:
        """The latest of a station, of every kind."""
        return list(self._recent.get(station, ()))

    def frame(self, at: float, station: str, way: str, text: str) -> Entry | None:
        """The entry of a frame; None for what is no message, or an answer to nothing known."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        match message:
            case [2, str(id_), str(action), dict(payload)]:
                self._ask((station, way, id_), action)
                return Entry(at, station, "call", action, payload, way, "call", id_)
            case [3, str(id_), dict(payload)]:
                return self._answer(at, station, way, id_, ("result", payload))
            case [4, str(id_), str(code), str(text), dict(details)]:
                content = {"errorCode": code, "errorDescription": text, "errorDetails": details}
                return self._answer(at, station, way, id_, ("error", content))
        return None

    def _ask(self, question: tuple[str, str, str], action: str) -> None:
        self._asked[question] = action
        if len(self._asked) > _MOST_OPEN:
            del self._asked[next(iter(self._asked))]

    def _answer(
        self, at: float, station: str, way: str, id_: str, said: tuple[str, dict[str, Any]]
    ) -> Entry | None:
        action = self._asked.pop((station, "rx" if way == "tx" else "tx", id_), None)
        return None if action is None else Entry(at, station, "answer", action, said[1], way, said[0], id_)
