"""A case's clock: what is due by severity and brand, who is told before and when the time is up, each once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core import waiting
from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Brand, Case, Membership, Notification, Team, TeamMember, User
from responder.desk import cases
from responder.timing import clock as case_clock
from responder.timing.clock import Times
from tests.responder.stories import PRAISE, add_brand, add_case, add_user, all_cases, case, hear, look

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""Where the held clock begins: a Friday."""


def add_person(runtime: Runtime, name: str, role: str = "approver", *, away: bool = False) -> int:
    user = add_user(runtime, name)
    with runtime.db.write() as db:
        db.execute(update(User).where(User.id == user).values(role=role, away=away))
    return user


def told(runtime: Runtime) -> list[tuple[str, str]]:
    """Who was told what, in order."""
    rows = select(User.name, Notification.kind).join(User, User.id == Notification.user_id).order_by(Notification.id)
    with runtime.db.read() as db:
        return [(name, kind) for name, kind in db.execute(rows)]


def at(runtime: Runtime, held: HeldClock, minutes: float) -> None:
    """Let the clock stage work at so many minutes after NOW."""
    held.advance((NOW + timedelta(minutes=minutes) - held.now()).total_seconds())
    while case_clock.work(runtime):
        pass


@pytest.mark.parametrize(
    ("severity", "targets", "first", "resolve"),
    [
        ("normal", {}, 60, None),
        ("high", {}, 60, None),
        ("urgent", {}, 15, None),
        ("urgent", {"urgent": {"first": 5, "resolve": 240}}, 5, 240),
        ("high", {"high": {"first": 30}}, 30, None),
        ("normal", {"high": {"first": 30}}, 60, None),
        ("normal", {"normal": {"resolve": 480}}, 60, 480),
    ],
)
def test_targets_by_severity(severity: str, targets: dict[str, Any], first: int, resolve: int | None) -> None:
    brand = Brand(
        timezone="UTC", hours={}, holidays={}, targets=targets, first_reply_minutes=60, urgent_reply_minutes=15
    )
    found = case_clock.times(brand, severity, NOW)
    assert found.due_at == NOW + timedelta(minutes=first)
    assert found.warn_at == NOW + timedelta(minutes=first * 0.75)
    assert found.resolve_due_at == (NOW + timedelta(minutes=resolve) if resolve else None)


def test_most_of_the_time_is_counted_in_open_hours() -> None:
    office = {"fri": ["09:00", "12:30"], "mon": ["09:00", "17:00"]}
    brand = Brand(
        timezone="UTC", hours=office, holidays={}, targets={}, first_reply_minutes=60, urgent_reply_minutes=15
    )
    found = case_clock.times(brand, "normal", NOW)
    assert found.warn_at == datetime(2026, 11, 23, 9, 15, tzinfo=UTC)  # 30 minutes on Friday, 15 on Monday
    assert found.due_at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def test_of_two_times_each_sooner_one_counts() -> None:
    hour = timedelta(hours=1)
    early = Times(NOW, NOW)
    late = Times(NOW + hour, NOW + hour, NOW + 3 * hour, NOW + 2 * hour)
    assert early.sooner(late) == late.sooner(early) == Times(NOW, NOW, NOW + 3 * hour, NOW + 2 * hour)


def test_the_owner_is_warned_and_then_everybody_above_is_told_each_once(runtime: Runtime, clock: HeldClock) -> None:
    add_person(runtime, "Bea")
    one = add_case(runtime)  # due in 60 minutes
    ana = add_person(runtime, "Ana", "agent")
    with runtime.db.write() as db:
        cases.claim(db, clock, one.id, one.version, ana)
    at(runtime, clock, 44)
    assert told(runtime) == []
    at(runtime, clock, 45)
    assert told(runtime) == [("Ana", "due")]
    at(runtime, clock, 50)
    assert told(runtime) == [("Ana", "due")]
    at(runtime, clock, 60)
    at(runtime, clock, 90)
    assert told(runtime) == [("Ana", "due"), ("Bea", "breach"), ("Ana", "breach")]
    with runtime.db.read() as db:
        assert waiting.count(db, "clock") == 0
        words = db.scalars(select(Notification.words).where(Notification.kind == "breach")).first()
    assert words == f"The first reply in case {one.id} was due at 13:00 UTC on 20 Nov"


def test_without_an_owner_the_team_is_told_and_without_a_team_who_approves(runtime: Runtime, clock: HeldClock) -> None:
    add_person(runtime, "Bea")
    add_person(runtime, "Boss", "approver", away=True)
    ana, off = add_person(runtime, "Ana", "agent"), add_person(runtime, "Off", "agent", away=True)
    first, second = add_case(runtime), add_case(runtime)
    with runtime.db.write() as db:
        team = Team(brand_id=first.brand_id, name="Care", created_at=NOW)
        db.add(team)
        db.flush()
        db.add_all(TeamMember(team_id=team.id, user_id=one) for one in (ana, off))
        db.execute(update(Case).where(Case.id == first.id).values(team_id=team.id))
        db.execute(update(Case).where(Case.id == second.id).values(owner_id=off))
    at(runtime, clock, 45)
    assert sorted(told(runtime)) == [("Ana", "due"), ("Bea", "due")]


def test_nobody_is_told_of_a_brand_that_they_may_not_see(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one = add_case(sqlite_runtime)
    bea = add_person(sqlite_runtime, "Bea")
    add_person(sqlite_runtime, "Cleo")
    with sqlite_runtime.db.write() as db:
        db.add(Membership(user_id=bea, brand_id=one.brand_id, role="none"))
    at(sqlite_runtime, clock, 45)
    assert told(sqlite_runtime) == [("Cleo", "due")]


def test_an_answer_stops_the_clock(runtime: Runtime, clock: HeldClock) -> None:
    add_person(runtime, "Bea")
    one = add_case(runtime)
    clock.advance(600)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, add_user(runtime), "Sorry")
    at(runtime, clock, 120)
    assert told(runtime) == []
    after = case(runtime, one.id)
    assert after.first_reply_at == after.resolved_at == NOW + timedelta(minutes=10)


def test_a_snooze_does_not_stop_it(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime = sqlite_runtime
    add_person(runtime, "Bea")
    one = add_case(runtime)
    with runtime.db.write() as db:
        cases.snooze(db, clock, one.id, one.version, add_user(runtime), NOW + timedelta(days=3))
    at(runtime, clock, 60)
    assert told(runtime) == [("Bea", "breach")]


def test_a_dismissed_case_is_due_no_more_and_a_reopened_one_again(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, bea = sqlite_runtime, add_person(sqlite_runtime, "Bea")
    one = add_case(runtime)
    with runtime.db.write() as db:
        cases.dismiss(db, clock, one.id, one.version, bea, "spam")
    at(runtime, clock, 50)
    assert told(runtime) == []
    with runtime.db.write() as db:
        cases.reopen(db, clock, one.id, one.version + 1, bea)
    at(runtime, clock, 51)
    assert told(runtime) == [("Bea", "due")]


def test_taking_back_an_answer_by_hand_lets_the_clock_run_on(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, bea = sqlite_runtime, add_person(sqlite_runtime, "Bea")
    one = add_case(runtime)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, bea, "Sorry")
        cases.reopen(db, clock, one.id, one.version + 1, bea)
    at(runtime, clock, 45)
    assert told(runtime) == [("Bea", "due")]
    assert case(runtime, one.id).first_reply_at is None


def test_the_authors_next_word_after_our_reply_begins_a_new_clock(runtime: Runtime, clock: HeldClock) -> None:
    bea = add_person(runtime, "Bea")
    add_brand(runtime)
    hear(runtime, "late", native_id="root")
    look(runtime)
    (one,) = all_cases(runtime)
    at(runtime, clock, 61)  # warned of and breached
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, bea, "Sorry")
    at(runtime, clock, 120)
    hear(runtime, "still not here", conversation="root")
    look(runtime)
    back = case(runtime, one.id)
    assert back.due_at == NOW + timedelta(minutes=180)
    assert (back.first_reply_at, back.resolved_at) == (None, None)
    at(runtime, clock, 165)
    at(runtime, clock, 180)
    assert told(runtime) == [("Bea", kind) for kind in ("breach", "due", "breach")]


def test_what_joins_and_presses_more_is_due_sooner(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime = sqlite_runtime
    add_person(runtime, "Bea")
    add_brand(runtime)
    hear(runtime, "late")
    look(runtime)
    at(runtime, clock, 5)
    hear(runtime, "late!")
    at(runtime, clock, 10)
    hear(runtime, "LATE!!")
    look(runtime)
    (one,) = all_cases(runtime)
    assert one.severity == "urgent"
    assert one.due_at == NOW + timedelta(minutes=25)
    at(runtime, clock, 22)
    assert told(runtime) == [("Bea", "due")]


def test_a_resolution_is_due_by_its_own_clock(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, bea = sqlite_runtime, add_person(sqlite_runtime, "Bea")
    add_brand(runtime, targets={"normal": {"resolve": 480}, "high": {"resolve": 480}})
    one = add_case(runtime)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, bea, "Sorry")
        cases.reopen(db, clock, one.id, one.version + 1, bea)
        db.execute(update(Case).values(first_reply_at=NOW))
    at(runtime, clock, 361)
    at(runtime, clock, 481)
    with runtime.db.read() as db:
        found = db.scalars(select(Notification.words).order_by(Notification.id)).all()
    assert [words.split(" in case ")[0] for words in found] == ["A solution", "A solution"]


def test_what_is_imported_from_last_year_alarms_nobody(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime = sqlite_runtime
    add_person(runtime, "Bea")
    add_case(runtime, minutes_ago=60 * 24 * 300)
    with runtime.db.read() as db:
        assert waiting.count(db, "clock") == 0
    at(runtime, clock, 1)
    assert told(runtime) == []


def test_praise_and_what_is_gone_wait_for_nothing_that_cannot_come(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime = sqlite_runtime
    add_person(runtime, "Bea")
    add_brand(runtime, own=[("bluesky", "us.example")])
    hear(runtime, "lovely @us.example", PRAISE)
    look(runtime)
    with runtime.db.write() as db:
        db.delete(db.scalars(select(Case)).one())
    at(runtime, clock, 60)
    with runtime.db.read() as db:
        assert waiting.count(db, "clock") == 0
    assert told(runtime) == []


def test_many_workers_give_each_alarm_once(runtime: Runtime, clock: HeldClock) -> None:
    add_person(runtime, "Bea")
    for _ in range(12):
        add_case(runtime)
    clock.advance(3600)
    workers = [threading.Thread(target=lambda: [case_clock.work(runtime) for _ in range(5)]) for _ in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join(60)
    at(runtime, clock, 61)
    assert sorted(told(runtime)) == [("Bea", "breach")] * 12
