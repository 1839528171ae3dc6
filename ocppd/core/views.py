"""What is shown to the outside: pure functions of a station's state, as the MQTT API spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import asdict

from ocppd.core import display, limits, network, session, tokens
from ocppd.core.operation_modes import CHARGING_ONLY
from ocppd.core.status import connector_status, evse_status
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.shapes import (
        CarView,
        ChaosNumbers,
        ConnectorView,
        EvseView,
        MeterView,
        ReservationView,
        StationView,
        TransactionView,
        WholeEvse,
        WholeStation,
    )
    from ocppd.core.state import Car, Evse, Fault, Transaction
    from ocppd.core.station import Event, Station

PUBLIC_EVENTS = frozenset(
    [
        "boot",
        "csms_connected",
        "csms_disconnected",
        "connector_status",
        "plugged_in",
        "unplugged",
        "authorized",
        "tx_started",
        "tx_updated",
        "tx_ended",
        "fault",
        "fault_cleared",
        "reserved",
        "limit_changed",
        "csms_request",
        "variable_changed",
        "firmware",
        "log",
        "data_transfer",
        "display",
        "battery_swap",
        "security",
        "command",
        "command_ignored",
        "station_added",
        "station_removed",
        "warning",
        "power",
        "network",
        "chaos",
        "scenario",
    ]
)
"""What leaves the daemon as an event: those of `core.event_shapes`, which a daemon need not load."""


def station_state(st: Station) -> StationView:
    """`station/<id>/state` without `daemon`, `boot` and `ts`, which the daemon knows."""
    state, csms = st.state, st.state.csms
    hardware = st.description.hardware
    return {
        "station": st.id,
        "seq": state.seq,
        "power": state.power,
        "network": state.network,
        "csms": {
            "connected": csms.connected,
            "registration": state.boot.registration,
            "url": network.in_use(st).url,
            "since": _time(csms.since if csms.connected else csms.offline_since),
            "attempt": csms.attempt,
            "retry_at": _time(csms.retry_at),
            "last_error": csms.last_error,
            "queued": len(state.outbox.queue),  # the call that is out does not wait
        },
        "chaos": cast("ChaosNumbers", asdict(state.chaos)) if state.chaos else None,
        "operative": state.operative,
        "faults": [code for evse in state.evses for plug in evse.connectors for code in _faults(plug.faults)],
        "display": [line.view() for line in display.shown(st)],
        "vendor": hardware.vendor,
        "model": hardware.model,
        "firmware": st.firmware,
    }


def evse_state(st: Station, number: int) -> EvseView:
    """`station/<id>/evse/<e>/state` without `ts`."""
    evse = st.evse(number)
    found: EvseView = {
        "station": st.id,
        "evse": number,
        "operative": evse.operative,
        "limit_w": limits.limit_w(st, number),
        "limit_source": limits.source(st, number),
        "reservation": _reservation(st, number),
        "cost": display.cost(st, evse),
        "ev": _car(evse.car) if evse.car else None,
        "tx": _transaction(st, evse, evse.transaction) if evse.transaction else None,
    }
    if evse.limit is not None and evse.limit.mode != CHARGING_ONLY:
        setpoint = evse.limit.setpoint_w
        found["operation_mode"] = evse.limit.mode
        found["setpoint_w"] = None if setpoint is None else round(setpoint)
    return found


def _reservation(st: Station, number: int) -> ReservationView | None:
    found = next((it for it in st.state.reservations if it.evse == number), None)
    if found is None:
        return None
    token = tokens.shown(found.token)["idToken"]
    return {"id": found.id, "id_token": token, "expires": format_time(found.expires)}


def _car(car: Car) -> CarView:
    """What the car is; its state of charge is the meter's to tell."""
    ev = car.ev
    found: CarView = {
        "capacity_wh": ev.capacity_wh,
        "max_w": ev.max_w,
        "max_a": ev.max_a,
        "phases": ev.phases,
    }
    if ev.max_discharge_w is not None:
        found["max_discharge_w"] = ev.max_discharge_w
    return found


def _transaction(st: Station, evse: Evse, tx: Transaction) -> TransactionView:
    found: TransactionView = {
        "id": tx.id,
        "state": tx.charging_state,
        "id_token": tokens.shown(tx.token)["idToken"] if tx.token else None,
        "started": format_time(tx.started),
        "energy_wh": round(evse.meter.energy_wh - tx.energy_start_wh),
        "seconds": int(st.now - tx.started),
        "seq_no": tx.seq_no,
        "offline": tx.offline,
    }
    if (export_wh := evse.meter.export_wh - tx.export_start_wh) > 0:
        found["export_wh"] = round(export_wh)
    return found


def meter(st: Station, number: int) -> MeterView:
    """`station/<id>/evse/<e>/meter` without `ts`."""
    evse, description = st.evse(number), st.description.hardware.evses[number - 1]
    flow = session.flow_now(description, st.state, evse, st.now)
    found: MeterView = {
        "evse": number,
        "power_w": round(flow.power_w),
        "energy_wh": round(evse.meter.energy_wh),
        "current_a": [round(amps, 1) for amps in flow.current_a],
        "voltage_v": [round(volts, 1) for volts in flow.voltage_v],
        "soc": round(evse.car.soc, 1) if evse.car else None,
    }
    if evse.meter.export_wh:
        found["export_wh"] = round(evse.meter.export_wh)
    return found


def connector_state(st: Station, number: int, connector: int) -> ConnectorView:
    """`station/<id>/evse/<e>/connector/<c>/state` without `ts`."""
    state = st.connector(number, connector)
    return {
        "evse": number,
        "connector": connector,
        "status": connector_status(st, number, connector),
        "plugged": state.plugged,
        "locked": state.locked,
        "operative": state.operative,
        "faults": _faults(state.faults),
    }


def event(st: Station, happened: Event) -> dict[str, Any]:
    """`station/<id>/event` without `seq` and `boot`."""
    places = {"evse": happened.evse, "connector": happened.connector}
    return {
        "event": happened.name,
        "station": st.id,
        **{name: number for name, number in places.items() if number},
        **happened.data,
        **({"token": tokens.shown(happened.data["token"])} if "token" in happened.data else {}),
        "cause": happened.cause,
        "request_id": happened.request_id,
        "ts": format_time(happened.ts),
    }


def whole_state(st: Station) -> WholeStation:
    """The answer to `get`: the station with its EVSEs, each with its meter and connectors."""
    return {**station_state(st), "evses": [_whole_evse(st, number) for number, _ in st.evses()]}


def _whole_evse(st: Station, number: int) -> WholeEvse:
    connectors = range(1, len(st.evse(number).connectors) + 1)
    return {
        **evse_state(st, number),
        "status": evse_status(st, number),
        "meter": meter(st, number),
        "connectors": [connector_state(st, number, connector) for connector in connectors],
    }


def _time(epoch: float | None) -> str | None:
    return None if epoch is None else format_time(epoch)


def _faults(faults: list[Fault]) -> list[str]:
    return [fault.code for fault in faults]
