"""What a person can do to a case. Each verb is one conditional update with one winner, and one audit row.

All take the `version` of the case that the person looked at, give the case as it is afterwards, and raise Stale when
somebody was faster or Forbidden when the case does not allow it; both say why in words for that person. They run in
the caller's transaction. Whether the user's role lets them answer at all is for the page to check; whether they may
approve without a second person is checked here (responder/outbox/approving.py). Who it was is recorded here.

After a commit of `approve` nudge the stage "post". A reply goes out UNDO after its approval, or at the time that was
chosen, and can be withdrawn until then. Approving is allowed while the switch `sending` is stopped: the reply then
waits as approved until somebody lets replies go out again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from core import audit, waiting
from core.clock import Clock
from core.errors import BadInput, Forbidden, Stale
from core.tables import Case, Mention, Reply
from responder.desk import typing_in
from responder.desk.notifications import tell
from responder.desk.states import (
    ANSWERED_STATES,
    LABELS,
    NOBODY,
    OPEN_STATES,
    STATES,
    TRANSITIONS,
    move,
    name_of,
    refusal,
)
from responder.outbox import approving

__all__ = [
    "ANSWERED_STATES",
    "LABELS",
    "OPEN_STATES",
    "STATES",
    "TRANSITIONS",
    "UNDO",
    "Forbidden",
    "Stale",
    "add_reply",
    "answer_by_hand",
    "approve",
    "claim",
    "decide_unsure",
    "dismiss",
    "last_reply",
    "release",
    "reopen",
    "reschedule",
    "snooze",
    "wake_snoozed",
    "withdraw",
]

UNDO = timedelta(seconds=10)
"""So long an approved reply stays here, for whoever sees their mistake a moment too late."""

LATEST = timedelta(days=90)
"""A reply that waits longer than this answers nobody."""


def claim(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Have the case as one's own to see to. Somebody else's is taken over instead (responder/desk/holding.py)."""
    return move(db, clock, "claim", case_id, version, user_id, owner_id=user_id, claimed_at=clock.now())


def release(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Let others have the case."""
    return move(db, clock, "release", case_id, version, user_id, owner_id=None, claimed_at=None, **NOBODY)


def approve(
    db: Session,
    clock: Clock,
    case_id: int,
    version: int,
    user_id: int,
    text: str,
    *,
    account: str = "",
    at: datetime | None = None,
    seen: int | None = None,
) -> Reply:
    """Approve exactly this text: the case goes to the outbox, and the reply is what will be sent, once.

    `account` is as whom the person was told that it goes out (Replier.account()); if that has changed when it is to
    be sent, it is not. It goes out `at` that time, or after UNDO. `seen` is the version of the person's own typed text
    that they decide on (typing_in.refuse_unseen). Forbidden when the mention may not be answered by API here, the text
    must not go out, or it needs a second person (then `approving.propose` it).
    """
    row = _readable(db, clock, "approve", case_id, version)
    text = _plain(text)
    via = _replier_of(row)
    approving.refuse_bad_text(db, row, text)
    approving.refuse_alone(db, row, user_id, text)
    proposer = row.proposed_by if row.state == "proposed" else None
    goes_out = _when(clock, at)
    detail = audit.fingerprint(text) | {"account": account, "via": via} | ({"at": at.isoformat()} if at else {})
    move(db, clock, "approve", case_id, version, user_id, detail, snoozed_until=None)
    typing_in.refuse_unseen(db, case_id, user_id, text, seen)
    approving.retire_proposal(db, case_id)
    reply = add_reply(db, clock.now(), case_id, user_id, text, via, account)
    reply.send_after, reply.proposed_by = goes_out, proposer
    db.flush()
    waiting.add(db, clock, "post", [reply.id], goes_out, lane=waiting.PRESSING)
    _tell_proposer(db, clock, reply, user_id, version)
    return reply


def withdraw(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Take an approval back before the reply is on its way; its text is in the hands of whoever took it back."""
    reply = last_reply(db, case_id)
    text = reply.text if reply else ""
    if reply is not None:  # the to-do list first, as the stage does, so that neither waits for the other
        waiting.done(db, "post", [reply.id])
    move(db, clock, "withdraw", case_id, version, user_id, audit.fingerprint(text))
    if reply is not None:
        db.delete(reply)
        db.flush()
        typing_in.save(db, clock, case_id, user_id, text)
    return db.get_one(Case, case_id, populate_existing=True)


def reschedule(db: Session, clock: Clock, case_id: int, version: int, user_id: int, at: datetime) -> Case:
    """Let an approved reply that is not on its way go out at another time."""
    goes_out, reply = _when(clock, at), last_reply(db, case_id)
    if reply is not None:  # the to-do list first, as the stage does, so that neither waits for the other
        waiting.done(db, "post", [reply.id])
        waiting.add(db, clock, "post", [reply.id], goes_out, lane=waiting.PRESSING)
        reply.send_after = goes_out
    return move(db, clock, "reschedule", case_id, version, user_id, {"at": goes_out.isoformat()})


def answer_by_hand(
    db: Session, clock: Clock, case_id: int, version: int, user_id: int, text: str, url: str | None = None
) -> Case:
    """The person has answered on the platform themselves, with this text; `url` is where it can be seen.

    Forbidden where it needs a second person: they propose it, and who may approve posts it.
    """
    url, text = _web_address(url), _plain(text)
    before = _readable(db, clock, "answer_by_hand", case_id, version)
    approving.refuse_alone(db, before, user_id, text)
    proposer = before.proposed_by if before.state == "proposed" else None
    row = move(db, clock, "answer_by_hand", case_id, version, user_id, audit.fingerprint(text), snoozed_until=None)
    approving.retire_proposal(db, case_id)
    reply = add_reply(db, clock.now(), case_id, user_id, text, "hand", "")
    reply.sent_at, reply.url, reply.proposed_by = clock.now(), url, proposer
    _tell_proposer(db, clock, reply, user_id, version)
    return row


def dismiss(db: Session, clock: Clock, case_id: int, version: int, user_id: int, why: str) -> Case:
    """No answer is needed, for this reason."""
    row = move(db, clock, "dismiss", case_id, version, user_id, {"why": why}, snoozed_until=None)
    approving.retire_proposal(db, case_id)
    return row


def snooze(db: Session, clock: Clock, case_id: int, version: int, user_id: int, until: datetime) -> Case:
    """Put the case away until then, or until its author writes again."""
    if until <= clock.now():
        raise BadInput("a case can only be snoozed until a time that is still to come")
    mention_id = db.scalar(select(Case.mention_id).where(Case.id == case_id))
    if mention_id is not None:  # the to-do list first, as the stage does, so that neither waits for the other
        waiting.done(db, "open_case", [mention_id])
        waiting.add(db, clock, "open_case", [mention_id], until)
    row = move(db, clock, "snooze", case_id, version, user_id, {"until": until.isoformat()}, snoozed_until=until)
    approving.retire_proposal(db, case_id)
    return row


def reopen(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Back to the inbox: to answer once more, to undo a dismissal, to end a snooze."""
    return move(db, clock, "reopen", case_id, version, user_id, snoozed_until=None)


def decide_unsure(db: Session, clock: Clock, case_id: int, version: int, user_id: int, is_there: bool) -> Case:
    """A person has looked on the platform whether the reply is there; only they can end `unsure`."""
    row = move(db, clock, "say_sent" if is_there else "say_not_sent", case_id, version, user_id)
    reply = last_reply(db, case_id)
    if reply is not None and is_there:
        reply.sent_at, reply.error = reply.sending_at or clock.now(), None
    elif reply is not None:
        reply.error = "a person looked and did not find it on the platform"
    return row


def wake_snoozed(db: Session, clock: Clock, case_ids: Sequence[int] | None = None) -> int:
    """Bring snoozed cases whose time has come back to the inbox (all, or of these); gives how many."""
    now, kind = clock.now(), TRANSITIONS["wake"]
    due = update(Case).where(Case.state.in_(kind.states), Case.snoozed_until <= now)
    if case_ids is not None:
        due = due.where(Case.id.in_(case_ids))
    values = {"state": kind.states["snoozed"], "version": Case.version + 1, "changed_at": now, "snoozed_until": None}
    woken = list(db.scalars(due.values(values).returning(Case.id).execution_options(synchronize_session=False)))
    audit.add(db, *(audit.Entry(now, "wake", case_id) for case_id in woken))
    return len(woken)


def last_reply(db: Session, case_id: int) -> Reply | None:
    """The newest reply of a case, sent or not."""
    return db.scalars(select(Reply).where(Reply.case_id == case_id).order_by(Reply.turn.desc()).limit(1)).one_or_none()


def add_reply(db: Session, at: datetime, case_id: int, user_id: int | None, text: str, via: str, account: str) -> Reply:
    """The case's next turn, approved `at` that time. Its row is locked by the move before, so no other turn comes in
    between."""
    turns = db.scalar(select(func.max(Reply.turn)).where(Reply.case_id == case_id)) or 0
    reply = Reply(
        case_id=case_id,
        turn=turns + 1,
        key=uuid.uuid4().hex,
        text=text,
        account=account,
        via=via,
        approved_by=user_id,
        approved_at=at,
    )
    db.add(reply)
    db.flush()
    return reply


def _tell_proposer(db: Session, clock: Clock, reply: Reply, user_id: int, version: int) -> None:
    if reply.proposed_by not in (None, user_id):
        words = f"{name_of(db, user_id)} approved your reply"
        tell(db, clock, [reply.proposed_by], reply.case_id, "approved", words, key=version)


def _readable(db: Session, clock: Clock, verb: str, case_id: int, version: int) -> Case:
    """The case with its mention, if it still is as the person saw it."""
    post = joinedload(Case.mention).joinedload(Mention.source)
    row = db.get(Case, case_id, options=[post, joinedload(Case.brand)], populate_existing=True)
    if row is None or row.version != version or row.state not in TRANSITIONS[verb].states:
        raise refusal(db, clock, verb, case_id, version)
    return row


def _replier_of(row: Case) -> str:
    """The kind whose replier sends the reply."""
    if row.mention.deleted_at is not None:
        raise Forbidden("the post is gone, so there is nothing left to answer")
    if row.permission != "api":
        raise Forbidden(row.permission_why)
    if row.mention.source is None:
        raise Forbidden("the source that heard this post was removed: answer by hand, or dismiss it")
    return row.mention.source.kind


def _when(clock: Clock, at: datetime | None) -> datetime:
    """When a reply goes out that is approved now, or for a time that somebody chose, to the minute."""
    if at is None:
        return clock.now() + UNDO
    if not clock.now() - timedelta(minutes=1) <= at <= clock.now() + LATEST:
        raise BadInput(f"a reply can go out at a time to come, within {LATEST.days} days")
    return at


def _plain(text: str) -> str:
    """Forms send line ends as CR LF; platforms count and show LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _web_address(url: str | None) -> str | None:
    if not url or not url.strip():
        return None
    if urlsplit(url.strip()).scheme not in ("http", "https"):
        raise BadInput("the address of the answer must begin with https:// or http://")
    return url.strip()
