"""What a TariffType of OCPP 2.1 says: whether it can be followed, its prices at a moment, and its taxes.

A tariff has a list of prices for each dimension, and of each list the first counts whose conditions hold.
All conditions that are known here are about the time, or about the EVSE for good: so prices change at moments
that `next_change` tells, and between two of them cost is linear in time and energy. Local moments are epoch
seconds as if the local time were UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

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
_KNOWN = _TIMED | {"evseKind", "customData"}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DATE = re.compile(r"[12]\d{3}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_GREATEST = 1e6  # of a price, and in percent of a tax
_DAY = timedelta(days=1)


# Whether it can be followed


def refusal(tariff: Payload, most_elements: int) -> tuple[str, str] | None:
    """The TariffSetStatus and the reason code why nothing can be priced by it, None where something can."""
    if any(name in tariff for name in _NOT_COUNTED):
        return "Rejected", "UnsupportedRequest"
    elements = [it for name in PRICES for it in tariff.get(name, {}).get("prices", ())]
    if len(elements) > most_elements:
        return "TooManyElements", ""
    if any(not set(it.get("conditions", {})) <= _KNOWN for it in elements):
        return "ConditionNotSupported", ""
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
    return all(map(_TIME.fullmatch, times)) and all(map(_DATE.fullmatch, dates))


def _numbers(tariff: Payload) -> Iterator[float]:
    for name, field in PRICES.items():
        yield from (it[field] for it in tariff.get(name, {}).get("prices", ()))
        yield from (it["tax"] for it in tariff.get(name, {}).get("taxRates", ()))
    for name in ("minCost", "maxCost"):
        price = tariff.get(name, {})
        yield from (price[key] for key in ("exclTax", "inclTax") if key in price)


def _is_bounded(number: float) -> bool:
    return abs(number) <= _GREATEST


# What it says at a moment


def price(tariff: Payload, dimension: str, local: float, kind: str) -> float:
    """The price that counts then at an EVSE of that EvseKind; 0 where there is none."""
    when = datetime.fromtimestamp(local, UTC)
    for element in tariff.get(dimension, {}).get("prices", ()):
        if _holds(element.get("conditions", {}), when, kind):
            return float(element[PRICES[dimension]])
    return 0.0


def _holds(conditions: Payload, when: datetime, kind: str) -> bool:
    if conditions.get("evseKind", kind) != kind:
        return False
    if _DAYS[when.weekday()] not in conditions.get("dayOfWeek", _DAYS):
        return False
    date = f"{when:%Y-%m-%d}"
    if not conditions.get("validFromDate", "") <= date < conditions.get("validToDate", "9"):
        return False
    return _is_within(
        f"{when:%H:%M}", conditions.get("startTimeOfDay", "00:00"), conditions.get("endTimeOfDay")
    )


def _is_within(time: str, start: str, end: str | None) -> bool:
    """Whether it lies in a part of the day, which may go past midnight."""
    if end in (None, "00:00"):
        return start <= time
    return start <= time < end if start < end else time >= start or time < end


def next_change(tariff: Payload, local: float) -> float:
    """The next moment at which a price may change, infinity where none ever does."""
    conditions = [it for it in _conditions(tariff) if _TIMED & it.keys()]
    if not conditions:
        return math.inf
    when = datetime.fromtimestamp(local, UTC)
    midnight = when.replace(hour=0, minute=0, second=0, microsecond=0)
    times = {it[key] for it in conditions for key in ("startTimeOfDay", "endTimeOfDay") if key in it}
    moments = [midnight + timedelta(hours=int(it[:2]), minutes=int(it[3:])) for it in times]
    return min(it for it in (*moments, midnight + _DAY) if it > when).timestamp()


def tax_factor(tariff: Payload, dimension: str) -> float:
    """By what a price of the dimension grows with its taxes: each stack is on top of those below."""
    stacks: dict[int, float] = {}
    for rate in tariff.get(dimension, {}).get("taxRates", ()):
        stacks[rate.get("stack", 0)] = stacks.get(rate.get("stack", 0), 0.0) + rate["tax"] / 100
    return math.prod(1 + share for share in stacks.values())
