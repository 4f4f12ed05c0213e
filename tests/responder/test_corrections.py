"""One word of a person changes a mention everywhere at once, and holds against whatever the model says later."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from core import waiting
from core.errors import BadInput
from core.roles import EVERYTHING
from core.runtime import Runtime
from core.tables import Audit, Case, Correction, Mention, Verdict
from core.types import Verdict as Reading
from listener.forget import forget_mentions
from responder.desk.judged_again import look_again
from sentiment import corrections
from sentiment.judge import judge_batch
from tests.responder.stories import CHATTER, add_brand, add_case, add_user, case, hear, look
from web.export import exported
from web.queries import inbox


class Same:
    """A model of another name that calls everything a complaint."""

    name = "fake-2"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Reading]:
        scores = {"negative": 0.9, "neutral": 0.1, "positive": 0.0}
        return [Reading(self.name, "en", "negative", scores, True, 0.95) for _ in texts]


def correct(runtime: Runtime, mention_id: int, head: str, label: str | None, user_id: int | None = None) -> set[int]:
    """Say it as the page does; which mentions are in a case."""
    user_id = user_id or add_user(runtime, f"Ana {head} {label}")
    with runtime.db.write() as db:
        corrections.correct(db, runtime.clock, mention_id, head, label, user_id=user_id, user_name="Ana")
        return look_again(db, runtime.clock, [mention_id])


def counts(runtime: Runtime, mention_id: int) -> Verdict:
    """The verdict that counts."""
    with runtime.db.read() as db:
        newest = select(Verdict).where(Verdict.mention_id == mention_id).order_by(Verdict.id.desc()).limit(1)
        return db.scalars(newest).one()


def test_a_correction_changes_the_mention_everywhere_at_once(runtime: Runtime) -> None:
    row = add_case(runtime, "my parcel is late", minutes_ago=0)
    assert row.reasons[0] == "complaint (94%)"
    assert correct(runtime, row.mention_id, "complaint", "no") == {row.mention_id}
    assert correct(runtime, row.mention_id, "sentiment", "neutral") == {row.mention_id}
    after = case(runtime, row.id)
    assert after.priority < row.priority
    assert (row.kind, after.kind) == ("complaint", "other")
    assert not [reason for reason in after.reasons if "complaint" in reason or "negative" in reason]
    assert (after.version, after.state) == (row.version, "new")
    with runtime.db.read() as db:
        [listed] = inbox.load(db, [row.id])
        assert (listed.sentiment, listed.complaint) == ("neutral", False)
        assert [one.id for one in inbox.page(db, inbox.Wanted(EVERYTHING, sentiment="neutral")).rows] == [row.id]
        assert inbox.page(db, inbox.Wanted(EVERYTHING, sentiment="negative")).rows == []
    [record] = exported(runtime.db)
    assert (record["sentiment"], record["complaint"], record["priority"]) == ("neutral", False, after.priority)


def test_what_the_model_said_is_kept_and_comes_back(runtime: Runtime) -> None:
    row = add_case(runtime, minutes_ago=0)
    correct(runtime, row.mention_id, "complaint", "no")
    with runtime.db.read() as db:
        [said] = db.scalars(select(Correction)).all()
    assert (said.head, said.label, said.was) == ("complaint", "no", "yes")
    assert (said.platform, said.model, said.user_name) == ("bluesky", "fake-1", "Ana")
    assert counts(runtime, row.mention_id).model == "people"
    correct(runtime, row.mention_id, "complaint", None)
    assert counts(runtime, row.mention_id).model == "fake-1"
    assert case(runtime, row.id).priority == row.priority
    assert case(runtime, row.id).reasons == row.reasons


def test_of_two_corrections_of_one_head_the_last_holds(runtime: Runtime) -> None:
    row = add_case(runtime)
    correct(runtime, row.mention_id, "emotion", "anger")
    correct(runtime, row.mention_id, "emotion", "sadness")
    found = counts(runtime, row.mention_id)
    assert (found.emotion, found.emotions["sadness"], found.emotions["anger"]) == ("sadness", 1.0, 0.0)
    with runtime.db.read() as db:
        assert len(db.scalars(select(Correction)).all()) == 1


def test_a_mention_without_a_case_gets_one_once_it_is_called_a_complaint(runtime: Runtime) -> None:
    add_brand(runtime)
    mention_id = hear(runtime, "nice weather at hawkweed", CHATTER)
    look(runtime)
    assert correct(runtime, mention_id, "complaint", "yes") == set()
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "open_case", [mention_id])
    look(runtime)
    with runtime.db.read() as db:
        opened = db.scalars(select(Case)).one()
    assert (opened.mention_id, opened.reasons[0]) == (mention_id, "complaint (100%)")


def test_a_model_that_comes_later_does_not_undo_it(runtime: Runtime) -> None:
    row = add_case(runtime)
    correct(runtime, row.mention_id, "complaint", "no")
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "judge", [row.mention_id])
    judge_batch(runtime, Same())
    found = counts(runtime, row.mention_id)
    assert (found.model, found.complaint, found.sentiment) == ("people", False, "negative")


def test_judged_anew_a_case_presses_as_the_new_verdict_says(runtime: Runtime) -> None:
    add_brand(runtime)
    mention_id = hear(runtime, "where is my parcel?", CHATTER | {"complaint": None, "complaint_score": 0.5})
    look(runtime)
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "judge", [mention_id])
    with runtime.db.read() as db:
        before = db.scalars(select(Case)).one()
    judge_batch(runtime, Same())
    look(runtime)
    after = case(runtime, before.id)
    assert after.priority > before.priority
    assert after.reasons[0] == "complaint (95%)"
    with runtime.db.read() as db:
        last = db.scalars(select(Audit).where(Audit.action == "judged_again")).one()
    assert last.detail == {"from": before.priority, "to": after.priority}


def test_what_people_said_goes_with_the_text(runtime: Runtime) -> None:
    row = add_case(runtime)
    correct(runtime, row.mention_id, "complaint", "no")
    with runtime.db.write() as db:
        forget_mentions(db, runtime.clock, [row.mention_id])
    with runtime.db.read() as db:
        assert db.scalars(select(Correction)).all() == []
    with pytest.raises(BadInput, match="no verdict"):
        correct(runtime, row.mention_id, "complaint", "yes")


def test_what_people_said_goes_with_the_row(runtime: Runtime) -> None:
    row = add_case(runtime)
    correct(runtime, row.mention_id, "complaint", "no")
    with runtime.db.write() as db:
        db.delete(db.get_one(Mention, row.mention_id))
        db.flush()
        assert db.scalars(select(Correction)).all() == []


@pytest.mark.parametrize(("head", "label"), [("complaint", "perhaps"), ("colour", "yes"), ("intent", "")])
def test_a_label_that_there_is_not_is_refused(runtime: Runtime, head: str, label: str) -> None:
    row = add_case(runtime)
    with pytest.raises(BadInput, match="cannot be"):
        correct(runtime, row.mention_id, head, label)


def test_an_earlier_word_that_was_kind_after_all_does_not_count_as_left_alone(runtime: Runtime) -> None:
    row = add_case(runtime, "my parcel is late", author="ann", minutes_ago=90)
    with runtime.db.write() as db:
        db.get_one(Case, row.id).state = "dismissed"
    correct(runtime, row.mention_id, "sentiment", "positive")
    again = add_case(runtime, "my parcel is late again", author="ann")
    assert not [reason for reason in again.reasons if "message" in reason]


def test_what_was_no_complaint_and_is_one_is_due_sooner(runtime: Runtime) -> None:
    add_brand(runtime, own=[("bluesky", "hawkweed")], urgent_reply_minutes=5)
    facts = {"followers": 900_000, "likes": 9_000, "emotions": {"anger": 0.9}}
    verdict = CHATTER | {"complaint": None, "complaint_score": 0.4, "emotions": facts.pop("emotions")}
    mention_id = hear(runtime, "@hawkweed really?", verdict, **facts)  # type: ignore[arg-type]
    look(runtime)
    with runtime.db.read() as db:
        before = db.scalars(select(Case)).one()
    correct(runtime, mention_id, "complaint", "yes")
    after = case(runtime, before.id)
    assert (before.severity, after.severity, after.kind) == ("high", "urgent", "complaint")
    assert before.due_at is not None
    assert after.due_at is not None
    assert after.due_at < before.due_at
