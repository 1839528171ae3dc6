"""The binding of commands: to a place, to arguments, or to an error that says what is wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.blocks import handlers
from ocppd.commands import Bound, Commands, read_meta
from ocppd.core.errors import CommandError
from ocppd.core.state import Connector, Evse, Request, State
from ocppd.payload import Payload, parse
from tests.bench import Bench, Json

COMMANDS = Commands(handlers())


def state(*connectors: int) -> State:
    """A station with EVSEs of that many connectors."""
    return State(evses=[Evse(connectors=[Connector() for _ in range(count)]) for count in connectors])


SINGLE, MANY = state(1), state(1, 2)


def bind(
    name: str,
    bare: str | None = None,
    /,
    *,
    at: tuple[int | None, int | None] = (None, None),
    on: State = SINGLE,
    **fields: Any,
) -> Bound:
    payload = Payload(text=bare) if bare is not None else Payload(fields=fields or None)
    return COMMANDS.bind(name, payload, on, *at)


def refused(*arguments: Any, **more: Any) -> CommandError:
    with pytest.raises(CommandError) as error:
        bind(*arguments, **more)
    return error.value


def place(bound: Bound) -> tuple[int | None, int | None]:
    return bound.evse, bound.connector


# Names


def test_an_unknown_command_names_the_nearest() -> None:
    error = refused("plugin")
    assert (error.code, error.details) == ("unknown_command", {"nearest": ["plug-in", "unplug"]})
    assert "did you mean plug-in or unplug?" in error.message


def test_an_unknown_command_like_no_other_names_none() -> None:
    error = refused("zzzzzzz" * 100)
    assert (error.code, error.details) == ("unknown_command", {"nearest": []})
    assert len(error.message) < 100


def test_every_command_says_what_it_does() -> None:
    assert [
        name for name, command in COMMANDS.by_name.items() if not command.summary.endswith((".", ":"))
    ] == []


# Places


@pytest.mark.parametrize(
    ("name", "at", "fields", "found"),
    [
        ("plug-in", (None, None), {}, (1, 1)),
        ("plug-in", (1, None), {}, (1, 1)),
        ("plug-in", (1, 1), {}, (1, 1)),
        ("plug-in", (1, 1), {"evse": 1, "connector": 1}, (1, 1)),
        ("plug-in", (None, None), {"evse": 1}, (1, 1)),
        ("plug-in", (None, None), {"connector": 1}, (1, 1)),
        ("authorize", (None, None), {}, (1, None)),
        ("operative", (None, None), {}, (None, None)),
        ("operative", (1, None), {}, (1, None)),
        ("operative", (None, None), {"evse": 1, "connector": 1}, (1, 1)),
        ("operative", (None, None), {"connector": 1}, (1, 1)),
        ("power", (None, None), {}, (None, None)),
    ],
)
def test_a_command_goes_to_the_only_place_there_is(
    name: str, at: tuple[int | None, int | None], fields: Json, found: tuple[int | None, int | None]
) -> None:
    assert place(bind(name, at=at, **fields)) == found


@pytest.mark.parametrize(
    ("name", "at", "fields", "choices"),
    [
        ("plug-in", (None, None), {}, {"evse": [1, 2]}),
        ("plug-in", (None, None), {"connector": 1}, {"evse": [1, 2]}),
        ("plug-in", (2, None), {}, {"connector": [1, 2]}),
        ("plug-in", (None, None), {"evse": 2}, {"connector": [1, 2]}),
        ("authorize", (None, None), {}, {"evse": [1, 2]}),
        ("operative", (None, None), {"connector": 1}, {"evse": [1, 2]}),
    ],
)
def test_of_several_places_the_command_must_name_one(
    name: str, at: tuple[int | None, int | None], fields: Json, choices: Json
) -> None:
    error = refused(name, at=at, on=MANY, **fields)
    assert (error.code, error.details) == ("ambiguous_target", choices)


def test_the_named_one_of_several_is_taken() -> None:
    assert place(bind("plug-in", on=MANY, evse=2, connector=2)) == (2, 2)
    assert place(bind("plug-in", at=(1, None), on=MANY)) == (1, 1)


@pytest.mark.parametrize(
    ("at", "fields", "code"),
    [
        ((3, None), {}, "unknown_evse"),
        ((None, None), {"evse": 3, "connector": 1}, "unknown_evse"),
        ((None, None), {"evse": 10**30}, "unknown_evse"),
        ((2, 3), {}, "unknown_connector"),
        ((1, None), {"connector": 2}, "unknown_connector"),
        ((1, 1), {"evse": 2}, "invalid_argument"),
        ((2, 1), {"connector": 2}, "invalid_argument"),
    ],
)
@pytest.mark.parametrize("name", ["plug-in", "operative"])
def test_a_place_that_is_not_there_is_an_error(
    name: str, at: tuple[int | None, int | None], fields: Json, code: str
) -> None:
    assert refused(name, at=at, on=MANY, **fields).code == code


@pytest.mark.parametrize(
    ("name", "at", "scopes"),
    [
        ("reset", (1, 1), ("station", "connector")),
        ("reset", (1, None), ("station", "evse")),
        ("power", (1, 1), ("station", "connector")),
        ("call", (9, 9), ("station", "connector")),
        ("authorize", (1, 1), ("evse", "connector")),
    ],
)
def test_a_topic_narrower_than_its_command_is_refused(
    name: str, at: tuple[int, int | None], scopes: tuple[str, str]
) -> None:
    error = refused(name, at=at)
    assert error.code == "not_allowed"
    assert error.message == f"{name} is for the scope {scopes[0]}, this topic is of the scope {scopes[1]}"


def test_in_JSON_a_narrower_place_than_the_command_needs_does_no_harm() -> None:
    assert bind("reset", evse=1, connector=1).arguments == {"type": "Immediate", "reason": "LocalReset"}
    assert bind("authorize", evse=1, connector=1).arguments["evse"] == 1


@pytest.mark.parametrize("key", ["evse", "connector"])
@pytest.mark.parametrize("number", [0, -1, True, "1", 1.0, [1]])
def test_a_place_is_a_number_from_1_on(key: str, number: Any) -> None:
    error = refused("plug-in", **{key: number})
    assert (error.code, error.message) == ("invalid_argument", f"{key}: a number from 1 on")


def test_null_names_no_place() -> None:
    assert place(bind("plug-in", evse=None, connector=None)) == (1, 1)


# Arguments


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        *((word, True) for word in ("ON", "true", "1", "yes")),
        *((word, False) for word in ("off", "FALSE", "0", "no")),
        ("Toggle", "toggle"),
    ],
)
def test_a_switch_takes_its_words_bare_and_in_JSON(word: str, meant: Any) -> None:
    assert bind("plug-in", word).arguments["on"] == meant
    payload = Payload(fields={"on": word})
    assert COMMANDS.bind("plug-in", payload, SINGLE).arguments["on"] == meant


@pytest.mark.parametrize(("value", "meant"), [(True, True), (False, False), (1, True), (0, False)])
def test_a_switch_takes_JSONs_own_words(value: Any, meant: bool) -> None:
    assert COMMANDS.bind("plug-in", Payload(fields={"on": value}), SINGLE).arguments["on"] is meant


@pytest.mark.parametrize("text", ["12345E67", "0123", "true", "null", "1.0", '"04A2B3"'])
def test_a_bare_payload_stays_text(text: str) -> None:
    assert COMMANDS.bind("authorize", parse(text.encode()), SINGLE).arguments["id_token"] == text


def test_a_bare_payload_is_the_primary_argument() -> None:
    assert bind("ev", "55.5").arguments["soc"] == 55.5
    assert bind("reset", "OnIdle").arguments == {"type": "OnIdle", "reason": "LocalReset"}
    assert bind("fault", "GroundFault").arguments["code"] == "GroundFault"


def test_a_trigger_takes_no_notice_of_a_bare_payload() -> None:
    assert bind("heartbeat", "now").arguments == {}
    assert bind("get", "now").arguments == {"fields": None}


@pytest.mark.parametrize("payload", [b"", b"?", b"PRESS"])
def test_without_a_payload_the_defaults_count(payload: bytes) -> None:
    arguments = COMMANDS.bind("plug-in", parse(payload), SINGLE).arguments
    assert arguments == {"evse": 1, "connector": 1, "on": True, "ev": None}


@pytest.mark.parametrize(("name", "key"), [("fault", "code"), ("call", "action")])
def test_a_missing_argument_is_named(name: str, key: str) -> None:
    error = refused(name)
    assert (error.code, error.message) == ("missing_argument", f"{key} is needed")


SECRET = "hunter2"
INVALID: dict[str, tuple[str, Json, str]] = {
    "a word for a switch": ("plug-in", {"on": SECRET}, "on"),
    "a list for a switch": ("plug-in", {"on": [SECRET]}, "on"),
    "a word for a number": ("fault", {"code": "x", "severity": SECRET}, "severity"),
    "a number out of bounds": ("fault", {"code": "x", "severity": 99123}, "severity"),
    "a fraction for a whole number": ("fault", {"code": "x", "severity": 1.99123}, "severity"),
    "a number for text": ("authorize", {"id_token": 99123}, "id_token"),
    "text for an object": ("call", {"action": "x", "payload": SECRET}, "payload"),
    "text for a list": ("get", {"fields": SECRET}, "fields"),
    "one of another set": ("reset", {"type": SECRET}, "type"),
    "no number": ("ev", {"soc": "nan"}, "soc"),
    "no end": ("power", {"for_s": "inf"}, "for_s"),
    "something in an object": ("plug-in", {"ev": {"soc": SECRET}}, "ev"),
    "an unknown key in an object": ("plug-in", {"ev": {"colour": SECRET}}, "ev.colour"),
    "null for what has a value": ("power", {"silent": None}, "silent"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_argument_is_named_and_its_value_never_repeated(case: str) -> None:
    name, fields, key = INVALID[case]
    with pytest.raises(CommandError) as error:
        COMMANDS.bind(name, Payload(fields=fields), SINGLE)
    assert error.value.code == "invalid_argument"
    assert error.value.message.startswith(key)
    assert SECRET not in error.value.message
    assert "99123" not in error.value.message


OF_SEVERAL_KINDS: list[tuple[str, Json, str]] = [
    ("limit", {"watts": "much"}, "watts: number or OFF is needed"),
    ("limit", {"watts": [1]}, "watts: number or OFF is needed"),
    ("limit", {"watts": -1}, "watts: Input should be greater than or equal to 0"),
    ("meter", {"energy_wh": SECRET}, "energy_wh: number or auto is needed"),
    ("meter", {"voltage_v": [230, 230]}, "voltage_v: number or list is needed"),
    ("meter", {"voltage_v": [230, 230, 0]}, "voltage_v: Input should be greater than 0"),
    ("plug-in", {"on": 3}, "on: ON/OFF/TOGGLE is needed"),
]


@pytest.mark.parametrize(("name", "fields", "message"), OF_SEVERAL_KINDS)
def test_an_argument_that_may_be_of_several_kinds_is_told_what_it_may_be(
    name: str, fields: Json, message: str
) -> None:
    with pytest.raises(CommandError) as error:
        COMMANDS.bind(name, Payload(fields=fields), SINGLE)
    assert (error.value.code, error.value.message) == ("invalid_argument", message)


@pytest.mark.parametrize("name", ["plug-in", "ev", "reset"])
def test_an_invalid_bare_payload_is_not_repeated_either(name: str) -> None:
    error = refused(name, SECRET)
    assert error.code == "invalid_argument"
    assert SECRET not in error.message


@pytest.mark.parametrize("command", ["fault", "authorize"])
def test_what_a_command_itself_refuses_is_not_repeated_either(bench: Bench, command: str) -> None:
    arguments = {"code": SECRET} if command == "fault" else {"id_token": SECRET * 10}
    answer = bench.do(command, **arguments)
    assert answer is not None
    assert answer.error is not None
    assert SECRET not in answer.error.message


def test_an_unknown_key_is_a_warning_and_one_of_the_asking_is_not() -> None:
    bound = bind("power", colour="red", request_id="a1", wait=False, timeout_s=1, evse=1, connector=1)
    assert bound.warnings == ["colour: no such key in power"]


def test_a_place_is_no_argument_of_a_command_without_one() -> None:
    assert bind("power", evse=1, connector=1).arguments.keys() == {"on", "for_s", "code", "silent"}


# What is said of the asking


def asked(**fields: Any) -> Request:
    request = Request(1, "power", "CP001")
    read_meta(request, fields)
    return request


def test_the_asking_has_defaults() -> None:
    assert (asked().request_id, asked().wait, asked().timeout_s) == (None, True, 30)


def test_the_asking_may_be_told() -> None:
    request = asked(request_id="a1", wait=False, timeout_s=2.5)
    assert (request.request_id, request.wait, request.timeout_s) == ("a1", False, 2.5)


WRONG: dict[str, list[Any]] = {
    "request_id": ["", "x" * 257, 5, []],
    "wait": [None, "no", 0],
    "timeout_s": [-1, 3601, True, "5", None, math.nan, math.inf],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key in WRONG for value in WRONG[key]])
def test_what_is_wrong_about_the_asking_is_named(key: str, value: Any) -> None:
    with pytest.raises(CommandError) as error:
        asked(**{key: value})
    assert (error.value.code, error.value.message.split(":")[0]) == ("invalid_argument", key)


# Anything at all

ANY_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = sorted(
    {key for command in COMMANDS.by_name.values() for key in command.parameters} | {"evse", "connector"}
)
PAYLOADS = some.one_of(
    some.text().map(lambda text: Payload(text=text)),
    some.dictionaries(some.sampled_from(KEYS) | some.text(), ANY_JSON).map(
        lambda fields: Payload(fields=fields)
    ),
    some.just(Payload()),
)
NAMES = some.sampled_from(sorted(COMMANDS.by_name)) | some.text()
NUMBERS = some.none() | some.integers(min_value=1, max_value=4)


@given(name=NAMES, payload=PAYLOADS, evse=NUMBERS, connector=NUMBERS)
def test_bind_raises_nothing_but_CommandError(
    name: str, payload: Payload, evse: int | None, connector: int | None
) -> None:
    try:
        bound = COMMANDS.bind(name, payload, MANY, evse, connector)
    except CommandError:
        return
    assert bound.arguments.keys() >= COMMANDS.find(name).parameters.keys()
