"""E01.FR.15, E02.FR.17, E03.FR.12: every triggerReason, chargingState and stoppedReason that can occur."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from ocppd.blocks import e_transaction_events
from ocppd.core.description import Hardware
from tests.bench import Bench, Json
from tests.blocks.transactions import (
    ID_TOKEN,
    SOCKET,
    TOKEN,
    NewBench,
    back,
    charge,
    cut,
    points,
    refused,
)

Scenario = Callable[[Bench], object]


def then(*commands: tuple[str, str]) -> Scenario:
    """Charge, and then what the commands say."""

    def play(bench: Bench) -> None:
        charge(bench)
        for command in commands:
            bench.do(*command)

    return play


def remote(action: str) -> Scenario:
    def play(bench: Bench) -> None:
        bench.do("plug-in")
        bench.csms("RequestStartTransaction", {"idToken": ID_TOKEN, "remoteStartId": 1, "evseId": 1})
        [tx] = [it.transaction for it in bench.state.evses]
        assert tx is not None
        if action == "stop":
            bench.csms("RequestStopTransaction", {"transactionId": tx.id})

    return play


def asked(action: str, payload: Json) -> Scenario:
    def play(bench: Bench) -> None:
        charge(bench)
        bench.csms(action, payload)

    return play


def with_start(start: str, stop: str, scenario: Scenario, **settings: Any) -> Scenario:
    def play(bench: Bench) -> None:
        points(bench, start, stop)
        for name, value in settings.items():
            bench.set(name.replace("__", "."), value)
        scenario(bench)

    return play


def wait(seconds: float, scenario: Scenario) -> Scenario:
    def play(bench: Bench) -> None:
        scenario(bench)
        bench.advance(seconds)

    return play


def denied(bench: Bench) -> None:
    bench.answers["TransactionEvent"] = refused
    charge(bench)


def unlocked(bench: Bench) -> None:
    denied(bench)
    bench.csms("UnlockConnector", {"evseId": 1, "connectorId": 1})


def rate(bench: Bench) -> None:
    """As smart charging says it."""
    charge(bench)
    e_transaction_events.tell_rate(bench.station, 1)
    bench.advance(1)
    bench.do("heartbeat")


def dark(bench: Bench) -> None:
    bench.set("TxCtrlr.ResumptionTimeout", 60)
    charge(bench)
    cut(bench)
    back(bench)


def no_token(bench: Bench) -> None:
    bench.do("authorize", TOKEN)
    bench.advance(200)


BAY = "ParkingBayOccupancy"
TRIGGERS: dict[str, Scenario] = {
    "AbnormalCondition": then(("fault", "GroundFault")),
    "Authorized": then(),
    "CablePluggedIn": then(),
    "ChargingRateChanged": rate,
    "ChargingStateChanged": then(("suspend", "ev")),
    "Deauthorized": denied,
    "EVCommunicationLost": then(("unplug", "")),
    "EVConnectTimeout": with_start("Authorized", "Authorized", no_token),
    "EVDeparted": with_start(BAY, BAY, then(("unplug", ""))),
    "EVDetected": with_start(BAY, BAY, then()),
    "EnergyLimitReached": then(("stop", "EnergyLimitReached")),
    "MeterValuePeriodic": wait(100, then()),
    "RemoteStart": remote("start"),
    "RemoteStop": remote("stop"),
    "ResetCommand": asked("Reset", {"type": "Immediate"}),
    "SignedDataReceived": with_start("DataSigned", "Authorized", then(), SampledDataCtrlr__SignReadings=True),
    "StopAuthorized": then(("authorize", TOKEN)),
    "TimeLimitReached": then(("stop", "TimeLimitReached")),
    "Trigger": asked("TriggerMessage", {"requestedMessage": "TransactionEvent"}),
    "UnlockCommand": unlocked,
}


def sent(bench: Bench) -> list[Json]:
    return [frame[3] for frame in bench.frames if frame[0] == 2 and frame[2] == "TransactionEvent"]


@pytest.mark.parametrize("trigger", sorted(TRIGGERS))
def test_E01_FR_15_E02_FR_15_E02_FR_16_E02_FR_17_E03_FR_12_every_triggerReason_has_its_event(
    new_bench: NewBench, trigger: str
) -> None:
    bench = new_bench(SOCKET if trigger == "UnlockCommand" else Hardware())
    TRIGGERS[trigger](bench)
    found = [it["triggerReason"] for it in sent(bench)]
    assert found.count(trigger) == 1 or trigger in ("ChargingStateChanged", "MeterValuePeriodic")
    assert trigger in found


STATES: dict[str, Scenario] = {
    "Charging": then(),
    "EVConnected": then(("authorize", TOKEN)),
    "Idle": then(("unplug", "")),
    "SuspendedEV": then(("suspend", "ev")),
    "SuspendedEVSE": then(("suspend", "evse")),
}


@pytest.mark.parametrize("state", sorted(STATES))
def test_E01_FR_18_E01_FR_19_E02_FR_13_every_chargingState_is_told_when_it_comes(
    bench: Bench, state: str
) -> None:
    STATES[state](bench)
    told = [
        it["transactionInfo"]["chargingState"]
        for it in sent(bench)
        if "chargingState" in it["transactionInfo"]
    ]
    assert told[-1] == state


PLAIN = ("EVConnected", "Authorized")
REASONS: dict[str, Scenario] = {
    "DeAuthorized": with_start(*PLAIN, denied),
    "EVDisconnected": then(("unplug", "")),
    "EmergencyStop": then(("fault", "EmergencyStop")),
    "EnergyLimitReached": with_start(*PLAIN, then(("stop", "EnergyLimitReached"))),
    "GroundFault": then(("fault", "GroundFault")),
    "ImmediateReset": asked("Reset", {"type": "Immediate"}),
    "Local": with_start(*PLAIN, then(("authorize", TOKEN))),
    "LocalOutOfCredit": with_start(*PLAIN, then(("stop", "LocalOutOfCredit"))),
    "Other": then(("fault", "HighTemperature")),
    "OvercurrentFault": then(("fault", "OverCurrentFailure")),
    "PowerLoss": dark,
    "PowerQuality": then(("fault", "UnderVoltage")),
    "Reboot": then(("reset", "Immediate")),
    "Remote": with_start(*PLAIN, remote("stop")),
    "SOCLimitReached": with_start(*PLAIN, then(("stop", "SOCLimitReached"))),
    "StoppedByEV": with_start(*PLAIN, then(("stop", "StoppedByEV"))),
    "TimeLimitReached": with_start(*PLAIN, then(("stop", "TimeLimitReached"))),
    "Timeout": with_start("Authorized", "Authorized", no_token),
}


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_E06_FR_08_E06_FR_15_E07_FR_06_every_stoppedReason_ends_something(bench: Bench, reason: str) -> None:
    """MasterPass has its own tests (C16)."""
    REASONS[reason](bench)
    ended = [it for it in sent(bench) if it["eventType"] == "Ended"]
    assert [it["transactionInfo"]["stoppedReason"] for it in ended] == [reason]


def test_E_the_tables_name_what_the_standard_names() -> None:
    schema = json.loads((files("ocpp") / "v201/schemas/TransactionEventRequest.json").read_text())
    names = {name: set(it.get("enum", ())) for name, it in schema["definitions"].items()}
    assert names["TriggerReasonEnumType"] - {"MeterValueClock"} == set(TRIGGERS)  # which is J01
    assert names["ChargingStateEnumType"] == set(STATES)
    assert names["ReasonEnumType"] - {"MasterPass"} == set(REASONS)  # which is C16
