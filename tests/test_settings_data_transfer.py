"""`data_transfer` in the configuration: what a DataTransfer of the CSMS is answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ocppd.core.description import DataTransferAnswer
from ocppd.settings import SettingsError, load
from ocppd.settings.data_transfer import DataTransferSettings


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def answers_of(entries: str) -> tuple[DataTransferAnswer, ...]:
    Path("ocppd.yaml").write_text(f"stations: [{{id: CP1, data_transfer: [{entries}]}}]", encoding="utf-8")
    return load([Path("ocppd.yaml")]).station_descriptions()[0].hardware.data_transfers


def test_an_entry_becomes_an_answer_of_the_hardware() -> None:
    full = "{vendor_id: com.acme, message_id: hello, status: Rejected, data: {a: [1, null, 2.5]}}"
    assert answers_of(f"{full}, {{vendor_id: com.acme}}") == (
        DataTransferAnswer("com.acme", "hello", "Rejected", '{"a":[1,null,2.5]}'),
        DataTransferAnswer("com.acme"),
    )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{message_id: x}", "vendor_id: this key is required"),
        ("{vendor_id: ''}", "vendor_id: String should have at least 1 character"),
        ("{vendor_id: v, status: Maybe}", "status: Input should be 'Accepted', 'Rejected'"),
        ("{vendor_id: v, message_id: " + "x" * 51 + "}", "message_id: String should have at most 50"),
        ("{vendor_id: v, data: " + "x" * 8200 + "}", "data: more than 8192 bytes"),
        ("{vendor_id: v, answer: 1}", "answer: unknown key"),
    ],
)
def test_what_is_no_answer_is_an_error_with_its_place(entry: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        answers_of(entry)
    assert f"stations[0].data_transfer[0].{problem}" in str(caught.value)


def test_what_is_no_JSON_is_refused() -> None:
    with pytest.raises(ValidationError, match="cannot be written as JSON"):
        DataTransferSettings(vendor_id="v", data=[2**65])
