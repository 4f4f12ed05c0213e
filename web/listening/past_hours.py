"""The hours that have gone by, by source, kept in memory: they change no more, so each is read once per process."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import extract, select
from sqlalchemy.orm import Session

from core.tables import Source, SourceHour
from listener import rates

DRAWN = 48
"""Hours that a curve shows."""
SETTLED = timedelta(minutes=2)
"""An hour is read so long after its end: by then what was heard in it is committed."""
_KEPT = DRAWN + 24 * rates.DAYS
_FEW = 10
"""Where fewer events an hour are usual, whole days are compared."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What came in a span that has just ended, and what is usual in one like it (None: too few are known)."""

    span: str
    came: int
    usual: float | None
    collection: str = "posts"

    @property
    def far_below(self) -> bool:
        """Whether the listener takes this for a loss too (listener/rates.py)."""
        return self.usual is not None and self.usual >= rates.ENOUGH and self.came < rates.FAR_BELOW * self.usual

    def __str__(self) -> str:
        """The numbers in words."""
        usual = f", usual {self.usual:,.0f}" if self.usual is not None else ""
        return f"{self.came:,} {self.collection} in the last {self.span}{usual}"


@dataclass(frozen=True, slots=True)
class Hours:
    """What came of one source in each full hour up to `end`, oldest first, from the first hour that is known."""

    end: datetime
    counts: tuple[int, ...] = ()

    def by_hour(self, start: datetime) -> dict[int, int]:
        """From `start` on, by the number of the hour since 1970."""
        first, after = _number(self.end) - len(self.counts), _number(start)
        return {hour: count for hour, count in enumerate(self.counts, first) if hour >= after}

    @property
    def drawn(self) -> tuple[int, ...]:
        """The last hours, for a curve."""
        return self.counts[-DRAWN:]

    @property
    def usual(self) -> list[tuple[int, int] | None]:
        """For each hour that is drawn, from how many to how many events are usual; None where too few are known.

        An eighth of the days before is left out on either side: one odd day makes nothing usual.
        """
        bands: list[tuple[int, int] | None] = []
        for place in range(len(self.counts) - len(self.drawn), len(self.counts)):
            like = sorted(self._like(place))
            cut = len(like) // 8
            bands.append((like[cut], like[-1 - cut]) if len(like) >= rates.KNOWN else None)
        return bands

    def rate(self, collection: str) -> Rate | None:
        """How the last hour, or where little comes the last day, compares with those before; None if none is known."""
        if not self.counts:
            return None
        like = self._like(len(self.counts) - 1)
        usual = statistics.median(like) if len(like) >= rates.KNOWN else None
        if usual is not None and usual < _FEW and len(self.counts) >= 24:
            days = [sum(self.counts[at - 24 : at]) for at in range(len(self.counts) - 24, 23, -24)]
            usual_day = statistics.median(days) if len(days) >= rates.KNOWN else None
            return Rate("24 hours", sum(self.counts[-24:]), usual_day, collection)
        return Rate("full hour", self.counts[-1], usual, collection)

    def _like(self, place: int) -> list[int]:
        """What came in the same hour of the days before."""
        return [self.counts[at] for at in range(place - 24, max(-1, place - 24 * rates.DAYS - 1), -24)]


@dataclass(slots=True)
class PastHours:
    """See the module. One for all threads of a process."""

    _end: datetime | None = None
    _hours: Mapping[int, Hours] = field(default_factory=dict)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def of(self, db: Session, now: datetime, sources: Iterable[Source]) -> dict[int, Hours]:
        """The hours of each source, by its id. Reads only those that have ended since it was last asked."""
        end = rates.hour_of(now - SETTLED)
        with self._reading:
            if self._end != end:
                self._hours, self._end = self._read(db, end), end
            hours = self._hours
        return {source.id: _since(source.created_at, hours.get(source.id, Hours(end))) for source in sources}

    def _read(self, db: Session, end: datetime) -> dict[int, Hours]:
        start = end - timedelta(hours=_KEPT)
        going_on = self._end is not None and start <= self._end <= end
        since = self._end if going_on and self._end else start
        counts = {number: known.by_hour(start) for number, known in self._hours.items()} if going_on else {}
        hour = extract("epoch", SourceHour.hour)
        wanted = select(SourceHour.source_id, hour, SourceHour.events)
        for source_id, at, events in db.execute(wanted.where(SourceHour.hour >= since, SourceHour.hour < end)):
            mine, place = counts.setdefault(source_id, {}), int(at) // 3600
            mine[place] = mine.get(place, 0) + events
        last = _number(end)
        return {
            number: Hours(end, tuple(mine.get(hour, 0) for hour in range(min(mine), last)))
            for number, mine in counts.items()
            if mine
        }


def _since(made: datetime, hours: Hours) -> Hours:
    """Without the hours before a source was made: its id may have been another's."""
    too_many = len(hours.counts) - (_number(hours.end) - _number(made))
    return Hours(hours.end, hours.counts[too_many:]) if too_many > 0 else hours


def _number(moment: datetime) -> int:
    """Hours since 1970."""
    return int(moment.timestamp()) // 3600
