"""PEM files, whatever is in them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocppd import pem
from tests.pems import pems

PARTS = st.sampled_from([pems().ca, pems().cert, pems().key, "-----BEGIN CERTIFICATE-----\n", "\n", "Zürich"])


@given(st.lists(PARTS | st.text(max_size=20), max_size=6))
def test_any_text_gives_certificates_or_a_reason_and_never_a_key(parts: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("".join(parts))
        file.flush()
        try:
            found = pem.read_certificates(file.name)
        except pem.PemError:
            return
    assert "PRIVATE" not in found
    assert "".join(part for part in parts if part in (pems().ca, pems().cert)) == found


@given(st.binary(max_size=50))
def test_any_bytes_are_no_key(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with pytest.raises(pem.PemError):
            pem.check_key(file.name)


def test_a_certificate_needs_no_line_break_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(pems().ca.strip())
    assert pem.read_certificates(tmp_path / "ca.pem") == pems().ca


def test_a_file_without_an_end_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "long").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(pem.PemError, match="longer than"):
        pem.read_certificates(tmp_path / "long")


def test_a_pair_that_belongs_together_will_do(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(pems().key)
    pem.check_key(tmp_path / "key")
    pem.check_pair(pems().cert, tmp_path / "key")
    with pytest.raises(pem.PemError, match="does not belong to the certificate"):
        pem.check_pair(pems("CP002").cert, tmp_path / "key")
