"""Slows guessing of passwords down without ever locking anybody out.

Failures are counted per name and address, per address, and per name. Past a number of free tries each further
failure doubles the wait, up to a limit; an hour after the last failure all is forgotten. The wait for a name alone
is short, so that a stranger who knows it cannot keep its owner out.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from core.clock import Clock

_FORGET_SECONDS = 3600.0
_MOST_KEYS = 10_000

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Throttle:
    """One per process; with several web processes each gives its own free tries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[_Key, _Failures] = {}

    def wait(self, name: str, address: str) -> int:
        """Seconds before the next try may be made; 0 if now."""
        with self._lock:
            return max(self._wait(key, free, most) for key, free, most in _limits(name, address))

    def failed(self, name: str, address: str) -> None:
        """A wrong password was given."""
        now = self._clock.monotonic()
        with self._lock:
            if len(self._failures) > _MOST_KEYS:
                self._forget(now)
            for key, _, _ in _limits(name, address):
                known = self._failures.get(key)
                fresh = known is None or now - known.last > _FORGET_SECONDS
                self._failures[key] = _Failures(1 if fresh or known is None else known.count + 1, now)

    def succeeded(self, name: str, address: str) -> None:
        """The right password was given: this name starts afresh from this address."""
        with self._lock:
            self._failures.pop(("both", name.casefold(), address), None)

    def _wait(self, key: _Key, free: int, most: int) -> int:
        known = self._failures.get(key)
        if known is None or known.count < free:
            return 0
        wait = min(1 << min(known.count - free + 1, 16), most)
        return max(0, round(known.last + wait - self._clock.monotonic()))

    def _forget(self, now: float) -> None:
        """Drop what is old, and if that is not enough, the oldest half."""
        by_age = sorted(self._failures.items(), key=lambda item: item[1].last)
        kept = [item for item in by_age if now - item[1].last <= _FORGET_SECONDS]
        self._failures = dict(kept[-_MOST_KEYS // 2 :])


def _limits(name: str, address: str) -> tuple[tuple[_Key, int, int], ...]:
    """What is counted, with the number of free tries and the longest wait in seconds."""
    folded = name.casefold()
    return (("both", folded, address), 5, 300), (("address", address), 30, 300), (("name", folded), 50, 15)
