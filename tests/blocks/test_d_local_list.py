"""D01, D02: the local list as the CSMS sends it; C13, C14: what its word is worth, offline and online."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.blocks import d_local_list
from ocppd.core.description import Hardware
from ocppd.core.times import format_time
from tests.bench import Bench, Json, bugs_raise, with_presets
from tests.blocks.device_model import value_of
from tests.blocks.tokens import (
    BY_TOKEN,
    ID_TOKEN,
    OTHER,
    STARTS,
    answer,
    error,
    is_authorized,
    names,
    present,
    remember,
    result,
    said,
    send_list,
    version,
)

NewBench = Callable[..., Bench]
ACCEPTED = {"status": "Accepted"}
OFFLINE = "AuthCtrlr.OfflineTxForUnknownIdEnabled"


@pytest.fixture
def plugged(new_bench: NewBench) -> Bench:
    """A car waits, and what the station knows of its driver is enough."""
    bench = new_bench(with_presets(BY_TOKEN, AuthCtrlr__LocalPreAuthorize="true"))
    bench.do("plug-in")
    bench.forget()
    return bench


def token(number: int) -> Json:
    return {"idToken": f"T{number}", "type": "ISO14443"}


def entries(bench: Bench) -> int:
    return int(value_of(bench, "LocalAuthListCtrlr", "Entries"))


def charges_offline(bench: Bench, one: Json = ID_TOKEN) -> bool:
    """Whether the token charges without the CSMS; it does not stay there."""
    bench.drop()
    found = present(bench, one)
    if is_authorized(bench):
        present(bench, one)
    bench.reconnect()
    return found is not None and found.error is None


# SendLocalList (D01)


def test_TC_D_01_TC_D_08_D01_FR_01_D01_FR_02_D01_FR_15_D02_FR_01_a_full_list_replaces_the_old_one(
    bench: Bench,
) -> None:
    assert send_list(bench, (ID_TOKEN, said()), version=5) == ACCEPTED
    assert version(bench) == 5
    assert send_list(bench, (OTHER, said()), version=3) == ACCEPTED  # which need not be newer
    assert version(bench) == 3
    assert charges_offline(bench, OTHER)
    assert not charges_offline(bench)


def test_TC_D_02_D01_FR_16_a_differential_one_adds_and_changes(bench: Bench) -> None:
    send_list(bench, (ID_TOKEN, said()))
    changes = ((ID_TOKEN, said("Blocked")), (OTHER, said()))
    assert send_list(bench, *changes, version=2, full=False) == ACCEPTED
    assert version(bench) == 2
    assert entries(bench) == 2
    assert charges_offline(bench, OTHER)
    assert not charges_offline(bench)


def test_TC_D_03_D01_FR_17_and_removes_what_comes_without_info(bench: Bench) -> None:
    send_list(bench, (ID_TOKEN, said()), (OTHER, said()))
    assert send_list(bench, (ID_TOKEN, None), (token(1), None), version=2, full=False) == ACCEPTED
    assert (version(bench), entries(bench)) == (2, 1)
    assert not charges_offline(bench)
    assert charges_offline(bench, OTHER)


def test_TC_D_04_D01_FR_04_a_full_one_without_entries_empties_it(bench: Bench) -> None:
    send_list(bench, (ID_TOKEN, said()))
    assert send_list(bench, version=9) == ACCEPTED
    assert (version(bench), entries(bench)) == (9, 0)
    assert not charges_offline(bench)


def test_TC_D_05_D01_FR_05_a_differential_one_without_entries_counts_the_version_alone(bench: Bench) -> None:
    send_list(bench, (ID_TOKEN, said()))
    assert send_list(bench, version=2, full=False) == ACCEPTED
    assert (version(bench), entries(bench)) == (2, 1)


@pytest.mark.parametrize("number", [4, 5])
def test_TC_D_06_D01_FR_19_a_differential_one_must_be_newer(bench: Bench, number: int) -> None:
    send_list(bench, (ID_TOKEN, said()), version=5)
    assert send_list(bench, (ID_TOKEN, None), version=number, full=False) == {"status": "VersionMismatch"}
    assert (version(bench), entries(bench)) == (5, 1)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("number", [0, -1, 2**31, -(2**62)])
def test_D01_FR_18_a_version_is_a_positive_number(bench: Bench, number: int, full: bool) -> None:
    assert send_list(bench, (ID_TOKEN, said()), version=number, full=full)["status"] == "Failed"
    assert (version(bench), entries(bench)) == (0, 0)


@pytest.mark.parametrize("full", [True, False])
def test_D01_FR_06_a_token_that_comes_twice_is_refused_and_changes_nothing(bench: Bench, full: bool) -> None:
    send_list(bench, (ID_TOKEN, said()))
    twice = {"idToken": ID_TOKEN["idToken"].lower(), "type": "ISO14443"}
    response = send_list(bench, (ID_TOKEN, said("Blocked")), (twice, said()), version=2, full=full)
    assert response["status"] == "Failed"
    assert version(bench) == 1
    assert charges_offline(bench)


def test_D01_FR_06_the_same_text_with_another_type_is_another_token(bench: Bench) -> None:
    assert send_list(bench, (ID_TOKEN, said()), (ID_TOKEN | {"type": "Local"}, said())) == ACCEPTED
    assert entries(bench) == 2


def test_D01_FR_15_a_full_list_must_say_what_is_to_be_thought_of_each(bench: Bench) -> None:
    assert send_list(bench, (ID_TOKEN, said()), (OTHER, None))["status"] == "Failed"
    assert version(bench) == 0


def test_D01_FR_11_what_is_too_much_for_one_message_is_refused(bench: Bench) -> None:
    most = int(value_of(bench, "LocalAuthListCtrlr", "ItemsPerMessage"))
    response = send_list(bench, *((token(it), said()) for it in range(most + 1)))
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Failed", "TooManyElements")
    message = {"format": "UTF8", "content": "x" * 512}
    response = send_list(
        bench,
        *(
            (token(it), said(personalMessage=message, customData={"vendorId": "x" * 255}))
            for it in range(most)
        ),
    )
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Failed", "TooLargeElement")
    assert send_list(bench, *((token(it), said()) for it in range(most))) == ACCEPTED


def test_D01_FR_12_the_entries_are_counted_and_bounded(bench: Bench) -> None:
    for number in range(10):
        part = [(token(number * 100 + it), said()) for it in range(100)]
        assert send_list(bench, *part, version=number + 1, full=False) == ACCEPTED
    assert entries(bench) == d_local_list.MOST
    response = send_list(bench, (OTHER, said()), version=11, full=False)
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Failed", "OutOfStorage")
    assert (version(bench), entries(bench)) == (10, d_local_list.MOST)
    swap = ((OTHER, said()), (token(0), None))
    assert send_list(bench, *swap, version=11, full=False) == ACCEPTED


def test_D01_FR_12_and_so_are_their_bytes(bench: Bench) -> None:
    message = {"format": "UTF8", "content": "x" * 512}
    status, number = "Accepted", 0
    while status == "Accepted":
        part = [(token(number * 50 + it), said(personalMessage=message)) for it in range(50)]
        number += 1
        status = send_list(bench, *part, version=number, full=False)["status"]
    assert status == "Failed"
    used = int(value_of(bench, "LocalAuthListCtrlr", "Storage"))
    assert 400_000 < used <= d_local_list.MOST_BYTES


@pytest.mark.parametrize("off", ["Enabled", "Available"])
def test_TC_D_10_D01_FR_13_D02_FR_03_switched_off_there_is_no_list(new_bench: NewBench, off: str) -> None:
    bench = new_bench(with_presets(Hardware(), **{f"LocalAuthListCtrlr__{off}": "false"}))
    assert version(bench) == 0
    assert send_list(bench, (ID_TOKEN, said()))["status"] == "Failed"
    assert not charges_offline(bench)


def test_D01_FR_13_D02_FR_03_switched_off_later_it_is_kept_and_not_used(bench: Bench) -> None:
    send_list(bench, (ID_TOKEN, said()), version=4)
    bench.set("LocalAuthListCtrlr.Enabled", False)
    assert version(bench) == 0
    assert not charges_offline(bench)
    bench.set("LocalAuthListCtrlr.Enabled", True)
    assert version(bench) == 4
    assert charges_offline(bench)


def test_D02_FR_02_before_the_first_list_the_version_is_0(bench: Bench) -> None:
    assert version(bench) == 0


@pytest.mark.parametrize("how", ["reset", "power", "daemon"])
def test_TC_D_07_D01_FR_10_it_survives(bench: Bench, how: str) -> None:
    send_list(bench, (ID_TOKEN, said()), version=6)
    if how == "reset":
        bench.csms("Reset", {"type": "Immediate"})
        bench.advance(30)
    elif how == "power":
        bench.do("power", "OFF")
        bench.do("power", "ON")
    else:
        bench.start_again(boots=True)
    bench.reconnect()
    assert version(bench) == 6
    assert charges_offline(bench)


def test_D01_FR_09_nothing_else_changes_the_list(plugged: Bench) -> None:
    send_list(plugged, (ID_TOKEN, said("Invalid")), (OTHER, said()), version=6)
    answer(plugged)
    present(plugged)
    present(plugged)
    plugged.csms("ClearCache", {})
    plugged.forget()
    clear: Json = {"requestId": 5, "report": True, "clear": True, "idToken": OTHER}
    assert plugged.csms("CustomerInformation", clear) == {"status": "Accepted"}
    [told] = plugged.sent("NotifyCustomerInformation")
    assert told["data"] == '{"localList":{"status":"Accepted"}}'
    assert (version(plugged), entries(plugged)) == (6, 2)
    assert charges_offline(plugged, OTHER)
    assert not charges_offline(plugged)


def test_the_list_does_not_show_its_tokens(bench: Bench) -> None:
    send_list(bench, (ID_TOKEN, said()))
    assert ID_TOKEN["idToken"].casefold() not in str(bench.state.local_list).casefold()


CHANGES = some.lists(
    some.tuples(
        some.booleans(),
        some.integers(-1, 6),
        some.lists(
            some.tuples(some.integers(0, 5), some.sampled_from(["Accepted", "Blocked", None])), max_size=5
        ),
    ),
    max_size=8,
)


@given(CHANGES)
def test_D01_FR_02_any_sequence_of_updates_leaves_what_it_should(changes: Any) -> None:
    """Against a dictionary that does the same."""
    with bugs_raise():
        bench = Bench()
        wanted: dict[int, str] = {}
        number = 0
        for full, new, items in changes:
            told = [(token(it), said(status) if status else None) for it, status in items]
            response = send_list(bench, *told, version=new, full=full)
            is_double = len({it for it, _ in items}) < len(items)
            fails = new < 1 or is_double or (full and any(status is None for _, status in items))
            if new >= 1 and not full and new <= number:
                assert response["status"] == "VersionMismatch"
            elif fails:
                assert response["status"] == "Failed"
            else:
                assert response == ACCEPTED
                number, kept = new, {} if full else wanted
                wanted = {it: status for it, status in (kept | dict(items)).items() if status}
            assert (version(bench), entries(bench)) == (number, len(wanted))
        for it in range(6):
            info = d_local_list.known_about(bench.station, token(it))
            assert (info or {}).get("status") == wanted.get(it)


# Offline (C13)


def test_TC_C_21_C13_FR_02_C13_FR_03_C13_FR_05_offline_a_token_of_the_list_charges(plugged: Bench) -> None:
    send_list(plugged, (ID_TOKEN, said()))
    plugged.drop()
    result(present(plugged))
    result(present(plugged))
    assert error(present(plugged, OTHER)) == "not_connected"
    plugged.reconnect()
    told = plugged.tx()
    assert [it["triggerReason"] for it in told] == ["Authorized", "ChargingStateChanged", "StopAuthorized"]
    assert all(it["offline"] for it in told)


@pytest.mark.parametrize("unknown", [True, False])
@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_TC_C_22_TC_C_23_TC_C_24_C13_FR_02_C13_FR_04_offline_who_is_listed_as_refused_is_refused(
    plugged: Bench, status: str, unknown: bool
) -> None:
    plugged.set(OFFLINE, unknown)
    send_list(plugged, (ID_TOKEN, said(status)))
    plugged.drop()
    found = present(plugged)
    assert error(found) == "csms_rejected"
    assert found.error.details == {"status": status}
    plugged.reconnect()
    assert plugged.tx() == []


def test_TC_C_25_C13_FR_01_the_list_goes_before_the_cache(plugged: Bench) -> None:
    remember(plugged)
    assert charges_offline(plugged)
    send_list(plugged, (ID_TOKEN, said("Invalid")))
    assert not charges_offline(plugged)
    remember(plugged, OTHER, said("Invalid"))
    send_list(plugged, (OTHER, said()))
    assert charges_offline(plugged, OTHER)


def test_C13_FR_04_C13_FR_06_offline_unknown_tokens_charge_beside_those_of_the_list(plugged: Bench) -> None:
    plugged.set(OFFLINE, True)
    send_list(plugged, (ID_TOKEN, said()))
    assert charges_offline(plugged)
    assert charges_offline(plugged, OTHER)


@pytest.mark.parametrize("store", ["list", "cache"])
def test_C13_FR_05_C10_FR_13_it_expires_by_the_clock_that_the_CSMS_has_set(
    plugged: Bench, store: str
) -> None:
    plugged.set("AuthCtrlr.LocalPreAuthorize", False)
    info = said(cacheExpiryDateTime=format_time(plugged.clock.now + 1800))
    if store == "list":
        send_list(plugged, (ID_TOKEN, info))
    else:
        remember(plugged, info=info)
    assert charges_offline(plugged)
    plugged.answers["Heartbeat"] = {"currentTime": format_time(plugged.clock.now + 3600)}
    plugged.do("heartbeat")
    assert not charges_offline(plugged)


@pytest.mark.parametrize("unknown", [True, False])
def test_C13_FR_05_C13_FR_06_offline_a_listed_token_expires(plugged: Bench, unknown: bool) -> None:
    plugged.set(OFFLINE, unknown)
    until = format_time(plugged.clock.now + 60)
    send_list(plugged, (ID_TOKEN, said(cacheExpiryDateTime=until)))
    assert charges_offline(plugged)
    plugged.advance(61)
    assert not charges_offline(plugged)


def test_C13_FR_02_C13_FR_04_without_SupportsExpiryDateTime_it_does_not(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(BY_TOKEN, LocalAuthListCtrlr__SupportsExpiryDateTime="false"))
    send_list(bench, (ID_TOKEN, said(cacheExpiryDateTime=format_time(bench.clock.now - 60))))
    assert charges_offline(bench)


def test_C13_FR_02_offline_without_LocalAuthorizeOffline_the_list_does_not_count(plugged: Bench) -> None:
    plugged.set("AuthCtrlr.LocalAuthorizeOffline", False)
    send_list(plugged, (ID_TOKEN, said()), (OTHER, said("Blocked")))
    assert not charges_offline(plugged)
    plugged.set(OFFLINE, True)
    assert charges_offline(plugged)
    assert not charges_offline(plugged, OTHER)


# Online (C14)


def test_TC_C_27_C14_FR_02_C14_FR_04_online_a_listed_token_is_not_asked_for(plugged: Bench) -> None:
    until = format_time(plugged.clock.now + 60)
    send_list(plugged, (ID_TOKEN, said(cacheExpiryDateTime=until)))
    result(present(plugged))
    [first, second] = plugged.sent()
    assert (first[0], first[1]["triggerReason"], first[1]["idToken"]) == (
        "TransactionEvent",
        "Authorized",
        ID_TOKEN,
    )
    assert second[1]["transactionInfo"]["chargingState"] == "Charging"


def test_C14_FR_02_without_SupportsExpiryDateTime_however_old(new_bench: NewBench) -> None:
    presets = {
        "LocalAuthListCtrlr__SupportsExpiryDateTime": "false",
        "AuthCtrlr__LocalPreAuthorize": "true",
    }
    bench = new_bench(with_presets(BY_TOKEN, **presets))
    bench.do("plug-in")
    send_list(bench, (ID_TOKEN, said(cacheExpiryDateTime=format_time(bench.clock.now - 60))))
    bench.forget()
    result(present(bench))
    assert bench.story() == STARTS


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_TC_C_28_TC_C_29_TC_C_30_C14_FR_03_online_who_is_listed_as_refused_is_asked_for(
    plugged: Bench, status: str
) -> None:
    send_list(plugged, (ID_TOKEN, said(status)))
    answer(plugged, status)
    assert error(present(plugged)) == "csms_rejected"
    assert names(plugged) == ["Authorize"]


def test_TC_C_31_C14_FR_03_and_charges_if_the_CSMS_says_so(plugged: Bench) -> None:
    send_list(plugged, (ID_TOKEN, said("Invalid")))
    result(present(plugged))
    assert names(plugged) == ["Authorize", "TransactionEvent", "TransactionEvent"]


def test_TC_C_58_with_DisablePostAuthorize_nobody_is_asked(plugged: Bench) -> None:
    send_list(plugged, (ID_TOKEN, said("Invalid")))
    plugged.set("LocalAuthListCtrlr.DisablePostAuthorize", True)
    plugged.forget()
    assert error(present(plugged)) == "csms_rejected"
    assert names(plugged) == []


@pytest.mark.parametrize("post", [True, False])
def test_C14_FR_05_online_an_expired_one_is_asked_for(plugged: Bench, post: bool) -> None:
    plugged.set("LocalAuthListCtrlr.DisablePostAuthorize", not post)
    remember(plugged)  # the cache would know better
    send_list(plugged, (ID_TOKEN, said(cacheExpiryDateTime=format_time(plugged.clock.now - 60))))
    plugged.forget()
    result(present(plugged))
    assert names(plugged)[0] == "Authorize"


def test_C14_FR_01_online_the_list_goes_before_the_cache(plugged: Bench) -> None:
    remember(plugged)
    send_list(plugged, (ID_TOKEN, said("Invalid")))
    answer(plugged, "Invalid")
    assert error(present(plugged)) == "csms_rejected"
    assert names(plugged) == ["Authorize"]


def test_TC_C_40_C01_FR_03_C09_FR_04_C09_FR_07_a_listed_token_of_the_group_stops_unasked(
    plugged: Bench,
) -> None:
    send_list(plugged, (ID_TOKEN, said(group="FLEET")), (OTHER, said(group="FLEET")))
    result(present(plugged))
    plugged.forget()
    result(present(plugged, OTHER))
    [(name, told)] = plugged.sent()
    assert (name, told["triggerReason"], told["idToken"]) == ("TransactionEvent", "StopAuthorized", OTHER)


def test_TC_C_43_C09_FR_11_but_not_where_it_is_listed_as_invalid(plugged: Bench) -> None:
    send_list(plugged, (ID_TOKEN, said(group="FLEET")), (OTHER, said("Invalid", group="FLEET")))
    present(plugged)
    plugged.forget()
    answer(plugged, "Invalid", "FLEET")
    assert error(present(plugged, OTHER)) == "csms_rejected"
    assert names(plugged) == ["Authorize"]
    assert is_authorized(plugged)


def test_C01_FR_21_a_listed_token_charges_at_its_EVSEs_only(plugged: Bench) -> None:
    send_list(plugged, (ID_TOKEN, said(evseId=[2])), (OTHER, said(evseId=[1])))
    assert not charges_offline(plugged)
    assert charges_offline(plugged, OTHER)
