"""M. What OCSP says of the V2G certificates, kept for the cars that ask for it (M06)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import m_certificates
from ocppd.core import certificates, on, versions
from ocppd.core.certificates import V2G
from ocppd.core.errors import CommandError
from ocppd.core.state import Certificate, CertificateStatus
from ocppd.core.station import LATER, Later

if TYPE_CHECKING:
    from ocppd.blocks.m_certificates import Pair
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Event, Station

_DAY = 86_400
# Looked at once a day, so that none gets older than a week (M06.FR.10).
_OLD = 6 * _DAY
_LONGEST_CHAIN = 4  # certificates in a GetCertificateChainStatus
_ACTION = "GetCertificateStatus"


@on.event("certificates_changed", "boot", "back_online")
def look_now(st: Station, _event: Event) -> None:
    """After each change of the certificates, and when the CSMS can be asked again (M06.FR.06, M06.FR.07)."""
    if certificates.installed(st, V2G):
        look(st)


@on.timer("ocsp")
def look(st: Station) -> None:
    """Ask for the status of each V2G certificate and the authorities above it, where it is not known."""
    from ocppd.core import x509

    if not certificates.installed(st, V2G):
        return
    st.after(_DAY, "ocsp")
    if not st.is_online:
        return
    for entry, pairs in in_use(st):
        for pair in pairs:
            known = (entry.statuses or {}).get(x509.serial_number(pair[0]))
            if (known is None or known.at + _OLD <= st.now) and not _is_asked(st, pair):
                _ask(st, pair)


def in_use(st: Station) -> list[tuple[Certificate, list[Pair]]]:
    """The V2G certificates with their chains: of those under one root the newest (A02.FR.15, A03.FR.15)."""
    from ocppd.core import x509

    found = sorted(m_certificates.chains(st, V2G), key=lambda it: x509.start(it[1][0][0]))
    newest = {x509.key_of(pairs[-1][1]): (entry, pairs) for entry, pairs in found}
    return list(newest.values())


def _is_asked(st: Station, pair: Pair) -> bool:
    from ocppd.core import x509

    box, serial = st.state.outbox, x509.serial_number(pair[0])
    calls = (call for call in (*box.queue, box.in_flight) if call and call.action == _ACTION)
    return any(call.context.get("serial") == serial for call in calls)


def _ask(st: Station, pair: Pair, request: int | None = None) -> bool:
    """Send the GetCertificateStatus; False where the certificate names nobody who could be asked."""
    from ocppd.core import x509

    url = x509.responder_url(pair[0])
    if url is None or len(url) > 512:
        return False
    context = {"serial": x509.serial_number(pair[0])} | ({} if request is None else {"request": request})
    st.send(_ACTION, {"ocspRequestData": x509.hash_data(*pair) | {"responderURL": url}}, context=context)
    return True


@on.reply("GetCertificateStatus")
def told(st: Station, call: QueuedCall, response: Payload) -> None:
    """Keep what the CSMS tells; where it failed, the last word counts until the next look (M06.FR.04)."""
    from ocppd.core import x509

    if response["status"] != "Accepted" or "ocspResult" not in response:
        return
    serial = call.context["serial"]
    for entry in certificates.installed(st, V2G):
        if serial in map(x509.serial_number, x509.stored(entry.pem)):
            status = CertificateStatus(response["ocspResult"], st.now)
            entry.statuses = {**(entry.statuses or {}), serial: status}


@on.command("get-certificate-status")
def get_certificate_status(st: Station, serial_number: str | None = None) -> Later:
    """Have the CSMS ask for the status of a V2G certificate, or of an authority above it, and keep it (M06).

    `serial_number` is in hexadecimal; without one it is the station's own certificate.
    """
    from ocppd.core import x509

    st.require_power()
    if not st.state.csms.connected or st.request is None:
        raise CommandError("not_connected", "there is no connection to the CSMS")
    wanted = None if serial_number is None else serial_number.lower().lstrip("0")
    all_pairs = [pair for _, pairs in in_use(st) for pair in pairs]
    pair = next((it for it in all_pairs if wanted in (None, x509.serial_number(it[0]))), None)
    if pair is None:
        raise CommandError("invalid_state", "there is no such V2G certificate")
    if not _ask(st, pair, st.request.key):
        raise CommandError("invalid_state", "the certificate names no OCSP responder")
    return LATER


@on.command("get-certificate-chain-status")
def get_certificate_chain_status(st: Station) -> Later:
    """Have the CSMS ask OCSP for the whole chain of the V2G certificate, and answer with its response.

    The message is one of OCPP 2.1.
    """
    versions.require_21(st)
    asked = _chain_requests(st)
    if not asked:
        raise CommandError("invalid_state", "there is no V2G certificate that names an OCSP responder")
    context = {"request": st.request.key if st.request else None}
    st.send("GetCertificateChainStatus", {"certificateStatusRequests": asked}, context=context)
    return LATER


def _chain_requests(st: Station) -> list[Payload]:
    """The CertificateStatusRequestInfoTypes of the chain in use."""
    from ocppd.core import x509

    pairs = next((pairs for _, pairs in in_use(st)), [])
    found = ((pair, x509.responder_url(pair[0])) for pair in pairs)
    return [
        {"certificateHashData": x509.hash_data(*pair), "source": "OCSP", "urls": [url]}
        for pair, url in found
        if url is not None and len(url) <= 2000
    ][:_LONGEST_CHAIN]
