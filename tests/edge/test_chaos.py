"""Turbulence by itself, and a link under it against a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocppd.core.chaos import Chaos
from ocppd.core.errors import FrameError
from ocppd.core.rpc import decode
from ocppd.edge import chaos as edge
from ocppd.edge.chaos import Turbulence, mutilate
from tests.edge.linking import CONNECTED, PATIENCE, SILENCE, csms, endpoint_of, linking, wired

FRAMES = [f'[2,"m{number}","Heartbeat",{{}}]' for number in range(200)]


def arrived(chaos: Chaos | None, frames: list[str] = FRAMES, way: str = "tx") -> list[str]:
    """What comes at once of these frames."""

    async def pass_through() -> list[str]:
        found: list[str] = []
        turbulence = Turbulence(found.append)
        turbulence.become(chaos, way)
        for frame in frames:
            turbulence.put(frame)
        return found

    return asyncio.run(pass_through())


# Chance


def test_without_chaos_all_pass() -> None:
    assert arrived(None) == arrived(Chaos()) == FRAMES


def test_the_same_seed_spoils_the_same_frames() -> None:
    chaos = Chaos(drop_pct=20, duplicate_pct=20, malformed_pct=20, seed=7)
    first = arrived(chaos)
    assert arrived(chaos) == first != FRAMES
    assert arrived(Chaos(drop_pct=20, duplicate_pct=20, malformed_pct=20, seed=8)) != first
    assert arrived(chaos, way="rx") != first


def test_one_setting_does_not_change_what_the_others_hit() -> None:
    lost = set(FRAMES) - set(arrived(Chaos(drop_pct=20, seed=7)))
    lost_too = set(FRAMES) - set(arrived(Chaos(drop_pct=20, duplicate_pct=50, seed=7)))
    assert lost == lost_too
    assert 20 <= len(lost) <= 60


def test_the_length_of_the_frames_decides_nothing() -> None:
    chaos = Chaos(drop_pct=50, malformed_pct=50, seed=3)
    passed = [int(frame) for frame in arrived(Chaos(drop_pct=50, seed=3), [str(n) for n in range(200)])]
    assert [FRAMES[n] for n in passed] == arrived(Chaos(drop_pct=50, seed=3))
    assert len(arrived(chaos)) == len(passed)


@pytest.mark.parametrize(
    ("chaos", "count"), [(Chaos(drop_pct=100), 0), (Chaos(duplicate_pct=100), 2 * len(FRAMES))]
)
def test_a_hundred_percent_is_all(chaos: Chaos, count: int) -> None:
    assert len(arrived(chaos)) == count


def test_doubled_frames_follow_each_other() -> None:
    assert arrived(Chaos(duplicate_pct=100), FRAMES[:2]) == [FRAMES[0], FRAMES[0], FRAMES[1], FRAMES[1]]


_SHARE = some.floats(0, 1, exclude_max=True)


@given(some.text(max_size=20), _SHARE, _SHARE)
def test_a_mutilated_frame_is_no_ocpp_j_frame(text: str, way: float, place: float) -> None:
    frame = json.dumps([2, "m1", "DataTransfer", {"vendorId": text}])
    with pytest.raises(FrameError):
        decode(mutilate(frame, way, place))


# Time


async def test_late_frames_keep_their_order() -> None:
    found: list[tuple[float, str]] = []
    now = asyncio.get_running_loop().time
    began = now()
    turbulence = Turbulence(lambda text: found.append((now() - began, text)))
    turbulence.become(Chaos(latency_ms=30, jitter_ms=30, seed=1), "tx")
    for frame in FRAMES:
        turbulence.put(frame)
    assert found == []
    await until(lambda: len(found) == len(FRAMES))
    assert [text for _, text in found] == FRAMES
    assert found[0][0] >= 0.029


async def test_in_bursts_what_waits_arrives_together() -> None:
    found: list[str] = []
    turbulence = Turbulence(found.append)
    turbulence.become(Chaos(burst_ms=50), "tx")
    for frame in FRAMES[:3]:
        turbulence.put(frame)
        await asyncio.sleep(0)
    assert found == []
    await until(lambda: bool(found))
    assert found == FRAMES[:3]


async def test_when_it_ends_what_is_late_still_comes_first() -> None:
    found: list[str] = []
    turbulence = Turbulence(found.append)
    turbulence.become(Chaos(latency_ms=50), "tx")
    turbulence.put(FRAMES[0])
    turbulence.become(None, "tx")
    turbulence.put(FRAMES[1])
    await until(lambda: len(found) == 2)
    assert found == FRAMES[:2]
    turbulence.put(FRAMES[2])
    assert found == FRAMES[:3]


async def test_only_so_many_are_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "MOST_WAITING", 10)
    found: list[str] = []
    turbulence = Turbulence(found.append)
    turbulence.become(Chaos(latency_ms=20), "tx")
    for frame in FRAMES:
        turbulence.put(frame)
    await until(lambda: bool(found))
    assert found == FRAMES[:10]


async def until(question: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not question():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


# On a link


async def test_frames_of_both_directions_are_spoilt_until_it_ends() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        connection = await server.accepts()
        bench.link.disturb(Chaos(duplicate_pct=100))
        bench.link.send("out")
        assert [await connection.recv() for _ in range(2)] == ["out", "out"]
        await connection.send("in")
        assert [await bench.hears() for _ in range(2)] == [("received", "in")] * 2
        bench.link.disturb(None)
        bench.link.send("more")
        bench.link.send("last")
        assert [await connection.recv() for _ in range(2)] == ["more", "last"]
        await connection.send("once")
        await connection.send("end")
        assert [await bench.hears() for _ in range(2)] == [("received", "once"), ("received", "end")]


async def test_what_is_late_is_lost_with_its_connection_and_the_next_one_is_spoilt_too() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        first = await server.accepts()
        bench.link.disturb(Chaos(latency_ms=100))
        bench.link.send("lost")
        await first.send("lost, too")
        await asyncio.sleep(0.02)
        bench.link.close(1000, "anew")
        assert (await bench.hears())[0] == "disconnected"
        assert await bench.hears() == CONNECTED
        second = await server.accepts()
        began = asyncio.get_running_loop().time()
        bench.link.send("late")
        assert await second.recv() == "late"
        assert asyncio.get_running_loop().time() - began >= 0.09
        assert bench.ear.heard.empty()


async def test_a_half_open_connection_is_silent_and_stays_open() -> None:
    async with wired() as (_, wire, bench):
        bench.link.disturb(Chaos(half_open=True))
        bench.link.send("nobody hears this")
        bench.link.ping()
        wire.write(0x81, b"nor this")
        assert await wire.is_silent()
        assert bench.ear.heard.empty()
        bench.link.disturb(None)
        assert await bench.hears() == ("received", "nor this")


async def test_the_second_ping_into_a_half_open_connection_ends_it() -> None:
    async with wired() as (_, wire, bench):
        bench.link.disturb(Chaos(half_open=True))
        bench.link.ping()
        await asyncio.sleep(SILENCE)
        assert bench.ear.heard.empty()
        bench.link.ping()
        assert (await bench.hears())[:2] == ("disconnected", "no pong")
        assert await wire.end() in ("FIN", "RST")


async def test_the_connection_after_a_half_open_one_is_a_good_one() -> None:
    async with csms() as server, linking(endpoint_of(server.port)) as bench:
        assert await bench.hears() == CONNECTED
        await server.accepts()
        bench.link.disturb(Chaos(half_open=True))
        bench.link.ping()
        bench.link.ping()
        assert (await bench.hears())[0] == "disconnected"
        bench.clock.wake()
        assert await bench.hears() == CONNECTED
        connection = await server.accepts()
        bench.link.send("heard")
        assert await connection.recv() == "heard"
