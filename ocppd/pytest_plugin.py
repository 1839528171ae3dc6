"""pytest fixtures with charging stations, for the tests of a CSMS; see `ocppd.testing` and examples/pytest.

    def test_a_card_starts_a_transaction(ocpp_station):
        ocpp_station.plug_in()
        ocpp_station.authorize("04A2B3C4")
        ocpp_station.expect("TransactionEvent", eventType="Started")

Where the CSMS is, the fixture `csms_url` tells: override it, or give `--ocppd-csms`, or `ocppd_csms` in
pytest's ini file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ocppd.testing import Lab, Station


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the CSMS is."""
    text = "the CSMS that the stations of ocppd call: its URL, without / and the identity"
    parser.getgroup("ocppd", "charging stations").addoption("--ocppd-csms", metavar="URL", help=text)
    parser.addini("ocppd_csms", text)


@pytest.fixture(scope="session")
def csms_url(pytestconfig: pytest.Config) -> str:
    """The URL of the CSMS under test, without `/` and the identity, as pytest was told it."""
    url: str | None = pytestconfig.getoption("--ocppd-csms") or pytestconfig.getini("ocppd_csms")
    if not url:
        text = (
            "no CSMS to test: override the fixture csms_url, or give --ocppd-csms or the ini key ocppd_csms"
        )
        raise pytest.UsageError(text)
    return url


@pytest.fixture
def ocpp_lab(csms_url: str) -> Iterator[Lab]:
    """Any number of stations: `ocpp_lab.station("CP001", template="ac-22kw")`; they end with the test."""
    from ocppd.testing import Lab  # noqa: PLC0415 - pytest loads this plugin whoever is tested

    with Lab(csms_url) as lab:
        yield lab


@pytest.fixture
def ocpp_station(ocpp_lab: Lab) -> Station:
    """The station CP001, with one EVSE and one connector, which the CSMS has accepted."""
    return ocpp_lab.station("CP001")
