"""Charging profiles as functions of time: what they limit, and when that changes (K01, K02, K08).

A profile is a ChargingProfileType; `Plan` is what remains of it for the sums. A `Line` is a function of time:
(moment, value) in order, each value from its moment until the next. Times are epoch seconds on the station's
own clock, as it is that which the CSMS means; power is in W for all phases together, current in A for each.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ocppd.core import operation_modes
from ocppd.core.operation_modes import Mode
from ocppd.core.times import parse_time

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload

T = TypeVar("T")
S = TypeVar("S")
Line = list[tuple[float, T]]

_RECURRENCE = {"Daily": 86_400, "Weekly": 604_800}
# What a period counts for where it does not say it (K01.FR.49).
_PHASES = 3
# Epoch seconds that are not whole differ from what they are meant to be by less than this.
_INSTANT = 1e-6
_GREATEST = 1e9  # A or W


class Cap(NamedTuple):
    """The most that may flow: `phases` how many may be used, and `phase` which one, 0 where that is open.

    `mode` says what is to become of it, None where the car just charges.
    """

    power_w: float = math.inf
    current_a: float = math.inf
    phases: int = _PHASES
    phase: int = 0
    mode: Mode | None = None


_OPEN = Cap()


class Feed(NamedTuple):
    """Through what energy flows: the volts of a phase, and how many there are; 0 for DC."""

    volts: float
    phases: int

    @property
    def columns(self) -> int:
        """By how many a current counts for the power."""
        return self.phases or 1


def rated(feed: Feed, power_w: float) -> Cap:
    """What the hardware can: `power_w` in all, evenly on its phases."""
    return Cap(power_w, power_w / feed.volts / feed.columns, feed.columns)


def watts(cap: Cap, feed: Feed) -> float:
    """The most power that `cap` lets pass."""
    return min(cap.power_w, cap.current_a * feed.volts * min(cap.phases, feed.columns))


def amperes(cap: Cap, feed: Feed) -> float:
    """The most current that `cap` lets pass on each phase."""
    return min(cap.current_a, cap.power_w / feed.volts / min(cap.phases, feed.columns))


def cap_of(period: Payload, unit: str, feed: Feed | None) -> Cap:
    """What a ChargingSchedulePeriodType allows.

    At an AC EVSE power counts as so much current on each of its phases (K01.FR.50). Without a `feed` it is a
    limit that several share, or that does not come from the CSMS: that power may flow on any phases.
    """
    if "operationMode" in period:
        return _with_mode(period, unit, feed)
    return _cap(period["limit"], period.get("numberPhases", _PHASES), period.get("phaseToUse", 0), unit, feed)


def _with_mode(period: Payload, unit: str, feed: Feed | None) -> Cap:
    phases = period.get("numberPhases", _PHASES)
    cap = _cap(period.get("limit", math.inf), phases, period.get("phaseToUse", 0), unit, feed)
    one = 1.0 if feed is None else _watts_for_one(unit, feed, phases)
    return cap._replace(mode=operation_modes.mode_of(period, one))


def _watts_for_one(unit: str, feed: Feed, phases: int) -> float:
    """How many W one of the unit is, on so many phases."""
    return feed.volts * min(phases, feed.columns) if unit == "A" else 1.0


def directed(cap: Cap, feed: Feed) -> Cap:
    """What may be charged where the setpoint of its mode is followed."""
    if cap.mode is None or cap.mode.most_w == math.inf:
        return cap
    most_w = cap.mode.most_w
    most_a = most_w / _watts_for_one("A", feed, cap.phases) if feed.phases else math.inf
    return cap._replace(power_w=min(cap.power_w, most_w), current_a=min(cap.current_a, most_a))


@lru_cache(maxsize=1024)  # most profiles use few different limits
def _cap(limit: float, phases: int, phase: int, unit: str, feed: Feed | None) -> Cap:
    if unit == "A":
        return Cap(math.inf, limit, phases, phase)  # K01.FR.51
    if feed is None or feed.phases == 0:
        return Cap(limit, math.inf, phases, phase)
    return Cap(limit, limit / feed.volts / phases, phases, phase)


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule and when it counts.

    `offsets` are the seconds since `base` at which each of `caps` begins, `length` when the last ends. It
    counts from `begin` until `end`, and anew `every` so many seconds where that is not 0. Less than `least_w`
    is hardly of use (K01.FR.21).
    """

    level: int
    base: float
    begin: float
    end: float
    length: float
    every: int
    offsets: tuple[int, ...]
    caps: tuple[Cap, ...]
    least_w: float = 0.0

    def steps(self, since: float, until: float = math.inf) -> Iterator[tuple[float, Cap | None]]:
        """A line until `until`, from `since` on or when it has a cap; None from where it has none."""
        since, end = max(since, self.begin), min(until, self.end)
        if since >= end:
            return
        for origin in self._origins(since):
            if origin >= end:
                return
            stop = min(end, origin + self.length)
            if stop <= since:
                continue
            first = max(0, bisect_right(self.offsets, since - origin) - 1)
            for offset, cap in zip(self.offsets[first:], self.caps[first:], strict=True):
                if origin + offset >= stop:
                    break
                yield max(since, origin + offset), cap
            if stop < until:
                yield stop, None

    def _origins(self, since: float) -> Iterator[float]:
        """When it starts, and starts again, from the last one before `since` on (K01.FR.30)."""
        if not self.every:
            yield self.base
            return
        first = max(0, math.floor((since - self.base) / self.every))
        yield from (self.base + number * self.every for number in count(first))

    def now(self, moment: float) -> tuple[Cap | None, float]:
        """What it allows at `moment`, None for no limit, and when that may change."""
        steps = self.steps(moment)
        at, cap = next(steps, (math.inf, None))
        if at > moment:
            return None, at
        return cap, next(steps, (math.inf, None))[0]


def plan(profile: Payload, feed: Feed | None, relative_to: float, number: int = 0) -> Plan:
    """The `number`th schedule of a profile without defects; the last one where there are not so many.

    `relative_to` is the moment at which a Relative one starts (K01.FR.41, K01.FR.42).
    """
    schedules = profile["chargingSchedule"]
    every = _RECURRENCE.get(profile.get("recurrencyKind", ""), 0)
    recurs = every if profile["chargingProfileKind"] == "Recurring" else 0
    is_relative = profile["chargingProfileKind"] == "Relative"
    schedule = schedules[min(number, len(schedules) - 1)]
    start = profile.get("dynUpdateTime", schedule.get("startSchedule"))  # K28: a Dynamic one starts anew
    return scheduled(
        schedule,
        feed,
        relative_to if is_relative else _time(start, 0.0),
        level=profile["stackLevel"],
        begin=_time(profile.get("validFrom"), -math.inf),
        end=_time(profile.get("validTo"), math.inf),
        every=recurs,
    )


def scheduled(
    schedule: Payload,
    feed: Feed | None,
    base: float,
    *,
    level: int = 0,
    begin: float = -math.inf,
    end: float = math.inf,
    every: int = 0,
) -> Plan:
    """A ChargingScheduleType whose first period begins at `base`."""
    unit, periods = schedule["chargingRateUnit"], schedule["chargingSchedulePeriod"]
    length = float(schedule.get("duration", math.inf))
    return Plan(
        level=level,
        base=base,
        begin=begin,
        end=end,
        length=min(length, every) if every else length,
        every=every,
        offsets=tuple([period["startPeriod"] for period in periods]),
        caps=tuple([cap_of(period, unit, feed) for period in periods]),
        least_w=_least_w(schedule, feed) if "minChargingRate" in schedule else 0.0,
    )


def _least_w(schedule: Payload, feed: Feed | None) -> float:
    """The minChargingRate as power; for a station as a whole it says nothing of a single EVSE."""
    if feed is None:
        return 0.0
    by_current = feed.volts * feed.columns if schedule["chargingRateUnit"] == "A" else 1.0
    return float(schedule["minChargingRate"]) * by_current


@lru_cache(maxsize=1024)  # the same times are asked for at each boundary
def _time(text: str | None, default: float) -> float:
    found = None if text is None else parse_time(text)
    return default if found is None else found


# Lines


def combined(lines: Sequence[Line[S]], choose: Callable[[list[S | None]], T]) -> Line[T]:
    """What `choose` makes of the values of all lines, at every moment; None where a line has not begun."""
    # The sort is stable: where a line has two values at one moment, the later counts.
    events = sorted(
        [(at, number, value) for number, line in enumerate(lines) for at, value in line], key=itemgetter(0)
    )
    values: list[S | None] = [None] * len(lines)
    found: Line[T] = []
    last = len(events) - 1
    for place, (at, number, value) in enumerate(events):
        values[number] = value
        if place < last and events[place + 1][0] == at:
            continue
        chosen = choose(values)
        if not found or found[-1][1] != chosen:
            found.append((at, chosen))
    return found


def leading(plans: Sequence[Plan], since: float, until: float) -> Line[Cap | None]:
    """What counts of `plans`, which precede one another, at each moment: the first that has a period then."""
    lines: list[Line[Cap | None]] = [list(it.steps(since, until)) for it in plans]
    return lines[0] if len(lines) == 1 else combined(lines, _first)


def lowest(caps: Sequence[Cap | None]) -> Cap:
    """What all of them allow (K08.FR.04, SC.01); of phases that contradict each other, the lowest."""
    power, current, phases, phase, mode = _OPEN
    for cap in caps:
        if cap is not None:
            # This runs for each period of each profile, and min() takes four times as long.
            power = min(power, cap[0])
            current = min(current, cap[1])
            phases = min(phases, cap[2])
            phase = cap[3] or phase
            mode = cap[4] or mode
    return Cap(power, current, phases, phase, mode)


def added(caps: Sequence[Cap | None]) -> Cap:
    """What all of them together come to: the currents are those of one phase that each of them uses."""
    there = [cap for cap in caps if cap is not None]
    return Cap(
        sum(cap.power_w for cap in there),
        sum(cap.current_a for cap in there),
        max((cap.phases for cap in there), default=_PHASES),
    )


def _first(caps: Sequence[Cap | None]) -> Cap | None:
    for cap in caps:
        if cap is not None:
            return cap
    return None


def periods_of(line: Line[Cap], unit: str, feed: Feed) -> list[Payload]:
    """A line as ChargingSchedulePeriodTypes, which begin with it; a limit is never rounded up (SC.01)."""
    found: list[Payload] = []
    for at, cap in line:
        limit = amperes(cap, feed) if unit == "A" else watts(cap, feed)
        period: Payload = {
            "startPeriod": round(at - line[0][0]),
            "limit": math.floor(limit * 10 + _INSTANT * 10) / 10,
        }
        if feed.phases:
            period["numberPhases"] = min(cap.phases, feed.phases)
            if cap.phase and period["numberPhases"] == 1:
                period["phaseToUse"] = cap.phase
        if cap.mode is not None:
            period |= _told(cap.mode, _watts_for_one(unit, feed, cap.phases))
        _append(found, period)
    return found


def _told(mode: Mode, watts_for_one: float) -> Payload:
    """What a period says of its mode: the setpoint that counts, whoever has told it."""
    found: Payload = {"operationMode": mode.name}
    if mode.setpoint_w is not None and mode.name != operation_modes.IDLE:
        found["setpoint"] = round(mode.setpoint_w / watts_for_one, 1)
    if 0 < mode.back_w < math.inf:
        found["dischargeLimit"] = -math.floor(mode.back_w / watts_for_one * 10 + _INSTANT * 10) / 10
    return found


def _append(found: list[Payload], period: Payload) -> None:
    """Add the period, unless it tells nothing new, or instead of one that lasts no second."""
    if found and found[-1]["startPeriod"] == period["startPeriod"]:
        found.pop()
    if not found or found[-1] | {"startPeriod": 0} != period | {"startPeriod": 0}:
        found.append(period)


# What is wrong with a profile by itself


def defect(profile: Payload) -> str | None:
    """The reason code why no station could follow a ChargingProfileType, None where one could."""
    kind = profile["chargingProfileKind"]
    if kind == "Recurring" and "recurrencyKind" not in profile:
        return "InvalidProfile"
    if profile["stackLevel"] < 0:
        return "InvalidStackLevel"
    if profile["chargingProfilePurpose"] == "ChargingStationMaxProfile" and kind == "Relative":
        return "InvalidProfile"  # K01.FR.38
    if not all(_is_moment(profile.get(key)) for key in ("validFrom", "validTo")):
        return "InvalidProfile"
    schedules = profile["chargingSchedule"]
    if any(("startSchedule" in it) == (kind in ("Relative", "Dynamic")) for it in schedules):
        return "InvalidSchedule"  # K01.FR.40, K01.FR.41
    return "InvalidSchedule" if any(map(_is_wrong, schedules)) else None


def _is_moment(text: str | None) -> bool:
    return text is None or parse_time(text) is not None


def _is_wrong(schedule: Payload) -> bool:
    """Whether times are none, or the periods do not begin with 0 and rise (K01.FR.31, K01.FR.35)."""
    found = schedule["chargingSchedulePeriod"]
    starts = [it["startPeriod"] for it in found]
    rises = starts[0] == 0 and all(one < next_ for one, next_ in pairwise(starts))
    lasts = schedule.get("duration", 1) > 0 and schedule.get("minChargingRate", 0) >= 0
    is_dated = _is_moment(schedule.get("startSchedule"))
    return not (rises and lasts and is_dated and all(map(_is_possible, found)))


def _is_possible(period: Payload) -> bool:
    """Whether limit and phases are within bounds, and a phase is named only where it is one (K01.FR.19)."""
    phases, phase = period.get("numberPhases", _PHASES), period.get("phaseToUse")
    one = phase is None or (phases == 1 and 1 <= phase <= _PHASES)
    return 0 <= period.get("limit", 0) <= _GREATEST and 1 <= phases <= _PHASES and one
