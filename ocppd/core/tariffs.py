"""What a TariffType of OCPP 2.1 says: whether it can be followed, its prices at a moment, and its taxes.

A tariff has a list of prices for each dimension, and of each list the first counts whose conditions hold in
the `Situation`. While no price changes cost is linear in time and energy. `next_change` tells when the clock
may change one, `levels` at which amounts something else may. Local moments are epoch seconds as if the local
time were UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload

# The field of the price of each dimension, and for how much of what is counted that is.
PRICES = {
    "energy": "priceKwh",
    "chargingTime": "priceMinute",
    "idleTime": "priceMinute",
    "fixedFee": "priceFixed",
}
_NOT_COUNTED = ("reservationTime", "reservationFixed")
_TIMED = frozenset(["startTimeOfDay", "endTimeOfDay", "dayOfWeek", "validFromDate", "validToDate"])
# What the names of conditions end in that begin with min and max, and what in a situation they are about.
_RANGES = {
    "Energy": "energy_wh",
    "Current": "current_a",
    "Power": "power_w",
    "Time": "seconds",
    "ChargingTime": "charging_s",
    "IdleTime": "idle_s",
}
_BOTH_WAYS = frozenset(["Energy", "Current", "Power"])  # of the others there is nothing below 0
_BOUNDS = {f"{end}{name}": name for name in _RANGES for end in ("min", "max")}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DATE = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_GREATEST = 1e6  # of a price, and in percent of a tax
_GREATEST_BOUND = 1e12  # in Wh, W, A or seconds
_NEARLY = 1e-6  # so much short of a bound is at it: what floats lose on the way
_DAY = timedelta(days=1)


class Situation(NamedTuple):
    """What conditions are about: where and when it is, and how it stands with the transaction.

    `kind` is the EvseKindEnumType, `current_a` the sum over all phases, `seconds` how long the transaction
    has lasted. Energy, current and power are below 0 where they flow back to the grid. `brand` and
    `recognition` tell how it is paid, None where that is not known.
    """

    local: float
    kind: str
    energy_wh: float = 0.0
    current_a: float = 0.0
    power_w: float = 0.0
    seconds: float = 0.0
    charging_s: float = 0.0
    idle_s: float = 0.0
    brand: str | None = None
    recognition: str | None = None


# Whether it can be followed


def refusal(tariff: Payload, most_elements: int) -> tuple[str, str] | None:
    """The TariffSetStatus and the reason code why nothing can be priced by it, None where something can."""
    if any(name in tariff for name in _NOT_COUNTED):
        return "Rejected", "UnsupportedRequest"
    elements = [it for name in PRICES for it in tariff.get(name, {}).get("prices", ())]
    if len(elements) > most_elements:
        return "TooManyElements", ""
    if not (all(map(_is_readable, _conditions(tariff))) and all(map(_is_bounded, _numbers(tariff)))):
        return "Rejected", "InvalidValue"
    return None


def _conditions(tariff: Payload) -> Iterator[Payload]:
    for name in PRICES:
        for element in tariff.get(name, {}).get("prices", ()):
            yield element.get("conditions", {})


def _is_readable(conditions: Payload) -> bool:
    times = [conditions[key] for key in ("startTimeOfDay", "endTimeOfDay") if key in conditions]
    dates = [conditions[key] for key in ("validFromDate", "validToDate") if key in conditions]
    return (
        all(map(_TIME.fullmatch, times))
        and all(map(_DATE.fullmatch, dates))
        and all(_is_a_bound(conditions[key], name) for key, name in _BOUNDS.items() if key in conditions)
        and all(conditions.get(f"min{it}", 0) * conditions.get(f"max{it}", 0) >= 0 for it in _BOTH_WAYS)
    )


def _is_a_bound(value: float, name: str) -> bool:
    return (-_GREATEST_BOUND if name in _BOTH_WAYS else 0) <= value <= _GREATEST_BOUND


def _numbers(tariff: Payload) -> Iterator[float]:
    for name, field in PRICES.items():
        yield from (it[field] for it in tariff.get(name, {}).get("prices", ()))
        yield from (it["tax"] for it in tariff.get(name, {}).get("taxRates", ()))
    for name in ("minCost", "maxCost"):
        price = tariff.get(name, {})
        yield from (price[key] for key in ("exclTax", "inclTax") if key in price)


def _is_bounded(number: float) -> bool:
    return abs(number) <= _GREATEST


# What it says in a situation


def price(tariff: Payload, dimension: str, at: Situation) -> float:
    """The price that counts then; 0 where there is none."""
    for element in tariff.get(dimension, {}).get("prices", ()):
        if _holds(element.get("conditions", {}), at):
            return float(element[PRICES[dimension]])
    return 0.0


def _holds(conditions: Payload, at: Situation) -> bool:
    return (
        conditions.get("evseKind", at.kind) == at.kind
        and conditions.get("paymentBrand", at.brand) == at.brand
        and conditions.get("paymentRecognition", at.recognition) == at.recognition
        and (
            not _TIMED & conditions.keys() or _is_its_time(conditions, datetime.fromtimestamp(at.local, UTC))
        )
        and (not _BOUNDS.keys() & conditions.keys() or _is_in_ranges(conditions, at))
    )


def _is_its_time(conditions: Payload, when: datetime) -> bool:
    if _DAYS[when.weekday()] not in conditions.get("dayOfWeek", _DAYS):
        return False
    date = f"{when:%Y-%m-%d}"
    if not conditions.get("validFromDate", "") <= date < conditions.get("validToDate", "9"):
        return False
    return _is_within(
        f"{when:%H:%M}", conditions.get("startTimeOfDay", "00:00"), conditions.get("endTimeOfDay")
    )


def _is_in_ranges(conditions: Payload, at: Situation) -> bool:
    return all(
        _is_in_range(getattr(at, field), conditions.get(f"min{name}"), conditions.get(f"max{name}"))
        for name, field in _RANGES.items()
    )


def _is_in_range(amount: float, least: float | None, most: float | None) -> bool:
    """From `least` on and below `most`; a range lies on one side of 0, and `least` is its end that is nearer.

    So one of charging does not hold of what flows back, nor the other way round.
    """
    if least is None and most is None:
        return True
    sign = -1 if (least or 0) < 0 or (most or 0) < 0 else 1
    far = sign * amount + _NEARLY
    return far >= 0 and (least is None or far >= sign * least) and (most is None or far < sign * most)


def _is_within(time: str, start: str, end: str | None) -> bool:
    """Whether it lies in a part of the day, which may go past midnight."""
    if end in (None, "00:00"):
        return start <= time
    return start <= time < end if start < end else time >= start or time < end


def next_change(tariff: Payload, local: float) -> float:
    """The next moment at which the clock may change a price, infinity where it never does."""
    conditions = [it for it in _conditions(tariff) if _TIMED & it.keys()]
    if not conditions:
        return math.inf
    when = datetime.fromtimestamp(local, UTC)
    midnight = when.replace(hour=0, minute=0, second=0, microsecond=0)
    times = {it[key] for it in conditions for key in ("startTimeOfDay", "endTimeOfDay") if key in it}
    moments = [midnight + timedelta(hours=int(it[:2]), minutes=int(it[3:])) for it in times]
    return min(it for it in (*moments, midnight + _DAY) if it > when).timestamp()


def levels(tariff: Payload, field: str) -> list[float]:
    """The amounts of that field of a situation at which a price may change.

    They are shortly before the bounds, and where the sides of the ranges end.
    """
    keys = [key for key, name in _BOUNDS.items() if _RANGES[name] == field]
    bounds = {it[key] for it in _conditions(tariff) for key in keys if key in it}
    sides = {math.copysign(_NEARLY, -it) for it in bounds}
    return sorted(sides | {it - math.copysign(_NEARLY, it) for it in bounds})


def tax_factor(tariff: Payload, dimension: str) -> float:
    """By what a price of the dimension grows with its taxes: each stack is on top of those below."""
    stacks: dict[int, float] = {}
    for rate in tariff.get(dimension, {}).get("taxRates", ()):
        stacks[rate.get("stack", 0)] = stacks.get(rate.get("stack", 0), 0.0) + rate["tax"] / 100
    return math.prod(1 + share for share in stacks.values())
