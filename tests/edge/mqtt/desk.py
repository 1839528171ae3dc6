"""An inbox with its stations, without a broker: time is by hand, and the CSMS answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ocppd import daemon_commands
from ocppd.blocks import handlers
from ocppd.clock import Clock
from ocppd.commands import Commands
from ocppd.core.description import Connector, Evse, Hardware, StationDescription
from ocppd.core.errors import CallError
from ocppd.core.on import Handlers
from ocppd.core.state import State
from ocppd.core.station import Answer, Event, Station
from ocppd.core.times import format_time
from ocppd.edge.mqtt.inbox import Inbox, Incoming
from ocppd.edge.mqtt.inputs import Input
from ocppd.edge.mqtt.outgoing import Message
from ocppd.fleet import Fleet, Mirror
from tests.bench import ManualClock

Json = dict[str, Any]
Reply = Json | CallError | Callable[[Json], Json] | None

PATTERNS = ("reply/#", "ocppd/v1/reply/#")
"""The default of `mqtt.response_topics`."""
TWO_BY_TWO = Hardware(evses=(Evse(connectors=(Connector(), Connector())),) * 2)
"""Two EVSEs with two connectors each."""


def station(name: str = "CP001", hardware: Hardware | None = None, *groups: str) -> StationDescription:
    return StationDescription(name, hardware or Hardware(), serial="SN0001", groups=groups)


class Csms:
    """Answers every call with `answers[action]`: a payload, a function of the request, a CallError or,
    with None, never. `heard` is every call, with its station."""

    def __init__(self, clock: Clock) -> None:
        self.heard: list[tuple[str, str, Json]] = []
        self.answers: dict[str, Reply] = {
            "BootNotification": lambda _: {
                "currentTime": format_time(clock.time()),
                "interval": 300,
                "status": "Accepted",
            },
            "Heartbeat": lambda _: {"currentTime": format_time(clock.time())},
            "Authorize": {"idTokenInfo": {"status": "Accepted"}},
        }

    def requests(self, action: str) -> list[Json]:
        """The payloads of that action."""
        return [payload for _, found, payload in self.heard if found == action]

    def answer(self, station: str, frame: str) -> list[Any] | None:
        """What it says to a frame of that station."""
        kind, message_id, *rest = json.loads(frame)
        if kind != 2:
            return None
        action, payload = rest
        self.heard.append((station, action, payload))
        reply = self.answers.get(action, {})
        if reply is None:
            return None
        if isinstance(reply, CallError):
            return [4, message_id, reply.code, reply.description, reply.details]
        return [3, message_id, reply(payload) if callable(reply) else reply]


@dataclass
class Line:
    """The link of a station: what it sends, and what it was told."""

    station: str
    sent: list[tuple[str, str]]

    def send(self, text: str) -> None:
        self.sent.append((self.station, text))

    def ping(self) -> None: ...
    def close(self, code: int, reason: str) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def disturb(self, chaos: object) -> None: ...
    def want(self, up: bool) -> None: ...


class Works:
    """Stations on lines to one CSMS, which answers when `settle` is called."""

    def __init__(
        self, clock: Clock, mirror: Mirror, schedule: Callable[[Callable[[], None]], object]
    ) -> None:
        self.clock = clock
        self.csms = Csms(clock)
        self.fleet = Fleet(clock, handlers(), mirror, lambda _: None, schedule)
        self._sent: list[tuple[str, str]] = []

    def add(self, description: StationDescription, *, online: bool = True) -> Station:
        """A new station, which has booted where it is `online`."""
        station = self.fleet.add(description, State(), seed=1)
        self.fleet.start(station, Line(description.id, self._sent), boots=True)
        if online:
            self.fleet.connected(description.id, "ocpp2.0.1")
        self.settle()
        return station

    def settle(self) -> None:
        """Let the CSMS answer until there is nothing more to answer."""
        self.fleet.flush()
        while self._sent:
            station, frame = self._sent.pop(0)
            answer = self.csms.answer(station, frame)
            if answer is not None and station in self.fleet.stations:
                self.fleet.received(station, json.dumps(answer))
                self.fleet.flush()


class Hall:
    """A daemon, as far as the inbox and its commands know it."""

    id = "lab1"

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.commands = Commands(Handlers.collect([daemon_commands]))

    def info(self) -> Json:
        return {"version": "0", "api": 1, "stations": len(self.fleet.stations), "started": "then"}

    def health(self) -> Json:
        return {"uptime_s": 1}


class Desk:
    """The inbox, whose answers are read where they are published."""

    def __init__(
        self,
        *stations: StationDescription,
        inputs: Sequence[Input] = (),
        response_topics: Sequence[str] = PATTERNS,
        online: bool = True,
    ) -> None:
        self.clock = ManualClock()
        self.events: list[Event] = []
        self.out: list[Message] = []
        self.works = Works(self.clock, self, lambda flush: flush())
        self.csms, self.fleet = self.works.csms, self.works.fleet
        self.hall = Hall(self.fleet)
        self.inbox = Inbox(
            self.fleet, self.hall, self.clock, self.out.append, "ocppd", response_topics, inputs
        )
        for it in stations or (station(),):
            self.works.add(it, online=online)
        self.forget()

    # The fleet's mirror

    def changed(self, station: Station) -> None: ...

    def traced(self, station: str, way: str, frame: str) -> None: ...

    def happened(self, station: Station, event: Event) -> None:
        self.events.append(event)

    def answered(self, answer: Answer) -> None:
        self.inbox.answered(answer)

    # Asking

    def send(self, topic: str, payload: str | bytes | Json = b"", **how: Any) -> None:
        """A message on `ocppd/v1/<topic>`; `how` are further fields of `Incoming`."""
        self.hand(Incoming(f"ocppd/v1/{topic}", as_bytes(payload), **how))

    def hand(self, incoming: Incoming) -> None:
        """A message as the broker has it."""
        self.inbox.receive(incoming)
        self.works.settle()

    def ask(self, topic: str, payload: str | bytes | Json = b"", **how: Any) -> Json:
        """The one answer to a command, on its fixed topic."""
        self.forget()
        self.send(topic, payload, **how)
        fixed = self.answers(topic)
        assert len(fixed) == 1, self.out
        return fixed[0]

    def refusal(self, topic: str, payload: str | bytes | Json = b"", **how: Any) -> Json:
        """The error in the one answer."""
        answer = self.ask(topic, payload, **how)
        assert answer["ok"] is False, answer
        error: Json = answer["error"]
        return error

    def answers(self, topic: str) -> list[Json]:
        """What was said since the last time on the fixed topic of a command."""
        scope, _, name = f"ocppd/v1/{topic}".rpartition("/cmd/")
        return self.said(f"{scope}/response/{name.lower().replace('_', '-')}")

    def said(self, topic: str) -> list[Json]:
        """What was said since the last time on a topic."""
        return [orjson.loads(it.payload) for it in self.out if it.topic == topic]

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake who wants to be woken."""
        self.clock.now += seconds
        self.fleet.run_due()
        self.works.settle()

    def forget(self) -> None:
        """Start to look from here."""
        self.out.clear()
        self.events.clear()
        self.csms.heard.clear()

    def is_plugged(self, name: str = "CP001", evse: int = 1, connector: int = 1) -> bool:
        return self.fleet.stations[name].connector(evse, connector).plugged


def as_bytes(payload: str | bytes | Json) -> bytes:
    if isinstance(payload, dict):
        return orjson.dumps(payload)
    return payload.encode() if isinstance(payload, str) else payload


def in_groups(description: StationDescription, *groups: str) -> StationDescription:
    return replace(description, groups=groups)
