"""The documentation: every command in it works, and it builds into a site that needs nobody else."""

from __future__ import annotations

import asyncio
import html.parser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from ocppd.demo.broker import broker
from ocppd.demo.csms import csms
from ocppd.scenario.model import ScenarioError
from ocppd.settings import SettingsError, json_schema
from tests import diagrams
from tests.daemon import free_port
from tests.pages import KINDS, PORTS, ROOT, Fence, Reader, fences, is_like

PAGES = sorted(
    {
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "systemd/README.md",
        ROOT / "docker/README.md",
        *(ROOT / "examples").rglob("README.md"),
    }
)
EVSE = "ocppd/v1/station/CP001/evse/1"
TUTORIAL = ROOT / "docs/tutorial.md"


class Elsewhere(NamedTuple):
    """Fences of a page, by how they begin, that are not tried here; why, and the test that does instead."""

    page: str
    begin: str
    why: str
    test: str


ELSEWHERE = (
    Elsewhere("README.md", "python3 -m venv .venv", "CI begins with this very line", ".ci/run"),
    Elsewhere("docs/tutorial.md", "python3 -m venv .venv", "CI begins with the README's line", ".ci/run"),
    Elsewhere("systemd/README.md", "", "needs a machine", "tests/deploy/test_systemd.py"),
    Elsewhere("docker/README.md", "", "needs Docker", "tests/deploy/test_docker.py"),
    Elsewhere(
        "docs/how-to/secure-the-broker.md", "", "is the broker's", "tests/deploy/test_secure_broker.py"
    ),
    Elsewhere("examples/grafana/README.md", "install -D", "writes to /etc", "tests/test_grafana.py"),
    Elsewhere("examples/pytest/README.md", "pytest", "takes long", "tests/test_pytest_plugin.py"),
)
STARTS_CSMS = re.compile(r"^(\$ )?(python -m ocppd\.demo\.csms)", re.MULTILINE)
STARTS_STATIONS = re.compile(r"^(\$ )?ocppd (run|demo)", re.MULTILINE)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def is_elsewhere(page: Path, fence: Fence) -> bool:
    return any(it.page == name_of(page) and fence.text.startswith(it.begin) for it in ELSEWHERE)


def here(page: Path) -> list[Fence]:
    """The fences of a page that are tried here."""
    return [fence for fence in fences(page) if not is_elsewhere(page, fence)]


@pytest.mark.timeout(180)  # the README alone starts thirty programs
@pytest.mark.parametrize("page", [it for it in PAGES if here(it)], ids=name_of)
async def test_every_command_of_the_page_works(page: Path, tmp_path: Path) -> None:
    needs(shutil.which("mosquitto_sub") is not None, "mosquitto-clients")
    async with broker() as port, csms() as remote:
        around = {"1883": port, "9000": int(remote.url.rpartition(":")[2])}
        await asyncio.to_thread(follow, page, tmp_path, around)


def follow(page: Path, folder: Path, around: dict[str, int]) -> None:
    text = page.read_text()
    ports = {it: free_port() for it in PORTS} | around
    if STARTS_CSMS.search(text):
        ports["9000"] = free_port()
    with Reader(folder, ports) as reader:
        if page != TUTORIAL:
            reader.follow(tutorial_fence("# my.yaml"))
        if not STARTS_STATIONS.search(text):
            reader.follow(tutorial_fence("ocppd run --config my.yaml"))
        for fence in here(page):
            try:
                reader.follow(fence)
            except Exception as error:
                error.add_note(f"{page}:{fence.line}")
                raise
        reader.finish()


def tutorial_fence(begin: str) -> Fence:
    """The fence of the tutorial that begins like this; the other pages begin where that one has ended."""
    [found] = [it for it in fences(TUTORIAL) if it.text.startswith(begin)]
    return found


@pytest.mark.parametrize("it", ELSEWHERE, ids=lambda it: it.page)
def test_what_is_not_tried_here_is_tried_elsewhere(it: Elsewhere) -> None:
    assert any(fence.text.startswith(it.begin) for fence in fences(ROOT / it.page)), "no such fence any more"
    assert (ROOT / it.test).exists()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_fence_says_what_it_is(page: Path) -> None:
    marks = re.findall(r"^ *```(.*)", page.read_text(), re.MULTILINE)
    assert len(marks) == 2 * len(fences(page)), "a fence without a kind, or one that does not end"
    assert {it.kind for it in here(page)} <= set(KINDS)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("sh", "false\necho on", "has ended with 1"),
        ("console", "$ ocppd --version\nocppd 0.0", "has printed"),
        ("sh", "ocppd run --config none.yaml", "has ended"),
        ("sh", f"mosquitto_pub -t {EVSE}/cmd/plug-out -n", "unknown_command"),
        ("yaml", "stations: [{id: CP001, modle: X}]", "did you mean 'model'"),
        ("yaml", "steps: [{plug-inn: {}}]", "plug-in"),
        ("python", "def test_it() -> None:\n    assert 1 == 2\n", "1 failed"),
    ],
    ids=lambda it: it.split()[0],
)
async def test_what_is_wrong_in_a_page_is_found(kind: str, text: str, words: str, tmp_path: Path) -> None:
    def read(port: int, url: str) -> None:
        ports = {"1883": port, "9000": int(url.rpartition(":")[2])}
        with Reader(tmp_path, ports) as reader:
            if text.startswith("mosquitto_pub"):
                reader.follow(tutorial_fence("# my.yaml"))
                reader.follow(tutorial_fence("ocppd run --config my.yaml"))
            reader.follow(Fence(kind, text, 1))

    needs(shutil.which("mosquitto_sub") is not None, "mosquitto-clients")
    async with broker() as port, csms() as remote:
        with pytest.raises((AssertionError, SettingsError, ScenarioError), match=words):
            await asyncio.to_thread(read, port, remote.url)


def test_output_is_compared_by_its_lines() -> None:
    printed = '{\n  "ok": true,\n  "ms": 3\n}\n'
    assert is_like('"ok": true', printed)
    assert is_like('{\n"ok": …,\n"ms": …\n}', printed)
    assert not is_like('"ms": 3\n"ok": true', printed)
    assert not is_like('"ok": false', printed)


# The site


def needs(is_there: bool, what: str) -> None:
    if not is_there:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {what}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does it."""
    needs(importlib.util.find_spec("material") is not None, "the extra docs")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Fetched(html.parser.HTMLParser):
    """What a browser gets by itself when it shows a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"script": "src", "img": "src", "iframe": "src", "link": "href"}.get(tag)
        self.urls += [value for name, value in attrs if name == wanted and value]


def test_it_fetches_nothing_from_other_hosts(site: Path) -> None:
    pages = {it: Fetched(it.read_text()).urls for it in site.rglob("*.html")}
    assert len(pages) > 20
    assert [(it, url) for it, urls in pages.items() for url in urls if re.match(r"(https?:)?//", url)] == []
    styles = {
        it: re.findall(r"(?:@import|url\()\s*[\"']?((?:https?:)?//[^\"')]*)", it.read_text())
        for it in drawn(site)
    }
    assert len(styles) > 5
    assert {it: urls for it, urls in styles.items() if urls} == {}


def drawn(site: Path) -> list[Path]:
    """Styles and pictures, which may name others."""
    return [*site.rglob("*.css"), *site.rglob("*.svg")]


def test_the_pictures_are_what_is_drawn_today() -> None:
    for file, drawn in diagrams.pictures().items():
        assert file.read_text() == drawn, "run: python -m tests.diagrams"


def test_every_key_of_the_configuration_is_described() -> None:
    schema = json_schema()
    sections = [schema, *(it for it in schema["$defs"].values() if "properties" in it)]
    keys = [(name, it) for section in sections for name, it in section["properties"].items()]
    assert len(keys) > 100
    assert [name for name, it in keys if not it.get("description", "").endswith((".", "?"))] == []


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("commands", ["plug-in", "authorize", "add-station"]),
        (
            "topics",
            ["ocppd/v1/station/&lt;station&gt;/evse/1/cmd/&lt;command&gt;", "retained", "limit_source"],
        ),
        ("events", ["tx_started", "station_removed", "stopped_reason"]),
        ("errors", ["ambiguous_target", "internal"]),
        ("configuration", ["meter_interval", "OCPPD_MQTT__PORT", "mqtt.inputs"]),
        ("variables", ["TxCtrlr", "EVConnectionTimeOut"]),
        ("templates", ["ac-22kw", "dc-50kw"]),
        ("cli", ["ocppd run", "--config", "--security-profile"]),
    ],
)
def test_the_reference_lists_what_there_is(site: Path, page: str, words: list[str]) -> None:
    text = (site / f"reference/{page}.html").read_text()
    assert [word for word in words if word not in text] == []
    assert "generated:" not in text
