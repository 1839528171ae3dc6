"""E. The samples of a transaction: those that are told at once, and those for its end (J02, E06.FR.11)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.blocks import j_meter_values as meter
from ocppd.blocks.e_transaction_events import tell
from ocppd.core import on

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Transaction
    from ocppd.core.station import Event, Station

# A bound on the Ended message, which would grow for as long as a transaction runs (E06.FR.12).
MOST_SAMPLES = 200


@on.timer("sample")
def sample(st: Station, evse: int) -> None:
    """TxUpdatedInterval has passed (J02.FR.11)."""
    tx = st.evse(evse).transaction
    if tx is None:
        return
    _set(st, f"sample:{evse}", tx, st.get(meter.UPDATED_INTERVAL))
    values = meter.reading(st, evse, meter.UPDATED, "Sample.Periodic")
    if values:
        tell(st, evse, tx, "Updated", "MeterValuePeriodic", values=values)


@on.timer("ended_sample")
def ended_sample(st: Station, evse: int) -> None:
    """TxEndedInterval has passed: keep the sample for the Ended message (E06.FR.11)."""
    tx = st.evse(evse).transaction
    if tx is not None:
        _set(st, f"ended_sample:{evse}", tx, st.get(meter.ENDED_INTERVAL))
        keep(tx, meter.reading(st, evse, meter.ENDED, "Sample.Periodic"))


def keep(tx: Transaction, values: list[Payload]) -> None:
    """Keep samples for the Ended message, thinned out where they would be too many (E06.FR.12)."""
    if len(tx.samples) >= MOST_SAMPLES:
        del tx.samples[1::2]  # E06.FR.13: those between, and neither begin nor end
    tx.samples += values


@on.event("variable_changed")
def intervals_changed(st: Station, event: Event) -> None:
    """New intervals count at once."""
    if event.data["key"].startswith("SampledDataCtrlr."):
        for evse, place in st.evses():
            if place.transaction is not None:
                arm(st, evse, place.transaction)


def arm(st: Station, evse: int, tx: Transaction) -> None:
    """Take samples of the transaction from now on, as the intervals say (J02.FR.11)."""
    enabled = st.get(meter.SAMPLED_ENABLED)
    _set(st, f"sample:{evse}", tx, st.get(meter.UPDATED_INTERVAL) * enabled)
    _set(st, f"ended_sample:{evse}", tx, st.get(meter.ENDED_INTERVAL) * enabled)


def _set(st: Station, timer: str, tx: Transaction, interval: int) -> None:
    """Set the timer to the next multiple of `interval` since the transaction started; 0 is never."""
    st.cancel(timer)
    if interval:
        passed = math.floor((st.now - tx.started) / interval + 1e-6)
        st.at(tx.started + (passed + 1) * interval, timer)
