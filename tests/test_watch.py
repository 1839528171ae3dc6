"""`ocppd watch`: the picture that the topics give, and the program in a terminal and without one."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.widgets import DataTable, Input

from ocppd.watch import details
from ocppd.watch.lines import as_json, as_text
from ocppd.watch.picture import Change, Picture
from ocppd.watch.screen import StationScreen, Watch
from ocppd.watch.target import Target, WatchError
from tests.daemon import PATIENCE_S, TOKEN, environment, free_port, observer
from tests.terminal import OCPPD, terminal
from tests.test_shell import house
from tests.test_telling import JSON

Json = dict[str, Any]

NOW = "2026-11-26T16:00:00.000Z"
THEN = "2026-11-26T15:59:59.000Z"
CP001 = "ocppd/v1/station/CP001"


def told(picture: Picture, topic: str, content: Json | str) -> Change | None:
    payload = content.encode() if isinstance(content, str) else orjson.dumps(content)
    return picture.take(topic, payload, NOW)


def station(*, connected: bool = True, **more: object) -> Json:
    csms = {"connected": connected, "registration": "Accepted", "url": "ws://csms/CP001", "queued": 0}
    return {"daemon": "lab1", "power": True, "network": True, "csms": csms, "faults": [], "ts": THEN} | more


def charging(picture: Picture) -> None:
    """CP001 charges with 7.36 kW at its only connector."""
    tx = {"id": "t1", "state": "Charging", "id_token": TOKEN, "energy_wh": 1234, "seconds": 312}
    told(picture, "ocppd/v1/daemon/lab1/state", "online")
    told(picture, f"{CP001}/state", station())
    told(
        picture,
        f"{CP001}/evse/1/state",
        {"limit_w": 11040, "limit_source": "TxProfile", "tx": tx, "ts": THEN},
    )
    told(picture, f"{CP001}/evse/1/meter", {"power_w": 7360, "energy_wh": 1204233, "soc": 42, "ts": THEN})
    told(picture, f"{CP001}/evse/1/connector/1/state", {"status": "Occupied", "plugged": True, "ts": THEN})
    picture.settle()


# The picture


def test_a_station_at_a_glance() -> None:
    picture = Picture("ocppd")
    charging(picture)
    summary = picture.stations["CP001"].summary
    assert summary == ("Accepted", "Occupied", 7360.0, 1204233.0, 1, 1, "")
    totals = picture.totals
    assert (totals.stations, totals.online, totals.charging, totals.power_w) == (1, 1, 1, 7360.0)


@pytest.mark.parametrize(
    ("topic", "content", "csms"),
    [
        (f"{CP001}/state", station(connected=False), "offline"),
        (f"{CP001}/state", station(power=False), "power off"),
        (f"{CP001}/availability", "offline", "power off"),
        ("ocppd/v1/daemon/lab1/state", "offline", "daemon offline"),
        ("ocppd/v1/daemon/lab1/state", "", "no daemon"),
        (f"{CP001}/state", station(daemon="lab2"), "no daemon"),
    ],
)
def test_what_ails_a_station(topic: str, content: Json | str, csms: str) -> None:
    picture = Picture("ocppd")
    charging(picture)
    told(picture, topic, content)
    assert picture.settle() == {"CP001"}
    assert picture.stations["CP001"].summary is not None
    assert picture.stations["CP001"].summary.csms == csms
    assert (picture.totals.stations, picture.totals.online) == (1, 0)


def test_a_station_goes_with_its_topics() -> None:
    picture = Picture("ocppd")
    charging(picture)
    for leaf in ("state", "evse/1/state", "evse/1/meter", "evse/1/connector/1/state"):
        told(picture, f"{CP001}/{leaf}", "")
    assert picture.settle() == {"CP001"}
    assert picture.stations == {}
    assert picture.totals == Picture("ocppd").totals


def test_a_new_connection_begins_anew_but_for_the_events() -> None:
    picture = Picture("ocppd")
    charging(picture)
    told(picture, f"{CP001}/event", {"event": "boot", "station": "CP001"})
    picture.forget()
    assert picture.settle() == {"CP001"}
    assert (picture.stations, picture.totals.stations, len(picture.events)) == ({}, 0, 1)


def test_a_station_in_full() -> None:
    picture = Picture("ocppd")
    charging(picture)
    shown = {"about": "message", "content": "Out of order \x1b[31m", "priority": "AlwaysFront"}
    told(picture, f"{CP001}/state", station(display=[shown], faults=["GroundFault"], vendor="ACME"))
    told(picture, f"{CP001}/event", {"event": "fault", "evse": 1, "code": "GroundFault", "ts": THEN})
    picture.settle()
    text = details.details("CP001", picture.stations["CP001"]).plain
    for words in (
        *("CP001  Accepted  ACME", r"display   Out of order \x1b[31m", "faults    GroundFault"),
        *("limit 11040 W (TxProfile)", "7360 W   1204233 Wh", "SoC 42 %", "plug 1    Occupied  plugged"),
        *(f"Charging   1234 Wh   0:05:12   token {TOKEN}", "15:59:59 1 fault code=GroundFault"),
    ):
        assert words in text


def test_only_what_was_asked_for_belongs_to_it() -> None:
    picture = Picture("ocppd", Target.parse("CP0*").__contains__)
    told(picture, f"{CP001}/state", station())
    told(picture, "ocppd/v1/station/XX/state", station())
    told(picture, "other/v1/station/CP002/state", station())
    assert list(picture.stations) == ["CP001"]


def test_what_is_worth_a_line_is_told_once() -> None:
    picture = Picture("ocppd")
    first = told(
        picture, f"{CP001}/evse/1/connector/1/state", {"status": "Available", "plugged": False, "ts": THEN}
    )
    assert first is not None
    assert as_text(first) == f"{THEN} CP001 1/1 state status=Available plugged=false"
    assert (
        told(picture, f"{CP001}/evse/1/connector/1/state", {"status": "Available", "plugged": False}) is None
    )
    second = told(picture, f"{CP001}/evse/1/connector/1/state", {"status": "Occupied", "plugged": False})
    assert second is not None
    assert as_text(second) == f"{NOW} CP001 1/1 state status=Occupied"
    assert orjson.loads(as_json(second))["content"] == {"status": "Occupied"}
    meter = told(picture, f"{CP001}/evse/1/meter", {"power_w": 7360, "energy_wh": 5, "soc": None})
    assert meter is not None
    assert as_text(meter) == f"{NOW} CP001 1 meter power_w=7360 energy_wh=5"
    assert told(picture, f"{CP001}/evse/1/meter", {"power_w": 7360, "energy_wh": 9, "soc": None}) is None
    event = told(
        picture, f"{CP001}/event", {"event": "fault", "evse": 1, "connector": 1, "code": "GroundFault"}
    )
    assert event is not None
    assert as_text(event) == f"{NOW} CP001 1/1 fault code=GroundFault"
    line = told(picture, "ocppd/v1/daemon/lab1/state", "offline")
    assert line is not None
    assert as_text(line) == f"{NOW} daemon/lab1 - daemon offline"


LEVELS = st.sampled_from(
    [
        *("ocppd", "v1", "station", "CP001", "%1B", "evse", "connector", "1", "7", "999999999"),
        *("state", "meter", "event", "availability", "status", "daemon", "health", "ocpp", "tx", "a\x1b", ""),
    ]
)
CONTENT = st.dictionaries(
    st.sampled_from(
        [
            *(
                "csms",
                "power",
                "faults",
                "daemon",
                "tx",
                "display",
                "limit_w",
                "status",
                "power_w",
                "energy_wh",
            ),
            *("current_a", "ts", "ev", "reservation", "event", "evse", "connector", "before", "after"),
        ]
    ),
    JSON | st.fixed_dictionaries({"connected": JSON, "state": JSON, "registration": JSON}),
    max_size=5,
)
TOPICS = st.one_of(
    st.lists(LEVELS, max_size=9).map("/".join),
    st.sampled_from(["state", "availability", "event", "evse/1/state", "evse/1/meter"]).map(
        lambda leaf: f"{CP001}/{leaf}"
    ),
    st.sampled_from([f"{CP001}/evse/1/connector/2/state", "ocppd/v1/daemon/lab1/state"]),
)
MESSAGES = st.lists(st.tuples(TOPICS, st.binary(max_size=30) | CONTENT.map(orjson.dumps)), max_size=12)


@settings(max_examples=50)
@given(MESSAGES)
def test_whatever_is_published_it_goes_on_and_prints_nothing_but_text(
    messages: list[tuple[str, bytes]],
) -> None:
    picture = Picture("ocppd")
    for topic, payload in messages:
        change = picture.take(topic, payload, NOW)
        if change is not None:
            assert as_text(change).isprintable()
            assert as_json(change).isprintable()
    picture.settle()
    counted = [it.summary for it in picture.stations.values()]
    assert picture.totals.stations == len(counted)
    assert picture.totals.transactions == sum(it.transactions for it in counted if it)
    for name, it in picture.stations.items():
        assert it.summary is not None
        assert all(cell.plain.isprintable() for cell in details.row(name, it.summary))
        assert all(line.isprintable() for line in details.details(name, it).plain.split("\n"))
    assert all(details.event(it).plain.isprintable() for it in picture.events)


@pytest.mark.parametrize("text", ["CP001/1", "group/lab", "/"])
def test_what_is_no_station_cannot_be_watched(text: str) -> None:
    with pytest.raises(WatchError):
        Target.parse(text)


def test_one_station_alone_is_listened_to_where_only_one_is_meant() -> None:
    assert "station/CP%2B1/evse/+/meter" in Target.parse("CP+1").filters
    assert "station/+/evse/+/meter" in Target.parse("CP0*").filters


def test_two_sorts_before_ten() -> None:
    assert sorted(["CP10", "CP2", "A", "CP2b"], key=details.by_number) == ["A", "CP2", "CP2b", "CP10"]


# The screen


def test_a_station_of_dc_has_no_phases() -> None:
    picture = Picture("ocppd")
    charging(picture)
    meter = {"power_w": 8000, "energy_wh": 1, "current_a": [20, 0, 0], "voltage_v": [400, 0, 0], "ts": THEN}
    told(picture, f"{CP001}/evse/1/meter", meter)
    picture.settle()
    assert "1 Wh   20.0 A   400.0 V" in details.details("CP001", picture.stations["CP001"]).plain


async def test_a_small_screen_has_room_for_stations() -> None:
    picture = Picture("ocppd")
    told(picture, "ocppd/v1/daemon/lab1/state", "online")
    app = Watch(picture)
    async with app.run_test(size=(60, 15)) as pilot:
        await pilot.pause()
        assert app.screen.query_one(DataTable).size.height >= 5
        assert app.screen.query_one("#events").size.height >= 3


async def test_a_thousand_stations_are_drawn_filtered_and_forgotten() -> None:
    picture = Picture("ocppd")
    told(picture, "ocppd/v1/daemon/lab1/state", "online")
    for n in range(1000):
        told(picture, f"ocppd/v1/station/CP{n:03}/state", station())
    charging(picture)
    app = Watch(picture)
    async with app.run_test(size=(120, 30)) as pilot:
        table = app.screen.query_one(DataTable)
        app.redraw()
        assert table.row_count == 1000
        for n in range(2, 1000):  # measured anew for each, the columns would take minutes
            told(picture, f"ocppd/v1/station/CP{n:03}/evse/1/connector/1/state", {"status": "Available"})
            told(picture, f"ocppd/v1/station/CP{n:03}/evse/1/meter", {"power_w": n, "energy_wh": 1000 * n})
        app.redraw()
        await pilot.pause()
        assert [cell.plain for cell in table.get_row("CP042")][2:5] == ["Available", "0.04 kW", "42.00 kWh"]
        await pilot.press("slash", *"cp00 occ")
        app.redraw()
        assert [str(key.value) for key in table.rows] == ["CP001"]
        await pilot.press("enter", "enter")
        assert isinstance(app.screen, StationScreen)
        await pilot.press("escape", "escape")
        assert app.screen.query_one(Input).value == ""
        app.redraw()
        assert table.row_count == 1000
        picture.forget()
        app.redraw()
        assert table.row_count == 0


async def test_a_person_sees_the_table_change_and_looks_closer(tmp_path: Path) -> None:
    async with (
        house(tmp_path, "CP001", "CP002") as (mosquitto, it),
        terminal("watch", "--config", str(it.config), cwd=tmp_path) as screen,
        observer(mosquitto.port) as person,
    ):
        await screen.sees(
            "2 stations   2 online   0 charging", "● broker", "CP001", "CP002", "Accepted", "Available"
        )
        await person.succeed("CP001/1/1", "plug-in")
        await person.succeed("CP001/1", "authorize", id_token=TOKEN)
        await screen.sees("1 charging", "Occupied", "tx_started")

        await screen.press("/")
        await screen.type("avail")
        await screen.misses(" CP001    Accepted")
        await screen.press("Enter")
        await screen.press("Escape")
        await screen.sees(" CP001    Accepted")

        await screen.press("Enter")
        await screen.sees("EVSE 1", f"token {TOKEN}", "SoC", "limit none", "lab1")
        await screen.press("Escape")
        await screen.sees("2 stations")

        await it.kill()
        await screen.sees("daemon offline: lab1", "0 online")
        mosquitto.stop()
        await screen.sees("trying again")
        mosquitto.start()
        await screen.misses("trying again")
        await it.start()
        await screen.sees("2 stations   2 online")
        await screen.press("q")
        assert await screen.ends() == 0


async def test_a_screen_without_a_broker_waits_for_one_and_obeys(tmp_path: Path) -> None:
    config = tmp_path / "ocppd.yaml"
    config.write_bytes(orjson.dumps({"mqtt": {"port": free_port()}}))
    async with terminal("watch", "--config", str(config), cwd=tmp_path) as screen:
        await screen.sees("0 stations", "trying again")
        await screen.signal(signal.SIGTERM)
        assert await screen.ends() == 0


# Without a terminal


async def lines(config: Path, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*OCPPD, "watch", "--config", str(config), *options),
        cwd=config.parent,
        env=environment(),
        stdout=PIPE,
        stderr=PIPE,
    )


async def line_with(process: asyncio.subprocess.Process, words: str) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        while words not in (line := (await process.stdout.readline()).decode()):
            assert line, "it has ended"
    return line


async def test_without_a_terminal_there_is_a_line_for_each_change(tmp_path: Path) -> None:
    async with house(tmp_path, "CP001", "XX") as (mosquitto, it), observer(mosquitto.port) as person:
        process = await lines(it.config, "CP0*")
        json = await lines(it.config, "CP001", "--json")
        await line_with(process, " CP001 - state power=true")
        await line_with(json, '"CP001"')
        await person.succeed("XX/1/1", "plug-in")
        await person.succeed("CP001/1/1", "plug-in")
        line = await line_with(process, "connector_status")
        time, rest = line.split(" ", 1)
        assert time.endswith("Z")
        assert rest == "CP001 1/1 connector_status Available → Occupied (mqtt:plug-in)\n"
        found = orjson.loads(await line_with(json, "connector_status"))
        assert found["content"]["after"] == {"status": "Occupied"}

        mosquitto.stop()
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            assert b"trying again" in await process.stderr.readline()
            mosquitto.start()
            while b"connected again" not in (said := await process.stderr.readline()):
                assert said, "it has ended"
        for running in (process, json):
            running.send_signal(signal.SIGTERM)
            _, wrong = await running.communicate()
            assert running.returncode == 0
            assert b"Traceback" not in wrong


async def test_it_ends_quietly_when_nobody_reads(tmp_path: Path) -> None:
    async with house(tmp_path, "CP001") as (_, it):
        watching = await lines(it.config)
        await line_with(watching, "CP001")
        watching._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined] # noqa: SLF001
        assert watching.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            assert await watching.stderr.read() == b""
            assert await watching.wait() == 0


async def test_lines_without_a_broker_end_with_3(tmp_path: Path) -> None:
    config, port = tmp_path / "ocppd.yaml", free_port()
    config.write_bytes(orjson.dumps({"mqtt": {"port": port}}))
    process = await lines(config)
    out, wrong = await process.communicate()
    assert (process.returncode, out) == (3, b"")
    assert f"broker 127.0.0.1:{port}".encode() in wrong
    process = await lines(config, "CP001/1")
    _, wrong = await process.communicate()
    assert process.returncode == 2
    assert b"TARGET" in wrong
