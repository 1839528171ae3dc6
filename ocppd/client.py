"""The other side of the MQTT API: who sends commands and listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiomqtt
import orjson

from ocppd.edge.mqtt.topics import Scope, command_name, command_topic, response_topic
from ocppd.edge.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocppd.settings import Settings


class Client:
    """A connection to the broker of a running daemon; see `connect`."""

    def __init__(self, mqtt: aiomqtt.Client, base: str) -> None:
        self._mqtt = mqtt
        self._base = base
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def send(
        self, scope: Scope, command: str, argument: str | dict[str, Any] = "", *, timeout_s: float = 35.0
    ) -> dict[str, Any]:
        """The answer to a command, as the MQTT API has it. `argument` is bare text or a JSON object.

        Raises:
            TimeoutError: nobody has answered; no daemon, or none that has this station.
        """
        name = command_name(command)
        topic = response_topic(self._base, scope, name)
        await self._mqtt.subscribe(topic, qos=1)
        future = self._waiting[topic] = asyncio.get_running_loop().create_future()
        payload = orjson.dumps(argument) if isinstance(argument, dict) else argument.encode()
        await self._mqtt.publish(command_topic(self._base, scope, name), payload, qos=1)
        async with asyncio.timeout(timeout_s):
            answer: dict[str, Any] = await future
        return answer

    async def listen(self, heard: Callable[[str, bytes], None]) -> None:
        """Hand every message to `heard`, and answers to whoever waits for them; until the connection goes."""
        async for message in self._mqtt.messages:
            topic = message.topic.value
            payload = message.payload if isinstance(message.payload, bytes) else b""
            future = self._waiting.pop(topic, None)
            if future is not None and not future.done():
                future.set_result(orjson.loads(payload))
            heard(topic, payload)

    async def watch(self) -> None:
        """Have everything under the base topic handed to `listen`."""
        await self._mqtt.subscribe(f"{self._base}/v1/#", qos=1)


@asynccontextmanager
async def connect(
    host: str,
    port: int,
    *,
    base: str = "ocppd",
    heard: Callable[[str, bytes], None] = lambda _topic, _payload: None,
    **options: Any,
) -> AsyncIterator[Client]:
    """A client while the block runs; `options` go to aiomqtt, `heard` gets what `watch` has asked for.

    Raises:
        aiomqtt.MqttError: the broker cannot be reached.
    """
    async with aiomqtt.Client(host, port, identifier=f"ocppd-client-{uuid4().hex[:8]}", **options) as mqtt:
        client = Client(mqtt, base)
        listener = asyncio.create_task(client.listen(heard), name="client-listen")
        try:
            yield client
        finally:
            listener.cancel()
            await asyncio.wait([listener])


async def send_once(
    settings: Settings, scope: Scope, command: str, argument: str, timeout_s: float
) -> dict[str, Any] | None:
    """The answer to one command, over the broker of the settings; None where nobody has answered."""
    mqtt = settings.mqtt
    tls = tls_context(mqtt.tls.describe()) if mqtt.tls is not None else None
    access: dict[str, Any] = {"username": mqtt.username, "password": mqtt.secret(), "tls_context": tls}
    try:
        async with connect(mqtt.host, mqtt.port, base=mqtt.base_topic, **access) as client:
            return await client.send(scope, command, argument, timeout_s=timeout_s)
    except (TimeoutError, aiomqtt.MqttError, OSError):
        return None
