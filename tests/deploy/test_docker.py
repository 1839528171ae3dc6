"""The image and the compose file, at a real Docker engine."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.daemon import ID, Json, free_port
from tests.deploy.support import PROJECT, commands

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DOCKERFILE = PROJECT / "docker" / "Dockerfile"
README = commands(PROJECT / "docker" / "README.md")
PATIENCE_S = 60.0
LOCKED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]


def run(*words: str, check: bool = True, **environment: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        words, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@functools.cache
def engine() -> bool:
    """Whether there is a Docker engine, and not only its client."""
    return bool(shutil.which("docker")) and "Server Version" in run("docker", "info", check=False)


@functools.cache
def compose() -> str | None:
    """The compose that is installed."""
    if "Compose" in run("docker", "compose", "version", check=False):
        return "docker compose"
    return shutil.which("docker-compose")


@pytest.fixture
def docker() -> Callable[..., str]:
    if not engine():
        pytest.skip("no Docker engine: `docker info` fails")
    return functools.partial(run, "docker")


@pytest.fixture
def image(docker: Callable[..., str]) -> Json:
    """The image, built; what the engine knows of it."""
    # The host's network, since an engine need not have another.
    docker("build", "--network=host", "-t", "ocppd", "-f", str(DOCKERFILE), ".")
    return inspect("ocppd")


def inspect(name: str) -> Json:
    found: list[Json] = json.loads(run("docker", "inspect", name))
    return found[0]


def until(question: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not question():
        assert time.monotonic() < deadline, what
        time.sleep(0.3)


@pytest.fixture
def containers(docker: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """Start a container of an image with arguments; it and its volumes go with the test."""
    names: list[str] = []

    def start(*words: str) -> str:
        names.append(f"ocppd-test-{os.getpid()}-{len(names)}")
        docker("run", "-d", "--name", names[-1], *words)
        return names[-1]

    yield start
    for name in names:
        docker("rm", "-f", "-v", name)
    docker("volume", "rm", "-f", f"ocppd-test-{os.getpid()}")


@pytest.mark.skipif(not shutil.which("hadolint"), reason="no hadolint")
def test_hadolint_finds_nothing() -> None:
    assert run("hadolint", str(DOCKERFILE)) == ""


def test_the_image_has_what_it_needs_and_no_more(image: Json, docker: Callable[..., str]) -> None:
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Volumes"].keys() == {"/var/lib/ocppd"}
    assert not [it for it in config["Env"] if it.startswith(("OCPPD_", "PIP_INDEX"))]
    inside = functools.partial(
        docker, "run", "--rm", "--network=none", *LOCKED, "--entrypoint", "sh", "ocppd", "-c"
    )
    assert inside("for it in gcc cc make git; do command -v $it || true; done") == ""
    assert inside("ls /opt/ocppd/bin | grep pip || true") == ""
    assert (
        inside("find / -xdev -user 10001 -not -path '/proc/*' -not -path /var/lib/ocppd 2>/dev/null || true")
        == ""
    )
    assert docker("run", "--rm", "--network=none", *LOCKED, "ocppd", "--version").startswith("ocppd ")


def test_a_container_is_healthy_stops_cleanly_and_keeps_its_state(
    image: Json, containers: Callable[..., str], docker: Callable[..., str]
) -> None:
    # They share a network of their own, with nothing but a loopback interface.
    listener = "printf 'listener 1883\nallow_anonymous true\n' > /tmp/it; exec mosquitto -c /tmp/it"
    broker = containers("--network=none", "eclipse-mosquitto:2", "sh", "-c", listener)
    settings = {"OCPPD_DAEMON__ID": ID, "OCPPD_STATIONS": '[{"id": "CP001"}]'}
    words = [
        *LOCKED,
        f"--network=container:{broker}",
        f"--volume=ocppd-test-{os.getpid()}:/var/lib/ocppd",
        "--health-interval=1s",
        "--health-timeout=3s",
        *(f"--env={name}={value}" for name, value in settings.items()),
        "ocppd",
    ]
    first = containers(*words)
    until(lambda: inspect(first)["State"]["Health"]["Status"] == "healthy", "it is not healthy")
    assert orjson.loads(docker("exec", first, "ocppd", "send", "CP001/1/1", "plug-in"))["changed"]

    # Deaf to the broker it is no longer healthy.
    docker("pause", broker)
    until(lambda: inspect(first)["State"]["Health"]["Status"] == "unhealthy", "it is still healthy")
    docker("unpause", broker)
    until(lambda: inspect(first)["State"]["Health"]["Status"] == "healthy", "it is not healthy again")

    docker("stop", first)
    assert inspect(first)["State"]["ExitCode"] == 0
    assert "daemon.stopped" in run("sh", "-c", f"docker logs {first} 2>&1")
    second = containers(*words)
    until(lambda: inspect(second)["State"]["Health"]["Status"] == "healthy", "it is not healthy")
    assert not orjson.loads(docker("exec", second, "ocppd", "send", "CP001/1/1", "plug-in"))["changed"]


@pytest.fixture
def project(image: Json, docker: Callable[..., str]) -> Iterator[Callable[[str], str]]:
    """Run a line of the README, in a project of its own that goes with the test."""
    words = compose()
    if words is None:
        pytest.skip("neither docker compose nor docker-compose")
    if "bridge" not in docker("network", "ls", "--format", "{{.Driver}}"):
        pytest.skip("the engine has no bridge network")
    own = {"COMPOSE_PROJECT_NAME": f"ocppd-test-{os.getpid()}", "MQTT_PORT": str(free_port())}

    def follow(line: str) -> str:
        return run("sh", "-euc", line.replace("docker compose", words), **own)

    yield follow
    follow("docker compose -f docker/compose.yaml down -v --timeout 5")


def test_compose_runs_it_all_and_a_car_charges(
    project: Callable[[str], str], docker: Callable[..., str]
) -> None:
    up, logs, plug_in, authorize, look, unplug, down, _forget = README["Try it"].splitlines()
    project(up)
    until(lambda: {"csms.connected", "mqtt.connected"} <= {*project(logs).split('"')}, "it has not connected")
    project(plug_in)
    project(authorize)
    until(lambda: (orjson.loads(project(look))["tx"] or {}).get("state") == "Charging", "no car charges")
    assert orjson.loads(project(unplug))["ok"]
    until(lambda: "Ended" in project(logs), "the CSMS has seen no end")

    password, again, restart = README["Accounts"].splitlines()
    secret = project(password)
    assert len(secret) == 32
    project(again)
    project(restart)
    assert project(password) == secret
    until(lambda: project(logs).count("mqtt.connected") >= 2, "it has not come back")

    names = project("docker compose -f docker/compose.yaml ps -q").split()
    assert len(names) >= 3
    for name in names:
        host, config = inspect(name)["HostConfig"], inspect(name)["Config"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert any("no-new-privileges" in it for it in host["SecurityOpt"])
        assert config["User"] in ({"10001:10001", "1883:1883"} if inspect(name)["State"]["Running"] else {""})

    project("docker compose -f docker/compose.yaml stop ocppd")
    [ocppd] = project("docker compose -f docker/compose.yaml ps -a -q ocppd").split()
    assert inspect(ocppd)["State"]["ExitCode"] == 0
    project(down)
