"""Verdicts in, counts out, and what rises above the usual: the `count` stage.

One batch: take the mentions that have waited longest, find as what each counts for each of its brands (competitors
too), and add the difference to what it stood for before. Counts, what a mention stands for, detectors and the list of
what still waits change in one transaction: whatever crashes, and however often verdicts change, counts are exact.

What counts for the first time is fed to the detectors (keeping.py); a verdict that changes later moves the counts and
leaves the detectors as they are. What was forgotten counts as it did.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core import waiting
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.setaside import set_aside
from core.tables import Author, Match, Mention, Source, Verdict, Waiting
from listener.query import Post, links_in
from sentiment.ripple import history, keeping, tally
from sentiment.ripple.reader import Reader, Rules
from sentiment.ripple.tally import Key, Standing, Tally
from sentiment.ripple.watch import Arrival, Place

BATCH = 500
"""Mentions per transaction."""

STAGE = "count"


@dataclass(slots=True)
class _Read:
    """What was read of a batch: as what mentions count now, when they were written, and what could not be read.

    `there` are the mentions that are there and not held by others; `gone` those of them that were forgotten.
    """

    standings: dict[Key, Standing] = field(default_factory=dict)
    written: dict[int, datetime] = field(default_factory=dict)
    failures: dict[int, Exception] = field(default_factory=dict)
    there: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)


def work(runtime: Runtime) -> int:
    """Count one batch; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    return count_batch(runtime)


def count_batch(runtime: Runtime, limit: int = BATCH) -> int:
    """Count at most `limit` waiting mentions; gives how many. Raises ItemsSetAside when some could not be counted."""
    with runtime.db.claim() as claimed:
        ids = waiting.take(claimed, runtime.clock, STAGE, limit)
        if not ids:
            return 0
        reader = Reader(Rules.read(claimed))
        read = _read(claimed, ids, reader)
        with runtime.db.settle(claimed) as db:
            keeping.one_at_a_time(db)
            if runtime.db.sqlite:  # which held nothing: others may have changed or counted some of these meanwhile
                ids = _ours(db, ids)
                rules = Rules.read(db)
                read = _read(db, ids, reader if rules == reader.rules else Reader(rules))
            done = _finished(db, ids, read.there)
            _write(db, runtime, done, read)
            waiting.done(db, STAGE, done)
            for mention_id, error in read.failures.items():
                set_aside(db, runtime.clock, STAGE, "mention", mention_id, error)
    if read.failures:
        raise ItemsSetAside(STAGE, len(read.failures))
    return len(done)


def _write(db: Session, runtime: Runtime, ids: Sequence[int], read: _Read) -> None:
    """Move the counts from what these mentions stood for to what they stand for now, and feed the detectors."""
    leave = read.gone | read.failures.keys()
    before = {key: one for key, one in tally.counted(db, ids).items() if key[0] not in leave}
    moved = {key: one for key, one in read.standings.items() if before.get(key) != one}
    gone = before.keys() - read.standings.keys()
    sums = Tally()
    for key, one in moved.items():
        sums.add(key[1], one)
    for key in gone | (before.keys() & moved.keys()):
        sums.add(key[1], before[key], -1)
    sums.write(db)
    tally.remember(db, moved, gone)
    arrivals: dict[int, list[Arrival]] = {}
    for key, one in moved.items():
        if places := _news(one, before.get(key)):
            negative, complaint = one.sentiment == "negative", one.complaint is True
            arrival = Arrival(read.written[key[0]], places, complaint, negative)
            arrivals.setdefault(key[1], []).append(arrival)
    history.soon(db, runtime.clock, keeping.feed(db, runtime.clock, arrivals))


def _news(now: Standing, before: Standing | None) -> tuple[Place, ...]:
    """Where a mention is news to the detectors: everywhere at first, later in topics that it was not counted in."""
    topics = [("topic", one) for one in now.topics if before is None or one not in before.topics]
    return tuple(topics) if before else (("all", ""), ("source", str(now.source_id)), *topics)


def _read(db: Session, ids: Sequence[int], reader: Reader) -> _Read:
    verdicts, brands = _verdicts(db, ids), _brands(db, ids)
    read = _Read()
    for row in _mentions(db, ids):
        read.there.add(row.id)
        read.written[row.id] = row.created_at
        if row.deleted_at is not None:
            read.gone.add(row.id)
        elif row.id in verdicts:
            try:
                read.standings |= _standings(row, verdicts[row.id], brands.get(row.id, ()), reader)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one, its neighbours must be counted
                read.failures[row.id] = error
    return read


def _mentions(db: Session, ids: Sequence[int]) -> Sequence[Row[Any]]:
    wanted = (
        select(
            *(Mention.id, Mention.platform, Mention.source_id, Mention.text, Mention.lang, Mention.url, Mention.kind),
            *(Mention.extra, Mention.created_at, Mention.deleted_at, Author.handle, Author.followers),
            Source.name.label("source"),
        )
        .join(Mention.author)
        .outerjoin(Mention.source)
        .where(Mention.id.in_(ids))
        .with_for_update(of=Mention, read=True, key_share=True, skip_locked=True)
    )
    return db.execute(wanted).all()


def _verdicts(db: Session, ids: Sequence[int]) -> dict[int, Row[Any]]:
    """What counts of the newest verdict of each."""
    newest = select(func.max(Verdict.id)).where(Verdict.mention_id.in_(ids)).group_by(Verdict.mention_id)
    told = select(Verdict.mention_id, Verdict.language, Verdict.sentiment, Verdict.complaint, Verdict.emotion)
    rows = db.execute(told.add_columns(Verdict.intent).where(Verdict.id.in_(newest)))
    return {row.mention_id: row for row in rows}


def _brands(db: Session, ids: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for row in db.execute(select(Match.mention_id, Match.brand_id).where(Match.mention_id.in_(ids))):
        found.setdefault(row.mention_id, []).append(row.brand_id)
    return found


def _standings(row: Row[Any], verdict: Row[Any], brands: Collection[int], reader: Reader) -> dict[Key, Standing]:
    post = Post(
        *(row.text, row.handle, row.lang, row.url, row.platform, row.source, links_in(row.extra)),
        *(row.followers, row.kind),
    )
    found = reader.read(row.id, post, verdict.language, brands)
    return {
        (row.id, brand_id): Standing(
            hour=row.created_at.replace(minute=0, second=0, microsecond=0),
            platform=row.platform,
            source_id=row.source_id or 0,
            language=verdict.language,
            sentiment=verdict.sentiment,
            complaint=verdict.complaint,
            angry=verdict.emotion == "anger",
            intent=verdict.intent or "",
            followers=row.followers or 0,
            topics=topics,
            words=words,
        )
        for brand_id, (topics, words) in found.items()
    }


def _ours(db: Session, ids: Sequence[int]) -> list[int]:
    """Those that still wait, now that nobody else can write: another thread may have been faster."""
    still = select(Waiting.subject_id).where(Waiting.stage == STAGE, Waiting.subject_id.in_(ids))
    return sorted(db.scalars(still))


def _finished(db: Session, ids: Sequence[int], there: set[int]) -> list[int]:
    """What need not wait any longer: all but mentions that others hold."""
    unread = set(ids) - there
    held = set(db.scalars(select(Mention.id).where(Mention.id.in_(unread)))) if unread else set()
    return sorted(set(ids) - held)
