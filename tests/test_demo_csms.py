"""The demo's CSMS, driven by a plain WebSocket client that speaks OCPP-J."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from ocpp.exceptions import OCPPError  # type: ignore[import-untyped]  # no type hints
from ocpp.messages import get_validator  # type: ignore[import-untyped]
from ocpp.v201 import call  # type: ignore[import-untyped]
from websockets import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.asyncio.client import ClientConnection, connect
from websockets.headers import build_authorization_basic
from websockets.typing import Subprotocol

from ocppd.demo.csms import MESSAGES_KEPT, Csms, Message, Tls, csms, describe
from ocppd.issuing import PkiError, name_of, new_ec
from ocppd.pki import Plan, make

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = "2025-01-01T00:00:00Z"
STATION_ACTIONS = [
    "SignCertificate",
    "SecurityEventNotification",
    "BootNotification",
    "NotifyReport",
    "Authorize",
    "TransactionEvent",
    "StatusNotification",
    "Heartbeat",
    "ReservationStatusUpdate",
    "MeterValues",
    "ReportChargingProfiles",
    "NotifyChargingLimit",
    "ClearedChargingLimit",
    "NotifyEVChargingNeeds",
    "NotifyEVChargingSchedule",
    "FirmwareStatusNotification",
    "PublishFirmwareStatusNotification",
    "Get15118EVCertificate",
    "GetCertificateStatus",
    "LogStatusNotification",
    "NotifyMonitoringReport",
    "NotifyEvent",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "DataTransfer",
]


@pytest.fixture
async def running() -> AsyncIterator[Csms]:
    async with csms() as server:
        yield server


@asynccontextmanager
async def station(server: Csms, identity: str = "CP1", **options: Any) -> AsyncIterator[ClientConnection]:
    """Connect as `identity`, and come back when the CSMS knows."""
    options = {"subprotocols": [Subprotocol("ocpp2.0.1")], "proxy": None} | options
    before = server.stations.get(identity)
    async with connect(f"{server.url}/ocpp/{quote(identity, safe='')}", **options) as socket:
        await server.until(lambda: server.stations.get(identity) not in {None, before})
        yield socket


async def receive(socket: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())


async def ask(socket: ClientConnection, action: str, payload: dict[str, Any] | None = None) -> Any:
    """Send a CALL and return the CALLRESULT's payload, or the whole of any other answer."""
    await socket.send(json.dumps([2, "id-1", action, payload or {}]))
    answer = await receive(socket)
    assert answer[1] == "id-1"
    return answer[2] if answer[0] == 3 else answer


def minimal(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Build the smallest value that `schema` allows."""
    if "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"type": "object"}:
            return {name: minimal(schema["properties"][name], root) for name in schema.get("required", ())}
        case {"type": "array"}:
            return [minimal(schema["items"], root)]
        case {"type": "string"}:
            return NOW[: schema.get("maxLength")]
        case {"type": "boolean"}:
            return True
    return 1


def boot(**more: str) -> dict[str, Any]:
    return {"reason": "PowerUp", "chargingStation": {"model": "sim", "vendorName": "ocppd"} | more}


def authorize(token: str, kind: str = "ISO14443") -> dict[str, Any]:
    return {"idToken": {"idToken": token, "type": kind}}


def transaction(event: str, **more: Any) -> dict[str, Any]:
    common = {"timestamp": NOW, "triggerReason": "Authorized", "seqNo": 0}
    return {"eventType": event, "transactionInfo": {"transactionId": "t1"}} | common | more


@pytest.mark.parametrize("action", STATION_ACTIONS)
async def test_every_action_of_a_station_has_an_answer_that_fits_its_schema(
    running: Csms, action: str
) -> None:
    schema = get_validator(2, action, "2.0.1").schema
    async with station(running) as socket:
        answer = await ask(socket, action, minimal(schema, schema))
    assert isinstance(answer, dict), answer
    get_validator(3, action, "2.0.1").validate(answer)
    assert [message.action for message in running.messages] == [action, action]


async def test_it_accepts_a_boot_until_told_otherwise(running: Csms) -> None:
    async with station(running) as socket:
        answer = await ask(socket, "BootNotification", boot())
        assert (answer["status"], answer["interval"]) == ("Accepted", 300)
        assert answer["currentTime"].endswith("Z")
        running.boot_status, running.interval = "Pending", 7
        answer = await ask(socket, "BootNotification", boot())
        assert (answer["status"], answer["interval"]) == ("Pending", 7)


async def test_it_judges_tokens_by_its_list_without_regard_to_case() -> None:
    tokens = {"04A2B3C4": "Accepted", "bad": "Blocked"}
    async with csms(tokens=tokens) as server, station(server) as socket:
        known = (await ask(socket, "Authorize", authorize("04a2b3c4")))["idTokenInfo"]
        assert known == {"status": "Accepted", "groupIdToken": {"idToken": "DEMO", "type": "Central"}}
        assert await ask(socket, "Authorize", authorize("BAD")) == {"idTokenInfo": {"status": "Blocked"}}
        assert await ask(socket, "Authorize", authorize("new")) == {"idTokenInfo": {"status": "Invalid"}}
        server.tokens["new"] = "Expired"
        assert await ask(socket, "Authorize", authorize("new")) == {"idTokenInfo": {"status": "Expired"}}


async def test_it_may_accept_strangers_but_not_who_is_blocked() -> None:
    async with csms(tokens={"bad": "Blocked"}, accept_all=True) as server, station(server) as socket:
        assert await ask(socket, "Authorize", authorize("new")) == {"idTokenInfo": {"status": "Accepted"}}
        assert await ask(socket, "Authorize", authorize("bad")) == {"idTokenInfo": {"status": "Blocked"}}


async def test_a_start_button_needs_no_token(running: Csms) -> None:
    async with station(running) as socket:
        answer = await ask(
            socket, "TransactionEvent", transaction("Started", **authorize("", "NoAuthorization"))
        )
    assert answer == {"idTokenInfo": {"status": "Accepted"}}


async def test_a_transaction_event_is_answered_as_far_as_it_asks(running: Csms) -> None:
    running.total_cost = 1.5
    async with station(running) as socket:
        assert await ask(socket, "TransactionEvent", transaction("Updated")) == {}
        started = await ask(socket, "TransactionEvent", transaction("Started", **authorize("04B10C4E")))
        assert started == {"idTokenInfo": {"status": "Blocked"}}
        assert await ask(socket, "TransactionEvent", transaction("Ended")) == {"totalCost": 1.5}


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("BootNotification", {}, "ProtocolError"),
        ("Heartbeat", {"x": 1}, "FormatViolation"),
        ("Authorize", authorize("x", "Nonsense"), "FormatViolation"),
        ("GetVariables", {}, "NotImplemented"),
        ("Nonsense", {}, "NotSupported"),
    ],
)
async def test_it_refuses_what_it_cannot_serve(
    running: Csms, action: str, payload: dict[str, Any], code: str
) -> None:
    async with station(running) as socket:
        assert (await ask(socket, action, payload))[:3] == [4, "id-1", code]
    assert running.heard(action, direction="out")[0].payload["errorCode"] == code


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "nonsense",
        "null",
        "{}",
        "[]",
        "[2]",
        "[9,1]",
        '[2,"a","Heartbeat"]',
        '[2,"a","Heartbeat",{},1]',
        '[2,"a",["Heartbeat"],{}]',
        '[3,"",{}]',
        '[3,"a",{}]',
        '[4,"a","InternalError","",{}]',
        "[" * 100_000,
        "[2" + "0" * 5000 + "]",
        b"\xff\xfe",
        b"[2]",
    ],
)
async def test_it_outlives_a_bad_frame(running: Csms, frame: str | bytes) -> None:
    async with station(running) as socket:
        await socket.send(frame)
        assert "currentTime" in await ask(socket, "Heartbeat")


async def test_a_payload_that_is_too_deep_costs_only_its_frame(running: Csms) -> None:
    deep = '{"vendorId":"x","a":' + "[" * 900 + "]" * 900 + "}"
    async with station(running) as socket:
        await socket.send(f'[2,"a","Heartbeat",{{"customData":{deep}}}]')
        await socket.send('[2,"b","Heartbeat",{}]')
        while (answer := await receive(socket))[1] != "b":
            assert answer[1] == "a"


async def test_it_outlives_a_station_that_vanishes(running: Csms) -> None:
    async with station(running) as socket:
        await socket.send('[2,"a","Heartbeat",{}]')
        socket.transport.abort()
        await running.until(lambda: not running.stations)
    async with station(running) as socket:
        assert "currentTime" in await ask(socket, "Heartbeat")


async def test_the_newest_connection_of_a_station_wins(running: Csms) -> None:
    async with station(running) as older, station(running) as newer:
        with pytest.raises(ConnectionClosed):
            await receive(older)
        assert list(running.stations) == ["CP1"]
        assert "currentTime" in await ask(newer, "Heartbeat")
    await running.until(lambda: not running.stations)


async def test_stations_do_not_wait_for_each_other(running: Csms) -> None:
    async with station(running, "CP1") as one, station(running, "CP2") as two:
        asked = asyncio.create_task(running.call("CP1", call.ClearCache()), name="asked")
        call_to_one = await receive(one)
        assert "currentTime" in await ask(two, "Heartbeat")
        await one.send(json.dumps([3, call_to_one[1], {"status": "Accepted"}]))
        assert (await asked).status == "Accepted"
        assert set(running.stations) == {"CP1", "CP2"}


async def test_a_call_is_sent_and_its_answer_returned(running: Csms) -> None:
    async with station(running) as socket:
        asked = asyncio.create_task(running.call("CP1", call.Reset(type="OnIdle")), name="asked")
        kind, call_id, action, payload = await receive(socket)
        assert (kind, action, payload) == (2, "Reset", {"type": "OnIdle"})
        await socket.send(json.dumps([3, call_id, {"status": "Scheduled"}]))
        assert (await asked).status == "Scheduled"
    assert list(running.messages) == [
        Message("CP1", "out", "Reset", {"type": "OnIdle"}),
        Message("CP1", "in", "Reset", {"status": "Scheduled"}),
    ]


async def test_a_call_may_be_answered_while_the_station_calls(running: Csms) -> None:
    async with station(running) as socket:
        asked = asyncio.create_task(running.call("CP1", call.ClearCache()), name="asked")
        call_id = (await receive(socket))[1]
        assert "currentTime" in await ask(socket, "Heartbeat")
        await socket.send(json.dumps([3, call_id, {"status": "Rejected"}]))
        assert (await asked).status == "Rejected"


async def test_the_last_answer_before_a_station_leaves_counts(running: Csms) -> None:
    async with station(running) as socket:
        asked = asyncio.create_task(running.call("CP1", call.Reset(type="Immediate")), name="asked")
        call_id = (await receive(socket))[1]
        await socket.send(json.dumps([3, call_id, {"status": "Accepted"}]))
        await socket.close()
        assert (await asked).status == "Accepted"


async def test_a_call_that_a_station_refuses_raises_its_error(running: Csms) -> None:
    async with station(running) as socket:
        asked = asyncio.create_task(running.call("CP1", call.ClearCache()), name="asked")
        call_id = (await receive(socket))[1]
        await socket.send(json.dumps([4, call_id, "NotSupported", "no cache", {}]))
        with pytest.raises(OCPPError, match="no cache"):
            await asked
    assert running.heard("ClearCache")[0].payload["errorDescription"] == "no cache"


async def test_a_call_ends_with_the_connection(running: Csms) -> None:
    async with station(running) as socket:
        asked = asyncio.create_task(running.call("CP1", call.ClearCache()), name="asked")
        await receive(socket)
        await socket.close()
        with pytest.raises(ConnectionError, match="CP1"):
            await asked


async def test_a_call_to_nobody_fails_at_once(running: Csms) -> None:
    with pytest.raises(ConnectionError, match="CP9"):
        await running.call("CP9", call.ClearCache())


@pytest.mark.parametrize("identity", ["DE*ABC+1", "a/b c?#", "Säule"])
async def test_the_identity_is_percent_decoded(running: Csms, identity: str) -> None:
    async with station(running, identity):
        assert list(running.stations) == [identity]


@pytest.mark.parametrize("path", ["", "/", "/ocpp/", "/ocpp/?id=CP1", "/%ff"])
async def test_a_path_without_an_identity_is_not_found(running: Csms, path: str) -> None:
    with pytest.raises(InvalidStatus, match="404"):
        await connect(running.url + path, subprotocols=[Subprotocol("ocpp2.0.1")], proxy=None)


@pytest.mark.parametrize("offered", [None, [Subprotocol("ocpp1.6")]])
async def test_without_its_subprotocol_it_closes_after_the_handshake(
    running: Csms, offered: list[Subprotocol] | None
) -> None:
    async with connect(f"{running.url}/CP1", subprotocols=offered, proxy=None) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed, match=r"ocpp2\.0\.1"):
            await socket.recv()
    assert not running.stations


async def test_it_picks_its_subprotocol_among_several(running: Csms) -> None:
    offered = [Subprotocol("ocpp2.1"), Subprotocol("ocpp2.0.1"), Subprotocol("ocpp1.6")]
    async with station(running, subprotocols=offered) as socket:
        assert socket.subprotocol == "ocpp2.0.1"


async def test_with_a_password_it_wants_basic_auth() -> None:
    async with csms(password="pässword:1") as server:
        right = {"Authorization": build_authorization_basic("CP1", "pässword:1")}
        async with station(server, additional_headers=right) as socket:
            assert "currentTime" in await ask(socket, "Heartbeat")
        for wrong in (
            {},
            {"Authorization": build_authorization_basic("CP1", "other")},
            {"Authorization": build_authorization_basic("CP2", "pässword:1")},
            {"Authorization": "Bearer x"},
        ):
            with pytest.raises(InvalidStatus, match="401"):
                await connect(f"{server.url}/CP1", additional_headers=wrong, proxy=None)


# TLS


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    make(Plan({"CP1": "SN1", "CP2": "SN2"}, bad=True), folder)
    return folder


def client(pki: Path, certificate: str | None = None, chain: str | None = None) -> ssl.SSLContext:
    """A station that trusts the CSMS, and shows a certificate if it has one."""
    context = ssl.create_default_context(cafile=pki / "csms-root.pem")
    if certificate:
        context.load_cert_chain(chain or pki / f"{certificate}.pem", pki / f"{certificate}.key")
    return context


@asynccontextmanager
async def mutual(pki: Path) -> AsyncIterator[Csms]:
    async with csms(tls=Tls.of(pki, mutual=True)) as server:
        yield server


async def test_profile_2_is_tls_and_basic_auth(pki: Path) -> None:
    async with csms(tls=Tls.of(pki, mutual=False), password="only-for-tests-0001") as server:
        assert server.url.startswith("wss://127.0.0.1:")
        right = {"Authorization": build_authorization_basic("CP1", "only-for-tests-0001")}
        async with station(server, ssl=client(pki), additional_headers=right) as socket:
            assert "currentTime" in await ask(socket, "Heartbeat")
            peer = server.stations["CP1"].peer
            assert peer is not None
            assert (peer.version, peer.certificate, peer.owner) == ("TLSv1.3", {}, "")
            assert describe(peer) == f"TLSv1.3, {peer.cipher}, no client certificate"
        with pytest.raises(InvalidStatus, match="401"):
            await connect(f"{server.url}/CP1", ssl=client(pki), proxy=None)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(f"{server.url}/CP1", ssl=ssl.create_default_context(), proxy=None)


async def test_A00_FR_418_tls_1_1_is_refused(pki: Path) -> None:
    context = client(pki)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    async with csms(tls=Tls.of(pki, mutual=False)) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connect(f"{server.url}/CP1", ssl=context, proxy=None)


async def test_profile_3_knows_a_station_by_its_certificate(pki: Path) -> None:
    async with mutual(pki) as server, station(server, ssl=client(pki, "station-CP1")) as socket:
        peer = server.stations["CP1"].peer
        assert peer is not None
        assert (peer.owner, peer.name("organizationName"), peer.name("countryName")) == ("SN1", "ocppd", "")
        number = certificates_of((pki / "station-CP1.pem").read_text())[0].serial_number
        assert f"client certificate CN=SN1, O=ocppd, serial {number:X}" in describe(peer).replace(
            "serial 0", "serial "
        )
        assert (await ask(socket, "BootNotification", boot(serialNumber="SN1")))["status"] == "Accepted"


@pytest.mark.parametrize(
    "certificate",
    [None, "expired", "not-yet-valid", "wrong-chain", "self-signed"],
    ids=["none", "expired", "not-yet-valid", "wrong-chain", "self-signed"],
)
async def test_A00_FR_403_A00_FR_407_a_wrong_certificate_ends_in_the_handshake(
    pki: Path, certificate: str | None
) -> None:
    context = client(pki, certificate and f"bad/station-{certificate}")
    async with mutual(pki) as server:
        with pytest.raises((OSError, InvalidHandshake, ConnectionClosed)):
            await connect(f"{server.url}/CP1", ssl=context, proxy=None)
        assert not server.stations


async def test_A00_FR_404_another_organisation_is_refused(pki: Path) -> None:
    async with mutual(pki) as server:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"{server.url}/CP1", ssl=client(pki, "bad/station-other-organisation"), proxy=None)


async def test_A00_FR_405_the_certificate_of_another_station_is_refused(pki: Path) -> None:
    async with mutual(pki) as server:
        async with station(server, ssl=client(pki, "station-CP2")) as socket:
            assert (await ask(socket, "BootNotification", boot(serialNumber="SN1")))["status"] == "Rejected"
        async with station(server, ssl=client(pki, "station-CP1")) as socket:
            assert (await ask(socket, "BootNotification", boot(serialNumber="SN1")))["status"] == "Accepted"
        with pytest.raises(InvalidStatus, match="403"):  # now it is known who CP1 is
            await connect(f"{server.url}/CP1", ssl=client(pki, "station-CP2"), proxy=None)


def certificates_of(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def csr(common_name: str, organization: str = "ocppd") -> tuple[str, str]:
    """A CSR, and its key."""
    key = new_ec()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name_of(common_name, organization))
    request = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return request.decode(), key.private_bytes(serialization.Encoding.PEM, *form).decode()


async def test_A02_a_csr_is_signed_after_its_answer_and_the_new_certificate_is_let_in(
    pki: Path, tmp_path: Path
) -> None:
    request, key = csr("SN1")
    async with mutual(pki) as server:
        async with station(server, ssl=client(pki, "station-CP1")) as socket:
            assert await ask(socket, "SignCertificate", {"csr": request}) == {"status": "Accepted"}
            kind, call_id, action, payload = await receive(socket)
            assert (kind, action, payload.keys()) == (2, "CertificateSigned", {"certificateChain"})
            await socket.send(json.dumps([3, call_id, {"status": "Accepted"}]))
            await server.until(lambda: server.heard("CertificateSigned"))
        (tmp_path / "new.pem").write_text(payload["certificateChain"] + key)
        context = client(pki)
        context.load_cert_chain(tmp_path / "new.pem")
        async with station(server, ssl=context) as socket:
            assert "currentTime" in await ask(socket, "Heartbeat")
            number = certificates_of(payload["certificateChain"])[0].serial_number
            peer = server.stations["CP1"].peer
            assert peer is not None
            assert int(peer.certificate["serialNumber"], 16) == number


async def test_A02_FR_13_a_certificate_for_cars_comes_from_the_other_hierarchy(pki: Path) -> None:
    async with csms(tls=Tls.of(pki, mutual=False)) as server, station(server, ssl=client(pki)) as socket:
        payload = {"csr": csr("SECC9")[0], "certificateType": "V2GCertificate"}
        assert await ask(socket, "SignCertificate", payload) == {"status": "Accepted"}
        signed = (await receive(socket))[3]
        assert signed["certificateType"] == "V2GCertificate"
        leaf, sub, above = certificates_of(signed["certificateChain"])
        leaf.verify_directly_issued_by(sub)
        sub.verify_directly_issued_by(above)
        above.verify_directly_issued_by(certificates_of((pki / "v2g-root.pem").read_text())[0])


@pytest.mark.parametrize("request_of", [("SN2",), ("SN1", "somebody"), ()], ids=["CN", "O", "garbage"])
async def test_A02_a_csr_that_is_not_the_stations_own_is_rejected(
    pki: Path, request_of: tuple[str, ...]
) -> None:
    request = csr(*request_of)[0] if request_of else "garbage"
    async with mutual(pki) as server, station(server, ssl=client(pki, "station-CP1")) as socket:
        answer = await ask(socket, "SignCertificate", {"csr": request})
        assert answer["status"] == "Rejected"
        assert answer["statusInfo"]["reasonCode"] == "InvalidCSR"
        assert "currentTime" in await ask(socket, "Heartbeat")
        assert not server.heard("CertificateSigned", direction="out")


async def test_A02_in_profile_2_the_serial_number_is_what_the_station_has_booted_with(pki: Path) -> None:
    async with csms(tls=Tls.of(pki, mutual=False)) as server:
        async with station(server, ssl=client(pki)) as socket:
            payload = {"csr": csr("SN1")[0]}
            assert (await ask(socket, "SignCertificate", payload))["status"] == "Rejected"
            await ask(socket, "BootNotification", boot(serialNumber="SN1"))
        async with station(server, ssl=client(pki)) as socket:
            assert await ask(socket, "SignCertificate", payload) == {"status": "Accepted"}


async def test_without_tls_there_is_nobody_to_sign(running: Csms) -> None:
    async with station(running) as socket:
        assert await ask(socket, "SignCertificate", {"csr": csr("SN1")[0]}) == {"status": "Rejected"}


def test_files_that_are_missing_are_named(pki: Path, tmp_path: Path) -> None:
    with pytest.raises(PkiError, match=r"csms-sub-ca\.pem is missing: `ocppd pki"):
        Tls.of(tmp_path, mutual=True)
    with pytest.raises(PkiError, match=r"bad/nothing\.pem is missing"):
        Tls.of(pki, mutual=True, certificate="bad/nothing")


# What is asked by name


async def test_it_asks_by_name_in_the_spelling_of_ocpp(running: Csms) -> None:
    asked = {"getVariableData": [{"component": {"name": "A"}, "variable": {"name": "B"}}]}
    told = {"getVariableResult": [{**asked["getVariableData"][0], "attributeStatus": "UnknownComponent"}]}
    async with station(running) as socket:
        answer = asyncio.create_task(running.ask("CP1", "GetVariables", asked), name="asked")
        _, call_id, action, payload = await receive(socket)
        assert (action, payload) == ("GetVariables", asked)
        await socket.send(json.dumps([3, call_id, told]))
        assert await answer == told


@pytest.mark.parametrize(
    ("action", "payload"), [("Nonsense", {}), ("field", {}), ("Any", {}), ("Reset", {"x": 1})]
)
async def test_what_cannot_be_asked_is_named(running: Csms, action: str, payload: dict[str, Any]) -> None:
    async with station(running):
        with pytest.raises(ValueError, match=action):
            await running.ask("CP1", action, payload)
    assert not running.messages


async def test_it_keeps_a_bounded_record_and_tells_each_message() -> None:
    told: list[Message] = []
    async with csms(on_message=told.append) as server, station(server) as socket:
        await ask(socket, "Heartbeat")
        assert told == list(server.messages)
        assert [message.direction for message in told] == ["in", "out"]
        assert server.heard("Heartbeat", "CP1")
        assert not server.heard("Heartbeat", "CP2")
        for _ in range(MESSAGES_KEPT):
            server.note(Message("CP1", "in", "Heartbeat", {}))
        assert len(server.messages) == MESSAGES_KEPT


async def test_waiting_for_what_does_not_happen_ends(running: Csms) -> None:
    with pytest.raises(TimeoutError):
        await running.until(lambda: running.heard("Heartbeat"), timeout_s=0.01)


async def test_the_given_port_is_used() -> None:
    async with csms() as server:
        port = int(server.url.rpartition(":")[2])
    async with csms(port) as server:
        assert server.url == f"ws://127.0.0.1:{port}"


async def test_leaving_the_block_disconnects_every_station() -> None:
    async with csms() as server, asyncio.timeout(10):
        socket = await connect(f"{server.url}/CP1", subprotocols=[Subprotocol("ocpp2.0.1")], proxy=None)
        await server.until(lambda: server.stations)
    with pytest.raises(ConnectionClosed):
        await receive(socket)
    assert not server.stations


async def test_by_itself_it_prints_a_line_for_each_message_and_ends_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd.demo.csms", "--port", "0"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            url = (await process.stdout.readline()).decode().split()[-1]
            options: Any = {"subprotocols": ["ocpp2.0.1"], "proxy": None}
            async with connect(f"{url}/CP%2B1", **options) as socket:
                await ask(socket, "DataTransfer", {"vendorId": "\x1b[2J"})
                received, sent = await process.stdout.readline(), await process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert received == b'CP%2B1 > DataTransfer {"vendorId": "\\u001b[2J"}\n'
    assert sent == b'CP%2B1 < DataTransfer {"status": "UnknownVendorId"}\n'


async def test_by_itself_it_speaks_tls_with_the_certificate_that_is_named(pki: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd.demo.csms", "--port", "0", "--pki", str(pki)),
        *("--client-certificates", "--certificate", "bad/server-wildcard"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            url = (await process.stdout.readline()).decode().split()[-1]
            assert url.startswith("wss://")
            options: Any = {"subprotocols": ["ocpp2.0.1"], "proxy": None, "ssl": client(pki, "station-CP1")}
            async with connect(f"{url}/CP1", **options) as socket:
                assert "currentTime" in await ask(socket, "Heartbeat")
                names = socket.transport.get_extra_info("peercert")["subjectAltName"]
                assert ("DNS", "*.example.test") in names
            assert b"CP1 has connected: TLSv1.3" in await process.stdout.readline()
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--client-certificates"], "--pki"), (["--pki", "/nowhere"], "/nowhere/csms-sub-ca.pem is missing")],
)
async def test_by_itself_it_refuses_what_it_cannot_have(arguments: list[str], words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd.demo.csms", "--port", "0", *arguments), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert words in errors.decode()
    assert "Traceback" not in errors.decode()
