"""Counts equal a scan of what is true, whatever happened to mentions; what was forgotten counts as it did."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from core import tables, waiting
from core.queue import STAGES, run_stage
from core.runtime import Runtime
from core.types import Page, Verdict
from listener.matching import stored_post
from listener.query import matches, parse
from sentiment import corrections
from sentiment.judge import judge_batch
from sentiment.labels import HEADS
from sentiment.ripple import topics
from sentiment.ripple.count import count_batch
from sentiment.ripple.words import names_of, terms, without
from tests.listener import made
from tests.listener.made import post

SAID = (
    "acme checkout is broken again",
    "acme and zeta both lost my parcel",
    "zeta delivery was quick",
    "refund please @acme my card was charged twice",
    "die Lieferung von acme ist kaputt",
    "acme checkout refund",
)


class Moody:
    """Says of a text what comes of it and of the mood."""

    name = "fake-1"

    def __init__(self, mood: int = 0) -> None:
        self.mood = mood

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        del langs
        return [self._verdict(text) for text in texts]

    def _verdict(self, text: str) -> Verdict:
        chance = random.Random(hashlib.sha256(f"{self.mood} {text}".encode()).digest())
        feeling = chance.choice(("negative", "neutral", "positive"))
        complaint = chance.choice((True, False, None))
        emotion, intent = chance.choice(("anger", "joy")), chance.choice(("billing", "delivery", None))
        return Verdict(self.name, "en", feeling, {}, complaint, 0.5, emotion=emotion, intent=intent)


def judge(runtime: Runtime, mood: int = 0) -> None:
    while judge_batch(runtime, Moody(mood)):
        pass


def count(runtime: Runtime) -> None:
    while count_batch(runtime, 7):
        pass


Counts = tuple[Counter[Any], Counter[Any]]
"""What HourCount and WordCount hold: numbers by brand, dimension, hour, value and column, and by brand, day, word."""


def tallied(runtime: Runtime) -> Counts:
    """What the rollups say."""
    hours, words = Counter[Any](), Counter[Any]()
    numbers = ("mentions", "negative", "neutral", "positive", "complaints", "unsure", "angry", "reach")
    with runtime.db.read() as db:
        for row in db.scalars(select(tables.HourCount)):
            assert row.mentions > 0, "a row in which nothing is left"
            for name in numbers:
                hours[row.brand_id, row.dimension, row.hour, row.value, name] += getattr(row, name)
        for word in db.scalars(select(tables.WordCount)):
            words[word.brand_id, word.day, word.word, "mentions"] += word.mentions
            words[word.brand_id, word.day, word.word, "complaints"] += word.complaints
    return +hours, +words


def scanned(runtime: Runtime) -> Counts:
    """What a look at every mention says."""
    hours, words = Counter[Any](), Counter[Any]()
    with runtime.db.read() as db:
        asked = [(one.brand_id, str(one.id), parse(one.query)) for one in db.scalars(select(tables.Topic))]
        for match in db.scalars(select(tables.Match)):
            mention, brand = match.mention, match.brand
            mine = select(tables.Verdict).where(tables.Verdict.mention_id == mention.id)
            verdict = db.scalars(mine.order_by(tables.Verdict.id.desc()).limit(1)).one_or_none()
            if mention.deleted_at or verdict is None:
                continue
            places = [("all", ""), ("platform", mention.platform), ("source", str(mention.source_id))]
            places += [("language", verdict.language)] + ([("intent", verdict.intent)] if verdict.intent else [])
            post = stored_post(mention)
            places += [("topic", one) for theirs, one, query in asked if theirs == brand.id and matches(query, post)]
            told = {"mentions": 1, verdict.sentiment: 1, "reach": mention.author.followers or 0}
            told |= {"complaints": verdict.complaint is True, "unsure": verdict.complaint is None}
            told |= {"angry": verdict.emotion == "anger"}
            hour = mention.created_at.replace(minute=0, second=0, microsecond=0)
            for place in places:
                for name, number in told.items():
                    hours[brand.id, place[0], hour, place[1], name] += number
            for word in without(terms(mention.text, verdict.language), names_of(brand.name, brand.slug)):
                words[brand.id, hour.date(), word, "mentions"] += 1
                words[brand.id, hour.date(), word, "complaints"] += verdict.complaint is True
    return +hours, +words


class World:
    """Things that happen to mentions, in any order."""

    def __init__(self, runtime: Runtime, seed: int) -> None:
        self.runtime, self.chance, self.number = runtime, random.Random(seed), 0
        self.brands = [made.brand(runtime), made.brand(runtime, "zeta")]
        self.source = made.source(runtime)
        self.kept: Counts = Counter(), Counter()
        with runtime.db.write() as db:
            topics.add(db, runtime.clock, self.brands[0], "Checkout", "checkout OR refund")

    def hear(self) -> None:
        for _ in range(self.chance.randint(1, 6)):
            self.number += 1
            written = made.WRITTEN + timedelta(minutes=self.chance.randint(0, 400))
            one = post(self.number, self.chance.choice(SAID), f"a{self.number}", created_at=written)
            made.store(self.runtime, self.source, [one])

    def judge(self) -> None:
        judge(self.runtime, self.chance.randint(0, 3))

    def count(self) -> None:
        count_batch(self.runtime, self.chance.randint(1, 9))

    def some(self) -> tables.Mention | None:
        live = [one for one in made.mentions(self.runtime) if one.deleted_at is None]
        return self.chance.choice(live) if live else None

    def again(self) -> None:
        if one := self.some():
            with self.runtime.db.write() as db:
                waiting.add(db, self.runtime.clock, "judge", [one.id])

    def edit(self) -> None:
        if one := self.some():
            edited = post(one.native_id, self.chance.choice(SAID), one.author.handle, created_at=one.created_at)
            made.store(self.runtime, self.source, Page(edited=(edited,)))

    def correct(self) -> None:
        one = self.some()
        head = self.chance.choice(("complaint", "sentiment", "emotion"))
        with self.runtime.db.write() as db:
            if one and corrections.of_models(db, [one.id]):
                said = self.chance.choice((None, *HEADS[head]))
                corrections.correct(db, self.runtime.clock, one.id, head, said, user_id=None, user_name="Ann")

    def topic(self) -> None:
        query = self.chance.choice(("checkout", "refund OR parcel", "delivery OR lieferung"))
        with self.runtime.db.write() as db:
            row = db.scalars(select(tables.Topic)).one()
            topics.change(db, self.runtime.clock, row, row.name, query, active=True)

    def forget(self) -> None:
        """What it counted as stays, but for the words that nobody else said."""
        if one := self.some():
            with self.runtime.db.read() as db:
                for row in db.scalars(select(tables.Counted).where(tables.Counted.mention_id == one.id)):
                    self._keep(row, tallied(self.runtime)[1])
            made.store(self.runtime, self.source, Page(deleted=(one.native_id,)))

    def _keep(self, row: tables.Counted, words: Counter[Any]) -> None:
        places = [("all", ""), ("platform", row.platform), ("source", str(row.source_id)), ("language", row.language)]
        places += [("intent", row.intent)] * bool(row.intent) + [("topic", one) for one in row.topics]
        told = {"mentions": 1, row.sentiment: 1, "reach": row.followers, "angry": row.angry}
        told |= {"complaints": row.complaint is True, "unsure": row.complaint is None}
        for place in places:
            for name, number in told.items():
                self.kept[0][row.brand_id, place[0], row.hour, place[1], name] += number
        for word in row.words:
            key = (row.brand_id, row.hour.date(), word)
            if words[*key, "mentions"] > 1:
                self.kept[1][*key, "mentions"] += 1
                self.kept[1][*key, "complaints"] += row.complaint is True

    def settle(self) -> None:
        judge(self.runtime, 1)
        run_stage(self.runtime, STAGES["topic"])
        count(self.runtime)


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_a_scan_whatever_happened(runtime: Runtime, seed: int) -> None:
    world = World(runtime, seed)
    for _ in range(60):
        names = ("hear", "judge", "count", "count", "again", "edit", "correct", "topic", "forget")
        getattr(world, world.chance.choice(names))()
    world.settle()
    found, true = tallied(runtime), scanned(runtime)
    assert found[0] == +(true[0] + world.kept[0])
    assert found[1] == +(true[1] + world.kept[1])
    assert found[0]


def test_a_crash_in_the_middle_counts_once(runtime: Runtime) -> None:
    world = World(runtime, 1)
    world.hear()
    judge(runtime)
    with runtime.db.write() as db:  # the last thing that a batch does is to remove what waited
        kind = "sqlite" if runtime.db.sqlite else "postgres"
        db.connection().exec_driver_sql(_REFUSE[kind])
    with pytest.raises(Exception, match="no room"):
        count(runtime)
    assert tallied(runtime) == (Counter(), Counter())
    with runtime.db.write() as db:
        db.connection().exec_driver_sql(_ALLOW["sqlite" if runtime.db.sqlite else "postgres"])
    count(runtime)
    assert tallied(runtime) == scanned(runtime)


_REFUSE = {
    "sqlite": "CREATE TRIGGER full BEFORE DELETE ON waiting WHEN old.stage = 'count' "
    "BEGIN SELECT RAISE(ABORT, 'no room'); END",
    "postgres": "CREATE FUNCTION full_up() RETURNS trigger AS $$ BEGIN RAISE 'no room'; END $$ LANGUAGE plpgsql; "
    "CREATE TRIGGER full_up BEFORE DELETE ON waiting FOR EACH ROW WHEN (old.stage = 'count') "
    "EXECUTE FUNCTION full_up()",
}
_ALLOW = {"sqlite": "DROP TRIGGER full", "postgres": "DROP FUNCTION full_up CASCADE"}


def test_a_verdict_that_goes_takes_its_counts_along(runtime: Runtime) -> None:
    world = World(runtime, 2)
    world.hear()
    world.settle()
    assert tallied(runtime)[0]
    ids = [one.id for one in made.mentions(runtime)]
    with runtime.db.write() as db:
        db.execute(delete(tables.Verdict))
        waiting.add(db, runtime.clock, "count", ids)
    count(runtime)
    assert tallied(runtime) == (Counter(), Counter())
    with runtime.db.read() as db:
        assert not db.scalars(select(tables.Counted)).all()
