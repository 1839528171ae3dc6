"""Where files may go and come from: URLs are a stranger's, and the daemon sits in somebody's network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ocppd import pem

if TYPE_CHECKING:
    from ocppd.core.location import Location

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

CONNECT_S = 10.0  # to reach one address
CHUNK = 65_536
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_MOST_AT_ONCE = 50
_MOST_ADDRESSES = 4
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_CLOUD_METADATA = ipaddress.IPv6Address("fd00:ec2::254")  # the IPv4 one is link-local


class TransferError(Exception):
    """Why a transfer has failed, without anything of the URL; `status` is its UploadLogStatusEnumType."""

    def __init__(self, text: str, status: str = "UploadFailure") -> None:
        super().__init__(text)
        self.status = status


class UnreachableError(TransferError):
    """There is no connection to that address; there may be one to another of the same host."""


def _slots() -> asyncio.Semaphore:
    return asyncio.Semaphore(_MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Rules:
    """What transfers may do.

    Loopback, link-local, multicast, unspecified and reserved addresses are refused, but for those in the
    networks of `allow` and those of the hosts that it names. A transfer takes at most `timeout_s` and
    `max_bytes`. `known_hosts` is the file with the keys of SFTP servers; without it none is verified.
    All transfers with the same rules share `slots`.
    """

    allow_loopback: bool = False
    allow: tuple[str, ...] = ()
    max_bytes: int = 100_000_000
    timeout_s: float = 300.0
    known_hosts: Path | None = None
    slots: asyncio.Semaphore = field(default_factory=_slots, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address of a host: what is connected to, whatever the name means by then."""

    family: socket.AddressFamily
    sockaddr: tuple[Any, ...]  # as the socket module has it

    @property
    def host(self) -> str:
        """The address in numbers."""
        return str(self.sockaddr[0])


@dataclass(frozen=True, slots=True)
class Way:
    """One attempt: which file, at which address, and whom to trust there."""

    location: Location
    address: Address
    rules: Rules
    tls: ssl.SSLContext


class Sink:
    """Where a download goes: into `file`, up to `most` bytes; `size` is what has come.

    `progress` gets that number, always on the loop, and also where `write` is called in another thread.
    """

    def __init__(self, file: IO[bytes], most: int, progress: Callable[[int], None] | None) -> None:
        self.size = 0
        self._file = file
        self._most = most
        self._progress = progress
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def write(self, data: bytes) -> None:
        """Take what has come. Raises TransferError where it is too much, or there is no room for it."""
        self.expect(self.size + len(data))
        if self._closed:
            raise TransferError("nobody waits for it any more")
        try:
            self._file.write(data)
        except (OSError, ValueError):
            raise TransferError("it cannot be written here") from None
        self.size += len(data)
        if self._progress is not None:
            self._loop.call_soon_threadsafe(self._progress, self.size)

    def expect(self, size: int | None) -> None:
        """Raise TransferError at once where the server tells a size that is too much."""
        if size is not None and size > self._most:
            raise TransferError(f"it is longer than {self._most} bytes")

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True


@lru_cache(maxsize=16)
def tls(roots: str, _scheme: str) -> ssl.SSLContext:
    """What verifies servers by `roots`, in PEM, and by the trust store of the system. Raises TransferError.

    Each scheme has its own, as httpcore offers HTTP (ALPN) in the one that it gets.
    """
    try:
        context = ssl.create_default_context()
    except OSError:  # which writes to SSLKEYLOGFILE
        raise TransferError("the file of SSLKEYLOGFILE cannot be written") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # the default of Python 3.13, which many a lab CA fails
    if roots:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is installed is trusted, a sub-CA, too
        try:
            pem.trust(context, roots)
        except pem.PemError as error:
            raise TransferError(f"a root certificate {error}") from None
    return context


async def find(location: Location, rules: Rules) -> list[Address]:
    """The addresses of the host, all of them checked.

    Raises TransferError where it has none, or one that is refused.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(location.host, location.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TransferError("the host is not known") from None
    addresses = [Address(it[0], it[4]) for it in found if it[0] in _FAMILIES]
    if any(not _is_allowed(ipaddress.ip_address(it.host), location.host, rules) for it in addresses):
        raise TransferError("the host is at an address that transfers may not go to")
    return addresses[:_MOST_ADDRESSES]


def _is_allowed(address: IpAddress, host: str, rules: Rules) -> bool:
    inner = _inner(address)
    if host.lower() in {it.lower() for it in rules.allow} or any(inner in it for it in _networks(rules)):
        return True
    if inner.is_loopback:
        return rules.allow_loopback
    return not (
        inner.is_link_local
        or inner.is_multicast
        or inner.is_unspecified
        or inner.is_reserved
        or inner in _THIS_NETWORK
        or inner == _CLOUD_METADATA
    )


def _networks(rules: Rules) -> list[IpNetwork]:
    found = []
    for text in rules.allow:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue  # it is the name of a host
    return found


def _inner(address: IpAddress) -> IpAddress:
    """The IPv4 address in an IPv6 address that only leads there."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
