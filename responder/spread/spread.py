"""The stage `spread`: how often complaints were passed on by now, how far each will go, and what follows from that.

1. Take those that are due. In one transaction: leave out what nobody follows, begin to follow what is new
   (responder/spread/followed.py), and let what is going to be asked for come due again in LEASE, so that no other
   worker asks meanwhile, and so that a crash costs one reading.
2. Ask each source once for many (Recounts), with no transaction open. A source that is down, rests, or whose money
   runs short costs a later reading and nothing else.
3. In one transaction keep the readings, forecast (sentiment/ripple/spread.py), renew the priority of the cases, tell
   people of what takes off (responder/spread/taking_off.py), and wait for the next look (responder/spread/following.py)
   or end.

Mentions come here from open_case, which has just made them cases, and from the listener, which has just heard that one
was passed on (listener/recount.py): that is a reading already, and nobody is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core import tables, waiting
from core.clock import Clock
from core.errors import BadInput, GiveUp, RetryLater
from core.log import redact
from core.runtime import Runtime
from core.types import Counts
from listener import budget, recount, settings
from listener.chunks import chunks
from responder.spread import followed, taking_off
from responder.spread.followed import Post
from responder.spread.following import Read, age, next_look
from responder.spread.recounters import PAUSE, Recounters, recounters_of
from sentiment.ripple.curve import Curve
from sentiment.ripple.spread import Spread as Outlook
from sentiment.ripple.spread import forecast

log = logging.getLogger(__name__)

STAGE = recount.STAGE
BATCH = 400
"""Mentions per transaction."""
LEASE = timedelta(minutes=10)
REQUESTS = 5
"""A source is asked for so many batches at a time; the others wait for the next time."""
LATER = timedelta(hours=1)
"""When a source that cannot be asked just now (paused, short of money) is tried again."""


def work(runtime: Runtime) -> int:
    """Look at one batch; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    return follow(runtime, recounters_of(runtime))


def follow(runtime: Runtime, recounters: Recounters, limit: int = BATCH) -> int:
    """Look at no more than `limit` mentions; gives how many."""
    clock = runtime.clock
    with runtime.db.write() as db:
        ids = waiting.take(db, clock, STAGE, limit)
        posts = followed.read(db, ids)
        unwanted = [one for one in posts if not followed.is_wanted(one, clock.now())]
        waiting.done(db, STAGE, sorted(set(ids) - {one.id for one in posts}))
        wanted = followed.begin(db, clock, [one for one in posts if one not in unwanted])
        reads = _reads(db, [one.id for one in wanted])
        known = [one for one in wanted if _is_fresh(one, reads.get(one.id, ()), clock.now())]
        asked = _to_ask(db, clock, recounters, [one for one in wanted if one not in known])
        stages = _settle(db, clock, known, unwanted)
    _nudge(runtime, stages)
    for source, some in asked:
        _ask(runtime, recounters, source, some)
    return len(ids)


def _reads(db: Session, ids: Sequence[int]) -> dict[int, list[Read]]:
    """The readings of each, in the order of time."""
    row, found = tables.Reading, dict[int, list[Read]]()
    for part in chunks(sorted(ids)):
        for one in db.scalars(select(row).where(row.mention_id.in_(part)).order_by(row.mention_id, row.at)):
            found.setdefault(one.mention_id, []).append(Read(one.at, Counts(one.likes, one.reposts, one.replies)))
    return found


def _is_fresh(post: Post, reads: Sequence[Read], now: datetime) -> bool:
    """Whether nobody has to be asked: it was read just now, or its first look is still to come."""
    if reads and now - reads[-1].at < recount.EVERY:
        return True
    first = next_look(post.mention.created_at, post.mention.created_at, post.shows)
    return not reads and first is not None and first > now


def _to_ask(
    db: Session, clock: Clock, recounters: Recounters, posts: Sequence[Post]
) -> list[tuple[tables.Source, list[Post]]]:
    """What to ask whom for. What has to wait for its source waits; the others are ours for a while."""
    found: dict[int, tuple[tables.Source, list[Post]]] = {}
    for post in posts:
        if post.source is not None:
            found.setdefault(post.source.id, (post.source, []))[1].append(post)
    asked = []
    for source, some in found.values():
        until = _not_before(db, clock, recounters, source)
        _wait(db, clock, [one.id for one in some], until or clock.now() + LEASE)
        if until is None:
            asked.append((source, some))
    return asked


def _not_before(db: Session, clock: Clock, recounters: Recounters, source: tables.Source) -> datetime | None:
    """Until when a source is not to be asked; None: it may be."""
    now = clock.now()
    if not source.active or source.state in ("paused", "off"):
        return now + LATER
    if budget.level(db, source, now) >= budget.Level.NO_COMPETITORS:
        return now + LATER
    if source.next_try_at is not None and source.next_try_at > now:
        return source.next_try_at
    return recounters.free_at(source.id)


def _ask(runtime: Runtime, recounters: Recounters, source: tables.Source, posts: Sequence[Post]) -> None:
    """Ask one source for all of these, in as few requests as it takes, and keep what it says after each."""
    clock, left = runtime.clock, list(posts)
    try:
        size = recounters.size(source)
        for part in list(chunks(posts, size))[:REQUESTS]:
            found = recounters.recount(source, {one.mention.native_id: one.mention.extra for one in part})
            with runtime.db.write() as db:
                row = db.get(tables.Source, source.id)
                if row is not None:
                    ids = {one.mention.native_id: one.id for one in part}
                    recount.store(db, clock, row, ids, part[0].told, found)
                    settings.renew(runtime.settings, row, found.credentials)
                stages = _settle(db, clock, followed.read(db, [one.id for one in part]))
            _nudge(runtime, stages)
            left = left[len(part) :]
        wait = PAUSE
    except Exception as error:  # one source's trouble costs its readings, and not those of the others
        expected, wait = isinstance(error, (RetryLater, GiveUp, BadInput)), _patience(error)
        recounters.leave(source.id, clock.now() + wait)
        said = redact(str(error))
        log.warning("%s %r was not asked what spreads: %s", source.kind, source.name, said, exc_info=not expected)
    if left:
        with runtime.db.write() as db:
            _wait(db, clock, [one.id for one in left], clock.now() + wait)


def _patience(error: Exception) -> timedelta:
    """How long a source that did not answer is left alone."""
    asked = error.after if isinstance(error, RetryLater) else LATER.total_seconds()
    return max(PAUSE, timedelta(seconds=min(asked or LEASE.total_seconds(), 86_400.0)))


def _settle(db: Session, clock: Clock, posts: Sequence[Post], unwanted: Sequence[Post] = ()) -> set[str]:
    """What follows from the readings of these; gives the stages that have work by it. `unwanted` are let go of."""
    now, stages, over = clock.now(), set[str](), list(unwanted)
    row, ids = tables.Spread, sorted(one.id for one in (*posts, *unwanted))
    db.execute(select(row.mention_id).where(row.mention_id.in_(ids)).order_by(row.mention_id).with_for_update())
    reads = _reads(db, [one.id for one in posts])
    for post in posts:
        mine = reads.get(post.id, [])
        before = post.spread.expected if post.spread else None
        ahead = _looked(db, post, mine)
        due = next_look(post.mention.created_at, now, post.shows, mine) if followed.is_wanted(post, now) else None
        if due is None:
            over.append(post)
            continue
        _wait(db, clock, [post.id], due)
        if ahead and (stage := taking_off.tell(db, clock, post.mention, post.case, ahead, before)):
            stages.add(stage)
    _end(db, clock, over)
    taking_off.renew_cases(db, clock, {one.case.id for one in (*posts, *unwanted)})
    return stages


def _looked(db: Session, post: Post, reads: Sequence[Read]) -> Outlook | None:
    """Note what was found, with the forecast where the platform tells reposts; keep no more readings than a curve."""
    curve, moments = Curve(), dict[float, datetime]()
    for one in reads:
        seconds = age(post.mention.created_at, one.at)
        curve, moments[seconds] = curve.add(seconds, one.counts.reposts), one.at
    kept = {moments[seconds] for seconds, _ in curve.points}
    row = tables.Reading
    needless = [one.at for one in reads if one.at not in kept]
    if needless:
        db.execute(delete(row).where(row.mention_id == post.id, row.at.in_(needless)))
    spread = db.get(tables.Spread, post.id)
    if spread is None or not reads:
        return None
    ahead = forecast(curve.cascade(), age(post.mention.created_at, reads[-1].at)) if "reposts" in post.told else None
    if spread.looked_at != reads[-1].at:
        spread.looked_at, spread.looks = reads[-1].at, spread.looks + 1
    if ahead:
        spread.expected, spread.low, spread.high = float(ahead.expected), float(ahead.low), float(ahead.high)
    db.flush()
    return ahead


def _end(db: Session, clock: Clock, posts: Sequence[Post]) -> None:
    """Follow these no longer."""
    ids = [one.id for one in posts]
    waiting.done(db, STAGE, ids)
    row, now = tables.Spread, clock.now()
    ended = update(row).where(row.mention_id.in_(ids), row.ended_at.is_(None)).values(ended_at=now)
    db.execute(ended.execution_options(synchronize_session="fetch"))
    taking_off.over(db, clock, ids)


def _wait(db: Session, clock: Clock, ids: Sequence[int], until: datetime) -> None:
    waiting.done(db, STAGE, ids)
    waiting.add(db, clock, STAGE, ids, until)


def _nudge(runtime: Runtime, stages: Iterable[str]) -> None:
    for stage in sorted(stages):
        runtime.queue.nudge(stage)
