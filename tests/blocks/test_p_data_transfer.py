"""P. DataTransfer: what OCPP has no message for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.blocks.p_data_transfer import LONGEST_DATA, MOST_ANSWERS
from ocppd.core.description import DataTransferAnswer, Hardware
from ocppd.core.errors import CallError
from ocppd.log import mask
from tests.bench import Bench, Json, bugs_raise
from tests.blocks.device_model import get, item, put

NewBench = Callable[..., Bench]

ACME = Hardware(
    data_transfers=(
        DataTransferAnswer("com.acme", "hello", "Accepted", '{"back": [1, null]}'),
        DataTransferAnswer("com.acme", "no", "Rejected"),
        DataTransferAnswer("org.all"),
        DataTransferAnswer("org.all", "special", "Rejected"),
    )
)


def ask(bench: Bench, vendor: str, message: str | None = None, **more: Any) -> Json:
    """The answer to a DataTransfer."""
    name = {} if message is None else {"messageId": message}
    return bench.csms("DataTransfer", {"vendorId": vendor, **name, **more})


def agree(bench: Bench, vendor: str, message: str | None = None, **more: Any) -> str:
    """Tell the station an answer; what came of it: `changed`, `unchanged`, or the code of the error."""
    answer = bench.do("answer-data-transfer", vendor_id=vendor, message_id=message, **more)
    assert answer is not None
    if answer.error is not None:
        return answer.error.code
    assert answer.done is not None
    return "changed" if answer.done.changed else "unchanged"


def result(answer: Any) -> Any:
    assert answer.done is not None, answer
    return answer.done.result


# To the station


@pytest.mark.parametrize(
    "request_",
    [
        {"vendorId": "acme"},
        {"vendorId": "acme", "messageId": "hello", "data": "text"},
        {"vendorId": "acme", "data": {"any": [1, None, 1.5]}},
    ],
)
def test_TC_P_01_P01_FR_05_no_vendor_is_known(bench: Bench, request_: Json) -> None:
    assert bench.csms("DataTransfer", request_) == {"status": "UnknownVendorId"}


def test_TC_P_01_P01_FR_06_another_message_of_a_known_vendor(new_bench: NewBench) -> None:
    bench = new_bench(ACME)
    assert ask(bench, "com.acme", "other") == {"status": "UnknownMessageId"}
    assert ask(bench, "com.acme") == {"status": "UnknownMessageId"}


def test_P01_FR_02_P01_FR_03_P01_FR_07_what_was_agreed_is_answered(new_bench: NewBench) -> None:
    bench = new_bench(ACME)
    assert ask(bench, "com.acme", "hello") == {"status": "Accepted", "data": {"back": [1, None]}}
    assert ask(bench, "com.acme", "no") == {"status": "Rejected"}
    assert ask(bench, "org.all") == {"status": "Accepted"}
    assert ask(bench, "org.all", "anything") == {"status": "Accepted"}
    assert ask(bench, "org.all", "special") == {"status": "Rejected"}


def test_a_command_says_more_lately_than_the_configuration(new_bench: NewBench) -> None:
    bench = new_bench(ACME)
    assert agree(bench, "com.acme", "no", data=7) == "changed"
    assert agree(bench, "com.acme", "no", data=7) == "unchanged"
    assert ask(bench, "com.acme", "no") == {"status": "Accepted", "data": 7}
    assert ask(bench, "com.acme", "hello")["status"] == "Accepted"
    assert agree(bench, "org.all", status="UnknownVendorId") == "changed"
    assert ask(bench, "org.all", "x") == {"status": "UnknownVendorId"}
    assert ask(bench, "org.all", "special") == {"status": "Rejected"}
    bench.start_again()
    assert ask(bench, "com.acme", "no") == {"status": "Accepted", "data": 7}
    assert agree(bench, "com.acme", "no", status=None) == "changed"
    assert agree(bench, "com.acme", "no", status=None) == "unchanged"
    assert ask(bench, "com.acme", "no") == {"status": "Rejected"}


def test_there_is_a_bound_to_what_is_kept(bench: Bench) -> None:
    for number in range(MOST_ANSWERS):
        assert agree(bench, "v", f"m{number}") == "changed"
    assert agree(bench, "v", "one more") == "invalid_state"
    assert agree(bench, "v", "m3", status="Rejected") == "changed"
    assert len(bench.state.data_transfers) == MOST_ANSWERS
    assert agree(bench, "v", "m3", data="x" * LONGEST_DATA) == "invalid_argument"
    assert ask(bench, "v", "m3") == {"status": "Rejected"}


@pytest.mark.parametrize("wrong", [{"vendor_id": ""}, {"status": "Maybe"}, {"message_id": "x" * 51}])
def test_what_is_no_answer_is_refused(bench: Bench, wrong: Json) -> None:
    answer = bench.do("answer-data-transfer", **({"vendor_id": "v"} | wrong))
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "invalid_argument"


def test_P01_FR_04_those_who_listen_are_told_what_came(new_bench: NewBench) -> None:
    bench = new_bench(ACME)
    ask(bench, "com.acme", "hello", data={"a": [1]})
    ask(bench, "none", data="x" * LONGEST_DATA)
    first, second = (it.data for it in bench.happened_since("data_transfer"))
    assert first == {
        "vendor_id": "com.acme",
        "message_id": "hello",
        "status": "Accepted",
        "data": {"a": [1]},
        "too_long": False,
    }
    assert (second["status"], second["data"], second["too_long"]) == ("UnknownVendorId", None, True)
    assert all(it.is_public for it in bench.happened_since("data_transfer"))
    assert "***" in mask(None, "debug", dict(first)).values()


def test_a_DataTransfer_without_a_vendor_is_refused(bench: Bench) -> None:
    assert bench.csms("DataTransfer", {"data": 1})["error"] == "OccurrenceConstraintViolation"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(sent=_JSON, kept=_JSON)
@settings(max_examples=50, deadline=None)
def test_any_data_comes_through(sent: Any, kept: Any) -> None:
    with bugs_raise():
        bench = Bench()
        assert agree(bench, "v", data=kept) == "changed"
        answer = ask(bench, "v", data=sent)
        assert answer.get("data") == kept
        assert bench.happened_since("data_transfer")[0].data["data"] == sent
        bench.answers["DataTransfer"] = {"status": "Accepted", "data": sent}
        assert result(bench.do("data-transfer", vendor_id="v", data=kept))["data"] == sent
        assert bench.sent("DataTransfer")[0].get("data") == kept


# To the CSMS


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "UnknownVendorId", "UnknownMessageId"])
def test_P02_FR_04_P02_FR_06_P02_FR_07_P02_FR_08_the_CSMS_s_response_is_the_answer(
    bench: Bench, status: str
) -> None:
    bench.answers["DataTransfer"] = {"status": status, "data": [1]}
    answer = bench.do("data-transfer", vendor_id="com.acme", message_id="m", data={"x": 1})
    assert bench.sent("DataTransfer") == [{"vendorId": "com.acme", "messageId": "m", "data": {"x": 1}}]
    assert result(answer) == {"status": status, "data": [1]}


def test_P02_FR_01_P02_FR_03_P02_FR_05_only_what_is_given_is_sent(bench: Bench) -> None:
    answer = bench.do("data-transfer", vendor_id="com.acme")
    assert bench.sent("DataTransfer") == [{"vendorId": "com.acme"}]
    assert result(answer) == {"status": "Accepted", "data": None}


def test_P01_FR_01_P02_FR_02_the_station_never_sends_one_by_itself(bench: Bench) -> None:
    bench.do("plug-in")
    bench.do("authorize")
    bench.advance(3600)
    assert "DataTransfer" not in {action for action, _ in bench.sent()}


def test_without_a_connection_nothing_is_sent(bench: Bench) -> None:
    bench.drop()
    answer = bench.do("data-transfer", vendor_id="com.acme")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "not_connected"


def test_a_CSMS_that_refuses(bench: Bench) -> None:
    bench.answers["DataTransfer"] = CallError("NotImplemented", "no")
    answer = bench.do("data-transfer", vendor_id="com.acme")
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code == "csms_error"


# CustomData, the other way to say what OCPP has no field for

CUSTOM = {"customData": {"vendorId": "com.acme", "anything": [1, {"a": None}]}}


def test_TC_P_03_custom_data_is_read_over(bench: Bench) -> None:
    one = item("OCPPCommCtrlr", "OfflineThreshold", "200", **CUSTOM)
    one["component"] |= CUSTOM
    assert put(bench, one)[0]["attributeStatus"] == "Accepted"
    [found] = get(bench, item("OCPPCommCtrlr", "OfflineThreshold", **CUSTOM))
    assert (found["attributeStatus"], found["attributeValue"]) == ("Accepted", "200")


def test_TC_P_04_custom_data_in_a_charging_profile(bench: Bench) -> None:
    period = {"startPeriod": 0, "limit": 6, "numberPhases": 3, **CUSTOM}
    schedule = {"id": 1, "duration": 600, "chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
        **CUSTOM,
    }
    answer = bench.csms("SetChargingProfile", {"evseId": 1, "chargingProfile": profile})
    assert answer == {"status": "Accepted"}


def test_TC_P_03_custom_data_of_a_message_is_not_kept(bench: Bench) -> None:
    text = {"format": "UTF8", "content": "Hi", **CUSTOM}
    message = {"id": 1, "priority": "InFront", "message": text, **CUSTOM}
    assert bench.csms("SetDisplayMessage", {"message": message, **CUSTOM})["status"] == "Accepted"
    bench.csms("GetDisplayMessages", {"requestId": 1})
    [page] = bench.sent("NotifyDisplayMessages")
    assert page["messageInfo"] == [
        {"id": 1, "priority": "InFront", "message": {"format": "UTF8", "content": "Hi"}}
    ]
