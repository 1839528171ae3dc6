"""The closed forms of the energy against a step by step integration, and what they must never do."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import structs

from ocppd.core import session
from ocppd.core.description import Car as Ev
from ocppd.core.description import Evse as Description
from ocppd.core.description import Hardware
from ocppd.core.state import Authorization, Car, Connector, Evse, Fault, Limit, Meter, State
from tests.bench import Bench

AC = Description()
DC = Description(phases=0, max_w=150_000.0, voltage_v=400.0)
DESCRIPTIONS = st.one_of(
    st.builds(
        Description,
        phases=st.integers(1, 3),
        max_w=st.floats(1000, 50_000),
        voltage_v=st.sampled_from([110.0, 230.0]),
    ),
    st.builds(Description, phases=st.just(0), max_w=st.floats(1000, 350_000), voltage_v=st.just(400.0)),
)
CURVES = st.one_of(
    st.just(Ev().curve),
    st.lists(st.integers(0, 100), min_size=1, max_size=6, unique=True).flatmap(
        lambda socs: st.tuples(*(st.tuples(st.just(float(it)), st.floats(1, 100)) for it in sorted(socs)))
    ),
)
EVS = st.builds(
    Ev,
    capacity_wh=st.floats(500, 100_000),
    max_w=st.floats(500, 200_000),
    max_a=st.none() | st.just(0.0) | st.floats(0.1, 64),
    min_a=st.sampled_from([0.0, 6.0]),
    cable_a=st.none() | st.just(20.0),
    phases=st.integers(1, 3),
    power_factor=st.sampled_from([1.0, 0.95, 0.5]),
    efficiency=st.sampled_from([1.0, 0.9]),
    curve=CURVES,
    ramp_w_s=st.none() | st.floats(1, 100_000),
    max_discharge_w=st.none() | st.floats(500, 200_000),
    min_soc=st.sampled_from([0.0, 10.0, 55.5]),
)
CARS = st.builds(
    Car, ev=EVS, soc=st.floats(0, 100), ready_at=st.just(0.0), drawn_w=st.just(0.0) | st.floats(0, 50_000)
)
METERS = st.builds(Meter, power_w=st.none() | st.just(0.0) | st.floats(1, 100_000))
LIMITS = st.none() | st.builds(
    Limit,
    power_w=st.none() | st.just(0.0) | st.floats(0, 30_000),
    current_a=st.none() | st.just(0.0) | st.floats(0, 40),
    phases=st.none() | st.integers(1, 3),
    phase=st.none() | st.integers(1, 3),
)
SECONDS = st.floats(0, 200_000)


def car(**ev: float | None) -> Car:
    """One that is ready to charge."""
    soc = ev.pop("soc", 20.0)
    return Car(ev=Ev(**ev), soc=soc, ready_at=0.0)  # type: ignore[arg-type]


def charging(car: Car, meter: Meter | None = None, limit: Limit | None = None) -> tuple[State, Evse]:
    """A station whose EVSE offers `car` energy, and that EVSE."""
    evse = Evse(
        connectors=[Connector(plugged=True)],
        car=car,
        authorization=Authorization({"idToken": "A", "type": "ISO14443"}),
        meter=meter or Meter(),
        limit=limit,
    )
    return State(evses=[evse]), evse


def by_steps(description: Description, place: Evse, seconds: float, steps: int = 2000) -> float:
    """The energy after `seconds` by small steps of the law: power goes to its target by the ramp, and on."""
    evse = copy.deepcopy(place)
    car, meter, width = evse.car, evse.meter, seconds / steps
    assert car is not None
    ramp = car.ev.ramp_w_s if meter.power_w is None else None
    free = Evse(
        car=structs.replace(car, ev=structs.replace(car.ev, ramp_w_s=None)), meter=meter, limit=evse.limit
    )
    assert free.car is not None
    watts, wh, is_there = car.drawn_w, 0.0, False
    for _ in range(steps):
        for half in (0.5, 1.0):  # the midpoint rule
            target = session.power_w(description, free, 1.0)
            if ramp is not None and target and not is_there:
                change = ramp * width / 2
                watts = min(target, watts + change) if watts < target else max(target, watts - change)
                is_there = watts == target
            else:
                watts = target
            if half == 1.0:
                continue
            energy = watts * width / 3600
        free.car.soc = min(100.0, free.car.soc + energy * 100 * car.ev.efficiency / car.ev.capacity_wh)
        wh += energy
    return min(wh, (100 - car.soc) / 100 * car.ev.capacity_wh / car.ev.efficiency)


@settings(max_examples=60, deadline=None)
@given(DESCRIPTIONS, CARS, METERS, LIMITS, st.floats(0, 20_000))
def test_the_energy_is_the_integral_of_the_power(
    description: Description, car: Car, meter: Meter, limit: Limit | None, seconds: float
) -> None:
    state, evse = charging(car, meter, limit)
    expected = by_steps(description, evse, seconds) if session.is_offering(description, state, evse) else 0.0
    most = max(car.drawn_w, session.power_w(description, evse, 1.0), session.most_w(description, evse))
    session.settle(description, state, evse, seconds)
    step = most * seconds / 2000 / 3600
    assert evse.meter.energy_wh == pytest.approx(expected, rel=5e-3, abs=car.ev.capacity_wh * 1e-4 + 2 * step)


@settings(deadline=None)
@given(DESCRIPTIONS, CARS, METERS, LIMITS, st.floats(1, 50_000), st.floats(0, 1))
def test_the_power_is_the_slope_of_the_register(
    description: Description, car: Car, meter: Meter, limit: Limit | None, seconds: float, part: float
) -> None:
    """At any moment, whatever ramp and curve do: what `power_w` says is what the register gains."""
    state, evse = charging(car, meter, limit)
    now, instant = seconds * part, 1e-2
    session.settle(description, state, evse, now)
    before, watts = evse.meter.energy_wh, session.flow_now(description, state, evse, now).power_w
    session.settle(description, state, evse, now + instant)
    after = session.flow_now(description, state, evse, now + instant).power_w
    low, high = min(watts, after), max(watts, after)
    gained = (evse.meter.energy_wh - before) * 3600 / instant
    slack = 1e-6 * high + evse.meter.energy_wh * 1e-6 + 1e-3
    if car.soc < 100:
        assert low - slack <= gained
    assert gained <= max(high, watts + (car.ev.ramp_w_s or 0) * instant) + slack


@given(DESCRIPTIONS, CARS, METERS, LIMITS, st.lists(SECONDS, min_size=1, max_size=8))
def test_looking_more_often_changes_nothing(
    description: Description, car: Car, meter: Meter, limit: Limit | None, pieces: list[float]
) -> None:
    once = charging(copy.copy(car), copy.copy(meter), limit)
    often = charging(copy.copy(car), copy.copy(meter), limit)
    now = 0.0
    for piece in pieces:
        now += piece
        session.settle(description, *often, now)
    session.settle(description, *once, now)
    assert often[1].meter.energy_wh == pytest.approx(once[1].meter.energy_wh, rel=1e-6, abs=0.1)
    assert often[1].meter.reactive_varh == pytest.approx(once[1].meter.reactive_varh, rel=1e-6, abs=0.2)


@given(DESCRIPTIONS, CARS, METERS, LIMITS, st.lists(SECONDS, max_size=8))
def test_J02_FR_16_the_register_never_falls_and_the_battery_never_overflows(
    description: Description, car: Car, meter: Meter, limit: Limit | None, pieces: list[float]
) -> None:
    state, evse = charging(car, meter, limit)
    missing, now = (100 - car.soc) / 100 * car.ev.capacity_wh / car.ev.efficiency, 0.0
    for piece in pieces:
        before, now = evse.meter.energy_wh, now + piece
        session.settle(description, state, evse, now)
        assert evse.meter.energy_wh >= before
        assert car.soc <= 100
        assert 0 <= car.drawn_w < math.inf
    assert evse.meter.energy_wh <= missing * (1 + 1e-9)


@given(DESCRIPTIONS, CARS, METERS, LIMITS, SECONDS)
def test_what_the_battery_gains_is_what_the_meter_counts_but_for_the_losses(
    description: Description, car: Car, meter: Meter, limit: Limit | None, seconds: float
) -> None:
    state, evse = charging(car, meter, limit)
    before = car.soc
    session.settle(description, state, evse, seconds)
    gained = (car.soc - before) / 100 * car.ev.capacity_wh
    assert gained == pytest.approx(evse.meter.energy_wh * car.ev.efficiency, rel=1e-6, abs=1e-3)


# Both ways


def asked(description: Description, car: Car, watts: float) -> Limit:
    """The limit with which that flows, below 0 back to the grid; see `core.limits`."""
    if watts >= 0:
        return Limit(power_w=watts)
    place = charging(car)[1]
    return Limit(power_w=0, current_a=0, discharge_w=session.most_back_w(description, place, -watts))


BOTH_WAYS = st.lists(st.tuples(SECONDS, st.floats(-30_000, 30_000)), min_size=1, max_size=8)


@given(DESCRIPTIONS, CARS, BOTH_WAYS)
def test_Q03_the_battery_gains_import_less_its_losses_and_loses_export_and_its_losses(
    description: Description, car: Car, pieces: list[tuple[float, float]]
) -> None:
    state, evse = charging(car)
    before, now, meter = car.soc, 0.0, evse.meter
    for seconds, watts in pieces:
        registers, soc, now = (meter.energy_wh, meter.export_wh), car.soc, now + seconds
        car.drawn_w, evse.limit = 0.0, asked(description, car, watts)
        session.settle(description, state, evse, now)
        assert meter.energy_wh >= registers[0]
        assert meter.export_wh >= registers[1]
        assert registers[0] == meter.energy_wh or watts >= 0
        assert registers[1] == meter.export_wh or watts < 0
        assert min(soc, car.ev.min_soc) <= car.soc <= 100
    gained = (car.soc - before) / 100 * car.ev.capacity_wh
    balance = meter.energy_wh * car.ev.efficiency - meter.export_wh / car.ev.efficiency
    assert gained == pytest.approx(balance, rel=1e-6, abs=1e-3)
    assert meter.export_wh == 0 or car.ev.max_discharge_w is not None


@given(DESCRIPTIONS, CARS, st.floats(1, 50_000), st.floats(1, 50_000), st.floats(0, 1))
def test_Q03_the_power_that_flows_back_is_the_slope_of_the_export_register(
    description: Description, car: Car, watts: float, seconds: float, part: float
) -> None:
    car.drawn_w = 0.0
    state, evse = charging(car, None, asked(description, car, -watts))
    now, instant = seconds * part, 1e-2
    session.settle(description, state, evse, now)
    before, flow = evse.meter.export_wh, session.flow_now(description, state, evse, now)
    assert flow.power_w <= 0
    assert sum(flow.power_by_line) == pytest.approx(flow.power_w, abs=1e-6)
    session.settle(description, state, evse, now + instant)
    after = session.flow_now(description, state, evse, now + instant).power_w
    low, high = min(-flow.power_w, -after), max(-flow.power_w, -after)
    gained = (evse.meter.export_wh - before) * 3600 / instant
    slack = 1e-6 * high + evse.meter.export_wh * 1e-6 + 1e-3
    assert gained <= high + slack
    assert gained >= low - slack or car.soc <= car.ev.min_soc + 1e-9
    assert high <= watts * (1 + 1e-9)


@given(DESCRIPTIONS, CARS, st.floats(1, 50_000), st.lists(SECONDS, min_size=1, max_size=8))
def test_Q03_looking_more_often_changes_nothing_of_what_flows_back(
    description: Description, car: Car, watts: float, pieces: list[float]
) -> None:
    car.drawn_w = 0.0
    limit = asked(description, car, -watts)
    once = charging(copy.copy(car), Meter(), limit)
    often = charging(copy.copy(car), Meter(), limit)
    now = 0.0
    for piece in pieces:
        now += piece
        session.settle(description, *often, now)
    session.settle(description, *once, now)
    assert often[1].meter.export_wh == pytest.approx(once[1].meter.export_wh, rel=1e-6, abs=0.1)


@given(DESCRIPTIONS, CARS, st.floats(1, 50_000))
def test_Q03_the_battery_is_at_its_least_exactly_when_it_is_said_to_be(
    description: Description, car: Car, watts: float
) -> None:
    car.drawn_w = 0.0
    state, evse = charging(car, None, asked(description, car, -watts))
    seconds = session.seconds_to_least(evse)
    if math.isinf(seconds):
        assert session.power_w(description, evse, 0.0) == 0
        return
    if seconds > 2:
        nearly = copy.copy(car)
        session.settle(description, *charging(nearly, Meter(), evse.limit), seconds * (1 - 1e-6) - 1)
        assert nearly.soc > car.ev.min_soc
    session.settle(description, state, evse, seconds)
    assert car.soc == pytest.approx(car.ev.min_soc, abs=1e-9)
    assert session.flow_now(description, state, evse, seconds).power_w == 0
    assert math.isinf(session.seconds_to_least(evse))


@given(DESCRIPTIONS, CARS, st.floats(1, 50_000), st.floats(1_700_000_000, 1_800_000_000))
def test_Q03_the_moment_of_the_least_is_met_although_epoch_seconds_are_coarse(
    description: Description, car: Car, watts: float, now: float
) -> None:
    car.drawn_w = 0.0
    state, evse = charging(car, Meter(at=now), asked(description, car, -watts))
    seconds = session.seconds_to_least(evse)
    if seconds < 1e6:
        session.settle(description, state, evse, now + seconds)
        assert math.isinf(session.seconds_to_least(evse))


@given(DESCRIPTIONS, CARS, METERS, LIMITS)
def test_the_battery_is_full_exactly_when_it_is_said_to_be(
    description: Description, car: Car, meter: Meter, limit: Limit | None
) -> None:
    state, evse = charging(car, meter, limit)
    assume(session.is_offering(description, state, evse))
    seconds = session.seconds_to_full(description, evse)
    if math.isinf(seconds):
        assert session.power_w(description, evse, 0.0) == 0 or car.soc == 100
        return
    if seconds > 2:
        nearly = copy.copy(car)
        session.settle(description, *charging(nearly, copy.copy(meter), limit), seconds * (1 - 1e-6) - 1)
        assert nearly.soc < 100
    session.settle(description, state, evse, seconds)
    assert car.soc == 100


@given(DESCRIPTIONS, CARS, METERS, LIMITS, st.floats(1e-3, 50_000))
def test_an_amount_of_energy_takes_as_long_as_is_said(
    description: Description, car: Car, meter: Meter, limit: Limit | None, energy: float
) -> None:
    state, evse = charging(car, meter, limit)
    assume(session.is_offering(description, state, evse))
    seconds = session.seconds_for(description, evse, energy)
    if math.isinf(seconds):
        session.settle(description, state, evse, 1e9)
        assert evse.meter.energy_wh <= energy * (1 + 1e-9)
        return
    session.settle(description, state, evse, seconds)
    assert evse.meter.energy_wh == pytest.approx(energy, rel=1e-6, abs=car.ev.max_w * 1e-6)


@given(DESCRIPTIONS, CARS, METERS, LIMITS, st.floats(1_700_000_000, 1_800_000_000))
def test_the_moment_of_the_full_battery_is_met_although_epoch_seconds_are_coarse(
    description: Description, car: Car, meter: Meter, limit: Limit | None, now: float
) -> None:
    """Otherwise the station would be woken at the same moment again and again."""
    meter.at = now
    state, evse = charging(car, meter, limit)
    assume(session.is_offering(description, state, evse))
    seconds = session.seconds_to_full(description, evse)
    if seconds < 1e6:
        session.settle(description, state, evse, now + seconds)
        assert car.soc == 100


@given(DESCRIPTIONS, CARS, LIMITS)
def test_the_power_is_within_every_limit(description: Description, car: Car, limit: Limit | None) -> None:
    car.drawn_w, car.ev = 0.0, structs.replace(car.ev, ramp_w_s=None)
    state, evse = charging(car, None, limit)
    flow = session.flow_now(description, state, evse, 1.0)
    most = [description.max_w, car.ev.max_w]
    amps = [car.ev.max_a, car.ev.cable_a] if description.phases else [car.ev.cable_a]
    if limit is not None:
        most += [] if limit.power_w is None else [limit.power_w]
        amps.append(limit.current_a)
    assert 0 <= flow.power_w <= min(most) * (1 + 1e-9)
    assert max(flow.current_a) <= min((it for it in amps if it is not None), default=math.inf) * (1 + 1e-9)
    if limit is not None and limit.phases is not None:
        assert sum(it > 0 for it in flow.current_a) <= limit.phases


@pytest.mark.parametrize(
    ("description", "ev", "watts"),
    [
        (AC, {"max_w": 11_000}, 11_000),
        (AC, {"max_w": 50_000}, 22_080),
        (AC, {"max_w": 50_000, "phases": 1}, 7_360),
        (AC, {"max_w": 50_000, "phases": 2}, 14_720),
        (AC, {"max_w": 50_000, "cable_a": 20}, 13_800),
        (AC, {"max_w": 50_000, "power_factor": 0.9}, 19_872),
        (AC, {"max_a": 10}, 6_900),
        (AC, {"max_a": 10, "phases": 1}, 2_300),
        (AC, {"max_a": 0}, 0),
        (AC, {"min_a": 33}, 0),
        (Description(phases=1, max_w=3_680), {"max_w": 11_000}, 3_680),
        (DC, {"max_w": 100_000}, 100_000),
        (DC, {"max_w": 200_000}, 150_000),
    ],
)
def test_what_limits_the_power(description: Description, ev: dict[str, float | None], watts: float) -> None:
    assert session.power_w(description, charging(car(**ev))[1], 1.0) == pytest.approx(watts)


@pytest.mark.parametrize(
    ("limit", "watts", "amps"),
    [
        (Limit(power_w=4_140), 4_140, (6, 6, 6)),
        (Limit(power_w=4_139), 0, (0, 0, 0)),
        (Limit(current_a=10), 6_900, (10, 10, 10)),
        (Limit(current_a=5.9), 0, (0, 0, 0)),
        (Limit(power_w=0, current_a=0), 0, (0, 0, 0)),
        (Limit(power_w=2_300, phases=1), 2_300, (10, 0, 0)),
        (Limit(power_w=2_300, phases=1, phase=3), 2_300, (0, 0, 10)),
        (Limit(current_a=16, phases=2), 7_360, (16, 16, 0)),
        (Limit(power_w=50_000), 11_040, (16, 16, 16)),
    ],
)
def test_K01_FR_38_what_a_limit_leaves(limit: Limit, watts: float, amps: tuple[float, ...]) -> None:
    state, evse = charging(car(max_w=11_040), None, limit)
    flow = session.flow_now(AC, state, evse, 1.0)
    assert flow.power_w == pytest.approx(watts)
    assert flow.current_a == pytest.approx(amps)


def test_less_than_6_A_cannot_be_offered_and_less_than_its_own_least_no_car_takes() -> None:
    state, evse = charging(car(min_a=8.0), None, Limit(current_a=7))
    assert session.is_offering(AC, state, evse)
    assert not session.takes_energy(AC, evse, 1.0)
    evse.limit = Limit(current_a=5)
    assert not session.is_offering(AC, state, evse)


def test_power_rises_and_falls_by_the_ramp_of_the_car() -> None:
    state, evse = charging(car(max_w=10_000, ramp_w_s=1000.0))
    seen = []
    for now, limit in ((0, None), (4, None), (10, None), (11, 7_000.0), (12, 7_000.0), (14, 7_000.0)):
        session.settle(AC, state, evse, now)
        evse.limit = None if limit is None else Limit(power_w=limit)
        seen.append(session.flow_now(AC, state, evse, now).power_w)
    assert seen == pytest.approx([0, 4_000, 10_000, 10_000, 9_000, 7_000])
    # 10 s up, 1 s flat, 3 s down: triangles and rectangles.
    assert evse.meter.energy_wh * 3600 == pytest.approx(50_000 + 10_000 + 3 * 8_500)


def test_a_cut_of_the_energy_is_no_ramp() -> None:
    state, evse = charging(car(ramp_w_s=1000.0))
    session.settle(AC, state, evse, 60)
    evse.suspended = True
    session.settle(AC, state, evse, 61)
    evse.suspended = False
    assert session.flow_now(AC, state, evse, 61).power_w == 0


def test_a_ramp_meets_a_falling_curve() -> None:
    ev = {"soc": 50.0, "capacity_wh": 1000.0, "max_w": 10_000.0, "ramp_w_s": 50.0}
    place = car(**ev)
    place.ev = structs.replace(place.ev, curve=((0.0, 100.0), (100.0, 10.0)))
    state, evse = charging(place)
    expected = by_steps(DC, evse, 200, 100_000)
    session.settle(DC, state, evse, 200)
    assert evse.meter.energy_wh == pytest.approx(expected, rel=1e-4)
    assert place.drawn_w == pytest.approx(10_000 - 90 * place.soc, rel=1e-6)


@pytest.mark.parametrize(("soc", "share"), [(0, 1), (80, 1), (90, 0.525), (99.999_999, 0.05), (100, 0)])
def test_the_power_falls_from_80_percent_on(soc: float, share: float) -> None:
    evse = charging(car(soc=soc))[1]
    assert session.power_w(AC, evse, 1.0) == pytest.approx(share * 11_000, rel=1e-6)


VOLTS = st.none() | st.floats(1, 1000) | st.tuples(*[st.floats(100, 300)] * 3)


@given(DESCRIPTIONS, CARS, METERS, LIMITS, VOLTS)
def test_the_power_is_the_sum_of_voltage_times_current_times_power_factor(
    description: Description, car: Car, meter: Meter, limit: Limit | None, volts: float | None
) -> None:
    meter.voltage_v = volts
    state, evse = charging(car, meter, limit)
    flow = session.flow_now(description, state, evse, 1.0)
    assert flow.power_factor == (car.ev.power_factor if description.phases else 1)
    total = sum(u * i for u, i in zip(flow.voltage_v, flow.current_a, strict=True))
    assert total * flow.power_factor == pytest.approx(flow.power_w)
    assert sum(flow.power_by_line) == pytest.approx(flow.power_w)
    assert math.hypot(sum(flow.reactive_by_line), flow.power_w) == pytest.approx(total)
    assert sum(amps > 0 for amps in flow.current_a) in (0, max(1, flow.phases))


def test_the_voltage_stands_on_the_phases_of_the_evse_the_current_on_those_of_the_car() -> None:
    state, evse = charging(car(phases=1))
    flow = session.flow_now(AC, state, evse, 1.0)
    assert flow.voltage_v == (230, 230, 230)
    assert flow.current_a == pytest.approx((7360 / 230, 0, 0))


Change = Callable[[State, Evse], None]


def _unplug(_state: State, evse: Evse) -> None:
    evse.connectors[0].plugged = False


def _deauthorize(_state: State, evse: Evse) -> None:
    evse.authorization = None


def _refuse(_state: State, evse: Evse) -> None:
    evse.authorization = Authorization({}, suspended=True)


def _suspend(_state: State, evse: Evse) -> None:
    evse.suspended = True


def _suspend_car(_state: State, evse: Evse) -> None:
    evse.car = Car(ready_at=0.0, suspended=True)


def _not_ready(_state: State, evse: Evse) -> None:
    evse.car = Car(ready_at=1e9)


def _cut_power(state: State, _evse: Evse) -> None:
    state.power = False


def _reboot(state: State, _evse: Evse) -> None:
    state.rebooting = True


def _inoperative(state: State, _evse: Evse) -> None:
    state.operative = False


def _break(_state: State, evse: Evse) -> None:
    evse.connectors[0].faults = [Fault("GroundFault", "GroundIsolationProtection")]


@pytest.mark.parametrize(
    "change",
    [
        _break,
        _unplug,
        _deauthorize,
        _refuse,
        _suspend,
        _suspend_car,
        _not_ready,
        _cut_power,
        _reboot,
        _inoperative,
    ],
)
def test_no_energy_flows_without_any_one_of_its_conditions(change: Change) -> None:
    state, evse = charging(car())
    change(state, evse)
    session.settle(AC, state, evse, 3600)
    assert evse.meter.energy_wh == 0
    assert session.flow_now(AC, state, evse, 3600).power_w == 0


def test_a_car_that_becomes_ready_meanwhile_charges_from_then_on() -> None:
    state, evse = charging(Car(ready_at=1800.0))
    session.settle(AC, state, evse, 3600)
    assert evse.meter.energy_wh == pytest.approx(5_500)


def test_a_battery_that_fills_wakes_its_station_once(new_bench: Callable[..., Bench]) -> None:
    bench = new_bench(Hardware(evses=(AC,)))
    bench.do("plug-in", ev={"soc": 97.3, "capacity_wh": 33_333})
    bench.do("authorize", "AAAA")
    bench.set("SampledDataCtrlr.TxUpdatedInterval", 0)
    bench.forget()
    bench.advance(7200)
    assert bench.story() == ["Updated ChargingStateChanged SuspendedEV"]
    assert bench.state.evses[0].car is not None
    assert bench.state.evses[0].car.soc == 100
