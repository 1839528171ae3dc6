"""The way of calls to the CSMS: one at a time, in order, retried, kept or dropped (Part 4, 4.1; E04, E13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core import outbox
from ocppd.core.description import Hardware
from ocppd.core.state import Outbox, QueuedCall
from tests.bench import Bench, Json, with_presets

VARIABLE = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
# Without samples nothing but what the test does makes the station speak.
QUIET = with_presets(Hardware(), SampledDataCtrlr__TxUpdatedInterval="0")
TIMEOUT = 30


@pytest.fixture
def quiet(new_bench: Callable[..., Bench]) -> Bench:
    return new_bench(QUIET)


def calls(bench: Bench) -> list[list[Any]]:
    return [frame for frame in bench.frames if frame[0] == 2]


def reply(bench: Bench, payload: Json | None = None) -> None:
    """The CSMS answers the last call, though it is on `silent`."""
    bench.receive([3, calls(bench)[-1][1], payload or {}])
    bench.settle()


def refuse(bench: Bench) -> None:
    """The CSMS answers the last call, though it is on `silent`, with a CALLERROR."""
    bench.receive([4, calls(bench)[-1][1], "InternalError", "", {}])
    bench.settle()


def ignore(bench: Bench) -> None:
    """The CSMS never answers the last call."""
    bench.advance(TIMEOUT)


def actions(bench: Bench) -> list[str]:
    return [action for action, _ in bench.sent()]


def start_transaction(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", "04A2B3C4")
    bench.forget()


# One call in flight


def test_a_second_call_waits_for_the_answer_to_the_first(quiet: Bench) -> None:
    quiet.silent.add("StatusNotification")
    quiet.do("plug-in")
    assert actions(quiet) == ["StatusNotification"]
    reply(quiet)
    assert actions(quiet) == ["TransactionEvent"]


def test_a_CALLERROR_makes_room_for_the_next_call(quiet: Bench) -> None:
    quiet.silent.add("StatusNotification")
    quiet.do("plug-in")
    refuse(quiet)
    assert actions(quiet) == ["StatusNotification", "TransactionEvent"]


def boot_is_out(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.silent.add("BootNotification")
    bench.connect()


def status_is_out(bench: Bench) -> None:
    bench.silent.add("StatusNotification")
    bench.do("plug-in")


def event_is_out(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")


def event_waits_for_its_retry(bench: Bench) -> None:
    event_is_out(bench)
    refuse(bench)


@pytest.mark.parametrize("pending", [boot_is_out, status_is_out, event_is_out, event_waits_for_its_retry])
def test_a_CALL_of_the_CSMS_is_answered_while_ours_is_pending(
    quiet: Bench, pending: Callable[[Bench], None]
) -> None:
    pending(quiet)
    quiet.forget()
    answer = quiet.csms("GetVariables", {"getVariableData": [VARIABLE]})
    assert answer["getVariableResult"][0]["attributeStatus"] == "Accepted"
    assert actions(quiet) == []


def test_ours_is_still_pending_when_a_CALL_of_the_CSMS_has_been_answered(quiet: Bench) -> None:
    status_is_out(quiet)
    quiet.csms("GetVariables", {"getVariableData": [VARIABLE]})
    reply(quiet)
    assert actions(quiet) == ["StatusNotification", "TransactionEvent"]


@pytest.mark.parametrize("kind", [[3, "somebody", {}], [4, "somebody", "InternalError", "", {}]])
def test_an_answer_to_nothing_is_ignored(quiet: Bench, kind: list[Any]) -> None:
    status_is_out(quiet)
    quiet.receive(kind)
    assert actions(quiet) == ["StatusNotification"]
    assert quiet.happened_since("warning") == []


def test_a_late_answer_is_ignored(quiet: Bench) -> None:
    quiet.silent |= {"StatusNotification", "TransactionEvent"}
    quiet.do("plug-in")
    late = calls(quiet)[-1][1]
    ignore(quiet)
    quiet.do("unplug")
    quiet.receive([3, late, {}])
    assert actions(quiet) == ["StatusNotification", "TransactionEvent"]


def test_a_second_answer_is_ignored(quiet: Bench) -> None:
    quiet.silent |= {"StatusNotification", "TransactionEvent"}
    quiet.do("plug-in")
    twice = calls(quiet)[-1][1]
    quiet.receive([3, twice, {}])
    quiet.do("unplug")
    quiet.receive([3, twice, {}])
    assert actions(quiet) == ["StatusNotification", "TransactionEvent"]


def test_after_the_timeout_the_next_call_leaves(quiet: Bench) -> None:
    status_is_out(quiet)
    quiet.advance(TIMEOUT - 0.1)
    assert actions(quiet) == ["StatusNotification"]
    quiet.advance(0.1)
    assert actions(quiet) == ["TransactionEvent"]


def test_the_timeout_is_the_MessageTimeout(new_bench: Callable[..., Bench]) -> None:
    bench = new_bench(QUIET)
    default = bench.csms(
        "GetVariables",
        {
            "getVariableData": [
                {
                    "component": {"name": "OCPPCommCtrlr"},
                    "variable": {"name": "MessageTimeout", "instance": "Default"},
                }
            ]
        },
    )
    assert default["getVariableResult"][0]["attributeValue"] == str(TIMEOUT)


# What a failure means


@pytest.mark.parametrize("fail", [ignore, refuse])
def test_what_is_no_TransactionEvent_is_not_sent_again(quiet: Bench, fail: Callable[[Bench], None]) -> None:
    status_is_out(quiet)
    fail(quiet)
    quiet.advance(TIMEOUT * 3)
    assert quiet.sent("StatusNotification") == [
        {
            "timestamp": "2025-01-01T10:00:00.000Z",
            "connectorStatus": "Occupied",
            "evseId": 1,
            "connectorId": 1,
        }
    ]


@pytest.mark.parametrize("fail", [ignore, refuse])
def test_TC_E_41_TC_E_50_E13_FR_01_E13_FR_02_E13_FR_03_a_TransactionEvent_is_sent_MessageAttempts_times(
    quiet: Bench, fail: Callable[[Bench], None]
) -> None:
    quiet.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 3)
    quiet.set("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", 20)
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    first = quiet.sent()[-1]
    for pause in (20, 40):  # E13.FR.03: the interval times the number of transmissions before
        fail(quiet)
        quiet.advance(pause - 1)
        assert quiet.sent() == []
        quiet.advance(1)
        assert quiet.sent() == [first]
    fail(quiet)
    quiet.advance(200)
    assert quiet.sent() == []
    assert "never took event 0" in quiet.happened_since("warning")[0].data["message"]


@pytest.mark.parametrize("fail", [ignore, refuse])
def test_TC_E_42_TC_E_51_an_answered_attempt_is_the_last(quiet: Bench, fail: Callable[[Bench], None]) -> None:
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    fail(quiet)
    quiet.advance(10)
    reply(quiet)
    quiet.advance(100)
    assert len(quiet.tx()) == 2


def test_E13_FR_04_after_the_last_attempt_the_next_event_leaves(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 1)
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    quiet.do("authorize", "04A2B3C4")
    refuse(quiet)
    assert [it["seqNo"] for it in quiet.tx()] == [0, 1]


def test_E13_an_event_that_waits_for_its_retry_holds_up_the_other_events_alone(quiet: Bench) -> None:
    event_waits_for_its_retry(quiet)
    quiet.forget()
    quiet.do("unplug")
    quiet.do("heartbeat")
    assert actions(quiet) == ["StatusNotification", "Heartbeat"]


def test_E13_a_retry_that_is_due_waits_for_the_call_in_flight(quiet: Bench) -> None:
    event_waits_for_its_retry(quiet)
    quiet.silent = {"Heartbeat"}
    quiet.advance(9)
    quiet.do("heartbeat")
    quiet.forget()
    quiet.advance(5)
    assert actions(quiet) == []
    reply(quiet, {"currentTime": "2025-01-01T10:00:00Z"})
    assert actions(quiet) == ["TransactionEvent"]


def test_the_loss_of_the_connection_is_no_failed_attempt(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 1)
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    quiet.drop()
    quiet.reconnect(after=5)
    quiet.drop()
    quiet.reconnect(after=5)
    assert [it["seqNo"] for it in quiet.tx()] == [0, 0, 0]


@pytest.mark.parametrize(
    "response", [{"idTokenInfo": {"status": "Splendid"}}, {"idTokenInfo": {}}, {"extra": 1}, [], None]
)
def test_a_response_that_fits_no_schema_is_a_failure(quiet: Bench, response: Any) -> None:
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    quiet.receive([3, calls(quiet)[-1][1], response])
    assert "TransactionEvent is not valid" in quiet.happened_since("warning")[0].data["message"]
    quiet.advance(10)
    assert len(quiet.tx()) == 2


def test_a_command_is_told_of_a_response_that_fits_no_schema(quiet: Bench) -> None:
    quiet.answers["Heartbeat"] = {"currentTime": "yesterday"}
    answer = quiet.do("heartbeat")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "csms_error"


# Without a connection


def test_E04_FR_01_E04_FR_02_E11_FR_01_events_wait_for_the_connection_in_order_and_without_gaps(
    quiet: Bench,
) -> None:
    start_transaction(quiet)
    quiet.drop()
    quiet.do("suspend", "ev")
    quiet.do("resume")
    quiet.do("stop")
    quiet.do("unplug")
    assert quiet.sent() == []
    quiet.reconnect(after=5)
    events = quiet.tx()
    assert [it["seqNo"] for it in events] == list(range(events[0]["seqNo"], events[0]["seqNo"] + len(events)))
    assert len(events) >= 4
    assert all(it["offline"] for it in events)
    assert events[-1]["eventType"] == "Ended"


def test_E04_FR_03_a_queued_event_keeps_its_time(quiet: Bench) -> None:
    quiet.drop()
    quiet.do("plug-in")
    quiet.reconnect(after=600)
    assert quiet.tx()[0]["timestamp"] == "2025-01-01T10:00:00.000Z"


def test_E11_FR_07_the_event_in_flight_is_sent_again_as_an_offline_one(quiet: Bench) -> None:
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    before = calls(quiet)[-1]
    quiet.drop()
    quiet.silent.clear()
    quiet.reconnect(after=5)
    again = calls(quiet)[-1]
    assert again == [*before[:3], {**before[3], "offline": True}]


def test_what_is_not_kept_is_forgotten_offline(quiet: Bench) -> None:
    quiet.drop()
    quiet.do("fault", code="OtherError", severity=9)
    quiet.do("clear-fault")
    quiet.reconnect(after=5)
    assert quiet.sent("NotifyEvent") == []


def test_QueueAllMessages_keeps_everything_offline(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.QueueAllMessages", True)
    quiet.drop()
    quiet.do("fault", code="OtherError", severity=9)
    quiet.do("clear-fault")
    quiet.reconnect(after=5)
    assert [it["eventData"][0]["cleared"] for it in quiet.sent("NotifyEvent")] == [False, True]


def test_QueueAllMessages_keeps_no_BootNotification_for_the_next_boot(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.QueueAllMessages", True)
    quiet.silent.add("BootNotification")
    quiet.csms("Reset", {"type": "Immediate"})
    quiet.advance(1)
    quiet.drop("closed")
    quiet.advance(5)
    quiet.connect()
    quiet.do("power", "OFF")
    quiet.drop()
    quiet.do("power", "ON")
    quiet.forget()
    quiet.connect()
    assert [it["reason"] for it in quiet.sent("BootNotification")] == ["PowerUp"]


def test_QueueAllMessages_sends_nothing_twice(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.QueueAllMessages", True)
    status_is_out(quiet)
    quiet.drop()
    quiet.silent.clear()
    quiet.forget()
    quiet.reconnect(after=5)
    assert actions(quiet) == ["StatusNotification", "TransactionEvent"]


def test_events_survive_a_power_cut_and_come_after_the_boot(quiet: Bench) -> None:
    quiet.drop()
    quiet.do("plug-in")
    quiet.do("power", "OFF")
    quiet.do("power", "ON")
    quiet.connect()
    quiet.settle()
    assert actions(quiet)[:3] == ["BootNotification", "StatusNotification", "TransactionEvent"]


# Message ids


def test_no_message_id_is_used_twice_whatever_happens(bench: Bench) -> None:
    start_transaction(bench)
    bench.drop()
    bench.reconnect(after=3600)
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(1)
    bench.drop()
    bench.reconnect(after=5)
    bench.advance(7200)
    ids = [frame[1] for frame in calls(bench)]
    assert len(ids) > 80
    assert len(ids) == len(set(ids))
    assert all(0 < len(one) <= 36 for one in ids)


# The bound


def event(seq_no: int, kind: str = "Updated", trigger: str = "MeterValuePeriodic", **more: Any) -> QueuedCall:
    payload = {"eventType": kind, "triggerReason": trigger, "seqNo": seq_no, **more}
    return QueuedCall("TransactionEvent", payload, f"n-{seq_no}", keep=True)


def filled(count: int) -> Outbox:
    """A transaction's Started, token and Ended, with `count` samples between."""
    box = Outbox()
    outbox.put(box, event(0, "Started", "CablePluggedIn"))
    for number in range(1, count + 1):
        outbox.put(box, event(number))
    outbox.put(box, event(count + 1, trigger="StopAuthorized", idToken={"idToken": "A", "type": "Local"}))
    outbox.put(box, event(count + 2, "Ended", "EVCommunicationLost"))
    return box


def test_up_to_the_bound_nothing_is_dropped() -> None:
    box = filled(outbox.MOST_TRANSACTION_EVENTS - 3)
    assert outbox.thin(box) == 0
    assert len(box.queue) == outbox.MOST_TRANSACTION_EVENTS


def test_other_calls_do_not_count() -> None:
    box = filled(outbox.MOST_TRANSACTION_EVENTS - 3)
    outbox.put(box, QueuedCall("Heartbeat", {}, "n"))
    assert outbox.thin(box) == 0


def test_E04_FR_07_E11_FR_04_E12_FR_04_over_the_bound_every_second_sample_is_dropped_and_nothing_else() -> (
    None
):
    count = outbox.MOST_TRANSACTION_EVENTS - 2
    box = filled(count)
    assert outbox.thin(box) == count // 2
    left = [call.payload["seqNo"] for call in box.queue]
    assert left == [0, *range(2, count + 1, 2), count + 1, count + 2]


def test_E04_FR_07_a_station_thins_its_queue_and_says_so(quiet: Bench) -> None:
    quiet.drop()
    quiet.state.outbox.queue = filled(outbox.MOST_TRANSACTION_EVENTS).queue
    quiet.do("plug-in")
    (warning,) = quiet.happened_since("warning")
    assert warning.data["dropped"] == outbox.MOST_TRANSACTION_EVENTS // 2


def test_E04_FR_07_without_samples_other_updates_go_and_nothing_else() -> None:
    box = filled(0)
    for number in range(3, outbox.MOST_TRANSACTION_EVENTS):
        outbox.put(box, event(number, trigger="Trigger"))
    assert outbox.thin(box) == 0
    outbox.put(box, event(outbox.MOST_TRANSACTION_EVENTS + 1, trigger="Trigger"))
    assert outbox.thin(box) > outbox.MOST_TRANSACTION_EVENTS // 3
    left = [call.payload["eventType"] for call in box.queue if call.payload["triggerReason"] != "Trigger"]
    assert left == ["Started", "Updated", "Ended"]


def test_E04_FR_08_E11_FR_05_E12_FR_05_starts_and_ends_are_never_dropped() -> None:
    box = Outbox()
    for number in range(outbox.MOST_TRANSACTION_EVENTS):
        outbox.put(box, event(number, "Started" if number % 2 else "Ended", "CablePluggedIn"))
    outbox.put(box, event(1, "Started", "CablePluggedIn"))
    assert outbox.thin(box) == 0


def ask_for_statuses(bench: Bench, count: int) -> list[str]:
    request = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
    return [bench.csms("TriggerMessage", request)["status"] for _ in range(count)]


def test_calls_that_are_never_answered_do_not_pile_up(quiet: Bench) -> None:
    quiet.silent.add("StatusNotification")
    accepted = ask_for_statuses(quiet, outbox.MOST_CALLS + 20).count("Accepted")
    assert accepted == outbox.MOST_CALLS + 1  # and one is out
    assert len(quiet.state.outbox.queue) == outbox.MOST_CALLS


def test_a_call_without_room_is_lost_and_that_is_told_once(quiet: Bench) -> None:
    quiet.silent.add("StatusNotification")
    ask_for_statuses(quiet, outbox.MOST_CALLS + 1)
    for _ in range(3):
        answer = quiet.do("heartbeat")
        assert answer is not None
        assert answer.error is not None
        assert (answer.error.code, answer.error.message) == (
            "not_connected",
            "NotSent: too many calls wait for the CSMS",
        )
    assert len(quiet.happened_since("warning")) == 1


def test_an_overflow_after_all_has_left_is_told_anew(quiet: Bench) -> None:
    for _ in range(2):
        quiet.silent.add("StatusNotification")
        ask_for_statuses(quiet, outbox.MOST_CALLS + 1)
        quiet.do("heartbeat")
        quiet.silent.clear()
        reply(quiet)
    assert quiet.state.outbox.queue == []
    assert len(quiet.happened_since("warning")) == 2


def test_TransactionEvents_find_room_among_too_many_calls(quiet: Bench) -> None:
    quiet.silent.add("StatusNotification")
    ask_for_statuses(quiet, outbox.MOST_CALLS + 1)
    quiet.do("plug-in")
    assert quiet.state.outbox.queue[-1].action == "TransactionEvent"


def test_a_Heartbeat_that_waits_is_not_queued_again(quiet: Bench) -> None:
    status_is_out(quiet)
    answers = [quiet.csms("TriggerMessage", {"requestedMessage": "Heartbeat"}) for _ in range(50)]
    assert answers == [{"status": "Accepted"}] * 50
    assert [call.action for call in quiet.state.outbox.queue].count("Heartbeat") == 1


def test_a_call_that_is_too_big_for_the_CSMS_is_given_up_after_its_attempts(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 2)
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    for _ in range(2):
        quiet.drop("closed by the CSMS: 1009 (message too big)")
        quiet.reconnect(after=60)
        quiet.advance(60)
    quiet.forget()
    quiet.advance(600)
    assert quiet.tx() == []
    assert quiet.state.outbox.queue == []


def test_a_call_that_is_too_big_is_tried_as_often_as_one_that_is_refused(quiet: Bench) -> None:
    quiet.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 1)
    quiet.silent.add("TransactionEvent")
    quiet.do("plug-in")
    quiet.drop("closed by the CSMS: 1009 (message too big)")
    (warning,) = quiet.happened_since("warning")
    assert "never took event 0" in warning.data["message"]
    assert quiet.state.outbox.queue == []
