"""How a battery fills, in closed form.

course    what a car takes at each state of charge: its curve, cut off at the offer; lines between points
leg       a stretch of time in which the power follows one law, up to the next point of the course

Power that differs from the course approaches it by a ramp, linear in time: then energy is a parabola, and
the moment they meet the root of a quadratic. On the course, power is linear in the state of charge, which
itself grows with the energy: a constant or an exponential of time. Powers are in W, energy at the meter in
Wh, states of charge in percent, times in seconds; `gain` is in percent per Wh.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

Course = tuple[tuple[float, float], ...]

FULL = 100.0
# Epoch seconds are exact to about 0.2 µs: closer than this, the moment of the full battery has come.
_INSTANT = 1e-3
# Of very long times, this much of them counts as that close.
_ROUNDING = 1e-9
# Less than this, in W, is no difference that would need a ramp.
_EVEN = 1e-6
_HOUR = 3600.0


@lru_cache(maxsize=1024)
def course(curve: Course, max_w: float, offer_w: float) -> Course:
    """The power from 0 to 100 %: `curve`, in percent of `max_w`, but never more than `offer_w`."""
    points = [(soc, share / 100 * max_w) for soc, share in curve]
    points = [(0.0, points[0][1])] * (points[0][0] > 0) + points
    points += [(FULL, points[-1][1])] * (points[-1][0] < FULL)
    cut = [(points[0][0], min(points[0][1], offer_w))]
    for (soc, watts), (next_soc, next_watts) in pairwise(points):
        if (watts - offer_w) * (next_watts - offer_w) < 0:
            share = (offer_w - watts) / (next_watts - watts)
            cut.append((soc + (next_soc - soc) * share, offer_w))
        cut.append((next_soc, min(next_watts, offer_w)))
    inner = zip(cut, cut[1:], cut[2:], strict=False)
    bends = [here for before, here, after in inner if not before[1] == here[1] == after[1]]
    return (cut[0], *bends, cut[-1])


@lru_cache(maxsize=256)
def constant(watts: float) -> Course:
    """The course of somebody's own power, whatever the battery would take."""
    return ((0.0, watts), (FULL, watts))


def watts_at(course: Course, soc: float) -> float:
    """The power on the course at that state of charge."""
    for (start, watts), (end, end_watts) in pairwise(course):
        if soc < end:
            return watts + (end_watts - watts) * (soc - start) / (end - start)
    return course[-1][1]


@dataclass(slots=True)
class Leg:
    """`seconds` of one law, from `soc` to `end_soc` and from `watts` to `end_watts`.

    The power changes by `slope` W each second, or where there is a `rate`, in 1/s, exponentially.
    """

    soc: float
    watts: float
    seconds: float
    end_soc: float
    end_watts: float
    slope: float = 0.0
    rate: float = 0.0

    def watts_after(self, seconds: float) -> float:
        """The power so long after its start."""
        if self.rate:
            return self.watts * math.exp(self.rate * seconds)
        return self.watts + self.slope * seconds

    def energy_after(self, seconds: float) -> float:
        """The energy that so much of it takes."""
        if self.rate:
            return self.watts * math.expm1(self.rate * seconds) / self.rate / _HOUR
        return (self.watts + self.slope * seconds / 2) * seconds / _HOUR

    def seconds_to(self, watts: float) -> float:
        """When the power, which passes `watts` in it, is there."""
        if self.rate:
            return math.log(watts / self.watts) / self.rate
        return (watts - self.watts) / self.slope

    def seconds_for(self, energy_wh: float) -> float:
        """How much of it takes that energy."""
        if self.rate:
            return math.log1p(energy_wh * _HOUR * self.rate / self.watts) / self.rate
        return min(self.seconds, _root(self.slope / 2, self.watts, -energy_wh * _HOUR))


# The state of charge and the power at the end, the energy, and for how long of the time it flowed.
Filling = tuple[float, float, float, float]


def fill(
    course: Course, gain: float, soc: float, watts: float, seconds: float, ramp: float | None = None
) -> Filling:
    """Charge for `seconds`, or until the battery is full, with `watts` at first where there is a `ramp`."""
    (_, flat), (bend, beyond), *_ = course
    is_flat = soc < bend and flat == beyond and (ramp is None or abs(watts - flat) <= _EVEN)
    # What most cars do most of the time, and all of it with each input: it must cost nothing.
    if is_flat and soc + gain * flat * (seconds * (1 + 2 * _ROUNDING) + _INSTANT) / _HOUR < bend:
        energy = flat * seconds / _HOUR
        return soc + gain * energy, flat, energy, seconds
    left, energy = seconds, 0.0
    for leg in legs(course, gain, soc, watts, ramp):
        end = leg.seconds - (_INSTANT + leg.seconds * _ROUNDING if leg.end_soc >= FULL else 0.0)
        if left <= end:
            more = leg.energy_after(left)
            reached = min(leg.soc + gain * more, leg.end_soc)
            return reached, leg.watts_after(left), energy + more, seconds
        energy += (leg.end_soc - leg.soc) / gain
        left -= leg.seconds
    return FULL, 0.0, energy, seconds - left


def seconds_to_full(
    course: Course, gain: float, soc: float, watts: float, ramp: float | None = None
) -> float:
    """How long it takes until the battery is full."""
    return sum(leg.seconds for leg in legs(course, gain, soc, watts, ramp))


def seconds_for(
    course: Course, gain: float, soc: float, watts: float, energy_wh: float, ramp: float | None = None
) -> float:
    """How long it takes until so much energy has flowed; infinity where the battery is full before."""
    seconds = 0.0
    for leg in legs(course, gain, soc, watts, ramp):
        whole = (leg.end_soc - leg.soc) / gain
        if energy_wh <= whole:
            return seconds + leg.seconds_for(energy_wh)
        energy_wh -= whole
        seconds += leg.seconds
    return math.inf


def seconds_to_power(
    course: Course, gain: float, soc: float, watts: float, levels: list[float], ramp: float | None = None
) -> float:
    """How long it takes until the power passes one of `levels`; infinity where it does not."""
    seconds = 0.0
    for leg in legs(course, gain, soc, watts, ramp):
        between = [it for it in levels if min(leg.watts, leg.end_watts) < it < max(leg.watts, leg.end_watts)]
        if between:
            return seconds + min(map(leg.seconds_to, between))
        seconds += leg.seconds
    return math.inf


def legs(course: Course, gain: float, soc: float, watts: float, ramp: float | None) -> Iterator[Leg]:
    """The legs to the full battery. `course` must be above 0 W everywhere."""
    for (start, start_watts), (end, end_watts) in pairwise(course):
        if soc >= end:
            continue
        tilt = (end_watts - start_watts) / (end - start)
        target = start_watts + tilt * (soc - start)
        if ramp is not None and abs(watts - target) > _EVEN:
            leg = _ramped(soc, watts, target, tilt, gain, math.copysign(ramp, target - watts), end)
            yield leg
            soc, watts = leg.end_soc, leg.end_watts
            if soc >= end:
                continue
        yield _on_course(soc, start_watts + tilt * (soc - start), end, end_watts, tilt, gain)
        soc, watts = end, end_watts


def _on_course(soc: float, watts: float, end: float, end_watts: float, tilt: float, gain: float) -> Leg:
    """Along one line of the course, up to its end."""
    if tilt == 0:
        return Leg(soc, watts, (end - soc) / gain * _HOUR / watts, end, watts)
    rate = tilt * gain / _HOUR
    seconds = max(0.0, math.log1p((end_watts - watts) / watts) / rate)
    return Leg(soc, watts, seconds, end, end_watts, rate=rate)


def _ramped(
    soc: float, watts: float, target: float, tilt: float, gain: float, slope: float, end: float
) -> Leg:
    """A ramp from `watts` until it meets the line of the course, which is at `target` now, or that ends."""
    to_end = _root(slope / 2, watts, -(end - soc) / gain * _HOUR)
    # Where watts + slope t = target + pull (watts t + slope t²/2): what the energy does to the target.
    pull = tilt * gain / _HOUR
    to_meet = _root(-pull * slope / 2, slope - pull * watts, watts - target)
    if to_end < to_meet:
        return Leg(soc, watts, to_end, end, max(0.0, watts + slope * to_end), slope)
    if to_meet == math.inf:
        return Leg(soc, watts, 0.0, soc, target, slope)  # they are as good as one
    reached = min(end, soc + gain * (watts + slope * to_meet / 2) * to_meet / _HOUR)
    return Leg(soc, watts, to_meet, reached, target + tilt * (reached - soc), slope)


def _root(a: float, b: float, c: float) -> float:
    """The smallest t > 0 with a t² + b t + c = 0; infinity where there is none."""
    if a == 0:
        return -c / b if b * c < 0 else math.inf
    below = b * b - 4 * a * c
    if below < 0:
        return math.inf
    # The sum that does not cancel; the other root comes from the product of both.
    q = -(b + math.copysign(math.sqrt(below), b)) / 2
    roots = (q / a, c / q if q else math.inf)
    return min((root for root in roots if root > 0), default=math.inf)
