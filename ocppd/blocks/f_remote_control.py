"""F. Remote control: the CSMS starts, stops, unlocks and triggers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ocppd.blocks import (
    b_provisioning,
    c_authorization,
    c_sources,
    e_transaction_events,
    g_availability,
    j_meter_values,
    k_smart_charging,
)
from ocppd.core import on, outbox, reservations
from ocppd.core.errors import CommandError
from ocppd.core.station import Done
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

AUTHORIZE_REMOTE_START = boolean("AuthCtrlr", "AuthorizeRemoteStart", False, mutability="ReadWrite")


# RequestStartTransaction (F01, F02)


@on.call("RequestStartTransaction")
def request_start(st: Station, request: Payload) -> Payload:
    """Accept it for an EVSE that is free or whose transaction nobody is authorized for (F01.FR.13)."""
    if not st.is_online:
        return _rejected("CSNotAccepted")  # B02.FR.05
    evse = request["evseId"] if "evseId" in request else _free_evse(st, request)
    if evse is None:
        return _rejected("TxInProgress")  # F01.FR.07
    reason = _why_not_start(st, evse, request)
    if reason is not None:
        return _rejected(reason)
    if "chargingProfile" in request:  # F01.FR.10, F01.FR.12
        profile = request["chargingProfile"]
        k_smart_charging.keep_for_start(st, evse, request["remoteStartId"], profile)
    tx = st.evse(evse).transaction
    st.emit("remote_start", evse, request=request)
    return {"status": "Accepted"} | ({"transactionId": tx.id} if tx else {})


def _rejected(reason: str) -> Payload:
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}


def _why_not_start(st: Station, evse: int, request: Payload) -> str | None:
    """The reason code why nothing can be started for the request at that EVSE; None where it can."""
    if not 1 <= evse <= len(st.state.evses):
        return "UnknownEvse"
    if _is_taken(st, evse):
        return "TxInProgress"  # F01.FR.24
    asks = st.get(AUTHORIZE_REMOTE_START)
    token, group = _driver(request)
    if c_authorization.why_not(st, evse, token, group, group_known=not asks) is not None:
        return "Unspecified"  # F01.FR.21 to F01.FR.23
    if "chargingProfile" in request:  # F01.FR.26
        return k_smart_charging.why_not_start(st, evse, request["chargingProfile"])
    return None


def _driver(request: Payload) -> tuple[Payload, str | None]:
    return request["idToken"], request.get("groupIdToken", {}).get("idToken")


def _is_taken(st: Station, evse: int) -> bool:
    """Whether somebody is authorized there, or another remote start waits for the word of the CSMS."""
    calls = (*st.state.outbox.queue, st.state.outbox.in_flight)
    asked = (call.context for call in calls if call and call.action == "Authorize" and call.checked)
    waits = any(it.get("evse") == evse and it.get("remote_start_id") is not None for it in asked)
    return waits or st.evse(evse).authorization is not None


def _free_evse(st: Station, request: Payload) -> int | None:
    """An EVSE to start at (F01.FR.20): rather the one that is reserved for it, then one with a car."""
    token, group = _driver(request)
    free = [n for n, _ in st.evses() if _why_not_start(st, n, request) is None]

    def rank(evse: int) -> tuple[bool, bool]:
        reservation = reservations.fitting(st, evse, token, group)
        is_its_own = reservation is not None and reservation.evse == evse
        return not is_its_own, not any(plug.plugged for plug in st.evse(evse).connectors)

    return min(free, key=rank, default=None)


@on.event("remote_start")
def remote_start(st: Station, event: Event) -> None:
    """Authorize the token as if it were presented here, or take the CSMS's word (F01.FR.01, F01.FR.02)."""
    request = event.data["request"]
    start_id, (token, group) = request["remoteStartId"], _driver(request)
    if st.get(AUTHORIZE_REMOTE_START):
        wish = c_sources.Presented(event.evse, token, group, remote_start_id=start_id)
        c_authorization.present_remotely(st, wish)
    else:
        st.emit("authorized", event.evse, token=token, group=group, remote_start_id=start_id)


# RequestStopTransaction (F03, F04)


@on.call("RequestStopTransaction")
def request_stop(st: Station, request: Payload) -> Payload:
    """Accept it for a running transaction (F03.FR.07, F03.FR.08)."""
    if not st.is_online:
        return _rejected("CSNotAccepted")  # B02.FR.05
    evse = st.evse_of(request["transactionId"])
    if evse is None:
        return _rejected("TxNotFound")
    st.emit("remote_stop", evse)
    return {"status": "Accepted"}


# UnlockConnector (F05)


@on.call("UnlockConnector")
def unlock_connector(st: Station, request: Payload) -> Payload:
    """Let a detachable cable go, unless somebody is authorized to charge with it (F05.FR.02)."""
    evse, connector = request["evseId"], request["connectorId"]
    if not 1 <= evse <= len(st.state.evses) or not 1 <= connector <= len(st.evse(evse).connectors):
        return {"status": "UnknownConnector"}  # F05.FR.03
    return _unlock(st, evse, connector)


@on.command("unlock")
def unlock(st: Station, evse: int, connector: int) -> Done:
    """Let the cable go as UnlockConnector would."""
    st.require_power()
    response = _unlock(st, evse, connector)
    if response["status"] != "Unlocked":
        raise CommandError("invalid_state", f"the connector answers {response['status']}", response)
    return Done(result=response)


def _unlock(st: Station, evse: int, connector: int) -> Payload:
    state = st.connector(evse, connector)
    if st.evse(evse).authorization is not None and state.plugged:
        return {"status": "OngoingAuthorizedTransaction"}
    if state.plugged and st.description.hardware.evses[evse - 1].connectors[connector - 1].has_fixed_cable:
        return {"status": "UnlockFailed", "statusInfo": {"reasonCode": "FixedCable"}}
    if any(fault.code == "ConnectorLockFailure" for fault in state.faults):
        return {"status": "UnlockFailed"}  # F05.FR.05
    if state.locked:
        st.emit("unlocked", evse, connector)
    return {"status": "Unlocked"}  # F05.FR.04, F05.FR.06


# TriggerMessage (F06)

_Sends = list[Callable[[], None]]


@on.call("TriggerMessage")
def trigger_message(st: Station, request: Payload) -> Payload:
    """Answer first (F06.FR.04), then send the message with what is current."""
    place = request.get("evse", {})
    ask = st.triggers(request["requestedMessage"])
    sends: _Sends | None = ask and ask(st, place.get("id"), place.get("connectorId"))
    if sends is None:
        return {"status": "NotImplemented"}  # F06.FR.08
    if not sends or outbox.is_full(st.state.outbox):
        return {"status": "Rejected"}
    for send in sends:
        send()
    return {"status": "Accepted"}


@on.trigger("BootNotification")
def trigger_boot(st: Station, _evse: int | None, _connector: int | None) -> _Sends:
    """Not where the station is accepted already (F06.FR.17)."""
    return [partial(b_provisioning.notify_boot, st, "Triggered")] if st.state.boot.due is not None else []


@on.trigger("Heartbeat")
def trigger_heartbeat(st: Station, _evse: int | None, _connector: int | None) -> _Sends:
    """Always."""
    return [partial(st.send, "Heartbeat", {}, while_pending=True)]


@on.trigger("StatusNotification")
def trigger_status(st: Station, evse: int | None, connector: int | None) -> _Sends:
    """For one connector, which must be named (F06.FR.12)."""
    if evse is None or connector is None:
        return []
    known = 1 <= evse <= len(st.state.evses) and 1 <= connector <= len(st.evse(evse).connectors)
    return [partial(g_availability.notify_status, st, evse, connector)] if known else []


@on.trigger("MeterValues")
def trigger_meter(st: Station, evse: int | None, _connector: int | None) -> _Sends:
    """Of that EVSE, or of all."""
    found = {n: j_meter_values.aligned(st, n, "Trigger") for n, _ in st.evses() if evse in (None, n)}
    return [partial(j_meter_values.notify, st, n, values) for n, values in found.items() if values]


@on.trigger("TransactionEvent")
def trigger_transaction(st: Station, evse: int | None, _connector: int | None) -> _Sends:
    """Of the transaction at that EVSE, or of all."""
    running = [(n, place.transaction) for n, place in st.evses() if evse in (None, n)]
    return [partial(e_transaction_events.tell_now, st, n, tx) for n, tx in running if tx is not None]
