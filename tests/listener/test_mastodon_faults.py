"""Everything that a Mastodon server and its stream can do wrong, at random: in the end every post is stored once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from listener.source import Context
from listener.sources.mastodon import Mastodon
from tests.listener import made
from tests.listener.emulators import faults, mastodon
from tests.listener.emulators.mastodon import Server, status
from tests.listener.emulators.run import Run

FAULTS = 30
PATIENCE = 0.5
"""Seconds that an answer is waited for: less than a hanging one takes."""
DAY = 86_400.0


@dataclass(slots=True)
class Town:
    """A server that is heard, and what people do there."""

    site: Server
    run: Run
    clock: HeldClock
    posted: dict[str, str] = field(default_factory=dict)
    """uris by id of the posts that are there"""
    deleted: set[str] = field(default_factory=set)
    number: int = 0

    def steps(self, count: int) -> None:
        """So many, a second each where the stream has nothing to say."""
        for _ in range(count):
            self.clock.advance(0 if self.run.step().wait else 1)

    def post(self, count: int, minutes_late: int = 0) -> None:
        """New posts; late ones have the id of when they were written."""
        for _ in range(count):
            self.number += 1
            post = status(self.number, self.clock.now() - timedelta(minutes=minutes_late))
            self.site.post(post)
            self.posted[post["id"]] = post["uri"]

    def delete(self) -> None:
        """Somebody takes the newest post back, which may be where our cursor stands."""
        if self.posted:
            newest = max(self.posted)
            self.deleted.add(self.posted.pop(newest))
            self.site.delete(newest)

    def revoke(self) -> None:
        """The token is worthless until a person has mended it."""
        self.site.token = "another"
        self.site.say(mastodon.CLOSE)
        while self.run.row().state != "paused":
            self.steps(1)
        assert "401" in (self.run.row().reason or "")
        self.site.token = mastodon.TOKEN
        self.run.resume()


@contextmanager
def town(runtime: Runtime, clock: HeldClock) -> Iterator[Town]:
    with mastodon.server() as site:
        settings = {"server": site.url, "timelines": "#acme", "token": mastodon.TOKEN}
        context = Context(settings, runtime.settings, clock)
        run = Run(runtime, clock, "mastodon", lambda: Mastodon(context, request_seconds=PATIENCE, page_seconds=0.02))
        yield Town(site, run, clock)
        run.source.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_faults_every_post_is_stored_once_and_none_that_was_deleted(
    sqlite_runtime: Runtime, clock: HeldClock, seed: int
) -> None:
    chance = random.Random(seed)
    answers = [*faults.ANY, mastodon.too_many, mastodon.empty_with_a_next_page, mastodon.twice, mastodon.out_of_order]
    with town(sqlite_runtime, clock) as place:
        others: list[Callable[[], None]] = [
            place.run.restart,
            place.delete,
            place.revoke,
            lambda: place.site.say(mastodon.CLOSE),
            lambda: place.site.say(mastodon.CUT),
            lambda: place.post(3, minutes_late=20),
        ]
        place.steps(1)
        for _ in range(FAULTS):
            place.post(chance.choice([0, 1, 5, 60]))
            if chance.random() < 0.6:
                place.site.faults.append(chance.choice(answers))
            else:
                chance.choice(others)()
            place.steps(chance.randrange(1, 4))
        place.site.faults.clear()
        place.steps(70)
        clock.advance(2 * DAY)  # what the stream told while it was lost, a re-check finds
        place.steps(10 + len(place.posted) // Mastodon.recheck_ids)

    mentions = made.mentions(sqlite_runtime)
    assert place.run.stored() == sorted(place.posted.values())
    assert not any(row.text for row in mentions if row.native_id in place.deleted)
    assert place.deleted
    assert len(place.site.asked) < 500 + len(mentions)
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(tables.Gap.reason).where(tables.Gap.closed_at.is_(None))).all() == []


def test_a_day_of_quiet_costs_a_request_a_minute_and_one_in_ten_for_the_second_reading(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    with mastodon.server() as site:
        context = Context({"server": site.url, "timelines": "#acme"}, sqlite_runtime.settings, clock)
        run = Run(sqlite_runtime, clock, "mastodon", lambda: Mastodon(context))
        site.post(status(1, clock.now()))
        run.step()
        cursor = len(run.row().cursor or "")
        for _ in range(30):
            assert run.step().wait == 60
        assert len(site.asked) <= 31 + 4 + 2
        asked = len(site.asked)
        for _ in range(24):
            assert run.step().wait == 60
            clock.advance(3_540)  # an hour at a time
        run.source.close()
        assert len(site.asked) - asked <= 24 * 2
        assert len(run.row().cursor or "") <= cursor + 20


def test_ten_thousand_posts_between_two_rounds_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with town(sqlite_runtime, clock) as place:
        place.steps(1)
        place.run.source.close()
        place.post(10_000)
        place.run.reopen()
        place.steps(60)
    assert len(place.run.stored()) == 10_000
    assert len(place.site.requests("/api/v1/timelines")) < 260
