"""A scenario as its file says it, checked, and what is wrong with it in words that name the key.

Every step is a mapping with one verb: a command of a station, or one of `VERBS`; what stands beside it are
the keys of that verb. `Scenario.parse` turns the mappings into `Step`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from ocppd import blocks
from ocppd.commands import Command, Commands
from ocppd.core.errors import OcppdError
from ocppd.core.schemas import OCPP_21, actions
from ocppd.core.views import PUBLIC_EVENTS
from ocppd.payload import Payload
from ocppd.scenario import patterns, values

_MOST_ROUNDS = 10_000

# No scenario starts or ends another, or itself.
_NO_STEPS = frozenset({"scenario", "stop-scenario"})


class ScenarioError(OcppdError):
    """The file cannot be run. `problems` holds one line each: where, which step and key, why."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or where nothing is near the list of what is known."""
    names = sorted(known)
    spelled = {name.lower().replace("_", "-"): name for name in names}
    if close := get_close_matches(word.lower().replace("_", "-"), spelled, n=1):
        return f"did you mean {spelled[close[0]]!r}?"
    return f"known are: {', '.join(names)}"


def _is_open(value: object) -> bool:
    """Whether a variable or chance decides it when the step is run."""
    return values.is_choice(value) or (isinstance(value, str) and "${" in value)


def _time(value: object) -> object:
    if not _is_open(value):
        try:
            values.seconds(value)
        except values.ValueProblemError as error:
            raise ValueError(str(error)) from None
    return value


def _known(what: str, names: frozenset[str]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if not _is_open(name) and name not in names:
            raise ValueError(f"there is no {what} {name[:40]!r}, {nearest(name, names)}")
        return name

    return check


def _pattern(value: object) -> object:
    if (problem := patterns.problem(value)) is not None:
        raise ValueError(problem)
    return value


# Seconds, `90s`, `2h`, or a choice by chance.
_TIME_SCHEMA: dict[str, Any] = {"type": ["number", "string", "object"]}
Time = Annotated[Any, AfterValidator(_time), WithJsonSchema(_TIME_SCHEMA)]
Event = Annotated[str, AfterValidator(_known("event", PUBLIC_EVENTS))]
Action = Annotated[str, AfterValidator(_known("action", actions() | actions(OCPP_21)))]
Pattern = Annotated[Any, AfterValidator(_pattern)]
Place = Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=r"\$\{")]
Name = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$", max_length=40)]
TokenStatus = Literal[
    "Accepted",
    "Blocked",
    "ConcurrentTx",
    "Expired",
    "Invalid",
    "NoCredit",
    "NotAllowedTypeEVSE",
    "NotAtThisLocation",
    "NotAtThisTime",
    "Unknown",
]


class Keys(BaseModel):
    """A mapping of known keys. Its numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class Sight(Keys):
    """Something to be seen: an event, an OCPP frame, or a state; `like` is a pattern of what is in it.

    `state` is itself a pattern, of the whole state that `get` tells, or of the EVSE or connector named.
    `frame` is the action; `type` tells a request (`call`) from its answers; `way` is `tx` from the station.
    """

    event: Event | None = None
    frame: Action | None = None
    state: Pattern = None
    like: Pattern = None
    way: Literal["tx", "rx"] | None = None
    type: Literal["call", "result", "error"] = "call"
    evse: Place | None = None
    connector: Place | None = None
    station: str | None = None
    within: Time = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Sight:
        kinds = [key for key in ("event", "frame", "state") if key in self.model_fields_set]
        if len(kinds) != 1:
            raise ValueError("one of event, frame and state must be given")
        if kinds[0] != "frame" and {"way", "type"} & self.model_fields_set:
            raise ValueError("way and type are for a frame")
        if kinds[0] == "frame" and {"evse", "connector"} & self.model_fields_set:
            raise ValueError("evse and connector are for an event or a state, give like")
        if kinds[0] == "state" and "like" in self.model_fields_set:
            raise ValueError("state is the pattern itself, like is for an event or a frame")
        return self

    @property
    def kind(self) -> Literal["event", "frame", "state"]:
        """Which of the three."""
        return "event" if self.event is not None else "frame" if self.frame is not None else "state"


class Behaviour(Keys):
    """How the CSMS of `--virtual` answers. What is not named stays as it is.

    `tokens` gives tokens their status, `others` is that of all others. `answers` are payloads by action, null
    for the usual one again; `errors` CALLERROR codes by action, null for none; on `silent` actions it says
    nothing at all. With `reachable: false` nobody can connect, and who was connected is not any more.
    """

    boot: Literal["Accepted", "Pending", "Rejected"] | None = None
    interval: Annotated[int, Field(ge=0, le=86_400)] | None = None
    tokens: dict[str, TokenStatus] | None = None
    others: TokenStatus | None = None
    answers: dict[Action, dict[str, Any] | None] | None = None
    errors: dict[Action, str | None] | None = None
    silent: list[Action] | None = None
    reachable: bool | None = None


class CsmsAct(Behaviour):
    """What the CSMS does: it sends `action` with `payload`, or, in virtual time, changes how it answers.

    `answer` is a pattern of the station's response. A real CSMS is waited for to send the request, at
    most `within` (10 minutes); the one in virtual time sends it at once.
    """

    action: Action | None = None
    payload: dict[str, Any] = Field({})
    answer: Pattern = None
    fails: str | None = None
    station: str | None = None
    within: Time = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> CsmsAct:
        if (
            self.action is None
            and {"payload", "answer", "within", "station", "fails"} & self.model_fields_set
        ):
            raise ValueError("action is needed")
        if (self.action is None) == (not self.changes):
            raise ValueError("either an action or what changes (boot, tokens, answers ...) must be given")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """The keys of `Behaviour` that are given."""
        return self.model_dump(include=set(Behaviour.model_fields), exclude_unset=True)


class Labelled(Keys):
    """`name` stands in the report in place of the step itself."""

    name: str | None = Field(None, max_length=200)


class CommandKeys(Labelled):
    """What may stand beside a command: where it goes, and what is expected of its answer.

    `fails` is the error code that must come, `result` a pattern of the result, `as` keeps that as a variable.
    """

    station: str | None = None
    evse: Place | None = None
    connector: Place | None = None
    fails: str | None = None
    result: Pattern = None
    as_: Name | None = Field(None, alias="as")

    @model_validator(mode="after")
    def _fails_or_not(self) -> CommandKeys:
        if self.fails is not None and {"result", "as_"} & self.model_fields_set:
            raise ValueError("what fails has no result")
        return self


class WaitKeys(Labelled):
    """Let time pass."""

    wait: Time


class WaitForKeys(Labelled):
    """Wait until something happens from now on, or a state is there; an hour unless `within` is given."""

    wait_for: Sight
    as_: Name | None = Field(None, alias="as")


class ExpectKeys(Labelled):
    """Expect what has happened since it was last expected, or happens `within` 30 s."""

    expect: Sight
    as_: Name | None = Field(None, alias="as")


class NeverKeys(Labelled):
    """Watch `for` a time that something does not happen."""

    never: Sight
    for_: Time = Field(alias="for")


class RepeatKeys(Labelled):
    """Do the steps so many times; `${i}` counts from 1."""

    repeat: Annotated[int, Field(ge=1, le=_MOST_ROUNDS)] | Annotated[str, Field(pattern=r"^\$\{[^{}]+\}$")]
    steps: list[Any]


class ForKeys(Labelled):
    """Do the steps once for each entry; the variable `for` holds it, `${i}` counts from 1."""

    for_: Name = Field(alias="for")
    in_: (
        Annotated[list[Any], Field(max_length=_MOST_ROUNDS)]
        | Annotated[str, Field(pattern=r"^\$\{[^{}]+\}$")]
    ) = Field(alias="in")
    steps: list[Any]


class ParallelKeys(Labelled):
    """Do lists of steps side by side; on when all have ended."""

    parallel: list[list[Any]] = Field(min_length=1, max_length=100)


class StationsKeys(Labelled):
    """Do the steps at each of these stations, side by side: `CP0*`, or a list; on when all have ended.

    In them, `${station}` is the station and where commands go; `${i}` counts from 1.
    """

    stations: str | Annotated[list[str], Field(min_length=1, max_length=1000)]
    steps: list[Any]


class CsmsKeys(Labelled):
    """Have the CSMS do something."""

    csms: CsmsAct
    as_: Name | None = Field(None, alias="as")


class SetKeys(Labelled):
    """Set variables."""

    set: dict[Name, Any]


class NoteKeys(Labelled):
    """Say something in the progress and the report."""

    note: str = Field(max_length=500)


VERBS: Mapping[str, type[Labelled]] = {
    "wait": WaitKeys,
    "wait_for": WaitForKeys,
    "expect": ExpectKeys,
    "never": NeverKeys,
    "repeat": RepeatKeys,
    "for": ForKeys,
    "parallel": ParallelKeys,
    "stations": StationsKeys,
    "csms": CsmsKeys,
    "set": SetKeys,
    "note": NoteKeys,
}
"""What a step may do beside giving a command."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `path` is `4.2`, the second one within the fourth; `text` what it says, in a line.

    `verb` is a command where `keys` are CommandKeys; `argument` is what the file gives it. `inner` are the
    lists of steps within.
    """

    verb: str
    keys: Any
    path: str
    text: str
    argument: Any = None
    inner: tuple[tuple[Step, ...], ...] = ()

    @property
    def label(self) -> str:
        """What it is called in the progress."""
        return f"{self.path} {self.keys.name or self.text}"


class Head(Keys):
    """A scenario: `steps` and what they are about.

    `stations` have the keys of the configuration's `stations`, with a `count` those of its `fleet`; without
    them it runs on the station that it is told to. `start` is when it begins in virtual time. The stations
    have to be connected and accepted by their CSMS first, unless `ready` is false. `csms` is what the CSMS
    has to be like, and what the one of `--virtual` is. `seed` decides all chance.
    """

    description: str = Field("", max_length=5000)
    seed: int = Field(0, ge=0, le=2**53 - 1)
    start: datetime = datetime.fromisoformat("2026-01-05T08:00:00+00:00")
    ready: bool = True
    vars: dict[Name, Any] = Field({})
    stations: list[dict[str, Any]] = Field([], max_length=100)
    csms: Behaviour = Behaviour()
    steps: list[Any] = Field(min_length=1)

    @model_validator(mode="after")
    def _starts_somewhere(self) -> Head:
        if self.start.tzinfo is None:
            raise ValueError("start: must name its time zone, 2026-01-05T08:00:00Z")
        return self


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario, checked; `name` is that of its file."""

    name: str
    head: Head
    steps: tuple[Step, ...]
    tree: Mapping[str, Any] = field(repr=False)

    def all_steps(self) -> Iterator[Step]:
        """Every step, at any depth."""
        yield from flat(self.steps)

    @property
    def steers_csms(self) -> Step | None:
        """The first step that changes how the CSMS answers, which only that of `--virtual` can be told."""
        return next((it for it in self.all_steps() if it.verb == "csms" and it.keys.csms.changes), None)


def flat(steps: Iterable[Step]) -> Iterator[Step]:
    """These steps and all within them."""
    for step in steps:
        yield step
        for branch in step.inner:
            yield from flat(branch)


@cache
def commands() -> dict[str, Command]:
    """What a step may command, by name."""
    every = Commands(blocks.handlers()).by_name
    return {name: command for name, command in every.items() if name not in _NO_STEPS}


def payload(argument: Any) -> Payload:
    """What the argument in a file is to a command: a mapping its keys, anything else its bare text."""
    if isinstance(argument, dict):
        return Payload(fields=argument)
    if argument is None or argument == "":
        return Payload()
    return Payload(text=str(argument).lower() if isinstance(argument, bool) else str(argument))
