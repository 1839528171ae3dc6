"""examples/grafana: every panel shows what a daemon really serves, and a real Prometheus understands it."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
from asyncio.subprocess import DEVNULL, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ocppd.demo.broker import broker
from ocppd.demo.csms import csms
from tests.daemon import TOKEN, Json, daemon, free_port, observer, settings, station

PROJECT = Path(__file__).parent.parent
GRAFANA, PAGE = PROJECT / "examples" / "grafana", PROJECT / "docs" / "how-to" / "observability.md"
DASHBOARD: Json = orjson.loads((GRAFANA / "dashboard.json").read_bytes())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
SELECTOR = re.compile(r"(ocppd_\w+)\{([^}]*)\}")
VARIABLES = {"$job": "ocppd", "$instance": ".*", "$__rate_interval": "1m"}


@asynccontextmanager
async def charging(folder: Path) -> AsyncIterator[int]:
    """The port at which a daemon serves its metrics while a car charges."""
    port = free_port()
    async with broker() as mqtt, csms() as remote, observer(mqtt) as eye:
        tree = settings(mqtt, remote.url, station(), daemon={"metrics": f"127.0.0.1:{port}"})
        async with daemon(folder, tree) as it:
            await it.ready()
            await eye.shows("station/CP001/state", csms__registration="Accepted")
            await eye.succeed("CP001/1/1", "plug-in")
            await eye.succeed("CP001/1", "authorize", id_token=TOKEN)
            await eye.shows("station/CP001/evse/1/state", tx__state="Charging")
            yield port


async def metrics(port: int) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What is served there: of each metric its labels and values."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def test_a_daemon_serves_every_metric_and_label_of_the_dashboard(tmp_path: Path) -> None:
    async with charging(tmp_path) as port:
        served = await metrics(port)
    for expression in EXPRESSIONS:
        selectors = SELECTOR.findall(expression)
        assert selectors, expression
        for name, matchers in selectors:
            wanted = dict(re.findall(r'(\w+)=~?"([^"]*)"', matchers))
            assert (wanted.pop("job"), wanted.pop("instance")) == ("$job", "$instance")
            assert any(wanted.items() <= labels.items() for labels, _ in served[name]), expression
        for label in itertools.chain(*(it.split(", ") for it in re.findall(r"by \(([^)]*)\)", expression))):
            assert label == "instance" or all(label in labels for labels, _ in served[selectors[0][0]])
    used = {name for expression in EXPRESSIONS for name, _ in SELECTOR.findall(expression)}
    assert {name for name in served if not name.endswith("_created")} == used
    assert set(re.findall(r"^\| `(ocppd_\w+)", PAGE.read_text(), flags=re.MULTILINE)) == used
    assert served["ocppd_transactions"] == [({}, 1.0)]
    [(_, power)] = served["ocppd_charging_power_watts"]
    assert 0 < power <= 11_000
    assert ({"status": "Occupied"}, 1.0) in served["ocppd_connectors"]
    assert all(value > 0 for _, value in served["ocppd_mqtt_messages_total"])
    assert all(value > 3 for _, value in served["ocppd_ocpp_frames_total"])


def test_the_dashboard_is_one_that_Grafana_takes() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert "id" not in DASHBOARD  # Grafana's own number: with it an import would overwrite another
    assert re.fullmatch(r"[\w-]{1,40}", DASHBOARD["uid"])
    panels = DASHBOARD["panels"]
    assert len({it["id"] for it in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries")
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [it["refId"] for it in panel["targets"]]
        assert len(set(references)) == len(references) > 0
        assert panel["fieldConfig"]["defaults"]["unit"]
    cells = [cell for it in panels for cell in _cells(**it["gridPos"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23  # the grid's 24 columns are filled
    names = [it["name"] for it in DASHBOARD["templating"]["list"]]
    assert names == ["datasource", "job", "instance"]
    unknown = set(re.findall(r"\$\{?(\w+)", " ".join(EXPRESSIONS))) - {*names, "__rate_interval"}
    assert unknown == set()


def _cells(x: int, y: int, w: int, h: int) -> list[tuple[int, int]]:
    return list(itertools.product(range(x, x + w), range(y, y + h)))


def test_the_provisioning_and_the_page_name_files_that_there_are() -> None:
    page = (GRAFANA / "README.md").read_text()
    links = [it for it in re.findall(r"\]\(([^)]+)\)", page) if not it.startswith("http")]
    assert [it for it in links if not (GRAFANA / it).exists()] == []
    copied = re.findall(r"install -D -m 644 (\S+) (\S+)", page)
    assert [source for source, _ in copied if not (GRAFANA / source).is_file()] == []
    [provider] = _yaml("provisioning/dashboards/ocppd.yaml")["providers"]
    assert Path(dict(copied)["dashboard.json"]).parent == Path(provider["options"]["path"])
    [source] = _yaml("provisioning/datasources/prometheus.yaml")["datasources"]
    [job] = _yaml("prometheus.yml")["scrape_configs"]
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == _yaml("prometheus.yml")["global"]["scrape_interval"]
    assert f'metrics: "{job["static_configs"][0]["targets"][0]}"' in page


def _yaml(name: str) -> Any:
    return yaml.safe_load((GRAFANA / name).read_text())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus on the PATH")
async def test_a_real_prometheus_has_an_answer_for_every_panel(tmp_path: Path) -> None:
    async with charging(tmp_path) as port, prometheus(tmp_path, port) as client:
        for expression in EXPRESSIONS:
            query = expression
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            assert await _answer(client, query), expression
        [power] = await _answer(client, "ocppd_charging_power_watts")
        assert 0 < float(power["value"][1]) <= 11_000
        for variable in DASHBOARD["templating"]["list"][1:]:
            [label] = re.findall(r", (\w+)\)$", variable["query"]["query"])
            assert all(label in it["metric"] for it in await _answer(client, "ocppd_uptime_seconds"))


@asynccontextmanager
async def prometheus(folder: Path, port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus with the example's configuration, which has scraped the daemon twice."""
    tree = _yaml("prometheus.yml")
    tree["global"]["scrape_interval"] = "1s"
    tree["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    config, own = folder / "prometheus.yml", free_port()
    config.write_text(yaml.safe_dump(tree))
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=STDOUT,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{own}") as client:
            async with asyncio.timeout(30):
                while not await _answer(client, "count_over_time(ocppd_uptime_seconds[1m]) > 2"):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def _answer(client: httpx.AsyncClient, query: str) -> list[Json]:
    try:
        response = (await client.get("/api/v1/query", params={"query": query})).json()
    except (httpx.ConnectError, ValueError):  # it starts
        return []
    assert response["status"] == "success", response
    result: list[Json] = response["data"]["result"]
    return result
