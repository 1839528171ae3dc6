"""What the log looks like, on a terminal and elsewhere."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from ocppd import log


class Terminal(io.StringIO):
    """Standard error that is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    ("stderr", "no_color", "has_colours"),
    [(Terminal(), "", True), (Terminal(), "1", False), (io.StringIO(), "", False)],
)
def test_only_a_terminal_gets_colours_where_it_wants_them(
    stderr: io.StringIO, no_color: str, has_colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("NO_COLOR", no_color)
    log.configure("info", "console")
    structlog.get_logger().info("csms.connected", station="CP001")
    said = stderr.getvalue()
    assert "csms.connected" in said
    assert ("\x1b[" in said) is has_colours
    assert ("station=CP001" in said) is not has_colours
