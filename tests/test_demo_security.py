"""`ocppd demo --security-profile`: the station and the CSMS over what the profile asks for."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path

import pytest
from websockets import ConnectionClosed, InvalidHandshake
from websockets.asyncio.client import connect

from tests.test_cli import Demo, demo, ocppd

OWN = "client certificate CN=SN-CP001, O=ocppd demo, serial "


async def charge(it: Demo) -> None:
    """A car comes, charges and leaves."""
    await it.until("Your turn")
    it.type("plug-in")
    await it.until("response/plug-in", '"ok":true')
    it.type("authorize 04A2B3C4")
    await it.until("Authorize", "Accepted")
    await it.until("TransactionEvent", "Charging")
    await it.until("meter", "11000 W")
    it.type("unplug")
    await it.until("TransactionEvent", "Ended")


async def over(it: Demo) -> str:
    assert await it.end() == 0
    said = "".join(it.said)
    assert "Traceback" not in said
    assert "PRIVATE KEY" not in said
    return said


async def test_A00_FR_401_profile_3_charges_over_mutual_tls(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-script", "--security-profile", "3") as it:
        url = (await it.until("csms    wss://127.0.0.1:")).split()[-1]
        ca, cert, key = [(await it.until(f"station tls.{key} ")).split()[-1] for key in ("ca", "cert", "key")]
        assert there(ca, cert, key)
        line = await it.until("CP001 has connected: TLSv1.3, TLS_", OWN)
        assert "basic auth" not in line
        await it.until("BootNotification", "Accepted")
        await charge(it)
        await refused(f"{url}/CP002", ssl.create_default_context(cafile=ca))
        assert "sign-certificate" in await over(it)
    assert not there(ca, cert, key)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def there(*files: str) -> set[str]:
    return {file for file in files if Path(file).exists()}


async def refused(url: str, context: ssl.SSLContext) -> None:
    """Without a certificate nobody comes in (A00.FR.407)."""
    with pytest.raises((OSError, InvalidHandshake, ConnectionClosed)):
        await connect(url, ssl=context, proxy=None)


@pytest.mark.parametrize(
    ("profile", "scheme", "how"),
    [("1", " ws://", ["no TLS, "]), ("2", " wss://", ["TLSv1.3, TLS_", "no client certificate, "])],
)
async def test_A00_FR_204_A00_FR_303_profiles_1_and_2_charge_with_basic_auth(
    tmp_path: Path, profile: str, scheme: str, how: list[str]
) -> None:
    async with demo(tmp_path, "--no-script", "--security-profile", profile) as it:
        await it.until("csms   ", scheme)
        await it.until("has connected: ", "basic auth as CP001", *how)
        await it.until("BootNotification", "Accepted")
        await charge(it)
        await over(it)


async def test_A01_the_csms_asks_for_the_new_password_once_the_station_has_it(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-script", "--security-profile", "1") as it:
        await it.until("Your turn")
        it.type("csms set SecurityCtrlr.BasicAuthPassword only-for-tests-0001")
        await it.until("SetVariables", "SecurityCtrlr.BasicAuthPassword Accepted")
        await it.until("CP001 has connected", "basic auth")
        it.type("plug-in")
        await it.until("TransactionEvent", "Started")
        assert "only-for-tests-0001" not in await over(it)


async def test_the_csms_asks_what_is_typed(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-script") as it:
        await it.until("Your turn")
        it.type("csms set SampledDataCtrlr.TxUpdatedInterval 7")
        await it.until("SetVariables", "SampledDataCtrlr.TxUpdatedInterval Accepted")
        it.type("csms get SampledDataCtrlr.TxUpdatedInterval")
        await it.until("GetVariables", "SampledDataCtrlr.TxUpdatedInterval=7 Accepted")
        it.type('csms GetBaseReport {"requestId": 1, "reportBase": "FullInventory"}')
        assert re.search(r"and \d+ more", await it.until("NotifyReport", "="))
        for line, words in (
            ("csms", "csms ACTION [JSON]"),
            ("csms Nonsense", "there is no action 'Nonsense'"),
            ("csms get x", "is not of the form"),
            ("csms Reset [1]", "must be a JSON object"),
            ("csms Reset {", "unexpected end of data"),
            ('csms Reset {"x": 1}', "unexpected keyword argument 'x'"),
            ('csms Reset {"type": "Sideways"}', "Sideways"),
        ):
            it.type(line)
            await it.until(words)
        said = await over(it)
        assert "has connected" not in said  # nothing to tell of without security


async def test_TC_A_11_sign_certificate_renews_the_certificate_and_connects_with_it(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-script", "--security-profile", "3") as it:
        old = (await it.until("has connected", OWN)).partition(OWN)[2].partition(",")[0]
        await it.until("Your turn")
        it.type("sign-certificate")
        await it.until("SignCertificate", "Accepted")
        await it.until("CertificateSigned", "Accepted")
        new = (await it.until("has connected", OWN)).partition(OWN)[2].partition(",")[0]
        assert new != old
        it.type("plug-in")
        await it.until("TransactionEvent", "Started")
        await over(it)


@pytest.mark.parametrize("profile", ["4", "-1", "x"])
def test_there_is_no_other_profile(tmp_path: Path, profile: str) -> None:
    result = ocppd("demo", "--security-profile", profile, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "--security-profile" in result.stderr
