"""J. Meter values: which measurands are told when, and the readings that tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocppd.blocks.j_measurands import MEASURANDS, REGISTER, Began, Metered, at_evse, at_grid, flow, samples
from ocppd.blocks.j_signed import signed
from ocppd.core.variables import Variable, boolean, decimal, integer, members

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station


def _measurands(controller: str, name: str, default: str = REGISTER) -> Any:
    return members(controller, name, default, MEASURANDS, mutability="ReadWrite", maximum=1000)


ALIGNED_MEASURANDS = _measurands("AlignedDataCtrlr", "Measurands")
ALIGNED_ENDED_MEASURANDS = _measurands("AlignedDataCtrlr", "TxEndedMeasurands", "")
ALIGNED_AVAILABLE = boolean("AlignedDataCtrlr", "Available", True)
ALIGNED_ENABLED = boolean("AlignedDataCtrlr", "Enabled", True, mutability="ReadWrite")
SIGN_ALIGNED = boolean("AlignedDataCtrlr", "SignReadings", False, mutability="ReadWrite")
STARTED_MEASURANDS = _measurands("SampledDataCtrlr", "TxStartedMeasurands")
UPDATED_MEASURANDS = _measurands("SampledDataCtrlr", "TxUpdatedMeasurands")
ENDED_MEASURANDS = _measurands("SampledDataCtrlr", "TxEndedMeasurands")
SAMPLED_AVAILABLE = boolean("SampledDataCtrlr", "Available", True)
SAMPLED_ENABLED = boolean("SampledDataCtrlr", "Enabled", True, mutability="ReadWrite")
# The meter has one register, for all phases.
NO_PHASES = boolean("SampledDataCtrlr", "RegisterValuesWithoutPhases", True)
SIGN_READINGS = boolean("SampledDataCtrlr", "SignReadings", False, mutability="ReadWrite")
UPDATED_INTERVAL = integer(
    "SampledDataCtrlr", "TxUpdatedInterval", 60, mutability="ReadWrite", unit="s", minimum=0
)
ENDED_INTERVAL = integer(
    "SampledDataCtrlr", "TxEndedInterval", 0, mutability="ReadWrite", unit="s", minimum=0
)
EVSE_POWER = decimal(
    "EVSE",
    "Power",
    place="evse",
    unit="W",  # below 0 what flows back
    maximum=lambda hardware, evse, _c: str(hardware.evses[evse - 1].max_w),
    read=lambda st, evse, _c: str(round(flow(st, evse).power_w, 1)),
)


@dataclass(frozen=True, slots=True)
class Series:
    """A series of readings: its `name`, what it tells, whether it is signed, and whether it is on."""

    name: str
    measurands: Variable[tuple[str, ...]]
    signs: Variable[bool]
    enabled: Variable[bool]


STARTED = Series("TxStarted", STARTED_MEASURANDS, SIGN_READINGS, SAMPLED_ENABLED)
UPDATED = Series("TxUpdated", UPDATED_MEASURANDS, SIGN_READINGS, SAMPLED_ENABLED)
ENDED = Series("TxEnded", ENDED_MEASURANDS, SIGN_READINGS, SAMPLED_ENABLED)
ALIGNED = Series("Aligned", ALIGNED_MEASURANDS, SIGN_ALIGNED, ALIGNED_ENABLED)
ALIGNED_ENDED = Series("AlignedTxEnded", ALIGNED_ENDED_MEASURANDS, SIGN_ALIGNED, ALIGNED_ENABLED)
_INTERVALS = frozenset(it for it in MEASURANDS if it.endswith(".Interval"))
# What is asked for is told even where the series is off.
_ASKED_FOR = ("Trigger", "Other")
# Readings at which the next interval of their series begins.
_REGULAR = ("Sample.Periodic", "Sample.Clock", "Transaction.Begin")


def reading(st: Station, evse: int, series: Series, context: str) -> list[Payload]:
    """What the series tells now, as a list of one MeterValueType, or of none where there is nothing to tell.

    Where the series is signed, its register is (E02.FR.14, J01.FR.21, J02.FR.21).
    """
    measurands = _wanted(st, series, context)
    if not measurands:
        return []
    shown = at_evse(st, evse)
    needs_since = not _INTERVALS.isdisjoint(measurands)
    since = _since(st, evse, series, context) if needs_since else None
    values = _values(shown, measurands, context, since)
    for value in values:
        if value["measurand"] == REGISTER and st.get(series.signs):
            value["signedMeterValue"] = signed(st, evse, context)
    return [{"timestamp": st.timestamp(), "sampledValue": values}] if values else []


def grid_reading(st: Station, context: str) -> list[Payload]:
    """The same of the meter at the grid, which does not sign, for MeterValues (J01.FR.03)."""
    values = _values(at_grid(st), _wanted(st, ALIGNED, context), context, None)
    for value in values:
        value["location"] = "Inlet"
    return [{"timestamp": st.timestamp(), "sampledValue": values}] if values else []


def _wanted(st: Station, series: Series, context: str) -> tuple[str, ...]:
    return st.get(series.measurands) if context in _ASKED_FOR or st.get(series.enabled) else ()


def _values(shown: Metered, measurands: Iterable[str], context: str, since: Began | None) -> list[Payload]:
    values = [value for name in measurands for value in samples(shown, name, since)]
    for value in values:
        value["context"] = context
    return values


def _since(st: Station, evse: int, series: Series, context: str) -> Began | None:
    """The registers as the series' interval began: at its latest regular reading, or with the transaction."""
    place = st.evse(evse)
    meter, tx = place.meter, place.transaction
    marks = meter.marks or {}
    began = marks.get(series.name)
    if series is not ALIGNED and tx is not None and (began is None or began[0] < tx.energy_start_wh):
        began = tx.energy_start_wh, tx.reactive_start_varh, tx.export_start_wh
    if context in _REGULAR:
        shown = meter.energy_wh, meter.reactive_varh
        meter.marks = {**marks, series.name: (*shown, meter.export_wh) if meter.export_wh else shown}
    return None if began is None else Began(*began)


def aligned(st: Station, evse: int, context: str) -> list[Payload]:
    """What a MeterValues of the EVSE, or at 0 of the station, would tell; empty where there is nothing."""
    return reading(st, evse, ALIGNED, context) if evse else grid_reading(st, context)


def notify(st: Station, evse: int, values: list[Payload], context: dict[str, Any] | None = None) -> None:
    """Send a MeterValues (J01.FR.02, F06.FR.06)."""
    st.send("MeterValues", {"evseId": evse, "meterValue": values}, context=context, while_pending=True)
