"""Periodic event streams of OCPP 2.1: opened, sent, adjusted, told of and closed (N11 to N15)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.errors import CallError
from ocppd.core.schemas import OCPP_21, OCPP_201, check_send
from tests.bench import Bench, Json
from tests.blocks.monitoring import FAN, base, clear, events, item, monitor, results, status

NewBench = Callable[..., Bench]


@pytest.fixture
def fan(new_bench: NewBench) -> Bench:
    bench = new_bench(FAN, protocol=OCPP_21)
    bench.answers["OpenPeriodicEventStream"] = {"status": "Accepted"}
    return bench


def stream(bench: Bench, **params: Any) -> int:
    """Have `Fan.Speed` told every 10 s, in a stream; returns its id."""
    return monitor(bench, "Fan.Speed", "Periodic", 10, periodicEventStream=params)


def sends(bench: Bench) -> list[Json]:
    """The payloads of the SENDs so far; each fits its schema, and none has the id of another."""
    found = [frame for frame in bench.frames if frame[0] == 6]
    for _, _, action, payload in found:
        assert action == "NotifyPeriodicEventStream"
        check_send(action, payload)
    ids = [frame[1] for frame in bench.frames if frame[0] in (2, 6)]
    assert len(set(ids)) == len(ids)
    return [payload for *_, payload in found]


def test_N11_a_stream_is_opened_after_the_answer(fan: Bench) -> None:
    number = stream(fan, interval=30, values=5)
    params = {"interval": 30, "values": 5}
    opened = {"id": number, "variableMonitoringId": number, "params": params}
    assert fan.sent() == [("OpenPeriodicEventStream", {"constantStreamData": opened})]
    assert [frame[0] for frame in fan.frames[-2:]] == [3, 2]


def test_N15_values_wait_until_there_are_enough(fan: Bench) -> None:
    number = stream(fan, values=3)
    fan.set("Fan.Speed", 51)
    fan.advance(10)
    fan.set("Fan.Speed", 52)
    fan.advance(19)
    assert sends(fan) == []
    fan.advance(1)
    (told,) = sends(fan)
    data = [{"t": 0, "v": "51"}, {"t": 10, "v": "52"}, {"t": 20, "v": "52"}]
    assert told == {"id": number, "pending": 0, "basetime": "2025-01-01T10:00:10.000Z", "data": data}
    assert events(fan) == []
    fan.advance(30)
    assert [it["basetime"] for it in sends(fan)][1:] == ["2025-01-01T10:00:40.000Z"]


def test_N15_values_wait_for_the_interval(fan: Bench) -> None:
    stream(fan, interval=25)
    fan.advance(34)
    assert sends(fan) == []
    fan.advance(1)
    assert [len(it["data"]) for it in sends(fan)] == [3]


def test_N15_without_params_each_value_is_sent_at_once(fan: Bench) -> None:
    stream(fan)
    fan.advance(30)
    assert [len(it["data"]) for it in sends(fan)] == [1, 1, 1]


def test_N11_a_SEND_waits_for_no_answer(fan: Bench) -> None:
    stream(fan)
    fan.silent.add("Heartbeat")
    fan.do("heartbeat", wait=False)
    fan.advance(20)
    assert len(sends(fan)) == 2


@pytest.mark.parametrize("answer", [{"status": "Rejected"}, {}, CallError("NotImplemented", "no")])
def test_N11_a_stream_that_the_CSMS_refuses_is_told_with_NotifyEvent(
    fan: Bench, answer: Json | CallError
) -> None:
    fan.answers["OpenPeriodicEventStream"] = answer
    stream(fan)
    fan.advance(10)
    assert sends(fan) == []
    assert [it["trigger"] for it in events(fan)] == ["Periodic"]


def test_N11_offline_it_is_told_with_NotifyEvent_and_then_opened_again(fan: Bench) -> None:
    number = stream(fan, values=5)
    fan.advance(10)
    fan.sent()
    fan.drop()
    fan.advance(10)
    fan.reconnect()
    calls = fan.sent()
    assert [data["eventData"][0]["actualValue"] for name, data in calls if name == "NotifyEvent"] == ["50"]
    opened = [data for name, data in calls if name == "OpenPeriodicEventStream"]
    assert [it["constantStreamData"]["id"] for it in opened] == [number]
    fan.advance(50)
    assert [it["basetime"] for it in sends(fan)] == ["2025-01-01T10:00:30.000Z"]


def test_N11_with_a_CSMS_of_2_0_1_it_is_told_with_NotifyEvent(fan: Bench) -> None:
    stream(fan)
    fan.drop()
    fan.protocol = OCPP_201
    fan.reconnect()
    fan.advance(10)
    assert [it["trigger"] for it in events(fan)] == ["Periodic"]
    assert sends(fan) == []


def test_N11_in_2_0_1_there_is_no_such_field(new_bench: NewBench) -> None:
    bench = new_bench(FAN)
    wanted = item("Fan.Speed", "Periodic", 10, periodicEventStream={})
    answer = bench.csms("SetVariableMonitoring", {"setMonitoringData": [wanted]})
    assert answer["error"] == "FormatViolation"


@pytest.mark.parametrize(
    ("kind", "params"),
    [("Delta", {}), ("UpperThreshold", {}), ("Periodic", {"values": 101}), ("Periodic", {"interval": 10**9})],
)
def test_N11_a_stream_that_cannot_be_is_refused(fan: Bench, kind: str, params: Json) -> None:
    assert status(fan, "Fan.Speed", kind, 10, periodicEventStream=params) == "Rejected InvalidValue"
    assert fan.sent("OpenPeriodicEventStream") == []


def test_N12_open_streams_are_told(fan: Bench) -> None:
    assert fan.csms("GetPeriodicEventStream", {}) == {}
    first, second = stream(fan, values=2), monitor(fan, "Fan.Load", "Periodic", 5, periodicEventStream={})
    told = fan.csms("GetPeriodicEventStream", {})["constantStreamData"]
    assert [(it["id"], it["params"]) for it in told] == [(first, {"values": 2}), (second, {})]


@pytest.mark.parametrize("how", ["cleared", "base", "replaced", "reset"])
def test_N13_a_stream_ends_with_its_monitor(fan: Bench, how: str) -> None:
    number = stream(fan, values=3)
    fan.advance(10)
    fan.sent()
    if how == "cleared":
        assert clear(fan, number) == ["Accepted"]
    elif how == "base":
        assert base(fan, "FactoryDefault") == "Accepted"
    elif how == "replaced":
        (result,) = results(fan, item("Fan.Speed", "Periodic", 20, id=number))
        assert result["status"] == "Accepted"
    else:
        (result,) = results(fan, item("Fan.Speed", "Periodic", 20, id=number, periodicEventStream={}))
    assert fan.sent()[0] == ("ClosePeriodicEventStream", {"id": number})
    assert len(fan.csms("GetPeriodicEventStream", {})) == (how == "reset")
    fan.advance(20)
    assert [len(it["data"]) for it in sends(fan)] == [1] * (how == "reset")


def test_N14_an_open_stream_is_adjusted(fan: Bench) -> None:
    number = stream(fan, values=50)
    fan.advance(20)
    adjusted = fan.csms("AdjustPeriodicEventStream", {"id": number, "params": {"values": 2}})
    assert adjusted == {"status": "Accepted"}
    fan.advance(0)
    assert [len(it["data"]) for it in sends(fan)] == [2]
    fan.csms("AdjustPeriodicEventStream", {"id": number, "params": {"interval": 15}})
    fan.advance(25)
    assert [len(it["data"]) for it in sends(fan)] == [2, 2]


def test_N14_what_cannot_be_adjusted_is_refused(fan: Bench) -> None:
    number = stream(fan)
    for request in (
        {"id": 7, "params": {}},
        {"id": number, "params": {"values": 101}},
        {"id": number, "params": {"interval": 10**9}},
    ):
        assert fan.csms("AdjustPeriodicEventStream", request)["status"] == "Rejected"
    fan.advance(10)
    assert len(sends(fan)) == 1
