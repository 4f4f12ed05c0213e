"""Fits a head's bias and its weights on the embedding to what people said, and compares with what is in use.

Logistic regression on top of what the model says already: it begins at nothing added, and is held there by an L2
penalty and by the mentions that nobody corrected. How good it is, is found on corrections that it has not learned from
(FOLDS times another part is kept apart), and only on those that what is in use has not learned from either.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentiment.adjustment import Adjustment, Shift
from sentiment.description import Chance, Choice, Description, Output
from sentiment.labels import NO, YES
from sentiment.measures import macro_f1

ENOUGH = 10
"""Corrections of a head from which on it is fitted."""
_FOLDS = 5
_HOLD_BIAS, _HOLD_WEIGHTS = 0.1, 0.005
"""How strongly bias and weights are held at nothing. Measured with 12 and 40 corrections of one kind beside 300 other
mentions: 11 and 38 of them right when not learned from, one in twenty of the others changed; stronger or weaker by
three times, fewer right or more changed."""
_WORTH = 4.0
"""A correction counts as much as so many mentions that nobody corrected."""
_STEPS = 300
_UNSURE = 0.09
"""Share of a brand's mentions that should rather be unsure (sentiment/train/calibrate.py)."""
_WIDEST = (0.25, 0.75)
_FOR_BAND = 50
"""Mentions from which on a brand gets a band of its own."""

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pupil:
    """One head with all that it can learn from. A row is a text.

    `base` is what the model says of each class, in logits as they are read (rows x classes); `truth` the class that is
    right; `corrected` whether a person said so; `new` whether what is in use has not learned from it; `now` how likely
    what is in use calls each class.
    """

    labels: tuple[str, ...]
    base: Matrix
    embeddings: Matrix
    truth: Labels
    corrected: NDArray[np.bool_]
    new: NDArray[np.bool_]
    now: Matrix


@dataclass(frozen=True, slots=True)
class Compared:
    """How a fit did on rows that it had not learned from, against what is in use on the same rows."""

    rows: int
    corrections: int
    now: float
    then: float
    fixed: int
    broken: int

    @property
    def better(self) -> bool:
        """Whether it should take the place of what is in use."""
        return self.then > self.now and self.fixed > self.broken

    def as_json(self) -> dict[str, object]:
        """For figures."""
        return {
            "rows": self.rows,
            "corrections": self.corrections,
            "macro_f1_now": self.now,
            "macro_f1_then": self.then,
            "fixed": self.fixed,
            "broken": self.broken,
            "better": self.better,
        }


def read_as(described: Description, head: str, outputs: Sequence[Output]) -> tuple[tuple[str, ...], Matrix]:
    """A head's labels, and for each output its logits as the model reads them: softmax of them is its probability."""
    logits = np.stack([output[head] for output in outputs]).astype(np.float64)
    reader = described.complaint.chance if head == "complaint" and described.complaint else getattr(described, head)
    if isinstance(reader, Choice):
        return reader.labels, logits / reader.temperature
    lean = reader.scale * (logits[:, 1] - logits[:, 0]) + reader.shift
    return (NO, YES), np.stack([np.zeros_like(lean), lean], axis=1)


def compare(pupil: Pupil, seed: int = 0) -> Compared:
    """Fit on all parts but one, ask about that one; together that is every row once."""
    now = pupil.now.argmax(axis=1)
    found = now.copy()
    for apart in _folds(pupil, seed):
        learned = fit(pupil, ~apart)
        found[apart] = _said(pupil, learned)[apart]
    asked = pupil.new | ~pupil.corrected
    truth, now, then = pupil.truth[asked], now[asked], found[asked]
    return Compared(
        rows=int(asked.sum()),
        corrections=int((asked & pupil.corrected).sum()),
        now=macro_f1(truth, now),
        then=macro_f1(truth, then),
        fixed=int(np.sum((now != truth) & (then == truth))),
        broken=int(np.sum((now == truth) & (then != truth))),
    )


def fit(pupil: Pupil, rows: NDArray[np.bool_] | None = None) -> Shift:
    """What to add to the head's logits, as they are read, learned from these rows (default: all)."""
    chosen = np.ones(len(pupil.truth), dtype=bool) if rows is None else rows
    middle = pupil.embeddings[chosen].mean(axis=0)
    points = pupil.embeddings[chosen] - middle
    bias, weights = _descend(pupil.base[chosen], points, _wanted(pupil)[chosen], _weigh(pupil)[chosen])
    return Shift((bias - weights @ middle).astype(np.float32), weights.astype(np.float32))


def as_logits(described: Description, head: str, shift: Shift) -> Shift:
    """A shift of logits as they are read, as one of those that the graph puts out."""
    reader = described.complaint.chance if head == "complaint" and described.complaint else getattr(described, head)
    factor = reader.temperature if isinstance(reader, Choice) else 1 / reader.scale
    bias, weights = shift.bias, shift.weights
    if isinstance(reader, Chance):  # only the difference of the two counts: it goes to the yes
        bias, weights = bias - bias[0], weights - weights[0]
    return Shift((bias * factor).astype(np.float32), (weights * factor).astype(np.float32))


def unsure_band(
    described: Description, adjustment: Adjustment, outputs: Sequence[Output]
) -> tuple[float, float] | None:
    """The band in which so few of these texts lie that all of them may be unsure; None: they are too few to say."""
    if described.complaint is None or len(outputs) < _FOR_BAND:
        return None
    chances = [described.complaint.chance.of(adjustment.applied(output)["complaint"]) for output in outputs]
    away = np.sort(np.abs(np.array(chances) - 0.5))
    half = min(float(away[int(len(away) * _UNSURE)]), 0.5 - _WIDEST[0])
    return round(0.5 - half, 3), round(0.5 + half, 3)


def shares(logits: Matrix) -> Matrix:
    """The probability of each class."""
    spread = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(spread / spread.sum(axis=1, keepdims=True))


def _said(pupil: Pupil, shift: Shift) -> Labels:
    moved = pupil.base + shift.bias + pupil.embeddings @ shift.weights.T
    return np.asarray(moved.argmax(axis=1))


def _folds(pupil: Pupil, seed: int) -> list[NDArray[np.bool_]]:
    """Parts of all rows, each with its share of every class, corrected or not."""
    place = np.zeros(len(pupil.truth), dtype=int)
    shuffled = random.Random(seed)  # noqa: S311 - no secret: the same parts for the same seed
    for kind in sorted({(bool(c), int(t)) for c, t in zip(pupil.corrected, pupil.truth, strict=True)}):
        mine = np.flatnonzero((pupil.corrected == kind[0]) & (pupil.truth == kind[1])).tolist()
        shuffled.shuffle(mine)
        place[mine] = (np.arange(len(mine)) + shuffled.randrange(_FOLDS)) % _FOLDS
    return [place == fold for fold in range(_FOLDS)]


def _wanted(pupil: Pupil) -> Matrix:
    """How likely each class should be: what people said, and for the rest what is said of it now, doubts included."""
    right = np.eye(pupil.base.shape[1])[pupil.truth]
    return np.where(pupil.corrected[:, None], right, pupil.now)


def _weigh(pupil: Pupil) -> Matrix:
    return np.where(pupil.corrected, _WORTH, 1.0)


def _descend(base: Matrix, points: Matrix, wanted: Matrix, weigh: Matrix) -> tuple[Matrix, Matrix]:
    """Bias (classes) and weights (classes x width) by Nesterov's accelerated gradient with the step that is safe."""
    weigh = weigh / weigh.sum()
    inputs = np.hstack([points, np.ones((len(points), 1))])
    hold = np.append(np.full(points.shape[1], _HOLD_WEIGHTS), _HOLD_BIAS)
    steepest = 0.5 * float(np.max(np.sum(inputs**2, axis=1))) + float(hold.max())
    found = ahead = np.zeros((inputs.shape[1], base.shape[1]))
    for step in range(1, _STEPS + 1):
        logits = base + inputs @ ahead
        slope = inputs.T @ ((shares(logits) - wanted) * weigh[:, None]) + hold[:, None] * ahead
        following = ahead - slope / steepest
        ahead = following + (step - 1) / (step + 2) * (following - found)
        found = following
    return found[-1], found[:-1].T
