"""Tariffs and local cost of OCPP 2.1: set, told, cleared, changed, and what they come to (I07 to I12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.core import tariffs
from ocppd.core.description import Evse, Hardware
from ocppd.core.schemas import OCPP_21, OCPP_201
from ocppd.core.state import Account, Bill, DefaultTariff, DriverTariff
from tests.bench import START, Bench, Json, with_presets

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
        (0, tariff(**energy(1, minEnergy=10)), "ConditionNotSupported"),
        (0, tariff(fixedFee=priced([element("priceFixed", 1, paymentBrand="X")])), "ConditionNotSupported"),
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
    odd = tariff("D1", **energy(2, minPower=1))
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
        ({"tariff": tariff("T2", **energy(1, maxTime=5))}, "ConditionNotSupported"),
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
    before = tariffs.price(wanted, "energy", moment, "AC")
    assert tariffs.price(wanted, "energy", min(moment + later, until - 1), "AC") == before


def test_taxes_stack() -> None:
    rates = [{"type": "A", "tax": 10}, {"type": "B", "tax": 10}, {"type": "C", "tax": 50, "stack": 1}]
    wanted = tariff(energy={"prices": [element("priceKwh", 1)], "taxRates": rates})
    assert tariffs.tax_factor(wanted, "energy") == pytest.approx(1.2 * 1.5)
