"""When a mention that may spread is looked at again: at growing intervals, sooner while it moves, until all is calm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.types import Counts
from listener.recount import FOLLOWED_FOR

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LADDER = (
    *(number * _MINUTE for number in (2, 5, 10, 20, 40, 90)),
    *(number * _HOUR for number in (3, 6, 12, 24, 48)),
    *(number * _DAY for number in (3, 4, 5, 6, 7)),
)
"""How old a mention is when it is looked at, where it shows a sign of spreading."""

QUIET = (10 * _MINUTE, 2 * _HOUR, 12 * _HOUR)
"""The same where it shows none."""

SOONEST = 2 * _MINUTE
"""From one look to the next, however fast it moves."""

HALF_AGAIN = 0.5
"""A mention that moves fast is looked at before it has grown by this share."""

STILL = 12 * _HOUR
"""When so long has brought next to nothing, all is calm."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a mention at one moment."""

    at: datetime
    counts: Counts

    @property
    def total(self) -> int:
        """Everything that people did with it."""
        return self.counts.likes + self.counts.reposts + self.counts.replies


def next_look(created_at: datetime, now: datetime, shows: bool, reads: Sequence[Read] = ()) -> datetime | None:
    """When to look at it after `now`, given what was read of it so far, in the order of time; None: not again.

    `shows`: there is a sign that it spreads.
    """
    if now - created_at >= FOLLOWED_FOR or is_calm(reads):
        return None
    due = next((created_at + age for age in (LADDER if shows else QUIET) if created_at + age > now), None)
    if due is None or not shows:
        return due
    return max(min(due, _before_it_has_grown(now, reads)), now + SOONEST)


def is_calm(reads: Sequence[Read]) -> bool:
    """Whether the last half day has brought less than a fiftieth."""
    if not reads:
        return False
    last = reads[-1]
    before = [one for one in reads if last.at - one.at >= STILL]
    return bool(before) and last.total <= before[-1].total * 1.02


def _before_it_has_grown(now: datetime, reads: Sequence[Read]) -> datetime:
    """When it will have half again as many reposts, if it goes on as between the last two readings."""
    if len(reads) < 2:
        return datetime.max.replace(tzinfo=now.tzinfo)
    before, last = reads[-2:]
    came = last.counts.reposts - before.counts.reposts
    if came < 3:
        return datetime.max.replace(tzinfo=now.tzinfo)
    wait = (last.at - before.at) * (HALF_AGAIN * max(last.counts.reposts, 10) / came)
    return now + min(wait, FOLLOWED_FOR)


def age(created_at: datetime, at: datetime) -> float:
    """Seconds since it was written, as the curve counts them."""
    return max(math.floor((at - created_at).total_seconds()), 0.0)
