"""What makes a handler run. The decorators only mark a function; `Handlers.collect` finds the marks.

@on.call("Reset")            the CSMS asks          def reset(st, request) -> response payload
@on.reply("Authorize")       it answered our call   def authorized(st, call, response)
@on.failed("Authorize")      it did not             def refused(st, call, failure)
@on.command("plug-in")       somebody commands      def plug_in(st, evse, connector, on=True) -> answer
@on.timer("heartbeat")       a time has come        def beat(st)  or  def sample(st, evse) for "sample:1"
@on.event("plugged_in")      another block tells    def start(st, event)
@on.work("upload")           an edge reports        def uploaded(st, key, report)
@on.trigger("Heartbeat")     TriggerMessage asks    def triggered(st, evse, connector) -> sends, see F06
@on.settled                  an input is over       def look(st, events)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from ocppd.core.variables import Variable

Handler = Callable[..., Any]
_H = TypeVar("_H", bound=Handler)
_MARKS = "_ocppd_marks"


def call(action: str) -> Callable[[_H], _H]:
    """Run for a CALL of the CSMS; returns the response payload or raises CallError."""
    return _mark("calls", action)


def reply(action: str) -> Callable[[_H], _H]:
    """Run for the CSMS's answer to a call of ours."""
    return _mark("replies", action)


def failed(action: str) -> Callable[[_H], _H]:
    """Run where a call of ours got a CALLERROR, no answer in time, or was never sent."""
    return _mark("failures", action)


def command(name: str) -> Callable[[_H], _H]:
    """Run for a command; the function's parameters and docstring are the command's description."""
    return _mark("commands", name)


def timer(name: str) -> Callable[[_H], _H]:
    """Run when `st.after(seconds, name)` is due."""
    return _mark("timers", name)


def work(kind: str) -> Callable[[_H], _H]:
    """Run for each report on work of that kind, which `st.work` has asked an edge to do."""
    return _mark("work", kind)


def trigger(message: str) -> Callable[[_H], _H]:
    """Ask for what TriggerMessage is to send: a list of functions without arguments.

    An empty list rejects it; None: this station never sends such a message.
    """
    return _mark("triggers", message)


def event(*names: str) -> Callable[[_H], _H]:
    """Run after the input that emitted one of the events."""

    def mark(handler: _H) -> _H:
        for name in names:
            _mark("events", name)(handler)
        return handler

    return mark


def settled(handler: _H) -> _H:
    """Run after every input, once its reactions have run, with all events that it led to: must be quick."""
    return _mark("settled", "")(handler)


def _mark(kind: str, name: str) -> Callable[[_H], _H]:
    def mark(handler: _H) -> _H:
        marks = [*getattr(handler, _MARKS, ()), (kind, name)]
        setattr(handler, _MARKS, marks)
        return handler

    return mark


@dataclass(frozen=True, slots=True)
class Handlers:
    """All handlers by what triggers them, and all variables that the blocks declare."""

    calls: dict[str, Handler] = field(default_factory=dict)
    replies: dict[str, Handler] = field(default_factory=dict)
    failures: dict[str, Handler] = field(default_factory=dict)
    commands: dict[str, Handler] = field(default_factory=dict)
    timers: dict[str, Handler] = field(default_factory=dict)
    work: dict[str, Handler] = field(default_factory=dict)
    triggers: dict[str, Handler] = field(default_factory=dict)
    events: dict[str, list[Handler]] = field(default_factory=dict)
    settled: list[Handler] = field(default_factory=list)
    variables: dict[tuple[str, str], Variable[Any]] = field(default_factory=dict)

    @classmethod
    def collect(cls, blocks: Iterable[ModuleType]) -> Handlers:
        """Everything marked in `blocks`; reactions to one event keep the order of the blocks.

        Raises:
            ValueError: two handlers or two variables for the same thing.
        """
        found = cls()
        for block in blocks:
            own = [item for item in vars(block).values() if getattr(item, "__module__", "") == block.__name__]
            for kind, name, handler in _marked(own):
                found._add(kind, name, handler)
            for variable in _declared(vars(block).values()):
                found._declare(variable)
        return found

    def _declare(self, variable: Variable[Any]) -> None:
        # A block may import a variable of another to ask for it; that is the same object again.
        # One name may stand for the station and once more for its EVSEs.
        if self.variables.setdefault((variable.station_key, variable.place), variable) is not variable:
            raise ValueError(f"two declarations of the variable {variable.station_key}")

    def _add(self, kind: str, name: str, handler: Handler) -> None:
        if kind == "events":
            self.events.setdefault(name, []).append(handler)
            return
        if kind == "settled":
            self.settled.append(handler)
            return
        table: dict[str, Handler] = getattr(self, kind)
        if name in table:
            raise ValueError(f"two handlers in {kind} for {name}")
        table[name] = handler


def _marked(items: Iterable[object]) -> Iterator[tuple[str, str, Handler]]:
    for item in items:
        for kind, name in getattr(item, _MARKS, ()):
            if callable(item):
                yield kind, name, item


def _declared(items: Iterable[object]) -> Iterator[Variable[Any]]:
    """Variables, and those in tuples of them."""
    for item in items:
        if isinstance(item, Variable):
            yield item
        elif isinstance(item, tuple):
            yield from (one for one in item if isinstance(one, Variable))
