"""How fast what a source gave becomes rows, for every kind of source that fetches: from its recorded answers.

    python -m bench.collect

Each source hears its recorded answers over loopback once; what came is repeated under new ids and by new authors until
there are COUNT mentions, and stored page by page in an empty SQLite database, matched against 100 queries.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from core import tables
from core.clock import SystemClock
from core.db import Database
from core.types import Mention, Page
from listener.collect import collect
from listener.matching import BrandMatcher
from listener.source import load
from tests.flow.recorded import world
from tests.listener.test_contract import SET_UPS, hearing, whole

COUNT = 5_000
PAGE = 250
QUERIES = 100


def run() -> list[tuple[str, str]]:
    """A row for each kind: mentions stored a second."""
    rows = []
    with world() as served, tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
        for kind in (load(name) for name, given in SET_UPS.items() if not given.pushed):
            home = Path(folder, kind.kind)
            home.mkdir()
            with hearing(kind, served, home) as source:
                recorded = whole(source, None).mentions
            rows.append((f"collect: {kind.kind}, stored", f"{_rate(home, kind.kind, recorded):,.0f} mentions/s"))
    return rows


def _rate(home: Path, kind: str, recorded: Sequence[Mention]) -> float:
    database, clock = Database(f"sqlite:///{home / 'bench.sqlite'}"), SystemClock()
    database.prepare()
    with database.write() as db:
        brand = tables.Brand(slug="acme", name="Acme", created_at=clock.now())
        brand.queries = [
            tables.Query(name=str(n), text=f"zyx{n} parcel", created_at=clock.now()) for n in range(QUERIES)
        ]
        brand.queries.append(tables.Query(name="all", text="acme", created_at=clock.now()))
        row = tables.Source(kind=kind, name=kind, created_at=clock.now())
        db.add_all([brand, row])
        db.flush()
        source_id, matcher = row.id, BrandMatcher.load(db)
    mentions = list(_many(recorded))
    pages = [Page(tuple(mentions[start : start + PAGE])) for start in range(0, COUNT, PAGE)]
    began, stored = time.perf_counter(), 0
    for page in pages:
        with database.write() as db:
            stored += collect(db, clock, db.get_one(tables.Source, source_id), page, matcher).new
    took = time.perf_counter() - began
    database.close()
    if stored != COUNT:
        raise AssertionError(f"{stored:,} mentions were stored, not {COUNT:,}")
    return COUNT / took


def _many(recorded: Sequence[Mention]) -> Iterator[Mention]:
    for number, one in enumerate(itertools.islice(itertools.cycle(recorded), COUNT)):
        author = replace(one.author, native_id=f"{one.author.native_id}-{number}")
        yield replace(one, native_id=f"{one.native_id}-{number}", author=author, text=f"acme {one.text}")


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:<40}{figure:>24}")
