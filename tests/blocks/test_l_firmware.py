"""L01, L02: firmware, from the request of the CSMS to the boot with it; the download itself is an edge's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.blocks.l_firmware import INSTALL_SECONDS
from ocppd.core.description import Evse, Hardware
from ocppd.core.status import connector_status
from ocppd.core.times import format_time
from ocppd.core.views import station_state
from tests.bench import START, Bench, Json
from tests.certificates import DAY, Authority, root

URL = "https://user:s3cret@files.example/ac22-2.0.0.bin"
MAKER = root("Maker root")
SIGNER = Authority("Firmware signing", MAKER, authority=False)
OTHER = Authority("Firmware signing", root("Other root"), authority=False)
TRIGGER = {"requestedMessage": "FirmwareStatusNotification"}


@pytest.fixture
def two(new_bench: Callable[..., Bench]) -> Bench:
    """A station with two EVSEs."""
    return new_bench(Hardware(evses=(Evse(), Evse())))


def at(seconds: float) -> str:
    return format_time(START + seconds)


def update(bench: Bench, request_id: int = 1, **more: Any) -> Json:
    """UpdateFirmware, at once unless `more` says otherwise; its keys are those of the request."""
    request = {key: more.pop(key) for key in ("retries", "retryInterval") if key in more}
    firmware = {"location": URL, "retrieveDateTime": at(0)} | more
    return bench.csms("UpdateFirmware", {"requestId": request_id, "firmware": firmware, **request})


def signed(bench: Bench, signer: Authority = SIGNER) -> Json:
    """What makes an update secure, for a station that knows its manufacturer."""
    install = {"certificateType": "ManufacturerRootCertificate", "certificate": MAKER.pem}
    assert bench.csms("InstallCertificate", install) == {"status": "Accepted"}
    bench.forget()
    return {"signingCertificate": signer.pem, "signature": "c2lnbmF0dXJl"}


def statuses(bench: Bench) -> list[tuple[int | None, str]]:
    return [(it.get("requestId"), it["status"]) for it in bench.sent("FirmwareStatusNotification")]


def security_events(bench: Bench) -> list[str]:
    return [it["type"] for it in bench.sent("SecurityEventNotification")]


def arrives(bench: Bench, **report: Any) -> None:
    bench.report("firmware", **({"status": "Downloaded", "version": "2.0.0"} | report))


def reboot(bench: Bench) -> None:
    """Until the station is up again and the CSMS has accepted it."""
    bench.advance(10)
    bench.drop()
    bench.reconnect(after=60)


def connector(bench: Bench) -> str:
    return connector_status(bench.station, 1, 1)


def start_charging(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", "CARD")
    bench.forget()


def test_TC_L_01_L01_FR_01_L01_FR_10_L01_FR_28_L01_FR_31_L01_FR_32_a_signed_update(bench: Bench) -> None:
    answer = update(bench, 7, **signed(bench))
    assert answer == {"status": "Accepted"}
    assert statuses(bench) == [(7, "Downloading")]
    job = bench.jobs["firmware"]
    assert (job.kind, job.data["url"], job.data["signature"]) == ("firmware", URL, "c2lnbmF0dXJl")
    arrives(bench, signed=True)
    assert statuses(bench) == [(7, "Downloaded"), (7, "SignatureVerified"), (7, "Installing")]
    bench.advance(INSTALL_SECONDS)
    assert statuses(bench) == [(7, "InstallRebooting")]
    reboot(bench)
    (_, boot), *rest = bench.sent()
    assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "2.0.0")
    assert ("FirmwareStatusNotification", {"status": "Installed", "requestId": 7}) in rest
    assert "FirmwareUpdated" in [payload.get("type") for _, payload in rest]
    assert bench.state.firmware_update is None


def test_TC_L_01_L02_FR_01_L02_FR_06_L02_FR_20_L02_FR_21_an_update_of_a_manufacturer_who_signs_nothing(
    bench: Bench,
) -> None:
    assert update(bench, 3) == {"status": "Accepted"}
    arrives(bench)
    bench.advance(INSTALL_SECONDS)
    reboot(bench)
    told = ["Downloading", "Downloaded", "Installing", "InstallRebooting", "Installed"]
    assert statuses(bench) == [(3, status) for status in told]
    assert [it.data["status"] for it in bench.happened_since("firmware")] == told


def test_TC_L_03_L01_FR_13_L02_FR_07_it_is_downloaded_from_its_moment_on(bench: Bench) -> None:
    update(bench, retrieveDateTime=at(600))
    bench.advance(599)
    assert statuses(bench) == [(1, "DownloadScheduled")]
    assert bench.jobs == {}
    bench.advance(1)
    assert statuses(bench) == [(1, "Downloading")]
    assert list(bench.jobs) == ["firmware"]


def test_TC_L_02_L01_FR_16_L02_FR_10_it_is_installed_from_its_moment_on(bench: Bench) -> None:
    update(bench, installDateTime=at(900))
    arrives(bench)
    bench.advance(899)
    assert statuses(bench) == [(1, "Downloading"), (1, "Downloaded"), (1, "InstallScheduled")]
    bench.advance(1)
    assert statuses(bench) == [(1, "Installing")]


@pytest.mark.parametrize("install", [None, at(-60)])
def test_L01_FR_05_L02_FR_02_what_is_due_already_is_installed_at_once(
    bench: Bench, install: str | None
) -> None:
    update(bench, **({} if install is None else {"installDateTime": install}))
    bench.forget()
    arrives(bench)
    assert statuses(bench) == [(1, "Downloaded"), (1, "Installing")]


def test_the_moments_are_those_of_the_stations_own_clock(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": at(3600)}
    bench.do("heartbeat")
    update(bench, retrieveDateTime=at(3660))
    bench.advance(60)
    assert statuses(bench)[-1] == (1, "Downloading")


def test_TC_L_05_L01_FR_02_L01_FR_12_L01_FR_21_L01_FR_22_a_signer_whom_nobody_knows(bench: Bench) -> None:
    answer = update(bench, **signed(bench, OTHER))
    assert answer["status"] == "InvalidCertificate"
    assert security_events(bench) == ["InvalidFirmwareSigningCertificate"]
    assert bench.jobs == {}


@pytest.mark.parametrize("flaw", ["expired", "not yet valid", "no certificate", "a key in it"])
def test_TC_L_05_L01_FR_21_a_signing_certificate_that_is_none(bench: Bench, flaw: str) -> None:
    secure = signed(bench)
    pem = {
        "expired": Authority("Signer", MAKER, authority=False, start=START - 20 * DAY, days=10).pem,
        "not yet valid": Authority("Signer", MAKER, authority=False, start=START + 10 * DAY).pem,
        "no certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "a key in it": SIGNER.pem + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    }[flaw]
    answer = update(bench, **(secure | {"signingCertificate": pem}))
    assert answer["status"] == "InvalidCertificate"


@pytest.mark.parametrize("kept", [[], ["signature"], ["signingCertificate"]])
def test_TC_L_18_L01_FR_09_a_station_that_knows_its_manufacturer_wants_both(
    bench: Bench, kept: list[str]
) -> None:
    secure = signed(bench)
    answer = update(bench, **{key: secure[key] for key in kept})
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "MissingParam")
    assert bench.state.firmware_update is None


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "https:///x", "ftp://h/%0d%0aDELE", "http://s3cret@["]
)
def test_a_place_where_no_firmware_is_is_rejected(bench: Bench, url: str) -> None:
    answer = update(bench, location=url)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "InvalidURL")
    assert "s3cret" not in str(answer)


def test_TC_L_06_L01_FR_03_L01_FR_04_L01_FR_09_a_signature_of_another_image(bench: Bench) -> None:
    update(bench, **signed(bench))
    arrives(bench, signed=False)
    assert statuses(bench) == [(1, "Downloading"), (1, "Downloaded"), (1, "InvalidSignature")]
    assert bench.state.firmware_update is None
    assert bench.state.security_log[-1].type == "InvalidFirmwareSignature"


def test_TC_L_07_L01_FR_30_L02_FR_19_the_last_failure_is_told(bench: Bench) -> None:
    update(bench, retries=2, retryInterval=30)
    for _ in range(2):
        bench.report("firmware", status="DownloadFailed", reason="nobody there")
        bench.jobs.clear()
        bench.advance(29)
        assert bench.jobs == {}
        bench.advance(1)
    bench.report("firmware", status="DownloadFailed", reason="nobody there")
    assert statuses(bench) == [(1, "Downloading"), (1, "DownloadFailed")]
    assert bench.happened_since("firmware")[-1].data["reason"] == "nobody there"
    bench.jobs.clear()
    bench.advance(1000)
    assert bench.jobs == {}


def test_TC_L_08_L01_FR_29_an_image_that_is_none_shows_at_the_installation(bench: Bench) -> None:
    update(bench)
    arrives(bench, flaw="its checksum is wrong")
    bench.advance(INSTALL_SECONDS)
    assert statuses(bench)[-2:] == [(1, "Installing"), (1, "InstallVerificationFailed")]
    assert connector(bench) == "Available"
    assert bench.station.firmware == "1.0.0"


def test_TC_L_10_L01_FR_24_L02_FR_15_a_new_request_takes_the_place_of_the_old(bench: Bench) -> None:
    update(bench, 1)
    bench.forget()
    assert update(bench, 2, location="https://files.example/other.bin") == {"status": "AcceptedCanceled"}
    assert statuses(bench) == [(2, "Downloading")]
    assert bench.jobs["firmware"].data["url"] == "https://files.example/other.bin"


def test_L01_FR_24_one_that_waits_for_its_moment_is_given_up_too(bench: Bench) -> None:
    update(bench, 1, installDateTime=at(900))
    arrives(bench)
    assert update(bench, 2, retrieveDateTime=at(1800))["status"] == "AcceptedCanceled"
    bench.forget()
    bench.advance(1000)
    assert statuses(bench) == []


def test_TC_L_11_L01_FR_27_L02_FR_18_what_is_being_installed_is_not_given_up(bench: Bench) -> None:
    update(bench, 1)
    arrives(bench)
    answer = update(bench, 2)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "FwUpdateInProgress")
    bench.advance(INSTALL_SECONDS)
    reboot(bench)
    assert statuses(bench)[-1] == (1, "Installed")


def test_TC_L_15_L01_FR_06_L01_FR_07_L01_FR_34_it_waits_for_who_charges_and_lets_nobody_else(
    bench: Bench,
) -> None:
    start_charging(bench)
    update(bench)
    arrives(bench)
    assert statuses(bench) == [(1, "Downloading"), (1, "Downloaded"), (1, "InstallScheduled")]
    assert connector(bench) == "Occupied"
    bench.advance(300)
    assert bench.state.evses[0].transaction is not None
    bench.do("authorize", "CARD")
    bench.do("unplug")
    bench.advance(0)
    assert statuses(bench)[-1] == (1, "Installing")
    assert connector(bench) == "Unavailable"
    bench.advance(INSTALL_SECONDS)
    reboot(bench)
    assert connector(bench) == "Available"


def test_TC_L_15_L01_FR_07_L02_FR_04_what_is_not_in_use_is_unavailable_meanwhile(two: Bench) -> None:
    two.do("plug-in", evse=1, connector=1)
    two.do("authorize", id_token="CARD", evse=1)
    update(two)
    two.forget()
    arrives(two)
    told = [(it["evseId"], it["connectorStatus"]) for it in two.sent("StatusNotification")]
    assert told == [(2, "Unavailable")]
    answer = two.do("authorize", id_token="OTHER", evse=2)
    assert answer is not None
    assert answer.error is not None


def test_TC_L_14_L01_FR_07_new_sessions_are_allowed_where_that_is_set(two: Bench) -> None:
    two.set("ChargingStation.AllowNewSessionsPendingFirmwareUpdate", True)
    two.do("plug-in", evse=1, connector=1)
    two.do("authorize", id_token="CARD", evse=1)
    update(two)
    arrives(two)
    two.forget()
    two.do("plug-in", evse=2, connector=1)
    two.do("authorize", id_token="OTHER", evse=2)
    assert two.state.evses[1].transaction is not None
    two.set("ChargingStation.AllowNewSessionsPendingFirmwareUpdate", False)
    two.do("unplug", evse=1, connector=1)
    two.advance(0)
    assert connector_status(two.station, 1, 1) == "Unavailable"
    two.do("unplug", evse=2, connector=1)
    two.advance(0)
    assert statuses(two) == [(1, "Installing")]


def test_TC_L_16_TC_L_12_TC_L_13_a_download_disturbs_nobody(bench: Bench) -> None:
    start_charging(bench)
    update(bench)
    assert list(bench.jobs) == ["firmware"]
    assert bench.state.evses[0].transaction is not None
    assert connector(bench) == "Occupied"


def test_L01_FR_33_L02_FR_03_L02_FR_22_L02_FR_23_an_authorization_is_waited_for_too(bench: Bench) -> None:
    bench.do("authorize", "CARD")
    update(bench)
    arrives(bench)
    assert statuses(bench)[-1] == (1, "InstallScheduled")
    bench.advance(200)  # EVConnectionTimeOut
    assert (1, "Installing") in statuses(bench)


def test_L01_FR_14_L02_FR_08_a_download_that_is_paused_and_goes_on(bench: Bench) -> None:
    update(bench)
    bench.do("firmware", "pause")
    assert statuses(bench) == [(1, "Downloading"), (1, "DownloadPaused")]
    assert bench.jobs == {}
    bench.advance(1000)
    assert bench.jobs == {}
    bench.do("firmware", "resume")
    assert statuses(bench) == [(1, "Downloading")]
    arrives(bench)
    assert statuses(bench)[0] == (1, "Downloaded")


@pytest.mark.parametrize(
    "failure", ["DownloadFailed", "InvalidSignature", "InstallVerificationFailed", "InstallationFailed"]
)
def test_an_update_may_be_told_to_fail(bench: Bench, failure: str) -> None:
    update(bench, retries=0, **signed(bench))
    bench.do("firmware", action="fail", status=failure)
    arrives(bench, signed=True)
    bench.advance(INSTALL_SECONDS)
    assert statuses(bench)[-1] == (1, failure)
    assert bench.state.firmware_update is None
    assert bench.station.firmware == "1.0.0"


def test_nothing_can_be_disturbed_where_there_is_no_update(bench: Bench) -> None:
    answer = bench.do("firmware", "pause")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"


def test_L01_FR_25_L02_FR_16_L01_FR_20_L02_FR_14_idle_before_an_update_and_after_it(bench: Bench) -> None:
    assert bench.csms("TriggerMessage", TRIGGER) == {"status": "Accepted"}
    assert bench.sent("FirmwareStatusNotification") == [{"status": "Idle"}]
    update(bench)
    arrives(bench)
    bench.advance(INSTALL_SECONDS)
    reboot(bench)
    bench.forget()
    bench.csms("TriggerMessage", TRIGGER)
    assert bench.sent("FirmwareStatusNotification") == [{"status": "Idle"}]


def test_L01_FR_26_L02_FR_17_what_was_told_last_is_told_again(bench: Bench) -> None:
    update(bench, 9)
    bench.forget()
    bench.csms("TriggerMessage", TRIGGER)
    assert statuses(bench) == [(9, "Downloading")]
    bench.report("firmware", status="DownloadFailed")
    bench.csms("TriggerMessage", TRIGGER)
    assert statuses(bench) == [(9, "Downloading")]


def test_a_restart_of_the_daemon_downloads_anew(bench: Bench) -> None:
    update(bench, 4)
    bench.start_again()
    assert bench.jobs["firmware"].data["url"] == URL
    arrives(bench)
    bench.reconnect()
    assert statuses(bench)[-1] == (4, "Installing")
    bench.start_again()
    bench.reconnect()
    bench.advance(INSTALL_SECONDS)
    assert statuses(bench)[-1] == (4, "InstallRebooting")
    bench.start_again()
    reboot(bench)
    assert statuses(bench)[-1] == (4, "Installed")


def test_a_power_cut_stops_the_download_until_there_is_power(bench: Bench) -> None:
    update(bench)
    bench.do("power", "OFF")
    bench.drop()
    assert bench.jobs == {}
    bench.do("power", "ON")
    bench.reconnect()
    assert list(bench.jobs) == ["firmware"]


def test_a_power_cut_in_the_installation_begins_it_anew(bench: Bench) -> None:
    update(bench)
    arrives(bench)
    bench.advance(5)
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(100)
    bench.do("power", "ON")
    bench.reconnect()
    assert bench.station.firmware == "1.0.0"
    bench.advance(INSTALL_SECONDS)
    reboot(bench)
    assert statuses(bench)[-1] == (1, "Installed")


def test_without_the_network_an_attempt_fails(bench: Bench) -> None:
    update(bench, retries=1, retryInterval=10)
    bench.do("network", "OFF")
    bench.drop()
    assert bench.jobs == {}
    bench.advance(10)
    bench.do("network", "ON")
    bench.reconnect()
    assert statuses(bench)[-1] == (1, "DownloadFailed")


def test_the_version_of_the_image_is_shown_everywhere(bench: Bench) -> None:
    update(bench)
    arrives(bench, version="3.1.4")
    bench.advance(INSTALL_SECONDS)
    reboot(bench)
    item = {"component": {"name": "ChargingStation"}, "variable": {"name": "FirmwareVersion"}}
    answer = bench.csms("GetVariables", {"getVariableData": [item]})
    assert answer["getVariableResult"][0]["attributeValue"] == "3.1.4"
    assert station_state(bench.station)["firmware"] == "3.1.4"
