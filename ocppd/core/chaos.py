"""What a command may do to the connection of a station: the numbers alone, chance is an edge's."""

from __future__ import annotations

from typing import Annotated

from ocppd.core.description import Percent, within
from ocppd.core.kept import Fixed

Milliseconds = Annotated[float, *within(0, 60_000)]
Seed = Annotated[int, *within(0, 2**53 - 1)]


class Chaos(Fixed, frozen=True):
    """How the frames of both directions are spoilt.

    Each is late by `latency_ms` and up to `jitter_ms` more, in real time; with `burst_ms` they pass only
    once in that time, all that wait together. Each is lost, doubled or mutilated with its probability in
    percent. `half_open` is that the connection there is falls silent without an end. The same `seed` makes
    the same of the same frames, whatever passes in the other direction.
    """

    latency_ms: Milliseconds = 0.0
    jitter_ms: Milliseconds = 0.0
    burst_ms: Milliseconds = 0.0
    drop_pct: Percent = 0.0
    duplicate_pct: Percent = 0.0
    malformed_pct: Percent = 0.0
    half_open: bool = False
    seed: Seed = 0
