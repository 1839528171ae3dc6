"""When a periodic monitor is due, and what a state file may say of monitors."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.monitors import is_due
from ocppd.core.state import Monitor

SECONDS = st.floats(1, 86_400)
CLOCK = st.floats(1.7e9, 1.8e9)


@given(value=SECONDS, clock=CLOCK, steps=st.lists(st.floats(0, 200_000), max_size=20))
@pytest.mark.parametrize("kind", ["Periodic", "PeriodicClockAligned"])
def test_N08_FR_06_FR_07_the_next_moment_is_always_to_come_within_one_interval(
    kind: str, value: float, clock: float, steps: list[float]
) -> None:
    monitor = Monitor(1, "Fan.Speed", kind, value, 4)  # type: ignore[arg-type] # one of the list above
    assert not is_due(monitor, clock)
    for step in steps:
        before, clock = monitor.due, clock + step
        assert before is not None
        late = clock - before
        if abs(late) > 0.002:
            assert is_due(monitor, clock) is (late > 0)
        else:
            is_due(monitor, clock)
        assert monitor.due is not None
        assert -0.002 < monitor.due - clock <= value + 0.002
        if kind == "PeriodicClockAligned":
            assert abs(monitor.due / value - round(monitor.due / value)) < 1e-6


def test_a_timer_that_rings_a_blink_early_is_on_time() -> None:
    monitor = Monitor(1, "Fan.Speed", "Periodic", 10, 4, due=100.0)
    assert is_due(monitor, 99.9999999)
    assert monitor.due == 110.0


@pytest.mark.parametrize("wrong", [{"type": "Sideways"}, {"value": 1e19}, {"severity": 10}])
def test_a_state_file_holds_no_monitor_that_cannot_be(wrong: dict[str, object]) -> None:
    said = {"id": 1, "variable": "Fan.Speed", "type": "Delta", "value": 1, "severity": 4} | wrong
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(said, Monitor)
