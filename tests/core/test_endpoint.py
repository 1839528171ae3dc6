"""The back-off of the link (Part 4, 5.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.endpoint import Backoff


@pytest.mark.parametrize(
    ("failures", "waits"),
    [(1, 2), (2, 4), (3, 8), (4, 8), (100, 8)],
)
def test_TC_B_57_the_wait_doubles_as_often_as_configured(failures: int, waits: float) -> None:
    assert Backoff(minimum=2, random_range=0, repeats=2).wait(failures, 0.5) == waits


def test_the_random_part_is_added() -> None:
    assert Backoff(minimum=2, random_range=10, repeats=2).wait(2, 0.25) == 4 + 2.5


@given(
    minimum=st.integers(0, 10**9),
    random_range=st.integers(0, 10**9),
    repeats=st.integers(0, 10**18),
    failures=st.integers(1, 10**6),
)
def test_whatever_the_csms_sets_there_is_a_wait_and_an_end_to_it(
    minimum: int, random_range: int, repeats: int, failures: int
) -> None:
    assert 0 < Backoff(minimum, random_range, repeats).wait(failures, 1.0) < 1e15
