"""X.509 as a station needs it: what is installed, hashes, chains. Pure: time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.core.state import Certificate

if TYPE_CHECKING:
    from ocppd.core.station import Station


def installed(st: Station, *uses: str) -> list[Certificate]:
    """What is installed for these uses, or all: what the state has, else what the station came with."""
    found = st.state.certificates
    if found is None:
        found = _delivered(st)
    return [it for it in found if not uses or it.use in uses]


def _delivered(st: Station) -> list[Certificate]:
    tls = st.description.csms.tls
    found = [Certificate("CSMSRootCertificate", tls.roots)] if tls.roots else []
    if tls.chain:
        found.append(Certificate("ChargingStationCertificate", tls.chain, tls.key))
    return found
