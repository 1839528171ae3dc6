"""Processes that are measured, and those that are asked: a JSON object a line over stdin and stdout."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import uvloop

Json = dict[str, Any]

_PATIENCE_S = 60.0


class Child:
    """A running module of this package; its first line says that it is ready, and how to reach it."""

    def __init__(self, process: Process, hello: Json) -> None:
        self.pid = process.pid
        self.hello = hello
        self._process = process

    async def ask(self, do: str, *, patience_s: float = _PATIENCE_S, **arguments: Any) -> Any:
        """What it answers; TimeoutError where it does not."""
        assert self._process.stdin is not None
        self._process.stdin.write(orjson.dumps({"do": do, **arguments}) + b"\n")
        return await _read(self._process, patience_s)


@asynccontextmanager
async def program(*command: str, log: Path) -> AsyncIterator[Process]:
    """A program that runs while the block does, and writes its errors to `log`."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=errors, env=_environment(), limit=2**26
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def child(module: str, *arguments: object, log: Path) -> AsyncIterator[Child]:
    """A module of this package that runs while the block does."""
    command = (sys.executable, "-m", f"tests.load.{module}", *map(str, arguments))
    async with program(*command, log=log) as process:
        yield Child(process, await _read(process, _PATIENCE_S))


async def _read(process: Process, patience_s: float) -> Any:
    assert process.stdout is not None
    async with asyncio.timeout(patience_s):
        line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"a child process has ended, exit code {await process.wait()}")
    return orjson.loads(line)


def _environment() -> dict[str, str]:
    """Ours, without what would change the settings of the daemon."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("OCPPD_")}


# The other end, in the child


async def obey(actions: Mapping[str, Callable[..., Awaitable[Any]]], **hello: Any) -> None:
    """Say hello, then answer what the parent asks, one by one; end the process when it goes."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(hello)
    async for line in reader:
        asked = orjson.loads(line)
        _say(await actions[asked.pop("do")](**asked))
    raise SystemExit


def _say(content: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(content) + b"\n")
    sys.stdout.buffer.flush()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a child's main on the loop that ocppd has as well."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)
