"""The car, the meter and the templates that ship with ocppd, from the settings to the energy they give."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from ocppd.core.description import Car, Evse
from ocppd.settings.check import SettingsError, validated
from ocppd.settings.files import Layer, parse
from ocppd.settings.station import KindSettings
from ocppd.settings.templates import Templates
from tests.bench import Bench

TEMPLATES = sorted(Templates().names())


def kind(text: str) -> KindSettings:
    return validated(KindSettings, [Layer("test.yaml", parse(text, "test.yaml"))])


def test_every_key_of_a_car_reaches_its_description() -> None:
    text = """
ev:
  soc: 30
  capacity_wh: 50000
  max_w: 7400
  max_a: 32
  min_a: 8
  cable_a: 20
  phases: 1
  power_factor: 0.98
  efficiency: 0.9
  curve: [[0, 50], [10, 100], [100, 5]]
  ramp_w_s: 500
  max_discharge_w: 7000
  min_soc: 25
  ready_delay_s: 2
  departure_s: 3600
  iso15118: true
"""
    assert kind(text).hardware().ev == Car(
        soc=30,
        capacity_wh=50_000,
        max_w=7_400,
        max_a=32,
        min_a=8,
        cable_a=20,
        phases=1,
        power_factor=0.98,
        efficiency=0.9,
        curve=((0, 50), (10, 100), (100, 5)),
        ramp_w_s=500,
        max_discharge_w=7_000,
        min_soc=25,
        ready_delay_s=2,
        departure_s=3600,
        iso15118=True,
    )


def test_every_key_of_a_meter_reaches_its_description() -> None:
    [evse] = kind("evses: [{frequency_hz: 60, energy_unit: kWh, multiplier: 3}]").hardware().evses
    assert evse == Evse(frequency_hz=60, energy_unit="kWh", multiplier=3)


@pytest.mark.parametrize(
    "curve",
    ["[]", "[[50, 0]]", "[[50, 101]]", "[[101, 50]]", "[[50, 60], [50, 40]]", "[[50, 60], [40, 60]]", "5"],
)
def test_a_curve_that_no_battery_has_is_refused(curve: str) -> None:
    with pytest.raises(SettingsError, match=r"ev\.curve"):
        kind(f"ev: {{curve: {curve}}}")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("power_factor", 0),
        ("efficiency", 1.1),
        ("ramp_w_s", 0),
        ("departure_s", -1),
        ("max_discharge_w", -1),
        ("min_soc", 101),
        ("min_a", ".nan"),
    ],
)
def test_a_car_that_could_not_be_computed_is_refused(key: str, value: object) -> None:
    with pytest.raises(SettingsError, match=rf"ev\.{key}"):
        kind(f"ev: {{{key}: {value}}}")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_car_at_a_template_s_station_charges_until_it_is_full(
    new_bench: Callable[..., Bench], template: str
) -> None:
    hardware = Templates()[template].hardware()
    bench = new_bench(hardware)
    bench.do("plug-in", evse=1)
    bench.do("authorize", evse=1, id_token="AAAA")
    place, seen = bench.state.evses[0], [0.0]
    while (car := place.car) is not None and car.soc < 100:
        bench.advance(600)
        place = bench.state.evses[0]
        seen.append(place.meter.energy_wh)
        assert len(seen) < 100
    assert all(before <= after for before, after in pairwise(seen))
    ev = hardware.ev
    assert seen[-1] == pytest.approx((100 - ev.soc) / 100 * ev.capacity_wh / ev.efficiency)


def test_the_cars_at_a_shared_feed_have_half_of_it_each(new_bench: Callable[..., Bench]) -> None:
    bench = new_bench(Templates()["ac-22kw-dual"].hardware())
    powers = []
    for evse in (1, 2):
        bench.do("plug-in", evse=evse)
        bench.do("authorize", evse=evse, id_token=f"AAA{evse}")
        bench.advance(60)
        answer = bench.do("get")
        assert answer is not None
        assert answer.done is not None
        assert not callable(answer.done.result)
        powers.append([it["meter"]["power_w"] for it in answer.done.result["evses"]])
    assert powers == [[22_000, 0], [11_040, 11_040]]
