"""An answer in words for a terminal: fragments of style and text, as prompt_toolkit prints them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ocppd.telling import json_line, key_values, place, printable

Fragment = tuple[str, str]

_GOOD: Final = "ansigreen"
_BAD: Final = "ansired bold"
_DIM: Final = "ansibrightblack"
_LONGEST = 160
_MOST_LINES = 400
# What is told in a place of its own, or to programs alone.
_BESIDE = frozenset(
    (
        *("ok", "command", "station", "evse", "connector", "request_id", "changed", "result", "warnings"),
        *("ms", "daemon", "ts", "error", "ignored", "duplicate", "group", "errors"),
    )
)


def answer_words(answer: dict[str, Any]) -> list[Fragment]:
    """One line where that is enough; what is long follows, as JSON."""
    return _local_words(answer) or list(_good(answer) if answer.get("ok") is True else _bad(answer))


def answer_text(answer: dict[str, Any]) -> str:
    """The same without colours."""
    return "".join(text for _, text in answer_words(answer))


def _good(answer: dict[str, Any]) -> Iterator[Fragment]:
    yield _GOOD, "ok "
    yield "", _what(answer)
    yield _DIM, f" {_how(answer)}".rstrip()
    result = answer.get("result") or {}
    flat = _flat(result)
    if flat is not None:
        yield "", f" {flat}".rstrip()
    yield _DIM, f" {_took(answer)}".rstrip()
    yield from _more(answer)
    if flat is None:
        lines = json_line(result, indented=True).splitlines()
        cut = [f"... {len(lines) - _MOST_LINES} lines more"] if len(lines) > _MOST_LINES else []
        yield "", "\n" + "\n".join([*lines[:_MOST_LINES], *cut])


def _bad(answer: dict[str, Any]) -> Iterator[Fragment]:
    error = answer.get("error")
    error = error if isinstance(error, dict) else {}
    yield _BAD, "no "
    yield "", _what(answer)
    if error:
        yield _BAD, f" {printable(error.get('code', '?'), 40)}"
        yield "", f": {printable(error.get('message', ''))}"
    yield _DIM, f" {_took(answer)}".rstrip()
    yield from _more(answer)


def _what(answer: dict[str, Any]) -> str:
    who = answer.get("station") or answer.get("group") or ""
    where = "/".join(filter(None, (printable(who, 64), place(answer))))
    return " ".join(filter(None, (where, printable(answer.get("command", ""), 64))))


def _how(answer: dict[str, Any]) -> str:
    if answer.get("ignored"):
        return f"ignored: {printable(answer['ignored'], 40)}"
    return {True: "changed", False: "unchanged"}[answer.get("changed") is True] if "changed" in answer else ""


def _took(answer: dict[str, Any]) -> str:
    return f"{printable(answer['ms'], 10)} ms" if "ms" in answer else ""


def _flat(result: object) -> str | None:
    """A short result on the same line; None where it is long or deep."""
    if not isinstance(result, dict) or any(isinstance(it, list | dict) and it for it in result.values()):
        return None
    text = key_values(result)
    return text if len(text) <= _LONGEST else None


def _more(answer: dict[str, Any]) -> Iterator[Fragment]:
    """What a group answers beside, errors of its stations, and warnings."""
    if rest := {key: value for key, value in answer.items() if key not in _BESIDE}:
        yield "", f" {key_values(rest)}"
    errors, warnings = (answer.get(key) for key in ("errors", "warnings"))
    for it in errors if isinstance(errors, list) else ():
        yield _BAD, f"\n   {key_values(it) if isinstance(it, dict) else printable(it)}"
    for it in warnings if isinstance(warnings, list) else ():
        yield "ansiyellow", f"\n   warning: {printable(it)}"


def _local_words(answer: dict[str, Any]) -> list[Fragment] | None:
    """The words of the shell itself, as people read them; None for any other answer."""
    result = answer.get("result")
    match (answer.get("command"), result) if answer.get("ok") is True and isinstance(result, dict) else ():
        case ("help", {"help": list(lines)}):
            return [("", "\n".join(printable(line) for line in lines))]
        case ("help", {"shell": dict(shell), "commands": dict(commands)}):
            return list(_help(shell, commands))
        case ("stations", {"stations": list(stations)}):
            return [("", "\n".join(map(_station, stations)) or "none")]
    return None


def _help(shell: dict[str, object], commands: dict[str, object]) -> list[Fragment]:
    head = "[TARGET] COMMAND [ARGUMENTS], such as CP001/1 authorize 04A2B3C4, or CP001 network OFF for_s=20\n"
    lines = [head]
    lines += [f"  {printable(name, 40):<10} {printable(what)}" for name, what in shell.items()]
    lines += ["", *(f"  {printable(name, 40):<30} {printable(what, 100)}" for name, what in commands.items())]
    return [("", "\n".join(lines))]


def _station(it: object) -> str:
    """A `catalogue.StationLine`, or whatever else a daemon's own answer has in its place."""
    if not isinstance(it, dict):
        return printable(it)
    how = printable(it.get("registration"), 20) if it.get("connected") else "offline"
    told = it.get("groups")
    groups = " ".join(printable(group, 40) for group in told) if isinstance(told, list) else ""
    who, evses = printable(it.get("station"), 64), printable(it.get("evses"), 10)
    return f"{who:<20} {how:<10} {evses} EVSE  {groups}".rstrip()
