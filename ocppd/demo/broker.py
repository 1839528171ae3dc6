"""An MQTT broker of one's own on a loopback port: Mosquitto where it is installed, else amqtt.

Either runs as a child process, so that its cost, its log and its end stay outside the caller's event loop.
Nothing is kept when it ends. What to expect of amqtt, beside a tenth of the speed: it speaks MQTT 3.1.1 only,
and it sends retained messages to clients that never subscribed to them.

`python -m ocppd.demo.broker --port 1883` runs amqtt by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, STDOUT, Process
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Kind = Literal["mosquitto", "amqtt"]

START_TIMEOUT_S: Final = 20.0
"""How long a broker may take to accept connections: amqtt needs a quarter of a second on an idle machine."""

_HOST = "127.0.0.1"
_POLL_S = 0.01
# Distributions install daemons where a user's PATH does not lead.
_SBIN = "/usr/sbin"

# Without set_tcp_nodelay a message can wait 40 ms for an acknowledgement of the previous one.
_MOSQUITTO_CONF = f"""\
listener {{port}} {_HOST}
allow_anonymous true
set_tcp_nodelay true
persistence false
log_dest stderr
log_type error
log_type warning
"""


class BrokerError(Exception):
    """No broker could be started; the text says why and what to do."""


@asynccontextmanager
async def broker(port: int | None = None, *, prefer: Kind | None = None) -> AsyncIterator[int]:
    """Run a broker that accepts anonymous clients on 127.0.0.1 and yield its port.

    `port` None takes a free one. `prefer` None takes Mosquitto where it is installed, else amqtt; a kind that
    is named is taken or refused. Raises BrokerError where none is installed or it does not start. The child
    has been ended when the block is left, however it is left.
    """
    kind: Kind = prefer or ("mosquitto" if _mosquitto() else "amqtt")
    port = _free(port or 0)
    with tempfile.TemporaryDirectory(prefix="ocppd-broker-") as name:
        directory = Path(name)
        process = await _start(_command(kind, port, directory), directory / "log")
        try:
            await _until_ready(kind, process, port, directory / "log")
            yield port
        finally:
            # There is nothing to save, and a kill is the one end that cannot be put off.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _mosquitto() -> str | None:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)


def _free(port: int) -> int:
    """Answer a port that nobody listens on: `port`, or any where it is 0."""
    try:
        with socket.create_server((_HOST, port)) as server:
            return int(server.getsockname()[1])
    except OSError as error:
        raise BrokerError(f"port {port} of {_HOST} cannot be used: {error.strerror}") from error


def _command(kind: Kind, port: int, directory: Path) -> list[str]:
    """Build the command line that runs a broker of `kind`, after writing what it reads to `directory`."""
    if kind == "amqtt":
        if importlib.util.find_spec("amqtt") is None:
            raise BrokerError("no MQTT broker is installed: install mosquitto, or pip install 'ocppd[demo]'")
        return [sys.executable, "-m", "ocppd.demo.broker", "--port", str(port)]
    program = _mosquitto()
    if program is None:
        raise BrokerError(f"there is no mosquitto on the PATH nor in {_SBIN}")
    config = directory / "mosquitto.conf"
    config.write_text(_MOSQUITTO_CONF.format(port=port))
    return [program, "-c", str(config)]


async def _start(command: list[str], log: Path) -> Process:
    with log.open("wb") as output:
        # In a session of its own: a Ctrl-C is meant for the caller, who needs the broker to say goodbye.
        return await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=output, stderr=STDOUT, start_new_session=True
        )


async def _until_ready(kind: Kind, process: Process, port: int, log: Path) -> None:
    """Return when `process` accepts connections; BrokerError when it ends before, or takes too long."""
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while not await _accepts_connections(port):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _POLL_S)
                    break
    except TimeoutError:
        raise BrokerError(
            f"{kind} takes longer than {START_TIMEOUT_S:.0f} s to start: {_end_of(log)}"
        ) from None
    if process.returncode is not None:
        raise BrokerError(f"{kind} does not start (exit code {process.returncode}): {_end_of(log)}")


async def _accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-500:].strip() or "it said nothing"


async def _serve_amqtt(port: int) -> None:
    # amqtt comes with the extra `demo` alone, and has neither type hints nor stubs.
    from amqtt.broker import Broker  # type: ignore[import-untyped]  # noqa: PLC0415

    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"{_HOST}:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    await Broker(config).start()
    await asyncio.Event().wait()


def main(port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = 1883) -> None:
    """Run amqtt, an MQTT 3.1.1 broker for demonstrations, until it is killed."""
    asyncio.run(_serve_amqtt(port))


if __name__ == "__main__":
    typer.run(main)
