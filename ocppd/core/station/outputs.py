"""What comes out of a station: frames, events, answers, and what it wants of the edges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ocppd.core import views

if TYPE_CHECKING:
    from ocppd.core.chaos import Chaos
    from ocppd.core.errors import CommandError
    from ocppd.core.state import Request


class Event(NamedTuple):
    """Something that happened, at an EVSE and a connector or at 0, the level above.

    `data` of a public event is JSON-able, and `seq` counts the public ones of this station.
    """

    name: str
    evse: int
    connector: int
    data: dict[str, Any]
    cause: str
    request_id: str | None
    ts: float
    seq: int

    @property
    def is_public(self) -> bool:
        """Whether the world is told; the other events are for the blocks alone."""
        return self.name in views.PUBLIC_EVENTS


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to. `result` may be a function, called when all reactions have run."""

    changed: bool = True
    result: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)


class Later:
    """What a command's handler returns when the outcome is not known yet; `Station.finish` tells it."""


UNCHANGED = Done(changed=False)
LATER = Later()


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a command: `done`, or `error`."""

    request: Request
    done: Done | None = None
    error: CommandError | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What only the link can do: `ping`, `close`, `freeze`, `thaw`, `disturb` (by `chaos`; None: no more)."""

    kind: str
    code: int = 1000
    reason: str = ""
    chaos: Chaos | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """Work that needs time or I/O, for an edge to do; its reports come back as the input `worked`.

    `kind` says who does it. `key` names it among the jobs of its station: a new one takes the place of the
    one with the same key that runs still, and `kind` "" only ends that. No job outlives the daemon: at the
    event `started` whoever still wants it asks again.
    """

    key: str
    kind: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Outputs:
    """What an input led to, in order within each kind. `bugs` are exceptions that nobody foresaw."""

    frames: list[str] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    bugs: list[Exception] = field(default_factory=list)
