"""Jobs of the stations: what takes time or needs I/O runs here as a task, and its reports go back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from ocppd.core.station import Job

log = structlog.get_logger()

Report = Callable[[Mapping[str, Any]], None]
Trade = Callable[[str, Mapping[str, Any], Report], Coroutine[Any, Any, None]]
"""Does one kind of job: station, `data` of the job, and where to report; it reports its failures, too."""


class Workshop:
    """Runs each job by the `trades` of its kind; `worked` gets the reports: station, job, report.

    A trade that raises has a bug: that is logged and reported as `{"bug": ...}`.
    """

    def __init__(
        self, trades: Mapping[str, Trade], worked: Callable[[str, Job, Mapping[str, Any]], None]
    ) -> None:
        self._trades = trades
        self._worked = worked
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def take(self, station: str, job: Job) -> None:
        """Begin a job, in the place of the one of that station that has the same key."""
        self._end((station, job.key))
        if job.kind:
            name = f"{job.kind}[{station}]"
            self._tasks[station, job.key] = asyncio.create_task(self._do(station, job), name=name)

    def close(self, station: str) -> None:
        """End all jobs of the station."""
        for key in [key for key in self._tasks if key[0] == station]:
            self._end(key)

    async def stop(self) -> None:
        """End every job and wait until all have."""
        tasks = list(self._tasks.values())
        for key in list(self._tasks):
            self._end(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self, key: tuple[str, str]) -> None:
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    async def _do(self, station: str, job: Job) -> None:
        report = partial(self._report, asyncio.current_task(), station, job)
        try:
            await self._trades[job.kind](station, job.data, report)
        except Exception as error:
            log.exception("job.bug", station=station, job=job.kind)
            report({"bug": repr(error)})
        finally:
            if self._tasks.get((station, job.key)) is asyncio.current_task():
                del self._tasks[station, job.key]

    def _report(
        self, task: asyncio.Task[None] | None, station: str, job: Job, report: Mapping[str, Any]
    ) -> None:
        """Pass a report on, unless the job has been ended meanwhile."""
        if self._tasks.get((station, job.key)) is task:
            self._worked(station, job, report)
