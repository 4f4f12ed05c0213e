"""Is a mention about the brand at all, or about something else of that name ("apple" the fruit)?

Each brand has a filter of its own, learned from what people said of its mentions: a logistic regression on the
model's embeddings, strongly regularised since there are few examples. It is fitted once somebody has said "not about
us" often enough (ENOUGH), against what is known to be about the brand: what somebody brought back or answered, or, as
long as that is too little, its other cases.

It is careful: its scores are shifted so that nothing known to be about the brand would have been called unlikely by a
filter that had not seen it (cross-validation). What is unlikely opens no case by itself, but is kept where a person
sees it and brings it back with one click (responder/desk/open_case.py, web/desk/unlikely.py).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import insert
from core.tables import Case, Mention, Relevance
from sentiment.fence import FORBIDDEN

UNLIKELY = 0.2
"""A mention that scores less is probably not about the brand."""
ENOUGH = 5
"""So many examples of each kind are needed."""

_MOST = 150
"""Examples of each kind that are learned from, the newest: a second of the model's time."""
_FOLDS = 5
_STRENGTH = 0.05
"""How strongly weights are held down. From 0.01 to 0.1 the same is found, from 0.3 on hardly anything."""
_STEPS = 12
_KEPT_UNSURE = 0.1
"""Of cases that nobody has looked into yet, so many may turn out not to be about the brand."""
_ANSWERED = ("sent", "answered_by_hand")

Floats = NDArray[np.float64]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Version = tuple[int, int, datetime]
"""What has been said of a brand's mentions so far: how many are not about it, how many are, and when last."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What one brand's filter has learned."""

    weights: Floats
    bias: float

    def scores(self, vectors: NDArray[np.float32]) -> list[float]:
        """How probably each of these is about the brand, 0 to 1; a text that says nothing counts as about it."""
        chances = 1 / (1 + np.exp(-(vectors @ self.weights + self.bias)))
        return [float(chance) if vector.any() else 1.0 for chance, vector in zip(chances, vectors, strict=True)]


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts of a brand's mentions, the newest first: what people said is not about it, what is, and its other cases."""

    others: Sequence[str]
    known: Sequence[str]
    kept: Sequence[str]


class Filters:
    """The filters of a process, fitted when needed and anew after each word of a person. Threads may share them."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._fitted: dict[int, tuple[Version, Filter]] = {}
        self._lock = threading.Lock()

    def scores(self, db: Session, brand_id: int, texts: Sequence[str]) -> list[float] | None:
        """How probably each text is about the brand, 0 to 1; None while too little is known."""
        learned = self._of(db, brand_id)
        return learned.scores(self._embed(texts)) if learned else None

    def _of(self, db: Session, brand_id: int) -> Filter | None:
        version = _version(db, brand_id)
        if version is None or version[0] < ENOUGH:
            return None
        with self._lock:
            known = self._fitted.get(brand_id)
            if known and known[0] == version:
                return known[1]
            learned = fit(examples(db, brand_id), self._embed)
            if learned:  # else the brand has too few cases to compare with, so far
                self._fitted[brand_id] = version, learned
            return learned


def say(db: Session, clock: Clock, mention_id: int, brand_id: int, about_us: bool, who: str) -> None:
    """Remember what a person said of a mention: it is about the brand, or not."""
    said = {"about_us": about_us, "said_by": who, "said_at": clock.now()}
    row = insert(db, Relevance).values(mention_id=mention_id, brand_id=brand_id, **said)
    db.execute(row.on_conflict_do_update(index_elements=["mention_id", "brand_id"], set_=said))


def unsay(db: Session, clock: Clock, mention_id: int, brand_id: int) -> None:
    """Take back that a mention is not about the brand, if anybody said so."""
    mine = update(Relevance).where(Relevance.mention_id == mention_id, Relevance.brand_id == brand_id)
    db.execute(mine.where(Relevance.about_us.is_(False)).values(about_us=None, said_by=None, said_at=clock.now()))


def brought_back(db: Session, mention_ids: Iterable[int]) -> set[tuple[int, int]]:
    """Which of these mentions somebody said are about a brand, as (mention id, brand id)."""
    wanted = select(Relevance.mention_id, Relevance.brand_id).where(Relevance.mention_id.in_(mention_ids))
    return {(row.mention_id, row.brand_id) for row in db.execute(wanted.where(Relevance.about_us.is_(True)))}


def store(db: Session, scores: Mapping[tuple[int, int], float]) -> None:
    """Remember what the filters think of mentions, by (mention id, brand id)."""
    for (mention_id, brand_id), score in sorted(scores.items()):
        row = insert(db, Relevance).values(mention_id=mention_id, brand_id=brand_id, score=score)
        db.execute(row.on_conflict_do_update(index_elements=["mention_id", "brand_id"], set_={"score": score}))


def examples(db: Session, brand_id: int) -> Examples:
    """What there is to learn from, none of it from platforms that forbid that (sentiment/fence.py)."""
    said = select(Mention.text, Mention.id).join(Relevance, Relevance.mention_id == Mention.id)
    allowed = Mention.platform.not_in(FORBIDDEN)
    said = said.where(Relevance.brand_id == brand_id, Mention.deleted_at.is_(None), allowed)
    said = said.order_by(Relevance.said_at.desc())
    cases = select(Mention.text, Mention.id).join(Case, Case.mention_id == Mention.id)
    cases = cases.where(Case.brand_id == brand_id, Mention.deleted_at.is_(None), allowed).order_by(Case.id.desc())
    others = db.execute(said.where(Relevance.about_us.is_(False)).limit(_MOST)).all()
    about = db.execute(said.where(Relevance.about_us.is_(True)).limit(_MOST)).all()
    denied = select(Relevance.mention_id).where(Relevance.brand_id == brand_id, Relevance.about_us.is_(False))
    cases = cases.where(Mention.id.not_in(denied), Mention.id.not_in({row.id for row in about}))
    answered = db.execute(cases.where(Case.state.in_(_ANSWERED)).limit(_MOST)).all()
    rest = db.execute(cases.where(Case.state.not_in(_ANSWERED)).limit(_MOST)).all()
    return Examples(
        [row.text for row in others],
        [row.text for row in (*about, *answered)][:_MOST],
        [row.text for row in rest],
    )


def fit(given: Examples, embed: Embed) -> Filter | None:
    """A filter that has learned from these, or None if they are too few."""
    sure = len(given.known) >= ENOUGH
    about = given.known if sure else [*given.known, *given.kept]
    if len(given.others) < ENOUGH or len(about) < ENOUGH:
        return None
    vectors = np.asarray(embed([*about, *given.others]), dtype=np.float64)
    is_about = np.arange(len(vectors)) < len(about)
    learned = _learn(vectors, is_about)
    lowest = float(np.quantile(_unseen(vectors, is_about)[is_about], 0 if sure else _KEPT_UNSURE, method="lower"))
    least = math.log(UNLIKELY / (1 - UNLIKELY))
    return Filter(learned.weights, learned.bias + max(0.0, least - lowest))


def _unseen(vectors: Floats, is_about: NDArray[np.bool_]) -> Floats:
    """What a filter thinks of each example that has not learned from it, in logits."""
    found = np.zeros(len(vectors))
    for kind in (True, False):
        for place, number in enumerate(np.flatnonzero(is_about == kind)):
            found[number] = place % _FOLDS
    folds, logits = found.astype(int), np.zeros(len(vectors))
    for fold in range(_FOLDS):
        learned = _learn(vectors[folds != fold], is_about[folds != fold])
        logits[folds == fold] = vectors[folds == fold] @ learned.weights + learned.bias
    return logits


def _learn(vectors: Floats, is_about: NDArray[np.bool_]) -> Filter:
    """Logistic regression with an L2 penalty and both kinds weighing the same, by Newton's method.

    It is solved in the space that the examples span, which is small while they are few.
    """
    middle = vectors.mean(axis=0)
    left, sizes, right = np.linalg.svd(vectors - middle, full_matrices=False)
    scale = math.sqrt(len(vectors)) / max(float(np.linalg.norm(sizes)), 1e-9)
    points = np.hstack([left * sizes * scale, np.ones((len(vectors), 1))])
    weigh = np.where(is_about, 0.5 / is_about.sum(), 0.5 / (~is_about).sum()) * len(vectors)
    penalty = np.full(points.shape[1], _STRENGTH * len(vectors) / 10)
    penalty[-1] = 1e-3  # the bias is free
    found = np.zeros(points.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(points @ found, -30, 30)))
        slope = points.T @ (weigh * (chance - is_about)) + penalty * found
        curve = (points.T * (weigh * chance * (1 - chance))) @ points + np.diag(penalty)
        found = found - np.linalg.solve(curve, slope)
    weights = right.T @ found[:-1] * scale
    return Filter(weights, float(found[-1] - middle @ weights))


def _version(db: Session, brand_id: int) -> Version | None:
    about = func.count().filter(Relevance.about_us.is_(True))
    others = func.count().filter(Relevance.about_us.is_(False))
    said = select(others, about, func.max(Relevance.said_at)).where(Relevance.brand_id == brand_id)
    row = db.execute(said).one()
    return (row[0], row[1], row[2]) if row[2] else None
