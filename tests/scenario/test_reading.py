"""Files become steps, or a line for each thing that is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.scenario.library import MOST_BYTES, named, read
from ocppd.scenario.model import ScenarioError
from ocppd.scenario.reading import parse
from ocppd.scenario.schema import json_schema
from tests.scenario.test_patterns import JSON

SCHEMA = jsonschema_rs.validator_for(json_schema())
GOOD: list[Any] = [
    "unplug",
    {"plug-in": {"evse": 1, "ev": {"soc": 20}}},
    {"authorize": "04A2B3C4", "evse": 1, "fails": "csms_rejected"},
    {"get": None, "as": "state"},
    {"wait": "1h30m"},
    {"wait": {"between": [1, 20]}},
    {"expect": {"event": "tx_started", "evse": 1, "like": {"id_token": "X"}}, "as": "tx"},
    {"expect": {"frame": "TransactionEvent", "way": "tx", "like": {"eventType": "Ended"}, "within": 30}},
    {"wait_for": {"state": {"tx": None}, "evse": 1}, "name": "it is over"},
    {"never": {"event": "fault"}, "for": 60},
    {"repeat": 3, "steps": [{"for": "w", "in": [1, 2], "steps": [{"limit": "${w}"}]}]},
    {"parallel": [[{"wait": 1}], ["unplug"]]},
    {"stations": ["CP*", "X1"], "steps": [{"note": "${station} is number ${i}"}]},
    {"csms": {"action": "Reset", "payload": {"type": "Immediate"}, "answer": {"status": "Accepted"}}},
    {"csms": {"boot": "Pending", "interval": 60}},
    {"set": {"a": 1}},
]


def problems(*steps: Any, **keys: Any) -> list[str]:
    """The lines that refuse these steps."""
    with pytest.raises(ScenarioError) as caught:
        parse("x", {"steps": list(steps), **keys}, "x.yaml")
    return list(caught.value.problems)


def test_every_kind_of_step_is_read_and_fits_the_schema() -> None:
    tree = {"description": "All.", "steps": GOOD}
    SCHEMA.validate(tree)
    scenario = parse("x", tree, "x.yaml")
    paths = [step.path for step in scenario.all_steps()]
    assert paths[10:16] == ["11", "11.1", "11.1.1", "12", "12.a.1", "12.b.1"]
    assert scenario.steps[2].label == "3 authorize: 04A2B3C4, evse: 1, fails: csms_rejected"
    assert scenario.steps[8].label == "9 it is over"


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"plugin": 1}, "step 1: there is no verb 'plugin', did you mean 'plug-in'?"),
        ({"scenario": "x"}, "there is no verb 'scenario'"),
        ({"wait": 1, "unplug": None}, "a step has one verb, not wait and unplug"),
        ({}, "there is no verb ''"),
        (7, "a step is a mapping with one verb"),
        ({"wait": "soon"}, "wait: must be a time"),
        ({"expect": {"evnt": "x"}}, "expect.evnt: unknown key, did you mean 'event'?"),
        ({"expect": {"event": "tx_start"}}, "there is no event 'tx_start', did you mean 'tx_started'?"),
        ({"expect": {"frame": "TransactionEvnt"}}, "did you mean 'TransactionEvent'?"),
        ({"expect": {"event": "fault", "frame": "Reset"}}, "one of event, frame and state"),
        ({"expect": {"event": "fault", "way": "tx"}}, "way and type are for a frame"),
        ({"expect": {"state": {}, "like": {}}}, "state is the pattern itself"),
        ({"never": {"event": "fault"}}, "for: is needed"),
        ({"repeat": 0, "steps": ["unplug"]}, "repeat:"),
        ({"repeat": 2, "steps": []}, "steps: must be a list of steps"),
        ({"authorize": {"id_tken": "x"}}, "authorize: id_tken: no such key in authorize"),
        ({"authorize": "${token}"}, "nothing sets ${token}"),
        ({"authorize": "${a b}"}, "${a b} is no variable"),
        ({"wait": {"between": [2, 1]}}, "between: must be two numbers, the lower one first"),
        ({"limit": {"watts": "much"}}, "limit: watts"),
        ({"csms": {"boot": "Perhaps"}}, "csms.boot:"),
        ({"csms": {"action": "Reset", "boot": "Accepted"}}, "either an action or what changes"),
        ({"csms": {"payload": {}}}, "action is needed"),
        ({"authorize": "x", "fails": "y", "as": "z"}, "what fails has no result"),
        ({"expect": {"state": {"tx": {"min": "x"}}}}, "min: must be a number"),
    ],
)
def test_what_is_wrong_is_told_with_step_and_key(step: Any, told: str) -> None:
    (line,) = problems(step)[:1]
    assert line.startswith("x.yaml: step 1: ")
    assert told in line


def test_a_wrong_step_deep_inside_has_its_path() -> None:
    (line,) = problems({"repeat": 2, "steps": ["unplug", {"parallel": [["unplug"], [{"wait": -1}]]}]})
    assert line.startswith("x.yaml: step 1.2.b.1: wait")


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"wait": -1}, {"plugin": 1}, {"expect": {}})) == 3


def test_unknown_keys_of_the_file() -> None:
    assert problems("unplug", vaars={}) == ["x.yaml: vaars: unknown key, did you mean 'vars'?"]


@pytest.mark.parametrize("tree", [None, 5, "text", [], {}, {"steps": None}, {"steps": {}}, {"steps": []}])
def test_what_is_no_scenario_at_all(tree: Any) -> None:
    with pytest.raises(ScenarioError):
        parse("x", tree, "x.yaml")


def clear(tree: Any) -> bool:
    """Whether it is read, or refused in lines that name the file."""
    try:
        parse("x", tree, "x.yaml")
    except ScenarioError as error:
        return bool(error.problems) and all(line.startswith("x.yaml: ") for line in error.problems)
    return True


_HEADS = some.sampled_from(["steps", "vars", "stations", "csms", "seed", "x"])
_VERBS = ["wait", "expect", "never", "for", "in", "steps", "repeat", "parallel", "stations", "csms", "set"]
_OTHERS = ["plug-in", "authorize", "limit", "event", "frame", "state", "like", "action", "as", "between"]
_STEP = some.recursive(
    some.none() | some.integers(-2, 9) | some.sampled_from(["tx_started", "${i}", "${", "1h", "ON", "*"]),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(some.sampled_from(_VERBS + _OTHERS), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(some.dictionaries(_HEADS, JSON, max_size=4))
def test_any_json_is_a_scenario_or_refused_clearly(tree: Any) -> None:
    assert clear(tree)


@given(some.lists(_STEP, min_size=1, max_size=3))
def test_any_steps_of_known_words_are_read_or_refused_clearly(steps: Any) -> None:
    assert clear({"steps": steps})


def test_bounds() -> None:
    deep: Any = ["unplug"]
    for _ in range(12):
        deep = [{"repeat": 2, "steps": deep}]
    assert "deep" in problems(*deep)[0]
    assert "more than 2000 steps" in problems(*["unplug"] * 2001)[0]
    assert "more than 50000" in problems({"set": {"a": [0] * 50_000}})[0]
    nested: Any = 0
    for _ in range(100):
        nested = [nested]
    assert "nested more than 64" in problems({"set": {"a": nested}})[0]


def test_aliases_that_multiply_are_refused_and_quickly(tmp_path: Path) -> None:
    rows = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    file = tmp_path / "bomb.yaml"
    file.write_text("\n".join(rows))
    with pytest.raises(ScenarioError, match="more than 50000"):
        read(file)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.yaml", b"steps: [", "x.yaml:1: "),
        ("x.yaml", b"a: 1\na: 2", "the key a stands twice"),
        ("x.yaml", b"!!python/object/apply:os.system [ls]", "x.yaml"),
        ("x.yaml", b"\xff\xfe\x00", "x.yaml"),
        ("x.json", b'{"steps": ', "is not JSON"),
        ("x.json", b" " * (MOST_BYTES + 1), "is larger than"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        read(file)
    assert told in str(caught.value)


def test_a_json_file_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"steps": [{"authorize": "12345E67"}]}')
    assert read(file).steps[0].argument == "12345E67"


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".", "/etc/passwd", "x" * 200, "no-such", "a\0"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "secret.yaml").write_text("steps: [unplug]")
    with pytest.raises(ScenarioError, match="there is no scenario"):
        named(name, tmp_path / "scenarios")


def test_ones_own_scenario_goes_before_one_that_ships(tmp_path: Path) -> None:
    (tmp_path / "clock-drift.yaml").write_text("description: mine\nsteps: [unplug]")
    assert named("clock-drift", tmp_path).head.description == "mine"
    assert named("clock-drift").head.description != "mine"


@pytest.mark.parametrize(
    "steps", [[{"plugin": 1}], [{"wait": 1, "x": 2}], [{"never": {"event": "fault"}}], []]
)
def test_the_schema_refuses_what_is_wrong(steps: Any) -> None:
    assert not SCHEMA.is_valid({"steps": steps})
