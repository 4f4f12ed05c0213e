"""A span of days as a brand's own clock counts them, cut into days or hours, and the span it is held against.

Counts are kept by UTC hour. An hour belongs to the local day in which it begins: where a time zone is not a whole
number of hours from UTC, a day runs from half past to half past. A day in which the clocks change has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from core.errors import BadInput

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LENGTHS = {"today": 1, "7": 7, "28": 28, "90": 90}
"""Days of the periods that one may choose by name; each ends now."""
LONGEST = 731
YEAR = 364
"""Days to the same period of last year: whole weeks, so that weekends meet weekends."""
_MOST_HOURLY = 14
"""Days up to which hours can be shown."""
_FIRST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One day or hour: from `start` to `end` (UTC, whole hours)."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Period:
    """`days` local days from `first`, or as much of them as has gone by at `ends` (a whole hour, UTC)."""

    first: date
    days: int
    ends: datetime
    zone: ZoneInfo
    hourly: bool = False

    @property
    def start(self) -> datetime:
        """The first hour (UTC)."""
        return self._midnight(0)

    @property
    def end(self) -> datetime:
        """The hour (UTC) after the last."""
        return min(self._midnight(self.days), self.ends)

    @property
    def last(self) -> date:
        """The last day of it."""
        return self.first + timedelta(days=self.days - 1)

    @property
    def unfinished(self) -> bool:
        """Whether its last day or hour still goes on."""
        return self.ends < self._midnight(self.days)

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """Its days, or its hours, in order."""
        if self.hourly:
            return tuple(Bucket(start, start + HOUR) for start in _hours(self.start, self.end))
        edges = [edge for day in range(self.days + 1) if (edge := self._midnight(day)) < self.end]
        return tuple(Bucket(start, end) for start, end in zip(edges, [*edges[1:], self.end], strict=True))

    def earlier(self, days: int) -> Period:
        """As long a period so many days before: it ends at the same time of the local day."""
        wall = self.end.astimezone(self.zone).replace(tzinfo=None) - timedelta(days=days)
        ends = _up(wall.replace(tzinfo=self.zone))
        return Period(self.first - timedelta(days=days), self.days, ends, self.zone, self.hourly)

    def tail(self, days: int) -> Period:
        """Its last days."""
        most = min(days, self.days)
        return Period(self.last - timedelta(days=most - 1), most, self.ends, self.zone, self.hourly)

    def _midnight(self, day: int) -> datetime:
        return _midnight(self.first + timedelta(days=day), self.zone)


@lru_cache(maxsize=8192)  # a page asks for the same days many times
def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The hour (UTC) with which a local day begins."""
    return _up(datetime.combine(day, time(), zone))


def chosen(args: Mapping[str, str], zone: str, now: datetime) -> Period:
    """The period that an address asks for: `period` by name, or `from` and `to` as days. Raises BadInput."""
    local = ZoneInfo(zone)
    today, ends = now.astimezone(local).date(), _up(now + timedelta(microseconds=1))  # the hour that goes on
    name = args.get("period", "28")
    if name != "custom":
        days = LENGTHS.get(name, 28)
        first = today - timedelta(days=days - 1)
    else:
        first, last = _day(args, "from"), min(_day(args, "to"), today)
        days = (last - first).days + 1
        if first > today:
            raise BadInput("from: this day is still to come")
        if days < 1:
            raise BadInput("to: the last day is before the first")
        if days > LONGEST:
            raise BadInput(f"from: at most {LONGEST} days can be looked at together")
    by = args.get("by", "")
    hourly = days <= 2 if by not in {"hour", "day"} else by == "hour" and days <= _MOST_HOURLY
    return Period(first, days, ends, local, hourly)


def may_be_hourly(period: Period) -> bool:
    """Whether it is short enough to be shown by hours."""
    return period.days <= _MOST_HOURLY


def _day(args: Mapping[str, str], name: str) -> date:
    try:
        day = date.fromisoformat(args.get(name, ""))
    except ValueError as error:
        raise BadInput(f"{name}: say a day as in 2026-11-22") from error
    if day < _FIRST:
        raise BadInput(f"{name}: nothing is known of a time so long ago")
    return day


def _up(moment: datetime) -> datetime:
    """The next whole hour (UTC), if it is none."""
    utc = moment.astimezone(UTC)
    whole = utc.replace(minute=0, second=0, microsecond=0)
    return whole if whole == utc else whole + HOUR


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR
