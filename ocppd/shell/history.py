"""What was typed, kept for the next time, but for what may be a secret."""

from __future__ import annotations

import os
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from ocppd.edge.mqtt.topics import command_name

# Whose arguments may hold passwords, and words that say so of others: a PIN is a token of the type KeyCode.
_SECRET_COMMANDS = frozenset(("add-station", "set-variable", "call", "data-transfer"))
_SECRET_WORDS = ("password", "keycode")


def may_be_secret(line: str) -> bool:
    """Whether a line, or what was pasted, is not to be kept: see `_SECRET_COMMANDS` and `_SECRET_WORDS`."""
    commands = {command_name(word) for each in line.splitlines() for word in each.split()[:2]}
    return bool(commands & _SECRET_COMMANDS) or any(word in line.lower() for word in _SECRET_WORDS)


class SecretiveHistory(FileHistory):
    """Keeps lines in a file that its owner alone can read; what may be a secret ends with the session."""

    def store_string(self, string: str) -> None:
        """Keep a line, or not."""
        if not may_be_secret(string):
            super().store_string(string)


def open_history() -> History:
    """That of `$XDG_STATE_HOME/ocppd/shell_history`; none is kept where that cannot be written."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    path = Path(home).expanduser() / "ocppd" / "shell_history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        path.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return SecretiveHistory(path)
