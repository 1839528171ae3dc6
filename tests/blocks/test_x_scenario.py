"""A scenario at a station: one at a time, its beginning answered, its progress told."""

from __future__ import annotations

from ocppd.core.station import Answer
from tests.bench import Bench


def begin(bench: Bench, **arguments: object) -> str:
    """Begin one, and return the name of its run."""
    assert bench.do("scenario", **(arguments or {"name": "clock-drift"})) is None
    bench.report("scenario", phase="started", scenario="clock-drift", request=request(bench))
    answer = bench.late_answer()
    assert answer.done is not None
    assert isinstance(answer.done.result, dict)
    return str(answer.done.result["run"])


def request(bench: Bench) -> object:
    return bench.jobs["scenario"].data["request"]


def told(bench: Bench) -> list[tuple[str, str]]:
    return [(it.data["phase"], it.data["run"]) for it in bench.happened_since("scenario")]


def refusal(answer: Answer | None) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code


def test_it_is_answered_when_it_has_begun_and_told_to_its_end(bench: Bench) -> None:
    run = begin(bench)
    bench.report("scenario", phase="step", step="1 plug-in", at_s=0.0)
    bench.report("scenario", phase="passed", scenario="clock-drift", report={"outcome": "passed"})
    assert told(bench) == [("started", run), ("step", run), ("passed", run)]
    assert bench.happened_since("scenario")[-1].data["report"] == {"outcome": "passed"}
    assert begin(bench) != run


def test_what_is_to_be_run_is_handed_on(bench: Bench) -> None:
    begin(bench, steps=["unplug"], vars={"a": 1}, repeat=3, seed=7)
    data = bench.jobs["scenario"].data
    assert (data["document"], data["vars"], data["repeat"], data["seed"]) == (
        {"steps": ["unplug"]},
        {"a": 1},
        3,
        7,
    )


def test_one_at_a_time(bench: Bench) -> None:
    begin(bench)
    assert refusal(bench.do("scenario", "clock-drift")) == "invalid_state"


def test_one_of_name_steps_and_document(bench: Bench) -> None:
    assert refusal(bench.do("scenario")) == "missing_argument"
    assert refusal(bench.do("scenario", name="x", steps=[])) == "missing_argument"


def test_what_cannot_be_run_is_refused_and_another_may_come(bench: Bench) -> None:
    assert bench.do("scenario", "nonsense") is None
    bench.report("scenario", refused=("invalid_argument", "there is no such"), request=request(bench))
    assert refusal(bench.late_answer()) == "invalid_argument"
    assert told(bench) == []
    begin(bench)


def test_stop_ends_it(bench: Bench) -> None:
    run = begin(bench)
    answer = bench.do("stop-scenario")
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"run": run}
    assert told(bench)[-1] == ("stopped", run)
    assert "scenario" not in bench.jobs
    again = bench.do("stop-scenario")
    assert again is not None
    assert again.done is not None
    assert not again.done.changed


def test_it_ends_with_the_daemon(bench: Bench) -> None:
    run = begin(bench)
    bench.start_again()
    assert told(bench)[-1] == ("stopped", run)
    assert bench.happened_since("scenario")[-1].data["reason"] == "the daemon was restarted"


def test_a_bug_of_ours_ends_it(bench: Bench) -> None:
    run = begin(bench)
    bench.report("scenario", bug="KeyError()")
    assert told(bench)[-1] == ("failed", run)
