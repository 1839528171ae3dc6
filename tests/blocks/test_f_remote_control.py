"""F: what the CSMS stops, unlocks and triggers, and what it is answered (F03 to F06)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core import outbox
from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.times import parse_time
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
def test_TC_F_08_F03_FR_03_F03_FR_07_F03_FR_09_the_stop_point_decides_what_a_remote_stop_is(
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


def test_F03_FR_02_F04_FR_03_the_end_after_a_remote_stop_is_remote(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    stop(bench, transaction(bench))
    bench.do("unplug")
    assert bench.tx()[-1]["transactionInfo"]["stoppedReason"] == "Remote"


def test_TC_F_09_F03_FR_08_an_unknown_transaction_is_rejected(bench: Bench) -> None:
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


def test_F04_FR_02_a_remote_stop_ends_the_flow_and_lets_the_cable_go(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    bench.advance(60)
    assert bench.state.evses[0].connectors[0].locked
    bench.forget()
    stop(bench, transaction(bench))
    assert bench.story() == ["Updated RemoteStop EVConnected"]
    assert not bench.state.evses[0].connectors[0].locked
    before = bench.state.evses[0].meter.energy_wh
    bench.advance(60)
    assert bench.state.evses[0].meter.energy_wh == before


@pytest.mark.parametrize("stop_point", ["Authorized", "EVConnected"])
def test_F03_FR_05_F03_FR_06_F04_FR_05_F04_FR_06_of_too_many_samples_those_between_are_dropped(
    bench: Bench, stop_point: str
) -> None:
    bench.set("SampledDataCtrlr.TxEndedInterval", 10)
    points(bench, "EVConnected", stop_point).do("plug-in")
    bench.do("authorize", "AAAA")
    bench.advance(10_000)
    stop(bench, transaction(bench))
    bench.do("unplug")
    (ended,) = [it for it in bench.tx() if it["eventType"] == "Ended"]
    told = [parse_time(it["timestamp"]) or 0 for it in ended["meterValue"]]
    assert told == sorted(told)
    assert told[-1] - told[0] == 10_000  # from the begin to the end
    assert {int((it - told[0]) // 5000) for it in told[1:-1]} >= {0, 1}  # neither half is empty
    assert len(told) < 500


def test_F03_FR_07_a_transaction_that_nobody_is_authorized_for_is_stopped_too(bench: Bench) -> None:
    bench.do("plug-in")
    assert stop(bench, transaction(bench)) == {"status": "Accepted"}
    assert bench.do("authorize", "AAAA").error is not None  # type: ignore[union-attr]
    bench.do("unplug")
    assert bench.tx()[-1]["transactionInfo"]["stoppedReason"] == "Remote"


# UnlockConnector (F05)


def unlock(bench: Bench, evse: int = 1, connector: int = 1) -> str:
    response = bench.csms("UnlockConnector", {"evseId": evse, "connectorId": connector})
    return response["status"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("evse", "connector"), [(1, 2), (2, 1), (0, 1), (1, 0), (-1, 1), (999, 999)])
def test_TC_F_10_F05_FR_03_an_unknown_connector(bench: Bench, evse: int, connector: int) -> None:
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
def test_TC_F_05_TC_F_06_TC_F_07_F05_FR_01_F05_FR_04_F05_FR_06_the_table_of_UnlockConnector(
    new_bench: NewBench, commands: list[str], socket: str, cable: str
) -> None:
    seen = []
    for hardware in (SOCKET, Hardware()):
        bench = new_bench(hardware)
        for command in commands:
            bench.do(command)
        seen.append(unlock(bench))
    assert seen == [socket, cable]


OUT_OF_USE: dict[str, Callable[[Bench], object]] = {
    "fault": lambda bench: bench.do("fault", "GroundFault"),
    "Inoperative": lambda bench: bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative"}),
    "reset": lambda bench: bench.csms("Reset", {"type": "Immediate", "evseId": 1}),
    "offline before": lambda bench: (bench.drop(), bench.reconnect(after=60)),
}


@pytest.mark.parametrize("how", OUT_OF_USE)
def test_F05_FR_04_a_cable_is_let_go_whatever_else_the_connector_is(new_bench: NewBench, how: str) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    OUT_OF_USE[how](bench)
    assert unlock(bench) == "Unlocked"
    assert not bench.state.evses[0].connectors[0].locked


def test_F05_FR_02_an_authorized_cable_stays_locked(new_bench: NewBench) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    bench.do("authorize")
    unlock(bench)
    assert bench.state.evses[0].connectors[0].locked


def test_F05_FR_02_the_other_connector_of_the_EVSE_is_none_of_its_business(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(connectors=(Connector("sType2"), Connector("sType2"))),)))
    bench.do("plug-in", connector=1)
    bench.do("authorize")
    assert [unlock(bench, 1, connector) for connector in (1, 2)] == [
        "OngoingAuthorizedTransaction",
        "Unlocked",
    ]
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
def test_F06_FR_04_F06_FR_05_F06_FR_10_the_answer_comes_before_the_message(
    bench: Bench, message: str, sent: str
) -> None:
    bench.do("plug-in")
    seen = len(bench.frames)
    assert trigger(bench, message, 1, 1) == {"status": "Accepted"}
    assert frames_from(bench, seen) == ["answer", sent]


def test_F06_FR_08_what_the_station_never_sends_is_not_implemented(bench: Bench) -> None:
    assert trigger(bench, "PublishFirmwareStatusNotification") == {"status": "NotImplemented"}
    assert bench.sent() == []


def test_F06_FR_08_a_station_that_publishes_firmware_tells_of_it(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(publishes_firmware=True))
    assert trigger(bench, "PublishFirmwareStatusNotification") == {"status": "Accepted"}
    assert bench.sent("PublishFirmwareStatusNotification") == [{"status": "Idle"}]


@pytest.mark.parametrize("place", [(), (1,), (99, 99)])
def test_TC_F_15_TC_F_17_TC_F_18_F06_FR_03_F06_FR_15_F06_FR_16_without_a_log_or_firmware_it_is_Idle(
    bench: Bench, place: tuple[int, ...]
) -> None:
    for message in ("LogStatusNotification", "FirmwareStatusNotification"):
        seen = len(bench.frames)
        assert trigger(bench, message, *place) == {"status": "Accepted"}
        assert frames_from(bench, seen) == ["answer", message]
        assert bench.sent(message) == [{"status": "Idle"}]


def test_TC_F_16_F06_FR_14_a_log_that_is_uploaded(bench: Bench) -> None:
    log = {"remoteLocation": "https://logs.example.com/"}
    bench.csms("GetLog", {"logType": "DiagnosticsLog", "requestId": 5, "log": log})
    bench.forget()
    assert trigger(bench, "LogStatusNotification") == {"status": "Accepted"}
    assert bench.sent("LogStatusNotification") == [{"status": "Uploading", "requestId": 5}]


def test_TC_F_19_firmware_that_is_downloaded(bench: Bench) -> None:
    firmware = {"location": "https://fw.example.com/a", "retrieveDateTime": "2025-01-01T08:00:00Z"}
    bench.csms("UpdateFirmware", {"requestId": 6, "firmware": firmware})
    bench.forget()
    assert trigger(bench, "FirmwareStatusNotification") == {"status": "Accepted"}
    assert bench.sent("FirmwareStatusNotification") == [{"status": "Downloading", "requestId": 6}]


def test_TC_F_26_F06_FR_17_no_BootNotification_once_accepted(bench: Bench) -> None:
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
def test_TC_F_23_TC_F_24_F06_FR_09_the_status_is_the_current_one(
    bench: Bench, plugs: int, status: str
) -> None:
    for _ in range(plugs):
        bench.do("plug-in")
    bench.forget()
    trigger(bench, "StatusNotification", 1, 1)
    assert [it["connectorStatus"] for it in bench.sent("StatusNotification")] == [status]


@pytest.mark.parametrize(("evse", "told"), [(None, [1, 2]), (1, [1]), (2, [2]), (3, [])])
def test_TC_F_11_TC_F_12_F06_FR_06_F06_FR_11_meter_values_of_one_EVSE_or_of_all(
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
def test_TC_F_13_TC_F_14_F06_FR_07_F06_FR_11_the_transaction_of_one_EVSE_or_of_all(
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
