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
def demo(
    script: Annotated[
        bool, typer.Option(help="Let a car come, charge and leave before the prompt appears.")
    ] = True,
) -> None:
    """Run a broker, a small CSMS and one station in this terminal, to look at and to play with."""
    from ocppd.demo.show import run as run_demo

    log.configure("warning", "console")
    run_loop(run_demo(script=script))


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
