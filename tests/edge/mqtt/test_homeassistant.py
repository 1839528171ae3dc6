"""Home Assistant's discovery at a real broker: what is said, when, and that every control does what it says.

`tests/foreign/test_home_assistant.py` has the same read by Home Assistant itself.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from ocppd.core.description import Connector, Evse, Hardware, StationDescription
from ocppd.core.views import PUBLIC_EVENTS
from ocppd.edge.mqtt import Discovery
from ocppd.edge.mqtt.homeassistant import device_names, devices, slug
from tests.edge.mqtt.desk import TWO_BY_TWO, Desk, station
from tests.edge.mqtt.edge import (
    QUICK,
    Edge,
    Mosquitto,
    Uplink,
    Watcher,
    retained,
    running,
    until,
    watching,
    wire,
)

Json = dict[str, Any]
CP001 = "/device/ocppd_CP001/config"
CONTROLS = {"button", "number", "select", "switch", "text"}


@pytest.fixture
def prefix(base: str) -> str:
    """Topics of a Home Assistant of one's own."""
    return f"home/{base}"


# What is said of a station


def described(*hardware: Hardware) -> dict[str, Json]:
    st = Desk(station("CP001", *hardware)).fleet.stations["CP001"]
    return devices(st, "ocppd", "lab1")


def entities(*hardware: Hardware) -> dict[str, set[str]]:
    """The keys of each device's entities."""
    return {name: set(it["cmps"]) for name, it in described(*hardware).items()}


STATION = {"mains", "network", "operative", "reset", "boot", "csms", "event"}
EVSE = {
    *("charging_state", "session_energy", "session_time", "charging", "charge"),
    *("power", "energy", "current", "voltage", "state_of_charge"),
    *("ev_current", "limit", "limit_off", "token", "authorize"),
}
CONNECTOR = {"status", "plugged_in", "cable", "fault", "unlock"}


def test_a_station_with_one_evse_is_one_device() -> None:
    assert entities() == {"ocppd_CP001": STATION | EVSE | CONNECTOR}


def test_each_of_several_evses_is_a_device_of_its_own_via_the_station() -> None:
    both = {f"connector{number}_{key}" for key in CONNECTOR for number in (1, 2)}
    evse = EVSE | both | {"operative"}
    assert entities(TWO_BY_TWO) == {
        "ocppd_CP001": STATION,
        "ocppd_CP001_evse1": evse,
        "ocppd_CP001_evse2": evse,
    }
    found = described(TWO_BY_TWO)
    assert found["ocppd_CP001_evse2"]["dev"]["via_device"] == "ocppd_CP001"
    assert found["ocppd_CP001_evse2"]["dev"]["name"] == "CP001 EVSE 2"
    assert "via_device" not in found["ocppd_CP001"]["dev"]


def test_the_daemon_and_the_mains_make_it_available_and_the_csms_does_not() -> None:
    found = described()["ocppd_CP001"]
    topics = [it["topic"] for it in found["availability"]]
    assert topics == ["ocppd/v1/daemon/lab1/state", "ocppd/v1/station/CP001/availability"]
    assert found["availability_mode"] == "all"
    # Or nobody could switch it on again.
    assert found["cmps"]["mains"]["availability"] == [{"topic": "ocppd/v1/daemon/lab1/state"}]


def test_every_entity_has_an_id_of_its_own_and_every_event_a_type() -> None:
    found = [it for device in described(TWO_BY_TWO).values() for it in device["cmps"].values()]
    assert len({it["unique_id"] for it in found}) == len(found)
    (event,) = (it for it in found if it["platform"] == "event")
    assert set(event["event_types"]) == PUBLIC_EVENTS


IDENTITIES = some.text(alphabet="aA1_.~-*+=:|@/ éF5", min_size=1, max_size=6)


@given(one=IDENTITIES, other=IDENTITIES)
@example(one="A_1", other="A.1")
@example(one="_2B", other="+")
@example(one="A_evse1", other="A")
def test_names_of_devices_are_such_as_home_assistant_takes_and_no_two_are_alike(one: str, other: str) -> None:
    assert re.fullmatch("[A-Za-z0-9_-]+", slug(one))
    assert (slug(one) == slug(other)) == (one == other)
    hall = Desk(*{it: station(it, TWO_BY_TWO) for it in (one, other)}.values()).fleet.stations
    names = [name for st in hall.values() for name in device_names(st)]
    assert len(set(names)) == len(names)


# When it is said


def announced(watcher: Watcher, prefix: str) -> dict[str, Json]:
    """The newest of each device, by its topic; empty where it is cleared."""
    start = f"{prefix}/device/"
    found = {it.topic: it.payload for it in watcher.heard if it.topic.startswith(start)}
    return {topic.removeprefix(prefix): orjson.loads(it or b"{}") for topic, it in found.items()}


@asynccontextmanager
async def home(
    port: int, base: str, prefix: str, *stations: StationDescription, **how: Any
) -> AsyncIterator[tuple[Edge, Watcher]]:
    """A daemon that speaks to Home Assistant, and who watches both, at the `broker` behind the port."""
    discovery, broker = how.pop("discovery", Discovery(prefix)), how.pop("broker", port)
    edge = Edge(port, *stations, base=base, discovery=discovery, **how)
    async with watching(broker, base, f"{prefix}/#") as watcher, running(edge):
        await watcher.shows("daemon/lab1/state", "online")
        yield edge, watcher


async def test_devices_come_before_all_states_and_stay(mosquitto: Mosquitto, base: str, prefix: str) -> None:
    async with home(mosquitto.port, base, prefix) as (_, watcher):
        topics = [it.topic for it in watcher.heard if it.retain]
        assert topics[0] == f"{prefix}{CP001}"
    async with watching(mosquitto.port, base, f"{prefix}/#") as watcher:
        assert announced(watcher, prefix).keys() == {CP001}


async def test_nothing_is_said_where_nobody_wants_it(mosquitto: Mosquitto, base: str, prefix: str) -> None:
    async with home(mosquitto.port, base, prefix, discovery=None) as (_, watcher):
        await watcher.publish("daemon/lab1/cmd/republish")
        await watcher.hears("daemon/lab1/response/republish")
        assert announced(watcher, prefix) == {}


async def test_what_has_not_changed_is_not_said_again(
    uplink: Uplink, mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    both = station("CP001"), station("CP002")
    async with home(uplink.port, base, prefix, *both, broker=mosquitto.port):
        pass
    changed = replace(both[1], hardware=Hardware(model="other"))
    async with home(uplink.port, base, prefix, both[0], changed, broker=mosquitto.port) as (_, watcher):
        topics = [it.topic.removeprefix(prefix) for it in watcher.heard]
        # One of each is what stood there before.
        assert topics.count(CP001) == 1
        assert topics.count("/device/ocppd_CP002/config") == 2
        assert announced(watcher, prefix)["/device/ocppd_CP002/config"]["dev"]["model"] == "other"


async def test_what_the_broker_has_lost_is_said_again(own_mosquitto: Mosquitto, base: str) -> None:
    edge = Edge(own_mosquitto.port, base=base, discovery=Discovery("home"))
    async with running(edge):
        own_mosquitto.stop()
        own_mosquitto.start()
        async with watching(own_mosquitto.port, base, "home/#") as watcher:
            await until(lambda: announced(watcher, "home"))


async def test_home_assistant_that_has_started_is_told_again(
    uplink: Uplink, mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    pace = replace(QUICK, welcome=0.1)
    async with home(uplink.port, base, prefix, pace=pace, broker=mosquitto.port) as (_, watcher):
        for word, times in (("offline", 1), ("online", 2)):
            await watcher.client.publish(f"{prefix}/status", word, qos=1)
            await asyncio.sleep(0.3)
            await until(lambda: len(watcher.all(f"{prefix}{CP001}")) >= times)  # noqa: B023
            assert len(watcher.all(f"{prefix}{CP001}")) == times


async def test_they_are_told_at_some_moment_of_ten_seconds(
    mosquitto: Mosquitto, base: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, float]] = []
    monkeypatch.setattr(random, "uniform", lambda *span: asked.append(span) or 0.0)
    async with home(mosquitto.port, base, prefix) as (_, watcher):
        await watcher.client.publish(f"{prefix}/status", "online", qos=1)
        await until(lambda: len(watcher.all(f"{prefix}{CP001}")) == 2)
    assert (0, 10.0) in asked


async def test_stations_that_come_and_go_are_told_and_cleared(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with home(mosquitto.port, base, prefix) as (edge, watcher):
        edge.add(station("CP002", TWO_BY_TWO))
        topics = [f"/device/ocppd_CP002{it}/config" for it in ("", "_evse1", "_evse2")]
        await until(lambda: announced(watcher, prefix).keys() == {CP001, *topics})
        edge.remove("CP002")
        await until(lambda: [announced(watcher, prefix)[it] for it in topics] == [{}, {}, {}])
        assert announced(watcher, prefix)[CP001]


async def test_a_station_that_goes_while_the_broker_is_away_is_cleared_all_the_same(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    both = station("CP001"), station("CP002")
    async with wire(mosquitto.port) as way:
        how = {"broker": mosquitto.port}
        async with home(way.port, base, prefix, *both, **how) as (edge, watcher):
            way.cut()
            edge.remove("CP002")
            await until(lambda: way.connections == 2)
            await watcher.shows("station/CP002/state", "")
            await watcher.shows("station/CP002/evse/1/connector/1/status", "")
            await until(lambda: announced(watcher, prefix)["/device/ocppd_CP002/config"] == {})
            assert announced(watcher, prefix)[CP001]


async def test_what_is_no_more_is_cleared_at_the_next_start_and_that_of_others_is_left(
    uplink: Uplink, mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    other = Edge(uplink.port, station("CP003"), base=base, daemon="lab2", discovery=Discovery(prefix))
    mine = station("CP001"), station("CP002", TWO_BY_TWO)
    async with running(other), home(uplink.port, base, prefix, *mine, broker=mosquitto.port):
        pass
    async with home(uplink.port, base, prefix, station("CP002"), broker=mosquitto.port) as (_, watcher):
        found = announced(watcher, prefix)
    assert {topic for topic, it in found.items() if it} == {
        "/device/ocppd_CP002/config",
        "/device/ocppd_CP003/config",
    }


async def test_whoever_takes_it_away_from_home_assistant_has_it_cleared(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with home(mosquitto.port, base, prefix):
        pass
    off = Discovery(prefix, enabled=False)
    async with home(mosquitto.port, base, prefix, discovery=off) as (edge, watcher):
        await until(lambda: announced(watcher, prefix)[CP001] == {})
        edge.add(station("CP002"))
        await watcher.hears("station/CP002/state")  # only then its commands are sure to be heard
        await watcher.do("station/CP002/cmd/get")
        await watcher.client.publish(f"{prefix}/status", "online", qos=1)
        assert announced(watcher, prefix) == {CP001: {}}
        assert (await retained(mosquitto.port, base)).keys() >= {"station/CP001/state"}


async def test_a_connector_that_is_taken_off_goes_by_its_platform_alone(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    two = station("CP001", Hardware(evses=(Evse(connectors=(Connector(), Connector())),)))
    async with home(mosquitto.port, base, prefix, two):
        pass
    gone = {f"connector{number}_{key}" for number in (1, 2) for key in CONNECTOR}
    for expected in (gone, set()):  # said once; the next message has forgotten them
        async with home(mosquitto.port, base, prefix, station("CP001")) as (_, watcher):
            found = announced(watcher, prefix)[CP001]["cmps"]
            assert {key for key, it in found.items() if len(it) == 1} == expected
            assert {key for key, it in found.items() if len(it) > 1} == STATION | EVSE | CONNECTOR
    assert found["status"]["platform"] == "sensor"


async def test_a_station_that_is_changed_while_we_run_says_what_it_has_no_more(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    two = station("CP001", Hardware(evses=(Evse(connectors=(Connector(), Connector())),)))
    async with home(mosquitto.port, base, prefix, two) as (edge, watcher):
        edge.remove("CP001")
        edge.add(station("CP001"))
        await until(lambda: "status" in announced(watcher, prefix).get(CP001, {}).get("cmps", {}))
        assert announced(watcher, prefix)[CP001]["cmps"]["connector2_cable"] == {"platform": "switch"}


async def test_a_station_that_boots_with_other_firmware_says_so(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with home(mosquitto.port, base, prefix) as (edge, watcher):
        await watcher.do("station/CP001/cmd/boot")
        edge.fleet.stations["CP001"].state.firmware = "2.0.0"
        await watcher.do("station/CP001/cmd/boot", {"reason": "FirmwareUpdate"})
        await until(lambda: announced(watcher, prefix)[CP001]["dev"]["sw_version"] == "2.0.0")
        assert len(watcher.all(f"{prefix}{CP001}")) == 2  # not at the boot before


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"availability": 1}', b'{"availability": [{}]}'])
async def test_rubbish_among_the_devices_is_no_trouble(
    mosquitto: Mosquitto, base: str, prefix: str, payload: bytes
) -> None:
    async with watching(mosquitto.port, base) as watcher:
        for name in ("ocppd_CP001", "ocppd_CP009", "other"):
            await watcher.client.publish(f"{prefix}/device/{name}/config", payload, qos=1, retain=True)
        mine = orjson.dumps({"availability": [{"topic": f"{base}/v1/daemon/lab1/state"}], "cmps": [1]})
        await watcher.client.publish(f"{prefix}/device/ocppd_CP008/config", mine, qos=1, retain=True)
    async with home(mosquitto.port, base, prefix) as (_, watcher):
        await until(lambda: "cmps" in announced_or_none(watcher, prefix))
        assert watcher.newest(f"{prefix}/device/ocppd_CP008/config") == b""
        assert watcher.newest(f"{prefix}/device/other/config") == (payload or None)


def announced_or_none(watcher: Watcher, prefix: str) -> Json:
    try:
        found: Json = orjson.loads(watcher.newest(f"{prefix}{CP001}") or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


# What its entities do


class Panel:
    """The entities of a device as somebody at Home Assistant has them before him."""

    def __init__(self, watcher: Watcher, device: Json, base: str) -> None:
        self.cmps: Json = device["cmps"]
        self._watcher = watcher
        self._root = f"{base}/v1/"
        self._templates = jinja2.Environment(autoescape=False)  # noqa: S701 - no HTML
        self._templates.filters["to_json"] = lambda it: orjson.dumps(it).decode()

    def state(self, key: str) -> str | None:
        """What the entity shows; None where nothing is known."""
        return next(reversed(self.states(key)), None)

    def states(self, key: str) -> list[str | None]:
        """What it has shown."""
        entity = self.cmps[key]
        topic = entity["state_topic"].removeprefix(self._root)
        return [self._read(entity, it.decode()) for it in self._watcher.all(topic)]

    def _read(self, entity: Json, text: str) -> str | None:
        if "value_template" in entity:
            text = self._render(entity["value_template"], value=text, value_json=orjson.loads(text))
        return None if text == "None" else text

    async def shows(self, key: str, wanted: str | None) -> None:
        try:
            await until(lambda: self.state(key) == wanted)
        except TimeoutError:
            raise AssertionError(f"{key} is {self.state(key)}") from None

    async def use(self, key: str, value: str = "PRESS") -> Json:
        """Switch, press, choose or enter; the answer must be good."""
        entity = self.cmps[key]
        payload = entity.get("payload_press", value)
        if "command_template" in entity:
            payload = self._render(entity["command_template"], value=value)
        topic = entity["command_topic"].removeprefix(self._root)
        answer = await self._watcher.do(topic, payload)
        assert answer["ok"], answer
        assert answer["warnings"] == []
        return answer

    def _render(self, template: str, **values: Any) -> str:
        return self._templates.from_string(template).render(**values)


@asynccontextmanager
async def panel(
    mosquitto: Mosquitto, base: str, prefix: str, *stations: StationDescription
) -> AsyncIterator[tuple[Panel, Edge]]:
    async with home(mosquitto.port, base, prefix, *stations) as (edge, watcher):
        await until(lambda: announced(watcher, prefix))
        yield Panel(watcher, announced(watcher, prefix)[CP001], base), edge


async def test_the_cable_and_the_charge_switch_make_a_session_that_the_sensors_show(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with panel(mosquitto, base, prefix) as (it, _):
        for key, wanted in (("status", "Available"), ("cable", "OFF"), ("charge", "OFF"), ("csms", "ON")):
            await it.shows(key, wanted)
        assert it.state("charging_state") == "No transaction"
        assert [it.state(key) for key in ("session_energy", "session_time", "state_of_charge")] == [None] * 3
        await it.use("cable", "ON")
        for key, wanted in (("status", "Occupied"), ("cable", "ON"), ("plugged_in", "ON")):
            await it.shows(key, wanted)
        await it.use("charge", "ON")
        for key, wanted in (("charging_state", "Charging"), ("charging", "ON"), ("charge", "ON")):
            await it.shows(key, wanted)
        await it.shows("power", "11000")
        await it.shows("state_of_charge", "20.0")
        await it.shows("session_time", "1")
        assert float(it.state("current") or 0) == pytest.approx(15.9, abs=0.1)
        assert float(it.state("voltage") or 0) == 230.0
        assert int(it.state("energy") or 0) >= 0
        assert int(it.state("session_energy") or -1) >= 0
        assert it.state("charging_state") in it.cmps["charging_state"]["options"]
        await it.use("charge", "OFF")
        for key, wanted in (("charge", "OFF"), ("charging", "OFF"), ("power", "0")):
            await it.shows(key, wanted)
        await it.use("cable", "OFF")
        await it.shows("cable", "OFF")
        await it.shows("charging_state", "No transaction")


async def test_a_token_that_is_entered_and_the_button_start_a_session(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with panel(mosquitto, base, prefix) as (it, _):
        await it.use("cable", "ON")
        await it.use("token", "12345E67")
        await it.shows("token", "12345E67")
        await it.use("token", "12345E67 ")  # again: the driver ends it
        await it.shows("charge", "OFF")
        await it.use("cable", "OFF")
        await it.shows("token", "")
        await it.use("cable", "ON ")
        await it.use("authorize")
        await it.shows("token", "04A2B3C4")


async def test_the_numbers_limit_the_evse_and_the_car(mosquitto: Mosquitto, base: str, prefix: str) -> None:
    async with panel(mosquitto, base, prefix) as (it, _):
        assert (it.state("limit"), it.state("ev_current")) == (None, None)
        await it.use("cable", "ON")
        await it.use("charge", "ON")
        await it.use("limit", "5000")
        await it.shows("limit", "5000")
        await it.shows("power", "5000")
        await it.use("limit_off")
        await it.shows("limit", None)
        await it.use("ev_current", "8")
        await it.shows("ev_current", "8.0")
        await it.shows("power", "5520")


async def test_the_switches_and_buttons_of_the_station_show_what_they_do(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with panel(mosquitto, base, prefix) as (it, edge):
        await it.use("operative", "OFF")
        await it.shows("operative", "OFF")
        await it.shows("status", "Unavailable")
        await it.use("operative", "ON")
        await it.shows("operative", "ON")
        await it.use("boot")
        assert edge.csms.requests("BootNotification")[-1]["reason"] == "Triggered"
        await it.use("reset")
        await it.use("network", "OFF")
        await it.shows("network", "OFF")
        await it.use("network", "ON")
        await it.shows("network", "ON")
        await it.use("mains", "OFF")
        await it.shows("mains", "OFF")
        await it.use("mains", "ON")
        await it.shows("mains", "ON")


async def test_a_fault_is_chosen_and_heals(mosquitto: Mosquitto, base: str, prefix: str) -> None:
    async with panel(mosquitto, base, prefix) as (it, _):
        assert it.state("fault") == "OFF"
        await it.use("fault", "GroundFault")
        await it.shows("fault", "GroundFault")
        await it.shows("status", "Faulted")
        await it.use("fault", "OFF")
        await it.shows("fault", "OFF")
        for code in it.cmps["fault"]["options"][1:]:
            await it.use("fault", code)
            await it.shows("fault", code)
        # A code that is no option is unknown, and not an error in Home Assistant's log.
        own = {"code": "Smoke", "component": "SmokeDetector"}
        await it._watcher.do("station/CP001/evse/1/connector/1/cmd/fault", own)  # noqa: SLF001
        await it.shows("fault", None)


async def test_unlock_lets_the_cable_go(mosquitto: Mosquitto, base: str, prefix: str) -> None:
    socket = station("CP001", Hardware(evses=(Evse(connectors=(Connector("sType2"),)),)))
    async with panel(mosquitto, base, prefix, socket) as (it, edge):
        await it.use("cable", "ON")
        await it.use("charge", "ON")
        plug = edge.fleet.stations["CP001"].connector(1, 1)
        await until(lambda: plug.locked)
        await it.use("charge", "OFF")
        await it.use("unlock")
        await until(lambda: not plug.locked)


async def test_an_event_is_one_of_its_types_with_all_that_it_tells(
    mosquitto: Mosquitto, base: str, prefix: str
) -> None:
    async with panel(mosquitto, base, prefix) as (it, _):
        await it.use("cable", "ON")
        events = await until(lambda: [one for one in it.states("event") if one and '"plugged_in"' in one])
        event = orjson.loads(events[0])
        assert event["event_type"] == event["event"] == "plugged_in"
        assert event["event_type"] in it.cmps["event"]["event_types"]
        assert (event["station"], event["cause"]) == ("CP001", "mqtt:plug-in")


def test_no_control_is_left_untried() -> None:
    """The tests above use them all."""
    controls = {key for key, it in described()["ocppd_CP001"]["cmps"].items() if it["platform"] in CONTROLS}
    assert controls == set(re.findall(r'\.use\("(\w+)"', Path(__file__).read_text()))
