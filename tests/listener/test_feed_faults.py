"""A feed when everything goes wrong: every entry that it showed is stored once, and what it dropped unseen is a gap."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from listener.source import Context
from listener.sources.feed import Feed
from tests import loopback
from tests.listener.emulators import faults
from tests.listener.emulators.faults import Fault
from tests.listener.emulators.run import Run
from tests.loopback import Answer, Asked

START = datetime.fromisoformat("2026-11-20T08:00:00Z")


@dataclass
class Blog:
    """A feed of the newest `shows` entries, with an ETag; each of `faults` befalls one answer."""

    shows: int = 300
    entries: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    asked: int = 0

    def write(self, count: int) -> None:
        self.entries += range(len(self.entries), len(self.entries) + count)

    def answer(self, asked: Asked) -> Answer:
        self.asked += 1
        etag = f'"{len(self.entries)}"'
        whole = Answer(200, self.body(), {"ETag": etag, "Content-Type": "application/rss+xml"})
        if self.faults:
            return self.faults.pop(0)(whole)
        return Answer(304) if asked.headers.get("If-None-Match") == etag else whole

    def body(self) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>urn:acme:{n}</guid><title>Entry {n} about acme</title>"
            f"<pubDate>{START + timedelta(seconds=n):%a, %d %b %Y %H:%M:%S} +0000</pubDate></item>"
            for n in reversed(self.entries[-self.shows :])
        )
        return f"<rss version='2.0'><channel><title>Blog</title>{items}</channel></rss>".encode()


def doubled(answer: Answer) -> Answer:
    head, _, items = answer.body.partition(b"</title><item>")
    inner = items.removesuffix(b"</channel></rss>")
    return replace(answer, body=head + b"</title><item>" + inner + b"<item>" + inner + b"</channel></rss>")


def unordered(answer: Answer) -> Answer:
    head, *items = answer.body.removesuffix(b"</channel></rss>").split(b"<item>")
    return replace(answer, body=b"<item>".join([head, *sorted(items)]) + b"</channel></rss>")


def html(answer: Answer) -> Answer:
    return Answer(200, b"<html><body>We are down for maintenance</body></html>", {"Content-Type": "text/html"})


def unchanged(answer: Answer) -> Answer:
    """A cache that has fallen asleep."""
    return Answer(304)


def stored_numbers(run: Run) -> list[int]:
    return sorted(int(native_id.rpartition(":")[2]) for native_id in run.stored())


def started(runtime: Runtime, clock: HeldClock, url: str) -> Run:
    process = Settings(feed_allow_networks="127.0.0.1/32")
    return Run(runtime, clock, "feed", lambda: Feed(Context({"url": url}, process, clock)))


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_goes_wrong_every_entry_is_stored_once(sqlite_runtime: Runtime, clock: HeldClock, seed: int) -> None:
    chance, blog = random.Random(seed), Blog()
    with loopback.http(blog.answer) as server:
        run = started(sqlite_runtime, clock, server.url)

        def answers(*several: Fault) -> Callable[[], None]:
            return lambda: blog.faults.extend(several)

        troubles = [answers(fault) for fault in faults.ANY if fault is not faults.hang]
        troubles += [answers(fault) for fault in (doubled, unordered, html, unchanged, faults.half, faults.cut)]
        troubles += [answers(faults.closed, faults.unavailable, faults.half), answers(faults.half, doubled)]
        troubles += [run.restart] * 6
        chance.shuffle(troubles)
        assert len(troubles) >= 20
        for trouble in troubles:
            blog.write(chance.choice([1, 5, 40]))
            trouble()
            for _ in range(chance.randrange(1, 4)):
                run.step()
        blog.faults.clear()
        run.catch_up(10)
        run.source.close()
    assert stored_numbers(run) == blog.entries
    assert blog.asked < 150
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(tables.Gap).where(tables.Gap.closed_at.is_(None))).all() == []


def test_entries_that_came_and_went_unseen_are_a_gap(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    blog = Blog(shows=20)
    with loopback.http(blog.answer) as server:
        run = started(sqlite_runtime, clock, server.url)
        blog.write(20)
        run.step()
        seen = clock.now() - timedelta(seconds=Feed.poll_seconds)
        blog.write(19)
        run.step()
        with sqlite_runtime.db.read() as db:
            assert db.scalars(select(tables.Gap)).all() == []
        blog.write(25)
        run.step()
        run.source.close()
    with sqlite_runtime.db.read() as db:
        (gap,) = db.scalars(select(tables.Gap))
    assert gap.lost
    assert gap.start > seen
    assert "nothing any more of what it showed" in gap.reason


def test_ten_thousand_new_entries_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    blog = Blog(shows=10_000)
    with loopback.http(blog.answer) as server:
        run = started(sqlite_runtime, clock, server.url)
        run.step()
        blog.write(10_000)
        run.catch_up(5)
        run.source.close()
    assert stored_numbers(run) == blog.entries


def test_a_day_of_quiet_costs_a_request_every_five_minutes(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    blog = Blog()
    blog.write(3)
    with loopback.http(blog.answer) as server:
        run = started(sqlite_runtime, clock, server.url)
        for _ in range(24):
            assert run.step().wait == 300
            clock.advance(3_300)  # an hour at a time
        run.source.close()
    assert blog.asked == 24
