"""What paid sources cost, and what is left out first when the month's money runs short.

    below 70% of the month's budget    everything is heard
    from 70%                           competitors are left out, and what spreads is not read again
    from 90%                           only what is put to our own accounts is heard
    from 100%                          the source waits for the next month, with an open gap and a reason to read

Nothing is ever left out in silence: every level is named on the source's page, and what is not heard is a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import tables
from core.db import insert
from listener.prices import price

DOLLAR = 1_000_000
"""Costs are stored in millionths of a US dollar."""


class Level(IntEnum):
    """How much of a source the budget still allows."""

    ALL = 0
    NO_COMPETITORS = 1
    MENTIONS_ONLY = 2
    NOTHING = 3


_FROM = {Level.NOTHING: 1.0, Level.MENTIONS_ONLY: 0.9, Level.NO_COMPETITORS: 0.7}


def spend(db: Session, source: tables.Source, spent: Mapping[str, int], now: datetime) -> None:
    """Note what was used today of paid items."""
    row, day = tables.Spending, now.astimezone(UTC).date()
    for item, units in sorted(spent.items()):
        cost = units * price(source.kind, item)
        added = insert(db, row).values(source_id=source.id, day=day, item=item, units=units, cost=cost)
        sums = {"units": row.units + units, "cost": row.cost + cost}
        db.execute(added.on_conflict_do_update(index_elements=["source_id", "day", "item"], set_=sums))


def spent_this_month(db: Session, source_id: int, now: datetime) -> int:
    """Millionths of a dollar since the month began (UTC)."""
    row = tables.Spending
    sums = select(func.sum(row.cost)).where(row.source_id == source_id, row.day >= _first(now))
    return int(db.scalar(sums) or 0)


def forecast(spent: int, now: datetime) -> int:
    """Where the month's costs end if they go on as they began: what was spent, over the share of the month gone by."""
    start = datetime.combine(_first(now), datetime.min.time(), UTC)
    gone = max((now - start) / (next_month(now) - start), 1 / 1000)
    return round(spent / gone)


def level(db: Session, source: tables.Source, now: datetime) -> Level:
    """How much the budget still allows; everything where there is none."""
    if not source.budget:
        return Level.ALL
    share = spent_this_month(db, source.id, now) / (source.budget * DOLLAR)
    return next((level for level, start in _FROM.items() if share >= start), Level.ALL)


def next_month(now: datetime) -> datetime:
    """When the next month begins (UTC)."""
    later = (_first(now) + timedelta(days=32)).replace(day=1)
    return datetime.combine(later, datetime.min.time(), UTC)


def _first(now: datetime) -> date:
    return now.astimezone(UTC).date().replace(day=1)
