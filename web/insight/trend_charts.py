"""The charts of the trends page: what is said of a brand and how it is answered, by day or hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from web.insight.charts import USUAL, Chart, Line
from web.insight.looked import Looked
from web.queries import trends as read

FEWEST_IN_BUCKET = 10
"""Of fewer in one day or hour no share is drawn."""
_VOICES = 5
"""Competitors that the chart shows beside the brand."""


def _chart(
    looked: Looked,
    name: str,
    title: str,
    about: str,
    lines: Sequence[Line],
    *,
    unit: str = "count",
    stacked: bool = False,
    band: Sequence[tuple[float, float] | None] = (),
    band_name: str = "",
) -> Chart:
    period = looked.period
    return Chart(
        name,
        title,
        about,
        period.buckets,
        lines,
        period.zone,
        period.hourly,
        unit,
        stacked,
        band,
        band_name if any(band) else "",
        looked.marks,
        looked.holes,
        period.unfinished,
    )


def _hrefs(looked: Looked, **narrowed: str) -> list[str]:
    return looked.to_mentions(*looked.period.buckets, **narrowed)


def volume(looked: Looked) -> Chart:
    """Mentions, before the band of what is usual, and those of the period before."""
    lines = [Line("mentions", "main", [one.mentions for one in looked.counts], _hrefs(looked))]
    if looked.counts_before is not None:
        before = [one.mentions for one in looked.counts_before][: len(looked.counts)]
        short = [None] * (len(looked.counts) - len(before))  # where the clocks changed
        lines.append(Line("before", "before", [*before, *short]))
    usual = read.usual(looked.found, looked.period, looked.known_from)
    help_ = "Every public post about the brand, by when it was written."
    return _chart(looked, "mentions", "Mentions", help_, lines, band=usual, band_name=USUAL)


def sentiment(looked: Looked) -> Chart:
    """Negative, neutral and positive mentions on each other."""
    kinds = ("negative", "neutral", "positive")
    lines = [
        Line(kind, kind, [getattr(one, kind) for one in looked.counts], _hrefs(looked, sentiment=kind))
        for kind in kinds
    ]
    help_ = "Mentions in the languages that are judged."
    return _chart(looked, "sentiment", "Sentiment", help_, lines, stacked=True)


def complaints(looked: Looked) -> Chart:
    """Which share of what was judged are complaints."""
    shares = [one.complaint_share for one in looked.counts]
    known = [share if share.of >= FEWEST_IN_BUCKET else None for share in shares]
    values = [share.value if share else None for share in known]
    line = Line("complaints", "negative", values, _hrefs(looked, complaint="yes"))
    band = [share.interval if share else None for share in known]
    help_ = f"Of the mentions that were judged. Left out where there were fewer than {FEWEST_IN_BUCKET}."
    return _chart(
        looked, "complaints", "Complaint share", help_, [line], unit="share", band=band, band_name="95 % range"
    )


def voice(looked: Looked) -> Chart:
    """The brand's and its competitors' shares of everything that was said of them together."""
    shown = [brand for brand, _, _ in looked.voices[: _VOICES + 1]]
    every = [read.aligned(looked.found_of_all[one.id], looked.period) for one, _, _ in looked.voices]
    sums = [sum(one.mentions for one in bucket) for bucket in zip(*every, strict=True)]
    lines = []
    for place, brand in enumerate(shown):
        counts = every[place]
        values = [one.mentions / of if of >= FEWEST_IN_BUCKET else None for one, of in zip(counts, sums, strict=True)]
        look = "main" if brand.id == looked.brand.id else f"other-{place}"
        lines.append(Line(brand.name, look, values, _hrefs(looked) if place == 0 and looked.only[0] != "topic" else ()))
    help_ = f"Of all mentions of these brands. Left out where there were fewer than {FEWEST_IN_BUCKET}."
    return _chart(looked, "voice", "Share of voice", help_, lines, unit="share")


def replies(looked: Looked) -> Chart:
    """Hours of open time until the first reply: the median and what nine of ten stayed within, by day of opening."""
    times = [looked.care.within(bucket.start, bucket.end).replies for bucket in looked.period.buckets]
    lines = [
        Line("median", "main", [None if one.median is None else one.median / 3600 for one in times]),
        Line("nine of ten within", "before", [None if one.p90 is None else one.p90 / 3600 for one in times]),
    ]
    help_ = "Hours in which the brand was open, by when the case was opened; of cases with a reply."
    return _chart(looked, "replies", "Time to the first reply", help_, lines, unit="hours")


CHARTS: Mapping[str, Callable[[Looked], Chart]] = {
    "mentions": volume,
    "sentiment": sentiment,
    "complaints": complaints,
    "voice": voice,
    "replies": replies,
}
"""By the name that their addresses have."""


def names(looked: Looked) -> list[str]:
    """The charts that have something to say of this brand."""
    shown = list(CHARTS)
    if not looked.competitors:
        shown.remove("voice")
    if not looked.care.replies.cases:
        shown.remove("replies")
    return shown
