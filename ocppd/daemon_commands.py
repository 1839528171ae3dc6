"""The commands to the daemon itself; their signatures and docstrings describe them, as a station's do."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le

from ocppd import log
from ocppd.core import on
from ocppd.core.errors import CommandError
from ocppd.core.station import Done
from ocppd.descriptions import describe_command

if TYPE_CHECKING:
    from ocppd.daemon import Daemon


@on.command("ping")
def ping(daemon: Daemon) -> Done:
    """Answer with the daemon's health."""
    return Done(changed=False, result={**daemon.info(), **daemon.health()})


@on.command("list")
def list_stations(
    daemon: Daemon,
    filter: str = "*",  # noqa: A002 - the key of the MQTT API
    limit: Annotated[int, Ge(1), Le(1000)] = 100,
    cursor: str = "",
) -> Done:
    """List the stations whose identity matches `filter` (`CP0*`), `limit` at a time.

    Where there are more, the answer's `cursor` is where to go on.
    """
    names = [name for name in sorted(daemon.fleet.stations) if name > cursor and fnmatchcase(name, filter)]
    page = [daemon.fleet.stations[name] for name in names[:limit]]
    stations = [
        {
            "station": it.id,
            "connected": it.state.csms.connected,
            "registration": it.state.boot.registration,
            "evses": len(it.state.evses),
            "groups": list(it.description.groups),
        }
        for it in page
    ]
    more = page[-1].id if len(names) > limit else None
    return Done(changed=False, result={"stations": stations, "cursor": more})


@on.command("commands")
def list_commands(daemon: Daemon, filter: str = "*") -> Done:  # noqa: A002 - the key of the MQTT API
    """List the commands whose name matches `filter` (`get-*`), with their scopes, arguments and help."""
    described = [
        *(describe_command(it) for it in daemon.fleet.commands.by_name.values()),
        *(describe_command(it, daemon=True) for it in daemon.commands.by_name.values()),
    ]
    found = [it for it in described if fnmatchcase(it["name"], filter)]
    return Done(changed=False, result={"commands": found})


@on.command("add-station")
def add_station(
    daemon: Daemon,
    id: str,  # noqa: A002 - the key of the configuration
    settings: dict[str, Any] | None = None,
) -> Done:
    """Take a station in, with the `settings` that stand under `stations` in the configuration.

    It is kept in the state file. `password_file` is not allowed here.
    """
    description = daemon.add_station({**(settings or {}), "id": id})
    return Done(result={"station": description.id})


@on.command("remove-station")
def remove_station(daemon: Daemon, id: str) -> Done:  # noqa: A002 - the key of the configuration
    """Let a station go, with its state and its topics.

    One of the configuration comes back at the next start.
    """
    daemon.remove_station(id)
    return Done(result={"station": id})


@on.command("republish")
def republish(daemon: Daemon) -> Done:
    """Publish all retained state anew."""
    if daemon.mqtt is not None:
        daemon.mqtt.republish()
    return Done(changed=False, result={"stations": len(daemon.fleet.stations)})


@on.command("log-level")
def log_level(daemon: Daemon, level: Literal["debug", "info", "warning", "error"]) -> Done:
    """Write log lines of `level` and above from now on."""
    log.set_level(level)
    return Done(result={"level": level, "daemon": daemon.settings.daemon.id})


@on.command("trace")
def trace(daemon: Daemon, on: bool = True, stations: list[str] | None = None) -> Done:
    """Publish the raw OCPP frames of `stations`, or of all, on `ocpp/tx` and `ocpp/rx`; OFF ends it."""
    known = daemon.fleet.stations
    unknown = [name for name in stations or () if name not in known]
    if unknown:
        raise CommandError("unknown_station", f"stations: there is no {unknown[0]!r} here")
    wanted = set(known if stations is None else stations)
    before = set(daemon.fleet.traced)
    daemon.fleet.traced = before | wanted if on else before - wanted
    return Done(changed=daemon.fleet.traced != before, result={"traced": len(daemon.fleet.traced)})
