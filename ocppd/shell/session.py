"""A conversation with the daemons of a broker: lines go in, answers and events come out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

import aiomqtt

from ocppd.client import Client
from ocppd.core.errors import CommandError, OcppdError
from ocppd.descriptions import command_lines
from ocppd.edge.mqtt.topics import Scope, TargetError, encode, parse_state, parse_target
from ocppd.shell.catalogue import Catalogue
from ocppd.shell.grammar import LOCAL, Line, read_arguments, read_line
from ocppd.telling import json_object, printable

Json = dict[str, Any]
Argument = str | Json

_HELLO_S = 3.0
_TOGETHER_S = 0.05  # daemons tell several things when they come up; one look is enough


class NobodyError(OcppdError):
    """Nobody is there, or has answered, in words for people."""


class Session:
    """One conversation; `daemon` is who is meant by that word.

    `happened` is given the events that are shown, `told` what else is worth a word, and `sent` what a line
    has said: to whom, the command, and its argument.
    """

    def __init__(
        self,
        base: str,
        daemon: str,
        timeout_s: float,
        happened: Callable[[Json], None] = lambda _event: None,
        told: Callable[[str], None] = lambda _words: None,
        sent: Callable[[Scope, str, Argument], None] = lambda _scope, _command, _argument: None,
    ) -> None:
        self.catalogue = Catalogue()
        self.target: Scope | None = None
        self.shows: list[str] = ["*"]
        """Patterns of the names of events."""
        self.client: Client | None = None
        self._base = base
        self._daemon = daemon
        self._timeout_s = timeout_s
        self._happened = happened
        self._told = told
        self._sent = sent
        self._unasked: set[str] = set()
        self._wake = asyncio.Event()
        self._seen, self._loaded = asyncio.Event(), asyncio.Event()
        self._subscribed: list[str] = []
        self._asked: deque[str] = deque(maxlen=100)  # whose answers need not be told twice

    # The connection

    async def met(self, client: Client) -> None:
        """There is a connection."""
        self.client, self._subscribed = client, []
        self.catalogue.daemons.clear()
        await client.subscribe(["daemon/+/state", "daemon/+/info"])
        await self._follow()

    def lost(self) -> None:
        """It has gone."""
        self.client = None

    def heard(self, topic: str, payload: bytes) -> None:
        """A message has come."""
        found = parse_state(self._base, topic)
        if found is None:
            return
        scope, leaf = found
        if scope.kind == "daemon":
            self._daemon_says(scope.name, leaf, payload)
        elif leaf == "event" and self._is_meant(scope.name):
            event = json_object(payload)
            is_echo = event.get("event") == "command" and event.get("request_id") in self._asked
            if not is_echo and any(
                fnmatchcase(str(event.get("event", "")), pattern) for pattern in self.shows
            ):
                self._happened(event)

    def _daemon_says(self, name: str, leaf: str, payload: bytes) -> None:
        if leaf == "state":
            state = printable(payload.decode(errors="replace"), 20)
            if self.catalogue.daemons.get(name) == state or len(self.catalogue.daemons) > 100:
                return
            self.catalogue.daemons[name] = state
            self._told(f"daemon {printable(name, 64)} is {state or 'gone'}")
        if self.catalogue.daemons.get(name) == "online":
            self._unasked.add(name)
            self._wake.set()
            self._seen.set()

    async def load(self) -> None:
        """Ask daemons what they have, whenever one has come or has changed; until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._wake.clear()
            asked, self._unasked = self._unasked, set()
            await self.refresh(asked)

    async def refresh(self, daemons: Iterable[str]) -> None:
        """Ask these daemons what they have."""
        for name in daemons:
            if self.client is None:
                return
            with suppress(aiomqtt.MqttError):  # whoever keeps the connection knows
                await self.catalogue.load(self.client, name)
            self._loaded.set()

    @asynccontextmanager
    async def at(self, client: Client, *, within_s: float = _HELLO_S) -> AsyncIterator[None]:
        """Talk over a connection that is there as long as the block runs.

        Raises:
            NobodyError: there is no daemon.
        """
        loader = asyncio.create_task(self.load(), name="shell-load")
        try:
            await self.met(client)
            await self._ready(within_s)
            yield
        finally:
            loader.cancel()
            await asyncio.wait([loader])

    async def _ready(self, within_s: float) -> None:
        """Wait until the first daemon has said what it has, or lets us wait too long for that.

        Raises:
            NobodyError: there is no daemon.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._seen.wait()
        except TimeoutError:
            raise NobodyError("no daemon is online") from None
        await self._loaded.wait()

    # Events

    async def _follow(self) -> None:
        """Listen to the events of the target, or of all stations."""
        wanted = [f"station/{self._level()}/event"] if self.shows else []
        if self.client is None or wanted == self._subscribed:
            return
        await self.client.unsubscribe(self._subscribed)
        await self.client.subscribe(wanted)
        self._subscribed = wanted

    def _level(self) -> str:
        if self.target is None or self.target.kind in ("daemon", "group", "all"):
            return "+"
        return encode(self.target.name)

    def _is_meant(self, station: str) -> bool:
        if self.target is None or self.target.kind != "group":
            return True
        known = self.catalogue.stations.get(station)
        return known is not None and self.target.name in known["groups"]

    # Lines

    async def do(self, text: str) -> Json | None:
        """What comes of a line: an answer as the MQTT API has it, also to words of the shell itself.

        None where there is nothing to answer to. EOFError for `exit`.

        Raises:
            NobodyError: nobody is there, or has answered.
            aiomqtt.MqttError: the connection has gone.
            EOFError: it says that this is the end.
        """
        command = ""
        try:
            line = read_line(text, self.catalogue.all_commands)
            if line is None:
                return None
            command = line.command
            if line.target is None and command in LOCAL:
                return {"ok": True, "command": command} | await self._local(command, line.rest.split())
            return await self._send(line)
        except CommandError as error:
            wrong = {"code": error.code, "message": error.message}
            more = {"details": error.details} if error.details else {}
            return {"ok": False, "command": command, "error": wrong | more}

    async def _send(self, line: Line) -> Json:
        scope = self._scope(line)
        known = self.catalogue.of(scope.kind)
        if self.client is None:
            raise NobodyError("there is no connection to the broker")
        if known and line.command not in known:
            is_mistyped = scope.kind == "station" and scope.name not in self.catalogue.stations
            raise self._unknown(scope.name if is_mistyped else line.command, scope, known)
        said = argument = read_arguments(line.rest, known.get(line.command))
        if isinstance(argument, dict):
            argument = {"request_id": uuid4().hex} | argument
            self._asked.append(str(argument["request_id"]))
        await self._expect(scope)
        self._sent(scope, line.command, said)
        try:
            return await self.client.send(scope, line.command, argument, timeout_s=self._timeout_s)
        except TimeoutError:
            raise NobodyError("nobody has answered") from None

    def _scope(self, line: Line) -> Scope:
        if line.target is not None:
            return self._parse(line.target)
        if line.command in self.catalogue.own and line.command not in self.catalogue.commands:
            return Scope("daemon", self._daemon)
        if self.target is None:
            if line.command in self.catalogue.all_commands:
                raise CommandError("missing_argument", f"to whom? `use TARGET`, or `TARGET {line.command}`")
            raise self._unknown(line.command, Scope("all"), self.catalogue.all_commands)
        return self.catalogue.fitting(self.target, line.command)

    def _parse(self, target: str) -> Scope:
        try:
            return parse_target(f"daemon/{self._daemon}" if target == "daemon" else target)
        except TargetError as error:
            raise CommandError("invalid_argument", str(error)) from None

    def _unknown(self, command: str, scope: Scope, known: Iterable[str]) -> CommandError:
        if command in self.catalogue.all_commands:
            return CommandError("not_allowed", f"{command} is not for the scope {scope.kind}")
        near = get_close_matches(command, [*known, *LOCAL], n=3)
        hint = f", did you mean {' or '.join(near)}?" if near else ""
        return CommandError(
            "unknown_command", f"there is no command {command[:40]!r}{hint}", {"nearest": near}
        )

    async def _expect(self, scope: Scope) -> None:
        """Do not send to a station, or a daemon, that nobody has: no answer would come for a long time."""
        if not self.catalogue.online:
            raise NobodyError("no daemon is online")
        if scope.kind == "daemon" and self.catalogue.daemons.get(scope.name) != "online":
            raise CommandError("unknown_station", f"there is no daemon {scope.name!r} online")
        if scope.kind not in ("station", "evse", "connector") or scope.name in self.catalogue.stations:
            return
        if not self.catalogue.is_told:  # who may not ask the daemon may still be allowed to command a station
            return
        await self.refresh(self.catalogue.online)
        if scope.name not in self.catalogue.stations:
            near = get_close_matches(scope.name, self.catalogue.stations, n=3)
            hint = f", did you mean {' or '.join(near)}?" if near else ""
            raise CommandError("unknown_station", f"no daemon that is online has {scope.name!r}{hint}")

    # Words of the shell itself

    async def _local(self, word: str, arguments: list[str]) -> Json:
        match word:
            case "exit":
                raise EOFError
            case "use":
                return await self._use(arguments)
            case "events":
                return await self._events(arguments)
            case "stations":
                return await self._stations(arguments)
            case _:
                return self._help(arguments)

    async def _use(self, arguments: list[str]) -> Json:
        self.target = self._parse(arguments[0]) if arguments else None
        await self._follow()
        return {"result": {"target": target_words(self.target)}}

    async def _events(self, arguments: list[str]) -> Json:
        match arguments:
            case ["on"]:
                self.shows = ["*"]
            case ["off"]:
                self.shows = []
            case [_, *_]:
                self.shows = arguments
        await self._follow()
        shown = "off" if not self.shows else "on" if self.shows == ["*"] else " ".join(self.shows)
        return {"result": {"events": shown, "of": target_words(self.target) or "all"}}

    async def _stations(self, arguments: list[str]) -> Json:
        await self.refresh(self.catalogue.online)
        pattern = arguments[0] if arguments else "*"
        found = [it for name, it in self.catalogue.stations.items() if fnmatchcase(name, pattern)]
        return {"result": {"stations": found}}

    def _help(self, arguments: list[str]) -> Json:
        if not arguments:
            commands = {
                name: it["help"].partition("\n")[0] for name, it in self.catalogue.all_commands.items()
            }
            return {"result": {"shell": dict(LOCAL), "commands": commands}}
        name = arguments[0]
        if name in LOCAL:
            return {"result": {"help": [f"{name}: {LOCAL[name]}"]}}
        known = self.catalogue.all_commands.get(name)
        if known is None:
            raise self._unknown(name, Scope("all"), self.catalogue.all_commands)
        return {"result": {"help": command_lines(known)}}


def target_words(target: Scope | None) -> str:
    """A target as it is typed; nothing for none."""
    if target is None:
        return ""
    name = (
        f"{target.kind}/{target.name}" if target.kind in ("daemon", "group") else target.name or target.kind
    )
    return "/".join(str(it) for it in (name, target.evse, target.connector) if it is not None)
