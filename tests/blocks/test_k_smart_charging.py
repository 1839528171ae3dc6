"""SetChargingProfile: what is kept, replaced and refused, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Car, Evse, Hardware, Preset
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json, with_presets
from tests.blocks.profiles import (
    DEFAULT,
    MAXIMUM,
    TX,
    charge,
    composite,
    flat,
    power,
    profile,
    put,
    reported,
    schedule,
)

NewBench = Callable[..., Bench]

TWO = Hardware(evses=(Evse(), Evse()))
DC = Hardware(evses=(Evse(phases=0, max_w=50_000, voltage_v=400),), ev=Car(max_w=100_000))
EXTERNAL = "ChargingStationExternalConstraints"


def smart(**values: str) -> Hardware:
    """A station whose SmartChargingCtrlr has those factory settings."""
    return with_presets(Hardware(), **{f"SmartChargingCtrlr__{name}": text for name, text in values.items()})


def kept(bench: Bench) -> list[int]:
    """The ids of the profiles that are reported."""
    return [it["id"] for page in reported(bench) for it in page["chargingProfile"]]


# Kept and reported


def test_TC_K_01_K01_FR_15_a_default_profile_of_an_EVSE_is_reported_unchanged(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    wanted = profile(1, DEFAULT, schedule((0, 6, 3), duration=300), validTo=format_time(START + 900))
    wanted["chargingSchedule"][0]["salesTariff"] = {
        "id": 1,
        "salesTariffEntry": [{"relativeTimeInterval": {"start": 0}}],
    }
    wanted["customData"] = {"vendorId": "acme", "x": 1}
    assert put(bench, 1, wanted) == "Accepted"
    (report,) = reported(bench)
    assert (report["evseId"], report["chargingLimitSource"], report["tbc"]) == (1, "CSO", False)
    assert report["chargingProfile"] == [wanted]
    assert composite(bench, 1)[0] == (0, 6)
    assert composite(bench, 2) == [(0, 32)]


def test_TC_K_10_K01_FR_14_a_default_profile_of_the_station_is_for_each_EVSE(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    assert put(bench, 0, flat(1, DEFAULT, 6)) == "Accepted"
    assert [it["evseId"] for it in reported(bench)] == [0]
    assert composite(bench, 1) == composite(bench, 2) == [(0, 6)]
    for evse in (1, 2):
        charge(bench, evse)
        assert power(bench, evse) == 6 * 690


def test_TC_K_03_K04_FR_03_the_maximum_is_the_stations(bench: Bench) -> None:
    assert put(bench, 0, flat(1, MAXIMUM, 6)) == "Accepted"
    assert [it["evseId"] for it in reported(bench)] == [0]
    assert put(bench, 1, flat(1, MAXIMUM, 6)) == "Rejected InvalidProfile"


def test_TC_K_60_K01_FR_04_K02_FR_04_a_profile_of_the_transaction_overrules_the_default(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 20))
    tx = charge(bench)
    assert put(bench, 1, flat(2, TX, 8, transactionId=tx)) == "Accepted"
    assert kept(bench) == [1, 2]
    assert composite(bench) == [(0, 8)]
    assert power(bench) == 8 * 690
    assert put(bench, 1, flat(2, TX, 15, transactionId=tx)) == "Accepted"
    assert power(bench) == 15 * 690


def test_TC_K_04_K01_FR_05_a_known_id_is_replaced(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    put(bench, 1, flat(1, DEFAULT, 6))
    assert put(bench, 1, flat(1, DEFAULT, 8)) == "Accepted"
    (report,) = reported(bench)
    assert report["chargingProfile"] == [flat(1, DEFAULT, 8)]
    assert put(bench, 2, flat(1, DEFAULT, 8, level=3)) == "Accepted"
    assert [it["evseId"] for it in reported(bench)] == [2]


def test_K01_FR_05_an_external_limit_is_not_replaced(bench: Bench) -> None:
    bench.do("limit", watts=5000)
    (report,) = reported(bench)
    number = report["chargingProfile"][0]["id"]
    assert put(bench, 1, flat(number, DEFAULT, 8)) == "Rejected InvalidProfile"
    assert kept(bench) == [number]


def test_TC_K_13_K01_FR_27_profiles_survive_a_reboot_and_a_restart(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6))
    put(bench, 0, flat(2, MAXIMUM, 20))
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(60)
    bench.reconnect()
    bench.start_again(boots=True)
    bench.reconnect(60)
    assert sorted(kept(bench)) == [1, 2]
    charge(bench)
    assert power(bench) == 6 * 690


def test_K02_FR_05_a_profile_of_the_transaction_goes_with_it(bench: Bench) -> None:
    tx = charge(bench)
    put(bench, 1, flat(1, TX, 8, transactionId=tx))
    put(bench, 1, flat(2, DEFAULT, 10))
    bench.do("unplug")
    assert kept(bench) == [2]
    charge(bench)
    assert power(bench) == 10 * 690


def test_what_a_state_file_has_of_another_version_or_transaction_is_dropped(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6))
    broken = bench.state.charging_profiles[0]
    bench.state.charging_profiles += (
        type(broken)(1, {"id": 2}),
        type(broken)(1, flat(3, TX, 6, transactionId="gone")),
        type(broken)(1, profile(4, DEFAULT, schedule((1, 6)))),
    )
    bench.start_again()
    bench.reconnect(3)
    assert kept(bench) == [1]


def test_profiles_of_an_EVSE_that_is_no_more_go(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    put(bench, 1, flat(1, DEFAULT, 6))
    put(bench, 2, flat(2, DEFAULT, 6))
    bench.refit(Hardware())
    assert kept(bench) == [1]


def test_K01_FR_07_K01_FR_32_K03_FR_03_TC_K_28_a_new_default_counts_at_once_and_charging_goes_on(
    bench: Bench,
) -> None:
    tx = charge(bench)
    bench.sent()
    assert put(bench, 1, flat(1, DEFAULT, 6)) == "Accepted"
    assert power(bench) == 6 * 690
    assert bench.story() == ["Updated ChargingRateChanged"]
    assert composite(bench) == [(0, 6)]
    put(bench, 1, flat(1, DEFAULT, 12))
    assert power(bench) == 12 * 690
    assert bench.state.evses[0].transaction is not None
    assert bench.state.evses[0].transaction.id == tx


# Refused


def test_TC_K_02_K01_FR_09_without_a_transaction_there_is_none_to_limit(bench: Bench) -> None:
    assert put(bench, 1, flat(1, TX, 6, transactionId="tx")) == "Rejected TxNotFound"
    assert reported(bench) == []


def test_TC_K_11_K01_FR_16_a_transaction_is_at_an_EVSE(bench: Bench) -> None:
    tx = charge(bench)
    assert put(bench, 0, flat(1, TX, 6, transactionId=tx)) == "Rejected InvalidProfile"


def test_TC_K_16_K01_FR_33_the_transaction_must_be_known(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    tx = charge(bench)
    assert put(bench, 1, flat(1, TX, 6, transactionId="other")) == "Rejected TxNotFound"
    assert put(bench, 2, flat(1, TX, 6, transactionId=tx)) == "Rejected TxNotFound"
    assert put(bench, 1, flat(1, TX, 6)) == "Rejected InvalidProfile"  # K01.FR.03
    assert power(bench) == 11_000


@pytest.mark.parametrize("evse", [3, -1])
def test_TC_K_14_K01_FR_28_an_unknown_EVSE(new_bench: NewBench, evse: int) -> None:
    assert put(new_bench(TWO), evse, flat(1, DEFAULT, 6)) == "Rejected UnknownEvse"


def test_TC_K_12_K01_FR_26_a_unit_that_is_not_configured(new_bench: NewBench) -> None:
    bench = new_bench(smart(RateUnit="A"))
    assert put(bench, 1, flat(1, DEFAULT, 6000, "W")) == "Rejected UnsupportedRateUnit"
    assert put(bench, 1, flat(1, DEFAULT, 6)) == "Accepted"


def test_TC_K_15_K01_FR_29_without_smart_charging(new_bench: NewBench) -> None:
    bench = new_bench(smart(Available="false"))
    assert put(bench, 1, flat(1, DEFAULT, 6)) == "NotSupported"
    criteria: Json = {"requestId": 1, "chargingProfile": {}}
    assert bench.csms("GetChargingProfiles", criteria)["error"] == "NotSupported"
    assert bench.csms("ClearChargingProfile", {})["error"] == "NotSupported"
    assert bench.csms("GetCompositeSchedule", {"evseId": 1, "duration": 1})["error"] == "NotSupported"


def test_K01_FR_29_switched_off_nothing_is_limited_until_it_is_on_again(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6))
    charge(bench)
    bench.set("SmartChargingCtrlr.Enabled", False)
    assert power(bench) == 11_000
    assert put(bench, 1, flat(1, DEFAULT, 6)) == "NotSupported"
    bench.set("SmartChargingCtrlr.Enabled", True)
    assert power(bench) == 6 * 690


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (flat(1, EXTERNAL, 6), "InvalidProfile"),  # K01.FR.22, K02.FR.07
        (flat(1, DEFAULT, 6, level=11), "InvalidStackLevel"),
        (profile(1, DEFAULT, schedule(*((n, 6) for n in range(25)))), "TooManyElements"),
        (flat(1, DEFAULT, 6) | {"customData": {"vendorId": "x", "y": "z" * 30_000}}, "TooLargeElement"),
        (profile(1, DEFAULT, kind="Recurring"), "InvalidProfile"),
    ],
)
def test_what_the_station_cannot_take(bench: Bench, wanted: Json, reason: str) -> None:
    assert put(bench, 1, wanted) == f"Rejected {reason}"
    assert reported(bench) == []


def test_K01_FR_31_K01_FR_35_periods_begin_at_0_and_rise(bench: Bench) -> None:
    for wrong in ([(1, 6)], [(0, 6), (10, 7), (10, 8)], [(0, 6), (20, 7), (10, 8)]):
        assert put(bench, 1, profile(1, DEFAULT, schedule(*wrong))) == "Rejected InvalidSchedule"
    assert put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (10, 7)))) == "Accepted"


def test_K01_FR_34_more_than_one_schedule_is_for_ISO_15118_alone(bench: Bench) -> None:
    tx = charge(bench)
    wanted = profile(1, TX, schedule((0, 6)), schedule((0, 8)), transactionId=tx)
    assert put(bench, 1, wanted) == "Rejected TooManyElements"


def test_K01_FR_38_the_maximum_is_not_relative(bench: Bench) -> None:
    wanted = profile(1, MAXIMUM, schedule((0, 6), start=None), kind="Relative")
    assert put(bench, 0, wanted) == "Rejected InvalidProfile"


def test_K01_FR_40_K01_FR_41_a_start_is_there_where_it_counts_and_nowhere_else(bench: Bench) -> None:
    assert put(bench, 1, profile(1, DEFAULT, schedule((0, 6), start=None))) == "Rejected InvalidSchedule"
    daily: Json = {"kind": "Recurring", "recurrencyKind": "Daily"}
    wanted = profile(1, DEFAULT, schedule((0, 6), start=None), **daily)
    assert put(bench, 1, wanted) == "Rejected InvalidSchedule"
    assert put(bench, 1, profile(1, DEFAULT, kind="Relative")) == "Rejected InvalidSchedule"


def test_two_profiles_of_one_place_and_level_are_not_valid_at_once(new_bench: NewBench) -> None:
    """K01.FR.06, K01.FR.39."""
    bench = new_bench(TWO)
    soon, later = format_time(START + 600), format_time(START + 900)
    assert put(bench, 1, flat(1, DEFAULT, 6, validTo=soon)) == "Accepted"
    assert put(bench, 1, flat(2, DEFAULT, 6)) == "Rejected DuplicateProfile"
    assert put(bench, 1, flat(2, DEFAULT, 6, validFrom=format_time(START))) == "Rejected DuplicateProfile"
    assert put(bench, 1, flat(2, DEFAULT, 6, validFrom=soon, validTo=later)) == "Accepted"
    assert put(bench, 1, flat(3, DEFAULT, 6, level=1)) == "Accepted"
    assert put(bench, 2, flat(4, DEFAULT, 6)) == "Accepted"
    tx = charge(bench)
    assert put(bench, 1, flat(5, TX, 6, transactionId=tx)) == "Accepted"
    late = flat(6, TX, 6, transactionId=tx, validFrom=format_time(START + 9e6))
    assert put(bench, 1, late) == "Rejected DuplicateProfile"


def test_K01_FR_52_K01_FR_53_a_level_is_the_stations_or_that_of_single_EVSEs(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    put(bench, 1, flat(1, DEFAULT, 6))
    assert put(bench, 0, flat(2, DEFAULT, 6)) == "Rejected DuplicateProfile"
    assert put(bench, 0, flat(2, DEFAULT, 6, level=1)) == "Accepted"
    assert put(bench, 2, flat(3, DEFAULT, 6, level=1)) == "Rejected DuplicateProfile"
    assert put(bench, 0, flat(1, DEFAULT, 6)) == "Accepted"


def test_there_is_an_end_to_how_many_there_may_be(bench: Bench) -> None:
    step = 10
    for number in range(100):
        wanted = flat(number, DEFAULT, 6)
        wanted["validFrom"] = format_time(START + step * number)
        wanted["validTo"] = format_time(START + step * (number + 1))
        assert put(bench, 1, wanted) == "Accepted"
    assert put(bench, 0, flat(100, MAXIMUM, 6)) == "Rejected TooManyElements"
    assert put(bench, 0, flat(99, MAXIMUM, 6)) == "Accepted"
    assert len(kept(bench)) == 100


# Phases


def phased(phases: int | None, phase: int | None = None, limit: float = 10) -> Json:
    found = flat(1, DEFAULT, limit)
    period = found["chargingSchedule"][0]["chargingSchedulePeriod"][0]
    period |= {} if phases is None else {"numberPhases": phases}
    period |= {} if phase is None else {"phaseToUse": phase}
    return found


def currents(bench: Bench) -> list[float]:
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    found: Any = answer.done.result
    return list(found["evses"][0]["meter"]["current_a"])


def test_K01_FR_43_fewer_phases_only_where_that_is_certain(new_bench: NewBench) -> None:
    fixed = new_bench(smart(Phases3to1="false"))
    assert put(fixed, 1, phased(1)) == "Rejected InvalidSchedule"
    assert put(fixed, 1, phased(3)) == "Accepted"
    fixed.do("plug-in", ev={"phases": 1})
    assert put(fixed, 1, phased(1)) == "Accepted"
    able = new_bench()
    assert put(able, 1, phased(1)) == "Accepted"
    charge(able)
    assert currents(able) == [10, 0, 0]


def test_K01_FR_45_more_phases_than_there_are_limit_those_there_are(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(phases=1, max_w=7360),)))
    assert put(bench, 1, phased(3)) == "Accepted"
    charge(bench)
    assert currents(bench) == [10, 0, 0]


def test_K01_FR_46_K01_FR_48_the_phase_to_use_is_used_or_refused(new_bench: NewBench) -> None:
    fixed = new_bench(smart(ACPhaseSwitchingSupported="false"))
    assert put(fixed, 1, phased(1, 2)) == "Rejected InvalidSchedule"
    bench = new_bench()
    assert put(bench, 1, phased(3, 2)) == "Rejected InvalidSchedule"  # K01.FR.19
    assert put(bench, 1, phased(1, 2)) == "Accepted"
    charge(bench)
    assert currents(bench) == [0, 10, 0]
    single = Hardware(evses=(Evse(phases=1),), presets=smart(ACPhaseSwitchingSupported="false").presets)
    assert put(new_bench(single), 1, phased(1, 1)) == "Accepted"


def test_K01_FR_47_without_a_phase_to_use_the_station_takes_one(bench: Bench) -> None:
    put(bench, 1, phased(1))
    charge(bench)
    assert currents(bench) == [10, 0, 0]


def test_phases_that_contradict_each_other_are_refused(bench: Bench) -> None:
    """Erratum to part 2, 3.7."""
    assert put(bench, 1, phased(1, 2)) == "Accepted"
    other = phased(1, 3) | {"id": 2, "chargingProfilePurpose": MAXIMUM}
    assert put(bench, 0, other) == "Rejected InvalidSchedule"
    other["chargingSchedule"][0]["chargingSchedulePeriod"][0]["phaseToUse"] = 2
    assert put(bench, 0, other) == "Accepted"


def test_K01_FR_44_DC_has_no_phases(new_bench: NewBench) -> None:
    bench = new_bench(DC)
    assert put(bench, 1, phased(1, 3, limit=50)) == "Accepted"
    charge(bench)
    assert power(bench) == 50 * 400


def test_K01_FR_49_K01_FR_50_K01_FR_51_watts_are_amperes_on_three_phases_or_those_named(
    new_bench: NewBench,
) -> None:
    bench = new_bench()
    bench.do("plug-in", ev={"phases": 1})
    bench.do("authorize")
    put(bench, 1, flat(1, DEFAULT, 6900, "W"))
    assert currents(bench) == [10, 0, 0]
    named = profile(1, DEFAULT, schedule((0, 2300, 1), unit="W"))
    put(bench, 1, named)
    assert currents(bench) == [10, 0, 0]
    put(bench, 1, flat(1, DEFAULT, 12))
    assert currents(bench) == [12, 0, 0]


# RequestStartTransaction


def start(bench: Bench, wanted: Json, number: int = 7) -> str:
    request = {"idToken": {"idToken": "AA11", "type": "ISO14443"}, "remoteStartId": number, "evseId": 1}
    answer = bench.csms("RequestStartTransaction", request | {"chargingProfile": wanted})
    return " ".join([answer["status"], *answer.get("statusInfo", {}).values()])


@pytest.mark.parametrize("plugged_first", [True, False])
def test_TC_K_37_K05_FR_02_K05_FR_03_a_remote_start_brings_its_profile(
    bench: Bench, plugged_first: bool
) -> None:
    if plugged_first:
        bench.do("plug-in")
    assert start(bench, flat(1, TX, 8)) == "Accepted"
    if not plugged_first:
        bench.do("plug-in")
    bench.advance(1)
    tx = bench.state.evses[0].transaction
    assert tx is not None
    (report,) = reported(bench)
    assert report["chargingProfile"] == [flat(1, TX, 8, transactionId=tx.id)]
    assert power(bench) == 8 * 690
    bench.do("unplug")
    assert reported(bench) == []


def test_K05_FR_03_the_first_energy_flows_within_the_limit(bench: Bench) -> None:
    bench.do("plug-in")
    assert start(bench, flat(1, TX, 0)) == "Accepted"
    assert "Updated ChargingStateChanged Charging" not in bench.story()
    assert power(bench) == 0


def test_K05_FR_05_an_invalid_profile_refuses_the_start(bench: Bench) -> None:
    bench.do("plug-in")
    assert start(bench, flat(1, DEFAULT, 8)) == "Rejected InvalidProfile"
    assert start(bench, flat(1, TX, 8, transactionId="tx")) == "Rejected InvalidProfile"
    assert start(bench, profile(1, TX, schedule((5, 8)))) == "Rejected InvalidSchedule"
    assert bench.state.evses[0].authorization is None
    assert reported(bench) == []


def test_K05_FR_04_without_smart_charging_the_profile_is_ignored(new_bench: NewBench) -> None:
    bench = new_bench(smart(Available="false"))
    bench.do("plug-in")
    assert start(bench, profile(1, DEFAULT, schedule((5, 8)))) == "Accepted"
    assert power(bench) == 11_000


def test_a_start_that_never_came_leaves_no_profile_for_the_next(bench: Bench) -> None:
    assert start(bench, flat(1, TX, 8)) == "Accepted"
    bench.advance(200)
    charge(bench)
    assert power(bench) == 11_000
    assert reported(bench) == []


def test_the_capacity_is_told(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6))
    item = {
        "component": {"name": "SmartChargingCtrlr"},
        "variable": {"name": "Entries", "instance": "ChargingProfiles"},
    }
    answer = bench.csms("GetVariables", {"getVariableData": [item]})
    assert answer["getVariableResult"][0]["attributeValue"] == "1"


def test_a_preset_of_the_stack_level_counts(new_bench: NewBench) -> None:
    preset = Preset("SmartChargingCtrlr", "ProfileStackLevel", "2")
    bench = new_bench(Hardware(presets=(preset,)))
    assert put(bench, 1, flat(1, DEFAULT, 6, level=2)) == "Accepted"
    assert put(bench, 1, flat(2, DEFAULT, 6, level=3)) == "Rejected InvalidStackLevel"
