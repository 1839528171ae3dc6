"""Type hints in plain words: a person reads them who may not know Python."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "ON/OFF",
    list: "list",
    tuple: "list",
    dict: "object",
    Any: "anything",
}


def members(hint: Any) -> list[Any]:
    """What a union is made of, without None and annotations; any other hint is its only member."""
    if get_origin(hint) is Annotated:
        return members(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return [found for it in get_args(hint) if it is not type(None) for found in members(it)]
    return [hint]


def choices(hint: Any) -> list[str]:
    """The words that it takes, each once: OFF, and not Off and off, too."""
    found = members(hint)
    if bool in found:
        return ["ON", "OFF"] if len(found) == 1 else ["ON", "OFF", "TOGGLE"]
    words = [str(word) for it in found if get_origin(it) is Literal for word in get_args(it)]
    return list({word.lower(): word for word in reversed(words)}.values())[::-1]


def words(hint: Any) -> str:
    """`number or OFF`, `one of ev evse`, `ON/OFF/TOGGLE`."""
    found = members(hint)
    if bool in found:
        return "ON/OFF" if len(found) == 1 else "ON/OFF/TOGGLE"
    if len(found) == 1 and get_origin(found[0]) is Literal:
        return f"one of {' '.join(map(str, get_args(found[0])))}"
    told = (choices(it)[0] if get_origin(it) is Literal else _word(it) for it in found)
    return " or ".join(dict.fromkeys(told))


def _word(hint: Any) -> str:
    return _WORDS.get(get_origin(hint) or hint, "object")
