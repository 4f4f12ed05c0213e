"""A second person: an agent proposes, who may approve edits and sends in one step or sends back; nobody slips by."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from core.clock import HeldClock
from core.errors import BadInput, Forbidden
from core.runtime import Runtime
from core.tables import Audit, Brand, Draft, Membership, Notification, Reply
from responder.desk import cases
from responder.outbox import approving
from tests.responder.stories import add_case, add_user, case


def rule(runtime: Runtime, **approval: Any) -> None:
    with runtime.db.write() as db:
        db.execute(update(Brand).values(approval=approval))


def notes(runtime: Runtime) -> list[tuple[int, str, str]]:
    with runtime.db.read() as db:
        return [
            (row.user_id, row.kind, row.words) for row in db.scalars(select(Notification).order_by(Notification.id))
        ]


def test_an_agent_proposes_and_an_approver_edits_and_sends_in_one_step(runtime: Runtime, clock: HeldClock) -> None:
    one, ana, ada = add_case(runtime), add_user(runtime, "Ana"), add_user(runtime, "Ada", "approver")
    rule(runtime, always=True)
    with pytest.raises(Forbidden, match="needs a second person: every reply"), runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
    with runtime.db.write() as db:
        waits = approving.propose(db, clock, one.id, one.version, ana, "Sorry!")
        assert (waits.state, waits.proposed_by, waits.holder_id) == ("proposed", ana, None)
        assert waits.proposed_why == ["every reply of this brand needs a second person"]
    with pytest.raises(Forbidden, match="needs a second person"), runtime.db.write() as db:
        cases.approve(db, clock, one.id, waits.version, add_user(runtime, "Bo"), "Sorry!")
    with runtime.db.write() as db:
        reply = cases.approve(db, clock, one.id, waits.version, ada, "Sorry, Ann!")
    assert (reply.text, reply.proposed_by, reply.approved_by) == ("Sorry, Ann!", ana, ada)
    after = case(runtime, one.id)
    assert (after.state, after.proposed_by, after.proposed_why) == ("approved", None, [])
    assert notes(runtime) == [
        (ada, "propose", "Ana proposed a reply: every reply of this brand needs a second person"),
        (ana, "approved", "Ada approved your reply"),
    ]
    with runtime.db.read() as db:
        assert set(db.scalars(select(Draft.text).where(Draft.user_id == ana))) == {"Sorry!"}
        details = {row.action: row.detail for row in db.scalars(select(Audit).where(Audit.case_id == one.id))}
        assert details["approve"]["bytes"] == len("Sorry, Ann!")
        assert "Sorry" not in str(details)


def test_sent_back_with_a_reason_the_author_is_told_and_has_the_text(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ada = add_user(runtime, "Ana"), add_user(runtime, "Ada", "approver")
    with runtime.db.write() as db:
        waits = approving.propose(db, clock, one.id, one.version, ana, "Sorry!")
        assert waits.proposed_why == [approving.ASKED]
    with pytest.raises(BadInput, match="Say what should be different"), runtime.db.write() as db:
        approving.send_back(db, clock, one.id, waits.version, ada, "")
    with runtime.db.write() as db:
        back = approving.send_back(db, clock, one.id, waits.version, ada, "say when")
        assert (back.state, back.proposed_by) == ("drafted", None)
        assert approving.proposal(db, one.id) is None
    assert notes(runtime)[-1] == (ana, "sent_back", "Ada sent your reply back: say when")
    with runtime.db.read() as db:
        assert db.scalars(select(Draft.text).where(Draft.origin == "person", Draft.user_id == ana)).all() == ["Sorry!"]


def test_only_its_author_takes_a_proposal_back(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, bo = add_user(runtime, "Ana"), add_user(runtime, "Bo")
    with runtime.db.write() as db:
        waits = approving.propose(db, clock, one.id, one.version, ana, "Sorry!")
    with pytest.raises(Forbidden, match="only Ana"), runtime.db.write() as db:
        approving.recall(db, clock, one.id, waits.version, bo)
    with runtime.db.write() as db:
        assert approving.recall(db, clock, one.id, waits.version, ana).state == "drafted"


@pytest.mark.parametrize(("two", "alone"), [(False, True), (True, False)])
def test_who_may_approve_sends_their_own_text_unless_the_brand_wants_two(
    sqlite_runtime: Runtime, clock: HeldClock, *, two: bool, alone: bool
) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ada, eve = add_user(runtime, "Ada", "approver"), add_user(runtime, "Eve", "admin")
    rule(runtime, kinds=["money"], two=two)
    with runtime.db.read() as db:
        row = db.get_one(type(one), one.id)
        assert approving.say_of(db, row, ada, "Sorry!").may_approve
        assert approving.say_of(db, row, ada, "Here is a refund of 20 EUR").may_approve is alone
    with runtime.db.write() as db:
        waits = approving.propose(db, clock, one.id, one.version, ada, "Here is a refund of 20 EUR")
        assert approving.say_of(db, waits, ada, "Here is a refund of 20 EUR").may_approve is alone
        assert approving.say_of(db, waits, eve, "Here is a refund of 20 EUR").may_approve


def test_the_role_for_the_brand_counts_and_a_new_agent_grows_out_of_the_rule(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana = add_user(runtime, "Ana")
    rule(runtime, new_agent=1)

    def may() -> bool:
        with runtime.db.read() as db:
            return approving.say_of(db, db.get_one(type(one), one.id), ana, "Sorry!").may_approve

    assert not may()
    with runtime.db.write() as db:
        db.add(Membership(user_id=ana, brand_id=one.brand_id, role="approver"))
    assert may()
    with runtime.db.write() as db:
        db.execute(update(Membership).values(role="agent"))
        values = {"case_id": one.id, "turn": 1, "key": "k", "text": "t", "account": "", "via": "files"}
        db.add(Reply(**values, approved_by=None, proposed_by=ana, approved_at=clock.now()))
    assert may()


def test_a_proposal_that_the_guard_stops_is_not_laid_before_anybody(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with pytest.raises(Forbidden, match="has to be filled in"), sqlite_runtime.db.write() as db:
        approving.propose(db, clock, one.id, one.version, ana, "Hi {name}")
    assert notes(sqlite_runtime) == []
