"""What ails one station is not noticed by the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from ocppd.blocks import handlers
from ocppd.core.description import StationDescription
from ocppd.core.errors import CommandError
from ocppd.core.state import State
from ocppd.core.station import Answer
from ocppd.fleet import Fleet, Nobody
from ocppd.payload import Payload
from tests.bench import ManualClock

GOOD, BAD = "CP001", "CP002"


class Line:
    """A link that only listens."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.wanted = False

    def send(self, text: str) -> None:
        self.frames.append(json.loads(text))

    def want(self, up: bool) -> None:
        self.wanted = up

    def ping(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def disturb(self, chaos: object) -> None: ...


class Ears(Nobody):
    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def answered(self, answer: Answer) -> None:
        self.answers.append(answer)


class Yard:
    """Two stations; the second one's state is spoilt once it runs, as no input could do."""

    def __init__(self) -> None:
        self.ears = Ears()
        self.clock = ManualClock()
        self.fleet = Fleet(self.clock, handlers(), self.ears, lambda _: None, lambda flush: flush())
        self.lines = {GOOD: Line(), BAD: Line()}
        for name, line in self.lines.items():
            self.fleet.start(self.fleet.add(StationDescription(name), State(), 1), line, boots=True)
        self.fleet.stations[BAD].state.evses.clear()

    def command(self, station: str) -> None:
        payload = Payload()
        self.fleet.command(self.fleet.request("get", station, "test", payload), payload)


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_a_station_that_fails_is_given_up_alone(yard: Yard) -> None:
    with capture_logs() as logs:
        for name in (BAD, GOOD):
            yard.fleet.connected(name, "ocpp2.0.1")
    assert [(it["event"], it["station"]) for it in logs if it["log_level"] == "error"] == [
        ("station.broken", BAD)
    ]
    assert [frame[2] for frame in yard.lines[GOOD].frames] == ["BootNotification"]
    assert (yard.lines[GOOD].wanted, yard.lines[BAD].wanted) == (True, False)


def test_its_commands_are_answered_all_the_same(yard: Yard) -> None:
    yard.fleet.connected(BAD, "ocpp2.0.1")
    with pytest.raises(CommandError, match="has failed") as refusal:
        yard.command(BAD)
    assert refusal.value.code == "internal"
    yard.command(GOOD)
    assert [answer.error for answer in yard.ears.answers] == [None]


def test_nothing_wakes_it_any_more(yard: Yard) -> None:
    yard.fleet.connected(BAD, "ocpp2.0.1")
    yard.fleet.received(BAD, "[2,")
    yard.clock.now += 1e6
    yard.fleet.run_due()
    assert yard.lines[BAD].frames == []


def test_a_value_that_its_variable_would_refuse_is_named_at_the_start(yard: Yard) -> None:
    state = State(variables={"OCPPCommCtrlr.RetryBackOffWaitMinimum": "abc"})
    with pytest.raises(ValueError, match=r"OCPPCommCtrlr\.RetryBackOffWaitMinimum: InvalidValue: 'abc'"):
        yard.fleet.add(StationDescription("CP003"), state, 1)
