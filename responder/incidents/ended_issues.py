"""The open cases of a known issue that has ended come back, so many at a time: the `issue` stage.

Ending one takes as long as one batch, however many cases it has. The rest waits here; what a case's audit tells of is
done, so a crash neither loses one nor brings it back twice.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Audit, Case, KnownIssue
from responder.desk.states import OPEN_STATES
from responder.incidents import known_issues

STAGE = known_issues.ISSUES

BATCH = 100
"""Cases per transaction."""


def work(runtime: Runtime) -> int:
    """Bring some cases of one issue back; see core/queue.py."""
    clock = runtime.clock
    with runtime.db.read() as db:
        if not waiting.any_for(db, clock, STAGE):
            return 0
    with runtime.db.write() as db:
        ids = waiting.take(db, clock, STAGE, 1)
        for issue_id in ids:
            issue = db.get(KnownIssue, issue_id)
            if issue is None or not bring_back(db, clock, issue, ended_by(db, issue)):
                waiting.done(db, STAGE, [issue_id])
    return len(ids)


def bring_back(db: Session, clock: Clock, issue: KnownIssue, user_id: int | None) -> bool:
    """Bring BATCH of its cases back; whether more are left."""
    some = db.scalars(select(Case.id).where(*_left(issue)).order_by(Case.id).limit(BATCH)).all()
    known_issues.bring_back(db, clock, issue, some, user_id)
    return len(some) == BATCH


def coming_back(db: Session, issue: KnownIssue) -> int:
    """How many of its cases are still to come back."""
    if not waiting.lanes(db, STAGE, [issue.id]):
        return 0
    return db.scalar(select(func.count()).select_from(Case).where(*_left(issue))) or 0


def ended_by(db: Session, issue: KnownIssue) -> int | None:
    """Who ended it, as the cases tell that have come back."""
    mine = select(Audit.user_id).join(Case, Case.id == Audit.case_id).where(Case.known_issue_id == issue.id)
    told = mine.where(Audit.action == known_issues.ENDED, Audit.at >= issue.ended_at, Audit.user_id.is_not(None))
    return db.scalar(told.limit(1))


def _left(issue: KnownIssue) -> tuple[ColumnElement[bool], ...]:
    back = exists().where(Audit.case_id == Case.id, Audit.action == known_issues.ENDED, Audit.at >= issue.ended_at)
    return Case.known_issue_id == issue.id, Case.state.in_(OPEN_STATES), ~back
