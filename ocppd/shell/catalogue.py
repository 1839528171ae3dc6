"""What there is to talk to and to say, as the daemons that are online tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ocppd.descriptions import CommandDescription
from ocppd.edge.mqtt.topics import Kind, Scope

if TYPE_CHECKING:
    from ocppd.client import Client

_SCOPES = ("station", "evse", "connector")
_PATIENCE_S = 5.0
_PAGE = 1000


class StationLine(TypedDict):
    """A station, as the command `list` tells of it; `daemon` is who told it."""

    station: str
    connected: bool
    registration: str
    evses: int
    groups: list[str]


_COMMANDS = TypeAdapter(list[CommandDescription])
_STATIONS = TypeAdapter(list[StationLine])


@dataclass
class Catalogue:
    """Commands of stations and of daemons, by name; stations by daemon and identity."""

    daemons: dict[str, str] = field(default_factory=dict)
    commands: dict[str, CommandDescription] = field(default_factory=dict)
    own: dict[str, CommandDescription] = field(default_factory=dict)
    _stations: dict[str, dict[str, StationLine]] = field(default_factory=dict)

    @property
    def online(self) -> list[str]:
        """The daemons that are there."""
        return sorted(name for name, state in self.daemons.items() if state == "online")

    @property
    def is_told(self) -> bool:
        """Whether any daemon has said what it has."""
        return bool(self._stations)

    @property
    def stations(self) -> dict[str, StationLine]:
        """Those of all daemons that are there, in their order."""
        found = {name: it for daemon in self.online for name, it in self._stations.get(daemon, {}).items()}
        return dict(sorted(found.items()))

    @property
    def groups(self) -> list[str]:
        """The groups that have a station."""
        return sorted({group for it in self.stations.values() for group in it["groups"]})

    @property
    def all_commands(self) -> dict[str, CommandDescription]:
        """Whatever a line may begin with."""
        return self.own | self.commands

    def of(self, kind: Kind) -> dict[str, CommandDescription]:
        """The commands that may be sent to such a scope: those for it, and for what is narrower."""
        if kind == "daemon":
            return self.own
        level = _SCOPES.index(kind) if kind in _SCOPES else 0
        narrow = {*_SCOPES[level:]}
        return {name: it for name, it in self.commands.items() if narrow & {*it["scopes"]}}

    def fitting(self, target: Scope, command: str) -> Scope:
        """`target`, or what is wider where the command needs that: the EVSE of a connector, its station."""
        known = self.commands.get(command)
        if known is None or target.kind not in _SCOPES:
            return target
        level = min(
            _SCOPES.index(target.kind),
            max((_SCOPES.index(it) for it in known["scopes"] if it in _SCOPES), default=2),
        )
        numbers = (target.evse, target.connector)[:level]
        kinds: tuple[Kind, ...] = ("station", "evse", "connector")
        return Scope(kinds[level], target.name, *numbers)

    async def load(self, client: Client, daemon: str) -> None:
        """Ask a daemon what it has; one that does not say it well has nothing.

        Raises:
            aiomqtt.MqttError: the connection has gone.
        """
        try:
            described = _COMMANDS.validate_python((await _ask(client, daemon, "commands"))["commands"])
            stations = await _list(client, daemon)
        except (TimeoutError, KeyError, ValidationError):
            return
        for it in described:
            if it["name"].isprintable():
                (self.own if it["scopes"] == ["daemon"] else self.commands)[it["name"]] = it
        self._stations[daemon] = {it["station"]: it for it in stations if it["station"].isprintable()}


async def _list(client: Client, daemon: str) -> list[StationLine]:
    found: list[StationLine] = []
    cursor: Any = ""
    while isinstance(cursor, str) and len(found) < 100 * _PAGE:
        page = await _ask(client, daemon, "list", limit=_PAGE, cursor=cursor)
        told = _STATIONS.validate_python(page["stations"])
        found += told
        cursor = page.get("cursor") if told else None
    return found


async def _ask(client: Client, daemon: str, command: str, **fields: Any) -> dict[str, Any]:
    answer = await client.send(Scope("daemon", daemon), command, fields, timeout_s=_PATIENCE_S)
    result = answer.get("result")
    return result if isinstance(result, dict) else {}
