"""What a source that has caught up does besides hearing what is new: it closes gaps, and looks after what we hold.

One part of one gap, or one batch of mentions, of posts that mentions answer, or of authors' names, per step, so that
what is new never waits long for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from core import tables
from core.errors import GiveUp, RetryLater
from core.log import redact
from core.runtime import Runtime
from core.types import Page, Span
from listener import gaps, names, settings
from listener.collect import collect
from listener.matching import BrandMatcher
from listener.source import FindsParents, NamesAuthors, Rechecks, Refetches, Source

log = logging.getLogger(__name__)

BETWEEN = timedelta(minutes=1)
"""A source is asked for parents at most so often."""


@dataclass(slots=True)
class _Asked:
    """When one source was last asked for parents, and for which: those that are gone are not asked for again."""

    at: datetime | None = None
    ids: set[str] = field(default_factory=set)


_asked: WeakKeyDictionary[FindsParents, _Asked] = WeakKeyDictionary()


def look_back(
    runtime: Runtime, source_id: int, source: Source, matcher: BrandMatcher, stop: threading.Event | None
) -> None:
    """Ask for a part of a gap, or else after mentions that may be gone. Failing at it does not stop hearing."""
    now, looking = runtime.clock.now(), _Looking(runtime, source_id, matcher)
    with runtime.db.read() as db:
        row = db.get(tables.Source, source_id)
        gap = gaps.to_fetch(db, source_id, now) if isinstance(source, Refetches) else None
    if row is None:
        return
    try:
        if gap and isinstance(source, Refetches):
            looking.fetch_gap(source, gap)
        elif isinstance(source, Rechecks) and (row.recheck_at is None or row.recheck_at <= now):
            looking.recheck(source, row.kind)
        elif isinstance(source, FindsParents):
            looking.find_parents(source, row.kind)
        elif isinstance(source, NamesAuthors):
            names.ask(runtime, source_id, source)
    except Exception as error:  # noqa: BLE001 - what is heard now matters more; it is tried again, and logged
        if not (stop and stop.is_set()):
            looking.later(error, gap)


@dataclass(frozen=True, slots=True)
class _Looking:
    """One look back of one source."""

    runtime: Runtime
    source_id: int
    matcher: BrandMatcher

    def fetch_gap(self, source: Refetches, gap: tables.Gap) -> None:
        """Store the next part of a gap; the last closes it."""
        page = source.fetch_gap(Span(gap.start, gap.end, gap.reason), gap.cursor)
        with self._storing(replace(page, gaps=())) as (db, _):
            gaps.fetched(db, gap.id, page, self.runtime.clock.now())

    def recheck(self, source: Rechecks, kind: str) -> None:
        """Ask for those that were looked at longest ago. With none left, look again after a tenth of the time."""
        now, mention = self.runtime.clock.now(), tables.Mention
        old = now - timedelta(seconds=source.recheck_seconds)
        columns = select(mention.id, mention.native_id, mention.checked_at)
        wanted = columns.where(mention.platform == kind, mention.checked_at <= old)
        with self.runtime.db.read() as db:
            held = db.execute(
                wanted.where(mention.deleted_at.is_(None)).order_by(mention.checked_at).limit(source.recheck_ids)
            ).all()
        page = source.recheck([one.native_id for one in held]) if held else Page()
        since = min((one.checked_at for one in held if one.checked_at), default=None)
        with self._storing(replace(page, deleted_since=since)) as (db, row):
            checked = update(mention).where(mention.id.in_([one.id for one in held])).values(checked_at=now)
            db.execute(checked, execution_options={"synchronize_session": False})
            wait = timedelta(seconds=source.recheck_seconds / 10 if len(held) < source.recheck_ids else 0)
            row.recheck_at = max(now + wait, page.rest_until or now)

    def find_parents(self, source: FindsParents, kind: str) -> None:
        """Ask for posts that mentions of the last day answer and that we do not hold. Each is asked for once."""
        asked, now = _asked.setdefault(source, _Asked()), self.runtime.clock.now()
        if asked.at and now - asked.at < BETWEEN:
            return
        asked.at, mention, parent = now, tables.Mention, aliased(tables.Mention)
        held = exists().where(parent.platform == kind, parent.native_id == mention.reply_to)
        recent = (mention.source_id == self.source_id, mention.heard_at > now - timedelta(days=1))
        wanted = select(mention.reply_to).where(
            *recent, mention.deleted_at.is_(None), mention.reply_to.is_not(None), ~held
        )
        with self.runtime.db.read() as db:
            found = set(filter(None, db.scalars(wanted.distinct())))
        ids = sorted(found - asked.ids)[: source.parent_ids]
        asked.ids = (asked.ids & found) | set(ids)
        if ids:
            with self._storing(source.parents(ids), as_context=True):
                pass

    def later(self, error: Exception, gap: tables.Gap | None) -> None:
        """Note when to try again: the gap, or the re-check."""
        expected = isinstance(error, (RetryLater, GiveUp))
        log.warning("looking back failed: %s", redact(str(error)), exc_info=None if expected else error)
        wait = error.after if isinstance(error, RetryLater) and error.after else gaps.TRY_AGAIN.total_seconds()
        later = self.runtime.clock.now() + timedelta(seconds=wait)
        with self.runtime.db.write() as db:
            if gap:
                db.execute(update(tables.Gap).where(tables.Gap.id == gap.id).values(next_try_at=later))
            else:
                db.execute(update(tables.Source).where(tables.Source.id == self.source_id).values(recheck_at=later))

    @contextmanager
    def _storing(self, page: Page, *, as_context: bool = False) -> Iterator[tuple[Session, tables.Source]]:
        """Store a page that has nothing to do with the cursor, in one transaction with what the block does."""
        with self.runtime.db.write() as db:
            row = db.get_one(tables.Source, self.source_id)
            page = replace(page, cursor=None)
            collected = collect(db, self.runtime.clock, row, page, self.matcher, as_context=as_context, late=True)
            settings.renew(self.runtime.settings, row, page.credentials)
            yield db, row
        if collected.to_judge:
            self.runtime.queue.nudge("judge")
