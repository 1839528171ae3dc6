"""J. Power cuts in a transaction: its end tells what the meter showed before and after (J02.FR.04)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import e_samples
from ocppd.blocks import j_meter_values as meter
from ocppd.core import on

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station


@on.event("power")
def power_is_cut(st: Station, event: Event) -> None:
    """The meter still knows its register."""
    if not event.data["on"]:
        _keep_all(st, "Interruption.Begin")


@on.event("power_up")
def power_is_back(st: Station, _event: Event) -> None:
    """Transactions go on; after a reset there is none."""
    _keep_all(st, "Interruption.End")


def _keep_all(st: Station, context: str) -> None:
    for evse, place in st.evses():
        if place.transaction is not None:
            e_samples.keep(place.transaction, meter.reading(st, evse, meter.ENDED, context))
