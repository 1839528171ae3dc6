"""Time that stands still until it is told to go on."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from itertools import count


class Timer:
    """What is to be called at some time; `callback` is None when it is not any more."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """It is not to be called any more."""
        self.callback = None


class Clock:
    """Time that stands still until it is told to go on; `call_at` is an event loop's."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._soon: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Nobody can wait here."""
        raise NotImplementedError

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Call it before time goes on."""
        self._soon.append(callback)

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call it at that time."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call it in so many seconds."""
        return self.call_at(self._now + seconds, callback)

    @property
    def next_due(self) -> float:
        """When there is something to call."""
        if self._soon:
            return self._now
        return self._timers[0][0] if self._timers else math.inf

    def go_on(self, now: float) -> None:
        """It is `now`, unless it is later already."""
        self._now = max(self._now, now)

    def run(self) -> bool:
        """Call everything that is due; whether there was anything."""
        ran = False
        while self.next_due <= self._now:
            ran = True
            if self._soon:
                self._soon.popleft()()
            else:
                timer = heapq.heappop(self._timers)[2]
                if timer.callback is not None:
                    timer.callback()
        return ran
