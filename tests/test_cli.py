"""The command line, as a process: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from ocppd import __version__
from ocppd.demo.broker import broker
from tests.daemon import PATIENCE_S, daemon, environment, free_port, observer, settings, station

GOOD = "stations: [{id: CP001, template: ac-22kw}]\nstate: {path: STATE}\n"
OCPPD = (sys.executable, "-m", "ocppd")


def ocppd(
    *arguments: str | Path, cwd: Path, program: tuple[str, ...] = OCPPD
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program, *map(str, arguments)],
        check=False,
        cwd=cwd,
        env=environment() | {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A good configuration; its state file is `state.json` beside it."""
    path = tmp_path / "ocppd.yaml"
    path.write_text(GOOD.replace("STATE", str(tmp_path / "state.json")))
    return path


def refusal(command: str, config: Path) -> str:
    """What stands on standard error where the command refuses, which it does with 2 and nothing else."""
    result = ocppd(command, "--config", config, cwd=config.parent)
    assert (result.returncode, result.stdout) == (2, ""), result
    assert "Traceback" not in result.stderr
    return result.stderr


# What everybody tries first


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help(tmp_path: Path, arguments: list[str]) -> None:
    result = ocppd(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage: python -m ocppd" in result.stdout
    if arguments == ["--help"]:
        assert all(f" {command} " in result.stdout for command in ("run", "demo", "check"))


def test_the_version(tmp_path: Path) -> None:
    result = ocppd("--version", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"ocppd {__version__}\n", "")


def test_the_installed_program_is_the_same_as_python_m(tmp_path: Path) -> None:
    program = shutil.which("ocppd", path=str(Path(sys.executable).parent))
    assert program is not None
    assert ocppd("--version", cwd=tmp_path, program=(program,)).stdout == f"ocppd {__version__}\n"


@pytest.mark.parametrize("arguments", [["rnu"], ["run", "--cnofig"]])
def test_a_wrong_command_line_is_answered_with_2(tmp_path: Path, arguments: list[str]) -> None:
    result = ocppd(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert arguments[-1] in result.stderr
    assert "Traceback" not in result.stderr


# Check and run


def test_check_tells_what_would_run_and_writes_nothing(config: Path) -> None:
    result = ocppd("check", "--config", config, cwd=config.parent)
    assert (result.returncode, result.stderr) == (0, "")
    assert "CP001" in result.stdout
    assert "ws://127.0.0.1:9000/ocpp" in result.stdout
    assert list(config.parent.iterdir()) == [config]


def test_check_without_a_configuration_takes_the_defaults(tmp_path: Path) -> None:
    result = ocppd("check", cwd=tmp_path)
    assert result.returncode == 0
    assert "stations 0" in result.stdout


def test_later_files_override_earlier_ones_and_the_environment_both(config: Path) -> None:
    over = config.with_name("over.yaml")
    over.write_text("mqtt: {port: 1884}\n")
    result = ocppd("check", "--config", config, "--config", over, cwd=config.parent)
    assert ":1884" in result.stdout


BOTH = pytest.mark.parametrize("command", ["check", "run"])


@BOTH
def test_wrong_settings_are_named_with_file_key_and_reason(config: Path, command: str) -> None:
    config.write_text(f"{config.read_text()}mqtt: {{prot: 1883}}\nclock: {{rate: 0}}\n")
    assert refusal(command, config).splitlines() == [
        f"{config}: mqtt.prot: unknown key, did you mean 'port'?",
        f"{config}: clock.rate: Input should be greater than 0",
    ]


def test_a_file_that_is_no_configuration_is_named(config: Path) -> None:
    config.write_text("mqtt: {")
    assert refusal("check", config).startswith(f"{config}:")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "no.yaml"
    assert refusal("run", missing) == f"{missing}: cannot be read: No such file or directory\n"


@BOTH
def test_a_corrupt_state_file_is_named_and_left_as_it_is(config: Path, command: str) -> None:
    state = config.with_name("state.json")
    state.write_bytes(b'{"version": 1, "stations": {"CP001": {')
    assert refusal(command, config).startswith(f"{state}: is no JSON: ")
    assert state.read_bytes() == b'{"version": 1, "stations": {"CP001": {'


@pytest.mark.parametrize("station", ['"HAND": {"settings": {"mdoel": "x"}}', '"no identity": {}'])
def test_a_wrong_station_of_the_state_file_is_named_and_left_as_it_is(config: Path, station: str) -> None:
    state = config.with_name("state.json")
    content = f'{{"version": 1, "stations": {{{station}}}}}'
    state.write_text(content)
    told = refusal("check", config)
    assert told.startswith(f"{state}: stations.")
    assert told.count("\n") == 1
    assert state.read_text() == content


@BOTH
def test_a_wrong_preset_is_named_with_its_station(config: Path, command: str) -> None:
    preset = "SampledDataCtrlr.TxUpdatedInterval"
    config.write_text(f"stations: [{{id: CP007, template: ac-22kw, variables: {{{preset}: often}}}}]\n")
    told = refusal(command, config)
    assert "CP007" in told
    assert preset in told
    assert "often" in told
    assert told.count("\n") == 1


# Send


async def test_send_prints_the_answer_and_tells_by_its_exit_code_how_it_went(tmp_path: Path) -> None:
    async with broker() as port, observer(port) as eye:
        tree = settings(port, f"ws://127.0.0.1:{free_port()}", station())
        async with daemon(tmp_path, tree) as it:
            await it.ready()
            await eye.until(lambda: eye.text("daemon/lab1/state") == "online")
            plugged = await asyncio.to_thread(send, it.config, "CP001/1/1", "plug-in")
            assert (plugged.returncode, orjson.loads(plugged.stdout)["changed"]) == (0, True)
            unknown = await asyncio.to_thread(send, it.config, "CP001/1/1", "plugin")
            assert (unknown.returncode, orjson.loads(unknown.stdout)["error"]["code"]) == (
                1,
                "unknown_command",
            )
            nobody = await asyncio.to_thread(send, it.config, "CP009", "boot", "--timeout", "0.2")
            assert (nobody.returncode, nobody.stdout) == (3, "")
            assert "nobody has answered" in nobody.stderr


async def test_send_takes_a_negative_number(tmp_path: Path) -> None:
    async with broker() as port:
        tree = settings(port, f"ws://127.0.0.1:{free_port()}", station())
        async with daemon(tmp_path, tree) as it:
            await it.ready()
            await it.logged("mqtt.connected")
            refused = await asyncio.to_thread(send, it.config, "CP001/1", "meter", "-5")
            assert (refused.returncode, refused.stderr) == (1, "")
            assert orjson.loads(refused.stdout)["error"]["code"] == "invalid_argument"


def test_send_tells_why_there_is_no_broker(config: Path) -> None:
    port = free_port()
    config.write_text(f"{config.read_text()}mqtt: {{port: {port}}}\n")
    result = send(config, "CP001", "boot")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith(f"broker 127.0.0.1:{port}: ")
    assert "refused" in result.stderr
    assert result.stderr.count("\n") == 1


def test_send_names_a_ca_that_is_not_there(config: Path) -> None:
    config.write_text(f"{config.read_text()}mqtt: {{tls: {{ca: {config.parent}/no.pem}}}}\n")
    result = send(config, "CP001", "boot")
    assert (result.returncode, result.stdout) == (2, "")
    assert "tls.ca" in result.stderr
    assert "no.pem" in result.stderr
    assert "Traceback" not in result.stderr


def test_send_knows_its_options(config: Path) -> None:
    result = send(config, "CP001", "boot", "--timeuot")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--timeuot" in result.stderr


def send(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ocppd("send", *arguments, "--config", config, cwd=config.parent)


# Demo


class Demo:
    """The demo in a terminal: what it says, and what is typed."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.said: list[str] = []
        self._stdin, self._stdout = process.stdin, process.stdout

    async def until(self, *words: str) -> str:
        """Read on, up to the first line with all these words."""
        async with asyncio.timeout(2 * PATIENCE_S):
            while line := (await self._stdout.readline()).decode():
                self.said.append(line)
                if all(word in line for word in words):
                    return line
        raise AssertionError(f"{words} never came:\n{''.join(self.said)}")

    def type(self, line: str) -> None:
        self._stdin.write(f"{line}\n".encode())

    async def end(self) -> int:
        """Close the input, and tell the exit code."""
        self._stdin.close()
        return await self.wait()

    async def wait(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            self.said += (await self._stdout.read()).decode().splitlines(keepends=True)
            return await self.process.wait()


@asynccontextmanager
async def demo(cwd: Path, *arguments: str, **env: str) -> AsyncIterator[Demo]:
    process = await asyncio.create_subprocess_exec(
        *OCPPD,
        "demo",
        *arguments,
        cwd=cwd,
        env=environment() | env,
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    it = Demo(process)
    try:
        yield it
    finally:
        if process.returncode is None:
            process.kill()
        await it.wait()


@pytest.mark.skipif(not importlib.util.find_spec("amqtt"), reason="no amqtt")
async def test_without_mosquitto_the_demo_plays_its_script_then_obeys_and_ends_with_its_input(
    tmp_path: Path, without_mosquitto: dict[str, str]
) -> None:
    async with demo(tmp_path, **without_mosquitto) as it:
        for words in (
            ("TransactionEvent", "Started"),
            ("Authorize", "Accepted"),
            ("TransactionEvent", "MeterValuePeriodic"),
            ("TransactionEvent", "Ended"),
            ("Your turn",),
        ):
            await it.until(*words)
        it.type("plug-in")
        await it.until("response/plug-in", '"ok":true', '"changed":true')
        it.type("CP001/1 authorize 04B10C4E")
        await it.until("response/authorize", "csms_rejected", "Blocked")
        it.type("CP001 network OFF for_s=1 silent=true")
        await it.until("you", "cmd/network", '{"on":"OFF","for_s":1,"silent":true}')
        await it.until("response/network", '"ok":true')
        it.type("plugin")
        await it.until("unknown_command", "did you mean plug-in")
        it.type("CP001/x/1 unplug")
        await it.until("is no target")
        it.type("CP002 get")
        await it.until("unknown_station", "CP001")
        it.type("help limit")
        await it.until("limit [watts: number or OFF]")
        it.type('csms Reset {"type": "Never"}')
        await it.until("'Never' is not one of")
        it.type("")
        it.type("help")
        await it.until("Your turn")
        assert await it.end() == 0
        assert "Traceback" not in "".join(it.said)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_exit_ends_the_demo(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-script") as it:
        await it.until("Your turn")
        it.type("exit")
        assert await it.wait() == 0


async def test_ctrl_c_ends_the_demo_with_0(tmp_path: Path) -> None:
    async with demo(tmp_path, "--no-script") as it:
        await it.until("Your turn")
        it.type("plug-in")
        await it.until("response/plug-in", '"ok":true')
        it.process.send_signal(signal.SIGINT)
        assert await it.wait() == 0
        assert "Traceback" not in "".join(it.said)


@pytest.fixture
def without_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which no mosquitto is found, neither by PATH nor where distributions install it."""
    folder = tmp_path_factory.mktemp("path")
    (folder / "sitecustomize.py").write_text(
        "import shutil\nfound = shutil.which\n"
        "shutil.which = lambda name, *a, **k: None if name == 'mosquitto' else found(name, *a, **k)\n"
    )
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": path}
