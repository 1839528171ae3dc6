"""What a start costs: the daemon loads nothing that its settings do not ask for."""

from __future__ import annotations

import subprocess
import sys

_LOADED = "import sys, ocppd.cli, ocppd.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded(program: str) -> set[str]:
    run = [sys.executable, "-c", program]
    return set(subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())


def test_what_a_plain_daemon_does_not_load() -> None:
    needless = {"rich", "pygments", "prompt_toolkit", "textual", "aiomqtt", "prometheus_client"}
    needless |= {"httpx", "asyncssh", "h11"}
    assert loaded(_LOADED) & needless == set()


def test_whoever_imports_ocppd_as_a_library_keeps_a_structlog_with_rich() -> None:
    told = loaded("import ocppd.testing, structlog.dev; print(structlog.dev.rich is not None)")
    assert told == {"True"}


def test_rich_can_be_imported_later() -> None:
    assert loaded("import ocppd.cli, rich; print(rich.__name__)") == {"rich"}
