"""The OCA test cases of block E for stations, each as its scenario says; E13 and E14 have their own files."""

from __future__ import annotations

import pytest

from tests.bench import Bench, Json
from tests.blocks.transactions import (
    ID_TOKEN,
    SOCKET,
    TOKEN,
    NewBench,
    charge,
    error,
    is_charging,
    points,
    refused,
    result,
    told,
)


def shown(event: Json) -> tuple[str, ...]:
    """What the test cases look at: type, trigger, and where they are told, state and reason."""
    info = event["transactionInfo"]
    found = (event["eventType"], event["triggerReason"], info.get("chargingState"), info.get("stoppedReason"))
    return tuple(filter(None, found))


def said(bench: Bench) -> list[tuple[str, ...] | str]:
    """Everything since the last time, in order: statuses, and events as above."""
    found: list[tuple[str, ...] | str] = []
    for action, payload in bench.sent():
        if action == "TransactionEvent":
            found.append(shown(payload))
        elif action == "StatusNotification":
            found.append(payload["connectorStatus"])
    return found


def events(bench: Bench) -> list[tuple[str, ...]]:
    return [shown(it) for it in bench.tx()]


def start_remotely(bench: Bench) -> None:
    request = {"idToken": ID_TOKEN, "remoteStartId": 7, "evseId": 1}
    assert bench.csms("RequestStartTransaction", request)["status"] == "Accepted"


def stop_remotely(bench: Bench) -> None:
    transaction = next(reversed(told(bench)))
    assert bench.csms("RequestStopTransaction", {"transactionId": transaction}) == {"status": "Accepted"}


def disconnecting(bench: Bench, *, stops: bool, unlocks: bool = False) -> Bench:
    bench.set("TxCtrlr.StopTxOnEVSideDisconnect", stops)
    bench.set("OCPPCommCtrlr.UnlockOnEVSideDisconnect", unlocks)
    bench.forget()
    return bench


def suspended(bench: Bench) -> Bench:
    """The OCA's state EnergyTransferSuspended."""
    charge(bench)
    bench.do("suspend", "ev")
    bench.forget()
    return bench


AT_PLUG = {"id": 1, "connectorId": 1}
LOST = ("EVCommunicationLost", "Idle")


# Start (E01 to E03)


def test_TC_E_01_E01_FR_05_start_at_PowerPathClosed(bench: Bench) -> None:
    points(bench, "PowerPathClosed", "PowerPathClosed").do("authorize", TOKEN)
    assert bench.tx() == []
    bench.do("plug-in")
    begin, charging = bench.tx()
    assert shown(begin) == ("Started", "CablePluggedIn", "EVConnected")
    assert (begin["evse"], begin["idToken"]) == (AT_PLUG, ID_TOKEN)
    assert shown(charging) == ("Updated", "ChargingStateChanged", "Charging")


@pytest.mark.parametrize("by", ["token", "remote"])
def test_TC_E_02_E01_FR_06_start_at_EnergyTransfer(bench: Bench, by: str) -> None:
    points(bench, "EnergyTransfer", "EnergyTransfer").do("plug-in")
    assert said(bench) == ["Occupied"]
    start_remotely(bench) if by == "remote" else bench.do("authorize", TOKEN)
    [begin] = bench.tx()
    trigger = "RemoteStart" if by == "remote" else "ChargingStateChanged"
    assert shown(begin) == ("Started", trigger, "Charging")
    assert (begin["evse"], begin["idToken"]) == (AT_PLUG, ID_TOKEN)


def test_TC_E_03_E02_FR_05_E02_FR_06_E02_FR_20_the_cable_comes_first(bench: Bench) -> None:
    points(bench, "EVConnected", "EVConnected").do("plug-in")
    assert said(bench) == ["Occupied", ("Started", "CablePluggedIn", "EVConnected")]
    bench.do("authorize", TOKEN)
    assert said(bench) == [("Updated", "Authorized"), ("Updated", "ChargingStateChanged", "Charging")]


def test_TC_E_04_E03_FR_01_E03_FR_06_the_token_comes_first(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    bench.advance(30)
    bench.do("plug-in")
    assert said(bench) == [
        ("Started", "Authorized", "Idle"),
        "Occupied",
        ("Updated", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]


@pytest.mark.parametrize(
    ("stop", "outcome"),
    [
        ("Authorized", ("Ended", "EVConnectTimeout", "Idle", "Timeout")),
        ("ParkingBayOccupancy", ("Updated", "EVConnectTimeout")),
    ],
)
def test_TC_E_05_E03_FR_05_E03_FR_15_no_cable_comes_and_the_EVSE_can_be_used_again(
    bench: Bench, stop: str, outcome: tuple[str, ...]
) -> None:
    points(bench, "Authorized", stop).do("park")
    bench.do("authorize", TOKEN)
    bench.forget()
    bench.advance(121)
    assert events(bench) == [outcome]
    bench.do("authorize", TOKEN)
    bench.do("plug-in")
    assert is_charging(bench)


def test_TC_E_09_E01_FR_02_start_at_EVConnected(bench: Bench) -> None:
    points(bench, "EVConnected", "EVConnected").do("plug-in")
    (_, status), (_, begin) = bench.sent()
    assert status["connectorStatus"] == "Occupied"
    assert shown(begin) == ("Started", "CablePluggedIn", "EVConnected")
    assert begin["evse"] == AT_PLUG


def test_TC_E_10_E01_FR_03_E01_FR_10_start_at_Authorized_by_a_token(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    (asks, question), (_, begin) = bench.sent()
    assert (asks, question["idToken"]) == ("Authorize", ID_TOKEN)
    assert shown(begin) == ("Started", "Authorized", "Idle")
    assert begin["idToken"] == ID_TOKEN


def test_TC_E_11_E01_FR_04_start_at_DataSigned(bench: Bench) -> None:
    points(bench, "DataSigned", "EVConnected").set("SampledDataCtrlr.SignReadings", True)
    bench.do("plug-in")
    bench.forget()
    bench.do("authorize", TOKEN)
    begin, charging = bench.tx()
    assert shown(begin)[:2] == ("Started", "SignedDataReceived")
    assert "signedMeterValue" in begin["meterValue"][0]["sampledValue"][0]
    assert shown(charging) == ("Updated", "ChargingStateChanged", "Charging")


def test_TC_E_12_E01_FR_01_start_at_ParkingBayOccupancy(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "ParkingBayOccupancy").do("park")
    assert said(bench) == [("Started", "EVDetected", "Idle")]


def test_TC_E_13_E01_FR_03_start_at_Authorized_by_the_CSMS(bench: Bench) -> None:
    start_remotely(points(bench, "Authorized", "Authorized"))
    [begin] = bench.tx()
    assert shown(begin) == ("Started", "RemoteStart", "Idle")
    assert (begin["idToken"], begin["transactionInfo"]["remoteStartId"]) == (ID_TOKEN, 7)


def test_TC_E_38_E01_FR_19_the_car_is_not_ready(bench: Bench) -> None:
    points(bench, "EVConnected", "EVConnected").do("plug-in", ev={"ready_delay_s": 60})
    bench.do("authorize", TOKEN)
    assert events(bench)[-1] == ("Updated", "ChargingStateChanged", "SuspendedEV")


def test_TC_E_39_E03_FR_05_after_the_timeout_a_cable_does_not_charge(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    bench.advance(121)
    assert events(bench)[-1] == ("Ended", "EVConnectTimeout", "Idle", "Timeout")
    bench.do("plug-in")
    assert not is_charging(bench)


def test_TC_E_52_an_unknown_token_is_not_asked_for(bench: Bench) -> None:
    bench.set("AuthCtrlr.DisableRemoteAuthorization", True)
    bench.forget()
    assert error(bench.do("authorize", "UNKNOWN")) == "invalid_state"
    assert bench.sent() == []
    bench.do("plug-in")
    assert not is_charging(bench)


# Stop (E06, E07)


def test_TC_E_06_E07_FR_01_E07_FR_02_a_local_stop(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "EVConnected"))
    bench.do("authorize", TOKEN)
    [stop] = bench.tx()
    assert shown(stop) == ("Updated", "StopAuthorized", "EVConnected")
    assert stop["idToken"] == ID_TOKEN
    bench.do("unplug")
    assert said(bench) == ["Available", ("Ended", *LOST, "Local")]


@pytest.mark.parametrize("stop", ["PowerPathClosed", "Authorized", "EnergyTransfer"])
def test_TC_E_07_TC_E_08_TC_E_15_E06_FR_03_E06_FR_06_E06_FR_07_a_token_ends_it(
    bench: Bench, stop: str
) -> None:
    charge(points(bench, "EVConnected", stop))
    bench.do("authorize", TOKEN)
    [end] = bench.tx()
    assert shown(end) == ("Ended", "StopAuthorized", "EVConnected", "Local")
    assert end["idToken"] == ID_TOKEN


@pytest.mark.parametrize("stop", ["PowerPathClosed", "Authorized"])
def test_TC_E_35_TC_E_21_E06_FR_08_the_CSMS_ends_it(bench: Bench, stop: str) -> None:
    charge(points(bench, "EVConnected", stop))
    stop_remotely(bench)
    [end] = bench.tx()
    assert shown(end) == ("Ended", "RemoteStop", "EVConnected", "Remote")
    assert "idToken" not in end


@pytest.mark.parametrize(("by", "reason"), [("token", "Local"), ("CSMS", "Remote")])
def test_TC_E_14_E06_FR_02_unplugging_ends_what_was_stopped(bench: Bench, by: str, reason: str) -> None:
    charge(points(bench, "EVConnected", "EVConnected"))
    stop_remotely(bench) if by == "CSMS" else bench.do("authorize", TOKEN)
    bench.forget()
    bench.do("unplug")
    assert said(bench) == ["Available", ("Ended", *LOST, reason)]


@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed"])
def test_TC_E_16_E05_FR_10_E06_FR_04_a_token_taken_offline_turns_out_invalid(bench: Bench, stop: str) -> None:
    points(bench, "EVConnected", stop).set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.answers["TransactionEvent"] = refused
    bench.drop()
    charge(bench)
    bench.reconnect(10)
    *before, end = bench.tx()
    assert all(it["offline"] for it in before)
    assert shown(end) == ("Ended", "Deauthorized", "EVConnected", "DeAuthorized")
    assert "offline" not in end


@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed"])
def test_TC_E_17_E09_FR_01_E09_FR_03_unplugging_the_car_deauthorizes(new_bench: NewBench, stop: str) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", stop)
    charge(disconnecting(bench, stops=True))
    bench.do("unplug")
    assert said(bench) == [("Ended", *LOST, "EVDisconnected")]
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    assert said(bench) == ["Available"]


def test_TC_E_19_E06_FR_01_the_car_leaves_the_bay(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "ParkingBayOccupancy").do("park")
    charge(bench)
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    bench.forget()
    bench.do("park", "OFF")
    assert events(bench) == [("Ended", "EVDeparted", "Idle", "Local")]


@pytest.mark.parametrize("stop", ["EVConnected", "PowerPathClosed"])
def test_TC_E_20_TC_E_37_TC_E_54_E06_FR_02_E06_FR_06_the_car_is_unplugged(bench: Bench, stop: str) -> None:
    suspended(disconnecting(points(bench, "EVConnected", stop), stops=False))
    bench.do("unplug")
    assert events(bench) == [("Ended", *LOST, "EVDisconnected")]


def test_TC_E_22_E06_FR_07_E01_FR_20_with_EnergyTransfer_a_pause_of_the_car_is_the_end(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "EnergyTransfer"))
    bench.do("suspend", "ev")
    assert events(bench) == [("Ended", "ChargingStateChanged", "EVConnected", "StoppedByEV")]


# The cable is taken out of the car (E09, E10)


def test_TC_E_24_E09_FR_02_E09_FR_04_the_socket_lets_the_cable_go(new_bench: NewBench) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    suspended(disconnecting(bench, stops=True, unlocks=True))
    bench.do("unplug")
    assert said(bench) == ["Available", ("Ended", *LOST, "EVDisconnected")]


def test_TC_E_25_E09_FR_03_E09_FR_04_the_socket_keeps_the_cable(new_bench: NewBench) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    suspended(disconnecting(bench, stops=True))
    bench.do("unplug")
    assert said(bench) == [("Ended", *LOST, "EVDisconnected")]
    result(bench.do("authorize", TOKEN))
    bench.do("unplug")
    assert said(bench) == ["Available"]


@pytest.mark.parametrize("has_socket", [True, False])
@pytest.mark.parametrize("stop", ["Authorized", "ParkingBayOccupancy"])
def test_TC_E_26_E10_FR_01_E10_FR_03_the_car_comes_back(
    new_bench: NewBench, stop: str, *, has_socket: bool
) -> None:
    bench = points(new_bench(SOCKET if has_socket else None), "EVConnected", stop)
    disconnecting(bench, stops=False).do("park")
    charge(bench)
    bench.do("unplug")
    away = said(bench)
    assert ("Updated", *LOST) in away
    assert ("Available" in away) != has_socket
    bench.advance(60)
    bench.do("plug-in")
    assert [it for it in said(bench) if it != "Occupied"] == [
        ("Updated", "CablePluggedIn", "EVConnected"),
        ("Updated", "ChargingStateChanged", "Charging"),
    ]


@pytest.mark.parametrize(
    ("stop", "outcome"),
    [
        ("Authorized", ("Ended", "EVConnectTimeout", "Idle", "Timeout")),
        ("ParkingBayOccupancy", ("Updated", "EVConnectTimeout")),
    ],
)
def test_TC_E_27_E10_FR_02_the_car_does_not_come_back(
    bench: Bench, stop: str, outcome: tuple[str, ...]
) -> None:
    disconnecting(points(bench, "EVConnected", stop), stops=False).do("park")
    suspended(bench)
    bench.do("unplug")
    assert said(bench) == ["Available", ("Updated", *LOST)]
    bench.advance(121)
    assert events(bench) == [outcome]


# Offline (E08, E11, E12)


def test_TC_E_40_E11_FR_01_E11_FR_02_E11_FR_03_the_connection_is_lost_in_a_transaction(bench: Bench) -> None:
    charge(bench)
    bench.drop()
    bench.advance(130)
    bench.reconnect()
    found = bench.tx()
    assert [shown(it) for it in found] == [("Updated", "MeterValuePeriodic")] * 2
    assert all(it["offline"] and it["meterValue"] for it in found)


def test_TC_E_43_E12_FR_01_E12_FR_02_E12_FR_03_E12_FR_07_a_transaction_begins_and_ends_offline(
    bench: Bench,
) -> None:
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.drop()
    charge(bench)
    bench.advance(130)
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    bench.reconnect()
    found = bench.tx()
    assert all(it["offline"] for it in found)
    assert (found[0]["eventType"], found[-1]["eventType"]) == ("Started", "Ended")
    assert [it["seqNo"] for it in found] == list(range(len(found)))
    assert all("meterValue" in it for it in found if it["triggerReason"] == "MeterValuePeriodic")
    assert found[-1]["meterValue"]


@pytest.mark.parametrize("socket", [True, False])
def test_TC_E_44_E08_FR_01_E08_FR_03_E08_FR_04_E08_FR_05_E08_FR_06_E08_FR_07_E08_FR_08_it_is_stopped_offline(
    new_bench: NewBench, *, socket: bool
) -> None:
    bench = charge(new_bench(SOCKET if socket else None))
    bench.drop()
    bench.do("authorize", TOKEN)
    assert not is_charging(bench)
    assert not any(it.locked for it in bench.state.evses[0].connectors)
    bench.do("unplug")
    bench.reconnect()
    found = bench.tx()
    assert [shown(it) for it in found] == [
        ("Updated", "StopAuthorized", "EVConnected"),
        ("Ended", *LOST, "Local"),
    ]
    assert all(it["offline"] for it in found)
    assert [it["seqNo"] for it in found] == [3, 4]


def test_TC_E_45_E08_FR_02_E07_FR_01_it_is_stopped_offline_by_one_of_the_group(bench: Bench) -> None:
    group: Json = {"idToken": "FAM", "type": "Central"}
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}
    bench.do("authorize", "OTHER")
    bench.do("authorize", "OTHER")
    charge(points(bench, "EVConnected", "Authorized"))
    bench.drop()
    bench.do("authorize", "OTHER")
    bench.do("unplug")
    bench.reconnect()
    [end] = bench.tx()
    assert shown(end) == ("Ended", "StopAuthorized", "EVConnected", "Local")
    assert (end["idToken"]["idToken"], end["offline"]) == ("OTHER", True)


# The car ends its session (E15)


@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed", "EnergyTransfer"])
def test_TC_E_46_E15_FR_01_E15_FR_04_the_car_ends_the_session(bench: Bench, stop: str) -> None:
    charge(points(bench, "EVConnected", stop))
    bench.do("stop", "StoppedByEV")
    [end] = bench.tx()
    assert shown(end) == ("Ended", "StopAuthorized", "EVConnected", "StoppedByEV")
    assert end["meterValue"]
    assert "idToken" not in end


@pytest.mark.parametrize("stop", ["EVConnected", "ParkingBayOccupancy"])
def test_TC_E_46_E15_FR_05_the_car_ends_the_authorization(bench: Bench, stop: str) -> None:
    charge(points(bench, "EVConnected", stop))
    bench.do("stop", "StoppedByEV")
    assert events(bench) == [("Updated", "StopAuthorized", "EVConnected")]
    assert not is_charging(bench)
