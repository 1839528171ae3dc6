"""Certificates for tests: two authorities, servers, and the PEM files of stations."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ocppd.core.endpoint import Trust
from tests.edge.linking import PATIENCE

HOST = "csms.example.test"
PAST = {"not_before": datetime.datetime(2019, 1, 1), "not_after": datetime.datetime(2020, 1, 1)}  # noqa: DTZ001
FUTURE = {"not_before": datetime.datetime(2090, 1, 1), "not_after": datetime.datetime(2091, 1, 1)}  # noqa: DTZ001


class Pki:
    """The authority of the CSMS, `ca`, and one that nobody trusts, `other`."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.other = trustme.CA(), trustme.CA()
        self.roots = text_of(self.ca.cert_pem)
        self._folder = folder

    def server(self, *names: str, ca: trustme.CA | None = None, **more: Any) -> ssl.SSLContext:
        """The TLS of a CSMS whose certificate is for `names`, by default HOST and localhost."""
        leaf = (ca or self.ca).issue_cert(*(names or (HOST, "localhost")), **more)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return context

    def mutual(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """A CSMS that wants to see a certificate of `ca`."""
        context = self.server()
        context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        self.ca.configure_trust(context)
        return context

    def named_in_the_subject(self, name: str, *, signs_itself: bool = False) -> ssl.SSLContext:
        """The TLS of a CSMS with `name` in commonName, and no subjectAltName."""
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        issuer = x509.load_pem_x509_certificate(self.ca.cert_pem.bytes()).subject
        signer: Any = serialization.load_pem_private_key(self.ca.private_key_pem.bytes(), None)
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if signs_itself else issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(key if signs_itself else signer, hashes.SHA256())
        )
        file = self._folder / "subject.pem"
        pem = serialization.Encoding.PEM
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file.write_bytes(key.private_bytes(pem, *plain) + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def station(self, name: str = "CP001", ca: trustme.CA | None = None, **more: Any) -> Trust:
        """What a station with a certificate of its own goes by; the key is in a file."""
        leaf = (ca or self.ca).issue_cert(name, common_name=name, **more)
        key = self._folder / f"{name}-{id(leaf)}.key"
        leaf.private_key_pem.write_to_path(key)
        return Trust(self.roots, "".join(map(text_of, leaf.cert_chain_pems)), str(key))


@asynccontextmanager
async def blocking(context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server for one connection, which sends alerts where asyncio's just hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        serving = asyncio.create_task(asyncio.to_thread(_serve_one, server, context))
        yield server.getsockname()[1]
        await serving


def _serve_one(server: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = server.accept()
    connection.settimeout(PATIENCE)
    with connection.dup() as kept:  # closing it with data unread would reset it, alert and all
        kept.settimeout(PATIENCE)
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()
        with suppress(OSError):
            kept.shutdown(socket.SHUT_WR)
            while kept.recv(4096):
                pass


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """`context`, but for TLS 1.0 and 1.1 alone."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def only(context: ssl.SSLContext, ciphers: str) -> ssl.SSLContext:
    """`context`, but for TLS 1.2 with these suites alone."""
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def text_of(blob: trustme.Blob) -> str:
    """PEM as text."""
    return blob.bytes().decode()
