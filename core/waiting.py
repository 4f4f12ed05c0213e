"""What each stage still has to do, as rows: durable, exact, and quick to ask however many mentions there are.

Whoever makes work for a stage adds its ids here in the same transaction; the stage takes some, does them, and
removes them in the transaction that writes the result. A crash in between leaves them waiting. An item may be
made to wait for a time (`due`): a snooze, a platform that said "later".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import insert
from core.tables import Waiting

_CHUNK = 500
"""Ids per statement: SQLite and PostgreSQL both limit the parameters of one."""


def add(db: Session, clock: Clock, stage: str, ids: Iterable[int], due: datetime | None = None) -> None:
    """Let `stage` work on these, from `due` (default: now) on; those that wait already keep their place.

    An item that is being worked on at this moment is waited for and added again, so that the stage sees what the
    caller changed (the update that changes nothing is what waits for the other's lock).
    """
    rows = [{"stage": stage, "subject_id": one, "due": due or clock.now()} for one in sorted(ids)]
    if rows:  # prepared once and run per row: several times as fast as one statement with hundreds of parameters
        statement = insert(db, Waiting).on_conflict_do_update(
            index_elements=["stage", "subject_id"], set_={"due": Waiting.due}
        )
        db.connection().execute(statement, rows)


def take(db: Session, clock: Clock, stage: str, limit: int) -> list[int]:
    """The ids that are due, longest first, at most `limit`; on PostgreSQL locked, past those that others hold."""
    due = select(Waiting.subject_id).where(Waiting.stage == stage, Waiting.due <= clock.now())
    return list(
        db.scalars(due.order_by(Waiting.due, Waiting.subject_id).limit(limit).with_for_update(skip_locked=True))
    )


def done(db: Session, stage: str, ids: Sequence[int]) -> None:
    """These are finished, or no longer there to work on."""
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        db.execute(delete(Waiting).where(Waiting.stage == stage, Waiting.subject_id.in_(chunk)))


def any_for(db: Session, clock: Clock, stage: str) -> bool:
    """Whether anything is due for `stage`."""
    return bool(db.scalar(select(exists().where(Waiting.stage == stage, Waiting.due <= clock.now()))))


def next_due(db: Session, clock: Clock, stages: Collection[str]) -> datetime | None:
    """When the next item of these stages becomes due of those that are not yet."""
    return db.scalar(select(func.min(Waiting.due)).where(Waiting.stage.in_(stages), Waiting.due > clock.now()))


def count(db: Session, stage: str) -> int:
    """How many items wait for `stage`, due or not."""
    return db.scalar(select(func.count()).select_from(Waiting).where(Waiting.stage == stage)) or 0
