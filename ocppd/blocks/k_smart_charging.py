"""K. Smart charging: the charging profiles of the CSMS, set, reported and cleared (K01, K05, K09, K10)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ocppd.blocks.k_profile_checks import MOST_PROFILES, refusal
from ocppd.core import limits, newer_profiles, on, outbox, schemas
from ocppd.core.errors import CallError
from ocppd.core.profiles import defect
from ocppd.core.state import ChargingProfile
from ocppd.core.variables import integer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

ENTRIES = integer(
    "SmartChargingCtrlr",
    "Entries",
    instance="ChargingProfiles",
    minimum=0,
    maximum=MOST_PROFILES,
    read=lambda st, _e, _c: str(len(st.state.charging_profiles)),
    persistent=True,
)
_PAGE = 10  # profiles in a ReportChargingProfiles


def require_smart_charging(st: Station) -> None:
    """Raise CallError where the station does not do smart charging (K01.FR.29)."""
    if not limits.is_enabled(st):
        raise CallError("NotSupported", "smart charging is not available, or switched off")


# SetChargingProfile (K01)


@on.call("SetChargingProfile")
def set_charging_profile(st: Station, request: Payload) -> Payload:
    """Keep the profile, in the place of one with its id (K01.FR.05); it counts at once (K01.FR.07)."""
    require_smart_charging(st)
    evse, profile = request["evseId"], request["chargingProfile"]
    reason = refusal(st, evse, profile)
    if reason is not None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}
    _keep(st, ChargingProfile(evse, profile))
    return {"status": "Accepted"}


def _keep(st: Station, item: ChargingProfile) -> None:
    others = (it for it in st.state.charging_profiles if it.profile["id"] != item.profile["id"])
    limits.change(st, (*others, newer_profiles.stamped(st, item)), item.evse)


def _drop(st: Station, is_gone: Callable[[ChargingProfile], bool]) -> None:
    kept = [it for it in st.state.charging_profiles if not is_gone(it)]
    places = {it.evse for it in st.state.charging_profiles if is_gone(it)}
    if places:
        limits.change(st, kept, places.pop() if len(places) == 1 else 0)


# The profile of a RequestStartTransaction (K05, F01.FR.08 to F01.FR.12, F01.FR.26)


def why_not_start(st: Station, evse: int, profile: Payload) -> str | None:
    """The reason code why that EVSE cannot start with it; None where it can, or ignores it (K05.FR.04).

    To be asked before a RequestStartTransaction is accepted.
    """
    return refusal(st, evse, profile, starts=True) if limits.is_enabled(st) else None


def keep_for_start(st: Station, evse: int, remote_start_id: int, profile: Payload) -> None:
    """Keep the profile for the transaction that this remote start leads to (K05.FR.03, F01.FR.10).

    It counts from when the token is authorized, and is forgotten when another one is instead.
    """
    if limits.is_enabled(st):
        waiting = (it for it in st.state.charging_profiles if not _waits(it, evse))
        st.state.charging_profiles = tuple(waiting)
        _keep(st, ChargingProfile(evse, profile, remote_start_id=remote_start_id))


def _waits(item: ChargingProfile, evse: int) -> bool:
    return item.evse == evse and item.remote_start_id is not None


@on.event("authorized")
def another_has_come(st: Station, event: Event) -> None:
    """A profile that waits for another remote start waits in vain."""
    start_id = event.data.get("remote_start_id")
    if st.state.charging_profiles:
        _drop(st, lambda it: _waits(it, event.evse) and it.remote_start_id != start_id)


@on.event("deauthorized")
def nobody_comes(st: Station, event: Event) -> None:
    """Whoever was to start with it has no authorization any more."""
    if st.state.charging_profiles:
        _drop(st, lambda it: _waits(it, event.evse))


@on.event("tx_started", "tx_updated")
def has_begun(st: Station, event: Event) -> None:
    """The profile of a remote start becomes that of its transaction."""
    place = st.evse(event.evse)
    tx, held = place.transaction, place.authorization
    if not st.state.charging_profiles or tx is None or held is None:
        return
    st.state.charging_profiles = tuple(
        replace(it, profile=it.profile | {"transactionId": tx.id}, remote_start_id=None)
        if _waits(it, event.evse) and it.remote_start_id == held.remote_start_id
        else it
        for it in st.state.charging_profiles
    )


@on.event("tx_ended")
def is_over(st: Station, event: Event) -> None:
    """A TxProfile goes with its transaction (K02.FR.05)."""
    tx = event.data["transaction_id"]
    if st.state.charging_profiles:
        _drop(st, lambda it: it.profile.get("transactionId") == tx)


@on.event("csms_disconnected")
def offline(st: Station, _event: Event) -> None:
    """A profile may end to be valid when its maxOfflineDuration is over (Q11, OCPP 2.1)."""
    if any("maxOfflineDuration" in it.profile for it in st.state.charging_profiles):
        limits.renew(st)


@on.event("csms_connected")
def online_again(st: Station, _event: Event) -> None:
    """It is valid again, or gone for good where it says so (Q12, OCPP 2.1)."""
    if any("maxOfflineDuration" in it.profile for it in st.state.charging_profiles):
        _drop(st, lambda it: newer_profiles.valid_until(st, it) <= st.now and _ends_for_good(it))
        limits.renew(st)


def _ends_for_good(item: ChargingProfile) -> bool:
    return bool(item.profile.get("invalidAfterOfflineDuration", False))


@on.event("started")
def look_over(st: Station, _event: Event) -> None:
    """What a state file holds may be of another version, or for a transaction that is no more."""
    if st.state.charging_profiles:
        running = {place.transaction.id for _, place in st.evses() if place.transaction}
        _drop(
            st,
            lambda it: (
                is_unusable(it, st.version) or it.profile.get("transactionId", "") not in {"", *running}
            ),
        )


def is_unusable(item: ChargingProfile, version: schemas.Version) -> bool:
    """Whether no CSMS of that OCPP could have set it, or this station would not follow it."""
    request = {"evseId": item.evse, "chargingProfile": item.profile}
    try:
        schemas.check_request("SetChargingProfile", request, version)
    except CallError:
        return True
    return (newer_profiles.beyond(item.profile) or defect(item.profile)) is not None


# GetChargingProfiles (K09)


@on.call("GetChargingProfiles")
def get_charging_profiles(st: Station, request: Payload) -> Payload:
    """Report those that match: by EVSE and source, some pages each (K09.FR.01 to K09.FR.06)."""
    require_smart_charging(st)
    evse, wanted = request.get("evseId"), request["chargingProfile"]
    found = [it for it in st.state.charging_profiles if evse in (None, it.evse) and _is_wanted(it, wanted)]
    if not found:
        return {"status": "NoProfiles"}
    pages = _pages(found)
    if len(pages) > outbox.room(st.state.outbox):
        raise CallError("InternalError", "too many calls wait for the CSMS")
    for number, page in enumerate(pages, start=1):
        report: Payload = {
            "requestId": request["requestId"],
            "chargingLimitSource": page[0].source,
            "evseId": page[0].evse,
            "chargingProfile": [it.profile for it in page],
            "tbc": number < len(pages),
        }
        st.send("ReportChargingProfiles", report, while_pending=True)
    return {"status": "Accepted"}


def _is_wanted(item: ChargingProfile, criteria: Payload) -> bool:
    """Whether it has one of the ids or, where there are none, all else that the criteria name."""
    if "chargingProfileId" in criteria:
        return item.profile["id"] in criteria["chargingProfileId"]
    return item.source in criteria.get("chargingLimitSource", (item.source,)) and _matches(item, criteria)


def _matches(item: ChargingProfile, criteria: Payload) -> bool:
    return all(
        criteria.get(name, item.profile[name]) == item.profile[name]
        for name in ("chargingProfilePurpose", "stackLevel")
    )


def _pages(found: list[ChargingProfile]) -> list[list[ChargingProfile]]:
    def where(item: ChargingProfile) -> tuple[int, str]:
        return item.evse, item.source

    by_place = [list(items) for _, items in groupby(sorted(found, key=where), key=where)]
    return [items[start : start + _PAGE] for items in by_place for start in range(0, len(items), _PAGE)]


# ClearChargingProfile (K10)


@on.call("ClearChargingProfile")
def clear_charging_profile(st: Station, request: Payload) -> Payload:
    """Forget those that match, but for external limits (K10.FR.03, K10.FR.04); the rest counts at once."""
    require_smart_charging(st)
    gone = [
        it
        for it in st.state.charging_profiles
        if limits.purpose(it) != limits.EXTERNAL and _is_to_go(it, request)
    ]
    if not gone:
        return {"status": "Unknown"}  # K10.FR.01, K10.FR.08, K10.FR.09
    _drop(st, lambda it: it in gone)
    return {"status": "Accepted"}


def _is_to_go(item: ChargingProfile, request: Payload) -> bool:
    if "chargingProfileId" in request:
        return bool(item.profile["id"] == request["chargingProfileId"])
    criteria = request.get("chargingProfileCriteria", {})
    return criteria.get("evseId", item.evse) == item.evse and _matches(item, criteria)
