"""RFC 3339 timestamps as OCPP and the MQTT API spell them."""

from __future__ import annotations

from datetime import UTC, datetime


def format_time(epoch: float) -> str:
    """Epoch seconds as `2025-01-01T10:00:00.000Z`: UTC with three decimals, never more (Part 4, 3.2)."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> float | None:
    """Epoch seconds of an RFC 3339 timestamp with any offset; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()
