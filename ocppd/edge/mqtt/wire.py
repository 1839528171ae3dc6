"""How to speak to the broker: the version of MQTT that it understands, and what differs with it."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.refusals import unheard

if TYPE_CHECKING:
    import ssl

    from ocppd.edge.mqtt.outgoing import Message

log = structlog.get_logger()
# What the library logs as an error it also raises; that is told once, as `mqtt.down` or `mqtt.disconnected`.
_library = logging.getLogger("ocppd.aiomqtt")
_library.setLevel(logging.CRITICAL)

# Messages that are on their way at once; brokers take 20 without asking (receive maximum).
WINDOW = 20
# Topic filters in one SUBSCRIBE; brokers bound the size of a packet.
_FILTERS = 100
_UNSUPPORTED_VERSION = (1, 132)  # refused with 3.1.1's code, or with MQTT 5's
_TIMED_OUT = "timed out"  # aiomqtt has no type for it


@dataclass(frozen=True, slots=True)
class Discovery:
    """Home Assistant's: what its topics begin with. Unless `enabled`, what we have left there is cleared."""

    prefix: str = "homeassistant"
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Broker:
    """Which broker, and how to use it: the `mqtt` settings."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    base: str = "ocppd"
    meter_interval: float = 5.0
    response_topics: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    discovery: Discovery | None = None

    @property
    def where(self) -> str:
        """For people."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds.

    `answer` of the broker, `hello` of one that may say nothing to MQTT 5, `again` until we come back when
    it has gone, `echo` of our own word, `health` between two reports, `double` until we look whether the
    other daemon of our name is still there, `welcome` the most until Home Assistant, which has started, is
    told of our stations again.
    """

    answer: float = 10.0
    hello: float = 2.0
    again: float = 1.0
    echo: float = 5.0
    health: float = 60.0
    double: float = 60.0
    welcome: float = 10.0


class Ear(asyncio.Queue[aiomqtt.Message]):
    """What the broker has delivered; while somebody listens, handed over in the very call that brings it.

    To iterate over a client's messages takes a task and three turns of the loop for each.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hear: Callable[[aiomqtt.Message], None] | None = None
        self._failure: Exception | None = None

    async def listen(self, client: aiomqtt.Client, hear: Callable[[aiomqtt.Message], None]) -> None:
        """Give `hear` every message of the client, whose ear this is; at its end raise MqttError.

        What `hear` raises comes out here, too.
        """
        while not self.empty():
            hear(self.get_nowait())
        self._hear = hear
        try:
            async for _ in client.messages:  # none comes here any more, but for one that could not be heard
                if self._failure is not None:
                    raise self._failure
        finally:
            self._hear = None

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Take a message."""
        if self._hear is None:
            super().put_nowait(item)
            return
        try:
            self._hear(item)
        except Exception as error:  # noqa: BLE001 - it belongs to who listens, and not to the library
            self._hear, self._failure = None, error
            super().put_nowait(item)


class Wire:
    """MQTT 5 to one broker, or 3.1.1 where it turns out to understand no other."""

    def __init__(self, broker: Broker, pace: Pace) -> None:
        self._broker = broker
        self._pace = pace
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._settled = False  # whether it is known which version the broker understands

    @property
    def protocol(self) -> str:
        """The version in use: `V5` or `V311`."""
        return self._protocol.name

    @property
    def _speaks_5(self) -> bool:
        return self._protocol is aiomqtt.ProtocolVersion.V5

    def client(
        self, identifier: str, will: aiomqtt.Will | None = None, ear: Ear | None = None
    ) -> aiomqtt.Client:
        """A client that is not connected yet; what it receives goes to the `ear`."""
        client = aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            tls_context=self._broker.tls,
            identifier=identifier,
            protocol=self._protocol,
            clean_session=None if self._speaks_5 else True,
            will=will,
            # Nagle's algorithm and delayed acknowledgements together cost 40 ms a message.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            timeout=self._pace.hello if self._speaks_5 and not self._settled else self._pace.answer,
            keepalive=30,
            queue_type=None if ear is None else cast("type[asyncio.Queue[aiomqtt.Message]]", lambda **_: ear),
            logger=_library,
        )
        client.pending_calls_threshold = 2 * WINDOW  # that many are on their way is nothing to warn of
        return client

    def settle(self, client: aiomqtt.Client) -> None:
        """The client is connected: the version is right."""
        client.timeout, self._settled = self._pace.answer, True

    async def unheard(self, error: BaseException) -> ssl.SSLError | None:
        """What the broker has said against our certificate, where `error` is only that it took too long."""
        return await unheard(self._broker, self._pace.hello) if _TIMED_OUT in str(error) else None

    def falls_back(self, error: BaseException) -> bool:
        """Whether to come again at once with 3.1.1: MQTT 5 was refused, or ignored and has never worked."""
        code = getattr(error, "rc", None)
        refused = getattr(code, "value", code) in _UNSUPPORTED_VERSION
        ignored = _TIMED_OUT in str(error) and not self._settled
        if self._speaks_5 and (refused or ignored):
            log.info("mqtt.fallback", broker=self._broker.where, protocol="V311")
            self._protocol = aiomqtt.ProtocolVersion.V311
            self._settled = refused
            return True
        if not self._settled:
            self._protocol = aiomqtt.ProtocolVersion.V5
        return False

    async def take_commands(self, client: aiomqtt.Client, topics: Iterable[str]) -> None:
        """Subscribe, but not to our own messages, nor to retained ones, which are told as such if they come.

        MQTT 5 alone can say so.
        """
        how: Any = 1
        if self._speaks_5:
            how = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
        filters = list(dict.fromkeys(topics))
        for start in range(0, len(filters), _FILTERS):
            await client.subscribe([(topic, how) for topic in filters[start : start + _FILTERS]])

    async def retained(
        self, client: aiomqtt.Client, topics: Iterable[str], fence: str
    ) -> list[tuple[str, bytes]]:
        """Subscribe, and return what is retained there; `fence` is a topic of no interest."""
        how: Any = SubscribeOptions(qos=1, retainAsPublished=True) if self._speaks_5 else 1
        await client.subscribe([(topic, how) for topic in topics])
        # Brokers serve in order: when this is acknowledged, what was retained has come as well.
        await client.subscribe(fence, qos=0)
        found = [await anext(aiter(client.messages)) for _ in range(len(client.messages))]
        await client.unsubscribe(fence)
        return [(it.topic.value, content(it)) for it in found]

    async def publish(self, client: aiomqtt.Client, it: Message) -> None:
        """Return when the broker has acknowledged it; the caller bounds the time."""
        properties = None
        if it.correlation is not None and self._speaks_5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no hints
            properties.CorrelationData = it.correlation
        # A time limit for each message would be a task more for each.
        await client.publish(it.topic, it.payload, it.qos, it.retain, properties, timeout=math.inf)


def content(found: aiomqtt.Message) -> bytes:
    """The payload."""
    return found.payload if isinstance(found.payload, bytes) else b""
