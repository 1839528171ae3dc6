"""The table, for people and for docs/performance.md."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.load.scenarios import Row

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

_HEAD = ("Scenario", "Quantity", "ocppd", "Floor", "Ratio", "At most")
_LIBRARIES = ("websockets", "uvloop", "orjson", "jsonschema-rs", "aiomqtt", "paho-mqtt", "ocpp")


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, aligned so that a terminal shows it well, too."""
    lines = [_HEAD, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(cells, widths) for cells in (lines[0], rule, *lines[1:]))


def machine() -> str:
    """What it was measured on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{psutil.cpu_count()} cores {platform.machine()}, {memory} GB, {platform.system()}, "
        f"Python {sys.version.split()[0]}; {libraries}."
    )


def write(rows: Sequence[Row], path: Path) -> None:
    """Put the table between the marks in the file, whose prose stays."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    block = f"{BEGIN}\n\n{machine()}\n\n{table(rows)}\n\n{END}"
    path.write_text(f"{before}{block}{after}", encoding="utf-8")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _cells(row: Row) -> tuple[str, ...]:
    is_ratio = row.floor is not None
    floor = _number(row.floor, row.unit) if row.floor is not None else ""
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    most = "" if row.most is None else f"{row.most:g}" if is_ratio else _number(row.most, row.unit)
    missed = " (missed)" if row.is_missed else ""
    return row.scenario, row.quantity, _number(row.ocppd, row.unit), floor, ratio, most + missed


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"
