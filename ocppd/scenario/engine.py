"""A run of a scenario: a pure machine. It is told what was seen and what time it is, and says what it wants.

    event, frame, answered, changed    what was seen      take_orders   what is to be done
    begin, advance, stop               what time it is    take_news     progress to tell
                                                          next_due      when to advance at the latest
                                                          verdict       once it is over

Its steps are generators, one a branch, that yield what they wait for. It has no clock, does no I/O, and all
chance comes from the seed and the place in the file: what others do meanwhile changes no draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ocppd.scenario.history import Entry
from ocppd.scenario.model import Scenario, Step
from ocppd.scenario.orders import Answered, News, Order
from ocppd.scenario.report import Failure, Outcome, Verdict
from ocppd.scenario.scene import FailedError, Scene, Scope, World
from ocppd.scenario.steps import Steps

_LONGEST_LINE = 800
_MOST_LINES = 30


class Run:
    """See the module. `home` is where commands go that name no station, `watched` are those that it sees."""

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        *,
        home: str,
        variables: Mapping[str, Any] | None = None,
        seed: int | None = None,
        name: str = "",
    ) -> None:
        self.scenario = scenario
        self.watched = {home, *world.watched, *_named_stations(scenario, world)}
        self.verdict: Verdict | None = None
        self._scene = Scene(world, scenario.head.seed if seed is None else seed, self.watched)
        self._variables = {**scenario.head.vars, **(variables or {}), "station": home, "i": 1, "run": name}

    # Inputs

    def begin(self, now: float) -> None:
        """The run starts."""
        self._scene.began = self._scene.now = now
        scope = Scope(self._variables, self._scene.chance("0"), {})
        self._scene.branches.begin(Steps(self._scene).whole(self.scenario, scope))

    def event(self, now: float, station: str, name: str, content: dict[str, Any]) -> None:
        """A station has told an event."""
        if name != "scenario":
            self._take(Entry(now, station, "event", name, content))

    def frame(self, now: float, station: str, way: str, text: str) -> None:
        """A frame has passed."""
        entry = self._scene.history.frame(now, station, way, text)
        if entry is not None:
            self._take(entry)

    def changed(self, station: str) -> None:
        """Something about a station has changed."""
        self._scene.branches.changed(station)

    def answered(self, answer: Answered) -> None:
        """A command was answered, or a request could not be sent."""
        self._scene.branches.answered(answer.key, answer)

    def advance(self, now: float, most: int = 500) -> None:
        """It is `now`: go on as far as that leads, at most so many turns; `is_busy` tells of more."""
        self._scene.now = now
        try:
            for _ in range(most):
                if self.verdict is not None or not self._scene.branches.go_on(now):
                    return
                if self._scene.branches.is_over:
                    self._end("passed")
        except FailedError as failure:
            self._fail(failure)

    def stop(self, now: float) -> None:
        """It is to end here."""
        self._scene.now = now
        self._end("stopped")

    # Outputs

    @property
    def is_busy(self) -> bool:
        """Whether there is more to do at this very time."""
        return self._scene.branches.is_busy and self.verdict is None

    @property
    def next_due(self) -> float:
        """When to advance at the latest, infinity for never."""
        return self._scene.branches.next_due

    def take_orders(self) -> list[Order]:
        """What is to be done, since the last time."""
        found, self._scene.orders = self._scene.orders, []
        return found

    def take_news(self) -> list[News]:
        """What there is to tell, since the last time."""
        found, self._scene.news = self._scene.news, []
        return found

    # Its end

    def _fail(self, failure: FailedError) -> None:
        step = failure.step
        self._end(
            "failed",
            Failure(
                step=step.path if step else "",
                text=step.keys.name or step.text if step else "",
                station=failure.station,
                at_s=self._scene.at_s,
                expected=failure.expected[:_LONGEST_LINE],
                seen=tuple(line[:_LONGEST_LINE] for line in failure.seen[:_MOST_LINES]),
            ),
        )

    def _end(self, outcome: Outcome, failure: Failure | None = None) -> None:
        if self.verdict is None:
            scene = self._scene
            self.verdict = Verdict(outcome, scene.at_s, scene.taken, failure, tuple(scene.notes))

    def _take(self, entry: Entry) -> None:
        self._scene.branches.seen(self._scene.history.add(entry), entry)


def _named_stations(scenario: Scenario, world: World) -> Iterator[str]:
    """Whatever the file names is looked at from the beginning."""
    for step in scenario.all_steps():
        said = step.keys.stations if step.verb == "stations" else _named(step)
        for pattern in [said] if isinstance(said, str) else said or ():
            yield from (name for name in world.stations if fnmatchcase(name, pattern))


def _named(step: Step) -> str | None:
    """The station that a step names, if it is no variable."""
    keys = step.keys
    for holder in (keys, *(getattr(keys, name, None) for name in ("expect", "wait_for", "never", "csms"))):
        said = getattr(holder, "station", None)
        if isinstance(said, str):
            return said
    return None
