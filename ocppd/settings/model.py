"""The configuration: sections, defaults, where they are read from, and the stations they describe.

load() → layers (files) → Settings (check) → station_descriptions() → the core's dataclasses
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ocppd.core.description import Csms, Hardware, StationDescription
from ocppd.settings.check import Loc, Problem, refuse, validated
from ocppd.settings.files import Layer, SettingsError, Tree, merge, read_environment, read_file
from ocppd.settings.section import Section, TlsSettings, WithPassword
from ocppd.settings.station import (
    CsmsSettings,
    FleetSettings,
    KindSettings,
    StationSettings,
    TokenSettings,
    default_serial,
)
from ocppd.settings.templates import Templates
from ocppd.settings.transfers import TransferSettings

__all__ = ["Settings", "SettingsError", "describe_station", "detached", "from_values", "json_schema", "load"]

DEFAULT_PATHS = (Path("config/ocppd.yaml"), Path("/etc/ocppd/ocppd.yaml"))

T = TypeVar("T")

# What ocppd.edge.mqtt takes for a target.
_TARGET = re.compile(r"(daemon|group)/[^/]+|[^/]+(/[1-9][0-9]{0,8}){0,2}")
_MAX_FILTER_BYTES = 65535


def _target(text: str) -> str:
    if not _TARGET.fullmatch(text):
        known = "STATION, STATION/EVSE, STATION/EVSE/CONNECTOR, daemon/ID, group/NAME or all"
        raise ValueError(f"{text!r} is no target: {known}")
    return text


def _filter(text: str) -> str:
    """MQTT 5, 4.7; a broker hangs up on what it forbids."""
    if "\0" in text or len(text.encode()) > _MAX_FILTER_BYTES:
        raise ValueError(f"an MQTT topic filter has at most {_MAX_FILTER_BYTES} bytes, and no NUL")
    levels = text.split("/")
    if "#" in levels[:-1] or any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
        known = "+ and # are a whole level each, and # is the last one"
        raise ValueError(f"{text!r} is no MQTT topic filter: {known}")
    return text


Filter = Annotated[str, StringConstraints(min_length=1), AfterValidator(_filter)]


class LogSettings(Section):
    """`daemon.log`."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is less is left out."
    )
    format: Literal["json", "console"] = Field("json", description="For programs, or for people.")


class TraceSettings(Section):
    """`daemon.traces`: OCPP frames in files, of each station the newest two of `max_bytes`."""

    directory: Path = Field(description="Where the files are; relative to the working directory.")
    stations: str = Field(
        "*", min_length=1, max_length=100, description="A pattern of the identities to trace: `CP0*`."
    )
    max_bytes: int = Field(
        10_000_000, ge=1000, le=10**12, description="How big a file becomes before the next one is begun."
    )


class DaemonSettings(Section):
    """`daemon`: the process itself."""

    id: str = Field(
        default_factory=socket.gethostname,
        pattern="^[A-Za-z0-9._~-]+$",
        description="Its name in MQTT topics; by default the name of the host.",
    )
    log: LogSettings = Field(LogSettings(), description="What is written to standard error.")
    metrics: Annotated[str, StringConstraints(pattern="^[^ ]+:[0-9]{1,5}$")] | None = Field(
        None, description="Where Prometheus finds the metrics, `host:port`; without it there are none."
    )
    traces: TraceSettings | None = Field(None, description="OCPP frames in files; without it there are none.")


class InputSettings(Section):
    """One of `mqtt.inputs`: a foreign topic whose messages become a `command`, or those of a `map`."""

    topic: Filter = Field(description="The topic, or a filter, that is listened to.")
    path: str | None = Field(
        None,
        description="Leads to the value in a JSON payload, `RC522.UID`; without it the payload is the value.",
    )
    target: Annotated[str, AfterValidator(_target)] = Field(
        min_length=1,
        description="A station, EVSE or connector (`CP001/1/1`), `daemon/ID`, `group/NAME` or `all`.",
    )
    command: str | None = Field(None, description="The command whose argument the value becomes.")
    map: dict[str, str] | None = Field(None, description="The command for each value; others are ignored.")

    @model_validator(mode="after")
    def _says_what_to_do(self) -> InputSettings:
        if (self.command is None) == (self.map is None):
            raise ValueError("either command or map must be given")
        return self


class DiscoverySettings(Section):
    """`mqtt.discovery`: Home Assistant finds the stations."""

    enabled: bool = Field(True, description="With `false` Home Assistant loses them again.")
    prefix: str = Field(
        "homeassistant",
        pattern="^[^+#/$]+(/[^+#/]+)*$",
        description="Home Assistant's discovery prefix, where it is not the usual one.",
    )


class MqttSettings(WithPassword):
    """`mqtt`: the broker, and what is said and heard there."""

    enabled: bool = Field(True, description="With `false` the daemon does without a broker.")
    host: str = Field("127.0.0.1", min_length=1, description="The broker's name or address.")
    port: int = Field(1883, ge=1, le=65535, description="Its port; mostly 8883 with TLS.")
    username: str | None = Field(None, description="The daemon's account there.")
    tls: TlsSettings | None = Field(
        None, description="TLS to the broker; `{}` is enough, and trusts whom the operating system trusts."
    )
    base_topic: str = Field(
        "ocppd", pattern="^[^+#/$]+(/[^+#/]+)*$", description="What stands before `/v1` in all topics."
    )
    meter_interval: float = Field(
        5.0, ge=0, description="Seconds between two messages of an EVSE's meter, at least."
    )
    inputs: list[InputSettings] = Field([], description="Topics of buttons and readers that speak no ocppd.")
    discovery: DiscoverySettings | None = Field(
        None, description="Say to Home Assistant what there is; `{}` is enough."
    )
    response_topics: list[Filter] = Field(
        ["reply/#", "ocppd/v1/reply/#"],
        description="Filters; a response topic of MQTT 5 that matches none of them gets no answer.",
    )


class StateSettings(Section):
    """`state`: what survives a restart."""

    path: Path = Field(
        Path("charge_point_state.json"),
        description="A file for all stations, or a directory with one for each; "
        "relative to the working directory.",
    )
    save_interval: float = Field(
        0.0, ge=0, description="Seconds; 0 saves before the frames that follow from a change leave."
    )
    on_start: Literal["power_up", "resume"] = Field(
        "power_up",
        description="As after a power cut, with a BootNotification, or as after a lost connection.",
    )


class ClockSettings(Section):
    """`clock`: how fast the stations' time passes."""

    rate: float = Field(
        1.0, gt=0, description="Seconds of the stations in a real one; 60 for a demonstration."
    )


class Settings(BaseSettings):
    """All sections. `Settings()` are the defaults alone; `load` reads files and environment."""

    # `load` has already laid the variables over the files and gives it all as one: nothing else is a source.
    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, case_sensitive=True, title="ocppd"
    )

    daemon: DaemonSettings = Field(default_factory=DaemonSettings, description="The process itself.")
    mqtt: MqttSettings = Field(MqttSettings(), description="The broker, and what is said and heard there.")
    csms: CsmsSettings = Field(
        CsmsSettings(), description="Where all stations call that say nothing else themselves."
    )
    state: StateSettings = Field(StateSettings(), description="What survives a restart.")
    stations: list[StationSettings] = Field([], description="The stations, one by one.")
    fleet: list[FleetSettings] = Field([], description="Many stations of one kind.")
    clock: ClockSettings = Field(ClockSettings(), description="How fast the stations' time passes.")
    transfers: TransferSettings = Field(
        TransferSettings(), description="Where stations may send files to and fetch them from."
    )
    default_token: TokenSettings = Field(
        TokenSettings(),
        description="What a driver presents when neither a command nor the station names another.",
    )

    _templates: Templates = PrivateAttr(default_factory=Templates)
    _scenarios: Path | None = PrivateAttr(None)
    # Ten thousand stations of one kind hold one Hardware and one Csms.
    _hardware: dict[Hardware, Hardware] = PrivateAttr(default_factory=dict)
    _csms: dict[Csms, Csms] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What it is initialised with, and nothing else."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_sections(cls, values: Tree) -> Tree:
        """A section of which only comments are left (`mqtt:`) counts as absent."""
        return {
            key: value for key, value in values.items() if value is not None or key not in cls.model_fields
        }

    @property
    def scenarios(self) -> Path | None:
        """Where scenarios are looked for before those that ship with ocppd."""
        return self._scenarios

    def find_scenarios_in(self, directory: Path) -> None:
        """Look for scenarios in `directory` before those that ship with ocppd."""
        self._scenarios = directory

    def find_templates_in(self, directory: Path) -> None:
        """Look for templates in `directory` before those that ship with ocppd."""
        self._templates = Templates(directory)

    def station_descriptions(self) -> list[StationDescription]:
        """The stations, then the fleets. Those that are alike share one `Hardware` and one `Csms`."""
        return [*map(self.describe, self.stations), *self._fleet_descriptions()]

    def describe(self, station: StationSettings) -> StationDescription:
        """What `station` is, with its template and the defaults of these settings."""
        kind = self._complete(station)
        return StationDescription(
            id=station.id,
            hardware=self._made_of(kind),
            csms=_shared(self._csms, kind.csms.describe()),
            serial=default_serial(station.id) if station.serial is None else station.serial,
            groups=tuple(kind.groups),
        )

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the stations together, and with each that its own keys could not tell."""
        for index, station in enumerate(self.stations):
            yield from _under(("stations", index), self._own_faults(station))
        for index, fleet in enumerate(self.fleet):
            yield from _under(("fleet", index), [*self._own_faults(fleet), *fleet.misnamed()])
        kinds: list[StationSettings | FleetSettings] = [*self.stations, *self.fleet]
        if not all(map(self._gives_csms, kinds)):
            yield from _under(("csms",), self.csms.unmet())
        if self.mqtt.tls is not None:
            yield from _under(("mqtt", "tls"), self.mqtt.tls.unmet())
        yield from self._doubles()

    def faults(self, kind: StationSettings | FleetSettings) -> Iterator[Problem]:
        """What its own keys could not tell.

        An unknown template, a place in the device model that is not, a security profile without its needs.
        """
        yield from self._own_faults(kind)
        if not self._gives_csms(kind):
            yield from _under(("csms",), self.csms.unmet())

    def _own_faults(self, kind: StationSettings | FleetSettings) -> Iterator[Problem]:
        """Its faults without those of a `csms` that is the settings' own: one line tells of these."""
        if kind.template is not None and kind.template not in self._templates:
            yield ("template",), self._templates.missing(kind.template)
            return
        complete = self._complete(kind)
        yield from complete.misplaced()
        if self._gives_csms(kind):
            yield from _under(("csms",), complete.csms.unmet())

    def _gives_csms(self, kind: StationSettings | FleetSettings) -> bool:
        """True where the kind or its template says something of the CSMS; an unknown template might."""
        if "csms" in kind.model_fields_set:
            return True
        if kind.template is None:
            return False
        return kind.template not in self._templates or (
            "csms" in self._templates[kind.template].model_fields_set
        )

    def _fleet_descriptions(self) -> Iterator[StationDescription]:
        for fleet in self.fleet:
            kind = self._complete(fleet)
            hardware = self._made_of(kind)
            csms = _shared(self._csms, kind.csms.describe())
            groups = tuple(kind.groups)
            for identity in fleet.ids():
                yield StationDescription(identity, hardware, csms, default_serial(identity), groups)

    def _made_of(self, kind: KindSettings) -> Hardware:
        """What all stations of that kind share, the file server of the daemon among it."""
        hardware = replace(kind.hardware(), publishes_firmware=self.transfers.publish is not None)
        return _shared(self._hardware, hardware)

    def _complete(self, kind: StationSettings | FleetSettings) -> KindSettings:
        """The defaults, the template and the kind's own keys, one over the other."""
        defaults = {
            "csms": self.csms.model_dump(exclude_unset=True),
            "default_token": self.default_token.model_dump(exclude_unset=True),
        }
        template = (
            {} if kind.template is None else self._templates[kind.template].model_dump(exclude_unset=True)
        )
        own = kind.model_dump(exclude_unset=True, include=set(KindSettings.model_fields))
        return KindSettings.model_validate(merge(merge(defaults, template), own))

    def _doubles(self) -> Iterator[Problem]:
        """Each station or fleet that claims an identity again."""
        seen: dict[str, str] = {}
        for index, station in enumerate(self.stations):
            if (first := seen.setdefault(station.id, f"stations[{index}]")) != f"stations[{index}]":
                yield ("stations", index, "id"), f"'{station.id}' is the id of {first} already"
        for index, fleet in enumerate(self.fleet):
            for identity in fleet.ids():
                if (first := seen.setdefault(identity, f"fleet[{index}]")) != f"fleet[{index}]":
                    yield ("fleet", index, "id"), f"'{identity}' is the id of {first} already"
                    break


def load(paths: Sequence[Path] | None = None) -> Settings:
    """The settings of these files, later ones over earlier ones, and of the environment over all of them.

    Without paths, the first of `DEFAULT_PATHS` that exists is read; where none does, the defaults and the
    environment remain. Templates are looked for in `templates/` beside the first file, scenarios in
    `scenarios/` there.

    Raises SettingsError, with a line for each problem, where a file cannot be read or a setting is wrong.
    """
    files = list(paths or [path for path in DEFAULT_PATHS if path.exists()][:1])
    layers = [*map(read_file, files), *read_environment(Settings)]
    settings = validated(Settings, layers)
    if files:
        settings.find_templates_in(files[0].parent / "templates")
        settings.find_scenarios_in(files[0].parent / "scenarios")
    refuse(settings.problems(), layers)
    return settings


def from_values(values: Tree, where: str) -> Settings:
    """The settings that `values` are, which no file and no environment touches; errors call them `where`.

    Raises SettingsError, with a line for each problem, where a setting is wrong.
    """
    layers = [Layer(where, values)]
    settings = validated(Settings, layers)
    refuse(settings.problems(), layers)
    return settings


def describe_station(
    settings: Settings, values: Mapping[str, Any], where: str, *, secret_files: bool = True
) -> StationDescription:
    """The station that `values` are, shaped like an entry of `stations`, with the settings' defaults.

    `where` is what errors call the source of the values; relative paths in them are relative to the working
    directory. `secret_files=False` is for values from a command: it refuses a `password_file` and paths in
    `tls`, and takes the values `detached`. Whoever may send a command could otherwise have any file, or the
    password of the settings, sent to a CSMS of their choice.

    Raises SettingsError where a value is wrong.
    """
    layers = [Layer(where, dict(values if secret_files else detached(values)))]
    if not secret_files:
        refuse(_secret_files(values), layers)
    station = validated(StationSettings, layers)
    refuse(settings.faults(station), layers)
    return settings.describe(station)


def detached(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values; where they name a `csms.url`, no password and no `tls` is inherited any more.

    That of the defaults and of a template is for the CSMS that these name. In the state file it stays so.
    """
    csms = values.get("csms")
    if not isinstance(csms, dict) or "url" not in csms:
        return dict(values)
    nothing: Tree = {"password": None, "tls": dict.fromkeys(TlsSettings.model_fields)}
    return {**values, "csms": merge(nothing, csms)}


def _secret_files(values: Mapping[str, Any]) -> Iterator[Problem]:
    """The keys of a station that name a file; none of them is opened."""
    csms = values.get("csms")
    if not isinstance(csms, Mapping):
        return
    if "password_file" in csms:
        yield ("csms", "password_file"), "is not allowed here, give the password"
    tls = csms.get("tls")
    if isinstance(tls, Mapping):
        for key in TlsSettings.model_fields:
            if tls.get(key) is not None:
                yield ("csms", "tls", key), "is not allowed here"


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of the configuration file, for editors and `ocppd schema`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()}


def _under(loc: Loc, problems: Iterable[Problem]) -> Iterator[Problem]:
    return (((*loc, *inner), text) for inner, text in problems)


def _shared(known: dict[T, T], value: T) -> T:
    return known.setdefault(value, value)
