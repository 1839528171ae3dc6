"""G. Availability: cables, statuses, faults, Heartbeat and ChangeAvailability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.faults import DEFECTS
from ocppd.core.station import Answer
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets

NewBench = Callable[..., Bench]
QUIET = with_presets(Hardware(), SampledDataCtrlr__TxUpdatedInterval="0")
# EVSE 1 has one connector, EVSE 2 has two.
TWO_EVSES = with_presets(
    Hardware(evses=(Evse(), Evse(connectors=(Connector(), Connector("sType2"))))),
    SampledDataCtrlr__TxUpdatedInterval="0",
)


@pytest.fixture
def two(new_bench: NewBench) -> Bench:
    return new_bench(TWO_EVSES)


def told(bench: Bench) -> list[tuple[int, int, str]]:
    """The StatusNotifications since the last time, as (EVSE, connector, status)."""
    return [
        (it["evseId"], it["connectorId"], it["connectorStatus"]) for it in bench.sent("StatusNotification")
    ]


def done(answer: Answer | None) -> tuple[bool, Json]:
    """Whether a command has changed something, and its result."""
    assert answer is not None
    assert answer.done is not None, answer.error
    assert not callable(answer.done.result)
    return answer.done.changed, dict(answer.done.result)


def refusal(answer: Answer | None) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code


def change(bench: Bench, status: str, evse: int | None = None, connector: int | None = None) -> str:
    """The answer to a ChangeAvailability."""
    place = {"id": evse} | ({} if connector is None else {"connectorId": connector})
    request = {"operationalStatus": status} | ({} if evse is None else {"evse": place})
    answer: str = bench.csms("ChangeAvailability", request)["status"]
    return answer


def value(bench: Bench, component: str, variable: str, evse: int = 1, connector: int = 1) -> str:
    item = {
        "component": {"name": component, "evse": {"id": evse, "connectorId": connector}},
        "variable": {"name": variable},
    }
    answer = bench.csms("GetVariables", {"getVariableData": [item]})
    found: str = answer["getVariableResult"][0]["attributeValue"]
    return found


def reboot(bench: Bench) -> None:
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(1)
    bench.drop()
    bench.forget()
    bench.reconnect(after=5)


# Cables


def test_TC_G_01_TC_G_02_G01_FR_01_G01_FR_03_G01_FR_04_plug_in_and_unplug(bench: Bench) -> None:
    assert done(bench.do("plug-in")) == (True, {})
    assert told(bench) == [(1, 1, "Occupied")]
    assert done(bench.do("unplug")) == (True, {})
    assert told(bench) == [(1, 1, "Available")]
    assert [event.name for event in bench.events if event.connector] == [
        "connector_status",
        "plugged_in",
        "connector_status",
        "unplugged",
    ]


def test_a_status_is_an_event_with_before_and_after(bench: Bench) -> None:
    bench.do("plug-in", request_id="a1")
    (event,) = bench.happened_since("connector_status")
    assert event.data == {"before": {"status": "Available"}, "after": {"status": "Occupied"}}
    assert (event.cause, event.request_id, event.evse, event.connector) == ("mqtt:plug-in", "a1", 1, 1)


def test_G01_FR_08_the_other_connectors_of_the_EVSE_are_not_told(two: Bench) -> None:
    two.do("plug-in", evse=2, connector=2)
    assert told(two) == [(2, 2, "Occupied")]


def test_plug_in_and_unplug_may_come_twice(bench: Bench) -> None:
    assert done(bench.do("unplug")) == (False, {})
    bench.do("plug-in")
    bench.forget()
    assert done(bench.do("plug-in")) == (False, {})
    assert bench.sent() == []
    assert bench.events == []


def test_toggle_does_the_other_of_the_two(bench: Bench) -> None:
    for status in ("Occupied", "Available", "Occupied"):
        bench.do("plug-in", "TOGGLE")
        assert told(bench) == [(1, 1, status)]


def test_plug_in_OFF_unplugs(bench: Bench) -> None:
    bench.do("plug-in", "ON")
    bench.do("plug-in", "OFF")
    assert told(bench) == [(1, 1, "Occupied"), (1, 1, "Available")]


def test_an_EVSE_serves_one_cable_at_a_time(two: Bench) -> None:
    two.do("plug-in", evse=2, connector=1)
    assert refusal(two.do("plug-in", evse=2, connector=2)) == "invalid_state"
    assert done(two.do("plug-in", evse=1, connector=1)) == (True, {})


def test_the_car_is_the_one_that_was_named(bench: Bench) -> None:
    bench.do("plug-in", ev={"soc": 55, "phases": 1})
    _, state = done(bench.do("get"))
    assert state["evses"][0]["meter"]["soc"] == 55
    bench.do("ev", "80")
    _, state = done(bench.do("get"))
    assert state["evses"][0]["meter"]["soc"] == 80


@pytest.mark.parametrize(
    "car", [{"soc": 101}, {"sco": 5}, {"capacity_wh": 0}, {"capacity_wh": "inf"}, {"phases": 4}, "car"]
)
def test_a_car_that_cannot_be_is_refused(bench: Bench, car: Any) -> None:
    assert refusal(bench.do("plug-in", ev=car)) == "invalid_argument"
    assert bench.sent() == []


def test_ev_needs_a_car_and_something_to_change(bench: Bench) -> None:
    assert refusal(bench.do("ev", "50")) == "invalid_state"
    bench.do("plug-in")
    assert refusal(bench.do("ev")) == "missing_argument"


# StatusNotification


def test_TC_F_23_TC_F_24_a_triggered_status_is_that_of_now(two: Bench) -> None:
    two.do("plug-in", evse=2, connector=1)
    two.forget()
    request = {"requestedMessage": "StatusNotification", "evse": {"id": 2, "connectorId": 1}}
    assert two.csms("TriggerMessage", request) == {"status": "Accepted"}
    assert told(two) == [(2, 1, "Occupied")]


@pytest.mark.parametrize("place", [None, {"id": 1}, {"id": 9, "connectorId": 1}, {"id": 1, "connectorId": 9}])
def test_F06_FR_12_a_status_of_no_connector_is_rejected(bench: Bench, place: Json | None) -> None:
    request = {"requestedMessage": "StatusNotification"} | ({"evse": place} if place else {})
    assert bench.csms("TriggerMessage", request)["status"] == "Rejected"
    assert bench.sent() == []


def test_a_status_tells_the_stations_own_time(bench: Bench) -> None:
    bench.advance(1.5)
    bench.do("plug-in")
    assert bench.sent("StatusNotification")[0]["timestamp"] == "2025-01-01T10:00:01.500Z"


# Faults


@pytest.mark.parametrize("code", DEFECTS)
def test_each_fault_shows_in_status_event_and_device_model(bench: Bench, code: str) -> None:
    defect = DEFECTS[code]
    assert value(bench, defect.component, defect.variable) == "false"
    assert done(bench.do("fault", code.lower())) == (True, {})
    sent = bench.sent()
    assert sent[0][1]["connectorStatus"] == "Faulted"
    (data,) = sent[1][1]["eventData"]
    assert data["component"] == {"name": defect.component, "evse": {"id": 1, "connectorId": 1}}
    assert data["variable"] == {"name": defect.variable}
    assert (data["trigger"], data["actualValue"], data["cleared"]) == ("Alerting", "true", False)
    assert data["techCode"] == code
    assert value(bench, defect.component, defect.variable) == "true"
    bench.do("clear-fault")
    assert value(bench, defect.component, defect.variable) == "false"


@pytest.mark.parametrize(
    ("alias", "code"), [("GroundFailure", "GroundFault"), ("OVERCURRENT", "OverCurrentFailure")]
)
def test_a_fault_has_names_of_old(bench: Bench, alias: str, code: str) -> None:
    bench.do("fault", alias)
    assert bench.happened_since("fault")[0].data["code"] == code
    assert done(bench.do("clear-fault", alias)) == (True, {})


def test_G05_FR_02_a_lock_failure_is_an_event_of_the_lock(bench: Bench) -> None:
    bench.do("fault", "ConnectorLockFailure")
    (event,) = bench.sent("NotifyEvent")
    assert event["eventData"][0]["component"]["name"] == "ConnectorPlugRetentionLock"
    assert event["eventData"][0]["variable"] == {"name": "Problem"}


def test_a_fault_of_ones_own_names_its_component(bench: Bench) -> None:
    bench.do("fault", code="Rats", component="Fan", severity=2, info="they bite")
    (event,) = bench.sent("NotifyEvent")
    assert event["eventData"][0]["component"]["name"] == "Fan"
    assert event["eventData"][0]["techCode"] == "Rats"
    assert event["eventData"][0]["techInfo"] == "they bite"
    assert bench.happened_since("fault")[0].data["severity"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"code": "Rats"},
        {"code": "Rats", "component": ""},
        {"code": "Rats", "component": "x" * 51},
        {"code": "GroundFault", "severity": 10},
        {"code": "GroundFault", "for_s": 0},
    ],
)
def test_a_fault_that_cannot_be_told_is_refused(bench: Bench, arguments: Json) -> None:
    assert refusal(bench.do("fault", **arguments)) == "invalid_argument"
    assert bench.sent() == []


def test_an_unknown_fault_names_the_nearest(bench: Bench) -> None:
    answer = bench.do("fault", "GroundFalt")
    assert answer is not None
    assert "'GroundFault'" in str(answer.error)
    assert refusal(bench.do("fault")) == "missing_argument"


def test_a_long_code_and_a_long_info_are_cut_to_what_OCPP_takes(bench: Bench) -> None:
    bench.do("fault", code="x" * 600, component="Fan", info="y" * 600)
    (event,) = bench.sent("NotifyEvent")
    assert len(event["eventData"][0]["techCode"]) == 50
    assert len(event["eventData"][0]["techInfo"]) == 500


def test_a_fault_ends_with_OFF_or_by_its_name(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    bench.do("fault", "HighTemperature")
    bench.forget()
    assert done(bench.do("clear-fault", "groundfault")) == (True, {})
    assert told(bench) == []  # the other one lasts
    assert done(bench.do("fault", "OFF")) == (True, {})
    assert told(bench) == [(1, 1, "Available")]
    assert [event.data["code"] for event in bench.happened_since("fault_cleared")] == [
        "GroundFault",
        "HighTemperature",
    ]


def test_a_cleared_fault_is_told_with_its_own_event(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    bench.do("clear-fault")
    first, last = (event["eventData"][0] for event in bench.sent("NotifyEvent"))
    assert (last["actualValue"], last["cleared"]) == ("false", True)
    assert last["component"] == first["component"]
    assert last["eventId"] != first["eventId"]


def test_of_two_faults_of_one_part_the_last_clears_it(bench: Bench) -> None:
    bench.do("fault", "OverVoltage")
    bench.do("fault", "UnderVoltage")
    bench.forget()
    bench.do("clear-fault", "OverVoltage")
    assert bench.sent("NotifyEvent") == []
    assert value(bench, "ElectricalFeed", "Problem") == "true"
    bench.do("clear-fault", "UnderVoltage")
    assert [event["eventData"][0]["cleared"] for event in bench.sent("NotifyEvent")] == [True]


@pytest.mark.parametrize("command", [("fault", "GroundFault"), ("clear-fault", "WeakSignal")])
def test_a_fault_comes_and_goes_once(bench: Bench, command: tuple[str, str]) -> None:
    bench.do("fault", "GroundFault")
    bench.forget()
    assert done(bench.do(*command)) == (False, {})
    assert bench.sent() == []


@pytest.mark.parametrize("word", ["off", "0", "False", "NO"])
def test_every_word_for_off_clears_all_faults(bench: Bench, word: str) -> None:
    bench.do("fault", "GroundFault")
    assert done(bench.do("fault", word)) == (True, {})
    assert bench.state.evses[0].connectors[0].faults == []


def test_a_connector_has_so_many_faults_and_no_more(bench: Bench) -> None:
    for number in range(20):
        assert done(bench.do("fault", code=f"Rats{number}", component="Fan"))[0]
    assert refusal(bench.do("fault", code="Mice", component="Fan")) == "invalid_state"
    assert done(bench.do("fault", code="Rats3", component="Fan")) == (False, {})
    assert len(bench.state.evses[0].connectors[0].faults) == 20


IMPOSSIBLE = [
    ("capacity_wh", 0.9),
    ("capacity_wh", 1e308),
    ("max_w", 5e-324),
    ("max_w", 1.1e7),
    ("max_a", -1),
    ("max_a", 1.1e5),
]


@pytest.mark.parametrize(("name", "number"), IMPOSSIBLE)
def test_a_car_whose_charging_could_not_be_computed_is_refused(
    bench: Bench, name: str, number: float
) -> None:
    assert refusal(bench.do("plug-in", ev={name: number})) == "invalid_argument"
    bench.do("plug-in")
    assert refusal(bench.do("ev", "", **{name: number})) == "invalid_argument"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_state_of_charge_is_a_number(bench: Bench, text: str) -> None:
    bench.do("plug-in")
    assert refusal(bench.do("ev", text)) == "invalid_argument"


def test_a_car_is_ready_within_days(bench: Bench) -> None:
    assert refusal(bench.do("plug-in", ev={"ready_delay_s": 1e7})) == "invalid_argument"


def test_a_fault_heals_after_for_s(bench: Bench) -> None:
    bench.do("fault", code="GroundFault", for_s=10)
    bench.do("fault", code="HighTemperature", for_s=20)
    bench.do("fault", code="WeakSignal")
    bench.forget()
    for seconds, codes in ((9.9, []), (0.1, ["GroundFault"]), (10, ["HighTemperature"]), (3600, [])):
        bench.advance(seconds)
        assert [event.data["code"] for event in bench.happened_since("fault_cleared")] == codes
        bench.forget()


def test_a_faulted_connector_takes_no_cable(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    assert refusal(bench.do("plug-in")) == "invalid_state"


def test_a_fault_stays_with_its_connector(two: Bench) -> None:
    two.do("fault", evse=2, connector=1, code="GroundFault")
    assert told(two) == [(2, 1, "Faulted")]
    assert value(two, "GroundIsolationProtection", "Tripped", 2, 2) == "false"


def test_a_fault_outlasts_a_reboot(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    reboot(bench)
    assert told(bench) == [(1, 1, "Faulted")]


@pytest.mark.parametrize(("severity", "arrives"), [(4, True), (5, False)])
def test_N07_FR_04_offline_a_fault_waits_if_it_is_severe_enough(
    bench: Bench, severity: int, arrives: bool
) -> None:
    bench.drop()
    bench.do("fault", code="GroundFault", severity=severity)
    bench.reconnect(after=5)
    assert bool(bench.sent("NotifyEvent")) is arrives


# Heartbeat (G02)


def test_G02_FR_01_G02_FR_02_a_heartbeat_comes_every_interval(bench: Bench) -> None:
    bench.advance(299)
    assert bench.sent() == []
    bench.advance(1)
    assert bench.sent() == [("Heartbeat", {})]
    bench.advance(600)
    assert len(bench.sent("Heartbeat")) == 2


def test_G02_FR_05_another_message_restarts_the_interval(bench: Bench) -> None:
    bench.advance(200)
    bench.do("fault", "WeakSignal")
    bench.forget()
    bench.advance(299)
    assert bench.sent() == []
    bench.advance(1)
    assert bench.sent() == [("Heartbeat", {})]


def test_G02_FR_02_a_changed_interval_counts_at_once(bench: Bench) -> None:
    bench.advance(100)
    bench.set("OCPPCommCtrlr.HeartbeatInterval", 20)
    bench.advance(20)
    assert bench.sent() == [("Heartbeat", {})]


def test_another_variable_does_not_restart_the_interval(bench: Bench) -> None:
    bench.advance(200)
    bench.set("OCPPCommCtrlr.OfflineThreshold", 20)
    bench.advance(100)
    assert bench.sent() == [("Heartbeat", {})]


def test_G02_FR_06_the_clock_follows_the_heartbeat(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": "2031-01-01T00:00:00Z"}
    bench.do("heartbeat")
    bench.advance(5)
    bench.do("fault", "WeakSignal")
    assert bench.sent("StatusNotification")[0]["timestamp"] == "2031-01-01T00:00:05.000Z"


def test_G02_FR_07_other_messages_do_not_keep_the_clock_from_the_CSMS_for_more_than_a_day(
    bench: Bench,
) -> None:
    for _ in range(25):
        for _ in range(15):
            bench.advance(240)
            bench.do("plug-in", "TOGGLE")
    assert len(bench.sent("Heartbeat")) == 1


def test_G02_FR_07_a_station_with_a_clock_of_its_own_needs_no_such_heartbeat(bench: Bench) -> None:
    bench.set("ClockCtrlr.TimeSource", "RealTimeClock")
    for _ in range(25):
        for _ in range(15):
            bench.advance(240)
            bench.do("plug-in", "TOGGLE")
    assert bench.sent("Heartbeat") == []


def test_offline_there_is_no_heartbeat(bench: Bench) -> None:
    bench.drop()
    bench.advance(1000)
    assert bench.sent() == []
    bench.reconnect()
    bench.forget()
    bench.advance(300)
    assert bench.sent() == [("Heartbeat", {})]


def test_TC_F_20_a_heartbeat_is_sent_when_asked_for(bench: Bench) -> None:
    assert bench.csms("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
    assert bench.sent() == [("Heartbeat", {})]


def test_heartbeat_answers_with_the_CSMSs_response(bench: Bench) -> None:
    assert done(bench.do("heartbeat")) == (True, {"response": {"currentTime": "2025-01-01T10:00:00.000Z"}})
    bench.drop()
    assert refusal(bench.do("heartbeat")) == "not_connected"


# ChangeAvailability (G03, G04)

LEVELS = [
    ((), [(1, 1), (2, 1), (2, 2)]),
    ((2,), [(2, 1), (2, 2)]),
    ((2, 1), [(2, 1)]),
]


@pytest.mark.parametrize(("place", "below"), LEVELS, ids=["station", "evse", "connector"])
def test_TC_G_03_TC_G_04_TC_G_05_TC_G_06_TC_G_07_TC_G_08_G01_FR_07_G03_FR_04_G04_FR_05_all_below_change(
    two: Bench, place: tuple[int, ...], below: list[tuple[int, int]]
) -> None:
    assert change(two, "Inoperative", *place) == "Accepted"
    assert told(two) == [(*one, "Unavailable") for one in below]
    assert change(two, "Operative", *place) == "Accepted"
    assert told(two) == [(*one, "Available") for one in below]


@pytest.mark.parametrize("place", [(), (2,), (2, 1)], ids=["station", "evse", "connector"])
@pytest.mark.parametrize("status", ["Operative", "Inoperative"])
def test_TC_G_09_TC_G_10_TC_G_12_TC_G_13_TC_G_15_TC_G_16_G03_FR_03_G04_FR_04_what_is_so_is_accepted(
    two: Bench, place: tuple[int, ...], status: str
) -> None:
    change(two, status, *place)
    two.forget()
    assert change(two, status, *place) == "Accepted"
    assert told(two) == []


@pytest.mark.parametrize("place", [(3,), (1, 2), (2, 3), (-1,), (1, 0), (1, -1)])
def test_G03_FR_02_G04_FR_03_an_unknown_place_is_rejected(two: Bench, place: tuple[int, ...]) -> None:
    assert change(two, "Inoperative", *place) == "Rejected"
    assert told(two) == []


def test_G04_FR_01_evse_0_is_the_station(two: Bench) -> None:
    assert change(two, "Inoperative", 0) == "Accepted"
    assert len(told(two)) == 3


@pytest.mark.parametrize("place", [(), (2,), (2, 1)], ids=["station", "evse", "connector"])
def test_TC_G_11_TC_G_14_TC_G_17_G01_FR_05_G03_FR_05_G04_FR_06_in_a_transaction_it_is_scheduled(
    two: Bench, place: tuple[int, ...]
) -> None:
    two.do("plug-in", evse=2, connector=1)
    two.forget()
    assert change(two, "Inoperative", *place) == "Scheduled"
    idle = {(): [(1, 1, "Unavailable"), (2, 2, "Unavailable")], (2,): [(2, 2, "Unavailable")], (2, 1): []}
    assert told(two) == idle[place]
    two.do("unplug", evse=2, connector=1)
    assert told(two) == [(2, 1, "Unavailable")]


def test_G03_FR_05_a_transaction_that_still_waits_for_its_cable_is_one_too(two: Bench) -> None:
    two.do("authorize", evse=2, id_token="04A2B3C4")
    two.forget()
    assert change(two, "Inoperative", 2) == "Scheduled"
    assert told(two) == []
    two.do("plug-in", evse=2, connector=1)
    assert told(two) == [(2, 1, "Occupied"), (2, 2, "Unavailable")]
    two.do("unplug", evse=2, connector=1)
    assert told(two) == [(2, 1, "Unavailable")]


def test_G03_FR_05_the_other_connector_of_the_EVSE_need_not_wait(two: Bench) -> None:
    two.do("plug-in", evse=2, connector=1)
    two.forget()
    assert change(two, "Inoperative", 2, 2) == "Accepted"
    assert told(two) == [(2, 2, "Unavailable")]


def test_a_scheduled_change_may_be_taken_back(two: Bench) -> None:
    two.do("plug-in", evse=2, connector=1)
    change(two, "Inoperative", 2, 1)
    assert change(two, "Operative", 2, 1) == "Accepted"
    two.forget()
    two.do("unplug", evse=2, connector=1)
    assert told(two) == [(2, 1, "Available")]


def test_G03_FR_07_G04_FR_08_each_level_keeps_its_own_setting(two: Bench) -> None:
    change(two, "Inoperative")
    change(two, "Inoperative", 2)
    change(two, "Inoperative", 2, 1)
    two.forget()
    change(two, "Operative")
    assert told(two) == [(1, 1, "Available")]
    change(two, "Operative", 2)
    assert told(two) == [(2, 2, "Available")]
    change(two, "Operative", 2, 1)
    assert told(two) == [(2, 1, "Available")]


def test_G03_FR_06_G04_FR_07_a_faulted_connector_stays_Faulted(two: Bench) -> None:
    two.do("fault", evse=2, connector=1, code="GroundFault")
    two.forget()
    change(two, "Inoperative", 2)
    assert told(two) == [(2, 2, "Unavailable")]
    two.do("clear-fault", evse=2, connector=1)
    assert told(two) == [(2, 1, "Unavailable")]


def test_a_cable_in_an_Inoperative_connector_counts_when_it_is_Operative_again(two: Bench) -> None:
    change(two, "Inoperative", 2)
    two.forget()
    two.do("plug-in", evse=2, connector=1)
    assert two.sent() == []
    change(two, "Operative", 2)
    sent = two.sent()
    assert [it["connectorStatus"] for action, it in sent if action == "StatusNotification"] == [
        "Occupied",
        "Available",
    ]
    assert [it["eventType"] for action, it in sent if action == "TransactionEvent"] == ["Started"]


@pytest.mark.parametrize(("place", "below"), LEVELS, ids=["station", "evse", "connector"])
def test_TC_G_18_TC_G_19_TC_G_21_G01_FR_02_G03_FR_08_G04_FR_09_the_setting_outlasts_a_reboot(
    two: Bench, place: tuple[int, ...], below: list[tuple[int, int]]
) -> None:
    change(two, "Inoperative", *place)
    reboot(two)
    assert [one[:2] for one in told(two) if one[2] == "Unavailable"] == below
    two.do("power", "OFF")
    two.drop()
    two.do("power", "ON")
    two.forget()
    two.reconnect()
    assert [one[:2] for one in told(two) if one[2] == "Unavailable"] == below


def test_G03_FR_01_G04_FR_02_ChangeAvailability_answers_before_the_statuses(two: Bench) -> None:
    seen = len(two.frames)
    change(two, "Inoperative")
    assert [frame[0] for frame in two.frames[seen:]][:2] == [3, 2]


@pytest.mark.parametrize(
    ("where", "below"),
    [
        ({}, [(1, 1), (2, 1), (2, 2)]),
        ({"evse": 2}, [(2, 1), (2, 2)]),
        ({"evse": 2, "connector": 1}, [(2, 1)]),
    ],
)
def test_the_command_operative_does_the_same(two: Bench, where: Json, below: list[tuple[int, int]]) -> None:
    assert done(two.do("operative", on="OFF", **where)) == (True, {"status": "Accepted"})
    assert told(two) == [(*one, "Unavailable") for one in below]
    assert done(two.do("operative", on="OFF", **where)) == (False, {"status": "Accepted"})
    assert done(two.do("operative", on="TOGGLE", **where)) == (True, {"status": "Accepted"})
    assert told(two) == [(*one, "Available") for one in below]


def test_the_command_operative_may_be_scheduled(bench: Bench) -> None:
    bench.do("plug-in")
    assert done(bench.do("operative", "OFF")) == (True, {"status": "Scheduled"})


# What overlaps


def reserve(bench: Bench, evse: int) -> str:
    theirs = {"idToken": "04A2B3C4", "type": "ISO14443"}
    expires = format_time(bench.clock.now + 600)
    request = {"id": 1, "expiryDateTime": expires, "idToken": theirs, "evseId": evse}
    answer: str = bench.csms("ReserveNow", request)["status"]
    return answer


@pytest.mark.parametrize("faulted", [True, False])
@pytest.mark.parametrize("inoperative", [True, False])
@pytest.mark.parametrize("reserved", [True, False])
@pytest.mark.parametrize("plugged", [True, False])
def test_G01_FR_01_of_several_statuses_the_worst_is_told(
    bench: Bench, faulted: bool, inoperative: bool, reserved: bool, plugged: bool
) -> None:
    if reserved:
        assert reserve(bench, 1) == "Accepted"
    if plugged:
        bench.do("plug-in")
    if inoperative:
        change(bench, "Inoperative", 1, 1)
    if faulted:
        bench.do("fault", "HighTemperature")
    # A reservation is lost with the connector, and a transaction puts Inoperative off until a fault ends it.
    waits = inoperative and plugged and not faulted
    ranks = {"Faulted": faulted, "Unavailable": inoperative and not waits, "Reserved": reserved}
    worst = next((status for status, holds in ranks.items() if holds), "Occupied" if plugged else "Available")
    assert value(bench, "Connector", "AvailabilityState") == worst
    bench.do("clear-fault")
    change(bench, "Operative", 1, 1)
    kept = reserved and not faulted and (waits or not inoperative)
    then = "Reserved" if kept else "Occupied" if plugged else "Available"
    assert value(bench, "Connector", "AvailabilityState") == then


def test_G01_FR_06_G01_FR_09_a_reserved_connector_is_Occupied_by_the_right_token_only(bench: Bench) -> None:
    reserve(bench, 1)
    bench.do("plug-in")
    bench.do("authorize", "BB22")
    assert told(bench) == [(1, 1, "Reserved")]
    bench.do("authorize", "04A2B3C4")
    assert told(bench) == [(1, 1, "Occupied")]


def test_G01_FR_03_a_monitor_tells_of_the_status_besides(bench: Bench) -> None:
    monitor = {
        "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "AvailabilityState"},
        "type": "Delta",
        "value": 1,
        "severity": 4,
    }
    bench.csms("SetVariableMonitoring", {"setMonitoringData": [monitor]})
    bench.do("plug-in")
    (event,) = bench.sent("NotifyEvent")
    (data,) = event["eventData"]
    assert (data["trigger"], data["actualValue"]) == ("Delta", "Occupied")


def test_TC_G_20_G05_FR_01_without_a_lock_nobody_charges(two: Bench) -> None:
    two.do("plug-in", evse=2, connector=2)
    two.do("fault", evse=2, connector=2, code="ConnectorLockFailure")
    assert value(two, "ConnectorPlugRetentionLock", "Problem", 2, 2) == "true"
    assert refusal(two.do("authorize", evse=2, id_token="04A2B3C4")) == "invalid_state"
    two.advance(60)
    place = two.state.evses[1]
    assert (place.meter.energy_wh, place.connectors[1].locked) == (0, False)
    sent = two.sent()
    (event,) = [it["eventData"][0] for action, it in sent if action == "NotifyEvent"]
    assert (event["component"]["name"], event["actualValue"]) == ("ConnectorPlugRetentionLock", "true")
    states = [it["transactionInfo"]["chargingState"] for action, it in sent if action == "TransactionEvent"]
    assert "Charging" not in states


def test_a_status_that_hangs_on_another_EVSE_follows_that(two: Bench) -> None:
    """A reservation of any EVSE keeps the last one that is free."""
    expires = format_time(two.clock.now + 600)
    theirs = {"idToken": "BB22", "type": "ISO14443"}
    assert two.csms("ReserveNow", {"id": 1, "expiryDateTime": expires, "idToken": theirs})["status"]
    two.set("TxCtrlr.TxStartPoint", "EnergyTransfer")  # so that nothing else tells of what follows
    two.do("authorize", evse=1, id_token="04A2B3C4")
    assert told(two) == [(2, 1, "Reserved"), (2, 2, "Reserved")]
    two.do("authorize", evse=1, id_token="04A2B3C4")
    assert told(two) == [(2, 1, "Available"), (2, 2, "Available")]


# The status of what is above a connector


def test_an_EVSE_and_a_station_are_as_available_as_what_is_below(two: Bench) -> None:
    def states() -> list[str]:
        _, state = done(two.do("get"))
        item = {"component": {"name": "ChargingStation"}, "variable": {"name": "AvailabilityState"}}
        answer = two.csms("GetVariables", {"getVariableData": [item]})
        return [
            answer["getVariableResult"][0]["attributeValue"],
            *(evse["status"] for evse in state["evses"]),
        ]

    assert states() == ["Available", "Available", "Available"]
    two.do("plug-in", evse=2, connector=1)
    assert states() == ["Available", "Available", "Occupied"]
    two.do("fault", evse=1, connector=1, code="GroundFault")
    assert states() == ["Faulted", "Faulted", "Occupied"]
    two.do("unplug", evse=2, connector=1)
    change(two, "Inoperative", 2, 1)
    assert states() == ["Available", "Faulted", "Available"]
    change(two, "Inoperative", 2, 2)
    assert states() == ["Faulted", "Faulted", "Unavailable"]
