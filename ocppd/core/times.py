"""RFC 3339 timestamps as OCPP and the MQTT API spell them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

# What four digits of a year can say: 1970 to 9999.
_LATEST = 253_402_300_799.0

# Python reads more than this, such as dates by the week; OCPP's dateTime is no more than this.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(maxsize=4096)  # what happens together has one moment, and what is shown tells the old ones again
def format_time(epoch: float) -> str:
    """Epoch seconds as `2025-01-01T10:00:00.000Z`: UTC with three decimals, never more (Part 4, 3.2).

    What lies outside the years 1970 to 9999 is told as their end.
    """
    moment = min(max(epoch, 0.0), _LATEST)
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 timestamp with any offset; None where it is none."""
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        return None
