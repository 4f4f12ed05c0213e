"""The trends page of a brand with a year of a million mentions: server time, whole page, on SQLite and PostgreSQL.

    python -m bench.trends [MENTIONS] [CASES]     1000000 and 100000 take some minutes to fill

The counts of a million mentions are 8,760 hours by all, platform, language, topic and intent, with three competitors
beside, and the words of each day; the cases are rows with their mention. Pages are asked for in turn, through the
whole application, signed in as a manager. PostgreSQL is started from the development wheel, or is TEST_DATABASE_URL.
"""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from flask.testing import FlaskClient
from sqlalchemy import insert, text

from core.clock import HeldClock
from core.db import Database
from core.queue import ThreadQueue
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Author, Brand, Case, HourCount, Mention, Row, Topic, User, WordCount
from tests import servers
from web.app import create_app
from web.user import signed_in

MENTIONS, CASES = 1_000_000, 100_000
HOURS, WORDS_A_DAY, VOCABULARY = 8_760, 1_500, 20_000
ASKED = 40
"""Times that each page is asked for."""
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGES = {
    "28 days": "",
    "7 days by hour": "period=7&by=hour",
    "90 days": "period=90",
    "90 days, one platform": "period=90&only=platform:p1",
    "a year": "period=custom&from=2025-11-21&to=2026-11-20",
}
VALUES = {
    "platform": [f"p{n}" for n in range(4)],
    "language": ["en", "de", "es", "fr", "nl"],
    "topic": [str(n) for n in range(1, 11)],
    "intent": ["complaint", "praise", "question", "purchase", "other"],
}


def run(mentions: int = MENTIONS, cases: int = CASES) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    rows = []
    for name, opened in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        with opened() as database, tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
            database.prepare()
            _fill(database, mentions, cases)
            settings = Settings(ripplewatch_home=Path(folder), database_url="", redis_url="")
            client = _manager(Runtime(settings, database, HeldClock(NOW), ThreadQueue()))
            for title, asked in PAGES.items():
                p50, p95 = np.percentile(_times(client, f"/trends/acme?{asked}"), (50, 95))
                what = f"trends, {name}, {title}: p50, p95 with {mentions:,} mentions, {cases:,} cases"
                rows.append((what, f"{p50:.0f} ms, {p95:.0f} ms"))
            database.close()
    return rows


@contextmanager
def _sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
        yield Database(f"sqlite:///{folder}/bench.sqlite")


@contextmanager
def _postgres() -> Iterator[Database]:
    with servers.postgres() as server, servers.database(server) as url:
        yield Database(url)


def _fill(database: Database, mentions: int, cases: int) -> None:
    dice = random.Random(1)
    with database.write() as db:
        names = ("Acme", "Bolt", "Corp", "Dyn")
        hours = {day: ["08:00", "20:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
        brands = [
            Brand(slug=n.lower(), name=n, timezone="Europe/Berlin", hours=hours, competitor=n != "Acme", created_at=NOW)
            for n in names
        ]
        author = Author(platform="p1", native_id="1", handle="a")
        db.add_all(
            [*brands, author, User(name="Mia", role="manager", password_hash="", session_key="k", created_at=NOW)]
        )
        db.flush()
        db.add_all(Topic(brand_id=brands[0].id, name=f"Topic {n}", query="x", created_at=NOW) for n in VALUES["topic"])
        ids = [brand.id for brand in brands]
    _rows(database, HourCount, _hours(ids, mentions, dice))
    _rows(database, WordCount, _words(ids[0], mentions, dice))
    opened = [NOW - timedelta(minutes=dice.randrange(HOURS * 60)) for _ in range(cases)]
    _rows(database, Mention, (_mention(number, at) for number, at in enumerate(opened, 1)))
    _rows(database, Case, (_case(number, at, ids[0], dice) for number, at in enumerate(opened, 1)))
    with database.write() as db:
        db.execute(text("ANALYZE"))


def _hours(brands: list[int], mentions: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for number in range(HOURS):
        hour = NOW - timedelta(hours=number)
        for brand in brands:
            many = dice.randrange(2 * mentions // HOURS + 1)
            yield _count(brand, hour, "all", "", many)
            for dimension, values in VALUES.items():
                if dimension != "topic" or brand == brands[0]:
                    for value in values:
                        yield _count(brand, hour, dimension, value, many // len(values))


def _count(brand: int, hour: datetime, dimension: str, value: str, many: int) -> dict[str, Any]:
    sums = {"mentions": many, "negative": many // 4, "positive": many // 5, "neutral": many - many // 4 - many // 5}
    place = {"brand_id": brand, "hour": hour, "dimension": dimension, "value": value}
    return place | sums | {"complaints": many // 8, "unsure": many // 20, "angry": 0, "reach": many * 200}


def _words(brand: int, mentions: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for day in range(HOURS // 24):
        words = sorted({min(VOCABULARY, int(dice.paretovariate(0.6))) for _ in range(3 * WORDS_A_DAY)})
        for word in words[:WORDS_A_DAY]:
            many = max(1, mentions // 365 // (word + 1))
            at = (NOW - timedelta(days=day)).date()
            yield {"brand_id": brand, "day": at, "word": f"word{word}", "mentions": many, "complaints": 0}


def _mention(number: int, at: datetime) -> dict[str, Any]:
    about = {"platform": f"p{number % 4}", "native_id": str(number), "author_id": 1, "text": "My parcel is late. " * 5}
    return {"id": number, "created_at": at, "heard_at": at} | about


def _case(number: int, at: datetime, brand: int, dice: random.Random) -> dict[str, Any]:
    replied = at + timedelta(minutes=dice.expovariate(1 / 90)) if dice.random() < 0.7 else None
    clock = {"opened_at": at, "changed_at": at, "due_at": at + timedelta(hours=1), "first_reply_at": replied}
    about = {"platform": f"p{number % 4}", "followers": dice.choice((None, 20, 300, 4_000, 50_000))}
    kind = dice.choice(("complaint", "complaint", "question", "praise"))
    said = {"reasons": ["complaint (93%)"] * 4, "facts": {"score": 0.93, "words": ["late", "parcel"] * 10}}
    fixed = {"mention_id": number, "brand_id": brand, "permission": "api", "permission_why": "by its own API"}
    outcome = dice.choice((None, "better", "worse")) if replied else None
    return fixed | clock | about | said | {"kind": kind, "resolved_at": replied, "outcome": outcome, "state": "sent"}


def _rows(database: Database, table: type[Row], rows: Iterator[dict[str, Any]]) -> None:
    while some := list(itertools.islice(rows, 20_000)):
        with database.write() as db:
            db.execute(insert(table), some)


def _manager(runtime: Runtime) -> FlaskClient:
    """The pages, signed in."""
    client = create_app(runtime).test_client()
    with runtime.db.read() as db:
        remembered = signed_in(db, db.get_one(User, 1)).get_id()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = remembered, True
    return client


def _times(client: FlaskClient, path: str) -> list[float]:
    """Milliseconds of each answer, after one that warms up."""
    found = []
    for number in range(ASKED + 1):
        began = time.perf_counter()
        answer = client.get(path)
        if answer.status_code != 200:
            raise AssertionError(f"{path}: {answer.status}")
        found += [1_000 * (time.perf_counter() - began)] * bool(number)
    return found


if __name__ == "__main__":
    for what, figure in run(*map(int, sys.argv[1:])):
        print(f"{what:<96}{figure:>20}")
