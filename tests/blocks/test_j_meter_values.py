"""J: what the meter shows, when it is told, and what a command may do to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ocppd.core.description import Car, Connector, Evse, Hardware
from tests.bench import Bench, Json

ENERGY = "Energy.Active.Import.Register"
ALL = f"{ENERGY},Power.Active.Import,Current.Import,Voltage,SoC"
DC = Hardware(
    evses=(Evse(phases=0, max_w=50_000, voltage_v=400, connectors=(Connector("cCCS2"),)),),
    ev=Car(max_w=100_000),
)

NewBench = Callable[..., Bench]


def charge(bench: Bench, **ev: Any) -> Bench:
    bench.do("plug-in", ev=ev) if ev else bench.do("plug-in")
    bench.do("authorize", "AAAA")
    bench.forget()
    return bench


def sampled(event: Json, measurand: str | None = None) -> list[Json]:
    values = [value for it in event.get("meterValue", []) for value in it["sampledValue"]]
    return [value for value in values if measurand in (None, value["measurand"])]


def shown(event: Json) -> list[tuple[str, str | None, float]]:
    """Measurand, phase and value of each sample."""
    return [(it["measurand"], it.get("phase"), it["value"]) for it in sampled(event)]


def error(answer: Any) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code  # type: ignore[no-any-return]


def energy(bench: Bench) -> float:
    bench.do("get")
    return bench.state.evses[0].meter.energy_wh


# Samples of a transaction (J02)


def test_J02_FR_11_a_sample_every_TxUpdatedInterval(bench: Bench) -> None:
    charge(bench)
    bench.advance(180)
    events = bench.tx()
    assert [it["triggerReason"] for it in events] == ["MeterValuePeriodic"] * 3
    assert [it["timestamp"][14:19] for it in events] == ["01:00", "02:00", "03:00"]
    assert [value["context"] for it in events for value in sampled(it)] == ["Sample.Periodic"] * 3
    assert [value["value"] for it in events for value in sampled(it)] == [183.3, 366.7, 550.0]


def test_J02_FR_10_a_sample_is_of_the_moment_of_its_event(bench: Bench) -> None:
    charge(bench)
    bench.advance(60)
    [event] = bench.tx()
    assert [it["timestamp"] for it in event["meterValue"]] == [event["timestamp"]]


def test_J02_an_interval_of_0_is_never(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    charge(bench)
    bench.advance(3600)
    assert bench.tx() == []


def test_J02_without_measurands_no_sample_is_sent(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", "")
    charge(bench)
    bench.advance(3600)
    assert bench.tx() == []


def test_J02_without_measurands_started_and_ended_have_no_values(bench: Bench) -> None:
    for kind in ("Started", "Ended"):
        bench.set(f"SampledDataCtrlr.Tx{kind}Measurands", "")
    bench.do("plug-in")
    bench.do("unplug")
    assert ["meterValue" in it for it in bench.tx()] == [False, False]


@pytest.mark.parametrize(("changed", "minutes"), [(30, ["01:30", "02:00"]), (90, ["01:30"]), (0, [])])
def test_J02_a_changed_interval_counts_at_once(bench: Bench, changed: int, minutes: list[str]) -> None:
    charge(bench)
    bench.advance(65)
    bench.set("SampledDataCtrlr.TxUpdatedInterval", changed)
    bench.forget()
    bench.advance(60)
    assert [it["timestamp"][14:19] for it in bench.tx()] == minutes


def test_J02_sampling_can_be_switched_off_and_on(bench: Bench) -> None:
    charge(bench)
    seen = []
    for enabled in (False, True):
        bench.set("SampledDataCtrlr.Enabled", enabled)
        bench.forget()
        bench.advance(120)
        seen.append(len(bench.tx()))
    assert seen == [0, 2]


def test_J02_samples_end_with_the_transaction(bench: Bench) -> None:
    charge(bench)
    bench.do("unplug")
    bench.forget()
    bench.advance(600)
    assert bench.tx() == []


def test_J02_an_unauthorized_transaction_is_sampled_too(bench: Bench) -> None:
    bench.do("plug-in")
    bench.forget()
    bench.advance(60)
    assert [value["value"] for it in bench.tx() for value in sampled(it)] == [0]


def test_TC_J_07_the_start_tells_what_TxStartedMeasurands_names(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxStartedMeasurands", f"{ENERGY},Voltage")
    bench.do("plug-in")
    [event] = bench.tx()
    assert {value["context"] for value in sampled(event)} == {"Transaction.Begin"}
    assert shown(event) == [(ENERGY, None, 0), *(("Voltage", f"L{n}-N", 230) for n in (1, 2, 3))]


def test_TC_J_10_the_end_tells_the_series_of_TxEndedMeasurands(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.TxEndedMeasurands", "Power.Active.Import")
    bench.set("SampledDataCtrlr.TxEndedInterval", 40)
    charge(bench)
    bench.advance(100)
    bench.do("unplug")
    ended = bench.tx()[-1]
    assert [(it["context"], it["value"]) for it in sampled(ended)] == [
        ("Transaction.Begin", 0),
        ("Sample.Periodic", 11_000),
        ("Sample.Periodic", 11_000),
        ("Transaction.End", 0),
    ]
    assert [it["timestamp"][14:19] for it in ended["meterValue"]] == ["00:00", "00:40", "01:20", "01:40"]


# What is told of each measurand (J01, J02)


def sample(bench: Bench, measurands: str = ALL) -> Json:
    bench.set("SampledDataCtrlr.TxUpdatedMeasurands", measurands)
    bench.forget()
    bench.advance(60)
    [event] = bench.tx()
    return event


def test_J01_FR_11_three_phases(bench: Bench) -> None:
    charge(bench, max_w=6900, soc=50)
    assert shown(sample(bench)) == [
        (ENERGY, None, 115),
        ("Power.Active.Import", None, 6900),
        *(("Current.Import", f"L{n}", 10) for n in (1, 2, 3)),
        *(("Voltage", f"L{n}-N", 230) for n in (1, 2, 3)),
        ("SoC", None, 50.2),
    ]


def test_J01_FR_11_a_car_with_one_phase_uses_the_first(bench: Bench) -> None:
    charge(bench, phases=1, max_a=10)
    current = sampled(sample(bench, "Current.Import,Voltage"))
    assert [(it.get("phase"), it["value"]) for it in current] == [
        ("L1", 10),
        ("L1-N", 230),
        ("L2-N", 230),
        ("L3-N", 230),
    ]


def test_J01_a_DC_meter_has_no_phases(new_bench: NewBench) -> None:
    bench = charge(new_bench(DC))
    assert shown(sample(bench)) == [
        (ENERGY, None, 833.3),
        ("Power.Active.Import", None, 50_000),
        ("Current.Import", None, 125),
        ("Voltage", None, 400),
        ("SoC", None, 21.4),
    ]


def test_E02_FR_18_DC_has_no_number_of_phases(new_bench: NewBench) -> None:
    bench = new_bench(DC)
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    assert not any("numberOfPhasesUsed" in it for it in bench.tx())


def test_J01_only_the_state_of_charge_is_measured_in_the_car(bench: Bench) -> None:
    charge(bench)
    event = sample(bench)
    assert {it["measurand"] for it in sampled(event) if it.get("location") == "EV"} == {"SoC"}
    units = {it["measurand"]: it["unitOfMeasure"]["unit"] for it in sampled(event)}
    assert list(units.values()) == ["Wh", "W", "A", "V", "Percent"]


def test_J02_FR_16_the_register_goes_on_from_transaction_to_transaction(bench: Bench) -> None:
    ends: list[float] = []
    for _ in range(3):
        charge(bench)
        bench.advance(100)
        bench.do("unplug")
        begin, *_, end = sampled(bench.tx()[-1], ENERGY)
        ends += [begin["value"], end["value"]]
    assert ends == [0, 305.6, 305.6, 611.1, 611.1, 916.7]


def test_J02_FR_22_each_EVSE_has_its_own_meter(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse())))
    bench.do("plug-in", evse=1)
    bench.do("plug-in", evse=2)
    bench.do("authorize", evse=2, id_token="AAAA")
    bench.forget()
    bench.advance(60)
    assert [sampled(it)[0]["value"] for it in bench.tx()] == [0, 183.3]


# The command


def test_meter_sets_the_register(bench: Bench) -> None:
    bench.do("meter", "5000.5")
    assert energy(bench) == 5000.5


def test_meter_turns_no_register_back(bench: Bench) -> None:
    bench.do("meter", "5000")
    assert error(bench.do("meter", energy_wh=4999, power_w=1)) == "invalid_argument"
    assert energy(bench) == 5000
    assert bench.state.evses[0].meter.power_w is None


def test_meter_sets_the_power_while_a_car_charges(bench: Bench) -> None:
    charge(bench)
    bench.do("meter", power_w=3600)
    bench.advance(1000)
    assert energy(bench) == pytest.approx(1000)
    bench.do("unplug")
    bench.advance(1000)
    assert energy(bench) == pytest.approx(1000)


def test_meter_power_of_0_suspends_the_car(bench: Bench) -> None:
    charge(bench)
    bench.do("meter", power_w=0)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEV"]
    bench.do("meter", "auto")
    assert bench.story() == ["Updated ChargingStateChanged Charging"]


def test_meter_power_fills_the_battery_and_no_more(bench: Bench) -> None:
    charge(bench, soc=99, capacity_wh=10_000)
    bench.do("meter", power_w=50_000)
    bench.advance(3600)
    assert energy(bench) == pytest.approx(100)
    assert bench.state.evses[0].car is not None
    assert bench.state.evses[0].car.soc == 100


def test_meter_voltage_shows_and_the_power_stays(bench: Bench) -> None:
    charge(bench, max_w=6000)
    bench.do("meter", voltage_v=200)
    values = {
        it["measurand"]: it["value"]
        for it in sampled(sample(bench, "Power.Active.Import,Current.Import,Voltage"))
    }
    assert values == {"Power.Active.Import": 6000, "Current.Import": 10, "Voltage": 200}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"evse": 1}, "missing_argument"),
        ({"power_w": -1}, "invalid_argument"),
        ({"voltage_v": -1}, "invalid_argument"),
        ({"voltage_v": 0}, "invalid_argument"),
        ({"energy_wh": -1}, "invalid_argument"),
        ({"energy_wh": "nan"}, "invalid_argument"),
        ({"power_w": "nan"}, "invalid_argument"),
        ({"power_w": "inf"}, "invalid_argument"),
        ({"energy_wh": "much"}, "invalid_argument"),
    ],
)
def test_meter_refuses_what_no_meter_shows(bench: Bench, arguments: Json, code: str) -> None:
    assert error(bench.do("meter", **arguments)) == code
    assert energy(bench) == 0


def test_meter_needs_something_to_set(bench: Bench) -> None:
    assert error(bench.do("meter")) == "missing_argument"


# The device model


def power(bench: Bench) -> str:
    component = {"name": "EVSE", "evse": {"id": 1}}
    request = {"getVariableData": [{"component": component, "variable": {"name": "Power"}}]}
    return bench.csms("GetVariables", request)["getVariableResult"][0]["attributeValue"]  # type: ignore[no-any-return]


def test_J_the_device_model_shows_the_power_of_the_moment(bench: Bench) -> None:
    seen = [power(bench)]
    charge(bench)
    seen.append(power(bench))
    bench.do("suspend", "ev")
    seen.append(power(bench))
    assert seen == ["0.0", "11000.0", "0.0"]


def test_J_the_device_model_tells_the_rated_power(new_bench: NewBench) -> None:
    bench = new_bench(DC)
    bench.csms("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    items = [item for page in bench.sent("NotifyReport") for item in page["reportData"]]
    [limit] = [
        item["variableCharacteristics"]["maxLimit"]
        for item in items
        if (item["component"]["name"], item["variable"]["name"]) == ("EVSE", "Power")
    ]
    assert limit == 50_000


# Signed readings (E01.FR.04, E02.FR.14)


def _signed_by(key: str, data: str) -> Json:
    """The OCMF payload, once its signature has been verified with the public key."""
    _, payload, tail = base64.b64decode(data).decode().split("|")
    public = load_der_public_key(base64.b64decode(key))
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(bytes.fromhex(json.loads(tail)["SD"]), payload.encode(), ec.ECDSA(hashes.SHA256()))
    found: Json = json.loads(payload)
    return found


def _public_key(bench: Bench) -> str:
    item = {"component": {"name": "FiscalMetering", "evse": {"id": 1}}, "variable": {"name": "PublicKey"}}
    [result] = bench.csms("GetVariables", {"getVariableData": [item]})["getVariableResult"]
    return str(result["attributeValue"])


def test_E02_FR_14_a_signed_reading_verifies_with_the_key_in_the_device_model(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.SignReadings", True)
    bench.do("plug-in")
    bench.do("authorize", "04AA")
    bench.sent()
    bench.advance(60)
    [event] = bench.tx()
    [value] = event["meterValue"][0]["sampledValue"]
    signed = value["signedMeterValue"]
    assert signed["publicKey"] == ""
    assert (signed["encodingMethod"], signed["signingMethod"]) == ("OCMF", "ECDSA-secp256r1-SHA256")
    said = _signed_by(_public_key(bench), signed["signedMeterData"])
    assert said["ID"] == "04AA"
    assert said["RD"][0]["RV"] == value["value"] > 0


def test_E02_FR_14_a_forged_reading_does_not_verify(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.SignReadings", True)
    bench.do("plug-in")
    [value] = bench.tx()[0]["meterValue"][0]["sampledValue"]
    text = base64.b64decode(value["signedMeterValue"]["signedMeterData"]).decode()
    forged = base64.b64encode(text.replace('"RV":0.0', '"RV":9.0').encode()).decode()
    with pytest.raises(InvalidSignature):
        _signed_by(_public_key(bench), forged)


@pytest.mark.parametrize(
    ("told", "expected"),
    [("Never", [False, False]), ("OncePerTransaction", [True, False]), ("EveryMeterValue", [True, True])],
)
def test_J_the_public_key_is_told_as_configured(bench: Bench, told: str, expected: list[bool]) -> None:
    bench.set("SampledDataCtrlr.SignReadings", True)
    bench.set("OCPPCommCtrlr.PublicKeyWithSignedMeterValue", told)
    bench.do("plug-in")
    bench.advance(60)
    values = [event["meterValue"][0]["sampledValue"][0] for event in bench.tx()]
    assert [bool(value["signedMeterValue"]["publicKey"]) for value in values] == expected


@pytest.mark.parametrize("order", [("plug-in", "authorize"), ("authorize", "plug-in")])
def test_E01_FR_04_a_signed_reading_starts_the_transaction(bench: Bench, order: tuple[str, str]) -> None:
    bench.set("TxCtrlr.TxStartPoint", "DataSigned")
    bench.set("SampledDataCtrlr.SignReadings", True)
    for command in order:
        bench.do(command)
    started, charging = bench.tx()
    assert (started["eventType"], started["triggerReason"]) == ("Started", "SignedDataReceived")
    assert "signedMeterValue" in started["meterValue"][0]["sampledValue"][0]
    assert started["idToken"]["idToken"] == "04A2B3C4"
    assert charging["transactionInfo"]["chargingState"] == "Charging"


def test_E01_FR_04_without_SignReadings_nothing_is_signed_and_nothing_starts(bench: Bench) -> None:
    bench.set("TxCtrlr.TxStartPoint", "DataSigned")
    bench.do("plug-in")
    bench.do("authorize")
    assert bench.tx() == []
