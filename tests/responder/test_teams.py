"""Teams: whose a case is, fairly and once, and the next case for whoever asks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from core import audit, roles
from core.clock import HeldClock
from core.errors import BadInput, Forbidden, Stale
from core.roles import EVERYTHING, Rights
from core.runtime import Runtime
from core.tables import NO_ROLE, Audit, Brand, Case, CaseTag, Note, Notification, Team, TeamMember, User
from responder.desk import cases, handing_out, notes, teams
from tests.responder import stories
from tests.web.stories import add_brand, add_case, add_user, case_of


def _team(runtime: Runtime, *members: int, brand: str = "Hawkweed", **values: str) -> int:
    slug = add_brand(runtime, brand)
    with runtime.db.write() as db:
        brand_id = db.scalars(select(Brand.id).where(Brand.slug == slug)).one()
        team = Team(brand_id=brand_id, created_at=runtime.clock.now(), **{"name": "First", "assign": "hand"} | values)
        db.add(team)
        db.flush()
        db.add_all(TeamMember(team_id=team.id, user_id=one) for one in members)
        return team.id


def _assign_all(runtime: Runtime) -> int:
    with runtime.db.write() as db:
        return teams.assign_cases(db, runtime.clock, Case.owner_id.is_(None))


def _owners(runtime: Runtime) -> Counter[int | None]:
    with runtime.db.read() as db:
        return Counter(db.scalars(select(Case.owner_id)))


def test_each_member_gets_a_turn_over_a_hundred_cases(runtime: Runtime) -> None:
    people = [add_user(runtime, name) for name in ("Ana", "Bo", "Cy", "Di")]
    _team(runtime, *people, assign="round_robin")
    for _ in range(10):
        for _ in range(10):
            add_case(runtime)
        _assign_all(runtime)
    assert _owners(runtime) == dict.fromkeys(people, 25)


def test_batches_at_the_same_time_stay_fair(runtime: Runtime) -> None:
    people = [add_user(runtime, name) for name in ("Ana", "Bo", "Cy", "Di")]
    _team(runtime, *people, assign="round_robin")
    ids = [add_case(runtime) for _ in range(100)]

    def give(part: list[int]) -> None:
        for start in range(0, len(part), 5):
            with runtime.db.write() as db:
                teams.assign_cases(db, runtime.clock, Case.id.in_(part[start : start + 5]))

    _all_at_once([partial(give, ids[at::4]) for at in range(4)])
    assert _owners(runtime) == dict.fromkeys(people, 25)


def test_whoever_has_the_fewest_gets_the_next(runtime: Runtime) -> None:
    ana, bo = add_user(runtime, "Ana"), add_user(runtime, "Bo")
    for _ in range(3):
        add_case(runtime, owner_id=ana)
    add_case(runtime, owner_id=bo, state="sent")
    _team(runtime, ana, bo, assign="load")
    for _ in range(5):
        add_case(runtime)
    assert _assign_all(runtime) == 5
    with runtime.db.read() as db:
        has = Counter(db.scalars(select(Case.owner_id).where(Case.state == "new")))
    assert has == {ana: 4, bo: 4}


def test_nobody_gets_a_case_who_is_away_shut_out_or_may_not_answer(runtime: Runtime) -> None:
    away, gone, looks, kept_out = (add_user(runtime, name) for name in ("Away", "Gone", "Looks", "Kept out"))
    _team(runtime, away, gone, looks, kept_out, assign="round_robin")
    with runtime.db.write() as db:
        db.get_one(User, away).away, db.get_one(User, gone).active = True, False
        db.get_one(User, looks).role = "manager"
        roles.give(db, kept_out, db.scalars(select(Brand.id)).one(), NO_ROLE)
    case_id = add_case(runtime)
    assert _assign_all(runtime) == 0
    row = case_of(runtime, case_id)
    assert (row.owner_id, row.team_id is None) == (None, False)


def test_a_case_goes_to_the_team_whose_query_it_matches_else_to_that_of_all_others(runtime: Runtime) -> None:
    others = _team(runtime, name="Others")
    billing = _team(runtime, name="Billing", query="refund OR invoice")
    _team(runtime, name="Broken", query="list:nothing")
    _team(runtime, name="Elsewhere", brand="Thornfield", query="refund")
    money, boots = add_case(runtime, "where is my refund?"), add_case(runtime, "the boots leak")
    _assign_all(runtime)
    assert case_of(runtime, money).team_id == billing
    assert case_of(runtime, boots).team_id == others


def test_who_is_given_a_case_is_told_once_and_the_audit_says_so(runtime: Runtime) -> None:
    ana = add_user(runtime)
    _team(runtime, ana, assign="load", name="Parcels")
    case_id = add_case(runtime)
    _assign_all(runtime)
    _assign_all(runtime)
    with runtime.db.read() as db:
        assert [(row.user_id, row.words) for row in db.scalars(select(Notification))] == [
            (ana, "Parcels gave you this case")
        ]
        [row] = db.scalars(select(Audit).where(Audit.action == "assign"))
        assert (row.case_id, row.detail["to"]) == (case_id, ana)


def test_what_somebody_has_not_touched_goes_to_others_with_one_click(runtime: Runtime) -> None:
    ana, bo = add_user(runtime, "Ana"), add_user(runtime, "Bo")
    _team(runtime, ana, bo, assign="load")
    untouched = [add_case(runtime, owner_id=ana) for _ in range(3)]
    begun = add_case(runtime, owner_id=ana, state="drafted")
    with runtime.db.write() as db:
        db.get_one(User, ana).away = True
    with runtime.db.write() as db:
        assert teams.assign_again(db, runtime.clock, ana, ana, "on leave") == 3
    assert {case_of(runtime, one).owner_id for one in untouched} == {bo}
    assert case_of(runtime, begun).owner_id == ana


def test_a_case_is_handed_over_with_a_reason_that_is_read(runtime: Runtime) -> None:
    ana, bo, looks = add_user(runtime, "Ana"), add_user(runtime, "Bo"), add_user(runtime, "Mia", "manager")
    team, case_id = _team(runtime, ana, bo), add_case(runtime, owner_id=ana)

    def hand(version: int, why: str = "speaks Danish", **to: int) -> Case:
        with runtime.db.write() as db:
            return teams.hand_over(db, runtime.clock, case_id, version, ana, why, **to)

    with pytest.raises(BadInput, match="Say why"):
        hand(1, "  ", to_user=bo)
    with pytest.raises(BadInput, match="may not answer"):
        hand(1, to_user=looks)
    with pytest.raises(BadInput, match="no such team"):
        hand(1, to_team=team + 1)
    assert hand(1, to_user=bo).owner_id == bo
    with pytest.raises(Stale):
        hand(1, to_user=bo)
    back = hand(2, "away till Monday", to_team=team)
    assert (back.owner_id, back.team_id) == (None, team)
    with runtime.db.read() as db:
        assert "speaks Danish" in db.scalars(select(Notification.words).where(Notification.user_id == bo)).one()
        assert audit.verify(db).problems == ()


def test_fifty_who_ask_for_the_next_never_get_the_same_case(runtime: Runtime) -> None:
    people = [add_user(runtime, f"Agent {number}") for number in range(50)]
    there = {add_case(runtime, priority=number) for number in range(60)}
    got: list[int | None] = []

    def ask(user_id: int) -> None:
        with runtime.db.write() as db:
            got.append(handing_out.next_case(db, runtime.clock, user_id, EVERYTHING))

    _all_at_once([partial(ask, one) for one in people])
    assert None not in got
    assert len(set(got)) == 50
    assert set(got) <= there
    with runtime.db.read() as db:
        assert Counter(db.scalars(select(Case.owner_id).where(Case.owner_id.is_not(None)))) == dict.fromkeys(people, 1)


def test_the_next_case_is_ones_own_if_overdue_then_the_most_pressing(runtime: Runtime, clock: HeldClock) -> None:
    ana, bo = add_user(runtime, "Ana"), add_user(runtime, "Bo")
    mine, theirs = _team(runtime, ana, name="Mine"), _team(runtime, bo, name="Theirs")
    add_case(runtime, priority=99, team_id=theirs)
    add_case(runtime, priority=98, owner_id=bo)
    add_case(runtime, priority=97, holder_id=bo, held_until=clock.now() + timedelta(minutes=1))
    add_case(runtime, priority=96, brand="Thornfield")
    add_case(runtime, priority=95, state="snoozed")
    low, high = add_case(runtime, priority=10), add_case(runtime, priority=60, team_id=mine)
    late = add_case(runtime, priority=1, owner_id=ana, due_at=clock.now() - timedelta(minutes=1))
    with runtime.db.read() as db:
        hidden = db.scalars(select(Brand.id).where(Brand.name == "Thornfield")).one()
    rights, found = Rights("agent", {hidden: "manager"}), []
    for _ in range(4):
        with runtime.db.write() as db:
            found.append(handing_out.next_case(db, clock, ana, rights))
            db.execute(update(Case).where(Case.id == late).values(first_reply_at=clock.now()))
    assert found == [late, high, low, None]
    row = case_of(runtime, high)
    assert (row.owner_id, row.holder_id) == (ana, ana)


def test_a_note_tells_those_it_names_who_may_see_it(runtime: Runtime) -> None:
    case_id = add_case(runtime)
    ana, anna = add_user(runtime, "Ana"), add_user(runtime, "Ana Maria")
    hidden = add_user(runtime, "Hid", NO_ROLE)
    text = "@ana maria and @Hid: <b>look</b>; mail@ana.example is not a name, @Anabel neither"
    with runtime.db.write() as db:
        note = notes.write_note(db, runtime.clock, case_id, hidden, text)
    with runtime.db.write() as db:
        notes.write_note(db, runtime.clock, case_id, ana, "@Ana that is me")
        with pytest.raises(Forbidden):
            notes.remove_note(db, runtime.clock, note.id, ana)
    with runtime.db.read() as db:
        assert db.scalars(select(Notification.user_id).where(Notification.kind == "mentioned")).all() == [anna]
        told = [row.detail for row in db.scalars(select(Audit).where(Audit.action == "note"))]
        assert "look" not in str(told)
    with runtime.db.write() as db:
        notes.remove_note(db, runtime.clock, note.id, hidden)
        assert db.get(Note, note.id) is None


@pytest.mark.parametrize("text", ["  ", "x" * (notes.LONGEST_NOTE + 1)])
def test_a_note_says_something_of_a_bearable_length(runtime: Runtime, text: str) -> None:
    case_id, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db, pytest.raises(BadInput):
        notes.write_note(db, runtime.clock, case_id, ana, text)


def test_a_tag_is_kept_once_however_it_is_written(runtime: Runtime) -> None:
    case_id, ana = add_case(runtime), add_user(runtime)
    with runtime.db.write() as db:
        for given in ("Late  Parcel", "#late parcel", "VIP"):
            notes.add_tag(db, runtime.clock, case_id, ana, given)
        for bad in ("", "#", "x" * 41):
            with pytest.raises(BadInput):
                notes.add_tag(db, runtime.clock, case_id, ana, bad)
    with runtime.db.write() as db:
        assert notes.tags_of(db, case_id) == ["late parcel", "vip"]
        notes.remove_tag(db, runtime.clock, case_id, ana, "Late parcel")
        assert db.scalars(select(CaseTag.tag)).all() == ["vip"]
        assert len(db.scalars(select(Audit).where(Audit.action == "tag")).all()) == 2


def test_the_stage_gives_what_it_opens_and_what_wakes_to_a_team(runtime: Runtime, clock: HeldClock) -> None:
    ana, brand = add_user(runtime), stories.add_brand(runtime)
    with runtime.db.write() as db:
        team = Team(brand_id=brand, name="All", assign="round_robin", created_at=clock.now())
        db.add(team)
        db.flush()
        db.add(TeamMember(team_id=team.id, user_id=ana))
    opened = stories.add_case(runtime)
    assert (opened.owner_id, opened.team_id) == (ana, team.id)
    with runtime.db.write() as db:
        cases.release(db, clock, opened.id, opened.version, ana)
        row = cases.snooze(db, clock, opened.id, opened.version + 1, ana, clock.now() + timedelta(hours=1))
        assert row.owner_id is None
    clock.advance(3601)
    stories.look(runtime)
    assert case_of(runtime, opened.id).owner_id == ana


def _all_at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run these in threads that begin together; an error in any fails the test."""
    start = threading.Barrier(len(tasks))
    errors: list[Exception] = []

    def run(task: Callable[[], object]) -> None:
        start.wait()
        try:
            task()
        except Exception as error:  # noqa: BLE001 - handed to the assertion below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
