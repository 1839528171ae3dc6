"""N. Events: what is monitored and what breaks is told (N07, N08). Faults are in `test_g_availability`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.core.description import Evse, Hardware, Monitor, Preset
from ocppd.core.errors import CallError
from ocppd.core.schemas import OCPP_21
from tests.bench import Bench, Json, bugs_raise
from tests.blocks.monitoring import (
    AIMED,
    FAN,
    base,
    clear,
    events,
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
from tests.blocks.test_g_availability import done, refusal

NewBench = Callable[..., Bench]


@pytest.fixture
def fan(new_bench: NewBench) -> Bench:
    return new_bench(FAN)


def charge(bench: Bench, **ev: float) -> str:
    """Plug in and authorize; returns the transaction id."""
    bench.do("plug-in", ev=ev) if ev else bench.do("plug-in")
    bench.do("authorize")
    started = bench.tx()[0]["transactionInfo"]["transactionId"]
    assert isinstance(started, str)
    return started


# Faults: hard-wired notifications


def test_TC_N_21_N07_FR_06_N07_FR_07_an_event_has_all_that_it_needs(bench: Bench) -> None:
    bench.advance(1)
    bench.do("fault", code="GroundFault", info="wet")
    (event,) = bench.sent("NotifyEvent")
    assert event == {
        "generatedAt": "2025-01-01T10:00:01.000Z",
        "seqNo": 0,
        "tbc": False,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": "2025-01-01T10:00:01.000Z",
                "trigger": "Alerting",
                "actualValue": "true",
                "cleared": False,
                "techCode": "GroundFault",
                "techInfo": "wet",
                "eventNotificationType": "HardWiredNotification",
                "component": {"name": "GroundIsolationProtection", "evse": {"id": 1, "connectorId": 1}},
                "variable": {"name": "Tripped"},
            }
        ],
    }


def test_N07_FR_02_a_fault_that_is_repaired_is_cleared(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    bench.do("clear-fault")
    assert story(bench) == ["Alerting true", "Alerting false cleared"]


def test_of_two_faults_of_one_part_the_last_to_go_clears_it(bench: Bench) -> None:
    bench.do("fault", "OverVoltage")
    bench.do("fault", "UnderVoltage")
    bench.forget()
    bench.do("clear-fault", code="OverVoltage")
    assert events(bench) == []
    bench.do("clear-fault", code="UnderVoltage")
    assert story(bench) == ["Alerting false cleared"]


def test_N07_FR_06_no_two_events_have_one_id(bench: Bench) -> None:
    for _ in range(3):
        bench.do("fault", "GroundFault")
        bench.do("clear-fault")
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.connect()
    bench.settle()
    bench.do("fault", "GroundFault")
    assert [it["eventId"] for it in events(bench)] == [1, 2, 3, 4, 5, 6, 7]


def test_an_event_in_a_transaction_names_it_even_if_it_ends_it(bench: Bench) -> None:
    started = charge(bench)
    bench.do("fault", "GroundFault")
    calls = bench.sent()
    assert "Ended" in [payload.get("eventType") for _, payload in calls]
    (message,) = [payload for action, payload in calls if action == "NotifyEvent"]
    assert [it.get("transactionId") for it in message["eventData"]] == [started]


@pytest.mark.parametrize(("threshold", "arrives"), [(2, False), (3, True)])
def test_N07_FR_04_OfflineQueuingSeverity_decides_what_waits(
    bench: Bench, threshold: int, arrives: bool
) -> None:
    bench.set("MonitoringCtrlr.OfflineQueuingSeverity", threshold)
    bench.drop()
    bench.do("fault", "GroundFault")  # of severity 3
    bench.reconnect(after=5)
    assert bool(events(bench)) is arrives


def test_N05_FR_03_N07_FR_15_a_fault_above_the_level_is_not_told(bench: Bench) -> None:
    level(bench, 2)
    bench.do("fault", "GroundFault")
    assert events(bench) == []
    bench.do("fault", code="OtherError", severity=2)
    assert story(bench) == ["Alerting true"]


def test_without_power_nothing_is_told(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("fault", "GroundFault")
    bench.do("power", "ON")
    bench.connect()
    bench.settle()
    assert events(bench) == []


def test_the_device_model_has_each_part_at_each_connector(bench: Bench) -> None:
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    items = [it for page in bench.sent("NotifyReport") for it in page["reportData"]]
    problems = [it for it in items if it["component"].get("evse", {}).get("connectorId")]
    problems = [it for it in problems if it["variable"]["name"] in ("Problem", "Tripped")]
    assert len(problems) >= 14
    assert {it["variableAttribute"][0]["value"] for it in problems} == {"false"}


def test_N07_FR_05_the_fault_is_the_cause_of_what_it_triggers(bench: Bench) -> None:
    monitor(bench, "Connector:1:1.AvailabilityState", "Delta")
    monitor(bench, "GroundIsolationProtection:1:1.Tripped", "Delta")
    bench.do("fault", "GroundFault")
    bench.do("clear-fault")
    fault, *triggered, _, other, _ = events(bench)
    assert fault["eventNotificationType"] == "HardWiredNotification"
    assert [it["cause"] for it in triggered] == [fault["eventId"]] * 2
    assert "cause" not in fault
    assert "cause" not in other


# Thresholds (N07)


def test_TC_N_20_N07_FR_02_N07_FR_06_N07_FR_07_N07_FR_16_N07_FR_17_power_passes_both_thresholds(
    bench: Bench,
) -> None:
    upper = monitor(bench, "EVSE:1.Power", "UpperThreshold", 1000, severity=5)
    bench.do("plug-in")
    bench.do("authorize")
    calls = bench.sent()
    (message,) = [payload for action, payload in calls if action == "NotifyEvent"]
    started = next(p for action, p in calls if action == "TransactionEvent")["transactionInfo"]
    assert (message["seqNo"], message["tbc"]) == (0, False)
    (event,) = message["eventData"]
    assert event == {
        "eventId": event["eventId"],
        "timestamp": "2025-01-01T10:00:00.000Z",
        "trigger": "Alerting",
        "actualValue": "11000.0",
        "cleared": False,
        "transactionId": started["transactionId"],
        "variableMonitoringId": upper,
        "eventNotificationType": "CustomMonitor",
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
    }
    lower = monitor(bench, "EVSE:1.Power", "LowerThreshold", 10)
    assert events(bench) == []
    bench.do("stop")
    found = events(bench)
    assert [(it["variableMonitoringId"], it["cleared"]) for it in found] == [(upper, True), (lower, False)]
    assert {it["actualValue"] for it in found} == {"0.0"}
    assert {it["transactionId"] for it in found} == {started["transactionId"]}


@pytest.mark.parametrize(
    ("kind", "limit", "on_it", "beyond"),
    [("UpperThreshold", 60, 60, 61), ("LowerThreshold", 40, 40, 39)],
)
def test_N07_FR_02_N07_FR_16_N07_FR_17_beyond_the_threshold_and_not_on_it_once_an_excursion(
    fan: Bench, kind: str, limit: float, on_it: int, beyond: int
) -> None:
    monitor(fan, "Fan.Speed", kind, limit)
    fan.set("Fan.Speed", on_it)
    assert story(fan) == []
    fan.set("Fan.Speed", beyond)
    fan.set("Fan.Speed", beyond)
    fan.set("TxCtrlr.EVConnectionTimeOut", 90)
    fan.advance(600)
    assert story(fan) == [f"Alerting {beyond}"]
    fan.set("Fan.Speed", on_it)
    fan.set("Fan.Speed", 50)
    assert story(fan) == [f"Alerting {on_it} cleared"]
    fan.set("Fan.Speed", beyond)
    assert story(fan) == [f"Alerting {beyond}"]


def test_N07_FR_16_a_threshold_that_is_passed_when_it_is_set_alerts_after_the_answer(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=40)
    assert fan.frames[-2][0] == 3
    assert fan.frames[-1][2] == "NotifyEvent"
    assert story(fan) == ["Alerting 50"]


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("UpperThreshold", 80, ["Alerting 70 cleared"]),
        ("UpperThreshold", 65, []),
        ("LowerThreshold", 65, ["Alerting 70 cleared"]),
        ("LowerThreshold", 75, ["Alerting 70"]),
        ("Delta", 1, []),
    ],
)
def test_TC_N_51_N07_FR_11_a_replaced_monitor_is_looked_at_anew(
    fan: Bench, kind: str, value: float, told: list[str]
) -> None:
    number = monitor(fan, "Fan.Speed", value=60)
    fan.set("Fan.Speed", 70)
    fan.forget()
    monitor(fan, "Fan.Speed", kind, value, id=number)
    assert story(fan) == told


def test_TC_N_51_N07_FR_11_and_alerts_where_the_new_threshold_is_passed(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed", value=60)
    monitor(fan, "Fan.Speed", value=45, id=number)
    (event,) = events(fan)
    assert (event["variableMonitoringId"], event["cleared"]) == (number, False)


def test_TC_N_52_N07_FR_12_a_monitor_that_is_removed_clears_nothing(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed", value=40)
    fan.forget()
    assert clear(fan, number) == ["Accepted"]
    fan.set("Fan.Speed", 30)
    assert events(fan) == []


def test_TC_N_53_N07_FR_13_a_monitor_is_alive_after_a_reboot(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed", value=60)
    reboot(fan)
    fan.set("Fan.Speed", 70)
    assert [it["variableMonitoringId"] for it in events(fan)] == [number]


def test_N07_FR_14_what_has_returned_over_a_reboot_is_cleared(bench: Bench) -> None:
    monitor(bench, "EVSE:1.Power", value=1000)
    charge(bench)
    bench.advance(10)
    bench.do("power", "OFF")
    bench.drop()
    bench.do("unplug")
    bench.forget()
    bench.do("power", "ON")
    bench.reconnect()
    assert story(bench) == ["Alerting 0.0 cleared"]


def test_N07_FR_14_nothing_is_told_anew_of_what_is_still_passed_after_a_reboot(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=40)
    fan.forget()
    reboot(fan)
    assert events(fan) == []


def test_a_threshold_waits_for_a_value(new_bench: NewBench) -> None:
    parts = (Preset("Fan", "Speed", None, data_type="integer", mutability="ReadWrite"),)
    bench = new_bench(Hardware(presets=parts))
    monitor(bench, "Fan.Speed", "LowerThreshold", 10)
    monitor(bench, "Fan.Speed", "Delta", 1)
    assert events(bench) == []
    bench.set("Fan.Speed", 5)
    assert story(bench) == ["Alerting 5"]


def test_power_that_tapers_off_is_noticed_within_seconds(bench: Bench) -> None:
    monitor(bench, "EVSE:1.Power", "LowerThreshold", 5000)
    charge(bench, soc=79)
    for _ in range(6 * 60 * 60):
        bench.advance(10)
        found = events(bench)
        if found and bench.station.state.evses[0].car.soc > 80:
            break
    (event,) = found
    assert 4900 < float(event["actualValue"]) < 5000


def test_a_monitor_that_watches_nothing_that_drifts_costs_no_timer(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=60)
    monitor(fan, "EVSE:1.Power", value=100)
    assert "monitors" not in fan.state.timers
    charge(fan)
    assert "monitors" in fan.state.timers
    fan.do("unplug")
    assert "monitors" not in fan.state.timers


# Delta (N07)


def test_TC_N_45_TC_N_61_N07_FR_18_a_number_must_change_by_more_than_the_value(fan: Bench) -> None:
    monitor(fan, "OCPPCommCtrlr.OfflineThreshold", "Delta", 1)
    fan.set("OCPPCommCtrlr.OfflineThreshold", 61)
    assert events(fan) == []
    fan.set("OCPPCommCtrlr.OfflineThreshold", 62)
    assert story(fan) == ["Delta 62"]


def test_N07_FR_18_it_counts_from_the_last_event_both_ways(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", "Delta", 5)
    for speed in (54, 56, 60, 51, 50, 44):
        fan.set("Fan.Speed", speed)
    assert story(fan) == ["Delta 56", "Delta 50", "Delta 44"]


def test_N07_FR_18_decimals_are_exact(fan: Bench) -> None:
    monitor(fan, "Fan.Load", "Delta", 0.1)
    fan.set("Fan.Load", 0.4)  # 0.4 - 0.3 > 0.1 for a float
    assert events(fan) == []


def test_TC_N_56_N07_FR_19_of_what_is_no_number_any_change(fan: Bench) -> None:
    number = monitor(fan, "EVSE:1.AvailabilityState", "Delta", 100)
    fan.do("plug-in")
    (event,) = events(fan)
    assert (event["trigger"], event["actualValue"]) == ("Delta", "Occupied")
    assert event["variableMonitoringId"] == number
    assert "cleared" not in event
    fan.set("Fan.Mode", "auto")
    fan.do("unplug")
    assert story(fan) == ["Delta Available"]


def test_N07_FR_19_a_value_that_stays_the_same_is_no_change(fan: Bench) -> None:
    monitor(fan, "Fan.Mode", "Delta")
    fan.set("Fan.Mode", "auto")
    fan.set("Fan.Mode", "auto")
    assert events(fan) == []
    fan.set("Fan.Mode", "manual")
    assert story(fan) == ["Delta manual"]


@pytest.fixture
def aimed(new_bench: NewBench) -> Bench:
    """A fan whose speed has a target, of 50, and a CSMS of OCPP 2.1."""
    return new_bench(AIMED, protocol=OCPP_21)


@pytest.mark.parametrize(("kind", "value"), [("TargetDelta", 5), ("TargetDeltaRelative", 0.1)])
def test_N07_a_TargetDelta_tells_once_that_the_target_is_missed(
    aimed: Bench, kind: str, value: float
) -> None:
    number = monitor(aimed, "Fan.Speed", kind, value)
    for speed in (55, 56, 90, 45, 44):
        aimed.set("Fan.Speed", speed)
    found = events(aimed)
    assert [(it["trigger"], it["actualValue"]) for it in found] == [("Delta", "56"), ("Delta", "44")]
    assert {it["variableMonitoringId"] for it in found} == {number}


def test_N07_a_TargetDelta_follows_its_target(aimed: Bench) -> None:
    monitor(aimed, "Fan.Speed", "TargetDeltaRelative", 0.5)
    aim = {**place("Fan.Speed"), "attributeType": "Target"}
    for target in ("40", "30", "10"):
        aimed.csms("SetVariables", {"setVariableData": [{**aim, "attributeValue": target}]})
    assert story(aimed) == ["Delta 50"]


def test_N07_a_TargetDelta_of_a_transaction_waits_for_one(aimed: Bench) -> None:
    monitor(aimed, "Fan.Speed", "TargetDelta", 5, transaction=True)
    aimed.set("Fan.Speed", 60)
    assert events(aimed) == []
    aimed.do("plug-in")
    aimed.do("authorize", id_token="04A2B3C4")
    assert story(aimed) == ["Delta 60"]


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("Fan.Load", 1, "UnsupportedMonitorType"),  # without a target
        ("Fan.Mode", 1, "UnsupportedMonitorType"),
        ("Fan.Speed", -1, "Rejected ValuePositiveOnly"),
    ],
)
def test_N04_a_TargetDelta_needs_a_target(aimed: Bench, name: str, value: float, answer: str) -> None:
    for kind in ("TargetDelta", "TargetDeltaRelative"):
        assert status(aimed, name, kind, value) == answer


def test_N02_FR_13_the_criterion_of_a_Delta_means_one_to_the_target_too(aimed: Bench) -> None:
    monitor(aimed, "Fan.Speed", "TargetDelta", 5)
    monitor(aimed, "Fan.Speed", "UpperThreshold", 60)
    found = report(aimed, "DeltaMonitoring")
    assert [it["type"] for it in found] == ["TargetDelta"]  # type: ignore[index]


def test_N04_FR_12_one_to_the_target_that_becomes_a_threshold_has_alerted_nothing(aimed: Bench) -> None:
    number = monitor(aimed, "Fan.Speed", "TargetDelta", 5)
    aimed.set("Fan.Speed", 60)
    assert story(aimed) == ["Delta 60"]
    monitor(aimed, "Fan.Speed", "UpperThreshold", 70, id=number)
    aimed.set("Fan.Speed", 61)
    assert events(aimed) == []


def test_a_Delta_of_times_is_in_seconds(fan: Bench) -> None:
    monitor(fan, "Fan.Since", "Delta", 60)
    fan.set("Fan.Since", "2025-01-01T00:01:00Z")
    fan.set("Fan.Since", "2025-01-01T01:01:00+01:00")
    assert events(fan) == []
    fan.set("Fan.Since", "2025-01-01T00:01:01Z")
    assert story(fan) == ["Delta 2025-01-01T00:01:01Z"]


def test_a_Delta_on_the_clock_is_told_in_time(bench: Bench) -> None:
    monitor(bench, "ClockCtrlr.DateTime", "Delta", 60)
    bench.advance(190)
    assert [it["timestamp"][14:19] for it in events(bench)] == ["01:05", "02:10"]


def test_a_Delta_counts_anew_after_a_reboot(new_bench: NewBench) -> None:
    bench = new_bench(FAN)
    monitor(bench, "EVSE:1.AvailabilityState", "Delta")
    monitor(bench, "Fan.Speed", "Delta", 5)
    bench.set("Fan.Speed", 54)
    bench.do("power", "OFF")
    bench.drop()
    bench.do("plug-in")
    bench.do("power", "ON")
    bench.forget()
    bench.reconnect()
    bench.set("Fan.Speed", 59)
    assert events(bench) == []
    bench.set("Fan.Speed", 60)
    bench.do("unplug")
    assert story(bench) == ["Delta 60", "Delta Available"]


def test_TC_N_48_N07_FR_10_a_secret_is_not_told(fan: Bench) -> None:
    monitor(fan, "Fan.Key", "Delta")
    fan.set("Fan.Key", "very-secret-1")
    (event,) = events(fan)
    assert event["actualValue"] == ""
    assert "very-secret" not in repr(fan.state.monitors)
    fan.set("Fan.Key", "very-secret-1")
    assert events(fan) == []
    fan.set("Fan.Key", "very-secret-2")
    assert story(fan) == ["Delta "]


def test_TC_N_48_N07_FR_10_a_new_password_is_told_of_and_not_told(bench: Bench) -> None:
    monitor(bench, "SecurityCtrlr.BasicAuthPassword", "Delta")
    bench.forget()
    bench.set("SecurityCtrlr.BasicAuthPassword", "only-for-tests-0002")
    assert story(bench) == ["Delta "]
    assert "only-for-tests" not in repr(bench.state.monitors)


# Periodic (N08)


def test_TC_N_24_N08_FR_04_N08_FR_05_N08_FR_06_from_the_moment_of_setting(fan: Bench) -> None:
    fan.advance(7)
    number = monitor(fan, "Fan.Speed", "Periodic", 30)
    fan.advance(29)
    assert events(fan) == []
    fan.advance(1)
    (message,) = fan.sent("NotifyEvent")
    assert message["seqNo"] == 0
    (event,) = message["eventData"]
    assert (event["trigger"], event["actualValue"]) == ("Periodic", "50")
    assert (event["variableMonitoringId"], event["timestamp"]) == (number, "2025-01-01T10:00:37.000Z")
    fan.advance(65)
    assert [it["timestamp"][14:19] for it in events(fan)] == ["01:07", "01:37"]


def test_N08_FR_05_N08_FR_07_at_the_multiples_of_the_clock(fan: Bench) -> None:
    fan.advance(427)
    monitor(fan, "Fan.Speed", "PeriodicClockAligned", 900)
    fan.advance(1800)
    found = events(fan)
    assert [it["timestamp"][11:] for it in found] == ["10:15:00.000Z", "10:30:00.000Z"]
    assert {it["trigger"] for it in found} == {"Periodic"}


def test_N08_FR_07_the_clock_is_the_CSMS_s(new_bench: NewBench) -> None:
    bench = new_bench(FAN)
    bench.answers["Heartbeat"] = {"currentTime": "2025-01-01T10:10:00.400Z"}
    bench.do("heartbeat")
    monitor(bench, "Fan.Speed", "PeriodicClockAligned", 900)
    bench.answers["Heartbeat"] = {"currentTime": "2025-01-01T10:00:00Z"}
    bench.advance(240)
    assert events(bench) == []
    bench.advance(100)
    assert [it["timestamp"][11:] for it in events(bench)] == ["10:15:00.000Z"]


def test_N08_FR_07_a_clock_that_is_set_back_delays_nothing_for_long(new_bench: NewBench) -> None:
    bench = new_bench(FAN)
    monitor(bench, "Fan.Speed", "PeriodicClockAligned", 60)
    bench.answers["Heartbeat"] = {"currentTime": "2025-01-01T05:00:30Z"}
    bench.do("heartbeat")
    bench.advance(90)
    assert [it["timestamp"][11:] for it in events(bench)] == ["05:01:00.000Z", "05:02:00.000Z"]


def test_N08_FR_06_what_was_missed_without_power_is_not_made_up_for(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", "Periodic", 30)
    fan.do("power", "OFF")
    fan.drop()
    fan.advance(100)
    fan.do("power", "ON")
    fan.forget()
    fan.reconnect()
    fan.forget()
    fan.advance(25)
    assert [it["timestamp"][14:19] for it in events(fan)] == ["02:00"]


def test_N08_FR_03_offline_periods_wait_where_they_are_severe_enough(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", "Periodic", 30, severity=4)
    monitor(fan, "Fan.Load", "Periodic", 30, severity=5)
    fan.drop()
    fan.advance(70)
    fan.reconnect()
    assert [(it["variable"]["name"], it["timestamp"][14:19]) for it in events(fan)] == [
        ("Speed", "00:30"),
        ("Speed", "01:00"),
    ]


def test_N07_FR_15_a_period_above_the_level_is_not_told(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", "Periodic", 30, severity=8)
    level(fan, 7)
    fan.advance(100)
    level(fan, 9)
    assert events(fan) == []
    fan.advance(20)
    assert story(fan) == ["Periodic 50"]


def test_a_period_may_be_changed(fan: Bench) -> None:
    number = monitor(fan, "Fan.Speed", "Periodic", 3600)
    monitor(fan, "Fan.Speed", "Periodic", 10, id=number)
    fan.advance(20)
    assert len(events(fan)) == 2


# With transactions only


def test_a_monitor_for_transactions_is_active_in_one_only(bench: Bench) -> None:
    monitor(bench, "Connector:1:1.AvailabilityState", "Delta", transaction=True)
    monitor(bench, "EVSE:1.Power", "Periodic", 10, transaction=True)
    monitor(bench, "ChargingStation.AvailabilityState", "Periodic", 10, severity=3, transaction=True)
    bench.advance(30)
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative"})
    bench.csms("ChangeAvailability", {"operationalStatus": "Operative"})
    assert events(bench) == []
    bench.do("plug-in")
    assert story(bench) == ["Delta Occupied"]
    bench.advance(10)
    assert story(bench) == ["Periodic 0.0", "Periodic Occupied"]


def test_a_threshold_for_transactions_alerts_in_one_and_clears_whenever_it_does(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=60, transaction=True)
    fan.set("Fan.Speed", 70)
    assert events(fan) == []
    fan.do("plug-in")
    assert story(fan) == ["Alerting 70"]
    fan.do("unplug")
    assert story(fan) == []
    fan.set("Fan.Speed", 50)
    fan.set("Fan.Speed", 70)
    assert story(fan) == ["Alerting 50 cleared"]


def test_a_transaction_at_another_EVSE_is_another(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse())))
    monitor(bench, "EVSE:1.Power", "Periodic", 10, transaction=True)
    bench.do("plug-in", evse=2)
    bench.advance(20)
    assert events(bench) == []


# When it may be told


def test_TC_N_22_N07_FR_04_what_is_severe_enough_waits_for_the_connection(bench: Bench) -> None:
    bench.set("MonitoringCtrlr.OfflineQueuingSeverity", 4)
    monitor(bench, "EVSE:1.AvailabilityState", "Delta", severity=4)
    bench.drop()
    bench.do("plug-in")
    bench.advance(10)
    bench.do("unplug")
    bench.reconnect(after=10)
    found = events(bench)
    assert [it["actualValue"] for it in found] == ["Occupied", "Available"]
    assert [it["timestamp"][14:19] for it in found] == ["00:00", "00:10"]


def test_TC_N_23_N07_FR_04_what_is_not_does_not(bench: Bench) -> None:
    bench.set("MonitoringCtrlr.OfflineQueuingSeverity", 4)
    for name in ("EVSE:1", "Connector:1:1"):
        monitor(bench, f"{name}.AvailabilityState", "Delta", severity=5)
    bench.do("plug-in")
    assert [it["actualValue"] for it in events(bench)] == ["Occupied", "Occupied"]
    bench.drop()
    bench.do("unplug")
    bench.do("plug-in")
    bench.advance(10)
    bench.reconnect()
    assert events(bench) == []


def test_N07_remark_back_online_the_CSMS_learns_what_is(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=60, severity=9)
    charge(fan)
    monitor(fan, "EVSE:1.Power", value=1000, severity=9)
    fan.forget()
    fan.drop()
    fan.do("unplug")
    assert events(fan) == []
    fan.reconnect(after=10)
    assert story(fan) == ["Alerting 0.0 cleared"]


def test_nothing_is_told_before_the_CSMS_has_accepted_the_station(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    pending = {"currentTime": "2025-01-01T10:00:00Z", "interval": 10, "status": "Pending"}
    bench.answers["BootNotification"] = pending
    bench.connect()
    bench.settle()
    monitor(bench, "EVSE:1.AvailabilityState", "Delta", severity=4)
    monitor(bench, "Connector:1:1.AvailabilityState", "Delta", severity=9)
    bench.do("plug-in")
    assert events(bench) == []
    bench.answers["BootNotification"] = {**pending, "status": "Accepted"}
    bench.advance(10)
    found = events(bench)
    assert [it["component"]["name"] for it in found] == ["EVSE", "Connector"]


def test_N07_FR_07_the_events_of_one_input_go_in_one_message(fan: Bench) -> None:
    monitor(fan, "Fan.Speed", value=60)
    monitor(fan, "Fan.Speed", "Delta", 1, severity=9)
    monitor(fan, "Fan.Load", value=0.5)
    fan.forget()
    data = [
        {"component": {"name": "Fan"}, "variable": {"name": name}, "attributeValue": value}
        for name, value in (("Speed", "70"), ("Load", "0.6"))
    ]
    fan.csms("SetVariables", {"setVariableData": data})
    (message,) = fan.sent("NotifyEvent")
    assert (message["seqNo"], message["tbc"]) == (0, False)
    assert [it["actualValue"] for it in message["eventData"]] == ["70", "70", "0.6"]


def test_N07_FR_07_the_pages_are_counted(fan: Bench) -> None:
    for kind, value in (("UpperThreshold", 60), ("Delta", 1), ("LowerThreshold", 71)):
        results(fan, *(item("Fan.Speed", kind, value, severity=it) for it in range(10)))
    fan.set("Fan.Speed", 75)
    fan.forget()
    fan.set("Fan.Speed", 50)
    pages = fan.sent("NotifyEvent")
    assert [(it["seqNo"], it["tbc"], len(it["eventData"])) for it in pages] == [
        (0, True, 20),
        (1, False, 10),
    ]
    assert len({data["eventId"] for it in pages for data in it["eventData"]}) == 30


def test_a_monitor_that_the_hardware_brings_says_so(new_bench: NewBench) -> None:
    delivered = (
        Monitor("Fan", "Speed", "UpperThreshold", 60, 4),
        Monitor("Fan", "Speed", "UpperThreshold", 60, 5, hard_wired=True),
    )
    bench = new_bench(replace(FAN, monitors=delivered))
    monitor(bench, "Fan.Speed", value=60, severity=6)
    bench.set("Fan.Speed", 61)
    assert sorted(it["eventNotificationType"] for it in events(bench)) == [
        "CustomMonitor",
        "HardWiredMonitor",
        "PreconfiguredMonitor",
    ]
    base(bench, "HardWiredOnly")
    bench.forget()
    bench.set("Fan.Speed", 50)
    assert [it["eventNotificationType"] for it in events(bench)] == ["HardWiredMonitor"]


def test_a_long_value_is_cut(new_bench: NewBench) -> None:
    bench = new_bench(FAN)
    monitor(bench, "Fan.Mode", "Delta")
    bench.state.variables["Fan.Mode"] = "x" * 3000
    bench.advance(1)
    bench.do("plug-in")
    assert [len(it["actualValue"]) for it in events(bench)] == [2500]


# Random values against what the words of N07 say, one after the other

_SPEEDS = st.lists(st.integers(0, 100), max_size=25)


@settings(max_examples=60, deadline=None)
@given(limit=st.integers(0, 100), speeds=_SPEEDS, kind=st.sampled_from(["UpperThreshold", "LowerThreshold"]))
def test_N07_FR_02_N07_FR_16_N07_FR_17_any_values_pass_a_threshold_as_the_words_say(
    limit: int, speeds: list[int], kind: str
) -> None:
    expected, alarm = [], False
    for speed in [50, *speeds]:
        beyond = speed > limit if kind == "UpperThreshold" else speed < limit
        if beyond and not alarm:
            expected.append(f"Alerting {speed}")
        if alarm and not beyond:
            expected.append(f"Alerting {speed} cleared")
        alarm = beyond
    assert told_of(speeds, kind, limit) == expected


@settings(max_examples=60, deadline=None)
@given(step=st.integers(0, 30), speeds=_SPEEDS)
def test_N07_FR_18_any_values_trigger_a_Delta_as_the_words_say(step: int, speeds: list[int]) -> None:
    expected, last = [], 50
    for speed in speeds:
        if abs(speed - last) > step:
            expected.append(f"Delta {speed}")
            last = speed
    assert told_of(speeds, "Delta", step) == expected


@settings(max_examples=40, deadline=None)
@given(step=st.decimals(0, 2, places=2), loads=st.lists(st.decimals(-3, 3, places=2), max_size=20))
def test_N07_FR_18_any_decimals_trigger_a_Delta_exactly(step: Decimal, loads: list[Decimal]) -> None:
    expected, last = [], Decimal("0.3")
    for load in loads:
        if abs(load - last) > step:
            expected.append(f"Delta {load}")
            last = load
    assert told_of(loads, "Delta", float(step), "Fan.Load") == expected


def told_of(values: list[int] | list[Decimal], kind: str, limit: float, name: str = "Fan.Speed") -> list[str]:
    with bugs_raise():
        bench = Bench(FAN)
        monitor(bench, name, kind, limit)
        for value in values:
            bench.set(name, value)
        return story(bench)


# notify-event


def test_notify_event_is_told_as_it_is_worded(bench: Bench) -> None:
    answer = bench.do(
        "notify-event",
        component="Fan",
        component_instance="Left",
        variable="Speed",
        variable_instance="Max",
        evse=1,
        connector=1,
        trigger="Delta",
        actual_value="17",
        cause=3,
        tech_code="F7",
        tech_info="dusty",
        cleared=True,
        transaction_id="abc",
        variable_monitoring_id=8,
        event_notification_type="CustomMonitor",
    )
    assert done(answer) == (True, {"response": {}})
    (message,) = bench.sent("NotifyEvent")
    assert (message["seqNo"], message["tbc"]) == (0, False)
    assert message["eventData"] == [
        {
            "eventId": 1,
            "timestamp": "2025-01-01T10:00:00.000Z",
            "trigger": "Delta",
            "actualValue": "17",
            "cause": 3,
            "techCode": "F7",
            "techInfo": "dusty",
            "cleared": True,
            "transactionId": "abc",
            "variableMonitoringId": 8,
            "eventNotificationType": "CustomMonitor",
            "component": {
                "name": "Fan",
                "instance": "Left",
                "evse": {"id": 1, "connectorId": 1},
            },
            "variable": {"name": "Speed", "instance": "Max"},
        }
    ]


def test_notify_event_needs_component_and_variable_alone(bench: Bench) -> None:
    assert refusal(bench.do("notify-event", component="Fan")) == "missing_argument"
    assert refusal(bench.do("notify-event", "ON")) == "missing_argument"
    assert done(bench.do("notify-event", component="Fan", variable="Speed"))[0]
    (event,) = events(bench)
    assert set(event) == {
        "eventId",
        "timestamp",
        "trigger",
        "actualValue",
        "eventNotificationType",
        "component",
        "variable",
    }
    assert event["component"] == {"name": "Fan"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"component": ""},
        {"component": "x" * 51},
        {"trigger": "Sometimes"},
        {"severity": 10},
        {"cause": -1},
        {"cause": 2**40},
        {"tech_info": "x" * 501},
        {"actual_value": "x" * 2501},
        {"transaction_id": "x" * 37},
    ],
)
def test_notify_event_refuses_what_fits_no_event(bench: Bench, wrong: Json) -> None:
    said: Json = {"component": "Fan", "variable": "Speed"} | wrong
    assert refusal(bench.do("notify-event", **said)) == "invalid_argument"
    assert events(bench) == []


def test_notify_event_for_an_evse_that_is_not(bench: Bench) -> None:
    assert refusal(bench.do("notify-event", component="Fan", variable="x", evse=2)) == "unknown_evse"


def test_notify_event_answers_when_the_CSMS_has(bench: Bench) -> None:
    bench.silent = {"NotifyEvent"}
    assert bench.do("notify-event", component="Fan", variable="Speed") is None
    bench.receive([4, bench.frames[-1][1], "NotSupported", "no", {}])
    assert refusal(bench.late_answer()) == "csms_error"


def test_notify_event_and_a_CSMS_that_fails(bench: Bench) -> None:
    bench.answers["NotifyEvent"] = CallError("InternalError", "no")
    assert refusal(bench.do("notify-event", component="Fan", variable="Speed")) == "csms_error"


def test_N07_FR_04_notify_event_waits_offline_where_it_is_severe_enough(bench: Bench) -> None:
    bench.drop()
    answer = bench.do("notify-event", component="Fan", variable="Speed", severity=4)
    assert done(answer) == (True, {"event_id": 1, "queued": True})
    assert refusal(bench.do("notify-event", component="Fan", variable="Load")) == "not_connected"
    bench.reconnect()
    assert [it["variable"]["name"] for it in events(bench)] == ["Speed"]


def test_N07_FR_15_notify_event_keeps_to_the_level(bench: Bench) -> None:
    level(bench, 4)
    assert refusal(bench.do("notify-event", component="Fan", variable="Speed")) == "invalid_state"
    assert done(bench.do("notify-event", component="Fan", variable="Speed", severity=4))[0]


def test_notify_event_needs_power(bench: Bench) -> None:
    bench.do("power", "OFF")
    assert refusal(bench.do("notify-event", component="Fan", variable="Speed")) == "invalid_state"


def test_stations_without_monitors_keep_nothing(bench: Bench) -> None:
    assert bench.state.monitors == []
    assert "monitors" not in bench.state.timers


def test_with_QueueAllMessages_every_event_waits(fan: Bench) -> None:
    fan.set("OCPPCommCtrlr.QueueAllMessages", True)
    monitor(fan, "Fan.Speed", "Periodic", 10, severity=9)
    fan.drop()
    fan.advance(25)
    fan.reconnect()
    assert [it["timestamp"][14:19] for it in events(fan)] == ["00:10", "00:20"]
