"""Who has a case open to answer: a short lease that everybody sees, apart from whose case it is.

It is taken when somebody begins to answer, renewed while they write, and given up when they leave; a page that died
loses it by itself. While it lasts nobody else may decide about the case, but anybody may take it over and say why;
whoever had it is told, and keeps what they typed (responder/desk/typing_in.py).

Taking it is one conditional update with one winner. It leaves the case's version alone, since to begin is no decision.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Update, literal, update
from sqlalchemy import case as choose
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.errors import BadInput
from core.tables import Case
from core.tables.row import UtcDateTime
from responder.desk.notifications import tell
from responder.desk.states import NOBODY, UNDECIDED, free_for, held_by, move, name_of

LEASE = timedelta(minutes=2)
"""So long after its last sign of life a page that renews its hold keeps it."""

PLAIN_LEASE = timedelta(minutes=15)
"""So long a page without JavaScript holds a case from one form to the next."""

LONGEST_WHY = 300
"""Characters of a reason that are kept."""

BEGIN = "begin"
"""What the audit calls it that somebody began to answer."""


def hold(db: Session, clock: Clock, case_id: int, user_id: int, lease: timedelta = LEASE) -> bool:
    """Have the case to answer for `lease` from now; False when somebody else has it, or nothing is to be decided."""
    now = clock.now()
    until = now + lease
    own = update(Case).where(Case.id == case_id, Case.holder_id == user_id, Case.held_until > now)
    longer = choose((Case.held_until > until, Case.held_until), else_=literal(until, UtcDateTime))
    if _changed(db, own.values(held_until=longer)):
        return True
    free = update(Case).where(Case.id == case_id, Case.state.in_(UNDECIDED), free_for(user_id, now))
    if not _changed(db, free.values(holder_id=user_id, held_since=now, held_until=until)):
        return False
    audit.add(db, audit.Entry(now, BEGIN, case_id, user_id))
    return True


def leave(db: Session, case_id: int, user_id: int) -> None:
    """Give up one's hold, if one has it."""
    _changed(db, update(Case).where(Case.id == case_id, Case.holder_id == user_id).values(**NOBODY))


def take_over(db: Session, clock: Clock, case_id: int, version: int, user_id: int, why: str) -> Case:
    """Make the case one's own to answer, whoever has it; they are told, with the reason."""
    why = why.strip()
    if not why:
        raise BadInput("Say why you take the case over: whoever has it is told.")
    before = db.get(Case, case_id, with_for_update=True, populate_existing=True)
    had = None if before is None else held_by(before, clock.now()) or before.owner_id
    now, detail = clock.now(), {"why": why[:LONGEST_WHY]} | ({"from": had} if had not in (None, user_id) else {})
    mine = {"owner_id": user_id, "claimed_at": now, "holder_id": user_id, "held_since": now, "held_until": now + LEASE}
    row = move(db, clock, "take_over", case_id, version, user_id, detail, **mine)
    if had is not None and had != user_id:
        told = f"{name_of(db, user_id)} took this case over: {why[:LONGEST_WHY]}"
        tell(db, clock, [had], case_id, "taken_over", told, key=row.version)
    return row


def _changed(db: Session, statement: Update) -> bool:
    found = db.execute(statement.returning(Case.id).execution_options(synchronize_session=False))
    return found.scalar_one_or_none() is not None
