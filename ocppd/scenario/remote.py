"""A run by a daemon, over MQTT: its stations are added, the file is sent, and its progress followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ocppd.core.errors import OcppdError
from ocppd.edge.mqtt.topics import Scope
from ocppd.payload import MAX_BYTES
from ocppd.scenario.library import entries
from ocppd.scenario.model import ScenarioError
from ocppd.scenario.orders import News
from ocppd.scenario.report import Verdict

if TYPE_CHECKING:
    from ocppd.client import Client, Station
    from ocppd.scenario.model import Scenario

_SILENCE_S = 15.0  # without an event, the daemon is asked if it lives
_ANSWER_S = 35.0
_TOLD_S = 10.0  # what a station is like is retained, so it comes at once
_ENDS = ("passed", "failed", "stopped")


class NoDaemonError(OcppdError):
    """Nobody answers, or not any more."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A daemon at the broker that `client` is connected to; `daemon` is its id."""

    client: Client
    daemon: str

    async def run(
        self,
        scenario: Scenario,
        *,
        station: str | None = None,
        variables: Mapping[str, Any] | None = None,
        seed: int | None = None,
        repeat: int = 1,
        tell: Callable[[News], object] = lambda _: None,
    ) -> Verdict:
        """Run it on that station, or on those of the file, which are added where there are none.

        Raises:
            ScenarioError: the daemon refuses it.
            NoDaemonError: nobody answers.
            aiomqtt.MqttError: the connection has gone.
        """
        wanted = entries(scenario.head, scenario.name)
        if station is None and not wanted:
            raise ScenarioError([f"{scenario.name}: has no stations, so --station must name one"])
        fields = {"document": scenario.tree, "vars": dict(variables or {}), "repeat": repeat}
        if seed is not None:
            fields["seed"] = seed
        if len(orjson.dumps(fields)) > MAX_BYTES - 1000:
            raise ScenarioError([f"{scenario.name}: is too large for MQTT, or only for --virtual"])
        added: list[str] = []
        try:
            for entry in wanted if station is None or len(wanted) > 1 else []:
                if await self._add(scenario.name, entry):
                    added.append(entry["id"])  # noqa: PERF401 - so that a failure removes those that there are
            home = station or wanted[0]["id"]
            return await self._follow(scenario.name, home, fields, tell)
        finally:
            for name in added:
                with suppress(NoDaemonError):
                    await self._send(Scope("daemon", self.daemon), "remove-station", {"id": name})

    async def _send(self, scope: Scope, command: str, fields: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self.client.send(scope, command, fields, timeout_s=_ANSWER_S)
        except TimeoutError:
            raise NoDaemonError(f"nobody has answered {command}: does daemon {self.daemon} run?") from None

    async def _add(self, where: str, entry: dict[str, Any]) -> bool:
        """Have the daemon take the station in; whether it was not there yet."""
        settings = {key: value for key, value in entry.items() if key != "id"}
        fields = {"id": entry["id"], "settings": settings}
        answer = await self._send(Scope("daemon", self.daemon), "add-station", fields)
        if answer["ok"]:
            return True
        if answer["error"]["code"] == "invalid_state":
            return False
        raise ScenarioError([f"{where}: station {entry['id']}: {answer['error']['message']}"])

    async def _follow(
        self, name: str, home: str, fields: dict[str, Any], tell: Callable[[News], object]
    ) -> Verdict:
        station = await self.client.station(home)
        try:
            await station.until(lambda _state: True, within_s=_TOLD_S)
        except TimeoutError:
            raise NoDaemonError(f"{name}: no daemon has a station {home!r}") from None
        answer = await self._send(Scope("station", home), "scenario", fields)
        if not answer["ok"]:
            raise ScenarioError([f"{name}: {answer['error']['message']}"])
        run = answer["result"]["run"]
        try:
            return await self._until_over(station, run, tell)
        except BaseException:
            with suppress(TimeoutError, NoDaemonError):
                await asyncio.wait_for(self._send(Scope("station", home), "stop-scenario", {}), 5)
            raise

    async def _until_over(self, station: Station, run: str, tell: Callable[[News], object]) -> Verdict:
        while True:
            try:
                event = await station.expect_event("scenario", within_s=_SILENCE_S, run=run)
            except TimeoutError:
                await self._send(Scope("daemon", self.daemon), "ping", {})
                continue
            if event["phase"] == "step":
                tell(News(event["step"], event["at_s"], event.get("needs")))
            if event["phase"] in _ENDS:
                report = event.get("report")
                return Verdict.of(report) if report else _without_report(event)


def _without_report(event: Mapping[str, Any]) -> Verdict:
    """What was stopped from outside has no report."""
    return Verdict("stopped", 0.0, 0, notes=(str(event.get("reason", "")),))
