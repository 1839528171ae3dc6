"""Rules 1 to 4 for MQTT payloads, as the contract states them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocppd.core.errors import CommandError
from ocppd.payload import MAX_BYTES, MAX_DEPTH, Payload, PayloadError, is_release, parse, switch

BLANKS = " \t\r\n"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=20,
)


def refusal(raw: bytes) -> str:
    with pytest.raises(PayloadError) as caught:
        parse(raw)
    assert caught.value.message
    return caught.value.code


def outcome(raw: bytes) -> Payload | str:
    """Read `raw`, or name the code of the refusal; anything else that is raised fails the test."""
    try:
        return parse(raw)
    except PayloadError as error:
        return error.code


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def test_a_refusal_is_an_answer_like_that_of_any_other_command() -> None:
    with pytest.raises(CommandError):
        parse(b"\xff")


@pytest.mark.parametrize("raw", [b"\xff", b"ON\xc3", b"\xed\xa0\x80", b"{\xff}"])
def test_rule_1_what_is_not_utf_8_is_a_bad_payload(raw: bytes) -> None:
    assert refusal(raw) == "bad_payload"


def test_rule_1_more_than_64_kib_is_too_large() -> None:
    assert parse(b"x" * MAX_BYTES) == Payload(text="x" * MAX_BYTES)
    assert refusal(b"x" * (MAX_BYTES + 1)) == "too_large"
    assert refusal(b" " * (MAX_BYTES + 1)) == "too_large"


@pytest.mark.parametrize("raw", [b" ON\r\n\0", b"\tON\0\0", b"ON\0\r\n", b"\r\nON ", b"ON"])
def test_rule_1_blanks_line_ends_and_trailing_nuls_are_trimmed(raw: bytes) -> None:
    assert parse(raw) == Payload(text="ON")


def test_rule_1_only_the_ends_are_trimmed() -> None:
    assert parse(b"\0a b\0c\xc2\xa0") == Payload(text="\0a b\0c\xa0")


@pytest.mark.parametrize(
    "text", ["12345E67", "7616525", "04-A2", "04A2B3C4", "1e5", "true", "null", "[1]", '"ON"']
)
def test_rule_2_a_bare_payload_is_never_read_as_json(text: str) -> None:
    assert parse(text.encode()) == Payload(text=text)


def test_rule_2_a_payload_that_starts_with_a_brace_is_an_object() -> None:
    assert parse(b' {"request_id":"a1","ev":{"soc":20}}\r\n\0') == Payload(
        fields={"request_id": "a1", "ev": {"soc": 20}}
    )
    assert parse(b"{}") == Payload(fields={})


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{on}",
        b"{'on':1}",
        b'{"on":1,}',
        b'{"on":1} x',
        b'{"on":1}{"on":1}',
        b'{"on":NaN}',
        b'{"on":-Infinity}',
        b'{"on":1e999}',
        b'{"on":01}',
        b'{"on":"\\ud800"}',
        b'{"on":"\x01"}',
        b'{"on":1,"on":0}',
        b'{"on":1,"\\u006fn":0}',
        b'{"ev":[{"soc":1,"soc":1}]}',
    ],
)
def test_rule_2_anything_but_one_strict_object_is_bad_json(raw: bytes) -> None:
    assert refusal(raw) == "bad_json"


def test_rule_2_a_doubled_key_is_named_but_not_at_full_length() -> None:
    key = "k" * 10_000
    with pytest.raises(PayloadError, match="kkkk") as caught:
        parse(f'{{"{key}":1,"{key}":2}}'.encode())
    assert len(caught.value.message) < 100


def test_rule_2_objects_nest_up_to_a_limit() -> None:
    assert parse(nested(MAX_DEPTH)).fields is not None
    assert refusal(nested(MAX_DEPTH + 1)) == "bad_json"
    assert refusal(b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}") == "bad_json"


@pytest.mark.parametrize("raw", [b'{"a":' * 13_000, b'{"a":' + b"[" * 60_000, nested(10_000), nested(1_000)])
def test_rule_2_a_depth_bomb_is_bad_json(raw: bytes) -> None:
    assert refusal(raw) == "bad_json"


def test_rule_2_a_number_of_thousands_of_digits_does_no_harm() -> None:
    assert parse(b'{"a":1' + b"0" * 300 + b"}").fields == {"a": 1e300}
    assert refusal(b'{"a":' + b"9" * 60_000 + b"}") == "bad_json"


@pytest.mark.parametrize("raw", [b"", b" \r\n", b"\0", b"?", b"PRESS", b"press\r\n"])
def test_rule_3_empty_question_mark_and_press_mean_the_default(raw: bytes) -> None:
    assert parse(raw) == Payload(text=None, fields=None)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *((word, True) for word in ("ON", "on", "1", "true", "TRUE", "yes", "Yes")),
        *((word, False) for word in ("OFF", "Off", "0", "false", "False", "no", "NO")),
        *((word, "toggle") for word in ("TOGGLE", "toggle")),
        *(
            (word, None)
            for word in ("", "2", "01", "0.0", "y", "o n", "RELEASE", "GroundFault", "fal\u017fe")
        ),
    ],
)
def test_rule_4_booleans_are_words_in_any_case(text: str, meaning: object) -> None:
    assert switch(text) == meaning
    assert isinstance(switch(text), type(meaning))


def test_rule_4_a_trigger_ignores_the_release_of_a_button() -> None:
    assert all(map(is_release, ["OFF", "off", "0", "false", "no", "RELEASE", "Release"]))
    assert not any(map(is_release, ["ON", "1", "TOGGLE", "", "Immediate", "released"]))


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: b"{" + tail))
def test_whatever_arrives_is_read_or_refused(raw: bytes) -> None:
    match outcome(raw):
        case Payload(text, fields):
            assert text is None or fields is None
            assert text != ""
        case code:
            assert code in {"bad_payload", "bad_json"}


@given(st.text(alphabet='{}[]":,\\ \n0123456789.eE-+truefalsnNI', max_size=60))
@example('"a":1}')
def test_whatever_starts_like_an_object_is_one_or_refused(tail: str) -> None:
    match outcome(("{" + tail).encode()):
        case Payload(text, fields):
            assert text is None
            assert fields is not None
        case code:
            assert code == "bad_json"


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_every_object_is_read_as_it_was_written(fields: dict[str, Any]) -> None:
    assert parse(orjson.dumps(fields)).fields == fields


@given(st.text(max_size=80))
def test_bare_text_stays_as_it_is(text: str) -> None:
    trimmed = text.strip(BLANKS + "\0")
    if trimmed and not trimmed.startswith("{") and trimmed.lower() not in {"?", "press"}:
        assert parse(trimmed.encode()).text == trimmed
        assert parse(f" \t{trimmed}\r\n\0".encode()).text == trimmed
