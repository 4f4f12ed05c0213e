"""What each stage still has to do, as rows: durable, exact, and quick to ask however many mentions there are.

Whoever makes work for a stage adds its ids here in the same transaction; the stage takes some, does them, and
removes them in the transaction that writes the result. A crash in between leaves them waiting. An item may be
made to wait for a time (`due`): a snooze, a platform that said "later".

What presses overtakes: each item is in a lane, which goes with it from stage to stage (`lanes`). Some of every batch
are those that have waited longest in any lane, so that nothing waits for ever.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import case, delete, exists, func, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import PRESSES, insert
from core.tables import Waiting

PRESSING, USUAL, LATE = 0, 1, 2
"""The lanes: what overtakes, what is usual, and what lets others pass (imports, what was missed and is fetched)."""

AT_ONCE = 32
"""As many of what presses are taken in one batch: few, so that they are through before a large batch would be."""

STALLED = timedelta(seconds=30)
"""What has been due for so long and is not done meets some trouble, for which other work need not wait."""

_SHARE = 8
"""One in so many of a batch is there because it has waited longest, whatever its lane."""

_CHUNK = 500
"""Ids per statement: SQLite and PostgreSQL both limit the parameters of one."""


def add(
    db: Session,
    clock: Clock,
    stage: str,
    ids: Iterable[int],
    due: datetime | None = None,
    lane: int | Mapping[int, int] = USUAL,
) -> None:
    """Let `stage` work on these, from `due` (default: now) on; those that wait already keep their place.

    `lane` is that of all, or of each by its id (USUAL where it names none); of what waits already, the lower counts.
    An item that is being worked on at this moment is waited for and added again, so that the stage sees what the
    caller changed (the update, even one that changes nothing, is what waits for the other's lock).
    """
    lanes = dict[int, int]() if isinstance(lane, int) else lane
    usual = lane if isinstance(lane, int) else USUAL
    due = due or clock.now()
    rows = [{"stage": stage, "subject_id": one, "due": due, "lane": lanes.get(one, usual)} for one in sorted(ids)]
    if rows:  # prepared once and run per row: several times as fast as one statement with hundreds of parameters
        statement = insert(db, Waiting)
        lower = case((Waiting.lane < statement.excluded.lane, Waiting.lane), else_=statement.excluded.lane)
        statement = statement.on_conflict_do_update(index_elements=["stage", "subject_id"], set_={"lane": lower})
        db.connection().execute(statement, rows)


def take(db: Session, clock: Clock, stage: str, limit: int) -> list[int]:
    """The ids that are due, at most `limit`: lane by lane, in each the longest waiting first.

    Where something presses it is taken with few others, so that it need not wait for a whole batch to be done. Of two
    and more, one in _SHARE is there because it has waited longest. On PostgreSQL they are locked, and what others hold
    is passed over. Whether something presses is noted, for who writes what comes of it (Database.settle).
    """
    due = select(Waiting.subject_id).where(Waiting.stage == stage, Waiting.due <= clock.now())
    due = due.order_by(Waiting.due, Waiting.subject_id).with_for_update(skip_locked=True)
    few = min(limit, AT_ONCE)
    pressing = list(db.scalars(due.where(Waiting.lane == PRESSING).limit(few - _share(few))))
    db.info[PRESSES] = bool(pressing)
    if pressing:
        return pressing + list(db.scalars(due.where(Waiting.subject_id.not_in(pressing)).limit(_share(few))))
    longest = list(db.scalars(due.limit(_share(limit))))
    taken: list[int] = []
    for lane in (USUAL, LATE):
        if (more := limit - len(longest) - len(taken)) > 0:
            wanted = due.where(Waiting.lane == lane, Waiting.subject_id.not_in(longest))
            taken += db.scalars(wanted.limit(more))
    return longest + taken


def _share(size: int) -> int:
    """How many of a batch of this size are there because they have waited longest."""
    return max(1, size // _SHARE) if size > 1 else 0


def lanes(db: Session, stage: str, ids: Collection[int]) -> dict[int, int]:
    """The lane of each of these that waits for `stage`: for `add`, so that what presses does so at the next stage."""
    found: dict[int, int] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), _CHUNK):
        rows = select(Waiting.subject_id, Waiting.lane).where(
            Waiting.stage == stage, Waiting.subject_id.in_(wanted[start : start + _CHUNK])
        )
        found |= {row.subject_id: row.lane for row in db.execute(rows)}
    return found


def done(db: Session, stage: str, ids: Sequence[int]) -> None:
    """These are finished, or no longer there to work on."""
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        db.execute(delete(Waiting).where(Waiting.stage == stage, Waiting.subject_id.in_(chunk)))


def any_for(db: Session, clock: Clock, stage: str) -> bool:
    """Whether anything is due for `stage`."""
    return bool(db.scalar(select(exists().where(Waiting.stage == stage, Waiting.due <= clock.now()))))


def pressing(db: Session, clock: Clock, stages: Collection[str]) -> set[str]:
    """At which of these stages something presses. What has done so for longer than STALLED holds nobody up."""
    now = clock.now()
    wanted = select(Waiting.stage).where(Waiting.stage.in_(stages), Waiting.lane == PRESSING)
    return set(db.scalars(wanted.where(Waiting.due <= now, Waiting.due > now - STALLED).distinct()))


def next_due(db: Session, clock: Clock, stages: Collection[str]) -> datetime | None:
    """When the next item of these stages becomes due of those that are not yet."""
    return db.scalar(select(func.min(Waiting.due)).where(Waiting.stage.in_(stages), Waiting.due > clock.now()))


def count(db: Session, stage: str) -> int:
    """How many items wait for `stage`, due or not."""
    return db.scalar(select(func.count()).select_from(Waiting).where(Waiting.stage == stage)) or 0
