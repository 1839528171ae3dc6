"""`mqtt.inputs`: messages of buttons and card readers that know nothing of us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.topics import Scope

CONNECTOR = Scope("connector", "CP001", 1, 1)
READER = Input("tele/rfid1/SENSOR", Scope("evse", "CP001", 1), ("RC522", "UID"), "authorize")
BUTTON = Input(
    "stat/btn/RESULT", CONNECTOR, ("Button1", "Action"), map={"SINGLE": "plug-in", "HOLD": "unplug"}
)


def meant(source: Input, payload: bytes | str, topic: str | None = None) -> list[tuple[str, bytes]]:
    raw = payload.encode() if isinstance(payload, str) else payload
    return list(source.commands(topic or source.topic, raw))


def test_a_card_reader_of_tasmota_authorizes() -> None:
    sensor = '{"Time":"2025-01-01T10:00:00","RC522":{"UID":"12345E67","Data":""}}'
    assert meant(READER, sensor) == [("authorize", b"12345E67")]


@pytest.mark.parametrize(("action", "command"), [("SINGLE", "plug-in"), ("HOLD", "unplug")])
def test_a_button_of_tasmota_plugs_in_and_out(action: str, command: str) -> None:
    assert meant(BUTTON, f'{{"Button1":{{"Action":"{action}"}}}}') == [(command, b"")]


@pytest.mark.parametrize(
    "payload",
    [
        '{"Button1":{"Action":"DOUBLE"}}',
        '{"Button1":{"Action":"single"}}',
        '{"Button2":{"Action":"SINGLE"}}',
        '{"Button1":"SINGLE"}',
        '{"Button1":{"Action":["SINGLE"]}}',
        '{"Button1":{"Action":null}}',
        '["SINGLE"]',
        "SINGLE",
        "{",
        "",
        b"\xff",
    ],
)
def test_what_means_nothing_is_no_command(payload: str | bytes) -> None:
    assert meant(BUTTON, payload) == []


@pytest.mark.parametrize(
    ("value", "argument"), [("7616525", b"7616525"), ('"04-A2"', b"04-A2"), ("true", b"true"), ('""', b"")]
)
def test_a_value_becomes_the_argument_as_text(value: str, argument: bytes) -> None:
    assert meant(READER, f'{{"RC522":{{"UID":{value}}}}}') == [("authorize", argument)]


def test_without_a_path_the_payload_is_the_value() -> None:
    switch = Input("shelly/0", CONNECTOR, map={"on": "plug-in", "off": "plug-in OFF"})
    assert meant(switch, "on") == [("plug-in", b"")]
    assert meant(switch, "off") == [("plug-in", b"OFF")]
    assert meant(Input("uid", CONNECTOR, command="authorize"), "04-A2") == [("authorize", b"04-A2")]
    assert meant(Input("uid", CONNECTOR, command="authorize"), b"\xff") == []


def test_names_of_commands_are_read_as_in_topics() -> None:
    assert meant(Input("a", CONNECTOR, command="Plug_In"), "") == [("plug-in", b"")]
    assert meant(Input("a", CONNECTOR, map={"x": "PLUG_IN Off"}), "x") == [("plug-in", b"Off")]


def test_the_topic_is_a_filter() -> None:
    source = Input("tele/+/SENSOR", CONNECTOR, command="authorize")
    assert meant(source, "A", "tele/any/SENSOR") == [("authorize", b"A")]
    assert meant(source, "A", "tele/any/STATE") == []
    assert meant(source, "A", "tele/a/b/SENSOR") == []


@given(st.binary(max_size=200))
def test_whatever_arrives_does_no_harm(payload: bytes) -> None:
    assert meant(READER, payload) in ([], [("authorize", payload)])
