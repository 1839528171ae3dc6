"""A charging station, in `station`, and what comes out of it, in `outputs`; all are imported from here."""

from __future__ import annotations

from ocppd.core.station.outputs import (
    LATER,
    UNCHANGED,
    Answer,
    Done,
    Event,
    Job,
    Later,
    Order,
    Outputs,
)
from ocppd.core.station.station import Station

__all__ = [
    "LATER",
    "UNCHANGED",
    "Answer",
    "Done",
    "Event",
    "Job",
    "Later",
    "Order",
    "Outputs",
    "Station",
]
