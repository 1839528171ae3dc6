"""The flows of examples/node-red in a real Node-RED, with a real broker and daemon behind them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import httpx
import orjson
import pytest

from ocppd.demo.broker import broker
from ocppd.demo.csms import csms
from tests.daemon import TOKEN, Json, Observer, Watched, daemon, free_port, observer, settings, station

HERE = Path(__file__).parent / "node_red"
EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "node-red"
FLOWS = sorted(it.stem for it in EXAMPLES.glob("*.json"))
INSTALL_TIMEOUT_S = 240
EVSE = "station/CP001/evse/1"
PLUG = f"{EVSE}/connector/1"
CORE = {
    *("tab", "comment", "inject", "debug", "function", "switch", "change", "delay"),
    *("mqtt in", "mqtt out", "mqtt-broker"),
}

pytestmark = pytest.mark.timeout(INSTALL_TIMEOUT_S + 60)


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with Node-RED installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs node and npm on the PATH")
    if not (HERE / "node_modules" / "node-red").is_dir():
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=HERE, check=True, timeout=INSTALL_TIMEOUT_S)
    return node


class NodeRed(Watched):
    """Node-RED as a process, and its admin API; `lines` is its log."""

    def __init__(self, process: Process, admin: httpx.AsyncClient) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._process = process
        self._admin = admin
        self._deployed = 0

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().rstrip())
            self.tell()

    async def logged(self, part: str) -> None:
        """Wait for a line with that in it."""
        try:
            await self.until(lambda: any(part in line for line in self.lines))
        except TimeoutError:
            raise AssertionError(f"never logged {part!r}, but {self.lines}") from None

    async def deploy(self, flow: list[Json]) -> None:
        """Import a flow, and wait until it is connected."""
        self._deployed = len(self.lines)
        answer = await self._admin.post("/flows", json=flow, headers={"Node-RED-Deployment-Type": "full"})
        assert answer.status_code == 204, answer.text
        await self.logged("Connected to broker")

    async def press(self, node: str) -> None:
        """The button of an inject node."""
        answer = await self._admin.post(f"/inject/{node}")
        assert answer.status_code == 200, answer.text

    def complaints(self) -> list[str]:
        """What it has warned of since the flows are there."""
        return [line for line in self.lines[self._deployed :] if re.search(r"\[(warn|error)\]", line)]


@asynccontextmanager
async def node_red(node: str, folder: Path) -> AsyncIterator[NodeRed]:
    port = free_port()
    config = {
        "uiHost": "127.0.0.1",
        "uiPort": port,
        "userDir": str(folder),
        "telemetry": {"enabled": False},
        "credentialSecret": False,
        "logging": {"console": {"level": "info"}},
    }
    file = folder / "settings.js"
    file.write_text(f"module.exports = {orjson.dumps(config).decode()}")
    process = await asyncio.create_subprocess_exec(
        node, "node_modules/node-red/red.js", "-s", str(file), cwd=HERE, stdout=PIPE, stderr=STDOUT
    )
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as admin:
        it = NodeRed(process, admin)
        reader = asyncio.create_task(it.read(), name="node-red")
        try:
            await it.logged("Started flows")
            yield it
        finally:
            process.kill()
            await asyncio.wait([reader], timeout=10)
            await process.wait()


def example(name: str, port: int) -> list[Json]:
    """A flow, with our broker in it."""
    flow: list[Json] = orjson.loads((EXAMPLES / f"{name}.json").read_bytes())
    [place] = (it for it in flow if it["type"] == "mqtt-broker")
    place["port"] = str(port)
    return flow


@asynccontextmanager
async def lab(
    node: str, folder: Path, *names: str
) -> AsyncIterator[tuple[NodeRed, Observer, aiomqtt.Client]]:
    """Node-RED with these flows, who watches the station that they drive, and the devices of the lab."""
    async with (
        broker() as port,
        csms() as remote,
        observer(port) as eye,
        aiomqtt.Client("127.0.0.1", port) as raw,
    ):
        one = station(ev={"max_w": 11000})
        tree = settings(port, remote.url, one, mqtt={"meter_interval": 0.2}, clock={"rate": 10})
        async with daemon(folder, tree) as it, node_red(node, folder) as red:
            await it.ready()
            await eye.shows("station/CP001/state", csms__registration="Accepted")
            flows = {item["id"]: item for name in names for item in example(name, port)}
            await raw.subscribe("cmnd/btn1/POWER")
            await red.deploy(list(flows.values()))
            yield red, eye, raw
            assert red.complaints() == []
            assert [it for it in answers(eye) if not it["ok"]] == []


def answers(eye: Observer) -> list[Json]:
    """What the daemon has answered until now."""
    return [orjson.loads(it) for topic, it in eye.messages if "/response/" in topic]


async def status(eye: Observer, wanted: str) -> None:
    await eye.until(lambda: eye.text(f"{PLUG}/status") == wanted)


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_needs_nothing_but_core_nodes_and_says_what_it_is_for(name: str) -> None:
    flow = example(name, 1)
    assert {it["type"] for it in flow} <= CORE
    assert len({it["id"] for it in flow}) == len(flow)
    [tab] = (it for it in flow if it["type"] == "tab")
    assert "CP001" in tab["info"]
    known = {it["id"] for it in flow}
    assert {to for it in flow for wire in it.get("wires", ()) for to in wire} <= known


async def test_all_flows_live_together(node: str, tmp_path: Path) -> None:
    async with lab(node, tmp_path, *FLOWS) as (red, _, _):
        await red.logged("Started flows")


async def test_the_buttons_of_the_control_flow_do_what_they_say(node: str, tmp_path: Path) -> None:
    async with lab(node, tmp_path, "control") as (red, eye, _):
        await red.press("ocppd_control_arrive")
        await status(eye, "Occupied")
        await red.press("ocppd_control_card")
        await eye.shows(f"{EVSE}/state", tx__state="Charging", tx__id_token=TOKEN)
        await red.press("ocppd_control_limit")
        await eye.shows(f"{EVSE}/state", limit_w=5000)
        await red.press("ocppd_control_no_limit")
        await eye.shows(f"{EVSE}/state", limit_w=None)
        await red.press("ocppd_control_stop")
        await eye.until(lambda: eye.json(f"{EVSE}/meter").get("power_w") == 0)
        await red.press("ocppd_control_leave")
        await status(eye, "Available")
        await red.press("ocppd_control_break")
        await status(eye, "Faulted")
        await status(eye, "Available")  # it heals by itself
        commands = [it["command"] for it in answers(eye)]
        assert commands == ["plug-in", "authorize", "limit", "limit", "stop", "unplug", "fault"]


async def test_a_whole_session_runs_by_itself(node: str, tmp_path: Path) -> None:
    async with lab(node, tmp_path, "control") as (red, eye, _):
        await red.press("ocppd_control_session")
        await status(eye, "Occupied")
        await eye.until(lambda: eye.happened("tx_ended"), 60)
        await status(eye, "Available")
        assert [it["command"] for it in answers(eye)] == ["plug-in", "authorize", "stop", "unplug"]
        energies = [
            orjson.loads(it)["tx"]["energy_wh"]
            for topic, it in eye.messages
            if topic == f"{EVSE}/state" and orjson.loads(it)["tx"]
        ]
        assert max(energies) >= 100


async def test_buttons_a_lever_and_a_card_reader_drive_the_station(node: str, tmp_path: Path) -> None:
    async with lab(node, tmp_path, "buttons") as (_, eye, raw):
        assert (await anext(aiter(raw.messages))).payload == b"OFF"  # the flow hears what is said
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"SINGLE"}}')
        await status(eye, "Occupied")
        card = {"Time": "2026-01-23T13:10:50", "RC522": {"UID": TOKEN, "Type": "MIFARE 1KB"}}
        await raw.publish("tele/rfid1/SENSOR", orjson.dumps(card))
        await eye.shows(f"{EVSE}/state", tx__id_token=TOKEN)
        await raw.publish("tele/rfid1/SENSOR", '{"Time":"2026-01-23T13:10:51","ESP32":{"Temperature":53.3}}')
        await raw.publish("lab-panel/binary_sensor/cable/state", "OFF")
        await status(eye, "Available")
        await asyncio.sleep(0.4)  # the same within 300 ms would be a bouncing contact
        await raw.publish("lab-panel/binary_sensor/cable/state", "ON")
        await status(eye, "Occupied")
        await asyncio.sleep(0.4)
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"DOUBLE"}}')
        await status(eye, "Available")
        await raw.publish("stat/btn1/RESULT", '{"Button1":{"Action":"HOLD"}}')
        await status(eye, "Faulted")
        lamp: list[str] = []
        async with asyncio.timeout(15):
            async for it in raw.messages:
                lamp.append(it.payload.decode())
                if lamp[-5:] == ["ON", "OFF", "ON", "OFF", "OFF"]:
                    break
        assert [it["command"] for it in answers(eye)] == [
            *("plug-in", "authorize", "plug-in", "plug-in", "plug-in", "fault"),
        ]


async def test_the_car_gets_what_the_sun_leaves_over(node: str, tmp_path: Path) -> None:
    async with lab(node, tmp_path, "pv-surplus") as (red, eye, raw):
        await eye.succeed("CP001/1/1", "plug-in")
        await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
        await eye.until(lambda: eye.json(f"{EVSE}/meter").get("power_w") == 11000)
        await raw.publish("pv/grid_power_w", "4000")  # of the 11 kW, 7 come from the sun: 10 A
        await eye.shows(f"{EVSE}/state", limit_w=6900)
        await eye.until(lambda: eye.json(f"{EVSE}/meter").get("power_w") == 6900)
        assert eye.happened("limit_changed")
        await asyncio.sleep(5.2)  # the flow's own calm
        await raw.publish("pv/grid_power_w", "5000")  # less than 6 A are left
        await eye.shows(f"{EVSE}/state", limit_w=0)
        await eye.until(lambda: eye.json(f"{EVSE}/meter").get("power_w") == 0)
        await asyncio.sleep(5.2)
        await red.press("ocppd_pv_sun")
        await eye.shows(f"{EVSE}/state", limit_w=6900)
        await eye.shows(f"{EVSE}/state", limit_w=None)  # after two minutes without news
