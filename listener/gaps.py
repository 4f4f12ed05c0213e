"""Spans in which a source may have missed something: opened when it cannot hear, closed once all of it was heard.

An ordinary gap (an outage, a restart, a limit that was used up) closes by itself: the cursor still stands where the
gap begins, and when everything up to the gap's end has been heard, nothing is missing. A `lost` gap is one that the
cursor cannot bring back (the platform no longer had it, or a stream had a hole): it is asked for part by part with
the source's `fetch_gap`, where it has one, and stays open until that has come to its end or a person accepts it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core import tables
from core.types import Page, Span

TRY_AGAIN = timedelta(minutes=5)
"""After a part of a gap could not be fetched."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When to ask again for what the platform says can no longer be had."""


def note(db: Session, source_id: int, span: Span, *, lost: bool = False) -> None:
    """Open a gap, or lengthen the open one that begins where this one does. An empty span is none."""
    if span.end <= span.start:
        return
    gap = tables.Gap
    same = select(gap).where(gap.source_id == source_id, gap.start == span.start, gap.lost == lost)
    found = db.scalars(same.where(gap.closed_at.is_(None)).limit(1)).one_or_none()
    if found:
        found.end, found.reason = max(found.end, span.end), span.reason
    else:
        db.add(gap(source_id=source_id, start=span.start, end=span.end, reason=span.reason, lost=lost))


def close_heard(db: Session, source: tables.Source, now: datetime) -> int:
    """Close the gaps of which everything has been heard; how many."""
    if source.heard_to is None:
        return 0
    gap = tables.Gap
    heard = update(gap).where(
        gap.source_id == source.id, gap.closed_at.is_(None), ~gap.lost, gap.end <= source.heard_to
    )
    return len(db.scalars(heard.values(closed_at=now).returning(gap.id)).all())


def to_fetch(db: Session, source_id: int, now: datetime) -> tables.Gap | None:
    """The newest open gap that has to be asked for and is due: what customers said last is still worth an answer."""
    gap = tables.Gap
    due = or_(gap.next_try_at.is_(None), gap.next_try_at <= now)
    wanted = select(gap).where(gap.source_id == source_id, gap.closed_at.is_(None), gap.lost, due)
    return db.scalars(wanted.order_by(gap.start.desc()).limit(1)).one_or_none()


def fetched(db: Session, gap_id: int, page: Page, now: datetime) -> None:
    """Note that a part of a gap was stored; the last part closes it, unless it said what can no longer be had.

    Of that a shorter gap stays open, to be asked for no more.
    """
    row = db.get(tables.Gap, gap_id)
    if row is None or row.closed_at:
        return
    if page.more:
        row.cursor, row.next_try_at = page.cursor, page.rest_until
        return
    row.closed_at = now
    for span in page.gaps:
        known = {"source_id": row.source_id, "start": span.start, "end": span.end, "reason": span.reason}
        db.add(tables.Gap(**known, lost=True, next_try_at=NEVER))
