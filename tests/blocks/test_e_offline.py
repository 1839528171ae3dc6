"""E04, E08, E11, E12, E13: what happens while the CSMS cannot be reached, and its delivery."""

from __future__ import annotations

from typing import Any

import pytest

from ocppd.core.errors import CallError
from tests.bench import Bench, headline
from tests.blocks.transactions import (
    TOKEN,
    charge,
    check_story,
    error,
    points,
    reasons,
    result,
    session,
    told,
)

# Offline (E04, E08, E11, E12)


def test_E04_FR_03_what_happens_offline_is_marked_and_told_in_order(bench: Bench) -> None:
    bench.do("plug-in")
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.forget()
    bench.drop()
    bench.advance(10)
    bench.do("authorize", TOKEN)
    assert bench.sent() == []
    bench.reconnect(10)
    events = bench.tx()
    assert [headline(it) for it in events] == ["Updated Authorized", "Updated ChargingStateChanged Charging"]
    assert [it["offline"] for it in events] == [True, True]
    assert [it["timestamp"] for it in events] == ["2025-01-01T10:00:10.000Z"] * 2


def test_E04_FR_03_what_happens_online_is_not_marked(bench: Bench) -> None:
    bench.do("plug-in")
    assert "offline" not in bench.tx()[0]


def test_E11_FR_07_what_waits_when_the_line_drops_is_marked_too(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    assert "offline" not in bench.tx()[0]
    bench.drop()
    bench.silent.clear()
    bench.reconnect(5)
    [event] = bench.tx()
    assert (event["eventType"], event["seqNo"], event["offline"]) == ("Started", 0, True)


def test_E11_samples_go_on_offline(bench: Bench) -> None:
    charge(bench)
    bench.drop()
    bench.advance(180)
    bench.reconnect()
    events = bench.tx()
    assert [headline(it) for it in events] == ["Updated MeterValuePeriodic"] * 3
    assert all(it["offline"] for it in events)
    assert [it["seqNo"] for it in events] == [3, 4, 5]


def test_E12_a_whole_offline_transaction_is_delivered(bench: Bench) -> None:
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.drop()
    session(bench, "plug", "token")
    bench.reconnect(10)
    [events] = told(bench).values()
    check_story(events)
    assert events[-1]["eventType"] == "Ended"
    assert all(it["offline"] for it in events)


def test_E08_FR_01_the_same_token_stops_offline(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.drop()
    assert error(bench.do("authorize", "OTHER")) == "not_connected"
    result(bench.do("authorize", TOKEN))
    bench.reconnect()
    assert reasons(bench) == [("StopAuthorized", "Local")]


def test_E11_the_view_of_a_transaction_tells_whether_its_last_event_waits(bench: Bench) -> None:
    charge(bench)
    shown = [result(bench.do("get"))["evses"][0]["tx"]["offline"]]
    bench.drop()
    bench.advance(60)
    shown.append(result(bench.do("get"))["evses"][0]["tx"]["offline"])
    assert shown == [False, True]


# Delivery (E13)


def test_E13_FR_02_E13_FR_03_E13_FR_04_an_event_without_an_answer_is_sent_three_times_and_then_the_next(
    bench: Bench,
) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    sends: list[tuple[float, int]] = []
    for _ in range(160):
        sends += [(bench.clock.now, it["seqNo"]) for it in bench.tx()]
        bench.advance(1)
    start = sends[0][0]
    # the attempts are a timeout and 10 s, then a timeout and 20 s apart (E13.FR.03)
    assert [(at - start, seq) for at, seq in sends] == [(0, 0), (40, 0), (90, 0), (120, 1)]
    assert len({frame[1] for frame in bench.frames if frame[2] == "TransactionEvent"}) == 2
    assert len(bench.happened_since("warning")) == 1  # E13.FR.04


def test_E13_FR_02_a_CALLERROR_is_a_failure_too(bench: Bench) -> None:
    points(bench, "EVConnected", "EVConnected").answers["TransactionEvent"] = CallError("InternalError", "")
    bench.do("plug-in")
    bench.advance(29)
    assert len(bench.tx()) == 2
    bench.advance(1)
    assert len(bench.tx()) == 1
    bench.advance(100)
    assert bench.tx() == []


def test_E13_the_second_attempt_may_succeed(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    bench.silent.clear()
    bench.advance(300)
    assert [it["seqNo"] for it in bench.tx()][:2] == [0, 0]
    assert bench.happened_since("warning") == []


def test_E13_FR_01_the_loss_of_the_connection_is_no_attempt(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    for _ in range(5):
        bench.drop()
        bench.reconnect(1)
    assert [it["seqNo"] for it in bench.tx()] == [0] * 6
    assert bench.happened_since("warning") == []


@pytest.mark.parametrize("answer", [{"idTokenInfo": {"status": "Blocked"}}, CallError("InternalError", "")])
def test_an_answer_for_an_EVSE_that_is_gone_changes_nothing(bench: Bench, answer: Any) -> None:
    bench.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 1)
    bench.drop()
    bench.do("plug-in")
    bench.state.outbox.queue[-1].context["evse"] = 2
    bench.answers["TransactionEvent"] = answer
    bench.forget()
    bench.reconnect()
    assert [it.evse for it in bench.happened_since("warning")] == [0] * isinstance(answer, CallError)
    assert bench.state.outbox.queue == []


# The line and the buttons


@pytest.mark.parametrize("silent", [False, True])
def test_E11_FR_01_E11_FR_02_a_pulled_network_changes_nothing_for_the_car(
    bench: Bench, *, silent: bool
) -> None:
    charge(bench)
    bench.do("network", on=False, silent=silent)
    [order] = bench.orders
    assert order.kind == ("freeze" if silent else "close")
    bench.drop()
    before = bench.state.evses[0].meter.energy_wh
    bench.advance(120)
    bench.do("network", "ON")
    bench.reconnect()
    events = bench.tx()
    assert [headline(it) for it in events] == ["Updated MeterValuePeriodic"] * 2
    assert all(it["offline"] for it in events)
    assert bench.state.evses[0].meter.energy_wh > before


@pytest.mark.parametrize(("on", "off"), [("plug-in", "unplug"), ("authorize", "authorize")])
def test_E02_a_bouncing_contact_leaves_one_whole_transaction_each_time(
    bench: Bench, on: str, off: str
) -> None:
    bench.do("plug-in")
    for _ in range(5):
        bench.do(on)
        bench.do(off)
    bench.do("unplug")
    for events in told(bench).values():
        check_story(events)
        assert events[-1]["eventType"] == "Ended"
    assert bench.state.evses[0].authorization is None


def test_C01_FR_23_E02_FR_20_of_two_tokens_at_once_the_first_one_charges(bench: Bench) -> None:
    bench.do("plug-in")
    bench.silent.add("Authorize")
    bench.do("authorize", TOKEN)
    bench.do("authorize", "OTHER")
    bench.forget()
    for _ in range(2):
        asked = [frame for frame in bench.frames if frame[0] == 2 and frame[2] == "Authorize"][-1]
        bench.receive([3, asked[1], {"idTokenInfo": {"status": "Accepted"}}])
        bench.settle()
    events = bench.tx()
    assert [it["idToken"]["idToken"] for it in events if "idToken" in it] == [TOKEN]
    assert bench.state.evses[0].authorization is not None


def test_E04_FR_03_what_waits_in_the_dark_is_told_as_offline(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.silent.add("TransactionEvent")
    bench.do("authorize", TOKEN)
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(60)
    bench.silent.clear()
    bench.do("power", "ON")
    bench.forget()
    bench.reconnect()
    ended = [it for it in bench.tx() if it["eventType"] == "Ended"]
    assert [it["offline"] for it in ended] == [True]
