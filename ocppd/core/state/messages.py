"""The connection to the CSMS; calls that wait for it, and requests that wait for their answer."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, field

from ocppd.core.kept import Kept


class Csms(Kept):
    """The connection: `since` it is up, or `offline_since` it is down; the rest tells of the attempts.

    `alarms` are the security events that have been told of the attempts since there was a connection.
    """

    connected: bool = False
    protocol: str | None = None
    since: float | None = None
    offline_since: float | None = None
    attempt: int = 0
    retry_at: float | None = None
    last_error: str | None = None
    alarms: list[str] = field(default_factory=list)


class QueuedCall(Kept):
    """A CALL on its way to the CSMS. `context` is what its sender wants to know when the answer comes."""

    action: str
    payload: dict[str, Any]
    id: str
    context: dict[str, Any] = field(default_factory=dict)
    keep: bool = False
    first: bool = False
    while_pending: bool = False
    checked: bool = True
    attempts: int = 0
    not_before: float = 0.0


class Outbox(Kept):
    """The calls that wait, in order, and the one that is out (Part 4, 4.1.1).

    `overflowing` is that some were lost for want of room, and that this has been told.
    """

    queue: list[QueuedCall] = field(default_factory=list)
    in_flight: QueuedCall | None = None
    next_id: int = 1
    dropped: int = 0
    overflowing: bool = False


class Request(Kept):
    """A command from outside: what its answer must say. `id` is the asker's, `key` the daemon's own."""

    key: int
    command: str
    station: str
    evse: int | None = None
    connector: int | None = None
    request_id: str | None = None
    cause: str = ""
    received: float = 0.0
    wait: bool = True
    timeout_s: float = 30.0
    warnings: list[str] = field(default_factory=list)


class Override(Kept):
    """How the next `times` requests of that action are answered, None: all of them, `delay_s` seconds late.

    With `payload`, with the CALLERROR `error`, or not at all. Without any of these the station answers
    itself.
    """

    action: str
    payload: dict[str, Any] | None = None
    error: str | None = None
    silent: bool = False
    delay_s: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    times: Annotated[int, Meta(ge=1)] | None = 1

    @property
    def is_scripted(self) -> bool:
        """Whether the station itself has no say."""
        return self.silent or self.error is not None or self.payload is not None


class Held(Kept):
    """A request of the CSMS, by its message id, that is answered when it is `due`, in epoch seconds."""

    id: str
    action: str
    payload: Any
    due: float
    override: Override
