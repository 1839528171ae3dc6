"""The JSON schema of scenarios."""

from __future__ import annotations

from typing import Any

from ocppd.scenario.model import VERBS, CommandKeys, Head, commands


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a scenario, for editors and `ocppd scenario schema`."""
    top = Head.model_json_schema(by_alias=True)
    definitions = top.pop("$defs", {})
    for verb, model in VERBS.items():
        schema = model.model_json_schema(by_alias=True)
        definitions |= schema.pop("$defs", {})
        definitions[model.__name__] = schema | {"required": sorted({*schema.get("required", ()), verb})}
    definitions["CommandKeys"] = _command_schema()
    definitions["Choice"] = _choice_schema()
    steps = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Step"}}
    names = [*(model.__name__ for model in VERBS.values()), "CommandKeys"]
    definitions["Step"] = {
        "anyOf": [{"enum": sorted(commands())}, *({"$ref": f"#/$defs/{name}"} for name in names)]
    }
    for name in ("RepeatKeys", "ForKeys", "StationsKeys"):
        definitions[name]["properties"]["steps"] = steps
    definitions["ParallelKeys"]["properties"]["parallel"]["items"] = steps
    top["properties"]["steps"] = steps
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **top,
        "title": "ocppd scenario",
        "$defs": definitions,
    }


def _command_schema() -> dict[str, Any]:
    schema = CommandKeys.model_json_schema(by_alias=True)
    for name, command in commands().items():
        schema["properties"][name] = {
            "description": command.summary,
            "type": ["null", "string", "number", "boolean", "object"],
        }
    return schema | {"oneOf": [{"required": [name]} for name in sorted(commands())]}


def _choice_schema() -> dict[str, Any]:
    numbers = {"type": "array", "items": {"type": ["number", "string"]}, "minItems": 2, "maxItems": 2}
    return {
        "description": "Decided by chance, the same for the same seed.",
        "type": "object",
        "properties": {"between": numbers, "pick": {"type": "array", "minItems": 1}},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }
