"""E06, E07, E15: how a transaction ends."""

from __future__ import annotations

import pytest

from ocppd.blocks import e_samples
from ocppd.core.description import Connector, Evse, Hardware
from tests.bench import Bench, headline
from tests.blocks.transactions import (
    ID_TOKEN,
    SOCKET,
    TOKEN,
    TWO,
    NewBench,
    charge,
    contexts,
    energies,
    error,
    is_charging,
    locks,
    points,
    reasons,
    reboot,
    told,
)


def test_E06_FR_10_E07_FR_07_a_socket_holds_the_cable_while_somebody_is_authorized(
    new_bench: NewBench,
) -> None:
    bench = new_bench(SOCKET)
    bench.do("plug-in")
    seen = [locks(bench)]
    for _ in range(2):
        bench.do("authorize", TOKEN)
        seen.append(locks(bench))
    assert seen == [False, True, False]


def test_E06_FR_10_a_cable_of_the_station_has_no_lock(bench: Bench) -> None:
    charge(bench)
    assert not locks(bench)


def test_E06_FR_11_E07_FR_08_the_end_tells_begin_samples_and_end(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxEndedInterval", 60)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    bench.do("plug-in")
    bench.do("authorize", TOKEN)
    bench.advance(150)
    bench.do("unplug")
    ended = bench.tx()[-1]
    assert contexts(ended) == ["Transaction.Begin", *["Sample.Periodic"] * 2, "Transaction.End"]
    assert energies(ended) == [0, 183.3, 366.7, 458.3]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("GroundFault", "GroundFault"),
        ("OverCurrentFailure", "OvercurrentFault"),
        ("EmergencyStop", "EmergencyStop"),
        ("PowerLoss", "PowerLoss"),
        ("OverVoltage", "PowerQuality"),
        ("HighTemperature", "Other"),
    ],
)
def test_E06_FR_16_a_fault_ends_the_transaction(bench: Bench, code: str, reason: str) -> None:
    charge(bench)
    bench.do("fault", code)
    assert reasons(bench) == [("AbnormalCondition", reason)]
    assert not is_charging(bench)


def test_E06_FR_16_a_fault_of_ones_own_has_no_reason_of_its_own(bench: Bench) -> None:
    charge(bench)
    bench.do("fault", code="Coffee", component="Display")
    assert reasons(bench) == [("AbnormalCondition", "Other")]


def test_E06_FR_16_a_fault_at_the_other_connector_disturbs_nobody(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(connectors=(Connector(), Connector("cCCS2"))),)))
    bench.do("plug-in", connector=1)
    bench.do("authorize", TOKEN)
    bench.forget()
    bench.do("fault", connector=2, code="GroundFault")
    assert bench.tx() == []
    assert is_charging(bench)


def test_E06_FR_16_a_repaired_connector_starts_afresh_with_the_cable_in(bench: Bench) -> None:
    charge(bench)
    bench.do("fault", "GroundFault")
    bench.forget()
    bench.do("clear-fault")
    assert bench.story() == ["Started CablePluggedIn EVConnected"]
    assert not is_charging(bench)


def test_E07_FR_01_E07_FR_02_the_stopping_token_is_told(bench: Bench) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)
    [event] = bench.tx()
    assert headline(event) == "Updated StopAuthorized EVConnected"
    assert event["idToken"] == ID_TOKEN


def test_E06_FR_09_E07_FR_04_E07_FR_05_the_end_after_a_local_stop_is_local(bench: Bench) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "Local")]


@pytest.mark.parametrize(
    ("reason", "trigger"),
    [
        ("Local", "StopAuthorized"),
        ("LocalOutOfCredit", "StopAuthorized"),
        ("SOCLimitReached", "StopAuthorized"),
        ("StoppedByEV", "StopAuthorized"),
        ("EnergyLimitReached", "EnergyLimitReached"),
        ("TimeLimitReached", "TimeLimitReached"),
        ("EmergencyStop", "AbnormalCondition"),
        ("PowerQuality", "AbnormalCondition"),
    ],
)
def test_E06_FR_08_E06_FR_15_E07_FR_06_a_stop_names_its_reason(
    bench: Bench, reason: str, trigger: str
) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.do("stop", reason)
    assert reasons(bench) == [(trigger, reason)]
    assert not is_charging(bench)


def test_E06_FR_16_what_is_abnormal_needs_no_stop_point(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "ParkingBayOccupancy"))
    bench.do("stop", "EmergencyStop")
    assert reasons(bench) == [("AbnormalCondition", "EmergencyStop")]


def test_E07_the_stop_button_takes_no_reason_that_OCPP_does_not_have(bench: Bench) -> None:
    charge(bench)
    assert error(bench.do("stop", "Boredom")) == "invalid_argument"
    assert is_charging(bench)


def test_E07_the_stop_button_needs_somebody_to_stop(bench: Bench) -> None:
    bench.do("plug-in")
    assert error(bench.do("stop")) == "invalid_state"


def test_E07_the_first_reason_stays(bench: Bench) -> None:
    charge(bench)
    bench.do("stop", "EnergyLimitReached")
    bench.csms("RequestStopTransaction", {"transactionId": next(iter(told(bench)))})
    bench.do("unplug")
    assert reasons(bench) == [("EVCommunicationLost", "EnergyLimitReached")]


def test_E10_a_cable_left_in_after_the_stop_charges_again_for_the_next_token(bench: Bench) -> None:
    charge(points(bench, "EVConnected", "Authorized"))
    bench.do("authorize", TOKEN)
    bench.do("authorize", "OTHER")
    assert bench.story() == [
        "Ended StopAuthorized EVConnected",
        "Started Authorized EVConnected",
        "Updated ChargingStateChanged Charging",
    ]


@pytest.mark.parametrize("second", ["OTHER", TOKEN])
def test_C01_FR_23_no_second_token_on_a_stopped_transaction_that_is_still_open(
    bench: Bench, second: str
) -> None:
    charge(bench)
    bench.do("authorize", TOKEN)
    bench.forget()
    assert error(bench.do("authorize", second)) == "invalid_state"
    assert bench.sent() == []


def test_C01_FR_23_nor_when_its_answer_comes_after_the_stop(bench: Bench) -> None:
    charge(bench)
    bench.silent.add("Authorize")
    assert bench.do("authorize", "OTHER") is None
    bench.do("authorize", TOKEN)
    asked = next(frame for frame in reversed(bench.frames) if frame[2] == "Authorize")
    bench.receive([3, asked[1], bench.answers["Authorize"]])
    assert error(bench.late_answer()) == "invalid_state"
    assert not is_charging(bench)


def test_B12_FR_04_an_immediate_reset_ends_every_transaction_first(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for evse in (1, 2):
        bench.do("plug-in", evse=evse)
    assert bench.csms("Reset", {"type": "Immediate"}) == {"status": "Accepted"}
    assert reasons(bench) == [("ResetCommand", "ImmediateReset")] * 2


def test_B12_FR_04_the_reset_button_is_a_reboot(bench: Bench) -> None:
    charge(bench)
    bench.do("reset", "Immediate")
    assert reasons(bench) == [("ResetCommand", "Reboot")]


def test_B12_FR_05_an_undelivered_end_survives_the_reboot(bench: Bench) -> None:
    charge(bench)
    bench.silent.add("TransactionEvent")
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(15)
    bench.silent.clear()
    bench.forget()
    reboot(bench)
    assert [name for name, _ in bench.sent()][:1] == ["BootNotification"]
    assert next(iter(told(bench).values()))[-1]["eventType"] == "Ended"


@pytest.mark.parametrize(
    ("by", "ended"),
    [
        ("ev", ("EVConnected", "StoppedByEV")),
        ("evse", ("SuspendedEVSE", "Other")),
    ],
)
def test_TC_E_22_with_stop_point_EnergyTransfer_a_pause_is_the_end(
    bench: Bench, by: str, ended: tuple[str, str]
) -> None:
    charge(points(bench, "EnergyTransfer", "EnergyTransfer"))
    bench.do("suspend", by)
    [event] = bench.tx()
    info = event["transactionInfo"]
    assert event["triggerReason"] == "ChargingStateChanged"
    assert (info["chargingState"], info["stoppedReason"]) == ended


def test_E06_the_end_tells_how_long_energy_flowed(bench: Bench) -> None:
    charge(bench)
    bench.advance(90)
    bench.do("suspend", "ev")
    bench.advance(1000)
    bench.do("unplug")
    assert bench.tx()[-1]["transactionInfo"]["timeSpentCharging"] == 100


def test_E06_FR_12_E06_FR_13_E07_FR_09_E07_FR_10_E15_FR_02_E15_FR_03_samples_for_the_end_are_thinned_between(
    bench: Bench,
) -> None:
    bench.set("SampledDataCtrlr.TxEndedInterval", 1)
    charge(bench)
    bench.advance(1000)
    bench.do("unplug")
    [ended] = [it for it in bench.tx() if it["eventType"] == "Ended"]
    shown = contexts(ended)
    assert (shown[0], shown[-1]) == ("Transaction.Begin", "Transaction.End")
    assert e_samples.MOST_SAMPLES / 2 <= len(ended["meterValue"]) <= e_samples.MOST_SAMPLES + 2
    moments = [it["timestamp"] for it in ended["meterValue"]]
    assert moments == sorted(moments)
