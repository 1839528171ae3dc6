"""What is printed of what anybody may have published: it never commands a terminal."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from ocppd.telling import event_words, json_line, key_values, place, printable, word

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
EVENT_KEYS = st.sampled_from(["event", "station", "evse", "before", "after", "cause", "ts", "token"])
EVENTS = st.dictionaries(EVENT_KEYS | st.text(), JSON, max_size=6)


@given(st.text())
def test_only_what_can_be_seen_is_printed(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    if text.isprintable() and len(text) <= 300:
        assert shown == text


def test_escapes_are_shown_as_python_writes_them() -> None:
    assert printable("\x1b]0;owned\x07 \x9b2J \u202e") == r"\x1b]0;owned\x07 \x9b2J \u202e"
    assert printable("x" * 400) == "x" * 300 + "…"


@given(JSON)
def test_json_is_the_same_json_and_can_be_seen(value: Any) -> None:
    line = json_line(value)
    assert line.isprintable()
    assert json.loads(line) == orjson.loads(orjson.dumps(value))
    assert all(it.isprintable() for it in json_line(value, indented=True).split("\n"))


def test_json_that_nests_too_deep_is_told_of() -> None:
    deep = orjson.loads(b"[" * 500 + b"]" * 500)
    assert json.loads(json_line(deep)).startswith("[[[")


@given(EVENTS)
def test_any_event_can_be_told(event: dict[str, Any]) -> None:
    assert event_words(event).isprintable()
    assert place(event).isprintable()


def test_the_words_of_an_event() -> None:
    assert (
        event_words(
            {
                "event": "connector_status",
                "station": "CP001",
                "evse": 1,
                "seq": 4,
                "boot": "x",
                "before": {"status": "Available"},
                "after": {"status": "Occupied"},
                "cause": "mqtt:plug-in",
                "request_id": "r1",
                "ts": "2026-11-26T16:00:00.000Z",
            }
        )
        == "connector_status Available → Occupied (mqtt:plug-in)"
    )
    assert (
        event_words({"event": "log", "before": {"a": 1, "b": 2}, "after": {"a": 1, "b": 3}}) == "log b 2 → 3"
    )
    tx = {
        "event": "tx_started",
        "transaction_id": "t1",
        "token": {"idToken": "04A2", "type": "ISO14443"},
        "x": None,
    }
    assert event_words(tx) == "tx_started token=04A2 transaction_id=t1"


def test_what_is_one_word_stays_as_it_is() -> None:
    assert (
        key_values({"a": "Occupied", "b": "two words", "c": [1], "d": None})
        == 'a=Occupied b="two words" c=[1] d=null'
    )
    assert word("a=b") == '"a=b"'
    assert place({"evse": 1, "connector": 2}) == "1/2"
    assert place({"evse": "x\x1b"}) == ""
