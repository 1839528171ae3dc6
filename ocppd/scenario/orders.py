"""What a run wants of its host, and what it tells it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Give:
    """A command to a station; the answer bears the `key`."""

    key: int
    station: str
    command: str
    argument: Any
    evse: int | None = None
    connector: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that the CSMS is to send; where it cannot, that is answered under the `key`."""

    key: int
    station: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """How the CSMS is to answer from now on: keys of `model.Behaviour`."""

    changes: dict[str, Any]


Order = Give | Ask | Tell


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a `Give`, or why there is nothing to come of an `Ask`."""

    key: int
    result: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """A step begins. `needs` is the request that a real CSMS has to send now."""

    step: str
    at_s: float
    needs: dict[str, Any] | None = None
