"""Q. Bidirectional power (OCPP 2.1): which energy transfer the CSMS allows, and who else tells setpoints.

Charging profiles with an operation mode say what is to flow (Q03 to Q10); `core.limits` follows them. A car
can feed back where its `max_discharge_w` says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Le

from ocppd.blocks import k_ev_needs
from ocppd.blocks.k_smart_charging import require_smart_charging
from ocppd.core import limits, on, v2x
from ocppd.core.errors import CommandError
from ocppd.core.schemas import OCPP_21
from ocppd.core.state import FrequencySignal, V2x
from ocppd.core.station import UNCHANGED, Done
from ocppd.core.times import parse_time
from ocppd.core.tokens import is_same

if TYPE_CHECKING:
    from ocppd.core.schemas import Payload
    from ocppd.core.station import Event, Station

_MOST_SIGNALS = 100
_Watts = Annotated[float, Ge(-1e8), Le(1e8)]
_Hertz = Annotated[float, Ge(1), Le(1000)]


# Which energy transfer is allowed (Q01, Q02)


@on.event("energy_transfer_allowed")
def allowed(st: Station, event: Event) -> None:
    """The CSMS has said so with the token that is to charge here (Q01)."""
    held = st.evse(event.evse).authorization
    if held is not None and is_same(held.token, event.data["token"]):
        held.energy_transfer = tuple(event.data["modes"])
        limits.renew(st)


@on.call("NotifyAllowedEnergyTransfer")
def notify_allowed_energy_transfer(st: Station, request: Payload) -> Payload:
    """From now on these modes count for the transaction; its ISO 15118 car tells anew what it needs (Q02)."""
    evse = st.evse_of(request["transactionId"])
    tx = st.evse(evse).transaction if evse is not None else None
    if evse is None or tx is None:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
    before = v2x.may_discharge(st, evse)
    tx.v2x = tx.v2x or V2x()
    tx.v2x.energy_transfer = tuple(request["allowedEnergyTransfer"])
    limits.renew(st)
    if v2x.may_discharge(st, evse) != before:
        k_ev_needs.tell_again(st, evse)
    return {"status": "Accepted"}


@on.event("variable_changed")
def switched(st: Station, event: Event) -> None:
    """Without V2X nothing flows back."""
    if event.data["key"] == v2x.ENABLED.station_key:
        limits.renew(st)


# What the grid needs (Q07, Q08)


@on.call("AFRRSignal")
def afrr_signal(st: Station, request: Payload) -> Payload:
    """Follow the signal from its moment on, where a profile says what it means in W (Q07)."""
    require_smart_charging(st)
    moment = parse_time(request["timestamp"])
    if moment is None:
        return _rejected("InvalidValue")
    if not any(_has_curve(it.profile) for it in st.state.charging_profiles):
        return _rejected("NoProfile")
    current = v2x.signal_now(st)
    kept = [it for it in st.state.signals if (it is current or it.at > st.clock) and it.at != moment]
    if len(kept) >= _MOST_SIGNALS:
        return _rejected("TooManyElements")
    st.state.signals = (*kept, FrequencySignal(moment, request["signal"]))
    limits.renew(st)
    return {"status": "Accepted"}


def _has_curve(profile: Payload) -> bool:
    periods = (it for schedule in profile["chargingSchedule"] for it in schedule["chargingSchedulePeriod"])
    return any("v2xSignalWattCurve" in it for it in periods)


def _rejected(reason: str) -> Payload:
    return {"status": "Rejected", "statusInfo": {"reasonCode": reason}}


@on.command("grid-frequency")
def grid_frequency(st: Station, hertz: _Hertz | Literal["auto"]) -> Done:
    """Set the grid's frequency, which meters tell and LocalFrequency profiles follow; `auto`: as usual."""
    wanted = None if hertz == "auto" else hertz
    if wanted == st.state.frequency_hz:
        return UNCHANGED
    st.state.frequency_hz = wanted
    limits.renew(st)
    return Done()


# What an energy manager on site wants (Q05)


@on.command("setpoint")
def setpoint(st: Station, evse: int, watts: _Watts | Literal["OFF", "Off", "off"]) -> Done:
    """Tell the EVSE what is to flow, below 0 back to the grid, as an energy manager on site would.

    It counts while a profile of the CSMS leaves that to others, in the mode ExternalSetpoint; without it
    nothing flows then. OFF takes it back.
    """
    st.require_power()
    if st.version != OCPP_21:
        raise CommandError("unsupported", "the CSMS speaks OCPP 2.0.1, which has no setpoints")
    wanted = None if isinstance(watts, str) else float(watts)
    place = st.evse(evse)
    if wanted == place.setpoint_w:
        return UNCHANGED
    place.setpoint_w = wanted
    limits.renew(st)
    return Done()
