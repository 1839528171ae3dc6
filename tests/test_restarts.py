"""Broker and CSMS each restarted twenty times under load: nothing is lost that the contract promises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ocppd.demo.broker import broker
from tests.daemon import TOKEN, Daemon, Observer, daemon, free_port, observer, settings, station
from tests.test_kill import Recorder, Remote, wind_up

RESTARTS = 20
STATIONS = [f"CP{number:03}" for number in range(1, 21)]
VARIABLES = {
    "SampledDataCtrlr.TxUpdatedInterval": 1,
    # Try again soon, and at an even pace: the test restarts faster than anybody would.
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": 0,
}


def charging(name: str) -> dict[str, object]:
    return station(name, variables=VARIABLES, default_token={"id_token": TOKEN})


async def everybody_charges(eye: Observer) -> None:
    for name in STATIONS:
        await eye.shows(f"station/{name}/state", csms__registration="Accepted")
        await eye.succeed(f"{name}/1/1", "plug-in")
        await eye.succeed(f"{name}/1", "authorize")
    for name in STATIONS:
        await eye.shows(f"station/{name}/evse/1/state", tx__state="Charging")


async def everybody_leaves(it: Daemon, eye: Observer, recorder: Recorder) -> None:
    for name in STATIONS:
        await wind_up(eye, name)
    assert len(recorder.told) == len(STATIONS)
    for transaction in recorder.told:
        recorder.check(transaction)
    assert not [line for line in it.lines if line["level"] == "error"]


@pytest.mark.timeout(120)
async def test_the_csms_restarted_twenty_times_gets_every_event(tmp_path: Path) -> None:
    recorder = Recorder()
    remote = Remote(recorder)
    await remote.up()
    async with (
        broker() as port,
        observer(port) as eye,
        daemon(tmp_path, settings(port, remote.url, *map(charging, STATIONS))) as it,
    ):
        await it.ready()
        await everybody_charges(eye)
        for _ in range(RESTARTS):
            await remote.down()
            await asyncio.sleep(0.2)  # the load goes on
            await remote.up()
            for name in STATIONS:
                await eye.shows(f"station/{name}/state", csms__connected=True, csms__queued=0)
        await everybody_leaves(it, eye, recorder)
    await remote.down()


@pytest.mark.timeout(120)
async def test_the_broker_restarted_twenty_times_has_everything_again(tmp_path: Path) -> None:
    recorder = Recorder()
    remote = Remote(recorder)
    await remote.up()
    port = free_port()
    async with daemon(tmp_path, settings(port, remote.url, *map(charging, STATIONS))) as it:
        async with broker(port), observer(port) as eye:
            await it.ready()
            await everybody_charges(eye)
        for _ in range(RESTARTS):
            async with broker(port), observer(port) as eye:
                await eye.until(lambda eye=eye: eye.text("daemon/lab1/state") == "online")
                shown = {name for name in STATIONS if eye.json(f"station/{name}/evse/1/state").get("tx")}
                assert shown == set(STATIONS), "the mirror was not complete when the daemon said online"
                assert (await eye.do("daemon/lab1", "ping"))["result"]["mqtt"]["dropped"] == 0
        async with broker(port), observer(port) as eye:
            await eye.until(lambda: eye.text("daemon/lab1/state") == "online")
            await everybody_leaves(it, eye, recorder)
        assert len(it.log("csms.connected")) == len(STATIONS), "OCPP goes on without the broker"
    await remote.down()
