"""What people do to an incident: one winner, a line each, and what it leaves behind in its cases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.errors import BadInput, Forbidden, Stale
from core.runtime import Runtime
from core.tables import Alert, Audit, Case, Draft, Incident, IncidentMention, KnownIssue, Waiting
from responder.desk import cases
from responder.incidents import incident_cases, incidents, known_issues
from responder.outbox.approving import say_of
from tests.responder.ripples import add_cases, add_incident, homes, incident, lines
from tests.responder.stories import add_brand, add_case, add_user, case

Act = Callable[..., Any]


def do(runtime: Runtime, verb: Act, incident_id: int, user_id: int, *more: Any) -> Any:
    """Somebody does it to the incident as it is."""
    version = incident(runtime, incident_id).version
    with runtime.db.write() as db:
        return verb(db, runtime.clock, incident_id, version, user_id, *more)


def alert(runtime: Runtime, incident_id: int) -> Alert:
    with runtime.db.read() as db:
        mine = select(Alert).where(Alert.kind == "incident", Alert.subject_id == incident_id)
        return db.scalars(mine.order_by(Alert.id.desc())).first() or pytest.fail("nobody was told")


def holding(runtime: Runtime, case_id: int) -> list[str]:
    with runtime.db.read() as db:
        mine = select(Draft.text).where(Draft.case_id == case_id, Draft.origin == "holding")
        return list(db.scalars(mine))


def test_of_two_who_take_it_one_wins_and_the_other_reads_who(runtime: Runtime, clock: HeldClock) -> None:
    ana, ben = add_user(runtime), add_user(runtime, "Ben")
    one = add_incident(runtime, add_cases(runtime))
    version = incident(runtime, one).version
    results: dict[str, object] = {}

    def take(name: str, user_id: int) -> None:
        try:
            with runtime.db.write() as db:
                results[name] = incidents.take(db, clock, one, version, user_id).owner_id
        except Stale as error:
            results[name] = str(error)

    threads = [threading.Thread(target=take, args=who) for who in (("Ana", ana), ("Ben", ben))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    winner, loser = ("Ana", "Ben") if isinstance(results["Ana"], int) else ("Ben", "Ana")
    assert results[winner] == incident(runtime, one).owner_id
    assert results[loser] == f"{winner} took it at 12:00 UTC; it is open. Look again before you decide"
    assert lines(runtime, one)[-1] == f"{winner} took it"
    assert alert(runtime, one).taken_at == clock.now()
    with runtime.db.read() as db:
        told = db.scalars(select(Audit).where(Audit.action.like("incident%"))).all()
        assert [(row.action, row.detail) for row in told] == [
            ("incident_take", {"incident": one, "owner": results[winner]})
        ]


def test_what_fails_leaves_nothing_behind(runtime: Runtime, clock: HeldClock) -> None:
    ana, one = add_user(runtime), add_incident(runtime, add_cases(runtime))
    before = incident(runtime, one).version

    def die_halfway() -> None:
        with runtime.db.write() as db:
            incidents.end(db, clock, one, before, ana, "all is well")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        die_halfway()
    row = incident(runtime, one)
    assert (row.state, row.version, alert(runtime, one).closed_at) == ("open", before, None)
    assert not [line for line in lines(runtime, one) if "ended" in line]


def test_it_is_given_to_somebody_who_may_answer_and_let_go(sqlite_runtime: Runtime) -> None:
    runtime, ana = sqlite_runtime, add_user(sqlite_runtime)
    ben, mia = add_user(runtime, "Ben"), add_user(runtime, "Mia", "manager")
    one = add_incident(runtime, add_cases(runtime))
    do(runtime, incidents.give, one, ana, ben)
    assert incident(runtime, one).owner_id == ben
    assert lines(runtime, one)[-1] == "Ana gave it to somebody else: Ben"
    with pytest.raises(BadInput, match="who may answer"):
        do(runtime, incidents.give, one, ana, mia)
    do(runtime, incidents.give_up, one, ben)
    assert incident(runtime, one).owner_id is None


def test_a_snooze_ends_by_itself_when_its_time_has_come(runtime: Runtime, clock: HeldClock) -> None:
    ana, one = add_user(runtime), add_incident(runtime, add_cases(runtime))
    with pytest.raises(BadInput, match="a time to come"):
        do(runtime, incidents.snooze, one, ana, clock.now())
    do(runtime, incidents.snooze, one, ana, clock.now() + timedelta(hours=1))
    incident_cases.work(runtime)
    assert incident(runtime, one).snoozed_until is not None
    clock.advance(3600)
    incident_cases.work(runtime)
    assert incident(runtime, one).snoozed_until is None
    assert lines(runtime, one)[-1] == "Ripplewatch woke it"
    assert incident_cases.work(runtime) == 0


def test_a_name_by_hand_stays_and_a_severity_only_rises(sqlite_runtime: Runtime) -> None:
    runtime, ana = sqlite_runtime, add_user(sqlite_runtime)
    made = add_cases(runtime)
    one = add_incident(runtime, made[:2])
    do(runtime, incidents.rename, one, ana, " Card   trouble ")
    do(runtime, incidents.raise_severity, one, ana, "urgent")
    do(runtime, incidents.put_in, one, ana, [made[2].mention_id])
    row = incident(runtime, one)
    assert (row.name, row.severity, row.reasons, row.mentions) == ("Card trouble", "urgent", ["Ana says so"], 3)
    assert (alert(runtime, one).severity, "Card trouble" in alert(runtime, one).words) == ("urgent", True)
    for bad in ("high", "urgent", "dreadful"):
        with pytest.raises(BadInput, match="only be raised"):
            do(runtime, incidents.raise_severity, one, ana, bad)
    with pytest.raises(BadInput, match="at most 200"):
        do(runtime, incidents.rename, one, ana, " ")


def test_lines_are_for_colleagues_and_nobody_loses_one(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, ana = sqlite_runtime, add_user(sqlite_runtime)
    one = add_incident(runtime, add_cases(runtime))
    do(runtime, incidents.take, one, ana)
    for _ in range(2):
        with runtime.db.write() as db:
            incidents.say(db, clock, one, 1, ana, "The bank says ten minutes", key="170.4")
    assert lines(runtime, one)[-2:] == ["Ana took it", "Ana The bank says ten minutes"]
    with pytest.raises(BadInput, match="write at most"):
        do(runtime, incidents.say, one, ana, "  ")


def test_its_cases_get_the_holding_reply_also_those_that_come_later(runtime: Runtime, clock: HeldClock) -> None:
    ana, made = add_user(runtime), add_cases(runtime)
    one = add_incident(runtime, made[:2])
    do(runtime, incidents.set_holding, one, ana, "Sorry {name}, we are on it. {status} {agent}")
    assert holding(runtime, made[0].id)[0].endswith("we are on it. {status} {agent}")
    assert "{name}" not in holding(runtime, made[0].id)[0]
    do(runtime, incidents.put_in, one, ana, [made[2].mention_id])
    assert len(holding(runtime, made[2].id)) == 1
    late = add_case(runtime, "my card is refused as well")
    with runtime.db.write() as db:
        db.add(
            IncidentMention(mention_id=late.mention_id, brand_id=late.brand_id, incident_id=one, joined_at=clock.now())
        )
    clock.advance(incident_cases.AGAIN.seconds)
    incident_cases.work(runtime)
    assert len(holding(runtime, late.id)) == 1
    do(runtime, incidents.set_holding, one, ana, "Hello {name}, it works again.")
    assert ["it works again" in text for text in holding(runtime, late.id)] == [True]
    do(runtime, incidents.take_out, one, ana, [late.mention_id])
    assert holding(runtime, late.id) == []
    do(runtime, incidents.end, one, ana, "fixed")
    assert holding(runtime, made[0].id) == []
    with runtime.db.read() as db:
        assert db.scalar(select(Waiting.subject_id).where(Waiting.stage == "incident")) is None


def test_a_case_that_may_not_be_answered_or_is_done_gets_none(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, ana, made = sqlite_runtime, add_user(sqlite_runtime), add_cases(sqlite_runtime)
    with runtime.db.write() as db:
        db.get_one(Case, made[0].id).permission = "no"
        cases.dismiss(db, clock, made[1].id, made[1].version, ana, "spam")
    one = add_incident(runtime, made)
    do(runtime, incidents.set_holding, one, ana, "Sorry!")
    assert [len(holding(runtime, each.id)) for each in made] == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "told"), [("Hi {nmae}", "no placeholder is called {nmae}"), ("so \u202e so", "an invisible character")]
)
def test_a_holding_reply_passes_the_guard(sqlite_runtime: Runtime, text: str, told: str) -> None:
    one = add_incident(sqlite_runtime, add_cases(sqlite_runtime))
    with pytest.raises(BadInput, match=told):
        do(sqlite_runtime, incidents.set_holding, one, add_user(sqlite_runtime), text)


def test_its_public_status_is_that_of_a_known_issue_which_ends_with_it(runtime: Runtime, clock: HeldClock) -> None:
    ana, made = add_user(runtime), add_cases(runtime)
    one = add_incident(runtime, made, "Card trouble")
    do(runtime, incidents.set_status, one, ana, "Cards work again by six.")
    with runtime.db.read() as db:
        row = db.get_one(Case, made[0].id)
        assert known_issues.status_of(db, row) == "Cards work again by six."
    do(runtime, incidents.set_status, one, ana, "By seven.")
    with runtime.db.read() as db:
        assert [(row.name, row.status) for row in db.scalars(select(KnownIssue))] == [("Card trouble", "By seven.")]
    with runtime.db.write() as db:
        known_issues.unlink(db, clock, made[2].id, ana)
    clock.advance(incident_cases.AGAIN.seconds)
    incident_cases.work(runtime)
    assert case(runtime, made[2].id).known_issue_id is None
    do(runtime, incidents.put_in, one, ana, [made[2].mention_id])
    assert case(runtime, made[2].id).known_issue_id is not None
    with runtime.db.write() as db:
        row = db.get_one(Case, made[0].id)
        cases.snooze(db, clock, row.id, row.version, ana, clock.now() + timedelta(days=1))
    do(runtime, incidents.end, one, ana, "the bank is back")
    with runtime.db.read() as db:
        issue = db.scalars(select(KnownIssue)).one()
        assert issue.ended_at == clock.now()
    assert case(runtime, made[0].id).state == "new"
    over = incident(runtime, one)
    assert (over.state, over.why_ended, over.ended_by) == ("ended", "the bank is back", ana)
    assert alert(runtime, one).closed_at == clock.now()
    with pytest.raises(Forbidden, match="an incident that is ended"):
        do(runtime, incidents.take, one, ana)


def test_merging_moves_mentions_and_the_merged_one_points_to_the_other(runtime: Runtime) -> None:
    ana, made = add_user(runtime), add_cases(runtime, 4)
    one, two = add_incident(runtime, made[:1], "Cards"), add_incident(runtime, made[1:], "Checkout")
    do(runtime, incidents.set_status, one, ana, "We are on it.")
    do(runtime, incidents.set_holding, one, ana, "Sorry!")
    do(runtime, incidents.merge, one, ana, two)
    assert homes(runtime, made) == [two] * 4
    merged, other = incident(runtime, one), incident(runtime, two)
    assert (merged.state, merged.merged_into, merged.mentions) == ("merged", two, 1)
    assert (other.mentions, other.holding, other.known_issue_id is not None) == (4, "Sorry!", True)
    assert lines(runtime, two)[-1] == "Ana merged another one into it: “Cards”"
    assert [len(holding(runtime, each.id)) for each in made] == [1] * 4
    assert alert(runtime, one).closed_at is not None
    with pytest.raises(Forbidden, match="not open any more"):
        do(runtime, incidents.merge, two, ana, one)
    with pytest.raises(BadInput, match="another incident"):
        do(runtime, incidents.merge, two, ana, two)


def test_splitting_makes_one_of_those_that_were_ticked(runtime: Runtime) -> None:
    ana, made = add_user(runtime), add_cases(runtime, 4)
    one = add_incident(runtime, made)
    do(runtime, incidents.take, one, ana)
    new = do(runtime, incidents.split, one, ana, [made[0].mention_id, made[1].mention_id], "Vouchers")
    assert homes(runtime, made) == [new, new, one, one]
    row = incident(runtime, new)
    assert (row.name, row.mentions, row.owner_id, incident(runtime, one).mentions) == ("Vouchers", 2, ana, 2)
    assert alert(runtime, new).taken_at is not None
    with pytest.raises(BadInput, match="leave at least one"):
        do(runtime, incidents.split, one, ana, [made[2].mention_id, made[3].mention_id], "")
    with pytest.raises(BadInput, match="tick at least one"):
        do(runtime, incidents.split, one, ana, [made[0].mention_id], "")


def test_what_is_taken_out_or_dismissed_stays_where_people_put_it(runtime: Runtime) -> None:
    ana, made = add_user(runtime), add_cases(runtime)
    one = add_incident(runtime, made)
    do(runtime, incidents.take_out, one, ana, [made[0].mention_id])
    do(runtime, incidents.dismiss, one, ana, "a quiz show, not us")
    assert homes(runtime, made) == [None, one, one]
    with runtime.db.read() as db:
        assert all(db.scalars(select(IncidentMention.by_hand)))
    assert alert(runtime, one).closed_at is not None
    do(runtime, incidents.reopen, one, ana)
    assert (incident(runtime, one).state, alert(runtime, one).closed_at) == ("open", None)
    do(runtime, incidents.put_in, one, ana, [made[0].mention_id])
    assert homes(runtime, made) == [one] * 3


def test_only_mentions_of_the_brand_are_put_in(sqlite_runtime: Runtime) -> None:
    runtime, ana = sqlite_runtime, add_user(sqlite_runtime)
    one = add_incident(runtime, add_cases(runtime))
    elsewhere = add_case(runtime, brand="other")
    with pytest.raises(BadInput, match="of this brand"):
        do(runtime, incidents.put_in, one, ana, [elsewhere.mention_id])


def test_a_reply_in_an_open_incident_needs_a_second_person_where_the_brand_says_so(sqlite_runtime: Runtime) -> None:
    runtime, ana, boss = sqlite_runtime, add_user(sqlite_runtime), add_user(sqlite_runtime, "Bo", "approver")
    add_brand(runtime, approval={"incident": True})
    made = add_cases(runtime)
    one = add_incident(runtime, made[:2])

    def why(which: Case) -> tuple[str, ...]:
        with runtime.db.read() as db:
            return say_of(db, db.get_one(Case, which.id), ana, "Sorry!").why

    assert [why(each) for each in made] == [("it belongs to an incident",)] * 2 + [()]
    do(runtime, incidents.set_status, one, ana, "On it.")
    do(runtime, incidents.end, one, boss, "fixed")
    assert why(made[0]) == ()


def test_nothing_can_be_done_to_what_is_gone(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    ana = add_user(sqlite_runtime)
    for verb in (incidents.take, incidents.say):
        with pytest.raises((Forbidden, Stale, BadInput), match="no longer there"), sqlite_runtime.db.write() as db:
            verb(db, clock, 99, 1, ana, *(["x"] if verb is incidents.say else []))


def test_its_first_reply_is_the_first_to_any_of_its_cases(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, ana, made = sqlite_runtime, add_user(sqlite_runtime), add_cases(sqlite_runtime)
    one = add_incident(runtime, made)
    clock.advance(60)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, made[1].id, made[1].version, ana, "We called you.")
        first = incident_cases.first_reply_at(db, one)
    assert first == clock.now()
    do(runtime, incidents.end, one, ana, "fixed")
    assert incident(runtime, one).first_reply_at == first
    with runtime.db.read() as db:
        assert isinstance(db.get_one(Incident, one).ended_at, type(first))
