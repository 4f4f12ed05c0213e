"""How well the final size of a cascade is forecast after 1, 6 and 24 hours, beside SEISMIC and Szabo-Huberman.

    python -m bench.spread [--data FOLDER]

FOLDER/cascades (or that of the folder that RIPPLEWATCH_DATA names) holds RT*.csv, `seconds,followers`, watched to
their end. Ours is fitted tenfold and judged on the cascades that were left out; Szabo-Huberman leaves one out; SEISMIC
is as published and learns nothing. The figure is the median absolute percentage error of the total, and for ours how
often the 80% interval held.
"""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

import numpy as np

from sentiment.ripple.cascade import Cascade, Floats
from sentiment.ripple.fit_spread import left_out, load, nameless, summary
from sentiment.ripple.spread import CONSTANT, DECAY, FLAT, unseen

HOURS = (1, 6, 24)

STAR = 100.0
"""SEISMIC's followers of those whom a repost reaches, on average, as in its authors' package."""


def run(data: Path | None = None) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    folder = data or (Path(os.environ["RIPPLEWATCH_DATA"]) if "RIPPLEWATCH_DATA" in os.environ else None)
    cascades = load(folder / "cascades") if folder is not None else []
    if not cascades:
        return [("spread", "not measured: --data or RIPPLEWATCH_DATA must name a folder with cascades/RT*.csv")]
    ages = [hours * 3600.0 for hours in HOURS]
    ends = np.array([one.counts.sum() for one in cascades])
    ours = left_out(cascades, ages)
    counts = left_out([nameless(one) for one in cascades], ages)
    rows = []
    for number, age in enumerate(ages):
        what = f"spread: {len(cascades)} cascades after {HOURS[number]} h"
        wrong, held = summary(cascades, ours, number)
        rows.append((f"{what}: ours, on cascades it never saw", f"{wrong:.3f}, interval held {held:.0%}"))
        wrong, held = summary(cascades, counts, number)
        rows.append((f"{what}: ours from counts alone", f"{wrong:.3f}, interval held {held:.0%}"))
        theirs = np.array([seismic(one.until(age), age) for one in cascades])
        rows.append((f"{what}: SEISMIC", f"{_error(theirs, ends):.3f}"))
        sizes = np.array([one.until(age).counts.sum() for one in cascades])
        for name, expected in szabo_huberman(np.log(sizes), np.log(ends)).items():
            rows.append((f"{what}: Szabo-Huberman, {name}", f"{_error(expected, ends):.3f}"))
    return rows


def _error(expected: Floats, ends: Floats) -> float:
    return float(np.median(np.abs(expected - ends) / ends))


def seismic(seen: Cascade, at: float) -> float:
    """The total that SEISMIC expects, as its authors' package has it: without a bound where it sees no end.

    Infectiousness is the reposts of late over how often the post was seen of late (within half its age, at least 5
    minutes and at most 2 hours, the newer the more it counts); the integral over the window is by parts.
    """
    window = min(max(at / 2, 300.0), 7_200.0)
    recent = np.maximum(1 - (at - seen.seconds[1:]) / window, 0).sum()
    since = np.maximum(seen.seconds, at - window)
    first, last = since - seen.seconds, at - seen.seconds
    share = (1 - (at - since) / window) * unseen(first) - unseen(last)
    share += (_unseen_until(last) - _unseen_until(first)) / window
    infectious = float(recent / (seen.followers @ share))
    if infectious >= 1 / STAR:
        return math.inf
    return float(len(seen.seconds) + infectious * (seen.followers @ unseen(last)) / (1 - infectious * STAR))


def _unseen_until(age: Floats) -> Floats:
    """The integral of `unseen` up to that age."""
    early, late = np.minimum(age, FLAT), np.maximum(age, FLAT)
    tail = CONSTANT * FLAT**2 / DECAY / (1 - DECAY) * ((late / FLAT) ** (1 - DECAY) - 1)
    total: Floats = early - CONSTANT * early**2 / 2 + tail
    return total


def szabo_huberman(sizes: Floats, ends: Floats) -> dict[str, Floats]:
    """The totals that follow from the growth of all the others, by the log-linear and the constant scaling model."""
    others = ~np.eye(len(sizes), dtype=bool)
    grown = [(ends - sizes)[row] for row in others]
    linear = [sizes[i] + part.mean() + part.var() / 2 for i, part in enumerate(grown)]
    middle = [sizes[i] + np.median(part) for i, part in enumerate(grown)]
    scaling = [sizes[i] + np.log(np.exp(-part).sum() / np.exp(-2 * part).sum()) for i, part in enumerate(grown)]
    return {"log-linear": np.exp(linear), "log-linear, median": np.exp(middle), "constant scaling": np.exp(scaling)}


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=run.__doc__)
    options.add_argument("--data", type=Path, help="folder with cascades/RT*.csv")
    for what, figure in run(options.parse_args().data):
        print(f"{what:72} {figure}")


if __name__ == "__main__":
    main()
