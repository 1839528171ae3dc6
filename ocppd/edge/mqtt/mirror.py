"""The retained mirror: what differs from what was shown last is shown anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ocppd.core import views
from ocppd.core.times import format_time
from ocppd.edge.mqtt.outgoing import Message, message
from ocppd.edge.mqtt.topics import Kind, Scope, state_topic

if TYPE_CHECKING:
    from ocppd.core.station import Station

Content = Mapping[str, Any] | str

_KINDS: tuple[Kind, ...] = ("station", "evse", "connector")

# Changes of these alone are no reason to publish: they count events, or time.
_FLEETING = ("seq", "seq_no", "seconds", "energy_wh", "export_wh")


@lru_cache(maxsize=2**17)  # asked for with every change; the strings are those of what is shown
def topic_of(base: str, leaf: str, station: str, *numbers: int) -> str:
    """The topic of `leaf` of a station, of its EVSE or of a connector there."""
    return state_topic(base, Scope(_KINDS[len(numbers)], station, *numbers), leaf)


class Mirror:
    """The topics of all stations, and what stands there.

    `daemon` and `boot` complete the payloads; `meter_interval` is the shortest time, in seconds, between
    two messages of one meter.
    """

    def __init__(self, base: str, daemon: str, boot: str, meter_interval: float) -> None:
        self._base = base
        self._daemon = daemon
        self._boot = boot
        self._meter_interval = meter_interval
        self._shown: dict[str, Content] = {}
        self._metered: dict[str, float] = {}
        self._late: set[str] = set()

    def forget(self, topics: Iterable[str] | None = None) -> None:
        """Show these topics, or all, anew: nothing stands there any more."""
        for topic in list(self._shown) if topics is None else topics:
            self._shown.pop(topic, None)
            self._metered.pop(topic, None)
            self._late.discard(topic)

    def messages(self, st: Station, now: float) -> Iterator[Message]:
        """What is to be published of the station at `now`, in epoch seconds."""
        availability = "online" if st.state.power else "offline"
        yield from self._differing(topic_of(self._base, "availability", st.id), availability, now, qos=1)
        station = {**views.station_state(st), "daemon": self._daemon, "boot": self._boot}
        yield from self._differing(topic_of(self._base, "state", st.id), station, now)
        for number, evse in st.evses():
            topic = topic_of(self._base, "state", st.id, number)
            yield from self._differing(topic, views.evse_state(st, number), now)
            yield from self.meter(st, number, now)
            for connector in range(1, len(evse.connectors) + 1):
                yield from self._connector(st, number, connector, now)

    def meter(self, st: Station, number: int, now: float) -> Iterator[Message]:
        """The meter of an EVSE, unless it was shown less than the interval ago: then it is late."""
        topic = self._meter_topic(st, number)
        if now - self._metered.get(topic, 0.0) < self._meter_interval:
            self._late.add(topic)
            return
        self._late.discard(topic)
        for found in self._differing(topic, views.meter(st, number), now, exact=True):
            self._metered[topic] = now
            yield found

    def is_late(self, st: Station, number: int) -> bool:
        """Whether the meter of an EVSE had to wait, and may have changed since it was shown."""
        return bool(self._late) and self._meter_topic(st, number) in self._late

    def running(self, st: Station, number: int, now: float) -> Iterator[Message]:
        """The state of an EVSE whose transaction goes on, with its time and energy of now."""
        topic = topic_of(self._base, "state", st.id, number)
        yield from self._differing(topic, views.evse_state(st, number), now, exact=True)

    def _meter_topic(self, st: Station, number: int) -> str:
        return topic_of(self._base, "meter", st.id, number)

    def _connector(self, st: Station, number: int, connector: int, now: float) -> Iterator[Message]:
        view = views.connector_state(st, number, connector)
        yield from self._differing(topic_of(self._base, "state", st.id, number, connector), view, now)
        topic = topic_of(self._base, "status", st.id, number, connector)
        yield from self._differing(topic, view["status"], now, qos=1)

    def _differing(
        self, topic: str, content: Content, now: float, *, qos: int = 0, exact: bool = False
    ) -> Iterator[Message]:
        shown = self._shown.get(topic)
        if shown is not None and _same(shown, content, exact=exact):
            return
        self._shown[topic] = content
        stamped = content if isinstance(content, str) else {**content, "ts": format_time(now)}
        yield message(topic, stamped, qos, retain=True)


def _same(one: Any, other: Any, *, exact: bool) -> bool:
    if exact or one == other or not (isinstance(one, dict) and isinstance(other, dict)):
        return bool(one == other)
    differing = [key for key, value in one.items() if value != other.get(key) and key not in _FLEETING]
    return all(_same(one[key], other.get(key), exact=False) for key in differing)
