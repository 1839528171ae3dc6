"""Variables, times and chance in the words of a scenario. Nothing is computed but what stands here.

${name}  ${name.key.0}           a variable, or a part of it; alone, it keeps its type
${now}  ${now+30m}  ${now-1h}    the time, as OCPP spells it
{"between": [1, 20]}             a number by chance; whole where both bounds are
{"pick": ["a", "b"]}             one of several, by chance
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ocppd.core.errors import OcppdError
from ocppd.core.times import format_time

MOST_NODES = 10_000
MOST_CHARACTERS = 100_000
"""How large a value may become by its variables."""
LONGEST = 366 * 86_400
"""The longest time, in seconds."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_TIME = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h|d))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_PLACE = re.compile(r"\$\{([^{}]{1,200})\}")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[\w-]+)*", re.ASCII)
_NOW = re.compile(r"now(?:([+-])(.+))?", re.ASCII)
_CHOICES = ("between", "pick")


class ValueProblemError(OcppdError):
    """A word that means nothing, or too much."""


def seconds(value: object) -> float:
    """A time: a number of seconds, or a text such as `90s`, `2h` or `1h30m`.

    Raises:
        ValueProblemError: it is none, or longer than a year.
    """
    found: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and _TIME.fullmatch(value):
        found = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    if found is None or not 0 <= found <= LONGEST:
        raise ValueProblemError("must be a time: seconds, or a text such as 90s, 5m, 2h, 1h30m")
    return found


def is_choice(value: object) -> bool:
    """Whether chance decides it."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _CHOICES


def names(value: object) -> Iterator[str]:
    """The variables that are named anywhere in it, each as its first word.

    Raises:
        ValueProblemError: what stands between the braces is no name.
    """
    if isinstance(value, str):
        for name in _PLACE.findall(value):
            if _NOW.fullmatch(name):
                _now(name, 0.0)
            elif _NAME.fullmatch(name):
                yield name.partition(".")[0]
            else:
                raise ValueProblemError(f"${{{name[:40]}}} is no variable: a name, name.key or now+5m")
    elif isinstance(value, dict):
        for entry in value.values():
            yield from names(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from names(entry)


def choices_problem(value: object) -> str | None:
    """What is wrong with a choice anywhere in it; None where nothing is."""
    if is_choice(value):
        try:
            _chosen(value, random.Random(0))  # noqa: S311 - only to try it
        except ValueProblemError as error:
            return str(error)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(choices_problem, inner)), None)


def resolved(value: object, variables: Mapping[str, object], chance: random.Random, now: float) -> Any:
    """The value with its variables and choices decided.

    Raises:
        ValueProblemError: a variable is not there, or the value has become too large.
    """
    found = _resolved(value, variables, chance, now)
    _check_size(found)
    return found


def _resolved(value: object, variables: Mapping[str, object], chance: random.Random, now: float) -> Any:
    if isinstance(value, str):
        return _text(value, variables, now)
    if isinstance(value, dict):
        decided = {key: _resolved(entry, variables, chance, now) for key, entry in value.items()}
        return _chosen(decided, chance) if is_choice(decided) else decided
    if isinstance(value, list):
        return [_resolved(entry, variables, chance, now) for entry in value]
    return value


def _text(text: str, variables: Mapping[str, object], now: float) -> Any:
    alone = _PLACE.fullmatch(text)
    if alone is not None:
        return _looked_up(alone[1], variables, now)
    found, end = "", 0
    for place in _PLACE.finditer(text):
        found += text[end : place.start()] + _spelled(_looked_up(place[1], variables, now))
        end = place.end()
        if len(found) > MOST_CHARACTERS:
            raise ValueProblemError("the value has become too large")
    return found + text[end:]


def _spelled(value: object) -> str:
    if isinstance(value, dict | list):
        raise ValueProblemError("an object or a list cannot stand within a text")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _looked_up(name: str, variables: Mapping[str, object], now: float) -> object:
    if _NOW.fullmatch(name):
        return _now(name, now)
    value: Any = variables
    for part in name.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise ValueProblemError(f"there is no ${{{name}}}")
    return value


def _now(name: str, now: float) -> str:
    match = _NOW.fullmatch(name)
    offset = seconds(match[2]) if match and match[2] else 0.0
    return format_time(now - offset if match and match[1] == "-" else now + offset)


def _chosen(value: Any, chance: random.Random) -> object:
    ((kind, options),) = value.items()
    if not isinstance(options, list) or not options:
        raise ValueProblemError(f"{kind}: must be a list")
    if kind == "pick":
        return chance.choice(options)
    match options:
        case [int(low), int(high)] if low <= high:
            return chance.randint(low, high)
        case [int() | float() as low, int() | float() as high] if low <= high:
            return chance.uniform(low, high)
    raise ValueProblemError("between: must be two numbers, the lower one first")


def _check_size(value: object) -> None:
    """Variables of variables grow fast: neither nodes nor characters may become too many."""
    left, waiting = MOST_CHARACTERS, [value]
    while waiting:
        one = waiting.pop()
        left -= 1 + (len(one) if isinstance(one, str) else 0)
        if left < 0 or len(waiting) > MOST_NODES:
            raise ValueProblemError("the value has become too large")
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
