"""The JSON schemas of the OCA, compiled when first needed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs
import orjson

from ocppd.core.errors import CallError

Payload = dict[str, Any]

_FOLDER = files("ocpp") / "v201" / "schemas"

# Part 4, 4.3: the code that names the defect. Of several defects the first of this order is reported:
# what is missing or of the wrong type says more than a value out of bounds.
_CODE_OF_RULE = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}
_RANK = {rule: rank for rank, rule in enumerate(_CODE_OF_RULE)}


@cache
def actions() -> frozenset[str]:
    """Every action of OCPP 2.0.1, in both directions."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return frozenset(name.removesuffix("Request.json") for name in names if name.endswith("Request.json"))


def check_request(action: str, payload: object) -> None:
    """Raise CallError with the code for the defect where `payload` is no valid request of `action`."""
    _check(f"{action}Request", payload)


def check_response(action: str, payload: object) -> None:
    """Raise CallError with the code for the defect where `payload` is no valid response to `action`."""
    _check(f"{action}Response", payload)


def _check(name: str, payload: object) -> None:
    validator = _validator(name)
    if not validator.is_valid(payload):
        raise _worst(validator, payload)


@cache
def _validator(name: str) -> jsonschema_rs.Draft6Validator:
    schema = orjson.loads((_FOLDER / f"{name}.json").read_bytes())
    return jsonschema_rs.Draft6Validator(schema, validate_formats=True)


def _worst(validator: jsonschema_rs.Draft6Validator, payload: object) -> CallError:
    defects = list(validator.iter_errors(payload))
    defect = min(defects, key=lambda found: _RANK.get(found.kind.name, len(_RANK)))
    where = ".".join(str(step) for step in defect.instance_path) or "payload"
    code = _CODE_OF_RULE.get(defect.kind.name, "PropertyConstraintViolation")
    return CallError(code, f"{where}: {_told(defect)}"[:255])


def _told(defect: jsonschema_rs.ValidationError) -> str:
    """The defect without the offending value, which may be a password or a card."""
    match defect.kind.name:
        case "required" | "additionalProperties":
            return defect.message
        case rule:
            return f"violates the schema's {rule}"
