"""GetChargingProfiles and ClearChargingProfile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json
from tests.blocks.profiles import DEFAULT, MAXIMUM, TX, charge, composite, flat, power, put, reported

NewBench = Callable[..., Bench]
TWO = Hardware(evses=(Evse(), Evse()))


@pytest.fixture
def many(new_bench: NewBench) -> Bench:
    """1, 2: the station's; 3, 4: of EVSE 1; 5: of EVSE 2; -1: an external one of the station."""
    bench = new_bench(TWO)
    put(bench, 0, flat(1, MAXIMUM, 40))
    put(bench, 0, flat(2, DEFAULT, 20, level=1))
    put(bench, 1, flat(3, DEFAULT, 10))
    put(bench, 1, flat(4, DEFAULT, 8, level=2))
    put(bench, 2, flat(5, DEFAULT, 10))
    bench.do("limit", watts=15_000)
    return bench


def found(bench: Bench, evse: int | None = None, **criteria: Any) -> list[tuple[int, list[int]]]:
    """Of each report its EVSE and its profiles' ids."""
    pages = reported(bench, evse, **criteria)
    return [(page["evseId"], [it["id"] for it in page["chargingProfile"]]) for page in pages]


def clear(bench: Bench, number: int | None = None, **criteria: Any) -> str:
    request: Json = {} if number is None else {"chargingProfileId": number}
    request |= {"chargingProfileCriteria": criteria} if criteria else {}
    status: str = bench.csms("ClearChargingProfile", request)["status"]
    return status


# GetChargingProfiles


def test_TC_K_29_K09_FR_05_EVSE_0_is_the_station_alone(many: Bench) -> None:
    assert found(many, 0) == [(0, [1, 2]), (0, [-1])]


def test_TC_K_30_K09_FR_04_of_one_EVSE(many: Bench) -> None:
    assert found(many, 1) == [(1, [3, 4])]


def test_TC_K_31_K09_FR_06_of_all(many: Bench) -> None:
    assert found(many) == [(0, [1, 2]), (0, [-1]), (1, [3, 4]), (2, [5])]


def test_TC_K_32_by_id(many: Bench) -> None:
    assert found(many, chargingProfileId=[2, 5, 99]) == [(0, [2]), (2, [5])]
    assert found(many, 1, chargingProfileId=[2]) == []


def test_TC_K_33_by_stack_level(many: Bench) -> None:
    assert found(many, 1, stackLevel=2) == [(1, [4])]


def test_TC_K_34_by_source(many: Bench) -> None:
    assert found(many, 0, chargingLimitSource=["CSO"]) == [(0, [1, 2])]
    assert found(many, 1, chargingLimitSource=["EMS", "SO"]) == []


def test_TC_K_35_by_purpose(many: Bench) -> None:
    assert found(many, 0, chargingProfilePurpose=MAXIMUM) == [(0, [1])]


def test_TC_K_36_by_purpose_and_stack_level(many: Bench) -> None:
    assert found(many, 1, chargingProfilePurpose=DEFAULT, stackLevel=0) == [(1, [3])]


def test_TC_K_52_K11_FR_06_K12_FR_05_an_external_limit_has_its_own_purpose(many: Bench) -> None:
    (report,) = reported(many, chargingLimitSource=["EMS"])
    (profile,) = report["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "ChargingStationExternalConstraints"
    assert profile["id"] < 0
    assert report["chargingLimitSource"] == "EMS"


def test_K09_FR_01_K09_FR_02_pages_have_the_id_of_the_request_and_an_end(bench: Bench) -> None:
    for number in range(25):
        until = {"validFrom": START + number, "validTo": START + number + 1}
        put(bench, 1, flat(number, DEFAULT, 6, **{key: format_time(at) for key, at in until.items()}))
    put(bench, 0, flat(99, MAXIMUM, 6))
    pages = reported(bench)
    assert [len(it["chargingProfile"]) for it in pages] == [1, 10, 10, 5]
    assert {it["requestId"] for it in pages} == {5}
    assert [it["tbc"] for it in pages] == [True, True, True, False]


def test_what_matches_nothing_is_told_at_once(bench: Bench) -> None:
    answer = bench.csms("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
    assert answer == {"status": "NoProfiles"}
    assert bench.sent() == []


def test_where_too_much_waits_already_nothing_is_half_reported(many: Bench) -> None:
    many.silent.add("Heartbeat")
    many.advance(300)
    for number in range(198):
        many.csms("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 1 + number % 2}})
    answer = many.csms("GetChargingProfiles", {"requestId": 1, "chargingProfile": {}})
    assert answer["error"] == "InternalError"


# ClearChargingProfile


def test_TC_K_05_K10_FR_03_by_id(many: Bench) -> None:
    assert clear(many, 3) == "Accepted"
    assert found(many, chargingProfileId=[3]) == []
    assert found(many, 1) == [(1, [4])]


def test_TC_K_06_K10_FR_04_by_purpose_and_stack_level(many: Bench) -> None:
    assert clear(many, chargingProfilePurpose=DEFAULT, stackLevel=0, evseId=1) == "Accepted"
    assert found(many, 1) == [(1, [4])]
    assert found(many, 2) == [(2, [5])]


def test_TC_K_24_several_at_once(many: Bench) -> None:
    assert clear(many, chargingProfilePurpose=DEFAULT) == "Accepted"
    assert found(many) == [(0, [1]), (0, [-1])]
    assert clear(many) == "Accepted"
    assert found(many) == [(0, [-1])]


def test_TC_K_07_K10_FR_01_what_is_not_there(many: Bench) -> None:
    assert clear(many, 99) == "Unknown"
    assert clear(many, stackLevel=7) == "Unknown"


def test_TC_K_08_nothing_is_there(bench: Bench) -> None:
    assert clear(bench, 1) == "Unknown"
    assert clear(bench) == "Unknown"


def test_K10_FR_08_K10_FR_09_an_external_limit_is_not_the_CSMSs_to_clear(many: Bench) -> None:
    assert clear(many, -1) == "Unknown"
    assert clear(many, chargingProfilePurpose="ChargingStationExternalConstraints") == "Unknown"
    assert found(many, chargingProfileId=[-1]) == [(0, [-1])]


def test_TC_K_09_K10_FR_05_K10_FR_07_a_default_that_is_cleared_limits_no_more(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6))
    tx = charge(bench)
    assert composite(bench) == [(0, 6)]
    bench.sent()
    assert clear(bench, 1) == "Accepted"
    assert composite(bench) == [(0, 32)]
    assert power(bench) == 11_000
    assert bench.story() == ["Updated ChargingRateChanged"]
    assert bench.state.evses[0].transaction is not None
    assert bench.state.evses[0].transaction.id == tx


def test_K10_FR_05_a_cleared_profile_of_a_transaction_gives_way_to_the_default(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 10))
    tx = charge(bench)
    put(bench, 1, flat(2, TX, 6, transactionId=tx))
    assert power(bench) == 6 * 690
    clear(bench, chargingProfilePurpose=TX)
    assert power(bench) == 10 * 690
