"""Monitors that a station is delivered with, as the configuration writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from ocppd.core.description import Monitor, MonitorType
from ocppd.settings.presets import Name, parse_name
from ocppd.settings.section import Section


class MonitorSettings(Section):
    """One entry of `monitors`: a preconfigured monitor, or one that is `hard_wired`, on one variable.

    `component` and `variable` are a `Name` or a `Name[instance]`; `evse` and `connector` count from 1.
    `value` is the threshold, the difference, or the interval in seconds; `severity` is 0 (danger) to 9
    (debug). With `transaction` it is active only while one runs there.
    """

    component: Name
    variable: Name
    evse: Annotated[int, Field(ge=1)] | None = None
    connector: Annotated[int, Field(ge=1)] | None = None
    type: MonitorType
    value: float = Field(1, ge=-1e18, le=1e18, validate_default=True)
    severity: int = Field(5, ge=0, le=9)
    transaction: bool = False
    hard_wired: bool = False

    @field_validator("connector")
    @classmethod
    def _stands_on_an_evse(cls, connector: int | None, info: ValidationInfo) -> int | None:
        if connector is not None and info.data.get("evse") is None:
            raise ValueError("a connector needs its evse")
        return connector

    @field_validator("value")
    @classmethod
    def _counts_up(cls, value: float, info: ValidationInfo) -> float:
        kind = info.data.get("type", "")
        if kind == "Delta" and value < 0:
            raise ValueError("a difference is not negative")
        if kind.startswith("Periodic") and not 1 <= value <= 31_536_000:
            raise ValueError("an interval has 1 second to a year")
        return value

    def describe(self) -> Monitor:
        """The core's form of it."""
        component, component_instance = parse_name(self.component)
        variable, variable_instance = parse_name(self.variable)
        return Monitor(
            component=component,
            component_instance=component_instance,
            variable=variable,
            variable_instance=variable_instance,
            **self.model_dump(exclude={"component", "variable"}),
        )
