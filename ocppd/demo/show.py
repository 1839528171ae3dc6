"""`ocppd demo`: a car comes, charges and leaves by MQTT commands that are shown; then it is your turn."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiomqtt
import orjson
import typer

from ocppd.app import run as run_daemon
from ocppd.blocks import handlers
from ocppd.blocks.j_meter_values import ENERGY
from ocppd.client import Client, connect
from ocppd.commands import Commands
from ocppd.demo.broker import BrokerError, broker
from ocppd.demo.csms import Message, csms
from ocppd.edge.mqtt import TargetError, parse_target
from ocppd.edge.mqtt.topics import command_name, command_topic
from ocppd.settings import Settings

if TYPE_CHECKING:
    from ocppd.daemon import Daemon

STATION = "CP001"
_TARGET = f"{STATION}/1/1"
# What happens: the seconds that pass before it, the target, the command, its argument, and why.
_SCRIPT = (
    (1.0, _TARGET, "plug-in", "", "A car arrives with 20 % in its battery and plugs in."),
    (1.5, f"{STATION}/1", "authorize", "04A2B3C4", "The driver holds a card to the reader."),
    (9.0, f"{STATION}/1", "authorize", "04A2B3C4", "The same card again: enough."),
    (1.5, _TARGET, "unplug", "", "The cable comes out, and the car leaves."),
)
_HELP = """\
Your turn: [TARGET] COMMAND [ARGUMENT], for instance

    plug-in                        the car comes back
    authorize 04B10C4E             a card that the CSMS has blocked
    fault GroundFault              then: clear-fault
    network {"on": false, "for_s": 20, "silent": true}
    get                            the whole state of the station

or from another terminal:

    mosquitto_pub -p PORT -t TOPIC -n
    mosquitto_sub -p PORT -v -t 'ocppd/v1/#'

help shows this again; Ctrl-C or an empty line of input's end stops it all."""


async def run(*, script: bool = True) -> None:
    """Run it until SIGTERM, SIGINT or the end of standard input; `script` plays the session first."""
    try:
        async with broker() as port, csms(on_message=_csms_said) as remote:
            with tempfile.TemporaryDirectory(prefix="ocppd-demo-") as folder:
                await _play(_settings(port, remote.url, Path(folder)), port, script=script)
    except BrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _settings(port: int, url: str, folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "daemon": {"id": "demo"},
            "mqtt": {"port": port, "meter_interval": 2},
            "csms": {"url": url},
            "state": {"path": folder / "charge_point_state.json"},
            "stations": [
                {
                    "id": STATION,
                    "template": "ac-22kw",
                    "variables": {
                        "SampledDataCtrlr.TxUpdatedInterval": 3,
                        "SampledDataCtrlr.TxUpdatedMeasurands": f"{ENERGY},Power.Active.Import",
                    },
                }
            ],
        }
    )


async def _play(settings: Settings, port: int, *, script: bool) -> None:
    """The daemon beside its user; the end of the one ends the other."""
    started = asyncio.Event()

    def ready(_daemon: Daemon) -> None:
        started.set()

    daemon = asyncio.create_task(run_daemon(settings, ready=ready), name="demo-daemon")
    user = asyncio.create_task(_user(port, started, script=script), name="demo-user")
    done, _ = await asyncio.wait([daemon, user], return_when=asyncio.FIRST_COMPLETED)
    for task in (user, daemon):
        task.cancel()
        await asyncio.wait([task])
    for task in done:
        task.result()


async def _user(port: int, started: asyncio.Event, *, script: bool) -> None:
    await started.wait()
    async with connect(
        "127.0.0.1", port, heard=_daemon_said, protocol=aiomqtt.ProtocolVersion.V311
    ) as client:
        await client.watch()
        await asyncio.sleep(1)
        for wait, target, command, argument, why in _SCRIPT if script else ():
            await asyncio.sleep(wait)
            typer.secho(f"\n# {why}", fg="cyan")
            await _send(client, target, command, argument)
        await asyncio.sleep(1)
        typer.echo("\n" + _help(port))
        await _prompt(client, port)


async def _prompt(client: Client, port: int) -> None:
    """Send what is typed, until the input ends; without any input, until the daemon is stopped."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    except (OSError, ValueError):  # no standard input, as under a service manager
        await asyncio.Event().wait()
    while line := await lines.readline():
        words = line.decode(errors="replace").strip()
        if words in ("help", "?"):
            typer.echo(_help(port))
        elif words:
            await _typed(client, words)


async def _typed(client: Client, line: str) -> None:
    """`[TARGET] COMMAND [ARGUMENT]`: the target is what starts with the station's name."""
    first, _, rest = line.partition(" ")
    named, line = (first, rest) if first.split("/")[0] == STATION else (None, line)
    command, _, argument = line.partition(" ")
    target = named or _default_target(command)
    if not command:
        typer.echo("which command? help shows some")
        return
    try:
        await _send(client, target, command, argument.strip())
    except TargetError as error:
        typer.echo(str(error))


def _default_target(command: str) -> str:
    """The connector, its EVSE or the station: what the command is for."""
    known = Commands(handlers()).by_name.get(command_name(command))
    targets = {"station": STATION, "evse": f"{STATION}/1", "connector": _TARGET}
    return targets[known.scope] if known is not None else _TARGET


async def _send(client: Client, target: str, command: str, argument: str) -> None:
    scope = parse_target(target)
    topic = command_topic("ocppd", scope, command)
    typer.secho(f"you  →  {topic} {argument}".rstrip(), fg="green")
    try:
        await client.send(scope, command, argument)
    except TimeoutError:
        typer.echo("nobody has answered")


def _daemon_said(topic: str, payload: bytes) -> None:
    """One line for each answer, event and meter; what only repeats them stays unsaid."""
    what = topic.removeprefix(f"ocppd/v1/station/{STATION}/")
    if "/response/" in topic:
        typer.secho(f"mqtt ←  {what} {_short(orjson.loads(payload))}", fg="green")
    elif what.endswith("/meter"):
        meter = orjson.loads(payload)
        typer.echo(f"mqtt ←  {what} {meter['power_w']} W, {meter['energy_wh']} Wh, SoC {meter['soc']} %")
    elif what.endswith("/status"):
        typer.echo(f"mqtt ←  {what} {payload.decode()}")


def _short(answer: dict[str, Any]) -> str:
    wanted = ("ok", "changed", "ignored", "result", "error", "ms")
    return orjson.dumps({key: answer[key] for key in wanted if answer.get(key) not in (None, {})}).decode()


def _csms_said(message: Message) -> None:
    arrow = "→" if message.direction == "in" else "←"
    typer.secho(f"ocpp {arrow}  {message.action} {_gist(message)}".rstrip(), fg="yellow")


def _gist(message: Message) -> str:
    """Of a message what tells the story."""
    payload = message.payload
    info = payload.get("transactionInfo", {})
    words = [payload.get(key) for key in ("status", "eventType", "triggerReason", "connectorStatus", "type")]
    words += [info.get("chargingState"), info.get("stoppedReason")]
    words.append((payload.get("idTokenInfo") or {}).get("status"))
    return " ".join(str(word) for word in words if word)


def _help(port: int) -> str:
    topic = command_topic("ocppd", parse_target(_TARGET), "plug-in")
    return _HELP.replace("PORT", str(port)).replace("TOPIC", topic)
