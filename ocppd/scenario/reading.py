"""Mappings become steps, and what is wrong with them words that name the step and the key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from ocppd.core.errors import CommandError
from ocppd.scenario import values
from ocppd.scenario.model import (
    VERBS,
    Behaviour,
    CommandKeys,
    CsmsAct,
    Head,
    Scenario,
    ScenarioError,
    Sight,
    Step,
    commands,
    flat,
    nearest,
    payload,
)

MOST_STEPS = 2000
"""How many steps a file may have."""
MOST_NODES = 50_000
"""How many keys and entries a file may have, aliases counted as often as they are used."""
DEEPEST = 64
_DEEPEST_STEPS = 8
_LONGEST_TEXT = 110

M = TypeVar("M", bound=BaseModel)


def parse(name: str, tree: object, where: str) -> Scenario:
    """The scenario in `tree`, what JSON or YAML have come to; errors call it `where`.

    Raises:
        ScenarioError: a line for each key that is wrong, as far as one can go on after it.
    """
    _check_size(tree, where)
    if not isinstance(tree, dict):
        raise ScenarioError([f"{where}: must be a mapping of keys, not a {type(tree).__name__}"])
    reader = _Reader(where)
    head = reader.keys(Head, tree, "")
    steps = reader.steps(tree.get("steps"), "") if head is not None else ()
    if head is not None:
        reader.check_names(head, steps)
    if reader.problems or head is None:
        raise ScenarioError(reader.problems)
    return Scenario(name, head, steps, tree)


class _Reader:
    """Reads steps, and gathers what is wrong with them."""

    def __init__(self, where: str) -> None:
        self.problems: list[str] = []
        self._where = where
        self._count = 0

    def keys(self, model: type[M], tree: object, step: str) -> M | None:
        """The model of these keys; None where something is wrong with them."""
        try:
            return model.model_validate(tree)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False, include_input=False):
                self._explain(model, detail["loc"], detail["type"], detail["msg"], step)
            return None

    def steps(self, tree: object, path: str) -> tuple[Step, ...]:
        """A list of steps; `path` is that of the step they stand in."""
        if not isinstance(tree, list) or not tree:
            self._refuse(path, "steps: must be a list of steps")
            return ()
        if path.count(".") >= _DEEPEST_STEPS:
            self._refuse(path, f"steps stand in one another more than {_DEEPEST_STEPS} deep")
            return ()
        found = [self._step(entry, f"{path}.{number}".strip(".")) for number, entry in enumerate(tree, 1)]
        return tuple(step for step in found if step is not None)

    def _step(self, tree: object, path: str) -> Step | None:
        self._count += 1
        if self._count > MOST_STEPS:
            if self._count == MOST_STEPS + 1:
                self._refuse(path, f"there are more than {MOST_STEPS} steps")
            return None
        if isinstance(tree, str):
            tree = {tree: None}  # `- unplug`
        if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
            self._refuse(path, "a step is a mapping with one verb, such as `plug-in: {evse: 1}`")
            return None
        verb = self._verb(tree, path)
        if verb is None:
            return None
        return self._act(verb, tree, path) if verb in VERBS else self._command(verb, tree, path)

    def _verb(self, tree: dict[str, Any], path: str) -> str | None:
        # A key such as `for` may be a verb, or beside one.
        beside = {name for key in tree if key in VERBS for name in _spellings(VERBS[key]) if name != key}
        found = [key for key in tree if (key in VERBS and key not in beside) or key in commands()]
        if len(found) == 1:
            return found[0]
        if found:
            self._refuse(path, f"a step has one verb, not {' and '.join(found)}")
            return None
        word = next(iter(tree), "")
        self._refuse(path, f"there is no verb {word[:40]!r}, {nearest(word, {*VERBS, *commands()})}")
        return None

    def _act(self, verb: str, tree: dict[str, Any], path: str) -> Step | None:
        keys = self.keys(VERBS[verb], tree, path)
        if keys is None:
            return None
        inner: tuple[tuple[Step, ...], ...] = ()
        if verb == "parallel":
            inner = tuple(
                self.steps(branch, f"{path}.{letter}") for letter, branch in _lettered(tree["parallel"])
            )
        elif "steps" in tree:
            inner = (self.steps(tree["steps"], path),)
        return Step(verb, keys, path, _text(verb, tree), inner=inner)

    def _command(self, verb: str, tree: dict[str, Any], path: str) -> Step | None:
        keys = self.keys(CommandKeys, {key: value for key, value in tree.items() if key != verb}, path)
        if keys is None:
            return None
        argument = tree[verb]
        if isinstance(argument, list):
            self._refuse(path, f"{verb}: a word, a number, or a mapping of its arguments")
        elif (problem := _wrong_argument(verb, argument)) is not None:
            self._refuse(path, f"{verb}: {problem}")
        return Step(verb, keys, path, _text(verb, tree), argument)

    def check_names(self, head: Head, steps: Iterable[Step]) -> None:
        """Refuse variables that nothing sets, and choices that are none."""
        known = {"station", "i", "run", *head.vars}
        every = list(flat(steps))
        for step in every:
            known |= {getattr(step.keys, "as_", None) or "", *getattr(step.keys, "set", ())}
            if step.verb == "for":
                known.add(step.keys.for_)
        for step in every:
            self._check_values(step, known)

    def _check_values(self, step: Step, known: set[str]) -> None:
        said = [step.argument, *_without_steps(step)]
        try:
            unknown = sorted({name for one in said for name in values.names(one)} - known)
        except values.ValueProblemError as error:
            self._refuse(step.path, str(error))
            return
        if unknown:
            self._refuse(step.path, f"nothing sets ${{{unknown[0]}}}, {nearest(unknown[0], known - {''})}")
        if problem := next(filter(None, map(values.choices_problem, said)), None):
            self._refuse(step.path, problem)

    def _explain(self, model: type[BaseModel], loc: tuple[Any, ...], kind: str, text: str, step: str) -> None:
        where = [
            str(part) for part in loc if not str(part).startswith(("function-", "constrained-", "list["))
        ]
        if kind == "extra_forbidden":
            text = f"unknown key, {nearest(where[-1], _known_keys(model, where[:-1]))}"
        elif kind == "missing":
            text = "is needed"
        text = text.removeprefix("Value error, ")
        self._refuse(step, f"{'.'.join(where)}: {text}" if where else text)

    def _refuse(self, path: str, text: str) -> None:
        place = f"step {path}: " if path else ""
        line = f"{self._where}: {place}{text}"
        if line not in self.problems and len(self.problems) < 20:
            self.problems.append(line)


def _check_size(tree: object, where: str) -> None:
    left, level = MOST_NODES, [tree]
    for _ in range(DEEPEST):
        left -= len(level)
        if left < 0:
            raise ScenarioError([f"{where}: has more than {MOST_NODES} keys and entries"])
        level = list(islice(chain.from_iterable(map(_children, level)), left + 1))
        if not level:
            return
    raise ScenarioError([f"{where}: is nested more than {DEEPEST} deep"])


def _children(node: object) -> Iterable[object]:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _wrong_argument(verb: str, argument: Any) -> str | None:
    """What is wrong with the argument of a command, as far as one can tell before its variables are known."""
    if b"${" in orjson.dumps(argument, default=str) or _has_choice(argument):
        return None
    try:
        _, warnings = commands()[verb].bind(payload(argument))
    except CommandError as error:
        return error.message
    return warnings[0] if warnings else None


def _has_choice(value: object) -> bool:
    return values.is_choice(value) or any(map(_has_choice, _children(value)))


def _lettered(branches: list[Any]) -> Iterator[tuple[str, Any]]:
    """`a`, `b` ... and after `z` numbers."""
    for number, branch in enumerate(branches):
        yield chr(ord("a") + number) if number < 26 else str(number + 1), branch


def _without_steps(step: Step) -> list[Any]:
    said = step.keys.model_dump(exclude_unset=True, by_alias=True)
    return [value for key, value in said.items() if key not in ("steps", "parallel")]


def _text(verb: str, tree: dict[str, Any]) -> str:
    """The step in a line, its verb first, without the steps within."""
    rest = {verb: tree[verb]} | tree
    rest = {key: value for key, value in rest.items() if key not in ("steps", "parallel", "name")}
    words = ", ".join(f"{key}: {_brief(value)}" if value is not None else key for key, value in rest.items())
    words = words or verb
    return words if len(words) <= _LONGEST_TEXT else f"{words[: _LONGEST_TEXT - 3]}..."


def _brief(value: object) -> str:
    if isinstance(value, dict) and "password" in str(value).lower():
        return "***"
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _spellings(model: type[BaseModel]) -> set[str]:
    return {it.alias or name for name, it in model.model_fields.items()}


def _known_keys(model: type[BaseModel], path: list[str]) -> set[str]:
    inside = {"expect": Sight, "wait_for": Sight, "never": Sight}
    if path and path[-1] in inside:
        return _spellings(inside[path[-1]])
    if path and path[-1] == "csms":
        return _spellings(Behaviour if model is Head else CsmsAct)
    return _spellings(model)
