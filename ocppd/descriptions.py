"""Commands as data: what each takes and where it goes, read from its handler's signature and docstring."""

from __future__ import annotations

import inspect
from typing import Any

from typing_extensions import TypedDict, is_typeddict  # pydantic wants this one before Python 3.12

from ocppd import hints
from ocppd.commands import Command


class Argument(TypedDict):
    """One key of a command's JSON object.

    `type` is in plain words, for people. `choices` are words that it takes: all of them, or beside numbers
    and the like where `type` says so. `keys` are those of an object, where they are known.
    """

    name: str
    type: str
    required: bool
    default: Any
    choices: list[str]
    keys: list[str]


class CommandDescription(TypedDict):
    """One command.

    `scopes` are what it is for: `daemon`, `station`, `evse`, `connector`; what is for an EVSE or a connector
    may also be sent to a station that has but one. `primary` is the argument that a bare payload gives, None
    for a trigger. `help` is one line and, after an empty one, maybe more.
    """

    name: str
    scopes: list[str]
    primary: str | None
    arguments: list[Argument]
    help: str


def describe_command(command: Command, *, daemon: bool = False) -> CommandDescription:
    """What there is to know of `command`, which is the `daemon`'s or a station's."""
    return {
        "name": command.name,
        "scopes": ["daemon"] if daemon else _scopes(command),
        "primary": command.primary,
        "arguments": [_argument(command, parameter) for parameter in command.parameters.values()],
        "help": inspect.getdoc(command.handler) or "",
    }


def _scopes(command: Command) -> list[str]:
    needed = next((place for place in ("connector", "evse") if command.places.get(place)), None)
    return [needed] if needed else ["station", *(place for place in command.places)]


def _argument(command: Command, parameter: inspect.Parameter) -> Argument:
    hint, required = command.types[parameter.name], parameter.default is parameter.empty
    return {
        "name": parameter.name,
        "type": hints.words(hint),
        "required": required,
        "default": None if required else parameter.default,
        "choices": hints.choices(hint),
        "keys": _keys(hint),
    }


def _keys(hint: Any) -> list[str]:
    return [key for it in hints.members(hint) if is_typeddict(it) for key in it.__annotations__]


def command_lines(command: CommandDescription) -> list[str]:
    """One command, for people: how it is written, where it goes, and what it does."""
    arguments = " ".join(map(_argument_words, command["arguments"]))
    text = [f"    {line}".rstrip() for line in command["help"].splitlines()]
    return [f"{command['name']} {arguments}".rstrip(), f"    to: {_scope_words(command)}", *text]


def _scope_words(command: CommandDescription) -> str:
    *wider, narrowest = command["scopes"]
    return f"{', '.join(wider)} or {narrowest}" if wider else narrowest


def _argument_words(argument: Argument) -> str:
    """`name: type = default`; the first is what a bare payload gives."""
    if argument["required"]:
        return f"<{argument['name']}: {argument['type']}>"
    shown = argument["default"] not in (None, "", (), [])
    default = f" = {_default(argument['default'])}" if shown else ""
    return f"[{argument['name']}: {argument['type']}{default}]"


def _default(value: object) -> str:
    return ("ON" if value else "OFF") if isinstance(value, bool) else str(value)
