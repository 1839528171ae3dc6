"""`ocppd pki`: what it makes, looked at by OpenSSL, and what is wrong with what is to be bad."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import stat
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from ocppd.core.endpoint import Trust
from ocppd.demo.csms import Csms, Tls, csms
from ocppd.edge.tls import tls_context, wildcard_in
from ocppd.issuing import STATION, SUB_CA_2, PkiError, Span, load, name_of, new_ec, new_rsa, self_signed
from ocppd.pki import Plan, files, make
from ocppd.settings import load as load_settings
from tests.test_cli import OCPPD, ocppd

DAY = 86400
ARGUMENTS = (
    "--bad",
    "--host",
    "csms.lan",
    "--host",
    "10.0.0.7",
    "--station",
    "CP001",
    "--station",
    "DE*1:SN7",
)
# (root, leaf, purpose)
GOOD = [
    ("csms-root", "csms-server", "sslserver"),
    ("csms-root", "station-CP001", "sslclient"),
    ("csms-root", "station-DE%2A1", "sslclient"),
    ("v2g-root", "v2g-secc", "sslserver"),
    ("mo-root", "mo-contract", "any"),
    ("manufacturer-root", "firmware-signing", "any"),
]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "made"
    result = ocppd("pki", folder, *ARGUMENTS, cwd=folder.parent)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.rstrip() == (folder / "README.txt").read_text().rstrip()
    return folder


def certificates(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def leaf(pki: Path, name: str) -> x509.Certificate:
    return certificates(pki / f"{name}.pem")[0]


def subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    (found,) = certificate.subject.get_attributes_for_oid(oid)
    return str(found.value)


_STRICT = ("-x509_strict", "-auth_level", "2", "-no-CApath", "-no-CAstore")


def verify(root: Path, path: Path, *more: str) -> str:
    """What `openssl verify` says; `OK` or the number of the error. The chain comes out of the file itself."""
    result = subprocess.run(
        ["openssl", "verify", *_STRICT, "-CAfile", root, "-untrusted", path, *more, path],
        check=False,
        capture_output=True,
        text=True,
    )
    said = result.stdout + result.stderr
    if result.returncode == 0:
        return "OK"
    error = re.search(r"error (\d+) at", said)
    assert error is not None, said
    return error[1]


# What is good


@pytest.mark.parametrize(("root", "name", "purpose"), GOOD)
def test_openssl_takes_every_chain_strictly(pki: Path, root: str, name: str, purpose: str) -> None:
    assert verify(pki / f"{root}.pem", pki / f"{name}.pem", "-purpose", purpose) == "OK"


@pytest.mark.parametrize("host", ["csms.lan", "localhost"])
def test_A00_FR_510_the_server_is_for_its_names(pki: Path, host: str) -> None:
    assert verify(pki / "csms-root.pem", pki / "csms-server.pem", "-verify_hostname", host) == "OK"
    assert subject(leaf(pki, "csms-server"), NameOID.COMMON_NAME) == "csms.lan"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7"])
def test_the_server_is_for_its_addresses(pki: Path, address: str) -> None:
    assert verify(pki / "csms-root.pem", pki / "csms-server.pem", "-verify_ip", address) == "OK"


def test_A00_FR_501_A00_FR_503_to_508_every_good_certificate_is_what_it_should_be(pki: Path) -> None:
    serials = set()
    for path in pki.glob("*.pem"):
        for certificate in certificates(path):
            assert certificate.version is x509.Version.v3
            assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
            key = certificate.public_key()
            assert isinstance(key, ec.EllipticCurvePublicKey)
            assert key.curve.name == "secp256r1"
            assert subject(certificate, NameOID.ORGANIZATION_NAME) == "ocppd"  # A00.FR.509
            assert certificate.extensions.get_extension_for_class(x509.KeyUsage).critical  # A00.FR.512
            own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            assert own == x509.SubjectKeyIdentifier.from_public_key(key)
        serials.add(certificates(path)[0].serial_number)
    assert len(serials) == len(list(pki.glob("*.pem")))


@pytest.mark.parametrize(("identity", "serial"), [("CP001", "SN-CP001"), ("DE%2A1", "SN7")])
def test_A00_FR_511_the_name_of_a_station_is_its_serial_number(pki: Path, identity: str, serial: str) -> None:
    certificate = leaf(pki, f"station-{identity}")
    assert subject(certificate, NameOID.COMMON_NAME) == serial
    extensions = certificate.extensions
    assert ExtendedKeyUsageOID.CLIENT_AUTH in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    with pytest.raises(x509.ExtensionNotFound):
        extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_A00_FR_427_no_two_stations_share_a_key(pki: Path) -> None:
    assert leaf(pki, "station-CP001").public_key() != leaf(pki, "station-DE%2A1").public_key()


def test_a_file_holds_the_chain_without_the_root(pki: Path) -> None:
    assert [len(certificates(pki / f"{name}.pem")) for name in ("csms-root", "csms-sub-ca")] == [1, 1]
    one, two = certificates(pki / "station-CP001.pem")
    assert two == leaf(pki, "csms-sub-ca")
    one.verify_directly_issued_by(two)
    assert len(certificates(pki / "mo-contract.pem")) == 3


def test_A00_FR_514_M06_certificates_for_cars_name_a_responder_and_no_extended_usage(pki: Path) -> None:
    for name in ("v2g-secc", "v2g-sub-ca-2", "mo-contract", "mo-sub-ca-1"):
        extensions = leaf(pki, name).extensions
        (place,) = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        assert place.access_location.value == "http://ocsp.example.test/"
        with pytest.raises(x509.ExtensionNotFound):
            extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert subject(leaf(pki, "mo-contract"), NameOID.COMMON_NAME) == "DE8AA1A2B3C4D5"


def test_keys_belong_to_their_certificates_and_to_their_owner(pki: Path) -> None:
    pems, keys = sorted(pki.rglob("*.pem")), sorted(pki.rglob("*.key"))
    assert [path.with_suffix("") for path in pems] == [path.with_suffix("") for path in keys]
    for pem, key in zip(pems, keys, strict=True):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert "PRIVATE" not in pem.read_text()
        secret = serialization.load_pem_private_key(key.read_bytes(), None)
        assert secret.public_key() == certificates(pem)[0].public_key()


def test_the_index_names_every_certificate_and_shows_no_key(pki: Path) -> None:
    text = (pki / "README.txt").read_text()
    assert "PRIVATE" not in text
    named = set(re.findall(r"^  (\S+\.pem) ", text, re.MULTILINE))
    assert named == {str(path.relative_to(pki)) for path in pki.rglob("*.pem")}


@pytest.fixture(scope="module")
def config(pki: Path) -> Path:
    """What the index says to paste."""
    yaml = re.search(r"^csms: .*?(?=^$)", (pki / "README.txt").read_text(), re.MULTILINE | re.DOTALL)
    assert yaml is not None
    path = pki.parent / "ocppd.yaml"
    path.write_text(yaml[0])
    return path


def test_the_settings_that_it_prints_are_those_of_profile_3(pki: Path, config: Path) -> None:
    one, two = load_settings([config]).station_descriptions()
    assert (one.id, one.serial, two.id, two.serial) == ("CP001", "SN-CP001", "DE*1", "SN7")
    assert (one.csms.url, one.csms.security_profile) == ("wss://csms.lan:9443/ocpp", 3)
    assert one.csms.tls.chain == (pki / "station-CP001.pem").read_text()
    assert two.csms.tls.key == str(pki / "station-DE%2A1.key")
    assert one.csms.tls.roots == (pki / "csms-root.pem").read_text()


async def test_TC_A_07_the_stations_of_these_settings_boot(pki: Path, config: Path, tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    async with csms(tls=Tls.of(pki, mutual=True)) as remote:
        here = {"csms": {"url": remote.url}, "mqtt": {"enabled": False}}
        over.write_text(json.dumps(here | {"state": {"path": str(tmp_path / "state.json")}}))
        daemon = await asyncio.create_subprocess_exec(*OCPPD, "run", "-c", str(config), "-c", str(over))
        try:
            for identity, serial in (("CP001", "SN-CP001"), ("DE*1", "SN7")):
                await remote.until(partial(booted, remote, identity), 30)
                peer = remote.stations[identity].peer
                assert peer is not None
                assert peer.owner == serial
        finally:
            daemon.terminate()
            await daemon.wait()


def booted(remote: Csms, identity: str) -> bool:
    answers = remote.heard("BootNotification", identity, direction="out")
    return any(answer.payload["status"] == "Accepted" for answer in answers)


def test_A00_FR_502_A00_FR_505_rsa_for_whom_may_have_it(tmp_path: Path) -> None:
    result = ocppd("pki", "made", "--rsa", "--days", "7", cwd=tmp_path)
    assert result.returncode == 0
    pki = tmp_path / "made"
    for root, name, purpose in GOOD:
        if "DE" in name:
            continue
        assert verify(pki / f"{root}.pem", pki / f"{name}.pem", "-purpose", purpose) == "OK"
        key = leaf(pki, name).public_key()
        if name in ("v2g-secc", "mo-contract"):  # ISO 15118-2 knows P-256 alone
            assert isinstance(key, ec.EllipticCurvePublicKey)
        else:
            assert isinstance(key, rsa.RSAPublicKey)
            assert key.key_size == 2048
    server = leaf(pki, "csms-server")
    assert server.extensions.get_extension_for_class(x509.KeyUsage).value.key_encipherment
    assert 6 * DAY < server.not_valid_after_utc.timestamp() - time.time() <= 7 * DAY
    assert leaf(pki, "csms-root").not_valid_after_utc > server.not_valid_after_utc


# What is refused


def test_it_overwrites_nothing_unless_told_to(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "v2g-secc.key").write_text("precious")
    (made / "v2g-secc.key").chmod(0o644)
    (made / "elsewhere").write_text("not mine")
    (made / "mo-root.key").symlink_to(made / "elsewhere")
    result = ocppd("pki", made, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"{made}/v2g-secc.key is there already: --force overwrites\n"
    assert {path.name for path in made.iterdir()} == {"v2g-secc.key", "elsewhere", "mo-root.key"}

    result = ocppd("pki", made, "--force", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert load(made, "v2g-secc").certificate == leaf(made, "v2g-secc")
    assert stat.S_IMODE((made / "v2g-secc.key").stat().st_mode) == 0o600
    assert (made / "elsewhere").read_text() == "not mine"
    assert not (made / "mo-root.key").is_symlink()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--station", "a b"], "is no OCPP identity"),
        (["--station", "CP001:10.0.0.1"], "looks like a server's name"),
        (["--station", "CP001:http://x"], "looks like a server's name"),
        (["--station", "CP001", "--station", "CP002:SN-CP001"], "the same serial number"),
        (["--station", f"CP001:{'x' * 26}"], "25"),
        (["--host", "no host"], "neither a host name nor an IP address"),
        (["--host", "-x.test"], "neither a host name nor an IP address"),
        (["--emaid", ""], "eMAID"),
        (["--organization", "x" * 65], "organization"),
        (["--days", "0"], "--days"),
    ],
)
def test_what_fits_no_certificate_is_named_and_nothing_made(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = ocppd("pki", "made", *arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "made").exists()


def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = ocppd("pki", "file/made", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("file/made/csms-root.pem cannot be written: ")


def test_help_tells_what_is_made(tmp_path: Path) -> None:
    said = ocppd("pki", "--help", cwd=tmp_path).stdout
    assert all(word in said for word in ("--host", "--station", "--bad", "--force", "--days", "--rsa", "V2G"))


def test_without_bad_there_is_none() -> None:
    assert not [file for file in files(Plan({"CP001": "SN1"})) if "bad" in file.name]


# What is bad is bad for one reason, and good without it

PLACE = "-verify_hostname localhost"
AT = int(time.time())
BAD = [  # name, OpenSSL's error, what has to be changed for it to be good
    ("expired", "10", ["-attime", str(AT - 10 * DAY)]),
    ("not-yet-valid", "9", ["-attime", str(AT + 40 * DAY)]),
    ("wrong-chain", "20", ["-CAfile", "bad/other-root.pem"]),
    ("self-signed", "18", ["-CAfile", "ITSELF", "-partial_chain"]),
    ("weak", "66", ["-auth_level", "0"]),
]


@pytest.mark.parametrize(("kind", "error", "remedy"), BAD, ids=[kind for kind, *_ in BAD])
@pytest.mark.parametrize(
    ("who", "purpose"),
    [("server", ["-purpose", "sslserver", *PLACE.split()]), ("station", ["-purpose", "sslclient"])],
)
def test_TC_A_05_TC_A_14_a_bad_certificate_is_bad_for_its_reason_alone(
    pki: Path, who: str, purpose: list[str], kind: str, error: str, remedy: list[str]
) -> None:
    path = pki / "bad" / f"{who}-{kind}.pem"
    assert verify(pki / "csms-root.pem", path, *purpose) == error
    remedy = [
        str(path) if it == "ITSELF" else str(pki / it) if it.startswith("bad/") else it for it in remedy
    ]
    assert verify(pki / "csms-root.pem", path, *purpose, *remedy) == "OK"


def test_TC_A_05_the_wrong_host_is_the_only_thing_wrong(pki: Path) -> None:
    path = pki / "bad" / "server-wrong-host.pem"
    assert verify(pki / "csms-root.pem", path, *PLACE.split()) == "62"
    assert verify(pki / "csms-root.pem", path, "-verify_hostname", "wrong-host.example.test") == "OK"


def test_TC_A_05_the_wildcard_is_the_only_thing_wrong(pki: Path) -> None:
    path = pki / "bad" / "server-wildcard.pem"
    assert verify(pki / "csms-root.pem", path, *PLACE.split()) == "OK"
    assert seen_by_a_station(pki, "bad/server-wildcard") == "*.example.test"
    assert seen_by_a_station(pki, "csms-server") is None


def test_A00_FR_404_only_the_owner_is_another_one(pki: Path) -> None:
    path = pki / "bad" / "station-other-organisation.pem"
    assert verify(pki / "csms-root.pem", path, "-purpose", "sslclient") == "OK"
    assert subject(certificates(path)[0], NameOID.ORGANIZATION_NAME) == "Another organisation"
    assert subject(certificates(path)[0], NameOID.COMMON_NAME) == "SN-CP001"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("expired", "expired"),
        ("not-yet-valid", "not yet valid"),
        ("wrong-host", "mismatch"),
        ("wrong-chain", "unable to get local issuer"),
        ("self-signed", "self-signed"),
        ("weak", "too small|key too weak|ee key"),
    ],
)
def test_TC_A_05_a_station_refuses_each_of_them(pki: Path, kind: str, words: str) -> None:
    with pytest.raises(ssl.SSLError) as caught:
        seen_by_a_station(pki, f"bad/server-{kind}")
    assert re.search(words, str(caught.value).lower())


def seen_by_a_station(pki: Path, name: str) -> str | None:
    """The wildcard in what a station finds at a server with that certificate; raises where it hangs up."""
    own = tls_context(Trust(roots=(pki / "csms-root.pem").read_text()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("DEFAULT:@SECLEVEL=0")
    server.load_cert_chain(pki / f"{name}.pem", pki / f"{name}.key")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = own.wrap_bio(down, up, server_hostname="localhost")
    there = server.wrap_bio(up, down, server_side=True)
    for side in (here, there, here, there):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return wildcard_in(here.getpeercert() or {})


# Signing


def csr(name: x509.Name, key: object = None) -> str:
    key = key or new_ec()
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)  # type: ignore[arg-type]
    return request.public_bytes(serialization.Encoding.PEM).decode()


def test_A02_a_csr_becomes_a_chain_that_openssl_takes(pki: Path, tmp_path: Path) -> None:
    key = new_ec()
    chain = load(pki, "csms-sub-ca").sign(csr(name_of("SN-CP001", "ocppd"), key), common_name="SN-CP001")
    (tmp_path / "new.pem").write_text(chain)
    assert verify(pki / "csms-root.pem", tmp_path / "new.pem", "-purpose", "sslclient") == "OK"
    assert certificates(tmp_path / "new.pem")[0].public_key() == key.public_key()


def test_no_certificate_outlives_who_has_signed_it(pki: Path, tmp_path: Path) -> None:
    sub = load(pki, "csms-sub-ca")
    (tmp_path / "new.pem").write_text(sub.sign(csr(name_of("SN", "ocppd")), days=99_999))
    assert certificates(tmp_path / "new.pem")[0].not_valid_after_utc == sub.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("request_of", "words"),
    [
        (lambda: csr(name_of("SN1", "somebody else")), "the O of the CSR"),
        (lambda: csr(name_of("SN2", "ocppd")), "the CN of the CSR is not 'SN1'"),
        (lambda: csr(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ocppd")])), "no CN"),
        (lambda: csr(name_of("SN1", "ocppd"), new_rsa(1024)), "too weak"),
        (lambda: csr(name_of("SN1", "ocppd"), ec.generate_private_key(ec.SECP192R1())), "too weak"),
        (lambda: csr(name_of("SN1", "ocppd"), ed25519.Ed25519PrivateKey.generate()), "of a kind"),
        (lambda: tampered(csr(name_of("SN1", "ocppd"))), "signature|cannot be read"),
        (lambda: "", "cannot be read"),
    ],
)
def test_A00_FR_502_A00_FR_503_A00_FR_509_A00_FR_511_a_csr_that_is_not_signed(
    request_of: object, words: str
) -> None:
    root = self_signed(name_of("root", "ocppd"), SUB_CA_2, Span.of(9))
    with pytest.raises(PkiError, match=words):
        root.sign(request_of(), STATION, common_name="SN1")  # type: ignore[operator]


def tampered(pem: str) -> str:
    """Another key than the one that has signed."""
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    spot = bytes(der).index(b"SN1")
    der[spot + 2] ^= 3
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()


ROOT_OF_ALL = self_signed(name_of("root", "ocppd"), SUB_CA_2, Span.of(9))


@given(st.text() | st.binary().map(lambda it: ssl.DER_cert_to_PEM_cert(it).replace("CERTIFICATE", "NEW")))
def test_whatever_comes_for_a_csr_is_refused_in_words(text: str) -> None:
    with pytest.raises(PkiError):
        ROOT_OF_ALL.sign(text)


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_files_that_are_none_are_named(tmp_path: Path, content: str) -> None:
    make(Plan({"CP001": "SN1"}), tmp_path / "made")
    (tmp_path / "made" / "csms-sub-ca.pem").write_text(content)
    with pytest.raises(PkiError, match=r"csms-sub-ca\.pem and its key cannot be read"):
        load(tmp_path / "made", "csms-sub-ca")
    with pytest.raises(PkiError, match=r"nothing\.pem is missing"):
        load(tmp_path / "made", "nothing")
