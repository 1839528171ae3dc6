"""Frames on their way through a bad connection: late, lost, doubled, mutilated; a seed decides."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING, Protocol

from ocppd.core.chaos import Chaos

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_WAITING = 1000  # frames of one direction; more are lost, as on any line


class Timer(Protocol):
    """What `Timers.call_at` returns."""

    def cancel(self) -> None:
        """It is not to ring any more."""


class Timers(Protocol):
    """What an event loop can do with time."""

    def time(self) -> float:
        """Seconds since whenever."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        """Call back at that time."""


class Turbulence:
    """One direction of one connection. Frames keep their order; `deliver` gets what arrives.

    What is not late arrives before `put` returns, unless others are still on their way. `timers` are those of
    the running event loop unless others are given.
    """

    def __init__(self, deliver: Callable[[str], None], timers: Timers | None = None) -> None:
        self._deliver = deliver
        self._loop: Timers = timers or asyncio.get_running_loop()
        self._waiting: deque[tuple[float, str]] = deque()
        self._timer: Timer | None = None
        self.become(None, "")

    def become(self, chaos: Chaos | None, way: str) -> None:
        """Spoil frames in that manner from now on, None: not at all; `way` names the direction."""
        self._chaos = chaos or Chaos()
        self._random = random.Random(f"{self._chaos.seed}:{way}")  # noqa: S311 - a simulation, not a secret
        self._began = self._loop.time()

    def put(self, text: str) -> None:
        """A frame sets out."""
        # Always as many draws: what becomes of a frame depends on its number, and not on the other settings.
        lost, doubled, mutilated, late, *how = (self._random.random() for _ in range(6))
        chaos = self._chaos
        if lost * 100 < chaos.drop_pct:
            return
        if mutilated * 100 < chaos.malformed_pct:
            text = mutilate(text, *how)
        due = self._due(late)
        for _ in range(2 if doubled * 100 < chaos.duplicate_pct else 1):
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append((due, text))
        if self._timer is None:
            self._release()

    def clear(self) -> None:
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
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            self._deliver(self._waiting.popleft()[1])
        if self._waiting and self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self._release)


def mutilate(text: str, way: float, place: float) -> str:
    """The frame as no OCPP-J frame looks: cut, with a wrong character, of no known type, or no array.

    `way` and `place` are below 1, and choose how and where.
    """
    at = int(place * len(text))
    match int(way * 4):
        case 0:
            return text[:at]
        case 1:
            return f"{text[:at]}\x01{text[at + 1 :]}"
        case 2:
            return text.replace("[", "[9", 1)
    return f'{{"frame":{text}}}'
