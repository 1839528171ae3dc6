"""The benchmark still runs: every scenario in its smallest form, without a threshold."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.load.__main__ import measure
from tests.load.report import BEGIN, END, table, write
from tests.load.scenarios import SCENARIOS, Row, Scale
from tests.test_demo_broker import MOSQUITTO

QUANTITIES = {
    "boot storm": {"CPU, start included", "first connect to last boot", "memory after it"},
    "TransactionEvent": {
        "CPU a round trip, without a broker",
        "CPU a round trip, mirrored to MQTT",
        "CPU a round trip, saved before it leaves",
        "CPU a round trip, over TLS",
        "size of its frame",
    },
    "GetVariables": {"CPU a request, without a broker", "CPU a request, mirrored to MQTT"},
    "steady": {"CPU, without a broker", "CPU, mirrored to MQTT"},
    "memory": {
        *("resident, without a broker", "resident, mirrored to MQTT", "resident, R"),
        *(f"a further station, {what}" for what in ("without a broker", "mirrored to MQTT", "R")),
    },
    "broker alone": {"its echo, p50", "its echo, p99"},
    "command": {
        f"{way}, {p}"
        for way in ("heartbeat to frame", "heartbeat to answer", "plug-in to frame", "plug-in to event")
        for p in ("p50", "p99")
    },
}


@pytest.mark.timeout(120)
@pytest.mark.skipif(MOSQUITTO.marks[0].args[0], reason="no mosquitto")
async def test_every_row_is_there_and_positive() -> None:
    scale = Scale(stations=20, many=40, seconds=0.5, rounds=1, settle_s=0.2, heartbeat_s=1)
    # Side by side: nobody looks at the numbers, and it takes a third of the time.
    rows = [row for some in await asyncio.gather(*(measure(scale, [it]) for it in SCENARIOS)) for row in some]
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.scenario.partition(",")[0], set()).add(row.quantity)
    assert found == QUANTITIES
    # The CPU clock ticks in hundredths of a second, and memory of so few may not grow at all.
    assert all(row.ocppd >= 0 for row in rows if not row.quantity.startswith("a further station"))
    assert all(row.ocppd > 0 for row in rows if row.unit in ("ms", "MB", "s", "B"))


def test_the_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = [Row("boot", "CPU", "s", 3.0, 1.0, most=2.3), Row("memory", "resident", "MB", 70.0, most=80.0)]
    write(rows, page)
    text = page.read_text()
    assert table(rows) in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert all(cell in text for cell in ("3.00 s", "2.3 (missed)", "80.0 MB"))
