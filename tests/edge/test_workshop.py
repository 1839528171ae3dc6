"""Jobs run as tasks, report while they run, and are silent once they were ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ocppd.core.station import Job
from ocppd.edge.workshop import Report, Workshop


class Bench:
    """A workshop with two trades: `count` reports twice, the second time after `go`; `break` has a bug."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, Any]]] = []
        self.go = asyncio.Event()
        trades = {"count": self._count, "break": self._break}
        self.shop = Workshop(
            trades, lambda station, job, said: self.heard.append((station, job.key, dict(said)))
        )

    async def _count(self, _station: str, data: Mapping[str, Any], report: Report) -> None:
        report({"at": data["first"]})
        await self.go.wait()
        report({"at": data["first"] + 1})

    async def _break(self, _station: str, _data: Mapping[str, Any], _report: Report) -> None:
        raise ZeroDivisionError("oops")


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_job_reports_while_it_runs_and_at_its_end() -> None:
    bench = Bench()
    bench.shop.take("CP1", Job("k", "count", {"first": 1}))
    await turns()
    assert bench.heard == [("CP1", "k", {"at": 1})]
    bench.go.set()
    await turns()
    assert bench.heard[1:] == [("CP1", "k", {"at": 2})]


async def test_a_new_job_takes_the_place_of_the_one_with_its_key() -> None:
    bench = Bench()
    bench.shop.take("CP1", Job("k", "count", {"first": 1}))
    bench.shop.take("CP2", Job("k", "count", {"first": 10}))
    await turns()
    bench.shop.take("CP1", Job("k", "count", {"first": 5}))
    bench.go.set()
    await turns()
    assert [said["at"] for station, _, said in bench.heard if station == "CP1"] == [1, 5, 6]
    assert [said["at"] for station, _, said in bench.heard if station == "CP2"] == [10, 11]


async def test_a_job_without_a_kind_ends_the_one_with_its_key() -> None:
    bench = Bench()
    bench.shop.take("CP1", Job("k", "count", {"first": 1}))
    await turns()
    bench.shop.take("CP1", Job("k"))
    bench.go.set()
    await turns()
    assert len(bench.heard) == 1


async def test_all_jobs_of_a_station_end_with_it() -> None:
    bench = Bench()
    for name in ("CP1", "CP2"):
        bench.shop.take(name, Job("k", "count", {"first": 1}))
    await turns()
    bench.shop.close("CP1")
    bench.go.set()
    await turns()
    assert [station for station, _, said in bench.heard if said["at"] == 2] == ["CP2"]


async def test_stop_ends_every_job_and_waits_for_it() -> None:
    bench = Bench()
    bench.shop.take("CP1", Job("k", "count", {"first": 1}))
    await turns()
    await bench.shop.stop()
    bench.go.set()
    await turns()
    assert len(bench.heard) == 1
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "count[CP1]"]


async def test_a_bug_in_a_trade_is_reported_and_logged() -> None:
    bench = Bench()
    bench.shop.take("CP1", Job("k", "break"))
    await turns()
    assert bench.heard == [("CP1", "k", {"bug": "ZeroDivisionError('oops')"})]
