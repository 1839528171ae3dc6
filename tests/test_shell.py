"""`ocppd shell`: what lines mean, what is offered and kept, and the program over a pipe and in a terminal."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory

from ocppd.core.errors import CommandError
from ocppd.demo.csms import csms
from ocppd.descriptions import CommandDescription
from ocppd.edge.mqtt.topics import Scope, parse_target
from ocppd.reference import describe
from ocppd.shell.answers import answer_text
from ocppd.shell.catalogue import Catalogue
from ocppd.shell.completion import ShellCompleter, candidates
from ocppd.shell.grammar import Line, read_arguments, read_line
from ocppd.shell.history import SecretiveHistory, may_be_secret, open_history
from tests.daemon import PATIENCE_S, TOKEN, Daemon, daemon, environment, free_port, settings, station
from tests.edge.mqtt.edge import Mosquitto
from tests.terminal import OCPPD, terminal
from tests.test_telling import JSON

Json = dict[str, Any]

COMMANDS: dict[str, CommandDescription] = {it["name"]: it for it in describe()}


# Lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("CP001 plug-in", Line("CP001", "plug-in")),
        ("  CP001/1   Authorize  04A2B3C4 ", Line("CP001/1", "authorize", "04A2B3C4")),
        ("plug_in", Line(None, "plug-in")),
        ("limit 5000", Line(None, "limit", "5000")),
        ("all limit OFF", Line("all", "limit", "OFF")),
        ("help plug-in", Line(None, "help", "plug-in")),
        ("CP001\tplug-in\n", Line("CP001", "plug-in")),
        ("quit", Line(None, "exit")),
        ("? plug-in", Line(None, "help", "plug-in")),
        ("plug-inn", Line(None, "plug-inn")),
        ("# a comment", None),
        ("   ", None),
    ],
)
def test_a_line_has_a_target_unless_it_begins_with_a_command(text: str, line: Line | None) -> None:
    assert read_line(text, COMMANDS) == line


@pytest.mark.parametrize(
    ("command", "text", "argument"),
    [
        ("plug-in", "", {}),
        ("plug-in", "OFF", {"on": "OFF"}),
        ("plug-in", 'ev={"soc": 20, "max_w": 7400}', {"ev": {"soc": 20, "max_w": 7400}}),
        ("plug-in", """ON ev='{"soc":20}'""", {"on": "ON", "ev": {"soc": 20}}),
        ("plug-in", '{"on": false, "request_id": "a1"}', {"on": False, "request_id": "a1"}),
        ("limit", "5000 for_s=60", {"watts": "5000", "for_s": 60}),
        ("limit", "amps=16.5", {"amps": 16.5}),
        # The UID of a card is text, whatever it looks like.
        ("authorize", "12345678", {"id_token": "12345678"}),
        ("authorize", "id_token=12345E67", {"id_token": "12345E67"}),
        ("authorize", "id_token=12345678 timeout_s=5", {"id_token": "12345678", "timeout_s": 5}),
        ("authorize", '04A2 certificate="a b"', {"id_token": "04A2", "certificate": "a b"}),
        ("set-variable", "TxCtrlr X 30", {"component": "TxCtrlr", "variable": "X", "value": "30"}),
        ("trace", "OFF", {"on": "OFF"}),
        ("set-variable", "A B a=b", {"component": "A", "variable": "B", "value": "a=b"}),
        ("data-transfer", "V data='two words'", {"vendor_id": "V", "data": "two words"}),
        ("call", "Heartbeat payload={}", {"action": "Heartbeat", "payload": {}}),
        ("operative", "OFF evse=1", {"on": "OFF", "evse": 1}),
        ("get", 'fields=["csms"]', {"fields": ["csms"]}),
        ("heartbeat", "ON", "ON"),
        ("heartbeat", "wait=false", {"wait": False}),
        ("unheard-of", "x=1", {"x": 1}),
        ("unheard-of", "bare", "bare"),
    ],
)  # fmt: skip
def test_arguments(command: str, text: str, argument: object) -> None:
    assert read_arguments(text, COMMANDS.get(command)) == argument


@pytest.mark.parametrize(
    ("command", "text", "complaint"),
    [
        ("suspend", "ev now", "suspend takes 1 bare words at most"),
        ("heartbeat", "a b", "heartbeat takes no bare words"),
        ("get", "csms power", "get takes no bare words"),
        ("limit", "5000 watts=6000", "watts is given twice"),
        ("authorize", "'04A2", "a ' has no end"),
        ("plug-in", "ev={soc: 20}", "this is no JSON: {soc: 20}"),
        ("plug-in", 'ev={"soc": NaN}', "this is no JSON"),
        ("plug-in", 'ev={"soc":20}x', "a blank is missing"),
        ("plug-in", """ev='{"soc":20} x'""", "more than one JSON value"),
        ("plug-in", '{"on": tru', "not a JSON object"),
        ("call", f'X payload={{"a":{"[" * 300}{"]" * 300}}}', "cannot be sent as JSON"),
        ("authorize", '"04A2', 'this is no text in "..."'),
    ],
)
def test_what_cannot_be_read_is_told(command: str, text: str, complaint: str) -> None:
    with pytest.raises(CommandError) as caught:
        read_arguments(text, COMMANDS[command])
    assert complaint in caught.value.message


PIECES = st.lists(
    st.text(max_size=8)
    | st.sampled_from(
        [*COMMANDS, "CP001", "use", "=", "ev=", "{", "}", "[", "]", '"', "'", "id_token=", "\ud800", " "]
    ),
    max_size=8,
)


@given(PIECES, st.sampled_from([None, *COMMANDS.values()]))
def test_no_line_makes_it_stumble(pieces: list[str], command: CommandDescription | None) -> None:
    text = " ".join(pieces)
    with suppress(CommandError):
        line = read_line(text, COMMANDS)
        assert line is None or line.command
        orjson.dumps(read_arguments(text.strip(), command))


@given(st.dictionaries(st.sampled_from(["on", "ev", "evse"]), JSON, max_size=3))
def test_what_is_written_as_json_is_what_is_sent(fields: Json) -> None:
    fields = orjson.loads(orjson.dumps(fields))
    words = " ".join(
        f"{key}={orjson.dumps(value).decode()}" for key, value in fields.items() if not _is_plain(value)
    )
    assert read_arguments(words, COMMANDS["plug-in"]) == {k: v for k, v in fields.items() if not _is_plain(v)}


def _is_plain(value: object) -> bool:
    return not isinstance(value, str | list | dict)


# Completion


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    known = Catalogue({"lab1": "online", "lab2": "offline"})
    for name, it in COMMANDS.items():
        (known.own if it["scopes"] == ["daemon"] else known.commands)[name] = it
    line = {"connected": True, "registration": "Accepted", "evses": 2, "groups": ["lab"]}
    known._stations = {  # noqa: SLF001
        "lab1": {f"CP00{n}": {"station": f"CP00{n}", **line} for n in (1, 2)},  # type: ignore[typeddict-item]
        "lab2": {"GONE": {"station": "GONE", **line}},  # type: ignore[typeddict-item]
    }
    return known


@pytest.mark.parametrize(
    ("text", "target", "offered"),
    [
        ("CP", None, ["CP001", "CP002"]),
        ("CP001/", None, ["CP001/1", "CP001/2"]),
        ("gr", None, ["group/lab"]),
        ("GO", None, []),
        ("plug", None, []),
        ("plug", "CP001", ["plug-in"]),
        ("res", "CP001/1/1", []),
        ("CP001/1/1 u", None, ["unlock", "unplug"]),
        ("CP001/1 su", None, ["suspend"]),
        ("daemon pi", None, ["ping"]),
        ("CP001/1 suspend ", None, ["by=", "ev", "evse"]),
        ("CP001 reset Immediate rea", None, ["reason="]),
        ("CP001 reset reason=Sched", None, ["reason=ScheduledReset"]),
        ("limit O", "CP001", ["OFF"]),
        ("fault Gr", "CP001", ["GroundFault"]),
        ("fault code=Under", "CP001", ["code=UnderVoltage"]),
        ("limit for_s=60 wat", "CP001", ["watts="]),
        ("use al", None, ["all"]),
        ("help plug", None, ["plug-in"]),
        ("events tx_", None, ["tx_ended", "tx_started", "tx_updated"]),
    ],
)
def test_what_is_offered(catalogue: Catalogue, text: str, target: str | None, offered: list[str]) -> None:
    found = candidates(text, catalogue, parse_target(target) if target else None)
    assert [it.word for it in found] == offered


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("plug", ["plug-in "]),
        ("CP001/1 u", ["unlock", "unplug"]),
        ("help plug", ["plug-in "]),
        ("CP0", ["CP001", "CP002"]),
        ("CP002", ["CP002"]),  # an EVSE may follow
        ("limit for_", ["for_s="]),
        ("reset reason=Sched", ["reason=ScheduledReset "]),
    ],
)
def test_a_blank_follows_what_is_complete(catalogue: Catalogue, text: str, completed: list[str]) -> None:
    completer = ShellCompleter(catalogue, lambda: parse_target("CP001/1/1"))
    found = completer.get_completions(Document(text), CompleteEvent())
    assert [it.text for it in found] == completed


def test_a_command_is_offered_with_its_help(catalogue: Catalogue) -> None:
    [found] = candidates("CP001 plug", catalogue, None)
    assert found.meta.startswith("Plug a car in")


@given(st.text() | PIECES.map(" ".join))
def test_anything_may_stand_before_the_cursor(catalogue: Catalogue, text: str) -> None:
    assert len(candidates(text, catalogue, Scope("station", "CP001"))) <= 200


@pytest.mark.parametrize(
    ("command", "fits"),
    [
        ("get", "CP001"),
        ("limit", "CP001/1"),
        ("authorize", "CP001/1"),
        ("plug-in", "CP001/1/1"),
        ("operative", "CP001/1/1"),
    ],
)
def test_a_command_goes_to_as_much_of_the_target_as_it_is_for(
    catalogue: Catalogue, command: str, fits: str
) -> None:
    assert catalogue.fitting(parse_target("CP001/1/1"), command) == parse_target(fits)


# Answers


def test_a_good_answer_is_one_line() -> None:
    answer = {"ok": True, "command": "authorize", "station": "CP001", "evse": 1, "changed": True, "ms": 84}
    answer |= {"result": {"id_token_status": "Accepted"}, "warnings": ["x: no such key"], "daemon": "lab1"}
    words = "ok CP001/1 authorize changed id_token_status=Accepted 84 ms\n   warning: x: no such key"
    assert answer_text(answer) == words


def test_a_bad_answer_says_why() -> None:
    error = {"code": "csms_rejected", "message": "id token is Blocked"}
    answer = {"ok": False, "command": "authorize", "station": "CP001", "error": error, "ms": 61}
    assert answer_text(answer) == "no CP001 authorize csms_rejected: id token is Blocked 61 ms"


def test_the_answer_of_a_group_counts() -> None:
    error = {"station": "CP002", "code": "busy"}
    answer = {"ok": False, "command": "limit", "matched": 40, "ok_count": 39, "errors": [error]}
    assert answer_text(answer) == "no limit matched=40 ok_count=39\n   station=CP002 code=busy"


@given(
    st.dictionaries(
        st.sampled_from(["ok", "result", "error", "errors", "warnings", "changed", "station", "ms"]), JSON
    )
)
def test_any_answer_can_be_shown(answer: Json) -> None:
    assert all(line.isprintable() for line in answer_text(answer).split("\n"))


@given(
    st.sampled_from(["help", "stations"]),
    st.dictionaries(
        st.sampled_from(["help", "shell", "commands", "stations"]),
        st.one_of(st.lists(JSON, max_size=3), st.dictionaries(st.text(max_size=5), JSON, max_size=3)),
    ),
)
@example("help", {"shell": {"use": "\x1b[2J"}, "commands": {}})
@example("stations", {"stations": [{"station": "CP001", "groups": "\x1b[2J"}]})
def test_an_answer_that_passes_for_one_of_the_shell_itself_can_be_shown(command: str, result: Json) -> None:
    answer = {"ok": True, "command": command, "result": result}
    assert all(line.isprintable() for line in answer_text(answer).split("\n"))


# History


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ("CP001 plug-in", True),
        ("authorize 04A2B3C4", True),
        ("authorize 1234 type=KeyCode", False),
        ("CP001 set_variable SecurityCtrlr BasicAuthPassword hunter2", False),
        ("add-station CP9 settings={}", False),
        ("CP001 Call SetVariables", False),
        ("plug-in\nCP001 set-variable A B c", False),
        ('get {"x": "PASSWORD"}', False),
    ],
)
def test_what_may_be_secret_is_not_kept(tmp_path: Path, line: str, is_kept: bool) -> None:
    history = SecretiveHistory(tmp_path / "history")
    history.append_string(line)
    assert history.get_strings() == [line]
    assert line in (tmp_path / "history").read_text() if is_kept else not (tmp_path / "history").exists()
    assert may_be_secret(line) is not is_kept


def test_the_history_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / "ocppd" / "shell_history"
    path.parent.mkdir()
    path.touch(0o644)
    open_history().append_string("CP001 plug-in")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "+CP001 plug-in" in path.read_text()


def test_without_a_place_for_it_there_is_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert isinstance(open_history(), InMemoryHistory)


# Over a pipe


@asynccontextmanager
async def house(folder: Path, *names: str) -> AsyncIterator[tuple[Mosquitto, Daemon]]:
    """A broker, a CSMS and a daemon with these stations, of the group `lab`."""
    with Mosquitto(folder) as mosquitto:
        async with csms() as remote:
            stations = (station(name, groups=["lab"]) for name in names)
            tree = settings(mosquitto.port, remote.url, *stations, mqtt={"meter_interval": 0.5})
            async with daemon(folder, tree) as it:
                await it.ready()
                yield mosquitto, it


async def piped(config: Path, text: str, *options: str) -> tuple[int, list[Json], str]:
    """The exit status, the answers, and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(*OCPPD, "shell", "--config", str(config), *options),
        cwd=config.parent,
        env=environment() | {"XDG_STATE_HOME": str(config.parent)},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, wrong = await process.communicate(text.encode())
    assert b"Traceback" not in wrong
    assert process.returncode is not None
    return process.returncode, [orjson.loads(line) for line in out.splitlines()], wrong.decode()


async def test_a_program_types_and_reads_json(tmp_path: Path) -> None:
    async with house(tmp_path, "CP001", "CP002") as (_, it):
        lines = f"# a car comes\nplug-in\n\nauthorize {TOKEN}\nget fields=['x']\nget fields=[\"csms\"]"
        status, answers, wrong = await piped(it.config, lines, "--station", "CP001/1/1")
        assert [(it["command"], it["ok"]) for it in answers[:2]] == [("plug-in", True), ("authorize", True)]
        assert answers[0]["changed"] is True
        assert answers[1]["result"]["id_token_status"] == "Accepted"
        assert answers[2]["error"]["code"] == "invalid_argument"
        assert answers[3]["result"]["csms"]["connected"] is True
        assert (status, wrong, len(answers)) == (1, "", 4)

        lines = "stations CP*2\nuse group/lab\nheartbeat\nping\nevents\nhelp plug-in\nhelp\nexit\nCP001 boot"
        status, answers, _ = await piped(it.config, lines)
        assert [line["station"] for line in answers[0]["result"]["stations"]] == ["CP002"]
        assert answers[2]["ok_count"] == 2
        assert answers[3]["result"]["stations"] == 2
        assert answers[5]["result"]["help"][0].startswith("plug-in [on: ON/OFF/TOGGLE")
        assert {"plug-in", "ping"} <= set(answers[6]["result"]["commands"])
        assert (status, len(answers)) == (0, 7)

        lines = "plug-inn\nplug-in\nCP003 plug-in\nCP001/1/1 reset\na/b get\ndaemon/x ping"
        status, answers, _ = await piped(it.config, lines)
        told = [(line["error"]["code"], line["error"]["message"]) for line in answers]
        assert told[0] == ("unknown_command", "there is no command 'plug-inn', did you mean plug-in?")
        assert told[1] == ("missing_argument", "to whom? `use TARGET`, or `TARGET plug-in`")
        assert told[2][0] == "unknown_station"
        assert "did you mean CP00" in told[2][1]
        assert told[3] == ("not_allowed", "reset is not for the scope connector")
        assert [code for code, _ in told[4:]] == ["invalid_argument", "unknown_station"]
        assert status == 1
    assert not (tmp_path / "ocppd" / "shell_history").exists()


async def test_without_a_broker_or_a_daemon_the_status_is_3(tmp_path: Path) -> None:
    config = tmp_path / "ocppd.yaml"
    port = free_port()
    config.write_bytes(orjson.dumps({"mqtt": {"port": port}}))
    status, answers, wrong = await piped(config, "CP001 plug-in\n")
    assert (status, answers) == (3, [])
    assert f"broker 127.0.0.1:{port}" in wrong
    with Mosquitto(tmp_path) as mosquitto:
        config.write_bytes(orjson.dumps({"mqtt": {"port": mosquitto.port}}))
        assert await piped(config, "CP001 plug-in\n") == (3, [], "no daemon is online\n")


async def test_a_wrong_target_is_the_command_lines_fault(tmp_path: Path) -> None:
    config = tmp_path / "ocppd.yaml"
    config.write_text("{}")
    status, answers, wrong = await piped(config, "", "--station", "CP001/x")
    assert (status, answers) == (2, [])
    assert "--station" in wrong


# In a terminal


async def test_a_person_types_completes_and_sees_events(tmp_path: Path) -> None:
    async with (
        house(tmp_path, "CP001") as (mosquitto, it),
        terminal("shell", "--config", str(it.config), cwd=tmp_path) as screen,
    ):
        await screen.sees("daemon lab1 is online", "1 stations")
        await screen.type("CP0")
        await screen.press("Tab")
        await screen.sees("> CP001")
        await screen.press("C-u")
        await screen.enter("use CP001/1/1")
        await screen.sees("target=CP001/1/1", "\nCP001/1/1>")

        await screen.type("plug")
        await screen.press("Tab")
        await screen.sees("CP001/1/1> plug-in")
        await screen.press("Enter")
        await screen.sees(
            "ok CP001/1/1 plug-in changed", "connector_status Available → Occupied (mqtt:plug-in)"
        )

        await screen.enter("events connector_*")
        await screen.sees("events=connector_*")
        status, _, _ = await piped(it.config, "CP001 unplug")
        assert status == 0
        shown = await screen.sees("connector_status Occupied → Available")
        assert "unplugged (mqtt:unplug)" not in shown

        await screen.paste('heartbeat\n# a comment\nget fields=["network"]\n')
        await screen.press("Enter")
        await screen.sees("ok CP001 heartbeat", "ok CP001 get unchanged network=true")

        await screen.enter("limitt 5")
        await screen.sees("did you mean limit")
        await screen.enter("help limit")
        await screen.sees("limit [watts: number or OFF]")
        await screen.enter("set-variable SecurityCtrlr BasicAuthPassword not-for-the-disk")

        mosquitto.stop()
        await screen.sees("trying again")
        await screen.enter("plug-in")
        await screen.sees("there is no connection to the broker")
        mosquitto.start()
        await screen.sees("daemon lab1 is online", times=2)
        await screen.enter('get fields=["power"]')
        await screen.sees("power=true")

        await screen.press("C-d")
        assert await screen.ends() == 0
    kept = (tmp_path / "home" / "ocppd" / "shell_history").read_text()
    assert "+events connector_*\n" in kept
    assert "not-for-the-disk" not in kept


async def test_no_payload_commands_the_terminal(tmp_path: Path) -> None:
    """An event with an escape sequence that would set the title and clear the screen."""
    with Mosquitto(tmp_path) as mosquitto:
        config = tmp_path / "ocppd.yaml"
        config.write_bytes(orjson.dumps({"mqtt": {"port": mosquitto.port}}))
        async with terminal("shell", "--config", str(config), cwd=tmp_path) as screen:
            await screen.sees("connected to", "none is online")
            evil = orjson.dumps({"event": "log", "station": "X\x1b[2J", "text": "\x1b]0;owned\x07\x9b2J"})
            async with aiomqtt.Client("127.0.0.1", mosquitto.port) as anybody:
                await anybody.publish("ocppd/v1/station/X/event", evil, qos=1)
            shown = await screen.sees("owned", "connected to")
            assert r"\u001b]0;owned\u0007" in shown
            assert r"X\x1b[2J" in shown
            await screen.signal(15)
            assert await screen.ends() == 0


def test_nobody_else_waits_for_the_libraries_of_the_terminal() -> None:
    code = (
        "import sys, ocppd.app, ocppd.cli",
        "sys.argv = ['ocppd', '--help']",
        "try: ocppd.cli.app()",
        "finally: print([it for it in ('textual', 'prompt_toolkit') if it in sys.modules])",
    )
    command = [OCPPD[0], "-c", "\n".join(code)]
    result = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-1] == "[]", result
