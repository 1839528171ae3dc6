"""The daemon: its stations as they come and go, and what it says of itself."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from ocppd import __version__, daemon_commands
from ocppd.commands import Commands
from ocppd.core.errors import CommandError
from ocppd.core.on import Handlers
from ocppd.core.state import State
from ocppd.core.times import format_time
from ocppd.edge.keys import KeyStore
from ocppd.edge.link import Link
from ocppd.settings import Settings, SettingsError, describe_station, detached

if TYPE_CHECKING:
    from ocppd.clock import Clock
    from ocppd.core.description import StationDescription
    from ocppd.core.endpoint import Endpoint
    from ocppd.core.shapes import DaemonInfo, Health
    from ocppd.core.station import Station
    from ocppd.edge.mqtt import Mqtt
    from ocppd.edge.store import Store
    from ocppd.fleet import Fleet

log = structlog.get_logger()

# Stations that are in the handshake with their CSMS at the same time.
_HANDSHAKES = 100


@dataclass(slots=True)
class _Ear:
    """What the fleet hears of one link; `deaf` from when the station goes, as the link takes leave later."""

    fleet: Fleet
    deaf: bool = False

    def endpoint(self, station: str) -> Endpoint:
        return self.fleet.endpoint(station)

    def connected(self, station: str, protocol: str) -> None:
        if not self.deaf:
            self.fleet.connected(station, protocol)

    def received(self, station: str, text: str) -> None:
        if not self.deaf:
            self.fleet.received(station, text)

    def disconnected(
        self, station: str, reason: str, failures: int, retry_in: float | None, kind: str
    ) -> None:
        if not self.deaf:
            self.fleet.disconnected(station, reason, failures, retry_in, kind)


class Daemon:
    """The parts, and what links them; `app` wires and runs it."""

    def __init__(
        self, settings: Settings, clock: Clock, fleet: Fleet, store: Store, mqtt: Mqtt | None
    ) -> None:
        self.settings = settings
        self.fleet = fleet
        self.mqtt = mqtt
        self.commands = Commands(Handlers.collect([daemon_commands]))
        self.beside = store.beside
        self.keys = KeyStore(store.beside("keys"))
        self._file_of = self.keys.file_of  # one for all links
        self.loop_lag_s = 0.0
        self.clock = clock
        self._store = store
        self._started = clock.time()
        self._links: dict[str, tuple[asyncio.Task[None], _Ear]] = {}
        self._conflicts: dict[str, str] = {}
        self._orphans: dict[str, State] = {}
        self._handshakes = asyncio.Semaphore(_HANDSHAKES)
        self._group: asyncio.TaskGroup | None = None

    @property
    def id(self) -> str:
        """Its name in topics."""
        return self.settings.daemon.id

    # Stations

    def populate(self) -> None:
        """Every station of the configuration, then those that stand in the state file alone.

        Raises:
            SettingsError: settings that do not describe a station.
            StoreError: an unusable state file.
        """
        states = self._store.load()
        for description in self.settings.station_descriptions():
            state = states.pop(description.id, None) or State()
            state.configured = True
            self._add(description, state)
        for name, state in states.items():
            if state.configured:
                log.warning("state.orphan", station=name, reason="it is no longer in the configuration")
                self._orphans[name] = state
                continue
            where = f"{self.settings.state.path}: stations.{name}.settings"
            values = {**state.settings, "id": name}
            self._add(describe_station(self.settings, values, where), state)

    async def run_links(self) -> None:
        """Start every station, and keep the link of each in a task of its own."""
        boots = self.settings.state.on_start == "power_up"
        async with asyncio.TaskGroup() as group:
            self._group = group
            for station in list(self.fleet.stations.values()):
                self._start(station, boots=boots)
            await asyncio.Event().wait()

    def add_station(self, values: Mapping[str, Any]) -> StationDescription:
        """Take a station in that the configuration does not know; the state file will.

        `values` have the keys of `stations[]`. Paths of secrets are refused, and a CSMS that they name gets
        no password of the configuration, nor after a restart: whoever may send commands could choose it.

        Raises:
            CommandError: `invalid_argument`, `invalid_state` or `station_conflict`.
        """
        try:
            description = describe_station(self.settings, values, "add-station", secret_files=False)
        except SettingsError as error:
            raise CommandError("invalid_argument", str(error)) from None
        if description.id in self.fleet.stations:
            raise CommandError("invalid_state", f"there is a station {description.id!r} already")
        if description.id in self._conflicts:
            owner = self._conflicts[description.id]
            raise CommandError("station_conflict", f"daemon {owner!r} has a station of that name")
        try:
            station = self._add(description, State(settings=detached(values)))
        except SettingsError as error:
            raise CommandError("invalid_argument", str(error)) from None
        self._welcome(station, boots=True)
        return description

    def remove_station(self, name: str) -> None:
        """Let a station go: its link is closed, its state and its topics are cleared.

        Raises:
            CommandError: `unknown_station`.
        """
        if name not in self.fleet.stations:
            raise CommandError("unknown_station", f"there is no station {name!r} here")
        self._forget(name)

    def reload(self, settings: Settings) -> None:
        """Follow a changed configuration: stations come, change and go, the others notice nothing.

        What concerns the daemon itself (broker, log, state, clock, transfers) counts from the next start.
        """
        settings = self._as_far_as_it_counts(settings)
        wanted = {it.id: it for it in settings.station_descriptions()}
        for description in wanted.values():
            self.fleet.model(description.hardware)  # raises before anything is changed
        self.settings = settings
        for name, station in list(self.fleet.stations.items()):
            if station.state.configured and name not in wanted:
                self._take_out(name)
                self._orphans[name] = station.state  # it stays in the file, and counts if the station returns
        for name, description in wanted.items():
            present = self.fleet.stations.get(name)
            if present is None and name in self._conflicts:
                log.error("station.conflict", station=name, daemon=self._conflicts[name])
            elif present is None or present.description != description:
                self._replace(description, present)

    def _as_far_as_it_counts(self, settings: Settings) -> Settings:
        """With the `transfers` of the start: stations must not promise what their daemon does not do yet."""
        before, now = self.settings.transfers, settings.transfers
        for key in type(now).model_fields:
            if getattr(now, key) != getattr(before, key):
                log.warning("daemon.not_reloaded", key=f"transfers.{key}", reason="it needs a restart")
        return settings.model_copy(update={"transfers": before})

    def _replace(self, description: StationDescription, present: Station | None) -> None:
        state, old = self._orphans.pop(description.id, None) or State(), None
        if present is not None:
            state, old = present.state, self._dismiss(description.id)
        state.configured, state.settings = True, {}
        self._welcome(self._add(description, state), boots=True, after=old)

    def conflict(self, station: str, owner: str) -> None:
        """Leave the station to the daemon that has it, unless it runs here already."""
        self._conflicts[station] = owner
        if station not in self.fleet.stations:
            return
        log.error("station.conflict", station=station, daemon=owner)
        if self._group is None:
            self.fleet.remove(station)

    def _add(self, description: StationDescription, state: State) -> Station:
        try:
            return self.fleet.add(description, state, secrets.randbits(64))
        except ValueError as error:
            raise SettingsError([f"station {description.id}: {error}"]) from None

    def _welcome(self, station: Station, *, boots: bool, after: asyncio.Task[None] | None = None) -> None:
        self._start(station, boots=boots, after=after)
        self.fleet.tell(station.id, "station_added")
        if self.mqtt is not None:
            self.mqtt.added(station)
        log.info("station.added", station=station.id)

    def _forget(self, name: str) -> None:
        """Let a station go for good."""
        self._take_out(name)
        self._store.forget(name)
        self.keys.forget(name)

    def _take_out(self, name: str) -> None:
        """Let a station go; who waits for it is told."""
        station = self.fleet.stations[name]
        for key in list(station.state.requests):
            station.finish(key, CommandError("unknown_station", f"station {name!r} has been removed"))
        self._dismiss(name)
        self.fleet.traced.discard(name)

    def _dismiss(self, name: str) -> asyncio.Task[None]:
        """Take a station out; its link, which is returned, may still be closing."""
        station = self.fleet.stations[name]
        self.fleet.tell(name, "station_removed")
        self.fleet.flush()
        link, ear = self._links.pop(name)
        ear.deaf = True
        link.cancel()
        self.fleet.remove(name)
        if self.mqtt is not None:
            self.mqtt.removed(station)
        log.info("station.removed", station=name)
        return link

    def _start(self, station: Station, *, boots: bool, after: asyncio.Task[None] | None = None) -> None:
        """Start a station, its link as soon as the one `after` which it comes has closed."""
        if self._group is None:
            raise RuntimeError("the daemon does not run")
        ear = _Ear(self.fleet)
        link = Link(station.id, ear, self.clock, self._handshakes, random.random, self._file_of)
        work = link.run() if after is None else _run(link, after)
        self._links[station.id] = self._group.create_task(work, name=f"link[{station.id}]"), ear
        self.fleet.start(station, link, boots=boots)

    # What it says of itself

    def info(self) -> DaemonInfo:
        """`daemon/<id>/info` without `boot`."""
        return {
            "version": __version__,
            "api": 1,
            "stations": len(self.fleet.stations),
            "started": format_time(self._started),
        }

    def health(self) -> Health:
        """`daemon/<id>/health`."""
        import psutil  # noqa: PLC0415 - for those alone whose health is asked for

        stations = list(self.fleet.stations.values())
        up = sum(it.state.csms.connected for it in stations)
        queued = sum(len(it.state.outbox.queue) for it in stations)
        mqtt = self.mqtt
        return {
            "uptime_s": round(self.clock.time() - self._started),
            "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
            "csms": {"up": up, "down": len(stations) - up, "queued": queued},
            "mqtt": {"queued": mqtt.queued if mqtt else 0, "dropped": mqtt.dropped if mqtt else 0},
            "loop_lag_ms": round(self.loop_lag_s * 1000, 1),
        }


async def _run(link: Link, after: asyncio.Task[None]) -> None:
    """One identity has one connection at a time (Part 4, 5.1)."""
    await asyncio.wait([after])
    await link.run()
