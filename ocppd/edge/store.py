"""The state file: everything the stations remember, whole and valid at any moment.

A path with a suffix, or to an existing file, holds all stations; a directory holds a file for each, named
as its identity, percent-encoded. Both have the same form, `{"version": 1, "stations": {identity: state}}`,
which a person may read and edit. Most of what is as it is by default is left out.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from msgspec import ValidationError, convert
from msgspec.json import Encoder

from ocppd.core.state import State

log = structlog.get_logger()

Migration = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: tuple[Migration, ...] = ()
"""What makes the stations of a file of version 1 those of version 2, and so on."""

_dump = Encoder().encode
_FEW = 20  # stations, up to which a file is laid out for people


class StoreError(Exception):
    """A state file that cannot be used: it is named, refused, and left as it is."""


class Store:
    """The state file or directory at `path`. `load` comes first; nothing is written before.

    Files are written in the version that the `migrations` lead to; older ones are read, too.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        self._path = path
        self._is_directory = path.is_dir() or not (path.suffix or path.exists())
        self._migrations = migrations
        self._written: dict[str, bytes] = {}
        self._failing = False
        self._lock: int | None = None

    def beside(self, name: str) -> Path:
        """Where to keep what is no state, but belongs to it: in the directory, or beside the file."""
        return self._path / name if self._is_directory else self._path.with_name(f"{self._path.name}.{name}")

    def claim(self) -> None:
        """Keep other daemons from the same states until this process ends, however it ends.

        Raises:
            StoreError: another daemon has them.
        """
        place = (
            self._path / ".lock" if self._is_directory else self._path.with_name(f".{self._path.name}.lock")
        )
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(place, os.O_WRONLY | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{self._path}: another ocppd uses it: give each its own state.path") from None
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be written: {error.strerror}") from None

    def load(self) -> dict[str, State]:
        """Every station's state by identity; empty where nothing was written yet.

        Raises:
            StoreError: a file that is unreadable, no JSON, of a newer version or with a wrong field; in a
                directory, one that is not named as its station.
        """
        states: dict[str, State] = {}
        for file in self._files():
            for name, state in self._read(file).items():
                if self._is_directory and file != self._file_of(name):
                    raise StoreError(f"{file}: station {name} belongs in {self._file_of(name)}")
                states[name] = state
                self._written[name] = _dump(state)
        return states

    def save(self, states: Mapping[str, State]) -> None:
        """Write what has changed of `states` atomically: a kill at any moment leaves the old file or the new.

        It is not forced to the disk: a crash of the host itself may cost what the kernel still held. A
        failure, a full disk for instance, is logged once and not raised: the stations go on.
        """
        changed = {}
        for name, state in states.items():
            try:
                dump = _dump(state)
            except (TypeError, ValueError) as error:  # what no state should hold: the others are saved
                log.error("state.unwritable", station=name, reason=str(error))  # noqa: TRY400
                continue
            if dump != self._written.get(name):
                changed[name] = dump
        if not changed:
            return
        with self._survived():
            self._write(changed)
            self._written |= changed

    def forget(self, name: str) -> None:
        """Remove a station that is no more; a failure is treated as that of `save`."""
        self._written.pop(name, None)
        with self._survived():
            if self._is_directory:
                self._file_of(name).unlink(missing_ok=True)
            else:
                self._replace(self._path, self._written)

    @contextmanager
    def _survived(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failed(error)
        else:
            self._failing = False

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            log.error("state.save_failed", path=str(self._path), reason=error.strerror or str(error))
        self._failing = True

    def _write(self, changed: Mapping[str, bytes]) -> None:
        if not self._is_directory:
            self._replace(self._path, {**self._written, **changed})
            return
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, dump in changed.items():
            self._replace(self._file_of(name), {name: dump})

    def _files(self) -> Iterable[Path]:
        if self._is_directory:
            return sorted(self._path.glob("*.json"))
        return [self._path] if self._path.exists() else []

    def _file_of(self, name: str) -> Path:
        return self._path / f"{quote(name, safe='')}.json"

    def _replace(self, path: Path, dumps: Mapping[str, bytes]) -> None:
        """Write the whole file beside the old one, for the owner's eyes only, then put it in its place."""
        stations = {name: orjson.Fragment(dump) for name, dump in dumps.items()}
        content = orjson.dumps(
            {"version": self._version, "stations": stations}, option=orjson.OPT_APPEND_NEWLINE
        )
        if len(stations) <= _FEW and not self._is_directory:
            content = _for_people(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
        beside.replace(path)

    def _read(self, file: Path) -> dict[str, State]:
        content = _content(file)
        if not isinstance(content, dict) or not isinstance(content.get("stations"), dict):
            raise StoreError(f'{file}: a state file is {{"version": {self._version}, "stations": {{...}}}}')
        stations = self._migrated(file, content.get("version"), content["stations"])
        return {name: _state(file, name, found) for name, found in stations.items()}

    def _migrated(self, file: Path, version: Any, stations: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(version, int) or not 1 <= version <= self._version:
            text = f"version {version!r} is unknown here, this ocppd writes version {self._version}"
            raise StoreError(f"{file}: {text}")
        for migrate in self._migrations[version - 1 :]:
            stations = migrate(stations)
        return stations

    @property
    def _version(self) -> int:
        return len(self._migrations) + 1


def _for_people(content: bytes) -> bytes:
    return orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _content(file: Path) -> Any:
    try:
        return orjson.loads(file.read_bytes())
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise StoreError(f"{file}: is no JSON: {error}; repair it, or move it away to start afresh") from None


def _state(file: Path, name: str, found: Any) -> State:
    try:
        return convert(found, State, str_keys=True)
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        path = where.rstrip("`").replace("[...]", ".*").replace("[", ".").replace("]", "")
        raise StoreError(f"{file}: stations.{name}{path}: {what}") from None
