"""A transaction (E)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ocppd.core.description import Percent
from ocppd.core.kept import Kept
from ocppd.core.state.display import Text
from ocppd.core.state.smart_charging import EvTalk, V2x
from ocppd.core.state.tariff import Account, Cost

ChargingState = Literal["Charging", "EVConnected", "SuspendedEV", "SuspendedEVSE", "Idle"]


class TxLimit(Kept):
    """A TransactionLimitType: what a transaction may cost, take and last, and how full the car may become.

    `reached` is the TriggerReasonEnumType of the one that was told to be reached.
    """

    cost: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    energy_wh: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    seconds: Annotated[float, Meta(ge=0, le=1e12)] | None = None
    soc: Percent | None = None
    reached: str | None = None


class Transaction(Kept):
    """A running transaction; `seq_no` is the next to be used (E01.FR.07).

    `begin` and `samples` are MeterValueTypes kept for the Ended message (E06.FR.11), `stopped_reason` is
    why energy stopped before the transaction ends, `offline` that its last event had to wait,
    `connector_told` the connector that was told last, 0 where none was. `charging_s` and `discharging_s` are
    for how long energy has flowed to the car and back.
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
    discharging_s: float = 0.0
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
