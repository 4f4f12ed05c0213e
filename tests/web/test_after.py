"""On a case: how much time is left, what we answered, and how its author sounds since."""

from __future__ import annotations

from datetime import timedelta

from core.clock import HeldClock
from tests.web.stories import add_case
from tests.web.visitor import Visitor, words


def test_the_time_that_is_left_is_said_in_words_and_by_a_level(agent: Visitor, clock: HeldClock) -> None:
    one = add_case(agent.runtime, warn_at=clock.now() - timedelta(minutes=1))
    page = agent.get(f"/cases/{one}?state=done")
    assert "New due in 30 min" in words(page)
    assert 'data-level="soon"' in page.text
    clock.advance(3600)
    page = agent.get(f"/cases/{one}?state=done")
    assert "New 30 min overdue" in words(page)
    assert 'data-level="late"' in page.text


def test_after_the_first_reply_the_solution_is_what_is_due(agent: Visitor, clock: HeldClock) -> None:
    now = clock.now()
    one = add_case(agent.runtime, first_reply_at=now, resolve_due_at=now + timedelta(hours=4))
    assert "New Solution due in 4 h" in words(agent.get(f"/cases/{one}?state=done"))


def test_nothing_is_due_once_it_is_done(agent: Visitor, clock: HeldClock) -> None:
    one = add_case(agent.runtime, state="dismissed", resolve_due_at=clock.now() + timedelta(hours=4))
    assert "due in" not in words(agent.get(f"/cases/{one}?state=snoozed"))


def test_a_case_that_came_back_shows_what_we_said_and_how_the_author_sounds(agent: Visitor, clock: HeldClock) -> None:
    now = clock.now()
    one = add_case(
        agent.runtime,
        kind="complaint",
        outcome="worse",
        outcome_at=now,
        reply={"sent_at": now - timedelta(hours=2), "text": "We are looking for it."},
    )
    page = words(agent.get(f"/cases/{one}"))
    assert "We answered We are looking for it. 2 h ago" in page
    assert "Sounds worse than before our reply. just now" in page


def test_a_recovered_complaint_and_a_planned_question_are_told(agent: Visitor, clock: HeldClock) -> None:
    sent = {"sent_at": clock.now()}
    well = add_case(agent.runtime, kind="complaint", state="sent", reply=sent, outcome="better", outcome_at=clock.now())
    assert "Sounds better than before our reply: recovered." in words(agent.get(f"/cases/{well}"))
    silent = add_case(agent.runtime, state="sent", reply=sent, follow_up_at=clock.now() + timedelta(days=3))
    page = words(agent.get(f"/cases/{silent}"))
    assert "asking whether all is well is proposed at 23 Nov 2026, 13:00 CET" in page
    unread = add_case(agent.runtime, state="sent", reply=sent, outcome_at=clock.now())
    assert "how it sounds could not be judged" in words(agent.get(f"/cases/{unread}"))
