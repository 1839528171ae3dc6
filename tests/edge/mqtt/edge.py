"""A daemon's MQTT edge in this process, a real broker beside it, and whoever watches and commands there."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from uuid import uuid4

import aiomqtt
import orjson
import pytest
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ocppd import daemon_commands
from ocppd.clock import RealClock
from ocppd.commands import Commands
from ocppd.core.description import StationDescription
from ocppd.core.on import Handlers
from ocppd.core.station import Station
from ocppd.edge.mqtt import Broker, Mqtt, Pace
from tests.edge.mqtt.desk import PATTERNS, Works, as_bytes, station

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE = 15.0
"""How long anything may take on a busy machine, in seconds."""
_TICK = 0.005
_HOST = "127.0.0.1"
_V5 = aiomqtt.ProtocolVersion.V5
QUICK = Pace(answer=2.0, again=0.05, echo=0.5, health=60.0, double=60.0)
"""For tests: a second here or there would only make them slow."""


async def until(question: Callable[[], T], timeout_s: float = PATIENCE) -> T:
    """What `question` answers as soon as that is something true; TimeoutError after `timeout_s`."""
    async with asyncio.timeout(timeout_s):
        while not (answer := question()):  # noqa: ASYNC110 - what is asked need not know of it
            await asyncio.sleep(_TICK)
    return answer


class Logged(list[Json]):
    """Lines of the log."""

    def note(self, _logger: object, _method: str, line: MutableMapping[str, Any]) -> Any:
        """A structlog processor."""
        if line["event"] == "station.bug":
            raise line["exc_info"]
        self.append(dict(line))
        raise structlog.DropEvent

    def of(self, event: str) -> list[Json]:
        """The lines of that event."""
        return [line for line in self if line["event"] == event]

    async def has(self, event: str, count: int = 1) -> Json:
        """Wait for so many lines of that event; returns the last one."""
        return (await until(lambda: self.of(event)[count - 1 :]))[-1]


# The broker


def free_port() -> int:
    with socket.create_server((_HOST, 0)) as server:
        return int(server.getsockname()[1])


class Mosquitto:
    """A Mosquitto without persistence on a port of its own; `lines` go into its configuration.

    Where they have a listener, it stands before them, and `allow_anonymous` is theirs.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        lines = lines or ("allow_anonymous true",)
        # By default messages are dropped where more than 1,000 wait for one subscriber.
        kept = "max_queued_messages 100000"
        ours = [f"listener {self.port} {_HOST}", "set_tcp_nodelay true", kept, "user root"]
        self._config.write_text("\n".join([*ours, *lines, ""]))

    def start(self) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._accepts():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline
            time.sleep(_TICK)

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((_HOST, self.port)):
            return True
        return False

    def stop(self) -> None:
        """End it as a power cut does: nothing is kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Uplink(NamedTuple):
    """Where a daemon connects to, and the protocol that it gets there."""

    port: int
    protocol: str


@asynccontextmanager
async def only_v311(port: int) -> AsyncIterator[int]:
    """A way to the broker on `port` that refuses MQTT 5, as brokers before it do."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connect = await reader.read(4096)
        level = connect[connect.index(b"\x00\x04MQTT") + 6]
        if level == 5:
            writer.write(b"\x20\x02\x00\x01")  # CONNACK: unacceptable protocol version
            writer.close()
            return
        await _pump(reader, writer, port, connect)

    async with _proxy(serve) as found:
        yield found


class Wire:
    """A way to a broker that can be cut."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """Reset what is connected, on both sides."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def serve(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await _pump(reader, writer, port, b"", self._writers)


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """A way to the broker on `port`."""
    it = Wire()
    async with _proxy(lambda reader, writer: it.serve(port, reader, writer)) as it.port:
        yield it


@asynccontextmanager
async def _proxy(serve: Callable[..., Any]) -> AsyncIterator[int]:
    server = await asyncio.start_server(serve, _HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    port: int,
    first: bytes,
    writers: list[asyncio.StreamWriter] | None = None,
) -> None:
    far_reader, far_writer = await asyncio.open_connection(_HOST, port)
    if writers is not None:
        writers += [writer, far_writer]
    far_writer.write(first)
    await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while found := await reader.read(65536):
            writer.write(found)
            await writer.drain()
    writer.close()


# The daemon


class Edge:
    """A daemon, as far as the broker sees it: real time, and stations on lines to a CSMS that obeys."""

    def __init__(
        self,
        port: int,
        *stations: StationDescription,
        base: str = "ocppd",
        daemon: str = "lab1",
        boot: str = "",
        pace: Pace = QUICK,
        **broker: Any,
    ) -> None:
        self.id = daemon
        self.commands = Commands(Handlers.collect([daemon_commands]))
        self.conflicts: dict[str, str] = {}
        self.boot = boot or uuid4().hex
        self.greeted = asyncio.Event()
        clock = RealClock()
        options: Json = {"response_topics": PATTERNS, "meter_interval": 0.2} | broker
        self.mqtt = Mqtt(
            clock, Broker(_HOST, port, base=base, **options), daemon=daemon, boot=self.boot, pace=pace
        )
        self.works = Works(clock, self.mqtt, lambda flush: asyncio.get_running_loop().call_soon(flush))
        self.fleet, self.csms = self.works.fleet, self.works.csms
        self.mqtt.serve(self.fleet, self)
        for it in stations or (station(),):
            self.works.add(it)

    def info(self) -> Json:
        return {"version": "0", "api": 1, "stations": len(self.fleet.stations), "started": "then"}

    def health(self) -> Json:
        self.greeted.set()  # it is asked for as soon as everything else is shown
        return {"uptime_s": 1}

    def conflict(self, station: str, owner: str) -> None:
        self.conflicts[station] = owner
        if station in self.fleet.stations:
            self.fleet.remove(station)

    def add(self, description: StationDescription) -> None:
        self.mqtt.added(self.works.add(description))

    def remove(self, name: str) -> None:
        gone: Station = self.fleet.stations[name]
        self.fleet.remove(name)
        self.mqtt.removed(gone)

    def plug(self, name: str = "CP001", on: bool = True) -> None:
        """Have something happen that is not asked for over MQTT."""
        self.fleet.stations[name].connector(1, 1).plugged = on
        self.fleet.tell(name, "warning", message="plugged" if on else "unplugged")

    def is_plugged(self, name: str = "CP001") -> bool:
        return self.fleet.stations[name].connector(1, 1).plugged

    async def live(self) -> None:
        """Have time pass for the stations."""
        while True:
            self.fleet.run_due()
            self.works.settle()
            await asyncio.sleep(_TICK)


@asynccontextmanager
async def running(edge: Edge, *, greeted: bool = True) -> AsyncIterator[Edge]:
    """Run it, from when it has `greeted` on; at the end it stops cleanly."""
    tasks = [asyncio.create_task(edge.live()), asyncio.create_task(edge.mqtt.run())]
    try:
        if greeted:
            await asyncio.wait_for(edge.greeted.wait(), PATIENCE)
        yield edge
        assert not any(task.done() for task in tasks), "it has died"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=PATIENCE)
        failed = [task for task in tasks if not task.cancelled()]
        assert not failed, failed


# Whoever watches and commands


class Heard(NamedTuple):
    topic: str
    payload: bytes
    retain: bool
    correlation: bytes | None


@dataclass
class Watcher:
    """A client that hears everything under the base topic, and what else it asks for. Topics are without
    the base."""

    client: aiomqtt.Client
    root: str
    heard: list[Heard] = field(default_factory=list)

    async def listen(self) -> None:
        async for message in self.client.messages:
            correlation = getattr(message.properties, "CorrelationData", None)
            topic = message.topic.value.removeprefix(self.root)
            payload = message.payload if isinstance(message.payload, bytes) else b""
            self.heard.append(Heard(topic, payload, bool(message.retain), correlation))

    def newest(self, topic: str) -> bytes | None:
        """The newest payload of a topic; None where there was none."""
        return next((it.payload for it in reversed(self.heard) if it.topic == topic), None)

    def json(self, topic: str) -> Json:
        """The newest payload of a topic; empty where there was none."""
        found: Json = orjson.loads(self.newest(topic) or b"{}")
        return found

    def all(self, topic: str) -> list[bytes]:
        return [it.payload for it in self.heard if it.topic == topic]

    def shown(self) -> dict[str, bytes]:
        """What is retained, and the newest of it."""
        return {it.topic: it.payload for it in self.heard if it.retain}

    async def shows(self, topic: str, payload: str) -> None:
        """Wait until the newest payload of a topic is that."""
        await until(lambda: self.newest(topic) == payload.encode())

    async def hears(self, topic: str, count: int = 1) -> list[Any]:
        """Wait for so many messages of a topic."""
        await until(lambda: len(self.all(topic)) >= count)
        return [orjson.loads(it) for it in self.all(topic)]

    async def events(self, name: str, station: str = "CP001") -> list[Json]:
        """Wait for an event of a station."""

        def found() -> list[Json]:
            events = map(orjson.loads, self.all(f"station/{station}/event"))
            return [event for event in events if event["event"] == name]

        return await until(found)

    async def publish(self, topic: str, payload: str | bytes | Json = b"", **how: Any) -> None:
        await self.client.publish(f"{self.root}{topic}", as_bytes(payload), qos=1, **how)

    async def do(self, topic: str, payload: str | bytes | Json = b"", **how: Any) -> Json:
        """The answer to a command."""
        response = topic.replace("/cmd/", "/response/")
        before = len(self.all(response))
        await self.publish(topic, payload, **how)
        answer: Json = (await self.hears(response, before + 1))[before]
        return answer


def asking(response_topic: str, correlation: bytes | None = None) -> Json:
    """The properties of an MQTT 5 request."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic = response_topic
    if correlation is not None:
        properties.CorrelationData = correlation
    return {"properties": properties}


@asynccontextmanager
async def watching(port: int, base: str = "ocppd", *more: str, qos: int = 1) -> AsyncIterator[Watcher]:
    """A watcher with MQTT 5; when the block begins, what is retained has come."""
    options = SubscribeOptions(qos=qos, retainAsPublished=True)
    filters = [(topic, options) for topic in (f"{base}/v1/#", *more)]
    async with _listening(port, base, filters, _V5) as it:
        marker = f"marker/{uuid4().hex}"
        await it.client.subscribe(marker, qos=1)
        await it.client.publish(marker, qos=1)
        await until(lambda: it.newest(marker) is not None)
        yield it


@asynccontextmanager
async def watching_v311(port: int, base: str = "ocppd") -> AsyncIterator[Watcher]:
    """A watcher for brokers that know no better."""
    async with _listening(port, base, [(f"{base}/v1/#", 1)], aiomqtt.ProtocolVersion.V311) as it:
        yield it


@asynccontextmanager
async def _listening(
    port: int, base: str, filters: list[tuple[str, Any]], protocol: aiomqtt.ProtocolVersion
) -> AsyncIterator[Watcher]:
    async with aiomqtt.Client(_HOST, port, protocol=protocol, timeout=PATIENCE) as client:
        it = Watcher(client, f"{base}/v1/")
        listener = asyncio.create_task(it.listen())
        await client.subscribe(filters)
        try:
            yield it
        finally:
            listener.cancel()
            await asyncio.wait([listener])


async def retained(port: int, base: str = "ocppd") -> dict[str, bytes]:
    """What a fresh subscriber with QoS 0 finds."""
    async with watching(port, base, qos=0) as watcher:
        return watcher.shown()
