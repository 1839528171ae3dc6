"""C07: a car that shows the certificate of its contract, online and offline."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ocppd.core.certificates import V2G_ROOT
from tests.bench import START, Bench, Json
from tests.blocks.tokens import (
    BY_TOKEN,
    answer,
    error,
    is_authorized,
    names,
    remember,
    result,
    said,
    send_list,
)
from tests.certificates import DAY, Authority, name_of, root

NewBench = Callable[..., Bench]
EMAID = "DEABCC12345678"
TOKEN = {"idToken": EMAID, "type": "eMAID"}
ONLINE = "ISO15118Ctrlr.CentralContractValidationAllowed"
OFFLINE = "ISO15118Ctrlr.ContractValidationOffline"


@cache
def operator() -> Authority:
    """Who issues contracts: an authority below the root for them."""
    return Authority("MO Sub", root("MO root"))


@cache
def contract(**how: Any) -> str:
    """The certificate of a car's contract with the chain above it, in PEM."""
    name = name_of(how.pop("emaid", EMAID))
    return operator().issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name, **how)


@pytest.fixture
def plugged(new_bench: NewBench) -> Bench:
    bench = new_bench(BY_TOKEN)
    bench.do("plug-in")
    bench.forget()
    return bench


def install(bench: Bench, use: str = "MORootCertificate") -> None:
    request = {"certificateType": use, "certificate": root("MO root").pem}
    assert bench.csms("InstallCertificate", request) == {"status": "Accepted"}
    bench.forget()


def show(bench: Bench, pem: str | None = None, **more: Any) -> Any:
    return bench.do("authorize", certificate=pem or contract(), **more)


def answer_with(bench: Bench, status: str, certificate: str) -> None:
    bench.answers["Authorize"] = {"idTokenInfo": said(status), "certificateStatus": certificate}


# Online


@pytest.mark.parametrize("use", ["MORootCertificate", V2G_ROOT])
def test_TC_C_50_C07_FR_01_C07_FR_02_the_eMAID_and_the_hashes_are_told(plugged: Bench, use: str) -> None:
    install(plugged, use)
    plugged.set(ONLINE, False)
    answer_with(plugged, "Accepted", "Accepted")
    plugged.forget()
    result(show(plugged))
    (_, asked), (_, started), _ = plugged.sent()
    assert asked["idToken"] == TOKEN
    assert len(asked["iso15118CertificateHashData"]) == 2
    assert {it["responderURL"] for it in asked["iso15118CertificateHashData"]} == {
        "http://ocsp.example.test/"
    }
    assert "certificate" not in asked
    assert (started["triggerReason"], started["idToken"]) == ("Authorized", TOKEN)


def test_TC_C_51_C07_FR_04_a_cancelled_contract_does_not_charge(plugged: Bench) -> None:
    install(plugged)
    answer_with(plugged, "Invalid", "ContractCancelled")
    assert error(show(plugged)) == "csms_rejected"
    assert names(plugged) == ["Authorize"]


@pytest.mark.parametrize(
    "status", ["CertificateExpired", "CertificateRevoked", "CertChainError", "SignatureError"]
)
def test_C07_FR_04_nor_does_one_whose_certificate_is_not_accepted(plugged: Bench, status: str) -> None:
    install(plugged)
    answer_with(plugged, "Accepted", status)
    assert error(show(plugged)) == "csms_rejected"
    assert not is_authorized(plugged)


def test_TC_C_52_C07_FR_06_without_a_root_the_CSMS_gets_the_chain(plugged: Bench) -> None:
    answer_with(plugged, "Accepted", "Accepted")
    result(show(plugged))
    (_, asked), *_ = plugged.sent()
    assert asked["certificate"] == contract()
    assert asked["idToken"] == TOKEN
    assert len(asked["iso15118CertificateHashData"]) == 1  # nobody knows who has issued the other


def test_TC_C_53_and_may_not_accept_it(plugged: Bench) -> None:
    answer_with(plugged, "Invalid", "CertificateRevoked")
    assert error(show(plugged)) == "csms_rejected"
    assert not is_authorized(plugged)


def test_C07_FR_06_unless_it_must_not_be_asked_to(plugged: Bench) -> None:
    plugged.set(ONLINE, False)
    plugged.forget()
    assert error(show(plugged)) == "invalid_state"
    assert names(plugged) == []


def test_C07_FR_01_a_known_contract_is_asked_for_all_the_same(plugged: Bench) -> None:
    install(plugged)
    plugged.set("AuthCtrlr.LocalPreAuthorize", True)
    send_list(plugged, (TOKEN, said()))
    plugged.forget()
    result(show(plugged))
    assert names(plugged)[0] == "Authorize"


@pytest.mark.parametrize(
    "wrong",
    [{"start": START - 30 * DAY, "days": 1}, {"start": START + DAY}],
    ids=["expired", "not yet"],
)
def test_C07_a_certificate_that_is_not_valid_now_is_not_worth_a_question(plugged: Bench, wrong: Json) -> None:
    install(plugged)
    assert error(show(plugged, contract(**wrong))) == "invalid_state"
    assert names(plugged) == []


def test_C07_FR_02_no_more_hashes_are_told_than_a_message_holds(plugged: Bench) -> None:
    above = operator()
    for number in range(3):
        above = Authority(f"MO Sub {number}", above)
    install(plugged)
    leaf = ec.generate_private_key(ec.SECP256R1()).public_key()
    result(show(plugged, above.issue(leaf, name_of(EMAID))))
    (_, asked), *_ = plugged.sent()
    assert len(asked["iso15118CertificateHashData"]) == 4


def test_C07_without_PnCEnabled_no_contract_counts(plugged: Bench) -> None:
    plugged.set("ISO15118Ctrlr.PnCEnabled", False)
    plugged.forget()
    assert error(show(plugged)) == "invalid_state"
    assert names(plugged) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"certificate": "no PEM"},
        {"certificate": "x" * 5501},
        {"certificate": ""},
        {"id_token": "DEABCC99999999"},
        {"type": "ISO14443"},
        {"certificate": "EMAID" * 1000},
    ],
)
def test_authorize_refuses_what_is_no_contract(plugged: Bench, wrong: Json) -> None:
    answer_ = plugged.do("authorize", **({"certificate": contract()} | wrong))
    assert error(answer_) == "invalid_argument"
    assert names(plugged) == []


def test_a_certificate_that_names_no_eMAID_is_none_of_a_contract(plugged: Bench) -> None:
    assert error(show(plugged, contract(emaid="D" * 37))) == "invalid_argument"


def test_the_contract_that_charges_stops(plugged: Bench) -> None:
    install(plugged)
    result(show(plugged))
    plugged.forget()
    result(show(plugged, id_token=EMAID.lower(), type="eMAID"))
    assert plugged.story() == ["Ended StopAuthorized EVConnected"]


# Offline


def offline(bench: Bench, *, validates: bool = True) -> None:
    bench.set(OFFLINE, validates)
    bench.drop()


def test_TC_C_54_C07_FR_08_C07_FR_12_offline_an_unknown_contract_charges_where_that_is_allowed(
    plugged: Bench,
) -> None:
    install(plugged)
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    offline(plugged)
    result(show(plugged))
    plugged.reconnect()
    told = plugged.tx()
    assert (told[0]["triggerReason"], told[0]["offline"], told[0]["idToken"]) == ("Authorized", True, TOKEN)


def test_TC_C_55_C07_FR_07_offline_no_contract_charges_without_ContractValidationOffline(
    plugged: Bench,
) -> None:
    install(plugged)
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    send_list(plugged, (TOKEN, said()))
    offline(plugged, validates=False)
    assert error(show(plugged)) == "invalid_state"
    assert not is_authorized(plugged)


def test_C07_FR_08_nor_one_that_no_root_vouches_for(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    offline(plugged)
    assert error(show(plugged)) == "invalid_state"
    assert not is_authorized(plugged)


@pytest.mark.parametrize("status", ["Accepted", "Blocked"])
@pytest.mark.parametrize("where", ["list", "cache"])
def test_C07_FR_09_C07_FR_10_C07_FR_11_offline_list_and_cache_know_the_eMAID(
    plugged: Bench, where: str, status: str
) -> None:
    install(plugged)
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    if where == "list":
        send_list(plugged, (TOKEN, said(status)))
    else:
        remember(plugged, TOKEN, said(status))
    offline(plugged)
    found = show(plugged)
    assert (found.error is None) == (status == "Accepted")


def test_C07_FR_09_offline_a_listed_contract_needs_LocalAuthorizeOffline(plugged: Bench) -> None:
    install(plugged)
    send_list(plugged, (TOKEN, said()))
    plugged.set("AuthCtrlr.LocalAuthorizeOffline", False)
    offline(plugged)
    assert error(show(plugged)) == "not_connected"


def test_C08_FR_01_an_eMAID_without_a_certificate_is_asked_for_like_any_token(plugged: Bench) -> None:
    answer(plugged)
    result(plugged.do("authorize", id_token=EMAID, type="eMAID"))
    assert plugged.sent("Authorize") == [{"idToken": TOKEN}]
