"""The retained mirror: every documented key, only what has changed, meters not too often."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from ocppd.core.station import Station
from ocppd.core.times import format_time
from ocppd.edge.mqtt.mirror import Mirror
from ocppd.edge.mqtt.outgoing import Message
from tests.edge.mqtt.desk import TWO_BY_TWO, Desk, station

INTERVAL = 5.0
STATION = "ocppd/v1/station/CP001"
EVSE = f"{STATION}/evse/1"
CONNECTOR = f"{EVSE}/connector/1"

KEYS = {
    f"{STATION}/state": {
        *("station", "daemon", "boot", "seq", "power", "network", "csms", "operative", "faults"),
        *("chaos", "display", "vendor", "model", "firmware", "ts"),
    },
    f"{EVSE}/state": {
        *("station", "evse", "operative", "limit_w", "limit_source", "reservation", "cost", "ev", "ts", "tx"),
    },
    f"{EVSE}/meter": {"evse", "power_w", "energy_wh", "current_a", "voltage_v", "soc", "ts"},
    f"{CONNECTOR}/state": {
        *("evse", "connector", "status", "plugged", "locked", "operative", "faults", "ts"),
    },
}
CSMS_KEYS = {
    *("connected", "registration", "url", "since", "attempt", "retry_at", "last_error", "queued"),
}
TX_KEYS = {"id", "state", "id_token", "started", "energy_wh", "seconds", "seq_no", "offline"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Wall:
    """A mirror of one station, and what hangs there."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.mirror = Mirror("ocppd", "lab1", "b1", INTERVAL)
        self.shown: dict[str, Message] = {}
        self.look()

    @property
    def station(self) -> Station:
        return self.desk.fleet.stations["CP001"]

    def look(self) -> list[str]:
        """Show what has changed; returns where."""
        return self._note(self.mirror.messages(self.station, self.desk.clock.now))

    def look_at_meter(self, after: float) -> list[str]:
        """Show the meter of EVSE 1 when that much time has passed."""
        self.desk.advance(after)
        now = self.desk.clock.now
        self.station.look(now)
        return self._note(self.mirror.meter(self.station, 1, now))

    def json(self, topic: str) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.shown[topic].payload)
        return found

    def _note(self, messages: Iterator[Message]) -> list[str]:
        found = {it.topic: it for it in messages}
        self.shown |= found
        return list(found)


def idle() -> Desk:
    return Desk()


def offline() -> Desk:
    return Desk(online=False)


def charging() -> Desk:
    desk = Desk()
    desk.ask("station/CP001/evse/1/connector/1/cmd/plug-in")
    desk.ask("station/CP001/evse/1/cmd/authorize", "04A2B3C4")
    desk.advance(60)
    return desk


def faulted() -> Desk:
    desk = Desk()
    desk.ask("station/CP001/evse/1/connector/1/cmd/fault", "GroundFault")
    return desk


@pytest.mark.parametrize("situation", [idle, offline, charging, faulted])
def test_no_documented_key_is_ever_missing(situation: Any) -> None:
    wall = Wall(situation())
    for topic, keys in KEYS.items():
        assert set(wall.json(topic)) == keys, topic
    assert set(wall.json(f"{STATION}/state")["csms"]) == CSMS_KEYS
    assert set(wall.json(f"{EVSE}/state")["tx"] or TX_KEYS) == TX_KEYS


@pytest.mark.parametrize("situation", [idle, offline, charging, faulted])
def test_times_are_utc_with_milliseconds_and_z(situation: Any) -> None:
    wall = Wall(situation())
    state, evse = wall.json(f"{STATION}/state"), wall.json(f"{EVSE}/state")
    times = [wall.json(topic)["ts"] for topic in KEYS]
    times += [state["csms"][key] for key in ("since", "retry_at")]
    times += [evse["tx"]["started"]] if evse["tx"] else []
    assert all(TIME.fullmatch(time) for time in times if time is not None)


def test_everything_hangs_retained_in_the_quality_of_the_contract() -> None:
    wall = Wall(idle())
    assert all(it.retain for it in wall.shown.values())
    assert {topic: it.qos for topic, it in wall.shown.items()} == {
        f"{STATION}/availability": 1,
        f"{STATION}/state": 0,
        f"{EVSE}/state": 0,
        f"{EVSE}/meter": 0,
        f"{CONNECTOR}/state": 0,
        f"{CONNECTOR}/status": 1,
    }


def test_what_is_on_the_display_hangs_there_when_its_time_has_come() -> None:
    desk = Desk()
    wall = Wall(desk)
    start = format_time(desk.clock.now + 10)
    text = {"format": "UTF8", "content": "Welcome"}
    message = {"id": 1, "priority": "InFront", "startDateTime": start, "message": text}
    frame = [2, "a", "SetDisplayMessage", {"message": message}]
    desk.fleet.received("CP001", orjson.dumps(frame).decode())
    wall.look()
    assert wall.json(f"{STATION}/state")["display"] == []
    desk.advance(9)
    assert wall.look() == []
    desk.advance(1)
    assert wall.look() == [f"{STATION}/state"]
    [line] = wall.json(f"{STATION}/state")["display"]
    assert (line["about"], line["id"], line["content"]) == ("message", 1, "Welcome")


def test_every_place_has_its_topics() -> None:
    wall = Wall(Desk(station("CP001", TWO_BY_TWO)))
    assert len(wall.shown) == 2 + 2 * 2 + 4 * 2
    assert wall.json(f"{STATION}/evse/2/connector/2/state")["connector"] == 2


def test_the_station_is_shown_as_it_is() -> None:
    state = Wall(idle()).json(f"{STATION}/state")
    assert (state["station"], state["daemon"], state["boot"]) == ("CP001", "lab1", "b1")
    assert (state["power"], state["network"], state["operative"], state["faults"]) == (True, True, True, [])
    assert state["csms"]["connected"] is True
    assert state["csms"]["registration"] == "Accepted"
    assert state["csms"]["queued"] == 0


def test_a_running_transaction_is_shown_with_its_time_and_energy() -> None:
    wall = Wall(charging())
    tx = wall.json(f"{EVSE}/state")["tx"]
    assert (tx["state"], tx["id_token"], tx["seconds"], tx["offline"]) == (
        "Charging",
        "04A2B3C4",
        60,
        False,
    )
    assert tx["energy_wh"] == pytest.approx(11_000 / 60, abs=1)
    meter = wall.json(f"{EVSE}/meter")
    assert meter["power_w"] == 11_000
    assert [len(meter[key]) for key in ("current_a", "voltage_v")] == [3, 3]


def test_status_is_plain_text() -> None:
    wall = Wall(faulted())
    assert wall.shown[f"{CONNECTOR}/status"].payload == b"Faulted"
    assert wall.json(f"{CONNECTOR}/state")["faults"] == ["GroundFault"]
    assert wall.json(f"{STATION}/state")["faults"] == ["GroundFault"]


def test_availability_is_the_mains_and_not_the_connection() -> None:
    wall = Wall(offline())
    assert wall.shown[f"{STATION}/availability"].payload == b"online"
    wall.desk.ask("station/CP001/cmd/power", "OFF")
    wall.look()
    assert wall.shown[f"{STATION}/availability"].payload == b"offline"


def test_only_what_has_changed_is_shown_again() -> None:
    wall = Wall(idle())
    assert wall.look() == []
    wall.desk.ask("station/CP001/evse/1/connector/1/cmd/plug-in")
    assert set(wall.look()) == {f"{CONNECTOR}/state", f"{CONNECTOR}/status", f"{EVSE}/state"}
    assert wall.look() == []


def test_what_was_forgotten_is_shown_again() -> None:
    wall = Wall(idle())
    wall.mirror.forget([f"{CONNECTOR}/status", f"{EVSE}/meter"])
    assert set(wall.look()) == {f"{CONNECTOR}/status", f"{EVSE}/meter"}
    wall.mirror.forget()
    assert set(wall.look()) == set(wall.shown)


def test_a_meter_is_shown_at_most_once_per_interval() -> None:
    wall = Wall(charging())
    assert wall.look_at_meter(after=INTERVAL - 0.1) == []
    assert wall.mirror.is_late(wall.station, 1)
    assert wall.look_at_meter(after=0.1) == [f"{EVSE}/meter"]
    assert not wall.mirror.is_late(wall.station, 1)
    assert wall.look_at_meter(after=INTERVAL - 0.1) == []


def test_a_meter_that_stands_is_not_shown_again() -> None:
    wall = Wall(idle())
    assert wall.look_at_meter(after=INTERVAL) == []


def test_the_time_of_a_transaction_is_shown_when_asked_for() -> None:
    wall = Wall(charging())
    wall.desk.advance(3)
    wall.station.look(wall.desk.clock.now)
    assert f"{EVSE}/state" not in wall.look()
    messages = list(wall.mirror.running(wall.station, 1, wall.desk.clock.now))
    assert [orjson.loads(it.payload)["tx"]["seconds"] for it in messages] == [63]
