"""B. ClockCtrlr: local time as drivers are to see it, and what is told of a clock that was put right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ocppd.blocks import a_security
from ocppd.blocks.b_device_model import put
from ocppd.core import on
from ocppd.core.times import parse_time
from ocppd.core.variables import Variable, integer, string

if TYPE_CHECKING:
    from ocppd.core.station import Event, Station

_OFFSET = re.compile(r"[+-]([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def _check_offset(_st: Station, value: str) -> str | None:
    return None if not value or _OFFSET.fullmatch(value) else "InvalidValue"


TIME_OFFSET = string(
    "ClockCtrlr", "TimeOffset", "+00:00", mutability="ReadWrite", maximum=6, check=_check_offset
)
NEXT_OFFSET = string(
    "ClockCtrlr",
    "TimeOffset",
    "",
    instance="NextTransition",
    mutability="ReadWrite",
    maximum=6,
    check=_check_offset,
)
TRANSITION = Variable(
    component="ClockCtrlr",
    name="NextTimeOffsetTransitionDateTime",
    parse=parse_time,
    data_type="dateTime",
    mutability="ReadWrite",
)
REPORTING_THRESHOLD = integer(
    "ClockCtrlr", "TimeAdjustmentReportingThreshold", 20, mutability="ReadWrite", unit="s", minimum=0
)


@on.event("clock_set")
def tell_of_the_jump(st: Station, event: Event) -> None:
    """The clock was put right by more than TimeAdjustmentReportingThreshold (part 2, appendix 1).

    One that is too fast or too slow, as with a `clock.rate` of 60, jumps at every heartbeat: of jumps in the
    same direction the first is told, until the clock was right once.
    """
    seconds, before = event.data["seconds"], st.state.clock_jump
    st.state.clock_jump = seconds if abs(seconds) > st.get(REPORTING_THRESHOLD) else 0.0
    if st.state.clock_jump and before * seconds <= 0:
        a_security.notify(st, "SettingSystemTime", f"{seconds:+.0f} s")


@on.event("variable_changed")
def next_offset_changed(st: Station, event: Event) -> None:
    """Another moment or another offset was set for the transition."""
    if event.data["key"] in (TRANSITION.station_key, NEXT_OFFSET.station_key):
        _arm(st)


@on.event("power_up", "clock_set")
def look_at_the_clock(st: Station, _event: Event) -> None:
    """The transition is that much closer, or was missed."""
    _arm(st)


def _arm(st: Station) -> None:
    st.cancel("offset")
    moment = st.get(TRANSITION)
    if moment is not None and st.get(NEXT_OFFSET):
        st.at(moment - st.state.clock_offset, "offset")


@on.timer("offset")
def change_offset(st: Station) -> None:
    """The moment of NextTimeOffsetTransitionDateTime: the next offset is the offset, and there is no next."""
    put(st, TIME_OFFSET, st.get(NEXT_OFFSET))
    put(st, NEXT_OFFSET, "")
