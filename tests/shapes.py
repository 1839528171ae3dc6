"""Payloads held against the schemas that `ocppd asyncapi` tells, and to every key of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs

from ocppd import asyncapi
from ocppd.core import views
from ocppd.core.event_shapes import EVENTS
from ocppd.core.station import Event, Station

Json = dict[str, Any]


def complaints(schema: Json, payload: object) -> list[str]:
    """What of `payload` does not fit; `schema` may refer to the document's."""
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": _strict()}})
    return [f"{'/'.join(map(str, it.instance_path))}: {it.message}" for it in validator.iter_errors(payload)]


def check_event(station: Station, event: Event) -> None:
    """A public event is one of those that are described."""
    told = views.event(station, event) | {"seq": event.seq, "boot": "run"}
    _check(EVENTS[event.name].__name__, told)


def check_views(station: Station) -> None:
    """All that is shown of a station is as described."""
    _check("WholeStation", views.whole_state(station))


def _check(shape: str, payload: Any) -> None:
    error = next(_validator(shape).iter_errors(payload), None)
    assert error is None, f"{shape}: {error.message if error else ''} in {payload}"


@cache
def _validator(shape: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{shape}", "components": {"schemas": _strict()}}
    )


@cache
def _strict() -> Json:
    """The schemas, in which a key that they do not describe is an error, though for users it is only new."""
    return {name: _closed(schema) for name, schema in asyncapi.schemas().items()}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **found} if "properties" in schema else found
