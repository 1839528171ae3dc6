"""J. What commands may do to a meter: `meter` and `meter-values`."""

from __future__ import annotations

import pytest

from tests.bench import Bench, Json
from tests.blocks.test_j_meter_values import charge, energy, error, sample, sampled, shown


def test_meter_sets_the_register(bench: Bench) -> None:
    bench.do("meter", "5000.5")
    assert energy(bench) == 5000.5


def test_meter_turns_no_register_back(bench: Bench) -> None:
    bench.do("meter", "5000")
    assert error(bench.do("meter", energy_wh=4999, power_w=1)) == "invalid_argument"
    assert energy(bench) == 5000
    assert bench.state.evses[0].meter.power_w is None


def test_meter_sets_the_power_while_a_car_charges(bench: Bench) -> None:
    charge(bench)
    bench.do("meter", power_w=3600)
    bench.advance(1000)
    assert energy(bench) == pytest.approx(1000)
    bench.do("unplug")
    bench.advance(1000)
    assert energy(bench) == pytest.approx(1000)


def test_meter_power_of_0_suspends_the_car(bench: Bench) -> None:
    charge(bench)
    bench.do("meter", power_w=0)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEV"]
    bench.do("meter", "auto")
    assert bench.story() == ["Updated ChargingStateChanged Charging"]


def test_meter_power_fills_the_battery_and_no_more(bench: Bench) -> None:
    charge(bench, soc=99, capacity_wh=10_000)
    bench.do("meter", power_w=50_000)
    bench.advance(3600)
    assert energy(bench) == pytest.approx(100)
    assert bench.state.evses[0].car is not None
    assert bench.state.evses[0].car.soc == 100


def test_meter_voltage_shows_and_the_power_stays(bench: Bench) -> None:
    charge(bench, max_w=6000)
    bench.do("meter", voltage_v=200)
    values = shown(sample(bench, "Power.Active.Import,Current.Import,Voltage"))
    assert {it for it in values if it[1] in (None, "L2", "L2-N")} == {
        ("Power.Active.Import", None, 6000),
        ("Power.Active.Import", "L2", 2000),
        ("Current.Import", "L2", 10),
        ("Voltage", "L2-N", 200),
    }


def test_meter_voltage_may_differ_by_phase(bench: Bench) -> None:
    charge(bench, max_w=6900)
    bench.do("meter", voltage_v=[220, 230, 240])
    values = shown(sample(bench, "Power.Active.Import,Current.Import,Voltage"))
    assert [value for _, phase, value in values if phase in ("L1-N", "L2-N", "L3-N")] == [220, 230, 240]
    assert [value for name, _, value in values if name == "Current.Import"] == [10, 10, 10]
    assert [value for name, _, value in values if name == "Power.Active.Import"] == [6900, 2200, 2300, 2400]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"evse": 1}, "missing_argument"),
        ({"power_w": -1}, "invalid_argument"),
        ({"voltage_v": -1}, "invalid_argument"),
        ({"voltage_v": 0}, "invalid_argument"),
        ({"voltage_v": [230, 230]}, "invalid_argument"),
        ({"voltage_v": [230, 230, 0]}, "invalid_argument"),
        ({"energy_wh": -1}, "invalid_argument"),
        ({"energy_wh": "nan"}, "invalid_argument"),
        ({"power_w": "nan"}, "invalid_argument"),
        ({"power_w": "inf"}, "invalid_argument"),
        ({"energy_wh": "much"}, "invalid_argument"),
    ],
)
def test_meter_refuses_what_no_meter_shows(bench: Bench, arguments: Json, code: str) -> None:
    assert error(bench.do("meter", **arguments)) == code
    assert energy(bench) == 0


def test_meter_values_tells_what_the_meter_shows(bench: Bench) -> None:
    charge(bench)
    bench.set("AlignedDataCtrlr.Measurands", "Power.Active.Import")
    answer = bench.do("meter-values", evse_id=1)
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"response": {}}
    [told] = bench.sent("MeterValues")
    assert told["evseId"] == 1
    assert {(it["value"], it["context"]) for it in sampled(told) if "phase" not in it} == {(11_000, "Other")}


def test_meter_values_tells_what_it_is_given(bench: Bench) -> None:
    value = {
        "value": 1.5,
        "measurand": "Voltage",
        "location": "Inlet",
        "unit_of_measure": {"unit": "V", "multiplier": 3},
    }
    assert bench.do("meter-values", meter_value=[{"sampled_value": [value]}]) is not None
    [told] = bench.sent("MeterValues")
    assert told["evseId"] == 0
    [found] = told["meterValue"]
    assert found["timestamp"] == "2025-01-01T10:00:00.000Z"
    assert found["sampledValue"][0]["unitOfMeasure"] == {"unit": "V", "multiplier": 3}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"evse_id": 2}, "unknown_evse"),
        ({"evse_id": -1}, "invalid_argument"),
        ({"meter_value": []}, "invalid_argument"),
        ({"meter_value": [{}]}, "invalid_argument"),
        ({"meter_value": [{"sampled_value": [{"value": 1, "measurand": "Charm"}]}]}, "invalid_argument"),
    ],
)
def test_meter_values_refuses_what_OCPP_does_not_know(bench: Bench, arguments: Json, code: str) -> None:
    assert error(bench.do("meter-values", **arguments)) == code
    assert bench.sent("MeterValues") == []


def test_meter_values_needs_the_CSMS(bench: Bench) -> None:
    bench.drop()
    assert error(bench.do("meter-values", evse_id=1)) == "not_connected"


def test_meter_needs_something_to_set(bench: Bench) -> None:
    assert error(bench.do("meter")) == "missing_argument"
