"""What is not enough for all is shared fairly, and never more than there is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.sharing import Claim, shares

AMOUNTS = st.floats(0, 1e6, allow_nan=False)
CLAIMS = st.lists(
    st.builds(Claim, demand=AMOUNTS, minimum=st.sampled_from([0.0, 6.0, 100.0]), priority=st.integers(-9, 9)),
    max_size=8,
)


@pytest.mark.parametrize(
    ("total", "demands", "wanted"),
    [
        (32, [32, 32], [16, 16]),
        (32, [10, 32], [10, 22]),
        (32, [10, 10], [10, 10]),
        (40, [6, 10, 32, 32], [6, 10, 12, 12]),
        (0, [32, 32], [0, 0]),
        (math.inf, [32, 16], [32, 16]),
        (32, [], []),
    ],
)
def test_K04_FR_05_what_is_there_is_shared_max_min(
    total: float, demands: list[float], wanted: list[float]
) -> None:
    assert shares(total, [Claim(it) for it in demands]) == pytest.approx(wanted)


def test_where_there_is_not_the_minimum_for_all_the_first_are_served() -> None:
    claims = [Claim(32, 6)] * 4
    assert shares(20, claims) == pytest.approx([20 / 3, 20 / 3, 20 / 3, 0])
    assert shares(5, claims) == [0, 0, 0, 0]


def test_a_minimum_is_kept_where_an_even_share_is_less() -> None:
    assert shares(20, [Claim(32, 14), Claim(32, 0)]) == pytest.approx([14, 6])


def test_K03_FR_04_a_greater_priority_is_served_first() -> None:
    claims = [Claim(16, 6, 0), Claim(16, 6, 1), Claim(16, 6, -1)]
    assert shares(20, claims) == [0, 16, 0]
    assert shares(24, claims) == [8, 16, 0]


@given(AMOUNTS, CLAIMS)
def test_nobody_gets_what_is_not_there_or_is_of_no_use(total: float, claims: list[Claim]) -> None:
    found = shares(total, claims)
    assert sum(found) <= total * (1 + 1e-9) + 1e-9
    for share, claim in zip(found, claims, strict=True):
        least = min(claim.minimum, claim.demand)
        assert share == 0 or least - 1e-6 <= share <= claim.demand + 1e-6


@given(AMOUNTS, st.lists(AMOUNTS, max_size=8))
def test_nothing_is_left_while_somebody_wants_more(total: float, demands: list[float]) -> None:
    found = shares(total, [Claim(it) for it in demands])
    assert sum(found) == pytest.approx(min(total, sum(demands)), abs=1e-6)


@given(AMOUNTS, st.lists(AMOUNTS, min_size=2, max_size=8))
def test_who_gets_less_than_another_has_all_that_it_wants(total: float, demands: list[float]) -> None:
    found = shares(total, [Claim(it) for it in demands])
    for share, demand in zip(found, demands, strict=True):
        assert share == pytest.approx(demand) or share >= max(found) - 1e-6
