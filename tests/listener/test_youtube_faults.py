"""YouTube when everything goes wrong, through the listener's own steps and a real database: nothing lost or doubled."""

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
from listener.sources.youtube import YouTube
from tests.listener import made
from tests.listener.emulators import faults
from tests.listener.emulators import youtube as emulator
from tests.listener.emulators.faults import HANG, Fault, honest
from tests.listener.emulators.mending import Mending
from tests.listener.emulators.youtube import CHANNEL, KEY, VIDEO, Site, comment, error
from tests.loopback import Answer

PLACES = (CHANNEL, VIDEO, "dQw4w9WgXcQ")


class Impatient(YouTube):
    patience = HANG / 4


def doubled(answer: Answer) -> Answer:
    """Every item twice."""
    return emulator.with_items(answer, lambda items: [*items, *items])


def unordered(answer: Answer) -> Answer:
    """The page's items in another order."""
    return emulator.with_items(answer, lambda items: random.Random(1).sample(items, len(items)))


def empty_with_next(answer: Answer) -> Answer:
    """No items, and a token for more."""
    return emulator.with_items(answer, lambda items: [])


def empty(answer: Answer) -> Answer:
    """No items and no token."""
    emptied = emulator.with_items(answer, lambda items: [])
    return replace(emptied, body=emptied.body.replace(b"nextPageToken", b"somethingNew"))


def spent(answer: Answer) -> Answer:
    """The day's units are used up."""
    return error(403, "quotaExceeded", "The request cannot be completed because you have exceeded your quota.")


@dataclass(slots=True)
class Place:
    """A site on which people comment while a source hears it."""

    site: Site
    run: Mending
    posted: int = 0

    def post(self, place: str, number: int) -> None:
        """Put so many threads under a channel or video, a second apart; that takes its time."""
        self.run.clock.advance(number)
        now = self.run.clock.now().timestamp()
        tops = (comment(f"Ugx-thread-{self.posted + n:06}", now - number + n, VIDEO) for n in range(number))
        self.site.post(place, *tops)
        self.posted += number

    def reply(self, chance: random.Random, place: str) -> None:
        """Put replies under one of the newest threads."""
        thread = chance.choice(self.site.threads[place][:20]).top["id"]
        number, now = chance.choice([1, 4, 30, 130]), self.run.clock.now().timestamp()
        self.site.reply(thread, *(comment(f"{thread}.r{self.posted + n:06}", now) for n in range(number)))
        self.posted += number


@contextmanager
def hearing(runtime: Runtime, clock: HeldClock, kind: type[YouTube] = YouTube) -> Iterator[Place]:
    with emulator.youtube() as site:
        settings = {"api_key": KEY, "channels": CHANNEL, "videos": " ".join(PLACES[1:]), "units": "1000000"}

        def make() -> YouTube:
            return kind(Context(settings, Settings(youtube_api_url=site.url), clock))

        def mend() -> None:
            site.revoked = False

        place = Place(site, Mending(runtime, clock, "youtube", make, mend=mend, said="look at the key"))
        try:
            yield place
        finally:
            place.run.source.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_goes_wrong_every_comment_is_stored_once(sqlite_runtime: Runtime, clock: HeldClock, seed: int) -> None:
    chance = random.Random(seed)
    with hearing(sqlite_runtime, clock, Impatient) as place:
        site, run = place.site, place.run
        for where in PLACES:
            place.post(where, 40)
        run.catch_up(5)

        def answers(*several: Fault) -> Callable[[], None]:
            return lambda: site.faults.extend(several)

        def revoked() -> None:
            site.revoked = True

        def forgotten() -> None:
            site.epoch += 1

        troubles = [answers(fault) for fault in (*faults.ANY, doubled, unordered, empty_with_next, spent)]
        troubles += [answers(honest, fault) for fault in (faults.cut, faults.too_many, empty, empty_with_next)]
        troubles += [answers(faults.bad_gateway, faults.closed, faults.half, faults.unavailable)]
        troubles += [answers(doubled, unordered, doubled, unordered)]
        troubles += [revoked, forgotten, forgotten, run.restart, run.restart]
        chance.shuffle(troubles)
        assert len(troubles) >= 20
        asked = len(site.asked)
        for trouble in troubles:
            for where in chance.sample(PLACES, 2):
                place.post(where, chance.choice([1, 20, 120]))
                place.reply(chance, where)
            trouble()
            for _ in range(chance.randrange(1, 4)):
                run.step()
        site.faults.clear()
        run.catch_up(30)
        assert run.stored() == site.everything()
        assert run.lost() == []
        assert len(site.asked) - asked < 900


def test_ten_thousand_comments_between_two_polls_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with hearing(sqlite_runtime, clock) as place:
        place.run.catch_up(5)
        place.post(VIDEO, 6_000)
        place.post(CHANNEL, 4_000)
        asked = len(place.site.asked)
        place.run.catch_up(60)
        assert len(made.mentions(sqlite_runtime)) == 10_000
        assert len(place.site.asked) - asked < 120


def test_a_day_of_quiet_costs_a_unit_a_minute_for_each_place(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with hearing(sqlite_runtime, clock) as place:
        site, run = place.site, place.run
        place.post(VIDEO, 5)
        run.step()
        asked, end = len(site.asked), clock.now() + timedelta(days=1)
        while clock.now() < end:
            assert run.step().wait == 60
            clock.advance(3_540)  # an hour at a time
        assert len(site.asked) - asked <= 24 * len(PLACES) + 2  # and a re-check


def test_what_is_deleted_on_youtube_leaves_no_text_here(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with hearing(sqlite_runtime, clock) as place:
        place.post(VIDEO, 5)
        place.run.step()
        place.site.delete("Ugx-thread-000003")
        for _ in range(22):
            clock.advance(3_600)
            place.run.step()
        texts = {mention.native_id: mention.text for mention in made.mentions(sqlite_runtime)}
        assert texts.pop("Ugx-thread-000003") == ""
        assert all(texts.values())
