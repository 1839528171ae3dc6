"""K. The limit acts: energy follows it at once, and what that changes is told (K02, K04, K11, K13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import e_energy, e_transaction_events
from ocppd.core import limits, on
from ocppd.core.variables import decimal

if TYPE_CHECKING:
    from ocppd.core.state import Transaction
    from ocppd.core.station import Event, Station

_ROUNDING = 1e-6

SIGNIFICANCE = decimal(
    "SmartChargingCtrlr",
    "LimitChangeSignificance",
    default="10",
    mutability="ReadWrite",
    unit="Percent",
    minimum=0,
    maximum=100,
)


@on.timer(limits.TIMER)
def changes(st: Station) -> None:
    """A period begins or ends; without power that is found out at the power-up."""
    if st.is_running:
        limits.renew(st)


@on.event("started", "power_up", "clock_set")
def look_again(st: Station, _event: Event) -> None:
    """Boundaries may have passed, or are elsewhere on a clock that was put right."""
    limits.renew(st)


@on.event("transaction_event_answered")
def priority_told(st: Station, _event: Event) -> None:
    """The CSMS may have given the transaction another chargingPriority (K03.FR.05)."""
    limits.renew(st)


@on.event("variable_changed")
def switched(st: Station, event: Event) -> None:
    """Without smart charging nothing is limited."""
    if event.data["key"] == limits.ENABLED.station_key:
        limits.renew(st)


@on.event("tx_started", "tx_updated")
def power_path(st: Station, event: Event) -> None:
    """From when energy can be delivered on, Relative profiles count (K01.FR.42)."""
    place = st.evse(event.evse)
    tx = place.transaction
    if tx is not None and tx.power_path_closed is None and "PowerPathClosed" in place.points:
        tx.power_path_closed = st.now
        limits.renew(st)


@on.event("limited")
def act(st: Station, event: Event) -> None:
    """The limit of an EVSE has changed."""
    evse = event.evse
    tx = st.evse(evse).transaction
    before = tx.charging_state if tx is not None else None
    e_energy.follow(st, evse)
    if tx is not None and tx is st.evse(evse).transaction and st.is_running:
        mode_is_new = e_transaction_events.is_mode_new(st, evse, tx)
        if mode_is_new:
            e_transaction_events.tell(st, evse, tx, "Updated", "OperationModeChanged")
        _tell_rate(st, evse, tx, before, event.data["rate_w"], is_told=mode_is_new)
    limit_w, source = limits.limit_w(st, evse), limits.source(st, evse)
    st.emit("limit_changed", evse, limit_w=limit_w, limit_source=source)


def _tell_rate(
    st: Station, evse: int, tx: Transaction, before: str | None, rate_w: float, *, is_told: bool
) -> None:
    """Tell a change of the charging rate that is great enough (K11.FR.04, K13.FR.03, SC.03).

    `before` is the charging state and `rate_w` what was possible before the limit changed. A changed state
    has been told already; so has all where it `is_told`.
    """
    rate = limits.rate(st, evse)
    known = rate_w if tx.rate_w is None else tx.rate_w
    if tx.charging_state != "Charging" or before != "Charging":
        tx.rate_w = rate if tx.charging_state == "Charging" else None
        return
    tx.rate_w = known
    if is_told:
        tx.rate_w = rate
    elif is_significant(st, known, rate):
        tx.rate_w = rate
        e_transaction_events.tell(st, evse, tx, "Updated", "ChargingRateChanged")


def is_significant(st: Station, before: float, after: float) -> bool:
    """Whether a limit or rate has changed by more than LimitChangeSignificance percent."""
    return abs(after - before) * 100 > st.get(SIGNIFICANCE) * abs(before) + _ROUNDING
