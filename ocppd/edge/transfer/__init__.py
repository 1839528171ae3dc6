"""Files to and from servers that a CSMS names: HTTP, HTTPS, FTP, FTPS and SFTP.

`upload` and `download` are for whoever has or wants a file, `Uploads` does the jobs "upload" of the stations.
What a protocol needs is imported when it is first used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

import structlog

from ocppd.core.location import Location, LocationError, read_location
from ocppd.edge.transfer.places import Rules, Sink, TransferError, UnreachableError, Way, find, tls

if TYPE_CHECKING:
    from ocppd.edge.workshop import Report

__all__ = ["Rules", "TransferError", "Uploads", "download", "upload"]

log = structlog.get_logger()

_MODULES = {"http": "http", "https": "http", "ftp": "ftp", "ftps": "ftp", "sftp": "sftp"}


async def upload(url: str, name: str, content: bytes, rules: Rules, roots: str = "") -> None:
    """Send `content` to `url`, under `name` where that is a folder: a path of FTP and SFTP always is one.

    Servers are verified by `roots`, in PEM, and by the trust store of the system (N01.FR.15, N01.FR.16).
    Raises TransferError, which has nothing of the URL.
    """
    location = _read(url)
    if len(content) > rules.max_bytes:
        raise TransferError(f"it has {len(content)} bytes, and {rules.max_bytes} at most may be sent")
    send = _protocol(location).upload
    await _go(location, rules, roots, lambda way: send(way, name, content))


async def download(
    url: str,
    file: IO[bytes],
    rules: Rules,
    roots: str = "",
    progress: Callable[[int], None] | None = None,
) -> int:
    """Fetch what is at `url` into `file`, open for writing in binary, and return its number of bytes.

    `file` is written from where it stands, in pieces of 64 KiB and, with FTP, in another thread, but never
    after this has returned or raised; it is neither rewound, flushed nor closed. After a failure, also of
    `rules.max_bytes` or `rules.timeout_s`, a part may have been written. `progress` is called on the loop
    with the bytes so far. Redirects are not followed, and content is not decompressed. Servers are
    verified as in `upload`. It may be cancelled at any time.

    Raises TransferError, in words for people which have nothing of the URL; no OSError.
    """
    location = _read(url)
    fetch = _protocol(location).download
    sink = Sink(file, rules.max_bytes, progress)
    try:
        await _go(location, rules, roots, lambda way: fetch(way, sink))
    finally:
        sink.close()
    return sink.size


def _read(url: str) -> Location:
    try:
        return read_location(url)
    except LocationError as error:
        raise TransferError(str(error)) from None


def _protocol(location: Location) -> Any:
    """The module with `upload` and `download` for that scheme."""
    return import_module(f"{__name__}.{_MODULES[location.scheme]}")


async def _go(
    location: Location, rules: Rules, roots: str, attempt: Callable[[Way], Coroutine[Any, Any, None]]
) -> None:
    """Try the addresses of the host one after the other, until one can be reached."""
    async with rules.slots:
        try:
            async with asyncio.timeout(rules.timeout_s):
                addresses = await find(location, rules)
                for address in addresses:
                    try:
                        return await attempt(Way(location, address, rules, tls(roots, location.scheme)))
                    except UnreachableError:
                        if address is addresses[-1]:
                            raise
        except TimeoutError:
            raise TransferError(f"it was not done in {rules.timeout_s:g} s") from None


class Uploads:
    """The trade "upload"."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    async def trade(self, station: str, data: Mapping[str, Any], report: Report) -> None:
        """Upload `content` to `url` under `name`, trusting `roots`.

        Reports a `status`, an UploadLogStatusEnumType, and of a failure its `reason`.
        """
        try:
            await upload(data["url"], data["name"], data["content"], self._rules, data["roots"])
        except TransferError as error:
            log.warning("upload.failed", station=station, reason=str(error))
            report({"status": error.status, "reason": str(error)})
        else:
            report({"status": "Uploaded"})
