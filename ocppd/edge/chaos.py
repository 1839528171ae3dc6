"""Frames on their way through a bad connection: late, lost, doubled, mutilated; the same for the same seed."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ocppd.core.chaos import Chaos

MOST_WAITING = 1000  # frames of one direction; more are lost, as on any line


class Turbulence:
    """One direction of one connection. Frames keep their order; `deliver` gets what arrives.

    What is not late arrives before `put` returns. `close` loses what is still on its way.
    """

    def __init__(self, chaos: Chaos, way: str, deliver: Callable[[str], None]) -> None:
        self._chaos = chaos
        self._deliver = deliver
        self._random = random.Random(f"{chaos.seed}:{way}")  # noqa: S311 - a simulation, not a secret
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._waiting: deque[tuple[float, str]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, text: str) -> None:
        """A frame sets out."""
        lost, doubled, mutilated, late = (self._random.random() for _ in range(4))
        crippled = mutilate(text, self._random)  # drawn in any case: one number must not shift the next frame
        if lost * 100 < self._chaos.drop_pct:
            return
        if mutilated * 100 < self._chaos.malformed_pct:
            text = crippled
        due = self._due(late)
        for _ in range(2 if doubled * 100 < self._chaos.duplicate_pct else 1):
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append((due, text))
        if self._timer is None:
            self._release()

    def close(self) -> None:
        """Lose what is on its way."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self, late: float) -> float:
        """When a frame arrives, in the loop's time: never before the one that set out before it."""
        chaos, now = self._chaos, self._loop.time()
        due = now + (chaos.latency_ms + chaos.jitter_ms * late) / 1000
        if burst := chaos.burst_ms / 1000:
            due = self._began + ((due - self._began) // burst + 1) * burst
        return max(due, self._waiting[-1][0]) if self._waiting else due

    def _release(self) -> None:
        """Let arrive what is due, and come back for the rest."""
        self._timer = None
        for text in self._arrived():
            self._deliver(text)
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self._release)

    def _arrived(self) -> Iterator[str]:
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            yield self._waiting.popleft()[1]


def mutilate(text: str, draw: random.Random) -> str:
    """The frame as no OCPP-J frame looks: cut, with a wrong character, of no known type, or no JSON array."""
    place = draw.randrange(len(text)) if text else 0
    way = draw.randrange(4)
    character = chr(draw.randrange(0x20, 0x7F))
    match way:
        case 0:
            return text[:place]
        case 1:
            return text[:place] + character + text[place + 1 :]
        case 2:
            return text.replace("[", "[9", 1)  # [2, …] becomes [92, …]
    return f'{{"frame":{text}}}'
