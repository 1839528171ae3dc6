"""C: which tokens may charge, which may stop, and what the one who presents them is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Evse, Hardware, Token
from ocppd.core.errors import CallError
from tests.bench import Bench, Json, with_presets

TOKEN = "04A2B3C4"
ID_TOKEN = {"idToken": TOKEN, "type": "ISO14443"}
TWO = Hardware(evses=(Evse(), Evse()))
# The start point leaves it to the token alone whether anything is told.
BY_TOKEN = with_presets(
    Hardware(),
    TxCtrlr__TxStartPoint="PowerPathClosed",
    TxCtrlr__TxStopPoint="Authorized",
    SampledDataCtrlr__TxUpdatedInterval="0",
)
NOT_ACCEPTED = (
    "Blocked",
    "ConcurrentTx",
    "Expired",
    "Invalid",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
)

NewBench = Callable[..., Bench]


@pytest.fixture
def plugged(new_bench: NewBench) -> Bench:
    """A car waits for somebody to be authorized."""
    bench = new_bench(BY_TOKEN)
    bench.do("plug-in")
    bench.forget()
    return bench


def result(answer: Any) -> Any:
    assert answer is not None
    assert answer.error is None, answer.error.message
    return answer.done.result


def error(answer: Any) -> str:
    assert answer is not None
    assert answer.error is not None
    return answer.error.code  # type: ignore[no-any-return]


def group(name: str, status: str = "Accepted") -> Json:
    return {"idTokenInfo": {"status": status, "groupIdToken": {"idToken": name, "type": "ISO14443"}}}


def names(bench: Bench) -> list[str]:
    return [name for name, _ in bench.sent()]


STARTS = ["Started Authorized EVConnected", "Updated ChargingStateChanged Charging"]


# A token that is asked for (C01)


def test_C01_FR_02_a_token_is_asked_for_and_then_charges(plugged: Bench) -> None:
    plugged.do("authorize", TOKEN)
    assert plugged.sent()[0] == ("Authorize", {"idToken": ID_TOKEN})
    assert plugged.state.evses[0].transaction is not None


def test_C01_the_answer_names_the_transaction_that_it_started(plugged: Bench) -> None:
    answer = result(plugged.do("authorize", TOKEN))
    started = plugged.tx()[0]["transactionInfo"]["transactionId"]
    assert answer == {"id_token_status": "Accepted", "transaction_id": started}


def test_C01_the_answer_names_the_transaction_that_it_ended(plugged: Bench) -> None:
    started = result(plugged.do("authorize", TOKEN))
    assert result(plugged.do("authorize", TOKEN)) == started


def test_C01_without_a_transaction_the_answer_names_none(new_bench: NewBench) -> None:
    answer = result(new_bench(BY_TOKEN).do("authorize", TOKEN))
    assert answer == {"id_token_status": "Accepted", "transaction_id": None}


@pytest.mark.parametrize("status", NOT_ACCEPTED)
def test_TC_C_02_a_token_that_is_not_accepted_starts_nothing(plugged: Bench, status: str) -> None:
    plugged.answers["Authorize"] = {"idTokenInfo": {"status": status}}
    answer = plugged.do("authorize", TOKEN)
    assert error(answer) == "csms_rejected"
    assert answer is not None
    assert answer.error is not None
    assert answer.error.details == {"status": status}
    plugged.advance(200)
    assert names(plugged) == ["Authorize"]


def test_C01_FR_21_a_token_charges_at_its_EVSEs_only(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", "evseId": [2]}}
    assert error(bench.do("authorize", evse=1, id_token=TOKEN)) == "csms_rejected"
    assert result(bench.do("authorize", evse=2, id_token=TOKEN))["id_token_status"] == "Accepted"
    assert [evse.authorization is not None for evse in bench.state.evses] == [False, True]


def test_C01_two_EVSEs_ask_at_once_and_each_gets_its_own_answer(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.silent.add("Authorize")
    assert bench.do("authorize", evse=1, id_token="AAAA") is None
    assert bench.do("authorize", evse=2, id_token="BBBB") is None
    bench.silent.clear()
    bench.answers["Authorize"] = lambda it: {
        "idTokenInfo": {"status": "Accepted" if it["idToken"]["idToken"] == "BBBB" else "Invalid"}
    }
    [asked] = bench.sent("Authorize")  # the second waits for the answer to the first
    assert asked["idToken"]["idToken"] == "AAAA"
    first = next(frame[1] for frame in bench.frames if frame[2] == "Authorize")
    bench.receive([3, first, {"idTokenInfo": {"status": "Invalid"}}])
    bench.settle()
    answers = [bench.late_answer(), bench.late_answer()]
    assert [(it.request.evse, it.error is None) for it in answers] == [(1, False), (2, True)]
    assert [evse.authorization is not None for evse in bench.state.evses] == [False, True]


def test_C01_with_two_EVSEs_the_command_must_say_where(new_bench: NewBench) -> None:
    assert error(new_bench(TWO).do("authorize", TOKEN)) == "ambiguous_target"


@pytest.mark.parametrize("command", ["authorize", "start"])
def test_C01_nobody_is_authorized_at_a_faulted_or_unavailable_EVSE(plugged: Bench, command: str) -> None:
    plugged.do("unplug")
    for name, argument in (("fault", "GroundFault"), ("operative", "OFF")):
        plugged.do(name, argument)
        plugged.forget()
        assert error(plugged.do(command)) == "invalid_state"
        assert plugged.sent() == []
        plugged.do("clear-fault")


def test_C01_nor_where_it_breaks_before_the_answer(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    plugged.do("authorize", TOKEN)
    asked = plugged.frames[-1][1]
    plugged.do("fault", "GroundFault")
    plugged.receive([3, asked, {"idTokenInfo": {"status": "Accepted"}}])
    assert error(plugged.late_answer()) == "invalid_state"
    assert plugged.state.evses[0].authorization is None


def test_C01_a_station_without_power_reads_no_card(plugged: Bench) -> None:
    plugged.do("power", "OFF")
    assert [error(plugged.do(name)) for name in ("authorize", "start", "stop")] == ["invalid_state"] * 3


# The second token (C01.FR.03, C09)


def test_C01_FR_03_the_same_token_stops_without_being_asked_for(plugged: Bench) -> None:
    plugged.do("authorize", TOKEN)
    plugged.forget()
    plugged.do("authorize", TOKEN)
    [(name, event)] = plugged.sent()
    assert (name, event["triggerReason"], event["idToken"]) == (
        "TransactionEvent",
        "StopAuthorized",
        ID_TOKEN,
    )


def test_C01_FR_25_tokens_are_compared_without_case(plugged: Bench) -> None:
    plugged.do("authorize", "abcdef01")
    plugged.forget()
    result(plugged.do("authorize", "ABCDEF01"))
    assert plugged.story() == ["Ended StopAuthorized EVConnected"]


def test_C01_FR_25_tokens_of_two_types_are_two_tokens(plugged: Bench) -> None:
    plugged.do("authorize", TOKEN)
    plugged.forget()
    assert error(plugged.do("authorize", id_token=TOKEN, type="ISO15693")) == "invalid_state"
    assert names(plugged) == ["Authorize"]


@pytest.mark.parametrize("second", ["FLEET", "fleet"])
def test_C09_FR_03_a_token_of_the_same_group_stops(plugged: Bench, second: str) -> None:
    plugged.answers["Authorize"] = group("FLEET")
    plugged.do("authorize", TOKEN)
    plugged.forget()
    plugged.answers["Authorize"] = group(second)
    result(plugged.do("authorize", "OTHER"))
    [(asked, _), (_, event)] = plugged.sent()
    assert asked == "Authorize"
    assert (event["eventType"], event["triggerReason"]) == ("Ended", "StopAuthorized")
    assert event["idToken"]["idToken"] == "OTHER"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (group("OTHERS"), "invalid_state"),
        ({"idTokenInfo": {"status": "Accepted"}}, "invalid_state"),
        (group("FLEET", "Invalid"), "csms_rejected"),
    ],
)
def test_C09_FR_11_another_token_does_not_stop(plugged: Bench, answer: Json, code: str) -> None:
    plugged.answers["Authorize"] = group("FLEET")
    plugged.do("authorize", TOKEN)
    plugged.forget()
    plugged.answers["Authorize"] = answer
    assert error(plugged.do("authorize", "OTHER")) == code
    assert names(plugged) == ["Authorize"]


def test_C09_without_groups_no_other_token_stops(plugged: Bench) -> None:
    plugged.do("authorize", TOKEN)
    assert error(plugged.do("authorize", "OTHER")) == "invalid_state"
    assert plugged.state.evses[0].authorization is not None


def test_C09_the_command_may_know_the_group(plugged: Bench) -> None:
    plugged.do("authorize", id_token=TOKEN, group_id_token="FLEET")
    result(plugged.do("authorize", id_token="OTHER", group_id_token="FLEET"))
    assert plugged.story()[-1] == "Ended StopAuthorized EVConnected"


def test_C09_the_answer_to_a_transaction_event_may_tell_the_group(plugged: Bench) -> None:
    plugged.answers["TransactionEvent"] = lambda it: group("FLEET") if "idToken" in it else {}
    plugged.do("authorize", TOKEN)
    plugged.answers["Authorize"] = group("FLEET")
    result(plugged.do("authorize", "OTHER"))
    assert plugged.story()[-1] == "Ended StopAuthorized EVConnected"


# Without a token (C02)


def test_C02_FR_01_the_start_button_is_told_as_NoAuthorization(plugged: Bench) -> None:
    plugged.do("start")
    first, _ = plugged.sent()
    assert first[1]["idToken"] == {"idToken": "", "type": "NoAuthorization"}


def test_C02_the_start_button_answers_like_a_token(plugged: Bench) -> None:
    answer = result(plugged.do("start"))
    started = plugged.tx()[0]["transactionInfo"]["transactionId"]
    assert answer == {"id_token_status": "Accepted", "transaction_id": started}


def test_C02_the_start_button_starts_only_once(plugged: Bench) -> None:
    plugged.do("start")
    assert error(plugged.do("start")) == "invalid_state"


def test_C02_a_card_does_not_stop_what_the_button_started(plugged: Bench) -> None:
    plugged.do("start")
    assert error(plugged.do("authorize", TOKEN)) == "invalid_state"


def test_C02_FR_01_a_token_of_type_NoAuthorization_has_no_text(plugged: Bench) -> None:
    plugged.do("authorize", id_token="whatever", type="NoAuthorization")
    assert plugged.tx()[0]["idToken"] == {"idToken": "", "type": "NoAuthorization"}


def test_C03_FR_01_a_Central_token_is_not_asked_for(plugged: Bench) -> None:
    plugged.do("authorize", id_token="C1", type="Central")
    assert names(plugged) == ["TransactionEvent"] * 2


@pytest.mark.parametrize("kind", ["Local", "KeyCode", "eMAID", "ISO15693", "MacAddress"])
def test_C06_FR_02_every_other_type_is_asked_for(plugged: Bench, kind: str) -> None:
    plugged.do("authorize", id_token=TOKEN, type=kind)
    assert plugged.sent("Authorize") == [{"idToken": {"idToken": TOKEN, "type": kind}}]


# What a token looks like


def test_authorize_without_a_token_presents_the_default_one(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(default_token=Token("CAFE", "KeyCode")))
    bench.do("authorize")
    assert bench.sent("Authorize") == [{"idToken": {"idToken": "CAFE", "type": "KeyCode"}}]


def test_authorize_takes_a_bare_token_as_it_is(bench: Bench) -> None:
    bench.do("authorize", "12345E67")
    assert bench.sent("Authorize") == [{"idToken": {"idToken": "12345E67", "type": "ISO14443"}}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id_token": "A" * 37},
        {"id_token": ""},
        {"id_token": TOKEN, "type": "Blood"},
        {"id_token": TOKEN, "type": "iso14443"},
        {"id_token": 12},
    ],
)
def test_authorize_refuses_what_is_no_token(bench: Bench, wrong: Json) -> None:
    assert error(bench.do("authorize", **wrong)) == "invalid_argument"
    assert bench.sent() == []


def test_authorize_takes_the_longest_token(bench: Bench) -> None:
    assert result(bench.do("authorize", "A" * 36))["id_token_status"] == "Accepted"


# When the CSMS cannot be asked (C13, C15), or must not be


def test_C15_FR_08_offline_an_unknown_token_charges_where_that_is_allowed(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    plugged.drop()
    assert result(plugged.do("authorize", TOKEN))["id_token_status"] == "Accepted"
    plugged.reconnect()
    assert plugged.story() == STARTS


def test_C13_FR_02_offline_an_unknown_token_does_not_charge_where_it_is_not(plugged: Bench) -> None:
    plugged.drop()
    assert error(plugged.do("authorize", TOKEN)) == "not_connected"
    plugged.reconnect()
    assert plugged.tx() == []


def test_C15_offline_another_unknown_token_does_not_stop(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    plugged.do("authorize", TOKEN)
    plugged.drop()
    assert error(plugged.do("authorize", "OTHER")) == "not_connected"
    assert plugged.state.evses[0].authorization is not None


def test_C02_offline_the_start_button_works(plugged: Bench) -> None:
    plugged.drop()
    assert result(plugged.do("start"))["id_token_status"] == "Accepted"


@pytest.mark.parametrize("unknown", [True, False])
def test_TC_E_52_with_DisableRemoteAuthorization_nobody_is_asked(plugged: Bench, *, unknown: bool) -> None:
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", unknown)  # counts offline only
    plugged.set("AuthCtrlr.DisableRemoteAuthorization", True)
    assert error(plugged.do("authorize", TOKEN)) == "invalid_state"
    plugged.advance(30)
    assert plugged.sent("Authorize") == []
    assert plugged.state.evses[0].authorization is None


def test_C01_FR_01_without_authorization_every_token_charges(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.Enabled", False)
    plugged.forget()
    plugged.do("authorize", TOKEN)
    assert names(plugged) == ["TransactionEvent"] * 2
    assert error(plugged.do("authorize", "OTHER")) == "invalid_state"


# When the CSMS does not answer


def test_C01_a_CALLERROR_authorizes_nobody(plugged: Bench) -> None:
    plugged.answers["Authorize"] = CallError("InternalError", "out of order", {"disk": "full"})
    answer = plugged.do("authorize", TOKEN)
    assert error(answer) == "csms_error"
    assert answer is not None
    assert answer.error is not None
    assert answer.error.details == {"code": "InternalError", "details": {"disk": "full"}}
    assert names(plugged) == ["Authorize"]


def test_C01_an_invalid_answer_authorizes_nobody(plugged: Bench) -> None:
    plugged.answers["Authorize"] = {"idTokenInfo": {"status": "Sure"}}
    assert error(plugged.do("authorize", TOKEN)) == "csms_error"
    assert plugged.state.evses[0].authorization is None


def test_C01_no_answer_in_time_authorizes_nobody(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    assert plugged.do("authorize", TOKEN) is None
    plugged.advance(29)
    assert plugged.state.requests
    plugged.advance(1)
    assert error(plugged.late_answer()) == "csms_timeout"
    assert names(plugged) == ["Authorize"]


def test_C01_a_lost_connection_authorizes_nobody(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    plugged.do("authorize", TOKEN)
    plugged.drop()
    assert error(plugged.late_answer()) == "not_connected"
    plugged.reconnect()
    assert names(plugged) == ["Authorize"]


def test_C01_a_token_that_waits_behind_other_messages_is_asked_for_later(plugged: Bench) -> None:
    plugged.silent.add("StatusNotification")
    plugged.do("unplug")
    assert plugged.do("authorize", id_token=TOKEN, timeout_s=60) is None
    assert plugged.sent("Authorize") == []
    plugged.silent.clear()
    plugged.advance(30)
    assert result(plugged.late_answer())["id_token_status"] == "Accepted"


def test_who_does_not_wait_is_told_that_it_is_pending(plugged: Bench) -> None:
    assert result(plugged.do("authorize", id_token=TOKEN, wait=False)) == {"pending": True}
    assert plugged.story() == STARTS


def test_who_waits_less_than_the_CSMS_takes_is_told_so(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    plugged.do("authorize", id_token=TOKEN, timeout_s=5)
    plugged.advance(5)
    assert error(plugged.late_answer()) == "csms_timeout"
