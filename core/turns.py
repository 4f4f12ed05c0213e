"""Who writes next, where one may write at a time: SQLite's writers in this process, each in the order of their coming.

SQLite lets whoever finds the file locked look again after a while, up to a tenth of a second later, and whoever looks
first goes first: among threads that write without a pause one may wait for many seconds. So they queue here before
they ask for the file. Those in no hurry (batches in which nothing presses) let others pass, but not for ever.
"""

from __future__ import annotations

import threading
from collections import deque

PASSED = 4
"""So many in a hurry go before one that is in none."""


class Turns:
    """The queue of one database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._hurried: deque[threading.Event] = deque()
        self._patient: deque[threading.Event] = deque()
        self._passed = 0

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        with self._lock:
            return len(self._hurried) + len(self._patient)

    def take(self, *, patient: bool, seconds: float) -> bool:
        """Wait for a turn, `seconds` at most; whether it came."""
        mine = threading.Event()
        with self._lock:
            if not self._held:
                self._held = True
                return True
            (self._patient if patient else self._hurried).append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine.is_set():  # at the last moment
                return True
            (self._patient if patient else self._hurried).remove(mine)
        return False

    def leave(self) -> None:
        """End a turn; the next begins."""
        with self._lock:
            following = self._next()
            self._held = following is not None
            if following is not None:
                following.set()

    def _next(self) -> threading.Event | None:
        if self._hurried and not (self._patient and self._passed >= PASSED):
            self._passed = self._passed + 1 if self._patient else 0
            return self._hurried.popleft()
        self._passed = 0
        return self._patient.popleft() if self._patient else None


class Turn:
    """One transaction's place in the queue: taken when it begins to write, left when it has ended."""

    def __init__(self, turns: Turns, *, patient: bool, seconds: float) -> None:
        self._turns, self._patient, self._seconds = turns, patient, seconds
        self._mine = False

    def take(self) -> None:
        """Wait until it is ours. After `seconds` it goes on without, and the file's own lock decides."""
        self._mine = self._mine or self._turns.take(patient=self._patient, seconds=self._seconds)

    def leave(self) -> None:
        """Let the next begin; nothing where it never was ours."""
        if self._mine:
            self._mine = False
            self._turns.leave()
