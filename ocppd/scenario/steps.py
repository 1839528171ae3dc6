"""What the steps of a scenario do, by their verbs: generators that yield what they wait for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from fnmatch import fnmatchcase
from typing import Any

from ocppd.scenario import patterns, values
from ocppd.scenario.branches import TooManyError, Wait, Work
from ocppd.scenario.history import HIDDEN, Entry, Needle, brief
from ocppd.scenario.model import CommandKeys, Scenario, Step
from ocppd.scenario.orders import Answered, Ask, Give, News, Tell
from ocppd.scenario.scene import FailedError, Scene, Scope
from ocppd.scenario.sights import Found, Sights

MOST_RUN = 100_000
"""How many steps one run may take, all rounds of all loops counted."""
MOST_NOTES = 100
_LONGEST_NOTE = 300

_COMMAND_S = 30.0  # as the MQTT API has it
_GRACE_S = 5.0  # for an answer that is under way
_ASK_S = 30.0
_REAL_ASK_S = 600.0  # a person may have to do it


class Steps:
    """Those of one run, in its `scene`."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._sights = Sights(scene)

    def whole(self, scenario: Scenario, scope: Scope) -> Work:
        """All of them, once every station is ready where the scenario wants that."""
        if scenario.head.ready:
            yield from self._until_ready()
        yield from self.do(scenario.steps, scope)

    def _until_ready(self) -> Work:
        step = Step("expect", CommandKeys(), "0", "every station is connected and accepted by its CSMS")
        for station in sorted(self._scene.watched):
            try:
                yield from self._sights.ready(station)
            except FailedError as failure:
                failure.step, failure.station = step, station
                raise

    def do(self, steps: Iterable[Step], scope: Scope) -> Work:
        """One after the other."""
        for step in steps:
            self._scene.taken += 1
            if not scope.quiet:
                self._scene.news.append(News(step.label, self._scene.at_s))
            try:
                yield from self._one(step, scope)
            except (values.ValueProblemError, TooManyError) as error:
                failure = FailedError(str(error))
                failure.step, failure.station = step, scope.station
                raise failure from None
            except FailedError as failure:
                failure.step, failure.station = failure.step or step, failure.station or scope.station
                raise
            yield Wait(self._scene.now)  # let others have their turn, and be told of what has happened

    def _one(self, step: Step, scope: Scope) -> Work:
        if self._scene.taken > MOST_RUN:
            raise FailedError(f"at most {MOST_RUN} steps in one run")
        acts: dict[str, Callable[[Step, Scope], Work]] = {
            "wait": self._wait,
            "wait_for": self._sights.wait_for,
            "expect": self._sights.expect,
            "never": self._sights.never,
            "repeat": self._repeat,
            "for": self._for,
            "parallel": self._parallel,
            "stations": self._at_stations,
            "csms": self._csms,
            "set": self._set,
            "note": self._note,
        }
        return acts.get(step.verb, self._command)(step, scope)

    # Commands and time

    def _command(self, step: Step, scope: Scope) -> Work:
        keys = step.keys
        station = self._scene.station(keys.station, scope)
        argument = self._scene.resolve(step.argument, scope)
        key = next(self._scene.keys)
        evse, connector = (self._scene.number(it, scope) for it in (keys.evse, keys.connector))
        self._scene.orders.append(Give(key, station, step.verb, argument, evse, connector))
        said = argument.get("timeout_s") if isinstance(argument, dict) else None
        limit = said if isinstance(said, int | float) else _COMMAND_S
        answer: Answered | None = yield Wait(self._scene.now + limit + _GRACE_S, key=key)
        if answer is None:
            raise FailedError(f"an answer to {step.verb} within {limit:g} s")
        self._judge(answer, step, scope, station)

    def _judge(self, answer: Answered, step: Step, scope: Scope, station: str) -> None:
        error = f"{answer.error}: {answer.message}"
        if step.keys.fails is not None:
            wanted = self._scene.resolve(step.keys.fails, scope)
            if answer.error != wanted:
                seen = error if answer.error else f"it succeeded: {brief(answer.result)}"
                raise FailedError(f"{step.verb} fails with {wanted}", [seen])
            return
        if answer.error is not None:
            raise FailedError(f"{step.verb} succeeds", [error, *self._scene.latest(station)])
        wanted = self._scene.pattern(step.keys.result, scope)
        wrong = [] if wanted is None else list(patterns.differences(answer.result, wanted))
        if wrong:
            raise FailedError(f"{step.verb} gives {brief(wanted)}", [*wrong, brief(answer.result)])
        self._scene.keep(step, scope, answer.result)

    def _wait(self, step: Step, scope: Scope) -> Work:
        yield Wait(self._scene.now + self._scene.seconds(step.keys.wait, scope, 0.0))

    # Branches and rounds

    def _repeat(self, step: Step, scope: Scope) -> Work:
        times = self._scene.resolve(step.keys.repeat, scope)
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            raise values.ValueProblemError("repeat: must be a whole number from 1 on")
        yield from self._rounds(step, scope, "i", range(1, times + 1))

    def _for(self, step: Step, scope: Scope) -> Work:
        entries = self._scene.resolve(step.keys.in_, scope)
        if not isinstance(entries, list):
            raise values.ValueProblemError("in: must be a list")
        yield from self._rounds(step, scope, step.keys.for_, entries)

    def _rounds(self, step: Step, scope: Scope, name: str, entries: Iterable[Any]) -> Work:
        before = scope.variables["i"]
        for number, entry in enumerate(entries, 1):
            scope.variables |= {"i": number, name: entry}
            yield from self.do(step.inner[0], scope)
        scope.variables["i"] = before

    def _parallel(self, step: Step, scope: Scope) -> Work:
        for branch in step.inner:
            self._spawn(branch, scope, {}, branch[0].path)
        yield Wait()

    def _at_stations(self, step: Step, scope: Scope) -> Work:
        said = self._scene.resolve(step.keys.stations, scope)
        wanted = [said] if isinstance(said, str) else said
        there = self._scene.world.stations
        names = [name for name in there if any(fnmatchcase(name, str(one)) for one in wanted)]
        if not names:
            raise FailedError(f"stations like {brief(said)}", [self._scene.who_is_there])
        self._scene.watched |= set(names)
        for number, name in enumerate(names, 1):
            own = {"station": name, "i": number}
            self._spawn(step.inner[0], scope, own, f"{step.path}:{name}")
        yield Wait()

    def _spawn(self, steps: tuple[Step, ...], scope: Scope, own: dict[str, Any], place: str) -> None:
        """A branch of the one that runs now, with variables and chance of its own."""
        chance = self._scene.chance(f"{place}:{scope.variables['i']}")
        child = Scope({**scope.variables, **own}, chance, dict(scope.marks), quiet=True)
        self._scene.branches.begin(self.do(steps, child))

    # The CSMS

    def _csms(self, step: Step, scope: Scope) -> Work:
        scene, act = self._scene, step.keys.csms
        if act.action is None:
            scene.orders.append(Tell(scene.resolve(act.changes, scope)))
            return
        station = scene.station(act.station, scope)
        action, payload = str(scene.resolve(act.action, scope)), scene.resolve(act.payload, scope)
        until = scene.now + scene.seconds(act.within, scope, _ASK_S if scene.world.steers else _REAL_ASK_S)
        ask = Ask(next(scene.keys), station, action, payload)
        request = yield from self._request(step, scope, ask, until)
        needle = Needle((station, "answer", action), way="tx", id=request.id)
        until = max(until, scene.now + _ASK_S)
        found: Found | None = yield from self._sights.await_entry(needle, 0, until)
        if found is None:
            raise FailedError(f"an answer of the station to {action}", scene.latest(station))
        self._judge_response(found[1], step, scope)

    def _request(self, step: Step, scope: Scope, ask: Ask, until: float) -> Generator[Wait, Any, Entry]:
        """Have the CSMS send it, or wait for a real one to do so."""
        needle = Needle((ask.station, "call", ask.action), way="rx")
        if self._scene.world.steers:
            self._scene.orders.append(ask)
        else:
            told = brief(ask.payload)
            payload = ask.payload if told != HIDDEN else {}
            needs = {"station": ask.station, "action": ask.action, "payload": payload}
            text = f"{step.path} waits for the CSMS to send {ask.action} {told}"
            self._scene.news.append(News(text, self._scene.at_s, needs))
        mark = scope.marks.get(needle.key, 0)
        found = yield from self._sights.await_entry(needle, mark, until, ask.key)
        if isinstance(found, Answered):
            raise FailedError(f"the CSMS sends {ask.action}", [found.message])
        if found is None:
            raise FailedError(f"the CSMS sends {ask.action}", self._scene.latest(ask.station))
        scope.marks[needle.key] = found[0]
        entry: Entry = found[1]
        return entry

    def _judge_response(self, entry: Entry, step: Step, scope: Scope) -> None:
        act = step.keys.csms
        if act.fails is not None:
            wanted = self._scene.resolve(act.fails, scope)
            if entry.content.get("errorCode") != wanted:
                raise FailedError(f"{entry.name} is answered with {wanted}", [entry.told(self._scene.began)])
            return
        wanted = self._scene.pattern(act.answer, scope)
        if entry.type == "error":
            raise FailedError(f"{entry.name} is answered", [entry.told(self._scene.began)])
        wrong = [] if wanted is None else list(patterns.differences(entry.content, wanted))
        if wrong:
            told = [*wrong, entry.told(self._scene.began)]
            raise FailedError(f"{entry.name} is answered with {brief(wanted)}", told)
        self._scene.keep(step, scope, entry.content)

    # Variables and notes

    def _set(self, step: Step, scope: Scope) -> Work:
        scope.variables |= self._scene.resolve(step.keys.set, scope)
        yield from ()

    def _note(self, step: Step, scope: Scope) -> Work:
        text = str(self._scene.resolve(step.keys.note, scope))
        if len(self._scene.notes) < MOST_NOTES:
            when = f"{self._scene.now - self._scene.began:.3f} s"
            self._scene.notes.append(f"{when}  {scope.station}  {text[:_LONGEST_NOTE]}")
        yield from ()
