"""K. Dynamic charging profiles: their limit or setpoint is updated while they count (K28, Q04, OCPP 2.1).

The CSMS updates one with UpdateDynamicSchedule; where the profile has a dynUpdateInterval, the station asks
for the update with PullDynamicScheduleUpdate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.k_smart_charging import is_unusable, require_smart_charging
from ocppd.core import limits, newer_profiles, on
from ocppd.core.profiles import defect
from ocppd.core.schemas import OCPP_21, OCPP_201
from ocppd.core.times import parse_time
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import ChargingProfile, QueuedCall
    from ocppd.core.station import Event, Station

SUPPORTED = boolean("SmartChargingCtrlr", "SupportsDynamicProfiles", True)
_TIMER = "pull"
_REJECTED = {"status": "Rejected"}


@on.call("UpdateDynamicSchedule")
def update_dynamic_schedule(st: Station, request: Payload) -> Payload:
    """Give a Dynamic profile another limit or setpoint, which counts at once (K28, Q04)."""
    require_smart_charging(st)
    reason = _update(st, request["chargingProfileId"], request["scheduleUpdate"])
    return {"status": "Accepted"} if reason is None else _REJECTED | {"statusInfo": {"reasonCode": reason}}


def _update(st: Station, number: int, update: Payload) -> str | None:
    """The reason code why it is not updated, None where it is."""
    item = next((it for it in _dynamic(st) if it.profile["id"] == number), None)
    if item is None:
        return "NotFound"
    update = {key: value for key, value in update.items() if key != "customData"}
    if not update or not update.keys() <= newer_profiles.UPDATED:
        return "UnsupportedParam"
    new = newer_profiles.updated(item, update)
    if newer_profiles.beyond(new.profile) is not None or defect(new.profile) is not None:
        return "InvalidSchedule"
    found = tuple(new if it is item else it for it in st.state.charging_profiles)
    newer_profiles.stamped(st, new)
    limits.change(st, found, item.evse)
    return None


def _dynamic(st: Station) -> list[ChargingProfile]:
    return [it for it in st.state.charging_profiles if newer_profiles.is_dynamic(it)]


# Updates that the station asks for


@on.event("profiles_changed", "boot", "back_online", "clock_set")
def look(st: Station, _event: Event) -> None:
    """There may be another one to ask for, or none any more, or its time has moved."""
    if st.state.charging_profiles or _TIMER in st.state.timers:
        _arm(st)


@on.timer(_TIMER)
def pull(st: Station) -> None:
    """Ask for the update of each whose dynUpdateInterval has passed."""
    for item in _dynamic(st):
        if _due(st, item) <= st.now and st.is_online:
            number = item.profile["id"]
            st.send("PullDynamicScheduleUpdate", {"chargingProfileId": number}, context={"profile": number})
    _arm(st)


@on.reply("PullDynamicScheduleUpdate")
def pulled(st: Station, call: QueuedCall, response: Payload) -> None:
    """Follow the update; without one the profile goes on as it is, to the end of its duration."""
    update = response.get("scheduleUpdate")
    if response["status"] != "Accepted" or update is None:
        return
    if reason := _update(st, call.context["profile"], update):
        st.emit("warning", message=f"an update of charging profile {call.context['profile']}: {reason}")


def _due(st: Station, item: ChargingProfile) -> float:
    """When its update is to be asked for, in epoch seconds; a multiple of its interval since the last one."""
    interval = item.profile.get("dynUpdateInterval")
    last = parse_time(item.profile["dynUpdateTime"])
    return float("inf") if interval is None or last is None else last - st.state.clock_offset + interval


def _arm(st: Station) -> None:
    """Have the timer ring for the next one; one that was asked for already is asked for again in its time."""
    st.cancel(_TIMER)
    times = []
    for item in _dynamic(st):
        due, interval = _due(st, item), item.profile.get("dynUpdateInterval")
        if interval is not None:
            times.append(due if due > st.now else st.now + interval)
    if times and st.version == OCPP_21:
        st.at(min(times), _TIMER)


@on.event("version_changed")
def of_no_use(st: Station, _event: Event) -> None:
    """A CSMS of 2.0.1 can neither update nor see what only 2.1 knows."""
    if st.version == OCPP_21 or not st.state.charging_profiles:
        return
    kept = [it for it in st.state.charging_profiles if not is_unusable(it, OCPP_201)]
    if len(kept) < len(st.state.charging_profiles):
        limits.change(st, kept, 0)
