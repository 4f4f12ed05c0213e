"""How much each source hears in an hour, and whether that is far less than it should be.

A stream can lose most of what it carries while its socket lives and a little still comes. So the hour that has just
ended is held against the same hour of the days before: far below what is usual then, something is wrong.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import tables
from core.db import insert

HOUR = timedelta(hours=1)
DAYS = 14
"""Days before that tell what is usual."""
KNOWN = 3
"""So many of them must have been heard before anything is called usual."""
ENOUGH = 100
"""Where fewer events an hour are usual, a quiet hour says nothing."""
FAR_BELOW = 0.2
"""Share of the usual number below which an hour is a gap: nights and holidays differ by less."""


def record(db: Session, source_id: int, now: datetime, events: Mapping[str, int], kept: int) -> None:
    """Add to this hour what came, by collection; what was `kept` is counted with the first of them."""
    row, hour = tables.SourceHour, hour_of(now)
    for collection, number in sorted(events.items()):
        added = insert(db, row).values(source_id=source_id, hour=hour, collection=collection, events=number, kept=kept)
        sums = {"events": row.events + number, "kept": row.kept + kept}
        db.execute(added.on_conflict_do_update(index_elements=["source_id", "hour", "collection"], set_=sums))
        kept = 0


def hour_of(when: datetime) -> datetime:
    """The beginning of the hour."""
    return when.replace(minute=0, second=0, microsecond=0)


def usual(db: Session, source_id: int, hour: datetime) -> dict[str, float]:
    """Events by collection that are usual in an hour like this one: the median of the days before, where known."""
    row = tables.SourceHour
    before = [hour - timedelta(days=day) for day in range(1, DAYS + 1)]
    counts: dict[str, list[int]] = {}
    for found in db.execute(select(row.collection, row.events).where(row.source_id == source_id, row.hour.in_(before))):
        counts.setdefault(found.collection, []).append(found.events)
    return {name: statistics.median(heard) for name, heard in counts.items() if len(heard) >= KNOWN}


def far_below(db: Session, source_id: int, now: datetime) -> str | None:
    """What is wrong with the hour that ended last, in words; None if nothing is."""
    row, ended = tables.SourceHour, hour_of(now) - HOUR
    counts = select(row.collection, row.events).where(row.source_id == source_id, row.hour == ended)
    came = {found.collection: found.events for found in db.execute(counts)}
    for name, expected in usual(db, source_id, ended).items():
        if expected >= ENOUGH and came.get(name, 0) < FAR_BELOW * expected:
            return f"{came.get(name, 0):,} {name} came in an hour in which {expected:,.0f} are usual"
    return None
