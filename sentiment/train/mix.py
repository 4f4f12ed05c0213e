"""What each stage of training sees, and what it should answer.

First the encoder learns sentiment and complaints, of which there is most. Then it learns every head at once: rows of
the small sets are seen several times, those of the large ones in part, and what a row does not say about sentiment or
complaints is filled in with what the first stage says of it, so that nothing is unlearned. Last it sees a little of
everything once more, with our own examples several times.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentiment.train.data import IGNORE, Row, balance

Floats = NDArray[np.float32]

SMOOTHING = 0.05
"""Share of a label's weight that is spread over all classes."""
SHARES = {"sentiment": 1.0, "complaint": 2.0, "emotion": 1.0, "irony": 1.0, "offensive": 1.0, "intent": 1.0}
"""How much an error of each head weighs."""
HINT = 0.5
"""How much a hinted label weighs beside one that people gave."""
SAID = 0.5
"""Likewise what the first stage said."""
FIRST = {"complaint": 3}
SECOND = {"complaint": 2, "emotion": 3, "irony": 2, "intent": 3, "own": 2}
THIRD = {"own": 4}
"""How often rows of the small sets are seen in each stage for one sight of the others."""
SECOND_MOST = 3500
THIRD_MOST = 400
"""Rows of a class that a stage sees at most: the rest were in the first, or teach little more."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A row and, for each head that it teaches, the answer: a weight per class, zeros where it teaches nothing."""

    text: str
    answers: Mapping[str, Floats]


def first_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows of the first stage."""
    taught = [row for row in rows if not row.own and (row.sentiment != IGNORE or row.complaint != IGNORE)]
    return _repeated(taught, FIRST)


def second_rows(rows: Sequence[Row], seed: int) -> list[Row]:
    """Rows of the second stage."""
    return _repeated(_drawn(rows, SECOND_MOST, seed + 1), SECOND)


def third_rows(rows: Sequence[Row], seed: int) -> list[Row]:
    """Rows of the third stage."""
    return _repeated(_drawn(rows, THIRD_MOST, seed + 2), THIRD)


def lessons(rows: Sequence[Row], heads: Mapping[str, int], said: Mapping[str, Mapping[str, Floats]]) -> list[Lesson]:
    """The answers for `rows`, every class of a head weighing the same. `said`: head -> text -> shares."""
    weights = {
        head: balance((getattr(row, head) for row in rows if not row.own), classes) for head, classes in heads.items()
    }
    return [
        Lesson(row.text, {head: _answer(row, head, weights[head], said.get(head, {})) for head in heads})
        for row in rows
    ]


def _drawn(rows: Sequence[Row], most: int, seed: int) -> list[Row]:
    """`most` rows of each class of each head, and all of our own and those without a label."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - a reproducible choice, not a secret
    seen: Counter[tuple[str, int]] = Counter()
    kept: list[Row] = []
    for row in shuffled:
        labels = [(head, label) for head in SHARES if (label := getattr(row, head)) != IGNORE]
        if row.own or all(seen[label] < most for label in labels):
            seen.update([] if row.own else labels)
            kept.append(row)
    return kept


def _answer(row: Row, head: str, weights: Sequence[float], said: Mapping[str, Floats]) -> Floats:
    label = getattr(row, head)
    if label != IGNORE:
        return _smooth(label, len(weights), SHARES[head] * (1.0 if row.own else weights[label]))
    if head == "sentiment" and row.hint != IGNORE:
        return _smooth(row.hint, len(weights), SHARES[head] * HINT)
    if row.text in said:
        return np.asarray(said[row.text] * (SHARES[head] * SAID), dtype=np.float32)
    return np.zeros(len(weights), dtype=np.float32)


def _smooth(label: int, classes: int, weight: float) -> Floats:
    answer = np.full(classes, SMOOTHING / classes, dtype=np.float32)
    answer[label] += 1 - SMOOTHING
    return answer * np.float32(weight)


def _repeated(rows: Sequence[Row], times: Mapping[str, int]) -> list[Row]:
    return [row for row in rows for _ in range(_times(row, times))]


def _times(row: Row, times: Mapping[str, int]) -> int:
    if row.own:
        return times["own"]
    return max((times.get(head, 1) for head in SHARES if getattr(row, head) != IGNORE), default=1)
