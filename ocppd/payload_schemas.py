"""JSON schemas of what the MQTT API carries: of the shapes that are shown, and of the commands' arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any, Union

from pydantic import ConfigDict, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import get_original_bases, is_typeddict

from ocppd.commands import Command, is_switch
from ocppd.core import event_shapes, shapes
from ocppd.core.event_shapes import EVENTS

Schema = dict[str, Any]

REF = "#/components/schemas/{model}"
"""Where a schema is in the document."""

# What stands in a JSON object beside the arguments of a command.
_META: Mapping[str, Schema] = {
    "request_id": {
        "type": "string",
        "minLength": 1,
        "maxLength": 256,
        "description": "Comes back in the answer; the same one within 60 s gets the stored answer.",
    },
    "wait": {
        "type": "boolean",
        "default": True,
        "description": "false: answered at once, with `pending`, where the outcome depends on the CSMS.",
    },
    "timeout_s": {"type": "number", "minimum": 0, "maximum": 3600, "description": "To wait so long, in s."},
    "sent_at": {"type": "string", "description": "A timestamp with a time zone; needs `expires_s`."},
    "expires_s": {"type": "number", "description": "It is refused so long after `sent_at`, in s."},
}
_PLACE_META: Mapping[str, Schema] = {
    "evse": {"type": "integer", "minimum": 1, "description": "Which EVSE, where the topic does not say."},
    "connector": {
        "type": "integer",
        "minimum": 1,
        "description": "Which connector, where the topic does not say.",
    },
}
_SPREAD: Schema = {
    "type": "number",
    "minimum": 0,
    "maximum": 3600,
    "default": 0,
    "description": "To a group or to all: each station does it after a delay by chance up to this, in s.",
}


SHOWN_SHAPES: tuple[type[Any], ...] = (
    shapes.Info,
    shapes.Health,
    shapes.StationState,
    shapes.EvseState,
    shapes.Meter,
    shapes.ConnectorState,
)
_ANSWER_SHAPES: tuple[type[Any], ...] = (
    shapes.Succeeded,
    shapes.Failed,
    shapes.Gathered,
    shapes.WholeStation,
)


class _Plain(GenerateJsonSchema):
    """Without titles, which would only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


@cache
def shape_schemas() -> dict[str, Schema]:
    """All shapes by name, each key with what stands under it."""
    told = (*SHOWN_SHAPES, *_ANSWER_SHAPES, *EVENTS.values())
    found: dict[str, Schema] = schema_of(Union[told])["$defs"]  # noqa: UP007 - of a tuple
    for name, schema in found.items():
        for key, text in _explained(_every_shape()[name]).items() if name in _every_shape() else ():
            schema["properties"][key].setdefault("description", text)
    return found


def _explained(shape: type[Any]) -> dict[str, str]:
    """What stands under the keys of a shape, and of those that it extends: pydantic reads its own alone."""
    inherited = [_explained(base) for base in get_original_bases(shape) if is_typeddict(base)]
    own = _own_schemas()[shape.__name__].get("properties", {})
    told = {key: it["description"] for key, it in own.items() if "description" in it}
    return {key: text for them in (*inherited, told) for key, text in them.items()}


@cache
def _every_shape() -> dict[str, type[Any]]:
    both = chain(vars(shapes).items(), vars(event_shapes).items())
    return {name: it for name, it in both if is_typeddict(it)}


@cache
def _own_schemas() -> dict[str, Schema]:
    found: dict[str, Schema] = schema_of(Union[tuple(_every_shape().values())])["$defs"]  # noqa: UP007
    return found


def schema_of(hint: Any) -> Schema:
    """The schema of a type; what it consists of is in its `$defs`."""
    adapter = TypeAdapter(hint, config=ConfigDict(use_attribute_docstrings=True))
    return adapter.json_schema(ref_template=REF, schema_generator=_Plain)


def arguments(command: Command, *, is_for_many: bool) -> Schema:
    """The JSON object of a command, with what may stand beside its arguments, and its `$defs`."""
    schema = command.model.model_json_schema(ref_template=REF, schema_generator=_Plain)
    properties = schema["properties"]
    for name, hint in command.types.items():
        if name in properties and is_switch(hint):
            properties[name] = _switch(properties[name])
    at = {key: _PLACE_META[key] for key in command.places}
    schema["properties"] = properties | at | dict(_META) | ({"spread_s": _SPREAD} if is_for_many else {})
    return schema | {"description": inspect.getdoc(command.handler) or ""}


def _switch(schema: Schema) -> Schema:
    """Whoever takes true and false takes ON and OFF, too, in any case."""
    kinds = schema.get("anyOf", [schema])
    words = ["ON", "OFF", *(["TOGGLE"] if {"const": "toggle", "type": "string"} in kinds else [])]
    others = [it for it in kinds if it.get("type") == "null"]
    rest = {key: value for key, value in schema.items() if key in ("default", "description")}
    return {"anyOf": [{"type": "boolean"}, {"enum": words}, *others], **rest}
