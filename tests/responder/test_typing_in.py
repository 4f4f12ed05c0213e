"""What people type is never lost: not by others, not by their own second window, not by a decision."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from core.clock import HeldClock
from core.errors import Forbidden, Stale
from core.runtime import Runtime
from core.tables import Audit, Draft
from responder.desk import cases, typing_in
from tests.responder.stories import add_case, add_user, case


def save(runtime: Runtime, case_id: int, user_id: int, text: str, base: int | None = None) -> typing_in.Saved:
    with runtime.db.write() as db:
        return typing_in.save(db, runtime.clock, case_id, user_id, text, base)


def texts(runtime: Runtime, user_id: int) -> dict[str, list[str]]:
    with runtime.db.read() as db:
        rows = db.scalars(select(Draft).where(Draft.user_id == user_id).order_by(Draft.id)).all()
        return {origin: [row.text for row in rows if row.origin == origin] for origin in ("person", "kept")}


def test_a_text_is_kept_per_person_and_does_not_make_the_page_stale(runtime: Runtime, clock: HeldClock) -> None:
    one, ana, ben = add_case(runtime), add_user(runtime, "Ana"), add_user(runtime, "Ben")
    first = save(runtime, one.id, ana, "Dear", 0)
    assert save(runtime, one.id, ana, "Dear Ann", first.draft.version).kept is None
    assert save(runtime, one.id, ben, "Hi Ann", 0).holder_id == ana
    row = case(runtime, one.id)
    assert (row.state, row.version, row.owner_id, row.holder_id) == ("drafted", one.version, ana, ana)
    assert texts(runtime, ana)["person"] == ["Dear Ann"]
    assert texts(runtime, ben)["person"] == ["Hi Ann"]
    with runtime.db.write() as db:
        assert cases.approve(db, clock, one.id, one.version, ana, "Dear Ann").text == "Dear Ann"
    with runtime.db.read() as db:
        told = db.scalars(select(Audit.action).where(Audit.case_id == one.id).order_by(Audit.id)).all()
        assert told == ["open", "begin", "draft", "approve"]


def test_a_second_window_does_not_overwrite_unseen(runtime: Runtime) -> None:
    one, ana = add_case(runtime), add_user(runtime)
    begun = save(runtime, one.id, ana, "Dear Ann", 0).draft.version
    newer = save(runtime, one.id, ana, "Dear Ann, sorry", begun)
    older = save(runtime, one.id, ana, "Hello Ann", begun)
    assert older.kept is not None
    assert older.kept.text == newer.draft.text == "Dear Ann, sorry"
    assert texts(runtime, ana) == {"person": ["Hello Ann"], "kept": ["Dear Ann, sorry"]}
    again = save(runtime, one.id, ana, "Dear Ann, sorry", newer.draft.version)
    assert texts(runtime, ana) == {"person": ["Dear Ann, sorry"], "kept": ["Dear Ann, sorry", "Hello Ann"]}
    assert again.draft.version > older.draft.version


def test_a_save_whose_answer_was_lost_is_no_second_window(sqlite_runtime: Runtime) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    save(sqlite_runtime, one.id, ana, "Dear", 0)
    assert save(sqlite_runtime, one.id, ana, "Dear Ann", 0).kept is None


def test_a_text_that_is_replaced_as_a_whole_is_kept_and_one_that_is_edited_is_not(sqlite_runtime: Runtime) -> None:
    one, ana = add_case(sqlite_runtime), add_user(sqlite_runtime)
    edits = ["Dear Ann, we look for it", "Dear Ann, we look for it today", "Hi!", "Hi! Which order is it?", ""]
    for base, text in enumerate(edits):
        save(sqlite_runtime, one.id, ana, text, base)
    assert texts(sqlite_runtime, ana) == {"person": [""], "kept": [edits[1], edits[3]]}


def test_what_is_typed_is_kept_whatever_became_of_the_case(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ben = add_user(runtime, "Ana"), add_user(runtime, "Ben")
    with runtime.db.write() as db:
        cases.dismiss(db, clock, one.id, one.version, ana, "no need")
    save(runtime, one.id, ben, "Still typing")
    assert case(runtime, one.id).state == "dismissed"
    assert texts(runtime, ben)["person"] == ["Still typing"]
    with pytest.raises(Forbidden, match="no longer there"):
        save(runtime, 777, ben, "nowhere")


def test_nobody_approves_past_what_they_typed_elsewhere(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana = add_user(runtime)
    begun = save(runtime, one.id, ana, "Dear Ann", 0).draft.version
    save(runtime, one.id, ana, "Dear Ann, your refund is on its way", begun)
    with pytest.raises(Stale, match="in another window"), runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Dear Ann", seen=begun)
    with runtime.db.write() as db:
        assert cases.approve(db, clock, one.id, one.version, ana, "Dear Ann, done", seen=begun + 1)


def test_what_a_withdrawal_gives_back_does_not_overwrite_what_was_typed_since(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    runtime, one = sqlite_runtime, add_case(sqlite_runtime)
    ana, ben = add_user(runtime, "Ana"), add_user(runtime, "Ben")
    with runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, ana, "Sorry!")
    save(runtime, one.id, ben, "Better words")
    with runtime.db.write() as db:
        cases.withdraw(db, clock, one.id, one.version + 1, ben)
    assert texts(runtime, ben) == {"person": ["Sorry!"], "kept": ["Better words"]}
