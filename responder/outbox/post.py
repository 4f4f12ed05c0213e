"""Approved replies out, each at most once: the `post` stage.

1. Claim: approved -> sending, by an update conditional on the case's version; commit. Of several workers one wins.
2. Look once more: nobody has stopped sending, the post is still there and as it was, its author has said
   nothing since, nobody has answered it on the platform itself, it may still be answered, and we go out as who was
   approved.
3. Call the platform, with no transaction open.
4. Record what it said: sent, failed, later (approved again, due then), or unsure; in a transaction of its own.

A crash between 1 and 4 leaves the case in `sending`, and so does a call whose end says nothing (a timeout, an error
after the text was handed over). Nobody knows then whether the reply went out, so it is never just sent again: when it
would be there, the platform is asked (Replier.find). Found: sent. Certainly not there: it may go out now. Cannot tell:
unsure, and a person decides. The version that a claim gave the case is the token for
recording: a worker that comes back from the dead finds it changed and records nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from core import audit, waiting
from core.clock import Clock
from core.errors import BadInput, Forbidden, GiveUp, PlatformError, RetryLater, Stale, Unsure
from core.runtime import Runtime
from core.tables import Audit, Case, Mention, Reply, Switch, User, Waiting
from core.types import Outgoing, Receipt
from listener.confirm import ANSWERED_THERE
from listener.source import Replier
from responder.checks.permission import permission_of
from responder.desk.cases import last_reply
from responder.desk.states import move
from responder.outbox import still_fits
from responder.outbox.repliers import repliers_of, settle

log = logging.getLogger(__name__)

STAGE = "post"
BATCH = 10
"""Replies per call of `work`, the most pressing first; a process that is asked to stop finishes so many."""

LEASE = timedelta(minutes=3)
"""So long a claimed reply is left to the worker that has it; the deadlines of every replier end well before."""

PATIENCE = timedelta(hours=6)
"""A reply that the platform keeps refusing for now is given up so long after its time: it would come too late."""

MOST_ATTEMPTS = 8
_FIRST_WAIT, _LONGEST_WAIT = 30.0, 3600.0
"""Seconds until the next attempt where the platform names none: doubled each time."""

_STOPPED = "sending is stopped"
_INTERRUPTED = "we were interrupted while sending"

LOOK_AGAIN = 60.0
"""Seconds after which the platform is asked again for a reply that was not there just after an unclear call."""

Repliers = Callable[[Session, "Claim"], tuple[int, Replier] | None]
"""The source that sends a reply, and its replier; None where there is none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One reply that is ours to send, or (`began` set) to ask the platform about; recorded only on this `version`."""

    case_id: int
    mention_id: int
    version: int
    via: str
    account: str
    approved_at: datetime
    attempts: int
    began: datetime | None
    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a key of states.TRANSITIONS, and what goes with it. `after`: try again in so many seconds."""

    verb: str
    reason: str = ""
    receipt: Receipt | None = None
    after: float | None = None
    account: str = ""


def work(runtime: Runtime) -> int:
    """Send what is due; see core/queue.py."""
    return post_replies(runtime, lambda db, claim: _replier(db, runtime, claim))


def _replier(db: Session, runtime: Runtime, claim: Claim) -> tuple[int, Replier] | None:
    mention = db.get_one(Mention, claim.mention_id, options=[joinedload(Mention.source)])
    return repliers_of(runtime).find(db, claim.via, mention, claim.account)


def post_replies(runtime: Runtime, repliers: Repliers, limit: int = BATCH) -> int:
    """Send at most `limit` replies that are due, and settle those left in between; gives how many it saw to."""
    with runtime.db.read() as db:
        due = _due(db, runtime.clock, limit)
    done = 0
    for reply_id in due:
        with runtime.db.write() as db:
            claim = _claim(db, runtime.clock, reply_id)
        if claim is not None:
            done += _see_to(runtime, repliers, claim, reply_id).verb != "lost"
    return done


def _see_to(runtime: Runtime, repliers: Repliers, claim: Claim, reply_id: int) -> Outcome:
    """Send one reply, or ask what became of it, and record what came of that."""
    found: tuple[int, Replier] | None
    try:
        with runtime.db.read() as db:
            found = repliers(db, claim)
        nobody = f"replies cannot be sent to {claim.via} from here: answer by hand"
    except (BadInput, GiveUp) as error:
        found, nobody = None, str(error)
    if found is None:
        outcome = Outcome("doubt", f"{_INTERRUPTED}; {nobody}") if claim.began else Outcome("fail", nobody)
    elif claim.began:
        outcome = _look_back(runtime, found[1], claim)
    else:
        outcome = _send(runtime, found[1], claim)
    with runtime.db.write() as db:
        if found is not None:
            settle(db, runtime, *found)
        _record(db, runtime.clock, claim, reply_id, outcome)
    return outcome


def _due(db: Session, clock: Clock, limit: int) -> list[int]:
    """Ids of replies that are due, the most pressing first. While sending is stopped, only those to ask about."""
    due = (
        select(Waiting.subject_id)
        .outerjoin(Reply, Reply.id == Waiting.subject_id)
        .outerjoin(Case, Case.id == Reply.case_id)
        .where(Waiting.stage == STAGE, Waiting.due <= clock.now())
    )
    if _stopped(db):
        due = due.where(Case.state.is_distinct_from("approved"))
    return list(db.scalars(due.order_by(Case.priority.desc(), Waiting.due, Waiting.subject_id).limit(limit)))


def _stopped(db: Session) -> bool:
    return bool(db.scalar(select(Switch.stopped).where(Switch.name == "sending")))


def _claim(db: Session, clock: Clock, reply_id: int) -> Claim | None:
    """Take one reply for as long as LEASE; None when it is no longer to be sent, or somebody else has it."""
    still = select(Waiting).where(Waiting.stage == STAGE, Waiting.subject_id == reply_id, Waiting.due <= clock.now())
    if db.scalars(still.with_for_update(skip_locked=True)).one_or_none() is None:
        return None
    row = db.get(Reply, reply_id, options=[joinedload(Reply.case).joinedload(Case.mention).joinedload(Mention.author)])
    if row is None or row.case.state not in ("approved", "sending") or last_reply(db, row.case_id) is not row:
        waiting.done(db, STAGE, [reply_id])
        return None
    began = row.sending_at if row.case.state == "sending" else None
    try:
        case = move(db, clock, "look_back" if began else "start", row.case_id, row.case.version, None)
    except (Stale, Forbidden):
        return None
    if began is None:
        row.sending_at, row.attempts = clock.now(), row.attempts + 1
    _wait(db, clock, reply_id, clock.now() + LEASE)
    return Claim(
        case_id=row.case_id,
        mention_id=row.case.mention_id,
        version=case.version,
        via=row.via,
        account=row.account,
        approved_at=row.approved_at,
        attempts=row.attempts,
        began=began,
        outgoing=_outgoing(db, row),
    )


def _outgoing(db: Session, row: Reply) -> Outgoing:
    mention = row.case.mention
    user = db.get(User, row.approved_by) if row.approved_by else None
    return Outgoing(
        key=row.key,
        platform=mention.platform,
        mention_id=mention.native_id,
        mention_url=mention.url,
        text=row.text,
        account=row.account,
        approved_by=user.name if user else "",
        author_id=mention.author.native_id,
        author_handle=mention.author.handle,
        mention_at=mention.created_at,
        reply_to=mention.reply_to,
        conversation=mention.conversation,
        extra=dict(mention.extra),
        dated=max(row.approved_at, row.send_after or row.approved_at),
        began_at=row.sending_at,
    )


def _wait(db: Session, clock: Clock, reply_id: int, due: datetime) -> None:
    waiting.done(db, STAGE, [reply_id])
    waiting.add(db, clock, STAGE, [reply_id], due, lane=waiting.PRESSING)


def _send(runtime: Runtime, replier: Replier, claim: Claim) -> Outcome:
    """Look once more, then call the platform, once."""
    with runtime.db.read() as db:
        found = _last_look(db, runtime, claim)
    account = found or _account(replier, claim)
    return account if isinstance(account, Outcome) else _call(replier, claim, account)


def _call(replier: Replier, claim: Claim, account: str) -> Outcome:
    """The one call, and what its end means."""
    try:
        return Outcome("sent", receipt=replier.send(replace(claim.outgoing, account=account)), account=account)
    except RetryLater as error:
        return Outcome("hold", str(error), after=_pause(error.after, claim.attempts))
    except GiveUp as error:
        return Outcome("fail", str(error))
    except Unsure as error:
        return _find(replier, claim, str(error))
    except Exception as error:
        log.exception("sending reply %s ended in an error that no replier should raise", claim.outgoing.key)
        return _find(replier, claim, f"{type(error).__name__}: {error}")


def _last_look(db: Session, runtime: Runtime, claim: Claim) -> Outcome | None:
    """Why the reply must not go out at this moment, if so."""
    if _stopped(db):
        return Outcome("hold", _STOPPED)
    found = db.execute(
        select(Mention.deleted_at, Mention.edited_at)
        .join(Case, Case.mention_id == Mention.id)
        .where(Case.id == claim.case_id, Case.version == claim.version)
    ).one_or_none()
    if found is None:
        return Outcome("lost", "somebody else has taken it")
    if found.deleted_at is not None:
        return Outcome("fail", "the post is gone")
    if found.edited_at is not None and found.edited_at > claim.approved_at:
        return Outcome("fail", "the post was edited after the reply was approved: read it again")
    if why := still_fits.why_not(db, claim.case_id, claim.approved_at) or _answered_there(db, claim):
        return Outcome("fail", why)
    row = db.get_one(Mention, claim.mention_id, options=[joinedload(Mention.source), joinedload(Mention.author)])
    permission = permission_of(db, runtime.settings, row)
    return None if permission.how == "api" else Outcome("fail", f"no longer allowed: {permission.why}")


def _answered_there(db: Session, claim: Claim) -> str | None:
    """Says so where somebody of us answered on the platform itself since the reply was approved."""
    told = select(Audit.id).where(Audit.case_id == claim.case_id, Audit.action == ANSWERED_THERE)
    since = db.scalar(told.where(Audit.at > claim.approved_at).limit(1))
    return None if since is None else "the post was answered on the platform itself after the reply was approved"


def _account(replier: Replier, claim: Claim) -> str | Outcome:
    """As whom the reply goes out: only as who the person was told when they approved it."""
    try:
        account = replier.account()
    except GiveUp as error:
        return Outcome("fail", str(error))
    except PlatformError as error:
        return Outcome("hold", str(error), after=_pause(None, claim.attempts))
    if claim.account and account != claim.account:
        return Outcome("fail", f"approved to go out as {claim.account}, but it would now go out as {account}")
    return account


def _find(replier: Replier, claim: Claim, problem: str) -> Outcome:
    """After a call of which we do not know what it did: sent if it is there. If not, it may still be on its way, and
    is asked for again."""
    try:
        receipt = replier.find(claim.outgoing)
    except RetryLater as error:
        return Outcome("wait", f"{problem}; {error}", after=max(LOOK_AGAIN, error.after or 0.0))
    except PlatformError as error:
        return Outcome("doubt", f"{problem}; and the platform cannot be asked: {error}")
    except Exception:
        log.exception("looking for reply %s ended in an error that no replier should raise", claim.outgoing.key)
        return Outcome("doubt", problem)
    return Outcome("sent", receipt=receipt) if receipt else Outcome("wait", problem, after=LOOK_AGAIN)


def _look_back(runtime: Runtime, replier: Replier, claim: Claim) -> Outcome:
    """Settle a reply of which nobody knows what became: ask the platform, some time after, whether it is there."""
    try:
        receipt = replier.find(claim.outgoing)
    except RetryLater as error:
        if runtime.clock.now() - _dated(claim) > PATIENCE:
            return Outcome("doubt", f"{_INTERRUPTED}, and the platform does not say: {error}")
        return Outcome("wait", str(error), after=_pause(error.after, claim.attempts))
    except PlatformError as error:
        return Outcome("doubt", f"{_INTERRUPTED}: {error}")
    except Exception as error:
        log.exception("looking for reply %s ended in an error that no replier should raise", claim.outgoing.key)
        return Outcome("doubt", f"{_INTERRUPTED}: {type(error).__name__}")
    return Outcome("sent", receipt=receipt) if receipt else Outcome("hold", "it did not go out at the first try")


def _pause(after: float | None, attempts: int) -> float:
    """Seconds to wait: what the platform says, within reason, else longer with each attempt."""
    if after is not None:
        return min(max(1.0, after), 24 * 3600.0)
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** max(0, attempts - 1))


def _record(db: Session, clock: Clock, claim: Claim, reply_id: int, outcome: Outcome) -> None:
    """Write what came of it, unless the case has moved on since we claimed it."""
    outcome = _too_late(outcome, claim, clock.now())
    if outcome.verb in ("lost", "wait"):
        if outcome.verb == "wait" and _still_ours(db, claim):
            db.get_one(Reply, reply_id).error = outcome.reason
            _wait(db, clock, reply_id, clock.now() + timedelta(seconds=outcome.after or 0))
        return
    try:
        detail = {"reply": reply_id} | _evidence(claim, outcome)
        move(db, clock, outcome.verb, claim.case_id, claim.version, None, detail)
    except Stale as error:
        log.warning("reply %d: %s is not recorded: %s", reply_id, outcome.verb, error)
        return
    row = db.get_one(Reply, reply_id)
    row.error = outcome.reason or None
    if outcome.receipt is not None:
        row.sent_at, row.native_id, row.url = clock.now(), outcome.receipt.native_id, outcome.receipt.url
        row.account = outcome.account or row.account
    if outcome.verb == "hold":
        row.sending_at = None
        row.attempts -= outcome.reason == _STOPPED
        _hold(db, clock, reply_id, claim.via, clock.now() + timedelta(seconds=outcome.after or 0))
    else:
        waiting.done(db, STAGE, [reply_id])


def _still_ours(db: Session, claim: Claim) -> bool:
    """Whether nobody has had the case since we claimed it; its row stays locked."""
    row = select(Case.id).where(Case.id == claim.case_id, Case.version == claim.version)
    return db.scalar(row.with_for_update()) is not None


def _too_late(outcome: Outcome, claim: Claim, now: datetime) -> Outcome:
    """A reply that would go out too late, or that keeps being interrupted, is given up."""
    if outcome.verb != "hold" or outcome.reason == _STOPPED:
        return outcome
    if now - _dated(claim) > PATIENCE or claim.attempts >= MOST_ATTEMPTS:
        return Outcome("fail", f"tried {claim.attempts} times; last: {outcome.reason}")
    return outcome


def _dated(claim: Claim) -> datetime:
    """When the reply was to go out."""
    return claim.outgoing.dated or claim.approved_at


def _evidence(claim: Claim, outcome: Outcome) -> dict[str, object]:
    """What the audit keeps of a reply that is out: the exact bytes, as whom and by which way."""
    if outcome.verb != "sent":
        return {}
    account = outcome.account or claim.account
    return audit.fingerprint(claim.outgoing.text) | {"account": account, "via": claim.via}


def _hold(db: Session, clock: Clock, reply_id: int, via: str, due: datetime) -> None:
    """Wait until `due`, and let nothing else be asked of this platform before then."""
    _wait(db, clock, reply_id, due)
    others = select(Reply.id).join(Case).where(Reply.via == via, Reply.sent_at.is_(None), Case.state == "approved")
    db.execute(
        update(Waiting)
        .where(Waiting.stage == STAGE, Waiting.due < due, Waiting.subject_id.in_(others))
        .values(due=due)
        .execution_options(synchronize_session=False)
    )
