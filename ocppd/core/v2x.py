"""Bidirectional power (Q, OCPP 2.1): what a car may feed back, and who besides profiles has a say in it.

The energy transfer modes that the CSMS has allowed decide whether energy may flow back at all: without any it
may not (Q01, Q02). How much is bounded by car and EVSE, and by the grid operator's LimitMaxDischarge (R04).
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ocppd.core import operation_modes, session
from ocppd.core.schemas import OCPP_21
from ocppd.core.variables import boolean, members

if TYPE_CHECKING:
    from ocppd.core.description import Hardware
    from ocppd.core.profiles import Plan
    from ocppd.core.state import FrequencySignal, Limit
    from ocppd.core.station import Station

AC_MODES = ("AC_single_phase", "AC_two_phase", "AC_three_phase", "AC_BPT")
DC_MODES = ("DC", "DC_BPT")
_OTHER_MODES = ("AC_BPT_DER", "AC_DER", "DC_ACDP", "DC_ACDP_BPT", "WPT")


# The timer of a boundary may be early by the rounding of epoch seconds.
_INSTANT = 1e-6


def _transfer_modes(hardware: Hardware, _evse: int, _connector: int) -> str:
    dc = any(it.phases == 0 for it in hardware.evses)
    ac = any(it.phases for it in hardware.evses)
    return ",".join([*(AC_MODES if ac else ()), *(DC_MODES if dc else ())])


AVAILABLE = boolean("V2XChargingCtrlr", "Available", True)
ENABLED = boolean("V2XChargingCtrlr", "Enabled", True, mutability="ReadWrite")
TRANSFER_MODES = members(
    "V2XChargingCtrlr",
    "SupportedEnergyTransferModes",
    _transfer_modes,
    (*AC_MODES, *DC_MODES, *_OTHER_MODES),
)
OPERATION_MODES = members(
    "V2XChargingCtrlr",
    "SupportedOperationModes",
    ",".join(operation_modes.SUPPORTED),
    (*operation_modes.SUPPORTED, "LocalLoadBalancing"),
)


def bidirectional(st: Station, evse: int) -> str:
    """The EnergyTransferModeEnumType of a car that may feed back at that EVSE."""
    return "AC_BPT" if st.description.hardware.evses[evse - 1].phases else "DC_BPT"


def may_discharge(st: Station, evse: int) -> bool:
    """Whether the CSMS has allowed that energy flows back there (Q01, Q02)."""
    place = st.evse(evse)
    allowed = place.authorization.energy_transfer if place.authorization is not None else None
    tx = place.transaction
    if tx is not None and tx.v2x is not None and tx.v2x.energy_transfer is not None:
        allowed = tx.v2x.energy_transfer
    is_on = st.version == OCPP_21 and st.get(AVAILABLE) and st.get(ENABLED)
    return is_on and allowed is not None and bidirectional(st, evse) in allowed


def discharge_w(st: Station, evse: int, limit: Limit, wanted_w: float) -> float:
    """How much of `wanted_w` the car there is to feed back with that limit."""
    if wanted_w <= 0 or not may_discharge(st, evse):
        return 0.0
    hardware, place = st.description.hardware.evses[evse - 1], replace(st.evse(evse), limit=limit)
    most = session.most_back_w(hardware, place, math.inf) * _percent(st) / 100
    return session.most_back_w(hardware, place, min(wanted_w, most))


def _percent(st: Station) -> float:
    """What the grid operator leaves of the most that could be fed back; what is scheduled goes first."""
    active = [it for it in st.state.der_controls if not it.superseded]
    found = [it for it in active if it.started] or [it for it in active if it.start is None]
    return min((float(it.data["pctMaxDischargePower"]) for it in found), default=100.0)


# What others tell


def told(st: Station, evse: int, plan: Plan) -> Plan:
    """The plan with the setpoints that follow from what an energy manager, the CSMS and the grid tell."""
    if all(cap.mode is None for cap in plan.caps):
        return plan
    hardware, place = st.description.hardware.evses[evse - 1], st.evse(evse)
    signal = signal_now(st)
    value = None if signal is None else signal.value
    frequency = st.state.frequency_hz or hardware.frequency_hz
    modes = [
        cap.mode and cap.mode.told(external_w=place.setpoint_w, signal=value, frequency_hz=frequency)
        for cap in plan.caps
    ]
    caps = tuple(cap._replace(mode=mode) for cap, mode in zip(plan.caps, modes, strict=True))
    return dataclasses.replace(plan, caps=caps)


def signal_now(st: Station) -> FrequencySignal | None:
    """The aFRR signal that counts, None where there was none yet (Q07)."""
    past = [it for it in st.state.signals if it.at <= st.clock + _INSTANT]
    return max(past, key=lambda it: it.at, default=None)


def next_signal(st: Station, moment: float) -> float:
    """When another one will count, on the station's clock; infinity where none waits."""
    return min((it.at for it in st.state.signals if it.at > moment), default=math.inf)
