"""A state and the hardware that it is of, which another configuration may have changed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from ocppd.core.state.evse import Connector, Evse
from ocppd.core.state.messages import QueuedCall
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.description import Hardware
    from ocppd.core.state.station import State
    from ocppd.core.state.transaction import Transaction


def fit(state: State, hardware: Hardware, seed: int) -> None:
    """Give `state` the EVSEs and connectors that `hardware` has, and an identity of its own where it is new.

    What the hardware has no longer is forgotten; what it has more starts as factory-new. `seed` is where
    all chance of a new station comes from. A transaction of an EVSE that is gone ends with a TransactionEvent
    for the CSMS, at the last moment the station knows of, but with no event for those who listen.
    """
    gone = list(enumerate(state.evses, start=1))[len(hardware.evses) :]
    del state.evses[len(hardware.evses) :]
    state.evses += [Evse() for _ in range(len(hardware.evses) - len(state.evses))]
    for evse, description in zip(state.evses, hardware.evses, strict=True):
        del evse.connectors[len(description.connectors) :]
        evse.connectors += [Connector() for _ in range(len(description.connectors) - len(evse.connectors))]
    if is_new := not state.nonce:
        draw = Random(seed)  # noqa: S311 - a simulation, not a secret
        state.seed, state.nonce = draw.getrandbits(64), f"{draw.getrandbits(64):016x}"
    if any(not evse.meter.key for evse in state.evses):
        draw = Random(state.seed)  # noqa: S311 - as above
        for evse in state.evses:
            evse.meter.key = evse.meter.key or f"{draw.getrandbits(256):064x}"
        state.seed = draw.getrandbits(64)
    for number, evse in gone:
        if evse.transaction is not None:
            _end_for_good(state, number, evse, evse.transaction)
    if not is_new:
        _forget_gone_places(state)


def _end_for_good(state: State, number: int, evse: Evse, tx: Transaction) -> None:
    """Queue the Ended of a transaction whose EVSE is gone; offline, as no connection has survived that."""
    payload: dict[str, Any] = {
        "eventType": "Ended",
        "timestamp": format_time(evse.meter.at + state.clock_offset),
        "triggerReason": "AbnormalCondition",
        "seqNo": tx.seq_no,
        "offline": True,
        "transactionInfo": {
            "transactionId": tx.id,
            "stoppedReason": "Other",
            "timeSpentCharging": int(tx.charging_s),
        },
    }
    if values := tx.begin + tx.samples:
        payload["meterValue"] = values
    box = state.outbox
    call_id = f"{state.nonce}-{box.next_id}"
    box.next_id += 1
    box.queue.append(QueuedCall("TransactionEvent", payload, call_id, context={"evse": number}, keep=True))


def _forget_gone_places(state: State) -> None:
    """Drop all that is for places that are no more; transactions are told to their end."""
    state.charging_profiles = tuple(it for it in state.charging_profiles if _exists(state, it.evse))
    state.tariffs = tuple(it for it in state.tariffs if _exists(state, it.evse))
    for key, request in list(state.requests.items()):
        if not _exists(state, request.evse, request.connector):
            del state.requests[key]
            state.timers.pop(f"late:{key}", None)
    for name in list(state.timers):
        kind, *place = name.split(":")
        # The numbers of every timer but this are those of its place.
        if kind != "late" and not _exists(state, *(int(it) for it in place[:2] if it.isdecimal())):
            del state.timers[name]
    box = state.outbox
    box.queue = [call for call in box.queue if _may_leave(state, call)]
    if box.in_flight is not None and not _may_leave(state, box.in_flight):
        box.in_flight = None


def _may_leave(state: State, call: QueuedCall) -> bool:
    return call.action == "TransactionEvent" or _exists(state, call.context.get("evse"))


def _exists(state: State, evse: int | None = None, connector: int | None = None) -> bool:
    """Whether there is that place; the station itself, EVSE 0 or None, always is."""
    if not evse:
        return True
    return evse <= len(state.evses) and (connector or 0) <= len(state.evses[evse - 1].connectors)
