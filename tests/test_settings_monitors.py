"""`monitors` in the configuration: what a station is delivered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocppd.app import build
from ocppd.core.description import Monitor
from ocppd.settings import SettingsError, load


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def monitors_of(entries: str) -> tuple[Monitor, ...]:
    Path("ocppd.yaml").write_text(f"stations: [{{id: CP1, monitors: [{entries}]}}]", encoding="utf-8")
    return load([Path("ocppd.yaml")]).station_descriptions()[0].hardware.monitors


def test_an_entry_becomes_a_monitor_of_the_hardware() -> None:
    full = (
        "{component: 'Fan[Left]', variable: 'Speed[Max]', evse: 1, connector: 1, type: UpperThreshold,"
        " value: 60, severity: 3, transaction: true, hard_wired: true}"
    )
    short = "{component: EVSE, evse: 1, variable: AvailabilityState, type: Delta}"
    assert monitors_of(f"{full}, {short}") == (
        Monitor(
            "Fan", "Speed", "UpperThreshold", 60, 3, "Left", "Max", 1, 1, transaction=True, hard_wired=True
        ),
        Monitor("EVSE", "AvailabilityState", "Delta", 1, 5, evse=1),
    )


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{component: A, variable: B}", "type: this key is required"),
        ("{component: A, variable: B, type: Sideways}", "type: Input should be 'UpperThreshold'"),
        ("{component: A, variable: B, type: Delta, value: -1}", "value: a difference is not negative"),
        (
            "{component: A, variable: B, type: Periodic, value: 0}",
            "value: an interval has 1 second to a year",
        ),
        ("{component: A, variable: B, type: Delta, value: 1.0e+30}", "value: Input should be less than"),
        ("{component: A, variable: B, type: Delta, severity: 10}", "severity: Input should be less than"),
        ("{component: A, variable: B, type: Delta, evse: 2}", "evse: there is no EVSE 2"),
        (
            "{component: A, variable: B, type: Delta, evse: 1, connector: 2}",
            "connector: EVSE 1 has no connector 2",
        ),
        ("{component: A, variable: B, type: Delta, connector: 1}", "connector: a connector needs its evse"),
        (
            "{component: A, variable: B, type: Delta, severty: 1}",
            "severty: unknown key, did you mean 'severity'?",
        ),
        ("{component: 'A[', variable: B, type: Delta}", "component: 'A[' is neither"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(entry: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        monitors_of(entry)
    assert f"stations[0].monitors[0].{problem}" in str(caught.value)


def test_a_monitor_of_a_variable_that_is_not_stops_the_daemon_and_names_its_key() -> None:
    monitors_of("{component: Fan, variable: Speed, type: Delta}")
    with pytest.raises(SettingsError, match=r"CP1: monitors\[0\]: Fan.Speed: UnknownComponent"):
        build(load([Path("ocppd.yaml")]))
