"""Layers against a pydantic model; every error says where the key stands and what would have been right."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ocppd.settings.files import Layer, SettingsError, merge_layers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

# The way to a key, ("stations", 0, "evses", 1, "max_w"), and a problem with it.
Loc = tuple[str | int, ...]
Problem = tuple[Loc, str]

_MAPPING = "Input should be a mapping of keys"
_PLAINER = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "is_instance_of": "Input should be a path",
    "string_type": "Input should be a valid string (a number needs quotes)",
    "missing": "this key is required",
}


def validated(model: type[M], layers: Sequence[Layer]) -> M:
    """The model of the merged layers.

    Raises SettingsError with a line for each wrong key, `config/ocppd.yaml: mqtt.port: Input should be ...`.
    """
    try:
        return model.model_validate(merge_layers(layers))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [_explained(model, detail) for detail in details]
    raise SettingsError(_lines(problems, layers))


def refuse(problems: Iterable[Problem], layers: Sequence[Layer]) -> None:
    """Raise SettingsError where there are problems; each line names the layer that its key comes from."""
    if lines := _lines(problems, layers):
        raise SettingsError(lines)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'host'?`, or where nothing is near the list of what is known."""
    names = sorted(known)
    spelled = word.lower().replace("-", "_")
    by_spelling = {name.lower().replace("-", "_"): name for name in names}
    if close := get_close_matches(spelled, by_spelling, n=1):
        return f"did you mean '{by_spelling[close[0]]}'?"
    return f"known are: {', '.join(names)}"


def _explained(model: type[BaseModel], error: ErrorDetails) -> Problem:
    loc = tuple(part for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        return loc, f"unknown key, {nearest(str(loc[-1]), _known_keys(model, loc))}"
    return loc, _PLAINER.get(error["type"], error["msg"].removeprefix("Value error, "))


def _known_keys(model: type[BaseModel], loc: Loc) -> Iterable[str]:
    """The keys that the section in which `loc` stands does have."""
    for part in loc[:-1]:
        if isinstance(part, str):
            model = _section(model.model_fields[part].annotation) or model
    return model.model_fields


def _section(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model`, `Model | None` or `list[Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _section(inner))), None)


def _lines(problems: Iterable[Problem], layers: Sequence[Layer]) -> list[str]:
    return [": ".join(filter(None, (_origin(layers, loc), _spelled(loc), text))) for loc, text in problems]


def _spelled(loc: Loc) -> str:
    """`stations[0].evses[1].max_w`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _origin(layers: Sequence[Layer], loc: Loc) -> str:
    """The name of the topmost layer that holds the key, or as much of the way to it as there is."""
    nodes: list[tuple[str, Any]] = [(layer.name, layer.tree) for layer in reversed(layers)]
    for part in loc:
        # Where the topmost is no mapping it replaced all below; where a lower one is none, it did so too.
        merging = list(takewhile(lambda node: isinstance(node[1], dict), nodes)) or nodes[:1]
        deeper = [(name, value[part]) for name, value in merging if _holds(value, part)]
        if not deeper:
            break
        nodes = deeper
    return nodes[0][0] if nodes else ""


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value
