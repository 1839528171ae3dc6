"""N01 from end to end: a CSMS asks a daemon for logs, and they arrive at a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocppd.demo.csms import Csms, csms
from tests.daemon import Daemon, Json, daemon, settings, station
from tests.edge.servers import PASSWORD, SCHEMES, Server, serving


async def get_log(remote: Csms, url: str, request_id: int, kind: str = "DiagnosticsLog") -> Json:
    log = {"remoteLocation": url}
    request = {"requestId": request_id, "logType": kind, "log": log, "retries": 0}
    return await remote.ask("CP001", "GetLog", request)


async def end_of(remote: Csms, request_id: int) -> list[str]:
    """What the CSMS is told of that upload, up to its end."""

    def statuses() -> list[str]:
        told = [it.payload for it in remote.heard("LogStatusNotification")]
        return [it["status"] for it in told if it["requestId"] == request_id]

    return await remote.until(lambda: statuses() if len(statuses()) > 1 else [], timeout_s=15)


async def booted(remote: Csms, running: Daemon) -> None:
    await running.logged("daemon.started")
    await remote.until(lambda: remote.heard("SecurityEventNotification"), timeout_s=15)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_TC_N_25_TC_N_35_N01_FR_14_N01_FR_15_logs_arrive_where_the_CSMS_wants_them(
    scheme: str, tmp_path: Path
) -> None:
    async with csms() as remote, serving(scheme, tmp_path) as server:
        tree = settings(None, remote.url, station(), transfers={"allow_loopback": True})
        if server.roots:  # it belongs to the CSMS, whose root the station trusts
            (tmp_path / "ca.pem").write_text(server.roots)
            tree["csms"]["tls"] = {"ca": str(tmp_path / "ca.pem")}
        async with daemon(tmp_path, tree) as running:
            await booted(remote, running)
            for number, kind in enumerate(("DiagnosticsLog", "SecurityLog")):
                answer = await get_log(remote, server.url("/logs/"), number, kind)
                assert answer["status"] == "Accepted"
                assert await end_of(remote, number) == ["Uploading", "Uploaded"]
                entries = read(server, answer["filename"])
                assert entries[-1]["type"] == "StartupOfTheDevice"
                assert (entries[0].get("station") == "CP001") == (kind == "DiagnosticsLog")
            assert PASSWORD not in f"{running.lines} {running.noise}"
            await running.stop()


def read(server: Server, name: str) -> list[Json]:
    return [json.loads(line) for line in (server.folder / "logs" / name).read_text().splitlines()]


async def test_N01_FR_10_by_default_nothing_goes_to_this_machine(tmp_path: Path) -> None:
    async with csms() as remote, serving("http", tmp_path) as server:
        async with daemon(tmp_path, settings(None, remote.url, station())) as running:
            await booted(remote, running)
            assert (await get_log(remote, server.url("/logs/"), 1))["status"] == "Accepted"
            assert await end_of(remote, 1) == ["Uploading", "UploadFailure"]
            reason = "the host is at an address that transfers may not go to"
            assert (await running.logged("upload.failed"))["reason"] == reason
            assert PASSWORD not in str(running.lines)
        assert server.requests == []
