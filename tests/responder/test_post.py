"""Replies go out at most once, whatever crashes, and none is silently missing."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import ClassVar

import pytest
from sqlalchemy import func, select, update

from core import waiting
from core.clock import HeldClock
from core.errors import GiveUp, RetryLater, Unsure
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Audit, Case, Mention, Reply, Switch
from core.types import Outgoing, Receipt
from listener.forget import forget_mentions
from listener.source import Replier
from responder import cases
from responder.post import LEASE, MOST_ATTEMPTS, PATIENCE, post_replies, work
from tests.responder.stories import add_brand, add_case, add_user, case, hear, look

Script = Callable[["FakePlatform", Outgoing], Receipt]


class Died(BaseException):
    """The process ends here, as by SIGKILL: nothing of ours may catch it."""


class FakePlatform:
    """A platform that remembers what was published on it, and does to each call what its script says."""

    kind: ClassVar[str] = "files"
    max_length: ClassVar[int | None] = None

    def __init__(self, *script: Script, process: Settings | None = None) -> None:
        del process
        self.script = list(script)
        self.published: list[Outgoing] = []
        self.calls = 0
        self.knows: Callable[[], None] = lambda: None
        self.names: Callable[[], None] = lambda: None

    def account(self) -> str:
        self.names()
        return "@hawkweed"

    def send(self, reply: Outgoing) -> Receipt:
        self.calls += 1
        return (self.script.pop(0) if self.script else publish)(self, reply)

    def find(self, reply: Outgoing) -> Receipt | None:
        self.knows()
        found = [one for one in self.published if one.key == reply.key]
        return Receipt(f"native-{found[0].key}", "https://files.example/1") if found else None


def publish(platform: FakePlatform, reply: Outgoing) -> Receipt:
    platform.published.append(reply)
    return Receipt(f"native-{reply.key}", "https://files.example/1")


def fails_before(error: BaseException) -> Script:
    """The call ends with `error` and has had no effect."""

    def script(platform: FakePlatform, reply: Outgoing) -> Receipt:
        raise error

    return script


def fails_after(error: BaseException) -> Script:
    """The reply is published, and then the call ends with `error`."""

    def script(platform: FakePlatform, reply: Outgoing) -> Receipt:
        publish(platform, reply)
        raise error

    return script


def raises(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def approved(runtime: Runtime, text: str = "Sorry!", account: str = "") -> Reply:
    """An approved reply to a case of its own."""
    one = add_case(runtime)
    with runtime.db.write() as db:
        return cases.approve(
            db, runtime.clock, one.id, one.version, add_user(runtime, f"Ana {one.id}"), text, account=account
        )


def post(runtime: Runtime, platform: FakePlatform) -> int:
    def replier(kind: str) -> Replier | None:
        return platform if kind == "files" else None

    return post_replies(runtime, replier)


def state(runtime: Runtime, reply: Reply) -> str:
    return case(runtime, reply.case_id).state


def kept(runtime: Runtime, reply: Reply) -> Reply:
    with runtime.db.read() as db:
        return db.get_one(Reply, reply.id)


def audit(runtime: Runtime, reply: Reply) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Audit.action).where(Audit.case_id == reply.case_id).order_by(Audit.id)))


def stop_sending(runtime: Runtime, *, stopped: bool = True) -> None:
    with runtime.db.write() as db:
        db.merge(Switch(name="sending", stopped=stopped, changed_at=runtime.clock.now()))


def test_an_approved_reply_goes_out_as_it_was_approved_and_its_receipt_is_kept(
    runtime: Runtime, clock: HeldClock
) -> None:
    reply, platform = approved(runtime, "Sorry, Ann!"), FakePlatform()
    assert post(runtime, platform) == 1
    (out,) = platform.published
    assert (out.text, out.key, out.platform) == ("Sorry, Ann!", reply.key, "bluesky")
    assert out.approved_by.startswith("Ana")
    after = kept(runtime, reply)
    assert (state(runtime, reply), after.sent_at, after.error) == ("sent", clock.now(), None)
    assert (after.native_id, after.url) == (f"native-{reply.key}", "https://files.example/1")
    assert audit(runtime, reply) == ["open", "approve", "start", "sent"]
    assert post(runtime, platform) == 0
    assert platform.calls == 1


def test_the_outbox_file_gets_one_line(runtime: Runtime) -> None:
    reply = approved(runtime, "Sorry, Ann!")
    assert work(runtime) == 1
    assert work(runtime) == 0
    (line,) = runtime.settings.outbox.read_text(encoding="utf-8").splitlines()
    assert reply.key in line
    assert "Sorry, Ann!" in line


def test_what_the_platform_refuses_fails_with_its_own_words(runtime: Runtime) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_before(GiveUp("the author has blocked you")))
    post(runtime, platform)
    assert state(runtime, reply) == "failed"
    assert kept(runtime, reply).error == "the author has blocked you"
    assert post(runtime, platform) == 0


def test_later_means_later_and_for_everything_that_goes_there(runtime: Runtime, clock: HeldClock) -> None:
    first, second = approved(runtime), approved(runtime)
    platform = FakePlatform(fails_before(RetryLater("429 slow down", after=600)))
    post(runtime, platform)
    assert [state(runtime, one) for one in (first, second)] == ["approved", "approved"]
    assert "429 slow down" in {kept(runtime, one).error for one in (first, second)}
    clock.advance(599)
    assert post(runtime, platform) == 0
    assert platform.calls == 1
    clock.advance(1)
    assert post(runtime, platform) == 2
    assert [state(runtime, one) for one in (first, second)] == ["sent", "sent"]
    assert kept(runtime, first).error is None


def test_a_platform_that_names_no_time_is_asked_less_and_less_and_then_no_more(
    runtime: Runtime, clock: HeldClock
) -> None:
    reply, platform = approved(runtime), FakePlatform(*[fails_before(RetryLater("503"))] * 50)
    asked: list[datetime] = []
    for _ in range(300):
        if post(runtime, platform):
            asked.append(clock.now())
        clock.advance(60)
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits == sorted(waits)
    assert len(asked) <= MOST_ATTEMPTS
    assert state(runtime, reply) == "failed"
    assert "503" in (kept(runtime, reply).error or "")


def test_a_reply_that_would_come_too_late_is_given_up(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_before(RetryLater("later", after=1)))
    clock.advance(PATIENCE.total_seconds() + 1)
    post(runtime, platform)
    assert state(runtime, reply) == "failed"


@pytest.mark.parametrize("error", [Unsure("timed out"), ValueError("bug in the adapter"), OSError("reset")])
def test_an_unclear_end_is_read_back_at_once(runtime: Runtime, error: Exception) -> None:
    there, not_there = approved(runtime), approved(runtime)
    platform = FakePlatform(fails_after(error), fails_before(error))
    post(runtime, platform)
    assert Counter(state(runtime, one) for one in (there, not_there)) == {"sent": 1, "unsure": 1}
    assert platform.calls == 2
    assert post(runtime, platform) == 0


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

    def replier(kind: str) -> Replier | None:
        if suspended.calls == 0:
            suspended.calls += 1
            clock.advance(LEASE.total_seconds())
            while post(runtime, platform):
                pass
            assert len(platform.published) == 1
        return suspended

    post_replies(runtime, replier)
    assert suspended.published == []
    assert state(runtime, reply) == "sent"


def test_the_switch_stops_everything_and_nothing_is_lost(runtime: Runtime) -> None:
    reply, platform = approved(runtime), FakePlatform()
    stop_sending(runtime)
    assert post(runtime, platform) == 0
    assert state(runtime, reply) == "approved"
    stop_sending(runtime, stopped=False)
    assert post(runtime, platform) == 1
    assert state(runtime, reply) == "sent"


def test_the_switch_is_looked_at_right_before_each_call(runtime: Runtime) -> None:
    replies = [approved(runtime) for _ in range(3)]

    def last(platform: FakePlatform, out: Outgoing) -> Receipt:
        stop_sending(runtime)
        return publish(platform, out)

    platform = FakePlatform(last)
    post(runtime, platform)
    assert platform.calls == 1
    assert Counter(state(runtime, one) for one in replies) == {"sent": 1, "approved": 2}
    assert sum(kept(runtime, one).attempts for one in replies) == 1


def test_a_crash_is_cleared_up_while_sending_is_stopped(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform(fails_after(Died()))
    with pytest.raises(Died):
        post(runtime, platform)
    stop_sending(runtime)
    clock.advance(LEASE.total_seconds())
    post(runtime, platform)
    assert state(runtime, reply) == "sent"


def test_a_post_that_went_in_the_meantime_is_not_answered(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform()
    with runtime.db.write() as db:
        mention_id = db.scalar(select(Case.mention_id).where(Case.id == reply.case_id))
        forget_mentions(db, clock, [mention_id or 0])
    post(runtime, platform)
    assert state(runtime, reply) == "dismissed"
    assert platform.calls == 0
    with runtime.db.read() as db:
        assert waiting.count(db, "post") == 0


@pytest.mark.parametrize(
    ("column", "told"), [("deleted_at", "the post is gone"), ("edited_at", "edited after the reply was approved")]
)
def test_a_post_that_goes_or_changes_between_claim_and_call_is_not_answered(
    runtime: Runtime, clock: HeldClock, column: str, told: str
) -> None:
    reply, platform = approved(runtime), FakePlatform()
    clock.advance(60)

    def replier(kind: str) -> Replier | None:
        with runtime.db.write() as db:
            db.execute(update(Mention).values({column: clock.now()}))
        return platform

    post_replies(runtime, replier)
    assert (state(runtime, reply), platform.calls) == ("failed", 0)
    assert told in (kept(runtime, reply).error or "")


def test_a_reply_goes_out_only_under_the_name_it_was_approved_for(runtime: Runtime) -> None:
    right, wrong = approved(runtime, account="@hawkweed"), approved(runtime, account="@another")
    platform = FakePlatform()
    post(runtime, platform)
    assert [(one.key, one.account) for one in platform.published] == [(right.key, "@hawkweed")]
    assert state(runtime, wrong) == "failed"
    assert "it would now go out as @hawkweed" in (kept(runtime, wrong).error or "")


def test_as_whom_it_went_out_is_kept_even_if_nobody_asked(runtime: Runtime) -> None:
    reply, platform = approved(runtime, account=""), FakePlatform()
    post(runtime, platform)
    assert platform.published[0].account == "@hawkweed"
    assert kept(runtime, reply).account == "@hawkweed"


@pytest.mark.parametrize(("error", "end"), [(GiveUp("key revoked"), "failed"), (Unsure("503"), "approved")])
def test_an_account_that_cannot_be_asked_for_sends_nothing(runtime: Runtime, error: Exception, end: str) -> None:
    reply, platform = approved(runtime, account="@hawkweed"), FakePlatform()
    platform.names = raises(error)
    post(runtime, platform)
    assert (state(runtime, reply), platform.calls) == (end, 0)


def test_where_no_replier_is_left_the_reply_fails_in_words(runtime: Runtime) -> None:
    reply = approved(runtime)
    post_replies(runtime, lambda kind: None)
    assert state(runtime, reply) == "failed"
    assert "answer by hand" in (kept(runtime, reply).error or "")


def test_a_withdrawn_reply_never_goes_out(runtime: Runtime, clock: HeldClock) -> None:
    reply, platform = approved(runtime), FakePlatform()
    with runtime.db.write() as db:
        cases.withdraw(db, clock, reply.case_id, case(runtime, reply.case_id).version, reply.approved_by or 0)
    assert post(runtime, platform) == 0
    assert platform.calls == 0
    with runtime.db.read() as db:
        assert waiting.count(db, "post") == 0


def test_only_the_newest_turn_of_a_case_goes_out(runtime: Runtime, clock: HeldClock) -> None:
    """The first turn failed, and what waits for it was left behind."""
    first, platform = approved(runtime, "first"), FakePlatform(fails_before(GiveUp("no")))
    post(runtime, platform)
    with runtime.db.write() as db:
        waiting.add(db, clock, "post", [first.id])
        one = db.get_one(Case, first.case_id)
        cases.approve(db, clock, one.id, one.version, first.approved_by or 0, "second")
    while post(runtime, platform):
        pass
    assert [out.text for out in platform.published] == ["second"]


def test_what_is_answered_by_hand_is_never_sent(runtime: Runtime, clock: HeldClock) -> None:
    one, platform = add_case(runtime), FakePlatform()
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, add_user(runtime), "Sorry!")
    assert post(runtime, platform) == 0
    assert platform.calls == 0


def test_the_most_pressing_goes_first(runtime: Runtime) -> None:
    replies = [approved(runtime, text) for text in ("low", "high", "middle")]
    with runtime.db.write() as db:
        for reply, priority in zip(replies, (10, 90, 50), strict=True):
            db.execute(update(Case).where(Case.id == reply.case_id).values(priority=priority))
    platform = FakePlatform()
    post(runtime, platform)
    assert [out.text for out in platform.published] == ["high", "middle", "low"]


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
            replies = tuple(cases.approve(db, runtime.clock, one, 1, ana, "Sorry!") for one in pair)
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


def test_the_service_approves_nothing_by_itself(runtime: Runtime) -> None:
    """A mention goes through the stages, and nothing goes out before a person says so."""
    add_brand(runtime)
    hear(runtime)
    look(runtime)
    platform = FakePlatform()
    assert post(runtime, platform) == 0
    assert platform.calls == 0
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(Reply)) == 0
