"""C16: a master pass ends what others have begun, and begins nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ocppd.core.description import Connector, Evse, Hardware
from tests.bench import Bench, with_presets
from tests.blocks.tokens import (
    ID_TOKEN,
    OTHER,
    POINTS,
    TWO_BY_TOKEN,
    answer,
    error,
    is_authorized,
    names,
    present,
    remember,
    result,
    said,
    send_list,
)

NewBench = Callable[..., Bench]
PASS = {"idToken": "P0L1CE", "type": "ISO14443"}
GROUP = "MASTER"
WITH_PASS = with_presets(TWO_BY_TOKEN, AuthCtrlr__MasterPassGroupId=GROUP)


@pytest.fixture
def charging(new_bench: NewBench) -> Bench:
    """Two drivers charge, and the CSMS knows the master pass."""
    bench = new_bench(WITH_PASS)
    for evse, token in ((1, ID_TOKEN), (2, OTHER)):
        bench.do("plug-in", evse=evse)
        result(present(bench, token, evse=evse))
    answer(bench, group="master")
    bench.forget()
    return bench


def stopped(bench: Bench) -> list[Any]:
    return [
        (it["triggerReason"], it["transactionInfo"]["stoppedReason"], it["idToken"])
        for it in bench.tx()
        if it["eventType"] == "Ended"
    ]


@pytest.mark.parametrize("choice", [{}, {"stops": "all"}])
def test_TC_C_47_TC_C_49_C16_FR_02_C16_FR_07_it_stops_all_transactions(charging: Bench, choice: Any) -> None:
    ids = [evse.transaction.id for evse in charging.state.evses if evse.transaction]
    assert result(present(charging, PASS, evse=1, **choice))["stopped"] == ids
    assert stopped(charging) == [("StopAuthorized", "MasterPass", PASS)] * 2
    assert not is_authorized(charging, 1)
    assert not is_authorized(charging, 2)


def test_TC_C_48_C16_FR_01_C16_FR_07_or_the_one_that_is_chosen(charging: Bench) -> None:
    result(present(charging, PASS, evse=1, stops="evse"))
    assert stopped(charging) == [("StopAuthorized", "MasterPass", PASS)]
    assert not is_authorized(charging, 1)
    assert is_authorized(charging, 2)


def test_C16_FR_01_the_choice_is_kept_while_the_CSMS_is_asked(charging: Bench) -> None:
    charging.silent.add("Authorize")
    assert present(charging, PASS, evse=2, stops="evse") is None
    asked = charging.frames[-1][1]
    charging.receive([3, asked, {"idTokenInfo": said(group=GROUP)}])
    charging.settle()
    assert [is_authorized(charging, evse) for evse in (1, 2)] == [True, False]


def test_C16_FR_02_also_at_an_EVSE_where_nobody_could_charge(charging: Bench) -> None:
    charging.do("unplug", evse=1)
    charging.do("fault", evse=1, connector=1, code="GroundFault")
    result(present(charging, PASS, evse=1))
    assert not is_authorized(charging, 2)


def test_TC_C_45_C16_FR_03_C12_FR_09_it_starts_nothing(new_bench: NewBench) -> None:
    bench = new_bench(WITH_PASS)
    answer(bench, group=GROUP)
    assert error(present(bench, PASS, evse=1)) == "invalid_state"
    bench.do("plug-in", evse=1)
    assert names(bench)[0] == "Authorize"
    assert not is_authorized(bench)
    assert bench.state.evses[0].transaction is None


@pytest.mark.parametrize("known", ["cache", "list"])
def test_TC_C_14_C12_FR_09_C16_FR_04_C16_FR_05_it_may_be_known_already(charging: Bench, known: str) -> None:
    charging.set("AuthCtrlr.LocalPreAuthorize", True)
    if known == "list":
        send_list(charging, (PASS, said(group=GROUP)))
    else:
        charging.set("AuthCtrlr.MasterPassGroupId", "another")
        remember(charging, PASS, said(group=GROUP))
        charging.set("AuthCtrlr.MasterPassGroupId", GROUP)
    charging.forget()
    result(present(charging, PASS, evse=2))
    assert names(charging) == ["TransactionEvent"] * 2


def test_C16_FR_05_also_offline(charging: Bench) -> None:
    send_list(charging, (PASS, said(group=GROUP)))
    charging.drop()
    result(present(charging, PASS, evse=2))
    assert not is_authorized(charging, 1)


def test_C16_FR_03_known_from_the_cache_it_starts_nothing_either(new_bench: NewBench) -> None:
    bench = new_bench(with_presets(WITH_PASS, AuthCtrlr__LocalPreAuthorize="true"))
    send_list(bench, (PASS, said(group=GROUP)))
    bench.drop()
    assert error(present(bench, PASS, evse=1)) == "invalid_state"
    assert not is_authorized(bench)


@pytest.mark.parametrize("info", [said("Blocked", group=GROUP), said(), said(group="OTHERS")])
def test_C16_FR_02_no_other_token_stops_them(charging: Bench, info: Any) -> None:
    charging.answers["Authorize"] = {"idTokenInfo": info}
    assert present(charging, PASS, evse=1).error is not None
    assert is_authorized(charging, 1)
    assert is_authorized(charging, 2)


def test_C16_FR_02_without_MasterPassGroupId_there_is_no_master_pass(charging: Bench) -> None:
    charging.set("AuthCtrlr.MasterPassGroupId", "")
    assert error(present(charging, PASS, evse=1)) == "invalid_state"
    answer(charging, group="")
    assert error(present(charging, PASS, evse=1)) == "invalid_state"
    assert is_authorized(charging, 1)


def test_C16_FR_03_nor_does_a_remote_start_with_one(new_bench: NewBench) -> None:
    bench = new_bench(WITH_PASS)
    request = {
        "idToken": PASS,
        "remoteStartId": 1,
        "evseId": 1,
        "groupIdToken": {"idToken": GROUP, "type": "Central"},
    }
    assert bench.csms("RequestStartTransaction", request)["status"] == "Rejected"
    bench.set("AuthCtrlr.AuthorizeRemoteStart", True)
    answer(bench, group=GROUP)
    del request["groupIdToken"]
    bench.csms("RequestStartTransaction", request)
    assert not is_authorized(bench)
    assert [it.data["message"] for it in bench.happened_since("warning")] != []


def test_C16_FR_02_an_EVSE_where_nobody_is_authorized_is_left_alone(new_bench: NewBench) -> None:
    bench = new_bench(
        with_presets(WITH_PASS, TxCtrlr__TxStartPoint="EVConnected", TxCtrlr__TxStopPoint="EVConnected")
    )
    for evse in (1, 2):
        bench.do("plug-in", evse=evse)
    result(present(bench, evse=1))
    answer(bench, group=GROUP)
    bench.forget()
    result(present(bench, PASS, evse=1))
    assert bench.story() == ["Updated StopAuthorized EVConnected"]
    answer(bench)
    result(present(bench, OTHER, evse=2))


def test_C16_FR_02_a_cable_that_is_held_for_somebody_is_let_go(new_bench: NewBench) -> None:
    socket = Hardware(evses=(Evse(connectors=(Connector("sType2"),)),))
    bench = new_bench(with_presets(socket, **POINTS, AuthCtrlr__MasterPassGroupId=GROUP))
    bench.do("plug-in")
    bench.answers["TransactionEvent"] = lambda it: {"idTokenInfo": said("Invalid")} if "idToken" in it else {}
    present(bench)
    plug = bench.state.evses[0].connectors[0]
    assert plug.locked  # until the owner comes back (C15.FR.05)
    answer(bench, group=GROUP)
    assert result(present(bench, PASS))["stopped"] == []
    assert not bench.state.evses[0].connectors[0].locked
    assert error(present(bench, PASS)) == "invalid_state"
