"""The other side of the MQTT API: who sends commands and listens.

    async with connect("127.0.0.1", 1883) as client:
        station = await client.station("CP001")
        await station.do("plug-in", ev={"soc": 20})
        await station.do("authorize", id_token="04A2B3C4")
        await station.expect_event("tx_started")
        await station.until(lambda state: state["csms"]["queued"] == 0)

It drives the stations of a daemon that runs. For those of a test's own process see `ocppd.testing`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

import aiomqtt
import orjson
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ocppd.core.errors import CommandError, OcppdError
from ocppd.edge.mqtt.refusals import reason_of
from ocppd.edge.mqtt.topics import Scope, command_name, command_topic, response_topic, state_topic
from ocppd.edge.mqtt.wire import Broker, Pace, Wire, content
from ocppd.edge.tls import tls_context
from ocppd.like import is_like
from ocppd.payload import parse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ocppd.settings import Settings


MOST_EVENTS = 1000
_AGAIN_S = (0.5, 1.5)  # from a lost connection to the next try


class NoBrokerError(OcppdError):
    """The broker cannot be reached, refuses us, or has gone; in words for people."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Who waits for an answer, and how it is told from those that others wait for on the same topic."""

    topic: str
    request_id: str | None
    correlation: bytes | None
    future: asyncio.Future[dict[str, Any]]

    def is_meant(self, topic: str, answer: dict[str, Any], correlation: bytes | None) -> bool:
        """Whether this answer is the one."""
        if self.future.done() or topic != self.topic or answer.get("request_id") != self.request_id:
            return False
        return self.request_id is not None or correlation == self.correlation


class Client:
    """A connection to the broker of a running daemon; see `connect`."""

    def __init__(self, mqtt: aiomqtt.Client, base: str, *, speaks_5: bool = False) -> None:
        self._mqtt = mqtt
        self._base = base
        self._speaks_5 = speaks_5
        self._waiting: list[_Waiting] = []
        self._stations: list[Station] = []
        self._lost: Exception | None = None
        self._ended = asyncio.Event()

    async def send(
        self, scope: Scope, command: str, argument: str | dict[str, Any] = "", *, timeout_s: float = 35.0
    ) -> dict[str, Any]:
        """The answer to a command, as the MQTT API has it. `argument` is bare text or a JSON object.

        A JSON object, or nothing, gets a `request_id` where it has none, and its own answer is told by that.
        Bare text cannot have one: MQTT 5 marks it with CorrelationData, and with 3.1.1 the first answer on
        the topic counts that bears nobody's `request_id`.

        Raises:
            TimeoutError: nobody has answered; no daemon, or none that has this station.
            aiomqtt.MqttError: the connection has gone.
        """
        name = command_name(command)
        payload, request_id = _marked(argument)
        correlation = uuid4().bytes if self._speaks_5 and request_id is None else None
        topic, future = response_topic(self._base, scope, name), asyncio.get_running_loop().create_future()
        await self._mqtt.subscribe(topic, qos=1)
        if self._lost is not None:
            raise self._lost
        waiting = _Waiting(topic, request_id, correlation, future)
        self._waiting.append(waiting)
        try:
            properties = _properties(correlation)
            where = command_topic(self._base, scope, name)
            async with asyncio.timeout(timeout_s):
                await self._mqtt.publish(where, payload, qos=1, properties=properties)
                answer: dict[str, Any] = await future
        finally:
            self._waiting.remove(waiting)
            future.cancel()
        return answer

    async def listen(self, heard: Callable[[str, bytes], None]) -> None:
        """Hand every message to `heard`, and answers to whoever waits for them; until the connection goes."""
        try:
            async for message in self._mqtt.messages:
                self._take(message)
                for station in self._stations:
                    station.hear(message.topic.value, content(message))
                heard(message.topic.value, content(message))
        except Exception as error:
            self._lost = error
            for station in self._stations:
                station.lose(error)
            for waiting in self._waiting:
                if not waiting.future.done():
                    waiting.future.set_exception(error)
            if not isinstance(error, aiomqtt.MqttError):
                raise
        finally:
            self._ended.set()

    async def until_lost(self) -> NoReturn:
        """Wait for the connection to go.

        Raises:
            aiomqtt.MqttError: it has gone.
        """
        await self._ended.wait()
        raise self._lost or aiomqtt.MqttError("nobody listens any more")

    def _take(self, message: aiomqtt.Message) -> None:
        topic = message.topic.value
        if message.retain or all(topic != waiting.topic for waiting in self._waiting):
            return
        try:
            answer = orjson.loads(content(message))
        except orjson.JSONDecodeError:
            return  # of somebody who is no daemon
        correlation = getattr(message.properties, "CorrelationData", None)
        for waiting in self._waiting:
            if isinstance(answer, dict) and waiting.is_meant(topic, answer, correlation):
                waiting.future.set_result(answer)
                return

    async def station(self, identity: str) -> Station:
        """The station of that identity, whose events and state are listened to from now on.

        Raises:
            aiomqtt.MqttError: the connection has gone.
        """
        station = Station(self, identity, self._base)
        self._stations.append(station)
        for topic in station.topics:
            await self._mqtt.subscribe(topic, qos=1)
        return station

    async def watch(self) -> None:
        """Have everything under the base topic handed to `listen`."""
        await self.subscribe(["#"])

    async def subscribe(self, filters: Iterable[str], qos: int = 1) -> None:
        """Have these handed to `listen`, first what is retained there; `filters` go below `<base>/v1/`."""
        topics = [(f"{self._base}/v1/{it}", qos) for it in filters]
        if topics:
            await self._mqtt.subscribe(topics)

    async def unsubscribe(self, filters: Iterable[str]) -> None:
        """Have these handed to `listen` no longer."""
        topics = [f"{self._base}/v1/{it}" for it in filters]
        if topics:
            await self._mqtt.unsubscribe(topics)


class Station:
    """One station, as `Client.station` gives it. `state` is the latest that it has told, empty before.

    Events are kept until somebody looks for them, the newest MOST_EVENTS.
    """

    def __init__(self, client: Client, identity: str, base: str) -> None:
        self.id = identity
        self.state: dict[str, Any] = {}
        self._client = client
        self._scope = Scope("station", identity)
        self._state_topic = state_topic(base, self._scope)
        self._event_topic = state_topic(base, self._scope, "event")
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._news = asyncio.Event()
        self._lost: Exception | None = None

    @property
    def topics(self) -> tuple[str, str]:
        """What it is told by."""
        return self._state_topic, self._event_topic

    async def do(self, command: str, *, timeout_s: float = 35.0, **fields: Any) -> dict[str, Any]:
        """The `result` of a command, with the keys of its JSON object.

        Raises:
            CommandError: the answer is an error.
            TimeoutError: nobody has answered.
            aiomqtt.MqttError: the connection has gone.
        """
        answer = await self._client.send(self._scope, command, fields, timeout_s=timeout_s)
        if not answer["ok"]:
            error = answer["error"]
            raise CommandError(error["code"], error["message"], error.get("details"))
        result: dict[str, Any] = answer.get("result") or {}
        return result

    async def expect_event(self, name: str, *, within_s: float = 10.0, **keys: Any) -> dict[str, Any]:
        """The next event of that name that has these keys; those of its name before it are gone.

        Raises:
            TimeoutError: none has come in time.
            aiomqtt.MqttError: the connection has gone.
        """

        def found() -> dict[str, Any] | None:
            named = [event for event in self._events if event.get("event") == name]
            for place, event in enumerate(named):
                if is_like(event, keys):
                    passed = named[: place + 1]
                    self._events = deque((it for it in self._events if it not in passed), MOST_EVENTS)
                    return event
            return None

        return await self._await(found, within_s)

    async def until(
        self, question: Callable[[dict[str, Any]], object], *, within_s: float = 10.0
    ) -> dict[str, Any]:
        """The state as soon as the answer to `question`, asked of it, is something true.

        Raises:
            TimeoutError: it does not come to that in time.
            aiomqtt.MqttError: the connection has gone.
        """
        return await self._await(
            lambda: self.state if self.state and question(self.state) else None, within_s
        )

    async def _await(self, found: Callable[[], dict[str, Any] | None], within_s: float) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            while (result := found()) is None:
                if self._lost is not None:
                    raise self._lost
                await self._news.wait()
                self._news.clear()
        return result

    def hear(self, topic: str, payload: bytes) -> None:
        """A message has come, of this station or another."""
        if topic not in self.topics:
            return
        try:
            told = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return  # of somebody who is no daemon; or empty, as the station was removed
        if not isinstance(told, dict):
            return
        if topic == self._event_topic:
            self._events.append(told)
        else:
            self.state = told
        self._news.set()

    def lose(self, error: Exception) -> None:
        """The connection has gone."""
        self._lost = error
        self._news.set()


def _marked(argument: str | dict[str, Any]) -> tuple[bytes, str | None]:
    """The payload, and the `request_id` that its answer will bear."""
    fields = argument if isinstance(argument, dict) else _fields(argument)
    if fields is None:
        return str(argument).encode(), None
    said = fields.get("request_id")
    if said is None:
        said = uuid4().hex
        fields = fields | {"request_id": said}
    return orjson.dumps(fields), said if isinstance(said, str) else None


def _fields(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`, an empty one where there is no argument at all, None where it is bare."""
    try:
        payload = parse(text.encode())
    except CommandError:
        return None  # what is wrong with it is the daemon's to say
    if payload.text is None and payload.fields is None:
        return {}
    return payload.fields


def _properties(correlation: bytes | None) -> Properties | None:
    if correlation is None:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no hints
    properties.CorrelationData = correlation
    return properties


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
    speaks_5 = options.get("protocol") is aiomqtt.ProtocolVersion.V5
    async with (
        aiomqtt.Client(host, port, identifier=_identifier(), **options) as mqtt,
        _listening(Client(mqtt, base, speaks_5=speaks_5), heard) as client,
    ):
        yield client


@asynccontextmanager
async def _listening(client: Client, heard: Callable[[str, bytes], None]) -> AsyncIterator[Client]:
    listener = asyncio.create_task(client.listen(heard), name="client-listen")
    try:
        yield client
    finally:
        listener.cancel()
        await asyncio.wait([listener])


def _identifier() -> str:
    return f"ocppd-client-{uuid4().hex[:8]}"


class Access:
    """The way to the broker of the settings, for as many connections one after the other as it takes.

    Raises:
        LinkError: a file of `mqtt.tls` cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        mqtt = settings.mqtt
        tls = tls_context(mqtt.tls.trust()) if mqtt.tls is not None else None
        self._broker = Broker(mqtt.host, mqtt.port, mqtt.username, mqtt.secret(), tls)
        self._wire = Wire(self._broker, Pace())
        self.base = mqtt.base_topic

    @property
    def where(self) -> str:
        """For people."""
        return self._broker.where

    @asynccontextmanager
    async def open(
        self, heard: Callable[[str, bytes], None] = lambda _topic, _payload: None
    ) -> AsyncIterator[Client]:
        """A client while the block runs.

        Raises:
            NoBrokerError: there is no connection to the broker, or it was lost.
        """
        async with AsyncExitStack() as stack:
            connection = await self._connection(stack)
            client = Client(connection, self.base, speaks_5=self._wire.protocol == "V5")
            await stack.enter_async_context(_listening(client, heard))
            try:
                yield client
            except aiomqtt.MqttError as error:
                raise self._failure(error) from error

    async def _connection(self, stack: AsyncExitStack) -> aiomqtt.Client:
        while True:
            try:
                connection = await stack.enter_async_context(self._wire.client(_identifier()))
            except (aiomqtt.MqttError, OSError) as error:
                if (said := await self._wire.unheard(error)) is not None:
                    raise self._failure(said) from error
                if not self._wire.falls_back(error):
                    raise self._failure(error) from error
            else:
                self._wire.settle(connection)
                return connection

    def _failure(self, error: Exception) -> NoBrokerError:
        return NoBrokerError(f"broker {self.where}: {reason_of(error)}")

    async def keep(
        self,
        met: Callable[[Client], Awaitable[None]],
        lost: Callable[[NoBrokerError], None],
        heard: Callable[[str, bytes], None],
    ) -> NoReturn:
        """Be connected, again and again: `met` is given each new client, `lost` is told of each failure."""
        while True:
            try:
                async with self.open(heard) as client:
                    await met(client)
                    _obey()
                    await client.until_lost()
            except NoBrokerError as error:
                _obey()
                lost(error)
            await asyncio.sleep(random.uniform(*_AGAIN_S))  # noqa: S311 - that not all come at once


def _obey() -> None:
    """Be cancelled, where the library, or `wait_for` before Python 3.12, has let that pass."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def send_once(
    settings: Settings, scope: Scope, command: str, argument: str, timeout_s: float
) -> dict[str, Any] | None:
    """The answer to one command, over the broker of the settings; None where nobody has answered.

    Raises:
        LinkError: a file of `mqtt.tls` cannot be used.
        NoBrokerError: there is no connection to the broker, or it was lost.
    """
    async with Access(settings).open() as client:
        try:
            return await client.send(scope, command, argument, timeout_s=timeout_s)
        except TimeoutError:
            return None
