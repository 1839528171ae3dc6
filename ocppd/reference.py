"""What there is to look up, written from the code that does it."""

from __future__ import annotations

import inspect
import re
from typing import Any

from ocppd import blocks, daemon_commands
from ocppd.commands import Command, Commands
from ocppd.core.on import Handlers


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
    default = "" if parameter.default is None else f" = {parameter.default}"
    return f"[{parameter.name}: {kind}{default}]"


def _type(hint: Any) -> str:
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    text = re.sub(r"typing\.|ocppd\.[\w.]+\.", "", text)
    text = re.sub(r"Annotated\[(\w+)[^\]]*\]", r"\1", text)
    return re.sub(r"Optional\[(\w+)\]", r"\1", text).replace(" | None", "")
