"""The broker: connect, subscribe, show everything, then publish and listen until it goes; again and again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from ocppd import __version__
from ocppd.core import views
from ocppd.core.times import format_time
from ocppd.edge.mqtt.inbox import Inbox, Incoming
from ocppd.edge.mqtt.mirror import Mirror
from ocppd.edge.mqtt.outgoing import Message, Outgoing, message
from ocppd.edge.mqtt.topics import Scope, state_topic

if TYPE_CHECKING:
    import ssl

    from ocppd.clock import Clock
    from ocppd.core.station import Answer, Event, Station
    from ocppd.fleet import Fleet

log = structlog.get_logger()

# Messages that are published together; aiomqtt looks through all that are under way for each one.
_BATCH = 20
# Topic filters in one SUBSCRIBE; brokers bound the size of a packet.
_FILTERS = 100
_UNSUPPORTED_VERSION = (1, 132)  # refused with 3.1.1's code, or with MQTT 5's


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


class Mqtt:
    """The daemon's side of one broker; the `Mirror` of the fleet. `boot` names this run of `daemon`."""

    def __init__(self, clock: Clock, broker: Broker, *, daemon: str, boot: str) -> None:
        self._clock = clock
        self._broker = broker
        self._daemon = daemon
        self._boot = boot
        self._started = clock.time()
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._outgoing = Outgoing()
        self._mirror = Mirror(broker.base, daemon, boot, broker.meter_interval)
        self._dirty: dict[str, Station] = {}
        self._fleet: Fleet
        self._inbox: Inbox

    def serve(self, fleet: Fleet) -> None:
        """Take commands for `fleet`."""
        self._fleet = fleet
        broker = self._broker
        self._inbox = Inbox(
            fleet, self._clock, self._outgoing.put, broker.base, self._daemon, broker.response_topics
        )

    def refuse_commands(self) -> None:
        """Answer `not_allowed` from now on: the daemon stops."""
        self._inbox.closed = True

    # The fleet's mirror

    def changed(self, station: Station) -> None:
        """Show what has changed of the station, together with what else changes now."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._show)
        self._dirty[station.id] = station

    def happened(self, station: Station, event: Event) -> None:
        """Publish an event."""
        topic = state_topic(self._broker.base, Scope("station", station.id), "event")
        content = views.event(station, event) | {"boot": self._boot}
        self._outgoing.put(message(topic, content, qos=1))

    def answered(self, answer: Answer) -> None:
        """Publish an answer."""
        self._inbox.answered(answer)

    def _show(self) -> None:
        dirty, self._dirty = self._dirty, {}
        now = self._clock.time()
        for station in dirty.values():
            for found in self._mirror.messages(station, now):
                self._outgoing.put(found)

    # The connection

    async def run(self) -> None:
        """Stay connected for ever; when cancelled, say goodbye."""
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            wait=wait_random_exponential(min=1, max=60),
            retry=retry_if_exception_type((aiomqtt.MqttError, OSError)),
            before_sleep=self._failed,
        )
        while True:
            await retrying(self._session)

    def _failed(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome else None
        wait = attempt.next_action.sleep if attempt.next_action else 0.0
        log.warning("mqtt.down", broker=self._where, reason=str(error), retry_in_s=round(wait, 1))

    async def _session(self) -> None:
        """One connection. Returns when it has gone, or MQTT 5 was refused; raises when there was none."""
        connected = False
        try:
            async with self._client() as client:
                connected = True
                await self._subscribe(client)
                await self._greet(client)
                log.info("mqtt.connected", broker=self._where, protocol=self._protocol.name)
                await self._work(client)
        except (aiomqtt.MqttError, OSError) as error:
            if connected:
                log.warning("mqtt.disconnected", broker=self._where, reason=str(error))
            elif not self._falls_back(error):
                raise

    async def _work(self, client: aiomqtt.Client) -> None:
        """Publish and listen until the connection goes, and raise why."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._publish(client), name="mqtt-publish")
                group.create_task(self._meters(), name="mqtt-meters")
                group.create_task(self._listen(client), name="mqtt-listen")
        except asyncio.CancelledError:
            await self._part(client)
            raise
        except BaseExceptionGroup as errors:
            expected, bugs = errors.split((aiomqtt.MqttError, OSError))
            if bugs is not None or expected is None:
                raise
            raise _first(expected) from None

    @property
    def _where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _client(self) -> aiomqtt.Client:
        v5 = self._protocol is aiomqtt.ProtocolVersion.V5
        state = state_topic(self._broker.base, Scope("daemon", self._daemon))
        return aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            tls_context=self._broker.tls,
            identifier=f"ocppd-{self._daemon}",
            protocol=self._protocol,
            clean_session=None if v5 else True,
            will=aiomqtt.Will(state, b"offline", qos=1, retain=True),
            # Nagle's algorithm and delayed acknowledgements together cost 40 ms a message.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            timeout=10,
            keepalive=30,
        )

    def _falls_back(self, error: BaseException) -> bool:
        """Whether the broker refused MQTT 5: then 3.1.1 it is, from now on."""
        code = getattr(error, "rc", None)
        refused = getattr(code, "value", code) in _UNSUPPORTED_VERSION
        if not refused or self._protocol is not aiomqtt.ProtocolVersion.V5:
            return False
        log.info("mqtt.fallback", broker=self._where, protocol="V311")
        self._protocol = aiomqtt.ProtocolVersion.V311
        return True

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        filters = list(self._filters())
        for start in range(0, len(filters), _FILTERS):
            batch = filters[start : start + _FILTERS]
            if self._protocol is aiomqtt.ProtocolVersion.V5:
                # Not our own messages; retained ones told as such, and not those from before.
                how = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2)
                await client.subscribe([(topic, how) for topic in batch])
            else:
                await client.subscribe([(topic, 1) for topic in batch])

    def _filters(self) -> Iterator[str]:
        """Our own stations alone: other daemons may share the broker and the base topic."""
        yield f"{Scope('daemon', self._daemon).topic(self._broker.base)}/cmd/+"
        for station in self._fleet.stations:
            topic = Scope("station", station).topic(self._broker.base)
            yield from (f"{topic}/cmd/+", f"{topic}/evse/+/cmd/+", f"{topic}/evse/+/connector/+/cmd/+")

    async def _greet(self, client: aiomqtt.Client) -> None:
        """All retained state first, `online` last: who sees that can rely on the rest."""
        self._mirror.forget()
        self._outgoing.forget_states()
        self._dirty = dict(self._fleet.stations)
        self._show()
        while batch := self._outgoing.take(_BATCH):
            await self._send(client, batch)
        scope = Scope("daemon", self._daemon)
        info = {
            "version": __version__,
            "api": 1,
            "boot": self._boot,
            "stations": len(self._fleet.stations),
            "started": format_time(self._started),
        }
        await self._send(
            client, [message(state_topic(self._broker.base, scope, "info"), info, 1, retain=True)]
        )
        await self._send(client, [message(state_topic(self._broker.base, scope), "online", 1, retain=True)])

    async def _part(self, client: aiomqtt.Client) -> None:
        """What is still to be said, then `offline`: a clean disconnect sends no will."""
        async with asyncio.timeout(5):
            while batch := self._outgoing.take(_BATCH):
                await self._send(client, batch)
            state = state_topic(self._broker.base, Scope("daemon", self._daemon))
            await self._send(client, [message(state, "offline", 1, retain=True)])

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            await self._outgoing.wait()
            await self._send(client, self._outgoing.take(_BATCH))

    async def _send(self, client: aiomqtt.Client, batch: list[Message]) -> None:
        try:
            await asyncio.gather(*(self._send_one(client, it) for it in batch))
        except BaseException:
            self._outgoing.put_back(batch)
            raise

    async def _send_one(self, client: aiomqtt.Client, it: Message) -> None:
        properties = None
        if it.correlation is not None and self._protocol is aiomqtt.ProtocolVersion.V5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho is partly untyped
            properties.CorrelationData = it.correlation
        await client.publish(it.topic, it.payload, it.qos, it.retain, properties=properties)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for found in client.messages:
            properties = found.properties
            self._inbox.receive(
                Incoming(
                    topic=found.topic.value,
                    payload=found.payload if isinstance(found.payload, bytes) else b"",
                    retain=bool(found.retain),
                    response_topic=getattr(properties, "ResponseTopic", None),
                    correlation=getattr(properties, "CorrelationData", None),
                )
            )

    async def _meters(self) -> None:
        """Show what runs on by itself: meters and transactions, at most every `meter_interval`."""
        while True:
            await self._clock.sleep(self._broker.meter_interval)
            now = self._clock.time()
            for station in self._fleet.stations.values():
                for number, evse in station.evses():
                    if evse.transaction is None and evse.authorization is None:
                        continue
                    station.look(now)
                    for found in (
                        *self._mirror.meter(station, number, now),
                        *self._mirror.running(station, number, now),
                    ):
                        self._outgoing.put(found)


def _first(group: BaseExceptionGroup[Exception] | BaseExceptionGroup[Any]) -> BaseException:
    """The first plain exception in the group."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
