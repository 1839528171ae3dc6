"""J. Signed meter values: verified with the public key that the station tells, by more than one tool."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.bench import Bench, Json


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


def _reading(bench: Bench) -> tuple[Json, Json]:
    """The SignedMeterValueType of the latest event, and what its OCMF says, verified or not."""
    [value] = bench.tx()[-1]["meterValue"][0]["sampledValue"]
    signed: Json = value["signedMeterValue"]
    return signed, json.loads(base64.b64decode(signed["signedMeterData"]).decode().split("|")[1])


def test_a_meter_that_forges_tells_more_than_it_has_signed(bench: Bench) -> None:
    bench.set("SampledDataCtrlr.SignReadings", True)
    bench.do("plug-in")
    bench.do("meter", forge=True)
    bench.advance(60)
    signed, said = _reading(bench)
    assert said["RD"][0]["RV"] == 1000
    with pytest.raises(InvalidSignature):
        _signed_by(_public_key(bench), signed["signedMeterData"])
    bench.do("meter", forge=False)
    bench.advance(60)
    signed, said = _reading(bench)
    assert _signed_by(_public_key(bench), signed["signedMeterData"]) == said
    assert said["RD"][0]["RV"] == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_TC_J_11_J02_FR_21_openssl_verifies_the_readings_of_the_end(bench: Bench, tmp_path: Path) -> None:
    bench.set("SampledDataCtrlr.SignReadings", True)
    bench.set("SampledDataCtrlr.TxEndedInterval", 60)
    bench.set("OCPPCommCtrlr.PublicKeyWithSignedMeterValue", "EveryMeterValue")
    bench.do("plug-in")
    bench.do("authorize", "AAAA")
    bench.advance(90)
    bench.do("unplug")
    values = [it for value in bench.tx()[-1]["meterValue"] for it in value["sampledValue"]]
    assert [it["context"] for it in values] == ["Transaction.Begin", "Sample.Periodic", "Transaction.End"]
    for value in values:
        signed = value["signedMeterValue"]
        _, payload, tail = base64.b64decode(signed["signedMeterData"]).decode().split("|")
        (tmp_path / "key").write_bytes(base64.b64decode(signed["publicKey"]))
        (tmp_path / "signature").write_bytes(bytes.fromhex(json.loads(tail)["SD"]))
        (tmp_path / "payload").write_text(payload)
        command = "openssl dgst -sha256 -keyform DER -verify key -signature signature payload"
        told = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, check=True)
        assert told.stdout == "Verified OK\n"
        assert json.loads(payload)["RD"][0]["RV"] == value["value"]


def test_what_is_signed_without_a_transaction_is_counted_apart(bench: Bench) -> None:
    bench.set("AlignedDataCtrlr.SignReadings", True)
    bench.set("SampledDataCtrlr.SignReadings", True)
    pages = []
    for _ in range(2):
        bench.do("meter-values", evse_id=1)
        [value] = bench.sent("MeterValues")[0]["meterValue"][0]["sampledValue"]
        data = value["signedMeterValue"]["signedMeterData"]
        said = _signed_by(_public_key(bench), data)
        assert "TX" not in said["RD"][0]
        bench.do("plug-in")
        pages += [said["PG"], _reading(bench)[1]["PG"]]
        bench.do("unplug")
    assert pages == ["F1", "T1", "F2", "T4"]


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
