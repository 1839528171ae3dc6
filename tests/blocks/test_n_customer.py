"""N09, N10: what the station knows of a customer is told, and forgotten where it may be."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ocppd.core import outbox
from ocppd.core.description import Evse, Hardware
from tests.bench import Bench, Json
from tests.certificates import Authority, name_of, root

TOKEN = {"idToken": "04A2B3C4", "type": "ISO14443"}
STRANGER = {"idToken": "DEADBEEF", "type": "ISO14443"}
CLEARED = "The data of this customer was cleared."
CERTIFICATE = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}


def ask(bench: Bench, *, report: bool = True, clear: bool = False, **who: Any) -> Json:
    who = who or {"idToken": TOKEN}
    return bench.csms("CustomerInformation", {"requestId": 5, "report": report, "clear": clear, **who})


def status(answer: Json) -> str:
    return str(answer["status"])


def told(bench: Bench) -> str:
    """What all pages of one report say together."""
    pages = bench.sent("NotifyCustomerInformation")
    assert [it["seqNo"] for it in pages] == list(range(len(pages)))
    assert [it["tbc"] for it in pages] == [True] * (len(pages) - 1) + [False]
    assert {it["requestId"] for it in pages} == {5}
    return "".join(it["data"] for it in pages)


def reserve(bench: Bench, number: int = 1, token: Json = TOKEN, **more: Any) -> None:
    request = {"id": number, "expiryDateTime": "2025-01-01T12:00:00Z", "idToken": token, **more}
    assert status(bench.csms("ReserveNow", request)) == "Accepted"
    bench.forget()


def test_TC_N_27_N09_FR_01_N09_FR_02_N09_FR_05_what_is_known_is_told(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", TOKEN["idToken"])
    tx = bench.state.evses[0].transaction
    assert tx is not None
    bench.forget()
    assert ask(bench) == {"status": "Accepted"}
    text = told(bench)
    assert '"authorization"' in text
    assert f'"transaction":"{tx.id}"' in text
    assert TOKEN["idToken"] in text


def test_N09_FR_05_a_token_is_the_same_in_any_case_and_only_with_its_type(bench: Bench) -> None:
    reserve(bench)
    ask(bench, idToken={"idToken": "04a2b3c4", "type": "ISO14443"})
    assert '"reservation":1' in told(bench)
    ask(bench, idToken={"idToken": "04A2B3C4", "type": "KeyCode"})
    assert told(bench) == ""


def test_N09_FR_05_what_does_not_fit_in_one_message_takes_several(new_bench: Any) -> None:
    bench = new_bench(Hardware(evses=(Evse(),) * 6))
    for number in range(1, 7):
        bench.do("authorize", evse=number, id_token=TOKEN["idToken"])
    bench.forget()
    ask(bench)
    pages = bench.sent("NotifyCustomerInformation")
    assert len(pages) > 1
    assert {len(it["data"]) for it in pages[:-1]} == {512}
    assert "".join(it["data"] for it in pages).count('"authorization"') == 6


CACHED = {"idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "G1", "type": "Central"}}}


def charge(bench: Bench) -> None:
    """The customer comes, charges, goes, and stays in the cache."""
    bench.answers["Authorize"] = CACHED
    bench.do("authorize", TOKEN["idToken"])
    bench.do("plug-in")
    bench.do("unplug")
    assert bench.state.evses[0].transaction is None
    bench.forget()


def test_N10_FR_03_what_the_cache_says_is_told_and_forgotten(bench: Bench) -> None:
    charge(bench)
    ask(bench, clear=True)
    assert '"cache":{"status":"Accepted","groupIdToken":{"idToken":"G1","type":"Central"}}' in told(bench)
    assert not bench.state.token_cache
    ask(bench)
    assert told(bench) == ""


def test_N10_FR_03_N10_FR_06_the_local_list_is_told_and_stays_as_it_is(bench: Bench) -> None:
    entry = {"idToken": TOKEN, "idTokenInfo": {"status": "Accepted"}}
    request = {"versionNumber": 7, "updateType": "Full", "localAuthorizationList": [entry]}
    assert status(bench.csms("SendLocalList", request)) == "Accepted"
    for report in (True, False, True):
        assert status(ask(bench, report=report, clear=True)) == "Accepted"
        assert told(bench) == ('{"localList":{"status":"Accepted"}}' if report else CLEARED)
    assert bench.csms("GetLocalListVersion", {}) == {"versionNumber": 7}


def leave_untold(bench: Bench) -> None:
    """The customer has charged, and the CSMS does not answer what it is told of it."""
    bench.do("plug-in")
    bench.silent.add("TransactionEvent")
    bench.do("authorize", TOKEN["idToken"])
    bench.do("unplug")
    assert bench.state.evses[0].transaction is None
    bench.forget()


def test_N09_FR_05_calls_that_wait_for_the_CSMS_are_known_too(bench: Bench) -> None:
    leave_untold(bench)
    ask(bench)
    bench.silent.clear()
    bench.advance(600)
    assert '"calls":{"TransactionEvent":1}' in told(bench)
    ask(bench)
    assert "calls" not in told(bench)


def test_TC_N_28_N09_FR_06_of_a_stranger_one_message_says_that_there_is_nothing(bench: Bench) -> None:
    reserve(bench)
    assert ask(bench, idToken=STRANGER) == {"status": "Accepted"}
    assert bench.sent("NotifyCustomerInformation") == [
        {"requestId": 5, "seqNo": 0, "tbc": False, "generatedAt": "2025-01-01T10:00:00.000Z", "data": ""}
    ]


@pytest.mark.parametrize("report", [True, False])
@pytest.mark.parametrize("clear", [True, False])
@pytest.mark.parametrize(
    "who",
    [
        {},
        {"idToken": TOKEN, "customerIdentifier": "x"},
        {"idToken": TOKEN, "customerCertificate": CERTIFICATE},
    ],
)
def test_TC_N_29_TC_N_33_N09_FR_09_one_reference_and_no_more(
    bench: Bench, who: Json, report: bool, clear: bool
) -> None:
    request = {"requestId": 5, "report": report, "clear": clear, **who}
    assert status(bench.csms("CustomerInformation", request)) == "Invalid"
    assert bench.sent() == []


def test_N09_FR_07_N10_FR_07_neither_report_nor_clear_is_rejected(bench: Bench) -> None:
    assert status(ask(bench, report=False)) == "Rejected"
    assert bench.sent() == []


def test_TC_N_30_N10_FR_01_N10_FR_03_what_is_cleared_is_told_and_gone(bench: Bench) -> None:
    reserve(bench)
    assert ask(bench, clear=True) == {"status": "Accepted"}
    sent = bench.sent()
    assert [name for name, _ in sent] == [
        "ReservationStatusUpdate",
        "StatusNotification",
        "NotifyCustomerInformation",
    ]
    assert sent[0][1] == {"reservationId": 1, "reservationUpdateStatus": "Removed"}
    assert '"reservation":1' in sent[2][1]["data"]
    assert bench.state.reservations == []
    ask(bench)
    assert told(bench) == ""


def test_N10_FR_03_what_is_of_others_stays(new_bench: Any) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse())))
    reserve(bench, 1, TOKEN, evseId=1)
    reserve(bench, 2, STRANGER, evseId=2)
    ask(bench, clear=True)
    assert [it.id for it in bench.state.reservations] == [2]


def test_TC_N_31_N10_FR_04_with_nothing_to_clear_one_message_says_so(bench: Bench) -> None:
    assert ask(bench, clear=True) == {"status": "Accepted"}
    assert told(bench) == ""


def test_TC_N_32_N10_FR_06_without_a_report_one_message_tells_that_it_is_cleared(bench: Bench) -> None:
    reserve(bench)
    assert ask(bench, report=False, clear=True) == {"status": "Accepted"}
    assert told(bench) == CLEARED
    assert bench.state.reservations == []


def test_N10_FR_05_who_charges_here_cannot_be_forgotten(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize", TOKEN["idToken"])
    bench.forget()
    answer = ask(bench, clear=True)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "TxInProgress")
    assert bench.sent() == []
    bench.do("unplug")
    bench.forget()
    assert ask(bench, clear=True) == {"status": "Accepted"}
    assert told(bench) == '{"cache":{"status":"Accepted"}}'
    ask(bench)
    assert told(bench) == ""


def test_N10_FR_05_nor_who_is_still_to_be_told_of(bench: Bench) -> None:
    leave_untold(bench)
    assert status(ask(bench, report=False, clear=True)) == "Rejected"
    bench.silent.clear()
    bench.advance(600)
    assert status(ask(bench, report=False, clear=True)) == "Accepted"


def test_N09_FR_03_N10_FR_05_with_too_little_room_for_the_report_it_is_rejected(bench: Bench) -> None:
    reserve(bench)
    bench.silent.add("DataTransfer")
    bench.do("call", action="DataTransfer", payload={"vendorId": "x"}, wait=False)
    for number in range(outbox.MOST_CALLS):
        bench.do("notify-event", component="Fan", variable=f"V{number}", wait=False)
    answer = ask(bench, clear=True)
    assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", "OutOfMemory")
    assert len(bench.state.reservations) == 1


def test_TC_N_62_a_customerIdentifier_may_stand_in_the_additionalInfo_of_a_token(bench: Bench) -> None:
    reserve(bench, token=TOKEN | {"additionalInfo": [{"additionalIdToken": "C-17", "type": "contract"}]})
    ask(bench, clear=True, customerIdentifier="C-17")
    assert "C-17" in bench.sent("NotifyCustomerInformation")[0]["data"]
    ask(bench, customerIdentifier="C-17")
    assert told(bench) == ""


def test_TC_N_63_of_a_customerCertificate_nothing_is_kept(bench: Bench) -> None:
    reserve(bench)
    for clear in (True, False):
        assert ask(bench, clear=clear, customerCertificate=CERTIFICATE) == {"status": "Accepted"}
        assert told(bench) == ""
    assert len(bench.state.reservations) == 1


def test_TC_N_63_N09_FR_05_a_customerCertificate_is_known_while_the_CSMS_is_asked(bench: Bench) -> None:
    issuer = Authority("MO Sub", root("MO root"))
    install = {"certificateType": "MORootCertificate", "certificate": root("MO root").pem}
    assert status(bench.csms("InstallCertificate", install)) == "Accepted"
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    bench.silent.add("Authorize")
    bench.do("authorize", certificate=issuer.issue(key, name_of("DEABCC12345678")), wait=False)
    told_of = bench.sent("Authorize")[0]["iso15118CertificateHashData"][0]
    customer = {key: told_of[key] for key in CERTIFICATE}
    ask(bench, customerCertificate=customer | {"issuerNameHash": customer["issuerNameHash"].upper()})
    ask(bench, customerCertificate=customer | {"serialNumber": "02"})
    bench.silent.clear()
    bench.advance(600)
    ask(bench, customerCertificate=customer)
    said = [it["data"] for it in bench.sent("NotifyCustomerInformation")]
    assert said == ['{"calls":{"Authorize":1}}', "", ""]


def test_what_was_asked_for_waits_for_the_connection(bench: Bench) -> None:
    request = {"requestId": 5, "report": True, "clear": False, "idToken": TOKEN}
    bench.receive([2, "c1", "CustomerInformation", request])
    bench.drop()
    bench.forget()
    bench.reconnect(after=60)
    assert told(bench) == ""
