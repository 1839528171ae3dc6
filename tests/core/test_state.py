"""A state is fitted to the hardware, which may have fewer places than when it was saved."""

from __future__ import annotations

from ocppd.core import schemas
from ocppd.core.description import Connector as ConnectorKind
from ocppd.core.description import Evse as EvseKind
from ocppd.core.description import Hardware
from ocppd.core.state import QueuedCall, Request, State, Transaction, fit

ONE = Hardware()
TWO = Hardware(evses=(EvseKind(), EvseKind(connectors=(ConnectorKind(), ConnectorKind()))))


def two() -> State:
    state = State()
    fit(state, TWO, 1)
    return state


def test_timers_of_places_that_are_gone_go_with_them() -> None:
    state = two()
    names = ["call", "late:7", "sample:1", "sample:2", "fault:1:1", "fault:2:1"]
    state.timers = dict.fromkeys(names, 1.0)
    fit(state, ONE, 1)
    assert list(state.timers) == ["call", "late:7", "sample:1", "fault:1:1"]


def test_timers_of_a_connector_that_is_gone_go_with_it() -> None:
    state = two()
    state.timers = {"fault:2:1": 1.0, "fault:2:2": 1.0}
    fit(state, Hardware(evses=(EvseKind(), EvseKind())), 1)
    assert list(state.timers) == ["fault:2:1"]


def test_commands_for_places_that_are_gone_are_forgotten() -> None:
    state = two()
    state.requests = {key: Request(key, "authorize", "CP001", evse=key) for key in (1, 2)}
    state.timers = {"late:1": 1.0, "late:2": 1.0}
    fit(state, ONE, 1)
    assert (list(state.requests), list(state.timers)) == ([1], ["late:1"])


def test_calls_for_places_that_are_gone_are_forgotten_but_transactions_are_told() -> None:
    state = two()
    context = {"evse": 2}
    state.outbox.in_flight = QueuedCall("Authorize", {}, "a", context=context)
    state.outbox.queue = [
        QueuedCall("Authorize", {}, "b", context=context),
        QueuedCall("Authorize", {}, "c", context={"evse": 1}),
        QueuedCall("TransactionEvent", {}, "d", context=context, keep=True),
        QueuedCall("Heartbeat", {}, "e"),
    ]
    fit(state, ONE, 1)
    assert state.outbox.in_flight is None
    assert [call.id for call in state.outbox.queue] == ["c", "d", "e"]


def test_the_transaction_of_an_EVSE_that_is_gone_ends() -> None:
    state = two()
    state.evses[1].meter.at = 1_735_725_600.0
    state.evses[1].transaction = Transaction("tx", 0.0, 0.0, seq_no=3, charging_s=5.5)
    fit(state, ONE, 1)
    fit(state, ONE, 1)
    (call,) = state.outbox.queue
    schemas.check_request(call.action, call.payload)
    assert call.payload == {
        "eventType": "Ended",
        "timestamp": "2025-01-01T10:00:00.000Z",
        "triggerReason": "AbnormalCondition",
        "seqNo": 3,
        "offline": True,
        "transactionInfo": {"transactionId": "tx", "stoppedReason": "Other", "timeSpentCharging": 5},
    }
    assert call.keep


def test_what_still_exists_keeps_all_it_has() -> None:
    state = two()
    state.timers = {"sample:2": 1.0, "fault:2:2": 1.0}
    state.evses[1].transaction = Transaction("tx", 0.0, 0.0)
    fit(state, TWO, 1)
    assert len(state.timers) == 2
    assert state.evses[1].transaction is not None
    assert state.outbox.queue == []
