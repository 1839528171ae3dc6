"""Network profiles and the password over real WebSockets: what the station's slots lead the link to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from ocpp.v201 import call, datatypes

from ocppd.core.station import Station
from ocppd.demo.csms import Csms, csms
from tests.edge.mqtt.edge import until
from tests.test_daemon_commands import House, living

PASSWORD = "only-for-tests-0001"
NEW_PASSWORD = "only-for-tests-0002"
_AT_ONCE = {
    "OCPPCommCtrlr.RetryBackOffWaitMinimum": "0",
    "OCPPCommCtrlr.RetryBackOffRandomRange": "0",
    "OCPPCommCtrlr.NetworkProfileConnectionAttempts": "2",
    "OCPPCommCtrlr.NetworkConfigurationPriority": "1,2",
}


@asynccontextmanager
async def station_of(folder: Path, remote: Csms) -> AsyncIterator[Station]:
    """A station of security profile 1 that `remote` has accepted, and that tries again without delay."""
    house = House(folder, remote.url, "CP001", security_profile=1, password=PASSWORD)
    station = house.fleet.stations["CP001"]
    station.state.variables |= _AT_ONCE
    async with living(house):
        waking = asyncio.create_task(wake(house))
        await until(lambda: station.is_online)
        yield station
        waking.cancel()


async def wake(house: House) -> None:
    """Let the stations' timers ring."""
    while True:
        await asyncio.sleep(0.05)
        house.fleet.run_due()


def profile(url: str) -> call.SetNetworkProfile:
    data = datatypes.NetworkConnectionProfileType(
        ocpp_version="OCPP20",
        ocpp_transport="JSON",
        ocpp_csms_url=url,
        message_timeout=30,
        security_profile=1,
        ocpp_interface="Wired0",
    )
    return call.SetNetworkProfile(configuration_slot=2, connection_data=data)


async def set_password(remote: Csms, password: str) -> str:
    item = datatypes.SetVariableDataType(
        attribute_value=password,
        component=datatypes.ComponentType(name="SecurityCtrlr"),
        variable=datatypes.VariableType(name="BasicAuthPassword"),
    )
    answer = await remote.call("CP001", call.SetVariables(set_variable_data=[item]))
    return str(answer.set_variable_result[0]["attribute_status"])


async def test_B10_FR_03_B10_FR_10_when_one_csms_is_gone_the_station_registers_with_the_other(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack, csms(password=PASSWORD) as second:
        first = await stack.enter_async_context(csms(password=PASSWORD))
        async with station_of(tmp_path, first) as station:
            answer = await first.call("CP001", profile(second.url))
            assert answer.status == "Accepted"
            assert station.endpoint.url == f"{first.url}/CP001"
            await stack.aclose()
            await second.until(lambda: second.heard("BootNotification"))
            await until(lambda: station.is_online)
            assert station.endpoint.url == f"{second.url}/CP001"
            assert station.state.profiles.slot == 2


async def test_TC_A_09_A01_the_station_comes_back_with_its_new_password(tmp_path: Path) -> None:
    async with csms(password=PASSWORD) as remote, station_of(tmp_path, remote) as station:
        before = remote.stations["CP001"]
        remote.password = NEW_PASSWORD  # the old one is refused from now on
        assert await set_password(remote, NEW_PASSWORD) == "Accepted"
        await remote.until(lambda: remote.stations.get("CP001") not in (None, before))
        await until(lambda: station.is_online)
        assert len(remote.heard("BootNotification")) == 1


async def test_A01_a_csms_that_refuses_its_own_password_is_told_of(tmp_path: Path) -> None:
    async with csms(password=PASSWORD) as remote, station_of(tmp_path, remote) as station:
        assert await set_password(remote, NEW_PASSWORD) == "Accepted"
        await until(lambda: station.state.csms.attempt > 1)
        assert "401" in str(station.state.csms.last_error)
        assert station.state.csms.alarms == ["FailedToAuthenticateAtCsms"]
        remote.password = NEW_PASSWORD
        await until(lambda: station.is_online)
