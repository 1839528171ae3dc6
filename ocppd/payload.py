"""What a command's payload says: rules 1 to 4 of the MQTT API, as pure functions.

A payload is either a JSON object or bare text for the command's primary argument. Bare text is never read
as JSON: `12345E67` is the UID of a card, not a number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from ocppd.core.errors import CommandError

MAX_BYTES: Final = 64 * 1024
"""The longest payload that is read, before trimming."""

MAX_DEPTH: Final = 64
"""How deep objects and lists may nest. Whatever walks a payload later recurses, and Python's stack ends."""

_BLANKS = " \t\r\n"
_BY_DEFAULT = frozenset({"", "?", "press"})
_ON = frozenset({"on", "1", "true", "yes"})
_OFF = frozenset({"off", "0", "false", "no"})


class PayloadError(CommandError):
    """A payload that cannot be read: `code` is `bad_payload`, `too_large` or `bad_json`."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload after rules 1 to 3; at most one of the two is not None.

    `text` is the primary argument as it was sent, trimmed. `fields` are the members of a JSON object. Both
    are None where the command's default is meant: an empty payload, `?` or `PRESS`.
    """

    text: str | None = None
    fields: dict[str, Any] | None = None


def parse(raw: bytes) -> Payload:
    """Read `raw`, the bytes of one MQTT message.

    Raises PayloadError: `too_large` above MAX_BYTES, `bad_payload` where it is not UTF-8, `bad_json` where it
    starts with `{` and is not one JSON object with unique keys, finite numbers and at most MAX_DEPTH levels.
    """
    if len(raw) > MAX_BYTES:
        raise PayloadError("too_large", f"the payload has {len(raw)} bytes, at most {MAX_BYTES} are read")
    text = _trimmed(raw)
    if text.startswith("{"):
        return Payload(fields=_fields(text))
    return Payload(text=None if text.lower() in _BY_DEFAULT else text)


def switch(text: str) -> bool | Literal["toggle"] | None:
    """What `text` says to a command that takes ON or OFF, in any case; None where it is none of the words."""
    word = text.lower()
    if word in _ON:
        return True
    if word in _OFF:
        return False
    return "toggle" if word == "toggle" else None


def is_release(text: str) -> bool:
    """Answer whether a trigger command ignores `text`: buttons send ON when pressed and OFF when let go."""
    return text.lower() == "release" or switch(text) is False


def _trimmed(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise PayloadError("bad_payload", f"the payload is not UTF-8: {error.reason}") from error
    # Firmware written in C sends the end of the string with it, before or after the end of the line.
    return text.lstrip(_BLANKS).rstrip(_BLANKS + "\0")


def _fields(text: str) -> dict[str, Any]:
    """Read an object strictly; `text` starts with `{`, so whatever parses is an object."""
    try:
        fields: dict[str, Any] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise PayloadError("bad_json", f"the payload is not a JSON object: {error}") from error
    if _is_deeper_than(MAX_DEPTH, fields):
        raise PayloadError("bad_json", f"the payload nests deeper than {MAX_DEPTH} levels")
    # orjson keeps the last of several equal keys. Which of them was meant, nobody can tell. Numbers stay text
    # here, as they are read already and long ones are slow or refused.
    json.loads(text, object_pairs_hook=_refuse_double_keys, parse_int=str, parse_float=str)
    return fields


def _refuse_double_keys(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise PayloadError("bad_json", f"the key {key[:40]!r} stands twice in one object")
        seen.add(key)


def _is_deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit):
        if not level:
            return False
        level = [child for node in level for child in _children(node)]
    return any(isinstance(node, (dict, list)) for node in level)


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
