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
_TEMPLATE = "The kind that its own keys are laid over: one that ships with ocppd, or `templates/NAME.yaml`."

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

    soc: Percent = Field(_CAR.soc, description="How full its battery arrives, in percent.")
    capacity_wh: Capacity = Field(_CAR.capacity_wh, description="What its battery holds, in Wh.")
    max_w: Power = Field(_CAR.max_w, description="The most that it takes, in W.")
    max_a: Current | None = Field(
        _CAR.max_a, description="The most that it takes of AC, in A a phase; without it, what it is offered."
    )
    min_a: Current = Field(
        _CAR.min_a, description="Less AC than this, in A a phase, it does not take at all."
    )
    cable_a: Current | None = Field(
        _CAR.cable_a, description="What its cable carries, in A; without it, whatever the station gives."
    )
    phases: Phases = Field(_CAR.phases, description="How many phases of AC it uses.")
    power_factor: PowerFactor = Field(_CAR.power_factor, description="Of what it takes of AC.")
    efficiency: Efficiency = Field(
        _CAR.efficiency, description="The share of what the meter counts that gets into the battery."
    )
    curve: Curve = Field(
        _CAR.curve,
        description="What the battery takes: points of percent of charge and of `max_w`, joined by lines.",
    )
    ramp_w_s: Ramp | None = Field(
        _CAR.ramp_w_s, description="How fast its power changes, in W a second; without it, at once."
    )
    max_discharge_w: Power | None = Field(
        _CAR.max_discharge_w, description="The most that it gives back, in W; without it, nothing."
    )
    min_soc: Percent = Field(_CAR.min_soc, description="It gives nothing back below this, in percent.")
    ready_delay_s: Delay = Field(
        _CAR.ready_delay_s, description="Seconds from the offer of energy to its acceptance."
    )
    departure_s: Stay | None = Field(
        _CAR.departure_s, description="Seconds from the arrival to the departure that the driver has in mind."
    )
    iso15118: bool = Field(_CAR.iso15118, description="It tells what it needs, and waits for a schedule.")

    def describe(self) -> Car:
        """The core's form of it."""
        return Car(**self.model_dump())


class ConnectorSettings(Section):
    """A socket (`s...`) or a fixed cable (`c...`)."""

    type: ConnectorType = Field("cType2", description="OCPP's name of it.")


class EvseSettings(Section):
    """A place for one car."""

    phases: int = Field(_EVSE.phases, ge=0, le=3, description="Of AC; 0 for DC.")
    max_w: float = Field(_EVSE.max_w, ge=1, le=1e7, description="What it is rated for, in W.")
    voltage_v: float = Field(_EVSE.voltage_v, ge=1, le=1e4, description="In V; of AC, phase to neutral.")
    frequency_hz: float = Field(_EVSE.frequency_hz, ge=1, le=1000, description="Of the grid, in Hz.")
    energy_unit: Literal["Wh", "kWh"] = Field(
        _EVSE.energy_unit, description="What its meter tells energy in; power is in W or kW then."
    )
    multiplier: int = Field(
        _EVSE.multiplier,
        ge=-3,
        le=6,
        description="What its meter tells is divided by ten to the power of this.",
    )
    connectors: list[ConnectorSettings] = Field(
        [ConnectorSettings()],
        min_length=1,
        description="Its sockets and cables, one of which is used at a time.",
    )

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

    id_token: str = Field(
        _HARDWARE.default_token.id_token, min_length=1, max_length=36, description="As the reader shows it."
    )
    type: IdTokenType = Field("ISO14443", description="OCPP's IdTokenEnumType.")

    def describe(self) -> Token:
        """The core's form of it."""
        return Token(id_token=self.id_token, type=self.type)


def _no_doubles(protocols: list[Version]) -> list[Version]:
    if len(set(protocols)) < len(protocols):
        raise ValueError("each protocol once")
    return protocols


class CsmsSettings(WithPassword):
    """Where a station calls, and how the two trust each other."""

    url: Annotated[str, AfterValidator(_url)] = Field(
        _CSMS.url,
        pattern="^wss?://[^/]+",
        description="A place and nothing else: `/` and the percent-encoded identity are appended.",
    )
    security_profile: int = Field(
        _CSMS.security_profile,
        ge=0,
        le=3,
        description="0 none (tests only), 1 basic auth, 2 TLS and basic auth, 3 mutual TLS.",
    )
    tls: TlsSettings = Field(TlsSettings(), description="Certificates, for profiles 2 and 3.")
    protocols: Annotated[list[Version], AfterValidator(_no_doubles)] = Field(
        list(_CSMS.protocols),
        min_length=1,
        description="What the station offers to speak, what it likes best first.",
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
    """What stations of one kind have in common; every key may be left out."""

    groups: list[Annotated[str, StringConstraints(pattern="^[^/+#]+$")]] = Field(
        [], description="Names by which commands reach many at once: `group/lab`."
    )
    vendor: str = Field(
        _HARDWARE.vendor, min_length=1, max_length=50, description="vendorName of the BootNotification."
    )
    model: str = Field(
        _HARDWARE.model, min_length=1, max_length=20, description="model of the BootNotification."
    )
    firmware: str = Field(
        _HARDWARE.firmware, max_length=50, description="The version of its firmware, until an update."
    )
    csms: CsmsSettings = Field(
        CsmsSettings(), description="Where it calls; each key wins over the common one."
    )
    evses: list[EvseSettings] = Field([EvseSettings()], min_length=1, description="Its places for cars.")
    max_w: float | None = Field(
        _HARDWARE.max_w,
        ge=1,
        le=1e8,
        description="What the EVSEs share, in W; without it, each has all that it is rated for.",
    )
    ev: CarSettings = Field(CarSettings(), description="The car that plugs in when a command names no other.")
    default_token: TokenSettings = Field(
        TokenSettings(), description="What a driver presents when a command names no other."
    )
    variables: dict[VariableKey, Value] = Field(
        {}, description="Values of the device model, by `Component[instance].Variable[instance]`."
    )
    device_model: list[PresetSettings] = Field(
        [], description="The long form of `variables`: any attribute, any EVSE, variables of one's own."
    )
    monitors: list[MonitorSettings] = Field(
        [], max_length=200, description="Monitors that it is delivered with."
    )
    data_transfer: list[DataTransferSettings] = Field(
        [], max_length=200, description="What a DataTransfer is answered; others: UnknownVendorId."
    )

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
    """One station."""

    id: Annotated[str, AfterValidator(_identity)] = Field(description="Its OCPP identity.")
    template: str | None = Field(None, description=_TEMPLATE)
    serial: str | None = Field(
        None, max_length=_SERIAL_LENGTH, description="Its serial number; by default `SN-` and the identity."
    )


class FleetSettings(KindSettings):
    """Stations of one kind, numbered."""

    id: Annotated[str, AfterValidator(_pattern)] = Field(
        description="Their identities; `{n}` is the number, `{n:05}` the number with five digits."
    )
    first: int = Field(1, ge=0, description="The first number.")
    count: int = Field(1, ge=0, description="How many they are.")
    template: str | None = Field(None, description=_TEMPLATE)

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
