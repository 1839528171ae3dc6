"""TLS as a client: contexts that are shared by all who trust the same, and the names of a server."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocppd import pem
from ocppd.edge.reasons import SUITE_CHOSEN, LinkError

if TYPE_CHECKING:
    from ocppd.core.endpoint import Trust

FileOf = Callable[[str], str | Path]
"""Tells the path of a private key by its name in a `Trust`."""

# For TLS 1.2, beside the suites of TLS 1.3: both pairs of A00.FR.319 and A00.FR.422, and the first one for
# servers with an RSA key. Level 2 refuses keys and signatures of less than 112 bits (A00.FR.502 to .508).
_CIPHERS = ":".join(
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "@SECLEVEL=2",
    ]
)


def tls_context(trust: Trust, file_of: FileOf = Path) -> ssl.SSLContext:
    """A client's context, shared by all stations of the same certificates and the same key.

    TLS 1.2 at least, the suites of A00.FR.319, no compression, chain and host name checked: the name in
    subjectAltName or, in a certificate without that, in commonName (A00.FR.308 to .321, .411 to .424).
    Whether wildcards are allowed is for whoever connects to look at, see `wildcard_in`.

    `file_of` tells the path of the key that is named in `trust`; a changed file is loaded anew. Raises
    LinkError where something cannot be used.
    """
    if trust.roots == "":
        raise LinkError("no root certificate is installed")
    if trust.chain is None:
        return _context(trust.roots, None, "", 0)
    if trust.key is None:
        raise LinkError("there is no key for the certificate")
    path = file_of(trust.key)
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError as exc:
        raise LinkError(f"the key {path} cannot be read: {exc.strerror}") from exc
    return _context(trust.roots, trust.chain, str(path), changed)


@lru_cache(maxsize=128)
def _context(roots: str | None, chain: str | None, key: str, _changed: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslobject_class = _Handshake
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is installed is trusted, a sub-CA, too
    context.set_ciphers(_CIPHERS)
    _let_read_along(context)
    if roots is None:
        context.load_default_certs()
    else:
        _use(lambda: pem.trust(context, roots), "a root certificate")
    if chain is not None:
        _use(lambda: pem.present(context, chain, key), f"the key {key}")
    return context


def _let_read_along(context: ssl.SSLContext) -> None:
    """Write the keys of sessions where SSLKEYLOGFILE says, for Wireshark."""
    path = os.environ.get("SSLKEYLOGFILE")
    try:
        if path:
            context.keylog_filename = path
    except OSError as error:
        raise LinkError(f"SSLKEYLOGFILE {path} cannot be written: {error.strerror}") from error


def _use(load: Callable[[], None], what: str) -> None:
    try:
        load()
    except pem.PemError as error:
        raise LinkError(f"{what} {error}") from error


class _Handshake(ssl.SSLObject):
    """Tells of a failed handshake how far it came: the same alert means something else later."""

    def do_handshake(self) -> None:
        """Note in what it raises whether the server had chosen a cipher suite."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as exc:
            if self.cipher() is not None:
                exc.add_note(SUITE_CHOSEN)
            raise


def wildcard_in(certificate: dict[str, Any]) -> str | None:
    """The first name with a wildcard that a certificate is for, as `SSLSocket.getpeercert` shows it."""
    names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
    if not names:  # only then commonName counts
        subject = certificate.get("subject", ())
        names = [value for part in subject for kind, value in part if kind == "commonName"]
    return next((name for name in names if "*" in name), None)
