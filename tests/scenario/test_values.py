"""Variables, times and chance."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.scenario.values import ValueProblemError, resolved, seconds
from tests.scenario.test_patterns import JSON

NOON = 1_767_607_200.0  # 2026-01-05T10:00:00Z


def resolve(value: Any, seed: int = 0, **variables: Any) -> Any:
    return resolved(value, variables, random.Random(seed), NOON)  # noqa: S311 - as in the engine


@pytest.mark.parametrize(
    ("said", "meant"),
    [(90, 90), (0.5, 0.5), ("90s", 90), ("2h", 7200), ("1h30m", 5400), ("250ms", 0.25), ("1d", 86400)],
)
def test_times(said: Any, meant: float) -> None:
    assert seconds(said) == meant


@pytest.mark.parametrize("said", [-1, True, None, "", "h", "5x", "1 h", "999999999d", [], 1e12])
def test_what_is_no_time(said: Any) -> None:
    with pytest.raises(ValueProblemError, match="must be a time"):
        seconds(said)


def test_a_variable_alone_keeps_its_type_and_within_a_text_it_is_spelled() -> None:
    assert resolve({"w": "${w}", "t": "at ${w} W", "on": "${on}!"}, w=6000, on=True) == {
        "w": 6000,
        "t": "at 6000 W",
        "on": "true!",
    }


def test_parts_of_what_a_variable_holds() -> None:
    tx = {"transactionInfo": {"ids": ["a", "b"]}}
    assert resolve("${tx.transactionInfo.ids.1}", tx=tx) == "b"


@pytest.mark.parametrize(
    "text", ["${nothing}", "${tx.no}", "${tx.ids.7}", "${tx.__class__}", "${tx} in a text"]
)
def test_what_a_variable_does_not_hold(text: str) -> None:
    with pytest.raises(ValueProblemError):
        resolve(text, tx={"ids": []})


def test_the_time() -> None:
    assert resolve("${now}") == "2026-01-05T10:00:00.000Z"
    assert resolve("${now+1h}") == "2026-01-05T11:00:00.000Z"
    assert resolve("${now-90s}") == "2026-01-05T09:58:30.000Z"


@given(some.integers(0, 2**53))
def test_the_same_seed_chooses_the_same(seed: int) -> None:
    said = [{"between": [1, 20]}, {"between": [0.0, 1.0]}, {"pick": ["a", "b", "c"]}]
    whole, real, word = resolve(said, seed)
    assert resolve(said, seed) == [whole, real, word]
    assert whole in range(1, 21)
    assert isinstance(whole, int)
    assert 0 <= real <= 1
    assert word in "abc"


@given(JSON)
def test_what_names_no_variable_stays_as_it_is(value: Any) -> None:
    assert resolve(value) == value


@pytest.mark.parametrize("grows", ["${a}${a}", ["${a}", "${a}"], {"x": "${a}", "y": "${a}"}])
def test_variables_of_variables_do_not_grow_without_end(grows: Any) -> None:
    def grow(value: Any) -> None:
        for _ in range(40):
            value = resolve(grows, a=value)

    with pytest.raises(ValueProblemError, match="too large"):
        grow("xxxxxxxxxx")
