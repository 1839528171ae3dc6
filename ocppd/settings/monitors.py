"""Monitors that a station is delivered with, as the configuration writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from ocppd.core.description import Monitor, MonitorType
from ocppd.settings.presets import Name, parse_name
from ocppd.settings.section import Section


class MonitorSettings(Section):
    """One entry of `monitors`: a preconfigured monitor, or one that is `hard_wired`, on one variable."""

    component: Name = Field(description="`Name` or `Name[instance]`.")
    variable: Name = Field(description="`Name` or `Name[instance]`.")
    evse: Annotated[int, Field(ge=1)] | None = Field(None, description="Of which EVSE, from 1.")
    connector: Annotated[int, Field(ge=1)] | None = Field(None, description="Of which connector, from 1.")
    type: MonitorType = Field(description="OCPP's MonitorEnumType.")
    value: float = Field(
        1,
        ge=-1e18,
        le=1e18,
        validate_default=True,
        description="The threshold, the difference, or the interval in seconds.",
    )
    severity: int = Field(5, ge=0, le=9, description="From 0, danger, to 9, debug.")
    transaction: bool = Field(False, description="It is active only while a transaction runs there.")
    hard_wired: bool = Field(False, description="The CSMS can neither change nor clear it.")

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
        if kind in ("Delta", "TargetDelta", "TargetDeltaRelative") and value < 0:
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
