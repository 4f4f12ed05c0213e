"""Reddit when everything goes wrong, through the listener's own steps and a real database: nothing lost or doubled."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.errors import PlatformError
from core.runtime import Runtime
from core.settings import Settings
from listener.matching import BrandMatcher
from listener.source import Context
from listener.sources.reddit import Reddit
from listener.step import Next
from listener.step import step as take_step
from tests.listener import made
from tests.listener.emulators import faults
from tests.listener.emulators import reddit as emulator
from tests.listener.emulators.faults import HANG, Fault
from tests.listener.emulators.reddit import KEYS, Site, comment, submission
from tests.loopback import Answer

PLACES = ("/r/acme/comments", "/r/acme/new", "/r/rockets/comments", "/r/rockets/new", "/message/mentions")


class Impatient(Reddit):
    patience = HANG / 8


def doubled(answer: Answer) -> Answer:
    """Every item twice."""
    return emulator.with_children(answer, lambda children: [*children, *children])


def unordered(answer: Answer) -> Answer:
    """The page's items in another order."""
    return emulator.with_children(answer, lambda children: random.Random(1).sample(children, len(children)))


def empty_with_next(answer: Answer) -> Answer:
    """No items, and a token for more."""
    return emulator.with_children(answer, lambda children: [])


def empty(answer: Answer) -> Answer:
    """No items and no token, as after an item that was deleted."""
    emptied = emulator.with_children(answer, lambda children: [])
    return replace(emptied, body=emptied.body.replace(b'"after": "', b'"after": null, "was": "'))


class Run:
    """A source on a site where things are posted, heard step by step; its clock waits as the listener would."""

    def __init__(self, runtime: Runtime, clock: HeldClock, site: Site) -> None:
        self.runtime, self.clock, self.site = runtime, clock, site
        self.brand_id = made.brand(runtime)
        self.source_id = made.source(runtime, "reddit", "reddit", brand_id=self.brand_id)
        self.number = 0
        self.source = self.opened()

    def opened(self) -> Reddit:
        settings = KEYS | {"subreddits": "acme rockets"}
        process = Settings(reddit_url=self.site.url, reddit_oauth_url=self.site.url)
        return Impatient(Context(settings, process, self.clock))

    def post(self, path: str, number: int) -> None:
        """Put so many items on a listing, a second apart; that takes its time."""
        self.clock.advance(number)
        make = submission if path.endswith("/new") else comment
        now = self.clock.now().timestamp()
        self.site.post(path, *(make(self.number + n, now - number + n) for n in range(number)))
        self.number += number

    def step(self) -> Next:
        """One step, and the wait after it; or a person, who mends what was paused."""
        with self.runtime.db.read() as db:
            matcher = BrandMatcher.load(db)
        after = take_step(self.runtime, self.source_id, self.source, matcher, self.clock.now())
        self.clock.advance(after.wait or 0)
        if after.wait is None:
            assert "no longer lets us sign in" in (self.row().reason or "")
            self.mend()
        return after

    def catch_up(self, most: int) -> None:
        """Step until a step that worked leaves nothing to be fetched."""
        for _ in range(most):
            after = self.step()
            if not after.failed and after.wait:
                return
        pytest.fail(f"not caught up after {most} steps")

    def restart(self) -> None:
        """As after SIGKILL between fetch and commit: what was fetched is lost, and another process begins."""
        with suppress(PlatformError):
            self.source.fetch(self.row().cursor)
        self.source.close()
        self.source = self.opened()

    def mend(self) -> None:
        """What a person does: lets us in again, and chooses resume."""
        self.site.revoked = False
        with self.runtime.db.write() as db:
            db.get_one(tables.Source, self.source_id).state = "running"
        self.source.close()
        self.source = self.opened()

    def row(self) -> tables.Source:
        with self.runtime.db.read() as db:
            return db.get_one(tables.Source, self.source_id)

    def stored(self) -> list[str]:
        return sorted(mention.native_id for mention in made.mentions(self.runtime) if mention.deleted_at is None)

    def served(self) -> list[str]:
        return sorted(name for name in self.site.info if name not in self.site.deleted)


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_goes_wrong_every_item_is_stored_once(sqlite_runtime: Runtime, clock: HeldClock, seed: int) -> None:
    chance = random.Random(seed)
    with emulator.reddit() as site:
        run = Run(sqlite_runtime, clock, site)
        for path in PLACES:
            run.post(path, 40)
        run.catch_up(5)

        def revoked() -> None:
            site.revoked = True
            site.expire()

        def answers(*several: Fault) -> Callable[[], None]:
            return lambda: site.faults.extend(several)

        troubles = [answers(fault) for fault in faults.ANY if fault is not faults.hang]
        troubles += [answers(fault) for fault in (doubled, unordered, empty_with_next, empty)]
        troubles += [
            answers(lambda answer: answer, fault) for fault in (faults.cut, faults.too_many, faults.unavailable)
        ]
        troubles += [answers(faults.bad_gateway, faults.closed, faults.half, faults.unavailable)]
        troubles += [answers(doubled, unordered, doubled, unordered), answers(faults.hang)]
        troubles += [site.expire, revoked, run.restart, run.restart]
        chance.shuffle(troubles)
        assert len(troubles) >= 20
        asked = len(site.asked)
        for trouble in troubles:
            for path in chance.sample(PLACES, 3):
                run.post(path, chance.choice([1, 20, 120]))
            trouble()
            for _ in range(chance.randrange(1, 4)):
                run.step()
        site.faults.clear()
        run.catch_up(30)
        assert run.stored() == run.served()
        assert len(site.asked) - asked < 900
        run.source.close()
        with sqlite_runtime.db.read() as db:
            assert db.scalars(select(tables.Gap).where(tables.Gap.lost)).all() == []


def test_ten_thousand_items_between_two_polls_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    """Ten listings of a thousand, which is all that Reddit lists of each."""
    with emulator.reddit() as site:
        run = Run(sqlite_runtime, clock, site)
        subs = ["acme", "rockets", "spares", "moon", "mars"]
        settings = KEYS | {"subreddits": " ".join(subs)}
        process = Settings(reddit_url=site.url, reddit_oauth_url=site.url)
        run.source = Reddit(Context(settings, process, clock))
        run.catch_up(5)
        for sub in subs:
            run.post(f"/r/{sub}/comments", 1_000)
            run.post(f"/r/{sub}/new", 1_000)
        asked = len(site.asked)
        run.catch_up(40)
        assert len(made.mentions(sqlite_runtime)) == 10_000
        assert len(site.asked) - asked < 150
        run.source.close()


def test_a_day_of_quiet_costs_a_request_a_minute_for_each_listing(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with emulator.reddit() as site:
        run = Run(sqlite_runtime, clock, site)
        run.post("/r/acme/comments", 5)
        run.step()
        cursor, asked, end = run.row().cursor, len(site.asked), clock.now() + timedelta(days=1)
        while clock.now() < end:
            assert run.step().wait == 60
            clock.advance(3_540)  # an hour at a time
        assert run.row().cursor == cursor
        listings = len(PLACES) + 2  # and replies to comments and submissions
        assert len(site.asked) - asked <= 24 * (listings + 2)  # and a token now and then, and re-checks
        run.source.close()


def test_what_is_deleted_on_reddit_leaves_no_text_here(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with emulator.reddit() as site:
        run = Run(sqlite_runtime, clock, site)
        run.post("/r/acme/comments", 5)
        run.step()
        site.delete("t1_c3")
        for _ in range(16):
            clock.advance(3_600)
            run.step()
        texts = {mention.native_id: mention.text for mention in made.mentions(sqlite_runtime)}
        assert texts.pop("t1_c3") == ""
        assert all(texts.values())
        run.source.close()
