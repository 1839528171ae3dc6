"""The pytest plugin as a suite of a CSMS uses it: in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "pytest"


def run(place: Path, *more: str) -> str:
    """What pytest says of the suite in `place`; `no:ocppd` as the plugin may be installed, too."""
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(place), "-rA"]
    plugin = ["-p", "no:ocppd", "-p", "ocppd.pytest_plugin", "-p", "no:cacheprovider"]
    found = subprocess.run(
        [*command, *plugin, str(place), *more], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return found.stdout + found.stderr


def test_the_example_passes_against_the_demos_csms() -> None:
    text = run(EXAMPLE)
    assert "7 passed" in text, text
    assert "failed" not in text


def test_a_csms_that_does_not_do_its_work_fails_the_example(tmp_path: Path) -> None:
    conftest = (EXAMPLE / "conftest.py").read_text()
    dumb = tmp_path / "dumb.py"
    dumb.write_text("import typer\nfrom ocppd.demo import csms\ncsms.TOKENS.clear()\ntyper.run(csms.main)\n")
    (tmp_path / "conftest.py").write_text(conftest.replace('"-m", "ocppd.demo.csms"', f'"{dumb}"'))
    (tmp_path / "test_charging.py").write_text((EXAMPLE / "test_charging.py").read_text())
    text = run(tmp_path, "-k", "card_starts")
    assert "1 failed" in text, text
    assert "CommandError" in text


def test_without_a_csms_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(ocpp_station): ...\n")
    text = run(tmp_path)
    assert "override the fixture csms_url, or give --ocppd-csms or the ini key ocppd_csms" in text
    assert "1 error" in text or "UsageError" in text


def test_the_csms_can_be_named_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(csms_url): assert csms_url == 'ws://there:1'\n")
    assert "1 passed" in run(tmp_path, "--ocppd-csms", "ws://there:1")
    assert "1 passed" in run(tmp_path, "-o", "ocppd_csms=ws://there:1")


def test_a_suite_that_asks_for_no_station_loads_nothing_of_ocppd(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it(): assert not {'ocppd.testing', 'ocppd.app', 'ocpp'} & set(sys.modules)\n"
    )
    assert "1 passed" in run(tmp_path)


def test_pytest_finds_the_plugin_by_itself_where_ocppd_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"ocppd": "ocppd.pytest_plugin"}


def test_the_example_is_as_short_as_is_promised() -> None:
    text = (EXAMPLE / "test_charging.py").read_text()
    body = text.partition('"""Ten lines, from the cable to the bill."""\n')[2].partition("\n\n")[0]
    assert len(body.splitlines()) == 10
