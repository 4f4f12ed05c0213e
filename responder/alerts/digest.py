"""The digest of a brand: a day or a week in figures, told once each in the brand's morning. The stage `digest`.

Brands whose rules hear digests wait here for their next morning; a daily one tells of yesterday, a weekly one on Monday
of the week before. What was missed while nothing ran is told late, but only the newest of each: the brand waited for
the first moment that it missed, and everything from then on is new. The figures come from the counts
(tables.HourCount, WordCount), from cases and from incidents, never from the posts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts, waiting
from core.clock import Clock
from core.runtime import Runtime
from core.settings import Settings
from core.tables import AlertRule, Brand, Waiting
from responder.alerts import digest_figures as figures
from responder.alerts.channel import Message
from responder.alerts.chart import png
from responder.alerts.places import address

STAGE = "digest"
MORNING = time(8)
"""When a digest is told, on the brand's own clock."""

EVERY = {"daily": "every morning", "weekly": "on Monday mornings"}
"""How often a rule may hear one: `AlertRule.hours["digest"]`."""

_WEEK = re.compile(r"(\d{4})-W(\d\d)")
_DAY = timedelta(days=1)
_WAITS = select(Waiting.due).where(Waiting.stage == STAGE)


@dataclass(frozen=True, slots=True)
class Period:
    """The days that a digest is about, from midnight to midnight on the brand's clock, and what they are called."""

    first: date
    days: int
    name: str

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """From and to, in UTC."""
        return _midnight(self.first, zone), _midnight(self.first + self.days * _DAY, zone)

    @property
    def before(self) -> Period:
        """As many days before it."""
        return Period(
            self.first - self.days * _DAY, self.days, "the week before" if self.days > 1 else "the day before"
        )


def work(runtime: Runtime) -> int:
    """Tell the digests that are due; see core/queue.py."""
    with runtime.db.read() as db:
        if not waiting.any_for(db, runtime.clock, STAGE):
            return 0
    with runtime.db.write() as db:
        ids = waiting.take(db, runtime.clock, STAGE, 50)
        for brand_id in ids:
            tell_due(db, runtime.clock, brand_id)
    return len(ids)


def tell_due(db: Session, clock: Clock, brand_id: int) -> list[int]:
    """Tell what a brand has waited for, and let it wait for the next; gives the alerts' ids."""
    brand, since = db.get(Brand, brand_id), db.scalar(_WAITS.where(Waiting.subject_id == brand_id))
    told: list[int] = []
    if brand is None or since is None:
        waiting.done(db, STAGE, [brand_id])
        return told
    for every in _wanted(db, brand_id):
        newest = _last_morning(brand, every, clock.now())
        if newest >= since:
            key = _key(newest.astimezone(ZoneInfo(brand.timezone)).date(), every)
            words = f"{brand.name}: {period_of(key).name}"
            told.append(alerts.tell(db, clock, "digest", brand_id, brand_id, "normal", words, key=key))
    plan(db, clock, brand_id)
    return told


def plan(db: Session, clock: Clock, brand_id: int) -> None:
    """Let a brand wait for its next digest, or for none where no rule hears any. Call it when its rules change."""
    waiting.done(db, STAGE, [brand_id])
    brand = db.get(Brand, brand_id)
    wanted = _wanted(db, brand_id)
    if brand is not None and wanted:
        due = min(_next_morning(brand, every, clock.now()) for every in wanted)
        waiting.add(db, clock, STAGE, [brand_id], due)


def period_of(key: str) -> Period:
    """The days that the key of a digest names: "2026-11-22", or "2026-W47"."""
    if found := _WEEK.fullmatch(key):
        first = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        last = first + 6 * _DAY
        return Period(first, 7, f"{first.day} {first:%B} to {last.day} {last:%B}")
    first = date.fromisoformat(key)
    return Period(first, 1, f"{first:%A} {first.day} {first:%B}")


def message(db: Session, settings: Settings, brand: Brand, key: str, plain: Message, *, drawn: bool = True) -> Message:
    """What a digest says, at any time after its days."""
    period, zone = period_of(key), ZoneInfo(brand.timezone)
    now, before = figures.read(db, brand.id, *period.moments(zone)), period.before
    past = figures.read(db, brand.id, *before.moments(zone))
    facts = [*figures.facts(now, past), *figures.told(db, brand.id, period.moments(zone), before.moments(zone))]
    return replace(
        plain,
        title=f"{brand.name}: {period.name}",
        sentence=figures.sentence(now, past, before.name),
        url=address(settings, f"/trends/{brand.slug}"),
        facts=tuple(facts),
        chart=png(figures.drawing(db, brand, period.moments(zone), before)) if drawn else None,
    )


def _wanted(db: Session, brand_id: int) -> list[str]:
    rules: Iterable[AlertRule] = db.scalars(select(AlertRule).where(AlertRule.brand_id == brand_id, AlertRule.active))
    return sorted({rule.hours.get("digest", "daily") for rule in rules if "digest" in rule.kinds})


def _key(morning: date, every: str) -> str:
    """What is told on this morning."""
    if every == "weekly":
        year, week, _ = (morning - 7 * _DAY).isocalendar()
        return f"{year}-W{week:02}"
    return (morning - _DAY).isoformat()


def _last_morning(brand: Brand, every: str, now: datetime) -> datetime:
    """The newest moment up to now at which such a digest is told."""
    zone = ZoneInfo(brand.timezone)
    day = now.astimezone(zone).date()
    while (moment := _morning(day, zone)) > now or (every == "weekly" and day.weekday() != 0):
        day -= _DAY
    return moment


def _next_morning(brand: Brand, every: str, now: datetime) -> datetime:
    zone = ZoneInfo(brand.timezone)
    day = now.astimezone(zone).date()
    while (moment := _morning(day, zone)) <= now or (every == "weekly" and day.weekday() != 0):
        day += _DAY
    return moment


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, MORNING, zone).astimezone(UTC)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
