"""A station on the bench: virtual time, a CSMS that records and answers, no loop and no sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec
import orjson
import structlog

from ocppd.blocks import handlers
from ocppd.core.chaos import Chaos
from ocppd.core.description import Csms, Hardware, Preset, StationDescription
from ocppd.core.endpoint import Endpoint
from ocppd.core.errors import CallError, CommandError
from ocppd.core.schemas import OCPP_201, Version
from ocppd.core.state import State
from ocppd.core.station import Answer, Event, Job, Order, Station
from ocppd.core.times import format_time
from ocppd.fleet import Fleet
from ocppd.payload import parse
from tests.shapes import check_event

START = 1_735_725_600.0  # 2025-01-01T10:00:00Z
_HANDLERS = handlers()
Json = dict[str, Any]


class ManualClock:
    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Bench:
    """One station, whose CSMS answers every call with `answers[action]` unless it is on `silent`.

    An answer is a payload, a function of the request, or a CallError. With `restart` the state is saved and
    loaded into a new station before every input. `protocol` is what the CSMS chooses at the next connection.
    """

    def __init__(
        self,
        hardware: Hardware | None = None,
        *,
        restart: bool = False,
        boot: bool = True,
        csms: Csms | None = None,
        protocol: Version = OCPP_201,
    ) -> None:
        self.clock = ManualClock()
        self.protocol = protocol
        self.restart = restart
        self.answers: dict[str, Json | CallError | Callable[[Json], Json]] = {
            "BootNotification": lambda _: {
                "currentTime": format_time(self.clock.now),
                "interval": 300,
                "status": "Accepted",
            },
            "Heartbeat": lambda _: {"currentTime": format_time(self.clock.now)},
            "Authorize": {"idTokenInfo": {"status": "Accepted"}},
            "DataTransfer": {"status": "Accepted"},
        }
        self.silent: set[str] = set()
        self.events: list[Event] = []
        self.frames: list[list[Any]] = []
        self._sent: list[tuple[str, Json]] = []
        self._answers: list[Answer] = []
        self._incoming: list[str] = []
        self.orders: list[Order] = []
        self.jobs: dict[str, Job] = {}
        self.wanted = False
        self._description = StationDescription(
            "CP001", hardware or Hardware(), csms or Csms(), serial="SN0001"
        )
        self._fleet = Fleet(self.clock, _HANDLERS, self, self._save, lambda flush: flush())
        self._fleet.workshop = self._Workshop(self.jobs)
        station = self._fleet.add(self._description, State(), seed=1)
        self._fleet.start(station, self, boots=True)
        if boot:
            self.connect()
            self.settle()
            self.forget()

    # The fleet's edges

    class _Workshop:
        """Keeps the jobs that run, by their key; `Bench.report` plays whoever does them."""

        def __init__(self, jobs: dict[str, Job]) -> None:
            self._jobs = jobs

        def take(self, _station: str, job: Job) -> None:
            self._jobs.pop(job.key, None)
            if job.kind:
                self._jobs[job.key] = job

        def close(self, _station: str) -> None:
            self._jobs.clear()

    def send(self, text: str) -> None:
        self.frames.append(json.loads(text))
        message = self.frames[-1]
        if message[0] == 2:
            self._sent.append((message[2], message[3]))
            self._incoming.append(text)

    def ping(self) -> None:
        self.orders.append(Order("ping"))

    def close(self, code: int, reason: str) -> None:
        self.orders.append(Order("close", code, reason))

    def freeze(self) -> None:
        self.orders.append(Order("freeze"))

    def thaw(self) -> None:
        self.orders.append(Order("thaw"))

    def disturb(self, chaos: Chaos | None) -> None:
        self.orders.append(Order("disturb", chaos=chaos))

    def want(self, up: bool) -> None:
        self.wanted = up

    def changed(self, station: Station) -> None:
        pass

    def happened(self, station: Station, event: Event) -> None:
        check_event(station, event)
        if event.name != "command":  # each command has one; what it led to is of interest
            self.events.append(event)

    def answered(self, answer: Answer) -> None:
        self._answers.append(answer)

    def traced(self, station: str, way: str, frame: str) -> None:
        pass

    def _save(self, states: dict[str, State]) -> None:
        pass

    # Inputs

    def endpoint(self) -> Endpoint:
        """Where the link would call now."""
        self._reload()
        return self._fleet.endpoint("CP001")

    def connect(self) -> None:
        self._reload()
        self._fleet.connected("CP001", self.protocol)

    def drop(self, reason: str = "gone") -> None:
        self._reload()
        self._incoming.clear()
        self._fleet.disconnected("CP001", reason, 0, 2.0)

    def fail_to_connect(self, kind: str = "", reason: str = "no way", failures: int = 1) -> None:
        """An attempt has failed; `kind` is the security event that this is."""
        self._reload()
        self._fleet.disconnected("CP001", reason, failures, 2.0, kind)

    def start_again(self, *, boots: bool = False) -> None:
        """The daemon was restarted: no job and no connection has survived."""
        self.jobs.clear()
        self._incoming.clear()
        self._reload(always=True)
        self._fleet.start(self.station, self, boots=boots)

    def refit(self, hardware: Hardware | None = None, csms: Csms | None = None) -> None:
        """The daemon was restarted with other hardware, or another CSMS, in its configuration."""
        old = self._description
        self._description = replace(old, hardware=hardware or old.hardware, csms=csms or old.csms)
        self.start_again()
        self.reconnect()

    def reconnect(self, after: float = 0) -> None:
        self.advance(after)
        self.connect()
        self.settle()

    def settle(self) -> None:
        """Let the CSMS answer what it was asked, until there is nothing more."""
        while self._incoming:
            _, message_id, action, payload = json.loads(self._incoming.pop(0))
            if action in self.silent:
                continue
            answer = self.answers.get(action, {})
            if isinstance(answer, CallError):
                self.receive([4, message_id, answer.code, answer.description, answer.details])
                continue
            if callable(answer):
                answer = answer(payload)
            self.receive([3, message_id, answer])

    def receive(self, frame: Any) -> None:
        """A frame of the CSMS: a list, or text as it is."""
        self._reload()
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self._fleet.received("CP001", text)

    def csms(self, action: str, payload: Json) -> Json:
        """The station's response to a CALL of the CSMS; a CALLERROR is `{"error": code}`."""
        seen = len(self.frames)
        self.receive([2, f"c{seen}", action, payload])
        answer = next(frame for frame in self.frames[seen:] if frame[1] == f"c{seen}")
        self.settle()
        return answer[2] if answer[0] == 3 else {"error": answer[2], "description": answer[3]}

    def do(self, command: str, bare: str = "", /, **arguments: Any) -> Answer | None:
        """The answer to a command, given bare text or the keys of a JSON object; None while it waits."""
        self._reload()
        self._answers.clear()
        payload = parse(orjson.dumps(arguments)) if arguments else parse(bare.encode())
        request = self._fleet.request(command, "CP001", f"mqtt:{command}", payload)
        try:
            self._fleet.command(request, payload)
        except CommandError as error:
            return Answer(request, error=error)
        self.settle()
        return self._answers.pop(0) if self._answers else None

    def report(self, key: str, **report: Any) -> None:
        """A report on the job of that key, which runs on."""
        self._reload()
        self._fleet.worked("CP001", self.jobs[key], report)
        self.settle()

    def late_answer(self) -> Answer:
        """The answer to a command that had to wait."""
        return self._answers.pop(0)

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping wherever the station wants to be woken."""
        end = self.clock.now + seconds
        while (due := self._fleet.next_due) is not None and due <= end:
            self.clock.now = max(self.clock.now, due)
            self._reload()
            self._fleet.run_due()
            self.settle()
        self.clock.now = end

    # Outputs

    def sent(self, action: str | None = None) -> list[Any]:
        """The calls since the last time: (action, payload), or the payloads of one action."""
        found, self._sent = self._sent, []
        return found if action is None else [payload for name, payload in found if name == action]

    def tx(self) -> list[Json]:
        """The TransactionEvents since the last time."""
        return self.sent("TransactionEvent")

    def story(self) -> list[str]:
        """The TransactionEvents since the last time, each as `Started CablePluggedIn EVConnected`."""
        return [headline(event) for event in self.tx()]

    def forget(self) -> None:
        """Start to look from here."""
        self._sent.clear()
        self.events.clear()
        self._answers.clear()
        self.orders.clear()

    def happened_since(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    @property
    def state(self) -> State:
        return self._fleet.stations["CP001"].state

    @property
    def station(self) -> Station:
        return self._fleet.stations["CP001"]

    def set(self, name: str, value: Any) -> None:
        """Set a variable, `Component.Variable`, as the CSMS would."""
        component, _, variable = name.partition(".")
        variable, _, instance = variable.partition("[")
        item: Json = {
            "component": {"name": component},
            "variable": {"name": variable} | ({"instance": instance[:-1]} if instance else {}),
            "attributeValue": str(value).lower() if isinstance(value, bool) else str(value),
        }
        response = self.csms("SetVariables", {"setVariableData": [item]})
        assert response["setVariableResult"][0]["attributeStatus"] == "Accepted", response

    def _reload(self, *, always: bool = False) -> None:
        if self.restart or always:
            saved = msgspec.json.encode(self._fleet.stations["CP001"].state)
            state = msgspec.json.decode(saved, type=State)
            self._fleet.add(self._description, state, seed=99)


def with_presets(hardware: Hardware, **values: str) -> Hardware:
    """`hardware` with factory settings, `Component__Variable="value"`."""
    named = [(*name.split("__"), value) for name, value in values.items()]
    presets = tuple(Preset(component, variable, value) for component, variable, value in named)
    return replace(hardware, presets=hardware.presets + presets)


def headline(event: Json) -> str:
    """A TransactionEvent as `Started CablePluggedIn EVConnected`."""
    state = event["transactionInfo"].get("chargingState")
    return " ".join(filter(None, (event["eventType"], event["triggerReason"], state)))


@contextmanager
def bugs_raise() -> Iterator[None]:
    """What the fleet would only log as a station's bug, or its end, fails the test; no more is logged."""
    structlog.configure(processors=[_raise_bug])
    try:
        yield
    finally:
        structlog.reset_defaults()


def _raise_bug(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> Any:
    if entry["event"] in ("station.bug", "station.broken"):
        raise entry["exc_info"]
    raise structlog.DropEvent
