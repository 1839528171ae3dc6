"""N. Diagnostics: what breaks is told as an event. The faults themselves are in `test_g_availability`."""

from __future__ import annotations

import pytest

from tests.bench import Bench, Json


def events(bench: Bench) -> list[Json]:
    """The EventDataTypes since the last time."""
    return [data for it in bench.sent("NotifyEvent") for data in it["eventData"]]


def test_N07_FR_06_an_event_has_all_that_it_needs(bench: Bench) -> None:
    bench.advance(1)
    bench.do("fault", code="GroundFault", info="wet")
    (event,) = bench.sent("NotifyEvent")
    assert event == {
        "generatedAt": "2025-01-01T10:00:01.000Z",
        "seqNo": 0,
        "tbc": False,
        "eventData": [
            {
                "eventId": 1,
                "timestamp": "2025-01-01T10:00:01.000Z",
                "trigger": "Alerting",
                "actualValue": "true",
                "cleared": False,
                "techCode": "GroundFault",
                "techInfo": "wet",
                "eventNotificationType": "HardWiredNotification",
                "component": {"name": "GroundIsolationProtection", "evse": {"id": 1, "connectorId": 1}},
                "variable": {"name": "Tripped"},
            }
        ],
    }


def test_N07_FR_06_no_two_events_have_one_id(bench: Bench) -> None:
    for _ in range(3):
        bench.do("fault", "GroundFault")
        bench.do("clear-fault")
    bench.do("power", "OFF")
    bench.drop()
    bench.do("power", "ON")
    bench.connect()
    bench.settle()
    bench.do("fault", "GroundFault")
    assert [it["eventId"] for it in events(bench)] == [1, 2, 3, 4, 5, 6, 7]


def test_an_event_in_a_transaction_names_it(bench: Bench) -> None:
    bench.do("plug-in")
    started = bench.tx()[0]["transactionInfo"]["transactionId"]
    bench.do("fault", "HighTemperature")
    assert events(bench)[0].get("transactionId") == started


@pytest.mark.parametrize(("threshold", "arrives"), [(2, False), (3, True)])
def test_N07_FR_04_OfflineQueuingSeverity_decides_what_waits(
    bench: Bench, threshold: int, arrives: bool
) -> None:
    bench.set("MonitoringCtrlr.OfflineQueuingSeverity", threshold)
    bench.drop()
    bench.do("fault", "GroundFault")  # of severity 3
    bench.reconnect(after=5)
    assert bool(events(bench)) is arrives


def test_without_power_nothing_is_told(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    bench.do("fault", "GroundFault")
    bench.do("power", "ON")
    bench.connect()
    bench.settle()
    assert events(bench) == []


def test_the_device_model_has_each_part_at_each_connector(bench: Bench) -> None:
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    items = [it for page in bench.sent("NotifyReport") for it in page["reportData"]]
    problems = [it for it in items if it["variable"]["name"] in ("Problem", "Tripped")]
    assert len(problems) >= 14
    assert {it["variableAttribute"][0]["value"] for it in problems} == {"false"}
