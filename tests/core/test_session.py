"""The closed forms of the energy against a step by step integration, and what they must never do."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocppd.core import session
from ocppd.core.description import Evse as Description
from ocppd.core.description import Hardware
from ocppd.core.state import Authorization, Car, Connector, Evse, Fault, Meter, State
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
CARS = st.builds(
    Car,
    soc=st.floats(0, 100),
    capacity_wh=st.floats(500, 100_000),
    max_w=st.floats(500, 200_000),
    max_a=st.none() | st.just(0.0) | st.floats(0.1, 64),
    phases=st.integers(1, 3),
    ready_at=st.just(0.0),
)
METERS = st.builds(Meter, power_w=st.none() | st.just(0.0) | st.floats(1, 100_000))
SECONDS = st.floats(0, 200_000)


def charging(car: Car, meter: Meter | None = None) -> tuple[State, Evse]:
    """A station whose EVSE offers `car` energy, and that EVSE."""
    evse = Evse(
        connectors=[Connector(plugged=True)],
        car=car,
        authorization=Authorization({"idToken": "A", "type": "ISO14443"}),
        meter=meter or Meter(),
    )
    return State(evses=[evse]), evse


def by_steps(description: Description, evse: Evse, seconds: float, steps: int = 2000) -> float:
    """The energy after `seconds` as the midpoint rule has it, with the power at the moment."""
    car, wh, width = copy.copy(evse.car), 0.0, seconds / steps
    assert car is not None
    place = Evse(car=car, meter=evse.meter)
    for _ in range(steps):
        start = car.soc
        half = session.power_w(description, place, 1.0) * width / 7200
        car.soc = min(start + 100 * half / car.capacity_wh, max(start, 99.999_999))
        energy = session.power_w(description, place, 1.0) * width / 3600
        car.soc = min(100.0, start + 100 * energy / car.capacity_wh)
        wh += (car.soc - start) / 100 * car.capacity_wh
    return wh


@settings(max_examples=40, deadline=None)
@given(DESCRIPTIONS, CARS, METERS, st.floats(0, 20_000))
def test_the_energy_is_the_integral_of_the_power(
    description: Description, car: Car, meter: Meter, seconds: float
) -> None:
    state, evse = charging(car, meter)
    expected = by_steps(description, evse, seconds)
    session.settle(description, state, evse, seconds)
    assert evse.meter.energy_wh == pytest.approx(expected, rel=2e-3, abs=car.capacity_wh * 1e-4)


@given(DESCRIPTIONS, CARS, METERS, st.lists(SECONDS, min_size=1, max_size=8))
def test_looking_more_often_changes_nothing(
    description: Description, car: Car, meter: Meter, pieces: list[float]
) -> None:
    once, often = charging(copy.copy(car), copy.copy(meter)), charging(copy.copy(car), copy.copy(meter))
    now = 0.0
    for piece in pieces:
        now += piece
        session.settle(description, *often, now)
    session.settle(description, *once, now)
    assert often[1].meter.energy_wh == pytest.approx(once[1].meter.energy_wh, rel=1e-6, abs=0.1)


@given(DESCRIPTIONS, CARS, METERS, st.lists(SECONDS, max_size=8))
def test_the_register_never_falls_and_the_battery_never_overflows(
    description: Description, car: Car, meter: Meter, pieces: list[float]
) -> None:
    state, evse = charging(car, meter)
    missing, now = (100 - car.soc) / 100 * car.capacity_wh, 0.0
    for piece in pieces:
        before, now = evse.meter.energy_wh, now + piece
        session.settle(description, state, evse, now)
        assert evse.meter.energy_wh >= before
        assert car.soc <= 100
    assert evse.meter.energy_wh <= missing * (1 + 1e-9)


@given(DESCRIPTIONS, CARS, METERS)
def test_the_battery_is_full_exactly_when_it_is_said_to_be(
    description: Description, car: Car, meter: Meter
) -> None:
    state, evse = charging(car, meter)
    seconds = session.seconds_to_full(description, evse)
    if math.isinf(seconds):
        assert session.power_w(description, evse, 0.0) == 0 or car.soc == 100
        return
    if seconds > 1:
        nearly = copy.copy(car)
        session.settle(description, *charging(nearly, copy.copy(meter)), seconds - 1)
        assert nearly.soc < 100
    session.settle(description, state, evse, seconds)
    assert car.soc == 100


@given(DESCRIPTIONS, CARS, METERS, st.floats(1_700_000_000, 1_800_000_000))
def test_the_moment_of_the_full_battery_is_met_although_epoch_seconds_are_coarse(
    description: Description, car: Car, meter: Meter, now: float
) -> None:
    """Otherwise the station would be woken at the same moment again and again."""
    meter.at = now
    state, evse = charging(car, meter)
    seconds = session.seconds_to_full(description, evse)
    if seconds < 1e6:
        session.settle(description, state, evse, now + seconds)
        assert car.soc == 100


@given(DESCRIPTIONS, CARS)
def test_the_power_is_within_every_limit(description: Description, car: Car) -> None:
    power = session.power_w(description, charging(car)[1], 1.0)
    assert 0 <= power <= description.max_w * (1 + 1e-9)
    assert power <= car.max_w
    if car.max_a is not None and description.phases:
        phases = min(car.phases, description.phases)
        assert power <= car.max_a * description.voltage_v * phases * (1 + 1e-9)


@pytest.mark.parametrize(
    ("description", "car", "watts"),
    [
        (AC, Car(max_w=11_000), 11_000),
        (AC, Car(max_w=50_000), 22_080),
        (AC, Car(max_w=50_000, phases=1), 7_360),
        (AC, Car(max_w=50_000, phases=2), 14_720),
        (AC, Car(max_a=10), 6_900),
        (AC, Car(max_a=10, phases=1), 2_300),
        (AC, Car(max_a=0), 0),
        (Description(phases=1, max_w=3_680), Car(max_w=11_000), 3_680),
        (DC, Car(max_w=100_000), 100_000),
        (DC, Car(max_w=200_000), 150_000),
    ],
)
def test_what_limits_the_power(description: Description, car: Car, watts: float) -> None:
    car.ready_at = 0.0
    assert session.power_w(description, charging(car)[1], 1.0) == pytest.approx(watts)


@pytest.mark.parametrize(("soc", "share"), [(0, 1), (80, 1), (90, 0.525), (99.999_999, 0.05), (100, 0)])
def test_the_power_falls_from_80_percent_on(soc: float, share: float) -> None:
    evse = charging(Car(soc=soc, ready_at=0.0))[1]
    assert session.power_w(AC, evse, 1.0) == pytest.approx(share * 11_000, rel=1e-6)


@given(DESCRIPTIONS, CARS, METERS, st.none() | st.floats(1, 1000))
def test_the_power_is_the_sum_of_voltage_times_current(
    description: Description, car: Car, meter: Meter, volts: float | None
) -> None:
    meter.voltage_v = volts
    state, evse = charging(car, meter)
    flow = session.flow_now(description, state, evse, 1.0)
    total = sum(u * i for u, i in zip(flow.voltage_v, flow.current_a, strict=True))
    assert total == pytest.approx(flow.power_w)
    assert sum(amps > 0 for amps in flow.current_a) in (0, max(1, flow.phases))


def test_the_voltage_stands_on_the_phases_of_the_evse_the_current_on_those_of_the_car() -> None:
    state, evse = charging(Car(phases=1, ready_at=0.0))
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
    state, evse = charging(Car(ready_at=0.0))
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
    assert asdict(bench.state.evses[0])["car"]["soc"] == 100
