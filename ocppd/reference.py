"""What there is to look up, written from the code that does it."""

from __future__ import annotations

import inspect
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ocppd import blocks, daemon_commands
from ocppd.commands import Command, Commands
from ocppd.core.on import Handlers

_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "ON/OFF",
    list: "list",
    tuple: "list",
    dict: "object",
}


def command_reference() -> str:
    """Every command with its scope, its arguments and what it does, as text."""
    station = Commands(blocks.handlers()).by_name.values()
    daemon = Commands(Handlers.collect([daemon_commands])).by_name.values()
    lines = [line for command in station for line in _lines(command, _scope(command))]
    lines += [line for command in daemon for line in _lines(command, "daemon")]
    return "\n".join(lines)


def _lines(command: Command, scope: str) -> list[str]:
    arguments = " ".join(_argument(command, parameter) for parameter in command.parameters.values())
    lines = [f"{command.name} {arguments}".rstrip(), f"    to: {scope}"]
    text = inspect.getdoc(command.handler) or ""
    return [*lines, *(f"    {line}".rstrip() for line in text.splitlines()), ""]


def _scope(command: Command) -> str:
    if not command.places:
        return "station"
    needed = [place for place in ("connector", "evse") if command.places.get(place)]
    return needed[0] if needed else "station, evse or connector"


def _argument(command: Command, parameter: inspect.Parameter) -> str:
    """`name: type = default`; the first is what a bare payload gives."""
    kind = _type(command.types[parameter.name])
    if parameter.default is parameter.empty:
        return f"<{parameter.name}: {kind}>"
    default = f" = {_word(parameter.default)}" if parameter.default not in (None, "") else ""
    return f"[{parameter.name}: {kind}{default}]"


def _word(value: object) -> str:
    return ("ON" if value else "OFF") if isinstance(value, bool) else str(value)


def _type(hint: Any) -> str:
    """In plain words: a person reads it who may not know Python."""
    if get_origin(hint) is Annotated:
        return _type(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return f"one of {' '.join(map(str, get_args(hint)))}"
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        if bool in members:
            return "ON/OFF/TOGGLE"
        words = (str(get_args(it)[0]) if _is_word(it) else _type(it) for it in members)
        return " or ".join(words)
    return _WORDS.get(get_origin(hint) or hint, "object")


def _is_word(hint: Any) -> bool:
    return get_origin(hint) is Literal and len(get_args(hint)) == 1
