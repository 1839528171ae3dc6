"""A. The station's own certificates: asked for, signed by the CSMS, and put to use (A02, A03).

A key is made by an edge, which keeps it; the state knows its name. What is asked for is a `Signing`, which
stays until its certificate has come, or another one is asked for: only that starts anew what has ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from ocppd.blocks import a_security, b_device_model, b_network_profiles, m_certificates
from ocppd.core import certificates, comm, network, on
from ocppd.core.certificates import CSMS_ROOT, STATION, V2G, V2G_ROOT
from ocppd.core.errors import CommandError, as_command_error
from ocppd.core.state import Certificate, Signing
from ocppd.core.station import LATER, Done, Later
from ocppd.core.variables import boolean, integer, string

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as Parsed

    from ocppd.core.errors import CallError
    from ocppd.core.schemas import Payload
    from ocppd.core.state import QueuedCall
    from ocppd.core.station import Event, Station

# One certificate for the CSMS and for cars (A00.FR.428); OCPP tells it by leaving out the type.
COMBINED = "Combined"
_DAY = 86_400
_MONTH = 30 * _DAY
_LONGEST_WAIT = 31_536_000
# What becomes of an unanswered SignCertificate; any other error is the CSMS's last word.
_UNANSWERED = ("Timeout", "NotSent")

Use = Literal["ChargingStationCertificate", "V2GCertificate", "Combined"]


def _country(_st: Station, value: str) -> str | None:
    return None if re.fullmatch("[A-Z]{2}|", value, re.ASCII) else "InvalidValue"


MAX_CHAIN_SIZE = integer("SecurityCtrlr", "MaxCertificateChainSize", 10_000, minimum=1, maximum=10_000)
WAIT_MINIMUM = integer(
    "SecurityCtrlr", "CertSigningWaitMinimum", 30, mutability="ReadWrite", unit="s", minimum=1
)
REPEAT_TIMES = integer(
    "SecurityCtrlr", "CertSigningRepeatTimes", 3, mutability="ReadWrite", minimum=0, maximum=20
)
V2G_INSTALLATION = boolean("ISO15118Ctrlr", "V2GCertificateInstallationEnabled", True, mutability="ReadWrite")
PNC_ENABLED = boolean("ISO15118Ctrlr", "PnCEnabled", True, mutability="ReadWrite")
SECC_ID = string("ISO15118Ctrlr", "SeccId", "", mutability="ReadWrite", maximum=64)
COUNTRY_NAME = string("ISO15118Ctrlr", "CountryName", "", mutability="ReadWrite", maximum=2, check=_country)
V2G_ORGANIZATION_NAME = string(
    "ISO15118Ctrlr",
    "OrganizationName",
    lambda hardware, _evse, _connector: hardware.vendor,
    mutability="ReadWrite",
    minimum=1,
    maximum=64,
)


# Asking: a new key, a CSR, SignCertificate (A02.FR.02, A02.FR.03)

_Sends = list[Callable[[], None]]


@on.trigger("SignChargingStationCertificate")
def trigger_station(st: Station, _evse: int | None, _connector: int | None) -> _Sends:
    """A new certificate for the connection to the CSMS."""
    return _triggered(st, STATION)


@on.trigger("SignV2GCertificate")
def trigger_v2g(st: Station, _evse: int | None, _connector: int | None) -> _Sends | None:
    """A new certificate for cars; the station has one ISO15118Ctrlr for all its EVSEs."""
    return _triggered(st, V2G) if st.get(V2G_INSTALLATION) else None


@on.trigger("SignCombinedCertificate")
def trigger_combined(st: Station, _evse: int | None, _connector: int | None) -> _Sends | None:
    """A new certificate for both."""
    return _triggered(st, COMBINED) if st.get(V2G_INSTALLATION) else None


def _triggered(st: Station, use: str) -> _Sends:
    return [] if _obstacle(st, use) else [partial(_begin, st, Signing(use, triggered=True))]


@on.command("sign-certificate")
def sign_certificate(st: Station, certificate_type: Use = "ChargingStationCertificate") -> Later:
    """Make a new key and ask the CSMS for a certificate of it: for its connections, for cars, or for both."""
    st.require_power()
    if obstacle := _obstacle(st, certificate_type):
        raise CommandError("invalid_state", obstacle)
    request = st.request.key if st.request else None
    _begin(st, Signing(certificate_type, request=request))
    return LATER


def _obstacle(st: Station, use: str) -> str | None:
    """Why no certificate can be asked for, in words."""
    if use != STATION and not st.get(V2G_INSTALLATION):
        return "ISO15118Ctrlr.V2GCertificateInstallationEnabled is false"
    if not _subject(st, use)["common_name"]:
        return "the station has no serial number"
    return None


def _subject(st: Station, use: str) -> dict[str, str]:
    """What the certificate is to say of its owner (A00.FR.509, A00.FR.511, ISO15118Ctrlr)."""
    if use != V2G:
        return {"common_name": st.description.serial, "organization": st.get(comm.ORGANIZATION_NAME)}
    return {
        "common_name": st.get(SECC_ID) or st.description.serial,
        "organization": st.get(V2G_ORGANIZATION_NAME),
        "country": st.get(COUNTRY_NAME),
    }


def _begin(st: Station, signing: Signing) -> None:
    """Ask for it, in the place of an earlier one for the same use."""
    old = _signing(st, signing.use)
    if old is not None:
        st.state.signings.remove(old)
        st.finish(old.request, CommandError("invalid_state", "another one has been asked for meanwhile"))
    st.state.signings.append(signing)
    _make_key(st, signing)


def _signing(st: Station, use: str) -> Signing | None:
    return next((it for it in st.state.signings if it.use == use), None)


def _make_key(st: Station, signing: Signing) -> None:
    st.work("key", f"key:{signing.use}", make=_subject(st, signing.use))


@on.work("key")
def key_made(st: Station, job: str, report: Mapping[str, Any]) -> None:
    """The edge has made a key and the CSR for it, or could not; it never tells the key (A02.FR.05)."""
    signing = _signing(st, job.removeprefix("key:"))
    if signing is None or signing.csr:
        return
    if "csr" not in report:
        st.state.signings.remove(signing)
        st.emit("warning", message="no key could be made for a certificate")
        _watch(st, st.now + _DAY)
        st.finish(signing.request, CommandError("internal", "no key could be made"))
        return
    signing.key, signing.csr = report["name"], report["csr"]
    _send(st, signing)
    _forget_keys(st)


def _send(st: Station, signing: Signing) -> None:
    payload = {"csr": signing.csr}
    if signing.use != COMBINED:
        payload["certificateType"] = signing.use  # A02.FR.13, A03.FR.13
    context = {"use": signing.use, "key": signing.key}
    st.send("SignCertificate", payload, context=context, keep=True, while_pending=signing.triggered)


def _forget_keys(st: Station) -> None:
    """Have the edge delete every key that no certificate and no CSR needs."""
    if any(not it.csr and not it.refused for it in st.state.signings):
        return  # one is being made: there is another look after that
    names = {it.key for it in (*(st.state.certificates or ()), *st.state.signings) if it.key}
    st.work("key", "keys", keep=sorted(names))


@on.event("started")
def go_on(st: Station, _event: Event) -> None:
    """No job has survived: ask again for the keys that were being made."""
    for signing in st.state.signings:
        if not signing.csr and not signing.refused:
            _make_key(st, signing)


# The answer, and asking again (A02.FR.17 to .21)


@on.reply("SignCertificate")
def answered(st: Station, call: QueuedCall, response: Payload) -> None:
    """Accepted: wait for the certificate. Rejected: that is the end of it."""
    signing = _asked(st, call)
    if signing is None:
        return
    request, signing.request = signing.request, None
    if response["status"] == "Accepted":
        _wait(st, signing)
        st.finish(request, Done(result=response))
    else:
        _give_up(st, signing)
        st.finish(request, CommandError("csms_rejected", "the CSMS does not have it signed", response))


@on.failed("SignCertificate")
def not_answered(st: Station, call: QueuedCall, failure: CallError) -> None:
    """No answer is no refusal: ask again in a while. An error is one."""
    signing = _asked(st, call)
    if signing is None:
        return
    request, signing.request = signing.request, None
    if failure.code in _UNANSWERED:
        _wait(st, signing)
    else:
        _give_up(st, signing)
    st.finish(request, as_command_error(failure))


def _asked(st: Station, call: QueuedCall) -> Signing | None:
    """What the call has asked for, if that is still wanted."""
    signing = _signing(st, call.context["use"])
    return signing if signing is not None and signing.key == call.context["key"] else None


def _wait(st: Station, signing: Signing) -> None:
    """Ask again when no certificate has come, after twice the time at each turn (A02.FR.17, A02.FR.18).

    The time is doubled CertSigningRepeatTimes times, and after that there is no other turn (A02.FR.19).
    """
    if signing.repeats <= st.get(REPEAT_TIMES):
        signing.due = st.now + min(st.get(WAIT_MINIMUM) * 2**signing.repeats, _LONGEST_WAIT)
    _arm(st)


def _give_up(st: Station, signing: Signing) -> None:
    """The CSMS refuses: its CSR and key are of no use, and there is no other turn."""
    signing.refused, signing.due, signing.key, signing.csr = True, None, "", ""
    _forget_keys(st)
    if signing.use == V2G and st.get(PNC_ENABLED):  # A02.FR.21
        b_device_model.put_until_the_boot(st, PNC_ENABLED, "false")


@on.timer("sign")
def ask_again(st: Station) -> None:
    """The certificate has not come in time."""
    for signing in st.state.signings:
        if signing.due is not None and signing.due <= st.now:
            signing.due = None
            signing.repeats += 1
            _send(st, signing)
    _arm(st)


def _arm(st: Station) -> None:
    st.cancel("sign")
    dues = [it.due for it in st.state.signings if it.due is not None]
    if dues:
        st.at(min(dues), "sign")


@on.event("power_up")
def after_the_boot(st: Station, _event: Event) -> None:
    """What waited goes on."""
    _arm(st)


# CertificateSigned (A02.FR.06 to .16)


@on.call("CertificateSigned")
def certificate_signed(st: Station, request: Payload) -> Payload:
    """Put a new certificate to use, if nothing is wrong with it (A02.FR.08); else tell so (A02.FR.07)."""
    from ocppd.core import x509

    text, use = request["certificateChain"], request.get("certificateType")
    if len(text) > st.get(MAX_CHAIN_SIZE):  # A02.FR.16
        longest = f"MaxCertificateChainSize is {st.get(MAX_CHAIN_SIZE)}"
        return m_certificates.refusal(ValueError(longest), "TooLargeElement")
    if use == V2G and not st.get(V2G_INSTALLATION):
        return m_certificates.refusal(ValueError("V2GCertificateInstallationEnabled is false"), "NotEnabled")
    try:
        chain = x509.read(text, x509.LONGEST_CHAIN + 1)
        owner, uses, asked = _owner(st, chain[0], use)
        path, root = x509.check_chain(chain, _roots(st, asked), m_certificates.moment(st))
        x509.check_leaf(path[0], _name(owner), m_certificates.moment(st))
    except x509.CertificateError as error:
        _wait_no_more(st, use)
        a_security.notify(st, "InvalidChargingStationCertificate", str(error))
        return m_certificates.refusal(error, error.code)
    if not _has_room(st, uses):
        return m_certificates.refusal(ValueError("there is no room for it"), "OutOfStorage")
    st.state.signings = [it for it in st.state.signings if it is not owner]
    _arm(st)
    _install(st, uses, Certificate(uses[0], x509.to_pem(path), owner.key), root)
    return {"status": "Accepted"}


def _owner(st: Station, leaf: Parsed, use: str | None) -> tuple[Signing | Certificate, list[str], set[str]]:
    """What has asked for the certificate: the CSR, or the one before, of the same key.

    With it what the certificate is for, and for what one was asked for. Raises CertificateError.
    """
    from ocppd.core import x509

    key = x509.key_of(leaf)
    asked: list[Signing | Certificate] = [
        it for it in st.state.signings if it.csr and x509.key_of(x509.request_of(it.csr)) == key
    ]
    own: list[Signing | Certificate] = [it for it, old in _own(st, STATION, V2G) if x509.key_of(old) == key]
    if not asked and not own:
        raise x509.CertificateError("it is for another key than the one that was asked for")
    uses = {one for it in asked or own for one in ((STATION, V2G) if it.use == COMBINED else (it.use,))}
    if use is not None and use not in uses:
        raise x509.CertificateError("another type of certificate was asked for")
    return (asked or own)[0], [use] if use else sorted(uses), uses


def _own(st: Station, *uses: str) -> list[tuple[Certificate, Parsed]]:
    """The station's certificates for these uses as they are now, and what stands in them."""
    found = [it for it in certificates.installed(st, *uses) if not it.fallback]
    if not found:
        return []
    from ocppd.core import x509

    return [(it, path[0]) for it in found if (path := x509.stored(it.pem))]


def _name(owner: Signing | Certificate) -> str:
    """The commonName that was asked for."""
    from ocppd.core import x509

    named = x509.request_of(owner.csr) if isinstance(owner, Signing) else x509.stored(owner.pem)[0]
    return x509.common_name(named.subject)


def _roots(st: Station, asked: set[str]) -> list[Parsed]:
    """The roots that may have issued it: the operator's for itself, those of V2G for cars (A02.FR.06)."""
    from ocppd.core import x509

    uses = [root for use, root in ((STATION, CSMS_ROOT), (V2G, V2G_ROOT)) if use in asked]
    return [it for entry in certificates.installed(st, *uses) for it in x509.stored(entry.pem)]


def _has_room(st: Station, uses: Sequence[str]) -> bool:
    """Whether CertificateEntries allows it; one for the CSMS takes the place of what was before that."""
    found = [it for it in certificates.installed(st) if it.use != STATION or not it.fallback]
    return len(found) + len(uses) <= m_certificates.MOST


def _wait_no_more(st: Station, use: str | None) -> None:
    """A certificate that is not valid is not asked for again, until somebody says so (A02.FR.20)."""
    for it in st.state.signings:
        if use in (None, it.use) or it.use == COMBINED:
            it.due = None
    _arm(st)


def _install(st: Station, uses: Sequence[str], new: Certificate, root: Parsed) -> None:
    """Keep the new certificate for these uses, and what it does not replace."""
    found = certificates.installed(st)
    same = [it.use for it in found if it.use in uses and not it.fallback and it.pem == new.pem]
    for use in uses:
        if use in same:  # the CSMS says it twice
            continue
        found = _for_the_csms(st, found) if use == STATION else _for_cars(found, new, root)
        found.append(Certificate(use, new.pem, new.key))
    if set(uses) <= set(same):
        return
    m_certificates.keep(st, found, f"installed a {' and a '.join(uses)}")
    _forget_keys(st)
    if STATION in uses and STATION not in same and _is_shown(st):
        b_network_profiles.reconnect(st, "new certificate")  # A02.FR.08


def _for_the_csms(st: Station, found: list[Certificate]) -> list[Certificate]:
    """What stays beside a new certificate for the CSMS: where that sees it, the one that has worked."""
    others, own = [it for it in found if it.use != STATION], [it for it in found if it.use == STATION]
    if not own or not _is_shown(st):
        return others
    worked = next((it for it in own if it.fallback), own[-1])
    return [*others, replace(worked, fallback=True)]


def _is_shown(st: Station) -> bool:
    return network.in_use(st).security_profile == 3


def _for_cars(found: list[Certificate], new: Certificate, root: Parsed) -> list[Certificate]:
    """What stays beside a new certificate for cars: no older one of the same root (A02.FR.15)."""
    from ocppd.core import x509

    start = x509.start(x509.stored(new.pem)[0])

    def is_replaced(pem: str) -> bool:
        path = x509.stored(pem)
        return x509.start(path[0]) <= start and x509.is_issued_by(path[-1], root)

    return [it for it in found if it.use != V2G or not is_replaced(it.pem)]


# Which of two certificates counts (A02.FR.10, A02.FR.28, A02.FR.29)


@on.event("no_profile_worked")
def take_turns(st: Station, _event: Event) -> None:
    """No way to the CSMS is open for the one certificate: the other has its turn (A02.FR.28, A03.FR.24)."""
    for it in _fallback(st):
        it.in_turn = not it.in_turn


@on.event("csms_connected")
def certificate_is_proven(st: Station, _event: Event) -> None:
    """The CSMS has taken one of the two: the other goes (A02.FR.10, A03.FR.10)."""
    old = _fallback(st)
    if not old or not _is_shown(st):
        return
    if old[0].in_turn:
        gone = [it for it in certificates.installed(st, STATION) if not it.fallback]
        a_security.notify(st, "DiscardedRenewedClientCertificate")  # A02.FR.29, A03.FR.25
    else:
        gone = old
    left = [it for it in certificates.installed(st) if it not in gone]
    m_certificates.keep(st, left, "discarded a ChargingStationCertificate")
    _forget_keys(st)


def _fallback(st: Station) -> list[Certificate]:
    return [it for it in st.state.certificates or () if it.use == STATION and it.fallback]


# Renewal by the station itself (A03)


@on.event("started", "power_up", "certificates_changed", "clock_set")
def watch(st: Station, _event: Event) -> None:
    """Note when the next certificate will have a month left (A03.FR.02)."""
    _watch(st, st.now)


def _watch(st: Station, earliest: float) -> None:
    st.cancel("expiry")
    found = _renewable(st) if certificates.installed(st) else []
    if found:
        from ocppd.core import x509

        due = min(x509.expiry(leaf) for _, leaf in found) - _MONTH - st.state.clock_offset
        st.at(max(due, earliest), "expiry")


def _renewable(st: Station) -> list[tuple[Certificate, Parsed]]:
    """The certificates that are in use and have not been asked for anew."""
    asked = {it.use for it in st.state.signings}
    if COMBINED in asked:
        return []
    in_use = {V2G: st.get(V2G_INSTALLATION), STATION: _is_shown(st)}
    uses = [use for use, is_used in in_use.items() if is_used and use not in asked]
    return _own(st, *uses) if uses else []


@on.timer("expiry")
def renew(st: Station) -> None:
    """A certificate has a month left: ask for a new one, with a new key (A03.FR.02)."""
    from ocppd.core import x509

    late = m_certificates.moment(st) + _MONTH
    old = [it for it, leaf in _renewable(st) if x509.expiry(leaf) <= late]
    pems = [it.pem for it in old]
    uses = [COMBINED] if len(set(pems)) < len(pems) else sorted({it.use for it in old})
    for use in uses:
        if st.is_running and not _obstacle(st, use):
            _begin(st, Signing(use))
    _watch(st, st.now + _DAY)
