"""C: which tokens may charge, which may stop, and what the one who presents them is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core import views
from ocppd.core.description import Connector, Evse, Hardware, Token
from ocppd.core.errors import CallError
from tests.bench import Bench, Json
from tests.blocks.tokens import (
    BY_TOKEN,
    ID_TOKEN,
    OTHER,
    STARTS,
    TOKEN,
    TWO_BY_TOKEN,
    answer,
    error,
    is_authorized,
    names,
    present,
    result,
    said,
)

TWO = Hardware(evses=(Evse(), Evse()))
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


def group(name: str, status: str = "Accepted") -> Json:
    return {"idTokenInfo": {"status": status, "groupIdToken": {"idToken": name, "type": "ISO14443"}}}


# A token that is asked for (C01)


def test_C01_FR_01_C01_FR_02_C01_FR_04_C06_FR_03_a_token_is_asked_for_and_then_charges(
    plugged: Bench,
) -> None:
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
def test_TC_C_02_TC_C_06_TC_C_07_TC_C_56_C01_FR_07_C06_FR_01_C06_FR_04_who_is_not_accepted_starts_nothing(
    plugged: Bench, status: str
) -> None:
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
def test_TC_C_39_C09_FR_02_C09_FR_03_C09_FR_05_a_token_of_the_same_group_stops(
    plugged: Bench, second: str
) -> None:
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
def test_TC_C_04_TC_C_42_C09_FR_10_C09_FR_11_another_token_does_not_stop(
    plugged: Bench, answer: Json, code: str
) -> None:
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


def test_C09_FR_02_the_answer_to_a_transaction_event_may_tell_the_group(plugged: Bench) -> None:
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


def test_C03_FR_01_C05_FR_01_a_Central_token_is_not_asked_for(plugged: Bench) -> None:
    plugged.do("authorize", id_token="C1", type="Central")
    assert names(plugged) == ["TransactionEvent"] * 2


@pytest.mark.parametrize("kind", ["Local", "KeyCode", "eMAID", "ISO15693", "MacAddress"])
def test_C01_FR_02_C06_FR_02_C08_FR_01_every_other_type_is_asked_for(plugged: Bench, kind: str) -> None:
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


# Two tokens, or one twice


def test_C01_a_token_that_is_being_asked_for_is_not_asked_for_again(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    assert plugged.do("authorize", TOKEN) is None
    assert error(plugged.do("authorize", TOKEN.lower())) == "busy"
    asked = plugged.frames[-1][1]
    plugged.receive([3, asked, {"idTokenInfo": said()}])
    plugged.settle()
    assert plugged.story() == STARTS  # and does not stop at once


def test_C01_nor_one_of_a_remote_start(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.AuthorizeRemoteStart", True)
    plugged.silent.add("Authorize")
    request = {"idToken": ID_TOKEN, "remoteStartId": 1, "evseId": 1}
    assert plugged.csms("RequestStartTransaction", request)["status"] == "Accepted"
    assert error(present(plugged)) == "busy"


def test_C01_the_same_token_may_be_asked_for_at_two_EVSEs(new_bench: NewBench) -> None:
    bench = new_bench(TWO)
    bench.silent.add("Authorize")
    assert [present(bench, evse=evse) for evse in (1, 2)] == [None, None]


def test_C01_of_two_tokens_at_one_EVSE_the_first_charges(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    for token in (ID_TOKEN, OTHER):
        assert present(plugged, token) is None
    plugged.silent.clear()
    first = plugged.frames[-1][1]
    plugged.receive([3, first, {"idTokenInfo": said()}])
    plugged.settle()
    late = [plugged.late_answer(), plugged.late_answer()]
    assert [it.error is None for it in late] == [True, False]
    held = plugged.state.evses[0].authorization
    assert held is not None
    assert held.token == ID_TOKEN


def test_C09_who_wanted_to_start_does_not_stop_somebody_of_the_same_group(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    for token in (ID_TOKEN, OTHER):
        assert present(plugged, token) is None
    plugged.silent.clear()
    answer(plugged, group="FLEET")
    first = plugged.frames[-1][1]
    plugged.receive([3, first, {"idTokenInfo": said(group="FLEET")}])
    plugged.settle()
    assert is_authorized(plugged)
    result(present(plugged, OTHER))  # now it is meant
    assert not is_authorized(plugged)


def test_C01_a_token_that_was_started_remotely_meanwhile_goes_on(plugged: Bench) -> None:
    plugged.silent.add("Authorize")
    present(plugged)
    asked = plugged.frames[-1][1]
    request = {"idToken": ID_TOKEN, "remoteStartId": 1, "evseId": 1}
    assert plugged.csms("RequestStartTransaction", request)["status"] == "Accepted"
    plugged.receive([3, asked, {"idTokenInfo": said()}])
    assert result(plugged.late_answer())["id_token_status"] == "Accepted"
    assert is_authorized(plugged)


def test_C01_one_token_may_charge_at_two_EVSEs_and_stops_at_its_own(new_bench: NewBench) -> None:
    bench = new_bench(TWO_BY_TOKEN)
    for evse in (1, 2):
        bench.do("plug-in", evse=evse)
        result(present(bench, evse=evse))
    result(present(bench, evse=2))
    assert [is_authorized(bench, evse) for evse in (1, 2)] == [True, False]


def test_C01_FR_23_who_comes_while_the_transaction_of_another_runs_on_is_refused(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.do("plug-in")
    result(present(bench))
    result(present(bench))
    bench.forget()
    assert error(present(bench, OTHER)) == "invalid_state"
    assert bench.sent() == []


def test_C01_FR_26_without_a_cable_the_authorization_lapses(new_bench: NewBench) -> None:
    bench = new_bench(BY_TOKEN)
    result(present(bench))
    bench.advance(119)
    assert is_authorized(bench)
    bench.advance(2)
    assert not is_authorized(bench)


def test_TC_C_05_with_the_token_first_nothing_is_locked_for_who_is_refused(new_bench: NewBench) -> None:
    bench = new_bench(Hardware(evses=(Evse(connectors=(Connector("sType2"),)),)))
    answer(bench, "Invalid")
    assert error(present(bench)) == "csms_rejected"
    bench.do("plug-in")
    assert not bench.state.evses[0].connectors[0].locked


# What comes with a token, and with its info


def test_additionalInfo_goes_to_the_CSMS_and_is_no_part_of_who_it_is(plugged: Bench) -> None:
    extra = [{"additional_id_token": "ZE-1", "type": "fleet card"}]
    result(present(plugged, additional_info=extra))
    told = {"additionalInfo": [{"additionalIdToken": "ZE-1", "type": "fleet card"}]}
    (_, asked), (_, started), _ = plugged.sent()
    assert asked["idToken"] == started["idToken"] == ID_TOKEN | told
    result(present(plugged))  # C01.FR.25
    assert not is_authorized(plugged)


@pytest.mark.parametrize(
    "wrong",
    [
        [{"additional_id_token": "x", "type": "y"}] * 5,
        [{"additional_id_token": "x" * 37, "type": "y"}],
        [{"additional_id_token": "x"}],
        "x",
    ],
)
def test_authorize_refuses_what_is_no_additionalInfo(plugged: Bench, wrong: Any) -> None:
    assert error(present(plugged, additional_info=wrong)) in ("invalid_argument", "missing_argument")
    assert plugged.sent() == []


@pytest.mark.parametrize(("told", "kept"), [(-3, -3), (9, 9), (99, None)])
def test_chargingPriority_is_kept_and_told(plugged: Bench, told: int, kept: int | None) -> None:
    answer(plugged, chargingPriority=told)
    result(present(plugged))
    held = plugged.state.evses[0].authorization
    assert held is not None
    assert held.priority == kept
    assert [it.data["priority"] for it in plugged.happened_since("authorized")] == [kept]


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        ({}, 2),
        ({"chargingPriority": -4}, -4),
        ({"idTokenInfo": {"status": "Accepted", "chargingPriority": 5}}, 5),
        ({"chargingPriority": -4, "idTokenInfo": {"status": "Accepted", "chargingPriority": 5}}, -4),
        ({"chargingPriority": 10}, 2),
    ],
)
def test_chargingPriority_of_a_transaction_goes_before_the_token_s(
    plugged: Bench, response: Json, kept: int
) -> None:
    answer(plugged, chargingPriority=2)
    plugged.answers["TransactionEvent"] = response
    result(present(plugged))
    held = plugged.state.evses[0].authorization
    assert held is not None
    assert held.priority == kept


@pytest.mark.parametrize(
    ("languages", "shown"),
    [
        ({"language1": "nl-BE", "language2": "de"}, "Hallo daar"),
        ({"language1": "fr", "language2": "de"}, "Guten Tag"),
        ({"language1": "fr", "language2": "it"}, "Hello"),
        ({"language1": "fr"}, "Hello"),
    ],
)
def test_C01_FR_08_C01_FR_09_C01_FR_12_C01_FR_13_C01_FR_17_the_display_speaks_to_the_driver(
    plugged: Bench, languages: Json, shown: str
) -> None:
    texts = {"en": "Hello", "nl": "Hallo daar", "de": "Guten Tag"}
    for number, (language, text) in enumerate(texts.items()):
        content = {"format": "UTF8", "language": language, "content": text}
        message = {"id": number, "priority": "NormalCycle", "message": content}
        assert plugged.csms("SetDisplayMessage", {"message": message}) == {"status": "Accepted"}
    answer(plugged, **languages)
    result(present(plugged))
    lines = views.station_state(plugged.station)["display"]
    assert [it["content"] for it in lines] == [shown]


def test_C09_FR_13_a_group_is_a_group_whatever_its_type(plugged: Bench) -> None:
    for kind, token in (("Central", ID_TOKEN), ("ISO14443", OTHER)):
        groups = {"groupIdToken": {"idToken": "FLEET", "type": kind}}
        plugged.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", **groups}}
        result(present(plugged, token))
    assert not is_authorized(plugged)


def test_C09_an_empty_group_is_none(plugged: Bench) -> None:
    plugged.answers["Authorize"] = {
        "idTokenInfo": {"status": "Accepted", "groupIdToken": {"idToken": "", "type": "Central"}}
    }
    result(present(plugged))
    assert error(present(plugged, OTHER)) == "invalid_state"


# Started by the CSMS (C05)


@pytest.mark.parametrize("asks", [True, False])
def test_C03_FR_01_C05_FR_01_C05_FR_03_C05_FR_05_a_Central_token_of_a_remote_start(
    plugged: Bench, asks: bool
) -> None:
    plugged.set("AuthCtrlr.AuthorizeRemoteStart", asks)
    plugged.forget()
    token = {"idToken": "PAID", "type": "Central"}
    request = {"idToken": token, "remoteStartId": 42, "evseId": 1}
    assert plugged.csms("RequestStartTransaction", request)["status"] == "Accepted"
    told = plugged.sent()
    assert [name for name, _ in told] == ["TransactionEvent"] * 2
    assert told[0][1]["idToken"] == token
    assert [it["transactionInfo"].get("remoteStartId") for _, it in told] == [42, None]


# Unknown, offline (C15)


def unknown_offline(bench: Bench, **stop: Any) -> None:
    """Somebody unknown charges offline, and the CSMS does not accept the token afterwards."""
    for name, value in {"AuthCtrlr.OfflineTxForUnknownIdEnabled": True, **stop}.items():
        bench.set(name, value)
    bench.drop()
    result(present(bench))
    bench.advance(60)
    bench.answers["TransactionEvent"] = lambda it: {"idTokenInfo": said("Invalid")} if "idToken" in it else {}
    bench.reconnect()


def test_TC_C_26_C15_FR_02_C15_FR_06_C15_FR_08_C13_FR_04_suspended_when_it_turns_out_to_be_invalid(
    plugged: Bench,
) -> None:
    unknown_offline(plugged, **{"TxCtrlr.StopTxOnInvalidId": False})
    told = plugged.tx()
    assert told[0]["offline"] is True
    assert told[-1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    result(present(plugged))
    assert plugged.tx()[-1]["triggerReason"] == "StopAuthorized"


def test_C15_FR_04_ended_when_it_turns_out_to_be_invalid(plugged: Bench) -> None:
    unknown_offline(plugged)
    told = plugged.tx()[-1]
    assert (told["eventType"], told["triggerReason"]) == ("Ended", "Deauthorized")
    assert told["transactionInfo"]["stoppedReason"] == "DeAuthorized"


def test_C13_FR_06_C15_FR_08_offline_somebody_known_as_refused_is_not_unknown(plugged: Bench) -> None:
    answer(plugged, "Blocked")
    assert error(present(plugged)) == "csms_rejected"
    plugged.set("AuthCtrlr.OfflineTxForUnknownIdEnabled", True)
    plugged.drop()
    assert error(present(plugged)) == "csms_rejected"
    result(present(plugged, OTHER))
