"""`override`: answers to the CSMS that are not the station's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ocppd.blocks.x_override import LONGEST_PAYLOAD
from ocppd.core.overrides import MOST_HELD
from ocppd.core.state import Override
from tests.bench import Bench, Json, bugs_raise

RESET = {"type": "Immediate"}
NO_REASON: Json = {"statusInfo": {"reasonCode": "X"}}


def override(bench: Bench, bare: str = "", /, **arguments: Any) -> str:
    """What came of the command: `changed`, `unchanged`, or the code and the words of the error."""
    answer = bench.do("override", bare, **arguments)
    assert answer is not None
    if answer.error is not None:
        return f"{answer.error.code}: {answer.error.message}"
    assert answer.done is not None
    return "changed" if answer.done.changed else "unchanged"


def ask(bench: Bench, action: str, payload: Json, message_id: str = "q1") -> list[list[Any]]:
    """What the station says to that request at once."""
    seen = len(bench.frames)
    bench.receive([2, message_id, action, payload])
    return bench.frames[seen:]


# What is said


def test_a_status_is_answered_and_nothing_is_done(bench: Bench) -> None:
    assert override(bench, action="Reset", status="Rejected") == "changed"
    assert ask(bench, "Reset", RESET) == [[3, "q1", {"status": "Rejected"}]]
    assert not bench.state.rebooting


def test_accepted_by_an_override_is_no_reset(bench: Bench) -> None:
    override(bench, action="Reset", status="Accepted")
    assert ask(bench, "Reset", RESET) == [[3, "q1", {"status": "Accepted"}]]
    bench.advance(60)
    assert bench.sent("BootNotification") == []
    assert bench.orders == [order for order in bench.orders if order.kind == "ping"]


def test_a_payload_is_answered(bench: Bench) -> None:
    payload = {"status": "Rejected", "statusInfo": {"reasonCode": "Busy", "additionalInfo": "later"}}
    override(bench, action="ReserveNow", payload=payload)
    request = {
        "id": 1,
        "expiryDateTime": "2025-01-01T12:00:00Z",
        "idToken": {"idToken": "A", "type": "Central"},
    }
    assert ask(bench, "ReserveNow", request) == [[3, "q1", payload]]
    assert bench.state.reservations == []


def test_an_error_is_answered_and_is_no_security_event(bench: Bench) -> None:
    override(bench, action="GetVariables", error="InternalError")
    (frame,) = ask(bench, "GetVariables", {"getVariableData": []})
    assert frame[:3] == [4, "q1", "InternalError"]
    assert bench.sent() == []
    assert bench.happened_since("warning") == []


def test_silence_is_no_answer(bench: Bench) -> None:
    override(bench, action="ClearCache", silent=True)
    assert ask(bench, "ClearCache", {}) == []
    assert ask(bench, "ClearCache", {}, "q2") == [[3, "q2", {"status": "Accepted"}]]


def test_an_empty_payload_is_an_answer(bench: Bench) -> None:
    override(bench, action="CostUpdated", payload={})
    assert ask(bench, "CostUpdated", {"totalCost": 1, "transactionId": "none"}) == [[3, "q1", {}]]


def test_other_requests_are_served_as_ever(bench: Bench) -> None:
    override(bench, action="Reset", status="Rejected")
    assert bench.csms("ClearCache", {}) == {"status": "Accepted"}
    assert bench.state.overrides != ()


def test_a_request_that_fits_no_schema_gets_the_scripted_answer_too(bench: Bench) -> None:
    override(bench, action="Reset", status="Accepted")
    assert ask(bench, "Reset", {"type": "Nonsense"}) == [[3, "q1", {"status": "Accepted"}]]


# The event


@pytest.mark.parametrize(
    ("answer", "said", "status"),
    [
        ({"status": "Rejected"}, "payload", "Rejected"),
        ({"error": "NotSupported"}, "error", None),
        ({"silent": True}, "silence", None),
    ],
)
def test_the_event_tells_that_the_station_had_no_say(
    bench: Bench, answer: Json, said: str, status: str | None
) -> None:
    override(bench, action="Reset", **answer)
    ask(bench, "Reset", RESET)
    (event,) = bench.happened_since("csms_request")
    assert event.data == {"action": "Reset", "status": status, "override": said}
    assert event.cause == "csms:Reset"


def test_the_event_of_the_stations_own_answer_says_nothing_of_overrides(bench: Bench) -> None:
    override(bench, action="ClearCache", delay_s=1)
    ask(bench, "ClearCache", {})
    bench.advance(1)
    (event,) = bench.happened_since("csms_request")
    assert event.data == {"action": "ClearCache", "status": "Accepted"}


# How often


def test_once_and_then_the_station_itself(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected")
    answers = [bench.csms("ClearCache", {})["status"] for _ in range(2)]
    assert answers == ["Rejected", "Accepted"]
    assert bench.state.overrides == ()


def test_so_many_times(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", times=2)
    answers = [bench.csms("ClearCache", {})["status"] for _ in range(3)]
    assert answers == ["Rejected", "Rejected", "Accepted"]


def test_null_times_is_until_it_is_taken_away(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", times=None)
    assert {bench.csms("ClearCache", {})["status"] for _ in range(5)} == {"Rejected"}
    assert override(bench, action="ClearCache", times=0) == "changed"
    assert bench.csms("ClearCache", {}) == {"status": "Accepted"}


def test_a_new_one_takes_the_place_of_the_old_and_the_same_changes_nothing(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", times=9)
    assert override(bench, action="ClearCache", error="GenericError") == "changed"
    assert override(bench, action="ClearCache", error="GenericError") == "unchanged"
    assert bench.csms("ClearCache", {})["error"] == "GenericError"
    assert bench.csms("ClearCache", {}) == {"status": "Accepted"}


@pytest.mark.parametrize("word", ["OFF", "off", "0", "false"])
def test_off_takes_all_away(bench: Bench, word: str) -> None:
    override(bench, action="ClearCache", status="Rejected")
    override(bench, action="Reset", status="Rejected")
    assert override(bench, word) == "changed"
    assert override(bench, word) == "unchanged"
    assert bench.csms("ClearCache", {}) == {"status": "Accepted"}


def test_it_survives_a_restart_of_the_daemon(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", times=None)
    bench.start_again()
    bench.reconnect()
    assert bench.csms("ClearCache", {}) == {"status": "Rejected"}


# Late


def test_the_answer_comes_late(bench: Bench) -> None:
    override(bench, action="Reset", status="Rejected", delay_s=5)
    assert ask(bench, "Reset", RESET) == []
    bench.advance(4.9)
    assert [frame for frame in bench.frames if frame[1] == "q1"] == []
    bench.advance(0.2)
    assert [frame for frame in bench.frames if frame[1] == "q1"] == [[3, "q1", {"status": "Rejected"}]]


def test_a_delay_alone_holds_the_request_back_and_the_station_serves_it(bench: Bench) -> None:
    override(bench, action="SetVariables", delay_s=5)
    item = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "OfflineThreshold"},
        "attributeValue": "77",
    }
    assert ask(bench, "SetVariables", {"setVariableData": [item]}) == []
    assert "77" not in bench.state.variables.values()
    bench.advance(5)
    assert bench.frames[-1][2]["setVariableResult"][0]["attributeStatus"] == "Accepted"
    assert "77" in bench.state.variables.values()


def test_late_answers_come_in_their_own_order(bench: Bench) -> None:
    override(bench, action="ClearCache", delay_s=5)
    override(bench, action="Reset", status="Rejected", delay_s=2)
    ask(bench, "ClearCache", {}, "slow")
    ask(bench, "Reset", RESET, "quick")
    bench.advance(5)
    assert [frame[1] for frame in bench.frames if frame[1] in ("slow", "quick")] == ["quick", "slow"]


def test_a_late_answer_dies_with_its_connection(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", delay_s=5)
    ask(bench, "ClearCache", {})
    bench.drop()
    assert bench.state.held == ()
    bench.reconnect()
    bench.advance(10)
    assert [frame for frame in bench.frames if frame[1] == "q1"] == []


def test_a_late_answer_dies_with_the_daemon(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", delay_s=5)
    ask(bench, "ClearCache", {})
    bench.start_again()
    assert bench.state.held == ()
    bench.reconnect()
    bench.advance(10)
    assert [frame for frame in bench.frames if frame[1] == "q1"] == []


def test_a_station_without_power_says_nothing_late(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", delay_s=5)
    ask(bench, "ClearCache", {})
    bench.do("power", "OFF")
    bench.advance(10)
    assert [frame for frame in bench.frames if frame[1] == "q1"] == []


def test_so_many_wait_and_more_are_answered_at_once(bench: Bench) -> None:
    override(bench, action="ClearCache", status="Rejected", delay_s=5, times=None)
    for number in range(MOST_HELD):
        assert ask(bench, "ClearCache", {}, f"h{number}") == []
    assert ask(bench, "ClearCache", {}, "late") == [[3, "late", {"status": "Rejected"}]]
    bench.advance(5)
    assert len([frame for frame in bench.frames if frame[1].startswith("h")]) == MOST_HELD


# What is refused


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"action": "Rest", "status": "Accepted"}, "did you mean Reset"),
        ({"action": "Reset"}, "missing_argument"),
        ({"action": "Reset", "status": "Rejected", "error": "GenericError"}, "only one"),
        ({"action": "Reset", "status": "Rejected", "payload": {}}, "only one"),
        ({"action": "Reset", "status": "Rejected", "silent": True}, "only one"),
        ({"action": "Reset", "silent": True, "delay_s": 1}, "never late"),
        ({"action": "Reset", "status": "Perhaps"}, "no response to Reset"),
        ({"action": "Reset", "payload": {"status": "Accepted", "more": 1}}, "no response to Reset"),
        ({"action": "GetVariables", "status": "Accepted"}, "no response to GetVariables"),
        ({"action": "Reset", "status": "Accepted", "times": -1}, "times"),
        ({"action": "Reset", "status": "Accepted", "delay_s": 3601}, "delay_s"),
        ({"action": "Reset", "status": ""}, "status"),
        ({"action": "Reset", "valid": False, "payload": {"x": "y" * LONGEST_PAYLOAD}}, "bytes of JSON"),
        ({"status": "Accepted"}, "missing_argument"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    bench: Bench, arguments: Json, words: str
) -> None:
    assert words in override(bench, **arguments)
    assert bench.state.overrides == ()


def test_what_fits_no_schema_can_be_said_on_purpose(bench: Bench) -> None:
    assert override(bench, action="Reset", status="Perhaps", valid=False) == "changed"
    assert ask(bench, "Reset", RESET) == [[3, "q1", {"status": "Perhaps"}]]


@given(
    some.lists(some.sampled_from(["ClearCache", "Reset", "UnlockConnector"]), max_size=8), some.integers(1, 3)
)
@settings(max_examples=30, deadline=None)
def test_each_request_has_one_answer_and_an_override_counts_down(actions: list[str], times: int) -> None:
    with bugs_raise():
        bench = Bench()
        override(bench, action="ClearCache", error="GenericError", times=times)
        for number, action in enumerate(actions):
            override(bench, action="Reset", status="Rejected", times=1)
            payload: Json = {"ClearCache": {}, "Reset": RESET}.get(action, {"evseId": 1, "connectorId": 1})
            (answer,) = [it for it in ask(bench, action, payload, f"a{number}") if it[1] == f"a{number}"]
            asked = actions[: number + 1].count("ClearCache")
            if action == "ClearCache":
                assert answer[0] == (4 if asked <= times else 3)
            left = times - actions[: number + 1].count("ClearCache")
            kept = [it.times for it in bench.state.overrides if it.action == "ClearCache"]
            assert kept == ([left] if left > 0 else [])


def test_a_station_without_overrides_keeps_none(bench: Bench) -> None:
    assert bench.state.overrides == ()
    assert Override("Reset").is_scripted is False
