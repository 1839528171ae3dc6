"""K. Priority charging: a profile that goes before all others of a transaction, when asked for (K21, K22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ocppd.blocks.k_smart_charging import require_smart_charging
from ocppd.core import limits, newer_profiles, on, versions
from ocppd.core.errors import CommandError
from ocppd.core.station import UNCHANGED, Done
from ocppd.core.variables import members

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.state import Transaction
    from ocppd.core.station import Event, Station

PURPOSES = members(
    "SmartChargingCtrlr",
    "SupportedAdditionalPurposes",
    newer_profiles.PRIORITY,
    (newer_profiles.PRIORITY, "LocalGeneration"),
)


@on.call("UsePriorityCharging")
def use_priority_charging(st: Station, request: Payload) -> Payload:
    """Let the PriorityCharging profile of the transaction count, or no longer (K21)."""
    require_smart_charging(st)
    evse = st.evse_of(request["transactionId"])
    tx = st.evse(evse).transaction if evse is not None else None
    if evse is None or tx is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    if request["activate"] and not _has_profile(st, evse):
        return {"status": "NoProfile"}
    _set(st, evse, tx, on=request["activate"])
    return {"status": "Accepted"}


def _has_profile(st: Station, evse: int) -> bool:
    return any(
        limits.purpose(it) == newer_profiles.PRIORITY and it.evse in (0, evse)
        for it in st.state.charging_profiles
    )


def _set(st: Station, evse: int, tx: Transaction, *, on: bool) -> None:
    tx.has_priority = on
    limits.change(st, st.state.charging_profiles, evse)


@on.command("priority-charging")
def priority_charging(st: Station, evse: int, on: bool | Literal["toggle"] = True) -> Done:
    """Have the driver ask for priority, or give it up; the CSMS is told (K22, OCPP 2.1)."""
    versions.require_21(st)
    tx = st.evse(evse).transaction
    if tx is None:
        raise CommandError("invalid_state", "no transaction runs there")
    wanted = not tx.has_priority if on == "toggle" else on
    if wanted == tx.has_priority:
        return UNCHANGED
    if not (limits.is_enabled(st) and _has_profile(st, evse)):
        raise CommandError("invalid_state", "the CSMS has set no PriorityCharging profile")
    _set(st, evse, tx, on=wanted)
    _tell(st, tx)
    return Done()


def _tell(st: Station, tx: Transaction) -> None:
    st.send("NotifyPriorityCharging", {"transactionId": tx.id, "activated": tx.has_priority}, keep=True)


@on.event("profiles_changed")
def is_it_over(st: Station, _event: Event) -> None:
    """Without its profile there is no priority, and the CSMS is told (K21)."""
    for number, place in st.evses():
        tx = place.transaction
        if tx is not None and tx.has_priority and not _has_profile(st, number):
            tx.has_priority = False
            _tell(st, tx)
