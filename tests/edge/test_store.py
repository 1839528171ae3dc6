"""The state file: whole and valid at any moment, and never replaced by a fresh one in silence."""

from __future__ import annotations

import errno
import os
import stat
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some
from structlog.testing import capture_logs

from ocppd.core.state import Connector, Evse, State
from ocppd.edge.store import Store, StoreError
from tests.bench import Bench

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "charge_point_state.json"


def store(path: Path) -> Store:
    """A store that has loaded what is there, as it must before it saves."""
    it = Store(path)
    it.load()
    return it


def read(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


def write(path: Path, stations: Any, version: Any = 1) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps({"version": version, "stations": stations}))
    return path


def plugged_in() -> State:
    return State(evses=[Evse(connectors=[Connector(plugged=True)])])


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, error: OSError = FULL) -> Iterator[None]:
    """A crash, or a full disk, between the writing of the new file and the putting in place of it."""

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        yield


def refusal(path: Path) -> str:
    """Why the store refuses to load; what it refuses must stay as it is."""
    files = [path] if path.is_file() else list(path.iterdir())
    before = [file.read_bytes() for file in files]
    with pytest.raises(StoreError) as caught:
        Store(path).load()
    assert [file.read_bytes() for file in files] == before
    return str(caught.value)


# What is saved is loaded


def test_nothing_was_written_yet(file: Path) -> None:
    assert Store(file).load() == {}
    assert not file.exists()


def test_a_path_with_a_suffix_is_one_file_for_all_stations(file: Path) -> None:
    states = {"CP001": plugged_in(), "CP002": State(power=False)}
    store(file).save(states)
    assert read(file)["version"] == 1
    assert list(read(file)["stations"]) == ["CP001", "CP002"]
    assert Store(file).load() == states


def test_a_path_without_a_suffix_is_a_directory_with_a_file_for_each(tmp_path: Path) -> None:
    states = {"CP001": plugged_in(), "CP002": State(power=False)}
    store(tmp_path / "states").save(states)
    assert sorted(it.name for it in (tmp_path / "states").iterdir()) == ["CP001.json", "CP002.json"]
    assert Store(tmp_path / "states").load() == states


def test_an_existing_directory_is_one_whatever_its_name(tmp_path: Path) -> None:
    directory = tmp_path / "states.json"
    directory.mkdir()
    store(directory).save({"CP001": State()})
    assert (directory / "CP001.json").is_file()


def test_an_existing_file_is_one_even_without_a_suffix(tmp_path: Path) -> None:
    file = write(tmp_path / "states", {"CP001": {"power": False}})
    store(file).save({"CP001": plugged_in()})
    assert Store(file).load() == {"CP001": plugged_in()}


@pytest.mark.parametrize("name", ["A+B", "../A", "A/B", "A%2FB", "=|@.*", "ä", "."])
def test_an_identity_never_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "states"
    store(directory).save({name: State(power=False)})
    [file] = directory.iterdir()
    assert set(file.name) <= set("%.-_~" + string.ascii_letters + string.digits)
    assert Store(directory).load() == {name: State(power=False)}
    assert list(tmp_path.iterdir()) == [directory]


def test_stations_that_are_not_saved_again_stay_in_the_file(file: Path) -> None:
    write(file, {"HAND": {"settings": {"model": "X"}}})
    store(file).save({"CP001": State()})
    assert Store(file).load() == {"HAND": State(settings={"model": "X"}), "CP001": State()}


@pytest.mark.parametrize("path", ["state.json", "states"])
def test_a_forgotten_station_is_gone(tmp_path: Path, path: str) -> None:
    it = store(tmp_path / path)
    it.save({"CP001": State(), "CP002": State()})
    it.forget("CP001")
    assert Store(tmp_path / path).load() == {"CP002": State()}


@pytest.mark.parametrize("path", ["state.json", "states"])
def test_a_station_that_was_never_saved_can_be_forgotten(tmp_path: Path, path: str) -> None:
    it = store(tmp_path / path)
    it.save({"CP001": State()})
    it.forget("CP002")
    assert Store(tmp_path / path).load() == {"CP001": State()}


# Atomic, private, and only when needed


@pytest.mark.parametrize("path", ["state.json", "states"])
def test_a_crash_before_the_new_file_is_in_place_leaves_the_old_one(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = store(tmp_path / path)
    it.save({"CP001": State()})
    with failing(monkeypatch):
        it.save({"CP001": plugged_in()})
    assert Store(tmp_path / path).load() == {"CP001": State()}


def test_what_a_crash_left_beside_the_file_is_no_obstacle(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing(monkeypatch):
        store(file).save({"CP001": State()})
    assert not file.exists()
    store(file).save({"CP001": plugged_in()})
    assert [it.name for it in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
@pytest.mark.parametrize("path", ["state.json", "states"])
def test_A01_FR_10_only_the_owner_may_read_it(tmp_path: Path, path: str, umask: int) -> None:
    it = store(tmp_path / path)
    if path == "states":
        (tmp_path / path).mkdir()
    before = os.umask(umask)
    try:
        it.save({"CP001": State()})
    finally:
        os.umask(before)
    [written] = [found for found in tmp_path.rglob("*") if found.is_file()]
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def test_the_file_of_a_hand_that_all_may_read_becomes_private(file: Path) -> None:
    write(file, {"CP001": {}}).chmod(0o644)
    store(file).save({"CP001": plugged_in()})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_directory_is_private_too(tmp_path: Path) -> None:
    store(tmp_path / "states").save({"CP001": State()})
    assert stat.S_IMODE((tmp_path / "states").stat().st_mode) == 0o700


@pytest.mark.parametrize("path", ["state.json", "states"])
def test_unchanged_states_are_not_written(tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"CP001": plugged_in(), "CP002": State()}
    store(tmp_path / path).save(states)
    with failing(monkeypatch, OSError("written")), capture_logs() as logs:
        it = Store(tmp_path / path)
        it.save(it.load())
        it.save(states)
        it.save({})
    assert logs == []


def test_in_a_directory_only_what_changed_is_written(tmp_path: Path) -> None:
    it = store(tmp_path)
    it.save({"CP001": State(), "CP002": State()})
    untouched = (tmp_path / "CP001.json").stat().st_ino
    it.save({"CP001": State(), "CP002": plugged_in()})
    assert (tmp_path / "CP001.json").stat().st_ino == untouched
    assert Store(tmp_path).load() == {"CP001": State(), "CP002": plugged_in()}


def test_a_full_disk_is_told_once_and_nothing_is_raised(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = store(file)
    with failing(monkeypatch), capture_logs() as logs:
        it.save({"CP001": State()})
        it.save({"CP001": plugged_in()})
        it.forget("CP001")
    assert logs == [
        {
            "event": "state.save_failed",
            "log_level": "error",
            "path": str(file),
            "reason": "No space left on device",
        }
    ]


def test_a_disk_that_is_full_again_is_told_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = store(file)
    with capture_logs() as logs:
        for state in (State(seq=1), State(seq=2)):
            with failing(monkeypatch):
                it.save({"CP001": state})
            it.save({"CP001": State(seq=3)})
            it.save({"CP001": State(seq=4)})
    assert [line["event"] for line in logs] == ["state.save_failed"] * 2


@pytest.mark.parametrize("path", ["state.json", "states"])
def test_what_a_full_disk_refused_is_written_next_time_though_it_has_not_changed(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = store(tmp_path / path)
    with failing(monkeypatch):
        it.save({"CP001": plugged_in()})
    it.save({"CP001": plugged_in()})
    assert Store(tmp_path / path).load() == {"CP001": plugged_in()}


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    it = Store(tmp_path / "file" / "states")
    with capture_logs() as logs:
        it.save({"CP001": State()})
    assert [(line["event"], line["reason"]) for line in logs] == [("state.save_failed", "Not a directory")]


# Refused by name, and left alone


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"version": 1, "stations": {"CP001": {}}'])
def test_no_json(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert refusal(file).startswith(f"{file}: is no JSON: ")


def test_in_a_directory_the_bad_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "CP001.json", {"CP001": {}})
    (tmp_path / "CP002.json").write_text("{")
    assert refusal(tmp_path).startswith(f"{tmp_path / 'CP002.json'}: is no JSON: ")


@pytest.mark.parametrize("content", [b"[]", b"null", b'{"version": 1}', b'{"version": 1, "stations": []}'])
def test_json_of_something_else(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert refusal(file) == f'{file}: a state file is {{"version": 1, "stations": {{...}}}}'


@pytest.mark.parametrize("version", [0, 2, None, "1", 1.0])
def test_an_unknown_version(file: Path, version: Any) -> None:
    write(file, {}, version)
    assert refusal(file) == f"{file}: version {version!r} is unknown here, this ocppd writes version 1"


def test_a_wrong_value_is_named_by_its_path(file: Path) -> None:
    write(file, {"CP001": {"evses": [{"connectors": [{}, {"plugged": "perhaps"}]}]}})
    where, _, why = refusal(file).removeprefix(f"{file}: ").partition(": ")
    assert where == "stations.CP001.evses.0.connectors.1.plugged"
    assert why == "Expected `bool`, got `str`"


def test_an_unknown_key_is_named_by_its_path(file: Path) -> None:
    write(file, {"CP001": {}, "CP002": {"evses": [{"pluged": True}]}})
    assert refusal(file) == f"{file}: stations.CP002.evses.0: Object contains unknown field `pluged`"


@pytest.mark.parametrize(
    ("evse", "where"),
    [
        ({"meter": {"voltage_v": 0}}, "meter: voltage_v: "),
        ({"meter": {"voltage_v": [230, 0, 230]}}, "meter: voltage_v: "),
        ({"meter": {"marks": {"TxUpdated": [1]}}}, "meter.marks.*: "),
        ({"car": {"ev": {"capacity_wh": 0}}}, "car.ev.capacity_wh: "),
        ({"car": {"ev": {"curve": [[80, 100], [20, 5]]}}}, "car.ev: curve: "),
        ({"car": {"ev": {"curve": []}}}, "car.ev.curve: "),
        ({"car": {"ev": {"wheels": 4}}}, "car.ev: "),
    ],
)
def test_what_could_not_be_charged_with_is_refused(file: Path, evse: Any, where: str) -> None:
    write(file, {"CP001": {"evses": [evse]}})
    assert f": stations.CP001.evses.0.{where}" in refusal(file)


@pytest.mark.parametrize("state", [None, [], "Available", 1])
def test_a_station_that_is_no_object(file: Path, state: Any) -> None:
    write(file, {"CP001": state})
    assert refusal(file).startswith(f"{file}: stations.CP001: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "CP001.json").mkdir()
    with pytest.raises(StoreError) as caught:
        Store(tmp_path).load()
    assert str(caught.value) == f"{tmp_path / 'CP001.json'}: cannot be read: Is a directory"


def test_in_a_directory_a_station_stands_in_the_file_of_its_name(tmp_path: Path) -> None:
    write(tmp_path / "my.json", {"CP+1": {}})
    assert refusal(tmp_path) == f"{tmp_path / 'my.json'}: station CP+1 belongs in {tmp_path / 'CP%2B1.json'}"


# Older versions


def _renamed(stations: dict[str, Any]) -> dict[str, Any]:
    """A change as a later version may make it: `mains` is called `power` now."""
    return {name: {"power": state["mains"]} for name, state in stations.items()}


def _inverted(stations: dict[str, Any]) -> dict[str, Any]:
    return {name: {"power": not state["power"]} for name, state in stations.items()}


@pytest.mark.parametrize(
    ("version", "saved", "migrations", "power"),
    [
        (1, {"mains": False}, [_renamed], False),
        (1, {"mains": False}, [_renamed, _inverted], True),
        (2, {"power": False}, [_renamed, _inverted], True),
        (3, {"power": False}, [_renamed, _inverted], False),
    ],
)
def test_an_older_file_is_led_through_the_migrations_that_it_lacks(
    file: Path, version: int, saved: Any, migrations: list[Callable[[Any], Any]], power: bool
) -> None:
    write(file, {"CP001": saved}, version)
    assert Store(file, migrations).load() == {"CP001": State(power=power)}


def test_a_migrated_file_is_written_in_the_new_version(file: Path) -> None:
    write(file, {"CP001": {"mains": False}})
    it = Store(file, [_renamed])
    it.load()
    it.save({"CP002": State()})
    assert read(file)["version"] == 2
    assert Store(file, [_renamed]).load() == {"CP001": State(power=False), "CP002": State()}


def test_a_newer_version_than_the_migrations_lead_to_is_refused(file: Path) -> None:
    write(file, {}, 3)
    with pytest.raises(StoreError, match="version 3 is unknown here, this ocppd writes version 2"):
        Store(file, [_renamed]).load()


# Whatever a station has been through

_PLACE = {"evse": 1, "connector": 1}
_STEPS: dict[str, Callable[[Bench], object]] = {
    "plug in": lambda bench: bench.do("plug-in", **_PLACE),
    "unplug": lambda bench: bench.do("unplug", **_PLACE),
    "authorize": lambda bench: bench.do("authorize", evse=1, id_token="04Ä2/+\u0000\U0001f50c"),
    "authorize in vain": lambda bench: (bench.silent.add("Authorize"), bench.do("authorize", evse=1)),
    "fault": lambda bench: bench.do("fault", **_PLACE, code="GroundFault", for_s=50),
    "drop": lambda bench: bench.drop(),
    "reconnect": lambda bench: bench.reconnect(),
    "wait": lambda bench: bench.advance(61),
    "set": lambda bench: bench.set("SampledDataCtrlr.TxUpdatedInterval", 7),
    "report": lambda bench: bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    "reset": lambda bench: bench.csms("Reset", {"type": "OnIdle"}),
    "power off": lambda bench: bench.do("power", on=False),
    "power on": lambda bench: bench.do("power", on=True),
    "inoperative": lambda bench: bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative"}),
}


@hypothesis_settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=some.lists(some.sampled_from(sorted(_STEPS)), max_size=12))
def test_whatever_a_station_has_been_through_comes_back_from_the_file(
    tmp_path: Path, steps: list[str]
) -> None:
    bench = Bench()
    for step in steps:
        try:
            _STEPS[step](bench)
        except (AssertionError, StopIteration):
            continue  # there was no connection to do it over
    (tmp_path / "state.json").unlink(missing_ok=True)
    store(tmp_path / "state.json").save({"CP001": bench.state})
    loaded = Store(tmp_path / "state.json").load()["CP001"]
    assert loaded == bench.state
    assert repr(loaded) == repr(bench.state), "a number has become another kind of number"


def test_two_daemons_cannot_share_their_states(tmp_path: Path) -> None:
    first, second = Store(tmp_path / "state.json"), Store(tmp_path / "state.json")
    first.claim()
    with pytest.raises(StoreError, match=r"state\.json: another ocppd uses it"):
        second.claim()


def test_the_lock_is_for_its_owners_eyes_only(tmp_path: Path) -> None:
    Store(tmp_path / "state.json").claim()
    assert (tmp_path / ".state.json.lock").stat().st_mode & 0o777 == 0o600


def test_a_place_that_cannot_be_written_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file" / "state.json").claim()
