"""The row of figures above a brand's trends: each with its change, and silent where there is too little to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sentiment.accuracy import Share
from web import words
from web.insight.figures import ENOUGH, Change, change_of_count, change_of_share
from web.insight.looked import Looked
from web.queries.care import Times


@dataclass(frozen=True, slots=True)
class Figure:
    """One of them: `note` says of what, `href` leads to what it counts."""

    name: str
    value: str
    change: Change
    note: str = ""
    href: str = ""


def heard(looked: Looked) -> list[Figure]:
    """What can be said of what was said."""
    return [*_heard(looked)]


def figures(looked: Looked) -> list[list[Figure]]:
    """All that can be said of the period: of what was said, and of how it was answered."""
    return [[*_heard(looked), *_voice(looked)], [*_answered(looked)]]


def _heard(looked: Looked) -> Iterator[Figure]:
    now, before = looked.total, looked.total_before
    yield Figure(
        "Mentions",
        words.short(now.mentions),
        change_of_count(now.mentions, before.mentions if before else None),
        href=looked.to_mentions(looked.period)[0],
    )
    for name, share, was, count, narrowed in (
        (
            "Complaints",
            now.complaint_share,
            before.complaint_share if before else None,
            now.complaints,
            {"complaint": "yes"},
        ),
        (
            "Negative",
            now.negative_share,
            before.negative_share if before else None,
            now.negative,
            {"sentiment": "negative"},
        ),
    ):
        change = change_of_share(share, was, less_is_better=True)
        yield Figure(
            name, _said(share), change, f"{count:,} of {share.of:,}", looked.to_mentions(looked.period, **narrowed)[0]
        )


def _voice(looked: Looked) -> Iterator[Figure]:
    if looked.competitors:
        all_now = sum(counts.mentions for _, counts, _ in looked.voices)
        _, mine, was_mine = looked.voices[0]
        was = Share(was_mine.mentions, sum(one.mentions for _, _, one in looked.voices if one)) if was_mine else None
        share = Share(mine.mentions, all_now)
        yield Figure(
            "Share of voice",
            _said(share),
            change_of_share(share, was, less_is_better=False),
            f"of {all_now:,} mentions",
        )


def _answered(looked: Looked) -> Iterator[Figure]:
    care, before = looked.care, looked.care_before
    if not care.cases and not (before and before.cases):
        return
    yield _time("First reply", care.replies, before.replies if before else None)
    yield _time("Resolved", care.resolutions, before.resolutions if before else None)
    for name, share, was, note, narrowed in (
        ("In target", care.in_target, before.in_target if before else None, "first replies", {}),
        ("Answered", care.answered, before.answered if before else None, "complaints", {"kind": "complaint"}),
        ("Recovered", care.recovered, before.recovered if before else None, "who wrote again", {"outcome": "any"}),
        ("Thanked", care.thanked, before.thanked if before else None, "praise", {"kind": "praise"}),
    ):
        if share.of:
            change = change_of_share(share, was, less_is_better=False)
            about = f"{share.hits:,} of {share.of:,} {note}"
            yield Figure(name, _said(share), change, about, looked.to_cases(**narrowed) if narrowed else "")


def _time(name: str, now: Times, before: Times | None) -> Figure:
    if now.median is None or now.p90 is None:
        return Figure(name, "–", Change("none yet"))
    said = f"nine of ten within {open_time(now.p90)}"
    if before is None or before.median is None or min(now.cases, before.cases) < ENOUGH:
        few = f"of {now.cases:,} only" if now.cases < ENOUGH else "nothing to compare with"
        return Figure(name, open_time(now.median), Change(few), said)
    tone = "" if abs(now.median - before.median) < 60 else "better" if now.median < before.median else "worse"
    return Figure(name, open_time(now.median), Change(f"{open_time(before.median)} before", tone), said)


def open_time(seconds: float) -> str:
    """A length of open time: "< 1 min", "12 min", "3 h 20", "47 h"; never in days, of which each brand has its own."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "< 1 min"
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02}" if hours < 10 else f"{hours:,} h"


def _said(share: Share) -> str:
    if share.of < ENOUGH:
        return f"{share.hits:,} of {share.of:,}"
    return f"{share.value * 100:.1f} %" if share.value < 0.0995 else f"{share.value * 100:.0f} %"
