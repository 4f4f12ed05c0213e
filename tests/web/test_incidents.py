"""The pages of incidents: the list, one of them with all that people do to it, and what is learned of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Case, Incident, KnownIssue
from responder.desk import cases
from tests.responder.ripples import add_cases, add_incident, homes, incident, lines
from tests.responder.stories import add_case, add_user, case
from tests.web.visitor import Visitor, words


@pytest.fixture
def approver(app: Flask, sqlite_runtime: Runtime) -> Visitor:
    return Visitor(app, sqlite_runtime).sign_in("approver", "Bo")


def act(visitor: Visitor, incident_id: int, verb: str, **fields: object) -> str:
    """Send one form of the incident as it stands; gives what the page says then."""
    version = incident(visitor.runtime, incident_id).version
    answer = visitor.post(f"/incidents/{incident_id}/{verb}", {"version": version} | fields)
    assert answer.status_code in (302, 409, 422), answer.status_code
    return words(visitor.get(answer.location) if answer.location else answer)


def test_open_ones_are_listed_by_severity_and_speed_with_who_has_them(agent: Visitor, clock: HeldClock) -> None:
    runtime = agent.runtime
    assert "None is open" in words(agent.get("/incidents/"))
    slow = add_incident(runtime, add_cases(runtime, 1, "my voucher fails"), "Vouchers")
    fast = add_incident(runtime, add_cases(runtime, 3), "Cards")
    add_incident(runtime, add_cases(runtime, 2, "late again"), "Late")
    page = words(agent.get("/incidents/"))
    assert page.index("Cards") < page.index("Late") < page.index("Vouchers")
    assert "3 complaints from 3 people" in page
    assert "Nobody has it" in page
    act(agent, slow, "raise_severity", severity="urgent")
    page = words(agent.get("/incidents/"))
    assert page.index("Vouchers") < page.index("Cards")
    assert "Incidents 3 open, some of them urgent and nobody’s" in page
    act(agent, slow, "take")
    act(agent, fast, "snooze", **{"for": "four"})
    page = words(agent.get("/incidents/"))
    assert "with Ana" in page
    assert page.index("Late") < page.index("Cards Snoozed")
    assert "Incidents 2 open" in page


def test_one_shows_its_posts_its_cases_its_curve_and_its_timeline(agent: Visitor, clock: HeldClock) -> None:
    runtime, made = agent.runtime, add_cases(agent.runtime)
    loud = add_case(runtime, "checkout <b>broken</b>", followers=90_000, reposts=40, author="zoe")
    one = add_incident(runtime, [*made, loud], "Cards")
    answer = agent.get(f"/incidents/{one}")
    page = words(answer)
    assert page.index("checkout <b>broken</b>") < page.index("checkout refuses my card")
    assert "&lt;b&gt;broken" in answer.text
    assert "Cases 4" in page
    assert "Mentions 4" in page
    assert "Noticed: 4 complaints from 4 people" in page
    assert "Complaints per 10 minutes, at most 3" in page
    assert re.search(r"1 noticed .*12:00", page)
    assert "Incident 1 × : remove this filter" in words(agent.get(f"/?incident={one}"))
    other = add_case(runtime, "my zip broke")
    assert f'"/cases/{other.id}?' not in agent.get(f"/?incident={one}").text
    assert f'"/cases/{loud.id}?' in agent.get(f"/?incident={one}").text
    assert "Part of Cards" in words(agent.get(f"/cases/{loud.id}"))


def test_what_people_do_is_said_and_stands_on_the_timeline(agent: Visitor) -> None:
    runtime = agent.runtime
    one = add_incident(runtime, add_cases(runtime), "Cards")
    assert "This incident is yours." in act(agent, one, "take")
    assert "It is called “Card trouble” now." in act(agent, one, "rename", name="Card trouble")
    assert "It is urgent now." in act(agent, one, "raise_severity", severity="urgent")
    assert "Ana : The bank is slow & we wait" in act(agent, one, "say", words="The bank is slow & we wait")
    assert "Nobody has it now." in act(agent, one, "give_up")
    assert "Ana has it now." in act(agent, one, "give", owner=agent.user_id)
    assert "It is awake." in act(agent, one, "wake")


def test_who_was_slower_reads_who_was_faster_and_loses_no_text(agent: Visitor, approver: Visitor) -> None:
    one = add_incident(agent.runtime, add_cases(agent.runtime), "Cards")
    version = incident(agent.runtime, one).version
    act(approver, one, "take")
    answer = agent.post(f"/incidents/{one}/set_status", {"version": version, "status": "Back by <six>."})
    assert answer.status_code == 409
    assert "Bo took it at 12:00 UTC; it is open. Look again before you decide." in words(answer)
    assert "Back by &lt;six&gt;." in answer.text


def test_what_cannot_be_used_is_named_and_what_was_typed_stays(agent: Visitor) -> None:
    one = add_incident(agent.runtime, add_cases(agent.runtime), "Cards")
    answer = agent.post(
        f"/incidents/{one}/set_holding", {"version": incident(agent.runtime, one).version, "holding": "Hi {nmae}"}
    )
    assert answer.status_code == 422
    assert "No placeholder is called {nmae}" in words(answer)
    assert "Hi {nmae}</textarea>" in answer.text
    assert "Pick a day and a time" in act(agent, one, "snooze", **{"for": "picked", "until": "soon"})


def test_the_holding_reply_is_approved_case_by_case(agent: Visitor, clock: HeldClock) -> None:
    runtime, made = agent.runtime, add_cases(agent.runtime, 4)
    one = add_incident(runtime, made, "Cards")
    by_hand, held = made[2], made[3]
    ben = add_user(runtime, "Ben")
    with runtime.db.write() as db:
        row, other = db.get_one(Case, by_hand.id), db.get_one(Case, held.id)
        row.permission, row.permission_why = "hand", "there is no reply API"
        other.holder_id, other.held_until = ben, clock.now() + timedelta(minutes=5)
    page = act(agent, one, "set_holding", holding="Sorry {name}, we are looking into it. {agent}")
    assert "Sorry Author" in page
    assert "we are looking into it. Ana" in page
    assert "Not from here: answer by hand: there is no reply API" in page
    assert "Not from here: Ben is answering it" in page
    text = agent.get(f"/incidents/{one}/holding?tick=clean").text
    signs = re.findall(r'name="case" value="([^"]+)" checked', text)
    assert {sign.split(".")[0] for sign in signs} == {str(made[0].id), str(made[1].id)}
    with runtime.db.write() as db:
        cases.claim(db, clock, made[1].id, made[1].version, agent.user_id)
    answer = words(agent.post(f"/incidents/{one}/holding/approve", {"case": [*signs, "x", "99.1.a"]}))
    assert "1 approved." in answer
    assert f"case {made[1].id} : the case or the text has changed since you looked" in answer
    assert [case(runtime, each.id).state for each in made[:2]] == ["approved", "new"]
    assert "post" in runtime.queue.nudged  # type: ignore[attr-defined]
    assert "Tick the cases" in words(agent.get(agent.post(f"/incidents/{one}/holding/approve").location or ""))


def test_where_a_second_person_is_needed_it_is_proposed(agent: Visitor) -> None:
    runtime = agent.runtime
    made = add_cases(runtime, 1)
    with runtime.db.write() as db:
        db.get_one(Case, made[0].id).brand.approval = {"incident": True}
    one = add_incident(runtime, made, "Cards")
    assert "It is proposed to a second person: it belongs to an incident." in act(
        agent, one, "set_holding", holding="Sorry!"
    )
    signs = re.findall(r'name="case" value="([^"]+)"', agent.get(f"/incidents/{one}/holding").text)
    answer = words(agent.post(f"/incidents/{one}/holding/approve", {"case": signs}))
    assert "0 approved, 1 proposed to a second person." in answer
    assert case(runtime, made[0].id).state == "proposed"


def test_mentions_are_taken_out_split_off_and_put_in_from_their_case(agent: Visitor) -> None:
    runtime, made = agent.runtime, add_cases(agent.runtime, 4)
    one = add_incident(runtime, made, "Cards")
    assert "Taken out." in act(agent, one, "take_out", mention=[made[0].mention_id])
    assert "Split." in act(agent, one, "split", mention=[made[1].mention_id], name="Vouchers")
    with runtime.db.read() as db:
        new = db.scalars(select(Incident.id).where(Incident.name == "Vouchers")).one()
    assert homes(runtime, made) == [None, new, one, one]
    page = words(agent.get(f"/cases/{made[0].id}"))
    assert "Part of an incident Vouchers Cards" in page
    agent.post(f"/incidents/case/{made[0].id}", {"incident": new})
    assert homes(runtime, made) == [new, new, one, one]
    agent.post(f"/incidents/case/{made[0].id}")
    assert homes(runtime, made) == [None, new, one, one]
    assert "Tick at least one mention" in act(agent, one, "take_out")


def test_only_who_may_merges_dismisses_and_ends(agent: Visitor, approver: Visitor, manager: Visitor) -> None:
    runtime, made = agent.runtime, add_cases(agent.runtime, 4)
    one, two, three = (add_incident(runtime, made[at : at + 1], f"Part {at}") for at in range(3))
    for verb in ("merge", "dismiss", "end"):
        assert agent.post(f"/incidents/{one}/{verb}", {"version": 1}).status_code == 403
    assert "Declare it over" not in words(agent.get(f"/incidents/{one}"))
    assert "Take it" not in words(manager.get(f"/incidents/{one}"))
    assert manager.post(f"/incidents/{one}/take", {"version": 1}).status_code == 403
    assert "Merged into “Part 1”." in act(approver, one, "merge", other=two)
    assert "Merged into Part 1 , where it goes on." in words(agent.get(f"/incidents/{one}"))
    assert "Merged into it: Part 0" in words(agent.get(f"/incidents/{two}"))
    assert "Dismissed." in act(approver, three, "dismiss", why="not ours")
    assert "Part 2" in words(agent.get("/incidents/?state=dismissed"))
    assert "It is open again." in act(approver, three, "reopen")
    assert lines(runtime, three)[-1] == "Bo opened it again"


def test_its_end_is_declared_and_what_can_be_learned_is_kept(approver: Visitor, clock: HeldClock) -> None:
    runtime, made = approver.runtime, add_cases(approver.runtime)
    one = add_incident(runtime, made, "Cards | *all*")
    act(approver, one, "set_status", status="We are on it.")
    clock.advance(600)
    act(approver, one, "take")
    clock.advance(600)
    with runtime.db.write() as db:
        row = db.get_one(Case, made[0].id)
        cases.answer_by_hand(db, clock, row.id, row.version, approver.user_id, "Sorry!")
        row.outcome = "better"
    clock.advance(3600)
    assert "What ended it?" in words(approver.get(f"/incidents/{one}"))
    page = act(approver, one, "end", why="The bank is back")
    assert "Looking back" in page
    assert "Why it was declared over: The bank is back" in page
    assert "10 min after we knew" in page
    assert "20 min after we knew" in page
    assert "Cases answered 1" in page
    assert "Customers recovered: kinder after our reply 1" in page
    with runtime.db.read() as db:
        assert db.scalars(select(KnownIssue.ended_at)).one() == clock.now()
    note = approver.get(f"/incidents/{one}/after.md")
    assert note.text.startswith("# Cards \\| \\*all\\* (Hawkweed")
    assert "| Somebody took it | 2026-11-20 12:10 | 10 min after we knew |" in note.text
    assert note.headers["Content-Disposition"] == f'attachment; filename="incident-{one}.md"'
    sheet = approver.get(f"/incidents/{one}/after.csv").text
    assert "Somebody took it,2026-11-20T12:10:00+00:00,600,after we knew," in sheet
    for text in (note.text, sheet, page):
        assert "refuses my card" not in text
