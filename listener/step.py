"""One step of one source: fetch, store, and say when to come back. What goes wrong becomes a state of the source.

fetched          rows and cursor in one transaction, then a nudge for the judge; state running; gaps that this fetch
                 heard are closed
RetryLater       state waiting, until the platform's own time or with exponential backoff, jitter and a cap; a gap
GiveUp           state paused, with a reason: a person must act; the other sources go on; a gap
anything else    logged with its traceback; state waiting like RetryLater
silence          where a source should never be silent: a gap is opened and the source opened anew
budget used up   state waiting for the next month; a gap

A source that has caught up does one more thing per step: it asks for a part of a gap that its cursor cannot bring
back (`listener/gaps.py`), or else whether mentions that we hold are still there (`Rechecks`).
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from core import tables
from core.errors import BadInput, GiveUp, RetryLater
from core.log import redact
from core.runtime import Runtime
from core.types import Page, Span
from listener import budget, gaps, rates, settings, troubles
from listener.canary import send_due
from listener.collect import Collected, collect
from listener.confirm import STAGE as ANSWERED
from listener.look_back import look_back
from listener.matching import BrandMatcher
from listener.source import Refetches, Source

log = logging.getLogger(__name__)

LONGEST_BACKOFF = 300.0
LONGEST_WAIT = 86_400.0
"""Seconds: a platform that asks for more gets a look a day all the same."""
CAUGHT_UP = timedelta(minutes=2)
"""A source that lags behind by more hears first, and does nothing else."""
SPENT = 3_600.0
"""Seconds until a source whose money is used up looks whether it has more."""


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
            allowed = row and budget.level(db, row, runtime.clock.now())
        if row is None:
            return Next(None)
        if allowed == budget.Level.NOTHING:
            return wait(runtime, source_id, f"the month's budget of ${row.budget:,} is used up", SPENT)
        page = source.fetch(row.cursor)
        after = _stored(runtime, source_id, source, matcher, page, opened_at)
    except Exception as error:  # noqa: BLE001 - the outermost loop of a source's thread
        if stop and stop.is_set():
            return Next(None)
        return _failed(runtime, source_id, error)
    if _caught_up(page, runtime.clock.now()):
        send_due(runtime, row, source)
        look_back(runtime, source_id, source, matcher, stop)
    return after


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
        settings.renew(runtime.settings, row, page.credentials)
        resting = page.rest_until if page.rest_until and page.rest_until > now else None
        quiet = _hour_too_quiet(db, row, now)
        row.state, row.reason, row.failures, row.next_try_at, row.last_ok_at = "running", None, 0, resting, now
        row.heard_to = max(filter(None, (row.heard_to, _heard_to(page, source, now))), default=None)
        gaps.close_heard(db, row, now)
        troubles.well_again(db, runtime.clock, row)
        silent = _silence(row, source, opened_at, now) or quiet
        if silent:
            gaps.note(db, row.id, silent.span, lost=silent.lost or isinstance(source, Refetches))
    if collected.to_judge:
        runtime.queue.nudge("judge")
    if collected.own:
        runtime.queue.nudge(ANSWERED)
    if silent:
        log.warning("source %d: %s; opening it anew", source_id, silent.span.reason)
    pause = (resting - now).total_seconds() if resting else 0 if page.more or silent else source.poll_seconds
    return Next(pause, reopen=silent is not None, collected=collected)


def _heard_to(page: Page, source: Source, now: datetime) -> datetime | None:
    """Until when everything has been heard. Where something always comes, an empty page proves nothing."""
    if page.heard_to or page.more:
        return page.heard_to
    return now if source.silent_seconds is None or page.mentions or any(page.events.values()) else None


@dataclass(frozen=True, slots=True)
class _Silence:
    """A span in which too little came. `lost`: the cursor went on meanwhile, so it will not come by itself."""

    span: Span
    lost: bool


def _silence(row: tables.Source, source: Source, opened_at: datetime, now: datetime) -> _Silence | None:
    """The silence of a collection that is never silent, once it is long enough since the source was opened."""
    if source.silent_seconds is None:
        return None
    limit = timedelta(seconds=source.silent_seconds)
    heard = {f"no {name}": datetime.fromisoformat(last) for name, last in sorted(row.last_events.items())}
    heard = heard or {"nothing": row.last_event_at or opened_at}
    silent = {what: last for what, last in heard.items() if now - max(opened_at, last) > limit}
    if not silent:
        return None
    reason = f"{' and '.join(silent)} came, where something always comes"
    return _Silence(Span(min(silent.values()), now, reason), lost=len(silent) < len(heard))


def _hour_too_quiet(db: Session, row: tables.Source, now: datetime) -> _Silence | None:
    """The hour that has just ended, if far less came in it than is usual. The first step after it looks."""
    ended = rates.hour_of(now)
    if row.last_ok_at is None or row.last_ok_at >= ended:
        return None
    reason = rates.far_below(db, row.id, now)
    return _Silence(Span(ended - rates.HOUR, ended, reason), lost=True) if reason else None


def _caught_up(page: Page, now: datetime) -> bool:
    return now - page.heard_to < CAUGHT_UP if page.heard_to else not page.more


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
        _note_outage(runtime, row, db)
        troubles.waits(db, runtime.clock, row)
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
        _note_outage(runtime, row, db)
        troubles.needs_a_person(db, runtime.clock, row)
        name = f"{row.kind} {row.name!r}"
    log.error("%s is paused: %s", name, reason)
    return Next(None, failed=True)


def reopened(runtime: Runtime, source_id: int) -> None:
    """Note a gap for the time in which a source that was heard before was not, because nothing ran."""
    with runtime.db.write() as db:
        row = db.get(tables.Source, source_id)
        if row is not None and row.heard_to and runtime.clock.now() - row.heard_to > CAUGHT_UP:
            gaps.note(db, row.id, Span(row.heard_to, runtime.clock.now(), "it was not being heard"))


def _note_outage(runtime: Runtime, row: tables.Source, db: Session) -> None:
    """One gap for an outage, however often it is tried meanwhile. A source that never heard anything misses nothing."""
    if row.heard_to:
        gaps.note(db, row.id, Span(row.heard_to, runtime.clock.now(), row.reason or ""))
