"""Teaches the detectors of a brand what was before they began to listen: the `history` stage, of brands.

A first import, a source that looks back or a new topic bring mentions that were written long ago and come in any
order, while a detector has to hear of things as they happened. So it hears all of a brand's last weeks anew, from what
was counted, in the order of time, once the import is through. What it finds to have risen then is marked on the curves;
nobody is alerted to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.runtime import Runtime
from core.tables import Brand, Counted, Mention, Ripple, Series, Waiting
from sentiment.ripple import keeping
from sentiment.ripple.alarm import CAUTION
from sentiment.ripple.keeping import HISTORY as STAGE
from sentiment.ripple.keeping import KINDS
from sentiment.ripple.silence import Silences
from sentiment.ripple.watch import PAST, REACH, Arrival, Name, Watch, slot_of

SETTLED = timedelta(minutes=1)
"""After this long it is looked whether an import is through."""
BUSY = 500
"""As long as more than so many mentions wait to be judged or counted it is not."""
_ROWS = 2_000


def soon(db: Session, clock: Clock, brand_ids: Iterable[int]) -> None:
    """Let the detectors of these brands be taught, once what is coming in has settled."""
    waiting.add(db, clock, STAGE, brand_ids, clock.now() + SETTLED)


def work(runtime: Runtime) -> int:
    """Teach the detectors of one brand; see core/queue.py."""
    now = runtime.clock.now()
    with runtime.db.read() as db:
        due = select(Waiting.subject_id).where(Waiting.stage == STAGE, Waiting.due <= now)
        brand_id = db.scalar(due.order_by(Waiting.due, Waiting.subject_id).limit(1))
        if brand_id is None:
            return 0
        brand = db.get(Brand, brand_id)
        busy = any(waiting.count(db, stage) > BUSY for stage in ("judge", "count"))
        watches = [] if busy or brand is None else _taught(db, brand, now - PAST)
    with runtime.db.write() as db:
        keeping.one_at_a_time(db)
        waiting.done(db, STAGE, [brand_id])
        brand = db.get(Brand, brand_id)
        if busy:
            soon(db, runtime.clock, [brand_id])
        elif brand is not None:
            _replace(db, runtime.clock, brand, watches, now - PAST)
    return 0 if busy else 1


def _taught(db: Session, brand: Brand, end: datetime) -> list[Watch]:
    """Detectors that have heard all of a brand's last weeks, up to `end`, each place since it was first heard of."""
    slots: dict[Name, dict[int, list[int]]] = {}
    first: int | None = None
    for arrival in _arrivals(db, brand.id, end - REACH, end):
        slot = slot_of(arrival.written)
        first = slot if first is None else first
        for place in arrival.places:
            for kind in KINDS[place[0]]:
                sums = slots.setdefault(Name(brand.id, kind, *place), {}).setdefault(slot, [0, 0])
                for at, number in enumerate(arrival.counts(kind)):
                    sums[at] += number
    silences, zone, watches = Silences(db, [brand.id], end), ZoneInfo(brand.timezone), []
    for name, theirs in sorted(slots.items()):
        begin = min(theirs) if name.dimension == "source" or first is None else first
        watch = keeping.opened_new(name, zone, silences.of(brand.id, (name.dimension, name.value)), begin)
        for slot in sorted(theirs):
            watch.reach(slot)
            watch.feed(slot, *theirs[slot])
        watch.reach(slot_of(end))
        watches.append(watch)
    return watches


def _arrivals(db: Session, brand_id: int, start: datetime, end: datetime) -> Iterator[Arrival]:
    """What was written in a time and is counted for a brand, in the order of time."""
    told = select(Mention.created_at, Counted.source_id, Counted.topics, Counted.complaint, Counted.sentiment)
    told = told.join(Counted, Counted.mention_id == Mention.id).where(Counted.brand_id == brand_id)
    told = told.where(Mention.created_at >= start, Mention.created_at < end).order_by(Mention.created_at, Mention.id)
    for row in db.execute(told.execution_options(yield_per=_ROWS)):
        places = (("all", ""), ("source", str(row.source_id)), *(("topic", one) for one in row.topics))
        yield Arrival(row.created_at, places, row.complaint is True, row.sentiment == "negative")


def _replace(db: Session, clock: Clock, brand: Brand, watches: Sequence[Watch], since: datetime) -> None:
    """Let detectors that were taught take the place of those that were not; they hear what came since `since`."""
    now = clock.now()
    rest = keeping.by_place(_arrivals(db, brand.id, since, now + PAST))
    series = db.scalars(select(Series).where(Series.brand_id == brand.id)).all()
    rows = {Name(row.brand_id, row.kind, row.dimension, row.value): row for row in series}
    for watch in watches:
        watch.row = rows.get(watch.name)
        watch.take(rest.get((watch.name.dimension, watch.name.value), ()), now)
        _agree(db, watch, now, since)
    keeping.store(db, clock, watches, {brand.id: brand})


def _agree(db: Session, watch: Watch, now: datetime, since: datetime) -> None:
    """Put what a detector found in history in the place of what was found before.

    But for the ripples that somebody was told of: those stay, and what was found again of the same wave is dropped.
    """
    name = watch.name
    watched = and_(Ripple.brand_id == name.brand_id, Ripple.kind == name.kind)
    mine = and_(watched, Ripple.dimension == name.dimension, Ripple.value == name.value, Ripple.at > now - REACH - PAST)
    db.execute(delete(Ripple).where(mine, Ripple.at < since, Ripple.incident_id.is_(None)))
    kept = db.scalars(select(Ripple).where(mine)).all()
    near = timedelta(seconds=CAUTION.quiet)
    for key, (ripple, _) in list(watch.told.items()):
        if any(abs(ripple.at - one.at) < near for one in kept):
            del watch.told[key]
    if not watch.open:
        for one in kept:
            one.ended_at = one.ended_at or now
