"""How the cases of a day were answered, packed into one row per brand, day and platform: the `care` stage.

Figures over months are made of every case's moments (a median cannot be added up from days), and to read a row of each
takes longer than all else on a page. So the days that are over are packed: what the figures need of each case, exactly,
as numbers that numpy reads as they lie. Which days have changed since is noted by the database itself
(core/care_index.py), in the transaction that changed a case. Who reads takes the cases of those days from their rows,
so that the figures are exact at every moment, whether the stage ran or not; it packs them anew.

Nothing waits for this stage (core/waiting.py): it looks at every sweep where it has a thread of its own, and elsewhere
when somebody looked at figures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from sqlalchemy import and_, delete, exists, insert, or_, select, text
from sqlalchemy.orm import Session

from core.runtime import Runtime
from core.tables import Brand, CareChange, CareDay, Case
from responder.desk.notice import KINDS

STAGE = "care"
BATCH = 30
"""Days of brands per transaction."""
OUTCOMES = ("", "better", "same", "worse")
UNKNOWN = -1
"""As followers: nobody knows how many."""

OF_CASE = np.dtype(
    [
        ("opened", "<f8"),
        ("replied", "<f8"),
        ("resolved", "<f8"),
        ("due", "<f8"),
        ("followers", "<i8"),
        ("kind", "u1"),
        ("outcome", "u1"),
    ]
)
"""What is packed of each case: moments in seconds since 1970 (NaN: none yet), followers, places in KINDS and OUTCOMES.

It is stored so: a change of it, of KINDS or OUTCOMES needs a revision that notes all days as changed.
"""
Packed = np.ndarray[Any, np.dtype[Any]]
_DAY = timedelta(days=1)
_ONE_AT_A_TIME = 0x5249_5043_4152
"""Key of the PostgreSQL advisory lock under which one transaction at a time packs ("RIPCAR"), so that none writes what
it read before another wrote something newer."""


def work(runtime: Runtime) -> int:
    """Pack some days that are over and changed; see core/queue.py. Gives how many."""
    today = runtime.clock.now().astimezone(UTC).date()
    with runtime.db.read() as db:
        if not db.scalar(select(exists().where(CareChange.day < today))):
            return 0
    with runtime.db.write() as db:
        return pack(db, today)


def pack(db: Session, before: date) -> int:
    """Pack at most BATCH changed days before a day; gives how many."""
    if db.get_bind().dialect.name != "sqlite":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    due = select(CareChange.brand_id, CareChange.day).where(CareChange.day < before).distinct()
    days: dict[int, list[date]] = {}
    for brand_id, day in db.execute(due.order_by(CareChange.day.desc(), CareChange.brand_id).limit(BATCH)):
        days.setdefault(brand_id, []).append(day)
    for brand_id, theirs in days.items():
        of_days = (CareChange.brand_id == brand_id, CareChange.day.in_(theirs))
        noted = db.scalars(select(CareChange.id).where(*of_days)).all()  # what is noted from now on stays
        _replace(db, brand_id, theirs)
        for start in range(0, len(noted), 500):
            db.execute(delete(CareChange).where(CareChange.id.in_(noted[start : start + 500])))
    return sum(map(len, days.values()))


def _replace(db: Session, brand_id: int, days: Sequence[date]) -> None:
    """Make a brand's rows of these days anew."""
    db.execute(delete(CareDay).where(CareDay.brand_id == brand_id, CareDay.day.in_(days)))
    if db.get(Brand, brand_id) is None:
        return
    rows = []
    for platform, cases in rows_of(db, brand_id, days).items():
        numbers = np.floor(cases["opened"] / 86400).astype(int)
        for number in np.unique(numbers):
            day = date.fromordinal(_EPOCH + int(number))
            mine = cases[numbers == number].tobytes()
            rows.append({"brand_id": brand_id, "day": day, "platform": platform, "cases": mine})
    if rows:
        db.execute(insert(CareDay), rows)


_EPOCH = date(1970, 1, 1).toordinal()


def rows_of(db: Session, brand_id: int, days: Collection[date]) -> dict[str, Packed]:
    """The cases of these days that were not dismissed, by platform, read from their rows."""
    columns = (Case.platform, Case.opened_at, Case.first_reply_at, Case.resolved_at, Case.due_at, Case.followers)
    spans = [
        and_(Case.opened_at >= _midnight(first), Case.opened_at < _midnight(last + _DAY))
        for first, last in _spans(days)
    ]
    found: dict[str, list[tuple[Any, ...]]] = {}
    for start in range(0, len(spans), 100):
        wanted = select(*columns, Case.kind, Case.outcome).where(Case.brand_id == brand_id, Case.state != "dismissed")
        for row in db.execute(wanted.where(or_(*spans[start : start + 100]))):
            found.setdefault(row.platform, []).append(_of_case(row))
    return {platform: np.array(cases, OF_CASE) for platform, cases in found.items()}


def _of_case(row: Any) -> tuple[Any, ...]:
    moments = (np.nan if one is None else one.timestamp() for one in (row.first_reply_at, row.resolved_at, row.due_at))
    followers = UNKNOWN if row.followers is None else row.followers
    return row.opened_at.timestamp(), *moments, followers, KINDS.index(row.kind), OUTCOMES.index(row.outcome or "")


def _spans(days: Collection[date]) -> Iterable[tuple[date, date]]:
    """Days as spans (first, last) of days that follow each other."""
    ends = [day for day in sorted(days) if day + _DAY not in days]
    begins = [day for day in sorted(days) if day - _DAY not in days]
    return zip(begins, ends, strict=True)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def read(db: Session, brand_id: int, first: date, last: date) -> Mapping[str, Packed]:
    """The cases of a brand that were opened on these days (UTC) and not dismissed, by platform: exact at this moment.

    What changed is asked for first: a day that is packed meanwhile is then read from its rows all the same.
    """
    changed = select(CareChange.day).where(CareChange.brand_id == brand_id, CareChange.day.between(first, last))
    fresh = set(db.scalars(changed.distinct()))
    rows = select(CareDay.platform, CareDay.day, CareDay.cases).where(CareDay.brand_id == brand_id)
    parts: dict[str, list[bytes]] = {}
    for platform, day, cases in db.execute(rows.where(CareDay.day.between(first, last))):
        if day not in fresh:
            parts.setdefault(platform, []).append(cases)
    for platform, whole in (rows_of(db, brand_id, fresh) if fresh else {}).items():
        parts.setdefault(platform, []).append(whole.tobytes())
    return {platform: np.frombuffer(b"".join(some), OF_CASE) for platform, some in parts.items()}
