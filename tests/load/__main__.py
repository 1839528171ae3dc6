"""Measure, print the table, and put it into docs/performance.md where all of it was measured."""

from __future__ import annotations

import argparse
import asyncio
import compileall
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.load import report
from tests.load.scenarios import SCENARIOS, Row, Scale, soak

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "performance.md"
_FULL = Scale(stations=1000, many=5000, seconds=10.0, rounds=3)
_QUICK = Scale(stations=500, many=1000, seconds=3.0, rounds=1, settle_s=1.0, heartbeat_s=2)


async def measure(scale: Scale, names: Iterable[str] = SCENARIOS) -> list[Row]:
    """The rows of these scenarios, in their order."""
    rows = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr)  # noqa: T201 - a program for the terminal
        rows += await {**SCENARIOS, "soak": soak}[name](scale)
    return rows


def _compile() -> None:
    """Have bytecode for both sides, as an installation does; PYTHONDONTWRITEBYTECODE may be set here."""
    for package in (_ROOT / "ocppd", Path(__file__).parent):
        compileall.compile_dir(package, quiet=1)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer stations, one round of each; no file")
    parser.add_argument("--only", choices=[*SCENARIOS, "soak"], help="one scenario; no file")
    parser.add_argument("--stations", type=int, help="how many, instead of the usual number; no file")
    given = parser.parse_args()
    scale = _QUICK if given.quick else _FULL
    if given.stations:
        scale = replace(scale, stations=given.stations, many=2 * given.stations)
    _compile()
    rows = asyncio.run(measure(scale, [given.only] if given.only else SCENARIOS))
    print(report.machine(), report.table(rows), sep="\n\n")  # noqa: T201
    if not (given.quick or given.only or given.stations):
        report.write(rows, _PAGE)


if __name__ == "__main__":
    main()
