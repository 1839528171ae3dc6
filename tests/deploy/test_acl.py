"""The example access control of docker/mosquitto/acl, at a real Mosquitto.

The broker tells nobody what it refuses. So a refused message is followed by one that is allowed: when that
has come, the other never will, since a broker keeps the order of what it is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import orjson
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ocppd.client import connect
from ocppd.demo.csms import Csms, csms
from tests.daemon import ID, TOKEN, Daemon, Json, Observer, daemon, settings, station
from tests.deploy.support import PASSWORDS, mosquitto, needs_mosquitto

pytestmark = needs_mosquitto

PLUG = "station/CP001/evse/1/connector/1"
SAMPLED = {"SampledDataCtrlr.TxUpdatedInterval": 1}


class Account(Observer):
    """Somebody who is logged in."""

    def __init__(self, raw: aiomqtt.Client) -> None:
        super().__init__()
        self._raw = raw

    async def publish(self, topic: str, payload: str = "", *, retain: bool = False) -> None:
        """Send what may be refused, and return when the broker has dealt with it."""
        await self._raw.publish(f"ocppd/v1/{topic}", payload, qos=1, retain=retain)


@asynccontextmanager
async def account(port: int, name: str) -> AsyncIterator[Account]:
    """Log in with that account, and hear all of `ocppd/v1` that it may."""
    access: Json = {
        "username": name,
        "password": PASSWORDS[name],
        "protocol": aiomqtt.ProtocolVersion.V311,
    }
    async with aiomqtt.Client("127.0.0.1", port, **access) as raw:
        it = Account(raw)
        async with connect("127.0.0.1", port, heard=it.heard, **access) as it.client:
            await it.client.watch()
            yield it


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    async with mosquitto(tmp_path) as port:
        yield port


@pytest.fixture
async def remote() -> AsyncIterator[Csms]:
    async with csms() as remote:
        yield remote


@pytest.fixture
async def operator(port: int) -> AsyncIterator[Account]:
    async with account(port, "operator") as operator:
        yield operator


def tree(port: int, remote: Csms, *stations: Json, user: str = "ocppd") -> Json:
    access: Json = {"username": user, "password": PASSWORDS[user], "meter_interval": 1}
    return settings(port, remote.url, *stations, mqtt=access)


@pytest.fixture
async def ocppd(port: int, remote: Csms, operator: Account, tmp_path: Path) -> AsyncIterator[Daemon]:
    """The daemon with its account, its station accepted by the CSMS."""
    one = station(groups=["lab"], variables=SAMPLED)
    async with daemon(tmp_path, tree(port, remote, one, station("CP002"))) as ocppd:
        await ocppd.ready()
        await remote.until(lambda: remote.heard("StatusNotification", "CP001"))
        yield ocppd


async def test_the_daemon_may_do_all_that_the_api_has(
    ocppd: Daemon, operator: Account, port: int, remote: Csms
) -> None:
    # Commands to every scope, and their answers.
    await operator.succeed(f"daemon/{ID}", "ping")
    await operator.succeed("CP001/1/1", "plug-in")
    await operator.succeed("CP001/1", "authorize", id_token=TOKEN)
    await operator.succeed("CP001", "get")
    assert (await operator.do("group/lab", "operative", on=True))["matched"] == 1
    assert (await operator.do("all", "operative", on=True))["matched"] == 2
    await operator.succeed(f"daemon/{ID}", "trace", on=True)

    # Every kind of state.
    await operator.shows("station/CP001/evse/1/state", tx__id_token=TOKEN)
    await operator.until(lambda: operator.text("station/CP001/ocpp/tx"))
    await operator.until(lambda: operator.json("station/CP001/evse/1/meter").get("power_w"))
    await operator.shows(f"daemon/{ID}/health")
    await operator.shows("station/CP001/state", daemon=ID, csms__registration="Accepted")
    await operator.shows(f"{PLUG}/state", plugged=True)
    await operator.until(lambda: operator.text(f"{PLUG}/status") == "Occupied")
    assert operator.text("station/CP001/availability") == "online"
    assert operator.text(f"daemon/{ID}/state") == "online"
    assert operator.happened("tx_started", "CP001")

    # An answer where its asker wants it.
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "ocppd/v1/reply/here"
    access: Json = {"username": "operator", "password": PASSWORDS["operator"]}
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, **access) as asker:
        await asker.publish("ocppd/v1/station/CP001/cmd/get", b"", properties=properties)
        await operator.shows("reply/here", ok=True)

    # It reads its own word, and puts a late last will right.
    async with account(port, "ocppd") as double:
        await double.publish(f"daemon/{ID}/state", "offline", retain=True)
    await ocppd.logged("mqtt.offline_by_mistake")
    await operator.until(lambda: operator.text(f"daemon/{ID}/state") == "online")

    # It reads what it left behind, and clears it.
    await ocppd.stop()
    await operator.until(lambda: operator.text(f"daemon/{ID}/state") == "offline")
    ocppd.config.write_bytes(
        orjson.dumps(tree(port, remote, station()) | {"state": {"path": str(ocppd.state)}})
    )
    await ocppd.start()
    await operator.until(lambda: operator.text("station/CP002/evse/1/connector/1/status") == "")
    await ocppd.ready()


async def test_a_button_may_plug_in_and_present_a_card(ocppd: Daemon, operator: Account, port: int) -> None:
    async with account(port, "buttons") as buttons:
        await buttons.succeed("CP001/1/1", "plug-in")
        await buttons.succeed("CP001/1", "authorize", id_token=TOKEN)
        await operator.until(lambda: operator.happened("tx_started", "CP001"))
        await buttons.succeed("CP001/1/1", "unplug")
        await operator.until(lambda: operator.happened("tx_ended", "CP001"))
        # To a station with one connector it says the same.
        await buttons.succeed("CP002", "plug-in")
        await buttons.succeed("CP002", "authorize", id_token=TOKEN)
        await buttons.succeed("CP002", "unplug")
        await buttons.until(lambda: buttons.text(f"{PLUG}/status") == "Available")
        # A switch for charging, the car of which is there already.
        await buttons.succeed("CP001/1/1", "plug-in")
        await buttons.succeed("CP001/1", "charge", on=True)
        await operator.shows("station/CP001/evse/1/state", tx__state="Charging")
        await buttons.succeed("CP001", "charge", on=False)


async def test_a_dashboard_reads_what_is_shown(ocppd: Daemon, operator: Account, port: int) -> None:
    async with account(port, "dashboard") as dashboard:
        await operator.succeed(f"daemon/{ID}", "trace", on=True)
        await operator.succeed("CP001/1/1", "plug-in")
        await operator.succeed("CP001/1", "authorize", id_token=TOKEN)
        await operator.until(lambda: operator.text("station/CP001/ocpp/tx"))
        await dashboard.until(lambda: dashboard.json("station/CP001/evse/1/meter").get("power_w"))
        assert dashboard.json("station/CP001/evse/1/state")["tx"]
        assert dashboard.json("station/CP001/state")["power"]
        assert dashboard.text("station/CP001/availability") == "online"
        assert dashboard.json(f"{PLUG}/state")["plugged"]
        assert dashboard.text(f"{PLUG}/status") == "Occupied"
        assert dashboard.happened("tx_started")
        assert dashboard.text(f"daemon/{ID}/state") == "online"
        assert dashboard.json(f"daemon/{ID}/info")["stations"] == 2
        assert dashboard.json(f"daemon/{ID}/health")
        assert [it for it in dashboard.shown if {"cmd", "response", "ocpp"} & set(it.split("/"))] == []


FORGED = {
    "station/CP001/state": "forged",
    "station/CP001/availability": "forged",
    f"{PLUG}/status": "forged",
    f"{PLUG}/response/unplug": "forged",
    "station/GHOST/state": "forged",
    f"daemon/{ID}/state": "offline",
    f"daemon/{ID}/info": "forged",
}
NOT_FOR = {
    "buttons": FORGED
    | {
        "station/CP001/cmd/reset": "Immediate",
        "station/CP001/cmd/RESET": "Immediate",
        "station/CP001/cmd/power": "OFF",
        "station/CP001/evse/1/cmd/start": "ON",
        f"{PLUG}/cmd/fault": "GroundFault",
        f"daemon/{ID}/cmd/remove-station": '{"id": "CP001"}',
        "group/lab/cmd/unplug": "ON",
        "all/cmd/unplug": "ON",
    },
    "dashboard": FORGED
    | {
        "station/CP001/cmd/get": "",
        "station/CP001/evse/1/cmd/authorize": TOKEN,
        f"{PLUG}/cmd/plug-in": "ON",
        f"daemon/{ID}/cmd/ping": "",
        "all/cmd/unplug": "ON",
    },
    "operator": FORGED,
}


async def test_nobody_may_do_anything_else(ocppd: Daemon, operator: Account, port: int, remote: Csms) -> None:
    for name, messages in NOT_FOR.items():
        async with account(port, name) as sender:
            for topic, payload in messages.items():
                await sender.publish(topic, payload, retain="/cmd/" not in topic)
    # The operator, who may read all and reset a station, has seen none of them when this is answered.
    await operator.succeed("CP001", "reset", type="Immediate")
    sent = {(topic, payload.encode()) for messages in NOT_FOR.values() for topic, payload in messages.items()}
    assert sent.isdisjoint(operator.messages)


async def test_home_assistant_hears_of_stations_from_the_daemon_alone(
    port: int, remote: Csms, tmp_path: Path
) -> None:
    config = "homeassistant/device/ocppd_CP001/config"
    announcing = tree(port, remote, station())
    announcing["mqtt"]["discovery"] = {}
    access: Json = {"username": "operator", "password": PASSWORDS["operator"]}
    async with aiomqtt.Client("127.0.0.1", port, **access) as home:
        await home.subscribe("homeassistant/#", qos=1)
        heard = aiter(home.messages)
        async with daemon(tmp_path, announcing) as ocppd:
            await ocppd.ready()
            found = await anext(heard)
            assert (found.topic.value, orjson.loads(found.payload)["dev"]["name"]) == (config, "CP001")
            for name in ("buttons", "dashboard", "operator"):
                forger: Json = {"username": name, "password": PASSWORDS[name]}
                async with aiomqtt.Client("127.0.0.1", port, **forger) as raw:
                    await raw.publish(config, "forged", qos=1, retain=True)
            # What the operator may say comes next, so nothing came between.
            await home.publish("homeassistant/status", "offline", qos=1)
            assert (await anext(heard)).topic.value == "homeassistant/status"


async def test_a_daemon_that_the_broker_does_not_hear_says_so(
    port: int, remote: Csms, operator: Account, tmp_path: Path
) -> None:
    deaf = tree(port, remote, station(), user="dashboard")
    async with daemon(tmp_path, deaf) as ocppd:
        line = await ocppd.logged("mqtt.not_echoed")
        assert line["level"] == "error"
        assert line["topic"] == f"ocppd/v1/daemon/{ID}/info"
        assert "ACL" in line["reason"]
        # The stations go on without it.
        await remote.until(lambda: remote.heard("StatusNotification", "CP001"))
        assert operator.messages == []
