"""The job "scenario" of a station: its runs, one after the other, over the fleet of the daemon."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ocppd.scenario.engine import Run
from ocppd.scenario.host import Host, look
from ocppd.scenario.library import entries, named
from ocppd.scenario.model import ScenarioError
from ocppd.scenario.reading import parse
from ocppd.scenario.scene import World

if TYPE_CHECKING:
    from pathlib import Path

    from ocppd.clock import Clock
    from ocppd.fleet import Fleet
    from ocppd.scenario.model import Scenario
    from ocppd.scenario.report import Verdict

Report = Callable[[Mapping[str, Any]], None]

MOST_TOLD = 500
"""How many steps of one run are told as events; what a loop does after that is not."""
MOST_RUNS = 50
"""How many may run in a daemon at the same time: each of them is told everything."""
_SHORTEST_S = 0.01  # real seconds between two looks, however fast the clock runs


class Scenarios:
    """The trade "scenario"; `directory` is where scenarios are looked for before those that ship."""

    def __init__(self, fleet: Fleet, clock: Clock, directory: Path | None) -> None:
        self._fleet = fleet
        self._clock = clock
        self._directory = directory

    async def trade(self, station: str, data: Mapping[str, Any], report: Report) -> None:
        """Run the scenario `name`, or the `document`, `repeat` times; see `blocks.x_scenario` for the rest.

        Reports `refused`, an error code and why, or else phases: `started`, each `step`, and the end with a
        `report`.
        """
        try:
            scenario = self._scenario(data)
            stations = self._stations(station, scenario)
        except ScenarioError as error:
            report({"refused": ("invalid_argument", str(error)), "request": data["request"]})
            return
        if reason := self._obstacle(scenario, stations):
            report({"refused": reason, "request": data["request"]})
            return
        report({"phase": "started", "scenario": scenario.name, "request": data["request"]})
        verdict = await self._rounds(station, scenario, stations, data, report)
        report({"phase": verdict.outcome, "scenario": scenario.name, "report": verdict.view()})

    def _scenario(self, data: Mapping[str, Any]) -> Scenario:
        if data["name"] is not None:
            return named(data["name"], self._directory)
        return parse("inline", data["document"], "scenario")

    def _stations(self, station: str, scenario: Scenario) -> list[str]:
        """Whom it is about: those of a file that has several, else whoever it was sent to and all others."""
        named_there = _of_the_file(scenario)
        return named_there or [station, *(it for it in self._fleet.stations if it != station)]

    def _obstacle(self, scenario: Scenario, stations: list[str]) -> tuple[str, str] | None:
        """Why it cannot be run here: an error code, and words."""
        if len(self._fleet.onlookers) >= MOST_RUNS:
            return "busy", f"{MOST_RUNS} scenarios run here already"
        step = scenario.steers_csms
        if step is not None:
            text = f"step {step.path} changes how the CSMS answers, which only --virtual can: {step.text}"
            return "unsupported", text
        missing = next((it for it in stations if it not in self._fleet.stations), None)
        if missing is not None:
            return "unknown_station", f"there is no station {missing!r} here"
        return None

    async def _rounds(
        self, station: str, scenario: Scenario, stations: list[str], data: Mapping[str, Any], report: Report
    ) -> Verdict:
        """Its runs, each with the next seed, until one fails."""
        seed = scenario.head.seed if data["seed"] is None else data["seed"]
        watched = tuple(_of_the_file(scenario))
        home = station if station in stations else stations[0]
        world = World(tuple(stations), partial(look, self._fleet, self._clock), watched)
        for number in range(data["repeat"]):
            run = Run(
                scenario, world, home=home, variables=data["vars"], seed=seed + number, name=data["run"]
            )
            verdict = await self._one(run, report)
            if verdict.outcome != "passed":
                break
        return verdict

    async def _one(self, run: Run, report: Report) -> Verdict:
        news = asyncio.Event()
        host = Host(self._fleet, self._clock, run, wake=news.set)
        self._fleet.onlookers.append(host)
        try:
            run.begin(self._clock.time())
            told = 0
            while run.verdict is None:
                news.clear()
                host.pump()
                for it in run.take_news():
                    told += 1
                    if told <= MOST_TOLD or it.needs is not None:
                        needs = {} if it.needs is None else {"needs": it.needs}
                        report({"phase": "step", "step": it.step, "at_s": it.at_s, **needs})
                await self._rest(run, news)
        finally:
            self._fleet.onlookers.remove(host)
        return run.verdict

    async def _rest(self, run: Run, news: asyncio.Event) -> None:
        """Until there is something to do: something was seen, or it is time."""
        if run.verdict is not None:
            return
        if run.is_busy:
            await asyncio.sleep(0)  # the stations have their turn
            return
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(news.wait())]
        left = run.next_due - self._clock.time()
        if left < math.inf:
            waits.append(asyncio.ensure_future(self._clock.sleep(max(left, _SHORTEST_S))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for it in waits:
                it.cancel()


def _of_the_file(scenario: Scenario) -> list[str]:
    """The stations of a file that has several; one alone stands for whichever it is sent to."""
    names = [it["id"] for it in entries(scenario.head, "scenario")]
    return names if len(names) > 1 else []
