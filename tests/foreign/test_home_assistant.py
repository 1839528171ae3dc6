"""Home Assistant's own MQTT integration finds the stations, shows them and drives them."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from ocppd.demo.broker import broker
from ocppd.demo.csms import csms
from tests.daemon import ID, Daemon, Json, Observer, Watched, daemon, free_port, observer, settings, station

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PLACE = ROOT / ".venv" / "home-assistant"
WANTED = ("homeassistant==2025.4.4", "paho-mqtt==2.1.0")
INSTALL_TIMEOUT_S = 400
START_TIMEOUT_S = 120

pytestmark = [pytest.mark.slow, pytest.mark.timeout(INSTALL_TIMEOUT_S + START_TIMEOUT_S + 60)]


def python313() -> str | None:
    """The one that Home Assistant needs: on the PATH, where that may be a mere stub, or of pyenv."""
    found = [shutil.which("python3.13"), *Path.home().glob(".pyenv/versions/3.13*/bin/python3.13")]
    return next((str(it) for it in found if it and _works(it)), None)


def _works(python: str | Path) -> bool:
    return subprocess.run([python, "-V"], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def home_python() -> str:
    """The Python of an environment with Home Assistant."""
    found = python313()
    if found is None:
        pytest.skip("Home Assistant needs Python 3.13")
    python = PLACE / "bin" / "python"
    done = PLACE / "installed"
    if not done.exists():
        subprocess.run([found, "-m", "venv", str(PLACE)], check=True)
        run = [str(python), "-m", "pip", "install", "-q", "uv"]
        subprocess.run(run, check=True, timeout=INSTALL_TIMEOUT_S)
        run = [str(PLACE / "bin" / "uv"), "pip", "install", "-q", "--python", str(python), *WANTED]
        subprocess.run(run, check=True, timeout=INSTALL_TIMEOUT_S)
        done.touch()
    return str(python)


class Home(Watched):
    """Home Assistant as a process: `states` is the newest of each entity, `logged` what it complained of."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.states: dict[str, Json] = {}
        self.logged: list[Json] = []
        self.started = False
        self._done: dict[int, Json] = {}
        self._calls = 0
        self._process = process

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._take(orjson.loads(line))
            self.tell()

    def _take(self, line: Json) -> None:
        if "entity" in line:
            self.states[line["entity"]] = line
        elif "log" in line:
            self.logged.append(line)
        elif "started" in line:
            self.started = True
        else:
            self._done[line.get("done") or line["failed"]] = line

    async def call(self, domain: str, service: str, entity: str, **data: Any) -> None:
        """Have an action done to an entity of CP001."""
        self._calls += 1
        number = self._calls
        content = {"call": [domain, service, {"entity_id": f"{domain}.cp001_{entity}", **data}]}
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps(content) + b"\n")
        done = await self.until(lambda: self._done.get(number))
        assert "error" not in done, done

    def state(self, entity: str) -> str | None:
        """The state of an entity; None where there is none."""
        found: str | None = self.states.get(entity, {}).get("state")
        return found

    async def shows(self, **wanted: str | None) -> None:
        """Wait until entities of CP001, each `domain__name`, have these states."""
        for key, state in wanted.items():
            entity = key.replace("__", ".cp001_")
            try:
                await self.until(lambda: self.state(entity) == state)  # noqa: B023
            except TimeoutError:
                raise AssertionError(f"{entity} is {self.state(entity)}, not {state}") from None


@asynccontextmanager
async def home(python: str, folder: Path, port: int) -> AsyncIterator[Home]:
    process = await asyncio.create_subprocess_exec(
        *(python, str(HERE / "home.py"), str(folder), str(port), str(free_port())),
        stdin=PIPE,
        stdout=PIPE,
        limit=2**20,
    )
    it = Home(process)
    reader = asyncio.create_task(it.read(), name="home-assistant")
    try:
        await it.until(lambda: it.started, START_TIMEOUT_S)
        yield it
    finally:
        process.kill()
        await asyncio.wait([reader], timeout=10)
        await process.wait()


@pytest.fixture
async def lab(home_python: str, tmp_path: Path) -> AsyncIterator[tuple[Home, Observer, Daemon]]:
    """Home Assistant, the broker's watcher, and a daemon with a station of one EVSE and one of two."""
    async with broker() as port, csms() as remote, observer(port) as eye:
        both = station(template="ac-22kw"), station("CP-2", template="ac-22kw-dual")
        mqtt = {"discovery": {}, "meter_interval": 0.5}
        tree = settings(port, remote.url, *both, mqtt=mqtt)
        folder = tmp_path / "home"
        folder.mkdir()
        async with daemon(tmp_path, tree) as it, home(home_python, folder, port) as house:
            await it.ready()
            await house.until(lambda: house.state("sensor.cp001_status") == "Available", START_TIMEOUT_S)
            yield house, eye, it
            await it.stop()
            await house.shows(sensor__status="unavailable", switch__mains="unavailable")
            assert house.logged == []


async def test_home_assistant_finds_shows_and_drives_the_stations(
    lab: tuple[Home, Observer, Daemon],
) -> None:
    house, eye, _ = lab
    await finds(house)
    await charges(house)
    await limits(house)
    await ends(house)
    await breaks(house)
    await loses(house, eye)


async def finds(house: Home) -> None:
    text = (ROOT / "examples/homeassistant/dashboard.yaml").read_text()
    named = set(re.findall(r"entity: (\w+\.\w+)", text))
    assert len(named) > 20
    await house.until(lambda: named <= house.states.keys())
    mine = {name for name in house.states if ".cp001_" in name}
    assert mine - named == {"binary_sensor.cp001_charging", "binary_sensor.cp001_plugged_in"}
    await house.until(lambda: house.state("sensor.cp_2_evse_2_status") == "Available")
    assert {it["device"] for it in house.states.values()} == {"CP001", "CP-2", "CP-2 EVSE 1", "CP-2 EVSE 2"}
    await house.shows(binary_sensor__csms="on", switch__cable="off", switch__mains="on", select__fault="OFF")


async def charges(house: Home) -> None:
    await house.call("switch", "turn_on", "cable")
    await house.shows(sensor__status="Occupied", switch__cable="on", binary_sensor__plugged_in="on")
    await house.call("switch", "turn_on", "charge")
    await house.shows(sensor__charging_state="Charging", switch__charge="on", binary_sensor__charging="on")
    await house.until(lambda: float(house.state("sensor.cp001_power") or 0) > 1000)
    await house.until(lambda: house.state("sensor.cp001_session_time") not in ("unknown", "0"))
    event = house.states["event.cp001_event"]
    assert event["attributes"]["event_type"] in event["attributes"]["event_types"]
    assert event["attributes"]["station"] == "CP001"
    await house.call("switch", "turn_on", "charge")  # again: it goes on
    await house.shows(switch__charge="on")


async def limits(house: Home) -> None:
    await house.call("number", "set_value", "limit", value=5000)
    await house.shows(number__limit="5000", sensor__power="5000")
    await house.call("button", "press", "limit_off")
    await house.shows(number__limit="unknown")
    await house.call("number", "set_value", "ev_current", value=8)
    await house.shows(number__ev_current="8.0", sensor__power="5520")


async def ends(house: Home) -> None:
    await house.call("switch", "turn_off", "charge")
    await house.shows(switch__charge="off", sensor__power="0")
    await house.call("switch", "turn_off", "cable")
    await house.shows(sensor__status="Available", sensor__charging_state="No transaction", text__token="")
    await house.call("switch", "turn_on", "cable")
    await house.call("text", "set_value", "token", value="04A2B3C4")
    await house.shows(text__token="04A2B3C4", switch__charge="on")
    await asyncio.sleep(2)  # the same card again within two seconds would be one that was held too long
    await house.call("button", "press", "authorize")
    await house.shows(switch__charge="off")
    await house.call("button", "press", "unlock")
    await house.call("switch", "turn_off", "cable")
    await house.shows(sensor__status="Available")


async def breaks(house: Home) -> None:
    await house.call("select", "select_option", "fault", option="GroundFault")
    await house.shows(sensor__status="Faulted", select__fault="GroundFault")
    await house.call("select", "select_option", "fault", option="OFF")
    await house.shows(sensor__status="Available", select__fault="OFF")
    await house.call("switch", "turn_off", "operative")
    await house.shows(sensor__status="Unavailable", switch__operative="off")
    await house.call("switch", "turn_on", "operative")
    await house.shows(sensor__status="Available", switch__operative="on")
    await house.call("switch", "turn_off", "network")
    await house.shows(binary_sensor__csms="off", switch__network="off")
    await house.call("switch", "turn_on", "network")
    await house.shows(binary_sensor__csms="on", switch__network="on")
    await house.call("switch", "turn_off", "mains")
    await house.shows(sensor__status="unavailable", switch__mains="off")
    await house.call("switch", "turn_on", "mains")
    await house.shows(sensor__status="Available", binary_sensor__csms="on", switch__mains="on")
    await house.call("button", "press", "boot")
    await house.call("button", "press", "reset")
    await house.shows(binary_sensor__csms="on")


async def loses(house: Home, eye: Observer) -> None:
    await eye.succeed(f"daemon/{ID}", "remove-station", id="CP-2")
    await house.until(
        lambda: not [it for it, state in house.states.items() if "cp_2" in it and state["state"]]
    )
