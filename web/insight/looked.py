"""A brand looked at over a period: everything that its trends are made of, each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from urllib.parse import urlencode

from flask import url_for
from sqlalchemy.orm import Session

from core.roles import Rights
from core.tables import Brand
from sentiment.accuracy import Share
from web.insight.charts import Hole, Mark
from web.insight.figures import Mover, movers
from web.insight.period import DAY, HOUR, YEAR, Bucket, Period
from web.queries import care as cases
from web.queries import trends as read

MOVING_DAYS = 28
"""Words and topics are compared over so many days at most."""


@dataclass(frozen=True)
class Looked:
    """A brand in a period, narrowed to `only` (a dimension and a value), held against the year before or what was just
    before. `chosen` are the words of the address that say so."""

    db: Session
    brand: Brand
    period: Period
    only: tuple[str, str]
    against: str
    now: datetime
    chosen: Mapping[str, str]
    rights: Rights

    @property
    def platform(self) -> str:
        """The platform that it is narrowed to, as cases are too."""
        return self.only[1] if self.only[0] == "platform" else ""

    @cached_property
    def known_from(self) -> datetime | None:
        """The first hour that was counted of the brand."""
        return read.since_when(self.db, self.brand.id)

    @cached_property
    def has_last_year(self) -> bool:
        """Whether the same period of last year was counted."""
        return self.known_from is not None and self.known_from <= self.period.earlier(YEAR).start

    @cached_property
    def before(self) -> Period | None:
        """What it is held against; None where that was not counted as a whole."""
        days = YEAR if self.against == "year" and self.has_last_year else self._days_before
        before = self.period.earlier(days)
        return before if self.known_from and self.known_from < before.start + DAY else None

    @property
    def _days_before(self) -> int:
        """As many days as it has; short ones meet the same weekdays."""
        return self.period.days if self.period.days >= 7 else 7 * -(-self.period.days // 7)

    @cached_property
    def found(self) -> read.Numbered:
        """Counts by day or hour, from as long before as anything is compared."""
        start = self.period.start - timedelta(weeks=read.WEEKS)
        since = min(start, self.before.start) if self.before else start
        return read.counted(self.db, [self.brand.id], self.period, self.only, since)[self.brand.id]

    @cached_property
    def counts(self) -> list[read.Counts]:
        """Of each day or hour."""
        return read.aligned(self.found, self.period)

    @cached_property
    def counts_before(self) -> list[read.Counts] | None:
        """The same before."""
        return read.aligned(self.found, self.before) if self.before else None

    @cached_property
    def total(self) -> read.Counts:
        """Of the whole period."""
        return read.together(self.counts)

    @cached_property
    def total_before(self) -> read.Counts | None:
        """The same before."""
        return read.together(self.counts_before) if self.counts_before is not None else None

    @cached_property
    def competitors(self) -> list[Brand]:
        """The brands to compare with, as far as who asks may see them."""
        return [one for one in read.competitors(self.db, self.rights) if one.id != self.brand.id]

    @cached_property
    def found_of_all(self) -> dict[int, dict[int, read.Counts]]:
        """Counts by day or hour of the brand and its competitors."""
        since = self.before.start if self.before else None
        others = [one.id for one in self.competitors]
        if self._only_of_all != self.only:
            return read.counted(self.db, [self.brand.id, *others], self.period, self._only_of_all, since)
        found = read.counted(self.db, others, self.period, self.only, since) if others else {}
        return {self.brand.id: dict(self.found)} | found

    @property
    def _only_of_all(self) -> tuple[str, str]:
        """A topic is one brand's own: between brands it does not narrow."""
        return read.ALL if self.only[0] == "topic" else self.only

    @cached_property
    def voices(self) -> list[tuple[Brand, read.Counts, read.Counts | None]]:
        """Each brand with its counts of the period and before, the loudest competitor first."""
        found = []
        for brand in (self.brand, *self.competitors):
            now = read.together(read.aligned(self.found_of_all[brand.id], self.period))
            before = read.together(read.aligned(self.found_of_all[brand.id], self.before)) if self.before else None
            found.append((brand, now, before))
        return [found[0], *sorted(found[1:], key=lambda one: -one[1].mentions)]

    @cached_property
    def _every_case(self) -> cases.Care:
        return cases.care(self.db, self.brand, self.period.start, self.period.end, self.now)

    @cached_property
    def care(self) -> cases.Care:
        """The cases that were opened in the period."""
        return self._every_case.of_platform(self.platform)

    @cached_property
    def care_before(self) -> cases.Care | None:
        """The same before."""
        if not self.before:
            return None
        before = cases.care(self.db, self.brand, self.before.start, self.before.end, self.now)
        return before.of_platform(self.platform)

    @cached_property
    def by_platform(self) -> dict[str, Share]:
        """Complaints answered."""
        return cases.by_platform(self._every_case.complaints)

    @cached_property
    def by_audience(self) -> dict[str, Share]:
        """Complaints answered."""
        return cases.by_audience(self._every_case.complaints, self.platform)

    @cached_property
    def moving(self) -> tuple[Period, Period]:
        """The last days of the period, and as many before them, for what rises and falls."""
        tail = self.period.tail(MOVING_DAYS)
        return tail, tail.earlier(max(7, tail.days))

    @cached_property
    def topics(self) -> list[Mover]:
        """Topics that rise or fall, by their id."""
        return self._moving_by("topic")

    def _moving_by(self, dimension: str) -> list[Mover]:
        _, before = self.moving
        if not self.known_from or self.known_from > before.start + DAY:
            return []
        of = [read.total(self.db, [self.brand.id], one.start, one.end, read.ALL)[self.brand.id] for one in self.moving]
        here, there = (read.by_value(self.db, self.brand.id, dimension, one) for one in self.moving)
        return movers(here, of[0].mentions, there, of[1].mentions)

    @cached_property
    def word_days(self) -> tuple[datetime, datetime, datetime]:
        """Words are counted by UTC day: midnight before the days of before, of now, and after them."""
        after = datetime.combine((self.period.end - HOUR).date() + DAY, time(), UTC)
        days = min(self.period.days, MOVING_DAYS)
        return after - 2 * days * DAY, after - days * DAY, after

    @cached_property
    def words(self) -> list[Mover]:
        """Words that rise or fall."""
        began, middle, after = self.word_days
        if not self.known_from or self.known_from > began + DAY:
            return []
        of = [read.total(self.db, [self.brand.id], *span, read.ALL) for span in ((middle, after), (began, middle))]
        here = read.words(self.db, self.brand.id, middle.date(), (after - DAY).date())
        there = read.words(self.db, self.brand.id, began.date(), (middle - DAY).date())
        return movers(here, of[0][self.brand.id].mentions, there, of[1][self.brand.id].mentions)

    @cached_property
    def marks(self) -> list[Mark]:
        """Ripples and incidents, in order."""
        found = [
            Mark(max(one.began_at, self.period.start), "incident", one.name, self.to_incident(one.id))
            for one in read.incidents(self.db, self.brand.id, self.period)
        ]
        for ripple in read.ripples(self.db, self.brand.id, self.period):
            start = ripple.since.replace(minute=0, second=0, microsecond=0)
            span = Bucket(start, ripple.at.replace(minute=0, second=0, microsecond=0) + HOUR)
            href = self.to_incident(ripple.incident_id) if ripple.incident_id else self.to_mentions(span)[0]
            found.append(Mark(ripple.at, "ripple", ripple.sentence, href))
        return sorted(found, key=lambda mark: mark.at)

    @cached_property
    def holes(self) -> list[Hole]:
        """What is missing."""
        return [
            Hole(max(gap.start, self.period.start), min(gap.end, self.period.end), name)
            for gap, name in read.gaps(self.db, self.brand.id, self.period)
        ]

    def to_incident(self, incident_id: int) -> str:
        """Where an incident is shown."""
        return url_for("incidents.show", incident_id=incident_id)

    def to_mentions(self, *spans: Bucket | Period, **narrowed: str) -> list[str]:
        """Where the mentions are that were counted in each of the spans."""
        return self._to("trends.mentions", spans, {"only": self.chosen.get("only", "")} | narrowed)

    def to_cases(self, **narrowed: str) -> str:
        """Where the cases are that were opened in the period."""
        return self._to("trends.cases", (self.period,), {"platform": self.platform} | narrowed)[0]

    def _to(self, endpoint: str, spans: Sequence[Bucket | Period], narrowed: Mapping[str, str]) -> list[str]:
        """Addresses, put together by hand: a year has thousands of them."""
        path = url_for(endpoint, slug=self.brand.slug)
        said = "".join(f"&{urlencode({name: value})}" for name, value in narrowed.items() if value)
        return [f"{path}?from={span.start:%Y-%m-%dT%H}&to={span.end:%Y-%m-%dT%H}{said}" for span in spans]
