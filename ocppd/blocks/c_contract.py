"""C. Plug and charge: a car that shows the certificate of its contract (C07)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocppd.blocks import a_certificates
from ocppd.core import certificates, tokens
from ocppd.core.certificates import V2G_ROOT
from ocppd.core.errors import CommandError
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

CENTRAL_VALIDATION = boolean(
    "ISO15118Ctrlr", "CentralContractValidationAllowed", True, mutability="ReadWrite"
)
OFFLINE_VALIDATION = boolean("ISO15118Ctrlr", "ContractValidationOffline", False, mutability="ReadWrite")

LONGEST = 5500  # characters of `certificate` in an AuthorizeRequest
_MOST_HASHES = 4
_LONGEST_URL = 512


@dataclass(frozen=True, slots=True)
class Contract:
    """What a car has shown: its `emaid`, what an Authorize tells of it, and whether a known root vouches."""

    emaid: str
    told: dict[str, Any]
    is_valid: bool


def read(st: Station, pem: str) -> Contract:
    """The contract in a chain of certificates, that of the car first.

    Raises:
        CommandError: `invalid_argument` for what is no such chain, `invalid_state` where plug and charge is
            off, or where a root is known and something else is wrong.
    """
    from ocppd.core import x509

    if not st.get(a_certificates.PNC_ENABLED):
        raise CommandError("invalid_state", "ISO15118Ctrlr.PnCEnabled is false")
    try:
        chain = x509.read(pem, x509.LONGEST_CHAIN)
    except x509.CertificateError as error:
        raise CommandError("invalid_argument", f"certificate: {error}") from None
    emaid = x509.common_name(chain[0].subject)
    if not 0 < len(emaid) <= tokens.LONGEST:
        raise CommandError("invalid_argument", "certificate: its commonName is no eMAID")
    roots = [
        it
        for entry in certificates.installed(st, V2G_ROOT, "MORootCertificate")
        for it in x509.stored(entry.pem)
    ]
    is_valid = _is_vouched_for(st, chain, roots)
    told: dict[str, Any] = {} if is_valid else {"certificate": pem}
    if hashes := _hashes(chain, roots):
        told["iso15118CertificateHashData"] = hashes
    return Contract(emaid, told, is_valid)


def _is_vouched_for(st: Station, chain: list[Certificate], roots: list[Certificate]) -> bool:
    """Whether a root that is installed leads to it; where none does the CSMS may be able to tell (C07.FR.06).

    Raises CommandError where one does and something is wrong all the same.
    """
    from ocppd.core import x509

    if not any(root in chain or x509.is_issued_by(chain[-1], root) for root in roots):
        return False
    try:
        x509.check_chain(chain, roots, st.clock)
    except x509.CertificateError as error:
        raise CommandError("invalid_state", f"the contract certificate: {error}") from None
    if not x509.start(chain[0]) <= st.clock <= x509.expiry(chain[0]):
        raise CommandError("invalid_state", "the contract certificate is not valid yet, or has expired")
    return True


def _hashes(chain: list[Certificate], roots: list[Certificate]) -> list[Payload]:
    """The OCSPRequestDataTypes of those that name who can be asked about them (C07.FR.02)."""
    from ocppd.core import x509

    found = []
    for certificate in chain:
        issuer = next((it for it in (*chain, *roots) if x509.is_issued_by(certificate, it)), None)
        url = x509.responder_url(certificate)
        if issuer is not None and url is not None and len(url) <= _LONGEST_URL:
            found.append(x509.hash_data(certificate, issuer) | {"responderURL": url})
    return found[:_MOST_HASHES]


def refusal(response: Payload) -> str | None:
    """Why an AuthorizeResponse lets the contract not charge, in words."""
    status = response.get("certificateStatus", "Accepted")
    return None if status == "Accepted" else f"the contract certificate is {status}"
