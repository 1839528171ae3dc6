"""Tariffs and local cost of OCPP 2.1: set, told, cleared, changed, and what they come to (I07 to I12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ocppd.core import tariffs
from ocppd.core.description import Car, Evse, Hardware
from ocppd.core.schemas import OCPP_21, OCPP_201
from ocppd.core.state import Account, Bill, DefaultTariff, DriverTariff
from ocppd.core.tariffs import Situation
from tests.bench import START, Bench, Json, with_presets
from tests.blocks.profiles import DEFAULT, flat, profile, put, schedule

NewBench = Callable[..., Bench]

TWO = with_presets(
    Hardware(evses=(Evse(), Evse(phases=0, voltage_v=400))), TxCtrlr__TxStartPoint="Authorized"
)


def tariff(name: str = "T1", **more: Any) -> Json:
    """0.50 EUR for a kWh, unless `more` has prices of its own."""
    prices = {} if more else energy(0.5)
    return {"tariffId": name, "currency": "EUR", **prices, **more}


def energy(price: float, tax: float | None = None, **conditions: Any) -> Json:
    return {"energy": priced([element("priceKwh", price, **conditions)], tax)}


def element(name: str, price: float, **conditions: Any) -> Json:
    return {name: price, **({"conditions": conditions} if conditions else {})}


def priced(prices: list[Json], tax: float | None = None) -> Json:
    return {"prices": prices, **({} if tax is None else {"taxRates": [{"type": "VAT", "tax": tax}]})}


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    return new_bench(TWO, protocol=OCPP_21)


def give(bench: Bench, evse: int, wanted: Json) -> str:
    status: str = bench.csms("SetDefaultTariff", {"evseId": evse, "tariff": wanted})["status"]
    return status


def known(bench: Bench, evse: int = 0) -> list[tuple[str, str, list[int]]]:
    answer = bench.csms("GetTariffs", {"evseId": evse})
    assert (answer["status"] == "Accepted") == ("tariffAssignments" in answer)
    return [(it["tariffId"], it["tariffKind"], it["evseIds"]) for it in answer.get("tariffAssignments", [])]


def clear(bench: Bench, *names: str, **more: Any) -> list[Json]:
    request = more | ({"tariffIds": list(names)} if names else {})
    found: list[Json] = bench.csms("ClearTariffs", request)["clearTariffsResult"]
    return found


def start(bench: Bench, evse: int = 1) -> None:
    bench.do("plug-in", evse=evse, connector=1)
    bench.do("authorize", evse=evse, id_token="04A2B3C4")


def end(bench: Bench, evse: int = 1) -> Json:
    """The costDetails of the Ended, without anything that was told before."""
    bench.sent()
    bench.do("stop", evse=evse)
    bench.do("unplug", evse=evse, connector=1)
    ended = [it for it in bench.tx() if it["eventType"] == "Ended"]
    found: Json = ended[0]["costDetails"]
    return found


def net(details: Json) -> float:
    amount: float = details["totalCost"]["total"]["exclTax"]
    return amount


def period(since: str, energy_wh: float, charging_s: float, idle_s: float, tariff_id: str = "T1") -> Json:
    """A ChargingPeriodType of that day."""
    volumes = {"Energy": energy_wh, "ChargingTime": charging_s, "IdleTIme": idle_s}
    return {
        "startPeriod": f"2025-01-01T{since}.000Z",
        "dimensions": [{"type": name, "volume": pytest.approx(it, abs=0.02)} for name, it in volumes.items()],
        "tariffId": tariff_id,
    }


# The default tariffs


def test_I07_I09_a_default_tariff_is_for_one_EVSE_or_for_all(station: Bench) -> None:
    assert known(station) == []
    assert give(station, 0, tariff("T1")) == "Accepted"
    assert known(station) == [("T1", "DefaultTariff", [1, 2])]
    assert give(station, 2, tariff("T2")) == "Accepted"
    assert known(station) == [("T1", "DefaultTariff", [1]), ("T2", "DefaultTariff", [2])]
    assert known(station, 2) == [("T2", "DefaultTariff", [2])]


def test_I07_a_tariff_to_come_waits_beside_the_one_that_counts(station: Bench) -> None:
    give(station, 1, tariff("T1"))
    give(station, 1, tariff("T2", validFrom="2025-01-01T11:00:00Z", **energy(2)))
    assert [it[0] for it in known(station)] == ["T1", "T2"]
    start(station)
    station.advance(60)
    assert station.tx()[0]["transactionInfo"]["tariffId"] == "T1"
    end(station)
    station.advance(3600)
    start(station)
    assert station.tx()[0]["transactionInfo"]["tariffId"] == "T2"
    assert give(station, 1, tariff("T3")) == "Accepted"
    assert [it[0] for it in known(station)] == ["T3"]


@pytest.mark.parametrize(
    ("evse", "wanted", "status"),
    [
        (3, tariff(), "Rejected"),
        (0, tariff(reservationTime=priced([element("priceMinute", 1)])), "Rejected"),
        (0, tariff(**energy(1, startTimeOfDay="24:00")), "Rejected"),
        (0, tariff(**energy(1, validFromDate="2025-1-1")), "Rejected"),
        (0, tariff(**energy(1e7)), "Rejected"),
        (0, tariff(**energy(1, tax=1e7)), "Rejected"),
        (0, tariff(minCost={"exclTax": -1e7}), "Rejected"),
        (0, tariff(energy=priced([element("priceKwh", 1)] * 51)), "TooManyElements"),
        (0, tariff(**energy(1, minEnergy=1e13)), "Rejected"),
        (0, tariff(**energy(1, minIdleTime=-1)), "Rejected"),
        (0, tariff(**energy(1, minPower=-10, maxPower=10)), "Rejected"),
        (1, tariff("T1", **energy(9)), "DuplicateTariffId"),
    ],
)
def test_I07_what_cannot_be_followed_is_refused(station: Bench, evse: int, wanted: Json, status: str) -> None:
    give(station, 2, tariff("T1"))
    assert give(station, evse, wanted) == status
    assert known(station) == [("T1", "DefaultTariff", [2])]


def test_I07_there_is_room_for_so_many(station: Bench) -> None:
    for number in range(10):
        assert (
            give(station, 1, tariff(f"T{number}", validFrom=f"2026-01-{number + 1:02}T00:00:00Z"))
            == "Accepted"
        )
    assert give(station, 1, tariff("T", validFrom="2026-02-01T00:00:00Z")) == "Rejected"


def test_I10_default_tariffs_are_cleared(station: Bench) -> None:
    assert clear(station) == [{"status": "NoTariff"}]
    give(station, 1, tariff("T1"))
    give(station, 2, tariff("T2"))
    assert clear(station, "T1", "T9") == [
        {"tariffId": "T1", "status": "Accepted"},
        {"tariffId": "T9", "status": "NoTariff"},
    ]
    assert clear(station, "T2", evseId=1) == [{"tariffId": "T2", "status": "NoTariff"}]
    assert known(station) == [("T2", "DefaultTariff", [2])]
    assert clear(station) == [{"tariffId": "T2", "status": "Accepted"}]
    assert known(station) == []


def test_I10_a_transaction_keeps_its_tariff(station: Bench) -> None:
    give(station, 0, tariff())
    start(station)
    clear(station)
    station.advance(3600)
    assert net(end(station)) == pytest.approx(5.5)


# What it comes to


def test_I12_energy_time_and_fee_with_taxes(station: Bench) -> None:
    wanted = tariff(
        energy=priced([element("priceKwh", 0.5)], tax=20),
        chargingTime=priced([element("priceMinute", 0.1)]),
        idleTime=priced([element("priceMinute", 0.01)]),
        fixedFee=priced([element("priceFixed", 1)], tax=10),
    )
    give(station, 0, wanted)
    start(station)
    station.advance(3600)
    station.do("suspend", evse=1, by="ev")
    station.advance(600)
    details = end(station)
    assert details == {
        "totalCost": {
            "currency": "EUR",
            "typeOfCost": "NormalCost",
            "fixed": {"exclTax": 1, "inclTax": 1.1},
            "energy": {"exclTax": 5.5, "inclTax": 6.6},
            "chargingTime": {"exclTax": 6, "inclTax": 6},
            "idleTime": {"exclTax": 0.1, "inclTax": 0.1},
            "total": {"exclTax": 12.6, "inclTax": 13.8},
        },
        "totalUsage": {"energy": 11, "chargingTime": 4200, "idleTime": 600},
        "chargingPeriods": [period("10:00:00", 11_000, 3600, 600)],
    }


def test_I12_the_running_cost_goes_with_what_is_metered(station: Bench) -> None:
    station.set("SampledDataCtrlr.TxUpdatedInterval", 900)
    give(station, 0, tariff())
    start(station)
    assert [("costDetails" in it) for it in station.tx()][-1] is False
    station.advance(1800)
    assert [net(it["costDetails"]) for it in station.tx()] == [pytest.approx(1.375), pytest.approx(2.75)]
    answer = station.do("get")
    assert answer is not None
    assert answer.done is not None
    shown = answer.done.result["evses"][0]["cost"]  # type: ignore[index]
    assert shown == {"amount": pytest.approx(2.75), "currency": "EUR", "is_total": False}
    end(station)
    assert station.state.evses[0].bill == Bill(cost=pytest.approx(2.75))


@pytest.mark.parametrize(
    ("bound", "kind", "amount"),
    [
        ({"minCost": {"exclTax": 9}}, "MinCost", 9),
        ({"maxCost": {"inclTax": 2}}, "MaxCost", 2),
        ({"minCost": {"exclTax": 1}, "maxCost": {"exclTax": 9}}, "NormalCost", 5.5),
    ],
)
def test_I12_at_least_and_at_most(station: Bench, bound: Json, kind: str, amount: float) -> None:
    give(station, 0, tariff(**energy(0.5), **bound))
    start(station)
    station.advance(3600)
    details = end(station)
    assert details["totalCost"]["typeOfCost"] == kind
    assert net(details) == pytest.approx(amount)


def test_I12_prices_change_with_the_local_time(station: Bench) -> None:
    station.set("ClockCtrlr.TimeOffset", "+01:00")
    dear, cheap = element("priceKwh", 1, endTimeOfDay="11:30"), element("priceKwh", 0.1)
    give(station, 0, tariff(energy=priced([dear, cheap])))
    start(station)  # at eleven
    station.advance(3600)
    assert net(end(station)) == pytest.approx(5.5 * 1 + 5.5 * 0.1)


def test_I12_the_kind_of_the_EVSE_counts(station: Bench) -> None:
    prices = [element("priceKwh", 1, evseKind="DC"), element("priceKwh", 0.1, evseKind="AC")]
    give(station, 0, tariff(energy=priced(prices)))
    for evse, cost in ((1, 1.1), (2, 11.0)):
        start(station, evse)
        station.advance(3600)
        assert net(end(station, evse)) == pytest.approx(cost)


def test_I12_without_a_tariff_nothing_is_told(station: Bench) -> None:
    start(station)
    station.advance(60)
    station.do("unplug", evse=1, connector=1)
    assert all("costDetails" not in it and "tariffId" not in it["transactionInfo"] for it in station.tx())


# Conditions on what the transaction does


def first(name: str, price: float, otherwise: float = 0, **conditions: Any) -> Json:
    """Prices of which the first counts as long as its conditions hold."""
    return priced([element(name, price, **conditions), element(name, otherwise)])


@pytest.mark.parametrize(
    ("wanted", "cost"),
    [
        (tariff(energy=first("priceKwh", 1, maxEnergy=5_000)), 5),
        (tariff(energy=first("priceKwh", 1, minEnergy=5_000)), 6),
        (tariff(energy=first("priceKwh", 1, minEnergy=5_000, maxEnergy=7_000)), 2),
        (tariff(energy=first("priceKwh", 1, minTime=1_800)), 5.5),
        (tariff(energy=first("priceKwh", 1, maxChargingTime=1_800)), 5.5),
        (tariff(chargingTime=first("priceMinute", 1, minChargingTime=600)), 50),
        (tariff(chargingTime=first("priceMinute", 1, maxTime=600)), 10),
        (tariff(idleTime=first("priceMinute", 1, minIdleTime=600)), 20),
        (tariff(idleTime=first("priceMinute", 1, maxIdleTime=600)), 10),
        (tariff(idleTime=first("priceMinute", 1, minTime=4_800)), 10),
        (tariff(energy=first("priceKwh", 1, minPower=11_000)), 11),
        (tariff(energy=first("priceKwh", 1, maxPower=11_000)), 0),
        (tariff(idleTime=first("priceMinute", 1, maxPower=11_000)), 30),
        (tariff(energy=first("priceKwh", 1, maxPower=-1)), 0),
        (tariff(energy=first("priceKwh", 1, minEnergy=5_000, minTime=2_700)), 2.75),
    ],
)
def test_I12_prices_change_with_energy_time_and_power(station: Bench, wanted: Json, cost: float) -> None:
    give(station, 0, wanted)
    start(station)
    station.advance(3600)
    station.do("suspend", evse=1, by="ev")
    station.advance(1800)
    assert net(end(station)) == pytest.approx(cost, abs=1e-5)


@pytest.mark.parametrize(
    ("condition", "cost"),
    [
        ({"minPower": 8_000}, 5.5),
        ({"maxPower": 8_000}, 2.3),
        ({"minCurrent": 40}, 5.5),
        ({"maxCurrent": 40}, 2.3),
    ],
)
def test_I12_prices_change_with_the_power_that_a_profile_leaves(
    station: Bench, condition: Json, cost: float
) -> None:
    give(station, 0, tariff(energy=first("priceKwh", 1, **condition)))
    start(station)
    station.advance(1800)
    assert put(station, 1, flat(1, DEFAULT, 20 / 3)) == "Accepted"
    station.advance(1800)
    assert net(end(station)) == pytest.approx(cost, abs=1e-5)


def test_I12_prices_change_with_the_power_that_the_battery_takes(new_bench: NewBench) -> None:
    car = Car(soc=0, capacity_wh=10_000, max_w=10_000, curve=((0, 100), (100, 10)))
    bench = new_bench(replace(TWO, ev=car), protocol=OCPP_21)
    give(bench, 1, tariff(energy=first("priceKwh", 1, minPower=5_500)))
    start(bench)
    bench.advance(7200)  # from 10 kW, in a straight line over the charge: to 5.5 kW at half of it
    assert net(end(bench)) == pytest.approx(5, abs=1e-4)


def test_I12_discharging_is_a_credit_and_takes_no_time(new_bench: NewBench) -> None:
    car = Car(soc=50, max_w=11_000, max_discharge_w=7_000)
    bench = new_bench(replace(TWO, ev=car), protocol=OCPP_21)
    bench.answers["Authorize"] = {
        "idTokenInfo": {"status": "Accepted"},
        "allowedEnergyTransfer": ["AC_three_phase", "AC_BPT"],
    }
    give(
        bench,
        1,
        tariff(
            energy=priced(
                [
                    element("priceKwh", 3, minPower=-1_000, minEnergy=-1_000),
                    element("priceKwh", 2, minPower=-1_000),
                    element("priceKwh", 0.5),
                ]
            ),
            chargingTime=priced([element("priceMinute", 0.1)]),
            idleTime=priced([element("priceMinute", 10)]),
        ),
    )
    start(bench)
    bench.advance(1200)
    giving = profile(1, DEFAULT, schedule((0, 0), unit="W"))
    giving["chargingSchedule"][0]["chargingSchedulePeriod"] = [
        {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -5_000}
    ]
    assert put(bench, 1, giving) == "Accepted"
    bench.advance(3600)
    taken = 11 / 3
    details = end(bench)
    cost = details["totalCost"]
    assert cost["energy"]["exclTax"] == pytest.approx(
        taken * 0.5 - (taken + 1) * 2 - (5 - taken - 1) * 3, abs=1e-5
    )
    assert cost["chargingTime"]["exclTax"] == pytest.approx(2, abs=1e-5)
    assert cost["idleTime"]["exclTax"] == pytest.approx(0, abs=1e-5)
    assert details["totalUsage"] == {
        "energy": pytest.approx(taken - 5, abs=1e-5),
        "chargingTime": 4800,
        "idleTime": 0,
    }
    volumes = [it["dimensions"][0]["volume"] for it in details["chargingPeriods"]]
    assert volumes == pytest.approx([taken * 1000, -(taken + 1) * 1000, -(4 - taken) * 1000], abs=0.02)


@pytest.mark.parametrize(("brand", "fee"), [("Visa", 1), ("Other", 2), (None, 2)])
def test_I12_the_fee_goes_with_the_brand_of_the_payment(
    new_bench: NewBench, brand: str | None, fee: float
) -> None:
    bench = new_bench(with_presets(TWO, TxCtrlr__TxStartPoint="EVConnected"), protocol=OCPP_21)
    prices = [
        element("priceFixed", 1, paymentBrand="Visa", paymentRecognition="CC"),
        element("priceFixed", 2),
    ]
    give(bench, 0, tariff(fixedFee=priced(prices)))
    bench.do("plug-in", evse=1, connector=1)
    bench.advance(60)
    told = [("PaymentBrand", brand), ("PaymentRecognition", "CC")] if brand else []
    info = [{"type": name, "additional_id_token": it} for name, it in told]
    bench.do("authorize", evse=1, id_token="04A2B3C4", additional_info=info)
    bench.advance(60)
    assert net(end(bench)) == fee


# What it is made of


def test_I12_the_end_tells_the_periods_and_the_running_cost_does_not(station: Bench) -> None:
    station.set("SampledDataCtrlr.TxUpdatedInterval", 900)
    give(station, 0, tariff(energy=first("priceKwh", 1, maxEnergy=5_500)))
    start(station)
    station.advance(3600)
    number = station.tx()[0]["transactionInfo"]["transactionId"]
    request = {"transactionId": number, "tariff": tariff("T2", **energy(1))}
    assert station.csms("ChangeTransactionTariff", request) == {"status": "Accepted"}
    station.advance(900)
    running = [it["costDetails"] for it in station.tx() if "costDetails" in it]
    assert running
    assert all("chargingPeriods" not in it for it in running)
    assert end(station)["chargingPeriods"] == [
        period("10:00:00", 5_500, 1800, 0),
        period("10:30:00", 5_500, 1800, 0),
        period("11:00:00", 2_750, 900, 0, "T2"),
    ]


def test_I12_a_period_without_a_tariff_has_none(station: Bench) -> None:
    start(station)
    station.advance(1800)
    number = station.tx()[0]["transactionInfo"]["transactionId"]
    station.csms("ChangeTransactionTariff", {"transactionId": number, "tariff": tariff("T2", **energy(1))})
    station.advance(1800)
    before, after = end(station)["chargingPeriods"]
    assert "tariffId" not in before
    assert after == period("10:30:00", 5_500, 1800, 0, "T2")


def test_I12_there_are_only_so_many_periods(station: Bench) -> None:
    give(station, 0, tariff(energy=first("priceKwh", 1, minPower=1)))
    start(station)
    for number in range(120):
        station.advance(10)
        station.do("resume" if number % 2 else "suspend", evse=1, **({} if number % 2 else {"by": "ev"}))
    details = end(station)
    told = details["chargingPeriods"]
    assert len(told) == 100
    energies = [it["dimensions"][0]["volume"] for it in told]
    assert sum(energies) == pytest.approx(1000 * details["totalUsage"]["energy"], abs=0.01)
    assert net(details) == pytest.approx(details["totalUsage"]["energy"], abs=1e-5)


# The driver's own, and changes


def test_I08_the_driver_has_a_tariff_of_their_own(station: Bench) -> None:
    give(station, 0, tariff())
    station.answers["Authorize"] = {
        "idTokenInfo": {"status": "Accepted"},
        "tariff": tariff("D1", **energy(2)),
    }
    start(station)
    assert ("D1", "DriverTariff", [1]) in known(station)
    told = [it["transactionInfo"]["tariffId"] for it in station.tx() if "tariffId" in it["transactionInfo"]]
    assert told == ["D1"]
    station.advance(3600)
    assert net(end(station)) == pytest.approx(22)
    assert known(station) == [("T1", "DefaultTariff", [1, 2])]
    station.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    start(station)
    station.advance(3600)
    assert net(end(station)) == pytest.approx(5.5)


def test_I08_one_that_cannot_be_followed_gives_way_to_the_default(station: Bench) -> None:
    give(station, 0, tariff())
    odd = tariff("D1", **energy(2, startTimeOfDay="25:00"))
    station.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}, "tariff": odd}
    start(station)
    assert "D1" in station.happened_since("warning")[0].data["message"]
    station.advance(3600)
    assert net(end(station)) == pytest.approx(5.5)


def test_I11_a_running_transaction_gets_another_tariff(station: Bench) -> None:
    give(station, 0, tariff(fixedFee=priced([element("priceFixed", 1)]), **energy(0.5)))
    start(station)
    station.advance(1800)
    request = {
        "transactionId": station.tx()[0]["transactionInfo"]["transactionId"],
        "tariff": tariff("T2", **energy(1)),
    }
    assert station.csms("ChangeTransactionTariff", request) == {"status": "Accepted"}
    (told,) = station.tx()
    assert told["triggerReason"] == "TariffChanged"
    assert told["transactionInfo"]["tariffId"] == "T2"
    station.advance(1800)
    assert net(end(station)) == pytest.approx(1 + 2.75 + 5.5)


def test_I11_one_without_a_tariff_gets_one(station: Bench) -> None:
    start(station)
    station.advance(1800)
    request = {
        "transactionId": station.tx()[0]["transactionInfo"]["transactionId"],
        "tariff": tariff("T2", **energy(1)),
    }
    assert station.csms("ChangeTransactionTariff", request) == {"status": "Accepted"}
    station.advance(1800)
    assert net(end(station)) == pytest.approx(5.5)  # what came before was free


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"transactionId": "nobody"}, "TxNotFound"),
        ({"tariff": tariff("T2", currency="USD")}, "NoCurrencyChange"),
        ({"tariff": tariff("T2", **energy(1, maxTime=-5))}, "Rejected"),
    ],
)
def test_I11_what_cannot_be_changed_is_refused(station: Bench, change: Json, status: str) -> None:
    give(station, 0, tariff())
    start(station)
    number = station.tx()[0]["transactionInfo"]["transactionId"]
    request = {"transactionId": number, "tariff": tariff("T2"), **change}
    assert station.csms("ChangeTransactionTariff", request)["status"] == status
    assert station.tx() == []


def test_a_CSMS_of_2_0_1_hears_nothing_of_it(station: Bench) -> None:
    give(station, 0, tariff())
    start(station)
    station.drop()
    number = station.tx()[0]["transactionInfo"]["transactionId"]
    station.protocol = OCPP_201
    station.reconnect()
    station.advance(3600)
    station.do("unplug", evse=1, connector=1)
    told = station.tx()
    assert {it["transactionInfo"]["transactionId"] for it in told} == {number}
    assert told[-1]["eventType"] == "Ended"
    assert all("costDetails" not in it and "tariffId" not in it["transactionInfo"] for it in told)
    assert station.csms("GetTariffs", {"evseId": 0})["error"] == "NotImplemented"


@pytest.mark.parametrize("evil", [{}, tariff(**energy(1e300)), tariff(**energy(1, startTimeOfDay="xx:yy"))])
def test_a_tariff_in_a_state_file_that_nobody_could_have_set_is_forgotten(station: Bench, evil: Json) -> None:
    start(station)
    place = station.state.evses[0]
    assert place.transaction is not None
    station.state.tariffs = (DefaultTariff(1, evil),)
    place.driver_tariff = DriverTariff({"idToken": "04A2B3C4", "type": "ISO14443"}, evil)
    place.transaction.account = Account(evil, START, 0.0, 0.0)
    station.start_again()
    station.reconnect()
    station.do("unplug", evse=1, connector=1)
    assert [it["eventType"] for it in station.tx()][-1] == "Ended"
    assert known(station) == []


def test_I12_the_local_time_may_be_that_of_the_factory(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(TWO, ClockCtrlr__TimeOffset="-01:00"), protocol=OCPP_21)
    dear, cheap = element("priceKwh", 1, endTimeOfDay="09:30"), element("priceKwh", 0.1)
    give(bench, 0, tariff(energy=priced([dear, cheap])))
    start(bench)  # at nine
    bench.advance(3600)
    assert net(end(bench)) == pytest.approx(5.5 * 1 + 5.5 * 0.1)


# Prices as a function of time


TIMES = some.times().map(lambda it: f"{it:%H:%M}")
DAYS = some.lists(some.sampled_from(["Monday", "Wednesday", "Sunday"]), min_size=1, unique=True)
CONDITIONS = some.fixed_dictionaries(
    {}, optional={"startTimeOfDay": TIMES, "endTimeOfDay": TIMES, "dayOfWeek": DAYS}
)
LISTS = some.lists(
    some.builds(lambda price, it: element("priceKwh", price, **it), some.integers(1, 5), CONDITIONS),
    min_size=1,
    max_size=4,
)


@given(LISTS, some.integers(0, 14 * 86_400), some.integers(0, 86_400))
def test_prices_change_only_when_next_change_says_so(prices: list[Json], at: int, later: int) -> None:
    wanted = tariff(energy=priced(prices))
    moment = START + at
    until = tariffs.next_change(wanted, moment)
    assert until > moment
    before = tariffs.price(wanted, "energy", Situation(moment, "AC"))
    assert tariffs.price(wanted, "energy", Situation(min(moment + later, until - 1), "AC")) == before


_RANGES = {
    "Energy": some.integers(0, 12_000),
    "Power": some.integers(0, 11_000),
    "Current": some.integers(0, 48),
    "Time": some.integers(0, 5_000),
    "ChargingTime": some.integers(0, 5_000),
    "IdleTime": some.integers(0, 2_000),
}
BOUNDS = some.fixed_dictionaries(
    {}, optional={f"{end}{name}": it for name, it in _RANGES.items() for end in ("min", "max")}
)


def _lists(name: str) -> some.SearchStrategy[list[Json]]:
    one = some.builds(lambda price, it: element(name, price, **it), some.integers(1, 5), BOUNDS)
    return some.lists(one, min_size=1, max_size=3)


@settings(max_examples=25, deadline=None)
@given(
    _lists("priceKwh"),
    _lists("priceMinute"),
    _lists("priceMinute"),
    some.sampled_from([None, 3.0, 50.0]),
    some.lists(some.integers(1, 1_500), min_size=1, max_size=12),
)
def test_the_cost_does_not_depend_on_when_somebody_looks(
    by_energy: list[Json], charging: list[Json], idle: list[Json], ramp: float | None, looks: list[int]
) -> None:
    """So each change of a price comes at its moment, though nothing else happens then."""
    wanted = tariff(energy=priced(by_energy), chargingTime=priced(charging), idleTime=priced(idle))
    car = Car(soc=20, capacity_wh=12_000, ramp_w_s=ramp, curve=((20, 30), (50, 100), (100, 10)))
    found = []
    for moments in ([], looks):
        bench = Bench(replace(TWO, ev=car), protocol=OCPP_21)
        bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
        give(bench, 1, wanted)
        start(bench)
        for seconds in moments:
            bench.advance(seconds)
            bench.do("get")
        bench.advance(START + 9_000 - bench.clock.now)
        found.append(end(bench))
    assert net(found[0]) == pytest.approx(net(found[1]), abs=2e-3)


def test_taxes_stack() -> None:
    rates = [{"type": "A", "tax": 10}, {"type": "B", "tax": 10}, {"type": "C", "tax": 50, "stack": 1}]
    wanted = tariff(energy={"prices": [element("priceKwh", 1)], "taxRates": rates})
    assert tariffs.tax_factor(wanted, "energy") == pytest.approx(1.2 * 1.5)
