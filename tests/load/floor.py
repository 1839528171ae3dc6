"""R: so many bare WebSocket clients in one process that do what every OCPP client must, and nothing else.

Each has a reader task, and for its calls a future, a lock and a time limit; one wheel wakes them all. No
schemas, no state, no device model: the frames are those that ocppd would send, in its size.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import ssl
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.load.child import Json, obey, run

_TICK_S = 0.05
_TIMEOUT_S = 30.0
_PING_S = 30.0
_HANDSHAKES = 100


class Station:
    """One client."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ws: ClientConnection
        self._lock = asyncio.Lock()
        self._answer: asyncio.Future[Json] | None = None
        self._serial = 0
        self._reader: asyncio.Task[None] | None = None

    async def connect(self, url: str, tls: ssl.SSLContext | None) -> None:
        """Connect, and read from now on."""
        self._ws = await connect(
            f"{url}/{self.name}",
            subprotocols=[Subprotocol("ocpp2.0.1")],
            compression=None,
            ping_interval=None,
            proxy=None,
            ssl=tls,
            open_timeout=_TIMEOUT_S,
        )
        self._reader = asyncio.create_task(self._read())

    async def call(self, action: str, payload: Json) -> Json:
        """The answer to a call; one at a time."""
        async with self._lock:
            self._serial += 1
            self._answer = asyncio.get_running_loop().create_future()
            frame = [2, f"{self.name:0>16}-{self._serial}", action, payload]
            await self._ws.send(orjson.dumps(frame).decode())
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._answer

    async def ping(self) -> None:
        """Send a ping and wait for the answer."""
        await (await self._ws.ping())

    async def sample(self, kind: str = "Updated") -> None:
        """Send a TransactionEvent as big as those of ocppd."""
        await self.call("TransactionEvent", _transaction_event(kind, self._serial))

    async def _read(self) -> None:
        async for text in self._ws:
            frame = orjson.loads(text)
            if frame[0] == 2:
                await self._ws.send(orjson.dumps([3, frame[1], _variables(frame[3])]).decode())
            elif self._answer is not None:
                self._answer.set_result(frame[2])


class Wheel:
    """What is to be done again and again, by one timer."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Station, str, float]] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def every(self, interval: float, station: Station, what: str) -> None:
        """Do it, for the first time after one interval."""
        due = asyncio.get_running_loop().time() + interval
        heapq.heappush(self._heap, (due, id(station), station, what, interval))

    async def turn(self) -> None:
        """Turn for ever."""
        loop = asyncio.get_running_loop()
        while True:
            while self._heap and self._heap[0][0] <= loop.time():
                due, key, station, what, interval = heapq.heappop(self._heap)
                heapq.heappush(self._heap, (due + interval, key, station, what, interval))
                task = loop.create_task(_doing(station, what))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(_TICK_S)


def _doing(station: Station, what: str) -> Coroutine[Any, Any, Any]:
    if what == "sample":
        return station.sample()
    return station.ping() if what == "ping" else station.call("Heartbeat", {})


def _transaction_event(kind: str, number: int) -> Json:
    now = _now()
    values = [
        ("Energy.Active.Import.Register", "Wh", 1000.0 + number, {}),
        ("Power.Active.Import", "W", 7360.0, {}),
        ("Power.Active.Import", "W", 7360.0, {"phase": "L1"}),
        ("SoC", "Percent", 20.5, {"location": "EV"}),
        ("Voltage", "V", 230.0, {"phase": "L1-N"}),
    ]
    sampled = [
        {
            "value": value,
            "measurand": measurand,
            "unitOfMeasure": {"unit": unit},
            **more,
            "context": "Sample.Periodic",
        }
        for measurand, unit, value, more in values
    ]
    return {
        "eventType": kind,
        "timestamp": now,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": "7c1f9b1e-0000-4000-8000-000000000000"},
        "meterValue": [{"timestamp": now, "sampledValue": sampled}],
    }


def _variables(request: Json) -> Json:
    results = [
        {"attributeStatus": "Accepted", "attributeValue": "120", "attributeType": "Actual", **item}
        for item in request["getVariableData"]
    ]
    return {"getVariableResult": results}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def boot(station: Station, url: str, tls: ssl.SSLContext | None = None) -> float:
    """Connect and tell what every station tells first; answers the interval for its heartbeats."""
    await station.connect(url, tls)
    about = {"vendorName": "ocppd", "model": "sim", "serialNumber": station.name, "firmwareVersion": "1.0.0"}
    accepted = await station.call("BootNotification", {"reason": "PowerUp", "chargingStation": about})
    place = {"connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    started = {"type": "StartupOfTheDevice", "timestamp": _now()}
    await station.call("SecurityEventNotification", started)
    await station.call("StatusNotification", {"timestamp": _now(), **place})
    return float(accepted["interval"])


async def _main(url: str, count: int, sample_s: float, ca: str | None) -> None:
    tls = None if ca is None else ssl.create_default_context(cafile=ca)
    wheel, handshakes = Wheel(), asyncio.Semaphore(_HANDSHAKES)

    async def live(station: Station) -> None:
        async with handshakes:
            interval = await boot(station, url, tls)
        wheel.every(_PING_S, station, "ping")
        if sample_s:
            await station.sample("Started")
            wheel.every(sample_s, station, "sample")
        else:
            wheel.every(interval, station, "heartbeat")

    async with asyncio.TaskGroup() as group:
        for number in range(1, count + 1):
            group.create_task(live(Station(f"CP{number:05}")))
        group.create_task(wheel.turn())
        await obey({})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--sample-s", type=float, default=0.0)
    parser.add_argument("--ca")
    given = parser.parse_args()
    run(_main(given.url, given.count, given.sample_s, given.ca))
