"""Known issues: cases are linked, drafts quote the status, the end brings the open ones back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from core.clock import HeldClock
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Audit, Case, Copy, Draft, KnownIssue
from listener.query import QuerySyntaxError
from responder.desk import cases
from responder.drafts import playbook
from responder.incidents import known_issues
from tests.responder.stories import add_brand, add_case, add_user, case


def add_issue(runtime: Runtime, brand_id: int, status: str = "We expect it back by six.") -> KnownIssue:
    with runtime.db.write() as db:
        return known_issues.save(db, runtime.clock, brand_id, "Outage in Leeds", status, None)


def add_entries(runtime: Runtime, brand_id: int) -> None:
    with runtime.db.write() as db:
        for name, text in (("known-issue", "Sorry, {name}! {status}"), ("issue-ended", "All well again, {name}.")):
            playbook.save(db, runtime.clock, brand_id, name=name, text=text, tags=[name])


def drafts(runtime: Runtime, case_id: int) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Draft.text).where(Draft.case_id == case_id)))


def link(runtime: Runtime, issue: KnownIssue, *case_ids: int) -> int:
    with runtime.db.write() as db:
        row = db.get_one(KnownIssue, issue.id)
        return known_issues.link(db, runtime.clock, row, case_ids, None)


def test_a_linked_case_gets_a_draft_that_quotes_the_status_as_it_stands(runtime: Runtime) -> None:
    one = add_case(runtime, author="ann")
    add_entries(runtime, one.brand_id)
    issue = add_issue(runtime, one.brand_id)
    assert link(runtime, issue, one.id) == 1
    assert link(runtime, issue, one.id) == 0
    assert drafts(runtime, one.id) == ["Sorry, Ann! {status}"]
    with runtime.db.write() as db:
        known_issues.save(
            db, runtime.clock, one.brand_id, issue.name, "It is back.", None, db.get_one(KnownIssue, issue.id)
        )
    with runtime.db.read() as db:
        assert known_issues.status_of(db, db.get_one(Case, one.id)) == "It is back."
        row = db.scalars(select(Audit).order_by(Audit.id.desc())).first()
        assert row is not None
        assert (row.action, row.detail) == ("link_issue", {"issue": issue.id})


def test_its_end_brings_open_cases_back_and_leaves_the_others(runtime: Runtime, clock: HeldClock) -> None:
    ana = add_user(runtime)
    new, asleep, done = add_case(runtime, author="ann"), add_case(runtime, author="ben"), add_case(runtime)
    add_entries(runtime, new.brand_id)
    with runtime.db.write() as db:
        cases.snooze(db, clock, asleep.id, asleep.version, ana, clock.now() + timedelta(days=3))
        cases.dismiss(db, clock, done.id, done.version, ana, "spam")
    issue = add_issue(runtime, new.brand_id)
    link(runtime, issue, new.id, asleep.id, done.id)
    with runtime.db.write() as db:
        assert known_issues.end(db, clock, db.get_one(KnownIssue, issue.id), ana) == 2
    assert [case(runtime, one.id).state for one in (new, asleep, done)] == ["new", "new", "dismissed"]
    assert case(runtime, asleep.id).snoozed_until is None
    assert drafts(runtime, asleep.id) == ["All well again, Ben."]
    assert drafts(runtime, done.id) == []
    with pytest.raises(BadInput, match="ended already"), runtime.db.write() as db:
        known_issues.end(db, clock, db.get_one(KnownIssue, issue.id), ana)


def test_taking_a_case_off_takes_the_draft_along(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one, ana = sqlite_runtime, add_case(sqlite_runtime), add_user(sqlite_runtime)
    add_entries(runtime, one.brand_id)
    link(runtime, add_issue(runtime, one.brand_id), one.id)
    with runtime.db.write() as db:
        known_issues.unlink(db, clock, one.id, ana)
    assert drafts(runtime, one.id) == []
    assert case(runtime, one.id).known_issue_id is None


def test_cases_are_found_by_a_query_and_by_nearly_the_same_words(runtime: Runtime) -> None:
    first = add_case(runtime, "no network in leeds")
    same, other = add_case(runtime, "No network in Leeds!"), add_case(runtime, "my zip broke")
    elsewhere = add_case(runtime, "no network in leeds", brand="other")
    issue = add_issue(runtime, first.brand_id)
    link(runtime, issue, first.id)
    with runtime.db.write() as db:
        db.add(Copy(mention_id=same.mention_id, first_id=first.mention_id))
        db.add(Copy(mention_id=elsewhere.mention_id, first_id=first.mention_id))
    with runtime.db.read() as db:
        row = db.get_one(KnownIssue, issue.id)
        assert known_issues.alike(db, row) == [same.id]
        assert known_issues.matching(db, row, "zip OR network") == [same.id, other.id]
        with pytest.raises(QuerySyntaxError):
            known_issues.matching(db, row, "(zip")


def test_another_brands_case_is_not_linked(sqlite_runtime: Runtime) -> None:
    one, other = add_case(sqlite_runtime), add_case(sqlite_runtime, brand="other")
    assert link(sqlite_runtime, add_issue(sqlite_runtime, one.brand_id), other.id) == 0
    assert case(sqlite_runtime, other.id).known_issue_id is None


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("", "x", "name: give it a name"),
        ("Outage", "back at {date}", "status: {date} has to be filled in"),
        ("Outage", "back \u202e soon", "status: an invisible character"),
    ],
)
def test_a_status_passes_the_guard(sqlite_runtime: Runtime, name: str, status: str, told: str) -> None:
    brand = add_brand(sqlite_runtime)
    with pytest.raises(BadInput, match=told), sqlite_runtime.db.write() as db:
        known_issues.save(db, sqlite_runtime.clock, brand, name, status, None)


def test_what_the_guard_only_warns_of_may_be_said() -> None:
    assert {finding.kind for finding in known_issues.check("We will refund you £50")} == {"money"}


def test_without_a_word_of_the_playbook_there_is_no_draft_and_none_where_we_may_not_answer(
    sqlite_runtime: Runtime,
) -> None:
    one = add_case(sqlite_runtime)
    issue = add_issue(sqlite_runtime, one.brand_id)
    link(sqlite_runtime, issue, one.id)
    assert drafts(sqlite_runtime, one.id) == []
    add_entries(sqlite_runtime, one.brand_id)
    two = add_case(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        db.execute(update(Case).where(Case.id == two.id).values(permission="no"))
    link(sqlite_runtime, issue, two.id)
    assert drafts(sqlite_runtime, two.id) == []
