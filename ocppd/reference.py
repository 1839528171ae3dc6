"""What there is to look up, written from the code that does it."""

from __future__ import annotations

from ocppd import blocks, daemon_commands
from ocppd.commands import Commands
from ocppd.core.on import Handlers
from ocppd.descriptions import CommandDescription, command_lines, describe_command


def describe() -> list[CommandDescription]:
    """Every command: those of stations by name, then the daemon's."""
    station = Commands(blocks.handlers()).by_name.values()
    daemon = Commands(Handlers.collect([daemon_commands])).by_name.values()
    return [
        *(describe_command(command) for command in station),
        *(describe_command(command, daemon=True) for command in daemon),
    ]


def command_reference() -> str:
    """Every command with its scope, its arguments and what it does, as text."""
    return "\n".join(line for command in describe() for line in [*command_lines(command), ""])
