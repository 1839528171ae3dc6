"""B. What the station shows of its parts, and that the device model is the standard's."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocppd.blocks import handlers
from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.variables import Model, Variable
from tests.bench import Bench
from tests.blocks.device_model import get, item, report, value_of

NewBench = Callable[..., Bench]
AC = Evse(connectors=(Connector("cType2"), Connector("sType2")))
DC = Evse(phases=0, max_w=50_000, voltage_v=400, connectors=(Connector("cCCS2"), Connector("cG105")))
EVERYTHING = Hardware("Acme", "Sim-2", "1.2.3", evses=(AC, DC, Evse(phases=1)))


def at(evse: int, connector: int | None = None) -> dict[str, Any]:
    return {"evse": {"id": evse} | ({} if connector is None else {"connectorId": connector})}


def numbers(bench: Bench, component: str, variable: str, evse: int = 1) -> list[float]:
    """The values of the instances L1, L2 and L3 that there are."""
    items = [item(component, f"{variable}[L{phase}]") for phase in (1, 2, 3)]
    for one in items:
        one["component"] |= at(evse)
    return [float(it["attributeValue"]) for it in get(bench, *items) if it["attributeStatus"] == "Accepted"]


def charging(new_bench: NewBench, connector: int = 1) -> Bench:
    bench = new_bench(EVERYTHING)
    bench.do("plug-in", evse=1, connector=connector)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.advance(1)
    return bench


# Live values


def test_what_the_meter_shows_is_there_on_each_phase(new_bench: NewBench) -> None:
    bench = new_bench(EVERYTHING)
    assert numbers(bench, "EVSE", "ACCurrent") == [0, 0, 0]
    assert numbers(bench, "EVSE", "ACVoltage") == [230, 230, 230]
    bench = charging(new_bench)
    assert float(value_of(bench, "EVSE", "Power", **at(1))) == 11_000
    assert numbers(bench, "EVSE", "ACCurrent") == [15.9, 15.9, 15.9]


def test_J01_FR_13_J02_FR_09_an_EVSE_has_the_phases_that_it_has(new_bench: NewBench) -> None:
    bench = new_bench(EVERYTHING)
    assert numbers(bench, "EVSE", "ACVoltage", evse=2) == []
    assert numbers(bench, "EVSE", "ACVoltage", evse=3) == [230]
    assert value_of(bench, "EVSE", "DCVoltage", **at(2)) == "400.0"
    for evse, phases, rotation in ((1, "3", "RST"), (2, "0", ""), (3, "1", "Rxx")):
        assert value_of(bench, "EVSE", "SupplyPhases", **at(evse)) == phases
        assert value_of(bench, "EVSE", "PhaseRotation", **at(evse)) == rotation
        assert value_of(bench, "Connector", "PhaseRotation", **at(evse, 1)) == rotation


def test_the_register_and_the_transaction_are_told(new_bench: NewBench) -> None:
    bench = new_bench(EVERYTHING)
    assert value_of(bench, "FiscalMetering", "EnergyImport", **at(1)) == ""
    assert value_of(bench, "TxCtrlr", "ChargingTime", **at(1)) == ""
    bench.do("meter", evse=1, energy_wh=5000)
    bench.do("plug-in", evse=1, connector=1)
    bench.do("authorize", evse=1, id_token="04A2B3C4")
    bench.advance(3600)
    assert value_of(bench, "FiscalMetering", "EnergyImportRegister", **at(1)) == "16000.0"
    assert value_of(bench, "FiscalMetering", "EnergyImport", **at(1)) == "11000.0"
    assert value_of(bench, "TxCtrlr", "ChargingTime", **at(1)) == "3600.0"


def test_the_control_pilot_follows_the_car(new_bench: NewBench) -> None:
    bench = new_bench(EVERYTHING)

    def state() -> str:
        return value_of(bench, "CPPWMController", "State", **at(1, 1))

    seen = [state()]
    for command, arguments in (
        ("plug-in", {"connector": 1}),
        ("authorize", {"id_token": "04A2B3C4"}),
        ("suspend", {"by": "ev"}),
        ("resume", {}),
        ("fault", {"connector": 1, "code": "GroundFault"}),
    ):
        answer = bench.do(command, evse=1, **arguments)
        assert answer is not None
        assert answer.error is None
        seen.append(state())
    assert seen == ["A", "B", "C", "B", "C", "F"]


def test_a_connector_that_may_not_be_used_shows_it_at_the_pilot(new_bench: NewBench) -> None:
    bench = new_bench(EVERYTHING)
    bench.do("operative", evse=1, connector=1, on=False)
    assert value_of(bench, "CPPWMController", "State", **at(1, 1)) == "F"
    assert value_of(bench, "CPPWMController", "State", **at(1, 2)) == "A"


def test_a_socket_has_a_lock(new_bench: NewBench) -> None:
    bench = charging(new_bench, connector=2)
    assert value_of(bench, "ConnectorPlugRetentionLock", "Active", **at(1, 2)) == "true"
    bench.do("unplug", evse=1, connector=2)
    assert value_of(bench, "ConnectorPlugRetentionLock", "Active", **at(1, 2)) == "false"
    one = item("ConnectorPlugRetentionLock", "Active")
    one["component"] |= at(1, 1)
    assert get(bench, one)[0]["attributeStatus"] == "UnknownVariable"  # a cable of its own needs none


def test_the_charge_protocol_is_told_where_it_is_simulated(new_bench: NewBench) -> None:
    found = [it["component"]["evse"] for it in report(new_bench(EVERYTHING)) if "CPPWM" in str(it)]
    pilots = [{"id": 1, "connectorId": 1}, {"id": 1, "connectorId": 2}, {"id": 3, "connectorId": 1}]
    assert [place for place in found if place in pilots]
    for connector in (1, 2):
        one = item("Connector", "ChargeProtocol")
        one["component"] |= at(2, connector)
        assert get(new_bench(EVERYTHING), one)[0]["attributeStatus"] == "UnknownVariable"


def test_a_fault_is_a_problem_of_the_station(new_bench: NewBench) -> None:
    bench = new_bench(EVERYTHING)
    assert value_of(bench, "ChargingStation", "Problem") == "false"
    bench.do("fault", evse=3, connector=1, code="GroundFault")
    assert value_of(bench, "ChargingStation", "Problem") == "true"
    bench.do("clear-fault", evse=3, connector=1)
    assert value_of(bench, "ChargingStation", "Problem") == "false"


def test_what_lives_only_as_long_as_the_moment_is_not_persistent(new_bench: NewBench) -> None:
    kept = {
        f"{it['component']['name']}.{it['variable']['name']}": it["variableAttribute"][0]["persistent"]
        for it in report(new_bench(EVERYTHING))
    }
    assert not kept["EVSE.Power"]
    assert not kept["ClockCtrlr.DateTime"]
    assert kept["FiscalMetering.EnergyImportRegister"]
    assert kept["ChargingStation.VendorName"]
    assert kept["TxCtrlr.TxStartPoint"]


# The standard's list

ROWS = list(
    csv.DictReader((Path(__file__).parents[1] / "data" / "device-model.csv").read_text().splitlines())
)

# Why a row of the standard is no variable here. A component stands for all of its variables.
LEFT_OUT = {
    "CHAdeMOCtrlr": "what is said over a CHAdeMO plug is not simulated",
    "ClockCtrlr.NtpServerUri": "the station has no NTP client",
    "ClockCtrlr.NtpSource": "the station has no NTP client",
    "ClockCtrlr.TimeZone": "not to be had together with TimeOffset",
    "ConnectedEV": "ISO 15118 comes later",
    "Controller.MaxMsgElements": "ItemsPerMessage tells it for each message",
    "CustomizationCtrlr.CustomImplementationEnabled": "there is no vendor's extension",
    "DeviceDataCtrlr.ValueSize": "the alternative to two others; obeyed where the configuration defines it",
    "DistributionPanel": "hardware that is not simulated; the configuration may define it",
    "EVSE.EvseId": "the older name of ISO15118EvseId",
    "ISO15118Ctrlr.RequestMeteringReceipt": "ISO 15118 charging comes later",
    "ISO15118Ctrlr.RequestedEnergyTransferMode": "ISO 15118 charging comes later",
    "EVSE.ISO15118EvseId": "ISO 15118 comes later",
    "EVSE.Temperature": "hardware that is not simulated; the configuration may define it",
    "FiscalMetering.EnergyExport": "no car gives energy back",
    "FiscalMetering.EnergyExportRegister": "no car gives energy back",
    "LocalEnergyStorage": "hardware that is not simulated; the configuration may define it",
    "MonitoringCtrlr.MonitoringBase": "the older name of ActiveMonitoringBase",
    "MonitoringCtrlr.MonitoringLevel": "the older name of ActiveMonitoringLevel",
    "OCPPCommCtrlr.FieldLength": "no field is longer than in the standard",
    "TokenReader.Token": "the last card that was read is a customer's: it is told where it charges alone",
    "TokenReader.TokenType": "as the token",
    # Of the way to the CSMS and of certificates.
}
# What is ReadOnly here, and ReadWrite in the standard.
READ_ONLY = {
    "SampledDataCtrlr.RegisterValuesWithoutPhases": "the meter has one register, for all phases",
}


def spelled(row: dict[str, str]) -> str:
    return f"{row['component']}.{row['variable']}"


def variables(row: dict[str, str]) -> list[Variable[Any]]:
    """Those of the model that the row describes; an instance in angle brackets may be any."""
    slots = Model.build(EVERYTHING, handlers().variables.values()).slots.values()
    named = (it.variable for it in slots if spelled(row) == f"{it.variable.component}.{it.variable.name}")
    wanted = row["instance"] or None
    by_phase = row["variable"] in ("ACCurrent", "ACVoltage")
    return [it for it in named if it.instance == wanted or by_phase or (wanted or "").startswith("<")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{spelled(row)}[{row['instance']}]")
def test_TC_B_53_B07_FR_08_a_variable_of_the_standard_is_as_that_says_or_left_out_for_a_reason(
    row: dict[str, str],
) -> None:
    found = variables(row)
    if not found:
        assert LEFT_OUT.get(spelled(row)) or LEFT_OUT.get(row["component"])
        return
    mutabilities = row["mutability"].split("/")
    if spelled(row) in READ_ONLY:
        mutabilities = ["ReadOnly"]
    for variable in found:
        assert variable.data_type == row["type"]
        assert variable.mutability in mutabilities
        assert (variable.unit or "") == row["unit"]
        if row["type"].endswith("List"):
            assert variable.values


def test_what_is_left_out_is_left_out() -> None:
    """Take it off the list once it is built."""
    there = {name for row in ROWS if variables(row) for name in (spelled(row), row["component"])}
    assert there & LEFT_OUT.keys() == set()
