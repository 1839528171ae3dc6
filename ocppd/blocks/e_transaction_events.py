"""E. What the CSMS is told of a transaction, and what it may ask (TransactionEvent, E14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ocppd.blocks import j_meter_values as meter
from ocppd.blocks.e_points import charging_state, connector_in_use
from ocppd.core import costs, on, outbox, session
from ocppd.core.operation_modes import CHARGING_ONLY
from ocppd.core.state import V2x

if TYPE_CHECKING:
    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Account, Authorization, QueuedCall, Transaction
    from ocppd.core.station import Station


def tell(
    st: Station,
    evse: int,
    tx: Transaction,
    kind: str,
    trigger: str,
    *,
    token: Payload | None = None,
    values: list[Payload] | None = None,
    limit: Payload | None = None,
) -> None:
    """Queue a TransactionEvent; what is told only once is told now (E01.FR.16, E02.FR.01).

    `limit` is the TransactionLimitType that counts from now on.
    """
    held = st.evse(evse).authorization
    fresh = held if held is not None and not held.told else None
    remote_start_id = fresh.remote_start_id if fresh else None
    if remote_start_id is not None:
        trigger = "RemoteStart"  # F01.FR.19, F02.FR.21
    info, more = _info(st, evse, tx, kind, trigger), _told_once(st, evse, tx, fresh)
    if remote_start_id is not None:
        info["remoteStartId"] = remote_start_id
    if limit is not None:
        info["transactionLimit"] = limit
    if token is not None:
        more["idToken"] = token  # E07.FR.02
    costs.follow(st, evse, tx)
    if tx.account is not None:
        more |= _cost(st, evse, tx, tx.account, info, is_due=bool(values), is_final=kind == "Ended")
    payload = {
        "eventType": kind,
        "timestamp": st.timestamp(),
        "triggerReason": trigger,
        "seqNo": tx.seq_no,
        "transactionInfo": info,
        **more,
    }
    if values:
        payload["meterValue"] = values
    tx.seq_no += 1
    st.send("TransactionEvent", payload, context={"evse": evse}, keep=True)
    _emit(st, evse, tx, kind, payload)


def _info(st: Station, evse: int, tx: Transaction, kind: str, trigger: str) -> Payload:
    """The TransactionType: chargingState when it is new (E01.FR.18), at the end why and how long."""
    info: Payload = {"transactionId": tx.id}
    state = charging_state(st, evse)
    if kind != "Updated" or state != tx.charging_state or trigger in ("ChargingStateChanged", "Trigger"):
        info["chargingState"] = tx.charging_state = state
    if is_mode_new(st, evse, tx):
        tx.v2x = tx.v2x or V2x()
        info["operationMode"] = tx.v2x.mode_told = _mode(st, evse)
    if kind == "Ended":
        info["stoppedReason"] = tx.stopped_reason or "Local"
        info["timeSpentCharging"] = int(tx.charging_s)
    return info


def _mode(st: Station, evse: int) -> str:
    limit = st.evse(evse).limit
    return CHARGING_ONLY if limit is None else limit.mode


def is_mode_new(st: Station, evse: int, tx: Transaction) -> bool:
    """Whether another OperationModeEnumType counts than was told (Q, OCPP 2.1)."""
    return _mode(st, evse) != (CHARGING_ONLY if tx.v2x is None else tx.v2x.mode_told)


def _cost(
    st: Station, evse: int, tx: Transaction, account: Account, info: Payload, *, is_due: bool, is_final: bool
) -> Payload:
    """What it costs, with what is metered and at the end (I12); by which tariff, when that is new."""
    if not account.is_told:
        account.is_told, info["tariffId"] = True, account.tariff["tariffId"]
    if not (is_due or is_final):
        return {}
    found = costs.details(st, evse, tx, account, is_final=is_final)
    tx.cost = found["totalCost"]["total"]["inclTax"]
    return {"costDetails": found}


def _told_once(st: Station, evse: int, tx: Transaction, held: Authorization | None) -> Payload:
    more: dict[str, Any] = {}
    if not st.state.csms.connected:
        more["offline"] = True  # E04.FR.03
    tx.offline = not st.state.csms.connected
    more |= _place(st, evse, tx)
    phases = session.phases_now(st.description.hardware.evses[evse - 1], st.evse(evse))
    if tx.charging_state == "Charging" and phases and phases != tx.phases_told:
        more["numberOfPhasesUsed"] = tx.phases_told = phases  # E02.FR.18
    place = st.evse(evse)
    if held is not None and place.reservation_id is not None:
        more["reservationId"] = place.reservation_id  # E01.FR.13, H01.FR.15
        place.reservation_id = None
    if held is not None:
        more["idToken"] = held.token
        held.told = True
        tx.token = held.token
    return more


def _place(st: Station, evse: int, tx: Transaction) -> Payload:
    """Where it is, once the car is there (E01.FR.16), and what its cable carries, where that is known."""
    place, connector = st.evse(evse), connector_in_use(st.evse(evse))
    if connector is None:
        return {"evse": {"id": evse}} if tx.seq_no == 0 else {}
    if tx.connector_told == connector:
        return {}
    tx.connector_told = connector
    cable = place.car.ev.cable_a if place.car is not None else None
    known = {} if cable is None else {"cableMaxCurrent": int(cable)}
    return {"evse": {"id": evse, "connectorId": connector}, **known}


def _emit(st: Station, evse: int, tx: Transaction, kind: str, payload: Payload) -> None:
    name = {"Started": "tx_started", "Updated": "tx_updated", "Ended": "tx_ended"}[kind]
    st.emit(
        name,
        evse,
        transaction_id=tx.id,
        trigger=payload["triggerReason"],
        state=tx.charging_state,
        seq_no=payload["seqNo"],
        energy_wh=round(st.evse(evse).meter.energy_wh - tx.energy_start_wh),
        **({"stopped_reason": payload["transactionInfo"]["stoppedReason"]} if kind == "Ended" else {}),
    )


def tell_rate(st: Station, evse: int) -> None:
    """Tell of the transaction at the EVSE, if there is one, that its limit has changed (K01, K12)."""
    tx = st.evse(evse).transaction
    if tx is not None and st.is_running:
        tell(st, evse, tx, "Updated", "ChargingRateChanged")


def tell_now(st: Station, evse: int, tx: Transaction) -> None:
    """Tell of the running transaction because somebody asked for it (F06.FR.07)."""
    values = meter.reading(st, evse, meter.UPDATED, "Trigger")
    tell(st, evse, tx, "Updated", "Trigger", values=values)


@on.failed("TransactionEvent")
def event_given_up(st: Station, call: QueuedCall, failure: CallError) -> None:
    """All attempts have failed: go on with the next (E13.FR.04)."""
    tx = call.payload["transactionInfo"]["transactionId"]
    text = f"the CSMS never took event {call.payload['seqNo']} of transaction {tx}: {failure}"
    st.emit("warning", call.context["evse"] if is_there(st, call) else 0, message=text)


def is_there(st: Station, call: QueuedCall) -> bool:
    """Whether the EVSE of that event still is: the hardware may have changed while it waited."""
    return call.context["evse"] <= len(st.state.evses)  # type: ignore[no-any-return]


@on.call("GetTransactionStatus")
def get_transaction_status(st: Station, request: Payload) -> Payload:
    """Whether it runs, and whether messages of it, or of any, are waiting (E14)."""
    wanted = request.get("transactionId")
    box = st.state.outbox
    events = [call for call in (*box.queue, box.in_flight) if call and outbox.is_transaction_event(call)]
    ids = {call.payload["transactionInfo"]["transactionId"] for call in events}
    if wanted is None:
        return {"messagesInQueue": bool(ids)}
    return {"ongoingIndicator": st.evse_of(wanted) is not None, "messagesInQueue": wanted in ids}
