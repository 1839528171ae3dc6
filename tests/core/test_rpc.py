"""OCPP-J frames (Part 4, chapter 4): what a station says to what it cannot read, do or like."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ocppd.blocks import handlers
from ocppd.core import rpc, schemas, versions
from ocppd.core.description import StationDescription
from ocppd.core.errors import FrameError
from ocppd.core.state import State
from ocppd.fleet import Fleet, Nobody
from tests.bench import Bench, ManualClock

ANY_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def answer_to(bench: Bench, frame: Any) -> list[Any]:
    """What the station says to `frame` first."""
    seen = len(bench.frames)
    bench.receive(frame)
    return bench.frames[seen]


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(levels - 1):
        inner = {"deeper": inner}
    return inner


# Frames that are none


UNREADABLE = [
    *("", "hello", "{}", "null", "[]", "[2]", "[2,"),
    *('[2, 5, "Reset", {}]', '[2, "", "Reset", {}]', f'[2, "{"x" * 37}", "Reset", {{}}]'),
    *("[" * 2000 + "]" * 2000, '[2, "\\ud800", "Reset", {}]'),
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_read_is_an_RpcFrameworkError_without_an_id(bench: Bench, text: str) -> None:
    answer = answer_to(bench, text)
    assert answer[:3] == [4, "-1", "RpcFrameworkError"]
    assert answer[4] == {}


@pytest.mark.parametrize("kind", [0, 1, 5, -2, "2", None, True, 2.5, [2]])
def test_an_unknown_type_of_message_is_MessageTypeNotSupported(bench: Bench, kind: Any) -> None:
    assert answer_to(bench, [kind, "m1", "Reset", {}])[:3] == [4, "m1", "MessageTypeNotSupported"]


@pytest.mark.parametrize("rest", [[], ["Reset"], [{}, "Reset"], ["Reset", {}, 1]])
def test_a_CALL_with_the_wrong_elements_is_a_FormatViolation(bench: Bench, rest: list[Any]) -> None:
    assert answer_to(bench, [2, "m1", *rest])[:3] == [4, "m1", "FormatViolation"]


@pytest.mark.parametrize("rest", [[3], [3, {}, {}], [4], [4, "code"], [4, "code", 5], [4, {}, "text"]])
def test_an_answer_with_the_wrong_elements_is_an_RpcFrameworkError(bench: Bench, rest: list[Any]) -> None:
    kind, *elements = rest
    assert answer_to(bench, [kind, "m1", *elements])[:3] == [4, "m1", "RpcFrameworkError"]


def test_a_message_that_nests_too_deep_is_a_FormatViolation(bench: Bench) -> None:
    payload = {"getVariableData": [INTERVAL], "customData": {"vendorId": "x", "a": nested(300)}}
    assert answer_to(bench, [2, "m1", "GetVariables", payload])[:3] == [4, "m1", "FormatViolation"]


def test_a_number_of_more_than_64_bits_is_a_PropertyConstraintViolation(bench: Bench) -> None:
    text = '[2,"m1","GetBaseReport",{"requestId":1e30,"reportBase":"FullInventory"}]'
    assert answer_to(bench, text)[:3] == [4, "m1", "PropertyConstraintViolation"]


# CALLs that cannot be served


def change(**more: Any) -> dict[str, Any]:
    return {"operationalStatus": "Inoperative", **more}


DEFECTS = {
    "an action of no version": ("Frobnicate", {}, "NotImplemented"),
    "an action in another spelling": ("reset", {"type": "Immediate"}, "NotImplemented"),
    "an action of the other direction": ("Heartbeat", {}, "NotImplemented"),
    "an unknown property": ("ChangeAvailability", change(foo=1), "FormatViolation"),
    "a missing property": ("ChangeAvailability", {}, "OccurrenceConstraintViolation"),
    "a missing property further down": (
        "ChangeAvailability",
        change(evse={}),
        "OccurrenceConstraintViolation",
    ),
    "too few items": ("GetVariables", {"getVariableData": []}, "OccurrenceConstraintViolation"),
    "a number for text": ("ChangeAvailability", {"operationalStatus": 1}, "TypeConstraintViolation"),
    "text for a number": ("ChangeAvailability", change(evse={"id": "1"}), "TypeConstraintViolation"),
    "a fraction for a whole number": (
        "ChangeAvailability",
        change(evse={"id": 1.5}),
        "TypeConstraintViolation",
    ),
    "null for an object": ("ChangeAvailability", change(evse=None), "TypeConstraintViolation"),
    "no object at all": ("ChangeAvailability", [], "TypeConstraintViolation"),
    "an unknown enum value": (
        "ChangeAvailability",
        {"operationalStatus": "Broken"},
        "PropertyConstraintViolation",
    ),
    "text that is too long": (
        "DataTransfer",
        {"vendorId": "x" * 256},
        "PropertyConstraintViolation",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_CALLERROR_names_the_defect(bench: Bench, defect: str) -> None:
    action, payload, code = DEFECTS[defect]
    answer = answer_to(bench, [2, "m1", action, payload])
    assert answer[:3] == [4, "m1", code]
    assert 0 < len(answer[3]) <= 255


def test_B03_FR_08_a_rejected_station_answers_SecurityError(new_bench: Callable[..., Bench]) -> None:
    bench = new_bench(boot=False)
    bench.answers["BootNotification"] = {
        "currentTime": "2025-01-01T10:00:00Z",
        "interval": 60,
        "status": "Rejected",
    }
    bench.connect()
    bench.settle()
    assert bench.csms("GetVariables", {"getVariableData": [INTERVAL]})["error"] == "SecurityError"


def test_a_refused_frame_is_an_event_too(bench: Bench) -> None:
    bench.receive("nonsense")
    assert "RpcFrameworkError" in bench.happened_since("warning")[0].data["message"]


@pytest.mark.parametrize(
    "payload",
    [
        {"setVariableData": [{**INTERVAL, "attributeValue": 1234567890123456}]},
        {"setVariableData": [{**INTERVAL, "attributeValue": "hunter2hunter2hunter2" * 60}]},
        {"setVariableData": [{**INTERVAL, "attributeValue": ["hunter2hunter2hunter2"]}]},
    ],
)
def test_a_CALLERROR_never_repeats_the_value_it_refuses(bench: Bench, payload: dict[str, Any]) -> None:
    answer = bench.csms("SetVariables", payload)
    assert "attributeValue" in answer["description"]
    assert "hunter2" not in answer["description"]
    assert "123456" not in answer["description"]


def test_a_long_action_name_is_cut_in_the_event(bench: Bench) -> None:
    bench.csms("x" * 10_000, {})
    assert len(bench.happened_since("warning")[0].data["message"]) < 300


# CALLs that are served


def test_TC_P_03_customData_is_tolerated_everywhere(bench: Bench) -> None:
    custom = {"customData": {"vendorId": "acme", "anything": [1, {"deep": nested(20)}]}}
    item = {"component": {"name": "OCPPCommCtrlr", **custom}, "variable": {"name": "HeartbeatInterval"}}
    answer = bench.csms("GetVariables", {"getVariableData": [{**item, **custom}], **custom})
    assert answer["getVariableResult"][0]["attributeStatus"] == "Accepted"


def test_a_whole_number_may_be_written_with_a_fraction_of_zero(bench: Bench) -> None:
    text = '[2,"m1","ChangeAvailability",{"operationalStatus":"Inoperative","evse":{"id":1.0}}]'
    assert answer_to(bench, text)[2] == {"status": "Accepted"}


@pytest.mark.parametrize("interval", ["300.0", "3e2", "9e18", "-5", "0"])
def test_no_interval_of_the_CSMS_stops_the_station(new_bench: Callable[..., Bench], interval: str) -> None:
    bench = new_bench(boot=False)
    bench.connect()
    payload = f'{{"currentTime":"2025-01-01T10:00:00Z","interval":{interval},"status":"Accepted"}}'
    bench.receive(f'[3,"{bench.frames[-1][1]}",{payload}]')
    bench.settle()
    assert [name for name, _ in bench.sent()] == [
        "BootNotification",
        "StatusNotification",
        "SecurityEventNotification",
    ]


# Bugs


class Line:
    """A link that keeps what is sent over it."""

    def __init__(self) -> None:
        self.sent: list[list[Any]] = []

    def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    def ping(self) -> None: ...
    def close(self, code: int, reason: str) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def disturb(self, chaos: object) -> None: ...
    def want(self, up: bool) -> None: ...


def crash(*_: Any) -> dict[str, Any]:
    raise ZeroDivisionError("a secret")


def nonsense(*_: Any) -> dict[str, Any]:
    return {"status": "Certainly"}


@pytest.mark.parametrize("bug", [crash, nonsense, lambda *_: {"status": {1, 2}}])
def test_a_bug_is_an_InternalError_of_that_station_alone(bug: Callable[..., dict[str, Any]]) -> None:
    found = handlers()
    found.calls["ClearCache"] = bug
    fleet = Fleet(ManualClock(), found, Nobody(), lambda _: None, lambda flush: flush())
    lines = {name: Line() for name in ("CP1", "CP2")}
    for seed, name in enumerate(lines):
        fleet.start(fleet.add(StationDescription(name), State(), seed), lines[name], boots=True)
        fleet.connected(name, "ocpp2.0.1")
    fleet.received("CP1", '[2,"m1","ClearCache",{}]')
    fleet.received("CP1", '[2,"m2","Reset",{"type":"OnIdle","evseId":1}]')
    fleet.received("CP2", '[2,"m3","Reset",{"type":"OnIdle","evseId":1}]')
    assert lines["CP1"].sent[1][:3] == [4, "m1", "InternalError"]
    assert "secret" not in str(lines["CP1"].sent[1])
    assert lines["CP1"].sent[2][:2] == [3, "m2"]
    assert [frame[:2] for frame in lines["CP2"].sent[1:]] == [[3, "m3"]]


# Anything at all


FRAME_CODES = (
    "RpcFrameworkError",
    "MessageTypeNotSupported",
    "FormatViolation",
    "PropertyConstraintViolation",
)


@given(some.text() | ANY_JSON.map(json.dumps))
def test_decode_raises_nothing_but_FrameError(text: str) -> None:
    error = failure(text)
    if error is not None:
        assert error.code in FRAME_CODES
        assert error.message_id == "-1" or error.message_id == json.loads(text)[1]


def failure(text: str) -> FrameError | None:
    try:
        rpc.decode(text)
    except FrameError as error:
        return error
    return None


NUMBERS = some.integers() | some.floats(allow_nan=False, allow_infinity=False)
REQUESTS = some.one_of(
    some.tuples(some.sampled_from(sorted(schemas.actions())), ANY_JSON),
    some.builds(
        lambda evse, connector: ("ChangeAvailability", change(evse={"id": evse, "connectorId": connector})),
        NUMBERS,
        NUMBERS,
    ),
    some.builds(lambda n: ("GetBaseReport", {"requestId": n, "reportBase": "SummaryInventory"}), NUMBERS),
    some.builds(lambda n: ("Reset", {"type": "OnIdle", "evseId": n}), NUMBERS),
    some.builds(
        lambda text: ("SetVariables", {"setVariableData": [{**INTERVAL, "attributeValue": text}]}),
        some.text(),
    ),
)
FRAMES = some.one_of(
    some.text(),
    ANY_JSON.map(json.dumps),
    some.builds(lambda request: json.dumps([2, "m1", *request]), REQUESTS),
    some.builds(lambda kind, payload: json.dumps([kind, "{id}", payload]), some.integers(2, 4), ANY_JSON),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(FRAMES, min_size=1, max_size=5))
def test_a_station_survives_any_frame(new_bench: Callable[..., Bench], frames: list[str]) -> None:
    bench = new_bench(boot=False)
    bench.connect()
    for frame in frames:
        bench.receive(frame.replace("{id}", bench.frames[-1][1]))
    bench.advance(1)
    answer = bench.csms("GetVariables", {"getVariableData": [INTERVAL]})
    assert "getVariableResult" in answer
    assert "InternalError" not in [frame[2] for frame in bench.frames if frame[0] == 4]


# OCPP 2.1: CALLRESULTERROR and SEND


@pytest.fixture
def newer(new_bench: Callable[..., Bench]) -> Bench:
    return new_bench(protocol=schemas.OCPP_21)


def refused(bench: Bench) -> str:
    """The warning of a frame that was not taken."""
    (event,) = bench.happened_since("warning")
    message: str = event.data["message"]
    return message


@pytest.mark.parametrize(
    "frame", [[5, "m1", "GenericError", "", {}], [6, "m1", "NotifyPeriodicEventStream", {}]]
)
def test_2_0_1_has_neither_CALLRESULTERROR_nor_SEND(bench: Bench, frame: list[Any]) -> None:
    assert answer_to(bench, frame)[:3] == [4, "m1", "MessageTypeNotSupported"]


def test_an_answer_that_fits_no_schema_is_told_with_a_CALLRESULTERROR(newer: Bench) -> None:
    newer.answers["Heartbeat"] = {"currentTime": 5}
    newer.do("heartbeat")
    call, failure = newer.frames[-2:]
    assert failure[:3] == [5, call[1], "TypeConstraintViolation"]
    assert failure[4] == {}


def test_in_2_0_1_such_an_answer_is_not_answered(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": 5}
    bench.do("heartbeat")
    assert bench.frames[-1][:1] == [2]


def test_an_answer_to_what_was_sent_as_it_is_is_not_judged(newer: Bench) -> None:
    newer.answers["Heartbeat"] = {"currentTime": 5}
    newer.do("call", action="Heartbeat")
    assert newer.frames[-1][:1] == [2]


def test_a_CALLRESULTERROR_is_told_and_not_answered(newer: Bench) -> None:
    newer.csms("GetVariables", {"getVariableData": [INTERVAL]})
    seen = len(newer.frames)
    newer.receive([5, newer.frames[-1][1], "FormatViolation", "what is that", {}])
    assert len(newer.frames) == seen
    assert "FormatViolation: what is that" in refused(newer)


def test_a_SEND_is_for_no_station_and_not_answered(newer: Bench) -> None:
    seen = len(newer.frames)
    newer.receive([6, "m1", "NotifyPeriodicEventStream", {"id": 1}])
    assert len(newer.frames) == seen
    assert "NotifyPeriodicEventStream" in refused(newer)


@pytest.mark.parametrize("frame", [[4, "m1"], [5, "m1"], [5, "m1", 5, ""], [6, "m1"], [6, "m1", {}, {}]])
def test_what_is_no_CALL_gets_no_answer_whatever_is_wrong_with_it(newer: Bench, frame: list[Any]) -> None:
    seen = len(newer.frames)
    newer.receive(frame)
    assert len(newer.frames) == seen
    assert "RpcFrameworkError" in refused(newer)


@pytest.mark.parametrize("frame", [[3, "m1"], [3, "m1", {}, {}], [3, "m1", nested(300)]])
def test_a_malformed_CALLRESULT_gets_a_CALLRESULTERROR(newer: Bench, frame: list[Any]) -> None:
    assert answer_to(newer, frame)[:2] == [5, "m1"]


@pytest.mark.parametrize("kind", [0, 1, 7, True])
def test_an_unknown_type_of_message_is_MessageTypeNotSupported_in_2_1(newer: Bench, kind: Any) -> None:
    assert answer_to(newer, [kind, "m1", "Reset", {}])[:3] == [4, "m1", "MessageTypeNotSupported"]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("Frobnicate", "NotImplemented"),
        ("Heartbeat", "NotImplemented"),
        ("BatterySwap", "NotSupported"),
    ],
)
def test_what_2_1_knows_and_nobody_serves_is_NotSupported(newer: Bench, action: str, code: str) -> None:
    assert answer_to(newer, [2, "m1", action, {}])[:3] == [4, "m1", code]


@pytest.mark.parametrize("action", sorted(versions.NEW))
def test_2_0_1_has_no_message_of_2_1(bench: Bench, action: str) -> None:
    assert answer_to(bench, [2, "m1", action, {}])[:3] == [4, "m1", "NotImplemented"]


@given(text=some.text() | ANY_JSON.map(json.dumps) | some.lists(ANY_JSON, max_size=5).map(json.dumps))
def test_nothing_but_a_FrameError_comes_of_any_text_in_2_1(text: str) -> None:
    try:
        message = rpc.decode(text, schemas.OCPP_21)
    except FrameError as error:
        answer = rpc.encode_refusal(error, schemas.OCPP_21)
        assert answer is None or json.loads(answer)[0] in (4, 5)
    else:
        assert 0 < len(message.id) <= 36
