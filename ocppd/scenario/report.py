"""The verdict on a run, in words for people, as data, and as JUnit XML."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["passed", "failed", "stopped"]

# What XML 1.0 cannot hold.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that was not what it should have been: what was `expected` at `at_s`, and what was `seen`."""

    step: str
    text: str
    station: str
    at_s: float
    expected: str
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run has ended. `seconds` are those of the stations; `notes` is what its steps had to say."""

    outcome: Outcome
    seconds: float
    steps: int
    failure: Failure | None = None
    notes: tuple[str, ...] = ()

    def view(self) -> dict[str, Any]:
        """As data."""
        return asdict(self)

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Verdict:
        """The verdict that came as data, from a daemon.

        Raises:
            KeyError, TypeError: it is none.
        """
        failure = view["failure"]
        return cls(
            outcome=view["outcome"],
            seconds=view["seconds"],
            steps=view["steps"],
            failure=None if failure is None else Failure(**{**failure, "seen": tuple(failure["seen"])}),
            notes=tuple(view["notes"]),
        )


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one file; `where` is how it was run, `took_s` the real time that it took."""

    name: str
    where: str
    verdict: Verdict
    took_s: float


def text(result: Result) -> str:
    """What happened, in lines: one where all was well."""
    verdict = result.verdict
    ran = f"{verdict.steps} steps in {duration(verdict.seconds)} {result.where}"
    lines = [f"{result.name}: {verdict.outcome}, {ran} ({result.took_s:.1f} s)"]
    failure = verdict.failure
    if failure is not None:
        lines.append(f"  step {failure.step} at {failure.at_s:.3f} s, {failure.station}: {failure.text}")
        lines.append(f"  expected: {failure.expected}")
        lines += ["  seen:", *(f"    {line}" for line in failure.seen or ("nothing",))]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """`6 h 0 min`, `2 min 5 s`, `1.3 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {seconds % 60:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min"


def junit(results: Iterable[Result]) -> bytes:
    """JUnit XML: one test case a run. `time` is real time, what people look at to find what is slow."""
    cases = list(results)
    failed = sum(it.verdict.outcome == "failed" for it in cases)
    stopped = sum(it.verdict.outcome == "stopped" for it in cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(stopped),
        "time": f"{sum(it.took_s for it in cases):.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": "ocppd scenario", **counts})
    for it in cases:
        suite.append(_case(it))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _case(result: Result) -> ET.Element:
    verdict = result.verdict
    name = _clean(result.name)
    case = ET.Element("testcase", {"classname": "scenario", "name": name, "time": f"{result.took_s:.3f}"})
    if verdict.failure is not None:
        failure = ET.SubElement(case, "failure", {"message": _clean(verdict.failure.expected)})
        failure.text = _clean(text(result))
    elif verdict.outcome == "stopped":
        ET.SubElement(case, "skipped", {"message": "stopped before its end"})
    if verdict.notes:
        ET.SubElement(case, "system-out").text = _clean("\n".join(verdict.notes))
    return case


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
