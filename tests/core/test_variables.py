"""The device model: how it is laid out over hardware, preset, searched and guarded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.blocks import handlers
from ocppd.core.description import Connector, Evse, Hardware, Preset, StationDescription
from ocppd.core.on import Handlers
from ocppd.core.state import State
from ocppd.core.times import parse_time
from ocppd.core.variables import Model, Slot, boolean, decimal, integer, members, option, parted, string
from ocppd.fleet import Fleet, Nobody
from tests.bench import ManualClock

TWO_AND_THREE = Hardware(evses=(Evse(connectors=(Connector(),) * 2), Evse(connectors=(Connector(),) * 3)))
VARIABLES = tuple(handlers().variables.values())


def build(*presets: Preset, hardware: Hardware = TWO_AND_THREE) -> Model:
    return Model.build(replace(hardware, presets=presets), VARIABLES)


def slot_of(variable: Any) -> Slot:
    """The one slot of `variable` on a station."""
    (slot,) = Model.build(Hardware(), [variable]).slots.values()
    return slot


# The layout


def test_a_variable_stands_at_each_place_of_its_kind() -> None:
    keys = [key for key in build().slots if key.endswith(".AvailabilityState")]
    assert keys == [
        "ChargingStation.AvailabilityState",
        "EVSE:1.AvailabilityState",
        "EVSE:2.AvailabilityState",
        "Connector:1:1.AvailabilityState",
        "Connector:1:2.AvailabilityState",
        "Connector:2:1.AvailabilityState",
        "Connector:2:2.AvailabilityState",
        "Connector:2:3.AvailabilityState",
    ]


def test_a_component_tells_its_place() -> None:
    slots = build().slots
    assert slots["EVSE:2.Power"].component() == {"name": "EVSE", "evse": {"id": 2}}
    assert slots["Connector:2:3.ConnectorType"].component() == {
        "name": "Connector",
        "evse": {"id": 2, "connectorId": 3},
    }
    assert slots["OCPPCommCtrlr.MessageTimeout[Default]"].name() == {
        "name": "MessageTimeout",
        "instance": "Default",
    }


def test_a_limit_may_come_from_the_hardware() -> None:
    evses = (Evse(max_w=11_000), Evse(max_w=22_000))
    slots = build(hardware=Hardware(evses=evses)).slots
    assert [slots[f"EVSE:{n}.Power"].characteristics()["maxLimit"] for n in (1, 2)] == [11_000, 22_000]


def test_TC_B_12_a_list_tells_its_values_and_nothing_is_null() -> None:
    told = build().slots["TxCtrlr.TxStopPoint"].characteristics()
    assert told["dataType"] == "MemberList"
    assert "EVConnected" in told["valuesList"].split(",")
    assert None not in told.values()


def test_stations_of_one_hardware_share_one_model() -> None:
    fleet = Fleet(ManualClock(), handlers(), Nobody(), lambda _: None, lambda flush: flush())
    one, same, other = (
        fleet.add(StationDescription(name, Hardware(model=model)), State(), seed=1)
        for name, model in (("CP1", "a"), ("CP2", "a"), ("CP3", "b"))
    )
    assert one.model is same.model
    assert one.model is not other.model


def test_two_declarations_of_one_variable_are_a_mistake() -> None:
    found = Handlers()
    module: Any = type("Block", (), {"FIRST": boolean("A", "B"), "SECOND": boolean("A", "B")})
    module.__name__ = "block"
    with pytest.raises(ValueError, match=r"two declarations of the variable A\.B"):
        found.collect([module])


# Presets


def test_a_preset_changes_the_factory_value() -> None:
    slots = build(Preset("OCPPCommCtrlr", "HeartbeatInterval", "60")).slots
    assert slots["OCPPCommCtrlr.HeartbeatInterval"].attributes == {"Actual": "60"}


def test_a_preset_may_add_an_attribute_without_a_value() -> None:
    slots = build(Preset("EVSE", "Available", None, evse=1, attribute="Target")).slots
    assert slots["EVSE:1.Available"].attributes == {"Actual": "true", "Target": None}
    assert slots["EVSE:2.Available"].attributes == {"Actual": "true"}


def test_a_data_type_defines_a_variable_of_ones_own() -> None:
    preset = Preset(
        "Fan",
        "Speed",
        "900",
        "rear",
        "set",
        1,
        2,
        data_type="integer",
        mutability="ReadWrite",
        unit="rpm",
        max=3000,
    )
    component = {"name": "fan", "instance": "rear", "evse": {"id": 1, "connectorId": 2}}
    slot = build(preset).find(component, {"name": "speed", "instance": "set"})
    assert isinstance(slot, Slot)
    assert slot.key == "Fan[rear]:1:2.Speed[set]"
    assert slot.attributes == {"Actual": "900"}
    assert slot.is_writable
    assert slot.refusal("3001") == "ValueTooHigh"
    assert slot.characteristics()["unit"] == "rpm"


def test_a_value_that_is_not_given_leaves_the_factorys() -> None:
    slot = build(Preset("TxCtrlr", "TxStartPoint", mutability="ReadOnly")).slots["TxCtrlr.TxStartPoint"]
    assert slot.attributes == {"Actual": "EVConnected,Authorized"}
    assert not slot.is_writable


def test_attributes_have_mutabilities_of_their_own_and_the_Actual_is_always_there() -> None:
    target = Preset("Fan", "Speed", "5", attribute="Target", data_type="integer", mutability="ReadWrite")
    slot = build(Preset("Fan", "Speed", "7", attribute="MaxSet"), target).slots["Fan.Speed"]
    assert slot.attributes == {"Actual": None, "Target": "5", "MaxSet": "7"}
    assert [slot.mutability(it) for it in ("Actual", "Target", "MaxSet")] == [
        "ReadOnly",
        "ReadWrite",
        "ReadOnly",
    ]
    assert slot.is_writable


def test_what_is_said_twice_may_be_the_same() -> None:
    power = Preset("EVSE", "Power", None, evse=1, data_type="decimal", unit="W", max=22_080)
    assert build(power).slots["EVSE:1.Power"].maximum == 22_080


WRONG_PRESETS = {
    "an unknown variable": (Preset("OCPPCommCtrlr", "Bogus", "1"), "no such variable"),
    "a variable of an EVSE that is not there": (
        Preset("EVSE", "Available", "true", evse=3),
        "no such variable",
    ),
    "one's own at an EVSE that is not there": (
        Preset("Fan", "Speed", evse=3, data_type="integer"),
        "no such EVSE or connector",
    ),
    "one's own at a connector that is not there": (
        Preset("Fan", "Speed", evse=1, connector=3, data_type="integer"),
        "no such EVSE or connector",
    ),
    "one's own at a connector of nothing": (
        Preset("Fan", "Speed", connector=1, data_type="integer"),
        "no such EVSE or connector",
    ),
    "a value of the wrong type": (
        Preset("OCPPCommCtrlr", "HeartbeatInterval", "often"),
        "InvalidValue: 'often'",
    ),
    "a value out of bounds": (Preset("OCPPCommCtrlr", "HeartbeatInterval", "0"), "ValueTooLow"),
    "a value of what the station computes": (
        Preset("ChargingStation", "AvailabilityState", "Faulted"),
        "cannot be preset",
    ),
    "what is ReadOnly made ReadWrite": (
        Preset("ChargingStation", "Model", "x", mutability="ReadWrite"),
        "is ReadOnly here and cannot become ReadWrite",
    ),
    "a secret shown": (
        Preset("SecurityCtrlr", "BasicAuthPassword", mutability="ReadWrite"),
        "is WriteOnly here and cannot become ReadWrite",
    ),
    "another type": (
        Preset("OCPPCommCtrlr", "OfflineThreshold", data_type="decimal"),
        "data_type is 'integer' here and cannot be changed",
    ),
    "another limit": (
        Preset("OCPPCommCtrlr", "OfflineThreshold", max=5),
        "max is 31536000 here and cannot be changed",
    ),
    "a list without values": (Preset("Fan", "Mode", data_type="OptionList"), "needs its values"),
    "a list of too many values": (
        Preset("Fan", "Mode", data_type="MemberList", values=("x" * 500, "y" * 500)),
        "more than 1000 characters",
    ),
    "one's own that differs in case alone": (
        Preset("evse", "power", evse=1, data_type="decimal"),
        r"there is EVSE:1\.Power already",
    ),
    "an Actual below MinSet": (
        Preset("TxCtrlr", "EVConnectionTimeOut", "121", attribute="MinSet"),
        "Actual: ValueTooLow: '120'",
    ),
    "an Actual above MaxSet": (
        Preset("TxCtrlr", "EVConnectionTimeOut", "119", attribute="MaxSet"),
        "Actual: ValueTooHigh: '120'",
    ),
    "a secret that is too short": (
        Preset("SecurityCtrlr", "BasicAuthPassword", "hunter2"),
        r"ValueTooLow: \(not shown\)",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_PRESETS)
def test_a_wrong_preset_is_an_error_that_names_it(wrong: str) -> None:
    preset, message = WRONG_PRESETS[wrong]
    with pytest.raises(ValueError, match=message) as error:
        build(preset)
    assert str(error.value).startswith(preset.component)
    assert "hunter2" not in str(error.value)


# Finding (B06.FR.06, B06.FR.07, B06.FR.14, B06.FR.15)


def test_names_are_found_in_any_case() -> None:
    slot = build().find({"name": "oCPPcOMMcTRLR"}, {"name": "heartbeatinterval"})
    assert isinstance(slot, Slot)
    assert slot.variable.name == "HeartbeatInterval"


@pytest.mark.parametrize(
    ("component", "variable", "instance", "more", "found"),
    [
        ("OCPPCommCtrlr", "MessageTimeout", "Default", {}, "OCPPCommCtrlr.MessageTimeout[Default]"),
        ("OCPPCommCtrlr", "MessageTimeout", "default", {}, "UnknownVariable"),
        ("OCPPCommCtrlr", "MessageTimeout", None, {}, "UnknownVariable"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "Default", {}, "UnknownVariable"),
        ("OCPPCommCtrlr", "HeartbeatInterval", None, {"instance": ""}, "OCPPCommCtrlr.HeartbeatInterval"),
        ("OCPPCommCtrlr", "HeartbeatInterval", None, {"instance": "x"}, "UnknownComponent"),
        ("OCPPCommCtrlr", "HeartbeatInterval", None, {"evse": {"id": 1}}, "UnknownComponent"),
        ("OCPPCommCtrlr", "Bogus", None, {}, "UnknownVariable"),
        ("Bogus", "HeartbeatInterval", None, {}, "UnknownComponent"),
        ("EVSE", "Available", None, {"evse": {"id": 2}}, "EVSE:2.Available"),
        ("EVSE", "Available", None, {"evse": {"id": 3}}, "UnknownComponent"),
        ("EVSE", "Available", None, {}, "UnknownComponent"),
        ("Connector", "Available", None, {"evse": {"id": 2, "connectorId": 3}}, "Connector:2:3.Available"),
        ("Connector", "Available", None, {"evse": {"id": 1, "connectorId": 3}}, "UnknownComponent"),
        ("Connector", "Available", None, {"evse": {"id": 1}}, "UnknownComponent"),
    ],
)
def test_a_slot_is_found_by_exactly_its_place_and_instance(
    component: str, variable: str, instance: str | None, more: dict[str, Any], found: str
) -> None:
    name = {"name": variable} | ({"instance": instance} if instance else {})
    slot = build().find({"name": component, **more}, name)
    assert (slot.key if isinstance(slot, Slot) else slot) == found


# What may stand in a slot (B05.FR.07, B05.FR.08)


BOUNDED = slot_of(integer("A", "Integer", 5, minimum=-5, maximum=10))
DECIMAL = slot_of(decimal("A", "Decimal", minimum=0.5, maximum=2))
TEXT = slot_of(string("A", "Text", minimum=2, maximum=4))
SWITCH = slot_of(boolean("A", "Boolean"))
OPTION = slot_of(option("A", "Option", None, ["One", "Two"]))
MEMBERS = slot_of(members("A", "Members", "One", ["One", "Two", "Three"]))
SEQUENCE = slot_of(
    members("A", "Sequence", "One", ["One", "Two", "Three"], data_type="SequenceList", maximum=7)
)
MOMENT = next(slot for slot in build().slots.values() if slot.variable.data_type == "dateTime")


@pytest.mark.parametrize(
    ("slot", "value", "reason"),
    [
        (BOUNDED, "10", None),
        (BOUNDED, "-5", None),
        (BOUNDED, "+7", None),
        (BOUNDED, "11", "ValueTooHigh"),
        (BOUNDED, "-6", "ValueTooLow"),
        *(
            (BOUNDED, text, "InvalidValue")
            for text in ("", "x", "1.0", " 1", "1 ", "1e3", "0x1", "٣", "9" * 30, "nan")
        ),
        (DECIMAL, "0.5", None),
        (DECIMAL, "2", None),
        (DECIMAL, "2.01", "ValueTooHigh"),
        (DECIMAL, "0.49", "ValueTooLow"),
        *(
            (DECIMAL, text, "InvalidValue")
            for text in ("", "x", ".5", "1.", "1e0", "inf", "nan", "1,5", "1_0")
        ),
        (TEXT, "abcd", None),
        (TEXT, "äö", None),
        (TEXT, "a", "ValueTooLow"),
        (TEXT, "abcde", "ValueTooHigh"),
        (SWITCH, "true", None),
        (SWITCH, "false", None),
        *((SWITCH, text, "InvalidValue") for text in ("", "True", "1", "yes", "on")),
        (OPTION, "Two", None),
        *((OPTION, text, "InvalidValue") for text in ("", "two", "One,Two", "Three")),
        (MEMBERS, "Three,One", None),
        (MEMBERS, "Three, One", None),
        (MEMBERS, "", None),
        *((MEMBERS, text, "InvalidValue") for text in ("Four", "one", "One,One", "One;Two")),
        (SEQUENCE, "Two,One", None),
        (SEQUENCE, "Three,One", "ValueTooHigh"),
        (SEQUENCE, "One,Two,One", "InvalidValue"),
        (MOMENT, "2025-01-01T10:00:00Z", None),
        *((MOMENT, text, "InvalidValue") for text in ("", "2025-01-01", "10:00", "now")),
    ],
)
def test_TC_B_11_a_value_is_refused_with_its_reason(slot: Slot, value: str, reason: str | None) -> None:
    assert slot.refusal(value) == reason


SLOTS = [BOUNDED, DECIMAL, TEXT, SWITCH, OPTION, MEMBERS, SEQUENCE, MOMENT]
CHECKS: dict[str, Callable[[str], bool]] = {
    "integer": lambda text: -5 <= int(text) <= 10,
    "decimal": lambda text: 0.5 <= float(text) <= 2,
    "string": lambda text: 2 <= len(text) <= 4,
    "boolean": lambda text: text in ("true", "false"),
    "OptionList": lambda text: text in ("One", "Two"),
    "MemberList": lambda text: {part.strip() for part in text.split(",")} <= {"One", "Two", "Three", ""},
    "SequenceList": lambda text: len(text) <= 7 and len(set(text.split(","))) == len(text.split(",")),
    "dateTime": lambda text: parse_time(text) is not None,
}
NEAR_MISSES = (
    some.text() | some.integers().map(str) | some.floats().map(str) | some.from_regex(r"[+-]?\d+(\.\d+)?")
)


@pytest.mark.parametrize("slot", SLOTS, ids=lambda slot: slot.variable.data_type)
@given(value=NEAR_MISSES)
def test_what_is_not_refused_can_be_read_and_lies_within_the_limits(slot: Slot, value: str) -> None:
    if slot.refusal(value) is None:
        slot.variable.parse(value)
        assert CHECKS[slot.variable.data_type](value)


VALID: dict[str, some.SearchStrategy[str]] = {
    "integer": some.integers(-5, 10).map(str),
    "decimal": some.decimals("0.5", "2", places=3).map(str),
    "string": some.text(min_size=2, max_size=4),
    "boolean": some.sampled_from(["true", "false"]),
    "OptionList": some.sampled_from(["One", "Two"]),
    "MemberList": some.lists(some.sampled_from(["One", "Two", "Three"]), unique=True).map(",".join),
    "SequenceList": some.permutations(["One", "Two"]).map(",".join),
    "dateTime": some.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=some.just(UTC)).map(  # noqa: DTZ001 - the zone is added
        datetime.isoformat
    ),
}


@pytest.mark.parametrize("slot", SLOTS, ids=lambda slot: slot.variable.data_type)
@given(data=some.data())
def test_every_value_within_the_limits_is_taken(slot: Slot, data: some.DataObject) -> None:
    assert slot.refusal(data.draw(VALID[slot.variable.data_type])) is None


@given(
    value=some.integers(-5, 10),
    low=some.none() | some.integers(-5, 10),
    high=some.none() | some.integers(-5, 10),
)
def test_MinSet_and_MaxSet_bound_what_may_be_set(value: int, low: int | None, high: int | None) -> None:
    others = {"MinSet": None if low is None else str(low), "MaxSet": None if high is None else str(high)}
    for attribute in ("Actual", "Target", "MinSet", "MaxSet"):
        too_low = attribute != "MinSet" and low is not None and value < low
        too_high = attribute != "MaxSet" and high is not None and value > high
        expected = "ValueTooLow" if too_low else "ValueTooHigh" if too_high else None
        assert BOUNDED.beyond(attribute, str(value), others.get) == expected


def test_MinSet_and_MaxSet_say_nothing_of_texts() -> None:
    assert TEXT.beyond("Actual", "abc", {"MinSet": "b", "MaxSet": "a"}.get) is None


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("EVSE:1.Power", ("EVSE:1.Power", "Actual")),
        ("EVSE:1.Power#MaxSet", ("EVSE:1.Power", "MaxSet")),
        ("A.B#AtReboot", ("A.B", "AtReboot")),
        ("A.B[x#Target]", ("A.B[x#Target]", "Actual")),
    ],
)
def test_a_key_of_the_state_names_slot_and_attribute(key: str, parts: tuple[str, str]) -> None:
    assert parted(key) == parts


def test_a_state_file_may_not_hold_what_could_not_be_set() -> None:
    model = build()
    model.check({"TxCtrlr.EVConnectionTimeOut#AtReboot": "5", "Gone.Variable": "x"})
    with pytest.raises(
        ValueError, match=r"variables: TxCtrlr\.EVConnectionTimeOut#AtReboot: InvalidValue: 'x'"
    ):
        model.check({"TxCtrlr.EVConnectionTimeOut#AtReboot": "x"})


def test_every_factory_value_is_one_that_its_variable_takes() -> None:
    slots = [slot for slot in build().slots.values() if slot.attributes["Actual"] is not None]
    assert [slot.key for slot in slots if slot.refusal(str(slot.attributes["Actual"]))] == []
