"""A run in virtual time: a clock that jumps to whatever comes next, links and a CSMS in memory.

The stations are the real ones, in a real `Fleet`; what is played here is what lies beyond them. Six hours of
a car take as long as their messages take to be made.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ocppd import blocks
from ocppd.core.state import State
from ocppd.fleet import Fleet, Nobody
from ocppd.scenario.engine import Run
from ocppd.scenario.host import Host, look
from ocppd.scenario.library import entries
from ocppd.scenario.model import ScenarioError
from ocppd.scenario.scene import World
from ocppd.scenario.virtual_clock import Clock
from ocppd.scenario.virtual_csms import Csms, Link, Workshop
from ocppd.settings import Settings, SettingsError, describe_station

if TYPE_CHECKING:
    from ocppd.core.description import StationDescription
    from ocppd.scenario.model import Scenario
    from ocppd.scenario.orders import News
    from ocppd.scenario.report import Verdict

_DEFAULT_STATION = {"id": "CP001", "template": "ac-22kw"}


def run_virtually(
    scenario: Scenario,
    settings: Settings | None = None,
    *,
    variables: Mapping[str, Any] | None = None,
    seed: int | None = None,
    tell: Callable[[News], object] = lambda _: None,
) -> Verdict:
    """Run a scenario in no time; `tell` hears of its progress.

    `settings` are those of a daemon, of which templates and the defaults of stations count.

    Raises:
        ScenarioError: its stations are not what stations can be.
    """
    descriptions = _descriptions(scenario, settings or Settings())
    clock = Clock(scenario.head.start.timestamp())
    fleet = Fleet(clock, blocks.handlers(), Nobody(), lambda _: None, clock.call_soon)
    fleet.workshop = Workshop(clock, fleet.worked, {})
    csms = Csms(clock)
    csms.tell(scenario.head.csms.model_dump(exclude_unset=True))
    chance = random.Random(scenario.head.seed if seed is None else seed)  # noqa: S311 - a simulation
    stations = [fleet.add(it, State(), chance.getrandbits(64)) for it in descriptions]
    names = tuple(it.id for it in stations)
    world = World(names, partial(look, fleet, clock), names, steers=True)
    run = Run(scenario, world, home=names[0], variables=variables, seed=seed, name="virtual")
    host = Host(fleet, clock, run, csms)
    fleet.onlookers.append(host)
    run.begin(clock.time())
    for station in stations:
        link = Link(station.id, fleet, clock, csms, random.Random(chance.getrandbits(64)))  # noqa: S311
        fleet.start(station, link, boots=True)
    return _to_the_end(run, host, fleet, clock, tell)


def _to_the_end(run: Run, host: Host, fleet: Fleet, clock: Clock, tell: Callable[[News], object]) -> Verdict:
    while run.verdict is None:
        clock.run()
        host.pump()
        for news in run.take_news():
            tell(news)
        if clock.next_due > clock.time() and not run.is_busy:
            due = fleet.next_due
            clock.go_on(min(clock.next_due, run.next_due, math.inf if due is None else due))
            fleet.run_due()
    return run.verdict


def _descriptions(scenario: Scenario, settings: Settings) -> list[StationDescription]:
    """The stations of the file, or one of the usual kind."""
    wanted = entries(scenario.head, scenario.name) if scenario.head.stations else [_DEFAULT_STATION]
    if not wanted:
        raise ScenarioError([f"{scenario.name}: stations: there are none"])
    try:
        return [describe_station(settings, it, f"{scenario.name}: station {it['id']}") for it in wanted]
    except SettingsError as error:
        raise ScenarioError(error.problems) from None
