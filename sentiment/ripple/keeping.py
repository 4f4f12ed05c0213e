"""The detectors of all brands, kept as rows: opened when something is to be told them, fed, and written back.

A brand's detectors are told of mentions as they are counted (`feed`), and now and then of what did not come
(`catch_up`), so that a wave that is over is noticed. What rises becomes a Ripple; of a brand of ours, if it is of the
last two hours, it goes on to the stage `ripple`. While it lasts it is kept at its height, with the words for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.tables import Brand, HourCount, Ripple, Series, Source, Topic, Waiting
from sentiment.ripple import words
from sentiment.ripple.silence import Silences
from sentiment.ripple.spikes import Spike
from sentiment.ripple.spikes import words as in_words
from sentiment.ripple.watch import PAST, REACH, Arrival, Name, Place, Unheard, Watch, begin_of, kind_of, slot_of

KINDS: Mapping[str, tuple[str, ...]] = {
    "all": ("complaints", "mentions", "negative"),
    "source": ("complaints", "mentions"),
    "topic": ("complaints", "mentions"),
}
"""What is watched of a brand as a whole, of each of its sources, of each of its topics."""

MANY = 20
"""So many of one batch that come too late for a brand's detectors are history that they should have been taught."""

HISTORY = "history"
"""The stage that teaches detectors what was before (history.py)."""
CALM = "calm"
"""The stage that looks whether a wave is over (calm.py)."""
SOON = timedelta(minutes=15)
"""While a wave lasts, how often."""

_WHAT = {"complaints": "complaints", "mentions": "mentions", "negative": "mentions negative"}
_ONE_AT_A_TIME = 0x5249_5043_4E54
"""Key of the PostgreSQL advisory lock under which one transaction at a time changes counts and detectors ("RIPCNT")."""


def one_at_a_time(db: Session) -> None:
    """Until the end of this transaction nobody else changes counts or detectors; SQLite has one writer anyway."""
    if db.get_bind().dialect.name != "sqlite":
        db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})


def feed(db: Session, clock: Clock, arrivals: Mapping[int, Sequence[Arrival]]) -> list[int]:
    """Tell each brand's detectors of mentions that were counted; gives the brands whose detectors lack history.

    Those are brands with a place that is watched for the first time though it has a past, or of which many mentions
    came too late.
    """
    if not arrivals:
        return []
    now, brands = clock.now(), _brands(db, arrivals)
    places = {brand_id: by_place(some) for brand_id, some in arrivals.items() if brand_id in brands}
    watches = _opened(db, now, brands, places)
    lacking: set[int] = set()
    for watch in watches:
        brand_id, theirs = watch.name.brand_id, places[watch.name.brand_id][watch.name.dimension, watch.name.value]
        late = watch.take(theirs, now)
        if late >= MANY or (late and watch.row is None):
            lacking.add(brand_id)
    store(db, clock, [watch for watch in watches if watch.fed], brands)
    return sorted(lacking)


def catch_up(db: Session, clock: Clock, brand: Brand) -> bool:
    """Tell all detectors of a brand what did not come; whether a wave still lasts."""
    rows = db.scalars(select(Series).where(Series.brand_id == brand.id).order_by(Series.id)).all()
    silences, zone = Silences(db, [brand.id], clock.now()), ZoneInfo(brand.timezone)
    watches = [Watch.of(row, zone, silences.of(brand.id, (row.dimension, row.value))) for row in rows]
    give_ripples(db, watches)
    for watch in watches:
        watch.reach(slot_of(clock.now()))
    store(db, clock, [watch for watch in watches if watch.fed], {brand.id: brand})
    return any(watch.open for watch in watches)


def opened_new(name: Name, zone: ZoneInfo, unheard: Unheard, first: int) -> Watch:
    """A watch over what was never watched, from a slot on."""
    return Watch(name, zone, kind_of(name)(), first - 1, unheard)


def silent_since(db: Session, name: Name, now: datetime) -> datetime:
    """Since when a place of which nothing was ever heard was silent.

    For a topic that is as long as the brand was heard, once the past was searched for it; elsewhere nobody knows, and
    where history is going to be taught nobody need know.
    """
    topic = db.get(Topic, int(name.value)) if name.dimension == "topic" else None
    known = exists().where(Series.brand_id == name.brand_id, Series.dimension == "all")
    taught = exists().where(Waiting.stage == HISTORY, Waiting.subject_id == name.brand_id)
    if topic is None or topic.cursor is not None or db.scalar(select(~known | taught)):
        return now - PAST
    heard = select(func.min(HourCount.hour)).where(HourCount.brand_id == name.brand_id, HourCount.dimension == "all")
    return min(db.scalar(heard.where(HourCount.hour > now - REACH)) or now, now - PAST)


def by_place(arrivals: Iterable[Arrival]) -> dict[Place, list[Arrival]]:
    """The mentions that are news in each place."""
    found: dict[Place, list[Arrival]] = {}
    for arrival in arrivals:
        for place in arrival.places:
            found.setdefault(place, []).append(arrival)
    return found


def give_ripples(db: Session, watches: Sequence[Watch]) -> None:
    """Give each watch its ripples that have not ended, the oldest first."""
    named = {watch.name: watch for watch in watches}
    rows = select(Ripple).where(Ripple.brand_id.in_({name.brand_id for name in named}), Ripple.ended_at.is_(None))
    for row in db.scalars(rows.where(Ripple.kind != "spread").order_by(Ripple.at)):
        watch = named.get(Name(row.brand_id, row.kind, row.dimension, row.value))
        if watch:
            watch.open.append(row)


def store(db: Session, clock: Clock, watches: Sequence[Watch], brands: Mapping[int, Brand]) -> None:
    """Write back what the watches know, and the ripples; let what is new go on to whoever makes incidents of it."""
    began = set()
    for watch in watches:
        if watch.row is None:
            watch.row = Series(**watch.name._asdict())
            db.add(watch.row)
            began.add(watch.name.brand_id)
        watch.row.fed_to, watch.row.state = begin_of(watch.slot), watch.packed()
    fresh = [ripple for watch in watches for ripple, spike in watch.told.values() if _tell(db, clock, ripple, spike)]
    db.flush()
    recent = [one for one in fresh if one.at > clock.now() - PAST]
    ours = [one.id for one in recent if not brands[one.brand_id].competitor]
    waiting.add(db, clock, "ripple", ours, lane=waiting.PRESSING)
    rising = {one.brand_id for one in recent}
    waiting.done(db, CALM, sorted(rising))  # which may be due much later
    waiting.add(db, clock, CALM, rising | began, clock.now() + SOON)


def _tell(db: Session, clock: Clock, ripple: Ripple, spike: Spike) -> bool:
    """Find the words for a ripple that is new or has grown; whether it is new."""
    start, end = spike.at - spike.window, spike.at + timedelta(minutes=5)
    span = words.Span(ripple.brand_id, ripple.kind, ripple.dimension, ripple.value, start, end)
    about = words.about(db, span)
    new = ripple.id is None
    if about or new:
        ripple.about = about
    sentence = in_words(spike, _WHAT[ripple.kind] + _where(db, ripple))
    ripple.sentence = sentence + (f", mostly about {' and '.join(ripple.about[:2])}" if ripple.about else "")
    if new:
        ripple.noticed_at = clock.now()
        db.add(ripple)
    return new


def _where(db: Session, ripple: Ripple) -> str:
    """In which part of the brand's mentions, for a sentence."""
    if ripple.dimension == "topic":
        topic = db.get(Topic, int(ripple.value))
        return f" about {topic.name}" if topic else ""
    if ripple.dimension == "source":
        source = db.get(Source, int(ripple.value))
        return f" from {source.name}" if source else ""
    return ""


def _opened(
    db: Session,
    now: datetime,
    brands: Mapping[int, Brand],
    places: Mapping[int, Mapping[Place, Sequence[Arrival]]],
) -> list[Watch]:
    """The watches over these places."""
    values = {value for theirs in places.values() for _, value in theirs}
    rows = db.scalars(select(Series).where(Series.brand_id.in_(places), Series.value.in_(values)))
    known = {Name(row.brand_id, row.kind, row.dimension, row.value): row for row in rows}
    silences = Silences(db, sorted(places), now)
    watches = []
    for brand_id in sorted(places):
        zone = ZoneInfo(brands[brand_id].timezone)
        for place in sorted(places[brand_id]):
            unheard = silences.of(brand_id, place)
            for kind in KINDS[place[0]]:
                name = Name(brand_id, kind, *place)
                row = known.get(name)
                watches.append(
                    Watch.of(row, zone, unheard)
                    if row
                    else opened_new(name, zone, unheard, slot_of(silent_since(db, name, now)))
                )
    give_ripples(db, watches)
    return watches


def _brands(db: Session, brand_ids: Iterable[int]) -> dict[int, Brand]:
    return {row.id: row for row in db.scalars(select(Brand).where(Brand.id.in_(brand_ids)))}
