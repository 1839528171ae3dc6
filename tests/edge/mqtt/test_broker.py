"""The edge at a real broker: what it shows there, which commands reach it, how it lives with the broker."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
from pathlib import Path

import orjson
import pytest

from ocppd.demo.broker import broker as demo_broker
from ocppd.edge.mqtt import Input, Pace
from ocppd.edge.mqtt.topics import Scope
from ocppd.payload import Payload
from tests.edge.mqtt.desk import TWO_BY_TWO, station
from tests.edge.mqtt.edge import (
    Edge,
    Logged,
    Mosquitto,
    Uplink,
    asking,
    free_port,
    only_v311,
    retained,
    running,
    until,
    watching,
    watching_v311,
    wire,
)

STATION = "station/CP001"
CONNECTOR = f"{STATION}/evse/1/connector/1"
TOPICS = {
    *("daemon/lab1/state", "daemon/lab1/info", "daemon/lab1/health"),
    *(f"{STATION}/availability", f"{STATION}/state"),
    *(f"{STATION}/evse/1/state", f"{STATION}/evse/1/meter"),
    *(f"{CONNECTOR}/state", f"{CONNECTOR}/status"),
}


# What is shown


async def test_all_retained_state_comes_first_and_online_last(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(uplink.port, base=base)):
        await watcher.shows("daemon/lab1/state", "online")
        topics = [it.topic for it in watcher.heard if it.retain]
        online = topics.index("daemon/lab1/state")
        assert set(topics[:online]) >= TOPICS - {"daemon/lab1/state", "daemon/lab1/health"}
        await until(lambda: set(watcher.shown()) == TOPICS)


async def test_info_and_health_have_the_keys_of_the_contract(mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(mosquitto.port, base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        (info,) = await watcher.hears("daemon/lab1/info")
        assert set(info) == {"version", "api", "boot", "stations", "started"}
        assert (info["boot"], info["stations"]) == (edge.boot, 1)
        assert await watcher.hears("daemon/lab1/health") == [edge.health()]


async def test_a_clean_stop_says_offline_itself(uplink: Uplink, mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher:
        async with running(Edge(uplink.port, base=base)) as edge:
            await watcher.shows("daemon/lab1/state", "online")
            edge.plug()
        await watcher.shows("daemon/lab1/state", "offline")
        assert watcher.heard[-1].topic == "daemon/lab1/state"
        assert watcher.newest(f"{CONNECTOR}/status") == b"Occupied"
    assert (await retained(mosquitto.port, base))["daemon/lab1/state"] == b"offline"


async def test_a_stop_while_much_is_said_loses_and_doubles_nothing(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with watching(mosquitto.port, base) as watcher:
        async with running(Edge(uplink.port, base=base)) as edge:
            for _ in range(200):
                edge.plug()
            await watcher.hears(f"{STATION}/event")
        await watcher.shows("daemon/lab1/state", "offline")
        numbers = [event["seq"] for event in await watcher.hears(f"{STATION}/event")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 200


async def test_a_changed_state_is_shown_and_told(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)) as edge:
        await watcher.do(f"{CONNECTOR}/cmd/plug-in", {"request_id": "a1"})
        await watcher.shows(f"{CONNECTOR}/status", "Occupied")
        (event,) = await watcher.events("connector_status")
        assert (
            event.items()
            >= {
                "station": "CP001",
                "boot": edge.boot,
                "evse": 1,
                "connector": 1,
                "before": {"status": "Available"},
                "after": {"status": "Occupied"},
                "cause": "mqtt:plug-in",
                "request_id": "a1",
            }.items()
        )
        assert event.keys() >= {"seq", "ts"}
        assert not [it for it in watcher.heard if it.topic == f"{STATION}/event" and it.retain]


async def test_events_are_numbered_without_a_gap(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)) as edge:
        for _ in range(50):
            edge.plug()
        numbers = [event["seq"] for event in await watcher.hears(f"{STATION}/event", 50)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_3000_retained_topics_reach_a_fresh_subscriber(mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(mosquitto.port, *(station(f"CP{number:04}") for number in range(500)), base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.shows("daemon/lab1/state", "online")
        assert len([topic for topic in await retained(mosquitto.port, base) if topic[:3] == "sta"]) == 3000


async def test_a_meter_is_shown_at_most_once_per_interval(mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(mosquitto.port, base=base, meter_interval=0.2)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        for energy in range(1, 31):
            await watcher.do(f"{STATION}/evse/1/cmd/meter", str(energy))
        await until(lambda: watcher.json(f"{STATION}/evse/1/meter")["energy_wh"] == 30)
        found = [it["ts"] for it in await watcher.hears(f"{STATION}/evse/1/meter")]
        seconds = [float(ts[17:-1]) for ts in found]
        assert all((after - before) % 60 >= 0.19 for before, after in itertools.pairwise(seconds))


async def test_a_meter_that_had_to_wait_is_shown_in_the_end(mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(mosquitto.port, base=base, meter_interval=0.5)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        for energy in (1, 2):  # the second within the interval, and nothing changes afterwards
            await watcher.do(f"{STATION}/evse/1/cmd/meter", str(energy))
            await until(lambda: watcher.json(f"{STATION}/evse/1/meter")["energy_wh"] >= energy)  # noqa: B023


async def test_raw_frames_are_shown_while_they_are_traced(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)):
        await watcher.do("daemon/lab1/cmd/trace", {"on": True})
        await watcher.do(f"{STATION}/cmd/heartbeat")
        (sent,), (received,) = (
            await watcher.hears(f"{STATION}/ocpp/tx"),
            await watcher.hears(f"{STATION}/ocpp/rx"),
        )
        assert (sent[0], sent[2], sent[3]) == (2, "Heartbeat", {})
        assert received[:2] == [3, sent[1]]
        await watcher.do("daemon/lab1/cmd/trace", {"on": False})
        await watcher.do(f"{STATION}/cmd/heartbeat", {"request_id": "2"})
        assert len(watcher.all(f"{STATION}/ocpp/tx")) == 1


async def test_republish_shows_everything_anew(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)) as edge:
        await until(lambda: set(watcher.shown()) == TOPICS)
        watcher.heard.clear()
        edge.mqtt.republish()
        await until(lambda: set(watcher.shown()) == TOPICS - {"daemon/lab1/state", "daemon/lab1/health"})


# Which commands reach it


async def test_a_command_is_answered(uplink: Uplink, mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(uplink.port, base=base)) as edge:
        assert (await watcher.do(f"{CONNECTOR}/cmd/plug-in", "ON"))["changed"] is True
        assert edge.is_plugged()
        assert (await watcher.do(f"{STATION}/evse/1/cmd/authorize", "12345E67"))["ok"] is True
        assert edge.csms.requests("Authorize")[0]["idToken"]["idToken"] == "12345E67"


@pytest.mark.parametrize("name", ["CP+1", "a/b", "Säule|@:=", "DE*ABC"])
async def test_any_identity_is_shown_and_reached(mosquitto: Mosquitto, base: str, name: str) -> None:
    scope = Scope("station", name).topic(base).removeprefix(f"{base}/v1/")
    async with (
        watching(mosquitto.port, base) as watcher,
        running(Edge(mosquitto.port, station(name), base=base)),
    ):
        assert (await watcher.do(f"{scope}/cmd/plug-in"))["station"] == name
        await watcher.shows(f"{scope}/evse/1/connector/1/status", "Occupied")
        assert watcher.json(f"{scope}/state")["station"] == name


async def test_a_press_while_the_daemon_is_down_is_lost(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with watching(mosquitto.port, base) as watcher:
        async with running(Edge(uplink.port, base=base)):
            await watcher.shows("daemon/lab1/state", "online")
        await watcher.publish(f"{CONNECTOR}/cmd/plug-in", "ON")
        async with running(Edge(uplink.port, base=base)) as edge:
            await watcher.do("daemon/lab1/cmd/ping")
            assert not edge.is_plugged()
            assert watcher.all(f"{CONNECTOR}/response/plug-in") == []


async def test_a_command_retained_before_the_start_is_not_run(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with watching(mosquitto.port, base) as watcher:
        await watcher.publish(f"{CONNECTOR}/cmd/plug-in", "ON", retain=True)
        async with running(Edge(uplink.port, base=base)) as edge:
            await watcher.do("daemon/lab1/cmd/ping")
            assert not edge.is_plugged()
            if uplink.protocol == "V5":  # which does not even hand it over
                assert watcher.all(f"{CONNECTOR}/response/plug-in") == []
                return
            (answer,) = await watcher.hears(f"{CONNECTOR}/response/plug-in")
            assert answer["error"]["code"] == "retained_command"
            assert (await watcher.events("command_ignored"))[0]["command"] == "plug-in"


async def test_a_live_retained_command_is_refused_with_mqtt_5(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)) as edge:
        await watcher.do("daemon/lab1/cmd/ping")
        answer = await watcher.do(f"{CONNECTOR}/cmd/plug-in", "ON", retain=True)
        assert answer["error"]["code"] == "retained_command"
        (event,) = await watcher.events("command_ignored")
        assert event.items() >= {"command": "plug-in", "reason": "retained_command"}.items()
        assert not edge.is_plugged()


async def test_a_live_retained_command_looks_like_any_other_with_mqtt_3_1_1_but_runs_only_once(
    mosquitto: Mosquitto, base: str
) -> None:
    async with watching(mosquitto.port, base) as watcher, only_v311(mosquitto.port) as port:
        async with running(Edge(port, base=base)):
            await watcher.do("daemon/lab1/cmd/ping")
            assert (await watcher.do(f"{CONNECTOR}/cmd/plug-in", "ON", retain=True))["changed"] is True
        watcher.heard.clear()
        async with running(Edge(port, base=base)) as edge:
            (answer,) = await watcher.hears(f"{CONNECTOR}/response/plug-in")
            assert answer["error"]["code"] == "retained_command"
            assert not edge.is_plugged()


async def test_deleting_a_retained_command_is_ignored_without_a_word(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with watching(mosquitto.port, base) as watcher:
        await watcher.publish(f"{CONNECTOR}/cmd/unlock", "ON", retain=True)
        async with running(Edge(uplink.port, base=base)) as edge:
            await watcher.do("daemon/lab1/cmd/ping")
            watcher.heard.clear()
            await watcher.publish(f"{CONNECTOR}/cmd/plug-in", "", retain=True)
            await watcher.do("daemon/lab1/cmd/ping", "PRESS")
            if uplink.protocol == "V5":
                assert watcher.all(f"{CONNECTOR}/response/plug-in") == []
                assert not edge.is_plugged()


async def test_an_answer_goes_to_the_response_topic_byte_for_byte(mosquitto: Mosquitto, base: str) -> None:
    correlation = bytes(range(256))
    async with watching(mosquitto.port, base, "reply/#") as watcher, running(Edge(mosquitto.port, base=base)):
        answer = await watcher.do(f"{CONNECTOR}/cmd/plug-in", "ON", **asking("reply/me/1", correlation))
        (reply,) = await until(lambda: [it for it in watcher.heard if it.topic == "reply/me/1"])
        assert orjson.loads(reply.payload) == answer
        assert reply.correlation == correlation


async def test_correlation_data_makes_a_command_the_same(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)):
        first = await watcher.do(f"{CONNECTOR}/cmd/plug-in", "TOGGLE", **asking("reply/me", b"1"))
        again = await watcher.do(f"{CONNECTOR}/cmd/plug-in", "TOGGLE", **asking("reply/me", b"1"))
        assert again == first | {"duplicate": True}


@pytest.mark.parametrize("topic", ["a/#", "a/+/b", "$SYS/x", "reply/" + "x" * 300])
async def test_a_bad_response_topic_does_no_harm(
    mosquitto: Mosquitto, base: str, topic: str, logged: Logged
) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)):
        answer = await watcher.do(f"{CONNECTOR}/cmd/plug-in", "ON", **asking(topic, b"1"))
        assert answer["ok"] is True
        assert len(answer["warnings"]) == 1
        assert (await watcher.do("daemon/lab1/cmd/ping"))["ok"] is True
        assert len(logged.of("mqtt.connected")) == 1


async def test_foreign_topics_are_commands_where_the_settings_say_so(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    inputs = (
        Input(f"{base}/tele/rfid1/SENSOR", Scope("evse", "CP001", 1), ("RC522", "UID"), "authorize"),
        Input(
            f"{base}/stat/+/RESULT",
            Scope("connector", "CP001", 1, 1),
            ("Button1", "Action"),
            map={"SINGLE": "plug-in", "HOLD": "unplug"},
        ),
    )
    edge = Edge(uplink.port, base=base, inputs=inputs)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.do("daemon/lab1/cmd/ping")
        await watcher.client.publish(f"{base}/stat/btn/RESULT", b'{"Button1":{"Action":"SINGLE"}}', qos=1)
        await watcher.hears(f"{CONNECTOR}/response/plug-in")
        await watcher.client.publish(f"{base}/tele/rfid1/SENSOR", b'{"RC522":{"UID":"7616525"}}', qos=1)
        await watcher.hears(f"{STATION}/evse/1/response/authorize")
        assert edge.is_plugged()
        assert edge.csms.requests("Authorize")[0]["idToken"]["idToken"] == "7616525"


async def test_groups_and_all_are_answered_once(uplink: Uplink, mosquitto: Mosquitto, base: str) -> None:
    stations = [station("CP001", None, "lab"), station("CP002", None, "lab"), station("CP003")]
    edge = Edge(uplink.port, *stations, base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.do("daemon/lab1/cmd/ping")
        answer = await watcher.do("group/lab/cmd/plug-in")
        assert (answer["matched"], answer["ok_count"], answer["errors"]) == (2, 2, [])
        answer = await watcher.do("all/cmd/ev", {"soc": 50})
        assert (answer["ok"], answer["matched"], answer["ok_count"]) == (False, 3, 2)


async def test_more_stations_than_fit_in_one_subscription_are_all_reached(
    mosquitto: Mosquitto, base: str
) -> None:
    edge = Edge(mosquitto.port, *(station(f"CP{number:04}") for number in range(80)), base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.shows("daemon/lab1/state", "online")
        for name in ("CP0000", "CP0033", "CP0079"):
            assert (await watcher.do(f"station/{name}/evse/1/connector/1/cmd/plug-in"))["ok"] is True


async def test_a_daemon_that_stops_refuses_commands(mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(mosquitto.port, base=base)) as edge:
        await watcher.do("daemon/lab1/cmd/ping")
        edge.mqtt.refuse_commands()
        answer = await watcher.do(f"{CONNECTOR}/cmd/plug-in")
        assert answer["error"]["code"] == "not_allowed"


# Stations that come and go


async def test_a_new_station_is_shown_and_reached(uplink: Uplink, mosquitto: Mosquitto, base: str) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(uplink.port, base=base)) as edge:
        await watcher.do("daemon/lab1/cmd/ping")
        edge.add(station("CP002", None, "new"))
        await watcher.shows("station/CP002/evse/1/connector/1/status", "Available")
        await until(lambda: watcher.json("daemon/lab1/info")["stations"] == 2)
        assert (await watcher.do("station/CP002/cmd/plug-in"))["ok"] is True
        assert (await watcher.do("group/new/cmd/unplug"))["matched"] == 1


async def test_the_topics_of_a_removed_station_are_cleared(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    edge = Edge(uplink.port, station("CP001"), station("CP002", TWO_BY_TWO), base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.shows("daemon/lab1/state", "online")
        theirs = {topic for topic in watcher.shown() if topic.startswith("station/CP002/")}
        edge.remove("CP002")
        await until(lambda: all(watcher.newest(topic) == b"" for topic in theirs))
        await until(lambda: watcher.json("daemon/lab1/info")["stations"] == 1)
        assert set(await retained(mosquitto.port, base)) == TOPICS


async def test_a_removed_station_takes_no_commands(mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(mosquitto.port, station("CP001"), station("CP002"), base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.do("station/CP002/cmd/plug-in")
        edge.remove("CP002")
        await until(lambda: watcher.newest("station/CP002/state") == b"")
        await watcher.do("daemon/lab1/cmd/ping")
        await watcher.publish("station/CP002/cmd/unplug")
        await watcher.do("daemon/lab1/cmd/ping", "PRESS")
        assert watcher.all("station/CP002/response/unplug") == []


async def test_a_station_that_was_removed_and_added_while_the_broker_was_away_is_reached(
    mosquitto: Mosquitto, base: str
) -> None:
    async with (
        watching(mosquitto.port, base) as watcher,
        wire(mosquitto.port) as way,
        running(Edge(way.port, base=base)) as edge,
    ):
        await watcher.shows("daemon/lab1/state", "online")
        way.cut()
        edge.remove("CP001")
        edge.add(station("CP001"))
        await until(lambda: len(watcher.all("daemon/lab1/info")) == 2)
        assert (await watcher.do(f"{CONNECTOR}/cmd/plug-in"))["ok"] is True


async def test_topics_of_evses_that_are_gone_are_cleared_at_the_next_start(
    uplink: Uplink, mosquitto: Mosquitto, base: str
) -> None:
    async with running(Edge(uplink.port, station("CP001", TWO_BY_TWO), station("CP002"), base=base)):
        pass
    assert f"{STATION}/evse/2/connector/2/state" in await retained(mosquitto.port, base)
    async with running(Edge(uplink.port, base=base)):
        await until_retained(mosquitto, base, TOPICS)


async def until_retained(mosquitto: Mosquitto, base: str, topics: set[str]) -> None:
    async with asyncio.timeout(10):
        while set(await retained(mosquitto.port, base)) != topics:
            pass


# Life with the broker


async def test_an_old_broker_is_spoken_to_in_mqtt_3_1_1(
    mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    async with only_v311(mosquitto.port) as port, running(Edge(port, base=base)):
        (fallback,) = logged.of("mqtt.fallback")
        connected = await logged.has("mqtt.connected")
        assert (fallback["protocol"], connected["protocol"]) == ("V311", "V311")


async def test_the_last_will_says_offline_and_the_next_connection_online(
    mosquitto: Mosquitto, base: str
) -> None:
    async with (
        watching(mosquitto.port, base) as watcher,
        wire(mosquitto.port) as way,
        running(Edge(way.port, base=base)),
    ):
        await watcher.shows("daemon/lab1/state", "online")
        way.cut()
        await until(lambda: watcher.all("daemon/lab1/state")[:3] == [b"online", b"offline", b"online"])


async def test_offline_while_connected_is_corrected(
    uplink: Uplink, mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    async with watching(mosquitto.port, base) as watcher, running(Edge(uplink.port, base=base)):
        await watcher.shows("daemon/lab1/state", "online")
        await watcher.publish("daemon/lab1/state", "offline", retain=True)
        await until(lambda: watcher.all("daemon/lab1/state") == [b"online", b"offline", b"online"])
        assert len(logged.of("mqtt.offline_by_mistake")) == 1
    assert len(logged.of("mqtt.offline_by_mistake")) == 1


async def test_the_offline_of_a_lost_connection_is_no_mistake(
    mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    async with (
        watching(mosquitto.port, base) as watcher,
        wire(mosquitto.port) as way,
        running(Edge(way.port, base=base)),
    ):
        await watcher.shows("daemon/lab1/state", "online")
        way.cut()
        await until(lambda: len(watcher.all("daemon/lab1/state")) == 3)
        await watcher.do("daemon/lab1/cmd/ping")
        assert logged.of("mqtt.offline_by_mistake") == []


async def test_a_broker_that_refuses_what_we_publish_is_told_in_the_log(
    tmp_path: Path, logged: Logged
) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    with Mosquitto(tmp_path, "allow_anonymous true", f"acl_file {acl}") as refusing:
        async with running(Edge(refusing.port, pace=Pace(echo=0.2)), greeted=False):
            line = await logged.has("mqtt.not_echoed")
            assert line["topic"] == "ocppd/v1/daemon/lab1/info"
            assert "ACL" in line["reason"]


async def test_an_echo_is_nothing_to_log(
    uplink: Uplink, mosquitto: Mosquitto, base: str, logged: Logged
) -> None:
    async with (
        watching(mosquitto.port, base) as watcher,
        running(Edge(uplink.port, base=base, pace=Pace(echo=0.2, health=0.1))),
    ):
        await watcher.hears("daemon/lab1/health", 4)
    assert logged.of("mqtt.not_echoed") == []


async def test_health_is_reported_from_time_to_time(mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(mosquitto.port, base=base, pace=Pace(health=0.02))
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.hears("daemon/lab1/health", 3)


async def test_a_broker_that_forgets_everything_is_shown_everything(own_mosquitto: Mosquitto) -> None:
    async with running(Edge(own_mosquitto.port)) as edge:
        own_mosquitto.stop()
        edge.plug()
        own_mosquitto.start()
        async with watching(own_mosquitto.port) as watcher:
            await watcher.shows("daemon/lab1/state", "online")
            await until(lambda: set(watcher.shown()) == TOPICS)
            await watcher.shows(f"{CONNECTOR}/status", "Occupied")


async def test_what_happens_while_the_broker_is_away_is_told_afterwards(
    own_mosquitto: Mosquitto, logged: Logged
) -> None:
    edge = Edge(own_mosquitto.port, pace=Pace(answer=0.3, again=0.05))
    async with watching(own_mosquitto.port) as watcher, running(edge):
        own_mosquitto.signal(signal.SIGSTOP)
        edge.plug()
        await logged.has("mqtt.disconnected")
        edge.plug(on=False)
        edge.plug()
        own_mosquitto.signal(signal.SIGCONT)
        await until(lambda: len(set(watcher.all(f"{STATION}/event"))) == 3)
        await watcher.shows(f"{CONNECTOR}/status", "Occupied")


async def test_without_a_broker_the_stations_go_on(logged: Logged) -> None:
    port = free_port()
    edge = Edge(port)
    async with running(edge, greeted=False):
        await logged.has("mqtt.down")
        assert edge.mqtt.surveyed.is_set()
        edge.csms.heard.clear()
        edge.plug()
        request = edge.fleet.request("heartbeat", "CP001", "test", Payload())
        edge.fleet.command(request, Payload())
        await until(lambda: edge.csms.requests("Heartbeat"))


async def test_a_broker_that_comes_later_is_found(tmp_path: Path, logged: Logged) -> None:
    late = Mosquitto(tmp_path)
    async with running(Edge(late.port), greeted=False) as edge:
        line = await logged.has("mqtt.down")
        assert line["reason"] == "Connection refused"
        assert line["retry_in_s"] >= 1
        edge.plug()
        with late:
            async with watching(late.port) as watcher:
                await watcher.shows("daemon/lab1/state", "online")
                assert len(await watcher.events("warning")) == 1


async def test_a_frozen_broker_holds_nobody_up(own_mosquitto: Mosquitto, logged: Logged) -> None:
    pace = Pace(answer=0.5, again=0.05)
    async with running(Edge(own_mosquitto.port, pace=pace)) as edge:
        async with watching(own_mosquitto.port) as watcher:
            await watcher.shows("daemon/lab1/state", "online")
        own_mosquitto.signal(signal.SIGSTOP)
        edge.plug()
        await logged.has("mqtt.disconnected")
        edge.csms.heard.clear()
        request = edge.fleet.request("heartbeat", "CP001", "test", Payload())
        edge.fleet.command(request, Payload())
        await until(lambda: edge.csms.requests("Heartbeat"))
        own_mosquitto.signal(signal.SIGCONT)
        await logged.has("mqtt.connected", 2)
        async with watching(own_mosquitto.port) as watcher:
            await watcher.shows(f"{CONNECTOR}/status", "Occupied")


async def test_a_frozen_broker_does_not_keep_the_daemon_from_stopping(own_mosquitto: Mosquitto) -> None:
    async with running(Edge(own_mosquitto.port, pace=Pace(answer=0.5))) as edge:
        own_mosquitto.signal(signal.SIGSTOP)
        for _ in range(20):  # more than the system takes: not even the goodbye gets through
            edge.mqtt.traced("CP001", "tx", "x" * 500_000)
        await until(lambda: not edge.mqtt.queued)


async def test_a_broker_that_hangs_up_at_once_is_not_hammered(
    own_mosquitto: Mosquitto, logged: Logged
) -> None:
    async with wire(own_mosquitto.port) as way, running(Edge(way.port, pace=Pace(again=0.3))):
        await logged.has("mqtt.connected")
        loop = asyncio.get_running_loop()
        before = loop.time()
        for count in range(2, 4):
            way.cut()
            await logged.has("mqtt.connected", count)
        assert loop.time() - before > 0.6


async def test_the_library_has_nothing_to_complain_of(
    mosquitto: Mosquitto, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    edge = Edge(mosquitto.port, *(station(f"CP{number:03}") for number in range(60)), base=base)
    async with watching(mosquitto.port, base) as watcher, running(edge):
        await watcher.shows("daemon/lab1/state", "online")
        for number in range(60):
            edge.plug(f"CP{number:03}")
        await until(lambda: len([it for it in watcher.heard if it.topic.endswith("/event")]) >= 60)
    assert [record.getMessage() for record in caplog.records if record.name != "asyncio"] == []


async def test_a_broker_that_says_nothing_to_mqtt_5_is_spoken_to_in_mqtt_3_1_1(logged: Logged) -> None:
    async with demo_broker(prefer="amqtt") as port:
        for _ in range(2):
            logged.clear()
            async with running(Edge(port, pace=Pace(hello=0.1, echo=0.2)), greeted=False):
                connected = await logged.has("mqtt.connected")
                assert connected["protocol"] == "V311"
                async with watching_v311(port) as watcher:
                    await watcher.shows(f"{CONNECTOR}/status", "Available")
                    assert (await watcher.do(f"{CONNECTOR}/cmd/plug-in"))["ok"] is True
            assert not logged.of("mqtt.second_daemon") + logged.of("mqtt.not_echoed")


async def test_a_broker_that_was_silent_for_long_is_still_spoken_to_in_mqtt_5(
    own_mosquitto: Mosquitto, logged: Logged
) -> None:
    own_mosquitto.signal(signal.SIGSTOP)
    async with running(Edge(own_mosquitto.port, pace=Pace(hello=0.1, answer=0.1)), greeted=False):
        await logged.has("mqtt.down")
        own_mosquitto.signal(signal.SIGCONT)
        connected = await logged.has("mqtt.connected")
        assert connected["protocol"] == "V5"
