"""Battery swapping of OCPP 2.1 (S01 to S04): by somebody's hands, told with BatterySwap."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ocppd.core.description import Evse, Hardware
from ocppd.core.schemas import OCPP_21
from tests.bench import Answer, Bench, Json, with_presets

NewBench = Callable[..., Bench]

TOKEN = {"idToken": "AA11", "type": "ISO14443"}
SLOTS = with_presets(Hardware(evses=(Evse(), Evse())), BatterySwapCtrlr__Available="true")


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    return new_bench(SLOTS, protocol=OCPP_21)


def error(answer: Answer | None) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code


def ask(bench: Bench, number: int = 7) -> Json:
    return bench.csms("RequestBatterySwap", {"requestId": number, "idToken": TOKEN})


def test_S02_a_swap_that_the_CSMS_asks_for(station: Bench) -> None:
    assert ask(station) == {"status": "Accepted"}
    (event,) = station.happened_since("battery_swap")
    assert event.data == {"swap_id": 7, "token": TOKEN}
    assert ask(station, 8)["status"] == "Rejected"
    answer = station.do("battery-swap", evse=1, event="in", serial_number="OLD", soc=12)
    assert answer is not None
    assert answer.done is not None
    station.do("battery-swap", evse=2, event="out", serial_number="NEW", soc=97, soh=99)
    into, out = station.sent("BatterySwap")
    assert into == {
        "eventType": "BatteryIn",
        "requestId": 7,
        "idToken": TOKEN,
        "batteryData": [{"evseId": 1, "serialNumber": "OLD", "soC": 12, "soH": 100}],
    }
    assert (out["eventType"], out["requestId"], out["batteryData"][0]["serialNumber"]) == (
        "BatteryOut",
        7,
        "NEW",
    )
    assert ask(station, 8) == {"status": "Accepted"}


def test_S01_a_swap_that_begins_at_the_station(station: Bench) -> None:
    assert error(station.do("battery-swap", evse=1, event="out")) == "invalid_state"
    station.do("battery-swap", evse=1)
    station.do("battery-swap", evse=2, event="out-timeout")
    into, timeout = station.sent("BatterySwap")
    assert into["idToken"] == timeout["idToken"] == {"idToken": "04A2B3C4", "type": "ISO14443"}
    assert into["requestId"] == timeout["requestId"]
    assert timeout["eventType"] == "BatteryOutTimeout"
    station.do("battery-swap", evse=1)
    (second,) = station.sent("BatterySwap")
    assert second["requestId"] != into["requestId"]


def test_a_charging_station_swaps_nothing(new_bench: NewBench) -> None:
    bench = new_bench(protocol=OCPP_21)
    assert ask(bench)["error"] == "NotSupported"
    assert error(bench.do("battery-swap", evse=1)) == "unsupported"


def test_a_CSMS_of_2_0_1_knows_nothing_of_it(new_bench: NewBench) -> None:
    bench = new_bench(SLOTS)
    assert ask(bench)["error"] == "NotImplemented"
    assert error(bench.do("battery-swap", evse=1)) == "unsupported"
    bench.drop()
    assert error(bench.do("battery-swap", evse=1)) == "not_connected"
