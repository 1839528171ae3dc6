"""A WebSocket as a station has it, over websockets' Sans-I/O layer: strict, and able to fall silent.

Messages come out of the transport itself. A task for each connection that waits for them, as the library's
own connection wants one, costs a quarter of a bare round trip and 8 KiB.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

import websockets.exceptions as ws_errors
from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from ocppd.edge.reasons import MAX_SIZE, LinkError, kind_of, reason_of
from ocppd.edge.tls import wildcard_in

if TYPE_CHECKING:
    import logging
    import ssl
    from collections.abc import Mapping, Sequence

    from websockets.protocol import Event
    from websockets.typing import Subprotocol
    from websockets.uri import WebSocketURI

CLOSE_TIMEOUT = 2.0  # seconds of real time that the CSMS has to end the connection once a close frame is sent


class Hear(Protocol):
    """Takes one text message."""

    def __call__(self, text: str, /) -> None:
        """What it raises ends the connection, and comes out of `WebSocket.end`."""


async def open_websocket(
    url: str,
    *,
    headers: Mapping[str, str],
    subprotocols: Sequence[Subprotocol],
    tls: ssl.SSLContext | None,
    wildcards: bool,
    logger: logging.Logger,
) -> WebSocket:
    """A WebSocket whose handshake has succeeded.

    `wildcards` tells whether a certificate of the CSMS may have some. Raises LinkError for such a certificate
    and for an answer other than 101, as no redirect is followed; else OSError or WebSocketException.
    """
    uri = parse_uri(url)
    _, ws = await asyncio.get_running_loop().create_connection(
        lambda: WebSocket(uri, subprotocols, logger),
        uri.host,
        uri.port,
        ssl=tls,
        server_hostname=None if tls is None else uri.host,
    )
    try:
        await ws.handshake(headers, wildcards=wildcards)
    except BaseException:
        ws.transport.abort()
        raise
    return ws


class WebSocket(asyncio.Protocol):
    """One connection. All methods but `handshake`, `close` and `end` are plain calls that never wait.

    It insists on a subprotocol, takes text alone, and is closed within a bounded time.
    """

    __slots__ = (
        "_begun",
        "_bounded",
        "_early",
        "_failure",
        "_hear",
        "_loop",
        "_pings",
        "_protocol",
        "_silent",
        "_waiter",
        "awaits_pong",
        "broken",
        "dropped",
        "lost",
        "transport",
    )

    def __init__(
        self, uri: WebSocketURI, subprotocols: Sequence[Subprotocol], logger: logging.Logger
    ) -> None:
        self.transport: asyncio.Transport
        self.lost = False  # nothing comes or goes any more
        self.dropped: str | None = None  # why this side ended it
        self.broken: Exception | None = None  # what the transport died of
        self.awaits_pong = False
        self._silent = False  # half open: nothing is read and nothing written any more
        self._protocol = ClientProtocol(uri, subprotocols=subprotocols, max_size=MAX_SIZE, logger=logger)
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None  # of the one task that waits for a change
        self._hear: Hear | None = None
        self._early: list[str] = []  # what came before there was one
        self._begun = bytearray()  # of a message in fragments; of empty ones nothing is kept
        self._pings = 0
        self._bounded = False
        self._failure: Exception | None = None  # what `_hear` raised

    @property
    def subprotocol(self) -> str:
        """The one that the CSMS chose."""
        return str(self._protocol.subprotocol)

    # Its life

    async def handshake(self, headers: Mapping[str, str], *, wildcards: bool) -> None:
        """Ask for a WebSocket, and wait for the answer; raises as `open_websocket`."""
        name = wildcard_in(self.transport.get_extra_info("peercert") or {})
        if name is not None and not wildcards:  # before any password is sent
            raise LinkError(f"certificate of the CSMS refused: wildcard {name}", "InvalidCsmsCertificate")
        request = self._protocol.connect()
        request.headers.update(headers)
        self._protocol.send_request(request)
        self._flush()
        while self._protocol.state is State.CONNECTING and not self._refusal:
            await self._change()
        if (refusal := self._refusal) is not None:
            raise refusal
        if self._protocol.subprotocol is None:
            raise ws_errors.NegotiationError("no subprotocol chosen")

    @property
    def _refusal(self) -> Exception | None:
        """Why the handshake failed, if it did."""
        exc = self._protocol.handshake_exc
        if isinstance(exc, ws_errors.InvalidStatus):
            refused = LinkError(reason_of(exc), kind_of(exc))
            refused.__cause__ = exc
            return refused
        # With TLS 1.3 the CSMS refuses a client certificate only when TLS is up.
        if isinstance(exc, ws_errors.InvalidMessage) and isinstance(self.broken, OSError):
            return self.broken
        return exc

    def listen(self, hear: Hear) -> None:
        """Give `hear` every message from now on, and those that came already."""
        self._hear = hear
        early, self._early = self._early, []
        for text in early:
            self._tell(text)

    async def end(self) -> NoReturn:
        """Wait for the end of the connection; raises ConnectionClosed, or what `listen`'s `hear` did."""
        while not self.lost:
            await self._change()
        if self._failure is not None:
            raise self._failure
        raise self._protocol.close_exc from self.broken

    async def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and wait for the end, at most CLOSE_TIMEOUT."""
        self._say_close(code, reason)
        while not self.lost:
            await self._change()

    # What leaves

    def send(self, text: str) -> None:
        """Send a message; drop it where nothing can leave any more."""
        if self._protocol.state is State.OPEN and not self._silent:
            self._protocol.send_text(text.encode())
            self._flush()

    def ping(self) -> None:
        """Send a ping; `awaits_pong` until it is answered."""
        self.awaits_pong = True
        if self._protocol.state is State.OPEN and not self._silent:
            self._pings += 1
            self._protocol.send_ping(b"%d" % self._pings)
            self._flush()

    def silence(self, on: bool) -> None:
        """Read and write nothing any more, or again."""
        if on != self._silent and not self.transport.is_closing():
            self._silent = on
            (self.transport.pause_reading if on else self.transport.resume_reading)()

    def drop(self, reason: str) -> None:
        """End it without a word."""
        self.dropped = reason
        self.transport.abort()

    def _say_close(self, code: int, reason: str) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        self._bound()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                with suppress(OSError, RuntimeError):  # it may be lost already; uvloop says so in its own way
                    self.transport.write_eof()
            else:
                self.transport.close()

    def _bound(self) -> None:
        """From now on there is but CLOSE_TIMEOUT left, whether or not the CSMS ends TCP."""
        if not self._bounded:
            self._bounded = True
            self._loop.call_later(CLOSE_TIMEOUT, self.transport.abort)

    # What comes: the transport's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Handle every frame that is whole."""
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        for event in protocol.events_received():
            self._handle(event)
        if protocol.state is not State.OPEN:
            self._wake()
            if protocol.close_expected():
                self._bound()

    def eof_received(self) -> None:
        """The CSMS ends the connection; so does the transport, as this returns None."""
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more; `exc` is what the transport died of, of which no close frame tells."""
        self._protocol.receive_eof()
        self.broken = exc
        self.lost = True
        self._wake()

    def _handle(self, event: Event) -> None:
        if not isinstance(event, Frame):
            self._wake()  # the answer to the handshake
        elif event.opcode is Opcode.TEXT or event.opcode is Opcode.CONT:
            self._hold(event)
        elif event.opcode is Opcode.PONG:
            self.awaits_pong = self.awaits_pong and event.data != b"%d" % self._pings
        elif event.opcode is Opcode.BINARY and self.dropped is None:
            self.dropped = "the CSMS sent a binary frame"
            self._say_close(CloseCode.UNSUPPORTED_DATA, "text frames only")

    def _hold(self, frame: Frame) -> None:
        """One message, or a part of one."""
        self._begun += frame.data
        if not frame.fin:
            return
        whole, self._begun = self._begun, bytearray()
        try:
            text = whole.decode()
        except UnicodeDecodeError as exc:
            self._protocol.fail(CloseCode.INVALID_DATA, f"{exc.reason} at position {exc.start}")
            self._flush()
            self._bound()
        else:
            self._tell(text)

    def _tell(self, text: str) -> None:
        if self._hear is None:
            self._early.append(text)
        elif self._failure is None and self.dropped is None:
            try:
                self._hear(text)
            except Exception as exc:  # noqa: BLE001 - it is told to whoever waits for the end
                self._failure = exc
                self.transport.abort()

    # The one task that waits

    async def _change(self) -> None:
        self._waiter = self._loop.create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
