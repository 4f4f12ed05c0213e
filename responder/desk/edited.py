"""What becomes of a case when the author of one of its posts edits it: people decide on what stands there now.

Once the new text is judged (`open_case` comes here with what belongs to a case already), its facts are found anew by
responder/desk/judged_again.py. Here the rest follows:

* The case's version rises, so nobody approves, dismisses or snoozes it on the strength of the old text; it wakes.
* Whether it may be answered is decided anew, and the replies suggested for the old text make way for new ones, where
  it is the post that is to be answered. What people typed is theirs and stays.
* A dismissed case comes back if the post has become a complaint that it was not.
* Of a case that was answered, or is just being answered, the history tells it; a reply that was approved before the
  edit is not sent (responder/outbox/post.py).

Whose case it is learns of it. What the post said before stands under it on the page (tables.MentionVersion).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core import audit
from core.clock import Clock
from core.tables import Audit, Case, CaseMention, Draft
from responder.checks.permission import Dealings
from responder.desk import case_rows, notice
from responder.desk.desk import Plan
from responder.desk.judged_again import look_again
from responder.desk.notice import Notice
from responder.desk.notifications import tell
from responder.desk.states import TRANSITIONS, move

ACTION = "edit"
WORDS = "The author edited their post"
SUGGESTED = ("playbook", "past", "writer")
"""Origins of drafts that were made for a text."""


def plans(db: Session, notices: Sequence[Notice], met: Dealings, now: datetime) -> list[Plan]:
    """A plan for each of these that was edited since it came to its case, and whose edit nobody has followed yet."""
    edited = [one for one in notices if one.case_id is not None and one.edited_at and one.reading and not one.deleted]
    return [plan for one in _unseen(db, edited) if (plan := _plan(one, met, now))]


def look_at(db: Session, clock: Clock, cased: Collection[int], edits: Sequence[Plan]) -> None:
    """Find the cases of the mentions `cased` anew, and let those follow whose posts were edited."""
    kinds = {row.id: row.kind for row in _cases(db, edits)}
    look_again(db, clock, cased)
    for row in _cases(db, edits):
        worse = row.kind == "complaint" and kinds[row.id] != "complaint"
        for plan in edits:
            if plan.notice.case_id == row.id:
                _follow(db, clock, row, plan, worse=worse)


def _plan(one: Notice, met: Dealings, now: datetime) -> Plan | None:
    brand, direct = one.addressee()
    if brand is None:
        return None
    needed = notice.needs_person(one, direct=direct, thanks=brand.thanks)
    return Plan(one, brand, one.facts(now, direct=direct), needed, met.permission(one.said, one.source, one.author_id))


def _unseen(db: Session, edited: Sequence[Notice]) -> list[Notice]:
    """Those of which nothing was followed since the edit: neither did they join later, nor does the history say it."""
    if not edited:
        return []
    joined = select(CaseMention.mention_id, CaseMention.joined_at)
    seen = dict(db.execute(joined.where(CaseMention.mention_id.in_([one.id for one in edited]))).all())
    told = select(Audit.at, Audit.detail).where(Audit.case_id.in_({one.case_id for one in edited}))
    for at, detail in db.execute(told.where(Audit.action == ACTION)):
        if (one := detail.get("mention")) in seen:
            seen[one] = max(seen[one], at)
    return [one for one in edited if one.edited_at and one.id in seen and seen[one.id] < one.edited_at]


def _cases(db: Session, edits: Sequence[Plan]) -> Sequence[Case]:
    ids = {plan.notice.case_id for plan in edits}
    if not ids:
        return ()
    wanted = select(Case).where(Case.id.in_(ids)).order_by(Case.id).with_for_update()
    return db.scalars(wanted.execution_options(populate_existing=True)).all()


def _follow(db: Session, clock: Clock, row: Case, plan: Plan, *, worse: bool) -> None:
    one, now = plan.notice, clock.now()
    values: dict[str, Any] = {}
    if row.mention_id == one.id:
        db.execute(delete(Draft).where(Draft.case_id == row.id, Draft.origin.in_(SUGGESTED)))
        case_rows.add_drafts(db, row.id, plan.suggestions, now)
        values = {"permission": plan.permission.how, "permission_why": plan.permission.why}
    detail = {"mention": one.id}
    if row.state == "dismissed" and worse:
        audit.add(db, audit.Entry(now, ACTION, row.id, detail=detail))
        move(db, clock, "reopen", row.id, row.version, None, **values)
    elif row.state in TRANSITIONS[ACTION].states:
        move(db, clock, ACTION, row.id, row.version, None, detail, snoozed_until=None, **values)
    else:
        audit.add(db, audit.Entry(now, ACTION, row.id, detail=detail))
    if row.owner_id is not None:
        tell(db, clock, [row.owner_id], row.id, "edited", WORDS, key=one.edited_at)
