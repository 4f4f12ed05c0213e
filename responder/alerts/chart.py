"""One drawing of numbers over time: curves, the band of what is usual, and marks at what happened; as SVG and as PNG.

    drawing = Drawing("Mentions of Hawkweed", times, (Line("mentions", values), Line("complaints", others)),
                      band=usual, marks=(Mark(at, "checkout fails"),), zone="Europe/Berlin")
    svg(drawing)         the drawing, as text, for a page
    png(drawing)         the same as an image, for Slack, e-mail and download

Messages outside, digests and downloads share it. It is for a light background everywhere, with the colours of Okabe and
Ito (https://jfly.uni-koeln.de/color/), which people tell apart however they see colours; lines also differ by their
dashes. The image needs no font of the machine's own: Latin, Greek and Cyrillic come from
`font/`, other scripts from what the machine has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

WIDTH, HEIGHT = 960, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 92, 48
_FONTS = [str(file) for file in sorted((Path(__file__).parent / "font").glob("*.ttf"))]

_INK, _DIM, _GRID, _BAND, _MARK = "#1b2430", "#5b6673", "#e3e7ec", "#dfe9f3", "#b3261e"
_LOOKS = (
    ("#0072b2", 2.5, ""),
    ("#d55e00", 2.5, ""),
    ("#6b7683", 2, "6 5"),
    ("#009e73", 2.5, ""),
    ("#cc79a7", 2.5, "2 4"),
    ("#e69f00", 2.5, "10 4"),
)
"""Colour, width and dashes of the first line, the second, ..."""

_MOST_MARKS, _LONGEST_LABEL, _LONGEST_TITLE = 8, 34, 90
_UNDRAWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_OURS = re.compile(
    "[\u0020-\u017f\u0192\u0218-\u021b\u0370-\u045f\u1e00-\u1eff\u2010-\u203a\u20a0-\u20bf\u2190-\u25cf]*"
)
"""What the fonts that come with this file can write."""

_STEPS = [timedelta(minutes=one) for one in (5, 15, 30)]
_STEPS += [timedelta(hours=one) for one in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 672, 1344, 2688, 5376)]


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: a value for each moment, None where nothing is known."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a moment."""

    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn. `times` are the moments of all values, in order; `band` is (low, high) of what is usual at each.

    With `share` the values are 0..1 and shown as percent. The time axis is in `zone`.
    """

    title: str
    times: Sequence[datetime]
    lines: Sequence[Line]
    band: Sequence[tuple[float, float] | None] = ()
    marks: Sequence[Mark] = ()
    zone: str = "UTC"
    share: bool = False


def png(drawing: Drawing, zoom: float = 1.5) -> bytes:
    """The drawing as an image of 960 times 400 points, each `zoom` pixels wide."""
    import resvg_py  # noqa: PLC0415 - a native library that only who draws needs

    drawn = svg(drawing)
    known = bool(_OURS.fullmatch(" ".join(_texts(drawing))))
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=drawn, zoom=zoom, skip_system_fonts=known, font_files=_FONTS, sans_serif_family="Inter"
        )
    )


def svg(drawing: Drawing) -> str:
    """The drawing as a whole SVG document."""
    plot = _Plot(drawing)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="Inter, sans-serif" font-size="14" role="img">',
        f"<title>{_text(drawing.title, _LONGEST_TITLE)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _words(_LEFT, 32, drawing.title, size=19, weight=600, cut=_LONGEST_TITLE),
        *_legend(drawing),
        *plot.grid(),
        *plot.band(),
        *plot.curves(),
        *plot.marks(),
        "</svg>",
    ]
    return "\n".join(parts)


def _texts(drawing: Drawing) -> Iterator[str]:
    yield _clean(drawing.title)
    yield from (_clean(line.name) for line in drawing.lines)
    yield from (_clean(mark.label) for mark in drawing.marks)


def _clean(text: str) -> str:
    return _UNDRAWN.sub(" ", text)


def _text(text: str, cut: int = 60) -> str:
    """As XML, without what is no text, at most `cut` characters."""
    plain = " ".join(_clean(text).split())
    return escape(plain if len(plain) <= cut else plain[: cut - 1].rstrip() + "…")


def _words(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 14,
    weight: int = 400,
    ink: str = _INK,
    anchor: str = "start",
    cut: int = 60,
) -> str:
    # the two weights that come along are fonts of different names
    family = ' font-family="Inter SemiBold, Inter, sans-serif"' if weight > 400 else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}"{family} fill="{ink}"'
        f' text-anchor="{anchor}" stroke="#ffffff" stroke-width="3" stroke-linejoin="round" paint-order="stroke">'
        f"{_text(text, cut)}</text>"
    )


def _legend(drawing: Drawing) -> Iterator[str]:
    """The names of the lines and of the band, under the title."""
    x = float(_LEFT)
    for place, line in enumerate(drawing.lines):
        colour, width, dashes = _LOOKS[place % len(_LOOKS)]
        yield (
            f'<line x1="{x:.1f}" y1="55" x2="{x + 26:.1f}" y2="55" stroke="{colour}" stroke-width="{width}"'
            f' stroke-dasharray="{dashes or "none"}"/>'
        )
        yield _words(x + 34, 60, line.name, ink=_DIM, cut=28)
        x += 34 + 8 * min(28, len(line.name)) + 26
    if any(drawing.band):
        yield f'<rect x="{x:.1f}" y="47" width="26" height="16" rx="3" fill="{_BAND}" stroke="#b9cbdd"/>'
        yield _words(x + 34, 60, "usual", ink=_DIM)


class _Plot:
    """Where values and moments stand on the drawing."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self._zone = ZoneInfo(drawing.zone)
        known = [value for line in drawing.lines for value in line.values if value is not None]
        known += [band[1] for band in drawing.band if band]
        self._step, self._most = _axis(max(known, default=0.0), drawing.share)
        times = drawing.times
        self._start = times[0] if times else None
        self._seconds = (times[-1] - times[0]).total_seconds() if len(times) > 1 else 0.0

    def _x(self, moment: datetime) -> float:
        if self._start is None or not self._seconds:
            return (_LEFT + WIDTH - _RIGHT) / 2
        share = (moment - self._start).total_seconds() / self._seconds
        return _LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT)

    def _y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - min(1.0, max(0.0, value / self._most)) * (HEIGHT - _TOP - _BOTTOM)

    def grid(self) -> Iterator[str]:
        """Lines and numbers of both axes."""
        for place in range(round(self._most / self._step) + 1):
            value = place * self._step
            y = self._y(value)
            yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="{_GRID}"/>'
            yield _words(_LEFT - 10, y + 5, self._number(value), ink=_DIM, anchor="end")
        for moment, label in self._ticks():
            x = self._x(moment)
            yield f'<path d="M{x:.1f},{HEIGHT - _BOTTOM} v6" stroke="{_DIM}"/>'
            yield _words(x, HEIGHT - _BOTTOM + 24, label, ink=_DIM, anchor="middle")
        if not self._drawing.times:
            yield _words(WIDTH / 2, HEIGHT / 2, "Nothing was counted in this time", ink=_DIM, anchor="middle")

    def _number(self, value: float) -> str:
        if self._drawing.share:
            return f"{value * 100:.0f} %"
        return f"{value:,.0f}" if self._step >= 1 else f"{value:g}"

    def _ticks(self) -> Iterator[tuple[datetime, str]]:
        """Round moments of the local clock, at most eight."""
        if self._start is None:
            return
        step = next((one for one in _STEPS if one.total_seconds() * 8 >= self._seconds), _STEPS[-1])
        whole_days = step >= timedelta(days=1)
        local = self._start.astimezone(self._zone).replace(tzinfo=None)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        wall = midnight + step * math.ceil((local - midnight) / step)
        end = self._start + timedelta(seconds=self._seconds)
        while (moment := wall.replace(tzinfo=self._zone)) <= end:
            first = wall.hour == wall.minute == 0
            yield moment, f"{wall:%a} {wall.day} {wall:%b}" if whole_days or first else f"{wall:%H:%M}"
            wall += step

    def band(self) -> Iterator[str]:
        """What is usual, as areas."""
        run: list[tuple[datetime, tuple[float, float]]] = []
        for moment, span in [*zip(self._drawing.times, self._drawing.band, strict=False), (None, None)]:
            if moment is not None and span:
                run.append((moment, span))
            elif run:
                upper = [f"{self._x(at):.1f},{self._y(high):.1f}" for at, (_, high) in run]
                lower = [f"{self._x(at):.1f},{self._y(low):.1f}" for at, (low, _) in reversed(run)]
                yield f'<polygon points="{" ".join((*upper, *lower))}" fill="{_BAND}"/>'
                run = []

    def curves(self) -> Iterator[str]:
        """Every line; the first is drawn last, on top. A single value is a dot."""
        for place, line in reversed(list(enumerate(self._drawing.lines))):
            colour, width, dashes = _LOOKS[place % len(_LOOKS)]
            for run in _runs(self._drawing.times, line.values):
                points = [(self._x(at), self._y(value)) for at, value in run]
                if len(points) == 1:
                    yield f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" fill="{colour}"/>'
                    continue
                drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                yield (
                    f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{width}"'
                    f' stroke-dasharray="{dashes or "none"}" stroke-linejoin="round" stroke-linecap="round"/>'
                )

    def marks(self) -> Iterator[str]:
        """What happened, as upright lines with their label on top; labels that would touch go to a second row."""
        ends = [0.0, 0.0]
        for mark in sorted(self._drawing.marks, key=lambda one: one.at)[-_MOST_MARKS:]:
            x, label = self._x(mark.at), mark.label[:_LONGEST_LABEL]
            wide, flip = 7.5 * len(label) + 18, x > WIDTH * 0.7
            begin = x - wide if flip else x
            row = 0 if begin >= ends[0] else 1 if begin >= ends[1] else None
            top = _TOP - 8 + 16 * (row or 0)
            yield f'<path d="M{x:.1f},{top} V{HEIGHT - _BOTTOM}" stroke="{_MARK}" stroke-dasharray="3 3"/>'
            yield f'<path d="M{x - 5:.1f},{top} h10 l-5,7 z" fill="{_MARK}"/>'
            if row is not None:
                ends[row] = begin + wide
                anchor, at = ("end", x - 9) if flip else ("start", x + 9)
                yield _words(at, top + 6, label, size=13, weight=600, ink=_MARK, anchor=anchor, cut=_LONGEST_LABEL)


def _runs(times: Sequence[datetime], values: Sequence[float | None]) -> Iterator[list[tuple[datetime, float]]]:
    """The stretches in which values are known."""
    run: list[tuple[datetime, float]] = []
    for moment, value in zip(times, values, strict=False):
        if value is not None:
            run.append((moment, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _axis(most: float, share: bool) -> tuple[float, float]:
    """The step of an axis and its end: one, two or five of some power of ten, in three to six steps."""
    least = 0.05 if share else 4.0
    most = max(most, least)
    if share:
        most = min(most, 1.0)
    raw = most / 4
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * one for one in (1, 2, 5, 10) if power * one >= raw - 1e-12)
    return step, step * math.ceil(most / step - 1e-9)
