"""What is measured: ocppd, and beside it the floor, each at a CSMS of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.load.child import Child, Json, child, program
from tests.load.measure import Usage

_POLL_S = 0.05
_PATIENCE_S = 120.0
_HEARTBEAT_S = 300

# A wallbox whose TransactionEvent has four sampled values, one each second.
_EVSES = [{"phases": 1, "max_w": 7360.0}]
_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,SoC,Voltage"
_SAMPLING = {
    "SampledDataCtrlr.TxUpdatedInterval": 1,
    "SampledDataCtrlr.TxUpdatedMeasurands": _MEASURANDS,
}
# A cable may be in without a transaction: a plug then leads to one frame.
_PLUGGING = {"TxCtrlr.TxStartPoint": "Authorized"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How many stations do what.

    `broker` is the port of one, `certificates` a folder with `ca.pem` and `server.pem`; None: without. `rate`
    is that of the stations' clock.
    """

    stations: int
    charging: bool = False
    heartbeat_s: int = _HEARTBEAT_S
    broker: int | None = None
    save_interval: float = 1.0
    certificates: Path | None = None
    variables: Json = field(default_factory=lambda: dict(_PLUGGING))
    rate: float = 1.0

    def names(self) -> list[str]:
        """The identities."""
        return [f"CP{number:05}" for number in range(1, self.stations + 1)]


@dataclass(frozen=True, slots=True)
class Subject:
    """A process under measurement, and the CSMS that its stations are connected to."""

    usage: Usage
    sink: Child

    async def count(self, action: str) -> int:
        """How many calls of that action have come; of GetVariables, how many answers."""
        return int((await self.sink.ask("stats"))["count"].get(action, 0))

    async def reached(self, action: str, count: int, patience_s: float = _PATIENCE_S) -> None:
        """Wait until so many have come."""
        async with asyncio.timeout(patience_s):
            while await self.count(action) < count:  # noqa: ASYNC110 - it is another process that counts
                await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def floor(setup: Setup, folder: Path) -> AsyncIterator[Subject]:
    """R."""
    async with _sink(setup, folder) as sink:
        more = ["--sample-s", 1.0 / setup.rate] if setup.charging else []
        more += ["--ca", setup.certificates / "ca.pem"] if setup.certificates else []
        async with child(
            "floor", sink.hello["url"], setup.stations, *more, log=folder / "floor.log"
        ) as process:
            yield Subject(Usage(process.pid), sink)


@asynccontextmanager
async def bridge(setup: Setup, folder: Path) -> AsyncIterator[Subject]:
    """B."""
    async with (
        _sink(setup, folder) as sink,
        child(
            "bridge", sink.hello["url"], setup.stations, setup.broker, log=folder / "bridge.log"
        ) as process,
    ):
        yield Subject(Usage(process.pid), sink)


@asynccontextmanager
async def ocppd(setup: Setup, folder: Path) -> AsyncIterator[Subject]:
    """The daemon."""
    async with _sink(setup, folder) as sink:
        config = folder / "ocppd.yaml"
        config.write_bytes(orjson.dumps(_settings(setup, sink.hello["url"], folder)))
        command = (sys.executable, "-m", "ocppd", "run", "--config", str(config))
        async with program(*command, log=folder / "ocppd.log") as process:
            yield Subject(Usage(process.pid), sink)


@asynccontextmanager
async def _sink(setup: Setup, folder: Path) -> AsyncIterator[Child]:
    more = ["--certificate", setup.certificates / "server.pem"] if setup.certificates else []
    async with child("sink", setup.heartbeat_s, *more, log=folder / "sink.log") as sink:
        yield sink


def _settings(setup: Setup, url: str, folder: Path) -> Json:
    # Written before what follows from it leaves, each station has a file of its own.
    state = folder / ("state.json" if setup.save_interval else "states")
    if setup.charging:
        _write_states(setup, state)
    tls = {"tls": {"ca": str(setup.certificates / "ca.pem")}} if setup.certificates else {}
    return {
        "daemon": {"id": "load", "log": {"level": "warning"}},
        "mqtt": {"enabled": False} if setup.broker is None else {"port": setup.broker},
        "csms": {"url": url, **tls},
        "clock": {"rate": setup.rate},
        "state": {
            "path": str(state),
            "save_interval": setup.save_interval,
            "on_start": "resume" if setup.charging else "power_up",
        },
        "fleet": [
            {
                "id": "CP{n:05}",
                "count": setup.stations,
                "evses": _EVSES,
                "variables": _SAMPLING if setup.charging else setup.variables,
            }
        ],
    }


def _write_states(setup: Setup, path: Path) -> None:
    """Every car stands at its cable and its driver is authorized: charging starts with the acceptance."""
    state: dict[str, Any] = {
        "configured": True,
        "evses": [
            {
                "connectors": [{"plugged": True}],
                "car": {"soc": 20.0, "ev": {"capacity_wh": 60_000.0, "max_w": 7360.0, "phases": 1}},
                "authorization": {"token": {"idToken": "04A2B3C4", "type": "ISO14443"}},
            }
        ],
    }
    if path.suffix:
        _write(path, dict.fromkeys(setup.names(), state))
        return
    path.mkdir(exist_ok=True)
    for name in setup.names():
        _write(path / f"{name}.json", {name: state})


def _write(path: Path, stations: Json) -> None:
    path.write_bytes(orjson.dumps({"version": 1, "stations": stations}))
