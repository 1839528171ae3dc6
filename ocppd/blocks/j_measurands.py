"""J. What meters can tell: each measurand of an EVSE's meter, and of the one at the grid, evseId 0.

Energy is told in the unit that the meter counts in. Every phase is told that the meter has, used or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ocppd.core import session
from ocppd.core.session import Flow

if TYPE_CHECKING:
    from ocppd.core.description import Evse as EvseDescription
    from ocppd.core.schemas import Payload
    from ocppd.core.session import Lines
    from ocppd.core.station import Station

REGISTER = "Energy.Active.Import.Register"
INTERVAL = "Energy.Active.Import.Interval"
# Meters count both ways; what flows back is active power alone.
MEASURANDS = (
    REGISTER,
    INTERVAL,
    "Energy.Active.Net",
    "Energy.Active.Export.Register",
    "Energy.Active.Export.Interval",
    "Energy.Reactive.Import.Register",
    "Energy.Reactive.Import.Interval",
    "Energy.Reactive.Net",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Export.Interval",
    "Energy.Apparent.Import",
    "Energy.Apparent.Net",
    "Energy.Apparent.Export",
    "Power.Active.Import",
    "Power.Active.Export",
    "Power.Reactive.Import",
    "Power.Reactive.Export",
    "Power.Factor",
    "Power.Offered",
    "Current.Import",
    "Current.Export",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "SoC",
)
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


def samples(meter: Metered, measurand: str, since: Began | None = None) -> Iterator[Payload]:
    """The SampledValueTypes of one measurand (J01.FR.11); without `since` there are none of an interval."""
    kind, _, _ = measurand.partition(".")
    if kind == "Energy":
        yield from _energies(meter, measurand, since)
    elif kind == "Power":
        yield from _powers(meter, measurand)
    elif kind == "Current":
        yield from _currents(meter, measurand)
    elif measurand == "Voltage":
        yield from _by_phase(meter, measurand, meter.flow.voltage_v, "V", _LINES_TO_NEUTRAL)
    elif measurand == "Frequency" and meter.frequency_hz is not None:
        yield _value(measurand, meter.frequency_hz, "Hz", 2)
    elif measurand == "SoC" and meter.soc is not None:
        yield {**_value(measurand, meter.soc, "Percent"), "location": "EV"}


def _energies(meter: Metered, measurand: str, since: Began | None) -> Iterator[Payload]:
    _, kind, *_ = measurand.split(".")
    unit, register = {
        "Active": ("Wh", meter.energy_wh),
        "Reactive": ("varh", meter.reactive_varh),
        "Apparent": ("VAh", meter.apparent_vah),
    }[kind]
    if measurand.endswith(".Interval"):
        if since is None:
            return
        register -= since.energy_wh if kind == "Active" else since.reactive_varh
    if ".Export" in measurand:
        register = 0.0 if kind == "Reactive" else meter.export_wh
        if since is not None and kind == "Active" and measurand.endswith(".Interval"):
            register -= since.export_wh
    elif meter.export_wh and kind != "Reactive" and measurand.endswith(".Net"):
        register -= meter.export_wh
    yield _amount(meter, measurand, register, unit)


def _imported(values: Lines) -> Lines:
    return values if min(values) >= 0 else (max(0.0, values[0]), max(0.0, values[1]), max(0.0, values[2]))


def _exported(values: Lines) -> Lines:
    return _NOTHING if min(values) >= 0 else _imported((-values[0], -values[1], -values[2]))


def _powers(meter: Metered, measurand: str) -> Iterator[Payload]:
    now = meter.flow
    match measurand:
        case "Power.Active.Import":
            yield from _power(meter, measurand, max(0.0, now.power_w), _imported(now.power_by_line), "W")
        case "Power.Active.Export":
            yield from _power(meter, measurand, max(0.0, -now.power_w), _exported(now.power_by_line), "W")
        case "Power.Reactive.Export":
            yield from _power(meter, measurand, 0.0, _NOTHING, "var")
        case "Power.Reactive.Import":
            yield from _power(meter, measurand, sum(now.reactive_by_line), now.reactive_by_line, "var")
        case "Power.Factor":
            yield _value(measurand, now.power_factor if now.power_w else 1.0, "", 3)
        case "Power.Offered" if meter.offered_w is not None:
            yield _amount(meter, measurand, meter.offered_w, "W")


def _currents(meter: Metered, measurand: str) -> Iterator[Payload]:
    if measurand == "Current.Import":
        yield from _by_phase(meter, measurand, _imported(meter.flow.current_a), "A")
    elif measurand == "Current.Export":
        yield from _by_phase(meter, measurand, _exported(meter.flow.current_a), "A")
    elif meter.offered_a is not None:
        yield _value(measurand, meter.offered_a, "A")


def _power(meter: Metered, measurand: str, total: float, by_line: Lines, unit: str) -> Iterator[Payload]:
    yield _amount(meter, measurand, total, unit)
    for phase in range(meter.phases):
        value = _amount(meter, measurand, by_line[phase], unit)
        value["phase"] = _LINES[phase]
        yield value


def _by_phase(
    meter: Metered, measurand: str, values: Lines, unit: str, names: tuple[str, str, str] = _LINES
) -> Iterator[Payload]:
    if meter.phases == 0:
        yield _value(measurand, values[0], unit)
    for phase in range(meter.phases):
        value = _value(measurand, values[phase], unit)
        value["phase"] = names[phase]
        yield value


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
