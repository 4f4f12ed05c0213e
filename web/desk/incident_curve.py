"""The curve of an incident: complaints over time as bars of an SVG, with what happened marked on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WIDTH, HEIGHT = 720, 132
"""Units of the drawing; the page scales it."""
_FOOT = 18
"""Units below the bars, for the numbers of the marks."""
_APART = 24
"""Units between the numbers of two marks, at least."""
_STEPS = tuple(timedelta(minutes=one) for one in (10, 60, 180, 360, 720, 1440, 2880, 10080))
_MOST_BARS = 48
_LEAST_BARS = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of time: `title` says in words what it holds."""

    x: float
    y: float
    width: float
    height: float
    since: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: `number` stands at its foot (at `foot`, where it hides no other), and in the legend before `what`."""

    x: float
    foot: float
    number: int
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Curve:
    """Bars that are `step` wide, of which the highest stands for `most` complaints."""

    bars: Sequence[Bar]
    marks: Sequence[Mark]
    step: timedelta
    most: int
    ground: float

    @property
    def per(self) -> str:
        """What a bar stands for: "hour", "10 minutes", "3 hours"."""
        minutes = int(self.step.total_seconds() // 60)
        if minutes < 60:
            return f"{minutes} minutes"
        hours = minutes // 60
        if hours == 1:
            return "hour"
        return f"{hours} hours" if hours < 24 else "day" if hours == 24 else f"{hours // 24} days"


def curve(times: Sequence[datetime], moments: Sequence[tuple[str, datetime | None]]) -> Curve | None:
    """Draw sorted `times`, and those `moments` that there were; None where there is nothing to draw."""
    if not times:
        return None
    known = sorted(((at, what) for what, at in moments if at is not None), key=lambda one: one[0])
    first, last = min([times[0], *(at for at, _ in known)]), max([times[-1], *(at for at, _ in known)])
    step = _step(last - first)
    start = _floor(first, step)
    number = max(_LEAST_BARS, int((last - start) / step) + 1)
    counts = [0] * number
    for one in times:
        counts[int((one - start) / step)] += 1
    most, width, ground = max(counts), WIDTH / number, float(HEIGHT - _FOOT)
    tall = (ground - 4) / most
    bars = [
        Bar(round(at * width + 1, 1), round(ground - count * tall, 1), round(width - 2, 1), round(count * tall, 1),
            start + at * step, count)
        for at, count in enumerate(counts) if count
    ]  # fmt: skip
    marks = _marks([(round((at - start) / step * width, 1), at, what) for at, what in known])
    return Curve(bars, marks, step, most, ground)


def _marks(placed: Sequence[tuple[float, datetime, str]]) -> list[Mark]:
    """Marks at these places, in order; a number that would stand on the next one's moves to the left."""
    marks: list[Mark] = []
    free = WIDTH - _APART / 2
    for number, (x, at, what) in reversed(list(enumerate(placed, start=1))):
        foot = max(_APART * (number - 0.5), min(x, free))
        free = foot - _APART
        marks.insert(0, Mark(x, foot, number, what, at))
    return marks


def _step(span: timedelta) -> timedelta:
    """The finest step that needs no more than _MOST_BARS."""
    return next(
        (one for one in _STEPS if span / one < _MOST_BARS), _STEPS[-1] * (1 + span // (_STEPS[-1] * _MOST_BARS))
    )


def _floor(moment: datetime, step: timedelta) -> datetime:
    """The beginning of the step in which a moment lies, at most of a day."""
    unit = min(step, timedelta(days=1)).total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // unit * unit, moment.tzinfo)
