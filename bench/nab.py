"""The scoring of the Numenta Anomaly Benchmark, as published: Lavin and Ahmad, "Evaluating Real-time Anomaly Detection
Algorithms", ICMLA 2015 (arXiv:1510.03336), standard profile.

Each labelled window counts once, by its earliest detection: nearly 1 at its start, 0 at its end, -1 if there is none.
Each detection outside costs up to 0.11, less if it comes soon after a window. The sum is scaled so that 0 is who never
says anything and 100 who is right at the start of every window.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import exp
from pathlib import Path

FALSE_POSITIVE, FALSE_NEGATIVE = 0.11, 1.0
PROBATION = 0.15


@dataclass(frozen=True, slots=True)
class Series:
    """One file, and the first and last row of each labelled window that is scored."""

    name: str
    stamps: tuple[datetime, ...]
    values: tuple[float, ...]
    windows: tuple[tuple[int, int], ...]
    probation: int

    @property
    def days(self) -> float:
        """Scored days."""
        return (self.stamps[-1] - self.stamps[self.probation]).total_seconds() / 86_400


@dataclass(frozen=True, slots=True)
class Score:
    """What detections in one series are worth."""

    raw: float
    windows: int
    found: int
    false: int


def read(folder: Path, *, capped: bool = True) -> list[Series]:
    """The series of a folder with its windows.json.

    NAB's program caps the probation at 15% of 5,000 rows, while its paper speaks of 15%: `capped` is the program.
    """
    labels = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    return [_series(folder / f"{name}.csv", windows, capped=capped) for name, windows in sorted(labels.items())]


def _series(file: Path, windows: Iterable[tuple[str, str]], *, capped: bool) -> Series:
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [(datetime.fromisoformat(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    stamps, values = zip(*rows, strict=True)
    probation = int(PROBATION * (min(len(rows), 5_000) if capped else len(rows)))
    places = {stamp: place for place, stamp in enumerate(stamps)}
    found = [tuple(places[datetime.fromisoformat(end)] for end in window) for window in windows]
    return Series(
        file.stem, stamps, values, tuple((first, last) for first, last in found if last >= probation), probation
    )


def sigmoid(position: float) -> float:
    """The published weight: nearly 1 at -1 (a window's start), 0 at 0 (its end), -1 far behind it."""
    return -1.0 if position > 3 else 2 / (1 + exp(5 * position)) - 1


def score(series: Series, detections: Iterable[int]) -> Score:
    """What detections (row numbers) are worth in one series."""
    best: dict[tuple[int, int], float] = {}
    false, cost = 0, 0.0
    for row in detections:
        if row < series.probation:
            continue
        window = next((each for each in series.windows if each[0] <= row <= each[1]), None)
        if window:
            first, last = window
            worth = sigmoid(-(last - row + 1) / (last - first + 1)) / sigmoid(-1)
            best[window] = max(best.get(window, worth), worth)
            continue
        false += 1
        behind = max((each for each in series.windows if each[1] < row), default=None)
        cost += FALSE_POSITIVE * (sigmoid((row - behind[1]) / (behind[1] - behind[0])) if behind else -1.0)
    missed = len(series.windows) - len(best)
    return Score(sum(best.values()) - FALSE_NEGATIVE * missed + cost, len(series.windows), len(best), false)


def normalised(scores: Sequence[Score]) -> float:
    """0 for who says nothing, 100 for who is perfect."""
    windows = sum(each.windows for each in scores)
    return 100 * (sum(each.raw for each in scores) + FALSE_NEGATIVE * windows) / ((1 + FALSE_NEGATIVE) * windows)
