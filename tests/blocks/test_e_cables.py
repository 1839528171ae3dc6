"""E09, E10, E05.FR.11: the cable is taken out of the car, and the socket that holds its other end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocppd.core.description import Connector, Evse, Hardware
from tests.bench import Bench, Json
from tests.blocks.device_model import value_of
from tests.blocks.transactions import (
    ID_TOKEN,
    SOCKET,
    TOKEN,
    NewBench,
    charge,
    error,
    is_charging,
    locks,
    points,
    reasons,
    refused,
    result,
    told,
)

BOTH = Hardware(evses=(Evse(connectors=(Connector("cType2"), Connector("sType2"))),))


def unplugging(bench: Bench, *, stops: bool, unlocks: bool) -> Bench:
    """Set what unplugging at the car leads to."""
    bench.set("TxCtrlr.StopTxOnEVSideDisconnect", stops)
    bench.set("OCPPCommCtrlr.UnlockOnEVSideDisconnect", unlocks)
    bench.forget()
    return bench


def statuses(bench: Bench) -> list[str]:
    return [it["connectorStatus"] for it in bench.sent("StatusNotification")]


def connector(bench: Bench) -> tuple[bool, bool]:
    """Whether the connector is plugged, and whether it is locked."""
    shown = result(bench.do("get"))["evses"][0]["connectors"][0]
    return shown["plugged"], shown["locked"]


# StopTxOnEVSideDisconnect true (E09)


@pytest.mark.parametrize(
    ("stop", "ended"),
    [
        ("Authorized", [("EVCommunicationLost", "EVDisconnected")]),
        ("PowerPathClosed", [("EVCommunicationLost", "EVDisconnected")]),
        ("EVConnected", [("EVCommunicationLost", "EVDisconnected")]),
        ("EnergyTransfer", [("EVCommunicationLost", "EVDisconnected")]),
        ("ParkingBayOccupancy", []),
    ],
)
def test_E09_FR_01_whoever_unplugs_is_no_longer_authorized(
    bench: Bench, stop: str, ended: list[tuple[str, str]]
) -> None:
    points(bench, "EVConnected", stop).do("park")
    charge(bench)
    bench.do("unplug")
    assert reasons(bench) == ended
    bench.do("plug-in")
    assert not is_charging(bench)
    bench.do("authorize", TOKEN)
    assert is_charging(bench)


def test_E09_FR_02_the_socket_lets_the_cable_go(new_bench: NewBench) -> None:
    bench = charge(new_bench(SOCKET))
    assert connector(bench) == (True, True)
    bench.do("unplug")
    assert statuses(bench) == ["Available"]
    assert connector(bench) == (False, False)


def test_E09_FR_03_the_socket_keeps_the_cable_until_the_driver_is_back(new_bench: NewBench) -> None:
    bench = charge(
        unplugging(points(new_bench(SOCKET), "EVConnected", "Authorized"), stops=True, unlocks=False)
    )
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]
    assert connector(bench) == (True, True)
    assert error(bench.do("unplug")) == "invalid_state"
    bench.forget()
    bench.do("authorize", TOKEN)
    assert bench.sent() == []
    assert connector(bench) == (True, False)
    bench.do("unplug")
    assert statuses(bench) == ["Available"]
    assert connector(bench) == (False, False)


def test_E09_FR_03_the_driver_needs_no_CSMS_to_fetch_the_cable(new_bench: NewBench) -> None:
    bench = charge(unplugging(new_bench(SOCKET), stops=True, unlocks=False))
    bench.do("unplug")
    bench.drop()
    bench.do("authorize", TOKEN)
    assert connector(bench) == (True, False)


def test_E09_FR_03_a_socket_that_is_gone_keeps_nothing(new_bench: NewBench) -> None:
    bench = unplugging(new_bench(BOTH), stops=True, unlocks=False)
    bench.do("plug-in", connector=2)
    bench.do("authorize", TOKEN)
    bench.do("unplug", connector=2)
    bench.refit(Hardware())
    bench.do("plug-in")
    bench.do("authorize", "OTHER")
    assert is_charging(bench)


def test_E09_FR_03_nobody_else_may_charge_meanwhile(new_bench: NewBench) -> None:
    bench = charge(unplugging(new_bench(SOCKET), stops=True, unlocks=False))
    bench.do("unplug")
    bench.forget()
    assert error(bench.do("authorize", "OTHER")) == "invalid_state"
    assert bench.sent() == []
    start = {"idToken": {"idToken": "OTHER", "type": "Central"}, "remoteStartId": 1, "evseId": 1}
    assert bench.csms("RequestStartTransaction", start)["status"] == "Rejected"
    assert connector(bench) == (True, True)


def test_E09_FR_03_one_of_the_same_group_may_fetch_the_cable(new_bench: NewBench) -> None:
    bench = unplugging(new_bench(SOCKET), stops=True, unlocks=False)
    family: Json = {
        "idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "FAM", "type": "Central"}}
    }
    bench.answers["Authorize"] = family
    bench.do("authorize", "OTHER")  # the cache knows it now
    bench.do("authorize", "OTHER")
    charge(bench)
    bench.do("unplug")
    bench.do("authorize", "OTHER")
    assert connector(bench) == (True, False)


def test_E09_FR_03_the_car_may_come_back_but_does_not_charge_without_a_token(new_bench: NewBench) -> None:
    bench = charge(unplugging(new_bench(SOCKET), stops=True, unlocks=False))
    bench.do("unplug")
    bench.do("plug-in")
    assert bench.tx()[-1]["triggerReason"] == "CablePluggedIn"
    assert not is_charging(bench)
    bench.do("authorize", TOKEN)  # releases the cable
    bench.do("authorize", TOKEN)  # charges
    assert is_charging(bench)
    assert connector(bench) == (True, True)


def test_E09_FR_03_UnlockConnector_lets_a_kept_cable_go(new_bench: NewBench) -> None:
    bench = charge(unplugging(new_bench(SOCKET), stops=True, unlocks=False))
    bench.do("unplug")
    unlocked = bench.csms("UnlockConnector", {"evseId": 1, "connectorId": 1})
    assert unlocked == {"status": "Unlocked"}
    bench.do("unplug")
    assert connector(bench) == (False, False)
    assert result(bench.do("authorize", "OTHER"))["id_token_status"] == "Accepted"


def test_E09_FR_03_a_power_cut_does_not_give_the_cable_away(new_bench: NewBench) -> None:
    bench = charge(
        unplugging(points(new_bench(SOCKET), "EVConnected", "Authorized"), stops=True, unlocks=False)
    )
    bench.do("unplug")
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.reconnect()
    assert connector(bench) == (True, True)
    bench.do("authorize", TOKEN)
    assert connector(bench) == (True, False)


def test_E09_FR_02_a_station_without_sockets_has_nothing_to_unlock(new_bench: NewBench) -> None:
    assert value_of(new_bench(), "OCPPCommCtrlr", "UnlockOnEVSideDisconnect") == "false"
    assert value_of(new_bench(SOCKET), "OCPPCommCtrlr", "UnlockOnEVSideDisconnect") == "true"
    bench = new_bench()
    bench.set("OCPPCommCtrlr.UnlockOnEVSideDisconnect", False)
    with pytest.raises(AssertionError, match="Rejected"):
        bench.set("OCPPCommCtrlr.UnlockOnEVSideDisconnect", True)


# StopTxOnEVSideDisconnect false (E10)


@pytest.mark.parametrize("stop", ["Authorized", "ParkingBayOccupancy", "Authorized,ParkingBayOccupancy"])
def test_E10_FR_03_a_car_that_is_plugged_in_again_charges_on(bench: Bench, stop: str) -> None:
    unplugging(points(bench, "EVConnected", stop), stops=False, unlocks=False).do("park")
    charge(bench)
    bench.do("unplug")
    assert [it["transactionInfo"]["chargingState"] for it in bench.tx()] == ["Idle"]
    bench.advance(100)
    bench.do("plug-in")
    assert is_charging(bench)
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    bench.do("park", "OFF")
    [events] = told(bench).values()
    assert [it["seqNo"] for it in events] == list(range(len(events)))
    assert sum("idToken" in it for it in events) == 2


@pytest.mark.parametrize("stop", ["EVConnected", "PowerPathClosed", "EnergyTransfer"])
def test_E10_a_stop_point_that_unplugging_loses_ends_it_all_the_same(bench: Bench, stop: str) -> None:
    charge(unplugging(points(bench, "EVConnected", stop), stops=False, unlocks=False))
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]
    bench.do("plug-in")
    assert not is_charging(bench)


@pytest.mark.parametrize("unlocks", [True, False])
def test_E10_FR_01_the_connector_stays_locked_until_the_token_comes(
    new_bench: NewBench, *, unlocks: bool
) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    charge(unplugging(bench, stops=False, unlocks=unlocks))
    bench.do("unplug")
    bench.advance(3600)  # no timeout counts for a socket
    assert connector(bench) == (True, True)
    assert reasons(bench) == []
    bench.do("authorize", TOKEN)
    assert reasons(bench) == [("StopAuthorized", "Local")]
    assert connector(bench) == (True, False)
    bench.do("unplug")
    assert statuses(bench) == ["Available"]


def test_E10_FR_01_a_cable_whose_transaction_ended_waits_for_its_driver_too(new_bench: NewBench) -> None:
    bench = charge(unplugging(new_bench(SOCKET), stops=False, unlocks=True))
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]
    assert connector(bench) == (True, True)
    bench.do("authorize", TOKEN)
    assert connector(bench) == (True, False)


def test_E10_another_token_neither_stops_nor_fetches_the_cable(new_bench: NewBench) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    charge(unplugging(bench, stops=False, unlocks=False))
    bench.do("unplug")
    assert error(bench.do("authorize", "OTHER")) == "invalid_state"
    assert connector(bench) == (True, True)


def test_E10_UnlockConnector_respects_whoever_is_authorized(new_bench: NewBench) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    charge(unplugging(bench, stops=False, unlocks=False))
    bench.do("unplug")
    answer = bench.csms("UnlockConnector", {"evseId": 1, "connectorId": 1})
    assert answer == {"status": "OngoingAuthorizedTransaction"}


@pytest.mark.parametrize(
    ("stop", "story"),
    [
        ("Authorized", [("Ended", "EVConnectTimeout", "Timeout")]),
        ("ParkingBayOccupancy", [("Updated", "EVConnectTimeout", None)]),
    ],
)
def test_E10_FR_02_who_does_not_plug_in_again_in_time_is_no_longer_authorized(
    bench: Bench, stop: str, story: list[tuple[str, str, str | None]]
) -> None:
    unplugging(points(bench, "EVConnected", stop), stops=False, unlocks=False).do("park")
    charge(bench)
    bench.do("unplug")
    bench.forget()
    bench.advance(119)
    assert bench.tx() == []
    bench.advance(2)
    events = bench.tx()
    shown = [
        (it["eventType"], it["triggerReason"], it["transactionInfo"].get("stoppedReason")) for it in events
    ]
    assert shown == story
    bench.do("plug-in")
    assert not is_charging(bench)


def test_E10_FR_02_a_second_unplugging_gets_its_own_time(bench: Bench) -> None:
    charge(unplugging(points(bench, "EVConnected", "Authorized"), stops=False, unlocks=False))
    for _ in range(3):
        bench.do("unplug")
        bench.advance(100)
        bench.do("plug-in")
        bench.advance(100)
    assert reasons(bench) == []
    assert is_charging(bench)


@pytest.mark.parametrize("dark", [False, True])
def test_E10_a_power_cut_while_the_car_is_away_changes_nothing(bench: Bench, *, dark: bool) -> None:
    charge(unplugging(points(bench, "EVConnected", "Authorized"), stops=False, unlocks=False))
    if not dark:
        bench.do("unplug")
    bench.do("power", "OFF")
    bench.drop()
    if dark:
        bench.do("unplug")
    bench.advance(600)
    bench.do("power", "ON")
    bench.reconnect()
    bench.advance(60)
    bench.do("plug-in")
    assert is_charging(bench)


def test_E10_FR_02_after_a_power_cut_the_wait_starts_anew(bench: Bench) -> None:
    charge(unplugging(points(bench, "EVConnected", "Authorized"), stops=False, unlocks=False))
    bench.do("unplug")
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(600)
    bench.do("power", "ON")
    bench.reconnect()
    bench.forget()
    bench.advance(121)
    assert reasons(bench) == [("EVConnectTimeout", "Timeout")]


def test_E10_a_car_that_comes_back_to_the_other_connector_is_told_there(new_bench: NewBench) -> None:
    bench = unplugging(points(new_bench(BOTH), "EVConnected", "Authorized"), stops=False, unlocks=False)
    bench.do("plug-in", connector=1)
    bench.do("authorize", TOKEN)
    bench.do("unplug", connector=1)
    bench.do("plug-in", connector=2)
    assert [it["evse"]["connectorId"] for it in bench.tx() if "evse" in it] == [1, 2]
    assert is_charging(bench)


def test_E01_FR_14_a_loose_cable_keeps_the_other_connector_from_use(new_bench: NewBench) -> None:
    bench = unplugging(points(new_bench(BOTH), "EVConnected", "Authorized"), stops=False, unlocks=False)
    bench.do("plug-in", connector=2)
    bench.do("authorize", TOKEN)
    bench.do("unplug", connector=2)
    assert error(bench.do("plug-in", connector=1)) == "invalid_state"


# A refused token (E05.FR.11)


@pytest.mark.parametrize("stop", ["Authorized", "PowerPathClosed", "EnergyTransfer"])
def test_E05_FR_11_the_cable_of_a_refused_token_stays_locked_until_its_owner_comes(
    new_bench: NewBench, stop: str
) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", stop)
    bench.answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    assert reasons(bench) == [("Deauthorized", "DeAuthorized")]
    assert connector(bench) == (True, True)
    assert error(bench.do("authorize", "OTHER")) == "invalid_state"
    bench.do("authorize", TOKEN)
    assert connector(bench) == (True, False)
    assert not is_charging(bench)


def test_E05_FR_11_the_owner_may_leave_without_the_cable(new_bench: NewBench) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    bench.answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    assert connector(bench) == (True, True)
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    assert connector(bench) == (False, False)


def test_E05_FR_11_a_cable_of_the_station_is_never_kept(bench: Bench) -> None:
    points(bench, "EVConnected", "Authorized").answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    assert not locks(bench)
    bench.answers["TransactionEvent"] = {}
    bench.do("authorize", "OTHER")
    assert is_charging(bench)


def test_F05_a_running_transaction_tells_of_the_unlock_command(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    bench.answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    bench.forget()
    assert bench.csms("UnlockConnector", {"evseId": 1, "connectorId": 1}) == {"status": "Unlocked"}
    assert [it["triggerReason"] for it in bench.tx()] == ["UnlockCommand"]
    assert connector(bench) == (True, False)
    assert bench.csms("UnlockConnector", {"evseId": 1, "connectorId": 1}) == {"status": "Unlocked"}
    assert bench.tx() == []


def test_C16_FR_07_a_master_pass_fetches_a_kept_cable(new_bench: NewBench) -> None:
    bench = unplugging(
        points(new_bench(SOCKET), "EVConnected", "ParkingBayOccupancy"), stops=True, unlocks=False
    )
    bench.set("AuthCtrlr.MasterPassGroupId", "MASTER")
    bench.do("park")
    charge(bench)
    bench.do("unplug")
    group: Json = {"idToken": "MASTER", "type": "Central"}
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}
    assert connector(bench) == (True, True)
    bench.do("authorize", "POLICE")
    assert connector(bench) == (True, False)


def test_N09_FR_05_N10_FR_05_a_kept_cable_is_known_of_its_owner_and_not_forgotten(
    new_bench: NewBench,
) -> None:
    bench = points(new_bench(SOCKET), "EVConnected", "Authorized")
    charge(unplugging(bench, stops=True, unlocks=False))
    bench.do("unplug")
    bench.forget()
    request = {"requestId": 1, "report": True, "clear": False, "idToken": ID_TOKEN}
    assert bench.csms("CustomerInformation", request) == {"status": "Accepted"}
    assert '"cable"' in "".join(it["data"] for it in bench.sent("NotifyCustomerInformation"))
    assert bench.csms("CustomerInformation", request | {"clear": True})["status"] == "Rejected"


# UnlockConnector in every state (F05)


def free(_bench: Bench) -> None:
    pass


def unauthorized(bench: Bench) -> None:
    bench.do("plug-in")


def charging(bench: Bench) -> None:
    charge(bench)


def stopped(bench: Bench) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)


def waiting_for_the_cable(bench: Bench) -> None:
    bench.do("authorize", TOKEN)


def jammed(bench: Bench) -> None:
    charge(bench)
    bench.do("fault", "ConnectorLockFailure")


@pytest.mark.parametrize("hardware", [SOCKET, Hardware()], ids=["socket", "cable"])
@pytest.mark.parametrize(
    ("before", "socket", "cable"),
    [
        (free, "Unlocked", "Unlocked"),
        (unauthorized, "Unlocked", "UnlockFailed"),
        (waiting_for_the_cable, "Unlocked", "Unlocked"),
        (charging, "OngoingAuthorizedTransaction", "OngoingAuthorizedTransaction"),
        (stopped, "Unlocked", "UnlockFailed"),
        (jammed, "UnlockFailed", "UnlockFailed"),
    ],
)
def test_F05_FR_02_F05_FR_04_F05_FR_05_F05_FR_06_UnlockConnector_in_every_state(
    new_bench: NewBench, hardware: Hardware, before: Callable[[Bench], None], socket: str, cable: str
) -> None:
    bench = new_bench(hardware)
    before(bench)
    answer = bench.csms("UnlockConnector", {"evseId": 1, "connectorId": 1})
    assert answer["status"] == (socket if hardware is SOCKET else cable)
    assert not locks(bench) or answer["status"] == "OngoingAuthorizedTransaction"
