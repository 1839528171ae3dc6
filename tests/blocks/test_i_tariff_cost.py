"""Tariff and cost: what a driver is told before, during and after charging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.blocks.i_tariff_cost import BILL_SHOWN_FOR
from ocppd.core.description import Evse, Hardware, Preset
from tests.bench import Bench, Json, with_presets
from tests.blocks.displays import charge, leave, lines, texts

NewBench = Callable[..., Bench]

TARIFF = "0.30 EUR/kWh"
FALLBACK = Hardware(
    presets=(
        Preset("TariffCostCtrlr", "TariffFallbackMessage", "Ask the owner"),
        Preset("TariffCostCtrlr", "TotalCostFallbackMessage", "See your invoice"),
        Preset("AuthCtrlr", "OfflineTxForUnknownIdEnabled", "true"),
    )
)


def personal(content: str = TARIFF, form: str = "UTF8", **more: Any) -> Json:
    return {"format": form, "content": content, **more}


def accepted(content: str = TARIFF, form: str = "UTF8", **more: Any) -> Json:
    """An answer to Authorize."""
    return {"idTokenInfo": {"status": "Accepted", "personalMessage": personal(content, form, **more)}}


def answer(bench: Bench, kind: str, **response: Any) -> None:
    """Let the CSMS answer TransactionEvents of that eventType so, from now on, and others with nothing."""
    bench.answers["TransactionEvent"] = lambda event: response if event["eventType"] == kind else {}


def cost_of(bench: Bench, evse: int = 1) -> Any:
    found = bench.do("get", fields=["evses"])
    assert found is not None
    assert found.done is not None
    result: Any = found.done.result
    return result["evses"][evse - 1]["cost"]


# Tariff


def test_I01_FR_03_the_driver_s_tariff_is_shown_from_the_authorization_on(bench: Bench) -> None:
    bench.answers["Authorize"] = accepted(language="en")
    bench.do("authorize", id_token="AA11")
    assert lines(bench) == [
        {
            "about": "tariff",
            "id": None,
            "priority": None,
            "evse": 1,
            "display": None,
            "format": "UTF8",
            "content": TARIFF,
            "language": "en",
        }
    ]
    [event] = bench.happened_since("display")
    assert (event.evse, event.data) == (1, {"about": "tariff"})
    bench.do("plug-in")
    assert texts(bench, "tariff") == [TARIFF]
    leave(bench)
    assert texts(bench, "tariff") == []


def test_I01_FR_03_a_tariff_that_comes_with_the_transaction(bench: Bench) -> None:
    """As for a remote start whose token the CSMS is not asked about."""
    answer(bench, "Started", **accepted())
    bench.set("AuthCtrlr.AuthorizeRemoteStart", False)
    bench.do("plug-in")
    request = {"idToken": {"idToken": "AA11", "type": "ISO14443"}, "remoteStartId": 1, "evseId": 1}
    bench.answers["TransactionEvent"] = lambda event: accepted() if "idToken" in event else {}
    bench.csms("RequestStartTransaction", request)
    assert texts(bench, "tariff") == [TARIFF]


def test_a_refused_token_shows_no_tariff(bench: Bench) -> None:
    info = {"status": "Blocked", "personalMessage": personal()}
    bench.answers["Authorize"] = {"idTokenInfo": info}
    bench.do("authorize", id_token="AA11")
    assert lines(bench) == []


def test_a_token_that_is_refused_while_it_charges_shows_no_tariff(bench: Bench) -> None:
    bench.set("TxCtrlr.StopTxOnInvalidId", False)
    info = {"status": "Blocked", "personalMessage": personal()}
    bench.answers["TransactionEvent"] = lambda event: {"idTokenInfo": info} if "idToken" in event else {}
    bench.do("plug-in")
    bench.do("authorize", id_token="AA11")
    assert bench.state.evses[0].authorization is not None
    assert lines(bench) == []


def test_the_token_that_is_not_charging_changes_no_tariff(bench: Bench) -> None:
    bench.answers["Authorize"] = accepted()
    charge(bench)
    bench.answers["Authorize"] = accepted("Other")
    bench.do("authorize", id_token="BB22")
    assert texts(bench, "tariff") == [TARIFF]


def test_I04_FR_01_without_a_tariff_of_the_driver_the_fallback_is_shown(new_bench: NewBench) -> None:
    bench = new_bench(FALLBACK)
    assert lines(bench) == []
    charge(bench)
    assert texts(bench, "tariff") == ["Ask the owner"]
    leave(bench)
    assert texts(bench, "tariff") == []


def test_I04_FR_01_offline_the_fallback_is_shown(new_bench: NewBench) -> None:
    bench = new_bench(FALLBACK)
    bench.answers["Authorize"] = accepted()
    bench.drop()
    charge(bench)
    assert texts(bench, "tariff") == ["Ask the owner"]


def test_I04_FR_01_C10_FR_09_the_cache_knows_no_tariff(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(FALLBACK, AuthCtrlr__LocalPreAuthorize="true"))
    bench.answers["Authorize"] = accepted()
    charge(bench)
    assert texts(bench, "tariff") == [TARIFF]
    leave(bench)
    bench.sent()
    charge(bench)
    assert bench.sent("Authorize") == []
    assert texts(bench, "tariff") == ["Ask the owner"]


@pytest.mark.parametrize("how", [{"form": "HTML"}, {"content": ""}])
def test_I04_FR_01_what_the_display_cannot_show_is_no_tariff(new_bench: NewBench, how: Json) -> None:
    bench = new_bench(FALLBACK)
    bench.answers["Authorize"] = accepted(**how)
    charge(bench)
    assert texts(bench, "tariff") == ["Ask the owner"]
    assert len(bench.happened_since("warning")) == ("form" in how)


def test_a_personal_message_is_cut_to_its_size(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(FALLBACK, DisplayMessageCtrlr__PersonalMessageSize="4"))
    bench.answers["Authorize"] = accepted()
    charge(bench)
    assert texts(bench, "tariff") == ["0.30"]


def test_no_personal_message_is_kept_where_there_is_no_room(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(), DisplayMessageCtrlr__PersonalMessageSize="0"))
    bench.answers["Authorize"] = accepted()
    charge(bench)
    assert lines(bench) == []


def test_I06_FR_03_an_updated_tariff_takes_the_place_of_the_first(bench: Bench) -> None:
    bench.answers["Authorize"] = accepted()
    charge(bench)
    answer(bench, "Updated", updatedPersonalMessage=personal("0.32 EUR/kWh"))
    bench.advance(60)
    assert texts(bench, "tariff") == ["0.32 EUR/kWh"]
    bench.answers["TransactionEvent"] = {}
    bench.advance(60)
    assert texts(bench, "tariff") == ["0.32 EUR/kWh"]
    leave(bench)
    assert lines(bench) == []


def test_the_driver_s_own_tariff_takes_the_place_of_what_the_transaction_had_before(bench: Bench) -> None:
    answer(bench, "Started", updatedPersonalMessage=personal("For everybody"))
    bench.do("plug-in")
    assert texts(bench, "tariff") == ["For everybody"]
    bench.answers["Authorize"] = accepted()
    bench.do("authorize", id_token="AA11")
    assert texts(bench, "tariff") == [TARIFF]


@pytest.mark.parametrize("enabled", [True, False])
def test_tariffs_can_be_switched_off(new_bench: NewBench, enabled: bool) -> None:
    bench = new_bench(FALLBACK)
    bench.set("TariffCostCtrlr.Enabled[Tariff]", enabled)
    charge(bench)
    assert bool(texts(bench, "tariff")) == enabled


# Running cost


def test_TC_I_01_I02_FR_02_I02_FR_03_the_CSMS_tells_what_it_costs(bench: Bench) -> None:
    bench.answers["Authorize"] = accepted()
    tx = charge(bench)
    answer(bench, "Updated", updatedPersonalMessage=personal("0.32 EUR/kWh"))
    for amount, text in ((1, "1.00 EUR"), (2.505, "2.50 EUR")):
        bench.advance(60)
        assert bench.csms("CostUpdated", {"totalCost": amount, "transactionId": tx}) == {}
        assert texts(bench, "tariff") == ["0.32 EUR/kWh"]
        assert texts(bench, "cost") == [text]
    assert cost_of(bench) == {"amount": 2.505, "currency": "EUR", "is_total": False}
    assert bench.happened_since("display")[-1].data == {"about": "cost", "amount": 2.505, "currency": "EUR"}


def test_TC_I_07_I02_FR_04_the_answer_to_an_event_tells_what_it_costs(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(evses=(Evse(), Evse())), TariffCostCtrlr__Currency="CHF"))
    charge(bench, 2)
    answer(bench, "Updated", totalCost=0.5)
    bench.advance(60)
    assert [(it["evse"], it["content"]) for it in lines(bench)] == [(2, "0.50 CHF")]
    answer(bench, "Updated")
    bench.advance(60)
    assert texts(bench, "cost") == ["0.50 CHF"]
    assert (cost_of(bench, 1), cost_of(bench, 2)["amount"]) == (None, 0.5)


def test_I02_FR_02_the_cost_of_a_transaction_that_does_not_run_is_not_shown(bench: Bench) -> None:
    charge(bench)
    assert bench.csms("CostUpdated", {"totalCost": 1, "transactionId": "another"}) == {}
    assert texts(bench, "cost") == []
    assert len(bench.happened_since("warning")) == 1


def test_a_cost_beyond_reason_is_not_shown(bench: Bench) -> None:
    tx = charge(bench)
    assert bench.csms("CostUpdated", {"totalCost": 9e17, "transactionId": tx}) == {}
    assert (texts(bench, "cost"), cost_of(bench)) == ([], None)


def test_costs_can_be_switched_off(bench: Bench) -> None:
    tx = charge(bench)
    bench.csms("CostUpdated", {"totalCost": 1, "transactionId": tx})
    bench.set("TariffCostCtrlr.Enabled[Cost]", False)
    assert texts(bench, "cost") == []
    answer(bench, "Ended", totalCost=3)
    leave(bench)
    assert texts(bench, "total_cost") == []


# The total


def test_TC_I_02_I03_FR_01_I03_FR_03_the_total_is_shown_when_all_is_over(bench: Bench) -> None:
    tx = charge(bench)
    bench.csms("CostUpdated", {"totalCost": 3, "transactionId": tx})
    answer(bench, "Ended", totalCost=3.25)
    bench.sent()
    leave(bench)
    assert bench.tx()[-1]["eventType"] == "Ended"
    assert (texts(bench, "cost"), texts(bench, "total_cost")) == ([], ["3.25 EUR"])
    assert cost_of(bench) == {"amount": 3.25, "currency": "EUR", "is_total": True}
    assert bench.happened_since("display")[-1].data["about"] == "total_cost"
    bench.advance(BILL_SHOWN_FOR - 1)
    assert texts(bench, "total_cost") == ["3.25 EUR"]
    bench.advance(1)
    assert lines(bench) == []
    assert bench.state.evses[0].bill is None


def test_I03_FR_03_a_total_of_nothing_is_shown(bench: Bench) -> None:
    charge(bench)
    answer(bench, "Ended", totalCost=0.0)
    leave(bench)
    assert texts(bench, "total_cost") == ["0.00 EUR"]


def test_I03_FR_05_whoever_has_left_the_bay_is_shown_no_total(new_bench: NewBench) -> None:
    points = {"TxStartPoint": "ParkingBayOccupancy", "TxStopPoint": "ParkingBayOccupancy"}
    bench = new_bench(with_presets(FALLBACK, **{f"TxCtrlr__{key}": it for key, it in points.items()}))
    answer(bench, "Ended", totalCost=3.25)
    charge(bench)
    leave(bench)
    assert bench.tx()[-1]["triggerReason"] == "EVDeparted"
    assert lines(bench) == []
    bench.drop()
    charge(bench)
    leave(bench)
    assert lines(bench) == []


def test_I05_FR_02_offline_the_fallback_is_shown_instead_of_the_total(new_bench: NewBench) -> None:
    bench = new_bench(FALLBACK)
    charge(bench)
    answer(bench, "Ended", totalCost=3.25)
    bench.drop()
    leave(bench)
    assert texts(bench, "total_cost") == ["See your invoice"]
    assert cost_of(bench) is None
    bench.advance(BILL_SHOWN_FOR)
    assert lines(bench) == []
    bench.reconnect()
    bench.advance(10)
    assert bench.tx()[-1]["eventType"] == "Ended"
    assert lines(bench) == []  # I03_FR_03: the driver has left


def test_I05_FR_02_a_CSMS_that_does_not_know_the_total(new_bench: NewBench) -> None:
    bench = new_bench(FALLBACK)
    charge(bench)
    leave(bench)
    assert texts(bench, "total_cost") == ["See your invoice"]


@pytest.mark.parametrize(
    ("how", "start"),
    [("authorize", "PowerPathClosed"), ("authorize", "Authorized"), ("plug-in", "EVConnected")],
)
def test_the_next_driver_does_not_see_what_the_last_one_has_paid(
    new_bench: NewBench, how: str, start: str
) -> None:
    bench = new_bench(with_presets(Hardware(), TxCtrlr__TxStartPoint=start))
    charge(bench)
    answer(bench, "Ended", totalCost=3.25)
    leave(bench)
    answer(bench, "Ended")
    bench.do(how)
    assert texts(bench, "total_cost") == []
    bench.do("authorize" if how == "authorize" else "unplug")
    assert texts(bench, "total_cost") == []


def test_a_total_that_comes_too_late_is_not_the_next_driver_s(bench: Bench) -> None:
    charge(bench)
    answer(bench, "Ended", totalCost=3.25)
    bench.silent.add("TransactionEvent")
    leave(bench)
    bench.do("authorize", id_token="BB22")
    bench.silent.clear()
    bench.advance(60)
    assert texts(bench, "total_cost") == []
    assert texts(bench, "cost") == []


def test_the_total_is_waited_for(new_bench: NewBench) -> None:
    bench = new_bench(FALLBACK)
    charge(bench)
    answer(bench, "Ended", totalCost=3.25)
    bench.silent.add("TransactionEvent")
    leave(bench)
    assert lines(bench) == []
    bench.silent.clear()
    bench.advance(60)
    assert texts(bench, "total_cost") == ["3.25 EUR"]


def test_after_a_power_cut_the_display_starts_anew(bench: Bench) -> None:
    charge(bench)
    answer(bench, "Ended", totalCost=3.25)
    leave(bench)
    bench.do("power", "OFF")
    assert lines(bench) == []
    bench.do("power", "ON")
    bench.advance(20)
    assert lines(bench) == []


def test_tariff_and_cost_survive_a_restart(bench: Bench) -> None:
    bench.answers["Authorize"] = accepted()
    tx = charge(bench)
    bench.csms("CostUpdated", {"totalCost": 1, "transactionId": tx})
    bench.start_again()
    assert (texts(bench, "tariff"), texts(bench, "cost")) == ([TARIFF], ["1.00 EUR"])


def test_whoever_asks_what_is_known_of_a_customer_gets_the_tariff_too(bench: Bench) -> None:
    bench.answers["Authorize"] = accepted()
    charge(bench)
    request = {"requestId": 1, "report": True, "clear": False}
    token = {"idToken": "AA11", "type": "ISO14443"}
    bench.csms("CustomerInformation", {**request, "idToken": token})
    assert TARIFF in "".join(page["data"] for page in bench.sent("NotifyCustomerInformation"))


# Beside the CSMS's messages


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        ("NormalCycle", ["message", "tariff"]),
        ("InFront", ["message", "tariff"]),
        ("AlwaysFront", ["message"]),
    ],
)
def test_O01_FR_15_nothing_of_the_station_itself_stands_before_AlwaysFront(
    bench: Bench, priority: str, expected: list[str]
) -> None:
    bench.answers["Authorize"] = accepted()
    charge(bench)
    message = {"id": 1, "priority": priority, "message": {"format": "UTF8", "content": "Hi"}}
    bench.csms("SetDisplayMessage", {"message": message})
    assert [it["about"] for it in lines(bench)] == expected


def test_an_EVSE_with_a_display_of_its_own_tells_it_there(new_bench: NewBench) -> None:
    at_two = Preset("Display", "Lines", "4", evse=2, data_type="integer")
    bench = new_bench(Hardware(evses=(Evse(), Evse()), presets=(at_two,)))
    bench.answers["Authorize"] = accepted()
    message = {"id": 1, "priority": "AlwaysFront", "message": {"format": "UTF8", "content": "Hi"}}
    bench.csms("SetDisplayMessage", {"message": message})
    charge(bench, 1)
    charge(bench, 2)
    found = [(it["about"], (it["display"] or {}).get("evse"), it["evse"]) for it in lines(bench)]
    assert found == [("message", None, None), ("tariff", 2, 2)]
