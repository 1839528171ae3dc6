"""F: what the CSMS starts (F01, F02)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets

ID_TOKEN = {"idToken": "04A2B3C4", "type": "ISO14443"}
TWO = Hardware(evses=(Evse(), Evse()))

NewBench = Callable[..., Bench]


def start(bench: Bench, evse: int | None = 1, start_id: int = 7, **more: Any) -> Json:
    request = {"idToken": ID_TOKEN, "remoteStartId": start_id, **more}
    return bench.csms("RequestStartTransaction", request | ({"evseId": evse} if evse is not None else {}))


def stop(bench: Bench, transaction: str) -> Json:
    return bench.csms("RequestStopTransaction", {"transactionId": transaction})


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


def test_F01_FR_13_F02_FR_13_an_unauthorized_transaction_is_named_in_the_answer(bench: Bench) -> None:
    bench.do("plug-in")
    assert start(bench) == {"status": "Accepted", "transactionId": transaction(bench)}


def test_F02_without_a_transaction_the_answer_names_none(bench: Bench) -> None:
    assert start(bench) == {"status": "Accepted"}


def test_F01_FR_19_F01_FR_25_F01_FR_04_the_next_event_tells_of_the_remote_start(bench: Bench) -> None:
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
def test_F02_FR_01_F02_FR_05_F02_FR_12_F02_FR_21_whichever_event_comes_next(
    bench: Bench, start_point: str, before: list[str], after: list[str]
) -> None:
    points(bench, start_point, "EVConnected")
    start(bench)
    assert bench.story() == before
    bench.do("plug-in")
    assert bench.story()[:1] == after


@pytest.mark.parametrize("asks", [True, False])
def test_TC_F_02_TC_F_03_F01_FR_02_F01_FR_03_F02_FR_09_F02_FR_10_F02_FR_11_whether_the_token_is_asked_for(
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


def test_F01_FR_24_a_second_remote_start_does_not_wait_behind_the_first(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.set("AuthCtrlr.AuthorizeRemoteStart", True)
    bench.silent.add("Authorize")
    assert start(bench) == {"status": "Accepted"}
    assert reason(start(bench, start_id=8)) == "TxInProgress"
    assert start(bench, None, 9) == {"status": "Accepted"}  # at the other one
    assert reason(start(bench, None, 10)) == "TxInProgress"
    bench.silent.clear()
    bench.advance(30)  # the first question was never answered
    assert [evse.authorization is not None for evse in bench.state.evses] == [False, True]


@pytest.mark.parametrize("token", ["BB22", "04A2B3C4"])
def test_F01_of_a_card_and_a_remote_start_the_first_that_is_authorized_charges(
    bench: Bench, token: str
) -> None:
    bench.do("plug-in")
    bench.silent.add("Authorize")
    bench.do("authorize", token)
    asked = next(frame[1] for frame in bench.frames if frame[2] == "Authorize")
    assert start(bench)["status"] == "Accepted"
    bench.receive([3, asked, {"idTokenInfo": {"status": "Accepted"}}])
    bench.settle()
    held = bench.state.evses[0].authorization
    assert held is not None
    assert held.token == ID_TOKEN


def test_F02_the_group_of_a_remote_start_may_stop(bench: Bench) -> None:
    start(bench, groupIdToken={"idToken": "FLEET", "type": "Central"})
    bench.do("plug-in")
    bench.answers["Authorize"] = {
        "idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "FLEET", "type": "Central"}}
    }
    bench.forget()
    bench.do("authorize", "OTHER")
    assert bench.story() == ["Updated StopAuthorized EVConnected"]


def test_F01_FR_20_F02_FR_22_without_an_EVSE_one_with_a_waiting_car_is_taken(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.do("plug-in", evse=2)
    assert start(bench, None)["transactionId"] == transaction(bench, 2)


def test_F01_FR_20_without_a_car_the_first_free_EVSE_is_taken(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.do("fault", evse=1, code="GroundFault")
    start(bench, None)
    assert [evse.authorization is not None for evse in bench.state.evses] == [False, True]


def test_F01_FR_07_F02_FR_15_without_an_EVSE_to_take_it_is_rejected(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for evse in (1, 2):
        start(bench, evse)
    assert reason(start(bench, None)) == "TxInProgress"


def test_F01_FR_23_F02_FR_25_a_faulted_EVSE_is_rejected(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    assert reason(start(bench)) == "Unspecified"


def test_F01_FR_23_F02_FR_25_an_unavailable_EVSE_is_rejected(bench: Bench) -> None:
    bench.do("operative", "OFF")
    bench.forget()
    assert reason(start(bench)) == "Unspecified"
    assert bench.sent() == []


def test_F01_FR_24_F02_FR_26_an_authorized_EVSE_is_rejected(bench: Bench) -> None:
    bench.do("authorize", "AAAA")
    assert reason(start(bench)) == "TxInProgress"


def test_C01_FR_23_a_stopped_transaction_that_is_still_open_is_rejected(bench: Bench) -> None:
    bench.do("plug-in")
    for _ in range(2):
        bench.do("authorize", "AAAA")
    assert reason(start(bench)) == "Unspecified"


@pytest.mark.parametrize("evse", [2, 99, 0, -1])
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


def test_TC_F_04_F02_FR_07_nobody_plugs_in_after_a_remote_start(bench: Bench) -> None:
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


def profile(**more: Any) -> Json:
    period = {"startPeriod": 0, "limit": 6.0}
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    return {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    } | more


def test_TC_K_38_F01_FR_12_F02_FR_20_without_smart_charging_a_profile_is_ignored(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(), SmartChargingCtrlr__Enabled="false"))
    assert start(bench, chargingProfile=profile()) == {"status": "Accepted"}
    bench.do("plug-in")
    assert power(bench) == 11_000
    assert start(bench, chargingProfile=profile(transactionId="x"))["status"] == "Rejected"  # as it is taken


def power(bench: Bench) -> int:
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    assert not callable(answer.done.result)
    return answer.done.result["evses"][0]["meter"]["power_w"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("cable_first", [True, False])
def test_F01_FR_10_F02_FR_18_the_profile_is_that_of_the_transaction(bench: Bench, cable_first: bool) -> None:
    for step in (0, 1):
        if cable_first == (step == 0):
            bench.do("plug-in")
        else:
            assert start(bench, chargingProfile=profile())["status"] == "Accepted"
    assert power(bench) == 3 * 230 * 6
    bench.do("unplug")
    bench.do("plug-in")
    start(bench, start_id=8)
    assert power(bench) == 11_000


def test_F01_FR_10_the_profile_of_a_remote_start_that_lapsed_counts_no_more(bench: Bench) -> None:
    points(bench, "PowerPathClosed", "EVConnected")
    assert start(bench, chargingProfile=profile())["status"] == "Accepted"
    bench.advance(121)  # EVConnectionTimeOut
    query = {"requestId": 1, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}}
    assert bench.csms("GetChargingProfiles", query) == {"status": "NoProfiles"}
    bench.do("plug-in")
    start(bench, start_id=8)
    assert power(bench) == 11_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"chargingProfilePurpose": "TxDefaultProfile"},
        {"transactionId": "x"},
        {"chargingProfileKind": "Absolute"},  # without a startSchedule
    ],
)
def test_F01_FR_09_F01_FR_11_F01_FR_26_F02_FR_17_F02_FR_19_F02_FR_27_a_wrong_profile_is_rejected(
    bench: Bench, wrong: Json
) -> None:
    assert reason(start(bench, chargingProfile=profile(**wrong))) in ("InvalidProfile", "InvalidSchedule")
    assert bench.sent() == []
    assert bench.state.evses[0].authorization is None


# A whole transaction


def test_TC_F_01_F01_FR_05_F01_FR_06_F01_FR_17_F02_FR_14_a_cable_then_a_remote_start(bench: Bench) -> None:
    bench.do("plug-in")
    assert start(bench) == {"status": "Accepted", "transactionId": transaction(bench)}
    assert bench.story() == [
        "Started CablePluggedIn EVConnected",
        "Updated RemoteStart",
        "Updated ChargingStateChanged Charging",
    ]
    bench.advance(3600)
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(11_000)


def contexts(event: Json) -> list[str]:
    return [it["sampledValue"][0]["context"] for it in event.get("meterValue", [])]


def test_F01_FR_14_F01_FR_15_F01_FR_18_F02_FR_02_F02_FR_03_F03_FR_04_F04_FR_04_meter_values_are_told(
    bench: Bench,
) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 60)
    points(bench, "PowerPathClosed", "EVConnected")
    start(bench)
    bench.do("plug-in")
    bench.advance(61)
    stop(bench, transaction(bench))
    bench.do("unplug")
    told = {(it["eventType"], it["triggerReason"]): contexts(it) for it in bench.tx()}
    assert told["Started", "RemoteStart"] == ["Transaction.Begin"]
    assert told["Updated", "MeterValuePeriodic"] == ["Sample.Periodic"]
    ended = told["Ended", "EVCommunicationLost"]
    assert (ended[0], ended[-1]) == ("Transaction.Begin", "Transaction.End")


def test_F02_FR_08_in_a_parking_bay_the_transaction_goes_on_without_its_cable(bench: Bench) -> None:
    points(bench, "Authorized", "ParkingBayOccupancy")
    bench.do("park")
    start(bench)
    bench.advance(120)
    assert "Updated EVConnectTimeout" in bench.story()
    assert bench.state.evses[0].authorization is None
    bench.do("park", "OFF")
    assert bench.tx()[-1]["eventType"] == "Ended"


# Reserved EVSEs


def reserve(bench: Bench, token: str, **more: Any) -> None:
    expires = format_time(bench.clock.now + 600)
    theirs = {"idToken": token, "type": "ISO14443"}
    request = {"id": 3, "expiryDateTime": expires, "idToken": theirs, **more}
    assert bench.csms("ReserveNow", request) == {"status": "Accepted"}


def test_F01_FR_21_F02_FR_23_an_EVSE_that_is_reserved_for_another_is_rejected(bench: Bench) -> None:
    reserve(bench, "BB22", evseId=1)
    group = {"idToken": "FLEET", "type": "Central"}
    assert reason(start(bench)) == "Unspecified"
    assert reason(start(bench, groupIdToken=group)) == "Unspecified"
    assert len(bench.state.reservations) == 1


@pytest.mark.parametrize(
    ("group", "status"), [("FLEET", "Accepted"), ("OTHER", "Rejected"), (None, "Rejected")]
)
def test_F01_FR_22_F02_FR_24_or_for_its_group(bench: Bench, group: str | None, status: str) -> None:
    reserve(bench, "BB22", evseId=1, groupIdToken={"idToken": "FLEET", "type": "Central"})
    more = {"groupIdToken": {"idToken": group, "type": "Central"}} if group else {}
    assert start(bench, **more)["status"] == status
    assert (bench.state.reservations == []) == (status == "Accepted")


def test_F01_FR_20_F02_FR_06_without_an_EVSE_the_one_that_is_reserved_for_it_is_taken(
    new_bench: NewBench,
) -> None:
    bench = new_bench(TWO)
    reserve(bench, ID_TOKEN["idToken"], evseId=2)
    bench.do("plug-in", evse=1)
    bench.forget()
    assert start(bench, None) == {"status": "Accepted"}
    assert [(it["evse"]["id"], it["reservationId"]) for it in bench.tx()] == [(2, 3)]
    assert bench.state.reservations == []
