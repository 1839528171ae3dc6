"""External limits: commanded, obeyed, told to the CSMS and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json
from tests.blocks.profiles import charge, composite, power, reported

NewBench = Callable[..., Bench]
TWO = Hardware(evses=(Evse(), Evse()))


def error(bench: Bench, *bare: str, **arguments: Any) -> str | None:
    """The code of the error that a `limit` command is answered with."""
    answer = bench.do("limit", *bare, **arguments)
    assert answer is not None
    return None if answer.error is None else answer.error.code


def changed(bench: Bench, *bare: str, **arguments: Any) -> bool:
    answer = bench.do("limit", *bare, **arguments)
    assert answer is not None
    assert answer.done is not None, answer.error
    return answer.done.changed


def story(bench: Bench) -> list[str]:
    """What was told, in order: the actions, with the trigger of TransactionEvents."""
    return [payload.get("triggerReason", action) for action, payload in bench.sent()]


# Set (K11, K12)


def test_K11_FR_01_K11_FR_02_K11_FR_04_charging_is_not_faster_than_the_limit(bench: Bench) -> None:
    charge(bench)
    bench.sent()
    assert changed(bench, "6900")
    assert power(bench) == 6900
    assert story(bench) == ["NotifyChargingLimit", "ChargingRateChanged"]


def test_K11_FR_03_K11_FR_05_K12_FR_02_K12_FR_03_K12_FR_04_the_CSMS_is_told_schedule_and_source(
    bench: Bench,
) -> None:
    changed(bench, "6900")
    assert bench.sent("NotifyChargingLimit") == [
        {
            "chargingLimit": {"chargingLimitSource": "EMS"},
            "chargingSchedule": [
                {
                    "id": 1,
                    "startSchedule": format_time(START),
                    "chargingRateUnit": "W",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6900}],
                }
            ],
        }
    ]
    bench.set("SmartChargingCtrlr.NotifyChargingLimitWithSchedules", False)
    changed(bench, amps=16, source="SO", evse=1)
    assert bench.sent("NotifyChargingLimit") == [
        {"chargingLimit": {"chargingLimitSource": "SO"}, "evseId": 1}
    ]


def test_K11_FR_02_only_a_significant_change_is_told_again(bench: Bench) -> None:
    for watts in (5000, 5400, 4600, 5600, 5601, 5000):
        changed(bench, watts=watts)
    told = [
        it["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"]
        for it in bench.sent("NotifyChargingLimit")
    ]
    assert told == [5000, 5600, 5000]
    assert composite(bench, 0, unit="W") == [(0, 5000)]


def test_K12_FR_01_of_the_station_it_is_for_all_together(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    changed(bench, "13800")
    for number in (1, 2):
        charge(bench, number)
    assert [power(bench, number) for number in (1, 2)] == [6900, 6900]
    changed(bench, evse=1, amps=8)
    assert [power(bench, number) for number in (1, 2)] == [5520, 8280]


def test_watts_are_watts_for_a_car_on_one_phase_too(bench: Bench) -> None:
    bench.do("plug-in", ev={"phases": 1})
    bench.do("authorize")
    changed(bench, evse=1, watts=3000)
    assert power(bench) == 3000


def test_each_source_has_its_own_limit_and_the_lowest_counts(bench: Bench) -> None:
    charge(bench)
    changed(bench, watts=8000)
    changed(bench, watts=6000, source="SO")
    assert power(bench) == 6000
    assert [page["chargingLimitSource"] for page in reported(bench)] == ["EMS", "SO"]
    changed(bench, watts="OFF", source="SO")
    assert power(bench) == 8000
    changed(bench, "OFF")
    assert power(bench) == 11_000


def test_the_same_limit_again_is_no_change(bench: Bench) -> None:
    assert changed(bench, watts=5000)
    bench.advance(3)
    assert not changed(bench, watts=5000)
    assert changed(bench, amps=16)
    assert changed(bench, amps=16, for_s=60)
    assert changed(bench, amps=16, for_s=60)


def test_zero_is_a_limit_and_OFF_is_none(bench: Bench) -> None:
    charge(bench)
    assert changed(bench, "0")
    assert power(bench) == 0
    assert changed(bench, "off")
    assert power(bench) == 11_000
    assert not changed(bench, "OFF")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"source": "EMS"}, "missing_argument"),
        ({"watts": 1, "amps": 1}, "invalid_argument"),
        ({"watts": -1}, "invalid_argument"),
        ({"watts": 1e30}, "invalid_argument"),
        ({"watts": 1, "source": "CSO"}, "invalid_argument"),
        ({"watts": 1, "for_s": 0}, "invalid_argument"),
        ({"watts": "much"}, "invalid_argument"),
        ({"watts": 1, "evse": 9}, "unknown_evse"),
    ],
)
def test_what_is_no_limit_is_refused(bench: Bench, arguments: Json, code: str) -> None:
    assert error(bench, **arguments) == code
    assert reported(bench) == []


# Lifted (K13)


def test_K13_FR_01_K13_FR_02_K13_FR_03_a_limit_that_is_lifted_limits_no_more(bench: Bench) -> None:
    charge(bench)
    changed(bench, "6900")
    bench.sent()
    changed(bench, "OFF")
    assert power(bench) == 11_000
    calls = bench.sent()
    assert [payload.get("triggerReason", action) for action, payload in calls] == [
        "ClearedChargingLimit",
        "ChargingRateChanged",
    ]
    assert calls[0][1] == {"chargingLimitSource": "EMS"}


def test_K13_FR_02_it_ends_by_itself(bench: Bench) -> None:
    charge(bench)
    changed(bench, evse=1, watts=6900, for_s=89.5)
    assert composite(bench, unit="W") == [(0, 6900), (90, 22_080)]
    bench.advance(89.9)
    assert power(bench) == 6900
    bench.sent()
    bench.advance(0.2)
    assert power(bench) == 11_000
    assert bench.sent("ClearedChargingLimit") == [{"chargingLimitSource": "EMS", "evseId": 1}]
    assert reported(bench) == []


def test_it_ends_in_the_dark_too(bench: Bench) -> None:
    changed(bench, watts=6900, for_s=90)
    bench.do("power", "OFF")
    bench.advance(200)
    bench.do("power", "ON")
    bench.reconnect(60)
    assert reported(bench) == []


# Not listened to, offline


def test_who_does_not_listen_obeys_nobody(bench: Bench) -> None:
    charge(bench)
    changed(bench, "6900")
    bench.set("SmartChargingCtrlr.ExternalControlSignalsEnabled", False)
    assert power(bench) == 11_000
    assert bench.sent("ClearedChargingLimit") == [{"chargingLimitSource": "EMS"}]
    assert error(bench, "5000") == "invalid_state"


def test_a_station_without_power_hears_nobody(bench: Bench) -> None:
    charge(bench)
    changed(bench, evse=1, watts=8000, for_s=60)
    bench.do("power", "OFF")
    assert error(bench, "5000") == "invalid_state"
    bench.sent()
    bench.advance(100)
    assert bench.sent() == []


def test_offline_it_counts_and_the_CSMS_is_told_of_what_is_left_of_it(bench: Bench) -> None:
    charge(bench)
    bench.drop()
    bench.sent()
    changed(bench, "6900")
    changed(bench, "OFF")
    changed(bench, watts=8000, source="SO")
    assert power(bench) == 8000
    bench.reconnect(10)
    told = [it for it in bench.sent() if "ChargingLimit" in it[0]]
    assert [(action, it["chargingLimit"]["chargingLimitSource"]) for action, it in told] == [
        ("NotifyChargingLimit", "SO")
    ]


def test_what_was_on_its_way_when_the_connection_went_is_told_again(bench: Bench) -> None:
    bench.silent.add("NotifyChargingLimit")
    changed(bench, "6900")
    bench.sent()
    bench.drop()
    bench.silent.clear()
    bench.reconnect(10)
    assert len(bench.sent("NotifyChargingLimit")) == 1
    bench.drop()
    bench.reconnect(10)
    assert bench.sent("NotifyChargingLimit") == []


def test_a_release_while_offline_is_told_where_the_limit_was(bench: Bench) -> None:
    changed(bench, "6900")
    bench.drop()
    changed(bench, "OFF")
    bench.sent()
    bench.reconnect(10)
    assert bench.state.charging_profiles == ()
    sent = [frame[2] for frame in bench.frames if frame[0] == 2]
    assert sent.count("ClearedChargingLimit") == 1
