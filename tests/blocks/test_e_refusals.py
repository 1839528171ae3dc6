"""E05: a token that the CSMS refuses after all."""

from __future__ import annotations

import pytest

from tests.bench import Bench, headline
from tests.blocks.transactions import ID_TOKEN, TOKEN, charge, is_charging, points, reasons, refused, told


@pytest.mark.parametrize(
    ("stops", "stop", "story", "ended"),
    [
        (True, "Authorized", ["Ended Deauthorized EVConnected"], "DeAuthorized"),
        (True, "PowerPathClosed", ["Ended Deauthorized EVConnected"], "DeAuthorized"),
        (True, "EnergyTransfer", ["Ended Deauthorized EVConnected"], "DeAuthorized"),
        (True, "EVConnected", ["Updated Deauthorized EVConnected"], None),
        (True, "ParkingBayOccupancy", ["Updated Deauthorized EVConnected"], None),
        (False, "Authorized", ["Updated ChargingStateChanged SuspendedEVSE"], None),
        (False, "EVConnected", ["Updated ChargingStateChanged SuspendedEVSE"], None),
        (False, "EnergyTransfer", ["Ended ChargingStateChanged SuspendedEVSE"], "DeAuthorized"),
    ],
)
def test_E05_FR_02_E05_FR_04_E05_FR_09_E05_FR_10_E06_FR_04_the_table_of_StopTxOnInvalidId(
    bench: Bench, *, stops: bool, stop: str, story: list[str], ended: str | None
) -> None:
    points(bench, "EVConnected", stop).set("TxCtrlr.StopTxOnInvalidId", stops)
    bench.answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    events = bench.tx()
    assert [headline(it) for it in events][-1:] == story
    assert events[-1]["transactionInfo"].get("stoppedReason") == ended
    assert not is_charging(bench)


def test_E05_FR_02_a_suspended_token_still_stops(bench: Bench) -> None:
    points(bench, "EVConnected", "Authorized").set("TxCtrlr.StopTxOnInvalidId", False)
    bench.answers["TransactionEvent"] = refused
    charge(bench)
    bench.do("authorize", TOKEN)
    assert reasons(bench) == [("StopAuthorized", "Local")]


def test_E05_FR_09_the_end_says_why_energy_stopped(bench: Bench) -> None:
    bench.answers["TransactionEvent"] = refused
    charge(bench)
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "DeAuthorized")]


def test_C15_FR_04_a_token_taken_offline_is_refused_when_it_is_told(bench: Bench) -> None:
    points(bench, "EVConnected", "Authorized").set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.answers["TransactionEvent"] = refused
    bench.drop()
    charge(bench)
    bench.reconnect(10)
    assert bench.story()[-1] == "Ended Deauthorized EVConnected"


def test_E05_an_answer_to_an_old_transaction_does_not_harm_the_new_one(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    first = next(iter(told(bench)))
    bench.silent.add("TransactionEvent")
    bench.do("authorize", TOKEN)
    bench.do("authorize", "OTHER")
    bench.silent.clear()
    bench.answers["TransactionEvent"] = lambda it: (
        refused(it) if it["transactionInfo"]["transactionId"] == first else {}
    )
    bench.advance(120)
    assert is_charging(bench)


# MaxEnergyOnInvalidId (E05.FR.03)


def rationed(bench: Bench, most_wh: int, stop: str = "EVConnected") -> Bench:
    """A refused token that may have so much energy."""
    points(bench, "EVConnected", stop).set("TxCtrlr.StopTxOnInvalidId", False)
    bench.set("TxCtrlr.MaxEnergyOnInvalidId", most_wh)
    bench.answers["TransactionEvent"] = refused
    return bench


def energy(bench: Bench) -> float:
    bench.do("get")
    return bench.state.evses[0].meter.energy_wh


@pytest.mark.parametrize("soc", [20, 79.9, 95])
def test_E05_FR_03_C15_FR_07_a_refused_token_gets_so_much_energy_and_no_more(
    bench: Bench, soc: float
) -> None:
    rationed(bench, 500).do("plug-in", ev={"soc": soc})
    bench.do("authorize", TOKEN)
    assert bench.story()[-1] == "Updated ChargingStateChanged Charging"
    assert is_charging(bench)
    bench.advance(3600)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEVSE"]
    assert energy(bench) == pytest.approx(500, abs=3)
    assert not is_charging(bench)


def test_E05_FR_03_at_constant_power_it_is_exact(bench: Bench) -> None:
    rationed(bench, 500).do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(3600)
    assert energy(bench) == pytest.approx(500, abs=0.01)


def test_E05_FR_02_C15_FR_06_what_was_charged_before_the_refusal_counts(bench: Bench) -> None:
    rationed(bench, 500).set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    bench.drop()
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(600)
    before = energy(bench)
    assert before > 500
    bench.reconnect()
    assert bench.story()[-1] == "Updated ChargingStateChanged SuspendedEVSE"
    bench.advance(600)
    assert energy(bench) == pytest.approx(before)


def test_E05_FR_03_with_stop_point_EnergyTransfer_its_end_is_the_end(bench: Bench) -> None:
    rationed(bench, 500, "EnergyTransfer").do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(3600)
    assert reasons(bench) == [("ChargingStateChanged", "DeAuthorized")]


@pytest.mark.parametrize(("more", "charges"), [(1000, True), (400, False), (0, False)])
def test_E05_FR_03_a_changed_amount_counts_at_once(bench: Bench, more: int, *, charges: bool) -> None:
    rationed(bench, 500).do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(3600)
    bench.set("TxCtrlr.MaxEnergyOnInvalidId", more)
    assert is_charging(bench) == charges


def test_E05_FR_03_faster_charging_ends_sooner(bench: Bench) -> None:
    rationed(bench, 500).do("plug-in", ev={"max_w": 1000})
    bench.do("authorize", TOKEN)
    bench.advance(600)
    bench.do("ev", max_w=22_000)
    bench.advance(600)
    assert energy(bench) == pytest.approx(500, abs=0.01)


def test_E05_FR_03_a_pause_uses_nothing_up(bench: Bench) -> None:
    rationed(bench, 500).do("plug-in")
    bench.do("authorize", TOKEN)
    bench.do("suspend", "ev")
    bench.advance(3600)
    bench.do("resume")
    assert is_charging(bench)


def test_E05_FR_03_a_token_that_is_accepted_has_no_such_bound(bench: Bench) -> None:
    rationed(bench, 500).answers["TransactionEvent"] = {"idTokenInfo": {"status": "Accepted"}}
    charge(bench)
    bench.advance(3600)
    assert is_charging(bench)


def test_E05_FR_03_the_next_token_starts_with_none_used_up(bench: Bench) -> None:
    rationed(bench, 500).do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(3600)
    bench.do("unplug")
    bench.do("plug-in")
    bench.do("authorize", "OTHER")
    bench.advance(3600)
    assert energy(bench) == pytest.approx(1000, abs=0.1)


@pytest.mark.parametrize("status", ["Blocked", "ConcurrentTx", "Expired", "Unknown", "NoCredit"])
def test_E05_FR_10_every_status_but_Accepted_is_a_refusal(bench: Bench, status: str) -> None:
    points(bench, "EVConnected", "Authorized").answers["TransactionEvent"] = {
        "idTokenInfo": {"status": status}
    }
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    assert reasons(bench) == [("Deauthorized", "DeAuthorized")]


def test_E05_FR_09_F01_FR_03_a_remote_start_is_refused_as_any_other(bench: Bench) -> None:
    points(bench, "EVConnected", "EVConnected").answers["TransactionEvent"] = refused
    bench.do("plug-in")
    bench.csms("RequestStartTransaction", {"idToken": ID_TOKEN, "remoteStartId": 7, "evseId": 1})
    bench.settle()
    assert bench.story()[-1] == "Updated Deauthorized EVConnected"
    assert not is_charging(bench)
