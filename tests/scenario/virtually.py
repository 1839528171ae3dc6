"""Scenarios of the tests, run in virtual time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import structlog

from ocppd.scenario.model import Scenario
from ocppd.scenario.orders import News
from ocppd.scenario.reading import parse
from ocppd.scenario.report import Failure, Verdict
from ocppd.scenario.virtual import run_virtually
from tests.bench import bugs_raise

Json = dict[str, Any]


def play(scenario: Scenario, **how: Any) -> Verdict:
    """The verdict on a scenario; a bug of a station fails the test."""
    with bugs_raise():
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        return run_virtually(scenario, **how)


def run(*steps: Any, tell: Any = lambda _: None, variables: Json | None = None, **keys: Any) -> Verdict:
    """The verdict on these steps, with the other keys of a file."""
    scenario = parse("test", {"steps": list(steps), **keys}, "test.yaml")
    return play(scenario, tell=tell, variables=variables)


def passes(*steps: Any, **keys: Any) -> Verdict:
    """They pass."""
    verdict = run(*steps, **keys)
    assert verdict.outcome == "passed", verdict.failure
    return verdict


def fails(*steps: Any, **keys: Any) -> Failure:
    """How they fail."""
    verdict = run(*steps, **keys)
    assert verdict.outcome == "failed"
    assert verdict.failure is not None
    return verdict.failure


def progress(*steps: Any, **keys: Any) -> list[tuple[float, str]]:
    """When which step began."""
    told: list[News] = []
    run(*steps, tell=told.append, **keys)
    return [(news.at_s, news.step) for news in told]


def charging(*more: Any, ev: Mapping[str, Any] | None = None) -> list[Any]:
    """A car that charges, and more steps."""
    return [{"plug-in": {"ev": dict(ev)} if ev else None}, {"authorize": "04A2B3C4"}, *more]
