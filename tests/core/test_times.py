from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.core.times import format_time, parse_time


@given(some.integers(min_value=0, max_value=32_503_679_999_999))
def test_a_time_survives_its_timestamp(milliseconds: int) -> None:
    told = parse_time(format_time(milliseconds / 1000))
    assert told is not None
    assert abs(told - milliseconds / 1000) < 0.001


def test_a_timestamp_is_utc_with_three_decimals() -> None:
    assert format_time(1_735_725_600.1239) == "2025-01-01T10:00:00.123Z"


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-01T10:00:00Z",
        "2025-01-01t10:00:00z",
        "2025-01-01T12:30:00+02:30",
        "2025-01-01T05:00:00.000000000-05:00",
    ],
)
def test_any_offset_and_any_number_of_decimals_is_read(text: str) -> None:
    assert parse_time(text) == 1_735_725_600.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2025-01-01",
        "2025-01-01T10:00:00",
        "2025-01-01 10:00:00Z",
        "2025-W01-3T10:00:00Z",
        "20250101T100000Z",
        "2025-01-01T10:00Z",
        "2025-02-30T10:00:00Z",
        "2025-01-01T25:00:00Z",
        "٢٠٢٥-01-01T10:00:00Z",
    ],
)
def test_what_is_no_rfc_3339_timestamp_is_none(text: str) -> None:
    assert parse_time(text) is None


@given(some.text())
def test_no_text_makes_it_raise(text: str) -> None:
    assert parse_time(text) is None or "T" in text.upper()


@pytest.mark.parametrize(
    ("epoch", "text"), [(1e18, "9999-12-31T23:59:59.000Z"), (-5.0, "1970-01-01T00:00:00.000Z")]
)
def test_what_no_year_can_say_is_told_as_the_end(epoch: float, text: str) -> None:
    assert format_time(epoch) == text
