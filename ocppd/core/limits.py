"""What each EVSE may give: by its charging profiles, external limits, and its share of what the station has.

`renew` finds it out for this moment and puts it into `Evse.limit`, `schedule` for a time to come. Within a
group of profiles the first that has a period counts, and of all groups the lowest limit: at an EVSE its
TxProfiles, then its TxDefaultProfiles are one group, at the station the ChargingStationMaxProfiles, and each
external limit is one by itself. Moments are those of the station's own clock.

A profile of OCPP 2.1 may want more than to limit (Q): see `core.operation_modes` and `core.v2x`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from ocppd.core import newer_profiles, session, v2x
from ocppd.core.profiles import (
    Cap,
    Feed,
    Line,
    Plan,
    added,
    amperes,
    combined,
    directed,
    leading,
    lowest,
    plan,
    rated,
    scheduled,
    watts,
)
from ocppd.core.schemas import OCPP_21
from ocppd.core.sharing import Claim, shares
from ocppd.core.state import Limit
from ocppd.core.variables import boolean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocppd.core.state import ChargingProfile, Evse
    from ocppd.core.station import Station

AVAILABLE = boolean("SmartChargingCtrlr", "Available", True)
ENABLED = boolean("SmartChargingCtrlr", "Enabled", True, mutability="ReadWrite")

EXTERNAL = "ChargingStationExternalConstraints"
MAXIMUM = "ChargingStationMaxProfile"
HARDWARE = "Hardware"
TIMER = "limits"
_GRID = Feed(230.0, 3)
# Which profile of an EVSE goes before the others, that of a transaction before the default.
_RANK = {newer_profiles.PRIORITY: 0, "TxProfile": 1}
_CLOSE = 1e-6
# The timer of a boundary may be early by the rounding of epoch seconds.
_INSTANT = 1e-6
_FULL = 100.0

Group = list[tuple[str, Plan]]


def is_enabled(st: Station) -> bool:
    """Whether profiles limit anything here (K01.FR.29)."""
    return st.get(AVAILABLE) and st.get(ENABLED)


def feed_of(st: Station, evse: int) -> Feed:
    """Through what the EVSE, or at 0 the station, gets its energy."""
    if evse:
        hardware = st.description.hardware.evses[evse - 1]
        return Feed(hardware.voltage_v, hardware.phases)
    ac = [it for it in st.description.hardware.evses if it.phases]
    return Feed(ac[0].voltage_v, max(it.phases for it in ac)) if ac else _GRID


# Which profiles count


def groups(st: Station, evse: int, moment: float) -> list[Group]:
    """What limits at that EVSE alone, or at 0 all of them together; each group by precedence.

    Relative profiles count from when the transaction could first charge, or as if that were at `moment`.
    """
    if not st.state.charging_profiles or not is_enabled(st):
        return []
    found = [it for it in st.state.charging_profiles if is_meant(st, it, evse)]
    if not st.state.csms.connected:
        now = moment - st.state.clock_offset
        found = [it for it in found if now < newer_profiles.valid_until(st, it)]
    tx = st.evse(evse).transaction if evse else None
    closed = tx.power_path_closed if tx is not None else None
    base = moment if closed is None else closed + st.state.clock_offset
    feed = feed_of(st, evse) if evse else None
    own = [it for it in found if purpose(it) != EXTERNAL]
    own.sort(key=lambda it: (_RANK.get(purpose(it), len(_RANK)), -it.profile["stackLevel"]))
    selected = tx.talk.selected if tx is not None and tx.talk is not None else 0
    main = [(purpose(it), plan(it.profile, feed, base, selected)) for it in own]
    if st.version == OCPP_21:
        main = [(name, v2x.told(st, evse, it)) for name, it in main]
    external = [[(EXTERNAL, plan(it.profile, None, base))] for it in found if purpose(it) == EXTERNAL]
    return ([main] if main else []) + external


def purpose(profile: ChargingProfile) -> str:
    """Its ChargingProfilePurposeEnumType."""
    return str(profile.profile["chargingProfilePurpose"])


def is_meant(st: Station, item: ChargingProfile, evse: int) -> bool:
    """Whether it counts at that EVSE, or 0 for the station as a whole (K01.FR.04, K01.FR.14, K01.FR.15)."""
    match purpose(item):
        case "TxDefaultProfile":
            return evse != 0 and item.evse in (0, evse)
        case newer_profiles.PRIORITY:
            tx = st.evse(evse).transaction if evse else None
            return item.evse in (0, evse) and tx is not None and tx.has_priority
        case "TxProfile":
            return item.evse == evse and _is_for_now(st.evse(evse), item)
    return item.evse == evse


def _is_for_now(place: Evse, item: ChargingProfile) -> bool:
    """Whether a TxProfile is for the transaction that runs, or is about to (K05.FR.03)."""
    if item.remote_start_id is not None:
        held = place.authorization
        return held is not None and held.remote_start_id == item.remote_start_id
    tx = place.transaction
    return tx is not None and item.profile.get("transactionId") == tx.id


def change(st: Station, profiles: Iterable[ChargingProfile], evse: int) -> None:
    """These are the profiles from now on; what has changed is for that EVSE, 0 for all (K01.FR.07)."""
    st.state.charging_profiles = tuple(profiles)
    renew(st)
    st.emit("profiles_changed", evse)


# A time to come


def schedule(st: Station, evse: int, since: float, until: float) -> Line[Cap]:
    """The composite schedule (K08): what the EVSE, or at 0 the station, may take from the grid."""
    whole = [_line(group, since, until) for group in groups(st, 0, since)]
    if st.description.hardware.max_w is not None:
        whole.append([(since, Cap(st.description.hardware.max_w))])
    if evse:
        return combined([*_own_lines(st, evse, since, until), *whole], lowest)
    own = [_at_grid(st, number, since, until) for number, _ in st.evses()]
    return combined([*whole, combined(own, added)], lowest)


def _own_lines(st: Station, evse: int, since: float, until: float) -> list[Line[Cap | None]]:
    feed, power_w = feed_of(st, evse), st.description.hardware.evses[evse - 1].max_w
    found: list[Line[Cap | None]] = [[(since, rated(feed, power_w))]]
    tx = st.evse(evse).transaction
    if tx is not None and tx.talk is not None and tx.talk.schedule is not None:  # K15.FR.14, SC.04
        found.append(list(scheduled(tx.talk.schedule, feed, tx.talk.since).steps(since, until)))
    return found + [_line(group, since, until) for group in groups(st, evse, since)]


def _line(group: Group, since: float, until: float) -> Line[Cap | None]:
    return leading([it for _, it in group], since, until)


def _at_grid(st: Station, evse: int, since: float, until: float) -> Line[Cap | None]:
    """What that EVSE alone may take, as power and current that add up with those of others."""
    feed = feed_of(st, evse)
    line = combined(_own_lines(st, evse, since, until), lowest)
    return [(at, _from_grid(cap, feed)) for at, cap in line]


def _from_grid(cap: Cap, feed: Feed) -> Cap:
    cap = directed(cap, feed)
    power = watts(cap, feed)
    if feed.phases == 0:  # a rectifier draws evenly on all phases, whatever its output
        return Cap(power, power / _GRID.volts / _GRID.phases)
    return Cap(power, amperes(cap, feed), min(cap.phases, feed.phases))


# This moment


class Own(NamedTuple):
    """What profiles allow: the cap of all, that of each purpose, what is hardly of use, and until when."""

    cap: Cap
    by_purpose: list[tuple[str, Cap]]
    least_w: float
    until: float


def _allowed(found: list[Group], moment: float) -> Own:
    by_purpose, least_w, until = [], 0.0, math.inf
    for group in found:
        leads = False
        for name, it in group:
            cap, change = it.now(moment)
            until = min(until, change)
            if cap is not None and not leads:
                leads = True
                by_purpose.append((name, cap))
                least_w = max(least_w, it.least_w)
    return Own(lowest([cap for _, cap in by_purpose]), by_purpose, least_w, until)


def renew(st: Station) -> None:
    """Bring the limit of each EVSE up to now, and look again when it will change.

    Each that has changed is told by the event `limited`, with the power that was possible until now. Whoever
    lets energy flow asks for this first: what one begins to take, others must give.
    """
    st.cancel(TIMER)
    limits = _limits(st) if st.state.charging_profiles or st.description.hardware.max_w is not None else {}
    for number, place in st.evses():
        limit = limits.get(number)
        if limit != place.limit:
            rate_w = rate(st, number)
            if place.car is not None and _gives(limit) != _gives(place.limit):
                place.car.drawn_w = 0.0  # whatever turns round does so at rest
            place.limit = limit
            st.emit("limited", number, rate_w=rate_w)


def _gives(limit: Limit | None) -> bool:
    return limit is not None and limit.discharge_w > 0


def rate(st: Station, evse: int) -> float:
    """The power that the car could draw now, were its battery empty, in W; 0 where none may flow.

    Below 0 it is what the car is to feed back.
    """
    hardware, place = st.description.hardware.evses[evse - 1], st.evse(evse)
    if not session.is_offering(hardware, st.state, place):
        return 0.0
    if place.limit is not None and place.limit.discharge_w:
        return -place.limit.discharge_w
    return session.most_w(hardware, place)


def _limits(st: Station) -> dict[int, Limit]:
    """The limits that there are, by the numbers of their EVSEs; sets the timer for their next change."""
    moment = st.clock + _INSTANT
    own = {number: _allowed(groups(st, number, moment), moment) for number, _ in st.evses()}
    whole = _whole(st, moment)
    until = min(it.until for it in (*own.values(), whole))
    if st.state.signals:
        until = min(until, v2x.next_signal(st, moment))
    if not st.state.csms.connected:
        ends = (
            newer_profiles.valid_until(st, it) + st.state.clock_offset for it in st.state.charging_profiles
        )
        until = min((until, *(it for it in ends if it > moment)))
    if until < math.inf:
        st.at(until - st.state.clock_offset, TIMER)
    shared = _shared(st, own, whole.cap)
    found = {n: _limit(st, n, [*own[n].by_purpose, *_named(whole, shared[n])]) for n in own}
    limits = {number: limit for number, limit in found.items() if limit is not None}
    if st.description.hardware.max_w is not None:
        _share_back(st.description.hardware.max_w, [it for it in limits.values() if it.discharge_w])
    return limits


def _share_back(most_w: float, giving: list[Limit]) -> None:
    """The connection to the grid carries no more back than forth."""
    for limit, given_w in zip(giving, shares(most_w, [Claim(it.discharge_w) for it in giving]), strict=True):
        limit.discharge_w = given_w


def _whole(st: Station, moment: float) -> Own:
    found = _allowed(groups(st, 0, moment), moment)
    if st.description.hardware.max_w is None:
        return found
    cap = Cap(st.description.hardware.max_w)
    return found._replace(cap=lowest([found.cap, cap]), by_purpose=[*found.by_purpose, (HARDWARE, cap)])


def _named(whole: Own, share: Cap) -> list[tuple[str, Cap]]:
    """The share of one EVSE, by the purpose of what there is least of."""
    if not whole.by_purpose:
        return []
    name, _ = min(whole.by_purpose, key=lambda it: watts(it[1], _GRID))
    return [(name, share)]


def _limit(st: Station, evse: int, by_purpose: list[tuple[str, Cap]]) -> Limit | None:
    if not by_purpose:
        return None
    feed = feed_of(st, evse)
    by_purpose = [(name, directed(cap, feed)) for name, cap in by_purpose]
    cap = lowest([cap for _, cap in by_purpose])
    name, _ = min(by_purpose, key=lambda it: watts(it[1], feed))
    limit = Limit(
        power_w=cap.power_w if cap.power_w < math.inf else None,
        current_a=cap.current_a if cap.current_a < math.inf else None,
        phases=cap.phases if cap.phases < feed.phases else None,
        phase=cap.phase if cap.phase and feed.phases else None,
        source=name,
    )
    if cap.mode is not None:
        limit.mode, limit.setpoint_w = cap.mode.name, cap.mode.setpoint_w
        limit.discharge_w = v2x.discharge_w(st, evse, limit, cap.mode.discharge_w)
    return limit


# Sharing (K04)


class _Wish(NamedTuple):
    """What a car would take, in W and as current from the grid, and below what it takes nothing."""

    power_w: float = 0.0
    current_a: float = 0.0
    least_w: float = 0.0
    priority: int = 0


def _shared(st: Station, own: dict[int, Own], whole: Cap) -> dict[int, Cap]:
    """What each EVSE may have of `whole`: its fair share, or all where it has what it wants.

    One that wants nothing now is told what there is for one alone: before it begins, all is shared anew.
    """
    wishes = {number: _wish(st, number, it, whole) for number, it in own.items()}
    by_current = [_of_current(it) for it in wishes.values()]
    amps = shares(whole.current_a, by_current)
    left = [
        Claim(it.power_w * (share / it.current_a if it.current_a else 0.0), it.least_w, it.priority)
        for it, share in zip(wishes.values(), amps, strict=True)
    ]
    given = shares(whole.power_w, left)
    return {
        number: _share(feed_of(st, number), whole, power_w if power_w < wish.power_w - _CLOSE else math.inf)
        for (number, wish), power_w in zip(wishes.items(), given, strict=True)
    }


def _of_current(wish: _Wish) -> Claim:
    least = wish.least_w * wish.current_a / wish.power_w if wish.power_w else 0.0
    return Claim(wish.current_a, least, wish.priority)


def _share(feed: Feed, whole: Cap, power_w: float) -> Cap:
    if feed.phases == 0:
        return Cap(min(power_w, whole.power_w, whole.current_a * _GRID.volts * _GRID.phases))
    return whole._replace(power_w=min(power_w, whole.power_w))


def _wish(st: Station, evse: int, own: Own, whole: Cap) -> _Wish:
    """What the car at the EVSE would take of any amount, if only its own profiles limited it."""
    hardware = st.description.hardware.evses[evse - 1]
    endless = Cap(phases=whole.phases, phase=whole.phase)
    alone = replace(st.evse(evse), limit=_limit(st, evse, [*own.by_purpose, ("", endless)]))
    held, car = alone.authorization, alone.car
    if held is None or car is None or car.suspended or car.soc >= _FULL:
        return _Wish()
    power = session.most_w(hardware, alone)
    if power <= 0 or not session.is_offering(hardware, st.state, alone):
        return _Wish()
    priority = held.priority or 0  # K03.FR.06
    if hardware.phases == 0:
        return _Wish(power, power / _GRID.volts / _GRID.phases, own.least_w, priority)
    per_ampere = session.watts_for_an_ampere(hardware, alone)
    least = max(session.LEAST_A, car.ev.min_a) * per_ampere
    return _Wish(power, power / per_ampere, max(least, own.least_w), priority)


def source(st: Station, evse: int) -> str | None:
    """The ChargingProfilePurpose of what limits the EVSE most; None where that is nothing, or hardware."""
    limit = st.evse(evse).limit
    return None if limit is None or limit.source == HARDWARE else limit.source


def limit_w(st: Station, evse: int) -> int | None:
    """The limit of the EVSE as the power that may flow, None where nothing limits it."""
    limit = st.evse(evse).limit
    if limit is None:
        return None
    cap = Cap(
        math.inf if limit.power_w is None else limit.power_w,
        math.inf if limit.current_a is None else limit.current_a,
        limit.phases or 3,
    )
    power = watts(cap, feed_of(st, evse))
    return round(power) if power < math.inf else None
