"""The limit limits: power follows it, EVSEs share, and what changes is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.core.description import Car, Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json
from tests.blocks.profiles import DEFAULT, MAXIMUM, TX, charge, composite, flat, power, profile, put, schedule

NewBench = Callable[..., Bench]
TWO = Hardware(evses=(Evse(), Evse()))
THREE = Hardware(evses=(Evse(), Evse(), Evse()))


def powers(bench: Bench) -> list[int]:
    return [power(bench, number) for number in range(1, len(bench.state.evses) + 1)]


def view(bench: Bench, evse: int = 1) -> Json:
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    found: Any = answer.done.result
    shown: Json = found["evses"][evse - 1]
    return shown


# Power follows


def test_K02_FR_02_from_the_first_moment_on(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 8))
    charge(bench)
    assert bench.story() == [
        "Started CablePluggedIn EVConnected",
        "Updated Authorized",
        "Updated ChargingStateChanged Charging",
    ]
    assert power(bench) == 8 * 690


def test_K01_FR_12_at_each_boundary_to_the_second_and_the_energy_with_it(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (100, 10), (200, 0), (300, 16))))
    charge(bench)
    for until, limit in ((100, 6), (200, 10), (300, 0), (400, 16)):
        bench.advance(START + until - 0.5 - bench.clock.now)
        assert power(bench) == min(limit * 690, 11_000)
        bench.advance(0.5)
    bench.do("get")
    wanted = (100 * 6 + 100 * 10 + 100 * 0) * 690 + 100 * 11_000
    assert bench.state.evses[0].meter.energy_wh == pytest.approx(wanted / 3600)


def test_a_limit_of_nothing_suspends_and_a_limit_again_resumes(bench: Bench) -> None:
    charge(bench)
    bench.sent()
    put(bench, 1, flat(1, DEFAULT, 0))
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEVSE"]
    assert view(bench)["tx"]["state"] == "SuspendedEVSE"
    put(bench, 1, flat(1, DEFAULT, 10))
    assert bench.story() == ["Updated ChargingStateChanged Charging"]
    assert power(bench) == 6900
    put(bench, 1, flat(1, DEFAULT, 5.9))  # which no control pilot can offer
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEVSE"]
    assert power(bench) == 0


def test_the_view_and_an_event_tell_the_limit_and_its_purpose(bench: Bench) -> None:
    assert (view(bench)["limit_w"], view(bench)["limit_source"]) == (None, None)
    put(bench, 1, flat(1, DEFAULT, 16))
    assert (view(bench)["limit_w"], view(bench)["limit_source"]) == (11_040, DEFAULT)
    put(bench, 0, flat(2, MAXIMUM, 4140, "W"))
    assert (view(bench)["limit_w"], view(bench)["limit_source"]) == (4140, MAXIMUM)
    bench.csms("ClearChargingProfile", {})
    told = [it.data for it in bench.happened_since("limit_changed")]
    assert told == [
        {"limit_w": 11_040, "limit_source": DEFAULT},
        {"limit_w": 4140, "limit_source": MAXIMUM},
        {"limit_w": None, "limit_source": None},
    ]


def test_a_clock_that_is_put_right_moves_the_boundaries(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (1000, 10))))
    charge(bench)
    later = format_time(bench.clock.now + 990)
    bench.answers["Heartbeat"] = {"currentTime": later}
    bench.do("heartbeat")
    bench.answers["Heartbeat"] = {"currentTime": format_time(START + 1500)}
    assert power(bench) == 6 * 690
    bench.advance(20)
    assert power(bench) == 10 * 690


@pytest.mark.parametrize("offset", [0.1, -0.123456789, 1 / 3, 86_400.7])
def test_a_clock_that_is_off_by_a_fraction_finds_each_boundary(bench: Bench, offset: float) -> None:
    bench.state.clock_offset = offset
    rows = [(n, 6 + n % 3) for n in range(20)]
    put(bench, 1, profile(1, DEFAULT, schedule(*rows, start=START + 86_500)))
    charge(bench)
    bench.advance(86_500 - offset + 19)
    assert bench.state.evses[0].limit is not None
    assert bench.state.evses[0].limit.current_a == 7


def test_K06_FR_01_K06_FR_02_offline_it_goes_on_as_before(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    tx = charge(bench, 1)
    charge(bench, 2)
    own = schedule((0, 6), (100, 8))
    put(bench, 1, profile(1, TX, own, transactionId=tx))
    bench.drop()
    assert powers(bench) == [6 * 690, 11_000]
    bench.advance(100)
    assert powers(bench) == [8 * 690, 11_000]


def test_K07_FR_01_a_transaction_that_starts_offline_has_the_default(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 7))
    bench.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.drop()
    charge(bench)
    assert power(bench) == 7 * 690


def test_K02_FR_08_a_profile_that_ends_gives_way_to_the_default_and_that_to_the_hardware(
    bench: Bench,
) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 10), duration=200)))
    tx = charge(bench)
    own = schedule((0, 6), start=bench.clock.now, duration=60)
    put(bench, 1, profile(2, TX, own, transactionId=tx))
    seen = []
    for _ in range(4):
        seen.append(power(bench))
        bench.advance(60)
    assert seen == [6 * 690, 10 * 690, 10 * 690, 10 * 690]
    assert power(bench) == 11_000


def test_a_boundary_in_the_dark_counts_at_the_power_up(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 10), (100, 6))))
    charge(bench)
    bench.do("power", "OFF")
    bench.sent()
    bench.advance(200)
    assert bench.sent() == []
    bench.do("power", "ON")
    bench.reconnect(60)
    assert power(bench) == 6 * 690


# What is told


def test_only_a_significant_change_of_the_rate_is_told(bench: Bench) -> None:
    """SC.03, LimitChangeSignificance."""
    charge(bench)
    put(bench, 1, flat(1, DEFAULT, 10))
    bench.sent()
    for amps in (10.5, 10.9, 11.2):
        put(bench, 1, flat(1, DEFAULT, amps))
    assert bench.story() == ["Updated ChargingRateChanged"]  # 11.2 A is 12 % more than the 10 A that it knows
    bench.set("SmartChargingCtrlr.LimitChangeSignificance", "1.0")
    put(bench, 1, flat(1, DEFAULT, 11.5))
    assert bench.story() == ["Updated ChargingRateChanged"]


def test_a_limit_above_what_the_car_takes_changes_no_rate(bench: Bench) -> None:
    charge(bench)
    bench.sent()
    put(bench, 1, flat(1, DEFAULT, 30))
    assert bench.story() == []
    assert power(bench) == 11_000


def test_a_change_while_nothing_flows_is_no_change_of_the_rate(bench: Bench) -> None:
    charge(bench)
    bench.do("suspend", by="ev")
    bench.sent()
    put(bench, 1, flat(1, DEFAULT, 10))
    assert bench.story() == []
    bench.do("resume")
    assert bench.story() == ["Updated ChargingStateChanged Charging"]
    assert power(bench) == 6900


# Sharing (K04)


def test_K04_FR_05_the_maximum_is_for_all_together_and_shared_fairly(new_bench: NewBench) -> None:
    bench = new_bench(THREE)
    for number in (1, 2):
        charge(bench, number)
    assert put(bench, 0, flat(1, MAXIMUM, 20)) == "Accepted"
    assert powers(bench) == [6900, 6900, 0]
    charge(bench, 3)
    assert powers(bench) == [4600, 4600, 4600]
    bench.do("unplug", evse=2, connector=1)
    assert powers(bench) == [6900, 0, 6900]


def test_what_one_does_not_use_is_for_the_others(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    put(bench, 0, flat(1, MAXIMUM, 13_800, "W"))
    bench.do("plug-in", evse=1, connector=1, ev={"max_w": 4500})
    bench.do("authorize", evse=1)
    charge(bench, 2)
    assert powers(bench) == [4500, 9300]
    bench.do("suspend", evse=1, by="ev")
    assert powers(bench) == [0, 11_000]
    bench.do("resume", evse=1)
    assert powers(bench) == [4500, 9300]
    put(bench, 2, flat(2, DEFAULT, 10))
    assert powers(bench) == [4500, 6900]


def test_who_is_full_gives_its_share_away_at_that_moment(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    put(bench, 0, flat(1, MAXIMUM, 16))
    bench.do("plug-in", evse=1, connector=1, ev={"soc": 99.9, "capacity_wh": 10_000})
    bench.do("authorize", evse=1)
    charge(bench, 2)
    assert power(bench, 2) == 5520
    bench.advance(600)
    assert powers(bench) == [0, 11_000]


def test_where_there_is_not_enough_for_all_the_first_charge(new_bench: NewBench) -> None:
    bench = new_bench(THREE)
    for number in (1, 2, 3):
        charge(bench, number)
    put(bench, 0, flat(1, MAXIMUM, 14))
    assert powers(bench) == [7 * 690, 7 * 690, 0]
    assert [view(bench, number)["tx"]["state"] for number in (2, 3)] == ["Charging", "SuspendedEVSE"]
    bench.do("unplug", evse=1, connector=1)
    assert powers(bench) == [0, 7 * 690, 7 * 690]


def test_K04_FR_02_the_connection_to_the_grid_is_shared_without_any_profile(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse()), max_w=15_000))
    charge(bench, 1)
    assert powers(bench) == [11_000, 0]
    charge(bench, 2)
    assert powers(bench) == [7500, 7500]
    assert (view(bench)["limit_w"], view(bench)["limit_source"]) == (7500, None)


def test_K03_FR_02_a_new_maximum_is_shared_anew(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for number in (1, 2):
        charge(bench, number)
    for amps in (20, 12, 30):
        put(bench, 0, flat(1, MAXIMUM, amps))
        assert powers(bench) == [amps * 345, amps * 345]


def test_K03_FR_04_K03_FR_05_K03_FR_06_priority_is_served_first(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    charge(bench, 1)
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", "chargingPriority": 3}}
    bench.do("plug-in", evse=2, connector=1)
    bench.do("authorize", evse=2, id_token="BB22")
    put(bench, 0, flat(1, MAXIMUM, 20))
    assert powers(bench) == [0, 11_000]  # 4 A are left, and that is nothing for a car
    second = bench.state.evses[1].transaction
    assert second is not None
    bench.answers["TransactionEvent"] = lambda event: (
        {"chargingPriority": -1} if event["transactionInfo"]["transactionId"] == second.id else {}
    )
    bench.do("suspend", evse=2, by="ev")
    bench.do("resume", evse=2)
    assert powers(bench) == [11_000, 0]


def test_K01_FR_21_K02_FR_06_K03_FR_07_K04_FR_04_below_the_minimum_rate_one_is_not_split(
    new_bench: NewBench,
) -> None:
    bench = new_bench(TWO)
    for number in (1, 2):
        put(bench, number, profile(number, DEFAULT, schedule((0, 16), minChargingRate=10)))
        charge(bench, number)
    put(bench, 0, flat(3, MAXIMUM, 20))
    assert powers(bench) == [6900, 6900]
    put(bench, 0, flat(3, MAXIMUM, 18))
    assert powers(bench) == [11_000, 0]


def test_one_phase_cars_share_the_current_of_the_phase_that_all_use(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for number in (1, 2):
        bench.do("plug-in", evse=number, connector=1, ev={"phases": 1})
        bench.do("authorize", evse=number)
    put(bench, 0, flat(1, MAXIMUM, 20))
    assert powers(bench) == [2300, 2300]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["plug", "unplug", "suspend", "resume", "limit", "maximum", "ev", "wait"]),
        st.integers(1, 3),
        st.sampled_from([0, 6, 9, 14, 20, 33, 50]),
    ),
    max_size=20,
)


def test_K12_FR_01_K04_FR_05_never_is_there_more_than_the_station_may_take(new_bench: NewBench) -> None:
    @settings(max_examples=60, deadline=None)
    @given(STEPS)
    def holds(steps: list[tuple[str, int, int]]) -> None:
        bench = new_bench(THREE)
        most = amps = float("inf")
        for what, evse, amount in steps:
            if what == "maximum":
                most, amps = amount * 230 * evse, float(amount)
                wanted = profile(1, MAXIMUM, schedule((0, amount, evse)))
                assert put(bench, 0, wanted) == "Accepted"
            else:
                _do(bench, what, evse, amount)
            shown = [view(bench, number) for number in (1, 2, 3)]
            assert sum(it["meter"]["power_w"] for it in shown) <= most + 3
            assert sum(it["meter"]["current_a"][0] for it in shown) <= amps + 0.2
            for it in shown:
                if it["limit_w"] is not None:
                    assert it["meter"]["power_w"] <= it["limit_w"] + 1

    holds()


def _do(bench: Bench, what: str, evse: int, amount: int) -> None:
    match what:
        case "plug":
            bench.do("plug-in", evse=evse, connector=1, ev={"phases": 1 + amount % 3})
            bench.do("start", evse=evse)
        case "unplug":
            bench.do("unplug", evse=evse, connector=1)
        case "suspend" | "resume":
            bench.do(what, evse=evse)
        case "limit":
            put(bench, evse, flat(10 + evse, DEFAULT, amount))
        case "ev":
            bench.do("ev", evse=evse, max_w=1000.0 + 300 * amount)
        case "wait":
            bench.advance(amount * 60)


def test_the_schedule_of_one_EVSE_is_not_what_it_shares_now(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for number in (1, 2):
        charge(bench, number)
    put(bench, 0, flat(1, MAXIMUM, 20))
    assert composite(bench, 1) == [(0, 20)]
    assert composite(bench, 0) == [(0, 20)]


def test_a_car_that_cannot_do_with_less_gets_none(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse()), ev=Car(min_a=10)))
    for number in (1, 2):
        charge(bench, number)
    put(bench, 0, flat(1, MAXIMUM, 18))
    assert powers(bench) == [11_000, 0]
