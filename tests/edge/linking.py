"""A running link, what it hears, and servers for it: websockets' own, and raw TCP."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request

from ocppd.core.endpoint import Backoff, Endpoint
from ocppd.edge.link import Link

PATIENCE = 5.0  # seconds until a test gives up waiting for what must happen
SILENCE = 0.1  # seconds in which nothing must happen
CONNECTED = ("connected", "ocpp2.0.1")
BACKOFF = Backoff(minimum=1.0, random_range=10.0, repeats=2)
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


class Ear:
    """A listener that notes what it hears, in order."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.at = endpoint
        self.asked = 0
        self.kinds: list[str] = []  # of the failed attempts
        self.heard: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    def endpoint(self, station: str) -> Endpoint:
        assert station == "CP001"
        self.asked += 1
        return self.at

    def connected(self, station: str, protocol: str) -> None:
        self.heard.put_nowait(("connected", protocol))

    def received(self, station: str, text: str) -> None:
        self.heard.put_nowait(("received", text))

    def disconnected(
        self, station: str, reason: str, failures: int, retry_in: float | None, kind: str
    ) -> None:
        self.kinds += [kind] if failures else []
        self.heard.put_nowait(("disconnected", reason, failures, retry_in))

    async def hears(self) -> tuple[Any, ...]:
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()


class StillClock:
    """A clock that stands: a sleep ends when the test says `wake`."""

    def __init__(self) -> None:
        self._wakes = asyncio.Semaphore(0)

    def time(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await self._wakes.acquire()

    def wake(self) -> None:
        self._wakes.release()


class Bench:
    """A running link with its ear and its clock."""

    def __init__(self, endpoint: Endpoint, handshakes: asyncio.Semaphore | None = None, **more: Any) -> None:
        self.ear = Ear(endpoint)
        self.clock = StillClock()
        gate = handshakes or asyncio.Semaphore(10)
        self.link = Link("CP001", self.ear, self.clock, gate, lambda: 0.5, **more)
        self.task = asyncio.create_task(self.link.run(), name="link[CP001]")

    async def hears(self) -> tuple[Any, ...]:
        return await self.ear.hears()

    async def stop(self) -> None:
        self.task.cancel()
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([self.task])
        if not self.task.cancelled():
            self.task.result()


@contextlib.asynccontextmanager
async def linking(endpoint: Endpoint, **more: Any) -> AsyncIterator[Bench]:
    """A link that wants to be connected; stopped in the end."""
    bench = Bench(endpoint, **more)
    bench.link.want(True)
    try:
        yield bench
    finally:
        await bench.stop()


class Csms:
    """websockets' own server, which hands its connections to the test."""

    def __init__(self, server: Server, accepted: asyncio.Queue[ServerConnection]) -> None:
        self._accepted = accepted
        self.server = server
        self.port: int = next(iter(server.sockets)).getsockname()[1]

    async def accepts(self) -> ServerConnection:
        async with asyncio.timeout(PATIENCE):
            return await self._accepted.get()


@contextlib.asynccontextmanager
async def csms(port: int = 0, **more: Any) -> AsyncIterator[Csms]:
    """A CSMS that speaks OCPP 2.0.1, as far as the handshake goes."""
    accepted: asyncio.Queue[ServerConnection] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        accepted.put_nowait(connection)
        await connection.wait_closed()

    options: dict[str, Any] = {"subprotocols": ["ocpp2.0.1"], "ping_interval": None, "close_timeout": 0.2}
    async with serve(handler, "127.0.0.1", port, **options | more) as server:
        yield Csms(server, accepted)


class Wire:
    """One accepted TCP connection, seen from the CSMS byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def request(self) -> dict[str, str]:
        async with asyncio.timeout(PATIENCE):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        return dict(line.split(": ", 1) for line in lines[1:] if line)

    async def upgrade(self, protocol: str = "ocpp2.0.1", then: bytes = b"") -> None:
        key = (await self.request())["Sec-WebSocket-Key"]
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324
        answer = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}",
            f"Sec-WebSocket-Protocol: {protocol}",
        ]
        self.writer.write(("\r\n".join(answer) + "\r\n\r\n").encode() + then)

    def write(self, kind: int, payload: bytes = b"") -> None:
        assert len(payload) < 126
        self.writer.write(bytes([kind, len(payload)]) + payload)

    async def frame(self) -> tuple[int, bytes]:
        async with asyncio.timeout(PATIENCE):
            kind, length = await self.reader.readexactly(2)
            mask = await self.reader.readexactly(4)
            masked = await self.reader.readexactly(length & 0x7F)
        return kind, bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))

    def pause_reading(self) -> None:
        cast("asyncio.Transport", self.writer.transport).pause_reading()

    async def is_silent(self) -> bool:
        """True if nothing comes for a while: neither data nor an end."""
        try:
            async with asyncio.timeout(SILENCE):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    async def end(self) -> str:
        """What ends the connection: `FIN` or `RST`; data before it is skipped."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self.reader.read()
        except ConnectionResetError:
            return "RST"
        return "FIN"


class RawCsms:
    """A TCP server, which hands its connections to the test."""

    def __init__(self) -> None:
        self.port = 0
        self._accepted: asyncio.Queue[Wire] = asyncio.Queue()
        self._wires: list[Wire] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._wires.append(Wire(reader, writer))
        self._accepted.put_nowait(self._wires[-1])

    async def accepts(self) -> Wire:
        async with asyncio.timeout(PATIENCE):
            return await self._accepted.get()

    async def hang_up(self) -> None:
        for wire in self._wires:
            wire.writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await wire.writer.wait_closed()


@contextlib.asynccontextmanager
async def raw_csms() -> AsyncIterator[RawCsms]:
    raw = RawCsms()
    async with await asyncio.start_server(raw.accept, "127.0.0.1", 0) as server:
        raw.port = server.sockets[0].getsockname()[1]
        yield raw
        await raw.hang_up()


async def turns(number: int) -> None:
    """Let the event loop turn so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[tuple[RawCsms, Wire, Bench]]:
    """A raw CSMS, its end of an established connection, and the link at the other end."""
    async with raw_csms() as server, linking(endpoint_of(server.port)) as bench:
        wire = await server.accepts()
        await wire.upgrade()
        assert await bench.hears() == CONNECTED
        yield server, wire, bench
        await server.hang_up()  # before the link waits for an answer to its close frame


def endpoint_of(port: int, scheme: str = "ws", host: str = "127.0.0.1", **more: Any) -> Endpoint:
    url = f"{scheme}://{host}:{port}/ocpp/CP001"
    endpoint = Endpoint(url=url, identity="CP001", protocols=("ocpp2.0.1",), backoff=BACKOFF)
    return replace(endpoint, **more)


def request_of(connection: ServerConnection) -> Request:
    assert connection.request is not None
    return connection.request
