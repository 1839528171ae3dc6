"""Servers for files, one for each scheme: they know one user, and have one folder with `logs` in it."""

from __future__ import annotations

import asyncio
import http.server
import ssl
import threading
import warnings
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncssh
import trustme

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it still is made of asyncore
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import FTPServer

SCHEMES = ("http", "https", "ftp", "ftps", "sftp")
USER, PASSWORD = "station", "s3cret-of-the-url"


@dataclass
class Server:
    """`urls` begin with the scheme and the credentials. HTTP notes its `requests`: method, path, headers."""

    scheme: str
    port: int
    folder: Path
    roots: str = ""
    requests: list[tuple[str, str, Message]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def url(self, path: str, *, host: str = "127.0.0.1", user: str = USER, password: str = PASSWORD) -> str:
        login = f"{user}:{password}@" if user else ""
        return f"{self.scheme}://{login}{host}:{self.port}{path}"


@asynccontextmanager
async def serving(
    scheme: str, folder: Path, *names: str, ca: trustme.CA | None = None
) -> AsyncIterator[Server]:
    """A server whose certificate is for `names`, by default for the address that it is at."""
    files = folder / f"files-{scheme}"
    (files / "logs").mkdir(parents=True)
    ca = ca or trustme.CA()
    roots = ca.cert_pem.bytes().decode()
    leaf = ca.issue_cert(*(names or ("127.0.0.1",)))
    if scheme == "sftp":
        async with _sftp(files) as port:
            yield Server(scheme, port, files)
        return
    with (_http if scheme.startswith("http") else _ftp)(scheme, files, leaf) as server:
        server.roots = roots
        yield server


# HTTP


class _Handler(http.server.BaseHTTPRequestHandler):
    """GET, and PUT but in /form/, where only POST will do; /moved is elsewhere."""

    server: Any
    body: bytes

    def _is_welcome(self) -> bool:
        note: Server = self.server.note
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        note.requests.append((self.command, self.path, self.headers))
        note.bodies.append(self.body)
        if self.path.startswith("/moved"):
            self._answer(302, {"Location": f"{note.scheme}://127.0.0.1:{note.port}/logs/secret"})
        elif (
            self.headers.get("Authorization") != f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
        ):
            self._answer(401)
        else:
            return True
        return False

    def do_GET(self) -> None:
        file = self.server.note.folder / unquote(self.path).removeprefix("/")
        if self._is_welcome():
            if file.is_file():
                self._answer(200, content=file.read_bytes())
            else:
                self._answer(404)

    def do_PUT(self) -> None:
        file = self.server.note.folder / unquote(self.path).removeprefix("/")
        if self._is_welcome():
            if self.path.startswith("/form"):
                self._answer(405)
            elif file.parent.is_dir():
                file.write_bytes(self.body)
                self._answer(201)
            else:
                self._answer(404)

    def do_POST(self) -> None:
        if self._is_welcome():
            self._answer(200)

    def _answer(self, status: int, headers: dict[str, str] | None = None, content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        pass


class _Web(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100
    note: Server

    def handle_error(self, *_arguments: Any) -> None:
        """A client that hangs up is what many tests are about."""


@contextmanager
def _http(scheme: str, files: Path, leaf: trustme.LeafCert) -> Iterator[Server]:
    server = _Web(("127.0.0.1", 0), _Handler)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.note = Server(scheme, server.server_address[1], files)
    thread = threading.Thread(target=partial(server.serve_forever, 0.02))
    thread.start()
    try:
        yield server.note
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# FTP


@contextmanager
def _ftp(scheme: str, files: Path, leaf: trustme.LeafCert) -> Iterator[Server]:
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(files), perm="elradfmwMT")
    own: dict[str, Any] = {"authorizer": authorizer, "auth_failed_timeout": 0}
    if scheme == "ftps":
        pem = files.parent / "ftps.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(str(pem))
        own |= {"certfile": str(pem), "ssl_context": None, "tls_control_required": True}
        own |= {"tls_data_required": True}
    handler = type("Handler", (TLS_FTPHandler if scheme == "ftps" else FTPHandler,), own)
    server = FTPServer(("127.0.0.1", 0), handler)
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            server.serve_forever(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Server(scheme, server.address[1], files)
    finally:
        ended.set()
        thread.join()


# SFTP


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


@asynccontextmanager
async def _sftp(files: Path) -> AsyncIterator[int]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    (files.parent / "host.pub").write_text(key.export_public_key().decode())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Login,
        server_host_keys=[key],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(files).encode()),
    )
    try:
        yield server.get_port()
    finally:
        server.close()
        await server.wait_closed()


# One that does as it likes


@asynccontextmanager
async def talking(*said: bytes, ends: bool = False, for_ever: bytes = b"") -> AsyncIterator[int]:
    """The port of a server that says this to whoever calls, then hangs, `ends`, or goes on `for_ever`."""
    tasks: set[asyncio.Task[Any]] = set()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            for it in said:
                writer.write(it)
            while for_ever:
                writer.write(for_ever)
                await writer.drain()
            if not ends:
                await asyncio.Event().wait()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.sleep(0.02)  # one that has just been accepted begins
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
