"""What a line of the shell says: `[TARGET] COMMAND [ARGUMENTS]`, or a word of the shell itself. Pure.

Arguments are one JSON object, or words: `key=value`, and bare ones that are the command's arguments in their
order. A value may be quoted, `'...'` or `"..."`, and JSON may stand as it is: `ev={"soc": 20}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import orjson

from ocppd.commands import META
from ocppd.core.errors import CommandError
from ocppd.descriptions import CommandDescription
from ocppd.edge.mqtt.topics import command_name
from ocppd.payload import parse

LOCAL: Final[Mapping[str, str]] = {
    "help": "this, or what is known of one COMMAND",
    "use": "the target of all lines that name none; nothing: none",
    "stations": "which stations there are, and how they are; a pattern such as CP0* may follow",
    "events": "on, off, or the names that are shown, such as tx_* fault",
    "exit": "the end, as Ctrl-D",
}
"""What the shell itself does."""
_ALSO: Final[Mapping[str, str]] = {"quit": "exit", "?": "help"}  # old habits

_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
# Nothing else is taken for a number: 12345E67 is the UID of a card.
_JSON_WORD = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?|true|false|null")


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # NaN and the like


class LineError(CommandError):
    """A line that cannot be read, in words for people; its code is `invalid_argument`."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid_argument", message)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `target` is None where it names none, `command` is as we write it, `rest` is what follows."""

    target: str | None
    command: str
    rest: str = ""


def read_line(text: str, commands: Container[str]) -> Line | None:
    """The parts of a line; None for an empty one and for a `# comment`.

    It begins with a target unless its first word is a command.

    Raises:
        LineError: it is no text.
    """
    if text != text.encode(errors="replace").decode():
        raise LineError("the line is not UTF-8")
    first, rest = _cut(text)
    if not first or first.startswith("#"):
        return None
    word = command_name(first)
    word = _ALSO.get(word, word)
    if word in LOCAL or word in commands:
        return Line(None, word, rest)
    second, rest = _cut(rest)
    if not second:
        return Line(None, word)
    return Line(first, command_name(second), rest)


def _cut(text: str) -> tuple[str, str]:
    """The first word, and what follows."""
    first, *rest = text.split(maxsplit=1) or [""]
    return first, "".join(rest).rstrip()


def read_arguments(text: str, command: CommandDescription | None) -> str | dict[str, Any]:
    """What to send: a JSON object, or bare text where nobody knows the name of what it is.

    Raises:
        CommandError: it cannot be read, or there is more than the command takes.
    """
    if text.startswith("{"):
        return parse(text.encode()).fields or {}
    words = list(_words(text, _types(command)))
    bare = [word for key, word in words if key is None]
    names = positions(command)
    if not names and len(bare) == len(words) == 1:
        return bare[0] if isinstance(bare[0], str) else text
    if len(bare) > len(names):
        takes = f"{len(names)} bare words at most" if names else "no bare words"
        raise LineError(
            f"{command['name'] if command else 'this'} takes {takes}; quote what has blanks in it"
        )
    fields = dict(zip(names, bare, strict=False))
    for key, word in words:
        if key is None:
            continue
        if key in fields:
            raise LineError(f"{key} is given twice")
        fields[key] = word
    return _sendable(fields)


def _sendable(fields: dict[str, Any]) -> dict[str, Any]:
    try:
        orjson.dumps(fields)
    except orjson.JSONEncodeError as error:  # too deep, too large a number, or half a character
        raise LineError(f"this cannot be sent as JSON: {error}") from None
    return fields


def positions(command: CommandDescription | None) -> list[str]:
    """Of the arguments that bare words give, in their order; a trigger has none."""
    if command is None:
        return []
    arguments = command["arguments"]
    is_trigger = command["primary"] is None and not any(it["required"] for it in arguments)
    return [] if is_trigger else [it["name"] for it in arguments]


def _types(command: CommandDescription | None) -> dict[str, str]:
    return {it["name"]: it["type"] for it in command["arguments"]} if command else {}


def _words(text: str, types: Mapping[str, str]) -> Iterator[tuple[str | None, Any]]:
    """Each word's key, or None, and value. Only what the command or the MQTT API has is a key."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        key, found = None, _KEY.match(text, at)
        if found and (not types or found[1] in types or found[1] in META):
            key, at = found[1], found.end()
        value, at = _value(text, at, is_text=key is None or types.get(key) == "text")
        yield key, value


def _value(text: str, at: int, *, is_text: bool) -> tuple[Any, int]:
    """The value that begins at `at`, and where it ends. What looks like a number may be text all the same."""
    start = text[at : at + 1]
    if start in ('"', "{", "["):
        return _json(text, at)
    if start == "'":
        end = text.find("'", at + 1)
        if end < 0:
            raise LineError("a ' has no end")
        inner = text[at + 1 : end].strip()
        return (_whole_json(inner) if inner.startswith(("{", "[")) else inner), end + 1
    end = next((place for place in range(at, len(text)) if text[place].isspace()), len(text))
    word = text[at:end]
    return (word if is_text or not _JSON_WORD.fullmatch(word) else json.loads(word)), end


def _whole_json(text: str) -> Any:
    value, end = _json(text, 0)
    if end < len(text):
        raise LineError(f"more than one JSON value: {text[end : end + 40]}")
    return value


def _json(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        what = 'text in "..."' if text[at] == '"' else "JSON"
        raise LineError(f"this is no {what}: {text[at : at + 40]}") from None
    if end < len(text) and not text[end].isspace():
        raise LineError(f"a blank is missing after {text[at:end][-40:]}")
    return value, end
