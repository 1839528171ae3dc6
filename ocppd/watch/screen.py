"""`ocppd watch` in a terminal: a table of stations with the last events below, and one station in full."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Input, Static

from ocppd.client import Access, Client, NoBrokerError
from ocppd.core.times import format_time
from ocppd.telling import printable
from ocppd.watch import details
from ocppd.watch.picture import Picture
from ocppd.watch.target import Target

_REDRAW_S = 0.25
_ROWS_AT_ONCE = 2000
_FEW = 20
_COLUMNS = ("Station", "CSMS", "Connectors", "Power", "Energy", "Tx", "Faults")


class Watch(App[None]):
    """Shows a picture of the fleet, and redraws what has changed in it four times a second.

    `listen` runs beside it, feeds the picture and says with `say` how the broker is.
    """

    TITLE = "ocppd watch"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: 2; padding: 0 1; background: $primary-background; }
    #table { height: 1fr; }
    #events { height: 10; max-height: 40%; padding: 0 1; border-top: solid $primary-background-lighten-2; }
    #filter { display: none; }
    #details { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit")]

    def __init__(
        self, picture: Picture, listen: Callable[[Watch], Awaitable[None]] | None = None, broker: str = ""
    ) -> None:
        super().__init__()
        self._fleet = FleetScreen(picture, broker)
        self._picture = picture
        self._listen = listen

    def get_default_screen(self) -> Screen[None]:
        """Begin with all stations."""
        return self._fleet

    def on_mount(self) -> None:
        """Begin to listen and to draw."""
        self.set_interval(_REDRAW_S, self.redraw)
        if self._listen is not None:
            self.run_worker(self._listen(self))
        with suppress(NotImplementedError):  # on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit)

    def redraw(self) -> None:
        """Draw what has changed since the last time."""
        changed = self._picture.settle()
        for screen in self.screen_stack:
            if isinstance(screen, FleetScreen | StationScreen) and screen.is_mounted:
                screen.redraw(changed)

    def say(self, words: str, *, good: bool) -> None:
        """How the broker is."""
        self._fleet.broker = Text(f"● {printable(words)}", "green" if good else "bold red")


class StationTable(DataTable[Text]):
    """A table whose rows can be opened."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "select_cursor", "Details")]


class FleetScreen(Screen[None]):
    """All stations, or those that the filter lets pass."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", priority=True),  # before the keys that come with it
        ("escape", "unfilter", "All"),
    ]

    def __init__(self, picture: Picture, broker: str) -> None:
        super().__init__()
        self.broker = Text(broker)
        self._picture = picture
        self._undrawn: set[str] = set()
        self._widths = {name: len(name) for name in _COLUMNS}
        self._words: list[str] = []  # of the filter
        self._events_drawn: object = None

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(id="head")
        yield StationTable(id="table", cursor_type="row", zebra_stripes=True)
        yield Static(id="events")
        yield Input(id="filter", placeholder="words of a station's line, such as CP0 Occupied")
        yield Footer()

    def on_mount(self) -> None:
        """Draw it for the first time."""
        for name in _COLUMNS:
            self._table.add_column(name, key=name)
        self._table.focus()
        self.redraw(set(self._picture.stations))

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(StationTable)

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    # Drawing

    def redraw(self, changed: set[str]) -> None:
        """Draw what has changed, or begin with it where that is much."""
        self._undrawn |= changed
        self.query_one("#head", Static).update(self._head())
        self._draw_events()
        self._draw_rows(set(islice(self._undrawn, _ROWS_AT_ONCE)))

    def _head(self) -> Text:
        totals, daemons = self._picture.totals, self._picture.daemons
        words = (
            f"{totals.stations} stations",
            f"{totals.online} online",
            f"{totals.charging} charging",
            f"{totals.power_w / 1000:.1f} kW",
            f"{totals.faulted} faulted",
        )
        head = Text("   ".join(words), "bold").append("\n").append_text(self.broker)
        away = sorted(name for name, state in daemons.items() if state != "online")
        names = ", ".join(printable(name, 30) for name in away[:5])
        return head.append(f"   daemon offline: {names}", "bold red") if away else head

    def _draw_events(self) -> None:
        pane, events = self.query_one("#events", Static), self._picture.events
        width, rows = pane.content_size
        newest = events[-1] if events else None
        if not rows or self._events_drawn == (newest, width, rows):
            return
        self._events_drawn = newest, width, rows
        lines = [details.event(change) for change in list(events)[-rows:]]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        pane.update(Text("\n").join(lines))

    def _draw_rows(self, names: set[str]) -> None:
        self._undrawn -= names
        rows = {name: self._row(name) for name in names}
        gone = [name for name, row in rows.items() if row is None and name in self._table.rows]
        if len(gone) > _FEW:
            self._begin()
            return
        for name in gone:
            self._table.remove_row(name)
        if [name for name, row in rows.items() if row is not None and self._draw_row(name, row)]:
            self._table.sort("Station", key=lambda cell: details.by_number(cell.plain))

    def _begin(self) -> None:
        """Draw all rows anew: the table takes its time to remove one."""
        self._table.clear()
        self._widths = {name: len(name) for name in _COLUMNS}
        self._undrawn = set(self._picture.stations)

    def _draw_row(self, name: str, row: tuple[Text, ...]) -> bool:
        """Draw one; whether it is new in the table."""
        table = self._table
        if name not in table.rows:
            table.add_row(*row, key=name)
            for column, cell in zip(_COLUMNS, row, strict=True):
                self._widths[column] = max(self._widths[column], cell.cell_len)
            return True
        for column, cell, before in zip(_COLUMNS, row, table.get_row(name), strict=True):
            if cell != before:
                # Only for what is wider than all before: for the rest the table measures its whole column.
                is_widest = cell.cell_len > self._widths[column]
                self._widths[column] = max(self._widths[column], cell.cell_len)
                table.update_cell(name, column, cell, update_width=is_widest)
        return False

    def _row(self, name: str) -> tuple[Text, ...] | None:
        """Its line, where there is such a station and the filter lets it pass."""
        station = self._picture.stations.get(name)
        if station is None or station.summary is None:
            return None
        row = details.row(name, station.summary)
        text = " ".join(cell.plain for cell in row).lower()
        return row if all(word in text for word in self._words) else None

    # Keys

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool:
        """Let a `/` be one of the words, too."""
        return action != "filter" or not isinstance(self.focused, Input)

    def action_filter(self) -> None:
        """Ask for the words."""
        self._filter.display = True
        self.set_focus(self._filter)

    def action_unfilter(self) -> None:
        """Show all stations again."""
        self._filter.value = ""
        self._filter.display = False
        self.set_focus(self._table)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the stations whose line has all the words."""
        self._words = event.value.lower().split()
        self._begin()
        self.redraw(set())

    def on_input_submitted(self) -> None:
        """Go back to the table; the filter stays."""
        self.set_focus(self._table)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show one station in full."""
        if event.row_key.value is not None:
            self.app.push_screen(StationScreen(event.row_key.value, self._picture))


class StationScreen(Screen[None]):
    """One station in full."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "app.pop_screen", "Back")]

    def __init__(self, station: str, picture: Picture) -> None:
        super().__init__()
        self._station = station
        self._picture = picture

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with VerticalScroll():
            yield Static(id="details")
        yield Footer()

    def on_mount(self) -> None:
        """Draw it for the first time."""
        self.redraw({self._station})

    def redraw(self, changed: set[str]) -> None:
        """Draw it anew where it is among what has changed."""
        if self._station not in changed:
            return
        station = self._picture.stations.get(self._station)
        gone = Text(f"{printable(self._station, 64)} has gone", "bold red")
        text = details.details(self._station, station) if station else gone
        self.query_one("#details", Static).update(text)


class Listener:
    """Feeds the picture of a `Watch` from the broker, again and again."""

    def __init__(self, access: Access, target: Target, picture: Picture) -> None:
        self._access = access
        self._target = target
        self._picture = picture

    async def run(self, app: Watch) -> None:
        """Listen until cancelled."""

        async def met(client: Client) -> None:
            self._picture.forget()
            app.say(f"broker {self._access.where}", good=True)
            await client.subscribe(self._target.filters)

        def lost(error: NoBrokerError) -> None:
            app.say(f"{error}; trying again", good=False)

        await self._access.keep(met, lost, self._heard)

    def _heard(self, topic: str, payload: bytes) -> None:
        self._picture.take(topic, payload, format_time(time.time()))


def show(access: Access, target: Target) -> None:
    """Show it until the user has had enough, or SIGTERM."""
    picture = Picture(access.base, target.__contains__)
    Watch(picture, Listener(access, target, picture).run, f"broker {access.where}: connecting").run()
