"""Charts of a brand's trends as values: as a table, as CSV, as a picture, and as what the browser draws them from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from responder.alerts import chart as drawn
from web.export import cell
from web.insight.period import Bucket

Value = float | None

USUAL = "usual"
"""What the band of usual values is called."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of values, None where nothing can be said. `look` names its colour in web/static/trends.css.

    `hrefs` lead from each value to what it counts.
    """

    name: str
    look: str
    values: Sequence[Value]
    hrefs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: `kind` is incident or ripple."""

    at: datetime
    kind: str
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A span of which something is missing."""

    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Values by day or hour. `unit` is count, share (0..1) or hours; `stacked` lines add up to a whole.

    `band` is what is usual, or between which values the truth lies (`band_name` says which of them). Of an `unfinished`
    one the last day or hour goes on.
    """

    name: str
    title: str
    help: str
    buckets: Sequence[Bucket]
    lines: Sequence[Line]
    zone: ZoneInfo
    hourly: bool
    unit: str = "count"
    stacked: bool = False
    band: Sequence[tuple[float, float] | None] = ()
    band_name: str = ""
    marks: Sequence[Mark] = ()
    holes: Sequence[Hole] = ()
    unfinished: bool = False

    @property
    def empty(self) -> bool:
        """Whether it has nothing to show."""
        return not any(value for line in self.lines for value in line.values)

    @property
    def labels(self) -> Sequence[str]:
        """What each day or hour is called."""
        return _labels(tuple(self.buckets), self.zone, self.hourly, self.unfinished)

    @property
    def rows(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        """The table: what each day or hour is called, and its values in words, each with where it leads."""
        for place, label in enumerate(self.labels):
            yield (
                label,
                [
                    (self.said(line.values[place]), line.hrefs[place] if line.hrefs and line.values[place] else "")
                    for line in self.lines
                ],
            )

    def said(self, value: Value) -> str:
        """A value in words."""
        if value is None:
            return "–"
        if self.unit == "share":
            return f"{value * 100:.1f} %"
        return f"{value:,.1f}" if self.unit == "hours" else f"{value:,.0f}"


@lru_cache(maxsize=32)  # the charts of a page share them
def _labels(buckets: tuple[Bucket, ...], zone: ZoneInfo, hourly: bool, unfinished: bool) -> Sequence[str]:
    local = [bucket.start.astimezone(zone) for bucket in buckets]
    hour = ", %H:%M %Z" if len({one.utcoffset() for one in local}) > 1 else ", %H:%M"
    said = [f"{one:%a} {one.day} {one:%b}{one.strftime(hour if hourly else '')}" for one in local]
    return [*said[:-1], f"{said[-1]}, so far"] if unfinished and said else said


def data(chart: Chart) -> str:
    """What web/static/trends.js draws: moments in seconds since 1970, values, looks and links, as JSON."""
    return json.dumps(
        {
            "at": [int(bucket.start.timestamp()) for bucket in chart.buckets],
            "labels": list(chart.labels),
            "lines": [
                {"name": line.name, "look": line.look, "values": list(line.values), "hrefs": list(line.hrefs)}
                for line in chart.lines
            ],
            "unit": chart.unit,
            "stacked": chart.stacked,
            "zone": chart.zone.key,
            "hourly": chart.hourly,
            "band": [list(span) if span else None for span in chart.band],
            "bandName": chart.band_name,
            "marks": [
                {"at": int(mark.at.timestamp()), "kind": mark.kind, "label": mark.label, "href": mark.href}
                for mark in chart.marks
            ],
            "holes": [[int(hole.start.timestamp()), int(hole.end.timestamp())] for hole in chart.holes],
        }
    )


def drawing(chart: Chart) -> drawn.Drawing:
    """The chart as it is drawn where there is no JavaScript, and for download."""
    return drawn.Drawing(
        f"{chart.title}, in hours" if chart.unit == "hours" else chart.title,
        [bucket.start for bucket in chart.buckets],
        [drawn.Line(line.name, line.values) for line in chart.lines],
        chart.band if chart.band_name == USUAL else (),  # a drawing has no other band
        [drawn.Mark(mark.at, mark.label) for mark in chart.marks if mark.kind == "incident"],
        chart.zone.key,
        chart.unit == "share",
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as CSV, every cell safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([cell(one) for one in head])
    writer.writerows([cell(one) for one in row] for row in rows)
    return out.getvalue()


def as_csv(chart: Chart) -> str:
    """The chart's values, each day or hour with its begin and end on the brand's clock."""
    rows = [
        [
            bucket.start.astimezone(chart.zone).isoformat(),
            bucket.end.astimezone(chart.zone).isoformat(),
            *(_exact(line.values[place]) for line in chart.lines),
        ]
        for place, bucket in enumerate(chart.buckets)
    ]
    return table(["from", "to", *(line.name for line in chart.lines)], rows)


def _exact(value: Value) -> object:
    return round(value, 4) if isinstance(value, float) else value
