"""`ocppd scenario` where no daemon is needed, or none is there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import structlog
from junitparser import JUnitXml
from typer.testing import CliRunner

from ocppd.cli import app

Ocppd = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ocppd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ocppd]:
    """Run `ocppd scenario` in an empty directory: exit status, output, errors."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["scenario", *arguments])
        return result.exit_code, result.stdout, result.stderr

    yield run
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_a_wrong_file_is_refused_before_anything_runs(ocppd: Ocppd, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("steps: [{plugin: 1}]")
    refusal = (2, "", "wrong.yaml: step 1: there is no verb 'plugin', did you mean 'plug-in'?\n")
    assert ocppd("run", "clock-drift", "wrong.yaml", "--virtual") == refusal
    assert ocppd("check", "wrong.yaml") == refusal


def test_without_a_broker(ocppd: Ocppd, tmp_path: Path) -> None:
    (tmp_path / "nobody.yaml").write_text("mqtt: {port: 1}")
    code, out, err = ocppd("run", "clock-drift", "--config", "nobody.yaml")
    assert (code, out) == (3, "")
    assert "broker 127.0.0.1:1" in err


def test_list_and_schema(ocppd: Ocppd, tmp_path: Path) -> None:
    (tmp_path / "config" / "scenarios").mkdir(parents=True)
    (tmp_path / "config" / "ocppd.yaml").write_text("mqtt: {enabled: false}")
    (tmp_path / "config" / "scenarios" / "mine.yaml").write_text("description: Mine.\nsteps: [unplug]")
    listed = ocppd("list")[1]
    assert "evening-rush\n    A hundred cars come home" in listed
    assert "mine\n    Mine.\n" in listed
    assert orjson.loads(ocppd("schema")[1])["title"] == "ocppd scenario"


def test_variables_rounds_and_junit(ocppd: Ocppd, tmp_path: Path) -> None:
    (tmp_path / "ok.json").write_text('{"vars": {"w": 1}, "steps": [{"note": "${w}"}, {"limit": "${w}"}]}')
    assert ocppd("check", "ok.json", "evening-rush") == (0, "ok.json: 2 steps\nevening-rush: 12 steps\n", "")
    code, out, _ = ocppd(
        "run", "ok.json", "--virtual", "--var", "w=6000", "--repeat", "2", "--junit", "j.xml"
    )
    assert (code, out.count("ok: passed, 2 steps")) == (0, 2)
    (suite,) = JUnitXml.fromfile(str(tmp_path / "j.xml"))
    assert [case.system_out.split()[-1] for case in suite] == ["6000", "6000"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--var", "6000"], "--var 6000: must be NAME=VALUE"),
        (["--junit", "no/such/folder.xml"], "--junit no/such/folder.xml: cannot be written"),
    ],
)
def test_what_the_command_line_refuses(ocppd: Ocppd, arguments: list[str], told: str) -> None:
    code, _, err = ocppd("run", "firmware-refused", "--virtual", *arguments)
    assert (code, told in err) == (2, True)


def test_a_failure_is_told_and_is_status_1(ocppd: Ocppd, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("steps: [{expect: {event: fault, within: 5}}]")
    code, out, _ = ocppd("run", "bad.yaml", "--virtual")
    assert code == 1
    assert "expected: event fault within 5 s" in out


def test_a_template_beside_the_configuration_serves(ocppd: Ocppd, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "mine.yaml").write_text("vendor: Myself")
    (tmp_path / "lab.yaml").write_text("mqtt: {enabled: false}")
    (tmp_path / "s.yaml").write_text(
        "stations: [{id: X, template: mine}]\nsteps: [{expect: {state: {vendor: Myself}}}]"
    )
    assert ocppd("run", "s.yaml", "--virtual", "--config", "lab.yaml")[0] == 0
