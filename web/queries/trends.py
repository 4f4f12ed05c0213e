"""What was said of a brand over time, read from the counts that are kept up as verdicts arrive; never from mentions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, Text, bindparam, cast, extract, func, or_, select, true
from sqlalchemy.orm import Session, aliased
from sqlalchemy.types import TypeEngine

from core.roles import Rights
from core.tables import Brand, Gap, HourCount, Incident, Ripple, Source, Topic, WordCount
from core.tables.row import UtcDateTime
from sentiment.accuracy import Share
from web.insight.period import Period

ALL = ("all", "")
"""The dimension and value under which every mention of a brand is counted."""
FILTERS = ("platform", "language", "topic", "intent")
"""Dimensions by which the counts can be narrowed, one at a time."""
WEEKS = 8
"""Weeks before, of which the usual is made."""
_CUT = 8
"""Of so many values one at either end is left out of what is usual."""
_KNOWN = 4
"""Weeks that have to be known for that."""
MOST_MARKS = 40
_COLUMNS = (
    HourCount.mentions,
    HourCount.negative,
    HourCount.neutral,
    HourCount.positive,
    HourCount.complaints,
    HourCount.unsure,
)


@dataclass(frozen=True, slots=True)
class Counts:
    """So many mentions, of which so many were judged negative ..., are complaints, or are not surely either."""

    mentions: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    complaints: int = 0
    unsure: int = 0

    @property
    def judged(self) -> int:
        """Those in a language that the model judges."""
        return self.negative + self.neutral + self.positive

    @property
    def complaint_share(self) -> Share:
        """Complaints of those judged."""
        return Share(min(self.complaints, self.judged), self.judged)

    @property
    def negative_share(self) -> Share:
        """Negative ones of those judged."""
        return Share(self.negative, self.judged)

    @property
    def positive_share(self) -> Share:
        """Positive ones of those judged."""
        return Share(self.positive, self.judged)


def together(counts: Sequence[Counts]) -> Counts:
    """The sum."""
    return Counts(
        sum(one.mentions for one in counts),
        sum(one.negative for one in counts),
        sum(one.neutral for one in counts),
        sum(one.positive for one in counts),
        sum(one.complaints for one in counts),
        sum(one.unsure for one in counts),
    )


Numbered = Mapping[int, Counts]
"""Counts by the number of the local day, or of the UTC hour, since 1970."""


def counted(
    db: Session, brands: Sequence[int], period: Period, only: tuple[str, str] = ALL, since: datetime | None = None
) -> dict[int, dict[int, Counts]]:
    """Counts by brand and by the number of the day or hour, of the period or of all from `since` to its end."""
    back = max(0, (period.start - since).days + 2) if since else 0
    whole = Period(period.first - timedelta(days=back), period.days + back, period.ends, period.zone, period.hourly)
    spans = [
        (number, max(one.start, since or one.start), one.end)
        for number, one in zip(numbers(whole), whole.buckets, strict=True)
    ]
    spans = [one for one in spans if one[1] < one[2]]
    found: dict[int, dict[int, Counts]] = {brand_id: {} for brand_id in brands}
    if spans:
        rows = _by_hour(brands, spans, only) if period.hourly else _by_day(db, brands, spans, only)
        for brand_id, number, *sums in db.connection().execute(rows):
            told = sums if period.hourly else (sums[0] or "0,0,0,0,0,0").split(",")
            found[brand_id][int(number)] = Counts(*map(int, told))
    return found


_Span = tuple[int, datetime, datetime]
"""The number of a day or hour, its begin and its end."""


def _by_hour(brands: Sequence[int], spans: Sequence[_Span], only: tuple[str, str]) -> Select[*tuple[Any, ...]]:
    """Each hour as it is kept; its number since 1970 from the database."""
    number = cast(extract("epoch", HourCount.hour), BigInteger) // 3600
    rows = select(HourCount.brand_id, number, *_COLUMNS).where(HourCount.brand_id.in_(brands))
    place = (HourCount.dimension == only[0], HourCount.value == only[1])
    return rows.where(*place, HourCount.hour >= spans[0][1], HourCount.hour < spans[-1][2])


def _by_day(
    db: Session, brands: Sequence[int], spans: Sequence[_Span], only: tuple[str, str]
) -> Select[*tuple[Any, ...]]:
    """The sums of each span, as one text: each is read along the index by itself, so that no hour's day has to be
    worked out and nothing is sorted, which takes three times as long."""
    each: Any
    if db.get_bind().dialect.name == "sqlite":
        told = json.dumps([[number, f"{start:{_STORED}}", f"{end:{_STORED}}"] for number, start, end in spans])
        each = func.json_each(told).table_valued("value")
        number, start, end = (func.json_extract(each.c.value, f"$[{place}]") for place in range(3))
    else:
        columns: tuple[tuple[TypeEngine[Any], str], ...] = (
            (BigInteger(), "number"),
            (UtcDateTime(), "start"),
            (UtcDateTime(), "end"),
        )
        arrays = [bindparam(None, [one[at] for one in spans], ARRAY(kind)) for at, (kind, _) in enumerate(columns)]
        each = func.unnest(*arrays).table_valued(*(name for _, name in columns)).render_derived()
        number, start, end = each.c.number, each.c.start, each.c.end
    hours = aliased(HourCount)
    sums: list[ColumnElement[str]] = [cast(func.sum(getattr(hours, column.key)), Text) for column in _COLUMNS]
    text = reduce(lambda before, one: before + "," + one, sums)
    mine = (hours.brand_id == Brand.id, hours.dimension == only[0], hours.value == only[1])
    told_of = select(text).where(*mine, hours.hour >= start, hours.hour < end).scalar_subquery()
    return select(Brand.id, number, told_of).select_from(Brand).join(each, true()).where(Brand.id.in_(brands))


_STORED = "%Y-%m-%d %H:%M:%S.%f"
"""How SQLite holds a moment."""


def numbers(period: Period) -> list[int]:
    """The numbers of its days or hours, as `counted` gives them."""
    if period.hourly:
        return [int(bucket.start.timestamp()) // 3600 for bucket in period.buckets]
    first = period.first.toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    return [first + place for place in range(len(period.buckets))]


def aligned(found: Numbered, period: Period) -> list[Counts]:
    """The counts of each day or hour of the period; none are zeros."""
    nothing = Counts()
    return [found.get(number, nothing) for number in numbers(period)]


def usual(found: Numbered, period: Period, known_from: datetime | None) -> list[tuple[float, float] | None]:
    """From how many to how many mentions are usual: the same weekday (and UTC hour) of the eight weeks before.

    One at either end is left out: one odd week makes nothing usual. None where fewer than four weeks are known.
    """
    step = 168 if period.hourly else 7
    unit = 3600 if period.hourly else 86400
    first = known_from.timestamp() / unit if known_from else float("inf")
    bands: list[tuple[float, float] | None] = []
    for number in numbers(period):
        weeks = [number - step * week for week in range(1, WEEKS + 1) if number - step * week >= first]
        like = sorted(found[week].mentions if week in found else 0 for week in weeks)
        cut = len(like) // _CUT
        bands.append((like[cut], like[-1 - cut]) if len(like) >= _KNOWN else None)
    return bands


def since_when(db: Session, brand_id: int) -> datetime | None:
    """The first hour that was counted."""
    mine = select(func.min(HourCount.hour)).where(HourCount.brand_id == brand_id, HourCount.dimension == ALL[0])
    return db.scalar(mine)


def total(
    db: Session, brands: Sequence[int], start: datetime, end: datetime, only: tuple[str, str]
) -> dict[int, Counts]:
    """The sums of a span of hours, by brand."""
    rows = (
        select(HourCount.brand_id, *(func.sum(column) for column in _COLUMNS))
        .where(HourCount.brand_id.in_(brands), HourCount.dimension == only[0], HourCount.value == only[1])
        .where(HourCount.hour >= start, HourCount.hour < end)
        .group_by(HourCount.brand_id)
    )
    found = {brand_id: Counts(*map(int, sums)) for brand_id, *sums in db.execute(rows)}
    return {brand_id: found.get(brand_id, Counts()) for brand_id in brands}


def by_value(db: Session, brand_id: int, dimension: str, period: Period) -> dict[str, int]:
    """How many mentions there were by each value of a dimension."""
    return by_values(db, brand_id, (dimension,), period)[dimension]


def by_values(db: Session, brand_id: int, dimensions: Sequence[str], period: Period) -> dict[str, dict[str, int]]:
    """The same by dimension, of several at once."""
    rows = (
        select(HourCount.dimension, HourCount.value, func.sum(HourCount.mentions))
        .where(HourCount.brand_id == brand_id, HourCount.dimension.in_(dimensions))
        .where(HourCount.hour >= period.start, HourCount.hour < period.end)
        .group_by(HourCount.dimension, HourCount.value)
    )
    found: dict[str, dict[str, int]] = {dimension: {} for dimension in dimensions}
    for dimension, value, count in db.execute(rows):
        found[dimension][value] = int(count)
    return found


def topics(db: Session, brand_id: int) -> dict[str, str]:
    """The names of the brand's topics, by their id as the counts name it."""
    rows = db.execute(select(Topic.id, Topic.name).where(Topic.brand_id == brand_id).order_by(Topic.name))
    return {str(topic_id): name for topic_id, name in rows}


def words(db: Session, brand_id: int, first: date, last: date) -> dict[str, int]:
    """In how many mentions of these days (UTC) each word stood."""
    rows = (
        select(WordCount.word, func.sum(WordCount.mentions))
        .where(WordCount.brand_id == brand_id, WordCount.day >= first, WordCount.day <= last)
        .group_by(WordCount.word)
    )
    return {word: int(count) for word, count in db.execute(rows)}


def competitors(db: Session, rights: Rights) -> list[Brand]:
    """The brands that are listened for to compare with, as far as one may see them."""
    return list(db.scalars(select(Brand).where(Brand.competitor, rights.brands(Brand.id)).order_by(Brand.name)))


def ripples(db: Session, brand_id: int, period: Period) -> Sequence[Ripple]:
    """What rose above the usual in the period; the newest, if they are many."""
    mine = (
        select(Ripple)
        .where(Ripple.brand_id == brand_id, Ripple.at >= period.start, Ripple.at < period.end)
        .order_by(Ripple.at.desc())
        .limit(MOST_MARKS)
    )
    return list(reversed(db.scalars(mine).all()))


def incidents(db: Session, brand_id: int, period: Period) -> Sequence[Incident]:
    """Incidents that were open in the period and were some; the newest, if they are many."""
    mine = (
        select(Incident)
        .where(Incident.brand_id == brand_id, Incident.state.in_(("open", "ended")), Incident.began_at < period.end)
        .where(or_(Incident.ended_at.is_(None), Incident.ended_at >= period.start))
        .order_by(Incident.began_at.desc())
        .limit(MOST_MARKS)
    )
    return list(reversed(db.scalars(mine).all()))


def gaps(db: Session, brand_id: int, period: Period) -> list[tuple[Gap, str]]:
    """Spans in which something may be missing for good or still, with their source's name."""
    rows = (
        select(Gap, Source.name)
        .join(Source, Source.id == Gap.source_id)
        .where(or_(Source.brand_id == brand_id, Source.brand_id.is_(None)))
        .where(or_(Gap.closed_at.is_(None), Gap.accepted_by.is_not(None)))
        .where(Gap.start < period.end, Gap.end > period.start)
        .order_by(Gap.start)
        .limit(MOST_MARKS)
    )
    return [(gap, name) for gap, name in db.execute(rows)]
