"""TLS to the CSMS: real handshakes, the good ones and all the bad ones that the specification names."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from ocppd.core.endpoint import Endpoint, Trust
from ocppd.edge.reasons import SUITE_CHOSEN, LinkError, kind_of
from ocppd.edge.tls import tls_context
from tests.edge.linking import (
    CONNECTED,
    PATIENCE,
    SILENCE,
    Bench,
    csms,
    endpoint_of,
    linking,
    raw_csms,
    request_of,
)
from tests.edge.pki import FUTURE, HOST, PAST, Pki, blocking, old, only, text_of

V2, V3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
RSA = trustme.KeyType.RSA


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name of the test domain is this machine."""
    ask = socket.getaddrinfo

    def answer(host: Any, *rest: Any, **more: Any) -> Any:
        here = host in (HOST, HOST.encode())
        return ask("127.0.0.1" if here else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def to(port: int, trust: Trust, host: str = HOST, **more: Any) -> Endpoint:
    return endpoint_of(port, "wss", host, trust=trust, **more)


@contextlib.asynccontextmanager
async def linked(
    context: ssl.SSLContext, trust: Trust, **more: Any
) -> AsyncIterator[tuple[ServerConnection, Bench]]:
    """Both ends of an established connection to a CSMS with that TLS."""
    async with csms(ssl=context) as server, linking(to(server.port, trust, **more)) as bench:
        assert await bench.hears() == CONNECTED
        yield await server.accepts(), bench


async def failure(endpoint: Endpoint) -> tuple[str, str]:
    """What a failed attempt is told as: the security event, and why."""
    async with linking(endpoint) as bench:
        event, reason, failures, retry_in = await bench.hears()
    assert (event, failures, retry_in) == ("disconnected", 1, 6.0)
    assert bench.ear.kinds == [bench.ear.kinds[0]]
    return bench.ear.kinds[0], reason


def tls_of(peer: ServerConnection) -> ssl.SSLObject:
    found: ssl.SSLObject = peer.transport.get_extra_info("ssl_object")
    return found


# Connections


@pytest.mark.parametrize("version", [V2, V3])
async def test_TC_A_01_TC_A_04_A00_FR_301_A00_FR_304_A00_FR_308_A00_FR_312_A00_FR_317_profile_2_is_tls_and_basic_auth(  # noqa: E501
    pki: Pki, version: ssl.TLSVersion
) -> None:
    context = pki.server()
    context.maximum_version = version
    async with linked(context, Trust(pki.roots), password="only-für-tests-01") as (peer, bench):
        bench.link.send("over TLS")
        assert await peer.recv() == "over TLS"
        assert tls_of(peer).version() == {V2: "TLSv1.2", V3: "TLSv1.3"}[version]
        authorization = request_of(peer).headers["Authorization"]
        assert base64.b64decode(authorization.removeprefix("Basic ")).decode() == "CP001:only-für-tests-01"
        await bench.stop()
        await peer.wait_closed()
        assert peer.close_code == 1001


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_A00_FR_202_A00_FR_203_A00_FR_302_each_request_to_connect_has_name_and_password(
    pki: Pki, scheme: str
) -> None:
    heard: list[str | None] = []

    def refuse_twice(connection: ServerConnection, request: Any) -> Response | None:
        heard.append(request.headers.get("Authorization"))
        return connection.respond(503, "") if len(heard) < 3 else None

    context = pki.server() if scheme == "wss" else None
    async with csms(ssl=context, process_request=refuse_twice) as server:
        trust, password = Trust(pki.roots), "only-for-tests-0001"
        endpoint = endpoint_of(server.port, scheme, HOST, trust=trust, password=password)
        async with linking(endpoint) as bench:
            for _ in range(2):
                assert (await bench.hears())[0] == "disconnected"
                bench.clock.wake()
            assert await bench.hears() == CONNECTED
            await (await server.accepts()).close()
            assert (await bench.hears())[0] == "disconnected"
            bench.clock.wake()
            assert await bench.hears() == CONNECTED
    assert heard == ["Basic " + base64.b64encode(b"CP001:only-for-tests-0001").decode()] * 4


@pytest.mark.parametrize("version", [V2, V3])
@pytest.mark.parametrize("times", [{}, PAST], ids=["valid", "expired"])
async def test_TC_A_07_A00_FR_401_A00_FR_402_A00_FR_415_A00_FR_420_A00_FR_430_profile_3_shows_its_certificate_even_an_expired_one(  # noqa: E501
    pki: Pki, version: ssl.TLSVersion, times: dict[str, Any]
) -> None:
    context = pki.mutual(version)
    if times:  # A00.FR.429: a CSMS may take it
        context.verify_flags |= ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME
    async with linked(context, pki.station(**times)) as (peer, _bench):
        subject = peer.transport.get_extra_info("peercert")["subject"]
        assert (("commonName", "CP001"),) in subject
        assert tls_of(peer).version() == {V2: "TLSv1.2", V3: "TLSv1.3"}[version]
        assert "Authorization" not in request_of(peer).headers


OWN = pytest.mark.parametrize(
    "own", [lambda pki: Trust(pki.roots), lambda pki: pki.station()], ids=["profile 2", "profile 3"]
)


@OWN
async def test_A00_FR_308_A00_FR_411_a_chain_with_an_intermediate_is_followed(
    pki: Pki, own: Callable[[Pki], Trust]
) -> None:
    async with linked(pki.server(ca=pki.ca.create_child_ca()), own(pki)):
        pass


async def test_an_installed_sub_ca_is_trusted_as_it_is(pki: Pki) -> None:
    child = pki.ca.create_child_ca()
    async with linked(pki.server(ca=child), Trust(text_of(child.cert_pem))):
        pass


async def test_several_roots_are_trusted_side_by_side(pki: Pki) -> None:
    async with linked(pki.server(), Trust(text_of(pki.other.cert_pem) + pki.roots)):
        pass


@OWN
async def test_A00_FR_309_A00_FR_412_A00_FR_510_the_name_may_stand_in_the_subject_alone(
    pki: Pki, own: Callable[[Pki], Trust]
) -> None:
    async with linked(pki.named_in_the_subject(HOST), own(pki)):
        pass


async def test_an_address_in_the_certificate_is_a_name_too(pki: Pki) -> None:
    async with linked(pki.server("127.0.0.1"), Trust(pki.roots), host="127.0.0.1"):
        pass


async def test_the_server_is_told_the_name_that_is_meant(pki: Pki) -> None:
    context, asked = pki.server(), []
    context.sni_callback = lambda _tls, name, _context: asked.append(name)  # type: ignore[assignment]
    async with linked(context, Trust(pki.roots)):
        assert asked == [HOST]


@pytest.mark.parametrize(
    ("suite", "key"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", {}),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", {}),
        ("ECDHE-RSA-AES256-GCM-SHA384", {"key_type": RSA}),
        ("AES128-GCM-SHA256", {"key_type": RSA}),
        ("AES256-GCM-SHA384", {"key_type": RSA}),
    ],
)
@OWN
async def test_TC_A_04_A00_FR_319_A00_FR_422_each_suite_of_the_specification_will_do(
    pki: Pki, suite: str, key: dict[str, Any], own: Callable[[Pki], Trust]
) -> None:
    async with linked(only(pki.server(**key), suite), own(pki)) as (peer, _bench):
        assert tls_of(peer).cipher() == (suite, "TLSv1.2", int(suite.split("AES")[1][:3]))
        assert tls_of(peer).compression() is None


# What the station refuses


@OWN
@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        (lambda pki: pki.server(ca=pki.other), "unknown CA: unable to get local issuer certificate"),
        (lambda pki: pki.named_in_the_subject(HOST, signs_itself=True), "self-signed certificate"),
        (lambda pki: pki.server(**PAST), "certificate has expired"),
        (lambda pki: pki.server(**FUTURE), "certificate is not yet valid"),
        (lambda pki: pki.server("other.example.test"), f"not valid for '{HOST}'"),
        (lambda pki: pki.named_in_the_subject("other.example.test"), f"not valid for '{HOST}'"),
        (lambda pki: pki.server("*.example.test"), "wildcard *.example.test"),
        (lambda pki: pki.named_in_the_subject("*.example.test"), "wildcard *.example.test"),
        (lambda pki: pki.server(HOST, "*.example.test"), "wildcard *.example.test"),
    ],
    ids=[
        "root",
        "self-signed",
        "expired",
        "future",
        "name",
        "subject",
        "wildcard",
        "subject-wildcard",
        "also-wildcard",
    ],
)
async def test_TC_A_05_A00_FR_309_A00_FR_310_A00_FR_311_A00_FR_411_A00_FR_412_A00_FR_413_A00_FR_414_a_bad_certificate_then_a_good_one(  # noqa: E501
    pki: Pki, certificate: Callable[[Pki], ssl.SSLContext], why: str, own: Callable[[Pki], Trust]
) -> None:
    async with csms(ssl=certificate(pki)) as bad, csms(ssl=pki.server()) as good:
        trust = own(pki)
        async with linking(to(bad.port, trust)) as bench:
            _, reason, failures, _ = await bench.hears()
            assert failures == 1
            assert reason.startswith("certificate of the CSMS refused: ")
            assert why in reason
            assert bench.ear.kinds == ["InvalidCsmsCertificate"]
            bench.ear.at = to(good.port, trust)
            bench.clock.wake()
            assert await bench.hears() == CONNECTED


async def test_A00_FR_311_no_password_is_sent_to_a_wildcard(pki: Pki) -> None:
    heard = []

    def listen(connection: ServerConnection, request: Any) -> None:
        heard.append(request)

    async with csms(ssl=pki.server("*.example.test"), process_request=listen) as server:
        kind, _ = await failure(to(server.port, Trust(pki.roots), password="only-for-tests-0001"))
    assert (kind, heard) == ("InvalidCsmsCertificate", [])


async def test_AllowCSMSTLSWildcards_allows_them(pki: Pki) -> None:
    async with linked(pki.server("*.example.test"), Trust(pki.roots, wildcards=True)):
        pass


async def test_the_system_is_believed_only_where_the_station_has_no_roots_of_its_own(
    pki: Pki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pki.other.cert_pem.write_to_path(tmp_path / "system.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
    own = pki.station()  # so that no context made before will do
    async with linked(pki.server(ca=pki.other), replace(own, roots=None)):
        pass
    async with csms(ssl=pki.server(ca=pki.other)) as server:
        assert (await failure(to(server.port, own)))[0] == "InvalidCsmsCertificate"


@OWN
async def test_TC_A_06_A00_FR_313_A00_FR_314_A00_FR_316_A00_FR_416_A00_FR_417_A00_FR_419_a_csms_with_old_tls(
    pki: Pki, own: Callable[[Pki], Trust]
) -> None:
    async with blocking(old(pki.server())) as port:
        kind, reason = await failure(to(port, own(pki)))
    assert (kind, reason) == ("InvalidTLSVersion", "TLS refused by the CSMS: tlsv1 alert protocol version")


@OWN
@pytest.mark.parametrize(
    "ciphers",
    ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "NULL", "ECDHE-ECDSA-CHACHA20-POLY1305"],
)
async def test_A00_FR_320_A00_FR_323_A00_FR_423_A00_FR_426_a_csms_with_other_suites_alone(
    pki: Pki, ciphers: str, own: Callable[[Pki], Trust]
) -> None:
    async with blocking(only(pki.server(), ciphers)) as port:
        kind, _ = await failure(to(port, own(pki)))
    assert kind == "InvalidTLSCipherSuite"


def server_hello(version: int, suite: int, compression: int = 0) -> bytes:
    """A ServerHello of TLS 1.2 or older (RFC 5246, 7.4.1.3)."""
    hello = struct.pack(">H32sBHB", version, bytes(32), 0, suite, compression)
    handshake = b"\x02" + len(hello).to_bytes(3, "big") + hello
    return struct.pack(">BHH", 22, version, len(handshake)) + handshake


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (server_hello(0x0302, 0xC009), "InvalidTLSVersion"),
        (server_hello(0x0301, 0x002F), "InvalidTLSVersion"),
        (server_hello(0x0300, 0x002F), "InvalidTLSVersion"),
        (server_hello(0x0303, 0x000A), "InvalidTLSCipherSuite"),
        (server_hello(0x0303, 0xC02B, compression=1), ""),
    ],
    ids=["TLS 1.1", "TLS 1.0", "SSL 3", "3DES", "deflate"],
)
async def test_TC_A_06_A00_FR_316_A00_FR_321_A00_FR_323_a_csms_that_chooses_what_was_not_offered(
    pki: Pki, answer: bytes, kind: str
) -> None:
    async with raw_csms() as server, linking(to(server.port, Trust(pki.roots))) as bench:
        wire = await server.accepts()
        wire.writer.write(answer)
        assert (await bench.hears())[0] == "disconnected"
        assert bench.ear.kinds == [kind]


async def test_a_csms_without_tls_is_no_security_event(pki: Pki) -> None:
    async with csms() as server:
        assert (await failure(to(server.port, Trust(pki.roots))))[0] == ""


# What the station says first


class ClientHello:
    """The first message of a client (RFC 8446, 4.1.2)."""

    def __init__(self, body: bytes) -> None:
        self._rest = body[2 + 32 :]
        self._vector(1)
        suites = self._vector(2)
        self.suites = set(struct.unpack(f">{len(suites) // 2}H", suites))
        self.compressions = list(self._vector(1))
        self.extensions: dict[int, bytes] = {}
        self._rest = self._vector(2)
        while self._rest:
            number, self._rest = int.from_bytes(self._rest[:2], "big"), self._rest[2:]
            self.extensions[number] = self._vector(2)

    def _vector(self, size: int) -> bytes:
        end = size + int.from_bytes(self._rest[:size], "big")
        found, self._rest = self._rest[size:end], self._rest[end:]
        return found


@OWN
async def test_TC_A_04_A00_FR_313_A00_FR_319_A00_FR_321_A00_FR_416_A00_FR_422_A00_FR_424_what_the_station_offers(  # noqa: E501
    pki: Pki, own: Callable[[Pki], Trust]
) -> None:
    async with raw_csms() as server, linking(to(server.port, own(pki))):
        wire = await server.accepts()
        async with asyncio.timeout(PATIENCE):
            head = await wire.reader.readexactly(5)
            record = await wire.reader.readexactly(int.from_bytes(head[3:], "big"))
    hello = ClientHello(record[4:])
    ecdsa, ecdhe_rsa, rsa = {0xC02B, 0xC02C}, {0xC02F, 0xC030}, {0x009C, 0x009D}
    tls_1_3 = {0x1301, 0x1302, 0x1303}
    assert hello.suites - {0x00FF} == ecdsa | ecdhe_rsa | rsa | tls_1_3
    assert hello.compressions == [0]
    assert hello.extensions[43] == b"\x04\x03\x04\x03\x03"  # supported_versions: 1.3 and 1.2
    assert hello.extensions[0].endswith(HOST.encode())  # server_name


# What the CSMS refuses


@pytest.mark.parametrize("version", [V2, V3])
@pytest.mark.parametrize(
    "own",
    [
        lambda pki: Trust(pki.roots),
        lambda pki: pki.station(ca=pki.other),
        lambda pki: pki.station(**PAST),
    ],
    ids=["none", "unknown", "expired"],
)
async def test_A00_FR_407_a_refused_certificate_of_the_station(
    pki: Pki, version: ssl.TLSVersion, own: Callable[[Pki], Trust]
) -> None:
    async with blocking(pki.mutual(version)) as port:
        kind, reason = await failure(to(port, own(pki)))
    assert kind == "FailedToAuthenticateAtCsms"
    assert reason.startswith("TLS refused by the CSMS: ")


async def test_a_refused_password(pki: Pki) -> None:
    def refuse(connection: ServerConnection, request: Any) -> Response:
        return connection.respond(401, "")

    async with csms(ssl=pki.server(), process_request=refuse) as server:
        kind, reason = await failure(to(server.port, Trust(pki.roots), password="wrong"))
    assert kind == "FailedToAuthenticateAtCsms"
    assert reason == "401 Unauthorized: the CSMS refuses identity or password"


async def test_A02_FR_28_a_renewed_certificate_that_is_refused_gives_way_to_the_one_before(pki: Pki) -> None:
    async with (
        blocking(pki.mutual()) as refusing,
        csms(ssl=pki.mutual()) as server,
        linking(to(refusing, pki.station(ca=pki.other))) as bench,
    ):
        assert (await bench.hears())[2] == 1
        assert bench.ear.kinds == ["FailedToAuthenticateAtCsms"]
        bench.ear.at = to(server.port, pki.station())
        bench.clock.wake()
        assert await bench.hears() == CONNECTED


# Keys and contexts


async def test_a_key_of_the_store_is_found_by_its_name(pki: Pki) -> None:
    trust = pki.station()
    assert trust.key is not None
    files = {"CP001-1": trust.key}
    named = replace(trust, key="CP001-1")
    async with (
        csms(ssl=pki.mutual()) as server,
        linking(to(server.port, named), file_of=lambda _, key: files[key]) as bench,
    ):
        assert await bench.hears() == CONNECTED


def move(file: str, to: str) -> None:
    Path(file).rename(to)


async def test_a_key_that_is_gone_or_another_is_a_failed_attempt_and_a_repaired_one_is_used(pki: Pki) -> None:
    trust, other = pki.station(), pki.station()
    assert trust.key is not None
    assert other.key is not None
    key, kept = trust.key, f"{trust.key}.kept"
    move(key, kept)
    async with csms(ssl=pki.mutual()) as server, linking(to(server.port, trust)) as bench:
        assert (await bench.hears())[1] == f"the key {key} cannot be read: No such file or directory"
        move(other.key, key)
        bench.clock.wake()
        assert (await bench.hears())[1] == f"the key {key} does not belong to the certificate"
        move(kept, key)
        bench.clock.wake()
        assert await bench.hears() == CONNECTED
        assert bench.ear.kinds == ["", ""]


@pytest.mark.parametrize(
    ("trust", "why"),
    [
        (Trust(roots=""), "no root certificate is installed"),
        (Trust(roots="junk"), "a root certificate cannot be read"),
        (Trust(chain="junk", key=os.devnull), f"the key {os.devnull} cannot be used with the certificate"),
        (Trust(chain="junk"), "there is no key for the certificate"),
    ],
)
def test_what_cannot_be_used_is_told(trust: Trust, why: str) -> None:
    with pytest.raises(LinkError, match=f"^{why}"):
        tls_context(trust)


def test_a_thousand_stations_of_the_same_trust_share_one_context(pki: Pki) -> None:
    contexts = {
        id(tls_context(Trust("".join(pki.roots), wildcards=number % 2 == 0))) for number in range(1000)
    }
    assert len(contexts) == 1
    own = pki.station()
    assert tls_context(own) is tls_context(replace(own))
    assert tls_context(own) is not tls_context(pki.station("CP002"))


def test_a_key_that_is_exchanged_is_noticed(pki: Pki) -> None:
    own, other = pki.station(), pki.station()
    assert own.key is not None
    assert other.key is not None
    tls_context(own)
    move(other.key, own.key)
    with pytest.raises(LinkError, match="does not belong to the certificate"):
        tls_context(own)


async def test_a_frozen_tls_connection_is_silent(pki: Pki) -> None:
    async with csms(ssl=pki.server()) as server, linking(to(server.port, Trust(pki.roots))) as bench:
        assert await bench.hears() == CONNECTED
        peer = await server.accepts()
        bench.link.freeze()
        assert await bench.hears() == ("disconnected", "the cable is pulled", 0, None)
        pong = await peer.ping()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SILENCE):
                await pong
        bench.link.thaw()
        assert await bench.hears() == CONNECTED
        await peer.wait_closed()
        assert peer.close_code == 1006


# On uvloop, as the daemon runs, and whose TLS is its own


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        (lambda pki: pki.server(ca=pki.other), "InvalidCsmsCertificate"),
        (lambda pki: pki.server("localhost", "*.example.test"), "InvalidCsmsCertificate"),
        (lambda pki: old(pki.server()), "InvalidTLSVersion"),
        (lambda pki: only(pki.server(), "NULL"), "InvalidTLSCipherSuite"),
        (lambda pki: pki.mutual(V2), "FailedToAuthenticateAtCsms"),
        (lambda pki: pki.mutual(V3), "FailedToAuthenticateAtCsms"),
    ],
    ids=["root", "wildcard", "version", "suite", "1.2 certificate", "1.3 certificate"],
)
def test_A00_FR_310_A00_FR_316_A00_FR_323_A00_FR_407_on_uvloop(
    pki: Pki, context: Callable[[Pki], ssl.SSLContext], kind: str
) -> None:
    async def attempt() -> str:
        async with blocking(context(pki)) as port:
            return (await failure(to(port, Trust(pki.roots), "localhost")))[0]

    assert uvloop.run(attempt()) == kind


def test_TC_A_07_on_uvloop(pki: Pki) -> None:
    async def connect() -> None:
        async with linked(pki.mutual(), pki.station(), host="localhost"):
            pass

    uvloop.run(connect())


# What a failure is


def tls_error(reason: str | None, text: str = "", note: str = "") -> ssl.SSLError:
    exc = ssl.SSLError(1, text)
    exc.reason = reason  # type: ignore[assignment]
    if note:
        exc.add_note(note)
    return exc


REFUSED = "FailedToAuthenticateAtCsms"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ssl.SSLCertVerificationError(1, "no"), "InvalidCsmsCertificate"),
        (tls_error("TLSV1_ALERT_PROTOCOL_VERSION"), "InvalidTLSVersion"),
        (tls_error("UNSUPPORTED_PROTOCOL"), "InvalidTLSVersion"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), "InvalidTLSCipherSuite"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE", note=SUITE_CHOSEN), REFUSED),
        (tls_error("TLSV1_ALERT_INSUFFICIENT_SECURITY"), "InvalidTLSCipherSuite"),
        (tls_error("WRONG_CIPHER_RETURNED"), "InvalidTLSCipherSuite"),
        (tls_error("DH_KEY_TOO_SMALL"), "InvalidTLSCipherSuite"),
        (tls_error("SSLV3_ALERT_BAD_CERTIFICATE"), REFUSED),
        (tls_error("SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"), REFUSED),
        (tls_error("SSLV3_ALERT_CERTIFICATE_REVOKED"), REFUSED),
        (tls_error("SSLV3_ALERT_CERTIFICATE_EXPIRED"), REFUSED),
        (tls_error("SSLV3_ALERT_CERTIFICATE_UNKNOWN"), REFUSED),
        (tls_error("TLSV1_ALERT_UNKNOWN_CA"), REFUSED),
        (tls_error("TLSV1_ALERT_ACCESS_DENIED"), REFUSED),
        (tls_error("TLSV1_ALERT_DECRYPT_ERROR"), REFUSED),
        (tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), REFUSED),
        (tls_error("TLSV1_ALERT_INTERNAL_ERROR"), ""),
        (tls_error("WRONG_VERSION_NUMBER"), ""),  # no TLS at all
        (tls_error(None, "[SSL] tlsv1 alert protocol version"), "InvalidTLSVersion"),
        (InvalidStatus(Response(401, "", Headers())), REFUSED),
        (InvalidStatus(Response(404, "", Headers())), ""),
        (LinkError("as it says", "InvalidCsmsCertificate"), "InvalidCsmsCertificate"),
        (LinkError("as it says"), ""),
        (ConnectionRefusedError(111, "no"), ""),
        (KeyError("x"), ""),
    ],
    ids=repr,
)
def test_A00_FR_310_A00_FR_316_A00_FR_323_the_kind_of_a_failure(failure: BaseException, kind: str) -> None:
    assert kind_of(failure) == kind


async def test_SSLKEYLOGFILE_lets_a_tester_read_along(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = tls_context(Trust(pki.roots + "\n"))
    async with csms(ssl=pki.server()) as remote:
        _, writer = await asyncio.open_connection("127.0.0.1", remote.port, ssl=context, server_hostname=HOST)
        writer.close()
        await writer.wait_closed()
    assert "CLIENT_HANDSHAKE_TRAFFIC_SECRET" in (tmp_path / "keys").read_text()
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no/where"))
    with pytest.raises(LinkError, match=r"SSLKEYLOGFILE .* cannot be written"):
        tls_context(Trust(pki.roots + "\n\n"))
