"""What a period of a charging profile wants besides its limit: the operation modes of OCPP 2.1 (Q).

A `Mode` says which way energy is to flow and how much of it: setpoints are in W, below 0 back to the grid.
Some are told by others while the profile counts: an energy manager on site, or the aFRR signal of the CSMS
and the frequency of the grid, which curves turn into W.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload

CHARGING_ONLY = "ChargingOnly"
IDLE = "Idle"
EXTERNAL_SETPOINT = "ExternalSetpoint"
# What is not among them, LocalLoadBalancing, would need a meter of the whole site.
SUPPORTED = (
    CHARGING_ONLY,
    IDLE,
    "CentralSetpoint",
    EXTERNAL_SETPOINT,
    "ExternalLimits",
    "CentralFrequency",
    "LocalFrequency",
)
# Which fields of a period a mode may have beside its limit, and which of them it must have one of.
_OWN: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    CHARGING_ONLY: (frozenset(), frozenset(["limit"])),
    IDLE: (frozenset(), frozenset()),
    "CentralSetpoint": (frozenset(["dischargeLimit", "setpoint"]), frozenset(["setpoint"])),
    EXTERNAL_SETPOINT: (frozenset(["dischargeLimit"]), frozenset()),
    "ExternalLimits": (frozenset(["dischargeLimit"]), frozenset()),
    "CentralFrequency": (
        frozenset(["dischargeLimit", "setpoint", "v2xBaseline", "v2xSignalWattCurve"]),
        frozenset(["setpoint", "v2xSignalWattCurve"]),
    ),
    "LocalFrequency": (
        frozenset(["dischargeLimit", "v2xBaseline", "v2xFreqWattCurve"]),
        frozenset(["v2xFreqWattCurve"]),
    ),
}
FIELDS = frozenset().union(*(may for may, _ in _OWN.values()))
_GREATEST = 1e9  # A, W, Hz or the value of a signal

Curve = tuple[tuple[float, float], ...]


class Mode(NamedTuple):
    """A mode other than ChargingOnly. `setpoint_w` is None where it is not known, or there is none.

    No more than `back_w` is fed back. `by_signal` and `by_frequency` are points of a curve, empty for none,
    to which `baseline_w` is added.
    """

    name: str
    setpoint_w: float | None = None
    back_w: float = math.inf
    by_signal: Curve = ()
    by_frequency: Curve = ()
    baseline_w: float = 0.0

    def told(self, *, external_w: float | None, signal: int | None, frequency_hz: float) -> Mode:
        """The same with the setpoint that follows from what others tell now."""
        if self.name == EXTERNAL_SETPOINT:
            return self._replace(setpoint_w=external_w or 0.0)
        if self.by_signal:
            more = 0.0 if signal is None else at(self.by_signal, signal)
            return self._replace(setpoint_w=self.baseline_w + more)
        if self.by_frequency:
            return self._replace(setpoint_w=self.baseline_w + at(self.by_frequency, frequency_hz))
        return self

    @property
    def most_w(self) -> float:
        """The most that may be charged."""
        return math.inf if self.setpoint_w is None else max(0.0, self.setpoint_w)

    @property
    def discharge_w(self) -> float:
        """What is to be fed back."""
        return 0.0 if self.setpoint_w is None else min(self.back_w, max(0.0, -self.setpoint_w))


def at(curve: Curve, place: float) -> float:
    """The value of a curve: lines between its points, level beyond them."""
    if place <= curve[0][0]:
        return curve[0][1]
    for (start, low), (end, high) in pairwise(curve):
        if place <= end:
            return low + (high - low) * (place - start) / (end - start)
    return curve[-1][1]


def mode_of(period: Payload, watts_for_one: float) -> Mode | None:
    """The mode of a ChargingSchedulePeriodType without defects, None for ChargingOnly.

    `watts_for_one` is how many W one of the schedule's unit is.
    """
    name = period.get("operationMode", CHARGING_ONLY)
    if name == CHARGING_ONLY:
        return None
    if name == IDLE:
        return Mode(name, 0.0, 0.0)
    setpoint = period.get("setpoint")
    return Mode(
        name,
        None if setpoint is None else setpoint * watts_for_one,
        -period.get("dischargeLimit", -math.inf) * watts_for_one,
        tuple((it["signal"], it["power"]) for it in period.get("v2xSignalWattCurve", ())),
        tuple((it["frequency"], it["power"]) for it in period.get("v2xFreqWattCurve", ())),
        period.get("v2xBaseline", 0.0),
    )


def defect(period: Payload) -> str | None:
    """The reason code why a ChargingSchedulePeriodType cannot be followed in its mode, None where it can."""
    name = period.get("operationMode", CHARGING_ONLY)
    if name not in _OWN:
        return "UnsupportedParam"
    may, must = _OWN[name]
    there = FIELDS & period.keys()
    is_complete = not must or must & period.keys()
    amounts = [period[key] for key in ("setpoint", "dischargeLimit", "v2xBaseline") if key in period]
    curves = [
        [(it[place], it["power"]) for it in period.get(key, ())]
        for key, place in (("v2xSignalWattCurve", "signal"), ("v2xFreqWattCurve", "frequency"))
    ]
    amounts += [it for curve in curves for point in curve for it in point]
    bounded = all(abs(it) <= _GREATEST for it in amounts)
    rise = all(one[0] < other[0] for curve in curves for one, other in pairwise(curve))
    return None if there <= may and is_complete and bounded and rise else "InvalidSchedule"
