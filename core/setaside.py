"""Items that a stage could not handle: set aside with their reason, shown to a person, tried again on their word."""

from __future__ import annotations

import logging
import traceback

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.clock import Clock
from core.tables import SetAside

log = logging.getLogger(__name__)


def set_aside(db: Session, clock: Clock, stage: str, subject: str, subject_id: int, error: BaseException) -> None:
    """Remember that `stage` failed on one item (`subject` names its table); the stage skips it from now on."""
    log.error("%s: %s %d set aside: %s", stage, subject, subject_id, error)
    if db.scalar(select(SetAside.id).where(SetAside.stage == stage, SetAside.subject_id == subject_id)):
        return
    reason = f"{type(error).__name__}: {error}"[:500]
    detail = "".join(traceback.format_exception(error))[-8000:]
    db.add(SetAside(stage=stage, subject=subject, subject_id=subject_id, reason=reason, detail=detail, at=clock.now()))


def not_set_aside(stage: str, subject_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The condition that leaves out items that `stage` has set aside."""
    return ~exists().where(SetAside.stage == stage, SetAside.subject_id == subject_id)


def try_again(db: Session, set_aside_id: int) -> bool:
    """Let the stage have the item again; False when it is no longer set aside."""
    gone = delete(SetAside).where(SetAside.id == set_aside_id).returning(SetAside.id)
    return db.scalar(gone) is not None
