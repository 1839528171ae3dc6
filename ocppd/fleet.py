"""All stations, their one timer heap, and the way of every input in and of every output out.

An input is handled at once. What follows from it leaves at the next `flush`: first the changed states are
saved, then frames, events and answers go out, so that nothing was said that a restart would not remember.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from ocppd.commands import Commands, read_meta
from ocppd.core import monitors, variables
from ocppd.core import state as states
from ocppd.core.errors import CommandError
from ocppd.core.state import Request, State
from ocppd.core.station import Answer, Event, Job, Order, Outputs, Station
from ocppd.log import lines

if TYPE_CHECKING:
    from ocppd.clock import Clock
    from ocppd.core.chaos import Chaos
    from ocppd.core.description import Hardware, StationDescription
    from ocppd.core.endpoint import Endpoint
    from ocppd.core.on import Handlers
    from ocppd.payload import Payload

log = structlog.get_logger()

# What an operator wants to see of a station without asking; the rest is for debugging.
_NOTED = frozenset(
    [
        "boot",
        "fault",
        "fault_cleared",
        "tx_started",
        "tx_ended",
        "firmware",
        "security",
        "warning",
        "power",
        "network",
        "chaos",
    ]
)


class Link(Protocol):
    """The connection of one station, as the fleet uses it."""

    def send(self, text: str) -> None:
        """Send a frame, in order."""

    def ping(self) -> None:
        """Send a ping; the connection is dead where the last one is still unanswered."""

    def close(self, code: int, reason: str) -> None:
        """Close, and connect anew while the connection is wanted."""

    def freeze(self) -> None:
        """Fall silent as a pulled cable does."""

    def thaw(self) -> None:
        """Give up a frozen connection."""

    def disturb(self, chaos: Chaos | None) -> None:
        """Spoil the frames of both directions; None ends it."""

    def want(self, up: bool) -> None:
        """Whether there should be a connection."""


class Workshop(Protocol):
    """Who does the jobs of the stations."""

    def take(self, station: str, job: Job) -> None:
        """Begin a job, in the place of the one of that station that has the same key."""

    def close(self, station: str) -> None:
        """End all jobs of the station."""


class Mirror(Protocol):
    """Who shows the stations to the outside and answers the commands."""

    def changed(self, station: Station) -> None:
        """The state of the station may have changed."""

    def happened(self, station: Station, event: Event) -> None:
        """An event for the world."""

    def answered(self, answer: Answer) -> None:
        """The outcome of a command."""

    def traced(self, station: str, way: str, frame: str) -> None:
        """A frame that was sent (`tx`) or has come (`rx`)."""


class Nobody:
    """The mirror of a daemon without a broker."""

    def changed(self, station: Station) -> None:
        """Nobody looks."""

    def happened(self, station: Station, event: Event) -> None:
        """Nobody listens."""

    def answered(self, answer: Answer) -> None:
        """Nobody has asked."""

    def traced(self, station: str, way: str, frame: str) -> None:
        """Nobody reads along."""


class NoWorkshop:
    """Where nothing can be done: no job is ever reported on."""

    def take(self, station: str, job: Job) -> None:
        """Leave it."""

    def close(self, station: str) -> None:
        """There is none."""


class Fleet:
    """See the module.

    `save` gets the states that changed, by identity, and returns when they are safe. `schedule` runs `flush`
    soon; where it runs it at once, as tests do, every input is complete when its method returns. The frames
    of the stations in `traced` are shown as they are. A `tracer` gets those of all: station, `tx` or
    `rx`, frame. `onlookers` are shown everything, and all frames, beside the mirror.
    """

    def __init__(
        self,
        clock: Clock,
        handlers: Handlers,
        mirror: Mirror,
        save: Callable[[dict[str, State]], None],
        schedule: Callable[[Callable[[], None]], object],
    ) -> None:
        self.commands = Commands(handlers)
        self.stations: dict[str, Station] = {}
        self.traced: set[str] = set()
        self.frames = {"sent": 0, "received": 0}
        self.tracer: Callable[[str, str, str], None] | None = None
        self.onlookers: list[Mirror] = []
        self.workshop: Workshop = NoWorkshop()
        self._clock = clock
        self._handlers = handlers
        self._mirror = mirror
        self._save = save
        self._schedule = schedule
        self._links: dict[str, Link] = {}
        self._models: dict[Hardware, variables.Model] = {}
        self._pending: list[tuple[Station, Outputs]] = []
        self._heap: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._broken: set[str] = set()
        self._next_key = int(clock.time() * 1000)

    # Stations

    def model(self, hardware: Hardware) -> variables.Model:
        """The device model of that hardware, one for all stations that have it.

        Raises:
            ValueError: one of its presets or monitors is wrong.
        """
        model = self._models.get(hardware)
        if model is None:
            model = variables.Model.build(hardware, self._handlers.variables.values())
            monitors.factory(hardware, model)
            self._models[hardware] = model
        return model

    def add(self, description: StationDescription, state: State, seed: int) -> Station:
        """A station as `state` left it, fitted to what it is made of now. It does nothing before `start`."""
        states.fit(state, description.hardware, seed)
        model = self.model(description.hardware)
        model.check(state.variables)
        station = Station(description, state, self._handlers, model)
        self.stations[description.id] = station
        return station

    def start(self, station: Station, link: Link, *, boots: bool) -> None:
        """Let it run, with its link; `boots` tells a power-up from going on where it stopped."""
        self._links[station.id] = link
        self._feed(station, lambda it: it.start(self._clock.time(), boots=boots))

    def remove(self, station: str) -> None:
        """Forget a station whose link has ended."""
        del self.stations[station]
        self.workshop.close(station)
        self._broken.discard(station)
        self._links.pop(station, None)
        self._due.pop(station, None)

    def members(self, group: str | None) -> list[str]:
        """The stations of a group, or all of them."""
        return [name for name, it in self.stations.items() if group is None or group in it.description.groups]

    # Inputs: the link's, see `edge.link.Listener`

    def endpoint(self, station: str) -> Endpoint:
        """Where the station connects to, as its variables stand."""
        it = self.stations[station]
        try:
            return it.endpoint
        except Exception as error:
            self._give_up(it, error)
            raise ConnectionError("the station has failed") from error

    def connected(self, station: str, protocol: str) -> None:
        """The link is up."""
        self._feed(self.stations[station], lambda it: it.connected(self._clock.time(), protocol))

    def received(self, station: str, text: str) -> None:
        """A frame has come."""
        it = self.stations[station]
        self.frames["received"] += 1
        if station in self.traced:
            self._mirror.traced(station, "rx", text)
        if self.tracer is not None:
            self.tracer(station, "rx", text)
        for onlooker in self.onlookers:
            onlooker.traced(station, "rx", text)
        self._feed(it, lambda it: it.receive(self._clock.time(), text))

    def disconnected(
        self, station: str, reason: str, failures: int, retry_in: float | None, kind: str = ""
    ) -> None:
        """The link has gone, or could not be had."""
        self._feed(
            self.stations[station],
            lambda it: it.disconnected(self._clock.time(), reason, failures, retry_in, kind),
        )

    # Inputs: commands, work and time

    def request(self, command: str, station: str, cause: str, payload: Payload) -> Request:
        """A command to come, with what its JSON object says of the asking itself.

        Raises:
            CommandError: `invalid_argument` for a bad `request_id`, `wait` or `timeout_s`.
        """
        self._next_key += 1
        request = Request(self._next_key, command, station, cause=cause, received=self._clock.time())
        read_meta(request, payload.fields or {})
        return request

    def command(
        self, request: Request, payload: Payload, evse: int | None = None, connector: int | None = None
    ) -> None:
        """Run a command at a place; the answer goes to the mirror.

        Raises:
            CommandError: the command could not even be begun.
        """
        station = self.stations.get(request.station)
        if station is None:
            raise CommandError("unknown_station", f"there is no station {request.station!r} here")
        bound = self.commands.bind(request.command, payload, station.state, evse, connector)
        request.evse, request.connector, request.warnings = bound.evse, bound.connector, bound.warnings
        if station.id in self._broken:
            raise CommandError("internal", "the station has failed: the daemon's log says why")
        self._feed(station, lambda it: it.command(self._clock.time(), request, bound.arguments))

    def tell(self, station: str, name: str, **data: Any) -> None:
        """An event around a station that is none of its own doing."""
        self._feed(self.stations[station], lambda it: it.tell(self._clock.time(), name, data))

    def worked(self, station: str, job: Job, report: Mapping[str, Any]) -> None:
        """A report on a job; of a station that is gone nobody wants it any more."""
        it = self.stations.get(station)
        if it is not None:
            self._feed(it, lambda it: it.worked(self._clock.time(), job, report))

    def run_due(self) -> None:
        """Wake every station whose time has come."""
        now = self._clock.time()
        while self._heap and self._heap[0][0] <= now:
            due, name = heapq.heappop(self._heap)
            if self._due.get(name) != due:
                continue  # an earlier one has taken its place
            del self._due[name]
            station = self.stations[name]
            next_due = station.next_due
            if next_due is not None and next_due <= now:
                self._feed(station, lambda it: it.wake(now))
            else:
                self._watch(station)

    @property
    def next_due(self) -> float | None:
        """When the next station wants to be woken, in epoch seconds; or earlier."""
        return self._heap[0][0] if self._heap else None

    def _feed(self, station: Station, put: Callable[[Station], None]) -> None:
        """Put one input in and collect what comes of it; a station that cannot take it is given up alone."""
        if station.id in self._broken:
            return
        try:
            put(station)
        except Exception as error:  # noqa: BLE001 - whatever ails one station, the others must not notice
            self._give_up(station, error)
        else:
            self._collect(station)

    def _give_up(self, station: Station, error: Exception) -> None:
        """A bug outside any handler: its state cannot be trusted, so it does nothing more in this run."""
        log.error("station.broken", station=station.id, exc_info=error)
        self._broken.add(station.id)
        self._due.pop(station.id, None)
        link = self._links.get(station.id)
        if link is not None:
            link.want(False)

    # Outputs

    def flush(self) -> None:
        """Save what has changed, then let out what follows from it."""
        batch, self._pending = self._pending, []
        self._save({station.id: station.state for station, _ in batch if station.id in self.stations})
        for station, out in batch:
            try:
                self._deliver(station, out, lines())
            except Exception as error:
                log.error("station.bug", station=station.id, exc_info=error)  # noqa: TRY400

    def _collect(self, station: Station) -> None:
        self._watch(station)
        self._pending.append((station, station.drain()))
        if len(self._pending) == 1:
            self._schedule(self.flush)

    def _watch(self, station: Station) -> None:
        """Have the station woken in time. An entry that has become too early stays: most move later again."""
        due = station.next_due
        if due is not None and due < self._due.get(station.id, math.inf):
            self._due[station.id] = due
            heapq.heappush(self._heap, (due, station.id))

    def _deliver(self, station: Station, out: Outputs, log: Any) -> None:
        for bug in out.bugs:
            log.error("station.bug", station=station.id, exc_info=bug)
        link = self._links.get(station.id)
        if link is not None:
            self._send(station, link, out, log)
        for job in out.jobs:
            self.workshop.take(station.id, job)
        for answer in out.answers:  # first: somebody waits
            self._mirror.answered(answer)
        for event in out.events:
            if event.is_public:
                _note(station, event, log)
                self._mirror.happened(station, event)
        self._mirror.changed(station)
        for onlooker in self.onlookers:
            _show(onlooker, station, out)

    def _send(self, station: Station, link: Link, out: Outputs, log: Any) -> None:
        debugs = log.is_enabled_for(logging.DEBUG)
        self.frames["sent"] += len(out.frames)
        for frame in out.frames:
            if debugs:
                log.debug("ocpp.sent", station=station.id, frame=_headline(frame))
            if station.id in self.traced:
                self._mirror.traced(station.id, "tx", frame)
            if self.tracer is not None:
                self.tracer(station.id, "tx", frame)
            for onlooker in self.onlookers:
                onlooker.traced(station.id, "tx", frame)
            link.send(frame)
        for order in out.orders:
            _obey(link, order)
        link.want(station.wants_link)


def _show(onlooker: Mirror, station: Station, out: Outputs) -> None:
    """What an input led to, but for the frames, which were shown as they left."""
    for answer in out.answers:
        onlooker.answered(answer)
    for event in out.events:
        if event.is_public:
            onlooker.happened(station, event)
    onlooker.changed(station)


def _headline(frame: str) -> list[str]:
    """Type, id and, of a call, action: what may stand in a log of a frame, without its payload."""
    parts = frame[:120].split(",", 3)
    return parts[: 3 if parts[0] == "[2" else 2]


def _obey(link: Link, order: Order) -> None:
    match order.kind:
        case "ping":
            link.ping()
        case "close":
            link.close(order.code, order.reason)
        case "freeze":
            link.freeze()
        case "thaw":
            link.thaw()
        case "disturb":
            link.disturb(order.chaos)


def _note(station: Station, event: Event, log: Any) -> None:
    level = logging.INFO if event.name in _NOTED else logging.DEBUG
    if not log.is_enabled_for(level):
        return
    place = {
        name: number for name, number in (("evse", event.evse), ("connector", event.connector)) if number
    }
    name = f"station.{event.name}"
    log.log(level, name, station=station.id, cause=event.cause, **place, **event.data)
