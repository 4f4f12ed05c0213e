"""Looks whether waves are over, and clears up: the `calm` stage, whose subjects are brands.

Detectors hear of what comes as it is counted. That nothing comes they hear here: while a wave lasts every few minutes,
so that its end is noticed, else a few times a day, so that none has much to catch up on. Words that only one mention
of a day held say nothing of the brand, and go after a while.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select, tuple_
from sqlalchemy.orm import Session

from core import waiting
from core.runtime import Runtime
from core.tables import Brand, Series, WordCount
from sentiment.ripple import keeping
from sentiment.ripple.keeping import CALM, SOON

SELDOM = timedelta(hours=6)
"""When to look again while all is calm."""
PRUNED = 2_000
"""Words that are cleared up at once."""
_RARE = ((timedelta(days=2), 1), (timedelta(days=30), 2), (timedelta(days=400), 1_000_000_000))
"""Words of days so long ago go if no more mentions held them."""


def work(runtime: Runtime) -> int:
    """Look at one brand; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, CALM):
            return 0
    with runtime.db.write() as db:
        keeping.one_at_a_time(db)
        ids = waiting.take(db, runtime.clock, CALM, 1)
        if not ids:
            return 0
        waiting.done(db, CALM, ids)
        brand = db.get(Brand, ids[0])
        if brand is not None and db.scalar(select(Series.id).where(Series.brand_id == brand.id).limit(1)):
            lasts = keeping.catch_up(db, runtime.clock, brand)
            more = _prune(db, brand.id, runtime.clock.now())
            again = SOON if lasts or more else SELDOM
            waiting.add(db, runtime.clock, CALM, ids, runtime.clock.now() + again)
    return 1


def _prune(db: Session, brand_id: int, now: datetime) -> bool:
    """Remove some of the words that have become worthless; whether there may be more of them."""
    rare = [and_(WordCount.day < (now - age).date(), WordCount.mentions <= most) for age, most in _RARE]
    worthless = select(WordCount.day, WordCount.word).where(WordCount.brand_id == brand_id, or_(*rare)).limit(PRUNED)
    found = db.execute(worthless).all()
    for start in range(0, len(found), 200):
        part = [tuple(row) for row in found[start : start + 200]]
        gone = delete(WordCount).where(WordCount.brand_id == brand_id, tuple_(WordCount.day, WordCount.word).in_(part))
        db.execute(gone.execution_options(synchronize_session=False))
    return len(found) == PRUNED
