"""B. What the station is made of, and what its parts show: ChargingStation, EVSE, Connector and theirs.

The parts that can break are in `n_diagnostics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import j_measurands
from ocppd.core import session
from ocppd.core.status import (
    STATUSES,
    connector_status,
    evse_status,
    is_in_transaction,
    is_operative,
    station_status,
)
from ocppd.core.variables import Variable, boolean, decimal, integer, option, string

if TYPE_CHECKING:
    from ocppd.core.description import Hardware
    from ocppd.core.station import Station

_PHASES = ("L1", "L2", "L3")


# ChargingStation


def _supply_phases(hardware: Hardware, evse: int, _connector: int) -> str:
    found = [place.phases for place in hardware.evses]
    return str(found[evse - 1] if evse else max(found))


def _rotation(hardware: Hardware, evse: int, connector: int) -> str:
    """Phases run straight through, up to those that are not there; with DC there is nothing to turn."""
    phases = int(_supply_phases(hardware, evse, connector))
    return "RST"[:phases].ljust(3, "x") if phases else ""


def _has_a_fault(st: Station, _evse: int, _connector: int) -> str:
    return str(any(plug.faults for evse in st.state.evses for plug in evse.connectors)).lower()


VENDOR = string("ChargingStation", "VendorName", lambda hardware, _e, _c: hardware.vendor)
MODEL = string("ChargingStation", "Model", lambda hardware, _e, _c: hardware.model)
FIRMWARE = string("ChargingStation", "FirmwareVersion", read=lambda st, _e, _c: st.firmware)
SERIAL = string(
    "ChargingStation", "SerialNumber", read=lambda st, _e, _c: st.description.serial, persistent=True
)
STATION_AVAILABLE = boolean("ChargingStation", "Available", True)
STATION_STATE = option(
    "ChargingStation", "AvailabilityState", None, STATUSES, read=lambda st, _e, _c: station_status(st)
)
STATION_PROBLEM = boolean("ChargingStation", "Problem", read=_has_a_fault)
STATION_PHASES = integer("ChargingStation", "SupplyPhases", _supply_phases, minimum=0, maximum=3)
STATION_ROTATION = string("ChargingStation", "PhaseRotation", _rotation, maximum=3)


# EVSE


def _on_phase(component: str, name: str, unit: str, field: str) -> tuple[Variable[float], ...]:
    """A measurement on each phase that an EVSE has."""
    return tuple(
        decimal(
            component,
            name,
            instance=phase,
            place="evse",
            unit=unit,
            exists=lambda hardware, evse, _c, index=index: hardware.evses[evse - 1].phases > index,
            read=lambda st, evse, _c, index=index: _measured(st, evse, field, index),
        )
        for index, phase in enumerate(_PHASES)
    )


def _of_dc(component: str, name: str, unit: str, field: str) -> Variable[float]:
    return decimal(
        component,
        name,
        place="evse",
        unit=unit,
        exists=lambda hardware, evse, _c: hardware.evses[evse - 1].phases == 0,
        read=lambda st, evse, _c: _measured(st, evse, field, 0),
    )


def _measured(st: Station, evse: int, field: str, index: int) -> str:
    return _amount(getattr(j_measurands.flow(st, evse), field)[index])


def _amount(number: float) -> str:
    return f"{number:.1f}"


EVSE_AVAILABLE = boolean("EVSE", "Available", True, place="evse")
EVSE_STATE = option(
    "EVSE", "AvailabilityState", None, STATUSES, place="evse", read=lambda st, e, _c: evse_status(st, e)
)
EVSE_PHASES = integer("EVSE", "SupplyPhases", _supply_phases, place="evse", minimum=0, maximum=3)
EVSE_ROTATION = string("EVSE", "PhaseRotation", _rotation, place="evse", maximum=3)
EVSE_CURRENT = _on_phase("EVSE", "ACCurrent", "A", "current_a")
EVSE_VOLTAGE = _on_phase("EVSE", "ACVoltage", "V", "voltage_v")
EVSE_DC_CURRENT = _of_dc("EVSE", "DCCurrent", "A", "current_a")
EVSE_DC_VOLTAGE = _of_dc("EVSE", "DCVoltage", "V", "voltage_v")


# FiscalMetering, TxCtrlr: of the EVSE's meter and of the transaction that runs there


def _charged_wh(st: Station, evse: int, _connector: int) -> str | None:
    place = st.evse(evse)
    tx = place.transaction
    return None if tx is None else _amount(place.meter.energy_wh - tx.energy_start_wh)


def _charging_s(st: Station, evse: int, _connector: int) -> str | None:
    tx = st.evse(evse).transaction
    return None if tx is None else _amount(tx.charging_s)


REGISTER = decimal(
    "FiscalMetering",
    "EnergyImportRegister",
    place="evse",
    unit="Wh",
    persistent=True,
    read=lambda st, evse, _c: _amount(st.evse(evse).meter.energy_wh),
)
ENERGY_IMPORT = decimal("FiscalMetering", "EnergyImport", place="evse", unit="Wh", read=_charged_wh)
CHARGING_TIME = decimal("TxCtrlr", "ChargingTime", place="evse", unit="s", read=_charging_s)


# Connector and what belongs to it

_WITH_PILOT = ("cCCS1", "cCCS2", "cTesla", "cType1", "cType2", "sType2", "sType3")


def _connector_type(hardware: Hardware, evse: int, connector: int) -> str:
    return hardware.evses[evse - 1].connectors[connector - 1].type


def _has_pilot(hardware: Hardware, evse: int, connector: int) -> bool:
    """Whether the plug has a contact for the control pilot of IEC 61851."""
    return _connector_type(hardware, evse, connector) in _WITH_PILOT


def _has_socket(hardware: Hardware, evse: int, connector: int) -> bool:
    return not hardware.evses[evse - 1].connectors[connector - 1].has_fixed_cable


def _is_ac_with_pilot(hardware: Hardware, evse: int, connector: int) -> bool:
    return hardware.evses[evse - 1].phases > 0 and _has_pilot(hardware, evse, connector)


def _pilot(st: Station, evse: int, connector: int) -> str:
    """The state by IEC 61851: A no car, B a car that does not charge, C one that does, F not available."""
    place, state = st.evse(evse), st.connector(evse, connector)
    may_be_used = is_operative(st, evse, connector) or is_in_transaction(st, evse, connector)
    if state.faults or not may_be_used:
        return "F"
    if not state.plugged or place.car is None:
        return "A"
    description = st.description.hardware.evses[evse - 1]
    offering = session.is_offering(description, st.state, place)
    takes = offering and session.takes_energy(description, place, st.now)
    return "C" if takes else "B"


CONNECTOR_AVAILABLE = boolean("Connector", "Available", True, place="connector")
CONNECTOR_STATE = option(
    "Connector", "AvailabilityState", None, STATUSES, place="connector", read=connector_status
)
CONNECTOR_TYPE = string("Connector", "ConnectorType", _connector_type, place="connector", maximum=20)
CONNECTOR_PHASES = integer(
    "Connector", "SupplyPhases", _supply_phases, place="connector", minimum=0, maximum=3
)
CONNECTOR_ROTATION = string("Connector", "PhaseRotation", _rotation, place="connector", maximum=3)
# What is said over DC plugs is not simulated, so that the station does not claim to.
CHARGE_PROTOCOL = string(
    "Connector", "ChargeProtocol", "CPPWM", place="connector", maximum=20, exists=_is_ac_with_pilot
)
PILOT_STATE = string("CPPWMController", "State", place="connector", maximum=1, exists=_has_pilot, read=_pilot)
LOCK_ACTIVE = boolean(
    "ConnectorPlugRetentionLock",
    "Active",
    place="connector",
    exists=_has_socket,
    read=lambda st, evse, connector: str(st.connector(evse, connector).locked).lower(),
)
