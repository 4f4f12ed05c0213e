"""Approved replies go out as they were approved, when they may, and what the platform says is kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import waiting
from core.clock import HeldClock
from core.errors import GiveUp, RetryLater, Unsure
from core.runtime import Runtime
from core.tables import Audit, Case, Mention, Reply
from core.types import Outgoing, Receipt
from listener.forget import forget_mentions
from listener.source import Replier
from responder.desk import cases
from responder.outbox.post import MOST_ATTEMPTS, PATIENCE, Claim, post_replies, work
from tests.responder.platforms import (
    FakePlatform,
    approved,
    audit,
    fails_before,
    kept,
    post,
    publish,
    raises,
    state,
    stop_sending,
    through,
)
from tests.responder.stories import add_brand, add_case, add_user, case, hear, look


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

    def replier(db: Session, claim: Claim) -> tuple[int, Replier] | None:
        with runtime.db.write() as other:
            other.execute(update(Mention).values({column: clock.now()}))
        return through(platform)(db, claim)

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
    post_replies(runtime, through(None))
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
        cases.approve(db, clock, one.id, one.version, first.approved_by or 0, "second", at=clock.now())
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


def test_a_reply_is_not_sent_past_its_authors_next_word(runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(runtime, author="orla"), add_user(runtime)
    with runtime.db.write() as db:
        later = clock.now() + timedelta(hours=20)
        reply = cases.approve(db, clock, one.id, one.version, ana, "Sorry!", at=later)
    clock.advance(3600)
    hear(runtime, "never mind, it came", author="orla")
    clock.advance(20 * 3600)
    platform = FakePlatform()
    post(runtime, platform)
    assert platform.published == []
    assert state(runtime, reply) == "failed"
    assert "the author has written again" in (kept(runtime, reply).error or "")


def test_a_reply_for_tomorrow_is_tried_as_patiently_as_one_for_now(runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db:
        reply = cases.approve(db, clock, one.id, one.version, ana, "Sorry!", at=clock.now() + timedelta(hours=20))
    platform = FakePlatform(fails_before(RetryLater("busy", after=30)))
    assert post(runtime, platform) == 0
    clock.advance(20 * 3600)
    post(runtime, platform)
    assert state(runtime, reply) == "approved"
    clock.advance(30)
    post(runtime, platform)
    assert state(runtime, reply) == "sent"


def test_the_audit_keeps_the_exact_bytes_and_the_account(runtime: Runtime, clock: HeldClock) -> None:
    reply = approved(runtime, "Sorry, Zoë!")
    post(runtime, FakePlatform())
    with runtime.db.read() as db:
        told = {row.action: row.detail for row in db.scalars(select(Audit).where(Audit.case_id == reply.case_id))}
    assert told["approve"]["sha256"] == told["sent"]["sha256"] == hashlib.sha256("Sorry, Zoë!".encode()).hexdigest()
    assert (told["sent"]["account"], told["sent"]["via"]) == ("@hawkweed", "files")
