"""The documents as a reader tries them: their commands in one shell, their files where they say.

A document's fences are taken in order, in a folder like a checkout, with a broker and a CSMS around it:

    sh, bash   lines of a shell, all of which must succeed
    console    `$ command` and what it prints, loosely: these lines among others, `…` for anything
    text       what the last program that goes on running has printed by now, as loosely
    yaml       settings or a scenario, which must be good; kept under the name in the first line: `# my.yaml`
    python     kept under such a name; else run, by pytest where it has tests
    json       must be JSON

A program that does not end by itself runs beside the shell, as in a second terminal, and must still run when
all is done. A reader has the ports to himself; here each one is another.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import yaml

from ocppd.scenario import library
from ocppd.settings import load
from tests.daemon import environment

ROOT = Path(__file__).parent.parent
PORTS = ("1883", "1884", "8883", "9000", "9001", "9464", "8480", "8080")
"""Those that documents name: a broker at the first, a CSMS at 9000."""
PATIENCE_S = 30.0
"""How long anything may take on a busy machine; `ocppd demo` plays for a quarter of a minute."""
_CHECKOUT = ("charge_point_state.json", "config", "docker", "examples", "systemd")
_FENCE = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"# ([\w./-]+\.\w+)( .*)?\n")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PROMPT = re.compile(r"^\$ ", re.MULTILINE)
_NOT_OURS = {"groups": "alerts of Prometheus", "on": "a workflow of GitHub"}
"""YAML by its first key, of which no more is asked than to be YAML."""
_LASTING = {
    r"ocppd run\b": r"registration\W.{0,20}Accepted",
    r"ocppd demo\b": r"BootNotification",
    r"ocppd watch\b(?!.*\|)": r"CP001",
    r"python -m ocppd\.demo\.csms\b": r"listening on",
    r"mosquitto_sub (?!.*-[CWE]\b)": r"ready",
}
"""What does not end by itself, and what it prints when it is ready."""
_READY_TOPIC = "ready"
_DONE = "(done)"


@dataclass(frozen=True)
class Fence:
    """A block of a document. `line` is that of its first word, from 1."""

    kind: str
    text: str
    line: int


def fences(page: Path) -> list[Fence]:
    """All fences of a document that say what they are."""
    text = page.read_text()
    return [
        Fence(it[2], textwrap.dedent(it[3]), text.count("\n", 0, it.start()) + 2)
        for it in _FENCE.finditer(text)
    ]


def is_like(pattern: str, text: str) -> bool:
    """Whether the lines of `pattern` are in `text`, in order; blanks are all alike and `…` is anything."""
    place = 0
    for line in filter(None, map(str.strip, pattern.splitlines())):
        words = [re.escape(" ".join(part.split())).replace(r"\ ", r"\s+") for part in line.split("…")]
        found = re.search(r"[^\n]*?".join(words), text[place:])
        if found is None:
            return False
        place += found.end()
    return True


@dataclass
class _Beside:
    """A program that runs beside the shell."""

    command: str
    pid: int
    output: Path

    def printed(self) -> str:
        # The shell makes the file a moment after it has told the id.
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        return _COLOURS.sub("", text)


@dataclass
class Reader:
    """Who tries a document in `folder`; `ports` are the real ones by those that documents name."""

    folder: Path
    ports: Mapping[str, int]
    _beside: list[_Beside] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._home, self._place = self.folder / "home", self.folder / "checkout"
        for directory in (self._home / ".config", self._place):
            directory.mkdir(parents=True)
        for name in ("mosquitto_pub", "mosquitto_sub", "mosquitto_rr"):
            (self._home / ".config" / name).write_text(f"-p {self.ports['1883']}\n")
        for name in _CHECKOUT:
            self._copy(ROOT / name)
        os.mkfifo(self._home / "keys")
        self._keys = os.open(self._home / "keys", os.O_RDWR)  # nobody types, and nobody leaves
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-uo", "pipefail"],
            cwd=self._place,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        for it in self._beside:
            _signal(it.pid, signal.SIGTERM)
        _signal(-self._shell.pid, signal.SIGKILL)
        self._shell.communicate()
        os.close(self._keys)

    def _copy(self, source: Path) -> None:
        target = self._place / source.name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
        for file in target.rglob("*.yaml"):
            file.write_text(self._here(file.read_text()))

    def _environment(self) -> dict[str, str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return environment() | {
            "PATH": programs,
            "HOME": str(self._home),
            "XDG_CONFIG_HOME": str(self._home / ".config"),
            "OCPPD_MQTT__PORT": str(self.ports["1883"]),
            "COLUMNS": "120",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "PYTHONUNBUFFERED": "1",
        }

    def _here(self, text: str) -> str:
        """What a document says, with the ports and hosts of this machine."""
        text = re.sub(r"\b(broker|csms)\.(local|example\.org)\b", "127.0.0.1", text)
        return re.sub(r"\b(\d{4})\b", lambda it: str(self.ports.get(it[1], it[1])), text)

    def follow(self, fence: Fence) -> None:
        """Do what a fence says, and see that it is as it says."""
        KINDS[fence.kind](self, self._here(fence.text))

    def finish(self) -> None:
        """See that what runs beside the shell still does."""
        for it in self._beside:
            assert Path(f"/proc/{it.pid}").exists(), f"{it.command} has ended:\n{it.printed()}"

    def _listen(self) -> None:
        """Note all commands and answers: a message that is published does not wait for its own."""
        self._answers = self._home / "answers"
        self._type(f"mosquitto_sub -F '%t %p' -t 'ocppd/v1/#' -t {_READY_TOPIC} > {self._answers} 2>&1 &")

        def is_ready() -> bool:
            self._type(f"mosquitto_pub -t {_READY_TOPIC} -m {_READY_TOPIC}")
            return bool(self._heard(_READY_TOPIC))

        _until(is_ready, lambda: "nothing is heard of the broker")

    def _publish(self, line: str) -> None:
        """Publish, and if it is a command, see that it is not refused."""
        given = len(self._heard("/cmd/")) + ("/cmd/" in line)
        self._succeed(line)

        def are_answered() -> bool:
            return len(self._heard("/response/")) >= len(self._heard("/cmd/")) >= given

        _until(are_answered, lambda: f"not all is answered:\n{self._answers.read_text()}")
        assert '"ok":false' not in "".join(self._heard("/response/")[given - 1 :]), self._answers.read_text()

    def _heard(self, part: str) -> list[str]:
        lines = self._answers.read_text().splitlines() if self._answers.exists() else []
        return [line for line in lines if part in line.partition(" ")[0]]

    def run(self, text: str) -> None:
        """Lines of a shell, each of which succeeds."""
        for lines in _parted(text):
            if (ready := _lasting(lines)) is not None:
                self._start(lines.strip(), ready)
            elif lines.startswith("mosquitto_pub"):
                self._publish(lines)
            else:
                self._succeed(lines)

    def _succeed(self, lines: str) -> None:
        status, printed = self._type(lines)
        assert status == 0, f"{lines}\nhas ended with {status}:\n{printed}"

    def compare(self, text: str) -> None:
        """Commands whose output is shown; what it is tells whether they have succeeded."""
        for part in _PROMPT.split(text)[1:]:
            command, shown = _command_and_output(part)
            if not shown.strip():
                self.run(command)
                continue
            _, printed = self._type(command, may_fail=True)
            assert is_like(shown, printed), f"{command}\nhas printed:\n{printed}"

    def wait_for(self, text: str) -> None:
        """What the last program beside the shell prints."""
        last = self._beside[-1]
        _until(
            lambda: is_like(text, last.printed()), lambda: f"{last.command} has printed:\n{last.printed()}"
        )

    def configure(self, text: str) -> None:
        """Settings or a scenario, which are good."""
        file = self._written(text, "fence.yaml")
        tree = yaml.safe_load(text)
        first = re.search(r"^[a-z_]+", text, re.MULTILINE)
        if first is not None and first[0] in _NOT_OURS:
            return
        if isinstance(tree, list) or "steps" in tree:
            library.read(file)
        else:
            load([file])

    def execute(self, text: str) -> None:
        """A program, which is kept or run."""
        file = self._written(text, "test_fence.py" if "def test_" in text else "fence.py")
        if _NAME.match(text):
            return  # its command is a fence of its own
        csms = f"ws://127.0.0.1:{self.ports['9000']}"
        program = f"pytest -q --ocppd-csms {csms}" if file.name.startswith("test_") else "python"
        status, printed = self._type(f"{program} {file.name}")
        assert status == 0, printed

    def _written(self, text: str, name: str) -> Path:
        found = _NAME.match(text)
        file = self._place / (found[1] if found else name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def _type(self, lines: str, *, may_fail: bool = False) -> tuple[int, str]:
        """Status and output of lines; the first that fails is the last of all, unless it may."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        strict = "" if may_fail else "set -e"
        done = f"set +e; printf '\\n%s\\n' '{_DONE}'"
        self._shell.stdin.write(f"{strict}\n{{\n{lines}\n}} < /dev/null\n{done}\n")
        self._shell.stdin.flush()
        printed: list[str] = []
        for line in self._shell.stdout:
            if line == f"{_DONE}\n":
                return 0, "".join(printed)
            printed.append(line)
        return self._shell.wait(), "".join(printed)

    def _start(self, command: str, ready: str) -> None:
        output = self._home / f"output{len(self._beside)}"
        is_listener = command.startswith("mosquitto_sub")
        more = f" -t {_READY_TOPIC}" if is_listener else ""
        _, printed = self._type(f"{command}{more} > {output} 2>&1 < {self._home}/keys & echo $!")
        it = _Beside(command, int(printed), output)
        self._beside.append(it)

        def is_ready() -> bool:
            assert Path(f"/proc/{it.pid}").exists(), f"{command} has ended:\n{it.printed()}"
            if is_listener:
                self._type(f"mosquitto_pub -t {_READY_TOPIC} -m {_READY_TOPIC}")
            return re.search(ready, it.printed()) is not None

        _until(is_ready, lambda: f"{command} is not ready:\n{it.printed()}")


KINDS: dict[str, Callable[[Reader, str], object]] = {
    "sh": Reader.run,
    "bash": Reader.run,
    "console": Reader.compare,
    "text": Reader.wait_for,
    "yaml": Reader.configure,
    "python": Reader.execute,
    "json": lambda _, text: json.loads(text),
}
"""What is done with each kind of fence."""


def _parted(text: str) -> Iterator[str]:
    """Lines that can be typed together, as most can: what goes on running and what is published is alone."""
    gathered: list[str] = []
    for line in text.splitlines():
        if _lasting(line) is None and not line.startswith("mosquitto_pub"):
            gathered.append(line)
            continue
        if gathered:
            yield "\n".join(gathered)
        gathered = []
        yield line.partition("  #")[0]
    if gathered:
        yield "\n".join(gathered)


def _lasting(line: str) -> str | None:
    """What it prints when it is ready; None where it ends by itself."""
    return next((ready for pattern, ready in _LASTING.items() if re.match(pattern, line)), None)


def _command_and_output(part: str) -> tuple[str, str]:
    lines = part.splitlines()
    end = next(place for place, line in enumerate(lines) if not line.endswith("\\"))
    return "\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :])


def _until(question: Callable[[], bool], words: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not question():
        assert time.monotonic() < end, words()
        time.sleep(0.05)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        (os.killpg if pid < 0 else os.kill)(abs(pid), number)
    except ProcessLookupError:
        return
