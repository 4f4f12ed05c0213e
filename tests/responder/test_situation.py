"""What the guard knows of a case: read on either database, and told of the text that would be sent."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Brand, Case, Draft, Verdict
from responder.checks import guard
from responder.checks.situation import situation_of
from tests.responder.stories import COMPLAINT, UNREAD, add_brand, add_case, add_user, hear, look
from tests.responder.test_past import send


def found(runtime: Runtime, case_id: int, text: str) -> list[tuple[str, str]]:
    with runtime.db.read() as db:
        return [(one.kind, one.phrase) for one in guard.for_case(db, db.get_one(Case, case_id), text)]


def test_another_customers_name_is_found_but_not_ours_or_a_colleagues(runtime: Runtime) -> None:
    add_user(runtime, "Orla")
    add_brand(runtime, own=[("bluesky", "hawkweed.example")])
    add_brand(runtime, "other")
    add_case(runtime, author="zoe")
    add_case(runtime, author="kim", brand="other")
    case = add_case(runtime, author="ann")
    assert found(runtime, case.id, "Sorry, Ann! @ann @hawkweed.example Hello Kim. Orla") == []
    assert found(runtime, case.id, "Sorry, Zoe! Ann, @zoe knows") == [("name", "Zoe"), ("name", "@zoe")]


def test_who_joined_the_case_may_be_named(runtime: Runtime) -> None:
    case = add_case(runtime, author="ann", conversation="thread")
    hear(runtime, "me too", author="ben", conversation="thread", reply_to="post")
    look(runtime)
    add_case(runtime, author="zoe")
    with runtime.db.read() as db:
        known = situation_of(db, db.get_one(Case, case.id)).known
    assert "ann" in known
    assert "zoe" not in known


@pytest.mark.parametrize(
    ("verdict", "complaint", "angry"),
    [
        (COMPLAINT, True, False),
        (COMPLAINT | {"emotions": {"anger": 0.8}}, True, True),
        (COMPLAINT | {"offensive": 0.9}, True, True),
        (UNREAD, False, False),
    ],
)
def test_the_verdict_says_whether_it_is_a_complaint_and_angry(
    runtime: Runtime, verdict: dict[str, Any], complaint: bool, angry: bool
) -> None:
    case = add_case(runtime, "where is it?", verdict=verdict)
    with runtime.db.read() as db:
        situation = situation_of(db, db.get_one(Case, case.id))
    assert (situation.complaint, situation.angry) == (complaint, angry)


def test_joyful_shouting_is_not_anger(runtime: Runtime) -> None:
    case = add_case(runtime, "where is it?")
    with runtime.db.write() as db:
        verdict = db.scalars(select(Verdict)).one()
        verdict.sentiment, verdict.complaint, verdict.emotions = "positive", False, {"anger": 0.9}
    with runtime.db.read() as db:
        assert not situation_of(db, db.get_one(Case, case.id)).angry


def test_our_replies_in_the_thread_are_counted(runtime: Runtime) -> None:
    case = add_case(runtime, author="ann")
    send(runtime, add_case(runtime, author="ben").id, "not here")
    assert found(runtime, case.id, "Sorry, we are on it.") == []
    send(runtime, case.id, "We are on it.")
    assert found(runtime, case.id, "Sorry, we are on it.") == [("turn", "")]


def test_what_the_brand_stops_blocks_and_only_what_may_be(runtime: Runtime) -> None:
    case = add_case(runtime)
    with runtime.db.write() as db:
        db.scalars(select(Brand)).one().guard = {"blocks": ["money", "empty", "nonsense"]}
    with runtime.db.read() as db:
        (one,) = guard.for_case(db, db.get_one(Case, case.id), "Sorry! Have a voucher.")
    assert (one.kind, one.blocks) == ("money", True)


def test_where_a_writer_drafted_its_echoes_are_pointed_out(runtime: Runtime) -> None:
    case = add_case(runtime, "the zip broke on day one")
    text = "Sorry that the zip broke on day one."
    assert found(runtime, case.id, text) == []
    with runtime.db.write() as db:
        db.add(Draft(case_id=case.id, origin="writer", text=text, why="", created_at=runtime.clock.now()))
    assert found(runtime, case.id, text) == [("echo", "the zip broke on day one")]
