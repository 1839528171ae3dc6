"""E: which events a transaction consists of, whatever starts and ends it and whatever comes between."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocppd.core import schemas
from ocppd.core.description import Hardware
from tests.bench import Bench, headline
from tests.blocks.transactions import (
    ID_TOKEN,
    POINTS,
    SOCKET,
    TOKEN,
    NewBench,
    check_story,
    points,
    refused,
    session,
    told,
)

# All start points with all stop points

STARTED = {
    ("ParkingBayOccupancy", "plug"): ("EVDetected", "Idle"),
    ("ParkingBayOccupancy", "token"): ("EVDetected", "Idle"),
    ("EVConnected", "plug"): ("CablePluggedIn", "EVConnected"),
    ("EVConnected", "token"): ("CablePluggedIn", "EVConnected"),
    ("Authorized", "plug"): ("Authorized", "EVConnected"),
    ("Authorized", "token"): ("Authorized", "Idle"),
    ("PowerPathClosed", "plug"): ("Authorized", "EVConnected"),
    ("PowerPathClosed", "token"): ("CablePluggedIn", "EVConnected"),
    ("EnergyTransfer", "plug"): ("ChargingStateChanged", "Charging"),
    ("EnergyTransfer", "token"): ("ChargingStateChanged", "Charging"),
}
ENDED = {
    ("ParkingBayOccupancy", "token"): ("EVDeparted", "Local"),
    ("ParkingBayOccupancy", "unplug"): ("EVDeparted", "Local"),
    ("EVConnected", "token"): ("EVCommunicationLost", "Local"),
    ("EVConnected", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
    ("Authorized", "token"): ("StopAuthorized", "Local"),
    ("Authorized", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
    ("PowerPathClosed", "token"): ("StopAuthorized", "Local"),
    ("PowerPathClosed", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
    ("EnergyTransfer", "token"): ("StopAuthorized", "Local"),
    ("EnergyTransfer", "unplug"): ("EVCommunicationLost", "EVDisconnected"),
}


@pytest.mark.parametrize("last", ["token", "unplug"])
@pytest.mark.parametrize("first", ["plug", "token"])
@pytest.mark.parametrize(("start", "stop"), list(itertools.product(POINTS, POINTS)))
def test_E01_E06_every_start_point_with_every_stop_point(
    bench: Bench, start: str, stop: str, first: str, last: str
) -> None:
    session(points(bench, start, stop), first, last)
    [events] = told(bench).values()
    check_story(events)
    assert sum("connectorId" in it.get("evse", {}) for it in events) == 1
    assert next(it["idToken"] for it in events if "idToken" in it) == ID_TOKEN
    assert any(it["transactionInfo"].get("chargingState") == "Charging" for it in events)
    begin, end = events[0], events[-1]
    shown = (begin["triggerReason"], begin["transactionInfo"]["chargingState"])
    assert shown == STARTED[start, first]
    assert (end["triggerReason"], end["transactionInfo"]["stoppedReason"]) == ENDED[stop, last]
    assert bench.state.evses[0].transaction is None


def step(bench: Bench, command: str, argument: str = "") -> list[str]:
    """What one step says to the CSMS: statuses of connectors, and the story."""
    bench.do(command, argument)
    said = [(name, it) for name, it in bench.sent() if name != "Authorize"]
    return [it["connectorStatus"] if name == "StatusNotification" else headline(it) for name, it in said]


TABLE = {
    ("EVConnected", "EVConnected"): [
        ["Occupied", "Started CablePluggedIn EVConnected"],
        ["Updated Authorized", "Updated ChargingStateChanged Charging"],
        ["Updated StopAuthorized EVConnected"],
        ["Available", "Ended EVCommunicationLost Idle"],
    ],
    ("PowerPathClosed", "PowerPathClosed"): [
        ["Occupied"],
        ["Started Authorized EVConnected", "Updated ChargingStateChanged Charging"],
        ["Ended StopAuthorized EVConnected"],
        ["Available"],
    ],
    ("Authorized", "Authorized"): [
        ["Occupied"],
        ["Started Authorized EVConnected", "Updated ChargingStateChanged Charging"],
        ["Ended StopAuthorized EVConnected"],
        ["Available"],
    ],
}


@pytest.mark.parametrize(("start", "stop"), list(TABLE))
def test_E02_the_columns_of_the_table_of_start_and_stop_points(bench: Bench, start: str, stop: str) -> None:
    points(bench, start, stop)
    steps = [("plug-in", ""), ("authorize", TOKEN), ("authorize", TOKEN), ("unplug", "")]
    assert [step(bench, *it) for it in steps] == TABLE[start, stop]


# Any sequence of inputs keeps what is always true

MORE = [
    ("authorize", "AAAA"),
    ("authorize", "BBBB"),
    ("start", ""),
    ("stop", ""),
    ("stop", "StoppedByEV"),
    ("unlock", ""),
    ("unplug", ""),
    ("fault", "GroundFault"),
    ("clear-fault", ""),
    ("suspend", "ev"),
    ("suspend", "evse"),
    ("resume", ""),
    ("power", "TOGGLE"),
    ("network", "TOGGLE"),
    ("operative", "TOGGLE"),
    ("park", "TOGGLE"),
    ("ev", "99.9"),
    ("reset", "OnIdle"),
    ("reset", "Immediate"),
]
STEPS = st.one_of(
    st.sampled_from([("plug-in", "TOGGLE"), *MORE]).map(lambda it: ("do", *it)),
    st.sampled_from([0.5, 7.0, 61.0, 130.0, 4000.0]).map(lambda it: ("advance", it)),
    st.sampled_from(["drop", "connect", "remote start", "remote stop", "hush", "answer", "deny"]).map(
        lambda it: (it,)
    ),
)
HABITS = st.fixed_dictionaries(
    {
        "TxCtrlr.StopTxOnEVSideDisconnect": st.booleans(),
        "TxCtrlr.StopTxOnInvalidId": st.booleans(),
    },
    optional={
        "OCPPCommCtrlr.UnlockOnEVSideDisconnect": st.just(False),
        "TxCtrlr.MaxEnergyOnInvalidId": st.sampled_from([0, 50, 5000]),
        "TxCtrlr.ResumptionTimeout": st.sampled_from([0, 60]),
    },
)
ANY_POINTS = st.lists(st.sampled_from(POINTS), min_size=1, max_size=3, unique=True).map(",".join)


def apply(bench: Bench, kind: str, *what: Any) -> None:
    match kind:
        case "do":
            bench.do(*what)
        case "advance":
            bench.advance(*what)
        case "drop":
            bench.drop()
        case "connect" if bench.wanted and not bench.state.csms.connected:
            bench.reconnect()
        case "hush":
            bench.silent.add("TransactionEvent")
        case "answer" | "deny":
            bench.silent.clear()
            bench.answers["TransactionEvent"] = refused if kind == "deny" else {}
        case "remote start" if bench.state.csms.connected:
            remote_start(bench)
        case "remote stop" if bench.state.csms.connected:
            bench.csms("RequestStopTransaction", {"transactionId": list(told(bench) or ["nope"])[-1]})
    obey(bench)


def obey(bench: Bench) -> None:
    """The line goes where the station has hung up."""
    hangs_up = not bench.wanted or any(order.kind == "close" for order in bench.orders)
    bench.orders.clear()
    if hangs_up and bench.state.csms.connected:
        bench.drop()


def remote_start(bench: Bench) -> None:
    if bench.wanted:
        bench.csms("RequestStartTransaction", {"idToken": ID_TOKEN, "remoteStartId": len(bench.frames)})


def come_home(bench: Bench) -> None:
    """Repair everything, leave the station, and let it say all it has to say."""
    bench.silent.clear()
    for name in ("power", "network"):
        apply(bench, "do", name, "ON")
    apply(bench, "advance", 60)
    apply(bench, "connect")
    for name, argument in (
        ("clear-fault", ""),
        ("unplug", ""),
        ("stop", ""),
        ("unlock", ""),
        ("unplug", ""),
        ("park", "OFF"),
    ):
        apply(bench, "do", name, argument)
    apply(bench, "advance", 600)
    apply(bench, "connect")


def check_cable(bench: Bench) -> None:
    """Nobody is here any more, and nothing is left."""
    [place] = bench.state.evses
    [plug] = place.connectors
    assert (place.authorization, place.owner, place.transaction, place.car) == (None, None, None, None)
    assert (plug.plugged, plug.loose, plug.locked) == (False, False, False)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from([None, SOCKET]), ANY_POINTS, ANY_POINTS, HABITS, st.lists(STEPS, max_size=25))
def test_E_any_sequence_of_inputs_keeps_every_transaction_whole(
    new_bench: NewBench,
    hardware: Hardware | None,
    start: str,
    stop: str,
    habits: dict[str, Any],
    steps: list[tuple[Any, ...]],
) -> None:
    bench = points(new_bench(hardware), start, stop)
    for name, value in habits.items():
        bench.set(name, value)
    for it in steps:
        apply(bench, *it)
    come_home(bench)
    for events in told(bench).values():
        check_story(events)
        assert events[-1]["eventType"] == "Ended"
    check_cable(bench)
    assert bench.state.outbox.queue == []
    for frame in bench.frames:
        if frame[0] == 2:
            schemas.check_request(frame[2], frame[3])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_POINTS, ANY_POINTS, st.lists(STEPS, max_size=20))
def test_E_a_reload_between_any_two_inputs_changes_nothing(
    new_bench: NewBench, start: str, stop: str, steps: list[tuple[Any, ...]]
) -> None:
    benches = new_bench(), Bench(restart=True)
    for bench in benches:
        points(bench, start, stop)
        for it in steps:
            apply(bench, *it)
    assert benches[0].frames == benches[1].frames


def test_a_transaction_of_the_bay_ends_with_the_bay_whatever_starts_the_next(bench: Bench) -> None:
    bench.set("TxCtrlr.TxStartPoint", "ParkingBayOccupancy")
    bench.do("park")
    bench.set("TxCtrlr.TxStartPoint", "EVConnected")
    bench.do("park", "OFF")
    assert [it["eventType"] for it in bench.tx()] == ["Started", "Ended"]
    bench.do("park")
    assert bench.tx() == []
