"""Time as an input: the one place that asks the machine what time it is."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Epoch seconds that never jump, and a sleep that runs at the same rate."""

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""
        ...


class RealClock:
    """The wall clock as it was at the start, carried on by the monotonic one.

    `rate` makes time run faster: at 60 a minute of the station passes in a second.
    """

    def __init__(self, rate: float = 1.0) -> None:
        self._rate = rate
        self._epoch = time.time()
        self._monotonic = time.monotonic()

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC, `rate` times as fast since the start."""
        return self._epoch + (time.monotonic() - self._monotonic) * self._rate

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock, which are `seconds / rate` of real time."""
        await asyncio.sleep(seconds / self._rate)
