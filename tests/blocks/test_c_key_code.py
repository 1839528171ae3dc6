"""C04: PIN codes are never shown, and cannot be tried out."""

from __future__ import annotations

from typing import Any

import pytest

from ocppd.core import views
from ocppd.log import mask
from tests.bench import Bench
from tests.blocks.tokens import answer, error, is_authorized, names, present, remember, result, said

CODE = {"idToken": "4711", "type": "KeyCode"}
WRONG = {"idToken": "0000", "type": "KeyCode"}
CARD = {"idToken": "04A2B3C4", "type": "ISO14443"}


def guess(bench: Bench, times: int = 1) -> None:
    answer(bench, "Invalid")
    for _ in range(times):
        assert error(present(bench, WRONG)) == "csms_rejected"
    answer(bench)
    bench.forget()


def test_C04_FR_06_after_some_wrong_codes_the_next_must_wait(bench: Bench) -> None:
    guess(bench, 3)
    assert error(present(bench, CODE)) == "busy"
    assert names(bench) == []
    bench.advance(5)
    result(present(bench, CODE))


def test_C04_FR_06_each_mistake_doubles_the_wait_up_to_ten_minutes(bench: Bench) -> None:
    guess(bench, 3)
    for wait in (5, 10, 20, 40, 80, 160, 320, 600, 600):
        bench.advance(wait - 1)
        assert error(present(bench, WRONG)) == "busy"
        bench.advance(1)
        guess(bench)


def test_C04_FR_06_a_right_code_is_a_new_beginning(bench: Bench) -> None:
    guess(bench, 2)
    result(present(bench, CODE))
    result(present(bench, CODE))
    guess(bench, 2)
    result(present(bench, CODE))


def test_C04_FR_06_cards_do_not_wait(bench: Bench) -> None:
    guess(bench, 3)
    result(present(bench, CARD))


def test_C04_FR_06_offline_wrong_codes_count_too(bench: Bench) -> None:
    bench.drop()
    for _ in range(3):
        assert error(present(bench, WRONG)) == "not_connected"
    assert error(present(bench, WRONG)) == "busy"


def test_C04_FR_06_who_is_known_to_be_wrong_counts_too(bench: Bench) -> None:
    remember(bench, WRONG, said("Invalid"))
    bench.set("AuthCacheCtrlr.DisablePostAuthorize", True)
    for _ in range(2):
        assert error(present(bench, WRONG)) == "csms_rejected"
    assert error(present(bench, WRONG)) == "busy"


def test_C04_FR_06_no_more_time_is_lost_than_that_of_the_right_code(bench: Bench) -> None:
    guess(bench, 2)
    for status in ("Blocked", "NoCredit"):  # the code is right
        answer(bench, status)
        assert error(present(bench, CODE)) == "csms_rejected"
    answer(bench)
    result(present(bench, CODE))


def test_C04_FR_04_a_code_is_told_the_CSMS_and_nobody_else(bench: Bench) -> None:
    bench.do("plug-in")
    result(present(bench, CODE))
    assert bench.sent("Authorize") == [{"idToken": CODE}]
    assert is_authorized(bench)
    events = [views.event(bench.station, it) for it in bench.events if it.is_public]
    assert [it["token"]["idToken"] for it in events if it["event"] == "authorized"] == ["***"]
    assert views.evse_state(bench.station, 1)["tx"]["id_token"] == "***"
    assert CODE["idToken"] not in str([views.whole_state(bench.station), events])


@pytest.mark.parametrize("key", ["token", "idToken", "id_token"])
def test_C04_FR_04_nor_does_a_code_get_into_the_log(key: str) -> None:
    inner: Any = CODE if key == "token" else {key: CODE["idToken"], "type": "KeyCode"}
    line = mask(None, "info", {"event": "x", "what": {key: inner} if key == "token" else inner})
    assert CODE["idToken"] not in str(line)


def test_C04_FR_04_a_reservation_for_a_code_does_not_show_it(bench: Bench) -> None:
    request = {"id": 1, "expiryDateTime": "2025-01-01T12:00:00Z", "idToken": CODE, "evseId": 1}
    assert bench.csms("ReserveNow", request)["status"] == "Accepted"
    assert CODE["idToken"] not in str(views.whole_state(bench.station))
