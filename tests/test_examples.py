"""What stands in examples/ works, with what devices really send; foreign/test_node_red.py has the flows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import yaml

from ocppd.demo.broker import broker
from ocppd.demo.csms import csms
from ocppd.edge.mqtt.homeassistant import devices
from ocppd.settings import load
from tests.daemon import TOKEN, Json, Observer, daemon, observer, settings, station
from tests.edge.mqtt.desk import Desk

EXAMPLES = Path(__file__).parent.parent / "examples"
EVSE = "station/CP001/evse/1"
PLUG = f"{EVSE}/connector/1"


def test_what_the_page_links_to_exists_and_nothing_is_left_out() -> None:
    text = (EXAMPLES / "README.md").read_text()
    links = set(re.findall(r"\]\(([^)#]+)\)", text))
    assert {it for it in links if not (EXAMPLES / it).exists()} == set()
    folders = ("buttons", "homeassistant", "node-red")
    files = {str(it.relative_to(EXAMPLES)) for folder in folders for it in (EXAMPLES / folder).iterdir()}
    assert files <= links


# Home Assistant


def test_the_dashboard_has_every_entity_that_it_names() -> None:
    text = (EXAMPLES / "homeassistant" / "dashboard.yaml").read_text()
    named = set(re.findall(r"entity: (\w+\.\w+)", text))
    listed = re.findall(r"- (\w+\.\w+)", text)
    [device] = devices(Desk().fleet.stations["CP001"], "ocppd", "lab1").values()
    # As Home Assistant makes them, out of the names of the device and of the entity.
    known = {
        f"{it['platform']}.cp001_{it['name'].lower().replace(' ', '_')}" for it in device["cmps"].values()
    }
    assert known - named == {"binary_sensor.cp001_charging", "binary_sensor.cp001_plugged_in"}
    assert named | set(listed) <= known
    assert [it["title"] for it in yaml.safe_load(text)["views"]] == ["CP001"]


async def test_the_setting_that_the_page_names_is_enough_to_be_found(tmp_path: Path) -> None:
    [setting] = re.findall(r"`mqtt: (.*?)`", (EXAMPLES / "README.md").read_text())
    async with lab(tmp_path, **yaml.safe_load(setting)) as (_, raw):
        await raw.subscribe("homeassistant/device/ocppd_CP001/config")
        found = await anext(aiter(raw.messages))
        assert orjson.loads(found.payload)["dev"]["name"] == "CP001"


# The station and its lab


@asynccontextmanager
async def lab(folder: Path, **mqtt: Any) -> AsyncIterator[tuple[Observer, aiomqtt.Client]]:
    """Who watches CP001, and the devices of the lab."""
    async with (
        broker() as port,
        csms() as remote,
        observer(port) as eye,
        aiomqtt.Client("127.0.0.1", port) as raw,
        daemon(folder, settings(port, remote.url, station(), mqtt=mqtt)) as it,
    ):
        await it.ready()
        await eye.shows("station/CP001/state", csms__registration="Accepted")
        yield eye, raw
        answers = [orjson.loads(it) for topic, it in eye.messages if "/response/" in topic]
        assert [it for it in answers if not it["ok"] or "ignored" in it] == []


async def status(eye: Observer, wanted: str) -> None:
    await eye.until(lambda: eye.text(f"{PLUG}/status") == wanted)


# Buttons


def inputs() -> list[Json]:
    found: list[Json] = yaml.safe_load((EXAMPLES / "buttons" / "ocppd.yaml").read_text())["mqtt"]["inputs"]
    return found


def test_the_settings_for_buttons_are_valid_beside_others() -> None:
    root = EXAMPLES.parent
    found = load([root / "config/ocppd.yaml", EXAMPLES / "buttons" / "ocppd.yaml"])
    assert len(found.mqtt.inputs) == len(inputs())
    assert found.mqtt.host == "127.0.0.1"


async def test_tasmota_esphome_and_zigbee_devices_drive_the_station(tmp_path: Path) -> None:
    async with lab(tmp_path, inputs=inputs()) as (eye, raw):
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"SINGLE"}}')
        await status(eye, "Occupied")
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"DOUBLE"}}')
        await status(eye, "Available")
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"TRIPLE"}}')
        await eye.shows(f"{PLUG}/state", faults=["GroundFault"])
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"HOLD"}}')
        await eye.shows(f"{PLUG}/state", faults=[])
        await raw.publish("stat/btn1/RESULT", '{"POWER":"ON"}')  # means nothing here
        await raw.publish("stat/lever1/RESULT", '{"Switch1":{"Action":"ON"}}')
        await status(eye, "Occupied")
        await cards(eye, raw)
        await raw.publish("stat/lever1/RESULT", '{"Switch1":{"Action":"OFF"}}')
        await status(eye, "Available")
        await raw.publish("lab-panel/binary_sensor/cable/state", "ON")
        await status(eye, "Occupied")
        await zigbee(eye, raw)
        await raw.publish("stat/mains1/POWER", "OFF")
        await eye.until(lambda: eye.text("station/CP001/availability") == "offline")
        await raw.publish("stat/mains1/POWER", "ON")
        await eye.until(lambda: eye.text("station/CP001/availability") == "online")


async def cards(eye: Observer, raw: aiomqtt.Client) -> None:
    """As each reader tells of one."""
    rc522 = {"Time": "2026-01-23T13:10:50", "RC522": {"UID": TOKEN, "Data": "", "Type": "MIFARE 1KB"}}
    await raw.publish("tele/rfid1/SENSOR", orjson.dumps(rc522))
    await eye.shows(f"{EVSE}/state", tx__state="Charging", tx__id_token=TOKEN)
    await raw.publish("tele/rfid1/SENSOR", '{"Time":"2026-01-23T13:11:00","ESP32":{"Temperature":53.3}}')
    pn532 = {"Time": "2026-01-23T13:12:50", "PN532": {"UID": TOKEN}}
    await raw.publish("tele/rfid2/SENSOR", orjson.dumps(pn532))  # the driver ends it
    await eye.until(lambda: eye.json(f"{EVSE}/state")["tx"]["state"] == "EVConnected")


async def zigbee(eye: Observer, raw: aiomqtt.Client) -> None:
    press = {"battery": 100, "linkquality": 120, "voltage": 3000}
    await raw.publish("zigbee2mqtt/Lab button", orjson.dumps(press | {"action": "single"}))
    await eye.shows(f"{EVSE}/state", tx__state="Charging")
    await raw.publish("zigbee2mqtt/Lab button", orjson.dumps(press | {"action": ""}))
    await raw.publish("zigbee2mqtt/Lab button", orjson.dumps(press | {"action": "double"}))
    await eye.shows(f"{EVSE}/state", limit_w=5000)
    await raw.publish("zigbee2mqtt/Lab button", orjson.dumps(press | {"action": "hold"}))
    await eye.shows(f"{EVSE}/state", limit_w=None)


class Esphome(yaml.SafeLoader):
    """YAML as ESPHome has it: a secret is its name, a lambda its text."""


for tag in ("!secret", "!lambda"):
    Esphome.add_constructor(tag, lambda loader, it: loader.construct_scalar(it))


def panel() -> Json:
    """The panel, with its substitutions made."""
    text = (EXAMPLES / "buttons" / "esphome.yaml").read_text()
    for name, value in yaml.load(text, Esphome)["substitutions"].items():  # noqa: S506 - a SafeLoader
        text = text.replace(f"${{{name}}}", value)
    found: Json = yaml.load(text, Esphome)  # noqa: S506
    return found


def published(node: Any) -> Iterator[tuple[str, str]]:
    """All that it publishes, in the order of the file."""
    for key, value in (
        node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ())
    ):
        if key == "mqtt.publish":
            yield value["topic"], value["payload"]
        else:
            yield from published(value)


async def test_every_message_of_the_esphome_panel_is_a_command_that_succeeds(tmp_path: Path) -> None:
    async with lab(tmp_path) as (eye, raw):
        said = list(published(panel()))
        assert [topic.rpartition("/")[2] for topic, _ in said] == [
            *("plug-in", "plug-in", "charge", "fault", "clear-fault", "authorize"),
        ]
        for topic, payload in [*said, said[0]]:
            token = "04A2B3C4" if "return x" in payload else payload
            answers = topic.removeprefix("ocppd/v1/").replace("/cmd/", "/response/")
            before = [it for it, _ in eye.messages].count(answers)
            await asyncio.sleep(0.4)  # ON again within 300 ms would be a bouncing contact
            await raw.publish(topic, token)
            await eye.until(lambda: [it for it, _ in eye.messages].count(answers) > before)  # noqa: B023
        await status(eye, "Occupied")  # the last one has plugged the car in again


async def test_the_lamp_of_the_panel_follows_topics_that_there_are(tmp_path: Path) -> None:
    async with lab(tmp_path) as (eye, _):
        seen = {(it["topic"], it["payload"]) for it in panel()["mqtt"]["on_message"]}
        await eye.succeed("CP001/1/1", "plug-in")
        await status(eye, "Occupied")
        told = {(f"ocppd/v1/{topic}", payload.decode()) for topic, payload in eye.messages}
        assert seen <= told


def test_the_panel_keeps_its_passwords_in_secrets() -> None:
    text = (EXAMPLES / "buttons" / "esphome.yaml").read_text()
    assert re.findall(r"(?m)^.*(?:password|ssid): (?!!secret).*$", text) == []
