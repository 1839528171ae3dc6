"""A00 from end to end: settings, a daemon, TLS, and a CSMS that learns of what was wrong."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers

from tests.edge.mqtt.edge import until
from tests.edge.pki import PAST, Pki
from tests.test_daemon_commands import House, living

PATIENCE = 10.0
PASSWORD = "only-for-tests-0001"


class Remote:
    """A CSMS that accepts everything and notes the calls."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.headers: list[Headers] = []
        self.port = 0

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers.append(connection.request.headers)
        async for text in connection:
            _, message_id, action, payload = json.loads(text)
            boot = {"status": "Accepted", "interval": 300, "currentTime": "2026-01-01T00:00:00Z"}
            answer = boot if action == "BootNotification" else {}
            await connection.send(json.dumps([3, message_id, answer]))
            self.calls.put_nowait((action, payload))

    async def security_event(self) -> str:
        """The type of the next SecurityEventNotification that is not about the boot."""
        async with asyncio.timeout(PATIENCE):
            while True:
                action, payload = await self.calls.get()
                if action == "SecurityEventNotification" and payload["type"] != "StartupOfTheDevice":
                    return str(payload["type"])


@asynccontextmanager
async def csms(context: ssl.SSLContext) -> AsyncIterator[Remote]:
    remote = Remote()
    async with serve(remote.serve, "127.0.0.1", 0, ssl=context, subprotocols=["ocpp2.0.1"]) as server:  # type: ignore[list-item]
        remote.port = next(iter(server.sockets)).getsockname()[1]
        yield remote


def house_of(folder: Path, remote: Remote, pki: Pki, **csms: Any) -> House:
    (folder / "ca.pem").write_text(pki.roots)
    tls = {"ca": str(folder / "ca.pem"), **csms.pop("tls", {})}
    return House(folder, f"wss://localhost:{remote.port}", "CP001", tls=tls, **csms)


@pytest.mark.parametrize(
    "bad",
    [
        lambda pki: pki.ca.issue_cert("localhost", **PAST),
        lambda pki: pki.other.issue_cert("localhost"),
        lambda pki: pki.ca.issue_cert("other.example.test"),
        lambda pki: pki.ca.issue_cert("localhost", "*.example.test"),
    ],
    ids=["expired", "root", "name", "wildcard"],
)
async def test_TC_A_05_the_csms_learns_of_its_bad_certificate_when_it_has_a_good_one(
    tmp_path: Path, bad: Callable[[Pki], Any]
) -> None:
    pki = Pki(tmp_path)
    context = pki.server()
    bad(pki).configure_cert(context)
    async with csms(context) as remote:
        house = house_of(tmp_path, remote, pki, security_profile=2, password=PASSWORD)
        async with living(house):
            await until(lambda: house.fleet.stations["CP001"].state.csms.attempt)
            assert remote.headers == []
            pki.ca.issue_cert("localhost").configure_cert(context)
            assert await remote.security_event() == "InvalidCsmsCertificate"
            assert remote.headers[0]["Authorization"].startswith("Basic ")


async def test_TC_A_07_a_station_of_profile_3_boots_over_mutual_tls(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    own = pki.station()
    (tmp_path / "cert.pem").write_text(own.chain or "")
    async with csms(pki.mutual()) as remote:
        tls = {"cert": str(tmp_path / "cert.pem"), "key": own.key}
        async with living(house_of(tmp_path, remote, pki, security_profile=3, password=PASSWORD, tls=tls)):
            async with asyncio.timeout(PATIENCE):
                action, _ = await remote.calls.get()
            assert action == "BootNotification"
            assert "Authorization" not in remote.headers[0]


async def test_a_changed_root_certificate_counts_from_the_next_reload(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    async with csms(pki.server(ca=pki.other)) as remote:
        house = house_of(tmp_path, remote, pki, security_profile=2, password=PASSWORD)
        async with living(house):
            await until(lambda: house.fleet.stations["CP001"].state.csms.attempt)
            pki.other.cert_pem.write_to_path(tmp_path / "ca.pem")
            house.daemon.reload(house.settings("CP001"))
            assert await remote.security_event() == "InvalidCsmsCertificate"
