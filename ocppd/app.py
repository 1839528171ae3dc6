"""The composition root: builds the daemon from its settings, runs it, and ends it in order."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from ocppd import __version__, blocks
from ocppd.clock import Clock, RealClock
from ocppd.core.state import State
from ocppd.edge.link import Link, LinkError, tls_context
from ocppd.edge.mqtt import Broker, Mqtt
from ocppd.edge.store import Store
from ocppd.fleet import Fleet, Nobody
from ocppd.settings import Settings, SettingsError, describe_station

if TYPE_CHECKING:
    from ocppd.core.description import StationDescription

log = structlog.get_logger()

# Stations that are in the handshake with their CSMS at the same time.
_HANDSHAKES = 100
# How precise timers are, in real seconds: what falls due within one tick is done together.
_TICK = 0.05
# The time that a clean stop may take.
_FAREWELL = 10.0


@dataclass(slots=True)
class Daemon:
    """The parts of a daemon, wired, and nothing started yet."""

    settings: Settings
    clock: Clock
    store: Store
    fleet: Fleet
    mqtt: Mqtt | None
    links: dict[str, Link] = field(default_factory=dict)
    unsaved: dict[str, State] = field(default_factory=dict)


def build(settings: Settings) -> Daemon:
    """Wire a daemon and load the last state.

    Raises:
        SettingsError: settings that do not describe a station.
        StoreError: an unusable state file.
    """
    clock = RealClock(settings.clock.rate)
    store = Store(settings.state.path)
    mqtt = _mqtt(settings, clock)
    unsaved: dict[str, State] = {}
    fleet = Fleet(
        clock,
        blocks.handlers(),
        mqtt or Nobody(),
        unsaved.update if settings.state.save_interval else store.save,
        lambda flush: asyncio.get_running_loop().call_soon(flush),
    )
    if mqtt is not None:
        mqtt.serve(fleet)
    daemon = Daemon(settings, clock, store, fleet, mqtt, unsaved=unsaved)
    _populate(daemon)
    return daemon


def _mqtt(settings: Settings, clock: Clock) -> Mqtt | None:
    mqtt = settings.mqtt
    if not mqtt.enabled:
        return None
    try:
        tls = tls_context(mqtt.tls.describe()) if mqtt.tls is not None else None
    except LinkError as error:
        raise SettingsError(f"mqtt.{error}") from None
    broker = Broker(
        host=mqtt.host,
        port=mqtt.port,
        username=mqtt.username,
        password=mqtt.secret(),
        tls=tls,
        base=mqtt.base_topic,
        meter_interval=mqtt.meter_interval,
        response_topics=tuple(mqtt.response_topics),
    )
    return Mqtt(clock, broker, daemon=settings.daemon.id, boot=uuid4().hex)


def _populate(daemon: Daemon) -> None:
    """Every station of the configuration, then those that stand in the state file alone."""
    states = daemon.store.load()
    for description in daemon.settings.station_descriptions():
        state = states.pop(description.id, None) or State()
        state.configured = True
        _add(daemon, description, state)
    for name, state in states.items():
        if state.configured:
            log.warning("state.orphan", station=name, reason="it is no longer in the configuration")
            continue
        where = f"{daemon.settings.state.path}: stations.{name}.settings"
        _add(daemon, describe_station(daemon.settings, {**state.settings, "id": name}, where), state)


def _add(daemon: Daemon, description: StationDescription, state: State) -> None:
    try:
        daemon.fleet.add(description, state, secrets.randbits(64))
    except ValueError as error:
        raise SettingsError(f"station {description.id}: {error}") from None


async def run(settings: Settings, ready: Callable[[Daemon], None] = lambda _: None) -> None:
    """Run a daemon until SIGTERM or SIGINT; `ready` is told when it has started."""
    daemon = build(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("daemon.started", version=__version__, stations=len(daemon.fleet.stations))
    async with asyncio.TaskGroup() as group:
        edges = [
            group.create_task(_timers(daemon), name="timers"),
            group.create_task(_saves(daemon), name="store"),
        ]
        if daemon.mqtt is not None:
            edges.append(group.create_task(daemon.mqtt.run(), name="mqtt"))
        links = group.create_task(_links(daemon), name="links")
        ready(daemon)
        await stop.wait()
        log.info("daemon.stopping")
        await _stop(daemon, links, edges)
    log.info("daemon.stopped")


async def _links(daemon: Daemon) -> None:
    """The link of every station, in one task each."""
    handshakes = asyncio.Semaphore(_HANDSHAKES)
    boots = daemon.settings.state.on_start == "power_up"
    async with asyncio.TaskGroup() as group:
        for station in list(daemon.fleet.stations.values()):
            link = Link(station.id, daemon.fleet, daemon.clock, handshakes, random.random)
            daemon.links[station.id] = link
            group.create_task(link.run(), name=f"link[{station.id}]")
            daemon.fleet.start(station, link, boots=boots)


async def _timers(daemon: Daemon) -> None:
    while True:
        daemon.fleet.run_due()
        await asyncio.sleep(_TICK)


async def _saves(daemon: Daemon) -> None:
    """With a save interval: what has changed since the last time."""
    while interval := daemon.settings.state.save_interval:
        await asyncio.sleep(interval)
        _save(daemon)


def _save(daemon: Daemon) -> None:
    unsaved = dict(daemon.unsaved)
    daemon.unsaved.clear()
    daemon.store.save(unsaved)


async def _stop(daemon: Daemon, links: asyncio.Task[None], edges: list[asyncio.Task[None]]) -> None:
    """No more commands, sockets closed, state saved, `offline` said; in this order and in bounded time."""
    if daemon.mqtt is not None:
        daemon.mqtt.refuse_commands()
    await _end(links)
    daemon.fleet.flush()
    daemon.store.save({station.id: station.state for station in daemon.fleet.stations.values()})
    for edge in reversed(edges):
        await _end(edge)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    _, late = await asyncio.wait([task], timeout=_FAREWELL)
    if late:
        log.warning("daemon.task_hangs", task=task.get_name())

