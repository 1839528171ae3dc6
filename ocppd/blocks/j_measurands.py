"""J. What meters can tell: each measurand of an EVSE's meter, and of the one at the grid, evseId 0.

Energy is told in the unit that the meter counts in. Every phase is told that the meter has, used or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ocppd.core import session
from ocppd.core.schemas import Payload
from ocppd.core.session import Flow, Lines

if TYPE_CHECKING:
    from ocppd.core.description import Evse as EvseDescription
    from ocppd.core.station import Station

REGISTER = "Energy.Active.Import.Register"
INTERVAL = "Energy.Active.Import.Interval"
_GRID_V = 230.0
_NOTHING = (0.0, 0.0, 0.0)
_LINES = ("L1", "L2", "L3")
_LINES_TO_NEUTRAL = ("L1-N", "L2-N", "L3-N")


class Metered(NamedTuple):
    """What a meter shows at one moment; None where it does not measure that, and 0 `phases` for DC."""

    flow: Flow
    phases: int
    energy_wh: float
    reactive_varh: float
    apparent_vah: float
    frequency_hz: float | None = None
    offered_a: float | None = None
    offered_w: float | None = None
    soc: float | None = None
    kilo: bool = False
    multiplier: int = 0
    export_wh: float = 0.0


def flow(st: Station, evse: int) -> Flow:
    """What flows through the EVSE now."""
    return session.flow_now(st.description.hardware.evses[evse - 1], st.state, st.evse(evse), st.now)


def at_evse(st: Station, evse: int) -> Metered:
    """What the EVSE's own meter shows."""
    place, hardware = st.evse(evse), st.description.hardware.evses[evse - 1]
    offers = session.is_offering(hardware, st.state, place)
    amps = session.offered_a(hardware, place) if offers else 0.0
    return Metered(
        flow=session.flow(hardware, place, session.power_w(hardware, place, st.now) if offers else 0.0),
        phases=hardware.phases,
        energy_wh=place.meter.energy_wh,
        reactive_varh=place.meter.reactive_varh,
        apparent_vah=place.meter.apparent_vah,
        frequency_hz=(st.state.frequency_hz or hardware.frequency_hz) if hardware.phases else None,
        offered_a=amps,
        offered_w=amps * session.watts_for_an_ampere(hardware, place),
        soc=place.car.soc if place.car is not None else None,
        kilo=hardware.energy_unit == "kWh",
        multiplier=hardware.multiplier,
        export_wh=place.meter.export_wh,
    )


def at_grid(st: Station) -> Metered:
    """What the meter at the grid shows: all EVSEs together; the station itself needs nothing (J01.FR.04).

    Its registers add up those of the EVSEs: what one car gives to another is in both of them.
    """
    evses = st.description.hardware.evses
    phases = max(it.phases or 3 for it in evses)
    drawn = [_at_grid(it, flow(st, n)) for n, it in enumerate(evses, start=1)]
    first, second, third = (sum(it.current_a[line] for it in drawn) for line in range(3))
    l1, l2, l3 = (max(it.voltage_v[line] for it in drawn) for line in range(3))
    power, reactive = sum(it.power_w for it in drawn), sum(sum(it.reactive_by_line) for it in drawn)
    factor = abs(power) / math.hypot(power, reactive) if power else 1.0
    return Metered(
        flow=Flow(power, (first, second, third), (l1, l2, l3), phases, factor),
        phases=phases,
        energy_wh=sum(evse.meter.energy_wh for evse in st.state.evses),
        reactive_varh=sum(evse.meter.reactive_varh for evse in st.state.evses),
        apparent_vah=sum(evse.meter.apparent_vah for evse in st.state.evses),
        frequency_hz=st.state.frequency_hz or evses[0].frequency_hz,
        export_wh=sum(evse.meter.export_wh for evse in st.state.evses),
    )


def _at_grid(evse: EvseDescription, drawn: Flow) -> Flow:
    """The same flow before the rectifier, which loses nothing and draws evenly."""
    if evse.phases:
        return drawn
    amps = drawn.power_w / _GRID_V / 3
    return Flow(drawn.power_w, (amps, amps, amps), (_GRID_V, _GRID_V, _GRID_V), 3)


@dataclass(frozen=True, slots=True)
class Began:
    """What the registers showed as an interval began."""

    energy_wh: float
    reactive_varh: float
    export_wh: float = 0.0


def _amount(meter: Metered, measurand: str, value: float, unit: str) -> Payload:
    """Energy or power, to a tenth of the unit without kilo and multiplier."""
    power_of_ten = 3 * meter.kilo + meter.multiplier
    if not power_of_ten and not meter.multiplier:  # what most meters do
        return _value(measurand, value, unit)
    found = _value(measurand, value / 10**power_of_ten, "k" * meter.kilo + unit, max(0, 1 + power_of_ten))
    if meter.multiplier:
        found["unitOfMeasure"]["multiplier"] = meter.multiplier
    return found


def _value(measurand: str, value: float, unit: str, digits: int = 1) -> Payload:
    return {"value": round(value, digits), "measurand": measurand, "unitOfMeasure": {"unit": unit}}


# What tells a measurand: the SampledValueTypes of that name, of what the meter shows and showed.
_Tell = Callable[[Metered, str, Began | None], list[Payload]]


def samples(meter: Metered, measurand: str, since: Began | None = None) -> list[Payload]:
    """The SampledValueTypes of one measurand (J01.FR.11); without `since` there are none of an interval."""
    return _TELLING[measurand](meter, measurand, since)


def _register(unit: str, shown: Callable[[Metered], float]) -> _Tell:
    return lambda meter, measurand, _: [_amount(meter, measurand, shown(meter), unit)]


def _interval(unit: str, shown: Callable[[Metered | Began], float]) -> _Tell:
    def tell(meter: Metered, measurand: str, since: Began | None) -> list[Payload]:
        return [] if since is None else [_amount(meter, measurand, shown(meter) - shown(since), unit)]

    return tell


def _power(unit: str, total: Callable[[Flow], float], by_line: Callable[[Flow], Lines]) -> _Tell:
    def tell(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
        found, lines = [_amount(meter, measurand, total(meter.flow), unit)], by_line(meter.flow)
        for phase in range(meter.phases):
            value = _amount(meter, measurand, lines[phase], unit)
            value["phase"] = _LINES[phase]
            found.append(value)
        return found

    return tell


def _by_phase(unit: str, by_line: Callable[[Flow], Lines], names: tuple[str, str, str]) -> _Tell:
    def tell(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
        lines = by_line(meter.flow)
        if meter.phases == 0:
            return [_value(measurand, lines[0], unit)]
        found = []
        for phase in range(meter.phases):
            value = _value(measurand, lines[phase], unit)
            value["phase"] = names[phase]
            found.append(value)
        return found

    return tell


def _factor(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
    return [_value(measurand, meter.flow.power_factor if meter.flow.power_w else 1.0, "", 3)]


def _offered_w(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
    return [] if meter.offered_w is None else [_amount(meter, measurand, meter.offered_w, "W")]


def _offered_a(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
    return [] if meter.offered_a is None else [_value(measurand, meter.offered_a, "A")]


def _frequency(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
    return [] if meter.frequency_hz is None else [_value(measurand, meter.frequency_hz, "Hz", 2)]


def _soc(meter: Metered, measurand: str, _: Began | None) -> list[Payload]:
    if meter.soc is None:
        return []
    value = _value(measurand, meter.soc, "Percent")
    value["location"] = "EV"
    return [value]


def _imported(values: Lines) -> Lines:
    return values if min(values) >= 0 else (max(0.0, values[0]), max(0.0, values[1]), max(0.0, values[2]))


def _exported(values: Lines) -> Lines:
    return _NOTHING if min(values) >= 0 else _imported((-values[0], -values[1], -values[2]))


# Meters count both ways; what flows back is active power alone.
_TELLING: Mapping[str, _Tell] = {
    REGISTER: _register("Wh", lambda it: it.energy_wh),
    INTERVAL: _interval("Wh", lambda it: it.energy_wh),
    "Energy.Active.Net": _register("Wh", lambda it: it.energy_wh - it.export_wh),
    "Energy.Active.Export.Register": _register("Wh", lambda it: it.export_wh),
    "Energy.Active.Export.Interval": _interval("Wh", lambda it: it.export_wh),
    "Energy.Reactive.Import.Register": _register("varh", lambda it: it.reactive_varh),
    "Energy.Reactive.Import.Interval": _interval("varh", lambda it: it.reactive_varh),
    "Energy.Reactive.Net": _register("varh", lambda it: it.reactive_varh),
    "Energy.Reactive.Export.Register": _register("varh", lambda _: 0.0),
    "Energy.Reactive.Export.Interval": _interval("varh", lambda _: 0.0),
    "Energy.Apparent.Import": _register("VAh", lambda it: it.apparent_vah),
    "Energy.Apparent.Net": _register("VAh", lambda it: it.apparent_vah - it.export_wh),
    "Energy.Apparent.Export": _register("VAh", lambda it: it.export_wh),
    "Power.Active.Import": _power(
        "W", lambda now: max(0.0, now.power_w), lambda now: _imported(now.power_by_line)
    ),
    "Power.Active.Export": _power(
        "W", lambda now: max(0.0, -now.power_w), lambda now: _exported(now.power_by_line)
    ),
    "Power.Reactive.Import": _power(
        "var", lambda now: sum(now.reactive_by_line), lambda now: now.reactive_by_line
    ),
    "Power.Reactive.Export": _power("var", lambda _: 0.0, lambda _: _NOTHING),
    "Power.Factor": _factor,
    "Power.Offered": _offered_w,
    "Current.Import": _by_phase("A", lambda now: _imported(now.current_a), _LINES),
    "Current.Export": _by_phase("A", lambda now: _exported(now.current_a), _LINES),
    "Current.Offered": _offered_a,
    "Voltage": _by_phase("V", lambda now: now.voltage_v, _LINES_TO_NEUTRAL),
    "Frequency": _frequency,
    "SoC": _soc,
}
MEASURANDS = tuple(_TELLING)
