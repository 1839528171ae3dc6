"""Several daemons on one broker: each has its own stations, and none touches what is another's."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ocppd.edge.mqtt import Pace
from ocppd.edge.mqtt.topics import parse_command
from tests.edge.mqtt.desk import TWO_BY_TWO, station
from tests.edge.mqtt.edge import Edge, Logged, Mosquitto, Uplink, retained, running, until, watching, wire

CONNECTOR = "evse/1/connector/1"


def lab(number: int, port: int, base: str, *names: str, **how: Any) -> Edge:
    """The daemon `lab<number>` with those stations, all of the group `lab`."""
    return Edge(
        port, *(station(name, None, "lab") for name in names), base=base, daemon=f"lab{number}", **how
    )


async def test_each_takes_commands_for_its_own_stations_alone(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    one, two = lab(1, uplink.port, base, "CP001"), lab(2, uplink.port, base, "CP002")
    async with watching(mosquitto.port, base) as watcher, running(one), running(two):
        await until(lambda: len(watcher.shown()) == 2 * 9)
        assert (await watcher.do("station/CP001/cmd/plug-in"))["daemon"] == "lab1"
        assert (await watcher.do("station/CP002/cmd/plug-in"))["daemon"] == "lab2"
        assert (await watcher.do("daemon/lab2/cmd/ping"))["daemon"] == "lab2"
        answers = [it for it in watcher.heard if "/response/" in it.topic]
        assert len(answers) == 3


@pytest.mark.parametrize("scope", ["group/lab", "all"])
async def test_a_command_to_many_is_answered_once_by_each(
    mosquitto: Mosquitto, base: str, scope: str
) -> None:
    one, two = lab(1, mosquitto.port, base, "CP001"), lab(2, mosquitto.port, base, "CP002", "CP003")
    async with watching(mosquitto.port, base) as watcher, running(one), running(two):
        await until(lambda: watcher.newest("daemon/lab2/health"))
        await watcher.do(f"{scope}/cmd/plug-in")
        answers = await watcher.hears(f"{scope}/response/plug-in", 2)
        assert {answer["daemon"]: answer["matched"] for answer in answers} == {"lab1": 1, "lab2": 2}


async def test_a_station_of_a_daemon_that_is_online_is_left_to_it(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with running(lab(1, uplink.port, base, "CP001")):
        before = await retained(mosquitto.port, base)
        async with running(lab(2, uplink.port, base, "CP001", "CP002")) as two:
            assert two.conflicts == {"CP001": "lab1"}
            async with watching(mosquitto.port, base) as watcher:
                await until(lambda: watcher.newest("daemon/lab2/state") == b"online")
                assert watcher.json("station/CP001/state")["daemon"] == "lab1"
                assert watcher.json("station/CP002/state")["daemon"] == "lab2"
                assert (await watcher.do("station/CP001/cmd/plug-in"))["daemon"] == "lab1"
        after = await retained(mosquitto.port, base)
        assert {topic for topic in after if "CP001" in topic} == {
            topic for topic in before if "CP001" in topic
        }


async def test_a_station_of_a_daemon_that_is_offline_is_taken_over(mosquitto: Mosquitto, base: str) -> None:
    async with running(lab(1, mosquitto.port, base, "CP001")):
        pass
    async with (
        running(lab(2, mosquitto.port, base, "CP001")) as two,
        watching(mosquitto.port, base) as watcher,
    ):
        assert two.conflicts == {}
        await until(lambda: watcher.json("station/CP001/state").get("daemon") == "lab2")
        assert (await watcher.do("station/CP001/cmd/plug-in"))["daemon"] == "lab2"


async def test_orphans_of_ours_are_cleared_and_those_of_others_are_not(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with (
        running(lab(1, uplink.port, base, "OLD1", "CP001")),
        running(lab(2, uplink.port, base, "OLD2")),
    ):
        pass
    async with running(lab(1, uplink.port, base, "CP001")):
        found = {
            topic.split("/")[1] for topic in await retained(mosquitto.port, base) if topic[:7] == "station"
        }
        assert found == {"CP001", "OLD2"}


async def test_topics_of_commands_are_never_published_to(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with running(Edge(uplink.port, station("OLD", TWO_BY_TWO), station("CP001"), base=base)):
        pass
    commands = [
        f"station/{name}/{place}cmd/plug-in" for name in ("OLD", "CP001") for place in ("", "evse/1/")
    ]
    async with watching(mosquitto.port, base) as watcher:
        for topic in commands:
            await watcher.publish(topic, "ON", retain=True)
        await until(lambda: all(watcher.newest(topic) for topic in commands))
        watcher.heard.clear()
        edge = Edge(uplink.port, base=base)
        async with running(edge):
            await until(lambda: watcher.newest("station/OLD/state") == b"")
            edge.remove("CP001")
            await until(lambda: watcher.newest("station/CP001/state") == b"")
        assert not [it for it in watcher.heard if parse_command("x", f"x/v1/{it.topic}")]
    assert set(commands) <= set(await retained(mosquitto.port, base))


# Two of one name


async def test_of_two_daemons_of_one_name_the_first_backs_off_for_a_minute(
    mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    first, second = lab(1, mosquitto.port, base, "CP001"), lab(1, mosquitto.port, base, "CP001")
    async with watching(mosquitto.port, base) as watcher, running(first):
        await until(lambda: watcher.newest("daemon/lab1/state") == b"online")
        async with running(second):
            line = await logged.has("mqtt.second_daemon")
            assert line["retry_in_s"] == 60
            assert "daemon.id" in line["reason"]
            await until(lambda: watcher.json("daemon/lab1/info")["boot"] == second.boot)
            await until(lambda: watcher.newest("daemon/lab1/state") == b"online")
            assert (await watcher.do("station/CP001/cmd/plug-in"))["ok"] is True
            assert second.is_plugged()
            assert not first.is_plugged()


async def test_it_comes_back_when_the_other_has_gone_and_not_before(
    mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    first = lab(1, mosquitto.port, base, "CP001", pace=Pace(again=0.2, double=0.1))
    async with watching(mosquitto.port, base) as watcher, wire(mosquitto.port) as way, running(first):
        await until(lambda: watcher.newest("daemon/lab1/state") == b"online")
        second = lab(1, way.port, base, "CP001")
        async with running(second):
            await logged.has("mqtt.second_daemon")
            await until(lambda: watcher.json("daemon/lab1/info")["boot"] == second.boot)
            await until(lambda: watcher.newest("daemon/lab1/state") == b"online")
            before = way.connections
            await logged.has("mqtt.second_daemon", 4)
            assert way.connections == before  # it looked, and took nobody's place
            assert watcher.newest("daemon/lab1/state") == b"online"
        await until(lambda: watcher.json("daemon/lab1/info")["boot"] == first.boot)
        await until(lambda: watcher.newest("daemon/lab1/state") == b"online")
        assert (await watcher.do("station/CP001/cmd/plug-in"))["ok"] is True
        assert first.is_plugged()


async def test_what_the_last_run_has_left_is_no_second_daemon(
    uplink: Uplink, mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    for _ in range(2):
        async with running(lab(1, uplink.port, base, "CP001")):
            await logged.has("mqtt.connected")
        logged.clear()
        assert orjson.loads((await retained(mosquitto.port, base))["daemon/lab1/info"])["boot"]
    assert logged.of("mqtt.second_daemon") == []


async def test_a_reconnect_of_our_own_is_no_second_daemon(
    mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    async with wire(mosquitto.port) as way, running(lab(1, way.port, base, "CP001")):
        for count in (2, 3):
            way.cut()
            await logged.has("mqtt.connected", count)
    assert logged.of("mqtt.second_daemon") == []
