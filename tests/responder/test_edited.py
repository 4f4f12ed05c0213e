"""An author edits a post that has a case: people decide on what stands there now, and see what changed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from core import waiting
from core.clock import HeldClock
from core.errors import Stale
from core.runtime import Runtime
from core.tables import Audit, Case, Draft, Mention, MentionVersion, Notification, Source
from core.types import Author, Page
from core.types import Draft as Suggestion
from core.types import Mention as Heard
from core.types import Verdict as Reading
from listener.collect import collect
from listener.forget import forget_mentions
from listener.matching import BrandMatcher
from responder.desk import cases, typing_in
from responder.desk.open_case import open_cases
from responder.drafts.draft import Answers, Occasion
from sentiment.judge import judge_batch
from tests.responder.stories import CHATTER, add_brand, add_user, case, hear


class Reader:
    """A model that calls a complaint whatever says "broken"."""

    name = "fake-1"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Reading]:
        return [self._read("broken" in text) for text in texts]

    def _read(self, complaint: bool) -> Reading:
        scores = {"negative": 0.9 if complaint else 0.1, "neutral": 0.1, "positive": 0.0}
        return Reading(self.name, "en", "negative" if complaint else "neutral", scores, complaint, scores["negative"])


class Repeats:
    """A drafter that says what it was asked about."""

    def draft(self, occasions: Sequence[Occasion], answers: Answers) -> list[tuple[Suggestion, ...]]:
        return [(Suggestion(f"About: {one.text}", "past", "alike"),) for one in occasions]


def edit(runtime: Runtime, mention_id: int, text: str) -> None:
    """The platform tells of an edit; then the stages go on until nothing is left."""
    with runtime.db.write() as db:
        row, source = db.get_one(Mention, mention_id), db.scalars(select(Source)).first()
        author = Author(row.author.native_id, row.author.handle)
        now = Heard(row.platform, row.native_id, author, text, row.created_at)
        assert source is not None
        collect(db, runtime.clock, source, Page(edited=(now,)), BrandMatcher.load(db))
    judge_batch(runtime, Reader())
    open_cases(runtime, Repeats())


def begun(runtime: Runtime, clock: HeldClock, text: str = "@hawkweed where is it?", **heard: object) -> Case:
    """A case of a post that somebody is about to edit, a minute later."""
    add_brand(runtime, own=[("bluesky", "hawkweed")])
    mention_id = hear(runtime, text, CHATTER, **heard)  # type: ignore[arg-type]
    open_cases(runtime, Repeats())
    clock.advance(60)
    with runtime.db.read() as db:
        return db.scalars(select(Case).where(Case.mention_id == mention_id)).one()


def suggested(runtime: Runtime, origin: str = "past") -> list[str]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Draft.text).where(Draft.origin == origin)))


def test_priority_kind_and_suggestions_follow_and_whoever_decides_on_the_old_text_looks_again(
    runtime: Runtime, clock: HeldClock
) -> None:
    before = begun(runtime, clock)
    user_id = add_user(runtime)
    with runtime.db.write() as db:
        cases.claim(db, clock, before.id, before.version, user_id)
        typing_in.save(db, clock, before.id, user_id, "On its way")
    held = case(runtime, before.id)
    edit(runtime, before.mention_id, "@hawkweed it came broken")
    after = case(runtime, before.id)
    assert (before.kind, after.kind) == ("question", "complaint")
    assert after.priority > before.priority
    assert not [reason for reason in after.reasons if "question" in reason]
    assert suggested(runtime) == ["About: @hawkweed it came broken"]
    assert suggested(runtime, "person") == ["On its way"]
    with pytest.raises(Stale, match="saw that its author edited the post"), runtime.db.write() as db:
        cases.approve(db, clock, before.id, held.version, user_id, "On its way")
    with runtime.db.read() as db:
        told = db.scalars(select(Notification).where(Notification.case_id == before.id)).one()
        versions = db.scalars(select(MentionVersion)).all()
    assert (told.user_id, told.words) == (user_id, "The author edited their post")
    assert [(one.mention_id, one.text) for one in versions] == [(before.mention_id, "@hawkweed where is it?")]


def test_each_edit_is_followed_once(runtime: Runtime, clock: HeldClock) -> None:
    before = begun(runtime, clock)
    edit(runtime, before.mention_id, "@hawkweed it came broken")
    once = case(runtime, before.id)
    clock.advance(60)
    with runtime.db.write() as db:
        waiting.add(db, clock, "open_case", [before.mention_id])
    open_cases(runtime, Repeats())
    assert case(runtime, before.id).version == once.version
    edit(runtime, before.mention_id, "@hawkweed it came, thanks. When is the next?")
    twice = case(runtime, before.id)
    assert twice.version == once.version + 1
    assert twice.kind == "question"


def test_a_snoozed_case_wakes_and_a_dismissed_one_comes_back_when_it_has_become_a_complaint(
    runtime: Runtime, clock: HeldClock
) -> None:
    before = begun(runtime, clock)
    user_id = add_user(runtime)
    with runtime.db.write() as db:
        cases.dismiss(db, clock, before.id, before.version, user_id, "nothing to do")
    edit(runtime, before.mention_id, "@hawkweed where is it, please?")
    assert case(runtime, before.id).state == "dismissed"
    clock.advance(60)
    edit(runtime, before.mention_id, "@hawkweed it is broken")
    back = case(runtime, before.id)
    assert back.state == "new"
    with runtime.db.write() as db:
        cases.snooze(db, clock, back.id, back.version, user_id, clock.now().replace(year=2030))
    clock.advance(60)
    edit(runtime, before.mention_id, "@hawkweed it is broken, all of it")
    assert case(runtime, before.id).state == "new"


def test_of_an_answered_case_the_history_tells_it(runtime: Runtime, clock: HeldClock) -> None:
    before = begun(runtime, clock)
    with runtime.db.write() as db:
        cases.answer_by_hand(db, clock, before.id, before.version, add_user(runtime), "There it is")
    edit(runtime, before.mention_id, "@hawkweed it came broken")
    with runtime.db.read() as db:
        told = db.scalars(select(Audit).where(Audit.action == "edit")).one()
    assert (case(runtime, before.id).state, told.detail) == ("answered_by_hand", {"mention": before.mention_id})


def test_what_it_said_before_goes_with_what_it_says(runtime: Runtime, clock: HeldClock) -> None:
    before = begun(runtime, clock)
    edit(runtime, before.mention_id, "@hawkweed it came broken")
    with runtime.db.write() as db:
        forget_mentions(db, clock, [before.mention_id])
    with runtime.db.read() as db:
        assert db.scalars(select(MentionVersion)).all() == []
