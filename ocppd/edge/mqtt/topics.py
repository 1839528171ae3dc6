"""The topics of the MQTT API: built from what they are about, and read back strictly.

A topic is `<base>/v1/<scope>/<rest>`. A `Scope` says what it is about; the rest is `cmd/<name>` for a
command, `response/<name>` for its answer and a leaf such as `state` for what is mirrored. A name is one
level, percent-encoded with nothing safe but letters, digits and `-._~`: OCPP allows `+`, MQTT topics do not.

Reading accepts only what building would have written. Whatever else arrives is not ours: None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, unquote

from paho.mqtt.client import topic_matches_sub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocppd.core.errors import ErrorCode

Kind = Literal["daemon", "station", "evse", "connector", "group", "all"]

MAX_RESPONSE_TOPIC_BYTES: Final = 256

LEAVES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "daemon": ("state", "info", "health"),
    "station": ("availability", "state", "event", "ocpp/tx", "ocpp/rx"),
    "evse": ("state", "meter"),
    "connector": ("state", "status"),
    "group": (),
    "all": (),
}
"""What is mirrored in a scope, by its kind: the last part of the topic."""

_NAMED: Final[Mapping[str, Kind]] = {"daemon": "daemon", "station": "station", "group": "group"}
# Nine digits fit OCPP's 32 bit integers and cost nothing to convert.
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_COMMAND = re.compile(r"[A-Za-z0-9._~-]{1,64}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a topic is about.

    `name` is the daemon's id, the OCPP identity or the group's name, as it is and not encoded; empty for
    `all`. `evse` (from 1) is given for the kinds `evse` and `connector`, `connector` (from 1) for the latter.
    """

    kind: Kind
    name: str = ""
    evse: int | None = None
    connector: int | None = None

    def topic(self, base: str) -> str:
        """Build `<base>/v1/<scope>`, without a slash at the end."""
        return "/".join((base, "v1", *self._levels()))

    def _levels(self) -> tuple[str, ...]:
        match self.kind:
            case "all":
                return ("all",)
            case "daemon" | "group":
                return (self.kind, encode(self.name))
            case "station":
                return ("station", encode(self.name))
            case "evse":
                return ("station", encode(self.name), "evse", str(self.evse))
            case "connector":
                evse, connector = str(self.evse), str(self.connector)
                return ("station", encode(self.name), "evse", evse, "connector", connector)


@dataclass(frozen=True, slots=True)
class OddCommand:
    """A topic like a command's whose EVSE, connector or name is none; `scope` is the station."""

    scope: Scope
    command: str
    response_topic: str
    code: ErrorCode

    @property
    def message(self) -> str:
        """What is wrong, for people."""
        return _ODD[self.code]


_ODD: Final[Mapping[ErrorCode, str]] = {
    "unknown_evse": "EVSEs are numbered 1, 2, 3 and so on",
    "unknown_connector": "connectors are numbered 1, 2, 3 and so on",
    "unknown_command": "names of commands are letters, digits and - at most 64",
}


class TargetError(ValueError):
    """A target that is none, in words for people."""


def parse_target(text: str) -> Scope:
    """The scope that a person names: `CP001`, `CP001/1`, `CP001/1/2`, `daemon/lab1`, `group/lab` or `all`.

    Raises TargetError where it is none of them.
    """
    name, *rest = text.split("/")
    if name == "all" and not rest:
        return Scope("all")
    if name in ("daemon", "group") and len(rest) == 1 and rest[0]:
        return Scope(_NAMED[name], rest[0])
    if not name or len(rest) > 2 or not all(_NUMBER.fullmatch(number) for number in rest):
        known = "STATION, STATION/EVSE, STATION/EVSE/CONNECTOR, daemon/ID, group/NAME or all"
        raise TargetError(f"{text!r} is no target: {known}")
    kinds: tuple[Kind, ...] = ("station", "evse", "connector")
    return Scope(kinds[len(rest)], name, *map(int, rest))


@lru_cache(maxsize=2**15)
def encode(name: str) -> str:
    """Percent-encode `name` as one level of a topic, with nothing safe but letters, digits and `-._~`."""
    return quote(name, safe="")


def decode(level: str) -> str | None:
    """Read back what `encode` wrote; None where `level` is anything else."""
    try:
        name = unquote(level, errors="strict")
        canonical = encode(name)
    except UnicodeError:
        return None
    return name if name and canonical == level else None


def command_name(text: str) -> str:
    """The name of a command as we write it: case does not matter, and `_` equals `-`."""
    return text.lower().replace("_", "-")


def command_topic(base: str, scope: Scope, command: str) -> str:
    """Build the topic on which `scope` takes `command`: `<scope>/cmd/<command>`."""
    return f"{scope.topic(base)}/cmd/{encode(command)}"


def response_topic(base: str, scope: Scope, command: str) -> str:
    """Build the topic on which `command` to `scope` is answered: `<scope>/response/<command>`."""
    return f"{scope.topic(base)}/response/{encode(command)}"


def state_topic(base: str, scope: Scope, leaf: str = "state") -> str:
    """Build the topic on which `leaf` of `scope` is mirrored; ValueError where LEAVES has no such leaf."""
    if leaf not in LEAVES[scope.kind]:
        raise ValueError(f"a scope of kind {scope.kind} has no {leaf!r}")
    return f"{scope.topic(base)}/{leaf}"


def parse_command(base: str, topic: str) -> tuple[Scope, str] | None:
    """Read `<scope>/cmd/<name>`: the scope and the name in lower case with `-` for `_`.

    None where it is no topic of a command. The name need not be one that exists; the scope may name a
    station, EVSE or connector that does not.
    """
    match _parse(base, topic):
        case (scope, ["cmd", name]) if _COMMAND.fullmatch(name):
            return scope, command_name(name)
    return None


def parse_odd_command(base: str, topic: str) -> OddCommand | None:
    """Read a topic that asks a station for what can be none of its commands, and can be answered.

    None where `parse_command` reads it, where the station's level is not ours, and where no answer can be
    published beside it.
    """
    if parse_command(base, topic) is not None or not topic.startswith(f"{base}/v1/station/"):
        return None
    head, _, name = topic.rpartition("/cmd/")
    answer = f"{head}/response/{name}"
    if not name or "/" in name or any(refuses(answer) for _, refuses in _REFUSALS):
        return None
    match head.removeprefix(f"{base}/v1/").split("/"):
        case ["station", level, *places] if (station := decode(level)) is not None:
            scope = Scope("station", station)
        case _:
            return None
    code: ErrorCode
    match places:
        case ["evse", evse, *_] if len(places) in (2, 4) and not _NUMBER.fullmatch(evse):
            code = "unknown_evse"
        case ["evse", _, "connector", connector] if not _NUMBER.fullmatch(connector):
            code = "unknown_connector"
        case [] | ["evse", _] | ["evse", _, "connector", _]:
            code = "unknown_command"
        case _:
            return None
    return OddCommand(scope, command_name(name), answer, code)


def parse_state(base: str, topic: str) -> tuple[Scope, str] | None:
    """Read what `state_topic` builds: the scope and the leaf; None where it is anything else."""
    match _parse(base, topic):
        case (scope, rest) if (leaf := "/".join(rest)) in LEAVES[scope.kind]:
            return scope, leaf
    return None


def allowed_response_topic(topic: str, patterns: Sequence[str]) -> str | None:
    """Say why an MQTT 5 ResponseTopic is refused, for people; None where answers may be published to it.

    It is the word of whoever sent the command. Brokers pass wildcards on in it, and a publish to such a topic
    would end the connection. `patterns` are the filters of `mqtt.response_topics`.
    """
    for reason, refuses in _REFUSALS:
        if refuses(topic):
            return reason
    if not any(topic_matches_sub(pattern, topic) for pattern in patterns):
        return "it is outside mqtt.response_topics"
    return None


def _parse(base: str, topic: str) -> tuple[Scope, list[str]] | None:
    """Split `topic` into its scope and the levels that follow; None where it has no scope of ours."""
    prefix = f"{base}/v1/"
    if not topic.startswith(prefix):
        return None
    scope: Scope | None = None
    rest: list[str] = []
    match topic.removeprefix(prefix).split("/"):
        case ["all", *rest]:
            scope = Scope("all")
        case ["station", name, "evse", evse, "connector", connector, *rest]:
            scope = _scope("connector", name, evse, connector)
        case ["station", name, "evse", evse, *rest]:
            scope = _scope("evse", name, evse)
        case [kind, name, *rest] if kind in _NAMED:
            scope = _scope(_NAMED[kind], name)
    return None if scope is None else (scope, rest)


def _scope(kind: Kind, level: str, *numbers: str) -> Scope | None:
    name = decode(level)
    if name is None or not all(_NUMBER.fullmatch(number) for number in numbers):
        return None
    return Scope(kind, name, *map(int, numbers))


def _is_forbidden(char: str) -> bool:
    """Answer whether MQTT 5 forbids or discourages `char` in a topic (1.5.4); brokers hang up on both."""
    code = ord(char)
    is_control = code < 0x20 or 0x7F <= code < 0xA0
    is_surrogate = 0xD800 <= code < 0xE000
    is_non_character = 0xFDD0 <= code < 0xFDF0 or code & 0xFFFE == 0xFFFE
    return is_control or is_surrogate or is_non_character


_REFUSALS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    ("it is empty", lambda topic: not topic),
    (
        f"it is longer than {MAX_RESPONSE_TOPIC_BYTES} bytes",
        lambda topic: len(topic.encode(errors="surrogatepass")) > MAX_RESPONSE_TOPIC_BYTES,
    ),
    ("it has wildcards", lambda topic: "+" in topic or "#" in topic),
    ("it starts with $", lambda topic: topic.startswith("$")),
    ("it has characters that MQTT forbids", lambda topic: any(map(_is_forbidden, topic))),
)
