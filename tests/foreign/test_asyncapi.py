"""What `ocppd asyncapi` prints, read by AsyncAPI's own parser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from ocppd import asyncapi
from tests.daemon import environment

HERE = Path(__file__).parent / "asyncapi"
INSTALL_TIMEOUT_S = 240
ERROR, WARNING = 0, 1

pytestmark = pytest.mark.timeout(INSTALL_TIMEOUT_S + 60)


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js, with the parser installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("needs node and npm on the PATH")
    if not (HERE / "node_modules" / "@asyncapi" / "parser").is_dir():
        command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=HERE, check=True, timeout=INSTALL_TIMEOUT_S)
    return node


def printed(folder: Path, form: str) -> bytes:
    """What the command line prints."""
    config = folder / "ocppd.yaml"
    config.write_text("mqtt: {username: ocppd, password: secret, tls: {}}\n")
    command = [sys.executable, "-m", "ocppd", "asyncapi", "--config", str(config), "--format", form]
    return subprocess.run(command, env=environment(), check=True, capture_output=True).stdout


def parsed(node: str, text: bytes) -> Any:
    """What the parser says of a document."""
    command = [node, str(HERE / "validate.js")]
    return orjson.loads(subprocess.run(command, input=text, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_the_official_parser_finds_nothing_wrong(node: str, tmp_path: Path, form: str) -> None:
    found = parsed(node, printed(tmp_path, form))
    assert [it for it in found["complaints"] if it["severity"] in (ERROR, WARNING)] == []
    assert found["counts"]["channels"] == len(asyncapi.channels())
    assert found["counts"]["messages"] == len(asyncapi.messages())


def test_the_parser_would_find_something(node: str, tmp_path: Path) -> None:
    wrong = orjson.loads(printed(tmp_path, "json"))
    wrong["operations"]["evse.cmd.authorize"]["channel"]["$ref"] = "#/channels/none"
    del wrong["channels"]["station.state"]["parameters"]
    wrong["channels"]["evse.meter"]["address"] = 3
    found = parsed(node, orjson.dumps(wrong))
    places = {it["path"] for it in found["complaints"] if it["severity"] == ERROR}
    assert places & {"operations/evse.cmd.authorize/channel/$ref", "channels/evse.meter/address"}
