"""Words and colours of the screen: what is told of a station, as rich's text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.text import Text

from ocppd.telling import key_values, printable
from ocppd.watch.picture import items, number

if TYPE_CHECKING:
    from ocppd.watch.picture import Change, Evse, Json, Station, Summary

COLOURS: Final = {
    "Available": "green",
    "Occupied": "cyan",
    "Reserved": "magenta",
    "Unavailable": "bright_black",
    "Faulted": "bold red",
    "Accepted": "green",
    "Pending": "yellow",
    "Rejected": "bold red",
    "offline": "yellow",
    "daemon offline": "red",
    "no daemon": "red",
    "power off": "bright_black",
}
_DIGITS = re.compile(r"(\d+)")


def by_number(name: str) -> list[tuple[int, str]]:
    """A key that sorts CP2 before CP10."""
    return [(int(it), "") if it.isdecimal() else (-1, it) for it in _DIGITS.split(name)]


def coloured(word: str) -> Text:
    """A word of OCPP in its colour."""
    return Text(word, COLOURS.get(word, ""))


def kilo(value: float, unit: str) -> str:
    """`11.04 kW` of 11040 W; nothing at all is `-`."""
    return f"{value / 1000:.2f} k{unit}" if value else "-"


def row(name: str, summary: Summary) -> tuple[Text, ...]:
    """A line of the table, in the order of its columns."""
    return (
        Text(printable(name, 64), "bold"),
        coloured(summary.csms),
        Text(" ").join(map(coloured, summary.connectors.split(" "))),
        Text(kilo(summary.power_w, "W"), "bold" if summary.power_w else "bright_black", justify="right"),
        Text(kilo(summary.energy_wh, "Wh"), justify="right"),
        Text(str(summary.transactions) if summary.transactions else "-", justify="right"),
        Text(summary.faults, "bold red"),
    )


def event(change: Change, *, named: bool = True) -> Text:
    """A line of the events."""
    colour = {"fault": "bold red", "warning": "yellow", "csms_disconnected": "yellow"}.get(
        change.what, "cyan"
    )
    who = f"{change.station} " if named else ""
    return Text.assemble(
        (f"{change.ts[11:19]} ", "bright_black"),
        (f"{who}{f'{change.place} ' if change.place else ''}", "bold"),
        (f"{change.what} ", colour),
        change.words,
    )


def details(name: str, station: Station) -> Text:
    """All that is known of one station."""
    return Text("\n").join([*_head(name, station), *_evses(station), *_events(station)])


def _head(name: str, station: Station) -> Iterator[Text]:
    state, csms = station.state, _object(station.state.get("csms"))
    summary = station.summary
    hardware = " ".join(printable(state.get(key) or "", 50) for key in ("vendor", "model", "firmware"))
    yield Text.assemble(
        (printable(name, 64), "bold"), "  ", coloured(summary.csms if summary else ""), f"  {hardware}"
    )
    switches = "   ".join(f"{key} {_on(state.get(key))}" for key in ("power", "network"))
    yield Text(f"daemon    {station.daemon or '?'}   {switches}")
    yield Text(
        f"csms      {printable(csms.get('url') or '?')}   since {printable(csms.get('since') or '?')}"
        f"   queued {printable(csms.get('queued', '?'))}"
    )
    if csms.get("last_error"):
        yield Text(f"error     {printable(csms['last_error'])}", "yellow")
    if summary and summary.faults:
        yield Text(f"faults    {summary.faults}", "bold red")
    for shown in items(state.get("display")):
        yield Text.assemble("display   ", (_message(shown), "reverse"))


def _evses(station: Station) -> Iterator[Text]:
    for place, evse in sorted(station.evses.items()):
        yield Text("")
        yield Text.assemble(
            (f"EVSE {place}", "bold"), f"    limit {_limit(evse)}", f"   {_reservation(evse)}"
        )
        yield Text(f"meter     {_meter(evse.meter)}")
        if car := _object(evse.state.get("ev")):
            yield Text(f"car       {key_values({key: it for key, it in car.items() if it is not None})}")
        if tx := evse.transaction:
            yield from _transaction(tx)
        if (cost := evse.state.get("cost")) is not None:
            yield Text(f"cost      {key_values(cost) if isinstance(cost, dict) else printable(cost)}")
        for number_, connector in sorted(evse.connectors.items()):
            yield _connector(number_, connector)


def _transaction(tx: Json) -> Iterator[Text]:
    seconds = int(number(tx.get("seconds")) or 0)
    words = [
        f"{number(tx.get('energy_wh')) or 0:.0f} Wh",
        f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}",
        f"token {printable(tx.get('id_token') or '-', 40)}",
        *(["offline"] if tx.get("offline") is True else []),
    ]
    yield Text.assemble(
        "charging  ", (printable(tx.get("state") or "?", 20), "cyan"), f"   {'   '.join(words)}"
    )
    yield Text(f"          {printable(tx.get('id') or '?', 40)}", "bright_black")


def _connector(place: int, connector: Json) -> Text:
    words = [key for key in ("plugged", "locked") if connector.get(key) is True]
    words += ["inoperative"] if connector.get("operative") is False else []
    faults = ", ".join(printable(it, 40) for it in items(connector.get("faults")))
    status = printable(connector.get("status") or "?", 20)
    return Text.assemble(
        f"plug {place}    ", coloured(status), f"  {' '.join(words)}  ", (faults, "bold red")
    )


def _events(station: Station) -> Iterator[Text]:
    if station.events:
        yield Text("\nEvents", "bold")
    yield from (event(change, named=False) for change in reversed(station.events))


def _limit(evse: Evse) -> str:
    watts, source = number(evse.state.get("limit_w")), evse.state.get("limit_source")
    if watts is None:
        return "none"
    return f"{watts:.0f} W{f' ({printable(source, 40)})' if source else ''}"


def _reservation(evse: Evse) -> str:
    found = _object(evse.state.get("reservation"))
    return f"reserved {key_values(found)}" if found else ""


def _meter(meter: Json) -> str:
    parts = [
        f"{number(meter.get('power_w')) or 0:.0f} W",
        f"{number(meter.get('energy_wh')) or 0:.0f} Wh",
        f"{_phases(meter.get('current_a'))} A",
        f"{_phases(meter.get('voltage_v'))} V",
    ]
    soc = number(meter.get("soc"))
    return "   ".join([*parts, *([] if soc is None else [f"SoC {soc:g} %"])])


def _phases(values: object) -> str:
    """Those of L1, L2 and L3 as far as there is something: DC has but one value."""
    found = [number(it) or 0 for it in items(values)[:3]]
    last = max((place for place, it in enumerate(found) if it), default=0)
    return " / ".join(f"{it:.1f}" for it in found[: last + 1]) or "?"


def _message(shown: object) -> str:
    """What a line of the display says, however it is told."""
    content = _object(shown)
    return printable(
        content.get("content") or content.get("text") or (key_values(content) if content else shown), 200
    )


def _on(value: object) -> str:
    return {True: "on", False: "off"}.get(value, "?") if isinstance(value, bool) else "?"


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}
