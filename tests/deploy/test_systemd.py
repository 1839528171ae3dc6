"""ocppd as a service: what it tells systemd, what SIGHUP does, and the unit that is shipped."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import tomllib
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ocppd.demo.broker import broker
from ocppd.demo.csms import Csms, csms
from tests.daemon import Daemon, Json, Watched, daemon, free_port, observer, settings, station
from tests.deploy.support import PASSWORDS, PROJECT, commands, mosquitto, needs_mosquitto, tool

UNIT = PROJECT / "systemd" / "ocppd.service"
WATCHDOG_S = 0.5

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")


class Manager(Watched):
    """The service manager: `told` is what came to its socket, `pid` is who sent it, by the kernel's word."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.told: list[dict[str, str]] = []
        self.pid = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket, self._receive)

    def _receive(self) -> None:
        text, [(_, _, credentials)], _, _ = self._socket.recvmsg(4096, 1024)
        self.pid = struct.unpack("iII", credentials)[0]
        self.told.append(dict(line.split("=", 1) for line in text.decode().splitlines()))
        self.tell()

    def keys(self) -> list[str]:
        """What it was told, without the signs of life in between."""
        return [key for message in self.told for key in message if key not in {"WATCHDOG", "MONOTONIC_USEC"}]

    async def reload(self) -> None:
        """Have the configuration read again, and wait until that is done."""
        before = self.keys()
        os.kill(self.pid, signal.SIGHUP)
        await self.until(lambda: self.keys() == [*before, "RELOADING", "READY"])

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


@pytest.fixture
async def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Manager]:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1e6)))
    manager = Manager(path)
    yield manager
    manager.close()


@pytest.fixture
async def remote() -> AsyncIterator[Csms]:
    async with csms() as remote:
        yield remote


def configure(ocppd: Daemon, tree: Json) -> None:
    ocppd.config.write_bytes(orjson.dumps(tree | {"state": {"path": str(ocppd.state)}}))


async def accepted(remote: Csms, *names: str) -> None:
    await remote.until(lambda: all(remote.heard("StatusNotification", name) for name in names))


async def test_systemd_hears_how_it_stands(manager: Manager, remote: Csms, tmp_path: Path) -> None:
    async with daemon(tmp_path, settings(None, remote.url, station())) as ocppd:
        await manager.until(lambda: manager.keys() == ["READY"])
        await ocppd.logged("daemon.started", stations=1)
        signs = len(manager.told)
        await manager.until(lambda: len(manager.told) >= signs + 3)
        assert all(message == {"WATCHDOG": "1"} for message in manager.told[signs:])
        before = asyncio.get_running_loop().time()
        await manager.reload()
        assert manager.keys() == ["READY", "RELOADING", "READY"]
        reloading = next(message for message in manager.told if "RELOADING" in message)
        # Of CLOCK_MONOTONIC, as is the clock of the loop.
        assert before <= int(reloading["MONOTONIC_USEC"]) / 1e6 <= asyncio.get_running_loop().time()
        await ocppd.stop()
        assert manager.keys() == ["READY", "RELOADING", "READY", "STOPPING"]
        assert ocppd.noise == []


async def test_it_runs_where_systemd_is_deaf(
    remote: Csms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    async with daemon(tmp_path, settings(None, remote.url, station())) as ocppd:
        await ocppd.logged("systemd.not_told", state="READY=1")
        await accepted(remote, "CP001")
        await ocppd.stop()


@needs_mosquitto
async def test_sighup_adds_changes_and_removes_stations(
    manager: Manager, remote: Csms, tmp_path: Path
) -> None:
    async with broker() as port, observer(port) as eye:
        old = [station("SAME"), station("CHANGED", model="old"), station("GONE")]
        async with daemon(tmp_path, settings(port, remote.url, *old)) as ocppd:
            await accepted(remote, "SAME", "CHANGED", "GONE")
            await ocppd.ready()
            same, changed = remote.stations["SAME"], remote.stations["CHANGED"]
            said = len(remote.heard("BootNotification", "SAME"))

            new = [station("SAME"), station("CHANGED", model="new"), station("NEW")]
            configure(ocppd, settings(port, remote.url, *new))
            await manager.reload()
            await ocppd.logged("daemon.reloaded", stations=3)
            await accepted(remote, "NEW")
            await remote.until(lambda: remote.stations.keys() == {"SAME", "CHANGED", "NEW"})
            await remote.until(lambda: remote.stations["CHANGED"] is not changed)
            await remote.until(lambda: len(remote.heard("BootNotification", "CHANGED")) == 2)
            boot = remote.heard("BootNotification", "CHANGED")[-1].payload
            assert boot["chargingStation"]["model"] == "new"

            # The one that has not changed has kept its WebSocket, and said nothing.
            assert remote.stations["SAME"] is same
            assert len(remote.heard("BootNotification", "SAME")) == said

            # What is gone is not shown any more, though it is remembered; what is new does what it is told.
            await eye.until(lambda: all(not eye.shown[it] for it in eye.shown if it.startswith(RETAINED)))
            assert orjson.loads(ocppd.state.read_bytes())["stations"].keys() >= {"CHANGED", "GONE", "NEW"}
            await eye.succeed("NEW/1/1", "plug-in")
            await ocppd.stop()
            assert ocppd.noise == []


RETAINED = ("station/GONE/state", "station/GONE/availability", "station/GONE/evse")


WRONG = {
    "template": b"stations: [{id: CP001, tmplate: ac-22kw}]",
    "ocppd.yaml:1": b"stations: [{id: CP001",
    "stations[1].id": b"stations: [{id: CP001}, {id: CP001}]",
}


async def test_a_wrong_configuration_is_named_and_changes_nothing(
    manager: Manager, remote: Csms, tmp_path: Path
) -> None:
    async with daemon(tmp_path, settings(None, remote.url, station(), station("CP002"))) as ocppd:
        await accepted(remote, "CP001", "CP002")
        before = dict(remote.stations)
        for why, wrong in WRONG.items():
            ocppd.config.write_bytes(wrong)
            await manager.reload()
            await ocppd.until(lambda: any(why in it["reason"] for it in ocppd.log("daemon.reload_failed")))  # noqa: B023
        assert remote.stations == before
        assert ocppd.log("station.removed") == ocppd.log("station.added") == []
        await ocppd.stop()


async def test_prometheus_reads_the_metrics(remote: Csms, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    tree = settings(None, remote.url, station(), daemon={"metrics": address})
    async with daemon(tmp_path, tree):
        await accepted(remote, "CP001")
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
    assert "Content-Type: text/plain" in head
    samples = {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }
    assert samples["ocppd_stations up"] == 1
    assert samples["ocppd_stations down"] == 0
    assert samples["ocppd_resident_memory_bytes"] > 2**20
    assert samples["ocppd_mqtt_dropped_total"] == 0
    assert samples["ocppd_connectors Available"] == 1
    assert samples["ocppd_connectors Faulted"] == 0
    assert samples["ocppd_ocpp_frames_total sent"] >= 2
    assert samples["ocppd_ocpp_frames_total received"] >= 2


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    installed = tmp_path / UNIT.name
    installed.write_text(UNIT.read_text().replace("/opt/ocppd/bin/ocppd", sys.executable))
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(installed)], capture_output=True, text=True, check=False
    )
    # The exit status alone proves nothing.
    assert found.stdout + found.stderr == ""
    assert found.returncode == 0


@needs_systemd
def test_the_unit_is_locked_up() -> None:
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )
    level = re.search(r"exposure level for ocppd.service: ([0-9.]+)", rated.stdout)
    assert level is not None, rated.stdout + rated.stderr
    assert float(level[1]) < 2.0
    assert rated.returncode == 0


# The service on a machine of its own

README = commands(PROJECT / "systemd" / "README.md")
CSMS_PASSWORD = "for-the-stations-0001"
RESTARTED_S = 120.0


async def output(*command: str, stdin: str = "", **how: Any) -> str:
    """What a program prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, **how)
    written, _ = await process.communicate(stdin.encode())
    assert process.returncode == 0, f"{' '.join(command)}\n{written.decode(errors='replace')}"
    return written.decode(errors="replace").strip()


class Machine:
    """A Debian of its own with a real systemd, on this machine's network; `leader` is its process 1."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    async def run(self, script: str, stdin: str = "") -> str:
        """What root types there, in a checkout of ocppd."""
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", *OFFLINE]
        inside = ["nsenter", "-t", str(self.leader), "-a", "env", "-i", *environment]
        return await output(*inside, "sh", "-euc", f"cd /root/ocppd\n{script}", stdin=stdin)

    async def follow(self, heading: str, *typed: str) -> str:
        """Do what the README says under a heading, line by line; `typed` is what each `cat` is given."""
        words = iter(typed)
        lines = README[heading].splitlines()
        return "\n".join([await self.run(it, next(words) if "cat >" in it else "") for it in lines])

    async def property(self, name: str) -> str:
        """One property of the service."""
        return await self.run(f"systemctl show -P {name} ocppd")

    async def log(self) -> str:
        """What the service has logged."""
        return await self.run("journalctl -u ocppd -o cat")

    async def until(self, name: str, value: str) -> None:
        """Wait until a property has that value."""
        async with asyncio.timeout(RESTARTED_S):
            while await self.property(name) != value:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.2)

    async def send(self, *words: str) -> Json:
        """The answer to a command of the command line there."""
        answer: Json = orjson.loads(
            await self.run(f"/opt/ocppd/bin/ocppd send -c /etc/ocppd/ocppd.yaml {' '.join(words)}")
        )
        return answer


CACHE = Path.home() / ".cache" / "ocppd-tests"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,python3-pip,procps"
OFFLINE = ["PIP_NO_INDEX=1", "PIP_FIND_LINKS=/wheels", "PIP_DISABLE_PIP_VERSION_CHECK=1"]
MISSING = [it for it in ("debootstrap", "systemd-nspawn", "nsenter", "mosquitto") if not tool(it)]
needs_tools = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
needs_root = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="root boots machines")


def made(name: str, *command: str) -> Path:
    """A folder of that name in the cache; where there was none, the command has made it, as `NEW`."""
    folder = CACHE / name
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=CACHE, prefix="new-"))
        new.chmod(0o755)
        subprocess.run([str(new) if word == "NEW" else word for word in command], check=True)
        new.rename(folder)
    return folder


@pytest.fixture
def debian() -> Path:
    """A tree of Debian 12 with systemd."""
    return made("bookworm", "debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", "NEW")


@pytest.fixture
def wheels() -> Path:
    """What `pip install .` needs there, with the Python 3.11 of Debian 12."""
    content = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wanted = [*content["project"]["dependencies"], *content["build-system"]["requires"]]
    name = f"wheels-{hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]}"
    fit = ["--only-binary=:all:", "--python-version=3.11"]
    return made(name, sys.executable, "-m", "pip", "download", "-q", *fit, "-d", "NEW", *wanted)


@pytest.fixture
async def machine(tmp_path: Path, debian: Path, wheels: Path) -> AsyncIterator[Machine]:
    """A machine that has booted. Its disk is a copy that goes with it."""
    mounts = [f"--bind-ro={PROJECT}:/root/ocppd", f"--bind-ro={wheels}:/wheels"]
    console = tmp_path / "console"
    with console.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *("systemd-nspawn", "-D", str(debian), "--volatile=overlay", *mounts),
            *("--register=no", "--keep-unit", "--boot", "--console=pipe"),
            stdin=DEVNULL,
            stdout=out,
            stderr=STDOUT,
        )
    try:
        leader = await booted(process)
        yield Machine(leader)
        os.kill(leader, signal.SIGRTMIN + 4)  # power off
        async with asyncio.timeout(30):
            await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def booted(process: asyncio.subprocess.Process) -> int:
    """The process 1 of the machine, when it has booted."""
    async with asyncio.timeout(60):
        while True:
            assert process.returncode is None, "the machine has not started"
            for child in children(process.pid):
                with contextlib.suppress(AssertionError):
                    await Machine(child).run("systemctl is-system-running --wait")
                    return child
            await asyncio.sleep(0.1)


@pytest.mark.slow
@needs_tools
@needs_root
@pytest.mark.timeout(900)
async def test_the_service_on_a_machine(machine: Machine, tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as port, csms(password=CSMS_PASSWORD) as remote:
        await machine.follow("Install")
        for key, value in {
            "port: 1883": f"port: {port}",
            "url: [^ ]*": f"url: {remote.url}",
            "metrics: [^ ]*": f"metrics: 127.0.0.1:{free_port()}",
            ". traces:": "traces:",
        }.items():
            await machine.run(f"sed -i 's#{key}#{value}#' /etc/ocppd/ocppd.yaml")
        await without_passwords(machine)
        await machine.follow("Credentials", f"{PASSWORDS['ocppd']}\n", f"{CSMS_PASSWORD}\n")
        # `systemctl enable --now` returns when it is ready.
        await machine.follow("Start")
        assert "daemon.started" in await machine.log()
        assert "active (running)" in await machine.follow("Look")
        # Both passwords have been read: broker and CSMS have let it in.
        await accepted(remote, "CP001")
        assert (await machine.send("daemon", "ping"))["result"]["csms"]["up"] == 1
        await locked_up(machine)

        assert (await machine.send("CP001/1/1", "plug-in"))["changed"]
        await survives_what_kills_it(machine, remote)
        assert not (await machine.send("CP001/1/1", "plug-in"))["changed"]

        await reloads(machine, remote)

        await machine.run("systemctl stop ocppd")
        assert await machine.property("Result") == "success"
        assert await machine.property("ExecMainStatus") == "0"
        assert "daemon.stopped" in await machine.log()
        assert await machine.run("ls /var/lib/ocppd/") == "CP001.json\nCP002.json"
        traces = await machine.run("ls /var/log/ocppd/")
        assert traces.splitlines()[0].startswith("CP001"), traces
        await machine.follow("Uninstall")
        assert (
            await machine.run("find / -xdev -name '*ocppd*' -not -path '/root/*' -not -path '/proc/*'") == ""
        )


async def without_passwords(machine: Machine) -> None:
    """A missing password is named, and the service does not try again."""
    with pytest.raises(AssertionError, match="failed"):
        await machine.follow("Start")
    log = await machine.log()
    assert "csms.password_file: /run/credentials/ocppd.service/csms is empty" in log
    assert await machine.property("ActiveState") == "failed"


async def locked_up(machine: Machine) -> None:
    """It has no rights, and can write to its own two directories alone."""
    pid = await machine.property("MainPID")
    status = dict(
        line.split(":\t", 1) for line in (await machine.run(f"cat /proc/{pid}/status")).splitlines()
    )
    assert int(status["Uid"].split()[0]) > 60000
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    files = next(
        it for it in (await machine.run(f"cat /proc/{pid}/limits")).splitlines() if "open files" in it
    )
    assert int(files.split()[3]) >= 20000
    inside = f"nsenter -t {pid} -m"
    for place in ("/etc/ocppd", "/opt/ocppd", "/usr", "/var/lib", "/var/log"):
        refused = await machine.run(f"{inside} touch {place}/it 2>&1 || true")
        assert "Read-only file system" in refused, place
    await machine.run(f"{inside} touch /var/lib/ocppd/it && rm /var/lib/ocppd/it")
    with pytest.raises(AssertionError, match="Permission denied"):
        await machine.run(f"{inside} setpriv --reuid {status['Uid'].split()[0]} ls /etc/ocppd/credentials")


async def survives_what_kills_it(machine: Machine, remote: Csms) -> None:
    """A daemon that hangs is restarted by the watchdog, one that dies as well."""
    boots = len(remote.heard("BootNotification", "CP001"))
    await machine.run("systemctl kill -s STOP ocppd")
    await machine.until("NRestarts", "1")
    log = await machine.log()
    assert "Watchdog timeout" in log
    assert "Fatal Python error: Aborted" in log  # and where it hung
    await machine.until("ActiveState", "active")
    await remote.until(lambda: len(remote.heard("BootNotification", "CP001")) == boots + 1)

    await machine.run("systemctl kill -s KILL ocppd")
    await machine.until("NRestarts", "2")
    await machine.until("ActiveState", "active")
    await remote.until(lambda: len(remote.heard("BootNotification", "CP001")) == boots + 2)


async def reloads(machine: Machine, remote: Csms) -> None:
    """A reload adds a station and leaves the other alone; a wrong configuration changes nothing."""
    await remote.until(lambda: "CP001" in remote.stations)
    before, pid = remote.stations["CP001"], await machine.property("MainPID")
    await machine.run("cp /etc/ocppd/ocppd.yaml /tmp/good; echo '  - id: CP002' >> /etc/ocppd/ocppd.yaml")
    assert "stations 2" in await machine.follow("Change the configuration")
    await accepted(remote, "CP002")
    assert remote.stations["CP001"] is before

    await machine.run("echo '  - idd: CP003' >> /etc/ocppd/ocppd.yaml; systemctl reload ocppd")
    await machine.until("SubState", "running")
    assert "daemon.reload_failed" in await machine.log()
    with pytest.raises(AssertionError, match="stations"):
        await machine.follow("Change the configuration")
    assert remote.stations.keys() == {"CP001", "CP002"}
    assert remote.stations["CP001"] is before
    assert await machine.property("MainPID") == pid
