"""A small file server: firmware that stations publish for others (L03)."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import structlog

from ocppd.edge.transfer import TransferError, download

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from ocppd.edge.transfer import Rules
    from ocppd.edge.workshop import Report

log = structlog.get_logger()

_NAME = re.compile(r"[0-9a-f]{32}")
_CHUNK = 1 << 16
_PATIENCE_S = 60.0  # without a byte from or to a client
_MOST_CLIENTS = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens, and the `url` under which others reach that."""

    host: str
    port: int
    url: str


class Publisher:
    """Serves the files in `folder`, each named by its MD5, that the running jobs of its trade are for.

    Its trade, "publish", takes one of two orders. `url` and `checksum`: fetch the file, unless it is there,
    and serve it until the job is ended; reports a `status` (PublishFirmwareStatusEnumType), with Published
    the `locations`, and how many `downloads` there are whenever that changes. `remove`: delete that file.
    """

    def __init__(self, place: Place, folder: Path, rules: Rules) -> None:
        self._place = place
        self._folder = folder
        self._rules = rules
        self._served: dict[str, list[Report]] = {}
        self._downloads: Counter[str] = Counter()
        self._clients = 0

    async def open(self) -> asyncio.Server:
        """Begin to serve; closing what this returns ends it. Raises OSError where it cannot listen there."""
        return await asyncio.start_server(self._client, self._place.host, self._place.port)

    async def trade(self, station: str, data: Mapping[str, Any], report: Report) -> None:
        """Do one job; see the class."""
        if "remove" in data:
            if data["remove"] not in self._served:  # another station may publish the same file
                with suppress(OSError):
                    (self._folder / data["remove"]).unlink(missing_ok=True)
            return
        checksum = data["checksum"]
        try:
            ready = await self._fetch(data["url"], checksum, data["roots"], report)
        except TransferError as error:
            log.warning("publish.failed", station=station, reason=str(error))
            report({"status": "DownloadFailed", "reason": str(error)})
            return
        except OSError as error:
            log.warning("publish.failed", station=station, reason=error.strerror)
            report({"status": "PublishFailed", "reason": "the file cannot be kept"})
            return
        if ready:
            await self._serve(checksum, report)

    async def _fetch(self, url: str, checksum: str, roots: str, report: Report) -> bool:
        """Have the file; whether it is the right one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / checksum
        if path.exists() and await asyncio.to_thread(_md5, path) == checksum:
            return True
        # Its own, as two stations may fetch the same file at once.
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part") as part:
            await download(url, part, self._rules, roots)
            part.flush()
            report({"status": "Downloaded"})
            if not await asyncio.to_thread(_keep, Path(part.name), path):
                report({"status": "InvalidChecksum"})
                return False
        report({"status": "ChecksumVerified"})
        return True

    async def _serve(self, checksum: str, report: Report) -> None:
        self._served.setdefault(checksum, []).append(report)
        report({"status": "Published", "locations": (f"{self._place.url}/{checksum}",)})
        try:
            await asyncio.Event().wait()
        finally:
            self._served[checksum].remove(report)
            if not self._served[checksum]:
                del self._served[checksum]

    # Clients

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of one client."""
        self._clients += 1
        try:
            if self._clients <= _MOST_CLIENTS:
                await self._answer(reader, writer)
        except (OSError, TimeoutError, h11.ProtocolError, asyncio.IncompleteReadError):
            pass  # a client that misbehaves or has gone
        finally:
            self._clients -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=8192)
        request = await _request(connection, reader)
        name = request.target.decode("ascii", "replace").lstrip("/") if request else ""
        path = self._folder / name
        if request is None or name not in self._served or not _NAME.fullmatch(name) or not path.exists():
            await _send(connection, writer, h11.Response(status_code=404, headers=[("Content-Length", "0")]))
            return
        if request.method not in (b"GET", b"HEAD"):
            await _send(connection, writer, h11.Response(status_code=405, headers=[("Content-Length", "0")]))
            return
        headers = [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(path.stat().st_size)),
            ("Connection", "close"),
        ]
        await _send(connection, writer, h11.Response(status_code=200, headers=headers))
        if request.method == b"GET":
            async with self._download(name):
                await _send_file(connection, writer, path)

    @asynccontextmanager
    async def _download(self, name: str) -> AsyncIterator[None]:
        """Tell those who publish the file that it is being fetched (L04.FR.04)."""
        self._count(name, 1)
        try:
            yield
        finally:
            self._count(name, -1)

    def _count(self, name: str, change: int) -> None:
        self._downloads[name] += change
        for report in self._served.get(name, ()):
            report({"downloads": self._downloads[name]})


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        async with asyncio.timeout(_PATIENCE_S):
            connection.receive_data(await reader.read(_CHUNK))


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, event: h11.Event) -> None:
    data = connection.send(event)
    if data:
        writer.write(data)
        async with asyncio.timeout(_PATIENCE_S):
            await writer.drain()


async def _send_file(connection: h11.Connection, writer: asyncio.StreamWriter, path: Path) -> None:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            await _send(connection, writer, h11.Data(data=chunk))


def _keep(part: Path, path: Path) -> bool:
    """Put the file in its place, whose name is the MD5 that it must have; whether it has."""
    if _md5(part) != path.name:
        return False
    path.unlink(missing_ok=True)  # what was there is spoilt
    with suppress(FileExistsError):  # another station has just put it there
        path.hardlink_to(part)
    return True


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
