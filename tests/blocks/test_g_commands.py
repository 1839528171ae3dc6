"""`status-notification` by command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.errors import CallError
from ocppd.core.times import format_time
from tests.bench import Bench, Json

NewBench = Callable[..., Bench]
COMMAND = "status-notification"
TWO = Hardware(evses=(Evse(connectors=(Connector(), Connector())), Evse()))


def code(bench: Bench, **arguments: Any) -> str | None:
    answer = bench.do(COMMAND, **arguments)
    assert answer is not None
    return answer.error.code if answer.error else None


def test_the_true_status_of_the_only_connector(bench: Bench) -> None:
    answer = bench.do(COMMAND)
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"response": {}}
    now = format_time(bench.clock.now)
    told = {"timestamp": now, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    assert bench.sent("StatusNotification") == [told]


def test_a_lie_is_told_and_not_believed(bench: Bench) -> None:
    assert code(bench, connector_status="Faulted", timestamp="2024-02-29T00:00:00Z") is None
    (told,) = bench.sent("StatusNotification")
    assert (told["connectorStatus"], told["timestamp"]) == ("Faulted", "2024-02-29T00:00:00Z")
    assert bench.happened_since("connector_status") == []
    bench.advance(60)
    assert bench.sent("StatusNotification") == []
    bench.do("plug-in")
    assert [it["connectorStatus"] for it in bench.sent("StatusNotification")] == ["Occupied"]


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"evse_id": 1, "connector_id": 2}, (1, 2)),
        ({"evse": 1, "connector": 2}, (1, 2)),
        ({"evse_id": 2}, (2, 1)),
    ],
)
def test_of_the_connector_that_is_named(new_bench: NewBench, arguments: Json, place: tuple[int, int]) -> None:
    bench = new_bench(TWO)
    assert code(bench, **arguments) is None
    assert [(it["evseId"], it["connectorId"]) for it in bench.sent("StatusNotification")] == [place]


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({}, "ambiguous_target"),
        ({"evse_id": 1}, "ambiguous_target"),
        ({"evse_id": 3}, "unknown_evse"),
        ({"evse_id": 2, "connector_id": 2}, "unknown_connector"),
        ({"evse_id": 0, "connector_id": 1}, "invalid_argument"),
        ({"evse_id": 1, "connector_id": 1, "connector_status": "Broken"}, "invalid_argument"),
        ({"evse_id": 1, "connector_id": 1, "timestamp": "yesterday"}, "invalid_argument"),
    ],
)
def test_what_is_refused_is_not_sent(new_bench: NewBench, arguments: Json, wrong: str) -> None:
    bench = new_bench(TWO)
    assert code(bench, **arguments) == wrong
    assert bench.sent() == []


def test_offline_it_cannot_be_told(bench: Bench) -> None:
    bench.drop()
    assert code(bench) == "not_connected"


def test_a_callerror_of_the_csms_is_the_answer(bench: Bench) -> None:
    bench.answers["StatusNotification"] = CallError("InternalError", "no")
    assert code(bench) == "csms_error"
