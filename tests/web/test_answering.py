"""Answering a case without JavaScript: holding it, taking it over, proposing, sending later, and what others see."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.runtime import Runtime
from core.tables import Audit, Brand, Draft, Reply
from responder.desk.holding import LEASE, PLAIN_LEASE
from tests.web.stories import add_brand, add_case, add_source, case_of
from tests.web.visitor import Visitor, words
from web.app import create_app


def _do(visitor: Visitor, case_id: int, verb: str, **data: object) -> str:
    """Send one of the case's forms as the page shows it now; gives what the next page says."""
    seen = {"version": case_of(visitor.runtime, case_id).version}
    answer = visitor.post(f"/cases/{case_id}/{verb}", seen | data)
    return words(visitor.get(f"/cases/{case_id}") if answer.status_code == 302 else answer)


def test_a_case_is_held_by_a_button_and_others_see_it_at_once(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    assert "You are answering this case." in _do(agent, case_id, "hold")
    assert case_of(agent.runtime, case_id).held_until == agent.runtime.clock.now() + PLAIN_LEASE
    assert "Ana is answering this, since" in words(bo.get(f"/cases/{case_id}"))
    assert f'data-held="{case_id}" title="is answering this">Ana<' in bo.get("/").text
    assert f'<data value="{case_id}" >Ana</data>' in bo.get("/cases/held").text
    assert "Ana is answering this case since" in _do(bo, case_id, "dismiss", why="spam")
    _do(agent, case_id, "leave")
    assert "is answering this" not in words(bo.get(f"/cases/{case_id}"))


def test_a_page_that_stands_open_hears_only_what_is_new(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    assert bo.get(f"/cases/{case_id}/held?shown=1.0&version=1").status_code == 204
    agent.post(f"/cases/{case_id}/hold", {}, HX_Request="true")
    assert case_of(agent.runtime, case_id).held_until == agent.runtime.clock.now() + LEASE
    assert "Ana is answering this, since" in words(bo.get(f"/cases/{case_id}/held?shown=1.0&version=1"))
    _do(agent, case_id, "dismiss", why="spam")
    assert "Ana dismissed it meanwhile." in words(bo.get(f"/cases/{case_id}/held?shown=1.0&version=1"))


def test_taking_over_says_why_and_offers_what_was_typed(app: Flask, agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    bo = Visitor(app, agent.runtime).sign_in("agent", "Bo")
    agent.post(f"/cases/{case_id}/draft", {"text": "Dear Orla"})
    assert "Say why you take the case over" in _do(bo, case_id, "take_over", why="")
    page = _do(bo, case_id, "take_over", why="Ana is ill")
    assert "Bo took it over: Ana is ill" in page
    assert "Ana had typed: just now Dear Orla Use it" in page
    with agent.runtime.db.read() as db:
        draft = db.scalars(select(Draft.id)).one()
    assert "Dear Orla</textarea>" in bo.get(f"/cases/{case_id}?draft={draft}").text


def test_who_saw_a_case_is_kept_once_a_day(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    for hours in (0, 1, 24):
        agent.runtime.clock.advance(hours * 3600)  # type: ignore[attr-defined]
        agent.get(f"/cases/{case_id}")
    with agent.runtime.db.read() as db:
        assert len(db.scalars(select(Audit.id).where(Audit.action == "see")).all()) == 2


def test_a_rule_of_the_brand_makes_an_agent_propose_and_an_approver_decide(runtime: Runtime) -> None:
    app = create_app(runtime)
    agent, ada = Visitor(app, runtime).sign_in("agent"), Visitor(app, runtime).sign_in("approver", "Ada")
    case_id = add_case(runtime)
    with runtime.db.write() as db:
        db.execute(update(Brand).values(approval={"always": True}))
    page = words(agent.get(f"/cases/{case_id}"))
    assert "Needs a second person: every reply of this brand needs a second person. Propose as" in page
    assert "this reply needs a second person" in _do(agent, case_id, "approve", text="Sorry!")
    assert "Ana proposed this just now : every reply" in _do(agent, case_id, "propose", text="Sorry!")
    assert "Waits for approval 1" in words(ada.get("/?state=proposed"))
    waiting = ada.get(f"/cases/{case_id}")
    assert "Sorry!</textarea>" in waiting.text
    assert "Send back" in words(waiting)
    back = _do(ada, case_id, "send_back", why="say when")
    assert "Ada sent the proposed reply back: say when" in back
    _do(agent, case_id, "propose", text="Sorry! Tomorrow.")
    assert "proposed by Ana approved by Ada" in _do(ada, case_id, "approve", text="Sorry! It comes tomorrow.")
    with runtime.db.read() as db:
        assert db.scalars(select(Reply.text)).all() == ["Sorry! It comes tomorrow."]


def test_a_reply_is_sent_later_by_the_brands_clock_moved_and_taken_back(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)  # it is Friday, 13:00 in Berlin
    page = _do(agent, case_id, "approve", text="Sorry!", at="2026-11-21T09:00")
    assert "Goes out on 21 Nov 2026, 09:00 CET" in page
    assert "goes out 21 Nov 2026, 09:00 CET" in words(agent.get("/?state=sending"))
    assert "Goes out on 22 Nov 2026, 10:00 CET" in _do(agent, case_id, "reschedule", at="2026-11-22T10:00")
    assert "a time to come" in _do(agent, case_id, "reschedule", at="2026-11-01T10:00")
    assert "Pick the day" in _do(agent, case_id, "reschedule", at="")
    _do(agent, case_id, "withdraw")
    assert "Sorry!</textarea>" in agent.get(f"/cases/{case_id}").text


def test_an_older_window_does_not_approve_past_a_newer_text(agent: Visitor) -> None:
    case_id = add_case(agent.runtime)
    agent.post(f"/cases/{case_id}/draft", {"text": "Dear Orla, we look", "base": "0"})
    agent.post(f"/cases/{case_id}/draft", {"text": "Hello! Which order is it?", "base": "1"})
    page = _do(agent, case_id, "approve", text="Dear Orla, we look for it", base="1")
    assert "You have typed something else for this case in another window" in page
    assert "had typed in another window: just now Hello! Which order is it?" in page


@pytest.mark.parametrize(
    ("given", "kept", "said"),
    [
        ({}, {}, "No reply needs a second person."),
        (
            {"severity": "high", "kinds": ["money", "weather"], "new_agent": "20", "two": "1"},
            {"severity": "high", "kinds": ["money"], "new_agent": 20, "two": True},
            "those to cases of severity urgent or high, the first 20 of an agent, those that speak of money; nobody",
        ),
    ],
)
def test_a_brand_says_who_needs_a_second_person(
    admin: Visitor, given: dict[str, object], kept: dict[str, object], said: str
) -> None:
    slug = add_brand(admin.runtime)
    assert admin.post(f"/brands/{slug}/approval", given).status_code == 302
    with admin.runtime.db.read() as db:
        assert db.scalars(select(Brand.approval)).one() == kept
    assert said in words(admin.get(f"/brands/{slug}"))
    wrong = admin.post(f"/brands/{slug}/approval", given | {"new_agent": "many"})
    assert wrong.status_code == 422
    assert "Enter a whole number" in words(wrong)


def test_the_counter_goes_by_what_that_server_takes(agent: Visitor) -> None:
    """Mastodon's servers differ: what one said when its connection was tested counts, until then the usual 500."""
    case_id = add_case(agent.runtime, author={"platform": "mastodon"}, source="mastodon")
    form = {"text": "so sorry " * 70}
    usual = agent.post(f"/cases/{case_id}/draft", form, HX_Request="true", HX_Target="div#check")
    assert "630 / 500" in words(usual)
    assert "Mastodon takes 500" in words(usual)
    add_source(agent.runtime, "mastodon", "our own server", longest=3000, active=True)
    assert "630 / 3000" in words(agent.get(f"/cases/{case_id}"))
    add_source(agent.runtime, "mastodon", longest=600)
    assert "Mastodon takes 600" in words(agent.get(f"/cases/{case_id}"))
