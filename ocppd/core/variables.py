"""The device model: what variables there are, shared by all stations of one hardware.

A block declares a `Variable` beside its use. A `Model` lays the variables out over one `Hardware`: a
`Slot` for each station, EVSE or connector that has it. A station keeps only the values that differ from
the factory's, in `state.variables`, by the slot's key: `TxCtrlr.EVConnectionTimeOut`, `EVSE:1.Power`,
`Connector:1:2.AvailabilityState`, `OCPPCommCtrlr.MessageAttempts[TransactionEvent]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ocppd.core.times import parse_time

if TYPE_CHECKING:
    from ocppd.core.description import Hardware, Preset
    from ocppd.core.station import Station

T = TypeVar("T")

# The value of a live variable at (station, EVSE, connector); None: no value yet.
Reader = Callable[["Station", int, int], str | None]
# The reason code why a station may not have that value, None where it may: what limits cannot say.
Check = Callable[["Station", str], str | None]
# A factory value or a limit that depends on the hardware at (hardware, EVSE, connector).
FromHardware = Callable[["Hardware", int, int], str]
# Whether there is the variable at (hardware, EVSE, connector).
Exists = Callable[["Hardware", int, int], bool]

# The attribute under which a value that waits for a reboot is kept; OCPP has no name for it.
AT_REBOOT = "AtReboot"
ATTRIBUTES = ("Actual", "Target", "MinSet", "MaxSet")
NUMBERS = ("integer", "decimal")
LISTS = ("OptionList", "MemberList", "SequenceList")
LONGEST_LIST = 1000  # characters of a valuesList
_YEAR = 31_536_000
_MAX_INTEGER = 2**31 - 1
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Generic[T]):
    """A variable of the standard, or of somebody's own, with its characteristics.

    `place` says where it stands: on the `station`, on each `evse` or on each `connector`, as far as it
    `exists` there. `default` is the factory value; `read` makes it a live one, computed when asked, which
    does not survive a reboot unless it is `persistent`. `minimum` and `maximum` are limits of the value, or
    of its length where it is a string or a list; `check` refuses what they cannot tell. A new value of one
    that changes `at_reboot` waits for that. `station_key` is `key()`, kept because it is asked for with every
    message.
    """

    component: str
    name: str
    parse: Callable[[str], T]
    data_type: str
    instance: str | None = None
    component_instance: str | None = None
    place: str = "station"
    default: str | FromHardware | None = None
    mutability: str = "ReadOnly"
    unit: str | None = None
    minimum: float | None = None
    maximum: float | FromHardware | None = None
    values: tuple[str, ...] = ()
    supports_monitoring: bool = True
    read: Reader | None = None
    persistent: bool = False
    exists: Exists | None = None
    check: Check | None = None
    at_reboot: bool = False
    station_key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "station_key", self.key())

    def key(self, evse: int = 0, connector: int = 0) -> str:
        """How the state file spells it at that place; 0 stands for the level above."""
        component = with_instance(self.component, self.component_instance)
        place = f":{evse}" * bool(evse) + f":{connector}" * bool(connector)
        return f"{component}{place}.{with_instance(self.name, self.instance)}"

    @property
    def is_persistent(self) -> bool:
        """Whether its value survives a reboot."""
        return self.persistent or self.read is None


def boolean(
    component: str, name: str, default: bool | FromHardware | None = None, **more: Any
) -> Variable[bool]:
    """A variable that is `true` or `false`."""
    value = str(default).lower() if isinstance(default, bool) else default
    return Variable(
        component=component,
        name=name,
        parse=lambda text: text == "true",
        data_type="boolean",
        default=value,
        **more,
    )


def integer(
    component: str, name: str, default: int | FromHardware | None = None, **more: Any
) -> Variable[int]:
    """A whole number, within 32 bits; of seconds a year at most, so that every moment can be told."""
    more.setdefault("maximum", _YEAR if more.get("unit") == "s" else _MAX_INTEGER)
    value = str(default) if isinstance(default, int) else default
    return Variable(component=component, name=name, parse=int, data_type="integer", default=value, **more)


def decimal(component: str, name: str, **more: Any) -> Variable[float]:
    """A decimal number."""
    return Variable(component=component, name=name, parse=float, data_type="decimal", **more)


def string(
    component: str, name: str, default: str | FromHardware | None = None, **more: Any
) -> Variable[str]:
    """Free text; `maximum` is its greatest length."""
    return Variable(component=component, name=name, parse=str, data_type="string", default=default, **more)


def option(
    component: str, name: str, default: str | None, values: Iterable[str], **more: Any
) -> Variable[str]:
    """One of `values`."""
    return Variable(
        component=component,
        name=name,
        parse=str,
        data_type="OptionList",
        default=default,
        values=tuple(values),
        **more,
    )


def members(
    component: str,
    name: str,
    default: str | FromHardware,
    values: Iterable[str],
    data_type: str = "MemberList",
    **more: Any,
) -> Variable[tuple[str, ...]]:
    """A set (MemberList) or a sequence (SequenceList) of `values`, separated by commas."""
    return Variable(
        component=component,
        name=name,
        parse=_split,
        data_type=data_type,
        default=default,
        values=tuple(values),
        **more,
    )


@lru_cache(maxsize=1024)  # the measurands are asked for with every sample
def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def with_instance(name: str, instance: str | None) -> str:
    """`Name`, or `Name[instance]`."""
    return name if instance is None else f"{name}[{instance}]"


def parted(key: str) -> tuple[str, str]:
    """The key of the slot, and the attribute whose value the state has under that `key`."""
    name, _, attribute = key.rpartition("#")
    return (name, attribute) if attribute in (*ATTRIBUTES, AT_REBOOT) else (key, "Actual")


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable at its place in one hardware. `attributes` are the factory values by attribute type.

    `mutabilities` are those of the attributes that differ from the variable's.
    """

    variable: Variable[Any]
    evse: int
    connector: int
    key: str
    maximum: float | None
    attributes: Mapping[str, str | None]
    mutabilities: Mapping[str, str] = field(default_factory=dict)

    def key_of(self, attribute: str) -> str:
        """The key under which the station keeps a changed value of that attribute."""
        return self.key if attribute == "Actual" else f"{self.key}#{attribute}"

    def mutability(self, attribute: str = "Actual") -> str:
        """The MutabilityEnumType of that attribute."""
        return self.mutabilities.get(attribute, self.variable.mutability)

    @property
    def is_writable(self) -> bool:
        """Whether SetVariables may change any attribute of it."""
        return any(self.mutability(attribute) != "ReadOnly" for attribute in self.attributes)

    def is_meant(self, component: Mapping[str, Any], variable: Mapping[str, Any] | None) -> bool:
        """Whether a ComponentVariableType means it; what that leaves out may be any (B08.FR.20 to FR.25)."""
        place = component.get("evse", {})
        return (
            _is_named(component, self.variable.component, self.variable.component_instance)
            and (variable is None or _is_named(variable, self.variable.name, self.variable.instance))
            and place.get("id") in (None, self.evse)
            and place.get("connectorId") in (None, self.connector)
        )

    def component(self) -> dict[str, Any]:
        """Its ComponentType."""
        found: dict[str, Any] = {"name": self.variable.component}
        if self.variable.component_instance is not None:
            found["instance"] = self.variable.component_instance
        if self.evse:
            found["evse"] = {"id": self.evse} | ({"connectorId": self.connector} if self.connector else {})
        return found

    def name(self) -> dict[str, Any]:
        """Its VariableType."""
        instance = self.variable.instance
        return {"name": self.variable.name} | ({} if instance is None else {"instance": instance})

    def characteristics(self) -> dict[str, Any]:
        """Its VariableCharacteristicsType."""
        variable = self.variable
        found = {
            "unit": variable.unit,
            "dataType": variable.data_type,
            "minLimit": variable.minimum,
            "maxLimit": self.maximum,
            "valuesList": ",".join(variable.values) or None,
            "supportsMonitoring": variable.supports_monitoring,
        }
        return {name: value for name, value in found.items() if value is not None}

    def refusal(self, value: str) -> str | None:
        """The reason code why `value` may not stand here, None where it may (B05.FR.07, B05.FR.08).

        See `beyond` for what other attributes forbid, and `Variable.check`.
        """
        match self.variable.data_type:
            case "boolean":
                return None if value in ("true", "false") else "InvalidValue"
            case "integer":
                return self._out_of_range(float(value)) if _INTEGER.fullmatch(value) else "InvalidValue"
            case "decimal":
                return self._out_of_range(float(value)) if _DECIMAL.fullmatch(value) else "InvalidValue"
            case "dateTime":
                return None if parse_time(value) is not None else "InvalidValue"
            case "OptionList":
                return None if value in self.variable.values else "InvalidValue"
            case "MemberList" | "SequenceList":
                return self._not_listed(_split(value)) or self._out_of_range(len(value))
        return self._out_of_range(len(value))

    def beyond(self, attribute: str, value: str, others: Callable[[str], str | None]) -> str | None:
        """The reason code why MinSet or MaxSet forbid the number `value`; `others` tells other attributes.

        They bound Actual and Target, and each other.
        """
        if self.variable.data_type not in NUMBERS:
            return None
        if attribute != "MinSet" and float(value) < float(others("MinSet") or "-inf"):
            return "ValueTooLow"
        if attribute != "MaxSet" and float(value) > float(others("MaxSet") or "inf"):
            return "ValueTooHigh"
        return None

    def _out_of_range(self, size: float) -> str | None:
        if self.variable.minimum is not None and size < self.variable.minimum:
            return "ValueTooLow"
        if self.maximum is not None and size > self.maximum:
            return "ValueTooHigh"
        return None

    def _not_listed(self, parts: tuple[str, ...]) -> str | None:
        known = set(parts) <= set(self.variable.values) and len(set(parts)) == len(parts)
        return None if known else "InvalidValue"


def _is_named(item: Mapping[str, Any], name: str, instance: str | None) -> bool:
    return item["name"].lower() == name.lower() and (item.get("instance") or instance) == instance


_ComponentKey = tuple[str, str | None, int, int]
_VariableKey = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Model:
    """Every slot of one hardware, in the order of reports, and the way to find them."""

    slots: dict[str, Slot]
    _index: dict[_ComponentKey, dict[_VariableKey, Slot]] = field(repr=False)

    @classmethod
    def build(cls, hardware: Hardware, variables: Iterable[Variable[Any]]) -> Model:
        """The model of `hardware`, its presets applied.

        Raises:
            ValueError: a preset names no variable of the model, or a value that the variable refuses.
        """
        slots = {slot.key: slot for variable in variables for slot in _slots(hardware, variable)}
        changed = {}
        # What defines a variable comes before what changes it, and its Actual before the other attributes.
        in_order = sorted(hardware.presets, key=lambda it: (it.data_type is None, it.attribute != "Actual"))
        for preset in in_order:
            slot = _with_preset(hardware, slots, preset)
            slots[slot.key] = changed[slot.key] = slot
        for slot in changed.values():
            _check_set_limits(slot)
        index: dict[_ComponentKey, dict[_VariableKey, Slot]] = {}
        for slot in slots.values():
            place = (
                slot.variable.component.lower(),
                slot.variable.component_instance,
                slot.evse,
                slot.connector,
            )
            name = slot.variable.name.lower(), slot.variable.instance
            if (other := index.setdefault(place, {}).setdefault(name, slot)) is not slot:
                raise ValueError(f"{slot.key}: there is {other.key} already")
        return cls(slots, index)

    @property
    def components(self) -> Iterator[Collection[Slot]]:
        """The slots of each component at each of its places."""
        return (variables.values() for variables in self._index.values())

    def check(self, values: Mapping[str, str]) -> None:
        """Look at the values that a state file has, by their keys; those of no slot are left alone.

        Raises:
            ValueError: one that the slot would never have taken.
        """
        for key, value in values.items():
            name, attribute = parted(key)
            slot = self.slots.get(name)
            if slot is not None and (refusal := slot.refusal(value)):
                raise ValueError(f"variables: {key}: {refusal}: {_shown(slot, value, attribute)}")

    def find(self, component: Mapping[str, Any], variable: Mapping[str, Any]) -> Slot | str:
        """The slot of that ComponentType and VariableType, or `UnknownComponent` or `UnknownVariable`.

        Names are compared without regard to case, instances exactly; an absent or empty instance means
        the one without an instance (B06.FR.14, B06.FR.15).
        """
        evse = component.get("evse", {})
        place = (
            component["name"].lower(),
            component.get("instance") or None,
            evse.get("id", 0),
            evse.get("connectorId", 0),
        )
        there = self._index.get(place)
        if there is None:
            return "UnknownComponent"
        return there.get((variable["name"].lower(), variable.get("instance") or None), "UnknownVariable")


def _slots(hardware: Hardware, variable: Variable[Any]) -> Iterator[Slot]:
    for evse, connector in _places(hardware, variable.place):
        if variable.exists is not None and not variable.exists(hardware, evse, connector):
            continue
        default = variable.default
        value = default(hardware, evse, connector) if callable(default) else default
        top = variable.maximum
        limit = float(top(hardware, evse, connector)) if callable(top) else top
        yield Slot(variable, evse, connector, variable.key(evse, connector), limit, {"Actual": value})


def _places(hardware: Hardware, place: str) -> Iterator[tuple[int, int]]:
    if place == "station":
        yield 0, 0
        return
    for evse, description in enumerate(hardware.evses, start=1):
        if place == "evse":
            yield evse, 0
        else:
            yield from ((evse, connector) for connector in range(1, len(description.connectors) + 1))


def _with_preset(hardware: Hardware, slots: dict[str, Slot], preset: Preset) -> Slot:
    """The slot that `preset` changes or defines, changed."""
    custom = _defined(preset)
    key = custom.key(preset.evse or 0, preset.connector or 0)
    slot = slots.get(key)
    if slot is None:
        _refuse_definition(hardware, key, preset)
        slot = Slot(custom, preset.evse or 0, preset.connector or 0, key, preset.max, {"Actual": None})
    else:
        _refuse_change(slot, preset)
    if preset.mutability is not None:
        slot = replace(slot, mutabilities={**slot.mutabilities, preset.attribute: preset.mutability})
    if preset.value is not None and (refusal := slot.refusal(preset.value)):
        raise ValueError(f"{key}: {refusal}: {_shown(slot, preset.value, preset.attribute)}")
    if preset.value is not None or preset.attribute not in slot.attributes:
        slot = replace(slot, attributes={**slot.attributes, preset.attribute: preset.value})
    if preset.reboot_required:
        slot = replace(slot, variable=replace(slot.variable, at_reboot=True))
    return slot


def _refuse_definition(hardware: Hardware, key: str, preset: Preset) -> None:
    if preset.data_type is None:
        raise ValueError(f"{key}: this station has no such variable; a data_type would define one")
    if not _has(hardware, preset.evse, preset.connector):
        raise ValueError(f"{key}: this station has no such EVSE or connector")
    if preset.data_type in LISTS and not preset.values:
        raise ValueError(f"{key}: a variable of type {preset.data_type} needs its values")
    if len(",".join(preset.values)) > LONGEST_LIST:
        raise ValueError(f"{key}: its values have more than {LONGEST_LIST} characters")


def _refuse_change(slot: Slot, preset: Preset) -> None:
    """Raise ValueError for what cannot be preset of a variable that there is."""
    own, is_actual = slot.variable, preset.attribute == "Actual"
    if is_actual and own.read is not None and preset.value is not None:
        raise ValueError(f"{slot.key}: shows what the station does and cannot be preset")
    change = (slot.mutability(), preset.mutability or slot.mutability())
    if is_actual and change != ("ReadWrite", "ReadOnly") and change[0] != change[1]:
        raise ValueError(f"{slot.key}: is {change[0]} here and cannot become {change[1]}")
    fixed = {
        "data_type": (preset.data_type, own.data_type),
        "unit": (preset.unit, own.unit),
        "min": (preset.min, own.minimum),
        "max": (preset.max, slot.maximum),
        "values": (preset.values or None, own.values),
    }
    for name, (wanted, there) in fixed.items():
        if wanted is not None and wanted != there:
            raise ValueError(f"{slot.key}: {name} is {there!r} here and cannot be changed")


def _check_set_limits(slot: Slot) -> None:
    """Raise ValueError where the factory values lie outside MinSet and MaxSet, or these cross."""
    for attribute, value in slot.attributes.items():
        if value is not None and (refusal := slot.beyond(attribute, value, slot.attributes.get)):
            raise ValueError(f"{slot.key}: {attribute}: {refusal}: {_shown(slot, value, attribute)}")


def _has(hardware: Hardware, evse: int | None, connector: int | None) -> bool:
    place = "station" if evse is None and connector is None else "evse" if connector is None else "connector"
    return (evse or 0, connector or 0) in _places(hardware, place)


def _shown(slot: Slot, value: str, attribute: str = "Actual") -> str:
    return "(not shown)" if slot.mutability(attribute) == "WriteOnly" else repr(value)


def _defined(preset: Preset) -> Variable[str]:
    return Variable(
        component=preset.component,
        component_instance=preset.component_instance,
        name=preset.variable,
        instance=preset.variable_instance,
        parse=str,
        data_type=preset.data_type or "string",
        mutability=(preset.attribute == "Actual" and preset.mutability) or "ReadOnly",
        unit=preset.unit,
        minimum=preset.min,
        values=preset.values,
        supports_monitoring=preset.supports_monitoring,
    )
