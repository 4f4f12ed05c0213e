"""What people do to cases: every move from every state, one winner, one audit row, and words for who comes second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import waiting
from core.clock import HeldClock
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Audit, Case, Draft, Mention, Reply, Switch
from listener import forget
from responder.desk import cases, holding
from responder.desk.cases import LABELS, OPEN_STATES, STATES, TRANSITIONS, UNDO, Forbidden, Stale
from responder.desk.states import Change, move, move_all
from responder.outbox import approving
from tests.responder.stories import add_case, add_user, case, look

Verb = Callable[[Session, HeldClock, int, int, int], object]

TOMORROW = datetime(2026, 11, 21, 9, tzinfo=UTC)
PEOPLE: dict[str, Verb] = {
    "claim": cases.claim,
    "take_over": lambda db, clock, one, version, user: holding.take_over(db, clock, one, version, user, "Ana is ill"),
    "release": cases.release,
    "propose": lambda db, clock, one, version, user: approving.propose(db, clock, one, version, user, "Sorry, Ann!"),
    "send_back": lambda db, clock, one, version, user: approving.send_back(db, clock, one, version, user, "warmer"),
    "recall": approving.recall,
    "approve": lambda db, clock, one, version, user: cases.approve(db, clock, one, version, user, "Sorry, Ann!"),
    "withdraw": cases.withdraw,
    "reschedule": lambda db, clock, one, version, user: cases.reschedule(db, clock, one, version, user, TOMORROW),
    "answer_by_hand": lambda db, clock, one, version, user: cases.answer_by_hand(
        db, clock, one, version, user, "Sorry"
    ),
    "dismiss": lambda db, clock, one, version, user: cases.dismiss(db, clock, one, version, user, "spam"),
    "snooze": lambda db, clock, one, version, user: cases.snooze(db, clock, one, version, user, TOMORROW),
    "reopen": cases.reopen,
    "say_sent": lambda db, clock, one, version, user: cases.decide_unsure(db, clock, one, version, user, True),
    "say_not_sent": lambda db, clock, one, version, user: cases.decide_unsure(db, clock, one, version, user, False),
}


def put(runtime: Runtime, case_id: int, state: str, **values: object) -> None:
    """Bring a case to a state whatever it was, as a test's beginning."""
    with runtime.db.write() as db:
        db.execute(update(Case).where(Case.id == case_id).values(state=state, **values))


def audit(runtime: Runtime, case_id: int) -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Audit.action).where(Audit.case_id == case_id).order_by(Audit.id)))


def test_every_state_has_a_name_for_people() -> None:
    assert set(STATES) == set(LABELS)
    for kind in TRANSITIONS.values():
        assert set(kind.states) | set(kind.states.values()) <= set(STATES)


def test_every_state_can_be_reached_and_left() -> None:
    moves = [(before, after) for kind in TRANSITIONS.values() for before, after in kind.states.items()]
    assert {after for _, after in moves} == set(STATES)
    assert {before for before, after in moves if before != after} == set(STATES)


def test_forgetting_closes_what_this_table_says_it_closes() -> None:
    assert set(forget.CLOSES) == set(TRANSITIONS["gone"].states)


@pytest.mark.parametrize("verb", PEOPLE)
def test_each_verb_goes_exactly_where_the_table_says(sqlite_runtime: Runtime, clock: HeldClock, verb: str) -> None:
    runtime, kind = sqlite_runtime, TRANSITIONS[verb]
    ana, one = add_user(runtime, role="approver"), add_case(runtime).id
    for state in STATES:
        put(runtime, one, state, owner_id=None, holder_id=None, proposed_by=None)
        before, noted = case(runtime, one), len(audit(runtime, one))
        if state in kind.states:
            with runtime.db.write() as db:
                PEOPLE[verb](db, clock, one, before.version, ana)
            after = case(runtime, one)
            assert (after.state, after.version) == (kind.states[state], before.version + 1)
            assert audit(runtime, one)[noted] == verb
        else:
            with pytest.raises(Forbidden, match=LABELS[state]), runtime.db.write() as db:
                PEOPLE[verb](db, clock, one, before.version, ana)
            assert case(runtime, one).version == before.version
            assert len(audit(runtime, one)) == noted


@pytest.mark.parametrize("verb", sorted(TRANSITIONS.keys() - PEOPLE.keys() - {"draft"}))
def test_the_services_own_moves_go_where_the_table_says(sqlite_runtime: Runtime, clock: HeldClock, verb: str) -> None:
    runtime, kind, one = sqlite_runtime, TRANSITIONS[verb], add_case(sqlite_runtime).id
    for state in STATES:
        put(runtime, one, state)
        version = case(runtime, one).version
        if state in kind.states:
            with runtime.db.write() as db:
                assert move(db, clock, verb, one, version, None).state == kind.states[state]
        else:
            with pytest.raises(Forbidden), runtime.db.write() as db:
                move(db, clock, verb, one, version, None)


@pytest.mark.parametrize("verb", PEOPLE)
def test_who_comes_second_is_told_who_was_first(sqlite_runtime: Runtime, clock: HeldClock, verb: str) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ben = add_user(runtime, "Ana"), add_user(runtime, "Ben")
    with runtime.db.write() as db:
        cases.dismiss(db, clock, one.id, one.version, ana, "no need")
    with pytest.raises(Stale, match="Ana dismissed it at 12:00 UTC; it is now dismissed"), runtime.db.write() as db:
        PEOPLE[verb](db, clock, one.id, one.version, ben)
    assert audit(runtime, one.id) == ["open", "dismiss"]


def test_of_many_who_approve_at_the_same_moment_one_wins(runtime: Runtime, clock: HeldClock) -> None:
    one = add_case(runtime)
    users = [add_user(runtime, f"user{n}") for n in range(6)]
    start, won, stale = threading.Barrier(len(users)), [], []

    def approve(user: int) -> None:
        start.wait()
        try:
            with runtime.db.write() as db:
                won.append(cases.approve(db, clock, one.id, one.version, user, f"Sorry from {user}").approved_by)
        except Stale as error:
            stale.append(str(error))

    threads = [threading.Thread(target=approve, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(stale) == len(users) - 1
    assert all(f"user{users.index(won[0])} approved a reply" in told for told in stale)  # type: ignore[arg-type]
    with runtime.db.read() as db:
        reply = db.scalars(select(Reply)).one()
        assert (reply.text, reply.turn) == (f"Sorry from {won[0]}", 1)
    assert audit(runtime, one.id) == ["open", "approve"]


def test_a_case_that_is_gone_says_so(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    with pytest.raises(Forbidden, match="no longer there"), sqlite_runtime.db.write() as db:
        cases.dismiss(db, clock, 77, 1, add_user(sqlite_runtime), "spam")


def test_an_approval_waits_in_the_outbox_as_it_was_approved(runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db:
        reply = cases.approve(db, clock, one.id, one.version, ana, " Sorry,\r\nAnn \r\n", account="@hawkweed")
    with runtime.db.read() as db:
        kept = db.get_one(Reply, reply.id)
        assert (kept.text, kept.via, kept.account, kept.turn) == ("Sorry,\nAnn", "files", "@hawkweed", 1)
        assert (kept.approved_by, kept.approved_at, kept.sent_at) == (ana, clock.now(), None)
        assert waiting.take(db, clock, "post", 10) == []
        clock.advance(UNDO.total_seconds())
        assert waiting.take(db, clock, "post", 10) == [reply.id]


def test_approving_is_allowed_while_sending_is_stopped(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        db.add(Switch(name="sending", stopped=True, changed_at=clock.now()))
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
    assert case(sqlite_runtime, one.id).state == "approved"


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "empty"), ("Hi {name}", "{name} has to be filled in"), ("x" * 301, "one character too long")],
)
def test_a_text_that_must_not_go_out_cannot_be_approved(
    sqlite_runtime: Runtime, clock: HeldClock, text: str, told: str
) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with pytest.raises(Forbidden, match=told), sqlite_runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, text)
    assert case(sqlite_runtime, one.id).state == "new"


def test_what_may_only_be_answered_by_hand_is_not_approved(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime, kind="hackernews"), add_user(sqlite_runtime)
    assert one.permission == "hand"
    with pytest.raises(Forbidden, match=one.permission_why[:20]), sqlite_runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")


def test_a_post_that_is_gone_is_not_answered(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        db.execute(update(Mention).values(deleted_at=clock.now()))
    with pytest.raises(Forbidden, match="the post is gone"), sqlite_runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")


def test_a_withdrawn_reply_becomes_the_draft_again_and_leaves_the_outbox(runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db:
        first = cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
        cases.withdraw(db, clock, one.id, one.version + 1, ana)
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(Reply)) == 0
        assert waiting.count(db, "post") == 0
        assert db.scalars(select(Draft.text).where(Draft.origin == "person")).all() == ["Sorry!"]
    with runtime.db.write() as db:
        second = cases.approve(db, clock, one.id, one.version + 2, ana, "Sorry, Ann!")
    assert second.key != first.key


def test_a_reply_after_a_failed_one_is_the_next_turn(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
    put(sqlite_runtime, one.id, "failed")
    with sqlite_runtime.db.write() as db:
        assert cases.approve(db, clock, one.id, one.version + 1, ana, "Sorry again!").turn == 2


def test_answered_by_hand_is_kept_as_a_reply_that_nobody_sends(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime, kind="hackernews"), add_user(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, ana, "Sorry!", " https://news.example/item?id=1 ")
    with sqlite_runtime.db.read() as db:
        reply = db.scalars(select(Reply)).one()
        assert (reply.via, reply.text, reply.url) == ("hand", "Sorry!", "https://news.example/item?id=1")
        assert reply.sent_at == clock.now()
        assert waiting.count(db, "post") == 0


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "news.example/1"])
def test_the_address_of_an_answer_is_a_web_address(sqlite_runtime: Runtime, clock: HeldClock, url: str) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with pytest.raises(BadInput, match="must begin with https"), sqlite_runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, ana, "Sorry!", url)


@pytest.mark.parametrize(("is_there", "state"), [(True, "sent"), (False, "failed")])
def test_only_a_person_ends_being_unsure(sqlite_runtime: Runtime, clock: HeldClock, is_there: bool, state: str) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with sqlite_runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
        db.execute(update(Reply).values(sending_at=clock.now()))
    put(sqlite_runtime, one.id, "unsure")
    clock.advance(60)
    with sqlite_runtime.db.write() as db:
        assert cases.decide_unsure(db, clock, one.id, one.version + 1, ana, is_there).state == state
    with sqlite_runtime.db.read() as db:
        reply = db.scalars(select(Reply)).one()
        assert (reply.sent_at is not None) == is_there
        assert (reply.error is None) == is_there


def test_a_snoozed_case_comes_back_by_itself_when_its_time_has_come(runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db:
        cases.snooze(db, clock, one.id, one.version, ana, clock.now() + timedelta(hours=2))
        cases.snooze(db, clock, one.id, one.version + 1, ana, clock.now() + timedelta(hours=1))
    assert look(runtime) == 0
    clock.advance(3599)
    assert look(runtime) == 0
    clock.advance(1)
    assert look(runtime) == 1
    woken = case(runtime, one.id)
    assert (woken.state, woken.snoozed_until) == ("new", None)
    assert audit(runtime, one.id) == ["open", "snooze", "snooze", "wake"]
    assert look(runtime) == 0


def test_all_whose_time_has_come_can_be_woken_at_once(runtime: Runtime, clock: HeldClock) -> None:
    ana, found = add_user(runtime), [add_case(runtime) for _ in range(3)]
    for hours, one in enumerate(found, 1):
        with runtime.db.write() as db:
            cases.snooze(db, clock, one.id, one.version, ana, clock.now() + timedelta(hours=hours))
    clock.advance(2 * 3600)
    with runtime.db.write() as db:
        assert cases.wake_snoozed(db, clock) == 2
    assert [case(runtime, one.id).state for one in found] == ["new", "new", "snoozed"]


def test_a_case_cannot_be_snoozed_into_the_past(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with pytest.raises(BadInput, match="still to come"), sqlite_runtime.db.write() as db:
        cases.snooze(db, clock, one.id, one.version, ana, clock.now())


def test_many_moves_at_once_are_all_or_none(runtime: Runtime, clock: HeldClock) -> None:
    one, other = add_case(runtime), add_case(runtime)
    changes = [Change(one.id, one.version, {"priority": 90}), Change(other.id, other.version + 1, {"priority": 90})]
    with pytest.raises(Stale, match="1 of 2 cases"), runtime.db.write() as db:
        move_all(db, clock, "join", changes)
    assert case(runtime, one.id).priority == one.priority
    with runtime.db.write() as db:
        move_all(db, clock, "join", [changes[0], Change(other.id, other.version, {"priority": 80})])
    assert [case(runtime, one.id).priority, case(runtime, other.id).priority] == [90, 80]
    assert audit(runtime, other.id) == ["open", "join"]


def test_whose_case_it_is_forbids_claiming_it_and_nothing_else(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ben = add_user(runtime, "Ana"), add_user(runtime, "Ben")
    with runtime.db.write() as db:
        mine = cases.claim(db, clock, one.id, one.version, ana)
        assert (mine.owner_id, mine.claimed_at, mine.state) == (ana, clock.now(), "new")
    for verb in ("claim", "release"):
        with pytest.raises(Forbidden, match="this is Ana's case; take it over"), runtime.db.write() as db:
            PEOPLE[verb](db, clock, one.id, mine.version, ben)
    with runtime.db.write() as db:
        assert cases.approve(db, clock, one.id, mine.version, ben, "Sorry!").approved_by == ben


def test_a_reply_goes_out_when_somebody_chose_and_can_be_moved(runtime: Runtime, clock: HeldClock) -> None:
    one, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db:
        reply = cases.approve(db, clock, one.id, one.version, ana, "Sorry!", at=TOMORROW)
    with runtime.db.write() as db:
        cases.reschedule(db, clock, one.id, one.version + 1, ana, TOMORROW + timedelta(hours=1))
    clock.advance((TOMORROW - clock.now()).total_seconds())
    with runtime.db.read() as db:
        assert waiting.take(db, clock, "post", 10) == []
        assert db.get_one(Reply, reply.id).send_after == TOMORROW + timedelta(hours=1)
        clock.advance(3600)
        assert waiting.take(db, clock, "post", 10) == [reply.id]


@pytest.mark.parametrize("hours", [-1, 24 * 91])
def test_a_reply_goes_out_at_a_time_to_come(sqlite_runtime: Runtime, clock: HeldClock, hours: int) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    with pytest.raises(BadInput, match="a time to come"), sqlite_runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!", at=clock.now() + timedelta(hours=hours))


def test_open_states_are_those_in_which_a_person_has_something_to_do() -> None:
    for state in OPEN_STATES:
        assert any(state in TRANSITIONS[verb].states for verb in ("approve", "say_sent"))
