"""What is to be learned of an incident: when we could have known, when we knew, and how well it was answered. Pure.

The report quotes no post, so it may be shown to anybody and outlives what the posts said.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class OfCase:
    """One case inside: when its author wrote, when it was first answered, whether it is done with, and how its author
    sounded afterwards (better, same, worse)."""

    written_at: datetime
    answered_at: datetime | None
    done: bool
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an incident when it is looked back upon. Times without a value never came."""

    name: str
    brand: str
    severity: str
    began_at: datetime
    could_at: datetime | None
    noticed_at: datetime
    taken_at: datetime | None
    first_reply_at: datetime | None
    peak_at: datetime | None
    peak: int
    ended_at: datetime | None
    why_ended: str
    complaints: int
    people: int
    reach: int
    angry: int
    cases: Sequence[OfCase] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of the incident: what, when, and how long after the one before it that is named in `since`."""

    what: str
    at: datetime | None
    after: timedelta | None = None
    since: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`name` and `of` say which incident, `moments` are in the order in which they should come, `figures` are (what,
    how much)."""

    name: str
    of: str
    moments: Sequence[Moment]
    figures: Sequence[tuple[str, str]]
    why_ended: str


def report(facts: Facts) -> Report:
    """Look back upon an incident."""
    could = facts.could_at or facts.began_at
    since = "after we could have" if facts.could_at else "after it began"
    moments = (
        Moment("The first complaint", facts.began_at),
        Moment("We could have known", facts.could_at, _after(facts.began_at, facts.could_at), "after it began"),
        Moment("We knew", facts.noticed_at, _after(could, facts.noticed_at), since),
        Moment("Somebody took it", facts.taken_at, _after(facts.noticed_at, facts.taken_at), "after we knew"),
        Moment(
            "The first reply", facts.first_reply_at, _after(facts.noticed_at, facts.first_reply_at), "after we knew"
        ),
        Moment("Its busiest hour began", facts.peak_at, _after(facts.began_at, facts.peak_at), "after it began"),
        Moment("It was over", facts.ended_at, _after(facts.began_at, facts.ended_at), "after it began"),
    )
    return Report(facts.name, f"{facts.brand}, {facts.severity}", moments, tuple(_figures(facts)), facts.why_ended)


def length(span: timedelta) -> str:
    """A length of time as people say it: "2 h 05 min", "1 day 3 h", "under a minute"."""
    minutes = int(abs(span).total_seconds() // 60)
    early = " earlier" if span < -timedelta(minutes=1) else ""
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min{early}"
    hours, days = minutes // 60, minutes // 1440
    if hours < 24:
        return f"{hours} h {minutes % 60:02} min{early}"
    return f"{days} {'day' if days == 1 else 'days'} {hours % 24} h{early}"


def markdown(found: Report, zone: str) -> str:
    """The report as a text to be put into a wiki or a ticket; times on the brand's clock."""
    rows = [f"| {one.what} | {_clock(one.at, zone)} | {_told(one)} |" for one in found.moments]
    figures = [f"- {_plain(what)}: {value}" for what, value in found.figures]
    why = ["", f"Why it was declared over: {_plain(found.why_ended)}"] if found.why_ended else []
    head = [f"# {_plain(found.name)} ({_plain(found.of)})", "", f"| What | When ({zone}) | How long |", "|---|---|---|"]
    return "\n".join((*head, *rows, "", *figures, *why, ""))


def as_csv(found: Report) -> str:
    """The report as CSV: what, when (UTC, ISO 8601), seconds after what came before; then the figures."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\r\n")
    sheet.writerow(("what", "at", "seconds", "since", "value"))
    for one in found.moments:
        seconds = int(one.after.total_seconds()) if one.after is not None else ""
        at = one.at.astimezone(UTC).isoformat(timespec="seconds") if one.at else ""
        sheet.writerow((one.what, at, seconds, one.since if one.after is not None else "", ""))
    for what, value in found.figures:
        sheet.writerow((what, "", "", "", value))
    return out.getvalue()


def _figures(facts: Facts) -> list[tuple[str, str]]:
    answered = [one for one in facts.cases if one.answered_at is not None]
    took = [(one.answered_at - one.written_at).total_seconds() for one in answered if one.answered_at is not None]
    better = sum(one.outcome == "better" for one in facts.cases)
    worse = sum(one.outcome == "worse" for one in facts.cases)
    unanswered = sum(one.answered_at is None and not one.done for one in facts.cases)
    return [
        ("Complaints", f"{facts.complaints:,} from {facts.people:,} people"),
        ("Complaints in its busiest hour", f"{facts.peak:,}"),
        ("Followers of those who complained", f"{facts.reach:,}"),
        ("Angry complaints", f"{facts.angry:,}"),
        ("Cases", f"{len(facts.cases):,}"),
        ("Cases answered", f"{len(answered):,}"),
        ("Cases still to answer", f"{unanswered:,}"),
        ("Median time to the first reply", length(timedelta(seconds=median(took))) if took else "no case was answered"),
        ("Customers recovered: kinder after our reply", f"{better:,}"),
        ("Customers who sound worse after our reply", f"{worse:,}"),
    ]


def _after(one: datetime | None, other: datetime | None) -> timedelta | None:
    return other - one if one is not None and other is not None else None


def _told(one: Moment) -> str:
    return f"{length(one.after)} {one.since}" if one.after is not None else ""


def _clock(moment: datetime | None, zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if moment else "not known"


def _plain(text: str) -> str:
    """Words on one line that make no mark-up of a Markdown text."""
    line = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|!" else sign for sign in line)
