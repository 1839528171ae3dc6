"""The daemon as its users have it: a process, seen by its log, over MQTT and by a CSMS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiomqtt
import orjson

from ocppd.client import Client, connect
from ocppd.edge.mqtt import parse_target

T = TypeVar("T")
Json = dict[str, Any]

ID = "lab1"
TOKEN = "04A2B3C4"
"""One that the demo CSMS accepts."""
PATIENCE_S = 15.0
"""How long anything may take on a busy machine."""

# Reconnect soon: the defaults spare a CSMS, and would only make the tests slow.
_EAGER = {"OCPPCommCtrlr.RetryBackOffWaitMinimum": 1, "OCPPCommCtrlr.RetryBackOffRandomRange": 0}


def station(name: str = "CP001", **keys: Any) -> Json:
    """An entry of `stations`."""
    variables = _EAGER | keys.pop("variables", {})
    return {"id": name, "template": "ac-22kw", "variables": variables, **keys}


def settings(broker: int | None, csms: str, *stations: Json, **sections: Json) -> Json:
    """Settings with that broker's port (None: without a broker) and the CSMS's URL."""
    return {
        "daemon": {"id": ID} | sections.pop("daemon", {}),
        "mqtt": {"enabled": False} if broker is None else {"port": broker} | sections.pop("mqtt", {}),
        "csms": {"url": csms} | sections.pop("csms", {}),
        "stations": list(stations),
        **sections,
    }


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


_OURS = ("OCPPD_", "PYTEST_")


def environment() -> dict[str, str]:
    """That of the tests, without what would change settings, or how another pytest runs."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}


class Watched:
    """Something that changes by itself, and can be waited for."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, question: Callable[[], T], timeout_s: float = PATIENCE_S) -> T:
        """What `question` answers as soon as that is something true; TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            while not (answer := question()):
                await self._news.wait()
        return answer


class Daemon(Watched):
    """One daemon and its runs, one after the other.

    `lines` is what all of them have logged, `noise` what they wrote beside that and should not have.
    """

    def __init__(self, config: Path, state: Path) -> None:
        super().__init__()
        self.config = config
        self.state = state
        self.lines: list[Json] = []
        self.noise: list[str] = []
        self._since = 0  # the first line of this run
        self._process: Process | None = None
        self._reader: asyncio.Task[None]

    async def start(self) -> None:
        """Start a run, and return when the process has begun to do something."""
        self._since = len(self.lines)
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ocppd", "run", "--config", str(self.config)),
            cwd=self.config.parent,
            env=environment(),
            stdin=DEVNULL,
            stderr=PIPE,
            limit=2**20,
        )
        self._reader = asyncio.create_task(self._read(process), name="daemon-log")

    async def _read(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            try:
                self.lines.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                self.noise.append(line.decode(errors="replace"))
            self.tell()
        await process.wait()
        self.tell()

    async def logged(self, event: str, **fields: Any) -> Json:
        """The first line of this run with that event and these fields, waiting for it."""
        try:
            return await self.until(lambda: next(iter(self.log(event, **fields)), None) or self._alive())
        except TimeoutError:
            raise AssertionError(f"never logged {event} {fields}, but:\n{self.tail}") from None

    def log(self, event: str, **fields: Any) -> list[Json]:
        """The lines of this run with that event and these fields."""
        wanted = {"event": event, **fields}.items()
        return [line for line in self.lines[self._since :] if wanted <= line.items()]

    def _alive(self) -> None:
        assert self._process is not None
        assert self._process.returncode is None, f"the daemon has ended:\n{self.tail}"

    @property
    def tail(self) -> str:
        """The end of what it wrote, for messages."""
        return "\n".join([*map(str, self.lines[-5:]), *self.noise[-20:]])

    async def ready(self) -> None:
        """Wait until it has shown everything over MQTT and takes commands."""
        await self.logged("mqtt.connected")

    async def kill(self) -> None:
        """End it as a power cut does."""
        await self._end(signal.SIGKILL)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it as a service manager or Ctrl-C does."""
        code = await self._end(number)
        assert code == 0, f"{number.name} was answered with {code}:\n{self.tail}"

    async def restart(self) -> None:
        """Stop it and start it again."""
        await self.stop()
        await self.start()

    async def _end(self, number: signal.Signals) -> int | None:
        """Its exit code; None where it was never started, or does not obey."""
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        await asyncio.wait([self._reader], timeout=PATIENCE_S)
        return self._process.returncode


@asynccontextmanager
async def daemon(folder: Path, tree: Json, *, start: bool = True) -> AsyncIterator[Daemon]:
    """A daemon with these settings, whose files are in `folder`; it is gone when the block is left."""
    state = folder / "state.json"
    config = folder / "ocppd.yaml"
    config.write_bytes(
        orjson.dumps({"state": {}} | tree | {"state": {"path": str(state)} | tree.get("state", {})})
    )
    it = Daemon(config, state)
    if start:
        await it.start()
    try:
        yield it
    finally:
        await it.kill()


class Observer(Watched):
    """Whoever watches and commands over MQTT. Topics are without `ocppd/v1/`.

    `shown` is the newest payload of each topic, `messages` is all that came, `events` what came as one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, bytes] = {}
        self.messages: list[tuple[str, bytes]] = []
        self.events: list[Json] = []
        self.client: Client
        self._next_id = 1

    def heard(self, topic: str, payload: bytes) -> None:
        """Take notice of a message."""
        topic = topic.removeprefix("ocppd/v1/")
        self.shown[topic] = payload
        self.messages.append((topic, payload))
        if topic.endswith("/event"):
            self.events.append(orjson.loads(payload))
        self.tell()

    def text(self, topic: str) -> str:
        """The newest payload; empty where there was none."""
        return self.shown.get(topic, b"").decode()

    def json(self, topic: str) -> Any:
        """The newest payload as JSON; an empty object where there was none."""
        return orjson.loads(self.shown.get(topic) or b"{}")

    def happened(self, name: str, station: str | None = None) -> list[Json]:
        """The events of that name, of one station or of all."""
        return [it for it in self.events if it["event"] == name and station in {None, it["station"]}]

    async def do(self, target: str, command: str, timeout_s: float = PATIENCE_S, **arguments: Any) -> Json:
        """The answer to a command that is a JSON object, with an id of its own."""
        request_id = f"r{self._next_id}"
        self._next_id += 1
        content = arguments | {"request_id": request_id}
        answer = await self.client.send(parse_target(target), command, content, timeout_s=timeout_s)
        assert answer["request_id"] == request_id, answer
        return answer

    async def succeed(self, target: str, command: str, **arguments: Any) -> Json:
        """The result of a command that must succeed."""
        answer = await self.do(target, command, **arguments)
        assert answer["ok"], answer
        result: Json = answer["result"]
        return result

    async def shows(self, topic: str, **wanted: Any) -> Json:
        """Wait until these keys of the topic's JSON have these values; `csms__connected` is one of `csms`."""

        def found() -> Json | None:
            content = self.json(topic)
            return content if all(_at(content, *key.split("__")) == wanted[key] for key in wanted) else None

        return await self.until(found)


def _at(content: Any, *keys: str) -> Any:
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


@asynccontextmanager
async def observer(port: int) -> AsyncIterator[Observer]:
    """An MQTT client that hears everything under `ocppd/v1/`, and first what is retained there."""
    it = Observer()
    async with connect("127.0.0.1", port, heard=it.heard, protocol=aiomqtt.ProtocolVersion.V311) as it.client:
        await it.client.watch()
        yield it
