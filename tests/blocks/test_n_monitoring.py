"""N. Monitoring: what the CSMS sets, clears, activates and is reported (N02 to N06)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ocppd.blocks.n_monitoring import MOST_MONITORS
from ocppd.core.description import Connector, Evse, Hardware, Monitor, Preset
from ocppd.core.errors import CallError
from tests.bench import Bench, with_presets
from tests.blocks.monitoring import (
    FAN,
    base,
    clear,
    events,
    ids,
    item,
    level,
    monitor,
    place,
    reboot,
    report,
    results,
    status,
    story,
)

NewBench = Callable[..., Bench]

# Ids 1 to 3; the second one cannot be changed.
DELIVERED = replace(
    FAN,
    monitors=(
        Monitor("EVSE", "AvailabilityState", "Delta", 1, 4, evse=1),
        Monitor("Fan", "Speed", "UpperThreshold", 90, 2, hard_wired=True),
        Monitor("Fan", "Speed", "LowerThreshold", 10, 5),
    ),
)
TWO_EVSES = Hardware(evses=(Evse(), Evse(connectors=(Connector(), Connector("sType2")))))


@pytest.fixture
def fan(new_bench: NewBench) -> Bench:
    return new_bench(FAN)


@pytest.fixture
def delivered(new_bench: NewBench) -> Bench:
    return new_bench(DELIVERED)


def variable(bench: Bench, name: str) -> str:
    answer = bench.csms("GetVariables", {"getVariableData": [place(name)]})
    found: str = answer["getVariableResult"][0]["attributeValue"]
    return found


# SetVariableMonitoring (N04)


def test_TC_N_08_N04_FR_01_N04_FR_02_N04_FR_08_N04_FR_11_a_monitor_is_set_gets_an_id_and_is_reported(
    bench: Bench,
) -> None:
    wanted = item("EVSE:1.AvailabilityState", "Delta", 1)
    (result,) = results(bench, wanted)
    assert result == {
        "status": "Accepted",
        "id": result["id"],
        "type": "Delta",
        "severity": 4,
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "AvailabilityState"},
    }
    assert report(bench) == [{**wanted, "id": result["id"], "transaction": False}]


def test_TC_N_09_N04_FR_01_several_variables_get_a_result_each(fan: Bench) -> None:
    found = results(fan, item("Fan.Speed"), item("EVSE:1.AvailabilityState", "Delta"), item("EVSE:1.Power"))
    assert [it["status"] for it in found] == ["Accepted"] * 3
    assert [it["variable"]["name"] for it in found] == ["Speed", "AvailabilityState", "Power"]
    assert ids(report(fan)) == [it["id"] for it in found]


def test_TC_N_10_N04_FR_10_several_severities_on_one_variable_are_several_monitors(fan: Bench) -> None:
    found = results(fan, *(item("Fan.Speed", severity=severity) for severity in range(10)))
    assert {it["status"] for it in found} == {"Accepted"}
    assert len({it["id"] for it in found}) == 10


def test_TC_N_11_N04_FR_03_unknown_component(bench: Bench) -> None:
    found = results(bench, item("EVSE:99.AvailabilityState", "Delta"), item("NonExistent.Power"))
    assert [it["status"] for it in found] == ["UnknownComponent", "UnknownComponent"]
    assert not any("id" in it for it in found)


def test_TC_N_37_N04_FR_04_unknown_variable(bench: Bench) -> None:
    assert status(bench, "EVSE:1.unknownVariable", "Delta") == "UnknownVariable"


@pytest.mark.parametrize("kind", ["UpperThreshold", "LowerThreshold"])
@pytest.mark.parametrize(
    "name", ["EVSE:1.AvailabilityState", "Fan.Mode", "Fan.Since", "TxCtrlr.TxStartPoint"]
)
def test_TC_N_38_N04_FR_05_no_threshold_on_what_is_no_number(fan: Bench, name: str, kind: str) -> None:
    assert status(fan, name, kind) == "UnsupportedMonitorType"


def test_N04_FR_05_no_monitor_on_what_supports_none_and_no_period_on_times(fan: Bench) -> None:
    assert status(fan, "Fan.Secret", "Delta") == "UnsupportedMonitorType"
    assert status(fan, "Fan.Since", "Periodic") == "UnsupportedMonitorType"
    assert status(fan, "Fan.Since", "PeriodicClockAligned") == "UnsupportedMonitorType"
    assert status(fan, "Fan.Since", "Delta") == "Accepted"


@pytest.mark.parametrize("name", ["Fan.Speed", "EVSE:1.AvailabilityState"])
def test_TC_N_12_N04_FR_14_no_negative_Delta(fan: Bench, name: str) -> None:
    assert status(fan, name, "Delta", -1) == "Rejected ValuePositiveOnly"
    assert status(fan, name, "Delta", 0) == "Accepted"


@pytest.mark.parametrize("kind", ["UpperThreshold", "LowerThreshold"])
@pytest.mark.parametrize("value", [-1, 101])
def test_TC_N_13_N04_FR_06_no_threshold_outside_of_the_limits(fan: Bench, kind: str, value: float) -> None:
    assert status(fan, "Fan.Speed", kind, value) == "Rejected ValueOutOfRange"
    assert status(fan, "EVSE:1.Power", kind, 22_081) == "Rejected ValueOutOfRange"


@pytest.mark.parametrize("value", [0, 100])
def test_N04_FR_06_the_limits_themselves_are_within(fan: Bench, value: float) -> None:
    assert status(fan, "Fan.Speed", "UpperThreshold", value) == "Accepted"


def test_a_threshold_on_a_variable_without_limits_is_a_number_within_reason(fan: Bench) -> None:
    assert status(fan, "Fan.Load", "UpperThreshold", 1e17) == "Accepted"
    assert status(fan, "Fan.Load", "LowerThreshold", -2e18) == "Rejected ValueOutOfRange"


@pytest.mark.parametrize("kind", ["Periodic", "PeriodicClockAligned"])
def test_an_interval_is_a_second_to_a_year(fan: Bench, kind: str) -> None:
    assert status(fan, "Fan.Speed", kind, 0) == "Rejected ValuePositiveOnly"
    assert status(fan, "Fan.Speed", kind, 0.001) == "Rejected ValueOutOfRange"
    assert status(fan, "Fan.Speed", kind, 1e9) == "Rejected ValueOutOfRange"


@pytest.mark.parametrize("severity", [-1, 10])
def test_a_severity_is_one_of_ten(fan: Bench, severity: int) -> None:
    assert status(fan, "Fan.Speed", severity=severity) == "Rejected ValueOutOfRange"


def test_TC_N_43_N04_FR_01_each_element_stands_for_itself(fan: Bench) -> None:
    found = results(
        fan, item("Fan.Speed"), item("Fan.Speed", "Delta", -1), item("Fan.Speed", "LowerThreshold", 10)
    )
    assert [it["status"] for it in found] == ["Accepted", "Rejected", "Accepted"]


def test_TC_N_15_N04_FR_10_no_two_of_one_type_and_severity_on_one_variable(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=60)
    assert status(fan, "Fan.Speed", value=70) == "Duplicate"
    assert status(fan, "fan.speed", value=70) == "Duplicate"
    assert status(fan, "Fan.Load", value=70) == "Accepted"
    assert status(fan, "Fan.Speed", "LowerThreshold", value=10) == "Accepted"


def test_N04_FR_10_nor_by_changing_one_into_the_other(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", severity=1)
    second = monitor(fan, "Fan.Speed", severity=2)
    assert status(fan, "Fan.Speed", severity=1, id=second) == "Duplicate"


def test_TC_N_40_N04_FR_12_a_monitor_is_replaced_by_its_id(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed", value=60, severity=3)
    assert monitor(fan, "Fan.Speed", "Delta", 5, severity=4, id=number, transaction=True) == number
    assert report(fan) == [item("Fan.Speed", "Delta", 5, severity=4, id=number, transaction=True)]


def test_N04_FR_13_no_monitor_has_that_id(fan: Bench) -> None:
    assert status(fan, "Fan.Speed", id=123456) == "Rejected NotFound"
    assert report(fan) == {"status": "EmptyResultSet"}


@pytest.mark.parametrize("other", ["Fan.Load", "ChargingStation.NoSuchVariable", "NonExistent.Power"])
def test_TC_N_39_N04_FR_16_a_monitor_stays_on_its_variable(fan: Bench, other: str) -> None:
    number = monitor(fan, "Fan.Speed")
    assert status(fan, other, id=number).startswith("Rejected")
    assert report(fan) == [item("Fan.Speed", id=number, transaction=False)]


def test_N04_FR_07_N04_FR_18_a_hard_wired_monitor_cannot_be_replaced(delivered: Bench) -> None:
    assert status(delivered, "Fan.Speed", value=95, severity=2, id=2) == "Rejected ReadOnly"
    assert report(delivered, "ThresholdMonitoring")[0]["value"] == 90


def test_N04_FR_09_there_may_not_be_too_many_elements(fan: Bench) -> None:
    items = [item("Fan.Speed")] * 51
    answer = fan.csms("SetVariableMonitoring", {"setMonitoringData": items})
    assert answer["error"] == "OccurrenceConstraintViolation"
    assert variable(fan, "MonitoringCtrlr.ItemsPerMessage[SetVariableMonitoring]") == "50"


def test_N04_FR_09_N06_FR_07_nor_too_many_bytes(new_bench: NewBench) -> None:
    small = replace(
        FAN,
        presets=(
            *FAN.presets,
            Preset("MonitoringCtrlr", "BytesPerMessage", "150", variable_instance="SetVariableMonitoring"),
            Preset("MonitoringCtrlr", "BytesPerMessage", "50", variable_instance="ClearVariableMonitoring"),
        ),
    )
    bench = new_bench(small)
    number = monitor(bench, "Fan.Speed")
    two = [item("Fan.Speed"), item("Fan.Load")]
    assert bench.csms("SetVariableMonitoring", {"setMonitoringData": two})["error"] == "FormatViolation"
    assert bench.csms("ClearVariableMonitoring", {"id": [number] * 20})["error"] == "FormatViolation"
    assert clear(bench, number) == ["Accepted"]


def test_there_is_a_bound_on_monitors(fan: Bench) -> None:
    kinds = ["UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"]
    every = [
        item(name, kind, 60, severity=severity)
        for name in ("Fan.Speed", "Fan.Load", "EVSE:1.Power", "OCPPCommCtrlr.HeartbeatInterval")
        for kind in kinds
        for severity in range(10)
    ]
    assert len(every) == MOST_MONITORS
    for start in range(0, MOST_MONITORS, 50):
        assert {it["status"] for it in results(fan, *every[start : start + 50])} == {"Accepted"}
    assert status(fan, "Fan.Mode", "Delta") == "Rejected OutOfStorage"
    (first, *_) = ids(report(fan))
    assert status(fan, "Fan.Speed", value=61, severity=0, id=first) == "Accepted"
    clear(fan, first)
    assert status(fan, "Fan.Mode", "Delta") == "Accepted"


def test_no_id_is_given_twice(fan: Bench) -> None:
    first = monitor(fan, "Fan.Speed")
    clear(fan, first)
    assert monitor(fan, "Fan.Speed") > first


# ClearVariableMonitoring (N06)


def test_TC_N_18_N06_FR_01_N06_FR_05_two_are_cleared(fan: Bench) -> None:
    first, second = monitor(fan, "Fan.Speed"), monitor(fan, "Fan.Load", value=0.5)
    assert clear(fan, first, second) == ["Accepted", "Accepted"]
    assert report(fan) == {"status": "EmptyResultSet"}
    fan.set("Fan.Speed", 61)
    assert events(fan) == []


def test_TC_N_19_N06_FR_02_an_unknown_one_is_not_found(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed")
    assert clear(fan, 123456, number, number) == ["NotFound", "Accepted", "NotFound"]


def test_TC_N_44_N06_FR_03_a_hard_wired_one_cannot_be_cleared(delivered: Bench) -> None:
    assert clear(delivered, 2) == ["Rejected"]
    assert 2 in ids(report(delivered))


def test_N06_FR_04_N06_FR_06_there_may_not_be_too_many(fan: Bench) -> None:
    answer = fan.csms("ClearVariableMonitoring", {"id": list(range(51))})
    assert answer["error"] == "OccurrenceConstraintViolation"


def test_a_preconfigured_one_that_was_cleared_comes_back_with_the_base(delivered: Bench) -> None:
    assert clear(delivered, 1) == ["Accepted"]
    assert clear(delivered, 1) == ["NotFound"]
    delivered.start_again()
    delivered.reconnect()
    assert ids(report(delivered)) == [2, 3]
    base(delivered, "All")
    assert ids(report(delivered)) == [1, 2, 3]


# SetMonitoringBase (N03)


@pytest.mark.parametrize("name", ["All", "FactoryDefault", "HardWiredOnly"])
def test_TC_N_05_N03_FR_01_a_base_is_accepted_shown_and_kept(delivered: Bench, name: str) -> None:
    assert base(delivered, name) == "Accepted"
    reboot(delivered)
    assert variable(delivered, "MonitoringCtrlr.ActiveMonitoringBase") == name


@pytest.mark.parametrize(
    ("name", "left"),
    [("All", [1, 2, 3, 1001]), ("FactoryDefault", [1, 2, 3]), ("HardWiredOnly", [2])],
)
def test_TC_N_06_N03_FR_03_N03_FR_04_N03_FR_05_what_a_base_leaves(
    delivered: Bench, name: str, left: list[int]
) -> None:
    monitor(delivered, "Fan.Load", value=0.5)
    assert base(delivered, name) == "Accepted"
    assert ids(report(delivered)) == left
    delivered.start_again()
    delivered.reconnect()
    assert ids(report(delivered)) == left


def test_TC_N_07_N03_FR_02_an_unknown_base_is_no_base(bench: Bench) -> None:
    answer = bench.csms("SetMonitoringBase", {"monitoringBase": "Nothing"})
    assert answer["error"] == "PropertyConstraintViolation"


def test_N03_FR_05_what_is_disabled_triggers_nothing_until_it_is_active_again(delivered: Bench) -> None:
    base(delivered, "HardWiredOnly")
    delivered.forget()
    delivered.set("Fan.Speed", 5)
    delivered.do("plug-in")
    assert events(delivered) == []
    delivered.set("Fan.Speed", 95)
    assert [it["eventNotificationType"] for it in events(delivered)] == ["HardWiredMonitor"]
    delivered.set("Fan.Speed", 5)
    base(delivered, "All")
    assert [it["eventNotificationType"] for it in events(delivered)][-1] == "PreconfiguredMonitor"


def test_N03_FR_05_what_is_disabled_cannot_be_replaced_or_cleared(delivered: Bench) -> None:
    base(delivered, "HardWiredOnly")
    assert status(delivered, "Fan.Speed", "LowerThreshold", 20, id=3) == "Rejected NotFound"
    assert clear(delivered, 3) == ["NotFound"]


@pytest.mark.parametrize(("name", "severity"), [("All", 5), ("FactoryDefault", 4)])
def test_TC_N_41_N03_FR_03_N03_FR_04_N04_FR_15_a_changed_preconfigured_monitor_is_a_custom_one(
    delivered: Bench, name: str, severity: int
) -> None:
    assert monitor(delivered, "EVSE:1.AvailabilityState", "Delta", 1, severity=5, id=1) == 1
    delivered.do("plug-in")
    assert [it["eventNotificationType"] for it in events(delivered)] == ["CustomMonitor"]
    base(delivered, name)
    (found,) = report(delivered, "DeltaMonitoring")
    assert (found["id"], found["severity"]) == (1, severity)


def test_a_changed_preconfigured_monitor_that_is_cleared_is_off_until_the_base_is_set(
    delivered: Bench,
) -> None:
    monitor(delivered, "EVSE:1.AvailabilityState", "Delta", 1, severity=5, id=1)
    assert clear(delivered, 1) == ["Accepted"]
    assert report(delivered, "DeltaMonitoring") == {"status": "EmptyResultSet"}
    base(delivered, "FactoryDefault")
    assert ids(report(delivered, "DeltaMonitoring")) == [1]


def test_N04_FR_10_N03_FR_03_a_preconfigured_monitor_does_not_come_back_beside_its_double(
    delivered: Bench,
) -> None:
    clear(delivered, 3)
    own = monitor(delivered, "Fan.Speed", "LowerThreshold", 20, severity=5)
    base(delivered, "All")
    assert ids(report(delivered)) == [1, 2, own]
    base(delivered, "FactoryDefault")
    assert ids(report(delivered)) == [1, 2, 3]


def test_N03_FR_04_an_alert_goes_on_while_the_preconfigured_monitor_stays(delivered: Bench) -> None:
    delivered.set("Fan.Speed", 5)
    delivered.forget()
    base(delivered, "FactoryDefault")
    assert events(delivered) == []
    delivered.set("Fan.Speed", 50)
    assert story(delivered) == ["Alerting 50 cleared"]


# SetMonitoringLevel (N05)


@pytest.mark.parametrize("severity", range(10))
def test_N05_FR_01_a_level_is_accepted_shown_and_kept(bench: Bench, severity: int) -> None:
    assert level(bench, severity) == {"status": "Accepted"}
    reboot(bench)
    assert variable(bench, "MonitoringCtrlr.ActiveMonitoringLevel") == str(severity)


@pytest.mark.parametrize("severity", [-1, 10])
def test_TC_N_17_N05_FR_02_a_level_out_of_range_is_rejected(bench: Bench, severity: int) -> None:
    assert level(bench, severity) == {
        "status": "Rejected",
        "statusInfo": {"reasonCode": "ValueOutOfRange"},
    }
    assert variable(bench, "MonitoringCtrlr.ActiveMonitoringLevel") == "9"


def test_TC_N_16_N05_FR_03_N07_FR_15_what_is_above_the_level_is_not_told(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", "Delta", 1, severity=7)
    monitor(fan, "Fan.Speed", value=60, severity=6)
    level(fan, 6)
    fan.set("Fan.Speed", 70)
    assert story(fan) == ["Alerting 70"]


def test_N05_FR_03_with_a_higher_level_the_CSMS_learns_what_is(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=60, severity=6)
    level(fan, 5)
    fan.set("Fan.Speed", 70)
    assert story(fan) == []
    level(fan, 6)
    assert story(fan) == ["Alerting 70"]
    level(fan, 5)
    fan.set("Fan.Speed", 50)
    assert story(fan) == []
    level(fan, 9)
    assert story(fan) == ["Alerting 50 cleared"]


# GetMonitoringReport (N02)


def several(bench: Bench) -> dict[str, int]:
    """One monitor of each type."""
    return {
        "upper": monitor(bench, "Fan.Speed", "UpperThreshold", 60),
        "lower": monitor(bench, "Fan.Speed", "LowerThreshold", 10),
        "delta": monitor(bench, "EVSE:1.AvailabilityState", "Delta", 1),
        "periodic": monitor(bench, "Fan.Load", "Periodic", 3600),
        "aligned": monitor(bench, "EVSE:1.Power", "PeriodicClockAligned", 900),
    }


@pytest.mark.parametrize(
    ("criteria", "kinds"),
    [
        (["ThresholdMonitoring"], ["upper", "lower"]),
        (["DeltaMonitoring"], ["delta"]),
        (["PeriodicMonitoring"], ["periodic", "aligned"]),
        (["ThresholdMonitoring", "DeltaMonitoring"], ["upper", "lower", "delta"]),
        ([], ["upper", "lower", "delta", "periodic", "aligned"]),
    ],
)
def test_TC_N_01_TC_N_47_N02_FR_06_N02_FR_11_N02_FR_12_N02_FR_13_N02_FR_14_criteria(
    fan: Bench, criteria: list[str], kinds: list[str]
) -> None:
    numbers = several(fan)
    assert ids(report(fan, *criteria)) == [numbers[kind] for kind in kinds]


def test_TC_N_02_N02_FR_08_by_component_and_variable(fan: Bench) -> None:
    numbers = several(fan)
    wanted = [place("EVSE:1.AvailabilityState"), place("Fan.Load")]
    assert ids(report(fan, of=wanted)) == [numbers["delta"], numbers["periodic"]]


def test_TC_N_03_N02_FR_05_N02_FR_10_criteria_and_variables_must_both_fit(fan: Bench) -> None:
    numbers = several(fan)
    wanted = [place("ChargingStation.AvailabilityState"), place("EVSE:1.AvailabilityState")]
    assert report(fan, "ThresholdMonitoring", of=wanted) == {"status": "EmptyResultSet"}
    assert ids(report(fan, "DeltaMonitoring", of=wanted)) == [numbers["delta"]]


def test_TC_N_04_N02_FR_02_an_unknown_criterion_is_none(fan: Bench) -> None:
    several(fan)
    answer = fan.csms("GetMonitoringReport", {"requestId": 1, "monitoringCriteria": ["Everything"]})
    assert answer["error"] == "PropertyConstraintViolation"


def test_N02_FR_10_nothing_to_report(bench: Bench) -> None:
    assert report(bench) == {"status": "EmptyResultSet"}


def test_N02_FR_16_every_variable_where_none_is_named(fan: Bench) -> None:
    numbers = several(fan)
    assert ids(report(fan, of=[{"component": {"name": "fan"}}])) == [
        numbers["upper"],
        numbers["lower"],
        numbers["periodic"],
    ]


def test_N02_FR_17_every_instance_where_none_is_named(fan: Bench) -> None:
    left, right = (monitor(fan, f"Fan.Blade[{it}]", "Delta") for it in ("Left", "Right"))
    assert ids(report(fan, of=[place("Fan.Blade")])) == [left, right]
    assert ids(report(fan, of=[place("Fan.Blade[Right]")])) == [right]


def test_N02_FR_18_N02_FR_19_every_place_below_what_is_named(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    numbers = {
        name: monitor(bench, f"{name}.AvailabilityState", "Delta")
        for name in ("EVSE:1", "Connector:1:1", "Connector:2:1", "Connector:2:2")
    }
    for name, found in {
        "Connector": ["Connector:1:1", "Connector:2:1", "Connector:2:2"],
        "Connector:2": ["Connector:2:1", "Connector:2:2"],
        "Connector:2:2": ["Connector:2:2"],
        "EVSE": ["EVSE:1"],
    }.items():
        got = ids(report(bench, of=[{"component": place(f"{name}.x")["component"]}]))
        assert got == [numbers[it] for it in found]


def test_N02_FR_20_N02_FR_21_every_instance_of_the_component_where_none_is_named(new_bench: NewBench) -> None:
    parts = tuple(
        Preset("Pump", "Speed", "1", component_instance=it, data_type="integer", mutability="ReadWrite")
        for it in ("A", "B", None)
    )
    bench = new_bench(Hardware(presets=parts))
    numbers = []
    for name in ("A", "B", None):
        data = item("Pump.Speed", "Delta")
        if name is not None:
            data["component"]["instance"] = name
        numbers.append(results(bench, data)[0]["id"])
    assert ids(report(bench, of=[{"component": {"name": "Pump"}}])) == numbers
    assert ids(report(bench, of=[{"component": {"name": "Pump", "instance": "B"}}])) == [numbers[1]]


def test_N02_FR_07_there_may_not_be_too_many_elements(fan: Bench) -> None:
    request = {"requestId": 1, "componentVariable": [place("Fan.Speed")] * 51}
    assert fan.csms("GetMonitoringReport", request)["error"] == "OccurrenceConstraintViolation"


def test_N02_FR_01_N02_FR_03_N02_FR_04_N02_FR_09_a_long_report_has_pages(fan: Bench) -> None:
    for kind in ("UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"):
        for name in ("Fan.Speed", "Fan.Load"):
            results(fan, *(item(name, kind, 60, severity=it) for it in range(9)))
    fan.forget()
    answer = fan.csms("GetMonitoringReport", {"requestId": 5})
    pages = fan.sent("NotifyMonitoringReport")
    assert answer == {"status": "Accepted"}
    assert [(it["requestId"], it["seqNo"], it["tbc"]) for it in pages] == [(5, 0, True), (5, 1, False)]
    assert pages[0]["generatedAt"].startswith("2025-01-01T10:00")
    found = [it["id"] for page in pages for data in page["monitor"] for it in data["variableMonitoring"]]
    assert len(set(found)) == len(found) == 90


def test_one_report_at_a_time_and_one_that_is_lost_can_be_asked_for_again(fan: Bench) -> None:
    several(fan)
    fan.silent = {"NotifyMonitoringReport"}
    assert fan.csms("GetMonitoringReport", {"requestId": 1}) == {"status": "Accepted"}
    assert fan.csms("GetMonitoringReport", {"requestId": 2})["status"] == "Rejected"
    fan.silent = set()
    fan.advance(31)
    assert len(ids(report(fan))) == 5


def test_what_is_cleared_while_the_report_runs_is_not_in_it(fan: Bench) -> None:
    for kind in ("UpperThreshold", "LowerThreshold", "Delta", "Periodic", "PeriodicClockAligned"):
        results(fan, *(item("Fan.Speed", kind, 60, severity=it) for it in range(10)))
    last = monitor(fan, "Fan.Load", value=60)
    fan.forget()
    fan.answers["NotifyMonitoringReport"] = lambda _: {}
    fan.silent = {"NotifyMonitoringReport"}
    fan.csms("GetMonitoringReport", {"requestId": 1})
    call_id = fan.frames[-1][1]
    clear(fan, last)
    fan.receive([3, call_id, {}])
    first, second = fan.sent("NotifyMonitoringReport")
    assert (first["tbc"], second["seqNo"], second["tbc"]) == (True, 1, False)
    assert "monitor" not in second


# MonitoringCtrlr


def test_MonitoringCtrlr_is_in_the_device_model(bench: Bench) -> None:
    shown = {
        "Enabled": "true",
        "Available": "true",
        "ItemsPerMessage[SetVariableMonitoring]": "50",
        "BytesPerMessage[SetVariableMonitoring]": "65536",
        "ItemsPerMessage[ClearVariableMonitoring]": "50",
        "BytesPerMessage[ClearVariableMonitoring]": "65536",
        "OfflineQueuingSeverity": "4",
        "ActiveMonitoringBase": "All",
        "ActiveMonitoringLevel": "9",
    }
    assert {name: variable(bench, f"MonitoringCtrlr.{name}") for name in shown} == shown


def test_with_Enabled_off_every_request_is_refused_and_nothing_is_monitored(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed", value=60)
    fan.set("MonitoringCtrlr.Enabled", False)
    fan.forget()
    refused = {"status": "Rejected", "statusInfo": {"reasonCode": "NotEnabled"}}
    assert status(fan, "Fan.Load") == "Rejected NotEnabled"
    assert clear(fan, number) == ["Rejected"]
    assert fan.csms("SetMonitoringBase", {"monitoringBase": "FactoryDefault"}) == refused
    assert level(fan, 3) == refused
    assert report(fan) == refused
    fan.set("Fan.Speed", 70)
    assert events(fan) == []
    fan.set("MonitoringCtrlr.Enabled", True)
    assert story(fan) == ["Alerting 70"]


def test_a_station_without_monitoring_does_not_know_the_requests(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(FAN, MonitoringCtrlr__Available="false"))
    for action, request in {
        "SetVariableMonitoring": {"setMonitoringData": [item("Fan.Speed")]},
        "ClearVariableMonitoring": {"id": [1]},
        "SetMonitoringBase": {"monitoringBase": "All"},
        "SetMonitoringLevel": {"severity": 1},
        "GetMonitoringReport": {"requestId": 1},
    }.items():
        assert bench.csms(action, request)["error"] == "NotSupported"


def test_the_world_is_told_of_base_and_level(bench: Bench) -> None:
    base(bench, "HardWiredOnly")
    level(bench, 3)
    level(bench, 3)
    assert [it.data["value"] for it in bench.happened_since("variable_changed")] == ["HardWiredOnly", "3"]


# What the hardware brings


def test_the_monitors_of_the_hardware_are_there_from_the_start(delivered: Bench) -> None:
    assert report(delivered) == [
        item("EVSE:1.AvailabilityState", "Delta", 1, id=1, transaction=False),
        item("Fan.Speed", "UpperThreshold", 90, severity=2, id=2, transaction=False),
        item("Fan.Speed", "LowerThreshold", 10, severity=5, id=3, transaction=False),
    ]


def test_a_station_may_be_delivered_with_them_switched_off(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(DELIVERED, MonitoringCtrlr__ActiveMonitoringBase="HardWiredOnly"))
    assert ids(report(bench)) == [2]


def test_a_changed_configuration_changes_what_the_hardware_brings(delivered: Bench) -> None:
    delivered.set("Fan.Speed", 5)
    own = monitor(delivered, "Fan.Load", value=0.5)
    first, second, third = DELIVERED.monitors
    delivered.refit(
        replace(
            DELIVERED, monitors=(first, replace(second, value=80), third, Monitor("Fan", "Load", "Delta", 1))
        )
    )
    found = report(delivered)
    assert [(it["id"], it["value"]) for it in found] == [(1, 1), (2, 80), (3, 10), (4, 1), (own, 0.5)]
    delivered.forget()
    delivered.set("Fan.Speed", 50)
    assert story(delivered) == ["Alerting 50 cleared"]


def test_a_monitor_of_a_variable_that_is_no_more_goes_with_it(delivered: Bench) -> None:
    monitor(delivered, "Fan.Load", value=0.5)
    kept = monitor(delivered, "EVSE:1.Power", value=100)
    delivered.refit(Hardware())
    assert ids(report(delivered)) == [kept]


def test_N07_FR_13_monitors_outlive_a_reboot_and_a_restart(fan: Bench) -> None:
    numbers = several(fan)
    reboot(fan)
    fan.start_again()
    fan.reconnect()
    assert ids(report(fan)) == list(numbers.values())


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (Monitor("Fan", "Colour", "Delta", 1), "monitors[0]: Fan.Colour: UnknownVariable"),
        (Monitor("Fun", "Speed", "Delta", 1), "monitors[0]: Fun.Speed: UnknownComponent"),
        (Monitor("Fan", "Mode", "UpperThreshold", 1), "monitors[0]: Fan.Mode: UnsupportedMonitorType"),
        (Monitor("Fan", "Speed", "UpperThreshold", 200), "monitors[0]: Fan.Speed: ValueOutOfRange"),
    ],
)
def test_a_monitor_that_cannot_be_is_refused_by_its_key(
    new_bench: NewBench, wrong: Monitor, text: str
) -> None:
    with pytest.raises(ValueError, match=r"^monitors\[0\]") as caught:
        new_bench(replace(FAN, monitors=(wrong,)))
    assert str(caught.value).startswith(text)


def test_two_of_one_type_and_severity_are_refused(new_bench: NewBench) -> None:
    twice = Monitor("Fan", "Speed", "Delta", 1)
    with pytest.raises(ValueError, match=r"^monitors\[1\]: Fan.Speed: there is another"):
        new_bench(replace(FAN, monitors=(twice, twice)))


def test_a_report_that_fails_ends(fan: Bench) -> None:
    several(fan)
    fan.answers["NotifyMonitoringReport"] = CallError("InternalError", "no")
    fan.csms("GetMonitoringReport", {"requestId": 1})
    fan.answers["NotifyMonitoringReport"] = {}
    assert len(ids(report(fan))) == 5
