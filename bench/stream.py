"""A whole network's stream, from the socket to the rows: posts per second, and how memory goes while they come.

    python -m bench.stream [COUNT]     1000000 takes some minutes

Another process plays a Jetstream (v1 events, JSON, uncompressed) as fast as it is read; the bluesky source hears it
through the listener's own step with 1,000 queries, of which one post in a hundred matches one, into SQLite. The
process that sends shares the machine, so on two cores each has one.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import random
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from sqlalchemy import func, select
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from bench.classify import posts
from core import tables
from core.clock import SystemClock
from core.db import Database
from core.queue import ThreadQueue
from core.runtime import Runtime
from core.settings import Settings
from listener.matching import BrandMatcher
from listener.source import Context
from listener.sources.bluesky import Bluesky
from listener.step import step

COUNT = 200_000
QUERIES = 1_000
MATCHING = 100
"""One post in so many is a mention."""
START = 1_783_175_888_000_000
"""The first event's time, in microseconds since 1970."""


def run(count: int = COUNT) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    ours, theirs = multiprocessing.Pipe()
    player = multiprocessing.get_context("spawn").Process(target=play, args=(theirs, count), daemon=True)
    player.start()
    try:
        with tempfile.TemporaryDirectory(prefix="rw-bench-") as folder:
            return _heard(Path(folder), f"ws://127.0.0.1:{ours.recv()}/subscribe", count)
    finally:
        player.kill()


def _heard(folder: Path, url: str, count: int) -> list[tuple[str, str]]:
    settings = Settings(
        ripplewatch_home=folder, database_url="", redis_url="", bluesky_jetstream_url=url, bluesky_second_url=url
    )
    runtime = Runtime(settings, Database(settings.database), SystemClock(), ThreadQueue())
    runtime.db.prepare()
    source_id, matcher = _set_up(runtime)
    source = Bluesky(Context({}, settings, runtime.clock))
    process, memory, posts_heard = psutil.Process(), dict[int, float](), 0
    began, used = time.perf_counter(), time.process_time()
    while posts_heard < count:
        collected = step(runtime, source_id, source, matcher, runtime.clock.now()).collected
        posts_heard += collected.new + collected.known + collected.unmatched
        memory[posts_heard] = process.memory_info().rss / 1_000_000
    took, used = time.perf_counter() - began, time.process_time() - used
    source.close()
    with runtime.db.read() as db:
        kept = db.scalar(select(func.count()).select_from(tables.Mention)) or 0
    runtime.db.close()
    if kept != count // MATCHING:
        raise AssertionError(f"{kept:,} mentions were stored, not {count // MATCHING:,}")
    early = next(value for heard, value in memory.items() if heard >= count / 10)
    return [
        (f"stream: {count:,} posts heard, {QUERIES:,} queries, {kept:,} stored", f"{count / took:,.0f} posts/s"),
        ("stream: the same, by this process's own time", f"{count / used:,.0f} posts/s of one core"),
        ("stream: memory after a tenth, and at the end", f"{early:,.0f} MB, {memory[posts_heard]:,.0f} MB"),
    ]


def _set_up(runtime: Runtime) -> tuple[int, BrandMatcher]:
    now = runtime.clock.now()
    with runtime.db.write() as db:
        brand = tables.Brand(slug="acme", name="Acme", created_at=now)
        brand.queries = [
            tables.Query(name=str(n), text=f'("zyx{n} parcel" OR #zyx{n}) -giveaway', created_at=now)
            for n in range(QUERIES)
        ]
        row = tables.Source(kind="bluesky", name="Bluesky", created_at=now)
        db.add_all([brand, row])
        db.flush()
        source_id = row.id
    with runtime.db.read() as db:
        return source_id, BrandMatcher.load(db)


def play(told: Connection, count: int) -> None:
    """Serve `count` events to whoever connects; the port is sent through `told`."""

    def talk(connection: ServerConnection) -> None:
        dice, texts = random.Random(1), posts(2_000)
        for number in itertools.islice(itertools.count(), count):
            text = texts[number % len(texts)]
            if number % MATCHING == 0:
                text = f"{text} zyx{dice.randrange(QUERIES)} parcel"
            with suppress(ConnectionClosed):
                connection.send(_event(number, text))
        with suppress(ConnectionClosed):
            connection.recv()  # until all has been read, and whoever reads hangs up

    with serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        told.send(server.socket.getsockname()[1])
        server.serve_forever()


def _event(number: int, text: str) -> str:
    record = {"$type": "app.bsky.feed.post", "createdAt": "2026-07-04T14:38:06.240Z", "langs": ["en"], "text": text}
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": f"k{number}", "record": record}
    did = f"did:plc:{number % 50_000:024}"
    return json.dumps({"did": did, "time_us": START + number * 100, "kind": "commit", "commit": commit})


if __name__ == "__main__":
    for what, figure in run(*map(int, sys.argv[1:])):
        print(f"{what:<72}{figure:>32}")
