"""Charging sessions on the bench, and what must be true of the TransactionEvents of any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ocppd.core.description import Connector, Evse, Hardware
from tests.bench import Bench, Json

TOKEN = "04A2B3C4"
ID_TOKEN = {"idToken": TOKEN, "type": "ISO14443"}
POINTS = ("ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer")
SOCKET = Hardware(evses=(Evse(connectors=(Connector("sType2"),)),))
TWO = Hardware(evses=(Evse(), Evse()))

NewBench = Callable[..., Bench]


def points(bench: Bench, start: str, stop: str) -> Bench:
    """Set what starts and stops a transaction; samples would only be in the way."""
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    bench.set("TxCtrlr.TxStartPoint", start)
    bench.set("TxCtrlr.TxStopPoint", stop)
    bench.forget()
    return bench


def charge(bench: Bench, token: str = TOKEN, **ev: Any) -> Bench:
    """Plug in, present a token, and let some energy flow."""
    bench.do("plug-in", ev=ev) if ev else bench.do("plug-in")
    bench.do("authorize", token)
    bench.advance(10)
    bench.forget()
    return bench


def told(bench: Bench) -> dict[str, list[Json]]:
    """The TransactionEvents of every transaction, each once however often it was sent."""
    once = {frame[1]: frame[3] for frame in bench.frames if frame[0] == 2 and frame[2] == "TransactionEvent"}
    found: dict[str, list[Json]] = {}
    for payload in once.values():
        found.setdefault(payload["transactionInfo"]["transactionId"], []).append(payload)
    return found


def check_story(events: list[Json]) -> None:
    """What must be true of the events of any transaction."""
    kinds, first = [it["eventType"] for it in events], events[0]
    assert [it["seqNo"] for it in events] == list(range(len(events)))  # E01.FR.07
    assert kinds[0] == "Started"
    assert kinds.count("Started") == 1
    assert "Ended" not in kinds[:-1]
    assert "chargingState" in first["transactionInfo"]  # E01.FR.18
    ended = [it for it in events if it["eventType"] == "Ended"]
    assert all(it["transactionInfo"].get("stoppedReason") for it in ended)
    assert not any("stoppedReason" in it["transactionInfo"] for it in events if it not in ended)
    assert sum("connectorId" in it.get("evse", {}) for it in events) <= 1  # E01.FR.16
    assert "evse" in first
    assert sum("remoteStartId" in it["transactionInfo"] for it in events) <= 1  # F01.FR.25
    assert [it["timestamp"] for it in events] == sorted(it["timestamp"] for it in events)
    check_tokens(events)
    check_states(events)
    registers = [value for it in events if it["eventType"] != "Ended" for value in energies(it)]
    assert registers == sorted(registers)  # J02.FR.16


def check_tokens(events: list[Json]) -> None:
    """A token is told once when it starts, and once when it stops (E02.FR.20, E07.FR.02)."""
    is_open = False
    for it in events:
        if it["triggerReason"] in ("EVConnectTimeout", "RemoteStop", "Deauthorized"):
            is_open = False
        if "idToken" in it:
            stops = it["triggerReason"] == "StopAuthorized"
            assert stops == is_open, events
            is_open = not stops


def check_states(events: list[Json]) -> None:
    """A ChargingStateChanged tells a state, and one that is not the last that was told."""
    last = None
    for it in events:
        state = it["transactionInfo"].get("chargingState")
        if it["triggerReason"] == "ChargingStateChanged":
            assert state is not None
            assert state != last, events
        last = state or last


def energies(payload: Json) -> list[float]:
    values = [value for it in payload.get("meterValue", []) for value in it["sampledValue"]]
    return [value["value"] for value in values if value["measurand"] == "Energy.Active.Import.Register"]


def contexts(payload: Json) -> list[str]:
    return [value["context"] for it in payload.get("meterValue", []) for value in it["sampledValue"]]


def reasons(bench: Bench) -> list[tuple[str, str]]:
    """Trigger and stoppedReason of the Ended messages since the last time."""
    ended = [it for it in bench.tx() if it["eventType"] == "Ended"]
    return [(it["triggerReason"], it["transactionInfo"]["stoppedReason"]) for it in ended]


def is_charging(bench: Bench) -> bool:
    """Whether energy flows, as the meter sees it."""
    before = bench.state.evses[0].meter.energy_wh
    bench.advance(1)
    bench.do("get")
    return bench.state.evses[0].meter.energy_wh > before


def result(answer: Any) -> Any:
    assert answer is not None
    assert answer.error is None, answer.error.message
    return answer.done.result


def error(answer: Any) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code  # type: ignore[no-any-return]


def session(bench: Bench, first: str, last: str) -> None:
    """A whole visit: `first` comes the plug or the token, the `last` of charging is a token or the unplug."""
    bench.do("park", "ON")
    arrival = {"plug": ("plug-in", ""), "token": ("authorize", TOKEN)}
    for name in ("plug", "token") if first == "plug" else ("token", "plug"):
        bench.advance(5)
        bench.do(*arrival[name])
    bench.advance(200)
    if last == "token":
        bench.do("authorize", TOKEN)
        bench.advance(5)
    bench.do("unplug")
    bench.advance(5)
    bench.do("park", "OFF")


def refused(payload: Json) -> Json:
    return {"idTokenInfo": {"status": "Invalid"}} if "idToken" in payload else {}


def locks(bench: Bench) -> bool:
    return result(bench.do("get"))["evses"][0]["connectors"][0]["locked"]  # type: ignore[no-any-return]


def status(bench: Bench, transaction: str | None = None) -> Json:
    return bench.csms("GetTransactionStatus", {"transactionId": transaction} if transaction else {})


def reboot(bench: Bench) -> None:
    bench.drop()
    bench.advance(10)
    bench.reconnect()


def cut(bench: Bench, seconds: float = 600) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.advance(seconds)


def back(bench: Bench) -> None:
    bench.do("power", "ON")
    bench.reconnect()
