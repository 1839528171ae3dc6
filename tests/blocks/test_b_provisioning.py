"""B. Provisioning: boot, variables, reports and resets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ocppd.core.description import Connector, Evse, Hardware, Preset
from tests.bench import Bench, Json, with_presets

NewBench = Callable[..., Bench]
TWO_EVSES = Hardware(evses=(Evse(), Evse(connectors=(Connector(), Connector()))))
QUIET = with_presets(Hardware(), SampledDataCtrlr__TxUpdatedInterval="0")


def says(status: str, interval: int = 60, current_time: str = "2025-01-01T10:00:00Z") -> Json:
    return {"currentTime": current_time, "interval": interval, "status": status}


def booting(new_bench: NewBench, status: str, interval: int = 60, hardware: Hardware | None = None) -> Bench:
    """A station that the CSMS has given `status`; the BootNotification is forgotten."""
    bench = new_bench(hardware, boot=False)
    bench.answers["BootNotification"] = says(status, interval)
    bench.connect()
    bench.settle()
    bench.forget()
    return bench


def actions(bench: Bench) -> list[str]:
    return [action for action, _ in bench.sent()]


def item(component: str, variable: str, value: str | None = None, **more: Any) -> Json:
    name, _, instance = variable.partition("[")
    found: Json = {
        "component": {"name": component},
        "variable": {"name": name} | ({"instance": instance[:-1]} if instance else {}),
    }
    return found | ({} if value is None else {"attributeValue": value}) | more


def get(bench: Bench, *items: Json) -> list[Json]:
    found: list[Json] = bench.csms("GetVariables", {"getVariableData": list(items)})["getVariableResult"]
    return found


def put(bench: Bench, *items: Json) -> list[Json]:
    found: list[Json] = bench.csms("SetVariables", {"setVariableData": list(items)})["setVariableResult"]
    return found


def value_of(bench: Bench, component: str, variable: str, **place: Any) -> str:
    one = item(component, variable)
    one["component"] |= place
    value: str = get(bench, one)[0]["attributeValue"]
    return value


def orders(bench: Bench) -> list[str]:
    """What the link was told to do, but for its pings."""
    return [order.kind for order in bench.orders if order.kind != "ping"]


def reboot(bench: Bench) -> None:
    """Let a reset that has begun come to its end, up to the boot."""
    bench.advance(1)
    assert orders(bench) == ["close"]
    assert not bench.wanted
    bench.drop()
    bench.advance(5)
    assert bench.wanted
    bench.connect()
    bench.settle()


# B01: cold boot


def test_B01_FR_01_the_station_boots_with_what_it_is(new_bench: NewBench) -> None:
    bench = new_bench(Hardware("Acme", "Sim-2", "1.2.3"), boot=False)
    bench.connect()
    assert bench.sent() == [
        (
            "BootNotification",
            {
                "reason": "PowerUp",
                "chargingStation": {
                    "vendorName": "Acme",
                    "model": "Sim-2",
                    "serialNumber": "SN0001",
                    "firmwareVersion": "1.2.3",
                },
            },
        )
    ]


def test_B01_FR_03_what_is_not_known_is_left_out(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(firmware=""), boot=False)
    bench.connect()
    assert "firmwareVersion" not in bench.sent("BootNotification")[0]["chargingStation"]


def test_B01_FR_08_nothing_is_sent_before_the_acceptance(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    bench.silent.add("BootNotification")
    bench.connect()
    bench.do("plug-in")
    bench.do("fault", "GroundFault")
    bench.advance(29)
    assert actions(bench) == ["BootNotification"]


def test_TC_B_01_accepted_all_statuses_then_the_security_event(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES, boot=False)
    bench.connect()
    bench.settle()
    (boot, *statuses, security) = bench.sent()
    assert boot[0] == "BootNotification"
    assert [(it["evseId"], it["connectorId"], it["connectorStatus"]) for _, it in statuses] == [
        (1, 1, "Available"),
        (2, 1, "Available"),
        (2, 2, "Available"),
    ]
    assert security[1]["type"] == "StartupOfTheDevice"


def test_B01_FR_04_the_interval_becomes_the_HeartbeatInterval(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Accepted", 77)
    assert value_of(bench, "OCPPCommCtrlr", "HeartbeatInterval") == "77"
    bench.advance(77)
    assert actions(bench) == ["Heartbeat"]


def test_B01_FR_04_an_interval_of_0_leaves_the_HeartbeatInterval(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Accepted", 0)
    assert value_of(bench, "OCPPCommCtrlr", "HeartbeatInterval") == "300"


def test_B01_FR_06_the_clock_follows_the_CSMS(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    bench.answers["BootNotification"] = says("Accepted", current_time="2031-05-06T07:08:09+02:00")
    bench.connect()
    bench.settle()
    bench.advance(10)
    bench.do("plug-in")
    assert bench.sent("StatusNotification")[-1]["timestamp"] == "2031-05-06T05:08:19.000Z"
    assert value_of(bench, "ClockCtrlr", "DateTime") == "2031-05-06T05:08:19.000Z"


@pytest.mark.parametrize(
    "told", ["2025-01-01T10:00:00.900Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"]
)
def test_B01_FR_06_less_than_a_second_and_what_no_clock_shows_is_left_alone(
    new_bench: NewBench, told: str
) -> None:
    bench = new_bench(boot=False)
    bench.answers["BootNotification"] = says("Accepted", current_time=told)
    bench.connect()
    bench.settle()
    bench.advance(60)
    assert value_of(bench, "ClockCtrlr", "DateTime") == "2025-01-01T10:01:00.000Z"


def test_B01_FR_06_another_time_source_keeps_its_own_time(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(), ClockCtrlr__TimeSource="RealTimeClock"), boot=False)
    bench.answers["BootNotification"] = says("Accepted", current_time="2031-05-06T07:08:09Z")
    bench.connect()
    bench.settle()
    assert value_of(bench, "ClockCtrlr", "DateTime") == "2025-01-01T10:00:00.000Z"


def test_the_boot_is_an_event(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    bench.connect()
    bench.settle()
    assert bench.happened_since("boot")[0].data == {
        "registration": "Accepted",
        "interval": 300,
        "reason": "PowerUp",
    }


def test_B02_FR_07_without_an_answer_the_station_asks_again_after_a_while(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    bench.silent.add("BootNotification")
    bench.connect()
    bench.advance(30 + 29)
    assert actions(bench) == ["BootNotification"]
    bench.advance(1)
    assert actions(bench) == ["BootNotification"]


def test_a_boot_that_got_no_answer_is_repeated_at_once_over_a_new_connection(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    bench.silent.add("BootNotification")
    bench.connect()
    bench.drop()
    bench.forget()
    bench.connect()
    assert actions(bench) == ["BootNotification"]


# B02 and B03: Pending and Rejected


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_B02_FR_08_B03_FR_06_the_next_boot_comes_when_the_interval_is_over(
    new_bench: NewBench, status: str
) -> None:
    bench = booting(new_bench, status, 60)
    bench.advance(59)
    assert bench.sent() == []
    bench.advance(1)
    assert bench.sent("BootNotification")[0]["reason"] == "PowerUp"


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
@pytest.mark.parametrize("interval", [0, -5])
def test_B02_FR_07_B03_FR_05_without_an_interval_the_station_does_not_flood(
    new_bench: NewBench, status: str, interval: int
) -> None:
    bench = booting(new_bench, status, interval)
    bench.advance(600)
    assert 1 <= len(bench.sent("BootNotification")) <= 20


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_TC_B_03_a_new_connection_does_not_shorten_the_interval(new_bench: NewBench, status: str) -> None:
    bench = booting(new_bench, status, 60)
    bench.advance(10)
    bench.drop()
    bench.reconnect(after=10)
    assert bench.sent() == []
    bench.advance(40)
    assert actions(bench) == ["BootNotification"]


def test_an_interval_that_ends_offline_makes_the_station_boot_when_it_is_back(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending", 60)
    bench.drop()
    bench.reconnect(after=90)
    assert actions(bench) == ["BootNotification"]


def test_TC_B_03_once_accepted_all_statuses_come(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Rejected", 60)
    bench.answers["BootNotification"] = says("Accepted", 300)
    bench.advance(60)
    assert actions(bench) == ["BootNotification", "StatusNotification", "SecurityEventNotification"]


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_B02_FR_02_B03_FR_02_nothing_of_the_stations_own_is_sent(new_bench: NewBench, status: str) -> None:
    bench = booting(new_bench, status, 600)
    bench.do("plug-in")
    bench.do("fault", "GroundFault")
    bench.advance(599)
    assert bench.sent() == []


def test_what_happened_while_pending_is_told_once_accepted(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending", 60)
    bench.do("plug-in")
    bench.answers["BootNotification"] = says("Accepted", 300)
    bench.advance(60)
    sent = bench.sent()
    assert [action for action, _ in sent] == [
        "BootNotification",
        "StatusNotification",
        "SecurityEventNotification",
        "TransactionEvent",
    ]
    assert sent[1][1]["connectorStatus"] == "Occupied"


def test_TC_B_02_pending_variables_and_reports_are_served(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending")
    assert put(bench, item("OCPPCommCtrlr", "OfflineThreshold", "5"))[0]["attributeStatus"] == "Accepted"
    assert value_of(bench, "OCPPCommCtrlr", "OfflineThreshold") == "5"
    report = {"requestId": 7, "reportBase": "SummaryInventory"}
    assert bench.csms("GetBaseReport", report) == {"status": "Accepted"}
    assert actions(bench) == ["NotifyReport"]


def test_TC_B_02_B02_FR_04_pending_a_triggered_boot_comes_at_once(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending", 600)
    bench.answers["BootNotification"] = says("Accepted", 300)
    assert bench.csms("TriggerMessage", {"requestedMessage": "BootNotification"}) == {"status": "Accepted"}
    sent = bench.sent()
    assert sent[0][1]["reason"] == "Triggered"
    assert sent[-1][1]["type"] == "StartupOfTheDevice"  # a trigger does not change why it has started


@pytest.mark.parametrize("trigger", ["Heartbeat", "StatusNotification", "MeterValues"])
def test_B02_FR_02_pending_a_triggered_message_is_sent(new_bench: NewBench, trigger: str) -> None:
    bench = booting(new_bench, "Pending", 600)
    request = {"requestedMessage": trigger, "evse": {"id": 1, "connectorId": 1}}
    assert bench.csms("TriggerMessage", request) == {"status": "Accepted"}
    assert actions(bench) == [trigger]


def test_TC_B_02_pending_no_transaction_is_started(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending", 600)
    token = {"idToken": "A", "type": "ISO14443"}
    answer = bench.csms("RequestStartTransaction", {"evseId": 1, "remoteStartId": 1, "idToken": token})
    assert answer["status"] == "Rejected"
    assert bench.sent() == []


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
        ("Reset", {"type": "Immediate"}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ],
)
def test_TC_B_30_B03_FR_08_a_rejected_station_answers_SecurityError(
    new_bench: NewBench, action: str, payload: Json
) -> None:
    bench = booting(new_bench, "Rejected", 600)
    assert bench.csms(action, payload)["error"] == "SecurityError"
    bench.advance(500)
    assert bench.sent() == []


def test_the_acceptance_may_be_taken_back(bench: Bench) -> None:
    bench.answers["BootNotification"] = says("Pending", 60)
    bench.do("boot")
    bench.forget()
    bench.do("plug-in")
    assert bench.sent() == []
    bench.answers["BootNotification"] = says("Accepted", 300)
    bench.advance(60)
    assert actions(bench)[:2] == ["BootNotification", "StatusNotification"]


# The command `boot`


def test_boot_answers_with_the_CSMSs_response(bench: Bench) -> None:
    answer = bench.do("boot")
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"response": says("Accepted", 300, "2025-01-01T10:00:00.000Z")}
    assert bench.sent("BootNotification")[0]["reason"] == "Triggered"


@pytest.mark.parametrize(
    ("prepare", "reason", "code"),
    [
        (lambda bench: bench.drop(), "", "not_connected"),
        (lambda bench: bench.do("power", "OFF"), "", "invalid_state"),
        (lambda _: None, "Whim", "invalid_argument"),
    ],
)
def test_boot_is_refused_where_it_cannot_be(
    bench: Bench, prepare: Callable[[Bench], object], reason: str, code: str
) -> None:
    prepare(bench)
    answer = bench.do("boot", reason)
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == code


def test_boot_is_refused_while_another_is_on_its_way(bench: Bench) -> None:
    bench.silent.add("BootNotification")
    bench.do("boot")
    answer = bench.do("boot")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"


# B04: offline while idle


def gone_for(bench: Bench, seconds: float, *meanwhile: str) -> list[tuple[int, int]]:
    """The connectors whose status is told after `seconds` offline; what was done meanwhile comes first."""
    bench.drop()
    for command in meanwhile:
        bench.do(command, evse=2, connector=1)
    bench.reconnect(after=seconds)
    return [(it["evseId"], it["connectorId"]) for it in bench.sent("StatusNotification")]


def test_TC_B_51_B04_FR_01_after_OfflineThreshold_all_statuses_are_told(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    bench.set("OCPPCommCtrlr.OfflineThreshold", 30)
    assert gone_for(bench, 31, "plug-in") == [(1, 1), (2, 1), (2, 2)]


def test_TC_B_52_B04_FR_02_before_OfflineThreshold_only_what_has_changed(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    bench.set("OCPPCommCtrlr.OfflineThreshold", 30)
    assert gone_for(bench, 29, "plug-in") == [(2, 1)]


def test_B04_FR_02_what_is_as_it_was_is_not_told(new_bench: NewBench) -> None:
    assert gone_for(new_bench(TWO_EVSES), 29, "plug-in", "unplug") == []


def test_B04_a_status_that_was_on_its_way_is_told_again(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    bench.silent.add("StatusNotification")
    bench.do("plug-in", evse=2, connector=1)
    bench.silent.clear()
    bench.forget()
    assert gone_for(bench, 5) == [(2, 1)]


def test_B04_a_reconnect_needs_no_boot_and_tells_statuses_before_old_events(bench: Bench) -> None:
    bench.drop()
    bench.do("plug-in")
    bench.reconnect(after=5)
    assert actions(bench) == ["StatusNotification", "TransactionEvent"]


# B05: SetVariables


def test_TC_B_09_TC_B_10_values_are_set_and_last_over_a_reboot(bench: Bench) -> None:
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
    bench.csms("Reset", {"type": "Immediate"})
    reboot(bench)
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
def test_B05_what_cannot_be_set_says_why_and_changes_nothing(bench: Bench, case: str) -> None:
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
    assert [event.data for event in bench.happened_since("variable_changed")] == [
        {"key": "OCPPCommCtrlr.OfflineThreshold", "value": "5"},
        {"key": "SecurityCtrlr.BasicAuthPassword"},
    ]


@pytest.mark.parametrize("ask", [get, put])
def test_B05_FR_11_B06_FR_16_too_many_elements_are_refused(bench: Bench, ask: Callable[..., Any]) -> None:
    action, key = ("GetVariables", "getVariableData") if ask is get else ("SetVariables", "setVariableData")
    one = item("OCPPCommCtrlr", "OfflineThreshold", None if ask is get else "5")
    assert len(ask(bench, *[one] * 50)) == 50
    assert bench.csms(action, {key: [one] * 51})["error"] == "OccurrenceConstraintViolation"


# B06: GetVariables


def test_TC_B_06_TC_B_07_values_are_told_in_order(bench: Bench) -> None:
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
    "B06.FR.14": (item("OCPPCommCtrlr", "MessageTimeout"), "UnknownVariable"),
}


@pytest.mark.parametrize("case", GET_REFUSALS)
def test_B06_what_cannot_be_told_has_no_value(bench: Bench, case: str) -> None:
    one, status = GET_REFUSALS[case]
    (result,) = get(bench, one)
    assert result["attributeStatus"] == status
    assert "attributeValue" not in result


def test_B06_FR_13_an_attribute_without_a_value_is_empty(new_bench: NewBench) -> None:
    preset = Preset("TxCtrlr", "EVConnectionTimeOut", None, attribute="Target")
    bench = new_bench(Hardware(presets=(preset,)))
    (result,) = get(bench, item("TxCtrlr", "EVConnectionTimeOut", attributeType="Target"))
    assert (result["attributeStatus"], result["attributeValue"]) == ("Accepted", "")


def test_B06_a_live_value_is_that_of_this_moment(bench: Bench) -> None:
    place = {"evse": {"id": 1, "connectorId": 1}}
    assert value_of(bench, "Connector", "AvailabilityState", **place) == "Available"
    bench.do("plug-in")
    assert value_of(bench, "Connector", "AvailabilityState", **place) == "Occupied"


# B07: reports


def report(bench: Bench, base: str = "FullInventory", request_id: int = 7) -> list[Json]:
    """The report's items, after a check of the pages they come on."""
    assert bench.csms("GetBaseReport", {"requestId": request_id, "reportBase": base}) == {
        "status": "Accepted"
    }
    pages = bench.sent("NotifyReport")
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    assert [page["tbc"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert {page["requestId"] for page in pages} == {request_id}
    return [one for page in pages for one in page["reportData"]]


def names(items: list[Json]) -> set[str]:
    return {f"{it['component']['name']}.{it['variable']['name']}" for it in items}


def test_B07_FR_01_the_answer_comes_before_the_report(bench: Bench) -> None:
    seen = len(bench.frames)
    report(bench)
    assert [frame[0] for frame in bench.frames[seen : seen + 2]] == [3, 2]


def test_TC_B_13_FullInventory_has_everything_once(bench: Bench) -> None:
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


def test_TC_B_12_ConfigurationInventory_has_what_can_be_set(bench: Bench) -> None:
    items = report(bench, "ConfigurationInventory")
    assert "TxCtrlr.TxStartPoint" in names(items)
    assert {it["variableAttribute"][0]["mutability"] for it in items} == {"ReadWrite", "WriteOnly"}
    full = [it for it in report(bench) if it["variableAttribute"][0]["mutability"] != "ReadOnly"]
    assert names(full) == names(items)


def test_TC_B_14_SummaryInventory_has_statuses_and_problems(new_bench: NewBench) -> None:
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


def test_B07_FR_03_FR_07_an_item_has_its_value_and_its_characteristics(bench: Bench) -> None:
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
        ("Target", None),
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


@pytest.mark.parametrize(
    "end", [lambda bench: bench.advance(30), lambda bench: (bench.drop(), bench.connect())]
)
def test_B07_a_page_that_is_lost_ends_the_report(bench: Bench, end: Callable[[Bench], object]) -> None:
    bench.silent.add("NotifyReport")
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    end(bench)
    bench.silent.clear()
    bench.forget()
    assert len(report(bench, request_id=2)) > 50


# B11: Reset without a transaction


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_TC_B_20_B11_FR_01_an_idle_station_reboots(bench: Bench, kind: str) -> None:
    assert bench.csms("Reset", {"type": kind}) == {"status": "Accepted"}
    reboot(bench)
    sent = bench.sent()
    assert sent[0] == ("BootNotification", sent[0][1] | {"reason": "RemoteReset"})
    assert sent[1][1]["connectorStatus"] == "Available"
    assert sent[2][1]["type"] == "ResetOrReboot"


def test_B11_nothing_happens_while_it_reboots(bench: Bench) -> None:
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(1)
    seen = len(bench.frames)
    bench.receive([2, "m1", "Reset", {"type": "Immediate"}])
    bench.do("plug-in")
    assert bench.frames[seen:] == []
    answer = bench.do("heartbeat")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"


@pytest.mark.parametrize("evse_id", [1, 2, 99])
@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_TC_B_28_B11_FR_09_a_single_EVSE_cannot_be_reset(bench: Bench, kind: str, evse_id: int) -> None:
    assert bench.csms("Reset", {"type": kind, "evseId": evse_id})["status"] == "Rejected"
    bench.advance(10)
    assert orders(bench) == []


@pytest.mark.parametrize("place", [{}, {"id": 1}, {"id": 1, "connectorId": 1}])
def test_TC_B_23_B11_FR_02_what_is_Unavailable_stays_so(bench: Bench, place: Json) -> None:
    request = {"operationalStatus": "Inoperative"} | ({"evse": place} if place else {})
    bench.csms("ChangeAvailability", request)
    bench.csms("Reset", {"type": "Immediate"})
    bench.sent()
    reboot(bench)
    assert bench.sent("StatusNotification")[0]["connectorStatus"] == "Unavailable"


def test_the_reset_button_gives_LocalReset(bench: Bench) -> None:
    answer = bench.do("reset", "OnIdle")
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"status": "Accepted"}
    reboot(bench)
    assert bench.sent("BootNotification")[0]["reason"] == "LocalReset"


def test_the_reset_button_knows_two_kinds(bench: Bench) -> None:
    answer = bench.do("reset", "Perhaps")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_argument"


# B12: Reset with a transaction


def charging(new_bench: NewBench, hardware: Hardware = QUIET) -> Bench:
    bench = new_bench(hardware)
    bench.do("plug-in", evse=1, connector=1)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.forget()
    return bench


def test_TC_B_22_B12_FR_04_Immediate_ends_the_transaction_first(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    assert bench.csms("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    (ended,) = bench.tx()
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "ResetCommand")
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert ended["transactionInfo"]["chargingState"] == "EVConnected"
    assert "idToken" not in ended
    reboot(bench)
    sent = bench.sent()
    assert sent[0][1]["reason"] == "RemoteReset"
    assert sent[1][1]["connectorStatus"] == "Occupied"


def test_B12_FR_05_an_Ended_without_an_answer_is_sent_again_after_the_boot(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    bench.silent.add("TransactionEvent")
    bench.csms("Reset", {"type": "Immediate"})
    (ended,) = bench.tx()
    bench.advance(9)
    assert orders(bench) == []  # it waits a while for the answer
    bench.advance(1)
    bench.drop()
    bench.silent.clear()
    bench.advance(5)
    bench.connect()
    bench.settle()
    again = bench.tx()[0]
    assert again == ended | {"offline": True}


def test_TC_B_21_B12_FR_01_FR_03_OnIdle_waits_for_the_end_of_the_transaction(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    assert bench.csms("Reset", {"type": "OnIdle"}) == {"status": "Scheduled"}
    bench.advance(60)
    assert orders(bench) == []
    bench.do("authorize", "04A2B3C4")
    bench.do("unplug")
    bench.forget()
    reboot(bench)
    assert bench.sent("BootNotification")[0]["reason"] == "ScheduledReset"


def test_TC_B_41_OnIdle_waits_for_the_last_of_several_transactions(new_bench: NewBench) -> None:
    bench = charging(new_bench, replace(TWO_EVSES, presets=QUIET.presets))
    bench.do("plug-in", evse=2, connector=2)
    bench.csms("Reset", {"type": "OnIdle"})
    bench.do("unplug", evse=1, connector=1)
    bench.advance(30)
    assert orders(bench) == []
    bench.do("unplug", evse=2, connector=2)
    bench.advance(1)
    assert orders(bench) == ["close"]


def test_Immediate_after_a_scheduled_reset_comes_at_once(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    bench.csms("Reset", {"type": "OnIdle"})
    assert bench.csms("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    reboot(bench)
    assert bench.sent("BootNotification")[0]["reason"] == "RemoteReset"


def test_a_power_cut_makes_a_scheduled_reset_needless(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    bench.csms("Reset", {"type": "OnIdle"})
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.connect()
    bench.settle()
    bench.do("unplug")
    bench.forget()
    bench.advance(30)
    assert orders(bench) == []
