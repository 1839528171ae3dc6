"""A bad connection and a wrong clock, by command. No part of OCPP; chance itself is in edge/chaos.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Unpack

from annotated_types import Ge, Gt, Le
from msgspec.structs import asdict
from typing_extensions import TypedDict

from ocppd.core import on
from ocppd.core.chaos import Chaos, Milliseconds, Seed
from ocppd.core.description import Percent
from ocppd.core.errors import CommandError
from ocppd.core.station import UNCHANGED, Done

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

_YEAR = 31_536_000


class Disturbance(TypedDict, total=False):
    """What a command may say of the connection, see `core.chaos.Chaos`; None says nothing."""

    latency_ms: Milliseconds | None
    jitter_ms: Milliseconds | None
    burst_ms: Milliseconds | None
    drop_pct: Percent | None
    duplicate_pct: Percent | None
    malformed_pct: Percent | None
    half_open: bool | None
    seed: Seed | None


@on.command("chaos")
def chaos(
    st: Station,
    on: bool = True,
    *,
    for_s: Annotated[float, Gt(0), Le(_YEAR)] | None = None,
    clock_skew_s: Annotated[float, Ge(-_YEAR), Le(_YEAR)] | None = None,
    **disturbance: Unpack[Disturbance],
) -> Done:
    """Spoil the connection to the CSMS: frames late, lost, doubled, malformed, in bursts; OFF ends it.

    The same `seed` spoils the same frames. It ends after `for_s` seconds, and with the daemon. `half_open`
    silences the connection that is there, and no later one. `clock_skew_s` has the clock of the station jump
    by so much, once; it stays wrong until the CSMS tells the time.
    """
    said: dict[str, Any] = {key: value for key, value in disturbance.items() if value is not None}
    wanted = Chaos(**said) if on else None
    if clock_skew_s is not None:
        _skew(st, clock_skew_s)
    if wanted is not None and wanted == Chaos(seed=wanted.seed):
        if clock_skew_s is None:
            raise CommandError("missing_argument", "one of latency_ms, drop_pct, half_open ... is needed")
        return Done()
    return _changed_to(st, wanted, for_s)


def _skew(st: Station, seconds: float) -> None:
    offset = st.state.clock_offset + seconds
    if abs(offset) > _YEAR:
        raise CommandError("invalid_argument", "clock_skew_s: the clock would be wrong by more than a year")
    st.state.clock_offset = offset
    st.emit("clock_set", seconds=seconds)


def _changed_to(st: Station, wanted: Chaos | None, for_s: float | None) -> Done:
    st.cancel("chaos")
    if wanted is not None and for_s is not None:
        st.after(for_s, "chaos")
    # Said again, it begins anew: the same seed from its start, and another connection to silence.
    if wanted is None and st.state.chaos is None:
        return UNCHANGED
    st.state.chaos = wanted
    st.disturb(wanted)
    st.emit("chaos", on=wanted is not None, **(asdict(wanted) if wanted else {}))
    return Done()


@on.timer("chaos")
def over(st: Station) -> None:
    """It was to last `for_s` seconds."""
    _changed_to(st, None, None)


@on.event("started")
def forgotten(st: Station, _event: Event) -> None:
    """The daemon has started: the connection is a new one, and nobody spoils it."""
    st.state.chaos = None
    st.cancel("chaos")
