"""The way to the broker: many messages at once, each kept until it is acknowledged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiomqtt

from ocppd.edge.mqtt.wire import WINDOW

if TYPE_CHECKING:
    from ocppd.edge.mqtt.outgoing import Message, Outgoing
    from ocppd.edge.mqtt.wire import Wire


class Window:
    """What leaves of the `outgoing` by the `wire`. `sent` counts what the broker has acknowledged."""

    def __init__(self, outgoing: Outgoing, wire: Wire) -> None:
        self.sent = 0
        self._outgoing = outgoing
        self._wire = wire
        self._serial = 0
        self._unsent: dict[int, Message] = {}  # about to leave
        self._unsure: dict[int, tuple[float, Message]] = {}  # on their way since then, oldest first

    def take_back(self) -> None:
        """What an earlier connection has left unacknowledged waits again."""
        self._outgoing.put_back([it for _, it in self._unsure.values()])
        self._unsure.clear()

    async def send(self, client: aiomqtt.Client, *, for_ever: bool = False) -> None:
        """Publish what waits, and return when the broker has acknowledged it all; or go on for ever.

        WINDOW messages may be on their way at once: an answer waits for no acknowledgement of another
        message. What has not been acknowledged at the end is kept for the next connection.
        """
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._watch(client), name="mqtt_watch")
                carriers = [
                    group.create_task(self._carry(client, for_ever=for_ever), name="mqtt_carry")
                    for _ in range(WINDOW)
                ]
                await asyncio.wait(carriers)
                watch.cancel()
        except BaseExceptionGroup as errors:
            raise first_error(errors) from None
        finally:
            self._outgoing.put_back(list(self._unsent.values()))
            self._unsent.clear()

    async def _carry(self, client: aiomqtt.Client, *, for_ever: bool) -> None:
        """Publish one message after the other."""
        loop = asyncio.get_running_loop()
        while for_ever or not self._outgoing.empty():
            it = await self._outgoing.get()
            self._serial = number = self._serial + 1
            self._unsent[number] = it
            # What the broker has sent meanwhile is read first: aiomqtt logs an error of its own where it
            # publishes on a connection that has just been closed.
            await asyncio.sleep(0)
            self._unsure[number] = loop.time(), self._unsent.pop(number)
            await self._wire.publish(client, it)
            del self._unsure[number]
            self.sent += 1

    async def _watch(self, client: aiomqtt.Client) -> None:
        """Raise when a message has not been acknowledged in time: one look at the oldest is one for all."""
        loop = asyncio.get_running_loop()
        begun = loop.time()  # what was on its way before may be acknowledged to nobody
        while True:
            oldest, _ = next(iter(self._unsure.values()), (loop.time(), None))
            left = max(oldest, begun) + client.timeout - loop.time()
            if left <= 0:
                raise aiomqtt.MqttError("the broker does not acknowledge")
            await asyncio.sleep(left)


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first plain exception in the group."""
    found = group.exceptions[0]
    return first_error(found) if isinstance(found, BaseExceptionGroup) else found
