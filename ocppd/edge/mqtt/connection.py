"""The broker: connect, look around, show everything, then publish and listen; again when it goes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

import aiomqtt
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from ocppd.core import views
from ocppd.edge.mqtt.announcer import Announcer
from ocppd.edge.mqtt.census import Census, all_topics
from ocppd.edge.mqtt.inbox import Commanded, Inbox, Incoming
from ocppd.edge.mqtt.mirror import Mirror, topic_of
from ocppd.edge.mqtt.outgoing import Message, Outgoing, message
from ocppd.edge.mqtt.own_word import OwnWord, SecondDaemonError
from ocppd.edge.mqtt.refusals import reason_of
from ocppd.edge.mqtt.topics import Scope
from ocppd.edge.mqtt.window import Window, first_error
from ocppd.edge.mqtt.wire import Broker, Ear, Pace, Wire, content

if TYPE_CHECKING:
    from ocppd.clock import Clock
    from ocppd.core.shapes import DaemonInfo, Health
    from ocppd.core.station import Answer, Event, Station
    from ocppd.fleet import Fleet

log = structlog.get_logger()
# Seconds in which the changes of a station become one: its call and the answer to that, for instance.
_GATHERING = 0.05
# Seconds for what is still to be said at the end, and for the end itself where the broker heard none of it.
_FAREWELL = 5.0
_GOODBYE = 1.0
# Stations whose devices, some 10 KB each, wait for the broker at the same time.
_ANNOUNCED = 100


class Host(Commanded, Protocol):
    """The daemon, as the broker is to know it."""

    def info(self) -> DaemonInfo:
        """`daemon/<id>/info`."""

    def health(self) -> Health:
        """`daemon/<id>/health`."""

    def conflict(self, station: str, owner: str) -> None:
        """Another daemon, which is online, has the station."""


class Mqtt:
    """The daemon's side of one broker; the `Mirror` of the fleet. `boot` names this run of `daemon`.

    `surveyed` is set once it is known who else is there, or that the broker does not say.
    """

    def __init__(
        self,
        clock: Clock,
        broker: Broker,
        *,
        daemon: str,
        boot: str,
        pace: Pace | None = None,
        wall: Clock | None = None,
    ) -> None:
        self.surveyed = asyncio.Event()
        self._received = 0
        self._pace = pace or Pace()
        self._clock = clock
        self._wall = wall or clock  # of whoever sends commands, however fast the stations' own time runs
        self._broker = broker
        self._daemon = daemon
        self._boot = boot
        self._own = OwnWord(broker.base, daemon, boot)
        self._wire = Wire(broker, self._pace)
        self._outgoing = Outgoing()
        self._window = Window(self._outgoing, self._wire)
        self._mirror = Mirror(broker.base, daemon, boot, broker.meter_interval)
        self._announcer = Announcer(broker.discovery, broker.base, daemon)
        self._born = asyncio.Event()  # Home Assistant has started
        self._dirty: dict[str, Station] = {}
        self._jobs: asyncio.Queue[Callable[[aiomqtt.Client], Coroutine[Any, Any, None]]] = asyncio.Queue()
        self._ear: Ear
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
            self._wall,
            self._outgoing.put_nowait,
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
        return self._outgoing.qsize()

    @property
    def dropped(self) -> int:
        """How many messages had to go because too many waited."""
        return self._outgoing.dropped

    @property
    def messages(self) -> dict[str, int]:
        """How many messages the broker has acknowledged, and how many it has delivered."""
        return {"sent": self._window.sent, "received": self._received}

    # The fleet's mirror

    def changed(self, station: Station) -> None:
        """Show what has changed of the station, together with what else changes now."""
        if not self._dirty:
            asyncio.get_running_loop().call_later(_GATHERING, self._show)
        self._dirty[station.id] = station

    def happened(self, station: Station, event: Event) -> None:
        """Publish an event."""
        topic = topic_of(self._broker.base, "event", station.id)
        content = views.event(station, event) | {"seq": event.seq, "boot": self._boot}
        self._outgoing.put_nowait(message(topic, content, qos=1))
        if event.name == "boot":  # maybe with other firmware
            self._put(self._announcer.messages(station))

    def answered(self, answer: Answer) -> None:
        """Publish an answer."""
        self._inbox.answered(answer)

    def traced(self, station: str, way: str, frame: str) -> None:
        """Publish a frame as it stands on the wire; `way` is `tx` or `rx`."""
        topic = topic_of(self._broker.base, f"ocpp/{way}", station)
        self._outgoing.put_nowait(Message(topic, frame.encode()))

    def _show(self) -> None:
        dirty, self._dirty = self._dirty, {}
        now = self._clock.time()
        for station in dirty.values():
            if station.id in self._fleet.stations:
                with _alone(station):
                    self._put(self._mirror.messages(station, now))

    def _put(self, messages: Iterable[Message]) -> None:
        for it in messages:
            self._outgoing.put_nowait(it)

    def _clear(self, topics: Iterable[str]) -> None:
        self._put(Message(topic, b"", 1, retain=True) for topic in topics)

    # Stations that come and go

    def added(self, station: Station) -> None:
        """Take commands for a new station, and show it."""
        self._jobs.put_nowait(
            lambda client: self._wire.take_commands(client, self._station_filters(station.id))
        )
        self._put(self._announcer.messages(station))
        self.changed(station)
        self._publish_info()

    def removed(self, station: Station) -> None:
        """Take no more commands for a station, and clear what shows it."""
        topics = list(all_topics(self._broker.base, station))
        self._dirty.pop(station.id, None)
        self._mirror.forget(topics)
        self._put(self._announcer.removed(station))
        self._clear(topics)
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
        info = {**self._host.info(), "boot": self._boot}
        self._outgoing.put_nowait(message(self._own.info, info, 1, retain=True))

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
            return self._pace.double
        return wait_random_exponential(min=1, max=60)(attempt)

    def _failed(self, attempt: RetryCallState) -> None:
        error = attempt.outcome.exception() if attempt.outcome else None
        wait = attempt.next_action.sleep if attempt.next_action else 0.0
        event = "mqtt.second_daemon" if isinstance(error, SecondDaemonError) else "mqtt.down"
        reason = reason_of(error) if error else ""
        log.warning(event, broker=self._broker.where, reason=reason, retry_in_s=round(wait, 1))
        self.surveyed.set()

    async def _session(self) -> None:
        """One connection. Returns when it has gone, or MQTT 5 was refused; raises when there was none."""
        if self._own.is_doubled:
            await self._look_for_double()
        connected = stopped = False
        try:
            self._ear = Ear()
            async with self._wire.client(f"ocppd-{self._daemon}", self._will(), self._ear) as client:
                self._wire.settle(client)
                try:
                    await self._arrive(client)
                    connected = True
                    log.info("mqtt.connected", broker=self._broker.where, protocol=self._wire.protocol)
                    await self._work(client)
                except asyncio.CancelledError:
                    stopped = True
                    await self._part(client)
                    raise
        except (aiomqtt.MqttError, OSError) as error:
            if stopped:
                # The broker does not take leave; that is no reason to stay.
                raise asyncio.CancelledError from error
            if connected:
                log.warning("mqtt.disconnected", broker=self._broker.where, reason=reason_of(error))
                await asyncio.sleep(self._pace.again)
            elif (said := await self._wire.unheard(error)) is not None:
                raise said from error
            elif not self._wire.falls_back(error):
                raise

    async def _work(self, client: aiomqtt.Client) -> None:
        """Publish and listen until the connection goes, and raise why."""
        parts = (self._publish, self._listen, self._serve_jobs, self._check_echo, self._welcome)
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part(client), name=f"mqtt{part.__name__}")
                group.create_task(self._meters(), name="mqtt_meters")
                group.create_task(self._report_health(), name="mqtt_health")
        except BaseExceptionGroup as errors:
            expected, bugs = errors.split((aiomqtt.MqttError, OSError, SecondDaemonError))
            if bugs is not None or expected is None:
                raise
            raise first_error(expected) from None

    def _will(self) -> aiomqtt.Will:
        return aiomqtt.Will(self._own.state, b"offline", qos=1, retain=True)

    # Arrival

    async def _arrive(self, client: aiomqtt.Client) -> None:
        """Look around, take commands, and show everything, in this order."""
        census = Census(self._broker.base, self._daemon)
        looks = [*([] if self._own.is_said else census.filters()), *self._announcer.filters()]
        found = await self._wire.retained(client, (self._own.state, self._own.info, *looks), self._own.health)
        for topic, payload in found:
            census.note(topic, payload)
            if topic == self._own.info:
                self._own.hear_info(payload)
        if looks:
            await client.unsubscribe(looks)
        orphans = [] if self._own.is_said else self._conclude(census)
        await self._wire.take_commands(client, self._filters())
        await self._greet(client, found, orphans)

    def _conclude(self, census: Census) -> list[str]:
        """Leave to others what they have; the topics that we have left behind."""
        for station, owner in census.conflicts().items():
            self._host.conflict(station, owner)
        self.surveyed.set()
        orphans = census.orphans(self._fleet.stations)
        for topic in orphans:
            log.info("mqtt.orphan", topic=topic)
        return orphans

    async def _greet(
        self, client: aiomqtt.Client, found: Iterable[tuple[str, bytes]], orphans: Iterable[str]
    ) -> None:
        """All retained state first, `online` last: who sees that can rely on the rest.

        `found` is what is retained of Home Assistant's devices, among other things; these go first, as it
        cannot read states that are cleared. `orphans` are the topics to clear.
        """
        self._window.take_back()
        self._outgoing.forget_states()
        self._announcer.look(found)
        self._put(self._announcer.orphans(self._fleet.stations))
        self._clear(orphans)
        async for _ in self._announce():
            await self._window.send(client)
        self.republish()
        await self._window.send(client)
        self._own.say()
        await self._say(client, "online")

    async def _announce(self, *, anew: bool = False) -> AsyncIterator[None]:
        """Tell Home Assistant of the stations, some of them at a time."""
        for number, station in enumerate(list(self._fleet.stations.values()), 1):
            if station.id in self._fleet.stations:
                self._put(self._announcer.messages(station, anew=anew))
            if number % _ANNOUNCED == 0:
                yield

    async def _welcome(self, _client: aiomqtt.Client) -> None:
        """Tell Home Assistant all of it again when it has started, but not together with all others."""
        while True:
            await self._born.wait()
            await asyncio.sleep(random.uniform(0, self._pace.welcome))  # noqa: S311 - to spread the load
            self._born.clear()
            async for _ in self._announce(anew=True):
                while not self._outgoing.empty():  # noqa: ASYNC110 - a queue that is empty tells nobody
                    await asyncio.sleep(_GATHERING)

    async def _part(self, client: aiomqtt.Client) -> None:
        """What is still to be said, then `offline`: a clean disconnect sends no will."""
        self._show()
        with suppress(TimeoutError, aiomqtt.MqttError):
            async with asyncio.timeout(_FAREWELL):
                await self._window.send(client)
                await self._say(client, "offline")
                return
        client.timeout = _GOODBYE

    # Subscriptions

    def _filters(self) -> Iterator[str]:
        """Our own stations alone: other daemons may share the broker and the base topic."""
        base = self._broker.base
        yield f"{Scope('daemon', self._daemon).topic(base)}/cmd/+"
        yield f"{Scope('all').topic(base)}/cmd/+"
        groups = {group for it in self._fleet.stations.values() for group in it.description.groups}
        yield from (f"{Scope('group', group).topic(base)}/cmd/+" for group in sorted(groups))
        yield from dict.fromkeys(source.topic for source in self._broker.inputs)
        if self._announcer.birth is not None:
            yield self._announcer.birth
        for station in self._fleet.stations:
            yield from self._station_filters(station)

    def _station_filters(self, station: str) -> Iterator[str]:
        topic = Scope("station", station).topic(self._broker.base)
        yield from (f"{topic}/cmd/+", f"{topic}/evse/+/cmd/+", f"{topic}/evse/+/connector/+/cmd/+")
        groups = self._fleet.stations[station].description.groups if station in self._fleet.stations else ()
        yield from (f"{Scope('group', group).topic(self._broker.base)}/cmd/+" for group in groups)

    # Work

    async def _publish(self, client: aiomqtt.Client) -> None:
        await self._window.send(client, for_ever=True)

    async def _say(self, client: aiomqtt.Client, word: str) -> None:
        """Our own `state`, acknowledged."""
        self._outgoing.put_nowait(message(self._own.state, word, 1, retain=True))
        await self._window.send(client)

    async def _listen(self, client: aiomqtt.Client) -> None:
        await self._ear.listen(client, self._receive)

    def _receive(self, found: aiomqtt.Message) -> None:
        topic, payload = found.topic.value, content(found)
        self._received += 1
        if topic == self._own.state:
            self._look_after_state(payload)
        elif topic == self._own.info:
            self._own.hear_info(payload)
        elif topic == self._announcer.birth and not found.retain:
            if payload == b"online":
                self._born.set()
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
        if payload == b"offline":
            log.warning("mqtt.offline_by_mistake", broker=self._broker.where)
            self._outgoing.put_nowait(message(self._own.state, "online", 1, retain=True))

    async def _look_for_double(self) -> None:
        """Raise while the other daemon is online; by a name of our own, as ours would take its place."""
        own = self._own
        async with self._wire.client(f"ocppd-{self._daemon}-{self._boot[:8]}") as client:
            there = await self._wire.retained(client, [own.state], own.health)
        own.see_double(online=(own.state, b"online") in there)

    async def _check_echo(self, _client: aiomqtt.Client) -> None:
        await self._own.check_echo(self._pace.echo)

    # What runs on by itself

    async def _meters(self) -> None:
        """Running transactions, and meters that had to wait, every `meter_interval`."""
        while True:
            await self._clock.sleep(self._broker.meter_interval or 1.0)
            now = self._clock.time()
            for station in list(self._fleet.stations.values()):
                with _alone(station):
                    self._show_running(station, now)

    def _show_running(self, station: Station, now: float) -> None:
        for number, evse in station.evses():
            runs = evse.transaction is not None or evse.authorization is not None
            if runs or self._mirror.is_late(station, number):
                station.look(now)
                self._put(self._mirror.meter(station, number, now))
                self._put(self._mirror.running(station, number, now))

    async def _report_health(self) -> None:
        while True:
            self._outgoing.put_nowait(message(self._own.health, {**self._host.health()}, retain=True))
            await asyncio.sleep(self._pace.health)


@contextmanager
def _alone(station: Station) -> Iterator[None]:
    """What cannot be shown of one station must not keep the others from being shown."""
    try:
        yield
    except Exception as error:
        log.error("station.bug", station=station.id, exc_info=error)  # noqa: TRY400


async def _unsubscribe(client: aiomqtt.Client, filters: list[str]) -> None:
    await client.unsubscribe(filters)
