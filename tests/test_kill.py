"""kill -9 at any moment: for every transaction the CSMS still gets every event, in order."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ocppd.demo.broker import broker
from ocppd.demo.csms import Message, csms
from tests.daemon import (
    TOKEN,
    Daemon,
    Json,
    Observer,
    daemon,
    free_port,
    observer,
    settings,
    station,
)

KILLS = 25
STATIONS = ("CP001", "CP002", "CP003")
VARIABLES = {
    "AuthCtrlr.OfflineTxForUnknownIdEnabled": True,
    "SampledDataCtrlr.TxUpdatedInterval": 1,
}


class Recorder:
    """What the CSMS was told of transactions, by their ids, through all its lives."""

    def __init__(self) -> None:
        self.told: dict[str, list[Json]] = defaultdict(list)

    def note(self, message: Message) -> None:
        if (message.direction, message.action) == ("in", "TransactionEvent"):
            self.told[message.payload["transactionInfo"]["transactionId"]].append(message.payload)

    def check(self, transaction: str) -> None:
        """Every event came, in order; one that came again is unchanged, but may be `offline` now."""
        first: dict[int, Json] = {}
        for event in self.told[transaction]:
            known = first.setdefault(event["seqNo"], event)
            assert event | {"offline": None} == known | {"offline": None}
        assert list(first) == list(range(len(first)))
        kinds = [event["eventType"] for event in first.values()]
        assert kinds == ["Started", *["Updated"] * (len(kinds) - 2), "Ended"]


class Remote:
    """A CSMS that comes and goes."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._port = free_port()
        self._running = AsyncExitStack()
        self.url = f"ws://127.0.0.1:{self._port}"

    async def up(self) -> None:
        await self._running.enter_async_context(csms(self._port, on_message=self._recorder.note))

    async def down(self) -> None:
        await self._running.aclose()


@asynccontextmanager
async def drivers(eye: Observer, chance: random.Random) -> AsyncIterator[None]:
    """People who plug in, authorize, pause and unplug while the block runs."""
    tasks = [asyncio.create_task(drive(eye, name, chance)) for name in STATIONS]
    try:
        yield
    finally:
        # Until they obey: asyncio.wait_for of Python 3.11, which aiomqtt uses, may swallow a cancellation.
        while pending := [task for task in tasks if not task.done()]:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=0.1)
        assert all(task.cancelled() for task in tasks), tasks


async def drive(eye: Observer, name: str, chance: random.Random) -> None:
    while True:
        evse = (await eye.succeed(name, "get"))["evses"][0]
        await eye.do(*step(name, evse, chance), wait=False)


def step(name: str, evse: Json, chance: random.Random) -> tuple[str, str]:
    """What somebody does next at the EVSE; not everything will be allowed."""
    if not evse["connectors"][0]["plugged"]:
        return f"{name}/1/1", "plug-in"
    if chance.random() < 0.1:
        return f"{name}/1/1", "unplug"
    charges = evse["tx"] is not None and evse["tx"]["state"] != "EVConnected"
    return f"{name}/1", chance.choice(["suspend", "resume"] * 4 * charges + ["authorize"])


async def wind_up(eye: Observer, name: str) -> None:
    """Let everybody go, and everything that waits be delivered."""
    await eye.shows(f"station/{name}/state", csms__connected=True, csms__registration="Accepted")
    await eye.do(f"{name}/1", "stop")
    await eye.succeed(f"{name}/1/1", "unplug")
    await eye.shows(f"station/{name}/evse/1/state", tx=None)
    await eye.shows(f"station/{name}/state", csms__queued=0)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [20260])
async def test_no_event_of_a_transaction_is_lost_by_kill_9(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    recorder = Recorder()
    remote = Remote(recorder)
    stations = [station(name, variables=VARIABLES, default_token={"id_token": TOKEN}) for name in STATIONS]
    async with (
        broker() as port,
        observer(port) as eye,
        daemon(tmp_path, settings(port, remote.url, *stations), start=False) as it,
    ):
        for number in range(KILLS):
            if number % 4 != 2:
                await remote.up()
            await live_and_die(it, eye, chance)
            await remote.down()
        await remote.up()
        await it.start()
        await it.ready()
        for name in STATIONS:
            await wind_up(eye, name)
        await it.stop()
        await remote.down()
        assert not it.noise
        assert not [line for line in it.lines if line["level"] == "error"]

    for transaction in recorder.told:
        recorder.check(transaction)
    seen = {(event["transaction_id"], event["seq_no"]) for event in eye.events if "seq_no" in event}
    told = {(name, event["seqNo"]) for name, events in recorder.told.items() for event in events}
    assert seen <= told, "MQTT has told of events that the CSMS never got"
    assert len(recorder.told) > KILLS / 3
    assert sum(event.get("offline", False) for events in recorder.told.values() for event in events) > 10


async def live_and_die(it: Daemon, eye: Observer, chance: random.Random) -> None:
    """One run of the daemon, with people at its stations, until a random moment."""
    await it.start()
    if chance.random() < 0.2:  # even while it starts
        await asyncio.sleep(chance.uniform(0.3, 1.0))
        await it.kill()
        return
    await it.ready()
    async with drivers(eye, chance):
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        await it.kill()
