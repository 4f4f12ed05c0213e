"""Answers that somebody of us gave on the platform itself: cases that waited are answered, at that time, once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.tables import Audit, Case, OwnAnswer, Reply, Waiting
from core.types import Author
from core.types import Mention as Heard
from listener.confirm import confirm
from listener.forget import forget_mentions
from tests.responder import stories
from tests.responder.stories import add_brand, add_case, case, hear

POST = "post-of-ann"


def answer(runtime: Runtime, at: datetime | None = None, native_id: str = "ours", reply_to: str = POST) -> None:
    """One of our accounts answers on the platform; the listener hears of it, and the stage looks."""
    ours = Author("id-hawkweed", "hawkweed.example")
    when = at or runtime.clock.now()
    post = Heard("bluesky", native_id, ours, "Sorry! Write to us.", when, url="https://b.example/1", reply_to=reply_to)
    with runtime.db.write() as db:
        confirm(db, runtime.clock, [post])
    run_stage(runtime, STAGES["answered"])


def replies(runtime: Runtime) -> list[Reply]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Reply).order_by(Reply.id)))


def history(runtime: Runtime, case_id: int) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Audit.action).where(Audit.case_id == case_id).order_by(Audit.id)))


def test_a_case_that_waited_is_answered_at_the_time_of_that_post(runtime: Runtime, clock: HeldClock) -> None:
    opened = add_case(runtime, native_id=POST, minutes_ago=60)
    at = clock.now() - timedelta(minutes=20)
    for _ in range(2):  # heard again, as overlaps are
        answer(runtime, at)
    row = case(runtime, opened.id)
    assert (row.state, row.first_reply_at, row.resolved_at) == ("answered_by_hand", at, at)
    (reply,) = replies(runtime)
    assert (reply.text, reply.account, reply.native_id) == ("Sorry! Write to us.", "hawkweed.example", "ours")
    assert (reply.via, reply.sent_at, reply.url) == ("hand", at, "https://b.example/1")
    assert history(runtime, opened.id) == ["open", "answered_there", "answer_there"]


def test_an_answer_that_is_heard_before_the_case_opens_counts_too(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    answer(runtime)
    assert not replies(runtime)
    opened = add_case(runtime, native_id=POST, minutes_ago=5)
    run_stage(runtime, STAGES["answered"])
    assert case(runtime, opened.id).state == "answered_by_hand"
    assert history(runtime, opened.id) == ["open", "answered_there", "answer_there"]
    answer(runtime)
    assert len(replies(runtime)) == 1


def test_whoever_wrote_again_since_still_waits(runtime: Runtime, clock: HeldClock) -> None:
    opened = add_case(runtime, native_id=POST, author="ann", minutes_ago=60)
    hear(runtime, "still nothing", author="ann", minutes_ago=5)
    stories.look(runtime)
    answer(runtime, clock.now() - timedelta(minutes=20))
    assert (case(runtime, opened.id).state, replies(runtime)) == ("new", [])


@pytest.mark.parametrize("state", ["sent", "dismissed", "unsure", "approved", "sending"])
def test_other_cases_are_left_as_they_are(runtime: Runtime, clock: HeldClock, state: str) -> None:
    opened = add_case(runtime, native_id=POST, minutes_ago=60)
    with runtime.db.write() as db:
        db.get_one(Case, opened.id).state = state
    answer(runtime)
    assert (case(runtime, opened.id).state, replies(runtime)) == (state, [])
    with runtime.db.read() as db:
        due = db.scalars(select(Waiting.due).where(Waiting.stage == "answered")).all()
    assert due == ([clock.now() + timedelta(minutes=1)] if state in ("approved", "sending") else [])
    with runtime.db.write() as db:
        db.get_one(Case, opened.id).state = "failed"
    clock.advance(60)
    run_stage(runtime, STAGES["answered"])
    assert case(runtime, opened.id).state == ("answered_by_hand" if due else "failed")


def test_forgetting_the_post_forgets_what_we_answered(runtime: Runtime, clock: HeldClock) -> None:
    add_brand(runtime)
    mention_id = hear(runtime, native_id=POST, minutes_ago=60)
    answer(runtime)
    answer(runtime, native_id="another", reply_to="elsewhere")
    with runtime.db.write() as db:
        forget_mentions(db, clock, [mention_id])
    with runtime.db.read() as db:
        assert db.scalars(select(OwnAnswer.native_id)).all() == ["another"]


def test_an_answer_waits_for_its_case_thirty_days(runtime: Runtime, clock: HeldClock) -> None:
    answer(runtime, clock.now() - timedelta(days=31))
    answer(runtime, native_id="newer", reply_to="elsewhere")
    with runtime.db.read() as db:
        assert db.scalars(select(OwnAnswer.native_id)).all() == ["newer"]
