"""How a brand's cases were answered: how fast, in how many, of whom, and what became of it; exact to the case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_
from sqlalchemy.orm import Session

from core.tables import Brand, Case
from responder.desk.notice import KINDS
from responder.timing import care_days
from responder.timing.care_days import OF_CASE, OUTCOMES, Packed
from responder.timing.sla import OpenHours
from sentiment.accuracy import Share
from web.insight.period import DAY

AUDIENCES: Mapping[str, tuple[int | None, int | None]] = {
    "small": (0, 100),
    "middle": (100, 1_000),
    "large": (1_000, 10_000),
    "huge": (10_000, None),
    "unknown": (None, None),
}
"""Followers of the author when the case was opened: from, and below."""
AUDIENCE_NAMES = {
    "small": "under 100 followers",
    "middle": "100 to 999",
    "large": "1,000 to 9,999",
    "huge": "10,000 and more",
    "unknown": "not known",
}

_Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of open time, of so many cases: the median, and what nine of ten stayed within. None of no case."""

    cases: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Care:
    """The cases of a span that nobody dismissed, in the order of their opening: what is known of each
    (responder/timing/care_days.py), the place of its platform in `platforms`, and the open time until its first reply
    and until it was resolved (NaN: not yet, or on the platform itself before we had heard of it)."""

    rows: Packed
    platform: np.ndarray[Any, np.dtype[np.int64]]
    platforms: Sequence[str]
    first_reply: _Numbers
    resolution: _Numbers
    now: float

    def within(self, start: datetime, end: datetime) -> Care:
        """Those opened from `start` until `end`."""
        first, last = np.searchsorted(self.rows["opened"], (start.timestamp(), end.timestamp()))
        return self._part(slice(int(first), int(last)))

    def of_platform(self, name: str) -> Care:
        """Those of one platform; all without a name."""
        if not name:
            return self
        return self._part(self.platform == (self.platforms.index(name) if name in self.platforms else -1))

    def _part(self, part: Any) -> Care:
        rest = (self.platforms, self.first_reply[part], self.resolution[part], self.now)
        return Care(self.rows[part], self.platform[part], *rest)

    @property
    def cases(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def replies(self) -> Times:
        """Open time from when a case was opened to its first reply, of those that have one."""
        return _times(self.first_reply)

    @property
    def resolutions(self) -> Times:
        """Open time from when a case was opened until it was resolved, likewise."""
        return _times(self.resolution)

    @property
    def in_target(self) -> Share:
        """First replies that were in time, of those that are sent or overdue."""
        due, replied = self.rows["due"], self.rows["replied"]
        aimed = ~np.isnan(due) & (~np.isnan(replied) | (due < self.now))
        return Share(int(np.sum(aimed & (replied <= due))), int(np.sum(aimed)))

    @property
    def answered(self) -> Share:
        """Complaints that were answered."""
        return self._answered("complaint")

    @property
    def thanked(self) -> Share:
        """Praise that was thanked for."""
        return self._answered("praise")

    @property
    def recovered(self) -> Share:
        """Of those who wrote again after our reply, those who then sounded better."""
        outcome = self.rows["outcome"]
        return Share(int(np.sum(outcome == OUTCOMES.index("better"))), int(np.sum(outcome != OUTCOMES.index(""))))

    def _answered(self, kind: str) -> Share:
        mine = self.rows["kind"] == KINDS.index(kind)
        return Share(int(np.sum(mine & ~np.isnan(self.rows["replied"]))), int(np.sum(mine)))

    @property
    def complaints(self) -> Answered:
        """The share of complaints that were answered, by platform and audience."""
        mine = self.rows["kind"] == KINDS.index("complaint")
        followers, replied = self.rows["followers"][mine], ~np.isnan(self.rows["replied"][mine])
        names = [name for name in AUDIENCES if name != "unknown"]
        audience = np.searchsorted([AUDIENCES[name][0] or 0 for name in names], followers, side="right")
        place = self.platform[mine] * (len(names) + 1) + audience  # 0 of each platform: nobody knows
        of = np.bincount(place)
        hits = np.bincount(place, weights=replied, minlength=len(of))
        found = {}
        for one in np.flatnonzero(of):
            on, size = divmod(int(one), len(names) + 1)
            found[self.platforms[on], names[size - 1] if size else "unknown"] = Share(int(hits[one]), int(of[one]))
        return found


Answered = Mapping[tuple[str, str], Share]
"""The share of complaints that were answered, by platform and audience."""


def of_platform(name: str) -> ColumnElement[bool] | None:
    """The condition on a Case that it is of a platform; None without one."""
    return Case.platform == name if name else None


def of_audience(name: str) -> ColumnElement[bool] | None:
    """The condition on a Case that its author had so many followers; None for no such audience."""
    if name not in AUDIENCES:
        return None
    least, below = AUDIENCES[name]
    if least is None:
        return Case.followers.is_(None)
    known = Case.followers >= least
    return known if below is None else and_(known, Case.followers < below)


def care(db: Session, brand: Brand, start: datetime, end: datetime, now: datetime) -> Care:
    """The cases that were opened from `start` until `end`."""
    found = care_days.read(db, brand.id, start.astimezone(UTC).date(), end.astimezone(UTC).date())
    platforms = sorted(found)
    rows = np.concatenate([np.empty(0, OF_CASE), *(found[name] for name in platforms)])
    platform = np.repeat(np.arange(len(platforms)), np.array([len(found[name]) for name in platforms], np.int64))
    order = np.argsort(rows["opened"], kind="stable")
    first, last = np.searchsorted(rows["opened"], (start.timestamp(), end.timestamp()), sorter=order)
    rows, platform = rows[order[first:last]], platform[order[first:last]]
    clock = _OpenTime(brand, start, now)
    begun, replied, resolved = (clock.at(rows[name]) for name in ("opened", "replied", "resolved"))
    waits = [
        np.where(rows[name] < rows["opened"], np.nan, until - begun)  # answered before we heard of it: no wait of ours
        for name, until in (("replied", replied), ("resolved", resolved))
    ]
    return Care(rows, platform, platforms, waits[0], waits[1], now.timestamp())


def by_platform(found: Answered) -> dict[str, Share]:
    """The share of complaints that were answered, by platform; the platform of most first."""
    every = {name: _sum(found, name, "") for name in sorted({platform for platform, _ in found})}
    return dict(sorted(every.items(), key=lambda one: -one[1].of))


def by_audience(found: Answered, platform: str = "") -> dict[str, Share]:
    """The same by the number of followers."""
    every = {name: _sum(found, platform, name) for name in AUDIENCES}
    return {name: share for name, share in every.items() if share.of}


def _sum(found: Answered, platform: str, audience: str) -> Share:
    mine = [share for (on, of), share in found.items() if platform in {"", on} and audience in {"", of}]
    return Share(sum(one.hits for one in mine), sum(one.of for one in mine))


class _OpenTime:
    """Seconds in which a brand was open since `start`, as far as `until`."""

    def __init__(self, brand: Brand, start: datetime, until: datetime) -> None:
        hours = OpenHours.read(brand.hours, brand.timezone, brand.holidays)
        self._always = hours.spans is None and not hours.closed
        if self._always:
            return
        length = max(until - start, DAY) + 3 * DAY
        spans = [(a.timestamp(), b.timestamp()) for a, b in hours.from_(start, length) if a < until]
        self._opens = np.array([a for a, _ in spans] or [until.timestamp()])
        self._lengths = np.array([b - a for a, b in spans] or [0.0])
        self._before = np.concatenate(([0.0], np.cumsum(self._lengths)[:-1]))

    def at(self, moments: _Numbers) -> _Numbers:
        """How much open time had passed at each moment; NaN stays."""
        if self._always:
            return moments
        place = np.clip(np.searchsorted(self._opens, moments, side="right") - 1, 0, None)
        inside = np.clip(moments - self._opens[place], 0.0, self._lengths[place])
        passed: _Numbers = np.where(np.isnan(moments), np.nan, self._before[place] + inside)
        return passed


def _times(seconds: _Numbers) -> Times:
    known = np.sort(seconds[~np.isnan(seconds)])
    if not len(known):
        return Times(0, None, None)
    return Times(len(known), _quantile(known, 0.5), _quantile(known, 0.9))


def _quantile(ordered: _Numbers, part: float) -> float:
    """What `part` of the numbers are below, between two of them in proportion, as numpy.percentile has it; of a few
    numbers, as in each day of a chart, that takes ten times as long."""
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
