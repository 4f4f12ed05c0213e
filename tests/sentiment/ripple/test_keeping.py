"""Waves of what is counted become ripples, are kept at their height, and end; history is heard as it happened."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from sqlalchemy import select

from core import waiting
from core.clock import HeldClock
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.tables import Author, Brand, Counted, Gap, Match, Mention, Ripple, Series, Source, Verdict, WordCount
from sentiment.ripple import topics
from sentiment.ripple.packing import pack, unpack
from sentiment.ripple.silence import Silences
from sentiment.ripple.spikes import ALERT, Detector, ShareDetector
from sentiment.ripple.watch import slot_of

FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
USUAL = ("acme parcel is late", "acme app is slow today", "where is my acme invoice", "acme shop was closed")
WAVE = ("acme checkout is down", "cannot pay, acme checkout fails", "the checkout of acme is broken")

Said = tuple[datetime, str]


def brand(runtime: Runtime, slug: str = "acme", *, competitor: bool = False, zone: str = "UTC") -> int:
    with runtime.db.write() as db:
        row = Brand(slug=slug, name=slug.title(), competitor=competitor, timezone=zone, created_at=FRIDAY)
        db.add(row)
        db.flush()
        db.add(Source(kind="x", name=f"x {slug}", brand_id=row.id, created_at=FRIDAY))
        return row.id


def hear(runtime: Runtime, brand_id: int, said: Iterable[Said]) -> None:
    """Judged complaints of a brand, which wait to be counted."""
    with runtime.db.write() as db:
        source = db.scalars(select(Source).where(Source.brand_id == brand_id)).one()
        author = db.scalars(select(Author)).first() or Author(platform="x", native_id="1", handle="ann", followers=10)
        rows = []
        for at, text in said:
            row = Mention(platform="x", native_id=f"{brand_id} {at} {random.random()}", text=text, created_at=at)
            row.author, row.source_id, row.heard_at = author, source.id, at
            row.matches = [Match(brand_id=brand_id)]
            rows.append(row)
        db.add_all(rows)
        db.flush()
        told = {"model": "fake-1", "language": "en", "sentiment": "negative", "complaint": True, "judged_at": FRIDAY}
        db.add_all([Verdict(mention_id=row.id, **told) for row in rows])
        waiting.add(db, runtime.clock, "count", [row.id for row in rows])


def usual(start: datetime, days: float, seed: int = 1) -> list[Said]:
    """About three complaints every two hours."""
    chance, at, said = random.Random(seed), start, list[Said]()
    while at < start + timedelta(days=days):
        at += timedelta(minutes=chance.expovariate(1 / 40))
        said.append((at, chance.choice(USUAL)))
    return said


def wave(start: datetime, number: int = 40) -> list[Said]:
    """So many within half an hour."""
    return [(start + timedelta(seconds=1800 * n / number), WAVE[n % len(WAVE)]) for n in range(number)]


def live(runtime: Runtime, clock: HeldClock, brand_id: int, said: Sequence[Said], hours: float = 1) -> None:
    """Hear things as they are written, counted every `hours` hours; what is over is noticed in between."""
    for at, some in groupby(said, key=lambda one: int(one[0].timestamp() // (3600 * hours))):
        clock.advance((at + 1) * 3600 * hours - clock.now().timestamp())
        hear(runtime, brand_id, some)
        work(runtime)


def work(runtime: Runtime, *names: str) -> None:
    for name in names or ("count", "history", "calm"):
        run_stage(runtime, STAGES[name])


def ripples(runtime: Runtime, dimension: str = "all", kind: str = "complaints") -> list[Ripple]:
    with runtime.db.read() as db:
        found = select(Ripple).where(Ripple.dimension == dimension, Ripple.kind == kind).order_by(Ripple.at)
        return list(db.scalars(found))


def waits(runtime: Runtime) -> int:
    with runtime.db.read() as db:
        return waiting.count(db, "ripple")


def test_a_wave_becomes_a_ripple_is_kept_at_its_height_and_ends(runtime: Runtime, clock: HeldClock) -> None:
    acme = brand(runtime, zone="Europe/Berlin")
    clock.advance(-3 * 86_400)
    with runtime.db.write() as db:
        checkout = topics.add(db, clock, acme, "Checkout", "checkout").id
    work(runtime, "topic")
    live(runtime, clock, acme, usual(clock.now(), 3), hours=12)
    assert not ripples(runtime)
    begin = clock.now() + timedelta(minutes=5)
    live(runtime, clock, acme, wave(begin), hours=1 / 12)
    (found,) = ripples(runtime)
    assert found.at - begin < timedelta(minutes=15)  # of forty in half an hour the first dozen
    assert abs(found.since - begin) <= timedelta(minutes=5)
    assert found.observed > 30  # though it was alerted long before
    assert (found.ended_at, found.about[0]) == (None, "checkout")
    assert found.sentence.startswith(f"{found.observed:.0f} complaints in ")
    assert found.sentence.endswith(f"since {found.since.hour + 1:02}:{found.since.minute:02}, mostly about checkout")
    assert ripples(runtime, "topic")[0].value == str(checkout)
    assert "complaints about Checkout in" in ripples(runtime, "topic")[0].sentence
    assert "complaints from x acme in" in ripples(runtime, "source")[0].sentence
    told = waits(runtime)
    assert told == len(ripples(runtime)) + sum(len(ripples(runtime, *one)) for one in _ELSEWHERE)
    for _ in range(40):
        clock.advance(900)
        work(runtime, "calm")
    (found,) = ripples(runtime)
    assert found.ended_at is not None
    assert found.ended_at - begin < timedelta(hours=5)
    assert waits(runtime) == told


_ELSEWHERE = (
    ("all", "mentions"),
    ("all", "negative"),
    ("source", "complaints"),
    ("source", "mentions"),
    ("topic", "complaints"),
    ("topic", "mentions"),
)


def test_what_was_imported_newest_first_is_heard_as_it_happened(runtime: Runtime, clock: HeldClock) -> None:
    acme, start = brand(runtime), clock.now() - timedelta(days=5)
    said = sorted(usual(start, 4.8) + wave(start + timedelta(days=4)))
    for first in range(0, len(said), 100):
        hear(runtime, acme, said[::-1][first : first + 100])
        work(runtime, "count", "history")
    clock.advance(60)
    work(runtime, "history")
    detector, slots = Detector(), [slot_of(at) for at, _ in said]
    alerts = []
    for slot in range(slots[0], slot_of(clock.now()) + 1):
        at = datetime.fromtimestamp(slot * 300, UTC)
        if slot <= slots[-1] or slot < slot_of(clock.now() - timedelta(hours=2)):
            alerts += [at] if detector.update(at, slots.count(slot)).score >= ALERT else []
    assert [one.at for one in ripples(runtime)] == alerts
    assert len(alerts) == 1
    assert waits(runtime) == 0
    with runtime.db.read() as db:
        row = db.scalars(select(Series).where(Series.kind == "complaints", Series.dimension == "all")).one()
        assert unpack(Detector, row.state).as_json() == detector.as_json()
    hear(runtime, acme, [(clock.now() - timedelta(hours=5), USUAL[0])])  # one that comes late is no history
    work(runtime, "count")
    with runtime.db.read() as db:
        assert waiting.count(db, "history") == 0


def test_a_competitor_is_counted_and_its_waves_are_marked_but_nobody_is_told(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    zeta = brand(sqlite_runtime, "zeta", competitor=True)
    clock.advance(-3 * 86_400)
    live(sqlite_runtime, clock, zeta, usual(clock.now(), 3), hours=12)
    live(sqlite_runtime, clock, zeta, wave(clock.now() + timedelta(minutes=5)), hours=1)
    assert ripples(sqlite_runtime)
    assert waits(sqlite_runtime) == 0


def test_a_new_topic_is_taught_from_history(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    acme = brand(sqlite_runtime)
    clock.advance(-2 * 86_400)
    live(sqlite_runtime, clock, acme, usual(clock.now(), 2), hours=12)
    with sqlite_runtime.db.write() as db:
        late = topics.add(db, clock, acme, "Late", "parcel OR invoice")
    work(sqlite_runtime, "topic", "count")
    clock.advance(60)
    work(sqlite_runtime, "history")
    with sqlite_runtime.db.read() as db:
        row = db.scalars(select(Series).where(Series.dimension == "topic", Series.kind == "complaints")).one()
        counted = db.scalars(select(Counted)).all()
    heard = unpack(Detector, row.state).as_json()["rolling"]["baseline"]
    assert heard["hits"][-1] > 20
    assert sum(str(late.id) in one.topics for one in counted) == pytest.approx(len(counted) / 2, rel=0.3)


def test_of_a_gap_nothing_is_said_to_a_detector(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    acme = brand(sqlite_runtime)
    start = clock.now()
    live(sqlite_runtime, clock, acme, usual(start, 0.5), hours=1)
    with sqlite_runtime.db.write() as db:
        source = db.scalars(select(Source)).one()
        span = {"start": clock.now(), "end": clock.now() + timedelta(hours=6), "reason": "no power"}
        db.add(Gap(source_id=source.id, **span))
        closed = {"start": start, "end": start + timedelta(hours=3), "reason": "restart", "closed_at": start}
        db.add(Gap(source_id=source.id, **closed))
    with sqlite_runtime.db.read() as db:
        silences = Silences(db, [acme], clock.now())
        for place in (("all", ""), ("source", str(source.id)), ("topic", "1")):
            unheard = silences.of(acme, place)
            assert unheard(slot_of(clock.now() + timedelta(hours=2)))
            assert not unheard(slot_of(clock.now() + timedelta(hours=7)))
            assert not unheard(slot_of(start + timedelta(hours=1)))
    before = _heard(sqlite_runtime)
    clock.advance(8 * 3600)
    work(sqlite_runtime, "calm")
    assert 20 <= _heard(sqlite_runtime) - before < 40  # two of the eight hours; a slot after a gap stands for itself


def _heard(runtime: Runtime) -> float:
    with runtime.db.read() as db:
        row = db.scalars(select(Series).where(Series.kind == "complaints", Series.dimension == "all")).one()
    slots: float = unpack(Detector, row.state).as_json()["rolling"]["baseline"]["slots"]
    return slots


def test_words_that_only_one_mention_held_go_after_days(runtime: Runtime, clock: HeldClock) -> None:
    acme = brand(runtime)
    said = [(clock.now() - timedelta(minutes=n), text) for n, text in enumerate((*USUAL, USUAL[0]))]
    hear(runtime, acme, said)
    work(runtime, "count")
    clock.advance(4 * 86_400)
    work(runtime, "calm")
    with runtime.db.read() as db:
        assert {row.word for row in db.scalars(select(WordCount))} == {"parcel", "late"}


@pytest.mark.parametrize("kind", [Detector, ShareDetector])
def test_a_packed_detector_is_the_same(kind: type[Detector | ShareDetector]) -> None:
    detector, chance = kind(), random.Random(1)
    for n in range(700):
        at = FRIDAY + timedelta(minutes=5 * n)
        if isinstance(detector, ShareDetector):
            detector.update(at, chance.randint(0, 2), 2)
        else:
            detector.update(at, chance.randint(0, 3))
    packed = pack(detector)
    assert unpack(kind, packed).as_json() == detector.as_json()
    assert len(packed) < 6_000
