"""`charge`: authorization for whoever knows no more than ON and OFF."""

from __future__ import annotations

import pytest

from tests.bench import Bench


def charge(bench: Bench, word: str = "") -> tuple[bool, str | None]:
    """Whether it changed anything, and the token that is authorized then."""
    answer = bench.do("charge", word) or bench.late_answer()
    assert answer.error is None, answer.error
    held = bench.station.evse(1).authorization
    return answer.done.changed, held.token["idToken"] if held else None  # type: ignore[union-attr]


def test_on_presents_the_default_token_and_off_presses_stop(bench: Bench) -> None:
    bench.do("plug-in")
    assert charge(bench, "ON") == (True, "04A2B3C4")
    assert [it["idToken"]["idToken"] for it in bench.sent("Authorize")] == ["04A2B3C4"]
    assert charge(bench, "OFF") == (True, None)
    assert bench.story() == ["Updated StopAuthorized EVConnected"]


def test_said_twice_it_changes_nothing(bench: Bench) -> None:
    bench.do("plug-in")
    assert charge(bench, "OFF") == (False, None)
    charge(bench, "ON")
    bench.forget()
    assert charge(bench, "ON") == (False, "04A2B3C4")
    assert bench.sent() == []


def test_toggle_does_the_other_of_the_two(bench: Bench) -> None:
    bench.do("plug-in")
    assert charge(bench, "TOGGLE") == (True, "04A2B3C4")
    assert charge(bench, "TOGGLE") == (True, None)


@pytest.mark.parametrize("word", ["ON", "OFF"])
def test_without_mains_nothing_can_be_pressed(bench: Bench, word: str) -> None:
    bench.do("power", "OFF")
    answer = bench.do("charge", word)
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"
