"""How unlikely so many are, by chance alone: the upper tails of two distributions that know small counts.

Counts follow a negative binomial (a Poisson whose rate itself varies; variance M + d M^2), shares k of n a
beta-binomial (a binomial whose share varies; variance n p (1 - p) (1 + (n - 1) d)). Both are in Johnson, Kemp and Kotz,
"Univariate Discrete Distributions" (2005), chapters 5 and 6. `d`, the dispersion, is learned from the series.

The tail P(X >= k) is bounded by a geometric series: its first term is the probability of k itself, and beyond the mode
each further term is at most `ratio` times the one before. So a surprise is understated by a little, never overstated.
"""

from __future__ import annotations

from math import inf, lgamma, log, log1p
from typing import Protocol


class Tail(Protocol):
    """What the detector must know of a distribution. `of` is how many there were in all (for counts: of slots)."""

    prior: float
    """The dispersion that is assumed before anything is known."""
    least: float
    """The dispersion below which nobody's mentions are believed to be."""

    def variance(self, expected: float, of: float, dispersion: float) -> float:
        """Of a number with that expectation."""
        ...

    def dispersion(self, deviation: float, expected: float, of: float) -> tuple[float, float]:
        """What one deviation from the expected says about the dispersion (method of moments), and its weight, 0..1."""
        ...

    def surprise(self, number: float, expected: float, of: float, dispersion: float) -> float:
        """-ln of the probability of so many or more; 0 for what is no more than expected. In nats: 7 is 1 in 1,100."""
        ...


class Counts:
    """Numbers of mentions: negative binomial with mean `expected` and variance `expected + dispersion expected^2`."""

    prior = 0.3
    least = 0.1

    def variance(self, expected: float, of: float, dispersion: float) -> float:
        """Of a count."""
        return expected + dispersion * expected * expected

    def dispersion(self, deviation: float, expected: float, of: float) -> tuple[float, float]:
        """Counts that are mostly 0 or 1 say little about it."""
        square = expected * expected
        return (deviation * deviation - expected) / max(square, 0.01), min(1.0, expected)

    def surprise(self, number: float, expected: float, of: float, dispersion: float) -> float:
        """Of so many mentions."""
        if number <= expected or number < 1:
            return 0.0
        shape = 1 / dispersion
        chance = expected / (expected + shape)
        first = lgamma(number + shape) - lgamma(shape) - lgamma(number + 1)
        first += shape * log1p(-chance) + number * log(chance)
        return _beyond(first, (number + max(shape, 1)) / (number + 1) * chance)


class Shares:
    """So many of so many: beta-binomial with share `expected / of`; `dispersion` is the correlation within a window."""

    prior = 0.05
    least = 0.01

    def variance(self, expected: float, of: float, dispersion: float) -> float:
        """Of the number of hits."""
        missed = max(1 - expected / of, 0.0) if of else 0.0  # where all always are, rounding makes it more than all
        return expected * missed * (1 + max(of - 1, 0) * dispersion)

    def dispersion(self, deviation: float, expected: float, of: float) -> tuple[float, float]:
        """Needs two mentions at least."""
        plain = expected * (1 - expected / of) if of else 0.0
        if of < 2 or plain <= 0:
            return 0.0, 0.0
        return (deviation * deviation - plain) / (plain * (of - 1)), min(1.0, plain)

    def surprise(self, number: float, expected: float, of: float, dispersion: float) -> float:
        """Of so many hits among `of`."""
        if number <= expected or number < 1:
            return 0.0
        share, spread = expected / of, 1 / dispersion - 1
        hit, miss = share * spread, (1 - share) * spread
        first = lgamma(of + 1) - lgamma(number + 1) - lgamma(of - number + 1)
        first += lgamma(number + hit) - lgamma(hit) + lgamma(of - number + miss) - lgamma(miss)
        first -= lgamma(of + hit + miss) - lgamma(hit + miss)
        missed = of - number
        if missed and miss < 1:
            return 0.0  # a share that is mostly 1 has no upper tail to speak of
        rest = missed / (missed - 1 + miss) if missed else 0.0
        return _beyond(first, (number + max(hit, 1)) / (number + 1) * rest)


def _beyond(first: float, ratio: float) -> float:
    """-ln of a tail whose first term has the logarithm `first` and whose terms shrink by `ratio` at least."""
    return max(0.0, -first + (log1p(-ratio) if ratio < 1 else -inf))
