"""Measures of agreement between what a model found and what is true, 0..1, four decimals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BINS = 10


def macro_recall(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean over the classes in `truth` of the share of their rows that was found."""
    classes = np.unique(truth)
    return (
        round(float(np.mean([np.mean(found[truth == label] == label) for label in classes])), 4) if len(truth) else 0.0
    )


def macro_f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Mean over the classes in `truth` of the harmonic mean of precision and recall."""
    scores = []
    for label in np.unique(truth):
        both = np.sum((truth == label) & (found == label))
        scores.append(2 * both / (np.sum(truth == label) + np.sum(found == label)))
    return round(float(np.mean(scores)), 4) if scores else 0.0


def f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Harmonic mean of precision and recall of one class; both arrays say of each row whether it is of that class."""
    total = int(np.sum(truth) + np.sum(found))
    return round(2 * float(np.sum(truth & found)) / total, 4) if total else 0.0


def calibration_error(shares: Sequence[float] | np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: how far the probability given to what was said is from the share that was right.

    The mean over BINS equal spans of the probability, each weighing as many rows as fall into it.
    """
    given = np.asarray(shares, dtype=float)
    place = np.minimum((given * BINS).astype(int), BINS - 1)
    gaps = [abs(given[place == one].mean() - right[place == one].mean()) * np.mean(place == one) for one in set(place)]
    return round(float(sum(gaps)), 4)


def share(hits: np.ndarray) -> float:
    """The share of hits."""
    return round(float(np.mean(hits)), 4) if len(hits) else 0.0
