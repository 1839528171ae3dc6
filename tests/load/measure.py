"""What a process costs, and numbers made of many."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence

import psutil

Numbers = dict[str, float]
Variant = Callable[[], Awaitable[Numbers]]


class Usage:
    """The CPU time, user and system, and the memory of one process."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def cpu_s(self) -> float:
        """Seconds since it has started."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def rss_kib(self) -> float:
        """What is resident now."""
        return float(self._process.memory_info().rss / 1024)


async def interleaved(rounds: int, variants: Mapping[str, Variant]) -> dict[str, Numbers]:
    """The medians of each variant's numbers, measured in turn: A B A B A B."""
    found: dict[str, list[Numbers]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            found[name].append(await variant())
    return {
        name: {key: statistics.median(each[key] for each in many) for key in many[0]}
        for name, many in found.items()
    }


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000
