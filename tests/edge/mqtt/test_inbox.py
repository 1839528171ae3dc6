"""Commands and their answers, without a broker: exactly one answer for each, as the contract has it."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocppd.core.errors import CallError
from ocppd.core.times import format_time
from ocppd.edge.mqtt.inbox import Incoming
from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.topics import Scope
from tests.bench import START
from tests.edge.mqtt.desk import TWO_BY_TWO, Desk, Json, Line, station

STATION = "station/CP001/cmd"
EVSE = "station/CP001/evse/1/cmd"
CONNECTOR = "station/CP001/evse/1/connector/1/cmd"
REPLY = {"response_topic": "reply/me", "correlation": b"\x00\xff{"}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def wide_desk() -> Desk:
    """With a station of two EVSEs, of two connectors each."""
    return Desk(station("CP001", TWO_BY_TWO))


# Rule 1: UTF-8, not too large, trimmed


def test_rule_1_what_is_not_utf_8_is_bad_payload(desk: Desk) -> None:
    assert desk.refusal(f"{EVSE}/authorize", b"\xff\xfe")["code"] == "bad_payload"


def test_rule_1_what_is_over_64_kib_is_too_large(desk: Desk) -> None:
    assert desk.refusal(f"{EVSE}/authorize", b"x" * (64 * 1024 + 1))["code"] == "too_large"


def test_rule_1_blanks_line_ends_and_a_trailing_nul_are_trimmed(desk: Desk) -> None:
    desk.ask(f"{EVSE}/authorize", b" 04A2B3C4 \r\n\0")
    assert desk.csms.requests("Authorize")[0]["idToken"]["idToken"] == "04A2B3C4"


# Rule 2: a JSON object, or raw text


@pytest.mark.parametrize("payload", ["{", '{"on":tru}', '{"a":1,"a":2}'])
def test_rule_2_what_starts_like_an_object_and_is_none_is_bad_json(desk: Desk, payload: str) -> None:
    assert desk.refusal(f"{CONNECTOR}/plug-in", payload)["code"] == "bad_json"


def test_rule_2_an_unknown_key_is_a_warning(desk: Desk) -> None:
    answer = desk.ask(f"{CONNECTOR}/plug-in", {"on": True, "colour": "red"})
    assert answer["ok"] is True
    assert answer["warnings"] == ["colour: no such key in plug-in"]


@pytest.mark.parametrize("uid", ["12345E67", "7616525", "04-A2", "0042", "1e5", "null", "[1]", '"x"', "OFF"])
def test_rule_2_a_card_arrives_at_the_csms_as_it_was_read(desk: Desk, uid: str) -> None:
    assert desk.ask(f"{EVSE}/authorize", uid)["ok"] is True
    assert desk.csms.requests("Authorize") == [{"idToken": {"idToken": uid, "type": "ISO14443"}}]


# Rule 3: the default


@pytest.mark.parametrize("press", ["", "?", "PRESS", "press", "\n"])
def test_rule_3_a_mere_press_means_the_default(desk: Desk, press: str) -> None:
    assert desk.ask(f"{CONNECTOR}/plug-in", press)["changed"] is True
    assert desk.is_plugged()
    desk.ask(f"{EVSE}/authorize", press)
    default = desk.fleet.stations["CP001"].description.hardware.default_token.id_token
    assert desk.csms.requests("Authorize")[0]["idToken"]["idToken"] == default


def test_rule_3_without_a_default_an_argument_is_missing(desk: Desk) -> None:
    error = desk.refusal(f"{CONNECTOR}/fault")
    assert error["code"] == "missing_argument"
    assert "code" in error["message"]


# Rule 4: booleans and triggers


@pytest.mark.parametrize("off", ["OFF", "off", "0", "false", "no"])
@pytest.mark.parametrize("on", ["ON", "on", "1", "true", "YES"])
def test_rule_4_booleans_are_words_in_any_case(desk: Desk, on: str, off: str) -> None:
    desk.ask(f"{CONNECTOR}/plug-in", on)
    assert desk.is_plugged()
    desk.ask(f"{CONNECTOR}/plug-in", off)
    assert not desk.is_plugged()


def test_rule_4_toggle_does_the_other(desk: Desk) -> None:
    for plugged in (True, False):
        desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE")
        desk.advance(1)
        assert desk.is_plugged() is plugged


@pytest.mark.parametrize("on", [True, "ON", 1])
def test_rule_4_booleans_are_read_in_json_too(desk: Desk, on: object) -> None:
    desk.ask(f"{CONNECTOR}/plug-in", {"on": on})
    assert desk.is_plugged()


def test_rule_4_another_word_is_an_invalid_argument(desk: Desk) -> None:
    error = desk.refusal(f"{CONNECTOR}/plug-in", "maybe")
    assert error == {"code": "invalid_argument", "message": "on: one of ON, OFF, TOGGLE"}


@pytest.mark.parametrize("release", ["OFF", "0", "false", "RELEASE"])
def test_rule_4_a_trigger_ignores_the_release_of_its_button(desk: Desk, release: str) -> None:
    desk.ask(f"{CONNECTOR}/plug-in")
    assert desk.ask(f"{CONNECTOR}/unplug", "ON")["changed"] is True
    desk.ask(f"{CONNECTOR}/plug-in", "1")
    answer = desk.ask(f"{CONNECTOR}/unplug", release)
    assert (answer["ok"], answer["changed"], answer["ignored"]) == (True, False, "release")
    assert desk.is_plugged()


@pytest.mark.parametrize(
    ("topic", "action"), [(f"{STATION}/boot", "BootNotification"), (f"{STATION}/heartbeat", "Heartbeat")]
)
def test_rule_4_a_button_boots_and_beats_once_per_press(desk: Desk, topic: str, action: str) -> None:
    assert desk.ask(topic, "ON")["ok"] is True
    assert len(desk.csms.requests(action)) == 1
    assert desk.ask(topic, "OFF")["ignored"] == "release"
    assert desk.csms.requests(action) == []


def test_rule_4_a_button_stops_and_resets_with_the_default_word(desk: Desk) -> None:
    desk.ask(f"{CONNECTOR}/plug-in")
    desk.ask(f"{EVSE}/authorize", "A")
    assert desk.ask(f"{EVSE}/stop", "OFF")["ignored"] == "release"
    assert desk.ask(f"{EVSE}/stop", "ON")["ok"] is True
    assert "StopAuthorized" in {it["triggerReason"] for it in desk.csms.requests("TransactionEvent")}
    assert desk.ask(f"{STATION}/reset", "0")["ignored"] == "release"
    assert desk.ask(f"{STATION}/reset", "1")["result"] == {"status": "Accepted"}


# Rule 5: bouncing contacts


def test_rule_5_the_same_within_300_ms_is_a_bouncing_contact(desk: Desk) -> None:
    assert desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE")["changed"] is True
    desk.advance(0.2)
    answer = desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE")
    assert (answer["ok"], answer["changed"], answer["ignored"]) == (True, False, "debounce")
    desk.advance(0.301)
    assert desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE")["changed"] is True
    assert not desk.is_plugged()


def test_rule_5_a_card_is_held_for_2_seconds(desk: Desk) -> None:
    desk.ask(f"{EVSE}/authorize", "A")
    desk.advance(1.9)
    assert desk.ask(f"{EVSE}/authorize", "A")["ignored"] == "debounce"
    desk.advance(2.0)
    assert "ignored" not in desk.ask(f"{EVSE}/authorize", "A")


def test_rule_5_another_payload_topic_or_request_id_is_another_press(desk: Desk) -> None:
    for topic, payload in (
        (f"{CONNECTOR}/plug-in", "ON"),
        (f"{CONNECTOR}/plug-in", "OFF"),
        (f"{STATION}/plug-in", "ON"),
        (f"{STATION}/plug-in", '{"on":false,"request_id":"1"}'),
        (f"{STATION}/plug-in", '{"on":true,"request_id":"2"}'),
    ):
        assert desk.ask(topic, payload)["changed"] is True


# Rule 6: inputs


def test_rule_6_a_card_reader_and_a_button_need_no_firmware_rule() -> None:
    reader = Input("tele/rfid1/SENSOR", Scope("evse", "CP001", 1), ("RC522", "UID"), "authorize")
    actions = {"SINGLE": "plug-in", "HOLD": "unplug"}
    button = Input("stat/btn/RESULT", Scope("connector", "CP001", 1, 1), ("Button1", "Action"), map=actions)
    desk = Desk(inputs=[reader, button])
    desk.hand(Incoming("tele/rfid1/SENSOR", b'{"RC522":{"UID":"12345E67"}}'))
    assert desk.csms.requests("Authorize")[0]["idToken"]["idToken"] == "12345E67"
    assert desk.answers(f"{EVSE}/authorize")[0]["ok"] is True
    desk.hand(Incoming("stat/btn/RESULT", b'{"Button1":{"Action":"SINGLE"}}'))
    assert desk.answers(f"{CONNECTOR}/plug-in")[0]["changed"] is True
    desk.hand(Incoming("stat/btn/RESULT", b'{"Button1":{"Action":"HOLD"}}'))
    assert desk.answers(f"{CONNECTOR}/unplug")[0]["changed"] is True


def test_rule_6_retained_readings_and_foreign_topics_are_no_commands() -> None:
    desk = Desk(inputs=[Input("uid", Scope("evse", "CP001", 1), command="authorize")])
    desk.hand(Incoming("uid", b"A", retain=True))
    desk.hand(Incoming("other", b"A"))
    assert desk.out == []


def test_rule_6_an_input_to_a_station_that_is_not_here_is_answered() -> None:
    desk = Desk(inputs=[Input("uid", Scope("evse", "CP9", 1), command="authorize")])
    desk.hand(Incoming("uid", b"A"))
    (answer,) = desk.answers("station/CP9/evse/1/cmd/authorize")
    assert answer["error"]["code"] == "unknown_station"


# Where a command goes


@pytest.mark.parametrize("name", ["plug-in", "plug_in", "PLUG_IN", "Plug-In"])
def test_names_of_commands_are_read_in_any_case_with_either_dash(desk: Desk, name: str) -> None:
    answer = desk.ask(f"{CONNECTOR}/{name}")
    assert (answer["command"], answer["changed"]) == ("plug-in", True)


@pytest.mark.parametrize("topic", [CONNECTOR, EVSE, STATION])
def test_a_wider_scope_means_the_only_connector_there(desk: Desk, topic: str) -> None:
    answer = desk.ask(f"{topic}/plug-in")
    assert (answer["evse"], answer["connector"]) == (1, 1)
    assert desk.is_plugged()


@pytest.mark.parametrize(("topic", "details"), [(STATION, {"evse": [1, 2]}), (EVSE, {"connector": [1, 2]})])
def test_with_several_the_target_is_ambiguous(wide_desk: Desk, topic: str, details: Json) -> None:
    error = wide_desk.refusal(f"{topic}/plug-in")
    assert error["code"] == "ambiguous_target"
    assert error["details"] == details


def test_with_several_the_json_names_them(wide_desk: Desk) -> None:
    answer = wide_desk.ask(f"{STATION}/plug-in", {"evse": 2, "connector": 1})
    assert (answer["evse"], answer["connector"]) == (2, 1)
    assert wide_desk.is_plugged("CP001", 2, 1)


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("station/CP001/evse/2/cmd/start", "", "unknown_evse"),
        (f"{STATION}/start", {"evse": 2}, "unknown_evse"),
        ("station/CP001/evse/1/connector/2/cmd/plug-in", "", "unknown_connector"),
        (f"{STATION}/plug-in", {"connector": 2}, "unknown_connector"),
        (f"{STATION}/plug-in", {"evse": "1"}, "invalid_argument"),
        (f"{EVSE}/plug-in", {"evse": 2}, "invalid_argument"),
        ("station/CP9/cmd/boot", "", "unknown_station"),
    ],
)
def test_a_place_that_is_not_there_is_refused(desk: Desk, topic: str, payload: Any, code: str) -> None:
    assert desk.refusal(topic, payload)["code"] == code


@pytest.mark.parametrize("name", ["CP+1", "a/b", "Säule|@:="])
def test_any_identity_is_reached_by_its_encoded_topic(name: str) -> None:
    desk = Desk(station(name))
    scope = Scope("station", name).topic("ocppd").removeprefix("ocppd/v1/")
    answer = desk.ask(f"{scope}/cmd/plug-in")
    assert (answer["ok"], answer["station"]) == (True, name)


@pytest.mark.parametrize("topic", [CONNECTOR, EVSE])
@pytest.mark.parametrize("name", ["reset", "power", "call", "boot"])
def test_who_may_command_a_connector_commands_no_station(desk: Desk, topic: str, name: str) -> None:
    error = desk.refusal(f"{topic}/{name}")
    assert error["code"] == "not_allowed"
    assert "scope station" in error["message"]
    assert desk.csms.heard == []


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("station/CP001/evse/0/cmd/start", "unknown_evse"),
        ("station/CP001/evse/01/cmd/start", "unknown_evse"),
        ("station/CP001/evse/x/connector/1/cmd/unplug", "unknown_evse"),
        ("station/CP001/evse/1/connector/0/cmd/unplug", "unknown_connector"),
        ("station/CP001/cmd/plüg", "unknown_command"),
        ("station/CP001/evse/1/cmd/plug in", "unknown_command"),
        (f"station/CP001/cmd/{'x' * 65}", "unknown_command"),
    ],
)
def test_a_command_that_can_be_none_is_answered_beside_its_topic(desk: Desk, topic: str, code: str) -> None:
    answer = desk.ask(topic, {"request_id": "a1"})
    assert (answer["error"]["code"], answer["station"], answer["request_id"]) == (code, "CP001", "a1")
    assert len(desk.out) == 1


@pytest.mark.parametrize(
    "topic",
    [
        "station/CP009/evse/0/cmd/start",
        "station/CP%41/cmd/plüg",
        f"station/CP001/cmd/{'x' * 300}",
        "station/CP001/evse/1/response/start",
        "station/CP001/evse/+/cmd/start",
        "station/CP001/connector/1/cmd/unplug",
        "group/lab/cmd/plüg",
    ],
)
def test_what_is_not_ours_or_cannot_be_answered_is_ignored(desk: Desk, topic: str) -> None:
    desk.send(topic, "ON")
    assert desk.out == []


# Retained and late commands


def test_a_retained_command_is_not_run_but_told(desk: Desk) -> None:
    error = desk.refusal(f"{CONNECTOR}/plug-in", "ON", retain=True)
    assert error["code"] == "retained_command"
    assert not desk.is_plugged()
    (event,) = (it for it in desk.events if it.name == "command_ignored")
    assert event.data == {"command": "plug-in", "reason": "retained_command"}


@pytest.mark.parametrize("topic", ["group/lab/cmd/plug-in", "all/cmd/plug-in", "daemon/lab1/cmd/ping"])
def test_a_retained_command_to_others_is_answered_too(desk: Desk, topic: str) -> None:
    assert desk.refusal(topic, "ON", retain=True)["code"] == "retained_command"
    assert desk.events == []


def test_a_retained_command_to_a_group_is_no_event_of_the_station_of_that_name(desk: Desk) -> None:
    desk.send("group/CP001/cmd/plug-in", "ON", retain=True)
    assert desk.events == []


def test_the_deletion_of_a_retained_command_is_ignored_without_a_word(desk: Desk) -> None:
    desk.send(f"{CONNECTOR}/plug-in", "", retain=True)
    assert desk.out == []
    assert desk.events == []


def test_a_late_command_is_expired(desk: Desk) -> None:
    late = {"on": True, "sent_at": format_time(START - 11), "expires_s": 10}
    assert desk.refusal(f"{CONNECTOR}/plug-in", late)["code"] == "expired"
    assert not desk.is_plugged()
    assert desk.ask(f"{CONNECTOR}/plug-in", late | {"sent_at": format_time(START - 9)})["changed"] is True


# Double commands


def test_what_is_so_already_is_ok_and_unchanged(desk: Desk) -> None:
    desk.ask(f"{CONNECTOR}/plug-in", "ON")
    desk.advance(1)
    answer = desk.ask(f"{CONNECTOR}/plug-in", "ON")
    assert (answer["ok"], answer["changed"]) == (True, False)


def test_the_same_request_id_within_60_s_gets_the_stored_answer(desk: Desk) -> None:
    first = desk.ask(f"{CONNECTOR}/plug-in", {"on": "TOGGLE", "request_id": "a1"})
    desk.advance(59)
    again = desk.ask(f"{CONNECTOR}/plug-in", {"on": "TOGGLE", "request_id": "a1"})
    assert again == first | {"duplicate": True}
    assert desk.is_plugged()
    desk.advance(2)
    assert desk.ask(f"{CONNECTOR}/plug-in", {"on": "TOGGLE", "request_id": "a1"})["changed"] is True
    assert not desk.is_plugged()


def test_a_refusal_is_stored_as_well(desk: Desk) -> None:
    first = desk.ask(f"{CONNECTOR}/fault", {"request_id": "a1"})
    assert desk.ask(f"{CONNECTOR}/fault", {"request_id": "a1"}) == first | {"duplicate": True}


def test_the_same_request_id_on_another_topic_is_another_command(desk: Desk) -> None:
    desk.ask(f"{CONNECTOR}/plug-in", {"request_id": "a1"})
    assert "duplicate" not in desk.ask(f"{CONNECTOR}/unplug", {"request_id": "a1"})


def test_the_same_correlation_data_and_response_topic_are_the_same_command(desk: Desk) -> None:
    desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE", **REPLY)
    desk.advance(10)
    assert desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE", **REPLY)["duplicate"] is True
    assert desk.is_plugged()
    assert "duplicate" not in desk.ask(f"{CONNECTOR}/plug-in", "TOGGLE", **REPLY | {"correlation": b"2"})


def test_who_asks_again_while_the_first_is_pending_is_answered_with_it(desk: Desk) -> None:
    desk.csms.answers["Authorize"] = None
    for _ in range(2):
        desk.send(f"{EVSE}/authorize", {"id_token": "A", "request_id": "a1", "timeout_s": 5})
    assert len(desk.csms.requests("Authorize")) == 1
    assert desk.answers(f"{EVSE}/authorize") == []
    desk.advance(5)
    first, again = desk.answers(f"{EVSE}/authorize")
    assert again == first | {"duplicate": True}


# Answers


def test_the_answer_to_what_was_done(desk: Desk) -> None:
    desk.ask(f"{CONNECTOR}/plug-in")
    answer = desk.ask(f"{EVSE}/authorize", {"id_token": "A", "request_id": "a1"})
    transaction = answer["result"]["transaction_id"]
    assert transaction
    assert answer == {
        "ok": True,
        "command": "authorize",
        "station": "CP001",
        "evse": 1,
        "request_id": "a1",
        "changed": True,
        "result": {"id_token_status": "Accepted", "transaction_id": transaction},
        "warnings": [],
        "ms": 0,
        "daemon": "lab1",
        "ts": format_time(START),
    }


def test_the_answer_to_what_was_refused(desk: Desk) -> None:
    desk.csms.answers["Authorize"] = {"idTokenInfo": {"status": "Blocked"}}
    assert desk.ask(f"{EVSE}/authorize", {"id_token": "A", "request_id": "a1"}) == {
        "ok": False,
        "command": "authorize",
        "station": "CP001",
        "evse": 1,
        "request_id": "a1",
        "error": {
            "code": "csms_rejected",
            "message": "id token is Blocked",
            "details": {"status": "Blocked"},
        },
        "warnings": [],
        "ms": 0,
        "daemon": "lab1",
        "ts": format_time(START),
    }


def test_ms_is_the_time_from_the_request_to_the_answer(desk: Desk) -> None:
    desk.csms.answers["Authorize"] = None
    desk.send(f"{EVSE}/authorize", {"id_token": "A", "timeout_s": 0.25})
    desk.advance(0.25)
    (answer,) = desk.answers(f"{EVSE}/authorize")
    assert answer["ms"] == 250
    assert answer["ts"] == format_time(START + 0.25)


def test_the_answer_goes_to_the_response_topic_as_well_byte_for_byte(desk: Desk) -> None:
    fixed = desk.ask(f"{CONNECTOR}/plug-in", "ON", **REPLY)
    (reply,) = (it for it in desk.out if it.topic == "reply/me")
    assert orjson.loads(reply.payload) == fixed
    assert (reply.qos, reply.retain, reply.correlation) == (1, False, REPLY["correlation"])


def test_who_asks_for_the_fixed_topic_is_answered_there_once_with_its_correlation_data(desk: Desk) -> None:
    desk.ask(
        f"{CONNECTOR}/plug-in",
        response_topic="ocppd/v1/station/CP001/evse/1/connector/1/response/plug-in",
        correlation=b"7",
    )
    assert [it.correlation for it in desk.out] == [b"7"]


@pytest.mark.parametrize(
    "topic",
    ["a/#", "", "reply/+/x", "ocppd/v1/station/CP001/cmd/boot", "$SYS/x", "reply/" + "x" * 300, "elsewhere"],
)
def test_a_response_topic_that_is_not_allowed_is_refused_with_a_warning(desk: Desk, topic: str) -> None:
    answer = desk.ask(f"{CONNECTOR}/plug-in", "ON", response_topic=topic, correlation=b"1")
    assert answer["ok"] is True
    (warning,) = answer["warnings"]
    assert warning.startswith("the ResponseTopic is refused")
    assert len(desk.out) == 1


def test_a_topic_of_commands_is_never_answered_to() -> None:
    desk = Desk(response_topics=["#"])
    answer = desk.ask(f"{CONNECTOR}/plug-in", response_topic="ocppd/v1/station/CP002/cmd/boot")
    assert len(answer["warnings"]) == 1
    assert len(desk.out) == 1


def test_a_command_that_does_not_wait_is_answered_at_once(desk: Desk) -> None:
    answer = desk.ask(f"{EVSE}/authorize", {"id_token": "A", "wait": False})
    assert answer["result"] == {"pending": True}
    desk.advance(60)
    assert len(desk.answers(f"{EVSE}/authorize")) == 1


@pytest.mark.parametrize(
    "fields", [{"wait": "no"}, {"timeout_s": -1}, {"timeout_s": "5"}, {"request_id": 5}, {"request_id": ""}]
)
def test_what_is_said_of_the_asking_is_checked(desk: Desk, fields: Json) -> None:
    error = desk.refusal(f"{CONNECTOR}/plug-in", fields)
    assert error["code"] == "invalid_argument"
    assert next(iter(fields)) in error["message"]


@pytest.mark.parametrize(("fields", "seconds"), [({}, 30), ({"timeout_s": 3}, 3)])
def test_a_command_waits_for_the_csms_30_s_or_timeout_s(desk: Desk, fields: Json, seconds: float) -> None:
    desk.csms.answers["Authorize"] = None
    desk.send(f"{EVSE}/authorize", {"id_token": "A", **fields})
    desk.advance(seconds - 0.1)
    assert desk.answers(f"{EVSE}/authorize") == []
    desk.advance(0.2)
    (answer,) = desk.answers(f"{EVSE}/authorize")
    assert answer["error"]["code"] == "csms_timeout"


def test_what_the_csms_says_too_late_is_not_answered_again(desk: Desk) -> None:
    desk.csms.answers["Authorize"] = None
    desk.send(f"{EVSE}/authorize", {"id_token": "A", "timeout_s": 1})
    desk.advance(1)
    in_flight = desk.fleet.stations["CP001"].state.outbox.in_flight
    assert in_flight is not None
    answer = [3, in_flight.id, {"idTokenInfo": {"status": "Accepted"}}]
    desk.fleet.received("CP001", orjson.dumps(answer).decode())
    assert len(desk.answers(f"{EVSE}/authorize")) == 1


def test_an_answer_of_the_last_run_goes_to_the_fixed_topic(desk: Desk) -> None:
    desk.csms.answers["Authorize"] = None
    desk.send(f"{EVSE}/authorize", {"id_token": "A", "request_id": "a1"})
    later = Desk(online=False)
    before = desk.fleet.stations["CP001"]
    after = later.fleet.add(before.description, before.state, seed=2)
    later.fleet.start(after, Line("CP001", []), boots=False)
    (answer,) = later.answers(f"{EVSE}/authorize")
    assert (answer["request_id"], answer["ok"]) == ("a1", False)


# The event of a command


def commanded(desk: Desk) -> list[tuple[int, int, Json]]:
    """EVSE, connector and content of each event of a command."""
    return [(it.evse, it.connector, it.data) for it in desk.events if it.name == "command"]


def test_a_command_that_was_run_is_an_event_without_what_it_was_given(desk: Desk) -> None:
    desk.csms.answers["Authorize"] = {"idTokenInfo": {"status": "Blocked"}}
    desk.ask(f"{CONNECTOR}/plug-in")
    assert commanded(desk) == [(1, 1, {"command": "plug-in", "ok": True, "changed": True})]
    desk.ask(f"{EVSE}/authorize", "04A2B3C4")
    refused = {"command": "authorize", "ok": False, "changed": False, "error": "csms_rejected"}
    assert commanded(desk) == [(1, 0, refused)]


def test_the_event_of_a_command_knows_who_asked(desk: Desk) -> None:
    desk.ask(f"{EVSE}/authorize", {"id_token": "04A2B3C4", "request_id": "a1"})
    (event,) = (it for it in desk.events if it.name == "command")
    assert (event.request_id, event.cause) == ("a1", "csms")


def test_a_command_that_was_not_run_is_no_such_event(desk: Desk) -> None:
    desk.ask(f"{CONNECTOR}/unplug", "OFF")
    assert commanded(desk) == []
    desk.refusal(f"{CONNECTOR}/plug-in", "maybe")
    assert commanded(desk) == []


# Errors


def test_unknown_command_names_the_nearest(desk: Desk) -> None:
    error = desk.refusal(f"{CONNECTOR}/plugin")
    assert error["code"] == "unknown_command"
    assert "plug-in" in error["details"]["nearest"]
    assert "plug-in" in error["message"]


def test_what_does_not_fit_the_state_is_invalid_state(desk: Desk) -> None:
    assert desk.refusal(f"{EVSE}/stop")["code"] == "invalid_state"


def test_without_a_connection_the_csms_cannot_be_asked() -> None:
    desk = Desk(online=False)
    assert desk.refusal(f"{EVSE}/authorize", "A")["code"] == "not_connected"
    assert desk.refusal(f"{STATION}/heartbeat")["code"] == "not_connected"


def test_a_callerror_of_the_csms_is_csms_error(desk: Desk) -> None:
    desk.csms.answers["Nonsense"] = CallError("NotImplemented", "never heard of it")
    error = desk.refusal(f"{STATION}/call", {"action": "Nonsense"})
    assert error["code"] == "csms_error"
    assert error["details"]["code"] == "NotImplemented"


def test_a_full_inbox_is_busy(desk: Desk) -> None:
    desk.csms.answers["Nonsense"] = None
    for number in range(100):
        desk.send(f"{STATION}/call", {"action": "Nonsense", "request_id": str(number)})
    assert desk.refusal(f"{STATION}/call", {"action": "Nonsense"})["code"] == "busy"
    desk.advance(31)
    assert len(desk.answers(f"{STATION}/call")) == 101


def test_a_daemon_that_stops_takes_no_commands(desk: Desk) -> None:
    desk.inbox.closed = True
    assert desk.refusal(f"{CONNECTOR}/plug-in")["code"] == "not_allowed"
    assert desk.refusal("daemon/lab1/cmd/ping")["code"] == "not_allowed"


class Broken:
    """Something that a command of the daemon needs, and that is broken."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("broken")


def test_a_bug_in_a_command_is_answered_and_takes_nobody_down() -> None:
    desk = Desk()
    desk.hall.fleet = Broken()  # type: ignore[assignment] # that is the point
    assert desk.refusal("daemon/lab1/cmd/list")["code"] == "internal"
    desk.hall.fleet = desk.fleet
    assert desk.ask("daemon/lab1/cmd/list", "*")["ok"] is True


# Commands to the daemon


def test_the_daemon_answers_on_its_own_topic(desk: Desk) -> None:
    answer = desk.ask("daemon/lab1/cmd/ping", "PRESS")
    assert (answer["ok"], answer["command"], answer["result"]["api"]) == (True, "ping", 1)
    assert not {"station", "evse", "connector"} & set(answer)


def test_the_daemon_warns_of_unknown_keys_and_ignores_releases(desk: Desk) -> None:
    assert desk.ask("daemon/lab1/cmd/ping", {"colour": "red"})["warnings"] == ["colour: no such key in ping"]
    assert desk.ask("daemon/lab1/cmd/ping", "OFF")["ignored"] == "release"
    assert desk.refusal("daemon/lab1/cmd/pin")["details"]["nearest"] == ["ping"]


# Groups and all


def lab() -> Desk:
    """Three stations, two of them in the group `lab`."""
    return Desk(station("CP001", None, "lab"), station("CP002", None, "lab", "other"), station("CP003"))


@pytest.mark.parametrize(("topic", "matched"), [("group/lab", 2), ("group/other", 1), ("all", 3)])
def test_a_command_to_many_is_answered_once(topic: str, matched: int) -> None:
    desk = lab()
    answer = desk.ask(f"{topic}/cmd/plug-in", {"request_id": "a1"})
    assert answer == {
        "ok": True,
        "command": "plug-in",
        "request_id": "a1",
        "matched": matched,
        "ok_count": matched,
        "errors": [],
        "warnings": [],
        "ms": 0,
        "daemon": "lab1",
        "ts": format_time(START),
    }
    assert len(desk.out) == 1
    assert sum(desk.is_plugged(name) for name in desk.fleet.stations) == matched


def test_a_group_without_stations_is_answered_too() -> None:
    answer = lab().ask("group/nobody/cmd/plug-in")
    assert (answer["ok"], answer["matched"], answer["ok_count"]) == (True, 0, 0)


def test_of_many_errors_the_first_ten_are_told() -> None:
    desk = Desk(*(station(f"CP{number:03}") for number in range(12)))
    desk.ask("station/CP000/cmd/plug-in")
    answer = desk.ask("all/cmd/ev", "50")
    assert (answer["ok"], answer["matched"], answer["ok_count"]) == (False, 12, 1)
    assert len(answer["errors"]) == 10
    assert answer["errors"][0] == {
        "station": "CP001",
        "code": "invalid_state",
        "message": "no car is plugged in",
    }


def test_a_command_to_many_waits_for_all_of_them() -> None:
    desk = lab()
    desk.csms.answers["Authorize"] = None
    desk.send("group/lab/cmd/authorize", {"id_token": "A", "timeout_s": 2})
    assert desk.answers("group/lab/cmd/authorize") == []
    desk.advance(2)
    (answer,) = desk.answers("group/lab/cmd/authorize")
    assert [error["code"] for error in answer["errors"]] == ["csms_timeout"] * 2


def test_a_command_to_many_warns_once_of_an_unknown_key() -> None:
    assert lab().ask("all/cmd/plug-in", {"colour": "red"})["warnings"] == ["colour: no such key in plug-in"]


@pytest.mark.parametrize("command", ["reset", "RESET", "power", "remove-station", "remove_station"])
@pytest.mark.parametrize("topic", ["group/lab", "all"])
def test_many_are_never_reset_powered_or_removed_at_once(topic: str, command: str) -> None:
    assert lab().refusal(f"{topic}/cmd/{command}")["code"] == "not_allowed"


def test_a_command_to_many_that_is_none_is_refused_once() -> None:
    assert lab().refusal("all/cmd/plugin")["code"] == "unknown_command"


@pytest.mark.parametrize("spread", [-1, "5", 10_000, True])
def test_a_spread_that_is_none_is_refused(spread: object) -> None:
    error = lab().refusal("all/cmd/plug-in", {"spread_s": spread})
    assert error["code"] == "invalid_argument"


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that does not wait: where nothing is to be done, its time goes on at once."""

    def __init__(self) -> None:
        super().__init__(_Hurry(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now


class _Hurry(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.now += timeout or 0.0
        return super().select(0)


def test_spread_s_gives_every_station_a_delay_of_its_own() -> None:
    desk = Desk(*(station(f"CP{number:03}") for number in range(20)))
    plugged: list[int] = []

    async def ask() -> None:
        desk.send("all/cmd/plug-in", {"spread_s": 100})
        for _ in range(100):
            plugged.append(sum(map(desk.is_plugged, desk.fleet.stations)))
            assert bool(desk.out) is (plugged[-1] == 20)
            await asyncio.sleep(1)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(ask())
    (answer,) = desk.answers("all/cmd/plug-in")
    assert (answer["ok"], answer["matched"], answer["ok_count"]) == (True, 20, 20)
    assert plugged[0] == 0
    assert plugged == sorted(plugged)
    assert len(set(plugged)) > 10


# Whatever is asked


TOPICS = [
    *(
        f"{scope}/{name}"
        for scope in (STATION, EVSE, CONNECTOR)
        for name in ("plug-in", "authorize", "fault")
    ),
    *(
        f"{STATION}/{name}"
        for name in ("get", "call", "boot", "reset", "network", "power", "connect", "meter")
    ),
    *("all/cmd/ev", "group/lab/cmd/operative", "daemon/lab1/cmd/list", "daemon/lab1/cmd/trace", f"{EVSE}/x"),
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["ON", "OFF", "TOGGLE", "Immediate", "CP001"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        "on",
        "id_token",
        "type",
        "evse",
        "connector",
        "request_id",
        "wait",
        "timeout_s",
        "code",
        "for_s",
        "ev",
        "soc",
        "fields",
        "action",
        "payload",
        "sent_at",
        "expires_s",
        "limit",
        "cursor",
        "filter",
        "stations",
        "energy_wh",
        "power_w",
        "severity",
        "component",
        "info",
        "reason",
        "silent",
    ]
)
PAYLOADS = (
    st.binary(max_size=20)
    | st.text(max_size=20).map(str.encode)
    | st.sampled_from([b"", b"ON", b"OFF", b"TOGGLE", b"RELEASE", b"1", b"?", b"-5", b"1e400"])
    | st.dictionaries(KEYS, VALUES, max_size=4).map(orjson.dumps)
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(TOPICS), PAYLOADS), min_size=1, max_size=4))
def test_every_command_is_answered_exactly_once_whatever_it_says(asked: list[tuple[str, bytes]]) -> None:
    desk = Desk(station("CP001", None, "lab"))
    for topic, payload in asked:
        desk.send(topic, payload)
        desk.advance(3601)
    assert len(desk.out) == len(asked)
    assert all(orjson.loads(it.payload)["ok"] in (True, False) for it in desk.out)
    assert not [it for it in desk.out if b'"internal"' in it.payload]
