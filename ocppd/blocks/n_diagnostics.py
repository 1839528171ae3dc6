"""N. Diagnostics: what breaks shows in the device model and is told as an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core import on
from ocppd.core.faults import DEFECTS
from ocppd.core.variables import Reader, Variable, boolean, integer

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

OFFLINE_SEVERITY = integer(
    "MonitoringCtrlr", "OfflineQueuingSeverity", 4, mutability="ReadWrite", minimum=0, maximum=9
)


def _reader(component: str, variable: str) -> Reader:
    return lambda st, evse, connector: str(_is_broken(st, evse, connector, component, variable)).lower()


def _is_broken(st: Station, evse: int, connector: int, component: str, variable: str) -> bool:
    faults = st.connector(evse, connector).faults
    return any((it.component, it.variable) == (component, variable) for it in faults)


# A variable for each part that can break, at each connector: true while the fault lasts.
DEFECT_VARIABLES: tuple[Variable[bool], ...] = tuple(
    boolean(component, variable, place="connector", read=_reader(component, variable))
    for component, variable in sorted({(it.component, it.variable) for it in DEFECTS.values()})
)


@on.event("fault", "fault_cleared")
def tell_of_the_defect(st: Station, event: Event) -> None:
    """Send a NotifyEvent; offline it waits where it is severe enough (N07, OfflineQueuingSeverity)."""
    if not st.state.power or st.state.rebooting:
        return
    part = event.data["component"], event.data["variable"]
    if event.name == "fault_cleared" and _is_broken(st, event.evse, event.connector, *part):
        return  # of two faults of one part the other one lasts
    payload = {
        "generatedAt": st.timestamp(),
        "seqNo": 0,
        "tbc": False,
        "eventData": [_event_data(st, event)],
    }
    st.send("NotifyEvent", payload, keep=event.data["severity"] <= st.get(OFFLINE_SEVERITY))


def _event_data(st: Station, event: Event) -> Payload:
    st.state.next_event_id += 1
    cleared = event.name == "fault_cleared"
    tx = st.evse(event.evse).transaction
    data: Payload = {
        "eventId": st.state.next_event_id - 1,
        "timestamp": st.timestamp(),
        "trigger": "Alerting",
        "actualValue": str(not cleared).lower(),
        "cleared": cleared,
        "techCode": event.data["code"][:50],
        "eventNotificationType": "HardWiredNotification",
        "component": {
            "name": event.data["component"],
            "evse": {"id": event.evse, "connectorId": event.connector},
        },
        "variable": {"name": event.data["variable"]},
    }
    if event.data["info"]:
        data["techInfo"] = event.data["info"][:500]
    if tx is not None:
        data["transactionId"] = tx.id
    return data
