"""The documents say what is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from ocppd import app
from ocppd.settings import load
from tests import pictures
from tests.conformance import PAGE, identifiers, page, unknown_ids

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_conformance_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run: make conformance"


def test_the_names_of_tests_tell_ids_that_there_are() -> None:
    assert unknown_ids() == []


def test_each_id_is_a_stations_or_it_is_told_why_not() -> None:
    every = [it for group in identifiers().values() for it in group]
    assert len(every) == len(set(every)) > 1000


def test_the_picture_of_a_day_is_what_the_station_does() -> None:
    points = pictures.day()
    assert pictures.PAGE.read_text() == pictures.draw(points), "run: python -m tests.pictures"
    charging = [point for point in points if point.power_w > 0]
    assert all(point.power_w <= point.limit_w + 1 for point in charging if point.limit_w is not None)
    assert {round(point.power_w) for point in charging} >= {4800, 6900, 11_000}


def test_the_readmes_yaml_describes_a_station(tmp_path: Path) -> None:
    text = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert text is not None
    file = tmp_path / "my.yaml"
    file.write_text(text.group(1))
    [station] = load([file]).station_descriptions()
    assert (station.id, station.csms.url) == ("CP001", "ws://csms.local:9000/ocpp")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_what_the_documents_link_to_exists(name: str) -> None:
    file = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", file.read_text())
    assert links
    assert [link for link in links if not (file.parent / link).exists()] == []


def test_every_command_that_the_readme_names_exists() -> None:
    table = README.partition("| You want |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z-]+)`", table))
    run = [sys.executable, "-m", "ocppd", "commands"]
    known = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert {name for name in named if not re.search(rf"^{name}\b", known, re.MULTILINE)} == set()


def test_a_checkout_starts_from_its_state_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "charge_point_state.json").write_bytes((ROOT / "charge_point_state.json").read_bytes())
    monkeypatch.chdir(tmp_path)
    daemon, _ = app.build(load([ROOT / "config/ocppd.yaml"]))
    [station] = daemon.fleet.stations.values()
    assert (station.id, station.description.hardware.model) == ("CP001", "sim-ac22")
    assert station.evse(1).meter.energy_wh == 1_204_000


def test_the_shipped_state_file_is_json_that_a_person_can_read() -> None:
    text = (ROOT / "charge_point_state.json").read_text()
    assert orjson.loads(text)["version"] == 1
    assert len(text.splitlines()) > 10
