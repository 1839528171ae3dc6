"""The JSON schemas of the OCA, compiled when first needed."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import jsonschema_rs
import orjson

from ocppd.core.errors import CallError

Payload = dict[str, Any]

Version = Literal["ocpp2.0.1", "ocpp2.1"]  # as the subprotocols are called
OCPP_201: Final = "ocpp2.0.1"
OCPP_21: Final = "ocpp2.1"
_FOLDERS = {OCPP_201: files("ocpp") / "v201" / "schemas", OCPP_21: files("ocpp") / "v21" / "schemas"}

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
def actions(version: Version = OCPP_201) -> frozenset[str]:
    """Every action of that OCPP, in both directions."""
    names = (entry.name for entry in _FOLDERS[version].iterdir())
    return frozenset(name.removesuffix("Request.json") for name in names if name.endswith("Request.json"))


def check_request(action: str, payload: object, version: Version = OCPP_201) -> None:
    """Raise CallError with the code for the defect where `payload` is no valid request of `action`."""
    _check(version, f"{action}Request", payload)


def check_response(action: str, payload: object, version: Version = OCPP_201) -> None:
    """Raise CallError with the code for the defect where `payload` is no valid response to `action`."""
    _check(version, f"{action}Response", payload)


def check_send(action: str, payload: object) -> None:
    """The same for a message that is not answered, which only OCPP 2.1 has."""
    _check(OCPP_21, action, payload)


def _check(version: Version, name: str, payload: object) -> None:
    validator = _validator(version, name)
    if not validator.is_valid(payload):
        raise _worst(validator, payload)


@cache
def _validator(version: Version, name: str) -> jsonschema_rs.Draft6Validator:
    schema = orjson.loads((_FOLDERS[version] / f"{name}.json").read_bytes())
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
