"""What it costs to keep ten thousand series: seconds of one core per five minutes, and the memory for it.

    python -m bench.series [SERIES]

A SQLite database in a temporary folder, a hundred brands whose topics have two series each (complaints and mentions),
all with two weeks behind them. Measured is what the stages do for them, reading and writing included: `busy`, where
every topic is mentioned in every five minutes; `quiet`, where one in twenty is, with the sweep that a few times a day
tells all series what did not come, spread over the slots in between.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select

from core import tables
from core.clock import HeldClock
from core.db import Database
from sentiment.ripple import keeping
from sentiment.ripple.calm import SELDOM
from sentiment.ripple.packing import pack
from sentiment.ripple.rolling import SLOT
from sentiment.ripple.spikes import Detector
from sentiment.ripple.watch import Arrival

SERIES = 10_000
GOAL_SECONDS, GOAL_BYTES = 300.0, 1_000_000_000
"""Of five minutes, on one core; and the memory of the whole process."""
_BRANDS = 100
_KINDS = ("complaints", "mentions")
_DAYS = 14
_AT_ONCE = 500
"""Mentions per transaction, as the stage counts them."""
_START = datetime(2026, 11, 9, tzinfo=UTC)


def run(series: int = SERIES) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
        db = Database(f"sqlite:///{Path(folder) / 'bench.sqlite'}")
        db.prepare()
        clock = HeldClock(_START + timedelta(days=_DAYS))
        places = _made(db, series)
        busy = sum(_slot(db, clock, places) for _ in range(3)) / 3
        quiet = sum(_slot(db, clock, random.sample(places, len(places) // 20)) for _ in range(12)) / 12
        swept = _sweep(db, clock) * SLOT / SELDOM.total_seconds()
        db.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    held = "holds" if max(busy, quiet + swept) < GOAL_SECONDS and memory < GOAL_BYTES else "FAILS"
    name = f"{series:,} series"
    return [
        (f"{name}, all mentioned", f"{busy:.1f} s of one core per 5 minutes"),
        (f"{name}, one in twenty mentioned", f"{quiet + swept:.1f} s of one core per 5 minutes"),
        (f"{name}, peak memory", f"{memory / 1e6:.0f} MB: {held} one core and 1 GB"),
    ]


Place = tuple[int, str]
"""A brand's id and a topic's."""


def _made(db: Database, series: int) -> list[Place]:
    """Brands with topics, and their series as they are after two weeks."""
    states = [_state(rate) for rate in (0.01, 0.05, 0.2, 1.0, 4.0)]
    fed_to = _START + timedelta(days=_DAYS, seconds=-SLOT)
    with db.write() as session:
        brands = [tables.Brand(slug=f"b{n}", name=f"Brand {n}", created_at=_START) for n in range(_BRANDS)]
        session.add_all(brands)
        session.flush()
        each = series // len(_KINDS) // _BRANDS
        topics = [
            tables.Topic(brand_id=one.id, name=f"t{n}", query="x", created_at=_START)
            for one in brands
            for n in range(each)
        ]
        session.add_all(topics)
        session.flush()
        rows = [
            {"brand_id": one.brand_id, "kind": kind, "dimension": "topic", "value": str(one.id), "fed_to": fed_to}
            | {"state": states[one.id % len(states)]}
            for one in topics
            for kind in _KINDS
        ]
        session.execute(insert(tables.Series), rows)
        return [(one.brand_id, str(one.id)) for one in topics]


def _state(rate: float) -> bytes:
    detector, chance = Detector(), random.Random(rate)
    for slot in range(_DAYS * 86_400 // SLOT):
        at = _START + timedelta(seconds=slot * SLOT)
        detector.update(at, sum(chance.random() < rate / 8 for _ in range(8)))
    return pack(detector)


def _slot(db: Database, clock: HeldClock, places: Sequence[Place]) -> float:
    """Seconds of CPU to hear of one mention in each of these places, five minutes after the last ones."""
    clock.advance(SLOT)
    written, started = clock.now() - timedelta(seconds=1), time.process_time()
    for some in _parts(sorted(places)):
        arrivals: dict[int, list[Arrival]] = {}
        for brand_id, topic in some:
            arrivals.setdefault(brand_id, []).append(Arrival(written, (("topic", topic),), True, True))
        with db.write() as session:
            keeping.feed(session, clock, arrivals)
    return time.process_time() - started


def _parts(places: Sequence[Place]) -> Iterable[Sequence[Place]]:
    return (places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE))


def _sweep(db: Database, clock: HeldClock) -> float:
    """Seconds of CPU to tell all series what did not come in so many hours."""
    clock.advance(SELDOM.total_seconds())
    started = time.process_time()
    with db.read() as session:
        ids = session.scalars(select(tables.Brand.id)).all()
    for one in ids:
        with db.write() as session:
            keeping.catch_up(session, clock, session.get_one(tables.Brand, one))
    return time.process_time() - started


if __name__ == "__main__":
    for what, figure in run(*map(int, sys.argv[1:2])):
        print(f"{what:45} {figure}")
