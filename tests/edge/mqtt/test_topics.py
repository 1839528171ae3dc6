"""Topics: built as the contract draws them, and read back strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.edge.mqtt.topics import (
    LEAVES,
    Kind,
    Scope,
    allowed_response_topic,
    command_topic,
    decode,
    encode,
    parse_command,
    parse_odd_command,
    parse_state,
    response_topic,
    state_topic,
)

DAEMON = Scope("daemon", "lab1")
STATION = Scope("station", "CP001")
EVSE = Scope("evse", "CP001", 1)
CONNECTOR = Scope("connector", "CP001", 1, 2)
GROUP = Scope("group", "lab")
ALL = Scope("all")
PATTERNS = ("reply/#", "ocppd/v1/reply/#")

names = st.text(min_size=1, max_size=48)
numbers = st.integers(1, 999_999_999)
scopes = st.one_of(
    st.builds(Scope, st.sampled_from(["daemon", "station", "group"]), names),
    st.builds(Scope, st.just("evse"), names, numbers),
    st.builds(Scope, st.just("connector"), names, numbers, numbers),
    st.just(ALL),
)
LEVELS = [
    "all",
    "daemon",
    "station",
    "group",
    "evse",
    "connector",
    "cmd",
    "1",
    "01",
    "CP%2B1",
    "CP+1",
    "",
    "plug_in",
]
bases = st.sampled_from(["ocppd", "site/hall 3/ocppd"])


@pytest.mark.parametrize(
    ("scope", "topic"),
    [
        (DAEMON, "ocppd/v1/daemon/lab1"),
        (STATION, "ocppd/v1/station/CP001"),
        (EVSE, "ocppd/v1/station/CP001/evse/1"),
        (CONNECTOR, "ocppd/v1/station/CP001/evse/1/connector/2"),
        (GROUP, "ocppd/v1/group/lab"),
        (ALL, "ocppd/v1/all"),
    ],
)
def test_a_scope_has_the_topic_of_the_contract(scope: Scope, topic: str) -> None:
    assert scope.topic("ocppd") == topic


@pytest.mark.parametrize(
    ("scope", "leaf", "topic"),
    [
        (DAEMON, "state", "ocppd/v1/daemon/lab1/state"),
        (DAEMON, "info", "ocppd/v1/daemon/lab1/info"),
        (DAEMON, "health", "ocppd/v1/daemon/lab1/health"),
        (STATION, "availability", "ocppd/v1/station/CP001/availability"),
        (STATION, "state", "ocppd/v1/station/CP001/state"),
        (STATION, "event", "ocppd/v1/station/CP001/event"),
        (STATION, "ocpp/tx", "ocppd/v1/station/CP001/ocpp/tx"),
        (STATION, "ocpp/rx", "ocppd/v1/station/CP001/ocpp/rx"),
        (EVSE, "state", "ocppd/v1/station/CP001/evse/1/state"),
        (EVSE, "meter", "ocppd/v1/station/CP001/evse/1/meter"),
        (CONNECTOR, "state", "ocppd/v1/station/CP001/evse/1/connector/2/state"),
        (CONNECTOR, "status", "ocppd/v1/station/CP001/evse/1/connector/2/status"),
    ],
)
def test_the_mirror_has_the_topics_of_the_contract(scope: Scope, leaf: str, topic: str) -> None:
    assert state_topic("ocppd", scope, leaf) == topic
    assert parse_state("ocppd", topic) == (scope, leaf)


def test_a_scope_has_no_other_leaves() -> None:
    with pytest.raises(ValueError, match="meter"):
        state_topic("ocppd", STATION, "meter")
    with pytest.raises(ValueError, match="state"):
        state_topic("ocppd", ALL)
    assert parse_state("ocppd", "ocppd/v1/station/CP001/meter") is None
    assert parse_state("ocppd", "ocppd/v1/station/CP001/state/state") is None
    assert parse_state("ocppd", "ocppd/v1/station/CP001") is None
    assert parse_state("ocppd", "ocppd/v1/all/") is None


@pytest.mark.parametrize(
    ("identity", "level"),
    [
        ("CP-001_a.b~c", "CP-001_a.b~c"),
        ("DE*ABC+1", "DE%2AABC%2B1"),
        ("a/b#c d", "a%2Fb%23c%20d"),
        ("Säule|@:=", "S%C3%A4ule%7C%40%3A%3D"),
        ("100%", "100%25"),
        ("\0", "%00"),
    ],
)
def test_an_identity_is_percent_encoded_in_its_level(identity: str, level: str) -> None:
    assert encode(identity) == level
    assert decode(level) == identity
    assert Scope("station", identity).topic("ocppd") == f"ocppd/v1/station/{level}"


@pytest.mark.parametrize(
    ("topic", "command"),
    [
        ("ocppd/v1/daemon/lab1/cmd/ping", (DAEMON, "ping")),
        ("ocppd/v1/station/CP001/cmd/boot", (STATION, "boot")),
        ("ocppd/v1/station/CP001/evse/1/cmd/authorize", (EVSE, "authorize")),
        ("ocppd/v1/station/CP001/evse/1/connector/2/cmd/plug-in", (CONNECTOR, "plug-in")),
        ("ocppd/v1/group/lab/cmd/heartbeat", (GROUP, "heartbeat")),
        ("ocppd/v1/all/cmd/unplug", (ALL, "unplug")),
    ],
)
def test_a_command_is_read_from_its_topic(topic: str, command: tuple[Scope, str]) -> None:
    assert parse_command("ocppd", topic) == command
    assert command_topic("ocppd", *command) == topic
    assert response_topic("ocppd", *command) == topic.replace("/cmd/", "/response/")


@pytest.mark.parametrize("name", ["plug-in", "plug_in", "PLUG_IN", "Plug-In"])
def test_command_names_are_read_in_any_case_with_either_dash(name: str) -> None:
    assert parse_command("ocppd", f"ocppd/v1/all/cmd/{name}") == (ALL, "plug-in")


def test_a_station_may_bear_the_name_of_a_level() -> None:
    topic = "ocppd/v1/station/evse/evse/1/connector/1/cmd/unplug"
    assert parse_command("ocppd", topic) == (Scope("connector", "evse", 1, 1), "unplug")
    assert parse_command("ocppd", "ocppd/v1/station/cmd/cmd/boot") == (Scope("station", "cmd"), "boot")


def test_the_base_may_have_several_levels() -> None:
    topic = "site/3/ocppd/v1/station/CP001/cmd/boot"
    assert parse_command("site/3/ocppd", topic) == (STATION, "boot")
    assert parse_command("ocppd", topic) is None
    assert parse_command("site/3", topic) is None


@pytest.mark.parametrize(
    "tail",
    [
        # percent encodings that `encode` would not have written
        "station/CP%/cmd/boot",
        "station/CP%2/cmd/boot",
        "station/CP%zz/cmd/boot",
        "station/CP%41/cmd/boot",
        "station/CP%2b/cmd/boot",
        "station/CP%ff/cmd/boot",
        "station/CP%C3/cmd/boot",
        "station/CP%ED%A0%80/cmd/boot",
        "station/CP%u0041/cmd/boot",
        # characters that it would have encoded
        "station/CP 1/cmd/boot",
        "station/DE*ABC/cmd/boot",
        "station/Säule/cmd/boot",
        "station/CP\ud800/cmd/boot",
        "station/CP\0/cmd/boot",
        "station/CP+/cmd/boot",
        "station/#",
        # empty, missing and superfluous levels
        "station//cmd/boot",
        "station/cmd/boot",
        "station/CP001/cmd/",
        "station/CP001/cmd",
        "station/CP001/cmd/boot/",
        "station/CP001/cmd/boot/now",
        "station/CP001//cmd/boot",
        "station/CP001/response/boot",
        "station/CP001/CMD/boot",
        "Station/CP001/cmd/boot",
        "all/lab/cmd/boot",
        "lab1/cmd/ping",
        "/cmd/ping",
        "cmd/ping",
        "",
        # numbers
        "station/CP001/evse/0/cmd/start",
        "station/CP001/evse/-1/cmd/start",
        "station/CP001/evse/+1/cmd/start",
        "station/CP001/evse/01/cmd/start",
        "station/CP001/evse/1.0/cmd/start",
        "station/CP001/evse/1_0/cmd/start",
        "station/CP001/evse/ 1/cmd/start",
        "station/CP001/evse/\u0661/cmd/start",
        "station/CP001/evse/1000000000/cmd/start",
        f"station/CP001/evse/{'9' * 5000}/cmd/start",
        "station/CP001/evse//cmd/start",
        "station/CP001/evse/cmd/start",
        "station/CP001/evse/1/connector/0/cmd/unplug",
        "station/CP001/evse/1/connector/cmd/unplug",
        "station/CP001/evse/x/connector/1/cmd/unplug",
        "station/CP001/connector/1/cmd/unplug",
        # names of commands
        "all/cmd/pl\u00fcg-in",
        "all/cmd/plug in",
        "all/cmd/plug%2Din",
        "all/cmd/plug\nin",
        "all/cmd/boot\n",
        "all/cmd/#",
        f"all/cmd/{'x' * 65}",
    ],
)
def test_what_building_would_not_have_written_is_no_command_of_ours(tail: str) -> None:
    assert parse_command("ocppd", f"ocppd/v1/{tail}") is None


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        ("station/CP001/evse/01/cmd/start", "unknown_evse"),
        ("station/CP001/evse//cmd/start", "unknown_evse"),
        ("station/CP001/evse/1/connector/x/cmd/unplug", "unknown_connector"),
        ("station/CP001/cmd/plüg", "unknown_command"),
    ],
)
def test_what_can_be_no_command_of_a_station_is_told_with_where_to_say_so(tail: str, code: str) -> None:
    odd = parse_odd_command("ocppd", f"ocppd/v1/{tail}")
    assert odd is not None
    assert (odd.scope, odd.code) == (STATION, code)
    assert odd.response_topic == f"ocppd/v1/{tail.replace('/cmd/', '/response/')}"
    assert odd.message


@pytest.mark.parametrize(
    "tail",
    [
        "station/CP001/cmd/boot",
        "station/CP001/cmd/boot/now",
        "station/CP001/cmd/",
        "station/CP001/cmd/#",
        "station/CP%/cmd/x",
        "all/cmd/ü",
    ],
)
def test_a_command_and_what_has_no_station_or_no_answer_is_not_odd(tail: str) -> None:
    assert parse_odd_command("ocppd", f"ocppd/v1/{tail}") is None


@given(st.lists(st.sampled_from(LEVELS) | st.text(max_size=5), max_size=9))
def test_whatever_is_odd_is_answered_where_it_may_be_published(levels: list[str]) -> None:
    odd = parse_odd_command("ocppd", "/".join(["ocppd", "v1", "station", *levels]))
    assert odd is None or allowed_response_topic(odd.response_topic, ["#"]) is None


def test_other_roots_are_not_ours() -> None:
    for topic in ("", "/", "ocppd", "ocppd/v1", "ocppd/v2/all/cmd/boot", "xocppd/v1/all/cmd/boot", "$SYS/v1"):
        assert parse_command("ocppd", topic) is None
        assert parse_state("ocppd", topic) is None


@given(names)
def test_any_identity_survives_its_topic(identity: str) -> None:
    scope = Scope("station", identity)
    assert parse_command("ocppd", command_topic("ocppd", scope, "boot")) == (scope, "boot")


@given(bases, scopes)
def test_any_scope_survives_its_topics(base: str, scope: Scope) -> None:
    assert parse_command(base, command_topic(base, scope, "plug-in")) == (scope, "plug-in")
    for leaf in LEAVES[scope.kind]:
        assert parse_state(base, state_topic(base, scope, leaf)) == (scope, leaf)


@given(scopes, st.text(max_size=20))
def test_no_topic_has_a_wildcard_or_another_level(scope: Scope, command: str) -> None:
    topic = response_topic("ocppd", scope, command)
    assert not set("+#\0") & set(topic)
    assert topic.isascii()
    levels: dict[Kind, int] = {"all": 5, "evse": 8, "connector": 10}
    assert topic.count("/") + 1 == levels.get(scope.kind, 6)


@given(st.lists(st.sampled_from(LEVELS), min_size=2, max_size=8))
def test_whatever_is_read_would_be_written_the_same(levels: list[str]) -> None:
    topic = "/".join(["ocppd", "v1", *levels])
    if (command := parse_command("ocppd", topic)) is not None:
        assert command_topic("ocppd", *command).rpartition("/")[0] == topic.rpartition("/")[0]
        assert command[1] == levels[-1].lower().replace("_", "-")


@pytest.mark.parametrize(
    "topic", ["reply", "reply/me", "reply/a b/ä/", "ocppd/v1/reply/1/2", "reply/" + "x" * 250, "reply/$x"]
)
def test_a_response_topic_within_the_patterns_is_taken(topic: str) -> None:
    assert allowed_response_topic(topic, PATTERNS) is None


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("", "empty"),
        ("reply/#", "wildcards"),
        ("reply/+/x", "wildcards"),
        ("reply/a+b", "wildcards"),
        ("reply/" + "x" * 251, "256 bytes"),
        ("reply/" + "ä" * 126, "256 bytes"),
        ("$SYS/broker", "starts with $"),
        ("$share/g/reply/x", "starts with $"),
        ("reply/\0", "MQTT forbids"),
        ("reply/\n", "MQTT forbids"),
        ("reply/\x7f", "MQTT forbids"),
        ("reply/\x9f", "MQTT forbids"),
        ("reply/\ud800", "MQTT forbids"),
        ("reply/\ufdd0", "MQTT forbids"),
        ("reply/\U0001ffff", "MQTT forbids"),
        ("replyx", "outside"),
        ("Reply/x", "outside"),
        ("/reply/x", "outside"),
        ("ocppd/v1/all/cmd/reset", "outside"),
    ],
)
def test_a_response_topic_is_refused_with_a_reason(topic: str, reason: str) -> None:
    refusal = allowed_response_topic(topic, PATTERNS)
    assert refusal is not None
    assert reason in refusal


def test_the_patterns_are_mqtt_filters() -> None:
    assert allowed_response_topic("a/b/c", ["a/+/c"]) is None
    assert allowed_response_topic("a//c", ["a/+/c"]) is None
    assert allowed_response_topic("a/b/c/d", ["a/+/c"]) is not None
    assert allowed_response_topic("a/b", ["+", "a"]) is not None
    assert allowed_response_topic("a/b", ["#"]) is None
    assert allowed_response_topic("$a/b", ["#", "$a/b"]) is not None
    assert allowed_response_topic("a", []) is not None


@given(st.text(max_size=300) | st.text(alphabet="a/+#$", max_size=20))
def test_what_is_taken_can_be_published_to(topic: str) -> None:
    if allowed_response_topic(topic, ["#"]) is None:
        assert topic
        assert not set("+#\0") & set(topic)
        assert len(topic.encode()) <= 256
