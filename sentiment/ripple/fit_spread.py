"""Learns the table of `spread.py` from cascades that are known to their end, and judges it on ones it never saw.

    python -m sentiment.ripple.fit_spread FOLDER        # writes spread.json from every RT*.csv of the folder

A cascade is a file `seconds,followers`, the post first, watched for seven days. At each of MOMENTS the growth that was
left (logarithm of the final size over the size so far) is explained by the signals. The forecast is judged by its
median error, so a few that went quite another way must not bend it (ROBUST). A little shrinkage, and neighbouring
moments help each other (REACH): fifty cascades say little about any one moment. What surrounds the forecast at 80%
comes from cascades that were left out.

The shipped table is from fifty retweet cascades of github.com/NII-Kobayashi/TiDeH (data/training, MIT, drawn from
SEISMIC's data), each of which reached 2,000.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentiment.ripple.cascade import Cascade, Floats, read_cascade
from sentiment.ripple.spread import (
    CLIP,
    HORIZON,
    SIGNALS,
    WEIGHTS,
    Spread,
    calm_growth,
    forecast,
    learned,
    signals,
    trusted,
    unit,
)

MINUTES = (5, 10, 20, 30, 60, 120, 180, 240, 360, 540, 720, 1080, 1440, 2160, 2880, 4320, 5760, 7200, 8640)
MOMENTS = tuple(60.0 * minutes for minutes in MINUTES)
"""Ages of a mention at which the table has a row."""

REACH = 0.9
"""How far moments help each other: standard deviation in the logarithm of time."""

NARROW = 0.35
"""The same for what surrounds the forecast."""

ROBUST = 0.3
"""Errors (as parts of the usual growth) beyond which a cascade loses its say: the scale of a Cauchy distribution."""

LITTLE = 0.2
"""Trust below which a cascade says nothing of what surrounds the forecast."""

SHRINK = 10.0
"""How strongly the weights of the signals are drawn to none."""

LEAST = -0.7
"""More reposts never forecast a smaller end: the least by which the growth left may fall with the count (-1: not at
all more at the end). In the first minutes cascades that were chosen for their end would say otherwise."""

FOLDS = 10
SEED = 20_261_122
COVER = 0.8
"""How often the truth should lie between low and high."""

Members = NDArray[np.intp]
Tables = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What there is to learn: an entry for each moment and cascade."""

    signals: Floats
    """Moments x cascades x signals."""
    grown: Floats
    calm: Floats
    trust: Floats

    def of(self, members: Members) -> Lessons:
        """Those of some cascades only."""
        return Lessons(*(part[:, members] for part in (self.signals, self.grown, self.calm, self.trust)))


def load(folder: Path) -> list[Cascade]:
    """Every cascade of a folder, in the order of their names."""
    return [_read(path) for path in sorted(folder.glob("RT*.csv"))]


def _read(path: Path) -> Cascade:
    with path.open("rb") as lines:
        return read_cascade(lines, path.name, strict=True, report=lambda *_: None)


def nameless(cascade: Cascade) -> Cascade:
    """The same, as a platform shows it that gives counts only."""
    return Cascade(cascade.seconds, cascade.counts, np.full(len(cascade.seconds), math.nan))


def fit(cascades: Sequence[Cascade]) -> dict[str, Floats]:
    """The tables that `spread.py` reads: with followers, and for counts only."""
    return {kind: _table(lessons) for kind, lessons in _kinds(cascades).items()}


def left_out(cascades: Sequence[Cascade], ages: Sequence[float], seed: int = SEED) -> list[list[Spread]]:
    """For each cascade its forecast at those ages, by tables that were fitted without it (tenfold, shuffled)."""
    found: list[list[Spread]] = [[] for _ in cascades]
    kinds = _kinds(cascades)
    for train, test in folds(len(cascades), seed):
        tables = {kind: _table(lessons.of(train)) for kind, lessons in kinds.items()}
        for index in test:
            found[index] = [forecast(cascades[index], age, tables) for age in ages]
    return found


def _kinds(cascades: Sequence[Cascade]) -> dict[str, Lessons]:
    return {"followers": _lessons(cascades), "counts": _lessons([nameless(one) for one in cascades])}


def folds(size: int, seed: int) -> Iterator[tuple[Members, Members]]:
    """Who is learned from and who is judged, so that each is judged once."""
    order = np.random.default_rng(seed).permutation(size)
    for part in np.array_split(order, min(FOLDS, size)):
        yield np.setdiff1d(order, part), np.sort(part)


def _lessons(cascades: Sequence[Cascade]) -> Lessons:
    seen = [[one.until(moment) for one in cascades] for moment in MOMENTS]
    sizes = np.array([[float(part.counts.sum()) for part in row] for row in seen])
    ends = np.array([float(one.counts.sum()) for one in cascades])
    return Lessons(
        np.array([[signals(part, at) for part in row] for at, row in zip(MOMENTS, seen, strict=True)]),
        np.log(ends / sizes),
        np.array([[calm_growth(part, at) for part in row] for at, row in zip(MOMENTS, seen, strict=True)]),
        np.vectorize(trusted)(sizes),
    )


def _table(lessons: Lessons) -> Floats:
    """The table of one kind: its columns are what `spread.py` reads in a row."""
    rows = _rows(lessons)
    rows[:, 2:4] = _around(lessons)
    end = rows[-1].copy()
    end[:2] = HORIZON, 0.0
    return np.vstack([rows, end])


def _rows(lessons: Lessons) -> Floats:
    usual = lessons.grown.mean(1)
    mean, scale = lessons.signals.mean(1), lessons.signals.std(1) + 0.05
    told = np.clip((lessons.signals - mean[:, None]) / scale[:, None], -CLIP, CLIP)
    inputs = np.concatenate([np.ones_like(told[..., :1]), told], axis=2) * lessons.trust[..., None]
    wanted = (lessons.grown - (1 - lessons.trust) * lessons.calm) / usual[:, None]
    slopes = np.array([_slopes(inputs, wanted, _near(number)) for number in range(len(MOMENTS))])
    slopes[:, 1] = np.maximum(slopes[:, 1], LEAST * scale[:, 0] / usual)
    return np.column_stack([MOMENTS, usual, usual * 0, usual * 0, mean, scale, slopes[:, 1:], slopes[:, :1]])


def _around(lessons: Lessons) -> Floats:
    """For each moment what lies around the forecast: quantiles of the errors on cascades that were left out."""
    errors = np.zeros_like(lessons.grown)
    for train, test in folds(errors.shape[1], SEED):
        rows, judged = _rows(lessons.of(train)), lessons.of(test)
        for number, row in enumerate(rows):
            expected = np.array([learned(row, told) for told in judged.signals[number]])
            wanted = judged.grown[number] - (1 - judged.trust[number]) * judged.calm[number]
            errors[number, test] = (wanted / judged.trust[number] - expected) / unit(row, expected)
    tail = (1 - COVER) / 2 - COVER / 2 / errors.shape[1]
    weights = [_near(number, NARROW)[:, None] * (lessons.trust > LITTLE) for number in range(len(MOMENTS))]
    return np.array([[_quantile(errors, weight, level) for level in (tail, 1 - tail)] for weight in weights])


def _quantile(values: Floats, weights: Floats, level: float) -> float:
    order = np.argsort(values, axis=None)
    shares = np.cumsum(weights.ravel()[order])
    middle = (shares - weights.ravel()[order] / 2) / shares[-1]
    return float(np.interp(level, middle, values.ravel()[order]))


def _near(number: int, reach: float = REACH) -> Floats:
    """How much each moment says about one of them."""
    distance = np.log(np.array(MOMENTS) / MOMENTS[number]) / reach
    weight: Floats = np.exp(-0.5 * distance**2)
    return weight


def _slopes(inputs: Floats, wanted: Floats, near: Floats) -> Floats:
    """By reweighted least squares: first to the least absolute errors, then to the likeliest under Cauchy's law."""
    used = near > 0.02
    rows, goals = inputs[used].reshape(-1, inputs.shape[2]), wanted[used].ravel()
    weights = np.repeat(near[used], wanted.shape[1])
    shrink = np.diag([1e-9] + [SHRINK] * len(SIGNALS))
    slopes: Floats = np.zeros(rows.shape[1])
    for step in range(30):
        squares = (goals - rows @ slopes) ** 2
        pull = weights / np.sqrt(squares + 0.002) if step < 18 else weights * 2 * ROBUST / (ROBUST**2 + squares)
        told = (rows * pull[:, None]).T
        slopes = np.asarray(np.linalg.solve(told @ rows + shrink, told @ goals))
    return slopes


def summary(cascades: Sequence[Cascade], found: Sequence[Sequence[Spread]], number: int) -> tuple[float, float]:
    """Median absolute percentage error of the totals, and how often the truth lay between low and high."""
    ends = [round(float(one.counts.sum())) - 1 for one in cascades]
    wrong = [abs(found[index][number].expected - end) / (end + 1) for index, end in enumerate(ends)]
    held = [found[index][number].low <= end <= found[index][number].high for index, end in enumerate(ends)]
    return float(np.median(wrong)), float(np.mean(held))


def main() -> None:
    """Learn from every cascade of a folder and write the table."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("folder", type=Path, help="folder with RT*.csv")
    cascades = load(options.parse_args().folder)
    tables = {kind: [[float(f"{cell:.4g}") for cell in row] for row in table] for kind, table in fit(cascades).items()}
    lines = ",\n".join(f'"{kind}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for kind, rows in tables.items())
    columns = json.dumps(["seconds", "usual", "low", "high", *_of("mean"), *_of("scale"), *_of("slope"), "constant"])
    WEIGHTS.write_text(f'{{"cascades": {len(cascades)},\n"columns": {columns},\n"tables": {{\n{lines}\n}}}}\n')
    sys.stderr.write(f"{WEIGHTS.name}: learned from {len(cascades)} cascades\n")


def _of(what: str) -> list[str]:
    return [f"{what} of {signal}" for signal in SIGNALS]


if __name__ == "__main__":
    main()
