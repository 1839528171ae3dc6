"""L from end to end: a daemon, a file server, and a CSMS that has firmware installed and published."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import sys
import time
from asyncio.subprocess import PIPE
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ocppd.core.station import Job
from ocppd.edge.publisher import Place, Publisher
from ocppd.edge.transfer import Rules
from ocppd.edge.workshop import Workshop
from tests.certificates import DAY, Authority
from tests.daemon import Watched, daemon, environment, free_port, settings, station
from tests.edge.servers import Server, serving

Json = dict[str, Any]
PAYLOAD = b"\x7fELF of sorts" * 5000
IMAGE = (
    f"ocppd-firmware\nversion: 2.4.0\nsha256: {hashlib.sha256(PAYLOAD).hexdigest()}\n\n".encode() + PAYLOAD
)


class Csms(Watched):
    """It accepts every call, remembers it, and asks what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, Json]] = []
        self.answers: dict[str, Json] = {}
        self._connection: ServerConnection | None = None

    async def serve(self, connection: ServerConnection) -> None:
        self._connection = connection
        with suppress(ConnectionClosed):
            await self._answer_all(connection)

    async def _answer_all(self, connection: ServerConnection) -> None:
        async for text in connection:
            kind, message_id, *rest = json.loads(text)
            if kind == 2:
                await connection.send(json.dumps([3, message_id, self._response(rest[0])]))
                self.heard.append((rest[0], rest[1]))
            else:
                self.answers[message_id] = rest[0]
            self.tell()

    def _response(self, action: str) -> Json:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return {"BootNotification": {"status": "Accepted", "interval": 300, "currentTime": now}}.get(
            action, {}
        )

    async def ask(self, action: str, payload: Json) -> Json:
        assert self._connection is not None
        message_id = f"{action}-{len(self.heard)}"
        await self._connection.send(json.dumps([2, message_id, action, payload]))
        await self.until(lambda: message_id in self.answers)
        return self.answers[message_id]

    def told(self, action: str, key: str = "status") -> list[Any]:
        return [payload[key] for name, payload in self.heard if name == action]


@asynccontextmanager
async def lab(tmp_path: Path, **transfers: Any) -> AsyncIterator[tuple[Csms, Server]]:
    """A station that is connected and accepted, and a file server with an image."""
    csms = Csms()
    async with (
        serving("http", tmp_path) as server,
        serve(csms.serve, "127.0.0.1", 0, subprotocols=["ocpp2.0.1"]) as socket,  # type: ignore[list-item]
    ):
        (server.folder / "image.bin").write_bytes(IMAGE)
        url = f"ws://127.0.0.1:{socket.sockets[0].getsockname()[1]}"
        more = {"clock": {"rate": 10}, "transfers": {"allow_loopback": True, **transfers}}
        async with daemon(tmp_path, settings(None, url, station(firmware="1.0.0"), **more)):
            await csms.until(lambda: "SecurityEventNotification" in dict(csms.heard))
            yield csms, server


def request(server: Server, **more: Any) -> Json:
    firmware = {"location": server.url("/image.bin"), "retrieveDateTime": "2025-01-01T00:00:00Z"}
    return {"requestId": 5, "retries": 0, "firmware": firmware | more}


async def test_TC_L_01_firmware_with_a_good_signature_is_installed(tmp_path: Path) -> None:
    maker = Authority("Maker", start=time.time() - DAY)
    signer = Authority("Signer", maker, authority=False, start=time.time() - DAY)
    signature = b64encode(signer.key.sign(IMAGE, ec.ECDSA(hashes.SHA256()))).decode()
    async with lab(tmp_path) as (csms, server):
        root = {"certificateType": "ManufacturerRootCertificate", "certificate": maker.pem}
        assert await csms.ask("InstallCertificate", root) == {"status": "Accepted"}
        update = request(server, signingCertificate=signer.pem, signature=signature)
        assert await csms.ask("UpdateFirmware", update) == {"status": "Accepted"}
        await csms.until(lambda: "FirmwareUpdated" in csms.told("SecurityEventNotification", "type"), 30)
    assert csms.told("FirmwareStatusNotification") == [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]
    boot = [payload for name, payload in csms.heard if name == "BootNotification"][-1]
    assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "2.4.0")


@pytest.mark.parametrize(
    ("signed", "more", "statuses"),
    [
        (IMAGE + b"!", {}, ["Downloading", "Downloaded", "InvalidSignature"]),
        (None, {"location": "http://127.0.0.1:9/image.bin"}, ["Downloading", "DownloadFailed"]),
    ],
    ids=["TC_L_06: a bad signature", "TC_L_07: nobody there"],
)
async def test_TC_L_06_TC_L_07_firmware_that_is_not_installed(
    tmp_path: Path, signed: bytes | None, more: Json, statuses: list[str]
) -> None:
    maker = Authority("Maker", start=time.time() - DAY)
    signer = Authority("Signer", maker, authority=False, start=time.time() - DAY)
    async with lab(tmp_path) as (csms, server):
        if signed is not None:
            root = {"certificateType": "ManufacturerRootCertificate", "certificate": maker.pem}
            await csms.ask("InstallCertificate", root)
            signature = b64encode(signer.key.sign(signed, ec.ECDSA(hashes.SHA256()))).decode()
            more = {"signingCertificate": signer.pem, "signature": signature}
        assert await csms.ask("UpdateFirmware", request(server, **more)) == {"status": "Accepted"}
        await csms.until(lambda: csms.told("FirmwareStatusNotification")[-1:] == statuses[-1:])
    assert csms.told("FirmwareStatusNotification") == statuses


async def test_TC_L_05_a_signer_whose_certificate_has_expired(tmp_path: Path) -> None:
    maker = Authority("Maker", start=time.time() - 30 * DAY)
    signer = Authority("Signer", maker, authority=False, start=time.time() - 30 * DAY, days=10)
    async with lab(tmp_path) as (csms, server):
        root = {"certificateType": "ManufacturerRootCertificate", "certificate": maker.pem}
        await csms.ask("InstallCertificate", root)
        update = request(server, signingCertificate=signer.pem, signature="AAAA")
        answer = await csms.ask("UpdateFirmware", update)
        await csms.until(
            lambda: "InvalidFirmwareSigningCertificate" in csms.told("SecurityEventNotification", "type")
        )
    assert answer["status"] == "InvalidCertificate"


async def test_L03_FR_03_L03_FR_04_L04_FR_01_firmware_is_served_to_others_and_then_no_longer(
    tmp_path: Path,
) -> None:
    checksum = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
    async with lab(tmp_path, publish={"port": free_port()}) as (csms, server):
        publish = {"location": server.url("/image.bin"), "checksum": checksum, "requestId": 1}
        assert await csms.ask("PublishFirmware", publish) == {"status": "Accepted"}
        await csms.until(lambda: "Published" in csms.told("PublishFirmwareStatusNotification"))
        [url] = csms.heard[-1][1]["location"]
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).content == IMAGE
            assert (await client.head(url)).headers["Content-Length"] == str(len(IMAGE))
            assert (await client.post(url)).status_code == 405
            assert (await client.get(url.replace(checksum, "../state.json"))).status_code == 404
            assert await csms.ask("UnpublishFirmware", {"checksum": checksum}) == {"status": "Unpublished"}
            await asyncio.sleep(0)
            assert (await client.get(url)).status_code == 404
    told = csms.told("PublishFirmwareStatusNotification")
    assert told == ["Downloading", "Downloaded", "ChecksumVerified", "Published"]


async def test_L03_FR_07_a_file_with_another_checksum_is_not_served(tmp_path: Path) -> None:
    async with lab(tmp_path, publish={"port": free_port()}) as (csms, server):
        publish = {"location": server.url("/image.bin"), "checksum": "0" * 32, "requestId": 1}
        assert await csms.ask("PublishFirmware", publish) == {"status": "Accepted"}
        await csms.until(lambda: "InvalidChecksum" in csms.told("PublishFirmwareStatusNotification"))
    assert not any("0" * 32 in folder for folder in map(str, tmp_path.rglob("*")))  # noqa: ASYNC240 - it has ended


async def test_a_port_for_published_firmware_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        tree = settings(None, "ws://127.0.0.1:9", station(), transfers={"publish": {"port": port}})
        config = tmp_path / "ocppd.yaml"
        config.write_text(json.dumps(tree | {"state": {"path": str(tmp_path / "state.json")}}))
        command = (sys.executable, "-m", "ocppd", "run", "--config", str(config))
        process = await asyncio.create_subprocess_exec(*command, stderr=PIPE, env=environment())
        _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    text = f"transfers.publish: 127.0.0.1:{port} cannot be listened on: "
    assert said.decode().splitlines()[-1].startswith(text)


async def test_L04_FR_01_a_file_that_another_station_publishes_too_stays(tmp_path: Path) -> None:
    checksum = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
    async with serving("http", tmp_path) as server:
        (server.folder / "image.bin").write_bytes(IMAGE)
        place = Place("127.0.0.1", free_port(), "http://127.0.0.1")
        publisher = Publisher(place, tmp_path / "published", Rules(allow_loopback=True))
        heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        shop = Workshop(
            {"publish": publisher.trade},
            lambda name, _job, said: heard.put_nowait((name, str(said.get("status")))),
        )
        order = {"url": server.url("/image.bin"), "checksum": checksum, "roots": ""}
        for name in ("CP001", "CP002"):
            shop.take(name, Job("publish", "publish", order))
        published: set[str] = set()
        async with asyncio.timeout(15):
            while len(published) < 2:
                name, status = await heard.get()
                assert status in ("Downloaded", "ChecksumVerified", "Published")
                published |= {name} if status == "Published" else set()
        file = tmp_path / "published" / checksum
        for name, stays in (("CP001", True), ("CP002", False)):
            shop.take(name, Job("publish", "publish", {"remove": checksum}))
            await asyncio.sleep(0.05)
            assert file.exists() == stays
        await shop.stop()
    assert [it.name for it in file.parent.iterdir()] == []
