"""Certificates are read, checked and hashed as OCPP wants it, whatever somebody sends."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as some

from ocppd.core import x509
from ocppd.core.x509 import CertificateError
from tests.bench import START
from tests.certificates import DAY, Authority, build, key_pem, name_of, pem_of, root

ROOT = root()


def refused(text: str, most: int = 1) -> str:
    with pytest.raises(CertificateError) as caught:
        x509.read(text, most)
    return str(caught.value)


def chain_refused(chain: str, *roots: Authority, at: float = START) -> str:
    with pytest.raises(CertificateError) as caught:
        x509.check_chain(x509.read(chain, 6), [it.certificate for it in roots], at)
    return str(caught.value)


def leaf_refused(pem: str, name: str = "SN0001", at: float = START) -> str:
    with pytest.raises(CertificateError) as caught:
        x509.check_leaf(x509.read(pem)[0], name, at)
    return str(caught.value)


def own(subject: library.Name | None = None, **more: Any) -> str:
    """A certificate of a station, issued by the root."""
    public_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return ROOT.issue(public_key, subject or name_of("SN0001"), **more)


# Hashes


@pytest.mark.parametrize(
    ("algorithm", "option"), [("SHA256", "-sha256"), ("SHA384", "-sha384"), ("SHA512", "-sha512")]
)
def test_M03_FR_04_the_hashes_are_those_that_openssl_asks_ocsp_with(
    tmp_path: Path, algorithm: str, option: str
) -> None:
    issuer = Authority("Sub", ROOT, serial=0x00_0A_BC)
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    leaf, _ = x509.read(issuer.issue(key, name_of("leaf")), 2)
    files = [tmp_path / "leaf.pem", tmp_path / "issuer.pem"]
    for file, it in zip(files, (leaf, issuer.certificate), strict=True):
        file.write_text(pem_of(it))
    command = ["openssl", "ocsp", option, "-issuer", files[1], "-cert", files[0], "-req_text"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    size = int(option[-3:]) // 4
    lines = re.sub(r"\\\n *", "", said)
    names = "ISSUER NAME HASH|ISSUER KEY HASH|SERIAL NUMBER"
    told = dict(re.findall(rf"({names}): 0*([0-9A-F]+)", lines.upper()))
    assert x509.hash_data(leaf, issuer.certificate, algorithm) == {
        "hashAlgorithm": algorithm,
        "issuerNameHash": told["ISSUER NAME HASH"].lower().rjust(size, "0"),
        "issuerKeyHash": told["ISSUER KEY HASH"].lower().rjust(size, "0"),
        "serialNumber": told["SERIAL NUMBER"].lower(),
    }


def test_the_serial_number_has_no_leading_zeros() -> None:
    assert x509.hash_data(*[Authority(serial=0x0F).certificate] * 2)["serialNumber"] == "f"
    assert len(x509.hash_data(*[Authority(serial=2**159 - 1).certificate] * 2)["serialNumber"]) == 40


# Reading


def test_text_around_a_certificate_is_left_out_of_what_is_kept() -> None:
    (found,) = x509.read(f"subject=CN = Root\n{ROOT.pem}\nissuer=...")
    assert x509.to_pem([found]) == ROOT.pem


@given(
    some.text() | some.text().map(lambda it: f"-----BEGIN CERTIFICATE-----\n{it}\n-----END CERTIFICATE-----")
)
def test_M05_FR_07_no_text_is_a_certificate_or_raises_anything_else(text: str) -> None:
    refused(text)


@given(some.integers(0, len(ROOT.pem) - 1), some.sampled_from("A/9 -\n\0z"))
def test_M05_FR_07_a_damaged_certificate_is_refused_or_is_still_the_same_text(place: int, to: str) -> None:
    damaged = ROOT.pem[:place] + to + ROOT.pem[place + 1 :]
    try:
        (found,) = x509.read(damaged)
        x509.check_root(found, [], START)
    except CertificateError:
        return
    assert found == ROOT.certificate


def test_M05_FR_07_key_material_other_blocks_and_several_certificates_are_refused() -> None:
    assert "private key" in refused(ROOT.pem + key_pem(ROOT.key))
    crl = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"
    assert "no X.509 certificate" in refused(ROOT.pem + crl)
    assert "there are 2 certificates" in refused(ROOT.pem + Authority().pem)
    assert len(x509.read(ROOT.pem + Authority().pem, 2)) == 2


WEAK_RSA = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused


@pytest.mark.parametrize(
    "key", [WEAK_RSA, ec.generate_private_key(ec.SECP192R1())], ids=["RSA 1024", "EC 192"]
)
def test_A00_FR_501_A00_FR_502_A00_FR_503_a_weak_key_is_refused(key: Any) -> None:
    assert "too weak" in refused(Authority(key=key).pem)


@pytest.mark.parametrize(
    "key",
    [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP224R1())],
    ids=["RSA 2048", "EC 224"],
)
def test_A00_FR_502_A00_FR_503_a_key_that_is_just_strong_enough_is_taken(key: Any) -> None:
    pem = Authority(key=key).pem
    assert x509.check_root(*x509.read(pem), [], START) == x509.read(pem)[0]


def test_A00_FR_504_A00_FR_506_signatures_have_sha_256_or_better() -> None:
    assert "signed with sha224" in refused(Authority(digest=hashes.SHA224()).pem)
    x509.read(Authority(digest=hashes.SHA512()).pem)
    key = ed25519.Ed25519PrivateKey.generate()
    x509.read(pem_of(build(name_of("Ed"), key.public_key(), name_of("Root"), ROOT.key)))


def test_A00_FR_508_a_serial_number_is_one_that_can_be_told() -> None:
    """21 octets, which the library would not make but reads, and 0."""
    der = Authority(serial=2**158).certificate.public_bytes(Encoding.DER)
    place = der.index(b"\x02\x14\x40")
    for serial in (b"\x02\x14" + b"\xff" * 20, b"\x02\x14" + b"\0" * 20):
        bad = der[:place] + serial + der[place + 22 :]
        text = b64encode(bad).decode()
        refused(f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")


def test_an_unknown_critical_extension_is_refused() -> None:
    unknown = library.UnrecognizedExtension(library.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert "critical extension" in refused(Authority(extensions=((unknown, True),)).pem)
    x509.read(Authority(extensions=((unknown, False),)).pem)


# Roots


@pytest.mark.parametrize(("start", "days", "why"), [(-400, 365, "expired"), (1, 365, "not valid yet")])
def test_M05_FR_07_TC_M_07_a_root_that_is_not_valid_now_is_refused(start: int, days: int, why: str) -> None:
    bad = Authority(start=START + start * DAY, days=days)
    with pytest.raises(CertificateError, match=why):
        x509.check_root(bad.certificate, [], START)


def test_M05_FR_07_a_root_is_an_authority_and_signs_itself_or_is_signed_by_one_that_is_known() -> None:
    with pytest.raises(CertificateError, match="not one of an authority"):
        x509.check_root(Authority(authority=False).certificate, [], START)
    usage = library.KeyUsage(True, *[False] * 8)
    with pytest.raises(CertificateError, match="may not sign"):
        x509.check_root(Authority(extensions=((usage, True),)).certificate, [], START)
    below = Authority("Below", ROOT).certificate
    with pytest.raises(CertificateError, match="is no root"):
        x509.check_root(below, [], START)
    assert x509.check_root(below, [ROOT.certificate], START) == ROOT.certificate


# Chains


def test_A02_FR_06_a_chain_leads_from_the_leaf_to_an_installed_root() -> None:
    sub = Authority("Sub 2", Authority("Sub 1", ROOT))
    chain = sub.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name_of("SN0001"))
    path, top = x509.check_chain(x509.read(chain, 6), [ROOT.certificate], START)
    assert (len(path), top) == (3, ROOT.certificate)
    path, top = x509.check_chain(x509.read(chain + ROOT.pem, 6), [ROOT.certificate], START)
    assert (len(path), top) == (3, ROOT.certificate)  # whether it ends with the root or not


def test_A02_FR_06_other_roots_gaps_and_authorities_that_are_none_are_refused() -> None:
    sub = Authority("Sub 1", ROOT)
    chain = Authority("Sub 2", sub).issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name_of("x"))
    assert "does not lead to a root" in chain_refused(chain, Authority("CSMS root"))
    assert "does not lead to a root" in chain_refused(chain)
    leaf, _, first = x509.read(chain, 6)
    assert "not issued by the next" in chain_refused(pem_of(leaf, first), ROOT)
    none = Authority("Sub", ROOT, authority=False)
    assert "not one of an authority" in chain_refused(none.issue(leaf.public_key(), name_of("x")), ROOT)
    short = Authority("Sub 2", Authority("Sub 1", ROOT, path_length=0))
    assert "longer than that allows" in chain_refused(short.issue(leaf.public_key(), name_of("x")), ROOT)
    late = Authority("Sub", ROOT, days=0.5)
    assert "expired" in chain_refused(late.issue(leaf.public_key(), name_of("x")), ROOT)


def test_A02_FR_06_a_chain_has_no_more_than_can_be_told() -> None:
    above = ROOT
    for number in range(5):
        above = Authority(f"Sub {number}", above)
    chain = above.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), name_of("x"))
    assert "more than 5 certificates" in chain_refused(chain, ROOT)


# The station's own


def test_A00_FR_509_A00_FR_511_the_subject_names_the_station_and_an_organization() -> None:
    x509.check_leaf(*x509.read(own()), "SN0001", START)
    assert "commonName" in leaf_refused(own(name_of("CP001")))
    assert "organizationName" in leaf_refused(own(name_of("SN0001", None)))


def test_A02_FR_06_A03_FR_06_the_certificate_is_valid_now() -> None:
    assert "not valid yet" in leaf_refused(own(start=START + 60))
    assert "expired" in leaf_refused(own(start=START - 2 * DAY, days=1))


def test_A00_FR_512_the_certificate_may_be_used_for_a_handshake() -> None:
    authority = library.BasicConstraints(True, None)
    assert "of an authority" in leaf_refused(own(extensions=((authority, True),)))
    signs_only = library.KeyUsage(False, *[False] * 4, True, False, False, False)
    assert "handshake" in leaf_refused(own(extensions=((signs_only, True),)))
    code = library.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    assert "other purposes" in leaf_refused(own(extensions=((code, False),)))
    client = library.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    x509.check_leaf(*x509.read(own(extensions=((client, False),))), "SN0001", START)
