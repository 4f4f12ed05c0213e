"""Answers that somebody of us gave on the platform itself: the `answered` stage counts them as replies of the case.

The listener keeps them (listener/confirm.py). Whichever comes later, the answer or the case, lets the stage look: a
case that still waited for an answer is answered by hand, at the time of that post. One whose author has written again
since still waits, and so does one of which a reply is on its way: that reply is stopped by the outbox, which knows of
the answer too (responder/outbox/post.py), and then the case is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core import audit, waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Case, CaseMention, Mention, OwnAnswer
from listener.confirm import STAGE, note
from responder.desk import cases
from responder.desk.states import UNDECIDED, move
from responder.outbox import approving

__all__ = ["STAGE", "look", "work"]

BATCH = 100
"""Answers per transaction."""

LATER = timedelta(minutes=1)
"""So long until a case is looked at again of which a reply is on its way."""

_ON_ITS_WAY = ("approved", "sending")


def work(runtime: Runtime) -> int:
    """Look at one batch; see core/queue.py."""
    clock = runtime.clock
    with runtime.db.read() as db:
        if not waiting.any_for(db, clock, STAGE):
            return 0
    with runtime.db.write() as db:
        ids = waiting.take(db, clock, STAGE, BATCH)
        waiting.done(db, STAGE, ids)
        for answer in db.scalars(select(OwnAnswer).where(OwnAnswer.id.in_(ids)).order_by(OwnAnswer.id)):
            _settle(db, clock, answer)
    return len(ids)


def look(db: Session, clock: Clock, mention_ids: Sequence[int]) -> None:
    """Let what was answered there before these mentions became cases be looked at."""
    same = and_(OwnAnswer.platform == Mention.platform, OwnAnswer.reply_to == Mention.native_id)
    answers = select(OwnAnswer.id).join(Mention, same).where(Mention.id.in_(mention_ids), OwnAnswer.text != "")
    waiting.add(db, clock, STAGE, db.scalars(answers).all(), lane=waiting.PRESSING)


def _settle(db: Session, clock: Clock, answer: OwnAnswer) -> None:
    member = select(CaseMention.case_id).join(Mention, Mention.id == CaseMention.mention_id)
    case_id = db.scalar(member.where(Mention.platform == answer.platform, Mention.native_id == answer.reply_to))
    row = db.get(Case, case_id, with_for_update=True, populate_existing=True) if case_id is not None else None
    if row is None or not answer.text:
        return
    if row.state in _ON_ITS_WAY:
        waiting.add(db, clock, STAGE, [answer.id], clock.now() + LATER)
    elif row.state in UNDECIDED and not _wrote_since(db, row, answer):
        _count(db, clock, row, answer)


def _count(db: Session, clock: Clock, row: Case, answer: OwnAnswer) -> None:
    """The case is answered, by this text."""
    note(db, clock, row.id, answer.native_id)
    approving.retire_proposal(db, row.id)
    at = answer.created_at
    values = {"first_reply_at": func.coalesce(Case.first_reply_at, at), "resolved_at": at, "snoozed_until": None}
    move(db, clock, "answer_there", row.id, row.version, None, audit.fingerprint(answer.text), **values)
    reply = cases.add_reply(db, at, row.id, None, answer.text, "hand", answer.account)
    reply.native_id, reply.url, reply.sent_at, reply.confirmed_at = answer.native_id, answer.url, at, clock.now()
    answer.text = ""


def _wrote_since(db: Session, row: Case, answer: OwnAnswer) -> bool:
    """Whether the case has a later word of its author, which that answer cannot be for."""
    later = select(Mention.id).join(CaseMention, CaseMention.mention_id == Mention.id)
    later = later.where(CaseMention.case_id == row.id, Mention.author_id == row.author_id)
    return db.scalar(later.where(Mention.created_at > answer.created_at).limit(1)) is not None
