"""E: transactions and the mains."""

from __future__ import annotations

import pytest

from tests.bench import Bench, headline
from tests.blocks.transactions import (
    SOCKET,
    TOKEN,
    NewBench,
    back,
    charge,
    check_story,
    cut,
    energies,
    is_charging,
    locks,
    points,
    reasons,
    told,
)


def test_E01_FR_07_a_transaction_goes_on_after_a_power_cut(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    back(bench)
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(11_000 * 10 / 3600)
    bench.advance(120)
    bench.do("unplug")
    [events] = told(bench).values()
    check_story(events)
    assert [headline(it) for it in events][3:] == [
        *["Updated MeterValuePeriodic"] * 2,
        "Ended EVCommunicationLost Idle",
    ]


def test_E06_a_cable_unplugged_during_the_power_cut_is_noticed_after_it(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    bench.do("unplug")
    assert bench.tx() == []
    back(bench)
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]


def test_E02_a_cable_plugged_in_during_the_power_cut_is_noticed_after_it(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    cut(bench)
    bench.do("plug-in")
    bench.forget()
    back(bench)
    assert bench.story() == ["Updated CablePluggedIn EVConnected", "Updated ChargingStateChanged Charging"]


def test_E09_FR_01_a_cable_changed_during_the_power_cut_takes_the_token_away(bench: Bench) -> None:
    charge(points(bench, "Authorized", "Authorized"))
    cut(bench)
    bench.do("unplug")
    bench.do("plug-in")
    back(bench)
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]
    assert not is_charging(bench)


@pytest.mark.parametrize("ends", ["ParkingBayOccupancy", "Authorized"])
def test_E06_FR_01_a_car_that_left_during_the_power_cut_is_noticed_after_it(bench: Bench, ends: str) -> None:
    points(bench, "ParkingBayOccupancy", ends).do("park")
    cut(bench)
    bench.do("park", "OFF")
    back(bench)
    assert reasons(bench) == [("EVDeparted", "Local")]


def test_E06_FR_16_a_fault_during_the_power_cut_is_noticed_after_it(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    bench.do("fault", "GroundFault")
    assert bench.state.evses[0].transaction is not None
    back(bench)
    assert reasons(bench) == [("AbnormalCondition", "GroundFault")]


def test_E06_FR_16_a_fault_that_the_power_cut_hid_ends_nothing(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    bench.do("fault", "GroundFault")
    bench.do("clear-fault")
    back(bench)
    assert reasons(bench) == []
    assert is_charging(bench)


def test_E03_FR_05_the_wait_for_the_cable_starts_anew_after_a_power_cut(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    cut(bench)
    back(bench)
    assert bench.story() == ["Started Authorized Idle"]
    bench.advance(120)
    assert reasons(bench) == [("EVConnectTimeout", "Timeout")]


def test_C01_an_authorization_without_a_transaction_does_not_survive_a_power_cut(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    points(bench, "EnergyTransfer", "EnergyTransfer").do("plug-in", ev={"ready_delay_s": 100})
    bench.do("authorize", TOKEN)
    assert locks(bench)
    cut(bench, 10)
    back(bench)
    bench.advance(200)
    assert bench.tx() == []
    assert not locks(bench)


# ResumptionTimeout


def resuming(bench: Bench, seconds: int, stop: str = "EVConnected") -> Bench:
    points(bench, "EVConnected", stop).set("TxCtrlr.ResumptionTimeout", seconds)
    return bench


@pytest.mark.parametrize(("seconds", "goes_on"), [(0, False), (599, False), (600, True), (31_536_000, True)])
def test_E06_FR_08_E06_FR_16_a_transaction_outlasts_a_short_power_cut_only(
    bench: Bench, seconds: int, *, goes_on: bool
) -> None:
    charge(resuming(bench, seconds))
    before = next(iter(told(bench)))
    cut(bench, 600)
    back(bench)
    assert reasons(bench) == ([] if goes_on else [("AbnormalCondition", "PowerLoss")])
    assert is_charging(bench) == goes_on
    tx = bench.state.evses[0].transaction
    assert tx is not None
    assert (tx.id == before) == goes_on


def test_E06_FR_11_the_end_after_a_power_cut_has_the_last_reading(bench: Bench) -> None:
    charge(resuming(bench, 0))
    bench.do("get")  # brings the meter up to the moment
    at_cut = bench.state.evses[0].meter.energy_wh
    cut(bench)
    back(bench)
    [ended] = [it for it in bench.tx() if it["eventType"] == "Ended"]
    assert energies(ended)[-1] == pytest.approx(at_cut, abs=0.1)
    assert ended["offline"]
    assert ended["transactionInfo"]["timeSpentCharging"] == 10


def test_E06_what_was_stopped_before_the_power_cut_was_stopped_for_that(bench: Bench) -> None:
    charge(resuming(bench, 0))
    bench.do("authorize", TOKEN)
    cut(bench)
    back(bench)
    assert reasons(bench) == [("AbnormalCondition", "Local")]


def test_E06_the_timeout_counts_from_the_power_and_not_from_the_daemon(bench: Bench) -> None:
    charge(resuming(bench, 300))
    cut(bench, 200)
    bench.start_again()
    bench.advance(200)
    back(bench)
    assert reasons(bench) == [("AbnormalCondition", "PowerLoss")]


@pytest.mark.parametrize(("boots", "ended"), [(True, [("AbnormalCondition", "PowerLoss")]), (False, [])])
def test_E06_a_daemon_that_was_away_was_a_power_cut_where_it_boots_stations(
    bench: Bench, *, boots: bool, ended: list[tuple[str, str]]
) -> None:
    charge(resuming(bench, 60))
    bench.clock.now += 600
    bench.start_again(boots=boots)
    bench.reconnect()
    assert reasons(bench) == ended
    assert is_charging(bench) != boots
