"""The device model as the configuration writes it: `variables` (short) and `device_model` (long).

Both become the core's `Preset`, whose values are spelled as OCPP spells them.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator

from ocppd.core.description import Preset
from ocppd.settings.section import Section

# Names are identifierStrings. Instances are less strict: vendor ids and `<message>.<field>` are among them.
_NAME = re.compile(r"(?P<name>[A-Za-z0-9*\-_=:+|@.]{1,50})(?:\[(?P<instance>[^\[\]]{1,50})\])?")
_DOT_OUTSIDE_BRACKETS = re.compile(r"\.(?![^\[]*\])")
_SECRET_VARIABLE = ("securityctrlr", "basicauthpassword")


def parse_name(text: str) -> tuple[str, str | None]:
    """`MessageTimeout[Default]` is `("MessageTimeout", "Default")`, `Power` is `("Power", None)`.

    Raises ValueError where it is neither; names and instances have 1 to 50 characters.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is neither a Name nor a Name[instance]")
    return match["name"], match["instance"]


def parse_variable(text: str) -> tuple[str, str | None, str, str | None]:
    """Component, its instance, variable and its instance of `Component[instance].Variable[instance]`.

    The first dot outside brackets parts component and variable. Raises ValueError for any other form.
    """
    component, *rest = _DOT_OUTSIDE_BRACKETS.split(text, maxsplit=1)
    if not rest:
        raise ValueError(f"'{text}' is not of the form Component[instance].Variable[instance]")
    return *parse_name(component), *parse_name(rest[0])


def spell(value: object) -> str | None:
    """A YAML value in OCPP's spelling: `true`, `0.00001`, `a,b`; None, a value not known yet, stays None.

    Raises ValueError for a mapping, a list of anything but scalars and a number that is not finite.
    """
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return format(Decimal(repr(value)), "f")
        case list() if all(isinstance(item, str | int | float) for item in value):
            return ",".join(str(spell(item)) for item in value)
    raise ValueError("Input should be text, a number, true, false, null or a list of these")


def _variable_key(text: str) -> str:
    component, _, variable, _ = parse_variable(text)
    _refuse_secret(component, variable)
    return text


def _refuse_secret(component: str, variable: str) -> None:
    # Variables are shown in logs, answers and dumps; a password has keys of its own, which are not.
    if (component.lower(), variable.lower()) == _SECRET_VARIABLE:
        raise ValueError("a password is given as csms.password or csms.password_file")


def _name(text: str) -> str:
    parse_name(text)
    return text


VariableKey = Annotated[str, AfterValidator(_variable_key)]
Name = Annotated[str, AfterValidator(_name)]
Value = Annotated[
    str | None,
    BeforeValidator(spell),
    WithJsonSchema({"type": ["string", "number", "boolean", "null", "array"]}),
]
DataType = Literal[
    "string", "decimal", "integer", "dateTime", "boolean", "OptionList", "SequenceList", "MemberList"
]


class PresetSettings(Section):
    """One entry of `device_model`: an attribute's factory value, or a variable of one's own (`data_type`)."""

    component: Name = Field(description="`Name` or `Name[instance]`.")
    variable: Name = Field(description="`Name` or `Name[instance]`.")
    evse: Annotated[int, Field(ge=1)] | None = Field(None, description="Of which EVSE, from 1.")
    connector: Annotated[int, Field(ge=1)] | None = Field(None, description="Of which connector, from 1.")
    attribute: Literal["Actual", "Target", "MinSet", "MaxSet"] = Field(
        "Actual", description="What of it the value is."
    )
    value: Value = Field(None, description="The factory value; null: it is not known yet.")
    data_type: DataType | None = Field(None, description="Makes it a variable of one's own.")
    mutability: Literal["ReadOnly", "WriteOnly", "ReadWrite"] | None = Field(
        None, description="What the CSMS may do with that attribute."
    )
    unit: Annotated[str, Field(max_length=16)] | None = Field(None, description="Of one's own: its unit.")
    min: float | None = Field(None, description="Of one's own: its least value.")
    max: float | None = Field(None, description="Of one's own: its greatest value, or length.")
    values: list[str] = Field([], description="Of one's own, a list: what it may hold.")
    supports_monitoring: bool = Field(True, description="Of one's own: whether it can be monitored.")
    reboot_required: bool = Field(False, description="A value that is set for Actual waits for a reboot.")

    @field_validator("variable")
    @classmethod
    def _is_no_secret(cls, variable: str, info: ValidationInfo) -> str:
        _refuse_secret(info.data.get("component", ""), variable)
        return variable

    @field_validator("connector")
    @classmethod
    def _stands_on_an_evse(cls, connector: int | None, info: ValidationInfo) -> int | None:
        if connector is not None and info.data.get("evse") is None:
            raise ValueError("a connector needs its evse")
        return connector

    @field_validator("values", mode="before")
    @classmethod
    def _as_ocpp_spells_them(cls, values: Any) -> Any:
        return [spell(value) for value in values] if isinstance(values, list) else values

    def describe(self) -> Preset:
        """The core's form of it."""
        component, component_instance = parse_name(self.component)
        variable, variable_instance = parse_name(self.variable)
        same = self.model_dump(exclude={"component", "variable", "values"})
        return Preset(
            component=component,
            component_instance=component_instance,
            variable=variable,
            variable_instance=variable_instance,
            values=tuple(self.values),
            **same,
        )


def preset(key: str, value: str | None) -> Preset:
    """The core's form of one entry of `variables`."""
    component, component_instance, variable, variable_instance = parse_variable(key)
    return Preset(component, variable, value, component_instance, variable_instance)
