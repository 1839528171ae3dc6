"""Steps that look: they go on when an event, a frame or a state is there, or fail when it is not in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ocppd.scenario import patterns
from ocppd.scenario.branches import Wait, Work
from ocppd.scenario.history import Entry, Kind, Needle, brief
from ocppd.scenario.model import Sight, Step
from ocppd.scenario.scene import NEAREST, FailedError, Scene, Scope, View

_EXPECT_S = 30.0
_WAIT_FOR_S = 3600.0
_READY_S = 120.0
_LONGEST_GAP = 30.0  # seconds between two looks at a state of which nothing new is told
_IS_READY = {"csms": {"connected": True, "registration": "Accepted"}}

Found = tuple[int, Entry]
"""An entry, and the mark behind it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Which part of a station's whole state is meant."""

    evse: int | None = None
    connector: int | None = None

    @property
    def name(self) -> str:
        if self.evse is None:
            return "the state"
        return f"the state of EVSE {self.evse}" + (f" connector {self.connector}" if self.connector else "")

    def of(self, view: View) -> Any:
        """That part; None where there is no such place."""
        if self.evse is None:
            return view
        evses = view["evses"]
        if self.evse > len(evses):
            return None
        evse = evses[self.evse - 1]
        if self.connector is None:
            return evse
        connectors = evse["connectors"]
        return connectors[self.connector - 1] if self.connector <= len(connectors) else None


class Sights:
    """The verbs that look at the `scene`."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def expect(self, step: Step, scope: Scope) -> Work:
        """It has been there since the branch looked last, or comes in time."""
        yield from self._see(step, step.keys.expect, scope, _EXPECT_S, anew=False)

    def wait_for(self, step: Step, scope: Scope) -> Work:
        """It comes from now on."""
        yield from self._see(step, step.keys.wait_for, scope, _WAIT_FOR_S, anew=True)

    def never(self, step: Step, scope: Scope) -> Work:
        """It does not come in all that time."""
        sight: Sight = step.keys.never
        station = self._scene.station(sight.station, scope)
        span = self._scene.seconds(step.keys.for_, scope, 0.0)
        if sight.kind == "state":
            like, place = self._scene.pattern(sight.state, scope), self._place(sight, scope)
            view = yield from self._await_state(station, like, place, span)
            if view is not None:
                raise FailedError(f"never {place.name} like {brief(like)}", [brief(place.of(view))])
            return
        needle = self._needle(sight, station, scope)
        mark = self._scene.history.mark(needle.key)
        found = yield from self.await_entry(needle, mark, self._scene.now + span)
        if found is not None:
            raise FailedError(f"never {_described(needle)}", [found[1].told(self._scene.began)])

    def ready(self, station: str) -> Work:
        """It is connected, and accepted by its CSMS."""
        view = yield from self._await_state(station, _IS_READY, _Place(), _READY_S)
        if view is None:
            raise self._unlike_state(station, _IS_READY, _Place(), _READY_S)

    def await_entry(self, needle: Needle, mark: int, until: float, key: int | None = None) -> Work:
        """The first behind the mark that fits, as `Found`, or the answer to the `key`; None: none came."""
        for found in self._scene.history.since(needle.key, mark):
            if not needle.differences(found[1]):
                return found
        return (yield Wait(until, needle=needle, key=key))

    def _see(self, step: Step, sight: Sight, scope: Scope, default: float, *, anew: bool) -> Work:
        station = self._scene.station(sight.station, scope)
        within = self._scene.seconds(sight.within, scope, default)
        if sight.kind == "state":
            like, place = self._scene.pattern(sight.state, scope), self._place(sight, scope)
            view = yield from self._await_state(station, like, place, within)
            if view is None:
                raise self._unlike_state(station, like, place, within)
            self._scene.keep(step, scope, place.of(view))
            return
        needle = self._needle(sight, station, scope)
        mark = self._scene.history.mark(needle.key) if anew else scope.marks.get(needle.key, 0)
        found: Found | None = yield from self.await_entry(needle, mark, self._scene.now + within)
        if found is None:
            raise self._unseen(needle, within, mark)
        scope.marks[needle.key] = found[0]
        self._scene.keep(step, scope, found[1].content)

    def _await_state(self, station: str, like: Any, place: _Place, within: float) -> Work:
        """The first whole state in which the place is like that; None where there is none in time.

        It is looked at with every change, and from time to time, as meters run on without one.
        """
        until, gap = self._scene.now + within, 1.0
        while True:
            view = self._scene.world.look(station)
            if view is not None and not any(patterns.differences(place.of(view), like)):
                return view
            if self._scene.now >= until:
                return None
            yield Wait(min(until, self._scene.now + gap), changes=station)
            gap = min(gap * 1.5, _LONGEST_GAP)

    def _needle(self, sight: Sight, station: str, scope: Scope) -> Needle:
        like = self._scene.pattern(sight.like, scope)
        if sight.kind == "event":
            numbers = {"evse": sight.evse, "connector": sight.connector}
            said = {key: self._scene.number(it, scope) for key, it in numbers.items() if it is not None}
            name = str(self._scene.resolve(sight.event, scope))
            return Needle((station, "event", name), {**said, **(like or {})} if said else like)
        kind: Kind = "call" if sight.type == "call" else "answer"
        name = str(self._scene.resolve(sight.frame, scope))
        return Needle((station, kind, name), like, sight.way or "", sight.type)

    def _place(self, sight: Sight, scope: Scope) -> _Place:
        evse = self._scene.number(sight.evse, scope)
        connector = self._scene.number(sight.connector, scope)
        return _Place(evse or (1 if connector else None), connector)

    # What is told of a failure

    def _unseen(self, needle: Needle, within: float, mark: int) -> FailedError:
        """What came nearest: the same thing with other content, then whatever was last."""
        station = needle.key[0]
        seen: list[str] = []
        for place, entry in list(self._scene.history.since(needle.key, 0))[-NEAREST:]:
            wrong = "; ".join(needle.differences(entry)[:3])
            when = "" if place > mark else "before that, "
            seen.append(f"{entry.told(self._scene.began)}\n      {when}{wrong or 'it would have done'}")
        return FailedError(f"{_described(needle)} within {within:g} s", [*seen, *self._scene.latest(station)])

    def _unlike_state(self, station: str, like: Any, place: _Place, within: float) -> FailedError:
        view = self._scene.world.look(station)
        expected = f"{place.name} like {brief(like)} within {within:g} s"
        if view is None:
            return FailedError(expected, [f"there is no station {station} any more"])
        wrong = list(patterns.differences(place.of(view), like))
        return FailedError(expected, [*wrong[:10], *self._scene.latest(station)])


def _described(needle: Needle) -> str:
    _, kind, name = needle.key
    what = f"event {name}" if kind == "event" else " ".join(filter(None, (needle.way, needle.type, name)))
    return what if needle.like is None else f"{what} like {brief(needle.like)}"
