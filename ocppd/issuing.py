"""Certificates for tests, and who issues them: X.509 v3 over SHA-256, as A00.FR.501 to .514 want them.

`self_signed` makes a root, `Issued.issue` whatever stands below, `Issued.sign` answers a CSR, `load` reads
an authority back from its files.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ocppd.core.errors import OcppdError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_SLACK = timedelta(days=1)  # for clocks that are behind


class PkiError(OcppdError):
    """What cannot be made, written, read or signed, in words for people."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a certificate is good for: KeyUsage, ExtendedKeyUsage, and for an authority its depth.

    `depth` is how many authorities may follow below: None for any number, -1 for no authority at all.
    """

    usages: tuple[str, ...] = ("digital_signature",)
    extended: tuple[x509.ObjectIdentifier, ...] = ()
    depth: int | None = -1

    @property
    def is_authority(self) -> bool:
        """Whether it may sign certificates."""
        return self.depth != -1


ROOT = Use(("key_cert_sign", "crl_sign"), depth=None)
SUB_CA_1 = replace(ROOT, depth=1)
SUB_CA_2 = replace(ROOT, depth=0)
SERVER = Use(("digital_signature", "key_encipherment"), (ExtendedKeyUsageOID.SERVER_AUTH,))
STATION = Use(("digital_signature", "key_encipherment"), (ExtendedKeyUsageOID.CLIENT_AUTH,))
FIRMWARE = Use(extended=(ExtendedKeyUsageOID.CODE_SIGNING,))
# No ExtendedKeyUsage, which ISO 15118 does not know (A00.FR.514).
VEHICLE = Use(("digital_signature", "key_agreement"))
_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Span(NamedTuple):
    """From when to when a certificate is valid."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, days: float, start: float = 0) -> Span:
        """`days` from `start` days after now on; from a bit earlier where that is now."""
        now = datetime.now(UTC).replace(microsecond=0)
        begin = now + timedelta(days=start)
        return cls(begin if start else begin - _SLACK, begin + timedelta(days=days))


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, and the certificates `above` it, nearest first, without the root."""

    certificate: x509.Certificate
    key: Key = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @property
    def organization(self) -> str:
        """The O of the subject, empty without one."""
        return _attribute(self.certificate.subject, NameOID.ORGANIZATION_NAME)

    @property
    def chain_pem(self) -> str:
        """The certificate and those above it, as a TLS server or client shows them."""
        return _pem(self.certificate, *self.above)

    @property
    def key_pem(self) -> str:
        """The key in the clear (PKCS #8)."""
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    def issue(
        self,
        name: x509.Name,
        use: Use,
        span: Span,
        *,
        key: Key | None = None,
        hosts: Iterable[str] = (),
        ocsp: str = "",
    ) -> Issued:
        """A certificate below this one, with `key` or a new one of the same kind."""
        key = key or (new_rsa() if isinstance(self.key, rsa.RSAPrivateKey) else new_ec())
        certificate = _certificate(_Request(name, key.public_key(), use, span, tuple(hosts), ocsp), self)
        return Issued(certificate, key, self._above)

    def sign(self, csr: str, use: Use = STATION, *, days: float = 365, common_name: str = "") -> str:
        """The chain, in PEM, for a certificate signing request in PEM.

        Raises PkiError where the request is not one, its signature is wrong, its key is weak (A00.FR.502,
        A00.FR.503), its owner is another one (A00.FR.509), or its CN is missing or is not `common_name`,
        where that is given (A00.FR.511).
        """
        request = _read_csr(csr)
        key = _strong(request.public_key())
        if _attribute(request.subject, NameOID.ORGANIZATION_NAME) != self.organization:
            raise PkiError(f"the O of the CSR is not {self.organization!r}")
        said = _attribute(request.subject, NameOID.COMMON_NAME)
        if not said or (common_name and said != common_name):
            raise PkiError(f"the CN of the CSR is not {common_name!r}" if said else "the CSR has no CN")
        end = self.certificate.not_valid_after_utc
        span = Span.of(days)
        certificate = _certificate(
            _Request(request.subject, key, use, Span(span.start, min(span.end, end))), self
        )
        return _pem(certificate, *self._above)

    @property
    def _above(self) -> tuple[x509.Certificate, ...]:
        """What stands above those that this one signs; a root is trusted and need not be shown."""
        is_root = self.certificate.issuer == self.certificate.subject
        return () if is_root else (self.certificate, *self.above)


def new_ec() -> Key:
    """A key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def new_rsa(bits: int = 2048) -> Key:
    """An RSA key."""
    # Less than 2048 bits only where a bad certificate is wanted.
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def self_signed(
    name: x509.Name, use: Use, span: Span, *, key: Key | None = None, hosts: Iterable[str] = ()
) -> Issued:
    """A root, or whatever else signs itself."""
    key = key or new_ec()
    return Issued(_certificate(_Request(name, key.public_key(), use, span, tuple(hosts)), key), key)


def name_of(common_name: str, organization: str, component: str = "") -> x509.Name:
    """A subject; `component` is the domain component by which ISO 15118 tells its hierarchies."""
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
    ]
    if component:
        parts.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, component))
    return x509.Name(parts)


class _Request(NamedTuple):
    """What is to be certified."""

    name: x509.Name
    key: PublicKey
    use: Use
    span: Span
    hosts: tuple[str, ...] = ()
    ocsp: str = ""


def _certificate(wanted: _Request, by: Issued | Key) -> x509.Certificate:
    """X.509 v3 over SHA-256, signed by an authority, or by the key that is certified."""
    issuer, signer = (by.certificate.subject, by.key) if isinstance(by, Issued) else (wanted.name, by)
    builder = (
        x509.CertificateBuilder()
        .subject_name(wanted.name)
        .issuer_name(issuer)
        .public_key(wanted.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(wanted.span.start)
        .not_valid_after(wanted.span.end)
    )
    for extension, critical in _extensions(wanted, signer.public_key()):
        builder = builder.add_extension(extension, critical)
    if isinstance(signer, rsa.RSAPrivateKey):
        # A00.FR.505 prefers PSS to the older padding.
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return builder.sign(signer, hashes.SHA256(), rsa_padding=pss)
    return builder.sign(signer, hashes.SHA256())


def _extensions(wanted: _Request, signer: PublicKey) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """The extensions, each with whether it is critical (RFC 5280, 4.2)."""
    use = wanted.use
    depth = use.depth if use.is_authority else None
    yield x509.BasicConstraints(ca=use.is_authority, path_length=depth), True
    usages = set(use.usages)
    if isinstance(wanted.key, ec.EllipticCurvePublicKey):
        usages.discard("key_encipherment")  # an EC key can do none
    yield x509.KeyUsage(**{usage: usage in usages for usage in _USAGES}), True
    yield x509.SubjectKeyIdentifier.from_public_key(wanted.key), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False
    if use.extended:
        yield x509.ExtendedKeyUsage(use.extended), False
    if wanted.hosts:
        yield x509.SubjectAlternativeName([_general_name(host) for host in wanted.hosts]), False
    if wanted.ocsp:
        place = x509.UniformResourceIdentifier(wanted.ocsp)
        responder = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)
        yield x509.AuthorityInformationAccess([responder]), False


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


# Reading


def load(directory: Path, name: str) -> Issued:
    """What `write` has put into `directory` under `name`, the key with it. Raises PkiError."""
    files = directory / f"{name}.pem", directory / f"{name}.key"
    for file in files:
        if not file.is_file():
            raise PkiError(f"{file} is missing: `ocppd pki {directory}` makes it")
    try:
        chain = x509.load_pem_x509_certificates(files[0].read_bytes())
        key = serialization.load_pem_private_key(files[1].read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError(f"{files[0]} and its key cannot be read: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise PkiError(f"{files[1]} is neither an EC nor an RSA key")
    return Issued(chain[0], key, tuple(chain[1:]))


def _read_csr(text: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(text.encode())
        is_own = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise PkiError("the CSR cannot be read") from None
    if not is_own:
        raise PkiError("the signature of the CSR is wrong")
    return request


def _strong(key: object) -> PublicKey:
    """The key, if it is worth 112 bits."""
    match key:
        case ec.EllipticCurvePublicKey() if key.key_size >= 224:  # A00.FR.503
            return key
        case rsa.RSAPublicKey() if key.key_size >= 2048:  # A00.FR.502
            return key
    raise PkiError("the key of the CSR is too weak, or of a kind that is not taken")


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    """The only value of that kind; empty where there is none, or more than one."""
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if len(found) == 1 else ""


def _pem(*certificates: x509.Certificate) -> str:
    return "".join(it.public_bytes(serialization.Encoding.PEM).decode() for it in certificates)
