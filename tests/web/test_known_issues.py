"""The pages of known issues, and the click on a case that links it."""

from __future__ import annotations

from sqlalchemy import select

from core.tables import Case, KnownIssue
from tests.web.stories import add_brand, add_case, case_of
from tests.web.visitor import Visitor, words

GIVEN = {"name": "Outage in Leeds", "status": "We expect it back by six.", "url": ""}


def add_issue(visitor: Visitor, **values: str) -> int:
    add_brand(visitor.runtime)
    address = visitor.post("/known-issues/of/hawkweed/new", GIVEN | values).location
    assert address is not None
    return int(address.rsplit("/", 1)[-1])


def test_an_issue_is_made_changed_and_ended(agent: Visitor) -> None:
    assert "None. An outage" in words(agent.get("/known-issues/"))
    issue = add_issue(agent)
    assert "Outage in Leeds Going on Hawkweed · 0 cases" in words(agent.get("/known-issues/"))
    agent.post(f"/known-issues/{issue}", GIVEN | {"status": "Back at seven."})
    assert "Back at seven." in agent.get(f"/known-issues/{issue}").text
    agent.post(f"/known-issues/{issue}/end")
    assert "Outage in Leeds Ended" in words(agent.get("/known-issues/"))
    assert agent.post(f"/known-issues/{issue}/end").status_code == 409


def test_what_is_wrong_is_named_and_what_was_typed_stays(agent: Visitor) -> None:
    add_brand(agent.runtime)
    answer = agent.post("/known-issues/of/hawkweed/new", GIVEN | {"status": "at {date} <b>"})
    assert answer.status_code == 422
    assert "{date} has to be filled in" in words(answer)
    assert "at {date} &lt;b&gt;" in answer.text
    answer = agent.post("/known-issues/of/hawkweed/new", GIVEN | {"url": "javascript:alert(1)"})
    assert '<a href="#url">' in answer.text


def test_the_guards_warnings_are_shown(agent: Visitor) -> None:
    issue = add_issue(agent, status="We will refund you £50.")
    assert "offers money in public" in words(agent.get(f"/known-issues/{issue}"))


def test_one_click_on_a_case_links_it_and_its_draft_quotes_the_status(agent: Visitor) -> None:
    one = add_case(agent.runtime, drafts=("Sorry! {status}",))
    issue = add_issue(agent)
    page = agent.get(f"/cases/{one}")
    assert "Same issue: Outage in Leeds" in words(page)
    assert "to fill in: {status}" in words(page)
    answer = agent.post(f"/known-issues/case/{one}", {"issue": str(issue), "next": f"/cases/{one}?state=todo"})
    assert answer.location == f"/cases/{one}?state=todo"
    assert "Sorry! We expect it back by six." in words(agent.get(f"/cases/{one}"))
    assert "linked it to a known issue" in words(agent.get(f"/cases/{one}"))
    agent.post(f"/known-issues/case/{one}")
    assert case_of(agent.runtime, one).known_issue_id is None


def test_cases_are_linked_by_a_query(agent: Visitor) -> None:
    one = add_case(agent.runtime, "no network in leeds")
    add_case(agent.runtime, "my zip broke")
    issue = add_issue(agent)
    agent.post(f"/known-issues/{issue}/link", {"query": "network"})
    with agent.runtime.db.read() as db:
        assert db.scalars(select(Case.id).where(Case.known_issue_id == issue)).all() == [one]
    assert "no network in leeds" in words(agent.get(f"/known-issues/{issue}"))
    answer = agent.post(f"/known-issues/{issue}/link", {"query": "(network"})
    assert answer.status_code == 422
    assert 'value="(network"' in answer.text
    assert "No other open case fits" in words(
        agent.client.get(agent.post(f"/known-issues/{issue}/link").location or "")
    )


def test_an_issue_of_another_brand_links_nothing(agent: Visitor) -> None:
    one = add_case(agent.runtime, brand="Other")
    assert agent.post(f"/known-issues/case/{one}", {"issue": str(add_issue(agent))}).status_code == 404


def test_who_only_looks_may_not_change(agent: Visitor, manager: Visitor) -> None:
    issue = add_issue(agent)
    assert "We expect it back by six." in manager.get(f"/known-issues/{issue}").text
    assert manager.post(f"/known-issues/{issue}/end").status_code == 403
    with agent.runtime.db.read() as db:
        assert db.scalars(select(KnownIssue.ended_at)).one() is None
