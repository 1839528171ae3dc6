"""Which call may leave next (Part 4, 4.1; B01 to B03, E04, E13). Plain functions on `state.Outbox`.

one call in flight           the next leaves when it is answered or has timed out
BootNotification first       nothing else before the CSMS has accepted the station, but what a
                             TriggerMessage or a report asked for while the CSMS says Pending (B02.FR.02)
TransactionEvents in order   kept offline, retried as E13 says; others may overtake while one waits
everything else              is kept offline only where its sender, or QueueAllMessages, says so
"""

from __future__ import annotations

from collections.abc import Iterator

from ocppd.core.state import Outbox, QueuedCall, State

# A bound on memory: with more TransactionEvents than this waiting, every second Updated goes (E04.FR.07).
MOST_TRANSACTION_EVENTS = 1000
# The same for all other calls but security events: what would be one more is lost.
MOST_CALLS = 200
# Security events have room of their own, as their delivery is guaranteed (A04.FR.02).
MOST_SECURITY_EVENTS = 200


def put(outbox: Outbox, call: QueuedCall) -> None:
    """Queue `call`: behind all others, or, where it is to be `first`, behind the other first ones only."""
    # At the bound itself each answer makes room for one and the next is lost: that is one overflow.
    if outbox.overflowing and _others(outbox) <= MOST_CALLS // 2:
        outbox.overflowing = False
    if call.first:
        place = next((n for n, waiting in enumerate(outbox.queue) if not waiting.first), len(outbox.queue))
        outbox.queue.insert(place, call)
    else:
        outbox.queue.append(call)


def repeats(outbox: Outbox, call: QueuedCall) -> bool:
    """Whether `call` is a Heartbeat that one which waits already does for, as nobody waits for its answer."""
    if call.action != "Heartbeat" or call.context or not call.checked:
        return False
    return any(
        waiting.action == "Heartbeat" and waiting.checked and waiting.while_pending >= call.while_pending
        for waiting in outbox.queue
    )


def has_room(outbox: Outbox, call: QueuedCall) -> bool:
    """Whether `call` may wait here: a TransactionEvent always (see `thin`), any other up to a bound."""
    if is_security_event(call):
        return sum(map(is_security_event, outbox.queue)) < MOST_SECURITY_EVENTS
    if is_transaction_event(call) or not is_full(outbox):
        return True
    # Without a BootNotification nothing that waits would ever leave.
    return call.action == "BootNotification" and call.action not in {it.action for it in outbox.queue}


def is_full(outbox: Outbox) -> bool:
    """Whether no more calls than those that wait may, TransactionEvents apart."""
    return len(outbox.queue) >= MOST_CALLS and _others(outbox) >= MOST_CALLS


def room(outbox: Outbox) -> int:
    """How many calls that are neither TransactionEvents nor security events may still be queued."""
    return max(0, MOST_CALLS - _others(outbox))


def overflows_anew(outbox: Outbox) -> bool:
    """Note that a call is lost; whether it is the first since the outbox was half empty or better."""
    if outbox.overflowing:
        return False
    outbox.overflowing = True
    return True


def _others(outbox: Outbox) -> int:
    return sum(not (is_transaction_event(call) or is_security_event(call)) for call in outbox.queue)


def take(state: State, now: float) -> QueuedCall | None:
    """Move the call that may leave now from the queue into flight; None where none may."""
    outbox = state.outbox
    if outbox.in_flight is not None or not state.csms.connected:
        return None
    for place, call in _eligible(state):
        if call.not_before <= now:
            outbox.in_flight = outbox.queue.pop(place)
            outbox.in_flight.attempts += 1
            return outbox.in_flight
    return None


def next_retry(state: State) -> float | None:
    """When the call that waits for its next attempt may leave, in epoch seconds.

    Only TransactionEvents are tried again, and of them the oldest first.
    """
    if state.boot.due is not None:
        return None
    oldest = next(filter(is_transaction_event, state.outbox.queue), None)
    return oldest.not_before or None if oldest is not None else None


def _eligible(state: State) -> Iterator[tuple[int, QueuedCall]]:
    """The calls that the registration lets pass, of the TransactionEvents only the oldest (E04.FR.02)."""
    boot = state.boot
    blocked = False
    for place, call in enumerate(state.outbox.queue):
        if boot.due is not None and not _passes_boot(call, boot.registration):
            continue
        if is_transaction_event(call):
            if blocked:
                continue
            blocked = True
        yield place, call


def _passes_boot(call: QueuedCall, registration: str | None) -> bool:
    return call.action == "BootNotification" or (registration == "Pending" and call.while_pending)


def is_transaction_event(call: QueuedCall) -> bool:
    """Whether it is one of the station's own; what somebody has it send as it is, is theirs."""
    return call.action == "TransactionEvent" and call.checked


def is_security_event(call: QueuedCall) -> bool:
    """Whether it is one of the station's own, as above."""
    return call.action == "SecurityEventNotification" and call.checked


def connection_lost(outbox: Outbox) -> list[QueuedCall]:
    """Put the call in flight back and forget what is not worth keeping; returns what was forgotten.

    The loss of the connection is no failed attempt (E13), and what still waits now happened offline as far
    as the CSMS can tell (E11.FR.07).
    """
    if outbox.in_flight is not None:
        outbox.in_flight.attempts -= 1
        outbox.queue.insert(0, outbox.in_flight)
        outbox.in_flight = None
    forgotten = [call for call in outbox.queue if not call.keep]
    outbox.queue = [call for call in outbox.queue if call.keep]
    for call in outbox.queue:
        if is_transaction_event(call):
            call.payload["offline"] = True
    return forgotten


def thin(outbox: Outbox) -> int:
    """Too many TransactionEvents wait: drop every second sample; returns how many went (E04.FR.07).

    Where that is not enough, every second of the other Updated goes, too.
    """
    if len(outbox.queue) <= MOST_TRANSACTION_EVENTS:
        return 0
    waiting = [call for call in outbox.queue if is_transaction_event(call)]
    if len(waiting) <= MOST_TRANSACTION_EVENTS:
        return 0
    updates = [call for call in waiting if _is_thinnable(call)]
    samples = [call for call in updates if call.payload["triggerReason"] == "MeterValuePeriodic"]
    gone = {id(call) for call in samples[::2]}
    if len(waiting) - len(gone) > MOST_TRANSACTION_EVENTS:
        others = [call for call in updates if call.payload["triggerReason"] != "MeterValuePeriodic"]
        gone |= {id(call) for call in others[::2]}
    outbox.queue = [call for call in outbox.queue if id(call) not in gone]
    outbox.dropped += len(gone)
    return len(gone)


def _is_thinnable(call: QueuedCall) -> bool:
    """Neither the start nor the end may go (E04.FR.08), and a token is told by nothing else."""
    return call.payload["eventType"] == "Updated" and "idToken" not in call.payload
