"""Where settings come from: YAML files and OCPPD_ variables, each a layer that an error can name.

    files, the first one lowest → environment variables, one layer each → one merged tree

Nothing here knows what the keys mean, but for two habits that hold for every section: paths of files that
are read are relative to the file that names them, and a password and its `password_file` replace one another.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import yaml
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings import SettingsError as UndecodableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Tree = dict[str, Any]

ENV_PREFIX = "OCPPD_"
ENV_DELIMITER = "__"

_PASSWORDS = frozenset({"password", "password_file"})
_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


class SettingsError(Exception):
    """The settings cannot be used. `problems` holds one line each: where, which key, why; never a secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: `name` is a file as it was given, or an environment variable."""

    name: str
    tree: Tree


def read_file(path: Path) -> Layer:
    """The layer of one YAML file; relative paths of files that are read are taken from its directory.

    Raises SettingsError where it cannot be read, is not YAML or is not a mapping, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = _anchored(parse(text, str(path)), path.parent)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path}: is not UTF-8 text"]) from None
    except RecursionError:
        raise SettingsError([f"{path}: is nested too deeply, or in itself"]) from None
    return Layer(str(path), tree)


def parse(text: str, name: str) -> Tree:
    """The mapping that `text` is; an empty text is an empty mapping. `name` is the file's, for errors.

    Raises SettingsError, with the line, where it is not YAML or is not a mapping, or has a key twice.
    """
    try:
        tree = _load(text)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f":{error.problem_mark.line + 1}"
        raise SettingsError([f"{name}{line}: {_without_values(error.problem or 'not YAML')}"]) from None
    except (yaml.YAMLError, ValueError):
        raise SettingsError([f"{name}: is not YAML"]) from None
    if not isinstance(tree or {}, dict):
        raise SettingsError([f"{name}: must be a mapping of keys, not a {type(tree).__name__}"])
    return tree or {}


def read_environment(model: type[BaseSettings]) -> list[Layer]:
    """One layer for each OCPPD_ variable, in the order in which they override each other.

    Variables of lists and sections hold JSON; `OCPPD_CSMS__URL` wins over `url` in `OCPPD_CSMS`. A name
    that `model` does not know becomes a layer too, so that it is refused like any unknown key.

    Raises SettingsError where a variable is not the JSON it has to be, or a password is given twice.
    """
    names = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))
    for name in names:
        if name.upper().endswith("PASSWORD") and f"{name}_FILE" in names:
            raise SettingsError([f"{name}_FILE: {name} is set too, and only one of them can be"])
    return [Layer(name, _decoded(model, name)) for name in names]


def _decoded(model: type[BaseSettings], name: str) -> Tree:
    source = EnvSettingsSource(
        model, case_sensitive=False, env_prefix=ENV_PREFIX, env_nested_delimiter=ENV_DELIMITER
    )
    source.env_vars = {name.lower(): os.environ[name]}
    try:
        found = source()
    except UndecodableError:
        raise SettingsError([f"{name}: must be JSON, as it is a list or a section"]) from None
    unknown = name[len(ENV_PREFIX) :].lower().split(ENV_DELIMITER)[0]
    return found or {unknown: None}


def merge(base: Tree, top: Tree) -> Tree:
    """`top` over `base`: mappings merge at every depth, anything else is replaced; neither is changed.

    A password above takes back a password_file below, and the other way round.
    """
    kept = base if _PASSWORDS.isdisjoint(top) else {k: v for k, v in base.items() if k not in _PASSWORDS}
    return kept | {key: _merged(kept.get(key), value) for key, value in top.items()}


def _merged(below: object, above: object) -> object:
    return merge(below, above) if isinstance(below, dict) and isinstance(above, dict) else above


def merge_layers(layers: Sequence[Layer]) -> Tree:
    """All layers in one, the last one on top."""
    return reduce(merge, (layer.tree for layer in layers), {})


def _anchored(value: Any, directory: Path, inside: str = "") -> Any:
    match value:
        case dict():
            return {key: _anchored_entry(key, entry, directory, inside) for key, entry in value.items()}
        case list():
            return [_anchored(entry, directory, inside) for entry in value]
        case _:
            return value


def _anchored_entry(key: str, value: Any, directory: Path, inside: str) -> Any:
    is_path = key == "password_file" or inside == "tls" or (inside, key) == ("transfers", "known_hosts")
    if is_path and isinstance(value, str):
        return str(directory / value)
    return _anchored(value, directory, key)


class _Loader(yaml.SafeLoader):
    """YAML whose keys are text, and whose values are numbers or booleans only where JSON would say so.

    YAML 1.1 reads `ON` as true, `0412` as 266 and a date as an object, YAML 1.2 reads `12345E67` as a
    number: payloads of buttons and UIDs of cards would not survive it.
    """

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"the key {key.value} stands twice in one mapping"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
            if key.tag != _MERGE:
                key.tag = _TEXT
        return node


_Loader.yaml_implicit_resolvers = {
    None: [
        (_MERGE, re.compile(r"<<\Z")),
        ("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)\Z")),
        ("tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")),
        ("tag:yaml.org,2002:int", re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")),
        ("tag:yaml.org,2002:float", re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]+\Z")),
    ]
}


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _without_values(problem: str) -> str:
    """PyYAML's complaint without the words of the file that it quotes: they may be a secret.

    A single character and the name of a token, `'<block end>'`, tell nothing.
    """
    return re.sub(r"""(['"])(?!<).{2,}?\1""", "'…'", problem)
