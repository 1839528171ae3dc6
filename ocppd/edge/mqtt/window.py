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
        self._unsure: list[Message] = []  # on their way, and not acknowledged

    def take_back(self) -> None:
        """What an earlier connection has left unacknowledged waits again."""
        self._outgoing.put_back(self._unsure)
        self._unsure.clear()

    async def send(self, client: aiomqtt.Client, *, for_ever: bool = False) -> None:
        """Publish what waits, and return when the broker has acknowledged it all; or go on for ever.

        WINDOW messages may be on their way at once: an answer waits for no acknowledgement of another
        message. What has not been acknowledged at the end is kept for the next connection.
        """
        window = asyncio.Semaphore(WINDOW)
        unsent: list[Message] = []

        async def publish(it: Message) -> None:
            unsent.remove(it)
            self._unsure.append(it)
            async with asyncio.timeout(client.timeout):
                await self._wire.publish(client, it)
            self._unsure.remove(it)
            self.sent += 1
            window.release()

        try:
            async with asyncio.TaskGroup() as group:
                while for_ever or len(self._outgoing):
                    await self._outgoing.wait()
                    await window.acquire()
                    unsent += self._outgoing.take(1)
                    group.create_task(publish(unsent[-1]), name="mqtt_publish_one")
        except BaseExceptionGroup as errors:
            error = first_error(errors)
            if isinstance(error, TimeoutError):
                raise aiomqtt.MqttError("the broker does not acknowledge") from None
            raise error from None
        finally:
            self._outgoing.put_back(unsent)


def first_error(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first plain exception in the group."""
    found = group.exceptions[0]
    return first_error(found) if isinstance(found, BaseExceptionGroup) else found
