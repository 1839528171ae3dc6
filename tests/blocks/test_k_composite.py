"""GetCompositeSchedule: what comes of all profiles together."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.core.description import Car, Evse, Hardware
from ocppd.core.times import format_time, parse_time
from tests.bench import START, Bench, Json, with_presets
from tests.blocks.profiles import DEFAULT, MAXIMUM, TX, charge, composite, flat, power, profile, put, schedule

NewBench = Callable[..., Bench]
TWO = Hardware(evses=(Evse(), Evse()))
DAY = 86_400


def ask(bench: Bench, evse: int = 1, duration: int = 600, **more: str) -> Json:
    return bench.csms("GetCompositeSchedule", {"evseId": evse, "duration": duration, **more})


# The test cases of the OCA


def test_TC_K_39_K08_FR_02_without_profiles_it_is_what_the_hardware_can(bench: Bench) -> None:
    bench.advance(0.7)
    answer = ask(bench, chargingRateUnit="W")
    assert answer["status"] == "Accepted"
    assert answer["schedule"] == {
        "evseId": 1,
        "duration": 600,
        "scheduleStart": format_time(START),
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 22_080, "numberPhases": 3}],
    }


def test_TC_K_42_K08_FR_07_a_unit_that_is_not_configured(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(), SmartChargingCtrlr__RateUnit="W"))
    assert ask(bench, chargingRateUnit="A")["status"] == "Rejected"
    assert ask(bench)["schedule"]["chargingRateUnit"] == "W"


def test_TC_K_47_K08_FR_05_an_unknown_EVSE(bench: Bench) -> None:
    answer = ask(bench, 2)
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "UnknownEvse"}}
    assert ask(bench, 1, 0)["status"] == "Rejected"


def test_TC_K_21_K01_FR_36_it_is_not_valid_yet(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6, validFrom=format_time(START + 300)))
    bench.advance(20)
    assert composite(bench) == [(0, 32), (280, 6)]


def test_TC_K_22_K01_FR_37_it_is_not_valid_any_more(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    put(bench, 0, flat(1, DEFAULT, 6, validTo=format_time(START + 300)))
    bench.advance(20)
    assert composite(bench, 1) == composite(bench, 2) == [(0, 6), (280, 32)]
    assert composite(bench, 0) == [(0, 12), (280, 64)]


def test_TC_K_23_K01_FR_30_it_has_not_started_yet(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), start=START + 60)))
    bench.advance(20)
    assert composite(bench) == [(0, 32), (40, 6)]
    charge(bench)
    assert power(bench) == 11_000
    bench.advance(38)
    assert power(bench) == 11_000
    bench.advance(1)
    assert power(bench) == 6 * 690


def test_TC_K_40_K01_FR_17_a_higher_stack_level_overrules_while_it_lasts(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (100, 8), (200, 10))))
    put(bench, 1, profile(2, DEFAULT, schedule((0, 7), (100, 9), duration=150), level=1))
    assert composite(bench) == [(0, 7), (100, 9), (150, 8), (200, 10)]
    bench.advance(30)
    assert composite(bench, duration=140) == [(0, 7), (70, 9), (120, 8)]


def test_TC_K_41_K02_FR_08_K08_FR_04_the_lowest_of_the_purposes(bench: Bench) -> None:
    put(bench, 0, flat(1, MAXIMUM, 10))
    default = schedule((0, 6), (60, 10), (120, 8), (180, 15), (260, 8), duration=300)
    put(bench, 1, profile(2, DEFAULT, default))
    bench.do("plug-in")
    bench.do("authorize")
    tx = bench.state.evses[0].transaction
    assert tx is not None
    own = schedule((0, 8), (50, 11), (140, 16), (200, 6), (240, 12), duration=260)
    put(bench, 1, profile(3, TX, own, transactionId=tx.id))
    wanted = [(0, 8), (50, 10), (200, 6), (240, 10), (260, 8), (300, 10)]
    assert composite(bench, duration=400) == wanted
    for at, limit in wanted:
        bench.advance(START + at - bench.clock.now)
        assert power(bench) == limit * 690


def test_TC_K_19_K01_FR_13_it_recurs_and_pauses(bench: Bench) -> None:
    week: Json = {"kind": "Recurring", "recurrencyKind": "Weekly"}
    night = schedule((0, 6), duration=3600, start=START - 6 * DAY)
    assert put(bench, 1, profile(1, DEFAULT, night, **week)) == "Accepted"
    assert composite(bench, duration=2 * DAY) == [(0, 32), (DAY, 6), (DAY + 3600, 32)]
    daily: Json = {"kind": "Recurring", "recurrencyKind": "Daily"}
    put(bench, 1, profile(2, DEFAULT, schedule((0, 10), duration=60), level=1, **daily))
    assert composite(bench, duration=2 * DAY)[:4] == [(0, 10), (60, 32), (DAY, 10), (DAY + 60, 6)]
    charge(bench)
    bench.advance(DAY - 2)
    assert power(bench) == 0  # the car is full long since
    assert bench.state.evses[0].limit is None
    bench.advance(2)
    assert bench.state.evses[0].limit is not None


# The rest of K01 and K08


def test_K01_FR_10_without_validity_it_is_valid_for_ever(bench: Bench) -> None:
    put(bench, 1, flat(1, DEFAULT, 6))
    bench.advance(DAY)
    assert composite(bench, duration=31 * DAY) == [(0, 6)]


def test_K01_FR_11_K01_FR_12_a_period_lasts_until_the_next_and_none_beyond_the_duration(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (100, 8), (200, 10), duration=200)))
    assert composite(bench) == [(0, 6), (100, 8), (200, 32)]
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (100, 8), (200, 10), duration=150)))
    assert composite(bench) == [(0, 6), (100, 8), (150, 32)]


def test_K01_FR_42_relative_periods_count_from_when_energy_can_flow(bench: Bench) -> None:
    bench.do("plug-in")
    bench.advance(50)
    bench.do("authorize")
    bench.advance(30)
    tx = bench.state.evses[0].transaction
    assert tx is not None
    own = schedule((0, 6), (100, 8), (200, 10), start=None)
    assert put(bench, 1, profile(1, TX, own, kind="Relative", transactionId=tx.id)) == "Accepted"
    assert composite(bench) == [(0, 6), (70, 8), (170, 10)]
    bench.advance(69.5)
    assert power(bench) == 6 * 690
    bench.advance(1)
    assert power(bench) == 8 * 690


def test_K08_FR_06_without_a_transaction_it_is_as_if_one_began(bench: Bench) -> None:
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), (100, 8), start=None), kind="Relative"))
    bench.advance(500)
    assert composite(bench) == [(0, 6), (100, 8)]


def test_K08_FR_03_the_station_takes_what_its_EVSEs_may_within_its_own_limits(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse(), Evse(phases=0, max_w=50_000, voltage_v=400))))
    assert composite(bench, 0, unit="W") == [(0, 2 * 22_080 + 50_000)]
    put(bench, 1, flat(1, DEFAULT, 10))
    put(bench, 3, flat(2, DEFAULT, 6900, "W"))
    assert composite(bench, 0) == [(0, 10 + 32 + 10)]
    put(bench, 0, profile(3, MAXIMUM, schedule((0, 40), (60, 100))))
    assert composite(bench, 0) == [(0, 40), (60, 52)]
    bench.do("limit", watts=13_800)
    assert composite(bench, 0) == [(0, 20)]
    assert composite(bench, 2, unit="W") == [(0, 13_800)]


def test_the_connection_to_the_grid_is_a_limit(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse()), max_w=22_080))
    assert composite(bench, 0) == [(0, 32)]


def test_DC_is_told_in_watts_unless_asked_otherwise(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(phases=0, max_w=50_000, voltage_v=400),), ev=Car(max_w=90_000)))
    put(bench, 1, flat(1, DEFAULT, 20_000, "W"))
    assert ask(bench)["schedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 20_000}]
    assert composite(bench, unit="A") == [(0, 50)]
    charge(bench)
    assert power(bench) == 20_000


def test_it_is_told_on_the_stations_own_clock(bench: Bench) -> None:
    bench.state.clock_offset = 3600.0
    put(bench, 1, profile(1, DEFAULT, schedule((0, 6), start=START + 3660)))
    answer = ask(bench)["schedule"]
    assert parse_time(answer["scheduleStart"]) == START + 3600
    assert composite(bench) == [(0, 32), (60, 6)]


def test_who_asks_for_too_much_is_told_how_much_it_is(bench: Bench) -> None:
    daily: Json = {"kind": "Recurring", "recurrencyKind": "Daily"}
    hours = [(3600 * hour, 6 + hour % 2) for hour in range(24)]
    put(bench, 1, profile(1, DEFAULT, schedule(*hours), **daily))
    answer = ask(bench, duration=2**31 - 1)["schedule"]
    assert answer["duration"] == 31 * DAY
    assert len(answer["chargingSchedulePeriod"]) == 31 * 24
    minutes = [(60 * minute, 6 + minute % 2) for minute in range(24)]
    for number in range(2, 9):
        start = START + number * 60 * 25
        one = schedule(*minutes, start=start, duration=1440)
        put(bench, 1, profile(number, DEFAULT, one, level=number, **daily))
    answer = ask(bench, duration=2**31 - 1)["schedule"]
    assert len(answer["chargingSchedulePeriod"]) == 1024
    assert answer["duration"] < 31 * DAY


LIMITS = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([0, 6, 8, 13, 16, 32])), min_size=1, max_size=5
)


def test_K04_FR_01_what_flows_is_what_the_schedule_says(new_bench: NewBench) -> None:
    """For any profiles, at any moment."""

    @settings(max_examples=10, deadline=None)
    @given(st.lists(LIMITS, min_size=1, max_size=3))
    def holds(found: list[list[tuple[int, int]]]) -> None:
        bench = new_bench(Hardware(ev=Car(max_w=40_000, capacity_wh=1e6)))
        charge(bench)
        for number, (purpose, limits) in enumerate(zip((DEFAULT, MAXIMUM, DEFAULT), found, strict=False)):
            starts = [sum(gap for gap, _ in limits[:n]) for n in range(len(limits))]
            rows = [(at, amps) for at, (_, amps) in zip(starts, limits, strict=True)]
            one = profile(number, purpose, schedule(*rows, start=bench.clock.now), level=number)
            assert put(bench, 0, one) == "Accepted"
        wanted = composite(bench, 1, 300)
        began = bench.clock.now
        for passed in range(0, 300, 7):
            bench.advance(began + passed - bench.clock.now)
            limit = [amps for at, amps in wanted if at <= passed][-1]
            assert power(bench) == limit * 690

    holds()
