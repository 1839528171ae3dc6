"""Stations as the configuration writes them, and what they become in the core.

KindSettings        what stations of one kind share; a template is exactly this
├── StationSettings one entry of `stations`, or a station that stands only in the state file
└── FleetSettings   one entry of `fleet`: many stations of one kind
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ocppd.core.description import (
    Capacity,
    Car,
    Connector,
    Csms,
    Current,
    Curve,
    Delay,
    Efficiency,
    Evse,
    Hardware,
    Percent,
    Phases,
    Power,
    PowerFactor,
    Preset,
    Ramp,
    Stay,
    Token,
)
from ocppd.core.endpoint import url_problem
from ocppd.core.schemas import Version
from ocppd.settings.data_transfer import DataTransferSettings
from ocppd.settings.monitors import MonitorSettings
from ocppd.settings.presets import PresetSettings, Value, VariableKey, preset
from ocppd.settings.section import Section, TlsSettings, WithPassword

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ocppd.settings.check import Problem

# The defaults of the core are the defaults of the configuration.
_CAR, _CONNECTOR, _EVSE, _HARDWARE, _CSMS = Car(), Connector(), Evse(), Hardware(), Csms()

_IDENTITY = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
_PATTERN = re.compile(r"[^{}]*\{n(:0?[0-9]{1,2})?\}[^{}]*")
# ChargingStationType.serialNumber
_SERIAL_LENGTH = 25

ConnectorType = Literal[
    "cCCS1",
    "cCCS2",
    "cG105",
    "cTesla",
    "cType1",
    "cType2",
    "s309-1P-16A",
    "s309-1P-32A",
    "s309-3P-16A",
    "s309-3P-32A",
    "sBS1361",
    "sCEE-7-7",
    "sType2",
    "sType3",
    "Other1PhMax16A",
    "Other1PhOver16A",
    "Other3Ph",
    "Pan",
    "wInductive",
    "wResonant",
    "Undetermined",
    "Unknown",
]
IdTokenType = Literal[
    "Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"
]


def _identity(text: str) -> str:
    if not _IDENTITY.fullmatch(text):
        raise ValueError(f"'{text}' is no OCPP identity: 1 to 48 letters, digits and *-_=+|@.")
    return text


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"'{text}' must hold the number of the station once, as {{n}} or {{n:05}}")
    return text


def _url(text: str) -> str:
    if (problem := url_problem(text)) is not None:
        raise ValueError(problem)
    return text


class CarSettings(Section):
    """`ev`: the car that plugs in when a command names no other; see `core.description.Car`.

    Percent, Wh, W, A per phase, seconds; `curve` are points of percent of charge and percent of `max_w`.
    """

    soc: Percent = _CAR.soc
    capacity_wh: Capacity = _CAR.capacity_wh
    max_w: Power = _CAR.max_w
    max_a: Current | None = _CAR.max_a
    min_a: Current = _CAR.min_a
    cable_a: Current | None = _CAR.cable_a
    phases: Phases = _CAR.phases
    power_factor: PowerFactor = _CAR.power_factor
    efficiency: Efficiency = _CAR.efficiency
    curve: Curve = _CAR.curve
    ramp_w_s: Ramp | None = _CAR.ramp_w_s
    ready_delay_s: Delay = _CAR.ready_delay_s
    departure_s: Stay | None = _CAR.departure_s
    iso15118: bool = _CAR.iso15118

    def describe(self) -> Car:
        """The core's form of it."""
        return Car(**self.model_dump())


class ConnectorSettings(Section):
    """A socket (`s...`) or a fixed cable (`c...`)."""

    type: ConnectorType = "cType2"


class EvseSettings(Section):
    """A place for one car. `phases` is 0 for DC; `max_w` in W, `voltage_v` in V (AC: phase to neutral).

    Its meter tells energy in `energy_unit` and power in W or kW, divided by ten to the power of `multiplier`.
    """

    phases: int = Field(_EVSE.phases, ge=0, le=3)
    max_w: float = Field(_EVSE.max_w, ge=1, le=1e7)
    voltage_v: float = Field(_EVSE.voltage_v, ge=1, le=1e4)
    frequency_hz: float = Field(_EVSE.frequency_hz, ge=1, le=1000)
    energy_unit: Literal["Wh", "kWh"] = _EVSE.energy_unit
    multiplier: int = Field(_EVSE.multiplier, ge=-3, le=6)
    connectors: list[ConnectorSettings] = Field([ConnectorSettings()], min_length=1)

    def describe(self) -> Evse:
        """The core's form of it."""
        return Evse(
            phases=self.phases,
            max_w=self.max_w,
            voltage_v=self.voltage_v,
            frequency_hz=self.frequency_hz,
            energy_unit=self.energy_unit,
            multiplier=self.multiplier,
            connectors=tuple(Connector(connector.type) for connector in self.connectors),
        )


class TokenSettings(Section):
    """`default_token`: what a driver presents when a command names no other."""

    id_token: str = Field(_HARDWARE.default_token.id_token, min_length=1, max_length=36)
    type: IdTokenType = "ISO14443"

    def describe(self) -> Token:
        """The core's form of it."""
        return Token(id_token=self.id_token, type=self.type)


def _no_doubles(protocols: list[Version]) -> list[Version]:
    if len(set(protocols)) < len(protocols):
        raise ValueError("each protocol once")
    return protocols


class CsmsSettings(WithPassword):
    """Where a station calls; the percent-encoded identity is appended to `url`, a place and nothing else.

    `security_profile`: 0 none (tests only), 1 basic auth, 2 TLS and basic auth, 3 mutual TLS. `protocols`:
    what the station offers to speak, what it likes best first.
    """

    url: Annotated[str, AfterValidator(_url)] = Field(_CSMS.url, pattern="^wss?://[^/]+")
    security_profile: int = Field(_CSMS.security_profile, ge=0, le=3)
    tls: TlsSettings = TlsSettings()
    protocols: Annotated[list[Version], AfterValidator(_no_doubles)] = Field(
        list(_CSMS.protocols), min_length=1
    )

    def describe(self) -> Csms:
        """The core's form of it; holds the password in the clear."""
        return Csms(
            url=self.url,
            security_profile=self.security_profile,
            password=self.secret(),
            tls=self.tls.describe(),
            protocols=tuple(self.protocols),
        )

    def unmet(self) -> Iterator[Problem]:
        """What the security profile and TLS need and these settings, complete with all defaults, do not have.

        TLS below profile 2 is more than was asked for, and no mistake.
        """
        profile = f"security profile {self.security_profile} needs"
        if self.security_profile in (2, 3) and not self.url.startswith("wss:"):
            yield ("url",), f"{profile} a wss:// URL"
        if self.security_profile in (1, 2) and self.secret() is None:
            yield ("password",), f"{profile} a password"
        if self.security_profile == 3 and not self.tls.cert and not self.tls.key:
            yield ("tls", "cert"), f"{profile} the station's certificate"
            yield ("tls", "key"), f"{profile} the key of the station's certificate"
        for loc, problem in self.tls.unmet():
            yield ("tls", *loc), problem


class KindSettings(Section):
    """What stations of one kind have in common; every key may be left out.

    `max_w` is what the EVSEs share, in W: absent, each has all that it is rated for.
    """

    groups: list[Annotated[str, StringConstraints(pattern="^[^/+#]+$")]] = Field([])
    vendor: str = Field(_HARDWARE.vendor, min_length=1, max_length=50)
    model: str = Field(_HARDWARE.model, min_length=1, max_length=20)
    firmware: str = Field(_HARDWARE.firmware, max_length=50)
    csms: CsmsSettings = CsmsSettings()
    evses: list[EvseSettings] = Field([EvseSettings()], min_length=1)
    max_w: float | None = Field(_HARDWARE.max_w, ge=1, le=1e8)
    ev: CarSettings = CarSettings()
    default_token: TokenSettings = TokenSettings()
    variables: dict[VariableKey, Value] = Field({})
    device_model: list[PresetSettings] = Field([])
    monitors: list[MonitorSettings] = Field([], max_length=200)
    data_transfer: list[DataTransferSettings] = Field([], max_length=200)

    def hardware(self) -> Hardware:
        """The core's form of everything but `csms` and `groups`."""
        return Hardware(
            vendor=self.vendor,
            model=self.model,
            firmware=self.firmware,
            evses=tuple(evse.describe() for evse in self.evses),
            max_w=self.max_w,
            ev=self.ev.describe(),
            default_token=self.default_token.describe(),
            presets=(*self._short_presets(), *(entry.describe() for entry in self.device_model)),
            monitors=tuple(entry.describe() for entry in self.monitors),
            data_transfers=tuple(entry.describe() for entry in self.data_transfer),
        )

    def misplaced(self) -> Iterator[Problem]:
        """Entries of `device_model` or `monitors` for an EVSE or connector that this kind does not have."""
        entries: dict[str, Sequence[PresetSettings | MonitorSettings]]
        entries = {"device_model": self.device_model, "monitors": self.monitors}
        for key, index, entry in ((key, *it) for key, found in entries.items() for it in enumerate(found)):
            if entry.evse is None:
                continue
            if entry.evse > len(self.evses):
                yield (key, index, "evse"), f"there is no EVSE {entry.evse}"
            elif (entry.connector or 0) > len(self.evses[entry.evse - 1].connectors):
                yield (key, index, "connector"), f"EVSE {entry.evse} has no connector {entry.connector}"

    def _short_presets(self) -> Iterator[Preset]:
        return (preset(key, value) for key, value in self.variables.items())


class StationSettings(KindSettings):
    """One station. `template` names the kind that its own keys are laid over."""

    id: Annotated[str, AfterValidator(_identity)]
    template: str | None = None
    serial: str | None = Field(None, max_length=_SERIAL_LENGTH)


class FleetSettings(KindSettings):
    """`count` stations, numbered from `first`; `{n}` or `{n:05}` in `id` is the number."""

    id: Annotated[str, AfterValidator(_pattern)]
    first: int = Field(1, ge=0)
    count: int = Field(1, ge=0)
    template: str | None = None

    def ids(self) -> Iterator[str]:
        """The identities, in order."""
        return (self.id.format(n=number) for number in range(self.first, self.first + self.count))

    def misnamed(self) -> Iterator[Problem]:
        """The first identity that OCPP forbids."""
        for identity in self.ids():
            if not _IDENTITY.fullmatch(identity):
                yield ("id",), f"'{identity}' is no OCPP identity: 1 to 48 letters, digits and *-_=+|@."
                return


def default_serial(identity: str) -> str:
    """`SN-` and the identity, or as much of its end as a serialNumber holds."""
    prefix = "SN-"
    return prefix + identity[-(_SERIAL_LENGTH - len(prefix)) :]
