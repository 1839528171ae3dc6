"""docs/how-to/secure-the-broker.md, word for word: at a real Mosquitto, with a daemon and `ocppd send`."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
import yaml

from tests.daemon import ID, Daemon, Json, daemon, environment, free_port, settings, station
from tests.deploy.support import ACL, PROJECT, listening, needs_mosquitto, tool

pytestmark = needs_mosquitto

PAGE = PROJECT / "docs" / "how-to" / "secure-the-broker.md"
NOWHERE = "ws://127.0.0.1:9/ocpp"
NEVER_HEARD = 1.5
"""Seconds after which `ocppd send` gives up where nobody can have heard it."""


def blocks(section: str, language: str) -> list[str]:
    """What the page has in that language under a heading."""
    text = PAGE.read_text(encoding="utf-8")
    part = next(it for it in re.split(r"^## ", text, flags=re.MULTILINE) if it.startswith(section))
    return re.findall(rf"^```{language}\n(.*?)^```", part, flags=re.MULTILINE | re.DOTALL)


def typed(folder: Path, command: str) -> str:
    """What a shell prints there."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"])
    found = subprocess.run(
        ["sh", "-euc", command],
        cwd=folder,
        env=environment() | {"PATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    return found.stdout


@asynccontextmanager
async def broker(folder: Path, section: str) -> AsyncIterator[int]:
    """Mosquitto as the section sets it up, on a free port."""
    shutil.copy(ACL, folder / "acl")
    port = free_port()
    [text] = blocks(section, "conf")
    own = re.sub(r"^listener .*", f"listener {port} 127.0.0.1", text, flags=re.MULTILINE)
    config = folder / "mosquitto.conf"
    config.write_text(own + "user root\n")
    process = await asyncio.create_subprocess_exec(
        str(tool("mosquitto")), "-c", str(config), cwd=folder, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await listening(port)
        yield port
    finally:
        process.kill()
        await process.wait()


def mqtt(section: str, port: int, **more: Any) -> Json:
    """The `mqtt` settings that the section tells."""
    [text] = blocks(section, "yaml")
    told: Json = yaml.safe_load(text)["mqtt"]
    assert told["host"] == "broker.local"
    return told | {"host": "127.0.0.1", "port": port} | more


async def send(folder: Path, access: Json, *words: str, timeout_s: float = 15) -> tuple[int | None, str]:
    """The exit status of `ocppd send`, and what it says."""
    config = folder / f"{uuid4()}.yaml"
    config.write_bytes(orjson.dumps({"daemon": {"id": ID}, "mqtt": access}))
    options = ("--config", str(config), f"--timeout={timeout_s}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocppd", "send", *options, *words),
        cwd=folder,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@asynccontextmanager
async def connected(folder: Path, access: Json) -> AsyncIterator[Daemon]:
    async with daemon(folder, settings(None, NOWHERE, station()) | {"mqtt": access}) as it:
        await it.ready()
        yield it


async def test_with_passwords_each_role_may_what_is_its_own(tmp_path: Path) -> None:
    [command] = blocks("Passwords", "sh")
    typed(tmp_path, command)
    assert (tmp_path / "operator").stat().st_mode & 0o077 == 0
    async with broker(tmp_path, "Passwords") as port:
        access = mqtt("Passwords", port)
        async with connected(tmp_path, access):
            operator = access | {"username": "operator", "password_file": "operator"}
            code, said = await send(tmp_path, operator, "CP001", "get")
            assert (code, orjson.loads(said)["ok"]) == (0, True)
            wrong = operator | {"password_file": "buttons"}
            code, said = await send(tmp_path, wrong, "CP001", "get")
            assert (code, "ot authori" in said) == (3, True), said


def certificate(name: str, folder: str = "tls") -> Json:
    return {"ca": "tls/csms-root.pem", "cert": f"{folder}/{name}.pem", "key": f"{folder}/{name}.key"}


REFUSED = {
    "no certificate": ({"ca": "tls/csms-root.pem"}, "mqtt.tls.cert: the broker wants a certificate"),
    "an expired one": (
        certificate("station-expired", "tls/bad"),
        "mqtt.tls.cert: the broker refuses the certificate: certificate expired",
    ),
    "one of another authority": (
        certificate("station-wrong-chain", "tls/bad"),
        "mqtt.tls.cert: the broker refuses the certificate: unknown ca",
    ),
    "another root": (
        certificate("station-ocppd") | {"ca": "tls/bad/other-root.pem"},
        "mqtt.tls.ca: the certificate of the broker is refused: ",
    ),
}


@pytest.mark.timeout(90)
async def test_with_certificates_the_common_name_is_the_role(tmp_path: Path) -> None:
    making, watching = blocks("Certificates", "sh")
    typed(tmp_path, making.strip() + " --bad")
    async with broker(tmp_path, "Certificates") as port:
        access = mqtt("Certificates", port)
        async with connected(tmp_path, access) as ocppd:
            operator = access | {"tls": certificate("station-operator")}
            code, said = await send(tmp_path, operator, "CP001/1/1", "plug-in")
            assert (code, orjson.loads(said)["changed"]) == (0, True)
            shown = typed(
                tmp_path, watching.replace("broker.local", "localhost").replace("-p 8883", f"-p {port}")
            )
            assert orjson.loads(shown)["station"] == "CP001"
            # A dashboard commands nothing: nobody has heard it.
            dashboard = access | {"tls": certificate("station-dashboard")}
            code, said = await send(tmp_path, dashboard, "CP001/1/1", "unplug", timeout_s=NEVER_HEARD)
            assert (code, "nobody has answered" in said) == (3, True)
            code, said = await send(tmp_path, operator, "CP001", "get")
            assert orjson.loads(said)["result"]["evses"][0]["connectors"][0]["plugged"]
            assert not ocppd.log("mqtt.not_echoed")
        sends = (send(tmp_path, access | {"tls": tls}, "CP001", "get") for tls, _ in REFUSED.values())
        for (_, reason), (code, said) in zip(REFUSED.values(), await asyncio.gather(*sends), strict=True):
            assert (code, said.startswith(f"broker 127.0.0.1:{port}: {reason}")) == (3, True), said
        tls, reason = REFUSED["an expired one"]
        async with daemon(
            tmp_path, settings(None, NOWHERE, station()) | {"mqtt": access | {"tls": tls}}
        ) as it:
            assert (await it.logged("mqtt.down"))["reason"] == reason


def test_the_page_names_what_is_said() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for _, reason in REFUSED.values():
        assert reason.rpartition(": ")[0] in text or reason in text
    roles = re.findall(r"^user (\w+)", ACL.read_text(), flags=re.MULTILINE)
    assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == roles
