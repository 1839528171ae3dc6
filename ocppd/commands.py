"""Commands by name: what they take, read from the handlers' own signatures, and the check of what is given.

A handler's parameters are the keys of the JSON object; `evse` and `connector` are where it applies, the
first other one is the primary argument, which a bare payload gives. A command without one is a trigger.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ocppd import hints
from ocppd.core.errors import CommandError
from ocppd.core.on import Handler, Handlers
from ocppd.core.state import Request, State
from ocppd.core.station import Done
from ocppd.payload import Payload, switch

# Keys of a JSON object that belong to the asking, not to the command.
META = frozenset({"request_id", "wait", "timeout_s", "evse", "connector", "sent_at", "expires_s", "spread_s"})
_LONGEST_WAIT = 3600
# From wide to narrow.
SCOPES = ("station", "evse", "connector")


@dataclass(frozen=True, slots=True)
class Bound:
    """A command ready to be run: the arguments of its handler, and what the answer should warn of."""

    arguments: dict[str, Any]
    evse: int | None = None
    connector: int | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Command:
    """One command; `parameters` are those of its handler without station, EVSE and connector."""

    name: str
    handler: Handler
    places: Mapping[str, bool]
    parameters: Mapping[str, inspect.Parameter]
    types: Mapping[str, Any]

    @classmethod
    @cache
    def of(cls, name: str, handler: Handler) -> Command:
        """The command that runs `handler`; `places` tells of `evse` and `connector` if they must be known."""
        hints = get_type_hints(handler, localns={"Station": object, "Daemon": object}, include_extras=True)
        _, *rest = _unpacked(inspect.signature(handler).parameters.values(), hints)
        places = {it.name: it.default is it.empty for it in rest if it.name in ("evse", "connector")}
        return cls(name, handler, places, {it.name: it for it in rest if it.name not in places}, hints)

    @property
    def scope(self) -> str:
        """The narrowest place that it applies to: connector, evse or station."""
        return next((place for place in ("connector", "evse") if place in self.places), "station")

    @cached_property
    def primary(self) -> str | None:
        """The parameter that a bare payload gives, no keyword-only one; None for a trigger."""
        names = (it.name for it in self.parameters.values() if it.kind is not it.KEYWORD_ONLY)
        return next(names, None)

    @cached_property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @cached_property
    def model(self) -> type[BaseModel]:
        """The JSON object as a pydantic model."""
        fields: dict[str, Any] = {
            it.name: (self.types[it.name], ... if it.default is it.empty else it.default)
            for it in self.parameters.values()
        }
        return create_model(self.name, __config__=ConfigDict(extra="ignore", allow_inf_nan=False), **fields)

    def bind(self, payload: Payload) -> tuple[dict[str, Any], list[str]]:
        """The handler's arguments in `payload`, and warnings.

        Raises:
            CommandError: `missing_argument` or `invalid_argument`, naming the argument.
        """
        given = self._given(payload)
        warnings = [
            f"{key}: no such key in {self.name}"
            for key in given
            if key not in self.parameters and key not in META
        ]
        wanted = {key: self._read(key, value) for key, value in given.items() if key in self.parameters}
        try:
            checked = self.model(**wanted)
        except ValidationError as error:
            raise _refusal(self, error) from None
        return {name: getattr(checked, name) for name in self.parameters}, warnings

    def _given(self, payload: Payload) -> dict[str, Any]:
        if payload.fields is not None:
            return payload.fields
        if payload.text is None or self.primary is None:
            return {}
        return {self.primary: payload.text}

    def _read(self, key: str, value: object) -> object:
        """Words for a switch, in JSON too; everything else is pydantic's to judge."""
        if isinstance(value, str) and is_switch(self.types[key]):
            word = switch(value)
            if word is None:
                raise CommandError("invalid_argument", f"{key}: one of ON, OFF, TOGGLE")
            return word
        return value


def _unpacked(parameters: Iterable[inspect.Parameter], hints: dict[str, Any]) -> Iterator[inspect.Parameter]:
    """The parameters, and for `**some: Unpack[Keys]` those of the TypedDict, None where not given."""
    for parameter in parameters:
        if parameter.kind is not parameter.VAR_KEYWORD:
            yield parameter
            continue
        (keys,) = get_args(hints.pop(parameter.name))
        for name, hint in get_type_hints(keys, include_extras=True).items():
            hints[name] = hint
            yield inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)


def is_switch(hint: Any) -> bool:
    """Whether a parameter of that type takes ON and OFF."""
    return bool in hints.members(hint)


# What pydantic says of a number that is one, but too small, too big or none.
_BOUNDS = ("greater_than", "less_than", "finite_number", "too_short", "too_long")


def _refusal(command: Command, error: ValidationError) -> CommandError:
    """The first defect, in words that do not repeat the value: it may be a token.

    Of several kinds of value that an argument may be, pydantic tells what each lacks: then it is said what
    it may be, but for what is only out of bounds.
    """
    every = error.errors(include_input=False, include_url=False)
    found = next((it for it in every if it["type"].startswith(_BOUNDS)), every[0])
    argument, *rest = (step for step in found["loc"] if not str(step).startswith("function-"))
    if found["type"] == "missing":
        return CommandError("missing_argument", f"{'.'.join(map(str, found['loc']))} is needed")
    hint = command.types[str(argument)]
    if len(hints.members(hint)) == 1:
        return CommandError("invalid_argument", f"{'.'.join(map(str, (argument, *rest)))}: {found['msg']}")
    if found["type"].startswith(_BOUNDS):
        return CommandError("invalid_argument", f"{argument}: {found['msg']}")
    return CommandError("invalid_argument", f"{argument}: {hints.words(hint)} is needed")


class Commands:
    """All commands of a station, or of the daemon."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers.commands

    @cached_property
    def by_name(self) -> Mapping[str, Command]:
        """Every command by its name; made when the first one comes, for a daemon that is to start quickly."""
        return {name: Command.of(name, handler) for name, handler in sorted(self._handlers.items())}

    def find(self, name: str) -> Command:
        """The command of that name.

        Raises:
            CommandError: `unknown_command`, with the nearest names.
        """
        command = self.by_name.get(name)
        if command is not None:
            return command
        near = get_close_matches(name, self.by_name, n=3)
        hint = f", did you mean {' or '.join(near)}?" if near else ""
        raise CommandError("unknown_command", f"there is no command {name[:40]!r}{hint}", {"nearest": near})

    def run(self, name: str, subject: object, payload: Payload) -> tuple[Done, list[str]]:
        """Run a command of `subject` that has no place; returns its outcome and warnings.

        Raises:
            CommandError: what is missing, wrong or refused.
        """
        command = self.find(name)
        arguments, warnings = command.bind(payload)
        done: Done = command.handler(subject, **arguments)
        return done, warnings

    def is_trigger(self, name: str) -> bool:
        """Whether a bare ON only says to do it: the command takes no word, or has one of its own."""
        command = self.by_name.get(name)
        if command is None or command.primary is None:
            return command is not None
        return isinstance(command.parameters[command.primary].default, str)

    def bind(
        self, name: str, payload: Payload, state: State, evse: int | None = None, connector: int | None = None
    ) -> Bound:
        """The command of that name, at that place, with what `payload` says, checked.

        `evse` and `connector` are those of the topic. What the command needs more precisely comes from the
        JSON object, or is the only one there.

        Raises:
            CommandError: what is missing, wrong, unknown, ambiguous or not for such a topic.
        """
        command = self.find(name)
        _refuse_narrower(command, evse, connector)
        place = _Place.of(payload, evse, connector)
        place.resolve(command, state)
        arguments, warnings = command.bind(payload)
        numbers = {"evse": place.evse, "connector": place.connector}
        arguments |= {key: numbers[key] for key in command.places}
        return Bound(arguments, place.evse, place.connector, warnings)


def _refuse_narrower(command: Command, evse: int | None, connector: int | None) -> None:
    """Refuse what comes on too narrow a topic: who may command a connector must not reset the station."""
    given = "connector" if connector is not None else "evse" if evse is not None else "station"
    if SCOPES.index(given) > SCOPES.index(command.scope):
        text = f"{command.name} is for the scope {command.scope}, this topic is of the scope {given}"
        raise CommandError("not_allowed", text)


@dataclass(slots=True)
class _Place:
    """Where a command applies, as far as it is known."""

    evse: int | None
    connector: int | None

    @classmethod
    def of(cls, payload: Payload, evse: int | None, connector: int | None) -> _Place:
        fields = payload.fields or {}
        return cls(_number(fields, "evse", evse), _number(fields, "connector", connector))

    def resolve(self, command: Command, state: State) -> None:
        """Complete the place as far as `command` needs it, and check that it exists."""
        if self.evse is None and (command.places.get("evse") or self.connector is not None):
            self.evse = _only(len(state.evses), "EVSE", "evse")
        if self.evse is None:
            return
        if self.evse > len(state.evses):
            raise CommandError("unknown_evse", f"the station has {len(state.evses)} EVSEs, not {self.evse}")
        connectors = len(state.evses[self.evse - 1].connectors)
        if self.connector is None and command.places.get("connector"):
            self.connector = _only(connectors, "connector", "connector")
        if self.connector is not None and self.connector > connectors:
            text = f"EVSE {self.evse} has {connectors} connectors, not {self.connector}"
            raise CommandError("unknown_connector", text)


def _number(fields: Mapping[str, Any], key: str, topic: int | None) -> int | None:
    """The number of the topic or the JSON object, which must not contradict each other."""
    said = fields.get(key)
    if said is None:
        return topic
    if not isinstance(said, int) or isinstance(said, bool) or said < 1:
        raise CommandError("invalid_argument", f"{key}: a number from 1 on")
    if topic not in (None, said):
        raise CommandError("invalid_argument", f"{key}: the topic says {topic}, the payload {said}")
    return said


def _only(count: int, what: str, key: str) -> int:
    if count == 1:
        return 1
    raise CommandError(
        "ambiguous_target",
        f"there are {count} {what}s: name one with {key!r}",
        {key: list(range(1, count + 1))},
    )


def read_meta(request: Request, fields: Mapping[str, Any]) -> None:
    """Take over what a command's JSON object says of the asking itself.

    Raises:
        CommandError: `invalid_argument` for a bad `request_id`, `wait` or `timeout_s`.
    """
    request_id, wait = fields.get("request_id"), fields.get("wait", True)
    if request_id is not None and not (isinstance(request_id, str) and 0 < len(request_id) <= 256):
        raise CommandError("invalid_argument", "request_id: a string of 1 to 256 characters")
    if not isinstance(wait, bool):
        raise CommandError("invalid_argument", "wait: true or false")
    request.request_id, request.wait = request_id, wait
    request.timeout_s = read_seconds(fields, "timeout_s", request.timeout_s)


def read_seconds(fields: Mapping[str, Any], key: str, default: float) -> float:
    """The time that stands at `key`, from 0 to an hour.

    Raises:
        CommandError: `invalid_argument` for anything else.
    """
    said = fields.get(key, default)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= _LONGEST_WAIT:
        raise CommandError("invalid_argument", f"{key}: seconds, at most {_LONGEST_WAIT}")
    return said
