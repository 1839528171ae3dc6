"""The broker: connect, look around, show everything, then publish and listen; again when it goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import aiomqtt
import orjson
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from ocppd.core import views
from ocppd.edge.mqtt.census import Census, all_topics
from ocppd.edge.mqtt.inbox import Commanded, Inbox, Incoming
from ocppd.edge.mqtt.inputs import Input
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
# Seconds: until our own word must have come back, between two health reports, and the wait for a double.
_ECHO = 5.0
_HEALTH = 60.0
_DOUBLE = 60.0
_FAREWELL = 5.0


class SecondDaemonError(Exception):
    """Another daemon with our name is on the broker."""


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


class Host(Commanded, Protocol):
    """The daemon, as the broker is to know it."""

    def info(self) -> dict[str, Any]:
        """`daemon/<id>/info`."""

    def health(self) -> dict[str, Any]:
        """`daemon/<id>/health`."""

    def conflict(self, station: str, owner: str) -> None:
        """Another daemon, which is online, has the station."""


class Mqtt:
    """The daemon's side of one broker; the `Mirror` of the fleet. `boot` names this run of `daemon`.

    `surveyed` is set once it is known who else is there, or that the broker does not say.
    """

    def __init__(self, clock: Clock, broker: Broker, *, daemon: str, boot: str) -> None:
        self.surveyed = asyncio.Event()
        self._clock = clock
        self._broker = broker
        self._daemon = daemon
        self._boot = boot
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._outgoing = Outgoing()
        self._mirror = Mirror(broker.base, daemon, boot, broker.meter_interval)
        self._dirty: dict[str, Station] = {}
        self._jobs: asyncio.Queue[Callable[[aiomqtt.Client], Coroutine[Any, Any, None]]] = asyncio.Queue()
        self._greeted = False
        self._echoed = asyncio.Event()
        self._fleet: Fleet
        self._inbox: Inbox
        self._host: Host

    def serve(
        self,
        fleet: Fleet,
        host: Host,
    ) -> None:
        """Take commands for `fleet` and for its daemon, and show what that has to say of itself."""
        self._fleet = fleet
        self._host = host
        broker = self._broker
        self._inbox = Inbox(
            fleet,
            host,
            self._clock,
            self._outgoing.put,
            broker.base,
            broker.response_topics,
            broker.inputs,
        )

    def refuse_commands(self) -> None:
        """Answer `not_allowed` from now on: the daemon stops."""
        self._inbox.closed = True

    @property
    def queued(self) -> int:
        """How many messages wait for the broker."""
        return len(self._outgoing)

    @property
    def dropped(self) -> int:
        """How many messages had to go because too many waited."""
        return self._outgoing.dropped

    # The fleet's mirror

    def changed(self, station: Station) -> None:
        """Show what has changed of the station, together with what else changes now."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._show)
        self._dirty[station.id] = station

    def happened(self, station: Station, event: Event) -> None:
        """Publish an event."""
        topic = state_topic(self._broker.base, Scope("station", station.id), "event")
        content = views.event(station, event) | {"seq": event.seq, "boot": self._boot}
        self._outgoing.put(message(topic, content, qos=1))

    def answered(self, answer: Answer) -> None:
        """Publish an answer."""
        self._inbox.answered(answer)

    def traced(self, station: str, way: str, frame: str) -> None:
        """Publish a frame as it stands on the wire; `way` is `tx` or `rx`."""
        topic = state_topic(self._broker.base, Scope("station", station), f"ocpp/{way}")
        self._outgoing.put(Message(topic, frame.encode()))

    def _show(self) -> None:
        dirty, self._dirty = self._dirty, {}
        now = self._clock.time()
        for station in dirty.values():
            if station.id in self._fleet.stations:
                self._put(self._mirror.messages(station, now))

    def _put(self, messages: Iterable[Message]) -> None:
        for it in messages:
            self._outgoing.put(it)

    # Stations that come and go

    def added(self, station: Station) -> None:
        """Take commands for a new station, and show it."""
        self._jobs.put_nowait(lambda client: self._subscribe(client, self._station_filters(station.id)))
        self.changed(station)
        self._publish_info()

    def removed(self, station: Station) -> None:
        """Take no more commands for a station, and clear what shows it."""
        topics = list(all_topics(self._broker.base, station))
        self._dirty.pop(station.id, None)
        self._mirror.forget(topics)
        self._put(Message(topic, b"", 1, retain=True) for topic in topics)
        filters = list(self._station_filters(station.id))
        self._jobs.put_nowait(lambda client: _unsubscribe(client, filters))
        self._publish_info()

    def republish(self) -> None:
        """Publish all retained state anew."""
        self._mirror.forget()
        self._dirty = dict(self._fleet.stations)
        self._show()
        self._publish_info()

    def _publish_info(self) -> None:
        topic = state_topic(self._broker.base, Scope("daemon", self._daemon), "info")
        self._outgoing.put(message(topic, self._host.info() | {"boot": self._boot}, 1, retain=True))

    # The connection

    async def run(self) -> None:
        """Stay connected for ever; when cancelled, say goodbye."""
        retrying = AsyncRetrying(
            sleep=asyncio.sleep,
            wait=self._wait,
            retry=retry_if_exception_type((aiomqtt.MqttError, OSError, SecondDaemonError)),
            before_sleep=self._failed,
        )
        while True:
            await retrying(self._session)

    def _wait(self, attempt: RetryCallState) -> float:
        error = attempt.outcome.exception() if attempt.outcome else None
        if isinstance(error, SecondDaemonError):
            return _DOUBLE
        return wait_random_exponential(min=1, max=60)(attempt)

    def _failed(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome else None
        wait = attempt.next_action.sleep if attempt.next_action else 0.0
        event = "mqtt.second_daemon" if isinstance(error, SecondDaemonError) else "mqtt.down"
        log.warning(event, broker=self._where, reason=str(error), retry_in_s=round(wait, 1))
        self.surveyed.set()

    async def _session(self) -> None:
        """One connection. Returns when it has gone, or MQTT 5 was refused; raises when there was none."""
        connected = False
        try:
            async with self._client() as client:
                await self._arrive(client)
                connected = True
                log.info("mqtt.connected", broker=self._where, protocol=self._protocol.name)
                await self._work(client)
        except (aiomqtt.MqttError, OSError) as error:
            if connected:
                log.warning("mqtt.disconnected", broker=self._where, reason=str(error))
            elif not self._falls_back(error):
                raise

    async def _work(self, client: aiomqtt.Client) -> None:
        """Publish and listen until the connection goes, and raise why."""
        parts = (self._publish, self._listen, self._serve_jobs, self._check_echo)
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part(client), name=f"mqtt{part.__name__}")
                group.create_task(self._meters(), name="mqtt_meters")
                group.create_task(self._report_health(), name="mqtt_health")
        except asyncio.CancelledError:
            await self._part(client)
            raise
        except BaseExceptionGroup as errors:
            expected, bugs = errors.split((aiomqtt.MqttError, OSError, SecondDaemonError))
            if bugs is not None or expected is None:
                raise
            raise _first(expected) from None

    @property
    def _where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    def _client(self) -> aiomqtt.Client:
        v5 = self._protocol is aiomqtt.ProtocolVersion.V5
        return aiomqtt.Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username,
            password=self._broker.password,
            tls_context=self._broker.tls,
            identifier=f"ocppd-{self._daemon}",
            protocol=self._protocol,
            clean_session=None if v5 else True,
            will=aiomqtt.Will(self._own("state"), b"offline", qos=1, retain=True),
            # Nagle's algorithm and delayed acknowledgements together cost 40 ms a message.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
            timeout=10,
            keepalive=30,
        )

    def _own(self, leaf: str) -> str:
        return state_topic(self._broker.base, Scope("daemon", self._daemon), leaf)

    def _falls_back(self, error: BaseException) -> bool:
        """Whether the broker refused MQTT 5: then 3.1.1 it is, from now on."""
        code = getattr(error, "rc", None)
        refused = getattr(code, "value", code) in _UNSUPPORTED_VERSION
        if not refused or self._protocol is not aiomqtt.ProtocolVersion.V5:
            return False
        log.info("mqtt.fallback", broker=self._where, protocol="V311")
        self._protocol = aiomqtt.ProtocolVersion.V311
        return True

    # Arrival

    async def _arrive(self, client: aiomqtt.Client) -> None:
        """Look around, take commands, and show everything, in this order."""
        census = Census(self._broker.base, self._daemon)
        looks = [] if self._greeted else census.filters()
        await client.subscribe([(topic, self._watching()) for topic in (*self._own_word(), *looks)])
        # Brokers serve in order: when this is acknowledged, what was retained has come as well.
        await client.subscribe(self._own("health"), qos=0)
        for _ in range(len(client.messages)):
            found = await anext(aiter(client.messages))
            census.note(found.topic.value, _bytes(found))
            self._receive(found)
        await client.unsubscribe([*looks, self._own("health")])
        if looks:
            await self._conclude(client, census)
        await self._subscribe(client, self._filters())
        await self._greet(client)

    async def _conclude(self, client: aiomqtt.Client, census: Census) -> None:
        """Leave to others what they have, and clear what we have left behind."""
        for station, owner in census.conflicts().items():
            self._host.conflict(station, owner)
        for topic in census.orphans(self._fleet.stations):
            log.info("mqtt.orphan", topic=topic)
            await client.publish(topic, b"", 1, retain=True)
        self.surveyed.set()

    async def _greet(self, client: aiomqtt.Client) -> None:
        """All retained state first, `online` last: who sees that can rely on the rest."""
        self._outgoing.forget_states()
        self.republish()
        while batch := self._outgoing.take(_BATCH):
            await self._send(client, batch)
        self._echoed.clear()
        self._greeted = True
        await self._send(client, [message(self._own("state"), "online", 1, retain=True)])

    async def _part(self, client: aiomqtt.Client) -> None:
        """What is still to be said, then `offline`: a clean disconnect sends no will."""
        with suppress(TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(_FAREWELL):
                while batch := self._outgoing.take(_BATCH):
                    await self._send(client, batch)
                await self._send(client, [message(self._own("state"), "offline", 1, retain=True)])

    # Subscriptions

    def _own_word(self) -> tuple[str, str]:
        """Where we see ourselves as others do."""
        return self._own("state"), self._own("info")

    def _watching(self) -> Any:
        """With everything that is retained."""
        v5 = self._protocol is aiomqtt.ProtocolVersion.V5
        return SubscribeOptions(qos=1, retainAsPublished=True) if v5 else 1

    def _commanding(self) -> Any:
        """Not our own, retained ones told as such, none from before; MQTT 5 alone can say so."""
        v5 = self._protocol is aiomqtt.ProtocolVersion.V5
        return SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2) if v5 else 1

    def _filters(self) -> Iterator[str]:
        """Our own stations alone: other daemons may share the broker and the base topic."""
        base = self._broker.base
        yield f"{Scope('daemon', self._daemon).topic(base)}/cmd/+"
        yield f"{Scope('all').topic(base)}/cmd/+"
        groups = {group for it in self._fleet.stations.values() for group in it.description.groups}
        yield from (f"{Scope('group', group).topic(base)}/cmd/+" for group in sorted(groups))
        yield from dict.fromkeys(source.topic for source in self._broker.inputs)
        for station in self._fleet.stations:
            yield from self._station_filters(station)

    def _station_filters(self, station: str) -> Iterator[str]:
        topic = Scope("station", station).topic(self._broker.base)
        yield from (f"{topic}/cmd/+", f"{topic}/evse/+/cmd/+", f"{topic}/evse/+/connector/+/cmd/+")
        groups = self._fleet.stations[station].description.groups if station in self._fleet.stations else ()
        yield from (f"{Scope('group', group).topic(self._broker.base)}/cmd/+" for group in groups)

    async def _subscribe(self, client: aiomqtt.Client, topics: Iterable[str]) -> None:
        filters = list(dict.fromkeys(topics))
        for start in range(0, len(filters), _FILTERS):
            await client.subscribe(
                [(topic, self._commanding()) for topic in filters[start : start + _FILTERS]]
            )

    # Work

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
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no hints
            properties.CorrelationData = it.correlation
        await client.publish(it.topic, it.payload, it.qos, it.retain, properties=properties)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for found in client.messages:
            self._receive(found)

    def _receive(self, found: aiomqtt.Message) -> None:
        topic, payload = found.topic.value, _bytes(found)
        if topic == self._own("state"):
            self._look_after_state(payload)
        elif topic == self._own("info"):
            self._look_after_info(payload)
        else:
            incoming = Incoming(
                topic=topic,
                payload=payload,
                retain=bool(found.retain),
                response_topic=getattr(found.properties, "ResponseTopic", None),
                correlation=getattr(found.properties, "CorrelationData", None),
            )
            self._inbox.receive(incoming)

    async def _serve_jobs(self, client: aiomqtt.Client) -> None:
        """Subscriptions that have changed while we are connected."""
        while True:
            job = await self._jobs.get()
            await job(client)

    # Our own word, as the broker has it

    def _look_after_state(self, payload: bytes) -> None:
        """A late last will of ours: we are online all the same."""
        if payload == b"offline" and self._greeted:
            log.warning("mqtt.offline_by_mistake", broker=self._where)
            self._outgoing.put(message(self._own("state"), "online", 1, retain=True))

    def _look_after_info(self, payload: bytes) -> None:
        """Another run with our name, after we have said ours: there are two of us."""
        try:
            boot = orjson.loads(payload).get("boot")
        except (orjson.JSONDecodeError, AttributeError):
            boot = None
        if boot == self._boot:
            self._echoed.set()
        elif self._greeted and payload:
            raise SecondDaemonError(f"another daemon calls itself {self._daemon!r}: choose another daemon.id")

    async def _check_echo(self, _client: aiomqtt.Client) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ECHO):
                await self._echoed.wait()
                return
        log.error("mqtt.not_echoed", topic=self._own("info"), reason="does an ACL refuse what we publish?")

    # What runs on by itself

    async def _meters(self) -> None:
        """Meters and running transactions, at most every `meter_interval`."""
        while True:
            await self._clock.sleep(self._broker.meter_interval or 1.0)
            now = self._clock.time()
            for station in list(self._fleet.stations.values()):
                for number, evse in station.evses():
                    if evse.transaction is None and evse.authorization is None:
                        continue
                    station.look(now)
                    self._put(self._mirror.meter(station, number, now))
                    self._put(self._mirror.running(station, number, now))

    async def _report_health(self) -> None:
        while True:
            self._outgoing.put(message(self._own("health"), self._host.health(), retain=True))
            await asyncio.sleep(_HEALTH)


def _bytes(found: aiomqtt.Message) -> bytes:
    return found.payload if isinstance(found.payload, bytes) else b""


async def _unsubscribe(client: aiomqtt.Client, filters: list[str]) -> None:
    await client.unsubscribe(filters)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first plain exception in the group."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
