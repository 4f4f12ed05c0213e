"""Holding a case while one answers it: one holder, seen by all, over by itself, taken over with a reason."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.errors import BadInput, Forbidden, Stale
from core.runtime import Runtime
from core.tables import Audit, Draft, Notification
from responder.desk import cases, holding, typing_in
from responder.desk.holding import LEASE, PLAIN_LEASE
from tests.responder.stories import add_case, add_user, case


def hold(runtime: Runtime, case_id: int, user_id: int, **more: object) -> bool:
    with runtime.db.write() as db:
        return holding.hold(db, runtime.clock, case_id, user_id, **more)  # type: ignore[arg-type]


def actions(runtime: Runtime, case_id: int) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Audit.action).where(Audit.case_id == case_id).order_by(Audit.id)))


def test_of_many_who_begin_at_the_same_moment_one_holds(runtime: Runtime) -> None:
    one = add_case(runtime)
    users = [add_user(runtime, f"user{n}") for n in range(6)]
    start, got = threading.Barrier(len(users)), []

    def begin(user: int) -> None:
        start.wait()
        if hold(runtime, one.id, user):
            got.append(user)

    threads = [threading.Thread(target=begin, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [case(runtime, one.id).holder_id]
    assert actions(runtime, one.id) == ["open", "begin"]
    assert case(runtime, one.id).version == one.version


def test_who_holds_decides_alone_until_they_leave_or_fall_silent(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ben = add_user(runtime, "Ana"), add_user(runtime, "Ben")
    assert hold(runtime, one.id, ana)
    assert not hold(runtime, one.id, ben)
    with pytest.raises(Forbidden, match="Ana is answering this case since 12:00 UTC"), runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ben, "Sorry!")
    with runtime.db.write() as db:
        holding.leave(db, one.id, ben)
        holding.leave(db, one.id, ana)
    assert hold(runtime, one.id, ben)
    clock.advance(LEASE.total_seconds())
    assert hold(runtime, one.id, ana)


def test_a_sign_of_life_renews_a_hold_and_never_shortens_it(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ben = add_user(runtime, "Ana"), add_user(runtime, "Ben")
    assert hold(runtime, one.id, ana)
    clock.advance(LEASE.total_seconds() - 1)
    assert hold(runtime, one.id, ana)
    clock.advance(LEASE.total_seconds() - 1)
    assert not hold(runtime, one.id, ben)
    assert hold(runtime, one.id, ana, lease=PLAIN_LEASE)
    assert hold(runtime, one.id, ana)
    assert case(runtime, one.id).held_until == clock.now() + PLAIN_LEASE
    assert actions(runtime, one.id) == ["open", "begin"]


def test_a_decision_ends_the_hold_and_what_is_decided_cannot_be_held(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana = add_user(runtime)
    hold(runtime, one.id, ana)
    with runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
    assert case(runtime, one.id).holder_id is None
    assert not hold(runtime, one.id, ana)


def test_taking_over_needs_a_reason_that_the_first_is_told_and_loses_nobodys_text(
    runtime: Runtime, clock: HeldClock
) -> None:
    one, ana, ben = add_case(runtime), add_user(runtime, "Ana"), add_user(runtime, "Ben")
    with runtime.db.write() as db:
        typing_in.save(db, clock, one.id, ana, "Dear Ann, we")
    with pytest.raises(BadInput, match="Say why"), runtime.db.write() as db:
        holding.take_over(db, clock, one.id, one.version, ben, " ")
    with runtime.db.write() as db:
        taken = holding.take_over(db, clock, one.id, one.version, ben, "Ana is at lunch")
        assert (taken.holder_id, taken.owner_id, taken.version) == (ben, ben, one.version + 1)
    with runtime.db.write() as db:  # what Ana types on is hers, and she is told who has the case
        assert typing_in.save(db, clock, one.id, ana, "Dear Ann, we are", base=1).holder_id == ben
    with pytest.raises(Stale, match="Ben took it over"), runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Dear Ann, we are")
    with runtime.db.read() as db:
        assert db.scalars(select(Draft.text).where(Draft.user_id == ana)).all() == ["Dear Ann, we are"]
        [told] = db.scalars(select(Notification)).all()
        assert (told.user_id, told.kind, told.words) == (ana, "taken_over", "Ben took this case over: Ana is at lunch")
        kept = db.scalars(select(Audit.detail).where(Audit.action == "take_over")).one()
        assert kept == {"why": "Ana is at lunch", "from": ana}


def test_taking_over_what_nobody_has_tells_nobody(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ben = add_case(sqlite_runtime), add_user(sqlite_runtime, "Ben")
    with sqlite_runtime.db.write() as db:
        holding.take_over(db, clock, one.id, one.version, ben, "it is urgent")
    with sqlite_runtime.db.read() as db:
        assert db.scalars(select(Notification)).all() == []
