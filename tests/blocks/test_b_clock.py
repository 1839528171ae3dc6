"""B. ClockCtrlr: local time, and a clock that is put right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocppd.core.description import Hardware
from ocppd.core.times import format_time
from tests.bench import START, Bench, with_presets
from tests.blocks.device_model import item, put, value_of

NewBench = Callable[..., Bench]


def jump(bench: Bench, seconds: float) -> list[str]:
    """The security events after a Heartbeat by which the CSMS's clock is that much ahead."""
    bench.answers["Heartbeat"] = lambda _: {"currentTime": format_time(bench.clock.now + seconds)}
    bench.forget()
    bench.do("heartbeat")
    return [it["type"] for it in bench.sent("SecurityEventNotification")]


@pytest.mark.parametrize(
    ("seconds", "told"), [(20, []), (-21, ["SettingSystemTime"]), (3600, ["SettingSystemTime"])]
)
def test_A04_a_clock_that_is_put_right_by_much_is_a_security_event(
    bench: Bench, seconds: float, told: list[str]
) -> None:
    assert jump(bench, seconds) == told


def test_TimeAdjustmentReportingThreshold_says_what_much_is(bench: Bench) -> None:
    bench.set("ClockCtrlr.TimeAdjustmentReportingThreshold", 60)
    assert jump(bench, 60) == []
    assert jump(bench, 121) == ["SettingSystemTime"]


@pytest.mark.parametrize("seconds", [300, -300])
def test_A04_a_clock_that_is_too_fast_or_slow_is_told_once(bench: Bench, seconds: float) -> None:
    assert jump(bench, seconds) == ["SettingSystemTime"]
    assert jump(bench, seconds * 2) == []
    assert jump(bench, -seconds * 2) == ["SettingSystemTime"]  # somebody has set it


def test_A04_once_the_clock_was_right_a_jump_is_told_again(bench: Bench) -> None:
    assert jump(bench, 3600) == ["SettingSystemTime"]
    assert jump(bench, 3600) == []  # it is right
    assert jump(bench, 7200) == ["SettingSystemTime"]


# TimeOffset


@pytest.mark.parametrize(
    ("variable", "value", "status"),
    [
        ("TimeOffset", "+01:00", "Accepted"),
        ("TimeOffset", "-11:30", "Accepted"),
        ("TimeOffset", "1:00", "Rejected"),
        ("TimeOffset", "+25:00", "Rejected"),
        ("TimeOffset", "CET", "Rejected"),
        ("TimeOffset[NextTransition]", "+02:00", "Accepted"),
        ("TimeOffset[NextTransition]", "+2", "Rejected"),
        ("NextTimeOffsetTransitionDateTime", "2025-03-30T01:00:00Z", "Accepted"),
        ("NextTimeOffsetTransitionDateTime", "in spring", "Rejected"),
    ],
)
def test_TC_B_11_an_offset_has_its_form(bench: Bench, variable: str, value: str, status: str) -> None:
    (result,) = put(bench, item("ClockCtrlr", variable, value))
    assert result["attributeStatus"] == status


def offsets(bench: Bench) -> tuple[str, str]:
    return value_of(bench, "ClockCtrlr", "TimeOffset"), value_of(
        bench, "ClockCtrlr", "TimeOffset[NextTransition]"
    )


def plan(bench: Bench, seconds: float) -> None:
    """Have the offset change in that time."""
    bench.set("ClockCtrlr.TimeOffset", "+01:00")
    bench.set("ClockCtrlr.NextTimeOffsetTransitionDateTime", format_time(bench.clock.now + seconds))
    bench.set("ClockCtrlr.TimeOffset[NextTransition]", "+02:00")
    bench.forget()


def test_the_offset_changes_at_its_moment(bench: Bench) -> None:
    plan(bench, 600)
    bench.advance(599)
    assert offsets(bench) == ("+01:00", "+02:00")
    bench.advance(1)
    assert offsets(bench) == ("+02:00", "")
    assert [(it.data["variable"], it.data["value"]) for it in bench.happened_since("variable_changed")] == [
        ("TimeOffset", "+02:00"),
        ("TimeOffset[NextTransition]", ""),
    ]
    bench.set("ClockCtrlr.TimeOffset", "+01:00")
    bench.do("power", "OFF")
    bench.do("power", "ON")
    bench.advance(600)
    assert offsets(bench) == ("+01:00", "")


def test_a_change_that_was_missed_without_power_is_made_up_for(bench: Bench) -> None:
    plan(bench, 600)
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(1000)
    bench.do("power", "ON")
    bench.connect()
    bench.advance(1)
    assert offsets(bench) == ("+02:00", "")


def test_the_moment_is_on_the_stations_clock(bench: Bench) -> None:
    plan(bench, 600)
    jump(bench, 300)
    bench.advance(301)
    assert offsets(bench) == ("+02:00", "")


def test_the_change_may_be_called_off(bench: Bench) -> None:
    plan(bench, 600)
    bench.set("ClockCtrlr.TimeOffset[NextTransition]", "")
    bench.advance(700)
    assert offsets(bench) == ("+01:00", "")


def test_the_change_may_be_delivered_with_the_station(new_bench: NewBench) -> None:
    hardware = with_presets(Hardware(), ClockCtrlr__NextTimeOffsetTransitionDateTime=format_time(START + 100))
    bench = new_bench(hardware)
    bench.set("ClockCtrlr.TimeOffset[NextTransition]", "-03:00")
    bench.advance(100)
    assert offsets(bench)[0] == "-03:00"
