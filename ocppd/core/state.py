"""Everything that a station must remember, in one tree of plain data: saving it is dumping it.

Times are epoch seconds, energy is in Wh, power in W. Every field has a default, so that a file written by
hand needs to name only what differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len

from ocppd.core.chaos import Chaos
from ocppd.core.description import Car as Ev
from ocppd.core.description import DataTransferAnswer, MonitorType, Percent
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.description import Hardware


@dataclass(slots=True)
class Kept:
    """What a state file may hold; a misspelt key in one is an error, and not a default."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}


@dataclass(slots=True)
class Fault(Kept):
    """A defect as `fault` reported it; `component` is the part that has it, `until` when it heals itself."""

    code: str
    component: str
    variable: str = "Problem"
    severity: int = 3
    info: str = ""
    until: float | None = None


@dataclass(slots=True)
class Connector(Kept):
    """`status` is what was told to all who listen, `reported` what the CSMS was told; None: tell it anew.

    `loose` is that the cable that is in has no car at its other end.
    """

    plugged: bool = False
    loose: bool = False
    locked: bool = False
    operative: bool = True
    faults: list[Fault] = field(default_factory=list)
    status: str = "Available"
    reported: str | None = None


@dataclass(slots=True)
class Car(Kept):
    """The car at an EVSE: what it is, shared with all of its kind, and how it is doing.

    It takes energy from `ready_at` on: None until it has been offered some. `drawn_w` is what it drew when
    the meter was last settled, below 0 where it fed back, kept where its power is ramped. `departure` is when
    the driver wants to leave.
    """

    ev: Ev = field(default_factory=Ev)
    soc: Percent = 20.0
    ready_at: float | None = None
    suspended: bool = False
    drawn_w: Annotated[float, Ge(-1e12), Le(1e12)] = 0.0
    departure: float | None = None


Volts = Annotated[float, Gt(0), Le(1e12)]


@dataclass(slots=True)
class Meter(Kept):
    """The EVSE's meter: `energy_wh` is the import register as it stood `at`, and only grows.

    `power_w` and `voltage_v`, of all phases or of each, are what a command has set them to, None where the
    simulation decides. `export_wh` is what was fed back, which only grows, too. `reactive_varh` and
    `apparent_vah` are other registers. `marks` are what the active and the reactive one, and that of export
    where there was any, showed at the latest sample of a series, for the next that tells of the interval
    between.

    `key` is the secret it signs with, in hexadecimal. `page` counts what it has signed of transactions,
    `idle_page` what it has signed besides; with `forges` it tells another register than it signs.
    """

    energy_wh: float = 0.0
    at: float = 0.0
    reactive_varh: float = 0.0
    apparent_vah: float = 0.0
    export_wh: Annotated[float, Ge(0), Le(1e15)] = 0.0
    power_w: float | None = None
    voltage_v: Volts | tuple[Volts, Volts, Volts] | None = None
    marks: dict[str, tuple[float, float] | tuple[float, float, float]] | None = None
    key: str = ""
    page: int = 0
    idle_page: int = 0
    forges: bool = False


@dataclass(slots=True)
class Text(Kept):
    """A MessageContentType: what a display can show."""

    content: Annotated[str, Len(0, 1024)]
    format: Literal["ASCII", "HTML", "URI", "UTF8"] = "UTF8"
    language: Annotated[str, Len(0, 8)] | None = None


Cost = Annotated[float, Ge(-1e12), Le(1e12)]


@dataclass(slots=True)
class Bill(Kept):
    """What is shown when a transaction is over: its `cost`, None where it could not be learnt (I03, I05)."""

    cost: Cost | None = None


@dataclass(slots=True)
class Display(Kept):
    """One of several displays: the instance of its component and where it stands, 0 the level above."""

    instance: str | None = None
    evse: int = 0
    connector: int = 0


Priority = Literal["AlwaysFront", "InFront", "NormalCycle"]


@dataclass(slots=True)
class DisplayMessage(Kept):
    """A MessageInfoType that the CSMS has set (O01, O02); `display` None is the main one.

    From `start` to `end`, moments on the station's own clock, it is shown while the station is in `state`.
    """

    id: Annotated[int, Ge(0), Le(2_147_483_647)]
    priority: Priority
    text: Text
    state: Literal["Charging", "Faulted", "Idle", "Unavailable"] | None = None
    start: float | None = None
    end: float | None = None
    transaction_id: str | None = None
    display: Display | None = None


@dataclass(slots=True)
class Authorization(Kept):
    """Somebody may charge here. `token` is an IdTokenType; `told` that a TransactionEvent has carried it.

    `priority` is its chargingPriority (-9 to 9). `refused` is that the CSMS, told of it, has not accepted it,
    `suspended` that for this reason no more energy is given (E05).

    `signed` is that the meter has signed a reading for it. `tariff` is the driver's own (I01), `languages`
    are those that the driver prefers, the first one most (O01.FR.08). `energy_transfer` are the
    EnergyTransferModeEnumTypes that the CSMS has allowed to it (Q01), None: it has named none.
    """

    token: dict[str, Any]
    group: str | None = None
    remote_start_id: int | None = None
    told: bool = False
    refused: bool = False
    suspended: bool = False
    signed: bool = False
    tariff: Text | None = None
    languages: tuple[str, ...] = ()
    priority: Annotated[int, Ge(-9), Le(9)] | None = None
    energy_transfer: tuple[str, ...] | None = None


@dataclass(slots=True)
class EvTalk(Kept):
    """What an ISO 15118 car and the CSMS have told each other in a transaction (K15 to K17).

    `status` is what the CSMS said of the car's needs: None, not yet. Of several schedules in a profile the
    car has `selected` one, counted from 0. `schedule` is the ChargingScheduleType that the car follows
    `since` that moment on the station's own clock, once the CSMS has accepted it.
    """

    status: Literal["Accepted", "Rejected", "Processing", "Unanswered"] | None = None
    selected: Annotated[int, Ge(0), Le(2)] = 0
    schedule: dict[str, Any] | None = None
    since: float = 0.0


@dataclass(slots=True)
class DefaultTariff(Kept):
    """A TariffType as it came, for the transactions at that EVSE (I07)."""

    evse: Annotated[int, Ge(1)]
    tariff: dict[str, Any]


@dataclass(slots=True)
class DriverTariff(Kept):
    """The TariffType that came with an IdTokenType (I08)."""

    token: dict[str, Any]
    tariff: dict[str, Any]


@dataclass(slots=True)
class Account(Kept):
    """What a transaction costs by its `tariff` (I12).

    `sums` are the costs without and with taxes, by the dimensions of the tariff, until the moment `at`, when
    the EVSE's register stood at `energy_wh` and the transaction had charged for `charging_s`. `is_changed` is
    that the CSMS has given it another tariff than it began with (I11),
    `is_told` that the CSMS knows of it.
    """

    tariff: dict[str, Any]
    at: float
    energy_wh: float
    charging_s: float
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    is_changed: bool = False
    is_told: bool = False


ChargingState = Literal["Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"]


@dataclass(slots=True)
class V2x(Kept):
    """A transaction in which a car may do more than charge (Q).

    `energy_transfer` are the EnergyTransferModeEnumTypes that the CSMS has allowed while it runs, None: those
    of the authorization. `mode_told` is the OperationModeEnumType that was told last.
    """

    energy_transfer: tuple[str, ...] | None = None
    mode_told: str = "ChargingOnly"


@dataclass(slots=True)
class TxLimit(Kept):
    """A TransactionLimitType: what a transaction may cost, take and last, and how full the car may become.

    `reached` is the TriggerReasonEnumType of the one that was told to be reached.
    """

    cost: Annotated[float, Ge(0), Le(1e12)] | None = None
    energy_wh: Annotated[float, Ge(0), Le(1e12)] | None = None
    seconds: Annotated[float, Ge(0), Le(1e12)] | None = None
    soc: Percent | None = None
    reached: str | None = None


@dataclass(slots=True)
class Transaction(Kept):
    """A running transaction; `seq_no` is the next to be used (E01.FR.07).

    `begin` and `samples` are MeterValueTypes kept for the Ended message (E06.FR.11), `stopped_reason` is
    why energy stopped before the transaction ends, `offline` that its last event had to wait,
    `connector_told` the connector that was told last, 0 where none was.
    `tariff` and `cost` are what the CSMS has told of it since it began (I02, I06).
    `power_path_closed` is when energy could first be delivered, in epoch seconds: Relative profiles count
    from then. `rate_w` is the power of which the CSMS knows, where a limit has changed it (K11.FR.04). `talk`
    is that of an ISO 15118 car, `account` what the station itself counts, `has_priority` that its
    PriorityCharging profile counts (K21). `v2x` is there where more than charging is concerned,
    `limit` where the CSMS has set one to the transaction itself (E16).
    """

    id: str
    started: float
    energy_start_wh: float
    reactive_start_varh: float = 0.0
    export_start_wh: float = 0.0
    seq_no: int = 0
    charging_state: ChargingState = "Idle"
    connector_told: int = 0
    key_told: bool = False
    phases_told: int | None = None
    offline: bool = False
    token: dict[str, Any] | None = None
    stopped_reason: str | None = None
    charging_s: float = 0.0
    begin: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    tariff: Text | None = None
    cost: Cost | None = None
    power_path_closed: float | None = None
    rate_w: float | None = None
    talk: EvTalk | None = None
    account: Account | None = None
    has_priority: bool = False
    v2x: V2x | None = None
    limit: TxLimit | None = None


@dataclass(slots=True)
class Limit(Kept):
    """The most that an EVSE may give now, as its charging profiles and external limits say (K01.FR.38).

    `power_w` counts for all phases together, `current_a` for each; None: the other one, or no limit. Both 0:
    nothing is given. `phases` (1 to 3) is how many may be used and `phase` which one, None where it is open.
    `source` is the ChargingProfilePurpose of what limits most, or `Hardware` for the station's own maximum.

    `mode` is the OperationModeEnumType of the profile that leads, `setpoint_w` what it wants to flow, below 0
    back to the grid, None where it does not say. `discharge_w` is what the car is to feed back while it has
    it, as far as car and station can; with that it is given nothing.
    """

    power_w: Annotated[float, Ge(0)] | None = None
    current_a: Annotated[float, Ge(0)] | None = None
    phases: Annotated[int, Ge(1), Le(3)] | None = None
    phase: Annotated[int, Ge(1), Le(3)] | None = None
    source: str = "TxProfile"
    mode: str = "ChargingOnly"
    setpoint_w: Annotated[float, Ge(-1e12), Le(1e12)] | None = None
    discharge_w: Annotated[float, Ge(0), Le(1e12)] = 0.0


@dataclass(slots=True)
class ChargingProfile(Kept):
    """A ChargingProfileType as it came, for that EVSE, 0 for the station, and who has set it.

    `source` is its ChargingLimitSourceEnumType. `remote_start_id` is that of the transaction which is still
    to start with it (K05). Of an external one, `told` is the limit that the CSMS knows, and None: tell it.
    """

    evse: Annotated[int, Ge(0)]
    profile: dict[str, Any]
    source: str = "CSO"
    remote_start_id: int | None = None
    told: float | None = None


ResetType = Literal["Immediate", "ImmediateAndResume", "OnIdle"]


@dataclass(slots=True)
class Reset(Kept):
    """A reset to come, of the station or of an EVSE, and the BootReason that it gives.

    It has begun where there is a `deadline`: of a station the latest moment to go down, of an EVSE the moment
    when it is up again. Without one it waits until nobody uses what is to be reset.
    """

    type: ResetType
    reason: str
    deadline: float | None = None


@dataclass(slots=True)
class Evse(Kept):
    """`points` are the TxStartPoint conditions that held when last looked at (E01, E06).

    `reservation_id` is that of the reservation which was used and has not been told yet. `owner` is whose
    cable is kept locked though that authorization has ended (E05.FR.11, E09.FR.03). `setpoint_w` is what an
    energy manager on site wants to flow (Q05), below 0 back to the grid; None: it wants nothing.
    """

    connectors: list[Connector] = field(default_factory=list)
    operative: bool = True
    parked: bool = False
    suspended: bool = False
    car: Car | None = None
    authorization: Authorization | None = None
    owner: Authorization | None = None
    transaction: Transaction | None = None
    points: list[str] = field(default_factory=list)
    reservation_id: int | None = None
    limit: Limit | None = None
    setpoint_w: Annotated[float, Ge(-1e9), Le(1e9)] | None = None
    meter: Meter = field(default_factory=Meter)
    bill: Bill | None = None
    driver_tariff: DriverTariff | None = None
    reset: Reset | None = None


@dataclass(slots=True)
class QueuedCall(Kept):
    """A CALL on its way to the CSMS. `context` is what its sender wants to know when the answer comes."""

    action: str
    payload: dict[str, Any]
    id: str
    context: dict[str, Any] = field(default_factory=dict)
    keep: bool = False
    first: bool = False
    while_pending: bool = False
    checked: bool = True
    attempts: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class Outbox(Kept):
    """The calls that wait, in order, and the one that is out (Part 4, 4.1.1).

    `overflowing` is that some were lost for want of room, and that this has been told.
    """

    queue: list[QueuedCall] = field(default_factory=list)
    in_flight: QueuedCall | None = None
    next_id: int = 1
    dropped: int = 0
    overflowing: bool = False


@dataclass(slots=True)
class Csms(Kept):
    """The connection: `since` it is up, or `offline_since` it is down; the rest tells of the attempts.

    `alarms` are the security events that have been told of the attempts since there was a connection.
    """

    connected: bool = False
    protocol: str | None = None
    since: float | None = None
    offline_since: float | None = None
    attempt: int = 0
    retry_at: float | None = None
    last_error: str | None = None
    alarms: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Boot(Kept):
    """`due` is the BootReason of a notification that the CSMS has not accepted yet (B01 to B03)."""

    due: str | None = "PowerUp"
    registration: str | None = None
    interval: int = 0


@dataclass(slots=True)
class Request(Kept):
    """A command from outside: what its answer must say. `id` is the asker's, `key` the daemon's own."""

    key: int
    command: str
    station: str
    evse: int | None = None
    connector: int | None = None
    request_id: str | None = None
    cause: str = ""
    received: float = 0.0
    wait: bool = True
    timeout_s: float = 30.0
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report(Kept):
    """A report that is being sent page by page: the `keys` of the slots that are still to come."""

    request_id: int
    keys: list[str]
    seq_no: int = 0


@dataclass(slots=True)
class Monitor(Kept):
    """A watch on the variable whose slot has that key (N04); `kind` is an EventNotificationEnumType.

    `active` is off where the CSMS has switched a preconfigured one off. What the CSMS was told is `exceeded`,
    that the threshold was passed, and `base`, the value from which a Delta counts. `due` is when a periodic
    one comes next: on the station's clock where it is aligned to that.
    """

    id: int
    variable: str
    type: MonitorType
    value: Annotated[float, Ge(-1e18), Le(1e18)]
    severity: Annotated[int, Ge(0), Le(9)]
    transaction: bool = False
    kind: str = "CustomMonitor"
    active: bool = True
    exceeded: bool = False
    base: str | None = None
    due: float | None = None


@dataclass(slots=True)
class EventStream(Kept):
    """What the periodic monitor of that id finds is sent as a stream (N11), where the CSMS has it open.

    A portion leaves after `interval` seconds, or with so many `values`; 0: that is no reason. What waits are
    the moments on the station's clock with what was `found` then; they leave when they are `due`.
    """

    id: Annotated[int, Ge(0)]
    interval: Annotated[int, Ge(0), Le(31_536_000)] = 0
    values: Annotated[int, Ge(0), Le(100)] = 0
    is_open: bool = False
    found: list[tuple[float, str]] = field(default_factory=list)
    due: float | None = None


@dataclass(slots=True)
class MonitoringReport(Kept):
    """A report on monitors that is being sent page by page: the `ids` that are still to come."""

    request_id: int
    ids: list[int]
    seq_no: int = 0


@dataclass(slots=True)
class SecurityEvent(Kept):
    """An entry of the security log; `at` is the moment on the station's own clock."""

    type: str
    at: Annotated[float, Ge(0), Le(253_402_300_799)]
    info: str = ""


@dataclass(slots=True)
class LogUpload(Kept):
    """A log that is being uploaded, or waits to be tried again (N01).

    `url` may hold a password. `oldest` and `latest`, on the station's own clock, bound what is in the log.
    """

    request_id: int
    type: str
    url: str = field(repr=False)
    name: str
    retries: int
    interval: int
    oldest: float | None = None
    latest: float | None = None


@dataclass(slots=True)
class FirmwareUpdate(Kept):
    """An update under way (L01, L02), between its UpdateFirmware and the last status that is told of it.

    `url` may hold a password. From `retrieve_at` it is downloaded, from `install_at` installed, both in epoch
    seconds; None: as soon as possible. The image is a `version`, and what makes it useless is its `flaw`.
    `closes` is that nobody may begin to charge, `fail` how it is to end by somebody's command.
    """

    request_id: int
    url: str = field(repr=False)
    retrieve_at: float
    install_at: float | None
    retries: int
    interval: int
    signature: str | None = None
    certificate: str | None = None
    stage: Literal["scheduled", "downloading", "waiting", "installing", "rebooting"] = "scheduled"
    told_downloading: bool = False
    paused: bool = False
    closes: bool = False
    version: str = ""
    flaw: str = ""
    fail: str | None = None


@dataclass(slots=True)
class Publication(Kept):
    """A firmware file that is served to others here, or on its way to be (L03); `checksum` is its MD5.

    `url` may hold a password. Its fetching failed where there is a `retry_at`, in epoch seconds. `downloads`
    is how many fetch it from here at this moment.
    """

    request_id: int
    url: str = field(repr=False)
    checksum: str
    retries: int
    interval: int
    status: str = "Downloading"
    retry_at: float | None = None
    downloads: int = 0


@dataclass(slots=True)
class Reservation(Kept):
    """Kept until `expires` for the `token` (IdTokenType) and its `group`: an EVSE, one of a type, or any."""

    id: int
    expires: float
    token: dict[str, Any]
    group: str | None = None
    evse: int | None = None
    connector_type: str | None = None


@dataclass(slots=True)
class BatterySwap(Kept):
    """A swap of batteries under way: by which id it is known, and for whom, an IdTokenType (S01, S02)."""

    request_id: int
    token: dict[str, Any]


@dataclass(slots=True)
class DerControl(Kept):
    """A LimitMaxDischargeType as it came (R04): a default one, or to `start` then, on the station's clock.

    `started` is that the CSMS was told of its start.
    """

    id: str
    data: dict[str, Any]
    start: float | None = None
    superseded: bool = False
    started: bool = False


@dataclass(slots=True)
class FrequencySignal(Kept):
    """An AFRRSignal of the CSMS (Q07): its value, and from `at` on, on the station's clock, it counts."""

    at: float
    value: int


@dataclass(slots=True)
class WrongCodes(Kept):
    """How many wrong PINs there were in a row, and until when no other may be tried (C04.FR.06)."""

    count: Annotated[int, Ge(0), Le(100)] = 0
    until: float = 0.0


@dataclass(slots=True)
class LocalList(Kept):
    """The local authorization list (D01): IdTokenInfoTypes as JSON, by the digests of their tokens."""

    version: Annotated[int, Ge(1), Le(2**31 - 1)]
    entries: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class CertificateStatus(Kept):
    """An OCSPResponse, DER in base64, and when the CSMS has told it (M06)."""

    result: str
    at: float


@dataclass(slots=True)
class Certificate(Kept):
    """One that is installed. `use` is its InstallCertificateUse or CertificateSigningUse.

    `pem` is the certificate and, of the station's own ones, the chain above it. `key` names its private key
    where the station has that: it is not kept here. `issuer` is the certificate of who has issued it, where
    that is neither itself nor in `pem`.

    `fallback` is that a newer one has taken its place and has not been proven yet, `in_turn` that the next
    connection is tried with it all the same. `statuses` are what OCSP says (M06), by serial number.
    """

    use: str
    pem: str
    key: str | None = None
    issuer: str | None = None
    fallback: bool = False
    in_turn: bool = False
    statuses: dict[str, CertificateStatus] | None = None


@dataclass(slots=True)
class Signing(Kept):
    """A certificate that the CSMS is to have signed (A02, A03).

    `use` is its CertificateSigningUse, or Combined for both. `csr` is empty until the edge has made the key
    that `key` names, or again where the CSMS has `refused`.
    `due` is when it is asked for again, after `repeats` times. `request` is the command that waits.
    """

    use: str
    key: str = ""
    csr: str = ""
    triggered: bool = False
    refused: bool = False
    repeats: int = 0
    due: float | None = None
    request: int | None = None


Slot = Annotated[int, Ge(1), Le(3)]
SecurityProfile = Annotated[int, Ge(0), Le(3)]


@dataclass(slots=True)
class NetworkProfile(Kept):
    """A NetworkConnectionProfileType, without the identity in its `url`; `apn` and `vpn` as they came.

    `identity` and `password` are for basic authentication, where the station's are not meant (OCPP 2.1).
    """

    url: str
    security_profile: SecurityProfile
    message_timeout: Annotated[int, Ge(1), Le(31_536_000)] = 30
    interface: str = "Wired0"
    apn: dict[str, Any] | None = None
    vpn: dict[str, Any] | None = None
    identity: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class NetworkProfiles(Kept):
    """The ways to a CSMS by their slots, and the `slot` in use, with its `failures` in a row (B09, B10).

    Of `stored`, an absent slot 1 is what the configuration has put there, and None that this was removed.
    What is `waiting` takes its slot at the next boot. `exhausted` is that all slots have failed since there
    was a connection, `worked` the slot of the latest one and `security_profile` its level. `reconnect` is why
    the station itself wants the connection anew, with the same slot.
    """

    stored: dict[Slot, NetworkProfile | None] = field(default_factory=dict)
    waiting: dict[Slot, NetworkProfile] = field(default_factory=dict)
    slot: Slot = 1
    failures: int = 0
    exhausted: bool = False
    worked: Slot | None = None
    security_profile: SecurityProfile | None = None
    reconnect: str | None = None


@dataclass(slots=True)
class Override(Kept):
    """How the next `times` requests of that action are answered, None: all of them, `delay_s` seconds late.

    With `payload`, with the CALLERROR `error`, or not at all. Without any of these the station answers
    itself.
    """

    action: str
    payload: dict[str, Any] | None = None
    error: str | None = None
    silent: bool = False
    delay_s: Annotated[float, Ge(0), Le(3600)] = 0.0
    times: Annotated[int, Ge(1)] | None = 1

    @property
    def is_scripted(self) -> bool:
        """Whether the station itself has no say."""
        return self.silent or self.error is not None or self.payload is not None


@dataclass(slots=True)
class Held(Kept):
    """A request of the CSMS, by its message id, that is answered when it is `due`, in epoch seconds."""

    id: str
    action: str
    payload: Any
    due: float
    override: Override


@dataclass(slots=True)
class State(Kept):
    """One station.

    `settings` describe it where the configuration does not, with the keys of `stations[]` there;
    `configured` tells that the configuration does, so that it is not started once it is gone from there.
    `certificates` is None where they are the ones that the configuration installed.
    `token_cache` is what the CSMS has said of tokens (C10), by their digests; see `c_cache.Entry`.
    `dark_since` is when the power went, in epoch seconds. `clock_jump` are the seconds by which the clock was
    last put right, 0 where that was too little to tell.
    `frequency_hz` is the grid's where a command has set it, None: as the hardware expects it.
    `scenario` names the run of a scenario that goes on here.
    `firmware` is the version that was installed here, `firmware_status` what the CSMS was last told of an
    update, with `firmware_request_id`; `publish_status` and `publish_request_id` are those of publications.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    configured: bool = False
    power: bool = True
    network: bool = True
    wanted: bool = True
    dark_since: float | None = None
    rebooting: bool = False
    operative: bool = True
    evses: list[Evse] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    certificates: list[Certificate] | None = None
    signings: list[Signing] = field(default_factory=list)
    profiles: NetworkProfiles = field(default_factory=NetworkProfiles)
    reservations: list[Reservation] = field(default_factory=list)
    charging_profiles: tuple[ChargingProfile, ...] = ()
    tariffs: tuple[DefaultTariff, ...] = ()
    der_controls: tuple[DerControl, ...] = ()
    signals: tuple[FrequencySignal, ...] = ()
    frequency_hz: Annotated[float, Ge(1), Le(1000)] | None = None
    battery_swap: BatterySwap | None = None
    token_cache: dict[str, str] | None = None
    local_list: LocalList | None = None
    wrong_codes: WrongCodes | None = None
    boot: Boot = field(default_factory=Boot)
    csms: Csms = field(default_factory=Csms)
    outbox: Outbox = field(default_factory=Outbox)
    timers: dict[str, float] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    reset: Reset | None = None
    report: Report | None = None
    monitors: list[Monitor] = field(default_factory=list)
    next_monitor_id: int = 1001
    event_streams: tuple[EventStream, ...] = ()
    monitoring_report: MonitoringReport | None = None
    security_log: list[SecurityEvent] = field(default_factory=list)
    log_upload: LogUpload | None = None
    display_messages: tuple[DisplayMessage, ...] = ()
    data_transfers: tuple[DataTransferAnswer, ...] = ()
    overrides: tuple[Override, ...] = ()
    held: tuple[Held, ...] = ()
    chaos: Chaos | None = None
    scenario: str | None = None
    firmware: str | None = None
    firmware_update: FirmwareUpdate | None = None
    firmware_status: str | None = None
    firmware_request_id: int | None = None
    publications: tuple[Publication, ...] = ()
    publish_status: str | None = None
    publish_request_id: int | None = None
    clock_offset: float = 0.0
    clock_jump: float = 0.0
    seed: int = 0
    nonce: str = ""
    next_event_id: int = 1
    seq: int = 0


def fit(state: State, hardware: Hardware, seed: int) -> None:
    """Give `state` the EVSEs and connectors that `hardware` has, and an identity of its own where it is new.

    What the hardware has no longer is forgotten; what it has more starts as factory-new. `seed` is where
    all chance of a new station comes from. A transaction of an EVSE that is gone ends with a TransactionEvent
    for the CSMS, at the last moment the station knows of, but with no event for those who listen.
    """
    gone = list(enumerate(state.evses, start=1))[len(hardware.evses) :]
    del state.evses[len(hardware.evses) :]
    state.evses += [Evse() for _ in range(len(hardware.evses) - len(state.evses))]
    for evse, description in zip(state.evses, hardware.evses, strict=True):
        del evse.connectors[len(description.connectors) :]
        evse.connectors += [Connector() for _ in range(len(description.connectors) - len(evse.connectors))]
    if is_new := not state.nonce:
        draw = Random(seed)  # noqa: S311 - a simulation, not a secret
        state.seed, state.nonce = draw.getrandbits(64), f"{draw.getrandbits(64):016x}"
    if any(not evse.meter.key for evse in state.evses):
        draw = Random(state.seed)  # noqa: S311 - as above
        for evse in state.evses:
            evse.meter.key = evse.meter.key or f"{draw.getrandbits(256):064x}"
        state.seed = draw.getrandbits(64)
    for number, evse in gone:
        if evse.transaction is not None:
            _end_for_good(state, number, evse, evse.transaction)
    if not is_new:
        _forget_gone_places(state)


def _end_for_good(state: State, number: int, evse: Evse, tx: Transaction) -> None:
    """Queue the Ended of a transaction whose EVSE is gone; offline, as no connection has survived that."""
    payload: dict[str, Any] = {
        "eventType": "Ended",
        "timestamp": format_time(evse.meter.at + state.clock_offset),
        "triggerReason": "AbnormalCondition",
        "seqNo": tx.seq_no,
        "offline": True,
        "transactionInfo": {
            "transactionId": tx.id,
            "stoppedReason": "Other",
            "timeSpentCharging": int(tx.charging_s),
        },
    }
    if values := tx.begin + tx.samples:
        payload["meterValue"] = values
    box = state.outbox
    call_id = f"{state.nonce}-{box.next_id}"
    box.next_id += 1
    box.queue.append(QueuedCall("TransactionEvent", payload, call_id, context={"evse": number}, keep=True))


def _forget_gone_places(state: State) -> None:
    """Drop all that is for places that are no more; transactions are told to their end."""
    state.charging_profiles = tuple(it for it in state.charging_profiles if _exists(state, it.evse))
    state.tariffs = tuple(it for it in state.tariffs if _exists(state, it.evse))
    for key, request in list(state.requests.items()):
        if not _exists(state, request.evse, request.connector):
            del state.requests[key]
            state.timers.pop(f"late:{key}", None)
    for name in list(state.timers):
        kind, *place = name.split(":")
        # The numbers of every timer but this are those of its place.
        if kind != "late" and not _exists(state, *(int(it) for it in place[:2] if it.isdecimal())):
            del state.timers[name]
    box = state.outbox
    box.queue = [call for call in box.queue if _may_leave(state, call)]
    if box.in_flight is not None and not _may_leave(state, box.in_flight):
        box.in_flight = None


def _may_leave(state: State, call: QueuedCall) -> bool:
    return call.action == "TransactionEvent" or _exists(state, call.context.get("evse"))


def _exists(state: State, evse: int | None = None, connector: int | None = None) -> bool:
    """Whether there is that place; the station itself, EVSE 0 or None, always is."""
    if not evse:
        return True
    return evse <= len(state.evses) and (connector or 0) <= len(state.evses[evse - 1].connectors)
