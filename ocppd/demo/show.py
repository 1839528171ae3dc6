"""`ocppd demo`: a car comes, charges and leaves by MQTT commands that are shown; then it is your turn."""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiomqtt
import orjson
import typer
from ocpp.exceptions import OCPPError  # type: ignore[import-untyped]  # no type hints

from ocppd.app import run as run_daemon
from ocppd.blocks import handlers
from ocppd.blocks.j_measurands import REGISTER
from ocppd.client import connect
from ocppd.commands import Commands
from ocppd.demo.broker import BrokerError, broker
from ocppd.demo.csms import Csms, Message, RemoteStation, Tls, csms, describe
from ocppd.edge.mqtt import parse_target
from ocppd.edge.mqtt.topics import Scope, command_topic
from ocppd.pki import Plan, make, station_file
from ocppd.settings import Settings
from ocppd.settings.presets import parse_variable
from ocppd.shell.answers import answer_text
from ocppd.shell.session import NobodyError, Session
from ocppd.telling import json_line, printable

if TYPE_CHECKING:
    from ocppd.daemon import Daemon

STATION = "CP001"
_SERIAL = "SN-CP001"
_OWNER = "ocppd demo"
_DAEMON = "demo"
_PATIENCE_S = 35.0
_ITEMS_SHOWN = 4  # of a list in a message
_HIDDEN = "SecurityCtrlr.BasicAuthPassword"
_TARGET = f"{STATION}/1/1"
# What happens: the seconds that pass before it, what is typed, and why.
_SCRIPT = (
    (1.0, "plug-in", "A car arrives with 20 % in its battery and plugs in."),
    (1.5, "authorize 04A2B3C4", "The driver holds a card to the reader."),
    (9.0, "authorize 04A2B3C4", "The same card again: enough."),
    (1.5, "unplug", "The cable comes out, and the car leaves."),
)
_HELP = """\
Your turn: [TARGET] COMMAND [ARGUMENTS], as in `ocppd shell`, for instance

    plug-in                        the car comes back
    authorize 04B10C4E             a card that the CSMS has blocked
    fault GroundFault              then: clear-fault
    network OFF for_s=20 silent=true
    get                            the whole state of the station
    help limit                     what is known of a command
SECURITY
or let the CSMS ask: csms ACTION [JSON], csms get VARIABLE, csms set VARIABLE VALUE

    csms GetBaseReport {"requestId": 1, "reportBase": "ConfigurationInventory"}
    csms set SampledDataCtrlr.TxUpdatedInterval 1
    csms get OCPPCommCtrlr.NetworkConfigurationPriority

or from another terminal:

    mosquitto_pub -p PORT -t TOPIC -n
    mosquitto_sub -p PORT -v -t 'ocppd/v1/#'

help shows this again; exit or Ctrl-C ends it all."""
_RENEW = """\
    sign-certificate               a new certificate for the station, which then connects with it
"""
_PROFILES = (
    "nothing",
    "basic auth, in the clear.",
    "TLS with a certificate of the CSMS, and basic auth.",
    "TLS with certificates of both sides.",
)


@dataclass(frozen=True)
class _Security:
    """A security profile as both sides need it: settings of the station, TLS and password of the CSMS."""

    profile: int
    password: str | None = None
    tls: Tls | None = None
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, profile: int, folder: Path) -> _Security:
        """Whatever the profile needs; certificates are made in `folder`."""
        password = secrets.token_urlsafe(16) if profile in (1, 2) else None
        if profile < 2:
            return cls(profile, password)
        make(Plan({STATION: _SERIAL}, organization=_OWNER), folder)
        files = {"ca": "csms-root.pem"}
        if profile == 3:
            own = station_file(STATION)
            files |= {"cert": f"{own}.pem", "key": f"{own}.key"}
        paths = {key: str(folder / name) for key, name in files.items()}
        return cls(profile, password, Tls.of(folder, mutual=profile == 3), paths)

    def settings(self, url: str) -> dict[str, Any]:
        """The section `csms`."""
        given = {"password": self.password} if self.password else {}
        return {"url": url, "security_profile": self.profile, "tls": self.files, **given}

    def tell(self, url: str) -> None:
        """Say what was made, and nothing that is secret."""
        if self.profile == 0:
            return
        typer.secho(f"# Security profile {self.profile}: {_PROFILES[self.profile]}", fg="cyan")
        typer.echo(f"csms    {url}")
        if self.password:
            typer.echo(f"csms    user {STATION}, and a password of {len(self.password)} characters")
        for key, path in self.files.items():
            typer.echo(f"station tls.{key} {path}")

    def met(self, station: RemoteStation) -> None:
        """Say how a station has come in."""
        if self.profile == 0:
            return
        who = quote(station.identity, safe="")
        how = f", basic auth as {who}" if self.password else ""
        typer.secho(f"csms ●  {who} has connected: {describe(station.peer)}{how}", fg="magenta")


async def run(*, script: bool = True, security_profile: int = 0) -> None:
    """Run it until SIGTERM, SIGINT or the end of standard input; `script` plays the session first.

    `security_profile` (0 to 3) is that of the station and of the CSMS (A00).
    """
    try:
        with tempfile.TemporaryDirectory(prefix="ocppd-demo-") as name:
            folder = Path(name)
            security = _Security.make(security_profile, folder / "pki")
            async with (
                broker() as port,
                csms(
                    password=security.password,
                    tls=security.tls,
                    on_message=_csms_said,
                    on_connect=security.met,
                ) as remote,
            ):
                security.tell(remote.url)
                settings = _settings(port, security.settings(remote.url), folder)
                await _play(settings, _Table(port, remote, security_profile), script=script)
    except BrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@dataclass(frozen=True)
class _Table:
    """What the user sits at: the broker's port, the CSMS, and the security profile of the station."""

    port: int
    remote: Csms
    security_profile: int


def _settings(port: int, csms: dict[str, Any], folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "daemon": {"id": _DAEMON},
            "mqtt": {"port": port, "meter_interval": 2},
            "csms": csms,
            "state": {"path": folder / "charge_point_state.json"},
            "transfers": {"allow_loopback": True},
            "stations": [
                {
                    "id": STATION,
                    "serial": _SERIAL,
                    "template": "ac-22kw",
                    "variables": {
                        "SecurityCtrlr.OrganizationName": _OWNER,
                        "ISO15118Ctrlr.OrganizationName": _OWNER,
                        "SampledDataCtrlr.TxUpdatedInterval": 3,
                        "SampledDataCtrlr.TxUpdatedMeasurands": f"{REGISTER},Power.Active.Import",
                    },
                }
            ],
        }
    )


async def _play(settings: Settings, table: _Table, *, script: bool) -> None:
    """The daemon beside its user; the end of the one ends the other."""
    started = asyncio.Event()

    def ready(_daemon: Daemon) -> None:
        started.set()

    daemon = asyncio.create_task(run_daemon(settings, ready=ready), name="demo-daemon")
    user = asyncio.create_task(_user(table, started, script=script), name="demo-user")
    done, _ = await asyncio.wait([daemon, user], return_when=asyncio.FIRST_COMPLETED)
    for task in (user, daemon):
        task.cancel()
        await asyncio.wait([task])
    for task in done:
        task.result()


async def _user(table: _Table, started: asyncio.Event, *, script: bool) -> None:
    await started.wait()
    session = Session("ocppd", _DAEMON, _PATIENCE_S, sent=_you_said)
    session.target, session.shows = parse_target(_TARGET), []

    def heard(topic: str, payload: bytes) -> None:
        session.heard(topic, payload)
        _daemon_said(topic, payload)

    async with (
        connect("127.0.0.1", table.port, heard=heard, protocol=aiomqtt.ProtocolVersion.V311) as client,
        session.at(client, within_s=_PATIENCE_S),
    ):
        await client.watch()
        await asyncio.sleep(1)
        for wait, line, why in _SCRIPT if script else ():
            await asyncio.sleep(wait)
            typer.secho(f"\n# {why}", fg="cyan")
            await _typed(session, line)
        await asyncio.sleep(1)
        typer.echo("\n" + _help(table))
        with suppress(EOFError):
            await _prompt(session, table)


async def _prompt(session: Session, table: _Table) -> None:
    """Do what is typed, until the input ends; without any input, until the daemon is stopped.

    Raises:
        EOFError: a line says that this is the end.
    """
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    except (OSError, ValueError):  # no standard input, as under a service manager
        await asyncio.Event().wait()
    while line := await lines.readline():
        words = line.decode(errors="replace").strip()
        if words in ("help", "?"):
            typer.echo(_help(table))
        elif words.split()[:1] == ["csms"]:
            await _asked(table.remote, words)
        elif words:
            await _typed(session, words)


async def _asked(remote: Csms, line: str) -> None:
    """`csms ACTION [JSON]`, `csms get VARIABLE` or `csms set VARIABLE VALUE`; what passes is shown."""
    _, action, argument, *_ = *line.split(maxsplit=2), "", ""
    if not action:
        typer.echo("csms ACTION [JSON], csms get VARIABLE or csms set VARIABLE VALUE")
        return
    try:
        action, payload = _request(action, argument)
        _follow(remote, payload, await remote.ask(STATION, action, payload))
    except TimeoutError:
        typer.echo("the station has not answered")
    except OCPPError as error:
        typer.echo(_complaint(error))
    except (ConnectionError, ValueError) as error:
        typer.echo(str(error))


def _complaint(error: OCPPError) -> str:
    """What is wrong with a payload, without all the schema that says so."""
    cause = error.details.get("cause") if isinstance(error.details, dict) else None
    return str(cause or error).partition("\n")[0]


def _follow(remote: Csms, asked: dict[str, Any], answer: dict[str, Any]) -> None:
    """Expect the new password from a station that has taken it (A01)."""
    taken = any(
        _name(it) == _HIDDEN and it.get("attributeStatus") == "Accepted"
        for it in answer.get("setVariableResult", ())
    )
    for item in asked.get("setVariableData", ()) if taken else ():
        if _name(item) == _HIDDEN and remote.password is not None:
            remote.password = item["attributeValue"]


def _request(action: str, argument: str) -> tuple[str, dict[str, Any]]:
    """The action and its payload. Raises ValueError where the words are none."""
    if action not in {"get", "set"}:
        payload = orjson.loads(argument or "{}")
        if not isinstance(payload, dict):
            raise ValueError("the payload must be a JSON object")
        return action, payload
    variable, _, value = argument.partition(" ")
    names = dict(zip(("component", "variable"), _named(variable), strict=True))
    if action == "get":
        return "GetVariables", {"getVariableData": [names]}
    return "SetVariables", {"setVariableData": [names | {"attributeValue": value.strip()}]}


def _named(text: str) -> list[dict[str, str]]:
    """ComponentType and VariableType of `Component[instance].Variable[instance]`."""
    component, of_component, variable, of_variable = parse_variable(text)
    pairs = (component, of_component), (variable, of_variable)
    return [{"name": name} | ({"instance": instance} if instance else {}) for name, instance in pairs]


async def _typed(session: Session, line: str) -> None:
    """A line of the shell; what the station answers is shown when it is heard. Raises EOFError for `exit`."""
    try:
        answer = await session.do(line)
    except NobodyError as error:
        typer.echo(str(error))
        return
    if answer is not None and answer.get("station") != STATION:
        typer.echo(answer_text(answer))


def _you_said(scope: Scope, command: str, argument: str | dict[str, Any]) -> None:
    """The message of a line, with bare text where that says the same."""
    known = Commands(handlers()).by_name.get(command)
    if isinstance(argument, dict):
        bare = argument.get(known.primary) if known and known.primary and len(argument) == 1 else None
        argument = bare if isinstance(bare, str) else json_line(argument) if argument else ""
    topic = command_topic("ocppd", scope, command)
    typer.secho(f"you  →  {topic} {printable(argument)}".rstrip(), fg="green")


def _daemon_said(topic: str, payload: bytes) -> None:
    """One line for each answer, status and meter of the station; what only repeats them stays unsaid."""
    _, is_station, what = topic.partition(f"/station/{STATION}/")
    if not is_station:
        return
    if "/response/" in topic:
        typer.secho(f"mqtt ←  {what} {_short(orjson.loads(payload))}", fg="green")
    elif what.endswith("/meter"):
        meter = orjson.loads(payload)
        car = "" if meter["soc"] is None else f", SoC {meter['soc']} %"
        typer.echo(f"mqtt ←  {what} {meter['power_w']} W, {meter['energy_wh']} Wh{car}")
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
    words += [_items(value) for value in payload.values() if isinstance(value, list)]
    return " ".join(str(word) for word in words if word)


def _items(items: list[Any]) -> str:
    """What a list says of variables: the first ones, and how many more."""
    told = [_item(item) for item in items if isinstance(item, dict) and "variable" in item]
    more = f"and {len(told) - _ITEMS_SHOWN} more" if len(told) > _ITEMS_SHOWN else ""
    return ", ".join(filter(None, [*told[:_ITEMS_SHOWN], more]))


def _name(item: dict[str, Any]) -> str:
    """`Component[instance].Variable[instance]`."""
    places = item.get("component") or {}, item.get("variable") or {}
    instances = (f"[{it['instance']}]" if "instance" in it else "" for it in places)
    return ".".join(f"{it.get('name')}{instance}" for it, instance in zip(places, instances, strict=True))


def _item(item: dict[str, Any]) -> str:
    """An item of a list about variables, in a few words, and without a password."""
    name, status = _name(item), item.get("attributeStatus")
    attributes = item.get("variableAttribute") or [{}]
    values = (item.get("attributeValue"), item.get("actualValue"), attributes[0].get("value"))
    value = next((it for it in values if it is not None), None)
    if value is not None:
        name += "=..." if name == _HIDDEN else f"={value}"
    return " ".join(filter(None, [name, status]))


def _help(table: _Table) -> str:
    topic = command_topic("ocppd", parse_target(_TARGET), "plug-in")
    security = _RENEW if table.security_profile == 3 else ""
    text = _HELP.replace("SECURITY", security).replace("PORT", str(table.port))
    return text.replace("TOPIC", topic)
