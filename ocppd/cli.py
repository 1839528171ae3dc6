"""The command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer

from ocppd import __version__, log
from ocppd.edge.store import StoreError
from ocppd.settings import Settings, SettingsError, load

app = typer.Typer(
    name="ocppd",
    help="OCPP 2.0.1 charging stations as a daemon, mirrored to and driven by MQTT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Config = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings; later files win. Default: config/ocppd.yaml, then /etc/ocppd/ocppd.yaml.",
        show_default=False,
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ocppd {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that all commands share."""


@app.command()
def run(config: Config = None) -> None:
    """Run the daemon until SIGTERM or Ctrl-C."""
    from ocppd.app import run as run_daemon

    settings = _load(config)
    log.configure(settings.daemon.log.level, settings.daemon.log.format)
    try:
        run_loop(run_daemon(settings, lambda: load(config)))
    except (SettingsError, StoreError) as error:
        _refuse(error)


@app.command()
def check(config: Config = None) -> None:
    """Validate the settings and the state file, and print what would run."""
    from ocppd.app import build

    settings = _load(config)
    log.configure("error", "console")
    try:
        daemon, _ = build(settings)
    except (SettingsError, StoreError) as error:
        _refuse(error)
    _show(settings, [station.description for station in daemon.fleet.stations.values()])


@app.command(context_settings={"ignore_unknown_options": True})  # so that -5 is a number
def send(
    target: Annotated[
        str, typer.Argument(help="CP001, CP001/1, CP001/1/2, daemon, daemon/ID, group/NAME or all.")
    ],
    command: Annotated[str, typer.Argument(help="One of `ocppd commands`.")],
    argument: Annotated[str, typer.Argument(help="Bare text, or a JSON object.")] = "",
    config: Config = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.")] = 35.0,
) -> None:
    """Send one command to a running daemon and print the answer as JSON.

    Exit status: 0 where the answer is ok, 1 where it is not, 2 where the settings or the command line are
    wrong, 3 where nobody answers or there is no connection to the broker.
    """
    from ocppd.client import NoBrokerError, send_once
    from ocppd.edge.mqtt import TargetError, parse_target
    from ocppd.edge.reasons import LinkError

    for word in (target, command, argument):
        if word.startswith("--"):
            raise typer.BadParameter(f"No such option: {word}")
    settings = _load(config)
    log.configure("error", "console")
    try:
        scope = parse_target(f"daemon/{settings.daemon.id}" if target == "daemon" else target)
    except TargetError as error:
        raise typer.BadParameter(str(error), param_hint="TARGET") from None
    try:
        answer = asyncio.run(send_once(settings, scope, command, argument, timeout))
    except LinkError as error:
        _refuse(LinkError(f"mqtt.tls: {error}"))
    except NoBrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None
    if answer is None:
        typer.echo(f"nobody has answered at {settings.mqtt.host}:{settings.mqtt.port}", err=True)
        raise typer.Exit(3)
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    raise typer.Exit(0 if answer.get("ok") else 1)


@app.command()
def commands() -> None:
    """List every command, with its arguments as its own code declares them."""
    from ocppd.reference import command_reference

    typer.echo(command_reference())


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration."""
    from ocppd.settings import json_schema

    typer.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())


@app.command()
def pki(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put them; made if need be.")],
    host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name or address of the CSMS, beside localhost, 127.0.0.1 and ::1; may be repeated.",
        ),
    ] = None,
    station: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID[:SERIAL]",
            help="A station, with a serial number other than SN-ID; may be repeated. Default: CP001.",
        ),
    ] = None,
    emaid: Annotated[str, typer.Option(help="The eMAID of the contract.")] = "DE8AA1A2B3C4D5",
    organization: Annotated[str, typer.Option(help="The owner of everything, O.")] = "ocppd",
    ocsp: Annotated[
        str, typer.Option(metavar="URL", help="The OCSP responder that certificates of V2G and MO name.")
    ] = "http://ocsp.example.test/",
    days: Annotated[int, typer.Option(min=1, max=36500, help="How long certificates are valid.")] = 365,
    rsa: Annotated[
        bool, typer.Option("--rsa", help="RSA 2048 instead of EC P-256, but for V2G and MO.")
    ] = False,
    bad: Annotated[
        bool, typer.Option("--bad", help="Bad certificates, too, in DIR/bad: each is wrong in one way.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Make certificates and keys to test with, and show the settings that use them.

    A root of the CSMS, its server and its stations; of V2G, of a mobility operator with a contract, and of a
    manufacturer with a certificate that signs firmware. What each file is stands in DIR/README.txt. Keys are
    readable by their owner alone. Not for production: the authorities' keys lie there, too.

    Exit status: 2 where nothing was made, and why.
    """
    from ocppd.issuing import PkiError
    from ocppd.pki import Plan, make

    try:
        stations = _serials(station or ["CP001"])
        plan = Plan(stations, tuple(host or ()), emaid, organization, ocsp, rsa=rsa, days=days, bad=bad)
        typer.echo(make(plan, directory, force=force))
    except (PkiError, SettingsError) as error:
        _refuse(error)


def _serials(stations: list[str]) -> dict[str, str]:
    """Each `ID[:SERIAL]`, checked as the settings check it: its identity and its serial number."""
    from ocppd.settings import describe_station

    found: dict[str, str] = {}
    for text in stations:
        identity, _, serial = text.partition(":")
        described = describe_station(
            Settings(), {"id": identity} | ({"serial": serial} if serial else {}), "--station"
        )
        found[described.id] = described.serial
    return found


@app.command()
def demo(
    script: Annotated[
        bool, typer.Option(help="Let a car come, charge and leave before the prompt appears.")
    ] = True,
    security_profile: Annotated[
        int,
        typer.Option(
            min=0, max=3, help="0 none, 1 basic auth, 2 TLS and basic auth, 3 TLS with both certificates."
        ),
    ] = 0,
) -> None:
    """Run a broker, a small CSMS and one station in this terminal, to look at and to play with.

    With TLS, it makes certificates for the occasion, and tells what was agreed on.
    """
    from ocppd.demo.show import run as run_demo

    log.configure("warning", "console")
    run_loop(run_demo(script=script, security_profile=security_profile))


def run_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run `coroutine` on the fastest event loop there is."""
    if sys.platform == "win32":
        asyncio.run(coroutine)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(coroutine)


def _load(config: list[Path] | None) -> Settings:
    try:
        return load(config)
    except SettingsError as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(2) from None


def _show(settings: Settings, stations: list[Any]) -> None:
    mqtt = settings.mqtt
    broker = f"{mqtt.host}:{mqtt.port}, topics under {mqtt.base_topic}/v1" if mqtt.enabled else "none"
    typer.echo(f"daemon   {settings.daemon.id}")
    typer.echo(f"broker   {broker}")
    typer.echo(f"state    {settings.state.path}, on start: {settings.state.on_start}")
    typer.echo(f"stations {len(stations)}")
    for station in stations[:20]:
        hardware, csms = station.hardware, station.csms
        evses = ", ".join(_evse(evse) for evse in hardware.evses)
        typer.echo(f"  {station.id}  {hardware.vendor} {hardware.model}  {evses}")
        typer.echo(f"    → {csms.url}, security profile {csms.security_profile}")
    if len(stations) > 20:
        typer.echo(f"  ... and {len(stations) - 20} more")


def _evse(evse: Any) -> str:
    plugs = "+".join(connector.type for connector in evse.connectors)
    current = f"{evse.phases}~" if evse.phases else "DC"
    return f"{evse.max_w / 1000:g} kW {current} {plugs}"
