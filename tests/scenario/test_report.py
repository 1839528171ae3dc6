"""The verdict for people and for machines."""

from __future__ import annotations

from pathlib import Path

import orjson
from hypothesis import given
from hypothesis import strategies as some
from junitparser import JUnitXml

from ocppd.scenario.report import Failure, Result, Verdict, duration, junit, text

FAILURE = Failure(
    "2.1", "unplug", "CP001", 3.5, "event unplugged within 5 s", ("nothing of <that> & \x1b[31m",)
)
RESULTS = [
    Result("good", "of virtual time", Verdict("passed", 21_600.0, 12, notes=("1.000 s  CP001  hello",)), 0.5),
    Result("bad", "of virtual time", Verdict("failed", 3.5, 2, FAILURE), 0.1),
    Result("ended", "at lab1", Verdict("stopped", 3.5, 2), 0.1),
]


def test_the_text_says_what_was_expected_and_seen() -> None:
    assert text(RESULTS[0]) == "good: passed, 12 steps in 6 h 0 min of virtual time (0.5 s)"
    assert text(RESULTS[1]).splitlines() == [
        "bad: failed, 2 steps in 3.5 s of virtual time (0.1 s)",
        "  step 2.1 at 3.500 s, CP001: unplug",
        "  expected: event unplugged within 5 s",
        "  seen:",
        "    nothing of <that> & \x1b[31m",
    ]


def test_junit_is_read_by_a_parser_that_others_wrote(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_bytes(junit(RESULTS))
    document = JUnitXml.fromfile(str(file))
    assert (document.tests, document.failures, document.errors, document.skipped) == (3, 1, 0, 1)
    (suite,) = document
    good, bad, ended = suite
    assert (good.name, good.is_passed, good.system_out) == ("good", True, "1.000 s  CP001  hello")
    assert bad.is_failure
    assert bad.result[0].message == "event unplugged within 5 s"
    assert "step 2.1 at 3.500 s, CP001: unplug" in bad.result[0].text
    assert ended.is_skipped


@given(some.text(), some.lists(some.text(), max_size=2))
def test_any_words_make_junit_that_can_be_read(expected: str, seen: list[str]) -> None:
    verdict = Verdict("failed", 1.0, 1, Failure("1", expected, "X", 1.0, expected, tuple(seen)), tuple(seen))
    (suite,) = JUnitXml.fromstring(junit([Result(expected, "", verdict, 1.0)]))
    assert len(list(suite)) == 1


def test_a_verdict_survives_json() -> None:
    for result in RESULTS:
        assert Verdict.of(orjson.loads(orjson.dumps(result.verdict.view()))) == result.verdict


def test_durations() -> None:
    assert [duration(it) for it in (1.26, 125, 21_600)] == ["1.3 s", "2 min 5 s", "6 h 0 min"]
