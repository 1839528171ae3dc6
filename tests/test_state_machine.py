"""Drivers, faults, power, network, the CSMS and restarts, all at random; what must hold all the same.

The same runs every time. To look for more, say how many: `STATE_MACHINE_EXAMPLES=5000 pytest --timeout=0 ...`
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ocppd.blocks.e_points import conditions
from ocppd.core import views
from ocppd.core.description import Car, Connector, Evse, Hardware
from ocppd.core.errors import CallError
from ocppd.core.schemas import OCPP_21, OCPP_201, Version
from ocppd.core.times import format_time
from tests.bench import Json, bugs_raise, with_presets
from tests.watched import Place, Watched, same_energy

pytestmark = pytest.mark.timeout(240)  # it takes a tenth of that where nothing else runs

HARDWARE = with_presets(
    Hardware(
        evses=(Evse(), Evse(phases=1, max_w=7360, connectors=(Connector("cType2"), Connector("sType2")))),
        ev=Car(capacity_wh=5000, ready_delay_s=3, min_soc=2),
    ),
    SampledDataCtrlr__TxUpdatedInterval="60",
)
PLACES: list[Place] = [(1, 1), (2, 1), (2, 2)]
LEVELS: list[tuple[int, ...]] = [(), (1,), (2,), (2, 1), (2, 2)]
TOKENS = ["AA11", "BB22", "CC33", "DD44"]
GROUP = {"idToken": "G1", "type": "Central"}
# What the CSMS says of each: a good one, two of one group, and a blocked one.
INFOS: dict[str, Json] = {
    "AA11": {"status": "Accepted"},
    "BB22": {"status": "Accepted", "groupIdToken": GROUP},
    "CC33": {"status": "Accepted", "groupIdToken": GROUP},
    "DD44": {"status": "Blocked"},
}
TX_SWITCHES = ["StopTxOnInvalidId", "StopTxOnEVSideDisconnect", "TxBeforeAcceptedEnabled"]
POINTS = ["ParkingBayOccupancy", "EVConnected", "Authorized", "PowerPathClosed", "EnergyTransfer"]
TALK = ["Authorize", "TransactionEvent", "StatusNotification", "BootNotification", "NotifyEvent", "Heartbeat"]
TRIGGERS = [
    "BootNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "StatusNotification",
    "TransactionEvent",
]
SETTINGS: list[tuple[str, object]] = [
    *((f"TxCtrlr.{name}", value) for name in TX_SWITCHES for value in (True, False)),
    *(("TxCtrlr.EVConnectionTimeOut", value) for value in (10, 120)),
    *(("AuthCtrlr.OfflineTxForUnknownIdEnabled", value) for value in (True, False)),
    *(("OCPPCommCtrlr.UnlockOnEVSideDisconnect", value) for value in (True, False)),
    *(("OCPPCommCtrlr.OfflineThreshold", value) for value in (5, 300)),
]
PAUSES = [0.5, 1, 2, 5, 11, 31, 61, 130, 600, 3600]

places = some.sampled_from(PLACES)
evses = some.sampled_from([1, 2])
tokens = some.sampled_from(TOKENS)
switches = some.booleans()


def id_token(token: str) -> Json:
    return {"idToken": token, "type": "ISO14443"}


def profile(limit_a: float) -> Json:
    """A TxProfile that lets more flow after a minute."""
    periods = [{"startPeriod": 0, "limit": limit_a}, {"startPeriod": 60, "limit": 12}]
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    return {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }


BOTH_WAYS = ["AC_three_phase", "AC_BPT"]
# Periods of the modes of 2.1, each for all time.
MODES: dict[str, Json] = {
    "ChargingOnly": {"limit": 9000},
    "Idle": {},
    "CentralSetpoint": {"setpoint": -2000, "dischargeLimit": -3000},
    "ExternalSetpoint": {"limit": 6000},
    "CentralFrequency": {
        "v2xBaseline": 1000,
        "v2xSignalWattCurve": [{"signal": -10, "power": -5000}, {"signal": 10, "power": 5000}],
    },
    "LocalFrequency": {
        "v2xFreqWattCurve": [{"frequency": 49.9, "power": -3500}, {"frequency": 50, "power": 2000}]
    },
}


def directing(evse: int, name: str) -> Json:
    """A TxDefaultProfile of that EVSE in that operation mode."""
    period = {"startPeriod": 0, "operationMode": name} | MODES[name]
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    return {
        "id": 100 + evse,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }


class Everything(RuleBasedStateMachine):
    """One station with two EVSEs, the second with two connectors, and whoever has to do with it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(bugs_raise())
        self.bench: Watched
        self.energy: list[tuple[float, float, float]] = [(0.0, 0.0, 0.0)] * 2
        self.car_is_new = False
        self.next_id = 1

    @initialize(restart=some.booleans(), protocol=some.sampled_from([OCPP_201, OCPP_21]))
    def begin(self, restart: bool, protocol: Version) -> None:
        self.bench = Watched(HARDWARE, restart=restart, protocol=protocol)
        modes = {"allowedEnergyTransfer": BOTH_WAYS} if protocol == OCPP_21 else {}
        self.bench.answers["Authorize"] = lambda it: {"idTokenInfo": INFOS[it["idToken"]["idToken"]], **modes}

    def teardown(self) -> None:
        self._stack.close()

    def csms(self, action: str, **payload: Any) -> Json:
        """What the station answers; nothing, where it does not hear the CSMS."""
        response = self.bench.csms(action, payload) if self.bench.hears else {}
        assert "error" not in response, response
        return response

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    # Drivers

    @rule(
        place=places,
        soc=some.sampled_from([5, 79, 99.9, 100]),
        phases=some.sampled_from([1, 3]),
        back_w=some.sampled_from([None, 4000]),
    )
    def plug_in(self, place: Place, soc: float, phases: int, back_w: float | None) -> None:
        car = {"soc": soc, "phases": phases} | ({} if back_w is None else {"max_discharge_w": back_w})
        self.bench.do("plug-in", evse=place[0], connector=place[1], ev=car)
        self.car_is_new = True

    @rule(place=places)
    def unplug(self, place: Place) -> None:
        self.bench.do("unplug", evse=place[0], connector=place[1])
        self.car_is_new = True

    @rule(evse=evses, here=switches)
    def park(self, evse: int, here: bool) -> None:
        self.bench.do("park", evse=evse, on=here)

    @rule(evse=evses, token=tokens)
    def authorize(self, evse: int, token: str) -> None:
        self.bench.do("authorize", evse=evse, id_token=token)

    @rule(evse=evses, command=some.sampled_from(["start", "stop"]))
    def press(self, evse: int, command: str) -> None:
        self.bench.do(command, evse=evse)

    @rule(evse=evses, by=some.sampled_from(["ev", "evse"]))
    def suspend(self, evse: int, by: str) -> None:
        self.bench.do("suspend", evse=evse, by=by)

    @rule(evse=evses)
    def resume(self, evse: int) -> None:
        self.bench.do("resume", evse=evse)

    @rule(place=places, token=some.sampled_from(TOKENS[:3]))
    def arrive(self, place: Place, token: str) -> None:
        """What most drivers do."""
        self.plug_in(place, 5, 3, 4000)
        self.authorize(place[0], token)

    # What breaks

    @rule(place=places, code=some.sampled_from(["GroundFault", "ConnectorLockFailure"]), lasts=switches)
    def break_it(self, place: Place, code: str, lasts: bool) -> None:
        more = {} if lasts else {"for_s": 7}
        self.bench.do("fault", evse=place[0], connector=place[1], code=code, **more)

    @rule(place=places)
    def repair(self, place: Place) -> None:
        self.bench.do("clear-fault", evse=place[0], connector=place[1])

    @rule(how=some.sampled_from(["power", "network"]), silent=switches)
    def go_dark(self, how: str, silent: bool) -> None:
        self.bench.do(how, on=False, silent=silent, for_s=40)

    @precondition(lambda self: self.bench.is_connected)
    @rule()
    def lose_the_connection(self) -> None:
        self.bench.drop()

    @rule()
    def all_is_well(self) -> None:
        self.bench.silent.clear()
        self.judge_boots("Accepted")
        for what in ("power", "network"):
            self.bench.do(what, on=True)
        self.wait(1)

    @rule(boots=switches)
    def restart_the_daemon(self, boots: bool) -> None:
        """What is saved is what is loaded, and what it shows is what it showed."""
        before = [views.evse_state(self.bench.station, number) for number in (1, 2)]
        self.bench.check_restart()
        self.bench.start_again(boots=boots)
        if not boots:
            after = [views.evse_state(self.bench.station, number) for number in (1, 2)]
            assert after == before

    # The CSMS

    @rule(action=some.sampled_from(TALK))
    def fall_silent(self, action: str) -> None:
        """Until all is well."""
        self.bench.silent.add(action)

    @rule(status=some.sampled_from(["Accepted", "Pending", "Rejected"]))
    def judge_boots(self, status: str) -> None:
        self.bench.answers["BootNotification"] = lambda _: {
            "currentTime": format_time(self.bench.clock.now),
            "interval": 50,
            "status": status,
        }

    @rule(how=some.sampled_from(["nothing", "Accepted", "Blocked", "error"]))
    def judge_transactions(self, how: str) -> None:
        answers: dict[str, Json | CallError] = {
            "nothing": {},
            "error": CallError("InternalError", "not now"),
        }
        self.bench.answers["TransactionEvent"] = answers.get(how, {"idTokenInfo": {"status": how}})

    @rule(kind=some.sampled_from(["OnIdle", "OnIdle", "Immediate"]), evse=some.sampled_from([None, 1, 2]))
    def reset(self, kind: str, evse: int | None) -> None:
        response = self.csms("Reset", type=kind, **({} if evse is None else {"evseId": evse}))
        if response.get("status") == "Scheduled":
            assert kind == "OnIdle"

    @rule(kind=some.sampled_from(["Immediate", "OnIdle"]))
    def press_reset(self, kind: str) -> None:
        self.bench.do("reset", kind)

    @rule(
        evse=some.sampled_from([None, 1, 2]),
        token=tokens,
        by_group=switches,
        lasts=some.sampled_from([9, 900]),
    )
    def reserve(self, evse: int | None, token: str, by_group: bool, lasts: float) -> None:
        where = {} if evse is None else {"evseId": evse}
        group = {"groupIdToken": GROUP} if by_group else {}
        expires = format_time(self.bench.clock.now + self.bench.state.clock_offset + lasts)
        number = self.new_id()
        response = self.csms(
            "ReserveNow", id=number, expiryDateTime=expires, idToken=id_token(token), **where, **group
        )
        if response.get("status") == "Accepted":
            assert number in [it.id for it in self.bench.state.reservations]

    @rule(which=some.integers(0, 3))
    def cancel(self, which: int) -> None:
        known = [it.id for it in self.bench.state.reservations]
        number = known[which % len(known)] if known else 99
        response = self.csms("CancelReservation", reservationId=number)
        if response:
            assert (response["status"] == "Accepted") is bool(known)
            assert number not in [it.id for it in self.bench.state.reservations]

    @rule(level=some.sampled_from(LEVELS), status=some.sampled_from(["Operative", "Inoperative"]))
    def change_availability(self, level: tuple[int, ...], status: str) -> None:
        where = dict(zip(("id", "connectorId"), level, strict=False))
        response = self.csms(
            "ChangeAvailability", operationalStatus=status, **({"evse": where} if where else {})
        )
        if status == "Inoperative" and response.get("status") == "Accepted":
            for place in PLACES:
                if place[: len(level)] == level:
                    assert self.bench.shown[place] in ("Unavailable", "Faulted")

    @rule(
        evse=some.sampled_from([None, 1, 2]),
        token=tokens,
        group=switches,
        asks=switches,
        limit_a=some.sampled_from([None, 0, 4, 10]),
    )
    def start_remotely(
        self, evse: int | None, token: str, group: bool, asks: bool, limit_a: float | None
    ) -> None:
        if not self.bench.hears:
            return
        self.bench.set("AuthCtrlr.AuthorizeRemoteStart", asks)
        where = {} if evse is None else {"evseId": evse}
        more = {"groupIdToken": GROUP} if group else {}
        more |= {} if limit_a is None else {"chargingProfile": profile(limit_a)}
        before = [it.authorization for it in self.bench.state.evses]
        self.bench.answers.pop("TransactionEvent", None)
        response = self.csms(
            "RequestStartTransaction", idToken=id_token(token), remoteStartId=self.new_id(), **where, **more
        )
        if response["status"] == "Accepted" and not asks and self.bench.station.is_running:
            fresh = [it.authorization for it in self.bench.state.evses if it.authorization not in before]
            assert [it.token["idToken"] for it in fresh if it is not None] == [token]

    @rule(evse=evses)
    def stop_remotely(self, evse: int) -> None:
        tx = self.bench.state.evses[evse - 1].transaction
        response = self.csms("RequestStopTransaction", transactionId=tx.id if tx else "none")
        if response.get("status") == "Accepted":
            assert tx is not None
            assert self.bench.state.evses[evse - 1].authorization is None

    # Both ways, where the CSMS speaks 2.1

    @precondition(lambda self: self.bench.hears and self.bench.station.version == OCPP_21)
    @rule(evse=evses, name=some.sampled_from([*MODES]))
    def direct(self, evse: int, name: str) -> None:
        response = self.csms("SetChargingProfile", evseId=evse, chargingProfile=directing(evse, name))
        assert response == {"status": "Accepted"}

    @precondition(lambda self: self.bench.hears and self.bench.station.version == OCPP_21)
    @rule(place=places, token=some.sampled_from(TOKENS[:3]))
    def give(self, place: Place, token: str) -> None:
        """What a driver does whose car is to feed back."""
        self.arrive(place, token)
        self.direct(place[0], "CentralSetpoint")

    @precondition(lambda self: self.bench.hears and self.bench.station.version == OCPP_21)
    @rule(evse=evses, modes=some.sampled_from([BOTH_WAYS, ["AC_three_phase"]]))
    def allow(self, evse: int, modes: list[str]) -> None:
        tx = self.bench.state.evses[evse - 1].transaction
        response = self.csms(
            "NotifyAllowedEnergyTransfer", transactionId=tx.id if tx else "none", allowedEnergyTransfer=modes
        )
        assert (response["status"] == "Accepted") is (tx is not None)

    @precondition(lambda self: self.bench.hears and self.bench.station.version == OCPP_21)
    @rule(value=some.sampled_from([-10, 0, 10]), late=some.sampled_from([0, 40]))
    def signal(self, value: int, late: float) -> None:
        moment = self.bench.clock.now + self.bench.state.clock_offset + late
        self.csms("AFRRSignal", timestamp=format_time(moment), signal=value)

    @rule(evse=evses, watts=some.sampled_from(["OFF", -3000, 5000]))
    def want(self, evse: int, watts: float | str) -> None:
        self.bench.do("setpoint", evse=evse, watts=watts)

    @rule(hertz=some.sampled_from(["auto", 49.9]))
    def disturb_the_grid(self, hertz: float | str) -> None:
        self.bench.do("grid-frequency", hertz=hertz)

    @rule(place=places)
    def unlock(self, place: Place) -> None:
        response = self.csms("UnlockConnector", evseId=place[0], connectorId=place[1])
        if response.get("status") == "Unlocked":
            assert not self.bench.state.evses[place[0] - 1].connectors[place[1] - 1].locked

    @rule(message=some.sampled_from(TRIGGERS), level=some.sampled_from(LEVELS))
    def trigger(self, message: str, level: tuple[int, ...]) -> None:
        where = dict(zip(("id", "connectorId"), level, strict=False))
        self.csms("TriggerMessage", requestedMessage=message, **({"evse": where} if where else {}))

    @rule(
        name=some.sampled_from(["TxStartPoint", "TxStopPoint"]),
        value=some.lists(some.sampled_from(POINTS), unique=True, min_size=1, max_size=3),
    )
    def set_points(self, name: str, value: list[str]) -> None:
        if self.bench.hears:
            self.bench.set(f"TxCtrlr.{name}", ",".join(value))

    @rule(setting=some.sampled_from(SETTINGS))
    def set_variable(self, setting: tuple[str, object]) -> None:
        if self.bench.hears:
            self.bench.set(*setting)

    # Time

    @rule(seconds=some.sampled_from(PAUSES))
    def wait(self, seconds: float) -> None:
        """And the link is up again, where it can be."""
        self.bench.advance(seconds)
        if self.bench.wanted and not self.bench.is_connected:
            self.bench.reconnect()

    # What must hold

    @invariant()
    def no_energy_is_lost_or_gained(self) -> None:
        bench = self.bench
        bench.station.look(bench.clock.now)
        for index, evse in enumerate(bench.state.evses):
            meter, export, battery = self.energy[index]
            assert evse.meter.energy_wh >= meter, "the register has fallen"
            assert evse.meter.export_wh >= export, "the register has fallen"
            gained = 0.0 if self.car_is_new else bench.gain_wh(evse) - battery
            assert same_energy(evse.meter.energy_wh - meter - (evse.meter.export_wh - export), gained)
            self.energy[index] = evse.meter.energy_wh, evse.meter.export_wh, bench.gain_wh(evse)
        self.car_is_new = False

    @invariant()
    def nothing_flows_back_unasked(self) -> None:
        self.bench.check_direction()

    @invariant()
    def statuses_are_known(self) -> None:
        self.bench.check_connectors()

    @invariant()
    def transactions_are_known(self) -> None:
        self.bench.check_transactions()

    @invariant()
    def nothing_is_left_lying(self) -> None:
        self.bench.check_outbox()

    @invariant()
    def nothing_lasts_for_ever(self) -> None:
        """What waits for something has a timer that ends it, or a condition that may be lost."""
        station, timers = self.bench.station, self.bench.state.timers
        if not station.is_running:
            return
        for number, evse in station.evses():
            plugged = any(connector.plugged or connector.loose for connector in evse.connectors)
            if evse.authorization is not None and not plugged:
                assert f"ev_timeout:{number}" in timers
            if evse.transaction is not None:
                assert conditions(station, number), "a transaction that nothing can end"
                assert f"sample:{number}" in timers
            if evse.authorization is not None:
                assert not any(plug.faults for plug in evse.connectors if plug.plugged)
            if evse.reset is not None and evse.reset.deadline is not None:
                assert f"evse_reset:{number}" in timers

    @invariant()
    def a_reset_goes_on(self) -> None:
        """It has a timer once it has begun, and before that a reason to wait."""
        state = self.bench.state
        if not state.power or state.reset is None:
            return
        if state.reset.deadline is not None:
            assert {"reboot", "rebooted"} & state.timers.keys()
            return
        used = [it for it in state.evses if it.transaction or it.authorization]
        held = [plug for it in state.evses for plug in it.connectors if plug.locked]
        assert used or held or state.reservations or state.log_upload or state.firmware_update

    @invariant()
    def the_station_boots(self) -> None:
        state = self.bench.state
        if self.bench.is_connected and self.bench.station.wants_link and state.boot.due is not None:
            waits = [call.action for call in (*state.outbox.queue, state.outbox.in_flight) if call]
            assert "boot" in state.timers or "BootNotification" in waits


_MORE = int(os.environ.get("STATE_MACHINE_EXAMPLES", "0"))

TestEverything = Everything.TestCase
TestEverything.settings = settings(
    max_examples=_MORE or 250,
    stateful_step_count=60,
    deadline=None,
    derandomize=not _MORE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
