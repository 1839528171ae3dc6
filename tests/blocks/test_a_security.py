"""A. Security: the events that the CSMS must learn of."""

from __future__ import annotations

import pytest

from ocppd.blocks.a_security import MOST_ENTRIES
from ocppd.core.errors import CallError
from ocppd.core.outbox import MOST_CALLS, MOST_SECURITY_EVENTS
from ocppd.core.station import Answer
from tests.bench import Bench


def kinds(bench: Bench) -> list[str]:
    return [it["type"] for it in bench.sent("SecurityEventNotification")]


def power_cycle(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")


def restart(bench: Bench, how: str) -> None:
    """Down and up again, and connected."""
    if how == "power":
        power_cycle(bench)
    else:
        bench.csms("Reset", {"type": "Immediate"})
        bench.advance(1)
        bench.drop()
        bench.advance(5)
    bench.connect()
    bench.settle()


@pytest.mark.parametrize(("how", "kind"), [("power", "StartupOfTheDevice"), ("reset", "ResetOrReboot")])
def test_A04_FR_01_after_each_boot_the_station_says_why_it_has_started(
    bench: Bench, how: str, kind: str
) -> None:
    restart(bench, how)
    assert [action for action, _ in bench.sent()][-3:] == [
        "BootNotification",
        "StatusNotification",
        "SecurityEventNotification",
    ]
    assert bench.happened_since("security")[0].data == {"type": kind}


def test_A04_a_boot_that_is_none_is_no_security_event(bench: Bench) -> None:
    bench.do("boot")
    assert kinds(bench) == []


def test_A04_FR_02_an_event_is_delivered_when_the_CSMS_can_be_reached_again(bench: Bench) -> None:
    bench.silent.add("SecurityEventNotification")
    restart(bench, "power")
    told = bench.sent("SecurityEventNotification")
    bench.drop()
    bench.silent.clear()
    bench.reconnect(after=60)
    assert bench.sent("SecurityEventNotification") == told


def test_A04_FR_02_an_event_outlasts_a_power_cut(bench: Bench) -> None:
    bench.silent.add("SecurityEventNotification")
    restart(bench, "reset")
    bench.forget()
    bench.silent.clear()
    restart(bench, "power")
    assert kinds(bench) == ["ResetOrReboot", "StartupOfTheDevice"]


# The log (A04.FR.04)


def logged(bench: Bench) -> list[tuple[str, str]]:
    return [(it.type, it.info) for it in bench.state.security_log]


def security_event(bench: Bench, kind: str = "TamperDetectionActivated", **more: str) -> Answer:
    answer = bench.do("security-event", type=kind, **more)
    assert answer is not None
    return answer


def test_A04_FR_04_every_event_goes_into_the_log_and_stays_there(bench: Bench) -> None:
    assert logged(bench) == [("StartupOfTheDevice", "")]
    security_event(bench, tech_info="the lid")
    bench.receive("no JSON")
    bench.start_again()
    assert logged(bench) == [
        ("StartupOfTheDevice", ""),
        ("TamperDetectionActivated", "the lid"),
        ("InvalidMessages", "RpcFrameworkError"),
    ]


def test_A04_FR_04_the_log_rolls(bench: Bench) -> None:
    for number in range(MOST_ENTRIES + 3):
        security_event(bench, f"E{number}")
    kinds = [kind for kind, _ in logged(bench)]
    assert kinds == [f"E{number}" for number in range(3, MOST_ENTRIES + 3)]


def test_A04_FR_04_entries_bear_the_time_of_the_station(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": "2031-01-01T00:00:00Z"}
    bench.do("heartbeat")
    bench.advance(5)
    bench.forget()
    security_event(bench)
    assert bench.state.security_log[-1].at == 1_924_992_005.0
    assert bench.sent("SecurityEventNotification")[0]["timestamp"] == "2031-01-01T00:00:05.000Z"


# Delivery (A04.FR.01 to A04.FR.03)


def test_A04_FR_02_without_an_answer_it_is_told_again_and_again(bench: Bench) -> None:
    bench.silent.add("SecurityEventNotification")
    bench.do("security-event", type="TamperDetectionActivated", wait=False)
    (told,) = bench.sent("SecurityEventNotification")
    bench.advance(30 + 60)
    assert bench.sent("SecurityEventNotification") == [told]
    bench.advance(30 + 60)
    assert bench.sent("SecurityEventNotification") == []  # the wait grows
    bench.silent.clear()
    bench.advance(60)
    assert bench.sent("SecurityEventNotification") == [told]
    bench.advance(3600)
    assert bench.sent("SecurityEventNotification") == []


def test_A04_FR_03_an_error_is_an_answer(bench: Bench) -> None:
    bench.answers["SecurityEventNotification"] = CallError("NotImplemented", "")
    security_event(bench)
    assert len(bench.sent("SecurityEventNotification")) == 1
    bench.advance(3600)
    assert bench.sent("SecurityEventNotification") == []


def test_A04_FR_02_there_is_room_for_security_events_where_there_is_none_for_others(bench: Bench) -> None:
    fill(bench)
    bench.forget()
    security_event(bench)
    bench.reconnect()
    assert kinds(bench)[-1] == "TamperDetectionActivated"


def test_there_is_an_end_to_the_room_for_security_events(bench: Bench) -> None:
    bench.drop()
    for number in range(MOST_SECURITY_EVENTS + 10):
        security_event(bench, f"E{number}")
    assert len(bench.state.outbox.queue) == MOST_SECURITY_EVENTS
    assert logged(bench)[-1] == (f"E{MOST_SECURITY_EVENTS + 9}", "")


# What happens (part 2, appendix 1)


def fill(bench: Bench) -> None:
    """Until the first call is lost for want of room, while there is no connection."""
    bench.drop()
    for number in range(MOST_CALLS + 1):
        bench.do("fault", code=f"F{number % 20}", component="Fan", severity=0)
        bench.do("clear-fault", f"F{number % 20}")


def test_A04_MemoryExhaustion_tells_that_no_more_calls_can_wait(bench: Bench) -> None:
    fill(bench)
    assert [kind for kind, _ in logged(bench)] == ["StartupOfTheDevice", "MemoryExhaustion"]
    bench.reconnect()
    assert kinds(bench) == ["MemoryExhaustion"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "RpcFrameworkError"),
        ([7, "x", "Reset", {}], "MessageTypeNotSupported"),
        ([2, "x", "Reset", {}], "OccurrenceConstraintViolation"),
        ([2, "x", "Reset", {"type": "Now"}], "PropertyConstraintViolation"),
        ([2, "x", "Reset", {"type": 1}], "TypeConstraintViolation"),
    ],
)
def test_A04_InvalidMessages_are_logged_and_not_told(bench: Bench, frame: object, code: str) -> None:
    bench.receive(frame)
    assert logged(bench)[-1] == ("InvalidMessages", code)
    assert kinds(bench) == []
    assert [it.data for it in bench.happened_since("security")] == [
        {"type": "InvalidMessages", "tech_info": code}
    ]


def test_A04_InvalidMessages_are_answers_too(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": 7}
    bench.do("heartbeat")
    assert logged(bench)[-1][0] == "InvalidMessages"


def test_A04_a_message_that_is_only_not_implemented_is_valid(bench: Bench) -> None:
    bench.receive([2, "x", "MakeCoffee", {}])
    assert [kind for kind, _ in logged(bench)] == ["StartupOfTheDevice"]


def test_A04_ReconfigurationOfSecurityParameters_is_logged_without_what_is_secret(bench: Bench) -> None:
    bench.set("SecurityCtrlr.AllowCSMSTLSWildcards", True)
    bench.set("SecurityCtrlr.BasicAuthPassword", "not-to-be-seen-by-anybody")
    bench.set("TxCtrlr.EVConnectionTimeOut", 5)
    assert logged(bench)[1:] == [
        ("ReconfigurationOfSecurityParameters", "SecurityCtrlr.AllowCSMSTLSWildcards"),
        ("ReconfigurationOfSecurityParameters", "BasicAuthPassword"),
    ]
    assert kinds(bench) == []


def test_A04_SettingSystemTime_is_logged_too(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": "2031-01-01T00:00:00Z"}
    bench.do("heartbeat")
    assert kinds(bench) == ["SettingSystemTime"]
    assert logged(bench)[-1][0] == "SettingSystemTime"


# The command


def test_A04_FR_01_security_event_tells_the_CSMS_and_answers_with_its_response(bench: Bench) -> None:
    answer = security_event(bench, tech_info="lid open")
    assert answer.done is not None
    assert answer.done.result == {"response": {}}
    assert bench.sent("SecurityEventNotification") == [
        {
            "type": "TamperDetectionActivated",
            "timestamp": "2025-01-01T10:00:00.000Z",
            "techInfo": "lid open",
        }
    ]
    assert bench.happened_since("security")[0].data == {
        "type": "TamperDetectionActivated",
        "tech_info": "lid open",
    }


def test_security_event_offline_is_told_later(bench: Bench) -> None:
    bench.drop()
    answer = security_event(bench)
    assert answer.done is not None
    assert answer.done.result == {"queued": True}
    bench.reconnect(after=60)
    assert kinds(bench) == ["TamperDetectionActivated"]


def test_security_event_that_the_log_was_cleared_clears_it(bench: Bench) -> None:
    security_event(bench, "SecurityLogWasCleared")
    assert logged(bench) == [("SecurityLogWasCleared", "")]
    assert kinds(bench) == ["SecurityLogWasCleared"]


@pytest.mark.parametrize(
    "arguments", [{}, {"type": ""}, {"type": "x" * 51}, {"type": "x", "tech_info": "y" * 256}]
)
def test_security_event_takes_what_OCPP_takes(bench: Bench, arguments: dict[str, str]) -> None:
    answer = bench.do("security-event", **(arguments or {"tech_info": "lid"}))
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code in ("missing_argument", "invalid_argument")


def test_security_event_needs_power(bench: Bench) -> None:
    bench.do("power", "OFF")
    answer = security_event(bench)
    assert answer.error is not None
    assert answer.error.code == "invalid_state"
