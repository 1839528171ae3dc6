"""The car at an EVSE, and what commands say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from msgspec.structs import replace
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from ocppd.core import on
from ocppd.core.description import (
    Capacity,
    Current,
    Curve,
    Delay,
    Efficiency,
    Percent,
    Phases,
    Power,
    PowerFactor,
    Ramp,
    Stay,
)
from ocppd.core.errors import CommandError
from ocppd.core.state import Car
from ocppd.core.station import Done

if TYPE_CHECKING:
    from ocppd.core.station import Station


class Ev(TypedDict, total=False):
    """What a command may say of a car, see `description.Car`; None says nothing."""

    soc: Percent | None
    capacity_wh: Capacity | None
    max_w: Power | None
    max_a: Current | None
    min_a: Current | None
    cable_a: Current | None
    phases: Phases | None
    power_factor: PowerFactor | None
    efficiency: Efficiency | None
    curve: Curve | None
    ramp_w_s: Ramp | None
    max_discharge_w: Power | None
    min_soc: Percent | None
    ready_delay_s: Delay | None
    departure_s: Stay | None
    iso15118: bool | None


# A misspelt key is an error, not a usual car.
Ev.__pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # type: ignore[attr-defined]


def arrive(st: Station, evse: int, said: Ev) -> None:
    """A car comes to the EVSE: the one of the station's `ev` setting, but for what is `said` of it."""
    car = Car(st.description.hardware.ev)
    car.soc = car.ev.soc
    _change(st, car, said)
    if car.departure is None and car.ev.departure_s is not None:
        car.departure = st.now + car.ev.departure_s
    st.evse(evse).car = car


def _change(st: Station, car: Car, said: Ev) -> bool:
    """Make the car as `said`; whether anything was."""
    named: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    if not named:
        return False
    car.ev = replace(car.ev, **named)
    if "soc" in named:
        car.soc = car.ev.soc
    if "departure_s" in named and car.ev.departure_s is not None:
        car.departure = st.now + car.ev.departure_s
    return True


@on.command("ev")
def ev(st: Station, evse: int, **said: Unpack[Ev]) -> Done:
    """Change the car that is plugged in; a bare number is its state of charge in percent.

    `departure_s` counts from now.
    """
    car = st.evse(evse).car
    if car is None:
        raise CommandError("invalid_state", "no car is plugged in")
    if not _change(st, car, said):
        raise CommandError("missing_argument", f"one of {', '.join(Ev.__annotations__)} is needed")
    st.emit("ev_changed", evse)
    return Done()
