"""`ocppd.testing`: stations in a thread, against the demo's CSMS in this one."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import structlog
from ocpp.v201 import call

from ocppd.core.times import parse_time
from ocppd.demo.csms import Csms, csms
from ocppd.settings import SettingsError
from ocppd.testing import CommandError, Lab, Station
from tests.daemon import free_port

ROOT = Path(__file__).parent.parent
TOKEN, BLOCKED = "04A2B3C4", "04B10C4E"


@contextmanager
def demo() -> Iterator[tuple[Csms, asyncio.AbstractEventLoop]]:
    """The demo's CSMS in a thread of its own, with its loop."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    found: list[Csms] = []
    ready = threading.Event()

    async def serve() -> None:
        async with csms() as running:
            found.append(running)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0], loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def server() -> Iterator[tuple[Csms, asyncio.AbstractEventLoop]]:
    with demo() as found:
        yield found


@pytest.fixture
def running(server: tuple[Csms, asyncio.AbstractEventLoop]) -> Csms:
    return server[0]


@pytest.fixture
def lab(running: Csms) -> Iterator[Lab]:
    with Lab(running.url) as found:
        yield found


@pytest.fixture
def station(lab: Lab) -> Station:
    return lab.station("CP001")


# Stations


def test_a_station_is_there_when_the_csms_has_accepted_it(lab: Lab, running: Csms) -> None:
    station = lab.station("CP 1".replace(" ", "+"), template="ac-22kw")
    assert list(running.stations) == ["CP+1"]
    assert station.state["csms"]["registration"] == "Accepted"
    assert len(station.sent("BootNotification")) == 1


def test_several_stations_do_not_disturb_each_other(lab: Lab, running: Csms) -> None:
    first = lab.station("A")
    second = lab.station("B")
    assert first.state["csms"]["connected"]
    first.plug_in()
    first.expect("StatusNotification", connectorStatus="Occupied")
    assert {it["connectorStatus"] for it in second.sent("StatusNotification")} == {"Available"}
    assert set(running.stations) == {"A", "B"}
    assert len(first.sent("BootNotification")) == 1


def test_wrong_settings_are_told_and_change_nothing(lab: Lab, station: Station) -> None:
    with pytest.raises(SettingsError, match=r"Lab: stations\[1\].evse: .*evses"):
        lab.station("CP002", evse=[])
    with pytest.raises(SettingsError, match="no OCPP identity"):
        lab.station("CP 002")
    assert station.state["csms"]["connected"]
    lab.station("CP002")


def test_a_station_that_is_not_accepted_fails_the_test(lab: Lab, running: Csms) -> None:
    running.boot_status = "Rejected"
    lab.timeout_s = 0.3
    with pytest.raises(AssertionError, match="Rejected"):
        lab.station("CP001")


def test_without_waiting_a_csms_that_is_not_there_is_no_error() -> None:
    with Lab(f"ws://127.0.0.1:{free_port()}", timeout_s=5) as lab:
        station = lab.station("CP001", wait=False)
        state = station.until(lambda state: state["csms"]["last_error"])
        assert not state["csms"]["connected"]


def test_a_csms_that_is_no_url_is_told_at_once() -> None:
    was_configured = structlog.is_configured()
    with pytest.raises(SettingsError, match=r"csms\.url"), Lab("http://127.0.0.1:1"):
        pass
    assert structlog.is_configured() == was_configured


# Commands


def test_every_command_is_a_method_with_its_primary_argument_first(station: Station, running: Csms) -> None:
    assert station.plug_in() == {}
    assert station.authorize(TOKEN, type="ISO14443")["id_token_status"] == "Accepted"
    assert station.do("heartbeat").keys() == {"response"}
    (authorize,) = [it.payload for it in running.heard("Authorize")]
    assert authorize["idToken"] == {"idToken": TOKEN, "type": "ISO14443"}


def test_an_error_of_a_command_is_raised(station: Station) -> None:
    station.plug_in()
    with pytest.raises(CommandError, match="Blocked") as error:
        station.authorize(BLOCKED)
    assert error.value.code == "csms_rejected"
    with pytest.raises(CommandError) as error:
        station.set_variable(component="Nonsense")
    assert error.value.code in ("missing_argument", "invalid_argument")


def test_what_is_no_command_is_no_method(station: Station) -> None:
    with pytest.raises(AttributeError, match="fly-away"):
        station.fly_away()
    with pytest.raises(TypeError, match="heartbeat takes no argument"):
        station.heartbeat(5)
    assert not hasattr(station, "_plug_in")


# Looking


def test_each_message_is_found_once_and_in_order(station: Station) -> None:
    station.plug_in()
    station.authorize(TOKEN)
    seen = [station.expect("TransactionEvent")["seqNo"] for _ in range(3)]
    assert seen == [0, 1, 2]
    assert [it["seqNo"] for it in station.sent("TransactionEvent")][:3] == [0, 1, 2]


def test_a_message_is_like_that_in_its_depth(station: Station) -> None:
    station.plug_in()
    station.authorize(TOKEN)
    found = station.expect("TransactionEvent", {"transactionInfo": {"chargingState": "Charging"}})
    assert found["triggerReason"] == "ChargingStateChanged"
    assert station.expect_event("tx_started", evse=1)["cause"] == "python:plug-in"


def test_what_does_not_come_is_told_with_what_came(station: Station) -> None:
    station.plug_in()
    with pytest.raises(AssertionError, match=r"no TransactionEvent with .*Ended(.|\n)*StatusNotification"):
        station.expect("TransactionEvent", eventType="Ended", within_s=0.1)
    with pytest.raises(AssertionError, match=r"no event tx_ended(.|\n)*tx_started"):
        station.expect_event("tx_ended", within_s=0.1)
    with pytest.raises(AssertionError, match="does not come to that"):
        station.until(lambda _state: False, within_s=0.1)


def test_requests_of_the_csms_are_seen_and_can_be_overridden(
    station: Station, server: tuple[Csms, asyncio.AbstractEventLoop]
) -> None:
    running, loop = server
    station.override("Reset", status="Rejected")
    asking = asyncio.run_coroutine_threadsafe(running.call("CP001", call.Reset(type="Immediate")), loop)
    assert station.expect_request("Reset")["type"] == "Immediate"
    assert asking.result(5).status == "Rejected"
    assert station.expect_event("csms_request", action="Reset")["override"] == "payload"


# Time


def test_an_hour_passes_at_once_and_the_connection_stays(lab: Lab, station: Station, running: Csms) -> None:
    station.plug_in(ev={"soc": 10, "capacity_wh": 80_000})
    station.authorize(TOKEN)
    station.expect("TransactionEvent", {"transactionInfo": {"chargingState": "Charging"}})
    lab.advance(3600)
    state = station.state
    assert state["evses"][0]["tx"]["seconds"] == pytest.approx(3600, abs=10)
    assert state["evses"][0]["meter"]["energy_wh"] > 5_000
    assert not state["evses"][0]["tx"]["offline"]
    assert len(station.sent("BootNotification")) == len(station.sent("StatusNotification")) - 1 == 1
    samples = [
        it for it in running.heard("TransactionEvent") if it.payload["triggerReason"] == "MeterValuePeriodic"
    ]
    moments = [parse_time(it.payload["timestamp"]) or 0 for it in samples]
    assert moments[-1] - moments[0] == pytest.approx(3600, abs=130)


async def test_from_asyncio_in_a_thread(running_here: Csms) -> None:
    def drive(url: str) -> Any:
        with Lab(url) as lab:
            return lab.station("CP001").heartbeat()

    answer = await asyncio.to_thread(drive, running_here.url)
    assert "currentTime" in answer["response"]


@pytest.fixture
async def running_here() -> Any:
    async with csms() as found:
        yield found


# Misbehaving


@pytest.mark.parametrize("disturbance", [{"malformed_pct": 100}, {"drop_pct": 100}, {"half_open": True}])
def test_chaos_harms_the_messages_and_not_the_station(
    lab: Lab, running: Csms, disturbance: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    station = lab.station("CP001", variables={"OCPPCommCtrlr.MessageTimeout[Default]": 1})
    station.chaos(**disturbance)
    assert station.state["chaos"].items() >= disturbance.items()
    with pytest.raises(CommandError) as error:
        station.heartbeat(timeout_s=0.3)
    assert error.value.code == "csms_timeout"
    assert running.heard("Heartbeat") == []
    station.chaos(False)
    assert "currentTime" in station.heartbeat(timeout_s=10)["response"]
    assert len(station.sent("BootNotification")) == 1
    told = capsys.readouterr().out
    assert "station.bug" not in told
    assert "station.broken" not in told


PAGE = (ROOT / "examples/pytest/README.md").read_text()
RECIPES = re.findall(r"`(station\.[a-z_]+\([^`]*\))`", PAGE.partition("misbehaves")[2])


def test_each_recipe_of_the_examples_can_be_followed(lab: Lab) -> None:
    assert len(RECIPES) >= 14
    for number, recipe in enumerate(RECIPES):
        station = lab.station(f"CP{number}")
        refused = pytest.raises(CommandError, match=r"FormatViolation|FormationViolation|ProtocolError")
        with refused if "station.call(" in recipe else nullcontext():
            eval(recipe, {"station": station})  # noqa: S307 - our own words


# Leaving no trace


def test_nothing_is_left_behind(running: Csms) -> None:
    was_configured = structlog.is_configured()
    with Lab(running.url) as lab:
        lab.station("CP001")
        place = lab._place  # noqa: SLF001 - nobody else may know it
        assert place.exists()
    assert not place.exists()
    assert "ocppd-lab" not in [thread.name for thread in threading.enumerate()]
    assert structlog.is_configured() == was_configured
    _eventually(lambda: running.stations == {})


def _eventually(question: Callable[[], bool]) -> None:
    for _ in range(100):
        if question():
            return
        threading.Event().wait(0.05)
    raise AssertionError
