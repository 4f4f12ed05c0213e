"""Which complaints a threshold would miss, and what people would look at: the slider, its picture, its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sentiment.accuracy import THRESHOLDS, AtThreshold

WIDTH, HEIGHT = 640, 220
"""Units of the picture; the page scales it."""
LEFT, RIGHT, TOP, BOTTOM = 66, 630, 16, 176
"""The borders of the curves within it."""
USUAL = 0.5
"""The threshold that is shown first: where the model itself decides."""


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """What the page shows: every threshold, the chosen one, the curves, and mentions to look at in a week for each."""

    points: Sequence[AtThreshold]
    chosen: AtThreshold
    weekly: int
    missed: str
    looked_at: str
    between: str
    x: float

    def to_look_at(self, point: AtThreshold) -> int:
        """Mentions of a week that people would look at, if weeks are as this one was."""
        return round(point.looked_at.value * self.weekly)


def tradeoff(points: Sequence[AtThreshold], threshold: float, weekly: int) -> Tradeoff:
    """The picture of these points; `weekly` mentions come in a week."""
    chosen = min(points, key=lambda point: abs(point.threshold - threshold))
    lower = _line(points, lambda point: point.missed.interval[0]).split()
    upper = _line(points, lambda point: point.missed.interval[1]).split()
    return Tradeoff(
        points,
        chosen,
        weekly,
        _line(points, lambda point: point.missed.value),
        _line(points, lambda point: point.looked_at.value),
        " ".join((*upper, *reversed(lower))),
        _x(chosen.threshold),
    )


def asked(text: str) -> float:
    """The threshold in an address; USUAL where it is none."""
    try:
        found = float(text)
    except ValueError:
        return USUAL
    return found if THRESHOLDS[0] <= found <= THRESHOLDS[-1] else USUAL


def _line(points: Sequence[AtThreshold], share: Callable[[AtThreshold], float]) -> str:
    return " ".join(f"{_x(point.threshold):.1f},{_y(share(point)):.1f}" for point in points)


def _x(threshold: float) -> float:
    return LEFT + threshold * (RIGHT - LEFT)


def _y(share: float) -> float:
    return BOTTOM - share * (BOTTOM - TOP)
