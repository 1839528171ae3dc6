"""The box and its line: power, network, the connection, its pings, and calls in the raw."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ocppd.blocks import handlers
from ocppd.core.description import Csms, Hardware, StationDescription, Tls
from ocppd.core.endpoint import Endpoint, Trust
from ocppd.core.errors import CallError, CommandError
from ocppd.core.state import State
from ocppd.core.station import Answer, Order
from ocppd.fleet import Fleet, Nobody
from tests.bench import Bench, Json, ManualClock, with_presets
from tests.pems import pems

NewBench = Callable[..., Bench]
QUIET = with_presets(Hardware(), SampledDataCtrlr__TxUpdatedInterval="0")
RESET = {"type": "Immediate"}


def done(answer: Answer | None) -> tuple[bool, Json]:
    """Whether a command has changed something, and its result."""
    assert answer is not None
    assert answer.done is not None, answer.error
    assert not callable(answer.done.result)
    return answer.done.changed, dict(answer.done.result)


def error(answer: Answer | None) -> CommandError:
    assert answer is not None
    assert answer.error is not None
    return answer.error


def pings(bench: Bench) -> int:
    return sum(order.kind == "ping" for order in bench.orders)


def frames_after(bench: Bench, frame: list[Any]) -> list[list[Any]]:
    """What the station says to a frame of the CSMS."""
    seen = len(bench.frames)
    bench.receive(frame)
    return bench.frames[seen:]


# Power


def test_power_OFF_closes_the_connection_and_wants_none(bench: Bench) -> None:
    assert done(bench.do("power", "OFF")) == (True, {})
    assert bench.orders == [Order("close", 1001)]
    assert not bench.wanted
    assert [event.data for event in bench.happened_since("power")] == [{"on": False}]


def test_power_ON_boots_the_station_anew(bench: Bench) -> None:
    bench.do("power", "OFF")
    bench.drop()
    assert done(bench.do("power", "ON")) == (True, {})
    assert bench.wanted
    bench.connect()
    bench.settle()
    assert bench.sent("BootNotification")[0]["reason"] == "PowerUp"


@pytest.mark.parametrize("command", ["power", "network"])
def test_what_is_so_already_changes_nothing(bench: Bench, command: str) -> None:
    assert done(bench.do(command, "ON")) == (False, {})
    bench.do(command, "OFF")
    bench.forget()
    assert done(bench.do(command, "OFF")) == (False, {})
    assert bench.orders == []
    assert bench.events == []


@pytest.mark.parametrize("command", ["power", "network"])
def test_toggle_does_the_other_of_the_two(bench: Bench, command: str) -> None:
    wanted = []
    for _ in range(3):
        bench.do(command, "TOGGLE")
        wanted.append(bench.wanted)
    assert wanted == [False, True, False]


@pytest.mark.parametrize("command", ["power", "network"])
@pytest.mark.parametrize("code", [1000, 1001, 1011, 1014, 3000, 4999])
def test_the_close_code_may_be_chosen(bench: Bench, command: str, code: int) -> None:
    bench.do(command, on=False, code=code)
    assert bench.orders == [Order("close", code)]


@pytest.mark.parametrize("command", ["power", "network"])
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, "x"])
def test_a_close_code_that_no_frame_may_carry_is_refused(bench: Bench, command: str, code: Any) -> None:
    answer = error(bench.do(command, on=False, code=code))
    assert answer.code == "invalid_argument"
    assert answer.message.startswith("code")
    assert bench.wanted


@pytest.mark.parametrize("command", ["power", "network"])
def test_silent_leaves_no_word_on_the_wire(bench: Bench, command: str) -> None:
    bench.do(command, on=False, silent=True)
    assert [order.kind for order in bench.orders] == ["freeze"]
    bench.do(command, "ON")
    assert [order.kind for order in bench.orders] == ["freeze", "thaw"]


@pytest.mark.parametrize("command", ["power", "network"])
def test_for_s_ends_it(bench: Bench, command: str) -> None:
    bench.do(command, on=False, silent=True, for_s=10)
    bench.drop()
    bench.advance(9.9)
    assert not bench.wanted
    bench.advance(0.1)
    assert bench.wanted
    assert [order.kind for order in bench.orders] == ["freeze", "thaw"]
    assert [event.data["on"] for event in bench.happened_since(command)] == [False, True]


@pytest.mark.parametrize("command", ["power", "network"])
@pytest.mark.parametrize("for_s", [0, -1, "soon"])
def test_for_s_is_a_time(bench: Bench, command: str, for_s: Any) -> None:
    assert error(bench.do(command, on=False, for_s=for_s)).code == "invalid_argument"
    assert bench.wanted


@pytest.mark.parametrize("command", ["power", "network"])
def test_ON_makes_for_s_needless(bench: Bench, command: str) -> None:
    bench.do(command, on=False, for_s=10)
    bench.do(command, "ON")
    bench.do(command, "OFF")
    bench.advance(60)
    assert not bench.wanted


def test_without_power_nothing_happens(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.do("plug-in")
    bench.do("power", "OFF")
    bench.forget()
    assert frames_after(bench, [2, "m1", "Reset", RESET]) == []  # the close has not reached the CSMS yet
    bench.do("unplug")
    bench.drop()
    bench.advance(3600)
    assert bench.sent() == []
    assert bench.orders == []
    assert error(bench.do("heartbeat")).code == "invalid_state"


def test_a_network_that_is_out_when_the_power_goes_comes_back_in_its_own_time(bench: Bench) -> None:
    bench.do("network", on=False, for_s=20)
    bench.drop()
    bench.do("power", on=False, for_s=10)
    bench.advance(10)
    assert not bench.wanted
    bench.advance(10)
    assert bench.wanted


def test_a_power_cut_in_the_middle_of_a_reboot_is_a_power_up(bench: Bench) -> None:
    bench.csms("Reset", RESET)
    bench.advance(1)
    bench.drop()
    bench.do("power", "OFF")
    bench.do("power", "ON")
    bench.connect()
    assert bench.sent("BootNotification")[0]["reason"] == "PowerUp"


# Network


def test_without_network_the_station_goes_on_and_does_not_boot_after(new_bench: NewBench) -> None:
    bench = new_bench(QUIET)
    bench.do("network", "OFF")
    bench.drop()
    bench.do("plug-in")
    bench.do("network", "ON")
    bench.reconnect(after=5)
    assert [action for action, _ in bench.sent()] == ["StatusNotification", "TransactionEvent"]


def test_a_frame_that_comes_when_the_network_is_out_is_not_heard(bench: Bench) -> None:
    bench.do("network", "OFF")
    assert frames_after(bench, [2, "m1", "Reset", RESET]) == []


# Connection


def test_disconnect_and_connect(bench: Bench) -> None:
    assert done(bench.do("disconnect")) == (True, {})
    assert not bench.wanted
    bench.drop()
    assert done(bench.do("disconnect")) == (False, {})
    assert bench.do("connect") is None
    assert bench.wanted
    bench.connect()
    assert done(bench.late_answer()) == (True, {})
    assert done(bench.do("connect")) == (False, {})


def test_disconnect_lasts(bench: Bench) -> None:
    bench.do("disconnect")
    bench.drop()
    bench.advance(3600)
    bench.do("power", "OFF")
    bench.do("power", "ON")
    assert not bench.wanted


def test_connect_tells_when_it_takes_too_long(bench: Bench) -> None:
    bench.do("disconnect")
    bench.drop()
    assert bench.do("connect", timeout_s=5) is None
    bench.advance(5)
    assert error(bench.late_answer()).code == "timeout"
    assert bench.wanted


def test_connect_need_not_be_waited_for(bench: Bench) -> None:
    bench.do("disconnect")
    bench.drop()
    assert done(bench.do("connect", wait=False)) == (True, {"pending": True})


@pytest.mark.parametrize("command", ["power", "network"])
def test_connect_needs_power_and_network(bench: Bench, command: str) -> None:
    bench.do(command, "OFF")
    assert error(bench.do("connect")).code == "invalid_state"


def test_the_connection_is_an_event(bench: Bench) -> None:
    bench.drop("the cable")
    bench.reconnect(after=5)
    assert bench.happened_since("csms_disconnected")[0].data == {"reason": "the cable"}
    assert bench.happened_since("csms_connected")[0].data == {"protocol": "ocpp2.0.1"}


def test_a_failed_attempt_is_no_second_loss_of_the_connection(bench: Bench) -> None:
    bench.drop("the cable")
    bench.advance(50)
    bench.drop("refused")
    bench.reconnect(after=20)
    assert len(bench.happened_since("csms_disconnected")) == 1
    assert len(bench.sent("StatusNotification")) == 1  # OfflineThreshold counts from the loss


def test_events_are_counted_and_tell_when_and_why(bench: Bench) -> None:
    bench.do("plug-in")
    bench.advance(7)
    bench.drop()
    *others, lost = bench.events
    first = others[0].seq
    # Between them stands the event of the command itself.
    assert [event.seq for event in bench.events] == [first, first + 1, first + 3, first + 4]
    assert (lost.name, lost.cause, lost.ts) == ("csms_disconnected", "link", bench.clock.now)


# Pings


def test_pings_keep_the_interval_while_connected(bench: Bench) -> None:
    bench.advance(90)
    assert pings(bench) == 3
    bench.drop()
    bench.advance(90)
    assert pings(bench) == 3


def test_a_new_WebSocketPingInterval_counts_at_once(bench: Bench) -> None:
    bench.advance(25)
    bench.set("OCPPCommCtrlr.WebSocketPingInterval", 10)
    bench.advance(9)
    assert pings(bench) == 0
    bench.advance(1)
    assert pings(bench) == 1


def test_a_WebSocketPingInterval_of_0_is_no_ping(bench: Bench) -> None:
    bench.set("OCPPCommCtrlr.WebSocketPingInterval", 0)
    bench.advance(600)
    assert pings(bench) == 0
    bench.set("OCPPCommCtrlr.WebSocketPingInterval", 60)
    bench.advance(60)
    assert pings(bench) == 1


def test_another_variable_does_not_restart_the_interval(bench: Bench) -> None:
    bench.advance(25)
    bench.set("OCPPCommCtrlr.OfflineThreshold", 10)
    bench.advance(5)
    assert pings(bench) == 1


# Calls in the raw


def test_call_sends_what_is_given_and_answers_with_the_response(bench: Bench) -> None:
    bench.answers["DataTransfer"] = {"status": "Accepted", "data": [1]}
    payload = {"vendorId": "acme", "data": {"a": 1}}
    answer = bench.do("call", action="DataTransfer", payload=payload)
    assert done(answer) == (True, {"response": {"status": "Accepted", "data": [1]}})
    assert bench.sent() == [("DataTransfer", payload)]


def test_call_needs_no_valid_payload_and_no_known_action(bench: Bench) -> None:
    bench.answers["Frobnicate"] = {"anything": True}
    answer = bench.do("call", action="Frobnicate", payload={"x": None})
    assert done(answer) == (True, {"response": {"anything": True}})
    bench.do("call", "StatusNotification")
    assert bench.sent() == [("Frobnicate", {"x": None}), ("StatusNotification", {})]


def test_call_tells_of_a_CALLERROR(bench: Bench) -> None:
    bench.answers["DataTransfer"] = CallError("NotSupported", "no such thing", {"why": 1})
    answer = error(bench.do("call", "DataTransfer"))
    assert answer.code == "csms_error"
    assert answer.details == {"code": "NotSupported", "details": {"why": 1}}


def test_call_tells_of_silence(bench: Bench) -> None:
    bench.silent.add("DataTransfer")
    assert bench.do("call", action="DataTransfer", timeout_s=60) is None
    bench.advance(30)  # MessageTimeout
    assert error(bench.late_answer()).code == "csms_timeout"


def test_call_waits_no_longer_than_timeout_s(bench: Bench) -> None:
    bench.silent.add("DataTransfer")
    assert bench.do("call", action="DataTransfer", timeout_s=5) is None
    bench.advance(5)
    assert error(bench.late_answer()).code == "csms_timeout"
    bench.receive([3, bench.frames[-1][1], {"status": "Accepted"}])
    with pytest.raises(IndexError):
        bench.late_answer()


def test_call_tells_of_a_lost_connection(bench: Bench) -> None:
    bench.silent.add("DataTransfer")
    assert bench.do("call", "DataTransfer") is None
    bench.drop()
    assert error(bench.late_answer()).code == "not_connected"
    assert error(bench.do("call", "DataTransfer")).code == "not_connected"


def test_call_need_not_be_waited_for(bench: Bench) -> None:
    answer = bench.do("call", action="DataTransfer", payload={"vendorId": "x"}, wait=False)
    assert done(answer) == (True, {"pending": True})
    assert len(bench.sent("DataTransfer")) == 1


def test_call_needs_an_action(bench: Bench) -> None:
    assert error(bench.do("call", payload={})).code == "missing_argument"


@pytest.mark.parametrize(
    "action",
    ["BootNotification", "Heartbeat", "Authorize", "TransactionEvent", "StatusNotification", "NotifyReport"],
)
def test_what_comes_of_a_call_in_the_raw_is_the_askers_alone(bench: Bench, action: str) -> None:
    bench.answers[action] = {"nonsense": 1}
    assert done(bench.do("call", action)) == (True, {"response": {"nonsense": 1}})
    bench.answers[action] = CallError("InternalError", "")
    assert error(bench.do("call", action)).code == "csms_error"
    bench.advance(120)
    assert len(bench.sent(action)) == 2
    assert bench.events == []


def test_a_boot_in_the_raw_does_not_stand_for_the_stations_own(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.silent.add("BootNotification")
    bench.do("call", "BootNotification")
    bench.do("boot")
    bench.forget()
    bench.receive([3, bench.frames[-1][1], {}])
    assert bench.sent("BootNotification")[0]["reason"] == "Triggered"


# The whole state


def test_get_tells_the_whole_state(bench: Bench) -> None:
    changed, state = done(bench.do("get"))
    assert not changed
    assert state["station"] == "CP001"
    assert (state["power"], state["network"], state["operative"], state["faults"]) == (True, True, True, [])
    assert state["csms"] | {"url": ""} == {
        "connected": True,
        "registration": "Accepted",
        "url": "",
        "since": "2025-01-01T10:00:00.000Z",
        "attempt": 0,
        "retry_at": None,
        "last_error": None,
        "queued": 0,
    }
    (evse,) = state["evses"]
    assert (evse["evse"], evse["status"], evse["tx"]) == (1, "Available", None)
    assert evse["meter"]["power_w"] == 0
    assert evse["connectors"] == [
        {
            "evse": 1,
            "connector": 1,
            "status": "Available",
            "plugged": False,
            "locked": False,
            "operative": True,
            "faults": [],
        }
    ]


def test_get_tells_of_the_failed_connection(bench: Bench) -> None:
    bench.drop("the cable")
    _, state = done(bench.do("get", fields=["csms"]))
    csms = state["csms"]
    assert (csms["connected"], csms["last_error"]) == (False, "the cable")
    assert csms["retry_at"] == "2025-01-01T10:00:02.000Z"


def test_get_tells_only_the_fields_that_are_named(bench: Bench) -> None:
    assert done(bench.do("get", fields=["power", "vendor"])) == (False, {"power": True, "vendor": "ocppd"})


def test_get_refuses_a_field_that_is_not_there(bench: Bench) -> None:
    answer = error(bench.do("get", fields=["power", "colour"]))
    assert (answer.code, answer.message) == ("invalid_argument", "fields: no such field: colour")


@pytest.mark.parametrize("bare", ["", "ON", "PRESS", "power"])
def test_get_is_a_trigger(bench: Bench, bare: str) -> None:
    assert "evses" in done(bench.do("get", bare))[1]


# The endpoint


def endpoint(csms: Csms, identity: str = "CP001", hardware: Hardware | None = None) -> Endpoint:
    return fleet_with(csms, identity, hardware).endpoint(identity)


def fleet_with(csms: Csms, identity: str = "CP001", hardware: Hardware | None = None) -> Fleet:
    fleet = Fleet(ManualClock(), handlers(), Nobody(), lambda _: None, lambda flush: flush())
    fleet.add(StationDescription(identity, hardware or Hardware(), csms), State(), seed=1)
    return fleet


@pytest.mark.parametrize("url", ["ws://csms/ocpp", "ws://csms/ocpp/"])
def test_the_identity_is_the_last_part_of_the_url_percent_encoded(url: str) -> None:
    it = endpoint(Csms(url), "CP/1 ä+~")
    assert it.url == "ws://csms/ocpp/CP%2F1%20%C3%A4%2B~"
    assert it.identity == "CP/1 ä+~"
    assert it.protocols == ("ocpp2.0.1",)


@pytest.mark.parametrize(("profile", "used"), [(0, False), (1, True), (2, True), (3, False)])
def test_A00_the_password_is_used_by_profiles_1_and_2(profile: int, used: bool) -> None:
    it = endpoint(Csms(security_profile=profile, password="p" * 16))
    assert it.password == ("p" * 16 if used else None)
    assert "pppp" not in repr(it)


def test_A01_the_password_that_the_CSMS_has_set_is_used_from_then_on() -> None:
    fleet = fleet_with(Csms(security_profile=1, password="p" * 16))
    item = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "n" * 16,
    }
    fleet.received("CP001", f'[2,"m1","SetVariables",{{"setVariableData":[{json.dumps(item)}]}}]')
    assert fleet.endpoint("CP001").password == "n" * 16


def test_TC_B_57_backoff_and_timeout_are_the_variables() -> None:
    hardware = with_presets(
        Hardware(),
        OCPPCommCtrlr__RetryBackOffWaitMinimum="3",
        OCPPCommCtrlr__RetryBackOffRandomRange="0",
        OCPPCommCtrlr__RetryBackOffRepeatTimes="2",
    )
    it = endpoint(Csms(), hardware=hardware)
    assert [it.backoff.wait(failures, 0.5) for failures in range(1, 6)] == [3, 6, 12, 12, 12]
    assert it.timeout == 30


def test_A00_FR_401_402_the_certificate_of_the_station_is_for_security_profile_3_alone() -> None:
    ca, cert, _ = pems()
    tls = Tls("ca.pem", "cert.pem", "key.pem", roots=ca, chain=cert)
    assert endpoint(Csms(security_profile=3, tls=tls)).trust == Trust(ca, cert, "key.pem")
    assert endpoint(Csms(security_profile=2, tls=tls)).trust == Trust(ca)


def test_TC_A_05_the_CSMS_may_allow_wildcards_in_its_certificate(bench: Bench) -> None:
    assert not bench.station.endpoint.trust.wildcards
    bench.set("SecurityCtrlr.AllowCSMSTLSWildcards", True)
    assert bench.station.endpoint.trust.wildcards
