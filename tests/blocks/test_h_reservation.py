"""Reservations: kept for whom they are, used, cancelled, expired, lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets

NewBench = Callable[..., Bench]

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


def updates(bench: Bench) -> list[Json]:
    return bench.sent("ReservationStatusUpdate")


def test_TC_H_01_H01_FR_03_FR_23_reserve_an_evse_and_use_it(bench: Bench) -> None:
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
    assert statuses(bench) == [(1, 1, "Occupied")]
    assert bench.state.evses[0].transaction is not None
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
    group = {"idToken": "G1", "type": "Central"}
    reserve(bench, 3, evseId=1, groupIdToken=group)
    request = {"idToken": OTHER, "remoteStartId": 1, "evseId": 1, "groupIdToken": group}
    assert bench.csms("RequestStartTransaction", request)["status"] == "Accepted"
    assert bench.state.reservations == []


def test_G03_FR_09_a_cable_does_not_end_the_reservation_before_the_token_comes(bench: Bench) -> None:
    reserve(bench, evseId=1)
    bench.sent()
    bench.do("plug-in")
    assert statuses(bench) == []
    assert present(bench, THEIRS)
    assert statuses(bench) == [(1, 1, "Occupied")]  # H03.FR.10


def test_TC_H_03_TC_H_04_TC_H_06_H01_FR_11_FR_14_what_is_taken_or_out_of_use(new_bench: NewBench) -> None:
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


@pytest.mark.parametrize("online", [True, False])
def test_TC_H_07_H04_FR_01_FR_02_FR_03_it_expires(bench: Bench, online: bool) -> None:
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
    assert present(bench, OTHER)


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


def test_TC_H_08_TC_H_14_H01_FR_04_FR_20_any_evse_is_reserved_when_none_is_left(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    assert reserve(bench, 1) == "Accepted"
    assert statuses(bench) == []
    assert reserve(bench, 2) == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved"), (2, 1, "Reserved")]
    assert reserve(bench, 3) == "Occupied"  # TC_H_09


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


def test_TC_H_15_TC_H_16_H01_FR_06_FR_09_FR_24_a_connector_type(new_bench: NewBench) -> None:
    bench = new_bench(MIXED)
    assert reserve(bench, 1, connectorType="cCCS2") == "Accepted"
    assert statuses(bench) == [(1, 1, "Reserved"), (1, 2, "Reserved")]
    assert reserve(bench, 2, connectorType="cCCS2") == "Occupied"
    assert reserve(bench, 2, connectorType="cG105") == "Rejected"
    assert present(bench, OTHER, evse=2)
    assert not present(bench, OTHER, evse=1)


def test_TC_H_17_H02_FR_02_cancel(bench: Bench) -> None:
    reserve(bench, 4, evseId=1)
    bench.sent()
    assert bench.csms("CancelReservation", {"reservationId": 4}) == {"status": "Accepted"}
    assert [name for name, _ in bench.sent()] == ["StatusNotification"]
    assert present(bench, OTHER)


def test_TC_H_18_H02_FR_01_cancel_what_is_not_there(bench: Bench) -> None:
    assert bench.csms("CancelReservation", {"reservationId": 4}) == {"status": "Rejected"}


@pytest.mark.parametrize("where", [{"evseId": 1}, {}, {"connectorType": "cType2"}])
def test_TC_H_19_TC_H_24_H03_FR_04_FR_05_FR_06_FR_08_a_token_of_the_group(bench: Bench, where: Json) -> None:
    reserve(bench, groupIdToken={"idToken": "G1", "type": "Central"}, **where)
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted"}}
    assert not present(bench, OTHER)
    group = {"idToken": "g1", "type": "Central"}
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}}
    assert present(bench, OTHER)
    assert bench.state.reservations == []


@pytest.mark.parametrize("how", ["fault", "operative"])
def test_TC_H_21_H01_FR_16_FR_17_an_evse_out_of_use_loses_it(bench: Bench, how: str) -> None:
    reserve(bench, 5, evseId=1)
    bench.sent()
    if how == "fault":
        bench.do("fault", "GroundFault")
    else:
        bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}})
    assert updates(bench) == [{"reservationId": 5, "reservationUpdateStatus": "Removed"}]
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
    assert not present(bench, THEIRS)
    assert present(bench, OTHER)


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
