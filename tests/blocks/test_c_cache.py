"""C10 to C12: what the cache keeps, for how long, and when its word is enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.blocks import c_cache
from ocppd.core.description import Connector, Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import Bench, Json, with_presets
from tests.blocks.device_model import value_of
from tests.blocks.tokens import (
    BY_TOKEN,
    ID_TOKEN,
    OTHER,
    POINTS,
    TOKEN,
    answer,
    error,
    is_authorized,
    names,
    present,
    remember,
    result,
    said,
)

NewBench = Callable[..., Bench]
OFFLINE = "AuthCtrlr.OfflineTxForUnknownIdEnabled"


@pytest.fixture
def plugged(new_bench: NewBench) -> Bench:
    """A car waits, and what the station knows of its driver is enough."""
    bench = new_bench(with_presets(BY_TOKEN, AuthCtrlr__LocalPreAuthorize="true"))
    bench.do("plug-in")
    bench.forget()
    return bench


def anew(bench: Bench) -> None:
    """The next driver has parked and plugged in."""
    bench.do("unplug")
    bench.do("plug-in")
    bench.forget()


def token(number: int) -> Json:
    return {"idToken": f"T{number}", "type": "ISO14443"}


def knows(bench: Bench, one: Json = ID_TOKEN) -> bool:
    """Whether the token charges offline, where only what is known does; it does not stay there."""
    bench.drop()
    found = present(bench, one)
    if is_authorized(bench):
        present(bench, one)
    bench.reconnect()
    return found is not None and found.error is None


# The word of the cache (C12)


def test_TC_C_08_TC_C_33_C10_FR_01_C10_FR_04_C12_FR_02_C12_FR_04_a_known_token_is_not_asked_for(
    plugged: Bench,
) -> None:
    remember(plugged)
    anew(plugged)
    result(present(plugged))
    calls = plugged.sent()
    assert [name for name, _ in calls] == ["TransactionEvent"] * 2
    assert calls[0][1]["idToken"] == ID_TOKEN
    assert calls[1][1]["transactionInfo"]["chargingState"] == "Charging"


def test_TC_C_13_C12_FR_02_before_the_cable_is_in_only_the_token_is_told(new_bench: NewBench) -> None:
    start = {"TxCtrlr__TxStartPoint": "Authorized", "AuthCtrlr__LocalPreAuthorize": "true"}
    bench = new_bench(with_presets(Hardware(), **start))
    remember(bench)
    result(present(bench))
    [(_, told)] = bench.sent()
    assert (told["triggerReason"], told["idToken"]) == ("Authorized", ID_TOKEN)
    bench.do("plug-in")
    assert bench.story()[-1] == "Updated ChargingStateChanged Charging"


def test_TC_C_36_C01_FR_05_without_LocalPreAuthorize_the_CSMS_is_asked_all_the_same(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.LocalPreAuthorize", False)
    remember(plugged)
    anew(plugged)
    result(present(plugged))
    assert names(plugged)[0] == "Authorize"


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_TC_C_09_TC_C_10_TC_C_11_C10_FR_03_C12_FR_05_a_token_that_was_refused_is_asked_for_again(
    plugged: Bench, status: str
) -> None:
    remember(plugged, info=said(status))
    answer(plugged, status)
    assert error(present(plugged)) == "csms_rejected"
    assert names(plugged) == ["Authorize"]
    assert not is_authorized(plugged)


def test_TC_C_12_C10_FR_03_C12_FR_06_and_charges_when_the_CSMS_has_changed_its_mind(plugged: Bench) -> None:
    remember(plugged, info=said("Invalid"))
    result(present(plugged))
    assert names(plugged)[0] == "Authorize"
    anew(plugged)
    result(present(plugged))
    assert names(plugged)[0] == "TransactionEvent"  # it is known as Accepted now


def test_TC_C_57_with_DisablePostAuthorize_it_is_refused_at_once(plugged: Bench) -> None:
    remember(plugged, info=said("Invalid"))
    plugged.set("AuthCacheCtrlr.DisablePostAuthorize", True)
    plugged.forget()
    found = present(plugged)
    assert error(found) == "csms_rejected"
    assert found.error.details == {"status": "Invalid"}
    assert names(plugged) == []


@pytest.mark.parametrize("where", [[2], [1, 2]])
def test_C01_FR_21_the_cache_keeps_for_which_EVSEs_a_token_is(plugged: Bench, where: list[int]) -> None:
    remember(plugged, info=said(evseId=where))
    assert knows(plugged) == (1 in where)


def test_C12_FR_05_online_the_CSMS_is_asked_about_a_token_for_other_EVSEs(plugged: Bench) -> None:
    remember(plugged, info=said(evseId=[7]))
    answer(plugged)
    result(present(plugged))
    assert names(plugged)[0] == "Authorize"


# What it keeps (C10)


@pytest.mark.parametrize("status", ["Accepted", "Blocked", "ConcurrentTx", "NoCredit", "Unknown"])
def test_C10_FR_01_it_keeps_every_status(plugged: Bench, status: str) -> None:
    plugged.set(OFFLINE, True)  # so that only what is known to be bad is refused
    remember(plugged, info=said(status))
    assert knows(plugged) == (status == "Accepted")


def test_TC_C_34_C10_FR_05_C12_FR_06_it_learns_from_the_answer_to_a_transaction_event(
    plugged: Bench,
) -> None:
    remember(plugged)
    anew(plugged)
    plugged.answers["TransactionEvent"] = lambda it: (
        {"idTokenInfo": said("Invalid")} if "idToken" in it else {}
    )
    present(plugged)
    assert "Ended Deauthorized EVConnected" in plugged.story()
    anew(plugged)
    answer(plugged, "Invalid")
    present(plugged)
    assert names(plugged) == ["Authorize"]


def test_C15_FR_01_a_token_that_is_only_let_in_offline_is_not_learnt(plugged: Bench) -> None:
    plugged.set(OFFLINE, True)
    plugged.drop()
    result(present(plugged))
    present(plugged)
    assert value_of_storage(plugged) == 0
    plugged.reconnect()
    plugged.set(OFFLINE, False)
    assert not knows(plugged)


def value_of_storage(bench: Bench) -> int:
    return int(value_of(bench, "AuthCacheCtrlr", "Storage"))


@pytest.mark.parametrize("kind", ["NoAuthorization", "Central"])
def test_C02_FR_03_C03_FR_02_C05_FR_02_some_types_are_never_kept(plugged: Bench, kind: str) -> None:
    plugged.answers["TransactionEvent"] = {"idTokenInfo": said()}
    if kind == "Central":
        one = {"idToken": "C1", "type": kind}
        plugged.csms("RequestStartTransaction", {"idToken": one, "remoteStartId": 1, "evseId": 1})
    else:
        plugged.do("start")
    assert is_authorized(plugged)
    assert value_of_storage(plugged) == 0


def test_C04_FR_03_a_key_code_is_kept(plugged: Bench) -> None:
    code = {"idToken": "1234", "type": "KeyCode"}
    remember(plugged, code)
    assert knows(plugged, code)


def test_C01_FR_25_a_token_is_known_in_any_case_and_only_with_its_type(plugged: Bench) -> None:
    remember(plugged, {"idToken": "abcd", "type": "ISO14443"})
    assert knows(plugged, {"idToken": "ABCD", "type": "ISO14443"})
    assert not knows(plugged, {"idToken": "ABCD", "type": "ISO15693"})


def test_C10_FR_09_it_keeps_no_tariff(plugged: Bench) -> None:
    message = {"format": "UTF8", "content": "0.39 EUR a kWh"}
    remember(plugged, info=said(personalMessage=message))
    [entry] = (plugged.state.token_cache or {}).values()
    assert "0.39" not in entry


def test_C10_FR_12_it_does_not_tell_whose_tokens_it_keeps(plugged: Bench) -> None:
    remember(plugged, info=said(language1="en", chargingPriority=3))
    kept = str(plugged.state.token_cache)
    assert TOKEN.casefold() not in kept.casefold()


@pytest.mark.parametrize("how", ["reset", "power", "daemon"])
def test_TC_C_32_C10_FR_02_it_survives(plugged: Bench, how: str) -> None:
    remember(plugged)
    if how == "reset":
        plugged.csms("Reset", {"type": "Immediate"})
        plugged.advance(30)
    elif how == "power":
        plugged.do("power", "OFF")
        plugged.do("power", "ON")
    else:
        plugged.start_again(boots=True)
    plugged.reconnect()
    anew(plugged)
    result(present(plugged))
    assert names(plugged)[0] == "TransactionEvent"


# How long it keeps it (C10.FR.08, .10, .13)


def test_TC_C_46_C10_FR_08_C10_FR_10_after_LifeTime_the_token_is_asked_for_again(plugged: Bench) -> None:
    plugged.set("AuthCacheCtrlr.LifeTime", 60)
    remember(plugged)
    plugged.advance(59)
    assert knows(plugged)
    plugged.advance(2)
    assert not knows(plugged)
    plugged.forget()
    result(present(plugged))
    assert names(plugged)[0] == "Authorize"


def test_C10_FR_10_the_life_time_counts_from_the_latest_word(plugged: Bench) -> None:
    plugged.set("AuthCacheCtrlr.LifeTime", 60)
    plugged.set("AuthCtrlr.LocalPreAuthorize", False)
    remember(plugged)
    plugged.advance(50)
    remember(plugged)
    plugged.advance(50)
    assert knows(plugged)


def test_C10_FR_13_cacheExpiryDateTime_counts_instead_of_LifeTime(plugged: Bench) -> None:
    plugged.set("AuthCacheCtrlr.LifeTime", 60)
    until = format_time(plugged.clock.now + 3600)
    remember(plugged, info=said(cacheExpiryDateTime=until))
    plugged.advance(3599)
    assert knows(plugged)
    plugged.advance(2)
    assert not knows(plugged)


def test_C10_FR_10_C10_FR_13_a_cacheExpiryDateTime_in_the_past_takes_the_token_out(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.LocalPreAuthorize", False)
    remember(plugged)
    past = format_time(plugged.clock.now - 1)
    remember(plugged, info=said(cacheExpiryDateTime=past))
    assert value_of_storage(plugged) == 0
    assert not knows(plugged)


# How much it keeps (C10.FR.07)


def fill(bench: Bench, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        remember(bench, token(number))
        bench.advance(1)


def test_C10_FR_07_a_full_cache_gives_up_who_was_not_accepted_first(plugged: Bench) -> None:
    fill(plugged, c_cache.MOST - 1)
    remember(plugged, OTHER, said("Blocked"))
    remember(plugged, token(1000))
    assert len(plugged.state.token_cache or {}) == c_cache.MOST
    plugged.set(OFFLINE, True)
    assert knows(plugged, OTHER)  # nobody knows any more that it is blocked
    plugged.set(OFFLINE, False)
    assert knows(plugged, token(0))
    assert knows(plugged, token(1000))


@pytest.mark.parametrize(("policy", "victim"), [("LRU", 1), ("LFU", 2), ("FIFO", 0)])
def test_C10_FR_07_then_the_policy_decides(plugged: Bench, policy: str, victim: int) -> None:
    plugged.set("AuthCacheCtrlr.Policy", policy)
    fill(plugged, c_cache.MOST)
    for _ in range(2):
        present(plugged, token(1))  # often
        present(plugged, token(1))
    for number in (0, *range(3, c_cache.MOST)):
        plugged.advance(1)
        present(plugged, token(number))
        present(plugged, token(number))
    if policy == "LRU":
        present(plugged, token(2))
        present(plugged, token(2))
    remember(plugged, OTHER)
    known = [number for number in range(4) if knows(plugged, token(number))]
    assert known == [number for number in range(4) if number != victim]


def test_the_storage_is_told_and_bounded(plugged: Bench) -> None:
    assert value_of_storage(plugged) == 0
    long = {"idToken": "é" * 36, "type": "eMAID"}
    for number in range(c_cache.MOST):
        info = said(group="\x01" * 36, language1="\x01" * 8, language2="\x01" * 7 + "b", evseId=[1])
        remember(plugged, long | {"idToken": f"{number}".ljust(36, "é")}, info)
    assert 20_000 < value_of_storage(plugged) <= c_cache.MOST_BYTES


# Switching and clearing it (C10.FR.11, C11)


def test_C10_FR_11_switched_off_it_neither_knows_nor_learns(plugged: Bench) -> None:
    remember(plugged)
    plugged.set("AuthCacheCtrlr.Enabled", False)
    assert not knows(plugged)
    remember(plugged, OTHER)
    plugged.set("AuthCacheCtrlr.Enabled", True)
    assert knows(plugged)
    assert not knows(plugged, OTHER)


def test_TC_C_37_C11_FR_01_C11_FR_02_C11_FR_03_cleared_it_asks_again(plugged: Bench) -> None:
    remember(plugged)
    assert plugged.csms("ClearCache", {}) == {"status": "Accepted"}
    anew(plugged)
    result(present(plugged))
    assert names(plugged)[0] == "Authorize"


@pytest.mark.parametrize("off", ["Enabled", "Available"])
def test_TC_C_38_C11_FR_04_C11_FR_05_without_a_cache_there_is_nothing_to_clear(
    new_bench: NewBench, off: str
) -> None:
    bench = new_bench(with_presets(Hardware(), **{f"AuthCacheCtrlr__{off}": "false"}))
    assert bench.csms("ClearCache", {})["status"] == "Rejected"


def customer(bench: Bench, one: Json, *, clear: bool) -> str:
    """What the station tells of the customer whose token it is."""
    bench.forget()
    request: Json = {"requestId": 5, "report": True, "clear": clear, "idToken": one}
    assert bench.csms("CustomerInformation", request) == {"status": "Accepted"}
    return "".join(it["data"] for it in bench.sent("NotifyCustomerInformation"))


def test_N09_FR_05_N10_FR_01_a_customer_is_told_and_forgotten(plugged: Bench) -> None:
    remember(plugged, info=said(group="FLEET"))
    remember(plugged, OTHER)
    assert '{"cache":{"status":"Accepted"' in customer(plugged, ID_TOKEN, clear=False)
    assert "FLEET" in customer(plugged, ID_TOKEN, clear=True)
    assert customer(plugged, ID_TOKEN, clear=False) == ""
    assert not knows(plugged)
    assert knows(plugged, OTHER)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "x",
        "{}",
        "[1]",
        '["{}",1.0,1.0,1]',
        '["{\\"status\\":\\"Sure\\"}",1e12,1.0,1]',
        '["x",1e12,1e12,1]',
    ],
)
def test_what_a_state_file_says_wrongly_is_not_believed(plugged: Bench, wrong: str) -> None:
    remember(plugged)
    cache = plugged.state.token_cache
    assert cache is not None
    for key in cache:
        cache[key] = wrong
    assert not knows(plugged)
    remember(plugged)
    assert knows(plugged)


# The groups that it knows (C09), and the way back online (C15, E05)


def test_TC_C_41_C01_FR_03_C09_FR_07_a_known_token_of_the_group_stops_unasked(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.LocalPreAuthorize", False)
    remember(plugged, OTHER, said(group="FLEET"))
    answer(plugged, group="fleet")
    present(plugged)
    plugged.forget()
    result(present(plugged, OTHER))
    [(name, told)] = plugged.sent()
    assert (name, told["triggerReason"], told["idToken"]) == ("TransactionEvent", "StopAuthorized", OTHER)


def test_TC_C_44_C09_FR_11_but_not_where_it_is_known_as_invalid(plugged: Bench) -> None:
    remember(plugged, OTHER, said("Invalid", group="FLEET"))
    answer(plugged, group="FLEET")
    present(plugged)
    plugged.forget()
    answer(plugged, "Invalid", "FLEET")
    assert error(present(plugged, OTHER)) == "csms_rejected"
    assert names(plugged) == ["Authorize"]
    assert is_authorized(plugged)


def back_with_an_invalid_token(bench: Bench) -> None:
    """The driver started offline, by the cache; back online the CSMS does not accept the token."""
    remember(bench)
    anew(bench)
    bench.drop()
    result(present(bench))
    bench.advance(60)
    bench.answers["TransactionEvent"] = lambda it: {"idTokenInfo": said("Invalid")} if "idToken" in it else {}
    bench.reconnect()


def test_TC_C_16_C15_FR_02_C15_FR_04_back_online_an_invalid_token_ends_it(plugged: Bench) -> None:
    back_with_an_invalid_token(plugged)
    told = plugged.tx()
    assert told[0]["offline"] is True
    assert (told[-1]["triggerReason"], told[-1]["transactionInfo"]["stoppedReason"]) == (
        "Deauthorized",
        "DeAuthorized",
    )
    assert not is_authorized(plugged)


def test_TC_C_16_C15_FR_03_or_only_the_energy(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(BY_TOKEN, TxCtrlr__TxStopPoint="EVConnected"))
    bench.do("plug-in")
    back_with_an_invalid_token(bench)
    assert bench.story()[-1] == "Updated Deauthorized EVConnected"


def test_TC_C_17_C15_FR_06_without_StopTxOnInvalidId_it_is_suspended(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(BY_TOKEN, TxCtrlr__StopTxOnInvalidId="false"))
    bench.do("plug-in")
    back_with_an_invalid_token(bench)
    assert bench.story()[-1] == "Updated ChargingStateChanged SuspendedEVSE"


def test_C15_FR_05_the_cable_stays_locked_until_its_owner_comes_back(new_bench: NewBench) -> None:
    socket = Hardware(evses=(Evse(connectors=(Connector("sType2"),)),))
    bench = new_bench(with_presets(socket, **POINTS))
    bench.do("plug-in")
    back_with_an_invalid_token(bench)
    assert bench.story()[-1] == "Ended Deauthorized EVConnected"
    assert bench.state.evses[0].connectors[0].locked
    assert present(bench, OTHER).error is not None
    assert bench.state.evses[0].connectors[0].locked
    result(present(bench))
    assert not bench.state.evses[0].connectors[0].locked
    assert not is_authorized(bench)


def test_TC_C_15_C15_FR_07_up_to_MaxEnergyOnInvalidId_it_goes_on(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(BY_TOKEN, TxCtrlr__StopTxOnInvalidId="false"))
    bench.set("TxCtrlr.MaxEnergyOnInvalidId", 2000)
    bench.do("plug-in")
    back_with_an_invalid_token(bench)
    told = bench.story()
    assert not any("Deauthorized" in it or "SuspendedEVSE" in it for it in told)
    assert is_authorized(bench)
    bench.advance(3600)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEVSE"]
    used = bench.state.evses[0].meter.energy_wh
    assert 1990 < used < 2010


def test_TC_C_18_C15_FR_04_with_StopTxOnInvalidId_MaxEnergyOnInvalidId_does_not_count(plugged: Bench) -> None:
    plugged.set("TxCtrlr.MaxEnergyOnInvalidId", 2000)
    back_with_an_invalid_token(plugged)
    assert plugged.story()[-1] == "Ended Deauthorized EVConnected"


def test_C12_FR_06_back_online_the_cache_knows_better(plugged: Bench) -> None:
    back_with_an_invalid_token(plugged)
    anew(plugged)
    assert not knows(plugged)


def test_C13_FR_02_offline_without_LocalAuthorizeOffline_the_cache_does_not_count(plugged: Bench) -> None:
    remember(plugged)
    plugged.set("AuthCtrlr.LocalAuthorizeOffline", False)
    assert not knows(plugged)
    plugged.set(OFFLINE, True)
    assert knows(plugged)  # no worse than somebody unknown


def test_TC_E_52_with_DisableRemoteAuthorization_the_cache_alone_decides(plugged: Bench) -> None:
    for name, value in (("LocalPreAuthorize", False), ("DisableRemoteAuthorization", True)):
        remember(plugged)
        plugged.set(f"AuthCtrlr.{name}", value)
    anew(plugged)
    result(present(plugged))
    assert names(plugged)[0] == "TransactionEvent"


def test_F01_FR_01_a_known_token_of_a_remote_start_is_not_asked_for(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.AuthorizeRemoteStart", True)
    remember(plugged)
    anew(plugged)
    request: Any = {"idToken": ID_TOKEN, "remoteStartId": 4, "evseId": 1}
    assert plugged.csms("RequestStartTransaction", request)["status"] == "Accepted"
    told = plugged.sent()
    assert told[0][0] == "TransactionEvent"
    assert told[0][1]["transactionInfo"]["remoteStartId"] == 4
