"""Small drawings of a source's last days, as numbers for an SVG: the curve of its hours, the strip of its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from core.tables import Gap
from web.listening.past_hours import DRAWN, Hours

WIDTH, HEIGHT = 240, 36
"""Units of a curve; the page scales it."""
STRIP_WIDTH = 336
"""Units of a strip: two for each hour of seven days."""
_THINNEST = 4.0
"""Units of a gap that would be too small to be seen or pressed."""


@dataclass(frozen=True, slots=True)
class Curve:
    """`line` and `areas` are points of an SVG polyline and polygons; `most` is what the highest point stands for."""

    line: str
    areas: tuple[str, ...]
    most: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One gap on a strip, or several that touch there. `gap` is the newest of them."""

    x: float
    width: float
    gap: Gap
    count: int
    is_open: bool


@lru_cache(maxsize=1_000)
def curve(hours: Hours) -> Curve | None:
    """The events of the last hours before the band of what is usual; None where nothing is known."""
    came, usual = hours.drawn, hours.usual
    if len(came) < 2:
        return None
    most = max(1, *came, *(band[1] for band in usual if band))
    left = DRAWN - len(came)

    def point(place: int, number: float) -> str:
        x, y = (left + place) * WIDTH / (DRAWN - 1), HEIGHT - 1 - number * (HEIGHT - 2) / most
        return f"{x:.1f},{y:.1f}"

    areas, run = [], list[int]()
    for place in range(len(usual) + 1):
        if place < len(usual) and usual[place]:
            run.append(place)
        elif run:
            bands = [(at, usual[at] or (0, 0)) for at in run]
            upper = [point(at, band[1]) for at, band in bands]
            lower = [point(at, band[0]) for at, band in reversed(bands)]
            areas.append(" ".join((*upper, *lower)))
            run = []
    return Curve(" ".join(point(place, number) for place, number in enumerate(came)), tuple(areas), most)


def strip(gaps: Sequence[Gap], now: datetime, length: timedelta) -> list[Bar]:
    """The gaps on a strip that ends now, oldest first. Those that would lie on each other become one bar."""
    start, unit = now - length, STRIP_WIDTH / length.total_seconds()
    bars: list[Bar] = []
    for is_open in (False, True):  # open ones lie on top
        placed: list[Bar] = []
        for gap in gaps:
            if (gap.closed_at is None) != is_open or gap.end < start:
                continue
            x = max(0.0, (gap.start - start).total_seconds() * unit)
            end = min(float(STRIP_WIDTH), (gap.end - start).total_seconds() * unit)
            width = max(_THINNEST, end - x)
            x = min(x, STRIP_WIDTH - width)
            if placed and x <= placed[-1].x + placed[-1].width:
                before = placed.pop()
                width = max(before.x + before.width, x + width) - before.x
                placed.append(Bar(before.x, width, gap, before.count + 1, is_open))
            else:
                placed.append(Bar(x, width, gap, 1, is_open))
        bars += placed
    return bars
