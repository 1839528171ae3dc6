"""What the broker has of ourselves, which also shows whether another daemon has our name."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
import structlog

from ocppd.edge.mqtt.topics import Scope, state_topic

log = structlog.get_logger()


class SecondDaemonError(Exception):
    """Another daemon with our name is on the broker."""


class OwnWord:
    """The topics of the daemon itself, and what has become of them; `boot` names this run of it.

    `is_said` is that our own word stands on the broker, `is_doubled` that another daemon with our name was
    there last.
    """

    def __init__(self, base: str, daemon: str, boot: str) -> None:
        self.state, self.info, self.health = (
            state_topic(base, Scope("daemon", daemon), leaf) for leaf in ("state", "info", "health")
        )
        self.is_said = False
        self.is_doubled = False
        self._daemon = daemon
        self._boot = boot
        self._echoed = asyncio.Event()

    def say(self) -> None:
        """It is published on a new connection, where its echo is still to come."""
        self._echoed.clear()
        self.is_said = True

    def hear_info(self, payload: bytes) -> None:
        """Our own, or that of another run with our name; after we have said ours, there are two of us.

        Raises:
            SecondDaemonError: there are.
        """
        try:
            boot = orjson.loads(payload).get("boot")
        except (orjson.JSONDecodeError, AttributeError):
            boot = None
        if boot == self._boot:
            self._echoed.set()
        elif self.is_said and payload:
            self.is_doubled = True
            raise self._second_daemon()

    def see_double(self, *, online: bool) -> None:
        """Whether the other daemon is `online`; where it is not, we begin anew.

        Raises:
            SecondDaemonError: it is.
        """
        if online:
            raise self._second_daemon()
        self.is_doubled = self.is_said = False

    def _second_daemon(self) -> SecondDaemonError:
        return SecondDaemonError(f"another daemon calls itself {self._daemon!r}: choose another daemon.id")

    async def check_echo(self, within: float) -> None:
        """Log where what we say of ourselves does not come back in so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._echoed.wait()
                return
        log.error("mqtt.not_echoed", topic=self.info, reason="does an ACL refuse what we publish?")
