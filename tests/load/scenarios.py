"""What is measured, how, and against which target: each scenario gives the rows of a table."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import trustme

from ocppd.demo.broker import broker
from tests.load.driver import Driver, Moments, delays, driver
from tests.load.measure import Numbers, interleaved, percentiles
from tests.load.subjects import Setup, Subject, bridge, floor, ocppd

Subjects = Callable[[Setup, Path], AbstractAsyncContextManager[Subject]]

_GET_VARIABLES_RATE = 500.0
_COMMAND_RATE = 200.0
_COMMANDED = 100
_SOAK_STEPS = 10
_SOAK_STEP = 100_000
_SOAK_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How big and how long: `stations` of the usual scenarios, `many` of the big ones."""

    stations: int
    many: int
    seconds: float
    rounds: int
    settle_s: float = 3.0
    heartbeat_s: int = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `most` is the target: a ratio to the floor or, with no floor, an absolute."""

    scenario: str
    quantity: str
    unit: str
    ocppd: float
    floor: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many floors it is."""
        return self.ocppd / self.floor if self.floor else None

    @property
    def is_missed(self) -> bool:
        """Whether there is a target, and this is above it."""
        reached = self.ocppd if self.floor is None else self.ratio
        return self.most is not None and reached is not None and reached > self.most


# a


async def boot_storm(scale: Scale) -> list[Row]:
    """From the start of the process until the last station is accepted and has told its status."""
    setup = Setup(stations=scale.stations)
    found = await interleaved(
        scale.rounds, {"ocppd": partial(_boot, ocppd, setup), "R": partial(_boot, floor, setup)}
    )
    scenario, ours, bare = f"boot storm, N={scale.stations}", found["ocppd"], found["R"]
    return [
        Row(scenario, "CPU, start included", "s", ours["cpu_s"], bare["cpu_s"], 2.3),
        Row(scenario, "first connect to last boot", "s", ours["boots_s"], bare["boots_s"]),
        Row(scenario, "memory after it", "MB", ours["rss_kib"] / 1024, bare["rss_kib"] / 1024),
    ]


async def _boot(subjects: Subjects, setup: Setup) -> Numbers:
    async with _running(subjects, setup) as subject:
        cpu_s = subject.usage.cpu_s()
        stats = await subject.sink.ask("stats")
        await asyncio.sleep(0.5)
        return {"cpu_s": cpu_s, "boots_s": stats["boots_s"], "rss_kib": subject.usage.rss_kib()}


# b


async def transaction_events(scale: Scale) -> list[Row]:
    """A TransactionEvent and its answer, one a second and station."""
    setup = Setup(stations=scale.stations, charging=True)
    with TemporaryDirectory() as name:
        certificates = Path(name)
        _certify(certificates)
        variants = {
            "R": partial(_charge, floor, setup, scale),
            "plain": partial(_charge, ocppd, setup, scale),
            "mirrored": partial(_mirrored, _charge, setup, scale),
            "at once": partial(_charge, ocppd, replace(setup, save_interval=0.0), scale),
            "R, TLS": partial(_charge, floor, replace(setup, certificates=certificates), scale),
            "TLS": partial(_charge, ocppd, replace(setup, certificates=certificates), scale),
        }
        found = await interleaved(scale.rounds, variants)
    scenario = f"TransactionEvent, N={scale.stations}, {found['plain']['rate']:.0f}/s"
    told = {
        "plain": ("without a broker", "R", 2.0),
        "mirrored": ("mirrored to MQTT", "R", 3.5),
        "at once": ("saved before it leaves", "R", None),
        "TLS": ("over TLS", "R, TLS", None),
    }
    rows = [
        Row(scenario, f"CPU a round trip, {what}", "us", found[it]["us"], found[base]["us"], most)
        for it, (what, base, most) in told.items()
    ]
    size = Row(scenario, "size of its frame", "B", found["plain"]["bytes"], found["R"]["bytes"])
    return [*rows, size]


async def _charge(subjects: Subjects, setup: Setup, scale: Scale) -> Numbers:
    async with _running(subjects, setup) as subject:
        await subject.reached("TransactionEvent", 2 * setup.stations)
        await asyncio.sleep(scale.settle_s)
        found = await _each(subject, "TransactionEvent", scale.seconds)
        sizes = (await subject.sink.ask("stats"))["bytes"]
        return {**found, "bytes": sizes["TransactionEvent"]}


def _certify(folder: Path) -> None:
    """A CA and a certificate of it for the CSMS."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")


# c


async def get_variables(scale: Scale) -> list[Row]:
    """A GetVariables for two variables comes in and is answered."""
    setup = Setup(stations=scale.stations)
    variants = {
        "R": partial(_ask, floor, setup, scale),
        "plain": partial(_ask, ocppd, setup, scale),
        "mirrored": partial(_mirrored, _ask, setup, scale),
    }
    found = await interleaved(scale.rounds, variants)
    scenario = f"GetVariables, N={scale.stations}, {found['plain']['rate']:.0f}/s"
    bare = found["R"]["us"]
    return [
        Row(scenario, "CPU a request, without a broker", "us", found["plain"]["us"], bare, 2.0),
        Row(scenario, "CPU a request, mirrored to MQTT", "us", found["mirrored"]["us"], bare),
    ]


async def _ask(subjects: Subjects, setup: Setup, scale: Scale) -> Numbers:
    async with _running(subjects, setup) as subject:
        await asyncio.sleep(scale.settle_s)
        call = partial(subject.sink.ask, "get_variables", rate=_GET_VARIABLES_RATE)
        await call(seconds=min(1.0, scale.seconds))
        return await _each(subject, "GetVariables", scale.seconds, lambda: call(seconds=scale.seconds))


# d and e


async def steady(scale: Scale) -> list[Row]:
    """Many stations that have nothing to tell but a heartbeat, and their memory."""
    setup = Setup(stations=scale.many, heartbeat_s=scale.heartbeat_s)
    few = replace(setup, stations=scale.stations)
    variants = {
        "R": partial(_rest, floor, setup, scale),
        "plain": partial(_rest, ocppd, setup, scale),
        "mirrored": partial(_mirrored, _rest, setup, scale),
        "R, few": partial(_boot, floor, few),
        "plain, few": partial(_boot, ocppd, few),
        "mirrored, few": partial(_mirrored, _boot, few),
    }
    found = await interleaved(scale.rounds, variants)

    def further(variant: str) -> float:
        """KiB for each station more."""
        more = found[variant]["rss_kib"] - found[f"{variant}, few"]["rss_kib"]
        return more / max(1, scale.many - scale.stations)

    scenario, bare = f"steady, N={scale.many}, heartbeat {scale.heartbeat_s} s", found["R"]["percent"]
    memory = f"memory, N={scale.stations}"
    growth = f"memory, N={scale.stations} to {scale.many}"
    return [
        Row(scenario, "CPU, without a broker", "%", found["plain"]["percent"], bare, 1.5),
        Row(scenario, "CPU, mirrored to MQTT", "%", found["mirrored"]["percent"], bare),
        Row(memory, "resident, without a broker", "MB", found["plain, few"]["rss_kib"] / 1024, most=80.0),
        Row(memory, "resident, mirrored to MQTT", "MB", found["mirrored, few"]["rss_kib"] / 1024),
        Row(memory, "resident, R", "MB", found["R, few"]["rss_kib"] / 1024),
        Row(growth, "a further station, without a broker", "KiB", further("plain"), most=25.0),
        Row(growth, "a further station, mirrored to MQTT", "KiB", further("mirrored")),
        Row(growth, "a further station, R", "KiB", further("R")),
    ]


async def _rest(subjects: Subjects, setup: Setup, scale: Scale) -> Numbers:
    async with _running(subjects, setup) as subject:
        await subject.reached("Heartbeat", setup.stations)
        used, started = subject.usage.cpu_s(), time.monotonic()
        await asyncio.sleep(setup.heartbeat_s * math.ceil(2 * scale.seconds / setup.heartbeat_s))
        percent = 100 * (subject.usage.cpu_s() - used) / (time.monotonic() - started)
        return {"percent": percent, "rss_kib": subject.usage.rss_kib()}


# f


async def latency(scale: Scale) -> list[Row]:
    """How soon a command over MQTT leads to its frame, and to what tells of its outcome over MQTT."""
    count = round(_COMMAND_RATE * scale.seconds)
    async with broker() as port:
        setup = Setup(stations=min(_COMMANDED, scale.stations), broker=port)
        variants = {
            "echo": partial(_echo, setup, count),
            "B": partial(_command_bridge, setup, count),
            "heartbeat": partial(_command_heartbeat, setup, count),
            "plug-in": partial(_command_plug, setup, count),
        }
        found = await interleaved(scale.rounds, variants)
    scenario, b = f"command, N={setup.stations}, {_COMMAND_RATE:.0f}/s", found["B"]
    rows = [Row("broker alone", f"its echo, {p}", "ms", found["echo"][p]) for p in ("p50", "p99")]
    # A heartbeat leads to one frame and one message, as in B; a cable to one frame and five messages.
    commands = {"heartbeat": ("answer", 1.3, 2.0), "plug-in": ("event", None, None)}
    for command, (outcome, *targets) in commands.items():
        for p, most in zip(("p50", "p99"), targets, strict=True):
            ours = found[command]
            rows += [
                Row(scenario, f"{command} to frame, {p}", "ms", ours[f"frame {p}"], b[f"frame {p}"], most),
                Row(scenario, f"{command} to {outcome}, {p}", "ms", ours[f"back {p}"], b[f"back {p}"], most),
            ]
    return rows


async def _echo(setup: Setup, count: int) -> Numbers:
    async with driver(setup.broker or 0) as drive:
        await drive.subscribe("echo/#")
        await drive.drive(setup.names(), _COMMAND_RATE, count, lambda name, _: (f"echo/{name}", b"ON"))
        p50, p99 = percentiles(delays(drive.sent, _by_station(drive.heard, 1)))
        return {"p50": p50, "p99": p99}


async def _command_bridge(setup: Setup, count: int) -> Numbers:
    def command(name: str, number: int) -> tuple[str, bytes]:
        return f"bridge/{name}/command", orjson.dumps({"request_id": f"r{number}"})

    async with _running(bridge, setup) as subject, driver(setup.broker or 0) as drive:
        await drive.subscribe("bridge/+/answer")
        return await _timed(subject, drive, setup, "Heartbeat", count, command, level=1)


async def _command_heartbeat(setup: Setup, count: int) -> Numbers:
    def command(name: str, number: int) -> tuple[str, bytes]:
        return f"ocppd/v1/station/{name}/cmd/heartbeat", orjson.dumps({"request_id": f"r{number}"})

    async with _running(ocppd, setup) as subject, driver(setup.broker or 0) as drive:
        await drive.subscribe("ocppd/v1/station/+/response/heartbeat")
        return await _timed(subject, drive, setup, "Heartbeat", count, command)


async def _command_plug(setup: Setup, count: int) -> Numbers:
    def command(name: str, number: int) -> tuple[str, bytes]:
        topic = f"ocppd/v1/station/{name}/evse/1/connector/1/cmd/plug-in"
        return topic, orjson.dumps({"on": number % 2 == 0, "request_id": f"r{number}"})

    async with _running(ocppd, setup) as subject, driver(setup.broker or 0) as drive:
        await drive.subscribe("ocppd/v1/station/+/event", only=b'"event":"connector_status"')
        return await _timed(subject, drive, setup, "StatusNotification", count, command)


async def _timed(
    subject: Subject,
    drive: Driver,
    setup: Setup,
    action: str,
    count: int,
    command: Callable[[str, int], tuple[str, bytes]],
    level: int = 3,
) -> Numbers:
    await asyncio.sleep(1.0)
    await subject.sink.ask("stamp", action=action)
    await drive.drive(setup.names(), _COMMAND_RATE, count, command)
    frames: Moments = defaultdict(list)
    for name, moment in await subject.sink.ask("stamps"):
        frames[name].append(moment)
    to_frame = percentiles(delays(drive.sent, frames))
    back = percentiles(delays(drive.sent, _by_station(drive.heard, level)))
    keys = ("frame p50", "frame p99", "back p50", "back p99")
    return dict(zip(keys, (*to_frame, *back), strict=True))


def _by_station(heard: Moments, level: int) -> Moments:
    return {topic.split("/")[level]: moments for topic, moments in heard.items()}


# g


async def soak(scale: Scale) -> list[Row]:
    """Memory while a million OCPP messages pass, mirrored to MQTT."""
    async with broker() as port:
        setup = Setup(stations=scale.stations, charging=True, broker=port, rate=2.0)
        async with _running(ocppd, setup) as subject:
            rows = []
            for step in range(1, _SOAK_STEPS + 1):
                # A call and its answer are two messages.
                await subject.reached("TransactionEvent", step * _SOAK_STEP // 2, _SOAK_PATIENCE_S)
                memory = subject.usage.rss_kib() / 1024
                rows.append(Row("soak", f"resident after {step * _SOAK_STEP} messages", "MB", memory))
            return rows


# What they share


@asynccontextmanager
async def _running(subjects: Subjects, setup: Setup) -> AsyncIterator[Subject]:
    """A subject whose stations have all been accepted and have told their status."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with subjects(setup, folder) as subject:
            try:
                await subject.reached("StatusNotification", setup.stations)
            except TimeoutError:
                told = _end_of_logs(folder)
                raise RuntimeError(f"not all of {setup.stations} stations have booted:\n{told}") from None
            yield subject


def _end_of_logs(folder: Path) -> str:
    return "\n".join(log.read_text()[-2000:] for log in sorted(folder.glob("*.log")))


async def _mirrored(measured: Callable[..., Awaitable[Numbers]], setup: Setup, *more: Scale) -> Numbers:
    """The daemon with a broker of its own, on which nothing is left of a run before."""
    async with broker() as port:
        return await measured(ocppd, replace(setup, broker=port), *more)


async def _each(
    subject: Subject, action: str, seconds: float, during: Callable[[], Awaitable[object]] | None = None
) -> Numbers:
    """What one message of that action costs, and how many there were in a second."""
    count, used, started = await subject.count(action), subject.usage.cpu_s(), time.monotonic()
    await (asyncio.sleep(seconds) if during is None else during())
    passed, used = time.monotonic() - started, subject.usage.cpu_s() - used
    done = await subject.count(action) - count
    return {"us": 1e6 * used / max(1, done), "rate": done / passed}


SCENARIOS: dict[str, Callable[[Scale], Awaitable[list[Row]]]] = {
    "boot": boot_storm,
    "events": transaction_events,
    "get-variables": get_variables,
    "steady": steady,
    "latency": latency,
}
"""What is measured by default; `soak` takes a quarter of an hour and is asked for by its name."""
