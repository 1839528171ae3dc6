"""The CSMS's side of the device model, for the tests of blocks."""

from __future__ import annotations

from typing import Any

from tests.bench import Bench, Json


def item(component: str, variable: str, value: str | None = None, **more: Any) -> Json:
    name, _, instance = variable.partition("[")
    found: Json = {
        "component": {"name": component},
        "variable": {"name": name} | ({"instance": instance[:-1]} if instance else {}),
    }
    return found | ({} if value is None else {"attributeValue": value}) | more


def get(bench: Bench, *items: Json) -> list[Json]:
    found: list[Json] = bench.csms("GetVariables", {"getVariableData": list(items)})["getVariableResult"]
    return found


def put(bench: Bench, *items: Json) -> list[Json]:
    found: list[Json] = bench.csms("SetVariables", {"setVariableData": list(items)})["setVariableResult"]
    return found


def value_of(bench: Bench, component: str, variable: str, **place: Any) -> str:
    one = item(component, variable)
    one["component"] |= place
    value: str = get(bench, one)[0]["attributeValue"]
    return value


def report(bench: Bench, base: str = "FullInventory", request_id: int = 7) -> list[Json]:
    """The report's items, after a check of the pages they come on."""
    assert bench.csms("GetBaseReport", {"requestId": request_id, "reportBase": base}) == {
        "status": "Accepted"
    }
    return [one for page in pages_of(bench, request_id) for one in page["reportData"]]


def names(items: list[Json]) -> set[str]:
    return {f"{it['component']['name']}.{it['variable']['name']}" for it in items}


def pages_of(bench: Bench, request_id: int = 7) -> list[Json]:
    """The pages of a report that has been accepted, after a check of their order."""
    pages: list[Json] = bench.sent("NotifyReport")
    assert [page["seqNo"] for page in pages] == list(range(len(pages)))
    assert [page["tbc"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert {page["requestId"] for page in pages} == {request_id}
    return pages


def key_of(it: Json) -> str:
    """A ReportDataType's place: `Connector:1:2.Power[L1]`."""
    component, variable = it["component"], it["variable"]
    place = component.get("evse", {})
    numbers = "".join(f":{place[name]}" for name in ("id", "connectorId") if name in place)
    instances = [f"[{one['instance']}]" if "instance" in one else "" for one in (component, variable)]
    return f"{component['name']}{instances[0]}{numbers}.{variable['name']}{instances[1]}"
