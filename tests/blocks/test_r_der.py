"""DER control of OCPP 2.1: limits of discharge, kept, told of and superseded; nothing else (R04, R05)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.schemas import OCPP_21, OCPP_201
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json

NewBench = Callable[..., Bench]


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    return new_bench(protocol=OCPP_21)


def limit(
    name: str, priority: int = 1, start: float | None = None, duration: float = 60, **more: Any
) -> Json:
    """A SetDERControlRequest; one with a `start`, in seconds from the beginning on, is scheduled."""
    data = {"priority": priority, "pctMaxDischargePower": 50, **more}
    if start is not None:
        data |= {"startTime": format_time(START + start), "duration": duration}
    return {
        "isDefault": start is None,
        "controlId": name,
        "controlType": "LimitMaxDischarge",
        "limitMaxDischarge": data,
    }


def give(bench: Bench, request: Json) -> tuple[str, list[str]]:
    answer = bench.csms("SetDERControl", request)
    return answer["status"], answer.get("supersededIds", [])


def known(bench: Bench, **criteria: Any) -> list[tuple[str, bool, bool]]:
    """Id, whether it is a default, and superseded."""
    bench.sent()
    answer = bench.csms("GetDERControl", {"requestId": 5, **criteria})
    reports = bench.sent("ReportDERControl")
    assert bool(reports) == (answer["status"] == "Accepted")
    return [(it["id"], it["isDefault"], it["isSuperseded"]) for r in reports for it in r["limitMaxDischarge"]]


def told(bench: Bench) -> list[tuple[str, bool, str]]:
    return [
        (it["controlId"], it["started"], it["timestamp"][11:19]) for it in bench.sent("NotifyDERStartStop")
    ]


def test_R04_a_default_control_is_kept_and_reported(station: Bench) -> None:
    assert known(station) == []
    assert give(station, limit("A")) == ("Accepted", [])
    assert known(station) == [("A", True, False)]
    assert told(station) == []


def test_R04_the_lower_priority_value_supersedes(station: Bench) -> None:
    give(station, limit("A", 5))
    assert give(station, limit("B", 3)) == ("Accepted", ["A"])
    assert give(station, limit("C", 4)) == ("Accepted", ["C"])
    assert give(station, limit("D", 3)) == ("Accepted", [])
    assert known(station) == [("A", True, True), ("B", True, False), ("C", True, True), ("D", True, False)]
    assert give(station, limit("A", 1)) == ("Accepted", ["B", "D"])


def test_R04_a_scheduled_control_starts_and_ends_and_is_forgotten(station: Bench) -> None:
    give(station, limit("A"))
    assert give(station, limit("S", start=100, duration=60)) == ("Accepted", [])
    station.advance(99)
    assert told(station) == []
    station.advance(1)
    assert told(station) == [("S", True, "10:01:40")]
    station.advance(60)
    assert told(station) == [("S", False, "10:02:40")]
    assert known(station) == [("A", True, False)]


def test_R04_one_that_is_superseded_never_starts(station: Bench) -> None:
    give(station, limit("S", 5, start=100))
    assert give(station, limit("T", 3, start=130)) == ("Accepted", ["S"])
    assert give(station, limit("U", 9, start=500)) == ("Accepted", [])  # at another time
    station.advance(1000)
    assert [it[0] for it in told(station)] == ["T", "T", "U", "U"]
    assert known(station) == []


def test_R04_one_that_runs_is_superseded(station: Bench) -> None:
    give(station, limit("S", 5, start=0))
    assert told(station) == [("S", True, "10:00:00")]
    station.advance(10)
    give(station, limit("T", 3, start=0))
    assert told(station) == [("S", False, "10:00:10"), ("T", True, "10:00:10")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"controlType": "VoltWatt"}, "NotSupported"),
        (
            {
                "limitMaxDischarge": limit(
                    "A",
                    powerMonitoringMustTrip={
                        "curveData": [{"x": 1, "y": 1}],
                        "priority": 1,
                        "yUnit": "PctMaxW",
                    },
                )["limitMaxDischarge"]
            },
            "NotSupported",
        ),
        ({"limitMaxDischarge": {"priority": 1}}, "Rejected"),
        ({"limitMaxDischarge": {"priority": 1, "pctMaxDischargePower": 101}}, "Rejected"),
        ({"isDefault": False}, "Rejected"),
        ({"limitMaxDischarge": limit("A", start=5)["limitMaxDischarge"]}, "Rejected"),
        (
            {"isDefault": False, "limitMaxDischarge": limit("A", start=5, duration=0)["limitMaxDischarge"]},
            "Rejected",
        ),
    ],
)
def test_R04_what_it_cannot_keep_is_refused(station: Bench, change: Json, status: str) -> None:
    assert give(station, limit("A") | change)[0] == status
    assert known(station) == []


def test_R04_there_is_room_for_so_many(station: Bench) -> None:
    for number in range(24):
        assert give(station, limit(f"C{number}"))[0] == "Accepted"
    assert give(station, limit("C24"))[0] == "Rejected"
    assert give(station, limit("C23"))[0] == "Accepted"
    assert len(known(station)) == 24


def test_R04_controls_are_found_and_cleared(station: Bench) -> None:
    for request in (limit("A"), limit("B"), limit("S", start=0), limit("T", start=500)):
        give(station, request)
    assert known(station, controlId="B") == [("B", True, False)]
    assert [it[0] for it in known(station, isDefault=False)] == ["S", "T"]
    assert station.csms("GetDERControl", {"requestId": 1, "controlType": "FreqWatt"}) == {
        "status": "NotSupported"
    }
    assert (
        station.csms("ClearDERControl", {"isDefault": True, "controlType": "FreqWatt"})["status"]
        == "NotSupported"
    )
    assert station.csms("ClearDERControl", {"isDefault": True, "controlId": "S"}) == {"status": "NotFound"}
    station.sent()
    assert station.csms("ClearDERControl", {"isDefault": False}) == {"status": "Accepted"}
    assert told(station) == [("S", False, "10:00:00")]
    assert [it[0] for it in known(station)] == ["A", "B"]
    station.advance(600)
    assert told(station) == []


def test_R05_a_fault_of_the_grid_is_told(station: Bench) -> None:
    answer = station.do("der-alarm", "OverVoltage")
    assert answer is not None
    assert answer.done is not None
    station.do("der-alarm", fault="OverVoltage", ended=True, info="back")
    first, second = station.sent("NotifyDERAlarm")
    alarm = {"controlType": "LimitMaxDischarge", "gridEventFault": "OverVoltage"}
    assert first == {**alarm, "timestamp": "2025-01-01T10:00:00.000Z"}
    assert second == {**first, "alarmEnded": True, "extraInfo": "back"}


def test_a_CSMS_of_2_0_1_is_told_nothing(station: Bench) -> None:
    give(station, limit("S", start=100))
    station.drop()
    station.protocol = OCPP_201
    station.reconnect()
    station.advance(100)
    assert told(station) == []
    assert station.csms("SetDERControl", limit("A"))["error"] == "NotImplemented"
    answer = station.do("der-alarm", "OverVoltage")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "unsupported"
