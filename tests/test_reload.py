"""A changed configuration, followed while the daemon runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ocppd.settings.transfers import TransferSettings
from tests.test_daemon_commands import House, living

NOWHERE = "ws://127.0.0.1:9/"


async def test_a_station_taken_out_by_mistake_has_lost_nothing(tmp_path: Path) -> None:
    async with living(House(tmp_path, NOWHERE, "CP001", "CP002")) as house:
        house.fleet.stations["CP001"].state.evses[0].meter.energy_wh = 5000.0
        house.daemon.reload(house.settings("CP002"))
        assert set(house.fleet.stations) == {"CP002"}
        assert house.saved() == {"CP001", "CP002"}
        house.daemon.reload(house.settings("CP001", "CP002"))
        assert house.fleet.stations["CP001"].state.evses[0].meter.energy_wh == 5000.0


async def test_nor_has_one_that_returns_after_a_restart(tmp_path: Path) -> None:
    async with living(House(tmp_path, NOWHERE, "CP001", "CP002")) as house:
        house.fleet.stations["CP001"].state.evses[0].meter.energy_wh = 5000.0
        house.fleet.tell("CP001", "warning", message="something to save")
        house.fleet.flush()
    async with living(House(tmp_path, NOWHERE, "CP002")) as house:
        house.daemon.reload(house.settings("CP001", "CP002"))
        assert house.fleet.stations["CP001"].state.evses[0].meter.energy_wh == 5000.0


async def test_removing_by_command_is_for_good(tmp_path: Path) -> None:
    async with living(House(tmp_path, NOWHERE, "CP001", "CP002")) as house:
        house.run("remove-station", {"id": "CP001"})
        assert house.saved() == {"CP002"}


@pytest.mark.parametrize("first", [{}, {"publish": {"port": 8481}}], ids=["added", "taken out"])
async def test_a_file_server_for_firmware_counts_from_the_next_start_and_that_is_said(
    tmp_path: Path, first: dict[str, object]
) -> None:
    before = TransferSettings.model_validate(first)
    after = TransferSettings.model_validate({} if first else {"publish": {}})
    house = House(tmp_path, NOWHERE, "CP001")
    house.daemon.settings = house.settings("CP001").model_copy(update={"transfers": before})
    async with living(house):
        house.daemon.reload(house.daemon.settings)
        publishes = house.fleet.stations["CP001"].description.hardware.publishes_firmware
        assert publishes is bool(first)
        changed = house.settings("CP001", "CP002").model_copy(update={"transfers": after})
        with capture_logs() as lines:
            house.daemon.reload(changed)
        [line] = [it for it in lines if it["event"] == "daemon.not_reloaded"]
        assert (line["log_level"], line["key"]) == ("warning", "transfers.publish")
        # The rest is followed, and no station promises what nobody does.
        assert set(house.fleet.stations) == {"CP001", "CP002"}
        hardware = {it.description.hardware.publishes_firmware for it in house.fleet.stations.values()}
        assert hardware == {bool(first)}
        with capture_logs() as again:
            house.daemon.reload(house.daemon.settings)
        assert [it for it in again if it["event"] == "daemon.not_reloaded"] == []
