"""A WebSocket as a station has it: stricter than the library's, and able to fall silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import websockets.exceptions as ws_errors
from websockets.asyncio.client import ClientConnection
from websockets.protocol import State

from ocppd.edge.reasons import LinkError, kind_of, reason_of
from ocppd.edge.tls import wildcard_in

if TYPE_CHECKING:
    import asyncio

    from websockets.datastructures import HeadersLike

CLOSE_TIMEOUT = 2.0  # seconds of real time that the CSMS has to answer a close frame


class Connection(ClientConnection):
    """A WebSocket that follows no redirect, insists on a subprotocol, and is closed within a bounded time."""

    wildcards = False  # whether a certificate of the CSMS may have some
    broken: Exception | None = None  # what the transport died of
    dropped: str | None = None  # why this side aborted it
    closing = False
    ping_due = False
    unanswered: asyncio.Future[float] | None = None  # of the latest ping
    silent = False  # half open: nothing is read and nothing written any more

    async def handshake(
        self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None
    ) -> None:
        """Raise LinkError in place of InvalidStatus, which the library would follow to another host."""
        name = wildcard_in(self.transport.get_extra_info("peercert") or {})
        if name is not None and not self.wildcards:  # before any password is sent
            raise LinkError(f"certificate of the CSMS refused: wildcard {name}", "InvalidCsmsCertificate")
        try:
            await super().handshake(additional_headers, user_agent_header)
        except ws_errors.InvalidStatus as exc:
            raise LinkError(reason_of(exc), kind_of(exc)) from exc
        except ws_errors.InvalidMessage as exc:
            # With TLS 1.3 the CSMS refuses a client certificate only when TLS is up.
            if isinstance(self.broken, OSError):
                raise self.broken from exc
            raise
        if self.subprotocol is None:
            raise ws_errors.NegotiationError("no subprotocol chosen")
        # Nobody asks for them any more, and thousands of links would keep them.
        self.request = None
        if self.response is not None:  # that there is one tells the library that it is connected
            self.response.headers.clear()

    def data_received(self, data: bytes) -> None:
        """Bound the time in which the CSMS has to end TCP after a close frame; the library does not."""
        super().data_received(data)
        if self.state is State.CLOSING and not self.closing:
            self.closing = True
            self.loop.call_later(CLOSE_TIMEOUT, self.transport.abort)

    def silence(self, on: bool) -> None:
        """Read nothing any more, or again."""
        if on != self.silent and not self.transport.is_closing():
            self.silent = on
            (self.transport.pause_reading if on else self.transport.resume_reading)()

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep `exc`, of which a failed handshake does not tell."""
        self.broken = exc
        super().connection_lost(exc)


class WildcardConnection(Connection):
    """The same, for a station that trusts certificates with wildcards."""

    wildcards = True
