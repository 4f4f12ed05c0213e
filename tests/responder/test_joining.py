"""What belongs together is one case: an author's messages, a thread's voices, and what follows our reply."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Case, CaseMention, Reply
from responder.desk import cases
from tests.responder.stories import (
    CHATTER,
    PRAISE,
    add_brand,
    add_user,
    all_cases,
    case,
    hear,
    look,
    members,
)


def test_wrote_three_times_no_answer(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    first = hear(runtime, "where is my parcel")
    look(runtime)
    before = all_cases(runtime)[0]
    clock.advance(7200)
    second = hear(runtime, "still nothing")
    look(runtime)
    clock.advance(7200)
    third = hear(runtime, "third time: where is it")
    look(runtime)
    (one,) = all_cases(runtime)
    assert members(runtime) == {one.id: [first, second, third]}
    assert "third message, no answer yet" in one.reasons
    assert one.priority > before.priority
    assert (one.state, one.version) == ("new", 3)


def test_messages_that_were_no_cases_count_as_unanswered_too(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    hear(runtime, "parcel update please", CHATTER, minutes_ago=300)
    hear(runtime, "lovely boots by the way", PRAISE, minutes_ago=200)
    hear(runtime, "hello", CHATTER, minutes_ago=100)
    hear(runtime, "hello", CHATTER, minutes_ago=60 * 24 * 20)
    look(runtime)
    hear(runtime, "now I am angry")
    look(runtime)
    assert "third message, no answer yet" in all_cases(runtime)[0].reasons


def test_all_messages_of_one_batch_count_in_the_order_they_were_written(runtime: Runtime) -> None:
    add_brand(runtime)
    late = hear(runtime, "third", minutes_ago=1)
    early = hear(runtime, "first", minutes_ago=10)
    middle = hear(runtime, "second", minutes_ago=5)
    look(runtime)
    (one,) = all_cases(runtime)
    assert one.mention_id == early
    assert members(runtime) == {one.id: sorted([late, early, middle])}
    assert "third message, no answer yet" in one.reasons
    assert one.version == 1


def test_voices_of_the_same_thread_join_one_case(runtime: Runtime) -> None:
    add_brand(runtime)
    hear(runtime, "zip broke", author="ann", native_id="root")
    hear(runtime, "mine too", author="ben", reply_to="root", conversation="root")
    look(runtime)
    hear(runtime, "and mine", author="cleo", conversation="root")
    hear(runtime, "great boots", PRAISE, author="dan", conversation="root")
    hear(runtime, "elsewhere", author="eve", conversation="other")
    look(runtime)
    first, other = all_cases(runtime)
    assert [len(members(runtime)[one.id]) for one in (first, other)] == [3, 1]
    assert "2 more in the thread" in first.reasons
    assert not any("message" in reason for reason in first.reasons)


def test_the_same_thread_id_on_another_platform_is_another_thread(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    hear(sqlite_runtime, author="ann", conversation="1")
    hear(sqlite_runtime, author="ben", conversation="1", platform="mastodon")
    look(sqlite_runtime)
    assert len(all_cases(sqlite_runtime)) == 2


def test_another_brands_case_is_not_joined(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    add_brand(sqlite_runtime, "other")
    hear(sqlite_runtime)
    hear(sqlite_runtime, brand="other")
    look(sqlite_runtime)
    assert len(all_cases(sqlite_runtime)) == 2


def test_a_kind_word_in_the_thread_is_shown_and_presses_nothing(runtime: Runtime) -> None:
    add_brand(runtime)
    hear(runtime, native_id="root")
    look(runtime)
    (before,) = all_cases(runtime)
    thanks = hear(runtime, "it arrived, thank you!", PRAISE, reply_to="root")
    look(runtime)
    (after,) = all_cases(runtime)
    assert thanks in members(runtime)[after.id]
    assert (after.priority, after.reasons) == (before.priority, before.reasons)
    assert after.version == before.version + 1


def test_the_authors_next_word_wakes_a_snoozed_case(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    hear(runtime)
    look(runtime)
    (one,) = all_cases(runtime)
    with runtime.db.write() as db:
        cases.snooze(db, clock, one.id, one.version, add_user(runtime), clock.now() + timedelta(days=1))
    clock.advance(60)
    hear(runtime, "hello??")
    look(runtime)
    woken = case(runtime, one.id)
    assert (woken.state, woken.snoozed_until, woken.version) == ("new", None, 3)
    clock.advance(86_400)
    look(runtime)
    assert case(runtime, one.id).version == 3


def test_the_next_word_makes_the_answer_being_written_stale(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    hear(runtime)
    look(runtime)
    (one,) = all_cases(runtime)
    hear(runtime, "forget it, solved")
    look(runtime)
    with pytest.raises(cases.Stale, match="Ripplewatch added another mention"), runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, add_user(runtime), "Sorry!")


def answered(runtime: Runtime, clock: HeldClock) -> Case:
    """A case whose author was answered an hour ago."""
    hear(runtime, native_id="root")
    look(runtime)
    (one,) = all_cases(runtime)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, add_user(runtime), "Sorry!")
        db.execute(update(Reply).values(native_id="our-reply"))
    clock.advance(3600)
    return one


@pytest.mark.parametrize("place", [{"reply_to": "our-reply"}, {"conversation": "root"}, {}])
def test_what_the_author_asks_after_our_reply_brings_the_case_back(
    runtime: Runtime, clock: HeldClock, place: dict[str, Any]
) -> None:
    add_brand(runtime)
    one = answered(runtime, clock)
    word = hear(runtime, "that does not help", **place)
    look(runtime)
    (back,) = all_cases(runtime)
    assert (back.id, back.state, back.mention_id) == (one.id, "new", word)
    assert word in members(runtime)[one.id]
    assert "answered back to our reply" in back.reasons
    assert not any("no answer yet" in reason for reason in back.reasons)
    assert back.first_reply_at is None
    assert back.due_at == clock.now() + timedelta(minutes=60)


def test_an_answer_that_is_no_complaint_is_still_shown_unless_it_is_kind(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    one = answered(runtime, clock)
    thanks = hear(runtime, "thanks a lot!", PRAISE, reply_to="our-reply")
    look(runtime)
    assert case(runtime, one.id).state == "answered_by_hand"
    assert thanks in members(runtime)[one.id]
    hear(runtime, "sent you a message", CHATTER, reply_to="our-reply")
    look(runtime)
    (back,) = all_cases(runtime)
    assert back.state == "new"


def test_what_they_write_a_month_later_is_a_new_case(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    add_brand(sqlite_runtime)
    answered(sqlite_runtime, clock)
    clock.advance(30 * 86_400)
    hear(sqlite_runtime, "late again")
    look(sqlite_runtime)
    assert [one.state for one in all_cases(sqlite_runtime)] == ["answered_by_hand", "new"]


def test_thanks_and_complaints_are_never_one_case(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime, own=[("bluesky", "hawkweed")])
    hear(sqlite_runtime, "love the boots @hawkweed", PRAISE, author="ann", native_id="root")
    hear(sqlite_runtime, "mine broke", author="ben", conversation="root")
    look(sqlite_runtime)
    hear(sqlite_runtime, "and now they leak", author="ann", conversation="root")
    look(sqlite_runtime)
    assert [one.kind for one in all_cases(sqlite_runtime)] == ["praise", "complaint"]
    assert [len(some) for some in members(sqlite_runtime).values()] == [1, 2]


def test_chatter_of_somebody_we_once_answered_is_no_case(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    add_brand(sqlite_runtime)
    answered(sqlite_runtime, clock)
    hear(sqlite_runtime, "nice weather for hawkweed", CHATTER)
    look(sqlite_runtime)
    assert len(all_cases(sqlite_runtime)) == 1


def test_the_inbox_stays_quick_to_fill_with_many_mentions_of_one_author(sqlite_runtime: Runtime) -> None:
    add_brand(sqlite_runtime)
    for n in range(60):
        hear(sqlite_runtime, f"late {n}", author="bot", minutes_ago=n)
    look(sqlite_runtime)
    (one,) = all_cases(sqlite_runtime)
    assert "more than 20 messages, no answer yet" in one.reasons
    with sqlite_runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(CaseMention)) == 60
