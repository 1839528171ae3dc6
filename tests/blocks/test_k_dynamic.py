"""Dynamic charging profiles of OCPP 2.1 (K28), priority charging (K21, K22), and what is beyond that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Evse, Hardware
from ocppd.core.errors import CallError
from ocppd.core.schemas import OCPP_21, OCPP_201
from tests.bench import Bench, Json
from tests.blocks.profiles import DEFAULT, TX, charge, composite, flat, power, put, reported

NewBench = Callable[..., Bench]

PRIORITY = "PriorityCharging"
VOLTS = 690  # of 1 A on three phases


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    return new_bench(Hardware(evses=(Evse(), Evse())), protocol=OCPP_21)


def dynamic(number: int, amps: float, duration: int | None = None, **more: Any) -> Json:
    found = flat(number, DEFAULT, amps) | {"chargingProfileKind": "Dynamic"} | more
    (schedule,) = found["chargingSchedule"]
    del schedule["startSchedule"]
    if duration is not None:
        schedule["duration"] = duration
    return found


def update(bench: Bench, number: int, **values: Any) -> str:
    request = {"chargingProfileId": number, "scheduleUpdate": values}
    answer = bench.csms("UpdateDynamicSchedule", request)
    reason = answer.get("statusInfo", {}).get("reasonCode")
    return answer["status"] if reason is None else f"{answer['status']} {reason}"


def pulls(bench: Bench) -> list[int]:
    return [it["chargingProfileId"] for it in bench.sent("PullDynamicScheduleUpdate")]


# Dynamic profiles


def test_K28_the_limit_is_updated_while_it_counts(station: Bench) -> None:
    assert put(station, 0, dynamic(1, 10)) == "Accepted"
    charge(station, 1)
    assert power(station, 1) == 10 * VOLTS
    station.sent()
    assert update(station, 1, limit=8) == "Accepted"
    assert power(station, 1) == 8 * VOLTS
    assert [it["triggerReason"] for it in station.tx()] == ["ChargingRateChanged"]
    (report,) = reported(station)
    (kept,) = report["chargingProfile"]
    assert kept["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] == 8


def test_K28_its_duration_starts_anew_with_each_update(station: Bench) -> None:
    put(station, 1, flat(2, DEFAULT, 6))
    put(station, 1, dynamic(1, 10, duration=60, stackLevel=3))
    charge(station, 1)
    station.advance(50)
    update(station, 1, limit=9)
    station.advance(50)
    assert power(station, 1) == 9 * VOLTS
    station.advance(10)
    assert power(station, 1) == 6 * VOLTS
    assert update(station, 1, limit=12) == "Accepted"
    assert power(station, 1) == 12 * VOLTS


@pytest.mark.parametrize(
    ("number", "values", "status"),
    [
        (2, {"limit": 8}, "Rejected NotFound"),
        (9, {"limit": 8}, "Rejected NotFound"),
        (1, {"setpoint": 8}, "Rejected InvalidSchedule"),
        (1, {"setpointReactive": 8}, "Rejected UnsupportedParam"),
        (1, {"limit": 8, "limit_L2": 6}, "Rejected UnsupportedParam"),
        (1, {}, "Rejected UnsupportedParam"),
        (1, {"limit": -8}, "Rejected InvalidSchedule"),
    ],
)
def test_K28_an_update_that_means_nothing_here_is_refused(
    station: Bench, number: int, values: Json, status: str
) -> None:
    put(station, 1, dynamic(1, 10, stackLevel=2))
    put(station, 1, flat(2, DEFAULT, 6))
    assert update(station, number, **values) == status
    assert composite(station, 1) == [(0, 10)]


def test_K28_updates_are_asked_for_in_the_interval(station: Bench) -> None:
    limits = iter([8, 7])
    station.answers["PullDynamicScheduleUpdate"] = lambda _: {
        "status": "Accepted",
        "scheduleUpdate": {"limit": next(limits)},
    }
    put(station, 1, dynamic(1, 10, dynUpdateInterval=30))
    charge(station, 1)
    station.advance(28)
    assert pulls(station) == []
    station.advance(1)
    assert pulls(station) == [1]
    assert power(station, 1) == 8 * VOLTS
    station.advance(30)
    assert pulls(station) == [1]
    assert power(station, 1) == 7 * VOLTS


@pytest.mark.parametrize(
    "answer", [{"status": "Rejected"}, {"status": "Accepted"}, CallError("InternalError", "")]
)
def test_K28_without_an_update_the_profile_goes_on(station: Bench, answer: Json | CallError) -> None:
    station.answers["PullDynamicScheduleUpdate"] = answer
    put(station, 1, dynamic(1, 10, dynUpdateInterval=30, duration=100))
    charge(station, 1)
    station.advance(90)
    assert pulls(station) == [1, 1, 1]
    assert power(station, 1) == 10 * VOLTS
    station.advance(11)
    assert power(station, 1) == 11_000


def test_K28_nothing_is_asked_for_when_the_profile_is_gone(station: Bench) -> None:
    put(station, 1, dynamic(1, 10, dynUpdateInterval=30))
    assert station.csms("ClearChargingProfile", {"chargingProfileId": 1}) == {"status": "Accepted"}
    station.advance(100)
    assert pulls(station) == []


def test_K28_a_CSMS_of_2_0_1_has_no_such_profiles(station: Bench) -> None:
    put(station, 1, dynamic(1, 10, dynUpdateInterval=30))
    put(station, 1, flat(2, PRIORITY, 7))
    put(station, 1, flat(3, DEFAULT, 8) | {"stackLevel": 5})
    station.drop()
    station.protocol = OCPP_201
    station.reconnect()
    assert [it["id"] for page in reported(station) for it in page["chargingProfile"]] == [3]
    assert composite(station, 1) == [(0, 8)]
    station.advance(100)
    assert pulls(station) == []


# Priority charging


def running(bench: Bench) -> str:
    charge(bench, 1)
    number: str = bench.tx()[0]["transactionInfo"]["transactionId"]
    return number


def use(bench: Bench, number: str, on: bool = True) -> str:
    answer = bench.csms("UsePriorityCharging", {"transactionId": number, "activate": on})
    status: str = answer["status"]
    return status


def test_K21_the_priority_profile_goes_before_all_others(station: Bench) -> None:
    number = running(station)
    put(station, 1, flat(1, DEFAULT, 8) | {"stackLevel": 9})
    put(station, 1, flat(2, TX, 7) | {"transactionId": number})
    assert put(station, 0, flat(3, PRIORITY, 15)) == "Accepted"
    assert power(station, 1) == 7 * VOLTS
    assert use(station, number) == "Accepted"
    assert power(station, 1) == 15 * VOLTS
    assert station.do("get").done.result["evses"][0]["limit_source"] == PRIORITY  # type: ignore[union-attr, index]
    assert use(station, number, on=False) == "Accepted"
    assert power(station, 1) == 7 * VOLTS
    assert station.sent("NotifyPriorityCharging") == []


def test_K21_no_transaction_or_no_profile(station: Bench) -> None:
    assert use(station, "nobody") == "Rejected"
    assert use(station, running(station)) == "NoProfile"


def test_K21_without_its_profile_there_is_no_priority(station: Bench) -> None:
    number = running(station)
    put(station, 1, flat(3, PRIORITY, 15))
    use(station, number)
    station.csms("ClearChargingProfile", {"chargingProfileId": 3})
    assert station.sent("NotifyPriorityCharging") == [{"transactionId": number, "activated": False}]
    assert use(station, number) == "NoProfile"


def test_K22_the_driver_asks_for_priority_and_the_CSMS_is_told(station: Bench) -> None:
    answer = station.do("priority-charging", evse=1)
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"
    number = running(station)
    put(station, 1, flat(1, DEFAULT, 8))
    put(station, 1, flat(3, PRIORITY, 15))
    station.do("priority-charging", evse=1)
    assert power(station, 1) == 15 * VOLTS
    assert station.sent("NotifyPriorityCharging") == [{"transactionId": number, "activated": True}]
    answer = station.do("priority-charging", evse=1, on=True)
    assert answer is not None
    assert answer.done is not None
    assert not answer.done.changed
    station.do("priority-charging", evse=1, on=False)
    assert power(station, 1) == 8 * VOLTS
    assert station.sent("NotifyPriorityCharging") == [{"transactionId": number, "activated": False}]


def test_K22_a_CSMS_of_2_0_1_cannot_be_told(new_bench: NewBench) -> None:
    bench = new_bench()
    answer = bench.do("priority-charging", evse=1)
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "unsupported"


# What this station does not follow


def changed(place: str, **values: Any) -> Json:
    found = flat(1, DEFAULT, 10)
    schedule = found["chargingSchedule"][0]
    {"profile": found, "schedule": schedule, "period": schedule["chargingSchedulePeriod"][0]}[place].update(
        values
    )
    return found


BEYOND = [
    (changed("profile", chargingProfilePurpose="LocalGeneration"), "UnsupportedParam"),
    (changed("profile", maxOfflineDuration=-5), "InvalidProfile"),
    (changed("profile", priceScheduleSignature="x"), "UnsupportedParam"),
    (changed("profile", dynUpdateInterval=5), "InvalidProfile"),
    (changed("profile", chargingProfilePurpose=PRIORITY, transactionId="T"), "InvalidProfile"),
    (changed("schedule", useLocalTime=True), "UnsupportedParam"),
    (changed("schedule", randomizedDelay=5), "UnsupportedParam"),
    (changed("schedule", limitAtSoC={"soc": 80, "limit": 5}), "UnsupportedParam"),
    (changed("period", limit_L2=5), "UnsupportedParam"),
    (changed("period", dischargeLimit=-5), "InvalidSchedule"),
    (changed("period", setpoint=5), "InvalidSchedule"),
    (changed("period", setpoint=5, setpoint_L2=5, operationMode="CentralSetpoint"), "UnsupportedParam"),
    (changed("period", operationMode="CentralSetpoint"), "InvalidSchedule"),
    (changed("period", operationMode="CentralFrequency"), "InvalidSchedule"),
    (changed("period", operationMode="LocalFrequency"), "InvalidSchedule"),
    (changed("period", operationMode="LocalLoadBalancing"), "UnsupportedParam"),
    (changed("period", operationMode="ExternalSetpoint", setpoint=5), "InvalidSchedule"),
    (changed("period", operationMode="CentralSetpoint", setpoint=-1e10), "InvalidSchedule"),
    (changed("period", evseSleep=True), "UnsupportedParam"),
    (changed("period", numberPhases=0), "InvalidSchedule"),
    (dynamic(1, 10, dynUpdateInterval=0), "InvalidProfile"),
    (
        dynamic(1, 10)
        | {
            "chargingSchedule": [
                {
                    **dynamic(1, 10)["chargingSchedule"][0],
                    "chargingSchedulePeriod": [
                        {"startPeriod": 0, "limit": 1},
                        {"startPeriod": 5, "limit": 2},
                    ],
                }
            ]
        },
        "InvalidSchedule",
    ),
]


@pytest.mark.parametrize(("wanted", "reason"), BEYOND)
def test_what_is_beyond_this_station_is_refused(station: Bench, wanted: Json, reason: str) -> None:
    answer = station.csms("SetChargingProfile", {"evseId": 1, "chargingProfile": wanted})
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": reason}}
    assert composite(station, 1) == [(0, 32)]


def test_a_period_without_a_limit_is_refused(station: Bench) -> None:
    wanted = flat(1, DEFAULT, 10)
    del wanted["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]
    answer = station.csms("SetChargingProfile", {"evseId": 1, "chargingProfile": wanted})
    assert answer["statusInfo"] == {"reasonCode": "InvalidSchedule"}


def test_ChargingOnly_is_what_it_does_anyway(station: Bench) -> None:
    assert put(station, 1, changed("period", operationMode="ChargingOnly")) == "Accepted"
    assert composite(station, 1) == [(0, 10)]
