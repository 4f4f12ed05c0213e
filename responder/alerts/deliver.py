"""Alerts out, each at most once per channel: the `deliver` stage.

1. Claim: waiting -> sending, `attempts` one more; commit. Of several workers one wins.
2. Compose what is to be said now. An escalation of what somebody took, and what was over before its channel's hours
   began, is dropped.
3. Call the service, with no transaction open.
4. Record what it said, only while the claim is still ours (`attempts` is its token), in a transaction of its own: sent,
   waiting (again later, and nothing else goes to this channel before), failed (this message only), or unsure.

A crash between 1 and 4 leaves the delivery in `sending`, and so does a call whose end says nothing. After a while the
service is asked whether it is there (Sender.find): there: sent; certainly not there: it goes now; cannot tell: unsure,
and a person decides. A service that refuses us altogether pauses its channel: what waits for it goes when a person has
mended it, and they are told of that once.

What was sent is changed when its subject has: the same rows come by again, and a message that would say the same as
`shown` is left alone. Changing twice does no harm, so there is no more to it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from core import alerts, waiting
from core.clock import Clock
from core.db import insert
from core.errors import BadInput, GiveUp, PlatformError, RetryLater, Unsure
from core.log import redact
from core.runtime import Runtime
from core.tables import Alert, Channel, Delivery, Incident, Quoted, Waiting
from responder.alerts import trouble
from responder.alerts.channel import Refused, Sender
from responder.alerts.compose import Composed, compose, thread_line
from responder.alerts.senders import Senders, sender_of

log = logging.getLogger(__name__)

STAGE = "deliver"
BATCH = 4
"""Deliveries per call of `work`: few, since each is a call of a service, and then what presses is looked for again."""

LEASE = timedelta(minutes=2)
"""So long a claimed delivery is left to the worker that has it; the deadlines of every sender end well before."""

PATIENCE = timedelta(hours=24)
"""A message that a service keeps refusing for now is given up so long after its time."""

LOOK_AGAIN = timedelta(seconds=60)
"""After an unclear call the service is asked so much later, when what is on its way is there."""

_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_NAMED = 5.0, 600.0, 6 * 3600.0
"""Seconds until the next attempt where the service names none, doubled each time; the most that it may name."""

_INTERRUPTED = "we were interrupted while sending"


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery that is ours until the lease ends. `began` is set where it is to be asked about, not sent.

    `under` is the place of the message that a thread line belongs to; `seen` when its alert had last changed.
    """

    row: Delivery
    do: str
    attempts: int
    seen: datetime
    said: Composed | None = None
    line: str = ""
    began: datetime | None = None
    under: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: sent, later, pause, failed, unsure, ask (again later), or lost (somebody else has it)."""

    what: str
    reason: str = ""
    place: Mapping[str, str] = field(default_factory=dict)
    after: float | None = None


def work(runtime: Runtime) -> int:
    """Deliver what is due; see core/queue.py."""
    return deliver(runtime, lambda channel: sender_of(runtime, channel))


def deliver(runtime: Runtime, senders: Senders, limit: int = BATCH) -> int:
    """Deliver at most `limit` that are due; gives how many it saw to."""
    with runtime.db.read() as db:
        due = _due(db, runtime.clock, limit)
    done = 0
    for delivery_id in due:
        with runtime.db.write() as db:
            claim = _claim(db, runtime, delivery_id)
        if claim is not None:
            outcome = _see_to(senders, claim)
            with runtime.db.write() as db:
                _record(db, runtime.clock, claim, outcome)
        done += 1
    return done


def _due(db: Session, clock: Clock, limit: int) -> list[int]:
    """What presses first, and in a channel what waits longest."""
    due = select(Waiting.subject_id).where(Waiting.stage == STAGE, Waiting.due <= clock.now())
    return list(db.scalars(due.order_by(Waiting.lane, Waiting.due, Waiting.subject_id).limit(limit)))


def _claim(db: Session, runtime: Runtime, delivery_id: int) -> Claim | None:
    """Take one delivery for as long as LEASE; None when there is nothing to call for."""
    clock, now = runtime.clock, runtime.clock.now()
    still = select(Waiting).where(Waiting.stage == STAGE, Waiting.subject_id == delivery_id, Waiting.due <= now)
    if db.scalars(still.with_for_update(skip_locked=True)).one_or_none() is None:
        return None
    wanted = select(Delivery).options(joinedload(Delivery.alert), joinedload(Delivery.channel))
    row = db.scalars(wanted.where(Delivery.id == delivery_id).with_for_update(of=Delivery)).one_or_none()
    if row is None or row.state not in ("waiting", "sending", "sent") or not _may_go(row.channel):
        waiting.done(db, STAGE, [delivery_id])  # what waits for a paused channel comes back when it goes on
        return None
    if row.channel.rest_until and row.channel.rest_until > now:
        _wait(db, clock, row.id, row.channel.rest_until)
        return None
    if row.state == "waiting" and (hold := _hold(db, row, now)):
        if hold == now:
            row.state, row.error = "dropped", None
            waiting.done(db, STAGE, [row.id])
        else:
            _wait(db, clock, row.id, hold)
        return None
    claim = _take(db, runtime, row, now)
    if claim is None:
        waiting.done(db, STAGE, [delivery_id])
    else:
        _wait(db, clock, row.id, now + LEASE)
    return claim


def _may_go(channel: Channel) -> bool:
    return channel.active and channel.state == "ok"


def _hold(db: Session, row: Delivery, now: datetime) -> datetime | None:
    """Until when a delivery is not to go; now: never any more; None: it may go."""
    alert = row.alert
    if row.kind == "thread" or row.attempts:
        return None
    if alert.closed_at is not None or (row.kind == "escalation" and alert.taken_at is not None):
        return now
    if row.kind == "escalation" and alert.kind == "incident":
        snoozed = db.scalar(select(Incident.snoozed_until).where(Incident.id == alert.subject_id))
        return snoozed if snoozed and snoozed > now else None
    return None


def _take(db: Session, runtime: Runtime, row: Delivery, now: datetime) -> Claim | None:
    """Make it ours, with all that the call needs."""
    if row.state == "sent" and not row.place:
        return None
    if row.state == "sent":
        said = compose(db, runtime.settings, row, now)
        _quote(db, row, said)
        same = said.fingerprint == row.shown or row.kind == "thread"
        return None if same else Claim(row, "update", row.attempts, row.alert.changed_at, said)
    under = _above(db, row) if row.kind == "thread" else None
    line = thread_line(db, row) if row.kind == "thread" else ""
    if line is None or (row.kind == "thread" and under is None):
        row.state = "dropped"
        return None
    row.attempts += 1
    if row.state == "sending":
        return Claim(row, "ask", row.attempts, row.alert.changed_at, None, line, row.sending_at, under)
    row.state, row.sending_at = "sending", now
    if row.kind == "thread":
        return Claim(row, "send", row.attempts, row.alert.changed_at, None, line, under=under)
    said = compose(db, runtime.settings, row, now)
    row.shown = said.fingerprint
    _quote(db, row, said)
    return Claim(row, "send", row.attempts, row.alert.changed_at, said)


def _quote(db: Session, row: Delivery, said: Composed) -> None:
    """Which mentions the message quotes, and perhaps others that it did until now."""
    rows = [{"delivery_id": row.id, "mention_id": one} for one in said.quotes]
    if rows:
        db.execute(insert(db, Quoted).on_conflict_do_nothing(), rows)


def _above(db: Session, row: Delivery) -> Mapping[str, str] | None:
    """Where the message stands under which a line goes."""
    above = select(Delivery.place).where(Delivery.alert_id == row.alert_id, Delivery.channel_id == row.channel_id)
    above = above.where(Delivery.kind != "thread", Delivery.state == "sent").order_by(Delivery.id)
    return db.scalars(above.limit(1)).one_or_none()


def _wait(db: Session, clock: Clock, delivery_id: int, due: datetime) -> None:
    lane = waiting.lanes(db, STAGE, [delivery_id])
    waiting.done(db, STAGE, [delivery_id])
    waiting.add(db, clock, STAGE, [delivery_id], due, lane=lane)


def _see_to(senders: Senders, claim: Claim) -> Outcome:
    """The one call, and what its end means."""
    try:
        sender = senders(claim.row.channel)
    except (BadInput, GiveUp) as error:
        return Outcome("ask" if claim.do == "ask" else "pause", str(error))
    try:
        return _ask(sender, claim, _INTERRUPTED) if claim.do == "ask" else _call(sender, claim)
    finally:
        sender.close()


def _call(sender: Sender, claim: Claim) -> Outcome:
    try:
        return Outcome("sent", place=_sent(sender, claim))
    except RetryLater as error:
        return Outcome("later", str(error), after=error.after)
    except Refused as error:
        return Outcome("failed", str(error))
    except GiveUp as error:
        return Outcome("pause", str(error))
    except Unsure as error:
        return Outcome("later", str(error)) if claim.do == "update" else _ask(sender, claim, str(error))
    except Exception as error:
        log.exception("delivery %d ended in an error that no sender should raise", claim.row.id)
        reason = f"{type(error).__name__}: {error}"
        return Outcome("failed", reason) if claim.do == "update" else _ask(sender, claim, reason)


def _sent(sender: Sender, claim: Claim) -> Mapping[str, str]:
    key = key_of(claim.row)
    if claim.said is None:
        return sender.thread(claim.under or {}, claim.line, key)
    if claim.do == "update":
        return sender.update(claim.row.place, claim.said.message)
    return sender.send(claim.said.message, key)


def key_of(row: Delivery) -> str:
    """By what a service finds a delivery again."""
    return f"ripplewatch-{row.id}"


def _ask(sender: Sender, claim: Claim, problem: str) -> Outcome:
    """After a call of which we do not know what it did: sent if it is there.

    Right after the call it may still be on its way, and is asked for again; some time later it certainly is not.
    """
    around = claim.began or claim.row.sending_at or claim.seen
    try:
        place = sender.find(key_of(claim.row), around, claim.under)
    except RetryLater as error:
        return Outcome("ask", f"{problem}; {error}", after=error.after)
    except PlatformError as error:
        return Outcome("unsure", f"{problem}; and the service cannot be asked: {error}")
    except Exception:
        log.exception("looking for delivery %d ended in an error that no sender should raise", claim.row.id)
        return Outcome("unsure", problem)
    if place is not None:
        return Outcome("sent", place=place)
    return Outcome("again", problem) if claim.do == "ask" else Outcome("ask", problem)


def _record(db: Session, clock: Clock, claim: Claim, outcome: Outcome) -> None:
    """Write what came of it, unless somebody else has had the delivery since we claimed it."""
    wanted = select(Delivery).options(joinedload(Delivery.alert), joinedload(Delivery.channel))
    mine = wanted.where(Delivery.id == claim.row.id, Delivery.attempts == claim.attempts)
    state = "sent" if claim.do == "update" else "sending"
    row = db.scalars(mine.where(Delivery.state == state).with_for_update(of=Delivery)).one_or_none()
    if row is None:
        log.warning("delivery %d: %s is not recorded: somebody else has had it", claim.row.id, outcome.what)
        return
    now, reason = clock.now(), redact(outcome.reason)[:500]
    outcome = replace(outcome, reason=reason)
    row.error = reason or None
    settled = _updated if claim.do == "update" else _first_time
    again = settled(db, clock, row, claim, outcome)
    if again is None:
        waiting.done(db, STAGE, [row.id])
    else:
        _wait(db, clock, row.id, again)
    if row.state == "sent" and row.kind != "thread" and row.alert.changed_at > claim.seen:
        waiting.add(db, clock, alerts.STAGE, [row.alert_id])  # it changed while we were talking
    if outcome.what == "later":
        row.channel.rest_until = now + _pause(outcome.after, row)
    elif outcome.what == "sent":
        row.channel.rest_until = None
    elif outcome.what == "pause":
        trouble.pause(db, clock, row.channel, reason)


def _first_time(db: Session, clock: Clock, row: Delivery, claim: Claim, outcome: Outcome) -> datetime | None:
    """What came of sending it, or of asking for it; gives when it comes by again."""
    now = clock.now()
    match outcome.what:
        case "sent":
            row.state, row.sent_at, row.place, row.error = "sent", now, dict(outcome.place), None
            if claim.said is not None:
                _forget_quotes(db, row, claim.said)
            if row.kind != "thread":
                waiting.add(db, clock, alerts.STAGE, [row.alert_id])  # what happened meanwhile goes below it
            return None
        case "later" if now - row.due < PATIENCE or row.attempts == 1:
            row.state, row.sending_at = "waiting", None
            return now + _pause(outcome.after, row)
        case "again":
            row.state, row.sending_at = "waiting", None
            return now
        case "pause":
            row.state, row.sending_at = "waiting", None
            return None
        case "ask" if now - (claim.began or now) < PATIENCE:
            return now + max(LOOK_AGAIN, timedelta(seconds=outcome.after or 0))
        case "later":
            row.state, row.error = "failed", f"tried {row.attempts} times; last: {outcome.reason}"
        case _:
            row.state = "failed" if outcome.what == "failed" else "unsure"
    trouble.undelivered(db, clock, row)
    return None


def _updated(db: Session, clock: Clock, row: Delivery, claim: Claim, outcome: Outcome) -> datetime | None:
    """What came of changing it. A message that cannot be changed any more, since it is gone, stays as it is."""
    row.updated_at = clock.now()
    if outcome.what == "later":
        return clock.now() + _pause(outcome.after, row)
    if outcome.what != "pause" and claim.said is not None:
        row.shown = claim.said.fingerprint
        _forget_quotes(db, row, claim.said)
    if outcome.what == "sent":
        row.place = dict(outcome.place) or row.place
    return None


def _forget_quotes(db: Session, row: Delivery, said: Composed) -> None:
    """What the message no longer quotes."""
    gone = delete(Quoted).where(Quoted.delivery_id == row.id, Quoted.mention_id.not_in(said.quotes))
    db.execute(gone.execution_options(synchronize_session=False))


def _pause(after: float | None, row: Delivery) -> timedelta:
    """What the service says, within reason, else longer with each attempt."""
    if after is not None:
        return timedelta(seconds=min(max(1.0, after), _LONGEST_NAMED))
    return timedelta(seconds=min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(10, max(0, row.attempts - 1))))


def resume(db: Session, clock: Clock, channel: Channel) -> None:
    """A person has mended it, or turned it on again: what waits for it goes now."""
    channel.active, channel.state, channel.reason, channel.rest_until = True, "ok", None, None
    db.flush()
    waits = select(Delivery.id).where(Delivery.channel_id == channel.id)
    ids = db.scalars(waits.where(Delivery.state.in_(("waiting", "sending")))).all()
    for delivery_id in ids:
        due = db.get_one(Delivery, delivery_id).due
        waiting.add(db, clock, STAGE, [delivery_id], max(due, clock.now()))
    told = select(Delivery.alert_id).where(Delivery.channel_id == channel.id, Delivery.state == "sent")
    fresh = told.join(Alert, Alert.id == Delivery.alert_id).where(Alert.changed_at > clock.now() - PATIENCE)
    waiting.add(db, clock, alerts.STAGE, set(db.scalars(fresh)))
    alerts.closed(db, clock, "channel", channel.id)


def settle(db: Session, clock: Clock, row: Delivery, *, arrived: bool) -> bool:
    """What a person says of a delivery that is unsure or failed: it arrived, or is to be sent again; whether it was."""
    if row.state not in ("unsure", "failed"):
        return False
    row.error = None
    if arrived:
        row.state, row.sent_at = "sent", row.sending_at or clock.now()
        return True
    row.state, row.sending_at, row.due = "waiting", None, clock.now()
    db.flush()
    waiting.done(db, STAGE, [row.id])
    waiting.add(db, clock, STAGE, [row.id])
    return True
