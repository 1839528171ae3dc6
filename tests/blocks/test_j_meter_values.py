"""J: what the meter shows, when it is told, and what a command may do to it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from ocppd.blocks.e_samples import MOST_SAMPLES
from ocppd.blocks.j_measurands import MEASURANDS
from ocppd.core import outbox
from ocppd.core.description import Car, Connector, Evse, Hardware
from tests.bench import Bench, Json

ENERGY = "Energy.Active.Import.Register"
ALL = f"{ENERGY},Power.Active.Import,Current.Import,Voltage,SoC"
DC = Hardware(
    evses=(Evse(phases=0, max_w=50_000, voltage_v=400, connectors=(Connector("cCCS2"),)),),
    ev=Car(max_w=100_000),
)

NewBench = Callable[..., Bench]


def charge(bench: Bench, **ev: Any) -> Bench:
    bench.do("plug-in", ev=ev) if ev else bench.do("plug-in")
    bench.do("authorize", "AAAA")
    bench.forget()
    return bench


def sampled(event: Json, measurand: str | None = None) -> list[Json]:
    values = [value for it in event.get("meterValue", []) for value in it["sampledValue"]]
    return [value for value in values if measurand in (None, value["measurand"])]


def shown(event: Json) -> list[tuple[str, str | None, float]]:
    """Measurand, phase and value of each sample."""
    return [(it["measurand"], it.get("phase"), it["value"]) for it in sampled(event)]


def error(answer: Any) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code  # type: ignore[no-any-return]


def energy(bench: Bench) -> float:
    bench.do("get")
    return bench.state.evses[0].meter.energy_wh


# Samples of a transaction (J02)


def test_J02_FR_11_a_sample_every_TxUpdatedInterval(bench: Bench) -> None:
    charge(bench)
    bench.advance(180)
    events = bench.tx()
    assert [it["triggerReason"] for it in events] == ["MeterValuePeriodic"] * 3
    assert [it["timestamp"][14:19] for it in events] == ["01:00", "02:00", "03:00"]
    assert [value["context"] for it in events for value in sampled(it)] == ["Sample.Periodic"] * 3
    assert [value["value"] for it in events for value in sampled(it)] == [183.3, 366.7, 550.0]


def test_J02_FR_10_a_sample_is_of_the_moment_of_its_event(bench: Bench) -> None:
    charge(bench)
    bench.advance(60)
    [event] = bench.tx()
    assert [it["timestamp"] for it in event["meterValue"]] == [event["timestamp"]]


def test_J02_an_interval_of_0_is_never(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    charge(bench)
    bench.advance(3600)
    assert bench.tx() == []


def test_J02_without_measurands_no_sample_is_sent(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", "")
    charge(bench)
    bench.advance(3600)
    assert bench.tx() == []


def test_J02_without_measurands_started_and_ended_have_no_values(bench: Bench) -> None:
    for kind in ("Started", "Ended"):
        bench.set(f"SampledDataCtrlr.Tx{kind}Measurands", "")
    bench.do("plug-in")
    bench.do("unplug")
    assert ["meterValue" in it for it in bench.tx()] == [False, False]


@pytest.mark.parametrize(("changed", "minutes"), [(30, ["01:30", "02:00"]), (90, ["01:30"]), (0, [])])
def test_J02_a_changed_interval_counts_at_once(bench: Bench, changed: int, minutes: list[str]) -> None:
    charge(bench)
    bench.advance(65)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", changed)
    bench.forget()
    bench.advance(60)
    assert [it["timestamp"][14:19] for it in bench.tx()] == minutes


def test_J02_sampling_can_be_switched_off_and_on(bench: Bench) -> None:
    charge(bench)
    seen = []
    for enabled in (False, True):
        bench.set("SampledDataCtrlr.Enabled", enabled)
        bench.forget()
        bench.advance(120)
        seen.append(len(bench.tx()))
    assert seen == [0, 2]


def test_J02_samples_end_with_the_transaction(bench: Bench) -> None:
    charge(bench)
    bench.do("unplug")
    bench.forget()
    bench.advance(600)
    assert bench.tx() == []


def test_J02_an_unauthorized_transaction_is_sampled_too(bench: Bench) -> None:
    bench.do("plug-in")
    bench.forget()
    bench.advance(60)
    assert [value["value"] for it in bench.tx() for value in sampled(it)] == [0]


def test_TC_J_07_the_start_tells_what_TxStartedMeasurands_names(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxStartedMeasurands", f"{ENERGY},Voltage")
    bench.do("plug-in")
    [event] = bench.tx()
    assert {value["context"] for value in sampled(event)} == {"Transaction.Begin"}
    assert shown(event) == [(ENERGY, None, 0), *(("Voltage", f"L{n}-N", 230) for n in (1, 2, 3))]


def test_TC_J_10_the_end_tells_the_series_of_TxEndedMeasurands(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxEndedMeasurands", "Power.Offered")
    bench.set("SampledDataCtrlr.TxEndedInterval", 40)
    charge(bench)
    bench.advance(100)
    bench.do("unplug")
    ended = bench.tx()[-1]
    assert [(it["context"], it["value"]) for it in sampled(ended)] == [
        ("Transaction.Begin", 0),
        ("Sample.Periodic", 22_080),
        ("Sample.Periodic", 22_080),
        ("Transaction.End", 0),
    ]
    assert [it["timestamp"][14:19] for it in ended["meterValue"]] == ["00:00", "00:40", "01:20", "01:40"]


# What is told of each measurand (J01, J02)


def sample(bench: Bench, measurands: str = ALL) -> Json:
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", measurands)
    bench.forget()
    bench.advance(60)
    [event] = bench.tx()
    return event


def test_J01_FR_11_three_phases(bench: Bench) -> None:
    charge(bench, max_w=6900, soc=50)
    assert shown(sample(bench)) == [
        (ENERGY, None, 115),
        ("Power.Active.Import", None, 6900),
        *(("Power.Active.Import", f"L{n}", 2300) for n in (1, 2, 3)),
        *(("Current.Import", f"L{n}", 10) for n in (1, 2, 3)),
        *(("Voltage", f"L{n}-N", 230) for n in (1, 2, 3)),
        ("SoC", None, 50.2),
    ]


def test_J01_FR_11_a_car_with_one_phase_uses_the_first(bench: Bench) -> None:
    charge(bench, phases=1, max_a=10)
    current = sampled(sample(bench, "Current.Import,Voltage"))
    assert [(it.get("phase"), it["value"]) for it in current] == [
        ("L1", 10),
        ("L2", 0),
        ("L3", 0),
        ("L1-N", 230),
        ("L2-N", 230),
        ("L3-N", 230),
    ]


def test_J01_a_DC_meter_has_no_phases(new_bench: NewBench) -> None:
    bench = charge(new_bench(DC))
    assert shown(sample(bench)) == [
        (ENERGY, None, 833.3),
        ("Power.Active.Import", None, 50_000),
        ("Current.Import", None, 125),
        ("Voltage", None, 400),
        ("SoC", None, 21.4),
    ]


def test_E02_FR_18_DC_has_no_number_of_phases(new_bench: NewBench) -> None:
    bench = new_bench(DC)
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    assert not any("numberOfPhasesUsed" in it for it in bench.tx())


def test_J01_only_the_state_of_charge_is_measured_in_the_car(bench: Bench) -> None:
    charge(bench)
    event = sample(bench)
    assert {it["measurand"] for it in sampled(event) if it.get("location") == "EV"} == {"SoC"}
    units = {it["measurand"]: it["unitOfMeasure"]["unit"] for it in sampled(event)}
    assert list(units.values()) == ["Wh", "W", "A", "V", "Percent"]


def test_J02_FR_16_J02_FR_17_the_register_goes_on_from_transaction_to_transaction(bench: Bench) -> None:
    ends: list[float] = []
    for _ in range(3):
        charge(bench)
        bench.advance(100)
        bench.do("unplug")
        begin, *_, end = sampled(bench.tx()[-1], ENERGY)
        ends += [begin["value"], end["value"]]
    assert ends == [0, 305.6, 305.6, 611.1, 611.1, 916.7]


def test_J02_FR_22_each_EVSE_has_its_own_meter(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse())))
    bench.do("plug-in", evse=1)
    bench.do("plug-in", evse=2)
    bench.do("authorize", evse=2, id_token="AAAA")
    bench.forget()
    bench.advance(60)
    assert [sampled(it)[0]["value"] for it in bench.tx()] == [0, 183.3]


EVERYTHING = ",".join(MEASURANDS)


def test_J02_FR_03_J02_FR_06_every_measurand_is_told_with_its_phases_and_unit(bench: Bench) -> None:
    charge(bench, max_w=5520, power_factor=0.8, soc=50)
    event = sample(bench, EVERYTHING)
    assert [
        (it["measurand"], it.get("phase"), it["value"], it["unitOfMeasure"]["unit"]) for it in sampled(event)
    ] == [
        (ENERGY, None, 92, "Wh"),
        ("Energy.Active.Import.Interval", None, 92, "Wh"),
        ("Energy.Active.Net", None, 92, "Wh"),
        ("Energy.Active.Export.Register", None, 0, "Wh"),
        ("Energy.Active.Export.Interval", None, 0, "Wh"),
        ("Energy.Reactive.Import.Register", None, 69, "varh"),
        ("Energy.Reactive.Import.Interval", None, 69, "varh"),
        ("Energy.Reactive.Net", None, 69, "varh"),
        ("Energy.Reactive.Export.Register", None, 0, "varh"),
        ("Energy.Reactive.Export.Interval", None, 0, "varh"),
        ("Energy.Apparent.Import", None, 115, "VAh"),
        ("Energy.Apparent.Net", None, 115, "VAh"),
        ("Energy.Apparent.Export", None, 0, "VAh"),
        ("Power.Active.Import", None, 5520, "W"),
        *(("Power.Active.Import", f"L{n}", 1840, "W") for n in (1, 2, 3)),
        ("Power.Active.Export", None, 0, "W"),
        *(("Power.Active.Export", f"L{n}", 0, "W") for n in (1, 2, 3)),
        ("Power.Reactive.Import", None, 4140, "var"),
        *(("Power.Reactive.Import", f"L{n}", 1380, "var") for n in (1, 2, 3)),
        ("Power.Reactive.Export", None, 0, "var"),
        *(("Power.Reactive.Export", f"L{n}", 0, "var") for n in (1, 2, 3)),
        ("Power.Factor", None, 0.8, ""),
        ("Power.Offered", None, 17_664, "W"),
        *(("Current.Import", f"L{n}", 10, "A") for n in (1, 2, 3)),
        *(("Current.Export", f"L{n}", 0, "A") for n in (1, 2, 3)),
        ("Current.Offered", None, 32, "A"),
        *(("Voltage", f"L{n}-N", 230, "V") for n in (1, 2, 3)),
        ("Frequency", None, 50, "Hz"),
        ("SoC", None, 50.2, "Percent"),
    ]


def test_J02_FR_05_only_the_state_of_charge_is_told_with_the_location_of_the_car(bench: Bench) -> None:
    charge(bench)
    told = {it["measurand"]: it.get("location", "Outlet") for it in sampled(sample(bench, EVERYTHING))}
    assert {name for name, location in told.items() if location != "Outlet"} == {"SoC"}


def test_J02_what_a_DC_meter_does_not_measure_is_left_out(new_bench: NewBench) -> None:
    bench = charge(new_bench(DC))
    told = {it["measurand"]: it["value"] for it in sampled(sample(bench, EVERYTHING))}
    assert set(MEASURANDS) - set(told) == {"Frequency"}
    assert (told["Power.Offered"], told["Current.Offered"]) == (50_000, 125)
    assert told["Energy.Reactive.Import.Register"] == told["Power.Reactive.Import"] == 0


def test_J02_without_a_car_there_is_no_state_of_charge_and_nothing_offered(bench: Bench) -> None:
    bench.set("TxCtrlr.TxStartPoint", "Authorized")
    bench.set("SampledDataCtrlr.TxStartedMeasurands", EVERYTHING)
    bench.do("authorize")
    told = {it["measurand"]: it["value"] for it in sampled(bench.tx()[0])}
    assert "SoC" not in told
    assert told["Power.Offered"] == told["Current.Offered"] == 0
    assert told["Power.Factor"] == 1


INTERVAL = "Energy.Active.Import.Interval"


def test_J02_the_energy_of_an_interval_is_that_since_the_sample_before(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", INTERVAL)
    bench.set("SampledDataCtrlr.TxEndedMeasurands", INTERVAL)
    bench.set("SampledDataCtrlr.TxEndedInterval", 90)
    for _ in range(2):
        charge(bench)
        bench.advance(130)
        bench.do("unplug")
        events = bench.tx()
        assert [it["value"] for event in events[:2] for it in sampled(event)] == [183.3, 183.3]
        assert [it["value"] for it in sampled(events[-1])] == [0, 275, 122.2]


def test_J02_the_reactive_energy_of_an_interval_counts_from_the_transaction_too(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", "Energy.Reactive.Import.Interval")
    for _ in range(2):
        charge(bench, max_w=5520, power_factor=0.8)
        bench.advance(130)
        bench.do("unplug")
        told = [
            it["value"]
            for event in bench.tx()
            for it in sampled(event)
            if it["unitOfMeasure"]["unit"] == "varh"
        ]
        assert told == [69, 69]


def test_J02_a_reading_in_between_begins_no_interval(bench: Bench) -> None:
    charge(bench)
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", INTERVAL)
    bench.advance(30)
    bench.csms("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}})
    bench.advance(30)
    assert [it["value"] for event in bench.tx() for it in sampled(event)] == [91.7, 183.3]


@pytest.mark.parametrize(
    ("unit", "multiplier", "expected"),
    [
        ("Wh", 0, [(183.3, {"unit": "Wh"}), (11_000, {"unit": "W"})]),
        ("kWh", 0, [(0.1833, {"unit": "kWh"}), (11, {"unit": "kW"})]),
        ("Wh", 3, [(0.1833, {"unit": "Wh", "multiplier": 3}), (11, {"unit": "W", "multiplier": 3})]),
        ("kWh", -3, [(183.3, {"unit": "kWh", "multiplier": -3}), (11_000, {"unit": "kW", "multiplier": -3})]),
    ],
)
def test_J02_energy_and_power_are_told_in_the_unit_of_the_meter(
    new_bench: NewBench, unit: Any, multiplier: int, expected: list[tuple[float, Json]]
) -> None:
    bench = charge(new_bench(Hardware(evses=(Evse(energy_unit=unit, multiplier=multiplier),))))
    told = [it for it in sampled(sample(bench, ALL)) if it["unitOfMeasure"]["unit"].endswith(("W", "Wh"))]
    found = [(it["value"], it["unitOfMeasure"]) for it in told if "phase" not in it]
    assert found == expected


def test_J02_FR_02_J02_FR_04_J02_FR_18_the_values_of_one_moment_share_one_timestamp(bench: Bench) -> None:
    charge(bench)
    [value] = sample(bench, EVERYTHING)["meterValue"]
    assert value["timestamp"] == "2025-01-01T10:01:00.000Z"
    assert {it["context"] for it in value["sampledValue"]} == {"Sample.Periodic"}


@pytest.mark.parametrize(("phase", "expected"), [(None, [16, 0, 0]), (2, [0, 16, 0])])
def test_J02_FR_07_J01_FR_11_phases_are_those_of_the_meter_when_only_one_is_used(
    bench: Bench, phase: int | None, expected: list[float]
) -> None:
    period = {"startPeriod": 0, "limit": 16, "numberPhases": 1} | ({"phaseToUse": phase} if phase else {})
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": "2025-01-01T00:00:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [period],
            }
        ],
    }
    answer = bench.csms("SetChargingProfile", {"evseId": 1, "chargingProfile": profile})
    assert answer["status"] == "Accepted"
    charge(bench)
    current = [value for _, _, value in shown(sample(bench, "Current.Import"))]
    assert current == expected


def test_TC_J_08_E01_FR_17_a_transaction_that_starts_before_the_cable_is_in_begins_with_the_evse(
    bench: Bench,
) -> None:
    bench.set("TxCtrlr.TxStartPoint", "Authorized")
    bench.do("authorize")
    bench.do("plug-in")
    first = next(event for event in bench.tx() if "evse" in event)
    assert {it["context"] for it in sampled(first)} == {"Transaction.Begin"}
    assert [it["measurand"] for it in sampled(first)] == [ENERGY]


def test_TC_J_09_J02_FR_01_J02_FR_11_E02_FR_10_what_TxUpdatedMeasurands_names_comes_periodically(
    bench: Bench,
) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 20)
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", f"{ENERGY},SoC")
    charge(bench)
    bench.advance(60)
    events = bench.tx()
    assert [it["triggerReason"] for it in events] == ["MeterValuePeriodic"] * 3
    assert [it["timestamp"][14:19] for it in events] == ["00:20", "00:40", "01:00"]
    assert all([it["measurand"] for it in sampled(event)] == [ENERGY, "SoC"] for event in events)


def test_J02_FR_12_J02_FR_13_offline_every_second_sample_goes_where_there_are_too_many(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MOST_TRANSACTION_EVENTS", 20)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 1)
    charge(bench, capacity_wh=1e8)
    bench.drop()
    bench.forget()
    bench.advance(25)
    bench.reconnect()
    values = [value["value"] for event in bench.tx() for value in sampled(event)]
    assert len(values) < 20
    gaps = [round(after - before) for before, after in pairwise(values)]
    assert set(gaps) == {3, 6}  # 11 kW in a second, and in two
    assert gaps == sorted(gaps, reverse=True)


def test_J02_FR_20_the_end_keeps_its_first_and_last_sample_and_thins_those_between(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxEndedInterval", 60)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    charge(bench, capacity_wh=1e8)
    bench.advance(60 * 250)
    bench.do("unplug")
    told = [(it["context"], it["value"]) for it in sampled(bench.tx()[-1])]
    assert (told[0], told[-1]) == (("Transaction.Begin", 0), ("Transaction.End", 45_833.3))
    assert len(told) <= MOST_SAMPLES + 2
    assert max(after - before for (_, before), (_, after) in pairwise(told)) < 370


def test_J02_where_sampled_values_are_off_none_are_told(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.Enabled", False)
    bench.do("plug-in")
    bench.do("unplug")
    assert ["meterValue" in it for it in bench.tx()] == [False, False]


def test_J02_FR_04_the_end_tells_the_register_around_a_power_cut(bench: Bench) -> None:
    charge(bench)
    bench.advance(100)
    bench.do("power", "off")
    bench.advance(100)
    bench.do("power", "on")
    bench.reconnect()
    bench.advance(100)
    bench.do("unplug")
    assert [(it["context"], it["value"]) for it in sampled(bench.tx()[-1])] == [
        ("Transaction.Begin", 0),
        ("Interruption.Begin", 305.6),
        ("Interruption.End", 305.6),
        ("Transaction.End", 611.1),
    ]


# The device model


def power(bench: Bench) -> str:
    component = {"name": "EVSE", "evse": {"id": 1}}
    request = {"getVariableData": [{"component": component, "variable": {"name": "Power"}}]}
    return bench.csms("GetVariables", request)["getVariableResult"][0]["attributeValue"]  # type: ignore[no-any-return]


def test_J_the_device_model_shows_the_power_of_the_moment(bench: Bench) -> None:
    seen = [power(bench)]
    charge(bench)
    seen.append(power(bench))
    bench.do("suspend", "ev")
    seen.append(power(bench))
    assert seen == ["0.0", "11000.0", "0.0"]


def test_J_the_device_model_tells_the_rated_power(new_bench: NewBench) -> None:
    bench = new_bench(DC)
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    items = [item for page in bench.sent("NotifyReport") for item in page["reportData"]]
    [limit] = [
        item["variableCharacteristics"]["maxLimit"]
        for item in items
        if (item["component"]["name"], item["variable"]["name"]) == ("EVSE", "Power")
    ]
    assert limit == 50_000
