"""The commands to the daemon itself, and how its stations come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from ocppd.app import build
from ocppd.blocks import handlers
from ocppd.clock import RealClock
from ocppd.core.errors import CommandError
from ocppd.core.station import Answer, Event, Station
from ocppd.daemon import Daemon
from ocppd.demo.csms import Csms, csms
from ocppd.edge.store import Store
from ocppd.fleet import Fleet
from ocppd.payload import parse
from ocppd.reference import describe
from ocppd.settings import Settings
from tests.bench import bugs_raise
from tests.edge.mqtt.edge import Mosquitto, until, watching
from tests.pems import pems

Json = dict[str, Any]
_EAGER = {"OCPPCommCtrlr.RetryBackOffWaitMinimum": 1, "OCPPCommCtrlr.RetryBackOffRandomRange": 0}


@pytest.fixture(autouse=True)
def _no_bugs() -> Iterator[None]:
    with bugs_raise():
        yield


@pytest.fixture
async def remote() -> AsyncIterator[Csms]:
    async with csms() as it:
        yield it


class Show:
    """The mirror: what is told of stations, commands and frames."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.answers: list[Answer] = []
        self.frames: list[tuple[str, str, str]] = []

    def changed(self, station: Station) -> None: ...

    def happened(self, station: Station, event: Event) -> None:
        self.events.append(event)

    def answered(self, answer: Answer) -> None:
        self.answers.append(answer)

    def traced(self, station: str, way: str, frame: str) -> None:
        self.frames.append((station, way, frame))


class House:
    """A daemon without a broker, whose stations call a real CSMS."""

    def __init__(self, folder: Path, url: str, *names: str, **csms: object) -> None:
        self.path = folder / "state.json"
        self.csms = {"url": url, **csms}
        self.show = Show()
        clock = RealClock()
        store = Store(self.path)
        self.fleet = Fleet(
            clock,
            handlers(),
            self.show,
            store.save,
            lambda flush: asyncio.get_running_loop().call_soon(flush),
        )
        self.daemon = Daemon(self.settings(*names), clock, self.fleet, store, None)
        self.daemon.populate()

    def settings(self, *names: str) -> Settings:
        stations = [{"id": name, "groups": ["lab"], "variables": _EAGER} for name in names]
        return Settings.model_validate(
            {
                "daemon": {"id": "lab1"},
                "csms": self.csms,
                "state": {"path": self.path},
                "stations": stations,
            }
        )

    def run(self, command: str, payload: str | Json = "") -> Json:
        """The result of a command to the daemon."""
        raw = payload.encode() if isinstance(payload, str) else orjson.dumps(payload)
        done, warnings = self.daemon.commands.run(command, self.daemon, parse(raw))
        assert warnings == []
        assert not callable(done.result)
        return {"changed": done.changed, **done.result}

    def refusal(self, command: str, payload: str | Json = "") -> CommandError:
        with pytest.raises(CommandError) as caught:
            self.run(command, payload)
        return caught.value

    def told(self, name: str) -> list[str]:
        """The events of that name, by what they tell."""
        return [event.name for event in self.show.events if event.name == name]

    def saved(self) -> set[str]:
        """The stations in the state file."""
        return set(orjson.loads(self.path.read_bytes())["stations"]) if self.path.exists() else set()


@asynccontextmanager
async def living(house: House) -> AsyncIterator[House]:
    """Let its stations run."""
    links = asyncio.create_task(house.daemon.run_links())
    await asyncio.sleep(0)
    try:
        yield house
        assert not links.done()
    finally:
        links.cancel()
        await asyncio.wait([links])
        assert links.cancelled(), links


def is_online(house: House, name: str) -> Callable[[], bool]:
    return lambda: name in house.fleet.stations and house.fleet.stations[name].is_online


# ping, and what the daemon says of itself


def test_health_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/", "CP001", "CP002")
    health = house.daemon.health()
    assert set(health) == {"uptime_s", "rss_mb", "csms", "mqtt", "loop_lag_ms"}
    assert health["csms"] == {"up": 0, "down": 2, "queued": 0}
    assert health["mqtt"] == {"queued": 0, "dropped": 0}
    assert health["rss_mb"] > 1


def test_info_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    info = House(tmp_path, "ws://127.0.0.1:9/", "CP001").daemon.info()
    assert set(info) == {"version", "api", "stations", "started"}  # and `boot`, which the edge knows
    assert (info["api"], info["stations"]) == (1, 1)
    assert info["started"].endswith("Z")


def test_ping_answers_with_info_and_health(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/")
    answer = house.run("ping", "PRESS")
    assert answer.keys() == {"changed"} | house.daemon.info().keys() | house.daemon.health().keys()
    assert answer["changed"] is False


async def test_health_counts_connections(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url, "CP001", "CP002")) as house:
        await until(lambda: house.daemon.health()["csms"]["up"] == 2)


# commands


def test_commands_describes_what_the_daemon_and_its_stations_take(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/")
    answer = house.run("commands")
    assert len(orjson.dumps(answer)) < 64 * 1024
    assert answer["commands"] == describe()
    found = {it["name"]: it for it in answer["commands"]}
    assert {*house.daemon.commands.by_name, *house.fleet.commands.by_name} == set(found)
    assert found["ping"]["scopes"] == ["daemon"]
    assert found["limit"]["scopes"] == ["station", "evse"]
    assert found["limit"]["arguments"][0] == {
        "name": "watts",
        "type": "number or OFF",
        "required": False,
        "default": None,
        "choices": ["OFF"],
        "keys": [],
    }
    on, car = found["plug-in"]["arguments"]
    assert (found["plug-in"]["primary"], on["choices"], on["default"]) == (
        "on",
        ["ON", "OFF", "TOGGLE"],
        True,
    )
    assert {"soc", "capacity_wh"} <= set(car["keys"])
    assert found["get"]["primary"] is None


def test_commands_can_be_filtered(tmp_path: Path) -> None:
    answer = House(tmp_path, "ws://127.0.0.1:9/").run("commands", "plug*")
    assert [it["name"] for it in answer["commands"]] == ["plug-in"]


# list


def names(answer: Json) -> list[str]:
    return [it["station"] for it in answer["stations"]]


def test_list_goes_on_where_the_last_page_ended(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/", *(f"CP{number:03}" for number in range(5)))
    first = house.run("list", {"limit": 2})
    second = house.run("list", {"limit": 2, "cursor": first["cursor"]})
    third = house.run("list", {"limit": 2, "cursor": second["cursor"]})
    assert [names(it) for it in (first, second, third)] == [["CP000", "CP001"], ["CP002", "CP003"], ["CP004"]]
    assert third["cursor"] is None


def test_list_tells_of_the_stations_that_match(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/", "CP001", "DE*1", "DE*2")
    assert names(house.run("list")) == ["CP001", "DE*1", "DE*2"]
    assert names(house.run("list", "CP*")) == ["CP001"]
    answer = house.run("list", {"filter": "D?[*]2"})
    assert answer["stations"] == [
        {"station": "DE*2", "connected": False, "registration": None, "evses": 1, "groups": ["lab"]}
    ]


@pytest.mark.parametrize(
    "fields", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": 1}, {"filter": 1}]
)
def test_list_checks_what_it_is_given(tmp_path: Path, fields: Json) -> None:
    error = House(tmp_path, "ws://127.0.0.1:9/").refusal("list", fields)
    assert error.code == "invalid_argument"
    assert next(iter(fields)) in error.message


# add-station


async def test_add_station_takes_one_in_that_boots_and_is_remembered(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url, "CP001")) as house:
        answer = house.run("add-station", {"id": "NEW", "settings": {"model": "wallbox", "groups": ["new"]}})
        assert answer == {"changed": True, "station": "NEW"}
        await until(is_online(house, "NEW"))
        assert remote.heard("BootNotification", "NEW")[0].payload["chargingStation"]["model"] == "wallbox"
        assert house.fleet.members("new") == ["NEW"]
        assert house.told("station_added") == ["station_added"]
    again = House(tmp_path, remote.url, "CP001")
    assert set(again.fleet.stations) == {"CP001", "NEW"}
    assert again.fleet.stations["NEW"].description.hardware.model == "wallbox"


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({}, "missing_argument", "id"),
        ({"id": 1}, "invalid_argument", "id"),
        ({"id": "a/b"}, "invalid_argument", "a/b"),
        ({"id": "x" * 49}, "invalid_argument", "OCPP identity"),
        ({"id": "NEW", "settings": 1}, "invalid_argument", "settings"),
        ({"id": "NEW", "settings": {"modle": "x"}}, "invalid_argument", "modle"),
        ({"id": "NEW", "settings": {"template": "nope"}}, "invalid_argument", "template"),
        ({"id": "NEW", "settings": {"csms": {"url": "http://x"}}}, "invalid_argument", "csms.url"),
        (
            {"id": "NEW", "settings": {"csms": {"password_file": "/etc/passwd"}}},
            "invalid_argument",
            "password_file",
        ),
        (
            {"id": "NEW", "settings": {"csms": {"tls": {"key": "/etc/ssl/private/x.pem"}}}},
            "invalid_argument",
            "csms.tls.key",
        ),
        (
            {"id": "NEW", "settings": {"csms": {"security_profile": 1}}},
            "invalid_argument",
            "csms.password",
        ),
        ({"id": "NEW", "settings": {"variables": {"A.B": 1}}}, "invalid_argument", "A"),
        ({"id": "CP001"}, "invalid_state", "CP001"),
        ({"id": "TAKEN"}, "station_conflict", "lab2"),
    ],
)
async def test_add_station_refuses_what_is_wrong_and_names_it(
    tmp_path: Path, fields: Json, code: str, named: str
) -> None:
    async with living(House(tmp_path, "ws://127.0.0.1:9/", "CP001")) as house:
        house.daemon.conflict("TAKEN", "lab2")
        error = house.refusal("add-station", fields)
        assert error.code == code
        assert named in error.message
        assert set(house.fleet.stations) == {"CP001"}


async def test_a_csms_that_add_station_names_never_gets_the_password_of_the_settings(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(pems().ca)
    secret = {"password": "only-for-tests-0001", "tls": {"ca": str(ca)}}
    async with living(House(tmp_path, "ws://127.0.0.1:9/", **secret)) as house:
        house.run("add-station", {"id": "OWN", "settings": {"csms": {"url": "ws://127.0.0.1:10/"}}})
        house.run("add-station", {"id": "NEW", "settings": {"model": "wallbox"}})
        await until(lambda: house.saved() == {"OWN", "NEW"})
    again = House(tmp_path, "ws://127.0.0.1:9/", **secret)
    for it in (house, again):
        own, new = (it.fleet.stations[name].description.csms for name in ("OWN", "NEW"))
        assert (own.url, own.password, own.tls.ca) == ("ws://127.0.0.1:10/", None, None)
        assert (new.password, new.tls.ca) == (secret["password"], str(ca))


# remove-station


async def test_remove_station_closes_its_link_and_forgets_it(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url, "CP001")) as house:
        house.run("add-station", {"id": "NEW"})
        await until(is_online(house, "NEW"))
        assert house.run("remove-station", "NEW") == {"changed": True, "station": "NEW"}
        await until(lambda: "NEW" not in remote.stations)
        assert house.told("station_removed") == ["station_removed"]
        assert house.saved() == {"CP001"}
        assert house.refusal("remove-station", "NEW").code == "unknown_station"
        await until(is_online(house, "CP001"))
    assert set(House(tmp_path, remote.url, "CP001").fleet.stations) == {"CP001"}


async def test_a_station_can_be_added_again(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url)) as house:
        for _ in range(3):
            house.run("add-station", {"id": "NEW"})
            await until(is_online(house, "NEW"))
            house.run("remove-station", {"id": "NEW"})
    assert len(remote.heard("BootNotification", "NEW", "in")) == 3


async def test_commands_that_wait_are_answered_when_their_station_goes(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, "ws://127.0.0.1:9/", "CP001")) as house:
        request = house.fleet.request("connect", "CP001", "test", parse(b'{"request_id":"a1"}'))
        house.fleet.command(request, parse(b""))
        await asyncio.sleep(0)
        assert house.show.answers == []
        house.run("remove-station", "CP001")
        (answer,) = house.show.answers
        assert answer.request.request_id == "a1"
        assert answer.error is not None
        assert answer.error.code == "unknown_station"


# republish, log-level, trace


def test_republish_does_nothing_without_a_broker(tmp_path: Path) -> None:
    assert House(tmp_path, "ws://127.0.0.1:9/", "CP001").run("republish") == {"changed": False, "stations": 1}


def test_log_level_counts_from_now_on(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/")
    lines: list[str] = []

    def note(_logger: object, _method: str, line: Any) -> Any:
        lines.append(line["event"])
        raise structlog.DropEvent

    structlog.configure(processors=[note])
    for level in ("warning", "info"):
        assert house.run("log-level", level)["level"] == level
        structlog.get_logger().info(level)
    assert lines == ["info"]
    assert house.refusal("log-level", "loud").code == "invalid_argument"
    assert house.refusal("log-level").code == "missing_argument"


async def test_trace_shows_frames_both_ways_until_it_is_off(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url, "CP001", "CP002")) as house:
        await until(lambda: is_online(house, "CP001")() and is_online(house, "CP002")())
        assert house.run("trace", {"stations": ["CP001"]}) == {"changed": True, "traced": 1}
        await beat(house, "CP001", "CP002")
        assert {(station, way) for station, way, _ in house.show.frames} == {("CP001", "tx"), ("CP001", "rx")}
        assert ["Heartbeat", {}] in [
            orjson.loads(frame)[2:] for _, way, frame in house.show.frames if way == "tx"
        ]
        assert house.run("trace", "OFF") == {"changed": True, "traced": 0}
        house.show.frames.clear()
        await beat(house, "CP001")
        assert house.show.frames == []


async def beat(house: House, *names: str) -> None:
    """Have each of the stations send a heartbeat, and wait for the answers."""
    house.show.answers.clear()
    for name in names:
        house.fleet.command(house.fleet.request("heartbeat", name, "test", parse(b"")), parse(b""))
    await until(lambda: len(house.show.answers) == len(names))


def test_trace_is_for_all_where_none_is_named(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/", "CP001", "CP002")
    assert house.run("trace") == {"changed": True, "traced": 2}
    assert house.run("trace", "ON") == {"changed": False, "traced": 2}
    assert house.run("trace", {"on": False, "stations": ["CP001"]}) == {"changed": True, "traced": 1}
    error = house.refusal("trace", {"stations": ["CP9"]})
    assert (error.code, "CP9" in error.message) == ("unknown_station", True)


async def test_a_station_that_is_gone_is_traced_no_more(tmp_path: Path) -> None:
    async with living(House(tmp_path, "ws://127.0.0.1:9/", "CP001", "CP002")) as house:
        house.run("trace")
        house.run("remove-station", "CP001")
        assert house.run("trace", "ON") == {"changed": False, "traced": 1}


# A changed configuration, and stations that are another daemon's


async def test_a_changed_configuration_is_followed(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url, "CP001", "CP002")) as house:
        await until(is_online(house, "CP001"))
        staying = house.fleet.stations["CP001"]
        house.run("add-station", {"id": "NEW"})
        house.daemon.reload(house.settings("CP001", "CP003"))
        await until(is_online(house, "CP003"))
        assert set(house.fleet.stations) == {"CP001", "CP003", "NEW"}
        assert house.fleet.stations["CP001"] is staying
        assert len(remote.heard("BootNotification", "CP001", "in")) == 1
        await until(lambda: "CP002" not in remote.stations)


def test_a_station_of_another_daemon_is_not_started(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/", "CP001", "CP002")
    house.daemon.conflict("CP001", "lab2")
    assert set(house.fleet.stations) == {"CP002"}


async def test_a_changed_configuration_does_not_start_it_either(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9/", "CP001", "CP002")
    house.daemon.conflict("CP001", "lab2")
    async with living(house):
        house.daemon.reload(house.settings("CP001", "CP002", "CP003"))
        assert set(house.fleet.stations) == {"CP002", "CP003"}


async def test_a_station_that_runs_already_goes_on(tmp_path: Path, remote: Csms) -> None:
    async with living(House(tmp_path, remote.url, "CP001")) as house:
        house.daemon.conflict("CP001", "lab2")  # the broker came late
        house.daemon.reload(house.settings("CP001"))
        await until(is_online(house, "CP001"))


# All of it over MQTT


def over_mqtt(port: int, url: str, folder: Path, *stations: Json) -> Settings:
    return Settings.model_validate(
        {
            "daemon": {"id": "lab1"},
            "mqtt": {"port": port},
            "csms": {"url": url},
            "state": {"path": folder / "state.json"},
            "stations": stations,
        }
    )


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Daemon]:
    """A daemon with its broker."""
    daemon, _ = build(settings)
    assert daemon.mqtt is not None
    tasks = [asyncio.create_task(daemon.mqtt.run()), asyncio.create_task(daemon.run_links())]
    try:
        yield daemon
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)


async def test_stations_come_and_go_over_mqtt(tmp_path: Path, remote: Csms) -> None:
    with Mosquitto(tmp_path) as mosquitto:
        settings = over_mqtt(mosquitto.port, remote.url, tmp_path)
        async with serving(settings), watching(mosquitto.port) as watcher:
            await watcher.shows("daemon/lab1/state", "online")
            assert (await watcher.do("daemon/lab1/cmd/ping"))["result"]["stations"] == 0
            answer = await watcher.do("daemon/lab1/cmd/add-station", {"id": "CP+1"})
            assert answer["result"] == {"station": "CP+1"}
            await watcher.shows("station/CP%2B1/evse/1/connector/1/status", "Available")
            assert (await watcher.events("station_added", "CP%2B1"))[0]["station"] == "CP+1"
            await until(lambda: watcher.json("station/CP%2B1/state")["csms"]["registration"] == "Accepted")
            assert (await watcher.do("station/CP%2B1/cmd/plug-in"))["ok"] is True
            assert (await watcher.do("daemon/lab1/cmd/remove-station", "CP+1"))["ok"] is True
            await until(lambda: watcher.newest("station/CP%2B1/state") == b"")
            assert (await watcher.events("station_removed", "CP%2B1"))[0]["station"] == "CP+1"
            before = len(watcher.all("daemon/lab1/info"))
            await watcher.do("daemon/lab1/cmd/republish")
            await watcher.hears("daemon/lab1/info", before + 1)


async def test_a_station_with_fewer_evses_than_before_has_their_topics_cleared(
    tmp_path: Path, remote: Csms
) -> None:
    with Mosquitto(tmp_path) as mosquitto:

        def settings(evses: int) -> Settings:
            station = {"id": "CP001", "evses": [{}] * evses}
            return over_mqtt(mosquitto.port, remote.url, tmp_path, station)

        async with serving(settings(2)) as daemon, watching(mosquitto.port) as watcher:
            await watcher.shows("daemon/lab1/state", "online")
            second = {topic for topic in watcher.shown() if topic.startswith("station/CP001/evse/2/")}
            assert len(second) == 4
            daemon.reload(settings(1))
            await until(lambda: all(watcher.newest(topic) == b"" for topic in second))
            await watcher.shows("station/CP001/evse/1/connector/1/status", "Available")
            assert (await watcher.do("station/CP001/cmd/plug-in"))["ok"] is True
