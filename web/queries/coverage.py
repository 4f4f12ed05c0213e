"""What each source has heard and what it may have missed: hours, gaps, costs and messages to ourselves.

A handful of queries for all sources together, however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload

from core.roles import Rights
from core.tables import Canary, Gap, Mention, Source, SourceHour, Spending
from listener import budget, rates
from listener.canary import LOST_AFTER, judged
from web import words
from web.listening.hearing import URGENCY, Hearing, hearing, key_ends
from web.listening.past_hours import Hours, PastHours
from web.queries.seen import seen

STRIP = timedelta(days=7)
"""How far back closed gaps are shown."""
_MOST_GAPS = 5_000
_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """Millionths of a dollar this month: spent, and expected by its end. `budget` likewise; None is no limit."""

    spent: int
    forecast: int
    budget: int | None

    @property
    def over(self) -> bool:
        """Whether the month is likely to cost more than the budget."""
        return self.budget is not None and self.forecast > self.budget


@dataclass(frozen=True, slots=True)
class Heard:
    """All that is known of one source. `gaps` are the open ones and those of the last days, oldest first.

    `canary` is the last message to ourselves of which the outcome is known, or else the one under way.
    """

    source: Source
    hearing: Hearing
    hours: Hours
    gaps: Sequence[Gap]
    cost: Cost | None
    canary: Canary | None

    @property
    def key_ends(self) -> datetime | None:
        """When its key ends, as far as that is known."""
        return key_ends(self.source)

    @property
    def open_gaps(self) -> list[Gap]:
        """Those that are not closed."""
        return [gap for gap in self.gaps if gap.closed_at is None]


def coverage(db: Session, past: PastHours, now: datetime, source_id: int | None = None) -> list[Heard]:
    """Every source, what needs a person first, or one."""
    only = _Only(source_id)
    sources = db.scalars(select(Source).where(only(Source.id)).order_by(Source.name, Source.id)).all()
    hours, gaps = past.of(db, now, sources), _gaps(db, now, only)
    spent, canaries = _spent(db, now, only), _canaries(db, now, only)
    found = []
    for source in sources:
        canary, mine = canaries.get(source.id), gaps[source.id]
        says = hearing(
            source,
            now,
            hours[source.id].rate(_collection(source)),
            level=budget.level(db, source, now) if source.budget else budget.Level.ALL,
            open_gaps=sum(gap.closed_at is None for gap in mine),
            canary=_lost(canary, now) if canary else None,
        )
        cost = _cost(source, spent.get(source.id), now)
        found.append(Heard(source, says, hours[source.id], mine, cost, canary))
    return sorted(found, key=lambda one: URGENCY.index(one.hearing.light))


@dataclass(frozen=True, slots=True)
class _Only:
    """Narrows a query to one source, or not."""

    source_id: int | None

    def __call__(self, column: InstrumentedAttribute[int]) -> ColumnElement[bool]:
        return true() if self.source_id is None else column == self.source_id


def _gaps(db: Session, now: datetime, only: _Only) -> dict[int, list[Gap]]:
    wanted = select(Gap).where(only(Gap.source_id), or_(Gap.closed_at.is_(None), Gap.end >= now - STRIP))
    found: dict[int, list[Gap]] = defaultdict(list)
    newest_first = wanted.order_by(Gap.closed_at.is_not(None), Gap.start.desc(), Gap.id).limit(_MOST_GAPS)
    for gap in sorted(db.scalars(newest_first), key=lambda gap: gap.start):
        found[gap.source_id].append(gap)
    return found


def _spent(db: Session, now: datetime, only: _Only) -> dict[int, int]:
    first = now.astimezone(UTC).date().replace(day=1)
    sums = select(Spending.source_id, func.sum(Spending.cost)).where(only(Spending.source_id), Spending.day >= first)
    return {source_id: int(cost) for source_id, cost in db.execute(sums.group_by(Spending.source_id))}


def _cost(source: Source, spent: int | None, now: datetime) -> Cost | None:
    """None where nothing is paid for."""
    if spent is None and source.budget is None:
        return None
    limit = source.budget * budget.DOLLAR if source.budget else None
    return Cost(spent or 0, budget.forecast(spent or 0, now), limit)


def _canaries(db: Session, now: datetime, only: _Only) -> dict[int, Canary]:
    """The last one of each source whose outcome is known; one that is still under way only where there is no other."""
    last = func.coalesce(func.max(Canary.id).filter(judged(now)), func.max(Canary.id))
    ids = select(last).where(only(Canary.source_id)).group_by(Canary.source_id)
    return {canary.source_id: canary for canary in db.scalars(select(Canary).where(Canary.id.in_(ids)))}


def _lost(canary: Canary, now: datetime) -> str | None:
    """Why a message to ourselves counts as lost, to go on a sentence; None while it does not."""
    if canary.seen_at:
        return None
    if canary.error:
        return f"the message to ourselves could not be sent: {canary.error}"
    late = now - canary.sent_at > LOST_AFTER
    return f"the message to ourselves of {words.at(canary.sent_at, now)} did not come through" if late else None


def _collection(source: Source) -> str:
    """What its events are called."""
    names = set(source.last_events)
    return names.pop() if len(names) == 1 else "items" if names else "posts"


@dataclass(frozen=True, slots=True)
class Around:
    """What a source heard while a gap lasted: by hour and collection, and how much of it became mentions."""

    hours: Sequence[SourceHour]
    mentions: int
    newest: Sequence[Mention]


def around(db: Session, gap: Gap, rights: Rights) -> Around:
    """What there is of the time of a gap, although something may be missing; the mentions are those one may see."""
    hour, mention = SourceHour, Mention
    during = select(hour).where(
        hour.source_id == gap.source_id, hour.hour >= rates.hour_of(gap.start), hour.hour <= gap.end
    )
    during_it = mention.created_at.between(gap.start, gap.end)
    mine = (mention.source_id == gap.source_id, during_it, seen(rights, mention.id))
    newest = select(mention).where(*mine, mention.deleted_at.is_(None)).options(joinedload(mention.author))
    return Around(
        db.scalars(during.order_by(hour.hour.desc(), hour.collection).limit(_MOST_ROWS)).all(),
        db.scalar(select(func.count()).select_from(mention).where(*mine)) or 0,
        db.scalars(newest.order_by(mention.created_at.desc()).limit(_MOST_ROWS)).all(),
    )
