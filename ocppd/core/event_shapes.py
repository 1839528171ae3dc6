"""The shapes of the public events, `station/<id>/event`, one class an event; see `shapes`.

`views.event` builds them out of what the blocks emit. All tests of the blocks hold their events against them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, get_args, get_type_hints

from annotated_types import Ge, Le
from typing_extensions import TypedDict

from ocppd.core.errors import ErrorCode
from ocppd.core.shapes import Count, Number, Stamped
from ocppd.core.state import ChargingState
from ocppd.core.status import Status


class Happened(Stamped):
    """What every event tells."""

    station: str
    evse: NotRequired[Number]
    """Where it happened; missing: to the station."""
    connector: NotRequired[Number]
    cause: str
    """What led to it: `csms`, `link`, `daemon`, `mqtt:<command>`, `timer:<name>` or `work:<kind>`."""
    request_id: str | None
    """Of the command that led to it."""
    seq: Count
    """Counts the events of this station."""
    boot: str
    """Names the run of the daemon."""


class Token(TypedDict):
    """An IdTokenType of OCPP."""

    idToken: str
    """`***` in place of a PIN."""
    type: str
    additionalInfo: NotRequired[list[dict[str, object]]]
    customData: NotRequired[dict[str, object]]


class Boot(Happened):
    """The CSMS has answered a BootNotification."""

    event: Literal["boot"]
    registration: str
    interval: int
    """Seconds."""
    reason: str


class CsmsConnected(Happened):
    """The connection is up."""

    event: Literal["csms_connected"]
    protocol: str
    """The subprotocol, such as `ocpp2.0.1`."""


class CsmsDisconnected(Happened):
    """The connection has gone."""

    event: Literal["csms_disconnected"]
    reason: str


class WithStatus(TypedDict):
    """A connector, as it was or is."""

    status: Status


class ConnectorStatus(Happened):
    """The status of a connector has changed."""

    event: Literal["connector_status"]
    before: WithStatus
    after: WithStatus


class PluggedIn(Happened):
    """A cable, or a car, was plugged in."""

    event: Literal["plugged_in"]


class Unplugged(Happened):
    """The cable, or the car, has gone."""

    event: Literal["unplugged"]


class Authorized(Happened):
    """Somebody may charge at the EVSE now."""

    event: Literal["authorized"]
    token: Token
    group: str | None
    """The groupIdToken."""
    remote_start_id: int | None
    priority: NotRequired[int | None]
    """The chargingPriority, -9 to 9."""


class TransactionHappened(Happened):
    """A TransactionEvent was made for the CSMS."""

    transaction_id: str
    trigger: str
    """The triggerReason."""
    state: ChargingState
    seq_no: Count
    energy_wh: int
    """Since the transaction began, in Wh."""


class TxStarted(TransactionHappened):
    """A transaction has begun."""

    event: Literal["tx_started"]


class TxUpdated(TransactionHappened):
    """A transaction goes on."""

    event: Literal["tx_updated"]


class TxEnded(TransactionHappened):
    """A transaction is over."""

    event: Literal["tx_ended"]
    stopped_reason: str


class Defect(Happened):
    """A defect of a connector."""

    code: str
    component: str
    """The component of the device model that has it."""
    variable: str
    severity: Annotated[int, Ge(0), Le(9)]
    info: str


class Fault(Defect):
    """The connector is defective."""

    event: Literal["fault"]


class FaultCleared(Defect):
    """The defect is mended."""

    event: Literal["fault_cleared"]


class Reserved(Happened):
    """A reservation has come, or has gone."""

    event: Literal["reserved"]
    reservation_id: int
    status: str


class LimitChanged(Happened):
    """What the EVSE may give has changed."""

    event: Literal["limit_changed"]
    limit_w: Count | None
    """In W; null: nothing limits it."""
    limit_source: str | None
    """The chargingProfilePurpose."""


class CsmsRequest(Happened):
    """A request of the CSMS was answered."""

    event: Literal["csms_request"]
    action: str
    status: str | None
    """Of the answer; null: it has none."""
    override: NotRequired[Literal["silence", "error", "payload"]]
    """What the answer was instead of the station's own; see the command `override`."""


class VariableChanged(Happened):
    """A variable of the device model was set."""

    event: Literal["variable_changed"]
    key: str
    component: str
    variable: str
    attribute: str
    value: NotRequired[str]
    """Missing where it is a secret."""


class Firmware(Happened):
    """An update of firmware, or what is published for others, has another status."""

    event: Literal["firmware"]
    status: str
    id: int | None
    """Of the CSMS's request."""
    reason: NotRequired[str]
    published: NotRequired[str]
    """The checksum of what is published."""


class Log(Happened):
    """The upload of a log has another status."""

    event: Literal["log"]
    type: str
    id: int
    """Of the CSMS's request."""
    filename: str
    status: str
    reason: NotRequired[str]


class DataTransfer(Happened):
    """The CSMS has sent a DataTransfer."""

    event: Literal["data_transfer"]
    vendor_id: str
    message_id: str | None
    status: str
    data: object
    """As it came; null: there is none, or too much of it."""
    too_long: bool


class Displayed(Happened):
    """A display shows something else."""

    event: Literal["display"]
    about: Literal["message", "tariff", "cost", "total_cost", "web_payment"]
    id: NotRequired[int]
    """Of the message."""
    status: NotRequired[str]
    """Of the message."""
    content: NotRequired[str]
    """Of the message."""
    amount: NotRequired[float]
    """The cost, in `currency`."""
    currency: NotRequired[str]
    timeout_s: NotRequired[int]
    """How long the payment may take, in s."""


class BatterySwap(Happened):
    """The CSMS lets somebody swap batteries."""

    event: Literal["battery_swap"]
    swap_id: int
    token: Token


class Security(Happened):
    """A security event, as it is in the security log."""

    event: Literal["security"]
    type: str
    tech_info: NotRequired[str]


class Commanded(Happened):
    """A command to the station was answered."""

    event: Literal["command"]
    command: str
    ok: bool
    changed: bool
    error: NotRequired[ErrorCode]


class CommandIgnored(Happened):
    """A command to the station was not run."""

    event: Literal["command_ignored"]
    command: str
    reason: Literal["retained_command"]


class StationAdded(Happened):
    """The daemon has taken the station in, or anew."""

    event: Literal["station_added"]


class StationRemoved(Happened):
    """The daemon has let the station go."""

    event: Literal["station_removed"]


class Warned(Happened):
    """Something that somebody should know."""

    event: Literal["warning"]
    message: str
    dropped: NotRequired[int]
    """How many messages to the CSMS."""


class Switched(Happened):
    """Something is on or off now."""

    on: bool


class Power(Switched):
    """The mains power of the station has come or gone."""

    event: Literal["power"]


class Network(Switched):
    """The network of the station has come or gone."""

    event: Literal["network"]


class Chaos(Switched):
    """The connection is spoilt, or no longer; how, is there while it is on."""

    event: Literal["chaos"]
    latency_ms: NotRequired[float]
    jitter_ms: NotRequired[float]
    burst_ms: NotRequired[float]
    drop_pct: NotRequired[float]
    duplicate_pct: NotRequired[float]
    malformed_pct: NotRequired[float]
    half_open: NotRequired[bool]
    seed: NotRequired[int]


class Scenario(Happened):
    """A scenario has begun, goes on with a step, or has ended: `passed`, `failed` or `stopped`."""

    event: Literal["scenario"]
    run: str
    """As the answer to the command named it."""
    phase: Literal["started", "step", "passed", "failed", "stopped"]
    scenario: NotRequired[str]
    """Its name, or that of its file."""
    step: NotRequired[str]
    at_s: NotRequired[float]
    """When the step began, in seconds of the stations since the run began."""
    needs: NotRequired[dict[str, object]]
    """`station`, `action` and `payload` of the request that the CSMS has to send now."""
    report: NotRequired[dict[str, object]]
    """What was expected and what was seen, at the end."""
    reason: NotRequired[str]
    """Why it was stopped, or could not go on."""


EVENTS: dict[str, type[Any]] = {
    get_args(get_type_hints(it)["event"])[0]: it
    for it in (
        Boot,
        CsmsConnected,
        CsmsDisconnected,
        ConnectorStatus,
        PluggedIn,
        Unplugged,
        Authorized,
        TxStarted,
        TxUpdated,
        TxEnded,
        Fault,
        FaultCleared,
        Reserved,
        LimitChanged,
        CsmsRequest,
        VariableChanged,
        Firmware,
        Log,
        DataTransfer,
        Displayed,
        BatterySwap,
        Security,
        Commanded,
        CommandIgnored,
        StationAdded,
        StationRemoved,
        Warned,
        Power,
        Network,
        Chaos,
        Scenario,
    )
}
"""The events by name: what leaves the daemon. The other names are for the blocks alone."""
