"""Our own posts are never mentions; but one that answers a mention tells what became of a reply to it.

a reply that was sent                it is seen on the platform: confirmed
a reply that somebody sent by hand   the same, and now its address is known
one of which nobody knows            it is there, and the person who decides is told
none of ours                         somebody answered on the platform itself: the case's history says so, a reply
                                     that was approved before is not sent any more (responder/outbox/post.py), and
                                     the case, now or once there is one, is answered (responder/desk/answered.py)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from core import audit, tables, waiting
from core.clock import Clock
from core.types import Mention

ANSWERED_THERE = "answered_there"
"""The audit's word for a reply of ours that did not go out from here."""
STAGE = "answered"
"""The responder's stage that counts such an answer as a reply of the case."""
KEPT = timedelta(days=30)
"""So long an answer of ours waits for the case of the post that it answers."""
_UNDECIDED = ("sending", "unsure")
_SKEW = timedelta(minutes=2)
_MOST_CASES = 20


def confirm(db: Session, clock: Clock, own: Iterable[Mention]) -> int:
    """Note what these posts of ours tell about replies; how many of them tell anything."""
    return sum(_confirm(db, clock, one) for one in own if one.reply_to)


def _confirm(db: Session, clock: Clock, one: Mention) -> bool:
    found = _replies(db, one)
    reply = next((row for row in found if row.native_id == one.native_id), None)
    reply = reply or next((row for row in found if row.native_id is None and _is_it(row, one)), None)
    if reply is not None:
        if reply.confirmed_at is None and reply.case.state in _UNDECIDED:
            reply.error = f"{reply.error or 'nobody knew'}; but it has been heard on {one.platform}: it is there"
        reply.native_id, reply.url = one.native_id, reply.url or one.url
        reply.confirmed_at = reply.confirmed_at or clock.now()
        db.flush()
        return True
    return _note_answer(db, clock, one)


def _replies(db: Session, one: Mention) -> Sequence[tables.Reply]:
    """The replies of cases about what this post answers, or about its thread, the newest first."""
    mention, member, reply = tables.Mention, tables.CaseMention, tables.Reply
    about = [mention.native_id == one.reply_to]
    if one.conversation:
        about.append(mention.conversation == one.conversation)
    cases = (
        select(member.case_id)
        .join(mention, mention.id == member.mention_id)
        .where(mention.platform == one.platform, or_(*about))
        .order_by(member.case_id.desc())
        .limit(_MOST_CASES)
    )
    ids = sorted(set(db.scalars(cases)))
    return db.scalars(select(reply).where(reply.case_id.in_(ids)).order_by(reply.id.desc())).all() if ids else ()


def _is_it(row: tables.Reply, one: Mention) -> bool:
    """Whether a reply of which we do not know what it is called there is this post."""
    begun = row.sending_at or row.sent_at
    if begun is None or one.created_at < begun - _SKEW:
        return row.via == "hand" and begun is not None and _says_the_same(row, one)
    return _says_the_same(row, one)


def _says_the_same(row: tables.Reply, one: Mention) -> bool:
    return " ".join(row.text.split()).casefold() == " ".join(one.text.split()).casefold()


def _note_answer(db: Session, clock: Clock, one: Mention) -> bool:
    """Keep it for the case, and let the case's history say that it was answered elsewhere, once."""
    _keep(db, clock, one)
    mention, member = tables.Mention, tables.CaseMention
    case_id = db.scalar(
        select(member.case_id)
        .join(mention, mention.id == member.mention_id)
        .where(mention.platform == one.platform, mention.native_id == one.reply_to)
    )
    return case_id is not None and note(db, clock, case_id, one.native_id)


def note(db: Session, clock: Clock, case_id: int, native_id: str) -> bool:
    """Let the history of a case say, once, that this answer did not go out from here; whether it had not said so."""
    said = select(tables.Audit).where(tables.Audit.case_id == case_id, tables.Audit.action == ANSWERED_THERE)
    if any(row.detail.get("native_id") == native_id for row in db.scalars(said)):
        return False
    audit.add(db, audit.Entry(clock.now(), ANSWERED_THERE, case_id, detail={"native_id": native_id}))
    return True


def _keep(db: Session, clock: Clock, one: Mention) -> None:
    answer = tables.OwnAnswer
    if db.scalar(select(answer.id).filter_by(platform=one.platform, native_id=one.native_id)) is not None:
        return
    db.execute(delete(answer).where(answer.created_at < clock.now() - KEPT))
    row = answer(platform=one.platform, native_id=one.native_id, reply_to=one.reply_to, account=one.author.handle)
    row.text, row.url, row.created_at = one.text, one.url, one.created_at
    db.add(row)
    db.flush()
    waiting.add(db, clock, STAGE, [row.id], lane=waiting.PRESSING)
