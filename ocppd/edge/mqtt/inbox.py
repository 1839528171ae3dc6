"""Commands: a message becomes one, its outcome becomes an answer. Exactly one for each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import structlog

from ocppd.commands import Commands, read_seconds
from ocppd.core.errors import CommandError
from ocppd.core.station import Done
from ocppd.core.times import format_time
from ocppd.edge.mqtt.doorman import Doorman, refuse_expired
from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.outgoing import Message
from ocppd.edge.mqtt.topics import (
    OddCommand,
    Scope,
    allowed_response_topic,
    parse_command,
    parse_odd_command,
    response_topic,
)
from ocppd.payload import Payload, is_release, parse, switch

if TYPE_CHECKING:
    from ocppd.clock import Clock
    from ocppd.core.state import Request
    from ocppd.core.station import Answer
    from ocppd.fleet import Fleet

log = structlog.get_logger()

# Commands of one station that may wait for their outcome at the same time.
_MOST_WAITING = 100
# What nobody should do to many stations by one message.
NEVER_TO_MANY = frozenset({"reset", "power", "remove-station"})
_ERRORS_TOLD = 10
# How the cause of a command begins that was asked for here.
_CAUSE = "mqtt:"
_OF_A_STATION = ("station", "evse", "connector")


class Commanded(Protocol):
    """The daemon, as somebody who is commanded."""

    @property
    def id(self) -> str:
        """Its name in topics."""

    @property
    def commands(self) -> Commands:
        """What it can be told."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as the broker handed it over."""

    topic: str
    payload: bytes
    retain: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(slots=True)
class _Asked:
    """A command that was asked. `identity` is what makes it the same as another, None where nothing does."""

    scope: Scope
    command: str
    received: float
    topic: str
    reply_to: str | None = None
    correlation: bytes | None = None
    warnings: list[str] = field(default_factory=list)
    identity: Hashable = None
    request_id: str | None = None


@dataclass(slots=True)
class _Gathering:
    """A command to many stations: its answer is told when all of theirs are there."""

    asked: _Asked
    matched: int
    ok: int = 0
    failed: list[tuple[str, CommandError]] = field(default_factory=list)
    warnings: dict[str, None] = field(default_factory=dict)


class Inbox:
    """The commands that were asked over MQTT, and their answers.

    `put` queues what is to be published, `response_topics` are the filters that an asker's own topic must
    match. While `closed`, commands are refused.
    """

    def __init__(
        self,
        fleet: Fleet,
        daemon: Commanded,
        clock: Clock,
        put: Callable[[Message], None],
        base: str,
        response_topics: Sequence[str] = (),
        inputs: Sequence[Input] = (),
    ) -> None:
        self.closed = False
        self._fleet = fleet
        self._clock = clock
        self._put = put
        self._base = base
        self._daemon = daemon
        self._response_topics = response_topics
        self._inputs = inputs
        self._doorman = Doorman()
        self._asked: dict[int, _Asked | _Gathering] = {}

    # Messages

    def receive(self, incoming: Incoming) -> None:
        """Run the command in `incoming`; what is none, brokers send that too, is not ours to judge."""
        found = parse_command(self._base, incoming.topic)
        if found is None and (odd := parse_odd_command(self._base, incoming.topic)) is not None:
            self._refuse_odd(odd, incoming)
        elif found is None:
            self._receive_foreign(incoming)
        elif incoming.payload or not incoming.retain:
            self._receive_command(self._who_asks(incoming, *found), incoming)

    def _receive_command(self, asked: _Asked, incoming: Incoming) -> None:
        payload, unreadable = Payload(), None
        try:
            payload = parse(incoming.payload)
        except CommandError as error:
            unreadable = error
        asked.request_id = _request_id(payload)
        try:
            self._refuse_untimely(asked, incoming)
            if unreadable is not None:
                raise unreadable
            if not self._is_double(asked, incoming):
                self._run(asked, payload)
        except CommandError as error:
            self._refuse(asked, error)

    def _refuse_odd(self, odd: OddCommand, incoming: Incoming) -> None:
        """A command of a station of ours that cannot be one: it is answered all the same."""
        if odd.scope.name not in self._fleet.stations or (incoming.retain and not incoming.payload):
            return
        asked = self._asked_on(odd.response_topic, incoming, odd.scope, odd.command)
        with suppress(CommandError):
            asked.request_id = _request_id(parse(incoming.payload))
        self._refuse(asked, CommandError(odd.code, odd.message))

    def _receive_foreign(self, incoming: Incoming) -> None:
        """A message of `mqtt.inputs`; a retained one tells of the past."""
        for source in () if incoming.retain else self._inputs:
            for command, payload in source.commands(incoming.topic, incoming.payload):
                topic = response_topic(self._base, source.scope, command)
                asked = _Asked(source.scope, command, self._clock.time(), topic)
                self._receive_command(asked, Incoming(incoming.topic, payload))

    def _who_asks(self, incoming: Incoming, scope: Scope, command: str) -> _Asked:
        return self._asked_on(response_topic(self._base, scope, command), incoming, scope, command)

    def _asked_on(self, topic: str, incoming: Incoming, scope: Scope, command: str) -> _Asked:
        asked = _Asked(scope, command, self._clock.time(), topic, correlation=incoming.correlation)
        reply_to = incoming.response_topic
        if reply_to is None or reply_to == topic:
            return asked
        refusal = self._why_not_to(reply_to)
        if refusal is None:
            asked.reply_to = reply_to
        else:
            asked.warnings.append(f"the ResponseTopic is refused: {refusal}")
        return asked

    def _why_not_to(self, reply_to: str) -> str | None:
        if parse_command(self._base, reply_to) is not None:
            return "an answer is no command"
        return allowed_response_topic(reply_to, self._response_topics)

    def _refuse_untimely(self, asked: _Asked, incoming: Incoming) -> None:
        """A retained command would come again at every connect: it is refused, and told (section 3)."""
        if self.closed:
            raise CommandError("not_allowed", "the daemon stops")
        if not incoming.retain:
            return
        if asked.scope.kind in _OF_A_STATION and asked.scope.name in self._fleet.stations:
            reason = "retained_command"
            self._fleet.tell(asked.scope.name, "command_ignored", command=asked.command, reason=reason)
        raise CommandError("retained_command", "commands must not be retained: delete this message")

    def _is_double(self, asked: _Asked, incoming: Incoming) -> bool:
        """Whether the same was asked a moment ago; then that is answered here."""
        if asked.request_id is not None:
            asked.identity = (asked.topic, asked.request_id)
        elif incoming.response_topic and incoming.correlation:
            asked.identity = (asked.topic, incoming.response_topic, incoming.correlation)
        else:
            contact = (incoming.topic, asked.topic, incoming.payload)
            if not self._doorman.bounces(contact, asked.command, asked.received):
                return False
            self._tell(asked, {"ok": True, "changed": False, "ignored": "debounce"})
            return True
        known = self._doorman.asked_before(asked.identity, asked.received)
        if known is None:
            return False
        if known.answer is None:
            known.waiting.append(asked)
        else:
            self._publish(asked, known.answer | {"duplicate": True})
        return True

    # Commands

    def _run(self, asked: _Asked, payload: Payload) -> None:
        refuse_expired(payload, asked.received)
        kind = asked.scope.kind
        commands = self._daemon.commands if kind == "daemon" else self._fleet.commands
        if payload.text is not None and commands.is_trigger(asked.command):
            if is_release(payload.text):
                self._tell(asked, {"ok": True, "changed": False, "ignored": "release"})
                return
            if switch(payload.text) is True:
                payload = Payload()
        if kind == "daemon":
            self._run_for_daemon(asked, payload)
        elif kind in _OF_A_STATION:
            self._run_for_one(asked, asked.scope, asked.command, payload)
        else:
            self._run_for_many(asked, payload)

    def _run_for_daemon(self, asked: _Asked, payload: Payload) -> None:
        with _bugs_answered(asked.command):
            done, warnings = self._daemon.commands.run(asked.command, self._daemon, payload)
        self._tell(asked, _outcome(done) | {"warnings": warnings})

    def _run_for_one(self, waits: _Asked | _Gathering, scope: Scope, command: str, payload: Payload) -> None:
        request = self._fleet.request(command, scope.name, f"{_CAUSE}{command}", payload)
        station = self._fleet.stations.get(scope.name)
        if station is not None and len(station.state.requests) >= _MOST_WAITING:
            raise CommandError("busy", f"{_MOST_WAITING} commands of this station wait already")
        self._asked[request.key] = waits
        try:
            with _bugs_answered(command):
                self._fleet.command(request, payload, scope.evse, scope.connector)
        except CommandError:
            del self._asked[request.key]
            raise

    def _run_for_many(self, asked: _Asked, payload: Payload) -> None:
        """Every station of the group, each after a random delay within `spread_s`."""
        if asked.command in NEVER_TO_MANY:
            raise CommandError("not_allowed", f"{asked.command} is for one station at a time")
        self._fleet.commands.find(asked.command)
        spread = read_seconds(payload.fields or {}, "spread_s", 0.0)
        names = self._fleet.members(asked.scope.name if asked.scope.kind == "group" else None)
        gathering = _Gathering(asked, len(names))
        for name in names:
            if spread:
                delay = random.uniform(0, spread)  # noqa: S311 - to spread the load, no secret
                asyncio.get_running_loop().call_later(delay, self._run_for_one_of, gathering, name, payload)
            else:
                self._run_for_one_of(gathering, name, payload)
        if not names:
            self._gather(gathering)

    def _run_for_one_of(self, gathering: _Gathering, name: str, payload: Payload) -> None:
        try:
            self._run_for_one(gathering, Scope("station", name), gathering.asked.command, payload)
        except CommandError as error:
            gathering.failed.append((name, error))
            self._gather(gathering)

    def _gather(self, gathering: _Gathering) -> None:
        """Tell the answer of many once there is none to wait for any more."""
        if gathering.ok + len(gathering.failed) < gathering.matched:
            return
        errors = [
            {"station": name, "code": error.code, "message": error.message}
            for name, error in gathering.failed[:_ERRORS_TOLD]
        ]
        counts = {"matched": gathering.matched, "ok_count": gathering.ok, "errors": errors}
        told = {"ok": not gathering.failed, **counts, "warnings": list(gathering.warnings)}
        self._tell(gathering.asked, told)

    # Answers

    def answered(self, answer: Answer) -> None:
        """Tell the outcome to whoever asked; after a restart of the daemon, on the fixed topic alone."""
        request = answer.request
        if not request.cause.startswith(_CAUSE):
            return  # nobody has asked here: a scenario has
        waits = self._asked.pop(request.key, None) or self._of_the_last_run(request)
        if isinstance(waits, _Gathering):
            waits.warnings |= dict.fromkeys(request.warnings)
            if answer.error is not None:
                waits.failed.append((request.station, answer.error))
            else:
                waits.ok += 1
            self._gather(waits)
            return
        place = {"evse": request.evse, "connector": request.connector}
        known_place = {key: number for key, number in place.items() if number is not None}
        if answer.error is not None:
            self._tell(waits, known_place | _error(answer.error))
        elif answer.done is not None:
            self._tell(waits, known_place | _outcome(answer.done) | {"warnings": request.warnings})

    def _of_the_last_run(self, request: Request) -> _Asked:
        scope = Scope("station", request.station)
        if request.connector is not None:
            scope = Scope("connector", request.station, request.evse, request.connector)
        elif request.evse is not None:
            scope = Scope("evse", request.station, request.evse)
        topic = response_topic(self._base, scope, request.command)
        return _Asked(scope, request.command, request.received, topic, request_id=request.request_id)

    def _refuse(self, asked: _Asked, error: CommandError) -> None:
        self._tell(asked, _error(error))

    def _tell(self, asked: _Asked, said: dict[str, Any]) -> None:
        """Complete the answer, publish it, and keep it for whoever asks the same again."""
        now, scope = self._clock.time(), asked.scope
        content: dict[str, Any] = {"ok": False, "command": asked.command}
        if scope.kind in _OF_A_STATION:
            content["station"] = scope.name
        numbers = {"evse": scope.evse, "connector": scope.connector}
        content |= {key: number for key, number in numbers.items() if number is not None}
        content |= {"request_id": asked.request_id, **said}
        content["warnings"] = [*said.get("warnings", ()), *asked.warnings]
        content |= {
            "ms": round((now - asked.received) * 1000),
            "daemon": self._daemon.id,
            "ts": format_time(now),
        }
        self._publish(asked, content)
        if asked.identity is not None:
            for other in self._doorman.answered(asked.identity, content, now):
                self._publish(other, content | {"duplicate": True})

    def _publish(self, asked: _Asked, content: dict[str, Any]) -> None:
        payload = orjson.dumps(content)
        for topic in filter(None, (asked.topic, asked.reply_to)):
            self._put(Message(topic, payload, 1, correlation=asked.correlation))


def _request_id(payload: Payload) -> str | None:
    said = (payload.fields or {}).get("request_id")
    return said if isinstance(said, str) else None


def _outcome(done: Done) -> dict[str, Any]:
    return {"ok": True, "changed": done.changed, "result": done.result}


def _error(error: CommandError) -> dict[str, Any]:
    details = {"details": error.details} if error.details else {}
    return {"ok": False, "error": {"code": error.code, "message": error.message, **details}}


@contextmanager
def _bugs_answered(command: str) -> Iterator[None]:
    """A bug of ours in one command is logged and answered; it must not take all others down."""
    try:
        yield
    except CommandError:
        raise
    except Exception as error:
        log.exception("command.bug", command=command)
        raise CommandError("internal", repr(error)) from error
