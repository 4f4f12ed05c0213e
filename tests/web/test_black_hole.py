"""Complaints that nobody sees to stand on one list that nobody can narrow, and every page counts the late ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core.clock import HeldClock
from core.roles import EVERYTHING, Rights
from core.runtime import Runtime
from core.setaside import set_aside
from core.tables import Case, Membership, Mention, User
from tests.web.stories import add_case, add_user, case_of
from tests.web.visitor import Visitor, words
from web.queries import black_hole

LATE: dict[str, Any] = {"minutes_ago": 90, "kind": "complaint"}


def give(runtime: Runtime, case_id: int, **values: Any) -> None:
    with runtime.db.write() as db:
        db.execute(update(Case).where(Case.id == case_id).values(**values))


def found(runtime: Runtime, clock: HeldClock, rights: Rights = EVERYTHING) -> dict[int, str]:
    with runtime.db.read() as db:
        return {one.id: one.why for one in black_hole.listed(db, rights, clock.now())}


def late(runtime: Runtime, clock: HeldClock, rights: Rights = EVERYTHING) -> int:
    with runtime.db.read() as db:
        return black_hole.late(db, rights, clock.now())


def test_what_lies_with_nobody_is_here_until_somebody_takes_it(runtime: Runtime, clock: HeldClock) -> None:
    one = add_case(runtime, **LATE)
    drafted = add_case(runtime, kind="other", state="drafted")
    add_case(runtime, kind="praise")
    add_case(runtime, kind="complaint", state="dismissed")
    add_case(runtime, kind="complaint", state="sent")
    asked = add_case(runtime, kind="complaint", state="drafted", first_reply_at=clock.now())
    assert found(runtime, clock) == {one: "nobody", drafted: "nobody"}
    assert late(runtime, clock) == 1
    ana = add_user(runtime)
    give(runtime, one, owner_id=ana, claimed_at=clock.now())
    give(runtime, drafted, held_until=clock.now() + timedelta(minutes=1))
    assert found(runtime, clock) == {}
    assert case_of(runtime, asked).state == "drafted"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"state": "snoozed", "snoozed_until": None}, "snoozed"),
        ({"state": "snoozed", "days": 8}, "snoozed"),
        ({"state": "snoozed", "days": 1}, None),
        ({"state": "failed"}, "trouble"),
        ({"state": "unsure"}, "trouble"),
        ({"state": "proposed"}, "unapproved"),
    ],
)
def test_what_is_put_out_of_sight_is_here(
    runtime: Runtime, clock: HeldClock, values: dict[str, Any], why: str | None
) -> None:
    case = {name: value for name, value in values.items() if name != "days"}
    if "days" in values:
        case["snoozed_until"] = clock.now() + timedelta(days=values["days"])
    one = add_case(runtime, **LATE | case)
    assert found(runtime, clock) == ({one: why} if why else {})


def test_whose_owner_is_away_or_lets_it_lie_is_here(runtime: Runtime, clock: HeldClock) -> None:
    off, gone, slow, ana = (add_user(runtime, name) for name in ("Off", "Gone", "Slow", "Ana"))
    with runtime.db.write() as db:
        db.execute(update(User).where(User.id == off).values(away=True))
        db.execute(update(User).where(User.id == gone).values(active=False))
    yesterday, now = clock.now() - timedelta(hours=25), clock.now()
    first = add_case(runtime, **LATE, owner_id=off, claimed_at=now)
    second = add_case(runtime, **LATE, owner_id=gone, claimed_at=now)
    third = add_case(runtime, **LATE, owner_id=slow, claimed_at=yesterday)
    add_case(runtime, **LATE, owner_id=ana, claimed_at=now)
    seen = add_case(runtime, **LATE, state="failed", owner_id=ana, claimed_at=now)
    assert found(runtime, clock) == {first: "away", second: "away", third: "left"}
    give(runtime, seen, changed_at=now + timedelta(minutes=1))
    assert found(runtime, clock)[seen] == "trouble"


def test_what_could_not_be_made_into_a_case_counts(runtime: Runtime, clock: HeldClock) -> None:
    one = add_case(runtime, state="sent")
    with runtime.db.write() as db:
        mention_id = case_of(runtime, one).mention_id
        set_aside(db, clock, "judge", "mention", mention_id, ValueError("the model is broken"))
    with runtime.db.read() as db:
        assert [row.id for row in black_hole.stuck(db, EVERYTHING)] == [mention_id]
    assert late(runtime, clock) == 1


def test_ages(runtime: Runtime, clock: HeldClock) -> None:
    for minutes in (30, 90, 60 * 30, 60 * 24 * 3, 60 * 24 * 9, 60 * 24 * 90):
        add_case(runtime, kind="complaint", minutes_ago=minutes)
    add_case(runtime, kind="complaint", due_at=None)
    with runtime.db.read() as db:
        ages = black_hole.ages(db, EVERYTHING, clock.now())
    assert list(ages.counts) == [2, 1, 2, 2]
    assert late(runtime, clock) == 5


def test_the_page_and_the_side_bar_show_it_to_everybody_who_may_see_the_brand(
    agent: Visitor, manager: Visitor, sqlite_runtime: Runtime
) -> None:
    one = add_case(sqlite_runtime, "my parcel is late", **LATE)
    for visitor in (agent, manager):
        page = visitor.get("/black-hole/")
        assert f"/cases/{one}" in page.get_data(as_text=True)
        assert "my parcel is late" in words(page)
        assert "Nobody has it" in words(page)
        assert "Black hole 1 older than their target" in words(visitor.get("/playbook/"))
    assert "my parcel is late" in words(agent.get("/black-hole/?brand=other&text=nothing&state=done&mine=1"))
    with sqlite_runtime.db.write() as db:
        brand = case_of(sqlite_runtime, one).brand_id
        db.add(Membership(user_id=agent.user_id, brand_id=brand, role="none"))
    assert "my parcel is late" not in words(agent.get("/black-hole/"))
    assert "older than their target" not in words(agent.get("/playbook/"))


def test_an_empty_list_says_so(agent: Visitor) -> None:
    assert "Everything that may be a complaint is in somebody’s hands" in words(agent.get("/black-hole/"))


def test_no_text_of_a_forgotten_post_is_shown(agent: Visitor, sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one = add_case(sqlite_runtime, "my parcel is late", **LATE)
    with sqlite_runtime.db.write() as db:
        mention_id = case_of(sqlite_runtime, one).mention_id
        set_aside(db, clock, "judge", "mention", mention_id, ValueError("broken"))
        post = db.scalars(select(Mention).where(Mention.id == mention_id)).one()
        post.text, post.deleted_at = "", clock.now()
    assert "Could not be made into cases" not in words(agent.get("/black-hole/"))
