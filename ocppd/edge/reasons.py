"""Why a connection could not be had or was lost, in a few words for people."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import websockets.exceptions as ws_errors
from websockets.frames import CloseCode

MAX_SIZE = 2**20  # bytes of one incoming message; a longer one ends the connection with 1009


class LinkError(ConnectionError):
    """Why an attempt failed or this side dropped the connection, in words for people."""


def reason_of(exc: BaseException) -> str:
    """The failure `exc` in a few words for people, free of passwords. Pure, and never raises."""
    return next((words(exc) for kind, words in _REASONS if isinstance(exc, kind)), repr(exc))


def _closed(exc: ws_errors.ConnectionClosed) -> str:
    if exc.rcvd is not None and (exc.sent is None or exc.rcvd_then_sent):
        return f"closed by the CSMS: {exc.rcvd}"
    if exc.sent is not None and exc.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return f"the CSMS sent a message of more than {MAX_SIZE} bytes"
    if exc.sent is not None:
        return f"closed by this side: {exc.sent}"
    detail = f": {reason_of(exc.__cause__)}" if isinstance(exc.__cause__, OSError) else ""
    return f"connection lost without a close frame{detail}"


def _status(exc: ws_errors.InvalidStatus) -> str:
    code = exc.response.status_code
    phrase = next((f" {status.phrase}" for status in HTTPStatus if status == code), "")
    why = ": redirects are not followed" if 300 <= code < 400 else ""
    return f"{code}{phrase}{_STATUS.get(code, why)}"


def _certificate(exc: ssl.SSLCertVerificationError) -> str:
    kind = "unknown CA: " if exc.verify_code in {19, 20} else ""  # OpenSSL's own words hide that
    return f"certificate of the CSMS refused: {kind}{exc.verify_message}"


def _tls(exc: ssl.SSLError) -> str:
    words = (exc.reason or str(exc)).replace("_", " ").lower()
    return f"TLS refused by the CSMS: {words}" if "alert" in words else f"TLS: {words}"


def _system(exc: OSError) -> str:
    if exc.errno is not None:
        return os.strerror(exc.errno).lower()
    if isinstance(exc, TimeoutError):
        return "timeout: the CSMS did not complete the handshake"
    # A host name with several addresses: asyncio joins their failures to one text.
    numbers = dict.fromkeys(re.findall(r"\[Errno (\d+)\]", str(exc)))
    if isinstance(exc, ConnectionResetError):  # asyncio raises it without arguments
        numbers[str(errno.ECONNRESET)] = None
    return ", ".join(os.strerror(int(number)).lower() for number in numbers) or str(exc)


_STATUS = {401: ": the CSMS refuses identity or password", 404: ": the CSMS does not know this identity"}

_REASONS: tuple[tuple[type[BaseException], Callable[[Any], str]], ...] = (
    (LinkError, str),
    (ws_errors.ConnectionClosed, _closed),
    (ws_errors.InvalidStatus, _status),
    (ws_errors.InvalidURI, lambda exc: f"the CSMS URL is not valid: {exc.msg}"),
    (ws_errors.WebSocketException, lambda exc: f"handshake failed: {exc.__cause__ or exc}"),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _tls),
    (socket.gaierror, lambda exc: f"host name not resolved: {exc.strerror}"),
    (OSError, _system),
)
