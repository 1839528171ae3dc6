from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.bench import Bench, bugs_raise


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
    with bugs_raise():
        yield lambda hardware=None, **how: Bench(hardware, restart=restart, **how)


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """A station that the CSMS has accepted; what was said until then is forgotten."""
    return new_bench()
