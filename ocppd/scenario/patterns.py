"""What is expected of a value: some of its keys, at any depth, and comparisons.

{"state": "Charging"}         of an object, these keys; the rest may be any
[{"measurand": "SoC"}]        of a list, one entry like each of these; [] is the empty list
null                          null, or not there
{"min": 1, "max": 2}          a number (or its text) within these bounds
{"any": [...]}, {"not": ...}  one of several patterns; none like this
{"contains": "text"}          a text with this in it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_COMPARISONS = frozenset({"min", "max", "any", "not", "contains"})
_LONGEST = 80
_ABSENT = object()


def differences(value: object, like: object, path: str = "") -> Iterator[str]:
    """Where `value` is not like `like`, one line each; nothing where it is."""
    if _is_comparison(value, like):
        yield from _compared(value, like, path)
    elif isinstance(like, dict) and isinstance(value, dict):
        for key, wanted in like.items():
            yield from differences(value.get(key, _ABSENT), wanted, f"{path}.{key}" if path else str(key))
    elif isinstance(like, list) and isinstance(value, list):
        yield from _entries(value, like, path)
    elif like is None and value is _ABSENT:
        return
    elif isinstance(value, bool) != isinstance(like, bool) or value != like:
        yield _told(path, shown(like), value)


def shown(value: object) -> str:
    """The value in few words."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _is_comparison(value: object, like: object) -> bool:
    if not isinstance(like, dict) or not like or not _COMPARISONS.issuperset(like):
        return False
    # An object that has such keys itself is looked into.
    return not (isinstance(value, dict) and set(like) & set(value))


def _compared(value: object, like: Any, path: str) -> Iterator[str]:
    if "min" in like and not _is_ordered(like["min"], value):
        yield _told(path, f"at least {like['min']}", value)
    if "max" in like and not _is_ordered(value, like["max"]):
        yield _told(path, f"at most {like['max']}", value)
    if "contains" in like and not (isinstance(value, str) and str(like["contains"]) in value):
        yield _told(path, f"a text with {shown(like['contains'])} in it", value)
    if "any" in like and all(any(differences(value, one)) for one in _options(like["any"])):
        yield _told(path, f"one of {shown(like['any'])}", value)
    if "not" in like and not any(differences(value, like["not"])):
        yield _told(path, f"not {shown(like['not'])}", value)


def _options(said: object) -> list[Any]:
    return said if isinstance(said, list) else []


def _is_ordered(low: object, high: object) -> bool:
    one, other = _number(low), _number(high)
    return one is not None and other is not None and one <= other


def _number(value: object) -> float | None:
    """OCPP spells the values of variables as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _entries(value: list[Any], like: list[Any], path: str) -> Iterator[str]:
    if not like and value:
        yield _told(path, "an empty list", value)
    for wanted in like:
        if all(any(differences(entry, wanted)) for entry in value):
            yield _told(path, f"an entry like {shown(wanted)}", value)


def _told(path: str, wanted: str, value: object) -> str:
    was = "is missing" if value is _ABSENT else f"was {shown(value)}"
    return f"{path or 'it'}: expected {wanted}, {was}"


def problem(like: object) -> str | None:
    """Why this is no pattern; None where it is one."""
    if isinstance(like, dict):
        if like and _COMPARISONS.issuperset(like):
            return _wrong_comparison(like) or next(filter(None, map(problem, like.values())), None)
        return next(filter(None, map(problem, like.values())), None)
    if isinstance(like, list):
        return next(filter(None, map(problem, like)), None)
    return None


def _wrong_comparison(like: dict[str, Any]) -> str | None:
    for key in ("min", "max"):
        if key in like and _number(like[key]) is None and not _is_open(like[key]):
            return f"{key}: must be a number"
    if "any" in like and not isinstance(like["any"], list) and not _is_open(like["any"]):
        return "any: must be a list of what it may be"
    if "contains" in like and not isinstance(like["contains"], str):
        return "contains: must be a text"
    return None


def _is_open(value: object) -> bool:
    """Whether a variable decides it."""
    return isinstance(value, str) and "${" in value
