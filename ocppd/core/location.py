"""Where a file is to go, or comes from: the URLs that a CSMS names (L01, N01)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

# FileTransferProtocols in lower case, with their ports.
PORTS = {"ftp": 21, "ftps": 21, "http": 80, "https": 443, "sftp": 22}
_MAX_PORT = 65_535
# Where the CSMS says nothing of it; and the bounds of what it may say.
_RETRIES, _INTERVAL = 3, 60
_MOST_RETRIES, _LONGEST_INTERVAL = 100, 86_400
_LONGEST_HOST = 253


class LocationError(ValueError):
    """Why no file can go there, in words that do not repeat the URL: there may be a password in it."""


@dataclass(frozen=True, slots=True)
class Location:
    """`path` begins with a slash; it and `query` are still percent-encoded, `user` and `password` are not."""

    scheme: str
    host: str
    port: int
    path: str = "/"
    query: str = ""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def folders(self) -> list[str]:
        """The parts of the path, in the clear, for protocols that know folders."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def authority(self) -> str:
        """`host:port`, without the port where that is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def retries_of(request: Mapping[str, Any]) -> tuple[int, int]:
    """How often to try again what has failed, and after how many seconds, within bounds."""
    retries, interval = request.get("retries", _RETRIES), request.get("retryInterval", _INTERVAL)
    return min(max(retries, 0), _MOST_RETRIES), min(max(interval, 1), _LONGEST_INTERVAL)


def read_location(url: str) -> Location:
    """The parts of a URL `scheme://[user[:password]@]host[:port][/path][?query]`.

    Raises LocationError for anything else, for other schemes than FileTransferProtocols has, and for
    characters that no protocol should get to see.
    """
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise LocationError("a URL has no blanks, and only ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise LocationError("it is no URL") from None
    if parts.scheme not in PORTS:
        raise LocationError(f"the scheme is none of {', '.join(PORTS)}")
    host = (parts.hostname or "").rstrip(".")
    if not 0 < len(host) <= _LONGEST_HOST or "%" in host or "\\" in url:
        raise LocationError("there is no host in it")
    if port is None:
        port = PORTS[parts.scheme]
    if not 0 < port <= _MAX_PORT:
        raise LocationError("there is no such port")
    user, password = (None if it is None else _plain(it) for it in (parts.username, parts.password))
    if {".", ".."} & set(_plain(parts.path).split("/")):
        raise LocationError("there is a . or .. in its path")
    return Location(parts.scheme, host, port, parts.path or "/", parts.query, user, password)


def _plain(text: str) -> str:
    """The text without its percent-encoding; a line break in it would be a command of FTP."""
    found = unquote(text)
    if not found.isprintable():
        raise LocationError("there is a control character in it")
    return found
