"""`chaos`: what the command asks of the link, how it ends, and the clock."""

from __future__ import annotations

from typing import Any

import pytest

from ocppd.core.chaos import Chaos
from ocppd.core.station import Order
from ocppd.core.times import parse_time
from ocppd.core.views import station_state
from tests.bench import Bench, Json


def chaos(bench: Bench, bare: str = "", /, **arguments: Any) -> str:
    """What came of the command: `changed`, `unchanged`, or the code and the words of the error."""
    answer = bench.do("chaos", bare, **arguments)
    assert answer is not None
    if answer.error is not None:
        return f"{answer.error.code}: {answer.error.message}"
    assert answer.done is not None
    return "changed" if answer.done.changed else "unchanged"


def disturbed(bench: Bench) -> list[Chaos | None]:
    """What the link was told, in order."""
    found = [order for order in bench.orders if order.kind == "disturb"]
    assert found == [Order("disturb", chaos=order.chaos) for order in found]
    return [order.chaos for order in found]


def test_the_link_is_told_and_the_state_shows_it(bench: Bench) -> None:
    assert station_state(bench.station)["chaos"] is None
    assert chaos(bench, latency_ms=200, drop_pct=5, seed=42) == "changed"
    wanted = Chaos(latency_ms=200, drop_pct=5, seed=42)
    assert disturbed(bench) == [wanted]
    shown = station_state(bench.station)["chaos"]
    assert (shown["latency_ms"], shown["drop_pct"], shown["seed"]) == (200, 5, 42)
    (event,) = bench.happened_since("chaos")
    assert event.data == {"on": True} | shown


def test_off_ends_it_once(bench: Bench) -> None:
    chaos(bench, drop_pct=5)
    assert chaos(bench, "OFF") == "changed"
    assert chaos(bench, "OFF") == "unchanged"
    assert disturbed(bench) == [Chaos(drop_pct=5), None]
    assert bench.happened_since("chaos")[-1].data == {"on": False}


def test_it_ends_by_itself(bench: Bench) -> None:
    chaos(bench, drop_pct=5, for_s=20)
    bench.advance(19)
    assert len(disturbed(bench)) == 1
    bench.advance(1)
    assert disturbed(bench) == [Chaos(drop_pct=5), None]
    assert station_state(bench.station)["chaos"] is None


def test_a_new_one_takes_the_place_of_the_old_and_of_its_end(bench: Bench) -> None:
    chaos(bench, drop_pct=5, for_s=20)
    chaos(bench, duplicate_pct=5)
    bench.advance(60)
    assert disturbed(bench) == [Chaos(drop_pct=5), Chaos(duplicate_pct=5)]


def test_a_power_cut_does_not_prolong_it(bench: Bench) -> None:
    chaos(bench, drop_pct=5, for_s=20)
    bench.do("power", "OFF")
    bench.advance(20)
    assert disturbed(bench)[-1] is None


def test_a_restart_of_the_daemon_ends_it(bench: Bench) -> None:
    chaos(bench, drop_pct=5, for_s=20)
    bench.start_again()
    assert station_state(bench.station)["chaos"] is None
    bench.orders.clear()
    bench.advance(60)
    assert disturbed(bench) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing_argument"),
        ({"seed": 3}, "missing_argument"),
        ({"for_s": 3}, "missing_argument"),
        ({"drop_pct": 101}, "drop_pct"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"latency_ms": 60_001}, "latency_ms"),
        ({"drop_pct": 1, "for_s": 0}, "for_s"),
        ({"drop_pct": 1, "seed": 2**53}, "seed"),
        ({"clock_skew_s": 31_536_001}, "clock_skew_s"),
    ],
)
def test_what_makes_no_sense_is_refused(bench: Bench, arguments: Json, words: str) -> None:
    assert words in chaos(bench, **arguments)
    assert disturbed(bench) == []


# The clock


def test_the_clock_jumps_until_the_csms_tells_the_time(bench: Bench) -> None:
    assert chaos(bench, clock_skew_s=-3600) == "changed"
    assert disturbed(bench) == []
    bench.do("plug-in")
    (status,) = bench.sent("StatusNotification")
    assert parse_time(status["timestamp"]) == pytest.approx(bench.clock.now - 3600)
    bench.do("heartbeat")
    bench.do("unplug")
    (status,) = bench.sent("StatusNotification")
    assert parse_time(status["timestamp"]) == pytest.approx(bench.clock.now)


def test_the_jump_of_the_clock_is_a_security_event(bench: Bench) -> None:
    chaos(bench, clock_skew_s=3600)
    assert [it["type"] for it in bench.sent("SecurityEventNotification")] == ["SettingSystemTime"]


def test_the_clock_is_never_wrong_by_more_than_a_year(bench: Bench) -> None:
    chaos(bench, clock_skew_s=20_000_000)
    before = bench.state.clock_offset
    assert "more than a year" in chaos(bench, clock_skew_s=20_000_000)
    assert bench.state.clock_offset == before
