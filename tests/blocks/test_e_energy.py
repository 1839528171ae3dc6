"""E: whether energy flows, as the charging state tells."""

from __future__ import annotations

import pytest

from tests.bench import Bench
from tests.blocks.transactions import TOKEN, charge, error, is_charging


def test_TC_E_38_a_car_that_is_not_ready_suspends_first(bench: Bench) -> None:
    bench.do("plug-in", ev={"ready_delay_s": 30})
    bench.do("authorize", TOKEN)
    assert bench.story()[1:] == ["Updated Authorized", "Updated ChargingStateChanged SuspendedEV"]
    bench.advance(30)
    assert bench.story() == ["Updated ChargingStateChanged Charging"]


@pytest.mark.parametrize(("by", "state"), [("ev", "SuspendedEV"), ("evse", "SuspendedEVSE")])
def test_E02_charging_is_suspended_and_goes_on(bench: Bench, by: str, state: str) -> None:
    charge(bench)
    bench.do("suspend", by)
    assert not is_charging(bench)
    bench.do("resume")
    assert bench.story() == [f"Updated ChargingStateChanged {now}" for now in (state, "Charging")]
    assert is_charging(bench)


def test_E02_suspending_twice_changes_nothing(bench: Bench) -> None:
    charge(bench)
    changes = [bench.do("suspend", "ev"), bench.do("suspend", "ev"), bench.do("resume"), bench.do("resume")]
    assert [it.done.changed for it in changes if it and it.done] == [True, False, True, False]


def test_E02_what_the_EVSE_suspends_ends_with_the_transaction(bench: Bench) -> None:
    bench.set("TxCtrlr.TxStopPoint", "Authorized")
    charge(bench)
    bench.do("suspend", "evse")
    bench.do("stop")
    assert bench.story()[-1].startswith("Ended")
    bench.do("authorize", TOKEN)
    assert bench.story()[-1] == "Updated ChargingStateChanged Charging"
    assert is_charging(bench)


def test_E02_the_EVSE_may_be_suspended_before_its_transaction(bench: Bench) -> None:
    bench.do("suspend", "evse")
    charge(bench)
    assert not is_charging(bench)
    bench.do("unplug")
    charge(bench)
    assert is_charging(bench)


def test_E02_no_car_can_suspend_where_there_is_none(bench: Bench) -> None:
    assert error(bench.do("suspend", "ev")) == "invalid_state"


def test_E02_a_full_battery_suspends(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    charge(bench, soc=99)
    bench.advance(3600)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEV"]
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(600)
