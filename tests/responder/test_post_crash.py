"""Replies go out at most once, whatever crashes, and none is silently missing."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import HeldClock
from core.errors import GiveUp, RetryLater, Unsure
from core.runtime import Runtime
from core.tables import Case, Reply
from core.types import Outgoing, Receipt
from listener.source import Replier
from responder.desk import cases
from responder.outbox.post import LEASE, LOOK_AGAIN, Claim, post_replies
from tests.responder.platforms import (
    Died,
    FakePlatform,
    approved,
    fails_after,
    fails_before,
    kept,
    post,
    publish,
    raises,
    state,
    stop_sending,
    through,
)
from tests.responder.stories import add_brand, add_user, hear, look


@pytest.mark.parametrize("error", [Unsure("timed out"), ValueError("bug in the adapter"), OSError("reset")])
def test_an_unclear_end_is_read_back_at_once_and_once_more(
    runtime: Runtime, clock: HeldClock, error: Exception
) -> None:
    there, not_there = approved(runtime), approved(runtime)
    platform = FakePlatform(fails_after(error), fails_before(error))
    post(runtime, platform)
    assert Counter(state(runtime, one) for one in (there, not_there)) == {"sent": 1, "sending": 1}
    assert platform.calls == 2
    clock.advance(LOOK_AGAIN - 1)
    assert post(runtime, platform) == 0
    clock.advance(1)
    while post(runtime, platform):
        pass
    assert Counter(out.key for out in platform.published) == {there.key: 1, not_there.key: 1}
    assert {state(runtime, one) for one in (there, not_there)} == {"sent"}


def test_what_the_platform_does_not_show_yet_is_asked_for_until_it_does(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_after(Unsure("timed out")))
    platform.knows = raises(RetryLater("it does not show the reply yet", after=100))
    post(runtime, platform)
    assert (state(runtime, reply), kept(runtime, reply).error) == (
        "sending",
        "timed out; it does not show the reply yet",
    )
    clock.advance(100)
    platform.knows = lambda: None
    post(runtime, platform)
    assert (state(runtime, reply), platform.calls) == ("sent", 1)


def test_what_cannot_be_read_back_is_left_to_a_person(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_after(Unsure("timed out")))
    platform.knows = raises(Unsure("search is down"))
    post(runtime, platform)
    assert state(runtime, reply) == "unsure"
    assert kept(runtime, reply).error == "timed out; and the platform cannot be asked: search is down"
    clock.advance(10 * LEASE.total_seconds())
    assert post(runtime, platform) == 0
    assert len(platform.published) == 1


@pytest.mark.parametrize("wrote", [True, False])
def test_after_a_crash_the_platform_is_asked_before_anything_is_sent_again(
    runtime: Runtime, clock: HeldClock, wrote: bool
) -> None:
    reply, platform = approved(runtime), FakePlatform((fails_after if wrote else fails_before)(Died()))
    with pytest.raises(Died):
        post(runtime, platform)
    assert state(runtime, reply) == "sending"
    clock.advance(LEASE.total_seconds() - 1)
    assert post(runtime, platform) == 0
    clock.advance(1)
    while post(runtime, platform):
        pass
    assert state(runtime, reply) == "sent"
    assert [one.key for one in platform.published] == [reply.key]
    assert platform.calls == (1 if wrote else 2)


@pytest.mark.parametrize("error", [Unsure("search is down"), GiveUp("key revoked"), ValueError("bug")])
def test_after_a_crash_that_cannot_be_cleared_up_a_person_decides(
    runtime: Runtime, clock: HeldClock, error: Exception
) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_after(Died()))
    with pytest.raises(Died):
        post(runtime, platform)
    platform.knows = raises(error)
    clock.advance(LEASE.total_seconds())
    post(runtime, platform)
    assert state(runtime, reply) == "unsure"
    assert len(platform.published) == 1


def test_after_a_crash_a_platform_that_is_away_is_asked_again(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_after(Died()))
    with pytest.raises(Died):
        post(runtime, platform)
    platform.knows = raises(RetryLater("503", after=60))
    clock.advance(LEASE.total_seconds())
    post(runtime, platform)
    assert state(runtime, reply) == "sending"
    platform.knows = lambda: None
    clock.advance(60)
    post(runtime, platform)
    assert state(runtime, reply) == "sent"


def test_a_worker_that_comes_back_from_the_dead_records_nothing(runtime: Runtime, clock: HeldClock) -> None:
    """It hangs in its call past its lease; meanwhile another worker finds the reply on the platform."""
    reply = approved(runtime)
    other = FakePlatform()

    def hang(platform: FakePlatform, out: Outgoing) -> Receipt:
        other.published.append(out)
        clock.advance(LEASE.total_seconds())
        assert post(runtime, other) == 1
        raise GiveUp("timed out for good")

    post(runtime, FakePlatform(hang))
    assert state(runtime, reply) == "sent"
    assert kept(runtime, reply).error is None
    assert other.calls == 0


def test_a_worker_that_was_overtaken_before_its_call_does_not_make_it(runtime: Runtime, clock: HeldClock) -> None:
    """It is suspended between its claim and its call, and another worker has sent the reply when it goes on."""
    reply, platform = approved(runtime), FakePlatform()
    suspended = FakePlatform()

    def replier(db: Session, claim: Claim) -> tuple[int, Replier] | None:
        if suspended.calls == 0:
            suspended.calls += 1
            clock.advance(LEASE.total_seconds())
            while post(runtime, platform):
                pass
            assert len(platform.published) == 1
        return through(suspended)(db, claim)

    post_replies(runtime, replier)
    assert suspended.published == []
    assert state(runtime, reply) == "sent"


def test_a_crash_is_cleared_up_while_sending_is_stopped(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_after(Died()))
    with pytest.raises(Died):
        post(runtime, platform)
    stop_sending(runtime)
    clock.advance(LEASE.total_seconds())
    post(runtime, platform)
    assert state(runtime, reply) == "sent"


def test_workers_side_by_side_send_each_reply_once(runtime: Runtime) -> None:
    replies = [approved(runtime) for _ in range(20)]
    platform, start, errors = FakePlatform(), threading.Barrier(4), []

    def send() -> None:
        start.wait()
        try:
            for _ in range(10):
                post(runtime, platform)
        except Exception as error:  # noqa: BLE001 - handed to the assertion below
            errors.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Counter(out.key for out in platform.published) == Counter(reply.key for reply in replies)
    assert {state(runtime, reply) for reply in replies} == {"sent"}


class MortalClock(HeldClock):
    """A clock whose owner dies when it asks for the time once too often: between any two of our steps."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.left: int | None = None

    def now(self) -> datetime:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Died
        return super().now()


TRIALS = 200


def approved_pairs(runtime: Runtime, count: int) -> Iterator[tuple[Reply, ...]]:
    """Two approved replies at a time, of cases that were opened long before."""
    add_brand(runtime)
    ana = add_user(runtime)
    for n in range(2 * count):
        hear(runtime, author=f"author{n}")
    look(runtime)
    with runtime.db.read() as db:
        opened = list(db.scalars(select(Case.id).order_by(Case.id)))
    for pair in zip(opened[::2], opened[1::2], strict=True):
        with runtime.db.write() as db:
            at = runtime.clock.now()
            replies = tuple(cases.approve(db, runtime.clock, one, 1, ana, "Sorry!", at=at) for one in pair)
        yield replies


def until_settled(runtime: Runtime, clock: MortalClock, platform: FakePlatform, chance: random.Random) -> None:
    """Work, dying now and then, and beginning again, until nothing waits."""
    for _ in range(60):
        clock.left = chance.choice([None, None, chance.randrange(40)])
        try:
            post(runtime, platform)
        except Died:
            pass
        finally:
            clock.left = None
        clock.advance(LEASE.total_seconds() / 2)
        with runtime.db.read() as db:
            if waiting.count(db, "post") == 0:
                return


def test_two_hundred_ways_to_crash_and_no_reply_twice_and_none_missing(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    """Each trial draws what befalls its replies, crashes, starts again, and goes on until all is settled."""
    mortal = MortalClock(clock.now())
    runtime = Runtime(sqlite_runtime.settings, sqlite_runtime.db, mortal, sqlite_runtime.queue)
    faults = [
        publish,
        fails_before(Died()),
        fails_after(Died()),
        fails_before(RetryLater("429", after=30)),
        fails_before(GiveUp("refused")),
        fails_before(Unsure("timed out")),
        fails_after(Unsure("timed out")),
        fails_after(OSError("connection reset")),
    ]
    ends: Counter[str] = Counter()
    for trial, replies in enumerate(approved_pairs(runtime, TRIALS)):
        chance = random.Random(trial)
        platform = FakePlatform(*chance.choices(faults, k=4))
        if chance.random() < 0.3:
            platform.knows = raises(Unsure("cannot be asked"))
        until_settled(runtime, mortal, platform, chance)
        times = Counter(out.key for out in platform.published)
        for reply in replies:
            end = state(runtime, reply)
            ends[end] += 1
            assert times[reply.key] <= 1, f"trial {trial}: sent twice"
            assert end in ("sent", "failed", "unsure"), f"trial {trial}: left as {end}"
            assert times[reply.key] == 1 or end != "sent", f"trial {trial}: said to be sent and is not there"
            assert times[reply.key] == 0 or end != "failed", f"trial {trial}: said to have failed and is there"
    assert min(ends["sent"], ends["failed"], ends["unsure"]) > TRIALS / 20
    assert ends.total() == 2 * TRIALS
