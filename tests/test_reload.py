"""A changed configuration, followed while the daemon runs."""

from __future__ import annotations

from pathlib import Path

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
