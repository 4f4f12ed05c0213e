"""How often a mention was liked, passed on and answered at one moment after the other: the readings of its curve.

Readings come in two ways: the responder's stage `spread` asks the platform (Recounts), and the listener hears of new
counts by itself, which costs nothing. What it hears of a mention that nobody follows yet, and that shows a sign of
spreading, is handed to the stage.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import tables, waiting
from core.clock import Clock
from core.db import insert
from core.types import Counts, Recount
from listener import budget
from listener.chunks import chunks
from listener.forget import forget_mentions

STAGE = "spread"
"""Where readings are looked at (responder/spread/spread.py)."""

LIKES, REPOSTS, REPLIES = 10, 1, 3
"""From so many on there is a sign that a mention may spread."""

EVERY = timedelta(minutes=1)
"""What the listener hears by itself is a reading at most so often."""

FOLLOWED_FOR = timedelta(days=7)
"""Older mentions are nobody's news any more."""


def shows(likes: int, reposts: int, replies: int) -> bool:
    """Whether these counts are a sign of spreading."""
    return likes >= LIKES or reposts >= REPOSTS or replies >= REPLIES


def moved(before: int, now: int) -> bool:
    """Whether reposts have grown by so much that nobody should wait for the next reading."""
    return now >= before + 5 + before // 5


def heard(db: Session, clock: Clock, mention_ids: Collection[int]) -> None:
    """The listener has just changed the counts of these mentions: note readings, and whom to look at."""
    for part in chunks(sorted(mention_ids)):
        rows = [one for one in _known(db, part) if shows(one.likes, one.reposts, one.replies)]
        recent = clock.now() - FOLLOWED_FOR
        followed = [one for one in rows if one.followed and (one.read_at is None or one.read_at <= clock.now() - EVERY)]
        read(db, {one.id: Counts(one.likes, one.reposts, one.replies) for one in followed}, clock.now())
        hurry = [one.id for one in followed if moved(one.before or 0, one.reposts)]
        waiting.done(db, STAGE, hurry)
        news = [one.id for one in rows if not one.followed and one.created_at > recent]
        waiting.add(db, clock, STAGE, hurry + news)


def _known(db: Session, ids: Sequence[int]) -> Sequence[Any]:
    """The counts of those of these that somebody has a case of, whether they are followed, and the last reading."""
    mention, spread, reading, member = tables.Mention, tables.Spread, tables.Reading, tables.CaseMention
    last = select(func.max(reading.at)).where(reading.mention_id == mention.id).correlate(mention).scalar_subquery()
    found = select(
        mention.id,
        mention.likes,
        mention.reposts,
        mention.replies,
        mention.created_at,
        (spread.mention_id.is_not(None) & spread.ended_at.is_(None)).label("followed"),
        reading.at.label("read_at"),
        reading.reposts.label("before"),
    )
    joined = found.join(member, member.mention_id == mention.id).outerjoin(spread, spread.mention_id == mention.id)
    joined = joined.outerjoin(reading, (reading.mention_id == mention.id) & (reading.at == last))
    return db.execute(joined.where(mention.id.in_(ids), mention.deleted_at.is_(None))).all()


def read(db: Session, counts: Mapping[int, Counts], at: datetime) -> None:
    """Keep readings, by mention id; two of the same moment are one."""
    rows = [
        {"mention_id": one, "at": at, "likes": told.likes, "reposts": told.reposts, "replies": told.replies}
        for one, told in sorted(counts.items())
    ]
    if rows:
        db.execute(insert(db, tables.Reading).on_conflict_do_nothing(), rows)


def store(
    db: Session,
    clock: Clock,
    source: tables.Source,
    asked: Mapping[str, int],
    told: frozenset[str],
    found: Recount,
) -> set[int]:
    """Keep what a platform said of mentions (their ids by native id) of `source`; the ids of those that it counted.

    `told` are the counts that it tells; the others stay as they are. What is gone is forgotten.
    """
    now, mention = clock.now(), tables.Mention
    counted = {asked[one]: counts for one, counts in found.counts.items() if one in asked}
    held = select(mention.id, mention.likes, mention.reposts, mention.replies).where(mention.deleted_at.is_(None))
    before = {one.id: one for part in chunks(sorted(counted)) for one in db.execute(held.where(mention.id.in_(part)))}
    after = {
        one: Counts(**{name: getattr(counted[one] if name in told else row, name) for name in Counts.__slots__})
        for one, row in sorted(before.items())
    }
    for one, counts in after.items():
        values = {"likes": counts.likes, "reposts": counts.reposts, "replies": counts.replies}
        db.execute(update(mention).where(mention.id == one).values(**values))
    read(db, after, now)
    forget_mentions(db, clock, [asked[one] for one in found.deleted if one in asked])
    budget.spend(db, source, found.spent, now)
    return set(after)
