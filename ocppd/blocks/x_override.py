"""Answers to the CSMS that are not the station's own: scripted, late, or none. No part of OCPP."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Unpack

import orjson
from annotated_types import Ge, Le, Len
from typing_extensions import TypedDict

from ocppd.core import on, schemas
from ocppd.core.errors import CallError, CommandError
from ocppd.core.state import Override
from ocppd.core.station import UNCHANGED, Done

if TYPE_CHECKING:
    from ocppd.core.station import Station

LONGEST_PAYLOAD = 32_768  # bytes of JSON
_OFF = frozenset({"off", "0", "false", "no"})
_Word = Annotated[str, Len(1, 50)]


class Answer(TypedDict, total=False):
    """What the CSMS hears, see `state.Override`; None says nothing."""

    status: _Word | None
    error: _Word | None
    payload: dict[str, Any] | None
    silent: bool | None
    delay_s: Annotated[float, Ge(0), Le(3600)] | None


@on.command("override")
def override(
    st: Station,
    action: _Word,
    *,
    times: Annotated[int, Ge(0), Le(1_000_000)] | None = 1,
    valid: bool = True,
    **answer: Unpack[Answer],
) -> Done:
    """Answer the next requests of the CSMS of that `action` otherwise; OFF takes all overrides away.

    With the `status`, with the `payload`, with the CALLERROR `error`, or `silent`, never: then the station
    does nothing of what it was asked. `delay_s` is how late that comes; alone it holds the request back, and
    the station serves it then. `times` is for how many requests, null for all, 0 takes this one away.
    What does not fit the schema is refused unless `valid` is false.
    """
    if action.casefold() in _OFF:
        return _changed_to(st, ())
    _refuse_unknown(st, action)
    others = tuple(it for it in st.state.overrides if it.action != action)
    if times == 0:
        return _changed_to(st, others)
    wanted = _override(st, action, answer, valid=valid)
    wanted.times = times
    return _changed_to(st, (*others, wanted))


def _changed_to(st: Station, overrides: tuple[Override, ...]) -> Done:
    before, st.state.overrides = st.state.overrides, overrides
    return Done() if before != overrides else UNCHANGED


def _refuse_unknown(st: Station, action: str) -> None:
    known = schemas.actions(st.version)
    if action in known:
        return
    near = get_close_matches(action, known, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    raise CommandError("invalid_argument", f"action: {st.version} has no such request{hint}")


def _override(st: Station, action: str, answer: Answer, *, valid: bool) -> Override:
    """The override that the arguments describe, checked."""
    status, error, payload = answer.get("status"), answer.get("error"), answer.get("payload")
    silent, delay_s = bool(answer.get("silent")), answer.get("delay_s") or 0.0
    ways = sum([status is not None, error is not None, payload is not None, silent])
    if ways > 1:
        raise CommandError("invalid_argument", "only one of status, error, payload and silent can be")
    if silent and delay_s:
        raise CommandError("invalid_argument", "delay_s: silence is never late")
    if not ways and not delay_s:
        raise CommandError("missing_argument", "one of status, error, payload, silent, delay_s is needed")
    if status is not None:
        payload = {"status": status}
    if payload is not None:
        _check(st, action, payload, valid=valid)
    return Override(action, payload=payload, error=error, silent=silent, delay_s=delay_s)


def _check(st: Station, action: str, payload: dict[str, Any], *, valid: bool) -> None:
    """Refuse a response that is too long or, unless it need not be `valid`, that fits no schema."""
    if valid:
        try:
            schemas.check_response(action, payload, st.version)
        except CallError as error:
            raise CommandError("invalid_argument", f"no response to {action}: {error}") from None
    if len(orjson.dumps(payload)) > LONGEST_PAYLOAD:
        raise CommandError("invalid_argument", f"payload: more than {LONGEST_PAYLOAD} bytes of JSON")


@on.timer("held")
def late_answer(st: Station) -> None:
    """The answer to a request that was held back is due."""
    st.serve_held()
