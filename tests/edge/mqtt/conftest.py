from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.edge.mqtt.edge import Logged, Mosquitto, Uplink, only_v311

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def logged() -> Iterator[Logged]:
    """What is logged; what would only be logged as a bug of a station fails the test."""
    lines = Logged()
    structlog.configure(processors=[lines.note])
    yield lines
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """The broker of all tests of a module; it is never stopped."""
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def own_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker to be stopped, frozen and restarted."""
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def base() -> str:
    """A base topic of one's own: nothing of other tests is retained there."""
    return f"test{next(_numbers)}/ocppd"


@pytest.fixture(params=["V5", "V311"])
async def uplink(request: pytest.FixtureRequest, mosquitto: Mosquitto) -> AsyncIterator[Uplink]:
    """Where the daemon connects to: the broker, or one in front of it that refuses MQTT 5."""
    if request.param == "V5":
        yield Uplink(mosquitto.port, "V5")
        return
    async with only_v311(mosquitto.port) as port:
        yield Uplink(port, "V311")
