"""Authorities and certificates for tests, valid around the time of the bench unless told otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from tests.bench import START

DAY = 86_400
OCSP = "http://ocsp.example.test/"


def name_of(common_name: str, organization: str | None = "Lab") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def pem_of(*certificates: x509.Certificate) -> str:
    return "".join(it.public_bytes(Encoding.PEM).decode() for it in certificates)


def key_pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def build(
    subject: x509.Name,
    public_key: Any,
    issuer: x509.Name,
    signer: Any,
    *,
    start: float = START - DAY,
    days: float = 730,
    serial: int | None = None,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
    digest: Any = None,
) -> x509.Certificate:
    """Any certificate at all, valid from `start`, in epoch seconds."""
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public_key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(start, UTC))
        .not_valid_after(datetime.fromtimestamp(start + days * DAY, UTC))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, digest or hashes.SHA256())


class Authority:
    """A root, or an authority below the one that is its `parent`."""

    def __init__(
        self,
        name: str = "Root",
        parent: Authority | None = None,
        *,
        key: Any = None,
        authority: bool = True,
        path_length: int | None = None,
        ocsp: str | None = OCSP,
        **more: Any,
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name, self.parent = name_of(name), parent
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(authority, path_length if authority else None), True)
        ]
        if parent is not None and ocsp is not None:
            extensions.append((responder(ocsp), False))
        above = parent or self
        self.certificate = build(
            self.name,
            self.key.public_key(),
            above.name,
            above.key,
            extensions=(*extensions, *more.pop("extensions", ())),
            **more,
        )

    @property
    def pem(self) -> str:
        return pem_of(self.certificate)

    @property
    def chain(self) -> list[x509.Certificate]:
        """This authority and those above it, without the root."""
        return [] if self.parent is None else [self.certificate, *self.parent.chain]

    def sign(self, csr: str, **more: Any) -> str:
        """The certificate of a CSR, with the chain above it."""
        request = x509.load_pem_x509_csr(csr.encode())
        return self.issue(request.public_key(), request.subject, **more)

    def issue(self, public_key: Any, subject: x509.Name, *, ocsp: str | None = OCSP, **more: Any) -> str:
        extensions = more.pop("extensions", ())
        if ocsp is not None:
            extensions = (*extensions, (responder(ocsp), False))
        leaf = build(subject, public_key, self.name, self.key, extensions=extensions, **more)
        return pem_of(leaf, *self.chain)


def responder(url: str) -> x509.AuthorityInformationAccess:
    location = x509.UniformResourceIdentifier(url)
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)]
    )


@cache
def root(name: str = "CSMS root") -> Authority:
    """Always the same one for a name."""
    return Authority(name)
