"""B. The device model: variables and reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ocppd.core.description import Connector, Evse, Hardware, Preset
from tests.bench import Bench, Json
from tests.blocks.device_model import get, item, key_of, names, pages_of, put, report, value_of

NewBench = Callable[..., Bench]
TWO_EVSES = Hardware(evses=(Evse(), Evse(connectors=(Connector(), Connector()))))


def reset(bench: Bench) -> None:
    """Have the CSMS reboot the station."""
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(1)
    bench.drop()
    bench.advance(5)
    bench.connect()
    bench.settle()


def power_cut(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.connect()
    bench.settle()


# B05: SetVariables


def test_TC_B_09_TC_B_10_B05_FR_02_B05_FR_03_B05_FR_10_B05_FR_12_values_are_set_and_last_over_a_reboot(
    bench: Bench,
) -> None:
    results = put(
        bench,
        item("OCPPCommCtrlr", "OfflineThreshold", "5"),
        item("OCPPCommCtrlr", "MessageAttempts[TransactionEvent]", "9", attributeType="Actual"),
    )
    assert results == [
        {
            "attributeStatus": "Accepted",
            "attributeType": "Actual",
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "OfflineThreshold"},
        },
        {
            "attributeStatus": "Accepted",
            "attributeType": "Actual",
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "MessageAttempts", "instance": "TransactionEvent"},
        },
    ]
    reset(bench)
    assert value_of(bench, "OCPPCommCtrlr", "OfflineThreshold") == "5"
    assert value_of(bench, "OCPPCommCtrlr", "MessageAttempts[TransactionEvent]") == "9"


SET_REFUSALS = {
    "TC_B_35 B05.FR.04": (item("Bogus", "OfflineThreshold", "5"), "UnknownComponent", None),
    "TC_B_36 B05.FR.05": (item("OCPPCommCtrlr", "Bogus", "5"), "UnknownVariable", None),
    "TC_B_37 B05.FR.06": (
        item("OCPPCommCtrlr", "OfflineThreshold", "5", attributeType="Target"),
        "NotSupportedAttributeType",
        None,
    ),
    "TC_B_11 B05.FR.07": (item("OCPPCommCtrlr", "OfflineThreshold", "1.5"), "Rejected", "InvalidValue"),
    "B05.FR.08 low": (item("OCPPCommCtrlr", "WebSocketPingInterval", "-1"), "Rejected", "ValueTooLow"),
    "B05.FR.08 high": (item("MonitoringCtrlr", "OfflineQueuingSeverity", "10"), "Rejected", "ValueTooHigh"),
    "TC_B_39 B05.FR.09": (item("OCPPCommCtrlr", "MessageTimeout[Default]", "5"), "Rejected", "ReadOnly"),
    "TC_A_10 short password": (
        item("SecurityCtrlr", "BasicAuthPassword", "x" * 15),
        "Rejected",
        "ValueTooLow",
    ),
    "long password": (item("SecurityCtrlr", "BasicAuthPassword", "x" * 65), "Rejected", "ValueTooHigh"),
}


@pytest.mark.parametrize("case", SET_REFUSALS)
def test_TC_B_35_TC_B_36_TC_B_37_TC_B_39_B05_FR_04_B05_FR_05_B05_FR_06_B05_FR_07_what_cannot_be_set_says_why(
    bench: Bench, case: str
) -> None:
    one, status, reason = SET_REFUSALS[case]
    (result,) = put(bench, one)
    assert result["attributeStatus"] == status
    assert result.get("attributeStatusInfo", {}).get("reasonCode") == reason
    assert bench.happened_since("variable_changed") == []


def test_B05_FR_01_each_element_stands_for_itself(bench: Bench) -> None:
    results = put(
        bench,
        item("Bogus", "OfflineThreshold", "5"),
        item("OCPPCommCtrlr", "OfflineThreshold", "5"),
        item("OCPPCommCtrlr", "OfflineThreshold", "x"),
    )
    assert [it["attributeStatus"] for it in results] == ["UnknownComponent", "Accepted", "Rejected"]
    assert value_of(bench, "OCPPCommCtrlr", "OfflineThreshold") == "5"


def test_B05_another_attribute_keeps_its_own_value(new_bench: NewBench) -> None:
    preset = Preset("TxCtrlr", "EVConnectionTimeOut", "60", attribute="Target")
    bench = new_bench(Hardware(presets=(preset,)))
    put(bench, item("TxCtrlr", "EVConnectionTimeOut", "70", attributeType="Target"))
    actual, target = get(
        bench,
        item("TxCtrlr", "EVConnectionTimeOut"),
        item("TxCtrlr", "EVConnectionTimeOut", attributeType="Target"),
    )
    assert (actual["attributeValue"], target["attributeValue"]) == ("120", "70")


def test_B05_a_change_is_an_event_without_the_secret(bench: Bench) -> None:
    put(
        bench,
        item("OCPPCommCtrlr", "OfflineThreshold", "5"),
        item("SecurityCtrlr", "BasicAuthPassword", "hunter2hunter2hunter2"),
    )
    plain, secret = (event.data for event in bench.happened_since("variable_changed"))
    assert plain == {
        "key": "OCPPCommCtrlr.OfflineThreshold",
        "component": "OCPPCommCtrlr",
        "variable": "OfflineThreshold",
        "attribute": "Actual",
        "value": "5",
    }
    assert secret["variable"] == "BasicAuthPassword"
    assert "hunter2" not in str(secret)


def test_the_event_names_place_instance_and_attribute(new_bench: NewBench) -> None:
    preset = Preset(
        "Cooler",
        "Speed",
        "1",
        "left",
        "max",
        1,
        attribute="Target",
        data_type="integer",
        mutability="ReadWrite",
    )
    bench = new_bench(Hardware(presets=(preset,)))
    one = item("Cooler", "Speed[max]", "2", attributeType="Target")
    one["component"] |= {"instance": "left", "evse": {"id": 1}}
    put(bench, one)
    (event,) = bench.happened_since("variable_changed")
    assert (event.evse, event.cause) == (1, "csms:SetVariables")
    assert event.data == {
        "key": "Cooler[left]:1.Speed[max]#Target",
        "component": "Cooler[left]",
        "variable": "Speed[max]",
        "attribute": "Target",
        "value": "2",
    }


LIMITED = {
    "GetVariables": ("getVariableData", item("OCPPCommCtrlr", "OfflineThreshold")),
    "SetVariables": ("setVariableData", item("OCPPCommCtrlr", "OfflineThreshold", "5")),
    "GetReport": (
        "componentVariable",
        {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "OfflineThreshold"}},
    ),
}


def limited(bench: Bench, action: str, count: int) -> Json:
    key, one = LIMITED[action]
    return bench.csms(action, {key: [one] * count} | ({"requestId": 1} if action == "GetReport" else {}))


@pytest.mark.parametrize("action", LIMITED)
def test_B05_FR_11_B06_FR_16_B08_FR_06_B08_FR_17_too_many_elements_are_refused(
    bench: Bench, action: str
) -> None:
    assert "error" not in limited(bench, action, 50)
    assert limited(bench, action, 51)["error"] == "OccurrenceConstraintViolation"


@pytest.mark.parametrize("action", LIMITED)
def test_B06_FR_17_B08_FR_18_too_many_bytes_are_refused(new_bench: NewBench, action: str) -> None:
    presets = [Preset("DeviceDataCtrlr", "BytesPerMessage", "500", variable_instance=it) for it in LIMITED]
    bench = new_bench(Hardware(presets=tuple(presets)))
    assert "error" not in limited(bench, action, 4)
    assert limited(bench, action, 9)["error"] == "FormatViolation"
    assert value_of(bench, "OCPPCommCtrlr", "OfflineThreshold") == ("5" if action == "SetVariables" else "60")


NOTE = Preset("Display", "Note", "x" * 40, data_type="string", mutability="ReadWrite")


@pytest.mark.parametrize(
    "limit",
    [
        Preset("DeviceDataCtrlr", "ConfigurationValueSize", "20"),
        Preset("DeviceDataCtrlr", "ValueSize", "20", data_type="integer"),
    ],
)
def test_B05_FR_08_a_value_of_more_than_ConfigurationValueSize_is_refused(
    new_bench: NewBench, limit: Preset
) -> None:
    bench = new_bench(Hardware(presets=(NOTE, limit)))
    right, wrong = put(bench, item("Display", "Note", "y" * 20), item("Display", "Note", "y" * 21))
    assert right["attributeStatus"] == "Accepted"
    assert (wrong["attributeStatus"], wrong["attributeStatusInfo"]) == (
        "Rejected",
        {"reasonCode": "TooLargeElement"},
    )


@pytest.mark.parametrize(
    "limit",
    [
        Preset("DeviceDataCtrlr", "ReportingValueSize", "20"),
        Preset("DeviceDataCtrlr", "ValueSize", "20", data_type="integer"),
    ],
)
def test_no_more_than_ReportingValueSize_is_told(new_bench: NewBench, limit: Preset) -> None:
    bench = new_bench(Hardware(presets=(NOTE, limit)))
    assert value_of(bench, "Display", "Note") == "x" * 20
    (found,) = [it for it in report(bench) if it["variable"]["name"] == "Note"]
    assert found["variableAttribute"][0]["value"] == "x" * 20


FAN = (
    Preset("Fan", "Speed", "2000", data_type="integer", unit="RPM", min=0, max=9000),
    Preset("Fan", "Speed", "2000", attribute="Target", mutability="ReadWrite"),
    Preset("Fan", "Speed", "1000", attribute="MinSet", mutability="ReadWrite"),
    Preset("Fan", "Speed", "5000", attribute="MaxSet"),
)


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("Actual", "3000", "ReadOnly"),
        ("Target", "1000", None),
        ("Target", "5000", None),
        ("Target", "999", "ValueTooLow"),
        ("Target", "5001", "ValueTooHigh"),
        ("Target", "fast", "InvalidValue"),
        ("MinSet", "0", None),
        ("MinSet", "-1", "ValueTooLow"),
        ("MinSet", "5001", "ValueTooHigh"),
        ("MaxSet", "4000", "ReadOnly"),
    ],
)
def test_B05_FR_08_B05_FR_09_each_attribute_has_its_own_access_and_MinSet_and_MaxSet_bound_the_others(
    new_bench: NewBench, attribute: str, value: str, reason: str | None
) -> None:
    bench = new_bench(Hardware(presets=FAN))
    (result,) = put(bench, item("Fan", "Speed", value, attributeType=attribute))
    assert result["attributeType"] == attribute  # B05.FR.03
    assert result["attributeStatus"] == ("Rejected" if reason else "Accepted")
    assert result.get("attributeStatusInfo", {}).get("reasonCode") == reason
    (now,) = get(bench, item("Fan", "Speed", attributeType=attribute))
    assert (now["attributeValue"] == value) is (reason is None)


def test_B07_FR_11_every_attribute_is_reported_with_its_mutability(new_bench: NewBench) -> None:
    (found,) = [it for it in report(new_bench(Hardware(presets=FAN))) if it["component"]["name"] == "Fan"]
    assert [tuple(it.values()) for it in found["variableAttribute"]] == [
        ("Actual", "ReadOnly", True, "2000"),
        ("Target", "ReadWrite", True, "2000"),
        ("MinSet", "ReadWrite", True, "1000"),
        ("MaxSet", "ReadOnly", True, "5000"),
    ]


# RebootRequired

SLOW = Preset("Modem", "Band", "a", data_type="OptionList", mutability="ReadWrite", values=("a", "b", "c"))
SLOW_MODEM = Hardware(presets=(replace(SLOW, reboot_required=True),))


def band(bench: Bench) -> str:
    return value_of(bench, "Modem", "Band")


def test_B05_RebootRequired_the_value_waits_for_the_reboot(new_bench: NewBench) -> None:
    bench = new_bench(SLOW_MODEM)
    (result,) = put(bench, item("Modem", "Band", "b"))
    assert result["attributeStatus"] == "RebootRequired"
    assert band(bench) == "a"
    bench.forget()
    reset(bench)
    assert band(bench) == "b"
    (event,) = bench.happened_since("variable_changed")
    assert (event.data["key"], event.data["value"]) == ("Modem.Band", "b")


@pytest.mark.parametrize("boots", [True, False])
def test_a_value_that_waits_survives_the_daemon_and_a_power_cut(new_bench: NewBench, boots: bool) -> None:
    bench = new_bench(SLOW_MODEM)
    put(bench, item("Modem", "Band", "b"))
    bench.start_again(boots=boots)
    bench.connect()
    bench.settle()
    assert band(bench) == ("b" if boots else "a")
    power_cut(bench)
    assert band(bench) == "b"


def test_setting_it_back_before_the_reboot_is_at_once(new_bench: NewBench) -> None:
    bench = new_bench(SLOW_MODEM)
    first, second, third = put(bench, *(item("Modem", "Band", it) for it in ("b", "c", "a")))
    assert [it["attributeStatus"] for it in (first, second, third)] == [
        "RebootRequired",
        "RebootRequired",
        "Accepted",
    ]
    reset(bench)
    assert band(bench) == "a"


def test_what_waits_for_a_variable_that_is_gone_is_dropped(new_bench: NewBench) -> None:
    bench = new_bench(SLOW_MODEM)
    put(bench, item("Modem", "Band", "b"))
    bench.refit(Hardware())
    reset(bench)
    assert bench.state.variables.keys() == {"OCPPCommCtrlr.HeartbeatInterval"}


# B06: GetVariables


def test_TC_B_06_TC_B_07_B06_FR_01_B06_FR_02_B06_FR_03_B06_FR_04_B06_FR_10_B06_FR_11_values_are_told(
    bench: Bench,
) -> None:
    results = get(
        bench,
        item("OCPPCommCtrlr", "OfflineThreshold"),
        item("ChargingStation", "VendorName", attributeType="Actual"),
    )
    assert results == [
        {
            "attributeStatus": "Accepted",
            "attributeType": "Actual",
            "attributeValue": "60",
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "OfflineThreshold"},
        },
        {
            "attributeStatus": "Accepted",
            "attributeType": "Actual",
            "attributeValue": "ocppd",
            "component": {"name": "ChargingStation"},
            "variable": {"name": "VendorName"},
        },
    ]


GET_REFUSALS = {
    "TC_B_32 B06.FR.06": (item("Bogus", "OfflineThreshold"), "UnknownComponent"),
    "TC_B_33 B06.FR.07": (item("OCPPCommCtrlr", "Bogus"), "UnknownVariable"),
    "TC_B_34 B06.FR.08": (
        item("OCPPCommCtrlr", "OfflineThreshold", attributeType="Target"),
        "NotSupportedAttributeType",
    ),
    "B06.FR.09": (item("SecurityCtrlr", "BasicAuthPassword"), "Rejected"),
    "B06.FR.15": (item("OCPPCommCtrlr", "MessageTimeout"), "UnknownVariable"),
}


@pytest.mark.parametrize("case", GET_REFUSALS)
def test_TC_B_32_TC_B_33_TC_B_34_B06_FR_06_B06_FR_07_B06_FR_08_B06_FR_09_what_cannot_be_told_has_no_value(
    bench: Bench, case: str
) -> None:
    one, status = GET_REFUSALS[case]
    (result,) = get(bench, one)
    assert result["attributeStatus"] == status
    assert "attributeValue" not in result


def test_B06_FR_14_B06_FR_15_the_instance_that_is_named_is_told_and_no_other(new_bench: NewBench) -> None:
    bench = two_evses(new_bench)
    assert value_of(bench, "OCPPCommCtrlr", "MessageTimeout[Default]") == "30"
    assert value_of(bench, "Fan", "Speed", instance="left", evse={"id": 1}) == "0"
    assert value_of(bench, "Fan", "Speed", instance="right", evse={"id": 1}) == "1"
    for instance in ({}, {"instance": ""}, {"instance": "Left"}):
        one = item("Fan", "Speed")
        one["component"] |= {"evse": {"id": 1}, **instance}
        assert get(bench, one)[0]["attributeStatus"] == "UnknownComponent"


def test_B06_FR_03_B06_FR_13_an_attribute_without_a_value_is_empty(new_bench: NewBench) -> None:
    preset = Preset("TxCtrlr", "EVConnectionTimeOut", None, attribute="Target")
    bench = new_bench(Hardware(presets=(preset,)))
    (result,) = get(bench, item("TxCtrlr", "EVConnectionTimeOut", attributeType="Target"))
    assert result["attributeType"] == "Target"
    assert (result["attributeStatus"], result["attributeValue"]) == ("Accepted", "")


def test_B06_a_live_value_is_that_of_this_moment(bench: Bench) -> None:
    place = {"evse": {"id": 1, "connectorId": 1}}
    assert value_of(bench, "Connector", "AvailabilityState", **place) == "Available"
    bench.do("plug-in")
    assert value_of(bench, "Connector", "AvailabilityState", **place) == "Occupied"


# B07: reports


def test_B07_FR_01_the_answer_comes_before_the_report(bench: Bench) -> None:
    seen = len(bench.frames)
    report(bench)
    assert [frame[0] for frame in bench.frames[seen : seen + 2]] == [3, 2]


def test_TC_B_13_B07_FR_04_B07_FR_08_FullInventory_has_everything_once(bench: Bench) -> None:
    items = report(bench)
    places = [(str(it["component"]), str(it["variable"])) for it in items]
    assert len(places) == len(set(places)) > 50
    assert names(items) >= {
        "ChargingStation.Available",
        "ChargingStation.AvailabilityState",
        "ChargingStation.SupplyPhases",
        "EVSE.Available",
        "EVSE.AvailabilityState",
        "EVSE.SupplyPhases",
        "EVSE.Power",
        "Connector.Available",
        "Connector.AvailabilityState",
        "Connector.ConnectorType",
        "Connector.SupplyPhases",
        "SecurityCtrlr.BasicAuthPassword",
    }


def test_TC_B_12_B07_FR_07_ConfigurationInventory_has_what_can_be_set(bench: Bench) -> None:
    items = report(bench, "ConfigurationInventory")
    assert "TxCtrlr.TxStartPoint" in names(items)
    assert {it["variableAttribute"][0]["mutability"] for it in items} == {"ReadWrite", "WriteOnly"}
    full = [it for it in report(bench) if it["variableAttribute"][0]["mutability"] != "ReadOnly"]
    assert names(full) == names(items)


def test_TC_B_14_B07_FR_09_SummaryInventory_has_statuses_and_problems(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    states = report(bench, "SummaryInventory")
    assert names(states) == {
        "ChargingStation.AvailabilityState",
        "EVSE.AvailabilityState",
        "Connector.AvailabilityState",
    }
    assert len(states) == 6
    bench.do("fault", evse=2, connector=1, code="GroundFault")
    bench.sent()
    (problem,) = [it for it in report(bench, "SummaryInventory") if it not in states and "Tripped" in str(it)]
    assert problem["component"] == {
        "name": "GroundIsolationProtection",
        "evse": {"id": 2, "connectorId": 1},
    }


def test_B07_FR_03_B07_FR_07_an_item_has_its_value_and_its_characteristics(bench: Bench) -> None:
    (found,) = [it for it in report(bench) if it["variable"]["name"] == "OfflineThreshold"]
    assert found == {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "OfflineThreshold"},
        "variableAttribute": [
            {"type": "Actual", "mutability": "ReadWrite", "persistent": True, "value": "60"},
        ],
        "variableCharacteristics": {
            "unit": "s",
            "dataType": "integer",
            "minLimit": 0,
            "maxLimit": 31_536_000,
            "supportsMonitoring": True,
        },
    }


def test_B07_FR_03_a_secret_is_listed_without_its_value(bench: Bench) -> None:
    put(bench, item("SecurityCtrlr", "BasicAuthPassword", "hunter2hunter2hunter2"))
    bench.sent()
    (found,) = [it for it in report(bench) if it["variable"]["name"] == "BasicAuthPassword"]
    assert found["variableAttribute"] == [{"type": "Actual", "mutability": "WriteOnly", "persistent": True}]


def test_B07_FR_11_an_attribute_without_a_value_is_listed(new_bench: NewBench) -> None:
    preset = Preset("TxCtrlr", "EVConnectionTimeOut", None, attribute="Target")
    items = report(new_bench(Hardware(presets=(preset,))))
    (found,) = [it for it in items if it["variable"]["name"] == "EVConnectionTimeOut"]
    assert [(it["type"], it.get("value")) for it in found["variableAttribute"]] == [
        ("Actual", "120"),
        ("Target", ""),
    ]


def test_B07_FR_10_each_page_waits_for_the_answer_to_the_last(bench: Bench) -> None:
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    (page,) = bench.sent("NotifyReport")
    assert page["tbc"]
    bench.receive([3, bench.frames[-1][1], {}])
    assert [it["seqNo"] for it in bench.sent("NotifyReport")] == [1]


def test_B07_FR_13_one_report_at_a_time(bench: Bench) -> None:
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    second = bench.csms("GetBaseReport", {"requestId": 2, "reportBase": "FullInventory"})
    assert second["status"] == "Rejected"


INTERRUPTIONS: dict[str, Callable[[Bench], object]] = {
    "no answer": lambda bench: bench.advance(30),
    "a connection lost": lambda bench: (bench.drop(), bench.connect()),
    "a reboot": reset,
    "a restart of the daemon": lambda bench: (bench.start_again(), bench.connect()),
    "a power cut": power_cut,
    "a refusal": lambda bench: bench.receive([4, bench.frames[-1][1], "InternalError", "", {}]),
}


@pytest.mark.parametrize("end", INTERRUPTIONS)
@pytest.mark.parametrize("queued", [False, True])
def test_B07_FR_13_a_report_that_is_interrupted_ends_and_another_may_begin(
    bench: Bench, end: str, queued: bool
) -> None:
    bench.set("OCPPCommCtrlr.QueueAllMessages", queued)
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    INTERRUPTIONS[end](bench)
    bench.silent.clear()
    bench.settle()
    bench.advance(60)
    bench.forget()
    assert len(report(bench, request_id=2)) > 50


def test_a_page_that_waited_while_offline_is_followed_by_the_rest(bench: Bench) -> None:
    bench.set("OCPPCommCtrlr.QueueAllMessages", True)
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    bench.forget()
    bench.drop()
    bench.silent.clear()
    bench.reconnect(after=5)
    pages = bench.sent("NotifyReport")
    assert [it["seqNo"] for it in pages] == list(range(len(pages)))
    assert [key_of(it) for page in pages for it in page["reportData"]] == list(bench.station.model.slots)


def test_a_page_of_an_old_report_is_no_page_of_the_new_one(bench: Bench) -> None:
    """A station that queues all messages boots with a page of the report before still to be told."""
    bench.set("OCPPCommCtrlr.QueueAllMessages", True)
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    reset(bench)
    bench.forget()
    bench.csms("GetBaseReport", {"requestId": 2, "reportBase": "FullInventory"})
    bench.silent.clear()
    bench.receive([3, bench.frames[-2][1], {}])
    bench.settle()
    assert {page["requestId"] for page in bench.sent("NotifyReport")} >= {2}
    assert bench.state.report is None


def test_the_hardware_may_change_in_the_middle_of_a_report(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    bench.set("OCPPCommCtrlr.QueueAllMessages", True)
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    bench.silent.clear()
    bench.refit(Hardware())
    assert [page["tbc"] for page in bench.sent("NotifyReport")][-1] is False
    assert bench.state.report is None


TEXTS = some.text(alphabet=some.characters(codec="utf-8"), max_size=2500)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=some.lists(some.lists(TEXTS, min_size=1, max_size=4), max_size=60))
def test_B07_FR_03_B07_FR_10_every_slot_comes_once_in_order_on_pages_within_both_bounds(
    new_bench: NewBench, values: list[list[str]]
) -> None:
    attributes = ("Actual", "Target", "MinSet", "MaxSet")
    presets = [
        Preset("Note", "Text", text, variable_instance=str(number), attribute=attribute, data_type="string")
        for number, texts in enumerate(values)
        for attribute, text in zip(attributes, texts, strict=False)
    ]
    bench = new_bench(Hardware(presets=tuple(presets)))
    bench.csms("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
    pages = pages_of(bench)
    for page in pages:
        assert 1 <= len(page["reportData"]) <= 50
        assert len(page["reportData"]) == 1 or len(orjson.dumps(page)) <= 65_536
    assert [key_of(it) for page in pages for it in page["reportData"]] == list(bench.station.model.slots)


def test_a_report_costs_less_than_20_ms(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    report(bench)  # what is only done once
    before = time.process_time()
    report(bench)
    assert time.process_time() - before < 0.02 * (10 if bench.restart else 1)


# B08: GetReport


def ask(bench: Bench, *wanted: Json, criteria: tuple[str, ...] = ()) -> list[str]:
    """The keys of what GetReport reports; empty where that is nothing."""
    request: Json = {"requestId": 9}
    request |= {"componentVariable": list(wanted)} if wanted else {}
    request |= {"componentCriteria": list(criteria)} if criteria else {}
    response = bench.csms("GetReport", request)
    if response == {"status": "EmptyResultSet"}:
        assert bench.sent("NotifyReport") == []
        return []
    assert response == {"status": "Accepted"}
    return [key_of(it) for page in pages_of(bench, 9) for it in page["reportData"]]


def named(component: str, variable: str | None = None, **more: Any) -> Json:
    """A ComponentVariableType; `more` is of the component, a variable's instance stands in brackets."""
    found: Json = {"component": {"name": component, **more}}
    if variable is not None:
        found["variable"] = item(component, variable)["variable"]
    return found


def two_evses(new_bench: NewBench) -> Bench:
    left, right = (
        Preset("Fan", "Speed", str(speed), side, evse=1, data_type="integer")
        for speed, side in enumerate(("left", "right"))
    )
    pumps = (Preset("Pump", "Speed", "1", evse=evse, data_type="integer") for evse in (None, 1, 2))
    return new_bench(replace(TWO_EVSES, presets=(left, right, *pumps)))


def test_TC_B_17_B08_FR_01_B08_FR_03_B08_FR_11_one_variable_of_one_EVSE(new_bench: NewBench) -> None:
    bench = two_evses(new_bench)
    assert ask(bench, named("EVSE", "AvailabilityState", evse={"id": 1})) == ["EVSE:1.AvailabilityState"]


def test_B08_FR_12_B08_FR_04_B08_FR_14_an_item_is_that_of_a_base_report(bench: Bench) -> None:
    seen = len(bench.frames)
    request = {"requestId": 5, "componentVariable": [named("OCPPCommCtrlr", "OfflineThreshold")]}
    assert bench.csms("GetReport", request) == {"status": "Accepted"}
    assert [frame[0] for frame in bench.frames[seen:]] == [3, 2]  # the answer comes first
    (page,) = pages_of(bench, 5)
    (found,) = [it for it in report(bench) if it["variable"]["name"] == "OfflineThreshold"]
    assert page["reportData"] == [found]
    assert found["variableCharacteristics"]["dataType"] == "integer"


WILDCARDS = {
    "B08.FR.20 every variable": (
        named("AuthCtrlr"),
        lambda key: key.startswith("AuthCtrlr."),
    ),
    "TC_B_54 B08.FR.21 every instance of the variable": (
        named("DeviceDataCtrlr", "ItemsPerMessage"),
        lambda key: key.startswith("DeviceDataCtrlr.ItemsPerMessage"),
    ),
    "TC_B_55 one instance of the variable": (
        named("DeviceDataCtrlr", "ItemsPerMessage[GetReport]"),
        lambda key: key == "DeviceDataCtrlr.ItemsPerMessage[GetReport]",
    ),
    "B08.FR.22 every connector of the EVSE": (
        named("Connector", "AvailabilityState", evse={"id": 2}),
        lambda key: key in ("Connector:2:1.AvailabilityState", "Connector:2:2.AvailabilityState"),
    ),
    "one connector": (
        named("Connector", "AvailabilityState", evse={"id": 2, "connectorId": 2}),
        lambda key: key == "Connector:2:2.AvailabilityState",
    ),
    "TC_B_56 B08.FR.23 every EVSE": (
        named("EVSE", "AvailabilityState"),
        lambda key: key in ("EVSE:1.AvailabilityState", "EVSE:2.AvailabilityState"),
    ),
    "B08.FR.23 every EVSE and the level above": (
        named("Pump", "Speed"),
        lambda key: key in ("Pump.Speed", "Pump:1.Speed", "Pump:2.Speed"),
    ),
    "B08.FR.24 one instance of the component": (
        named("Fan", "Speed", instance="left"),
        lambda key: key == "Fan[left]:1.Speed",
    ),
    "B08.FR.25 every instance of the component": (
        named("Fan"),
        lambda key: key.startswith("Fan["),
    ),
    "names in any case": (
        named("evse", "AVAILABILITYSTATE", evse={"id": 2}),
        lambda key: key == "EVSE:2.AvailabilityState",
    ),
}


@pytest.mark.parametrize("case", WILDCARDS)
def test_TC_B_54_TC_B_55_TC_B_56_B08_FR_20_B08_FR_21_B08_FR_22_B08_FR_23_B08_FR_24_B08_FR_25_what_is_left_out_may_be_any(  # noqa: E501
    new_bench: NewBench, case: str
) -> None:
    wanted, means = WILDCARDS[case]
    bench = two_evses(new_bench)
    expected = [key for key in bench.station.model.slots if means(key)]
    assert ask(bench, wanted) == expected != []


def test_B08_FR_03_a_secret_is_reported_without_its_value(bench: Bench) -> None:
    request = {"requestId": 5, "componentVariable": [named("SecurityCtrlr", "BasicAuthPassword")]}
    put(bench, item("SecurityCtrlr", "BasicAuthPassword", "hunter2hunter2hunter2"))
    bench.sent()
    assert bench.csms("GetReport", request) == {"status": "Accepted"}
    (page,) = pages_of(bench, 5)
    (found,) = page["reportData"]
    assert found["variableAttribute"] == [{"type": "Actual", "mutability": "WriteOnly", "persistent": True}]


def test_B08_several_elements_report_each_slot_once_in_the_order_of_reports(new_bench: NewBench) -> None:
    bench = two_evses(new_bench)
    wanted = (named("TxCtrlr", "TxStopPoint"), named("EVSE", "Power"), named("EVSE", evse={"id": 2}))
    found = ask(bench, *wanted)
    assert found == [key for key in bench.station.model.slots if key in found]
    assert {"TxCtrlr.TxStopPoint", "EVSE:1.Power", "EVSE:2.Power", "EVSE:2.Available"} <= set(found)
    assert "EVSE:1.Available" not in found


@pytest.mark.parametrize(
    "wanted",
    [
        named("Bogus"),
        named("EVSE", "Bogus"),
        named("EVSE", evse={"id": 3}),
        named("EVSE", evse={"id": 1, "connectorId": 1}),
        named("EVSE", instance="x"),
        named("DeviceDataCtrlr", "ItemsPerMessage[Bogus]"),
    ],
)
def test_B08_FR_15_where_nothing_fits_there_is_no_report(new_bench: NewBench, wanted: Json) -> None:
    assert ask(two_evses(new_bench), wanted) == []


def test_B08_FR_16_while_a_report_is_being_sent_another_is_Rejected(bench: Bench) -> None:
    bench.silent.add("NotifyReport")
    bench.csms("GetReport", {"requestId": 1, "componentVariable": [named("EVSE")]})
    assert bench.csms("GetReport", {"requestId": 2})["status"] == "Rejected"
    assert (
        bench.csms("GetBaseReport", {"requestId": 2, "reportBase": "FullInventory"})["status"] == "Rejected"
    )


def test_B08_without_any_criterion_everything_is_reported(bench: Bench) -> None:
    assert ask(bench) == list(bench.station.model.slots)


# Criteria


def switched(new_bench: NewBench) -> Bench:
    """A station with components that are on, off, or neither."""
    presets = [
        Preset("On", "Active", "true", data_type="boolean"),
        Preset("On", "Level", "1", data_type="integer"),
        Preset("Off", "Active", "false", data_type="boolean"),
        Preset("Off", "Level", "1", data_type="integer"),
        Preset("Neither", "Level", "1", data_type="integer"),
        Preset("Unknown", "Active", None, data_type="boolean"),
    ]
    return new_bench(Hardware(presets=tuple(presets)))


def test_B08_FR_07_Active_leaves_out_what_is_not(new_bench: NewBench) -> None:
    found = ask(switched(new_bench), criteria=("Active",))
    assert {"On.Active", "On.Level", "Neither.Level", "TxCtrlr.TxStopPoint"} <= set(found)
    assert not {"Off.Active", "Off.Level", "Unknown.Active"} & set(found)


def test_TC_B_16_B08_FR_09_Enabled_leaves_out_what_is_not(bench: Bench) -> None:
    for controller in ("SampledDataCtrlr", "AuthCacheCtrlr"):
        bench.set(f"{controller}.Enabled", False)
    found = set(ask(bench, criteria=("Enabled",)))
    assert {"MonitoringCtrlr.Enabled", "MonitoringCtrlr.Available", "TxCtrlr.TxStopPoint"} <= found
    assert not {key for key in found if key.startswith(("SampledDataCtrlr.", "AuthCacheCtrlr."))}


def test_B08_FR_08_Available_leaves_out_what_is_not(new_bench: NewBench) -> None:
    no_cache = Preset("AuthCacheCtrlr", "Available", "false")
    found = set(ask(new_bench(Hardware(presets=(no_cache,))), criteria=("Available",)))
    assert {"EVSE:1.Available", "TxCtrlr.TxStopPoint"} <= found
    assert not {key for key in found if key.startswith("AuthCacheCtrlr.")}


def test_TC_B_18_B08_FR_05_a_criterion_and_a_variable_together(new_bench: NewBench) -> None:
    bench = two_evses(new_bench)
    wanted = named("EVSE", "AvailabilityState", evse={"id": 1})
    assert ask(bench, wanted, criteria=("Available",)) == ["EVSE:1.AvailabilityState"]
    assert ask(bench, wanted, criteria=("Problem",)) == []  # B08.FR.15


def test_B08_FR_10_Problem_takes_a_variable_that_is_true(new_bench: NewBench) -> None:
    bench = two_evses(new_bench)
    assert ask(bench, criteria=("Problem",)) == []
    bench.do("fault", evse=2, connector=1, code="PowerMeterFailure")
    bench.sent()
    found = ask(bench, criteria=("Problem",))
    assert {key.partition(".")[0] for key in found} == {"ChargingStation", "FiscalMetering:2:1"}


def test_B08_FR_13_one_of_several_criteria_will_do(new_bench: NewBench) -> None:
    bench = switched(new_bench)
    both = ask(bench, criteria=("Problem", "Active"))
    assert both == ask(bench, criteria=("Active",)) != []


def test_TC_B_19_B08_FR_02_every_criterion_of_the_standard_is_supported(bench: Bench) -> None:
    for criterion in ("Active", "Available", "Enabled", "Problem"):
        assert bench.csms("GetReport", {"requestId": 1, "componentCriteria": [criterion]})["status"] in (
            "Accepted",
            "EmptyResultSet",
        )
    assert "error" in bench.csms("GetReport", {"requestId": 1, "componentCriteria": ["Sleeping"]})


def test_TC_B_15_B07_FR_02_B07_FR_05_B07_FR_12_every_base_report_is_supported(bench: Bench) -> None:
    for base in ("ConfigurationInventory", "FullInventory", "SummaryInventory"):
        assert report(bench, base)
    assert "error" in bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "Gossip"})
    assert bench.sent("NotifyReport") == []


# The commands


def result(bench: Bench, command: str, **arguments: Any) -> Any:
    answer = bench.do(command, **arguments)
    assert answer is not None
    assert answer.done is not None, answer.error
    return answer.done.result


def test_get_variable_tells_an_attribute(new_bench: NewBench) -> None:
    bench = two_evses(new_bench)
    bench.do("plug-in", evse=2, connector=2)
    wanted = {"component": "Connector", "variable": "AvailabilityState", "evse": 2, "connector": 2}
    assert result(bench, "get-variable", **wanted) == {
        "attribute_status": "Accepted",
        "attribute_type": "Actual",
        "attribute_value": "Occupied",
    }
    fan = {"component": "Fan", "component_instance": "right", "variable": "Speed", "evse": 1}
    assert result(bench, "get-variable", **fan)["attribute_value"] == "1"
    assert result(bench, "get-variable", **fan, attribute_type="Target") == {
        "attribute_status": "NotSupportedAttributeType",
        "attribute_type": "Target",
    }


def test_get_variable_never_shows_a_secret(bench: Bench) -> None:
    secret = {"component": "SecurityCtrlr", "variable": "BasicAuthPassword"}
    answer = bench.do("set-variable", **secret, value="hunter2hunter2hunter2")
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"attribute_status": "Accepted", "attribute_type": "Actual"}
    assert result(bench, "get-variable", **secret) == {
        "attribute_status": "Rejected",
        "attribute_type": "Actual",
        "reason_code": "WriteOnly",
    }
    assert "hunter2" not in str(bench.events)


@pytest.mark.parametrize(("value", "spelled"), [(False, "false"), ("false", "false")])
def test_set_variable_sets_what_the_CSMS_could(bench: Bench, value: object, spelled: str) -> None:
    answer = bench.do(
        "set-variable", component="TxCtrlr", variable="StopTxOnInvalidId", value=value, request_id="r1"
    )
    assert answer is not None
    assert answer.done is not None
    assert (answer.done.changed, answer.done.result) == (
        True,
        {"attribute_status": "Accepted", "attribute_type": "Actual"},
    )
    assert value_of(bench, "TxCtrlr", "StopTxOnInvalidId") == spelled
    (event,) = bench.happened_since("variable_changed")
    assert (event.cause, event.request_id) == ("mqtt:set-variable", "r1")


def test_set_variable_takes_numbers(bench: Bench) -> None:
    key = {
        "component": "OCPPCommCtrlr",
        "variable": "MessageAttempts",
        "variable_instance": "TransactionEvent",
    }
    assert result(bench, "set-variable", **key, value=7)["attribute_status"] == "Accepted"
    assert value_of(bench, "OCPPCommCtrlr", "MessageAttempts[TransactionEvent]") == "7"


@pytest.mark.parametrize(
    ("component", "variable", "status", "reason"),
    [
        ("ChargingStation", "Model", "Rejected", "ReadOnly"),
        ("OCPPCommCtrlr", "OfflineThreshold", "Rejected", "InvalidValue"),
        ("OCPPCommCtrlr", "Bogus", "UnknownVariable", None),
        ("Bogus", "OfflineThreshold", "UnknownComponent", None),
    ],
)
def test_set_variable_obeys_what_the_CSMS_obeys(
    bench: Bench, component: str, variable: str, status: str, reason: str | None
) -> None:
    answer = bench.do("set-variable", component=component, variable=variable, value="often")
    assert answer is not None
    assert answer.done is not None
    assert not answer.done.changed
    told = dict(answer.done.result)  # type: ignore[arg-type] - no function by now
    assert (told["attribute_status"], told.get("reason_code")) == (status, reason)


def test_set_variable_tells_of_a_reboot_that_is_needed(new_bench: NewBench) -> None:
    bench = new_bench(SLOW_MODEM)
    told = result(bench, "set-variable", component="Modem", variable="Band", value="c")
    assert told["attribute_status"] == "RebootRequired"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"variable": "Power"}, "missing_argument"),
        ({"component": "EVSE", "variable": "Power"}, "missing_argument"),
        ({"component": "EVSE", "variable": "Power", "value": [1]}, "invalid_argument"),
        ({"component": "EVSE", "variable": "Power", "value": None}, "invalid_argument"),
        ({"component": "E" * 51, "variable": "Power", "value": 1}, "invalid_argument"),
        (
            {"component": "EVSE", "variable": "Power", "value": 1, "attribute_type": "Best"},
            "invalid_argument",
        ),
        ({"component": "EVSE", "variable": "Power", "value": 1, "evse": 9}, "unknown_evse"),
    ],
)
def test_set_variable_refuses_what_it_cannot_understand(bench: Bench, arguments: Json, code: str) -> None:
    answer = bench.do("set-variable", **arguments)
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == code


def test_a_station_without_power_takes_no_setting(bench: Bench) -> None:
    bench.do("power", "OFF")
    answer = bench.do("set-variable", component="OCPPCommCtrlr", variable="OfflineThreshold", value=5)
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"
