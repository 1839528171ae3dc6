"""J. What somebody may do to a meter: turn it on, disturb what it shows, forge it, have it tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len

from ocppd.blocks import j_meter_values
from ocppd.core import on, schemas
from ocppd.core.errors import CallError, CommandError
from ocppd.core.station import LATER, Done, Later

if TYPE_CHECKING:
    from ocppd.core.station import Station

Switch = bool | Literal["toggle"]
_Amount = Annotated[float, Ge(0), Le(1e12)]  # no NaN, and nothing that JSON cannot say
_Volts = Annotated[_Amount, Gt(0)]
_DEPTH = 4  # of a MeterValuesRequest, below its meterValue


@on.command("meter")
def meter(
    st: Station,
    evse: int,
    energy_wh: _Amount | Literal["auto"] | None = None,
    power_w: _Amount | None = None,
    voltage_v: _Volts | tuple[_Volts, _Volts, _Volts] | None = None,
    forge: Switch | None = None,
) -> Done:
    """Set what the meter shows: the register, the power while a car charges, the voltage.

    The register only grows. `voltage_v` is one for all phases, or a list of three. `auto` gives power and
    voltage back to the simulation. With `forge` the meter tells another register than the one it has signed.
    """
    if energy_wh is None and power_w is None and voltage_v is None and forge is None:
        raise CommandError("missing_argument", "one of energy_wh, power_w, voltage_v, forge is needed")
    state = st.evse(evse).meter
    if energy_wh == "auto":
        state.power_w = state.voltage_v = None
    elif energy_wh is not None:
        if energy_wh < state.energy_wh:
            raise CommandError("invalid_argument", f"energy_wh: the register stands at {state.energy_wh:.1f}")
        state.energy_wh = energy_wh
    state.power_w = state.power_w if power_w is None else power_w
    state.voltage_v = state.voltage_v if voltage_v is None else voltage_v
    if forge is not None:
        state.forges = not state.forges if forge == "toggle" else forge
    st.emit("ev_changed", evse)
    return Done()


@on.command("meter-values")
def meter_values(
    st: Station,
    *,
    evse_id: Annotated[int, Ge(0)] | None = None,
    meter_value: Annotated[list[dict[str, Any]], Len(1, 100)] | None = None,
) -> Later:
    """Send a MeterValues of the EVSE, 0 the station, and answer with the CSMS's response.

    It tells `meter_value`, in the words of OCPP with or without capitals, or else what the meter shows.
    """
    st.require_power()
    if not st.is_online or st.request is None:
        raise CommandError("not_connected", "the CSMS cannot be reached or has not accepted the station")
    evse = evse_id if evse_id is not None else st.request.evse or 0
    if evse > len(st.state.evses):
        raise CommandError("unknown_evse", f"the station has {len(st.state.evses)} EVSEs, not {evse}")
    if meter_value is None:
        values = j_meter_values.aligned(st, evse, "Other")
    else:
        values = [{"timestamp": st.timestamp(), **_camel(value, _DEPTH)} for value in meter_value]
    try:
        schemas.check_request("MeterValues", {"evseId": evse, "meterValue": values})
    except CallError as error:
        raise CommandError("invalid_argument", f"meter_value: {error.description}") from None
    j_meter_values.notify(st, evse, values, context={"request": st.request.key})
    return LATER


def _camel(value: Any, depth: int) -> Any:
    """The same with the keys as OCPP spells them; what is deeper than any of its messages stays as it is."""
    if isinstance(value, list) and depth:
        return [_camel(item, depth - 1) for item in value]
    if isinstance(value, dict) and depth:
        return {_spelled(key): _camel(item, depth - 1) for key, item in value.items()}
    return value


def _spelled(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(part.capitalize() for part in rest)
