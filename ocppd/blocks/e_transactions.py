"""E. Transactions: when they start and end.

Whatever happens at an EVSE, `progress` compares the conditions of TxStartPoint and TxStopPoint with those
that held before: one that has come true may start a transaction, one that was lost may end it, and
everything else is told as Updated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocppd.blocks import e_cables, e_samples
from ocppd.blocks import j_meter_values as meter
from ocppd.blocks.e_points import START_POINT, STOP_POINT, charging_state, conditions, may_start
from ocppd.blocks.e_transaction_events import tell
from ocppd.core.state import Transaction
from ocppd.core.status import is_closed

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Station


# The stoppedReason that goes with a trigger.
_REASONS = {
    "CostLimitReached": "LocalOutOfCredit",
    "EVCommunicationLost": "EVDisconnected",
    "EVConnectTimeout": "Timeout",
    "EnergyLimitReached": "EnergyLimitReached",
    "SoCLimitReached": "SOCLimitReached",
    "TimeLimitReached": "TimeLimitReached",
}


def progress(
    st: Station,
    evse: int,
    trigger: str,
    *,
    reason: str | None = None,
    token: Payload | None = None,
    in_bay: bool | None = None,
) -> None:
    """Start, tell or end, as the points say after what `trigger` names (E01, E06).

    `reason` is the stoppedReason of what may end later only, `token` the one that has stopped. Where no
    condition is left, no stop point could ever be lost any more: that ends the transaction, too.
    """
    place = st.evse(evse)
    tx = place.transaction
    if not st.is_running or (tx is None and (is_closed(st, evse) or not may_start(st))):
        return  # looked at again when that changes
    before, place.points = set(place.points), conditions(st, evse, in_bay)
    if tx is None:
        if _starts(st, set(place.points), before):
            _start(st, evse, trigger)
        return
    tx.stopped_reason = tx.stopped_reason or reason
    lost = before - set(place.points)
    if not place.points or any(point in lost for point in st.get(STOP_POINT)):
        end(st, evse, trigger, token)
    else:
        tell(st, evse, tx, "Updated", trigger, token=token)


def _starts(st: Station, now: set[str], before: set[str]) -> bool:
    """A start point has come true; or somebody is authorized anew where the cable has stayed in."""
    came = now - before
    # Where somebody is authorized anew, a cable that has stayed in counts as if it had just come.
    enough = now if "Authorized" in came else came
    return any(point in enough for point in st.get(START_POINT))


def _start(st: Station, evse: int, trigger: str) -> None:
    place = st.evse(evse)
    registers = place.meter.energy_wh, place.meter.reactive_varh, place.meter.export_wh
    tx = Transaction(st.uuid(), st.now, *registers)
    place.transaction = tx
    values = meter.reading(st, evse, meter.STARTED, "Transaction.Begin")
    tx.begin = meter.reading(st, evse, meter.ENDED, "Transaction.Begin")
    tell(st, evse, tx, "Started", trigger, values=values)
    e_samples.arm(st, evse, tx)


def end(st: Station, evse: int, trigger: str, token: Payload | None = None) -> None:
    """End the transaction at the EVSE, if there is one; what ended it is `trigger`."""
    place = st.evse(evse)
    tx = place.transaction
    if tx is None:
        return
    held = place.authorization
    keep = e_cables.is_loose(place) or (held is not None and held.refused)
    tx.stopped_reason = tx.stopped_reason or _reason(st, evse, trigger)
    if charging_state(st, evse) != "SuspendedEVSE":  # E05.FR.02: the Ended tells of the suspension
        deauthorize(st, evse, keep=keep)
    last = meter.reading(st, evse, meter.ENDED, "Transaction.End")
    tell(st, evse, tx, "Ended", trigger, token=token, values=tx.begin + tx.samples + last)
    deauthorize(st, evse, keep=keep)
    place.transaction, place.suspended = None, False  # SuspendedEVSE is a state of a transaction
    place.points = conditions(st, evse)
    st.cancel(f"sample:{evse}")
    st.cancel(f"ended_sample:{evse}")
    st.cancel(f"tx_limit:{evse}")


def _reason(st: Station, evse: int, trigger: str) -> str:
    """The stoppedReason of what nobody has stopped before, for the state in which it is found."""
    if trigger != "ChargingStateChanged":
        return _REASONS.get(trigger, "Local")
    held = st.evse(evse).authorization
    if held is not None and held.suspended:
        return "DeAuthorized"
    return "StoppedByEV" if charging_state(st, evse) == "SuspendedEV" else "Other"


def deauthorize(st: Station, evse: int, *, keep: bool = False) -> None:
    """Nobody may charge here any more; a socket lets the cable go, or will `keep` it for its owner."""
    place = st.evse(evse)
    if place.authorization is None:
        return
    if keep:
        e_cables.keep(place)
    else:
        e_cables.release(place)  # E06.FR.10, E07.FR.07
    place.authorization = place.reservation_id = None
    if place.car is not None:
        place.car.ready_at = None
    st.cancel(f"ev_timeout:{evse}")
    st.emit("deauthorized", evse)
