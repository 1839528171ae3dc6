"""Frames in files: what they hold, what they must not, and who may read them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some
from ocpp.v201 import call
from structlog.testing import capture_logs

from ocppd.app import build
from ocppd.core.times import format_time
from ocppd.demo.csms import csms
from ocppd.edge.traces import Traces, without_secrets
from ocppd.settings import SettingsError, from_values
from tests.bench import START, ManualClock
from tests.daemon import daemon, settings, station

BEAT = '[2,"m1","Heartbeat",{}]'


def traces(place: Path, pattern: str = "*", max_bytes: int = 1_000_000) -> Traces:
    return Traces(place, pattern, max_bytes, ManualClock())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_for_each_frame_as_it_passes(tmp_path: Path) -> None:
    found = traces(tmp_path / "a" / "b")
    found.note("CP001", "tx", BEAT)
    found.note("CP001", "rx", '[3,"m1",{"currentTime":"2025-01-01T10:00:00Z"}]')
    now = format_time(START)
    assert lines(tmp_path / "a" / "b" / "CP001.jsonl") == [
        {"ts": now, "station": "CP001", "way": "tx", "frame": [2, "m1", "Heartbeat", {}]},
        {
            "ts": now,
            "station": "CP001",
            "way": "rx",
            "frame": [3, "m1", {"currentTime": "2025-01-01T10:00:00Z"}],
        },
    ]


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    traces(tmp_path / "new").note("CP001", "tx", BEAT)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "CP001.jsonl").stat().st_mode) == 0o600


def test_only_stations_that_fit_the_pattern_are_written(tmp_path: Path) -> None:
    found = traces(tmp_path, "CP0*")
    found.note("CP001", "tx", BEAT)
    found.note("XP001", "tx", BEAT)
    assert [path.name for path in tmp_path.iterdir()] == ["CP001.jsonl"]


@pytest.mark.parametrize("identity", ["..", ".", "*|@+=", "../up", "a/b"])
def test_no_identity_leads_out_of_the_directory(tmp_path: Path, identity: str) -> None:
    place = tmp_path / "in"
    traces(place).note(identity, "tx", BEAT)
    assert [path.parent for path in tmp_path.rglob("*.jsonl")] == [place]


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "CP001.jsonl").symlink_to(tmp_path / "elsewhere")
    with capture_logs() as logs:
        traces(tmp_path).note("CP001", "tx", BEAT)
    assert [line["event"] for line in logs] == ["traces.failed"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_file_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    found = traces(tmp_path, max_bytes=1000)
    for number in range(100):
        found.note("CP001", "tx", f'[2,"m{number:03}","Heartbeat",{{}}]')
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.keys() == {"CP001.jsonl", "CP001.jsonl.1"}
    assert all(500 < size <= 1000 for name, size in sizes.items() if name.endswith(".1"))
    kept = [*lines(tmp_path / "CP001.jsonl.1"), *lines(tmp_path / "CP001.jsonl")]
    numbers = [int(line["frame"][1][1:]) for line in kept]
    assert numbers == list(range(100))[-len(numbers) :]


def test_a_disk_that_fails_is_told_once_and_harms_nobody(tmp_path: Path) -> None:
    found = traces(tmp_path / "in")
    (tmp_path / "in").rmdir()
    with capture_logs() as logs:
        found.note("CP001", "tx", BEAT)
        found.note("CP001", "tx", BEAT)
        (tmp_path / "in").mkdir()
        found.note("CP001", "tx", BEAT)
    assert [line["event"] for line in logs] == ["traces.failed"]
    assert len(lines(tmp_path / "in" / "CP001.jsonl")) == 1


# Secrets


@pytest.mark.parametrize(
    "payload",
    [
        {
            "setVariableData": [
                {
                    "component": {"name": "SecurityCtrlr"},
                    "variable": {"name": "BasicAuthPassword"},
                    "attributeValue": "hush",
                }
            ]
        },
        {"connectionData": {"basicAuthPassword": "hush"}},
        {"connectionData": {"apn": {"apnPassword": "hush"}, "vpn": {"password": "hush", "key": "hush"}}},
        {"idToken": {"idToken": "hush", "type": "KeyCode"}},
        {"firmware": {"location": "ftp://somebody:hush@host/file"}},
        {"log": {"remoteLocation": "sftp://hush@host/file"}},
        {"reportData": [{"variable": {"name": "Password"}, "variableAttribute": [{"value": "hush"}]}]},
        {"data": {"secret": ["hush"]}},
    ],
)
def test_no_secret_is_written(tmp_path: Path, payload: dict[str, Any]) -> None:
    traces(tmp_path).note("CP001", "rx", json.dumps([2, "m1", "Any", payload]))
    text = (tmp_path / "CP001.jsonl").read_text()
    assert "hush" not in text
    assert "***" in text


def test_what_is_no_secret_stays(tmp_path: Path) -> None:
    payload = {
        "idToken": {"idToken": "04A2B3C4", "type": "ISO14443"},
        "setVariableData": [{"variable": {"name": "HeartbeatInterval"}, "attributeValue": "7"}],
        "url": "https://host/path@2x?n=1",
    }
    traces(tmp_path).note("CP001", "rx", json.dumps([2, "m1", "Any", payload]))
    assert lines(tmp_path / "CP001.jsonl")[0]["frame"][3] == payload


@pytest.mark.parametrize(
    "frame", ["", "[2,", '{"password": "hush"', '"\ud800"'.encode("utf-8", "replace").decode()]
)
def test_of_what_is_no_json_only_the_length_is_told(tmp_path: Path, frame: str) -> None:
    traces(tmp_path).note("CP001", "rx", frame)
    (line,) = lines(tmp_path / "CP001.jsonl")
    assert "hush" not in str(line)
    assert line.get("malformed", len(frame)) == len(frame)


def test_a_frame_that_nests_without_end_is_cut(tmp_path: Path) -> None:
    traces(tmp_path).note("CP001", "rx", "[" * 500 + "]" * 500)
    assert "***" in (tmp_path / "CP001.jsonl").read_text()


_JSON = some.recursive(
    some.none() | some.booleans() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


@given(_JSON)
def test_whatever_comes_can_be_written(value: Any) -> None:
    orjson.dumps(without_secrets(orjson.loads(orjson.dumps(value))))


# The daemon


def test_a_directory_that_cannot_be_is_an_error_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    values = settings(None, "ws://127.0.0.1:1", state={"path": str(tmp_path / "state.json")})
    values["daemon"]["traces"] = {"directory": str(tmp_path / "file")}
    with pytest.raises(SettingsError, match=r"daemon\.traces\.directory"):
        build(from_values(values, "test"))


async def test_the_daemon_writes_what_passes(tmp_path: Path) -> None:
    place = tmp_path / "traces"
    traced = {"traces": {"directory": str(place), "stations": "CP00*"}}
    async with csms() as running:
        values = settings(None, running.url, station("CP001"), station("XX"), daemon=traced)
        async with daemon(tmp_path, values) as process:
            await process.logged("station.boot", station="XX")
            await process.logged("station.boot", station="CP001")
            item = {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attribute_value": "0123456789abcdefHUSH",
            }
            await running.call("CP001", call.SetVariables(set_variable_data=[item]))
    assert [path.name for path in place.iterdir()] == ["CP001.jsonl"]
    passed = [
        (line["way"], *line["frame"][2:3]) for line in lines(place / "CP001.jsonl") if line["frame"][0] == 2
    ]
    assert ("tx", "BootNotification") in passed
    assert ("rx", "SetVariables") in passed
    assert "HUSH" not in (place / "CP001.jsonl").read_text()
