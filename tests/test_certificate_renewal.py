"""A02 from end to end: a daemon, mutual TLS, and a CSMS that signs what the station asks for.

It believes its own signature, or does not.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from ocppd.app import trades
from ocppd.edge.workshop import Workshop
from tests.certificates import DAY, build, pem_of
from tests.edge.pki import Pki
from tests.test_daemon_commands import House, living

PATIENCE = 15.0
Json = dict[str, Any]
_AT_ONCE = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
}


class Signer:
    """A CSMS that has every station renew its certificate once; `serials` are those it has been shown.

    `refusal` is how it refuses the certificates that it has signed: an HTTP status, or 0 to hang up.
    """

    def __init__(self, pki: Pki, refusal: int | None = None) -> None:
        self._pki = pki
        self._refusal = refusal
        self.serials: list[int] = []
        self.signed: list[int] = []
        self.calls: list[str] = []
        self.security_events: list[str] = []
        self.renewed = False

    def admit(self, connection: ServerConnection, _request: Request) -> Response | None:
        shown = connection.transport.get_extra_info("ssl_object").getpeercert()
        self.serials.append(int(shown["serialNumber"], 16))
        if self.serials[-1] not in self.signed or self._refusal is None:
            return None
        if self._refusal == 0:
            connection.transport.abort()
        return connection.respond(self._refusal or 503, "")

    async def serve(self, connection: ServerConnection) -> None:
        if self.serials[-1] in self.signed:
            self.renewed = True
        async for text in connection:
            kind, message_id, *rest = json.loads(text)
            if kind == 2:
                self.calls.append(rest[0])
                if rest[0] == "SecurityEventNotification":
                    self.security_events.append(rest[1]["type"])
                await connection.send(json.dumps([3, message_id, self._response(rest[0])]))
                await self._go_on(connection, *rest)

    def _response(self, action: str) -> Json:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        boot = {"status": "Accepted", "interval": 300, "currentTime": now}
        return {"BootNotification": boot, "SignCertificate": {"status": "Accepted"}}.get(action, {})

    async def _go_on(self, connection: ServerConnection, action: str, payload: Json) -> None:
        if action == "BootNotification":
            request = {"requestedMessage": "SignChargingStationCertificate"}
            await connection.send(json.dumps([2, "t", "TriggerMessage", request]))
        if action == "SignCertificate":
            request = {
                "certificateChain": self._sign(payload["csr"]),
                "certificateType": payload["certificateType"],
            }
            await connection.send(json.dumps([2, "s", "CertificateSigned", request]))

    def _sign(self, csr: str) -> str:
        request = x509.load_pem_x509_csr(csr.encode())
        issuer = x509.load_pem_x509_certificate(self._pki.ca.cert_pem.bytes())
        key: Any = load_pem_private_key(self._pki.ca.private_key_pem.bytes(), None)
        start = time.time() - DAY
        leaf = build(request.subject, request.public_key(), issuer.subject, key, start=start, days=90)
        self.signed.append(leaf.serial_number)
        return pem_of(leaf)


@asynccontextmanager
async def house_of(folder: Path, remote: Signer, pki: Pki, context: ssl.SSLContext) -> AsyncIterator[House]:
    """A daemon with a station of security profile 3, which `remote` has signed the first certificate of."""
    own = pki.station("SN-CP001")
    for name, text in (("cert.pem", own.chain), ("ca.pem", pki.roots)):
        (folder / name).write_text(text or "")
    how: Any = {"ssl": context, "subprotocols": ["ocpp2.0.1"], "process_request": remote.admit}
    async with serve(remote.serve, "127.0.0.1", 0, **how) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tls = {"ca": str(folder / "ca.pem"), "cert": str(folder / "cert.pem"), "key": own.key}
        house = House(folder, f"wss://localhost:{port}", "CP001", security_profile=3, tls=tls)
        house.fleet.stations["CP001"].state.variables |= _AT_ONCE
        house.fleet.workshop = workshop = Workshop(trades(house.daemon), house.fleet.worked)
        async with living(house):
            yield house
        await workshop.stop()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_TC_A_11_A02_FR_08_A02_FR_10_a_station_renews_its_certificate_and_comes_back_with_it(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    pki = Pki(tmp_path)
    remote = Signer(pki)
    async with house_of(tmp_path, remote, pki, pki.mutual(version)) as house:
        state = house.fleet.stations["CP001"].state
        async with asyncio.timeout(PATIENCE):
            # A02.FR.10: the root and the new certificate are left.
            while not remote.renewed or len(state.certificates or []) != 2:
                house.fleet.run_due()
                await asyncio.sleep(0.02)
        root, new = state.certificates or []
    assert (root.use, new.use) == ("CSMSRootCertificate", "ChargingStationCertificate")
    assert remote.serials[1:] == remote.signed
    keys = [file for file in (tmp_path / "state.json.keys").rglob("*") if file.is_file()]
    assert [file.stem for file in keys] == [new.key]
    assert "PRIVATE KEY" not in (tmp_path / "state.json").read_text()
    assert "PRIVATE KEY" in keys[0].read_text()


@pytest.mark.parametrize("refusal", [0, 403, 503], ids=["hangs up", "403", "503"])
async def test_A02_FR_28_A02_FR_29_whatever_the_refusal_the_certificate_before_serves_again(
    tmp_path: Path, refusal: int
) -> None:
    pki = Pki(tmp_path)
    remote = Signer(pki, refusal)
    async with house_of(tmp_path, remote, pki, pki.mutual()) as house:
        state = house.fleet.stations["CP001"].state
        async with asyncio.timeout(PATIENCE):
            while "DiscardedRenewedClientCertificate" not in remote.security_events:
                house.fleet.run_due()
                await asyncio.sleep(0.02)
        _root, own = state.certificates or []
    first, *refused, last = remote.serials
    assert set(refused) == set(remote.signed)
    assert len(refused) == 3  # NetworkProfileConnectionAttempts
    assert last == first
    assert own.pem == (tmp_path / "cert.pem").read_text()


async def test_the_keys_of_a_station_go_with_it(tmp_path: Path) -> None:
    house = House(tmp_path, "ws://127.0.0.1:9", "CP001", "CP002")
    subject = {"common_name": "SN0001", "organization": "Lab"}
    async with living(house):
        files = {}
        for station in ("CP001", "CP002"):
            name, _ = house.daemon.keys.make(station, subject)
            files[station] = house.daemon.keys.file_of(station, name)
        house.run("remove-station", "CP001")
        assert [file.exists() for file in files.values()] == [False, True]
