"""What a period of OCPP 2.1 wants besides its limit: curves, setpoints, and what is left of the limit."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.operation_modes import Curve, Mode, at
from ocppd.core.profiles import Feed, cap_of, directed, lowest, periods_of, rated, watts
from tests.bench import Json

AC, DC = Feed(230.0, 3), Feed(400.0, 0)
CURVES = st.lists(st.integers(-1000, 1000), min_size=1, max_size=20, unique=True).flatmap(
    lambda places: st.tuples(*(st.tuples(st.just(float(it)), st.floats(-1e6, 1e6)) for it in sorted(places)))
)
PERIODS = st.fixed_dictionaries(
    {
        "startPeriod": st.just(0),
        "operationMode": st.just("CentralSetpoint"),
        "setpoint": st.integers(-200, 200),
    },
    optional={"limit": st.integers(0, 30), "dischargeLimit": st.integers(-30, -1)},
)


@given(CURVES, st.floats(-2000, 2000))
def test_Q07_Q08_a_curve_passes_its_points_and_stays_between_them(curve: Curve, place: float) -> None:
    powers = [power for _, power in curve]
    assert min(powers) - 1e-6 <= at(curve, place) <= max(powers) + 1e-6
    assert at(curve, -math.inf) == powers[0]
    assert at(curve, math.inf) == powers[-1]
    assert [at(curve, it) for it, _ in curve] == pytest.approx(powers, rel=1e-9, abs=1e-6)


@given(PERIODS, st.sampled_from([AC, DC]), st.sampled_from(["A", "W"]))
def test_Q03_what_flows_is_within_setpoint_and_limits(period: Json, feed: Feed, unit: str) -> None:
    cap = cap_of(period, unit, feed)
    assert cap.mode is not None
    one = feed.volts * feed.columns if unit == "A" else 1.0
    most, back = watts(directed(cap, feed), feed), cap.mode.discharge_w
    assert most == pytest.approx(max(0.0, min(period["setpoint"], period.get("limit", math.inf))) * one)
    wanted = min(-period["setpoint"], -period.get("dischargeLimit", -math.inf))
    assert back == pytest.approx(max(0.0, wanted) * one)
    assert most == 0 or back == 0


@given(PERIODS, st.sampled_from([AC, DC]), st.sampled_from(["A", "W"]))
def test_Q03_a_composite_schedule_says_the_same_as_the_profile(period: Json, feed: Feed, unit: str) -> None:
    cap = lowest([rated(feed, 1e9), cap_of(period, unit, feed)])
    (told,) = periods_of([(0.0, cap)], unit, feed)
    assert {key: told[key] for key in period if key != "limit"} == pytest.approx(
        {key: period[key] for key in period if key != "limit"}
    )
    assert "limit" not in period or told["limit"] == pytest.approx(period["limit"])


def test_Q07_before_any_signal_the_baseline_counts() -> None:
    mode = Mode("CentralFrequency", by_signal=((-1.0, -5.0), (1.0, 5.0)), baseline_w=3.0)
    seen = [mode.told(external_w=None, signal=it, frequency_hz=50).setpoint_w for it in (None, 0, 1)]
    assert seen == [3, 3, 8]
