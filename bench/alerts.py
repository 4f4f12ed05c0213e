"""From a mention stored to a Slack message sent: on a machine that has nothing else to do, and with many that wait.

    python -m bench.alerts [TRIALS] [WAITING]     20 and 100000 without

Everything runs in one process on SQLite, as `ripplewatch run` does: the stages in their threads, the bundled model, and
slack_sdk's own client against a Slack on loopback. In each trial a dozen people complain of the same to a brand of
which nothing was heard before; the time runs from the commit that stored them until the message stands in the channel.
The first trial loads what has to be loaded and does not count.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bench.classify import posts
from core import tables
from core.clock import SystemClock
from core.db import Database
from core.queue import ThreadQueue
from core.runtime import Runtime
from core.settings import Settings
from core.types import Author, Mention, Page
from listener.collect import collect
from listener.matching import BrandMatcher
from tests.responder.alerts.places import add_rule
from tests.responder.alerts.slack_server import Slack, workspace
from tests.responder.alerts.slack_stories import add_channel

TRIALS, WAITING = 20, 100_000
PATIENCE = 120.0
"""Seconds after which a message that has not come never will."""
PAGE = 1_000
_SAID = (
    "{brand} charged my card twice and nobody answers",
    "why did {brand} charge me twice for one order",
    "{brand} took the money twice, I want my refund",
    "charged two times by {brand}, still no refund",
    "double charge from {brand}, this is terrible",
    "{brand} billed me twice and support does not reply",
)


def run(trials: int = TRIALS, waiting: int = WAITING) -> list[tuple[str, str]]:
    """Two rows: an idle machine, and one on which so many mentions wait."""
    return [
        ("stored -> Slack, nothing waits", _figures(_times(trials, 0))),
        (f"stored -> Slack, {waiting:,} mentions wait", _figures(_times(trials, waiting))),
    ]


def _figures(times: Sequence[float]) -> str:
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return f"p50 {statistics.median(times):.1f} s, p95 {cuts[-1]:.1f} s"


def _times(trials: int, waiting: int) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder, workspace(SystemClock()) as slack:
        settings = Settings(ripplewatch_home=Path(folder), slack_api_url=f"{slack.url}/api/")
        database, queue = Database(settings.database), ThreadQueue()
        database.prepare()
        runtime = Runtime(settings, database, SystemClock(), queue)
        source_id = _set_up(runtime, trials + 1)
        with database.read() as db:
            matcher = BrandMatcher.load(db)
        _fill(runtime, source_id, matcher, waiting)
        queue.start(runtime)
        try:
            times = [_trial(runtime, slack, source_id, matcher, number) for number in range(trials + 1)]
        finally:
            queue.stop()
            database.close()
    return times[1:]


def _set_up(runtime: Runtime, brands: int) -> int:
    """A brand for each trial, one of which the waiting mentions speak, and a source; the source's id."""
    channel_id, now = add_channel(runtime), runtime.clock.now()
    with runtime.db.write() as db:
        rows = [tables.Brand(slug=f"zyx{number}", name=f"Zyx{number}", created_at=now) for number in range(brands)]
        for row in [*rows, tables.Brand(slug="acme", name="Acme", created_at=now)]:
            row.queries = [tables.Query(name="name", text=row.slug, created_at=now)]
            db.add(row)
        source = tables.Source(kind="x", name="x", created_at=now)
        db.add(source)
        db.flush()
        source_id, brand_ids = source.id, [row.id for row in rows]
    for brand_id in brand_ids:
        add_rule(runtime, brand_id, channel_id)
    return source_id


def _fill(runtime: Runtime, source_id: int, matcher: BrandMatcher, waiting: int) -> None:
    """So many of another brand, as an import brings them."""
    at, texts = runtime.clock.now() - timedelta(days=1), posts(min(waiting, 20_000))
    for start in range(0, waiting, PAGE):
        page = [
            _mention(f"w{n}", f"acme {texts[n % len(texts)]}", at) for n in range(start, min(start + PAGE, waiting))
        ]
        with runtime.db.write() as db:
            collect(db, runtime.clock, db.get_one(tables.Source, source_id), Page(tuple(page)), matcher, late=True)


def _mention(native_id: str, text: str, at: object) -> Mention:
    return Mention("x", native_id, Author(f"a{native_id}", f"a{native_id}"), text, at, lang="en")  # type: ignore[arg-type]


def _trial(runtime: Runtime, slack: Slack, source_id: int, matcher: BrandMatcher, number: int) -> float:
    """Seconds from the commit to the message."""
    before, now, tick = len(slack.posts), runtime.clock.now(), threading.Event()
    said = [_mention(f"t{number}-{n}", _SAID[n % 6].format(brand=f"zyx{number}"), now) for n in range(12)]
    with runtime.db.write() as db:
        collect(db, runtime.clock, db.get_one(tables.Source, source_id), Page(tuple(said)), matcher)
    began = time.monotonic()
    runtime.queue.nudge("judge")
    while len(slack.posts) == before:
        if time.monotonic() - began > PATIENCE:
            raise AssertionError(f"no message within {PATIENCE:.0f} s")
        tick.wait(0.005)
    return time.monotonic() - began


if __name__ == "__main__":
    for what, figure in run(*map(int, sys.argv[1:])):
        print(f"{what:<44} {figure}")
