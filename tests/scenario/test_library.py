"""The scenarios that ship: each says what a CSMS must do, and passes with one that does it."""

from __future__ import annotations

import time
from importlib.resources import files

import jsonschema_rs
import pytest

from ocppd.scenario.library import named
from ocppd.scenario.schema import json_schema
from tests.scenario.virtually import play

NAMES = sorted(entry.name.removesuffix(".yaml") for entry in (files("ocppd") / "scenarios").iterdir())


def test_there_is_one_for_each_pain() -> None:
    assert len(NAMES) >= 20


@pytest.mark.parametrize("name", NAMES)
def test_it_passes_virtually_in_seconds(name: str) -> None:
    scenario = named(name)
    jsonschema_rs.validator_for(json_schema()).validate(dict(scenario.tree))
    assert "A CSMS must" in scenario.head.description
    began = time.monotonic()
    verdict = play(scenario)
    assert verdict.outcome == "passed", verdict.failure
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["office-car-park", "bad-network"])
def test_the_same_seed_is_the_same_run(name: str) -> None:
    assert play(named(name), seed=5) == play(named(name), seed=5)
