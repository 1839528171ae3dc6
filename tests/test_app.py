"""The daemon end to end: its process, a real broker, a real CSMS, and what either of them may do to it."""

from __future__ import annotations

import base64
import importlib.util
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from ocpp.v201 import call, datatypes
from websockets.asyncio.server import ServerConnection, serve

from ocppd.demo.broker import Kind, broker
from ocppd.demo.csms import Csms, csms
from tests.daemon import TOKEN, Json, Observer, daemon, free_port, observer, settings, station
from tests.test_demo_broker import HAS_MOSQUITTO, MOSQUITTO

needs_amqtt = pytest.mark.skipif(not importlib.util.find_spec("amqtt"), reason="no amqtt")
AMQTT = pytest.param("amqtt", marks=needs_amqtt)
EVERY_KIND = pytest.mark.parametrize("kind", [MOSQUITTO, AMQTT])

# The contract: what each payload has, in any case.
DOCUMENTED = {
    "daemon/lab1/info": "version api boot stations started",
    "daemon/lab1/health": "uptime_s rss_mb csms mqtt loop_lag_ms",
    "station/CP001/state": "station daemon boot seq power network csms operative faults vendor model firmware",  # noqa: E501
    "station/CP001/evse/1/state": "station evse operative limit_w limit_source reservation ts tx",
    "station/CP001/evse/1/meter": "evse power_w energy_wh current_a voltage_v soc ts",
    "station/CP001/evse/1/connector/1/state": "evse connector status plugged locked operative faults ts",
}
CSMS = "connected registration url since attempt retry_at last_error queued"
TX = "id state id_token started energy_wh seconds seq_no offline"
EVENT = "event seq boot station cause request_id ts"
ANSWER = "ok command station request_id ms daemon ts"
SAMPLED = {"SampledDataCtrlr.TxUpdatedInterval": 1}


def has(content: Json, keys: str) -> bool:
    return set(keys.split()) <= content.keys()


@pytest.fixture
def kind() -> Kind:
    """The usual one; tests of what depends on the broker name both."""
    return "mosquitto" if HAS_MOSQUITTO else "amqtt"


@pytest.fixture
async def port(kind: Kind) -> AsyncIterator[int]:
    async with broker(prefer=kind) as port:
        yield port


@pytest.fixture
async def eye(port: int) -> AsyncIterator[Observer]:
    async with observer(port) as eye:
        yield eye


@pytest.fixture
async def remote() -> AsyncIterator[Csms]:
    async with csms() as remote:
        yield remote


async def booted(eye: Observer, name: str = "CP001") -> None:
    await eye.shows(f"station/{name}/state", csms__registration="Accepted", csms__connected=True)


# What it shows


@EVERY_KIND
async def test_whoever_comes_later_finds_all_that_is_documented(
    tmp_path: Path, port: int, remote: Csms, eye: Observer
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station())) as it:
        await it.ready()
        await booted(eye)
        async with observer(port) as late:
            await late.until(lambda: len(late.shown) >= 9)
            assert late.shown.keys() == {
                *DOCUMENTED,
                "daemon/lab1/state",
                "station/CP001/availability",
                "station/CP001/evse/1/connector/1/status",
            }
            for topic, keys in DOCUMENTED.items():
                assert has(late.json(topic), keys), topic
            assert has(late.json("station/CP001/state")["csms"], CSMS)
            assert late.json("daemon/lab1/info")["stations"] == 1
            assert late.text("daemon/lab1/state") == "online"
            assert late.text("station/CP001/availability") == "online"
            assert late.text("station/CP001/evse/1/connector/1/status") == "Available"


@EVERY_KIND
async def test_a_session_from_plug_in_to_unplug(
    tmp_path: Path, port: int, remote: Csms, eye: Observer
) -> None:
    tree = settings(port, remote.url, station(variables=SAMPLED), mqtt={"meter_interval": 0.2})
    async with daemon(tmp_path, tree) as it:
        await it.ready()
        await booted(eye)

        answer = await eye.do("CP001/1/1", "plug-in")
        assert has(answer, ANSWER)
        assert (answer["ok"], answer["changed"]) == (True, True)
        assert (answer["station"], answer["evse"], answer["connector"]) == ("CP001", 1, 1)
        assert not (await eye.do("CP001/1/1", "plug-in"))["changed"]
        await eye.until(lambda: eye.text("station/CP001/evse/1/connector/1/status") == "Occupied")

        authorized = await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
        assert authorized["id_token_status"] == "Accepted"
        evse = await eye.shows("station/CP001/evse/1/state", tx__state="Charging", tx__id_token=TOKEN)
        assert has(evse["tx"], TX)
        assert evse["tx"]["id"] == authorized["transaction_id"]
        await eye.until(lambda: eye.json("station/CP001/evse/1/meter").get("power_w", 0) > 0)
        await eye.until(lambda: len(eye.happened("tx_updated")) > 3)

        await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
        await eye.succeed("CP001/1/1", "unplug")
        await eye.shows("station/CP001/evse/1/state", tx=None)
        await eye.until(lambda: eye.text("station/CP001/evse/1/connector/1/status") == "Available")
        await remote.until(lambda: events(remote)[-1]["eventType"] == "Ended")
        await it.stop()

    told = events(remote)
    assert [event["seqNo"] for event in told] == list(range(len(told)))
    assert [event["eventType"] for event in told] == ["Started", *["Updated"] * (len(told) - 2), "Ended"]
    assert {event["transactionInfo"]["transactionId"] for event in told} == {authorized["transaction_id"]}
    assert told[-1]["transactionInfo"]["stoppedReason"] == "Local"


async def test_events_come_in_order_without_a_gap_across_restarts(
    tmp_path: Path, port: int, remote: Csms, eye: Observer
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station())) as it:
        await it.ready()
        await booted(eye)
        await eye.succeed("CP001/1/1", "plug-in")
        await it.restart()
        await it.ready()
        await booted(eye)
        await eye.succeed("CP001/1/1", "unplug")
        await it.stop()
    assert all(has(event, EVENT) for event in eye.events)
    assert [event["seq"] for event in eye.events] == list(range(1, len(eye.events) + 1))
    assert len({event["boot"] for event in eye.events}) == 2
    story = ["boot", "plugged_in", "tx_started", "boot", "unplugged"]
    assert [event["event"] for event in eye.events if event["event"] in story] == story


# How it ends


@EVERY_KIND
async def test_a_killed_daemon_is_offline_by_its_last_will(
    tmp_path: Path, port: int, remote: Csms, eye: Observer
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station())) as it:
        await it.ready()
        await eye.until(lambda: eye.text("daemon/lab1/state") == "online")
        await it.kill()
        await eye.until(lambda: eye.text("daemon/lab1/state") == "offline")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param("mosquitto", signal.SIGTERM, marks=MOSQUITTO.marks),
        pytest.param("mosquitto", signal.SIGINT, marks=MOSQUITTO.marks),
        pytest.param("amqtt", signal.SIGTERM, marks=needs_amqtt),
    ],
)
async def test_a_stopped_daemon_says_offline_itself_and_exits_with_0(
    tmp_path: Path, port: int, remote: Csms, eye: Observer, number: signal.Signals
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station())) as it:
        await it.ready()
        await eye.until(lambda: eye.text("daemon/lab1/state") == "online")
        await it.stop(number)
        await eye.until(lambda: eye.text("daemon/lab1/state") == "offline")
        assert [payload for topic, payload in eye.messages if topic == "daemon/lab1/state"].count(
            b"offline"
        ) == 1
        assert not it.noise
        assert it.lines[-1]["event"] == "daemon.stopped"


async def test_without_broker_and_csms_it_stops_at_once(tmp_path: Path) -> None:
    tree = settings(free_port(), f"ws://127.0.0.1:{free_port()}", station())
    async with daemon(tmp_path, tree) as it:
        await it.logged("csms.connect_failed")
        await it.stop()


# Without a broker, without a CSMS, and when they come back


@EVERY_KIND
async def test_without_a_broker_ocpp_goes_on_until_there_is_one(
    tmp_path: Path, remote: Csms, kind: Kind
) -> None:
    port = free_port()
    async with daemon(tmp_path, settings(port, remote.url, station())) as it:
        await it.logged("mqtt.down")
        await remote.until(lambda: remote.heard("BootNotification"))
        async with broker(port, prefer=kind), observer(port) as eye:
            await booted(eye)
            await eye.succeed("CP001/1/1", "plug-in")
            await remote.until(lambda: remote.heard("TransactionEvent"))


async def test_a_broker_is_no_need(tmp_path: Path, remote: Csms) -> None:
    async with daemon(tmp_path, settings(None, remote.url, station())) as it:
        await remote.until(lambda: remote.heard("BootNotification"))
        await it.stop()
        assert not [line for line in it.lines if line["level"] != "info"]


@EVERY_KIND
async def test_a_new_broker_is_shown_everything_again(tmp_path: Path, remote: Csms, kind: Kind) -> None:
    port = free_port()
    async with daemon(tmp_path, settings(port, remote.url, station())) as it:
        async with broker(port, prefer=kind), observer(port) as eye:
            await booted(eye)
            await eye.succeed("CP001/1/1", "plug-in")
            before = set(DOCUMENTED) & eye.shown.keys()
        await it.logged("mqtt.disconnected")
        async with broker(port, prefer=kind), observer(port) as eye:
            await eye.until(lambda: eye.text("daemon/lab1/state") == "online")
            await eye.until(lambda: eye.text("station/CP001/evse/1/connector/1/status") == "Occupied")
            await eye.until(lambda: before <= eye.shown.keys())
            await eye.succeed("CP001/1/1", "unplug")


async def test_without_a_csms_mqtt_goes_on_and_tells_why(tmp_path: Path, port: int, eye: Observer) -> None:
    csms_port = free_port()
    async with daemon(tmp_path, settings(port, f"ws://127.0.0.1:{csms_port}", station())) as it:
        await it.ready()
        seen = await eye.shows("station/CP001/state", csms__last_error="connection refused")
        assert seen["csms"]["connected"] is False
        assert seen["csms"]["attempt"] >= 1
        assert seen["csms"]["retry_at"] is not None
        await eye.succeed("CP001/1/1", "plug-in")
        async with csms(csms_port) as remote:
            await booted(eye)
            await eye.shows("station/CP001/state", csms__last_error=None, csms__attempt=0)
            [boot, *_] = remote.heard("BootNotification")
            assert boot.payload["reason"] == "PowerUp"


def events(remote: Csms) -> list[Json]:
    """The TransactionEvents that it was told."""
    return [message.payload for message in remote.heard("TransactionEvent")]


async def test_a_csms_that_was_away_gets_what_it_missed_and_no_second_boot(
    tmp_path: Path, port: int, eye: Observer
) -> None:
    csms_port = free_port()
    tree = settings(port, f"ws://127.0.0.1:{csms_port}", station(variables=SAMPLED))
    async with daemon(tmp_path, tree):
        async with csms(csms_port) as remote:
            await booted(eye)
            await eye.succeed("CP001/1/1", "plug-in")
            tx = await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
            await remote.until(lambda: remote.heard("TransactionEvent"))
        await eye.shows("station/CP001/state", csms__connected=False)
        await eye.succeed("CP001/1/1", "unplug")
        await eye.until(lambda: eye.json("station/CP001/state")["csms"]["queued"])
        async with csms(csms_port) as again:
            await eye.shows("station/CP001/state", csms__connected=True, csms__queued=0)
            assert not again.heard("BootNotification")
    before, missed = map(events, (remote, again))
    assert {it["seqNo"] for it in before + missed} == set(range(missed[-1]["seqNo"] + 1))
    assert missed[-1]["eventType"] == "Ended"
    assert missed[-1]["transactionInfo"]["transactionId"] == tx["transaction_id"]
    assert missed[-1]["offline"] is True


# A CSMS that refuses


async def last_error(eye: Observer) -> str:
    """Why there is no connection, as soon as that is known."""
    return await eye.until(lambda: eye.json("station/CP001/state").get("csms", {}).get("last_error"))


async def test_a_refused_password_is_told(tmp_path: Path, port: int, eye: Observer, remote: Csms) -> None:
    remote.password = "the-right-one-0001"
    tree = settings(port, remote.url, station(csms={"security_profile": 1, "password": "a-wrong-one-0001"}))
    async with daemon(tmp_path, tree):
        assert "401" in await last_error(eye)
        assert not remote.stations


async def test_a_csms_of_another_protocol_is_told(tmp_path: Path, port: int, eye: Observer) -> None:
    async def hold(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(hold, "127.0.0.1", 0) as server:
        csms_port = next(iter(server.sockets)).getsockname()[1]
        async with daemon(tmp_path, settings(port, f"ws://127.0.0.1:{csms_port}", station())):
            assert "accepted none of ocpp2.0.1" in await last_error(eye)
            assert eye.json("station/CP001/state")["csms"]["connected"] is False


# A CSMS that misbehaves

HOSTILE = [
    "",
    "null",
    "[]",
    "{}",
    '"x"',
    "[2]",
    '[2,"a"]',
    '[2,"a","Reset"]',
    '[2,"a","Reset",null]',
    '[2,"a","Reset",{}]',
    '[2,"a","NoSuchThing",{}]',
    '[2,"a",7,{}]',
    '[2,null,"Reset",{"type":"Immediate"}]',
    f'[2,"{"a" * 500}","Reset",{{"type":"OnIdle"}}]',
    '[2,"a","GetVariables",{"getVariableData":"x"}]',
    '[2,"a","DataTransfer",{"vendorId":"\\ud800"}]',
    '[2,"a","GetBaseReport",{"requestId":1e400,"reportBase":"FullInventory"}]',
    '[2,"a","GetBaseReport",{"requestId":123456789012345678901234567890,"reportBase":"FullInventory"}]',
    '[2,"a","RequestStopTransaction",{"transactionId":' + "[" * 3000 + "]" * 3000 + "}]",
    '[2,"a","DataTransfer",{"vendorId":"x","data":' + '{"a":' * 900 + "1" + "}" * 900 + "}]",
    '[3,"nobody-asked",{}]',
    '[3,null,{"currentTime":"yesterday"}]',
    '[4,"nobody-asked","InternalError","",{}]',
    "[4,1,2,3,4]",
    '[5,"a",{}]',
    '[true,"a","Reset",{"type":"Immediate"}]',
    "[" * 100_000,
    "\x00",
    '[2,"a","TriggerMessage",{"requestedMessage":"' + "A" * 900_000 + '"}]',
]


async def test_hostile_frames_to_one_station_do_not_disturb_it_nor_another(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station("CP001"), station("CP002"))) as it:
        await booted(eye, "CP001")
        await booted(eye, "CP002")
        for frame in HOSTILE:
            await remote.stations["CP001"].connection.send(frame)
        await eye.succeed("CP002/1/1", "plug-in")
        await eye.succeed("CP002/1", "authorize", id_token=TOKEN)
        await eye.succeed("CP002/1/1", "unplug")
        answer = await remote.call("CP001", call.GetBaseReport(request_id=1, report_base="FullInventory"))
        assert answer.status == "Accepted"
        assert not eye.happened("csms_disconnected")
        await it.stop()
        assert not [line for line in it.lines if line["level"] == "error"]
        assert not it.noise


async def test_frames_that_end_the_connection_end_no_other(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station("CP001"), station("CP002"))) as it:
        await booted(eye, "CP001")
        await booted(eye, "CP002")
        for times, frame in enumerate((b"\x00\xff", "[" + " " * 2**21), start=1):
            await remote.stations["CP001"].connection.send(frame)
            await eye.until(lambda times=times: len(eye.happened("csms_connected", "CP001")) == times + 1)
            await remote.until(lambda: "CP001" in remote.stations)
        assert len(eye.happened("csms_disconnected")) == 2
        await it.stop()
        assert not [line for line in it.lines if line["level"] == "error"]


# The log

PASSWORD = "only-for-tests-0001"
NEW_PASSWORD = "another-for-tests-02"


async def test_no_secret_and_no_full_card_is_logged_or_published(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    remote.password = PASSWORD
    tree = settings(
        port,
        remote.url,
        station(csms={"security_profile": 1, "password": PASSWORD}, variables=SAMPLED),
        daemon={"log": {"level": "debug"}},
        mqtt={"password": "broker-secret-0003", "username": "ocppd"},
    )
    async with daemon(tmp_path, tree) as it:
        await it.ready()
        await booted(eye)
        await eye.succeed("CP001/1/1", "plug-in")
        await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
        await eye.do("CP001/1", "authorize", id_token="04B10C4E")
        await eye.until(lambda: len(eye.happened("tx_updated")) > 2)
        remote.password = NEW_PASSWORD
        item = datatypes.SetVariableDataType(
            attribute_value=NEW_PASSWORD,
            component=datatypes.ComponentType(name="SecurityCtrlr"),
            variable=datatypes.VariableType(name="BasicAuthPassword"),
        )
        result = await remote.call("CP001", call.SetVariables(set_variable_data=[item]))
        assert result.set_variable_result[0]["attribute_status"] == "Accepted"
        await eye.succeed("CP001", "disconnect")
        await eye.shows("station/CP001/state", csms__connected=False)
        await eye.succeed("CP001", "connect")
        await eye.shows("station/CP001/state", csms__connected=True)
        await eye.succeed("CP001", "get")
        await it.stop()

    log = b"\n".join(map(orjson.dumps, it.lines)).decode()
    published = b"\n".join(payload for topic, payload in eye.messages if "/cmd/" not in topic).decode()
    for secret in (PASSWORD, NEW_PASSWORD, "broker-secret-0003"):
        assert secret not in log + published
        basic = base64.b64encode(f"CP001:{secret}".encode()).decode()
        assert basic.rstrip("=") not in log + published
    for card in (TOKEN, "04B10C4E"):
        assert card not in log
    assert TOKEN[:4] in log


async def test_every_line_of_the_log_is_json_with_event_level_and_timestamp(
    tmp_path: Path, port: int, eye: Observer
) -> None:
    tree = settings(port, f"ws://127.0.0.1:{free_port()}", station(), daemon={"log": {"level": "debug"}})
    async with daemon(tmp_path, tree) as it:
        await it.ready()
        await eye.succeed("CP001/1/1", "plug-in")
        await eye.do("CP001/1/1", "no-such-command")
        await it.logged("csms.connect_failed")
        await it.stop()
    assert it.noise == []
    assert it.lines
    assert all(has(line, "event level timestamp") for line in it.lines)


# What it remembers


def by_hand(path: Path, **stations: Any) -> None:
    path.write_text(json.dumps({"version": 1, "stations": stations}))


async def test_a_station_may_stand_in_the_state_file_alone(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    async with daemon(tmp_path, settings(port, remote.url), start=False) as it:
        by_hand(
            it.state,
            HAND={
                "settings": {"template": "ac-22kw", "model": "by-hand"},
                "evses": [{"connectors": [{"plugged": True}]}],
            },
        )
        await it.start()
        await booted(eye, "HAND")
        await eye.until(lambda: eye.text("station/HAND/evse/1/connector/1/status") == "Occupied")
        [boot] = remote.heard("BootNotification", "HAND")
        assert boot.payload["chargingStation"]["model"] == "by-hand"
        await it.restart()
        await remote.until(lambda: len(remote.heard("BootNotification", "HAND")) == 2)


async def test_a_station_that_left_the_configuration_is_not_started(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station("CP001"), station("CP002"))) as it:
        await booted(eye, "CP002")
        await it.stop()
        saved = orjson.loads(it.state.read_bytes())["stations"]["CP002"]
    async with daemon(tmp_path, settings(port, remote.url, station("CP001"))) as it:
        await it.logged("state.orphan", station="CP002")
        await remote.until(lambda: len(remote.heard("BootNotification", "CP001")) == 2)
        assert len(remote.heard("BootNotification", "CP002")) == 1
        assert orjson.loads(it.state.read_bytes())["stations"]["CP002"] == saved


@pytest.mark.parametrize(("on_start", "boots"), [("resume", 1), ("power_up", 2)])
async def test_after_a_restart_the_transaction_goes_on_and_the_station_boots_or_not(
    tmp_path: Path, port: int, eye: Observer, remote: Csms, on_start: str, boots: int
) -> None:
    tree = settings(port, remote.url, station(variables=SAMPLED), state={"on_start": on_start})
    async with daemon(tmp_path, tree) as it:
        await booted(eye)
        await eye.succeed("CP001/1/1", "plug-in")
        tx = await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
        await it.restart()
        await it.ready()
        await booted(eye)
        before = len(remote.heard("TransactionEvent"))
        await remote.until(lambda: len(remote.heard("TransactionEvent")) > before + 1)
        await eye.shows("station/CP001/evse/1/state", tx__id=tx["transaction_id"], tx__state="Charging")
        assert len(remote.heard("BootNotification")) == boots
        numbers = [event["seqNo"] for event in events(remote)]
        assert sorted(set(numbers)) == list(range(numbers[-1] + 1))


async def test_with_a_save_interval_and_a_directory_a_clean_stop_loses_nothing(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    state = {"path": str(tmp_path / "states"), "save_interval": 3600}
    async with daemon(tmp_path, settings(port, remote.url, station(), state=state)) as it:
        await booted(eye)
        await eye.succeed("CP001/1/1", "plug-in")
        await it.restart()
        await it.ready()
        await eye.until(lambda: eye.text("station/CP001/evse/1/connector/1/status") == "Occupied")
        assert not (await eye.do("CP001/1/1", "plug-in"))["changed"]


async def test_what_could_not_be_saved_is_told_once_and_saved_at_the_latest_by_a_clean_stop(
    tmp_path: Path, port: int, eye: Observer, remote: Csms
) -> None:
    async with daemon(tmp_path, settings(port, remote.url, station()), start=False) as it:
        in_the_way = it.state.with_name(f".{it.state.name}.new")
        in_the_way.mkdir()
        await it.start()
        await booted(eye)
        await eye.succeed("CP001/1/1", "plug-in")
        assert len(it.log("state.save_failed", path=str(it.state))) == 1
        in_the_way.rmdir()
        await it.stop()
        saved = orjson.loads(it.state.read_bytes())["stations"]["CP001"]
        assert saved["evses"][0]["connectors"][0]["plugged"] is True
