"""E: which events a transaction consists of, whatever starts and ends it and whatever comes between."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocppd.blocks import e_transactions
from ocppd.core import schemas
from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.errors import CallError
from tests.bench import Bench, Json, headline, with_presets

TOKEN = "04A2B3C4"
ID_TOKEN = {"idToken": TOKEN, "type": "ISO14443"}
POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
SOCKET = Hardware(evses=(Evse(connectors=(Connector("sType2"),)),))
TWO = Hardware(evses=(Evse(), Evse()))

NewBench = Callable[..., Bench]


def points(bench: Bench, start: str, stop: str) -> Bench:
    """Set what starts and stops a transaction; samples would only be in the way."""
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    bench.set("TxCtrlr.TxStartPoint", start)
    bench.set("TxCtrlr.TxStopPoint", stop)
    bench.forget()
    return bench


def charge(bench: Bench, token: str = TOKEN, **ev: Any) -> Bench:
    """Plug in, present a token, and let some energy flow."""
    bench.do("plug-in", ev=ev) if ev else bench.do("plug-in")
    bench.do("authorize", token)
    bench.advance(10)
    bench.forget()
    return bench


def told(bench: Bench) -> dict[str, list[Json]]:
    """The TransactionEvents of every transaction, each once however often it was sent."""
    once = {frame[1]: frame[3] for frame in bench.frames if frame[0] == 2 and frame[2] == "TransactionEvent"}
    found: dict[str, list[Json]] = {}
    for payload in once.values():
        found.setdefault(payload["transactionInfo"]["transactionId"], []).append(payload)
    return found


def check_story(events: list[Json]) -> None:
    """What must be true of the events of any transaction."""
    kinds, first = [it["eventType"] for it in events], events[0]
    assert [it["seqNo"] for it in events] == list(range(len(events)))  # E01.FR.07
    assert kinds[0] == "Started"
    assert kinds.count("Started") == 1
    assert "Ended" not in kinds[:-1]
    assert "chargingState" in first["transactionInfo"]  # E01.FR.18
    ended = [it for it in events if it["eventType"] == "Ended"]
    assert all(it["transactionInfo"].get("stoppedReason") for it in ended)
    assert not any("stoppedReason" in it["transactionInfo"] for it in events if it not in ended)
    assert sum("connectorId" in it.get("evse", {}) for it in events) <= 1  # E01.FR.16
    assert "evse" in first
    assert sum("remoteStartId" in it["transactionInfo"] for it in events) <= 1  # F01.FR.25
    assert [it["timestamp"] for it in events] == sorted(it["timestamp"] for it in events)
    check_tokens(events)
    check_states(events)
    registers = [value for it in events if it["eventType"] != "Ended" for value in energies(it)]
    assert registers == sorted(registers)  # J02.FR.16


def check_tokens(events: list[Json]) -> None:
    """A token is told once when it starts, and once when it stops (E02.FR.20, E07.FR.02)."""
    is_open = False
    for it in events:
        if it["triggerReason"] in ("EVConnectTimeout", "RemoteStop", "Deauthorized"):
            is_open = False
        if "idToken" in it:
            stops = it["triggerReason"] == "StopAuthorized"
            assert stops == is_open, events
            is_open = not stops


def check_states(events: list[Json]) -> None:
    """A ChargingStateChanged tells a state, and one that is not the last that was told."""
    last = None
    for it in events:
        state = it["transactionInfo"].get("chargingState")
        if it["triggerReason"] == "ChargingStateChanged":
            assert state is not None
            assert state != last, events
        last = state or last


def energies(payload: Json) -> list[float]:
    values = [value for it in payload.get("meterValue", []) for value in it["sampledValue"]]
    return [value["value"] for value in values if value["measurand"] == "Energy.Active.Import.Register"]


def contexts(payload: Json) -> list[str]:
    return [value["context"] for it in payload.get("meterValue", []) for value in it["sampledValue"]]


def reasons(bench: Bench) -> list[tuple[str, str]]:
    """Trigger and stoppedReason of the Ended messages since the last time."""
    ended = [it for it in bench.tx() if it["eventType"] == "Ended"]
    return [(it["triggerReason"], it["transactionInfo"]["stoppedReason"]) for it in ended]


def is_charging(bench: Bench) -> bool:
    """Whether energy flows, as the meter sees it."""
    before = bench.state.evses[0].meter.energy_wh
    bench.advance(1)
    bench.do("get")
    return bench.state.evses[0].meter.energy_wh > before


def result(answer: Any) -> Any:
    assert answer is not None
    assert answer.error is None, answer.error.message
    return answer.done.result


def error(answer: Any) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code  # type: ignore[no-any-return]


# All start points with all stop points

STARTED = {
    ("ParkingBayOccupancy", "plug"): ("EVDetected", "Idle"),
    ("ParkingBayOccupancy", "token"): ("EVDetected", "Idle"),
    ("EVConnected", "plug"): ("CablePluggedIn", "EVConnected"),
    ("EVConnected", "token"): ("CablePluggedIn", "EVConnected"),
    ("Authorized", "plug"): ("Authorized", "EVConnected"),
    ("Authorized", "token"): ("Authorized", "Idle"),
    ("PowerPathClosed", "plug"): ("Authorized", "EVConnected"),
    ("PowerPathClosed", "token"): ("CablePluggedIn", "EVConnected"),
    ("EnergyTransfer", "plug"): ("ChargingStateChanged", "Charging"),
    ("EnergyTransfer", "token"): ("ChargingStateChanged", "Charging"),
}
ENDED = {
    ("ParkingBayOccupancy", "token"): ("EVDeparted", "Local"),
    ("ParkingBayOccupancy", "unplug"): ("EVDeparted", "Local"),
    ("EVConnected", "token"): ("EVCommunicationLost", "Local"),
    ("EVConnected", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
    ("Authorized", "token"): ("StopAuthorized", "Local"),
    ("Authorized", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
    ("PowerPathClosed", "token"): ("StopAuthorized", "Local"),
    ("PowerPathClosed", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
    ("EnergyTransfer", "token"): ("StopAuthorized", "Local"),
    ("EnergyTransfer", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
}


def session(bench: Bench, first: str, last: str) -> None:
    """A whole visit: `first` comes the plug or the token, the `last` of charging is a token or the unplug."""
    bench.do("park", "ON")
    arrival = {"plug": ("plug-in", ""), "token": ("authorize", TOKEN)}
    for name in ("plug", "token") if first == "plug" else ("token", "plug"):
        bench.advance(5)
        bench.do(*arrival[name])
    bench.advance(200)
    if last == "token":
        bench.do("authorize", TOKEN)
        bench.advance(5)
    bench.do("unplug")
    bench.advance(5)
    bench.do("park", "OFF")


@pytest.mark.parametrize("last", ["token", "unplug"])
@pytest.mark.parametrize("first", ["plug", "token"])
@pytest.mark.parametrize(("start", "stop"), list(itertools.product(POINTS, POINTS)))
def test_E01_E06_every_start_point_with_every_stop_point(
    bench: Bench, start: str, stop: str, first: str, last: str
) -> None:
    session(points(bench, start, stop), first, last)
    [events] = told(bench).values()
    check_story(events)
    assert sum("connectorId" in it.get("evse", {}) for it in events) == 1
    assert next(it["idToken"] for it in events if "idToken" in it) == ID_TOKEN
    assert any(it["transactionInfo"].get("chargingState") == "Charging" for it in events)
    begin, end = events[0], events[-1]
    shown = (begin["triggerReason"], begin["transactionInfo"]["chargingState"])
    assert shown == STARTED[start, first]
    assert (end["triggerReason"], end["transactionInfo"]["stoppedReason"]) == ENDED[stop, last]
    assert bench.state.evses[0].transaction is None


def step(bench: Bench, command: str, argument: str = "") -> list[str]:
    """What one step says to the CSMS: statuses of connectors, and the story."""
    bench.do(command, argument)
    said = [(name, it) for name, it in bench.sent() if name != "Authorize"]
    return [it["connectorStatus"] if name == "StatusNotification" else headline(it) for name, it in said]


TABLE = {
    ("EVConnected", "EVConnected"): [
        ["Occupied", "Started CablePluggedIn EVConnected"],
        ["Updated Authorized", "Updated ChargingStateChanged Charging"],
        ["Updated StopAuthorized EVConnected"],
        ["Available", "Ended EVCommunicationLost Idle"],
    ],
    ("PowerPathClosed", "PowerPathClosed"): [
        ["Occupied"],
        ["Started Authorized EVConnected", "Updated ChargingStateChanged Charging"],
        ["Ended StopAuthorized EVConnected"],
        ["Available"],
    ],
    ("Authorized", "Authorized"): [
        ["Occupied"],
        ["Started Authorized EVConnected", "Updated ChargingStateChanged Charging"],
        ["Ended StopAuthorized EVConnected"],
        ["Available"],
    ],
}


@pytest.mark.parametrize(("start", "stop"), list(TABLE))
def test_E02_the_columns_of_the_table_of_start_and_stop_points(bench: Bench, start: str, stop: str) -> None:
    points(bench, start, stop)
    steps = [("plug-in", ""), ("authorize", TOKEN), ("authorize", TOKEN), ("unplug", "")]
    assert [step(bench, *it) for it in steps] == TABLE[start, stop]


# How a transaction starts (E01 to E03)


def test_E01_FR_16_the_connector_is_told_once_a_cable_is_in(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    assert [it.get("evse") for it in bench.tx()] == [{"id": 1}]
    bench.do("plug-in")
    assert [it.get("evse") for it in bench.tx()] == [{"id": 1, "connectorId": 1}, None]


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


# Offline (E04, E08, E11, E12)


def test_E04_FR_03_what_happens_offline_is_marked_and_told_in_order(bench: Bench) -> None:
    bench.do("plug-in")
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.forget()
    bench.drop()
    bench.advance(10)
    bench.do("authorize", TOKEN)
    assert bench.sent() == []
    bench.reconnect(10)
    events = bench.tx()
    assert [headline(it) for it in events] == ["Updated Authorized", "Updated ChargingStateChanged Charging"]
    assert [it["offline"] for it in events] == [True, True]
    assert [it["timestamp"] for it in events] == ["2025-01-01T10:00:10.000Z"] * 2


def test_E04_FR_03_what_happens_online_is_not_marked(bench: Bench) -> None:
    bench.do("plug-in")
    assert "offline" not in bench.tx()[0]


def test_E11_FR_07_what_waits_when_the_line_drops_is_marked_too(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    assert "offline" not in bench.tx()[0]
    bench.drop()
    bench.silent.clear()
    bench.reconnect(5)
    [event] = bench.tx()
    assert (event["eventType"], event["seqNo"], event["offline"]) == ("Started", 0, True)


def test_E11_samples_go_on_offline(bench: Bench) -> None:
    charge(bench)
    bench.drop()
    bench.advance(180)
    bench.reconnect()
    events = bench.tx()
    assert [headline(it) for it in events] == ["Updated MeterValuePeriodic"] * 3
    assert all(it["offline"] for it in events)
    assert [it["seqNo"] for it in events] == [3, 4, 5]


def test_E12_a_whole_offline_transaction_is_delivered(bench: Bench) -> None:
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.drop()
    session(bench, "plug", "token")
    bench.reconnect(10)
    [events] = told(bench).values()
    check_story(events)
    assert events[-1]["eventType"] == "Ended"
    assert all(it["offline"] for it in events)


def test_E08_FR_01_the_same_token_stops_offline(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.drop()
    assert error(bench.do("authorize", "OTHER")) == "not_connected"
    result(bench.do("authorize", TOKEN))
    bench.reconnect()
    assert reasons(bench) == [("StopAuthorized", "Local")]


def test_E11_the_view_of_a_transaction_tells_whether_its_last_event_waits(bench: Bench) -> None:
    charge(bench)
    shown = [result(bench.do("get"))["evses"][0]["tx"]["offline"]]
    bench.drop()
    bench.advance(60)
    shown.append(result(bench.do("get"))["evses"][0]["tx"]["offline"])
    assert shown == [False, True]


# A token that the CSMS refuses after all (E05)


def refused(payload: Json) -> Json:
    return {"idTokenInfo": {"status": "Invalid"}} if "idToken" in payload else {}


@pytest.mark.parametrize(
    ("stops", "stop", "story", "ended"),
    [
        (True, "Authorized", ["Ended Deauthorized EVConnected"], "DeAuthorized"),
        (True, "PowerPathClosed", ["Ended Deauthorized EVConnected"], "DeAuthorized"),
        (True, "EnergyTransfer", ["Ended Deauthorized EVConnected"], "DeAuthorized"),
        (True, "EVConnected", ["Updated Deauthorized EVConnected"], None),
        (True, "ParkingBayOccupancy", ["Updated Deauthorized EVConnected"], None),
        (False, "Authorized", ["Updated ChargingStateChanged SuspendedEVSE"], None),
        (False, "EVConnected", ["Updated ChargingStateChanged SuspendedEVSE"], None),
        (False, "EnergyTransfer", ["Ended ChargingStateChanged SuspendedEVSE"], "DeAuthorized"),
    ],
)
def test_E05_the_table_of_StopTxOnInvalidId(
    bench: Bench, *, stops: bool, stop: str, story: list[str], ended: str | None
) -> None:
    points(bench, "EVConnected", stop).set("TxCtrlr.StopTxOnInvalidId", stops)
    bench.answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    events = bench.tx()
    assert [headline(it) for it in events][-1:] == story
    assert events[-1]["transactionInfo"].get("stoppedReason") == ended
    assert not is_charging(bench)


def test_E05_FR_02_a_suspended_token_still_stops(bench: Bench) -> None:
    points(bench, "EVConnected", "Authorized").set("TxCtrlr.StopTxOnInvalidId", False)
    bench.answers["TransactionEvent"] = refused
    charge(bench)
    bench.do("authorize", TOKEN)
    assert reasons(bench) == [("StopAuthorized", "Local")]


def test_E05_FR_09_the_end_says_why_energy_stopped(bench: Bench) -> None:
    bench.answers["TransactionEvent"] = refused
    charge(bench)
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "DeAuthorized")]


def test_C15_FR_04_a_token_taken_offline_is_refused_when_it_is_told(bench: Bench) -> None:
    points(bench, "EVConnected", "Authorized").set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.answers["TransactionEvent"] = refused
    bench.drop()
    charge(bench)
    bench.reconnect(10)
    assert bench.story()[-1] == "Ended Deauthorized EVConnected"


def test_E05_an_answer_to_an_old_transaction_does_not_harm_the_new_one(bench: Bench) -> None:
    points(bench, "EVConnected", "Authorized").silent.add("TransactionEvent")
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    bench.do("authorize", TOKEN)
    bench.do("authorize", "OTHER")
    bench.silent.clear()
    first = next(iter(told(bench)))
    bench.answers["TransactionEvent"] = lambda it: (
        refused(it) if it["transactionInfo"]["transactionId"] == first else {}
    )
    bench.advance(120)
    assert is_charging(bench)


# How a transaction ends (E06, E07, E09)


def locks(bench: Bench) -> bool:
    return result(bench.do("get"))["evses"][0]["connectors"][0]["locked"]  # type: ignore[no-any-return]


def test_E06_FR_10_a_socket_holds_the_cable_while_somebody_is_authorized(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    seen = [locks(bench)]
    for _ in range(2):
        bench.do("authorize", TOKEN)
        seen.append(locks(bench))
    assert seen == [False, True, False]


def test_E06_FR_10_a_cable_of_the_station_has_no_lock(bench: Bench) -> None:
    charge(bench)
    assert not locks(bench)


def test_E06_FR_11_the_end_tells_begin_samples_and_end(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxEndedInterval", 60)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(150)
    bench.do("unplug")
    ended = bench.tx()[-1]
    assert contexts(ended) == ["Transaction.Begin", *["Sample.Periodic"] * 2, "Transaction.End"]
    assert energies(ended) == [0, 183.3, 366.7, 458.3]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("GroundFault", "GroundFault"),
        ("OverCurrentFailure", "OvercurrentFault"),
        ("EmergencyStop", "EmergencyStop"),
        ("PowerLoss", "PowerLoss"),
        ("OverVoltage", "PowerQuality"),
        ("HighTemperature", "Other"),
    ],
)
def test_E06_FR_16_a_fault_ends_the_transaction(bench: Bench, code: str, reason: str) -> None:
    charge(bench)
    bench.do("fault", code)
    assert reasons(bench) == [("AbnormalCondition", reason)]
    assert not is_charging(bench)


def test_E06_FR_16_a_fault_of_ones_own_has_no_reason_of_its_own(bench: Bench) -> None:
    charge(bench)
    bench.do("fault", code="Coffee", component="Display")
    assert reasons(bench) == [("AbnormalCondition", "Other")]


def test_E06_FR_16_a_fault_at_the_other_connector_disturbs_nobody(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(connectors=(Connector(), Connector("cCCS2"))),)))
    bench.do("plug-in", connector=1)
    bench.do("authorize", TOKEN)
    bench.forget()
    bench.do("fault", connector=2, code="GroundFault")
    assert bench.tx() == []
    assert is_charging(bench)


def test_E06_FR_16_a_repaired_connector_starts_afresh_with_the_cable_in(bench: Bench) -> None:
    charge(bench)
    bench.do("fault", "GroundFault")
    bench.forget()
    bench.do("clear-fault")
    assert bench.story() == ["Started CablePluggedIn EVConnected"]
    assert not is_charging(bench)


def test_E07_FR_02_the_stopping_token_is_told(bench: Bench) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)
    [event] = bench.tx()
    assert headline(event) == "Updated StopAuthorized EVConnected"
    assert event["idToken"] == ID_TOKEN


def test_E07_FR_04_the_end_after_a_local_stop_is_local(bench: Bench) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "Local")]


@pytest.mark.parametrize("reason", ["Local", "EmergencyStop", "SOCLimitReached"])
def test_E07_FR_06_the_stop_button_names_its_reason(bench: Bench, reason: str) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.do("stop", reason)
    assert reasons(bench) == [("StopAuthorized", reason)]


def test_E07_the_stop_button_takes_no_reason_that_OCPP_does_not_have(bench: Bench) -> None:
    charge(bench)
    assert error(bench.do("stop", "Boredom")) == "invalid_argument"
    assert is_charging(bench)


def test_E07_the_stop_button_needs_somebody_to_stop(bench: Bench) -> None:
    bench.do("plug-in")
    assert error(bench.do("stop")) == "invalid_state"


def test_E07_the_first_reason_stays(bench: Bench) -> None:
    charge(bench)
    bench.do("stop", "EnergyLimitReached")
    bench.csms("RequestStopTransaction", {"transactionId": next(iter(told(bench)))})
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "EnergyLimitReached")]


def test_E09_FR_01_whoever_unplugs_is_no_longer_authorized(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "EVConnected"))
    bench.do("unplug")
    bench.do("plug-in")
    assert bench.story() == ["Ended EVCommunicationLost Idle", "Started CablePluggedIn EVConnected"]
    assert not is_charging(bench)


def test_E09_FR_02_the_socket_lets_the_cable_go(new_bench: NewBench) -> None:
    bench = charge(new_bench(SOCKET))
    bench.do("unplug")
    assert not locks(bench)


def test_E10_a_cable_left_in_after_the_stop_charges_again_for_the_next_token(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.do("authorize", TOKEN)
    bench.do("authorize", "OTHER")
    assert bench.story() == [
        "Ended StopAuthorized EVConnected",
        "Started Authorized EVConnected",
        "Updated ChargingStateChanged Charging",
    ]


@pytest.mark.parametrize("second", ["OTHER", TOKEN])
def test_C01_FR_23_no_second_token_on_a_stopped_transaction_that_is_still_open(
    bench: Bench, second: str
) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)
    bench.forget()
    assert error(bench.do("authorize", second)) == "invalid_state"
    assert bench.sent() == []


def test_C01_FR_23_nor_when_its_answer_comes_after_the_stop(bench: Bench) -> None:
    charge(bench)
    bench.silent.add("Authorize")
    assert bench.do("authorize", "OTHER") is None
    bench.do("authorize", TOKEN)
    asked = next(frame for frame in reversed(bench.frames) if frame[2] == "Authorize")
    bench.receive([3, asked[1], bench.answers["Authorize"]])
    assert error(bench.late_answer()) == "invalid_state"
    assert not is_charging(bench)


# Delivery (E13)


def test_E13_FR_02_an_event_without_an_answer_is_sent_three_times_and_then_the_next(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    sends: list[tuple[float, int]] = []
    for _ in range(160):
        sends += [(bench.clock.now, it["seqNo"]) for it in bench.tx()]
        bench.advance(1)
    start = sends[0][0]
    # the attempts are a timeout and 10 s, then a timeout and 20 s apart (E13.FR.03)
    assert [(at - start, seq) for at, seq in sends] == [(0, 0), (40, 0), (90, 0), (120, 1)]
    assert len({frame[1] for frame in bench.frames if frame[2] == "TransactionEvent"}) == 2
    assert len(bench.happened_since("warning")) == 1  # E13.FR.04


def test_E13_FR_02_a_CALLERROR_is_a_failure_too(bench: Bench) -> None:
    points(bench, "EVConnected", "EVConnected").answers["TransactionEvent"] = CallError("InternalError", "")
    bench.do("plug-in")
    bench.advance(29)
    assert len(bench.tx()) == 2
    bench.advance(1)
    assert len(bench.tx()) == 1
    bench.advance(100)
    assert bench.tx() == []


def test_E13_the_second_attempt_may_succeed(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    bench.silent.clear()
    bench.advance(300)
    assert [it["seqNo"] for it in bench.tx()][:2] == [0, 0]
    assert bench.happened_since("warning") == []


def test_E13_FR_01_the_loss_of_the_connection_is_no_attempt(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    for _ in range(5):
        bench.drop()
        bench.reconnect(1)
    assert [it["seqNo"] for it in bench.tx()] == [0] * 6
    assert bench.happened_since("warning") == []


# GetTransactionStatus (E14)


def status(bench: Bench, transaction: str | None = None) -> Json:
    return bench.csms("GetTransactionStatus", {"transactionId": transaction} if transaction else {})


def test_E14_FR_01_an_unknown_transaction(bench: Bench) -> None:
    assert status(bench, "nope") == {"ongoingIndicator": False, "messagesInQueue": False}


def test_E14_FR_02_FR_05_a_running_one(bench: Bench) -> None:
    charge(bench)
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": True, "messagesInQueue": False}


def test_E14_FR_02_FR_04_a_running_one_of_which_something_waits(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    charge(bench)
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": True, "messagesInQueue": True}


def test_E14_FR_03_FR_05_a_finished_one(bench: Bench) -> None:
    session(bench, "plug", "token")
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": False, "messagesInQueue": False}


def test_E14_FR_03_FR_04_a_finished_one_of_which_something_waits(bench: Bench) -> None:
    charge(bench)
    bench.silent.add("TransactionEvent")
    bench.do("unplug")
    assert status(bench, next(iter(told(bench)))) == {"ongoingIndicator": False, "messagesInQueue": True}


def test_E14_FR_06_to_FR_08_without_an_id_only_the_queue_counts(bench: Bench) -> None:
    assert status(bench) == {"messagesInQueue": False}
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    assert status(bench) == {"messagesInQueue": True}


def test_E14_what_somebody_has_it_send_as_it_is_does_not_count(bench: Bench) -> None:
    bench.silent.add("TransactionEvent")
    bench.do("call", action="TransactionEvent", payload={})
    assert status(bench) == {"messagesInQueue": False}


# Resets, power cuts, restarts


def test_B12_FR_04_an_immediate_reset_ends_every_transaction_first(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for evse in (1, 2):
        bench.do("plug-in", evse=evse)
    assert bench.csms("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    assert reasons(bench) == [("ResetCommand", "ImmediateReset")] * 2


def test_B12_FR_04_the_reset_button_is_a_reboot(bench: Bench) -> None:
    charge(bench)
    bench.do("reset", "Immediate")
    assert reasons(bench) == [("ResetCommand", "Reboot")]


def reboot(bench: Bench) -> None:
    bench.drop()
    bench.advance(10)
    bench.reconnect()


def test_B12_FR_05_an_undelivered_end_survives_the_reboot(bench: Bench) -> None:
    charge(bench)
    bench.silent.add("TransactionEvent")
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(15)
    bench.silent.clear()
    bench.forget()
    reboot(bench)
    assert [name for name, _ in bench.sent()][:1] == ["BootNotification"]
    assert [events[-1]["eventType"] for events in told(bench).values()] == ["Ended"]


def cut(bench: Bench, seconds: float = 600) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(seconds)


def back(bench: Bench) -> None:
    bench.do("power", "ON")
    bench.reconnect()


def test_E01_FR_07_a_transaction_goes_on_after_a_power_cut(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    back(bench)
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(11_000 * 10 / 3600)
    bench.advance(120)
    bench.do("unplug")
    [events] = told(bench).values()
    check_story(events)
    assert [headline(it) for it in events][3:] == [
        *["Updated MeterValuePeriodic"] * 2,
        "Ended EVCommunicationLost Idle",
    ]


def test_E06_a_cable_unplugged_during_the_power_cut_is_noticed_after_it(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    bench.do("unplug")
    assert bench.tx() == []
    back(bench)
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]


def test_E02_a_cable_plugged_in_during_the_power_cut_is_noticed_after_it(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    cut(bench)
    bench.do("plug-in")
    bench.forget()
    back(bench)
    assert bench.story() == ["Updated CablePluggedIn EVConnected", "Updated ChargingStateChanged Charging"]


def test_E09_FR_01_a_cable_changed_during_the_power_cut_takes_the_token_away(bench: Bench) -> None:
    charge(points(bench, "Authorized", "Authorized"))
    cut(bench)
    bench.do("unplug")
    bench.do("plug-in")
    back(bench)
    assert reasons(bench) == [("EVCommunicationLost", "EVDisconnected")]
    assert not is_charging(bench)


@pytest.mark.parametrize("ends", ["ParkingBayOccupancy", "Authorized"])
def test_E06_FR_01_a_car_that_left_during_the_power_cut_is_noticed_after_it(bench: Bench, ends: str) -> None:
    points(bench, "ParkingBayOccupancy", ends).do("park")
    cut(bench)
    bench.do("park", "OFF")
    back(bench)
    assert reasons(bench) == [("EVDeparted", "Local")]


def test_E06_FR_16_a_fault_during_the_power_cut_is_noticed_after_it(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    bench.do("fault", "GroundFault")
    assert bench.state.evses[0].transaction is not None
    back(bench)
    assert reasons(bench) == [("AbnormalCondition", "GroundFault")]


def test_E06_FR_16_a_fault_that_the_power_cut_hid_ends_nothing(bench: Bench) -> None:
    charge(bench)
    cut(bench)
    bench.do("fault", "GroundFault")
    bench.do("clear-fault")
    back(bench)
    assert reasons(bench) == []
    assert is_charging(bench)


def test_E03_FR_05_the_wait_for_the_cable_starts_anew_after_a_power_cut(bench: Bench) -> None:
    points(bench, "Authorized", "Authorized").do("authorize", TOKEN)
    cut(bench)
    back(bench)
    assert bench.story() == ["Started Authorized Idle"]
    bench.advance(120)
    assert reasons(bench) == [("EVConnectTimeout", "Timeout")]


def test_C01_an_authorization_without_a_transaction_does_not_survive_a_power_cut(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    points(bench, "EnergyTransfer", "EnergyTransfer").do("plug-in", ev={"ready_delay_s": 100})
    bench.do("authorize", TOKEN)
    assert locks(bench)
    cut(bench, 10)
    back(bench)
    bench.advance(200)
    assert bench.tx() == []
    assert not locks(bench)


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


# Energy (E01.FR.18, E06.FR.07)


def test_TC_E_38_a_car_that_is_not_ready_suspends_first(bench: Bench) -> None:
    bench.do("plug-in", ev={"ready_delay_s": 30})
    bench.do("authorize", TOKEN)
    assert bench.story()[1:] == ["Updated Authorized", "Updated ChargingStateChanged SuspendedEV"]
    bench.advance(30)
    assert bench.story() == ["Updated ChargingStateChanged Charging"]


@pytest.mark.parametrize(("by", "state"), [("ev", "SuspendedEV"), ("evse", "SuspendedEVSE")])
def test_E02_charging_is_suspended_and_goes_on(bench: Bench, by: str, state: str) -> None:
    charge(bench)
    bench.do("suspend", by)
    assert not is_charging(bench)
    bench.do("resume")
    assert bench.story() == [f"Updated ChargingStateChanged {now}" for now in (state, "Charging")]
    assert is_charging(bench)


def test_E02_suspending_twice_changes_nothing(bench: Bench) -> None:
    charge(bench)
    changes = [bench.do("suspend", "ev"), bench.do("suspend", "ev"), bench.do("resume"), bench.do("resume")]
    assert [it.done.changed for it in changes if it and it.done] == [True, False, True, False]


def test_E02_no_car_can_suspend_where_there_is_none(bench: Bench) -> None:
    assert error(bench.do("suspend", "ev")) == "invalid_state"


@pytest.mark.parametrize(
    ("by", "ended"),
    [
        ("ev", ("EVConnected", "StoppedByEV")),
        ("evse", ("SuspendedEVSE", "Other")),
    ],
)
def test_TC_E_22_with_stop_point_EnergyTransfer_a_pause_is_the_end(
    bench: Bench, by: str, ended: tuple[str, str]
) -> None:
    charge(points(bench, "EnergyTransfer", "EnergyTransfer"))
    bench.do("suspend", by)
    [event] = bench.tx()
    info = event["transactionInfo"]
    assert event["triggerReason"] == "ChargingStateChanged"
    assert (info["chargingState"], info["stoppedReason"]) == ended


def test_E02_a_full_battery_suspends(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    charge(bench, soc=99)
    bench.advance(3600)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEV"]
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(600)


def test_E06_the_end_tells_how_long_energy_flowed(bench: Bench) -> None:
    charge(bench)
    bench.advance(90)
    bench.do("suspend", "ev")
    bench.advance(1000)
    bench.do("unplug")
    assert bench.tx()[-1]["transactionInfo"]["timeSpentCharging"] == 100


def test_E06_FR_12_the_samples_for_the_end_are_bounded_and_begin_and_end_stay(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxEndedInterval", 1)
    charge(bench)
    bench.advance(1000)
    bench.do("unplug")
    [ended] = [it for it in bench.tx() if it["eventType"] == "Ended"]
    shown = contexts(ended)
    assert (shown[0], shown[-1]) == ("Transaction.Begin", "Transaction.End")
    assert e_transactions.MOST_SAMPLES / 2 <= len(ended["meterValue"]) <= e_transactions.MOST_SAMPLES + 2
    moments = [it["timestamp"] for it in ended["meterValue"]]
    assert moments == sorted(moments)


@pytest.mark.parametrize("answer", [{"idTokenInfo": {"status": "Blocked"}}, CallError("InternalError", "")])
def test_an_answer_for_an_EVSE_that_is_gone_changes_nothing(bench: Bench, answer: Any) -> None:
    bench.set("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", 1)
    bench.drop()
    bench.do("plug-in")
    bench.state.outbox.queue[-1].context["evse"] = 2
    bench.answers["TransactionEvent"] = answer
    bench.forget()
    bench.reconnect()
    assert [it.evse for it in bench.happened_since("warning")] == [0] * isinstance(answer, CallError)
    assert bench.state.outbox.queue == []


# Any sequence of inputs keeps what is always true

MORE = [
    ("authorize", "AAAA"),
    ("authorize", "BBBB"),
    ("start", ""),
    ("stop", ""),
    ("fault", "GroundFault"),
    ("clear-fault", ""),
    ("suspend", "ev"),
    ("suspend", "evse"),
    ("resume", ""),
    ("power", "TOGGLE"),
    ("network", "TOGGLE"),
    ("operative", "TOGGLE"),
    ("park", "TOGGLE"),
    ("ev", "99.9"),
    ("reset", "OnIdle"),
    ("reset", "Immediate"),
]
STEPS = st.one_of(
    st.sampled_from([("plug-in", "TOGGLE"), *MORE]).map(lambda it: ("do", *it)),
    st.sampled_from([0.5, 7.0, 61.0, 130.0, 4000.0]).map(lambda it: ("advance", it)),
    st.sampled_from(["drop", "connect", "remote start", "remote stop", "hush", "answer", "deny"]).map(
        lambda it: (it,)
    ),
)
ANY_POINTS = st.lists(st.sampled_from(POINTS), min_size=1, max_size=3, unique=True).map(",".join)


def apply(bench: Bench, kind: str, *what: Any) -> None:
    match kind:
        case "do":
            bench.do(*what)
        case "advance":
            bench.advance(*what)
        case "drop":
            bench.drop()
        case "connect" if bench.wanted and not bench.state.csms.connected:
            bench.reconnect()
        case "hush":
            bench.silent.add("TransactionEvent")
        case "answer" | "deny":
            bench.silent.clear()
            bench.answers["TransactionEvent"] = refused if kind == "deny" else {}
        case "remote start" if bench.state.csms.connected:
            remote_start(bench)
        case "remote stop" if bench.state.csms.connected:
            bench.csms("RequestStopTransaction", {"transactionId": list(told(bench) or ["nope"])[-1]})
    obey(bench)


def obey(bench: Bench) -> None:
    """The line goes where the station has hung up."""
    hangs_up = not bench.wanted or any(order.kind == "close" for order in bench.orders)
    bench.orders.clear()
    if hangs_up and bench.state.csms.connected:
        bench.drop()


def remote_start(bench: Bench) -> None:
    if bench.wanted:
        bench.csms("RequestStartTransaction", {"idToken": ID_TOKEN, "remoteStartId": len(bench.frames)})


def come_home(bench: Bench) -> None:
    """Repair everything, leave the station, and let it say all it has to say."""
    bench.silent.clear()
    for name in ("power", "network"):
        apply(bench, "do", name, "ON")
    apply(bench, "advance", 60)
    apply(bench, "connect")
    for name, argument in (("clear-fault", ""), ("plug-in", "OFF"), ("park", "OFF")):
        apply(bench, "do", name, argument)
    apply(bench, "advance", 600)
    apply(bench, "connect")


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ANY_POINTS, ANY_POINTS, st.lists(STEPS, max_size=25))
def test_E_any_sequence_of_inputs_keeps_every_transaction_whole(
    new_bench: NewBench, start: str, stop: str, steps: list[tuple[Any, ...]]
) -> None:
    bench = points(new_bench(), start, stop)
    for it in steps:
        apply(bench, *it)
    come_home(bench)
    for events in told(bench).values():
        check_story(events)
        assert events[-1]["eventType"] == "Ended"
    assert bench.state.outbox.queue == []
    for frame in bench.frames:
        if frame[0] == 2:
            schemas.check_request(frame[2], frame[3])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_POINTS, ANY_POINTS, st.lists(STEPS, max_size=20))
def test_E_a_reload_between_any_two_inputs_changes_nothing(
    new_bench: NewBench, start: str, stop: str, steps: list[tuple[Any, ...]]
) -> None:
    benches = new_bench(), Bench(restart=True)
    for bench in benches:
        points(bench, start, stop)
        for it in steps:
            apply(bench, *it)
    assert benches[0].frames == benches[1].frames
