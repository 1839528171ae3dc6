"""Against a CSMS that nobody here wrote, and that takes every frame to the letter of the schemas."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from ocppd.demo.broker import broker
from tests.daemon import PATIENCE_S, TOKEN, Json, Observer, Watched, daemon, observer, settings, station

HERE = Path(__file__).parent
INSTALL_TIMEOUT_S = 150

pytestmark = pytest.mark.timeout(INSTALL_TIMEOUT_S + 60)


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with what package.json asks for installed beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs node and npm on the PATH")
    if not (HERE / "node_modules" / "ocpp-rpc").is_dir():
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=HERE, check=True, timeout=INSTALL_TIMEOUT_S)
    return node


class Foreign(Watched):
    """The CSMS as a process: `lines` is what it has told."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        super().__init__()
        self.process = process
        self.lines: list[Json] = []
        self._stdin = process.stdin
        self._next_id = 0

    async def read(self) -> None:
        """Take notice of what it tells, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(orjson.loads(line))
            self.tell()

    def told(self, event: str, **fields: str) -> list[Json]:
        wanted = {"event": event, **fields}.items()
        return [line for line in self.lines if wanted <= line.items()]

    def calls(self, action: str) -> list[Json]:
        """The payloads of a station's calls."""
        return [line["payload"] for line in self.told("call", action=action)]

    async def ask(self, action: str, payload: Json) -> Json:
        """What the station answers to a call of the CSMS."""
        self._next_id += 1
        mark = f"call{self._next_id}"
        wanted = {"id": mark, "station": "CP001", "action": action, "payload": payload}
        self._stdin.write(orjson.dumps(wanted) + b"\n")
        await self.until(lambda: self.told("answer", id=mark) or self.told("error", id=mark))
        assert not self.told("error", id=mark)
        answer: Json = self.told("answer", id=mark)[0]["payload"]
        return answer

    async def tx(self, kind: str, **info: str) -> Json:
        """The first TransactionEvent of that kind and with this transactionInfo."""

        def found() -> Json | None:
            events = (it for it in self.calls("TransactionEvent") if it["eventType"] == kind)
            return next((it for it in events if info.items() <= it["transactionInfo"].items()), None)

        return await self.until(found)

    def check(self) -> None:
        """Nothing was against the schemas, in neither direction, and nothing was refused."""
        assert self.told("violation") == []
        assert self.told("error") == []


@asynccontextmanager
async def foreign(node: str, *options: str) -> AsyncIterator[Foreign]:
    process = await asyncio.create_subprocess_exec(
        node, "csms.js", *options, cwd=HERE, stdin=PIPE, stdout=PIPE, limit=2**20
    )
    it = Foreign(process)
    reader = asyncio.create_task(it.read(), name="foreign-csms")
    try:
        yield it
    finally:
        process.kill()
        async with asyncio.timeout(PATIENCE_S):
            await reader
            await process.wait()


@asynccontextmanager
async def charged_by(node: str, folder: Path, *options: str) -> AsyncIterator[tuple[Foreign, Observer]]:
    """The CSMS, and whoever stands before the one station that is connected to it."""
    async with broker() as port, observer(port) as eye, foreign(node, *options) as remote:
        [listening] = await remote.until(lambda: remote.told("listening"))
        wanted = station(
            variables={
                "SampledDataCtrlr.TxUpdatedInterval": 2,
                "SampledDataCtrlr.TxEndedInterval": 2,
                "SampledDataCtrlr.TxUpdatedMeasurands": (
                    "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"
                ),
            }
        )
        url = f"ws://127.0.0.1:{listening['port']}/a/path"
        tree = settings(port, url, wanted, clock={"rate": 4})
        async with daemon(folder, tree) as it:
            await it.ready()
            yield remote, eye
            await it.stop()
            assert not [line for line in it.lines if line["level"] == "error"]
            assert eye.happened("warning") == []


def value(component: str, variable: str, **more: str) -> Json:
    return {"component": {"name": component}, "variable": {"name": variable}, **more}


async def accepted(eye: Observer) -> None:
    await eye.shows("station/CP001/state", csms__connected=True, csms__registration="Accepted")


async def test_a_day_of_a_station_is_valid_to_the_letter(node: str, tmp_path: Path) -> None:
    async with charged_by(node, tmp_path) as (remote, eye):
        await accepted(eye)
        assert remote.told("connected", station="CP001", protocol="ocpp2.0.1")
        assert [it["reason"] for it in remote.calls("BootNotification")] == ["PowerUp"]

        await eye.succeed("CP001/1/1", "plug-in")
        await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
        await remote.tx("Updated", chargingState="Charging")
        await remote.until(lambda: len(samples(remote)) >= 2)
        assert {it["measurand"] for it in samples(remote)[-1]["sampledValue"]} >= {
            "Power.Active.Import",
            "SoC",
        }

        transaction = eye.json("station/CP001/evse/1/state")["tx"]["id"]
        stopped = await remote.ask("RequestStopTransaction", {"transactionId": transaction})
        assert stopped["status"] == "Accepted"
        await remote.until(
            lambda: [it for it in remote.calls("TransactionEvent") if it["triggerReason"] == "RemoteStop"]
        )
        await eye.succeed("CP001/1/1", "unplug")
        await remote.tx("Ended", transactionId=transaction, stoppedReason="Remote")

        asked = {"requestId": 7, "reportBase": "FullInventory"}
        assert (await remote.ask("GetBaseReport", asked))["status"] == "Accepted"
        await remote.until(lambda: [it for it in remote.calls("NotifyReport") if not it.get("tbc", False)])
        pages = remote.calls("NotifyReport")
        assert [it["seqNo"] for it in pages] == list(range(len(pages)))
        assert {it["requestId"] for it in pages} == {7}

        wanted = [value("TxCtrlr", "TxStartPoint"), value("TxCtrlr", "Nonsense")]
        result = (await remote.ask("GetVariables", {"getVariableData": wanted}))["getVariableResult"]
        assert [it["attributeStatus"] for it in result] == ["Accepted", "UnknownVariable"]
        data = [
            value("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="60"),
            value("TxCtrlr", "TxStartPoint", attributeValue="Never"),
        ]
        result = (await remote.ask("SetVariables", {"setVariableData": data}))["setVariableResult"]
        assert [it["attributeStatus"] for it in result] == ["Accepted", "Rejected"]

        assert (await remote.ask("Reset", {"type": "Immediate"}))["status"] == "Accepted"
        await remote.until(lambda: len(remote.calls("BootNotification")) == 2)
        assert remote.calls("BootNotification")[-1]["reason"] == "RemoteReset"
        assert len(remote.told("connected")) == 2
        await accepted(eye)

        await eye.succeed("CP001/1/1", "fault", code="GroundFault")
        await remote.until(lambda: "Faulted" in statuses(remote))
        await remote.until(lambda: remote.calls("NotifyEvent"))
        await eye.succeed("CP001/1/1", "clear-fault")
        await remote.until(lambda: statuses(remote)[-1] == "Available")
        await eye.succeed("CP001", "heartbeat")
        remote.check()


def samples(remote: Foreign) -> list[Json]:
    """The MeterValueTypes that came while energy flowed."""
    events = [it for it in remote.calls("TransactionEvent") if it["triggerReason"] == "MeterValuePeriodic"]
    return [values for event in events for values in event["meterValue"]]


def statuses(remote: Foreign) -> list[str]:
    return [it["connectorStatus"] for it in remote.calls("StatusNotification")]


async def test_a_csms_may_start_a_transaction_itself(node: str, tmp_path: Path) -> None:
    async with charged_by(node, tmp_path) as (remote, eye):
        await accepted(eye)
        token = {"idToken": "from the app", "type": "Central"}
        asked = {"evseId": 1, "idToken": token, "remoteStartId": 11}
        assert (await remote.ask("RequestStartTransaction", asked))["status"] == "Accepted"
        await eye.succeed("CP001/1/1", "plug-in")
        event = await remote.tx("Updated", chargingState="Charging")
        started = await remote.tx("Started", transactionId=event["transactionInfo"]["transactionId"])
        assert started["transactionInfo"]["remoteStartId"] == 11
        await eye.succeed("CP001/1/1", "unplug")
        await remote.tx("Ended")
        remote.check()


async def test_a_csms_may_ask_for_a_report_before_it_answers_the_boot(node: str, tmp_path: Path) -> None:
    async with charged_by(node, tmp_path, "--report-before-boot") as (remote, eye):
        await accepted(eye)
        [answer] = remote.told("answer", id="before-boot")
        if answer["payload"]["status"] == "Accepted":
            await remote.until(
                lambda: [it for it in remote.calls("NotifyReport") if not it.get("tbc", False)]
            )
        await eye.succeed("CP001/1/1", "plug-in")
        await remote.tx("Started")
        assert len(remote.calls("BootNotification")) == 1
        remote.check()


async def test_a_csms_may_take_its_time_for_the_boot(node: str, tmp_path: Path) -> None:
    async with charged_by(node, tmp_path, "--boot-delay", "3000") as (remote, eye):
        await remote.until(lambda: remote.calls("BootNotification"))
        await eye.succeed("CP001/1/1", "plug-in")
        assert {line["action"] for line in remote.told("call")} == {"BootNotification"}
        await accepted(eye)
        await remote.tx("Started")
        assert len(remote.calls("BootNotification")) == 1
        remote.check()
