"""Tariffs, and what a transaction costs (I)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from ocppd.core.kept import Kept

Cost = Annotated[float, Meta(ge=-1e12, le=1e12)]


class Bill(Kept):
    """What is shown when a transaction is over: its `cost`, None where it could not be learnt (I03, I05)."""

    cost: Cost | None = None


class DefaultTariff(Kept):
    """A TariffType as it came, for the transactions at that EVSE (I07)."""

    evse: Annotated[int, Meta(ge=1)]
    tariff: dict[str, Any]


class DriverTariff(Kept):
    """The TariffType that came with an IdTokenType (I08)."""

    token: dict[str, Any]
    tariff: dict[str, Any]


class Period(Kept):
    """A part of a transaction in which no price has changed, and what there was of each dimension in it.

    `energy_wh` is below 0 where more has flowed back than was charged.
    """

    since: float
    tariff_id: str
    energy_wh: float
    charging_s: float
    idle_s: float


class Account(Kept):
    """What a transaction costs by its `tariff` (I12).

    `sums` are the costs without and with taxes, by the dimensions of the tariff, until the moment `at`, when
    the transaction had taken `energy_wh` more than it had fed back, had charged for `charging_s` and been
    idle for `idle_s`; since then the `prices` count. `periods` are those that are over. `is_changed` is that
    the CSMS has given it another tariff than it began with (I11), `is_told` that the CSMS knows of it.
    """

    tariff: dict[str, Any]
    at: float
    energy_wh: float
    charging_s: float
    idle_s: float = 0.0
    prices: dict[str, float] = field(default_factory=dict)
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)
    is_changed: bool = False
    is_told: bool = False
