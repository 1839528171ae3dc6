"""How requests of the CSMS are answered otherwise than the station would: by a script, late, or never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ocppd.core import rpc
from ocppd.core.state import Held

if TYPE_CHECKING:
    from ocppd.core.state import Override, State

MOST_HELD = 20  # requests that wait for their late answers; more are answered at once


def take(state: State, action: str) -> Override | None:
    """The override of this request of that action, one of its `times` used up; None where there is none."""
    found = next((it for it in state.overrides if it.action == action), None)
    if found is not None and found.times is not None:
        left = replace(found, times=found.times - 1)
        kept = (left if it is found else it for it in state.overrides)
        state.overrides = tuple(it for it in kept if it.times != 0)
    return found


def hold(state: State, call: rpc.Call, override: Override, due: float) -> bool:
    """Keep the request until `due`; False where too many wait already."""
    if len(state.held) >= MOST_HELD:
        return False
    payload = None if override.is_scripted else call.payload  # nobody asks for that of the others
    state.held = (*state.held, Held(call.id, call.action, payload, due, override))
    return True


def release(state: State, now: float) -> list[Held]:
    """Those whose answers are due, oldest first, which are held no longer."""
    due = sorted((it for it in state.held if it.due <= now), key=lambda it: it.due)
    state.held = tuple(it for it in state.held if it.due > now)
    return due


def answer(override: Override, message_id: str) -> tuple[str | None, str | None]:
    """The frame that a scripted override says, None for silence, and the status in it, if it has one."""
    if override.silent:
        return None, None
    if override.error is not None:
        return rpc.encode_error(message_id, override.error, "as an override wants it", {}), None
    payload = override.payload or {}
    status = payload.get("status")
    return rpc.encode_result(message_id, payload), status if isinstance(status, str) else None
