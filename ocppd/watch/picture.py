"""What the topics say, put together: a picture of the fleet. Pure, and fed by whoever listens.

Whatever is there may be anybody's word: what does not have the shape of the MQTT API is as good as not said.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ocppd.edge.mqtt.topics import Scope, parse_state
from ocppd.payload import MAX_BYTES
from ocppd.telling import event_words, json_object, key_values, place, printable

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

MOST_STATIONS: Final = 20_000
"""Nobody can fill our memory with names: what comes after these is not shown."""
EVENTS_KEPT: Final = 200
_EVENTS_OF_ONE: Final = 50
_MOST_PLACES: Final = 100

# What is worth a line where it changes, by the kind of the scope and the leaf; `a.b` is `b` in `a`.
_TELLING: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("station", "state"): (
        *("power", "network", "csms.connected", "csms.registration"),
        *("operative", "faults", "display", "firmware"),
    ),
    ("evse", "state"): ("operative", "limit_w", "limit_source", "reservation", "tx.id", "tx.state"),
    ("evse", "meter"): ("power_w",),
    ("connector", "state"): ("status", "plugged", "locked", "operative", "faults"),
}
_BESIDE_POWER: Final = ("energy_wh", "soc")


class Change(NamedTuple):
    """Something that is worth a line: `what` is an event's name, else the topic's last level."""

    ts: str
    station: str
    place: str
    what: str
    words: str
    content: Json


class Summary(NamedTuple):
    """A station at a glance. `csms` is Accepted, Pending, Rejected, offline, or what ails its daemon."""

    csms: str
    connectors: str
    power_w: float
    energy_wh: float
    transactions: int
    charging: int
    faults: str

    @property
    def is_online(self) -> bool:
        """Whether its CSMS has it on the line, as far as anybody knows."""
        return self.csms not in {"", "offline", *_AILING}


_AILING: Final = ("daemon offline", "no daemon", "power off")


@dataclass(slots=True)
class Evse:
    """What was told of an EVSE."""

    state: Json = field(default_factory=dict)
    meter: Json = field(default_factory=dict)
    connectors: dict[int, Json] = field(default_factory=dict)

    @property
    def transaction(self) -> Json | None:
        """The one that runs."""
        tx = self.state.get("tx")
        return tx if isinstance(tx, dict) else None


@dataclass(slots=True)
class Station:
    """What was told of a station."""

    state: Json = field(default_factory=dict)
    availability: str = ""
    evses: dict[int, Evse] = field(default_factory=dict)
    events: deque[Change] = field(default_factory=lambda: deque(maxlen=_EVENTS_OF_ONE))
    summary: Summary | None = None

    @property
    def daemon(self) -> str:
        """Whose it says that it is."""
        return printable(self.state.get("daemon") or "", 64)

    def summarize(self, ails: str | None) -> Summary:
        """It at a glance; `ails` says what is the matter with its daemon."""
        running = [tx for evse in self.evses.values() if (tx := evse.transaction)]
        return Summary(
            ails or self._csms(),
            " ".join(self._statuses()),
            sum(number(evse.meter.get("power_w")) or 0.0 for evse in self.evses.values()),
            sum(number(evse.meter.get("energy_wh")) or 0.0 for evse in self.evses.values()),
            len(running),
            sum(tx.get("state") == "Charging" for tx in running),
            ", ".join(printable(it, 40) for it in items(self.state.get("faults"))),
        )

    def _csms(self) -> str:
        if self.state.get("power") is False or self.availability == "offline":
            return "power off"
        csms = self.state.get("csms")
        if not isinstance(csms, dict):
            return ""
        return printable(csms.get("registration") or "connected", 20) if csms.get("connected") else "offline"

    def _statuses(self) -> Iterator[str]:
        for _, evse in sorted(self.evses.items()):
            for _, connector in sorted(evse.connectors.items()):
                yield printable(connector.get("status") or "?", 20)


@dataclass(slots=True)
class Totals:
    """All stations together."""

    stations: int = 0
    online: int = 0
    transactions: int = 0
    charging: int = 0
    faulted: int = 0
    power_w: float = 0.0

    def count(self, summary: Summary, sign: int) -> None:
        """Take a station in (`sign` 1), or out again (-1)."""
        self.stations += sign
        self.online += sign * summary.is_online
        self.transactions += sign * summary.transactions
        self.charging += sign * summary.charging
        self.faulted += sign * bool(summary.faults)
        self.power_w += sign * summary.power_w


class Picture:
    """The fleet, as told below `base`; `wanted` says which stations belong to it."""

    def __init__(self, base: str, wanted: Callable[[str], bool] = lambda _station: True) -> None:
        self.stations: dict[str, Station] = {}
        self.daemons: dict[str, str] = {}
        self.events: deque[Change] = deque(maxlen=EVENTS_KEPT)
        self.totals = Totals()
        self._base = base
        self._wanted = wanted
        self._touched: set[str] = set()

    def forget(self) -> None:
        """Begin anew, but for the events: the broker tells what is the case."""
        self._touched.update(self.stations)
        self.stations.clear()
        self.daemons.clear()
        self.totals = Totals()

    def settle(self) -> set[str]:
        """The stations that have changed since the last time, all summed up by now; some may have gone."""
        for name in self._touched & self.stations.keys():
            station = self.stations[name]
            if station.summary is not None:
                self.totals.count(station.summary, -1)
            station.summary = station.summarize(self._ails(station))
            self.totals.count(station.summary, 1)
        touched, self._touched = self._touched, set()
        return touched

    def _ails(self, station: Station) -> str | None:
        state = self.daemons.get(station.daemon)
        if state == "online":
            return None
        return "no daemon" if state is None else "daemon offline"

    # What is heard

    def take(self, topic: str, payload: bytes, now: str) -> Change | None:
        """A message has come at `now`; what of it is worth a line."""
        found = parse_state(self._base, topic)
        if found is None or len(payload) > MAX_BYTES:
            return None
        scope, leaf = found
        if scope.kind == "daemon":
            return self._daemon(scope.name, leaf, payload, now)
        if not self._wanted(scope.name):
            return None
        if leaf == "event":
            return self._event(scope.name, json_object(payload), now)
        if leaf == "availability":
            return self._availability(scope.name, payload, now)
        if leaf in ("state", "meter"):
            return self._state(scope, leaf, payload, now)
        return None

    def _daemon(self, name: str, leaf: str, payload: bytes, now: str) -> Change | None:
        if leaf != "state":
            return None
        before, state = self.daemons.pop(name, ""), printable(payload.decode(errors="replace"), 20)
        if state and len(self.daemons) < _MOST_PLACES:
            self.daemons[name] = state
        if before == state:
            return None
        shown = printable(name, 64)
        self._touched.update(key for key, it in self.stations.items() if it.daemon == shown)
        return Change(now, f"daemon/{shown}", "", "daemon", state or "gone", {"state": state})

    def _station(self, name: str) -> Station | None:
        if name not in self.stations:
            if len(self.stations) >= MOST_STATIONS:
                return None
            self.stations[name] = Station()
        self._touched.add(name)
        return self.stations[name]

    def _event(self, name: str, event: Json, now: str) -> Change | None:
        if not event:
            return None
        what, _, words = event_words(event).partition(" ")
        change = Change(_ts(event, now), printable(name, 64), place(event), what, words, event)
        self.events.append(change)
        if name in self.stations:
            self.stations[name].events.append(change)
            self._touched.add(name)
        return change

    def _availability(self, name: str, payload: bytes, now: str) -> Change | None:
        word = printable(payload.decode(errors="replace"), 20)
        known = self.stations.get(name) if not word else self._station(name)
        if known is None or known.availability == word:
            return None
        known.availability = word
        self._leave(name)
        return Change(now, printable(name, 64), "", "availability", word or "gone", {"availability": word})

    def _state(self, scope: Scope, leaf: str, payload: bytes, now: str) -> Change | None:
        content = json_object(payload)
        known = self._station(scope.name) if content else self.stations.get(scope.name)
        if known is None:
            return None
        before = _put(known, scope, leaf, content)
        self._touched.add(scope.name)
        self._leave(scope.name)
        told = _differences(_TELLING[scope.kind, leaf], before, content)
        if not content or not told:
            return None
        if leaf == "meter":
            told |= {key: content[key] for key in _BESIDE_POWER if content.get(key) is not None}
        return Change(
            _ts(content, now), printable(scope.name, 64), _place(scope), leaf, key_values(told), told
        )

    def _leave(self, name: str) -> None:
        """Let a station go of which nothing is left: its topics were cleared."""
        station = self.stations[name]
        if not (station.state or station.evses or station.availability):
            if station.summary is not None:
                self.totals.count(station.summary, -1)
            del self.stations[name]
            self._touched.add(name)


def _put(station: Station, scope: Scope, leaf: str, content: Json) -> Json:
    """Keep what was told, or forget it where it is empty; returns what was known before."""
    if scope.evse is None:
        before, station.state = station.state, content
        return before
    if max(scope.evse, scope.connector or 0) > _MOST_PLACES:
        return content
    evse = station.evses.setdefault(scope.evse, Evse())
    if scope.connector is not None:
        before = evse.connectors.pop(scope.connector, {})
        if content:
            evse.connectors[scope.connector] = content
    elif leaf == "meter":
        before, evse.meter = evse.meter, content
    else:
        before, evse.state = evse.state, content
    if not (evse.state or evse.meter or evse.connectors):
        del station.evses[scope.evse]
    return before


def _differences(keys: tuple[str, ...], before: Json, after: Json) -> Json:
    pairs = ((key, _at(before, key), _at(after, key)) for key in keys)
    return {key: new for key, old, new in pairs if old != new}


def _at(content: Json, path: str) -> object:
    value: object = content
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _place(scope: Scope) -> str:
    return "/".join(str(it) for it in (scope.evse, scope.connector) if it is not None)


def _ts(content: Json, now: str) -> str:
    ts = content.get("ts")
    return printable(ts, 30).replace(" ", "_") if isinstance(ts, str) and ts else now


def number(value: object) -> float | None:
    """A finite number, and nothing else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def items(value: object) -> list[Any]:
    """A list, and nothing else."""
    return value if isinstance(value, list) else []
