"""Files one after the other, as the command line runs them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer

from ocppd.scenario.library import SUFFIXES, named, read
from ocppd.scenario.model import ScenarioError
from ocppd.scenario.report import Result, junit, text
from ocppd.scenario.virtual import run_virtually

if TYPE_CHECKING:
    from ocppd.scenario.model import Scenario
    from ocppd.scenario.orders import News
    from ocppd.scenario.report import Verdict
    from ocppd.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of the runs."""

    variables: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    repeat: int = 1
    station: str | None = None

    @classmethod
    def of(cls, variables: Sequence[str], **rest: Any) -> Options:
        """`variables` are `name=value`, the value JSON where it is that, else text.

        Raises:
            ScenarioError: one has no name.
        """
        found: dict[str, Any] = {}
        for said in variables:
            name, equals, value = said.partition("=")
            if not equals or not name.isidentifier():
                raise ScenarioError([f"--var {said}: must be NAME=VALUE"])
            try:
                found[name] = orjson.loads(value)
            except orjson.JSONDecodeError:
                found[name] = value
        return cls(found, **rest)


def find(file: str, settings: Settings) -> Scenario:
    """The scenario in that file, or of that name.

    Raises:
        ScenarioError: there is none, or it is wrong.
    """
    path = Path(file)
    return read(path) if path.exists() or path.suffix in SUFFIXES else named(file, settings.scenarios)


class Runner:
    """Runs `files`; each result is printed as it comes, and steps as they begin where somebody looks on.

    Raises:
        ScenarioError: a file is wrong; none is run then.
    """

    def __init__(self, settings: Settings, options: Options, files: Sequence[str]) -> None:
        self._settings = settings
        self._options = options
        self._scenarios = [find(file, settings) for file in files]
        self._results: list[Result] = []

    def run_virtually(self) -> bool:
        """Whether all have passed in virtual time. Raises ScenarioError."""
        options = self._options
        for scenario in self._scenarios:
            seed = scenario.head.seed if options.seed is None else options.seed
            for number in range(options.repeat):
                began = time.monotonic()
                verdict = run_virtually(
                    scenario,
                    self._settings,
                    variables=options.variables,
                    seed=seed + number,
                    tell=self._tell,
                )
                self._note(scenario, "of virtual time", verdict, began)
        return self._all_passed

    async def run_remotely(self) -> bool:
        """Whether all have passed at the daemon of the settings.

        Raises:
            ScenarioError: the daemon refuses one.
            NoDaemonError, NoBrokerError, LinkError: it cannot be reached.
        """
        from ocppd.client import Access  # noqa: PLC0415 - for those alone who need a broker
        from ocppd.scenario.remote import Remote  # noqa: PLC0415

        options = self._options
        async with Access(self._settings).open() as client:
            remote = Remote(client, self._settings.daemon.id)
            for scenario in self._scenarios:
                began = time.monotonic()
                verdict = await remote.run(
                    scenario,
                    station=options.station,
                    variables=options.variables,
                    seed=options.seed,
                    repeat=options.repeat,
                    tell=self._tell,
                )
                self._note(scenario, f"at {self._settings.daemon.id}", verdict, began)
        return self._all_passed

    def write_junit(self, path: Path | None) -> None:
        """Write what there is as JUnit XML. Raises ScenarioError where that cannot be."""
        if path is None:
            return
        try:
            path.write_bytes(junit(self._results))
        except OSError as error:
            raise ScenarioError([f"--junit {path}: cannot be written: {error.strerror}"]) from None

    @property
    def _all_passed(self) -> bool:
        return all(it.verdict.outcome == "passed" for it in self._results)

    def _note(self, scenario: Scenario, where: str, verdict: Verdict, began: float) -> None:
        result = Result(scenario.name, where, verdict, time.monotonic() - began)
        self._results.append(result)
        typer.echo(_printable(text(result)))

    def _tell(self, news: News) -> None:
        if sys.stderr.isatty() or news.needs is not None:
            typer.echo(_printable(f"{news.at_s:10.1f} s  {news.step}"), err=True)


def _printable(text: str) -> str:
    """Without what a terminal would obey: words of stations and CSMS are a stranger's."""
    return "".join(it if it.isprintable() or it == "\n" else "?" for it in text)
