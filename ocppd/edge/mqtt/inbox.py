"""Commands: a message becomes one, its outcome becomes an answer. Exactly one for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocppd.core.errors import CommandError
from ocppd.core.times import format_time
from ocppd.edge.mqtt.outgoing import Message, message
from ocppd.edge.mqtt.topics import Scope, allowed_response_topic, parse_command, response_topic
from ocppd.payload import Payload, is_release, parse

if TYPE_CHECKING:
    from ocppd.clock import Clock
    from ocppd.core.state import Request
    from ocppd.core.station import Answer
    from ocppd.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as the broker handed it over."""

    topic: str
    payload: bytes
    retain: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where the answer goes: always to `topic`, and to the asker's own where that is allowed."""

    topic: str
    scope: Scope
    command: str
    received: float
    reply_to: str | None = None
    correlation: bytes | None = None
    warnings: tuple[str, ...] = ()


class Inbox:
    """The commands that were asked over MQTT, and their answers.

    `put` queues what is to be published, `response_topics` are the filters that an asker's own topic must
    match. While `closed`, commands are refused.
    """

    def __init__(
        self,
        fleet: Fleet,
        clock: Clock,
        put: Callable[[Message], None],
        base: str,
        daemon: str,
        response_topics: Sequence[str],
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._put = put
        self._base = base
        self._daemon = daemon
        self._response_topics = response_topics
        self._asked: dict[int, _Asked] = {}
        self.closed = False

    def receive(self, incoming: Incoming) -> None:
        """Run the command in `incoming`; what is none, brokers send that too, is not ours to judge."""
        found = parse_command(self._base, incoming.topic)
        if found is None or (incoming.retain and not incoming.payload):
            return
        asked = self._who_asks(incoming, *found)
        request_id: str | None = None
        try:
            if incoming.retain:
                self._ignore(asked)
            if self.closed:
                raise CommandError("not_allowed", "the daemon stops")
            payload = parse(incoming.payload)
            request_id = _request_id(payload)
            self._run(asked, payload)
        except CommandError as error:
            self._answer(asked, {"request_id": request_id} | _error(error))

    def answered(self, answer: Answer) -> None:
        """Tell the outcome to whoever asked; after a restart of the daemon, on the fixed topic alone."""
        request = answer.request
        asked = self._asked.pop(request.key, None) or self._of_the_last_run(request)
        said: dict[str, Any] = {
            "evse": request.evse,
            "connector": request.connector,
            "request_id": request.request_id,
        }
        if answer.error is not None:
            self._answer(asked, said | _error(answer.error))
        elif answer.done is not None:
            outcome = {"changed": answer.done.changed, "result": answer.done.result}
            self._answer(asked, said | {"ok": True} | outcome | {"warnings": request.warnings})

    def _who_asks(self, incoming: Incoming, scope: Scope, command: str) -> _Asked:
        topic = response_topic(self._base, scope, command)
        now, reply_to = self._clock.time(), incoming.response_topic
        if reply_to is None or reply_to == topic:
            return _Asked(topic, scope, command, now, None, incoming.correlation)
        refusal = allowed_response_topic(reply_to, self._response_topics)
        if refusal is not None:
            warning = f"the ResponseTopic is refused: {refusal}"
            return _Asked(topic, scope, command, now, None, incoming.correlation, (warning,))
        return _Asked(topic, scope, command, now, reply_to, incoming.correlation)

    def _of_the_last_run(self, request: Request) -> _Asked:
        scope = Scope("station", request.station)
        if request.connector is not None:
            scope = Scope("connector", request.station, request.evse, request.connector)
        elif request.evse is not None:
            scope = Scope("evse", request.station, request.evse)
        topic = response_topic(self._base, scope, request.command)
        return _Asked(topic, scope, request.command, request.received)

    def _ignore(self, asked: _Asked) -> None:
        """A retained command would come again at every connect: it is refused, and told (section 3)."""
        if asked.scope.name in self._fleet.stations:
            reason = "retained_command"
            self._fleet.tell(asked.scope.name, "command_ignored", command=asked.command, reason=reason)
        raise CommandError("retained_command", "commands must not be retained: delete this message")

    def _run(self, asked: _Asked, payload: Payload) -> None:
        scope = asked.scope
        if scope.kind not in ("station", "evse", "connector"):
            raise CommandError("unsupported", f"commands to {scope.kind} are not supported yet")
        if (
            payload.text is not None
            and is_release(payload.text)
            and self._fleet.commands.is_trigger(asked.command)
        ):
            self._answer(asked, {"ok": True, "changed": False, "ignored": "release"})
            return
        request = self._fleet.request(asked.command, scope.name, f"mqtt:{asked.command}", payload)
        self._asked[request.key] = asked
        try:
            self._fleet.command(request, payload, scope.evse, scope.connector)
        except CommandError:
            del self._asked[request.key]
            raise

    def _answer(self, asked: _Asked, said: dict[str, Any]) -> None:
        now = self._clock.time()
        content: dict[str, Any] = {"ok": False, "command": asked.command}
        if asked.scope.kind in ("station", "evse", "connector"):
            content["station"] = asked.scope.name
        numbers = {"evse": asked.scope.evse, "connector": asked.scope.connector}
        content |= {key: number for key, number in numbers.items() if number is not None}
        content |= {key: value for key, value in said.items() if value is not None or key == "request_id"}
        content["warnings"] = [*said.get("warnings", ()), *asked.warnings]
        content |= {
            "ms": round((now - asked.received) * 1000),
            "daemon": self._daemon,
            "ts": format_time(now),
        }
        found = message(asked.topic, content, qos=1)
        self._put(found)
        if asked.reply_to is not None:
            self._put(Message(asked.reply_to, found.payload, 1, correlation=asked.correlation))


def _request_id(payload: Payload) -> str | None:
    said = (payload.fields or {}).get("request_id")
    return said if isinstance(said, str) else None


def _error(error: CommandError) -> dict[str, Any]:
    details = {"details": error.details} if error.details else {}
    return {"ok": False, "error": {"code": error.code, "message": error.message, **details}}
