"""`docs/pictures/smart-charging.svg`: a day at a wallbox, simulated and drawn by `python -m tests.pictures`.

Every point is what the station showed at that minute: the limit and the power of its EVSE, and the battery
of the car. Nothing is drawn that was not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ocppd.core.description import Car, Evse, Hardware
from ocppd.core.times import format_time
from tests.bench import START, Bench, Json

PAGE = Path(__file__).parent.parent / "docs/pictures/smart-charging.svg"

_HOUR = 3600.0
_MIDNIGHT = START - 10 * _HOUR
_WALLBOX = Hardware(
    evses=(Evse(phases=3, max_w=22_080),),
    ev=Car(soc=18, capacity_wh=77_000, max_w=11_000, curve=((0, 100), (80, 100), (100, 12))),
)
# What the operator allows each day, in A a phase; the clock is that of the station, UTC.
_DAY = ((0, 16), (6, 10), (9, 16), (17, 8), (20, 16))
# What a photovoltaic manager says over MQTT: when, and W.
_SUN = ((11, 3600), (11.5, 4800), (12, 6900), (13, 8200), (14, 6400), (14.75, 4300), (15.5, None))

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 900, 360, 60, 30, 40
_MOST_W = 12_000
_FONT = 'font-family="sans-serif" font-size="12"'


@dataclass(frozen=True)
class Point:
    """What there was at an hour of the day; `limit_w` None: no limit, `soc` None: no car."""

    hour: float
    limit_w: float | None
    power_w: float
    soc: float | None


def day() -> list[Point]:
    """A day, minute by minute."""
    bench = Bench(_WALLBOX)
    bench.csms("SetChargingProfile", {"evseId": 1, "chargingProfile": _profile()})
    told = dict(_SUN)
    points = []
    for minute in range(10 * 60, 34 * 60):
        hour = minute / 60
        if hour in told:
            bench.do("limit", "OFF" if told[hour] is None else str(told[hour]))
        if minute in (10 * 60 + 15, 27 * 60):
            bench.do("plug-in")
            bench.do("authorize", "CARD")
        if minute == 17 * 60 + 30:
            bench.do("unplug")
        points.append(_point(bench, hour))
        bench.advance(60)
    return points


def _profile() -> Json:
    periods = [{"startPeriod": int(hour * _HOUR), "limit": amps, "numberPhases": 3} for hour, amps in _DAY]
    return {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": format_time(_MIDNIGHT),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": periods,
            }
        ],
    }


def _point(bench: Bench, hour: float) -> Point:
    answer = bench.do("get")
    assert answer is not None
    assert answer.done is not None
    seen: Json = answer.done.result  # type: ignore[assignment]
    [evse] = seen["evses"]
    return Point(hour, evse["limit_w"], evse["meter"]["power_w"], evse["meter"]["soc"])


def draw(points: list[Point]) -> str:
    """The picture, as SVG."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
            *_grid(points),
            _line([(it.hour, _of_w(it.limit_w)) for it in points], "#d1495b", "stroke-dasharray='6 3'"),
            _line([(it.hour, _of_w(it.power_w)) for it in points], "#00798c", "stroke-width='2'"),
            _line([(it.hour, None if it.soc is None else it.soc / 100) for it in points], "#edae49", ""),
            *_legend(),
            "</svg>",
            "",
        ]
    )


def _of_w(watts: float | None) -> float | None:
    return None if watts is None else watts / _MOST_W


def _x(hour: float) -> float:
    return _LEFT + (hour - 10) / 24 * (_WIDTH - 2 * _LEFT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(points: list[tuple[float, float | None]], colour: str, more: str) -> str:
    """A line through what is known, in steps of a minute; where nothing is known there is a gap."""
    drawn, is_on = [], False
    for hour, share in points:
        if share is not None:
            drawn.append(f"{'L' if is_on else 'M'}{_x(hour):.1f} {_y(share):.1f}")
        is_on = share is not None
    return f'<path d="{"".join(drawn)}" fill="none" stroke="{colour}" {more}/>'


def _grid(points: list[Point]) -> Iterator[str]:
    for hour in range(10, 35, 2):
        yield f'<text x="{_x(hour):.0f}" y="{_HEIGHT - 20}" text-anchor="middle">{hour % 24}:00</text>'
    for step in range(0, _MOST_W + 1, 3000):
        y = _y(step / _MOST_W)
        yield f'<path d="M{_x(10):.0f} {y:.0f}H{_x(34):.0f}" stroke="#ddd"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{step // 1000} kW</text>'
        yield f'<text x="{_WIDTH - _LEFT + 6}" y="{y + 4:.0f}">{100 * step // _MOST_W} %</text>'
    yield f'<path d="M{_x(points[0].hour):.0f} {_y(0):.0f}V{_y(1):.0f}" stroke="#ddd"/>'


def _legend() -> Iterator[str]:
    names = (("#d1495b", "limit"), ("#00798c", "power"), ("#edae49", "battery"))
    for place, (colour, name) in enumerate(names):
        x = _LEFT + 20 + 90 * place
        yield f'<path d="M{x} 18h20" stroke="{colour}" stroke-width="3"/>'
        yield f'<text x="{x + 26}" y="22">{name}</text>'


def main() -> None:
    """Draw it."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(draw(day()))


if __name__ == "__main__":
    main()
