"""N01: the logs of a station, uploaded where the CSMS says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench import Bench, Json

URL = "https://user:s3cret@files.example/logs/"


def get_log(bench: Bench, kind: str = "DiagnosticsLog", request_id: int = 1, **more: Any) -> Json:
    log = {"remoteLocation": more.pop("url", URL)}
    log |= {key: more.pop(key) for key in ("oldestTimestamp", "latestTimestamp") if key in more}
    return bench.csms("GetLog", {"logType": kind, "requestId": request_id, "log": log, **more})


def statuses(bench: Bench) -> list[tuple[int | None, str]]:
    return [(it.get("requestId"), it["status"]) for it in bench.sent("LogStatusNotification")]


def content(bench: Bench) -> list[Json]:
    """The lines of the log that is being uploaded."""
    return [json.loads(line) for line in bench.jobs["log"].data["content"].splitlines()]


def test_TC_N_25_N01_FR_01_N01_FR_02_N01_FR_07_N01_FR_08_N01_FR_09_diagnostics_are_uploaded(
    bench: Bench,
) -> None:
    answer = get_log(bench, request_id=7)
    assert answer["status"] == "Accepted"
    assert answer["filename"] == "CP001-DiagnosticsLog-20250101T100000Z.jsonl"
    assert statuses(bench) == [(7, "Uploading")]
    job = bench.jobs["log"]
    assert (job.kind, job.data["url"], job.data["name"]) == ("upload", URL, answer["filename"])
    bench.report("log", status="Uploaded")
    assert statuses(bench) == [(7, "Uploaded")]
    told = [it.data for it in bench.happened_since("log")]
    assert [it["status"] for it in told] == ["Uploading", "Uploaded"]
    assert told[0] == {
        "type": "DiagnosticsLog",
        "id": 7,
        "filename": answer["filename"],
        "status": "Uploading",
    }


def test_N01_FR_04_diagnostics_tell_what_the_station_is_and_does(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    bench.set("TxCtrlr.EVConnectionTimeOut", 77)
    get_log(bench, oldestTimestamp="2025-01-01T09:00:00Z", latestTimestamp="2025-01-01T11:00:00Z")
    head, state, variables, more, event = content(bench)
    assert head["station"] == "CP001"
    assert state["state"]["faults"] == ["GroundFault"]
    assert variables["variables"]["TxCtrlr.EVConnectionTimeOut"] == "77"
    assert more["network_profile"] == {"slot": 1, "security_profile": 0}
    assert event == {"timestamp": "2025-01-01T10:00:00.000Z", "type": "StartupOfTheDevice"}


def test_N01_FR_04_the_security_events_in_diagnostics_are_those_of_the_time_asked_for(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": "2025-01-01T20:00:00Z"}
    bench.do("heartbeat")
    get_log(bench, oldestTimestamp="2025-01-01T19:00:00Z")
    assert [it["type"] for it in content(bench) if "type" in it] == ["SettingSystemTime"]


def test_diagnostics_hold_no_secret_and_no_customer(bench: Bench) -> None:
    bench.set("SecurityCtrlr.BasicAuthPassword", "a-password-of-16")
    bench.do("plug-in")
    bench.do("authorize", "CARD4711")
    get_log(bench)
    text = bench.jobs["log"].data["content"].decode()
    assert bench.state.evses[0].transaction is not None
    assert "EVSE:1.AvailabilityState" in text
    assert not any(secret in text for secret in ("a-password", "CARD4711", "s3cret"))
    assert "SecurityCtrlr.BasicAuthPassword" not in text


def test_TC_N_35_N01_FR_03_the_security_log_is_uploaded(bench: Bench) -> None:
    bench.advance(60)
    bench.do("security-event", type="TamperDetectionActivated", tech_info="lid")
    assert get_log(bench, "SecurityLog")["status"] == "Accepted"
    assert content(bench) == [
        {"timestamp": "2025-01-01T10:00:00.000Z", "type": "StartupOfTheDevice"},
        {"timestamp": "2025-01-01T10:01:00.000Z", "type": "TamperDetectionActivated", "techInfo": "lid"},
    ]
    bench.report("log", status="Uploaded")
    assert statuses(bench) == [(1, "Uploading"), (1, "Uploaded")]


@pytest.mark.parametrize(
    ("oldest", "latest", "found"),
    [
        ("2025-01-01T10:00:30Z", None, ["B"]),
        (None, "2025-01-01T10:00:30Z", ["StartupOfTheDevice"]),
        ("2025-01-01T10:00:00Z", "2025-01-01T12:01:00+02:00", ["StartupOfTheDevice", "B"]),
    ],
)
def test_the_security_log_is_that_of_the_time_asked_for(
    bench: Bench, oldest: str | None, latest: str | None, found: list[str]
) -> None:
    bench.advance(60)
    bench.do("security-event", type="B")
    times = {"oldestTimestamp": oldest, "latestTimestamp": latest}
    get_log(bench, "SecurityLog", **{key: it for key, it in times.items() if it is not None})
    assert [it["type"] for it in content(bench)] == found


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("SecurityLog", {"latestTimestamp": "2024-12-31T00:00:00Z"}),
        ("SecurityLog", {"oldestTimestamp": "2025-01-01T10:00:01Z"}),
        ("DiagnosticsLog", {"oldestTimestamp": "2025-01-02T00:00:00Z"}),
        (
            "DiagnosticsLog",
            {"oldestTimestamp": "2025-01-01T09:00:00Z", "latestTimestamp": "2025-01-01T08:00:00Z"},
        ),
    ],
)
def test_TC_N_34_N01_FR_05_a_log_that_there_is_not_is_rejected(bench: Bench, kind: str, times: Json) -> None:
    answer = get_log(bench, kind, **times)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "NotFound")
    assert "filename" not in answer
    assert bench.sent() == []
    assert bench.jobs == {}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "files.example/logs",
        "file:///etc/passwd",
        "gopher://files.example/",
        "https:///logs",
        "ftp://files.example:99999/",
        "ftp://files.example/%0d%0aDELE%20x",
        "https://files.example/a b",
        "sftp://files.example/logs/../../etc",
        "ftp://files.example/%2e%2e/etc",
        "http://s3cret@[::1",
    ],
)
def test_N01_FR_05_a_place_where_no_log_can_go_is_rejected(bench: Bench, url: str) -> None:
    answer = get_log(bench, url=url)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "InvalidURL")
    assert "s3cret" not in str(answer)
    assert bench.jobs == {}


@pytest.mark.parametrize(
    "status", ["UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation"]
)
def test_TC_N_26_N01_FR_10_it_is_tried_again_and_the_last_failure_told(bench: Bench, status: str) -> None:
    get_log(bench, request_id=2, retries=3, retryInterval=20)
    bench.forget()
    for _ in range(3):
        bench.report("log", status="UploadFailure", reason="nobody there")
        bench.jobs.clear()
        assert statuses(bench) == []
        bench.advance(19)
        assert bench.jobs == {}
        bench.advance(1)
    bench.report("log", status=status, reason="nobody there")
    assert statuses(bench) == [(2, status)]
    assert [it.data["reason"] for it in bench.happened_since("log")] == ["nobody there"]
    bench.jobs.clear()
    bench.advance(1000)
    assert bench.jobs == {}


def test_retries_0_is_one_attempt(bench: Bench) -> None:
    get_log(bench, retries=0)
    bench.report("log", status="PermissionDenied")
    assert statuses(bench) == [(1, "Uploading"), (1, "PermissionDenied")]


@pytest.mark.parametrize("numbers", [{"retries": -1}, {"retries": 2**31, "retryInterval": -5}])
def test_absurd_numbers_of_retries_have_bounds(bench: Bench, numbers: Json) -> None:
    get_log(bench, **numbers)
    attempts = 0
    while bench.jobs:
        bench.report("log", status="UploadFailure")
        bench.jobs.clear()
        bench.advance(1)
        attempts += 1
    assert attempts == (1 if numbers["retries"] < 0 else 101)
    assert statuses(bench)[-1] == (1, "UploadFailure")


def test_without_a_number_of_retries_the_station_has_its_own(bench: Bench) -> None:
    get_log(bench)
    for _ in range(3):
        bench.report("log", status="UploadFailure")
        bench.advance(60)
    bench.report("log", status="UploadFailure")
    assert statuses(bench) == [(1, "Uploading"), (1, "UploadFailure")]


def test_a_bug_of_the_edge_is_a_failure_like_others(bench: Bench) -> None:
    get_log(bench, retries=0)
    bench.report("log", bug="ZeroDivisionError()")
    assert statuses(bench)[-1] == (1, "UploadFailure")


def test_TC_N_36_N01_FR_12_N01_FR_20_a_new_log_takes_the_place_of_the_old(bench: Bench) -> None:
    get_log(bench, request_id=1)
    bench.forget()
    answer = get_log(bench, "SecurityLog", request_id=2)
    assert answer["status"] == "AcceptedCanceled"
    assert statuses(bench) == [(1, "AcceptedCanceled"), (2, "Uploading")]
    assert bench.jobs["log"].data["name"] == answer["filename"]
    bench.report("log", status="Uploaded")
    assert statuses(bench) == [(2, "Uploaded")]
    assert get_log(bench, request_id=3)["status"] == "Accepted"


def test_N01_FR_12_one_that_waits_for_its_next_attempt_is_replaced_too(bench: Bench) -> None:
    get_log(bench, request_id=1)
    bench.report("log", status="UploadFailure")
    assert get_log(bench, request_id=2)["status"] == "AcceptedCanceled"
    bench.report("log", status="Uploaded")
    bench.jobs.clear()
    bench.advance(1000)
    assert bench.jobs == {}


def test_N01_FR_05_a_log_that_is_rejected_cancels_nothing(bench: Bench) -> None:
    get_log(bench, request_id=1)
    assert get_log(bench, request_id=2, url="file:///tmp/x")["status"] == "Rejected"
    bench.report("log", status="Uploaded")
    assert statuses(bench) == [(1, "Uploading"), (1, "Uploaded")]


def test_the_upload_begins_anew_after_a_restart_of_the_daemon(bench: Bench) -> None:
    name = get_log(bench, request_id=4)["filename"]
    bench.start_again()
    assert bench.jobs["log"].data["name"] == name
    assert bench.jobs["log"].data["url"] == URL
    bench.report("log", status="Uploaded")
    bench.reconnect()
    assert statuses(bench)[-1] == (4, "Uploaded")
    bench.start_again()
    assert bench.jobs == {}


def test_the_upload_stops_without_power_and_begins_anew_with_it(bench: Bench) -> None:
    get_log(bench)
    bench.do("power", "OFF")
    assert bench.jobs == {}
    bench.do("power", "ON")
    assert list(bench.jobs) == ["log"]


def test_without_the_network_an_attempt_fails(bench: Bench) -> None:
    get_log(bench, retries=1, retryInterval=10)
    bench.forget()
    bench.do("network", "OFF")
    bench.drop()
    assert bench.jobs == {}
    bench.advance(10)
    bench.do("network", "ON")
    bench.reconnect()
    assert statuses(bench) == [(1, "UploadFailure")]


def test_with_the_network_back_in_time_the_next_attempt_may_succeed(bench: Bench) -> None:
    get_log(bench, retries=1, retryInterval=10)
    bench.do("network", on=False, for_s=5)
    bench.drop()
    bench.advance(10)
    bench.report("log", status="Uploaded")
    bench.reconnect()
    assert statuses(bench) == [(1, "Uploading"), (1, "Uploaded")]


def test_what_became_of_it_waits_for_the_connection(bench: Bench) -> None:
    get_log(bench)
    bench.drop()
    bench.report("log", status="Uploaded")
    bench.reconnect(after=60)
    assert statuses(bench)[-1] == (1, "Uploaded")


def test_F06_FR_14_N01_FR_13_a_trigger_tells_of_the_upload(bench: Bench) -> None:
    get_log(bench, request_id=9)
    bench.forget()
    trigger = {"requestedMessage": "LogStatusNotification"}
    assert bench.csms("TriggerMessage", trigger) == {"status": "Accepted"}
    assert statuses(bench) == [(9, "Uploading")]
    bench.report("log", status="UploadFailure")  # it will be tried again
    bench.csms("TriggerMessage", trigger)
    assert statuses(bench) == [(9, "Uploading")]


def test_F06_FR_15_N01_FR_13_a_trigger_without_an_upload_tells_Idle(bench: Bench) -> None:
    trigger = {"requestedMessage": "LogStatusNotification"}
    assert bench.csms("TriggerMessage", trigger) == {"status": "Accepted"}
    assert bench.sent("LogStatusNotification") == [{"status": "Idle"}]


def test_the_station_tells_how_it_transfers_files(bench: Bench) -> None:
    item = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "FileTransferProtocols"}}
    answer = bench.csms("GetVariables", {"getVariableData": [item]})
    assert answer["getVariableResult"][0]["attributeValue"] == "FTP,FTPS,HTTP,HTTPS,SFTP"
