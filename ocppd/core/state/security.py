"""Certificates (A, M), and the security log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ocppd.core.kept import Kept


class CertificateStatus(Kept):
    """An OCSPResponse, DER in base64, and when the CSMS has told it (M06)."""

    result: str
    at: float


class Certificate(Kept):
    """One that is installed. `use` is its InstallCertificateUse or CertificateSigningUse.

    `pem` is the certificate and, of the station's own ones, the chain above it. `key` names its private key
    where the station has that: it is not kept here. `issuer` is the certificate of who has issued it, where
    that is neither itself nor in `pem`.

    `fallback` is that a newer one has taken its place and has not been proven yet, `in_turn` that the next
    connection is tried with it all the same. `statuses` are what OCSP says (M06), by serial number.
    """

    use: str
    pem: str
    key: str | None = None
    issuer: str | None = None
    fallback: bool = False
    in_turn: bool = False
    statuses: dict[str, CertificateStatus] | None = None


class Signing(Kept):
    """A certificate that the CSMS is to have signed (A02, A03).

    `use` is its CertificateSigningUse, or Combined for both. `csr` is empty until the edge has made the key
    that `key` names, or again where the CSMS has `refused`.
    `due` is when it is asked for again, after `repeats` times. `request` is the command that waits.
    """

    use: str
    key: str = ""
    csr: str = ""
    triggered: bool = False
    refused: bool = False
    repeats: int = 0
    due: float | None = None
    request: int | None = None


class SecurityEvent(Kept):
    """An entry of the security log; `at` is the moment on the station's own clock."""

    type: str
    at: Annotated[float, Meta(ge=0, le=253_402_300_799)]
    info: str = ""
