"""What drives a run over a fleet: the only one, with whatever clock, links and CSMS that fleet has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from ocppd.core import views
from ocppd.core.errors import CommandError
from ocppd.fleet import Nobody
from ocppd.payload import parse
from ocppd.scenario.engine import Run
from ocppd.scenario.model import payload
from ocppd.scenario.orders import Answered, Ask, Give, Order, Tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocppd.clock import Clock
    from ocppd.core.station import Answer, Event, Station
    from ocppd.fleet import Fleet


class Csms(Protocol):
    """A CSMS that can be told what to do."""

    def ask(self, station: str, action: str, payload: dict[str, Any]) -> str | None:
        """Send the request; why that cannot be, or None."""

    def tell(self, changes: Mapping[str, Any]) -> None:
        """Answer so from now on: keys of `model.Behaviour`."""


class Host(Nobody):
    """An onlooker of `fleet` that tells a `run` what it sees, and does what that wants.

    `csms` is None where it is a real one. `wake` is called with everything that there is to `pump` for.
    """

    def __init__(
        self,
        fleet: Fleet,
        clock: Clock,
        run: Run,
        csms: Csms | None = None,
        wake: Callable[[], object] = lambda: None,
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._run = run
        self._csms = csms
        self._wake = wake
        self._given: dict[int, int] = {}

    # The onlooker

    def changed(self, station: Station) -> None:
        """Something about it may have changed."""
        if station.id in self._run.watched:
            self._run.changed(station.id)
            self._wake()

    def happened(self, station: Station, event: Event) -> None:
        """It has told an event."""
        if station.id in self._run.watched:
            content = dict(views.event(station, event))
            self._run.event(self._clock.time(), station.id, event.name, content)
            self._wake()

    def answered(self, answer: Answer) -> None:
        """A command was answered, maybe one of the run."""
        key = self._given.pop(answer.request.key, None)
        if key is not None:
            self._run.answered(_outcome(key, answer))
            self._wake()

    def traced(self, station: str, way: str, frame: str) -> None:
        """A frame has passed."""
        if station in self._run.watched:
            self._run.frame(self._clock.time(), station, way, frame)
            self._wake()

    # The run

    def pump(self) -> None:
        """Let the run go on as far as it can at this moment, and do what it wants."""
        self._run.advance(self._clock.time())
        for order in self._run.take_orders():
            self._obey(order)

    def _obey(self, order: Order) -> None:
        match order:
            case Give():
                self._give(order)
            case Ask() if self._csms is not None:
                reason = self._csms.ask(order.station, order.action, order.payload)
                if reason is not None:
                    self._run.answered(Answered(order.key, error="not_connected", message=reason))
            case Tell() if self._csms is not None:
                self._csms.tell(order.changes)

    def _give(self, order: Give) -> None:
        try:
            # As over MQTT: what that refuses is refused here, and nothing is shared with the run.
            fields = isinstance(order.argument, dict)
            given = parse(orjson.dumps(order.argument)) if fields else payload(order.argument)
            request = self._fleet.request(order.command, order.station, f"scenario:{order.command}", given)
            self._given[request.key] = order.key
            self._fleet.command(request, given, order.evse, order.connector)
        except CommandError as error:
            self._run.answered(Answered(order.key, error=error.code, message=error.message))
        except orjson.JSONEncodeError as error:
            self._run.answered(Answered(order.key, error="invalid_argument", message=str(error)))


def _outcome(key: int, answer: Answer) -> Answered:
    if answer.error is not None:
        return Answered(key, error=answer.error.code, message=answer.error.message)
    result = answer.done.result if answer.done is not None else {}
    return Answered(key, dict(result() if callable(result) else result))


def look(fleet: Fleet, clock: Clock, station: str) -> dict[str, Any] | None:
    """The whole state of a station as it is now; None where it is gone."""
    it = fleet.stations.get(station)
    if it is None:
        return None
    it.look(clock.time())
    return dict(views.whole_state(it))
