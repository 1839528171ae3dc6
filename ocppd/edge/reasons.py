"""Why a connection could not be had or was lost: in a few words for people, and as a security event."""

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


# The note on an ssl.SSLError of a handshake that had come so far.
SUITE_CHOSEN = "the server had chosen a cipher suite"


class LinkError(ConnectionError):
    """Why an attempt failed or this side dropped the connection, in words for people; `kind` as `kind_of`."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


def reason_of(exc: BaseException) -> str:
    """The failure `exc` in a few words for people, free of passwords. Pure, and never raises."""
    return next((words(exc) for kind, words in _REASONS if isinstance(exc, kind)), repr(exc))


def kind_of(exc: BaseException) -> str:
    """The security event that the failed attempt `exc` is (part 2, appendix 1), or an empty text. Pure.

    InvalidCsmsCertificate (A00.FR.310, A00.FR.413), InvalidTLSVersion (A00.FR.316, A00.FR.419),
    InvalidTLSCipherSuite (A00.FR.323, A00.FR.426), or FailedToAuthenticateAtCsms: the CSMS refuses the
    certificate or the password of the station.
    """
    match exc:
        case LinkError():
            return exc.kind
        case ws_errors.InvalidStatus():
            return "FailedToAuthenticateAtCsms" if exc.response.status_code == HTTPStatus.UNAUTHORIZED else ""
        case ssl.SSLCertVerificationError():
            return "InvalidCsmsCertificate"
        case ssl.SSLError():
            return _tls_kind(_tls_words(exc), SUITE_CHOSEN in getattr(exc, "__notes__", ()))
    return ""


def _tls_kind(words: str, suite_chosen: bool) -> str:
    if _CERTIFICATE_REFUSED.search(words) or (suite_chosen and "alert handshake failure" in words):
        return "FailedToAuthenticateAtCsms"  # without one, TLS 1.2 has but the general alert
    if _TOO_OLD.search(words):
        return "InvalidTLSVersion"
    return "InvalidTLSCipherSuite" if _TOO_WEAK.search(words) else ""


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


def _tls_words(exc: ssl.SSLError) -> str:
    return (exc.reason or str(exc)).replace("_", " ").lower()


def _tls(exc: ssl.SSLError) -> str:
    words = _tls_words(exc)
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


# As OpenSSL says it: alerts of the other side (RFC 8446, 6.2), and what it does not like itself.
_CERTIFICATE_REFUSED = re.compile(
    "alert (no certificate|bad certificate|unsupported certificate|certificate [a-z]+|unknown ca"
    "|access denied|decrypt error)$"
)
_TOO_OLD = re.compile("alert protocol version|unsupported protocol|wrong ssl version|version too low")
_TOO_WEAK = re.compile(
    "alert handshake failure|alert insufficient security|wrong cipher returned|unknown cipher returned"
    "|dh key too small|bad dh value|ee key too small|ca md too weak"
)

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
