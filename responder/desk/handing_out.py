"""The next case for somebody: the most pressing one that they may answer and that nobody holds or owns.

First come their own that are overdue, then what stands in their teams' queues or in none, by priority. The row is
locked while it is given away and others look past it, and the claim is a conditional update: no two get one case.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.roles import Rights
from core.tables import Case, TeamMember
from core.tables.row import UtcDateTime
from responder.desk.holding import LEASE
from responder.desk.states import free_for

TO_DO = ("new", "drafted")


def next_case(db: Session, clock: Clock, user_id: int, rights: Rights) -> int | None:
    """Make the next case this user's, held for them, and give its id; None when there is nothing to do."""
    now = clock.now()
    may = [rights.brands(Case.brand_id, "agent"), Case.state.in_(TO_DO), free_for(user_id, now)]
    overdue = and_(Case.owner_id == user_id, Case.due_at <= now, Case.first_reply_at.is_(None))
    own = select(Case.id).where(*may, overdue).order_by(Case.due_at, Case.id).limit(1)
    found = db.scalar(own)
    if found is not None and _claimed(db, clock, found, user_id, Case.owner_id == user_id):
        return found
    mine = select(TeamMember.team_id).where(TeamMember.user_id == user_id)
    free = [*may, Case.owner_id.is_(None), or_(Case.team_id.is_(None), Case.team_id.in_(mine))]
    pressing = select(Case.id).where(*free).order_by(Case.priority.desc(), Case.due_at, Case.id).limit(1)
    found = db.scalar(pressing.with_for_update(skip_locked=True))  # what somebody is being given is nobody else's next
    return found if found is not None and _claimed(db, clock, found, user_id, Case.owner_id.is_(None)) else None


def _claimed(db: Session, clock: Clock, case_id: int, user_id: int, whose: ColumnElement[bool]) -> bool:
    now = clock.now()
    free = update(Case).where(Case.id == case_id, Case.state.in_(TO_DO), whose, free_for(user_id, now))
    since = case((Case.owner_id == user_id, func.coalesce(Case.claimed_at, literal(now, UtcDateTime))), else_=now)
    values = {
        "owner_id": user_id,
        "claimed_at": since,
        "holder_id": user_id,
        "held_since": now,
        "held_until": now + LEASE,
    }
    done = free.values(**values, version=Case.version + 1).returning(Case.id)
    if db.execute(done.execution_options(synchronize_session=False)).scalar_one_or_none() is None:
        return False
    audit.add(db, audit.Entry(now, "next", case_id, user_id))
    return True
