"""A station with something to monitor, and the words for it, for the tests of block N."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ocppd.core.description import Hardware, Preset
from tests.bench import Bench, Json, with_presets

# A fan whose speed the CSMS can set, so that a value is whatever a test needs.
FAN = with_presets(
    Hardware(
        presets=(
            Preset("Fan", "Speed", "50", data_type="integer", mutability="ReadWrite", min=0, max=100),
            Preset("Fan", "Load", "0.3", data_type="decimal", mutability="ReadWrite"),
            Preset("Fan", "Mode", "auto", data_type="string", mutability="ReadWrite"),
            Preset("Fan", "Since", "2025-01-01T00:00:00Z", data_type="dateTime", mutability="ReadWrite"),
            Preset("Fan", "Key", data_type="string", mutability="WriteOnly"),
            Preset("Fan", "Secret", data_type="string", mutability="ReadWrite", supports_monitoring=False),
            Preset("Fan", "Blade", "a", variable_instance="Left", data_type="string", mutability="ReadWrite"),
            Preset(
                "Fan", "Blade", "a", variable_instance="Right", data_type="string", mutability="ReadWrite"
            ),
        )
    ),
    SampledDataCtrlr__TxUpdatedInterval="0",
)

# One that also knows which speed it is to have.
AIMED = replace(
    FAN,
    presets=(*FAN.presets, Preset("Fan", "Speed", "50", attribute="Target", mutability="ReadWrite")),
)


def item(name: str, kind: str = "UpperThreshold", value: float = 60, **more: Any) -> Json:
    """A SetMonitoringDataType for `Fan.Speed`, `EVSE:1.Power` or `Connector:1:1.AvailabilityState`."""
    return {**place(name), "type": kind, "value": value, "severity": 4} | more


def place(name: str) -> Json:
    """A ComponentVariableType."""
    component, _, variable = name.partition(".")
    component, *numbers = component.split(":")
    evse = dict(zip(("id", "connectorId"), map(int, numbers), strict=False))
    variable, _, instance = variable.partition("[")
    return {
        "component": {"name": component} | ({"evse": evse} if evse else {}),
        "variable": {"name": variable} | ({"instance": instance[:-1]} if instance else {}),
    }


def results(bench: Bench, *items: Json) -> list[Json]:
    answer = bench.csms("SetVariableMonitoring", {"setMonitoringData": list(items)})
    found: list[Json] = answer["setMonitoringResult"]
    return found


def monitor(bench: Bench, name: str, kind: str = "UpperThreshold", value: float = 60, **more: Any) -> int:
    """Set a monitor; returns its id."""
    (result,) = results(bench, item(name, kind, value, **more))
    assert result["status"] == "Accepted", result
    number: int = result["id"]
    return number


def status(bench: Bench, name: str, kind: str = "UpperThreshold", value: float = 60, **more: Any) -> str:
    """How an attempt to set a monitor ends: its status, and the reason code if there is one."""
    (result,) = results(bench, item(name, kind, value, **more))
    reason = result.get("statusInfo", {}).get("reasonCode")
    return result["status"] if reason is None else f"{result['status']} {reason}"


def clear(bench: Bench, *numbers: int) -> list[str]:
    answer = bench.csms("ClearVariableMonitoring", {"id": list(numbers)})
    assert [it["id"] for it in answer["clearMonitoringResult"]] == list(numbers)
    return [it["status"] for it in answer["clearMonitoringResult"]]


def base(bench: Bench, name: str) -> str:
    answer: str = bench.csms("SetMonitoringBase", {"monitoringBase": name})["status"]
    return answer


def level(bench: Bench, severity: int) -> Json:
    return bench.csms("SetMonitoringLevel", {"severity": severity})


def report(bench: Bench, *criteria: str, of: list[Json] | None = None) -> Json | list[Json]:
    """The VariableMonitoringTypes with their variables, or the answer where it is not Accepted."""
    bench.forget()
    request: Json = {"requestId": 7}
    if criteria:
        request["monitoringCriteria"] = list(criteria)
    if of is not None:
        request["componentVariable"] = of
    answer = bench.csms("GetMonitoringReport", request)
    pages = bench.sent("NotifyMonitoringReport")
    if answer["status"] != "Accepted":
        assert pages == []
        return answer
    assert {page["requestId"] for page in pages} == {7}
    return [
        {**it, "component": data["component"], "variable": data["variable"]}
        for page in pages
        for data in page["monitor"]
        for it in data["variableMonitoring"]
    ]


def ids(found: Json | list[Json]) -> list[int]:
    assert isinstance(found, list), found
    return [it["id"] for it in found]


def events(bench: Bench) -> list[Json]:
    """The EventDataTypes since the last time."""
    return [data for it in bench.sent("NotifyEvent") for data in it["eventData"]]


def story(bench: Bench) -> list[str]:
    """The events since the last time, each as `Alerting 61`, `Alerting 50 cleared`, `Delta Occupied`."""
    return [
        f"{it['trigger']} {it['actualValue']}{' cleared' * it.get('cleared', False)}" for it in events(bench)
    ]


def reboot(bench: Bench) -> None:
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(1)
    bench.drop()
    bench.reconnect(after=5)
