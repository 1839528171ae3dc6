"""The client: it takes its own answer and no other, and does not wait for a broker that has gone."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ocppd.client import Client, NoBrokerError, connect, send_once
from ocppd.core.errors import CommandError
from ocppd.demo.broker import broker
from ocppd.demo.csms import csms
from ocppd.edge.mqtt.topics import Scope
from ocppd.reference import command_reference
from ocppd.settings import Settings
from tests.daemon import TOKEN, daemon, settings
from tests.daemon import station as entry

EVSE = Scope("evse", "CP001", 1)
COMMAND = "ocppd/v1/station/CP001/evse/1/cmd/authorize"
ANSWER = "ocppd/v1/station/CP001/evse/1/response/authorize"
V311, V5 = aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5
Json = dict[str, Any]


def marked(correlation: bytes | None) -> Properties | None:
    if correlation is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no hints
    properties.CorrelationData = correlation
    return properties


@asynccontextmanager
async def desk(
    port: int, protocol: aiomqtt.ProtocolVersion, others: list[tuple[Json, bytes | None]]
) -> AsyncIterator[list[bytes]]:
    """Answers what is asked of the EVSE, but answers to others first; yields the payloads that came."""
    heard: list[bytes] = []

    async def answer(mqtt: aiomqtt.Client) -> None:
        async for message in mqtt.messages:
            assert isinstance(message.payload, bytes)
            heard.append(message.payload)
            own = orjson.loads(message.payload) if message.payload.startswith(b"{") else {}
            await mqtt.publish(ANSWER, b"no JSON", qos=1)
            for content, correlation in others:
                await mqtt.publish(ANSWER, orjson.dumps(content), qos=1, properties=marked(correlation))
            content = {"request_id": own.get("request_id"), "mine": True}
            correlation = getattr(message.properties, "CorrelationData", None)
            await mqtt.publish(ANSWER, orjson.dumps(content), qos=1, properties=marked(correlation))

    async with aiomqtt.Client("127.0.0.1", port, protocol=protocol) as mqtt:
        await mqtt.subscribe(COMMAND, qos=1)
        task = asyncio.create_task(answer(mqtt))
        yield heard
        task.cancel()
        await asyncio.wait([task])


STRANGERS: list[tuple[Json, bytes | None]] = [({"request_id": "theirs"}, None)]


@pytest.mark.parametrize("protocol", [V311, V5])
@pytest.mark.parametrize(
    "argument", [{"id_token": "A"}, {"request_id": None}, '{"id_token": "A"}', "", "PRESS", "04A2B3C4"]
)
async def test_the_answer_to_somebody_else_is_not_taken(
    protocol: aiomqtt.ProtocolVersion, argument: str | Json
) -> None:
    async with (
        broker(prefer="mosquitto") as port,
        desk(port, protocol, STRANGERS),
        connect("127.0.0.1", port, protocol=protocol) as client,
    ):
        assert (await client.send(EVSE, "authorize", argument, timeout_s=5)).get("mine")


async def test_with_mqtt_5_bare_text_is_told_from_bare_text_of_others() -> None:
    others: list[tuple[Json, bytes | None]] = [({"request_id": None}, None), ({"request_id": None}, b"7")]
    async with (
        broker(prefer="mosquitto") as port,
        desk(port, V5, others) as heard,
        connect("127.0.0.1", port, protocol=V5) as client,
    ):
        assert (await client.send(EVSE, "authorize", "04A2B3C4", timeout_s=5)).get("mine")
        assert heard == [b"04A2B3C4"]


async def test_a_request_id_of_ones_own_is_kept_and_several_may_ask_at_once() -> None:
    async with (
        broker() as port,
        desk(port, V311, STRANGERS),
        connect("127.0.0.1", port, protocol=V311) as client,
    ):
        asked = [client.send(EVSE, "authorize", {"request_id": name}, timeout_s=5) for name in "ab"]
        assert [it["request_id"] for it in await asyncio.gather(*asked)] == ["a", "b"]


async def test_nobody_answers() -> None:
    async with broker() as port, connect("127.0.0.1", port) as client:
        with pytest.raises(TimeoutError):
            await client.send(EVSE, "authorize", "A", timeout_s=0.1)


async def test_a_broker_that_goes_ends_the_waiting_at_once() -> None:
    async with AsyncExitStack() as stack:
        async with AsyncExitStack() as running:
            port = await running.enter_async_context(broker())
            client = await stack.enter_async_context(leaving("127.0.0.1", port))
            sending = asyncio.create_task(client.send(EVSE, "authorize", "A", timeout_s=60))
            await asyncio.sleep(0.3)
        async with asyncio.timeout(10):
            with pytest.raises(aiomqtt.MqttError):
                await sending


@asynccontextmanager
async def leaving(host: str, port: int) -> AsyncIterator[Client]:
    """A client that cannot take leave of its broker, and need not."""
    with suppress(aiomqtt.MqttError):
        async with connect(host, port) as client:
            yield client


# Stations


async def test_a_station_is_driven_and_watched(tmp_path: Path) -> None:
    async with broker() as port, csms() as running:
        tree = settings(port, running.url, entry("CP001"))
        async with daemon(tmp_path, tree) as process, connect("127.0.0.1", port) as client:
            await process.ready()
            station = await client.station("CP001")
            await station.until(lambda state: state["csms"]["registration"] == "Accepted")
            await station.do("plug-in", ev={"soc": 20})
            accepted = await station.do("authorize", id_token=TOKEN)
            assert accepted["id_token_status"] == "Accepted"
            await station.expect_event("connector_status", after={"status": "Occupied"})
            started = await station.expect_event("tx_started")
            updated = await station.expect_event("tx_updated", state="Charging")
            assert started["transaction_id"] == updated["transaction_id"]
            await station.do("authorize", id_token=TOKEN)
            await station.do("unplug")
            ended = await station.expect_event("tx_ended", within_s=5)
            assert ended["transaction_id"] == started["transaction_id"]
            with pytest.raises(TimeoutError):
                await station.expect_event("tx_started", within_s=0.1)
            with pytest.raises(TimeoutError):
                await station.until(lambda state: state["power"] is False, within_s=0.1)
            with pytest.raises(CommandError, match="component") as error:
                await station.do("get-variable", variable="X")
            assert error.value.code == "missing_argument"


async def test_whoever_watches_a_station_hears_that_the_broker_has_gone() -> None:
    async with AsyncExitStack() as stack:
        async with AsyncExitStack() as running:
            port = await running.enter_async_context(broker())
            client = await stack.enter_async_context(leaving("127.0.0.1", port))
            station = await client.station("CP001")
            waiting = asyncio.create_task(station.expect_event("boot", within_s=60))
            await asyncio.sleep(0.3)
        async with asyncio.timeout(10):
            with pytest.raises(aiomqtt.MqttError):
                await waiting


async def test_what_others_say_on_the_topics_of_a_station_harms_nobody() -> None:
    async with broker() as port, connect("127.0.0.1", port) as client:
        station = await client.station("CP001")
        async with aiomqtt.Client("127.0.0.1", port) as other:
            for topic in ("event", "state"):
                for content in (b"", b"no JSON", b"[1]", b'"text"', b"{}"):
                    await other.publish(f"ocppd/v1/station/CP001/{topic}", content, qos=1)
            await other.publish("ocppd/v1/station/CP002/event", b'{"event":"boot"}', qos=1)
            await other.publish("ocppd/v1/station/CP001/event", b'{"event":"boot","n":1}', qos=1)
        assert await station.expect_event("boot", within_s=5) == {"event": "boot", "n": 1}
        assert station.state == {}


@pytest.mark.parametrize(
    ("connack", "reason"),
    [(b"\x20\x03\x00\x87\x00", "Not authorized"), (b"\x20\x03\x00\x86\x00", "Bad user name or password")],
)
async def test_a_broker_that_refuses_us_says_why(connack: bytes, reason: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(connack)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings.model_validate({"mqtt": {"port": port}})
        with pytest.raises(NoBrokerError) as error:
            await send_once(settings, EVSE, "authorize", "A", 5)
    assert str(error.value) == f"broker 127.0.0.1:{port}: {reason}"


@pytest.mark.skipif(not importlib.util.find_spec("amqtt"), reason="no amqtt")
async def test_a_broker_without_mqtt_5_serves_too() -> None:
    async with broker(prefer="amqtt") as port, desk(port, V311, STRANGERS):
        settings = Settings.model_validate({"mqtt": {"port": port}})
        answer = await send_once(settings, EVSE, "authorize", "A", 5)
        assert answer is not None
        assert answer["mine"]


def test_the_types_of_arguments_are_plain_words() -> None:
    text = command_reference()
    for line in (
        "plug-in [on: ON/OFF/TOGGLE = ON] [ev: object]",
        "suspend [by: one of ev evse = ev]",
        "meter-values [evse_id: whole number] [meter_value: list]",
        "get [fields: list]",
        "limit [watts: number or OFF] [amps: number] [source: one of EMS SO Other] [for_s: number]",
    ):
        assert f"{line}\n" in text
    assert not [word for word in ("Literal", "Union", "dict", "str]", "bool") if word in text]
