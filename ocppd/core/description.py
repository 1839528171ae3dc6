"""What a station is made of. Frozen, so that thousands of stations share one `Hardware`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

# MonitorEnumType
MonitorType = Literal["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]


@dataclass(frozen=True, slots=True)
class Car:
    """A battery electric vehicle, as it arrives at the connector.

    `soc` is in percent, `max_a` (None: no limit of its own) counts per phase, `phases` is what the
    on-board charger can use, `ready_delay_s` passes between the offer of energy and its acceptance.
    """

    soc: float = 20.0
    capacity_wh: float = 60_000.0
    max_w: float = 11_000.0
    max_a: float | None = None
    phases: int = 3
    ready_delay_s: float = 0.0


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
    """One place to charge one car. `phases` is 1, 2 or 3, or 0 for DC; `max_w` the rated power."""

    phases: int = 3
    max_w: float = 22_080.0
    voltage_v: float = 230.0
    connectors: tuple[Connector, ...] = (Connector(),)


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


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything that stations of one kind have in common."""

    vendor: str = "ocppd"
    model: str = "sim"
    firmware: str = "1.0.0"
    evses: tuple[Evse, ...] = (Evse(),)
    ev: Car = Car()
    default_token: Token = Token("04A2B3C4")
    presets: tuple[Preset, ...] = ()
    monitors: tuple[Monitor, ...] = ()


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
    protocols: tuple[str, ...] = ("ocpp2.0.1",)


@dataclass(frozen=True, slots=True)
class StationDescription:
    """One station: its OCPP identity and what it shares with its kind."""

    id: str
    hardware: Hardware = Hardware()
    csms: Csms = Csms()
    serial: str = ""
    groups: tuple[str, ...] = ()
