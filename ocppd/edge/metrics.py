"""Prometheus metrics: the daemon's health for whoever scrapes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

log = structlog.get_logger()


class _Health(Collector):
    """Asks for the health at each scrape."""

    def __init__(self, health: Callable[[], dict[str, Any]]) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        health = self._health()
        yield GaugeMetricFamily("ocppd_uptime_seconds", "Time since the start", health["uptime_s"])
        yield GaugeMetricFamily("ocppd_resident_memory_bytes", "Memory in RAM", health["rss_mb"] * 2**20)
        yield GaugeMetricFamily(
            "ocppd_loop_lag_seconds", "Lateness of the loop", health["loop_lag_ms"] / 1000
        )
        stations = GaugeMetricFamily("ocppd_stations", "Stations by connection to the CSMS", labels=["csms"])
        for state in ("up", "down"):
            stations.add_metric([state], health["csms"][state])
        yield stations
        yield GaugeMetricFamily("ocppd_csms_queued", "Calls that wait for a CSMS", health["csms"]["queued"])
        yield GaugeMetricFamily("ocppd_mqtt_queued", "Messages that wait", health["mqtt"]["queued"])
        yield CounterMetricFamily("ocppd_mqtt_dropped", "Messages given up", health["mqtt"]["dropped"])


@contextmanager
def serve_metrics(address: str, health: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """Serve them at `host:port` while the block runs."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")  # of an IPv6 address
    registry = CollectorRegistry()
    registry.register(_Health(health))
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
