"""Scenarios by name: `<name>.yaml` or `.json` beside the configuration, or one that ships with ocppd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from ocppd.scenario.model import ScenarioError, nearest
from ocppd.scenario.reading import parse
from ocppd.settings import SettingsError
from ocppd.settings.files import parse as parse_yaml
from ocppd.settings.station import FleetSettings, StationSettings

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from ocppd.scenario.model import Head, Scenario

MOST_BYTES = 1_000_000
MOST_STATIONS = 1000
SUFFIXES = (".yaml", ".yml", ".json")

_SHIPPED = files("ocppd") / "scenarios"
# A name that comes in over MQTT must not lead out of the directory.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def read(path: Path) -> Scenario:
    """The scenario in a file.

    Raises:
        ScenarioError: it cannot be read, or is wrong.
    """
    return _read(path, path.stem, str(path))


def named(name: str, directory: Path | None = None) -> Scenario:
    """The scenario of that name, in `directory` or among those that ship with ocppd.

    Raises:
        ScenarioError: there is none, or it is wrong.
    """
    found = _places(directory).get(name) if _NAME.fullmatch(name) else None
    if found is None:
        raise ScenarioError([f"there is no scenario {name[:40]!r}, {nearest(name, _places(directory))}"])
    return _read(found, name, name)


def every(directory: Path | None = None) -> Iterator[Scenario]:
    """All of them, by name.

    Raises:
        ScenarioError: one of them is wrong.
    """
    for name in sorted(_places(directory)):
        yield named(name, directory)


def _places(directory: Path | None) -> dict[str, Traversable]:
    found: dict[str, Traversable] = {}
    for folder in (_SHIPPED, directory):
        if folder is None or not folder.is_dir():
            continue
        for entry in folder.iterdir():
            name, _, suffix = entry.name.rpartition(".")
            if f".{suffix}" in SUFFIXES and _NAME.fullmatch(name):
                found[name] = entry
    return found


def _read(file: Traversable, name: str, where: str) -> Scenario:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ScenarioError([f"{where}: cannot be read: {error.strerror}"]) from None
    if len(raw) > MOST_BYTES:
        raise ScenarioError([f"{where}: is larger than {MOST_BYTES} bytes"])
    return parse(name, _tree(raw, where, is_json=file.name.endswith(".json")), where)


def _tree(raw: bytes, where: str, *, is_json: bool) -> Any:
    try:
        if is_json:
            return orjson.loads(raw)
        return parse_yaml(raw.decode("utf-8-sig"), where)
    except orjson.JSONDecodeError as error:
        raise ScenarioError([f"{where}: is not JSON: {error}"]) from None
    except UnicodeDecodeError:
        raise ScenarioError([f"{where}: is not UTF-8 text"]) from None
    except RecursionError:
        raise ScenarioError([f"{where}: is nested too deeply, or in itself"]) from None
    except SettingsError as error:
        raise ScenarioError(error.problems) from None


def entries(head: Head, where: str) -> list[dict[str, Any]]:
    """Its stations one by one, as `stations` of a configuration; only identities are looked at.

    Raises:
        ScenarioError: one is no identity, or there are too many.
    """
    found: list[dict[str, Any]] = []
    for place, entry in enumerate(head.stations):
        try:
            ids = _ids(entry)
        except ValidationError as error:
            text = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ScenarioError([f"{where}: stations[{place}]: {text}"]) from None
        rest = {key: value for key, value in entry.items() if key not in ("id", "first", "count")}
        found += ({"id": name, **rest} for name in islice(ids, MOST_STATIONS + 1))
        if len(found) > MOST_STATIONS:
            raise ScenarioError([f"{where}: stations: at most {MOST_STATIONS} of them"])
    return found


def _ids(entry: dict[str, Any]) -> Iterator[str]:
    said = {key: entry[key] for key in ("id", "first", "count") if key in entry}
    if "count" in entry:
        return FleetSettings.model_validate(said).ids()
    return iter([StationSettings.model_validate(said).id])
