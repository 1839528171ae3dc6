"""M05 and B10 from end to end: a new root, a new CSMS, and back where that does not work."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from ocppd.core.station import Station
from ocppd.demo.csms import Csms, Tls, csms
from tests.daemon import Json
from tests.edge.mqtt.edge import until
from tests.edge.test_network_profiles import wake
from tests.test_daemon_commands import House, living

PASSWORD = "only-for-tests-0001"
VARIABLES = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.NetworkProfileConnectionAttempts": "1",
    "SecurityCtrlr.AdditionalRootCertificateCheck": "true",
}
PRIORITY = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}


def by(ca: trustme.CA) -> Tls:
    """A CSMS whose certificate is signed by `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    return Tls(context)


def pem(ca: trustme.CA) -> str:
    return ca.cert_pem.bytes().decode()


def url(remote: Csms) -> str:
    return remote.url.replace("127.0.0.1", "localhost")


@contextmanager
def waking(house: House) -> Iterator[None]:
    task = asyncio.create_task(wake(house))
    try:
        yield
    finally:
        task.cancel()


def station_of(folder: Path, remote: Csms, root: trustme.CA) -> tuple[House, Station]:
    (folder / "ca.pem").write_text(pem(root))
    tls = {"ca": str(folder / "ca.pem")}
    house = House(folder, url(remote), "CP001", security_profile=2, password=PASSWORD, tls=tls)
    station = house.fleet.stations["CP001"]
    station.state.variables |= VARIABLES
    return house, station


def profile(remote: Csms) -> Json:
    return {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": url(remote),
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wired0",
    }


async def migrate(old: Csms, new: Csms, root: trustme.CA) -> None:
    """The old CSMS installs the new root, names the new CSMS, and resets the station."""

    async def ask(action: str, **payload: object) -> Json:
        return await old.ask("CP001", action, payload)

    install = {"certificateType": "CSMSRootCertificate", "certificate": pem(root)}
    assert await ask("InstallCertificate", **install) == {"status": "Accepted"}
    answer = await ask("SetNetworkProfile", configurationSlot=2, connectionData=profile(new))
    assert answer == {"status": "Accepted"}
    await ask("SetVariables", setVariableData=[{**PRIORITY, "attributeValue": "2,1"}])
    assert (await ask("Reset", type="OnIdle"))["status"] == "Accepted"


async def listed(remote: Csms) -> int:
    """How many CSMS roots the station has."""
    request = {"certificateType": ["CSMSRootCertificate"]}
    answer = await remote.ask("CP001", "GetInstalledCertificateIds", request)
    return len(answer["certificateHashDataChain"])


async def test_TC_B_47_B10_FR_07_M05_FR_15_M05_FR_16_back_to_the_old_csms_with_the_old_root(
    tmp_path: Path,
) -> None:
    root = trustme.CA()
    new_root = root.create_child_ca()
    async with (
        csms(password=PASSWORD, tls=by(root)) as old,
        csms(password=PASSWORD, tls=by(root)) as new,  # signed by the old root, where the new one counts
    ):
        house, station = station_of(tmp_path, old, root)
        async with living(house):
            with waking(house):
                await until(lambda: station.is_online)
                await migrate(old, new, new_root)
                await old.until(lambda: len(old.heard("BootNotification")) == 2, timeout_s=20)
                await until(lambda: station.is_online)
                assert new.heard("BootNotification") == []
                assert station.state.profiles.slot == 1
                assert await listed(old) == 2
                kinds = [it.payload["type"] for it in old.heard("SecurityEventNotification")]
                assert "InvalidCsmsCertificate" in kinds


async def test_M05_FR_13_a_migration_that_works_leaves_the_new_root_alone(tmp_path: Path) -> None:
    root = trustme.CA()
    new_root = root.create_child_ca()
    async with (
        csms(password=PASSWORD, tls=by(root)) as old,
        csms(password=PASSWORD, tls=by(new_root)) as new,
    ):
        house, station = station_of(tmp_path, old, root)
        async with living(house):
            with waking(house):
                await until(lambda: station.is_online)
                await migrate(old, new, new_root)
                await new.until(lambda: new.heard("BootNotification"), timeout_s=20)
                await until(lambda: station.is_online)
                assert await listed(new) == 1
