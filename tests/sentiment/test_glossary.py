"""What a phrase means for a brand: previewed, applied to what comes and to history, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from core import waiting
from core.errors import BadInput
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.tables import Author, Brand, GlossaryRule, Match, Mention, Verdict
from core.types import UNSUPPORTED
from core.types import Verdict as Reading
from sentiment import glossary
from sentiment.glossary import Glossary, Rule, checked
from sentiment.judge import judge_batch

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WAR_ZONE = Rule("War Zone", "sentiment", "neutral")


class Gloomy:
    """Calls everything negative."""

    name = "fake-1"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Reading]:
        return [Reading(self.name, "en", "negative", {"negative": 1.0}, True, 0.9) for _ in texts]


def brand(runtime: Runtime, slug: str = "acme") -> int:
    with runtime.db.write() as db:
        row = Brand(slug=slug, name=slug.title(), created_at=NOON)
        db.add(row)
        db.flush()
        return row.id


def hear(runtime: Runtime, brand_id: int, *texts: str) -> list[int]:
    """Mentions of a brand that wait to be judged."""
    with runtime.db.write() as db:
        author = Author(platform="files", native_id=f"{brand_id}-{texts[0]}", handle="ann")
        said = {"platform": "files", "author": author, "created_at": NOON, "heard_at": NOON}
        rows = [Mention(native_id=f"{brand_id}-{text}", text=text, **said) for text in texts]
        for row in rows:
            row.matches = [Match(brand_id=brand_id)]
        db.add_all(rows)
        db.flush()
        ids = [row.id for row in rows]
        waiting.add(db, runtime.clock, "judge", ids)
    return ids


def judge(runtime: Runtime) -> None:
    while judge_batch(runtime, Gloomy()):
        pass


def sentiments(runtime: Runtime) -> dict[str, str]:
    with runtime.db.read() as db:
        rows = db.execute(select(Mention.text, Verdict.sentiment).join(Verdict, Verdict.mention_id == Mention.id))
        return {row.text: row.sentiment for row in rows}


def add(runtime: Runtime, brand_id: int, rule: Rule) -> None:
    with runtime.db.write() as db:
        glossary.add(db, runtime.clock, brand_id, rule, "Ana")


def test_a_rule_holds_for_its_brand_and_says_so(runtime: Runtime) -> None:
    acme, other = brand(runtime), brand(runtime, "other")
    add(runtime, acme, WAR_ZONE)
    [ours] = hear(runtime, acme, "lost again in WAR-ZONE")
    [theirs] = hear(runtime, other, "their war zone")
    judge(runtime)
    with runtime.db.read() as db:
        found = {row.mention_id: row for row in db.scalars(select(Verdict))}
    assert (found[ours].sentiment, found[ours].scores["neutral"]) == ("neutral", 1.0)
    assert found[ours].reasons == ["rule of the brand: “War Zone” is neutral"]
    assert found[ours].complaint is True
    assert (found[theirs].sentiment, found[theirs].reasons) == ("negative", [])


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("War Zone", "the WAR zone!", True),
        ("War Zone", "ＷＡＲ ＺＯＮＥ", True),
        ("War Zone", "#warzone", False),
        ("War Zone", "a post-war zoned area", False),
        ("cafe", "Café del Mar", True),
        ("炎", "炎上", True),
        ("sick*", "that sickness beat", True),
    ],
)
def test_phrases_are_found_as_queries_find_them(phrase: str, text: str, found: bool) -> None:
    assert bool(Glossary([Rule(phrase, "sentiment", "neutral")]).holding(text)) is found


def test_of_two_rules_for_one_head_the_newer_holds_and_other_heads_are_left() -> None:
    verdict = Reading("fake", "en", "negative", {"negative": 1.0}, True, 0.9)
    rules = Glossary([WAR_ZONE, Rule("war", "sentiment", "positive"), Rule("war", "complaint", "no")])
    found = rules.applied(verdict, "war zone")
    assert (found.sentiment, found.complaint, found.complaint_score) == ("positive", False, 0.0)
    assert found.reasons == ("rule of the brand: “war” is positive", "rule of the brand: “war” is not a complaint")


def test_a_language_that_is_not_judged_stays_so() -> None:
    verdict = Reading("fake", "de", UNSUPPORTED, {}, None, None)
    assert Glossary([WAR_ZONE]).applied(verdict, "war zone").sentiment == UNSUPPORTED


def test_the_preview_says_what_would_change(runtime: Runtime) -> None:
    acme = brand(runtime)
    hear(runtime, acme, "war zone tonight", "<b>war zone</b>", "my parcel")
    judge(runtime)
    with runtime.db.read() as db:
        found = glossary.preview(db, acme, WAR_ZONE)
        same = glossary.preview(db, acme, Rule("war zone", "sentiment", "negative"))
        of_other_head = glossary.preview(db, acme, Rule("war zone", "emotion", "joy"))
    assert (found.looked, found.found, found.changed) == (3, 2, 2)
    assert [(one.text, one.now) for one in found.examples] == [
        ("<b>war zone</b>", "negative"),
        ("war zone tonight", "negative"),
    ]
    assert (same.found, same.changed) == (2, 0)
    assert of_other_head.changed == 0


def test_history_is_judged_by_the_rule_and_without_it_once_it_is_taken_back(runtime: Runtime) -> None:
    acme = brand(runtime)
    texts = [f"war zone {number}" if number % 3 == 0 else f"parcel {number}" for number in range(12)]
    hear(runtime, acme, *texts)
    judge(runtime)
    add(runtime, acme, WAR_ZONE)
    assert run_stage(runtime, STAGES["glossary"]) == 1
    judge(runtime)
    assert {text for text, found in sentiments(runtime).items() if found == "neutral"} == set(texts[::3])
    with runtime.db.write() as db:
        row = db.scalars(select(GlossaryRule)).one()
        assert row.cursor is None
        glossary.remove(db, runtime.clock, row)
    run_stage(runtime, STAGES["glossary"])
    judge(runtime)
    assert set(sentiments(runtime).values()) == {"negative"}
    with runtime.db.read() as db:
        assert db.scalars(select(GlossaryRule)).all() == []
        assert not waiting.any_for(db, runtime.clock, "glossary")


def test_history_is_looked_through_in_bounded_batches(runtime: Runtime) -> None:
    acme = brand(runtime)
    hear(runtime, acme, *(f"war zone {number}" for number in range(glossary.BATCH + 1)))
    with runtime.db.write() as db:
        waiting.done(db, "judge", range(1, glossary.BATCH + 2))
    add(runtime, acme, WAR_ZONE)
    assert glossary.work(runtime) == 1
    with runtime.db.read() as db:
        assert waiting.count(db, "judge") == glossary.BATCH
    assert glossary.work(runtime) == 1
    assert glossary.work(runtime) == 0
    with runtime.db.read() as db:
        assert waiting.count(db, "judge") == glossary.BATCH + 1


def test_saying_it_again_otherwise_replaces_it(runtime: Runtime) -> None:
    acme = brand(runtime)
    add(runtime, acme, WAR_ZONE)
    add(runtime, acme, Rule("War Zone", "sentiment", "positive"))
    with runtime.db.read() as db:
        assert [row.label for row in db.scalars(select(GlossaryRule))] == ["positive"]


@pytest.mark.parametrize("phrase", ["", "  ", "!!!", "https://example.com/x", "w" * 101])
def test_what_cannot_be_looked_for_is_refused(phrase: str) -> None:
    with pytest.raises(BadInput):
        checked(phrase, "sentiment", "neutral")


def test_a_phrase_loses_its_quotes_and_spare_blanks() -> None:
    assert checked(' "War   Zone" ', "sentiment", "neutral") == WAR_ZONE
