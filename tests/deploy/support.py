"""What the deployment tests share: the files that are shipped, and a Mosquitto with accounts."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.daemon import PATIENCE_S, free_port

PROJECT = Path(__file__).parents[2]
ACL = PROJECT / "docker" / "mosquitto" / "acl"

# Distributions install daemons where a user's PATH does not lead.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PASSWORDS = {
    "ocppd": "for-the-daemon",
    "buttons": "for-the-buttons",
    "dashboard": "for-the-dashboard",
    "operator": "for-the-operator",
}


def tool(name: str) -> str | None:
    """Where a program is."""
    return shutil.which(name) or shutil.which(name, path=_PATH)


needs_mosquitto = pytest.mark.skipif(not tool("mosquitto"), reason="mosquitto is not installed")


def commands(readme: Path) -> dict[str, str]:
    """What the README tells to type, by heading; several blocks under one heading are one."""
    found: dict[str, str] = {}
    for part in re.split(r"^## ", readme.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        found[title] = "".join(re.findall(r"^```sh\n(.*?)^```", body, flags=re.MULTILINE | re.DOTALL))
    return found


@asynccontextmanager
async def mosquitto(
    folder: Path, passwords: Mapping[str, str] = PASSWORDS, acl: Path = ACL
) -> AsyncIterator[int]:
    """A real broker with these accounts, on a loopback port."""
    port = free_port()
    accounts = folder / "passwords"
    accounts.write_text("".join(f"{name}:{password}\n" for name, password in passwords.items()))
    await (await asyncio.create_subprocess_exec(str(tool("mosquitto_passwd")), "-U", str(accounts))).wait()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"""\
listener {port} 127.0.0.1
allow_anonymous false
password_file {accounts}
acl_file {acl}
set_tcp_nodelay true
user root
"""
    )
    process = await asyncio.create_subprocess_exec(
        str(tool("mosquitto")), "-c", str(config), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await listening(port)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def listening(port: int) -> None:
    """Return when somebody listens there."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                return
