"""Images of firmware: what they are, whether they are sound, and whose signature they bear (L01)."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from hypothesis import given
from hypothesis import strategies as some

from ocppd.edge.firmware import is_signed, look_at
from tests.certificates import Authority, root

README = Path(__file__).parents[2] / "README.md"
CONTENT = b"\x00\x01 the new firmware" * 1000


def image(content: bytes = CONTENT, version: str = "2.0.0", checksum: str | None = None) -> bytes:
    digest = hashlib.sha256(content).hexdigest() if checksum is None else checksum
    return f"ocppd-firmware\nversion: {version}\nsha256: {digest}\n\n".encode() + content


def test_an_image_tells_its_version_and_is_checked() -> None:
    found = look_at(io.BytesIO(image()), "station.bin")
    assert (found.version, found.flaw) == ("2.0.0", "")
    assert found.digest == hashlib.sha256(image()).digest()


@pytest.mark.parametrize(
    "wrong",
    [image(checksum="0" * 64), image() + b"more", image()[:-1], b"ocppd-firmware\n", b"ocppd-firmware\n\n"],
)
def test_TC_L_08_L01_FR_29_an_image_that_was_changed_has_a_flaw(wrong: bytes) -> None:
    assert look_at(io.BytesIO(wrong), "station.bin").flaw == "its checksum is wrong"


def test_an_empty_file_is_no_image() -> None:
    assert look_at(io.BytesIO(b""), "station-2.0.bin").flaw == "it is empty"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("ac22-1.4.2.bin", "1.4.2"),
        ("fw_v2.10-beta.3.zip", "2.10-beta.3"),
        ("image.bin", hashlib.sha256(CONTENT).hexdigest()[:12]),
        ("", hashlib.sha256(CONTENT).hexdigest()[:12]),
    ],
)
def test_of_any_other_file_the_version_is_what_its_name_says(name: str, version: str) -> None:
    found = look_at(io.BytesIO(CONTENT), name)
    assert (found.version, found.flaw) == (version, "")


@given(some.binary(max_size=2000), some.text(max_size=100))
def test_whatever_is_fetched_has_a_version_that_fits_a_message(content: bytes, name: str) -> None:
    for candidate in (content, b"ocppd-firmware\n" + content):
        assert 0 < len(look_at(io.BytesIO(candidate), name).version) <= 50


# Signatures

RSA = rsa.generate_private_key(65537, 2048)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


def signature(key: Any, content: bytes = CONTENT) -> str:
    raw = (
        key.sign(content, PSS, hashes.SHA256())
        if isinstance(key, rsa.RSAPrivateKey)
        else key.sign(content, ec.ECDSA(hashes.SHA256()))
    )
    return b64encode(raw).decode()


def signer(key: Any) -> Authority:
    return Authority("Firmware signing", root("Maker"), key=key, authority=False)


@pytest.mark.parametrize("key", [RSA, ec.generate_private_key(ec.SECP256R1())], ids=["RSA-PSS", "ECDSA"])
def test_L01_FR_04_L01_FR_12_a_signature_is_verified_over_the_whole_image(key: Any) -> None:
    digest, pem = hashlib.sha256(CONTENT).digest(), signer(key).pem
    assert is_signed(digest, signature(key), pem)
    assert not is_signed(hashlib.sha256(CONTENT + b"!").digest(), signature(key), pem)
    assert not is_signed(digest, signature(key), signer(ec.generate_private_key(ec.SECP256R1())).pem)


@pytest.mark.parametrize("wrong", ["", "no base64!", "AAAA", b64encode(b"x" * 256).decode()])
def test_TC_L_06_what_is_no_signature_is_none(wrong: str) -> None:
    assert not is_signed(hashlib.sha256(CONTENT).digest(), wrong, signer(RSA).pem)


def test_a_key_that_the_standard_does_not_know_signs_nothing() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    issued = root("Maker").issue(key.public_key(), signer(RSA).name)
    raw = b64encode(key.sign(CONTENT)).decode()
    assert not is_signed(hashlib.sha256(CONTENT).digest(), raw, issued)


@pytest.mark.parametrize("pem", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_without_a_certificate_nothing_is_signed(pem: str) -> None:
    assert not is_signed(hashlib.sha256(CONTENT).digest(), signature(RSA), pem)


def test_the_signature_that_the_readme_makes_is_one(tmp_path: Path) -> None:
    [command] = re.findall(r"`(openssl dgst [^`]+)`", README.read_text())
    run = partial(subprocess.run, cwd=tmp_path, check=True, capture_output=True, text=True)
    run([sys.executable, "-m", "ocppd", "pki", "lab"])
    (tmp_path / "image").write_bytes(image())
    made = run(["bash", "-c", f"set -o pipefail; {command}"]).stdout
    pem = (tmp_path / "lab/firmware-signing.pem").read_text()
    assert is_signed(hashlib.sha256(image()).digest(), made, pem)
