"""What a client of the broker hears: in order, at once, and to the end of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import aiomqtt
import pytest

from ocppd.edge.mqtt.wire import Broker, Ear, Pace, Wire, content
from tests.edge.mqtt.edge import Mosquitto, until, wire


@dataclass
class Listener:
    """A client that talks to itself, and what it has heard."""

    ear: Ear
    client: aiomqtt.Client
    topic: str
    heard: list[bytes] = field(default_factory=list)

    def hear(self, message: aiomqtt.Message) -> None:
        if content(message) == b"bad":
            raise ZeroDivisionError
        self.heard.append(content(message))

    async def say(self, *words: str) -> None:
        for word in words:
            await self.client.publish(self.topic, word, qos=1)

    async def listen(self) -> None:
        await self.ear.listen(self.client, self.hear)


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[Listener]:
    ear, topic = Ear(), f"ear/{uuid4().hex}"
    async with Wire(Broker(port=port), Pace()).client(topic.replace("/", "-"), ear=ear) as client:
        await client.subscribe(topic, qos=1)
        yield Listener(ear, client, topic)


async def test_what_came_before_anybody_listened_is_heard_first(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port) as it, asyncio.TaskGroup() as group:
        await it.say("1", "2", "3")
        await until(lambda: it.ear.qsize() == 3)
        listens = group.create_task(it.listen())
        await until(lambda: bool(it.heard))
        await it.say("4", "5")
        await until(lambda: it.heard == [b"1", b"2", b"3", b"4", b"5"])
        listens.cancel()


async def test_who_does_not_listen_any_more_hears_nothing(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port) as it:
        listens = asyncio.create_task(it.listen())
        await asyncio.sleep(0)
        await it.say("1")
        await until(lambda: it.heard == [b"1"])
        listens.cancel()
        await asyncio.wait([listens])
        await it.say("2")
        await until(lambda: it.ear.qsize() == 1)
        assert it.heard == [b"1"]


async def test_a_message_that_cannot_be_heard_ends_the_listening(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto.port) as it:
        listens = asyncio.create_task(it.listen())
        await asyncio.sleep(0)
        await it.say("1", "bad", "2")
        with pytest.raises(ZeroDivisionError):
            await listens
        assert it.heard == [b"1"]


async def test_the_end_of_the_connection_ends_the_listening(mosquitto: Mosquitto) -> None:
    async with wire(mosquitto.port) as way, listening(way.port) as it:
        await it.say("1")
        await until(lambda: it.ear.qsize() == 1)
        way.cut()
        with pytest.raises(aiomqtt.MqttError):
            await it.listen()
        assert it.heard == [b"1"]
