"""What phrases mean for a brand: "War Zone" is a product, not a war. A rule sets one label where its phrase stands.

Phrases are found as queries find them (listener/query): case, accents and marks do not matter, words are whole. Rules
hold for what is judged from now on (sentiment/judge.py) and for history, which the stage `glossary` looks through in
bounded batches from the newest mention down: what has the phrase is judged anew. So it is when a rule is taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import waiting
from core.clock import Clock
from core.db import insert
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import GlossaryRule, Match, Mention
from core.types import UNSUPPORTED, Verdict
from listener.query import Matcher, Post, Query, QuerySyntaxError, read_listed
from sentiment.classifier import Classifier
from sentiment.corrections import of_models
from sentiment.labels import known, said, with_label, worded

STAGE = "glossary"
BATCH = 500
"""Mentions of history that are looked through at once."""
LOOK_BACK = 1_000
"""The newest mentions of a brand that a preview looks through."""
LONGEST = 100
"""Characters of a phrase."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `phrase` stands, `head` is `label`."""

    phrase: str
    head: str
    label: str

    @property
    def worded(self) -> str:
        """The rule as a verdict gives it for its reason."""
        return f"rule of the brand: “{self.phrase}” is {worded(self.head, self.label)}"


class Glossary:
    """The rules of a brand, found in a text all at once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._matcher = Matcher({rule: _query(rule.phrase) for rule in rules})

    def holding(self, text: str) -> list[Rule]:
        """The rules whose phrase stands in a text, in their order."""
        return self._matcher.match(Post(text))

    def applied(self, verdict: Verdict, text: str) -> Verdict:
        """The verdict with what the rules say of the text, each a reason; of two for one head the newer holds."""
        if verdict.sentiment == UNSUPPORTED:
            return verdict
        for rule in {rule.head: rule for rule in self.holding(text)}.values():
            verdict = with_label(verdict, rule.head, rule.label)
            verdict = replace(verdict, reasons=(*verdict.reasons, rule.worded))
        return verdict


class Ruled:
    """A model and a brand's rules after it: a Classifier that reads a text as mentions of the brand are read."""

    def __init__(self, model: Classifier, glossary: Glossary) -> None:
        self.name = model.name
        self._model = model
        self._glossary = glossary

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        """One verdict per text, in order."""
        said = self._model.classify(texts, langs)
        return [self._glossary.applied(verdict, text) for verdict, text in zip(said, texts, strict=True)]


@dataclass(frozen=True, slots=True)
class Change:
    """One mention that a rule would change: what it is now, and its text."""

    mention_id: int
    text: str
    platform: str
    author: str
    now: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do to the newest mentions of a brand: `looked` at, `found` with its phrase, and `changed`."""

    looked: int
    found: int
    changed: int
    examples: tuple[Change, ...]


def checked(phrase: str, head: str, label: str) -> Rule:
    """The rule, if it can be one. Raises BadInput with the reason."""
    phrase = " ".join(phrase.split()).strip('"“”')
    if not phrase or len(phrase) > LONGEST:
        raise BadInput(f"Write a word or a phrase of at most {LONGEST} characters.")
    if not known(head, label):
        raise BadInput("Choose what it means.")
    try:
        _query(phrase)
    except QuerySyntaxError as error:
        raise BadInput(error.message) from error
    return Rule(phrase, head, label)


def preview(db: Session, brand_id: int, rule: Rule) -> Preview:
    """How many of the newest mentions a rule would change, and some of them."""
    newest = select(Mention).join(Match, Match.mention_id == Mention.id).where(Match.brand_id == brand_id)
    newest = newest.where(Mention.deleted_at.is_(None)).order_by(Mention.id.desc()).limit(LOOK_BACK)
    looked = db.scalars(newest).all()
    glossary = Glossary([rule])
    found = [row for row in looked if glossary.holding(row.text)]
    verdicts = of_models(db, [row.id for row in found])
    changes = []
    for row in found:
        verdict = verdicts.get(row.id)
        now = said(verdict).get(rule.head) if verdict and verdict.sentiment != UNSUPPORTED else None
        if now and now != rule.label:
            changes.append(Change(row.id, row.text, row.platform, row.author.handle, worded(rule.head, now)))
    return Preview(len(looked), len(found), len(changes), tuple(changes[:_SHOWN]))


def add(db: Session, clock: Clock, brand_id: int, rule: Rule, who: str) -> None:
    """Save a rule, and let history be looked through; a rule for the same phrase and head is replaced."""
    told = {"label": rule.label, "active": True, "cursor": _top(db), "created_by": who, "created_at": clock.now()}
    row = insert(db, GlossaryRule).values(brand_id=brand_id, phrase=rule.phrase, head=rule.head, **told)
    saved = row.on_conflict_do_update(index_elements=["brand_id", "phrase", "head"], set_=told)
    waiting.add(db, clock, STAGE, [db.execute(saved.returning(GlossaryRule.id)).scalar_one()])


def remove(db: Session, clock: Clock, row: GlossaryRule) -> None:
    """Take a rule back: it holds no longer, and goes once history is judged without it."""
    row.active, row.cursor = False, _top(db)
    waiting.add(db, clock, STAGE, [row.id])


def glossaries(db: Session, brand_ids: Collection[int]) -> dict[int, Glossary]:
    """The rules that hold, by brand, in the order in which they were made; brands without any are not there."""
    found: dict[int, list[Rule]] = {}
    rows = select(GlossaryRule).where(GlossaryRule.brand_id.in_(brand_ids), GlossaryRule.active)
    for row in db.scalars(rows.order_by(GlossaryRule.id)):
        found.setdefault(row.brand_id, []).append(Rule(row.phrase, row.head, row.label))
    return {brand_id: Glossary(rules) for brand_id, rules in found.items()}


def work(runtime: Runtime) -> int:
    """Look through one batch of history for one rule; see core/queue.py."""
    with runtime.db.write() as db:
        waiting_rules = waiting.take(db, runtime.clock, STAGE, 1)
        if not waiting_rules:
            return 0
        row = db.get(GlossaryRule, waiting_rules[0], with_for_update=True)
        if row is None or row.cursor is None or not _look_further(db, runtime.clock, row):
            waiting.done(db, STAGE, waiting_rules)
            if row is not None:
                _finish(db, row)
    return 1


def _look_further(db: Session, clock: Clock, row: GlossaryRule) -> bool:
    """Let what has the phrase in the next batch be judged anew; False once there is no next batch."""
    older = select(Mention.id, Mention.text).join(Match, Match.mention_id == Mention.id)
    older = older.where(Match.brand_id == row.brand_id, Mention.id < row.cursor, Mention.deleted_at.is_(None))
    batch = db.execute(older.order_by(Mention.id.desc()).limit(BATCH)).all()
    glossary = Glossary([Rule(row.phrase, row.head, row.label)])
    waiting.add(db, clock, "judge", [one.id for one in batch if glossary.holding(one.text)])
    if batch:
        row.cursor = batch[-1].id
    return len(batch) == BATCH


def _finish(db: Session, row: GlossaryRule) -> None:
    if row.active:
        row.cursor = None
    else:
        db.delete(row)


def _top(db: Session) -> int:
    """Above every mention that there is."""
    return (db.scalar(select(func.max(Mention.id))) or 0) + 1


@lru_cache(maxsize=1_000)
def _query(phrase: str) -> Query:
    return Query(phrase, read_listed(phrase))
