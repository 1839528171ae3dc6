"""What a command may do to the connection of a station: the numbers alone, chance is an edge's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chaos:
    """How the frames of both directions are spoilt.

    Each is late by `latency_ms` and up to `jitter_ms` more, in real time; with `burst_ms` they pass only
    once in that time, all that wait together. Each is lost, doubled or mutilated with its probability in
    percent. `half_open` is that the connection there is falls silent without an end. The same `seed` makes
    the same of the same frames, whatever their number in the other direction.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    burst_ms: float = 0.0
    drop_pct: float = 0.0
    duplicate_pct: float = 0.0
    malformed_pct: float = 0.0
    half_open: bool = False
    seed: int = 0
