"""`ocppd shell` without a terminal: lines from standard input, and one answer a line, as JSON."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import typer

from ocppd.client import Access
from ocppd.edge.mqtt.topics import Scope
from ocppd.shell.session import Session
from ocppd.telling import json_line


async def run(access: Access, daemon: str, timeout_s: float, target: Scope | None) -> bool:
    """Do what the lines say, one after the other; whether all of it was ok.

    Raises:
        NoBrokerError: there is no connection to the broker, or it was lost.
        NobodyError: no daemon is there, or none has answered.
    """
    session = Session(access.base, daemon, timeout_s)
    session.target, session.shows = target, []
    is_ok = True
    async with access.open(session.heard) as client, session.at(client):
        with suppress(EOFError):
            async for line in _lines():
                answer = await session.do(line)
                if answer is not None:
                    typer.echo(json_line(answer))
                    is_ok = is_ok and answer.get("ok") is True
    return is_ok


async def _lines() -> AsyncIterator[str]:
    """Those of standard input, be it a pipe, a file or anything else.

    They are read by a thread that may wait for ever: it holds nothing that the interpreter needs at its end.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        chunk = b"first"
        while chunk:
            chunk = os.read(0, 2**16)
            with suppress(RuntimeError):  # the loop has ended, and so does the program
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    threading.Thread(target=read, name="shell-input", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
