"""Display messages: set, replaced, shown when they should be, told, cleared, gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.core import display
from ocppd.core.description import Evse, Hardware, Preset
from ocppd.core.display import MOST_MESSAGES
from ocppd.core.errors import CallError
from ocppd.core.outbox import MOST_CALLS
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json, bugs_raise, with_presets
from tests.blocks.device_model import value_of
from tests.blocks.displays import charge, leave, lines

NewBench = Callable[..., Bench]

TWO = Hardware(evses=(Evse(), Evse()))
# A second display at EVSE 2, and one more beside the main one.
DISPLAYS = Hardware(
    evses=(Evse(), Evse()),
    presets=(
        Preset("Display", "Lines", "4", evse=2, data_type="integer"),
        Preset("Display", "Lines", "2", component_instance="Roof", data_type="integer"),
    ),
)


def message(number: int = 1, priority: str = "NormalCycle", content: str = "Welcome", **more: Any) -> Json:
    language = more.pop("language", None)
    text = {"format": more.pop("format", "UTF8"), "content": content}
    if language is not None:
        text["language"] = language
    return {"id": number, "priority": priority, "message": text, **more}


def put(bench: Bench, *given: Any, **more: Any) -> str:
    """The status of the answer to a SetDisplayMessage."""
    status: str = bench.csms("SetDisplayMessage", {"message": message(*given, **more)})["status"]
    return status


def shown(bench: Bench) -> list[int]:
    """The ids of the messages on the displays."""
    return [line["id"] for line in lines(bench) if line["about"] == "message"]


def told(bench: Bench, **wanted: Any) -> tuple[str, list[Json]]:
    """The status of the answer to a GetDisplayMessages, and the NotifyDisplayMessages."""
    bench.sent()
    response = bench.csms("GetDisplayMessages", {"requestId": 7, **wanted})
    return response["status"], bench.sent("NotifyDisplayMessages")


def status_of(bench: Bench, number: int) -> str:
    return told(bench, id=[number])[0]


def later(seconds: float) -> str:
    return format_time(START + seconds)


# Set, told, cleared


def test_TC_O_01_O01_FR_04_O01_FR_12_O04_FR_01_O04_FR_03_O04_FR_06_set_shown_and_told(bench: Bench) -> None:
    assert put(bench, 5) == "Accepted"
    [line] = lines(bench)
    assert line == {
        "about": "message",
        "id": 5,
        "priority": "NormalCycle",
        "evse": None,
        "display": None,
        "format": "UTF8",
        "content": "Welcome",
        "language": None,
    }
    status, [page] = told(bench, id=[5])
    assert status == "Accepted"
    assert page == {"requestId": 7, "tbc": False, "messageInfo": [message(5)]}


def test_TC_O_02_O03_FR_01_O03_FR_02_O03_FR_05_all_are_told(bench: Bench) -> None:
    all_there_is = [
        message(1, "InFront", "A", state="Idle", language="en-US"),
        message(2, "NormalCycle", "B", startDateTime=later(60), endDateTime=later(90), format="ASCII"),
    ]
    for it in all_there_is:
        bench.csms("SetDisplayMessage", {"message": it})
    status, [page] = told(bench)
    assert (status, page["requestId"], page["messageInfo"]) == ("Accepted", 7, all_there_is)


def test_TC_O_03_O03_FR_06_there_are_none(bench: Bench) -> None:
    assert told(bench) == ("Unknown", [])


def test_TC_O_33_O04_FR_07_there_are_none_of_any_id(bench: Bench) -> None:
    assert told(bench, id=[1]) == ("Unknown", [])


def test_TC_O_04_O05_FR_01_clear(bench: Bench) -> None:
    put(bench, 5)
    put(bench, 6)
    assert bench.csms("ClearDisplayMessage", {"id": 5}) == {"status": "Accepted"}
    assert shown(bench) == [6]
    assert status_of(bench, 5) == "Unknown"


def test_TC_O_05_O05_FR_02_clear_what_is_not_there(bench: Bench) -> None:
    put(bench, 5)
    assert bench.csms("ClearDisplayMessage", {"id": 6}) == {"status": "Unknown"}
    assert shown(bench) == [5]


@pytest.mark.parametrize("evse", [1, 2])
def test_TC_O_06_O02_FR_02_O02_FR_14_of_a_transaction(new_bench: NewBench, evse: int) -> None:
    bench = new_bench(TWO)
    tx = charge(bench, evse)
    put(bench, 1)
    assert put(bench, 5, transactionId=tx) == "Accepted"
    assert [(it["id"], it["evse"]) for it in lines(bench)] == [(1, None), (5, evse)]
    leave(bench, evse)
    assert shown(bench) == [1]
    assert status_of(bench, 5) == "Unknown"


def test_TC_O_07_O04_FR_01_told_by_id(bench: Bench) -> None:
    for number in (1, 2, 3):
        put(bench, number)
    status, [page] = told(bench, id=[3, 1, 9])
    assert (status, [it["id"] for it in page["messageInfo"]]) == ("Accepted", [1, 3])


def test_TC_O_08_O04_FR_01_told_by_priority(bench: Bench) -> None:
    put(bench, 1)
    put(bench, 2, "InFront")
    status, [page] = told(bench, priority="InFront")
    assert (status, [it["id"] for it in page["messageInfo"]]) == ("Accepted", [2])


def test_TC_O_09_O04_FR_01_told_by_state(bench: Bench) -> None:
    put(bench, 1)
    put(bench, 2, state="Charging")
    status, [page] = told(bench, state="Charging")
    assert (status, [it["id"] for it in page["messageInfo"]]) == ("Accepted", [2])


@pytest.mark.parametrize("more", [{}, {"priority": "InFront"}])
def test_TC_O_10_O02_FR_01_an_unknown_transaction(bench: Bench, more: Json) -> None:
    charge(bench)
    assert put(bench, 1, transactionId="another", **more) == "UnknownTransaction"
    assert bench.state.display_messages == ()


def test_TC_O_11_O04_FR_02_an_unknown_id(bench: Bench) -> None:
    put(bench, 1)
    assert told(bench, id=[2]) == ("Unknown", [])


def test_TC_O_34_O04_FR_02_another_state(bench: Bench) -> None:
    put(bench, 1, state="Idle")
    assert told(bench, id=[1], state="Charging") == ("Unknown", [])


def test_TC_O_35_O04_FR_02_another_priority(bench: Bench) -> None:
    put(bench, 1, "InFront")
    assert told(bench, id=[1], priority="NormalCycle") == ("Unknown", [])


def test_TC_O_12_O06_FR_01_the_same_id_replaces_everything(bench: Bench) -> None:
    put(bench, 1, "InFront", "Old", state="Charging", endDateTime=later(60))
    assert put(bench, 1, "NormalCycle", "New") == "Accepted"
    _, [page] = told(bench)
    assert page["messageInfo"] == [message(1, content="New")]
    bench.advance(61)
    assert shown(bench) == [1]


def test_a_refused_replacement_leaves_the_first(bench: Bench) -> None:
    put(bench, 1)
    assert put(bench, 1, format="HTML") == "NotSupportedMessageFormat"
    assert shown(bench) == [1]


# When it is shown


def test_TC_O_13_O01_FR_06_not_before_it_starts(bench: Bench) -> None:
    assert put(bench, 1, startDateTime=later(60)) == "Accepted"
    status, [page] = told(bench, id=[1])
    assert (status, page["messageInfo"][0]["startDateTime"]) == ("Accepted", later(60))
    assert shown(bench) == []
    bench.advance(59)
    assert shown(bench) == []
    assert bench.state.timers["display"] == START + 60  # so that the mirror is made anew
    bench.advance(1)
    assert "display" not in bench.state.timers
    assert shown(bench) == [1]


def test_TC_O_14_O01_FR_07_gone_when_it_ends(bench: Bench) -> None:
    assert put(bench, 1, endDateTime=later(60)) == "Accepted"
    assert status_of(bench, 1) == "Accepted"
    assert shown(bench) == [1]
    bench.advance(60)
    assert [it.data["status"] for it in bench.happened_since("display")] == ["Set", "Expired"]
    assert shown(bench) == []
    assert status_of(bench, 1) == "Unknown"


def test_TC_O_27_O02_FR_06_of_a_transaction_not_before_it_starts(bench: Bench) -> None:
    tx = charge(bench)
    assert put(bench, 1, startDateTime=later(60), transactionId=tx) == "Accepted"
    assert shown(bench) == []
    bench.advance(60)
    assert shown(bench) == [1]
    leave(bench)
    assert shown(bench) == []
    assert status_of(bench, 1) == "Unknown"


def test_TC_O_28_O02_FR_07_of_a_transaction_gone_when_it_ends(bench: Bench) -> None:
    tx = charge(bench)
    assert put(bench, 1, endDateTime=later(60), transactionId=tx) == "Accepted"
    assert shown(bench) == [1]
    bench.advance(60)
    assert shown(bench) == []
    assert status_of(bench, 1) == "Unknown"


def test_times_are_those_of_the_station_s_clock(bench: Bench) -> None:
    put(bench, 1, startDateTime=later(1000), endDateTime=later(2000))
    bench.answers["Heartbeat"] = lambda _: {"currentTime": format_time(bench.clock.now + 990)}
    bench.advance(300)  # a Heartbeat puts the clock right
    assert shown(bench) == [1]
    assert bench.state.timers["display"] == START + 1010
    bench.advance(710)
    assert bench.state.display_messages == ()


def test_the_display_is_a_function_of_the_time(bench: Bench) -> None:
    put(bench, 1, startDateTime=later(10), endDateTime=later(20))
    station = bench.station
    found = []
    for seconds in (9, 10, 19, 20):
        station.look(START + seconds)
        found.append(len(display.shown(station)))
    assert found == [0, 1, 1, 0]


@pytest.mark.parametrize(
    "more",
    [
        {"endDateTime": later(-1)},
        {"startDateTime": later(60), "endDateTime": later(60)},
        {"startDateTime": "2025-02-28T23:59:60Z"},
    ],
)
def test_what_could_never_be_shown_is_rejected(bench: Bench, more: Json) -> None:
    assert put(bench, 1, **more) == "Rejected"
    assert bench.state.display_messages == ()


@pytest.mark.parametrize("number", [-1, 2**31])
def test_what_is_no_id_is_rejected(bench: Bench, number: int) -> None:
    assert put(bench, number) == "Rejected"


def test_TC_O_36_only_while_charging(bench: Bench) -> None:
    assert put(bench, 1, state="Charging") == "Accepted"
    assert shown(bench) == []
    bench.do("plug-in")
    bench.do("authorize", id_token="AA11")
    assert shown(bench) == [1]
    leave(bench)
    assert shown(bench) == []
    status, [page] = told(bench, id=[1])
    assert (status, page["messageInfo"][0]["state"]) == ("Accepted", "Charging")


def test_TC_O_37_only_while_idle(bench: Bench) -> None:
    assert put(bench, 1, state="Idle") == "Accepted"
    assert shown(bench) == [1]
    charge(bench)
    assert shown(bench) == []
    leave(bench)
    assert shown(bench) == [1]
    status, [page] = told(bench, id=[1])
    assert (status, page["messageInfo"][0]["state"]) == ("Accepted", "Idle")


def test_TC_O_38_only_while_unavailable(bench: Bench) -> None:
    assert put(bench, 1, state="Unavailable") == "Accepted"
    assert shown(bench) == []
    bench.csms("ChangeAvailability", {"operationalStatus": "Inoperative"})
    assert shown(bench) == [1]
    bench.csms("ChangeAvailability", {"operationalStatus": "Operative"})
    assert shown(bench) == []
    assert status_of(bench, 1) == "Accepted"


def test_TC_O_39_only_while_faulted(bench: Bench) -> None:
    assert put(bench, 1, state="Faulted") == "Accepted"
    assert shown(bench) == []
    bench.do("fault", "GroundFault")
    assert shown(bench) == [1]
    bench.do("clear-fault")
    assert shown(bench) == []
    assert status_of(bench, 1) == "Accepted"


def test_a_station_charges_where_one_of_its_EVSEs_does_and_a_transaction_where_it_is(
    new_bench: NewBench,
) -> None:
    bench = new_bench(TWO)
    tx = charge(bench, 2)
    put(bench, 1, state="Charging")
    bench.do("suspend", evse=2)
    assert shown(bench) == []
    charge(bench, 1)
    put(bench, 2, state="Charging", transactionId=tx)
    put(bench, 3, state="Idle", transactionId=tx)
    assert shown(bench) == [1, 3]


# Priorities


def test_TC_O_22_O01_FR_13_O01_FR_14_those_in_front_are_cycled_before_the_normal_cycle(bench: Bench) -> None:
    put(bench, 1)
    put(bench, 2, "InFront")
    put(bench, 3, "InFront")
    assert shown(bench) == [2, 3]
    assert [status_of(bench, number) for number in (1, 2, 3)] == ["Accepted"] * 3
    bench.csms("ClearDisplayMessage", {"id": 2})
    bench.csms("ClearDisplayMessage", {"id": 3})
    assert shown(bench) == [1]


def test_TC_O_24_O01_FR_15_O01_FR_16_the_second_always_in_front_replaces_the_first(bench: Bench) -> None:
    put(bench, 1)
    put(bench, 2, "InFront")
    assert put(bench, 3, "AlwaysFront") == "Accepted"
    assert shown(bench) == [3]
    assert put(bench, 4, "AlwaysFront") == "Accepted"
    assert shown(bench) == [4]
    assert [status_of(bench, number) for number in (1, 2, 3, 4)] == [
        "Accepted",
        "Accepted",
        "Unknown",
        "Accepted",
    ]
    assert [(it.data["id"], it.data["status"]) for it in bench.happened_since("display")][-2:] == [
        (3, "Replaced"),
        (4, "Set"),
    ]


def test_TC_O_30_O02_FR_15_O02_FR_16_of_a_transaction_in_front(bench: Bench) -> None:
    tx = charge(bench)
    put(bench, 1)
    put(bench, 2, "InFront", transactionId=tx)
    put(bench, 3, "InFront", transactionId=tx)
    assert shown(bench) == [2, 3]
    leave(bench)
    assert shown(bench) == [1]
    assert [status_of(bench, number) for number in (2, 3)] == ["Unknown"] * 2


def test_TC_O_32_O02_FR_17_O02_FR_18_of_a_transaction_always_in_front(bench: Bench) -> None:
    tx = charge(bench)
    put(bench, 1, "InFront")
    put(bench, 2, "AlwaysFront", transactionId=tx)
    assert shown(bench) == [2]
    put(bench, 3, "AlwaysFront", "Second", transactionId=tx)
    assert shown(bench) == [3]
    assert status_of(bench, 2) == "Unknown"
    _, [page] = told(bench, id=[3])
    assert page["messageInfo"] == [message(3, "AlwaysFront", "Second", transactionId=tx)]
    leave(bench)
    assert shown(bench) == [1]
    assert status_of(bench, 3) == "Unknown"


# What is not supported


@pytest.mark.parametrize("of_transaction", [False, True])
def test_TC_O_17_O01_FR_01_O02_FR_03_a_priority_that_is_not_supported(
    new_bench: NewBench, of_transaction: bool
) -> None:
    bench = new_bench(with_presets(Hardware(), DisplayMessageCtrlr__SupportedPriorities="NormalCycle"))
    more = {"transactionId": charge(bench)} if of_transaction else {}
    assert put(bench, 1, "InFront", **more) == "NotSupportedPriority"
    assert put(bench, 1, **more) == "Accepted"


@pytest.mark.parametrize("of_transaction", [False, True])
def test_TC_O_18_O01_FR_02_O02_FR_04_a_state_that_is_not_supported(
    new_bench: NewBench, of_transaction: bool
) -> None:
    bench = new_bench(with_presets(Hardware(), DisplayMessageCtrlr__SupportedStates="Idle,Charging"))
    more = {"transactionId": charge(bench)} if of_transaction else {}
    assert put(bench, 1, state="Faulted", **more) == "NotSupportedState"
    assert put(bench, 1, state="Charging", **more) == "Accepted"


@pytest.mark.parametrize("of_transaction", [False, True])
def test_TC_O_19_O01_FR_03_O02_FR_05_a_format_that_is_not_supported(
    bench: Bench, of_transaction: bool
) -> None:
    more = {"transactionId": charge(bench)} if of_transaction else {}
    assert put(bench, 1, format="URI", **more) == "NotSupportedMessageFormat"
    assert put(bench, 1, format="ASCII", **more) == "Accepted"


def test_switched_off_nothing_is_taken_and_nothing_shown(bench: Bench) -> None:
    put(bench, 1)
    bench.set("DisplayMessageCtrlr.Enabled", False)
    assert put(bench, 2) == "Rejected"
    assert shown(bench) == []
    assert status_of(bench, 1) == "Accepted"
    bench.set("DisplayMessageCtrlr.Enabled", True)
    assert shown(bench) == [1]


# Language


def test_O01_FR_17_O02_FR_12_the_language_is_kept_as_it_came(bench: Bench) -> None:
    put(bench, 1, language="en-US")
    assert lines(bench)[0]["language"] == "en-US"
    _, [page] = told(bench)
    assert page["messageInfo"][0]["message"]["language"] == "en-US"


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [
        ({"language1": "de"}, [1, 4, 5]),
        ({"language1": "pl", "language2": "fr-CA"}, [3, 4, 5]),
        ({"language1": "pl"}, [2, 4, 5]),  # O01_FR_09: English
        ({}, [1, 2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize("of_transaction", [False, True])
def test_TC_O_15_O01_FR_08_O01_FR_09_O02_FR_08_O02_FR_09_in_the_driver_s_language_or_english(
    bench: Bench, preferred: Json, expected: list[int], of_transaction: bool
) -> None:
    bench.answers["Authorize"] = {"idTokenInfo": {"status": "Accepted", **preferred}}
    tx = charge(bench)
    more = {"transactionId": tx} if of_transaction else {}
    put(bench, 1, content="Hallo", language="de-AT", **more)
    put(bench, 2, content="Hello", language="en", **more)
    put(bench, 3, content="Salut", language="fr", **more)
    put(bench, 4, content="12345", **more)  # in no language
    put(bench, 5, content="Nur eines", language="it", state="Charging", **more)  # another one
    assert shown(bench) == expected
    bench.do("authorize", id_token="AA11")
    if not of_transaction:
        assert shown(bench) == [1, 2, 3, 4]  # nobody's language is known


# Bounds, persistence, displays


def test_O01_FR_11_O02_FR_11_no_more_than_there_is_room_for(bench: Bench) -> None:
    tx = charge(bench)
    for number in range(MOST_MESSAGES):
        assert put(bench, number) == "Accepted"
    assert put(bench, 900) == "Rejected"
    assert put(bench, 900, transactionId=tx) == "Rejected"
    assert put(bench, 7, content="Other") == "Accepted"
    assert value_of(bench, "DisplayMessageCtrlr", "DisplayMessages") == str(MOST_MESSAGES)
    slot = bench.station.model.slots["DisplayMessageCtrlr.DisplayMessages"]
    assert slot.characteristics()["maxLimit"] == MOST_MESSAGES


def test_O03_FR_03_O03_FR_04_O04_FR_04_O04_FR_05_many_are_told_in_pages(bench: Bench) -> None:
    for number in range(25):
        put(bench, number)
    for wanted in ({}, {"priority": "NormalCycle"}):
        status, pages = told(bench, **wanted)
        assert (status, [it["tbc"] for it in pages]) == ("Accepted", [True, True, False])
        assert [it["id"] for page in pages for it in page["messageInfo"]] == list(range(25))
        assert {page["requestId"] for page in pages} == {7}


def test_where_there_is_no_room_to_tell_them_the_CSMS_is_told_so(bench: Bench) -> None:
    put(bench, 1)
    bench.silent.add("Heartbeat")
    for _ in range(MOST_CALLS + 1):  # one is out
        bench.do("call", action="Heartbeat", wait=False)
    assert bench.csms("GetDisplayMessages", {"requestId": 1})["error"] == "InternalError"


@pytest.mark.parametrize("how", ["reset", "power", "restart"])
def test_TC_O_20_O01_FR_10_O02_FR_10_they_survive(bench: Bench, how: str) -> None:
    put(bench, 1)
    put(bench, 2, endDateTime=later(5))
    put(bench, 3, startDateTime=later(500))
    if how == "reset":
        bench.csms("Reset", {"type": "Immediate"})
        bench.advance(2)
        assert shown(bench) == []  # it is dark
        bench.drop()
        bench.advance(8)
    elif how == "power":
        bench.do("power", "OFF")
        bench.advance(10)
        assert shown(bench) == []
        bench.do("power", "ON")
    else:
        bench.clock.now += 10
        bench.start_again()
    bench.advance(10)
    assert shown(bench) == [1]
    assert [it.id for it in bench.state.display_messages] == [1, 3]
    assert bench.state.timers["display"] == START + 500


def test_what_a_message_was_for_is_gone_with_the_hardware(new_bench: NewBench) -> None:
    bench = new_bench(DISPLAYS)
    tx = charge(bench, 2)
    put(bench, 1)
    put(bench, 2, transactionId=tx)
    put(bench, 3, display={"name": "Display", "evse": {"id": 2}})
    bench.refit(Hardware())
    assert shown(bench) == [1]
    assert [it.id for it in bench.state.display_messages] == [1]


def test_a_message_for_a_display_stands_there_alone(new_bench: NewBench) -> None:
    bench = new_bench(DISPLAYS)
    at_two = {"name": "Display", "evse": {"id": 2}}
    put(bench, 1, "AlwaysFront")
    put(bench, 2, "AlwaysFront", display=at_two)
    put(bench, 3, display={"name": "display", "instance": "Roof"})
    put(bench, 4, state="Charging", display=at_two)
    put(bench, 5, "AlwaysFront", display={"name": "Display"})  # the main one
    assert [(it["id"], it["display"]) for it in lines(bench)] == [
        (2, {"instance": None, "evse": 2, "connector": 0}),
        (3, {"instance": "Roof", "evse": 0, "connector": 0}),
        (5, None),
    ]
    bench.csms("ClearDisplayMessage", {"id": 2})
    charge(bench, 1)
    assert shown(bench) == [3, 5]
    charge(bench, 2)
    assert shown(bench) == [3, 4, 5]
    _, [page] = told(bench, id=[4])
    assert page["messageInfo"][0]["display"] == at_two


@pytest.mark.parametrize(
    "place",
    [
        {"name": "Display", "instance": "Cellar"},
        {"name": "Display", "evse": {"id": 1}},
        {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
    ],
)
def test_an_unknown_display_is_rejected(new_bench: NewBench, place: Json) -> None:
    bench = new_bench(DISPLAYS)
    assert put(bench, 1, display=place) == "Rejected"
    assert bench.state.display_messages == ()


def test_the_inventory_has_the_display(bench: Bench) -> None:
    assert value_of(bench, "Display", "Available") == "true"


def test_what_waits_for_the_connection_is_told_then(bench: Bench) -> None:
    put(bench, 1)
    bench.silent.add("NotifyDisplayMessages")
    assert status_of(bench, 1) == "Accepted"
    bench.drop()
    bench.silent.clear()
    bench.sent()
    bench.reconnect(after=10)
    assert len(bench.sent("NotifyDisplayMessages")) == 1


def test_a_refused_page_is_no_bug(bench: Bench) -> None:
    put(bench, 1)
    bench.answers["NotifyDisplayMessages"] = CallError("NotSupported", "no")
    assert status_of(bench, 1) == "Accepted"


_MOMENTS = st.none() | st.integers(1, 50)
_MESSAGES = st.tuples(
    st.integers(0, 5), st.sampled_from(("AlwaysFront", "InFront", "NormalCycle")), _MOMENTS, _MOMENTS
)


@given(steps=st.lists(_MESSAGES | st.integers(0, 20), max_size=25))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_what_is_shown_is_of_one_priority_and_of_its_time(steps: list[Any]) -> None:
    with bugs_raise():
        bench = Bench(restart=True)
        for step in steps:
            if isinstance(step, int):
                bench.advance(step)
            else:
                number, priority, start, end = step
                times = {"startDateTime": start, "endDateTime": end}
                put(bench, number, priority, **{key: later(it) for key, it in times.items() if it})
            _check(bench)


def _check(bench: Bench) -> None:
    now, kept = bench.clock.now, bench.state.display_messages
    assert len({it.id for it in kept}) == len(kept)
    assert sum(it.priority == "AlwaysFront" for it in kept) <= 1
    assert all(it.end is None or it.end > now for it in kept)
    due = [it for it in kept if it.start is None or it.start <= now]
    first = min((it.priority for it in due), default="")  # the alphabet has the order of the priorities
    assert shown(bench) == [it.id for it in due if it.priority == first]
    assert len({line["priority"] for line in lines(bench)}) <= 1
    changes = [at for it in kept for at in (it.start, it.end) if at is not None and at > now]
    assert bench.state.timers.get("display") == min(changes, default=None)
