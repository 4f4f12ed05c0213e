"""What a rule would have told in the last month: asked while somebody still makes up their mind about it.

Occasions are written down whether a rule hears of them or not (core/alerts.py), so the same questions are put to them
as when they came: does the rule hear it, when may its channel be disturbed, was it over by then, had somebody taken it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.tables import Alert, AlertRule, Brand
from responder.alerts import rules
from responder.alerts.route import ESCALATED

DAYS = 30
_MOST, _SHOWN = 5_000, 3
_WHAT = {
    "incident": ("incident", "incidents"),
    "spread": ("post that took off", "posts that took off"),
    "breach": ("late reply", "late replies"),
    "source": ("word about a source or channel", "words about sources and channels"),
    "digest": ("digest", "digests"),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """How often in DAYS and about what, how many had waited for its hours, how many gone further; and the newest."""

    kinds: tuple[tuple[str, int], ...]
    waited: int
    escalated: int
    newest: tuple[tuple[datetime, str], ...]

    @property
    def times(self) -> int:
        """How often it would have told."""
        return sum(number for _, number in self.kinds)

    @property
    def words(self) -> str:
        """The whole as sentences."""
        if not self.times:
            return f"In the last {DAYS} days this rule would have told nobody of anything."
        listed = ", ".join(f"{number} {_WHAT[kind][number > 1]}" for kind, number in self.kinds)
        said = f"It would have told you {_times(self.times)} in the last {DAYS} days: {listed}."
        if self.waited:
            said += f" {self.waited} of these had waited for its hours."
        if self.escalated:
            said += f" {self.escalated} had also gone where it escalates to."
        return said


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def preview(db: Session, clock: Clock, brand: Brand, rule: AlertRule) -> Preview:
    """What this rule of the brand, which need not be stored, would have told."""
    now = clock.now()
    since = now - timedelta(days=DAYS)
    mine = or_(Alert.brand_id == brand.id, Alert.brand_id.is_(None))
    wanted = select(Alert).where(mine, Alert.at > since, Alert.kind != "digest").order_by(Alert.at.desc()).limit(_MOST)
    told: list[Alert] = []
    waited = escalated = 0
    for alert in db.scalars(wanted):
        if not rules.hears(rule, alert):
            continue
        due = rules.due(rule.hours, brand, alert.severity, alert.at)
        if due > now or (alert.closed_at is not None and alert.closed_at < due):
            continue
        told.append(alert)
        waited += due > alert.at
        escalated += _escalated(rule, alert, due, now)
    kinds = Counter(rules.kind_of(alert) for alert in told)
    if "digest" in rule.kinds:
        kinds["digest"] = _digests(rule, brand, since, now)
    found = tuple((kind, kinds[kind]) for kind in rules.HEARD if kinds[kind])
    return Preview(found, waited, escalated, _newest(told))


def _escalated(rule: AlertRule, alert: Alert, due: datetime, now: datetime) -> bool:
    """Whether nobody had taken it, and it was not over, so many minutes after it was due."""
    if not rule.escalate_minutes or alert.kind not in ESCALATED:
        return False
    up = due + timedelta(minutes=rule.escalate_minutes)
    ends = [moment for moment in (alert.taken_at, alert.closed_at, now) if moment is not None]
    return up < min(ends)


def _digests(rule: AlertRule, brand: Brand, since: datetime, now: datetime) -> int:
    """How many digests had come on the brand's clock: one a day, or one each Monday."""
    zone = ZoneInfo(brand.timezone)
    first, last = since.astimezone(zone).date(), now.astimezone(zone).date()
    days = [date.fromordinal(one) for one in range(first.toordinal() + 1, last.toordinal() + 1)]
    return sum(rule.hours.get("digest", "daily") == "daily" or day.weekday() == 0 for day in days)


def _newest(told: Sequence[Alert]) -> tuple[tuple[datetime, str], ...]:
    return tuple((alert.at, alert.words) for alert in told[:_SHOWN])
