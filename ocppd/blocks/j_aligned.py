"""J. Clock-aligned meter values (J01): at the multiples of an interval since midnight on the station's clock.

What an EVSE tells during a transaction is told of that, in a TransactionEvent (J01.FR.22).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.blocks import e_samples
from ocppd.blocks import j_meter_values as meter
from ocppd.blocks.e_transaction_events import tell
from ocppd.core import on
from ocppd.core.variables import Variable, boolean, integer

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

INTERVAL = integer("AlignedDataCtrlr", "Interval", 0, mutability="ReadWrite", unit="s", minimum=0)
ENDED_INTERVAL = integer(
    "AlignedDataCtrlr", "TxEndedInterval", 0, mutability="ReadWrite", unit="s", minimum=0
)
ONLY_IDLE = boolean("AlignedDataCtrlr", "SendDuringIdle", False, mutability="ReadWrite")
EVSE_ONLY_IDLE = boolean("AlignedDataCtrlr", "SendDuringIdle", False, mutability="ReadWrite", place="evse")
_DAY = 86_400
# A moment that is so close has come; one that is so long gone was missed.
_NOW = 1e-3
_LATE = 30.0


@on.event("power_up", "clock_set")
def clock_changed(st: Station, _event: Event) -> None:
    """The next moment is another."""
    _arm(st, "aligned", INTERVAL)
    _arm(st, "aligned_ended", ENDED_INTERVAL)


@on.event("variable_changed")
def intervals_changed(st: Station, event: Event) -> None:
    """New intervals count at once."""
    if event.data["key"] in (INTERVAL.station_key, meter.ALIGNED_ENABLED.station_key):
        _arm(st, "aligned", INTERVAL)
    if event.data["key"] in (ENDED_INTERVAL.station_key, meter.ALIGNED_ENABLED.station_key):
        _arm(st, "aligned_ended", ENDED_INTERVAL)


def _arm(st: Station, timer: str, interval: Variable[int]) -> None:
    """Set the timer to the next multiple of the interval since midnight; 0 is never."""
    st.cancel(timer)
    seconds = st.get(interval)
    if seconds and st.get(meter.ALIGNED_ENABLED):
        moment = st.clock + _NOW
        midnight = moment - moment % _DAY
        passed = math.floor((moment - midnight) / seconds)
        st.at(midnight + min((passed + 1) * seconds, _DAY) - st.state.clock_offset, timer)


def _is_late(st: Station, interval: int) -> bool:
    """Whether the multiple of the interval was missed, as the daemon was not there."""
    moment = st.clock + _NOW
    return moment % _DAY % interval > _LATE


@on.timer("aligned")
def tell_all(st: Station) -> None:
    """Interval has passed: tell of every EVSE and of the meter at the grid (J01.FR.14, J01.FR.22)."""
    _arm(st, "aligned", INTERVAL)
    if _is_late(st, st.get(INTERVAL)) or not st.is_running:
        return
    for evse, _ in st.evses():
        if not _is_paused(st, evse):
            _tell(st, evse)
    if not _is_paused(st) and st.state.boot.due is None and (values := meter.aligned(st, 0, "Sample.Clock")):
        meter.notify(st, 0, values)


def _tell(st: Station, evse: int) -> None:
    values, tx = meter.aligned(st, evse, "Sample.Clock"), st.evse(evse).transaction
    if values and tx is not None:
        tell(st, evse, tx, "Updated", "MeterValueClock", values=values)
    elif values and st.state.boot.due is None:
        meter.notify(st, evse, values)


@on.timer("aligned_ended")
def keep_all(st: Station) -> None:
    """TxEndedInterval has passed: keep what each transaction is to tell when it ends (E06.FR.11)."""
    _arm(st, "aligned_ended", ENDED_INTERVAL)
    if _is_late(st, st.get(ENDED_INTERVAL)) or not st.is_running:
        return
    for evse, place in st.evses():
        if place.transaction is not None and not _is_paused(st, evse):
            e_samples.keep(place.transaction, meter.reading(st, evse, meter.ALIGNED_ENDED, "Sample.Clock"))


def _is_paused(st: Station, evse: int = 0) -> bool:
    """Whether a transaction, there or anywhere, silences what is clock-aligned (J01.FR.19, J01.FR.20)."""
    running = [number for number, place in st.evses() if place.transaction is not None]
    if st.get(ONLY_IDLE) and running:
        return True
    return st.get(EVSE_ONLY_IDLE, evse) if evse in running else False
