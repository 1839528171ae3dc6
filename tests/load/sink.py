"""A CSMS that costs little: it answers every call with the least that is valid, and counts."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.load.child import Json, obey, run

_TICK_S = 0.01
_VARIABLES = [
    {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}},
    {"component": {"name": "TxCtrlr"}, "variable": {"name": "EVConnectionTimeOut"}},
]


class Sink:
    """What has come from all stations. `count` is by action, `GetVariables` by the answers to it."""

    def __init__(self, heartbeat_s: int) -> None:
        self._heartbeat_s = heartbeat_s
        self._stations: dict[str, ServerConnection] = {}
        self._count: Counter[str] = Counter()
        self._bytes: dict[str, int] = {}
        self._first_connect = self._last_boot = 0.0
        self._stamped: tuple[str, list[tuple[str, float]]] | None = None

    async def attend(self, ws: ServerConnection) -> None:
        """Serve one station for as long as it stays."""
        assert ws.request is not None
        name = ws.request.path.rpartition("/")[2]
        self._first_connect = self._first_connect or time.monotonic()
        self._stations[name] = ws
        try:
            async for text in ws:
                self._heard(name, ws, str(text))
        except ConnectionClosed:
            pass  # a killed process says no goodbye
        finally:
            del self._stations[name]

    def _heard(self, name: str, ws: ServerConnection, text: str) -> None:
        frame = orjson.loads(text)
        if frame[0] != 2:
            self._count["GetVariables"] += frame[0] == 3
            return
        _, message_id, action, _ = frame
        if self._stamped is not None and self._stamped[0] == action:
            self._stamped[1].append((name, time.monotonic()))
        broadcast((ws,), orjson.dumps([3, message_id, self._answer(action)]).decode())
        self._count[action] += 1
        self._bytes[action] = len(text)
        if action == "BootNotification":
            self._last_boot = time.monotonic()

    def _answer(self, action: str) -> Json:
        match action:
            case "BootNotification":
                return {"currentTime": _now(), "interval": self._heartbeat_s, "status": "Accepted"}
            case "Heartbeat":
                return {"currentTime": _now()}
            case "Authorize":
                return {"idTokenInfo": {"status": "Accepted"}}
        return {}

    # What it is asked

    async def stats(self) -> Json:
        """Counts by action, the size of the latest frame of each, and how long the boots took."""
        boots_s = self._last_boot - self._first_connect
        return {"count": dict(self._count), "bytes": self._bytes, "boots_s": boots_s}

    async def get_variables(self, rate: float, seconds: float) -> int:
        """Send GetVariables to one station after the other; answers how many it has sent."""
        loop = asyncio.get_running_loop()
        started, sent = loop.time(), 0
        names = list(self._stations)
        while (passed := loop.time() - started) < seconds:
            while sent < passed * rate:
                text = orjson.dumps([2, f"sink-{sent}", "GetVariables", {"getVariableData": _VARIABLES}])
                broadcast((self._stations[names[sent % len(names)]],), text.decode())
                sent += 1
            await asyncio.sleep(_TICK_S)
        return sent

    async def stamp(self, action: str) -> None:
        """Note from now on when calls of that action come."""
        self._stamped = (action, [])

    async def stamps(self) -> Any:
        """Who has called since, and when."""
        return self._stamped[1] if self._stamped else []


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _main(heartbeat_s: int, certificate: str | None) -> None:
    sink = Sink(heartbeat_s)
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    async with serve(
        sink.attend,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol("ocpp2.0.1")],
        compression=None,
        ping_interval=None,
        ssl=tls,
        backlog=4096,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        scheme = "ws" if tls is None else "wss"
        actions: dict[str, Callable[..., Awaitable[Any]]] = {
            "stats": sink.stats,
            "get_variables": sink.get_variables,
            "stamp": sink.stamp,
            "stamps": sink.stamps,
        }
        await obey(actions, url=f"{scheme}://127.0.0.1:{port}/ocpp")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heartbeat_s", type=int)
    parser.add_argument("--certificate")
    given = parser.parse_args()
    run(_main(given.heartbeat_s, given.certificate))
