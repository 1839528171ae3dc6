"""E01, E02, E03: how a transaction starts."""

from __future__ import annotations

import pytest

from ocppd.core.description import Hardware
from tests.bench import Bench, headline, with_presets
from tests.blocks.transactions import (
    ID_TOKEN,
    TOKEN,
    NewBench,
    charge,
    error,
    is_charging,
    points,
    reasons,
    result,
    session,
    told,
)

# How a transaction starts (E01 to E03)


def test_E01_FR_16_the_connector_is_told_once_a_cable_is_in(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    assert [it.get("evse") for it in bench.tx()] == [{"id": 1}]
    bench.do("plug-in")
    assert [it.get("evse") for it in bench.tx()] == [{"id": 1, "connectorId": 1}, None]


@pytest.mark.parametrize("first", ["plug-in", "authorize"])
def test_E01_FR_16_what_the_cable_carries_is_told_with_the_connector(bench: Bench, first: str) -> None:
    points(bench, "Authorized", "Authorized")
    if first == "authorize":
        bench.do("authorize", TOKEN)
    bench.do("plug-in", ev={"cable_a": 20.5})
    if first == "plug-in":
        bench.do("authorize", TOKEN)
    [event] = [it for it in bench.tx() if "cableMaxCurrent" in it]
    assert (event["cableMaxCurrent"], event["evse"]) == (20, {"id": 1, "connectorId": 1})


def test_E01_FR_16_what_an_unknown_cable_carries_is_not_told(bench: Bench) -> None:
    charge(bench)
    bench.do("unplug")
    assert not any("cableMaxCurrent" in event for events in told(bench).values() for event in events)


def test_E01_FR_08_transaction_ids_are_never_used_again(bench: Bench) -> None:
    for _ in range(3):
        session(bench, "plug", "token")
    assert len(told(bench)) == 3


def test_E02_FR_01_the_token_is_told_in_the_first_event_after_the_authorization(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    assert [it.get("idToken") for it in bench.tx()] == [None, ID_TOKEN, None]


def test_E02_FR_18_the_number_of_phases_is_told_when_energy_flows(bench: Bench) -> None:
    bench.do("plug-in", ev={"phases": 1})
    bench.do("authorize", TOKEN)
    assert [it.get("numberOfPhasesUsed") for it in bench.tx()] == [None, None, 1]


def test_E02_FR_19_a_new_number_of_phases_is_told_with_the_next_event(bench: Bench) -> None:
    charge(bench)
    bench.advance(60)
    bench.do("ev", phases=1)
    bench.advance(120)
    assert [it.get("numberOfPhasesUsed") for it in bench.tx()] == [None, 1, None]


def test_E02_FR_20_a_refused_token_is_not_told(bench: Bench) -> None:
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Blocked"}}
    bench.do("plug-in")
    bench.forget()
    bench.do("authorize", TOKEN)
    bench.advance(50)
    assert bench.tx() == []


@pytest.mark.parametrize(
    ("start", "stop", "story"),
    [
        ("Authorized", "Authorized", ["Started Authorized Idle", "Ended EVConnectTimeout Idle"]),
        ("Authorized", "EVConnected", ["Started Authorized Idle", "Ended EVConnectTimeout Idle"]),
        ("EVConnected", "EVConnected", []),
    ],
)
def test_E03_FR_05_nobody_plugs_in_in_time(bench: Bench, start: str, stop: str, story: list[str]) -> None:
    points(bench, start, stop).do("authorize", TOKEN)
    bench.advance(119)
    assert bench.state.evses[0].authorization is not None
    bench.advance(2)
    events = bench.tx()
    assert [headline(it) for it in events] == story
    assert [it["transactionInfo"].get("stoppedReason") for it in events[1:]] == ["Timeout"][: len(story) - 1]


def test_E03_FR_05_who_plugs_in_too_late_does_not_charge(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    bench.advance(121)
    bench.do("plug-in")
    assert not is_charging(bench)


def test_E03_FR_05_the_timeout_obeys_EVConnectionTimeOut(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").set("TxCtrlr.EVConnectionTimeOut", 10)
    bench.do("authorize", TOKEN)
    bench.advance(10)
    assert reasons(bench) == [("EVConnectTimeout", "Timeout")]


def test_E03_FR_05_plugging_in_in_time_ends_the_wait(bench: Bench) -> None:
    bench.do("authorize", TOKEN)
    bench.advance(100)
    bench.do("plug-in")
    bench.advance(200)
    assert "EVConnectTimeout" not in " ".join(bench.story())
    assert is_charging(bench)


def test_E03_FR_15_with_a_bay_the_transaction_ends_when_the_car_leaves(bench: Bench) -> None:
    points(bench, "Authorized", "ParkingBayOccupancy").do("park")
    bench.do("authorize", TOKEN)
    bench.advance(120)
    assert bench.story() == ["Started Authorized Idle", "Updated EVConnectTimeout"]
    bench.do("park", "OFF")
    assert reasons(bench) == [("EVDeparted", "Local")]


def test_E03_FR_15_the_same_token_may_try_again_and_another_may_not(bench: Bench) -> None:
    points(bench, "Authorized", "ParkingBayOccupancy").do("park")
    bench.do("authorize", TOKEN)
    bench.advance(120)
    assert error(bench.do("authorize", "OTHER")) == "invalid_state"  # C01.FR.23
    assert result(bench.do("authorize", TOKEN))["id_token_status"] == "Accepted"
    bench.do("plug-in")
    assert is_charging(bench)


def test_E03_FR_15_without_a_car_in_the_bay_there_is_nothing_to_wait_for(bench: Bench) -> None:
    points(bench, "Authorized", "ParkingBayOccupancy").do("authorize", TOKEN)
    bench.advance(120)
    assert reasons(bench) == [("EVConnectTimeout", "Timeout")]


def test_E01_a_stop_before_the_plug_ends_what_no_stop_point_would_end(bench: Bench) -> None:
    points(bench, "Authorized", "EVConnected").do("authorize", TOKEN)
    bench.do("authorize", TOKEN)
    assert bench.story() == ["Started Authorized Idle", "Ended StopAuthorized Idle"]


# The bay (E01.FR.01, E06.FR.01)


def test_E01_FR_01_a_cable_comes_after_the_car(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "ParkingBayOccupancy").do("plug-in")
    assert bench.story() == ["Started EVDetected Idle", "Updated CablePluggedIn EVConnected"]


def test_E06_FR_01_a_car_leaves_after_its_cable(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "ParkingBayOccupancy").do("plug-in")
    bench.forget()
    bench.do("unplug")
    assert bench.story() == ["Updated EVCommunicationLost Idle", "Ended EVDeparted Idle"]


def test_E06_FR_01_a_parked_car_stays_when_it_is_unplugged(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "ParkingBayOccupancy").do("park")
    bench.do("plug-in")
    bench.do("unplug")
    assert bench.story()[-1] == "Updated EVCommunicationLost Idle"
    bench.do("park", "OFF")
    assert bench.story() == ["Ended EVDeparted Idle"]


def test_E06_FR_01_a_bay_in_which_nothing_happened_ends_with_any_stop_point(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "Authorized").do("park")
    bench.do("park", "OFF")
    assert bench.story() == ["Started EVDetected Idle", "Ended EVDeparted Idle"]


def test_E01_FR_01_without_the_sensor_nobody_tells_of_the_bay(bench: Bench) -> None:
    bench.do("plug-in")
    bench.forget()
    bench.do("park")
    bench.do("park", "OFF")
    assert bench.sent() == []


def test_E01_FR_01_a_car_with_its_cable_in_cannot_leave(bench: Bench) -> None:
    points(bench, "ParkingBayOccupancy", "ParkingBayOccupancy").do("park")
    bench.do("plug-in")
    bench.forget()
    bench.do("park", "OFF")
    assert bench.sent() == []


def test_B02_FR_03_a_cable_plugged_in_while_pending_counts_from_the_acceptance(new_bench: NewBench) -> None:
    bench = new_bench(boot=False)
    answer = bench.answers["BootNotification"]
    bench.answers["BootNotification"] = {
        "currentTime": "2025-01-01T10:00:00Z",
        "interval": 10,
        "status": "Pending",
    }
    bench.connect()
    bench.settle()
    bench.do("plug-in")
    assert error(bench.do("authorize", TOKEN)) == "not_connected"
    assert bench.tx() == []
    bench.answers["BootNotification"] = answer
    bench.advance(10)
    assert bench.story() == ["Started CablePluggedIn EVConnected"]


def test_B02_FR_03_nobody_charges_offline_before_the_first_acceptance(new_bench: NewBench) -> None:
    hardware = with_presets(Hardware(), AuthCtrlr__OfflineTxForUnknownIdEnabled="true")
    bench = new_bench(hardware, boot=False)
    bench.do("plug-in")
    assert error(bench.do("authorize", TOKEN)) == "not_connected"
    assert not is_charging(bench)


def test_B02_FR_03_with_TxBeforeAcceptedEnabled_a_transaction_waits_for_the_acceptance(
    new_bench: NewBench,
) -> None:
    hardware = with_presets(
        Hardware(), AuthCtrlr__OfflineTxForUnknownIdEnabled="true", TxCtrlr__TxBeforeAcceptedEnabled="true"
    )
    bench = new_bench(hardware, boot=False)
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    assert is_charging(bench)
    bench.connect()
    bench.settle()
    names = [name for name, _ in bench.sent() if name != "SecurityEventNotification"]
    assert names == ["BootNotification", "StatusNotification", *["TransactionEvent"] * 3]


# Availability


def test_G03_an_unavailable_evse_starts_nothing_until_it_is_operative(bench: Bench) -> None:
    bench.do("operative", "OFF")
    bench.do("plug-in")
    assert bench.tx() == []
    bench.do("operative", "ON")
    assert bench.story() == ["Started CablePluggedIn EVConnected"]


def test_G03_a_token_presented_before_does_not_charge_at_an_unavailable_evse(bench: Bench) -> None:
    points(bench, "PowerPathClosed", "PowerPathClosed").do("authorize", TOKEN)
    bench.do("operative", "OFF")
    bench.do("plug-in")
    assert not is_charging(bench)
    bench.do("operative", "ON")
    assert bench.story() == ["Started CablePluggedIn EVConnected", "Updated ChargingStateChanged Charging"]


def test_G03_FR_05_a_running_transaction_goes_on(bench: Bench) -> None:
    charge(bench)
    bench.do("operative", "OFF")
    assert is_charging(bench)
