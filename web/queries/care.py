"""How a brand's cases were answered: how fast, in how many, of whom, and what became of it. Read from the cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Text, and_, case, cast, extract, func, literal, select
from sqlalchemy.orm import Session

from core.tables import Brand, Case
from responder.timing.sla import OpenHours
from sentiment.accuracy import Share
from web.insight.period import DAY, Period

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
    """The cases of a span that nobody dismissed. Moments are seconds since 1970, NaN where there is none yet."""

    opened: _Numbers
    replied: _Numbers
    resolved: _Numbers
    due: _Numbers
    kind: np.ndarray[Any, np.dtype[np.str_]]
    outcome: np.ndarray[Any, np.dtype[np.str_]]
    first_reply: _Numbers
    resolution: _Numbers
    now: float

    def within(self, start: datetime, end: datetime) -> Care:
        """Those opened from `start` until `end`."""
        first, last = np.searchsorted(self.opened, (start.timestamp(), end.timestamp()))
        part = slice(int(first), int(last))
        return Care(
            self.opened[part],
            self.replied[part],
            self.resolved[part],
            self.due[part],
            self.kind[part],
            self.outcome[part],
            self.first_reply[part],
            self.resolution[part],
            self.now,
        )

    @property
    def cases(self) -> int:
        """How many there are."""
        return len(self.opened)

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
        aimed = ~np.isnan(self.due) & (~np.isnan(self.replied) | (self.due < self.now))
        return Share(int(np.sum(aimed & (self.replied <= self.due))), int(np.sum(aimed)))

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
        return Share(int(np.sum(self.outcome == "better")), int(np.sum(self.outcome != "")))

    def _answered(self, kind: str) -> Share:
        mine = self.kind == kind
        return Share(int(np.sum(mine & ~np.isnan(self.replied))), int(np.sum(mine)))


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


def care(db: Session, brand: Brand, start: datetime, end: datetime, now: datetime, platform: str = "") -> Care:
    """The cases that were opened from `start` until `end`, in order.

    Each column comes as one text: to make a row of each case would take longer than all else on a page of trends.
    """
    moments = (Case.opened_at, Case.first_reply_at, Case.resolved_at, Case.due_at)
    epochs = (func.coalesce(cast(extract("epoch", moment), Text), "nan") for moment in moments)
    columns = (*epochs, Case.kind, func.coalesce(Case.outcome, ""))
    rows = (
        select(*(func.aggregate_strings(column, ",") for column in columns))
        .where(Case.brand_id == brand.id, Case.opened_at >= start, Case.opened_at < end)
        .where(Case.state != "dismissed")
    )
    if (only := of_platform(platform)) is not None:
        rows = rows.where(only)
    *texts, kinds, outcomes = db.execute(rows).one()
    numbers = [np.fromstring(one or "", dtype=np.float64, sep=",") for one in texts]
    order = np.argsort(numbers[0], kind="stable")
    begun, ends, done, due = (one[order] for one in numbers)
    kind, outcome = (np.array([] if one is None else one.split(","), np.str_)[order] for one in (kinds, outcomes))
    clock = _OpenTime(brand, start, now)
    return Care(
        begun,
        ends,
        done,
        due,
        kind,
        outcome,
        clock.at(ends) - clock.at(begun),
        clock.at(done) - clock.at(begun),
        now.timestamp(),
    )


Answered = Mapping[tuple[str, str], Share]
"""The share of complaints that were answered, by platform and audience."""


def complaints(db: Session, brand_id: int, period: Period) -> Answered:
    """Those of the cases that were opened in the period."""
    cuts = [(of_audience(name), literal(name)) for name in AUDIENCES if name != "unknown"]
    size = case(*((condition, name) for condition, name in cuts if condition is not None), else_=literal("unknown"))
    rows = (
        select(Case.platform, size.label("size"), func.count(Case.first_reply_at), func.count())
        .where(Case.brand_id == brand_id, Case.opened_at >= period.start, Case.opened_at < period.end)
        .where(Case.state != "dismissed", Case.kind == "complaint")
        .group_by(Case.platform, "size")
    )
    return {(platform, audience): Share(hits, of) for platform, audience, hits, of in db.execute(rows)}


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
    known = seconds[~np.isnan(seconds)]
    if not len(known):
        return Times(0, None, None)
    median, p90 = np.percentile(known, (50, 90))
    return Times(len(known), float(median), float(p90))
