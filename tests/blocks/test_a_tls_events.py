"""A00: what the CSMS learns of attempts to connect that were not safe."""

from __future__ import annotations

import pytest

from tests.bench import Bench

CRITICAL = ["InvalidCsmsCertificate", "InvalidTLSVersion", "InvalidTLSCipherSuite"]


def told(bench: Bench) -> list[str]:
    return [event["type"] for event in bench.sent("SecurityEventNotification")]


def noted(bench: Bench) -> list[str]:
    return [event.data["type"] for event in bench.happened_since("security")]


@pytest.mark.parametrize("kind", CRITICAL)
def test_A00_FR_310_A00_FR_316_A00_FR_323_A00_FR_413_A00_FR_419_A00_FR_426_a_refused_csms_is_told_of_once_it_is_reached(  # noqa: E501
    bench: Bench, kind: str
) -> None:
    bench.drop()
    at = bench.station.timestamp()
    for failures in (1, 2, 3):
        bench.fail_to_connect(kind, failures=failures)
        bench.advance(5)
    assert told(bench) == []
    assert noted(bench) == [kind]
    bench.reconnect()
    [event] = bench.sent("SecurityEventNotification")
    assert (event["type"], event["timestamp"], event["techInfo"]) == (kind, at, "no way")


def test_A00_FR_316_each_row_of_failed_attempts_is_told_of(bench: Bench) -> None:
    for _ in range(2):
        bench.drop()
        bench.fail_to_connect("InvalidTLSVersion")
        bench.reconnect(1)
        assert told(bench) == ["InvalidTLSVersion"]


def test_A00_FR_316_kinds_that_take_turns_are_told_once_each(bench: Bench) -> None:
    bench.drop()
    for failures in range(1, 9):
        bench.fail_to_connect(CRITICAL[failures % 3], failures=failures)
    bench.reconnect(1)
    assert sorted(told(bench)) == sorted(CRITICAL)


def test_A00_FR_316_a_restart_of_the_daemon_does_not_repeat_it(bench: Bench) -> None:
    bench.drop()
    bench.fail_to_connect("InvalidCsmsCertificate")
    bench.start_again()
    bench.fail_to_connect("InvalidCsmsCertificate")
    bench.reconnect(1)
    assert told(bench) == ["InvalidCsmsCertificate"]


def test_a_station_that_is_refused_notes_that_for_itself(bench: Bench) -> None:
    """FailedToAuthenticateAtCsms is not critical (part 2, appendix 1)."""
    bench.drop()
    for failures in (1, 2):
        bench.fail_to_connect("FailedToAuthenticateAtCsms", failures=failures)
    assert noted(bench) == ["FailedToAuthenticateAtCsms"]
    entry = bench.state.security_log[-1]
    assert (entry.type, entry.info) == ("FailedToAuthenticateAtCsms", "no way")
    bench.reconnect(1)
    assert told(bench) == []


def test_a_csms_that_is_not_there_is_no_security_event(bench: Bench) -> None:
    bench.drop()
    bench.fail_to_connect()
    bench.reconnect(1)
    assert (noted(bench), told(bench)) == ([], [])


def test_TC_A_05_TC_A_06_a_station_that_boots_tells_of_it_after_its_boot() -> None:
    bench = Bench(boot=False)
    bench.fail_to_connect("InvalidTLSVersion")
    bench.reconnect(2)
    sent = bench.sent()
    assert sent[0][0] == "BootNotification"
    assert sorted(it["type"] for name, it in sent if name == "SecurityEventNotification") == [
        "InvalidTLSVersion",
        "StartupOfTheDevice",
    ]
