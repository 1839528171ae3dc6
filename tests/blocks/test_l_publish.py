"""L03, L04: a firmware file that is served to others; fetching and serving it is an edge's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.blocks.l_publish import MOST
from ocppd.core.description import Hardware
from tests.bench import Bench, Json

URL = "https://user:s3cret@files.example/station.bin"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
JOB = f"publish:{MD5}"
HERE = f"http://lab1:8080/{MD5}"
TRIGGER = {"requestedMessage": "PublishFirmwareStatusNotification"}


@pytest.fixture
def server(new_bench: Callable[..., Bench]) -> Bench:
    """A station of a daemon that has a file server."""
    return new_bench(Hardware(publishes_firmware=True))


def publish(bench: Bench, request_id: int = 1, **more: Any) -> Json:
    return bench.csms("PublishFirmware", {"location": URL, "checksum": MD5, "requestId": request_id, **more})


def unpublish(bench: Bench) -> Json:
    return bench.csms("UnpublishFirmware", {"checksum": MD5})


def told(bench: Bench) -> list[Json]:
    return bench.sent("PublishFirmwareStatusNotification")


def goes_well(bench: Bench) -> None:
    for report in ({"status": "Downloaded"}, {"status": "ChecksumVerified"}):
        bench.report(JOB, **report)
    bench.report(JOB, status="Published", locations=(HERE,))


def test_L03_FR_01_L03_FR_04_L03_FR_05_L03_FR_09_a_file_is_fetched_and_served(server: Bench) -> None:
    assert publish(server, 5) == {"status": "Accepted"}
    assert server.jobs[JOB].data == {"url": URL, "checksum": MD5, "roots": ""}
    goes_well(server)
    statuses = ["Downloading", "Downloaded", "ChecksumVerified", "Published"]
    expected: list[Json] = [{"status": status, "requestId": 5} for status in statuses]
    expected[-1]["location"] = [HERE]
    assert told(server) == expected


def test_a_station_without_a_file_server_says_so(bench: Bench) -> None:
    assert publish(bench)["error"] == "NotSupported"
    assert unpublish(bench)["error"] == "NotSupported"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"location": "file:///etc/passwd"}, "InvalidURL"), ({"checksum": "../../etc"}, "InvalidValue")],
)
def test_what_cannot_be_fetched_is_rejected(server: Bench, wrong: Json, code: str) -> None:
    answer = publish(server, **wrong)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", code)
    assert server.jobs == {}


def test_no_more_files_than_there_is_room_for(server: Bench) -> None:
    answers = [publish(server, checksum=f"{number:032x}") for number in range(MOST + 1)]
    assert [it["status"] for it in answers] == ["Accepted"] * MOST + ["Rejected"]


def test_L03_FR_06_the_last_failed_download_is_told(server: Bench) -> None:
    publish(server, retries=1, retryInterval=30)
    server.report(JOB, status="DownloadFailed")
    server.jobs.clear()
    server.advance(29)
    assert server.jobs == {}
    server.advance(1)
    server.report(JOB, status="DownloadFailed")
    assert [it["status"] for it in told(server)] == ["Downloading", "DownloadFailed"]
    assert server.state.publications == ()


@pytest.mark.parametrize("status", ["InvalidChecksum", "PublishFailed"])
def test_L03_FR_02_L03_FR_07_L03_FR_08_a_file_that_cannot_be_served(server: Bench, status: str) -> None:
    publish(server)
    server.report(JOB, status="Downloaded")
    server.report(JOB, status=status)
    assert [it["status"] for it in told(server)] == ["Downloading", "Downloaded", status]
    assert server.jobs[JOB].data == {"remove": MD5}


def test_L04_FR_01_L04_FR_02_L04_FR_03_it_is_served_no_longer(server: Bench) -> None:
    assert unpublish(server) == {"status": "NoFirmware"}
    publish(server)
    goes_well(server)
    assert unpublish(server) == {"status": "Unpublished"}
    assert server.jobs[JOB].data == {"remove": MD5}
    assert unpublish(server) == {"status": "NoFirmware"}


def test_L04_FR_04_not_while_somebody_fetches_it(server: Bench) -> None:
    publish(server)
    assert unpublish(server) == {"status": "DownloadOngoing"}
    goes_well(server)
    server.report(JOB, downloads=1)
    assert unpublish(server) == {"status": "DownloadOngoing"}
    server.report(JOB, downloads=0)
    assert unpublish(server) == {"status": "Unpublished"}


def test_L03_FR_10_L03_FR_11_a_trigger_tells_how_it_stands(server: Bench) -> None:
    server.csms("TriggerMessage", TRIGGER)
    assert told(server) == [{"status": "Idle"}]
    publish(server, 3)
    server.forget()
    server.csms("TriggerMessage", TRIGGER)
    assert told(server) == [{"status": "Downloading", "requestId": 3}]
    goes_well(server)
    server.forget()
    server.csms("TriggerMessage", TRIGGER)
    assert told(server) == [{"status": "Idle"}]


def test_what_was_served_is_served_after_a_restart(server: Bench) -> None:
    publish(server)
    goes_well(server)
    server.forget()
    server.start_again()
    server.reconnect()
    assert server.jobs[JOB].data["checksum"] == MD5
    server.report(JOB, status="Published", locations=(HERE,))
    assert told(server) == []


def test_without_a_file_server_nothing_is_served_after_a_restart_and_with_one_again(server: Bench) -> None:
    publish(server)
    goes_well(server)
    server.refit(Hardware())
    assert server.jobs == {}
    server.refit(Hardware(publishes_firmware=True))
    assert list(server.jobs) == [JOB]


def test_nothing_is_served_without_power(server: Bench) -> None:
    publish(server)
    goes_well(server)
    server.do("power", "OFF")
    assert server.jobs == {}
    server.do("power", "ON")
    assert list(server.jobs) == [JOB]
