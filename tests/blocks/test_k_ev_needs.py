"""ISO 15118 cars: needs, schedules, and renegotiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Car, Evse, Hardware
from ocppd.core.errors import CallError
from ocppd.core.schemas import OCPP_21
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json, headline
from tests.blocks.profiles import DEFAULT, MAXIMUM, TX, composite, flat, power, profile, put, schedule

NewBench = Callable[..., Bench]
CAR = Hardware(ev=Car(iso15118=True, max_a=16, departure_s=7200))
DC = Hardware(evses=(Evse(phases=0, max_w=50_000, voltage_v=400),), ev=Car(iso15118=True, max_w=40_000))


@pytest.fixture
def iso(new_bench: NewBench) -> Bench:
    """A station with an ISO 15118 car to come, whose CSMS accepts its needs and schedules."""
    bench = new_bench(CAR)
    bench.answers |= {
        "NotifyEVChargingNeeds": {"status": "Accepted"},
        "NotifyEVChargingSchedule": {"status": "Accepted"},
    }
    return bench


def arrive(bench: Bench) -> str:
    """A car comes and somebody is authorized; the transaction's id."""
    bench.do("plug-in")
    bench.do("authorize")
    tx = bench.state.evses[0].transaction
    assert tx is not None
    return tx.id


def story(bench: Bench) -> list[str]:
    found = bench.sent()
    return [headline(it) if action == "TransactionEvent" else action for action, it in found]


def result(bench: Bench, command: str, **arguments: Any) -> Any:
    answer = bench.do(command, **arguments) or bench.late_answer()
    if answer.error is not None:
        return answer.error.code
    assert answer.done is not None
    return answer.done.result


# K15


def test_TC_K_53_K15_FR_01_K15_FR_03_K15_FR_10_K15_FR_16_K15_FR_19_needs_profile_schedule_charging(
    iso: Bench,
) -> None:
    tx = arrive(iso)
    assert story(iso)[-3:] == [
        "Authorize",
        "Updated Authorized SuspendedEV",
        "NotifyEVChargingNeeds",
    ]
    iso.advance(5)
    assert power(iso) == 0
    assert (
        put(iso, 1, profile(1, TX, schedule((0, 10), (600, 8)) | {"id": 42}, transactionId=tx)) == "Accepted"
    )
    calls = iso.sent()
    (told,) = [it for action, it in calls if action == "NotifyEVChargingSchedule"]
    assert (told["evseId"], told["timeBase"]) == (1, format_time(START + 5))
    assert told["chargingSchedule"]["id"] == 42
    assert "selectedChargingScheduleId" not in told  # OCPP 2.1 has it
    assert told["chargingSchedule"]["chargingSchedulePeriod"][:2] == [
        {"startPeriod": 0, "limit": 10, "numberPhases": 3},
        {"startPeriod": 595, "limit": 8, "numberPhases": 3},
    ]
    states = [
        it["transactionInfo"].get("chargingState") for action, it in calls if action == "TransactionEvent"
    ]
    assert states == ["Charging"]
    assert power(iso) == 6900


def test_K15_FR_06_AC_needs(iso: Bench) -> None:
    arrive(iso)
    assert iso.sent("NotifyEVChargingNeeds") == [
        {
            "evseId": 1,
            "maxScheduleTuples": 24,
            "chargingNeeds": {
                "requestedEnergyTransfer": "AC_three_phase",
                "departureTime": format_time(START + 7200),
                "acChargingParameters": {
                    "energyAmount": 48_000,
                    "evMinCurrent": 6,
                    "evMaxCurrent": 16,
                    "evMaxVoltage": 230,
                },
            },
        }
    ]


def test_K15_FR_06_DC_needs(new_bench: NewBench) -> None:
    bench = new_bench(DC)
    arrive(bench)
    (needs,) = bench.sent("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"] == {
        "requestedEnergyTransfer": "DC",
        "dcChargingParameters": {
            "energyAmount": 48_000,
            "evMaxCurrent": 100,
            "evMaxVoltage": 400,
            "evMaxPower": 40_000,
            "stateOfCharge": 20,
            "evEnergyCapacity": 60_000,
            "fullSoC": 100,
        },
    }


@pytest.mark.parametrize("status", ["Rejected", "Processing"])
def test_TC_K_54_K15_FR_04_K15_FR_05_without_a_profile_to_come_it_charges_at_once(
    iso: Bench, status: str
) -> None:
    iso.answers["NotifyEVChargingNeeds"] = {"status": status}
    put(iso, 1, flat(1, DEFAULT, 8))
    arrive(iso)
    assert power(iso) == 8 * 690


def test_a_CSMS_that_does_not_know_the_message_does_not_keep_the_car_waiting(iso: Bench) -> None:
    iso.answers["NotifyEVChargingNeeds"] = CallError("NotImplemented", "")
    arrive(iso)
    assert power(iso) == 11_000


def test_after_a_minute_without_a_profile_it_charges(iso: Bench) -> None:
    arrive(iso)
    iso.advance(59)
    assert power(iso) == 0
    iso.advance(1.5)
    assert power(iso) == 11_000


def test_TC_K_56_K15_FR_15_offline_it_charges_with_the_default(iso: Bench) -> None:
    put(iso, 1, flat(1, DEFAULT, 8))
    iso.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    iso.drop()
    arrive(iso)
    assert power(iso) == 8 * 690
    iso.reconnect(5)
    charging = [it for it in iso.tx() if it["transactionInfo"].get("chargingState") == "Charging"]
    assert [it["offline"] for it in charging] == [True]


def test_K15_FR_17_a_profile_before_the_needs_is_too_early(iso: Bench) -> None:
    iso.do("plug-in")
    tx = iso.state.evses[0].transaction
    assert tx is not None
    assert put(iso, 1, flat(1, TX, 8, transactionId=tx.id)) == "Rejected InvalidMessageSeq"
    iso.do("authorize")
    assert put(iso, 1, flat(1, TX, 8, transactionId=tx.id)) == "Accepted"


def test_K15_FR_09_K15_FR_11_K15_FR_14_what_the_car_will_take_is_in_the_composite_schedule(
    iso: Bench,
) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 10, transactionId=tx))
    iso.sent()
    own = [{"startPeriod": 0, "limit": 7}, {"startPeriod": 300, "limit": 9}]
    assert result(iso, "notify-ev-charging-schedule", periods=own) == {
        "status": "Accepted",
        "within_limits": True,
    }
    (told,) = iso.sent("NotifyEVChargingSchedule")
    assert told["chargingSchedule"]["chargingSchedulePeriod"] == own
    assert composite(iso) == [(0, 7), (300, 9)]


def test_K15_FR_12_K15_FR_13_what_the_CSMS_refuses_is_not_and_a_new_profile_is_followed(iso: Bench) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 10, transactionId=tx))
    iso.answers["NotifyEVChargingSchedule"] = {"status": "Rejected"}
    own = [{"startPeriod": 0, "limit": 12}]
    told = result(iso, "notify-ev-charging-schedule", periods=own)
    assert told == {"status": "Rejected", "within_limits": False}
    assert composite(iso) == [(0, 10)]
    iso.answers["NotifyEVChargingSchedule"] = {"status": "Accepted"}
    put(iso, 1, flat(1, TX, 8, transactionId=tx))
    assert composite(iso) == [(0, 8)]


def test_K15_FR_22_the_car_selects_one_of_three_schedules_on_all_levels(iso: Bench) -> None:
    tx = arrive(iso)
    three = [schedule((0, limit)) | {"id": number} for number, limit in ((1, 16), (2, 10), (3, 6))]
    assert put(iso, 1, profile(1, TX, *three, transactionId=tx)) == "Accepted"
    two = [schedule((0, limit), duration=100) | {"id": number} for number, limit in ((8, 12), (9, 7))]
    assert put(iso, 1, profile(2, TX, *two, level=1, transactionId=tx)) == "Accepted"
    assert composite(iso) == [(0, 12), (100, 16)]
    iso.sent()
    assert result(iso, "notify-ev-charging-schedule", select=2)["within_limits"] is True
    (told,) = iso.sent("NotifyEVChargingSchedule")
    assert told["chargingSchedule"]["id"] == 9
    assert composite(iso) == [(0, 7), (100, 10)]
    assert power(iso) == 7 * 690


def test_a_profile_that_comes_before_the_answer_to_the_needs_is_not_waited_for(iso: Bench) -> None:
    iso.silent.add("NotifyEVChargingNeeds")
    tx = arrive(iso)
    (needs,) = [frame for frame in iso.frames if frame[0] == 2 and frame[2] == "NotifyEVChargingNeeds"]
    assert put(iso, 1, flat(1, TX, 8, transactionId=tx)) == "Accepted"
    assert power(iso) == 0
    iso.receive([3, needs[1], {"status": "Accepted"}])
    assert power(iso) == 8 * 690


# K16


def test_TC_K_58_K16_FR_01_K16_FR_02_K16_FR_03_K16_FR_05_K16_FR_09_K16_FR_11_K16_FR_13_the_CSMS_renegotiates(
    iso: Bench,
) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 14, transactionId=tx))
    iso.advance(100)
    iso.sent()
    assert put(iso, 1, flat(1, TX, 8, transactionId=tx)) == "Accepted"
    assert power(iso) == 8 * 690
    assert sorted(story(iso)) == ["NotifyEVChargingSchedule", "Updated ChargingRateChanged"]


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_K16_FR_04_K16_FR_06_K16_FR_07_K16_FR_08_K16_FR_10_its_answer_decides_what_counts(
    iso: Bench, status: str
) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 14, transactionId=tx))
    iso.answers["NotifyEVChargingSchedule"] = {"status": status}
    put(iso, 1, flat(1, TX, 10, transactionId=tx))
    own = [{"startPeriod": 0, "limit": 7}]
    told = result(iso, "notify-ev-charging-schedule", periods=own)
    assert told == {"status": status, "within_limits": True}
    assert composite(iso) == [(0, 7 if status == "Accepted" else 10)]
    put(iso, 1, flat(1, TX, 9, transactionId=tx))
    assert composite(iso) == [(0, 9)]


def test_K16_FR_02_whatever_changes_the_composite_schedule(iso: Bench) -> None:
    arrive(iso)
    iso.advance(61)
    iso.sent()
    put(iso, 0, flat(1, MAXIMUM, 10))
    assert len(iso.sent("NotifyEVChargingSchedule")) == 1
    iso.do("limit", amps=8)
    assert len(iso.sent("NotifyEVChargingSchedule")) == 1
    iso.csms("ClearChargingProfile", {"chargingProfileId": 1})
    (told,) = iso.sent("NotifyEVChargingSchedule")
    assert told["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 8


# K17


def test_TC_K_57_K17_FR_01_K17_FR_03_K17_FR_10_K17_FR_16_the_car_renegotiates(iso: Bench) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 14, transactionId=tx))
    iso.advance(100)
    iso.do("ev", soc=50, departure_s=600)
    iso.sent()
    assert result(iso, "notify-ev-charging-needs") == {"status": "Accepted"}
    (needs,) = iso.sent("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"]["departureTime"] == format_time(iso.clock.now + 600)
    assert needs["chargingNeeds"]["acChargingParameters"]["energyAmount"] == 30_000
    assert put(iso, 1, flat(1, TX, 8, transactionId=tx)) == "Accepted"
    assert sorted(story(iso)) == ["NotifyEVChargingSchedule", "Updated ChargingRateChanged"]


@pytest.mark.parametrize("status", ["Rejected", "Processing"])
def test_K17_FR_04_K17_FR_05_without_a_new_profile_it_goes_on_as_before(iso: Bench, status: str) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 14, transactionId=tx))
    iso.answers["NotifyEVChargingNeeds"] = {"status": status}
    assert result(iso, "notify-ev-charging-needs") == {"status": status}
    assert power(iso) == 14 * 690


def test_K17_FR_06_the_new_needs_are_AC_or_DC(iso: Bench) -> None:
    arrive(iso)
    iso.do("notify-ev-charging-needs")
    for sent in iso.sent("NotifyEVChargingNeeds"):
        assert set(sent["chargingNeeds"]) & {"acChargingParameters", "dcChargingParameters"} == {
            "acChargingParameters"
        }


def test_K17_FR_09_K17_FR_11_K17_FR_12_K17_FR_13_K17_FR_14_a_new_schedule_is_checked_and_counts_when_accepted(
    iso: Bench,
) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 14, transactionId=tx))
    iso.do("notify-ev-charging-needs")
    put(iso, 1, flat(1, TX, 9, transactionId=tx))
    iso.answers["NotifyEVChargingSchedule"] = lambda it: {
        "status": "Accepted"
        if it["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] <= 9
        else "Rejected"
    }
    beyond = [{"startPeriod": 0, "limit": 10}]
    told = result(iso, "notify-ev-charging-schedule", periods=beyond)
    assert told == {"status": "Rejected", "within_limits": False}
    assert composite(iso) == [(0, 9)]
    within = [{"startPeriod": 0, "limit": 6}]
    told = result(iso, "notify-ev-charging-schedule", periods=within)
    assert told == {"status": "Accepted", "within_limits": True}
    assert composite(iso) == [(0, 6)]


def test_K17_FR_15_offline_the_needs_change_nothing(iso: Bench) -> None:
    put(iso, 1, flat(1, DEFAULT, 8))
    arrive(iso)
    iso.advance(61)
    iso.drop()
    assert result(iso, "notify-ev-charging-needs") == "not_connected"
    assert power(iso) == 8 * 690


def test_who_comes_next_begins_anew(iso: Bench) -> None:
    tx = arrive(iso)
    put(iso, 1, flat(1, TX, 8, transactionId=tx))
    iso.do("unplug")
    iso.sent()
    arrive(iso)
    assert len(iso.sent("NotifyEVChargingNeeds")) == 1
    assert power(iso) == 0
    iso.advance(61)
    assert power(iso) == 11_000


# OCPP 2.1


def test_K15_FR_21_K16_FR_14_the_id_of_what_the_car_has_selected(new_bench: NewBench) -> None:
    bench = new_bench(CAR, protocol=OCPP_21)
    bench.answers["NotifyEVChargingNeeds"] = {"status": "Accepted"}
    bench.answers["NotifyEVChargingSchedule"] = {"status": "Accepted"}
    tx = arrive(bench)
    two = profile(1, TX, schedule((0, 10)) | {"id": 42}, transactionId=tx)
    two["chargingSchedule"].append(schedule((0, 8)) | {"id": 43})
    assert put(bench, 1, two) == "Accepted"
    result(bench, "notify-ev-charging-schedule", select=2)
    told = bench.sent("NotifyEVChargingSchedule")
    assert [it["selectedChargingScheduleId"] for it in told] == [42, 43]


def test_without_a_profile_nothing_is_selected(new_bench: NewBench) -> None:
    bench = new_bench(CAR, protocol=OCPP_21)
    arrive(bench)
    result(bench, "notify-ev-charging-schedule")
    assert "selectedChargingScheduleId" not in bench.sent("NotifyEVChargingSchedule")[-1]


# Refused


@pytest.mark.parametrize(
    "periods",
    [
        [{"startPeriod": 1, "limit": 6}],
        [{"startPeriod": 0, "limit": 6}, {"startPeriod": 0, "limit": 7}],
        [{"startPeriod": 0}],
        [{"startPeriod": 0, "limit": -1}],
        [{"startPeriod": 0, "limit": 6, "price": 1}],
        [],
    ],
)
def test_what_is_no_schedule_is_refused(iso: Bench, periods: list[Json]) -> None:
    arrive(iso)
    iso.sent()
    assert result(iso, "notify-ev-charging-schedule", periods=periods) == "invalid_argument"
    assert iso.sent("NotifyEVChargingSchedule") == []


def test_without_a_transaction_there_is_nothing_to_tell(iso: Bench) -> None:
    for command in ("notify-ev-charging-needs", "notify-ev-charging-schedule"):
        assert result(iso, command) == "invalid_state"


def test_any_car_can_be_made_to_tell_its_needs(bench: Bench) -> None:
    bench.answers["NotifyEVChargingNeeds"] = {"status": "Rejected"}
    arrive(bench)
    assert result(bench, "notify-ev-charging-needs") == {"status": "Rejected"}
    assert power(bench) == 11_000
