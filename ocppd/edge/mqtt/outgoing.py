"""What waits for the broker: bounded, the newest state a topic, the newest events in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

import orjson

MOST_MESSAGES = 10_000


class Message(NamedTuple):
    """One publish; `correlation` goes back to whoever asked with MQTT 5."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    correlation: bytes | None = None


def message(topic: str, content: dict[str, Any] | str, qos: int = 0, *, retain: bool = False) -> Message:
    """A message of JSON, or of plain text."""
    # A copy: orjson hands out its work space, which is several times as big and may have to wait here.
    payload = content.encode() if isinstance(content, str) else bytes(memoryview(orjson.dumps(content)))
    return Message(topic, payload, qos, retain)


class Outgoing(asyncio.Queue[Message]):
    """Retained messages collapse to the newest of their topic; of the others the newest are kept.

    Events and answers come out in order and before the states. `dropped` counts what had to go.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._messages: deque[Message] = deque()
        self._states: dict[str, Message] = {}
        super().__init__()

    def qsize(self) -> int:
        """How many wait."""
        return len(self._messages) + len(self._states)

    def empty(self) -> bool:
        """Whether none waits."""
        return not (self._messages or self._states)

    def forget_states(self) -> None:
        """Drop the states that wait, all are about to be published anew; but not what clears a topic."""
        self._states = {topic: it for topic, it in self._states.items() if not it.payload}

    def put_back(self, batch: list[Message]) -> None:
        """What could not be published, where nothing newer has come meanwhile. Nobody may wait for it yet."""
        self._messages.extendleft(it for it in reversed(batch) if not it.retain)
        self._drop_oldest()
        self._states = {it.topic: it for it in batch if it.retain} | self._states

    def _drop_oldest(self) -> None:
        while len(self._messages) > MOST_MESSAGES:
            self._messages.popleft()
            self.dropped += 1

    # What a queue of the standard library is made of, as its LifoQueue and PriorityQueue do it

    def _init(self, maxsize: int) -> None:
        pass

    def _put(self, item: Message) -> None:
        if item.retain:
            self._states[item.topic] = item
        else:
            self._messages.append(item)
            self._drop_oldest()

    def _get(self) -> Message:
        return self._messages.popleft() if self._messages else self._states.pop(next(iter(self._states)))
