"""Bidirectional power of OCPP 2.1 (Q): what lets a car feed back, how much of it, and who is told.

The text of the standard is not public: names carry its use cases, which follow from schemas and public code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Car, Csms, Evse, Hardware
from ocppd.core.errors import CallError
from ocppd.core.schemas import OCPP_21, OCPP_201, check_request
from ocppd.core.times import format_time
from tests.bench import Bench, Json
from tests.blocks.profiles import DEFAULT, TX, charge, flat, power, profile, put, reported, schedule

NewBench = Callable[..., Bench]

V2G = Car(soc=50, capacity_wh=60_000, max_w=11_000, max_discharge_w=7_000, min_soc=20)
BOTH_WAYS = ["AC_three_phase", "AC_BPT"]
ISO = Car(soc=50, max_discharge_w=7_000, iso15118=True)


@pytest.fixture
def station(new_bench: NewBench) -> Bench:
    """One whose CSMS allows AC_BPT with the token."""
    return made(new_bench)


def made(new_bench: NewBench, *evses: Evse, allowed: list[str] | None = None, **hardware: Any) -> Bench:
    bench = new_bench(
        Hardware(evses=evses or (Evse(),), **{"ev": V2G} | hardware),
        csms=Csms(protocols=(OCPP_21, OCPP_201)),
        protocol=OCPP_21,
    )
    answer: Json = {"idTokenInfo": {"status": "Accepted"}}
    bench.answers["Authorize"] = answer | {"allowedEnergyTransfer": allowed or BOTH_WAYS}
    return bench


def mode(name: str, number: int = 1, purpose: str = DEFAULT, unit: str = "W", **period: Any) -> Json:
    """A profile with one period in that operation mode."""
    found = profile(number, purpose, schedule((0, 0), unit=unit))
    found["chargingSchedule"][0]["chargingSchedulePeriod"] = [
        {"startPeriod": 0, "operationMode": name, **period}
    ]
    return found


def setpoint(watts: float, **period: Any) -> Json:
    return mode("CentralSetpoint", setpoint=watts, **period)


def evse(bench: Bench, number: int = 1) -> Json:
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    found: Json = answer.done.result["evses"][number - 1]  # type: ignore[index]
    return found


def periods(bench: Bench, number: int = 1, unit: str = "W") -> list[Json]:
    request = {"evseId": number, "duration": 600, "chargingRateUnit": unit}
    answer = bench.csms("GetCompositeSchedule", request)
    found: list[Json] = answer["schedule"]["chargingSchedulePeriod"]
    return found


def told(bench: Bench) -> list[tuple[str, str | None, str | None]]:
    """The trigger, charging state and operation mode of each TransactionEvent since the last time."""
    infos = [(it["triggerReason"], it["transactionInfo"]) for it in bench.tx()]
    return [(trigger, info.get("chargingState"), info.get("operationMode")) for trigger, info in infos]


def sampled(bench: Bench) -> dict[str, float]:
    """What the meter tells of each measurand, of all phases together."""
    bench.sent()
    bench.csms("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 1}})
    (values,) = bench.sent("MeterValues")[0]["meterValue"]
    return {it["measurand"]: it["value"] for it in values["sampledValue"] if "phase" not in it}


def shown_w(bench: Bench) -> float:
    """The variable Power of the EVSE."""
    wanted = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    (result,) = bench.csms("GetVariables", {"getVariableData": [wanted]})["getVariableResult"]
    return float(result["attributeValue"])


# Whether energy may flow back (Q01, Q02)


def test_Q03_a_negative_setpoint_discharges_the_car(station: Bench) -> None:
    charge(station)
    station.advance(3599)
    assert put(station, 1, setpoint(-5_000)) == "Accepted"
    before = evse(station)["meter"]
    assert before["power_w"] == -5_000
    assert before["current_a"] == pytest.approx([-7.2] * 3, abs=0.05)
    assert before["energy_wh"] == 11_000
    assert shown_w(station) == -5_000
    station.advance(3600)
    after = evse(station)["meter"]
    assert (after["energy_wh"], after["export_wh"]) == (11_000, 5_000)
    assert after["soc"] == pytest.approx(50 + 100 * 6_000 / 60_000, abs=0.1)
    assert evse(station)["tx"]["export_wh"] == 5_000


@pytest.mark.parametrize("allowed", [["AC_three_phase"], ["DC_BPT"], None])
def test_Q01_without_its_mode_of_energy_transfer_the_car_only_charges(
    new_bench: NewBench, allowed: list[str] | None
) -> None:
    bench = made(new_bench, allowed=allowed)
    if allowed is None:  # as from the cache, or from a CSMS that says nothing of it
        bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    charge(bench)
    put(bench, 1, setpoint(-5_000))
    assert power(bench) == 0
    assert evse(bench)["tx"]["state"] == "SuspendedEVSE"
    put(bench, 1, setpoint(5_000))
    assert power(bench) == 5_000


def test_Q01_a_car_that_cannot_feed_back_never_does(new_bench: NewBench) -> None:
    bench = made(new_bench, ev=Car(soc=50))
    charge(bench)
    put(bench, 1, setpoint(-5_000))
    bench.advance(3600)
    meter = evse(bench)["meter"]
    assert (meter["power_w"], meter["soc"]) == (0, 50.0)
    assert "export_wh" not in meter


def test_Q02_it_may_feed_back_from_when_the_CSMS_allows_it_and_no_longer_than_that(station: Bench) -> None:
    station.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    number = charge(station)
    put(station, 1, setpoint(-5_000))
    assert power(station) == 0
    station.tx()
    assert allow(station, number, BOTH_WAYS) == {"status": "Accepted"}
    assert power(station) == -5_000
    assert told(station) == [("ChargingStateChanged", "Charging", None)]
    assert allow(station, number, ["AC_three_phase"]) == {"status": "Accepted"}
    assert power(station) == 0
    assert told(station) == [("ChargingStateChanged", "SuspendedEVSE", None)]


def test_Q02_of_a_transaction_that_does_not_run_nothing_is_allowed(station: Bench) -> None:
    charge(station)
    answer = allow(station, "nobody", BOTH_WAYS)
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}


def allow(bench: Bench, number: str, modes: list[str]) -> Json:
    return bench.csms(
        "NotifyAllowedEnergyTransfer", {"transactionId": number, "allowedEnergyTransfer": modes}
    )


def test_Q02_who_comes_next_is_allowed_nothing_by_that(station: Bench) -> None:
    put(station, 1, setpoint(-5_000))
    station.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    number = charge(station)
    allow(station, number, BOTH_WAYS)
    assert power(station) == -5_000
    station.do("unplug")
    charge(station)
    assert power(station) == 0


def test_Q02_an_ISO_15118_car_tells_its_needs_anew(new_bench: NewBench) -> None:
    bench = made(new_bench, ev=ISO)
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    bench.answers["NotifyEVChargingNeeds"] = {"status": "Accepted"}
    number = charge(bench)
    (first,) = bench.sent("NotifyEVChargingNeeds")
    assert first["chargingNeeds"]["requestedEnergyTransfer"] == "AC_three_phase"
    assert first["chargingNeeds"]["availableEnergyTransfer"] == BOTH_WAYS
    assert "v2xChargingParameters" not in first["chargingNeeds"]
    allow(bench, number, BOTH_WAYS)
    (needs,) = bench.sent("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"]["requestedEnergyTransfer"] == "AC_BPT"
    parameters = needs["chargingNeeds"]["v2xChargingParameters"]
    assert (parameters["maxChargePower"], parameters["maxDischargePower"]) == (11_000, 7_000)
    assert (parameters["evMinV2XEnergyRequest"], parameters["evMaxV2XEnergyRequest"]) == (-24_000, 30_000)
    allow(bench, number, BOTH_WAYS)
    assert bench.sent("NotifyEVChargingNeeds") == []


def test_Q01_a_DC_car_asks_for_both_ways_where_they_are_allowed(new_bench: NewBench) -> None:
    bench = made(new_bench, Evse(phases=0, max_w=50_000, voltage_v=400), allowed=["DC", "DC_BPT"], ev=ISO)
    bench.answers["NotifyEVChargingNeeds"] = {"status": "Accepted"}
    charge(bench)
    (needs,) = bench.sent("NotifyEVChargingNeeds")
    assert needs["chargingNeeds"]["requestedEnergyTransfer"] == "DC_BPT"
    assert needs["chargingNeeds"]["v2xChargingParameters"]["maxDischargePower"] == 7_000
    put(bench, 1, setpoint(-6_000))
    meter = evse(bench)["meter"]
    assert (meter["power_w"], meter["current_a"]) == (-6_000, [-15.0, 0, 0])


def test_Q01_V2X_can_be_switched_off(station: Bench) -> None:
    charge(station)
    put(station, 1, setpoint(-5_000))
    station.set("V2XChargingCtrlr.Enabled", False)
    assert power(station) == 0
    station.set("V2XChargingCtrlr.Enabled", True)
    assert power(station) == -5_000


# How much (Q03, Q04)


@pytest.mark.parametrize(
    ("period", "watts"),
    [
        ({"setpoint": 5_000}, 5_000),
        ({"setpoint": 50_000}, 11_000),
        ({"setpoint": 9_000, "limit": 6_000}, 6_000),
        ({"setpoint": 0}, 0),
        ({"setpoint": 2_000}, 0),  # less than 6 A
        ({"setpoint": -2_000}, -2_000),
        ({"setpoint": -50_000}, -7_000),
        ({"setpoint": -5_000, "limit": 6_000}, -5_000),
        ({"setpoint": -5_000, "dischargeLimit": -3_000}, -3_000),
        ({"setpoint": -5_000, "dischargeLimit": 0}, 0),
    ],
)
def test_Q03_the_setpoint_is_followed_within_all_limits(station: Bench, period: Json, watts: int) -> None:
    charge(station)
    assert put(station, 1, mode("CentralSetpoint", **period)) == "Accepted"
    assert power(station) == watts


@pytest.mark.parametrize(("phases", "watts"), [(3, -6_900), (1, -2_300)])
def test_Q03_a_setpoint_in_A_counts_on_each_phase(new_bench: NewBench, phases: int, watts: int) -> None:
    bench = made(new_bench, Evse(phases=phases))
    charge(bench)
    put(bench, 1, mode("CentralSetpoint", unit="A", setpoint=-10, numberPhases=phases))
    assert power(bench) == watts
    assert periods(bench, unit="A")[0]["setpoint"] == -10


def test_Q03_the_cable_carries_no_more_back_than_forth(new_bench: NewBench) -> None:
    bench = made(new_bench, ev=Car(soc=50, max_discharge_w=22_000, cable_a=13))
    charge(bench)
    put(bench, 1, setpoint(-20_000))
    assert power(bench) == -13 * 690


def test_Q03_a_schedule_charges_at_night_and_discharges_in_the_evening(station: Bench) -> None:
    wanted = setpoint(-4_000)
    wanted["chargingSchedule"][0]["chargingSchedulePeriod"] += [
        {"startPeriod": 600, "operationMode": "Idle"},
        {"startPeriod": 1200, "operationMode": "CentralSetpoint", "setpoint": 8_000, "limit": 9_000},
        {"startPeriod": 1800, "operationMode": "ChargingOnly", "limit": 5_000},
    ]
    assert put(station, 1, wanted) == "Accepted"
    charge(station)
    seen = []
    for _ in range(4):
        seen.append((power(station), evse(station)["tx"]["state"], evse(station).get("operation_mode")))
        station.advance(600)
    assert seen == [
        (-4_000, "Charging", "CentralSetpoint"),
        (0, "SuspendedEVSE", "Idle"),
        (8_000, "Charging", "CentralSetpoint"),
        (5_000, "Charging", None),
    ]
    story = told(station)
    assert [it for it in story if it[2] is not None] == [
        ("CablePluggedIn", "EVConnected", "CentralSetpoint"),
        ("ChargingStateChanged", "SuspendedEVSE", "Idle"),
        ("ChargingStateChanged", "Charging", "CentralSetpoint"),
        ("OperationModeChanged", None, "ChargingOnly"),
    ]


def test_Q03_the_composite_schedule_shows_setpoint_and_discharge_limit(station: Bench) -> None:
    wanted = setpoint(-4_000, dischargeLimit=-6_000, limit=9_000)
    wanted["chargingSchedule"][0]["chargingSchedulePeriod"] += [
        {"startPeriod": 300, "operationMode": "Idle"},
        {"startPeriod": 400, "operationMode": "ChargingOnly", "limit": 5_000},
    ]
    put(station, 1, wanted)
    assert periods(station) == [
        {
            "startPeriod": 0,
            "limit": 9_000,
            "numberPhases": 3,
            "operationMode": "CentralSetpoint",
            "setpoint": -4_000,
            "dischargeLimit": -6_000,
        },
        {"startPeriod": 300, "limit": 22_080, "numberPhases": 3, "operationMode": "Idle"},
        {"startPeriod": 400, "limit": 5_000, "numberPhases": 3},
    ]
    assert [it["limit"] for it in periods(station, 0)] == [0, 5_000]


def test_Q03_other_limits_limit_the_charging_of_a_setpoint(station: Bench) -> None:
    charge(station)
    put(station, 1, setpoint(9_000))
    station.do("limit", "6000")
    assert power(station) == 6_000
    put(station, 1, setpoint(-5_000))
    assert power(station) == -5_000
    put(station, 0, flat(7, "ChargingStationMaxProfile", 0, unit="W"))
    assert power(station) == -5_000


def test_Q03_only_profiles_of_transactions_have_setpoints(station: Bench) -> None:
    wanted = mode("CentralSetpoint", purpose="ChargingStationMaxProfile", setpoint=5_000)
    assert put(station, 0, wanted) == "Rejected InvalidProfile"
    number = charge(station)
    own = mode("CentralSetpoint", purpose=TX, setpoint=-3_000) | {"transactionId": number}
    assert put(station, 1, own) == "Accepted"
    assert power(station) == -3_000


def test_Q04_a_dynamic_profile_has_its_setpoint_updated(station: Bench) -> None:
    wanted = setpoint(6_000, dischargeLimit=-6_500) | {"chargingProfileKind": "Dynamic"}
    del wanted["chargingSchedule"][0]["startSchedule"]
    assert put(station, 1, wanted) == "Accepted"
    charge(station)
    station.tx()
    seen = []
    for update in (
        {"setpoint": -5_000},
        {"setpoint": -9_000},
        {"dischargeLimit": -2_000},
        {"setpoint": 7_000},
    ):
        request = {"chargingProfileId": 1, "scheduleUpdate": update}
        assert station.csms("UpdateDynamicSchedule", request) == {"status": "Accepted"}
        seen.append(power(station))
    assert seen == [-5_000, -6_500, -2_000, 7_000]
    assert {trigger for trigger, _, _ in told(station)} == {"ChargingRateChanged"}


def test_Q03_it_stops_when_the_battery_is_at_its_least_and_charges_again(station: Bench) -> None:
    put(station, 1, setpoint(-6_000))
    charge(station)
    station.tx()
    station.advance(3 * 3600 + 1)
    assert evse(station)["meter"]["soc"] == 20
    assert evse(station)["meter"]["export_wh"] == 18_000
    assert ("ChargingStateChanged", "SuspendedEV", None) in told(station)
    put(station, 1, setpoint(6_000))
    assert power(station) == 6_000
    station.do("ev", min_soc=0)
    put(station, 1, setpoint(-6_000))
    assert power(station) == -6_000


def test_Q03_power_turns_round_by_the_ramp_of_the_car(new_bench: NewBench) -> None:
    bench = made(new_bench, ev=Car(soc=50, max_discharge_w=7_000, ramp_w_s=1_000))
    charge(bench)
    bench.advance(60)
    assert power(bench) == 11_000
    put(bench, 1, setpoint(-5_000))
    seen = [power(bench)]
    for _ in range(3):
        bench.advance(2)
        seen.append(power(bench))
    assert seen == [0, -2_000, -4_000, -5_000]
    put(bench, 1, setpoint(-3_000))
    bench.advance(1)
    assert power(bench) == -4_000
    put(bench, 1, setpoint(5_000))
    bench.advance(3)
    assert power(bench) == 3_000


def test_Q03_nothing_flows_back_without_authorization_or_power(station: Bench) -> None:
    put(station, 1, setpoint(-5_000))
    charge(station)
    assert power(station) == -5_000
    station.do("suspend")
    assert power(station) == 0
    station.do("resume")
    station.do("power", "off")
    before = station.state.evses[0].meter.export_wh
    station.advance(600)
    assert station.state.evses[0].meter.export_wh == before
    station.do("power", "on")
    station.reconnect()
    assert power(station) == -5_000
    station.do("fault", evse=1, connector=1, code="GroundFault")
    assert power(station) == 0


def test_Q03_what_all_feed_back_passes_the_connection_of_the_station(new_bench: NewBench) -> None:
    bench = made(new_bench, Evse(), Evse(), max_w=8_000)
    for number in (1, 2):
        charge(bench, number)
        put(bench, number, mode("CentralSetpoint", number, setpoint=-6_000))
    assert [power(bench, 1), power(bench, 2)] == [-4_000, -4_000]
    bench.csms("ClearChargingProfile", {"chargingProfileId": 2})
    assert [power(bench, 1), power(bench, 2)] == [-6_000, 8_000]


@pytest.mark.parametrize("is_default", [True, False])
def test_R04_LimitMaxDischarge_limits_what_is_fed_back(station: Bench, is_default: bool) -> None:
    charge(station)
    put(station, 1, setpoint(-5_000))
    data: Json = {"priority": 1, "pctMaxDischargePower": 50}
    if not is_default:
        data |= {"startTime": format_time(station.clock.now + 60), "duration": 60}
    request = {"isDefault": is_default, "controlId": "A", "controlType": "LimitMaxDischarge"}
    assert station.csms("SetDERControl", request | {"limitMaxDischarge": data}) == {"status": "Accepted"}
    seen = []
    for _ in range(3):
        seen.append(power(station))
        station.advance(60)
    assert seen == ([-3_500] * 3 if is_default else [-5_000, -3_500, -5_000])
    if is_default:
        station.csms("ClearDERControl", {"isDefault": True})
        assert power(station) == -5_000


# What meters tell


MEASURED = [
    "Energy.Active.Import.Register",
    "Energy.Active.Export.Register",
    "Energy.Active.Net",
    "Power.Active.Import",
    "Power.Active.Export",
    "Current.Export",
    "Power.Factor",
]


def test_Q03_meters_tell_import_export_and_net(station: Bench) -> None:
    station.set("AlignedDataCtrlr.Measurands", ",".join(MEASURED))
    charge(station)
    station.advance(1799)
    put(station, 1, setpoint(-6_900))
    station.advance(3600)
    assert sampled(station) == {
        "Energy.Active.Import.Register": 5_500,
        "Energy.Active.Export.Register": 6_900,
        "Energy.Active.Net": -1_400,
        "Power.Active.Import": 0,
        "Power.Active.Export": 6_900,
        "Power.Factor": 1,
    }
    station.csms("TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 1}})
    (values,) = station.sent("MeterValues")[0]["meterValue"]
    by_phase = [(it["measurand"], it["value"]) for it in values["sampledValue"] if "phase" in it]
    assert [it for it in by_phase if it[0] == "Current.Export"] == [("Current.Export", 10)] * 3
    assert [it for it in by_phase if it[0] == "Power.Active.Export"] == [("Power.Active.Export", 2_300)] * 3
    assert [it for it in by_phase if it[0] == "Power.Active.Import"] == [("Power.Active.Import", 0)] * 3


def test_Q03_intervals_of_export_begin_with_the_transaction_or_the_sample_before(station: Bench) -> None:
    name = "Energy.Active.Export.Interval"
    station.set("SampledDataCtrlr.TxUpdatedMeasurands", name)
    station.set("SampledDataCtrlr.TxUpdatedInterval", 1800)
    put(station, 1, setpoint(-4_000))
    for _ in range(2):
        charge(station)
        station.tx()
        station.advance(3599)
        put(station, 1, setpoint(-2_000))
        station.advance(1800)
        put(station, 1, setpoint(-4_000))
        values = [it["meterValue"][0]["sampledValue"][0] for it in station.tx() if "meterValue" in it]
        found = [it["value"] for it in values if it["measurand"] == name]
        assert found[:3] == pytest.approx([2_000, 2_000, 1_000], abs=2)
        station.do("unplug")


def test_Q03_the_meter_at_the_grid_tells_what_is_left_over(new_bench: NewBench) -> None:
    bench = made(new_bench, Evse(), Evse())
    names = "Power.Active.Import,Power.Active.Export,Energy.Active.Net"
    bench.set("AlignedDataCtrlr.Measurands", names)
    for number in (1, 2):
        charge(bench, number)
    put(bench, 1, setpoint(-5_000))
    bench.sent()
    bench.do("meter-values", evse_id=0)
    grid = [it for it in bench.sent("MeterValues") if it["evseId"] == 0]
    values = {
        it["measurand"]: it["value"] for it in grid[0]["meterValue"][0]["sampledValue"] if "phase" not in it
    }
    assert (values["Power.Active.Import"], values["Power.Active.Export"]) == (6_000, 0)


# Others tell setpoints (Q05 to Q08)


def test_Q05_an_energy_manager_on_site_tells_the_setpoint(station: Bench) -> None:
    charge(station)
    assert put(station, 1, mode("ExternalSetpoint", dischargeLimit=-4_000, limit=6_000)) == "Accepted"
    seen = [power(station)]
    for watts in ("-3000", "-5000", "5000", "9000", "OFF"):
        station.do("setpoint", watts)
        seen.append(power(station))
    assert seen == [0, -3_000, -4_000, 5_000, 6_000, 0]


def test_Q05_it_counts_for_nothing_in_other_modes_or_2_0_1(station: Bench, new_bench: NewBench) -> None:
    charge(station)
    put(station, 1, setpoint(5_000))
    station.do("setpoint", "-3000")
    assert power(station) == 5_000
    put(station, 1, mode("ExternalSetpoint"))
    assert power(station) == -3_000
    answer = new_bench().do("setpoint", "-3000")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "unsupported"


def test_Q06_external_limits_are_those_of_the_command_limit(station: Bench) -> None:
    charge(station)
    assert put(station, 1, mode("ExternalLimits", limit=9_000)) == "Accepted"
    assert power(station) == 9_000
    station.do("limit", "5000")
    assert power(station) == 5_000
    assert evse(station)["operation_mode"] == "ExternalLimits"


CURVE = [{"signal": -100, "power": -6_000}, {"signal": 0, "power": 0}, {"signal": 100, "power": 4_000}]


def test_Q07_the_aFRR_signal_is_followed_by_its_curve_on_top_of_the_baseline(station: Bench) -> None:
    charge(station)
    wanted = mode("CentralFrequency", v2xBaseline=1_000, v2xSignalWattCurve=CURVE, dischargeLimit=-4_500)
    assert signal(station, 10) == {"status": "Rejected", "statusInfo": {"reasonCode": "NoProfile"}}
    assert put(station, 1, wanted) == "Accepted"
    seen = []
    for value in (100, 1_000, -50, -100):
        assert signal(station, value) == {"status": "Accepted"}
        seen.append(power(station))
    assert seen == [5_000, 5_000, -2_000, -4_500]


def test_Q07_a_signal_counts_from_its_moment_on(station: Bench) -> None:
    charge(station)
    put(station, 1, mode("CentralFrequency", v2xSignalWattCurve=CURVE))
    signal(station, -50)
    signal(station, -100, after=60)
    seen = []
    for _ in range(3):
        seen.append(power(station))
        station.advance(59 if len(seen) == 1 else 2)
    assert seen == [-3_000, -3_000, -6_000]


def signal(bench: Bench, value: int, after: float = 0) -> Json:
    moment = format_time(bench.clock.now + bench.state.clock_offset + after)
    return bench.csms("AFRRSignal", {"timestamp": moment, "signal": value})


def test_Q07_a_setpoint_may_be_updated_for_the_frequency_too(station: Bench) -> None:
    charge(station)
    put(station, 1, mode("CentralFrequency", setpoint=-1_500, limit=5_000, dischargeLimit=-5_000))
    assert power(station) == -1_500


def test_Q07_without_smart_charging_a_signal_is_not_supported(station: Bench) -> None:
    station.set("SmartChargingCtrlr.Enabled", False)
    assert signal(station, 1)["error"] == "NotSupported"


def test_Q08_the_frequency_of_the_grid_is_followed_and_metered(station: Bench) -> None:
    curve = [
        {"frequency": 49.8, "power": -6_000},
        {"frequency": 50, "power": 0},
        {"frequency": 50.2, "power": 6_000},
    ]
    station.set("AlignedDataCtrlr.Measurands", "Frequency")
    charge(station)
    assert put(station, 1, mode("LocalFrequency", v2xFreqWattCurve=curve)) == "Accepted"
    seen = [power(station)]
    for hertz in ("49.9", "49", "50.2", "auto"):
        station.do("grid-frequency", hertz)
        seen.append(power(station))
    assert seen == [0, -3_000, -6_000, 6_000, 0]
    station.do("grid-frequency", "49.9")
    assert sampled(station) == {"Frequency": 49.9}


def test_Q09_local_load_balancing_is_refused(station: Bench) -> None:
    assert put(station, 1, mode("LocalLoadBalancing")) == "Rejected UnsupportedParam"


def test_Q10_idle_means_that_nothing_flows(station: Bench) -> None:
    charge(station)
    station.tx()
    assert put(station, 1, mode("Idle")) == "Accepted"
    assert power(station) == 0
    assert told(station) == [("ChargingStateChanged", "SuspendedEVSE", "Idle")]


def test_Q11_offline_the_schedule_goes_on(station: Bench) -> None:
    wanted = setpoint(-4_000)
    wanted["chargingSchedule"][0]["chargingSchedulePeriod"] += [
        {"startPeriod": 600, "operationMode": "CentralSetpoint", "setpoint": 5_000}
    ]
    put(station, 1, wanted)
    charge(station)
    station.drop()
    assert power(station) == -4_000
    station.advance(600)
    assert power(station) == 5_000


@pytest.mark.parametrize("for_good", [True, False])
def test_Q11_Q12_offline_a_profile_is_valid_for_its_maxOfflineDuration(
    station: Bench, for_good: bool
) -> None:
    wanted = setpoint(-4_000) | {"stackLevel": 3, "maxOfflineDuration": 300}
    put(station, 1, wanted | {"invalidAfterOfflineDuration": for_good})
    put(station, 1, mode("ChargingOnly", 2, limit=5_000))
    charge(station)
    station.drop()
    station.advance(299)
    assert power(station) == -4_000
    station.reconnect()
    station.drop()
    station.advance(301)
    assert power(station) == 5_000
    station.reconnect()
    assert power(station) == (5_000 if for_good else -4_000)
    kept = [it["id"] for page in reported(station) for it in page["chargingProfile"]]
    assert kept == ([2] if for_good else [1, 2])


def test_Q11_a_profile_without_a_moment_of_patience_ends_with_the_connection(station: Bench) -> None:
    put(station, 1, setpoint(-4_000) | {"maxOfflineDuration": 0})
    charge(station)
    assert power(station) == -4_000
    station.drop()
    assert power(station) == 11_000
    station.reconnect()
    assert power(station) == -4_000


# A CSMS of 2.0.1


def test_a_CSMS_of_2_0_1_sees_nothing_of_all_this(station: Bench) -> None:
    put(station, 1, setpoint(-4_000))
    put(station, 1, flat(2, DEFAULT, 9) | {"stackLevel": 0})
    put(station, 1, flat(3, DEFAULT, 8) | {"stackLevel": 5})
    charge(station)
    station.csms("ClearChargingProfile", {"chargingProfileId": 3})
    assert power(station) == -4_000
    station.drop()
    station.advance(60)
    station.protocol = OCPP_201
    seen = len(station.frames)
    station.reconnect()
    assert power(station) == 11_000
    assert reported(station) == []
    for kind, _, *rest in station.frames[seen:]:
        if kind == 2:
            check_request(rest[0], rest[1], OCPP_201)
    answer = station.csms(
        "NotifyAllowedEnergyTransfer", {"transactionId": "x", "allowedEnergyTransfer": ["DC"]}
    )
    assert answer["error"] == "NotImplemented"


def test_a_queued_change_of_the_mode_leaves_in_the_words_of_2_0_1(station: Bench) -> None:
    put(station, 1, setpoint(-4_000) | {"validTo": format_time(station.clock.now + 100)})
    charge(station)
    station.drop()
    station.advance(200)
    waiting = [call.payload for call in station.state.outbox.queue if call.action == "TransactionEvent"]
    assert any(it["triggerReason"] == "OperationModeChanged" for it in waiting)
    station.protocol = OCPP_201
    station.forget()
    station.reconnect()
    events = station.tx()
    assert len(events) >= len(waiting)
    for event in events:
        check_request("TransactionEvent", event, OCPP_201)


def test_in_2_0_1_a_car_that_could_feed_back_tells_what_2_0_1_knows(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(ev=ISO))
    bench.answers["NotifyEVChargingNeeds"] = CallError("InternalError", "")
    charge(bench)
    (needs,) = bench.sent("NotifyEVChargingNeeds")
    check_request("NotifyEVChargingNeeds", needs, OCPP_201)
    assert "availableEnergyTransfer" not in needs["chargingNeeds"]
