"""Items that a stage could not handle: set aside with their reason, shown to a person, tried again on their word."""

from __future__ import annotations

import logging
import traceback

from sqlalchemy import delete
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.db import insert
from core.tables import SetAside

log = logging.getLogger(__name__)


def set_aside(db: Session, clock: Clock, stage: str, subject: str, subject_id: int, error: BaseException) -> None:
    """Move one item of `stage` (`subject` names its table) from what waits to what a person must look at."""
    log.error("%s: %s %d set aside: %s", stage, subject, subject_id, error)
    waiting.done(db, stage, [subject_id])
    row = {
        "stage": stage,
        "subject": subject,
        "subject_id": subject_id,
        "reason": f"{type(error).__name__}: {error}"[:500],
        "detail": "".join(traceback.format_exception(error))[-8000:],
        "at": clock.now(),
    }
    db.execute(insert(db, SetAside).values(row).on_conflict_do_nothing())


def try_again(db: Session, clock: Clock, set_aside_id: int) -> str | None:
    """Let the stage have the item again; gives the stage to nudge after the commit, None when it is gone already."""
    gone = delete(SetAside).where(SetAside.id == set_aside_id).returning(SetAside.stage, SetAside.subject_id)
    row = db.execute(gone).one_or_none()
    if row is None:
        return None
    waiting.add(db, clock, row.stage, [row.subject_id])
    return str(row.stage)
