from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ocppd.core.description import Hardware
from tests.bench import Bench, bugs_raise
from tests.shapes import check_views


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--restart",
        action="store_true",
        help="save and reload every station on the bench between any two inputs",
    )


@pytest.fixture
def new_bench(request: pytest.FixtureRequest) -> Iterator[Callable[..., Bench]]:
    """Make a bench, with hardware of one's own, or one that has not booted."""
    restart = bool(request.config.getoption("--restart"))
    benches: list[Bench] = []

    def make(hardware: Hardware | None = None, **how: Any) -> Bench:
        benches.append(Bench(hardware, restart=restart, **how))
        return benches[-1]

    with bugs_raise():
        yield make
    for it in benches:
        it.station.look(it.clock.now)  # one that was just loaded knows no time yet
        check_views(it.station)


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """A station that the CSMS has accepted; what was said until then is forgotten."""
    return new_bench()
