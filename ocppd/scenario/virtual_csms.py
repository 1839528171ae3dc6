"""What lies beyond stations in virtual time: their connections, a CSMS, and who does their jobs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from ocppd.core import rpc
from ocppd.core.times import format_time
from ocppd.edge.chaos import Turbulence

if TYPE_CHECKING:
    from ocppd.core.chaos import Chaos
    from ocppd.core.station import Job
    from ocppd.fleet import Fleet
    from ocppd.scenario.virtual_clock import Clock, Timer

LATENCY = 0.05
"""Seconds that the CSMS takes to answer, and a connection to be made."""
_ALWAYS: Mapping[str, dict[str, Any]] = {
    "DataTransfer": {"status": "UnknownVendorId"},
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
    "GetCertificateStatus": {"status": "Failed"},
    "NotifyEVChargingNeeds": {"status": "Rejected"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "SignCertificate": {"status": "Rejected"},
}
_JOB_S = {"firmware": 30.0, "upload": 2.0}


class Csms:
    """Answers every call of every station; see `model.Behaviour` for how it can be told to."""

    def __init__(self, clock: Clock) -> None:
        self.reachable = True
        self.links: dict[str, Link] = {}
        self._clock = clock
        self._boot, self._interval, self._others = "Accepted", 300, "Accepted"
        self._tokens: dict[str, str] = {}
        self._answers: dict[str, dict[str, Any] | None] = {}
        self._errors: dict[str, str | None] = {}
        self._silent: list[str] = []
        self._ids = count(1)

    def tell(self, changes: Mapping[str, Any]) -> None:
        """Answer so from now on."""
        self._boot = changes.get("boot", self._boot)
        self._interval = changes.get("interval", self._interval)
        self._others = changes.get("others", self._others)
        self._silent = changes.get("silent", self._silent)
        self._tokens |= {name.lower(): status for name, status in changes.get("tokens", {}).items()}
        self._answers |= changes.get("answers", {})
        self._errors |= changes.get("errors", {})
        self.reachable = changes.get("reachable", self.reachable)
        if not self.reachable:
            for link in list(self.links.values()):
                link.lose("the CSMS has gone")

    def ask(self, station: str, action: str, payload: dict[str, Any]) -> str | None:
        """Send a request to a station; why that cannot be, or None."""
        link = self.links.get(station)
        if link is None:
            return f"{station} is not connected"
        self._deliver(link, rpc.encode_call(f"csms-{next(self._ids)}", action, payload))
        return None

    def hear(self, link: Link, text: str) -> None:
        """A frame of a station. What is no call needs no answer; what cannot be read gets none."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
        match message:
            case [2, str(id_), str(action), dict(payload)] if action not in self._silent:
                self._deliver(link, self._answer(id_, action, payload))

    def _answer(self, id_: str, action: str, payload: dict[str, Any]) -> str:
        if (code := self._errors.get(action)) is not None:
            return orjson.dumps([4, id_, code, "as the scenario wants it", {}]).decode()
        response = self._usual(action, payload) | (self._answers.get(action) or {})
        return orjson.dumps([3, id_, response]).decode()

    def _deliver(self, link: Link, text: str) -> None:
        self._clock.call_later(LATENCY, partial(link.arrive, link.number, text))

    def _usual(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        now = format_time(self._clock.time())
        match action:
            case "BootNotification":
                return {"currentTime": now, "interval": self._interval, "status": self._boot}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTokenInfo": self._info(payload.get("idToken"))}
            case "TransactionEvent":
                return {"idTokenInfo": self._info(payload["idToken"])} if "idToken" in payload else {}
        return _ALWAYS.get(action, {})

    def _info(self, token: Any) -> dict[str, str]:
        name = str(token.get("idToken", "")).lower() if isinstance(token, dict) else ""
        return {"status": self._tokens.get(name, self._others)}


class Link:
    """The connection of one station, as `edge.link.Link` behaves; it too tells nothing within another call.

    `number` counts the connections: what was on its way in one of them arrives in no other.
    """

    def __init__(self, station: str, fleet: Fleet, clock: Clock, csms: Csms, chance: random.Random) -> None:
        self.number = 0
        self._station = station
        self._fleet = fleet
        self._clock = clock
        self._csms = csms
        self._chance = chance
        self._up = self._wanted = self._frozen = self._silent = self._unanswered = False
        self._tries = self._waits = 0
        self._retry: Timer | None = None
        self._rough: tuple[Turbulence, Turbulence] | None = None

    # The fleet's side

    def send(self, text: str) -> None:
        """Send a frame, in order."""
        if self._rough is None:
            self._write(text)
        else:
            self._rough[0].put(text)

    def ping(self) -> None:
        """Send a ping; a connection that is silent is dead at the second one."""
        if not self._up or not self._silent:
            return
        if self._unanswered:
            self.lose("no pong")
        self._unanswered = True

    def close(self, code: int, reason: str) -> None:
        """Close, and connect anew while the connection is wanted."""
        self._leave(f"closed by the station: {code} {reason}".rstrip())

    def freeze(self) -> None:
        """Fall silent as a pulled cable does."""
        if not self._frozen:
            self._frozen = True
            self._leave("the cable is pulled")

    def thaw(self) -> None:
        """Connect again."""
        self._frozen = False
        self._connect_in(0.0)

    def disturb(self, chaos: Chaos | None) -> None:
        """Spoil the frames of both directions; None ends it."""
        self._silent = self._up and chaos is not None and chaos.half_open
        if self._rough is None:
            self._rough = Turbulence(self._write, self._clock), Turbulence(self._hear, self._clock)
        for way, turbulence in zip(("tx", "rx"), self._rough, strict=True):
            turbulence.become(chaos, way)

    def want(self, up: bool) -> None:
        """Whether there should be a connection."""
        if up == self._wanted:
            return
        self._wanted = up
        if up:
            self._connect_in(0.0)
        else:
            self._leave("closed by the station")

    # The CSMS's side

    def arrive(self, number: int, text: str) -> None:
        """A frame of the CSMS, in the connection of that number."""
        if not self._up or number != self.number or self._silent:
            return
        if self._rough is None:
            self._hear(text)
        else:
            self._rough[1].put(text)

    def lose(self, reason: str) -> None:
        """The connection is gone; another try follows after the usual wait."""
        if self._up:
            self._down()
            self._wait(reason, 0)

    def _write(self, text: str) -> None:
        if self._up and not self._silent:
            self._csms.hear(self, text)

    def _hear(self, text: str) -> None:
        if self._up:
            self._fleet.received(self._station, text)

    def _down(self) -> None:
        self._up = self._silent = self._unanswered = False
        self._csms.links.pop(self._station, None)
        for turbulence in self._rough or ():
            turbulence.clear()

    def _leave(self, reason: str) -> None:
        was_up = self._up
        self._tries = self._waits = 0
        if was_up:
            self._down()
        again = self._wanted and not self._frozen
        if was_up:
            self._tell(reason, 0, 0.0 if again else None)
        if again:
            self._connect_in(0.0)

    def _connect_in(self, seconds: float) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._clock.call_later(seconds + LATENCY, self._connect)

    def _connect(self) -> None:
        if self._up or self._frozen or not self._wanted:
            return
        self._tries += 1
        if not self._csms.reachable:
            self._wait("the CSMS cannot be reached", self._tries)
            return
        self._up, self._tries, self._waits = True, 0, 0
        self.number += 1
        self._csms.links[self._station] = self
        self._fleet.connected(self._station, self._fleet.endpoint(self._station).protocols[0])

    def _wait(self, reason: str, failures: int) -> None:
        self._waits += 1
        wait = self._fleet.endpoint(self._station).backoff.wait(self._waits, self._chance.random())
        self._tell(reason, failures, wait)
        self._connect_in(wait)

    def _tell(self, reason: str, failures: int, retry_in: float | None) -> None:
        told = partial(self._fleet.disconnected, self._station, reason, failures, retry_in)
        self._clock.call_soon(told)


@dataclass(slots=True)
class Workshop:
    """Firmware is downloaded in half a minute and logs are uploaded in two seconds; keys are never made."""

    clock: Clock
    worked: Callable[[str, Job, Mapping[str, Any]], None]
    jobs: dict[tuple[str, str], Timer]

    def take(self, station: str, job: Job) -> None:
        """Begin a job, in the place of the one of that station that has the same key."""
        running = self.jobs.pop((station, job.key), None)
        if running is not None:
            running.cancel()
        if job.kind:
            done = partial(self.worked, station, job, _report(job))
            self.jobs[station, job.key] = self.clock.call_later(_JOB_S.get(job.kind, 1.0), done)

    def close(self, station: str) -> None:
        """End all jobs of the station."""
        for key in [key for key in self.jobs if key[0] == station]:
            self.jobs.pop(key).cancel()


def _report(job: Job) -> dict[str, Any]:
    match job.kind:
        case "firmware":
            name = str(job.data["url"]).rpartition("/")[2]
            version = name.removesuffix(".bin") or "unknown"
            return {"status": "Downloaded", "version": version, "flaw": "", "signed": False}
        case "upload":
            return {"status": "Uploaded"}
    return {"status": "DownloadFailed", "reason": f"there is no {job.kind} in virtual time"}
