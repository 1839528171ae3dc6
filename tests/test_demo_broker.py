"""The demo's broker: both kinds, over real sockets."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import TYPE_CHECKING

import aiomqtt
import pytest

from ocppd.demo.broker import BrokerError, Kind, broker

if TYPE_CHECKING:
    from pathlib import Path

HAS_MOSQUITTO = bool(shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin"))
MOSQUITTO = pytest.param("mosquitto", marks=pytest.mark.skipif(not HAS_MOSQUITTO, reason="no mosquitto"))


@pytest.fixture(params=[MOSQUITTO, "amqtt"])
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "amqtt":
        pytest.importorskip("amqtt")
    kind: Kind = request.param
    return kind


def client(port: int, protocol: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V311) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port, protocol=protocol, timeout=10)


async def next_message(subscriber: aiomqtt.Client) -> tuple[str, object, bool]:
    async with asyncio.timeout(10):
        message = await anext(aiter(subscriber.messages))
    return message.topic.value, message.payload, message.retain


async def accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_it_passes_messages_from_client_to_client(kind: Kind) -> None:
    async with broker(prefer=kind) as port, client(port) as subscriber, client(port) as publisher:
        await subscriber.subscribe("ocppd/#", qos=1)
        await publisher.publish("ocppd/v1/all/cmd/heartbeat", "ON", qos=1)
        assert await next_message(subscriber) == ("ocppd/v1/all/cmd/heartbeat", b"ON", False)


async def test_it_keeps_retained_messages_for_later_subscribers(kind: Kind) -> None:
    async with broker(prefer=kind) as port:
        async with client(port) as publisher:
            await publisher.publish("ocppd/v1/daemon/lab1/state", "online", qos=1, retain=True)
        async with client(port) as subscriber:
            await subscriber.subscribe("ocppd/v1/daemon/+/state", qos=1)
            assert await next_message(subscriber) == ("ocppd/v1/daemon/lab1/state", b"online", True)


@pytest.mark.skipif(not HAS_MOSQUITTO, reason="no mosquitto")
async def test_mosquitto_is_taken_where_it_is_installed_and_speaks_mqtt_5() -> None:
    async with broker() as port, client(port, aiomqtt.ProtocolVersion.V5) as both:
        await both.subscribe("a")
        await both.publish("a", "b")
        assert await next_message(both) == ("a", b"b", False)


async def test_nothing_is_left_when_the_block_ends(kind: Kind) -> None:
    async with broker(prefer=kind) as port:
        assert await accepts_connections(port)
    assert not await accepts_connections(port)


async def test_nothing_is_left_when_the_block_raises(kind: Kind) -> None:
    async def fail() -> None:
        async with broker(prefer=kind) as port:
            raise KeyError(port)

    with pytest.raises(KeyError) as caught:
        await fail()
    assert not await accepts_connections(caught.value.args[0])


async def test_nothing_is_left_when_the_task_is_cancelled(kind: Kind) -> None:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def stay() -> None:
        async with broker(prefer=kind) as port:
            ready.set_result(port)
            await asyncio.Event().wait()

    task = asyncio.create_task(stay(), name="stay")
    port = await ready
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await accepts_connections(port)


async def test_two_brokers_do_not_meet(kind: Kind) -> None:
    async with broker(prefer=kind) as one, broker(prefer=kind) as other:
        assert one != other


async def test_a_port_that_is_asked_for_is_taken(kind: Kind) -> None:
    async with broker(prefer=kind) as port:
        pass
    async with broker(port, prefer=kind) as same:
        assert same == port
        assert await accepts_connections(port)


async def test_a_port_in_use_is_refused_by_its_number(kind: Kind) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(BrokerError, match=str(port)):
            async with broker(port, prefer=kind):
                pass


async def test_without_amqtt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt", None)
    with pytest.raises(BrokerError, match=r"pip install 'ocppd\[demo\]'"):
        async with broker(prefer="amqtt"):
            pass


async def test_a_broker_that_does_not_start_is_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    impostor = tmp_path / "mosquitto"
    impostor.write_text("#!/bin/sh\necho cannot have that\nexit 3\n")
    impostor.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(BrokerError, match=r"exit code 3.*cannot have that"):
        async with broker(prefer="mosquitto"):
            pass
