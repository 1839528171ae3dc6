"""K. GetCompositeSchedule: what an EVSE, or the whole station, may take from the grid (K08)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ocppd.blocks.k_profile_checks import MOST_PERIODS, RATE_UNIT
from ocppd.blocks.k_smart_charging import require_smart_charging
from ocppd.core import limits, on
from ocppd.core.profiles import periods_of
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station

# Who asks for more is told of less: every period of a month has to be looked at.
_LONGEST = 31 * 86_400


@on.call("GetCompositeSchedule")
def get_composite_schedule(st: Station, request: Payload) -> Payload:
    """The schedule from this second on, for `duration` seconds; EVSE 0 is the whole station (K08.FR.03)."""
    require_smart_charging(st)
    evse, duration = request["evseId"], min(request["duration"], _LONGEST)
    unit = request.get("chargingRateUnit") or _own_unit(st, evse)
    if not 0 <= evse <= len(st.state.evses):
        return _rejected("UnknownEvse")  # K08.FR.05
    if unit not in st.get(RATE_UNIT):
        return _rejected("UnsupportedRateUnit")  # K08.FR.07
    if duration <= 0:
        return _rejected("InvalidValue")
    start = math.floor(st.clock)
    found = periods_of(limits.schedule(st, evse, start, start + duration), unit, limits.feed_of(st, evse))
    if len(found) > MOST_PERIODS:
        duration = found[MOST_PERIODS]["startPeriod"]
    schedule = {
        "evseId": evse,
        "duration": duration,
        "scheduleStart": format_time(start),
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": found[:MOST_PERIODS],
    }
    return {"status": "Accepted", "schedule": schedule}


def _own_unit(st: Station, evse: int) -> str:
    """Amperes for AC, where a unit is not asked for and there is a choice; watts for DC."""
    units = st.get(RATE_UNIT)
    is_dc = 0 < evse <= len(st.state.evses) and limits.feed_of(st, evse).phases == 0
    wanted = "W" if is_dc else "A"
    return wanted if wanted in units else units[0]


def _rejected(reason: str) -> Payload:
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}
