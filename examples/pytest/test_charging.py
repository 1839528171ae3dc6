"""What a CSMS is tested for with stations that behave, and with some that do not."""

from typing import Any

import pytest

from ocppd.testing import CommandError, Lab, Station

CARD, BLOCKED = "04A2B3C4", "04B10C4E"


def test_a_card_starts_and_ends_a_transaction(ocpp_lab: Lab, ocpp_station: Station) -> None:
    """Ten lines, from the cable to the bill."""
    ocpp_station.plug_in(ev={"soc": 20})
    ocpp_station.authorize(CARD)
    started = ocpp_station.expect("TransactionEvent", eventType="Started")
    ocpp_station.expect("TransactionEvent", transactionInfo={"chargingState": "Charging"})
    ocpp_lab.advance(3600)
    ocpp_station.authorize(CARD)
    ocpp_station.unplug()
    ended = ocpp_station.expect("TransactionEvent", eventType="Ended")
    assert ended["transactionInfo"]["transactionId"] == started["transactionInfo"]["transactionId"]
    assert ocpp_station.state["evses"][0]["meter"]["energy_wh"] > 10_000


def test_a_blocked_card_is_refused(ocpp_station: Station) -> None:
    """What the station says of it is what the CSMS has answered."""
    ocpp_station.plug_in()
    with pytest.raises(CommandError, match="Blocked"):
        ocpp_station.authorize(BLOCKED)


@pytest.mark.parametrize(
    "disturbance", [{"duplicate_pct": 50}, {"latency_ms": 20, "jitter_ms": 30}, {"burst_ms": 50}]
)
def test_a_bad_line_costs_no_transaction(
    ocpp_lab: Lab, ocpp_station: Station, disturbance: dict[str, Any]
) -> None:
    """The same seed spoils the same frames: what fails once fails again."""
    ocpp_station.chaos(seed=1, **disturbance)
    ocpp_station.plug_in()
    ocpp_station.authorize(CARD)
    ocpp_station.unplug()
    ocpp_station.expect("TransactionEvent", eventType="Ended")


def test_many_stations_at_once(ocpp_lab: Lab) -> None:
    """Each with settings of its own, as in a configuration."""
    stations = [ocpp_lab.station(f"CP{number:03}", template="ac-22kw", wait=False) for number in range(20)]
    for station in stations:
        station.until(lambda state: state["csms"]["registration"] == "Accepted")


def test_a_station_that_lies(ocpp_station: Station) -> None:
    """Any request, valid or not, and what the CSMS makes of it."""
    with pytest.raises(CommandError, match="ProtocolError"):
        ocpp_station.call("StatusNotification", payload={"connectorStatus": "Available"})
    ocpp_station.status_notification(connector_status="Faulted")
    ocpp_station.expect("StatusNotification", connectorStatus="Faulted")
