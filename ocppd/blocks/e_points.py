"""E. What holds at an EVSE: the conditions of TxStartPoint and TxStopPoint, and the charging state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import session
from ocppd.core.status import is_operative
from ocppd.core.variables import boolean, members

if TYPE_CHECKING:
    from ocppd.core.state import ChargingState, Evse
    from ocppd.core.station import Station

_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
_START_POINTS = (*_POINTS, "DataSigned")  # which is no stop point (E06.FR.05)
START_POINT = members(
    "TxCtrlr", "TxStartPoint", "EVConnected,Authorized", _START_POINTS, mutability="ReadWrite"
)
STOP_POINT = members("TxCtrlr", "TxStopPoint", "EVConnected", _POINTS, mutability="ReadWrite")
BEFORE_ACCEPTED = boolean("TxCtrlr", "TxBeforeAcceptedEnabled", False, mutability="ReadWrite")


def conditions(st: Station, evse: int, in_bay: bool | None = None) -> list[str]:
    """The TxStartPoint conditions that hold at the EVSE now; `in_bay`: of the bay it is known better."""
    place = st.evse(evse)
    plugged = is_connected(place)
    connected = plugged and (place.transaction is not None or _is_usable(st, evse))
    stands = place.parked or plugged if in_bay is None else in_bay
    held = {
        "ParkingBayOccupancy": stands and has_bay_sensor(st, evse),
        "EVConnected": connected,
        "Authorized": place.authorization is not None,
        "DataSigned": place.authorization is not None and place.authorization.signed,
        "PowerPathClosed": connected and place.authorization is not None,
        "EnergyTransfer": charging_state(st, evse) == "Charging",
    }
    return [point for point, holds in held.items() if holds]


def charging_state(st: Station, evse: int) -> ChargingState:
    """The ChargingStateEnumType of the EVSE."""
    place = st.evse(evse)
    if not is_connected(place):
        return "Idle"
    if place.authorization is None:
        return "EVConnected"
    description = st.description.hardware.evses[evse - 1]
    if not session.is_offering(description, st.state, place):
        return "SuspendedEVSE"
    if place.car is None or place.car.ready_at is None:
        return "EVConnected"
    return "Charging" if session.takes_energy(description, place, st.now) else "SuspendedEV"


def is_connected(place: Evse) -> bool:
    """Whether a cable is in, with a car at its end."""
    return connector_in_use(place) is not None


def connector_in_use(place: Evse) -> int | None:
    """The connector at which the car is."""
    for number, it in enumerate(place.connectors, start=1):
        if it.plugged and not it.loose:
            return number
    return None


def _is_usable(st: Station, evse: int) -> bool:
    """Whether the connector with the cable is neither faulted nor set Inoperative."""
    return any(
        state.plugged and not state.faults and is_operative(st, evse, number)
        for number, state in enumerate(st.evse(evse).connectors, start=1)
    )


def may_start(st: Station) -> bool:
    """Whether the CSMS has accepted the station, or transactions need not wait for that (B02.FR.03)."""
    return st.state.boot.due is None or st.get(BEFORE_ACCEPTED)


def has_bay_sensor(st: Station, evse: int) -> bool:
    """Whether the bay has a sensor: it does where a start or stop point, or a transaction, needs it."""
    sensor, place = "ParkingBayOccupancy", st.evse(evse)
    is_needed = place.transaction is not None and sensor in place.points
    return is_needed or sensor in st.get(START_POINT) or sensor in st.get(STOP_POINT)


def bay_decides(st: Station, evse: int) -> bool:
    """Whether the sensor tells something new: where a cable is in, a car stands in the bay anyway."""
    return has_bay_sensor(st, evse) and not is_connected(st.evse(evse))
