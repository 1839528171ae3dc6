"""M. Certificates: what is installed, listed and deleted (M03 to M05), and contracts for cars (M01, M02)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from annotated_types import Len
from msgspec.structs import replace

from ocppd.core import certificates, network, on
from ocppd.core.certificates import CSMS_ROOT, ROOTS, STATION, V2G, V2G_ROOT
from ocppd.core.errors import CommandError
from ocppd.core.state import Certificate
from ocppd.core.station import LATER, Later
from ocppd.core.variables import boolean, integer

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as Parsed

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

MOST = 40

CERTIFICATE_ENTRIES = integer(
    "SecurityCtrlr",
    "CertificateEntries",
    minimum=0,
    maximum=MOST,
    persistent=True,
    read=lambda st, _e, _c: str(len(certificates.installed(st))),
)
ADDITIONAL_ROOT_CHECK = boolean("SecurityCtrlr", "AdditionalRootCertificateCheck", False)
CONTRACT_INSTALLATION = boolean(
    "ISO15118Ctrlr", "ContractCertificateInstallationEnabled", True, mutability="ReadWrite"
)

# The GetCertificateIdUseEnumType of what is listed; a station's own certificate is not.
_LISTED = {use: use for use in ROOTS} | {V2G: "V2GCertificateChain"}

Pair: TypeAlias = "tuple[Parsed, Parsed]"
"""A certificate and that of who has issued it."""

Exi = Annotated[str, Len(1, 5600)]
Urn = Annotated[str, Len(1, 50)]


def moment(st: Station) -> float:
    """The station's own clock, by which certificates are valid or not, in epoch seconds."""
    return st.clock


def refusal(error: Exception, code: str = "InvalidCertificate") -> Payload:
    """The response that rejects a certificate and says why."""
    return {"status": "Rejected", "statusInfo": {"reasonCode": code, "additionalInfo": str(error)[:512]}}


def chains(st: Station, *uses: str) -> Iterator[tuple[Certificate, list[Pair]]]:
    """What is installed for these uses, each with its certificates and who has issued them, the leaf first.

    An issuer that nobody knows any more, as it came with the station, is left for the certificate itself.
    """
    from ocppd.core import x509

    known = [it for entry in certificates.installed(st, *ROOTS) for it in x509.stored(entry.pem)]
    for entry in certificates.installed(st, *uses):
        path = x509.stored(entry.pem)
        above = [*path[1:], *x509.stored(entry.issuer or ""), *known]
        pairs = [(it, next((by for by in (it, *above) if x509.is_issued_by(it, by)), it)) for it in path]
        if pairs:
            yield entry, pairs


# InstallCertificate (M05)


@on.call("InstallCertificate")
def install_certificate(st: Station, request: Payload) -> Payload:
    """Install the certificate of an authority, unless something is wrong with it (M05.FR.02, M05.FR.07)."""
    from ocppd.core import x509

    use, found = request["certificateType"], certificates.installed(st)
    known = [it for entry in found if entry.use in ROOTS for it in x509.stored(entry.pem)]
    try:
        (root,) = x509.read(request["certificate"])
        issuer = x509.check_root(root, known, moment(st))
        entry = Certificate(use, x509.to_pem([root]))
        entry.issuer = None if issuer == root else x509.to_pem([issuer])
        double = [it for it in found if it.use == use and certificates.is_same(it.pem, entry.pem)]
        if any(not it.fallback for it in double):
            return {"status": "Accepted"}  # M05.FR.17: it takes its own place
        if use == CSMS_ROOT and st.get(ADDITIONAL_ROOT_CHECK):
            found = _superseded(found, root)
        found = [it for it in found if it not in double]
    except x509.CertificateError as error:
        return refusal(error, error.code)
    if len(found) >= MOST:  # M05.FR.06
        return refusal(ValueError(f"there is room for {MOST} certificates"), "OutOfStorage")
    keep(st, [*found, entry], f"installed a {use}")
    return {"status": "Accepted"}


def _superseded(found: list[Certificate], root: Parsed) -> list[Certificate]:
    """What stays when `root` takes the place of the CSMS root, which must have signed it (M05.FR.09 to .12).

    The old root is the fallback; where it was not proven itself yet, the one before it remains that.
    """
    from ocppd.core import x509

    roots = [it for it in found if it.use == CSMS_ROOT]
    replaced = [it for it in roots if not it.fallback]
    if replaced and not any(x509.is_issued_by(root, by) for it in replaced for by in x509.stored(it.pem)):
        raise x509.CertificateError("it is not signed by the CSMS root certificate that it would replace")
    if len(replaced) < len(roots):
        return [it for it in found if it not in replaced]
    return [replace(it, fallback=True) if it in replaced else it for it in found]


def keep(st: Station, found: list[Certificate], what: str) -> None:
    """These are installed from now on; `what` has changed is for the security log."""
    st.state.certificates = found
    for use in (CSMS_ROOT, STATION):
        own = [it for it in found if it.use == use]
        if all(it.fallback for it in own):  # there is nothing left to fall back from
            for it in own:
                it.fallback = it.in_turn = False
    st.emit("certificates_changed")
    st.emit("security_parameter_changed", info=what)


# Which of two roots counts (M05.FR.13 to .16)


@on.event("connect_failed")
def try_the_other_root(st: Station, event: Event) -> None:
    """The CSMS does not stand the test by one root: try by the other (M05.FR.14), but not in a migration.

    There the attempts just go on (M05.FR.15).
    """
    own = st.state.profiles
    if event.data["kind"] == "InvalidCsmsCertificate" and own.slot == (own.worked or own.slot):
        for it in _fallback_roots(st):
            it.in_turn = not it.in_turn


@on.event("next_profile")
def choose_the_root(st: Station, _event: Event) -> None:
    """Back at the profile that has worked, the old root serves; another has the new one (M05.FR.16)."""
    own = st.state.profiles
    for it in _fallback_roots(st):
        it.in_turn = own.slot == own.worked


@on.event("csms_connected")
def new_root_is_proven(st: Station, _event: Event) -> None:
    """With the new root a connection has succeeded: the old one goes (M05.FR.13)."""
    old = _fallback_roots(st)
    if old and not old[0].in_turn and network.in_use(st).security_profile >= 2:
        left = [it for it in certificates.installed(st) if it not in old]
        keep(st, left, "removed the old CSMSRootCertificate")


@on.event("csms_disconnected")
def begin_with_the_new_root(st: Station, _event: Event) -> None:
    """Each connection is tried with the new root first (M05.FR.14)."""
    for it in _fallback_roots(st):
        it.in_turn = False


def _fallback_roots(st: Station) -> list[Certificate]:
    return [it for it in st.state.certificates or () if it.use == CSMS_ROOT and it.fallback]


# GetInstalledCertificateIds (M03)


@on.call("GetInstalledCertificateIds")
def get_installed_certificate_ids(st: Station, request: Payload) -> Payload:
    """The hashes of what is installed, of the types that are named or of all (M03.FR.03, M03.FR.04)."""
    wanted = request.get("certificateType", _LISTED.values())
    uses = [use for use, told in _LISTED.items() if told in wanted]
    if not certificates.installed(st, *uses):
        return {"status": "NotFound"}  # M03.FR.02
    found = [_hash_chain(entry, pairs) for entry, pairs in chains(st, *uses)]
    return {"status": "Accepted", "certificateHashDataChain": found} if found else {"status": "NotFound"}


def _hash_chain(entry: Certificate, pairs: Iterable[Pair]) -> Payload:
    """A CertificateHashDataChainType; the authorities below the root are children of the leaf (M03.FR.05)."""
    from ocppd.core import x509

    leaf, *above = (x509.hash_data(*pair) for pair in pairs)
    told: dict[str, Any] = {"certificateType": _LISTED[entry.use], "certificateHashData": leaf}
    return told | ({"childCertificateHashData": above} if above else {})


# DeleteCertificate (M04)


@on.call("DeleteCertificate")
def delete_certificate(st: Station, request: Payload) -> Payload:
    """Delete what has these hashes (M04.FR.02), but never the station's own certificate (M04.FR.06)."""
    wanted = request["certificateHashData"]
    meant = [entry for entry, pairs in chains(st, *_LISTED, STATION) if _is_meant(entry, pairs, wanted)]
    if not meant:
        return {"status": "NotFound"}  # M04.FR.04
    if any(it.use == STATION for it in meant):
        info = {"reasonCode": "UnsupportedRequest", "additionalInfo": "it is the station's own certificate"}
        return {"status": "Failed", "statusInfo": info}
    meant += _orphans(st, meant)
    left = [it for it in certificates.installed(st) if it not in meant]
    keep(st, left, f"deleted a {meant[0].use}")
    return {"status": "Accepted"}


def _is_meant(entry: Certificate, pairs: Iterable[Pair], wanted: Payload) -> bool:
    """Whether it is the certificate, or an authority without which its chain is worth nothing (M04.FR.08)."""
    from ocppd.core import x509

    told = {key: wanted[key].lower().lstrip("0" if key == "serialNumber" else "") for key in _HASHES}
    looked_at = pairs if entry.use == V2G else list(pairs)[:1]
    return any(
        {key: it[key] for key in _HASHES} == told
        for it in (x509.hash_data(*pair, wanted["hashAlgorithm"]) for pair in looked_at)
    )


_HASHES = ("serialNumber", "issuerNameHash", "issuerKeyHash")


def _orphans(st: Station, deleted: list[Certificate]) -> list[Certificate]:
    """The V2G certificates that lead to no root any more: nobody could tell their hashes (M04.FR.08)."""
    from ocppd.core import x509

    roots = [it for it in certificates.installed(st, V2G_ROOT) if it not in deleted]
    left = [it for entry in roots for it in x509.stored(entry.pem)]
    if not any(it.use == V2G_ROOT for it in deleted):
        return []
    return [
        entry
        for entry, pairs in chains(st, V2G)
        if entry not in deleted and not any(x509.is_issued_by(pairs[-1][0], root) for root in left)
    ]


# Get15118EVCertificate (M01, M02)


@on.command("get-15118-ev-certificate")
def get_15118_ev_certificate(
    st: Station,
    action: Literal["Install", "Update"] = "Install",
    *,
    exi_request: Exi,
    schema_version: Urn = "urn:iso:15118:2:2013:MsgDef",
) -> Later:
    """Have the CSMS get a contract certificate for the car, as the car asks for one (M01.FR.01, M02.FR.01).

    `exi_request` is the CertificateInstallationReq or CertificateUpdateReq of the car, in base64. The answer
    is the CSMS's response, whose `exiResponse` is for the car.
    """
    st.require_power()
    if not st.get(CONTRACT_INSTALLATION):
        raise CommandError("invalid_state", "ISO15118Ctrlr.ContractCertificateInstallationEnabled is false")
    try:
        b64decode(exi_request, validate=True)
    except (binascii.Error, ValueError):
        raise CommandError("invalid_argument", "exi_request: base64") from None
    if not st.state.csms.connected or st.request is None:
        raise CommandError("not_connected", "there is no connection to the CSMS")
    payload = {"iso15118SchemaVersion": schema_version, "action": action, "exiRequest": exi_request}
    st.send("Get15118EVCertificate", payload, context={"request": st.request.key})
    return LATER
