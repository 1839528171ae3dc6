"""`ocppd asyncapi`: what it says is what a daemon does. The official parser reads it in foreign/."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import orjson
import pytest
import yaml
from paho.mqtt.subscribeoptions import SubscribeOptions

from ocppd import asyncapi, blocks
from ocppd.asyncapi import Channel
from ocppd.commands import Commands
from ocppd.core.errors import CommandError
from ocppd.core.event_shapes import EVENTS
from ocppd.core.views import PUBLIC_EVENTS
from ocppd.demo.csms import csms
from ocppd.edge.mqtt.topics import parse_command, parse_state, parse_target
from ocppd.payload import parse
from ocppd.settings import Settings, load
from tests.bench import Bench
from tests.daemon import ID, TOKEN, Json, daemon, environment, observer, settings, station
from tests.edge.mqtt.edge import Mosquitto
from tests.shapes import complaints

HERE = {"daemon": "lab1", "station": "CP%2B1", "evse": "1", "connector": "2", "group": "lab"}
CHANNELS = {it.name: it for it in asyncapi.channels()}


def filled(it: Channel) -> str:
    """The topic of a channel, with something for each parameter."""
    return it.address.format_map(HERE)


# Topics


def test_every_channel_is_a_topic_that_the_daemon_knows() -> None:
    for it in CHANNELS.values():
        kind, what, *rest = it.name.split(".")
        if what == "cmd":
            assert (parsed := parse_command("ocppd", filled(it))) is not None
            assert (parsed[0].kind, parsed[1]) == (kind, rest[0])
        elif what == "response":
            assert filled(it) == filled(CHANNELS[f"{kind}.cmd.{rest[0]}"]).replace("/cmd/", "/response/")
        else:
            assert (parsed := parse_state("ocppd", filled(it))) is not None
            assert (parsed[0].kind, parsed[1]) == (kind, "/".join([what, *rest]))


@pytest.mark.parametrize("kind", ["station", "evse", "connector"])
def test_a_command_has_a_channel_exactly_where_it_is_taken(bench: Bench, kind: str) -> None:
    place = {"station": (None, None), "evse": (1, None), "connector": (1, 1)}[kind]
    commands, taken = Commands(blocks.handlers()), set()
    for name in commands.by_name:
        try:
            commands.bind(name, parse(b"{}"), bench.state, *place)
            taken.add(name)
        except CommandError as error:
            if error.code != "not_allowed":
                taken.add(name)
    assert {name.split(".")[2] for name in CHANNELS if name.startswith(f"{kind}.cmd.")} == taken


def test_the_base_topic_and_the_broker_are_those_of_the_settings() -> None:
    tree = {
        "daemon": {"id": "lab7"},
        "mqtt": {"host": "broker.test", "port": 8883, "base_topic": "my/lab", "tls": {}},
    }
    found = asyncapi.document(Settings.model_validate(tree))
    assert found["servers"]["broker"]["host"] == "broker.test:8883"
    assert found["servers"]["broker"]["protocol"] == "secure-mqtt"
    assert (
        found["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]["topic"] == "my/lab/v1/daemon/lab7/state"
    )
    assert {it["address"].split("/v1/")[0] for it in found["channels"].values()} == {"my/lab"}


def test_no_secret_of_the_settings_is_in_it() -> None:
    tree = {"mqtt": {"username": "account-of-mine", "password": "open-sesame", "port": 8883}}
    found = asyncapi.render(asyncapi.document(Settings.model_validate(tree)))
    assert "sesame" not in found
    assert "account-of-mine" not in found
    assert "userPassword" in found


# Text


def test_it_is_the_same_text_each_time_and_the_same_in_json(tmp_path: Path) -> None:
    config = tmp_path / "ocppd.yaml"
    config.write_text("daemon: {id: lab1}\n")

    def printed(*options: str, seed: str) -> str:
        command = [sys.executable, "-m", "ocppd", "asyncapi", "--config", str(config), *options]
        env = environment() | {"PYTHONHASHSEED": seed}
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    first = printed(seed="1")
    assert first == asyncapi.render(asyncapi.document(load([config]))) + "\n"
    assert yaml.safe_load(first) == orjson.loads(printed("--format", "json", seed="2"))
    assert yaml.safe_load(first)["asyncapi"] == "3.0.0"


# Payloads


@pytest.mark.parametrize(
    ("command", "fits", "does_not"),
    [
        (
            "plug-in",
            [{}, {"on": True}, {"on": "TOGGLE", "ev": {"soc": 20}}],
            [{"on": 3}, {"ev": {"soc": 101}}],
        ),
        ("authorize", [{"id_token": TOKEN, "request_id": "a", "wait": False}], [{"id_token": 3}]),
        ("limit", [{"watts": 11000, "for_s": 60}, {"amps": 6.5}, {"watts": "OFF"}], [{"watts": -1}]),
        ("call", [{"action": "Heartbeat", "payload": {}}], [{}, {"action": 1}]),
        ("fault", [{"code": "GroundFault", "for_s": 1}], [{}, {"code": "GroundFault", "severity": 10}]),
        ("operative", [{"on": "OFF", "evse": 1}, {"on": False, "spread_s": 5}], [{"evse": 0}]),
    ],
)
def test_the_json_of_a_command_fits_where_the_command_takes_it(
    bench: Bench, command: str, fits: list[Json], does_not: list[Json]
) -> None:
    schema = {"$ref": f"#/components/schemas/{command}.arguments"}
    for content in fits:
        assert complaints(schema, content) == []
        assert Commands(blocks.handlers()).bind(command, parse(orjson.dumps(content)), bench.state)
    for content in does_not:
        assert complaints(schema, content) != []
        with pytest.raises(CommandError):
            Commands(blocks.handlers()).bind(command, parse(orjson.dumps(content)), bench.state)


def test_what_is_described_otherwise_would_be_noticed() -> None:
    event = {"event": "power", "station": "CP001", "cause": "", "request_id": None, "seq": 1, "boot": "b"}
    event |= {"on": True, "ts": "2025-01-01T10:00:00.000Z"}
    schema = {"$ref": "#/components/schemas/Power"}
    assert complaints(schema, event) == []
    assert complaints(schema, event | {"new": 1}) != []
    assert complaints(schema, {key: value for key, value in event.items() if key != "on"}) != []


def test_every_key_is_explained_or_speaks_for_itself() -> None:
    found = asyncapi.schemas()
    assert found["Meter"]["properties"]["power_w"]["description"].startswith("Active power, in W")
    assert found["EvseState"]["properties"]["limit_w"]["description"].endswith("null: nothing limits it.")
    assert set(found["StationState"]["required"]) == set(found["StationState"]["properties"])
    assert {it.__name__ for it in EVENTS.values()} <= set(found)


# A daemon at work


class Passing(list[aiomqtt.Message]):
    """Every message that passes the broker, with what it was sent with."""

    async def listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self.append(message)


@asynccontextmanager
async def passing(port: int) -> AsyncIterator[Passing]:
    found = Passing()
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe("ocppd/#", options=SubscribeOptions(qos=1, retainAsPublished=True))
        listening = asyncio.create_task(found.listen(client))
        yield found
        listening.cancel()


def channel_of(topic: str) -> Channel | None:
    def matches(it: Channel) -> bool:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(it.address))
        return re.fullmatch(pattern, topic) is not None

    return next(filter(matches, CHANNELS.values()), None)


def wrong(message: aiomqtt.Message) -> list[str]:
    """What the document says otherwise of a message."""
    topic, payload = message.topic.value, bytes(message.payload)  # type: ignore[arg-type]
    it = channel_of(topic)
    if it is None:
        return [f"{topic}: there is no such channel"]
    if it.retained and not payload:
        return []  # cleared
    described = asyncapi.messages()
    if it.action == "receive":
        kind = it.messages[0] if payload.startswith(b"{") else it.messages[-1]
    else:
        kind = it.messages[0]
        if (message.qos, bool(message.retain)) != (it.qos, it.retained):
            return [f"{topic}: qos {message.qos}, retain {message.retain}"]
    schema = described[kind]
    content = orjson.loads(payload) if schema["contentType"] == "application/json" else payload.decode()
    return [f"{topic}: {text}" for text in complaints(schema["payload"], content)]


async def test_every_message_that_passes_in_a_session_has_its_channel_and_fits(tmp_path: Path) -> None:
    one = station(groups=["lab"], variables={"SampledDataCtrlr.TxUpdatedInterval": 1})
    with Mosquitto(tmp_path) as broker:
        async with (
            csms() as remote,
            passing(broker.port) as seen,
            observer(broker.port) as eye,
            daemon(tmp_path, settings(broker.port, remote.url, one, mqtt={"meter_interval": 1})) as it,
        ):
            await it.ready()
            await eye.shows("station/CP001/state", csms__registration="Accepted")
            await eye.succeed(f"daemon/{ID}", "trace", on=True)
            await eye.succeed("CP001/1/1", "plug-in", on="ON", ev={"soc": 20})
            await eye.client.send(parse_target("CP001/1"), "authorize", TOKEN)
            await eye.until(lambda: eye.happened("tx_updated"))
            await eye.shows("station/CP001/evse/1/state", tx__state="Charging")
            await eye.succeed("CP001/1", "limit", watts=4000)
            await eye.succeed("CP001", "chaos", latency_ms=1)
            await eye.succeed("CP001/1/1", "fault", code="GroundFault", for_s=3600)
            await eye.succeed("CP001", "get")
            assert not (await eye.do("CP001/9/1", "unplug"))["ok"]
            assert (await eye.do("all", "clear-fault"))["matched"] == 1
            assert (await eye.do("group/lab", "unplug"))["matched"] == 1
            await eye.until(lambda: eye.happened("tx_ended"))
            await eye.succeed(f"daemon/{ID}", "add-station", id="CP002")
            await eye.succeed(f"daemon/{ID}", "remove-station", id="CP002")
            await it.stop()
            await eye.until(lambda: eye.text(f"daemon/{ID}/state") == "offline")
        assert [text for message in seen for text in wrong(message)] == []
        met = {found.name for message in seen if (found := channel_of(message.topic.value))}
        shown = {name for name in CHANNELS if ".cmd." not in name and ".response." not in name}
        assert shown <= met


def test_each_event_that_leaves_has_its_shape_and_no_other_has_one() -> None:
    assert set(EVENTS) == PUBLIC_EVENTS
