"""B. Reset of the station and of one EVSE: at once, or when nobody uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ocppd.core.description import Connector, Evse, Hardware, Preset
from ocppd.core.schemas import OCPP_21
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets
from tests.blocks.device_model import value_of
from tests.blocks.profiles import charge

NewBench = Callable[..., Bench]
TOKEN = {"idToken": "04A2B3C4", "type": "ISO14443"}
OTHER = "BB22"
TWO_EVSES = with_presets(
    Hardware(evses=(Evse(), Evse(connectors=(Connector("sType2"), Connector("sType2"))))),
    SampledDataCtrlr__TxUpdatedInterval="0",
)
QUIET = with_presets(Hardware(), SampledDataCtrlr__TxUpdatedInterval="0")
NO_EVSE_RESET = replace(QUIET, presets=(*QUIET.presets, Preset("EVSE", "AllowReset", "false", evse=1)))


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


def charging(new_bench: NewBench, hardware: Hardware = QUIET) -> Bench:
    bench = new_bench(hardware)
    bench.do("plug-in", evse=1, connector=1)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.forget()
    return bench


def reset(bench: Bench, kind: str, evse: int | None = None) -> str:
    """The status of the answer to a Reset."""
    response = bench.csms("Reset", {"type": kind} | ({} if evse is None else {"evseId": evse}))
    status: str = response["status"]
    return status


def told(bench: Bench) -> list[tuple[int, int, str]]:
    """The StatusNotifications since the last time, as (EVSE, connector, status)."""
    return [
        (it["evseId"], it["connectorId"], it["connectorStatus"]) for it in bench.sent("StatusNotification")
    ]


def reserve(bench: Bench, number: int = 1, seconds: float = 600, **more: Any) -> None:
    expires = format_time(bench.clock.now + seconds)
    request: Json = {"id": number, "expiryDateTime": expires, "idToken": TOKEN, **more}
    assert bench.csms("ReserveNow", request) == {"status": "Accepted"}


def start(bench: Bench, evse: int = 1, token: str = OTHER) -> bool:
    """Whether a token that is presented there may charge."""
    answer = bench.do("authorize", evse=evse, id_token=token)
    return answer is not None and answer.error is None


# B11: Reset without a transaction


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_TC_B_20_B11_FR_01_B11_FR_03_B11_FR_04_an_idle_station_reboots(bench: Bench, kind: str) -> None:
    assert bench.csms("Reset", {"type": kind}) == {"status": "Accepted"}
    reboot(bench)
    sent = bench.sent()
    assert [it.get("connectorStatus") for _, it in sent[:3]] == ["Unavailable", None, "Available"]
    assert sent[1] == ("BootNotification", sent[1][1] | {"reason": "RemoteReset"})
    assert sent[3][1]["type"] == "ResetOrReboot"


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


@pytest.mark.parametrize("place", [{}, {"id": 1}, {"id": 1, "connectorId": 1}])
def test_TC_B_23_B11_FR_02_B12_FR_06_what_is_Unavailable_stays_so(bench: Bench, place: Json) -> None:
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


@pytest.mark.parametrize("reason", ["ApplicationReset", "Watchdog"])
def test_a_reset_may_have_another_reason(bench: Bench, reason: str) -> None:
    bench.do("plug-in")
    bench.forget()
    bench.do("reset", reason=reason)
    assert bench.tx()[0]["transactionInfo"]["stoppedReason"] == "Reboot"
    reboot(bench)
    assert bench.sent("BootNotification")[0]["reason"] == reason


def test_the_reset_button_knows_two_kinds(bench: Bench) -> None:
    answer = bench.do("reset", "Perhaps")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_argument"


# B12: Reset with a transaction


def test_TC_B_22_B12_FR_02_B12_FR_04_Immediate_ends_the_transaction_first(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    assert bench.csms("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    (ended,) = bench.tx()
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "ResetCommand")
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert ended["transactionInfo"]["chargingState"] == "EVConnected"
    assert "idToken" not in ended
    reboot(bench)
    sent = bench.sent()
    assert [it.get("connectorStatus") for _, it in sent[:2]] == [None, "Occupied"]
    assert sent[0][1]["reason"] == "RemoteReset"


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


def test_TC_B_21_B12_FR_01_B12_FR_03_OnIdle_waits_for_the_end_of_the_transaction(new_bench: NewBench) -> None:
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
    bench.forget()
    reboot(bench)
    assert bench.sent("BootNotification")[0]["reason"] == "ScheduledReset"


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


# Idle is more than being without a transaction (B11, errata 2.14)


def test_B11_FR_07_an_authorization_that_waits_for_its_cable_is_not_idle(bench: Bench) -> None:
    bench.set("TxCtrlr.TxStartPoint", "PowerPathClosed")
    start(bench)
    assert reset(bench, "OnIdle") == "Scheduled"
    bench.advance(119)
    assert orders(bench) == []
    bench.advance(2)  # EVConnectionTimeOut
    assert orders(bench) == ["close"]


@pytest.mark.parametrize("where", [{"evseId": 1}, {}])
def test_B11_FR_07_a_reservation_is_not_idle_and_may_still_be_used(bench: Bench, where: Json) -> None:
    reserve(bench, **where)
    bench.forget()
    assert reset(bench, "OnIdle") == "Scheduled"
    assert told(bench) == []  # it stays Reserved
    assert not start(bench, token="CC33")
    assert start(bench, token=TOKEN["idToken"])
    bench.do("plug-in")
    bench.do("unplug")
    bench.forget()
    reboot(bench)
    assert bench.sent("BootNotification")[0]["reason"] == "ScheduledReset"


def test_B11_FR_07_when_the_last_reservation_expires_the_reset_comes(bench: Bench) -> None:
    reserve(bench, seconds=60, evseId=1)
    assert reset(bench, "OnIdle") == "Scheduled"
    bench.advance(59)
    assert orders(bench) == []
    bench.advance(2)
    assert orders(bench) == ["close"]


def test_B11_FR_07_a_log_that_is_uploaded_is_not_idle(bench: Bench) -> None:
    where = {"remoteLocation": "https://logs.example.com/"}
    assert bench.csms("GetLog", {"logType": "DiagnosticsLog", "requestId": 1, "log": where})["status"]
    assert reset(bench, "OnIdle") == "Scheduled"
    bench.advance(5)
    assert orders(bench) == []
    bench.report("log", status="Uploaded")
    bench.advance(1)
    assert orders(bench) == ["close"]


def update_firmware(bench: Bench) -> None:
    firmware = {"location": "https://fw.example.com/a", "retrieveDateTime": "2025-01-01T10:00:00Z"}
    assert bench.csms("UpdateFirmware", {"requestId": 1, "firmware": firmware})["status"] == "Accepted"


def test_B11_FR_07_a_firmware_download_is_not_idle_but_may_be_broken_off(bench: Bench) -> None:
    update_firmware(bench)
    assert reset(bench, "OnIdle") == "Scheduled"
    assert reset(bench, "Immediate") == "Accepted"


def test_B11_FR_06_B12_FR_10_firmware_that_is_being_installed_is_not_interrupted(bench: Bench) -> None:
    update_firmware(bench)
    bench.report("firmware", status="Downloaded", version="2")
    for where in (None, 1):
        assert reset(bench, "Immediate", where) == "Rejected"
    answer = bench.do("reset")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"
    assert reset(bench, "OnIdle") == "Scheduled"
    bench.forget()
    bench.advance(10)
    reboot(bench)
    assert [it["reason"] for it in bench.sent("BootNotification")] == ["FirmwareUpdate"]
    bench.advance(60)
    assert bench.sent("BootNotification") == []  # that was the reset


def test_B12_FR_01_what_is_free_is_Unavailable_until_the_reset(new_bench: NewBench) -> None:
    bench = charging(new_bench, TWO_EVSES)
    assert reset(bench, "OnIdle") == "Scheduled"
    assert told(bench) == [(2, 1, "Unavailable"), (2, 2, "Unavailable")]
    assert not start(bench, evse=2)
    bench.do("plug-in", evse=2, connector=1)
    assert bench.tx() == []
    bench.do("unplug", evse=1, connector=1)
    bench.forget()
    reboot(bench)
    assert told(bench) == [(1, 1, "Available"), (2, 1, "Occupied"), (2, 2, "Available")]
    assert [it["eventType"] for it in bench.tx()] == []


def test_a_reset_under_way_is_not_put_off_by_another(bench: Bench) -> None:
    reset(bench, "Immediate")
    for kind in ("Immediate", "OnIdle"):
        bench.advance(0.4)
        assert reset(bench, kind) == "Accepted"
    bench.advance(0.2)
    assert orders(bench) == ["close"]


def test_in_a_reset_that_has_begun_nobody_is_authorized(bench: Bench) -> None:
    bench.silent.add("Authorize")
    bench.do("authorize", "04A2B3C4")
    asked = bench.frames[-1][1]
    reset(bench, "Immediate")
    bench.receive([3, asked, {"idTokenInfo": {"status": "Accepted"}}])
    assert bench.state.evses[0].authorization is None


# Reset of one EVSE (B11, B12)


def test_TC_B_28_B11_FR_09_an_EVSE_that_cannot_be_reset(new_bench: NewBench) -> None:
    bench = new_bench(NO_EVSE_RESET)
    assert value_of(bench, "EVSE", "AllowReset", evse={"id": 1}) == "false"
    for kind in ("Immediate", "OnIdle"):
        assert reset(bench, kind, 1) == "Rejected"
    assert bench.sent("StatusNotification") == []


def test_TC_B_29_B12_FR_09_nor_with_a_transaction(new_bench: NewBench) -> None:
    bench = charging(new_bench, NO_EVSE_RESET)
    for kind in ("Immediate", "OnIdle"):
        assert reset(bench, kind, 1) == "Rejected"
    assert bench.tx() == []


@pytest.mark.parametrize("evse", [0, 2, 99, -1])
def test_B11_an_unknown_EVSE(bench: Bench, evse: int) -> None:
    assert reset(bench, "Immediate", evse) == "Rejected"


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_TC_B_25_B11_FR_08_B11_FR_10_an_idle_EVSE_is_reset_alone(new_bench: NewBench, kind: str) -> None:
    bench = new_bench(TWO_EVSES)
    assert value_of(bench, "EVSE", "AllowReset", evse={"id": 2}) == "true"
    assert reset(bench, kind, 2) == "Accepted"
    assert told(bench) == [(2, 1, "Unavailable"), (2, 2, "Unavailable")]
    assert not start(bench, evse=2)
    assert start(bench, evse=1)
    bench.forget()
    bench.advance(5)
    assert told(bench) == [(2, 1, "Available"), (2, 2, "Available")]
    assert orders(bench) == []
    assert bench.sent("BootNotification") == []
    assert start(bench, evse=2)


def test_TC_B_27_B12_FR_02_B12_FR_08_Immediate_ends_the_transaction_of_that_EVSE(
    new_bench: NewBench,
) -> None:
    bench = charging(new_bench, TWO_EVSES)
    start(bench, evse=2)
    bench.do("plug-in", evse=2, connector=1)
    bench.forget()
    assert reset(bench, "Immediate", 2) == "Accepted"
    (ended,) = bench.tx()
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "ResetCommand")
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    assert ended["transactionInfo"]["chargingState"] == "EVConnected"
    assert [evse.transaction is not None for evse in bench.state.evses] == [True, False]
    bench.advance(5)
    assert bench.tx() == []  # the cable that has stayed in begins nothing
    assert start(bench, evse=2)
    assert [it["eventType"] for it in bench.tx()][:1] == ["Started"]


def test_TC_B_26_B12_FR_01_B12_FR_07_OnIdle_waits_for_the_transaction_of_that_EVSE(
    new_bench: NewBench,
) -> None:
    bench = charging(new_bench, TWO_EVSES)
    assert reset(bench, "OnIdle", 1) == "Scheduled"
    assert told(bench) == []
    bench.advance(60)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.do("unplug", evse=1, connector=1)
    assert told(bench)[-1] == (1, 1, "Unavailable")
    assert not start(bench, evse=1)
    bench.advance(5)
    assert told(bench) == [(1, 1, "Available")]
    assert orders(bench) == []


def test_B12_FR_01_OnIdle_of_an_EVSE_waits_for_its_reservation(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    reserve(bench, 1, evseId=1)
    assert reset(bench, "OnIdle", 1) == "Scheduled"
    assert reset(bench, "OnIdle", 2) == "Accepted"
    bench.forget()
    bench.csms("CancelReservation", {"reservationId": 1})
    assert told(bench)[-1] == (1, 1, "Unavailable")


def test_B11_FR_05_B12_FR_06_an_EVSE_is_Reserved_or_Unavailable_again(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    reserve(bench, 1, evseId=1)
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}})
    bench.forget()
    for evse in (1, 2):
        assert reset(bench, "Immediate", evse) == "Accepted"
    assert told(bench) == [(1, 1, "Unavailable")]
    bench.advance(2)
    bench.do("fault", evse=2, connector=1, code="GroundFault")  # and the reservation is not lost meanwhile
    bench.do("clear-fault", evse=2, connector=1)
    bench.advance(3)
    assert told(bench)[-1] == (1, 1, "Reserved")
    assert bench.state.evses[1].reset is None
    assert start(bench, evse=1, token=TOKEN["idToken"])


def test_a_cable_that_comes_while_the_EVSE_is_reset_counts_when_it_is_up(bench: Bench) -> None:
    reset(bench, "Immediate", 1)
    bench.do("plug-in")
    assert bench.tx() == []
    bench.advance(5)
    assert [it["triggerReason"] for it in bench.tx()] == ["CablePluggedIn"]


@pytest.mark.parametrize("kind", ["Immediate", "OnIdle"])
def test_an_EVSE_reset_under_way_is_not_put_off_by_another(bench: Bench, kind: str) -> None:
    reset(bench, "Immediate", 1)
    bench.advance(4)
    assert reset(bench, kind, 1) == "Accepted"
    bench.advance(1)
    assert told(bench) == [(1, 1, "Unavailable"), (1, 1, "Available")]


def test_Immediate_after_a_scheduled_reset_of_the_EVSE_comes_at_once(new_bench: NewBench) -> None:
    bench = charging(new_bench)
    assert reset(bench, "OnIdle", 1) == "Scheduled"
    assert reset(bench, "Immediate", 1) == "Accepted"
    assert [it["triggerReason"] for it in bench.tx()] == ["ResetCommand"]


@pytest.mark.parametrize("how", ["reset", "power"])
def test_an_EVSE_is_up_with_the_station(bench: Bench, how: str) -> None:
    reset(bench, "Immediate", 1)
    if how == "reset":
        reset(bench, "Immediate")
        bench.forget()
        reboot(bench)
    else:
        bench.do("power", "OFF")
        bench.drop()
        bench.do("power", "ON")
        bench.reconnect()
    assert bench.state.evses[0].reset is None
    assert told(bench)[-1] == (1, 1, "Available")


def test_an_EVSE_is_reset_after_a_restart_of_the_daemon(bench: Bench) -> None:
    reset(bench, "Immediate", 1)
    bench.start_again()
    bench.reconnect()
    bench.advance(5)
    assert told(bench)[-1] == (1, 1, "Available")


def test_B12_FR_01_what_comes_free_while_a_reset_waits_is_Unavailable(new_bench: NewBench) -> None:
    bench = charging(new_bench, TWO_EVSES)
    bench.set("TxCtrlr.TxStartPoint", "PowerPathClosed")
    start(bench, evse=2)
    assert reset(bench, "OnIdle") == "Scheduled"
    assert told(bench) == []
    bench.advance(120)  # EVConnectionTimeOut
    assert told(bench) == [(2, 1, "Unavailable"), (2, 2, "Unavailable")]


def test_whoever_uses_a_reservation_while_a_reset_waits_finds_no_closed_door(new_bench: NewBench) -> None:
    bench = new_bench(TWO_EVSES)
    bench.set("TxCtrlr.TxStartPoint", "PowerPathClosed")
    reserve(bench)
    assert reset(bench, "OnIdle") == "Scheduled"
    bench.forget()
    assert start(bench, evse=2, token=TOKEN["idToken"])
    assert told(bench) == [(1, 1, "Unavailable")]
    bench.do("plug-in", evse=2, connector=1)
    assert (2, 1, "Occupied") in told(bench)


# OCPP 2.1


def test_ImmediateAndResume_of_2_1_takes_transactions_up_again(new_bench: NewBench) -> None:
    bench = new_bench(protocol=OCPP_21)
    number = charge(bench)
    bench.advance(599)
    bench.sent()
    assert bench.csms("Reset", {"type": "ImmediateAndResume"}) == {"status": "Accepted"}
    bench.drop()
    bench.advance(10)
    bench.reconnect()
    bench.advance(595)
    calls = bench.sent()
    assert [it["reason"] for name, it in calls if name == "BootNotification"] == ["RemoteReset"]
    events = [it for name, it in calls if name == "TransactionEvent"]
    assert {it["eventType"] for it in events} == {"Updated"}
    assert {it["transactionInfo"]["transactionId"] for it in events} == {number}
    assert "TxResumed" in [it["triggerReason"] for it in events]
    bench.station.look(bench.clock.now)
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(11_000 * (1205 - 5) / 3600)


def test_in_2_0_1_a_transaction_that_goes_on_after_a_power_cut_tells_nothing_new(bench: Bench) -> None:
    charge(bench)
    bench.drop()
    bench.do("power", "off")
    bench.advance(60)
    bench.do("power", "on")
    bench.advance(10)
    bench.sent()
    bench.reconnect()
    assert "TxResumed" not in [it["triggerReason"] for it in bench.tx()]


def test_after_a_power_cut_2_1_is_told_that_the_transaction_goes_on(new_bench: NewBench) -> None:
    bench = new_bench(protocol=OCPP_21)
    charge(bench)
    bench.drop()
    bench.do("power", "off")
    bench.advance(60)
    bench.sent()
    bench.do("power", "on")
    bench.advance(10)
    bench.reconnect()
    assert "TxResumed" in [it["triggerReason"] for it in bench.tx()]
