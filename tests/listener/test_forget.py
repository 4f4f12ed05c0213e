"""What an author takes back is gone everywhere, and nothing that was taken back is still answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import tables, waiting
from core.clock import HeldClock
from core.runtime import Runtime
from core.setaside import set_aside
from core.types import Page
from listener.forget import ERASED, forget_author, forget_mentions, forget_older_than, unquoted
from tests.listener import made
from tests.listener.made import post

SAID = "acme sent order 4711 to the wrong town and nobody answers"


@pytest.fixture
def brand_id(runtime: Runtime) -> int:
    return made.brand(runtime)


def heard(runtime: Runtime, *posts: Any) -> list[int]:
    """Store posts that somebody wrote; their ids."""
    made.store(runtime, made.source(runtime), posts)
    return [row.id for row in made.mentions(runtime)]


def case(runtime: Runtime, brand_id: int, mentions: Sequence[int], state: str = "drafted", **reply: Any) -> int:
    """A case of these mentions, the first of which it began with, with a draft and a reply; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        row = tables.Case(
            mention_id=mentions[0],
            brand_id=brand_id,
            state=state,
            reasons=["spreading"],
            facts={"likes": 9},
            permission="hand",
            permission_why="by hand",
            opened_at=now,
            changed_at=now,
        )
        row.drafts = [tables.Draft(text=f"Sorry, {SAID}?", origin="person", why="typed", created_at=now)]
        row.mentions = [tables.CaseMention(mention_id=one, why="by @ann", joined_at=now) for one in mentions]
        told = {
            "text": "Hi Ann, order 4711 is on its way.",
            "turn": 1,
            "key": f"k{mentions[0]}",
            "account": "",
            "via": "x",
        }
        row.replies = [tables.Reply(**(told | {"approved_at": now} | reply))]
        db.add(row)
        db.flush()
        return row.id


def forget(runtime: Runtime, *ids: int) -> int:
    with runtime.db.write() as db:
        return forget_mentions(db, runtime.clock, ids)


def row_of(runtime: Runtime, case_id: int) -> tables.Case:
    with runtime.db.read() as db:
        row = db.get_one(tables.Case, case_id)
        assert (row.drafts, row.replies, row.mentions) is not None
        return row


def actions(runtime: Runtime) -> list[tuple[str, Any]]:
    with runtime.db.read() as db:
        return [(row.action, row.detail["why"]) for row in db.scalars(select(tables.Audit).order_by(tables.Audit.id))]


def test_text_link_name_and_all_that_was_made_of_them_are_gone(runtime: Runtime, brand_id: int) -> None:
    (one,) = heard(runtime, post(1, SAID, url="https://x.example/1", likes=7, extra={"city": "Ulm"}))
    case_id = case(runtime, brand_id, [one])
    with runtime.db.write() as db:
        said = {"reasons": [SAID], "scores": {"negative": 0.9}, "judged_at": runtime.clock.now()}
        db.add(tables.Verdict(mention_id=one, model="m", language="en", sentiment="negative", **said))
        set_aside(db, runtime.clock, "open_case", "mention", one, ValueError(SAID))
        waiting.add(db, runtime.clock, "judge", [one])

    assert forget(runtime, one) == 1
    assert forget(runtime, one) == 0

    (mention,) = made.mentions(runtime)
    assert (mention.text, mention.url, mention.extra, mention.author.handle) == ("", None, {}, "")
    assert (mention.likes, mention.created_at, mention.deleted_at) == (7, made.WRITTEN, runtime.clock.now())
    closed = row_of(runtime, case_id)
    assert (closed.state, closed.version, closed.drafts, closed.reasons, closed.facts) == ("dismissed", 2, [], [], {})
    assert [reply.text for reply in closed.replies] == [""]
    assert actions(runtime) == [("gone", "deleted by its author")]
    assert made.waiting_for(runtime, "judge") == []
    with runtime.db.read() as db:
        (verdict,) = db.scalars(select(tables.Verdict))
        assert (verdict.sentiment, verdict.scores, verdict.reasons) == ("negative", {"negative": 0.9}, [])
        assert db.scalars(select(tables.SetAside)).all() == []
        left = " ".join(str(dict(row)) for table in tables.Row.metadata.sorted_tables for row in _rows(db, table))
        assert "4711" not in left
        assert "@ann" not in left


def _rows(db: Any, table: Any) -> Any:
    return db.execute(select(table)).mappings()


def test_a_reply_that_was_sent_stays_ours_without_what_it_repeats(runtime: Runtime, brand_id: int) -> None:
    (one,) = heard(runtime, post(1, SAID))
    sent = {"sending_at": runtime.clock.now(), "sent_at": runtime.clock.now(), "native_id": "r1"}
    case_id = case(runtime, brand_id, [one], "sent", **sent)
    forget(runtime, one)
    after = row_of(runtime, case_id)
    assert (after.state, after.version) == ("sent", 1)
    (reply,) = after.replies
    assert (reply.text, reply.native_id) == ("Hi …, order … is on its way.", "r1")
    assert actions(runtime) == [("mention_gone", "deleted by its author")]


@pytest.mark.parametrize(
    ("state", "after", "version"),
    [
        ("new", "dismissed", 2),
        ("drafted", "dismissed", 2),
        ("snoozed", "dismissed", 2),
        ("failed", "dismissed", 2),
        ("approved", "dismissed", 2),
        ("sending", "sending", 1),
        ("unsure", "unsure", 1),
        ("answered_by_hand", "answered_by_hand", 1),
    ],
)
def test_open_cases_close_and_what_may_be_on_its_way_is_left_to_whoever_has_it(
    runtime: Runtime, brand_id: int, state: str, after: str, version: int
) -> None:
    (one,) = heard(runtime, post(1, SAID))
    case_id = case(runtime, brand_id, [one], state)
    forget(runtime, one)
    row = row_of(runtime, case_id)
    assert (row.state, row.version) == (after, version)


def test_a_case_goes_on_with_the_mentions_that_are_left(runtime: Runtime, brand_id: int) -> None:
    first, second = heard(runtime, post(1, SAID), post(2, "acme, still nothing"))
    case_id = case(runtime, brand_id, [first, second], "approved")
    forget(runtime, first)
    row = row_of(runtime, case_id)
    assert (row.state, row.mention_id, row.facts) == ("new", second, {"likes": 9})
    assert [reply.text for reply in row.replies] == [""]
    forget(runtime, second)
    assert row_of(runtime, case_id).state == "dismissed"


def test_a_reply_approved_for_another_mention_of_the_case_goes_out_as_it_was_approved(
    runtime: Runtime, brand_id: int
) -> None:
    first, second = heard(runtime, post(1, SAID), post(2, "acme order 4711"))
    case_id = case(runtime, brand_id, [first, second], "approved")
    forget(runtime, second)
    row = row_of(runtime, case_id)
    assert (row.state, row.version, row.replies[0].text) == ("approved", 1, "Hi Ann, order 4711 is on its way.")


def test_an_author_of_whom_something_is_left_keeps_their_name(runtime: Runtime, brand_id: int) -> None:
    first, _ = heard(runtime, post(1), post(2))
    forget(runtime, first)
    assert [row.author.handle for row in made.mentions(runtime)] == ["ann", "ann"]


def test_erasing_an_author_finds_them_by_handle_or_id_on_that_platform(runtime: Runtime, brand_id: int) -> None:
    heard(
        runtime,
        post(1, author="Ann"),
        post(2, author="Ann"),
        post(3, author="bob"),
        post(4, platform="y", author="Ann"),
    )
    with runtime.db.write() as db:
        assert forget_author(db, runtime.clock, "x", "@ann") == 2
        assert forget_author(db, runtime.clock, "x", "id-bob") == 1
        assert forget_author(db, runtime.clock, "x", "nobody") == 0
    rows = made.mentions(runtime)
    assert [(row.text == "", row.author.handle) for row in rows] == [(True, "")] * 3 + [(False, "Ann")]
    again = made.store(runtime, made.source(runtime, name="later"), [post(5, author="Ann")])
    assert again.new == 1


def test_retention_empties_what_is_old_however_much_it_is(runtime: Runtime, brand_id: int) -> None:
    old = [post(number, created_at=made.WRITTEN - timedelta(days=90)) for number in range(600)]
    heard(runtime, *old, post("young"))
    with runtime.db.write() as db:
        assert forget_older_than(db, runtime.clock, made.WRITTEN - timedelta(days=30)) == 600
    assert [row.native_id for row in made.mentions(runtime) if row.text] == ["young"]


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("Hi Ann Lee, thanks.", "Hi …, thanks."),
        ("@ann_l we found order 4711!", "@… we found order …!"),
        ("You wrote “to the wrong town and nobody answers”. Sorry.", "You wrote “…”. Sorry."),
        ("Sorry for the wrong town.", "Sorry for …."),
        ("We are sorry.", "We are sorry."),
        ("", ""),
    ],
)
def test_what_a_reply_repeats_is_taken_out_and_the_rest_stays(reply: str, left: str) -> None:
    assert unquoted(reply, SAID, "ann_l Ann Lee") == left


def test_the_reason_is_kept_in_the_audit(runtime: Runtime, brand_id: int) -> None:
    (one,) = heard(runtime, post(1, SAID))
    case(runtime, brand_id, [one])
    with runtime.db.write() as db:
        forget_author(db, runtime.clock, "x", "ann")
    assert actions(runtime) == [("gone", ERASED)]


def test_that_something_was_forgotten_is_recorded_without_saying_what(
    runtime: Runtime, brand_id: int, clock: HeldClock
) -> None:
    source_id = made.source(runtime, brand_id=brand_id)
    made.store(runtime, source_id, [post(1), post(2), post(3)])
    asked = clock.now()
    clock.advance(60)
    made.store(runtime, source_id, Page(deleted=("1", "2", "77"), deleted_since=asked))
    made.store(runtime, source_id, Page(deleted=("1",)))
    with runtime.db.read() as db:
        (row,) = db.scalars(select(tables.Forgetting))
    assert (row.platform, row.why, row.asked_at, row.done_at, row.mentions) == (
        "x",
        "deleted by its author",
        asked,
        clock.now(),
        2,
    )
