"""Commands over MQTT at a steady rate, and when their outcomes have come back."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiomqtt

from tests.load.bridge import NODELAY

_SETTLE_S = 0.5

Moments = dict[str, list[float]]


class Driver:
    """A client of the broker that notes, by station, when it has sent and when it has heard."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.sent: Moments = defaultdict(list)
        self.heard: Moments = defaultdict(list)
        self._client = client
        self._only = b""

    async def listen(self) -> None:
        """Note what comes, for ever."""
        async for message in self._client.messages:
            now = time.monotonic()
            if isinstance(message.payload, bytes) and self._only in message.payload:
                self.heard[message.topic.value].append(now)

    async def subscribe(self, topics: str, only: bytes = b"") -> None:
        """Hear these topics; of their messages only those with `only` in them count."""
        self._only = only
        await self._client.subscribe(topics, qos=1)

    async def drive(
        self,
        stations: Sequence[str],
        rate: float,
        count: int,
        command: Callable[[str, int], tuple[str, bytes]],
    ) -> None:
        """Send `count` commands, `rate` a second, to one station after the other."""
        started = time.monotonic()
        for number in range(count):
            name = stations[number % len(stations)]
            topic, payload = command(name, number // len(stations))
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            self.sent[name].append(time.monotonic())
            await self._client.publish(topic, payload, qos=1)
        await asyncio.sleep(_SETTLE_S)


@asynccontextmanager
async def driver(port: int) -> AsyncIterator[Driver]:
    """A driver while the block runs."""
    async with aiomqtt.Client("127.0.0.1", port, socket_options=NODELAY) as client:
        it = Driver(client)
        listener = asyncio.create_task(it.listen())
        try:
            yield it
        finally:
            listener.cancel()
            await asyncio.wait([listener])


def delays(sent: Moments, came: Moments) -> list[float]:
    """From each command to what it led to; the nth of a station belong together. None may be missing."""
    missing = [name for name, moments in sent.items() if len(came.get(name, ())) != len(moments)]
    if missing:
        raise RuntimeError(f"not every command of {missing[:5]} has led to exactly one message")
    return [
        after - before
        for name, moments in sent.items()
        for before, after in zip(moments, came[name], strict=True)
    ]
