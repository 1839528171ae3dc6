"""OCPP 2.1 over real WebSockets, with the ChargePoint of `ocpp` as a CSMS that knows the schemas."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from ocpp.routing import on
from ocpp.v21 import ChargePoint, call, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ocppd.core import schemas
from tests.daemon import PATIENCE_S, Json, Watched, daemon, settings, station

logging.getLogger("ocpp").setLevel(logging.CRITICAL)


class Remote(ChargePoint):  # type: ignore[misc]
    """What the CSMS knows of the station."""

    @on("BootNotification")
    def booted(self, **_: Any) -> Any:
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on("OpenPeriodicEventStream")
    def stream(self, **_: Any) -> Any:
        return call_result.OpenPeriodicEventStream(status="Accepted")

    @on("StatusNotification")
    def status(self, **_: Any) -> Any:
        return call_result.StatusNotification()

    @on("SecurityEventNotification")
    def security(self, **_: Any) -> Any:
        return call_result.SecurityEventNotification()


class Csms(Watched):
    """One that speaks what `spoken` says at the next handshake; `frames` are those that it has heard."""

    def __init__(self) -> None:
        super().__init__()
        self.spoken = "ocpp2.1"
        self.frames: list[list[Any]] = []
        self.remote: Remote | None = None
        self.url = ""

    async def serve(self, connection: ServerConnection) -> None:
        self.remote = Remote("CP001", connection)
        with suppress(ConnectionClosed):
            async for text in connection:
                self.frames.append(orjson.loads(text))
                if self.frames[-1][0] != 6:  # which the library does not know
                    await self.remote.route_message(text)
                self.tell()

    def sent(self, action: str) -> list[Json]:
        return [frame[3] for frame in self.frames if frame[0] in (2, 6) and frame[2] == action]


@asynccontextmanager
async def csms() -> AsyncIterator[Csms]:
    it = Csms()
    async with serve(it.serve, "127.0.0.1", 0, select_subprotocol=lambda _, offered: it.spoken) as server:  # type: ignore[arg-type, return-value]
        it.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
        yield it


@pytest.mark.timeout(120)
async def test_a_station_speaks_what_the_CSMS_chooses(tmp_path: Path) -> None:
    async with csms() as it:
        speaks = station(csms={"protocols": ["ocpp2.1", "ocpp2.0.1"]})
        async with daemon(tmp_path, settings(None, it.url, speaks)):
            await it.until(lambda: it.sent("BootNotification"))
            remote = await it.until(lambda: it.remote)
            async with asyncio.timeout(PATIENCE_S):
                await has_tariff(remote)
                await has_stream(remote)
            (told, *_) = await it.until(lambda: it.sent("NotifyPeriodicEventStream"))
            schemas.check_send("NotifyPeriodicEventStream", told)
            it.spoken = "ocpp2.0.1"
            await remote._connection.close()  # noqa: SLF001 - the library has no other name for it
            await it.until(lambda: len(it.sent("BootNotification")) == 2)


async def has_tariff(remote: Remote) -> None:
    tariff = {"tariff_id": "T", "currency": "EUR", "energy": {"prices": [{"price_kwh": 0.5}]}}
    answer = await remote.call(call.SetDefaultTariff(evse_id=0, tariff=tariff))
    assert answer.status == "Accepted"
    answer = await remote.call(call.GetTariffs(evse_id=0))
    assert [it["tariff_id"] for it in answer.tariff_assignments] == ["T"]


async def has_stream(remote: Remote) -> None:
    wanted = {
        "type": "Periodic",
        "value": 1,
        "severity": 5,
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
        "periodic_event_stream": {"values": 2},
    }
    answer = await remote.call(call.SetVariableMonitoring(set_monitoring_data=[wanted]))
    assert answer.set_monitoring_result[0]["status"] == "Accepted"
