"""One WebSocket to the CSMS for each station: it connects, reads, writes, and connects again for ever."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import socket
import struct
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeVar, cast

import websockets.exceptions as ws_errors
from tenacity import AsyncRetrying, Future, RetryCallState, retry_if_exception_type
from websockets.frames import Close, CloseCode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ocppd import __version__
from ocppd.edge.chaos import Turbulence
from ocppd.edge.reasons import LinkError, kind_of, reason_of
from ocppd.edge.tls import tls_context
from ocppd.edge.websocket import WebSocket, open_websocket
from ocppd.log import lines

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine

    from ocppd.clock import Clock
    from ocppd.core.chaos import Chaos
    from ocppd.core.endpoint import Endpoint
    from ocppd.edge.tls import FileOf

T = TypeVar("T")

MAX_BACKLOG = 2**22  # bytes that may wait for a CSMS that does not read

_FAILURES = (OSError, ws_errors.WebSocketException)  # of network, TLS and protocol: worth a retry

_wire = logging.getLogger("ocppd.websockets")
_wire.setLevel(logging.INFO)  # at DEBUG the library would log the Authorization header


class Listener(Protocol):
    """What a link tells, and asks, for the fleet. It does so out of `run`, never within another call.

    Messages come out of the transport, those that chaos has made late out of a timer.

    Each `connected` is followed by one `disconnected`. What these methods raise ends `run`.
    """

    def endpoint(self, station: str) -> Endpoint:
        """Where and how to connect `station`; asked anew before each attempt."""

    def connected(self, station: str, protocol: str) -> None:
        """The handshake succeeded; `protocol` is the subprotocol that the CSMS chose."""

    def received(self, station: str, text: str) -> None:
        """One text message, in the order of arrival."""

    def disconnected(
        self, station: str, reason: str, failures: int, retry_in: float | None, kind: str
    ) -> None:
        """An established connection went (`failures` is 0), or so many attempts in a row failed.

        `reason` is for people, `kind` the security event that it is, if it is one. `retry_in` is in seconds
        of the link's clock, 0.0 for at once; None where no attempt follows: the link is not wanted, is
        frozen, or ends.
        """


def _tls_of(endpoint: Endpoint, file_of: FileOf) -> ssl.SSLContext | None:
    base, _, _identity = endpoint.url.rpartition("/")
    return tls_context(endpoint.trust, file_of) if _is_secure(base) else None


@lru_cache(maxsize=64)  # that of a fleet
def _is_secure(url: str) -> bool:
    """Whether it asks for TLS. Raises LinkError for a URL that is not valid."""
    try:
        uri = parse_uri(url)
        uri.host.encode("idna")
    except ValueError as exc:
        raise LinkError("the CSMS URL is not valid: malformed host or port") from exc
    if uri.user_info is not None:  # the library would send a second Authorization header
        raise LinkError("the CSMS URL is not valid: it contains credentials")
    return uri.secure


def _headers_of(endpoint: Endpoint) -> dict[str, str]:
    headers = {"User-Agent": f"ocppd/{__version__}"}
    if endpoint.password is not None:
        credentials = f"{endpoint.identity}:{endpoint.password}".encode()  # A00.FR.203 to .205
        headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
    return headers


class _Bye(NamedTuple):
    """How the station leaves: with a close frame or, where `code` is None, without a word."""

    reason: str
    code: int | None = None
    text: str = ""


class Link:
    """The WebSocket of one station, there as long as the station wants one.

    All methods but `run` are plain calls on the loop's thread; they never wait. `handshakes` bounds how
    many links connect at a time. `random` gives a number in 0..1 for each back-off, which `clock` times;
    the timeouts of the network are in real time. `file_of` tells the path of a key by station and name.
    """

    def __init__(
        self,
        station: str,
        listener: Listener,
        clock: Clock,
        handshakes: asyncio.Semaphore,
        random: Callable[[], float],
        file_of: Callable[[str, str], Path] = lambda _station, key: Path(key),
    ) -> None:
        self._station = station
        self._listener = listener
        self._clock = clock
        self._handshakes = handshakes
        self._random = random
        self._file_of = file_of
        self._endpoint: Endpoint  # of the latest attempt
        self._wanted = False
        self._frozen = False
        self._rough: tuple[Turbulence, Turbulence] | None = None  # outwards, and inwards
        self._awaited: asyncio.Event | None = None  # while it is not ready: that it is again
        self._stopping = False
        self._held: socket.socket | None = None  # what is frozen
        self._ws: WebSocket | None = None  # None as soon as the connection is given up
        self._bye: _Bye | None = None  # the station ended what was under way; until the next attempt
        self._scope: asyncio.Timeout | None = None  # around what can be interrupted
        self._attempt = 0  # in a row; 0 while connected
        self._waits = 0  # in a row; the loss of a connection is worth one, too
        self._lost: Exception | None = None  # why the last connection ended, where it was not the station

    async def run(self) -> None:
        """Keep the link for ever. When cancelled, close with 1001, which takes CLOSE_TIMEOUT at most.

        Failures of network, TLS and protocol are told and retried; any other exception is a bug and
        propagates. The owner names the task `link[STATION]`.
        """
        try:
            while True:
                ws: WebSocket | None = await self._retrying()(self._reach)
                if ws is not None:
                    await self._live(ws)
        finally:
            self._release()

    def _retrying(self) -> AsyncRetrying:
        """Anew for each connection, as it weighs 3 KB that nobody needs while that lives."""
        return AsyncRetrying(
            sleep=self._pause,
            wait=self._wait,
            retry=retry_if_exception_type(_FAILURES),
            before_sleep=self._failed,
        )

    def want(self, up: bool) -> None:
        """Connect at once if `up`, else close with 1000 or stop trying. Repeated, it changes nothing."""
        if up == self._wanted:
            return
        self._wanted = up
        self._settle()
        if not up:
            self._leave(_Bye("closed by the station", CloseCode.NORMAL_CLOSURE))

    def send(self, text: str) -> None:
        """Send a text message after all earlier ones; silently drop it when not connected.

        A CSMS that leaves more than MAX_BACKLOG bytes unread loses the connection.
        """
        if self._rough is None:
            self._write(text)
        else:
            self._rough[0].put(text)

    def _write(self, text: str) -> None:
        if (ws := self._ws) is None:
            return
        ws.send(text)
        if ws.transport.get_write_buffer_size() > MAX_BACKLOG:
            self._drop(ws, "the CSMS does not read")

    def ping(self) -> None:
        """Send a ping; drop the connection instead if the one before has not been answered yet."""
        if (ws := self._ws) is None:
            return
        if ws.awaits_pong:
            self._drop(ws, "no pong")
        else:
            ws.ping()

    def close(self, code: int, reason: str) -> None:
        """Close with `code` and `reason`, cut after 123 bytes, then connect again without back-off if wanted.

        What is not connected just tries again at once. Raises websockets' ProtocolError for a `code`
        that must not be sent.
        """
        Close(code, reason).check()
        text = reason.encode()[:123].decode(errors="ignore")
        self._leave(_Bye(f"closed by the station: {code} {text}".rstrip(), code, text))

    def freeze(self) -> None:
        """Pull the cable: the CSMS sees silence, neither data nor pong nor the end of the connection.

        The listener hears of it at the next turn of the loop. The socket stays open until `thaw` or the
        end of `run`. An attempt under way is abandoned, and no other is made.
        """
        if self._frozen:
            return
        self._frozen = True
        self._settle()
        if (ws := self._ws) is not None and not ws.lost:
            # A second handle: only the last one to be closed makes the kernel send FIN or RST.
            raw = ws.transport.get_extra_info("socket")
            self._held = socket.fromfd(raw.fileno(), raw.family, raw.type)
            ws.transport.abort()
        self._leave(_Bye("the cable is pulled"))

    def thaw(self) -> None:
        """Plug the cable in: reset the frozen connection (RST) and, if wanted, connect at once."""
        self._frozen = False
        self._release()
        self._settle()

    def disturb(self, chaos: Chaos | None) -> None:
        """Spoil the frames of both directions from now on, on later connections too; None ends it.

        `chaos.half_open` silences the connection that is there: it stays open, unread and unwritten.
        """
        if (ws := self._ws) is not None:
            ws.silence(chaos is not None and chaos.half_open)
        if self._rough is None:
            self._rough = Turbulence(self._write), Turbulence(self._hear)
        for way, turbulence in zip(("tx", "rx"), self._rough, strict=True):
            turbulence.become(chaos, way)

    def _heard(self, text: str) -> None:
        if self._rough is None:
            self._hear(text)
        else:
            self._rough[1].put(text)

    def _hear(self, text: str) -> None:
        if self._ws is not None:  # else it was given up while the message waited for its turn
            self._listener.received(self._station, text)

    async def _reach(self) -> WebSocket | None:
        """One attempt; None where the station has ended it. The loss of a connection is a failed one."""
        lost, self._lost = self._lost, None
        if lost is not None:
            raise lost
        while not self._is_ready:
            self._awaited = asyncio.Event()  # weighs too much to be kept by all that are connected
            await self._awaited.wait()
        self._bye = None
        self._attempt += 1
        return await self._interruptible(self._connect())

    async def _live(self, ws: WebSocket) -> None:
        """The life of the connection, until the station ends it or it is lost."""
        try:
            if self._bye is None:  # else it was said in the very turn in which the handshake ended
                await self._serve(ws)
        except _FAILURES as exc:
            self._lost = exc
        finally:
            ws.transport.abort()

    async def _connect(self) -> WebSocket:
        async with self._handshakes:
            endpoint = self._endpoint = self._listener.endpoint(self._station)
            try:
                async with asyncio.timeout(endpoint.timeout):
                    return await open_websocket(
                        endpoint.url,
                        headers=_headers_of(endpoint),
                        subprotocols=[Subprotocol(protocol) for protocol in endpoint.protocols],
                        tls=_tls_of(endpoint, partial(self._file_of, self._station)),
                        wildcards=endpoint.trust.wildcards,
                        logger=_wire,
                    )
            except ws_errors.NegotiationError as exc:
                offered = ", ".join(endpoint.protocols)
                raise LinkError(f"the CSMS accepted none of {offered} ({exc})") from exc

    async def _serve(self, ws: WebSocket) -> None:
        lines().info("csms.connected", station=self._station, url=self._url(), attempt=self._attempt)
        self._ws = ws
        self._attempt = self._waits = 0
        try:
            self._listener.connected(self._station, ws.subprotocol)
            ws.listen(self._heard)
            await self._interruptible(self._end(ws))
        except asyncio.CancelledError:
            self._stopping = True
            self._bye = _Bye("the daemon stops", CloseCode.GOING_AWAY)
            raise
        finally:
            self._ws = None
            for turbulence in self._rough or ():
                turbulence.clear()  # what was on its way is lost with the connection
            if self._bye is not None:
                await self._say(ws, self._bye)

    async def _end(self, ws: WebSocket) -> NoReturn:
        try:
            await ws.end()
        except ws_errors.ConnectionClosed as exc:
            raise LinkError(ws.dropped or reason_of(exc)) from exc

    async def _say(self, ws: WebSocket, bye: _Bye) -> None:
        self._tell(logging.INFO, bye.reason, 0.0 if self._is_ready else None)
        if bye.code is not None:
            await ws.close(bye.code, bye.text)

    def _failed(self, state: RetryCallState) -> None:
        exc = cast("BaseException", cast("Future", state.outcome).exception())
        kind = kind_of(exc) if self._attempt else ""
        self._tell(logging.WARNING, reason_of(exc), state.upcoming_sleep, kind)

    def _tell(self, level: int, reason: str, retry_in: float | None, kind: str = "") -> None:
        event = "csms.connect_failed" if self._attempt else "csms.disconnected"
        fields = {"station": self._station, "url": self._url(), "attempt": self._attempt}
        seconds = None if retry_in is None else round(retry_in, 1)
        lines().log(level, event, reason=reason, retry_in_s=seconds, **fields)
        self._listener.disconnected(self._station, reason, self._attempt, retry_in, kind)

    def _url(self) -> str:
        return re.sub("//.*@", "//", self._endpoint.url)  # without credentials, which do not belong there

    def _wait(self, _state: RetryCallState) -> float:
        self._waits += 1
        return self._endpoint.backoff.wait(self._waits, self._random())

    async def _pause(self, seconds: float) -> None:
        if self._bye is None:
            await self._interruptible(self._clock.sleep(seconds))

    async def _interruptible(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What `work` gives, or None where `_interrupt` ended it or the station left as it failed."""
        # A time limit that `_interrupt` moves from never to now: it cancels `work` without a task for it.
        try:
            async with asyncio.timeout(None) as self._scope:
                return await work
        except _FAILURES:
            if self._bye is None and not (self._scope and self._scope.expired()):
                raise
            return None
        finally:
            self._scope = None

    def _interrupt(self) -> None:
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(0)

    def _leave(self, bye: _Bye) -> None:
        self._ws = None
        self._bye = bye
        self._attempt = self._waits = 0
        self._interrupt()

    def _drop(self, ws: WebSocket, reason: str) -> None:
        ws.drop(reason)
        self._ws = None

    @property
    def _is_ready(self) -> bool:
        """Whether there should be a connection, or an attempt at one."""
        return self._wanted and not self._frozen and not self._stopping

    def _settle(self) -> None:
        if self._is_ready and self._awaited is not None:
            self._awaited.set()
            self._awaited = None

    def _release(self) -> None:
        if self._held is not None:
            self._held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST
            self._held.close()
            self._held = None
