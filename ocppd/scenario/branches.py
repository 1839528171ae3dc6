"""Generators side by side: each yields what it waits for, and goes on when that is there."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from typing import Any

from ocppd.core.errors import OcppdError
from ocppd.scenario.history import Entry, Key, Needle

MOST = 1000
"""How many branches may run side by side."""


class TooManyError(OcppdError):
    """More branches than MOST."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What a branch waits for: whichever comes first, and `until` at the latest, for which it gets None.

    The answer to a `key`; an entry that the `needle` fits, with the mark behind it; a change of a station.
    Where it waits for nothing at all, it goes on when all branches that it has begun have ended.
    """

    until: float = math.inf
    key: int | None = None
    needle: Needle | None = None
    changes: str | None = None


Work = Generator[Wait, Any, Any]
_NOTHING = Wait()


@dataclass(slots=True, eq=False)
class _Branch:
    work: Work
    parent: _Branch | None = None
    children: int = 0
    turn: int = 0  # of its latest wait: what comes for an earlier one counts no more
    wait: Wait = _NOTHING


class Branches:
    """See the module. `is_over` once the first one, and with it all, has ended."""

    def __init__(self) -> None:
        self.is_over = False
        self._count = 0
        self._running: _Branch | None = None
        self._turns = count(1)
        self._ready: deque[tuple[_Branch, int, Any]] = deque()
        self._due: list[tuple[float, int, _Branch]] = []
        self._answers: dict[int, _Branch] = {}
        self._needles: dict[Key, set[_Branch]] = {}
        self._changes: dict[str, set[_Branch]] = {}

    def begin(self, work: Work) -> None:
        """A branch that belongs to the one that runs now.

        Raises:
            TooManyError: there are MOST already.
        """
        if self._count >= MOST:
            raise TooManyError(f"at most {MOST} branches side by side")
        self._count += 1
        branch = _Branch(work, self._running)
        if branch.parent is not None:
            branch.parent.children += 1
        self._go_on_with(branch, None)

    # What they wait for

    def seen(self, mark: int, entry: Entry) -> None:
        """An entry has come, with the mark behind it."""
        for branch in list(self._needles.get(entry.key, ())):
            if branch.wait.needle is not None and not branch.wait.needle.differences(entry):
                self._go_on_with(branch, (mark, entry))

    def changed(self, station: str) -> None:
        """Something about a station has changed."""
        for branch in list(self._changes.get(station, ())):
            self._go_on_with(branch, station)

    def answered(self, key: int, answer: object) -> None:
        """What was asked under that key is answered."""
        branch = self._answers.get(key)
        if branch is not None:
            self._go_on_with(branch, answer)

    # Time

    @property
    def is_busy(self) -> bool:
        """Whether one of them can go on at once."""
        return bool(self._ready)

    @property
    def next_due(self) -> float:
        """When the next one goes on by itself; infinity for never."""
        while self._due and self._due[0][2].turn != self._due[0][1]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else math.inf

    def go_on(self, now: float) -> bool:
        """Let one of them go on to its next wait; whether there was one. Raises what it raises."""
        while self.next_due <= now:
            self._go_on_with(heapq.heappop(self._due)[2], None)
        while self._ready:
            branch, turn, value = self._ready.popleft()
            if branch.turn == turn:
                self._run(branch, value)
                return True
        return False

    def _run(self, branch: _Branch, value: Any) -> None:
        self._running = branch
        try:
            wait = branch.work.send(value)
        except StopIteration:
            self._end(branch)
        else:
            self._block(branch, wait)

    def _end(self, branch: _Branch) -> None:
        self._count -= 1
        parent = branch.parent
        if parent is None:
            self.is_over = True
            return
        parent.children -= 1
        if parent.children == 0:
            self._go_on_with(parent, None)

    def _go_on_with(self, branch: _Branch, value: Any) -> None:
        """Let it go on with what it has waited for; what else it waited for counts no more."""
        wait, branch.wait = branch.wait, _NOTHING
        if wait.key is not None:
            self._answers.pop(wait.key, None)
        if wait.needle is not None:
            self._needles[wait.needle.key].discard(branch)
        if wait.changes is not None:
            self._changes[wait.changes].discard(branch)
        branch.turn = next(self._turns)
        self._ready.append((branch, branch.turn, value))

    def _block(self, branch: _Branch, wait: Wait) -> None:
        branch.wait, branch.turn = wait, next(self._turns)
        if wait.until < math.inf:
            heapq.heappush(self._due, (wait.until, branch.turn, branch))
        if wait.key is not None:
            self._answers[wait.key] = branch
        if wait.needle is not None:
            self._needles.setdefault(wait.needle.key, set()).add(branch)
        if wait.changes is not None:
            self._changes.setdefault(wait.changes, set()).add(branch)
