"""The certificates of a station: what is installed, and what of it counts in a connection.

What looks into a certificate is in `core.x509`, which is for those alone who have one at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ocppd.core import comm
from ocppd.core.endpoint import Trust
from ocppd.core.state import Certificate

if TYPE_CHECKING:
    from ocppd.core.station import Station

# InstallCertificateUseEnumType
CSMS_ROOT = "CSMSRootCertificate"
V2G_ROOT = "V2GRootCertificate"
ROOTS = (CSMS_ROOT, V2G_ROOT, "MORootCertificate", "ManufacturerRootCertificate")
# CertificateSigningUseEnumType: the station's own
STATION = "ChargingStationCertificate"
V2G = "V2GCertificate"

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


def installed(st: Station, *uses: str) -> list[Certificate]:
    """What is installed for these uses, or all: what the state has, else what the station came with."""
    found = st.state.certificates
    if found is None:
        found = _delivered(st)
    return [it for it in found if not uses or it.use in uses]


def csms_roots(st: Station) -> str:
    """The CSMS's roots, in PEM: the servers that files come from and go to are believed by them, too."""
    return "".join(it.pem for it in installed(st, CSMS_ROOT))


def _delivered(st: Station) -> list[Certificate]:
    tls = st.description.csms.tls
    if tls.roots is None and tls.chain is None:
        return []
    found = [Certificate(CSMS_ROOT, f"{block}\n") for block in _BLOCK.findall(tls.roots or "")]
    if tls.chain:
        found.append(Certificate(STATION, tls.chain, tls.key))
    return found


def is_same(one: str, other: str) -> bool:
    """Whether it is the same PEM, however its lines are broken."""
    return "".join(one.split()) == "".join(other.split())


def trust(st: Station) -> Trust:
    """Whom to believe in the next connection, and who the station is where that shows a certificate.

    Of two roots, or two certificates of the station, of which the newer is not proven yet, it is the one
    whose turn it is (M05.FR.14, A02.FR.28). Where neither the configuration nor the CSMS has installed a
    root, the system's trust store serves.
    """
    roots: str | None = "".join(it.pem for it in in_turn(installed(st, CSMS_ROOT)))
    if not roots and not st.description.csms.tls.roots:
        roots = None
    wildcards = st.get(comm.ALLOW_WILDCARDS)
    own = in_turn(installed(st, STATION))
    return Trust(roots, own[-1].pem, own[-1].key, wildcards) if own else Trust(roots, wildcards=wildcards)


def in_turn(found: list[Certificate]) -> list[Certificate]:
    """The fallback where it is its turn, else the others."""
    fallback = [it for it in found if it.fallback and it.in_turn]
    return fallback or [it for it in found if not it.fallback]
