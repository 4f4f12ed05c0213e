"""Turns logits into honest probabilities, and decides between which of them nobody should decide.

All is set on rows that were not trained on, by the likelihood of their labels. For a yes or no both classes weigh the
same, so that 0.5 is the best place to decide for the measures that weigh them the same (macro-F1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentiment.measures import calibration_error
from sentiment.train.data import LABELS

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

FOLDS = 5
UNSURE = 0.09
"""Share of the tuning rows for which the model should rather not decide whether they are complaints."""


def reading(head: str, logits: Floats, labels: Labels) -> dict[str, Any]:
    """How to read a head's logits, as model.json says it (see `sentiment/description.py`)."""
    if len(LABELS[head]) > 2:
        return {"labels": list(LABELS[head]), "temperature": fit_temperature(logits, labels)}
    lean = logits[:, 1] - logits[:, 0]
    scale, shift = fit_sigmoid(lean, labels)
    found: dict[str, Any] = {"scale": scale, "shift": shift}
    if head == "complaint":
        found["unsure"] = fit_unsure(1 / (1 + np.exp(-(scale * lean + shift))))
    return found


def read_as(found: dict[str, Any], logits: Floats) -> Floats:
    """The probability of each class, read as `reading` says."""
    if "temperature" in found:
        spread = np.exp((logits - logits.max(1, keepdims=True)) / found["temperature"])
        return np.asarray(spread / spread.sum(1, keepdims=True))
    chance = 1 / (1 + np.exp(-(found["scale"] * (logits[:, 1] - logits[:, 0]) + found["shift"])))
    return np.stack([1 - chance, chance], axis=1)


def calibration(head: str, logits: Floats, labels: Labels) -> dict[str, float]:
    """Expected calibration error on rows that the temperature was not set on, in FOLDS parts, each left out once.

    Also what a perfect model would show on as many rows that are as sure: few rows scatter.
    """
    part = np.arange(len(labels)) % FOLDS
    shares = np.zeros_like(logits)
    for fold in range(FOLDS):
        held = part == fold
        shares[held] = read_as(reading(head, logits[~held], labels[~held]), logits[held])
    sure = shares.max(1)
    chance = np.random.default_rng(0)
    perfect = [calibration_error(sure, chance.random(len(sure)) < sure) for _ in range(200)]
    return {
        "rows": len(labels),
        "calibration error": calibration_error(sure, shares.argmax(1) == labels),
        "of a perfect model": round(float(np.mean(perfect)), 4),
    }


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The divisor of the logits under which their softmax is likeliest to have made the labels."""
    candidates = np.linspace(0.3, 4.0, 371)
    return round(float(min(candidates, key=lambda divisor: _surprise(logits / divisor, labels))), 2)


def fit_sigmoid(lean: Floats, labels: Labels) -> tuple[float, float]:
    """Scale and shift for which `sigmoid(scale * lean + shift)` fits the labels (Platt), by Newton's steps."""
    weight = (len(labels) / 2 / np.bincount(labels, minlength=2))[labels]
    inputs = np.stack([lean.astype(np.float64), np.ones(len(lean))], axis=1)
    found = np.array([1.0, 0.0])
    for _ in range(50):
        chance = 0.5 * (1 + np.tanh(inputs @ found / 2))
        slope = inputs.T @ (weight * (labels - chance)) - 0.01 * found
        bend = (inputs * (weight * chance * (1 - chance))[:, None]).T @ inputs + 0.01 * np.eye(2)
        found = found + np.linalg.solve(bend, slope)
    return round(float(found[0]), 4), round(float(found[1]), 4)


def fit_unsure(chances: Floats) -> tuple[float, float]:
    """The widest span around 0.5 (low, high) into which at most UNSURE of the rows fall."""
    away = np.sort(np.abs(chances - 0.5))
    half = float(away[int(len(away) * UNSURE)])
    half = np.floor(half * 1000) / 1000
    return round(0.5 - half, 3), round(0.5 + half, 3)


def _surprise(logits: Floats, labels: Labels) -> float:
    shifted = logits - logits.max(1, keepdims=True)
    return -float(np.mean(shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(1))))
