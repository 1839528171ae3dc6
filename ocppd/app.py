"""The composition root: builds the daemon from its settings, runs it, and ends it in order."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from ocppd import __version__, blocks
from ocppd.clock import RealClock
from ocppd.daemon import Daemon
from ocppd.edge import systemd
from ocppd.edge.firmware import Firmware
from ocppd.edge.reasons import LinkError
from ocppd.edge.store import Store
from ocppd.edge.tls import tls_context
from ocppd.edge.traces import Traces
from ocppd.edge.transfer import Rules, Uploads
from ocppd.edge.workshop import Workshop
from ocppd.fleet import Fleet, Nobody
from ocppd.settings import Settings, SettingsError

if TYPE_CHECKING:
    from ocppd.clock import Clock
    from ocppd.core.state import State
    from ocppd.edge.metrics import Figures
    from ocppd.edge.mqtt import Mqtt
    from ocppd.edge.publisher import Publisher
    from ocppd.edge.workshop import Report, Trade
    from ocppd.settings.transfers import TransferSettings

log = structlog.get_logger()

# How precise timers are, in real seconds: what falls due within one tick is done together.
_TICK = 0.05
# The time that each part of a clean stop may take, and how long to wait for the broker at the start.
_FAREWELL = 10.0
_SURVEY = 3.0
# How long Prometheus waits, by default.
_SCRAPE = 10.0

Load = Callable[[], Settings]


class Saver:
    """When states are saved: at once, or, with an interval, the latest of each from time to time."""

    def __init__(self, store: Store, interval: float) -> None:
        self._store = store
        self._interval = interval
        self._unsaved: dict[str, State] = {}

    def save(self, states: dict[str, State]) -> None:
        """These have changed."""
        if self._interval:
            self._unsaved |= states
        else:
            self._store.save(states)

    def flush(self) -> None:
        """Save what is still unsaved."""
        unsaved, self._unsaved = self._unsaved, {}
        self._store.save(unsaved)

    async def run(self) -> None:
        """Save every interval, for ever; returns at once without one."""
        while self._interval:
            await asyncio.sleep(self._interval)
            self.flush()


def build(settings: Settings, *, claims: bool = False) -> tuple[Daemon, Saver]:
    """Wire a daemon and load the last state, which one that is to run also `claims` for itself.

    Raises:
        SettingsError: settings that do not describe a station, a broker, or a directory for traces.
        StoreError: an unusable state file.
    """
    clock = RealClock(settings.clock.rate)
    store = Store(settings.state.path)
    if claims:
        store.claim()
    saver = Saver(store, settings.state.save_interval)
    mqtt = _mqtt(settings, clock)
    fleet = Fleet(
        clock,
        blocks.handlers(),
        mqtt or Nobody(),
        saver.save,
        lambda flush: asyncio.get_running_loop().call_soon(flush),
    )
    fleet.tracer = _tracer(settings, clock)
    daemon = Daemon(settings, clock, fleet, store, mqtt)
    if mqtt is not None:
        mqtt.serve(fleet, daemon)
    daemon.populate()
    return daemon, saver


def _tracer(settings: Settings, clock: Clock) -> Callable[[str, str, str], None] | None:
    traces = settings.daemon.traces
    if traces is None:
        return None
    try:
        return Traces(traces.directory, traces.stations, traces.max_bytes, clock).note
    except OSError as error:
        raise SettingsError([f"daemon.traces.directory: {error}"]) from None


def trades(daemon: Daemon, publisher: Publisher | None = None) -> dict[str, Trade]:
    """Who does which kind of job; see `Station.work`."""
    rules = _rules(daemon.settings.transfers)
    found: dict[str, Trade] = {
        "key": daemon.keys.trade,
        "upload": Uploads(rules).trade,
        "scenario": partial(_run_scenario, daemon),
        "firmware": Firmware(rules, daemon.beside("firmware")).trade,
    }
    if publisher is not None:
        found["publish"] = publisher.trade
    return found


async def _run_scenario(daemon: Daemon, station: str, data: Mapping[str, Any], report: Report) -> None:
    """The trade "scenario"."""
    from ocppd.scenario.trade import Scenarios  # noqa: PLC0415 - for those alone who run one

    await Scenarios(daemon.fleet, daemon.clock, daemon.settings.scenarios).trade(station, data, report)


def _publisher(daemon: Daemon) -> Publisher | None:
    """The file server for firmware, where the settings want one."""
    settings = daemon.settings.transfers
    if settings.publish is None:
        return None
    from ocppd.edge.publisher import Place, Publisher  # noqa: PLC0415 - for those alone who publish

    place = Place(settings.publish.host, settings.publish.port, settings.publish.address())
    return Publisher(place, daemon.beside("published"), _rules(settings))


@asynccontextmanager
async def _served(publisher: Publisher | None, settings: Settings) -> AsyncIterator[None]:
    """Serve the firmware that stations publish. Raises SettingsError where the port cannot be had."""
    if publisher is None:
        yield
        return
    try:
        server = await publisher.open()
    except OSError as error:
        place = settings.transfers.publish
        where = "" if place is None else f"{place.host}:{place.port}"
        text = f"transfers.publish: {where} cannot be listened on: {error.strerror or error}"
        raise SettingsError([text]) from None
    try:
        yield
    finally:
        server.close()


def _rules(settings: TransferSettings) -> Rules:
    return Rules(
        allow=tuple(settings.allow),
        allow_loopback=settings.allow_loopback,
        max_bytes=settings.max_bytes,
        timeout_s=settings.timeout_s,
        known_hosts=settings.known_hosts,
    )


def _mqtt(settings: Settings, clock: Clock) -> Mqtt | None:
    mqtt = settings.mqtt
    if not mqtt.enabled:
        return None
    from ocppd.edge.mqtt import Broker, Discovery, Input, Mqtt, parse_target  # noqa: PLC0415 - for those with a broker

    try:
        tls = tls_context(mqtt.tls.trust()) if mqtt.tls is not None else None
    except LinkError as error:
        raise SettingsError([f"mqtt.tls: {error}"]) from None
    broker = Broker(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.username,
        password=mqtt.secret(),
        tls=tls,
        base=mqtt.base_topic,
        meter_interval=mqtt.meter_interval,
        response_topics=tuple(mqtt.response_topics),
        inputs=tuple(
            Input(
                topic=it.topic,
                scope=parse_target(it.target),
                path=tuple(it.path.split(".")) if it.path else (),
                command=it.command,
                map=it.map,
            )
            for it in mqtt.inputs
        ),
        discovery=Discovery(mqtt.discovery.prefix, mqtt.discovery.enabled) if mqtt.discovery else None,
    )
    return Mqtt(clock, broker, daemon=settings.daemon.id, boot=uuid4().hex, wall=RealClock())


async def run(
    settings: Settings, load: Load | None = None, ready: Callable[[Daemon], None] = lambda _: None
) -> None:
    """Run a daemon until SIGTERM or SIGINT.

    `load` reads the settings anew on SIGHUP; `ready` is told when all stations have started.
    """
    daemon, saver = build(settings, claims=True)
    publisher = _publisher(daemon)
    daemon.fleet.workshop = workshop = Workshop(trades(daemon, publisher), daemon.fleet.worked)
    _spare_the_collector()
    stop, hangup = asyncio.Event(), asyncio.Event()
    _on_signals(stop, hangup)
    with _metrics(daemon):
        async with _served(publisher, settings), asyncio.TaskGroup() as group:
            edges = [group.create_task(run_timers(daemon), name="timers")]
            edges.append(group.create_task(saver.run(), name="store"))
            if daemon.mqtt is not None:
                edges.append(group.create_task(daemon.mqtt.run(), name="mqtt"))
                await _wait_for_survey(daemon.mqtt)
            links = group.create_task(daemon.run_links(), name="links")
            edges.append(group.create_task(systemd.watchdog(), name="watchdog"))
            edges.append(group.create_task(_reloads(daemon, hangup, load), name="reloads"))
            log.info("daemon.started", version=__version__, stations=len(daemon.fleet.stations))
            systemd.notify("READY=1")
            ready(daemon)
            await stop.wait()
            log.info("daemon.stopping")
            systemd.notify("STOPPING=1")
            await _stop(daemon, saver, workshop, links, edges)
    log.info("daemon.stopped")


def _spare_the_collector() -> None:
    """Leave what is there out of garbage collections, and collect less often: stations make no cycles."""
    gc.freeze()  # without a collection first, which would cost a tenth of the start and free next to nothing
    gc.set_threshold(5_000, 20, 20)
    gc.enable()


def _metrics(daemon: Daemon) -> AbstractContextManager[object]:
    address = daemon.settings.daemon.metrics
    if not address:
        return nullcontext()
    from ocppd.edge.metrics import serve_metrics  # noqa: PLC0415 - for those alone who want to see them
    from ocppd.figures import figures  # noqa: PLC0415 - the same

    loop = asyncio.get_running_loop()

    async def look() -> Figures:
        return figures(daemon)

    # Scrapes come in threads; the stations are the loop's.
    return serve_metrics(address, lambda: asyncio.run_coroutine_threadsafe(look(), loop).result(_SCRAPE))


def _on_signals(stop: asyncio.Event, hangup: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)


async def _reloads(daemon: Daemon, hangup: asyncio.Event, load: Load | None) -> None:
    """At SIGHUP, one that came during the start too, follow the changed configuration."""
    while load is not None:
        await hangup.wait()
        hangup.clear()
        systemd.notify_reloading()
        _reload(daemon, load)
        systemd.notify("READY=1")


def _reload(daemon: Daemon, load: Load) -> None:
    """Follow the changed configuration, or go on with the old one where it is wrong."""
    try:
        daemon.reload(load())
    except (SettingsError, ValueError) as error:
        log.error("daemon.reload_failed", reason=str(error))  # noqa: TRY400 - the user's error, not ours
    else:
        log.info("daemon.reloaded", stations=len(daemon.fleet.stations))


async def _wait_for_survey(mqtt: Mqtt) -> None:
    """Learn first whether another daemon has one of our stations; but no broker is no reason not to start."""
    try:
        async with asyncio.timeout(_SURVEY):
            await mqtt.surveyed.wait()
    except TimeoutError:
        log.warning("mqtt.not_surveyed", reason="the broker does not answer; the stations start without it")


async def run_timers(daemon: Daemon) -> None:
    """Run what is due, and note by how much the loop is late."""
    loop = asyncio.get_running_loop()
    while True:
        daemon.fleet.run_due()
        before = loop.time()
        await asyncio.sleep(_TICK)
        late = loop.time() - before - _TICK
        daemon.loop_lag_s = max(late, daemon.loop_lag_s * 0.99)  # the worst of late, slowly forgotten


async def _stop(
    daemon: Daemon,
    saver: Saver,
    workshop: Workshop,
    links: asyncio.Task[None],
    edges: list[asyncio.Task[None]],
) -> None:
    """No more commands, links and jobs ended, state saved, `offline` said; in this order, in bounded time."""
    if daemon.mqtt is not None:
        daemon.mqtt.refuse_commands()
    await _end(links)
    await workshop.stop()
    daemon.fleet.flush()
    # All of them: what a full disk has refused is not among the unsaved.
    saver.save({it.id: it.state for it in daemon.fleet.stations.values()})
    saver.flush()
    for edge in reversed(edges):
        await _end(edge)


async def _end(task: asyncio.Task[None]) -> None:
    # Twice: asyncio.wait_for of Python 3.11, which aiomqtt uses, may swallow a cancellation.
    for _ in range(2):
        task.cancel()
        _, late = await asyncio.wait([task], timeout=_FAREWELL)
        if not late:
            return
    log.warning("daemon.task_hangs", task=task.get_name())
