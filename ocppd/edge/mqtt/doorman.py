"""Late and double commands: what must not be run, or not again. Plain data, time is given."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ocppd.core.errors import CommandError
from ocppd.core.times import parse_time

if TYPE_CHECKING:
    from ocppd.payload import Payload

# A contact bounces for so long, in seconds; a card is held to the reader for longer.
_BOUNCE = 0.3
_CARD_HELD = 2.0
# How long an answer is kept for whoever asks the same again, in seconds, and how many at most.
_REMEMBERED = 60.0
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class Known:
    """A command that was asked before: its answer and since when there is one, or who waits for it, too."""

    answer: dict[str, Any] | None = None
    at: float = 0.0
    waiting: list[Any] = field(default_factory=list)


class Doorman:
    """Remembers what was asked lately."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, float] = {}
        # Apart, as a command may wait for longer than answers are kept.
        self._pending: dict[Hashable, Known] = {}
        self._answered: dict[Hashable, Known] = {}

    def bounces(self, contact: Hashable, command: str, now: float) -> bool:
        """Whether the same message came from the same place a moment ago; a card held on counts on."""
        window = _CARD_HELD if command == "authorize" else _BOUNCE
        before = self._seen.pop(contact, None)
        self._seen[contact] = now  # the newest last, so that the oldest can go first
        while self._seen and now - next(iter(self._seen.values())) > _CARD_HELD:
            del self._seen[next(iter(self._seen))]
        return before is not None and now - before < window

    def asked_before(self, identity: Hashable, now: float) -> Known | None:
        """What is known of a command that names itself; None where it is new, and known from now on."""
        self._forget(now)
        known = self._pending.get(identity) or self._answered.get(identity)
        if known is None:
            self._pending[identity] = Known()
        return known

    def answered(self, identity: Hashable, answer: dict[str, Any], now: float) -> list[Any]:
        """Keep the answer; returns who else waits for it."""
        known = self._pending.pop(identity, None)
        if known is None:
            return []
        known.answer, known.at = answer, now
        self._answered[identity] = known
        waiting, known.waiting = known.waiting, []
        return waiting

    def _forget(self, now: float) -> None:
        while self._answered:
            oldest = next(iter(self._answered))
            if len(self._answered) <= _MOST_REMEMBERED and now - self._answered[oldest].at <= _REMEMBERED:
                return
            del self._answered[oldest]


def refuse_expired(payload: Payload, now: float) -> None:
    """Raise `expired` where the payload says until when it was meant (`sent_at`, `expires_s`)."""
    fields = payload.fields or {}
    if "expires_s" not in fields and "sent_at" not in fields:
        return
    sent_at, expires_s = fields.get("sent_at"), fields.get("expires_s")
    sent = parse_time(sent_at) if isinstance(sent_at, str) else None
    if sent is None:
        raise CommandError(
            "invalid_argument", "sent_at: a timestamp with a time zone, as 2025-01-01T10:00:00Z"
        )
    if isinstance(expires_s, bool) or not isinstance(expires_s, int | float):
        raise CommandError("invalid_argument", "expires_s: seconds")
    if now > sent + expires_s:
        raise CommandError("expired", f"the command was meant until {expires_s:g} s after {sent_at}")
