"""What has come over MQTT, in words for a terminal. It may be anybody's: no control character passes."""

from __future__ import annotations

import re
from typing import Any

import orjson

_LONGEST = 300
# Of an event, what is told in a place of its own, or only counts.
_BESIDE = frozenset(
    {"event", "station", "evse", "connector", "ts", "seq", "boot", "request_id", "cause", "before", "after"}
)
_LAST = ("transaction_id",)  # long, and seldom of interest
_WORD = re.compile(r"[^\s\"'=\[\]{},]+")


def json_object(payload: bytes) -> dict[str, Any]:
    """A JSON object; an empty one where it is anything else."""
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def printable(value: object, longest: int = _LONGEST) -> str:
    """`value` on one line, of what can be seen: the rest is escaped as in a Python string."""
    text = str(value)
    shown = text[:longest] + ("…" if len(text) > longest else "")
    return shown if shown.isprintable() else "".join(map(_visible, shown))


def _visible(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def json_line(value: object, *, indented: bool = False) -> str:
    """`value` as JSON that a terminal only shows: whatever else it may obey is escaped."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else 0).decode()
    except orjson.JSONEncodeError:  # nested deeper than it writes, though not than it reads
        return json_line(printable(value))
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def place(content: dict[str, Any]) -> str:
    """`EVSE/CONNECTOR`, `EVSE`, or nothing for the station itself."""
    numbers = (content.get(key) for key in ("evse", "connector"))
    return "/".join(str(it) for it in numbers if isinstance(it, int))


def event_words(event: dict[str, Any]) -> str:
    """What an event tells beside its time and place: its name, what changed, the rest, and the cause."""
    rest = {key: value for key, value in event.items() if key not in _BESIDE and value is not None}
    rest |= {key: rest.pop(key) for key in _LAST if key in rest}
    cause = f"({event['cause']})" if event.get("cause") else ""
    words = [str(event.get("event", "?")), *_change(event), key_values(rest), cause]
    return printable(" ".join(filter(None, words)))


def _change(event: dict[str, Any]) -> list[str]:
    before, after = event.get("before"), event.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    keys = [key for key in after if before.get(key) != after[key]]
    named = keys != ["status"]
    return [f"{f'{key} ' if named else ''}{word(before.get(key))} → {word(after[key])}" for key in keys]


def key_values(content: dict[str, Any]) -> str:
    """`key=value key=value`, for people and for grep."""
    return printable(" ".join(f"{key}={word(value)}" for key, value in content.items()))


def word(value: object) -> str:
    """Text as it is where that is one word; all else as JSON. Of a token its number is enough."""
    if isinstance(value, dict) and isinstance(value.get("idToken"), str):
        value = value["idToken"]
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    return json_line(value)
