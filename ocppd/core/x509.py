"""X.509 by the rules for stations: reading, checking, hashing (A00.FR.501 to .512, M03). Time is an argument.

This loads `cryptography`, several MB: import it where a certificate is at hand, and not before.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate, ocsp
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

from ocppd.core.errors import OcppdError

# A certificate and what childCertificateHashData has room for.
LONGEST_CHAIN = 5
_LARGEST_SERIAL = 2**160  # what the 40 digits of serialNumber can tell
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
_READ_LATER = ("subject", "issuer", "extensions", "signature_hash_algorithm", "not_valid_after_utc")
_UNREADABLE = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm)


class CertificateError(OcppdError):
    """Why a certificate is refused, in words for people; `code` is the reasonCode that says it."""

    def __init__(self, text: str, code: str = "InvalidCertificate") -> None:
        super().__init__(text)
        self.code = code


# Reading


def read(text: str, most: int = 1) -> list[Certificate]:
    """The certificates in PEM, from 1 to `most`, each with properties that OCPP allows.

    Raises CertificateError for anything else: other blocks, keys, weak keys and signatures.
    """
    if "PRIVATE KEY" in text:
        raise CertificateError("there is a private key in it")
    blocks = _BLOCK.findall(text)
    if not blocks or "-----" in _BLOCK.sub("", text):
        raise CertificateError("it is no X.509 certificate in PEM")
    if len(blocks) > most:
        raise CertificateError(f"there are {len(blocks)} certificates in it, and {most} at most may be")
    found = [_load(block) for block in blocks]
    for certificate in found:
        _check_properties(certificate)
    return found


def stored(pem: str) -> list[Certificate]:
    """What was installed, in its order; what cannot be read or told is left out."""
    found = []
    for block in _BLOCK.findall(pem):
        try:
            found.append(_load(block))
        except CertificateError:
            continue  # it came with the station, and OpenSSL takes more than this
    return found


def _load(block: str) -> Certificate:
    """Read all that is looked at later: the library reads much of it only then, and raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what the library only tolerates for now
            certificate = x509.load_pem_x509_certificate(block.encode())
            serial = certificate.serial_number
            for part in _READ_LATER:
                getattr(certificate, part)
            certificate.public_key()
    except Exception:  # noqa: BLE001 - the library has a dozen kinds for what is wrong
        raise CertificateError("it cannot be read") from None
    if not 0 < serial < _LARGEST_SERIAL:  # A00.FR.508
        raise CertificateError("its serial number is longer than 20 octets, or not positive")
    return certificate


def _check_properties(certificate: Certificate) -> None:
    """A00.FR.501 to .506."""
    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            is_strong = 2048 <= key.key_size <= 16384  # more is not verified by OpenSSL either
        case ec.EllipticCurvePublicKey():
            is_strong = key.key_size >= 224
        case _:
            is_strong = isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    if not is_strong:
        raise CertificateError("its key is too weak, or of an unknown kind")
    digest = certificate.signature_hash_algorithm  # None where the signature has one of its own
    if digest is not None and not isinstance(digest, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise CertificateError(f"it is signed with {digest.name}")
    if any(it.critical and isinstance(it.value, x509.UnrecognizedExtension) for it in certificate.extensions):
        raise CertificateError("it has an unknown critical extension")


def to_pem(certificates: Iterable[Certificate]) -> str:
    """As it is kept: PEM with nothing beside."""
    return "".join(it.public_bytes(Encoding.PEM).decode() for it in certificates)


# Checking


def check_root(certificate: Certificate, known: Iterable[Certificate], moment: float) -> Certificate:
    """Who has issued the CA certificate that is to be installed: itself, or one of those that are `known`.

    Raises CertificateError (M05.FR.07).
    """
    check_period(certificate, moment)
    _check_authority(certificate, below=0)
    issuer = next((it for it in (certificate, *known) if is_issued_by(certificate, it)), None)
    if issuer is None:
        raise CertificateError("it is no root, and who has issued it is not installed")
    return issuer


def check_chain(
    chain: Sequence[Certificate], roots: Sequence[Certificate], moment: float
) -> tuple[list[Certificate], Certificate]:
    """The chain without its root, and that root, which must be one of `roots` (A02.FR.06, A03.FR.06).

    The leaf comes first, and each one is issued by the next. Raises CertificateError.
    """
    path = list(chain)
    if len(path) > 1 and path[-1] in roots:
        path.pop()
    if len(path) > LONGEST_CHAIN:
        raise CertificateError(f"there are more than {LONGEST_CHAIN} certificates in the chain")
    root = next((it for it in roots if is_issued_by(path[-1], it)), None)
    if root is None:
        raise CertificateError("it does not lead to a root that is installed for it")
    for place, issuer in enumerate([*path[1:], root]):
        check_period(issuer, moment)
        _check_authority(issuer, below=place)
        if not is_issued_by(path[place], issuer):
            raise CertificateError("one certificate in it is not issued by the next")
    return path, root


def check_leaf(certificate: Certificate, name: str, moment: float) -> None:
    """Whether it may be the station's own one, whose commonName is to be `name` (A00.FR.509 to .512).

    Raises CertificateError.
    """
    check_period(certificate, moment)
    if common_name(certificate.subject) != name:
        raise CertificateError("its commonName is not the one that was asked for")
    if not certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        raise CertificateError("its subject has no organizationName")
    basic = _extension(certificate, x509.BasicConstraints)
    if basic is not None and basic.ca:
        raise CertificateError("it is one of an authority")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise CertificateError("it may not be used to sign a handshake")
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    fit = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if purposes is not None and not fit & set(purposes) and ExtendedKeyUsageOID.SERVER_AUTH not in purposes:
        raise CertificateError("it is for other purposes")


def is_issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the names fit and the signature is right."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except _UNREADABLE:
        return False
    return True


def check_period(certificate: Certificate, moment: float) -> None:
    """Whether it is valid at that moment, in epoch seconds. Raises CertificateError."""
    now = datetime.fromtimestamp(moment, UTC)
    if now < certificate.not_valid_before_utc:
        raise CertificateError("it is not valid yet")
    if now > certificate.not_valid_after_utc:
        raise CertificateError("it has expired")


def _check_authority(certificate: Certificate, below: int) -> None:
    """Whether it may issue certificates, with `below` other authorities between it and the leaf."""
    basic = _extension(certificate, x509.BasicConstraints)
    if basic is None or not basic.ca:
        raise CertificateError("it is not one of an authority")
    if basic.path_length is not None and basic.path_length < below:
        raise CertificateError("the chain below an authority is longer than that allows")
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise CertificateError("an authority may not sign certificates")


def _extension(certificate: Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


# Questions


def common_name(name: x509.Name) -> str:
    """The first commonName, empty where there is none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def key_of(certificate: Certificate | x509.CertificateSigningRequest) -> bytes:
    """Its public key."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def request_of(csr: str) -> x509.CertificateSigningRequest:
    """A PKCS #10 that the station has made."""
    return x509.load_pem_x509_csr(csr.encode())


def expiry(certificate: Certificate) -> float:
    """When it expires, in epoch seconds."""
    return certificate.not_valid_after_utc.timestamp()


def start(certificate: Certificate) -> float:
    """From when on it is valid, in epoch seconds."""
    return certificate.not_valid_before_utc.timestamp()


def serial_number(certificate: Certificate) -> str:
    """In hexadecimal without leading zeros, as OCPP tells it."""
    return f"{certificate.serial_number:x}"


def hash_data(certificate: Certificate, issuer: Certificate, algorithm: str = "SHA256") -> dict[str, str]:
    """Its CertificateHashDataType: what an OCSP request would say of it (RFC 6960, 4.1.1)."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _ALGORITHMS[algorithm]()).build()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": serial_number(certificate),
    }


def responder_url(certificate: Certificate) -> str | None:
    """Where its status can be asked for, as it says itself."""
    access = _extension(certificate, x509.AuthorityInformationAccess)
    for it in access or ():
        location = it.access_location
        if it.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
            location, x509.UniformResourceIdentifier
        ):
            return location.value
    return None
