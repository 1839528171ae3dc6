"""Reservations: kept for whom they are, used, cancelled, expired, lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets
from tests.blocks import tokens

NewBench = Callable[..., Bench]

GROUP = {"idToken": "G1", "type": "Central"}
THEIRS = {"idToken": "AA11", "type": "ISO14443"}
OTHER = {"idToken": "BB22", "type": "ISO14443"}
TWO = Hardware(evses=(Evse(), Evse()))
MIXED = Hardware(evses=(Evse(connectors=(Connector("cCCS2"), Connector("cType2"))), Evse()))


def reserve(bench: Bench, number: int = 1, seconds: float = 3600, **more: Any) -> str:
    """The status of the answer to a ReserveNow."""
    expires = format_time(bench.clock.now + seconds)
    request: Json = {"id": number, "expiryDateTime": expires, "idToken": THEIRS, **more}
    status: str = bench.csms("ReserveNow", request)["status"]
    return status


def statuses(bench: Bench) -> list[tuple[int, int, str]]:
    return [
        (it["evseId"], it["connectorId"], it["connectorStatus"]) for it in bench.sent("StatusNotification")
    ]


def present(bench: Bench, token: Json, evse: int = 1) -> bool:
    answer = bench.do("authorize", id_token=token["idToken"], evse=evse)
    assert answer is not None
    return answer.error is None


def charges(bench: Bench, token: Json, evse: int = 1) -> bool:
    """Whether a car charges there, once it is plugged in and the token is presented."""
    bench.do("plug-in", evse=evse, connector=1)
    bench.forget()
    present(bench, token, evse)
    events = [it for it in bench.tx() if it.get("evse", {"id": evse})["id"] == evse]
    return "Charging" in [it["transactionInfo"].get("chargingState") for it in events]


def updates(bench: Bench) -> list[Json]:
    return bench.sent("ReservationStatusUpdate")


def test_TC_H_01_H01_FR_03_H01_FR_15_H03_FR_10_reserve_an_evse_and_use_it(bench: Bench) -> None:
    assert reserve(bench, 7, evseId=1) == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved")]
    assert present(bench, THEIRS)
    calls = bench.sent()
    events = [payload for action, payload in calls if action == "TransactionEvent"]
    told = [payload for action, payload in calls if action == "StatusNotification"]
    assert told[0]["connectorStatus"] == "Available"  # H03.FR.10
    assert [it["reservationId"] for it in events if "reservationId" in it] == [7]
    assert events[0]["idToken"] == THEIRS
    bench.do("plug-in")
    calls = bench.sent()
    assert [it["connectorStatus"] for name, it in calls if name == "StatusNotification"] == ["Occupied"]
    events = [it for name, it in calls if name == "TransactionEvent"]
    assert events[-1]["transactionInfo"]["chargingState"] == "Charging"
    assert not any("reservationId" in it for it in events)  # told once
    assert bench.state.reservations == []


def test_H01_FR_23_all_connectors_of_the_evse_are_reserved(new_bench: NewBench) -> None:
    bench = new_bench(MIXED)
    assert reserve(bench, evseId=1) == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved"), (1, 2, "Reserved")]


@pytest.mark.parametrize("group", [{}, {"groupIdToken": GROUP}])
@pytest.mark.parametrize("where", [{"evseId": 1}, {"connectorType": "cCCS2"}, {}])
def test_H03_FR_01_H03_FR_02_H03_FR_03_the_token_itself_charges(
    new_bench: NewBench, where: Json, group: Json
) -> None:
    bench = new_bench(Hardware(evses=(Evse(connectors=(Connector("cCCS2"),)),)))
    reserve(bench, **where, **group)
    assert statuses(bench) == [(1, 1, "Reserved")]
    assert charges(bench, THEIRS)
    assert bench.state.reservations == []


def test_TC_H_02_another_token_is_refused_here_and_by_remote(bench: Bench) -> None:
    reserve(bench, evseId=1)
    bench.do("plug-in")
    bench.forget()
    assert not present(bench, OTHER)
    request = {"idToken": OTHER, "remoteStartId": 1, "evseId": 1}
    assert bench.csms("RequestStartTransaction", request)["status"] == "Rejected"
    assert all(it["transactionInfo"].get("chargingState") != "Charging" for it in bench.tx())
    assert len(bench.state.reservations) == 1


def test_F01_FR_21_F02_FR_06_H03_FR_09_a_remote_start_with_the_right_token_uses_it(bench: Bench) -> None:
    reserve(bench, 3, evseId=1)
    request = {"idToken": THEIRS, "remoteStartId": 1, "evseId": 1}
    assert bench.csms("RequestStartTransaction", request)["status"] == "Accepted"
    assert [it["reservationId"] for it in bench.tx() if "reservationId" in it] == [3]
    assert bench.state.reservations == []


def test_F01_FR_22_a_remote_start_of_the_right_group_uses_it(bench: Bench) -> None:
    reserve(bench, 3, evseId=1, groupIdToken=GROUP)
    request = {"idToken": OTHER, "remoteStartId": 1, "evseId": 1, "groupIdToken": GROUP}
    assert bench.csms("RequestStartTransaction", request)["status"] == "Accepted"
    assert bench.state.reservations == []


def test_G03_FR_09_H03_FR_10_a_cable_does_not_end_the_reservation_before_the_token_comes(
    bench: Bench,
) -> None:
    reserve(bench, evseId=1)
    bench.sent()
    bench.do("plug-in")
    assert statuses(bench) == []
    assert present(bench, THEIRS)
    assert statuses(bench) == [(1, 1, "Occupied")]  # H03.FR.10


def test_TC_H_03_TC_H_04_TC_H_06_H01_FR_11_H01_FR_14_what_is_taken_or_out_of_use(
    new_bench: NewBench,
) -> None:
    bench = new_bench(TWO)
    reserve(bench, 1, evseId=1)
    assert reserve(bench, 2, evseId=1) == "Occupied"
    bench.do("plug-in", evse=2, connector=1)
    assert reserve(bench, 2, evseId=2) == "Occupied"
    bench.do("unplug", evse=2, connector=1)
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}})
    assert reserve(bench, 2, evseId=2) == "Unavailable"


def test_H01_FR_12_faulted(bench: Bench) -> None:
    bench.do("fault", "GroundFault")
    assert reserve(bench, evseId=1) == "Faulted"
    assert reserve(bench) == "Faulted"


def test_H01_FR_12_H01_FR_14_with_a_cable_in_too(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.do("plug-in", evse=1, connector=1)
    bench.do("fault", code="GroundFault", evse=1, connector=1)
    assert reserve(bench, evseId=1) == "Faulted"
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}})
    bench.do("plug-in", evse=2, connector=1)
    assert reserve(bench, evseId=2) == "Unavailable"


@pytest.mark.parametrize("online", [True, False])
def test_TC_H_07_H04_FR_01_H04_FR_02_H04_FR_03_it_expires(bench: Bench, online: bool) -> None:
    reserve(bench, 9, seconds=60, evseId=1)
    bench.sent()
    if not online:
        bench.drop()
    bench.advance(59)
    assert len(bench.state.reservations) == 1
    bench.advance(2)
    assert bench.state.reservations == []
    if not online:
        bench.reconnect()
    calls = bench.sent()
    update = {"reservationId": 9, "reservationUpdateStatus": "Expired"}
    assert ("ReservationStatusUpdate", update) in calls
    assert [it["connectorStatus"] for name, it in calls if name == "StatusNotification"] == ["Available"]
    assert charges(bench, OTHER)


def test_H04_FR_01_each_expires_in_its_time(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    reserve(bench, 1, seconds=120, evseId=1)
    reserve(bench, 2, seconds=60, evseId=2)
    for number in (2, 1):
        bench.advance(60.5)
        assert [it["reservationId"] for it in updates(bench)] == [number]


def test_B01_FR_13_TC_B_24_it_survives_a_reset(bench: Bench) -> None:
    reserve(bench, 9, seconds=600, evseId=1)
    bench.csms("Reset", {"type": "Immediate"})
    bench.advance(10)
    bench.sent()
    bench.connect()
    bench.settle()
    assert statuses(bench) == [(1, 1, "Reserved")]


def test_H04_FR_01_one_that_expires_without_power_is_told_later(bench: Bench) -> None:
    reserve(bench, 9, seconds=60, evseId=1)
    bench.do("power", "OFF")
    bench.advance(100)
    bench.sent()
    bench.do("power", "ON")
    bench.connect()
    bench.settle()
    bench.advance(1)
    assert updates(bench) == [{"reservationId": 9, "reservationUpdateStatus": "Expired"}]


def test_TC_H_08_H01_FR_04_H01_FR_18_H01_FR_15_any_evse(bench: Bench) -> None:
    assert reserve(bench, 8) == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved")]
    present(bench, THEIRS)
    bench.do("plug-in")
    events = bench.tx()
    assert [it["reservationId"] for it in events if "reservationId" in it] == [8]
    assert events[-1]["transactionInfo"]["chargingState"] == "Charging"


def test_TC_H_09_TC_H_14_TC_H_16_H01_FR_11_H01_FR_20_as_many_as_there_are_evses(
    new_bench: NewBench,
) -> None:
    bench = new_bench(MIXED)
    assert reserve(bench, 1) == "Accepted"
    assert statuses(bench) == []
    assert reserve(bench, 2, idToken=OTHER) == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved"), (1, 2, "Reserved"), (2, 1, "Reserved")]
    assert reserve(bench, 3) == "Occupied"
    assert reserve(bench, 3, connectorType="cCCS2") == "Occupied"


def test_H01_FR_07_the_last_free_evse_is_kept(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    reserve(bench, 1)
    assert present(bench, OTHER, evse=1)
    assert statuses(bench) == [(2, 1, "Reserved")]
    assert not present(bench, OTHER, evse=2)
    assert present(bench, THEIRS, evse=2)
    assert bench.state.reservations == []


def test_H01_FR_07_a_cable_alone_does_not_take_the_last_one(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    reserve(bench, 1)
    present(bench, OTHER, evse=1)
    bench.do("plug-in", evse=2, connector=1)
    assert not present(bench, {"idToken": "CC33", "type": "ISO14443"}, evse=2)


def test_H03_FR_03_any_evse_is_not_that_of_somebody_else(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    reserve(bench, 1, evseId=1, idToken=OTHER)
    reserve(bench, 2)
    assert not present(bench, THEIRS, evse=1)
    assert present(bench, OTHER, evse=1)
    assert present(bench, THEIRS, evse=2)


def test_H01_FR_09_H03_FR_03_any_evse_is_not_the_last_with_somebody_elses_connector(
    new_bench: NewBench,
) -> None:
    bench = new_bench(MIXED)
    reserve(bench, 1)
    reserve(bench, 2, connectorType="cCCS2", idToken=OTHER)
    assert not present(bench, THEIRS, evse=1)
    request = {"idToken": THEIRS, "remoteStartId": 1}
    assert bench.csms("RequestStartTransaction", request)["status"] == "Accepted"
    assert present(bench, OTHER, evse=1)
    assert bench.state.reservations == []


def test_H01_FR_09_of_ones_own_reservations_the_one_that_is_for_the_connector_is_used(
    new_bench: NewBench,
) -> None:
    bench = new_bench(MIXED)
    reserve(bench, 1)
    reserve(bench, 2, connectorType="cCCS2")
    assert present(bench, THEIRS, evse=1)
    assert [it.id for it in bench.state.reservations] == [1]


EVSES = some.integers(1, 3)
WHERE = some.sampled_from([{}, {"connectorType": "cCCS2"}, {"connectorType": "cType2"}, {"evseId": 1}])
STEPS = some.one_of(
    some.tuples(some.just("reserve"), WHERE | some.builds(lambda it: {"evseId": it}, EVSES)),
    some.tuples(some.sampled_from(["stranger", "cable", "cancel"]), EVSES),
)


@given(some.lists(STEPS, max_size=8), some.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_H01_FR_07_H01_FR_09_whoever_has_reserved_gets_an_evse(
    new_bench: NewBench, steps: list[Any], chance: Any
) -> None:
    """Whatever strangers do, and in whatever order those with a reservation come."""
    both = (Connector("cCCS2"), Connector("cType2"))
    bench = new_bench(Hardware(evses=(Evse(connectors=both), Evse(), Evse(connectors=both))))
    for number, (what, where) in enumerate(steps, start=1):
        if what == "reserve":
            reserve(bench, number, idToken=a_token(number), **where)
        elif what == "cancel":
            bench.csms("CancelReservation", {"reservationId": where})
        elif what == "cable":
            bench.do("plug-in", evse=where, connector=1)
        else:
            present(bench, a_token(1000 + number), where)
    holders = list(bench.state.reservations)
    chance.shuffle(holders)
    for it in holders:
        places = [it.evse] if it.evse else [1, 3] if it.connector_type == "cCCS2" else [1, 2, 3]
        assert any(present(bench, it.token, evse) for evse in places)
    assert bench.state.reservations == []


def a_token(number: int) -> Json:
    return {"idToken": f"T{number}", "type": "ISO14443"}


def test_TC_H_10_TC_H_12_none_is_left(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    for evse in (1, 2):
        bench.do("plug-in", evse=evse, connector=1)
    assert reserve(bench) == "Occupied"
    for evse in (1, 2):
        bench.do("unplug", evse=evse, connector=1)
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative"})
    assert reserve(bench) == "Unavailable"


def test_TC_H_13_H01_FR_19_any_evse_must_be_supported(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(Hardware(), ReservationCtrlr__NonEvseSpecific="false"))
    assert reserve(bench) == "Rejected"
    assert reserve(bench, evseId=1) == "Accepted"


def test_TC_H_15_H01_FR_06_H01_FR_09_H01_FR_15_H01_FR_24_a_connector_type(new_bench: NewBench) -> None:
    bench = new_bench(MIXED)
    assert reserve(bench, 1, connectorType="cCCS2") == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved"), (1, 2, "Reserved")]
    assert reserve(bench, 2, connectorType="cCCS2") == "Occupied"
    assert reserve(bench, 2, connectorType="cG105") == "Rejected"
    assert charges(bench, OTHER, evse=2)
    assert not present(bench, OTHER, evse=1)
    bench.do("plug-in", evse=1, connector=1)
    assert present(bench, THEIRS, evse=1)
    assert [it["reservationId"] for it in bench.tx() if "reservationId" in it] == [1]


def test_TC_H_17_H02_FR_02_H02_FR_03_H02_FR_04_cancel(new_bench: NewBench) -> None:
    bench = new_bench(MIXED)
    reserve(bench, 4, evseId=1)
    bench.sent()
    assert bench.csms("CancelReservation", {"reservationId": 4}) == {"status": "Accepted"}
    calls = bench.sent()
    assert {name for name, _ in calls} == {"StatusNotification"}
    told = [(it["evseId"], it["connectorId"], it["connectorStatus"]) for _, it in calls]
    assert told == [(1, 1, "Available"), (1, 2, "Available")]
    assert charges(bench, OTHER)


def test_H02_FR_05_H02_FR_06_cancel_one_of_any_evse(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(), Evse(), Evse())))
    reserve(bench, 1, evseId=1)
    reserve(bench, 2)
    reserve(bench, 3)
    assert statuses(bench) == [(1, 1, "Reserved"), (2, 1, "Reserved"), (3, 1, "Reserved")]
    assert bench.csms("CancelReservation", {"reservationId": 3}) == {"status": "Accepted"}
    assert statuses(bench) == [(2, 1, "Available"), (3, 1, "Available")]
    assert bench.csms("CancelReservation", {"reservationId": 2}) == {"status": "Accepted"}
    assert charges(bench, OTHER, evse=2)
    assert charges(bench, {"idToken": "CC33", "type": "ISO14443"}, evse=3)
    assert not charges(bench, {"idToken": "DD44", "type": "ISO14443"}, evse=1)


def test_TC_H_18_H02_FR_01_cancel_what_is_not_there(bench: Bench) -> None:
    assert bench.csms("CancelReservation", {"reservationId": 4}) == {"status": "Rejected"}


@pytest.mark.parametrize("where", [{"evseId": 1}, {"connectorType": "cType2"}, {}])
def test_TC_H_19_TC_H_24_H03_FR_04_H03_FR_05_H03_FR_06_H03_FR_08_a_token_of_the_group(
    bench: Bench, where: Json
) -> None:
    reserve(bench, 6, groupIdToken=GROUP, **where)
    assert statuses(bench) == [(1, 1, "Reserved")]
    tokens.answer(bench)
    assert not charges(bench, OTHER)
    tokens.answer(bench, group="g1")
    present(bench, OTHER)
    calls = bench.sent()
    assert [it["idToken"] for name, it in calls if name == "Authorize"] == [OTHER]
    events = [it for name, it in calls if name == "TransactionEvent"]
    assert [it["reservationId"] for it in events if "reservationId" in it] == [6]
    assert events[-1]["transactionInfo"]["chargingState"] == "Charging"
    assert bench.state.reservations == []


@pytest.mark.parametrize("where", [{"evseId": 1}, {"connectorType": "cType2"}, {}])
def test_H03_FR_04_H03_FR_05_H03_FR_06_the_token_itself_needs_no_group(bench: Bench, where: Json) -> None:
    reserve(bench, groupIdToken=GROUP, **where)
    assert charges(bench, THEIRS)
    assert bench.state.reservations == []


@pytest.mark.parametrize("source", ["list", "cache"])
def test_H03_FR_07_the_group_is_looked_up_where_the_token_is_known(bench: Bench, source: str) -> None:
    info = tokens.said(group="G1")
    bench.set("AuthCtrlr.LocalPreAuthorize", True)
    if source == "list":
        bench.set("LocalAuthListCtrlr.Enabled", True)
        tokens.send_list(bench, (OTHER, info))
    else:
        tokens.remember(bench, OTHER, info)
    reserve(bench, evseId=1, groupIdToken=GROUP)
    bench.forget()
    assert present(bench, OTHER)
    assert bench.sent("Authorize") == []
    assert bench.state.reservations == []


@pytest.mark.parametrize("how", ["fault", "operative"])
def test_TC_H_21_H01_FR_16_H01_FR_17_an_evse_out_of_use_loses_it(bench: Bench, how: str) -> None:
    reserve(bench, 5, evseId=1)
    bench.sent()
    if how == "fault":
        bench.do("fault", "GroundFault")
    else:
        bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    calls = bench.sent()
    assert ("ReservationStatusUpdate", {"reservationId": 5, "reservationUpdateStatus": "Removed"}) in calls
    told = [it["connectorStatus"] for name, it in calls if name == "StatusNotification"]
    assert told == ["Faulted" if how == "fault" else "Unavailable"]
    assert bench.state.reservations == []


def test_H01_FR_16_any_evse_is_lost_with_the_last_one_only(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    reserve(bench, 5)
    bench.do("fault", code="GroundFault", evse=1, connector=1)
    assert len(bench.state.reservations) == 1
    bench.do("fault", code="GroundFault", evse=2, connector=1)
    assert bench.state.reservations == []


def test_TC_H_22_H01_FR_01_switched_off(bench: Bench) -> None:
    bench.set("ReservationCtrlr.Enabled", False)
    assert reserve(bench, evseId=1) == "Rejected"


def test_TC_H_23_H01_FR_02_the_same_id_replaces(bench: Bench) -> None:
    reserve(bench, 1, evseId=1)
    expires = format_time(bench.clock.now + 60)
    request = {"id": 1, "expiryDateTime": expires, "idToken": OTHER, "evseId": 1}
    assert bench.csms("ReserveNow", request)["status"] == "Accepted"
    assert not charges(bench, THEIRS)
    assert charges(bench, OTHER)


@pytest.mark.parametrize("more", [{"seconds": -1.0, "evseId": 1}, {"evseId": 2}])
def test_H01_what_cannot_be_is_rejected(bench: Bench, more: Any) -> None:
    assert reserve(bench, **more) == "Rejected"
    assert bench.state.reservations == []


def test_a_refused_replacement_leaves_the_first(bench: Bench) -> None:
    reserve(bench, 1, evseId=1)
    bench.do("plug-in")
    assert reserve(bench, 1, evseId=1) == "Occupied"
    assert len(bench.state.reservations) == 1


def test_the_world_is_told(bench: Bench) -> None:
    reserve(bench, 1, evseId=1)
    bench.csms("CancelReservation", {"reservationId": 1})
    told = [
        (it.evse, it.data["reservation_id"], it.data["status"]) for it in bench.happened_since("reserved")
    ]
    assert told == [(1, 1, "Reserved"), (1, 1, "Cancelled")]
