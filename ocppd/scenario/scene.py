"""What all steps of a run share: what is there, what has been seen, what is wanted, and what words mean."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from ocppd.scenario import patterns, values
from ocppd.scenario.branches import Branches
from ocppd.scenario.history import History, Key
from ocppd.scenario.model import Step
from ocppd.scenario.orders import News, Order

View = Mapping[str, Any]

NEAREST = 5
"""Entries in a report."""


class FailedError(Exception):
    """A step has not gone as expected; what was `seen` instead, line by line."""

    def __init__(self, expected: str, seen: Iterable[str] = ()) -> None:
        super().__init__(expected)
        self.expected = expected
        self.seen = tuple(seen)
        self.step: Step | None = None
        self.station = ""


@dataclass(slots=True)
class Scope:
    """What a branch knows: its variables, its chance, and up to where it has looked."""

    variables: dict[str, Any]
    chance: random.Random
    marks: dict[Key, int]
    quiet: bool = False

    @property
    def station(self) -> str:
        """Where commands go that name none."""
        return str(self.variables["station"])


@dataclass(frozen=True, slots=True)
class World:
    """What there is around a run.

    `stations` are all that there are, `watched` those whose events are of interest from the beginning. `look`
    tells the whole state of one, None where it is gone. `steers` tells that there is a CSMS that can be told
    what to do.
    """

    stations: tuple[str, ...]
    look: Callable[[str], View | None]
    watched: tuple[str, ...] = ()
    steers: bool = False


class Scene:
    """See the module. `taken` counts the steps; `began` and `now` are moments of the run's own time."""

    def __init__(self, world: World, seed: int, watched: set[str]) -> None:
        self.world = world
        self.watched = watched
        self.began = self.now = 0.0
        self.history = History()
        self.branches = Branches()
        self.orders: list[Order] = []
        self.news: list[News] = []
        self.notes: list[str] = []
        self.taken = 0
        self.keys = count(1)
        self._seed = seed

    @property
    def at_s(self) -> float:
        """How long the run has gone on, in seconds."""
        return round(self.now - self.began, 3)

    def chance(self, place: str) -> random.Random:
        """That of a branch, by its place in the file."""
        return random.Random(f"{self._seed}:{place}")  # noqa: S311 - a simulation, no secret

    # What words mean

    def resolve(self, value: Any, scope: Scope) -> Any:
        """With variables and chance put in."""
        return values.resolved(value, scope.variables, scope.chance, self.now)

    def pattern(self, value: Any, scope: Scope) -> Any:
        """The same, as a pattern.

        Raises:
            ValueProblemError: it is none.
        """
        like = self.resolve(value, scope)
        if (problem := patterns.problem(like)) is not None:
            raise values.ValueProblemError(problem)
        return like

    def seconds(self, value: Any, scope: Scope, default: float) -> float:
        """A time."""
        return default if value is None else values.seconds(self.resolve(value, scope))

    def station(self, said: str | None, scope: Scope) -> str:
        """The station that is meant; from now on it is watched.

        Raises:
            FailedError: there is none of that name.
        """
        station = scope.station if said is None else str(self.resolve(said, scope))
        if station not in self.world.stations:
            raise FailedError(f"a station {station!r}", [self.who_is_there])
        self.watched.add(station)
        return station

    def number(self, value: Any, scope: Scope) -> int | None:
        """Of an EVSE or a connector.

        Raises:
            ValueProblemError: it is none.
        """
        number = self.resolve(value, scope)
        if number is None:
            return None
        if isinstance(number, int) and not isinstance(number, bool) and number >= 1:
            return number
        raise values.ValueProblemError("evse and connector: must be numbers from 1 on")

    def keep(self, step: Step, scope: Scope, value: Any) -> None:
        """As the variable that the step names for it."""
        if step.keys.as_ is not None:
            scope.variables[step.keys.as_] = value

    # What is told of a failure

    @property
    def who_is_there(self) -> str:
        """The stations that could have been meant."""
        return f"there are {', '.join(self.world.stations[:20])}"

    def latest(self, station: str) -> list[str]:
        """What was seen of it last."""
        recent = [entry.told(self.began) for entry in self.history.recent(station)[-NEAREST * 2 :]]
        return [f"the latest of {station}:", *recent] if recent else []
