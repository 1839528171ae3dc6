"""MQTT over TLS, with certificates of both sides."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from ocppd.edge.mqtt import Pace
from ocppd.edge.tls import tls_context
from ocppd.payload import Payload
from ocppd.settings.section import TlsSettings
from tests.edge.mqtt.edge import Edge, Logged, Mosquitto, running, until

# paho leaves the socket of a failed handshake to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")

EAGER = Pace(answer=0.3, hello=0.3)


@dataclass
class Certificates:
    """One authority, a broker's certificate of 127.0.0.1 and a daemon's; and an authority of others."""

    folder: Path

    def __post_init__(self) -> None:
        authority, others = trustme.CA(), trustme.CA()
        broker, daemon = authority.issue_cert("127.0.0.1"), authority.issue_cert("lab1")
        authority.cert_pem.write_to_path(self.path("ca"))
        others.cert_pem.write_to_path(self.path("others"))
        for name, cert in (("broker", broker), ("daemon", daemon), ("stranger", others.issue_cert("lab1"))):
            cert.private_key_pem.write_to_path(self.path(f"{name}.key"))
            cert.cert_chain_pems[0].write_to_path(self.path(f"{name}.crt"))

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def broker(self) -> Mosquitto:
        """A broker that wants to see a certificate of whoever comes."""
        return Mosquitto(
            self.folder,
            "allow_anonymous true",
            f"cafile {self.path('ca')}",
            f"certfile {self.path('broker.crt')}",
            f"keyfile {self.path('broker.key')}",
            "require_certificate true",
        )

    def context(self, ca: str = "ca", own: str | None = "daemon") -> ssl.SSLContext:
        """The daemon's side, as its settings `mqtt.tls` make it."""
        files = {"ca": self.path(ca)}
        if own is not None:
            files |= {"cert": self.path(f"{own}.crt"), "key": self.path(f"{own}.key")}
        return tls_context(TlsSettings.model_validate(files).trust())


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def heartbeat(edge: Edge) -> None:
    edge.csms.heard.clear()
    edge.fleet.command(edge.fleet.request("heartbeat", "CP001", "test", Payload()), Payload())


async def test_with_the_right_certificates_it_connects(certificates: Certificates, logged: Logged) -> None:
    with certificates.broker() as broker:
        async with running(Edge(broker.port, tls=certificates.context()), greeted=False):
            line = await logged.has("mqtt.connected")
            assert line["protocol"] == "V5"
    assert logged.of("mqtt.down") == []


async def test_a_broker_of_another_authority_is_told_in_one_line_and_the_stations_go_on(
    certificates: Certificates, logged: Logged
) -> None:
    with certificates.broker() as broker:
        async with running(Edge(broker.port, tls=certificates.context("others")), greeted=False) as edge:
            line = await logged.has("mqtt.down")
            assert len(logged.of("mqtt.down")) == 1
            assert line["reason"].startswith("mqtt.tls.ca: the certificate of the broker is refused: ")
            assert line["broker"] == f"127.0.0.1:{broker.port}"
            assert edge.mqtt.surveyed.is_set()
            heartbeat(edge)
            await until(lambda: edge.csms.requests("Heartbeat"))
    assert logged.of("mqtt.connected") + logged.of("mqtt.fallback") == []


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (None, "mqtt.tls.cert: the broker wants a certificate"),
        ("stranger", "mqtt.tls.cert: the broker refuses the certificate: unknown ca"),
    ],
)
async def test_without_a_certificate_of_its_own_that_the_broker_knows_the_stations_go_on_too(
    certificates: Certificates, logged: Logged, own: str | None, reason: str
) -> None:
    with certificates.broker() as broker:
        edge = Edge(broker.port, tls=certificates.context(own=own), pace=EAGER)
        async with running(edge, greeted=False):
            line = await logged.has("mqtt.down")
            assert line["reason"] == reason
            heartbeat(edge)
            await until(lambda: edge.csms.requests("Heartbeat"))
    assert logged.of("mqtt.connected") + logged.of("mqtt.fallback") == []


async def test_a_broker_without_tls_is_no_broker(
    mosquitto: Mosquitto, certificates: Certificates, logged: Logged
) -> None:
    async with running(Edge(mosquitto.port, tls=certificates.context()), greeted=False):
        line = await logged.has("mqtt.down")
        assert line["reason"]
