"""E. A cable in a socket: when it is locked, and for whom (E05.FR.11, E06.FR.10, E09, E10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core.tokens import is_same, is_same_group
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.description import Hardware
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Evse
    from ocppd.core.station import Station


def _has_socket(hardware: Hardware) -> bool:
    return any(not it.has_fixed_cable for evse in hardware.evses for it in evse.connectors)


def _needs_socket(st: Station, value: str) -> str | None:
    return None if value == "false" or _has_socket(st.description.hardware) else "InvalidValue"


STOP_ON_UNPLUG = boolean("TxCtrlr", "StopTxOnEVSideDisconnect", True, mutability="ReadWrite")
UNLOCK_ON_UNPLUG = boolean(
    "OCPPCommCtrlr",
    "UnlockOnEVSideDisconnect",
    lambda hardware, _evse, _connector: str(_has_socket(hardware)).lower(),
    mutability="ReadWrite",
    check=_needs_socket,
)


def lock(st: Station, evse: int) -> None:
    """Hold a detachable cable while somebody is authorized; a fixed one has its lock in the car.

    A broken lock holds nothing (G05).
    """
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    if place.authorization is None:
        return
    for connector, kind in zip(place.connectors, description.connectors, strict=True):
        is_broken = any(fault.code == "ConnectorLockFailure" for fault in connector.faults)
        connector.locked = connector.plugged and not kind.has_fixed_cable and not is_broken


def lets_go(st: Station, evse: int) -> bool:
    """Whether the socket lets the cable go as soon as the car has (E09.FR.02, E09.FR.03, E10.FR.01)."""
    return st.evse(evse).authorization is not None and st.get(STOP_ON_UNPLUG) and st.get(UNLOCK_ON_UNPLUG)


def is_loose(place: Evse) -> bool:
    """Whether a cable hangs in a socket without a car."""
    return any(connector.loose for connector in place.connectors)


def keep(place: Evse) -> None:
    """Hold the cable, if it is locked, until whoever is authorized now presents the token again."""
    if any(connector.locked for connector in place.connectors):
        place.owner = place.authorization


def release(place: Evse) -> None:
    """Let the cable go."""
    place.owner = None
    for connector in place.connectors:
        connector.locked = False


def is_kept(place: Evse) -> bool:
    """Whether a cable is held for somebody who may not charge any more."""
    return place.owner is not None and any(connector.locked for connector in place.connectors)


def is_kept_for(place: Evse, token: Payload, group: str | None) -> bool:
    """Whether it is held for that token, or one of its group."""
    owner = place.owner
    if owner is None or not is_kept(place):
        return False
    return is_same(owner.token, token) or is_same_group(owner.group, group)
