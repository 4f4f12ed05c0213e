"""Whatever goes wrong between a mailbox and us, every mail is stored exactly once, in a bounded number of tries."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.settings import Settings
from listener.matching import BrandMatcher
from listener.source import Context
from listener.sources.email import PAGE_MAILS, Email
from listener.step import Next, step
from tests.listener import made
from tests.listener.emulators import email as emulated
from tests.listener.emulators.email import FAULTS, Post
from tests.listener.letters import letter

PATIENCE = (0.3, 0.5)
MOST_STEPS = 12
"""Until one fault is over: more would be a hot loop."""


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def server(post: Post) -> Iterator[dict[str, str]]:
    with emulated.imap(post) as settings:
        yield settings


class Hearing:
    """A source in the hands of the listener: its row, and the instance that is open."""

    def __init__(
        self, runtime: Runtime, post: Post, settings: dict[str, str], patience: tuple[float, float] = PATIENCE
    ) -> None:
        self.runtime, self.post, self.settings, self.patience = runtime, post, settings, patience
        self.source_id = made.source(runtime, "email", brand_id=made.brand(runtime))
        with runtime.db.read() as db:
            self.matcher = BrandMatcher.load(db)
        self.open()

    def open(self) -> None:
        """Start anew, from what is stored."""
        self.opened_at = self.runtime.clock.now()
        self.source = Email(Context(self.settings, Settings(), self.runtime.clock), *self.patience)

    @property
    def row(self) -> tables.Source:
        with self.runtime.db.read() as db:
            return db.get_one(tables.Source, self.source_id)

    def step(self) -> Next:
        return step(self.runtime, self.source_id, self.source, self.matcher, self.opened_at)

    def kill_before_commit(self) -> None:
        """The process dies with a page in its hands."""
        self.source.fetch(self.row.cursor)
        self.source.close()
        self.open()

    def resume(self) -> None:
        """A person has mended what was wrong."""
        with self.runtime.db.write() as db:
            db.get_one(tables.Source, self.source_id).state = "running"
        self.open()

    def until_caught_up(self) -> int:
        """Step until nothing is left, no fault is in store and nothing fails; how many steps that took."""
        for number in range(1, MOST_STEPS + 1):
            after = self.step()
            if after.reopen or after.wait is None:
                self.resume()
            elif not after.failed and after.wait and not self.post.faults:
                return number
        raise AssertionError(f"not over after {MOST_STEPS} steps: {self.row.reason}")


@pytest.mark.parametrize("seed", [1, 2])
def test_through_all_faults_every_mail_is_stored_once(
    sqlite_runtime: Runtime, post: Post, server: dict[str, str], seed: int
) -> None:
    chance = random.Random(seed)
    hearing = Hearing(sqlite_runtime, post, server)
    faults = [fault for some in FAULTS.values() for fault in some] + ["revoked", "restart", "killed"] * 2
    chance.shuffle(faults)
    assert len(faults) >= 20
    served, steps = list[str](), 0
    for fault in faults:
        for _ in range(chance.randrange(1, 8)):
            served.append(f"{len(served)}@mail.example")
            post.deliver(letter(number=len(served) - 1))
        if fault == "restart":
            hearing.open()
        elif fault == "killed":
            hearing.kill_before_commit()
        else:
            post.faults.append(fault)
        steps += hearing.until_caught_up()
    assert sorted(row.native_id for row in made.mentions(sqlite_runtime)) == sorted(served)
    assert hearing.row.rejected == 0
    assert steps <= 4 * len(faults)
    assert len(post.asked) <= 40 * len(faults)


def test_a_wrong_password_stops_it_until_somebody_acts(
    sqlite_runtime: Runtime, post: Post, server: dict[str, str]
) -> None:
    hearing = Hearing(sqlite_runtime, post, server)
    post.faults.append("revoked")
    post.deliver(letter())
    assert hearing.step().wait is None
    assert hearing.row.state == "paused"
    assert "Invalid credentials" in (hearing.row.reason or "")
    hearing.resume()
    hearing.until_caught_up()
    assert len(made.mentions(sqlite_runtime)) == 1


def test_ten_thousand_mails_between_two_looks_are_all_stored(
    sqlite_runtime: Runtime, post: Post, server: dict[str, str]
) -> None:
    hearing = Hearing(sqlite_runtime, post, server, patience=(20.0, 60.0))
    hearing.until_caught_up()
    for number in range(10_000):
        post.deliver(letter(number=number), at=datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=number))
    begun, steps = time.process_time(), 1
    while hearing.step().wait == 0:
        steps += 1
        assert steps <= 10_000 // PAGE_MAILS + 1
    assert len({row.native_id for row in made.mentions(sqlite_runtime)}) == 10_000
    assert time.process_time() - begun < 90, "server and all"


def test_a_day_of_quiet_costs_one_short_connection_per_look(
    sqlite_runtime: Runtime, clock: HeldClock, post: Post, server: dict[str, str]
) -> None:
    hearing = Hearing(sqlite_runtime, post, server, patience=(20.0, 60.0))
    post.deliver(letter())
    hearing.until_caught_up()
    cursor, before = hearing.row.cursor, (post.connections, len(post.asked))
    for _ in range(24):
        assert hearing.step().wait == Email.poll_seconds
        clock.advance(3_600)
    assert hearing.row.cursor == cursor
    assert post.connections - before[0] == 24
    assert len(post.asked) - before[1] <= 24 * 6
    assert not [one for one in post.asked[before[1] :] if "FETCH" in one]
