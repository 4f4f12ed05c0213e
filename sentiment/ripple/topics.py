"""A brand's topics: what it wants counted by itself. Adding or changing one counts the last weeks anew.

That is done by the stage `topic` in bounded batches, from the newest mention down: each mention waits for `count`
again, which moves the counts by the difference. Detectors of the topic begin anew, and are taught from history when
that is through (history.py).
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Match, Mention, Ripple, Series, Topic
from listener.query import Lists, Query, QuerySyntaxError, parse

STAGE = "topic"
BATCH = 500
"""Mentions of history that are looked through at once."""
REACH = timedelta(days=30)
"""What was written longer ago stays counted as it was."""


def add(db: Session, clock: Clock, brand_id: int, name: str, query: str) -> Topic:
    """Save a topic, and let the last weeks be counted for it."""
    row = Topic(brand_id=brand_id, name=name, query=query, created_at=clock.now())
    db.add(row)
    db.flush()
    _count_anew(db, clock, row)
    return row


def change(db: Session, clock: Clock, row: Topic, name: str, query: str, *, active: bool) -> None:
    """Change a topic. With another query, or switched on again, the last weeks are counted anew.

    Switched off it counts nothing more; what was counted stays.
    """
    anew = active and (query != row.query or not row.active)
    row.name, row.query, row.active = name, query, active
    if anew:
        _begin_anew(db, clock, row)
    elif not active:
        db.execute(delete(Series).filter_by(**_series_of(row)))


def relisted(db: Session, clock: Clock, brand_id: int, before: Lists, after: Lists) -> None:
    """The brand's lists of words have changed: topics that read otherwise with them are counted anew."""
    for row in db.scalars(select(Topic).filter_by(brand_id=brand_id, active=True).order_by(Topic.id)):
        if _read(row.query, before) != _read(row.query, after):
            _begin_anew(db, clock, row)


def _read(text: str, lists: Lists) -> Query | None:
    try:
        return parse(text, lists)
    except QuerySyntaxError:
        return None


def _begin_anew(db: Session, clock: Clock, row: Topic) -> None:
    mine = _series_of(row)
    db.execute(delete(Series).filter_by(**mine))
    db.execute(delete(Ripple).filter_by(**mine, incident_id=None))
    _count_anew(db, clock, row)


def _series_of(row: Topic) -> dict[str, object]:
    return {"brand_id": row.brand_id, "dimension": "topic", "value": str(row.id)}


def _count_anew(db: Session, clock: Clock, row: Topic) -> None:
    row.cursor = (db.scalar(select(func.max(Mention.id))) or 0) + 1
    waiting.add(db, clock, STAGE, [row.id])


def work(runtime: Runtime) -> int:
    """Look through one batch of history for one topic; see core/queue.py."""
    with runtime.db.write() as db:
        ids = waiting.take(db, runtime.clock, STAGE, 1)
        if not ids:
            return 0
        row = db.get(Topic, ids[0], with_for_update=True)
        if row is None or not row.active or row.cursor is None or not _look_further(db, runtime.clock, row):
            waiting.done(db, STAGE, ids)
            if row is not None:
                row.cursor = None
    return 1


def _look_further(db: Session, clock: Clock, row: Topic) -> bool:
    """Let the next batch of the brand's mentions be counted again; False once there is no next batch."""
    older = select(Mention.id).join(Match, Match.mention_id == Mention.id)
    older = older.where(Match.brand_id == row.brand_id, Mention.id < row.cursor, Mention.deleted_at.is_(None))
    older = older.where(Mention.created_at > clock.now() - REACH)
    batch = db.scalars(older.order_by(Mention.id.desc()).limit(BATCH)).all()
    waiting.add(db, clock, "count", batch, lane=waiting.LATE)
    if batch:
        row.cursor = batch[-1]
    return len(batch) == BATCH
