"""A. Security: the events that the CSMS must learn of."""

from __future__ import annotations

import pytest

from tests.bench import Bench


def kinds(bench: Bench) -> list[str]:
    return [it["type"] for it in bench.sent("SecurityEventNotification")]


def power_cycle(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")


def restart(bench: Bench, how: str) -> None:
    """Down and up again, and connected."""
    if how == "power":
        power_cycle(bench)
    else:
        bench.csms("Reset", {"type": "Immediate"})
        bench.advance(1)
        bench.drop()
        bench.advance(5)
    bench.connect()
    bench.settle()


@pytest.mark.parametrize(("how", "kind"), [("power", "StartupOfTheDevice"), ("reset", "ResetOrReboot")])
def test_A04_after_each_boot_the_station_says_why_it_has_started(bench: Bench, how: str, kind: str) -> None:
    restart(bench, how)
    assert [action for action, _ in bench.sent()] == [
        "BootNotification",
        "StatusNotification",
        "SecurityEventNotification",
    ]
    assert bench.happened_since("security")[0].data == {"type": kind}


def test_A04_a_boot_that_is_none_is_no_security_event(bench: Bench) -> None:
    bench.do("boot")
    assert kinds(bench) == []


def test_A04_FR_02_an_event_is_delivered_when_the_CSMS_can_be_reached_again(bench: Bench) -> None:
    bench.silent.add("SecurityEventNotification")
    restart(bench, "power")
    told = bench.sent("SecurityEventNotification")
    bench.drop()
    bench.silent.clear()
    bench.reconnect(after=60)
    assert bench.sent("SecurityEventNotification") == told


def test_A04_FR_02_an_event_outlasts_a_power_cut(bench: Bench) -> None:
    bench.silent.add("SecurityEventNotification")
    restart(bench, "reset")
    bench.forget()
    bench.silent.clear()
    restart(bench, "power")
    assert kinds(bench) == ["ResetOrReboot", "StartupOfTheDevice"]
