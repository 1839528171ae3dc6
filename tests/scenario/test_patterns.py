"""What is expected of a value: partial, with comparisons, and told where it differs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.scenario.patterns import differences, problem

_LEAVES = some.none() | some.booleans() | some.integers(-5, 5) | some.text("abc", max_size=3)
_KEYS = some.text("xyz", min_size=1, max_size=2) | some.sampled_from(["min", "max", "any", "not", "contains"])
JSON = some.recursive(
    _LEAVES, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(_KEYS, inner, max_size=3)
)


@given(JSON)
def test_everything_is_like_itself(value: Any) -> None:
    assert not any(differences(value, value))


@given(JSON, JSON)
def test_a_difference_is_told_in_a_line_and_nothing_raises(value: Any, like: Any) -> None:
    assert all("expected" in line and "\n" not in line for line in differences(value, like))


@given(some.dictionaries(_KEYS, JSON, max_size=4), some.data())
def test_some_of_the_keys_are_enough(value: dict[str, Any], data: some.DataObject) -> None:
    kept = data.draw(some.sets(some.sampled_from(sorted(value)))) if value else set()
    assert not any(differences(value, {key: value[key] for key in kept}))


@pytest.mark.parametrize(
    ("value", "like"),
    [
        (5, {"min": 5}),
        (5, {"max": 5, "min": 1}),
        ("22.5", {"min": 22, "max": 23}),
        ("b", {"any": ["a", "b"]}),
        (None, {"not": "x"}),
        ("a long text", {"contains": "long"}),
        ({"a": 1}, {"b": None}),
        ({"min": 1}, {"min": 1}),
        ([{"a": 1, "b": 2}, {"a": 3}], [{"a": 3}, {"b": 2}]),
        ([], []),
        ({"a": {"x": 1}}, {"a": {"not": None}}),
    ],
)
def test_what_fits(value: Any, like: Any) -> None:
    assert list(differences(value, like)) == []


@pytest.mark.parametrize(
    ("value", "like", "told"),
    [
        (
            {"tx": {"state": "EVConnected"}},
            {"tx": {"state": "Charging"}},
            "tx.state: expected 'Charging', was",
        ),
        ({}, {"tx": {"state": "Charging"}}, "tx: expected {'state': 'Charging'}, is missing"),
        (4, {"min": 5}, "it: expected at least 5, was 4"),
        ("x", {"min": 5}, "it: expected at least 5, was 'x'"),
        (True, 1, "it: expected 1, was True"),
        ("b", {"not": "b"}, "it: expected not 'b', was 'b'"),
        ("c", {"any": ["a", "b"]}, "one of ['a', 'b'], was 'c'"),
        ([1], [], "an empty list, was [1]"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "a: expected an entry like {'b': 2}"),
        (None, {"tx": 1}, "it: expected {'tx': 1}, was None"),
    ],
)
def test_what_differs_and_how(value: Any, like: Any, told: str) -> None:
    (line,) = differences(value, like)
    assert told in line


@pytest.mark.parametrize(
    ("like", "told"),
    [({"min": "x"}, "a number"), ({"a": [{"any": 1}]}, "a list"), ({"contains": 1}, "text")],
)
def test_comparisons_that_are_none(like: Any, told: str) -> None:
    assert told in (problem(like) or "")


@given(JSON)
def test_any_json_is_judged_as_a_pattern_without_raising(like: Any) -> None:
    assert problem(like) is None or isinstance(problem(like), str)
