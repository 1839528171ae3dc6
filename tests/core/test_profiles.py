"""The composite schedule equals what a look at each second says; and it is quick."""

from __future__ import annotations

import math
import time
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.core.profiles import (
    Cap,
    Feed,
    Line,
    amperes,
    combined,
    defect,
    leading,
    lowest,
    periods_of,
    plan,
    rated,
)
from ocppd.core.times import format_time, parse_time

Json = dict[str, Any]
BASE = 1_735_725_600  # 2025-01-01T10:00:00Z
LENGTH = 240
AC = Feed(230.0, 3)
DC = Feed(400.0, 0)
RATED_W = 22_080.0
RELATIVE_TO = BASE - 30


# A look at each second, in the plainest way


def limit_at(profiles: list[Json], feed: Feed, second: int) -> float:
    """The limit in A at that second, by the words of the standard."""
    found = [RATED_W / feed.volts / (feed.phases or 1)]
    for purposes in (("TxProfile", "TxDefaultProfile"), ("ChargingStationMaxProfile",)):
        for purpose in purposes:
            there = [it for it in profiles if it["chargingProfilePurpose"] == purpose]
            there.sort(key=lambda it: it["stackLevel"], reverse=True)
            limits = [limit for it in there if (limit := limit_of(it, feed, second)) is not None]
            if limits:
                found.append(limits[0])
                break
    return min(found)


def limit_of(profile: Json, feed: Feed, second: int) -> float | None:
    begins = seconds(profile["validFrom"]) if "validFrom" in profile else second
    ends = seconds(profile["validTo"]) if "validTo" in profile else second + 1
    if not begins <= second < ends:
        return None
    schedule = profile["chargingSchedule"][0]
    passed = (
        second - seconds(schedule["startSchedule"]) if "startSchedule" in schedule else second - RELATIVE_TO
    )
    if passed < 0:
        return None
    if profile["chargingProfileKind"] == "Recurring":
        passed %= {"Daily": 86_400, "Weekly": 604_800}[profile["recurrencyKind"]]
    if "duration" in schedule and passed >= schedule["duration"]:
        return None
    period = [it for it in schedule["chargingSchedulePeriod"] if it["startPeriod"] <= passed][-1]
    limit, phases = period["limit"], period.get("numberPhases", 3)
    if schedule["chargingRateUnit"] == "A":
        return float(limit)
    if feed.phases == 0:
        return float(limit / feed.volts)
    if profile["chargingProfilePurpose"] == "ChargingStationMaxProfile":
        return float(limit / feed.volts / min(phases, feed.phases))
    return float(limit / feed.volts / phases)


@cache
def seconds(text: str) -> float:
    found = parse_time(text)
    assert found is not None
    return found


# The same by lines


def line_of(profiles: list[Json], feed: Feed, since: float = BASE, until: float = BASE + LENGTH) -> Line[Cap]:
    def plans(*purposes: str) -> list[Json]:
        there = [it for it in profiles if it["chargingProfilePurpose"] in purposes]
        return sorted(there, key=lambda it: (it["chargingProfilePurpose"] != "TxProfile", -it["stackLevel"]))

    own = [plan(it, feed, RELATIVE_TO) for it in plans("TxProfile", "TxDefaultProfile")]
    whole = [plan(it, None, RELATIVE_TO) for it in plans("ChargingStationMaxProfile")]
    lines: list[Line[Cap | None]] = [[(since, rated(feed, RATED_W))]]
    lines += [leading(own, since, until), leading(whole, since, until)]
    return combined(lines, lowest)


def at(line: Line[Cap], second: int) -> Cap:
    return [cap for start, cap in line if start <= second][-1]


@st.composite
def profile(draw: st.DrawFn, number: int) -> Json:
    purpose = draw(st.sampled_from(["TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile"]))
    kinds = ["Absolute", "Recurring"] + ["Relative"] * (purpose != "ChargingStationMaxProfile")
    kind = draw(st.sampled_from(kinds))
    gaps = draw(st.lists(st.integers(1, 90), max_size=5))
    starts = [0, *(sum(gaps[: n + 1]) for n in range(len(gaps)))]
    unit = draw(st.sampled_from("AW"))
    limits = st.sampled_from([0, 6, 10, 16, 32] if unit == "A" else [0, 1380, 4140, 6000, 11_040])
    schedule: Json = {
        "id": 1,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": it, "limit": draw(limits)} for it in starts],
    }
    days = draw(st.sampled_from([0, 0, 86_400, 604_800]))
    if kind != "Relative":
        schedule["startSchedule"] = format_time(BASE + draw(st.integers(-200, 200)) - days)
    if draw(st.booleans()):
        schedule["duration"] = draw(st.integers(1, 300) | st.sampled_from([86_400, 604_800]))
    found: Json = {
        "id": number,
        "stackLevel": number,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
    }
    if kind == "Recurring":
        found["recurrencyKind"] = draw(st.sampled_from(["Daily", "Weekly"]))
    for key in ("validFrom", "validTo"):
        if draw(st.integers(0, 3)) == 0:
            found[key] = format_time(BASE + draw(st.integers(-50, 250)))
    return found


PROFILES = st.integers(0, 6).flatmap(lambda count: st.tuples(*(profile(it) for it in range(count))))


@settings(max_examples=200, deadline=None)
@given(PROFILES, st.sampled_from([AC, DC, Feed(230.0, 1)]))
def test_K08_FR_04_the_composite_schedule_is_what_each_second_says(
    profiles: tuple[Json, ...], feed: Feed
) -> None:
    line = line_of(list(profiles), feed)
    assert [defect(it) for it in profiles] == [None] * len(profiles)
    for second in range(BASE, BASE + LENGTH):
        found, wanted = amperes(at(line, second), feed), limit_at(list(profiles), feed, second)
        assert abs(found - wanted) < 1e-9, second - BASE


@settings(max_examples=100, deadline=None)
@given(PROFILES, st.integers(0, LENGTH - 1))
def test_what_counts_now_counts_until_it_says(profiles: tuple[Json, ...], passed: int) -> None:
    moment = BASE + passed
    for it in profiles:
        one = plan(it, AC, RELATIVE_TO)
        cap, until = one.now(moment)
        assert until > moment
        steps = list(one.steps(moment, min(until, moment + 1000)))
        assert [value for _, value in steps if value is not None] == ([] if cap is None else [cap])


def test_a_schedule_in_whole_seconds_tells_nothing_twice_and_never_rounds_up() -> None:
    line = [(10.0, Cap(6000.0)), (10.2, Cap(7000.0)), (20.0, Cap(7000.0, 50.0)), (30.0, Cap(5000.0))]
    assert periods_of(line, "A", AC) == [
        {"startPeriod": 0, "limit": 10.1, "numberPhases": 3},
        {"startPeriod": 20, "limit": 7.2, "numberPhases": 3},
    ]
    assert [it["limit"] for it in periods_of(line, "W", AC)] == [7000.0, 5000.0]


def test_K01_FR_49_K01_FR_50_K01_FR_51_power_counts_on_the_phases_of_the_period() -> None:
    def capped(unit: str, **period: Any) -> Cap:
        schedule = {"startSchedule": format_time(BASE), "chargingRateUnit": unit, "id": 1}
        schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, **period}]
        found = {"chargingProfilePurpose": "TxProfile", "stackLevel": 0, "chargingProfileKind": "Absolute"}
        return at(line_of([found | {"chargingSchedule": [schedule]}], AC), BASE)

    assert amperes(capped("W", limit=6900), AC) == pytest.approx(10)
    assert amperes(capped("W", limit=6900, numberPhases=1), AC) == pytest.approx(30)
    assert capped("A", limit=10).current_a == 10


def test_ten_thousand_schedules_of_eight_profiles_with_24_periods_take_five_seconds() -> None:
    """500 µs each; what is measured here is what 200 take, twice as long at most: others may run beside."""
    purposes = ["TxProfile"] * 2 + ["TxDefaultProfile"] * 3 + ["ChargingStationMaxProfile"] * 3
    found = [
        {
            "id": number,
            "stackLevel": number,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Recurring",
            "recurrencyKind": "Daily",
            "chargingSchedule": [
                {
                    "id": 1,
                    "startSchedule": format_time(BASE - 86_400 + 60 * number),
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [
                        {"startPeriod": 3600 * hour, "limit": 6 + (hour * 7 + number) % 26}
                        for hour in range(24)
                    ],
                }
            ],
        }
        for number, purpose in enumerate(purposes)
    ]
    began = time.process_time()
    for _ in range(200):
        line = line_of(found, AC, BASE, BASE + 86_400)
        assert len(periods_of(line, "A", AC)) > 20
    assert time.process_time() - began < 200 * 2 * 500e-6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stackLevel": -1}, "InvalidStackLevel"),
        ({"chargingProfileKind": "Recurring"}, "InvalidProfile"),
        ({"validFrom": "yesterday"}, "InvalidProfile"),
        ({"validTo": "2025-02-30T10:00:00Z"}, "InvalidProfile"),
        ({"startSchedule": "soon"}, "InvalidSchedule"),
        ({"duration": 0}, "InvalidSchedule"),
        ({"minChargingRate": -1}, "InvalidSchedule"),
        ({"chargingSchedulePeriod": [{"startPeriod": 1, "limit": 6}]}, "InvalidSchedule"),
        ({"chargingSchedulePeriod": [{"startPeriod": 0, "limit": -1}]}, "InvalidSchedule"),
        ({"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1e12}]}, "InvalidSchedule"),
        ({"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6, "numberPhases": 4}]}, "InvalidSchedule"),
    ],
)
def test_what_no_station_could_follow(change: Json, reason: str) -> None:
    schedule: Json = {"id": 1, "startSchedule": format_time(BASE), "chargingRateUnit": "A"}
    schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": 6}]
    found: Json = {"id": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}
    found["chargingProfileKind"] = "Absolute"
    inside = {"startSchedule", "duration", "minChargingRate", "chargingSchedulePeriod"}
    assert defect(found | {"chargingSchedule": [schedule]}) is None
    schedule |= {key: value for key, value in change.items() if key in inside}
    found |= {key: value for key, value in change.items() if key not in inside}
    assert defect(found | {"chargingSchedule": [schedule]}) == reason


def test_an_endless_line_can_be_looked_into() -> None:
    found = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": format_time(BASE),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}],
            }
        ],
    }
    one = plan(found, AC, BASE)
    assert one.now(BASE - 1) == (None, BASE)
    cap, until = one.now(BASE + 10 * 86_400)
    assert (cap, until) == (Cap(math.inf, 6.0), BASE + 11 * 86_400)
