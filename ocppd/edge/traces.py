"""OCPP frames as they pass, in a file a station: one JSON object a line, without passwords and PINs."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import structlog

from ocppd.core.times import format_time

if TYPE_CHECKING:
    from pathlib import Path

    from ocppd.clock import Clock

log = structlog.get_logger()

_SECRET = re.compile("password|passphrase|secret|authorization|^(private_?)?key$", re.IGNORECASE)
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_DEEPEST = 64
_HIDDEN = "***"


class Traces:
    """`DIRECTORY/IDENTITY.jsonl` of each station whose identity fits `pattern`, for nobody else to read.

    The identity is percent-encoded. A file that has grown to `max_bytes` takes the place of the one before
    it, `IDENTITY.jsonl.1`. What cannot be written is lost, and the log says so.
    """

    def __init__(self, directory: Path, pattern: str, max_bytes: int, clock: Clock) -> None:
        """Raises OSError where there is no such directory and none can be made."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._pattern = pattern
        self._max_bytes = max_bytes
        self._clock = clock
        self._failing = False

    def note(self, station: str, way: str, frame: str) -> None:
        """A frame was sent (`tx`), or has come (`rx`)."""
        if not fnmatchcase(station, self._pattern):
            return
        line = {"ts": format_time(self._clock.time()), "station": station, "way": way, **_readable(frame)}
        try:
            self._append(self._directory / f"{quote(station, safe='-._~')}.jsonl", orjson.dumps(line) + b"\n")
        except OSError as error:
            if not self._failing:
                log.error("traces.failed", station=station, reason=str(error))  # noqa: TRY400 - a full disk
            self._failing = True
        else:
            self._failing = False

    def _append(self, path: Path, line: bytes) -> None:
        file = _opened(path)
        try:
            size = os.fstat(file).st_size
            if size and size + len(line) > self._max_bytes:
                path.replace(path.with_name(f"{path.name}.1"))
                os.close(file)
                file = _opened(path)
            os.write(file, line)
        finally:
            os.close(file)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _readable(frame: str) -> dict[str, Any]:
    """The frame as JSON, without secrets; of what is none, as secrets cannot be told, only how long it is."""
    try:
        return {"frame": without_secrets(orjson.loads(frame))}
    except orjson.JSONDecodeError:
        return {"malformed": len(frame)}


def without_secrets(value: Any, depth: int = 0) -> Any:
    """The same without passwords, keys, PINs and credentials in URLs; cards stay. Too deep is left out."""
    if isinstance(value, str):
        return _CREDENTIALS.sub(f"//{_HIDDEN}@", value)
    if depth == _DEEPEST and isinstance(value, (dict, list)):
        return _HIDDEN
    if isinstance(value, list):
        return [without_secrets(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: _entry(value, key, item, depth) for key, item in value.items()}
    return value


def _entry(parent: dict[str, Any], key: str, value: Any, depth: int) -> Any:
    if _is_secret(parent, key):
        return _HIDDEN
    return without_secrets(value, depth + 1)


def _is_secret(parent: dict[str, Any], key: str) -> bool:
    """Whether what stands at `key` is to be hidden: by its name, or by that of the variable it belongs to."""
    if _SECRET.search(key):
        return True
    if key == "idToken" and parent.get("type") == "KeyCode":  # C04.FR.04
        return True
    variable = parent.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else None
    return isinstance(name, str) and bool(_SECRET.search(name)) and key not in ("component", "variable")
