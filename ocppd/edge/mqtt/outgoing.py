"""What waits for the broker: bounded, the newest state a topic, the newest events in order."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

MOST_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class Message:
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


class Outgoing:
    """Retained messages collapse to the newest of their topic; of the others the newest are kept.

    `dropped` counts what had to go.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._messages: deque[Message] = deque()
        self._states: dict[str, Message] = {}
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages) + len(self._states)

    def put(self, message: Message) -> None:
        """Queue a message."""
        if message.retain:
            self._states[message.topic] = message
        else:
            self._messages.append(message)
            self._drop_oldest()
        self._some.set()

    def forget_states(self) -> None:
        """Drop the states that wait, all are about to be published anew; but not what clears a topic."""
        self._states = {topic: it for topic, it in self._states.items() if not it.payload}

    async def wait(self) -> None:
        """Return when there is something."""
        await self._some.wait()

    def take(self, most: int) -> list[Message]:
        """Up to `most` messages: events and answers in order first, then states."""
        batch = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
        topics = list(islice(self._states, most - len(batch)))
        batch += [self._states.pop(topic) for topic in topics]
        if not len(self):
            self._some.clear()
        return batch

    def put_back(self, batch: list[Message]) -> None:
        """What could not be published, where nothing newer has come meanwhile."""
        self._messages.extendleft(it for it in reversed(batch) if not it.retain)
        self._drop_oldest()
        self._states = {it.topic: it for it in batch if it.retain} | self._states
        if len(self):
            self._some.set()

    def _drop_oldest(self) -> None:
        while len(self._messages) > MOST_MESSAGES:
            self._messages.popleft()
            self.dropped += 1
