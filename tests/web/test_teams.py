"""The desk's people on the pages: teams and their queues, Next, notes and tags, being told."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from core import roles
from core.tables import NO_ROLE, Brand, Case, Team, User
from tests.web.stories import add_brand, add_case, add_user, case_of
from tests.web.visitor import Visitor, words


def _add_team(admin: Visitor, *members: int, **values: str) -> int:
    form = {"name": "Parcels", "text": "", "assign": "hand", "member": [str(one) for one in members]} | values
    assert admin.post("/teams/new/hawkweed", form).status_code == 302
    with admin.runtime.db.read() as db:
        return db.scalars(select(Team.id).order_by(Team.id.desc())).first() or 0


def test_a_team_is_made_shown_changed_and_removed(admin: Visitor) -> None:
    add_brand(admin.runtime)
    bo = add_user(admin.runtime, "Bo")
    team = _add_team(admin, bo, text="parcel OR <b>", assign="load")
    page = admin.get("/teams/")
    assert "Parcels" in words(page)
    assert "Whoever has the fewest open ones · Bo" in words(page)
    assert "<b>" not in page.text
    assert admin.post(f"/teams/{team}", {"name": "Post", "text": "", "assign": "hand"}).status_code == 302
    assert "nobody in it yet" in words(admin.get("/teams/"))
    case_id = add_case(admin.runtime, team_id=team, owner_id=bo)
    assert admin.post(f"/teams/{team}/remove").status_code == 302
    row = case_of(admin.runtime, case_id)
    assert (row.team_id, row.owner_id) == (None, bo)


def test_what_is_wrong_with_a_team_is_said_and_nothing_typed_is_lost(admin: Visitor) -> None:
    add_brand(admin.runtime)
    bo, mia = add_user(admin.runtime, "Bo"), add_user(admin.runtime, "Mia", "manager")
    _add_team(admin)
    typed = {"name": "Parcels", "text": "late AND (", "assign": "luck", "member": [str(bo), str(mia), "x"]}
    answer = admin.post("/teams/new/hawkweed", typed)
    assert answer.status_code == 422
    for said in ("a team of that name already", "Choose how cases find their people", "late AND ("):
        assert said in words(answer)
    assert f'value="{bo}" checked' in answer.text
    assert "Mia" not in answer.text


def test_a_teams_query_is_shown_at_work_before_it_is_saved(admin: Visitor) -> None:
    add_case(admin.runtime, "my parcel is late")
    page = admin.post("/teams/new/hawkweed", {"name": "x", "text": "parcel", "assign": "hand", "preview": "1"})
    assert "matches 1" in words(page)
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Team)).all() == []


def test_queues_of_the_inbox(admin: Visitor) -> None:
    add_brand(admin.runtime)
    team = _add_team(admin)
    add_case(admin.runtime, "in the queue", team_id=team)
    add_case(admin.runtime, "my own", owner_id=admin.user_id)
    named = add_case(admin.runtime, "of interest", owner_id=add_user(admin.runtime, "Bo"))
    other = Visitor(admin.client.application, admin.runtime).sign_in("agent", "Cy")
    other.post(f"/cases/{named}/notes", {"text": "what do you think, @ada?"})
    other.post(f"/cases/{named}/tags", {"tag": "Odd One"})
    for filters, shown in (
        (f"team={team}", {"in the queue"}),
        ("unowned=1", {"in the queue"}),
        ("mine=1", {"my own"}),
        ("named=1", {"of interest"}),
        ("tag=odd+one", {"of interest"}),
        ("", {"in the queue", "my own", "of interest"}),
    ):
        page = words(admin.get(f"/?{filters}"))
        assert {text for text in ("in the queue", "my own", "of interest") if text in page} == shown, filters
    assert "Team: Parcels" in words(admin.get("/"))


def test_next_opens_the_most_pressing_case_and_says_when_there_is_none(agent: Visitor) -> None:
    add_case(agent.runtime, priority=10)
    pressing = add_case(agent.runtime, priority=90)
    assert agent.post("/next").location == f"/cases/{pressing}"
    assert case_of(agent.runtime, pressing).owner_id == agent.user_id
    agent.post("/next")
    assert agent.post("/next").location == "/"
    assert "Nothing waits that is yours to take" in words(agent.get("/account"))


def test_a_note_is_read_by_colleagues_as_it_was_written(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    text = "<script>alert(1)</script> ask @Bo"
    assert agent.post(f"/cases/{case_id}/notes", {"text": text}).status_code == 302
    page = bo.get(f"/cases/{case_id}")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "wrote a note" in words(page)
    assert '<span class="count">1' in bo.get("/account").text
    assert "Ana named you in a note" in words(bo.get("/notifications/"))
    assert '<span class="count">1' not in bo.get("/account").text
    assert bo.post(f"/cases/{case_id}/notes/1/remove").status_code == 403
    agent.post(f"/cases/{case_id}/notes/1/remove")
    assert "alert(1)" not in bo.get(f"/cases/{case_id}").text


def test_a_notification_of_a_brand_that_is_no_longer_ones_own_is_not_shown(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    agent.post(f"/cases/{case_id}/notes", {"text": "@Bo"})
    with agent.runtime.db.write() as db:
        roles.give(db, bo.user_id, db.scalars(select(Brand.id)).one(), NO_ROLE)
    assert "named you" not in words(bo.get("/notifications/"))


def test_tags_are_put_on_and_taken_off(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    agent.post(f"/cases/{case_id}/tags", {"tag": "VIP <b>"})
    page = agent.get(f"/cases/{case_id}")
    assert "vip &lt;b&gt;" in page.text
    assert '<option value="vip &lt;b&gt;">' in page.text
    agent.post(f"/cases/{case_id}/tags/remove", {"tag": "vip <b>"})
    assert "vip &lt;b&gt;" not in agent.get(f"/cases/{case_id}").text
    agent.post(f"/cases/{case_id}/tags", {"tag": " "})
    assert "A tag is one to 40 characters" in words(agent.get(f"/cases/{case_id}"))


def test_a_case_is_handed_over_on_its_page(agent: Visitor) -> None:
    case_id, bo = add_case(agent.runtime, owner_id=agent.user_id), add_user(agent.runtime, "Bo")
    agent.post(f"/cases/{case_id}/hand-over", {"to": f"user-{bo}", "why": "speaks Danish", "version": "1"})
    assert case_of(agent.runtime, case_id).owner_id == bo
    assert "handed it over : speaks Danish" in words(agent.get(f"/cases/{case_id}")).replace("over:", "over :")
    agent.post(f"/cases/{case_id}/hand-over", {"to": "nobody", "why": "x", "version": "2"})
    assert "Choose to whom" in words(agent.get(f"/cases/{case_id}"))


@pytest.mark.parametrize(
    ("away", "said"), [("1", "your teams give you no cases"), ("0", "Your teams may give you cases")]
)
def test_away_is_switched_on_the_account_page(agent: Visitor, away: str, said: str) -> None:
    agent.post("/account/away", {"away": away})
    assert said in words(agent.get("/account"))
    with agent.runtime.db.read() as db:
        assert db.get_one(User, agent.user_id).away is (away == "1")


def test_what_somebody_has_not_touched_is_handed_on(app: Flask, admin: Visitor) -> None:
    add_brand(admin.runtime)
    bo, cy = add_user(admin.runtime, "Bo"), Visitor(app, admin.runtime).sign_in("agent", "Cy")
    team = _add_team(admin, bo, cy.user_id, assign="load")
    case_id = add_case(admin.runtime, owner_id=cy.user_id, team_id=team)
    cy.post("/account/away", {"away": "1"})
    cy.post("/account/hand-on")
    assert case_of(admin.runtime, case_id).owner_id == bo
    assert cy.post(f"/people/{bo}/hand-on").status_code == 403
    admin.post(f"/people/{bo}/hand-on")
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Case.owner_id)).all() == [bo]  # there is nobody else
