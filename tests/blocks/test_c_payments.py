"""Payments without an account, of OCPP 2.1: what is shown, and what is told by command (C23 to C25)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocppd.core.schemas import OCPP_21
from tests.bench import Answer, Bench, Json

NewBench = Callable[..., Bench]


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    return new_bench(protocol=OCPP_21)


def response(answer: Answer | None) -> Json:
    assert answer is not None
    assert answer.done is not None
    return answer.done.result["response"]  # type: ignore[index, no-any-return]


def test_C25_a_payment_on_a_web_page_is_shown(station: Bench) -> None:
    assert station.csms("NotifyWebPaymentStarted", {"evseId": 1, "timeout": 90}) == {}
    (event,) = station.happened_since("display")
    assert (event.evse, event.data) == (1, {"about": "web_payment", "timeout_s": 90})
    for evse in (0, 2):
        request = {"evseId": evse, "timeout": 90}
        assert station.csms("NotifyWebPaymentStarted", request)["error"] == "PropertyConstraintViolation"


def test_a_settlement_is_told(station: Bench) -> None:
    station.answers["NotifySettlement"] = {"receiptId": "R1"}
    answer = station.do("notify-settlement", psp_ref="P1", amount=12.5, transaction_id="T1", vat_number="DE1")
    assert response(answer) == {"receiptId": "R1"}
    assert station.sent("NotifySettlement") == [
        {
            "pspRef": "P1",
            "status": "Settled",
            "settlementAmount": 12.5,
            "settlementTime": "2025-01-01T10:00:00.000Z",
            "transactionId": "T1",
            "vatNumber": "DE1",
        }
    ]


def test_a_VAT_number_is_checked_by_the_CSMS(station: Bench) -> None:
    station.answers["VatNumberValidation"] = {"status": "Accepted", "vatNumber": "DE1"}
    assert response(station.do("validate-vat-number", "DE1"))["status"] == "Accepted"
    assert station.sent("VatNumberValidation") == [{"vatNumber": "DE1"}]


@pytest.mark.parametrize("command", ["notify-settlement", "validate-vat-number"])
def test_a_CSMS_of_2_0_1_is_not_asked(new_bench: NewBench, command: str) -> None:
    bench = new_bench()
    answer = bench.do(command, psp_ref="P1", amount=1, vat_number="DE1")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "unsupported"
    assert bench.sent() == []
