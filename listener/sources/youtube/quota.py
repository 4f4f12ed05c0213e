"""YouTube's units: how many requests a day, when a day begins, and how they are made to last."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.clock import Clock

PACIFIC = ZoneInfo("America/Los_Angeles")
SHORTEST_REST = 60
"""Seconds."""


class Quota:
    """Units that may be used now: a fifth of a day's at once, and the others evenly over the day."""

    def __init__(self, clock: Clock, units: int) -> None:
        self._clock = clock
        self._most = self._left = units / 5
        self._a_second = (units - self._most) / 86_400
        self._at = self._until = clock.now()
        self.spent = 0

    def spend(self) -> None:
        """One unit."""
        self._fill()
        self._left -= 1
        self.spent += 1

    def rest_until(self) -> datetime | None:
        """Until when to ask for nothing, because the units are spent: a minute at least."""
        self._fill()
        if self._left < 1 and self._until <= self._at:
            self._until = self._at + timedelta(seconds=max(SHORTEST_REST, (1 - self._left) / self._a_second))
        return self._until if self._until > self._at else None

    def _fill(self) -> None:
        now = self._clock.now()
        self._left = min(self._most, self._left + (now - self._at).total_seconds() * self._a_second)
        self._at = now


def next_day(now: datetime) -> datetime:
    """The next midnight in California, when the units of a new day begin."""
    there = now.astimezone(PACIFIC)
    return (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
