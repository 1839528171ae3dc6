"""F: what the CSMS starts, stops, unlocks and triggers, and what it is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core import outbox
from ocppd.core.description import Connector, Evse, Hardware
from tests.bench import Bench, Json, with_presets

ID_TOKEN = {"idToken": "04A2B3C4", "type": "ISO14443"}
TWO = Hardware(evses=(Evse(), Evse()))
SOCKET = Hardware(evses=(Evse(connectors=(Connector("sType2"),)),))

NewBench = Callable[..., Bench]


def start(bench: Bench, evse: int | None = 1, start_id: int = 7, **more: Any) -> Json:
    request = {"idToken": ID_TOKEN, "remoteStartId": start_id, **more}
    return bench.csms("RequestStartTransaction", request | ({"evseId": evse} if evse is not None else {}))


def stop(bench: Bench, transaction: str) -> Json:
    return bench.csms("RequestStopTransaction", {"transactionId": transaction})


def trigger(bench: Bench, message: str, evse: int | None = None, connector: int | None = None) -> Json:
    place = {"id": evse, "connectorId": connector}
    at = {"evse": {key: number for key, number in place.items() if number is not None}} if evse else {}
    return bench.csms("TriggerMessage", {"requestedMessage": message, **at})


def reason(response: Json) -> str:
    assert response["status"] == "Rejected"
    return response["statusInfo"]["reasonCode"]  # type: ignore[no-any-return]


def transaction(bench: Bench, evse: int = 1) -> str:
    running = bench.state.evses[evse - 1].transaction
    assert running is not None
    return running.id


def points(bench: Bench, start_point: str, stop_point: str) -> Bench:
    bench.set("TxCtrlr.TxStartPoint", start_point)
    bench.set("TxCtrlr.TxStopPoint", stop_point)
    bench.forget()
    return bench


def frames_from(bench: Bench, seen: int) -> list[str]:
    """Which frames left since: `answer`, or the action of a call."""
    return ["answer" if frame[0] == 3 else frame[2] for frame in bench.frames[seen:]]


# RequestStartTransaction (F01, F02)


def test_F01_FR_13_an_unauthorized_transaction_is_named_in_the_answer(bench: Bench) -> None:
    bench.do("plug-in")
    assert start(bench) == {"status": "Accepted", "transactionId": transaction(bench)}


def test_F02_without_a_transaction_the_answer_names_none(bench: Bench) -> None:
    assert start(bench) == {"status": "Accepted"}


def test_F01_FR_19_the_next_event_tells_of_the_remote_start(bench: Bench) -> None:
    bench.do("plug-in")
    bench.forget()
    start(bench)
    first, then = bench.tx()
    assert (first["eventType"], first["triggerReason"]) == ("Updated", "RemoteStart")
    assert (first["transactionInfo"]["remoteStartId"], first["idToken"]) == (7, ID_TOKEN)
    assert "remoteStartId" not in then["transactionInfo"]
    assert "idToken" not in then


@pytest.mark.parametrize(
    ("start_point", "before", "after"),
    [
        ("Authorized", ["Started RemoteStart Idle"], ["Updated CablePluggedIn EVConnected"]),
        ("EVConnected", [], ["Started RemoteStart EVConnected"]),
        ("PowerPathClosed", [], ["Started RemoteStart EVConnected"]),
        ("EnergyTransfer", [], ["Started RemoteStart Charging"]),
    ],
)
def test_F02_FR_21_whichever_event_comes_next(
    bench: Bench, start_point: str, before: list[str], after: list[str]
) -> None:
    points(bench, start_point, "EVConnected")
    start(bench)
    assert bench.story() == before
    bench.do("plug-in")
    assert bench.story()[:1] == after


@pytest.mark.parametrize("asks", [True, False])
def test_TC_F_02_TC_F_03_AuthorizeRemoteStart_decides_whether_the_token_is_asked_for(
    bench: Bench, *, asks: bool
) -> None:
    bench.set("AuthCtrlr.AuthorizeRemoteStart", asks)
    seen = len(bench.frames)
    start(bench)
    expected = ["answer", *["Authorize"] * asks, "TransactionEvent"]
    assert frames_from(bench, seen) == expected
    assert bench.tx()[0]["transactionInfo"]["remoteStartId"] == 7


@pytest.mark.parametrize("kind", ["Central", "NoAuthorization"])
def test_C03_FR_01_some_types_are_never_asked_for(bench: Bench, kind: str) -> None:
    bench.set("AuthCtrlr.AuthorizeRemoteStart", True)
    start(bench, idToken={"idToken": "" if kind == "NoAuthorization" else "x", "type": kind})
    assert bench.sent("Authorize") == []
    assert bench.state.evses[0].authorization is not None


def test_F01_FR_01_a_token_that_is_refused_starts_nothing(bench: Bench) -> None:
    bench.set("AuthCtrlr.AuthorizeRemoteStart", True)
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Blocked"}}
    assert start(bench) == {"status": "Accepted"}
    assert bench.tx() == []
    assert bench.state.evses[0].authorization is None


def test_F01_a_remote_start_never_stops_even_within_one_group(bench: Bench) -> None:
    bench.set("AuthCtrlr.AuthorizeRemoteStart", True)
    bench.answers["Authorize"] = {
        "idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "G", "type": "Central"}}
    }
    bench.silent.add("Authorize")
    assert [start(bench, start_id=number)["status"] for number in (1, 2)] == ["Accepted"] * 2
    bench.silent.clear()
    first = next(frame[1] for frame in bench.frames if frame[2] == "Authorize")
    bench.receive([3, first, bench.answers["Authorize"]])
    bench.settle()
    assert bench.story() == ["Started RemoteStart Idle"]


def test_F02_the_group_of_a_remote_start_may_stop(bench: Bench) -> None:
    start(bench, groupIdToken={"idToken": "FLEET", "type": "Central"})
    bench.do("plug-in")
    bench.answers["Authorize"] = {
        "idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "FLEET", "type": "Central"}}
    }
    bench.forget()
    bench.do("authorize", "OTHER")
    assert bench.story() == ["Updated StopAuthorized EVConnected"]


def test_F01_FR_20_without_an_EVSE_one_with_a_waiting_car_is_taken(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.do("plug-in", evse=2)
    assert start(bench, None)["transactionId"] == transaction(bench, 2)


def test_F01_FR_20_without_a_car_the_first_free_EVSE_is_taken(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.do("fault", evse=1, code="GroundFault")
    start(bench, None)
    assert [evse.authorization is not None for evse in bench.state.evses] == [False, True]


def test_F01_FR_07_without_an_EVSE_to_take_it_is_rejected(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for evse in (1, 2):
        start(bench, evse)
    assert reason(start(bench, None)) == "TxInProgress"


def test_F01_FR_23_a_faulted_EVSE_is_rejected(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    assert reason(start(bench)) == "Unspecified"


def test_F01_FR_23_an_unavailable_EVSE_is_rejected(bench: Bench) -> None:
    bench.do("operative", "OFF")
    bench.forget()
    assert reason(start(bench)) == "Unspecified"
    assert bench.sent() == []


def test_F01_FR_24_an_authorized_EVSE_is_rejected(bench: Bench) -> None:
    bench.do("authorize", "AAAA")
    assert reason(start(bench)) == "TxInProgress"


def test_C01_FR_23_a_stopped_transaction_that_is_still_open_is_rejected(bench: Bench) -> None:
    bench.do("plug-in")
    for _ in range(2):
        bench.do("authorize", "AAAA")
    assert reason(start(bench)) == "Unspecified"


@pytest.mark.parametrize("evse", [2, 99, -1])
def test_F01_an_unknown_EVSE_is_rejected(bench: Bench, evse: int) -> None:
    assert reason(start(bench, evse)) == "UnknownEvse"


def test_B02_FR_05_a_station_that_is_not_accepted_rejects(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    answer = {"currentTime": "2025-01-01T10:00:00Z", "interval": 60, "status": "Pending"}
    bench.answers["BootNotification"] = answer
    bench.connect()
    bench.settle()
    assert reason(start(bench)) == "CSNotAccepted"


def test_B02_FR_05_a_station_that_is_pending_again_does_not_stop_either(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    pending = {"currentTime": "2025-01-01T10:00:00Z", "interval": 60, "status": "Pending"}
    bench.answers["BootNotification"] = pending
    bench.do("boot")
    assert reason(stop(bench, transaction(bench))) == "CSNotAccepted"


def test_TC_F_04_nobody_plugs_in_after_a_remote_start(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized")
    start(bench)
    bench.advance(120)
    assert bench.story()[-1] == "Ended EVConnectTimeout Idle"
    assert start(bench, start_id=8) == {"status": "Accepted"}


def test_F01_the_id_of_a_remote_start_that_lapsed_is_not_told(bench: Bench) -> None:
    points(bench, "PowerPathClosed", "EVConnected")
    start(bench)
    bench.advance(120)
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    assert all("remoteStartId" not in it["transactionInfo"] for it in bench.tx())


def test_TC_K_38_without_smart_charging_a_profile_is_ignored(bench: Bench) -> None:
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [
            {
                "id": 1,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
            }
        ],
    }
    assert start(bench, chargingProfile=profile) == {"status": "Accepted"}


# RequestStopTransaction (F03, F04)


@pytest.mark.parametrize(
    ("stop_point", "story"),
    [
        ("Authorized", ["Ended RemoteStop EVConnected"]),
        ("PowerPathClosed", ["Ended RemoteStop EVConnected"]),
        ("EVConnected", ["Updated RemoteStop EVConnected"]),
        ("ParkingBayOccupancy", ["Updated RemoteStop EVConnected"]),
    ],
)
def test_F03_FR_03_the_stop_point_decides_what_a_remote_stop_is(
    bench: Bench, stop_point: str, story: list[str]
) -> None:
    points(bench, "EVConnected", stop_point).do("plug-in")
    bench.do("authorize", "AAAA")
    bench.forget()
    seen = len(bench.frames)
    assert stop(bench, transaction(bench)) == {"status": "Accepted"}
    assert frames_from(bench, seen) == ["answer", "TransactionEvent"]
    [event] = bench.tx()
    assert [" ".join((event["eventType"], event["triggerReason"], "EVConnected"))] == story
    assert event["transactionInfo"]["chargingState"] == "EVConnected"
    assert "idToken" not in event


def test_F03_FR_02_the_end_after_a_remote_stop_is_remote(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    stop(bench, transaction(bench))
    bench.do("unplug")
    assert bench.tx()[-1]["transactionInfo"]["stoppedReason"] == "Remote"


def test_F03_FR_08_an_unknown_transaction_is_rejected(bench: Bench) -> None:
    bench.do("plug-in")
    bench.forget()
    assert reason(stop(bench, "nope")) == "TxNotFound"
    assert bench.sent() == []


def test_F03_FR_08_so_is_one_that_has_ended(bench: Bench) -> None:
    bench.do("plug-in")
    ended = transaction(bench)
    bench.do("unplug")
    assert reason(stop(bench, ended)) == "TxNotFound"


def test_F03_the_right_one_of_two_transactions_is_stopped(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for evse in (1, 2):
        bench.do("plug-in", evse=evse)
        bench.do("authorize", evse=evse, id_token="AAAA")
    stop(bench, transaction(bench, 2))
    assert [evse.authorization is not None for evse in bench.state.evses] == [True, False]


# UnlockConnector (F05)


def unlock(bench: Bench, evse: int = 1, connector: int = 1) -> str:
    response = bench.csms("UnlockConnector", {"evseId": evse, "connectorId": connector})
    return response["status"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("evse", "connector"), [(1, 2), (2, 1), (0, 1), (1, 0), (-1, 1), (999, 999)])
def test_F05_FR_03_an_unknown_connector(bench: Bench, evse: int, connector: int) -> None:
    assert unlock(bench, evse, connector) == "UnknownConnector"


@pytest.mark.parametrize(
    ("commands", "socket", "cable"),
    [
        ([], "Unlocked", "Unlocked"),
        (["plug-in"], "Unlocked", "UnlockFailed"),
        (["plug-in", "authorize"], "OngoingAuthorizedTransaction", "OngoingAuthorizedTransaction"),
        (["plug-in", "authorize", "authorize"], "Unlocked", "UnlockFailed"),
        (["authorize"], "Unlocked", "Unlocked"),
    ],
)
def test_F05_the_table_of_UnlockConnector(
    new_bench: NewBench, commands: list[str], socket: str, cable: str
) -> None:
    seen = []
    for hardware in (SOCKET, Hardware()):
        bench = new_bench(hardware)
        for command in commands:
            bench.do(command)
        seen.append(unlock(bench))
    assert seen == [socket, cable]


def test_F05_FR_02_an_authorized_cable_stays_locked(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    bench.do("authorize")
    unlock(bench)
    assert bench.state.evses[0].connectors[0].locked


def test_F05_FR_05_a_broken_lock_fails(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    bench.do("fault", "ConnectorLockFailure")
    assert unlock(bench) == "UnlockFailed"


def test_F05_the_command_answers_as_the_CSMS_would_be(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    free = bench.do("unlock")
    bench.do("plug-in")
    bench.do("authorize")
    busy = bench.do("unlock")
    assert free is not None
    assert free.done is not None
    assert free.done.result == {"status": "Unlocked"}
    assert busy is not None
    assert busy.error is not None
    assert (busy.error.code, busy.error.details) == (
        "invalid_state",
        {"status": "OngoingAuthorizedTransaction"},
    )


# TriggerMessage (F06)


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
        ("TransactionEvent", "TransactionEvent"),
    ],
)
def test_F06_FR_04_the_answer_comes_before_the_message(bench: Bench, message: str, sent: str) -> None:
    bench.do("plug-in")
    seen = len(bench.frames)
    assert trigger(bench, message, 1, 1) == {"status": "Accepted"}
    assert frames_from(bench, seen) == ["answer", sent]


@pytest.mark.parametrize(
    "message",
    [
        "LogStatusNotification",
        "FirmwareStatusNotification",
        "PublishFirmwareStatusNotification",
    ],
)
def test_F06_FR_08_what_is_not_built_is_not_implemented(bench: Bench, message: str) -> None:
    assert trigger(bench, message) == {"status": "NotImplemented"}
    assert bench.sent() == []


def test_F06_FR_17_no_BootNotification_once_accepted(bench: Bench) -> None:
    assert trigger(bench, "BootNotification") == {"status": "Rejected"}
    assert bench.sent() == []


def test_F06_a_BootNotification_while_pending_is_triggered(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    answer = {"currentTime": "2025-01-01T10:00:00Z", "interval": 600, "status": "Pending"}
    bench.answers["BootNotification"] = answer
    bench.connect()
    bench.settle()
    bench.forget()
    assert trigger(bench, "BootNotification") == {"status": "Accepted"}
    assert [it["reason"] for it in bench.sent("BootNotification")] == ["Triggered"]


@pytest.mark.parametrize("place", [(), (1,), (1, 2), (2, 1)])
def test_F06_FR_12_a_status_needs_a_connector(bench: Bench, place: tuple[int, ...]) -> None:
    assert trigger(bench, "StatusNotification", *place) == {"status": "Rejected"}
    assert bench.sent() == []


@pytest.mark.parametrize(("plugs", "status"), [(0, "Available"), (1, "Occupied")])
def test_TC_F_23_TC_F_24_the_status_is_the_current_one(bench: Bench, plugs: int, status: str) -> None:
    for _ in range(plugs):
        bench.do("plug-in")
    bench.forget()
    trigger(bench, "StatusNotification", 1, 1)
    assert [it["connectorStatus"] for it in bench.sent("StatusNotification")] == [status]


@pytest.mark.parametrize(("evse", "told"), [(None, [1, 2]), (1, [1]), (2, [2]), (3, [])])
def test_TC_F_11_TC_F_12_meter_values_of_one_EVSE_or_of_all(
    new_bench: NewBench, evse: int | None, told: list[int]
) -> None:
    bench = new_bench(TWO)
    accepted = trigger(bench, "MeterValues", evse)["status"] == "Accepted"
    assert accepted == bool(told)
    sent = bench.sent("MeterValues")
    assert [it["evseId"] for it in sent] == told
    values = [value for it in sent for value in it["meterValue"][0]["sampledValue"]]
    assert {value["context"] for value in values} <= {"Trigger"}


@pytest.mark.parametrize("measurands", ["", "SoC"])
def test_F06_FR_10_meter_values_of_nothing_are_rejected(bench: Bench, measurands: str) -> None:
    bench.set("AlignedDataCtrlr.Measurands", measurands)
    assert trigger(bench, "MeterValues") == {"status": "Rejected"}
    assert bench.sent() == []


@pytest.mark.parametrize(("evse", "told"), [(None, 2), (1, 1), (2, 1)])
def test_TC_F_13_TC_F_14_the_transaction_of_one_EVSE_or_of_all(
    new_bench: NewBench, evse: int | None, told: int
) -> None:
    bench = new_bench(TWO)
    for number in (1, 2):
        bench.do("plug-in", evse=number)
        bench.do("authorize", evse=number, id_token="AAAA")
    bench.forget()
    trigger(bench, "TransactionEvent", evse)
    events = bench.tx()
    shown = [(it["eventType"], it["triggerReason"], it["transactionInfo"]["chargingState"]) for it in events]
    assert shown == [("Updated", "Trigger", "Charging")] * told
    assert {it["meterValue"][0]["sampledValue"][0]["context"] for it in events} == {"Trigger"}


def test_F06_a_transaction_event_without_a_transaction_is_rejected(bench: Bench) -> None:
    assert trigger(bench, "TransactionEvent") == {"status": "Rejected"}


def test_B02_FR_02_a_trigger_while_pending_may_be_obeyed(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware()), boot=False)
    answer = {"currentTime": "2025-01-01T10:00:00Z", "interval": 600, "status": "Pending"}
    bench.answers["BootNotification"] = answer
    bench.connect()
    bench.settle()
    bench.forget()
    for message in ("Heartbeat", "StatusNotification", "MeterValues"):
        trigger(bench, message, 1, 1)
    assert [name for name, _ in bench.sent()] == ["Heartbeat", "StatusNotification", "MeterValues"]


def test_F06_with_a_full_outbox_nothing_more_is_triggered(bench: Bench) -> None:
    bench.silent.add("StatusNotification")
    answers = [trigger(bench, "StatusNotification", 1, 1)["status"] for _ in range(outbox.MOST_CALLS + 2)]
    assert answers[-2:] == ["Accepted", "Rejected"]
    assert trigger(bench, "Heartbeat") == {"status": "Rejected"}
