"""OCPP 2.0.1 and 2.1: which is spoken, what becomes of what waits, and one scenario in both of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core import schemas, versions
from ocppd.core.description import Csms, Evse, Hardware
from ocppd.core.schemas import OCPP_21, OCPP_201, Version
from tests.bench import Bench, Json
from tests.blocks.monitoring import AIMED, FAN, item, monitor
from tests.blocks.profiles import DEFAULT, flat

NewBench = Callable[..., Bench]

BOTH = Csms(protocols=(OCPP_21, OCPP_201))
LONG = {"idToken": "x" * 200, "type": "VendorToken"}


def test_the_messages_that_only_2_1_has_are_all_listed() -> None:
    assert versions.NEW.keys() == schemas.actions(OCPP_21) - schemas.actions(OCPP_201)
    schemas.check_send(
        versions.STREAM,
        {"id": 1, "pending": 0, "basetime": "2025-01-01T10:00:00Z", "data": [{"t": 0, "v": "1"}]},
    )


# Negotiation


def test_the_station_offers_its_protocols_by_preference(new_bench: NewBench) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    assert bench.endpoint().protocols == ("ocpp2.1", "ocpp2.0.1")
    assert bench.station.version == OCPP_21
    assert new_bench(csms=BOTH).station.version == OCPP_201


def test_with_another_OCPP_than_before_the_station_registers_anew(new_bench: NewBench) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    bench.drop()
    bench.reconnect(after=5)
    assert bench.sent("BootNotification") == []
    for protocol in (OCPP_201, OCPP_21):
        bench.drop()
        bench.protocol = protocol
        bench.reconnect(after=5)
        (boot,) = bench.sent("BootNotification")
        assert boot["reason"] == "Unknown"


def test_that_is_remembered_over_a_restart_of_the_daemon(new_bench: NewBench) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    bench.start_again()
    bench.protocol = OCPP_201
    bench.reconnect(after=5)
    assert len(bench.sent("BootNotification")) == 1


def test_transaction_events_that_wait_leave_in_the_form_of_the_other_OCPP(new_bench: NewBench) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    tariff = {"tariffId": "T", "currency": "EUR", "energy": {"prices": [{"priceKwh": 1}]}}
    bench.csms("SetDefaultTariff", {"evseId": 0, "tariff": tariff})
    bench.drop()
    bench.do("plug-in")
    bench.do("authorize")
    bench.advance(600)
    bench.do("unplug")
    waiting = [call.payload for call in bench.state.outbox.queue if call.action == "TransactionEvent"]
    assert any("costDetails" in it for it in waiting)
    bench.protocol = OCPP_201
    bench.reconnect()
    told = bench.tx()
    assert len(told) == len(waiting)
    for event in told:
        schemas.check_request("TransactionEvent", event, OCPP_201)


def test_calls_that_the_other_OCPP_does_not_know_are_lost(new_bench: NewBench) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    bench.csms(
        "SetDERControl",
        {
            "isDefault": False,
            "controlId": "S",
            "controlType": "LimitMaxDischarge",
            "limitMaxDischarge": {
                "priority": 1,
                "pctMaxDischargePower": 0,
                "startTime": "2025-01-01T10:00:10Z",
                "duration": 600,
            },
        },
    )
    bench.drop()
    bench.advance(60)
    assert [call.action for call in bench.state.outbox.queue] == ["NotifyDERStartStop"]
    bench.protocol = OCPP_201
    bench.reconnect()
    assert bench.sent("NotifyDERStartStop") == []
    assert bench.state.outbox.queue == []


def test_a_token_of_2_1_is_no_bug_in_2_0_1(new_bench: NewBench) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    bench.silent.add("TransactionEvent")
    bench.do("plug-in")
    bench.csms("RequestStartTransaction", {"idToken": LONG, "remoteStartId": 1, "evseId": 1})
    waiting = [call.payload for call in bench.state.outbox.queue]
    assert any(it.get("idToken") == LONG for it in waiting)
    bench.drop()
    bench.protocol = OCPP_201
    bench.silent.clear()
    bench.forget()
    bench.reconnect()
    bench.advance(60)
    bench.do("unplug")
    told = bench.tx()
    assert [told[0]["eventType"], told[-1]["eventType"]] == ["Started", "Ended"]
    for event in told:
        schemas.check_request("TransactionEvent", event, OCPP_201)
    assert any("has no such TransactionEvent" in it.data["message"] for it in bench.happened_since("warning"))


def test_any_request_is_sent_as_it_is_in_both(new_bench: NewBench) -> None:
    for protocol in (OCPP_201, OCPP_21):
        bench = new_bench(csms=BOTH, protocol=protocol)
        bench.do("call", action="NotifyPriorityCharging", payload={"odd": 1})
        assert bench.sent() == [("NotifyPriorityCharging", {"odd": 1})]


@pytest.mark.parametrize("name", ["OCPP12", "OCPP20", "OCPP201", "OCPP21"])
def test_2_1_ignores_the_ocppVersion_of_a_profile_as_each_handshake_negotiates(
    new_bench: NewBench, name: str
) -> None:
    bench = new_bench(csms=BOTH, protocol=OCPP_21)
    data = {
        "ocppVersion": name,
        "ocppInterface": "Any",
        "ocppTransport": "JSON",
        "messageTimeout": 30,
        "ocppCsmsUrl": "ws://elsewhere.example.test/ocpp",
        "securityProfile": 0,
    }
    answer = bench.csms("SetNetworkProfile", {"configurationSlot": 2, "connectionData": data})
    assert answer == {"status": "Accepted"}


def test_a_profile_may_have_an_identity_and_a_password_of_its_own(new_bench: NewBench) -> None:
    bench = new_bench(
        csms=Csms(security_profile=1, password="common-password-1", protocols=(OCPP_21, OCPP_201)),
        protocol=OCPP_21,
    )
    data = {
        "ocppVersion": "OCPP21",
        "ocppInterface": "Wired0",
        "ocppTransport": "JSON",
        "messageTimeout": 30,
        "ocppCsmsUrl": "ws://elsewhere.example.test/ocpp",
        "securityProfile": 1,
        "identity": "somebody",
        "basicAuthPassword": "short",
    }
    request = {"configurationSlot": 2, "connectionData": data}
    assert bench.csms("SetNetworkProfile", request)["status"] == "Rejected"
    data["basicAuthPassword"] = "a-password-of-its-own"
    assert bench.csms("SetNetworkProfile", request)["status"] == "Accepted"
    assert bench.endpoint().identity == "CP001"
    priority = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "NetworkConfigurationPriority"}}
    bench.csms("SetVariables", {"setVariableData": [{**priority, "attributeValue": "2"}]})
    bench.csms("Reset", {"type": "Immediate"})
    bench.drop()
    bench.advance(10)
    there = bench.endpoint()
    assert (there.identity, there.password) == ("somebody", "a-password-of-its-own")
    assert there.url == "ws://elsewhere.example.test/ocpp/CP001"
    bench.connect()
    bench.settle()
    bench.set("SecurityCtrlr.BasicAuthPassword", "one-for-all-of-them")
    assert bench.endpoint().password == "one-for-all-of-them"


def test_a_station_of_2_0_1_alone_pays_nothing_for_2_1() -> None:
    code = (
        "from tests.bench import Bench\n"
        "from ocppd.core import schemas\n"
        "bench = Bench()\n"
        "bench.do('plug-in'); bench.do('authorize'); bench.advance(600); bench.do('unplug')\n"
        "before = schemas._validator.cache_info().misses\n"
        "schemas._validator('ocpp2.0.1', 'TransactionEventRequest')\n"
        "assert schemas._validator.cache_info().misses == before\n"
        "schemas._validator('ocpp2.1', 'TransactionEventRequest')\n"
        "assert schemas._validator.cache_info().misses == before + 1\n"
        "assert schemas.actions.cache_info().misses == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=".")


# What is new in messages that both have


NEW_WORDS = [
    ("CertificateSigned", {"certificateChain": "x", "certificateType": "V2G20Certificate"}, "Rejected"),
    ("GetInstalledCertificateIds", {"certificateType": ["OEMRootCertificate"]}, "NotFound"),
    ("InstallCertificate", {"certificateType": "OEMRootCertificate", "certificate": "x"}, "Rejected"),
    (
        "GetLog",
        {"logType": "DataCollectorLog", "requestId": 1, "log": {"remoteLocation": "http://h.example.test/x"}},
        "Rejected",
    ),
    ("Reset", {"type": "ImmediateAndResume"}, "Accepted"),
    ("Reset", {"type": "ImmediateAndResume", "evseId": 1}, "Rejected"),
    ("GetDisplayMessages", {"requestId": 1, "state": "Discharging"}, "Unknown"),
    ("TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": "x"}, "NotImplemented"),
    ("TriggerMessage", {"requestedMessage": "SignV2G20Certificate"}, "NotImplemented"),
    (
        "ClearChargingProfile",
        {"chargingProfileCriteria": {"chargingProfilePurpose": "PriorityCharging"}},
        "Unknown",
    ),
    (
        "GetChargingProfiles",
        {"requestId": 1, "chargingProfile": {"chargingLimitSource": ["Xyz"]}},
        "NoProfiles",
    ),
    ("RequestStartTransaction", {"idToken": LONG, "remoteStartId": 1, "evseId": 1}, "Accepted"),
    (
        "ReserveNow",
        {"id": 1, "expiryDateTime": "2026-01-01T00:00:00Z", "connectorType": "cNACS", "idToken": LONG},
        "Rejected",
    ),
    ("CustomerInformation", {"requestId": 1, "report": True, "clear": True, "idToken": LONG}, "Accepted"),
    (
        "SendLocalList",
        {
            "versionNumber": 1,
            "updateType": "Full",
            "localAuthorizationList": [
                {
                    "idToken": LONG,
                    "idTokenInfo": {
                        "status": "Accepted",
                        "groupIdToken": LONG,
                        "personalMessage": {"format": "QRCODE", "content": "x" * 1024},
                    },
                }
            ],
        },
        "Accepted",
    ),
]


def message(**more: Any) -> Json:
    text = {"format": "UTF8", "content": "x"} | more.pop("text", {})
    return {"message": {"id": 1, "priority": "InFront", "message": text, **more}}


NEW_WORDS += [
    ("SetDisplayMessage", message(state="Discharging"), "NotSupportedState"),
    ("SetDisplayMessage", message(state="Suspended"), "NotSupportedState"),
    ("SetDisplayMessage", message(text={"format": "QRCODE"}), "NotSupportedMessageFormat"),
    ("SetDisplayMessage", message(text={"content": "x" * 1024}), "Accepted"),
    ("SetDisplayMessage", message(messageExtra=[{"format": "UTF8", "content": "y"}]), "Rejected"),
]


@pytest.mark.parametrize(("action", "request_", "status"), NEW_WORDS)
def test_new_words_of_2_1_are_answered_honestly(
    new_bench: NewBench, action: str, request_: Json, status: str
) -> None:
    bench = new_bench(protocol=OCPP_21)
    assert bench.csms(action, request_)["status"] == status
    bench.do("plug-in")
    bench.advance(60)
    bench.start_again()
    bench.reconnect()
    assert bench.station.is_online


def test_N02_a_CSMS_of_2_0_1_is_not_told_of_monitors_that_it_has_no_word_for(new_bench: NewBench) -> None:
    bench = new_bench(AIMED, protocol=OCPP_21)
    for name, kind in (("Fan.Speed", "TargetDelta"), ("Fan.Load", "Delta"), ("Fan.Speed", "Delta")):
        monitor(bench, name, kind, 5)
    assert bench.csms("GetMonitoringReport", {"requestId": 1}) == {"status": "Accepted"}
    assert sorted(told(bench)) == [("Load", "Delta"), ("Speed", "Delta"), ("Speed", "TargetDelta")]
    bench.drop()
    bench.protocol = OCPP_201
    bench.reconnect()
    bench.sent()
    assert bench.csms("GetMonitoringReport", {"requestId": 2}) == {"status": "Accepted"}
    assert sorted(told(bench)) == [("Load", "Delta"), ("Speed", "Delta")]


def told(bench: Bench) -> list[tuple[str, str]]:
    """Variable and type of each monitor in the reports."""
    return [
        (variable["variable"]["name"], it["type"])
        for page in bench.sent("NotifyMonitoringReport")
        for variable in page.get("monitor", ())
        for it in variable["variableMonitoring"]
    ]


# One scenario in both


def scenario(bench: Bench) -> None:
    """A day of a station, with what both OCPPs have."""
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "SummaryInventory"})
    bench.csms("SetChargingProfile", {"evseId": 0, "chargingProfile": flat(1, DEFAULT, 10)})
    bench.csms("SetVariableMonitoring", {"setMonitoringData": [item("Fan.Speed", "Periodic", 60)]})
    bench.csms("GetMonitoringReport", {"requestId": 2})
    bench.do("plug-in", evse=1, connector=1)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.advance(300)
    bench.csms("GetChargingProfiles", {"requestId": 3, "chargingProfile": {}})
    bench.do("fault", "GroundFault", evse=1, connector=1)
    bench.do("clear-fault", evse=1, connector=1)
    bench.drop()
    bench.advance(120)
    bench.reconnect()
    bench.do("unplug", evse=1, connector=1)
    bench.csms(
        "ReserveNow",
        {
            "id": 1,
            "evseId": 2,
            "expiryDateTime": "2025-01-01T11:00:00Z",
            "idToken": {"idToken": "AA11", "type": "ISO14443"},
        },
    )
    bench.csms("CancelReservation", {"reservationId": 1})
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative"})
    bench.csms("GetTransactionStatus", {})
    bench.csms("UsePriorityCharging", {"transactionId": "x", "activate": True})
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(10)
    bench.reconnect()


def frames(new_bench: NewBench, protocol: Version) -> list[list[Any]]:
    """All that the station says in the scenario; each request fits the schema of that OCPP."""
    hardware = Hardware(evses=(Evse(), Evse()), presets=FAN.presets)
    bench = new_bench(hardware, csms=BOTH, protocol=protocol)
    scenario(bench)
    for kind, _, *rest in bench.frames:
        if kind == 2:
            schemas.check_request(rest[0], rest[1], protocol)
    return bench.frames


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where the two differ, as `path: one != other`; what only one has is `path: only in ...`."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [
            f"{path}.{key}: only in {'2.0.1' if key in one else '2.1'}" for key in one.keys() ^ other.keys()
        ]
        return sorted(found) + [
            it
            for key in one.keys() & other.keys()
            for it in differences(one[key], other[key], f"{path}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [it for a, b in zip(one, other, strict=True) for it in differences(a, b, f"{path}[]")]
    return [] if one == other else [f"{path}: {one!r} != {other!r}"]


def test_the_same_scenario_in_both_differs_in_this_and_nothing_else(new_bench: NewBench) -> None:
    older, newer = frames(new_bench, OCPP_201), frames(new_bench, OCPP_21)
    assert len(older) == len(newer) > 30
    found = [it for one, other in zip(older, newer, strict=True) for it in _compared(one, other)]
    assert found == [
        "NotifyMonitoringReport.monitor[].variableMonitoring[].eventNotificationType: only in 2.1",
        "UsePriorityCharging: CALLERROR NotImplemented != CALLRESULT Rejected",
    ]


def _compared(one: list[Any], other: list[Any]) -> list[str]:
    """The differences of two frames; those of answers by the action that the CSMS has asked for."""
    assert one[1] == other[1]
    if one[0] == other[0] == 4:
        return differences(one[2:], other[2:], "CALLERROR")
    if one[0] == 4:
        return [f"UsePriorityCharging: CALLERROR {one[2]} != CALLRESULT {other[2]['status']}"]
    if one[0] == 3:
        return differences(one[2], other[2], "CALLRESULT")
    assert one[2] == other[2]
    return differences(one[3], other[3], one[2])
