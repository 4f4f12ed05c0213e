"""A count that is read again and again, in constant memory: close together lately, far apart long ago."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sentiment.ripple.cascade import Cascade, of_counts

KEPT = 48
"""Readings that are kept of one mention; at growing intervals seven days need fewer."""


@dataclass(frozen=True, slots=True)
class Curve:
    """How many had passed a mention on by when: (seconds since it was posted, count), in the order of time."""

    points: tuple[tuple[float, int], ...] = ()

    def add(self, seconds: float, count: int) -> Curve:
        """The curve with one more reading; another one of the same second replaces it."""
        readings = dict(self.points) | {max(seconds, 0.0): count}
        points = sorted(readings.items())
        if len(points) > KEPT:
            del points[_needless(points)]
        return Curve(tuple(points))

    def cascade(self) -> Cascade:
        """The same for the forecast."""
        return of_counts(self.points)


def _needless(points: list[tuple[float, int]]) -> int:
    """The reading whose neighbours lie nearest to each other, as seen from now: never the first or the last."""
    ages = [points[-1][0] - seconds + 60 for seconds, _ in points]
    return min(range(1, len(points) - 1), key=lambda index: math.log(ages[index - 1] / ages[index + 1]))
