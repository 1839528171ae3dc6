"""What the reference pages list, written from the code that does it.

A page of reference/ has its words, and `<!-- generated: commands -->` where `GENERATED["commands"]` belongs;
`hooks.py` puts it there. Nothing of it is kept, so it cannot be out of date.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from typing import Any, get_args

import typer
from typer.testing import CliRunner

from ocppd import blocks, cli
from ocppd.asyncapi import Channel, channels, schemas
from ocppd.core.description import Hardware
from ocppd.core.errors import ErrorCode
from ocppd.core.event_shapes import EVENTS, Happened
from ocppd.core.variables import Variable, with_instance
from ocppd.descriptions import Argument, CommandDescription
from ocppd.edge.mqtt.topics import Scope, command_topic, response_topic
from ocppd.reference import describe
from ocppd.settings import json_schema

Json = dict[str, Any]


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(value: object) -> str:
    return "" if value in (None, "") else f"`{value}`"


def _codes(values: Iterable[object]) -> str:
    return ", ".join(map(_code, values))


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split())


# Commands

_TITLES = {
    "station": "To a station",
    "evse": "To an EVSE",
    "connector": "To a connector",
    "daemon": "To the daemon",
}


def commands() -> str:
    """Every command by its widest scope, with its arguments."""
    every = describe()
    parts = []
    for scope, title in _TITLES.items():
        parts += [f"## {title}", *(_command(it) for it in every if it["scopes"][0] == scope)]
    return "\n\n".join(parts)


def _command(it: CommandDescription) -> str:
    parts = [f"### {it['name']}", inspect.cleandoc(it["help"])]
    if it["scopes"][1:]:
        parts.append(f"Also to: {_codes(it['scopes'][1:])}.")
    if it["arguments"]:
        rows = (_argument(argument, it["primary"]) for argument in it["arguments"])
        parts.append(_table(("Argument", "", "Type", "Default"), rows))
    return "\n\n".join(parts)


def _argument(it: Argument, primary: str | None) -> tuple[str, ...]:
    kind = it["type"]
    if it["keys"]:
        kind += f" of {_codes(it['keys'])}"
    elif kind.startswith("one of "):
        kind = f"one of {_codes(it['choices'])}"
    is_shown = it["default"] not in (None, "", (), [])
    default = _code(json.dumps(it["default"], default=str)) if is_shown else ""
    return (
        _code(it["name"]),
        "●" if it["name"] == primary else "",
        kind,
        "**required**" if it["required"] else default,
    )


# Topics, their payloads, and events

_SCOPES = (
    Scope("daemon", "<daemon>"),
    Scope("station", "<station>"),
    Scope("evse", "<station>", 1),
    Scope("connector", "<station>", 1, 1),
    Scope("group", "<group>"),
    Scope("all"),
)


def topics() -> str:
    """Every topic on which something is shown."""
    rows = []
    for it in _shown():
        kept = "retained" if it.retained else ""
        payloads = [f"[JSON](#{name.lower()})" for name in it.messages if name in schemas()]
        payloads += ["[events](events.md)"] if it.address.endswith("/event") else []
        rows.append((_code(_address(it)), it.summary, kept, ", ".join(payloads)))
    return _table(("Topic", "What it shows", "", ""), rows)


def _shown() -> list[Channel]:
    return [it for it in channels() if it.action == "send" and "/response/" not in it.address]


def _address(it: Channel) -> str:
    return it.address.replace("{", "<").replace("}", ">")


def payloads() -> str:
    """What is in the JSON of these topics, and in what that contains."""
    every = schemas()
    wanted = [name for it in _shown() for name in it.messages if name in every]
    for name in wanted:
        inner = (part for value in every[name]["properties"].values() for part in _references(value))
        wanted += [part for part in inner if part not in wanted]
    places = {name: name for name in wanted}
    parts = []
    for name in wanted:
        rows = _rows_of_payload(every[name], places, set())
        parts += [f"### {name}", _plain(every[name]), _table(("Key", "Type", ""), rows)]
    return "\n\n".join(parts)


def _plain(schema: Json) -> str:
    return _first_paragraph(schema.get("description")).replace("<e>", "<evse>").replace("<c>", "<connector>")


def _rows_of_payload(schema: Json, places: dict[str, str], common: set[str]) -> Iterator[tuple[str, ...]]:
    for key, found in schema["properties"].items():
        if key not in common:
            yield _code(key), _type(found, places), found.get("description", "")


def command_topics() -> str:
    """Every topic that the daemon listens to, and where it answers."""
    name = "<command>"
    rows = (
        (_topic(command_topic("ocppd", scope, name)), _topic(response_topic("ocppd", scope, name)))
        for scope in _SCOPES
    )
    return _table(("A command to", "is answered on"), rows)


def _topic(text: str) -> str:
    return _code(text.replace("%3C", "<").replace("%3E", ">"))


def events() -> str:
    """What is told on the event topic, with the keys of each."""
    common = {*Happened.__annotations__, "event", "ts"}
    every = schemas()
    parts = []
    for name, shape in EVENTS.items():
        parts += [f"## {name}", _first_paragraph(shape.__doc__)]
        rows = list(_rows_of_payload(every[shape.__name__], {}, common))
        parts += [_table(("Key", "Type", ""), rows)] if rows else []
    return "\n\n".join(parts)


_ERRORS: dict[ErrorCode, str] = {
    "bad_payload": "The payload is not UTF-8.",
    "bad_json": "It begins like a JSON object and is none.",
    "too_large": "It has more than 64 KiB.",
    "missing_argument": "An argument that is required was not given.",
    "invalid_argument": "An argument is not what it may be; the message says why.",
    "unknown_command": "There is no such command; the message names the nearest ones.",
    "unknown_station": "This daemon has no such station.",
    "unknown_evse": "The station has no such EVSE.",
    "unknown_connector": "The EVSE has no such connector.",
    "ambiguous_target": "There are several EVSEs or connectors: name one.",
    "invalid_state": "It cannot be done now: no car is there, no power, and so on.",
    "not_connected": "The station is not connected to its CSMS, or not accepted by it.",
    "csms_rejected": "The CSMS has said no.",
    "csms_error": "The CSMS has answered with a CALLERROR; its code is in `details`.",
    "csms_timeout": "The CSMS has not answered in time.",
    "timeout": "What was waited for did not come.",
    "busy": "Too many commands wait.",
    "retained_command": "The message was retained. It may be old, so it is not obeyed.",
    "expired": "`sent_at` and `expires_s` of the payload say that it is too late.",
    "not_allowed": "The command is for another scope, or not for groups.",
    "station_conflict": "Another daemon has a station of that name.",
    "unsupported": "This station, or this version of OCPP, has nothing of the kind.",
    "internal": "A bug of ocppd; the log has its traceback.",
}


def errors() -> str:
    """The codes of answers that are not ok."""
    return _table(("Code", "What it means"), ((_code(it), _ERRORS[it]) for it in get_args(ErrorCode)))


# The configuration


def configuration() -> str:
    """Every key of every section, from the JSON schema."""
    schema = json_schema()
    paths = _paths(schema)
    sections = schema["properties"].items()
    parts = [_table(("Section", ""), ((f"[{key}](#{key})", it["description"]) for key, it in sections))]
    for name, path in paths.items():
        section = schema["$defs"][name]
        keys, more = section["properties"], ""
        if name == "FleetSettings":
            stations = schema["$defs"]["StationSettings"]["properties"]
            keys = {key: it for key, it in keys.items() if key not in stations or key in ("id", "template")}
            more = " All keys of [stations](#stations) but `serial` can stand here, too."
        parts.append(f"## {path} {{ #{_anchor(path)} }}\n\n{_purpose(section)}{more}")
        parts.append(_table(("Key", "Type", "Default", "What"), _rows(section, keys, paths)))
    return "\n\n".join(parts)


def _purpose(section: Json) -> str:
    """What a section is for, without its name, which stands above."""
    text = _first_paragraph(section["description"])
    name, colon, rest = text.partition(": ")
    return rest[0].upper() + rest[1:] if colon and re.fullmatch("`[a-z_.]+`", name) else text


def _paths(schema: Json) -> dict[str, str]:
    """Each section of the schema by its name there, with the shortest path that leads to it."""
    found: dict[str, str] = {}
    queue = [("", schema)]
    for path, section in queue:
        for key, value in section["properties"].items():
            for name in _references(value):
                if name not in found and "properties" in schema["$defs"][name]:
                    found[name] = f"{path}.{key}".lstrip(".")
                    queue.append((found[name], schema["$defs"][name]))
    order = list(schema["properties"])
    return dict(sorted(found.items(), key=lambda it: (order.index(it[1].partition(".")[0]), it[1])))


def _references(value: Json) -> list[str]:
    options = [value, value.get("items", {}), *value.get("anyOf", [])]
    return [it["$ref"].rpartition("/")[2] for it in options if "$ref" in it]


def _anchor(path: str) -> str:
    return path.replace(".", "-").lower()


def _rows(section: Json, keys: Json, paths: dict[str, str]) -> Iterable[tuple[str, ...]]:
    needed = section.get("required", [])
    for key, found in sorted(keys.items(), key=lambda it: it[0] not in needed):
        default = found.get("default")
        is_long = default is None or (default and any(name in paths for name in _references(found)))
        shown = "" if is_long else _code(json.dumps(default))
        yield (
            _code(key),
            _type(found, paths),
            "**required**" if key in needed else shown,
            found["description"],
        )


def _type(found: Json, paths: dict[str, str]) -> str:
    if "$ref" in found:
        path = paths.get(found["$ref"].rpartition("/")[2])
        return f"[section](#{_anchor(path)})" if path else "object"
    if "anyOf" in found:
        return " or ".join(_type(it, paths) for it in found["anyOf"] if it.get("type") != "null")
    if "enum" in found or "const" in found:
        return _codes(found.get("enum", [found.get("const")]))
    kind: Any = found.get("type", "anything")
    if kind == "array":
        return "list of pairs" if "prefixItems" in found["items"] else f"list: {_type(found['items'], paths)}"
    if isinstance(kind, list):
        return "a value"
    words = {"string": "text", "object": "mapping", "integer": "whole number"}
    return str(words.get(kind, kind)) + _limits(found)


def _limits(found: Json) -> str:
    least, most = found.get("minimum"), found.get("maximum")
    if "format" in found:
        return f", a {found['format']}"
    if "exclusiveMinimum" in found:
        return f", more than {found['exclusiveMinimum']:.15g}"
    if least is None:
        return ""
    return f", {least:.15g} or more" if most is None else f", {least:.15g} to {most:.15g}"


# The device model, the templates and the command line


def variables() -> str:
    """What a station has in its device model where nothing is preset."""
    every = blocks.handlers().variables.values()
    parts = []
    for component in sorted({it.component for it in every}, key=str.lower):
        rows = (_variable(it) for it in every if it.component == component)
        columns = ("Variable", "Of each", "Type", "Default", "Limits, values")
        parts += [f"## {component}", _table(columns, rows)]
    return "\n\n".join(parts)


def _variable(it: Variable[Any]) -> tuple[str, ...]:
    default = it.default(Hardware(), 1, 1) if callable(it.default) else it.default
    of = f" of {_code(it.component_instance)}" if it.component_instance else ""
    mark = {"ReadOnly": "", "ReadWrite": "\N{NO-BREAK SPACE}✎", "WriteOnly": "\N{NO-BREAK SPACE}✎ only"}[
        it.mutability
    ]
    return (
        _code(with_instance(it.name, it.instance)) + of + mark,
        it.place,
        it.data_type + (f", {it.unit}" if it.unit else ""),
        "*live*" if it.read else _code(default),
        _codes(it.values) or _bounds(it),
    )


def _bounds(it: Variable[Any]) -> str:
    most = it.maximum(Hardware(), 1, 1) if callable(it.maximum) else it.maximum
    words = [] if it.minimum is None else [f"from {it.minimum:.15g}"]
    return " ".join(words if most is None else [*words, f"to {float(most):.15g}"])


def templates() -> str:
    """The kinds of stations that ship with ocppd, as they stand in their files."""
    shipped = {
        it.name.removesuffix(".yaml"): it.read_text() for it in (files("ocppd") / "templates").iterdir()
    }
    return "\n\n".join(f"## {name}\n\n```yaml\n{shipped[name].rstrip()}\n```" for name in sorted(shipped))


def command_line() -> str:
    """What `--help` says, of all commands and of each."""
    return "\n\n".join(_help(*command) for command in _commands(cli.app))


def _commands(app: typer.Typer, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command of `app`, which itself is the command `path`."""
    yield path
    for it in app.registered_commands:
        name = it.name or getattr(it.callback, "__name__", "")
        yield (*path, str(name).replace("_", "-"))
    for group in app.registered_groups:
        if (inner := group.typer_instance) is not None:
            yield from _commands(inner, *path, str(group.name or inner.info.name))


def _help(*command: str) -> str:
    plain = {"COLUMNS": "86", "TERMINAL_WIDTH": "86", "NO_COLOR": "1", "TERM": "dumb"}
    shown = CliRunner().invoke(cli.app, [*command, "--help"], env=plain, prog_name="ocppd")
    lines = [line.rstrip() for line in shown.output.strip().splitlines()]
    title = [f"## {' '.join(command)}", ""] if command else []
    return "\n".join([*title, "```text", *lines, "```"])


GENERATED: dict[str, Callable[[], str]] = {
    it.__name__: it
    for it in (
        commands,
        topics,
        payloads,
        command_topics,
        events,
        errors,
        configuration,
        variables,
        templates,
        command_line,
    )
}
"""What there is to put into a page, by name."""
