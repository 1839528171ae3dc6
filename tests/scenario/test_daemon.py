"""The same files in virtual time and by a daemon, with a real broker and a real CSMS: the same verdicts."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from ocppd.client import connect
from ocppd.demo.broker import broker
from ocppd.demo.csms import Csms, csms
from ocppd.scenario import remote
from ocppd.scenario.reading import parse
from tests.daemon import PATIENCE_S, Daemon, Observer, daemon, environment, observer, settings, station

# Ten seconds in one: what has to happen within 30 s has three real ones.
RATE = 10


@asynccontextmanager
async def lab(folder: Path, *stations: Any) -> AsyncIterator[tuple[Daemon, Observer, Csms]]:
    """A broker, a CSMS, and a daemon whose time is fast."""
    async with broker() as port, observer(port) as eye, csms(accept_all=True) as running:
        tree = settings(port, running.url, *stations, clock={"rate": RATE})
        async with daemon(folder, tree) as it:
            await it.ready()
            yield it, eye, running


async def ocppd(folder: Path, *arguments: str) -> tuple[int | None, str, str]:
    """What `ocppd scenario ...` returns and says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd", "scenario", *arguments),
        cwd=folder,
        env=environment() | {"NO_COLOR": "1", "TERM": "dumb"},
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 3 * PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


FAILING = """
stations: [{id: WRONG, template: ac-22kw}]
steps:
  - plug-in
  - expect: {event: plugged_in}
  - expect: {state: {status: Faulted}, evse: 1, connector: 1, within: 5}
"""


async def test_a_daemon_comes_to_the_same_verdicts_as_virtual_time(tmp_path: Path) -> None:
    (tmp_path / "failing.yaml").write_text(FAILING)
    files = ["tokens-refused", "remote-start-after", "reservation", "failing.yaml"]
    async with lab(tmp_path) as (it, eye, running):
        running.tokens |= {"04C0C0C0": "ConcurrentTx"}
        asking = asyncio.create_task(do_what_is_needed(eye, running))
        common = ("run", *files, "--config", str(it.config), "--junit")
        real = await ocppd(tmp_path, *common, "real.xml")
        asking.cancel()
        virtual = await ocppd(tmp_path, *common, "virtual.xml", "--virtual")
        assert (await eye.succeed("daemon/lab1", "list"))["stations"] == []
    assert (real[0], virtual[0]) == (1, 1), (real, virtual)
    assert verdicts(tmp_path / "real.xml") == verdicts(tmp_path / "virtual.xml") == [True, True, True, False]
    for said in (real[1], virtual[1]):
        assert 'expected: the state of EVSE 1 connector 1 like {"status":"Faulted"} within 5 s' in said
        assert "status: expected 'Faulted', was 'Occupied'" in said
    assert "waits for the CSMS to send ReserveNow" in real[2]


async def do_what_is_needed(eye: Observer, running: Csms) -> None:
    """Have the CSMS send what scenarios wait for, as a tester would by hand."""
    done = 0
    while True:
        needs = await eye.until(lambda: needed(eye)[done:], 600)  # noqa: B023 - it is asked at once
        for it in needs:
            await running.ask(it["station"], it["action"], it["payload"])
        done += len(needs)


def needed(eye: Observer) -> list[Any]:
    return [it["needs"] for it in eye.happened("scenario") if it.get("needs")]


def verdicts(file: Path) -> list[bool]:
    (suite,) = JUnitXml.fromfile(str(file))
    return [case.is_passed for case in suite]


async def test_a_station_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_TOLD_S", 0.2)
    scenario = parse("mine", {"steps": ["unplug"]}, "mine.yaml")
    async with broker() as port, connect("127.0.0.1", port) as client:
        with pytest.raises(remote.NoDaemonError, match="mine: no daemon has a station 'NOPE'"):
            await remote.Remote(client, "lab1").run(scenario, station="NOPE")


async def test_over_mqtt(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.yaml").write_text("steps: [plug-in, {wait: 1000}]")
    async with lab(tmp_path, station("CP001"), station("CP002")) as (_, eye, _):
        await eye.shows("station/CP001/state", csms__registration="Accepted")
        begun = await eye.succeed("CP001", "scenario", name="mine")
        assert begun["scenario"] == "mine"
        answer = await eye.do("CP001", "scenario", name="mine")
        assert answer["error"]["code"] == "invalid_state"
        await eye.shows("station/CP001/evse/1/connector/1/state", plugged=True)
        assert (await eye.succeed("CP001", "stop-scenario"))["run"] == begun["run"]
        phases = await eye.until(lambda: ended(eye, begun["run"]))
        assert phases[0] == "started"
        assert phases[-1] == "stopped"
        assert "station/CP001/evse/1/connector/1/response/plug-in" not in eye.shown, (
            "nobody has asked over MQTT"
        )

        steps = [{"unplug": None, "station": "CP001"}, {"expect": {"event": "unplugged", "station": "CP001"}}]
        begun = await eye.succeed("CP002", "scenario", steps=steps, repeat=2, vars={"x": 1})
        assert (await eye.until(lambda: ended(eye, begun["run"])))[-1] in {"passed", "failed"}
        for wrong, code in (
            ({"name": "../mine"}, "invalid_argument"),
            ({"name": "no-such"}, "invalid_argument"),
            ({"steps": [{"plugin": 1}]}, "invalid_argument"),
            ({"document": {"steps": ["unplug"], "stations": [{"id": "A"}, {"id": "B"}]}}, "unknown_station"),
            ({"name": "boot-pending"}, "unsupported"),
            ({}, "missing_argument"),
        ):
            assert (await eye.do("CP002", "scenario", **wrong))["error"]["code"] == code


def ended(eye: Observer, run: str) -> list[str]:
    phases = [it["phase"] for it in eye.happened("scenario") if it["run"] == run]
    return phases if phases and phases[-1] in {"passed", "failed", "stopped"} else []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
async def test_who_gives_up_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text("stations: [{id: LONG}]\nsteps: [plug-in, {wait: 10h}]")
    async with lab(tmp_path) as (it, eye, _):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ocppd", "scenario", "run", "long.yaml", "--config", str(it.config)),
            cwd=tmp_path,
            env=environment(),
            stderr=PIPE,
        )
        await eye.until(lambda: [e for e in eye.happened("scenario") if e["phase"] == "step"], 3 * PATIENCE_S)
        os.kill(process.pid, 15)
        await asyncio.wait_for(process.wait(), PATIENCE_S)
        await eye.until(lambda: eye.happened("station_removed", "LONG"))
        assert (await eye.succeed("daemon/lab1", "list"))["stations"] == []
