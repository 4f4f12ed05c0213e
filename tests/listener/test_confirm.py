"""What our own posts tell about replies, when the listener hears them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from listener.confirm import ANSWERED_THERE
from tests.listener import made
from tests.listener.made import post


@pytest.fixture
def source_id(runtime: Runtime) -> int:
    made.brand(runtime, own=("acme",))
    source_id = made.source(runtime)
    made.store(runtime, source_id, [post(1)])
    return source_id


def add_reply(runtime: Runtime, case_state: str = "sent", **given: Any) -> int:
    """A reply to the post, and its case; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        mention = db.scalars(select(tables.Mention)).one()
        brand = db.scalars(select(tables.Brand)).one()
        case = tables.Case(mention=mention, brand=brand, state=case_state, permission="api", permission_why="")
        case.opened_at = case.changed_at = now
        case.mentions = [tables.CaseMention(mention=mention, why="its own", joined_at=now)]
        reply = tables.Reply(case=case, turn=1, key="k", text="Sorry, Ann!", account="", via="x", approved_at=now)
        for name, value in given.items():
            setattr(reply, name, value)
        db.add(reply)
        db.flush()
        return reply.id


def hear_ours(runtime: Runtime, source_id: int, text: str = "Sorry,  Ann!", number: int = 7) -> None:
    own = post(number, text, author="acme", reply_to="1", url="https://x.example/7", created_at=runtime.clock.now())
    assert made.store(runtime, source_id, [own]).own == 1


def kept(runtime: Runtime, reply_id: int) -> tables.Reply:
    with runtime.db.read() as db:
        return db.get_one(tables.Reply, reply_id)


def answered_there(runtime: Runtime) -> int:
    with runtime.db.read() as db:
        return len(db.scalars(select(tables.Audit).where(tables.Audit.action == ANSWERED_THERE)).all())


def test_a_reply_that_was_sent_is_seen(runtime: Runtime, clock: HeldClock, source_id: int) -> None:
    reply_id = add_reply(runtime, native_id="7", sent_at=clock.now())
    clock.advance(60)
    hear_ours(runtime, source_id)
    clock.advance(60)
    hear_ours(runtime, source_id)
    assert kept(runtime, reply_id).confirmed_at == clock.now() - timedelta(seconds=60)
    assert answered_there(runtime) == 0
    assert len(made.mentions(runtime)) == 1


def test_a_reply_by_hand_is_seen_and_now_has_an_address(runtime: Runtime, clock: HeldClock, source_id: int) -> None:
    reply_id = add_reply(runtime, "answered_by_hand", via="hand", sent_at=clock.now())
    hear_ours(runtime, source_id)
    reply = kept(runtime, reply_id)
    assert (reply.native_id, reply.url, reply.confirmed_at) == ("7", "https://x.example/7", clock.now())


def test_one_of_which_nobody_knew_is_there(runtime: Runtime, clock: HeldClock, source_id: int) -> None:
    reply_id = add_reply(runtime, "unsure", sending_at=clock.now(), error="timed out")
    for _ in range(2):
        hear_ours(runtime, source_id)
    reply = kept(runtime, reply_id)
    assert reply.confirmed_at == clock.now()
    assert reply.error == "timed out; but it has been heard on x: it is there"


def test_an_answer_that_did_not_go_out_from_here_is_in_the_history_once(
    runtime: Runtime, clock: HeldClock, source_id: int
) -> None:
    reply_id = add_reply(runtime, "approved")
    hear_ours(runtime, source_id, "Call us, Ann")
    hear_ours(runtime, source_id, "Call us, Ann")
    assert kept(runtime, reply_id).confirmed_at is None
    assert answered_there(runtime) == 1


def test_the_same_words_from_before_the_reply_was_begun_are_another(
    runtime: Runtime, clock: HeldClock, source_id: int
) -> None:
    reply_id = add_reply(runtime, "unsure", sending_at=clock.now() + timedelta(hours=1))
    hear_ours(runtime, source_id)
    assert kept(runtime, reply_id).confirmed_at is None


def test_our_other_posts_tell_nothing(runtime: Runtime, source_id: int) -> None:
    own = [post(8, "hello world", author="acme"), post(9, "hi", author="acme", reply_to="nobody knows")]
    assert made.store(runtime, source_id, own).own == 2
    assert answered_there(runtime) == 0
