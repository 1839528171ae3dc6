"""Stations in a thread of this process, for tests of a CSMS: no broker, no configuration, nothing is kept.

    with Lab("ws://127.0.0.1:9000") as lab:
        station = lab.station("CP001")
        station.plug_in()
        station.authorize("04A2B3C4")
        station.expect("TransactionEvent", eventType="Started")

These are plain calls that wait for their outcome; from asyncio, make them with `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import orjson
import structlog

from ocppd import blocks
from ocppd.app import run_timers, trades
from ocppd.clock import RealClock
from ocppd.core.errors import CommandError
from ocppd.core.views import event as event_view
from ocppd.core.views import whole_state
from ocppd.daemon import Daemon
from ocppd.edge.store import Store
from ocppd.edge.workshop import Workshop
from ocppd.fleet import Fleet, Nobody
from ocppd.like import is_like
from ocppd.log import set_level
from ocppd.payload import parse
from ocppd.settings import from_values

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from ocppd.core import station as core
    from ocppd.core.station import Answer, Event

__all__ = ["CommandError", "Frame", "Lab", "Station"]

T = TypeVar("T")
Json = dict[str, Any]

_POLL = 0.005  # seconds between two looks at whether the CSMS has answered
_LOOK_AGAIN = 0.25  # seconds between two looks at a state of which nothing new is told
_VARIABLES = {
    # A real station waits long before it tries again, which spares its CSMS and only costs a test time.
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": 1,
    "OCPPCommCtrlr.RetryBackOffRandomRange": 0,
    # While `advance` jumps no pong can come in time.
    "OCPPCommCtrlr.WebSocketPingInterval": 0,
}


class Frame(NamedTuple):
    """A CALL that has passed: `way` is `tx` from the station, `rx` to it."""

    way: str
    action: str
    payload: Json


class _Clock(RealClock):
    """The wall clock, which can be put ahead."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


class _Records(Nobody):
    """What the stations do, for other threads to look at: the lists only grow, `news` tells of `changes`."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.changes = 0
        self.frames: dict[str, list[Frame]] = {}
        self.events: dict[str, list[Json]] = {}
        self.waiting: dict[int, asyncio.Future[Answer]] = {}

    def changed(self, station: core.Station) -> None:
        with self.news:
            self.changes += 1
            self.news.notify_all()

    def happened(self, station: core.Station, event: Event) -> None:
        # `changed` comes after whatever else there is to tell of an input.
        self.events.setdefault(station.id, []).append(event_view(station, event))

    def answered(self, answer: Answer) -> None:
        future = self.waiting.get(answer.request.key)
        if future is not None and not future.done():
            future.set_result(answer)

    def traced(self, station: str, way: str, frame: str) -> None:
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            return
        match message:
            case [2, _, str(action), dict(payload)]:
                self.frames.setdefault(station, []).append(Frame(way, action, payload))


class Lab:
    """Stations that call the CSMS at `csms`, a URL that lacks only `/` and the identity.

    `timeout_s` is how long anything may take, in real seconds, unless a call says otherwise.
    """

    def __init__(self, csms: str, *, timeout_s: float = 10.0) -> None:
        self.timeout_s = timeout_s
        self.records = _Records()
        self._url = csms
        self._stations: dict[str, Json] = {}
        self._clock = _Clock()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, name="ocppd-lab", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.result(self.timeout_s)
        self._quiets = not structlog.is_configured()
        if self._quiets:
            set_level("warning")  # else structlog would show each line, wherever that is
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(RuntimeError):  # a bug has ended it already, and was told
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._quiets:
            structlog.reset_defaults()

    def station(self, id: str = "CP001", *, wait: bool = True, **settings: Any) -> Station:  # noqa: A002
        """Switch a station on; `settings` are the keys that an entry of `stations` has in a configuration.

        Returns when the CSMS has accepted it, or with `wait` off at once. Raises SettingsError for settings
        that are wrong, AssertionError where the CSMS does not accept it in time.
        """
        variables = _VARIABLES | settings.pop("variables", {})
        wanted = self._stations | {id: {"id": id, "variables": variables, **settings}}
        self.on_loop(partial(self._follow, wanted))
        station = Station(self, id)
        if wait:
            station.until(lambda state: state["csms"]["registration"] == "Accepted")
        return station

    def advance(self, seconds: float) -> None:
        """Let time pass for the stations at once: what falls due is done, and the CSMS has time to answer.

        Only the stations' clock jumps; connections are still made and lost in real time.
        """
        self.wait(self._advance(seconds), None)

    # For the stations

    def on_loop(self, work: Callable[[], T]) -> T:
        """What `work` returns, or raises, in the thread of the stations."""

        async def do() -> T:
            return work()

        return self.wait(do(), self.timeout_s)

    def wait(self, work: Coroutine[Any, Any, T], timeout_s: float | None) -> T:
        """What `work` comes to, in the thread of the stations."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def state(self, station: str) -> Json:
        """Everything that can be seen of a station, as it is now."""

        def look() -> Json:
            it = self.fleet.stations[station]
            it.look(self._clock.time())
            return dict(whole_state(it))

        return self.on_loop(look)

    @property
    def fleet(self) -> Fleet:
        """The stations themselves: to be touched on their own thread alone."""
        return self._daemon.fleet

    async def command(self, station: str, command: str, fields: Json) -> Answer:
        """The answer to a command, with the keys that its JSON object has in the MQTT API."""
        payload = parse(orjson.dumps(fields))  # what MQTT refuses is refused here, and nothing is shared
        request = self.fleet.request(command, station, f"python:{command}", payload)
        future = asyncio.get_running_loop().create_future()
        self.records.waiting[request.key] = future
        try:
            self.fleet.command(request, payload)
            answer: Answer = await future
        finally:
            del self.records.waiting[request.key]
        return answer

    # In the thread

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with TemporaryDirectory(prefix="ocppd-lab-") as place:
            self._place = Path(place)
            self._daemon = daemon = self._build()
            daemon.fleet.workshop = workshop = Workshop(trades(daemon), daemon.fleet.worked)
            async with asyncio.TaskGroup() as group:
                edges = [group.create_task(daemon.run_links()), group.create_task(run_timers(daemon))]
                await asyncio.sleep(0)  # until the daemon takes stations
                self._ready.set_result(None)
                await self._stop.wait()
                for edge in edges:
                    edge.cancel()
            await workshop.stop()

    def _build(self) -> Daemon:
        fleet = Fleet(
            self._clock, blocks.handlers(), self.records, lambda _: None, asyncio.get_running_loop().call_soon
        )
        settings = from_values(self._values({}), "Lab")
        return Daemon(settings, self._clock, fleet, Store(self._place), None)

    def _values(self, stations: Mapping[str, Json]) -> Json:
        return {
            "mqtt": {"enabled": False},
            "csms": {"url": self._url},
            "state": {"path": str(self._place)},
            "transfers": {"allow_loopback": True},
            "stations": list(stations.values()),
        }

    def _follow(self, stations: dict[str, Json]) -> None:
        settings = from_values(self._values(stations), "Lab")
        self.fleet.traced |= set(stations)
        self._daemon.reload(settings)
        self._stations = stations

    async def _advance(self, seconds: float) -> None:
        end = self._clock.time() + seconds
        while True:
            await self._settle()
            due = self.fleet.next_due
            if due is None or due > end:
                break
            self._clock.ahead += max(0.0, due - self._clock.time())
            self.fleet.run_due()
        self._clock.ahead += max(0.0, end - self._clock.time())

    async def _settle(self) -> None:
        """Wait while the CSMS owes an answer, but not for ever: some never give one."""
        give_up = self._loop.time() + self.timeout_s
        while any(it.state.outbox.in_flight for it in self.fleet.stations.values()):
            await asyncio.sleep(_POLL)  # the core tells nobody
            if self._loop.time() > give_up:
                return


class Station:
    """One station of a Lab. Every command of the MQTT API is a method: `plug-in` is `plug_in`.

    What a command takes may be given by name, its primary argument as the first one, too. Each returns the
    `result` of the answer, and raises CommandError where that is an error.
    """

    def __init__(self, lab: Lab, id: str) -> None:  # noqa: A002 - as in the configuration
        self.id = id
        self._lab = lab
        self._seen: dict[tuple[str, str], int] = {}

    def __getattr__(self, name: str) -> Callable[..., Json]:
        command = name.replace("_", "-")
        if name.startswith("_") or command not in self._lab.fleet.commands.by_name:
            raise AttributeError(f"a station has no command {command!r}")
        return partial(self.do, command)

    def do(self, command: str, argument: object = None, **fields: Any) -> Json:
        """Run a command, with its primary argument and with those that have names."""
        if argument is not None:
            primary = self._lab.fleet.commands.find(command).primary
            if primary is None:
                raise TypeError(f"{command} takes no argument without a name")
            fields[primary] = argument
        wait = fields.get("timeout_s", 30.0) + self._lab.timeout_s
        answer = self._lab.wait(self._lab.command(self.id, command, fields), wait)
        if answer.error is not None:
            raise answer.error
        result = answer.done.result if answer.done is not None else {}
        return dict(result() if callable(result) else result)

    @property
    def state(self) -> Json:
        """All that the command `get` tells."""
        return self._lab.state(self.id)

    def sent(self, action: str) -> list[Json]:
        """The payloads of all requests of that action that the station has sent."""
        return [it.payload for it in self._frames() if (it.way, it.action) == ("tx", action)]

    def expect(
        self, action: str, like: Json | None = None, *, within_s: float | None = None, **keys: Any
    ) -> Json:
        """Wait until the station has sent a request of that action like this, and return its payload.

        `like` and `keys` are what must be in it, in the objects within as well; the rest may be any. Each
        call looks behind the one that was found last for this action. Raises AssertionError.
        """
        return self._expect("tx", action, {**(like or {}), **keys}, within_s)

    def expect_request(
        self, action: str, like: Json | None = None, *, within_s: float | None = None, **keys: Any
    ) -> Json:
        """The same for a request of the CSMS."""
        return self._expect("rx", action, {**(like or {}), **keys}, within_s)

    def expect_event(self, name: str, *, within_s: float | None = None, **keys: Any) -> Json:
        """The same for an event, with its keys in the MQTT API."""

        def events() -> list[Json]:
            return list(self._lab.records.events.get(self.id, []))

        def found() -> Json | None:
            return self._next(("event", name), [it for it in events() if it["event"] == name], keys)

        def told() -> str:
            return "\n  ".join([f"no event {name} with {keys} of {self.id}:", *map(str, events()[-20:])])

        return self._await(found, within_s, told)

    def until(self, question: Callable[[Json], object], *, within_s: float | None = None) -> Json:
        """Wait until the answer to `question`, asked of the state, is something true; returns that state."""

        def found() -> Json | None:
            state = self.state
            return state if question(state) else None

        return self._await(found, within_s, lambda: f"{self.id} does not come to that: {self.state}")

    def _expect(self, way: str, action: str, like: Json, within_s: float | None) -> Json:
        def found() -> Json | None:
            payloads = [it.payload for it in self._frames() if (it.way, it.action) == (way, action)]
            return self._next((way, action), payloads, like)

        def told() -> str:
            frames = [f"{it.action} {json.dumps(it.payload)}" for it in self._frames() if it.way == way]
            return "\n  ".join([f"no {action} with {like} from {self.id}; there were:", *frames[-20:]])

        return self._await(found, within_s, told)

    def _frames(self) -> list[Frame]:
        return list(self._lab.records.frames.get(self.id, []))

    def _next(self, kind: tuple[str, str], entries: list[Json], like: Mapping[str, Any]) -> Json | None:
        """The first entry not looked at yet that is like that; the next search goes on behind it."""
        for place, entry in list(enumerate(entries))[self._seen.get(kind, 0) :]:
            if is_like(entry, like):
                self._seen[kind] = place + 1
                return entry
        return None

    def _await(
        self, found: Callable[[], Json | None], within_s: float | None, told: Callable[[], str]
    ) -> Json:
        records = self._lab.records
        end = time.monotonic() + (self._lab.timeout_s if within_s is None else within_s)
        while True:
            seen = records.changes
            if (result := found()) is not None:
                return result
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(told())
            with records.news:  # meters run on without a change
                records.news.wait_for(lambda: records.changes != seen, min(left, _LOOK_AGAIN))  # noqa: B023
