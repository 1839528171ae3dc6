"""A run of a scenario: a pure machine. It is told what was seen and what time it is, and says what it wants.

    event, frame, answered, changed    what was seen      take_orders   what is to be done
    begin, advance, stop               what time it is    take_news     progress to tell
                                                          next_due      when to advance at the latest
                                                          verdict       once it is over

Its steps are generators, one a branch, that yield what they wait for. It has no clock, does no I/O, and all
chance comes from the seed and the place in the file: what others do meanwhile changes no draw.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

from ocppd.scenario import patterns, values
from ocppd.scenario.branches import Branches, TooManyError, Wait, Work
from ocppd.scenario.history import HIDDEN, Entry, History, Key, Kind, Needle, brief
from ocppd.scenario.model import CommandKeys, Scenario, Sight, Step
from ocppd.scenario.orders import Answered, Ask, Give, News, Order, Tell
from ocppd.scenario.report import Failure, Outcome, Verdict

View = Mapping[str, Any]

MOST_RUN = 100_000
"""How many steps one run may take, all rounds of all loops counted."""
MOST_NOTES = 100
_LONGEST_NOTE = 300
_LONGEST_LINE = 800
_MOST_LINES = 30

_COMMAND_S = 30.0  # as the MQTT API has it
_GRACE_S = 5.0  # for an answer that is under way
_EXPECT_S = 30.0
_WAIT_FOR_S = 3600.0
_ASK_S = 30.0
_REAL_ASK_S = 600.0  # a person may have to do it
_READY_S = 120.0
_LONGEST_GAP = 30.0  # seconds between two looks at a state of which nothing new is told
_NEAREST = 5  # entries in a report
_IS_READY = {"csms": {"connected": True, "registration": "Accepted"}}


class _FailedError(Exception):
    def __init__(self, expected: str, seen: Iterable[str] = ()) -> None:
        super().__init__(expected)
        self.expected = expected
        self.seen = tuple(seen)
        self.step: Step | None = None
        self.station = ""


_Found = tuple[int, Entry]


@dataclass(slots=True)
class _Scope:
    """What a branch knows: its variables, its chance, and up to where it has looked."""

    variables: dict[str, Any]
    chance: random.Random
    marks: dict[Key, int]
    quiet: bool = False

    @property
    def station(self) -> str:
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


class Run:
    """See the module. `home` is the station where commands go that name none; `began` is when it began."""

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
        self.watched = {home, *world.watched}
        self.verdict: Verdict | None = None
        self.began = self.now = 0.0
        self._world = world
        self._seed = scenario.head.seed if seed is None else seed
        self._variables = {**scenario.head.vars, **(variables or {}), "station": home, "i": 1, "run": name}
        self._history = History()
        self._orders: list[Order] = []
        self._news: list[News] = []
        self._notes: list[str] = []
        self._steps = 0
        self._branches = Branches()
        self._keys = count(1)
        self._watch_named()

    def _watch_named(self) -> None:
        """Whatever the file names is looked at from the beginning."""
        for step in self.scenario.all_steps():
            said = step.keys.stations if step.verb == "stations" else _named(step)
            for pattern in [said] if isinstance(said, str) else said or ():
                self.watched |= {name for name in self._world.stations if fnmatchcase(name, pattern)}

    # Inputs

    def begin(self, now: float) -> None:
        """The run starts."""
        self.began = self.now = now
        scope = _Scope(self._variables, self._chance("0"), {})
        self._branches.begin(self._whole(scope))

    def event(self, now: float, station: str, name: str, content: dict[str, Any]) -> None:
        """A station has told an event."""
        if name != "scenario":
            self._take(Entry(now, station, "event", name, content))

    def frame(self, now: float, station: str, way: str, text: str) -> None:
        """A frame has passed."""
        entry = self._history.frame(now, station, way, text)
        if entry is not None:
            self._take(entry)

    def changed(self, station: str) -> None:
        """Something about a station has changed."""
        self._branches.changed(station)

    def answered(self, answer: Answered) -> None:
        """A command was answered, or a request could not be sent."""
        self._branches.answered(answer.key, answer)

    def advance(self, now: float, most: int = 500) -> None:
        """It is `now`: go on as far as that leads, at most so many turns; `is_busy` tells of more."""
        self.now = now
        try:
            for _ in range(most):
                if self.verdict is not None or not self._branches.go_on(now):
                    return
                if self._branches.is_over:
                    self._end("passed")
        except _FailedError as failure:
            self._fail(failure)

    def stop(self, now: float) -> None:
        """It is to end here."""
        self.now = now
        self._end("stopped")

    # Outputs

    @property
    def is_busy(self) -> bool:
        """Whether there is more to do at this very time."""
        return self._branches.is_busy and self.verdict is None

    @property
    def next_due(self) -> float:
        """When to advance at the latest, infinity for never."""
        return self._branches.next_due

    def take_orders(self) -> list[Order]:
        """What is to be done, since the last time."""
        found, self._orders = self._orders, []
        return found

    def take_news(self) -> list[News]:
        """What there is to tell, since the last time."""
        found, self._news = self._news, []
        return found

    # Its end

    def _fail(self, failure: _FailedError) -> None:
        step = failure.step
        self._end(
            "failed",
            Failure(
                step=step.path if step else "",
                text=step.keys.name or step.text if step else "",
                station=failure.station,
                at_s=round(self.now - self.began, 3),
                expected=failure.expected[:_LONGEST_LINE],
                seen=tuple(line[:_LONGEST_LINE] for line in failure.seen[:_MOST_LINES]),
            ),
        )

    def _end(self, outcome: Outcome, failure: Failure | None = None) -> None:
        if self.verdict is None:
            seconds = round(self.now - self.began, 3)
            self.verdict = Verdict(outcome, seconds, self._steps, failure, tuple(self._notes))

    def _take(self, entry: Entry) -> None:
        self._branches.seen(self._history.add(entry), entry)

    def _chance(self, place: str) -> random.Random:
        return random.Random(f"{self._seed}:{place}")  # noqa: S311 - a simulation, no secret

    # Steps

    def _whole(self, scope: _Scope) -> Work:
        if self.scenario.head.ready:
            yield from self._until_ready(scope)
        yield from self._do(self.scenario.steps, scope)

    def _until_ready(self, scope: _Scope) -> Work:
        step = Step("expect", CommandKeys(), "0", "every station is connected and accepted by its CSMS")
        for station in sorted(self.watched):
            try:
                view = yield from self._await_state(station, _IS_READY, _Place(), _READY_S)
                if view is None:
                    raise self._unlike_state(station, _IS_READY, _Place(), _READY_S)
            except _FailedError as failure:
                failure.step, failure.station = step, station
                raise

    def _do(self, steps: Iterable[Step], scope: _Scope) -> Work:
        for step in steps:
            self._steps += 1
            if not scope.quiet:
                self._news.append(News(step.label, round(self.now - self.began, 3)))
            try:
                yield from self._one(step, scope)
            except (values.ValueProblemError, TooManyError) as error:
                failure = _FailedError(str(error))
                failure.step, failure.station = step, scope.station
                raise failure from None
            except _FailedError as failure:
                failure.step, failure.station = failure.step or step, failure.station or scope.station
                raise
            yield Wait(self.now)  # let others have their turn, and be told of what has happened

    def _one(self, step: Step, scope: _Scope) -> Work:
        if self._steps > MOST_RUN:
            raise _FailedError(f"at most {MOST_RUN} steps in one run")
        acts: dict[str, Callable[[Step, _Scope], Work]] = {
            "wait": self._wait,
            "wait_for": self._wait_for,
            "expect": self._expect,
            "never": self._never,
            "repeat": self._repeat,
            "for": self._for,
            "parallel": self._parallel,
            "stations": self._at_stations,
            "csms": self._csms,
            "set": self._set,
            "note": self._note,
        }
        return acts.get(step.verb, self._command)(step, scope)

    def _resolve(self, value: Any, scope: _Scope) -> Any:
        return values.resolved(value, scope.variables, scope.chance, self.now)

    def _pattern(self, value: Any, scope: _Scope) -> Any:
        like = self._resolve(value, scope)
        if (problem := patterns.problem(like)) is not None:
            raise values.ValueProblemError(problem)
        return like

    def _time(self, value: Any, scope: _Scope, default: float) -> float:
        return default if value is None else values.seconds(self._resolve(value, scope))

    def _station(self, said: str | None, scope: _Scope) -> str:
        station = scope.station if said is None else str(self._resolve(said, scope))
        if station not in self._world.stations:
            raise _FailedError(f"a station {station!r}", [self._who_is_there])
        self.watched.add(station)
        return station

    @property
    def _who_is_there(self) -> str:
        return f"there are {', '.join(self._world.stations[:20])}"

    def _keep(self, step: Step, scope: _Scope, value: Any) -> None:
        if step.keys.as_ is not None:
            scope.variables[step.keys.as_] = value

    def _command(self, step: Step, scope: _Scope) -> Work:
        keys = step.keys
        station = self._station(keys.station, scope)
        argument = self._resolve(step.argument, scope)
        key = next(self._keys)
        evse, connector = (_number(self._resolve(it, scope)) for it in (keys.evse, keys.connector))
        self._orders.append(Give(key, station, step.verb, argument, evse, connector))
        said = argument.get("timeout_s") if isinstance(argument, dict) else None
        limit = said if isinstance(said, int | float) else _COMMAND_S
        answer: Answered | None = yield Wait(self.now + limit + _GRACE_S, key=key)
        if answer is None:
            raise _FailedError(f"an answer to {step.verb} within {limit:g} s")
        self._judge(answer, step, scope, station)

    def _judge(self, answer: Answered, step: Step, scope: _Scope, station: str) -> None:
        error = f"{answer.error}: {answer.message}"
        if step.keys.fails is not None:
            wanted = self._resolve(step.keys.fails, scope)
            if answer.error != wanted:
                seen = error if answer.error else f"it succeeded: {brief(answer.result)}"
                raise _FailedError(f"{step.verb} fails with {wanted}", [seen])
            return
        if answer.error is not None:
            raise _FailedError(f"{step.verb} succeeds", [error, *self._latest(station)])
        wanted = self._pattern(step.keys.result, scope)
        wrong = [] if wanted is None else list(patterns.differences(answer.result, wanted))
        if wrong:
            raise _FailedError(f"{step.verb} gives {brief(wanted)}", [*wrong, brief(answer.result)])
        self._keep(step, scope, answer.result)

    def _wait(self, step: Step, scope: _Scope) -> Work:
        yield Wait(self.now + self._time(step.keys.wait, scope, 0.0))

    def _expect(self, step: Step, scope: _Scope) -> Work:
        yield from self._see(step, step.keys.expect, scope, _EXPECT_S, anew=False)

    def _wait_for(self, step: Step, scope: _Scope) -> Work:
        yield from self._see(step, step.keys.wait_for, scope, _WAIT_FOR_S, anew=True)

    def _see(self, step: Step, sight: Sight, scope: _Scope, default: float, *, anew: bool) -> Work:
        station = self._station(sight.station, scope)
        within = self._time(sight.within, scope, default)
        if sight.kind == "state":
            like, place = self._pattern(sight.state, scope), self._place(sight, scope)
            view = yield from self._await_state(station, like, place, within)
            if view is None:
                raise self._unlike_state(station, like, place, within)
            self._keep(step, scope, place.of(view))
            return
        needle = self._needle(sight, station, scope)
        mark = self._history.mark(needle.key) if anew else scope.marks.get(needle.key, 0)
        found: _Found | None = yield from self._await_entry(needle, mark, self.now + within)
        if found is None:
            raise self._unseen(needle, within, mark)
        scope.marks[needle.key] = found[0]
        self._keep(step, scope, found[1].content)

    def _never(self, step: Step, scope: _Scope) -> Work:
        sight: Sight = step.keys.never
        station = self._station(sight.station, scope)
        span = self._time(step.keys.for_, scope, 0.0)
        if sight.kind == "state":
            like, place = self._pattern(sight.state, scope), self._place(sight, scope)
            view = yield from self._await_state(station, like, place, span)
            if view is not None:
                raise _FailedError(f"never {place.name} like {brief(like)}", [brief(place.of(view))])
            return
        needle = self._needle(sight, station, scope)
        found = yield from self._await_entry(needle, self._history.mark(needle.key), self.now + span)
        if found is not None:
            raise _FailedError(f"never {_described(needle)}", [found[1].told(self.began)])

    def _await_entry(self, needle: Needle, mark: int, until: float, key: int | None = None) -> Work:
        for found in self._history.since(needle.key, mark):
            if not needle.differences(found[1]):
                return found
        return (yield Wait(until, needle=needle, key=key))

    def _await_state(self, station: str, like: Any, place: _Place, within: float) -> Work:
        """The first whole state in which the place is like that; None where there is none in time.

        It is looked at with every change, and from time to time, as meters run on without one.
        """
        until, gap = self.now + within, 1.0
        while True:
            view = self._world.look(station)
            if view is not None and not any(patterns.differences(place.of(view), like)):
                return view
            if self.now >= until:
                return None
            yield Wait(min(until, self.now + gap), changes=station)
            gap = min(gap * 1.5, _LONGEST_GAP)

    def _needle(self, sight: Sight, station: str, scope: _Scope) -> Needle:
        like = self._pattern(sight.like, scope)
        if sight.kind == "event":
            numbers = {"evse": sight.evse, "connector": sight.connector}
            said = {key: _number(self._resolve(it, scope)) for key, it in numbers.items() if it is not None}
            name = str(self._resolve(sight.event, scope))
            return Needle((station, "event", name), {**said, **(like or {})} if said else like)
        kind: Kind = "call" if sight.type == "call" else "answer"
        name = str(self._resolve(sight.frame, scope))
        return Needle((station, kind, name), like, sight.way or "", sight.type)

    def _place(self, sight: Sight, scope: _Scope) -> _Place:
        evse = _number(self._resolve(sight.evse, scope))
        connector = _number(self._resolve(sight.connector, scope))
        return _Place(evse or (1 if connector else None), connector)

    def _repeat(self, step: Step, scope: _Scope) -> Work:
        times = self._resolve(step.keys.repeat, scope)
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            raise values.ValueProblemError("repeat: must be a whole number from 1 on")
        yield from self._rounds(step, scope, "i", range(1, times + 1))

    def _for(self, step: Step, scope: _Scope) -> Work:
        entries = self._resolve(step.keys.in_, scope)
        if not isinstance(entries, list):
            raise values.ValueProblemError("in: must be a list")
        yield from self._rounds(step, scope, step.keys.for_, entries)

    def _rounds(self, step: Step, scope: _Scope, name: str, entries: Iterable[Any]) -> Work:
        before = scope.variables["i"]
        for number, entry in enumerate(entries, 1):
            scope.variables |= {"i": number, name: entry}
            yield from self._do(step.inner[0], scope)
        scope.variables["i"] = before

    def _parallel(self, step: Step, scope: _Scope) -> Work:
        for branch in step.inner:
            self._spawn(branch, scope, {}, branch[0].path)
        yield Wait()

    def _at_stations(self, step: Step, scope: _Scope) -> Work:
        said = self._resolve(step.keys.stations, scope)
        wanted = [said] if isinstance(said, str) else said
        names = [name for name in self._world.stations if any(fnmatchcase(name, str(one)) for one in wanted)]
        if not names:
            raise _FailedError(f"stations like {brief(said)}", [self._who_is_there])
        self.watched |= set(names)
        for number, name in enumerate(names, 1):
            own = {"station": name, "i": number}
            self._spawn(step.inner[0], scope, own, f"{step.path}:{name}")
        yield Wait()

    def _spawn(self, steps: tuple[Step, ...], scope: _Scope, own: dict[str, Any], place: str) -> None:
        """A branch of the one that runs now, with variables and chance of its own."""
        chance = self._chance(f"{place}:{scope.variables['i']}")
        child = _Scope({**scope.variables, **own}, chance, dict(scope.marks), quiet=True)
        self._branches.begin(self._do(steps, child))

    def _csms(self, step: Step, scope: _Scope) -> Work:
        act = step.keys.csms
        if act.action is None:
            self._orders.append(Tell(self._resolve(act.changes, scope)))
            return
        station = self._station(act.station, scope)
        action, payload = str(self._resolve(act.action, scope)), self._resolve(act.payload, scope)
        until = self.now + self._time(act.within, scope, _ASK_S if self._world.steers else _REAL_ASK_S)
        request = yield from self._request(
            step, scope, Ask(next(self._keys), station, action, payload), until
        )
        needle = Needle((station, "answer", action), way="tx", id=request.id)
        found: _Found | None = yield from self._await_entry(needle, 0, max(until, self.now + _ASK_S))
        if found is None:
            raise _FailedError(f"an answer of the station to {action}", self._latest(station))
        self._judge_response(found[1], step, scope)

    def _request(self, step: Step, scope: _Scope, ask: Ask, until: float) -> Generator[Wait, Any, Entry]:
        """Have the CSMS send it, or wait for a real one to do so."""
        needle = Needle((ask.station, "call", ask.action), way="rx")
        if self._world.steers:
            self._orders.append(ask)
        else:
            told = brief(ask.payload)
            payload = ask.payload if told != HIDDEN else {}
            needs = {"station": ask.station, "action": ask.action, "payload": payload}
            text = f"{step.path} waits for the CSMS to send {ask.action} {told}"
            self._news.append(News(text, round(self.now - self.began, 3), needs))
        mark = scope.marks.get(needle.key, 0)
        found = yield from self._await_entry(needle, mark, until, ask.key)
        if isinstance(found, Answered):
            raise _FailedError(f"the CSMS sends {ask.action}", [found.message])
        if found is None:
            raise _FailedError(f"the CSMS sends {ask.action}", self._latest(ask.station))
        scope.marks[needle.key] = found[0]
        entry: Entry = found[1]
        return entry

    def _judge_response(self, entry: Entry, step: Step, scope: _Scope) -> None:
        act = step.keys.csms
        if act.fails is not None:
            wanted = self._resolve(act.fails, scope)
            if entry.content.get("errorCode") != wanted:
                raise _FailedError(f"{entry.name} is answered with {wanted}", [entry.told(self.began)])
            return
        wanted = self._pattern(act.answer, scope)
        if entry.type == "error":
            raise _FailedError(f"{entry.name} is answered", [entry.told(self.began)])
        wrong = [] if wanted is None else list(patterns.differences(entry.content, wanted))
        if wrong:
            told = [*wrong, entry.told(self.began)]
            raise _FailedError(f"{entry.name} is answered with {brief(wanted)}", told)
        self._keep(step, scope, entry.content)

    def _set(self, step: Step, scope: _Scope) -> Work:
        scope.variables |= self._resolve(step.keys.set, scope)
        yield from ()

    def _note(self, step: Step, scope: _Scope) -> Work:
        text = str(self._resolve(step.keys.note, scope))
        if len(self._notes) < MOST_NOTES:
            when = f"{self.now - self.began:.3f} s"
            self._notes.append(f"{when}  {scope.station}  {text[:_LONGEST_NOTE]}")
        yield from ()

    # What is told of a failure

    def _unseen(self, needle: Needle, within: float, mark: int) -> _FailedError:
        """What came nearest: the same thing with other content, then whatever was last."""
        station = needle.key[0]
        seen: list[str] = []
        for place, entry in list(self._history.since(needle.key, 0))[-_NEAREST:]:
            wrong = "; ".join(needle.differences(entry)[:3])
            when = "" if place > mark else "before that, "
            seen.append(f"{entry.told(self.began)}\n      {when}{wrong or 'it would have done'}")
        return _FailedError(f"{_described(needle)} within {within:g} s", [*seen, *self._latest(station)])

    def _unlike_state(self, station: str, like: Any, place: _Place, within: float) -> _FailedError:
        view = self._world.look(station)
        expected = f"{place.name} like {brief(like)} within {within:g} s"
        if view is None:
            return _FailedError(expected, [f"there is no station {station} any more"])
        wrong = list(patterns.differences(place.of(view), like))
        return _FailedError(expected, [*wrong[:10], *self._latest(station)])

    def _latest(self, station: str) -> list[str]:
        recent = [entry.told(self.began) for entry in self._history.recent(station)[-_NEAREST * 2 :]]
        return [f"the latest of {station}:", *recent] if recent else []


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


def _named(step: Step) -> str | None:
    """The station that a step names, if it is no variable."""
    keys = step.keys
    for holder in (keys, *(getattr(keys, name, None) for name in ("expect", "wait_for", "never", "csms"))):
        said = getattr(holder, "station", None)
        if isinstance(said, str):
            return said
    return None


def _number(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise values.ValueProblemError("evse and connector: must be numbers from 1 on")


def _described(needle: Needle) -> str:
    _, kind, name = needle.key
    what = f"event {name}" if kind == "event" else " ".join(filter(None, (needle.way, needle.type, name)))
    return what if needle.like is None else f"{what} like {brief(needle.like)}"
