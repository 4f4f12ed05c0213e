"""Turns logits into honest probabilities, and decides between which of them nobody should decide.

All is set on rows that were not trained on, by the likelihood of their labels; every class weighs the same, so that
0.5 is the best place to decide for the measures that weigh them the same (macro-recall, macro-F1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

UNSURE = 0.06
"""Share of the tuning rows for which the model should rather not decide whether they are complaints."""


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The divisor of the logits under which their softmax is likeliest to have made the labels."""
    weight = (1 / np.bincount(labels, minlength=logits.shape[1]))[labels]
    candidates = np.linspace(0.3, 4.0, 371)
    return round(float(min(candidates, key=lambda divisor: _surprise(logits / divisor, labels, weight))), 2)


def fit_sigmoid(lean: Floats, labels: NDArray[np.int64]) -> tuple[float, float]:
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


def _surprise(logits: Floats, labels: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    shifted = logits - logits.max(1, keepdims=True)
    chosen = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(1))
    return -float(np.sum(weight * chosen))
