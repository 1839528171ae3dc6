"""M. Certificates: installed, listed, deleted; contracts for cars; what OCSP says."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ocppd.blocks.m_certificates import MOST
from ocppd.core import x509
from ocppd.core.description import Csms, Hardware, Tls
from ocppd.core.state import Certificate
from tests.bench import START, Bench, Json, with_presets
from tests.certificates import DAY, OCSP, Authority, key_pem, name_of, root

NewBench = Callable[..., Bench]

TYPES = ["CSMSRootCertificate", "ManufacturerRootCertificate", "V2GRootCertificate", "MORootCertificate"]
CSMS, MAKER, V2G, MO = TYPES
OLD, NEW = root("Old"), Authority("New", root("Old"))
V2G_ROOT = root("V2G root")
CHECKED = with_presets(Hardware(), SecurityCtrlr__AdditionalRootCertificateCheck="true")


def over_tls(pem: str = OLD.pem, profile: int = 2) -> Csms:
    """A CSMS whose root the station came with."""
    tls = Tls(ca="ca.pem", roots=pem)
    return Csms("wss://csms.example.test", profile, "only-for-tests-0001", tls)


def install(bench: Bench, pem: str, use: str = CSMS) -> Json:
    return bench.csms("InstallCertificate", {"certificateType": use, "certificate": pem})


def status(response: Json) -> str:
    return str(response["status"])


def listed(bench: Bench, *types: str) -> list[tuple[str, str]]:
    """Type and serial number of each certificate that the station tells of."""
    request = {"certificateType": list(types)} if types else {}
    found = bench.csms("GetInstalledCertificateIds", request).get("certificateHashDataChain", [])
    return [(it["certificateType"], it["certificateHashData"]["serialNumber"]) for it in found]


def told(authority: Authority, use: str = CSMS) -> tuple[str, str]:
    """The same of one that should be there."""
    return use, f"{authority.certificate.serial_number:x}"


def hashes(authority: Authority, algorithm: str = "SHA256") -> Json:
    issuer = authority.parent or authority
    return x509.hash_data(authority.certificate, issuer.certificate, algorithm)


def delete(bench: Bench, data: Json) -> str:
    return status(bench.csms("DeleteCertificate", {"certificateHashData": data}))


def entries(bench: Bench) -> Json:
    item = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "CertificateEntries"}}
    response = bench.csms("GetVariables", {"getVariableData": [item]})
    value: Json = response["getVariableResult"][0]
    return value


def v2g_chain(bench: Bench, issuer: Authority, **more: Any) -> str:
    """Have a V2G certificate with a chain installed as CertificateSigned would."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = issuer.issue(key.public_key(), name_of("SN0001"), **more)
    bench.state.certificates = [
        *(bench.state.certificates or []),
        Certificate("V2GCertificate", pem, "key-1"),
    ]
    return pem


# InstallCertificate (M05)


@pytest.mark.parametrize("use", TYPES)
def test_TC_M_01_TC_M_02_TC_M_03_TC_M_04_M05_FR_01_M05_FR_02_a_root_is_installed_and_listed(
    bench: Bench, use: str
) -> None:
    assert install(bench, OLD.pem, use) == {"status": "Accepted"}
    assert listed(bench, use) == [told(OLD, use)]
    assert entries(bench)["attributeValue"] == "1"
    assert bench.state.certificates == [Certificate(use, OLD.pem)]


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (Authority(start=START - 400 * DAY, days=365).pem, "it has expired"),
        (Authority(start=START + DAY).pem, "it is not valid yet"),
        (Authority(authority=False).pem, "it is not one of an authority"),
        (NEW.pem, "it is no root, and who has issued it is not installed"),
        (OLD.pem + NEW.pem, "there are 2 certificates in it, and 1 at most may be"),
        (OLD.pem + key_pem(OLD.key), "there is a private key in it"),
        ("", "it is no X.509 certificate in PEM"),
        (OLD.pem.replace("M", "N"), "it cannot be read"),
    ],
)
def test_TC_M_07_M05_FR_07_an_invalid_certificate_is_rejected_with_the_reason(
    bench: Bench, pem: str, why: str
) -> None:
    info = {"reasonCode": "InvalidCertificate", "additionalInfo": why}
    assert install(bench, pem) == {"status": "Rejected", "statusInfo": info}
    assert listed(bench) == []


def test_M05_FR_07_validity_is_that_of_the_station_s_own_clock(bench: Bench) -> None:
    bench.answers["Heartbeat"] = {"currentTime": "2030-01-01T00:00:00Z"}
    bench.do("heartbeat")
    assert install(bench, OLD.pem)["statusInfo"]["additionalInfo"] == "it has expired"


def test_M05_FR_07_one_that_is_too_long_for_the_message_is_a_violation_of_the_schema(bench: Bench) -> None:
    assert "error" in install(bench, OLD.pem + " " * 5500)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(text=some.text(max_size=200), cut=some.integers(0, len(OLD.pem)))
def test_M05_FR_07_arbitrary_text_is_rejected_and_does_no_harm(bench: Bench, text: str, cut: int) -> None:
    """The fixture raises on a bug."""
    for pem in (text, OLD.pem[:cut] + text + OLD.pem[cut:]):
        if "".join(pem.split()) != "".join(OLD.pem.split()):
            response = install(bench, pem)
            assert response["status"] == "Rejected" or bench.state.certificates == [
                Certificate(CSMS, OLD.pem)
            ]
            bench.state.certificates = None


def test_M05_FR_06_there_is_a_limit(bench: Bench) -> None:
    for number in range(MOST):
        assert status(install(bench, root(f"{number}").pem)) == "Accepted"
    assert install(bench, OLD.pem)["statusInfo"]["reasonCode"] == "OutOfStorage"
    assert status(install(bench, root("0").pem)) == "Accepted"  # M05.FR.17: it is there
    assert delete(bench, hashes(root("0"))) == "Accepted"
    assert status(install(bench, OLD.pem)) == "Accepted"
    report = bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert report["status"] == "Accepted"
    items = [it for page in bench.sent("NotifyReport") for it in page["reportData"]]
    limits = [it["variableCharacteristics"] for it in items if it["variable"]["name"] == "CertificateEntries"]
    assert limits[0]["maxLimit"] == MOST


def test_M05_FR_17_a_certificate_that_is_there_is_replaced_by_itself(bench: Bench) -> None:
    install(bench, OLD.pem)
    assert status(install(bench, OLD.pem.replace("\n", "\r\n"))) == "Accepted"
    assert listed(bench) == [told(OLD)]
    assert status(install(bench, OLD.pem, V2G)) == "Accepted"  # another use is another entry
    assert listed(bench) == [told(OLD), told(OLD, V2G)]


def test_what_the_configuration_has_installed_is_there_and_remains(new_bench: NewBench) -> None:
    bench = new_bench(csms=over_tls(OLD.pem + root("Two").pem))
    assert listed(bench, CSMS) == [told(OLD), told(root("Two"))]
    assert status(install(bench, root("Maker").pem, MAKER)) == "Accepted"
    assert listed(bench) == [told(OLD), told(root("Two")), told(root("Maker"), MAKER)]
    assert bench.endpoint().trust.roots == OLD.pem + root("Two").pem


def test_M05_FR_02_the_next_connection_believes_what_is_installed(new_bench: NewBench) -> None:
    bench = new_bench(csms=over_tls())
    install(bench, root("Two").pem)
    assert bench.endpoint().trust.roots == OLD.pem + root("Two").pem
    delete(bench, hashes(OLD))
    assert bench.endpoint().trust.roots == root("Two").pem
    delete(bench, hashes(root("Two")))
    assert bench.endpoint().trust.roots == ""  # nobody, and not the system's trust store


def test_the_system_s_trust_store_serves_as_long_as_nothing_else_is_installed(new_bench: NewBench) -> None:
    bench = new_bench(csms=Csms("wss://csms.example.test"))
    assert bench.endpoint().trust.roots is None
    install(bench, root("Maker").pem, MAKER)
    assert bench.endpoint().trust.roots is None
    install(bench, OLD.pem)
    assert bench.endpoint().trust.roots == OLD.pem


# AdditionalRootCertificateCheck (M05.FR.09 to .16)


@pytest.fixture
def checked(new_bench: NewBench) -> Bench:
    """It came with the old root and takes only one that this has signed."""
    return new_bench(CHECKED, csms=over_tls())


def test_TC_M_09_M05_FR_10_M05_FR_11_a_root_that_the_old_one_has_not_signed_is_rejected(
    checked: Bench,
) -> None:
    response = install(checked, root("Other").pem)
    assert response["status"] == "Rejected"
    assert "not signed by" in response["statusInfo"]["additionalInfo"]
    assert listed(checked, CSMS) == [told(OLD)]
    assert status(install(checked, root("Other").pem, MAKER)) == "Accepted"  # this is for CSMS roots alone


def test_M05_FR_10_without_a_root_the_first_one_is_taken(new_bench: NewBench) -> None:
    bench = new_bench(CHECKED)
    assert status(install(bench, OLD.pem)) == "Accepted"
    assert status(install(bench, OLD.pem)) == "Accepted"
    assert listed(bench) == [told(OLD)]


def test_TC_M_30_M05_FR_12_M05_FR_13_the_old_root_goes_when_the_new_one_has_connected(checked: Bench) -> None:
    assert status(install(checked, NEW.pem)) == "Accepted"
    assert listed(checked, CSMS) == [told(OLD), told(NEW)]
    assert checked.endpoint().trust.roots == NEW.pem
    checked.drop()
    checked.reconnect()
    assert listed(checked, CSMS) == [told(NEW)]
    assert checked.endpoint().trust.roots == NEW.pem


def test_M03_FR_04_the_hashes_of_the_new_root_remain_when_the_old_one_is_gone(checked: Bench) -> None:
    install(checked, NEW.pem)
    checked.drop()
    checked.reconnect()
    response = checked.csms("GetInstalledCertificateIds", {})
    assert [it["certificateHashData"] for it in response["certificateHashDataChain"]] == [hashes(NEW)]
    assert delete(checked, hashes(NEW)) == "Accepted"


def test_TC_M_31_M05_FR_14_the_old_root_is_tried_where_the_new_one_does_not_fit(checked: Bench) -> None:
    install(checked, NEW.pem)
    checked.drop()
    for roots in (NEW.pem, OLD.pem, NEW.pem, OLD.pem):
        assert checked.endpoint().trust.roots == roots
        checked.fail_to_connect("InvalidCsmsCertificate")
    checked.fail_to_connect("InvalidCsmsCertificate")
    assert checked.endpoint().trust.roots == OLD.pem
    checked.reconnect()
    assert listed(checked, CSMS) == [told(OLD), told(NEW)]
    checked.drop()
    assert checked.endpoint().trust.roots == NEW.pem  # each connection is tried with the new one first


def test_M05_FR_14_any_other_failure_is_not_the_root_s_fault(checked: Bench) -> None:
    install(checked, NEW.pem)
    checked.drop()
    checked.fail_to_connect("")
    assert checked.endpoint().trust.roots == NEW.pem


def migrate(bench: Bench) -> None:
    """Have it reset, so as to connect with another profile first."""
    profile = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://other.example.test",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    }
    request = {"configurationSlot": 2, "connectionData": profile}
    assert status(bench.csms("SetNetworkProfile", request)) == "Accepted"
    item = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "NetworkConfigurationPriority"},
        "attributeValue": "2,1",
    }
    bench.csms("SetVariables", {"setVariableData": [item]})
    assert status(bench.csms("Reset", {"type": "Immediate"})) == "Accepted"
    bench.advance(1)
    bench.drop()
    bench.advance(10)


@pytest.mark.parametrize("hardware", [Hardware(), CHECKED], ids=["TC_B_50", "with the check"])
def test_TC_B_50_M05_FR_13_the_new_csms_is_believed_by_the_new_root(
    new_bench: NewBench, hardware: Hardware
) -> None:
    bench = new_bench(hardware, csms=over_tls())
    assert status(install(bench, NEW.pem)) == "Accepted"
    migrate(bench)
    assert "other" in bench.endpoint().url
    assert bench.endpoint().trust.roots == ("" if hardware is CHECKED else OLD.pem) + NEW.pem
    bench.forget()
    bench.connect()
    bench.settle()
    assert [it["reason"] for it in bench.sent("BootNotification")] == ["RemoteReset"]
    assert listed(bench, CSMS) == ([told(NEW)] if hardware is CHECKED else [told(OLD), told(NEW)])


def test_M05_FR_15_M05_FR_16_in_a_migration_the_old_root_serves_on_the_way_back(checked: Bench) -> None:
    install(checked, NEW.pem)
    migrate(checked)
    for _ in range(3):  # NetworkProfileConnectionAttempts
        assert "other" in checked.endpoint().url
        assert checked.endpoint().trust.roots == NEW.pem
        checked.fail_to_connect("InvalidCsmsCertificate")
    for roots in (OLD.pem, NEW.pem, OLD.pem) * 2:  # the old profile, and again when all have failed
        assert "csms" in checked.endpoint().url
        assert checked.endpoint().trust.roots == roots
        checked.fail_to_connect("InvalidCsmsCertificate")
    assert "other" in checked.endpoint().url
    assert checked.endpoint().trust.roots == NEW.pem


def test_M05_FR_16_a_migration_that_fails_for_another_reason_ends_with_the_old_root_too(
    checked: Bench,
) -> None:
    install(checked, NEW.pem)
    migrate(checked)
    for _ in range(3):
        checked.fail_to_connect()
    assert ("csms" in checked.endpoint().url, checked.endpoint().trust.roots) == (True, OLD.pem)
    checked.reconnect()
    assert listed(checked, CSMS) == [told(OLD), told(NEW)]


def test_M05_FR_09_there_is_one_root_and_one_fallback_which_has_worked(checked: Bench) -> None:
    install(checked, NEW.pem)
    newer = Authority("Newer", NEW)
    assert status(install(checked, Authority("Wrong", OLD).pem)) == "Rejected"
    assert status(install(checked, newer.pem)) == "Accepted"
    assert listed(checked, CSMS) == [told(OLD), told(newer)]


def test_M05_FR_11_the_fallback_does_not_come_back_by_being_installed_again(checked: Bench) -> None:
    install(checked, NEW.pem)
    assert status(install(checked, OLD.pem)) == "Rejected"  # nothing that counts has signed it
    assert listed(checked, CSMS) == [told(OLD), told(NEW)]


def test_a_deleted_new_root_leaves_the_old_one_as_it_was(checked: Bench) -> None:
    install(checked, NEW.pem)
    assert delete(checked, hashes(NEW)) == "Accepted"
    assert checked.endpoint().trust.roots == OLD.pem
    checked.drop()
    checked.reconnect()
    assert listed(checked, CSMS) == [told(OLD)]


def test_M05_FR_13_a_connection_without_tls_proves_no_root(new_bench: NewBench) -> None:
    bench = new_bench(CHECKED)
    install(bench, OLD.pem)
    install(bench, NEW.pem)
    bench.drop()
    bench.reconnect()
    assert listed(bench) == [told(OLD), told(NEW)]


# GetInstalledCertificateIds (M03)


def test_TC_M_12_TC_M_13_TC_M_14_TC_M_16_TC_M_17_TC_M_18_M03_FR_03_types_are_told_as_asked(
    bench: Bench,
) -> None:
    for use in TYPES:
        install(bench, root(use).pem, use)
    for use in TYPES:
        assert listed(bench, use) == [told(root(use), use)]
    assert listed(bench, CSMS, MAKER) == [told(root(CSMS), CSMS), told(root(MAKER), MAKER)]
    assert sorted(listed(bench)) == sorted(told(root(use), use) for use in TYPES)


def test_TC_M_19_M03_FR_01_M03_FR_02_none_of_the_type_is_not_found(bench: Bench) -> None:
    assert bench.csms("GetInstalledCertificateIds", {}) == {"status": "NotFound"}
    install(bench, OLD.pem)
    assert bench.csms("GetInstalledCertificateIds", {"certificateType": [MO]}) == {"status": "NotFound"}


def test_M03_FR_04_the_hash_data_are_complete(bench: Bench) -> None:
    install(bench, OLD.pem)
    (entry,) = bench.csms("GetInstalledCertificateIds", {})["certificateHashDataChain"]
    assert entry == {"certificateType": CSMS, "certificateHashData": hashes(OLD)}


def test_TC_M_15_M03_FR_05_the_authorities_of_a_v2g_chain_are_children_of_the_leaf(bench: Bench) -> None:
    install(bench, V2G_ROOT.pem, V2G)
    first = Authority("Sub 1", V2G_ROOT)
    second = Authority("Sub 2", first)
    leaf = x509.read(v2g_chain(bench, second), 6)[0]
    (entry,) = bench.csms("GetInstalledCertificateIds", {"certificateType": ["V2GCertificateChain"]})[
        "certificateHashDataChain"
    ]
    assert entry == {
        "certificateType": "V2GCertificateChain",
        "certificateHashData": x509.hash_data(leaf, second.certificate),
        "childCertificateHashData": [hashes(second), hashes(first)],
    }


def test_a_station_s_own_certificate_is_not_among_them(new_bench: NewBench) -> None:
    pem = OLD.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name_of("SN0001"))
    tls = Tls(roots=OLD.pem, chain=pem, key="station.key")
    bench = new_bench(csms=Csms("wss://csms.example.test", 3, tls=tls))
    assert listed(bench) == [told(OLD)]
    assert entries(bench)["attributeValue"] == "2"


# DeleteCertificate (M04)


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_TC_M_20_M04_FR_01_M04_FR_02_a_certificate_is_deleted_by_any_of_its_hashes(
    bench: Bench, algorithm: str
) -> None:
    install(bench, OLD.pem)
    data = {key: it.upper() for key, it in hashes(OLD, algorithm).items()}
    assert delete(bench, data) == "Accepted"
    assert listed(bench) == []
    assert delete(bench, data) == "NotFound"


def test_TC_M_22_M04_FR_04_unknown_hashes_are_not_found(bench: Bench) -> None:
    install(bench, OLD.pem)
    for key in ("issuerNameHash", "issuerKeyHash", "serialNumber"):
        assert delete(bench, hashes(OLD) | {key: "0" * 40}) == "NotFound"
    assert listed(bench) == [told(OLD)]


def test_TC_M_23_M04_FR_03_M04_FR_06_the_station_s_own_certificate_cannot_be_deleted(
    new_bench: NewBench,
) -> None:
    sub = Authority("Sub", OLD)
    pem = sub.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name_of("SN0001"))
    tls = Tls(roots=OLD.pem, chain=pem, key="station.key")
    bench = new_bench(csms=Csms("wss://csms.example.test", 3, tls=tls))
    data = x509.hash_data(x509.read(pem, 2)[0], sub.certificate)
    response = bench.csms("DeleteCertificate", {"certificateHashData": data})
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Failed", "UnsupportedRequest")
    assert bench.endpoint().trust.chain == pem


def test_M04_FR_08_a_chain_goes_with_one_of_its_authorities_or_its_root(bench: Bench) -> None:
    sub = Authority("Sub", V2G_ROOT)
    for data in (hashes(sub), hashes(V2G_ROOT)):
        install(bench, V2G_ROOT.pem, V2G)
        v2g_chain(bench, sub)
        assert len(listed(bench, "V2GCertificateChain")) == 1
        assert delete(bench, data) == "Accepted"
        assert listed(bench, "V2GCertificateChain") == []
    assert listed(bench) == []


# Get15118EVCertificate (M01, M02)

EXI = b64encode(b"CertificateInstallationReq").decode()


def contract(bench: Bench, **arguments: Any) -> Any:
    return bench.do("get-15118-ev-certificate", **({"exi_request": EXI} | arguments))


@pytest.mark.parametrize("action", ["Install", "Update"])
@pytest.mark.parametrize("outcome", ["Accepted", "Failed"])
def test_TC_M_26_TC_M_27_TC_M_28_TC_M_29_M01_FR_01_M02_FR_01_a_car_s_request_is_forwarded_and_answered(
    bench: Bench, action: str, outcome: str
) -> None:
    bench.answers["Get15118EVCertificate"] = {"status": outcome, "exiResponse": "cmVzcG9uc2U="}
    answer = contract(bench, action=action)
    assert answer.done.result == {"response": {"status": outcome, "exiResponse": "cmVzcG9uc2U="}}
    assert bench.sent("Get15118EVCertificate") == [
        {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": action, "exiRequest": EXI}
    ]


def test_M01_a_csms_that_does_not_answer_is_told_to_the_car(bench: Bench) -> None:
    bench.silent.add("Get15118EVCertificate")
    assert contract(bench, timeout_s=5) is None
    bench.advance(5)
    error = bench.late_answer().error
    assert error is not None
    assert error.code == "csms_timeout"


def test_M01_without_permission_base64_or_connection_nothing_is_forwarded(bench: Bench) -> None:
    assert contract(bench, exi_request="no base64!").error.code == "invalid_argument"
    assert contract(bench, exi_request="A" * 5604).error.code == "invalid_argument"
    bench.set("ISO15118Ctrlr.ContractCertificateInstallationEnabled", False)
    assert contract(bench).error.code == "invalid_state"
    bench.set("ISO15118Ctrlr.ContractCertificateInstallationEnabled", True)
    bench.drop()
    assert contract(bench).error.code == "not_connected"
    assert bench.sent("Get15118EVCertificate") == []


# GetCertificateStatus (M06)


def asked(bench: Bench) -> list[Json]:
    return [it["ocspRequestData"] for it in bench.sent("GetCertificateStatus")]


def with_chain(bench: Bench) -> tuple[list[Json], str]:
    """The OCSPRequestData of a leaf and its authority, which are installed, and the serial of the latter."""
    install(bench, V2G_ROOT.pem, V2G)
    sub = Authority("Sub", V2G_ROOT)
    leaf = x509.read(v2g_chain(bench, sub), 2)[0]
    data = [x509.hash_data(leaf, sub.certificate), hashes(sub)]
    return [it | {"responderURL": OCSP} for it in data], data[1]["serialNumber"]


def results(bench: Bench) -> list[str]:
    found = [it for it in bench.state.certificates or [] if it.use == "V2GCertificate"]
    return [status.result for it in found for status in (it.statuses or {}).values()]


def test_TC_M_24_M06_FR_06_M06_FR_07_the_status_of_leaf_and_authorities_is_asked_for_and_kept(
    bench: Bench,
) -> None:
    bench.answers["GetCertificateStatus"] = {"status": "Accepted", "ocspResult": "T0NTUA=="}
    data, _ = with_chain(bench)
    bench.drop()
    bench.reconnect()
    assert asked(bench) == data
    assert results(bench) == ["T0NTUA=="] * 2
    bench.drop()
    bench.reconnect()
    assert asked(bench) == []


def test_M06_FR_10_the_status_is_refreshed_at_least_once_a_week(bench: Bench) -> None:
    bench.answers["GetCertificateStatus"] = {"status": "Accepted", "ocspResult": "T0NTUA=="}
    data, _ = with_chain(bench)
    bench.drop()
    bench.reconnect()
    assert len(asked(bench)) == 2
    bench.answers["GetCertificateStatus"] = {"status": "Accepted", "ocspResult": "bmV3"}
    bench.advance(7 * DAY)
    assert asked(bench) == data
    assert results(bench) == ["bmV3"] * 2
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(8 * DAY)
    bench.do("power", "ON")
    bench.reconnect()
    assert asked(bench) == data  # what got old meanwhile is asked for at once


def test_TC_M_25_M06_FR_04_what_failed_is_asked_for_the_next_day(bench: Bench) -> None:
    bench.answers["GetCertificateStatus"] = {"status": "Failed"}
    data, _ = with_chain(bench)
    bench.drop()
    bench.reconnect()
    assert asked(bench) == data
    assert results(bench) == []
    bench.advance(DAY)
    assert asked(bench) == data


def test_M06_a_certificate_without_a_responder_is_not_asked_for(bench: Bench) -> None:
    install(bench, V2G_ROOT.pem, V2G)
    v2g_chain(bench, Authority("Sub", V2G_ROOT, ocsp=None), ocsp=None)
    bench.drop()
    bench.reconnect()
    assert asked(bench) == []
    answer = bench.do("get-certificate-status")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"


def test_M06_a_command_asks_for_the_status_of_one_certificate(bench: Bench) -> None:
    bench.answers["GetCertificateStatus"] = {"status": "Accepted", "ocspResult": "T0NTUA=="}
    (leaf, sub), serial = with_chain(bench)
    for bare, expected in (("", leaf), (serial.upper(), sub)):
        answer = bench.do("get-certificate-status", bare)
        assert answer is not None
        assert answer.done is not None
        assert answer.done.result == {"response": {"status": "Accepted", "ocspResult": "T0NTUA=="}}
        assert asked(bench) == [expected]
    assert len(results(bench)) == 2
    answer = bench.do("get-certificate-status", "abc")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_state"


def test_a_station_without_certificates_has_no_timers_for_them(bench: Bench) -> None:
    bench.drop()
    bench.reconnect()
    assert not {"ocsp", "expiry", "sign"} & set(bench.state.timers)
    assert bench.jobs == {}


def test_a_station_without_certificates_does_not_load_the_library() -> None:
    """It is several MB, and thousands of stations have none."""
    script = (
        "import sys, structlog; structlog.configure(processors=[lambda *_: ''])\n"
        "from tests.bench import Bench; import ocppd.app\n"
        "bench = Bench(); bench.drop(); bench.reconnect(); bench.advance(1000)\n"
        "bench.csms('GetInstalledCertificateIds', {})\n"
        "assert 'cryptography' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_the_whole_chain_is_asked_for_at_once_in_2_1(new_bench: NewBench) -> None:
    bench = new_bench(protocol="ocpp2.1")
    bench.answers["GetCertificateStatus"] = {"status": "Failed"}
    data, _ = with_chain(bench)
    told = [
        {
            "certificateHashData": hashed,
            "source": "OCSP",
            "status": "Good",
            "nextUpdate": "2025-01-02T00:00:00Z",
        }
        for it in data
        if (hashed := {key: text for key, text in it.items() if key != "responderURL"})
    ]
    bench.answers["GetCertificateChainStatus"] = {"certificateStatus": told}
    answer = bench.do("get-certificate-chain-status")
    assert answer is not None
    assert answer.done is not None
    assert answer.done.result == {"response": {"certificateStatus": told}}
    (request,) = bench.sent("GetCertificateChainStatus")
    urls = [it["responderURL"] for it in data]
    assert [it["urls"] for it in request["certificateStatusRequests"]] == [[url] for url in urls]
    found = [it["certificateHashData"] for it in request["certificateStatusRequests"]]
    assert found == [it["certificateHashData"] for it in told]


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
def test_without_a_chain_or_in_2_0_1_nothing_is_asked(new_bench: NewBench, version: str) -> None:
    bench = new_bench(protocol=version)
    answer = bench.do("get-certificate-chain-status")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == ("invalid_state" if version == "ocpp2.1" else "unsupported")
