"""J. Clock-aligned meter values: when they are due, of what, and what silences them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Car, Connector, Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets
from tests.blocks.test_j_meter_values import EVERYTHING, NewBench, sampled
from tests.blocks.test_j_signed import _public_key, _signed_by

ENERGY = "Energy.Active.Import.Register"
QUARTER = 900
TWO = Hardware(evses=(Evse(), Evse()))


@pytest.fixture
def aligned(bench: Bench) -> Bench:
    """A station that tells its meters every quarter of an hour."""
    bench.set("AlignedDataCtrlr.Interval", QUARTER)
    return bench


def charge(bench: Bench, evse: int = 1, **ev: Any) -> Bench:
    bench.do("plug-in", evse=evse, ev=ev)
    bench.do("authorize", evse=evse, id_token="AAAA")
    bench.forget()
    return bench


def at(message: Json) -> list[str]:
    return [value["timestamp"][11:19] for value in message["meterValue"]]


def contexts(message: Json) -> set[str]:
    return {value["context"] for value in sampled(message)}


def set_for_evse(bench: Bench, evse: int, value: str) -> None:
    item = {
        "component": {"name": "AlignedDataCtrlr", "evse": {"id": evse}},
        "variable": {"name": "SendDuringIdle"},
        "attributeValue": value,
    }
    [result] = bench.csms("SetVariables", {"setVariableData": [item]})["setVariableResult"]
    assert result["attributeStatus"] == "Accepted"


def test_TC_J_01_J01_FR_01_J01_FR_02_J01_FR_03_J01_FR_14_EVSEs_and_grid_are_told_at_each_interval(
    new_bench: NewBench,
) -> None:
    bench = new_bench(with_presets(TWO, AlignedDataCtrlr__Interval="900"))
    bench.advance(400)
    assert bench.sent("MeterValues") == []
    bench.advance(2 * QUARTER)
    told = bench.sent("MeterValues")
    assert [(it["evseId"], *at(it)) for it in told] == [
        *((evse, "10:15:00") for evse in (1, 2, 0)),
        *((evse, "10:30:00") for evse in (1, 2, 0)),
    ]
    assert {context for it in told for context in contexts(it)} == {"Sample.Clock"}
    assert bench.tx() == []


def test_J01_the_day_is_divided_from_midnight_on(aligned: Bench) -> None:
    aligned.set("AlignedDataCtrlr.Interval", 5 * 3600)
    aligned.advance(86_400)
    times = [at(it)[0] for it in aligned.sent("MeterValues") if it["evseId"] == 1]
    assert times == ["15:00:00", "20:00:00", "00:00:00", "05:00:00", "10:00:00"]


def test_J01_it_is_midnight_on_the_clock_of_the_station(aligned: Bench) -> None:
    aligned.answers["Heartbeat"] = lambda _: {"currentTime": format_time(aligned.clock.now + 6_750)}
    aligned.do("heartbeat")
    aligned.advance(QUARTER)
    times = [at(it)[0] for it in aligned.sent("MeterValues") if it["evseId"] == 1]
    assert times == ["12:00:00"]  # its clock was 11:52:30


def test_J01_a_moment_that_was_missed_is_not_made_up(aligned: Bench) -> None:
    aligned.clock.now += QUARTER + 60
    aligned.start_again()
    aligned.reconnect()
    aligned.advance(QUARTER - 60)
    assert [at(it) for it in aligned.sent("MeterValues")] == [["10:30:00"]] * 2


@pytest.mark.parametrize(("name", "value"), [("Interval", 0), ("Enabled", False), ("Measurands", "")])
def test_J01_nothing_is_told_where_it_is_off(aligned: Bench, name: str, value: Any) -> None:
    aligned.set(f"AlignedDataCtrlr.{name}", value)
    aligned.advance(3600)
    assert aligned.sent("MeterValues") == []


def test_J01_a_station_that_is_switched_on_goes_on_with_it(aligned: Bench) -> None:
    aligned.do("power", "off")
    aligned.advance(3600)
    aligned.do("power", "on")
    aligned.connect()
    aligned.settle()
    aligned.forget()
    aligned.advance(QUARTER)
    assert [at(it) for it in aligned.sent("MeterValues")] == [["11:15:00"]] * 2


def test_TC_J_02_J01_FR_22_in_a_transaction_the_transaction_tells(new_bench: NewBench) -> None:
    bench = charge(new_bench(with_presets(TWO, AlignedDataCtrlr__Interval="900")), evse=2)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    bench.forget()
    bench.advance(2 * QUARTER)
    calls = bench.sent()
    told = [payload for action, payload in calls if action == "MeterValues"]
    assert [(it["evseId"], *at(it)) for it in told] == [
        (1, "10:15:00"),
        (0, "10:15:00"),
        (1, "10:30:00"),
        (0, "10:30:00"),
    ]
    events = [payload for action, payload in calls if action == "TransactionEvent"]
    assert [(it["triggerReason"], *at(it)) for it in events] == [
        ("MeterValueClock", "10:15:00"),
        ("MeterValueClock", "10:30:00"),
    ]
    assert [it["value"] for event in events for it in sampled(event)] == [2750, 5500]
    assert {context for event in events for context in contexts(event)} == {"Sample.Clock"}


def test_J01_FR_22_what_a_transaction_tells_waits_for_the_connection(aligned: Bench) -> None:
    charge(aligned)
    aligned.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    aligned.drop()
    aligned.advance(QUARTER)
    aligned.forget()
    aligned.reconnect(100)
    [event] = [it for it in aligned.tx() if it["triggerReason"] == "MeterValueClock"]
    assert (event["offline"], at(event)) == (True, ["10:15:00"])


def test_TC_J_03_E06_FR_11_the_end_tells_the_aligned_samples(bench: Bench) -> None:
    bench.set("AlignedDataCtrlr.TxEndedInterval", QUARTER)
    bench.set("AlignedDataCtrlr.TxEndedMeasurands", f"{ENERGY},SoC")
    bench.set("SampledDataCtrlr.TxEndedMeasurands", "")
    bench.advance(600)
    charge(bench)
    bench.advance(2 * QUARTER)
    bench.do("unplug")
    ended = bench.tx()[-1]
    assert at(ended) == ["10:15:00", "10:30:00"]
    assert contexts(ended) == {"Sample.Clock"}
    assert [it["value"] for it in sampled(ended)] == [916.7, 21.5, 3666.7, 26.1]
    bench.advance(QUARTER)
    assert [name for name, _ in bench.sent() if name != "Heartbeat"] == []


def test_TC_J_04_J01_FR_21_aligned_samples_are_signed(bench: Bench) -> None:
    bench.set("AlignedDataCtrlr.TxEndedInterval", QUARTER)
    bench.set("AlignedDataCtrlr.TxEndedMeasurands", f"{ENERGY},SoC")
    bench.set("AlignedDataCtrlr.SignReadings", True)
    bench.set("SampledDataCtrlr.TxEndedMeasurands", "")
    charge(bench)
    bench.advance(QUARTER)
    bench.do("unplug")
    register, soc = sampled(bench.tx()[-1])
    said = _signed_by(_public_key(bench), register["signedMeterValue"]["signedMeterData"])
    assert said["RD"][0]["RV"] == register["value"] == 2750
    assert "signedMeterValue" not in soc


@pytest.mark.parametrize("everywhere", [True, False])
def test_TC_J_06_J01_FR_19_J01_FR_20_a_transaction_silences_its_EVSE_or_all(
    new_bench: NewBench, everywhere: bool
) -> None:
    bench = new_bench(with_presets(TWO, AlignedDataCtrlr__Interval="900"))
    if everywhere:
        bench.set("AlignedDataCtrlr.SendDuringIdle", True)
    else:
        set_for_evse(bench, 2, "true")
    bench.set("AlignedDataCtrlr.TxEndedInterval", QUARTER)
    bench.set("AlignedDataCtrlr.TxEndedMeasurands", ENERGY)
    for kind in ("Started", "Updated", "Ended"):
        bench.set(f"SampledDataCtrlr.Tx{kind}Measurands", "")
    bench.advance(QUARTER)
    assert [it["evseId"] for it in bench.sent("MeterValues")] == [1, 2, 0]
    charge(bench, evse=2)
    bench.advance(QUARTER)
    assert [it["evseId"] for it in bench.sent("MeterValues")] == ([] if everywhere else [1, 0])
    bench.do("unplug", evse=2)
    assert not any("meterValue" in event for event in bench.tx())
    bench.advance(QUARTER)
    assert [it["evseId"] for it in bench.sent("MeterValues")] == [1, 2, 0]


def test_J01_FR_14_J01_FR_10_every_EVSE_and_phase_that_has_a_measurand_is_told(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(TWO, AlignedDataCtrlr__Interval="900"))
    bench.set("AlignedDataCtrlr.Measurands", "Current.Import,Current.Offered,SoC")
    bench.do("plug-in", evse=1)
    bench.forget()
    bench.advance(QUARTER)
    calls = bench.sent()
    told = {
        it["evseId"]: [value["measurand"] for value in sampled(it)]
        for name, it in calls
        if name == "MeterValues"
    }
    assert told == {2: ["Current.Import"] * 3 + ["Current.Offered"], 0: ["Current.Import"] * 3}


def test_J01_FR_04_J01_FR_09_the_meter_at_the_grid_counts_all_EVSEs(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(TWO, AlignedDataCtrlr__Interval="900"))
    bench.set("AlignedDataCtrlr.Measurands", EVERYTHING)
    charge(bench, evse=1, max_w=6900)
    charge(bench, evse=2, max_w=2300, phases=1)
    bench.advance(QUARTER)
    [grid] = [it for name, it in bench.sent() if name == "MeterValues"]
    assert {it["location"] for it in sampled(grid)} == {"Inlet"}
    assert [(it["measurand"], it.get("phase"), it["value"]) for it in sampled(grid)] == [
        (ENERGY, None, 2300),
        ("Energy.Active.Net", None, 2300),
        ("Energy.Active.Export.Register", None, 0),
        ("Energy.Reactive.Import.Register", None, 0),
        ("Energy.Reactive.Net", None, 0),
        ("Energy.Reactive.Export.Register", None, 0),
        ("Energy.Apparent.Import", None, 2300),
        ("Energy.Apparent.Net", None, 2300),
        ("Energy.Apparent.Export", None, 0),
        ("Power.Active.Import", None, 9200),
        ("Power.Active.Import", "L1", 4600),
        ("Power.Active.Import", "L2", 2300),
        ("Power.Active.Import", "L3", 2300),
        ("Power.Active.Export", None, 0),
        *(("Power.Active.Export", f"L{n}", 0) for n in (1, 2, 3)),
        ("Power.Reactive.Import", None, 0),
        *(("Power.Reactive.Import", f"L{n}", 0) for n in (1, 2, 3)),
        ("Power.Reactive.Export", None, 0),
        *(("Power.Reactive.Export", f"L{n}", 0) for n in (1, 2, 3)),
        ("Power.Factor", None, 1),
        ("Current.Import", "L1", 20),
        ("Current.Import", "L2", 10),
        ("Current.Import", "L3", 10),
        *(("Current.Export", f"L{n}", 0) for n in (1, 2, 3)),
        *(("Voltage", f"L{n}-N", 230) for n in (1, 2, 3)),
        ("Frequency", None, 50),
    ]


def test_J01_FR_04_a_rectifier_draws_evenly_from_the_grid(new_bench: NewBench) -> None:
    hardware = Hardware(
        evses=(Evse(phases=0, max_w=69_000, voltage_v=400, connectors=(Connector("cCCS2"),)),),
        ev=Car(max_w=100_000),
    )
    bench = charge(new_bench(with_presets(hardware, AlignedDataCtrlr__Interval="900")))
    bench.set("AlignedDataCtrlr.Measurands", "Current.Import,Voltage,Power.Active.Import")
    bench.advance(QUARTER)
    [grid] = bench.sent("MeterValues")
    assert [it["value"] for it in sampled(grid)] == [*[100] * 3, *[230] * 3, 69_000, *[23_000] * 3]


def test_J01_FR_05_J01_FR_06_J01_FR_07_J01_FR_08_J01_FR_17_a_value_has_its_moment_and_says_what_it_is(
    aligned: Bench,
) -> None:
    aligned.set("AlignedDataCtrlr.Measurands", EVERYTHING)
    aligned.advance(QUARTER)
    for told in aligned.sent("MeterValues"):
        [value] = told["meterValue"]
        assert value["timestamp"] == "2025-01-01T10:15:00.000Z"
        assert len(value["sampledValue"]) > 10
        assert all({"measurand", "context"} <= it.keys() for it in value["sampledValue"])


def test_J01_the_energy_of_an_interval_is_that_since_the_one_before(aligned: Bench) -> None:
    aligned.set("AlignedDataCtrlr.Measurands", "Energy.Active.Import.Interval")
    charge(aligned)
    aligned.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    aligned.forget()
    aligned.advance(2 * QUARTER)
    # Of the first interval only the end is known.
    assert [it["value"] for event in aligned.tx() for it in sampled(event)] == [2750]


def test_J01_before_the_CSMS_has_accepted_the_station_nothing_is_told(
    new_bench: Callable[..., Bench],
) -> None:
    bench = new_bench(with_presets(Hardware(), AlignedDataCtrlr__Interval="900"), boot=False)
    bench.answers["BootNotification"] = {
        "currentTime": "2025-01-01T10:00:00Z",
        "interval": 3000,
        "status": "Pending",
    }
    bench.connect()
    bench.settle()
    bench.advance(QUARTER)
    assert bench.sent("MeterValues") == []
    assert not any(call.action == "MeterValues" for call in bench.state.outbox.queue)
