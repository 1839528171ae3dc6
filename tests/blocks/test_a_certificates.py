"""A02, A03: the station's own certificates, from the CSR to the first connection with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ocppd.core import x509
from ocppd.core.description import Csms, Hardware, Tls
from ocppd.core.errors import CallError
from ocppd.edge.keys import KeyStore
from tests.bench import START, Bench, Json, with_presets
from tests.certificates import DAY, OCSP, Authority, key_pem, name_of, root

NewBench = Callable[..., Bench]

STATION, V2G = "ChargingStationCertificate", "V2GCertificate"
ROOT, V2G_ROOT = root(), root("V2G root")
SUB = Authority("Sub", ROOT)
V2G_SUB = Authority("V2G sub 2", Authority("V2G sub 1", V2G_ROOT))
TRIGGERS = {
    STATION: "SignChargingStationCertificate",
    V2G: "SignV2GCertificate",
    "": "SignCombinedCertificate",
}


def first_certificate(**more: Any) -> str:
    """What the station comes with."""
    return SUB.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name_of("SN0001"), **more)


FIRST = first_certificate()


def csms(profile: int = 3, chain: str = FIRST) -> Csms:
    tls = Tls(ca="ca.pem", cert="own.pem", key="own.key", roots=ROOT.pem, chain=chain)
    return Csms("wss://csms.example.test", profile, "only-for-tests-0001", tls)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path)


@pytest.fixture
def bench(new_bench: NewBench) -> Bench:
    """A station of security profile 3, for whose CSMS every CSR is welcome."""
    return accepting(new_bench(csms=csms()))


def accepting(bench: Bench) -> Bench:
    bench.answers["SignCertificate"] = {"status": "Accepted"}
    bench.answers["GetCertificateStatus"] = {"status": "Failed"}
    if bench.state.csms.connected:  # months will pass
        bench.set("OCPPCommCtrlr.HeartbeatInterval", 10 * DAY)
        bench.set("OCPPCommCtrlr.WebSocketPingInterval", 0)
    return bench


def trigger(bench: Bench, use: str = STATION) -> str:
    return str(bench.csms("TriggerMessage", {"requestedMessage": TRIGGERS[use]})["status"])


def job(use: str = STATION) -> str:
    """The key of the job that makes a key."""
    return f"key:{use or 'Combined'}"


def make_key(bench: Bench, keys: KeyStore, use: str = STATION) -> str:
    """Do the job of the edge; returns the name of the key."""
    name, csr = keys.make("CP001", bench.jobs[job(use)].data["make"])
    bench.report(job(use), name=name, csr=csr)
    return name


def ask(bench: Bench, keys: KeyStore, use: str = STATION) -> str:
    """Have a certificate asked for; returns the CSR."""
    assert trigger(bench, use) == "Accepted"
    make_key(bench, keys, use)
    (request,) = bench.sent("SignCertificate")
    return str(request["csr"])


def signed(bench: Bench, chain: str, use: str = "") -> Json:
    request = {"certificateChain": chain} | ({"certificateType": use} if use else {})
    return bench.csms("CertificateSigned", request)


def renew(bench: Bench, keys: KeyStore, **more: Any) -> str:
    """A new certificate for the connection, which is not made yet; returns its chain."""
    chain = SUB.sign(ask(bench, keys), **more)
    assert signed(bench, chain, STATION) == {"status": "Accepted"}
    return chain


def security_events(bench: Bench) -> list[str]:
    return [it["type"] for it in bench.sent("SecurityEventNotification")]


def reason(response: Json) -> tuple[str, str]:
    return response["status"], response["statusInfo"]["additionalInfo"]


def kept(bench: Bench) -> list[str]:
    """The keys that the edge was told to keep, the others are deleted."""
    found: list[str] = bench.jobs["keys"].data["keep"]
    return found


def installed(bench: Bench, use: str) -> list[str]:
    return [it.pem for it in bench.state.certificates or [] if it.use == use]


def install(bench: Bench, authority: Authority, use: str) -> None:
    request = {"certificateType": use, "certificate": authority.pem}
    assert bench.csms("InstallCertificate", request) == {"status": "Accepted"}


# Asking for one


@pytest.mark.parametrize("use", [STATION, V2G, ""])
def test_A02_FR_02_A02_FR_03_A02_FR_13_a_trigger_leads_to_a_new_key_and_its_csr(
    bench: Bench, keys: KeyStore, use: str
) -> None:
    assert trigger(bench, use) == "Accepted"
    assert bench.sent("SignCertificate") == []  # the edge makes the key first
    make_key(bench, keys, use)
    (request,) = bench.sent("SignCertificate")
    csr = library.load_pem_x509_csr(request.pop("csr").encode())
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == "CN=SN0001,O=ocppd"
    assert request == ({"certificateType": use} if use else {})


def test_A00_FR_509_A00_FR_511_the_csr_names_serial_number_and_organization(
    bench: Bench, keys: KeyStore
) -> None:
    bench.set("SecurityCtrlr.OrganizationName", "CSO Ltd")
    csr = library.load_pem_x509_csr(ask(bench, keys).encode())
    assert csr.subject.rfc4514_string() == "CN=SN0001,O=CSO Ltd"


def test_A00_FR_513_the_key_is_one_that_iso_15118_2_allows(bench: Bench, keys: KeyStore) -> None:
    csr = library.load_pem_x509_csr(ask(bench, keys, "").encode())
    public = csr.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    assert csr.signature_hash_algorithm is not None
    assert csr.signature_hash_algorithm.name == "sha256"


def test_A02_the_csr_for_cars_says_what_iso15118ctrlr_says(bench: Bench, keys: KeyStore) -> None:
    bench.set("ISO15118Ctrlr.SeccId", "DE-ICE-S-0003")
    bench.set("ISO15118Ctrlr.CountryName", "DE")
    bench.set("ISO15118Ctrlr.OrganizationName", "Cars Ltd")
    csr = library.load_pem_x509_csr(ask(bench, keys, V2G).encode())
    assert csr.subject.rfc4514_string() == "CN=DE-ICE-S-0003,O=Cars Ltd,C=DE"


def test_a_country_has_two_capital_letters(bench: Bench) -> None:
    item = {
        "component": {"name": "ISO15118Ctrlr"},
        "variable": {"name": "CountryName"},
        "attributeValue": "d1",
    }
    response = bench.csms("SetVariables", {"setVariableData": [item]})
    assert response["setVariableResult"][0]["attributeStatus"] == "Rejected"


def test_A02_FR_05_A03_FR_05_no_key_is_in_the_state_or_in_a_frame(bench: Bench, keys: KeyStore) -> None:
    renew(bench, keys)
    assert "PRIVATE" not in str(bench.state)
    assert "PRIVATE" not in str(bench.frames)


def test_TC_F_27_F06_FR_08_a_station_that_may_not_have_a_v2g_certificate_never_asks_for_one(
    bench: Bench,
) -> None:
    bench.set("ISO15118Ctrlr.V2GCertificateInstallationEnabled", False)
    assert [trigger(bench, use) for use in (V2G, "", STATION)] == [
        "NotImplemented",
        "NotImplemented",
        "Accepted",
    ]


def test_A02_a_second_trigger_takes_the_place_of_the_first(bench: Bench, keys: KeyStore) -> None:
    first = ask(bench, keys)
    second = ask(bench, keys)
    assert first != second
    assert reason(signed(bench, SUB.sign(first), STATION))[0] == "Rejected"
    assert signed(bench, SUB.sign(second), STATION) == {"status": "Accepted"}


def test_A02_a_key_that_was_being_made_is_asked_for_again_after_a_restart(
    bench: Bench, keys: KeyStore
) -> None:
    trigger(bench)
    bench.start_again()
    bench.reconnect()
    name = make_key(bench, keys)
    assert len(bench.sent("SignCertificate")) == 1
    assert kept(bench) == [name]  # one that was made and never told goes
    bench.start_again()
    assert job() not in bench.jobs


def test_A02_B02_FR_02_a_triggered_csr_is_sent_while_the_csms_says_pending(
    new_bench: NewBench, keys: KeyStore
) -> None:
    bench = accepting(new_bench(csms=csms(), boot=False))
    bench.answers["BootNotification"] = {
        "status": "Pending",
        "interval": 300,
        "currentTime": "2025-01-01T10:00:00Z",
    }
    bench.connect()
    bench.settle()
    ask(bench, keys)


# The command


def test_A02_a_command_asks_for_a_certificate_and_tells_the_answer(bench: Bench, keys: KeyStore) -> None:
    assert bench.do("sign-certificate", V2G) is None
    make_key(bench, keys, V2G)
    (request,) = bench.sent("SignCertificate")
    assert request["certificateType"] == V2G
    done = bench.late_answer().done
    assert done is not None
    assert done.result == {"status": "Accepted"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [({"status": "Rejected"}, "csms_rejected"), (CallError("InternalError", "oops"), "csms_error")],
)
def test_A02_the_command_tells_of_a_refusal(bench: Bench, keys: KeyStore, answer: Any, code: str) -> None:
    bench.answers["SignCertificate"] = answer
    bench.do("sign-certificate")
    make_key(bench, keys)
    error = bench.late_answer().error
    assert error is not None
    assert error.code == code


def test_A02_the_command_tells_where_no_key_could_be_made_or_another_took_its_place(
    bench: Bench, keys: KeyStore
) -> None:
    bench.do("sign-certificate")
    bench.report(job(), error="disk full")
    error = bench.late_answer().error
    assert error is not None
    assert error.code == "internal"
    assert bench.state.signings == []
    bench.do("sign-certificate")
    trigger(bench)
    error = bench.late_answer().error
    assert error is not None
    assert error.code == "invalid_state"
    make_key(bench, keys)
    assert len(bench.sent("SignCertificate")) == 1


def test_A02_a_station_without_power_asks_for_nothing(bench: Bench) -> None:
    bench.do("power", "OFF")
    answer = bench.do("sign-certificate")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"


# Asking again (A02.FR.17 to .21)


def set_back_off(bench: Bench, wait: int, repeats: int) -> None:
    bench.set("SecurityCtrlr.CertSigningWaitMinimum", wait)
    bench.set("SecurityCtrlr.CertSigningRepeatTimes", repeats)


def test_TC_A_23_A02_FR_17_A02_FR_18_A02_FR_19_A03_FR_17_A03_FR_18_A03_FR_19_the_csr_is_sent_again_and_the_wait_doubles(  # noqa: E501
    bench: Bench, keys: KeyStore
) -> None:
    set_back_off(bench, 100, 1)
    csr = ask(bench, keys)
    for wait in (100, 200):
        bench.advance(wait - 1)
        assert bench.sent("SignCertificate") == []
        bench.advance(1)
        assert bench.sent("SignCertificate") == [{"csr": csr, "certificateType": STATION}]
    bench.advance(DAY)
    assert bench.sent("SignCertificate") == []
    chains = [SUB.sign(csr) for _ in range(3)]  # late, and one for each time
    for chain in chains:
        assert signed(bench, chain, STATION) == {"status": "Accepted"}
    assert installed(bench, STATION) == [FIRST, chains[-1]]


def test_A02_FR_17_the_wait_goes_on_after_a_reboot_and_a_timeout_is_no_refusal(
    bench: Bench, keys: KeyStore
) -> None:
    set_back_off(bench, 100, 5)
    bench.silent.add("SignCertificate")
    ask(bench, keys)
    bench.advance(30)  # MessageTimeout
    bench.silent.clear()
    bench.advance(100)
    assert len(bench.sent("SignCertificate")) == 1
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(300)
    bench.do("power", "ON")
    bench.reconnect()
    bench.advance(1)
    assert len(bench.sent("SignCertificate")) == 1


def test_A02_FR_17_a_certificate_that_has_come_ends_the_wait(bench: Bench, keys: KeyStore) -> None:
    renew(bench, keys)
    bench.advance(DAY)
    assert bench.sent("SignCertificate") == []


@pytest.mark.parametrize("answer", [{"status": "Rejected"}, CallError("NotImplemented", "no")])
def test_TC_A_15_a_refused_csr_is_not_sent_again_and_its_key_goes(
    bench: Bench, keys: KeyStore, answer: Any
) -> None:
    bench.answers["SignCertificate"] = answer
    csr = ask(bench, keys)
    assert kept(bench) == []
    bench.advance(400 * DAY)
    assert bench.sent("SignCertificate") == []
    assert reason(signed(bench, SUB.sign(csr, days=800), STATION))[0] == "Rejected"
    bench.answers["SignCertificate"] = {"status": "Accepted"}
    ask(bench, keys)  # the CSMS may want it all the same


def pnc(bench: Bench) -> str:
    item = {"component": {"name": "ISO15118Ctrlr"}, "variable": {"name": "PnCEnabled"}}
    response = bench.csms("GetVariables", {"getVariableData": [item]})
    return str(response["getVariableResult"][0]["attributeValue"])


def power_cut(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.reconnect()


@pytest.fixture
def refused(bench: Bench) -> Bench:
    """A station whose CSMS refuses every CSR."""
    bench.answers["SignCertificate"] = {"status": "Rejected"}
    return bench


def test_A02_FR_21_a_refused_v2g_csr_switches_plug_and_charge_off_until_the_next_boot(
    refused: Bench, keys: KeyStore
) -> None:
    ask(refused, keys, STATION)
    assert pnc(refused) == "true"
    ask(refused, keys, V2G)
    assert pnc(refused) == "false"
    power_cut(refused)
    assert pnc(refused) == "true"


@pytest.mark.parametrize("wanted", [True, False])
def test_A02_FR_21_what_the_csms_sets_in_the_meantime_is_what_counts(
    refused: Bench, keys: KeyStore, wanted: bool
) -> None:
    ask(refused, keys, V2G)
    refused.set("ISO15118Ctrlr.PnCEnabled", wanted)
    assert pnc(refused) == str(wanted).lower()
    power_cut(refused)
    assert pnc(refused) == str(wanted).lower()


def test_A02_FR_21_what_was_off_before_stays_so(refused: Bench, keys: KeyStore) -> None:
    refused.set("ISO15118Ctrlr.PnCEnabled", False)
    ask(refused, keys, V2G)
    power_cut(refused)
    assert pnc(refused) == "false"


# CertificateSigned


def test_TC_A_11_A00_FR_507_A02_FR_06_A02_FR_08_a_valid_certificate_is_put_to_use_at_once(
    bench: Bench, keys: KeyStore
) -> None:
    assert trigger(bench) == "Accepted"
    key = make_key(bench, keys)
    (request,) = bench.sent("SignCertificate")
    chain = SUB.sign(request["csr"])
    assert bench.endpoint().trust.chain == FIRST
    assert signed(bench, chain, STATION) == {"status": "Accepted"}
    bench.advance(5)
    assert [it.kind for it in bench.orders] == ["close"]  # and the link connects again
    trust = bench.endpoint().trust
    assert (trust.chain, trust.key) == (chain, key)
    private: Any = load_pem_private_key(keys.file_of("CP001", key).read_bytes(), None)
    assert x509.key_of(x509.read(chain, 2)[0]) == x509.key_of(
        library.load_pem_x509_csr(request["csr"].encode())
    )
    assert private.public_key() == x509.read(chain, 2)[0].public_key()
    assert security_events(bench) == []


def test_TC_A_12_A02_FR_06_a_v2g_certificate_is_installed_and_its_status_asked_for(
    bench: Bench, keys: KeyStore
) -> None:
    install(bench, V2G_ROOT, "V2GRootCertificate")
    chain = V2G_SUB.sign(ask(bench, keys, V2G))
    assert signed(bench, chain, V2G) == {"status": "Accepted"}
    assert installed(bench, V2G) == [chain]
    bench.advance(5)
    assert bench.orders == []  # the connection to the CSMS has nothing to do with it
    assert len(bench.sent("GetCertificateStatus")) == 3  # TC_M_24, M06.FR.07: leaf and both sub-CAs
    assert bench.endpoint().trust.chain == FIRST


@pytest.mark.parametrize("issuer", [SUB, V2G_SUB], ids=["CSMS", "V2G"])
def test_TC_A_13_A00_FR_428_a_combined_certificate_is_for_both(
    bench: Bench, keys: KeyStore, issuer: Authority
) -> None:
    install(bench, V2G_ROOT, "V2GRootCertificate")
    csr = ask(bench, keys, "")
    chain = issuer.sign(csr)
    assert signed(bench, chain) == {"status": "Accepted"}
    assert bench.endpoint().trust.chain == chain
    assert installed(bench, V2G) == [chain]
    assert signed(bench, chain) == {"status": "Accepted"}
    bench.drop()
    bench.reconnect()
    assert installed(bench, STATION) == installed(bench, V2G) == [chain]


def test_A02_a_csms_that_leaves_the_type_out_means_what_was_asked_for(bench: Bench, keys: KeyStore) -> None:
    chain = SUB.sign(ask(bench, keys))
    assert signed(bench, chain) == {"status": "Accepted"}
    assert bench.endpoint().trust.chain == chain
    assert installed(bench, V2G) == []


BAD: dict[str, Callable[[str], str]] = {
    "it has expired": lambda csr: SUB.sign(csr, start=START - 2 * DAY, days=1),
    "it is not valid yet": lambda csr: SUB.sign(csr, start=START + 60),
    "it does not lead to a root that is installed for it": V2G_SUB.sign,
    "it is for another key than the one that was asked for": lambda _csr: first_certificate(),
    "there is a private key in it": lambda csr: SUB.sign(csr) + key_pem(SUB.key),
    "it is no X.509 certificate in PEM": lambda csr: csr,
    "its commonName is not the one that was asked for": lambda csr: SUB.issue(
        library.load_pem_x509_csr(csr.encode()).public_key(), name_of("SN0002")
    ),
    "its subject has no organizationName": lambda csr: SUB.issue(
        library.load_pem_x509_csr(csr.encode()).public_key(), name_of("SN0001", None)
    ),
}


@pytest.mark.parametrize("why", BAD)
def test_TC_A_14_A02_FR_06_A02_FR_07_A02_FR_20_A03_FR_06_A03_FR_07_a_bad_one_is_rejected_and_told(
    bench: Bench, keys: KeyStore, why: str
) -> None:
    csr = ask(bench, keys)
    assert reason(signed(bench, BAD[why](csr), STATION)) == ("Rejected", why)
    (told,) = bench.sent("SecurityEventNotification")
    assert (told["type"], told["techInfo"]) == ("InvalidChargingStationCertificate", why)
    assert bench.endpoint().trust.chain == FIRST
    assert bench.orders == []
    bench.advance(DAY)
    assert bench.sent("SignCertificate") == []
    assert signed(bench, SUB.sign(csr), STATION) == {"status": "Accepted"}  # a better one for the same CSR


def test_A02_FR_06_without_an_installed_root_there_is_no_hierarchy(
    new_bench: NewBench, keys: KeyStore
) -> None:
    bench = accepting(new_bench())
    csr = ask(bench, keys)
    assert reason(signed(bench, SUB.sign(csr), STATION))[0] == "Rejected"
    install(bench, ROOT, "CSMSRootCertificate")
    assert signed(bench, SUB.sign(csr), STATION) == {"status": "Accepted"}
    bench.advance(5)
    assert bench.orders == []  # a connection without it need not be made anew


def test_A02_FR_13_a_certificate_of_another_type_than_was_asked_for_is_rejected(
    bench: Bench, keys: KeyStore
) -> None:
    install(bench, V2G_ROOT, "V2GRootCertificate")
    chain = SUB.sign(ask(bench, keys))
    assert reason(signed(bench, chain, V2G)) == ("Rejected", "another type of certificate was asked for")


def test_A02_FR_16_A03_FR_16_a_chain_that_is_too_long_is_rejected(
    new_bench: NewBench, keys: KeyStore
) -> None:
    hardware = with_presets(Hardware(), SecurityCtrlr__MaxCertificateChainSize="1000")
    bench = accepting(new_bench(hardware, csms=csms()))
    chain = SUB.sign(ask(bench, keys))
    response = signed(bench, chain, STATION)
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Rejected", "TooLargeElement")
    assert security_events(bench) == []


def test_A02_a_v2g_certificate_that_may_not_be_installed_is_rejected(bench: Bench, keys: KeyStore) -> None:
    csr = ask(bench, keys, V2G)
    bench.set("ISO15118Ctrlr.V2GCertificateInstallationEnabled", False)
    response = signed(bench, V2G_SUB.sign(csr), V2G)
    assert response["statusInfo"]["reasonCode"] == "NotEnabled"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(text=some.text(max_size=300), cut=some.integers(0, len(FIRST)))
def test_A02_FR_07_arbitrary_text_is_rejected(bench: Bench, text: str, cut: int) -> None:
    for chain in (text, FIRST[:cut] + text + FIRST[cut:]):
        if FIRST not in chain:
            assert signed(bench, chain)["status"] == "Rejected" or bench.state.certificates is None


@pytest.mark.parametrize("newer", [True, False])
def test_A02_FR_15_A03_FR_15_of_one_root_the_newest_v2g_certificate_is_used(
    bench: Bench, keys: KeyStore, newer: bool
) -> None:
    install(bench, V2G_ROOT, "V2GRootCertificate")
    starts = [START - 2 * DAY, START - DAY] if newer else [START - DAY, START - 2 * DAY]
    chains = []
    for start in starts:
        chains.append(V2G_SUB.sign(ask(bench, keys, V2G), start=start))
        assert signed(bench, chains[-1], V2G) == {"status": "Accepted"}
    newest = x509.serial_number(x509.read(chains[1 if newer else 0], 3)[0])
    assert installed(bench, V2G) == ([chains[1]] if newer else chains)
    bench.sent()
    bench.do("get-certificate-status")
    (request,) = bench.sent("GetCertificateStatus")
    assert request["ocspRequestData"]["serialNumber"] == newest
    assert request["ocspRequestData"]["responderURL"] == OCSP


def test_A02_FR_15_of_another_root_it_is_another_certificate(bench: Bench, keys: KeyStore) -> None:
    other = root("Other V2G root")
    chains = []
    for top, issuer in ((V2G_ROOT, V2G_SUB), (other, other)):
        install(bench, top, "V2GRootCertificate")
        chains.append(issuer.sign(ask(bench, keys, V2G)))
        assert signed(bench, chains[-1], V2G) == {"status": "Accepted"}
    assert installed(bench, V2G) == chains


# The first connection with it (A02.FR.10, A02.FR.28, A02.FR.29)


def test_A02_FR_10_A03_FR_10_the_old_certificate_goes_when_the_new_one_has_connected(
    bench: Bench, keys: KeyStore
) -> None:
    second = renew(bench, keys)
    first_key = bench.state.certificates[-1].key  # type: ignore[index]
    assert installed(bench, STATION) == [FIRST, second]
    bench.drop()
    bench.reconnect()
    assert installed(bench, STATION) == [second]
    third = renew(bench, keys)
    assert first_key in kept(bench)
    bench.drop()
    bench.reconnect()
    assert installed(bench, STATION) == [third]
    assert kept(bench) == [bench.state.certificates[-1].key]  # type: ignore[index]
    assert security_events(bench) == []


def test_A02_FR_28_A03_FR_24_the_two_certificates_take_turns_after_all_attempts(
    bench: Bench, keys: KeyStore
) -> None:
    new = renew(bench, keys)
    bench.drop()
    for chain in (new, FIRST, new, FIRST):
        for _ in range(3):  # NetworkProfileConnectionAttempts of the only slot
            assert bench.endpoint().trust.chain == chain
            bench.fail_to_connect()


def test_A02_FR_10_A02_FR_29_A03_FR_25_a_new_certificate_that_did_not_work_is_discarded_and_that_is_told(
    bench: Bench, keys: KeyStore
) -> None:
    renew(bench, keys)
    bench.drop()
    for _ in range(3):
        bench.fail_to_connect()
    bench.reconnect()
    assert security_events(bench) == ["DiscardedRenewedClientCertificate"]
    assert installed(bench, STATION) == [FIRST]
    assert kept(bench) == ["own.key"]
    assert bench.endpoint().trust.key == "own.key"
    bench.drop()
    for _ in range(4):
        assert bench.endpoint().trust.chain == FIRST
        bench.fail_to_connect()


def test_A02_FR_10_a_connection_that_shows_no_certificate_proves_none(
    new_bench: NewBench, keys: KeyStore
) -> None:
    bench = accepting(new_bench(csms=csms(profile=2)))
    new = renew(bench, keys)
    bench.advance(5)
    assert bench.orders == []
    assert installed(bench, STATION) == [new]


# Renewal by the station itself (A03)


def test_A03_FR_02_A03_FR_03_A03_FR_08_A03_FR_13_a_certificate_that_expires_in_a_month_is_renewed(
    new_bench: NewBench, keys: KeyStore
) -> None:
    chain = first_certificate(start=START - DAY, days=101)
    bench = accepting(new_bench(csms=csms(chain=chain)))
    bench.advance(70 * DAY - 1)
    assert bench.jobs == {}
    bench.advance(1)
    key = make_key(bench, keys)
    (request,) = bench.sent("SignCertificate")
    assert request["certificateType"] == STATION
    new = SUB.sign(request["csr"], days=230)
    assert signed(bench, new, STATION) == {"status": "Accepted"}
    bench.advance(5)
    assert [it.kind for it in bench.orders] == ["close"]
    bench.drop()
    bench.reconnect()
    assert bench.endpoint().trust.key == key
    bench.jobs.clear()
    bench.advance(130 * DAY)  # and so is the new one
    assert job() in bench.jobs


def test_A03_FR_02_one_that_is_late_already_is_renewed_at_the_start(new_bench: NewBench) -> None:
    bench = accepting(new_bench(csms=csms(chain=first_certificate(days=10))))
    bench.advance(0)
    assert job() in bench.jobs


def test_A00_FR_430_an_expired_certificate_is_shown_all_the_same(new_bench: NewBench) -> None:
    expired = first_certificate(start=START - 30 * DAY, days=10)
    bench = new_bench(csms=csms(chain=expired))
    assert bench.endpoint().trust.chain == expired


def test_A03_FR_19_what_has_failed_once_is_not_started_again_by_the_station(
    new_bench: NewBench, keys: KeyStore
) -> None:
    bench = accepting(new_bench(csms=csms(chain=first_certificate(days=10))))
    bench.answers["SignCertificate"] = {"status": "Rejected"}
    bench.advance(0)
    make_key(bench, keys)
    bench.jobs.clear()
    bench.start_again()
    bench.reconnect()
    bench.advance(3 * DAY)
    assert job() not in bench.jobs
    assert trigger(bench) == "Accepted"
    assert job() in bench.jobs


def test_A03_FR_02_a_key_that_could_not_be_made_is_tried_again_the_next_day(new_bench: NewBench) -> None:
    bench = accepting(new_bench(csms=csms(chain=first_certificate(days=10))))
    bench.advance(0)
    bench.report(job(), error="disk full")
    bench.jobs.clear()
    bench.advance(DAY)
    assert job() in bench.jobs


def test_A03_FR_02_without_power_it_waits_until_the_boot(new_bench: NewBench) -> None:
    bench = accepting(new_bench(csms=csms(chain=first_certificate(days=40))))
    bench.do("power", "OFF")
    bench.advance(20 * DAY)
    assert bench.jobs == {}
    bench.do("power", "ON")
    bench.advance(0)
    assert job() in bench.jobs


def test_A03_FR_02_the_month_is_one_of_the_station_s_own_clock(new_bench: NewBench) -> None:
    bench = accepting(new_bench(csms=csms(chain=first_certificate(days=100))))
    bench.answers["Heartbeat"] = {"currentTime": "2025-04-01T10:00:00Z"}
    bench.do("heartbeat")
    bench.advance(0)
    assert job() in bench.jobs


def test_A03_FR_02_a_certificate_that_nobody_is_shown_is_left_alone(new_bench: NewBench) -> None:
    bench = accepting(new_bench(csms=csms(profile=2, chain=first_certificate(days=10))))
    bench.advance(DAY)
    assert bench.jobs == {}


def test_A03_FR_02_a_combined_certificate_is_renewed_as_one_and_a_v2g_certificate_for_itself(
    bench: Bench, keys: KeyStore
) -> None:
    install(bench, V2G_ROOT, "V2GRootCertificate")
    assert signed(bench, V2G_SUB.sign(ask(bench, keys, ""), days=100)) == {"status": "Accepted"}
    bench.drop()
    bench.reconnect()
    bench.jobs.clear()
    bench.advance(100 * DAY - 29 * DAY)
    assert set(bench.jobs) == {job("")}
    make_key(bench, keys, "")
    (request,) = bench.sent("SignCertificate")
    assert "certificateType" not in request
    assert signed(bench, SUB.sign(request["csr"])) == {"status": "Accepted"}
    assert signed(bench, V2G_SUB.sign(ask(bench, keys, V2G), days=130), V2G) == {"status": "Accepted"}
    bench.drop()
    bench.reconnect()
    bench.jobs.clear()
    bench.advance(30 * DAY)
    assert job(V2G) in bench.jobs
    assert job() not in bench.jobs
