"""P. DataTransfer: what OCPP has no message for."""

from __future__ import annotations

import pytest

from tests.bench import Bench, Json


@pytest.mark.parametrize(
    "request_",
    [
        {"vendorId": "acme"},
        {"vendorId": "acme", "messageId": "hello", "data": "text"},
        {"vendorId": "acme", "data": {"any": [1, None, 1.5]}},
    ],
)
def test_TC_P_01_P01_FR_05_no_vendor_is_known(bench: Bench, request_: Json) -> None:
    assert bench.csms("DataTransfer", request_) == {"status": "UnknownVendorId"}


def test_a_DataTransfer_without_a_vendor_is_refused(bench: Bench) -> None:
    assert bench.csms("DataTransfer", {"data": 1})["error"] == "OccurrenceConstraintViolation"
