"""B: the least that leads from a command over MQTT to an OCPP call, and from its answer back to MQTT."""

from __future__ import annotations

import argparse
import asyncio
import socket

import aiomqtt

from tests.load.child import obey, run
from tests.load.floor import Station, boot

NODELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


async def _relay(client: aiomqtt.Client, station: Station) -> None:
    await station.call("Heartbeat", {})
    await client.publish(f"bridge/{station.name}/answer", b'{"ok":true}', qos=1)


async def _listen(client: aiomqtt.Client, stations: dict[str, Station], group: asyncio.TaskGroup) -> None:
    async for message in client.messages:
        name = message.topic.value.split("/")[1]
        group.create_task(_relay(client, stations[name]))


async def _main(url: str, count: int, port: int) -> None:
    stations = {name: Station(name) for name in (f"CP{number:05}" for number in range(1, count + 1))}
    for station in stations.values():
        await boot(station, url)
    async with aiomqtt.Client("127.0.0.1", port, socket_options=NODELAY) as client:
        await client.subscribe("bridge/+/command", qos=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(_listen(client, stations, group))
            await obey({})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    run(_main(given.url, given.count, given.port))
