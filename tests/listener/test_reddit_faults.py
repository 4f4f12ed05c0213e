"""Reddit when everything goes wrong, through the listener's own steps and a real database: nothing lost or doubled."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from listener.source import Context
from listener.sources.reddit import Reddit
from tests.listener import made
from tests.listener.emulators import faults
from tests.listener.emulators import reddit as emulator
from tests.listener.emulators.faults import HANG, Fault, honest
from tests.listener.emulators.mending import Mending
from tests.listener.emulators.reddit import KEYS, Site, comment, submission
from tests.loopback import Answer

PATHS = ("/r/acme/comments", "/r/acme/new", "/r/rockets/comments", "/r/rockets/new", "/message/mentions")


class Impatient(Reddit):
    patience = HANG / 4


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


@dataclass(slots=True)
class Place:
    """A site on which things are posted while a source hears it."""

    site: Site
    run: Mending
    posted: int = 0

    def post(self, path: str, number: int) -> None:
        """Put so many items on a listing, a second apart; that takes its time."""
        self.run.clock.advance(number)
        make = submission if path.endswith("/new") else comment
        now = self.run.clock.now().timestamp()
        self.site.post(path, *(make(self.posted + n, now - number + n) for n in range(number)))
        self.posted += number

    def served(self) -> list[str]:
        return sorted(name for name in self.site.info if name not in self.site.deleted)


@contextmanager
def hearing(
    runtime: Runtime, clock: HeldClock, subreddits: str = "acme rockets", kind: type[Reddit] = Reddit
) -> Iterator[Place]:
    with emulator.reddit() as site:
        process = Settings(reddit_url=site.url, reddit_oauth_url=site.url)

        def make() -> Reddit:
            return kind(Context(KEYS | {"subreddits": subreddits}, process, clock))

        def mend() -> None:
            site.revoked = False

        place = Place(site, Mending(runtime, clock, "reddit", make, mend=mend, said="no longer lets us sign in"))
        try:
            yield place
        finally:
            place.run.source.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_goes_wrong_every_item_is_stored_once(sqlite_runtime: Runtime, clock: HeldClock, seed: int) -> None:
    chance = random.Random(seed)
    with hearing(sqlite_runtime, clock, kind=Impatient) as place:
        site, run = place.site, place.run
        for path in PATHS:
            place.post(path, 40)
        run.catch_up(5)

        def revoked() -> None:
            site.revoked = True
            site.expire()

        def answers(*several: Fault) -> Callable[[], None]:
            return lambda: site.faults.extend(several)

        troubles = [answers(fault) for fault in (*faults.ANY, doubled, unordered, empty_with_next, empty)]
        troubles += [answers(honest, fault) for fault in (faults.cut, faults.too_many, faults.unavailable)]
        troubles += [answers(faults.bad_gateway, faults.closed, faults.half, faults.unavailable)]
        troubles += [answers(doubled, unordered, doubled, unordered)]
        troubles += [site.expire, revoked, run.restart, run.restart]
        chance.shuffle(troubles)
        assert len(troubles) >= 20
        asked = len(site.asked)
        for trouble in troubles:
            for path in chance.sample(PATHS, 3):
                place.post(path, chance.choice([1, 20, 120]))
            trouble()
            for _ in range(chance.randrange(1, 4)):
                run.step()
        site.faults.clear()
        run.catch_up(30)
        assert run.stored() == place.served()
        assert run.lost() == []
        assert len(site.asked) - asked < 900


def test_ten_thousand_items_between_two_polls_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    """Ten listings of a thousand, which is all that Reddit lists of each."""
    subs = ["acme", "rockets", "spares", "moon", "mars"]
    with hearing(sqlite_runtime, clock, " ".join(subs)) as place:
        place.run.catch_up(5)
        for sub in subs:
            place.post(f"/r/{sub}/comments", 1_000)
            place.post(f"/r/{sub}/new", 1_000)
        asked = len(place.site.asked)
        place.run.catch_up(40)
        assert len(made.mentions(sqlite_runtime)) == 10_000
        assert len(place.site.asked) - asked < 150


def test_a_day_of_quiet_costs_a_request_a_minute_for_each_listing(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with hearing(sqlite_runtime, clock) as place:
        site, run = place.site, place.run
        place.post("/r/acme/comments", 5)
        run.step()
        cursor, asked, end = run.row().cursor, len(site.asked), clock.now() + timedelta(days=1)
        while clock.now() < end:
            assert run.step().wait == 60
            clock.advance(3_540)  # an hour at a time
        assert run.row().cursor == cursor
        listings = len(PATHS) + 2  # and replies to comments and submissions
        assert len(site.asked) - asked <= 24 * (listings + 2)  # and a token now and then, and re-checks


def test_what_is_deleted_on_reddit_leaves_no_text_here(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with hearing(sqlite_runtime, clock) as place:
        place.post("/r/acme/comments", 5)
        place.run.step()
        place.site.delete("t1_c3")
        for _ in range(16):
            clock.advance(3_600)
            place.run.step()
        texts = {mention.native_id: mention.text for mention in made.mentions(sqlite_runtime)}
        assert texts.pop("t1_c3") == ""
        assert all(texts.values())
