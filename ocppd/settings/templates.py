"""Kinds of stations by name: `<name>.yaml` beside the configuration, or one that ships with ocppd."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from ocppd.settings.check import nearest, validated
from ocppd.settings.files import Layer, parse, read_file
from ocppd.settings.station import KindSettings

if TYPE_CHECKING:
    from pathlib import Path

_SHIPPED = files("ocppd") / "templates"
_SUFFIX = ".yaml"
# A name that comes in over MQTT must not lead out of the directory.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(slots=True)
class Templates:
    """The templates in `directory` (None: there is none), before those that ship with ocppd."""

    directory: Path | None = None
    _read: dict[str, KindSettings] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self._read or (_NAME.fullmatch(name) is not None and name in self.names())

    def __getitem__(self, name: str) -> KindSettings:
        """The template, read once.

        Raises KeyError where there is none of that name, SettingsError, naming the file, where it is wrong.
        """
        if name not in self:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = validated(KindSettings, [self._layer(name)])
        return self._read[name]

    def names(self) -> set[str]:
        """The names of all templates."""
        shipped = {entry.name for entry in _SHIPPED.iterdir()}
        own = (
            set() if self.directory is None else {entry.name for entry in self.directory.glob(f"*{_SUFFIX}")}
        )
        return {name.removesuffix(_SUFFIX) for name in shipped | own if name.endswith(_SUFFIX)}

    def missing(self, name: str) -> str:
        """Why there is no template of that name, for people."""
        return f"unknown template '{name}', {nearest(name, self.names())}"

    def _layer(self, name: str) -> Layer:
        if self.directory is not None and (own := self.directory / f"{name}{_SUFFIX}").exists():
            return read_file(own)
        shipped = _SHIPPED / f"{name}{_SUFFIX}"
        return Layer(str(shipped), parse(shipped.read_text(encoding="utf-8"), str(shipped)))
