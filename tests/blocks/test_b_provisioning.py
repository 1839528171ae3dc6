"""B. Provisioning: boot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocppd.core.description import Connector, Evse, Hardware
from tests.bench import Bench, Json, with_presets
from tests.blocks.device_model import item, put, value_of

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


def orders(bench: Bench) -> list[str]:
    """What the link was told to do, but for its pings."""
    return [order.kind for order in bench.orders if order.kind != "ping"]


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


def charging(new_bench: NewBench, hardware: Hardware = QUIET) -> Bench:
    bench = new_bench(hardware)
    bench.do("plug-in", evse=1, connector=1)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.forget()
    return bench


BOOTS: dict[str, Callable[[Bench], object]] = {
    "PowerUp": lambda bench: (bench.do("power", "OFF"), bench.do("power", "ON")),
    "RemoteReset": lambda bench: bench.csms("Reset", {"type": "Immediate"}),
    "LocalReset": lambda bench: bench.do("reset"),
}


@pytest.mark.parametrize("reason", BOOTS)
def test_B01_FR_03_B01_FR_09_each_boot_is_told_with_its_reason(bench: Bench, reason: str) -> None:
    BOOTS[reason](bench)
    bench.advance(1)
    bench.drop()
    bench.reconnect(after=5)
    assert [it["reason"] for it in bench.sent("BootNotification")] == [reason]


@pytest.mark.parametrize("place", [{}, {"id": 1}, {"id": 1, "connectorId": 1}])
def test_B01_FR_07_what_is_Unavailable_stays_so_over_a_power_cut(bench: Bench, place: Json) -> None:
    request = {"operationalStatus": "Inoperative"} | ({"evse": place} if place else {})
    assert bench.csms("ChangeAvailability", request) == {"status": "Accepted"}
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.forget()
    bench.reconnect()
    assert [it["connectorStatus"] for it in bench.sent("StatusNotification")] == ["Unavailable"]


def test_B01_FR_08_nothing_is_sent_before_the_acceptance(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    bench.silent.add("BootNotification")
    bench.connect()
    bench.do("plug-in")
    bench.do("fault", "GroundFault")
    bench.advance(29)
    assert actions(bench) == ["BootNotification"]


def test_TC_B_01_B01_FR_05_accepted_all_statuses_then_the_security_event(new_bench: NewBench) -> None:
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
    bench.answers["BootNotification"] = says("Accepted", 300, "2025-01-01T10:01:00Z")
    bench.advance(60)
    assert actions(bench) == ["BootNotification", "StatusNotification", "SecurityEventNotification"]


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_B02_FR_02_B03_FR_02_nothing_of_the_stations_own_is_sent(new_bench: NewBench, status: str) -> None:
    bench = booting(new_bench, status, 600)
    bench.do("plug-in")
    bench.do("fault", "GroundFault")
    bench.advance(599)
    assert bench.sent() == []


def test_B02_FR_06_the_connection_stays_while_pending(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending", 600)
    for _ in range(4):
        bench.advance(600)
        assert bench.wanted
    assert orders(bench) == []
    assert len(bench.sent("BootNotification")) == 4


@pytest.mark.parametrize("allowed", [True, False])
def test_B03_FR_01_TxBeforeAcceptedEnabled_allows_transactions_of_a_rejected_station(
    new_bench: NewBench, allowed: bool
) -> None:
    before = {"TxCtrlr__TxBeforeAcceptedEnabled": str(allowed).lower()}
    bench = charging(new_bench, with_presets(QUIET, AuthCacheCtrlr__Enabled="true", **before))
    bench.do("unplug")
    bench.answers["BootNotification"] = says("Rejected", 600)
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.reconnect()
    bench.forget()
    bench.do("plug-in")
    bench.do("authorize", "04A2B3C4")  # which is in the cache
    (evse,) = bench.state.evses
    assert (evse.transaction is not None and evse.authorization is not None) is allowed
    assert bench.sent() == []


def test_what_happened_while_pending_is_told_once_accepted(new_bench: NewBench) -> None:
    bench = booting(new_bench, "Pending", 60)
    bench.do("plug-in")
    bench.answers["BootNotification"] = says("Accepted", 300, "2025-01-01T10:01:00Z")
    bench.advance(60)
    sent = bench.sent()
    assert [action for action, _ in sent] == [
        "BootNotification",
        "StatusNotification",
        "SecurityEventNotification",
        "TransactionEvent",
    ]
    assert sent[1][1]["connectorStatus"] == "Occupied"


def test_TC_B_02_B02_FR_01_pending_variables_and_reports_are_served(new_bench: NewBench) -> None:
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
