"""Files by FTP and, with AUTH TLS, FTPS; always passive. ftplib blocks, and runs in threads of its own."""

from __future__ import annotations

import asyncio
import ftplib
import io
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from ocppd.edge.transfer.places import CHUNK, CONNECT_S, TransferError, UnreachableError

if TYPE_CHECKING:
    from ocppd.edge.transfer.places import Address, Sink, Way

_MOST_AT_ONCE = 16
_MOST_REPLIES = 100_000  # characters of all replies
_STATUSES = {
    "500": "NotSupportedOperation",
    "501": "BadMessage",
    "502": "NotSupportedOperation",
    "503": "BadMessage",
    "504": "NotSupportedOperation",
    "530": "PermissionDenied",
    "532": "PermissionDenied",
    "550": "PermissionDenied",
    "553": "PermissionDenied",
}


async def upload(way: Way, name: str, content: bytes) -> None:
    """Store the content under its name, in the folder that the path is from the login on.

    Raises TransferError.
    """

    def store(client: _Ftp) -> None:
        _enter(client, way.location.folders)
        client.storbinary(f"STOR {name}", io.BytesIO(content), CHUNK)

    await _in_a_thread(way, store)


async def download(way: Way, sink: Sink) -> None:
    """Retrieve the file. Raises TransferError."""
    *folders, name = way.location.folders or [""]
    if not name:
        raise TransferError("the URL names no file")

    def retrieve(client: _Ftp) -> None:
        _enter(client, folders)
        client.retrbinary(f"RETR {name}", sink.write, CHUNK)

    await _in_a_thread(way, retrieve)


async def _in_a_thread(way: Way, work: Callable[[_Ftp], None]) -> None:
    client: _Ftp = _Ftps(way) if way.location.scheme == "ftps" else _Ftp(way)
    try:
        await asyncio.get_running_loop().run_in_executor(_threads(), _do, client, way, work)
    finally:
        client.hang_up()  # or the thread would wait as long as the server wants


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_AT_ONCE, "ftp")


class _Ftp(ftplib.FTP):
    """One that connects to an address that was checked, and can be hung up from another thread."""

    def __init__(self, way: Way) -> None:
        super().__init__(timeout=CONNECT_S)
        self.host = way.location.host
        self._sockets: list[socket.socket] = []
        self._gone = False
        self._read = 0

    def call(self, address: Address) -> None:
        """Connect, and hear the welcome."""
        self.sock = socket.socket(address.family, socket.SOCK_STREAM)
        self._follow(self.sock)
        self.sock.settimeout(CONNECT_S)
        self.sock.connect(address.sockaddr)
        self.af = address.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def enter(self, user: str, password: str) -> None:
        """Log in."""
        self.login(user, password)

    def hang_up(self) -> None:
        """End whatever a thread waits for here."""
        self._gone = True
        for sock in self._sockets:
            _shut(sock)

    def release(self) -> None:
        """Close all that is open, in the thread that has used it."""
        self.close()
        for sock in self._sockets:
            sock.close()

    def getline(self) -> str:
        """The next line of a reply; there is an end to what a server may say."""
        line = super().getline()
        self._read += len(line)
        if self._read > _MOST_REPLIES:
            raise ftplib.error_proto("too much")
        return line

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """The connection for the data."""
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        self._follow(conn)
        return conn, size

    def _follow(self, sock: socket.socket) -> None:
        """Have it end when this is hung up."""
        self._sockets.append(sock)
        if self._gone:
            _shut(sock)


class _Ftps(_Ftp, ftplib.FTP_TLS):
    def __init__(self, way: Way) -> None:
        super().__init__(way)
        self.context = way.tls

    def auth(self) -> str:
        """Encrypt what is said from now on."""
        response = self.voidcmd("AUTH TLS")
        if self.sock is None:  # hung up
            raise EOFError
        self.sock = self._encrypted(self.sock)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        return response

    def enter(self, user: str, password: str) -> None:
        """Log in when everything is encrypted."""
        self.login(user, password)
        self.prot_p()

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        """The connection for the data, with the TLS session of the other, as many servers want it."""
        conn, size = super().ntransfercmd(cmd, rest)
        session = self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None
        return self._encrypted(conn, session), size

    def _encrypted(self, sock: socket.socket, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """TLS has a socket of its own: that is followed, before the server may take its time for it."""
        wrapped = self.context.wrap_socket(
            sock, server_hostname=self.host, session=session, do_handshake_on_connect=False
        )
        self._follow(wrapped)
        wrapped.do_handshake()
        return wrapped


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        # Not SSLSocket.shutdown: after that the other thread would go on without encryption.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _do(client: _Ftp, way: Way, work: Callable[[_Ftp], None]) -> None:
    """Connect, log in, and do the work. Raises TransferError."""
    try:
        _connect(client, way.address)
        client.enter(way.location.user or "anonymous", way.location.password or "")
        work(client)
        with suppress(OSError):
            client.putcmd("QUIT")  # the answer does not matter any more
    except ssl.SSLCertVerificationError as error:  # a ValueError, too
        text = f"the certificate of the server is not trusted: {error.verify_message}"
        raise TransferError(text) from None
    except ftplib.error_perm as error:
        code = str(error)[:3]
        raise TransferError(f"the server answers {code}", _STATUSES.get(code, "UploadFailure")) from None
    except ftplib.error_temp as error:
        raise TransferError(f"the server answers {str(error)[:3]}") from None
    except (ftplib.Error, UnicodeError, ValueError):
        raise TransferError("the server does not speak FTP as it should", "BadMessage") from None
    except (OSError, EOFError) as error:
        raise TransferError(f"the transfer broke off: {type(error).__name__}") from None
    finally:
        client.release()


def _connect(client: _Ftp, address: Address) -> None:
    try:
        client.call(address)
    except OSError:
        raise UnreachableError("there is no connection to the server") from None


def _enter(client: _Ftp, folders: list[str]) -> None:
    """Go there. Raises TransferError."""
    for folder in folders:
        try:
            client.cwd(folder)
        except ftplib.error_perm as error:
            if str(error).startswith("550"):
                raise TransferError("there is no such folder on the server") from None
            raise
