"""What steps do, in virtual time, and what is told of those that fail."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ocppd.scenario.model import ScenarioError
from ocppd.scenario.steps import MOST_RUN
from tests.scenario.virtually import charging, fails, passes, progress, run


def test_a_session_of_six_hours_passes_in_no_time() -> None:
    verdict = passes(
        *charging(
            {"expect": {"event": "tx_started"}},
            {"wait": "6h"},
            {"expect": {"state": {"meter": {"soc": {"min": 97}}}, "evse": 1}},
            "unplug",
            {"expect": {"frame": "TransactionEvent", "like": {"eventType": "Ended"}}},
        )
    )
    assert 6 * 3600 < verdict.seconds < 6 * 3600 + 5


def test_waiting_lasts_as_long_as_it_says() -> None:
    began = [at for at, _ in progress({"wait": 90}, {"wait": "2m"}, {"wait": 0.5}, {"note": "end"})]
    assert [round(later - one, 3) for one, later in pairwise(began)] == [90, 120, 0.5]


# Expectations


def test_an_expectation_that_is_not_met_tells_what_came_nearest() -> None:
    failure = fails(
        *charging({"expect": {"frame": "TransactionEvent", "like": {"eventType": "Ended"}, "within": 5}}),
        stations=[{"id": "NEAR"}],
    )
    assert (failure.step, failure.station) == ("3", "NEAR")
    assert failure.text == 'expect: {"frame":"TransactionEvent","like":{"eventType":"Ended"},"within":5}'
    assert failure.expected == 'call TransactionEvent like {"eventType":"Ended"} within 5 s'
    assert 5 <= failure.at_s < 6
    assert any("eventType: expected 'Ended', was 'Started'" in line for line in failure.seen)


def test_a_state_that_does_not_come_tells_what_it_is() -> None:
    failure = fails({"expect": {"state": {"status": "Faulted"}, "evse": 1, "connector": 1, "within": 2}})
    assert failure.expected == 'the state of EVSE 1 connector 1 like {"status":"Faulted"} within 2 s'
    assert failure.seen[0] == "status: expected 'Faulted', was 'Available'"


def test_a_place_that_is_not_there() -> None:
    failure = fails({"expect": {"state": {"tx": {}}, "evse": 9, "within": 1}})
    assert failure.seen[0] == "it: expected {'tx': {}}, was None" or "expected" in failure.seen[0]


def test_expectations_of_one_kind_are_met_in_order() -> None:
    started, ended = (
        {"expect": {"frame": "TransactionEvent", "like": {"eventType": it}}} for it in ("Started", "Ended")
    )
    passes(*charging({"wait": 60}, "unplug", {"wait": 5}, started, ended))
    failure = fails(*charging({"wait": 60}, "unplug", {"wait": 5}, ended, started))
    assert "before that, it would have done" in "".join(failure.seen) or "Started" in failure.expected


def test_expect_looks_back_and_wait_for_does_not() -> None:
    passes("plug-in", {"wait": 60}, {"expect": {"event": "plugged_in", "within": 0}})
    failure = fails("plug-in", {"wait": 60}, {"wait_for": {"event": "plugged_in", "within": 10}})
    assert any("before that, it would have done" in line for line in failure.seen)


def test_never_fails_at_the_moment_it_happens() -> None:
    fault = {"fault": {"code": "GroundFault"}}
    passes({"never": {"event": "fault"}, "for": "1h"})
    failure = fails({"parallel": [[{"never": {"event": "fault"}, "for": "1h"}], [{"wait": 600}, fault]]})
    assert failure.step == "1.a.1"
    assert failure.expected == "never event fault"
    assert 600 <= failure.at_s < 601
    assert "GroundFault" in failure.seen[0]


def test_never_a_state() -> None:
    failure = fails(*charging({"never": {"state": {"meter": {"soc": {"min": 50}}}, "evse": 1}, "for": "8h"}))
    assert failure.expected.startswith("never the state of EVSE 1 like")
    assert 3600 < failure.at_s < 8 * 3600


def test_what_was_seen_is_a_variable_later() -> None:
    verdict = passes(
        *charging(
            {"expect": {"event": "tx_started"}, "as": "tx"},
            {"expect": {"state": {"tx": {"id": "${tx.transaction_id}"}}, "evse": 1}},
            {"get": None, "as": "whole", "result": {"power": True}},
            {"note": "${whole.station} ${tx.transaction_id}"},
        )
    )
    assert "CP001" in verdict.notes[0]


# Commands


def test_a_command_that_fails_and_was_not_to() -> None:
    failure = fails({"stop": None})
    assert failure.expected == "stop succeeds"
    assert failure.seen[0].startswith("invalid_state: ")


def test_a_command_that_was_to_fail() -> None:
    passes({"stop": None, "fails": "invalid_state"})
    assert "it succeeded" in fails({"plug-in": None, "fails": "invalid_state"}).seen[0]
    assert "invalid_state" in fails({"stop": None, "fails": "busy"}).seen[0]


def test_a_result_that_is_not_as_it_should_be() -> None:
    failure = fails({"get": None, "result": {"power": False}})
    assert failure.seen[0] == "power: expected False, was True"


def test_what_a_failure_shows_holds_no_password() -> None:
    value = {"component": "SecurityCtrlr", "variable": "BasicAuthPassword", "value": "short"}
    failure = fails({"set-variable": value, "result": {"status": "Nonsense"}})
    assert "short" not in str(failure)


# Loops, branches, stations


def test_loops_count_and_hold_their_entry() -> None:
    verdict = passes(
        {
            "for": "w",
            "in": "${list}",
            "steps": [{"repeat": 2, "steps": [{"note": "${w}.${i}"}]}, {"note": "${i}"}],
        },
        {"note": "${i}"},
        vars={"list": ["a", "b"]},
    )
    assert [note.split()[-1] for note in verdict.notes] == ["a.1", "a.2", "1", "b.1", "b.2", "2", "1"]


def test_branches_go_side_by_side_and_end_together() -> None:
    verdict = passes({"parallel": [[{"wait": 100}], [{"wait": 300}], [{"wait": 200}]]})
    assert 300 <= verdict.seconds < 301


def test_stations_by_a_pattern() -> None:
    verdict = passes(
        {"stations": ["A*", "C1"], "steps": ["plug-in", {"note": "number ${i}"}]},
        {"expect": {"state": {"status": "Available"}, "evse": 1, "station": "B1"}},
        {"expect": {"state": {"status": "Occupied"}, "evse": 1, "station": "C1"}},
        stations=[{"id": "A{n}", "count": 2}, {"id": "B1"}, {"id": "C1"}],
    )
    assert [note.split()[2:] for note in verdict.notes] == [
        [name, "number", str(number)] for number, name in enumerate(["A1", "A2", "C1"], 1)
    ]


@pytest.mark.parametrize("step", [{"stations": "X*", "steps": ["unplug"]}, {"unplug": None, "station": "X1"}])
def test_a_station_that_is_not_there(step: dict[str, object]) -> None:
    assert "there are CP001" in fails(step).seen[0]


def test_loops_without_an_end_in_sight_are_ended() -> None:
    loop: list[object] = [{"set": {"a": 1}}]
    for _ in range(3):
        loop = [{"repeat": 1000, "steps": loop}]
    failure = fails(*loop)
    assert failure.expected == f"at most {MOST_RUN} steps in one run"


def test_branches_without_number_are_ended() -> None:
    many = {"parallel": [[{"wait": 1}]] * 100}
    failure = fails({"parallel": [[many]] * 15})
    assert failure.expected == "at most 1000 branches side by side"


def test_variables_that_grow_are_ended() -> None:
    failure = fails({"set": {"a": "x"}}, {"repeat": 100, "steps": [{"set": {"a": "${a}${a}"}}]})
    assert failure.expected == "the value has become too large"


@pytest.mark.parametrize(
    "step",
    [
        {"expect": {"state": {"seq": {"min": "${v}"}}, "within": 1}},
        {"expect": {"event": "boot", "like": {"x": {"any": "${v}"}}, "within": 1}},
        {"for": "x", "in": "${v}", "steps": ["unplug"]},
        {"repeat": "${v}", "steps": ["unplug"]},
        {"wait": "${v}"},
        {"unplug": None, "evse": "${v}"},
        {"limit": "${v}"},
        {"expect": {"event": "${v}", "within": 1}},
        {"csms": {"action": "${v}", "within": 1}},
    ],
)
@pytest.mark.parametrize("value", ["word", True, {"a": []}, [None], -1, None])
def test_a_variable_of_any_kind_anywhere_is_a_failure_and_no_bug(
    step: dict[str, object], value: object
) -> None:
    verdict = run(step, vars={"v": value})
    assert verdict.outcome in {"failed", "passed"}


# Chance


def draws(seed: int) -> list[tuple[float, str]]:
    steps = [{"wait": {"between": [0.0, 50.0]}}, {"limit": {"between": [6000, 9000]}}, {"note": "x"}]
    inner = [*steps, {"note": "${station}"}]
    return progress(
        {"repeat": 2, "steps": steps}, {"stations": "*", "steps": inner}, {"note": "end"}, seed=seed
    )


@settings(max_examples=10, deadline=None)
@given(some.integers(0, 1000))
def test_the_same_seed_is_the_same_run(seed: int) -> None:
    assert draws(seed) == draws(seed)
    assert draws(seed) != draws(seed + 1)


# The CSMS


def test_the_csms_sends_what_it_is_told_to_and_the_answer_is_judged() -> None:
    clear = {"action": "ClearCache", "answer": {"status": "Accepted"}}
    passes({"csms": clear, "as": "said"}, {"note": "${said.status}"})
    failure = fails({"csms": {**clear, "answer": {"status": "Rejected"}}})
    assert failure.seen[0] == "status: expected 'Rejected', was 'Accepted'"


def test_a_callerror_is_what_was_expected_or_not() -> None:
    broken = {"action": "Reset", "payload": {"type": "Sometimes"}}
    passes({"csms": {**broken, "fails": "PropertyConstraintViolation"}})
    assert "PropertyConstraintViolation" in fails({"csms": broken}).seen[0]
    assert fails({"csms": {"action": "ClearCache", "fails": "NotSupported"}}).expected.endswith(
        "NotSupported"
    )


def test_the_csms_cannot_ask_who_is_not_there() -> None:
    failure = fails({"network": "OFF"}, {"csms": {"action": "ClearCache"}})
    assert (failure.expected, failure.seen) == ("the CSMS sends ClearCache", ("CP001 is not connected",))


def test_the_csms_knows_tokens_and_may_change_its_mind() -> None:
    passes(
        "plug-in",
        {"authorize": "04AA", "fails": "csms_rejected"},
        {"csms": {"tokens": {"04AA": "Accepted"}}},
        {"authorize": "04AA"},
        csms={"others": "Invalid"},
    )


def test_a_csms_that_goes_and_comes_back() -> None:
    passes(
        {"csms": {"reachable": False}},
        {"expect": {"state": {"csms": {"connected": False, "attempt": {"min": 2}}}, "within": "5m"}},
        {"csms": {"reachable": True}},
        {"expect": {"state": {"csms": {"connected": True}}, "within": "5m"}},
    )


def test_a_csms_that_is_silent_or_answers_with_errors() -> None:
    passes(
        {"csms": {"silent": ["DataTransfer"], "errors": {"Heartbeat": "InternalError"}}},
        {"data-transfer": {"vendor_id": "x"}, "fails": "csms_timeout"},
        {"heartbeat": None, "fails": "csms_error"},
        {
            "csms": {
                "silent": [],
                "errors": {"Heartbeat": None},
                "answers": {"DataTransfer": {"status": "Accepted"}},
            }
        },
        {"data-transfer": {"vendor_id": "x"}, "result": {"status": "Accepted"}},
        {"heartbeat": None},
    )


def test_a_pulled_cable_a_half_open_connection_and_a_closed_one() -> None:
    gone, back = ({"state": {"csms": {"connected": it}}, "within": "10m"} for it in (False, True))
    for step in ({"network": {"on": False, "silent": True, "for_s": 60}}, {"chaos": {"half_open": True}}):
        passes(step, {"wait_for": gone}, {"wait_for": back})
    passes("disconnect", {"expect": gone}, "connect", {"expect": back})


def test_who_is_not_accepted_is_waited_for() -> None:
    failure = fails("unplug", csms={"boot": "Pending"})
    assert failure.step == "0"
    assert "every station is connected and accepted" in failure.text
    assert "csms.registration: expected 'Accepted', was 'Pending'" in failure.seen


# What stations there are


def test_without_stations_there_is_one() -> None:
    assert passes({"note": "here"}).notes[0].split()[2] == "CP001"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"id": "a b"}, "no OCPP identity"),
        ({"id": "X", "template": "nothing"}, "unknown template"),
        ({"id": "X{n}", "count": 5000}, "at most 1000"),
        ({"id": "{n.__class__}", "count": 1}, "must hold the number"),
        ({"id": "X", "evsees": []}, "unknown key"),
        ({}, "required"),
    ],
)
def test_stations_that_are_none(entry: dict[str, object], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        run("unplug", stations=[entry])
