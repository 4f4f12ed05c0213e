"""Thousands of cases of an issue that has ended come back in batches, each once, whatever is interrupted."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from core import waiting
from core.clock import HeldClock
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.tables import Audit, Case, KnownIssue
from responder.incidents import ended_issues, known_issues
from responder.incidents.ended_issues import BATCH
from tests.responder.stories import add_brand, add_user, hear, look

MANY = 2 * BATCH + 5


@pytest.fixture
def issue_id(runtime: Runtime) -> int:
    """An issue that so many cases are linked to."""
    brand_id = add_brand(runtime)
    for number in range(MANY):
        hear(runtime, f"my parcel {number} is late", author=f"author{number}")
    while look(runtime):
        pass
    with runtime.db.write() as db:
        issue = known_issues.save(db, runtime.clock, brand_id, "Outage in Leeds", "Back by six.", None)
        assert known_issues.link(db, runtime.clock, issue, list(db.scalars(select(Case.id))), None) == MANY
        return issue.id


def come_back(runtime: Runtime) -> int:
    with runtime.db.read() as db:
        return db.scalar(select(func.count()).where(Audit.action == "issue_ended")) or 0


def test_the_first_come_back_at_once_and_the_others_after_any_interruption_once(
    runtime: Runtime, clock: HeldClock, issue_id: int
) -> None:
    ana = add_user(runtime)
    with runtime.db.write() as db:
        assert known_issues.end(db, clock, db.get_one(KnownIssue, issue_id), ana) == MANY
    assert come_back(runtime) == BATCH
    with runtime.db.write() as db:  # the power fails in the middle of a batch
        assert ended_issues.bring_back(db, clock, db.get_one(KnownIssue, issue_id), ana)
        db.rollback()
    with runtime.db.read() as db:
        assert ended_issues.coming_back(db, db.get_one(KnownIssue, issue_id)) == MANY - BATCH
    run_stage(runtime, STAGES["issue"])
    assert come_back(runtime) == MANY
    with runtime.db.read() as db:
        told = select(Audit.case_id, Audit.user_id).where(Audit.action == "issue_ended")
        rows = db.execute(told).all()
        assert (len({row.case_id for row in rows}), {row.user_id for row in rows}) == (MANY, {ana})
        assert waiting.count(db, "issue") == ended_issues.coming_back(db, db.get_one(KnownIssue, issue_id)) == 0
