"""The holding reply case by case: each an approval of its own, of exactly the text that was seen, and only once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.errors import Forbidden, Stale
from core.runtime import Runtime
from core.tables import Case, Incident, Reply
from responder.desk import cases, typing_in
from responder.drafts import playbook
from responder.incidents import holding_reply, incidents
from responder.incidents.holding_reply import Done, ForCase
from tests.responder.ripples import add_cases, add_incident, incident
from tests.responder.stories import add_brand, add_user, case

TEXT = "Sorry {name}, {brand} is on it. {agent}"


def hold(runtime: Runtime, made: list[Case], user_id: int, text: str = TEXT) -> int:
    """An incident of these cases with a holding reply."""
    one = add_incident(runtime, made, "Cards")
    set_text(runtime, one, user_id, text)
    return one


def set_text(runtime: Runtime, one: int, user_id: int, text: str) -> None:
    with runtime.db.write() as db:
        incidents.set_holding(db, runtime.clock, one, incident(runtime, one).version, user_id, text)


def seen(runtime: Runtime, one: int, user_id: int) -> dict[int, ForCase]:
    with runtime.db.read() as db:
        shown, _ = holding_reply.for_cases(db, runtime, db.get_one(Incident, one), user_id)
        return {each.case.id: each for each in shown}


def approve(runtime: Runtime, one: int, user_id: int, sign: str) -> Done:
    with runtime.db.write() as db:
        return holding_reply.approve(db, runtime, one, user_id, sign)


def replies(runtime: Runtime) -> list[tuple[int, str]]:
    with runtime.db.read() as db:
        return [(row.case_id, row.text) for row in db.scalars(select(Reply).order_by(Reply.id))]


def test_of_two_who_approve_the_same_cases_each_case_is_approved_once(runtime: Runtime) -> None:
    ana, ben = add_user(runtime), add_user(runtime, "Ben")
    made = add_cases(runtime, 4)
    one = hold(runtime, made, ana, "Sorry {name}, we are on it.")
    signs = [each.sign for each in seen(runtime, one, ana).values()]
    results: dict[int, list[str]] = {ana: [], ben: []}

    def all_of_them(user_id: int) -> None:
        for sign in signs:
            try:
                results[user_id].append(approve(runtime, one, user_id, sign).became)
            except (Stale, Forbidden):
                results[user_id].append("refused")

    threads = [threading.Thread(target=all_of_them, args=(user_id,)) for user_id in (ana, ben)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [sorted(pair) for pair in zip(results[ana], results[ben], strict=True)] == [["approved", "refused"]] * 4
    assert sorted(case_id for case_id, _ in replies(runtime)) == sorted(each.id for each in made)


def test_exactly_what_was_seen_goes_out_or_nothing(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, ana, made = sqlite_runtime, add_user(sqlite_runtime), add_cases(sqlite_runtime)
    one = hold(runtime, made, ana)
    first = seen(runtime, one, ana)
    assert first[made[0].id].text.endswith(", Hawkweed is on it. Ana")
    set_text(runtime, one, ana, "Something else, {name}.")
    with pytest.raises(Stale, match="has changed since you looked"):
        approve(runtime, one, ana, first[made[0].id].sign)
    for bad in ("", "x", "99.1.abc", "9" * 40):
        with pytest.raises(Forbidden, match="not in this incident"):
            approve(runtime, one, ana, bad)
    assert approve(runtime, one, ana, seen(runtime, one, ana)[made[0].id].sign).became == "approved"
    assert [text.startswith("Something else, ") for _, text in replies(runtime)] == [True]
    with runtime.db.write() as db:
        cases.withdraw(db, clock, made[0].id, case(runtime, made[0].id).version, ana)
    assert replies(runtime) == []


def test_what_stands_against_a_case_is_said_before_it_is_ticked(sqlite_runtime: Runtime) -> None:
    runtime, ana, made = sqlite_runtime, add_user(sqlite_runtime), add_cases(sqlite_runtime, 5)
    ben = add_user(runtime, "Ben")
    one = hold(runtime, made, ana, "Sorry {name}, order {order}.")
    assert "{order} has to be filled in" in seen(runtime, one, ana)[made[0].id].why_not
    set_text(runtime, one, ana, "x" * 400)
    assert "too long" in seen(runtime, one, ana)[made[0].id].why_not
    set_text(runtime, one, ana, TEXT)
    with runtime.db.write() as db:
        db.get_one(Case, made[0].id).permission = "no"
        typing_in.save(db, runtime.clock, made[1].id, ben, "my own words for them")
        db.get_one(Case, made[2].id).state = "unsure"
    found = seen(runtime, one, ana)
    assert found[made[0].id].why_not.startswith("no answer here")
    assert (found[made[1].id].why_not, found[made[1].id].typed) == ("Ben is answering it", "Ben")
    assert found[made[2].id].why_not.startswith("it is unsure")
    assert [found[each.id].clean for each in made] == [False, False, False, True, True]
    with pytest.raises(Forbidden, match="Ben is answering it"):
        approve(runtime, one, ana, found[made[1].id].sign)


def test_it_is_proposed_where_an_agent_may_not_decide(sqlite_runtime: Runtime) -> None:
    runtime, ana, bo = sqlite_runtime, add_user(sqlite_runtime), add_user(sqlite_runtime, "Bo", "approver")
    add_brand(runtime, approval={"incident": True})
    made = add_cases(runtime, 2)
    one = hold(runtime, made, ana, "We are on it.")
    done = approve(runtime, one, ana, seen(runtime, one, ana)[made[0].id].sign)
    assert done == Done(made[0].id, "proposed", "it belongs to an incident")
    assert approve(runtime, one, bo, seen(runtime, one, bo)[made[1].id].sign).became == "approved"
    assert case(runtime, made[0].id).state == "proposed"


def test_nothing_goes_out_once_the_incident_is_over(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, ana, made = sqlite_runtime, add_user(sqlite_runtime), add_cases(sqlite_runtime)
    one = hold(runtime, made, ana)
    sign = seen(runtime, one, ana)[made[0].id].sign
    with runtime.db.write() as db:
        incidents.end(db, clock, one, incident(runtime, one).version, ana, "fixed")
    with pytest.raises(Forbidden, match="not in this incident any more"):
        approve(runtime, one, ana, sign)


def test_the_playbook_offers_what_is_for_known_issues_and_what_is_like_its_posts(sqlite_runtime: Runtime) -> None:
    runtime, ana, made = sqlite_runtime, add_user(sqlite_runtime), add_cases(sqlite_runtime)
    entries = {
        "Card refused": ("Sorry that checkout refused your card.", ()),
        "Known": ("{status}", ("known-issue",)),
        "Thanks": ("Thank you for your card!", ("praise",)),
        "Over": ("Checkout takes your card again.", ("issue-ended",)),
        "Bananas": ("Bananas ripen.", ()),
    }
    with runtime.db.write() as db:
        for name, (text, tags) in entries.items():
            playbook.save(db, runtime.clock, made[0].brand_id, name=name, text=text, tags=tags)
    one = hold(runtime, made, ana)
    with runtime.db.read() as db:
        offered = holding_reply.offered(db, runtime.clock, db.get_one(Incident, one))
    assert [entry.name for entry in offered] == ["Known", "Card refused"]
