"""Past replies: the brand's own, sent, newest first, and without whom they were to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from core.runtime import Runtime
from core.tables import Author, Brand, Case, CaseMention, Draft, Reply
from listener.forget import forget_mentions
from responder.desk.open_case import open_cases
from responder.drafts.draft import OwnDrafter
from responder.drafts.past import PastReplies, PastReply, templated
from tests.responder.stories import add_brand, add_case, add_user, hear


def send(runtime: Runtime, case_id: int, text: str, user_id: int | None = None, *, sent: bool = True) -> int:
    """A reply to a case; the later its case, the longer ago. Gives its id."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        row = Reply(case_id=case_id, turn=1, key=f"k{case_id}", text=text, account="", via="files", approved_at=now)
        row.approved_by, row.sent_at = user_id, now - timedelta(hours=case_id) if sent else None
        db.add(row)
        db.flush()
        return row.id


def of(runtime: Runtime, past: PastReplies | None = None, brand: str = "hawkweed") -> tuple[PastReply, ...]:
    with runtime.db.read() as db:
        brand_id = db.scalars(select(Brand.id).where(Brand.slug == brand)).one()
        return (past or PastReplies()).of(db, brand_id)


def test_a_sent_reply_is_remembered_with_its_post_and_who_sent_it(runtime: Runtime) -> None:
    ana = add_user(runtime)
    first = add_case(runtime, "my parcel is late, call 030 1234567", author="ann")
    second = add_case(runtime, "the app crashes", author="ben")
    send(runtime, second.id, "Hi Ben, sorry. Ana", ana)
    send(runtime, first.id, "Sorry, Ann! It is on its way. Ana", ana)
    one, other = of(runtime)
    assert (one.asked, one.text) == ("my parcel is late, call [phone]", "Sorry, {name}! It is on its way. {agent}")
    assert (one.sent_by, one.day, one.language, one.complaint) == ("Ana", "20 November 2026", "en", True)
    assert other.asked == "the app crashes"


def test_what_was_not_sent_or_is_another_brands_is_not_used(runtime: Runtime) -> None:
    add_brand(runtime, "other")
    send(runtime, add_case(runtime, author="ann").id, "To Ann", sent=False)
    send(runtime, add_case(runtime, author="ben", brand="other").id, "Hello Ben")
    assert of(runtime) == ()
    assert [one.text for one in of(runtime, brand="other")] == ["Hello {name}"]


def test_only_the_newest_are_read_and_each_once(runtime: Runtime) -> None:
    past = PastReplies(newest=2)
    for number in range(4):
        send(runtime, add_case(runtime, f"late {number}").id, "Sorry!")
    before = of(runtime, past)
    assert [one.asked for one in before] == ["late 0", "late 1"]
    assert all(now is then for now, then in zip(of(runtime, past), before, strict=True))


def test_what_was_forgotten_is_used_no_more_even_where_it_was_read_before(runtime: Runtime) -> None:
    past = PastReplies()
    case = add_case(runtime, "my lamp broke in Linz", author="ann")
    kept = add_case(runtime, "another lamp", author="ben")
    joined = hear(runtime, "and it smells", author="ben")
    send(runtime, case.id, "We are sorry about Linz")
    send(runtime, kept.id, "It smells, we know")
    with runtime.db.write() as db:
        db.add(CaseMention(mention_id=joined, case_id=kept.id, why="same author", joined_at=runtime.clock.now()))
    assert len(of(runtime, past)) == 2
    with runtime.db.write() as db:
        forget_mentions(db, runtime.clock, [case.mention_id, joined])
    assert of(runtime, past) == ()


def again(runtime: Runtime) -> tuple[Case, Case, int]:
    """A case that was answered, and a like one for which the reply is suggested again; and the reply's id."""
    first = add_case(runtime, "my parcel is late", author="ann")
    sent = send(runtime, first.id, "Ann, we know.")
    hear(runtime, "my parcel is late", author="ben")
    open_cases(runtime, OwnDrafter())
    with runtime.db.read() as db:
        second = db.scalars(select(Case).order_by(Case.id.desc())).first()
        assert second is not None
        assert [(one.origin, one.reply_id, one.text) for one in second.drafts] == [("past", sent, "Ben, we know.")]
    return first, second, sent


@pytest.mark.parametrize("forgotten", [0, 1])
def test_a_draft_goes_with_the_mention_that_it_answers_and_with_the_one_that_its_words_once_answered(
    runtime: Runtime, forgotten: int
) -> None:
    first, second, _ = again(runtime)
    with runtime.db.write() as db:
        asked = {"case_id": second.id, "text": "Ben, sorry.", "why": "written", "created_at": runtime.clock.now()}
        db.add(Draft(origin="writer", **asked))
    with runtime.db.write() as db:
        forget_mentions(db, runtime.clock, [(first, second)[forgotten].mention_id])
    with runtime.db.read() as db:
        left = [one.origin for one in db.get_one(Case, second.id).drafts]
    assert left == ["writer"] * (forgotten == 0)


@pytest.mark.parametrize(
    ("sent", "template"),
    [
        ("Hi Ann, sorry! Will you write to us? Bo", "Hi {name}, sorry! Will you write to us? {agent}"),
        ("Ann Lee, sorry. - Bo", "{name}, sorry. - {agent}"),
        ("@ann.lee sorry about order HW-204411", "{name} sorry about order {order}"),
        ("@ann.lee call 030 1234567", "{name} call {phone}"),
        ("write to ann@example.com", "write to {email}"),
        ("The lee side is dry", "The lee side is dry"),
        ("Bo knows. Bo!", "Bo knows. {agent}!"),
    ],
)
def test_a_reply_forgets_whom_it_was_to(sent: str, template: str) -> None:
    ann = Author(platform="bluesky", native_id="1", handle="ann.lee", name="Ann Lee")
    assert templated(sent, ann, "Bo") == template


def test_a_customer_called_like_a_word_leaves_the_word_alone() -> None:
    will = Author(platform="bluesky", native_id="1", handle="w", name="Will")
    assert templated("Will, we will. Will it do?", will, "") == "{name}, we will. Will it do?"


def test_a_forgotten_author_has_no_name_to_take_out() -> None:
    nobody = Author(platform="bluesky", native_id="forgotten:1", handle="", name="")
    assert templated("Sorry about that.", nobody, "") == "Sorry about that."
