"""Files by SFTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncssh

from ocppd.edge.transfer.places import CHUNK, CONNECT_S, TransferError, UnreachableError

if TYPE_CHECKING:
    from ocppd.edge.transfer.places import Address, Sink, Way


async def upload(way: Way, name: str, content: bytes) -> None:
    """Write the content under its name, in the folder that the path is. Raises TransferError."""
    async with _session(way) as sftp, sftp.open(_path([*way.location.folders, name]), "wb") as file:
        await file.write(content)


async def download(way: Way, sink: Sink) -> None:
    """Read the file. Raises TransferError."""
    async with _session(way) as sftp, sftp.open(_path(way.location.folders), "rb") as file:
        sink.expect((await file.stat()).size)
        while chunk := await file.read(CHUNK):
            sink.write(chunk if isinstance(chunk, bytes) else chunk.encode())


def _path(parts: list[str]) -> str:
    """From the root, or with `~` as the first part from the user's own folder."""
    return "/".join(parts[1:] if parts[:1] == ["~"] else ["", *parts])


@asynccontextmanager
async def _session(way: Way) -> AsyncIterator[asyncssh.SFTPClient]:
    sock = await _connect(way.address)
    try:
        async with await _log_in(way, sock) as connection, connection.start_sftp_client() as sftp:
            yield sftp
    except (asyncssh.PermissionDenied, asyncssh.SFTPPermissionDenied):
        raise TransferError("the server denies it", "PermissionDenied") from None
    except asyncssh.HostKeyNotVerifiable:
        raise TransferError("the key of the server is not trusted") from None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        raise TransferError("there is no such file or folder on the server") from None
    except asyncssh.SFTPOpUnsupported:
        raise TransferError("the server does not support it", "NotSupportedOperation") from None
    except (asyncssh.SFTPBadMessage, asyncssh.ProtocolError):
        raise TransferError("the server does not speak SFTP as it should", "BadMessage") from None
    except (asyncssh.Error, OSError, ValueError) as error:
        raise TransferError(f"the transfer broke off: {type(error).__name__}") from None
    finally:
        sock.close()


async def _connect(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except OSError:
        sock.close()
        raise UnreachableError("there is no connection to the server") from None
    except BaseException:
        sock.close()
        raise
    return sock


async def _log_in(way: Way, sock: socket.socket) -> asyncssh.SSHClientConnection:
    """Nothing of whoever runs the daemon is used: no keys, no agent, no configuration."""
    location, known_hosts = way.location, way.rules.known_hosts
    return await asyncssh.connect(
        location.host,
        location.port,
        sock=sock,
        username=location.user or "anonymous",
        password=location.password,
        known_hosts=None if known_hosts is None else str(known_hosts),
        config=None,
        client_keys=None,
        agent_path=None,
        public_key_auth=False,
        host_based_auth=False,
        gss_auth=False,
        login_timeout=CONNECT_S,
    )
