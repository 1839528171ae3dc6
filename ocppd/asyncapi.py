"""The MQTT API as an AsyncAPI 3 document, written from the code that serves it.

Topics are those of `edge.mqtt.topics`, commands the handlers' own signatures, payloads the shapes that the
views build. `channels`, `messages` and `schemas` are the parts; `document` puts them together.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, Literal

import orjson
import yaml

from ocppd import __version__, blocks, daemon_commands
from ocppd.commands import SCOPES, Command, Commands
from ocppd.core.event_shapes import EVENTS
from ocppd.core.on import Handlers
from ocppd.core.status import Status
from ocppd.edge.mqtt.inbox import NEVER_TO_MANY
from ocppd.edge.mqtt.topics import LEAVES, Kind
from ocppd.payload_schemas import REF, SHOWN_SHAPES, Schema, arguments, schema_of, shape_schemas
from ocppd.settings import Settings

_JSON, _TEXT = "application/json", "text/plain"

_PLACES: Mapping[Kind, str] = {
    "daemon": "daemon/{daemon}",
    "station": "station/{station}",
    "evse": "station/{station}/evse/{evse}",
    "connector": "station/{station}/evse/{evse}/connector/{connector}",
    "group": "group/{group}",
    "all": "all",
}
_PARAMETERS = {
    "daemon": "The daemon's id, `daemon.id` of its settings.",
    "station": "The OCPP identity, percent-encoded with nothing safe but letters, digits and `-._~`.",
    "evse": "The number of the EVSE, from 1.",
    "connector": "The number of the connector at its EVSE, from 1.",
    "group": "One of the `groups` of the stations, percent-encoded.",
}
_TO_MANY: tuple[Kind, ...] = ("group", "all")


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic, or all those of one kind.

    `name` is its key in the document, `address` the topic with its `parameters` in braces. The daemon sends
    there or, a command, receives; `reply` is then the name of the channel of the answer. `messages` are names
    of `messages()`.
    """

    name: str
    address: str
    summary: str
    messages: tuple[str, ...]
    action: Literal["send", "receive"] = "send"
    qos: int = 1
    retained: bool = False
    reply: str | None = None

    @property
    def parameters(self) -> list[str]:
        """The names in braces."""
        return [it for it in _PARAMETERS if f"{{{it}}}" in self.address]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What is shown on one leaf of a scope."""

    message: str
    summary: str
    qos: int = 0
    retained: bool = True


_LEAVES: Mapping[tuple[Kind, str], _Leaf] = {
    ("daemon", "state"): _Leaf("presence", "Whether the daemon runs; `offline` is its last will, too.", 1),
    ("daemon", "info"): _Leaf("Info", "What the daemon is.", 1),
    ("daemon", "health"): _Leaf("Health", "How the daemon does, every 60 s."),
    ("station", "availability"): _Leaf("presence", "Whether the station has mains power.", 1),
    ("station", "state"): _Leaf("StationState", "The station, when it changes."),
    ("station", "event"): _Leaf("event", "Everything that happens.", 1, retained=False),
    ("station", "ocpp/tx"): _Leaf("frame", "Frames to the CSMS, while they are traced.", retained=False),
    ("station", "ocpp/rx"): _Leaf("frame", "Frames of the CSMS, while they are traced.", retained=False),
    ("evse", "state"): _Leaf("EvseState", "The EVSE: transaction, limits, car, reservation."),
    ("evse", "meter"): _Leaf("Meter", "The meter, at most once in `mqtt.meter_interval`."),
    ("connector", "state"): _Leaf("ConnectorState", "The connector, when it changes."),
    ("connector", "status"): _Leaf("status", "The OCPP status of the connector.", 1),
}


# Channels


def channels(base: str = "ocppd") -> list[Channel]:
    """Every topic of the API, `base` being `mqtt.base_topic`: what is shown, then commands and answers."""
    root = f"{base}/v1"
    shown = (_shown(root, kind, leaf) for kind, leaves in LEAVES.items() for leaf in leaves)
    commanded = ((command, kind) for kind in _PLACES for command in _commands(kind))
    return [*shown, *chain.from_iterable(_commanded(root, *it) for it in commanded)]


def _shown(root: str, kind: Kind, leaf: str) -> Channel:
    it = _LEAVES[kind, leaf]
    name = f"{kind}.{leaf.replace('/', '.')}"
    address = f"{root}/{_PLACES[kind]}/{leaf}"
    return Channel(name, address, it.summary, (it.message,), qos=it.qos, retained=it.retained)


def _commanded(root: str, command: Command, kind: Kind) -> Iterator[Channel]:
    """The topic of the command to that kind of scope, and that of its answer."""
    asked, answered = f"{kind}.cmd.{command.name}", f"{kind}.response.{command.name}"
    words = (f"{command.name}.bare",) if _takes_words(command) else ()
    address, summary = f"{root}/{_PLACES[kind]}/{{}}/{command.name}", command.summary
    yield Channel(
        asked, address.replace("{}", "cmd"), summary, (command.name, *words), "receive", reply=answered
    )
    answer = "answer.of-many" if kind in _TO_MANY else "answer"
    yield Channel(answered, address.replace("{}", "response"), f"The answer to {command.name}.", (answer,))


def _commands(kind: Kind) -> list[Command]:
    """The commands that may be sent to a scope: its own, and those of narrower ones."""
    station, daemon = _all_commands()
    if kind == "daemon":
        return daemon
    if kind in _TO_MANY:
        return [it for it in station if it.name not in NEVER_TO_MANY]
    return [it for it in station if SCOPES.index(kind) <= SCOPES.index(it.scope)]


@cache
def _all_commands() -> tuple[list[Command], list[Command]]:
    """Those of stations, and those of the daemon."""
    station, daemon = Commands(blocks.handlers()), Commands(Handlers.collect([daemon_commands]))
    return [*station.by_name.values()], [*daemon.by_name.values()]


def _takes_words(command: Command) -> bool:
    """Whether bare text, which gives the primary argument alone, can be enough."""
    needed = {it.name for it in command.parameters.values() if it.default is it.empty}
    return needed <= {command.primary}


# Messages


def messages() -> dict[str, Schema]:
    """Every kind of message by name, as AsyncAPI has it."""
    commands = chain.from_iterable(_all_commands())
    return {
        "presence": _message("On or off", {"enum": ["online", "offline"]}, _TEXT),
        "status": _message("The OCPP ConnectorStatus", schema_of(Status), _TEXT),
        "frame": _message("A raw OCPP-J frame, also one that is wrong", {"type": "array"}),
        "event": _message("Something has happened", {"oneOf": [_ref(it.__name__) for it in EVENTS.values()]}),
        "answer": _message("The answer to a command", {"oneOf": [_ref("Succeeded"), _ref("Failed")]}),
        "answer.of-many": _message(
            "The answer of one daemon to a command to many",
            {"oneOf": [_ref("Gathered"), _ref("Succeeded"), _ref("Failed")]},
        ),
        **{
            name: _message(_first_line(shape), _ref(name))
            for name, shape in ((it.__name__, it) for it in SHOWN_SHAPES)
        },
        **{name: it for command in commands for name, it in _messages_of(command)},
    }


def _messages_of(command: Command) -> Iterator[tuple[str, Schema]]:
    yield command.name, _message(command.summary, _ref(_schema_name(command)))
    if not _takes_words(command):
        return
    primary = command.primary
    if primary is None:
        text = "Nothing, ON or PRESS; OFF and RELEASE are ignored."
    else:
        parameter = command.parameters[primary]
        empty = "" if parameter.default is parameter.empty else " Empty, `?` or `PRESS`: its default."
        text = f"The argument `{primary}` as text.{empty}"
    yield f"{command.name}.bare", _message(command.summary, {"type": "string", "description": text}, _TEXT)


def _message(summary: str, payload: Schema, content_type: str = _JSON) -> Schema:
    return {"summary": summary, "contentType": content_type, "payload": payload}


# Schemas


def schemas() -> dict[str, Schema]:
    """The payloads by name: the shapes, and of every command its JSON object."""
    found: dict[str, Schema] = dict(shape_schemas())
    station, daemon = _all_commands()
    for command in (*station, *daemon):
        is_for_many = command in station and command.name not in NEVER_TO_MANY
        schema = arguments(command, is_for_many=is_for_many)
        found |= schema.pop("$defs", {})
        found[_schema_name(command)] = schema
    return found


def _schema_name(command: Command) -> str:
    return f"{command.name}.arguments"


def _ref(schema: str) -> Schema:
    return {"$ref": REF.format(model=schema)}


def _first_line(shape: type[Any]) -> str:
    return (inspect.getdoc(shape) or "").partition("\n")[0]


# The document

_DESCRIPTION = """\
OCPP charging stations over MQTT, version 1 of the API; inside it keys and topics are only added. The daemon
sends what is shown, and receives commands. Each command has exactly one answer, on the `response` topic
beside it and, with MQTT 5, on the ResponseTopic with the CorrelationData, where `mqtt.response_topics`
allows it. Commands must not be retained. Their names are case-insensitive, and `_` equals `-`. What begins
with `{` is a JSON object; anything else is bare text for the primary argument."""


def document(settings: Settings) -> Schema:
    """The AsyncAPI 3 document of a daemon with these settings, seen from the daemon; without any secret."""
    base = settings.mqtt.base_topic
    every = channels(base)
    return {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": _JSON,
        "servers": {"broker": _server(settings)},
        "channels": {it.name: _channel(it) for it in every},
        "operations": {it.name: _operation(it) for it in every if it.action == "receive" or not _answers(it)},
        "components": {
            "messages": messages(),
            "schemas": schemas(),
            "parameters": {name: {"description": text} for name, text in _PARAMETERS.items()},
            "securitySchemes": {
                "password": {"type": "userPassword", "description": "An account of the broker."},
                "certificate": {"type": "X509", "description": "A certificate that the broker knows."},
            },
        },
    }


def render(found: Schema, form: Literal["yaml", "json"] = "yaml") -> str:
    """The document as text."""
    if form == "json":
        return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    return yaml.dump(found, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110).rstrip()


class _Dumper(yaml.SafeDumper):
    """Without anchors: what stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Always."""
        return True


def _info() -> Schema:
    return {
        "title": "ocppd",
        "version": __version__,
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    }


def _server(settings: Settings) -> Schema:
    mqtt, own = settings.mqtt, settings.daemon.id
    kinds = {
        "password": mqtt.username is not None,
        "certificate": mqtt.tls is not None and mqtt.tls.cert is not None,
    }
    security = [{"$ref": f"#/components/securitySchemes/{kind}"} for kind, used in kinds.items() if used]
    will = {
        "topic": f"{mqtt.base_topic}/v1/daemon/{own}/state",
        "qos": 1,
        "message": "offline",
        "retain": True,
    }
    return {
        "host": f"{mqtt.host}:{mqtt.port}",
        "protocol": "mqtt" if mqtt.tls is None else "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "MQTT 5, or 3.1.1 where the broker knows no other.",
        **({"security": security} if security else {}),
        "bindings": {
            "mqtt": {
                "clientId": f"ocppd-{own}",
                "cleanSession": True,
                "lastWill": will,
                "keepAlive": 30,
                "bindingVersion": "0.2.0",
            }
        },
    }


def _channel(it: Channel) -> Schema:
    parameters = {name: {"$ref": f"#/components/parameters/{name}"} for name in it.parameters}
    return {
        "address": it.address,
        "summary": it.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in it.messages},
        **({"parameters": parameters} if parameters else {}),
    }


def _answers(it: Channel) -> bool:
    """Whether the channel is that of answers, which its command's operation has as its reply."""
    return it.messages[0].startswith("answer")


def _operation(it: Channel) -> Schema:
    reply = {"reply": {"channel": {"$ref": f"#/channels/{it.reply}"}}} if it.reply else {}
    bindings = {"qos": it.qos, "retain": it.retained, "bindingVersion": "0.2.0"}
    return {
        "action": it.action,
        "channel": {"$ref": f"#/channels/{it.name}"},
        "summary": it.summary,
        "bindings": {"mqtt": bindings},
        **reply,
    }
