"""One step of one source: fetch, store, and say when to come back. What goes wrong becomes a state of the source.

fetched          rows and cursor in one transaction, then a nudge for the judge; state running
RetryLater       state waiting, until the platform's own time or with exponential backoff, jitter and a cap
GiveUp           state paused, with a reason: a person must act; the other sources go on
anything else    logged with its traceback; state waiting like RetryLater
silence          where a source should never be silent: a gap is opened and the source opened anew
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import tables
from core.errors import BadInput, GiveUp, RetryLater
from core.log import redact
from core.runtime import Runtime
from core.types import Page
from listener.collect import Collected, collect
from listener.matching import BrandMatcher
from listener.source import Source

log = logging.getLogger(__name__)

LONGEST_BACKOFF = 300.0
LONGEST_WAIT = 86_400.0
"""Seconds: a platform that asks for more gets a look a day all the same."""


@dataclass(frozen=True, slots=True)
class Next:
    """What comes after a step: another one in `wait` seconds (None: nothing, a person must act first).

    `failed` says that this step did not work, `reopen` that the source has to be closed and made anew.
    """

    wait: float | None
    failed: bool = False
    reopen: bool = False
    collected: Collected = field(default_factory=Collected)


def step(
    runtime: Runtime,
    source_id: int,
    source: Source,
    matcher: BrandMatcher,
    opened_at: datetime,
    stop: threading.Event | None = None,
) -> Next:
    """Take one step of the source with this row id, which was opened at `opened_at`; see the module.

    Once `stop` is set, failures are nobody's fault and change nothing.
    """
    try:
        with runtime.db.read() as db:
            row = db.get(tables.Source, source_id)
        if row is None:
            return Next(None)
        page = source.fetch(row.cursor)
        return _stored(runtime, source_id, source, matcher, page, opened_at)
    except Exception as error:  # noqa: BLE001 - the outermost loop of a source's thread
        if stop and stop.is_set():
            return Next(None)
        return _failed(runtime, source_id, error)


def _failed(runtime: Runtime, source_id: int, error: Exception) -> Next:
    match error:
        case RetryLater():
            return wait(runtime, source_id, str(error), error.after)
        case GiveUp() | BadInput():
            return pause(runtime, source_id, str(error))
        case _:
            log.error("source %d failed in a way nobody thought of", source_id, exc_info=error)
            return wait(runtime, source_id, f"{type(error).__name__}: {error} (the log says more)")


def _stored(
    runtime: Runtime, source_id: int, source: Source, matcher: BrandMatcher, page: Page, opened_at: datetime
) -> Next:
    now = runtime.clock.now()
    with runtime.db.write() as db:
        row = db.get_one(tables.Source, source_id)
        collected = collect(db, runtime.clock, row, page, matcher)
        row.state, row.reason, row.failures, row.next_try_at, row.last_ok_at = "running", None, 0, None, now
        since = max(opened_at, row.last_event_at or opened_at)
        silent = source.silent_seconds is not None and now - since > timedelta(seconds=source.silent_seconds)
        if silent:
            _note_silence(db, row, since, now)
    if collected.to_judge:
        runtime.queue.nudge("judge")
    if silent:
        log.warning("source %d has been silent since %s: opening it anew", source_id, since)
    return Next(0 if page.more or silent else source.poll_seconds, reopen=silent, collected=collected)


def _note_silence(db: Session, row: tables.Source, since: datetime, now: datetime) -> None:
    """One gap per silence, however often the source is opened anew meanwhile."""
    start, gap = row.last_event_at or since, tables.Gap
    known = select(gap).where(gap.source_id == row.id, gap.start == start, gap.closed_at.is_(None))
    found = db.scalars(known.limit(1)).one_or_none()
    if found:
        found.end = now
    else:
        db.add(tables.Gap(source_id=row.id, start=start, end=now, reason="nothing came, where something always comes"))


def wait(runtime: Runtime, source_id: int, reason: str, after: float | None = None) -> Next:
    """Let the source wait for `after` seconds, or the longer the more often it has failed in a row."""
    with runtime.db.write() as db:
        row = db.get(tables.Source, source_id)
        if row is None:
            return Next(None)
        if after is None:
            backoff = min(LONGEST_BACKOFF, 2.0 ** min(row.failures, 10))
            after = backoff * random.uniform(0.5, 1)  # noqa: S311 - jitter, no secret
        after = min(max(after, 0.0), LONGEST_WAIT)
        row.state, row.reason, row.failures = "waiting", redact(reason)[:500], row.failures + 1
        row.next_try_at = runtime.clock.now() + timedelta(seconds=after)
        name = f"{row.kind} {row.name!r}"
    log.warning("%s: %s; next try in %.0f s", name, reason, after)
    return Next(after, failed=True)


def pause(runtime: Runtime, source_id: int, reason: str) -> Next:
    """Stop the source until a person has acted (and set its state to running again)."""
    with runtime.db.write() as db:
        row = db.get(tables.Source, source_id)
        if row is None:
            return Next(None)
        row.state, row.reason, row.failures, row.next_try_at = "paused", redact(reason)[:500], row.failures + 1, None
        name = f"{row.kind} {row.name!r}"
    log.error("%s is paused: %s", name, reason)
    return Next(None, failed=True)
