"""What stands on the broker as we come: what is ours to clear, and whose stations are taken."""

from __future__ import annotations

import orjson
import pytest

from ocppd.edge.mqtt.census import Census, all_topics
from ocppd.edge.mqtt.topics import parse_command
from tests.edge.mqtt.desk import TWO_BY_TWO, Desk, station

V1 = "ocppd/v1"


def census(*retained: tuple[str, bytes | str]) -> Census:
    found = Census("ocppd", "lab1")
    for topic, payload in retained:
        found.note(f"{V1}/{topic}", payload if isinstance(payload, bytes) else payload.encode())
    return found


def state_of(name: str, daemon: str) -> tuple[str, bytes]:
    return f"station/{name}/state", orjson.dumps({"station": name, "daemon": daemon})


OTHER_ONLINE = ("daemon/lab2/state", "online")
STATIONS = Desk(station("CP001")).fleet.stations


def test_it_looks_at_states_alone() -> None:
    filters = Census("site/ocppd", "lab1").filters()
    assert all(it.startswith("site/ocppd/v1/") and it.endswith("/state") for it in filters)


def test_a_station_of_another_daemon_that_is_online_is_taken() -> None:
    assert census(state_of("CP001", "lab2"), OTHER_ONLINE).conflicts() == {"CP001": "lab2"}


@pytest.mark.parametrize(
    "retained",
    [
        [state_of("CP001", "lab1"), ("daemon/lab1/state", "online")],
        [state_of("CP001", "lab2")],
        [state_of("CP001", "lab2"), ("daemon/lab2/state", "offline")],
        [("station/CP001/state", "{"), OTHER_ONLINE],
        [("station/CP001/state", "[]"), OTHER_ONLINE],
        [("station/CP001/state", '{"daemon":2}'), OTHER_ONLINE],
        [("station/CP001/state", ""), OTHER_ONLINE],
        [OTHER_ONLINE],
        [],
    ],
)
def test_otherwise_it_is_free(retained: list[tuple[str, str]]) -> None:
    assert census(*retained).conflicts() == {}


def test_topics_of_a_station_of_ours_that_is_gone_are_orphans() -> None:
    found = census(
        state_of("OLD", "lab1"),
        ("station/OLD/evse/1/state", "{}"),
        ("station/OLD/evse/1/connector/1/state", "{}"),
    )
    assert found.orphans(STATIONS) == [
        f"{V1}/station/OLD/availability",
        f"{V1}/station/OLD/state",
        f"{V1}/station/OLD/evse/1/state",
        f"{V1}/station/OLD/evse/1/meter",
        f"{V1}/station/OLD/evse/1/connector/1/state",
        f"{V1}/station/OLD/evse/1/connector/1/status",
    ]


def test_topics_of_evses_and_connectors_that_are_gone_are_orphans() -> None:
    found = census(
        state_of("CP001", "lab1"),
        ("station/CP001/evse/1/state", "{}"),
        ("station/CP001/evse/1/connector/1/state", "{}"),
        ("station/CP001/evse/1/connector/2/state", "{}"),
        ("station/CP001/evse/2/state", "{}"),
        ("station/CP001/evse/2/connector/1/state", "{}"),
    )
    assert found.orphans(STATIONS) == [
        f"{V1}/station/CP001/evse/1/connector/2/state",
        f"{V1}/station/CP001/evse/1/connector/2/status",
        f"{V1}/station/CP001/evse/2/state",
        f"{V1}/station/CP001/evse/2/meter",
        f"{V1}/station/CP001/evse/2/connector/1/state",
        f"{V1}/station/CP001/evse/2/connector/1/status",
    ]


@pytest.mark.parametrize("payload", ["online", "offline"])
def test_what_others_have_left_is_theirs(payload: str) -> None:
    others = (state_of("OLD", "lab2"), ("station/OLD/evse/1/state", "{}"), ("daemon/lab2/state", payload))
    assert census(*others).orphans(STATIONS) == []
    assert census(("station/UNKNOWN/evse/1/state", "{}")).orphans(STATIONS) == []


def test_a_station_that_another_daemon_runs_is_theirs_even_where_we_have_it_too() -> None:
    found = census(state_of("CP001", "lab2"), OTHER_ONLINE, ("station/CP001/evse/2/state", "{}"))
    assert found.orphans(STATIONS) == []


def test_all_topics_are_those_that_the_mirror_shows() -> None:
    desk = Desk(station("CP+1", TWO_BY_TWO))
    topics = list(all_topics("ocppd", desk.fleet.stations["CP+1"]))
    assert len(topics) == len(set(topics)) == 2 + 2 * 2 + 4 * 2
    assert all(topic.startswith(f"{V1}/station/CP%2B1/") for topic in topics)


def test_commands_are_never_among_the_orphans() -> None:
    found = census(
        state_of("OLD", "lab1"), ("station/OLD/cmd/plug-in", "ON"), ("station/OLD/evse/1/cmd/x", "1")
    )
    assert not any(parse_command("ocppd", topic) for topic in found.orphans(STATIONS))


@pytest.mark.parametrize(
    "topic",
    ["", "ocppd/v1/station/OLD/cmd/plug-in", "ocppd/v2/station/OLD/state", "ocppd/v1/station/%/state"],
)
def test_other_topics_are_not_noted(topic: str) -> None:
    found = Census("ocppd", "lab1")
    found.note(topic, b"{}")
    assert found.orphans({}) == []
