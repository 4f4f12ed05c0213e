"""The figures of a digest: what was counted in some days, and how that compares with as many days before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.tables import Brand, Case, HourCount, Incident, Mention, Topic, WordCount
from responder.alerts.chart import Drawing, Line, Mark
from responder.timing.clock import DONE

if TYPE_CHECKING:
    from responder.alerts.digest import Period

Span = tuple[datetime, datetime]

_HOUR = timedelta(hours=1)
_FEWEST = 3
"""A word or topic of fewer mentions is no news."""
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted from one moment to another."""

    mentions: int
    complaints: int
    negative: int
    positive: int

    @property
    def share(self) -> float:
        """Of the mentions those that were complaints."""
        return self.complaints / self.mentions if self.mentions else 0.0


def read(db: Session, brand_id: int, start: datetime, end: datetime) -> Figures:
    """From the counts; an hour belongs to where it begins."""
    of = (HourCount.mentions, HourCount.complaints, HourCount.negative, HourCount.positive)
    sums = select(*(func.coalesce(func.sum(one), 0) for one in of)).where(*_all_of(brand_id, start, end))
    return Figures(*(int(one) for one in db.execute(sums).one()))


def _all_of(brand_id: int, start: datetime, end: datetime, dimension: str = "all") -> tuple[ColumnElement[bool], ...]:
    mine = (HourCount.brand_id == brand_id, HourCount.dimension == dimension)
    return (*mine, HourCount.hour >= start, HourCount.hour < end)


def sentence(now: Figures, past: Figures, before: str) -> str:
    """The figures in one sentence."""
    if not now.mentions:
        return "Nobody wrote anything that we heard."
    said = f"{now.mentions:,} {'mention' if now.mentions == 1 else 'mentions'}, {now.share:.0%} of them complaints"
    if not past.mentions:
        return f"{said}."
    change = (now.mentions - past.mentions) / past.mentions
    more = "as many as" if abs(change) < 0.005 else f"{abs(change):.0%} {'more' if change > 0 else 'fewer'} than"
    return f"{said}: {more} {before}, when {past.share:.0%} were."


def facts(now: Figures, past: Figures) -> list[tuple[str, str]]:
    """The counts beside those before."""
    return [
        ("Mentions", _beside(now.mentions, past.mentions)),
        ("Complaints", _beside(now.complaints, past.complaints)),
        ("Share of complaints", f"{now.share:.1%} (before {past.share:.1%})"),
        ("Negative and positive", f"{now.negative:,} and {now.positive:,}"),
    ]


def _beside(now: int, past: int) -> str:
    return f"{now:,} (before {past:,})"


def told(db: Session, brand_id: int, span: Span, before: Span) -> list[tuple[str, str]]:
    """What the counts do not say: incidents, how fast we answered, who waits, and what people speak of more."""
    found = [("Incidents", _incidents(db, brand_id, span)), ("First reply", _replies(db, brand_id, span, before))]
    found.append(("Late and unanswered now", f"{_late(db, brand_id, span[1]):,}"))
    if topics := _rising_topics(db, brand_id, span, before):
        found.append(("Topics rising", topics))
    if words := _rising_words(db, brand_id, span, before):
        found.append(("Words rising", words))
    return found


def _incidents(db: Session, brand_id: int, span: Span) -> str:
    """Those that were noticed, the largest first, and how many others are still open."""
    mine = select(Incident).where(Incident.brand_id == brand_id, Incident.state.in_(("open", "ended")))
    new = mine.where(Incident.noticed_at >= span[0], Incident.noticed_at < span[1])
    rows = db.scalars(new.order_by(Incident.mentions.desc(), Incident.id)).all()
    names = "; ".join(f"{row.name} ({row.mentions:,}, {row.state})" for row in rows[:_LISTED])
    more = f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    older = db.scalar(select(func.count()).select_from(Incident).where(
        Incident.brand_id == brand_id, Incident.state == "open", Incident.noticed_at < span[0]
    )) or 0  # fmt: skip
    still = f"{older} older still open" if older else ""
    return ". ".join(part for part in ((names + more) if rows else "none new", still) if part)


def _replies(db: Session, brand_id: int, span: Span, before: Span) -> str:
    now, past = _times(db, brand_id, span), _times(db, brand_id, before)
    if not now:
        return "no case was answered"
    ninth = now[min(len(now) - 1, int(len(now) * 0.9))]
    beside = f" (before {_length(median(past))})" if past else ""
    return f"median {_length(median(now))}{beside}, nine of ten within {_length(ninth)}, {len(now):,} answered"


def _times(db: Session, brand_id: int, span: Span) -> list[float]:
    """Seconds from what was written to our first reply, in order."""
    answered = select(Mention.created_at, Case.first_reply_at).join(Mention, Mention.id == Case.mention_id)
    answered = answered.where(Case.brand_id == brand_id, Case.first_reply_at >= span[0], Case.first_reply_at < span[1])
    rows = db.execute(answered).all()
    return sorted(max(0.0, (row.first_reply_at - row.created_at).total_seconds()) for row in rows)


def _length(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _late(db: Session, brand_id: int, end: datetime) -> int:
    """Cases whose first reply was due by the end and that have none yet."""
    open_ones = select(func.count()).select_from(Case).where(Case.brand_id == brand_id, Case.state.not_in(DONE))
    return db.scalar(open_ones.where(Case.first_reply_at.is_(None), Case.due_at < end)) or 0


def _rising_words(db: Session, brand_id: int, span: Span, before: Span) -> str:
    return _rising(_words(db, brand_id, span), _words(db, brand_id, before))


def _words(db: Session, brand_id: int, span: Span) -> Counter[str]:
    """Words by UTC days, of which those count that begin in the span."""
    counted = select(WordCount.word, func.sum(WordCount.mentions).label("number")).where(
        WordCount.brand_id == brand_id, WordCount.day >= _days(span[0]), WordCount.day < _days(span[1])
    )
    return Counter({row.word: int(row.number) for row in db.execute(counted.group_by(WordCount.word))})


def _days(moment: datetime) -> date:
    """The UTC day that most of a local day is, which begins at `moment`."""
    return (moment + 12 * _HOUR).date()


def _rising_topics(db: Session, brand_id: int, span: Span, before: Span) -> str:
    names = {str(row.id): row.name for row in db.scalars(select(Topic).where(Topic.brand_id == brand_id))}
    counts = []
    for start, end in (span, before):
        sums = select(HourCount.value, func.sum(HourCount.mentions).label("number"))
        rows = db.execute(sums.where(*_all_of(brand_id, start, end, "topic")).group_by(HourCount.value))
        counts.append(Counter({names[row.value]: int(row.number) for row in rows if row.value in names}))
    return _rising(*counts)


def _rising(now: Counter[str], past: Counter[str]) -> str:
    """What stands out most: by how far it is above what it was, in steps of what chance does to such a number."""
    grown = {
        one: (number - past[one]) / (number + past[one]) ** 0.5
        for one, number in now.items()
        if number >= _FEWEST and number > past[one] * 1.5
    }
    best = sorted(grown, key=lambda one: (-grown[one], one))[:_LISTED]
    return ", ".join(f"{one} {now[one]:,} (before {past[one]:,})" for one in best)


def drawing(db: Session, brand: Brand, span: Span, before: Period) -> Drawing:
    """Mentions and complaints by the hour of a day or the day of a week, with the days before and the incidents."""
    zone = ZoneInfo(brand.timezone)
    step = _HOUR if span[1] - span[0] < timedelta(days=3) else timedelta(days=1)
    times = [span[0] + place * step for place in range(round((span[1] - span[0]) / step))]
    now, past = (_curve(db, brand.id, one, step, len(times)) for one in (span, before.moments(zone)))
    mine = select(Incident.name, Incident.noticed_at).where(
        Incident.brand_id == brand.id, Incident.noticed_at >= span[0], Incident.noticed_at < span[1]
    )
    marks = [Mark(row.noticed_at, row.name) for row in db.execute(mine.where(Incident.state != "dismissed"))]
    lines = [Line("mentions", now[0]), Line("complaints", now[1]), Line(f"mentions, {before.name}", past[0])]
    what = "by hour" if step == _HOUR else "by day"
    return Drawing(f"{brand.name}: mentions and complaints {what}", times, lines, marks=marks, zone=brand.timezone)


def _curve(db: Session, brand_id: int, span: Span, step: timedelta, number: int) -> tuple[list[float], list[float]]:
    """Mentions and complaints, one for each step."""
    mentions, complaints = [0.0] * number, [0.0] * number
    wanted = select(HourCount.hour, HourCount.mentions, HourCount.complaints).where(*_all_of(brand_id, *span))
    for row in db.execute(wanted):
        place = min(number - 1, int((row.hour - span[0]) / step))
        mentions[place] += row.mentions
        complaints[place] += row.complaints
    return mentions, complaints
