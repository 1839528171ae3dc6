"""Limits of a transaction in OCPP 2.1 (E16): what it may cost, take and last, and how full the car may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Car, Csms, Hardware
from ocppd.core.schemas import OCPP_21, OCPP_201, check_request
from tests.bench import Bench, Json, with_presets
from tests.blocks.profiles import charge, power

NewBench = Callable[..., Bench]
TARIFF = {"tariffId": "T", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.5}]}}


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    return made(new_bench)


def made(new_bench: NewBench, **presets: str) -> Bench:
    hardware = with_presets(Hardware(ev=Car(soc=50, capacity_wh=60_000, max_w=6_000)), **presets)
    return new_bench(hardware, csms=Csms(protocols=(OCPP_21, OCPP_201)), protocol=OCPP_21)


def limited(bench: Bench, **limits: Any) -> None:
    """A transaction that charges with these limits, with which the CSMS answers every event."""
    bench.answers["TransactionEvent"] = {"transactionLimit": limits}
    charge(bench)


def told(bench: Bench, *but: str) -> list[tuple[str, str | None]]:
    """The trigger and charging state of each TransactionEvent since the last time."""
    events = bench.tx()
    return [
        (it["triggerReason"], it["transactionInfo"].get("chargingState"))
        for it in events
        if not it["triggerReason"].startswith(("MeterValue", *but))
    ]


def energy(bench: Bench) -> float:
    bench.station.look(bench.clock.now)
    return bench.state.evses[0].meter.energy_wh


@pytest.mark.parametrize(
    ("limits", "trigger", "seconds"),
    [
        ({"maxEnergy": 1_000}, "EnergyLimitReached", 600),
        ({"maxTime": 900}, "TimeLimitReached", 900),
        ({"maxSoC": 52}, "SoCLimitReached", 720),
        ({"maxEnergy": 1_000, "maxTime": 300}, "TimeLimitReached", 300),
        ({"maxEnergy": 1_000, "maxSoC": 51}, "SoCLimitReached", 360),
    ],
)
def test_E16_energy_is_suspended_at_the_very_moment_that_a_limit_is_reached(
    station: Bench, limits: Json, trigger: str, seconds: float
) -> None:
    limited(station, **limits)
    station.tx()
    station.advance(seconds - 3)
    assert power(station) == 6_000
    assert told(station) == []
    station.advance(3600)
    assert power(station) == 0
    assert told(station) == [(trigger, "SuspendedEVSE")]
    assert energy(station) == pytest.approx(seconds * 6_000 / 3600, abs=0.2)


def test_E16_that_it_is_set_is_told_once(station: Bench) -> None:
    limited(station, maxEnergy=1_000, maxTime=3_600)
    events = station.tx()
    (event,) = [it for it in events if it["triggerReason"] == "LimitSet"]
    assert event["transactionInfo"]["transactionLimit"] == {"maxEnergy": 1_000, "maxTime": 3_600}
    assert not any("transactionLimit" in it["transactionInfo"] for it in events if it is not event)


def test_E16_a_greater_limit_lets_it_go_on(station: Bench) -> None:
    limited(station, maxEnergy=1_000)
    station.advance(700)
    station.tx()
    station.answers["TransactionEvent"] = {"transactionLimit": {"maxEnergy": 3_000}}
    station.csms("TriggerMessage", {"requestedMessage": "TransactionEvent", "evse": {"id": 1}})
    assert power(station) == 6_000
    assert told(station, "Trigger") == [("LimitSet", None), ("ChargingStateChanged", "Charging")]
    station.advance(3600)
    assert energy(station) == pytest.approx(3_000, abs=0.2)
    assert told(station) == [("EnergyLimitReached", "SuspendedEVSE")]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"maxEnergy": 1_000}, "EnergyLimitReached"),
        ({"maxTime": 900}, "TimeLimitReached"),
        ({"maxSoC": 52}, "SOCLimitReached"),
    ],
)
def test_E16_where_the_flow_of_energy_is_a_stop_point_the_transaction_ends(
    new_bench: NewBench, limits: Json, reason: str
) -> None:
    bench = made(new_bench, TxCtrlr__TxStopPoint="EnergyTransfer")
    limited(bench, **limits)
    bench.advance(3600)
    ended = bench.tx()[-1]
    assert (ended["eventType"], ended["transactionInfo"]["stoppedReason"]) == ("Ended", reason)


def test_E16_the_station_counts_the_cost_by_its_tariff_with_each_sample(station: Bench) -> None:
    station.csms("SetDefaultTariff", {"evseId": 0, "tariff": TARIFF})
    limited(station, maxCost=0.5)
    station.tx()
    station.advance(3600)
    assert power(station) == 0
    assert told(station) == [("CostLimitReached", "SuspendedEVSE")]
    assert 1_000 <= energy(station) <= 1_100  # and at most what comes between two samples


def test_E16_the_CSMS_tells_what_it_costs(station: Bench) -> None:
    limited(station, maxCost=2)
    number = station.tx()[0]["transactionInfo"]["transactionId"]
    station.csms("CostUpdated", {"transactionId": number, "totalCost": 1.99})
    assert power(station) == 6_000
    station.csms("CostUpdated", {"transactionId": number, "totalCost": 2})
    assert power(station) == 0
    assert told(station) == [("CostLimitReached", "SuspendedEVSE")]


def test_E16_a_limit_that_is_none_is_not_followed(station: Bench) -> None:
    limited(station, maxEnergy=-5)
    station.advance(600)
    assert power(station) == 6_000
    assert any("limit" in it.data["message"] for it in station.happened_since("warning"))


def test_E16_the_next_transaction_begins_without_limits(station: Bench) -> None:
    limited(station, maxEnergy=1_000)
    station.advance(700)
    station.answers["TransactionEvent"] = {}
    station.do("unplug")
    charge(station)
    assert power(station) == 6_000


def test_E16_what_waits_leaves_in_the_words_of_2_0_1(station: Bench) -> None:
    limited(station, maxSoC=52)
    station.drop()
    station.advance(3600)
    station.protocol = OCPP_201
    station.answers["TransactionEvent"] = {}
    station.forget()
    station.reconnect()
    events = station.tx()
    assert any(it["transactionInfo"].get("chargingState") == "SuspendedEVSE" for it in events)
    for event in events:
        check_request("TransactionEvent", event, OCPP_201)
