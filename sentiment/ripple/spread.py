"""How far a single mention will spread: a forecast of its reposts after seven days, from the first ones.

The method, from three parts that each fail differently:

1. A self-exciting point process (SEISMIC: Zhao et al., KDD 2015): every post and repost goes on being seen for a while,
   by a reaction time that was measured on Twitter. What matters is how much of that attention is still to come,
   weighted by followers where they are known.
2. A log-linear regression (Szabo and Huberman, CACM 2010) of the growth that is left on the count so far, the attention
   still to come, the pace of late and the audience of those who passed it on, with weights that change smoothly with
   the mention's age. `fit_spread.py` learned them from cascades that all had become large.
3. Because those were large: a prior under which a repost begets fewer than one other (BRANCHING). With few reposts it
   decides, with hundreds the regression does. Three reposts after an hour are no wave.

Everything is causal: what came after `at` changes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.ripple.cascade import Cascade, Floats, of_shares

HORIZON = 7 * 86_400.0
"""Seconds after which a forecast counts as come to its end; the cascades of the fit were watched for as long."""

BRANCHING = 0.3
"""How many reposts an ordinary post or repost begets, all told: most posts end after very few."""

ENOUGH = 200.0
"""Posts and reposts at which the learned growth and the calm prior weigh the same."""

FAMOUS = 1e5
"""Followers beyond which an account counts no more: few of a star's followers see any one post of it."""

CONSTANT, FLAT, DECAY = 6.265725e-4, 300.0, 0.2314843
"""SEISMIC's reaction time: even for FLAT seconds, then falling as a power law; it integrates to 1."""

TYPICAL = 300.0
"""Followers of an account, before any reposter's are known."""

SIGNALS = ("count", "attention", "pace", "audience")
"""What the regression looks at, in this order; see `signals`."""

CLIP = 2.5
"""Standard deviations beyond which a signal is not believed: nothing is extrapolated."""

Tables = Mapping[str, Floats]

WEIGHTS = Path(__file__).with_name("spread.json")


@dataclass(frozen=True, slots=True)
class Spread:
    """What a mention has come to and what it heads for: counts of reposts, without the post itself.

    `expected` is as likely too low as too high; the truth lies from `low` to `high` four times in five.
    """

    count: int
    seconds: float
    expected: int
    low: int
    high: int

    def words(self, one: str = "repost", many: str = "reposts") -> str:
        """For people: `12 reposts in 20 min, heading for about 80 (40 to 190)`."""
        so_far = f"{self.count:,} {one if self.count == 1 else many} in {_duration(self.seconds)}"
        low, expected, high = (max(_about(number), self.count) for number in (self.low, self.expected, self.high))
        if high == self.count:
            return f"{so_far}, at its end"
        between = f" ({low:,} to {high:,})" if low < high else ""
        return f"{so_far}, heading for about {expected:,}{between}"


@dataclass(frozen=True, slots=True)
class Growth:
    """Logarithms of how many times its present size a mention will have, and of what surrounds that at 80%."""

    expected: float
    low: float
    high: float


def forecast(cascade: Cascade, at: float, tables: Tables | None = None) -> Spread:
    """What a mention heads for, from what was seen of it until `at` seconds after it was posted.

    `tables` are other learned ones than those that are shipped.
    """
    seen = cascade.until(at) if (cascade.seconds <= at).any() else of_shares([(0.0, None)])
    size = float(seen.counts.sum())
    grown = growth(seen, at, tables or weights())
    count = round(size) - 1
    expected, low, high = (size * math.exp(log) - 1 for log in (grown.expected, grown.low, grown.high))
    expected = max(round(expected), count)
    return Spread(count, at, expected, min(max(math.floor(low), count), expected), max(math.ceil(high), expected))


def growth(seen: Cascade, at: float, tables: Tables) -> Growth:
    """The growth that is left, learned where there is enough to learn from, calm where there is little."""
    size = float(seen.counts.sum())
    trust = trusted(size)
    large, calm = _learned(seen, at, tables), _calm(seen, at, size)
    low, expected, high = (trust * a + (1 - trust) * b for a, b in zip(large, calm, strict=True))
    return Growth(max(expected, 0.0), max(min(low, expected), 0.0), max(high, expected, 0.0))


def trusted(size: float) -> float:
    """How much the learned growth counts for so many posts and reposts: 0 to 1."""
    return size**2 / (size**2 + ENOUGH**2)


def calm_growth(seen: Cascade, at: float) -> float:
    """Logarithm of the growth that is left to an ordinary mention."""
    return _calm(seen, at, float(seen.counts.sum()))[1]


def signals(seen: Cascade, at: float) -> Floats:
    """What the regression looks at, as logarithms.

    * count: posts and reposts so far;
    * attention: the share of the attention paid to them that is still to come, weighted by followers where known;
    * pace: how the last thirty-second part of the time compares with the mean of all;
    * audience: the mean followers of those who reposted, as they count; 0 where followers are not known.
    """
    at = max(at, 1.0)
    size = float(seen.counts.sum())
    reach = seen.counts * _reach(seen.followers)
    attention = (float(reach @ unseen(at - seen.seconds)) + 1e-9) / (float(reach.sum()) + 1e-9)
    lately = float(seen.counts[seen.seconds > at * 31 / 32].sum())
    audience = (float(reach[1:].sum()) + TYPICAL) / (float(seen.counts[1:].sum()) + 1) if seen.known else 1.0
    return np.log([size, attention, (lately + 1) / (size / 32 + 1), audience])


def unseen(age: Floats) -> Floats:
    """The share of all who will ever react to a post that has not done so at that age in seconds."""
    late = np.maximum(age, FLAT)
    tail: Floats = CONSTANT * FLAT / DECAY * (late / FLAT) ** -DECAY
    return np.where(age < FLAT, 1 - CONSTANT * age, tail)


def _reach(followers: Floats) -> Floats:
    """Followers as they count: unknown ones as the mean of the known, all alike where none is known."""
    known = np.isfinite(followers)
    if not known.any():
        return np.ones(len(followers))
    capped = np.minimum(followers, FAMOUS) + 1.0
    filled: Floats = np.where(known, capped, capped[known].mean())
    return filled


def _learned(seen: Cascade, at: float, tables: Tables) -> tuple[float, float, float]:
    """Low, expected and high of the regression."""
    row = _between(tables["followers" if seen.known else "counts"], at)
    expected = learned(row, signals(seen, at))
    around = unit(row, expected)
    return expected + around * row[2], expected, expected + around * row[3]


def learned(row: Floats, told: Floats) -> Any:
    """The growth that is left by a row of the table, for the signals of one mention."""
    mean, scale, slope = np.split(row[4:-1], 3)
    return row[1] * (row[-1] + np.clip((told - mean) / scale, -CLIP, CLIP) @ slope)


def unit(row: Floats, expected: Any) -> Any:
    """In what the distance of low and high from the forecast is counted: who still grows much is less certain."""
    return (row[1] + np.maximum(expected, 0)) / 2


def _between(table: Floats, at: float) -> Floats:
    """The row of the table for that age, from its neighbours in the logarithm of time."""
    moments = np.log(table[:, 0])
    return np.array([np.interp(math.log(max(at, 1.0)), moments, column) for column in table.T])


@cache
def weights() -> dict[str, Floats]:
    """The learned tables, with and without followers."""
    found: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return {kind: np.array(rows, dtype=np.float64) for kind, rows in found["tables"].items()}


def _calm(seen: Cascade, at: float, size: float) -> tuple[float, float, float]:
    """Low, expected and high of a branching process in which a post begets BRANCHING others."""
    begets = BRANCHING / (1 - BRANCHING)
    ages = np.maximum(at - seen.seconds, 0.0)
    left = np.maximum(unseen(ages) - unseen(np.maximum(HORIZON - seen.seconds, ages)), 0.0)
    more = begets * float(seen.counts @ left)
    spread = 1.28 * math.sqrt(more) / (1 - BRANCHING)
    return 0.0, math.log1p(more / size), math.log1p((more + spread) / size)


def _duration(seconds: float) -> str:
    for limit, unit, length in ((90, "s", 1), (5_400, "min", 60), (259_200, "h", 3_600)):
        if seconds < limit:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds / 86_400)} days"


def _about(number: int) -> int:
    """Two figures of a number, for nobody can know the third."""
    digits = len(str(abs(number))) - 2
    return round(number, -digits) if digits > 0 else number
