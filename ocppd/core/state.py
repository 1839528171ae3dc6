"""Everything that a station must remember, in one tree of plain data: saving it is dumping it.

Times are epoch seconds, energy is in Wh, power in W. Every field has a default, so that a file written by
hand needs to name only what differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le

from ocppd.core.description import MonitorType
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
    """`status` is what was told to all who listen, `reported` what the CSMS was told; None: tell it anew."""

    plugged: bool = False
    locked: bool = False
    operative: bool = True
    faults: list[Fault] = field(default_factory=list)
    status: str = "Available"
    reported: str | None = None


@dataclass(slots=True)
class Car(Kept):
    """The car at an EVSE. It takes energy from `ready_at` on: None until it has been offered some."""

    soc: Annotated[float, Ge(0), Le(100)] = 20.0
    capacity_wh: Annotated[float, Ge(1), Le(1e8)] = 60_000.0
    max_w: Annotated[float, Ge(1), Le(1e7)] = 11_000.0
    max_a: Annotated[float, Ge(0)] | None = None
    phases: Annotated[int, Ge(1), Le(3)] = 3
    ready_delay_s: Annotated[float, Ge(0)] = 0.0
    ready_at: float | None = None
    suspended: bool = False


@dataclass(slots=True)
class Meter(Kept):
    """The EVSE's meter: `energy_wh` is the import register as it stood `at`, and only grows.

    `power_w` and `voltage_v` are what a command has set them to, None where the simulation decides. `key` is
    the secret it signs with, in hexadecimal, and `page` counts what it has signed.
    """

    energy_wh: float = 0.0
    at: float = 0.0
    power_w: float | None = None
    voltage_v: float | None = None
    key: str = ""
    page: int = 0


@dataclass(slots=True)
class Authorization(Kept):
    """Somebody may charge here. `token` is an IdTokenType; `told` that a TransactionEvent has carried it.

    `signed` is that the meter has signed a reading for it.
    """

    token: dict[str, Any]
    group: str | None = None
    remote_start_id: int | None = None
    told: bool = False
    suspended: bool = False
    signed: bool = False


@dataclass(slots=True)
class Transaction(Kept):
    """A running transaction; `seq_no` is the next to be used (E01.FR.07).

    `begin` and `samples` are MeterValueTypes kept for the Ended message (E06.FR.11), `stopped_reason` is
    why energy stopped before the transaction ends, `offline` that its last event had to wait.
    """

    id: str
    started: float
    energy_start_wh: float
    seq_no: int = 0
    charging_state: str = "Idle"
    connector_told: bool = False
    key_told: bool = False
    phases_told: int | None = None
    offline: bool = False
    token: dict[str, Any] | None = None
    stopped_reason: str | None = None
    charging_s: float = 0.0
    begin: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Evse(Kept):
    """`points` are the TxStartPoint conditions that held when last looked at (E01, E06).

    `reservation_id` is that of the reservation which was used and has not been told yet.
    """

    connectors: list[Connector] = field(default_factory=list)
    operative: bool = True
    parked: bool = False
    suspended: bool = False
    car: Car | None = None
    authorization: Authorization | None = None
    transaction: Transaction | None = None
    points: list[str] = field(default_factory=list)
    reservation_id: int | None = None
    meter: Meter = field(default_factory=Meter)


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
class Reset(Kept):
    """A reset to come: its ResetType, the BootReason it will give, and the latest moment for it."""

    type: str
    reason: str
    deadline: float | None = None


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
class MonitoringReport(Kept):
    """A report on monitors that is being sent page by page: the `ids` that are still to come."""

    request_id: int
    ids: list[int]
    seq_no: int = 0


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
    """A NetworkConnectionProfileType, without the identity in its `url`; `apn` and `vpn` as they came."""

    url: str
    security_profile: SecurityProfile
    message_timeout: Annotated[int, Ge(1), Le(31_536_000)] = 30
    interface: str = "Wired0"
    apn: dict[str, Any] | None = None
    vpn: dict[str, Any] | None = None


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
class State(Kept):
    """One station.

    `settings` describe it where the configuration does not, with the keys of `stations[]` there;
    `configured` tells that the configuration does, so that it is not started once it is gone from there.
    `certificates` is None where they are the ones that the configuration installed. `pnc_refused` is that
    plug and charge is off until the next boot, as the CSMS would not sign a certificate for it (A02.FR.21).
    """

    settings: dict[str, Any] = field(default_factory=dict)
    configured: bool = False
    power: bool = True
    network: bool = True
    wanted: bool = True
    rebooting: bool = False
    operative: bool = True
    evses: list[Evse] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    certificates: list[Certificate] | None = None
    signings: list[Signing] = field(default_factory=list)
    pnc_refused: bool = False
    profiles: NetworkProfiles = field(default_factory=NetworkProfiles)
    reservations: list[Reservation] = field(default_factory=list)
    boot: Boot = field(default_factory=Boot)
    csms: Csms = field(default_factory=Csms)
    outbox: Outbox = field(default_factory=Outbox)
    timers: dict[str, float] = field(default_factory=dict)
    requests: dict[int, Request] = field(default_factory=dict)
    reset: Reset | None = None
    report: Report | None = None
    monitors: list[Monitor] = field(default_factory=list)
    next_monitor_id: int = 1001
    monitoring_report: MonitoringReport | None = None
    clock_offset: float = 0.0
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
    if not state.nonce:
        draw = Random(seed)  # noqa: S311 - a simulation, not a secret
        state.seed, state.nonce = draw.getrandbits(64), f"{draw.getrandbits(64):016x}"
    for evse in state.evses:
        if not evse.meter.key:
            draw = Random(state.seed)  # noqa: S311 - a simulation, not a secret
            state.seed, evse.meter.key = draw.getrandbits(64), f"{draw.getrandbits(256):064x}"
    for number, evse in gone:
        if evse.transaction is not None:
            _end_for_good(state, number, evse, evse.transaction)
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
    """Drop timers, open commands and calls of places that are no more; transactions are told to their end."""
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
