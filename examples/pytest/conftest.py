"""The CSMS under test: here the one of the demo, in a process of its own. Put yours in its place."""

import subprocess
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def csms_url() -> Iterator[str]:
    """Where it listens."""
    command = [sys.executable, "-u", "-m", "ocppd.demo.csms", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as csms:
        assert csms.stdout is not None
        yield csms.stdout.readline().split()[-1]  # listening on ws://127.0.0.1:40123
        csms.terminate()
        csms.stdout.read()
