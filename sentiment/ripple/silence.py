"""Slots in which nobody listened: of those nothing is said to a detector, while of a slot in which nothing came it is
told zero.

A gap counts while it is open, and for good where a person accepted it: what closed otherwise was heard after all. Of a
brand as a whole (and of its topics) a slot was heard unless the sources in a gap usually bring half of its mentions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.tables import Gap, HourCount, Source
from sentiment.ripple.watch import Place, Unheard, slot_of

LOOK_BACK = timedelta(days=60)
"""No detector has to be told of what did not come any longer ago."""
_USUAL = timedelta(days=7)
_HALF = 0.5

_Spans = Sequence[tuple[int, int]]


class Silences:
    """The gaps of the sources of some brands, as they are now."""

    def __init__(self, db: Session, brand_ids: Collection[int], now: datetime) -> None:
        self._spans: dict[int, list[tuple[int, int]]] = {}
        wanted = select(Gap.source_id, Gap.start, Gap.end).join(Source, Source.id == Gap.source_id)
        wanted = wanted.where(or_(Source.brand_id.is_(None), Source.brand_id.in_(brand_ids)))
        missing = or_(Gap.closed_at.is_(None), Gap.accepted_by.is_not(None))
        for row in db.execute(wanted.where(Gap.end > now - LOOK_BACK, missing)):
            self._spans.setdefault(row.source_id, []).append((slot_of(row.start), slot_of(row.end)))
        self._shares = _shares(db, brand_ids, now) if self._spans else {}

    def of(self, brand_id: int, place: Place) -> Unheard:
        """Whether nobody listened in a slot, for a place of a brand."""
        if place[0] == "source":
            spans: _Spans = self._spans.get(int(place[1]), ())
            return lambda slot: _covered(spans, slot)
        shares = self._shares.get(brand_id, {})
        theirs = [(spans, shares.get(one, 0.0)) for one, spans in self._spans.items() if shares.get(one)]
        return lambda slot: sum(share for spans, share in theirs if _covered(spans, slot)) >= _HALF


def _covered(spans: _Spans, slot: int) -> bool:
    return any(first <= slot < last for first, last in spans)


def _shares(db: Session, brand_ids: Collection[int], now: datetime) -> dict[int, dict[int, float]]:
    """The share of each source in what is heard of a brand."""
    sums = select(HourCount.brand_id, HourCount.value, func.sum(HourCount.mentions).label("mentions"))
    sums = sums.where(HourCount.brand_id.in_(brand_ids), HourCount.dimension == "source", HourCount.hour > now - _USUAL)
    counts: dict[int, dict[int, int]] = {}
    for row in db.execute(sums.group_by(HourCount.brand_id, HourCount.value)):
        counts.setdefault(row.brand_id, {})[int(row.value)] = int(row.mentions)
    return {
        brand_id: {source_id: count / max(1, sum(of.values())) for source_id, count in of.items()}
        for brand_id, of in counts.items()
    }
