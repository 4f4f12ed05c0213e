"""What a person can do to a case. Each verb is one conditional update with one winner, and one audit row.

All take the `version` of the case that the person looked at, give the case as it is afterwards, and raise Stale when
somebody was faster or Forbidden when the case does not allow it; both say why in words for that person. They run in
the caller's transaction. Whether the user's role allows it is for the page to check; who it was is recorded here.

After a commit of `approve` nudge the stage "post". Approving is allowed while the switch `sending` is stopped: the
reply then waits as approved, where it can be withdrawn, until somebody lets replies go out again.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from core import audit, waiting
from core.clock import Clock
from core.errors import BadInput, Forbidden, Stale
from core.tables import Case, Draft, Mention, Reply
from listener.source import load_replier
from responder import guard
from responder.states import (
    ANSWERED_STATES,
    LABELS,
    LEASE,
    OPEN_STATES,
    STATES,
    TRANSITIONS,
    free_for,
    move,
    refusal,
)

__all__ = [
    "ANSWERED_STATES",
    "LABELS",
    "LEASE",
    "OPEN_STATES",
    "STATES",
    "TRANSITIONS",
    "Forbidden",
    "Stale",
    "answer_by_hand",
    "approve",
    "claim",
    "decide_unsure",
    "dismiss",
    "last_reply",
    "release",
    "reopen",
    "save_draft",
    "snooze",
    "wake_snoozed",
    "withdraw",
]


def claim(db: Session, clock: Clock, case_id: int, version: int, user_id: int, *, take_over: bool = False) -> Case:
    """Have the case for oneself for a while (states.LEASE), so that two do not answer at once.

    `take_over` takes it even from somebody whose lease still runs.
    """
    verb = "take_over" if take_over else "claim"
    return move(db, clock, verb, case_id, version, user_id, owner_id=user_id, claimed_at=clock.now())


def release(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Let others have the case."""
    return move(db, clock, "release", case_id, version, user_id, owner_id=None, claimed_at=None)


def save_draft(db: Session, clock: Clock, case_id: int, user_id: int, text: str) -> Case:
    """Keep what a person has written so far, and renew their lease. The first time, `new` becomes `drafted`.

    The version stays: saving while one writes must not make one's own page stale.
    """
    now, kind = clock.now(), TRANSITIONS["draft"]
    found = db.execute(select(Case.state).where(Case.id == case_id).with_for_update()).scalar_one_or_none()
    mine = update(Case).where(Case.id == case_id, Case.state.in_(kind.states), free_for(user_id, now))
    values = {"state": kind.states.get(found or ""), "owner_id": user_id, "claimed_at": now}
    changed = db.execute(mine.values(values).returning(Case.id).execution_options(synchronize_session=False))
    if changed.scalar_one_or_none() is None:
        raise refusal(db, "draft", case_id, None)
    if found == "new":
        audit.add(db, audit.Entry(now, "draft", case_id, user_id))
    _keep_draft(db, clock, case_id, text)
    return db.get_one(Case, case_id, populate_existing=True)


def approve(
    db: Session, clock: Clock, case_id: int, version: int, user_id: int, text: str, *, account: str = ""
) -> Reply:
    """Approve exactly this text: the case goes to the outbox, and the reply is what will be sent, once.

    `account` is as whom the person was told that it goes out (Replier.account()); if that has changed when it is to
    be sent, it is not. Forbidden when the mention may not be answered by API here, or the text must not go out.
    """
    row = _readable(db, "approve", case_id, version)
    text = _plain(text)
    via = _replier_of(row)
    _refuse_bad_text(row, text, via)
    move(db, clock, "approve", case_id, version, user_id, snoozed_until=None)
    reply = _add_reply(db, clock, case_id, user_id, text, via, account)
    waiting.add(db, clock, "post", [reply.id])
    return reply


def withdraw(db: Session, clock: Clock, case_id: int, version: int, user_id: int) -> Case:
    """Take an approval back before the reply is on its way; its text becomes the draft again."""
    row = move(db, clock, "withdraw", case_id, version, user_id)
    reply = last_reply(db, case_id)
    if reply is not None:
        _keep_draft(db, clock, case_id, reply.text)
        db.delete(reply)
        db.flush()
    return row


def answer_by_hand(
    db: Session, clock: Clock, case_id: int, version: int, user_id: int, text: str, url: str | None = None
) -> Case:
    """The person has answered on the platform themselves, with this text; `url` is where it can be seen."""
    url = _web_address(url)
    row = move(db, clock, "answer_by_hand", case_id, version, user_id, snoozed_until=None)
    reply = _add_reply(db, clock, case_id, user_id, _plain(text), "hand", "")
    reply.sent_at, reply.url = clock.now(), url
    return row


def dismiss(db: Session, clock: Clock, case_id: int, version: int, user_id: int, why: str) -> Case:
    """No answer is needed, for this reason."""
    return move(db, clock, "dismiss", case_id, version, user_id, {"why": why}, snoozed_until=None)


def snooze(db: Session, clock: Clock, case_id: int, version: int, user_id: int, until: datetime) -> Case:
    """Put the case away until then, or until its author writes again."""
    if until <= clock.now():
        raise BadInput("a case can only be snoozed until a time that is still to come")
    mention_id = db.scalar(select(Case.mention_id).where(Case.id == case_id))
    if mention_id is not None:  # the to-do list first, as the stage does, so that neither waits for the other
        waiting.done(db, "open_case", [mention_id])
        waiting.add(db, clock, "open_case", [mention_id], until)
    return move(db, clock, "snooze", case_id, version, user_id, {"until": until.isoformat()}, snoozed_until=until)


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


def _readable(db: Session, verb: str, case_id: int, version: int) -> Case:
    """The case with its mention, if it still is as the person saw it."""
    whole = joinedload(Case.mention).joinedload(Mention.source)
    row = db.get(Case, case_id, options=[whole], populate_existing=True)
    if row is None or row.version != version or row.state not in TRANSITIONS[verb].states:
        raise refusal(db, verb, case_id, version)
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


def _refuse_bad_text(row: Case, text: str, via: str) -> None:
    replier = load_replier(via)
    found = guard.check(
        text,
        platform=row.mention.platform,
        longest=replier.max_length if replier else None,
        asked=row.mention.text,
    )
    stops = [finding.message for finding in found if finding.blocks]
    if stops:
        raise Forbidden("; ".join(stops))


def _add_reply(db: Session, clock: Clock, case_id: int, user_id: int, text: str, via: str, account: str) -> Reply:
    """The case's next turn. Its row is locked by the move before, so no other turn comes in between."""
    turns = db.scalar(select(func.max(Reply.turn)).where(Reply.case_id == case_id)) or 0
    reply = Reply(
        case_id=case_id,
        turn=turns + 1,
        key=uuid.uuid4().hex,
        text=text,
        account=account,
        via=via,
        approved_by=user_id,
        approved_at=clock.now(),
    )
    db.add(reply)
    db.flush()
    return reply


def _keep_draft(db: Session, clock: Clock, case_id: int, text: str) -> None:
    """One draft by people per case: the newest text. The case's row is locked."""
    own = db.scalars(select(Draft).where(Draft.case_id == case_id, Draft.origin == "person")).one_or_none()
    if own is None:
        db.add(Draft(case_id=case_id, origin="person", text=text, why="written by a person", created_at=clock.now()))
    else:
        own.text, own.created_at = text, clock.now()
    db.flush()


def _plain(text: str) -> str:
    """Forms send line ends as CR LF; platforms count and show LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _web_address(url: str | None) -> str | None:
    if not url or not url.strip():
        return None
    if urlsplit(url.strip()).scheme not in ("http", "https"):
        raise BadInput("the address of the answer must begin with https:// or http://")
    return url.strip()
