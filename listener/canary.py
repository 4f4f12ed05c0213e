"""A canary: a message that we send to ourselves through a source, to prove that what people send gets here.

    sent      `send_due`: every CANARY_HOURS to each source that can (`SendsCanary`); an hour after one that failed
    seen      `without`: collecting finds its token in a mention, notes when, and drops the mention
    lost      not seen within ten minutes: `late` names the channels through which nothing gets here
    removed   one that was published for all to see is deleted then (listener/canary_post.py)

The row is committed before the message leaves, so that it is known however fast it comes. A text that is a token and
nothing else is dropped whether we know the token or not: it may have outlived its row.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from core import tables
from core.clock import Clock
from core.errors import GiveUp, PlatformError
from core.log import redact
from core.runtime import Runtime
from core.types import Mention, Page
from listener import canary_post, troubles
from listener.chunks import chunks
from listener.source import SendsCanary, Source

log = logging.getLogger(__name__)

LOST_AFTER = timedelta(minutes=10)
"""A canary that has not been seen by then does not come any more."""
AFTER_FAILURE = timedelta(hours=1)
"""When the next is sent after one that could not be sent, or was lost, if that is sooner than CANARY_HOURS."""
KEPT = timedelta(days=30)
"""How long rows are kept."""

_PREFIX = "ripplewatch-canary-"
_TOKEN = re.compile(rf"{_PREFIX}[0-9a-f]{{32}}")


@dataclass(frozen=True, slots=True)
class Lost:
    """A channel through which nothing gets here: the source, when its canary was sent, and what is known of why."""

    source_id: int
    source: str
    sent_at: datetime
    why: str


def send_due(runtime: Runtime, row: tables.Source, source: Source) -> bool:
    """Send a canary through `source`, whose row this is, if it can and it is time; whether one was sent.

    Call it between steps, outside of any transaction: it takes its own, and as long as the platform takes. That it
    could not be sent is noted for `late`, and stops nothing.
    """
    hours, now = runtime.settings.canary_hours, runtime.clock.now()
    with runtime.db.read() as db:
        stale = _to_remove(db, row.id, now)
        sends = bool(hours) and _can_send(db, row, source)
    for one in stale:
        _remove(runtime, row, one)
    if not sends:
        return False
    with runtime.db.read() as db:
        last = _last(db, row.id)
        lost = last is not None and _is_lost(last, now) and not troubles.is_told(db, row.id, last.id)
    if last is not None and lost:
        with runtime.db.write() as db:
            troubles.canary_lost(db, runtime.clock, row, last.id, _why(last))
    if not _is_due(last, now, timedelta(hours=hours)):
        return False
    token = f"{_PREFIX}{secrets.token_hex(16)}"
    with runtime.db.write() as db:
        db.add(tables.Canary(source_id=row.id, token=token, sent_at=now))
        db.execute(delete(tables.Canary).where(tables.Canary.source_id == row.id, tables.Canary.sent_at < now - KEPT))
    try:
        if isinstance(source, SendsCanary):
            source.send_canary(token)
        else:
            _published(runtime, token, canary_post.publish(runtime, row, token))
    except PlatformError as error:
        log.warning("%s %r: the canary could not be sent: %s", row.kind, row.name, error)
        with runtime.db.write() as db:
            failed = update(tables.Canary).where(tables.Canary.token == token)
            db.execute(failed.values(error=redact(str(error))[:500]))
        return False
    return True


def _can_send(db: Session, row: tables.Source, source: Source) -> bool:
    if isinstance(source, SendsCanary):
        return source.can_send_canary()
    return canary_post.can(db, row)


def _published(runtime: Runtime, token: str, native_id: str) -> None:
    with runtime.db.write() as db:
        published = update(tables.Canary).where(tables.Canary.token == token)
        db.execute(published.values(native_id=native_id, remove_at=runtime.clock.now() + LOST_AFTER))


def _to_remove(db: Session, source_id: int, now: datetime) -> Sequence[tables.Canary]:
    row = tables.Canary
    return db.scalars(select(row).where(row.source_id == source_id, row.remove_at <= now)).all()


def _remove(runtime: Runtime, row: tables.Source, one: tables.Canary) -> None:
    """Delete what was published; what cannot be deleted now is tried again in an hour, or left to a person."""
    again: datetime | None = None
    try:
        canary_post.take_back(runtime, row, one.native_id or "")
    except PlatformError as error:
        again = None if isinstance(error, GiveUp) else runtime.clock.now() + AFTER_FAILURE
        log.warning("%s %r: the test reply %s is still there: %s", row.kind, row.name, one.native_id, error)
    with runtime.db.write() as db:
        db.execute(update(tables.Canary).where(tables.Canary.id == one.id).values(remove_at=again))


def without(db: Session, clock: Clock, source: tables.Source, page: Page) -> Page:
    """The page without canaries; those of `source` are noted as seen. Every page passes here before it is stored."""
    tokens = {token for one in page.mentions if (token := _token(one))}
    if not tokens:
        return page
    row, known = tables.Canary, set[str]()
    for some in chunks(sorted(tokens)):
        known.update(db.scalars(select(row.token).where(row.token.in_(some))))
        seen = update(row).where(row.token.in_(some), row.source_id == source.id, row.seen_at.is_(None))
        if db.scalars(seen.values(seen_at=clock.now()).returning(row.id)).all():
            troubles.canary_seen(db, clock, source.id)
    return replace(page, mentions=tuple(one for one in page.mentions if _token(one) not in known and not _is_bare(one)))


def judged(now: datetime) -> ColumnElement[bool]:
    """The condition that it is known by now what became of a canary."""
    row = tables.Canary
    return or_(row.seen_at.is_not(None), row.error.is_not(None), row.sent_at < now - LOST_AFTER)


def late(db: Session, now: datetime) -> list[Lost]:
    """The active sources whose last canary, as far as it can be judged by now, was lost; by name."""
    row, source = tables.Canary, tables.Source
    last = select(func.max(row.id)).where(judged(now)).group_by(row.source_id)
    lost = select(source, row).join(row, row.source_id == source.id).where(row.id.in_(last), row.seen_at.is_(None))
    found = db.execute(lost.where(source.active).order_by(source.name, source.id))
    return [Lost(one.id, one.name, canary.sent_at, _why(canary)) for one, canary in found]


def _why(canary: tables.Canary) -> str:
    if canary.error:
        return f"the message to ourselves could not be sent: {canary.error}"
    return f"the message to ourselves did not come back within {LOST_AFTER.seconds // 60} minutes"


def _last(db: Session, source_id: int) -> tables.Canary | None:
    row = tables.Canary
    return db.scalars(select(row).where(row.source_id == source_id).order_by(row.id.desc()).limit(1)).one_or_none()


def _is_due(last: tables.Canary | None, now: datetime, every: timedelta) -> bool:
    if last is None:
        return True
    return now - last.sent_at >= (min(every, AFTER_FAILURE) if _is_lost(last, now) else every)


def _is_lost(last: tables.Canary, now: datetime) -> bool:
    return last.seen_at is None and (last.error is not None or now - last.sent_at >= LOST_AFTER)


def _token(mention: Mention) -> str | None:
    """The first token in the text."""
    found = _TOKEN.search(mention.text) if _PREFIX in mention.text else None
    return found[0] if found else None


def _is_bare(mention: Mention) -> bool:
    return bool(_TOKEN.fullmatch(mention.text.strip()))
