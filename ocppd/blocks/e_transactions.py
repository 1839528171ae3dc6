"""E. Transactions: when they start and end, and what the CSMS is told of them.

Whatever happens at an EVSE, `_progress` compares the conditions of TxStartPoint and TxStopPoint with those
that held before: one that has come true may start a transaction, one that was lost may end it, and
everything else is told as Updated. `_follow` then lets energy flow or stop, which may be told in turn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from ocppd.blocks import j_meter_values as meter
from ocppd.core import on, outbox, session
from ocppd.core.errors import CallError, CommandError
from ocppd.core.faults import DEFECTS
from ocppd.core.state import Authorization, Transaction
from ocppd.core.station import UNCHANGED, Done
from ocppd.core.status import is_operative
from ocppd.core.variables import boolean, integer, members

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Evse, QueuedCall
    from ocppd.core.station import Event, Station

_POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
_START_POINTS = (*_POINTS, "DataSigned")  # which is no stop point (E06.FR.05)
START_POINT = members(
    "TxCtrlr", "TxStartPoint", "EVConnected,Authorized", _START_POINTS, mutability="ReadWrite"
)
STOP_POINT = members("TxCtrlr", "TxStopPoint", "EVConnected", _POINTS, mutability="ReadWrite")
CONNECTION_TIMEOUT = integer(
    "TxCtrlr", "EVConnectionTimeOut", 120, mutability="ReadWrite", unit="s", minimum=0
)
STOP_ON_INVALID = boolean("TxCtrlr", "StopTxOnInvalidId", True, mutability="ReadWrite")
STOP_ON_UNPLUG = boolean("TxCtrlr", "StopTxOnEVSideDisconnect", True)
BEFORE_ACCEPTED = boolean("TxCtrlr", "TxBeforeAcceptedEnabled", False, mutability="ReadWrite")
UNLOCK_ON_UNPLUG = boolean("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", True)

# A bound on the Ended message, which would grow for as long as a transaction runs (E06.FR.12).
MOST_SAMPLES = 200


# What happens at an EVSE


@on.event("parked")
def ev_detected(st: Station, event: Event) -> None:
    """A car is in the bay (E01.FR.01)."""
    if _bay_decides(st, event.evse):
        _progress(st, event.evse, "EVDetected")


@on.event("departed")
def ev_departed(st: Station, event: Event) -> None:
    """The bay is empty (E06.FR.01)."""
    if _bay_decides(st, event.evse):
        _progress(st, event.evse, "EVDeparted")


def _bay_decides(st: Station, evse: int) -> bool:
    """Whether the sensor tells something new: where a cable is in, a car stands in the bay anyway."""
    return _has_bay_sensor(st) and not _is_plugged(st.evse(evse))


@on.event("plugged_in")
def plugged_in(st: Station, event: Event) -> None:
    """The cable is in (E01.FR.02, E02, E03)."""
    evse = event.evse
    st.cancel(f"ev_timeout:{evse}")
    if _has_bay_sensor(st) and not st.evse(evse).parked:
        _arrive(st, evse, event.connector)
    _lock(st, evse)
    _progress(st, evse, "CablePluggedIn")
    _follow(st, evse)


def _arrive(st: Station, evse: int, connector: int) -> None:
    """Tell of the car as the bay sensor sees it, before its cable is in."""
    plug = st.connector(evse, connector)
    plug.plugged = False
    _progress(st, evse, "EVDetected", in_bay=True)
    plug.plugged = True


@on.event("unplugged")
def unplugged(st: Station, event: Event) -> None:
    """The cable is out: nobody is authorized any more (E09.FR.01), the transaction may end (E06.FR.02)."""
    evse = event.evse
    _deauthorize(st, evse)
    leaves_bay = _has_bay_sensor(st) and not st.evse(evse).parked
    _progress(st, evse, "EVCommunicationLost", in_bay=leaves_bay or None)
    if leaves_bay:
        _progress(st, evse, "EVDeparted")
    _follow(st, evse)


@on.event("authorized")
def authorized(st: Station, event: Event) -> None:
    """Somebody may charge (E01.FR.03), and has EVConnectionTimeOut to plug in (E03.FR.05, C01.FR.26)."""
    evse = event.evse
    place, data = st.evse(evse), event.data
    place.authorization = Authorization(data["token"], data.get("group"), data.get("remote_start_id"))
    _lock(st, evse)
    _progress(st, evse, "Authorized")
    if not _is_plugged(place):
        st.after(st.get(CONNECTION_TIMEOUT), f"ev_timeout:{evse}")
    _follow(st, evse)


@on.timer("ev_timeout")
def ev_connection_timeout(st: Station, evse: int) -> None:
    """Nobody has plugged in: the authorization lapses (E03.FR.05, E03.FR.15)."""
    place = st.evse(evse)
    if place.authorization is None or _is_plugged(place):
        return
    _deauthorize(st, evse)
    if "ParkingBayOccupancy" in st.get(STOP_POINT):
        _progress(st, evse, "EVConnectTimeout")
    else:
        _end(st, evse, "EVConnectTimeout")


@on.event("stop_authorized")
def stop_authorized(st: Station, event: Event) -> None:
    """The driver has ended the authorization (E07)."""
    _stop(st, event.evse, "StopAuthorized", "Local", token=event.data["token"])


@on.event("remote_stop")
def remote_stop(st: Station, event: Event) -> None:
    """The CSMS has ended the authorization (F03)."""
    _stop(st, event.evse, "RemoteStop", "Remote")


def _stop(st: Station, evse: int, trigger: str, reason: str, token: Payload | None = None) -> None:
    _deauthorize(st, evse)
    _progress(st, evse, trigger, reason=reason, token=token)
    _follow(st, evse)


@on.event("fault")
def fault(st: Station, event: Event) -> None:
    """A defect of the connector in use ends the transaction (E06.FR.16)."""
    if st.is_running and st.connector(event.evse, event.connector).plugged:
        _break_off(st, event.evse, event.data["code"])


def _break_off(st: Station, evse: int, code: str) -> None:
    place = st.evse(evse)
    _deauthorize(st, evse)
    if place.transaction is not None:
        defect = DEFECTS.get(code)
        place.transaction.stopped_reason = defect.stopped_reason if defect else "Other"
        _end(st, evse, "AbnormalCondition")
    place.points = conditions(st, evse)


@on.event("reset")
def reset(st: Station, event: Event) -> None:
    """An immediate reset ends every transaction first (B12.FR.04)."""
    reason = "ImmediateReset" if event.data["reason"] == "RemoteReset" else "Reboot"
    for evse, place in st.evses():
        _deauthorize(st, evse)
        if place.transaction is not None:
            place.transaction.stopped_reason = reason
            _end(st, evse, "ResetCommand")


@on.event("power_up")
def power_up(st: Station, _event: Event) -> None:
    """Transactions go on where the power cut has left them; authorizations without one have lapsed."""
    for evse, place in st.evses():
        if place.transaction is None:
            _deauthorize(st, evse)
        else:
            _go_on(st, evse, place.transaction)
        _follow(st, evse)


def _go_on(st: Station, evse: int, tx: Transaction) -> None:
    """Take a transaction up again, and notice what has become of car, cable and connector meanwhile."""
    place = st.evse(evse)
    _arm_samples(st, evse, tx)
    broken = [fault for connector in place.connectors if connector.plugged for fault in connector.faults]
    if broken:
        _break_off(st, evse, broken[0].code)
    elif missed := _missed(set(place.points), set(conditions(st, evse))):
        _progress(st, evse, missed)
    elif place.authorization is not None and not _is_plugged(place):
        st.after(st.get(CONNECTION_TIMEOUT), f"ev_timeout:{evse}")


def _missed(before: set[str], now: set[str]) -> str | None:
    """The trigger for what has changed in the dark: without power only the cable takes a token away."""
    lost = before - now - {"EnergyTransfer"}
    if lost:
        return "EVDeparted" if lost == {"ParkingBayOccupancy"} else "EVCommunicationLost"
    if "EVConnected" in now - before:
        return "CablePluggedIn"
    return "EVDetected" if "ParkingBayOccupancy" in now - before else None


@on.event("boot")
def accepted(st: Station, event: Event) -> None:
    """What was plugged in before the CSMS accepted the station counts from now."""
    if event.data["registration"] == "Accepted":
        for evse, place in st.evses():
            if place.transaction is None:
                _progress(st, evse, "CablePluggedIn")
                _follow(st, evse)


@on.event("availability_changed", "fault_cleared")
def usable_again(st: Station, _event: Event) -> None:
    """A cable in a connector that was Unavailable or Faulted counts from when it is usable."""
    for evse, place in st.evses():
        if place.transaction is None:
            _progress(st, evse, "CablePluggedIn")
            _follow(st, evse)


@on.event("ev_changed")
def ev_changed(st: Station, event: Event) -> None:
    """Car or meter are not what they were."""
    _follow(st, event.evse)


@on.timer("charge")
def charge_changes(st: Station, evse: int) -> None:
    """The car has become ready, or its battery full."""
    _follow(st, evse)


# Commands


@on.command("stop")
def stop(st: Station, evse: int, reason: str = "Local") -> Done:
    """Press the stop button of the EVSE; `reason` is the OCPP stoppedReason."""
    st.require_power()
    if reason not in _STOPPED_REASONS:
        raise CommandError("invalid_argument", f"reason: one of {', '.join(sorted(_STOPPED_REASONS))}")
    tx = st.evse(evse).transaction
    if st.evse(evse).authorization is None:
        raise CommandError("invalid_state", "nobody is authorized at this EVSE")
    _stop(st, evse, "StopAuthorized", reason)
    return Done(result={"transaction_id": tx.id if tx else None})


@on.command("suspend")
def suspend(st: Station, evse: int, by: Literal["ev", "evse"] = "ev") -> Done:
    """Pause the flow of energy: by the `ev`, or by the `evse`."""
    return _set_suspended(st, evse, by, True)


@on.command("resume")
def resume(st: Station, evse: int) -> Done:
    """End the pause, whoever has made it."""
    changed = [_set_suspended(st, evse, by, False).changed for by in ("ev", "evse")]
    return Done() if any(changed) else UNCHANGED


def _set_suspended(st: Station, evse: int, by: str, wanted: bool) -> Done:
    place = st.evse(evse)
    holder = place.car if by == "ev" else place
    if holder is None:
        if wanted:
            raise CommandError("invalid_state", "no car is plugged in")
        return UNCHANGED
    if holder.suspended == wanted:
        return UNCHANGED
    holder.suspended = wanted
    _follow(st, evse)
    return Done()


_STOPPED_REASONS = frozenset(
    [
        "DeAuthorized",
        "EmergencyStop",
        "EnergyLimitReached",
        "EVDisconnected",
        "GroundFault",
        "ImmediateReset",
        "Local",
        "LocalOutOfCredit",
        "MasterPass",
        "Other",
        "OvercurrentFault",
        "PowerLoss",
        "PowerQuality",
        "Reboot",
        "Remote",
        "SOCLimitReached",
        "StoppedByEV",
        "TimeLimitReached",
        "Timeout",
    ]
)


# What the CSMS answers and asks


@on.reply("TransactionEvent")
def event_answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """A token that the CSMS does not accept after all is handled as E05 says."""
    if not _is_there(st, call):
        return
    info = response.get("idTokenInfo")
    place = st.evse(call.context["evse"])
    if info is None or place.authorization is None:
        return
    if place.transaction is None or place.transaction.id != call.payload["transactionInfo"]["transactionId"]:
        return
    if info["status"] == "Accepted":
        place.authorization.group = info.get("groupIdToken", {}).get("idToken", place.authorization.group)
        return
    if st.get(STOP_ON_INVALID):  # E05.FR.09, E05.FR.10
        _stop(st, call.context["evse"], "Deauthorized", "DeAuthorized")
    else:  # E05.FR.02: no more energy, but the authorization stands
        place.authorization.suspended = True
        _follow(st, call.context["evse"])


@on.failed("TransactionEvent")
def event_given_up(st: Station, call: QueuedCall, failure: CallError) -> None:
    """All attempts have failed: go on with the next (E13.FR.04)."""
    tx = call.payload["transactionInfo"]["transactionId"]
    text = f"the CSMS never took event {call.payload['seqNo']} of transaction {tx}: {failure}"
    st.emit("warning", call.context["evse"] if _is_there(st, call) else 0, message=text)


def _is_there(st: Station, call: QueuedCall) -> bool:
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
    return {"ongoingIndicator": evse_of(st, wanted) is not None, "messagesInQueue": wanted in ids}


def evse_of(st: Station, transaction_id: str) -> int | None:
    """The EVSE at which that transaction runs."""
    running = ((number, evse.transaction) for number, evse in st.evses() if evse.transaction)
    return next((number for number, tx in running if tx.id == transaction_id), None)


# Samples (J02)


@on.timer("sample")
def sample(st: Station, evse: int) -> None:
    """TxUpdatedInterval has passed (J02.FR.11)."""
    tx = st.evse(evse).transaction
    if tx is None:
        return
    _arm(st, f"sample:{evse}", tx, st.get(meter.UPDATED_INTERVAL))
    values = meter.reading(st, evse, st.get(meter.UPDATED_MEASURANDS), "Sample.Periodic")
    if values:
        _tell(st, evse, tx, "Updated", "MeterValuePeriodic", values=values)


@on.timer("ended_sample")
def ended_sample(st: Station, evse: int) -> None:
    """TxEndedInterval has passed: keep the sample for the Ended message (E06.FR.11)."""
    tx = st.evse(evse).transaction
    if tx is not None:
        _arm(st, f"ended_sample:{evse}", tx, st.get(meter.ENDED_INTERVAL))
        if len(tx.samples) >= MOST_SAMPLES:
            del tx.samples[1::2]  # E06.FR.13: those between, and neither begin nor end
        tx.samples += meter.reading(st, evse, st.get(meter.ENDED_MEASURANDS), "Sample.Periodic")


@on.event("variable_changed")
def intervals_changed(st: Station, event: Event) -> None:
    """New intervals count at once."""
    if event.data["key"].startswith("SampledDataCtrlr."):
        for evse, place in st.evses():
            if place.transaction is not None:
                _arm_samples(st, evse, place.transaction)


def _arm_samples(st: Station, evse: int, tx: Transaction) -> None:
    enabled = st.get(meter.SAMPLED_ENABLED)
    _arm(st, f"sample:{evse}", tx, st.get(meter.UPDATED_INTERVAL) * enabled)
    _arm(st, f"ended_sample:{evse}", tx, st.get(meter.ENDED_INTERVAL) * enabled)


def _arm(st: Station, timer: str, tx: Transaction, interval: int) -> None:
    """Set the timer to the next multiple of `interval` since the transaction started; 0 is never."""
    st.cancel(timer)
    if interval:
        passed = math.floor((st.now - tx.started) / interval + 1e-6)
        st.at(tx.started + (passed + 1) * interval, timer)


# Questions


def conditions(st: Station, evse: int, in_bay: bool | None = None) -> list[str]:
    """The TxStartPoint conditions that hold at the EVSE now; `in_bay`: of the bay it is known better."""
    place = st.evse(evse)
    plugged = _is_plugged(place)
    connected = plugged and (place.transaction is not None or _is_usable(st, evse))
    stands = place.parked or plugged if in_bay is None else in_bay
    held = {
        "ParkingBayOccupancy": stands and _has_bay_sensor(st),
        "EVConnected": connected,
        "Authorized": place.authorization is not None,
        "DataSigned": place.authorization is not None and place.authorization.signed,
        "PowerPathClosed": connected and place.authorization is not None,
        "EnergyTransfer": charging_state(st, evse) == "Charging",
    }
    return [point for point, holds in held.items() if holds]


def charging_state(st: Station, evse: int) -> str:
    """The ChargingStateEnumType of the EVSE."""
    place = st.evse(evse)
    if not _is_plugged(place):
        return "Idle"
    if place.authorization is None:
        return "EVConnected"
    if not session.is_offering(st.state, place):
        return "SuspendedEVSE"
    if place.car is None or place.car.ready_at is None:
        return "EVConnected"
    power = session.power_w(st.description.hardware.evses[evse - 1], place, st.now)
    return "Charging" if power > 0 else "SuspendedEV"


def _is_plugged(place: Evse) -> bool:
    return any(connector.plugged for connector in place.connectors)


def _is_usable(st: Station, evse: int) -> bool:
    """Whether the connector with the cable is neither faulted nor set Inoperative."""
    return any(
        state.plugged and not state.faults and is_operative(st, evse, number)
        for number, state in enumerate(st.evse(evse).connectors, start=1)
    )


def may_start(st: Station) -> bool:
    """Whether the CSMS has accepted the station, or transactions need not wait for that (B02.FR.03)."""
    return st.state.boot.due is None or st.get(BEFORE_ACCEPTED)


def _has_bay_sensor(st: Station) -> bool:
    sensor = "ParkingBayOccupancy"
    return sensor in st.get(START_POINT) or sensor in st.get(STOP_POINT)


# The transaction


def _progress(
    st: Station,
    evse: int,
    trigger: str,
    *,
    reason: str | None = None,
    token: Payload | None = None,
    in_bay: bool | None = None,
) -> None:
    """Start, tell or end, as the points say after what `trigger` names (E01, E06).

    `reason` is the stoppedReason of what may end later only, `token` the one that has stopped. Where no
    condition is left, no stop point could ever be lost any more: that ends the transaction, too.
    """
    place = st.evse(evse)
    tx = place.transaction
    if not st.is_running or (tx is None and not may_start(st)):
        return  # looked at again when that changes
    before, place.points = set(place.points), conditions(st, evse, in_bay)
    if tx is None:
        if _starts(st, set(place.points), before):
            _start(st, evse, trigger)
        return
    tx.stopped_reason = tx.stopped_reason or reason
    lost = before - set(place.points)
    if not place.points or any(point in lost for point in st.get(STOP_POINT)):
        _end(st, evse, trigger, token)
    else:
        _tell(st, evse, tx, "Updated", trigger, token=token)


def _starts(st: Station, now: set[str], before: set[str]) -> bool:
    """A start point has come true; or somebody is authorized anew where the cable has stayed in."""
    came = now - before
    # Where somebody is authorized anew, a cable that has stayed in counts as if it had just come.
    enough = now if "Authorized" in came else came
    return any(point in enough for point in st.get(START_POINT))


def _start(st: Station, evse: int, trigger: str) -> None:
    place = st.evse(evse)
    tx = Transaction(st.uuid(), st.now, place.meter.energy_wh)
    place.transaction = tx
    values = meter.reading(st, evse, st.get(meter.STARTED_MEASURANDS), "Transaction.Begin")
    tx.begin = meter.reading(st, evse, st.get(meter.ENDED_MEASURANDS), "Transaction.Begin")
    _tell(st, evse, tx, "Started", trigger, values=values)
    _arm_samples(st, evse, tx)


def _end(st: Station, evse: int, trigger: str, token: Payload | None = None) -> None:
    place = st.evse(evse)
    tx = place.transaction
    if tx is None:
        return
    tx.stopped_reason = tx.stopped_reason or _reason(st, evse, trigger)
    if charging_state(st, evse) != "SuspendedEVSE":  # E05.FR.02: the Ended tells of the suspension
        _deauthorize(st, evse)
    last = meter.reading(st, evse, st.get(meter.ENDED_MEASURANDS), "Transaction.End")
    _tell(st, evse, tx, "Ended", trigger, token=token, values=tx.begin + tx.samples + last)
    _deauthorize(st, evse)
    place.transaction = None
    place.points = conditions(st, evse)
    st.cancel(f"sample:{evse}")
    st.cancel(f"ended_sample:{evse}")


def _reason(st: Station, evse: int, trigger: str) -> str:
    """The stoppedReason of what nobody has stopped before, for the state in which it is found."""
    if trigger != "ChargingStateChanged":
        return {"EVCommunicationLost": "EVDisconnected", "EVConnectTimeout": "Timeout"}.get(trigger, "Local")
    held = st.evse(evse).authorization
    if held is not None and held.suspended:
        return "DeAuthorized"
    return "StoppedByEV" if charging_state(st, evse) == "SuspendedEV" else "Other"


def _tell(
    st: Station,
    evse: int,
    tx: Transaction,
    kind: str,
    trigger: str,
    *,
    token: Payload | None = None,
    values: list[Payload] | None = None,
) -> None:
    """Queue a TransactionEvent; what is told only once is told now (E01.FR.16, E02.FR.01)."""
    held = st.evse(evse).authorization
    fresh = held if held is not None and not held.told else None
    remote_start_id = fresh.remote_start_id if fresh else None
    if remote_start_id is not None:
        trigger = "RemoteStart"  # F01.FR.19, F02.FR.21
    info, more = _info(st, evse, tx, kind, trigger), _told_once(st, evse, tx, fresh)
    if remote_start_id is not None:
        info["remoteStartId"] = remote_start_id
    if token is not None:
        more["idToken"] = token  # E07.FR.02
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
    if kind == "Ended":
        info["stoppedReason"] = tx.stopped_reason or "Local"
        info["timeSpentCharging"] = int(tx.charging_s)
    return info


def _told_once(st: Station, evse: int, tx: Transaction, held: Authorization | None) -> Payload:
    more: dict[str, Any] = {}
    if not st.state.csms.connected:
        more["offline"] = True  # E04.FR.03
    tx.offline = not st.state.csms.connected
    connector = next((n for n, it in enumerate(st.evse(evse).connectors, start=1) if it.plugged), None)
    if tx.seq_no == 0 and connector is None:
        more["evse"] = {"id": evse}
    elif connector is not None and not tx.connector_told:
        more["evse"] = {"id": evse, "connectorId": connector}
        tx.connector_told = True
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


def tell_now(st: Station, evse: int, tx: Transaction) -> None:
    """Tell of the running transaction because somebody asked for it (F06.FR.07)."""
    values = meter.reading(st, evse, st.get(meter.UPDATED_MEASURANDS), "Trigger")
    _tell(st, evse, tx, "Updated", "Trigger", values=values)


# Energy


def _follow(st: Station, evse: int) -> None:
    """Offer energy or withdraw it, tell where the charging state has changed, and look again when it will."""
    place = st.evse(evse)
    car, offering = place.car, session.is_offering(st.state, place)
    if offering:
        _take_signed_reading(st, evse)
    if car is not None and car.ready_at is None and offering:
        car.ready_at = st.now + car.ready_delay_s
    state = charging_state(st, evse)
    told = place.transaction.charging_state if place.transaction is not None else None
    flowing = "EnergyTransfer" in place.points
    if state != told or flowing != (state == "Charging"):
        _progress_energy(st, evse, told, state)
    _arm_charge(st, evse)


def _take_signed_reading(st: Station, evse: int) -> None:
    """A meter that signs does so before energy flows, which may start the transaction (E01.FR.04)."""
    held = st.evse(evse).authorization
    if held is None or held.signed or not st.get(meter.SIGN_READINGS):
        return
    held.signed = True
    if "DataSigned" in st.get(START_POINT):
        _progress(st, evse, "SignedDataReceived")


def _progress_energy(st: Station, evse: int, told: str | None, state: str) -> None:
    """A changed charging state is told, unless nothing but the bookkeeping of points has changed."""
    place = st.evse(evse)
    if place.transaction is not None and state == told:
        place.points = conditions(st, evse)
        return
    _progress(st, evse, "ChargingStateChanged")


def _arm_charge(st: Station, evse: int) -> None:
    """Look again when the car becomes ready or its battery full."""
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    st.cancel(f"charge:{evse}")
    car = place.car
    if car is None or car.ready_at is None or car.suspended or not session.is_offering(st.state, place):
        return
    if st.now < car.ready_at:
        st.at(car.ready_at, f"charge:{evse}")
    elif car.soc < 100 and (seconds := session.seconds_to_full(description, place)) < math.inf:
        st.after(seconds, f"charge:{evse}")


def _deauthorize(st: Station, evse: int) -> None:
    """Nobody may charge here any more; a detachable cable is let go (E06.FR.10, E07.FR.07)."""
    place = st.evse(evse)
    place.authorization = place.reservation_id = None
    if place.car is not None:
        place.car.ready_at = None
    st.cancel(f"ev_timeout:{evse}")
    for connector in place.connectors:
        connector.locked = False


def _lock(st: Station, evse: int) -> None:
    """Hold a detachable cable while somebody is authorized; a fixed one has its lock in the car."""
    place, description = st.evse(evse), st.description.hardware.evses[evse - 1]
    if place.authorization is None:
        return
    for connector, kind in zip(place.connectors, description.connectors, strict=True):
        connector.locked = connector.plugged and not kind.has_fixed_cable
