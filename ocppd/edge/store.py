"""The state file: everything the stations remember, whole and valid at any moment.

A path with a suffix, or to an existing file, holds all stations; a directory holds a file for each. Both
have the same form, `{"version": 1, "stations": {identity: state}}`, which a person may read and edit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError

from ocppd.core.state import State

log = structlog.get_logger()

VERSION = 1
# Version n of a file's stations → version n + 1.
_MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
_STATE = TypeAdapter(State)


class StoreError(Exception):
    """A state file that cannot be used: it is named, refused, and left as it is."""


class Store:
    """The state file or directory at `path`. `load` comes first; nothing is written before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_directory = path.is_dir() or not path.suffix
        self._written: dict[str, bytes] = {}
        self._failing = False

    def load(self) -> dict[str, State]:
        """Every station's state by identity; empty where nothing was written yet.

        Raises:
            StoreError: a file that is unreadable, no JSON, of a newer version or with a wrong field.
        """
        states: dict[str, State] = {}
        for file in self._files():
            for name, state in _read(file).items():
                if name in states:
                    raise StoreError(f"{file}: station {name} stands in another file of {self._path}, too")
                states[name] = state
                self._written[name] = _dump(state)
        return states

    def save(self, states: Mapping[str, State]) -> None:
        """Write what has changed of `states`, atomically: after a crash there is the old file or the new one.

        A failure, a full disk for instance, is logged once and not raised: the stations go on.
        """
        changed = {}
        for name, state in states.items():
            dump = _dump(state)
            if dump != self._written.get(name):
                changed[name] = dump
        if not changed:
            return
        self._written |= changed
        try:
            self._write(changed)
        except OSError as error:
            self._failed(error)
        else:
            self._failing = False

    def forget(self, name: str) -> None:
        """Remove a station that is no more."""
        self._written.pop(name, None)
        if self._is_directory:
            self._file_of(name).unlink(missing_ok=True)
        else:
            _replace(self._path, self._written)

    def _write(self, changed: Mapping[str, bytes]) -> None:
        if not self._is_directory:
            _replace(self._path, self._written)
            return
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, dump in changed.items():
            _replace(self._file_of(name), {name: dump})

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            log.error("state.save_failed", path=str(self._path), reason=error.strerror or str(error))
        self._failing = True

    def _files(self) -> Iterable[Path]:
        if self._is_directory:
            return sorted(self._path.glob("*.json"))
        return [self._path] if self._path.exists() else []

    def _file_of(self, name: str) -> Path:
        return self._path / f"{quote(name, safe='')}.json"


def _dump(state: State) -> bytes:
    return orjson.dumps(state, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


def _replace(path: Path, dumps: Mapping[str, bytes]) -> None:
    """Write the whole file beside the old one, for the owner's eyes only, then put it in its place."""
    stations = {name: orjson.Fragment(dump) for name, dump in dumps.items()}
    content = orjson.dumps({"version": VERSION, "stations": stations}, option=orjson.OPT_APPEND_NEWLINE)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(content)
    beside.replace(path)


def _read(file: Path) -> dict[str, State]:
    try:
        content = orjson.loads(file.read_bytes())
    except OSError as error:
        raise StoreError(f"{file}: cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise StoreError(f"{file}: is no JSON: {error}; repair it, or move it away to start afresh") from None
    if not isinstance(content, dict) or not isinstance(content.get("stations"), dict):
        raise StoreError(f'{file}: a state file is {{"version": {VERSION}, "stations": {{...}}}}')
    stations = _migrated(file, content.get("version"), content["stations"])
    return {name: _state(file, name, found) for name, found in stations.items()}


def _migrated(file: Path, version: Any, stations: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise StoreError(f"{file}: version {version!r} is unknown here, this ocppd writes version {VERSION}")
    for step in range(version, VERSION):
        stations = _MIGRATIONS[step](stations)
    return stations


def _state(file: Path, name: str, found: Any) -> State:
    try:
        return _STATE.validate_python(found)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in ("stations", name, *first["loc"]))
        raise StoreError(f"{file}: {where}: {first['msg']}") from None
