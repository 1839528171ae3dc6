"""The command line."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import orjson
import typer

from ocppd import __version__, lean, log  # noqa: F401 - lean comes before whatever imports structlog
from ocppd.edge.store import StoreError
from ocppd.settings import Settings, SettingsError, load

T = TypeVar("T")

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
    import gc

    gc.disable()  # what is imported stays: to look for garbage in it costs a tenth of the start
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
    from ocppd.client import send_once
    from ocppd.edge.mqtt import TargetError, parse_target

    for word in (target, command, argument):
        if word.startswith("--"):
            raise typer.BadParameter(f"No such option: {word}")
    settings = _load(config)
    log.configure("error", "console")
    try:
        scope = parse_target(f"daemon/{settings.daemon.id}" if target == "daemon" else target)
    except TargetError as error:
        raise typer.BadParameter(str(error), param_hint="TARGET") from None
    with _at_the_broker():
        answer = asyncio.run(send_once(settings, scope, command, argument, timeout))
    if answer is None:
        typer.echo(f"nobody has answered at {settings.mqtt.host}:{settings.mqtt.port}", err=True)
        raise typer.Exit(3)
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode())
    raise typer.Exit(0 if answer.get("ok") else 1)


@app.command()
def shell(
    station: Annotated[
        str, typer.Option(metavar="TARGET", help="Whom lines are for that name nobody: CP001, CP001/1, all.")
    ] = "",
    config: Config = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 35.0,
) -> None:
    """Type commands to the stations of running daemons, and see what happens to them.

    Without a terminal, it reads a command a line and prints an answer a line, as JSON.

    Exit status: 0 where all answers are ok, 1 where one is not, 2 where the settings or the command line are
    wrong, 3 where there is no broker, no daemon or no answer; in a terminal, always 0.
    """
    from ocppd.client import Access
    from ocppd.edge.mqtt import TargetError, parse_target
    from ocppd.shell.session import NobodyError

    settings = _load(config)
    log.configure("error", "console")
    try:
        target = parse_target(station) if station else None
    except TargetError as error:
        raise typer.BadParameter(str(error), param_hint="--station") from None
    with _at_the_broker():
        access = Access(settings)
        if sys.stdin.isatty() and sys.stdout.isatty():
            from ocppd.shell.prompt import Prompt

            asyncio.run(Prompt(access, settings.daemon.id, timeout, target).run())
            return
        from ocppd.shell.pipe import run as run_pipe

        try:
            is_ok = run_until_told(run_pipe(access, settings.daemon.id, timeout, target))
        except NobodyError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(3) from None
    raise typer.Exit(0 if is_ok else 1)


@app.command()
def watch(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A station such as CP001, or a pattern such as 'CP0*'.")
    ] = "all",
    config: Config = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="A line for each event and change, as without a terminal.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The same, each line a JSON object.")] = False,
) -> None:
    """Show the stations of running daemons, and what happens to them, as long as it lasts.

    In a terminal: Enter opens a station, Esc goes back, / filters, q quits.

    Exit status: 2 where the settings or the command line are wrong, 3 where the lines find no broker.
    """
    from ocppd.client import Access
    from ocppd.watch.target import Target, WatchError

    settings = _load(config)
    log.configure("error", "console")
    try:
        stations = Target.parse(target)
    except WatchError as error:
        raise typer.BadParameter(str(error), param_hint="TARGET") from None
    with _at_the_broker():
        access = Access(settings)
        if plain or json or not (sys.stdout.isatty() and sys.stdin.isatty()):
            from ocppd.watch.lines import Lines

            run_until_told(Lines(access, stations, json=json).run())
        else:
            from ocppd.watch.screen import show

            show(access, stations)


@app.command()
def commands() -> None:
    """List every command, with its arguments as its own code declares them."""
    from ocppd.reference import command_reference

    typer.echo(command_reference())


@app.command()
def asyncapi(
    config: Config = None,
    form: Annotated[
        Literal["yaml", "json"], typer.Option("--format", help="How the document is written.")
    ] = "yaml",
) -> None:
    """Print the AsyncAPI 3 document of the MQTT API: every topic, every command, every payload.

    It names the broker and the base topic of the settings.
    """
    from ocppd.asyncapi import document, render

    typer.echo(render(document(_load(config)), form))


scenarios = typer.Typer(
    no_args_is_help=True, help="Run scenarios: files that say what happens and what is expected."
)
app.add_typer(scenarios, name="scenario")

Files = Annotated[
    list[str], typer.Argument(metavar="FILE", help="YAML or JSON, or the name of one that `list` shows.")
]


@scenarios.command(name="run")
def scenario_run(
    files: Files,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="In virtual time: no daemon, no broker, no CSMS is needed.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the verdicts as JUnit XML.")
    ] = None,
    station: Annotated[
        str | None, typer.Option(metavar="ID", help="A station of the daemon, in place of that of the file.")
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A variable of the file; may be repeated.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="What decides chance, in place of the file's.")
    ] = None,
    repeat: Annotated[
        int, typer.Option(min=1, max=1000, help="How often, each time with the next seed.")
    ] = 1,
    config: Config = None,
) -> None:
    """Run scenarios, one after the other, and say what became of them.

    A daemon adds the stations of the file that it does not have, and removes them afterwards.

    Exit status: 0 where all have passed, 1 where one has not, 2 where a file, the settings or the command
    line are wrong, 3 where there is no daemon or no broker.
    """
    from ocppd.scenario.model import ScenarioError
    from ocppd.scenario.remote import NoDaemonError
    from ocppd.scenario.runner import Options, Runner

    settings = _load(config)
    log.configure("error", "console")
    try:
        options = Options.of(var or [], seed=seed, repeat=repeat, station=station)
        runner = Runner(settings, options, files)
        with _at_the_broker():
            passed = runner.run_virtually() if virtual else run_until_told(runner.run_remotely())
        runner.write_junit(junit)
    except ScenarioError as error:
        _refuse(error)
    except NoDaemonError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None
    raise typer.Exit(0 if passed else 1)


@scenarios.command(name="check")
def scenario_check(files: Files, config: Config = None) -> None:
    """Read scenarios and say what is wrong with them; exit status 2 where something is."""
    from ocppd.scenario.model import ScenarioError
    from ocppd.scenario.runner import find

    settings = _load(config)
    try:
        for file in files:
            scenario = find(file, settings)
            typer.echo(f"{file}: {len(list(scenario.all_steps()))} steps")
    except ScenarioError as error:
        _refuse(error)


@scenarios.command(name="list")
def scenario_list(config: Config = None) -> None:
    """List the scenarios that have a name: those beside the configuration, and those that ship with ocppd."""
    from ocppd.scenario.library import every
    from ocppd.scenario.model import ScenarioError

    try:
        for scenario in every(_load(config).scenarios):
            typer.echo(f"{scenario.name}\n    {scenario.head.description.strip().partition(chr(10))[0]}")
    except ScenarioError as error:
        _refuse(error)


@scenarios.command(name="schema")
def scenario_schema() -> None:
    """Print the JSON schema of scenarios, for editors."""
    from ocppd.scenario.schema import json_schema

    typer.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())


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


def run_until_told(coroutine: Coroutine[Any, Any, T]) -> T | None:
    """What `coroutine` returns; None after SIGTERM, Ctrl-C, or when nobody reads what it writes any more."""

    async def guarded() -> T | None:
        task = asyncio.ensure_future(coroutine)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        _when_unread(task.cancel)
        with suppress(asyncio.CancelledError):
            return await task
        return None

    try:
        return asyncio.run(guarded())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed
        return None


def _when_unread(end: Callable[[], object]) -> None:
    """Have the running loop call `end` once the reader of a pipe on standard output has gone."""
    with suppress(OSError, ValueError):  # it has no file, or is closed
        output = sys.stdout.fileno()
        if stat.S_ISFIFO(os.fstat(output).st_mode):
            loop = asyncio.get_running_loop()

            def gone() -> None:
                loop.remove_reader(output)
                end()

            loop.add_reader(output, gone)  # the end that is written to is never readable, but may break


@contextmanager
def _at_the_broker() -> Iterator[None]:
    """End with 2 where a file of `mqtt.tls` cannot be used, with 3 where there is no broker."""
    from ocppd.client import NoBrokerError
    from ocppd.edge.reasons import LinkError

    try:
        yield
    except LinkError as error:
        _refuse(LinkError(f"mqtt.tls: {error}"))
    except NoBrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None


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
