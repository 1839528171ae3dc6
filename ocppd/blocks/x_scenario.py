"""A scenario that runs at the station, by command. No part of OCPP; `ocppd.scenario` runs it, as a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le

from ocppd.core import on
from ocppd.core.errors import CommandError
from ocppd.core.station import LATER, UNCHANGED, Done, Later

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

_JOB = "scenario"
_ENDS = frozenset({"passed", "failed", "stopped"})


@on.command("scenario")
def scenario(
    st: Station,
    name: str | None = None,
    *,
    steps: list[Any] | None = None,
    document: dict[str, Any] | None = None,
    vars: dict[str, Any] | None = None,  # noqa: A002 - the key of the MQTT API
    repeat: Annotated[int, Ge(1), Le(1000)] = 1,
    seed: Annotated[int, Ge(0), Le(2**53 - 1)] | None = None,
) -> Later:
    """Run a scenario: one by `name`, a list of `steps`, or a whole `document`.

    The answer comes as soon as it has begun, and names the `run`; events named `scenario` tell how it goes on
    and what came of it. `vars` are laid over those of the file. It is done `repeat` times, until it fails.
    """
    if st.state.scenario is not None:
        raise CommandError("invalid_state", "a scenario runs here already: stop-scenario ends it")
    if [name, steps, document].count(None) != 2:
        raise CommandError("missing_argument", "one of name, steps and document is needed")
    run = st.uuid()
    st.state.scenario = run
    st.work(
        "scenario",
        _JOB,
        run=run,
        request=st.request.key if st.request else None,
        name=name,
        document={"steps": steps} if steps is not None else document,
        vars=vars or {},
        repeat=repeat,
        seed=seed,
    )
    return LATER


@on.command("stop-scenario")
def stop_scenario(st: Station) -> Done:
    """End the scenario that runs here; what it has done stays done."""
    run = st.state.scenario
    if run is None:
        return UNCHANGED
    st.stop_work(_JOB)
    _over(st, run, "it was stopped by a command")
    return Done(result={"run": run})


@on.work("scenario")
def reported(st: Station, _key: str, report: Mapping[str, Any]) -> None:
    """It goes on, or has ended.

    `refused` is why it cannot be run. Otherwise there is a `phase` and what belongs to it; `request` is the
    command that waits to hear of the beginning.
    """
    run = st.state.scenario
    if run is None:
        return
    if "bug" in report:
        st.state.scenario = None
        st.emit("scenario", run=run, phase="failed", reason="ocppd has failed: the daemon's log says why")
    elif "refused" in report:
        st.state.scenario = None
        st.finish(report["request"], CommandError(*report["refused"]))
    else:
        _tell(st, run, dict(report))


def _tell(st: Station, run: str, report: dict[str, Any]) -> None:
    request = report.pop("request", None)
    if report["phase"] == "started":
        st.finish(request, Done(result={"run": run, "scenario": report["scenario"]}))
    if report["phase"] in _ENDS:
        st.state.scenario = None
    st.emit("scenario", run=run, **report)


@on.event("started")
def forgotten(st: Station, _event: Event) -> None:
    """The daemon has started: no run has survived."""
    if st.state.scenario is not None:
        _over(st, st.state.scenario, "the daemon was restarted")


def _over(st: Station, run: str, reason: str) -> None:
    st.state.scenario = None
    st.emit("scenario", run=run, phase="stopped", reason=reason)
