"""A bench that is watched: whatever comes out of it must fit what came before."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import msgspec

from ocppd.core import outbox, v2x, views
from ocppd.core.description import Csms, Hardware
from ocppd.core.schemas import OCPP_21, OCPP_201, Version
from ocppd.core.state import Evse, State
from ocppd.core.station import Answer, Event, Station
from ocppd.core.status import connector_status
from tests.bench import Bench, Json

_PATIENCE = 30.0  # the station's MessageTimeout
_DUST_WH = 1e-3  # what floating point may lose between two looks
Place = tuple[int, int]


class Watched(Bench):
    """Fails as soon as something leaves that may not, and keeps what the CSMS and listeners know by now."""

    def __init__(self, hardware: Hardware, *, restart: bool, protocol: Version = OCPP_201) -> None:
        self.told: dict[Place, str] = {}
        self.shown: dict[Place, str] = {}
        self.running: dict[int, str] = {}
        self._answered: set[int] = set()
        self._call: tuple[str, float] | None = None
        self._sent_seq: dict[str, int] = {}
        self._shown_seq: dict[str, int] = {}
        self._ended: set[str] = set()
        self._gone: set[str] = set()
        csms = Csms(protocols=(OCPP_21, OCPP_201))
        super().__init__(hardware, restart=restart, csms=csms, protocol=protocol)

    # What leaves

    def send(self, text: str) -> None:
        message = json.loads(text)
        if message[0] == 2:
            if self._call is not None:  # at most one CALL waits for its answer (Part 4, 4.1.1)
                assert self.clock.now - self._call[1] >= _PATIENCE, f"{message[2]} while {self._call} waits"
            self._call = message[1], self.clock.now
            if message[2] == "TransactionEvent":
                self._watch_seq(message[3])
            if message[2] == "StatusNotification":
                self.told[message[3]["evseId"], message[3]["connectorId"]] = message[3]["connectorStatus"]
        super().send(text)

    def receive(self, frame: Any) -> None:
        if isinstance(frame, list) and frame[0] in (3, 4) and self._call and frame[1] == self._call[0]:
            self._call = None
        super().receive(frame)

    def drop(self, reason: str = "gone") -> None:
        self._call = None
        super().drop(reason)

    def start_again(self, *, boots: bool = False) -> None:
        self._call = None
        super().start_again(boots=boots)

    def answered(self, answer: Answer) -> None:
        assert answer.request.key not in self._answered, f"{answer.request.command} is answered twice"
        self._answered.add(answer.request.key)
        super().answered(answer)

    def happened(self, _station: Station, event: Event) -> None:
        if event.name == "connector_status":
            place = event.evse, event.connector
            assert event.data["before"]["status"] == self.shown.get(place, "Available")
            self.shown[place] = event.data["after"]["status"]
        if event.name in ("tx_started", "tx_updated", "tx_ended"):
            self._watch_event(event)
        super().happened(_station, event)

    def _watch_seq(self, event: Json) -> None:
        """Started once and first, Ended once and last, seqNo without a gap; the same again is a retry."""
        tx, seq, kind = event["transactionInfo"]["transactionId"], event["seqNo"], event["eventType"]
        last = self._sent_seq.get(tx, -1)
        assert seq in (last, last + 1), f"{kind} {seq} after {last}"
        assert (kind == "Started") == (seq == 0), f"{kind} is number {seq}"
        assert tx not in self._gone or seq == last, f"{kind} after the end"
        self._sent_seq[tx] = seq
        if kind == "Ended":
            self._gone.add(tx)

    def _watch_event(self, event: Event) -> None:
        tx, seq = event.data["transaction_id"], event.data["seq_no"]
        assert seq == self._shown_seq.get(tx, -1) + 1
        assert (event.name == "tx_started") == (seq == 0)
        assert tx not in self._ended
        self._shown_seq[tx] = seq
        if event.name == "tx_ended":
            self._ended.add(tx)
            assert self.running.pop(event.evse) == tx
        else:
            self.running[event.evse] = tx

    # The link, which obeys

    @property
    def is_connected(self) -> bool:
        return self.state.csms.connected

    @property
    def hears(self) -> bool:
        """Whether the CSMS gets through to the station; one that it has rejected serves nothing."""
        return self.is_connected and self.station.wants_link and self.state.boot.registration != "Rejected"

    def settle(self) -> None:
        """Let the CSMS answer; then hang up where the station has ordered that, or wants no connection."""
        super().settle()
        hangs_up = any(order.kind in ("close", "freeze") for order in self.orders)
        self.orders.clear()
        if self.is_connected and (hangs_up or not self.wanted):
            self.drop()

    # What must hold

    def check_connectors(self) -> None:
        """The world knows each status, and so does the CSMS once nothing is on its way."""
        waits = {call.action for call in self.state.outbox.queue}
        for number, evse in self.station.evses():
            for connector, state in enumerate(evse.connectors, start=1):
                place = number, connector
                status = connector_status(self.station, *place)
                if self.station.is_running:
                    assert self.shown.get(place, "Available") == state.status == status, place
                    if self.station.is_online and "StatusNotification" not in waits:
                        assert self.told[place] == status, place
                assert not state.locked or state.plugged or state.loose

    def check_transactions(self) -> None:
        running = {number: it.transaction.id for number, it in self.station.evses() if it.transaction}
        assert running == self.running
        for number, evse in self.station.evses():
            shown = views.evse_state(self.station, number)["tx"]
            assert (shown and shown["id"]) == self.running.get(number)
            assert sum(connector.plugged for connector in evse.connectors) <= 1
            assert (evse.car is not None) == any(
                connector.plugged and not connector.loose for connector in evse.connectors
            )

    def check_outbox(self) -> None:
        """Nothing that could leave is left lying."""
        box = self.state.outbox
        if box.in_flight is not None:
            assert "call" in self.state.timers
        elif self.station.is_online and self.station.wants_link and box.queue:
            assert outbox.take(deepcopy(self.state), self.clock.now) is None
            assert {"retry", "security"} & self.state.timers.keys()

    def check_restart(self) -> None:
        """What is saved is what is loaded."""
        assert msgspec.json.decode(msgspec.json.encode(self.state), type=State) == self.state

    def gain_wh(self, evse: Evse) -> float:
        """What the battery of the car there holds; 0 without a car."""
        return evse.car.soc / 100 * evse.car.ev.capacity_wh if evse.car else 0.0

    def check_direction(self) -> None:
        """Energy flows back only where the CSMS has allowed it, from a car that can."""
        for number, evse in self.station.evses():
            if views.meter(self.station, number)["power_w"] < 0:
                assert evse.car is not None
                assert evse.car.ev.max_discharge_w is not None
                assert v2x.may_discharge(self.station, number)


def same_energy(meter_wh: float, battery_wh: float) -> bool:
    """Whether the two have gained the same."""
    return abs(meter_wh - battery_wh) <= _DUST_WH
