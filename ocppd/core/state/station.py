"""The tree itself."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from ocppd.core.chaos import Chaos
from ocppd.core.description import DataTransferAnswer
from ocppd.core.kept import Kept
from ocppd.core.state.authorization import BatterySwap, LocalList, Reservation, WrongCodes
from ocppd.core.state.diagnostics import EventStream, LogUpload, Monitor, MonitoringReport
from ocppd.core.state.display import DisplayMessage
from ocppd.core.state.evse import Evse
from ocppd.core.state.firmware import FirmwareUpdate, Publication
from ocppd.core.state.messages import Csms, Held, Outbox, Override, Request
from ocppd.core.state.provisioning import Boot, NetworkProfiles, Report, Reset
from ocppd.core.state.security import Certificate, SecurityEvent, Signing
from ocppd.core.state.smart_charging import ChargingProfile, DerControl, FrequencySignal
from ocppd.core.state.tariff import DefaultTariff


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
    frequency_hz: Annotated[float, Meta(ge=1, le=1000)] | None = None
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
