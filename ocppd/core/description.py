"""What a station is made of. Frozen, so that thousands of stations share one `Hardware`."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len, Predicate
from msgspec import Meta

from ocppd.core.kept import Fixed
from ocppd.core.schemas import OCPP_201, Version

# MonitorEnumType
MonitorType = Literal[
    "UpperThreshold",
    "LowerThreshold",
    "Delta",
    "Periodic",
    "PeriodicClockAligned",
    "TargetDelta",
    "TargetDeltaRelative",
]


def within(least: float, most: float) -> tuple[Any, ...]:
    """Bounds as pydantic knows them, which checks settings and commands, and msgspec, which checks states."""
    return Ge(least), Le(most), Meta(ge=least, le=most)


# What a car may be: beyond these bounds its charging could not be computed.
Percent = Annotated[float, *within(0, 100)]
Capacity = Annotated[float, *within(1, 1e8)]
Power = Annotated[float, *within(1, 1e7)]
Current = Annotated[float, *within(0, 1e5)]
Phases = Annotated[int, *within(1, 3)]
PowerFactor = Annotated[float, *within(0.1, 1)]
Efficiency = Annotated[float, *within(0.1, 1)]
Ramp = Annotated[float, *within(1, 1e9)]
Delay = Annotated[float, *within(0, 1e6)]
Stay = Annotated[float, *within(0, 31_536_000)]


def soc_rises(curve: tuple[tuple[float, float], ...]) -> bool:
    """Whether each point of a charge curve lies at a higher state of charge than the one before it."""
    return all(other[0] - one[0] >= 0.01 for one, other in pairwise(curve))


Curve = Annotated[
    tuple[tuple[Percent, Annotated[float, *within(1, 100)]], ...],
    Len(1, 20),
    Predicate(soc_rises),
    Meta(min_length=1, max_length=20),
]


class Car(Fixed, frozen=True):
    """A battery electric vehicle, as it arrives at the connector.

    `soc` is in percent. Of an AC offer it uses `phases`, up to `max_a` A on each (None: no limit of its own)
    with `power_factor`, and nothing where that is less than `min_a`; `cable_a` is what its cable carries.
    `max_w` is the most that it takes at all. `curve` are points of (percent of charge, percent of `max_w`),
    joined by lines: what the battery takes. Of what the meter counts, the share `efficiency` gets there.
    Power changes by `ramp_w_s` W a second, None: at once.
    It feeds back up to `max_discharge_w` when it is asked to, None: never; and not below `min_soc` percent.
    `ready_delay_s` passes between the offer of energy and its acceptance, `departure_s` from the arrival to
    the departure that the driver has in mind. With `iso15118` it tells what it needs, and waits for a
    schedule.
    """

    soc: Percent = 20.0
    capacity_wh: Capacity = 60_000.0
    max_w: Power = 11_000.0
    max_a: Current | None = None
    min_a: Current = 6.0
    cable_a: Current | None = None
    phases: Phases = 3
    power_factor: PowerFactor = 1.0
    efficiency: Efficiency = 1.0
    curve: Curve = ((80.0, 100.0), (100.0, 5.0))
    ramp_w_s: Ramp | None = None
    max_discharge_w: Power | None = None
    min_soc: Percent = 10.0
    ready_delay_s: Delay = 0.0
    departure_s: Stay | None = None
    iso15118: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError for a curve with which no charging could be computed."""
        if not soc_rises(self.curve):
            raise ValueError("curve: the state of charge must rise from point to point")


@dataclass(frozen=True, slots=True)
class Connector:
    """A socket or a cable; `type` is a ConnectorEnumType such as `cType2` or `sType2`."""

    type: str = "cType2"

    @property
    def has_fixed_cable(self) -> bool:
        """True where the cable belongs to the station: OCPP's `c...` types."""
        return self.type.startswith("c")


@dataclass(frozen=True, slots=True)
class Evse:
    """One place to charge one car. `phases` is 1, 2 or 3, or 0 for DC; `max_w` the rated power.

    Its meter counts in `energy_unit`, and tells energy and power divided by ten to the power of `multiplier`.
    """

    phases: int = 3
    max_w: float = 22_080.0
    voltage_v: float = 230.0
    connectors: tuple[Connector, ...] = (Connector(),)
    frequency_hz: float = 50.0
    energy_unit: Literal["Wh", "kWh"] = "Wh"
    multiplier: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """An IdTokenType: `id_token` as the reader shows it, `type` an IdTokenEnumType."""

    id_token: str
    type: str = "ISO14443"


@dataclass(frozen=True, slots=True)
class Preset:
    """A factory setting of one attribute in the device model, or the definition of a variable of one's own.

    `data_type` makes it a definition: it is given for a variable that the station does not have by
    itself. All values are spelled as OCPP spells them, strings. `mutability` is that of the attribute; with
    `reboot_required` a new Actual value waits for a reboot.
    """

    component: str
    variable: str
    value: str | None = None
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    attribute: str = "Actual"
    data_type: str | None = None
    mutability: str | None = None
    unit: str | None = None
    min: float | None = None
    max: float | None = None
    values: tuple[str, ...] = ()
    supports_monitoring: bool = True
    reboot_required: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor that the station is delivered with; see `core.monitors` for its `type`.

    A `hard_wired` one cannot be changed, the others, preconfigured, can (N03, N04).
    """

    component: str
    variable: str
    type: MonitorType
    value: float
    severity: int = 5
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    transaction: bool = False
    hard_wired: bool = False


DataTransferStatus = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]


class DataTransferAnswer(Fixed, frozen=True):
    """What a DataTransfer of that vendor is answered (P01); without a `message_id`, any that no other names.

    `data` is JSON text.
    """

    vendor_id: str
    message_id: str | None = None
    status: DataTransferStatus = "Accepted"
    data: str | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything that stations of one kind have in common.

    `max_w` is what the connection to the grid can give, None where that is enough for all EVSEs (K04.FR.02).
    """

    vendor: str = "ocppd"
    model: str = "sim"
    firmware: str = "1.0.0"
    evses: tuple[Evse, ...] = (Evse(),)
    max_w: float | None = None
    ev: Car = field(default_factory=Car)
    default_token: Token = Token("04A2B3C4")
    publishes_firmware: bool = False
    presets: tuple[Preset, ...] = ()
    monitors: tuple[Monitor, ...] = ()
    data_transfers: tuple[DataTransferAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files; None where the system's trust store or no client certificate serves.

    `roots` and `chain` are what stood in `ca` and `cert` when the settings were read: the certificates that
    a station is delivered with.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    roots: str | None = field(default=None, repr=False)
    chain: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Csms:
    """Where a station calls. `security_profile`: 0 none, 1 basic auth, 2 TLS and basic auth, 3 mutual TLS."""

    url: str = "ws://127.0.0.1:9000/ocpp"
    security_profile: int = 0
    password: str | None = field(default=None, repr=False)
    tls: Tls = Tls()
    protocols: tuple[Version, ...] = (OCPP_201,)


@dataclass(frozen=True, slots=True)
class StationDescription:
    """One station: its OCPP identity and what it shares with its kind."""

    id: str
    hardware: Hardware = Hardware()
    csms: Csms = Csms()
    serial: str = ""
    groups: tuple[str, ...] = ()
