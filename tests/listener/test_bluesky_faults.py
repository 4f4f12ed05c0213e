"""Everything that can go wrong on two hosts and a server, at random: in the end every post is stored once."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from listener.source import Context
from listener.sources.bluesky import Bluesky
from listener.sources.bluesky.jetstream import microseconds
from tests.listener import made
from tests.listener.emulators import bluesky, faults
from tests.listener.emulators.bluesky import HANDLE, PASSWORD, Host, Server, event
from tests.listener.emulators.run import Run
from tests.loopback import Answer

FAULTS = 30
PATIENCE = 0.5


@dataclass(slots=True)
class Network:
    """Bluesky, of which the first host speaks version 1 and the second version 2, and who listens to it."""

    hosts: tuple[Host, Host]
    server: Server
    run: Run
    clock: HeldClock
    number: int = 0
    deleted: set[int] = field(default_factory=set)
    written: dict[int, int] = field(default_factory=dict)
    """Times of all posts by number."""

    def now(self) -> int:
        """A time that no post has had yet."""
        return microseconds(self.clock.now()) + self.number

    def tell(self, one: dict[str, object]) -> None:
        for host in self.hosts:
            host.tell(one)

    def post(self, count: int) -> None:
        """People write, on every host and in the search."""
        for _ in range(count):
            self.number += 1
            self.written[self.number] = self.now()
            self.tell(event(self.number, self.now()))
            self.server.show(self.number, self.now())

    def delete(self) -> None:
        """The newest post is taken back."""
        if self.number and self.number not in self.deleted:
            self.deleted.add(self.number)
            self.server.posts = [one for one in self.server.posts if one["uri"] != bluesky.uri(self.number)]
            self.tell(event(self.number, self.now() + 1, "delete"))

    def again(self) -> None:
        """Two posts come a second time, the later one first."""
        for number in sorted(set(self.written) - self.deleted)[-2:][::-1]:
            self.tell(event(number, self.written[number]))

    def lose(self) -> None:
        """A host gives no more posts, though its socket lives, until we have turned to the other."""
        host = self.hosts[self.number % 2]
        host.lost = {bluesky.POSTS}
        self.post(20)
        for _ in range(5):
            self.clock.advance(16)
            self.post(1)
            self.run.step()
        host.lost = set()

    def forget(self) -> None:
        """We are away for so long that no host has all of it; the search has."""
        self.run.source.close()
        self.post(150)
        self.clock.advance(3_600)
        for host in self.hosts:
            host.keeps_from = self.now()
        self.post(5)
        self.run.reopen()

    def refuse(self, answer: Answer) -> None:
        """Both hosts want no connection for now."""
        for host in self.hosts:
            host.refusals.append(answer)
            host.order(bluesky.CLOSE)

    def revoke(self) -> None:
        """The app password is worthless until a person has mended it."""
        self.server.password, self.server.access, self.server.refresh = "another", "none", "none"
        self.server.faults.clear()
        for _ in range(30):
            self.clock.advance(61)
            self.post(1)
            if self.run.step().wait is None:
                break
        assert "app password" in (self.run.row().reason or "")
        self.server.password = PASSWORD
        self.run.resume()

    def there(self) -> list[str]:
        return sorted(bluesky.uri(number) for number in self.written if number not in self.deleted)


@contextmanager
def network(runtime: Runtime, clock: HeldClock) -> Iterator[Network]:
    with bluesky.hosts() as (first, second), bluesky.server() as server:
        process = Settings(
            ripplewatch_home=runtime.settings.ripplewatch_home,
            bluesky_jetstream_url=first.url,
            bluesky_second_url=second.second(),
            bluesky_api_url=server.url,
        )
        context = Context({"handle": HANDLE, "app_password": PASSWORD}, process, clock, ("acme",))
        run = Run(runtime, clock, "bluesky", lambda: Bluesky(context, page_seconds=0.05, request_seconds=PATIENCE))
        yield Network((first, second), server, run, clock)
        run.source.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_after_any_faults_every_post_is_stored_once_and_none_that_was_deleted(
    sqlite_runtime: Runtime, clock: HeldClock, seed: int
) -> None:
    chance = random.Random(seed)
    with network(sqlite_runtime, clock) as place:
        first, second = place.hosts
        failures: list[Callable[[], None]] = [
            *(
                lambda host=host, how=how: host.order(how)
                for host in place.hosts
                for how in (bluesky.CLOSE, bluesky.CUT)
            ),
            lambda: place.refuse(Answer(429, b"slow down")),
            lambda: place.refuse(Answer(503)),
            lambda: first.refusals.append(Answer(403, b"no")),
            *(
                lambda fault=fault: place.server.faults.append(fault)
                for fault in (*faults.ANY, faults.cut, faults.half)
            ),
            place.run.restart,
            place.delete,
            place.again,
            place.lose,
            place.forget,
            place.revoke,
            place.server.expire,
        ]
        place.post(1)
        for what in [*failures, *chance.sample(failures, FAULTS - len(failures))]:
            what()
            place.post(chance.choice([1, 5, 40]))
            for _ in range(chance.randrange(1, 4)):
                place.run.step()
                clock.advance(7)
        place.server.faults.clear()
        for host in place.hosts:
            host.refusals.clear()
        for _ in range(80):
            place.post(1)
            place.run.step()
            clock.advance(10)
        for _ in range(20):
            place.run.step()

    assert place.run.stored() == place.there()
    assert not any(row.text for row in made.mentions(sqlite_runtime) if row.deleted_at)
    assert len([*first.asked, *second.asked, *place.server.asked]) < 600
    with sqlite_runtime.db.read() as db:
        waiting = select(tables.Gap).where(tables.Gap.closed_at.is_(None))
        assert [(one.start, one.end, one.reason) for one in db.scalars(waiting)] == []


def test_hosts_that_close_after_every_few_words_are_not_called_without_end(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    with network(sqlite_runtime, clock) as place:
        end = clock.monotonic() + 86_400
        while clock.monotonic() < end:
            place.post(1)
            for host in place.hosts:
                host.orders = deque([bluesky.CLOSE])
            place.run.step()
        assert 200 < len([*place.hosts[0].asked, *place.hosts[1].asked]) < 700


def test_ten_thousand_posts_while_we_were_away_are_all_stored(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with network(sqlite_runtime, clock) as place:
        place.post(1)
        while not place.run.stored():
            place.run.step()
        place.run.source.close()
        place.post(9_999)
        place.run.reopen()
        new = [place.run.step().collected.new for _ in range(60)]
    assert max(new) > 500
    assert place.run.stored() == place.there()
    assert len(place.hosts[0].asked) == 2
