"""The car at an EVSE: what a command may say of it, and what becomes of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Car, Evse, Hardware
from ocppd.core.state import Car as Plugged
from tests.bench import START, Bench, Json
from tests.blocks.test_j_meter_values import energy, error

NewBench = Callable[..., Bench]


def charge(bench: Bench, **ev: Any) -> Bench:
    bench.do("plug-in", ev=ev)
    bench.do("authorize", "AAAA")
    bench.forget()
    return bench


def car(bench: Bench) -> Plugged:
    found = bench.state.evses[0].car
    assert found is not None
    return found


def meter(bench: Bench) -> Json:
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    assert not callable(answer.done.result)
    found: Json = answer.done.result["evses"][0]["meter"]
    return found


CHANGES: list[tuple[str, Any]] = [
    ("capacity_wh", 30_000.0),
    ("max_w", 3_700.0),
    ("max_a", 10.0),
    ("min_a", 8.0),
    ("cable_a", 20.0),
    ("phases", 1),
    ("power_factor", 0.9),
    ("efficiency", 0.8),
    ("curve", ((10.0, 100.0), (100.0, 10.0))),
    ("ramp_w_s", 500.0),
    ("ready_delay_s", 3.0),
    ("departure_s", 3600.0),
]


@pytest.mark.parametrize(("key", "value"), CHANGES)
def test_everything_about_the_car_can_be_said_as_it_arrives(bench: Bench, key: str, value: Any) -> None:
    bench.do("plug-in", ev={key: value})
    assert getattr(car(bench).ev, key) == value


@pytest.mark.parametrize(("key", "value"), CHANGES)
def test_everything_about_the_car_can_be_changed_while_it_charges(bench: Bench, key: str, value: Any) -> None:
    charge(bench)
    bench.advance(60)
    before = energy(bench)
    bench.do("ev", **{key: value})
    assert getattr(car(bench).ev, key) == value
    assert energy(bench) == before
    bench.advance(60)
    assert energy(bench) > before


def test_another_car_is_the_usual_one_again(bench: Bench) -> None:
    bench.do("plug-in", ev={"max_w": 3_700})
    bench.do("unplug")
    bench.do("plug-in")
    assert car(bench).ev == Car()


def test_the_state_of_charge_is_that_of_the_arrival_until_it_charges(bench: Bench) -> None:
    charge(bench, soc=50)
    bench.advance(3600)
    assert car(bench).soc == pytest.approx(50 + 11_000 / 600)
    bench.do("ev", "10")
    assert car(bench).soc == 10


def test_a_departure_counts_from_the_moment_it_is_said(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(ev=Car(departure_s=7200)))
    bench.advance(100)
    bench.do("plug-in")
    assert car(bench).departure == START + 7300
    bench.advance(100)
    bench.do("ev", departure_s=60)
    assert car(bench).departure == START + 260


@pytest.mark.parametrize(
    "said",
    [
        {"curve": []},
        {"curve": [[50, 0]]},
        {"curve": [[50, 60], [40, 60]]},
        {"curve": [[n, 50] for n in range(21)]},
        {"efficiency": 0},
        {"power_factor": 1.1},
        {"ramp_w_s": 0},
        {"departure_s": -1},
    ],
)
def test_what_no_car_is_like_is_refused(bench: Bench, said: Json) -> None:
    assert error(bench.do("plug-in", ev=said)) == "invalid_argument"
    bench.do("plug-in")
    assert error(bench.do("ev", **said)) == "invalid_argument"
    assert car(bench).ev == Car()


def test_a_misspelt_key_is_no_usual_car(bench: Bench) -> None:
    assert error(bench.do("plug-in", ev={"max_amps": 3})) == "invalid_argument"


def test_power_rises_by_the_ramp_and_the_car_charges_from_the_first_moment(bench: Bench) -> None:
    bench.do("plug-in", ev={"ramp_w_s": 1000})
    bench.do("authorize", "AAAA")
    assert bench.tx()[-1]["transactionInfo"]["chargingState"] == "Charging"
    seen = []
    for _ in range(3):
        seen.append(meter(bench)["power_w"])
        bench.advance(6)
    assert seen == [0, 6_000, 11_000]


def test_a_lower_offer_is_followed_by_the_ramp(bench: Bench) -> None:
    charge(bench, ramp_w_s=1000)
    bench.advance(60)
    bench.do("ev", max_w=5_000)
    bench.advance(2)
    seen = [meter(bench)["power_w"]]
    bench.advance(10)
    seen.append(meter(bench)["power_w"])
    assert seen == [9_000, 5_000]


def test_the_energy_of_a_whole_charge_is_what_the_battery_and_its_losses_take(bench: Bench) -> None:
    curve = [[0, 50], [30, 100], [70, 60], [100, 3]]
    charge(bench, soc=10, capacity_wh=20_000, efficiency=0.9, ramp_w_s=100, curve=curve)
    bench.advance(86_400)
    assert "Updated ChargingStateChanged SuspendedEV" in bench.story()
    assert energy(bench) == pytest.approx(0.9 * 20_000 / 0.9)
    assert car(bench).soc == 100


def test_a_car_that_wants_more_than_is_offered_suspends_itself(bench: Bench) -> None:
    charge(bench, cable_a=13)
    bench.do("ev", min_a=14)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEV"]
    bench.do("ev", min_a=6)
    assert bench.story() == ["Updated ChargingStateChanged Charging"]


@pytest.mark.parametrize(("evse", "state"), [(Evse(), "SuspendedEVSE"), (Evse(phases=0), "Charging")])
def test_less_than_a_pilot_can_tell_suspends_the_EVSE(new_bench: NewBench, evse: Evse, state: str) -> None:
    bench = charge(new_bench(Hardware(evses=(evse,))))
    bench.do("limit", "1000")
    bench.csms("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}})
    assert bench.tx()[-1]["transactionInfo"]["chargingState"] == state


def test_the_register_goes_on_where_it_was_when_the_daemon_is_killed_in_a_ramp(bench: Bench) -> None:
    charge(bench, ramp_w_s=100)
    bench.advance(50)
    before = energy(bench)
    assert before == pytest.approx(50 * 50 * 100 / 2 / 3600)
    bench.start_again()
    assert (energy(bench), meter(bench)["power_w"]) == (before, 5_000)
    bench.advance(50)
    assert energy(bench) == pytest.approx(100 * 100 * 100 / 2 / 3600)


def test_after_a_power_cut_the_ramp_begins_again(bench: Bench) -> None:
    charge(bench, ramp_w_s=100)
    bench.advance(60)
    before = energy(bench)
    bench.do("power", "off")
    bench.advance(600)
    bench.do("power", "on")
    bench.connect()
    bench.settle()
    assert (energy(bench), meter(bench)["power_w"]) == (before, 0)
    bench.advance(10)
    assert meter(bench)["power_w"] == 1_000
