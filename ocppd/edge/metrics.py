"""Prometheus metrics: how the daemon and its stations do, for whoever scrapes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from ocppd.core.shapes import Health

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is to count. `power_w` flows to all cars together, below 0 back to the grid.

    `connectors` are numbers of them by OCPP status. `frames` and `messages` have passed since the start, of
    OCPP and of MQTT, by `sent` and `received`.
    """

    health: Health
    transactions: int
    power_w: float
    connectors: Mapping[str, int]
    frames: Mapping[str, int]
    messages: Mapping[str, int]


class _Figures(Collector):
    """Asks for the figures at each scrape."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        yield from _of_the_process(figures.health)
        yield from _of_the_stations(figures)
        yield from _of_the_broker(figures)


def _of_the_process(health: Health) -> Iterator[Metric]:
    yield GaugeMetricFamily("ocppd_uptime_seconds", "Time since the start", health["uptime_s"])
    yield GaugeMetricFamily("ocppd_resident_memory_bytes", "Memory in RAM", health["rss_mb"] * 2**20)
    yield GaugeMetricFamily("ocppd_loop_lag_seconds", "Lateness of the loop", health["loop_lag_ms"] / 1000)


def _of_the_stations(figures: Figures) -> Iterator[Metric]:
    csms = figures.health["csms"]
    yield _labelled(
        GaugeMetricFamily("ocppd_stations", "Stations by connection to the CSMS", labels=["csms"]),
        {"up": csms["up"], "down": csms["down"]},
    )
    yield _labelled(
        GaugeMetricFamily("ocppd_connectors", "Connectors by OCPP status", labels=["status"]),
        figures.connectors,
    )
    yield GaugeMetricFamily("ocppd_transactions", "Transactions that run", figures.transactions)
    yield GaugeMetricFamily(
        "ocppd_charging_power_watts", "Power to all cars; below 0: back to the grid", figures.power_w
    )
    yield GaugeMetricFamily("ocppd_csms_queued", "Calls that wait for a CSMS", csms["queued"])
    yield _labelled(
        CounterMetricFamily("ocppd_ocpp_frames", "OCPP-J frames by direction", labels=["direction"]),
        figures.frames,
    )


def _of_the_broker(figures: Figures) -> Iterator[Metric]:
    mqtt = figures.health["mqtt"]
    yield GaugeMetricFamily("ocppd_mqtt_queued", "Messages that wait", mqtt["queued"])
    yield CounterMetricFamily("ocppd_mqtt_dropped", "Messages given up", mqtt["dropped"])
    yield _labelled(
        CounterMetricFamily("ocppd_mqtt_messages", "MQTT messages by direction", labels=["direction"]),
        figures.messages,
    )


def _labelled(
    family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, int]
) -> GaugeMetricFamily | CounterMetricFamily:
    for label, value in values.items():
        family.add_metric([label], value)
    return family


@contextmanager
def serve_metrics(address: str, figures: Callable[[], Figures]) -> Iterator[None]:
    """Serve them at `host:port` while the block runs; `figures` is called in a thread of each scrape."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")  # of an IPv6 address
    registry = CollectorRegistry()
    registry.register(_Figures(figures))
    try:
        server, thread = start_http_server(int(port), host, registry)
    except (OSError, OverflowError) as error:  # a port that is taken, or none
        log.warning("metrics.failed", address=address, reason=str(error))
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
