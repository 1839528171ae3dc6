"""The shapes of what the MQTT API shows of stations, from which `ocppd asyncapi` describes the payloads.

`core.views` builds them, so mypy holds code and description together. A key that is always there may be None,
as its type says: then the value is not known, or there is none. What stands under a key is its documentation.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from annotated_types import Ge, Le, Len
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from ocppd.core.errors import ErrorCode
from ocppd.core.state import ChargingState, Priority
from ocppd.core.status import Status

Number = Annotated[int, Ge(1)]
Count = Annotated[int, Ge(0)]
Lines = Annotated[list[float], Len(3, 3)]
Time = Annotated[str, Len(24, 24)]
"""UTC with milliseconds and `Z`: `2025-01-01T10:00:00.000Z`."""


class Stamped(TypedDict):
    """What was true at a moment."""

    ts: Time
    """When, on the clock of the daemon."""


# The station


class CsmsLink(TypedDict):
    """The connection to the CSMS."""

    connected: bool
    registration: str | None
    """The CSMS's answer to the last BootNotification: Accepted, Pending or Rejected; null: none yet."""
    url: str
    """Where the station connects to, without password."""
    since: Time | None
    """Since when it is connected, or is not; null: it never was."""
    attempt: Count
    """How many attempts in a row have failed."""
    retry_at: Time | None
    """When it is tried again; null: it is not."""
    last_error: str | None
    """Why the last connection ended or could not be had."""
    queued: Count
    """Calls that wait, without the one that is out."""


class ChaosNumbers(TypedDict):
    """How the connection is spoilt, in both directions; see the command `chaos`."""

    latency_ms: float
    jitter_ms: float
    burst_ms: float
    drop_pct: float
    duplicate_pct: float
    malformed_pct: float
    half_open: bool
    seed: int


class OneDisplay(TypedDict):
    """Which of several displays."""

    instance: str | None
    evse: Count
    """Its EVSE; 0: the station's."""
    connector: Count
    """Its connector; 0: none."""


class DisplayLine(TypedDict):
    """What a display shows, in turn with its other lines."""

    about: str
    """`message` of the CSMS, `tariff`, `cost` or `total_cost`."""
    id: int | None
    """Of the CSMS's message."""
    priority: Priority | None
    evse: Number | None
    """The EVSE that it is about; null: the whole station."""
    display: OneDisplay | None
    """null: the main one."""
    content: str
    format: Literal["ASCII", "HTML", "URI", "UTF8"]
    language: str | None


class StationView(TypedDict):
    """A station, without what only its daemon knows."""

    station: str
    """The OCPP identity, as it is; in topics it is percent-encoded."""
    seq: Count
    """Events so far."""
    power: bool
    """Whether it has mains power."""
    network: bool
    """Whether its network cable is in, so to speak."""
    csms: CsmsLink
    chaos: ChaosNumbers | None
    """null: the connection is left alone."""
    operative: bool
    faults: list[str]
    """Codes of all its connectors."""
    display: list[DisplayLine]
    vendor: str
    model: str
    firmware: str


class StationState(StationView, Stamped):
    """`station/<id>/state`."""

    daemon: str
    """The daemon whose station it is."""
    boot: str
    """Names the run of the daemon."""


# The EVSE


class ReservationView(TypedDict):
    """Who is expected at an EVSE."""

    id: int
    id_token: str
    """`***` in place of a PIN."""
    expires: Time


class CostView(TypedDict):
    """What the transaction costs, or the last one has cost."""

    amount: float
    """In `currency`."""
    currency: str
    is_total: bool
    """Whether the transaction is over."""


class CarView(TypedDict):
    """What the car is; its state of charge is in the meter."""

    capacity_wh: float
    """Of the battery, in Wh."""
    max_w: float
    """The most that it takes, in W."""
    max_a: float | None
    """The most that it takes of a line, in A; null: no limit of its own."""
    phases: Annotated[int, Ge(1), Le(3)]
    max_discharge_w: NotRequired[float]
    """The most that it feeds back, in W; missing: it never does."""


class TransactionView(TypedDict):
    """A transaction that runs."""

    id: str
    state: ChargingState
    """The OCPP chargingState."""
    id_token: str | None
    """Who charges; `***` in place of a PIN; null: nobody has presented a token yet."""
    started: Time
    energy_wh: int
    """Since it began, in Wh."""
    export_wh: NotRequired[int]
    """What the car has fed back since it began, in Wh; missing: nothing yet."""
    seconds: Count
    """Since it began."""
    seq_no: Count
    """Of the next TransactionEvent."""
    offline: bool
    """Whether its last event has to wait for the CSMS."""


class EvseView(TypedDict):
    """An EVSE, without the moment."""

    station: str
    evse: Number
    operative: bool
    limit_w: Count | None
    """What it may give now, in W; null: nothing limits it."""
    limit_source: str | None
    """The OCPP chargingProfilePurpose of the lowest limit; null: none, or that of the hardware."""
    operation_mode: NotRequired[str]
    """The OCPP operationMode of the charging profile that leads; missing: ChargingOnly."""
    setpoint_w: NotRequired[int | None]
    """What is to flow, in W, below 0 back to the grid; null: the mode does not say; missing: ChargingOnly."""
    reservation: ReservationView | None
    cost: CostView | None
    """null: not known."""
    ev: CarView | None
    """null: no car is there."""
    tx: TransactionView | None
    """null: none runs."""


class EvseState(EvseView, Stamped):
    """`station/<id>/evse/<e>/state`."""


class MeterView(TypedDict):
    """The meter of an EVSE, without the moment."""

    evse: Number
    power_w: int
    """Active power, in W; below 0 the car feeds back."""
    energy_wh: int
    """The register, in Wh."""
    export_wh: NotRequired[int]
    """The register of what was fed back, in Wh; missing: nothing ever was."""
    current_a: Lines
    """Of each line, in A: L1, L2, L3. DC: the first. Below 0 as the power."""
    voltage_v: Lines
    """Of each line, in V: L1, L2, L3. DC: the first."""
    soc: Annotated[float, Ge(0), Le(100)] | None
    """State of charge of the car, in percent; null: no car is there."""


class Meter(MeterView, Stamped):
    """`station/<id>/evse/<e>/meter`: at most one per `mqtt.meter_interval`."""


# The connector


class ConnectorView(TypedDict):
    """A connector, without the moment."""

    evse: Number
    connector: Number
    status: Status
    """The OCPP ConnectorStatus."""
    plugged: bool
    """Whether a cable is in, or a car on it."""
    locked: bool
    """Whether the cable is kept."""
    operative: bool
    faults: list[str]
    """Codes."""


class ConnectorState(ConnectorView, Stamped):
    """`station/<id>/evse/<e>/connector/<c>/state`."""


# The answer to `get`


class WholeEvse(EvseView):
    """An EVSE with all that it has."""

    status: Status
    meter: MeterView
    connectors: list[ConnectorView]


class WholeStation(StationView):
    """A station with all that it has."""

    evses: list[WholeEvse]


# The daemon


class DaemonInfo(TypedDict):
    """What a daemon is, without its run."""

    version: str
    api: int
    """Of the MQTT API: the 1 of `v1`."""
    stations: Count
    started: Time


class Info(DaemonInfo):
    """`daemon/<id>/info`."""

    boot: str
    """Names the run of the daemon."""


class LinksHealth(TypedDict):
    """The connections to CSMSs."""

    up: Count
    down: Count
    queued: Count
    """Calls that wait."""


class MqttHealth(TypedDict):
    """What waits for the broker."""

    queued: Count
    dropped: Count
    """Messages that had to go because too many waited."""


class Health(TypedDict):
    """`daemon/<id>/health`: every 60 s."""

    uptime_s: Count
    rss_mb: float
    """Memory in RAM, in MiB."""
    csms: LinksHealth
    mqtt: MqttHealth
    loop_lag_ms: Annotated[float, Ge(0)]
    """How late the loop was at worst lately."""


# Answers


class Refusal(TypedDict):
    """Why a command was not done."""

    code: ErrorCode
    message: str
    """For people."""
    details: NotRequired[dict[str, object]]


class _Answer(Stamped):
    command: str
    station: NotRequired[str]
    """Of a command to a station."""
    evse: NotRequired[Number]
    connector: NotRequired[Number]
    request_id: str | None
    warnings: list[str]
    """What was asked, and not heeded; for people."""
    ms: int
    """How long it took."""
    daemon: str
    duplicate: NotRequired[Literal[True]]
    """The stored answer: the same was asked before."""


class Succeeded(_Answer):
    """The command was done, or there was nothing to do."""

    ok: Literal[True]
    changed: bool
    """False: it was so before."""
    result: NotRequired[dict[str, object]]
    ignored: NotRequired[Literal["release", "debounce"]]
    """Why it was not run: the button was let go, or its contact bounces."""


class Failed(_Answer):
    """The command was not done."""

    ok: Literal[False]
    error: Refusal


class FailedStation(TypedDict):
    """Why a command was not done by one of many stations."""

    station: str
    code: ErrorCode
    message: str


class Gathered(Stamped):
    """The answer of a daemon for all its stations that were meant."""

    ok: bool
    """Whether all have done it."""
    command: str
    request_id: str | None
    matched: Count
    """Stations that were meant."""
    ok_count: Count
    errors: list[FailedStation]
    """The first ten."""
    warnings: list[str]
    ms: int
    daemon: str
    duplicate: NotRequired[Literal[True]]
