"""What is behind a point of a trend: the mentions that were counted there, and the cases that were opened then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from core.tables import Author, Case, CaseMention, Counted, HourCount, Mention, WordCount
from web.queries.care import of_audience, of_platform

PAGE = 50
_MOST_LEFT = 20_000
"""Of more than so many it is not counted how many are left."""
SENTIMENTS = ("negative", "neutral", "positive")


@dataclass(frozen=True, slots=True)
class Point:
    """The mentions of a brand that were written from `start` until `end` (whole hours), narrowed; empty is all."""

    brand_id: int
    start: datetime
    end: datetime
    dimension: str = "all"
    value: str = ""
    sentiment: str = ""
    complaint: bool = False
    word: str = ""


@dataclass(frozen=True, slots=True)
class Behind:
    """How many were `counted` (None: not by these filters together), how many of them are `left`, and a page."""

    counted: int | None
    left: int | None
    rows: Sequence[Any]
    more: bool


def behind(db: Session, point: Point, page: int) -> Behind:
    """The mentions of a point, the newest hour first."""
    counted = _counted(db, point)
    mine = _narrowed(select(Counted.mention_id), point)
    gone = mine.join(Mention, Mention.id == Counted.mention_id).where(Mention.deleted_at.is_(None))
    left = db.scalar(select(func.count()).select_from(gone.subquery())) if (counted or 0) <= _MOST_LEFT else None
    rows = (
        _narrowed(select(Mention, Author, Counted.sentiment, Counted.complaint, CaseMention.case_id, Case.state), point)
        .join(Mention, Mention.id == Counted.mention_id)
        .join(Author, Author.id == Mention.author_id)
        .outerjoin(CaseMention, CaseMention.mention_id == Mention.id)
        .outerjoin(Case, (Case.id == CaseMention.case_id) & (Case.brand_id == point.brand_id))
        .where(Mention.deleted_at.is_(None))
        .order_by(Counted.hour.desc(), Counted.mention_id.desc())
        .limit(PAGE + 1)
        .offset(page * PAGE)
    )
    found = db.execute(rows).all()
    return Behind(counted, left, found[:PAGE], len(found) > PAGE)


def _narrowed(rows: Any, point: Point) -> Any:
    """`rows` of Counted, narrowed to the point."""
    rows = rows.where(Counted.brand_id == point.brand_id, Counted.hour >= point.start, Counted.hour < point.end)
    match point.dimension:
        case "platform":
            rows = rows.where(Counted.platform == point.value)
        case "language":
            rows = rows.where(Counted.language == point.value)
        case "intent":
            rows = rows.where(Counted.intent == point.value)
        case "topic":
            rows = rows.where(_holds(Counted.topics, point.value))
    if point.sentiment:
        rows = rows.where(Counted.sentiment == point.sentiment)
    if point.complaint:
        rows = rows.where(Counted.complaint.is_(True))
    return rows.where(_holds(Counted.words, point.word)) if point.word else rows


def _holds(column: Any, value: str) -> Any:
    """The condition that a list stored as JSON holds a text."""
    return cast(column, Text).contains(json.dumps(value), autoescape=True)


def _counted(db: Session, point: Point) -> int | None:
    """What the counts say of the point; they stay when mentions are forgotten."""
    if point.word:
        if point.dimension != "all" or point.sentiment or point.complaint:
            return None
        mine = select(func.sum(WordCount.mentions)).where(
            WordCount.brand_id == point.brand_id,
            WordCount.word == point.word,
            WordCount.day >= point.start.date(),
            WordCount.day < point.end.date(),
        )
        return int(db.scalar(mine) or 0)
    if point.sentiment and point.complaint:
        return None
    column = HourCount.complaints if point.complaint else getattr(HourCount, point.sentiment or "mentions")
    sums = select(func.sum(column)).where(
        HourCount.brand_id == point.brand_id,
        HourCount.dimension == point.dimension,
        HourCount.value == point.value,
        HourCount.hour >= point.start,
        HourCount.hour < point.end,
    )
    return int(db.scalar(sums) or 0)


@dataclass(frozen=True, slots=True)
class Opened:
    """The cases of a brand that were opened from `start` until `end`, narrowed; empty is all."""

    brand_id: int
    start: datetime
    end: datetime
    kind: str = ""
    platform: str = ""
    audience: str = ""
    outcome: str = ""


def opened(db: Session, wanted: Opened, page: int) -> Behind:
    """The cases, the newest first; those that were dismissed are left out, as in the figures."""
    conditions = [
        Case.brand_id == wanted.brand_id,
        Case.opened_at >= wanted.start,
        Case.opened_at < wanted.end,
        Case.state != "dismissed",
        *([Case.kind == wanted.kind] if wanted.kind else ()),
        *([Case.outcome.is_not(None)] if wanted.outcome else ()),
    ]
    conditions += [one for one in (of_platform(wanted.platform), of_audience(wanted.audience)) if one is not None]
    rows = (
        select(Case, Mention, Author)
        .join(Mention, Mention.id == Case.mention_id)
        .join(Author, Author.id == Mention.author_id)
        .where(*conditions)
        .order_by(Case.opened_at.desc(), Case.id.desc())
        .limit(PAGE + 1)
        .offset(page * PAGE)
    )
    found = db.execute(rows).all()
    count = db.scalar(select(func.count()).select_from(Case).where(*conditions)) or 0
    return Behind(count, count, found[:PAGE], len(found) > PAGE)
