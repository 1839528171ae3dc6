"""E. What may end a transaction: the driver, the car, the CSMS, a defect (E06, E07, E09, E15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks.e_cables import STOP_ON_UNPLUG, release
from ocppd.blocks.e_energy import follow
from ocppd.blocks.e_points import bay_decides, conditions, has_bay_sensor
from ocppd.blocks.e_starts import wait_for_car
from ocppd.blocks.e_transaction_events import tell
from ocppd.blocks.e_transactions import deauthorize, end, progress
from ocppd.core import on
from ocppd.core.errors import CommandError
from ocppd.core.faults import stopped_reason
from ocppd.core.station import Done

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station


@on.event("departed")
def ev_departed(st: Station, event: Event) -> None:
    """The bay is empty (E06.FR.01)."""
    if bay_decides(st, event.evse):
        progress(st, event.evse, "EVDeparted")


@on.event("unplugged")
def unplugged(st: Station, event: Event) -> None:
    """The car is gone: its token counts no more (E09) or waits for it (E10); all may end (E06.FR.02)."""
    evse = event.evse
    if st.get(STOP_ON_UNPLUG):  # E09.FR.01
        deauthorize(st, evse, keep=True)
    leaves_bay = has_bay_sensor(st, evse) and not st.evse(evse).parked
    progress(st, evse, "EVCommunicationLost", in_bay=leaves_bay or None)
    if leaves_bay:
        progress(st, evse, "EVDeparted")
    wait_for_car(st, evse)
    follow(st, evse)


@on.event("owner_back")
def owner_back(st: Station, event: Event) -> None:
    """Whose cable was kept has presented the token (E05.FR.11, E09.FR.03)."""
    release(st.evse(event.evse))


@on.event("unlocked")
def unlocked(st: Station, event: Event) -> None:
    """The CSMS, or the operator, has let the cable go: a transaction that still runs tells of it (F05)."""
    place = st.evse(event.evse)
    release(place)
    if place.transaction is not None and st.is_running:
        tell(st, event.evse, place.transaction, "Updated", "UnlockCommand")


@on.event("stop_authorized")
def stop_authorized(st: Station, event: Event) -> None:
    """The driver has ended the authorization (E07), or the bearer of a master pass (C16.FR.07)."""
    reason = event.data.get("reason", "Local")
    _stop(st, event.evse, "StopAuthorized", reason, token=event.data["token"])


@on.event("remote_stop")
def remote_stop(st: Station, event: Event) -> None:
    """The CSMS has ended the authorization (F03)."""
    _stop(st, event.evse, "RemoteStop", "Remote")


def _stop(st: Station, evse: int, trigger: str, reason: str, token: Payload | None = None) -> None:
    """End the authorization at the EVSE, for `reason`, the stoppedReason of what may end only later."""
    deauthorize(st, evse)
    progress(st, evse, trigger, reason=reason, token=token)
    follow(st, evse)


@on.event("fault")
def fault(st: Station, event: Event) -> None:
    """A defect of the connector in use ends the transaction (E06.FR.16)."""
    if st.is_running and st.connector(event.evse, event.connector).plugged:
        break_off(st, event.evse, stopped_reason(event.data["code"]))


def break_off(st: Station, evse: int, reason: str) -> None:
    """Nobody charges here any more, whatever the stop points are; `reason` is the stoppedReason."""
    place = st.evse(evse)
    deauthorize(st, evse)
    if place.transaction is not None:
        place.transaction.stopped_reason = reason
        end(st, evse, "AbnormalCondition")
    place.points = conditions(st, evse)


@on.event("reset", "evse_reset")
def reset(st: Station, event: Event) -> None:
    """An immediate reset of the station, or of an EVSE, ends transactions first (B12.FR.04, B12.FR.08)."""
    if event.data.get("resumes"):
        return
    reason = "ImmediateReset" if event.data["reason"] == "RemoteReset" else "Reboot"
    for evse, place in st.evses():
        if event.evse not in (0, evse):
            continue
        deauthorize(st, evse)
        if place.transaction is not None:
            place.transaction.stopped_reason = reason
            end(st, evse, "ResetCommand")


@on.command("stop")
def stop(st: Station, evse: int, reason: str = "Local") -> Done:
    """Press the stop button of the EVSE; `reason` is the OCPP stoppedReason.

    `StoppedByEV` is the car that ends its session (E15). What is abnormal ends the transaction whatever the
    stop points are.
    """
    st.require_power()
    if reason not in _STOPPED_REASONS:
        raise CommandError("invalid_argument", f"reason: one of {', '.join(sorted(_STOPPED_REASONS))}")
    tx = st.evse(evse).transaction
    if st.evse(evse).authorization is None:
        raise CommandError("invalid_state", "nobody is authorized at this EVSE")
    if reason in _ABNORMAL:
        break_off(st, evse, reason)
        follow(st, evse)
    else:
        _stop(st, evse, reason if reason in _LIMITS else "StopAuthorized", reason)
    return Done(result={"transaction_id": tx.id if tx else None})


_ABNORMAL = frozenset(["EmergencyStop", "GroundFault", "OvercurrentFault", "PowerLoss", "PowerQuality"])
_LIMITS = frozenset(["EnergyLimitReached", "TimeLimitReached"])  # these are triggerReasons, too
_STOPPED_REASONS = frozenset(
    [
        "DeAuthorized",
        "EmergencyStop",
        "EnergyLimitReached",
        "EVDisconnected",
        "GroundFault",
        "ImmediateReset",
        "Local",
        "LocalOutOfCredit",
        "MasterPass",
        "Other",
        "OvercurrentFault",
        "PowerLoss",
        "PowerQuality",
        "Reboot",
        "Remote",
        "SOCLimitReached",
        "StoppedByEV",
        "TimeLimitReached",
        "Timeout",
    ]
)
