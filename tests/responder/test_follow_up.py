"""After the reply: what the author says joins the case and is judged, silence proposes a question, never sends one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core import waiting
from core.clock import HeldClock
from core.runtime import Runtime
from core.tables import Audit, Case, Draft, Notification, PlaybookEntry, Reply
from core.types import Author
from responder.desk import cases
from responder.desk.outcome import Mood, compare
from responder.desk.states import move
from responder.drafts import playbook
from responder.drafts.draft import Answers, Entry, Occasion, OwnDrafter
from responder.outbox import post
from responder.timing import follow_up
from tests.responder.stories import (
    CHATTER,
    COMPLAINT,
    PRAISE,
    UNREAD,
    add_brand,
    add_user,
    all_cases,
    case,
    hear,
    look,
    members,
)

DAY = 86_400
ASK = "Hello {name}, is everything in order now? {brand}"


def answered(runtime: Runtime, clock: HeldClock, verdict: dict[str, Any] = COMPLAINT, **brand: Any) -> Case:
    """A case of Ann that was answered by hand a moment ago."""
    add_brand(runtime, own=[("bluesky", "us.example")], **{"follow_up_hours": 72} | brand)
    hear(runtime, "my parcel is late @us.example", verdict, native_id="root")
    look(runtime)
    (one,) = all_cases(runtime)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, one.version, add_user(runtime), "Sorry, Ann!")
    return case(runtime, one.id)


def add_entry(runtime: Runtime, brand_id: int, text: str = ASK, **values: Any) -> int:
    with runtime.db.write() as db:
        row = playbook.save(db, runtime.clock, brand_id, text=text, **{"name": "Ask", "tags": ["follow-up"]} | values)
        return row.id


def wait(runtime: Runtime, clock: HeldClock, seconds: float) -> None:
    clock.advance(seconds)
    while follow_up.work(runtime):
        pass


def test_silence_proposes_a_question_and_sends_none(runtime: Runtime, clock: HeldClock) -> None:
    one = answered(runtime, clock)
    add_entry(runtime, one.brand_id)
    wait(runtime, clock, 3 * DAY - 1)
    assert case(runtime, one.id).state == "answered_by_hand"
    wait(runtime, clock, 1)
    back = case(runtime, one.id)
    assert (back.state, back.reasons) == ("drafted", ["ask whether all is well now"])
    assert back.priority < one.priority
    assert back.first_reply_at is not None
    with runtime.db.read() as db:
        assert db.scalars(select(Draft.text)).all() == ["Hello Ann, is everything in order now? Hawkweed"]
        assert len(db.scalars(select(Reply)).all()) == 1
        assert waiting.count(db, "post") == 0


def test_a_question_that_was_sent_is_not_followed_by_another(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime, one = sqlite_runtime, answered(sqlite_runtime, clock)
    add_entry(runtime, one.brand_id)
    wait(runtime, clock, 3 * DAY)
    back = case(runtime, one.id)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, one.id, back.version, add_user(runtime, "Ben"), "All well?")
    wait(runtime, clock, 30 * DAY)
    assert case(runtime, one.id).state == "answered_by_hand"


@pytest.mark.parametrize(
    ("brand", "entry", "verdict", "values"),
    [
        ({"follow_up_hours": None}, True, COMPLAINT, {}),
        ({}, False, COMPLAINT, {}),
        ({}, True, PRAISE, {}),
        ({}, True, COMPLAINT, {"permission": "no"}),
        ({}, True, COMPLAINT, {"state": "dismissed"}),
    ],
    ids=["never", "no such entry", "praise", "not allowed", "dismissed"],
)
def test_where_nothing_is_proposed(
    sqlite_runtime: Runtime,
    clock: HeldClock,
    brand: dict[str, Any],
    entry: bool,
    verdict: dict[str, Any],
    values: dict[str, Any],
) -> None:
    one = answered(sqlite_runtime, clock, verdict, **brand)
    if entry:
        add_entry(sqlite_runtime, one.brand_id)
    with sqlite_runtime.db.write() as db:
        db.execute(update(Case).values(priority=one.priority, **values))
    wait(sqlite_runtime, clock, 4 * DAY)
    assert case(sqlite_runtime, one.id).state == values.get("state", "answered_by_hand")


@pytest.mark.parametrize(
    ("text", "verdict", "outcome", "state"),
    [
        ("it came, thank you!", PRAISE, "better", "answered_by_hand"),
        ("ok, it moves", CHATTER, "better", "new"),
        ("still not here", COMPLAINT, "same", "new"),
        ("immer noch nicht da", UNREAD, None, "new"),
    ],
)
def test_the_authors_next_word_joins_and_is_judged(
    runtime: Runtime, clock: HeldClock, text: str, verdict: dict[str, Any], outcome: str | None, state: str
) -> None:
    one = answered(runtime, clock)
    add_entry(runtime, one.brand_id)
    clock.advance(3600)
    word = hear(runtime, text, verdict, conversation="root")
    look(runtime)
    (after,) = all_cases(runtime)
    assert (after.state, after.outcome, after.outcome_mention_id) == (state, outcome, word)
    wait(runtime, clock, 4 * DAY)
    assert case(runtime, one.id).state == state
    with runtime.db.read() as db:
        recovered = db.scalars(select(Case.id).where(follow_up.recovered())).all()
    assert recovered == ([one.id] if outcome == "better" else [])


def test_a_word_that_comes_when_the_question_is_proposed_begins_a_new_clock(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    runtime, one = sqlite_runtime, answered(sqlite_runtime, clock)
    add_entry(runtime, one.brand_id)
    wait(runtime, clock, 3 * DAY)
    hear(runtime, "nothing is well", conversation="root")
    look(runtime)
    back = case(runtime, one.id)
    assert (back.state, back.first_reply_at, back.outcome) == ("drafted", None, "same")
    assert back.due_at == clock.now() + timedelta(minutes=60)


def test_what_was_suggested_for_the_first_word_is_not_offered_for_the_next(runtime: Runtime, clock: HeldClock) -> None:
    one = answered(runtime, clock)
    with runtime.db.write() as db:
        draft = Draft(case_id=one.id, text="Sorry it is late", origin="playbook", why="fits", created_at=clock.now())
        db.add(draft)
    hear(runtime, "and now it is broken", conversation="root")
    look(runtime)
    with runtime.db.read() as db:
        assert db.scalars(select(Draft)).all() == []
        assert [row.action for row in db.scalars(select(Audit).order_by(Audit.id))][-1] == "come_back"


def test_the_question_comes_in_the_authors_language(sqlite_runtime: Runtime, clock: HeldClock) -> None:
    runtime = sqlite_runtime
    one = answered(runtime, clock, COMPLAINT | {"language": "de-AT"})
    add_entry(runtime, one.brand_id)
    german = add_entry(runtime, one.brand_id, "Ist alles gut, {name}?", name="Frage", language="de")
    add_entry(runtime, one.brand_id, "Alt", name="Alt", language="de")
    with runtime.db.write() as db:
        db.execute(update(PlaybookEntry).where(PlaybookEntry.name == "Alt").values(active=False))
    wait(runtime, clock, 3 * DAY)
    with runtime.db.read() as db:
        assert db.scalars(select(Draft.playbook_id)).all() == [german]


def test_such_entries_are_never_suggested_for_a_post() -> None:
    entry = Entry(
        1, 1, "Ask", "is everything in order with your parcel now?", "parcel late", ("follow-up",), "en", None
    )
    asked = Occasion("my parcel is late", "bluesky", "en", "negative", True, False, Author("1", "ann"), "Hawkweed")
    assert OwnDrafter().draft([asked], Answers(1, [entry])) == [()]


@pytest.mark.parametrize(
    ("question", "purchase", "offered"), [(False, True, True), (True, False, True), (False, False, False)]
)
def test_entries_about_buying_are_for_who_wants_to_buy(question: bool, purchase: bool, offered: bool) -> None:
    entry = Entry(1, 1, "Advice", "happy to help you choose boots", "boots, which to buy", ("purchase",), "en", None)
    asked = Occasion(
        "thinking of boots to buy", "bluesky", "en", "neutral", False, question, Author("1", "ann"), "Hawkweed"
    )
    [drafts] = OwnDrafter().draft([replace(asked, purchase=purchase)], Answers(1, [entry]))
    assert bool(drafts) is offered


def test_praise_gets_a_thank_you_and_never_an_apology() -> None:
    sorry = Entry(1, 1, "Late", "sorry that your boots are late", "boots late", (), "en", None)
    thanks = Entry(2, 1, "Thanks", "{name}, you made our day", "praise", ("praise",), "en", None)
    kind = Occasion("love the boots", "bluesky", "en", "positive", False, False, Author("1", "ann"), "Hawkweed")
    [drafts] = OwnDrafter().draft([replace(kind, praise=True)], Answers(1, [sorry, thanks]))
    assert [draft.playbook_id for draft in drafts] == [2]


ANGRY = Mood(complaint=True, negative=0.5, anger=0.6, kind=False)


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (Mood(complaint=False, negative=-0.8, anger=0.0, kind=True), "better"),
        (Mood(complaint=False, negative=0.45, anger=0.1, kind=True), "better"),  # kind, whatever the shares
        (Mood(complaint=False, negative=0.2, anger=0.1, kind=False), "better"),  # no complaint, 0.3 less negative
        (Mood(complaint=False, negative=0.21, anger=0.1, kind=False), "same"),  # not clearly
        (Mood(complaint=True, negative=-0.5, anger=0.1, kind=True), "same"),  # a complaint, however kind
        (Mood(complaint=True, negative=0.5, anger=0.6, kind=False), "same"),
        (Mood(complaint=None, negative=0.5, anger=0.6, kind=False), "same"),
        (Mood(complaint=True, negative=0.81, anger=0.6, kind=False), "worse"),
        (Mood(complaint=True, negative=0.5, anger=0.91, kind=False), "worse"),
        (None, None),
    ],
)
def test_better_same_or_worse(after: Mood | None, outcome: str | None) -> None:
    assert compare(ANGRY, after) == outcome


def test_a_complaint_where_there_was_none_is_worse_and_ironic_thanks_are_not_better() -> None:
    calm = Mood(complaint=False, negative=0.0, anger=0.0, kind=False)
    assert compare(calm, Mood(complaint=True, negative=0.1, anger=0.0, kind=False)) == "worse"
    assert compare(calm, calm) == "same"
    assert compare(None, calm) is None

    class Said:
        sentiment, complaint, irony = "positive", False, 0.8
        scores, emotions = {"positive": 0.5, "negative": 0.4}, dict[str, float]()

    mood = Mood.of(Said())
    assert mood is not None
    assert not mood.kind


def approved(runtime: Runtime, clock: HeldClock) -> Case:
    """A case of Ann, an answer to which goes out in a moment."""
    add_brand(runtime)
    hear(runtime, "my parcel is late", native_id="root")
    look(runtime)
    (one,) = all_cases(runtime)
    with runtime.db.write() as db:
        cases.approve(db, clock, one.id, one.version, add_user(runtime, "Bo", "approver"), "Sorry, Ann! Which order?")
    return case(runtime, one.id)


def test_a_word_of_its_author_holds_an_approved_reply_back(runtime: Runtime, clock: HeldClock) -> None:
    one = approved(runtime, clock)
    clock.advance(5)
    word = hear(runtime, "it is order 4711 @us.example", reply_to="root")
    look(runtime)
    back = case(runtime, one.id)
    assert (back.state, members(runtime)) == ("drafted", {one.id: [one.mention_id, word]})
    clock.advance(60)
    assert post.work(runtime) == 0
    with runtime.db.read() as db:
        assert waiting.count(db, "post") == 0
        assert db.scalars(select(Reply)).all() == []
        assert db.scalars(select(Draft.text).where(Draft.origin == "person")).all() == ["Sorry, Ann! Which order?"]
        [told] = db.scalars(select(Notification))
        assert told.words == "The author wrote again, so your reply was held back"
    assert not runtime.settings.outbox.exists()


def test_a_word_that_crosses_our_reply_waits_for_it_and_brings_the_case_back(
    runtime: Runtime, clock: HeldClock
) -> None:
    one = approved(runtime, clock)
    clock.advance(10)
    with runtime.db.write() as db:
        going = move(db, clock, "start", one.id, one.version, None)
    word = hear(runtime, "still nothing!", reply_to="root")
    look(runtime)
    assert members(runtime) == {one.id: [one.mention_id]}
    clock.advance(3)
    with runtime.db.write() as db:
        move(db, clock, "sent", one.id, going.version, None)
        db.execute(update(Reply).values(sent_at=clock.now(), native_id="ours"))
    clock.advance(2)
    look(runtime)
    back = case(runtime, one.id)
    assert (back.state, back.mention_id, members(runtime)) == ("new", word, {one.id: [one.mention_id, word]})
    with runtime.db.read() as db:
        assert waiting.count(db, "open_case") == 0


def test_of_a_reply_that_stays_on_its_way_nobody_is_kept_waiting_for_long(
    sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    one = approved(sqlite_runtime, clock)
    with sqlite_runtime.db.write() as db:
        move(db, clock, "start", one.id, one.version, None)
    hear(sqlite_runtime, "still nothing!", reply_to="root")
    look(sqlite_runtime)
    clock.advance(600)
    look(sqlite_runtime)
    assert [row.state for row in all_cases(sqlite_runtime)] == ["sending", "new"]
