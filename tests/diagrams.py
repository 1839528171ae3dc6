"""`docs/pictures/overview.svg` and `session.svg`, drawn by `python -m tests.diagrams`.

The session is one that a station has on the bench: every arrow is a command, a frame or an event of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ocppd.core.event_shapes import EVENTS
from ocppd.core.views import event as event_view
from tests.bench import Bench, Json, headline

PICTURES = Path(__file__).parent.parent / "docs/pictures"

_INK, _PAPER, _FILL, _LINE = "#263238", "#ffffff", "#e0f2f1", "#00796b"
_STEPS = (
    ("plug-in", "", "connector/1"),
    ("authorize", "04A2B3C4", "evse/1"),
    ("authorize", "04A2B3C4", "evse/1"),
    ("unplug", "", "connector/1"),
)
_SHOWN = set(EVENTS) - {"command"}
_LANES = (("MQTT", 130), ("ocppd", 450), ("CSMS", 820))


class Arrow(NamedTuple):
    """From one lane to another: `words` stand on it, and `gap` says that something new begins."""

    start: int
    end: int
    words: str
    gap: bool = False


def session() -> Iterator[Arrow]:
    """What passes while a car comes, charges and leaves."""
    bench = Bench()
    for command, argument, place in _STEPS:
        bench.do(command, argument)
        bench.settle()
        yield Arrow(0, 1, f"{place}/cmd/{command} {argument}".strip(), gap=True)
        yield from (Arrow(1, 2, _said(action, payload)) for action, payload in bench.sent())
        happened = [event_view(bench.station, event) for event in bench.events]
        yield from (Arrow(1, 0, f"event {_told(it)}") for it in happened if it["event"] in _SHOWN)
        bench.advance(60)
        bench.forget()


def _said(action: str, payload: Json) -> str:
    more = headline(payload) if action == "TransactionEvent" else payload.get("connectorStatus", "")
    return f"{action} {more}".strip()


def _told(event: Json) -> str:
    after = event.get("after", event)
    more = after.get("status") or after.get("state") or ""
    return f"{event['event']} {more}".strip()


def draw_session(arrows: Iterable[Arrow]) -> str:
    """The session as SVG: a lane for each side, time runs downwards."""
    drawn, y = [], 60
    for arrow in arrows:
        y += 44 if arrow.gap else 26
        drawn += _arrow(_LANES[arrow.start][1], _LANES[arrow.end][1], y, arrow.words)
    height = y + 30
    lanes = [line for name, x in _LANES for line in _lane(name, x, height)]
    return _svg(950, height, [*lanes, *drawn])


def _lane(name: str, x: int, height: int) -> Iterator[str]:
    yield f'<path d="M{x} 50V{height - 10}" stroke="{_LINE}" stroke-dasharray="4 4"/>'
    yield from _box(x - 70, 14, 140, 36, [name])


def _arrow(start: int, end: int, y: int, words: str) -> Iterator[str]:
    tip = end - 6 if end > start else end + 6
    back = tip - 8 if end > start else tip + 8
    middle = (start + end) / 2
    yield f'<path d="M{start} {y}H{tip}" stroke="{_INK}"/>'
    yield f'<path d="M{back} {y - 4}L{tip} {y}L{back} {y + 4}z" fill="{_INK}"/>'
    yield f'<text x="{middle:.0f}" y="{y - 5}" text-anchor="middle" font-size="12">{_escaped(words)}</text>'


def draw_overview() -> str:
    """Who speaks to ocppd, and how."""
    left = (("Buttons, card readers", 20), ("Home Assistant, Node-RED", 90), ("ocppd send, your tests", 160))
    parts = [it for words, y in left for it in _box(10, y, 200, 44, [words])]
    parts += [f'<path d="M210 {y + 22}L290 112" stroke="{_INK}"/>' for _, y in left]
    parts += _box(290, 84, 120, 56, ["MQTT", "broker"])
    parts += _box(570, 20, 160, 184, ["ocppd", "", "CP001", "CP002", "… thousands"])
    parts += _both_ways(410, 570, 112, "commands, states, events")
    parts += _box(910, 84, 120, 56, ["your", "CSMS"])
    parts += _both_ways(730, 910, 112, "OCPP, a WebSocket each")
    parts += _box(590, 230, 120, 36, ["state file"])
    parts.append(f'<path d="M650 204V230" stroke="{_INK}"/>')
    return _svg(1040, 280, parts)


def _both_ways(start: int, end: int, y: int, words: str) -> list[str]:
    there = list(_arrow(start, end, y - 8, words))
    back = list(_arrow(end, start, y + 8, ""))[:2]
    return [*there, *back]


def _box(x: float, y: float, width: float, height: float, words: list[str]) -> list[str]:
    top = y + height / 2 - (len(words) - 1) * 9 + 5
    lines = [
        f'<text x="{x + width / 2:.0f}" y="{top + 18 * row:.0f}" text-anchor="middle">{_escaped(word)}</text>'
        for row, word in enumerate(words)
    ]
    frame = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="6"'
    return [f'<rect {frame} fill="{_FILL}" stroke="{_LINE}"/>', *lines]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _svg(width: int, height: int, parts: list[str]) -> str:
    font = f'font-family="sans-serif" font-size="14" fill="{_INK}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font}>',
            f'<rect width="{width}" height="{height}" fill="{_PAPER}" rx="8"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def pictures() -> dict[Path, str]:
    """What is drawn here, by file."""
    return {
        PICTURES / "overview.svg": draw_overview(),
        PICTURES / "session.svg": draw_session(session()),
    }


def main() -> None:
    """Draw them."""
    for file, text in pictures().items():
        file.write_text(text)


if __name__ == "__main__":
    main()
